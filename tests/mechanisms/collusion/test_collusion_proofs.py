"""What ``docs/collusion.md`` proves, played: every step of a proof that says what somebody gets, and every number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.side_contracts.arbitrage import Temptation, deterred_by
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.deviations.bounds import BoundReason, least_bound
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation
from marketgame.mechanisms.deviations.reactions import WithholdingAfterMisquotes
from marketgame.mechanisms.deviations.situation import JointAction, gains, obedient, situation_of
from marketgame.mechanisms.economies.economy import Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuations import Abatement, Quadratic
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency, Withholding
from marketgame.mechanisms.market_game.settle import settle
from tests.examples import drawn
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior, three_traders
from tests.mechanisms.strategies import economy_of, line, one_type

FOUR_RULES = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE)
CONSUMED = replace(FOUR_RULES, withholding=Withholding.CONSUMED)
ARBITRAGE_RULES = MarketRules.no_short_sales()


def satiated() -> GrandContract:
    """Three traders who want 3.7 units of a good of which there are 6.5; its price is zero."""
    tastes = zip("abc", (1.0, 1.2, 1.5), (4.0, 1.0, 1.5), strict=True)
    return grand_contract(economy_of([one_type(name, [owned, 30.0], line(wanted)) for name, wanted, owned in tastes]))


def dumping(contract: GrandContract, rules: MarketRules) -> float:
    """What the owner gains by handing at price zero what it does not want to another player."""
    situation = situation_of(contract, 0, (0,), rules)
    usual = obedient(situation)
    orders = situation.prescribed.orders[0][None, :, 0].copy()
    owned = situation.endowments[0, 0]
    orders[0, 1, 0] += contract.efficient.bundles[0, 0, 0] - owned[0]
    return float(gains(situation, JointAction(usual.quotes, orders, owned[None], np.zeros(1))).sum())


def test_who_must_consume_what_efficiency_leaves_over_hands_it_on() -> None:
    """Theorem 2 and Proposition 1 need that obedience gives everybody its utility at x*.

    The contract has the owner of 4 announce 4 * 3.7 / 6.5 and so withhold 1.7231 beyond the one unit it wants. Where
    it must consume these, they cost it 1.7231 ** 2 / 2 = 1.4845, and it regains exactly that by giving them away.
    """
    contract = satiated()
    loss = (4 * (1 - 3.7 / 6.5)) ** 2 / 2
    assert loss == pytest.approx(1.48, abs=5e-3)
    for rules in (CONSUMED, replace(CONSUMED, pricing=Pricing.COUNTERPARTY)):
        assert dumping(contract, rules) == pytest.approx(loss, rel=1e-9)
        assert least_bound(situation_of(contract, 0, (0,), rules)).total_gain == pytest.approx(loss, rel=1e-9)


@pytest.mark.parametrize("coalition", [(0,), (1,), (0, 1), (1, 2)])
def test_where_it_is_wasted_or_nobody_minds_it_nobody_gains(coalition: tuple[int, ...]) -> None:
    assert least_bound(situation_of(satiated(), 0, coalition, FOUR_RULES)).total_gain == pytest.approx(0, abs=1e-12)

    def permits(wanted: float) -> Abatement:
        return Abatement(np.ones(1), np.zeros(1), np.array([wanted]))

    owned = {"a": (1.0, 4.0), "b": (1.2, 1.0), "c": (1.5, 1.5)}
    indifferent = economy_of([one_type(name, [had, 30.0], permits(most)) for name, (most, had) in owned.items()])
    situation = situation_of(grand_contract(indifferent), 0, coalition, CONSUMED)
    assert least_bound(situation).total_gain == pytest.approx(0, abs=1e-12)


def two_pairs() -> GrandContract:
    """Two buyers and two sellers alike: the price is 4.5, and each pair does for itself as well as all together."""
    pairs = [
        (f"buyer {k}", [0.0, 30.0], 8.0) if who == 0 else (f"seller {k}", [4.0, 30.0], 5.0)
        for k in (1, 2)
        for who in (0, 1)
    ]
    return grand_contract(economy_of([one_type(name, owned, line(wanted)) for name, owned, wanted in pairs]))


def test_a_pair_on_the_boundary_of_the_core_gains_the_share_that_outsiders_still_announce() -> None:
    """Theorem 3: V_e(S) - sum of u* is at most e times what outsiders own at the members' marginal values.

    A Walrasian allocation is in the core, not inside it: each pair of the two is worth alone what it gets. The others
    own 4 units at 4.5 and 60 of money, 78 together; of the 1% of it that they still announce the pair gets 0.78 less
    what marginal values fall by: 0.04 units more between two cost 0.04 ** 2 / 4 = 0.0004.
    """
    share, worth = 0.01, 4 * 4.5 + 60
    rules = replace(ARBITRAGE_RULES, coverage=Coverage.ANNOUNCED_NUMERAIRE)
    situation = situation_of(two_pairs(), 0, (0, 1), rules, WithholdingAfterMisquotes(share))
    exact = share * worth - (share * 4) ** 2 / 4
    bound = least_bound(situation)
    assert bound.reason is BoundReason.WEALTH_OR_ALONE
    assert bound.total_gain == pytest.approx(exact, rel=1e-9)
    found = most_profitable_deviation(situation)
    assert 0.999 * exact < found.value <= exact


def test_inside_the_core_by_more_than_that_share_nobody_gains() -> None:
    rules = replace(ARBITRAGE_RULES, coverage=Coverage.ANNOUNCED_NUMERAIRE)
    for coalition in ((0, 1), (0, 2), (1, 2)):
        answered = situation_of(grand_contract(three_traders()), 0, coalition, rules, WithholdingAfterMisquotes(1e-3))
        # But for what the contract grants for rounding, 1e-11 of the value of what members trade.
        assert least_bound(answered).total_gain <= 1e-9


def others_orders(contract: GrandContract, generator: np.random.Generator) -> FloatArray:
    """The contract's orders, with any at all of player 1's."""
    told = contract.recommend(contract.economy.profiles[0])
    orders: FloatArray = told.orders.copy()
    orders[1] += generator.normal(scale=20.0, size=orders[1].shape)
    return orders


def wanting_contract(seed: int) -> GrandContract:
    """Four traders who want more of two goods than there is."""
    economy = random_economy(seed, random_independent_prior(seed, (1, 1, 1, 1)), goods=2)
    contract = grand_contract(economy)
    shift = np.random.default_rng(seed).normal(scale=5.0, size=(1, 4))
    return grand_contract(economy, contract.numeraire_transfers + shift - shift.mean())


@given(seed=st.integers(0, 10_000), low=st.booleans())
@settings(max_examples=drawn(40), deadline=None)
def test_a_member_who_sees_a_misquote_takes_everything(seed: int, low: bool) -> None:
    """Proposition 4, first step: 1 misquotes and orders anything; 0 buys where a good is cheap and sells where dear.

    Whatever is ordered from it stays below some number, and it orders more than that.
    """
    contract, generator = wanting_contract(seed), np.random.default_rng(seed)
    told = contract.recommend(contract.economy.profiles[0])
    quotes, orders = told.quotes.copy(), others_orders(contract, generator)
    quotes[1, 0] *= 0.5 if low else 3.0
    cheap, dear = (1, 2) if low else (2, 1)
    margin = abs(quotes[1, 0] - quotes[2, 0])
    announced = contract.endowments[0]
    claims = 1e4 * announced.sum(axis=0)
    orders[0] = orders[:, 0]
    orders[0, 3] += claims
    profit = float(quotes[3] @ claims) + 1e4
    orders[0, cheap, 0] += profit / margin
    orders[0, dear, 0] -= profit / margin
    play = settle(Play(quotes, orders, announced, told.transfers), ARBITRAGE_RULES)
    assert not play.bankrupt[0]
    np.testing.assert_allclose(play.allocation[0], announced.sum(axis=0), rtol=1e-9)


@given(seed=st.integers(0, 10_000), owed=st.floats(-0.9, 2.0))
@settings(max_examples=drawn(40), deadline=None)
def test_who_returns_to_the_common_price_and_guesses_the_others_orders_keeps_its_wealth(seed: int, owed: float) -> None:
    """Proposition 4, second step: player 0 quotes p and cancels what is ordered from it.

    Then it lets money run through its hands from player 1 to all others, more than anybody can pay for or deliver: the
    others are over their budgets, 1 is short of money, and nobody's claim competes with 0's. It takes its wealth in
    money, as far as there is any. Its transfer may be anything that leaves it some wealth.
    """
    contract, generator = wanting_contract(seed), np.random.default_rng(seed)
    told = contract.recommend(contract.economy.profiles[0])
    orders, announced = others_orders(contract, generator), contract.endowments[0]
    price = told.quotes[0]
    worth = float(price @ announced[0])
    transfers = told.transfers.copy()
    transfers[1] += transfers[0] - owed * worth
    transfers[0] = owed * worth
    much = 1e6
    orders[0] = orders[:, 0]
    orders[0, 1, -1] += much * (len(announced) - 2)
    orders[0, 2:, -1] -= much
    # It gives its goods for money, but for what rounding might make it short of: what it can claim with its wealth.
    orders[0, 1, :-1] -= (1 - 1e-9) * announced[0, :-1]
    orders[0, 1, -1] += worth + transfers[0] - announced[0, -1] - 1e-6
    play = settle(Play(told.quotes, orders, announced, transfers), ARBITRAGE_RULES)
    np.testing.assert_array_equal(play.bankrupt, [False, True, True, True])
    money = min(worth + transfers[0] - 1e-6, float(announced[:, -1].sum()))
    np.testing.assert_allclose(play.allocation[0], [0.0, 0.0, money], atol=1e-6)


def test_a_good_that_burdens_whoever_lacks_another_keeps_the_argument_from_applying() -> None:
    """With complements a gradient may be positive at the aggregate, (2, 2), and negative at (2, 0)."""
    together = Quadratic(np.array([3.0, 3.0]), np.array([[2.0, -1.5], [-1.5, 2.0]]))
    owned = ([0.7, 0.6, 50.0], [0.7, 0.5, 50.0], [0.6, 0.9, 50.0])
    economy = economy_of([one_type(name, had, together) for name, had in zip("abc", owned, strict=True)])
    assert (together.gradient(np.array([2.0, 2.0])) > 0).all()
    assert together.gradient(np.array([2.0, 0.0]))[0] < 0
    assert deterred_by(grand_contract(economy), ARBITRAGE_RULES) is None
    milder = Quadratic(np.array([3.0, 3.0]), np.array([[1.4, -1.0], [-1.0, 1.4]]))
    economy = economy_of([one_type(name, had, milder) for name, had in zip("abc", owned, strict=True)])
    assert deterred_by(grand_contract(economy), ARBITRAGE_RULES) is Temptation.ARBITRAGE


def test_the_profile_may_be_told_by_what_everybody_is_to_trade() -> None:
    """Where the first trader wants much, the third wants nothing at the price: transfers can tell others its type."""

    def kinds(name: str, owned: float, wanted: tuple[float, ...]) -> Player:
        tastes = [Quadratic(np.array([most]), np.array([[0.5]])) for most in wanted]
        return Player(
            name,
            tuple(
                PlayerType(f"{most}", np.array([owned, 30.0]), taste)
                for most, taste in zip(wanted, tastes, strict=True)
            ),
        )

    economy = economy_of([kinds("a", 2.0, (10.0, 4.0)), kinds("b", 2.0, (9.0,)), kinds("c", 1.0, (7.0, 7.4))])
    efficient = efficient_allocation(economy, economy.profiles)
    told = GrandContract(economy, efficient, expected_externality_transfers(economy, efficient))
    assert len(np.unique(told.price, axis=0)) == len(economy.profiles) - 1
    assert deterred_by(grand_contract(economy), ARBITRAGE_RULES) is None
    assert deterred_by(told, ARBITRAGE_RULES) is Temptation.ARBITRAGE
