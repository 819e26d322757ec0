"""Claims about the core: Myerson's two examples, the ordinary core, theorems, and refusals of what is false."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import example as also
from hypothesis import strategies as st
from scipy import optimize

from marketgame.mechanisms.blocking import ALL_COALITIONS, CoalitionLimits, NoBlockingPlan, Support, find_blocking_plan
from marketgame.mechanisms.coalitional_games.at_stake import normal_form
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, interim_utilities, stakes
from marketgame.mechanisms.core import program as core_program
from marketgame.mechanisms.core.allocation import CoreAllocation, core_residuals, interim_objective
from marketgame.mechanisms.core.membership import core_membership
from marketgame.mechanisms.core.objective import (
    CoreObjective,
    expected_severance,
    interim_utility,
    mediator_profit,
    severance_of,
    welfare,
)
from marketgame.mechanisms.core.outcome import (
    CoreOptimum,
    CoreStatus,
    EmptyCore,
    Refuted,
    UndecidedCore,
    refutation_margin,
)
from marketgame.mechanisms.core.search import find_core_allocation, optimise_core
from marketgame.mechanisms.core.variant import CoreEffort, CoreVariant, SeverancePay
from marketgame.mechanisms.incentive_efficiency.search import IncentiveEfficient, incentive_efficient
from marketgame.mechanisms.linear_program import Sense
from tests.examples import drawn
from tests.mechanisms.balanced_games import balanced_game, lemons
from tests.mechanisms.myerson_examples import EXAMPLE_1, EXAMPLE_2, example

SEEDS = st.integers(0, 2**32 - 1)
SELLER, BUYER = 0, 1
LOW, HIGH = 0, 1
FINE = CoreVariant(support=Support.FINE)
# However busy the machine that runs the tests.
PATIENT = CoreEffort(seconds=math.inf)
WITHOUT_SEVERANCE = CoreVariant(severance=SeverancePay.NONE)


def of_seller(low: float, high: float) -> CoreObjective:
    """A combination of the seller's interim utilities."""
    nothing = (np.zeros(2), np.zeros(1))
    return CoreObjective("combination", (np.array([low, high]), np.zeros(1)), nothing, nothing)


def optimum(
    game: CoalitionalGame, objective: CoreObjective, sense: Sense, variant: CoreVariant | None = None
) -> CoreOptimum:
    """The optimum over the core, known to be one."""
    found = optimise_core(game, objective, sense, variant or CoreVariant(), PATIENT)
    assert isinstance(found, CoreOptimum)
    assert found.optimal
    assert found.allocation.residuals.acceptable
    assert found.value == pytest.approx(interim_objective(game, found.allocation.mechanism, objective))
    return found


def complete_information(values: dict[tuple[int, ...], float], players: int) -> CoalitionalGame:
    """Every coalition can share its worth, here all of it given to its first member, with money."""
    sets = {
        coalition: ActionSet(
            ("share",), np.array([[[values.get(coalition, 0.0) if i == coalition[0] else 0.0] for i in coalition]])
        )
        for size in range(1, players + 1)
        for coalition in itertools.combinations(range(players), size)
    }
    names = tuple(f"player {i}" for i in range(players))
    return CoalitionalGame(names, (("only",),) * players, (np.ones(1),) * players, sets)


@pytest.mark.parametrize(
    ("objective", "vertex"),
    [
        (of_seller(-1.0, -1.0), [0.0, 0.0, 1.0, 0.0]),
        (of_seller(-1.0, 3.0), [0.5, 0.5, 0.5, -0.5]),
        (of_seller(3.0, -1.0), [1.0, 0.2, 0.0, 0.0]),
    ],
)
def test_the_core_of_example_1_without_severance_has_the_three_vertices_of_the_paper(
    objective: CoreObjective, vertex: list[float]
) -> None:
    found = optimum(EXAMPLE_1, objective, Sense.MAXIMIZE, WITHOUT_SEVERANCE)
    omega = found.allocation.stakes
    assert [omega[LOW, SELLER], omega[HIGH, SELLER], *omega[:, BUYER]] == pytest.approx(vertex, abs=1e-6)


