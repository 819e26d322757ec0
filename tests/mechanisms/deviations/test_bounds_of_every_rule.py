"""Every bound claimed under any combination of rules, attacked; and none claimed under rules nobody examined."""

from __future__ import annotations

from dataclasses import fields, replace
from enum import StrEnum
from fractions import Fraction
from functools import cache
from itertools import combinations, cycle, product
from typing import cast

import numpy as np
import pytest

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.collusion.side_contracts.arbitrage import deterred_by
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations import premises as stated
from marketgame.mechanisms.deviations.bounds import BoundReason, least_bound, proven_bounds
from marketgame.mechanisms.deviations.premises import Premise
from marketgame.mechanisms.deviations.reactions import ArbitrageAfterMisquotes, WithholdingAfterMisquotes
from marketgame.mechanisms.deviations.situation import JointAction, Situation, gains, settled_gains, situation_of
from marketgame.mechanisms.economies.economy import Player
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.prices import PRICES, Prices, trade_prices
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Timing,
    Withholding,
)
from marketgame.mechanisms.market_game.settle import _SETTLED
from tests.mechanisms.adversarial_plays import Charge, adversarial_plays
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior, three_traders
from tests.mechanisms.strategies import economy_of, line, one_type

EVERY_RULE = [MarketRules(*chosen) for chosen in product(Pricing, Solvency, Bankruptcy, Coverage, Withholding, Timing)]
PREMISES = {name: premise for name, premise in vars(stated).items() if isinstance(premise, Premise)}
PLAYS = 150
PLAYS_ANSWERED = 25
# Gains and bounds are computed from utilities of some hundreds.
ROUNDING = 1e-8


def charge_of(pricing: Pricing) -> Charge:
    def charge(flows: FloatArray, quotes: FloatArray) -> FloatArray:
        bought, sold = trade_prices(pricing, quotes[:, :, None], quotes[:, None])
        charged = np.where(flows > 0, bought, sold) * flows
        if pricing is Pricing.VOID:
            charged *= (quotes[:, :, None] == quotes[:, None]).all(axis=-1)[..., None]
        return charged

    return charge


def plenty(name: str, intercepts: tuple[float, float], owned: list[float]) -> Player:
    return one_type(name, owned, Quadratic(np.array(intercepts), np.eye(2)))


@cache
def contracts() -> tuple[GrandContract, ...]:
    """Three traders of one good without transfers; a random economy of two goods with some; one with goods left over.

    In the last nobody wants all there is of the first good, somebody wants none of the second, and one owns only money.
    """
    walrasian = grand_contract(random_economy(5, random_independent_prior(5, (1, 1, 1)), goods=2, money=40.0))
    shift = np.array([[-12.0, 4.0, 8.0]])
    left_over = [
        plenty("a", (1.0, 6.0), [4.0, 1.0, 30.0]),
        plenty("b", (1.2, 5.0), [1.0, 2.0, 30.0]),
        plenty("c", (1.5, -0.5), [0.0, 0.0, 30.0]),
    ]
    return (
        grand_contract(three_traders()),
        grand_contract(walrasian.economy, walrasian.numeraire_transfers + shift),
        grand_contract(economy_of(left_over)),
    )


def largest_gain(situation: Situation, charge: Charge, generator: np.random.Generator) -> float:
    """The most that the members together gain in any of many plays."""
    count = PLAYS if situation.reaction is None else PLAYS_ANSWERED
    plays = adversarial_plays(situation, charge, generator, count)
    # Where outsiders who withhold would not cover what they owe, a play cannot be carried out: minus infinity.
    gained = settled_gains(situation, plays) - situation.obedient_gains
    return float(gained.sum(axis=-1).max(initial=0.0))


