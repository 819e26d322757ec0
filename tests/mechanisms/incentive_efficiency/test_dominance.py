"""Claims about dominance: what improves on a mechanism does, and that optima admit no improvement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.coalitional_games.mechanism import (
    Mechanism,
    expected_cost,
    interim_utilities,
    misreport_gains,
)
from marketgame.mechanisms.incentive_efficiency.dominance import dominating_mechanism
from tests.mechanisms.myerson_examples import EQUAL_GAINS, EXAMPLE_1
from tests.mechanisms.proven_solutions import solved
from tests.mechanisms.random_games import random_game, random_weights

SEEDS = st.integers(0, 2**32 - 1)


def test_equal_gains_are_dominated_by_nothing() -> None:
    assert not dominating_mechanism(EXAMPLE_1, EQUAL_GAINS).dominated


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_what_dominates_is_a_mechanism_that_tempts_nobody_and_gives_every_type_as_much_more_as_is_said(
    seed: int,
) -> None:
    game = random_game(seed)
    generator = np.random.default_rng(seed)
    actions = len(game.actions[game.grand_coalition].names)
    constant = Mechanism(
        np.tile(generator.dirichlet(np.ones(actions)), (len(game.profiles), 1)),
        np.zeros((len(game.profiles), len(game.players))),
    )
    witness = dominating_mechanism(game, constant)
    assert expected_cost(game, witness.mechanism) <= 1e-7
    assert max(gain.max() for gain in misreport_gains(game, witness.mechanism)) <= 1e-7
    before, after = (np.concatenate(interim_utilities(game, each)) for each in (constant, witness.mechanism))
    assert (after - before).min() == pytest.approx(witness.gain, abs=1e-7)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_what_maximises_positive_weights_is_dominated_by_nothing(seed: int) -> None:
    game = random_game(seed)
    for weights in (None, random_weights(game, seed)):
        assert not dominating_mechanism(game, solved(game, weights).mechanism).dominated
