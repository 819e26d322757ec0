"""The compiled engine of the market game says what the other says, and refuses rules it does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import BankruptcyReason, MarketRules
from marketgame.mechanisms.market_game.settle import Engine, settle
from tests.mechanisms.market_messages import (
    COMPILED_RULES,
    SETTLING_RULES,
    assert_same,
    by_rules,
    needs_numba,
    random_messages,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from marketgame.mechanisms.arrays import BooleanArray
    from marketgame.mechanisms.market_game.kernel import KernelRules
    from marketgame.mechanisms.market_game.plays import Play

NO_SHORT_SALES = MarketRules.no_short_sales()


@needs_numba
@pytest.mark.parametrize(("players", "goods"), [(1, 1), (3, 3), (18, 3)])
@by_rules(COMPILED_RULES)
def test_both_engines_agree(players: int, goods: int, rules: MarketRules) -> None:
    messages = random_messages(np.random.default_rng(players), (7, 100), players, goods)
    messages.orders[0] = 0.0
    messages.orders[1] *= 1e9
    messages.endowments[2, :, 0] = 0.0
    messages.quotes[3, :, :, :-1] = 0.0
    messages.transfers[4] = 0.0
    compiled = settle(Play(*messages), rules, engine=Engine.COMPILED)
    reference = settle(Play(*messages), rules, engine=Engine.NUMPY)
    assert 0 < reference.bankrupt.mean() < 1
    np.testing.assert_array_equal(compiled.reason, reference.reason)
    np.testing.assert_array_equal(compiled.wave, reference.wave)
    np.testing.assert_array_equal(compiled.bankrupt, reference.bankrupt)
    gross = 1 + np.abs(messages.orders).sum(axis=(-1, -2, -3))
    for name, scale in zip(("cost", "net_trade", "claim", "allocation", "wasted"), (1, 2, 2, 2, 1), strict=True):
        error = np.abs(getattr(compiled, name) - getattr(reference, name))
        assert (error <= 1e-12 * gross.reshape(gross.shape + (1,) * scale)).all(), name


@needs_numba
def test_both_engines_broadcast_alike() -> None:
    generator = np.random.default_rng(3)
    quotes, orders, _, transfers = random_messages(generator, (4, 1), 3, 3)
    many = random_messages(generator, (5,), 3, 3).endowments
    for messages in ((quotes, orders[0, 0], many, transfers[0]), (quotes[0, 0], orders, many, transfers)):
        compiled, reference = (settle(Play(*messages), engine=engine) for engine in (Engine.COMPILED, Engine.NUMPY))
        assert compiled.allocation.shape == (4, 5, 3, 3)
        assert_same(compiled, reference, 1e-12)


@needs_numba
@by_rules(COMPILED_RULES)
@pytest.mark.parametrize("missing", [0.0, 1e-16, 1e-14, 1e-12, 1e-9])
def test_both_engines_draw_the_same_line_between_solvency_and_bankruptcy(missing: float, rules: MarketRules) -> None:
    # At its cost, which is rounded up where it matters, a player is solvent; a last digit below it, it is not.
    generator = np.random.default_rng(5)
    quotes, orders, endowments, transfers = random_messages(generator, (200,), 3, 3)
    for _ in range(2):  # The second time all are in doubt, so that costs are the least numbers not below exact ones.
        transfers = settle(Play(quotes, orders, endowments, transfers), rules).cost
    short_of_it = transfers - missing * generator.uniform(1, 10, transfers.shape)
    settled = [settle(Play(quotes, orders, endowments, short_of_it), rules, engine=engine) for engine in Engine]
    assert_same(settled[0], settled[1], 1e-12)
    assert_same(settled[0], settled[2], 1e-12)
    np.testing.assert_array_equal(settled[0].reason == BankruptcyReason.BUDGET, short_of_it < transfers)
    below = settle(Play(quotes, orders, endowments, np.nextafter(transfers, -np.inf)), rules, engine=Engine.COMPILED)
    assert (below.reason == BankruptcyReason.BUDGET).all()


@by_rules([rules for rules in SETTLING_RULES if rules not in COMPILED_RULES])
def test_the_compiled_engine_refuses_rules_it_does_not_know(rules: MarketRules) -> None:
    messages = random_messages(np.random.default_rng(0), (), 3, 2)
    with pytest.raises(ValueError, match="counterparty and midpoint pricing with standing trades only"):
        settle(Play(*messages), rules, engine=Engine.COMPILED)


@needs_numba
@by_rules(COMPILED_RULES)
@pytest.mark.parametrize("players", [3, 18])
def test_goods_counted_in_very_different_units_are_settled_by_the_compiled_engine_itself(
    players: int, rules: MarketRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The volume of all goods bounds the rounding of a good counted in tons no better than of one counted in grams, nor
    # does the highest price per ton bound the value of grams. Each good by itself does, so no random play is in doubt.
    from marketgame.mechanisms.market_game import kernel as settlement_kernel  # noqa: PLC0415  Numba is optional.

    decided: list[BooleanArray] = []
    settle_batch = settlement_kernel.settle_batch

    def watched(plays: Play, limits: KernelRules, ended: dict[str, NDArray[Any]]) -> BooleanArray:
        decided.append(settle_batch(plays, limits, ended))
        return decided[-1]

    monkeypatch.setattr(settlement_kernel, "settle_batch", watched)
    messages = random_messages(np.random.default_rng(players), (300,), players, 3)
    units = np.array([2.0**-60, 2.0**60, 1.0])
    scaled = messages._replace(
        quotes=messages.quotes / units, orders=messages.orders * units, endowments=messages.endowments * units
    )
    compiled, reference = settle(Play(*scaled), rules, engine=Engine.COMPILED), settle(Play(*messages), rules)
    assert decided[0].all()
    # Powers of two are exact units.
    np.testing.assert_array_equal(compiled.reason, reference.reason)
    np.testing.assert_array_equal(compiled.wave, reference.wave)
    assert 0 < reference.bankrupt.mean() < 1
    np.testing.assert_allclose(compiled.change / units, reference.change, rtol=0, atol=1e-12)
