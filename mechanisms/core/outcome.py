"""What a search of the core can answer: an allocation, the proof that there is none, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.at_stake import normal_form
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.objective import CoreObjective
from marketgame.mechanisms.core.region import Division, Region
from marketgame.mechanisms.core.relaxation import CoreRelaxation
from marketgame.mechanisms.core.variant import CoreVariant, SeverancePay
from marketgame.mechanisms.linear_program import Sense, infeasibility_margin


class CoreStatus(Enum):
    """What is known about the core."""

    FOUND = "a core allocation was found and checked"
    EMPTY = "the core is proved empty"
    UNKNOWN = "neither a core allocation nor a proof that there is none was found"


@dataclass(frozen=True, eq=False)
class Refuted:
    """A region of the relaxation that holds nothing.

    Attributes:
        multipliers: of the relaxation's constraints, a combination that no point of the region can meet.
    """

    multipliers: FloatArray


@dataclass(frozen=True, eq=False)
class Divided:
    """A region that holds nothing because neither of its parts does.

    Attributes:
        division: how it is divided.
        first: refutation of the first part.
        second: of the second.
    """

    division: Division
    first: Refutation
    second: Refutation


type Refutation = Refuted | Divided
"""A proof that a region holds no core allocation."""


@dataclass(frozen=True, eq=False)
class EmptyCore:
    """The proof that no allocation is in the core.

    Attributes:
        variant: the version of the core.
        refutation: of the whole relaxation, replayed by ``refutation_margin``.
        regions: how many regions it took.
    """

    variant: CoreVariant
    refutation: Refutation
    regions: int
    status = CoreStatus.EMPTY


@dataclass(frozen=True, eq=False)
class UndecidedCore:
    """Nothing is known.

    Attributes:
        variant: the version of the core.
        reason: what stopped the search.
        regions: how many regions were examined.
    """

    variant: CoreVariant
    reason: str
    regions: int
    status = CoreStatus.UNKNOWN


@dataclass(frozen=True, eq=False)
class CoreOptimum:
    """A core allocation with a bound on how good any other can be.

    Attributes:
        objective: what was optimised.
        sense: whether it was minimised or maximised.
        allocation: the best that was found.
        value: of the objective there, recomputed from the mechanism.
        bound: no core allocation has a better value.
        tolerance: gap between value and bound that counts as none, in units of the objective.
        regions: how many regions were examined.
    """

    objective: CoreObjective
    sense: Sense
    allocation: CoreAllocation
    value: float
    bound: float
    tolerance: float
    regions: int
    status = CoreStatus.FOUND  # Whether it is the best possible is told by `optimal`.

    @property
    def optimal(self) -> bool:
        """Whether the bound proves that no core allocation is better."""
        return abs(self.value - self.bound) <= self.tolerance


def refutation_margin(game: CoalitionalGame, empty: EmptyCore) -> float:
    """Recompute the proof that a core is empty, without a solver.

    Returns:
        The smallest margin by which a combination of constraints contradicts itself, over the regions of the
        proof, relative to its size; the core is empty when it is positive.
    """
    variant = empty.variant
    allowed = variant.severance is SeverancePay.ALLOWED
    relaxation = CoreRelaxation(normal_form(game), variant.support, variant.limits, severance=allowed)
    return _margin(relaxation, relaxation.whole, empty.refutation)


def _margin(relaxation: CoreRelaxation, region: Region, refutation: Refutation) -> float:
    if isinstance(refutation, Refuted):
        relaxation.confine(region)
        return infeasibility_margin(relaxation.program, refutation.multipliers)
    parts = region.divided(refutation.division)
    return min(_margin(relaxation, parts[0], refutation.first), _margin(relaxation, parts[1], refutation.second))
