"""Which runs go where and when: chunks long enough to be worth sending, failures tried again, nothing lost.

Any ``concurrent.futures.Executor`` will do. It is only asked to call
:func:`marketgame.experiments.sweep.isolation.play_apart`, which plays a chunk in a process of its own; the executor's
workers may be threads here or processes anywhere.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Final

from marketgame.experiments.sweep.isolation import RunnerError, play_apart
from marketgame.experiments.sweep.playing import MOST_SIDE_BY_SIDE, Chunk, Ending, Played, Simulate, Task
from marketgame.experiments.sweep.statement import Plan
from marketgame.experiments.sweep.tables import RunStatus
from marketgame.mechanisms import UnansweredError
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.market_scenario import MarketScenario

# What a chunk aims at, and what it may not exceed by beginning another run.
SECONDS_PER_CHUNK: Final = 0.5
MOST_SECONDS_PER_CHUNK: Final = 1.0
# Near the end chunks shrink so that no worker waits long for the last, down to what sending one is worth.
LEAST_SECONDS_PER_CHUNK: Final = 0.1
MOST_RUNS_PER_CHUNK: Final = 4096
CHUNKS_WAITING_PER_WORKER: Final = 2
# A run whose process dies may have been unlucky; it is tried again, alone, before it is held responsible.
TIMES_A_RUN_MAY_DIE: Final = 3
# How often whoever waits is told that time passes.
SECONDS_PER_TICK: Final = 0.2
# How fast the expected length of a run follows what is observed.
WEIGHT_OF_LATEST_CHUNK: Final = 0.3


class WorkersLostError(UnansweredError, RuntimeError):
    """The executor keeps losing the work it is given."""


@dataclass
class Schedule:
    """The runs of a sweep that are still to be played.

    Attributes:
        plan: the sweep.
        simulate: plays a scenario.
        sweep: identifies the sweep among others that the same workers may see.
        code: hash of the sources to be run.
        function: hash of what ``simulate`` and the modules depend on beside them.
        modules: of classes in the scenarios that are not this program's own.
        workers: how many chunks are played at a time.
        waiting: runs to be played, in order.
        alone: runs during which a process has died, to be played in chunks of their own.
    """

    plan: Plan
    simulate: Simulate
    sweep: str
    code: str
    function: str
    modules: tuple[str, ...]
    workers: int
    waiting: deque[int]
    alone: deque[int] = field(default_factory=deque)
    _deaths: Counter[int] = field(default_factory=Counter)
    _losses: Counter[int] = field(default_factory=Counter)
    _one_by_one: set[int] = field(default_factory=set)
    _seconds_per_run: float | None = None

    def next_chunk(self) -> Chunk | None:
        """Return runs that have not been handed out; none when there are no more."""
        if self.waiting:
            runs = [self.waiting.popleft() for _ in range(max(self._chunk_size(), self._side_by_side()))]
        elif self.alone:
            runs = [self.alone.popleft()]
        else:
            return None
        tasks = tuple(Task(run, self.plan.point_of(run), self.plan.seed_of(run)) for run in runs)
        return Chunk(
            tasks=tasks,
            scenarios={task.point: self.plan.points[task.point].scenario for task in tasks},
            simulate=self.simulate,
            tables=self.plan.sweep.tables,
            seconds=MOST_SECONDS_PER_CHUNK,
            seconds_per_run=self.plan.sweep.seconds_per_run,
            sweep=self.sweep,
            code=self.code,
            function=self.function,
            modules=self.modules,
            one_by_one=frozenset(self._one_by_one),
        )

    def settle(self, played: Played) -> Played:
        """Take back what a chunk leaves to be played, and return the rest of it: the runs that have ended."""
        ended = []
        for ending in played.endings:
            run = ending.task.run
            if ending.status is RunStatus.DIED:
                # It need not have been the first of those that were played side by side.
                self._one_by_one.add(ending.task.point)
                self._deaths[run] += 1
                if self._deaths[run] < TIMES_A_RUN_MAY_DIE:
                    self.alone.append(run)
                    continue
            ended.append(ending)
        self.waiting.extendleft(task.run for task in reversed(played.unplayed))
        self._learn(ended)
        return replace(played, endings=tuple(ended), unplayed=())

    def take_back(self, chunk: Chunk, loss: BaseException) -> None:
        """Take back a chunk that the executor lost.

        Raises:
            WorkersLostError: it loses these runs time and again.
        """
        for task in chunk.tasks:
            self._losses[task.run] += 1
            if self._losses[task.run] >= TIMES_A_RUN_MAY_DIE:
                raise WorkersLostError(f"the workers fail whatever they are given: {loss!r}") from loss
        self.waiting.extendleft(task.run for task in reversed(chunk.tasks))

    def _learn(self, endings: Iterable[Ending]) -> None:
        seconds = [ending.seconds for ending in endings if ending.status is RunStatus.DONE]
        if not seconds:
            return
        latest, known = sum(seconds) / len(seconds), self._seconds_per_run
        if known is None:
            known = latest
        self._seconds_per_run = known + WEIGHT_OF_LATEST_CHUNK * (latest - known)

    def _side_by_side(self) -> int:
        """Return how many of the next runs are worth handing out together because they might be played abreast."""
        point = self.plan.point_of(self.waiting[0])
        scenario = self.plan.points[point].scenario
        if self.simulate is not simulate or self.plan.sweep.seconds_per_run is not None or point in self._one_by_one:
            return 1
        if not isinstance(scenario, MarketScenario) or scenario.organisers or scenario.blockers:
            return 1
        same = sum(1 for _ in takewhile(lambda run: self.plan.point_of(run) == point, self.waiting))
        return min(same, -(-len(self.waiting) // self.workers), MOST_SIDE_BY_SIDE)

    def _chunk_size(self) -> int:
        if self._seconds_per_run is None:
            return 1
        seconds = max(self._seconds_per_run, 1e-6)
        fair = len(self.waiting) * seconds / (CHUNKS_WAITING_PER_WORKER * self.workers)
        wanted = min(SECONDS_PER_CHUNK, max(fair, LEAST_SECONDS_PER_CHUNK)) / seconds
        return max(1, min(round(wanted), len(self.waiting), MOST_RUNS_PER_CHUNK))


def played_chunks(schedule: Schedule, executor: Executor, on_tick: Callable[[], None]) -> Generator[Played]:
    """Yield what has come of the runs of a schedule, as it comes, until every run has ended.

    Raises:
        RunnerError: no process that plays runs can be started.
        WorkersLostError: the executor keeps losing the work it is given.
    """
    pending: dict[Future[Played], Chunk] = {}
    try:
        while True:
            _hand_out(schedule, executor, pending)
            if not pending:
                return
            finished, _ = wait(pending, timeout=SECONDS_PER_TICK, return_when=FIRST_COMPLETED)
            for future in finished:
                chunk = pending.pop(future)
                if (played := _result(future, chunk, schedule)) is not None:
                    yield schedule.settle(played)
            on_tick()
    finally:
        for future in pending:
            future.cancel()


def _hand_out(schedule: Schedule, executor: Executor, pending: dict[Future[Played], Chunk]) -> None:
    while len(pending) < schedule.workers * (1 + CHUNKS_WAITING_PER_WORKER):
        chunk = schedule.next_chunk()
        if chunk is None:
            return
        pending[executor.submit(play_apart, chunk)] = chunk


def _result(future: Future[Played], chunk: Chunk, schedule: Schedule) -> Played | None:
    try:
        return future.result()
    except RunnerError:
        raise
    # A worker of a cluster that is lost takes its chunk along, and each executor says so in its own words.
    except (Exception, CancelledError) as loss:
        schedule.take_back(chunk, loss)
        return None


def runs_to_play(plan: Plan, ended: Mapping[int, str]) -> deque[int]:
    """Return the runs that are not done, those that failed before after all others."""
    new = [run for run in range(plan.runs) if run not in ended]
    failed = [run for run, status in ended.items() if status != RunStatus.DONE]
    return deque(new + failed)