@pytest.mark.parametrize(
    ("facet", "limit"),
    [(of_seller(-1.0, 1.0), 0.0), (of_seller(1 / 5, -1.0), 0.0), (of_seller(3 / 8, 5 / 8), 0.5)],
)
def test_the_core_of_example_1_without_severance_touches_each_of_its_three_facets(
    facet: CoreObjective, limit: float
) -> None:
    assert optimum(EXAMPLE_1, facet, Sense.MAXIMIZE, WITHOUT_SEVERANCE).value == pytest.approx(limit, abs=1e-9)


def test_severance_adds_core_allocations_to_example_1_which_the_paper_calls_complete() -> None:
    # Trade if L only, the seller gains a = 1/2 at both types, and L is promised severance 1/2. With lambda(L) = 0 and
    # alpha(H|L) = 1/2 the virtual stakes of the seller are 0 and 1, and those of the buyer 1 and -1.
    mechanism = Mechanism(
        np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[1.5, -1.0], [0.5, -1.0]]), np.array([[0.5, 0.0], [0.0, 0.0]])
    )
    assert stakes(EXAMPLE_1, mechanism) == pytest.approx(np.array([[0.0, 1.0], [0.5, -1.0]]))
    proof = core_membership(EXAMPLE_1, mechanism)
    assert isinstance(proof, CoreAllocation)
    assert proof.virtual.weights[SELLER] == pytest.approx([0.0, 1.0])
    most = optimum(EXAMPLE_1, severance_of(EXAMPLE_1, SELLER, LOW), Sense.MAXIMIZE)
    assert most.value == pytest.approx(0.5)
    assert optimum(EXAMPLE_1, severance_of(EXAMPLE_1, SELLER, HIGH), Sense.MAXIMIZE).value == pytest.approx(0.0)


def test_fine_support_leaves_a_segment_of_the_core_of_example_1() -> None:
    # What is left lies between (0, 0, 1, 0) and (1, 1/5, 0, 0): U(H) = U(L)/5, and severance disappears.
    for ratio in (of_seller(-1.0, 5.0), of_seller(1.0, -5.0)):
        assert optimum(EXAMPLE_1, ratio, Sense.MAXIMIZE, FINE).value == pytest.approx(0.0, abs=1e-9)
    assert optimum(EXAMPLE_1, of_seller(1.0, 0.0), Sense.MAXIMIZE, FINE).value == pytest.approx(1.0)
    assert optimum(EXAMPLE_1, expected_severance(EXAMPLE_1), Sense.MAXIMIZE, FINE).value == pytest.approx(0.0)


@pytest.mark.parametrize("support", list(Support))
def test_example_2_has_no_core_without_severance_and_the_proof_replays(support: Support) -> None:
    variant = CoreVariant(support=support, severance=SeverancePay.NONE)
    empty = find_core_allocation(EXAMPLE_2, variant, CoreEffort(starts=2))
    assert isinstance(empty, EmptyCore)
    assert empty.status is CoreStatus.EMPTY
    assert refutation_margin(EXAMPLE_2, empty) > 1e-3


def test_a_refutation_that_is_corrupted_or_of_another_game_is_refused() -> None:
    empty = find_core_allocation(EXAMPLE_2, WITHOUT_SEVERANCE, CoreEffort(starts=0))
    assert isinstance(empty, EmptyCore)
    assert refutation_margin(EXAMPLE_1, empty) <= 0
    assert isinstance(empty.refutation, Refuted)
    multipliers = empty.refutation.multipliers
    largest = int(np.abs(multipliers).argmax())
    for change in (-multipliers[largest], 2 * multipliers[largest]):
        forged = multipliers.copy()
        forged[largest] += change
        assert refutation_margin(EXAMPLE_2, replace(empty, refutation=Refuted(forged))) <= 0
    assert refutation_margin(EXAMPLE_2, replace(empty, variant=CoreVariant())) <= 0


