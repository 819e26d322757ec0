"""Claims about measures of efficiency: which improvements there are at each stage, and that optima admit none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.coalitional_games.mechanism import (
    Mechanism,
    ex_post_utilities,
    expected_cost,
    misreport_gains,
)
from marketgame.mechanisms.incentive_efficiency.dominance import Beneficiaries, Restraint, Stage, dominating_mechanism
from tests.mechanisms.myerson_examples import EQUAL_GAINS, EXAMPLE_1
from tests.mechanisms.proven_solutions import solved
from tests.mechanisms.random_games import random_game, random_weights

SEEDS = st.integers(0, 2**32 - 1)


def test_ex_ante_and_ex_post_efficiency_are_told_apart_from_interim() -> None:
    judged = {
        (stage, restraint): dominating_mechanism(EXAMPLE_1, EQUAL_GAINS, stage, restraint).dominated
        for stage in Stage
        for restraint in Restraint
    }
    assert judged == {
        (Stage.EX_ANTE, Restraint.CLASSICAL): True,
        (Stage.INTERIM, Restraint.CLASSICAL): True,
        (Stage.EX_POST, Restraint.CLASSICAL): True,
        (Stage.EX_ANTE, Restraint.INCENTIVE): True,
        (Stage.INTERIM, Restraint.INCENTIVE): False,
        (Stage.EX_POST, Restraint.INCENTIVE): False,
    }


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from(list(Restraint)))
def test_an_improvement_at_a_later_stage_is_one_at_every_earlier_stage(seed: int, restraint: Restraint) -> None:
    game = random_game(seed)
    generator = np.random.default_rng(seed)
    actions = len(game.actions[game.grand_coalition].names)
    constant = Mechanism(
        np.tile(generator.dirichlet(np.ones(actions)), (len(game.profiles), 1)),
        np.zeros((len(game.profiles), len(game.players))),
    )
    gains = [
        dominating_mechanism(game, constant, stage, restraint).gain
        for stage in (Stage.EX_ANTE, Stage.INTERIM, Stage.EX_POST)
    ]
    assert gains[0] >= gains[1] - 1e-7
    assert gains[1] >= gains[2] - 1e-7
    for stage in Stage:
        witness = dominating_mechanism(game, constant, stage, restraint)
        assert expected_cost(game, witness.mechanism) <= 1e-7
        if restraint is Restraint.INCENTIVE:
            assert max(gain.max() for gain in misreport_gains(game, witness.mechanism)) <= 1e-7
        if stage is Stage.EX_POST:
            better = ex_post_utilities(game, witness.mechanism) - ex_post_utilities(game, constant)
            assert better.min() == pytest.approx(witness.gain, abs=1e-7)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_what_maximises_positive_weights_is_dominated_by_nothing_and_some_is_ex_ante(seed: int) -> None:
    game = random_game(seed)
    interim = solved(game, random_weights(game, seed)).mechanism
    assert not dominating_mechanism(game, interim).dominated
    assert not dominating_mechanism(game, interim, improvement=Beneficiaries.FOR_SOME).dominated
    ex_ante = solved(game).mechanism
    assert not dominating_mechanism(game, ex_ante, Stage.EX_ANTE).dominated
    assert not dominating_mechanism(game, ex_ante, Stage.EX_ANTE, improvement=Beneficiaries.FOR_SOME).dominated
