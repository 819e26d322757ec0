"""The program of the best orders at given quotes, against brute force, settlement and the proven bounds."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.deviations.bounds import least_bound
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation
from marketgame.mechanisms.deviations.order_search import best_orders
from marketgame.mechanisms.deviations.quotes import quote_patterns
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    Replies,
    Situation,
    admissible,
    gains,
    obedient,
    played,
    situation_of,
    stacked,
    utilities,
    with_replies,
)
from marketgame.mechanisms.deviations.stage_two import StageTwo
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Power, Quadratic
from marketgame.mechanisms.market_game.plays import joined
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    MarketRules,
    Pricing,
    Solvency,
    Timing,
    Withholding,
)
from tests.examples import drawn
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior, three_traders
from tests.mechanisms.slow_deviations import menu, slow_utilities
from tests.mechanisms.strategies import economies, economy_of

RULES = st.builds(
    MarketRules,
    pricing=st.sampled_from(Pricing),
    solvency=st.sampled_from(Solvency),
    bankruptcy=st.sampled_from(Bankruptcy),
    coverage=st.sampled_from(Coverage),
    withholding=st.sampled_from(Withholding),
    timing=st.just(Timing.SIMULTANEOUS),
)


SETTLED_ONCE = MarketRules(bankruptcy=Bankruptcy.TRADES_STAND, coverage=Coverage.UNLIMITED)
REPAIRED = MarketRules(
    solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND, coverage=Coverage.ANNOUNCED_NUMERAIRE
)


class Buying:
    """Outsiders who buy from the first player once they see quotes that are not the contract's."""

    def __call__(self, situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        orders = situation.prescribed.orders[draw].copy()
        orders[1:, 0] += 0.3 * situation.supply[draw] * np.array([1.0, -quotes[0, 0]])
        return Replies(orders, 0.7 * situation.prescribed.announced_endowments[draw])


QUICK = Effort(seconds_per_program=5.0)


@st.composite
def situations(draw: st.DrawFn, players: tuple[int, ...] = (2, 3)) -> Situation:
    """Grand contracts of random economies with one type each, and a coalition of any size."""
    count = draw(st.sampled_from(players))
    prior = random_independent_prior(0, (1,) * count)
    economy = random_economy(draw(st.integers(0, 500)), prior, goods=1, money=draw(st.sampled_from([30.0, 60.0])))
    coalition = draw(st.sampled_from([c for s in range(1, count + 1) for c in itertools.combinations(range(count), s)]))
    try:
        contract = grand_contract(economy)
    except ValueError:
        assume(False)
        raise
    return situation_of(contract, 0, coalition, draw(RULES))


def with_second_draw(situation: Situation, generator: np.random.Generator) -> Situation:
    """The same with even odds that the outsiders order something else."""
    orders = situation.prescribed.orders.copy()
    orders[:, situation.outsiders] *= generator.choice([0.0, 0.5, 2.0])
    return replace(
        situation,
        probability=np.array([0.5, 0.5]),
        profiles=np.repeat(situation.profiles, 2, axis=0),
        prescribed=joined([situation.prescribed, replace(situation.prescribed, orders=orders)]),
    )


def agreement(situation: Situation, generator: np.random.Generator) -> Situation:
    """The same players agree on anything: misquotes, orders beyond all means, half-truths, somebody in the red."""
    quotes, orders, announced, transfers = (array.copy() for array in situation.prescribed.arrays)
    supply = situation.supply[0]
    for player in range(quotes.shape[1]):
        if generator.random() < 0.6:
            quotes[0, player, :-1] *= generator.choice([0.0, 0.5, 1.3, 20.0], size=len(supply) - 1)
        if generator.random() < 0.6:
            extra = generator.normal(size=orders.shape[2:]) * supply * generator.choice([0.1, 1.0, 30.0])
            if generator.random() < 0.5:
                extra[:, -1] = -(extra * quotes[0])[:, :-1].sum(axis=-1)
            orders[0, player] += extra
        if generator.random() < 0.3:
            announced[0, player] *= generator.random()
    agreed = situation.prescribing(quotes=quotes, orders=orders, announced_endowments=announced)
    poor = generator.integers(quotes.shape[1])
    cost = played(replace(agreed, rules=SETTLED_ONCE), obedient(agreed)).cost[0, poor]
    missing = generator.choice([-1e-3, 0.0, 1e-9, 1e-6, 1e-3]) * float(situation.prescribed.quotes[0, 0] @ supply)
    if generator.random() < 0.5 and -(cost - missing) <= announced[0, poor, -1]:
        transfers[0, poor] = cost - missing
    covered = np.maximum(transfers, -announced[..., -1])
    return agreed.prescribing(transfers=covered)


def actions_in_the_box(situation: Situation, quotes: FloatArray, generator: np.random.Generator) -> JointAction:
    """Random joint actions whose transfers are covered: near what is prescribed, near no trade, or anywhere."""
    stage = StageTwo(with_replies(situation, quotes), situation, QUICK.order_limit)
    least, most = (limit * stage.unit for limit in stage.order_limits)
    members, told = situation.members, stage.unchanged
    # What flows between two members is ordered by the first of them.
    first = np.ones((*told.orders.shape[:2], 1))
    first[:, members] = np.triu(np.ones((len(members), len(members))), 1)[..., None]
    net = told.orders.copy()
    net[:, members] -= told.orders[:, members].swapaxes(0, 1)
    untouched = stage.orders[0][:, members].swapaxes(0, 1) * stage.unit
    actions = [told]
    for _ in range(150):
        noise = generator.normal(size=net.shape) * stage.unit * 10.0 ** generator.uniform(-4, 1)
        sparse = noise * (generator.random(net.shape) < 0.5)
        paid = sparse.copy()
        paid[..., -1] = -(sparse * situation.prescribed.quotes[0])[..., :-1].sum(axis=-1)
        anywhere = least + (most - least) * generator.random(net.shape)
        orders = (net + sparse, net + paid, untouched + sparse, untouched + paid, anywhere)[generator.integers(5)]
        owned = situation.endowments[0, members]
        shown = (owned, told.announced_endowments, owned * generator.random(owned.shape))[generator.integers(3)]
        side = generator.normal(size=len(members)) * stage.money * generator.choice([0.0, 0.01, 0.3])
        actions.append(JointAction(quotes, first * np.clip(orders, least, most), shown, side - side.mean()))
    batch = stacked(actions)
    return batch[admissible(situation, batch)]


def within_the_limit(situation: Situation, quotes: FloatArray, actions: JointAction) -> BooleanArray:
    """Which joint actions keep to the effort's limit on orders; between members only the difference counts."""
    stage = StageTwo(with_replies(situation, quotes), situation, QUICK.order_limit)
    least, most = (limit * stage.unit for limit in stage.order_limits)
    members = situation.members
    net = actions.orders.copy()
    net[..., members, :] -= actions.orders[..., members, :].swapaxes(-2, -3)
    inside: BooleanArray = ((least <= net) & (net <= most)).all(axis=(-1, -2, -3))
    return inside


def menu_sizes(situation: Situation) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Grids of flows, announcements and side transfers, coarser for more pairs."""
    pairs = len(situation.coalition) * situation.prescribed.quotes.shape[1]
    sizes = {2: (-4.0, -1.0, -0.3, 0.0, 0.2, 0.7, 3.0), 3: (-2.0, -0.4, 0.0, 0.5, 2.0)}.get(pairs, (-1.0, 0.0, 0.7))
    return sizes, (1.0, 0.5), (-0.2, 0.0, 0.2)


def admissible_menu(situation: Situation, quotes: FloatArray) -> tuple[JointAction, FloatArray]:
    """All joint actions of the menu whose transfers are covered, and what each member enjoys."""
    actions = menu(situation, quotes, *menu_sizes(situation))
    if situation.rules.coverage is Coverage.ANNOUNCED_NUMERAIRE:
        owed = situation.prescribed.transfers[:, situation.members].min(axis=0) + actions.side_transfers
        actions = actions[(owed >= -actions.announced_endowments[..., -1]).all(axis=-1)]
    return actions, utilities(situation, actions)


@settings(max_examples=drawn(15), deadline=None)
@given(situations(), st.integers(0, 10_000), st.sampled_from(Objective), st.booleans(), st.booleans())
def test_no_joint_action_of_a_finite_menu_beats_the_programs_bound_or_the_proven_one(
    situation: Situation, seed: int, objective: Objective, two_draws: bool, reacting: bool
) -> None:
    generator = np.random.default_rng(seed)
    if two_draws:
        situation = with_second_draw(situation, generator)
    if reacting:
        situation = replace(situation, reaction=Buying(), rules=replace(situation.rules, timing=Timing.PRICES_FIRST))
    patterns = quote_patterns(situation)
    quotes = patterns[generator.integers(len(patterns))]
    facing = with_replies(situation, quotes)
    actions, enjoyed = admissible_menu(facing, quotes)
    assume(len(enjoyed) > 0)
    gained = enjoyed - situation.status_quo
    values = gained.sum(axis=-1) if objective is Objective.TOTAL else gained.min(axis=-1)
    found = best_orders(situation, quotes, objective, QUICK)
    scale = float(situation.prescribed.quotes[0, 0] @ situation.supply[0])
    # At enormous quotes the menu's payments may exceed the limit that the program's bound is stated for.
    inside = values[within_the_limit(situation, quotes, actions)]
    assert inside.max(initial=-np.inf) <= found.bound + 1e-5 * scale
    assert found.value <= found.bound + 1e-6 * scale
    best = actions[int(np.argmax(values))]
    assert slow_utilities(facing, best) == pytest.approx(utilities(situation, best), abs=1e-7 * scale)
    proven = least_bound(situation).total_gain
    assert gained.sum(axis=-1).max() <= proven + 1e-7 * scale
    assert found.best is None or found.gains.sum() <= proven + 1e-7 * scale


@settings(max_examples=drawn(40), deadline=None)
@given(situations(), st.integers(0, 10_000), st.sampled_from(Objective), st.booleans())
def test_whatever_is_agreed_the_programs_bound_excludes_neither_obedience_nor_any_orders_in_the_box(
    situation: Situation, seed: int, objective: Objective, misquoting: bool
) -> None:
    generator = np.random.default_rng(seed)
    situation = agreement(situation, generator)
    patterns = quote_patterns(situation)
    quotes = patterns[generator.integers(len(patterns))] if misquoting else obedient(situation).quotes
    actions = actions_in_the_box(situation, quotes, generator)
    assume(len(actions.orders) > 0)
    gained = gains(situation, actions)
    values = gained.sum(axis=-1) if objective is Objective.TOTAL else gained.min(axis=-1)
    found = best_orders(situation, quotes, objective, QUICK)
    scale = float((situation.prescribed.quotes[0] @ situation.supply[0]).min())
    assert np.isfinite(found.bound)
    assert found.bound >= values.max() - 1e-5 * scale
    assert found.bound >= found.value - 1e-5 * scale
    if not misquoting:
        assert found.bound >= -1e-5 * scale


def small_changes(situation: Situation) -> JointAction:
    """A lone member's told orders, and a little more of the first good from one player at that player's quote."""
    told, quotes = obedient(situation), situation.prescribed.quotes[0]
    actions = [told]
    for other, share in itertools.product(situation.outsiders, (-0.1, -0.01, 0.01, 0.1)):
        orders = told.orders.copy()
        amount = share * situation.supply[0, 0]
        orders[0, other, 0] += amount
        orders[0, other, -1] -= amount * quotes[other, 0]
        actions.append(replace(told, orders=orders))
    return stacked(actions)


@pytest.mark.parametrize("objective", Objective)
@pytest.mark.parametrize("quoted", [(0.0, 0.0), (0.0, 1.0), (1e3, 1e3)])
def test_a_lone_party_to_an_agreement_to_rob_does_at_least_as_well_as_by_small_changes(
    quoted: tuple[float, float], objective: Objective
) -> None:
    pair = situation_of(grand_contract(three_traders()), 0, (0, 1), REPAIRED)
    quotes = obedient(pair).quotes * np.column_stack([quoted, np.ones(2)])
    robbery = best_orders(pair, quotes, objective, QUICK)
    assert robbery.best is not None
    play = played(pair, robbery.best).play
    for member in pair.coalition:
        alone = replace(pair, coalition=(member,), prescribed=play)
        found = best_orders(alone, play.quotes[0, [member]])
        small = gains(alone, small_changes(alone)).max()
        assert found.value >= small - 1e-6
        assert found.bound >= found.value - 1e-3
        assert most_profitable_deviation(alone, effort=Effort(quote_vectors=1)).value >= small - 1e-6


@pytest.mark.parametrize("bankruptcy", Bankruptcy)
@pytest.mark.parametrize("missing", [1e-9, 1e-6, 1e-3])
def test_obedience_is_not_excluded_where_somebody_fails_by_a_hair_beyond_the_members_influence(
    bankruptcy: Bankruptcy, missing: float
) -> None:
    rules = MarketRules(pricing=Pricing.VOID, bankruptcy=bankruptcy)
    contract = situation_of(grand_contract(three_traders()), 0, (0,), rules)
    quotes = contract.prescribed.quotes * np.array([1.1, 1.0, 1.0])[:, None] ** np.array([1.0, 0.0])
    unsettled = contract.prescribing(quotes=quotes)
    cost = played(unsettled, obedient(unsettled)).cost
    transfers = np.where(np.arange(3) == 2, cost - missing, cost)
    situation = unsettled.prescribing(transfers=transfers)
    assert played(situation, obedient(situation)).bankrupt[0, 2]
    assert best_orders(situation, obedient(situation).quotes).bound >= 0.0


@settings(max_examples=drawn(15), deadline=None)
@given(situations(), st.integers(0, 10_000), st.sampled_from(Objective))
def test_reported_gains_are_those_of_an_independent_settlement(
    situation: Situation, seed: int, objective: Objective
) -> None:
    patterns = quote_patterns(situation)
    quotes = patterns[np.random.default_rng(seed).integers(len(patterns))]
    found = best_orders(situation, quotes, objective, QUICK)
    assert found.best is not None
    settled = slow_utilities(situation, found.best) - slow_utilities(situation, obedient(situation))
    scale = float(situation.prescribed.quotes[0, 0] @ situation.supply[0])
    assert found.gains == pytest.approx(settled, abs=1e-6 * scale)
    assert found.gains == pytest.approx(gains(situation, found.best), abs=0)
    assert found.best.side_transfers.sum() == pytest.approx(0.0, abs=1e-9 * scale)


@settings(max_examples=drawn(12), deadline=None)
@given(economies(counts=st.sampled_from([(1, 1), (1, 1, 1)]), goods=st.integers(1, 2)), RULES, st.integers(0, 10_000))
def test_bounds_hold_for_every_family_of_valuations(economy: Economy, rules: MarketRules, seed: int) -> None:
    try:
        contract = grand_contract(economy)
    except ValueError:
        assume(False)
        raise
    situation = situation_of(contract, 0, (0,), rules)
    patterns = quote_patterns(situation)
    quotes = patterns[np.random.default_rng(seed).integers(len(patterns))]
    found = best_orders(situation, quotes, Objective.TOTAL, QUICK)
    scale = float(situation.prescribed.quotes[0, 0] @ situation.supply[0])
    assert found.value <= found.bound + 1e-5 * scale
    assert found.value <= least_bound(situation).total_gain + 1e-7 * scale


def test_bounds_hold_where_the_first_speck_of_a_good_is_worth_infinitely_much() -> None:
    steep = Power(np.array([0.2, 0.2]), np.zeros(2), np.array([0.2, 0.2]))
    flat = Quadratic(np.zeros(2), 0.2 * np.eye(2))
    kinds = (PlayerType("steep", np.array([0.2, 0.2, 50.0]), steep), PlayerType("flat", np.array([0, 0, 50.0]), flat))
    economy = economy_of([Player(kind.name, (kind,)) for kind in kinds])
    for rules in (MarketRules(), REPAIRED):
        situation = situation_of(grand_contract(economy), 0, (0,), rules)
        for quotes in quote_patterns(situation):
            found = best_orders(situation, quotes, Objective.TOTAL, QUICK)
            assert np.isfinite(found.bound)
            assert found.value <= found.bound + 1e-9


def test_program_closes_the_gap_in_the_worked_example_under_all_rules_of_settlement() -> None:
    contract = grand_contract(three_traders())
    for pricing, solvency, bankruptcy in itertools.product(Pricing, Solvency, Bankruptcy):
        rules = MarketRules(pricing=pricing, solvency=solvency, bankruptcy=bankruptcy)
        situation = situation_of(contract, 0, (0,), rules)
        found = best_orders(situation, obedient(situation).quotes)
        scale = float(situation.prescribed.quotes[0, 0] @ situation.supply[0])
        assert found.bound - found.value <= 1e-5 * scale


def test_everybody_together_gains_nothing_in_total_whatever_is_quoted() -> None:
    contract = grand_contract(three_traders())
    for pricing, solvency in itertools.product((Pricing.COUNTERPARTY, Pricing.MIDPOINT), Solvency):
        situation = situation_of(contract, 0, (0, 1, 2), MarketRules(pricing=pricing, solvency=solvency))
        for quotes in quote_patterns(situation)[:3]:
            found = best_orders(situation, quotes, Objective.TOTAL, QUICK)
            assert found.value <= 1e-9
            assert found.bound <= 1e-4


def test_draws_that_members_cannot_tell_apart_are_met_by_one_joint_action() -> None:
    situation = situation_of(grand_contract(three_traders()), 0, (0, 1), MarketRules())
    uncertain = with_second_draw(situation, np.random.default_rng(0))
    found = most_profitable_deviation(uncertain, effort=Effort(quote_vectors=4, local_rounds=0))
    assert found.verdict is Verdict.REFUTED
    assert found.best is not None
    settled = slow_utilities(uncertain, found.best) - slow_utilities(uncertain, obedient(uncertain))
    assert found.gains == pytest.approx(settled, abs=1e-6)
    assert found.value <= found.bound


def test_weights_favour_the_member_who_counts_more() -> None:
    situation = situation_of(grand_contract(three_traders()), 0, (0, 1), MarketRules())
    quotes = obedient(situation).quotes
    first = best_orders(situation, quotes, weights=np.array([1.0, 0.1]))
    second = best_orders(situation, quotes, weights=np.array([0.1, 1.0]))
    assert first.gains[0] > second.gains[0]
    assert first.gains[1] < second.gains[1]


def test_quotes_and_weights_that_do_not_fit_are_refused() -> None:
    situation = situation_of(grand_contract(three_traders()), 0, (0, 1), MarketRules())
    with pytest.raises(ValueError, match="must fit 2 members and 2 goods"):
        best_orders(situation, np.ones((3, 2)))
    with pytest.raises(ValueError, match="weights be at least 0"):
        best_orders(situation, np.ones((2, 2)), weights=np.array([1.0, -1.0]))
