"""Answers about games that large numbers, rare types and tolerances once made false, each with why it is right."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.files.game_file import load_game
from marketgame.mechanisms.blocking import BlockingPlan, Invitation, NoBlockingPlan, find_blocking_plan, replay
from marketgame.mechanisms.certificates.blocking import certify_inhibition, certify_plan, verify_inhibition, verify_plan
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, feasibility, stakes
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.objective import welfare
from marketgame.mechanisms.core.outcome import UndecidedCore
from marketgame.mechanisms.core.search import find_core_allocation, optimise_core
from marketgame.mechanisms.core.variant import CoreEffort
from marketgame.mechanisms.incentive_efficiency.search import IncentiveEfficient, Participation, incentive_efficient
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights, equal_weights
from marketgame.mechanisms.linear_program import Sense
from tests.experiments.command_calls import Call, one_document

CASES = Path(__file__).parents[1] / "cases"
TWO_PLAYERS = CASES / "ruinous-action-two-players.toml"
MAJORITY = CASES / "ruinous-action-majority.toml"
RARE = CASES / "rare-type-game.toml"
FIVE_TRADERS = CASES / "five-traders-rare-type.toml"
OVER_BUDGET = CASES / "mechanism-over-by-5e-8.toml"
SEVEN_PLAYERS = CASES / "public-good-seven-players.toml"


def test_a_ruinous_action_does_not_hide_what_can_be_had(marketgame: Call) -> None:
    """Trade gives a 1 and takes 1.1 from it: a alone is 0.1 better off, and all the mediator can take is that."""
    document = one_document(marketgame("block", TWO_PLAYERS, "--json"))
    assert document["blocked"] is True
    assert document["profit"] == pytest.approx(0.1)
    assert [entry["coalition"] for entry in document["plan"]] == [["a"]]
    assert marketgame("block", TWO_PLAYERS).code == 1


def test_a_false_proof_that_nothing_can_be_had_is_refuted() -> None:
    """With one type each, virtual utility is utility: a's surplus from leaving is 0.1 whatever the proof says."""
    established = load_game(TWO_PLAYERS)
    game, mechanism = established.game, established.mechanism
    assert mechanism is not None
    certificate = certify_inhibition(game, stakes(game, mechanism), equal_weights(game.type_probabilities))
    assert not verify_inhibition(certificate).confirmed


def test_multipliers_that_cancel_do_not_hide_a_surplus() -> None:
    """Two types with huge multipliers towards each other satisfy the hydraulic equations, and prove nothing.

    Both types are the same but in name and each could take 1 more alone than its stake, so that a plan that lets
    them go earns 1 whenever they do.
    """
    game = load_game(TWO_PLAYERS).game
    twin = CoalitionalGame(
        game.players,
        (("first", "second"), ("only",)),
        (np.array([0.5, 0.5]), np.ones(1)),
        {s: replace(given, utilities=np.repeat(given.utilities, 2, axis=2)) for s, given in game.actions.items()},
    )
    omega = np.tile([-1.0, 0.0], (2, 1))
    huge = np.array([[0.0, 1e12], [1e12, 0.0]])
    forged = VirtualWeights((np.array([0.5, 0.5]), np.ones(1)), (huge, np.zeros((1, 1))))
    assert not verify_inhibition(certify_inhibition(twin, omega, forged)).confirmed
    found = find_blocking_plan(twin, omega)
    assert isinstance(found, BlockingPlan)


def test_the_core_is_empty_though_somebody_could_start_a_war(marketgame: Call) -> None:
    """Each two of three can have 1: what they keep must sum to 1.5 at least, and all together have 1.4."""
    document = one_document(marketgame("core", MAJORITY, "--json"))
    assert document["status"] == "empty"


@pytest.mark.parametrize("file", [RARE, FIVE_TRADERS])
def test_a_core_allocation_holds_in_the_own_expectation_of_rare_types(file: Path) -> None:
    """No type gains by a lie, nobody gets less than alone (nothing), and the mediator pays nothing, to 1e-6 of 3."""
    game = load_game(file).game
    found = find_core_allocation(game)
    assert isinstance(found, CoreAllocation)
    for player, gains in enumerate(slow_gains(game, found.mechanism)):
        assert gains.max() <= 1e-6, game.players[player]
    for player in game.grand_coalition:
        kept = found.stakes[:, player]
        for kind in range(game.type_counts[player]):
            own = game.profiles[:, player] == kind
            others = game.conditional_probability(game.others((player,)))[own]
            assert float(others @ kept[own]) >= -1e-6
    assert float(game.probability @ found.mechanism.payments.sum(axis=1)) <= 1e-6
    assert found.residuals.acceptable


