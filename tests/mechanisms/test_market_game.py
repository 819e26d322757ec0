"""The market game: what its rules say, that both engines say the same, and the papers' claims about single plays."""

from __future__ import annotations

import itertools
from dataclasses import fields
from fractions import Fraction
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mechanisms.market_game import (
    PRESETS,
    Bankruptcy,
    BankruptcyReason,
    Coverage,
    Engine,
    MarketRules,
    Pricing,
    Settlement,
    Solvency,
    Withholding,
    consumption,
    settle,
)
from tests.mechanisms.slow_settlement import settle_one_play

if TYPE_CHECKING:
    from mechanisms.arrays import FloatArray

needs_numba = pytest.mark.skipif(not find_spec("numba"), reason="needs Numba")
each_engine = pytest.mark.parametrize("engine", [Engine.NUMPY, pytest.param(Engine.COMPILED, marks=needs_numba)])

SEEDS = st.integers(0, 2**32 - 1)
NO_SHORT_SALES = MarketRules.no_short_sales()
SETTLING_RULES = [MarketRules(*options) for options in itertools.product(Pricing, Solvency, Bankruptcy)]
COMPILED_RULES = [
    MarketRules(pricing, solvency)
    for pricing, solvency in itertools.product((Pricing.COUNTERPARTY, Pricing.MIDPOINT), Solvency)
]


class Messages(NamedTuple):
    """What the players send, and the transfers; the arguments of `settle`."""

    quotes: FloatArray
    orders: FloatArray
    endowments: FloatArray
    transfers: FloatArray


def random_messages(generator: np.random.Generator, batch: tuple[int, ...], players: int, goods: int) -> Messages:
    """Quotes that differ a little, orders of the size of endowments, transfers that leave about half solvent."""
    quotes = generator.uniform(0.5, 2, (*batch, players, goods))
    quotes[..., -1] = 1.0
    return Messages(
        quotes,
        generator.normal(0, 1 / players, (*batch, players, players, goods)),
        generator.uniform(0, 2, (*batch, players, goods)),
        generator.normal(0.3, 1, (*batch, players)),
    )


@st.composite
def round_messages(draw: st.DrawFn) -> Messages:
    """Messages in quarters, which floating point adds and multiplies without error; ties and equal quotes abound."""
    batch = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    players, goods = draw(st.integers(1, 5)), draw(st.integers(1, 3))

    def quarters(least: int, most: int, *shape: int) -> FloatArray:
        return draw(arrays(np.int64, shape, elements=st.integers(least, most))) / 4

    quotes = quarters(0, 3, *batch[1:], players, goods)
    quotes[..., -1] = 1.0
    return Messages(
        quotes,
        quarters(-6, 6, *batch, players, players, goods) * draw(st.sampled_from([1, 1, 2**20])),
        quarters(0, 8, *batch, players, goods),
        quarters(-4, 12, *batch[:1], *(1 for _ in batch[1:]), players),
    )


def by_hand(play: Messages, rules: MarketRules) -> dict[str, list[Any]]:
    quotes, orders, endowments, transfers = (
        np.vectorize(Fraction, otypes=[object])(values).tolist() for values in play
    )
    names = (rules.pricing.value, rules.solvency.value, rules.bankruptcy.value)
    return settle_one_play(quotes, orders, endowments, transfers, names)


def assert_same(first: Settlement, second: Settlement, tolerance: float) -> None:
    np.testing.assert_array_equal(first.reason, second.reason)
    np.testing.assert_array_equal(first.bankrupt, second.bankrupt)
    for name in ("cost", "net_trade", "claim", "allocation", "wasted"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-12, atol=tolerance)


# What the rules say.


@pytest.mark.parametrize("rules", SETTLING_RULES, ids=lambda r: f"{r.pricing}-{r.solvency}-{r.bankruptcy}")
@settings(deadline=None, max_examples=25)
@given(round_messages())
def test_every_rule_settles_as_one_would_by_hand(rules: MarketRules, messages: Messages) -> None:
    settlement = settle(*messages, rules)
    batch = np.broadcast_shapes(*(array.shape[:-own] for array, own in zip(messages, (2, 3, 2, 1), strict=True)))
    assert settlement.reason.shape[:-1] == batch
    for play in np.ndindex(batch):
        trailing = (2, 3, 2, 1)
        alone = Messages(
            *(
                np.broadcast_to(array, batch + array.shape[-own:])[play]
                for array, own in zip(messages, trailing, strict=True)
            )
        )
        expected = by_hand(alone, rules)
        assert settlement.reason[play].tolist() == expected["reason"]
        assert settlement.bankrupt[play].tolist() == [why > 0 for why in expected["reason"]]
        for name in ("cost", "net_trade", "claim"):
            assert getattr(settlement, name)[play].tolist() == expected[name]
        for name in ("allocation", "wasted"):
            np.testing.assert_allclose(
                getattr(settlement, name)[play], np.array(expected[name], dtype=float), rtol=1e-13, atol=1e-13
            )


