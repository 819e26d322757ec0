"""What a member knows when it answers the organiser of a coalition."""

from __future__ import annotations

from dataclasses import dataclass

from marketgame.agents.private_type import TypedPlayer
from marketgame.mechanisms.arrays import FloatArray

# Side-contracts leave some types with no gain and no loss at all; a loss below this share of what is at stake for the
# member is rounding. Whoever is indifferent joins, as the definition of an improvement has it.
INDIFFERENT = 1e-7


@dataclass(frozen=True, eq=False)
class OfferedSideContract:
    """A side-contract as the member that is asked sees it.

    It knows the side-contract, its own type and what the established mediator told it, which usually tells it the
    others' types too. What it may report to the side-device is what it knows: a type and a recommendation, by number.

    Attributes:
        own: the player it is, with all types it could have had.
        type_number: its own type.
        truth: the number of the report that is true, or, of a member that lied to the established mediator, the one
            that agrees with its lie.
        gains: what it expects to gain by accepting and each report, if the others accept and tell the truth and
            nobody breaks the agreement, ``(R,)``, numeraire.
        scale: what is at stake for the member, numeraire.
    """

    own: TypedPlayer
    type_number: int
    truth: int
    gains: FloatArray
    scale: float

    def worthwhile(self, report: int) -> bool:
        """Whether accepting with this report is expected to cost nothing."""
        return bool(self.gains[report] >= -self.rounding)

    @property
    def best(self) -> int:
        """The report that is expected to gain most; the truth if no other gains more."""
        best = int(self.gains.argmax())
        return best if self.gains[best] > self.gains[self.truth] + self.rounding else self.truth

    @property
    def rounding(self) -> float:
        """Smaller differences between gains mean nothing, numeraire."""
        return INDIFFERENT * self.scale