def slow_gains(game: CoalitionalGame, mechanism: Mechanism) -> list[np.ndarray]:
    """What each type gains by each report, profile by profile."""
    utilities = game.actions[game.grand_coalition].utilities
    tables = []
    for player, count in enumerate(game.type_counts):
        table = np.zeros((count, count))
        others = game.conditional_probability(game.others((player,)))
        for truth in range(count):
            for report in range(count):
                for profile in np.flatnonzero(game.profiles[:, player] == truth):
                    told = game.misreports(player)[profile, report]
                    earned = mechanism.action_probability[told] @ utilities[:, player, profile]
                    table[truth, report] += others[profile] * (earned + mechanism.payments[told, player])
        tables.append(table - np.diagonal(table)[:, None])
    return tables


def test_a_mechanism_typed_to_seven_digits_is_feasible_and_judged(marketgame: Call) -> None:
    """It pays out 5e-8 more than it takes in, of 1 at stake; trade always happens, so nobody can have more."""
    document = one_document(marketgame("solve", OVER_BUDGET, "--json"))
    assert document["established"]["feasible"] is True
    assert document["established"]["incentive_efficient"] is True
    assert marketgame("block", OVER_BUDGET).code == 0


@pytest.mark.parametrize("excess", [5e-9, 5e-8, 2e-7, 1e-3])
def test_whoever_asks_gets_the_same_answer_whether_a_mechanism_is_feasible(marketgame: Call, excess: float) -> None:
    """The limit is 1e-7 of the 1 that is at stake."""
    established = load_game(OVER_BUDGET)
    assert established.mechanism is not None
    paid = Mechanism(np.ones((1, 1)), np.array([[-1 / 3, 1 / 3 + excess]]))
    assert feasibility(established.game, paid).feasible is (excess <= 1e-7)


@pytest.mark.parametrize("command", ["core", "solve"])
def test_no_time_is_no_answer(marketgame: Call, command: str) -> None:
    assert marketgame(command, SEVEN_PLAYERS, "--seconds", "0").code == 3


@pytest.mark.parametrize("seconds", [0.5, 2.0])
def test_a_search_of_the_core_ends_in_time(seconds: float) -> None:
    """Unlike the clock on the wall, which the search keeps to, the processor's does not run for other programs."""
    game = load_game(SEVEN_PLAYERS).game
    effort = CoreEffort(seconds=seconds)
    began = time.process_time()
    assert isinstance(find_core_allocation(game, effort=effort), UndecidedCore)
    found = time.process_time() - began
    assert found <= seconds + 1
    assert isinstance(optimise_core(game, welfare(game), Sense.MAXIMIZE, effort=effort), UndecidedCore)
    assert time.process_time() - began - found <= seconds + 1


@pytest.mark.parametrize("fortune", [1e4, 1e7, 1e10, 1e12])
def test_what_a_small_player_can_take_is_seen_beside_a_fortune(fortune: float) -> None:
    """b is worth 0.5 alone and is left with nothing while a makes its fortune: b leaves, and 0.5 can be taken."""
    game = CoalitionalGame(
        ("a", "b"),
        (("only",), ("only",)),
        (np.ones(1), np.ones(1)),
        {
            (0,): ActionSet(("alone",), np.zeros((1, 1, 1))),
            (1,): ActionSet(("alone",), np.full((1, 1, 1), 0.5)),
            (0, 1): ActionSet(("fortune",), np.array([[[fortune], [0.0]]])),
        },
    )
    found = find_blocking_plan(game, np.array([[fortune, 0.0]]))
    assert isinstance(found, BlockingPlan)
    assert found.profit == pytest.approx(0.5)
    willing = incentive_efficient(game, None, Participation.INDIVIDUAL)
    assert isinstance(willing, IncentiveEfficient)
    assert willing.interim[1][0] >= 0.5 - 1e-15 * fortune