@each_engine
@pytest.mark.parametrize("own", [np.nan, np.inf, 1e300])
def test_orders_to_oneself_are_ignored_whatever_they_are(own: float, engine: Engine) -> None:
    messages = random_messages(np.random.default_rng(1), (4,), 3, 2)
    everyone = np.arange(3)
    messages.orders[:, everyone, everyone] = 0.0
    without = settle(*messages)
    messages.orders[:, everyone, everyone] = own
    given = messages.orders.copy()
    assert_same(settle(*messages, engine=engine), without, 1e-12)
    np.testing.assert_array_equal(messages.orders, given)


def test_bankrupts_drag_down_those_who_counted_on_them_when_trades_are_unwound() -> None:
    # 0 buys 3 units from 1 for 2, which it cannot afford; 1 spends what that leaves it at 2; 3 does not trade.
    orders = np.zeros((4, 4, 2))
    orders[0, 1] = [3, 0]
    orders[1, 0] = [0, 2]
    orders[1, 2] = [1, 0]
    quotes, endowments = np.ones((4, 2)), np.full((4, 2), 3.0)
    unwound = settle(quotes, orders, endowments, rules=MarketRules(bankruptcy=Bankruptcy.UNWIND))
    assert unwound.reason.tolist() == [BankruptcyReason.BUDGET, BankruptcyReason.BUDGET, 0, 0]
    assert unwound.cost.tolist() == [1, 1, 0, 0]
    np.testing.assert_array_equal(unwound.net_trade, 0)
    np.testing.assert_array_equal(unwound.allocation, [[0, 0], [0, 0], [3, 3], [3, 3]])
    np.testing.assert_array_equal(unwound.wasted, [6, 6])
    standing = settle(quotes, orders, endowments)
    assert standing.reason.tolist() == [BankruptcyReason.BUDGET, 0, 0, 0]
    np.testing.assert_array_equal(standing.net_trade[0], [3, -2])
    np.testing.assert_array_equal(standing.allocation, [[0, 0], [1, 5], [2, 3], [3, 3]])
    np.testing.assert_array_equal(standing.wasted, [6, 1])


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.sampled_from(SETTLING_RULES))
def test_nothing_is_created_and_bankrupts_get_nothing(seed: int, rules: MarketRules) -> None:
    messages = random_messages(np.random.default_rng(seed), (20,), 4, 2)
    settlement = settle(*messages, rules)
    supply = messages.endowments.sum(axis=1)
    assert (settlement.allocation >= 0).all()
    assert (settlement.wasted >= 0).all()
    np.testing.assert_allclose(settlement.allocation.sum(axis=1) + settlement.wasted, supply, rtol=1e-13)
    np.testing.assert_array_equal(settlement.allocation[settlement.bankrupt], 0)
    np.testing.assert_array_equal(settlement.bankrupt, settlement.reason > 0)
    over = settlement.cost > messages.transfers
    np.testing.assert_array_equal(over, settlement.reason == BankruptcyReason.BUDGET)
    if rules.bankruptcy is Bankruptcy.UNWIND:
        kept = np.where(settlement.bankrupt[..., np.newaxis], 0, messages.endowments).sum(axis=1)
        assert (settlement.allocation.sum(axis=1) <= kept * (1 + 1e-13)).all()
    if rules.solvency is Solvency.NO_SHORT_SALES:
        assert (settlement.claim >= -1e-12).all()


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.sampled_from(Pricing))
def test_costs_add_up_to_zero_when_all_quote_alike(seed: int, pricing: Pricing) -> None:
    quotes, orders, endowments, transfers = random_messages(np.random.default_rng(seed), (5,), 4, 3)
    alike = np.broadcast_to(quotes[:, :1], quotes.shape)
    settlement = settle(alike, orders, endowments, transfers, MarketRules(pricing))
    np.testing.assert_allclose(settlement.cost.sum(axis=-1), 0, atol=1e-13)
    paper = settle(alike, orders, endowments, transfers)
    assert_same(settlement, paper, 1e-13)