@pytest.mark.parametrize("pricing", Pricing)
@pytest.mark.parametrize("solvency", Solvency)
@pytest.mark.parametrize("bankruptcy", Bankruptcy)
def test_no_play_exceeds_a_bound_under_any_rules(pricing: Pricing, solvency: Solvency, bankruptcy: Bankruptcy) -> None:
    generator = np.random.default_rng(11)
    for contract, coverage, withholding in product(contracts(), Coverage, Withholding):
        rules = MarketRules(pricing, solvency, bankruptcy, coverage, withholding)
        for coalition in ((0,), (1,), (0, 1), (1, 2)):
            situation = situation_of(contract, 0, coalition, rules)
            # Plays are settled alike at any time: what they bring is compared with what is claimed at each.
            found = largest_gain(situation, charge_of(pricing), generator)
            for timing in Timing:
                timed = replace(situation, rules=replace(rules, timing=timing))
                for bound in proven_bounds(timed):
                    assert found <= bound.total_gain + ROUNDING, (timed.rules, coalition, bound.reason)


@pytest.mark.parametrize(
    ("execution", "refusal"),
    [
        (Execution.MATCHED, Refusal.FREE),
        (Execution.UNILATERAL, Refusal.ESCROW),
        (Execution.MATCHED, Refusal.ESCROW),
    ],
)
def test_nor_where_orders_are_matched_or_flows_executed_out_of_deposits(execution: Execution, refusal: Refusal) -> None:
    """Half of the plays are of members who order from each other what the other sells it, so that it is executed."""
    generator, contract = np.random.default_rng(13), contracts()[1]
    others = cycle(product(Solvency, Bankruptcy))
    accounting = product(Coverage, Withholding)
    for pricing, (solvency, bankruptcy), (coverage, withholding) in zip(Pricing, others, accounting, strict=False):
        rules = MarketRules(pricing, solvency, bankruptcy, coverage, withholding, execution=execution, refusal=refusal)
        for coalition in ((0,), (1, 2)):
            situation = situation_of(contract, 0, coalition, rules)
            plays = adversarial_plays(situation, charge_of(pricing), generator, 30)
            orders, members = plays.orders.copy(), list(coalition)
            among = orders[:, :, members]
            orders[::2, :, members] = (among - among.swapaxes(1, 2))[::2]
            found = gains(situation, replace(plays, orders=orders)).sum(axis=-1).max(initial=0.0)
            for bound in proven_bounds(situation):
                assert found <= bound.total_gain + ROUNDING, (rules, coalition, bound.reason)


def middleman() -> GrandContract:
    """Whoever owns little of the good and keeps it is to buy from one trader and to sell to the other."""
    traders = (("seller", 6.0, 5.0), ("middleman", 0.2, 4.2), ("buyer", 1.5, 9.0))
    return grand_contract(economy_of([one_type(name, [owned, 40.0], line(most)) for name, owned, most in traders]))


@pytest.mark.parametrize("withholding", Withholding)
def test_who_is_to_deliver_what_it_does_not_own_is_short_of_that_and_of_no_more(withholding: Withholding) -> None:
    contract = middleman()
    rules = MarketRules(withholding=withholding, execution=Execution.MATCHED)
    situation = situation_of(contract, 0, (1,), rules)
    asked = situation.prescribed.orders[0, 2, 1, 0]
    assert asked > situation.endowments[0, 1, 0]
    # It sells all the same, and buys nothing; hidden, what it owns is its own.
    orders = np.zeros((1, 3, 2))
    orders[0, 2] = -situation.prescribed.orders[0, 2, 1]
    shown = situation.endowments[0, [1]] * (np.array([1e-6, 1.0]) if withholding is Withholding.CONSUMED else 1.0)
    play = JointAction(situation.prescribed.quotes[0, [1]], orders, shown, np.zeros(1))
    gained = float(gains(situation, play)[0])
    (claimed,) = (bound for bound in proven_bounds(situation) if bound.reason is BoundReason.BUDGET_AND_FLOWS)
    assert 0.1 < gained <= claimed.total_gain
    derived = PlainBounds(PlainContract(contract, rules))
    assert derived.holds((1,), None, BoundReason.BUDGET_AND_FLOWS, Fraction(claimed.total_gain + ROUNDING))
    assert not derived.holds((1,), None, BoundReason.BUDGET_AND_FLOWS, Fraction(claimed.total_gain - ROUNDING))


