"""Incentives to report, against plain loops over profiles and the textbook reasons to lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.incentives import check_incentives, reported_gains
from marketgame.mechanisms.economies.beliefs import Prior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from tests.examples import drawn
from tests.mechanisms.strategies import correlated_priors, economies, economy_of, independent_priors, line, one_type

FEW = settings(max_examples=drawn(15), deadline=None)
COUNTS = st.sampled_from([(2, 2), (3, 2), (1, 2, 2)])
PRIORS: list[Callable[[tuple[int, ...]], st.SearchStrategy[Prior]]] = [correlated_priors, independent_priors]


def looped_utility(contract: GrandContract, player: int, true_type: int, report: int) -> float:
    """Definition 4 spelled out: the true valuation and beliefs, everything else as announced."""
    economy = contract.economy
    kinds = economy.players[player].types
    if (kinds[report].endowment > kinds[true_type].endowment).any():
        return -np.inf
    total = weight = 0.0
    for profile, chance in zip(economy.profiles, economy.prior.probability, strict=True):
        if profile[player] != true_type:
            continue
        announced = profile.copy()
        announced[player] = report
        number = next(t for t, row in enumerate(economy.profiles) if (row == announced).all())
        bundle = contract.efficient.bundles[number, player]
        money = kinds[report].endowment[-1] + contract.numeraire_transfers[number, player]
        total += chance * (float(kinds[true_type].valuation.value(bundle)) + money)
        weight += chance
    return total / weight


@pytest.mark.parametrize("type_dependent", [False, True])
@given(data=st.data())
@FEW
def test_utilities_of_reports_are_those_of_a_plain_loop(data: st.DataObject, *, type_dependent: bool) -> None:
    priors = data.draw(st.sampled_from(PRIORS))
    economy = data.draw(economies(counts=COUNTS, priors=priors, type_dependent=type_dependent, numeraire=500.0))
    contract = grand_contract(economy)
    check = check_incentives(contract)
    best = -np.inf
    for player, count in enumerate(economy.prior.type_counts):
        table = reported_gains(contract, player)
        for true_type in range(count):
            truth = looped_utility(contract, player, true_type, true_type)
            assert check.interim_utility[player][true_type] == pytest.approx(truth, rel=1e-12)
            for report in range(count):
                expected = looped_utility(contract, player, true_type, report)
                alone = float(economy.reference_utility[economy.first_rows[player] + true_type])
                assert table[true_type, report] == pytest.approx(expected - alone, abs=1e-9)
                assert check.gains[player][true_type, report] == pytest.approx(expected - truth, abs=1e-9)
                if report != true_type:
                    best = max(best, expected - truth)
    if np.isfinite(best):
        assert check.worst is not None
        assert check.worst.gain == pytest.approx(best, abs=1e-9)
        assert check.incentive_compatible == (best <= 1e-7) or abs(best) < 1e-6
    else:
        assert check.worst is None
        assert check.incentive_compatible


def buyer_and_seller(money: float = 100.0) -> Economy:
    """A buyer that is eager or not; the more eager it seems, the higher the price it pays."""
    kinds = tuple(PlayerType(name, np.array([0.0, money]), line(v)) for name, v in (("cool", 6.0), ("eager", 8.0)))
    return economy_of([Player("buyer", kinds), one_type("seller", [4.0, money], line(6.0))])


def test_a_buyer_gains_by_hiding_that_it_is_eager() -> None:
    """By hand: reported eager it gets 3 units at 5, utility 24 - 4.5 - 15; reported cool 2 at 4, 16 - 2 - 8."""
    check = check_incentives(grand_contract(buyer_and_seller()))
    assert not check.incentive_compatible
    assert check.worst is not None
    assert (check.worst.player, check.worst.true_type, check.worst.reported_type) == ("buyer", "eager", "cool")
    assert check.worst.gain == pytest.approx((16 - 2 - 8) - (24 - 4.5 - 15))


@pytest.mark.parametrize("money", [1e2, 1e6, 1e9])
def test_the_verdict_does_not_depend_on_how_much_money_everybody_owns_anyhow(money: float) -> None:
    check = check_incentives(grand_contract(buyer_and_seller(money)))
    assert not check.incentive_compatible
    assert check.worst is not None
    assert check.worst.gain == pytest.approx(1.5, rel=1e-6)


def test_what_cannot_be_shown_cannot_be_reported() -> None:
    """A trader cannot pretend to own what it does not; pretending to own less it can."""
    kinds = (PlayerType("poor", np.array([1.0, 50.0]), line(6.0)), PlayerType("rich", np.array([3.0, 50.0]), line(6.0)))
    economy = economy_of([Player("a", kinds), one_type("b", [1.0, 50.0], line(6.0))])
    gains = check_incentives(grand_contract(economy)).gains[0]
    assert gains[0, 1] == -np.inf
    assert np.isfinite(gains[1, 0])


@given(economy=economies(counts=st.just((1, 1, 1)), numeraire=500.0))
@FEW
def test_without_private_information_there_is_nothing_to_lie_about(economy: Economy) -> None:
    check = check_incentives(grand_contract(economy))
    assert check.worst is None
    assert check.incentive_compatible


@given(economy=economies(counts=st.just((2, 2)), numeraire=500.0))
@FEW
def test_reporting_an_identical_type_gains_nothing(economy: Economy) -> None:
    first = economy.players[0]
    twins = (first.types[0], replace(first.types[0], name="twin"))
    contract = grand_contract(economy_of([replace(first, types=twins), *economy.players[1:]]))
    gains = check_incentives(contract).gains[0]
    np.testing.assert_allclose(gains, 0, atol=1e-6)
