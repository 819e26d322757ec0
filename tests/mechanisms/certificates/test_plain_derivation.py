"""The second derivation of what certificates say, against engines and attacks: no two certificates disagree."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from itertools import combinations, islice, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.deviation import Claim, certify_deviation
from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.deviating import PlainAction, deviation
from marketgame.mechanisms.certificates.plain.settlement import PlainPlay, settled
from marketgame.mechanisms.certificates.side_contract import certify_side_contract
from marketgame.mechanisms.certificates.stability import certify_stability
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.side_contracts.cells import knowledge_of
from marketgame.mechanisms.collusion.side_contracts.side_contract import Clause, SideContract, status_quo_utilities
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.deviations.situation import JointAction, Situation, obedient, situations, stacked
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Withholding,
)
from marketgame.mechanisms.market_game.settle import Engine, settle
from tests.examples import drawn
from tests.mechanisms.adversarial_plays import adversarial_plays
from tests.mechanisms.deviations.test_bounds_of_every_rule import EVERY_RULE, Unheard, charge_of
from tests.mechanisms.private_value_economies import random_economy, three_traders
from tests.mechanisms.strategies import FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data(), bundle=st.lists(st.floats(1e-6, 8.0), min_size=2, max_size=2))
@settings(max_examples=drawn(30), deadline=None)
def test_values_and_tangents_are_those_of_the_families(family: str, data: st.DataObject, bundle: list[float]) -> None:
    point, valuation = np.array(bundle), data.draw(FAMILIES[family](2))
    assert float(valuation.exact_value(exact(bundle))) == close(valuation.value(point))
    worth, gradient = valuation.exact_tangent(exact(bundle))
    assert float(worth) == close(valuation.value(valuation.dispose(point)))
    for found, wanted in zip(gradient, valuation.supergradient(point), strict=True):
        assert found is not None
        assert float(found) == close(wanted)


def close(wanted: FloatArray) -> object:
    return pytest.approx(float(wanted), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
@given(
    data=st.data(),
    bundle=st.lists(st.floats(1e-6, 8.0), min_size=2, max_size=2),
    other=st.lists(st.floats(0.0, 8.0), min_size=2, max_size=2),
)
@settings(max_examples=drawn(30), deadline=None)
def test_no_bundle_is_worth_more_than_the_tangent_says(
    family: str, data: st.DataObject, bundle: list[float], other: list[float]
) -> None:
    valuation = data.draw(FAMILIES[family](2))
    worth, gradient = valuation.exact_tangent(exact(bundle))
    for marginal, here, there in zip(gradient, exact(bundle), exact(other), strict=True):
        assert marginal is not None
        worth += marginal * (there - here)
    # Logarithms and powers have 60 digits, of which differences may lose some.
    assert valuation.exact_value(exact(other)) <= worth + abs(worth) / 10**30


whole = st.integers(-3, 3).map(float)


@given(data=st.data(), rules=st.sampled_from(EVERY_RULE), players=st.integers(2, 4))
@settings(max_examples=150, deadline=None)
def test_plays_of_whole_numbers_are_settled_as_the_engine_settles_them(
    data: st.DataObject, rules: MarketRules, players: int
) -> None:
    """Sums of small whole numbers and halves are exact in floating point, ties of budgets and holdings included."""
    goods, draw = 2, np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    quotes = np.concatenate((draw.integers(0, 4, (players, goods - 1)), np.ones((players, 1))), axis=1).astype(float)
    if draw.random() < 0.5:
        quotes[:] = quotes[0]
    orders = draw.integers(-3, 4, (players, players, goods)).astype(float)
    announced = draw.integers(0, 5, (players, goods)).astype(float)
    transfers = np.maximum(draw.integers(-3, 4, players), -announced[:, -1]).astype(float)
    plain = settled(PlainPlay.of(quotes, orders, announced, transfers), rules)
    engine = settle(Play(quotes, orders, announced, transfers), rules, engine=Engine.NUMPY)
    assert plain.bankrupt == engine.bankrupt.tolist()
    np.testing.assert_allclose(np.array(plain.cost, dtype=float), engine.cost, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.array(plain.allocation, dtype=float), engine.allocation, rtol=0, atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1), rules=st.sampled_from(EVERY_RULE), escrow=st.booleans())
@settings(max_examples=60, deadline=None)
def test_orders_that_are_the_same_to_everybody_add_up_to_what_they_are_pair_by_pair(
    seed: int, rules: MarketRules, escrow: bool
) -> None:
    """Players who quote one price and order one thing from all are settled without looking at pairs."""
    draw = np.random.default_rng(seed)
    players = int(draw.integers(2, 6))
    if escrow:
        rules = replace(rules, execution=Execution.MATCHED, refusal=Refusal.ESCROW)
    price = exact([float(draw.integers(0, 4)), 1.0])
    to_each = np.zeros((players, 2)) if escrow else draw.integers(-2, 3, (players, 2)).astype(float)
    owned = draw.integers(0, 9, (players, 2)).astype(float)
    orders = [exact(row) for row in to_each]
    announced = [exact(row) for row in owned]
    transfers = exact(np.maximum(draw.integers(-3, 9, players), -owned[:, -1]).astype(float))
    together = PlainPlay([price] * players, [[own] * players for own in orders], announced, transfers)
    # Equal numbers that are other objects are not known to be equal.
    by_pair = PlainPlay(
        [list(price) for _ in orders], [[list(own) for _ in orders] for own in orders], announced, transfers
    )
    assert settled(together, rules) == settled(by_pair, rules)


def random_contract(seed: int, money: float, goods: int) -> GrandContract:
    """Random tastes, types and payments; one player of two types, who may or may not be told apart by prices."""
    generator = np.random.default_rng(seed)
    counts = [(1, 1, 1), (2, 1, 1), (1, 2, 2)][int(generator.integers(3))]
    prior = IndependentPrior([generator.dirichlet(np.full(count, 3.0)) for count in counts])
    economy = random_economy(seed, prior, goods=goods, money=money)
    if generator.random() < 0.5:
        return grand_contract(economy)
    efficient = efficient_allocation(economy)
    return GrandContract(economy, efficient, expected_externality_transfers(economy, efficient))


def attacks(situation: Situation, generator: np.random.Generator, count: int) -> list[JointAction]:
    """Adversarial plays, some of them with huge orders on top that cancel."""
    plays = adversarial_plays(situation, charge_of(situation.rules.pricing), generator, count)
    found = []
    for number in range(len(plays.side_transfers)):
        action = plays[number]
        if len(situation.coalition) > 1 and generator.random() < 0.5:
            orders, (one, other) = action.orders.copy(), situation.coalition[:2]
            orders[0, other, -1] += 10.0 ** generator.integers(6, 17)
            orders[1, one, -1] += orders[0, other, -1]
            action = replace(action, orders=orders)
        found.append(action)
    return found


@given(
    seed=st.integers(0, 10_000),
    rules=st.sampled_from(EVERY_RULE),
    money=st.sampled_from([100.0, 1e9]),
    goods=st.integers(1, 2),
)
@settings(max_examples=drawn(40), deadline=None)
def test_no_play_exceeds_a_bound_in_exact_arithmetic(seed: int, rules: MarketRules, money: float, goods: int) -> None:
    generator = np.random.default_rng(seed)
    contract = random_contract(seed, money, goods)
    plain = PlainContract(contract, rules)
    bounds = PlainBounds(plain)
    coalition = ((0,), (1,), (0, 1), (1, 2))[int(generator.integers(4))]
    for situation in islice(situations(contract, coalition, rules), 2):
        numbers = [plain.number[tuple(map(int, profile))] for profile in situation.profiles]
        assert numbers in plain.cells(coalition)
        proven = list(bounds.in_cell(coalition, numbers, None))
        likely = sum(plain.probability[number] for number in numbers)
        for action in attacks(situation, generator, 6):
            total = Fraction(0)
            for number in numbers:
                play = deviation(plain, number, coalition, PlainAction.of(action), None)
                try:
                    ended, obeyed = plain.ended(play, number), plain.obeyed(number)
                except ValueError:  # A transfer is not covered.
                    break
                gain = sum(ended.utility[member] - obeyed.utility[member] for member in coalition)
                total += plain.probability[number] * gain / likely
            else:
                for bound in proven:
                    assert total <= bound.gain, (rules, coalition, bound.reason)


@given(
    seed=st.integers(0, 10_000),
    rules=st.sampled_from(
        [
            MarketRules(pricing, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE, withholding)
            for pricing, withholding in product((Pricing.VOID, Pricing.SPREAD), Withholding)
        ]
        + [MarketRules.no_short_sales(), MarketRules()]
    ),
    money=st.sampled_from([100.0, 1e6, 1e9]),
)
@settings(max_examples=10, deadline=None)
def test_a_deviation_and_the_proof_that_there_is_none_are_never_both_confirmed(
    seed: int, rules: MarketRules, money: float
) -> None:
    generator = np.random.default_rng(seed)
    contract = random_contract(seed, money, 1)
    coalitions = [one for size in (1, 2, 3) for one in combinations(range(3), size)]
    for coalition in coalitions:
        proof = certify_stability(contract, rules, [coalition])
        # Whether truth is best is another matter than what coalitions do after it.
        bound_fails = [one for one in verify(proof).failures if "could gain" in one or "efficient" in one]
        if bound_fails or len(coalition) == 3:
            continue
        for situation in islice(situations(contract, coalition, rules), 2):
            for action, claim in product(attacks(situation, generator, 3), Claim):
                try:
                    certificate = certify_deviation(situation, action, contract, claim)
                except ValueError:
                    continue
                assert not verify(certificate).confirmed, (coalition, claim)


@given(
    seed=st.integers(0, 10_000),
    pricing=st.sampled_from((Pricing.VOID, Pricing.SPREAD)),
    withholding=st.sampled_from(Withholding),
)
@settings(max_examples=6, deadline=None)
def test_nor_are_a_side_contract_and_that_proof(seed: int, pricing: Pricing, withholding: Withholding) -> None:
    """Lotteries over attacks, after reports, with side-transfers: an improvement would have to create wealth."""
    generator = np.random.default_rng(seed)
    rules = MarketRules(pricing, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE, withholding)
    contract = random_contract(seed, 100.0, 1)
    coalition = (0, 1)
    proof = certify_stability(contract, rules, [coalition])
    assert not [one for one in verify(proof).failures if "could gain" in one]
    knowledge = knowledge_of(contract, coalition, rules)
    clauses = []
    for cell in knowledge.cells:
        drawn = [obedient(cell.situation), *attacks(cell.situation, generator, 2)]
        side = np.zeros(2)
        actions = stacked([replace(action, side_transfers=side) for action in drawn])
        clauses.append(Clause(cell.reports, cell.profiles, actions, generator.dirichlet(np.ones(len(drawn)))))
    kept = status_quo_utilities(knowledge)
    agreed = SideContract(coalition, Concept.BIC, knowledge.information, tuple(clauses), kept, kept)
    try:
        certificate = certify_side_contract(contract, rules, agreed)
    except ValueError:
        return
    verification = verify(certificate)
    assert not verification.mismatches
    assert any("somebody must gain" in failure for failure in verification.failures)


def test_every_rule_of_the_market_is_understood_and_no_other() -> None:
    contract = grand_contract(three_traders())
    for rules in EVERY_RULE:
        assert PlainContract(contract, rules).obeyed(0).bankrupt == [False, False, False]
    for field in fields(MarketRules):
        strange = MarketRules()
        object.__setattr__(strange, field.name, Unheard.OWN_QUOTE)
        with pytest.raises(ValueError, match=f"the rule {field.name} own-quote is not one that can be replayed"):
            PlainContract(contract, strange)