@pytest.mark.parametrize("bankruptcy", Bankruptcy)
def test_after_deposits_two_who_must_quote_alike_to_trade_gain_nothing_by_any_play(bankruptcy: Bankruptcy) -> None:
    rules = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, bankruptcy, Coverage.ANNOUNCED_NUMERAIRE)
    generator, rules = np.random.default_rng(17), replace(rules, refusal=Refusal.ESCROW)
    for contract, coalition in product(contracts(), ((0, 1), (1, 2))):
        situation = situation_of(contract, 0, coalition, rules)
        assert least_bound(situation).reason is BoundReason.WEALTH
        assert (
            largest_gain(situation, charge_of(Pricing.VOID), generator) <= least_bound(situation).total_gain + ROUNDING
        )
    derived = PlainBounds(PlainContract(contracts()[1], rules))
    assert derived.weakest((0, 1), None).excludes
    # Theorem 2 does not ask what outsiders order.
    assert derived.weakest((0, 1), ArbitrageAfterMisquotes()).excludes == (bankruptcy is Bankruptcy.UNWIND)


@pytest.mark.parametrize("pricing", Pricing)
def test_nor_where_outsiders_withhold_after_misquotes(pricing: Pricing) -> None:
    generator = np.random.default_rng(12)
    others = product(Bankruptcy, Coverage, Withholding, (0.01, 0.3))
    for contract, (bankruptcy, coverage, withholding, share) in product(contracts(), others):
        rules = MarketRules(pricing, Solvency.NO_SHORT_SALES, bankruptcy, coverage, withholding)
        for coalition in ((2,), (0, 2)):
            situation = situation_of(contract, 0, coalition, rules, WithholdingAfterMisquotes(share))
            found = largest_gain(situation, charge_of(pricing), generator)
            for bound in proven_bounds(situation):
                assert found <= bound.total_gain + ROUNDING, (rules, coalition, bound.reason)


class Unheard(StrEnum):
    """Rules that nobody has proved anything about."""

    OWN_QUOTE = "own-quote"


def with_unheard(rule: str) -> MarketRules:
    """The rules under which most is proved, but for one."""
    rules = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE)
    object.__setattr__(rules, rule, Unheard.OWN_QUOTE)
    return rules


def test_every_premise_speaks_of_every_rule_of_the_market() -> None:
    assert {field.name for field in fields(Premise)} == {field.name for field in fields(MarketRules)}
    assert len(PREMISES) == 17