# Two engines.


@needs_numba
@pytest.mark.parametrize(("players", "goods"), [(1, 1), (3, 2), (18, 2)])
@pytest.mark.parametrize("rules", COMPILED_RULES, ids=lambda r: f"{r.pricing}-{r.solvency}")
def test_both_engines_agree(players: int, goods: int, rules: MarketRules) -> None:
    messages = random_messages(np.random.default_rng(players), (7, 100), players, goods)
    messages.orders[0] = 0.0
    messages.orders[1] *= 1e9
    messages.endowments[2, :, 0] = 0.0
    messages.quotes[3, :, :, :-1] = 0.0
    messages.transfers[4] = 0.0
    compiled = settle(*messages, rules, engine=Engine.COMPILED)
    reference = settle(*messages, rules, engine=Engine.NUMPY)
    assert 0 < reference.bankrupt.mean() < 1
    np.testing.assert_array_equal(compiled.reason, reference.reason)
    np.testing.assert_array_equal(compiled.bankrupt, reference.bankrupt)
    gross = 1 + np.abs(messages.orders).sum(axis=(-1, -2, -3))
    for name, scale in zip(("cost", "net_trade", "claim", "allocation", "wasted"), (1, 2, 2, 2, 1), strict=True):
        error = np.abs(getattr(compiled, name) - getattr(reference, name))
        assert (error <= 1e-12 * gross.reshape(gross.shape + (1,) * scale)).all(), name


@needs_numba
def test_both_engines_broadcast_alike() -> None:
    generator = np.random.default_rng(3)
    quotes, orders, _, transfers = random_messages(generator, (4, 1), 3, 2)
    many = random_messages(generator, (5,), 3, 2).endowments
    for messages in ((quotes, orders[0, 0], many, transfers[0]), (quotes[0, 0], orders, many, transfers)):
        compiled, reference = (settle(*messages, engine=engine) for engine in (Engine.COMPILED, Engine.NUMPY))
        assert compiled.allocation.shape == (4, 5, 3, 2)
        assert_same(compiled, reference, 1e-12)


@needs_numba
@pytest.mark.parametrize("excess", [0.0, 1e-16, 1e-14, 1e-13, 1e-12, 1e-11, 1e-9])
@pytest.mark.parametrize("rules", [MarketRules.paper(), NO_SHORT_SALES])
def test_both_engines_draw_the_same_line_between_rounding_and_bankruptcy(excess: float, rules: MarketRules) -> None:
    generator = np.random.default_rng(5)
    quotes, orders, endowments, _ = random_messages(generator, (200,), 3, 2)
    cost = settle(quotes, orders, endowments).cost
    at_the_line = cost - excess * generator.uniform(0, 10, cost.shape)
    settled = [settle(quotes, orders, endowments, at_the_line, rules, engine=engine) for engine in Engine]
    assert_same(settled[0], settled[1], 1e-12)
    assert_same(settled[0], settled[2], 1e-12)
    assert (settled[0].reason == BankruptcyReason.BUDGET).any() == (excess >= 1e-11) or 1e-13 <= excess <= 1e-12


@pytest.mark.parametrize("rules", [MarketRules(bankruptcy=Bankruptcy.UNWIND), MarketRules(Pricing.SPREAD)])
def test_the_compiled_engine_refuses_rules_it_does_not_know(rules: MarketRules) -> None:
    messages = random_messages(np.random.default_rng(0), (), 3, 2)
    with pytest.raises(ValueError, match="counterparty and midpoint pricing with standing trades only"):
        settle(*messages, rules, engine=Engine.COMPILED)


# What rounding may excuse.


