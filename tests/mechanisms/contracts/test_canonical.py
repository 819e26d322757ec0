"""Numbers that computation cannot tell apart are one number, and what members know is what numbers say."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.canonical import SAME_NUMBER, one_number
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.knowledge import information
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.deviations.bounds import least_bound
from marketgame.mechanisms.deviations.situation import obedient, situation_among, situation_of
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.symmetry import representatives
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import Abatement, Exponential, Logarithmic, Power, Quadratic
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency
from marketgame.mechanisms.market_game.settle import settle
from tests.examples import drawn
from tests.mechanisms.exact_allocation import exact_information, exact_outcome
from tests.mechanisms.strategies import economy_of, line, one_type

FOUR_RULES = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE)
FEW = settings(max_examples=25, deadline=None)


def partition(numbers: IntegerArray) -> list[list[int]]:
    """Groups of profiles with the same number; those without one are left out."""
    return sorted(np.flatnonzero(numbers == number).tolist() for number in np.unique(numbers[numbers >= 0]))


def trader(name: str, intercepts: list[float], owned: float, slope: float = 1.0) -> Player:
    endowment = np.array([owned, 30.0])
    return Player(name, tuple(PlayerType(f"{a:g}", endowment, line(a, slope)) for a in intercepts))


@st.composite
def coinciding(draw: st.DrawFn) -> Economy:
    """Traders of one good whose intercepts and slopes are tenths, so that many sums coincide without symmetry."""
    tenths = st.integers(52, 64).map(lambda number: number / 10)
    names = "abcd"[: draw(st.integers(2, 4))]
    return economy_of(
        [
            trader(
                name,
                draw(st.lists(tenths, min_size=1, max_size=3, unique=True)),
                draw(st.sampled_from([0.5, 0.7, 1.1])),
                draw(st.sampled_from([0.9, 1.1])),
            )
            for name in names
        ]
    )


@given(economy=coinciding())
@settings(max_examples=drawn(60), deadline=None)
def test_members_know_what_exact_arithmetic_says_they_know(economy: Economy) -> None:
    contract = grand_contract(economy)
    for size in (1, 2):
        for members in combinations(range(len(economy.players)), size):
            assert partition(information(contract, members)) == exact_information(economy, members)


def test_intercepts_that_add_up_alike_tell_an_observer_nothing() -> None:
    """5.1 + 6.9 = 5.7 + 6.3: the price is the same though nobody changed places with anybody."""
    players = [trader("a", [5.1, 5.7], 0.7), trader("b", [6.9, 6.3], 0.9), trader("observer", [6.0], 1.1)]
    economy = economy_of(players)
    raw, contract = efficient_allocation(economy), grand_contract(economy)
    exact = [exact_outcome(economy, number)[0] for number in range(4)]
    assert exact[0] == exact[3]
    assert raw.price[0, 0] == pytest.approx(raw.price[3, 0], rel=1e-15)
    np.testing.assert_array_equal(contract.efficient.price[0], contract.efficient.price[3])
    assert partition(information(contract, (2,))) == [[0, 3], [1], [2]]
    assert len(obedient(situation_among(contract, np.array([0, 3]), (2,))).quotes) == 1


@pytest.mark.parametrize("family", ["log", "power", "exponential", "abatement", "complements"])
def test_exchanging_players_of_the_same_kinds_exchanges_numbers_bit_for_bit(family: str) -> None:
    generator = np.random.default_rng(7)

    def kind(name: str) -> PlayerType:
        taste = generator.uniform(5, 9, 2)
        valuation: Valuation
        match family:
            case "log":
                valuation = Logarithmic(taste, generator.uniform(0.01, 1, 2))
            case "power":
                valuation = Power(taste, generator.uniform(0.01, 1, 2), generator.uniform(0.3, 0.9, 2))
            case "exponential":
                valuation = Exponential(taste, generator.uniform(0.1, 2, 2))
            case "abatement":
                valuation = Abatement(taste, generator.uniform(0, 1, 2), generator.uniform(3, 5, 2))
            case _:
                valuation = Quadratic(taste, np.array([[1.0, -0.4], [-0.4, 0.9]]))
        return PlayerType(name, np.append(generator.uniform(1, 3, 2), 400.0), valuation)

    tastes = (kind("x"), kind("y"), kind("z"))
    economy = economy_of([*(Player(name, tastes) for name in "abcd"), Player("e", (kind("only"),))])
    efficient = efficient_allocation(economy)
    for number in (5, 17, 44, 70):
        profile = economy.profiles[number]
        for order in ([1, 0, 2, 3, 4], [3, 2, 0, 1, 4], [1, 2, 3, 0, 4]):
            other = int(economy.prior.profile_numbers(profile[order]))
            np.testing.assert_array_equal(efficient.price[other], efficient.price[number])
            np.testing.assert_array_equal(efficient.bundles[other], efficient.bundles[number][order])


def test_a_profile_stands_for_all_that_exchange_places_and_for_no_other() -> None:
    economy = economy_of([trader("a", [5.0, 6.0], 1.0), trader("b", [6.0, 5.0], 1.0), trader("c", [5.0, 6.0], 2.0)])
    solved = representatives(economy, economy.profiles)
    assert solved is not None
    # a and b own the same, c does not: (5, 6) and (6, 5) of the first two are one, whatever c is.
    assert len(solved.numbers) == 6
    names = [
        [player.types[kind].name for player, kind in zip(economy.players, p, strict=True)] for p in economy.profiles
    ]
    seen = {(*sorted(row[:2]), row[2]) for row in names}
    assert len(seen) == 6


@given(economy=coinciding(), externality=st.booleans())
@FEW
def test_obedience_settles_to_what_is_promised_and_the_promise_balances(economy: Economy, externality: bool) -> None:
    """Sums err by a few roundings of what is summed, with one number for equal ones as without."""
    efficient = efficient_allocation(economy)
    payments = expected_externality_transfers(economy, efficient) if externality else None
    contract = grand_contract(economy, payments)
    supply = economy.endowments(economy.profiles).sum(axis=1)
    few = 32 * np.finfo(np.float64).eps
    assert (np.abs(contract.efficient.bundles.sum(axis=1) - supply[:, :-1]) <= few * supply[:, :-1]).all()
    moved = np.abs(contract.numeraire_transfers).sum(axis=1)
    assert (np.abs(contract.numeraire_transfers.sum(axis=1)) <= few * moved).all()
    for profile, promised in zip(economy.profiles, contract.allocation, strict=True):
        settled = settle(contract.recommend(profile), FOUR_RULES)
        assert not settled.bankrupt.any()
        np.testing.assert_allclose(settled.allocation, promised, rtol=0, atol=1e-14 * promised.max())


@given(economy=coinciding())
@FEW
def test_a_contract_made_again_from_its_own_numbers_says_the_same(economy: Economy) -> None:
    efficient = efficient_allocation(economy)
    contract = GrandContract(economy, efficient, expected_externality_transfers(economy, efficient))
    for allocation in (efficient, contract.efficient):
        again = GrandContract(economy, allocation, contract.numeraire_transfers)
        np.testing.assert_array_equal(again.numeraire_transfers, contract.numeraire_transfers)
        np.testing.assert_array_equal(again.net_trades, contract.net_trades)
        np.testing.assert_array_equal(again.efficient.price, contract.efficient.price)
        np.testing.assert_array_equal(again.messages, contract.messages)


@pytest.mark.parametrize("nudge", [1e-13, 1e-11, 1e-10])
def test_differences_that_no_proof_shows_are_not_made_to_tell_and_the_contract_still_balances(nudge: float) -> None:
    """b is worth a nudge more in one of two profiles of equal sums: prices are one number, at no loss."""
    players = [trader("a", [5.1, 5.7], 0.7), trader("b", [6.9, 6.3 + nudge], 0.9), trader("c", [6.0], 1.1)]
    contract = grand_contract(economy_of(players))
    np.testing.assert_array_equal(contract.efficient.price[0], contract.efficient.price[3])
    assert contract.messages[0, 2] == contract.messages[3, 2]
    np.testing.assert_allclose(contract.efficient.bundles.sum(axis=1), 2.7, rtol=4e-16 * 3)
    assert (np.abs(contract.numeraire_transfers.sum(axis=1)) <= 1e-14).all()
    assert contract.efficient.optimality_gap.max() < 1e-14


def test_differences_that_show_are_told() -> None:
    players = [trader("a", [5.1, 5.7], 0.7), trader("b", [6.9, 6.3 + 1e-7], 0.9), trader("c", [6.0], 1.1)]
    contract = grand_contract(economy_of(players))
    assert contract.messages[0, 2] != contract.messages[3, 2]


def test_numbers_linked_by_a_chain_become_one_though_its_ends_are_far_apart() -> None:
    step = 0.9 * SAME_NUMBER
    chain = 1 + step * np.arange(5)
    values = np.concatenate((chain, [1 + 6 * step, 0.5]))
    found = one_number(values[[3, 0, 6, 4, 1, 5, 2]], np.full(7, SAME_NUMBER))
    assert len(np.unique(found)) == 3
    np.testing.assert_array_equal(found[[0, 1, 3, 4, 6]], chain[2])
    assert found[2] == 0.5
    assert found[5] == 1 + 6 * step


def test_nothing_is_never_taken_for_something_nor_minus_nothing_for_another_number() -> None:
    found = one_number(np.array([1e-12, -0.0, 2e-12, 1.0]), np.full(4, 1e-9))
    np.testing.assert_array_equal(found, [0.0, 0.0, 0.0, 1.0])
    assert not np.signbit(found).any()


@given(
    values=st.lists(st.integers(0, 40), min_size=1, max_size=30),
    groups=st.lists(st.integers(0, 2), min_size=30, max_size=30),
)
def test_numbers_are_one_exactly_if_a_chain_of_near_neighbours_of_their_group_links_them(
    values: list[int], groups: list[int]
) -> None:
    numbers: FloatArray = np.array(values, dtype=np.float64)
    of = np.array(groups[: len(values)])
    found = one_number(numbers, np.full(len(values), 1.5), of)
    linked = (np.abs(numbers[:, None] - numbers) <= 1.5) & (of[:, None] == of)
    for _ in values:
        linked = (linked.astype(int) @ linked.astype(int)) > 0
    same = (found[:, None] == found) & (of[:, None] == of)
    np.testing.assert_array_equal(same, linked)


def twins() -> Economy:
    """The referee's economy: b and c are the same player twice, and a is told the price."""
    same = [(5.5, "x"), (4.3, "y")]
    types = tuple(PlayerType(name, np.array([1.0, 30.0]), line(a, 1.1)) for a, name in same)
    return economy_of([one_type("a", [2.0, 30.0], line(5.0)), Player("b", types), Player("c", types)])


