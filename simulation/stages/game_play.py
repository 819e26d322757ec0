"""What happened in one round of a coalitional game."""

from __future__ import annotations

from dataclasses import dataclass

from marketgame.agents.blocking.mediator import Approach
from marketgame.agents.game_mediator import Established
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.simulation.stages.blocking import Formed


@dataclass(frozen=True, eq=False)
class GamePlay:
    """One round.

    Attributes:
        profile: number of the profile of true types.
        reports: number of the profile of types reported to the established mediator.
        approaches: the invitations of blocking mediators, in the order in which they were made.
        formed: the coalitions that did something together.
        established: what the established mediator did.
        expected_profits: what each blocking mediator's calculation promised it, ``(B,)``, units of money.
        side_payments: what blocking mediators paid each player, ``(N,)``, units of money.
        followed: the blocking mediator with whom each player left, ``(N,)``; -1 for who stayed.
        utility: of each player, everything it was paid included, ``(N,)``, units of money.
    """

    profile: int
    reports: int
    approaches: tuple[Approach, ...]
    formed: tuple[Formed, ...]
    established: Established
    expected_profits: FloatArray
    side_payments: FloatArray
    followed: IntegerArray
    utility: FloatArray
