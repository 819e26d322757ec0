"""The market game: what its rules say, and laws that hold whatever the rules."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import (
    PRESETS,
    Bankruptcy,
    BankruptcyReason,
    Coverage,
    MarketRules,
    Pricing,
    Solvency,
    Withholding,
)
from marketgame.mechanisms.market_game.settle import Engine, settle
from marketgame.mechanisms.market_game.settlement import Settlement
from tests.examples import drawn
from tests.mechanisms.market_messages import Messages, assert_same, each_engine, random_messages
from tests.mechanisms.slow_settlement import settle_one_play

if TYPE_CHECKING:
    from marketgame.mechanisms.arrays import FloatArray

SEEDS = st.integers(0, 2**32 - 1)
BY_GOOD = ("net_trade", "claim", "change", "allocation", "wasted")
SETTLING_RULES = [MarketRules(*options) for options in itertools.product(Pricing, Solvency, Bankruptcy)]


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


@pytest.mark.parametrize("rules", SETTLING_RULES, ids=lambda r: f"{r.pricing}-{r.solvency}-{r.bankruptcy}")
@settings(deadline=None, max_examples=drawn(25))
@given(round_messages())
def test_every_rule_settles_as_one_would_by_hand(rules: MarketRules, messages: Messages) -> None:
    settlement = settle(Play(*messages), rules)
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
        assert settlement.wave[play].tolist() == expected["wave"]
        assert settlement.bankrupt[play].tolist() == [why > 0 for why in expected["reason"]]
        for name in ("cost", "net_trade", "claim"):
            assert getattr(settlement, name)[play].tolist() == expected[name]
        for name in ("allocation", "wasted"):
            np.testing.assert_allclose(
                getattr(settlement, name)[play], np.array(expected[name], dtype=float), rtol=1e-13, atol=1e-13
            )
        changed = np.array(expected["allocation"], dtype=float) - alone.endowments
        np.testing.assert_allclose(settlement.change[play], changed, rtol=1e-13, atol=1e-13)


@each_engine
@pytest.mark.parametrize("own", [np.nan, np.inf, 1e300])
def test_orders_to_oneself_are_ignored_whatever_they_are(own: float, engine: Engine) -> None:
    messages = random_messages(np.random.default_rng(1), (4,), 3, 2)
    everyone = np.arange(3)
    messages.orders[:, everyone, everyone] = 0.0
    without = settle(Play(*messages))
    messages.orders[:, everyone, everyone] = own
    given = messages.orders.copy()
    assert_same(settle(Play(*messages), engine=engine), without, 1e-12)
    np.testing.assert_array_equal(messages.orders, given)


def test_bankrupts_drag_down_those_who_counted_on_them_when_trades_are_unwound() -> None:
    # 0 buys 3 units from 1 for 2, which it cannot afford; 1 spends what that leaves it at 2; 3 does not trade.
    orders = np.zeros((4, 4, 2))
    orders[0, 1] = [3, 0]
    orders[1, 0] = [0, 2]
    orders[1, 2] = [1, 0]
    quotes, endowments = np.ones((4, 2)), np.full((4, 2), 3.0)
    unwound = settle(Play(quotes, orders, endowments), rules=MarketRules(bankruptcy=Bankruptcy.UNWIND))
    assert unwound.reason.tolist() == [BankruptcyReason.BUDGET, BankruptcyReason.BUDGET, 0, 0]
    assert unwound.wave.tolist() == [1, 2, 0, 0]
    assert unwound.cost.tolist() == [1, 1, 0, 0]
    np.testing.assert_array_equal(unwound.net_trade, 0)
    np.testing.assert_array_equal(unwound.allocation, [[0, 0], [0, 0], [3, 3], [3, 3]])
    np.testing.assert_array_equal(unwound.wasted, [6, 6])
    standing = settle(Play(quotes, orders, endowments))
    assert standing.reason.tolist() == [BankruptcyReason.BUDGET, 0, 0, 0]
    assert standing.wave.tolist() == [1, 0, 0, 0]
    np.testing.assert_array_equal(standing.net_trade[0], [3, -2])
    np.testing.assert_array_equal(standing.allocation, [[0, 0], [1, 5], [2, 3], [3, 3]])
    np.testing.assert_array_equal(standing.wasted, [6, 1])


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.sampled_from(SETTLING_RULES))
def test_nothing_is_created_and_bankrupts_get_nothing(seed: int, rules: MarketRules) -> None:
    messages = random_messages(np.random.default_rng(seed), (20,), 4, 2)
    settlement = settle(Play(*messages), rules)
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
    settlement = settle(Play(alike, orders, endowments, transfers), MarketRules(pricing))
    np.testing.assert_allclose(settlement.cost.sum(axis=-1), 0, atol=1e-13)
    paper = settle(Play(alike, orders, endowments, transfers))
    assert_same(settlement, paper, 1e-13)


# Laws that hold whatever the rules.


@pytest.mark.parametrize("rules", SETTLING_RULES, ids=lambda r: f"{r.pricing}-{r.solvency}-{r.bankruptcy}")
def test_names_of_players_do_not_matter(rules: MarketRules) -> None:
    generator = np.random.default_rng(7)
    quotes, orders, endowments, transfers = random_messages(generator, (30,), 4, 2)
    settlement = settle(Play(quotes, orders, endowments, transfers), rules)
    to = generator.permutation(4)
    renamed = settle(Play(quotes[:, to], orders[:, to][:, :, to], endowments[:, to], transfers[:, to]), rules)
    names = [name for name in Settlement.array_names() if name != "wasted"]
    expected = replace(settlement, **{name: getattr(settlement, name)[:, to] for name in names})
    assert_same(renamed, expected, 1e-13)


@pytest.mark.parametrize("rules", SETTLING_RULES, ids=lambda r: f"{r.pricing}-{r.solvency}-{r.bankruptcy}")
@pytest.mark.parametrize("unit", [0.125, 1024.0])
def test_the_unit_of_money_does_not_matter(rules: MarketRules, unit: float) -> None:
    quotes, orders, endowments, transfers = random_messages(np.random.default_rng(8), (30,), 4, 3)
    settlement = settle(Play(quotes, orders, endowments, transfers), rules)
    money, price = np.array([1, 1, unit]), np.array([unit, unit, 1])
    rescaled = settle(Play(quotes * price, orders * money, endowments * money, transfers * unit), rules)
    in_units = {name: getattr(settlement, name) * money for name in BY_GOOD}
    expected = replace(settlement, cost=settlement.cost * unit, **in_units)
    assert_same(rescaled, expected, 1e-13)


@pytest.mark.parametrize("rules", SETTLING_RULES, ids=lambda r: f"{r.pricing}-{r.solvency}-{r.bankruptcy}")
def test_a_good_that_nobody_trades_changes_nothing(rules: MarketRules) -> None:
    quotes, orders, endowments, transfers = random_messages(np.random.default_rng(9), (30,), 4, 2)
    settlement = settle(Play(quotes, orders, endowments, transfers), rules)
    extended = settle(
        Play(
            np.insert(quotes, 0, 3.0, axis=-1),
            np.insert(orders, 0, 0.0, axis=-1),
            np.insert(endowments, 0, 5.0, axis=-1),
            transfers,
        ),
        rules,
    )
    kept = replace(extended, **{name: getattr(extended, name)[..., 1:] for name in BY_GOOD})
    assert_same(kept, settlement, 1e-13)
    np.testing.assert_array_equal(extended.allocation[..., 0], np.where(settlement.bankrupt, 0.0, 5.0))


# Rules, coverage, withholding.


def test_the_defaults_are_the_papers_rules() -> None:
    values = [getattr(MarketRules(), field.name).value for field in fields(MarketRules)]
    assert values == [
        "counterparty",
        "budget",
        "trades-stand",
        "unlimited",
        "wasted",
        "prices-first",
        "unilateral",
        "free",
    ]
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
    settle(Play(quotes, orders, endowments, transfers), covered, engine=engine)
    transfers[1, 2] = -2.5
    settle(Play(quotes, orders, endowments, transfers), engine=engine)
    message = r"takes 2.5 of the numeraire from player 2, who announces only 2.0; .* \(play \(1,\)\)"
    with pytest.raises(ValueError, match=message):
        settle(Play(quotes, orders, endowments, transfers), covered, engine=engine)


def test_what_is_withheld_is_wasted_or_consumed_as_the_rules_say() -> None:
    owned = np.array([[4.0, 10], [3, 10]])
    announced = owned - [[1, 2], [0, 0]]
    orders = np.zeros((2, 2, 2))
    orders[1, 0] = [1, 0]
    settlement = settle(Play(np.ones((2, 2)), orders, announced))
    assert settlement.bankrupt.tolist() == [False, True]
    np.testing.assert_array_equal(settlement.consumption(owned), [[2, 8], [0, 0]])
    kept = replace(settlement, rules=MarketRules(withholding=Withholding.CONSUMED))
    np.testing.assert_array_equal(kept.consumption(owned), [[3, 10], [0, 0]])
    with pytest.raises(ValueError, match=r"nobody can announce more than its endowment; somebody announces 2\.0 more"):
        settlement.consumption(announced - [[1, 2], [0, 0]])
