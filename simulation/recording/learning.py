"""Who learned what: the stances of those who learn round by round, and their regrets in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from marketgame.agents.behaviours import Behaviour
from marketgame.agents.behaviours.menu import stance_name
from marketgame.mechanisms.economies.economy import Economy
from marketgame.simulation.recording.labels import Labels
from marketgame.simulation.stages.learned import Learned, Regret


@dataclass(frozen=True, eq=False)
class Stances:
    """How those who learn acted in some rounds, in order of rounds and players, and the names behind the numbers."""

    rows: Sequence[Learned]
    rounds: Sequence[int]
    labels: Labels


def stances(learned: Sequence[Sequence[Learned]], labels: Labels) -> Stances:
    """Return how those who learn acted in each of some rounds."""
    rounds = [number for number, several in enumerate(learned) for _ in several]
    return Stances(list(chain.from_iterable(learned)), rounds, labels)


@dataclass(frozen=True, eq=False)
class RegretRow:
    """What one type of a player would have gained by always taking one stance.

    Attributes:
        player: its number.
        type: the code of its type.
        stance: which.
        rounds: in which it was of the type and free to act.
        gained: what it gained in them, numeraire.
        forgone: what the stance would have gained, numeraire.
    """

    player: int
    type: int
    stance: str
    rounds: int
    gained: float
    forgone: float


@dataclass(frozen=True, eq=False)
class RegretRows:
    """The regrets of a run, and the names behind the numbers."""

    rows: Sequence[RegretRow]
    labels: Labels


def regrets(
    known: Mapping[tuple[int, int], Regret], behaviours: Sequence[Sequence[Behaviour]], labels: Labels, economy: Economy
) -> RegretRows:
    """Return regrets by player and type, stance by stance of how each behaves."""
    rows = [
        RegretRow(player, labels.type(player, kind), stance_name(stance), regret.rounds, regret.gained, float(forgone))
        for (player, kind), regret in sorted(known.items())
        for stance, forgone in zip(
            behaviours[player][kind].could_act(economy.players[player], kind), regret.forgone, strict=True
        )
    ]
    return RegretRows(rows, labels)
