"""No deviation exceeds a proven bound, and the rules under which the bound is zero are exactly those that matter."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.bounds import (
    BoundReason,
    bound_by_resources,
    least_bound,
    proven_bounds,
    wealth_beyond,
)
from marketgame.mechanisms.deviations.effort import Effort, Verdict
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation
from marketgame.mechanisms.deviations.reactions import ReactionsByType, WithholdingAfterMisquotes
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    Reaction,
    Situation,
    admissible,
    gains,
    obedient,
    situation_of,
    situations,
)
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency, Withholding
from tests.examples import drawn
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior, three_traders
from tests.mechanisms.strategies import economy_of, line, one_type

SLACK = 1e-7
QUICK = Effort(quote_vectors=10, local_rounds=1, seconds_per_program=3.0)
REPAIRED = MarketRules(
    pricing=Pricing.SPREAD,
    solvency=Solvency.NO_SHORT_SALES,
    bankruptcy=Bankruptcy.UNWIND,
    coverage=Coverage.ANNOUNCED_NUMERAIRE,
)
LITTLE, MORE = WithholdingAfterMisquotes(1e-3), WithholdingAfterMisquotes(0.1)
WITHHOLDING_MORE_OR_LESS = ReactionsByType(((LITTLE,), (LITTLE, MORE), (MORE,)))
SOME_PLAYING_ON = ReactionsByType(((LITTLE,), (LITTLE, None), (None,)))
ALL_RULES = [MarketRules(*chosen) for chosen in product(Pricing, Solvency, Bankruptcy, Coverage, Withholding)]


def random_contract(seed: int) -> GrandContract:
    """The grand contract of a random economy of three players, with arbitrary transfers it can bear."""
    generator = np.random.default_rng(seed)
    economy = random_economy(seed, random_independent_prior(seed, (1, 2, 1)), goods=int(generator.integers(1, 3)))
    walrasian = grand_contract(economy)
    shift = generator.normal(scale=20.0, size=walrasian.numeraire_transfers.shape)
    shift -= shift.mean(axis=1, keepdims=True)
    return grand_contract(economy, walrasian.numeraire_transfers + shift)


def random_action(situation: Situation, generator: np.random.Generator) -> JointAction:
    """Quotes and orders from the sensible to the absurd; side transfers that are sometimes large."""
    usual = obedient(situation)
    factors = generator.choice([0.0, 0.5, 1.0, 1.0, 1.0, 2.0, 50.0], size=usual.quotes.shape)
    factors[:, -1] = 1.0
    alike = generator.random() < 0.5
    scale = situation.supply[0] * generator.choice([0.0, 0.1, 1.0, 30.0])
    side = generator.normal(size=len(situation.coalition)) * generator.choice([0.0, 5.0, 200.0])
    return JointAction(
        usual.quotes * (factors[:1] if alike else factors),
        usual.orders + generator.normal(size=usual.orders.shape) * scale,
        usual.announced_endowments * generator.choice([1.0, 1.0, 0.3, 1e-3], size=(len(side), 1)),
        side - side.mean(),
    )


@given(
    seed=st.integers(0, 10_000),
    rules=st.sampled_from(ALL_RULES),
    coalition=st.sampled_from([c for size in (1, 2, 3) for c in combinations(range(3), size)]),
    reaction=st.sampled_from([None, None, WithholdingAfterMisquotes(1e-3), WITHHOLDING_MORE_OR_LESS, SOME_PLAYING_ON]),
)
@settings(max_examples=drawn(150), deadline=None)
def test_no_deviation_exceeds_a_bound(
    seed: int, rules: MarketRules, coalition: tuple[int, ...], reaction: Reaction | None
) -> None:
    contract, generator = random_contract(seed), np.random.default_rng(seed + 1)
    situation = situation_of(contract, int(generator.integers(2)), coalition, rules, reaction)
    bounds = proven_bounds(situation)
    for _ in range(15):
        action = random_action(situation, generator)
        if not admissible(situation, action):
            continue
        try:
            total = gains(situation, action).sum()
        except ValueError:  # Outsiders who withhold do not cover what they owe: the play is inadmissible.
            continue
        for bound in bounds:
            assert total <= bound.total_gain + SLACK * (1 + abs(bound.total_utility)), bound.reason


@given(seed=st.integers(0, 10_000))
@settings(max_examples=drawn(25), deadline=None)
def test_any_prices_bound_what_resources_allow_and_supporting_prices_bound_it_best(seed: int) -> None:
    situation = situation_of(random_contract(seed), 0, (0, 2))
    best = bound_by_resources(situation)
    prices = np.append(np.random.default_rng(seed).uniform(0, 15, situation.supply.shape[1] - 1), 1.0)
    other = bound_by_resources(situation, prices[None])
    assert best.total_gain <= other.total_gain + SLACK * (1 + abs(other.total_utility))


@pytest.mark.parametrize("seed", range(5))
def test_everybody_together_gains_nothing_upon_an_efficient_contract(seed: int) -> None:
    contract = random_contract(seed)
    bound = least_bound(situation_of(contract, 0, (0, 1, 2)))
    assert bound.reason is BoundReason.RESOURCES
    assert bound.total_gain == pytest.approx(0.0, abs=1e-7)


def test_a_short_seller_can_have_all_ninety_euros_and_no_more() -> None:
    contract = grand_contract(three_traders())
    for player in range(3):
        bound = least_bound(situation_of(contract, 0, (player,)))
        assert bound.reason is BoundReason.BUDGET_OR_SHORT
        assert bound.total_utility == pytest.approx(90.0)


@pytest.mark.parametrize("pricing", [Pricing.COUNTERPARTY, Pricing.VOID, Pricing.SPREAD])
@pytest.mark.parametrize("bankruptcy", Bankruptcy)
def test_one_player_gains_nothing_where_short_sales_bankrupt(pricing: Pricing, bankruptcy: Bankruptcy) -> None:
    rules = MarketRules(pricing=pricing, solvency=Solvency.NO_SHORT_SALES, bankruptcy=bankruptcy)
    for seed in range(4):
        contract = random_contract(seed)
        for player in range(3):
            bound = least_bound(situation_of(contract, 1, (player,), rules))
            assert bound.reason is BoundReason.BUDGET
            assert bound.total_gain == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("pricing", [Pricing.VOID, Pricing.SPREAD])
def test_four_rules_together_prove_every_coalition_harmless(pricing: Pricing) -> None:
    rules = MarketRules(pricing, REPAIRED.solvency, REPAIRED.bankruptcy, REPAIRED.coverage)
    for seed in range(4):
        contract = random_contract(seed)
        for size in (1, 2):
            for coalition in combinations(range(3), size):
                assert least_bound(situation_of(contract, 0, coalition, rules)).total_gain <= 1e-7


@pytest.mark.parametrize(
    ("dropped", "coalition"),
    [
        ({"pricing": Pricing.COUNTERPARTY}, (0, 1)),
        ({"pricing": Pricing.MIDPOINT}, (0,)),
        ({"solvency": Solvency.BUDGET}, (0,)),
        ({"bankruptcy": Bankruptcy.TRADES_STAND}, (0, 1)),
        ({"coverage": Coverage.UNLIMITED}, (0, 1)),
    ],
)
def test_none_of_the_four_rules_can_be_spared(dropped: dict[str, str], coalition: tuple[int, ...]) -> None:
    chosen = {"pricing": REPAIRED.pricing, "solvency": REPAIRED.solvency, "bankruptcy": REPAIRED.bankruptcy}
    rules = MarketRules(**{**chosen, "coverage": REPAIRED.coverage, **dropped})  # type: ignore[arg-type]  # enum by name
    # A member who is given up takes its endowment along, which must not be more than the outsiders' it pays for.
    five = random_economy(1, random_independent_prior(1, (1,) * 5))
    situation = situation_of(grand_contract(five), 0, coalition, rules)
    found = most_profitable_deviation(situation, effort=QUICK)
    assert found.verdict is Verdict.REFUTED
    assert found.best is not None
    assert gains(situation, found.best).sum() > 1.0


def test_the_walrasian_contract_survives_where_outsiders_withhold_after_misquotes() -> None:
    rules = MarketRules(solvency=Solvency.NO_SHORT_SALES, coverage=Coverage.ANNOUNCED_NUMERAIRE)
    contract = grand_contract(three_traders())
    for coalition in ((0, 1), (0, 2), (1, 2)):
        answered = situation_of(contract, 0, coalition, rules, WithholdingAfterMisquotes())
        assert least_bound(answered).total_gain <= 1e-9
        assert least_bound(answered).reason is BoundReason.WEALTH_OR_ALONE
        assert least_bound(situation_of(contract, 0, coalition, rules)).total_gain > 1.0


def test_who_owes_a_transfer_may_hide_what_it_owns_unless_transfers_are_covered() -> None:
    economy = three_traders()
    walrasian = grand_contract(economy)
    contract = grand_contract(economy, walrasian.numeraire_transfers + np.array([[-20.0, 10.0, 10.0]]))
    rules = MarketRules(solvency=Solvency.NO_SHORT_SALES, withholding=Withholding.CONSUMED)
    situation = situation_of(contract, 0, (0,), rules)
    usual = obedient(situation)
    hidden = JointAction(usual.quotes, 0 * usual.orders, 1e-9 * usual.announced_endowments, np.zeros(1))
    gain = gains(situation, hidden).sum()
    assert 15.0 < gain <= least_bound(situation).total_gain + SLACK
    covered = MarketRules(
        solvency=Solvency.NO_SHORT_SALES, withholding=Withholding.CONSUMED, coverage=Coverage.ANNOUNCED_NUMERAIRE
    )
    assert least_bound(situation_of(contract, 0, (0,), covered)).total_gain == pytest.approx(0.0, abs=1e-9)


def test_goods_enjoyed_together_do_not_loosen_the_bound_of_a_lone_member() -> None:
    economy = random_economy(3, random_independent_prior(3, (1, 1, 1)), goods=2)
    contract = grand_contract(economy)
    rules = MarketRules(solvency=Solvency.NO_SHORT_SALES)
    assert not economy.valuations.separable
    for player in range(3):
        assert least_bound(situation_of(contract, 0, (player,), rules)).total_gain == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("withholding", list(Withholding))
def test_the_bound_by_wealth_on_a_coalition_is_the_sum_of_its_members(seed: int, withholding: Withholding) -> None:
    contract, rules = random_contract(seed), replace(REPAIRED, withholding=withholding)
    beyond = wealth_beyond(contract, rules)
    assert beyond is not None
    numbers = {tuple(profile): number for number, profile in enumerate(contract.economy.profiles.tolist())}
    for size, reaction in product((1, 2), (None, LITTLE)):
        for coalition in combinations(range(3), size):
            for situation in situations(contract, coalition, rules, reaction):
                (bound,) = [one for one in proven_bounds(situation) if one.reason is BoundReason.WEALTH]
                rows = [numbers[tuple(profile)] for profile in situation.profiles.tolist()]
                summed = situation.probability @ beyond[rows][:, situation.members].sum(axis=1)
                assert bound.total_gain == pytest.approx(summed, rel=1e-12, abs=1e-12 * situation.stake)


def test_whoever_must_consume_what_burdens_it_has_wealth_beyond_what_it_gets() -> None:
    """The example of ``docs/collusion.md``: at price 0 the first trader is left with 1.723 more than it wants."""
    tastes, owned = (1.0, 1.2, 1.5), (4.0, 1.0, 1.5)
    players = [
        one_type(f"trader {n}", [has, 30.0], line(v)) for n, (v, has) in enumerate(zip(tastes, owned, strict=True))
    ]
    contract, burdened = grand_contract(economy_of(players)), replace(REPAIRED, withholding=Withholding.CONSUMED)
    beyond, wasted = wealth_beyond(contract, burdened), wealth_beyond(contract, REPAIRED)
    assert beyond is not None
    assert wasted is not None
    used = sum(tastes) / sum(owned)
    left = np.array(owned) * (1 - used)
    np.testing.assert_allclose(beyond[0], left**2 / 2, atol=1e-12)
    np.testing.assert_allclose(wasted[0], 0, atol=1e-12)


@pytest.mark.parametrize(
    "rules", [replace(REPAIRED, pricing=Pricing.MIDPOINT), replace(REPAIRED, coverage=Coverage.UNLIMITED)]
)
def test_wealth_bounds_nothing_member_by_member_where_it_bounds_no_coalition(rules: MarketRules) -> None:
    assert wealth_beyond(random_contract(0), rules) is None
