"""What must not change when players, types and goods are written down in another way, or some that do not matter added.

Prices, allocation, payments, what members know, and what is proved about them stay what they were, or change places.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.knowledge import information
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.deviations.bounds import least_bound
from marketgame.mechanisms.deviations.situation import situation_among
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency
from tests.examples import drawn

FOUR_RULES = MarketRules(Pricing.SPREAD, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE)
# Bounds are proved for single players under the paper's rules, for several under these four.
RULES = {1: (MarketRules(), FOUR_RULES), 2: (FOUR_RULES,)}
FEW = settings(max_examples=drawn(20), deadline=None)
MONEY = 60.0


@dataclass(frozen=True)
class Written:
    """An economy as somebody wrote it down, and where its profiles, players and goods stand in the original.

    Attributes:
        economy: as written.
        profiles: the number in the original of each of its profiles.
        players: what number each of the original's players has in it.
        goods: likewise for the original's goods, money last.
    """

    economy: Economy
    profiles: IntegerArray
    players: list[int]
    goods: list[int]


@st.composite
def economies(draw: st.DrawFn) -> Economy:
    """Quadratic tastes in tenths, for one or two goods that may go together: sums coincide often."""
    goods = draw(st.integers(1, 2))
    tenths = st.integers(50, 62).map(lambda number: number / 10)
    together = draw(st.sampled_from([0.0, -0.3, 0.4]))
    slope = np.eye(goods) * 1.1 + together * (1 - np.eye(goods))
    players, marginals = [], []
    for name in "abc"[: draw(st.integers(2, 3))]:
        count = draw(st.integers(1, 2))
        owned = np.array([draw(st.sampled_from([0.5, 0.8, 1.0])) for _ in range(goods)] + [MONEY])
        tastes = [np.array([draw(tenths) for _ in range(goods)]) for _ in range(count)]
        types = (PlayerType(f"type {k}", owned, Quadratic(taste, slope)) for k, taste in enumerate(tastes))
        players.append(Player(name, tuple(types)))
        marginals.append(np.array([1.0]) if count == 1 else np.array([0.4, 0.6]))
    return economy(players, marginals)


def economy(players: list[Player], marginals: list[FloatArray]) -> Economy:
    goods = len(players[0].types[0].endowment) - 1
    names = (*(f"good {good}" for good in range(goods)), "money")
    return Economy("written", names, names, tuple(players), IndependentPrior(marginals))


def marginals_of(original: Economy) -> list[FloatArray]:
    return [original.prior.marginal(player) for player in range(len(original.players))]


def contract_for(chosen: Economy, *, externality: bool) -> GrandContract:
    """The Walrasian contract, or the one under which the truth is best."""
    payments = expected_externality_transfers(chosen, efficient_allocation(chosen)) if externality else None
    return grand_contract(chosen, payments)


def assert_same(original: Economy, written: Written, *, externality: bool) -> None:
    """Check that two ways to write an economy down lead to one contract, one knowledge and the same bounds."""
    before, after = (contract_for(each, externality=externality) for each in (original, written.economy))
    numbers, players, goods = written.profiles, written.players, written.goods
    for now, then in (
        (after.efficient.price[:, goods], before.efficient.price),
        (after.allocation[:, players][..., goods], before.allocation),
        (after.transfers[:, players], before.transfers),
    ):
        np.testing.assert_allclose(now, then[numbers], rtol=1e-9, atol=1e-9)
    everybody = range(len(original.players))
    for members in [c for size in (1, 2) for c in combinations(everybody, size)]:
        others = tuple(sorted(players[member] for member in members))
        known, heard = information(before, members)[numbers], information(after, others)
        if all(count == len(original.players[m].types) for m, count in _counts(written, members)):
            np.testing.assert_array_equal(known[:, None] == known, heard[:, None] == heard)
        for rules in RULES[len(members)]:
            for cell in np.unique(heard):
                there = np.flatnonzero(heard == cell)
                bound = least_bound(situation_among(after, there, others, rules))
                first = situation_among(before, np.unique(numbers[there]), members, rules)
                assert bound.total_gain == pytest.approx(least_bound(first).total_gain, rel=1e-7, abs=1e-7)


def _counts(written: Written, members: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(member, len(written.economy.players[written.players[member]].types)) for member in members]


@given(original=economies(), data=st.data(), externality=st.booleans())
@FEW
def test_the_order_of_players(original: Economy, data: st.DataObject, externality: bool) -> None:
    order = data.draw(st.permutations(range(len(original.players))))
    marginals = marginals_of(original)
    other = economy([original.players[i] for i in order], [marginals[i] for i in order])
    place = [order.index(player) for player in range(len(order))]
    numbers = original.prior.profile_numbers(other.profiles[:, place])
    assert_same(original, Written(other, numbers, place, list(range(len(original.goods)))), externality=externality)


@given(original=economies(), externality=st.booleans())
@FEW
def test_the_order_of_types(original: Economy, externality: bool) -> None:
    players = [replace(player, types=player.types[::-1]) for player in original.players]
    other = economy(players, [marginal[::-1] for marginal in marginals_of(original)])
    counts = np.array(original.prior.type_counts)
    numbers = original.prior.profile_numbers(counts - 1 - other.profiles)
    same = list(range(len(players)))
    assert_same(original, Written(other, numbers, same, list(range(len(original.goods)))), externality=externality)


@given(original=economies().filter(lambda found: len(found.goods) > 2), externality=st.booleans())
@FEW
def test_the_order_of_goods(original: Economy, externality: bool) -> None:
    def turned(kind: PlayerType) -> PlayerType:
        assert isinstance(kind.valuation, Quadratic)
        taste = Quadratic(kind.valuation.intercept[::-1], kind.valuation.slope[::-1, ::-1])
        return replace(kind, endowment=kind.endowment[[1, 0, 2]], valuation=taste)

    players = [replace(player, types=tuple(map(turned, player.types))) for player in original.players]
    other = economy(players, marginals_of(original))
    same = list(range(len(players)))
    assert_same(original, Written(other, np.arange(len(other.profiles)), same, [1, 0, 2]), externality=externality)


@given(original=economies(), data=st.data(), externality=st.booleans())
@FEW
def test_a_type_written_down_twice_with_half_its_probability(
    original: Economy, data: st.DataObject, externality: bool
) -> None:
    """The player itself knows which of the two names it bears; nobody else can learn it."""
    split = data.draw(st.integers(0, len(original.players) - 1))
    player, marginals = original.players[split], marginals_of(original)
    again = replace(player.types[-1], name="again")
    players = list(original.players)
    players[split] = replace(player, types=(*player.types, again))
    marginals[split] = np.append(marginals[split][:-1], np.full(2, marginals[split][-1] / 2))
    other = economy(players, marginals)
    originally = other.profiles.copy()
    originally[:, split] = np.minimum(originally[:, split], len(player.types) - 1)
    numbers, same = original.prior.profile_numbers(originally), list(range(len(players)))
    written = Written(other, numbers, same, list(range(len(original.goods))))
    assert_same(original, written, externality=externality)
    contract = contract_for(other, externality=externality)
    twin = other.profiles.copy()
    last = len(player.types)
    twin[:, split] = np.where(
        twin[:, split] == last, last - 1, np.where(twin[:, split] == last - 1, last, twin[:, split])
    )
    exchanged = other.prior.profile_numbers(twin)
    np.testing.assert_array_equal(contract.messages, contract.messages[exchanged])


@given(original=economies(), owner=st.integers(0, 1), amount=st.sampled_from([0.0, 0.7]), externality=st.booleans())
@settings(max_examples=4, deadline=None)
def test_a_good_that_nobody_wants(original: Economy, owner: int, amount: float, externality: bool) -> None:
    def with_useless(kind: PlayerType, owned: float) -> PlayerType:
        assert isinstance(kind.valuation, Quadratic)
        goods = kind.valuation.goods
        slope = np.eye(goods + 1)
        slope[:goods, :goods] = kind.valuation.slope
        taste = Quadratic(np.append(kind.valuation.intercept, 0.0), slope)
        return replace(kind, endowment=np.insert(kind.endowment, goods, owned), valuation=taste)

    players = [
        replace(player, types=tuple(with_useless(kind, amount if number == owner else 0.0) for kind in player.types))
        for number, player in enumerate(original.players)
    ]
    if amount == 0.0:
        # Of a good that enters valuations jointly with others there must be some.
        players = [
            replace(player, types=tuple(with_useless(kind, 0.1) for kind in original.players[number].types))
            for number, player in enumerate(players)
        ]
    other = economy(players, marginals_of(original))
    goods = [*range(len(original.goods) - 1), len(original.goods)]
    same = list(range(len(players)))
    assert_same(original, Written(other, np.arange(len(other.profiles)), same, goods), externality=externality)


@given(original=economies())
@FEW
def test_a_player_who_owns_and_wants_nothing(original: Economy) -> None:
    """With payments at the supporting price; a share of what others pay each other may be given to anybody."""
    goods = len(original.goods) - 1
    nobody = PlayerType("only", np.zeros(goods + 1), Quadratic(np.zeros(goods), np.eye(goods)))
    other = economy([*original.players, Player("nobody", (nobody,))], [*marginals_of(original), np.ones(1)])
    same = list(range(len(original.players)))
    written = Written(other, np.arange(len(other.profiles)), same, list(range(goods + 1)))
    assert_same(original, written, externality=False)
    contract = grand_contract(other)
    assert not contract.net_trades[:, -1].any()
    # It is granted what the crumbs are worth that the rounding of the others' orders delivers to everybody.
    traded = (contract.efficient.price[:, None] * np.abs(contract.net_trades)).sum(axis=(1, 2))
    roundings = 20 * len(other.players) * float(np.finfo(np.float64).eps)
    assert (np.abs(contract.transfers[:, -1]) <= roundings * traded.max()).all()


@given(original=economies(), data=st.data(), externality=st.booleans())
@FEW
def test_twins_who_exchange_types_are_told_each_others_and_others_the_same(
    original: Economy, data: st.DataObject, externality: bool
) -> None:
    """Whoever there are two of, with the same types and probabilities."""
    one = data.draw(st.integers(0, len(original.players) - 1))
    twin = replace(original.players[one], name="twin")
    marginals = marginals_of(original)
    other = economy([*original.players, twin], [*marginals, marginals[one]])
    contract = contract_for(other, externality=externality)
    order = list(range(len(other.players)))
    order[one], order[-1] = order[-1], order[one]
    exchanged = other.prior.profile_numbers(other.profiles[:, order])
    np.testing.assert_array_equal(contract.efficient.price[exchanged], contract.efficient.price)
    np.testing.assert_array_equal(contract.efficient.bundles[exchanged], contract.efficient.bundles[:, order])
    for player in order:
        if player not in (one, len(order) - 1):
            np.testing.assert_array_equal(contract.messages[exchanged, player], contract.messages[:, player])