@pytest.mark.parametrize("pricing", [Pricing.VOID, Pricing.SPREAD])
def test_twins_who_change_places_leave_the_four_rules_proof_against_everybody(pricing: Pricing) -> None:
    """Prices of (x, y) and (y, x) differed by a rounding, which made a's own quote a misquote in one of the two.

    They are one: with s = 1, 1.1, 1.1 the price is (5 + (5.5 + 4.3)/1.1 - 4) / (1 + 2/1.1) in both. Theorem 2 of
    ``docs/collusion.md`` then proves that no coalition gains.
    """
    contract = grand_contract(twins())
    rules = MarketRules(pricing, FOUR_RULES.solvency, FOUR_RULES.bankruptcy, FOUR_RULES.coverage)
    price = (5 + (5.5 + 4.3) / 1.1 - 4) / (1 + 2 / 1.1)
    np.testing.assert_allclose(contract.efficient.price[1:3, 0], price, rtol=1e-15)
    assert partition(information(contract, (0,))) == [[0], [1, 2], [3]]
    for size in (1, 2, 3):
        for members in combinations(range(3), size):
            for known in partition(information(contract, members)):
                situation = situation_among(contract, np.array(known), members, rules)
                assert least_bound(situation).total_gain <= 1e-9


def test_members_who_can_tell_profiles_apart_are_not_made_to_play_one_action_in_them() -> None:
    contract = grand_contract(twins())
    with pytest.raises(ValueError, match="told something else"):
        situation_among(contract, np.array([0, 1]), (0,))
    with pytest.raises(ValueError, match="told something else"):
        situation_among(contract, np.array([1, 2]), (0, 1))


