"""Recommended orders carry out planned trades exactly enough that nobody who obeys fails, and grant next to nothing."""

from __future__ import annotations

import itertools
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract, walrasian_payments
from marketgame.mechanisms.contracts.recommended_orders import granted_for_rounding, orders_to_each
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.profiles import seeded
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Pricing, Solvency
from marketgame.mechanisms.market_game.settle import settle
from marketgame.mechanisms.market_game.settlement import Settlement
from tests.examples import drawn

SEEDS = st.integers(0, 2**32 - 1)
ALL_RULES = [MarketRules(*options) for options in itertools.product(Pricing, Solvency, Bankruptcy)]
# No power of two, so that converting units rounds every number.
UNITS = st.sampled_from([1e-9, 1e9, 3.7e5, 1.0, 0.1, 7e-4])
MOST_PROFILES = 20
SHIPPED = sorted(path.name for path in ECONOMIES.glob("*.toml"))
PRECISION = float(np.finfo(np.float64).eps)


class Plan(NamedTuple):
    """What is quoted, ``(P, L)``, owned and to be traded, ``(P, N, L)`` each, the same price in every profile."""

    price: FloatArray
    endowments: FloatArray
    net_trades: FloatArray

    @property
    def value(self) -> FloatArray:
        """Value of what each player is to trade, ``(P, N)``."""
        value: FloatArray = (self.price[:, None] * np.abs(self.net_trades)).sum(axis=-1)
        return value


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Redistributions, at any scale, in which some sell all they have, some have nothing, and player 0 may do nothing.

    Half of them let everybody pay for what it buys.
    """
    generator = np.random.default_rng(draw(SEEDS))
    profiles, players, goods = draw(st.integers(1, 3)), draw(st.integers(2, 12)), draw(st.integers(2, 4))
    price = np.tile(10.0 ** generator.uniform(-3, 6, goods), (profiles, 1))
    price[:, -1] = 1.0
    owned = generator.uniform(0, 1, (profiles, players, goods)) * 10.0 ** generator.uniform(-3, 6, goods)
    owned *= generator.random(owned.shape) < 0.8
    wanted = generator.random(owned.shape) * (generator.random(owned.shape) < 0.7)
    if draw(st.booleans()):
        owned[:, 0] = wanted[:, 0] = 0.0
    total = wanted.sum(axis=1, keepdims=True)
    owned *= total > 0
    bundles = wanted / np.where(total > 0, total, 1.0) * owned.sum(axis=1, keepdims=True)
    net_trades = bundles - owned
    if draw(st.booleans()):
        net_trades[..., -1] = -(net_trades[..., :-1] * price[:, None, :-1]).sum(axis=-1)
        owned[..., -1] = np.maximum(-net_trades[..., -1], 0.0) * generator.choice([1.0, 2.0], owned.shape[:-1])
    return Plan(price, owned, net_trades)


def in_other_units(plan: Plan, money: float, goods: float) -> Plan:
    """Return a plan with money counted in other units, and goods too: every number is rounded anew."""
    units = np.append(np.full(plan.price.shape[-1] - 1, goods), money)
    return Plan(plan.price * (money / units), plan.endowments * units, plan.net_trades * units)


def obeyed(plan: Plan, rules: MarketRules, gone: FloatArray | None = None) -> Settlement:
    """Settle the play of a plan, players whose share of ``gone`` is positive failing their budget, ``(N,)``."""
    orders = orders_to_each(plan.net_trades)
    granted = granted_for_rounding(plan.price, orders, plan.net_trades)
    transfers = (plan.price[:, None] * plan.net_trades).sum(axis=-1) + granted
    if gone is not None:
        transfers = transfers - gone * (1.0 + 10.0 * plan.value.sum(axis=1).max())
    players = orders.shape[1]
    quotes = np.repeat(plan.price[:, None], players, axis=1)
    return settle(Play(quotes, np.repeat(orders[:, :, None], players, axis=2), plan.endowments, transfers), rules)


@pytest.mark.parametrize("rules", ALL_RULES, ids=lambda r: f"{r.pricing}-{r.solvency}-{r.bankruptcy}")
@settings(deadline=None, max_examples=drawn(40))
@given(plans())
def test_nobody_who_obeys_is_bankrupt_whatever_the_rules(rules: MarketRules, plan: Plan) -> None:
    settlement = obeyed(plan, rules)
    players = plan.net_trades.shape[1]
    assert not settlement.bankrupt.any()
    # Planned trades add up to zero but for the rounding of endowments, which may be far larger than what is traded.
    excess = np.abs(plan.net_trades.sum(axis=1)).max(axis=0)
    traded = np.abs(plan.net_trades).sum(axis=1).max(axis=0)
    assert (np.abs(settlement.change - plan.net_trades) <= 2 * excess + 4 * (players + 8) * PRECISION * traded).all()


@settings(deadline=None, max_examples=100)
@given(plans())
def test_everybody_is_delivered_what_it_is_due_and_sells_no_more_than_it_is_told(plan: Plan) -> None:
    orders = orders_to_each(plan.net_trades)
    players = orders.shape[1]
    for profile, good in np.ndindex(len(orders), orders.shape[2]):
        exact = [Fraction(order) for order in orders[profile, :, good].tolist()]
        assert sum(exact) <= 0
        for order, planned in zip(exact, plan.net_trades[profile, :, good].tolist(), strict=True):
            assert players * order >= planned if order < 0 else planned >= 0 or order == 0


@settings(deadline=None, max_examples=100)
@given(plans())
def test_next_to_nothing_is_granted_for_rounding_and_nothing_to_who_trades_nothing(plan: Plan) -> None:
    orders = orders_to_each(plan.net_trades)
    granted = granted_for_rounding(plan.price, orders, plan.net_trades)
    # A coalition has at least half of the value of its trades at stake: it owns or receives what it trades. The rest is
    # the rounding of what all trade, and of endowments where these do not quite add up.
    own, total = plan.value.max(axis=0), plan.value.sum(axis=1).max()
    excess = np.abs(plan.net_trades.sum(axis=1)).max(axis=0) @ plan.price[0]
    rounding = 2 * excess + 4 * (orders.shape[1] + 8) * PRECISION * total
    assert (granted <= 1.2e-10 * own + rounding).all()
    assert (granted >= 1e-11 * own).all()


@settings(deadline=None, max_examples=50)
@given(plans(), SEEDS)
def test_orders_tell_no_more_than_the_net_trade_and_no_matter_who_has_which_number(plan: Plan, seed: int) -> None:
    # The same net trade is the same order in every profile, and names of players do not matter.
    generator = np.random.default_rng(seed)
    to = generator.permutation(plan.net_trades.shape[1])
    both = np.concatenate((plan.net_trades, plan.net_trades[:, to]))
    orders = orders_to_each(both)
    np.testing.assert_array_equal(orders[len(plan.price) :], orders[: len(plan.price)][:, to])
    flat, planned = orders.reshape(-1, orders.shape[2]), both.reshape(-1, orders.shape[2])
    for good in range(orders.shape[2]):
        _, first = np.unique(planned[:, good], return_inverse=True)
        for group in range(first.max() + 1):
            assert len(np.unique(flat[first == group, good])) == 1


@cache
def shipped_contract(name: str) -> GrandContract:
    """Return a contract at every profile, or at one that is drawn where there are too many."""
    economy = load_economy(ECONOMIES / name)
    if not economy.prior.obstacle:
        return grand_contract(economy)
    efficient = efficient_allocation(economy, economy.prior.draws(seeded(), 1).profiles)
    return GrandContract(economy, efficient, walrasian_payments(economy, efficient))


@settings(deadline=None, max_examples=drawn(15))
@given(st.data())
@pytest.mark.parametrize("name", SHIPPED)
def test_nobody_who_obeys_a_shipped_contract_is_bankrupt_in_any_units(name: str, data: st.DataObject) -> None:
    contract = shipped_contract(name)
    some = slice(MOST_PROFILES)
    plan = Plan(contract.efficient.price[some], contract.endowments[some], contract.net_trades[some])
    rescaled = in_other_units(plan, data.draw(UNITS), data.draw(UNITS))
    assert not any(obeyed(rescaled, rules).bankrupt.any() for rules in ALL_RULES)


@pytest.mark.parametrize("rules", ALL_RULES, ids=lambda r: f"{r.pricing}-{r.solvency}-{r.bankruptcy}")
@settings(deadline=None, max_examples=drawn(30))
@given(plans(), UNITS, UNITS)
def test_nobody_who_obeys_is_bankrupt_in_any_units(rules: MarketRules, plan: Plan, money: float, goods: float) -> None:
    assert not obeyed(in_other_units(plan, money, goods), rules).bankrupt.any()


@pytest.mark.parametrize("pricing", Pricing)
@settings(deadline=None, max_examples=drawn(60))
@given(st.data())
def test_who_is_left_with_the_trades_of_some_of_the_others_is_solvent_in_any_units(
    pricing: Pricing, data: st.DataObject
) -> None:
    # Everybody's net trade is worth nothing, so that trades with any of the others cost nothing, but for rounding. Net
    # trades of similar size: what is granted for the difference is limited by the own trades.
    generator = np.random.default_rng(data.draw(SEEDS))
    players, goods = data.draw(st.integers(2, 8)), data.draw(st.integers(2, 4))
    price = 10.0 ** generator.uniform(-3, 3, (1, goods))
    price[:, -1] = 1.0
    net_trades = generator.normal(0, 1, (1, players, goods)) / price[:, None]
    net_trades -= net_trades.mean(axis=1, keepdims=True)
    net_trades[..., -1] = -(net_trades[..., :-1] * price[:, None, :-1]).sum(axis=-1)
    plan = Plan(price, np.maximum(-net_trades, 0.0), net_trades)
    gone = (generator.random(players) < 0.4).astype(float)
    rules = MarketRules(pricing, bankruptcy=Bankruptcy.UNWIND)
    bankrupt = obeyed(in_other_units(plan, data.draw(UNITS), data.draw(UNITS)), rules, gone).bankrupt
    np.testing.assert_array_equal(bankrupt[0], gone > 0)
