"""Claims about incentive efficiency on random games: Theorem 0, strong duality, what participation costs, refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import mechaudit
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import expected_cost, interim_utilities, misreport_gains
from marketgame.mechanisms.incentive_efficiency import program
from marketgame.mechanisms.incentive_efficiency.search import (
    Budget,
    IncentiveEfficient,
    Method,
    NoOptimum,
    OutsideOptions,
    Participation,
    incentive_efficient,
)
from marketgame.mechanisms.incentive_efficiency.virtual_utility import hydraulic_violation
from marketgame.mechanisms.linear_program import Status
from marketgame.mechanisms.linear_program.deadline import Deadline
from tests.examples import drawn
from tests.mechanisms.myerson_examples import EXAMPLE_1, bilateral_trade
from tests.mechanisms.proven_solutions import solved, virtual_bound
from tests.mechanisms.random_games import random_game, random_weights, slow_incentive_efficiency

SEEDS = st.integers(0, 2**32 - 1)


# Theorems on random games


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from([Method.ENUMERATION, Method.COLUMN_GENERATION]))
def test_conditions_5_to_7_hold_and_duality_is_strong(seed: int, method: Method) -> None:
    game = random_game(seed)
    weights = random_weights(game, seed)
    answer = solved(game, weights, method=method)
    assert expected_cost(game, answer.mechanism) == pytest.approx(0.0, abs=1e-9)
    assert np.abs(answer.mechanism.payments.sum(axis=1)).max() <= 1e-9
    assert max(gain.max() for gain in misreport_gains(game, answer.mechanism)) <= 1e-9
    for reported, recomputed in zip(answer.interim, interim_utilities(game, answer.mechanism), strict=True):
        assert reported == pytest.approx(recomputed, abs=1e-9)
    assert virtual_bound(game, answer.virtual) == pytest.approx(answer.value, abs=1e-9)
    for effective, given_weights in zip(answer.virtual.weights, weights, strict=True):
        assert effective == pytest.approx(given_weights, abs=1e-9)


@settings(max_examples=drawn(25), deadline=None)
@given(SEEDS, st.sampled_from([Method.ENUMERATION, Method.COLUMN_GENERATION]), st.sampled_from(Participation))
def test_incentive_constraints_stated_where_they_are_violated_leave_the_optimum_what_it_is(
    seed: int, method: Method, participation: Participation
) -> None:
    """Values are interdependent and types in no order, so that others than neighbours are tempted too."""
    game = random_game(seed, players=2, types=5, actions=4)
    weights = random_weights(game, seed)
    whole = incentive_efficient(game, weights, participation, method=method)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "MANY_PAIRS", 0)
        patch.setattr(program, "AT_ONCE", 1)
        gradual = incentive_efficient(game, weights, participation, method=method)
    assert gradual.status is whole.status
    if isinstance(whole, IncentiveEfficient):
        assert isinstance(gradual, IncentiveEfficient)
        assert gradual.conditions.hold
        assert gradual.value == pytest.approx(whole.value, abs=1e-8)
        assert gradual.bound == pytest.approx(whole.value, abs=1e-8)


def test_two_players_with_a_hundred_types_trade_as_much_as_incentives_allow() -> None:
    """Myerson and Satterthwaite (1983): 9/64 in the limit where everybody must be willing, else the first best."""
    values, odds = (np.arange(100) + 0.5) / 100, np.full(100, 0.01)
    game = bilateral_trade(values, values, odds, odds)
    gains = np.maximum(values - values[:, None], 0.0).mean()
    assert solved(game, game.type_probabilities).value == pytest.approx(gains, abs=1e-9)
    willing = incentive_efficient(game, participation=Participation.INDIVIDUAL)
    assert isinstance(willing, IncentiveEfficient)
    assert willing.conditions.hold
    assert 9 / 64 < willing.value < 9 / 64 + 0.15 / 100


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.booleans(), st.booleans())
def test_the_interim_program_has_the_value_of_the_printed_one(seed: int, ex_post: bool, willing: bool) -> None:
    game = random_game(seed).superadditive() if seed % 2 else random_game(seed)
    assume(len(game.profiles) * len(game.actions[game.grand_coalition].names) <= 250)
    weights = random_weights(game, seed)
    outside = game.individual_values() if willing else None
    participation = Participation.INDIVIDUAL if willing else Participation.NONE
    budget = Budget.EX_POST if ex_post else Budget.EXPECTED
    answer = incentive_efficient(game, weights, participation, budget=budget)
    slow = slow_incentive_efficiency(game, weights, outside, ex_post=ex_post)
    if slow is None:
        assert isinstance(answer, NoOptimum)
        assert answer.status is Status.INFEASIBLE
        return
    assert isinstance(answer, IncentiveEfficient)
    assert answer.value == pytest.approx(slow, abs=1e-7)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_budgets_that_balance_ex_post_and_in_expectation_allow_the_same_utilities(seed: int) -> None:
    game = random_game(seed)
    ex_post, expected = (solved(game, budget=budget) for budget in Budget)
    assert ex_post.value == pytest.approx(expected.value, abs=1e-9)
    for one, other in zip(
        interim_utilities(game, ex_post.mechanism), interim_utilities(game, expected.mechanism), strict=True
    ):
        assert one == pytest.approx(other, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_individual_participation_never_beats_none_and_its_multipliers_join_the_weights(seed: int) -> None:
    game = random_game(seed).superadditive()
    free = solved(game)
    held = incentive_efficient(game, None, Participation.INDIVIDUAL)
    if isinstance(held, NoOptimum):
        assert held.status is Status.INFEASIBLE
        return
    assert held.value <= free.value + 1e-9
    alone = game.individual_values()
    for i in game.grand_coalition:
        assert (held.interim[i] >= alone[i] - 1e-9).all()
        assert (held.participation[i] * (held.interim[i] - alone[i]) <= 1e-8).all()
        assert held.virtual.weights[i].sum() == pytest.approx(1.0)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_proof_that_participation_is_infeasible_is_a_proof(seed: int) -> None:
    game = random_game(seed)
    offsets = np.random.default_rng(seed).random(len(game.players))
    generous = tuple(value + offset for value, offset in zip(game.individual_values(), offsets, strict=True))
    for method in (Method.ENUMERATION, Method.COLUMN_GENERATION):
        answer = incentive_efficient(game, None, OutsideOptions(generous), method=method)
        if isinstance(answer, IncentiveEfficient):
            assert slow_incentive_efficiency(game, game.type_probabilities, generous, ex_post=False) is not None
            continue
        assert answer.shortfall is not None
        virtual = answer.shortfall.virtual
        required = sum(float(w @ least) for w, least in zip(virtual.weights, generous, strict=True))
        assert virtual.smallest >= 0
        assert max(np.abs(part).max() for part in hydraulic_violation(virtual, game.type_probabilities)) <= 1e-9
        assert required > virtual_bound(game, virtual) + 1e-9
        assert slow_incentive_efficiency(game, game.type_probabilities, generous, ex_post=False) is None


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from([1e-6, 1e6]))
def test_money_in_other_units_scales_the_value(seed: int, unit: float) -> None:
    game = random_game(seed)
    scaled = replace(game, actions={s: ActionSet(a.names, a.utilities * unit) for s, a in game.actions.items()})
    weights = random_weights(game, seed)
    assert solved(scaled, weights).value == pytest.approx(unit * solved(game, weights).value, abs=1e-9 * unit)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_the_order_of_players_does_not_matter(seed: int) -> None:
    game = random_game(seed)
    weights = random_weights(game, seed)
    order = np.random.default_rng(seed).permutation(len(game.players)).tolist()
    shape = game.type_counts

    def moved(utilities: FloatArray, members: list[int]) -> FloatArray:
        table = utilities[:, members].reshape(*utilities[:, members].shape[:2], *shape)
        return table.transpose(0, 1, *(2 + i for i in order)).reshape(*utilities.shape)

    actions = {}
    for coalition, action_set in game.actions.items():
        members = [place for place in range(len(order)) if order[place] in coalition]
        old = [coalition.index(order[place]) for place in members]
        actions[tuple(members)] = ActionSet(action_set.names, moved(action_set.utilities, old))
    permuted = CoalitionalGame(
        tuple(game.players[i] for i in order),
        tuple(game.types[i] for i in order),
        tuple(game.type_probabilities[i] for i in order),
        actions,
    )
    same = solved(permuted, tuple(weights[i] for i in order))
    assert same.value == pytest.approx(solved(game, weights).value, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_an_action_stated_twice_changes_nothing(seed: int) -> None:
    game = random_game(seed)
    weights = random_weights(game, seed)
    grand = game.actions[game.grand_coalition]
    twice = ActionSet((*grand.names, "again"), np.concatenate([grand.utilities, grand.utilities[:1]]))
    larger = replace(game, actions={**game.actions, game.grand_coalition: twice})
    assert solved(larger, weights).value == pytest.approx(solved(game, weights).value, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.booleans())
def test_an_independent_package_agrees(seed: int, willing: bool) -> None:
    game = random_game(seed)
    assume(len(game.profiles) <= 12)
    participation = Participation.INDIVIDUAL if willing else Participation.NONE
    ours = incentive_efficient(game, None, participation)
    theirs = audited_welfare(game, willing=willing)
    if theirs is None:
        assert isinstance(ours, NoOptimum)
        return
    assert isinstance(ours, IncentiveEfficient)
    assert ours.value == pytest.approx(theirs, abs=1e-6)


def audited_welfare(game: CoalitionalGame, *, willing: bool) -> float | None:
    """The largest expected welfare according to mechaudit, with budgets that balance at every profile."""
    types = dict(zip(game.players, game.types, strict=True))
    utilities = game.actions[game.grand_coalition].utilities
    number = {profile: place for place, profile in enumerate(map(tuple, game.profiles.tolist()))}

    def value(agent: str, profile: mechaudit.TypeProfile, outcome: str) -> float:
        place = number[tuple(types[player].index(profile[player]) for player in game.players)]
        action = game.actions[game.grand_coalition].names.index(outcome)
        return float(utilities[action, game.players.index(agent), place])

    marginals = {
        player: dict(zip(types[player], p.tolist(), strict=True))
        for player, p in zip(game.players, game.type_probabilities, strict=True)
    }
    environment = mechaudit.FiniteEnvironment(
        agents=types,
        outcomes=game.actions[game.grand_coalition].names,
        prior=mechaudit.JointPrior.from_independent(marginals),
        values=mechaudit.InterdependentValues(value),  # type: ignore[arg-type]  # To mypy no float is a Real.
    )
    requirements = [mechaudit.BIC(), mechaudit.StrongBudgetBalance(timing="ex_post")]
    if willing:
        alone = {
            player: dict(zip(types[player], values.tolist(), strict=True))
            for player, values in zip(game.players, game.individual_values(), strict=True)
        }
        requirements.append(mechaudit.InterimIR(alone))
    problem = environment.design(objective=mechaudit.ExpectedResidualSurplus(), requirements=requirements)
    try:
        return problem.solve().objective_value
    except mechaudit.InfeasibleDesignError:
        return None


# Refusals


def test_unequal_sums_of_weights_are_unbounded_and_say_who_would_pay_whom() -> None:
    for method in (Method.ENUMERATION, Method.COLUMN_GENERATION):
        answer = incentive_efficient(EXAMPLE_1, ([0.5, 0.6], [1.0]), method=method)
        assert isinstance(answer, NoOptimum)
        assert answer.status is Status.UNBOUNDED
        assert "from buyer, whose weights sum to 1, to seller, whose weights sum to 1.1" in answer.reason
    assert isinstance(incentive_efficient(EXAMPLE_1, ([0.5, 0.6], [1.0]), Participation.INDIVIDUAL), IncentiveEfficient)


def test_running_out_of_time_is_no_answer() -> None:
    game = random_game(1, players=3, types=3, actions=8)
    for method in (Method.ENUMERATION, Method.COLUMN_GENERATION):
        answer = incentive_efficient(game, deadline=Deadline.after(0), method=method)
        assert isinstance(answer, NoOptimum)
        assert answer.status is Status.TIME_LIMIT


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (([0.5, 0.5],), "given for 1 players"),
        (([0.5], [1.0]), "seller have shape"),
        (([0.5, -0.5], [1.0]), "seller must be finite and not negative"),
        (([0.0, 0.0], [0.0]), "all weights are zero"),
    ],
)
def test_weights_that_are_none_are_refused(weights: Sequence[Sequence[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        incentive_efficient(EXAMPLE_1, weights)


def test_outside_options_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="minus infinity"):
        incentive_efficient(EXAMPLE_1, None, OutsideOptions((np.array([np.inf, 0]), np.zeros(1))))
    nothing = OutsideOptions((np.full(2, -np.inf), np.full(1, -np.inf)))
    assert solved(EXAMPLE_1, None, nothing).value == pytest.approx(1.0)


def test_a_single_player_cannot_balance_ex_post() -> None:
    game = random_game(0)
    alone = CoalitionalGame(
        ("hermit",), (("a", "b"),), (np.array([0.5, 0.5]),), {(0,): ActionSet(("stay",), np.ones((1, 1, 2)))}
    )
    with pytest.raises(ValueError, match="single player"):
        incentive_efficient(alone)
    assert solved(alone, budget=Budget.EXPECTED).value == pytest.approx(1.0)
    assert len(game.players) > 1
