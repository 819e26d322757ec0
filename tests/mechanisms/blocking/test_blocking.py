"""Claims about blocking: Myerson's plans and proofs, an independent program, and refusals of what is false."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import (
    BlockingPlan,
    CoalitionLimits,
    Invitation,
    NoBlockingPlan,
    Normalisation,
    Support,
    find_blocking_plan,
    finely_inhibitive,
    inhibitive,
    proof,
    replay,
    search,
    support_residuals,
)
from marketgame.mechanisms.coalitional_games.game import ActionSet, Coalition, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import stakes
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.search import find_core_allocation
from marketgame.mechanisms.core.variant import CoreVariant
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights, hydraulic_weights
from tests.examples import drawn
from tests.mechanisms import random_games
from tests.mechanisms.balanced_games import lemons
from tests.mechanisms.myerson_examples import EQUAL_GAINS, EXAMPLE_1, EXAMPLE_2, VIRTUALLY_EQUITABLE, pooling

SEEDS = st.integers(0, 2**32 - 1)
KEEP, TRADE = 0, 1
LOW, HIGH = 0, 1


def random_game(generator: np.random.Generator, players: int = 2, types: int = 2, actions: int = 2) -> CoalitionalGame:
    everybody = range(players)
    sets = {
        coalition: ActionSet(
            tuple(f"action {c}" for c in range(actions)),
            generator.normal(size=(actions, size, types**players)) + 0.4 * size,
        )
        for size in range(1, players + 1)
        for coalition in itertools.combinations(everybody, size)
    }
    return CoalitionalGame(
        tuple(f"player {i}" for i in everybody),
        tuple(tuple(f"type {k}" for k in range(types)) for _ in everybody),
        tuple(generator.dirichlet(np.full(types, 3.0)) for _ in everybody),
        sets,
    )


def random_case(seed: int, level: float | None = None) -> tuple[CoalitionalGame, FloatArray]:
    generator = np.random.default_rng(seed)
    game = random_game(generator, int(generator.integers(2, 4)), int(generator.integers(1, 4)))
    height = generator.uniform(0.5, 3.0) if level is None else level
    return game, generator.normal(scale=0.3, size=(len(game.profiles), len(game.players))) + height


def profit_of(verdict: BlockingPlan | NoBlockingPlan) -> float:
    return verdict.profit if isinstance(verdict, BlockingPlan) else 0.0


def possible_invitations(
    game: CoalitionalGame, support: Support
) -> list[tuple[Coalition, Coalition, tuple[int, ...], int]]:
    """Every coalition, whose types are known, these types, and action."""
    result = []
    for coalition in game.coalitions:
        known = coalition if support is Support.COARSE else game.grand_coalition
        for types in itertools.product(*(range(game.type_counts[i]) for i in known)):
            result += [(coalition, known, types, action) for action in range(len(game.actions[coalition].names))]
    return result


def enumerated_profit(
    game: CoalitionalGame, omega: FloatArray, normalisation: Normalisation, support: Support
) -> float:
    """Program (15) written out with loops, one entry at a time, and solved by SciPy."""
    number = {tuple(profile): row for row, profile in enumerate(game.profiles.tolist())}
    columns = possible_invitations(game, support)
    types = [(i, k) for i, count in enumerate(game.type_counts) for k in range(count)]

    def invited(column: int, t: tuple[int, ...]) -> bool:
        _, known, named, _ = columns[column]
        return named == tuple(t[i] for i in known)

    def gain(player: int, truth: int, report: int) -> FloatArray:
        row = np.zeros(len(types) + len(columns))
        row[types.index((player, report))] += 1
        for t in number:
            if t[player] != truth:
                continue
            others = np.prod([game.type_probabilities[j][t[j]] for j in range(len(t)) if j != player])
            said = (*t[:player], report, *t[player + 1 :])
            for c, (coalition, _, _, action) in enumerate(columns):
                if player in coalition and invited(c, said):
                    utility = game.actions[coalition].utilities[action, coalition.index(player), number[t]]
                    row[len(types) + c] += others * (utility - omega[number[t], player])
        return row

    rows = [-gain(i, k, k) for i, k in types]
    rows += [gain(i, k, r) - gain(i, k, k) for i, k in types for r in range(game.type_counts[i]) if r != k]
    sizes = [[1.0] * len(columns)]
    if normalisation is Normalisation.EVERY_PROFILE:
        sizes = [[float(invited(c, t)) for c in range(len(columns))] for t in number]
    rows += [np.concatenate([np.zeros(len(types)), size]) for size in sizes]
    limits = np.concatenate([np.zeros(len(rows) - len(sizes)), np.ones(len(sizes))])
    cost = np.concatenate([[game.type_probabilities[i][k] for i, k in types], np.zeros(len(columns))])
    bounds = [(None, None)] * len(types) + [(0, None)] * len(columns)
    answer = optimize.linprog(cost, np.array(rows), limits, bounds=bounds)
    assert answer.status == 0
    assert answer.fun is not None
    return float(-answer.fun)


def test_the_equal_gains_mechanism_is_blocked_by_the_plan_of_the_paper_at_the_highest_price() -> None:
    omega = stakes(EXAMPLE_1, EQUAL_GAINS)
    assert omega == pytest.approx(np.array([[0.5, 0.5], [1 / 18, 1 / 18]]))
    plan = find_blocking_plan(EXAMPLE_1, omega)
    assert isinstance(plan, BlockingPlan)
    # The buyer pays up to its indifference, 6 - 1/18, where the paper lets it keep a little.
    assert plan.profit == pytest.approx(((6 - 1 / 18) / 2 - 5.5 / 2) / 9)
    assert plan.profit == pytest.approx(2 / 81)
    assert plan.profit_bound == pytest.approx(2 / 81)
    named = {(one.coalition, one.types, one.action): one.probability for one in plan.invitations}
    assert named == {((0,), (HIGH,), KEEP): pytest.approx(8 / 9), ((0, 1), (HIGH, 0), TRADE): pytest.approx(1 / 9)}
    assert plan.payments[0] == pytest.approx([0.0, 5.5 / 9])


def test_the_plan_printed_in_section_5_is_tenable_and_earns_a_forty_fifth() -> None:
    invitations = (Invitation((0,), (HIGH,), KEEP, 8 / 9), Invitation((0, 1), (HIGH, 0), TRADE, 1 / 9))
    payments = (np.array([0.0, 5.5 / 9]), np.array([-5.9 / 18]))
    played = replay(EXAMPLE_1, stakes(EXAMPLE_1, EQUAL_GAINS), invitations, payments)
    assert played.tenable()
    assert played.profit == pytest.approx(1 / 45)
    assert played.total_probability == pytest.approx(1.0)


def test_the_virtually_equitable_mechanism_is_supported_by_the_multipliers_of_the_paper() -> None:
    omega = stakes(EXAMPLE_1, VIRTUALLY_EQUITABLE)
    proof = find_blocking_plan(EXAMPLE_1, omega)
    assert isinstance(proof, NoBlockingPlan)
    assert proof.virtual.multipliers[0] == pytest.approx(np.array([[0.0, 1 / 8], [0.0, 0.0]]))
    assert proof.virtual.weights[0] == pytest.approx([3 / 8, 5 / 8])
    assert proof.residuals.acceptable


@pytest.mark.parametrize("price", [3.0, 3.25, 3.5])
def test_pooling_without_severance_is_blocked_in_example_2(price: float) -> None:
    omega = stakes(EXAMPLE_2, pooling(price))
    plan = find_blocking_plan(EXAMPLE_2, omega)
    assert isinstance(plan, BlockingPlan)
    assert plan.profit >= (2 - price / 2) / 2 - 1e-9
    often = find_blocking_plan(EXAMPLE_2, omega, normalisation=Normalisation.EVERY_PROFILE)
    assert isinstance(often, BlockingPlan)
    assert often.profit >= 2 - price / 2 - 1e-9
    printed = replay(
        EXAMPLE_2,
        omega,
        (Invitation((0,), (HIGH,), KEEP, 1.0), Invitation((0, 1), (LOW, 0), KEEP, 1.0)),
        (np.full(2, price - 2), np.array([-price / 2])),
    )
    assert printed.tenable()
    assert printed.profit == pytest.approx(2 - price / 2)
    assert printed.largest_probability == pytest.approx(1.0)


def test_against_pooling_at_three_and_a_half_a_plan_earns_an_eighth_and_twice_that_at_every_profile() -> None:
    omega = stakes(EXAMPLE_2, pooling(3.5))
    plan = find_blocking_plan(EXAMPLE_2, omega)
    assert isinstance(plan, BlockingPlan)
    assert plan.profit == pytest.approx(0.125)
    assert plan.largest_profit == pytest.approx(0.25)
    often = find_blocking_plan(EXAMPLE_2, omega, normalisation=Normalisation.EVERY_PROFILE)
    assert profit_of(often) == pytest.approx(0.25)


def test_severance_of_five_sixths_stops_blocking_and_a_little_less_does_not() -> None:
    assert inhibitive(EXAMPLE_2, stakes(EXAMPLE_2, pooling(3.5, 2.5, 5 / 6)))
    assert not inhibitive(EXAMPLE_2, stakes(EXAMPLE_2, pooling(3.5, 2.5, 5 / 6 - 1e-4)))


def test_a_mediator_who_sees_the_sellers_type_blocks_five_sixths_but_not_seven_eighths() -> None:
    # Fine support needs tau = chi = 3.5 = 2 beta epsilon with beta = 2.
    assert not finely_inhibitive(EXAMPLE_2, stakes(EXAMPLE_2, pooling(3.5, 2.5, 5 / 6)))
    assert finely_inhibitive(EXAMPLE_2, stakes(EXAMPLE_2, pooling(3.5, 3.5, 7 / 8)))


@settings(max_examples=drawn(25), deadline=None)
@given(SEEDS, st.sampled_from(list(Normalisation)), st.sampled_from(list(Support)))
def test_profits_agree_with_the_program_written_out_entry_by_entry(
    seed: int, normalisation: Normalisation, support: Support
) -> None:
    generator = np.random.default_rng(seed)
    game = random_game(generator, types=int(generator.integers(1, 3)))
    omega = generator.normal(scale=0.5, size=(len(game.profiles), 2)) + 0.8
    verdict = find_blocking_plan(game, omega, support=support, normalisation=normalisation)
    expected = enumerated_profit(game, omega, normalisation, support)
    assert profit_of(verdict) == pytest.approx(expected, abs=1e-7)
    assert verdict.profit_bound == pytest.approx(expected, abs=1e-7)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.sampled_from(list(Support)), st.sampled_from(list(Normalisation)))
def test_generating_columns_finds_what_the_whole_program_finds(
    seed: int, support: Support, normalisation: Normalisation
) -> None:
    game, omega = random_case(seed)
    whole = find_blocking_plan(game, omega, support=support, normalisation=normalisation)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "FEW_COLUMNS", 0)
        generated = find_blocking_plan(game, omega, support=support, normalisation=normalisation)
    assert profit_of(generated) == pytest.approx(profit_of(whole), abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from(list(Support)))
def test_every_answer_carries_its_own_proof(seed: int, support: Support) -> None:
    game, omega = random_case(seed)
    verdict = find_blocking_plan(game, omega, support=support)
    if isinstance(verdict, NoBlockingPlan):
        assert support_residuals(game, omega, verdict.virtual, support=support).acceptable
    else:
        assert replay(game, omega, verdict.invitations, verdict.payments).tenable()
        assert verdict.profit == pytest.approx(verdict.profit_bound, abs=1e-7)
        assert min(float(gains.min()) for gains in verdict.interim_gains) >= -1e-8


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_inhibitive_stakes_give_every_type_what_it_expects_alone(seed: int) -> None:
    game, omega = random_case(seed)
    alone = game.individual_values()
    interim = [game.conditional_expectation(omega[:, i], (i,)) for i in game.grand_coalition]
    short = max(float((a - w).max()) for a, w in zip(alone, interim, strict=True))
    if short > 1e-6:
        assert not inhibitive(game, omega)
    if inhibitive(game, omega):
        assert short <= 1e-7


@settings(max_examples=drawn(20), deadline=None)
@given(SEEDS)
def test_a_mediator_who_may_ask_everybody_earns_no_less_at_every_profile(seed: int) -> None:
    game, omega = random_case(seed)
    coarse, fine = (
        profit_of(find_blocking_plan(game, omega, support=support, normalisation=Normalisation.EVERY_PROFILE))
        for support in Support
    )
    assert fine >= coarse - 1e-8
    if finely_inhibitive(game, omega):
        assert inhibitive(game, omega)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(0.1, 50.0), st.floats(-5.0, 5.0))
def test_profit_scales_with_the_unit_of_money_and_ignores_the_zero_of_utility(
    seed: int, unit: float, zero: float
) -> None:
    game, omega = random_case(seed)
    moved = CoalitionalGame(
        game.players,
        game.types,
        game.type_probabilities,
        {s: ActionSet(a.names, unit * a.utilities + zero) for s, a in game.actions.items()},
    )
    before, after = find_blocking_plan(game, omega), find_blocking_plan(moved, unit * omega + zero)
    assert profit_of(after) == pytest.approx(unit * profit_of(before), abs=1e-7 * unit)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(0.05, 0.95))
def test_splitting_a_type_in_two_equal_ones_changes_no_profit(seed: int, share: float) -> None:
    generator = np.random.default_rng(seed)
    game = random_game(generator)
    omega = generator.normal(scale=0.3, size=(4, 2)) + 0.9
    p = game.type_probabilities
    twice = np.array([0, 1, 2, 3, 2, 3])
    split = CoalitionalGame(
        game.players,
        (("type 0", "type 1a", "type 1b"), game.types[1]),
        (np.array([p[0][0], share * p[0][1], (1 - share) * p[0][1]]), p[1]),
        {s: ActionSet(a.names, a.utilities[:, :, twice]) for s, a in game.actions.items()},
    )
    profits = [
        profit_of(find_blocking_plan(one, held, normalisation=Normalisation.EVERY_PROFILE))
        for one, held in ((game, omega), (split, omega[twice]))
    ]
    assert profits[1] == pytest.approx(profits[0], abs=1e-7)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_larger_stakes_are_never_easier_to_block(seed: int) -> None:
    game, omega = random_case(seed)
    raise_all = np.random.default_rng(seed).exponential()
    assert profit_of(find_blocking_plan(game, omega + raise_all)) <= profit_of(find_blocking_plan(game, omega)) + 1e-8


@settings(max_examples=drawn(15), deadline=None)
@given(SEEDS)
def test_limits_on_coalitions_lower_the_profit_and_are_reported(seed: int) -> None:
    generator = np.random.default_rng(seed)
    game = random_game(generator, 3)
    omega = generator.normal(scale=0.3, size=(8, 3)) + 0.6
    line = CoalitionLimits(network=frozenset({(0, 1), (1, 2)}))
    assert line.coalitions(game) == ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2))
    everybody = CoalitionLimits(network=frozenset({(0, 1), (1, 2), (2, 0)}))
    free = find_blocking_plan(game, omega)
    assert not free.limits.bind
    assert profit_of(find_blocking_plan(game, omega, limits=everybody)) == pytest.approx(profit_of(free), abs=1e-8)
    for limits in (line, CoalitionLimits(largest=2), CoalitionLimits(largest=1)):
        limited = find_blocking_plan(game, omega, limits=limits)
        assert limited.limits is limits
        assert limited.limits.bind
        assert profit_of(limited) <= profit_of(free) + 1e-8
        if isinstance(limited, BlockingPlan):
            assert {one.coalition for one in limited.invitations} <= set(limits.coalitions(game))


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_the_random_invitation_is_one_of_the_plans(seed: int) -> None:
    game, omega = random_case(seed, level=-2.0)
    plan = find_blocking_plan(game, omega)
    assert isinstance(plan, BlockingPlan)
    drawn = [plan.draw(np.random.default_rng(draw)) for draw in range(20)]
    assert set(drawn) <= {*plan.invitations, None}


def test_a_plan_with_a_greedier_payment_or_another_invitation_is_not_tenable() -> None:
    omega = stakes(EXAMPLE_1, EQUAL_GAINS)
    plan = find_blocking_plan(EXAMPLE_1, omega)
    assert isinstance(plan, BlockingPlan)
    greedier = (plan.payments[0], plan.payments[1] - 1e-4)
    assert not replay(EXAMPLE_1, omega, plan.invitations, greedier).tenable()
    trade_more = tuple(replace(one, probability=0.5) for one in plan.invitations)
    assert not replay(EXAMPLE_1, omega, trade_more, plan.payments).tenable()


def test_multipliers_that_do_not_support_the_stakes_are_refused() -> None:
    omega = stakes(EXAMPLE_1, VIRTUALLY_EQUITABLE)
    proof = find_blocking_plan(EXAMPLE_1, omega)
    weights = proof.virtual.weights
    for factor in (0.99, 1.01):
        scaled = (proof.virtual.multipliers[0] * factor, proof.virtual.multipliers[1])
        unbalanced = support_residuals(EXAMPLE_1, omega, replace(proof.virtual, multipliers=scaled))
        assert unbalanced.hydraulic > 1e-4
        moved = weights[0] + (factor - 1) * np.array([-1, 1]) * proof.virtual.multipliers[0][0, 1]
        balanced = replace(proof.virtual, multipliers=scaled, weights=(moved, weights[1]))
        residuals = support_residuals(EXAMPLE_1, omega, balanced)
        assert residuals.hydraulic <= 1e-12
        assert not residuals.acceptable


@settings(max_examples=drawn(40), deadline=None)
@given(SEEDS, st.sampled_from(list(Support)), st.floats(-4, 9))
def test_no_multipliers_however_large_prove_that_a_profitable_plan_does_not_exist(
    seed: int, support: Support, digits: float
) -> None:
    generator = np.random.default_rng(seed)
    game, omega = random_case(seed, level=float(generator.choice([0.0, 0.6])))
    if profit_of(find_blocking_plan(game, omega, support=support)) < 1e-6:
        return
    alpha = [10**digits * generator.exponential(size=(count, count)) for count in game.type_counts]
    alpha = [table * (generator.random(table.shape) < 0.5) * (1 - np.eye(len(table))) for table in alpha]
    pairs = [hydraulic_weights(p, table) for p, table in zip(game.type_probabilities, alpha, strict=True)]
    virtual = VirtualWeights(tuple(one for one, _ in pairs), tuple(cut for _, cut in pairs))
    assert not support_residuals(game, omega, virtual, support=support).proves


@pytest.mark.parametrize("seed", [10, 161])
def test_where_all_that_coalitions_can_do_makes_them_lose_every_multipliers_prove_it(seed: int) -> None:
    """What a solver leaves of the virtual surplus of such an action is large beside gains that are nothing."""
    game = lemons(np.random.default_rng(seed), (2, 1) if seed % 5 == 0 else (3, 1))
    nothing = np.zeros((len(game.profiles), len(game.players)))
    assert isinstance(find_blocking_plan(game, nothing), NoBlockingPlan)


@pytest.mark.parametrize("seed", [107, 129, 143])
def test_stakes_that_are_rounded_sums_of_payments_are_proven_where_they_would_be_unrounded(seed: int) -> None:
    game = lemons(np.random.default_rng(seed), (2, 2) if seed % 5 == 2 else (3, 3))
    found = find_core_allocation(game, CoreVariant(Support.FINE))
    assert isinstance(found, CoreAllocation)
    assert finely_inhibitive(game, found.stakes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: find_blocking_plan(EXAMPLE_1, np.zeros((3, 2))), r"shape \(3, 2\)"),
        (lambda: find_blocking_plan(EXAMPLE_1, np.full((2, 2), np.nan)), "finite"),
        (lambda: CoalitionLimits(largest=0), "at least 1 member"),
        (lambda: CoalitionLimits(network=frozenset({(1, 1)})), "itself"),
        (lambda: CoalitionLimits(network=frozenset({(0, 2)})).coalitions(EXAMPLE_1), "beyond 0 to 1"),
        (
            lambda: replay(EXAMPLE_1, np.zeros((2, 2)), (Invitation((0,), (0,), 5, 1.0),), (np.zeros(2), np.zeros(1))),
            "does not fit",
        ),
        (lambda: replay(EXAMPLE_1, np.zeros((2, 2)), (), (np.zeros(3), np.zeros(1))), "payments of player 0"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from(list(Support)), st.sampled_from([1e-9, 1.0, 1e9]))
def test_the_residual_is_the_largest_of_all_actions_in_extended_precision(
    seed: int, support: Support, level: float
) -> None:
    """Only actions that may be the largest are computed to the last digit; computing all of them changes nothing."""
    generator = np.random.default_rng(seed)
    game = random_games.random_game(seed)
    omega = level * generator.normal(size=(len(game.profiles), len(game.players)))
    virtual = find_blocking_plan(game, omega, support=support).virtual
    found = support_residuals(game, omega, virtual, support=support)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof._Measures, "error", lambda *_: np.inf)
        assert support_residuals(game, omega, virtual, support=support) == found