def test_a_situation_of_one_profile_is_that_of_the_contract() -> None:
    contract = grand_contract(twins())
    situation = situation_of(contract, 2, (0, 2), FOUR_RULES)
    told = contract.recommend(contract.economy.profiles[2])
    np.testing.assert_array_equal(situation.prescribed.orders[0], told.orders)
    np.testing.assert_array_equal(situation.prescribed.transfers[0], told.transfers)


@given(
    economy=coinciding(),
    money=st.sampled_from([1e-9, 1e-3, 7.0, 1e9]),
    goods=st.sampled_from([1e-9, 0.3, 1e9]),
    more=st.sampled_from([0.0, 1e9]),
)
@FEW
def test_what_members_know_does_not_change_with_units_nor_with_money_owned(
    economy: Economy, money: float, goods: float, more: float
) -> None:
    """A unit of money is worth `money` of the old, one of the good `goods`; everybody owns some more money."""

    def measured(kind: PlayerType) -> PlayerType:
        assert isinstance(kind.valuation, Quadratic)
        taste = Quadratic(kind.valuation.intercept * money / goods, kind.valuation.slope * money / goods**2)
        return PlayerType(kind.name, kind.endowment * np.array([goods, money]) + [0.0, more * money], taste)

    other = economy_of([Player(p.name, tuple(map(measured, p.types))) for p in economy.players])
    before, after = grand_contract(economy), grand_contract(other)
    np.testing.assert_allclose(after.efficient.price[:, 0] * goods / money, before.efficient.price[:, 0], rtol=1e-12)
    for size in (1, 2):
        for members in combinations(range(len(economy.players)), size):
            assert partition(information(after, members)) == exact_information(economy, members)


