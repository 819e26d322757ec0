r"""What is at stake for a type of a player in a coalitional game: the one measure that numbers are large or small by.

Utilities are levels: a constant added to everything a type can get (the worth of what it owns anyway) changes no
decision, and an action so bad that nobody takes it changes none either. So neither may decide what counts as
rounding. The measure here is made of differences that somebody could bring about:

* Everything is measured from what the type expects *alone*,
  :math:`k_i(t_i) = \max_{c \in C(\{i\})} E[u_i(c, t) | t_i]`. Incentives, participation,
  blocking and virtual surpluses compare utilities of one type with one another, so that subtracting
  :math:`k_i(t_i)` from all utilities and stakes of the type changes none of them.
* A coalition that can gain by acting together, :math:`\max_c \sum_{j \in S} E[u_j - k_j | t_S] > 0`, could give the
  gain to any of its members: the largest over coalitions of its expectation given :math:`t_i` is at stake for
  :math:`t_i`. What coalitions could lose is not: they need not act.
* The grand coalition acts in a mechanism: what its action of largest total utility moves, in absolute terms, is at
  stake for everybody.

The maxima are over actions, so that an action that is worse for its coalition than another one, however much worse,
does not enter.

In markets, where goods have prices, :mod:`marketgame.mechanisms.economies.stakes` says what is at stake, and for both
from when on a gain counts (``GAIN_TOLERANCE``). What is at stake for a member of a coalition by itself, without what
others could give it, is measured in :mod:`marketgame.mechanisms.blocking.proof`.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame

SMALL_SHARE = 1e-3
"""Least share of what is at stake on average that counts as at stake for every type, since money is everybody's."""

ROUNDING = 1e-14
"""Gains below this share of the levels they are differences of are rounding."""

LAST_DIGITS = 4 * float(np.finfo(np.float64).eps)
"""Differences below this share of the levels that they are differences of are nothing."""

RUIN = 1e8
"""An action by which a coalition loses more than this many times what is at stake is tempered to this loss.

Whoever uses such an action with probability :math:`q` pays :math:`q` times this many stakes to do so. All a mechanism
or blocking plan could gain in return is a few stakes, so that :math:`q` is below 1e-7 and what it achieves by
frightening those who might pretend is no more than rounding to the answers. With less of a loss the same holds of the
action, and numbers a program has to hold side by side are of like size.
"""


@dataclass(frozen=True, eq=False)
class AtStake:
    """What is at stake in a game, in units of money.

    Attributes:
        alone: what each type expects alone, from which everything is measured, one ``(K_i,)`` for each player.
        by_type: what is at stake for each type given that it is of this type, likewise; positive.
        unit: the largest expectation of that over a player's types: what a program's unit of money should be.
    """

    alone: tuple[FloatArray, ...]
    by_type: tuple[FloatArray, ...]
    unit: float

    def beside(self, game: CoalitionalGame, stakes: FloatArray) -> AtStake:
        """Return what is at stake when players can also lose stakes ``(P, N)``, measured from what they get alone."""
        held = tuple(
            np.abs(game.conditional_expectation(stakes[:, player], (player,))) for player in game.grand_coalition
        )
        expected = [float(p @ own) for p, own in zip(game.type_probabilities, held, strict=True)]
        unit = max(self.unit if self.unit > 0 else 0.0, *expected)
        by_type = tuple(np.maximum(mine, own) for mine, own in zip(self.by_type, held, strict=True))
        return AtStake(self.alone, by_type, unit)


_KNOWN: weakref.WeakKeyDictionary[CoalitionalGame, AtStake] = weakref.WeakKeyDictionary()

_MEASURED: weakref.WeakKeyDictionary[CoalitionalGame, CoalitionalGame] = weakref.WeakKeyDictionary()


def at_stake(game: CoalitionalGame) -> AtStake:
    """Return what is at stake in a game; computed once for each game."""
    known = _KNOWN.get(game)
    if known is None:
        known = _KNOWN[game] = _computed(game)
    return known


def measured_from_alone(game: CoalitionalGame) -> CoalitionalGame:
    """Return the game with every type's utilities measured from what it expects alone; computed once for each game."""
    known = _MEASURED.get(game)
    if known is None:
        known = _with_utilities(game, _differences(game, at_stake(game).alone))
        if known is not game:
            _MEASURED[game] = known
    return known


