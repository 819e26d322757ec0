"""Laws of exchange: what must happen to efficient allocations when the question changes in a known way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import Abatement, Exponential, Linear, Logarithmic, Power, Quadratic
from tests.mechanisms.strategies import FAMILIES, SMOOTH, economies, economy_of, quadratics

FEWER = settings(max_examples=12, deadline=None)
CONCAVE = {name: family for name, family in FAMILIES.items() if name != "abatement"}
PADDABLE = {name: FAMILIES[name] for name in ("quadratic", "diagonal quadratic", "linear")}


@given(economy=economies(), data=st.data())
@FEWER
def test_the_order_of_the_players_does_not_matter(economy: Economy, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(economy.players))))
    permuted = economy_of([economy.players[i] for i in order])
    before, after = efficient_allocation(economy), efficient_allocation(permuted, economy.profiles[:, order])
    np.testing.assert_allclose(before.value_of_goods, after.value_of_goods, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(before.price, after.price, rtol=1e-6, atol=1e-6)


@given(economy=economies(families=SMOOTH, counts=st.just((1, 1))), joint=economies(counts=st.just((1, 1))))
@FEWER
def test_tastes_that_nobody_has_do_not_matter(economy: Economy, joint: Economy) -> None:
    goods = len(economy.goods)
    if len(joint.goods) != goods:
        joint = economy
    players = [
        replace(
            player, types=(*player.types, replace(player.types[0], name="other", valuation=other.types[0].valuation))
        )
        for player, other in zip(economy.players, joint.players, strict=True)
    ]
    alone = efficient_allocation(economy)
    among = efficient_allocation(economy_of(players), np.zeros((1, 2), dtype=np.int64))
    np.testing.assert_array_equal(among.bundles, alone.bundles)
    np.testing.assert_array_equal(among.price, alone.price)


def test_a_speck_that_is_worth_a_billionth_goes_to_who_wants_it() -> None:
    """Between other types of the same players, one of whom values two goods jointly."""
    small, large = ([0.2, 0.2], [0.0, 0.0], [0.002, 0.0]), ([0.698, 0.2], [-0.601, 0.0], [1.883, 0.0])
    jointly = Quadratic(np.zeros(2), np.array([[0.2, 1e-6], [1e-6, 0.2]]))
    owned = (np.array([0.516, 0.2, 500.0]), np.array([2.546, 0.0, 500.0]))
    players = [
        Player(
            name,
            (
                PlayerType("alone", endowment, Abatement(*map(np.array, terms))),
                PlayerType("jointly", endowment, jointly),
            ),
        )
        for name, endowment, terms in zip(("ann", "bob"), owned, (small, large), strict=True)
    ]
    found = efficient_allocation(economy_of(players))
    np.testing.assert_allclose(found.bundles[0, :, 0], [0.002, 1.883 - 0.601 / 0.698], rtol=1e-4)


def in_other_money(valuation: Valuation, factor: float) -> Valuation:
    match valuation:
        case Quadratic(intercept, slope):
            return Quadratic(factor * intercept, factor * slope)
        case Logarithmic(weight, shift):
            return Logarithmic(factor * weight, shift)
        case Power(weight, shift, gamma):
            return Power(factor * weight, shift, gamma)
        case Exponential(weight, rate):
            return Exponential(factor * weight, rate)
        case Abatement(a, b, reference):
            return Abatement(factor * a, factor * b, reference)
        case Linear(marginal_value):
            return Linear(factor * marginal_value)
        case _:
            raise NotImplementedError(type(valuation).__name__)


def with_each_type(economy: Economy, change: object) -> Economy:
    assert callable(change)
    players = [replace(player, types=tuple(change(kind) for kind in player.types)) for player in economy.players]
    return economy_of(players)


@given(economy=economies(families=CONCAVE), factor=st.sampled_from([0.001, 0.25, 128.0, 1e4]))
@FEWER
def test_counting_money_in_other_units_scales_prices_and_welfare(economy: Economy, factor: float) -> None:
    scaled = with_each_type(economy, lambda kind: replace(kind, valuation=in_other_money(kind.valuation, factor)))
    before, after = efficient_allocation(economy), efficient_allocation(scaled)
    size = 1e-9 * (1 + np.abs(before.value_of_goods))
    np.testing.assert_allclose(after.value_of_goods / factor, before.value_of_goods, rtol=1e-9, atol=size.max())
    np.testing.assert_allclose(after.price[:, :-1] / factor, before.price[:, :-1], rtol=1e-6, atol=1e-6)


@given(economy=economies())
@FEWER
def test_splitting_a_type_in_two_identical_ones_changes_nothing(economy: Economy) -> None:
    first = economy.players[0]
    twin = replace(first.types[-1], name="twin")
    split = economy_of([replace(first, types=(*first.types, twin)), *economy.players[1:]])
    before, after = efficient_allocation(economy), efficient_allocation(split)
    for profile, value in zip(split.profiles, after.value_of_goods, strict=True):
        original = np.concatenate(([min(profile[0], len(first.types) - 1)], profile[1:]))
        expected = before.value_of_goods[economy.prior.profile_numbers(original)]
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(economy=economies(families=PADDABLE))
@FEWER
def test_a_good_that_nobody_wants_is_free_and_changes_nothing(economy: Economy) -> None:
    def padded(valuation: Valuation) -> Valuation:
        match valuation:
            case Quadratic(intercept, slope):
                wider = np.eye(len(slope) + 1)
                wider[:-1, :-1] = slope
                return Quadratic(np.append(intercept, 0.0), wider)
            case Linear(marginal_value):
                return Linear(np.append(marginal_value, 0.0))
            case _:
                raise NotImplementedError(type(valuation).__name__)

    def with_scrap(kind: PlayerType) -> PlayerType:
        endowment = np.insert(kind.endowment, -1, 0.7)
        return PlayerType(kind.name, endowment, padded(kind.valuation))

    before, after = efficient_allocation(economy), efficient_allocation(with_each_type(economy, with_scrap))
    np.testing.assert_allclose(after.value_of_goods, before.value_of_goods, rtol=1e-9, atol=1e-9)
    assert (after.price[:, -2] == 0).all()


@given(economy=economies(families={**SMOOTH, "quadratic": quadratics}))
@FEWER
def test_who_owns_the_goods_does_not_matter_for_who_should_get_them(economy: Economy) -> None:
    total = np.sum([player.types[0].endowment for player in economy.players], axis=0)
    players = [
        replace(
            player,
            types=tuple(replace(kind, endowment=total if number == 0 else 0 * total) for kind in player.types),
        )
        for number, player in enumerate(economy.players)
    ]
    before, after = efficient_allocation(economy), efficient_allocation(economy_of(players))
    np.testing.assert_allclose(after.value_of_goods, before.value_of_goods, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(after.welfare, before.welfare, rtol=1e-9)


@given(economy=economies(counts=st.just((2, 2, 2))))
@FEWER
def test_chosen_profiles_get_the_answers_they_get_among_all(economy: Economy) -> None:
    everything, chosen = efficient_allocation(economy), np.array([[1, 0, 1], [0, 1, 1], [1, 0, 1]])
    some = efficient_allocation(economy, chosen)
    numbers = economy.prior.profile_numbers(chosen)
    np.testing.assert_allclose(some.value_of_goods, everything.value_of_goods[numbers], rtol=1e-12, atol=1e-12)
    assert some.profiles.tolist() == chosen.tolist()
    alone = efficient_allocation(economy, np.array([1, 0, 1]))
    assert alone.bundles.shape == (1, 3, len(economy.goods) - 1)
