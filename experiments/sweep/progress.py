"""How far a sweep is: runs done and failed, how fast they go, how long the rest will take; and each point's outcome."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import pyarrow as pa

from marketgame.experiments.sweep.playing import Played
from marketgame.experiments.sweep.statement import Plan, in_words
from marketgame.experiments.sweep.tables import RunStatus


@dataclass(frozen=True)
class Progress:
    """How far a sweep is.

    Attributes:
        runs: how many there are.
        done: how many are done, in this session or before.
        failed: how many have failed.
        rate: runs that ended per second of this session.
        seconds_left: until all have ended, at this rate; not a number before the first has.
    """

    runs: int
    done: int
    failed: int
    rate: float
    seconds_left: float


@dataclass(frozen=True)
class PointSummary:
    """What came of the runs of a point that were played in this session.

    Attributes:
        number: of the point.
        parameters: in words.
        done: runs that are done.
        failed: runs that failed.
        mean_welfare: mean of theirs, in the numeraire; not a number when none is done.
    """

    number: int
    parameters: str
    done: int
    failed: int
    mean_welfare: float

    def __str__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        return f"point {self.number}: {self.parameters}: mean welfare {self.mean_welfare:.6g}, {self.done} runs{failed}"


class Tally:
    """Counts runs as they end."""

    def __init__(self, plan: Plan, ended: Mapping[int, str]) -> None:
        self._plan = plan
        self._done = sum(status == RunStatus.DONE for status in ended.values())
        self._failed = 0
        self._missing = Counter({point.number: plan.sweep.seeds for point in plan.points})
        self._missing.subtract(plan.point_of(run) for run, status in ended.items() if status == RunStatus.DONE)
        self._endings: Counter[tuple[int, bool]] = Counter()
        self._welfare: defaultdict[int, float] = defaultdict(float)
        self._started, self._ended_now = time.monotonic(), 0

    @property
    def progress(self) -> Progress:
        """How far the sweep is now."""
        elapsed = time.monotonic() - self._started
        rate = self._ended_now / elapsed if elapsed > 0 else 0.0
        left = self._plan.runs - self._done - self._failed
        return Progress(self._plan.runs, self._done, self._failed, rate, left / rate if rate else nan)

    def add(self, played: Played) -> list[PointSummary]:
        """Count the runs of a chunk, and return the points whose last run was among them."""
        runs = played.tables.get("runs")
        if runs is not None:
            for run, welfare in zip(runs["run"].to_pylist(), _welfare(runs), strict=True):
                self._welfare[self._plan.point_of(run)] += welfare
        finished = []
        for ending in played.endings:
            point, done = ending.task.point, ending.status is RunStatus.DONE
            self._done, self._failed = self._done + done, self._failed + (not done)
            self._ended_now += 1
            self._endings[point, done] += 1
            self._missing[point] -= 1
            if self._missing[point] == 0:
                finished.append(self._summary(point))
        return finished

    def _summary(self, point: int) -> PointSummary:
        done, failed = self._endings[point, True], self._endings[point, False]
        parameters = in_words(self._plan.points[point].parameters)
        return PointSummary(point, parameters, done, failed, self._welfare[point] / done if done else nan)


def _welfare(runs: pa.Table) -> list[float]:
    return [nan if welfare is None else welfare for welfare in runs["mean_welfare"].to_pylist()]
