"""How often something holds among economies that are drawn, with exact intervals."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Frequency:
    """How many of independent draws have a property.

    Attributes:
        what: of which draws, which property.
        count: how many have it.
        among: how many were drawn.
    """

    what: str
    count: int
    among: int

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of the exact 95% interval of the probability (Clopper and Pearson, 1934).

        Without draws it is all of [0, 1].

        >>> low, high = Frequency("heads", 10, 10).interval
        >>> round(low, 4), high
        (0.6915, 1.0)
        """
        if not self.among:
            return 0.0, 1.0
        ends = stats.binomtest(self.count, self.among).proportion_ci(CONFIDENCE, method="exact")
        return float(ends.low), float(ends.high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.what}: {self.count:,} of {self.among:,} [{100 * low:.2f}%, {100 * high:.2f}%]"