def test_five_sixths_is_the_smallest_severance_over_all_core_allocations_of_example_2() -> None:
    least = optimum(EXAMPLE_2, severance_of(EXAMPLE_2, SELLER, LOW), Sense.MINIMIZE)
    assert least.value == pytest.approx(5 / 6, abs=1e-8)
    assert least.bound == pytest.approx(5 / 6, abs=1e-5)
    payments = least.allocation.mechanism.payments
    assert payments[:, SELLER] == pytest.approx([3.5, 3.5], abs=1e-6)
    assert payments[:, BUYER] == pytest.approx([2.5 - 3.5, -2.5 - 3.5], abs=1e-6)
    assert least.allocation.virtual.multipliers[SELLER][HIGH, LOW] == pytest.approx(1.0, abs=1e-6)
    assert least.allocation.virtual.multipliers[SELLER][LOW, HIGH] == pytest.approx(1.5, abs=1e-6)
    assert optimum(EXAMPLE_2, severance_of(EXAMPLE_2, SELLER, HIGH), Sense.MAXIMIZE).value == pytest.approx(0.0)


def test_fine_support_raises_the_smallest_severance_of_example_2_to_seven_eighths() -> None:
    # Within pooling mechanisms: epsilon >= (3 + 2 beta) / (4 beta) with beta <= 2.
    least = optimum(EXAMPLE_2, severance_of(EXAMPLE_2, SELLER, LOW), Sense.MINIMIZE, FINE)
    assert least.value == pytest.approx(7 / 8, abs=1e-8)


@pytest.mark.parametrize(
    ("worth", "status"), [(1.4, CoreStatus.EMPTY), (1.5, CoreStatus.FOUND), (1.6, CoreStatus.FOUND)]
)
def test_three_player_majority_has_a_core_when_everybody_is_worth_one_and_a_half(
    worth: float, status: CoreStatus
) -> None:
    values = {(0, 1): 1.0, (0, 2): 1.0, (1, 2): 1.0, (0, 1, 2): worth}
    game = complete_information(values, 3)
    found = find_core_allocation(game)
    if isinstance(found, EmptyCore):
        assert refutation_margin(game, found) > 0
    assert (CoreStatus.FOUND if isinstance(found, CoreAllocation) else found.status) is status


def test_a_core_that_is_empty_because_pairs_leave_is_not_empty_when_pairs_cannot_meet() -> None:
    game = complete_information({(0, 1): 1.0, (0, 2): 1.0, (1, 2): 1.0, (0, 1, 2): 1.4}, 3)
    for limits in (CoalitionLimits(largest=1), CoalitionLimits(network=frozenset({(0, 1), (1, 2)}))):
        found = find_core_allocation(game, CoreVariant(limits=limits))
        assert isinstance(found, CoreAllocation)
        assert found.variant.limits is limits
        assert isinstance(find_blocking_plan(game, found.stakes, limits=limits), NoBlockingPlan)


@settings(max_examples=drawn(15), deadline=None)
@given(SEEDS, st.integers(2, 4))
def test_with_one_type_each_the_core_is_the_ordinary_core(seed: int, players: int) -> None:
    generator = np.random.default_rng(seed)
    coalitions = [s for size in range(1, players + 1) for s in itertools.combinations(range(players), size)]
    values = {s: float(generator.exponential() * (len(s) - 1) ** 1.5) for s in coalitions}
    everybody = coalitions[-1]
    values[everybody] = max(values.values()) * generator.uniform(0.9, 2.0)
    game = complete_information(values, players)
    member = np.array([[float(i in s) for i in range(players)] for s in coalitions])
    worth = np.array([values[s] for s in coalitions])
    needed = optimize.linprog(np.ones(players), -member[:-1], -worth[:-1], bounds=(None, None)).fun
    assume(abs(needed - worth[-1]) > 1e-4)
    first = interim_utility(game, 0, 0)
    found = optimise_core(game, first, Sense.MAXIMIZE)
    if needed > worth[-1]:
        assert isinstance(found, EmptyCore)
        return
    assert isinstance(found, CoreOptimum)
    ordinary = optimize.linprog(
        -np.eye(players)[0], -member[:-1], -worth[:-1], np.ones((1, players)), worth[-1:], bounds=(None, None)
    )
    assert ordinary.fun is not None
    assert found.value == pytest.approx(-ordinary.fun, abs=1e-6)
    assert (found.allocation.stakes[0] @ member.T >= worth - 1e-7).all()
    assert found.allocation.mechanism.severance.max() == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=drawn(20), deadline=None)