def normal_form(game: CoalitionalGame) -> CoalitionalGame:
    """Return the game for programs: utilities measured from what types expect alone, ruinous actions tempered.

    Mechanisms, payments, weights and multipliers mean the same in both; utilities and stakes differ by what types get
    alone. Whatever is found here must be checked with ``measured_from_alone``, in which nothing is tempered.
    """
    unit = at_stake(game).unit
    differences = _differences(game, at_stake(game).alone)
    tame = {
        coalition: tempered(values, unit, forced=coalition == game.grand_coalition)
        for coalition, values in differences.items()
    }
    return _with_utilities(game, tame)


def tempered(values: FloatArray, unit: float, *, forced: bool = False) -> FloatArray:
    """Return what members get from actions, ``(C, S, P)``, with losses of more than ``RUIN`` units cut down to that.

    What all members get is scaled alike, so that a ruinous action stays ruinous to the same members.

    Args:
        values: measured from what members have otherwise.
        unit: what is at stake, money.
        forced: whether some action has to be taken; the best one is then left as it is, however bad.
    """
    if values.min() * values.shape[1] > -RUIN / 2 * unit:
        return values
    total = values.sum(axis=1)
    ruinous = total < -RUIN * unit
    if forced:
        ruinous &= total < total.max(axis=0)
    if not ruinous.any():
        return values
    factor = np.where(ruinous, RUIN * unit / np.where(ruinous, -total, 1.0), 1.0)
    return values * factor[:, None, :]


def _differences(game: CoalitionalGame, alone: tuple[FloatArray, ...]) -> dict[tuple[int, ...], FloatArray]:
    levels = np.stack([own[game.profiles[:, player]] for player, own in enumerate(alone)])
    return {
        coalition: _beyond(actions.utilities, levels[list(coalition)]) if levels.any() else actions.utilities
        for coalition, actions in game.actions.items()
    }


def _beyond(utilities: FloatArray, levels: FloatArray) -> FloatArray:
    """Return utilities less levels, zero where nothing is left but the last digits: these are not at stake for anybody.

    A level is an average over types, whose last digits are not those of the utilities that it averages.
    """
    differences = utilities - levels
    return np.where(np.abs(differences) > LAST_DIGITS * (np.abs(utilities) + np.abs(levels)), differences, 0.0)


def _with_utilities(game: CoalitionalGame, utilities: dict[tuple[int, ...], FloatArray]) -> CoalitionalGame:
    if all(utilities[coalition] is actions.utilities for coalition, actions in game.actions.items()):
        return game
    actions = {coalition: ActionSet(given.names, utilities[coalition]) for coalition, given in game.actions.items()}
    return CoalitionalGame(game.players, game.types, game.type_probabilities, actions)


def _computed(game: CoalitionalGame) -> AtStake:
    alone = game.individual_values()
    differences = _differences(game, alone)
    own = [np.zeros(count) for count in game.type_counts]
    for coalition, values in differences.items():
        if len(coalition) == 1:
            continue
        expected = game.conditional_expectation(values.sum(axis=1), coalition)
        level = sum(float(np.abs(alone[player]).max()) for player in coalition)
        best = expected.max(axis=0)
        gained = np.where(best > ROUNDING * (level + np.abs(best)), best, 0.0)
        everywhere = gained[game.coalition_profile_of(coalition)]
        for player in coalition:
            own[player] = np.maximum(own[player], game.conditional_expectation(everywhere, (player,)))
    moved = _moved_together(differences[game.grand_coalition])
    own = [np.maximum(mine, game.conditional_expectation(moved, (i,))) for i, mine in enumerate(own)]
    unit = max(float(p @ mine) for p, mine in zip(game.type_probabilities, own, strict=True))
    if unit <= 0:
        # Nobody can gain anything: the smallest loss that somebody could suffer is all there is to measure by.
        losses = np.abs(np.concatenate([values.ravel() for values in differences.values()]))
        unit = float(losses[losses > 0].min(initial=np.inf))
        unit = unit if np.isfinite(unit) else 1.0
    return AtStake(alone, tuple(np.maximum(mine, SMALL_SHARE * unit) for mine in own), unit)


def _moved_together(values: FloatArray) -> FloatArray:
    """Return what the grand coalition's best action at each profile moves, all players together, ``(P,)``."""
    best = values.sum(axis=1).argmax(axis=0)
    moved: FloatArray = np.abs(values[best, :, np.arange(best.size)]).sum(axis=1)
    return moved