def test_what_is_paid_keeps_its_digits_however_much_money_is_owned() -> None:
    """With 1e15 of money each, (owned + paid) - owned has only whole euros left."""
    players = [
        one_type(name, [owned, 1e15], line(wanted))
        for name, owned, wanted in (("a", 2, 5), ("b", 1, 5.5), ("c", 1.5, 6))
    ]
    contract = grand_contract(economy_of(players))
    # The price is (5 + 5.5 + 6 - 4.5) / 3 = 4, and a takes 1 of its 2 units.
    np.testing.assert_allclose(contract.net_trades[0], np.array([[-1.0, 4.0], [0.5, -2.0], [0.5, -2.0]]), rtol=1e-14)


def beside_cid(size: float, cid: tuple[tuple[float, float], ...]) -> Economy:
    """Two traders that own and want quantities of some size, and cid who owns 1, each of two types."""

    def kinds(name: str, tastes: tuple[tuple[float, float], ...], owned: float) -> Player:
        endowment = np.array([owned, 30.0])
        return Player(name, tuple(PlayerType(f"{number}", endowment, line(*one)) for number, one in enumerate(tastes)))

    small = 1 / size
    return economy_of(
        [
            kinds("ann", ((3.0, small), (5.0, small)), size),
            kinds("bob", ((4.0, small), (6.0, small)), size),
            kinds("cid", cid, 1.0),
        ]
    )


@pytest.mark.parametrize("slope", [1e6, 1e9, 1e12, 1e15, 1e18])
def test_steep_marginal_values_of_one_type_do_not_make_one_of_different_prices(slope: float) -> None:
    """cid of the steep type would lose slope / 2 without trade. Prices are those of the two others, who share 3 units.

    With ann's and bob's intercepts a and b, it is (a + b - 3) / 2: 2, 3, 3 and 4.
    """
    economy = beside_cid(1.0, ((5.0, slope), (4.0, 1.0)))
    contract = grand_contract(economy)
    np.testing.assert_allclose(contract.efficient.price[::2, 0], [2.0, 3.0, 3.0, 4.0], rtol=10 / slope + 1e-12)
    # With the plain cid as well, it is (a + b + 4 - 3) / 3 or, where ann takes nothing at 3.5, (b + 4 - 3) / 2.
    plain = [8 / 3, 3.5, 10 / 3, 4.0]
    np.testing.assert_allclose(contract.efficient.price[1::2, 0], plain, rtol=1e-12)
    assert contract.efficient.optimality_gap.max() <= 1e-12


@pytest.mark.parametrize("size", [1e-3, 1e-6, 1e-9])
def test_who_trades_little_is_told_what_is_efficient_for_it_beside_who_trades_much(size: float) -> None:
    """A thousand-millionth of what the rich trader has is all that a small one has."""
    economy = beside_cid(size, ((5.0, 1.0), (4.0, 1.0)))
    efficient, contract = efficient_allocation(economy), grand_contract(economy)
    owned = economy.endowments(economy.profiles)[..., :-1]
    own = np.maximum(owned, efficient.bundles)
    assert (np.abs(contract.efficient.bundles - efficient.bundles) <= 1e-8 * own).all()
    traders = economy.valuations.select(economy.rows(economy.profiles).T)
    missed = traders.indirect_gain(
        np.moveaxis(contract.efficient.bundles, 1, 0), contract.efficient.price[:, :-1], owned.sum(axis=1)
    ).T
    assert (missed <= 1e-9 * (contract.efficient.price[:, None, :-1] * own).sum(axis=-1)).all()
    assert contract.efficient.optimality_gap.max() <= 1e-12
