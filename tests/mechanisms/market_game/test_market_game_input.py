"""What the market game refuses, by name, and that what it returns cannot be changed."""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from marketgame.mechanisms.market_game.exact_test import (
    _price,
    _prices,
    rationals,
)
from marketgame.mechanisms.market_game.settlement import (
    Engine,
    MarketRules,
    Settlement,
    _charges,
    consumption,
    net_consumption,
    settle,
)
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
        settle(*messages, rules=rules, engine=engine)
    ended = settle(*messages)
    for consumed in (consumption, net_consumption):
        with pytest.raises(NotImplementedError, match=f"{name} 'auction'"):
            consumed(ended, messages[2], messages[2], rules)


def test_no_charge_is_known_for_a_price_that_nobody_taught() -> None:
    """Neither in floating point, nor without rounding errors, nor in rationals."""
    new: Any = Untaught.AUCTION
    quotes, orders = np.ones((2, 2, 1)), np.zeros((2, 2, 2, 1))
    with pytest.raises(AssertionError):
        _charges(quotes, orders, orders, new)
    with pytest.raises(NotImplementedError):
        _prices(quotes, orders, new)
    (one,) = rationals([1.0])
    with pytest.raises(AssertionError):
        _price(one, one, one, new)