@given(SEEDS, st.sampled_from([(2, 2), (3, 2), (3, 3), (2, 2, 2), (3, 2, 2)]), st.sampled_from(list(Support)))
@also(15630, (3, 2), Support.FINE)  # A stake is what the player gets alone but for the last digit.
def test_balanced_games_have_core_allocations_that_no_blocking_mediator_breaks(
    seed: int, counts: tuple[int, ...], support: Support
) -> None:
    game = balanced_game(np.random.default_rng(seed), counts)
    found = find_core_allocation(game, CoreVariant(support=support))
    assert isinstance(found, CoreAllocation)
    assert core_residuals(game, found.mechanism, found.virtual, found.variant).acceptable
    assert stakes(game, found.mechanism) == pytest.approx(found.stakes)
    assert isinstance(find_blocking_plan(game, found.stakes, support=support), NoBlockingPlan)


def least_costs(game: CoalitionalGame, few: int, share: float) -> list[float]:
    """What the mediator must lose at given multipliers and near them, with larger sets of actions generated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core_program, "FEW_ACTIONS", few)
        program = core_program.CoreProgram(normal_form(game), Support.COARSE, ALL_COALITIONS, severance=True)
        program.minimise(None, 1.0)
        program.spread(100.0)
        point = program.solve_at(share * program.pairs.probability[program.pairs.true])
        assert point is not None
        near = program.solve_near(point, 0.05)
        assert near is not None
        return [point.cost / program.unit, near.cost / program.unit]


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.sampled_from([(2, 2), (3, 2), (2, 2, 2)]), st.floats(0.0, 0.3))
def test_actions_and_threats_that_are_generated_cost_the_mediator_what_all_of_them_cost(
    seed: int, counts: tuple[int, ...], share: float
) -> None:
    game = balanced_game(np.random.default_rng(seed), counts, actions=4)
    assert least_costs(game, 0, share) == pytest.approx(least_costs(game, 10**9, share), abs=1e-7)


def test_five_players_who_can_do_hundreds_of_things_together_have_a_core_allocation() -> None:
    game = balanced_game(np.random.default_rng(3), (2,) * 5)
    assert len(game.actions[game.grand_coalition].names) > 400
    assert isinstance(find_core_allocation(game), CoreAllocation)


@settings(max_examples=drawn(20), deadline=None)
@given(SEEDS, st.sampled_from([(2, 1), (3, 1), (2, 2)]))
def test_core_mechanisms_are_incentive_efficient_and_pay_severance_only_to_types_without_weight(
    seed: int, counts: tuple[int, int]
) -> None:
    game = lemons(np.random.default_rng(seed), counts)
    found = optimise_core(game, expected_severance(game), Sense.MAXIMIZE, effort=CoreEffort(regions=1))
    assume(isinstance(found, CoreOptimum))
    assert isinstance(found, CoreOptimum)
    mechanism, virtual = found.allocation.mechanism, found.allocation.virtual
    for player, weight in enumerate(virtual.weights):
        promised = mechanism.severance[:, player] * weight[game.profiles[:, player]]
        assert promised == pytest.approx(0.0, abs=1e-6)
    best = incentive_efficient(game, virtual.weights)
    assert isinstance(best, IncentiveEfficient)
    utilities = interim_utilities(game, mechanism)
    achieved = sum(float(w @ u) for w, u in zip(virtual.weights, utilities, strict=True))
    assert achieved == pytest.approx(best.value, abs=1e-6)


@settings(max_examples=drawn(15), deadline=None)
@given(SEEDS)
def test_every_core_allocation_lies_between_the_smallest_and_the_largest_value(seed: int) -> None:
    game = lemons(np.random.default_rng(seed), (2, 1))
    found = find_core_allocation(game)
    assert isinstance(found, CoreAllocation)
    for objective in (welfare(game), interim_utility(game, SELLER, LOW), expected_severance(game)):
        value = interim_objective(game, found.mechanism, objective)
        for sense in Sense:
            end = optimise_core(game, objective, sense, effort=CoreEffort(regions=40))
            assert isinstance(end, CoreOptimum)
            assert sense.value * end.bound <= sense.value * value + 1e-6
            assert sense.value * end.bound <= sense.value * end.value + 1e-6


def test_the_established_mediator_keeps_nothing_at_any_core_allocation() -> None:
    for game in (EXAMPLE_1, EXAMPLE_2):
        for sense in Sense:
            assert optimum(game, mediator_profit(game), sense).value == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=5, deadline=None)
@given(st.floats(0.01, 100.0))
def test_the_smallest_severance_scales_with_the_unit_of_money(unit: float) -> None:
    game = example([2.0 * unit, 3.0 * unit], [0.0, 7.0 * unit])
    least = optimum(game, severance_of(game, SELLER, LOW), Sense.MINIMIZE)
    assert least.value == pytest.approx(5 / 6 * unit, rel=1e-6)


def test_a_core_allocation_with_any_part_changed_fails_its_check() -> None:
    found = find_core_allocation(EXAMPLE_2)
    assert isinstance(found, CoreAllocation)
    mechanism, virtual, variant = found.mechanism, found.virtual, found.variant
    assert core_residuals(EXAMPLE_2, mechanism, virtual, variant).acceptable
    less = replace(mechanism, severance=0.99 * mechanism.severance)
    richer = replace(mechanism, payments=mechanism.payments + 1e-3)
    poorer = replace(mechanism, payments=mechanism.payments - 1e-3)
    moved = replace(mechanism, payments=mechanism.payments + np.array([[1e-3, 0.0], [-1e-3, 0.0]]))
    for changed in (less, richer, poorer, moved):
        assert not core_residuals(EXAMPLE_2, changed, virtual, variant).acceptable
    scaled = virtual.scaled(1.001)
    assert not core_residuals(EXAMPLE_2, mechanism, scaled, variant).acceptable
    assert not core_residuals(EXAMPLE_2, mechanism, virtual, WITHOUT_SEVERANCE).acceptable


def test_a_search_without_effort_says_that_it_does_not_know() -> None:
    verdict = find_core_allocation(EXAMPLE_2, effort=CoreEffort(starts=0, regions=0))
    assert isinstance(verdict, UndecidedCore)
    assert verdict.status is CoreStatus.UNKNOWN
    assert verdict.reason


def test_an_optimum_that_is_not_proved_says_so() -> None:
    objective = severance_of(EXAMPLE_2, SELLER, LOW)
    found = optimise_core(EXAMPLE_2, objective, effort=CoreEffort(regions=1))
    assert isinstance(found, CoreOptimum)
    assert not found.optimal
    assert found.bound < 5 / 6 - 1e-3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optimise_core(EXAMPLE_1, welfare(complete_information({}, 3))), "not an objective"),
        (lambda: CoreObjective("odd", (np.zeros(2),), (np.zeros(3),), (np.zeros(2),)), "payment of player 0"),
        (lambda: CoreObjective("odd", (np.zeros(2),), (), (np.zeros(2),)), "given for 0 players"),
        (lambda: CoreEffort(starts=-1), "must not be negative"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