def grand_contract(price: FloatArray, endowments: FloatArray, bundles: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Quotes and orders recommended by the contract in the proof of Theorem 1, orders to oneself included."""
    players = len(endowments)
    quotes = np.tile(price, (players, 1))
    orders = np.repeat(((bundles - endowments) / players)[:, np.newaxis], players, axis=1)
    return quotes, orders


@st.composite
def efficient_plans(draw: st.DrawFn) -> tuple[FloatArray, FloatArray, FloatArray, bool]:
    """A price, endowments, a redistribution of them, and whether it respects every player's wealth."""
    generator = np.random.default_rng(draw(SEEDS))
    players, goods = draw(st.integers(1, 60)), draw(st.integers(1, 4))
    units = 10.0 ** generator.uniform(-3, 6, goods)
    price = 10.0 ** generator.uniform(-3, 6, goods)
    price[-1] = 1.0
    endowments = generator.uniform(0, 1, (players, goods)) * units
    bundles = generator.dirichlet(np.ones(players), goods).T * endowments.sum(axis=0)
    if draw(st.booleans()):  # A player far smaller than the others, and one who hardly trades.
        endowments[0] *= 1e-9
        bundles[-1] = endowments[-1]
        bundles *= endowments.sum(axis=0) / bundles.sum(axis=0)
    walrasian = draw(st.booleans())
    if walrasian:
        bundles[:, -1] = endowments @ price - bundles[:, :-1] @ price[:-1]
    return price, endowments, bundles, walrasian


@settings(deadline=None, max_examples=150)
@given(efficient_plans())
def test_nobody_who_obeys_the_grand_contract_is_bankrupt(plan: tuple[FloatArray, FloatArray, FloatArray, bool]) -> None:
    price, endowments, bundles, walrasian = plan
    quotes, orders = grand_contract(price, endowments, bundles)
    transfers = np.zeros(len(endowments)) if walrasian else (bundles - endowments) @ price
    settlement = settle(quotes, orders, endowments, transfers)
    assert not settlement.bankrupt.any()
    supply = endowments.sum(axis=0)
    largest = max(float(supply @ price), float(supply.max()))
    np.testing.assert_allclose(settlement.claim, bundles, rtol=0, atol=1e-12 * largest)
    if (bundles >= 0).all():
        assert not settle(quotes, orders, endowments, transfers, NO_SHORT_SALES).bankrupt.any()
        np.testing.assert_allclose(settlement.allocation.sum(axis=0), supply, rtol=1e-12)
        assert (settlement.wasted <= 1e-12 * supply).all()


@settings(deadline=None, max_examples=100)
@given(efficient_plans(), SEEDS)
def test_a_millionth_of_the_wealth_beyond_the_budget_is_always_bankrupt(
    plan: tuple[FloatArray, FloatArray, FloatArray, bool], seed: int
) -> None:
    price, endowments, bundles, _ = plan
    quotes, orders = grand_contract(price, endowments, bundles)
    transfers = (bundles - endowments) @ price
    spender = int(np.random.default_rng(seed).integers(len(endowments)))
    transfers[spender] -= 1e-6 * (endowments.sum(axis=0) @ price) / len(endowments)
    reason = settle(quotes, orders, endowments, transfers).reason
    assert reason[spender] == BankruptcyReason.BUDGET
    assert reason.sum() == BankruptcyReason.BUDGET


@each_engine
@pytest.mark.parametrize("pretender", [0, 2])
def test_absurd_quotes_excuse_nobody(pretender: int, engine: Engine) -> None:
    quotes, endowments = np.full((3, 2), [2.0, 1.0]), np.ones((3, 2))
    quotes[pretender, 0] = 1e25
    orders = np.zeros((3, 3, 2))
    orders[0, 1] = [1e-6, 0]
    assert settle(quotes, orders, endowments, engine=engine).reason.tolist() == [BankruptcyReason.BUDGET, 0, 0]


# What the papers say about single plays.

THREE_TRADERS = np.array([[2.0, 30], [1, 30], [1.5, 30]])
SUPPORTING_PRICE = np.array([67 / 17, 1.0])


def walrasian_bundles() -> FloatArray:
    """Demands of traders who value q at 5q - q²/2, 5.5q - q²/2 and 6.2q - 0.6q², and the money it leaves them."""
    price = SUPPORTING_PRICE[0]
    good = np.array([5 - price, 5.5 - price, (6.2 - price) / 1.2])
    assert good.sum() == pytest.approx(THREE_TRADERS[:, 0].sum())
    return np.stack([good, THREE_TRADERS[:, 1] + price * (THREE_TRADERS[:, 0] - good)], axis=1)


@pytest.mark.parametrize("seller", range(3))
def test_a_short_seller_ends_with_all_the_money_within_its_budget(seller: int) -> None:
    quotes, orders = grand_contract(SUPPORTING_PRICE, THREE_TRADERS, walrasian_bundles())
    obedient = settle(quotes, orders, THREE_TRADERS)
    np.testing.assert_allclose(obedient.allocation, walrasian_bundles(), rtol=1e-13)
    orders[seller] += 1000 * np.array([-1.0, SUPPORTING_PRICE[0]])
    sold_short = settle(quotes, orders, THREE_TRADERS)
    assert not sold_short.bankrupt.any()
    np.testing.assert_allclose(sold_short.cost, 0, atol=1e-9)
    np.testing.assert_allclose(sold_short.allocation[seller], [0, 90], rtol=1e-13)
    repaired = settle(quotes, orders, THREE_TRADERS, rules=NO_SHORT_SALES)
    assert repaired.reason[seller] == BankruptcyReason.SHORT_SALE
    np.testing.assert_array_equal(repaired.allocation[seller], 0)


@settings(deadline=None, max_examples=40)
@given(SEEDS)
def test_no_order_of_one_player_reaches_beyond_its_budget_without_short_sales(seed: int) -> None:
    generator = np.random.default_rng(seed)
    quotes, orders = grand_contract(SUPPORTING_PRICE, THREE_TRADERS, walrasian_bundles())
    deviations = np.tile(orders, (200, 1, 1, 1))
    deviations[:, 0] += generator.normal(0, 10.0 ** generator.uniform(-1, 3, (200, 1, 1)), (200, 3, 2))
    # Half of the deviations spend exactly the budget.
    deviations[::2, 0, :, 1] -= deviations[::2, 0, :, 0] * SUPPORTING_PRICE[0] + deviations[::2, 0, :, 1]
    settlement = settle(quotes, deviations, THREE_TRADERS, rules=NO_SHORT_SALES)
    wealth = THREE_TRADERS[0] @ SUPPORTING_PRICE
    assert (settlement.allocation[:, 0] @ SUPPORTING_PRICE <= wealth * (1 + 1e-9)).all()


@each_engine
@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_the_arbitrageur_of_theorem_1_takes_the_whole_supply(engine: Engine, seed: int) -> None:
    generator = np.random.default_rng(seed)
    arbitrageur, honest, mispricing, size = 0, 1, 2, 1e9
    players, goods = (4, 3) if engine is Engine.NUMPY else (3, 2)
    price = np.append(generator.uniform(0.5, 3, goods - 1), 1.0)
    endowments = generator.uniform(0.5, 3, (players, goods))
    bundles = generator.dirichlet(np.ones(players), goods).T * endowments.sum(axis=0)
    quotes, orders = grand_contract(price, endowments, bundles)
    transfers = (bundles - endowments) @ price
    quotes[mispricing, 0] *= 0.9
    large = np.zeros(goods)
    large[0] = size
    # What each other player receives from third parties and asks of the arbitrageur, and then its endowment too.
    asked = orders[:, arbitrageur].copy()
    third = [k for k in range(players) if k != arbitrageur]
    for k in third:
        among_others = sum(orders[k, other] - orders[other, k] for other in third if other != k)
        orders[arbitrageur, k] = among_others + asked[k] + endowments[k]
    orders[arbitrageur, mispricing] += large + endowments.sum(axis=0) - endowments[arbitrageur]
    orders[arbitrageur, honest] -= large
    settlement = settle(quotes, orders, endowments, transfers, engine=engine)
    assert settlement.reason[honest] == BankruptcyReason.BUDGET
    assert not settlement.bankrupt[arbitrageur]
    np.testing.assert_allclose(settlement.allocation[arbitrageur], endowments.sum(axis=0), rtol=1e-6)
    np.testing.assert_allclose(settlement.allocation[third], 0, atol=1e-6)


# Laws that hold whatever the rules.


@pytest.mark.parametrize("rules", SETTLING_RULES, ids=lambda r: f"{r.pricing}-{r.solvency}-{r.bankruptcy}")
def test_names_of_players_do_not_matter(rules: MarketRules) -> None:
    generator = np.random.default_rng(7)
    quotes, orders, endowments, transfers = random_messages(generator, (30,), 4, 2)
    settlement = settle(quotes, orders, endowments, transfers, rules)
    to = generator.permutation(4)
    renamed = settle(quotes[:, to], orders[:, to][:, :, to], endowments[:, to], transfers[:, to], rules)
    expected = Settlement(
        **{
            field.name: getattr(settlement, field.name)
            if field.name == "wasted"
            else getattr(settlement, field.name)[:, to]
            for field in fields(Settlement)
        }
    )
    assert_same(renamed, expected, 1e-13)


@pytest.mark.parametrize("rules", SETTLING_RULES, ids=lambda r: f"{r.pricing}-{r.solvency}-{r.bankruptcy}")
@pytest.mark.parametrize("unit", [0.125, 1024.0])
def test_the_unit_of_money_does_not_matter(rules: MarketRules, unit: float) -> None:
    quotes, orders, endowments, transfers = random_messages(np.random.default_rng(8), (30,), 4, 3)
    settlement = settle(quotes, orders, endowments, transfers, rules)
    money, price = np.array([1, 1, unit]), np.array([unit, unit, 1])
    rescaled = settle(quotes * price, orders * money, endowments * money, transfers * unit, rules)
    expected = Settlement(
        settlement.cost * unit,
        settlement.bankrupt,
        settlement.reason,
        settlement.net_trade * money,
        settlement.claim * money,
        settlement.allocation * money,
        settlement.wasted * money,
    )
    assert_same(rescaled, expected, 1e-13)


@pytest.mark.parametrize("rules", SETTLING_RULES, ids=lambda r: f"{r.pricing}-{r.solvency}-{r.bankruptcy}")
def test_a_good_that_nobody_trades_changes_nothing(rules: MarketRules) -> None:
    quotes, orders, endowments, transfers = random_messages(np.random.default_rng(9), (30,), 4, 2)
    settlement = settle(quotes, orders, endowments, transfers, rules)
    extended = settle(
        np.insert(quotes, 0, 3.0, axis=-1),
        np.insert(orders, 0, 0.0, axis=-1),
        np.insert(endowments, 0, 5.0, axis=-1),
        transfers,
        rules,
    )
    kept = Settlement(
        extended.cost,
        extended.bankrupt,
        extended.reason,
        *(getattr(extended, name)[..., 1:] for name in ("net_trade", "claim", "allocation", "wasted")),
    )
    assert_same(kept, settlement, 1e-13)
    np.testing.assert_array_equal(extended.allocation[..., 0], np.where(settlement.bankrupt, 0.0, 5.0))


# Rules, coverage, withholding.


def test_the_defaults_are_the_papers_rules() -> None:
    values = [getattr(MarketRules(), field.name).value for field in fields(MarketRules)]
    assert values == ["counterparty", "budget", "trades-stand", "unlimited", "wasted", "prices-first"]
    assert PRESETS["paper"] == MarketRules.paper() == MarketRules()
    assert PRESETS["no-short-sales"] == MarketRules(solvency=Solvency.NO_SHORT_SALES)


def test_rules_accept_the_values_of_files_and_nothing_else() -> None:
    assert MarketRules(pricing="void").pricing is Pricing.VOID  # type: ignore[arg-type]  # As read from a file.
    with pytest.raises(ValueError, match="bankruptcy must be one of trades-stand, unwind; it is 'undo'"):
        MarketRules(bankruptcy="undo")  # type: ignore[arg-type]  # Wrong on purpose.


@each_engine
def test_a_transfer_beyond_the_announced_numeraire_is_inadmissible_where_the_rules_say_so(engine: Engine) -> None:
    quotes, orders, endowments, transfers = random_messages(np.random.default_rng(0), (2,), 3, 2)
    covered = MarketRules(coverage=Coverage.ANNOUNCED_NUMERAIRE)
    endowments[..., -1] = 2.0
    transfers[:] = -2.0
    settle(quotes, orders, endowments, transfers, covered, engine=engine)
    transfers[1, 2] = -2.5
    settle(quotes, orders, endowments, transfers, engine=engine)
    message = r"takes 2.5 of the numeraire from player 2, who announces only 2.0; .* \(play \(1,\)\)"
    with pytest.raises(ValueError, match=message):
        settle(quotes, orders, endowments, transfers, covered, engine=engine)


def test_what_is_withheld_is_wasted_or_consumed_as_the_rules_say() -> None:
    owned = np.array([[4.0, 10], [3, 10]])
    announced = owned - [[1, 2], [0, 0]]
    orders = np.zeros((2, 2, 2))
    orders[1, 0] = [1, 0]
    settlement = settle(np.ones((2, 2)), orders, announced)
    assert settlement.bankrupt.tolist() == [False, True]
    np.testing.assert_array_equal(consumption(settlement, owned, announced), [[2, 8], [0, 0]])
    consumed = MarketRules(withholding=Withholding.CONSUMED)
    np.testing.assert_array_equal(consumption(settlement, owned, announced, consumed), [[3, 10], [0, 0]])
    with pytest.raises(ValueError, match=r"nobody can announce more than its endowment; somebody announces 2\.0 more"):
        consumption(settlement, announced, owned)


# Input.


@each_engine
@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("quotes", (1, 2, 0), -1.0, r"nonnegative; player 2 quotes -1.0 for good 0 \(play \(1,\)\)"),
        ("quotes", (0, 1, 0), np.nan, "quotes must be finite and nonnegative; player 1 quotes nan"),
        ("quotes", (0, 1, 0), np.inf, "quotes must be finite and nonnegative; player 1 quotes inf"),
        ("quotes", (1, 0, 1), 2.0, "the numeraire, the last good, must be quoted at 1; player 0 quotes 2.0"),
        ("orders", (0, 0, 2, 1), np.nan, "orders must be finite; player 0 orders nan of good 1 from player 2"),
        ("orders", (0, 0, 2, 1), -np.inf, "orders must be finite; player 0 orders -inf of good 1 from player 2"),
        ("orders", (0, 0, 2, 0), 1.7e308, "the orders from and to player 0 are so large that their value overflows"),
        ("endowments", (1, 1, 1), -0.5, "nonnegative; player 1 announces -0.5 of good 1"),
        (
            "endowments",
            (1, 1, 1),
            np.nan,
            "announced endowments must be finite and nonnegative; player 1 announces nan",
        ),
        (
            "endowments",
            (1, 1, 0),
            np.inf,
            "announced endowments must be finite and nonnegative; player 1 announces inf",
        ),
        ("transfers", (0, 1), np.nan, "transfers must be finite; that of player 1 is nan"),
        ("transfers", (1, 1), -np.inf, "transfers must be finite; that of player 1 is -inf"),
    ],
)
def test_unsound_values_are_refused_by_name(
    name: str, place: tuple[int, ...], value: float, message: str, engine: Engine
) -> None:
    messages = random_messages(np.random.default_rng(0), (2,), 3, 2)
    messages.quotes[..., 0] = 1.5
    getattr(messages, name)[place] = value
    with pytest.raises(ValueError, match=message):
        settle(*messages, engine=engine)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quotes": np.ones((3, 3))}, r"quotes has shape \(3, 3\); its last dimensions must be \(3, 2\)"),
        ({"orders": np.ones((2, 3, 2))}, r"orders has shape \(2, 3, 2\); its last dimensions must be \(3, 3, 2\)"),
        ({"orders": np.ones((3, 2))}, r"orders has shape \(3, 2\)"),
        ({"announced_endowments": np.ones(2)}, r"announced endowments has shape \(2,\)"),
        ({"announced_endowments": np.ones((0, 2))}, "leave nobody or nothing to trade"),
        ({"transfers": np.ones(2)}, r"transfers has shape \(2,\); its last dimensions must be \(3\)"),
        ({"transfers": np.ones((4, 3)), "quotes": np.ones((5, 3, 2))}, "do not broadcast"),
        ({"transfers": ["a", "b", "c"]}, "transfers must be an array of real numbers"),
    ],
)
def test_misshaped_messages_are_refused(change: dict[str, object], message: str) -> None:
    sound: dict[str, object] = {
        "quotes": np.ones((3, 2)),
        "orders": np.zeros((3, 3, 2)),
        "announced_endowments": np.ones((3, 2)),
    }
    with pytest.raises(ValueError, match=message):
        settle(**(sound | change))  # type: ignore[arg-type]  # Wrong on purpose.


@each_engine
def test_no_plays_settle_to_nothing(engine: Engine) -> None:
    settlement = settle(*random_messages(np.random.default_rng(0), (0, 2), 3, 2), engine=engine)
    assert settlement.allocation.shape == (0, 2, 3, 2)


def test_settlements_cannot_be_changed() -> None:
    settlement = settle(*random_messages(np.random.default_rng(0), (), 3, 2))
    for field in fields(Settlement):
        with pytest.raises(ValueError, match="read-only"):
            getattr(settlement, field.name)[...] = 0
