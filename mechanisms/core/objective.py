"""Linear objectives over the core."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.linear_program import Sense


@dataclass(frozen=True, eq=False)
class CoreObjective:
    r"""A linear function of interim utilities, payments and severance.

    Attributes:
        name: what it is, for reading.
        utility: coefficient of :math:`U_i(t_i)`, one ``(K_i,)`` for each player.
        payment: coefficient of the interim expected payment :math:`X_i(t_i)`, likewise.
        severance: coefficient of the interim expected severance :math:`\varepsilon_i(t_i)`, likewise.

    Raises:
        ValueError: coefficients are not finite, or the three have different shapes.
    """

    name: str
    utility: tuple[FloatArray, ...]
    payment: tuple[FloatArray, ...]
    severance: tuple[FloatArray, ...]

    def __post_init__(self) -> None:
        counts = [np.size(part) for part in self.utility]
        for kind in ("utility", "payment", "severance"):
            given = getattr(self, kind)
            if len(given) != len(counts):
                raise ValueError(f"{kind} of {self.name!r} is given for {len(given)} players, not {len(counts)}")
            checked = tuple(
                read_only(finite_array(f"{kind} of player {player}", part, (count,)))
                for player, (part, count) in enumerate(zip(given, counts, strict=True))
            )
            object.__setattr__(self, kind, checked)

    def value(
        self,
        utility: tuple[FloatArray, ...],
        payment: tuple[FloatArray, ...],
        severance: tuple[FloatArray, ...],
    ) -> float:
        """Return the objective at interim utilities, payments and severance, one ``(K_i,)`` for each player."""
        parts = zip((self.utility, self.payment, self.severance), (utility, payment, severance), strict=True)
        return sum(float(a @ b) for ours, theirs in parts for a, b in zip(ours, theirs, strict=True))

    def negated(self) -> CoreObjective:
        """Return the objective whose minimum is this one's maximum."""
        return CoreObjective(
            f"minus {self.name}",
            tuple(-part for part in self.utility),
            tuple(-part for part in self.payment),
            tuple(-part for part in self.severance),
        )


@dataclass(frozen=True, eq=False)
class CoreGoal:
    """An objective and its sense.

    Attributes:
        objective: what is optimised.
        sense: whether it is minimised or maximised.
    """

    objective: CoreObjective
    sense: Sense


def interim_utility(game: CoalitionalGame, player: int, kind: int) -> CoreObjective:
    """Return the interim utility of one type of a player."""
    name = f"interim utility of {game.players[player]}, type {game.types[player][kind]}"
    return CoreObjective(name, _unit(game, player, kind), _nothing(game), _nothing(game))


def severance_of(game: CoalitionalGame, player: int, kind: int) -> CoreObjective:
    """Return the severance that one type of a player expects."""
    name = f"severance of {game.players[player]}, type {game.types[player][kind]}"
    return CoreObjective(name, _nothing(game), _nothing(game), _unit(game, player, kind))


def expected_severance(game: CoalitionalGame) -> CoreObjective:
    """Return the severance promised to all players together, in expectation."""
    return CoreObjective("expected severance", _nothing(game), _nothing(game), game.type_probabilities)


def welfare(game: CoalitionalGame) -> CoreObjective:
    """Return the sum of the players' expected utilities."""
    return CoreObjective("welfare", game.type_probabilities, _nothing(game), _nothing(game))


def mediator_profit(game: CoalitionalGame) -> CoreObjective:
    """Return what the established mediator expects to keep.

    It is zero at every core allocation: the chain of inequalities that proves Theorem 3 starts and ends with the
    same number, so the mediator's expected profit, one of the terms lost on the way, vanishes.
    """
    paid = tuple(-probability for probability in game.type_probabilities)
    return CoreObjective("mediator's expected profit", _nothing(game), paid, _nothing(game))


def _nothing(game: CoalitionalGame) -> tuple[FloatArray, ...]:
    return tuple(np.zeros(count) for count in game.type_counts)


def _unit(game: CoalitionalGame, player: int, kind: int) -> tuple[FloatArray, ...]:
    result = _nothing(game)
    result[player][kind] = 1.0
    return result
