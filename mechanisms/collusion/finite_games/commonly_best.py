r"""Joint actions that are best for every member of a sub-coalition whatever happens, and what they rule out.

If T has a joint action that gives each of its members its largest payoff, in every state and against every action of
the other insiders, then from any agreement that may leave some of them with less T breaks away: the device that always
recommends that joint action needs no reports, harms no type, helps one, and no part of T can improve upon it. An
internally consistent improvement therefore never leads to less for T. This is the one cut that is a proof; it decides
the example of Bernheim, Peleg and Whinston.

Source:
    A consequence of Giraud and Rochon (2001), Definition 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from marketgame.mechanisms.collusion.finite_games.revised_game import coalitions_of

if TYPE_CHECKING:
    from marketgame.mechanisms.arrays import BooleanArray
    from marketgame.mechanisms.collusion.finite_games.improvement_program import SideProblem

ROUNDING = 1e-9
"""Payoffs that differ by less, relative to the largest, are equal here."""

LOSS = 1e-6
"""Payoffs that are smaller by less, relative to the largest, do not count as less: breaking away would not pay."""


def ruled_out(problem: SideProblem) -> BooleanArray:
    """Return what no internally consistent side-contract may recommend after which reports.

    Returns:
        ``(T_1, ..., T_m, D, A_1, ..., A_m)``; reports that nobody thinks possible are left alone.
    """
    game = problem.revised.game
    shape = (*game.type_counts, len(problem.reallocations), *game.action_counts)
    unwanted = np.zeros(shape, dtype=bool)
    for coalition in coalitions_of(game.players, proper=True):
        places = tuple(game.players.index(player) for player in coalition)
        if len(places) > 1 and _has_commonly_best(problem, places):
            _rule_out(problem, places, unwanted)
    return unwanted


def _has_commonly_best(problem: SideProblem, places: tuple[int, ...]) -> bool:
    """Return whether some joint action of some members is best for all of them, whatever the rest."""
    game = problem.revised.game
    axes = tuple(2 + place for place in places)
    payoffs = np.moveaxis(game.payoffs[..., places], axes, range(len(places)))
    joint = payoffs.reshape(np.prod([game.action_counts[place] for place in places]), -1)
    return bool((joint >= joint.max(axis=0) - ROUNDING * game.scale).all(axis=1).any())


def _rule_out(problem: SideProblem, places: tuple[int, ...], unwanted: BooleanArray) -> None:
    """Mark joint actions that leave some member less than its best in a state somebody in the part thinks possible."""
    game = problem.revised.game
    axes = tuple(1 + place for place in places)
    for level, reallocation in enumerate(problem.reallocations):
        rows = game.rows_after(reallocation)
        for place in places:
            payoffs = game.payoffs_at(np.maximum(rows, 0), place)
            less = payoffs < payoffs.max(axis=axes, keepdims=True) - LOSS * game.scale
            possible = (rows >= 0) & (game.priors[:, place] > 0)
            for state in np.flatnonzero(possible):
                unwanted[(*game.types[state], level)] |= less[state]
