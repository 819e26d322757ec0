"""Claims about side-contracts on random finite games: theorems, and a slow twin of every program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from marketgame.mechanisms.collusion.finite_games.collusion_check import check_collusion
from marketgame.mechanisms.collusion.finite_games.equilibrium import incentive_gain, satisfies
from marketgame.mechanisms.collusion.finite_games.extended_game import (
    CommunicationContract,
    Concept,
    ExtendedGame,
    pure_contract,
)
from marketgame.mechanisms.collusion.finite_games.improvement import (
    Improvement,
    NoImprovement,
    Proof,
    flaws_of,
    improvement,
)
from marketgame.mechanisms.collusion.finite_games.improvement_bound import bound_of, contradiction
from marketgame.mechanisms.collusion.finite_games.improvement_program import SideProblem
from marketgame.mechanisms.collusion.finite_games.internal_consistency import (
    ConsistencyEffort,
    Unsettled,
    internally_consistent_improvement,
    objection,
)
from marketgame.mechanisms.collusion.finite_games.revised_game import revised_game
from marketgame.mechanisms.deviations.effort import Verdict
from tests.examples import drawn
from tests.mechanisms.collusion.third_party import immune_to_third_party, third_party_offer
from tests.mechanisms.random_side_games import (
    SlowPlay,
    communication_equilibrium,
    complete_information,
    known_to,
    lotteries_of,
    random_contract,
    random_game,
    slow_best,
    slow_plays,
    slow_promises,
    slow_revised,
    slow_status_quo,
    slow_temptation,
)

SEEDS = st.integers(0, 2**32 - 1)
CONCEPTS = st.sampled_from(Concept)
CLOSE = 1e-6


def slow_view(game: ExtendedGame, contract: CommunicationContract, coalition: tuple[int, ...]) -> list[SlowPlay]:
    """The revised game in dictionaries."""
    plays = slow_plays(game)
    return slow_revised(plays, *lotteries_of(plays, contract), [game.players.index(player) for player in coalition])


def slow_total(claimed: Improvement, plays: list[SlowPlay]) -> float:
    """The total gain of an improvement, weighted by the probability of each type, recomputed slowly."""
    device, moved = lotteries_of(plays, claimed.contract)
    total = 0.0
    promised, kept = slow_promises(plays, device, moved), slow_status_quo(plays)
    for place in range(len(claimed.coalition)):
        for knows, worth in promised[place].items():
            weight = sum(play.weight[place] for play in plays if play.knows[place] == knows)
            total += weight * (worth - kept[place][knows])
    return total


def assert_improves(claimed: Improvement, plays: list[SlowPlay]) -> None:
    """Definition 6, condition by condition, in dictionaries."""
    device, moved = lotteries_of(plays, claimed.contract)
    disobey = claimed.concept is Concept.COMMUNICATION_EQUILIBRIUM
    assert slow_temptation(plays, device, moved, disobey=disobey) <= CLOSE
    gains = []
    for place, (promised, kept) in enumerate(
        zip(slow_promises(plays, device, moved), slow_status_quo(plays), strict=True)
    ):
        for number, knows in enumerate(known_to(plays)[place]):
            assert promised[knows] == pytest.approx(claimed.promised[place][number], abs=CLOSE)
            assert kept[knows] == pytest.approx(claimed.status_quo[place][number], abs=CLOSE)
            gains.append(promised[knows] - kept[knows])
    assert min(gains) >= -CLOSE
    assert max(gains) > 0


@settings(max_examples=drawn(25), deadline=None)
@given(SEEDS, CONCEPTS)
def test_every_pair_gains_as_much_as_the_slow_program_says_and_no_more(seed: int, concept: Concept) -> None:
    game = random_game(seed, outside=2)
    contract = random_contract(game, seed)
    disobey = concept is Concept.COMMUNICATION_EQUILIBRIUM
    for coalition in ((0,), (1,), (0, 1)):
        plays = slow_view(game, contract, coalition)
        found = improvement(game, contract, coalition, concept)
        slow = slow_best(plays, disobey=disobey)
        consistent = internally_consistent_improvement(game, contract, coalition, concept)
        slow_consistent = slow_best(plays, disobey=disobey, obeyed=len(coalition) > 1)
        for fast, best in ((found, slow), (consistent, slow_consistent)):
            total = slow_total(fast, plays) if isinstance(fast, Improvement) else 0.0
            assert total == pytest.approx(max(0.0, best.total) if best else 0.0, abs=CLOSE * 10)
            if isinstance(fast, Improvement):
                assert_improves(fast, plays)


@settings(max_examples=drawn(15), deadline=None)
@given(SEEDS, CONCEPTS)
def test_reallocations_are_chosen_as_well_as_by_trying_all_of_them(seed: int, concept: Concept) -> None:
    game = random_game(seed, types=1, levels=2)
    contract = random_contract(game, seed)
    plays = slow_view(game, contract, (0, 1))
    found = improvement(game, contract, (0, 1), concept)
    slow = slow_best(plays, disobey=concept is Concept.COMMUNICATION_EQUILIBRIUM)
    total = slow_total(found, plays) if isinstance(found, Improvement) else 0.0
    assert total == pytest.approx(max(0.0, slow.total) if slow else 0.0, abs=CLOSE * 10)
    if isinstance(found, Improvement):
        assert_improves(found, plays)
        assert not flaws_of(game, contract, found)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_with_complete_information_all_together_improve_exactly_when_a_lottery_dominates(seed: int) -> None:
    generator = np.random.default_rng(seed)
    game = complete_information(generator.integers(-3, 4, size=(3, 2, 2, 3)).astype(float))
    told = np.array([int(generator.integers(menu)) for menu in game.action_counts])
    payoffs = game.payoffs.reshape(-1, 3)
    kept = game.payoffs[(0, 0, *told)]
    answer = optimize.linprog(
        -payoffs.sum(axis=1), -payoffs.T, -kept, np.ones((1, len(payoffs))), [1.0], method="highs"
    )
    found = improvement(game, pure_contract(game, told), (0, 1, 2))
    gained = sum(float(gain.sum()) for gain in found.gains) if isinstance(found, Improvement) else 0.0
    assert gained == pytest.approx(float(payoffs.sum(axis=1) @ np.asarray(answer.x) - kept.sum()), abs=CLOSE)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(0, 1), CONCEPTS)
def test_strongly_collusion_proof_contracts_are_collusion_proof(seed: int, weight: float, concept: Concept) -> None:
    game = random_game(seed)
    check = check_collusion(game, communication_equilibrium(game, (weight, 1 - weight)), concept)
    assert check.equilibrium
    if check.strongly_collusion_proof is Verdict.PROVEN:
        assert check.collusion_proof is Verdict.PROVEN
    if check.collusion_proof is Verdict.REFUTED:
        assert check.strongly_collusion_proof is Verdict.REFUTED


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_a_consistent_improvement_of_three_is_broken_by_no_part_in_the_slow_theory(seed: int) -> None:
    generator = np.random.default_rng(seed)
    game = complete_information(generator.integers(-3, 4, size=(2, 2, 2, 3)).astype(float))
    told = generator.integers(2, size=3)
    contract = pure_contract(game, told)
    found = internally_consistent_improvement(game, contract, (0, 1, 2), effort=ConsistencyEffort(candidates=6))
    if not isinstance(found, Improvement):
        assert isinstance(found, Unsettled) or found.bound <= CLOSE * game.scale
        return
    plays = slow_view(game, contract, (0, 1, 2))
    assert_improves(found, plays)
    device, moved = lotteries_of(plays, found.contract)
    for part in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2)):
        after = slow_revised(plays, device, moved, part)
        best = slow_best(after, obeyed=len(part) > 1)
        assert best is None or best.total <= 10 * CLOSE * game.scale


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_nothing_breaks_what_is_collusion_proof(seed: int) -> None:
    """The recursion over parts, started from the contract itself, finds what the check found."""
    game = random_game(seed, players=3, types=1)
    contract = communication_equilibrium(game, (1.0, 1.0, 1.0))
    check = check_collusion(game, contract, effort=ConsistencyEffort(candidates=4))
    found = objection(game, contract, effort=ConsistencyEffort(candidates=4))
    if check.collusion_proof is Verdict.PROVEN:
        assert found is None
    if isinstance(found, Improvement):
        assert check.collusion_proof is Verdict.REFUTED


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_every_communication_equilibrium_is_incentive_compatible(seed: int) -> None:
    game = random_game(seed)
    for contract in (random_contract(game, seed), communication_equilibrium(game, (1.0, 0.5))):
        lies = incentive_gain(game, contract, Concept.BIC)
        assert lies <= incentive_gain(game, contract, Concept.COMMUNICATION_EQUILIBRIUM) + CLOSE
        if satisfies(game, contract, Concept.COMMUNICATION_EQUILIBRIUM):
            assert satisfies(game, contract, Concept.BIC)


@settings(max_examples=drawn(25), deadline=None)
@given(SEEDS, CONCEPTS)
def test_a_third_party_finds_what_the_pair_finds(seed: int, concept: Concept) -> None:
    game = random_game(seed)
    for contract in (random_contract(game, seed), communication_equilibrium(game, (0.5, 0.5))):
        offer = third_party_offer(game, contract, concept)
        assert (offer is not None) == isinstance(improvement(game, contract, (0, 1), concept), Improvement)
        immune = immune_to_third_party(game, contract, concept)
        assert immune == (check_collusion(game, contract, concept).strongly_collusion_proof is Verdict.PROVEN)


@settings(max_examples=20, deadline=None)
@given(SEEDS, CONCEPTS)
def test_any_multipliers_bound_what_any_side_contract_brings(seed: int, concept: Concept) -> None:
    game = random_game(seed, types=1, levels=2) if seed % 2 else random_game(seed)
    contract = random_contract(game, seed)
    found = improvement(game, contract, (0, 1), concept)
    if not isinstance(found, NoImprovement) or found.multipliers is None:
        return
    generator = np.random.default_rng(seed)
    problem = SideProblem(revised_game(game, contract, (0, 1)), concept)
    slow = slow_best(slow_view(game, contract, (0, 1)), disobey=concept is Concept.COMMUNICATION_EQUILIBRIUM)
    if found.proof is Proof.NOTHING_ALLOWED:
        assert contradiction(problem, found.multipliers) > 0
        assert slow is None
        return
    other = replace(
        found.multipliers,
        participation=tuple(weights + generator.random(weights.shape) for weights in found.multipliers.participation),
    )
    assert bound_of(problem, np.ones(2), found.multipliers) == pytest.approx(found.bound)
    assert slow is None or bound_of(problem, np.ones(2), other) >= slow.total - CLOSE
