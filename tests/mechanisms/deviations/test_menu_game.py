"""How far a play of a finite Bayesian game is from its equilibria, against Gambit and against counting."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence

import numpy as np
import pygambit  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.deviations.menu_game import (
    MenuGame,
    MixedPlay,
    drawn_from,
    observed_play,
    product_play,
    stance_gains,
    strategies_of,
    tabulated,
)
from marketgame.mechanisms.economies.beliefs import listed_prior

GENERATOR = np.random.default_rng(3)
PRISONERS_DILEMMA = np.array([[[-1.0, -1.0], [-3.0, 0.0]], [[0.0, -3.0], [-2.0, -2.0]]])
CHICKEN = np.array([[[0.0, 0.0], [7.0, 2.0]], [[2.0, 7.0], [6.0, 6.0]]])
NOTHING_DRAWN = listed_prior((1, 1), np.ones(1))

seeds = st.integers(0, 10**6)


def random_game(generator: np.random.Generator, types: tuple[int, ...], menus: tuple[int, ...]) -> MenuGame:
    """Return a game with a correlated prior."""
    prior = listed_prior(types, generator.dirichlet(np.ones(int(np.prod(types)))))
    return tabulated(prior, generator.normal(size=(len(prior.profiles), *menus, len(menus))))


def random_strategies(generator: np.random.Generator, game: MenuGame) -> tuple[FloatArray, ...]:
    return tuple(
        generator.dirichlet(np.ones(size), size=kinds)
        for kinds, size in zip(game.prior.type_counts, game.menus, strict=True)
    )


def nash_gap(game: MenuGame, strategies: tuple[FloatArray, ...]) -> float:
    play = product_play(game.prior, strategies, 10**6, GENERATOR)
    return max(float(each.gains.max()) for each in stance_gains(game, play))


def in_gambit(weights: Sequence[int], types: tuple[int, ...], table: FloatArray) -> pygambit.ExtensiveGame:
    """Return the Bayesian game as a tree: nature draws types, and every type of a player is an information set."""
    players, menus = range(len(types)), table.shape[1:-1]
    names = " ".join(f'"{player}"' for player in players)
    chances = " ".join(f'"{number}" {weight}/{sum(weights)}' for number, weight in enumerate(weights))
    lines = [f'EFG 2 R "" {{ {names} }}', f'c "" 1 "" {{ {chances} }} 0']
    outcomes = itertools.count(1)

    def write(number: int, profile: tuple[int, ...], taken: tuple[int, ...]) -> None:
        player = len(taken)
        if player == len(types):
            paid = ", ".join(repr(float(each)) for each in table[(number, *taken)])
            lines.append(f't "" {next(outcomes)} "" {{ {paid} }}')
            return
        stances = " ".join(f'"{stance}"' for stance in range(menus[player]))
        lines.append(f'p "" {player + 1} {profile[player] + 1} "" {{ {stances} }} 0')
        for stance in range(menus[player]):
            write(number, profile, (*taken, stance))

    for number, profile in enumerate(itertools.product(*map(range, types))):
        write(number, profile, ())
    return pygambit.read_efg(io.StringIO("\n".join(lines)))


@pytest.mark.parametrize(("types", "menus"), [((1, 1), (3, 3)), ((2, 2), (2, 3)), ((2, 1, 2), (2, 2, 2))])
@settings(max_examples=10)
@given(seed=seeds)
def test_the_nash_gap_is_the_largest_regret_of_an_agent_in_gambit(
    types: tuple[int, ...], menus: tuple[int, ...], seed: int
) -> None:
    generator = np.random.default_rng(seed)
    weights = generator.integers(1, 9, size=int(np.prod(types)))
    prior = listed_prior(types, weights / weights.sum())
    game = tabulated(prior, generator.normal(size=(len(weights), *menus, len(menus))))
    strategies = random_strategies(generator, game)
    play = in_gambit(weights.tolist(), types, game.table()).mixed_behavior_profile(
        data=[[list(map(float, row)) for row in strategy] for strategy in strategies]
    )
    assert nash_gap(game, strategies) == pytest.approx(play.agent_max_regret(), abs=1e-9)


@pytest.mark.parametrize("payoffs", [PRISONERS_DILEMMA, CHICKEN])
def test_the_equilibria_that_gambit_finds_have_no_gap(payoffs: FloatArray) -> None:
    game = tabulated(NOTHING_DRAWN, payoffs[None])
    equilibria = pygambit.nash.enummixed_solve(
        pygambit.StrategicGame.from_arrays(*np.moveaxis(payoffs, -1, 0)), rational=False
    ).equilibria
    assert equilibria
    for equilibrium in equilibria:
        chances = [np.array([[float(equilibrium[player][stance]) for stance in "12"]]) for player in "12"]
        assert nash_gap(game, (chances[0], chances[1])) == pytest.approx(0, abs=1e-9)


def test_a_correlated_equilibrium_has_no_gap_where_its_marginals_have_one() -> None:
    game = tabulated(NOTHING_DRAWN, CHICKEN[None])
    # Aumann (1974): (dare, yield), (yield, dare) and (yield, yield), each with probability 1/3.
    aumann = MixedPlay(np.zeros((3, 2), np.int64), np.array([[0, 1], [1, 0], [1, 1]]), np.full(3, 1 / 3))
    for each in stance_gains(game, aumann):
        assert each.exchanging == pytest.approx(0, abs=1e-12)
        # Always to yield brings (2 + 6 + 6) / 3 instead of (7 + 2 + 6) / 3; always to dare (7 + 0 + 7) / 3.
        assert each.gains == pytest.approx([-1 / 3, -1 / 3])
        assert each.expected == pytest.approx(5)
    # A light tells whose turn it is to dare. If each dares half of the time by itself, to yield brings 4, not 3.75.
    light = MixedPlay(np.zeros((2, 2), np.int64), np.array([[0, 1], [1, 0]]), np.full(2, 1 / 2))
    assert all(each.exchanging == 0 for each in stance_gains(game, light))
    assert nash_gap(game, strategies_of(light, (1, 1), (2, 2))) == pytest.approx(1 / 4)


@settings(max_examples=20)
@given(seed=seeds)
def test_gains_are_those_of_playing_every_cell_again(seed: int) -> None:
    generator = np.random.default_rng(seed)
    game = random_game(generator, (2, 1, 2), (2, 3, 2))
    table, prior = game.table(), game.prior
    rounds = 12
    profiles = prior.profiles[generator.integers(len(prior.profiles), size=rounds)]
    stances = np.stack([generator.integers(size, size=rounds) for size in game.menus], axis=1)
    for found in stance_gains(game, observed_play(profiles, stances)):
        own = [number for number in range(rounds) if profiles[number, found.player] == found.type_number]
        assert found.probability == pytest.approx(len(own) / rounds)
        exchanged = np.zeros((game.menus[found.player],) * 2)
        for stance in range(game.menus[found.player]):
            for number in own:
                cell = (int(prior.profile_numbers(profiles[number])), *stances[number])
                instead = list(cell)
                instead[1 + found.player] = stance
                more = table[(*instead, found.player)] - table[(*cell, found.player)]
                exchanged[stances[number, found.player], stance] += more / len(own)
        assert found.gains == pytest.approx(exchanged.sum(axis=0), abs=1e-12)
        assert found.exchanging == pytest.approx(exchanged.max(axis=1).sum(), abs=1e-12)
        assert found.exchanging >= found.gains.max() - 1e-12
        assert not found.errors.any()


def test_gains_estimated_from_draws_are_within_their_errors() -> None:
    generator = np.random.default_rng(5)
    game = random_game(generator, (2, 2), (3, 2))
    strategies = random_strategies(generator, game)
    exact = stance_gains(game, product_play(game.prior, strategies, 10**6, generator))
    listed = product_play(game.prior, strategies, 10**6, generator)
    for play in (product_play(game.prior, strategies, 20, generator), drawn_from(listed, 20, generator)):
        assert play.sampled
        assert len(play.probability) == 20
    drawn = (
        stance_gains(game, drawn_from(listed, 23, generator)),
        stance_gains(game, product_play(game.prior, strategies, 23, generator)),
    )
    for several in drawn:
        for truth, found in zip(exact, several, strict=True):
            assert (found.player, found.type_number) == (truth.player, truth.type_number)
            # Six standard errors and more would be met once in thousands of draws of twenty.
            assert (np.abs(found.gains - truth.gains) <= 6 * found.errors).all()
            low, high = found.interval(0.95)
            assert low <= found.gains.max() <= high
            assert (np.abs(found.exchanged - truth.exchanged) <= 6 * found.exchanged_errors).all()
            low, high = found.interval_of_exchanging(0.95)
            assert low <= found.exchanging <= high


def test_strategies_are_recovered_from_the_play_that_they_make() -> None:
    generator = np.random.default_rng(7)
    game = random_game(generator, (2, 3), (3, 2))
    strategies = random_strategies(generator, game)
    play = product_play(game.prior, strategies, 10**6, generator)
    assert play.probability.sum() == pytest.approx(1)
    for given_, found in zip(strategies, strategies_of(play, game.prior.type_counts, game.menus), strict=True):
        assert found == pytest.approx(given_)


def test_who_was_never_met_plays_in_no_known_way() -> None:
    prior = listed_prior((2, 1), np.array([0.5, 0.5]))
    met = observed_play(np.zeros((4, 2), np.int64), np.zeros((4, 2), np.int64))
    with pytest.raises(ValueError, match="type 1 of player 0"):
        product_play(prior, strategies_of(met, (2, 1), (2, 2)), 100, GENERATOR)
