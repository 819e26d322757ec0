"""Claims about side-contracts in known games: whose agreements last, and which break."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.mechanisms.collusion.finite_games.collusion_check import check_collusion
from marketgame.mechanisms.collusion.finite_games.equilibrium import satisfies
from marketgame.mechanisms.collusion.finite_games.extended_game import (
    CommunicationContract,
    Concept,
    ExtendedGame,
    contract_for,
    pure_contract,
)
from marketgame.mechanisms.collusion.finite_games.improvement import Improvement, improvement
from marketgame.mechanisms.collusion.finite_games.internal_consistency import objection
from marketgame.mechanisms.collusion.finite_games.revised_game import revised_game
from marketgame.mechanisms.deviations.effort import Objective, Verdict
from tests.documentation import names_after
from tests.mechanisms.random_side_games import complete_information
from tests.mechanisms.side_game_examples import PRISONERS, SEXES


def three_by_matrices(tables: list[list[list[tuple[float, float, float]]]]) -> ExtendedGame:
    """A game whose first player chooses rows, the second columns, the third matrices."""
    return complete_information(np.moveaxis(np.array(tables, dtype=float), 0, 2))


# Bernheim, Peleg and Whinston (1987), the example with two equilibria of which the dominated one is coalition-proof.
THREE = three_by_matrices(
    [[[(1, 1, -5), (-5, -5, 0)], [(-5, -5, 0), (0, 0, 10)]], [[(-1, -1, 5), (-5, -5, 0)], [(-5, -5, 0), (-2, -2, 0)]]]
)


@pytest.mark.parametrize("concept", Concept)
def test_prisoners_who_betray_have_only_an_agreement_that_each_would_break(concept: Concept) -> None:
    check = check_collusion(PRISONERS, pure_contract(PRISONERS, np.array([1, 1])), concept)
    assert check.equilibrium
    assert check.collusion_proof is Verdict.PROVEN
    # Under communication equilibrium an agreement that each would break is no improvement to begin with.
    betrayal_is_strong = Verdict.REFUTED if concept is Concept.BIC else Verdict.PROVEN
    assert check.strongly_collusion_proof is betrayal_is_strong


def test_prisoners_who_agree_on_silence_are_betrayed_by_one() -> None:
    silence = pure_contract(PRISONERS, np.array([0, 0]))
    assert satisfies(PRISONERS, silence, Concept.BIC)
    assert not satisfies(PRISONERS, silence, Concept.COMMUNICATION_EQUILIBRIUM)
    assert isinstance(check_collusion(PRISONERS, silence).consistent[0,], Improvement)


def test_the_dominated_equilibrium_of_three_players_is_collusion_proof_but_not_strongly() -> None:
    dominated = check_collusion(THREE, pure_contract(THREE, np.array([0, 0, 1])))
    assert dominated.collusion_proof is Verdict.PROVEN
    assert dominated.strongly_collusion_proof is Verdict.REFUTED
    assert set(dominated.witnesses) == {(0, 1, 2)}
    agreed = dominated.witnesses[0, 1, 2]
    revised = revised_game(THREE, pure_contract(THREE, np.array([0, 0, 1])), (0, 1, 2))
    broken = objection(revised.game, agreed.contract)
    assert isinstance(broken, Improvement)
    assert len(broken.coalition) < 3


def test_the_dominating_equilibrium_of_three_players_is_broken_by_two() -> None:
    dominating = check_collusion(THREE, pure_contract(THREE, np.array([1, 1, 0])))
    assert dominating.collusion_proof is Verdict.REFUTED
    assert isinstance(dominating.consistent[0, 1], Improvement)
    assert dominating.consistent[0, 1].contract.probability[0, 0, 0, 0] == pytest.approx(1.0)


def test_a_fair_coin_between_the_sexes_is_strongly_collusion_proof_and_mixing_alone_is_not() -> None:
    coin = contract_for(SEXES, np.array([[[[0.5, 0.0], [0.0, 0.5]]]]))
    alone = contract_for(SEXES, np.outer([2 / 3, 1 / 3], [1 / 3, 2 / 3]).reshape(1, 1, 2, 2))
    assert check_collusion(SEXES, coin).strongly_collusion_proof is Verdict.PROVEN
    mixed = check_collusion(SEXES, alone)
    assert mixed.equilibrium
    assert mixed.collusion_proof is Verdict.REFUTED


def test_a_lie_that_pays_only_with_disobedience_separates_the_two_concepts() -> None:
    names = names_after("collusion.md")
    game, truth = names["game"], names["truth"]
    assert isinstance(game, ExtendedGame)
    assert isinstance(truth, CommunicationContract)
    obedient = check_collusion(game, truth, Concept.BIC)
    assert obedient.strongly_collusion_proof is Verdict.PROVEN
    bold = check_collusion(game, truth, Concept.COMMUNICATION_EQUILIBRIUM)
    assert not bold.equilibrium
    assert bold.incentive_gain == pytest.approx(3 - 2)
    assert bold.collusion_proof is Verdict.REFUTED


def test_the_least_gain_is_maximised_where_total_gain_is_not() -> None:
    """One may have 10 alone, or both 1: the first is more in total, the second more for the poorer."""
    game = complete_information(np.array([[[0.0, 0.0], [10.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]]))
    idle = pure_contract(game, np.array([0, 0]))
    total = improvement(game, idle, (0, 1))
    least = improvement(game, idle, (0, 1), objective=Objective.LEAST)
    assert isinstance(total, Improvement)
    assert isinstance(least, Improvement)
    assert [gain.item() for gain in total.gains] == pytest.approx([10.0, 0.0])
    assert [gain.item() for gain in least.gains] == pytest.approx([1.0, 1.0])
