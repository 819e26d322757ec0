"""The proof that comes with an efficient allocation rejects everything else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.economies import efficiency, interior_allocation
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import (
    OPTIMALITY_TOLERANCE,
    UnprovenOptimumError,
    efficient_allocation,
    optimality_gap,
    value_of_goods,
)
from marketgame.mechanisms.economies.valuations import Linear, Quadratic
from tests.examples import drawn
from tests.mechanisms.strategies import economies, economy_of, one_type, supplies

FEW = settings(max_examples=drawn(40), deadline=None)
FEWER = settings(max_examples=drawn(12), deadline=None)


@given(economy=economies(type_dependent=True), data=st.data())
@FEW
def test_the_proof_rejects_what_is_not_efficient(economy: Economy, data: st.DataObject) -> None:
    """Moving goods between two players lowers the value; the gap is at least that loss relative to what is at stake.

    Weak duality: the bound is at least what is efficient, so its distance from a worse allocation is at least the loss.
    At stake is what the supply is worth at the price and what every player gains or loses against its endowment (one
    may gain what another loses, so this is not the sum of their values), or what halves of bundles are worth if nothing
    else is at stake.
    """
    efficient = efficient_allocation(economy)
    giver, taker = data.draw(st.permutations(range(len(economy.players))))[:2]
    moved = 0.3 * efficient.bundles[:, giver]
    bundles = efficient.bundles.copy()
    bundles[:, giver] -= moved
    bundles[:, taker] += moved
    gap = optimality_gap(economy, economy.profiles, bundles, efficient.price)
    lost = efficient.value_of_goods - value_of_goods(economy, economy.profiles, bundles)
    rows = economy.rows(economy.profiles)
    owned = economy.endowments(economy.profiles)[..., :-1]
    values, alone, half = (economy.valuations.value(rows, held) for held in (bundles, owned, bundles / 2))
    stakes = (efficient.price[:, :-1] * supplies(economy)).sum(-1)
    stakes = stakes + np.where(np.isfinite(alone), np.abs(values - alone), 0).sum(-1) + np.abs(values - half).sum(-1)
    rounding = 1e-13 * (np.abs(efficient.value_of_goods) + np.abs(values).sum(-1))
    assert (gap * stakes >= lost - rounding).all()


@given(economy=economies())
@FEWER
def test_the_proof_rejects_wrong_prices(economy: Economy) -> None:
    efficient = efficient_allocation(economy)
    for factor in (0.5, 2.0):
        wrong = efficient.price.copy()
        wrong[:, :-1] = wrong[:, :-1] * factor + 0.5
        gap = optimality_gap(economy, economy.profiles, efficient.bundles, wrong)
        assert (gap >= -1e-12).all()  # still a bound
        wasted = efficient.bundles.sum(axis=1) < 0.9 * supplies(economy)
        assert (gap[wasted.any(axis=-1)] > 1e-6).all()


@given(economy=economies())
@FEWER
def test_the_proof_rejects_what_cannot_be_handed_out(economy: Economy) -> None:
    efficient = efficient_allocation(economy)
    too_much = np.broadcast_to(supplies(economy)[:, None, :], efficient.bundles.shape)
    negative = efficient.bundles - supplies(economy)[:, None, :]
    for bundles in (too_much, negative):
        gap = optimality_gap(economy, economy.profiles, bundles, efficient.price)
        assert (gap == np.inf).all()
    below_zero = efficient.price.copy()
    below_zero[:, 0] = -1.0
    assert (optimality_gap(economy, economy.profiles, efficient.bundles, below_zero) == np.inf).all()


@pytest.mark.parametrize("unit", [1.0, 1e-12])
def test_leaving_a_good_with_who_does_not_want_it_is_not_efficient_in_any_unit_of_money(unit: float) -> None:
    """At a price of zero nothing is at stake for the owner; what the other would gain exceeds that, however little."""
    economy = economy_of(
        [one_type("ann", [1.0, 0.0], Linear(np.zeros(1))), one_type("bob", [0.0, 9.0], Linear(np.array([3 * unit])))]
    )
    kept = np.array([[[1.0], [0.0]]])
    assert optimality_gap(economy, economy.profiles, kept, np.array([[0.0, 1.0]])) == np.inf
    handed_over = kept[:, ::-1]
    assert optimality_gap(economy, economy.profiles, handed_over, np.array([[3 * unit, 1.0]])) == 0


def test_an_answer_without_proof_is_never_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    slope = np.array([[1.0, 0.4], [0.4, 1.0]])
    players = [
        one_type(name, [1.0, 1.0, 9.0], Quadratic(np.array([intercept, 4.0]), slope))
        for name, intercept in (("ann", 3.0), ("bob", 6.0))
    ]
    economy = economy_of(players)
    assert efficient_allocation(economy).optimality_gap[0] <= OPTIMALITY_TOLERANCE
    monkeypatch.setattr(interior_allocation, "MOST_STEPS", 1)
    monkeypatch.setattr(interior_allocation, "POLISHING_STEPS", 0)
    # Other ways find it all the same, until they are closed, too.
    assert efficient_allocation(economy).optimality_gap[0] <= OPTIMALITY_TOLERANCE
    monkeypatch.setattr(efficiency, "OTHER_WAYS", ())
    with pytest.raises(UnprovenOptimumError, match=r"types \{'ann': 'only', 'bob': 'only'\} is only proven"):
        efficient_allocation(economy)
