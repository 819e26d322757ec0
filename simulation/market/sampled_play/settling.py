r"""How long learners play: until more rounds would not change the answer.

What learners miss of what was promised is looked at after half of the usual rounds, after these, and whenever as many
again have been played. With :math:`m_r` what is missed in the last tenth of the rounds in replication r, a share of
the gains from trade, and :math:`m'_r` the same at the look before,

* a *yes* stands if the interval of the mean of m lies within what is borne, and m does not rise: the interval of the
  mean of :math:`m - m'` reaches zero or below;
* a *no* stands if the interval lies beyond what is borne, and m does not vanish. Whoever matches regrets regrets
  :math:`r \sqrt{S / t}` at most after t rounds, so that what vanishes with regrets falls by :math:`\sqrt 2` at least in
  twice the rounds: the interval of the mean of :math:`m - m' / \sqrt 2` lies above zero;
* otherwise they go on, up to `DOUBLINGS` times twice the usual rounds.

So how many rounds there are follows from the seed alone, unless time runs out. Each look is one more chance that a 95%
interval errs; there are few.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError

TOLERANCE = 0.01
"""Losses of at most this share of the gains from trade are borne."""
DOUBLINGS = 4
# The last rounds of this many are counted.
PART = 10
# Numbers whose spread is less than this share of them are the same.
ROUNDING = 1e-12
# Shares of the gains from trade that differ by less do not move.
MOVES = 1e-9


@dataclass
class Settling:
    """Whether learners have played enough.

    Attributes:
        missed: what is missed in rounds of types ``(R, t, N)`` with gains likewise, a share of all gains, ``(R, t)``.
        usual: how many rounds they play if that is enough.
        deadline: when to stop in any case.
        settled: whether more rounds would not change the answer, as far as that can be seen.
    """

    missed: Callable[[IntegerArray, FloatArray], FloatArray]
    usual: int
    deadline: Deadline
    settled: bool = False
    _before: FloatArray | None = field(default=None, repr=False)

    @property
    def most(self) -> int:
        """How many rounds they play at most."""
        return self.usual << DOUBLINGS

    def __call__(self, types: NDArray[np.integer], gains: FloatArray) -> bool:
        """Say whether what was played is enough, given all rounds yet."""
        rounds = types.shape[1]
        doubled, rest = divmod(rounds, self.usual)
        if rounds == max(1, self.usual // 2) < self.usual:
            self._before = self._looked_at(types, gains)
        elif not rest and not doubled & (doubled - 1):
            now = self._looked_at(types, gains)
            self.settled = stands(now, self._before)
            self._before = now
        return self.settled or self.deadline.passed

    def check(self) -> None:
        """Refuse to answer where time ran out before anything was looked at.

        Raises:
            DeadlinePassedError: it did.
        """
        if self._before is None:
            raise DeadlinePassedError("the time allowed was spent before learners had played enough to be looked at")

    def _looked_at(self, types: NDArray[np.integer], gains: FloatArray) -> FloatArray:
        last = counted(types.shape[1])
        return self.missed(np.asarray(types[:, -last:], np.int64), gains[:, -last:]).mean(axis=1)


def counted(rounds: int) -> int:
    """Return how many of the last rounds count."""
    return max(1, rounds // PART)


def stands(now: FloatArray, before: FloatArray | None) -> bool:
    """Say whether an answer stands, given what each replication misses now and missed at the look before, ``(R,)``."""
    mean, half = float(now.mean()), half_width(now)
    before = now if before is None else before
    if mean + half <= TOLERANCE:
        risen = now - before
        return float(risen.mean()) - half_width(risen) <= MOVES
    kept = now - before / np.sqrt(2)
    return mean - half > TOLERANCE and float(kept.mean()) - half_width(kept) > 0


def half_width(values: FloatArray) -> float:
    """Return half the width of the 95% interval of the mean of values ``(B,)``, by Student's law."""
    count = len(values)
    spread = float(values.std(ddof=1)) / count**0.5 if count > 1 else np.inf
    if not np.isfinite(spread):
        return np.inf
    if spread <= ROUNDING * float(np.abs(values).max()):
        return 0.0
    return float(import_module("scipy.special").stdtrit(count - 1, 0.975)) * spread
