"""Expected-externality transfers: the theorem that truth is an equilibrium, the formula by loops, refusals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.contracts.incentives import check_incentives
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuations import Power
from tests.examples import drawn
from tests.mechanisms.strategies import economies, economy_of, line, one_type

SEVERAL_TYPES = st.sampled_from([(2, 2), (3, 2), (1, 2, 2), (2, 2, 2)])


@given(economy=economies(counts=SEVERAL_TYPES, numeraire=5000.0))
@settings(max_examples=drawn(40), deadline=None)
def test_truth_is_an_equilibrium_under_independent_types(economy: Economy) -> None:
    transfers = expected_externality_transfers(economy, efficient_allocation(economy))
    check = check_incentives(grand_contract(economy, transfers))
    assert check.incentive_compatible
    assert check.worst is not None
    assert check.worst.gain <= 1e-6


@given(economy=economies(counts=SEVERAL_TYPES))
@settings(max_examples=drawn(30), deadline=None)
def test_transfers_balance_in_every_profile(economy: Economy) -> None:
    transfers = expected_externality_transfers(economy, efficient_allocation(economy))
    size = np.abs(transfers).max(axis=1)
    assert (np.abs(transfers.sum(axis=1)) <= 1e-14 * len(economy.players) * (1 + size)).all()


@given(economy=economies(counts=SEVERAL_TYPES))
@settings(max_examples=15, deadline=None)
def test_everybody_is_paid_what_others_expect_from_its_report_less_the_mean_of_what_they_are_paid(
    economy: Economy,
) -> None:
    efficient = efficient_allocation(economy)
    transfers = expected_externality_transfers(economy, efficient)
    players = len(economy.players)

    def expected(i: int, kind: int) -> float:
        total = weight = 0.0
        for number, profile in enumerate(economy.profiles):
            if profile[i] == kind:
                chance = economy.prior.probability[number]
                weight += chance
                for j in range(players):
                    if j != i:
                        valuation = economy.players[j].types[profile[j]].valuation
                        total += chance * float(valuation.value(efficient.bundles[number, j]))
        return total / weight

    for number, profile in enumerate(economy.profiles):
        paid = [expected(i, profile[i]) for i in range(players)]
        for i in range(players):
            others = sum(paid[j] for j in range(players) if j != i) / (players - 1)
            assert transfers[number, i] == pytest.approx(paid[i] - others, abs=1e-9 * (1 + abs(paid[i])))


def buyer(name: str) -> Player:
    kinds = (("cool", 6.0), ("eager", 8.0))
    return Player(name, tuple(PlayerType(kind, np.array([0.0, 100.0]), line(value)) for kind, value in kinds))


def test_transfers_mend_what_the_walrasian_contract_leaves_broken() -> None:
    economy = economy_of([buyer("a"), one_type("seller", [4.0, 100.0], line(6.0))])
    assert not check_incentives(grand_contract(economy)).incentive_compatible
    transfers = expected_externality_transfers(economy, efficient_allocation(economy))
    assert check_incentives(grand_contract(economy, transfers)).incentive_compatible


def test_correlated_types_are_refused() -> None:
    prior = CorrelatedPrior(np.array([[0.4, 0.1], [0.1, 0.4]]))
    economy = economy_of([buyer("a"), buyer("b")], prior)
    with pytest.raises(ValueError, match="types are correlated; expected-externality transfers need independent"):
        expected_externality_transfers(economy, efficient_allocation(economy))


def test_a_single_player_has_nobody_to_pay() -> None:
    economy = economy_of([one_type("a", [1.0, 1.0], line(2.0))])
    with pytest.raises(ValueError, match="there is one player; transfers need somebody to pay them"):
        expected_externality_transfers(economy, efficient_allocation(economy))


def test_levels_of_value_take_nothing_from_what_transfers_pay() -> None:
    # With next to no shift, anything at all is worth 5e17: the formula's lump sums differ by less than those numbers
    # can hold, while its incentives are of the order of one.
    def nearly_all_or_nothing(weight: float) -> Power:
        return Power(weight=np.array([weight]), shift=np.array([1e-9]), gamma=np.array([3.0]))

    kinds = tuple(
        PlayerType(name, np.array([0.8, 1e3]), nearly_all_or_nothing(weight))
        for name, weight in (("cool", 1.0), ("eager", 1.5))
    )
    economy = economy_of([Player("a", kinds), Player("b", kinds), Player("c", kinds)])
    efficient = efficient_allocation(economy)
    transfers = expected_externality_transfers(economy, efficient)
    assert np.abs(transfers.sum(axis=-1)).max() <= 1e-12 * np.abs(transfers).max()
    assert check_incentives(grand_contract(economy, transfers)).incentive_compatible
    # What a report changes is the expected externality, here in rational numbers.
    bundles = [[Fraction(float(amount)) for amount in profile[:, 0]] for profile in efficient.bundles]
    shift, weights = Fraction(1e-9), (Fraction(1), Fraction(3, 2))

    def value(kind: int, amount: Fraction) -> Fraction:
        return -weights[kind] / (2 * (shift + amount) ** 2)

    paid = []
    for report in (0, 1):
        rows = [number for number, profile in enumerate(economy.profiles) if profile[0] == report]
        others = [sum(value(economy.profiles[n, j], bundles[n][j]) for j in (1, 2)) / 4 for n in rows]
        paid.append(sum(others, Fraction(0)))
    first, second = (int(economy.prior.profile_numbers(np.array(profile))) for profile in ([0, 0, 0], [1, 0, 0]))
    assert transfers[second, 0] - transfers[first, 0] == pytest.approx(float(paid[1] - paid[0]), rel=1e-9)
