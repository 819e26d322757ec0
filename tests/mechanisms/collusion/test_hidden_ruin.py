"""Where trades stand, who loses may be told so, if what ruins it is hidden: Theorem 23, played."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Pricing, Solvency
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.strategies import economy_of, line, one_type

SPREAD = MarketRules(Pricing.SPREAD, Solvency.NO_SHORT_SALES, Bankruptcy.TRADES_STAND)
COUNTERPARTY = replace(SPREAD, pricing=Pricing.COUNTERPARTY)
RULES = pytest.mark.parametrize("rules", [SPREAD, COUNTERPARTY], ids=lambda rules: rules.pricing.value)
WINNER, LOSER = 0, 1
KEYS = 8


@dataclass(frozen=True, eq=False)
class Draw:
    """What is played when 0 wins and 1 loses, whatever the number that 0 alone is told: ``(K, ...)`` by that number."""

    contract: GrandContract
    rules: MarketRules
    quotes: FloatArray
    orders: FloatArray
    apart: float

    @property
    def all_the_money(self) -> float:
        return float(self.contract.endowments[0, :, 1].sum())

    def settled(self, quotes: FloatArray | None = None, orders: FloatArray | None = None) -> Outcome:
        asked, ordered = self.quotes if quotes is None else quotes, self.orders if orders is None else orders
        owned, batch = self.contract.endowments[0], ordered.shape[0]
        play = settle(
            Play(
                np.broadcast_to(asked, (batch, *asked.shape[-2:])),
                ordered,
                np.broadcast_to(owned, (batch, *owned.shape)),
                np.broadcast_to(self.contract.transfers[0], (batch, len(owned))),
            ),
            self.rules,
        )
        return Outcome(self.enjoyed(play.net_consumption(owned)), play.bankrupt)

    def enjoyed(self, net: FloatArray) -> FloatArray:
        """Return utilities counted from those of having nothing."""
        economy, owned = self.contract.economy, self.contract.endowments[0]
        profiles = np.broadcast_to(economy.profiles[0], net.shape[:-1])
        return economy.gains(profiles, net) - economy.gains(economy.profiles[0], -owned)

    @property
    def obeying(self) -> FloatArray:
        """What everybody enjoys under the contract."""
        economy, owned = self.contract.economy, self.contract.endowments[0]
        obeying: FloatArray = self.contract.gains[0] - economy.gains(economy.profiles[0], -owned)
        return obeying

    @property
    def everything(self) -> float:
        """What the winner enjoys at most in the limit: all money, and its own good, or all of that, too."""
        owned = self.contract.endowments[0]
        left = owned[WINNER, 0] if self.rules.pricing is Pricing.SPREAD else owned[:, 0].sum()
        net = -owned
        net[WINNER] += (left, self.all_the_money)
        return float(self.enjoyed(net)[WINNER])


@dataclass(frozen=True, eq=False)
class Outcome:
    """Utilities from having nothing, and who is bankrupt, ``(K, N)``."""

    enjoyed: FloatArray
    bankrupt: BooleanArray


def draw(seed: int, rules: MarketRules, players: int = 3) -> Draw:
    """Of some traders of one good 0 wins: it alone knows how much money it lets flow from 1 to all others."""
    generator = np.random.default_rng(seed)
    numbers = generator.uniform((0.3, 100.0, 12.0), (3.0, 200.0, 17.0), (players, 3))
    traders = [one_type(f"trader {k}", [good, money], line(wants)) for k, (good, money, wants) in enumerate(numbers)]
    made = grand_contract(economy_of(traders))
    told, owned = made.recommend(made.economy.profiles[0]), made.endowments[0]
    quotes, orders, money = told.quotes.copy(), told.orders.copy(), float(owned[:, 1].sum())
    price = float(told.quotes[0, 0])
    orders[:2, 2:] = told.orders[2:, :2].swapaxes(0, 1)
    orders[:2, :2] = 0.0
    # It pays for a little more than it claims, as large numbers are rounded.
    lacking = float(np.ceil(money - owned[WINNER, 1]))
    if rules.pricing is Pricing.SPREAD:
        dear = 2.0 ** np.ceil(np.log2(1e5 * money))
        quotes[:2, 0] = dear
        orders[WINNER, LOSER] = -(lacking + 1.0) / dear, lacking
    else:
        dear = price
        quotes[LOSER, 0] = 0.0
        resold = 2.0 * (lacking + price * owned[:, 0].sum()) / price
        orders[WINNER, LOSER] = resold + 2.0 * owned[:, 0].sum(), lacking
        orders[WINNER, 2, 0] -= resold
    apart = 2.0 ** np.ceil(np.log2(2.0 * (dear * owned[LOSER, 0] + money)))
    hidden = np.broadcast_to(orders, (KEYS, *orders.shape)).copy()
    number = apart * np.arange(1.0, KEYS + 1.0)
    hidden[:, WINNER, LOSER, 1] += number * (players - 2)
    hidden[:, WINNER, 2:, 1] -= number[:, None]
    return Draw(made, rules, quotes, hidden, float(apart))


@RULES
@pytest.mark.parametrize("players", [3, 5])
def test_whoever_wins_has_nearly_all_there_is_and_to_take_turns_is_an_improvement(
    rules: MarketRules, players: int
) -> None:
    played = draw(players, rules, players)
    ended = played.settled()
    assert not ended.bankrupt[:, WINNER].any()
    assert ended.bankrupt[:, 1:].all()
    assert ended.enjoyed[:, WINNER] == pytest.approx(played.everything, rel=1e-4)
    # Each wins half of the time, with as much to win.
    assert (ended.enjoyed[:, WINNER] > 2.0 * played.obeying[:2].max()).all()


@RULES
@pytest.mark.parametrize("seed", range(3))
def test_whoever_is_told_that_it_loses_lives_after_one_number_at_most_whatever_it_does(
    rules: MarketRules, seed: int
) -> None:
    played, generator, tries = draw(seed, rules), np.random.default_rng(seed), 60
    owned = played.contract.endowments[0, LOSER]
    quotes = np.broadcast_to(played.quotes, (tries, 3, 2)).copy()
    quotes[:, LOSER, 0] *= 10.0 ** generator.uniform(-3, 1, tries)
    quotes[generator.random(tries) < 0.5, LOSER, 0] = played.contract.price[0, 0]
    # It guesses a number, and orders back what it is to give, from whoever it likes; it may trade besides.
    guess = generator.integers(KEYS, size=tries)
    ordered = np.zeros((tries, 3, 2))
    back = generator.random(tries) < 0.5
    ordered[back, WINNER] = played.orders[guess[back], WINNER, LOSER]
    ordered[:, 2] = played.orders[guess, 2, LOSER]
    missing = played.orders[guess, WINNER, LOSER, 1] - ordered[:, WINNER, 1]
    ordered[np.arange(tries), generator.choice([WINNER, 2], tries), 1] += missing
    sold = generator.choice([0.0, 1.0], tries) * generator.uniform(0.0, owned[0], tries)
    ordered[:, WINNER, 0] -= sold
    ordered[:, WINNER, 1] += sold * generator.uniform(0.0, 1.0, tries) * quotes[:, :, 0].max(axis=1)
    orders = np.broadcast_to(played.orders, (tries, KEYS, 3, 3, 2)).copy()
    orders[:, :, LOSER] = ordered[:, None]
    ended = played.settled(np.repeat(quotes, KEYS, axis=0), orders.reshape(-1, 3, 3, 2))
    lives = ~ended.bankrupt[:, LOSER].reshape(tries, KEYS)
    assert (lives.sum(axis=1) <= 1).all()
    # A guess that is right does save it: that is why the number must be hidden.
    assert lives.any()


@pytest.mark.parametrize("seed", range(3))
def test_whoever_wins_by_a_speck_cannot_do_better_at_any_quotes(seed: int) -> None:
    played, generator = draw(seed, SPREAD), np.random.default_rng(seed)
    kept = played.settled().enjoyed[0, WINNER]
    plays, price = 400, float(played.contract.price[0, 0])
    orders = np.broadcast_to(played.orders[0], (plays, 3, 3, 2)).copy()
    quotes = np.broadcast_to(played.quotes, (plays, 3, 2)).copy()
    dear = quotes[0, LOSER, 0]
    quotes[:, WINNER, 0] = generator.choice([0.0, price, dear, 2.0 * dear, 100.0 * price], plays)
    # More or less is sold dear, and more or less good and money is claimed, from the loser or the outsider.
    orders[:, WINNER, 1] += generator.normal(size=(plays, 2)) * 10.0 ** generator.uniform(-6, 2, (plays, 1)) * [1e-6, 1]
    orders[:, WINNER, 1, 0] += np.where(quotes[:, WINNER, 0] == 0.0, generator.uniform(0, 10, plays), 0.0)
    orders[:, WINNER, 2] += generator.normal(size=(plays, 2)) * 10.0 ** generator.uniform(-6, 1, (plays, 1))
    ended = played.settled(quotes, orders)
    assert (ended.enjoyed[:, WINNER] > 0.0).any()
    assert ended.enjoyed[:, WINNER].max() <= kept + 1e-2
