"""Exchange economies as coalitional games on a grid."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from marketgame.mechanisms.coalitional_games.grid_game import game_on_grid
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import autarky_welfare, efficient_allocation
from marketgame.mechanisms.economies.valuations import Quadratic


def three_traders() -> Economy:
    intercepts, endowments = (5.0, 5.5, 6.2), ((2.0, 30.0), (1.0, 30.0), (1.5, 30.0))
    players = tuple(
        Player(name, (PlayerType("only", np.array(owned), Quadratic(np.array([b]), np.eye(1))),))
        for name, b, owned in zip(("ann", "bob", "cat"), intercepts, endowments, strict=True)
    )
    prior = IndependentPrior([np.ones(1)] * 3)
    return Economy("test", ("wheat", "money"), ("tonne", "euro"), players, prior)


def test_every_coalition_can_divide_what_its_members_own_in_every_way() -> None:
    game = game_on_grid(three_traders(), 5)
    for coalition in game.coalitions:
        ways = comb(5 + len(coalition) - 1, len(coalition) - 1)
        assert len(game.actions[coalition].names) == ways
    alone = game.actions[0,].utilities
    assert alone == pytest.approx(0)


def test_the_best_division_on_a_finer_grid_approaches_the_efficient_gains_from_below() -> None:
    economy = three_traders()
    efficient = float((efficient_allocation(economy).welfare - autarky_welfare(economy))[0])
    best = [game_on_grid(economy, parts).actions[0, 1, 2].utilities.sum(axis=1).max() for parts in (3, 9, 45)]
    assert best == sorted(best)
    assert best[-1] <= efficient + 1e-12
    assert best[-1] == pytest.approx(efficient, abs=0.01)


def worth(intercept: float, quantity: float) -> float:
    return intercept * quantity - quantity**2 / 2


def test_a_division_is_worth_its_bundles_less_the_endowments() -> None:
    game = game_on_grid(three_traders(), 3)
    actions = game.actions[0, 1]
    everything_to_ann = actions.names.index("3 0")
    gains = actions.utilities[everything_to_ann, :, 0]
    assert gains == pytest.approx([worth(5.0, 3) - worth(5.0, 2), -worth(5.5, 1)])


def test_correlated_types_and_grids_too_fine_to_enumerate_are_refused() -> None:
    economy = three_traders()
    with pytest.raises(ValueError, match="0 parts"):
        game_on_grid(economy, 0)
    with pytest.raises(ValueError, match="joint actions"):
        game_on_grid(economy, 1000)
    kinds = tuple(
        PlayerType(name, np.array([1.0, 9.0]), Quadratic(np.array([b]), np.eye(1)))
        for name, b in (("a", 1.0), ("b", 2.0))
    )
    joint = CorrelatedPrior(np.array([[0.4, 0.1], [0.1, 0.4]]))
    players = (Player("x", kinds), Player("y", kinds))
    with pytest.raises(ValueError, match="correlated"):
        game_on_grid(Economy("t", ("g", "m"), ("u", "u"), players, joint), 2)