@pytest.mark.parametrize("rule", [field.name for field in fields(MarketRules)])
def test_nothing_but_that_there_is_no_more_is_claimed_under_a_rule_nobody_examined(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach_the_market(rule, monkeypatch)
    contract, rules = grand_contract(three_traders()), with_unheard(rule)
    for coalition in [c for size in (1, 2) for c in combinations(range(3), size)]:
        for reaction in (None, WithholdingAfterMisquotes()):
            situation = replace(situation_of(contract, 0, coalition, reaction=reaction), rules=rules)
            # The usual play is settled by rules that are known; the bounds are those of the rule that is not.
            for known in ("status_quo", "obedient_gains"):
                object.__setattr__(situation, known, np.zeros(len(coalition)))
            assert [bound.reason for bound in proven_bounds(situation)] == [BoundReason.RESOURCES]
    assert deterred_by(contract, rules) is None
    assert not any(premise.holds(rules) for premise in PREMISES.values())


def at_own_quotes(own: FloatArray, other: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A made-up rule: everybody is charged at its own quote."""
    del other
    return own, own


def teach_the_market(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the market settle by the rule that nobody has proved anything about; prices are then everybody's own."""
    if rule == "pricing":
        monkeypatch.setitem(cast("dict[str, Prices]", PRICES), Unheard.OWN_QUOTE, at_own_quotes)
    elif rule in _SETTLED:
        monkeypatch.setitem(_SETTLED, rule, {*_SETTLED[rule], Unheard.OWN_QUOTE})


def test_the_attack_breaks_bounds_claimed_for_a_rule_they_were_not_proved_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lone player who is charged at its own quote quotes next to nothing and buys everything there is.

    With "any rule but midpoint" as a premise it was proved to gain nothing.
    """
    teach_the_market("pricing", monkeypatch)
    contract = grand_contract(three_traders())
    situation = situation_of(contract, 0, (0,), with_unheard("pricing"))
    found = largest_gain(situation, charge_of(cast("Pricing", Unheard.OWN_QUOTE)), np.random.default_rng(3))
    assert found > 1.0
    (claimed,) = proven_bounds(situation)
    assert claimed.reason is BoundReason.RESOURCES
    assert found <= claimed.total_gain
    anything = replace(stated.BUDGET, pricing=stated.BUDGET.pricing | {Unheard.OWN_QUOTE})  # type: ignore[arg-type]  # not a member
    monkeypatch.setattr(stated, "BUDGET", anything)
    wrong = {bound.reason: bound.total_gain for bound in proven_bounds(situation)}
    assert wrong[BoundReason.BUDGET] < 1e-9 < found


@pytest.mark.parametrize(
    "given_up",
    [
        {"solvency": Solvency.BUDGET},
        {"pricing": Pricing.MIDPOINT},
        {"pricing": Pricing.COUNTERPARTY},
        {"bankruptcy": Bankruptcy.TRADES_STAND},
    ],
    ids=str,
)
def test_the_attack_exploits_what_a_rule_prevents_once_it_is_given_up(given_up: dict[str, StrEnum]) -> None:
    """Without coverage a member must be sacrificed for more than it owns, which random plays do not hit upon."""
    chosen = {"pricing": Pricing.SPREAD, "solvency": Solvency.NO_SHORT_SALES, "bankruptcy": Bankruptcy.UNWIND}
    rules = MarketRules(**{**chosen, "coverage": Coverage.ANNOUNCED_NUMERAIRE, **given_up})  # type: ignore[arg-type]  # enum by name
    generator = np.random.default_rng(4)
    # At the midpoint what one pays the other gets, so that budgets balance exactly or not at all: the price is 4.
    tastes = (("a", 2.0, 5.0), ("b", 1.0, 5.5), ("c", 1.5, 6.0))
    exact = grand_contract(economy_of([one_type(name, [owned, 32.0], line(most)) for name, owned, most in tastes]))
    tried = product([*contracts(), exact], ((0,), (1,), (0, 1), (1, 2)), range(4))
    found = [
        largest_gain(situation_of(contract, 0, coalition, rules), charge_of(rules.pricing), generator)
        for contract, coalition, _ in tried
    ]
    assert max(found) > 1.0


@pytest.mark.parametrize("pricing", [Pricing.COUNTERPARTY, Pricing.VOID, Pricing.SPREAD])
@pytest.mark.parametrize("coverage", Coverage)
def test_nobody_gains_more_by_others_odd_quotes_than_they_can_deliver(pricing: Pricing, coverage: Coverage) -> None:
    generator = np.random.default_rng(12)
    claimed = 0
    for contract, withholding in product(contracts(), Withholding):
        rules = MarketRules(pricing, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, coverage, withholding)
        for alone, odd in ((0, 1), (2, 0)):
            situation = situation_of(contract, 0, (alone,), rules)
            quotes, orders = (array.copy() for array in situation.prescribed.arrays[:2])
            quotes[0, odd, :-1] *= generator.uniform(0.2, 1.8, quotes.shape[-1] - 1)
            others = [player for player in range(quotes.shape[1]) if player != alone]
            orders[0, odd, others, :-1] += generator.uniform(0.0, 2.0, quotes.shape[-1] - 1)
            faced = situation.prescribing(quotes=quotes, orders=orders)
            bounds = [bound.total_gain for bound in proven_bounds(faced) if bound.reason is BoundReason.DELIVERY]
            assert len(bounds) == len(others)
            found = largest_gain(faced, charge_of(pricing), generator)
            assert found <= min(bounds) + ROUNDING
            claimed += found > 0
            standing = replace(faced, rules=replace(rules, bankruptcy=Bankruptcy.TRADES_STAND))
            assert BoundReason.DELIVERY not in {bound.reason for bound in proven_bounds(standing)}
    assert claimed
