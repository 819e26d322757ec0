"""What players send in a play of the market game, at random or as a contract recommends, and how plays compare."""

from __future__ import annotations

import itertools
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from marketgame.mechanisms.contracts.recommended_orders import granted_for_rounding, orders_to_each
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Pricing, Solvency
from marketgame.mechanisms.market_game.settle import Engine, _compiles
from marketgame.mechanisms.market_game.settlement import Settlement

if TYPE_CHECKING:
    from marketgame.mechanisms.arrays import FloatArray

SETTLING_RULES = [MarketRules(*options) for options in itertools.product(Pricing, Solvency, Bankruptcy)]
COMPILED_RULES = [rules for rules in SETTLING_RULES if _compiles(rules)]


def by_rules(rules: list[MarketRules]) -> pytest.MarkDecorator:
    """Test under each of these rules, by name."""
    return pytest.mark.parametrize("rules", rules, ids=lambda r: f"{r.pricing}-{r.solvency}-{r.bankruptcy}")


needs_numba = pytest.mark.skipif(not find_spec("numba"), reason="needs Numba")
each_engine = pytest.mark.parametrize("engine", [Engine.NUMPY, pytest.param(Engine.COMPILED, marks=needs_numba)])


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


def assert_same(first: Settlement, second: Settlement, tolerance: float) -> None:
    np.testing.assert_array_equal(first.reason, second.reason)
    np.testing.assert_array_equal(first.bankrupt, second.bankrupt)
    for name in ("cost", "net_trade", "claim", "allocation", "wasted"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-12, atol=tolerance)


def grand_contract(
    price: FloatArray, endowments: FloatArray, bundles: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Quotes, orders and transfers of the contract in the proof of Theorem 1, orders to oneself included."""
    players = len(endowments)
    net_trades = (bundles - endowments)[np.newaxis]
    each = orders_to_each(net_trades)
    granted = granted_for_rounding(price[np.newaxis], each, net_trades)
    orders = np.repeat(each[0][:, np.newaxis], players, axis=1)
    return np.tile(price, (players, 1)), orders, net_trades[0] @ price + granted
