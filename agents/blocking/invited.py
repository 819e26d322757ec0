"""What an invited trader knows when it answers a blocking mediator."""

from __future__ import annotations

from dataclasses import dataclass

from marketgame.agents.private_type import TypedPlayer
from marketgame.mechanisms.arrays import FloatArray

# Tenable plans leave many types with no gain and no loss at all; a loss below this share of what is at stake, before
# it is known who is asked, is rounding. Whoever is indifferent joins, as the definition of tenability has it.
INDIFFERENT = 2e-8


@dataclass(frozen=True, eq=False)
class Invited:
    """An invitation as the trader that receives it sees it.

    It knows the plan, that it is asked, its own type and what it reported to the established mediator. It does not
    know who else is asked, which types the mediator hopes for, or what the others answer.

    Attributes:
        own: the player it is, with all types it could have had.
        type_number: its own type.
        gains: what it expects to gain by accepting and reporting each type, if the others accept and tell the
            truth, ``(K,)``, units of money.
        scale: size of what is at stake, divided by the probability of being asked, units of money.
    """

    own: TypedPlayer
    type_number: int
    gains: FloatArray
    scale: float

    def worthwhile(self, report: int) -> bool:
        """Whether accepting with this report is expected to cost nothing."""
        return bool(self.gains[report] >= -self.rounding)

    @property
    def rounding(self) -> float:
        """Smaller differences between gains mean nothing, units of money."""
        return INDIFFERENT * self.scale
