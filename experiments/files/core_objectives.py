"""What the core is searched for: the best allocation by ``severance``, ``welfare`` or ``payoff:PLAYER/TYPE``."""

from __future__ import annotations

from marketgame.experiments.files.input_file import (
    InputError,
    one_of,
)
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.core import (
    CoreGoal,
    CoreObjective,
    expected_severance,
    interim_utility,
    welfare,
)
from marketgame.mechanisms.linear_program import Sense

SEVERANCE, WELFARE, PAYOFF = "severance", "welfare", "payoff"
OBJECTIVES = f"{SEVERANCE}|{PAYOFF}:PLAYER/TYPE|{WELFARE}"


def core_goal(game: CoalitionalGame, minimize: str | None, maximize: str | None, prefix: str = "--") -> CoreGoal | None:
    """Return what ``minimize`` and ``maximize`` ask for, if anything.

    Args:
        game: whose core is meant.
        minimize: name of an objective.
        maximize: name of an objective.
        prefix: what stands before the two words where they were written, for messages.

    Raises:
        InputError: both are given, or one names no objective of the game.
    """
    match minimize, maximize:
        case None, None:
            return None
        case str(name), None:
            return CoreGoal(_objective(game, name, f"{prefix}minimize"), Sense.MINIMIZE)
        case None, str(name):
            return CoreGoal(_objective(game, name, f"{prefix}maximize"), Sense.MAXIMIZE)
        case _:
            raise InputError(f"{prefix}minimize and {prefix}maximize are both given; give one of them")


def _objective(game: CoalitionalGame, name: str, field: str) -> CoreObjective:
    if name == SEVERANCE:
        return expected_severance(game)
    if name == WELFARE:
        return welfare(game)
    kind, _, target = name.partition(":")
    if kind != PAYOFF or not target:
        raise InputError(f"{field} is {name!r}; {one_of(name, OBJECTIVES.split('|'))}")
    player, _, own_type = target.partition("/")
    if player not in game.players:
        raise InputError(f"{field} is {name!r}; the player must be one of {', '.join(game.players)}")
    number = game.players.index(player)
    if own_type not in game.types[number]:
        raise InputError(f"{field} is {name!r}; the type must be one of {', '.join(game.types[number])}")
    return interim_utility(game, number, game.types[number].index(own_type))