def test_a_plan_by_which_somebody_loses_more_than_it_earns_is_no_plan() -> None:
    """An invitation by which a type loses 1e-9 of a ruinous action's size, paid for by nobody, proves nothing."""
    game = load_game(TWO_PLAYERS).game
    omega = np.array([[0.0, 0.0]])
    plan = (Invitation((0, 1), (0, 0), 1, 1e-9), Invitation((0, 1), (0, 0), 0, 1 - 1e-9))
    certificate = certify_plan(game, omega, plan, (np.array([-1.0]), np.zeros(1)))
    # The mediator takes 1 from a, who gains 1 by trade; 1e-9 of the war costs each 0.1.
    assert certificate.profit == pytest.approx(1.0)
    assert not verify_plan(certificate).confirmed


BESIDE = [1e2, 1e6, 5e9, 1e12]


@pytest.mark.parametrize("fortune", BESIDE)
def test_a_proof_cannot_hide_what_a_small_player_takes_beside_a_fortune(fortune: float) -> None:
    """b is worth 0.5 alone and has nothing: whatever a has at stake, the mediator can take 0.5 from b."""
    game = of_two(np.array([[[fortune], [0.0]]]), alone=0.5)
    omega = np.array([[fortune, 0.0]])
    assert not verify_inhibition(certify_inhibition(game, omega, equal_weights(game.type_probabilities))).confirmed
    assert isinstance(find_blocking_plan(game, omega), BlockingPlan)


@pytest.mark.parametrize("fortune", BESIDE)
@pytest.mark.parametrize("missing", [0.0, 1e-12, 1e-9, 1e-7])
def test_weights_that_miss_the_hydraulic_equations_a_little_do_not_hide_what_two_can_take(
    fortune: float, missing: float
) -> None:
    """Together a and b can do what they do, and 0.5 for b besides: the mediator can take 0.5.

    A weight of a that is smaller by a share of 1e-9 makes a's fortune of 5e9 look smaller by 5 than it is.
    """
    game = of_two(np.array([[[fortune], [0.0]], [[fortune], [0.5]]]), alone=0.0)
    omega = np.array([[fortune, 0.0]])
    honest = equal_weights(game.type_probabilities)
    forged = VirtualWeights((honest.weights[0] * (1 - missing), honest.weights[1]), honest.multipliers)
    assert not verify_inhibition(certify_inhibition(game, omega, forged)).confirmed
    assert isinstance(find_blocking_plan(game, omega), BlockingPlan)


@pytest.mark.parametrize("fortune", BESIDE)
def test_a_true_proof_beside_a_fortune_is_confirmed(fortune: float) -> None:
    """b has all that it can have, 0.5 by what all do together, so that nobody can take anything."""
    game = of_two(np.array([[[fortune], [0.0]], [[fortune], [0.5]]]), alone=0.0)
    omega = np.array([[fortune, 0.5]])
    proof = find_blocking_plan(game, omega)
    assert isinstance(proof, NoBlockingPlan)
    assert verify_inhibition(certify_inhibition(game, omega, proof.virtual)).confirmed


def of_two(together: np.ndarray, alone: float) -> CoalitionalGame:
    """a can have nothing alone, b what is said."""
    return CoalitionalGame(
        ("a", "b"),
        (("only",), ("only",)),
        (np.ones(1), np.ones(1)),
        {
            (0,): ActionSet(("alone",), np.zeros((1, 1, 1))),
            (1,): ActionSet(("alone",), np.full((1, 1, 1), alone)),
            (0, 1): ActionSet(tuple(f"action {number}" for number in range(len(together))), together),
        },
    )


@pytest.mark.parametrize("types", [(0, 7), (-1, 0), (0, 0, 0), ()])
def test_invitations_of_types_that_do_not_exist_are_refused(types: tuple[int, ...]) -> None:
    """A list of types as long as the list of players speaks of all of them, so that each must exist."""
    game = load_game(TWO_PLAYERS).game
    with pytest.raises(ValueError, match="does not fit the game"):
        replay(game, np.zeros((1, 2)), (Invitation((0,), types, 0, 1.0),), (np.zeros(1), np.zeros(1)))


def test_what_rounding_leaves_of_large_sums_is_no_profit() -> None:
    """a is paid 1e9 and b pays 1e9 and 1e-7, the last digit of it; b's gain of 1e9 by what both do is not more."""
    game = of_two(np.array([[[-1e9], [1e9]]]), alone=0.0)
    plan = (Invitation((0, 1), (0, 0), 0, 1.0),)
    payments = (np.array([1e9]), np.array([-np.nextafter(1e9, 2e9)]))
    assert not verify_plan(certify_plan(game, np.zeros((1, 2)), plan, payments)).confirmed
