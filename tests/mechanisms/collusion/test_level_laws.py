"""Constants, owned money, units, bystanders and useless goods change no gain and no verdict, in any economy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import override

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.contract import check_contract, device_of
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.contracts.incentives import IncentiveCheck, check_incentives
from marketgame.mechanisms.contracts.transfers import IncentiveTransfers, incentive_compatible_transfers
from marketgame.mechanisms.deviations.bounds import least_bound
from marketgame.mechanisms.deviations.effort import Effort
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation, profit_tolerance
from marketgame.mechanisms.deviations.situation import situation_of
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.economies.valuation import Valuation, coefficient
from marketgame.mechanisms.economies.valuations import Exponential, Linear, Quadratic
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency
from tests.examples import drawn
from tests.mechanisms.private_value_economies import (
    random_correlated_prior,
    random_economy,
    random_independent_prior,
    three_traders,
)
from tests.mechanisms.strategies import economies

REPAIRED = MarketRules(
    pricing=Pricing.SPREAD,
    solvency=Solvency.NO_SHORT_SALES,
    bankruptcy=Bankruptcy.UNWIND,
    coverage=Coverage.ANNOUNCED_NUMERAIRE,
)
FEW = settings(max_examples=drawn(12), deadline=None)
SEEDS = st.integers(0, 10_000)
SIZES = st.sampled_from([1.0, 1e3, 1e6, 1e9, 1e12])
UNITS = st.sampled_from([1e-9, 1e-6, 1e-3, 1e3, 1e6, 1e9])
CONCAVE = {
    "exponential": lambda goods: st.builds(
        lambda w, r: Exponential(np.full(goods, w), np.full(goods, r)), st.floats(1, 6), st.floats(0.2, 1)
    )
}


@dataclass(frozen=True, eq=False)
class Raised(Exponential):
    """An exponential valuation and a constant, which means nothing."""

    constant: FloatArray = coefficient("means nothing")

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        return super().value(bundles) + self.constant[..., 0]


def with_types(economy: Economy, changed: dict[tuple[int, int], PlayerType]) -> Economy:
    players = tuple(
        replace(player, types=tuple(changed.get((i, k), kind) for k, kind in enumerate(player.types)))
        for i, player in enumerate(economy.players)
    )
    return replace(economy, players=players)


def every_type(economy: Economy) -> dict[tuple[int, int], PlayerType]:
    return {(i, k): kind for i, player in enumerate(economy.players) for k, kind in enumerate(player.types)}


def richer(economy: Economy, money: float) -> Economy:
    added = {
        place: replace(kind, endowment=kind.endowment + np.append(np.zeros(len(kind.endowment) - 1), money))
        for place, kind in every_type(economy).items()
    }
    return with_types(economy, added)


def rescaled(economy: Economy, money: float, goods: float) -> Economy:
    """Money is counted in units ``1 / money`` as large, goods in units ``goods`` as large."""
    changed = {}
    for place, kind in every_type(economy).items():
        valuation = kind.valuation
        assert isinstance(valuation, Quadratic)
        endowment = np.append(kind.endowment[:-1] / goods, kind.endowment[-1] * money)
        other = Quadratic(valuation.intercept * money * goods, valuation.slope * money * goods**2)
        changed[place] = replace(kind, endowment=endowment, valuation=other)
    return with_types(economy, changed)


def assert_same(one: IncentiveCheck, other: IncentiveCheck, unit: float = 1.0) -> None:
    assert one.incentive_compatible == other.incentive_compatible
    for first, second, stakes in zip(one.gains, other.gains, one.stakes, strict=True):
        possible = np.isfinite(first)
        np.testing.assert_array_equal(possible, np.isfinite(second))
        largest = float(stakes.max())
        np.testing.assert_allclose(second[possible], unit * first[possible], rtol=1e-8, atol=1e-9 * unit * largest)
    for first, second in zip(one.stakes, other.stakes, strict=True):
        np.testing.assert_allclose(second, unit * first, rtol=1e-8)


def both_checks(economy: Economy) -> tuple[IncentiveCheck, IncentiveCheck]:
    contract = grand_contract(economy)
    return check_incentives(contract), check_contract(device_of(contract, REPAIRED))


@given(seed=SEEDS, money=SIZES)
@FEW
def test_money_beyond_what_is_needed_changes_no_gain_of_a_lie(seed: int, money: float) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (2, 1, 2)))
    for before, after in zip(both_checks(economy), both_checks(richer(economy, money)), strict=True):
        assert_same(before, after)


@given(data=st.data(), constant=SIZES, sign=st.sampled_from([-1.0, 1.0]))
@FEW
def test_a_constant_in_a_valuation_changes_no_gain_of_a_lie(data: st.DataObject, constant: float, sign: float) -> None:
    economy = data.draw(economies(families=CONCAVE, goods=st.just(1), counts=st.just((2, 2)), numeraire=500.0))
    raised = {}
    for place, kind in every_type(economy).items():
        valuation = kind.valuation
        assert isinstance(valuation, Exponential)
        size = sign * constant if place[1] else 0.0
        raised[place] = replace(kind, valuation=Raised(valuation.weight, valuation.rate, np.full(1, size)))
    for before, after in zip(both_checks(economy), both_checks(with_types(economy, raised)), strict=True):
        assert_same(before, after)


@given(seed=SEEDS, money=UNITS, goods=UNITS)
@FEW
def test_units_of_money_and_goods_rescale_gains_and_nothing_else(seed: int, money: float, goods: float) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (2, 2)), goods=2)
    other = rescaled(economy, money, goods)
    for before, after in zip(both_checks(economy), both_checks(other), strict=True):
        assert_same(before, after, money)


@given(seed=SEEDS)
@FEW
def test_a_useless_good_and_a_player_who_owns_and_wants_nothing_change_no_gain(seed: int) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (2, 2)))
    changed = {}
    for place, kind in every_type(economy).items():
        valuation = kind.valuation
        assert isinstance(valuation, Quadratic)
        own = float(valuation.slope[0, 0])
        # The useless good is worth nothing at its first unit and does harm beyond; nobody owns any.
        wider = Quadratic(np.append(valuation.intercept, 0.0), np.diag([own, 1.0]))
        changed[place] = replace(kind, endowment=np.insert(kind.endowment, 1, 0.0), valuation=wider)
    widened = replace(
        with_types_of(economy, changed), goods=("good 0", "useless", "money"), units=("unit", "unit", "unit")
    )
    nobody = Player("bystander", (PlayerType("only", np.array([0.0, 0.0, 7.0]), Linear(np.zeros(2))),))
    marginals = [economy.prior.marginal(player) for player in range(2)]
    other = replace(widened, players=(*widened.players, nobody), prior=IndependentPrior([*marginals, np.ones(1)]))
    before, after = check_incentives(grand_contract(economy)), check_incentives(grand_contract(other))
    assert after.incentive_compatible == before.incentive_compatible
    for first, second in zip(before.gains, after.gains[:2], strict=True):
        np.testing.assert_allclose(second, first, atol=1e-9)
    assert not after.gains[2].any()
    # No more than roundings of what the others have at stake counts for it.
    everybody = sum(float(stakes.max()) for stakes in after.stakes[:2])
    assert (GAIN_TOLERANCE * after.stakes[2] <= 100 * np.finfo(np.float64).eps * everybody).all()


def with_types_of(economy: Economy, changed: dict[tuple[int, int], PlayerType]) -> Economy:
    """As `with_types`, for types over another number of goods."""
    players = tuple(
        replace(player, types=tuple(changed[i, k] for k in range(len(player.types))))
        for i, player in enumerate(economy.players)
    )
    goods = len(changed[0, 0].endowment)
    return replace(economy, players=players, goods=tuple(map(str, range(goods))), units=("",) * goods)


@given(seed=SEEDS)
@FEW
def test_whoever_comes_first_gains_the_same(seed: int) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (2, 1, 2)))
    order = [2, 0, 1]
    other = replace(
        economy,
        players=tuple(economy.players[i] for i in order),
        prior=IndependentPrior([economy.prior.marginal(i) for i in order]),
    )
    before, after = check_incentives(grand_contract(economy)), check_incentives(grand_contract(other))
    for place, player in enumerate(order):
        np.testing.assert_allclose(after.gains[place], before.gains[player], atol=1e-9)


@given(seed=SEEDS, money=SIZES, unit=UNITS)
@FEW
def test_transfers_that_make_truth_pay_are_rescaled_and_do_not_feel_owned_money(
    seed: int, money: float, unit: float
) -> None:
    economy = random_economy(seed, random_correlated_prior(seed, (2, 2)))
    found = [
        incentive_compatible_transfers(one, efficient_allocation(one))
        for one in (economy, richer(economy, money), rescaled(economy, unit, 1.0))
    ]
    assert all(isinstance(one, IncentiveTransfers) for one in found)
    largest = [one.largest for one in found if isinstance(one, IncentiveTransfers)]
    assert largest[1] == pytest.approx(largest[0], rel=1e-6, abs=1e-7)
    assert largest[2] == pytest.approx(unit * largest[0], rel=1e-6, abs=1e-7 * unit)


@given(seed=SEEDS, money=SIZES, unit=UNITS)
@FEW
def test_bounds_that_exclude_a_gain_do_so_whatever_is_owned_and_in_any_unit(
    seed: int, money: float, unit: float
) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (2, 1, 2)))
    for one in (economy, richer(economy, money), rescaled(economy, unit, 1.0)):
        contract = grand_contract(one)
        for coalition in ((0,), (1, 2), (0, 1, 2)):
            situation = situation_of(contract, 1, coalition, REPAIRED)
            assert least_bound(situation).total_gain <= profit_tolerance(situation)


@pytest.mark.parametrize("money", [1e3, 1e6, 1e9])
def test_what_misquoting_at_the_midpoint_brings_is_found_however_much_is_owned(money: float) -> None:
    """At the midpoint a lone player's own quote moves its own price; that is worth something among the rich, too."""
    rules = replace(REPAIRED, pricing=Pricing.MIDPOINT)
    effort = Effort(quote_vectors=8, local_rounds=0, seconds_per_program=5.0)
    poor = situation_of(grand_contract(three_traders()), 0, (0,), rules)
    rich = situation_of(grand_contract(richer(three_traders(), money)), 0, (0,), rules)
    found = [most_profitable_deviation(situation, effort=effort).value for situation in (poor, rich)]
    assert found[0] > 0.1
    assert found[1] >= 0.9 * found[0]


def test_a_constant_is_not_worth_anything() -> None:
    plain: Valuation = Exponential(np.ones(1), np.ones(1))
    raised = Raised(np.ones(1), np.ones(1), np.full(1, 1e12))
    start, end = np.array([0.5]), np.array([0.7])
    assert raised.gain(start, end) == plain.gain(start, end)
