"""What the market game refuses, by name, and that what it returns cannot be changed."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from marketgame.mechanisms.market_game.exact_test import _prices
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.prices import trade_prices
from marketgame.mechanisms.market_game.rules import MarketRules, Pricing
from marketgame.mechanisms.market_game.settle import Engine, _charges, settle
from marketgame.mechanisms.market_game.settlement import Settlement
from tests.mechanisms.market_messages import each_engine, random_messages

if TYPE_CHECKING:
    pass


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
        settle(Play(*messages), engine=engine)


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
        Play(**(sound | change))  # type: ignore[arg-type]  # Wrong on purpose.


@each_engine
def test_no_plays_settle_to_nothing(engine: Engine) -> None:
    settlement = settle(Play(*random_messages(np.random.default_rng(0), (0, 2), 3, 2)), engine=engine)
    assert settlement.allocation.shape == (0, 2, 3, 2)


def test_settlements_cannot_be_changed() -> None:
    settlement = settle(Play(*random_messages(np.random.default_rng(0), (), 3, 2)))
    for name in Settlement.array_names():
        with pytest.raises(ValueError, match="read-only"):
            getattr(settlement, name)[...] = 0


class Untaught(StrEnum):
    """A rule that somebody adds to the game without saying how it is settled."""

    AUCTION = "auction"


@each_engine
@pytest.mark.parametrize("name", ["pricing", "solvency", "bankruptcy", "coverage", "withholding"])
def test_a_rule_that_nobody_taught_the_market_is_refused_and_not_settled_as_another(name: str, engine: Engine) -> None:
    rules = MarketRules()
    object.__setattr__(rules, name, Untaught.AUCTION)
    messages = random_messages(np.random.default_rng(1), (2,), 3, 2)
    with pytest.raises(NotImplementedError, match=f"does not know how to settle {name} 'auction'"):
        settle(Play(*messages), rules=rules, engine=engine)


def test_no_charge_is_known_for_a_price_that_nobody_taught() -> None:
    """Neither in floating point, nor without rounding errors, nor for single trades."""
    new: Any = Untaught.AUCTION
    quotes, orders = np.ones((2, 2, 1)), np.zeros((2, 2, 2, 1))
    with pytest.raises(KeyError, match="auction"):
        trade_prices(new, quotes, quotes)
    with pytest.raises(KeyError, match="auction"):
        _charges(quotes, orders, orders, new)
    with pytest.raises(KeyError, match="auction"):
        _prices(quotes, orders, new)


@pytest.mark.parametrize("pricing", Pricing)
def test_every_rule_of_pricing_says_what_is_charged(pricing: Pricing) -> None:
    bought, sold = trade_prices(pricing, np.array([2.0, 1.0]), np.array([3.0, 1.0]))
    assert (bought >= sold).all()
    assert bought[-1] == sold[-1] == 1.0
