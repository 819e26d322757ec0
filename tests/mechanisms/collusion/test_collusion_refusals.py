"""Claims about side-contracts that are false, and contracts that are none, are refused."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from marketgame.mechanisms.collusion.finite_games.collusion_check import CollusionCheck, check_collusion
from marketgame.mechanisms.collusion.finite_games.equilibrium import InadmissibleTransferError, incentive_gain
from marketgame.mechanisms.collusion.finite_games.extended_game import (
    CommunicationContract,
    Concept,
    ExtendedGame,
    contract_for,
    pure_contract,
)
from marketgame.mechanisms.collusion.finite_games.improvement import (
    Flaw,
    Improvement,
    NoImprovement,
    Proof,
    flaws_of,
    improvement,
)
from marketgame.mechanisms.collusion.finite_games.improvement_bound import bound_of
from marketgame.mechanisms.collusion.finite_games.improvement_program import SideProblem
from marketgame.mechanisms.collusion.finite_games.revised_game import revised_game
from tests.mechanisms.random_side_games import random_contract, random_game
from tests.mechanisms.side_game_examples import PRISONERS, SEXES


def test_multipliers_that_reward_breaking_a_constraint_are_refused() -> None:
    contract = contract_for(SEXES, np.array([[[[0.5, 0.0], [0.0, 0.5]]]]))
    found = improvement(SEXES, contract, (0, 1))
    assert isinstance(found, NoImprovement)
    assert found.proof is Proof.MULTIPLIERS
    assert found.multipliers is not None
    problem = SideProblem(revised_game(SEXES, contract, (0, 1)), Concept.BIC)
    turned = replace(found.multipliers, participation=tuple(-1 - w for w in found.multipliers.participation))
    with pytest.raises(ValueError, match="negative"):
        bound_of(problem, np.ones(2), turned)


def improved_upon() -> tuple[ExtendedGame, CommunicationContract, Improvement]:
    """A pair with two types each that improves, found among random games."""
    for seed in itertools.count():
        game = random_game(seed)
        contract = random_contract(game, seed)
        found = improvement(game, contract, (0, 1))
        if isinstance(found, Improvement) and min(game.type_counts) > 1:
            return game, contract, found
    raise AssertionError("unreachable")


def test_a_witness_is_accepted_and_its_mutants_are_refused() -> None:
    game, contract, found = improved_upon()
    assert not flaws_of(game, contract, found)
    revised = revised_game(game, contract, (0, 1))
    idle = replace(found, contract=revised.obedience, promised=found.status_quo)
    assert Flaw.NO_GAIN in flaws_of(game, contract, idle)
    boastful = replace(found, promised=tuple(utility + 1 for utility in found.promised))
    assert flaws_of(game, contract, boastful) == (Flaw.FALSE_PROMISE,)
    worst = revised.game.payoffs[0].sum(axis=(0, -1)).argmin()
    harmful = np.zeros_like(found.contract.probability)
    harmful.reshape(*revised.game.type_counts, -1)[..., worst] = 1.0
    assert Flaw.LOSS in flaws_of(game, contract, replace(found, contract=contract_for(revised.game, harmful)))
    other = replace(found, contract=contract)
    expected = contract.probability.shape != found.contract.probability.shape
    assert (Flaw.MISFIT in flaws_of(game, contract, other)) == expected


def test_a_device_that_tempts_to_lie_is_refused() -> None:
    payoffs = np.zeros((1, 2, 2, 1, 2))
    payoffs[0, :, 1, 0, 0] = 1.0
    game = ExtendedGame(
        (0, 1),
        np.array([[0, 0], [1, 0]]),
        (("low", "high"), ("only",)),
        np.full((2, 2), 0.5),
        (("stay", "go"), ("wait",)),
        np.zeros((1, 2)),
        np.zeros(2, dtype=np.int64),
        payoffs,
    )
    stay = pure_contract(game, np.array([0, 0]))
    tempting = CommunicationContract(np.array([[[[0.0], [1.0]]], [[[1.0], [0.0]]]]), np.zeros((2, 1, 2)))
    claim = Improvement((0, 1), Concept.BIC, tempting, (np.array([1.0, 0.0]), np.zeros(1)), (np.zeros(2), np.zeros(1)))
    assert flaws_of(game, stay, claim) == (Flaw.INCENTIVE,)


def test_a_reallocation_beyond_the_table_is_inadmissible() -> None:
    game = random_game(0, levels=2)
    contract = random_contract(game, 0)
    found = check_collusion(game, contract)
    revised = revised_game(game, contract, (0, 1))
    far = np.zeros((*revised.game.type_counts, 2))
    far[...] = (7.0, -7.0)
    moved = CommunicationContract(revised.obedience.probability, far)
    claim = Improvement((0, 1), Concept.BIC, moved, revised.status_quo, revised.status_quo)
    assert flaws_of(game, contract, claim) == (Flaw.INADMISSIBLE,)
    with pytest.raises(InadmissibleTransferError, match="too far"):
        incentive_gain(revised.game, moved, Concept.BIC)
    assert isinstance(found, CollusionCheck)


@pytest.mark.parametrize("coalition", [(), (1, 0), (0, 2), (0, 0)])
def test_coalitions_that_are_none_are_refused(coalition: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be some of the inside players"):
        improvement(PRISONERS, pure_contract(PRISONERS, np.array([1, 1])), coalition)


def test_unsound_contracts_are_refused() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        contract_for(PRISONERS, np.full((1, 1, 2, 2), 0.5))
    with pytest.raises(ValueError, match="only reallocated"):
        contract_for(PRISONERS, np.full((1, 1, 2, 2), 0.25), np.ones((1, 1, 2)))
    with pytest.raises(ValueError, match="the game needs"):
        contract_for(PRISONERS, np.full((1, 1, 3, 2), 1 / 6))
