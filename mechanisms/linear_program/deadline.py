"""One deadline for everything a question sets in motion: searches, solver calls, the building of programs.

A limit in seconds that every step counts from its own beginning adds up to a multiple of itself. So whoever is asked
makes one deadline and hands it down; each step asks what is left.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from marketgame.mechanisms import UnansweredError


class DeadlinePassedError(UnansweredError, RuntimeError):
    """Time ran out where there was nothing yet to answer with."""


@dataclass(frozen=True)
class Deadline:
    """A moment after which work stops.

    Attributes:
        moment: on the clock of ``time.monotonic``, in seconds; infinity for no limit.
    """

    moment: float = math.inf

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """Return the deadline so many seconds from now; none is no limit.

        Raises:
            ValueError: the number of seconds is negative or not a number.
        """
        if seconds is None:
            return NO_DEADLINE
        if not seconds >= 0:
            raise ValueError(f"a time limit must be at least 0 seconds, not {seconds}")
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds left; zero once it has passed, infinity without a limit."""
        return max(self.moment - time.monotonic(), 0.0)

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.left <= 0

    def within(self, seconds: float | None) -> Deadline:
        """Return this deadline or the one so many seconds from now, whichever is sooner; none leaves it as it is."""
        return min(self, Deadline.after(seconds), key=lambda deadline: deadline.moment)

    def check(self) -> None:
        """Stop here if no time is left.

        Raises:
            DeadlinePassedError: it has passed.
        """
        if self.passed:
            raise DeadlinePassedError("the time allowed was spent before there was an answer")


NO_DEADLINE = Deadline()
"""Work may take as long as it takes."""
