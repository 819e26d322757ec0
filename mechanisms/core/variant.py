"""Which core is meant, and how hard to look."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from marketgame.mechanisms.blocking import ALL_COALITIONS, CoalitionLimits, Support


class SeverancePay(StrEnum):
    """Whether the established mediator may promise to pay players who leave."""

    ALLOWED = "allowed"
    NONE = "none"


@dataclass(frozen=True)
class CoreVariant:
    """A version of the core.

    Attributes:
        support: whose types the action of a blocking coalition may depend on; with ``FINE`` this is the set of
            allocations whose stakes are finely inhibitive.
        severance: whether severance may be promised.
        limits: which coalitions can form.
    """

    support: Support = Support.COARSE
    severance: SeverancePay = SeverancePay.ALLOWED
    limits: CoalitionLimits = ALL_COALITIONS


@dataclass(frozen=True)
class CoreEffort:
    """How hard to look before answering that nothing is known.

    Attributes:
        starts: random weights to start local searches from, besides the natural starts.
        regions: regions of the core's relaxation to examine.
        seconds: wall time.
        seed: of the random starts.

    Raises:
        ValueError: something is negative.
    """

    starts: int = 20
    regions: int = 1000
    seconds: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.starts, self.regions, self.seconds) < 0:
            raise ValueError(f"starts, regions and seconds must not be negative: {self}")
