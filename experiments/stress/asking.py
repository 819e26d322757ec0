"""Institutions are asked one inquiry at a time: the cheapest of all institutions first, until time is over.

What an inquiry is told, the answers of cheaper ones about the same institution, does not depend on who is asked when,
so that the table is the same on any number of workers as long as nothing was cut short by time. What was not asked is
not in it. Where time is left in the end, what was cut short is asked again with all of it.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache

from marketgame.experiments.certificate_files.files import certificate_in
from marketgame.experiments.certificate_files.played import verify
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.stress.implications import WITHOUT_SECRETS, with_implied
from marketgame.experiments.stress.institution import Institution, Known
from marketgame.experiments.stress.question import Inquiry, Question
from marketgame.experiments.stress.ruling import Answered, Certainty, Evidence, Measured, Ruling
from marketgame.experiments.sweep.executors import Workers
from marketgame.experiments.sweep.identity import code_digest
from marketgame.experiments.sweep.runner import ONE_THREAD
from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError
from marketgame.simulation.scenario.market_scenario import MarketScenario

# How often whoever waits for processes looks whether time is over.
SECONDS_PER_LOOK = 0.5
# What is being answered when time is over is waited for so many seconds.
GRACE = 1.0
# So many times its share of the time left may be taken by a cell.
SHARES = 4
# Of more institutions the play, which takes longest and proves nothing, comes last.
MANY = 40
PLAYED = frozenset({Inquiry.CARELESS, Inquiry.LEARNING})
# What was cut short is asked again if it gets at least this many times the time that it had.
WORTH_ASKING_AGAIN = 1.5


@dataclass(frozen=True)
class Cell:
    """An inquiry about an institution.

    Attributes:
        institution: its name.
        inquiry: what is asked.
    """

    institution: str
    inquiry: Inquiry


@dataclass(frozen=True)
class Outcome:
    """What came of an inquiry about an institution.

    Attributes:
        cell: the inquiry.
        answered: the answers, if there are some.
        refused: why the economy does not admit the institution; empty if it does.
        failed: why there is no answer although there was time; empty if there is.
    """

    cell: Cell
    answered: Answered
    refused: str = ""
    failed: str = ""

    @property
    def cut(self) -> bool:
        """Whether more time might bring more."""
        return any(ruling.cut for ruling in self.answered.rulings.values())


class OtherSourcesError(UnansweredError):
    """A worker of a cluster would compute with other sources of this program."""


@dataclass(frozen=True)
class Task:
    """A cell as it is sent to a process.

    Attributes:
        cell: the inquiry.
        institution: who is asked.
        scenario: pickled.
        known: what cheaper inquiries have answered.
        seconds: that it may take; none for any.
        code: hash of the sources with which it is to be computed.
    """

    cell: Cell
    institution: Institution
    scenario: bytes
    known: Known
    seconds: float | None
    code: str


@lru_cache(maxsize=4)
def _loaded(scenario: bytes) -> MarketScenario:
    loaded: MarketScenario = pickle.loads(scenario)  # noqa: S301 -- from whoever started this process
    return loaded


def ask(task: Task) -> Outcome | None:
    """Return what comes of a task; none if its time was over before anything was known.

    Raises:
        OtherSourcesError: the sources here are others.
    """
    if task.code and code_digest() != task.code:
        raise OtherSourcesError("a worker has other sources of marketgame than whoever asks it")
    return _asked(task.cell, task.institution, _loaded(task.scenario), task.known, Deadline.after(task.seconds))


def _asked(
    cell: Cell, institution: Institution, scenario: MarketScenario, known: Known, deadline: Deadline
) -> Outcome | None:
    try:
        answered = institution.answer(cell.inquiry, scenario, known, deadline)
        return Outcome(cell, played_again(_marked(answered, deadline), deadline))
    except DeadlinePassedError:
        return None
    except (UnansweredError, FloatingPointError) as failure:
        return Outcome(cell, Answered(), failed=str(failure))
    except ValueError as reason:
        return Outcome(cell, Answered(), refused=str(reason))


def _marked(answered: Answered, deadline: Deadline) -> Answered:
    """Return answers, marked as cut short if time is over: a search might have found more, or something else."""
    if not deadline.passed:
        return answered
    rulings = {
        question: ruling if ruling.verdict is Verdict.PROVEN else replace(ruling, cut=True)
        for question, ruling in answered.rulings.items()
    }
    return replace(answered, rulings=rulings)


def played_again(answered: Answered, deadline: Deadline) -> Answered:
    """Return answers whose certificates were read back and played again; one that is refused proves nothing.

    When time is over they are left as they are: not confirmed. So is what takes as long as it took to find it.
    """
    refusals: dict[str, str] = {}

    def told(answer: Ruling | Measured) -> str | None:
        """Return why what shows an answer is refused, nothing if it is not, and none if it was not played."""
        evidence = answer.evidence
        if (
            evidence is None
            or not evidence.text
            or evidence.costly
            or (deadline.passed and evidence.text not in refusals)
        ):
            return None
        if evidence.text not in refusals:  # What one certificate says of several questions is played once.
            refusals[evidence.text] = _refusal(evidence)
        return refusals[evidence.text]

    rulings = {question: _ruled(ruling, told(ruling)) for question, ruling in answered.rulings.items()}
    welfare = {measure: _known(value, told(value)) for measure, value in answered.welfare.items()}
    return replace(answered, rulings=rulings, welfare=welfare)


def _ruled(ruling: Ruling, refusal: str | None) -> Ruling:
    if refusal:
        return Ruling(Verdict.NOT_REFUTED, f"what was found did not come out again: {refusal}", cut=ruling.cut)
    return ruling if refusal is None else _confirmed(ruling)


def _known(value: Measured, refusal: str | None) -> Measured:
    if refusal:
        return Measured(None, Certainty.UNKNOWN, because=f"what was found did not come out again: {refusal}")
    return value if refusal is None else _confirmed(value)


def _confirmed[Answer: (Ruling, Measured)](answer: Answer) -> Answer:
    assert answer.evidence is not None
    return replace(answer, evidence=replace(answer.evidence, confirmed=True))


def _refusal(evidence: Evidence) -> str:
    """Return why a certificate that is played again is refused; nothing if it is not."""
    try:
        # It names no code but what the scenario at hand runs already.
        found = verify(certificate_in(evidence.text, evidence.name, allow_code=True))
    except InputError as fault:
        return str(fault)
    reasons = [*found.failures, *(f"{one.quantity} came out different" for one in found.mismatches)]
    return "" if found.confirmed else reasons[0]


@dataclass(frozen=True)
class Asked:
    """Who is asked what on which market.

    Attributes:
        scenario: the market.
        institutions: who is asked, in the order of the table.
        inquiries: what is asked, the cheapest first.
    """

    scenario: MarketScenario
    institutions: Sequence[Institution]
    inquiries: Sequence[Inquiry] = tuple(Inquiry)

    @property
    def secrets(self) -> bool:
        """Whether somebody has a second type."""
        return max(self.scenario.economy.prior.type_counts) > 1

    @property
    def cells(self) -> list[Cell]:
        """All inquiries that make sense, in the order in which they are made."""
        return [
            Cell(one.name, inquiry)
            for inquiry in self.inquiries
            for one in self.institutions
            if one.can_be_asked(inquiry, self.scenario)
        ]

    def known(self, institution: str, outcomes: Mapping[Cell, Outcome]) -> dict[Question, Ruling]:
        """Return what is known of an institution, what follows from it included."""
        found: dict[Question, Ruling] = {}
        for inquiry in Inquiry:
            outcome = outcomes.get(Cell(institution, inquiry))
            if outcome is not None:
                for question, ruling in outcome.answered.rulings.items():
                    if question not in found or found[question].verdict is Verdict.NOT_REFUTED:
                        found[question] = ruling
        return with_implied(found, secrets=self.secrets)

    def refuted(self, institution: str, outcomes: Mapping[Cell, Outcome]) -> bool:
        """Say whether some answer about an institution is no."""
        return any(one.verdict is Verdict.REFUTED for one in self.known(institution, outcomes).values())

    def settled(self, cell: Cell, known: Known) -> bool:
        """Say whether what is known answers all that an inquiry asks."""
        return bool(cell.inquiry.questions) and all(
            question in known
            and (
                known[question].verdict is not Verdict.NOT_REFUTED
                or (not self.secrets and question in WITHOUT_SECRETS and not known[question].cut)
            )
            for question in cell.inquiry.questions
        )


def ask_all(
    asked: Asked,
    done: Mapping[Cell, Outcome],
    deadline: Deadline,
    workers: Workers | None,
    on_outcome: Callable[[Outcome], None],
) -> dict[Cell, Outcome]:
    """Ask what has no answer yet, the cheapest first, and return all answers.

    Args:
        asked: who is asked what.
        done: what was answered before.
        deadline: when to stop.
        workers: who answers; this process without any.
        on_outcome: told of every outcome as it comes; from here on it counts.

    Raises:
        OtherSourcesError: a worker would compute with other sources.
    """
    rounds = _Rounds(asked, dict(done), deadline, workers, on_outcome)
    cells = [cell for cell in asked.cells if cell not in done]
    many = len(asked.institutions) > MANY
    rounds.go([cell for cell in cells if not (many and cell.inquiry in PLAYED)])
    # Of many, those that nothing has refuted are played first: how the others are played hardly matters.
    played = [cell for cell in cells if many and cell.inquiry in PLAYED]
    rounds.go(sorted(played, key=lambda cell: asked.refuted(cell.institution, rounds.outcomes)))
    while not deadline.passed:
        again = [cell for cell in asked.cells if rounds.worth_asking_again(cell)]
        if not again:
            break
        rounds.go(again)
    return rounds.outcomes


class _Rounds:
    """Cells are handed out as soon as what they are told is known."""

    def __init__(
        self,
        asked: Asked,
        outcomes: dict[Cell, Outcome],
        deadline: Deadline,
        workers: Workers | None,
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        self.outcomes = outcomes
        self._asked, self._deadline, self._workers, self._on_outcome = asked, deadline, workers, on_outcome
        self._institutions = {one.name: one for one in asked.institutions}
        self._had: dict[Cell, float] = {}
        self._pickled = b"" if workers is None else pickle.dumps(asked.scenario, protocol=5)

    def go(self, cells: list[Cell]) -> None:
        """Ask some cells, in their order as far as that is possible."""
        waiting, pending = list(cells), dict[Future[Outcome | None], Cell]()
        count = 1 if self._workers is None else self._workers.count
        try:
            while (waiting or pending) and not self._deadline.passed:
                while waiting and len(pending) < count and (cell := self._next(waiting, pending)) is not None:
                    known = self._asked.known(cell.institution, self.outcomes)
                    if self._asked.settled(cell, known):
                        continue
                    seconds = self._seconds(1 + len(waiting) + len(pending), count)
                    self._had[cell] = seconds
                    if self._workers is None:
                        self._settle(cell, self._here(cell, known, seconds))
                        break
                    pending[self._workers.executor.submit(ask, self._task(cell, known, seconds))] = cell
                if pending:
                    finished, _ = wait(pending, timeout=SECONDS_PER_LOOK, return_when=FIRST_COMPLETED)
                    for future in finished:
                        self._settle(pending.pop(future), future.result())
            # They stop by themselves, or nearly; what is found in time counts, and who is late is not waited for.
            finished, _ = wait(pending, timeout=GRACE)
            for future in finished:
                self._settle(pending.pop(future), future.result())
        finally:
            for future in pending:
                future.cancel()

    def worth_asking_again(self, cell: Cell) -> bool:
        """Say whether a cell was cut short, or had no time, and now would have more."""
        outcome = self.outcomes.get(cell)
        if cell not in self._had or (outcome is not None and not outcome.cut):
            return False
        if self._asked.settled(cell, self._asked.known(cell.institution, self.outcomes)):
            return False
        return self._deadline.left >= WORTH_ASKING_AGAIN * self._had[cell] > 0

    def _next(self, waiting: list[Cell], pending: Mapping[Future[Outcome | None], Cell]) -> Cell | None:
        """Take the first cell of an institution about which nothing cheaper is being asked; none if there is none."""
        busy = {cell.institution for cell in pending.values()}
        for place, cell in enumerate(waiting):
            if cell.institution not in busy:
                return waiting.pop(place)
            busy.add(cell.institution)
        return None

    def _seconds(self, left: int, count: int) -> float:
        """Return what time a cell gets: some times its share of what is left, since most cells take next to none."""
        return self._deadline.left * min(1.0, SHARES * count / left)

    def _task(self, cell: Cell, known: Known, seconds: float) -> Task:
        limit = None if self._deadline is NO_DEADLINE else seconds
        return Task(cell, self._institutions[cell.institution], self._pickled, known, limit, code_digest())

    def _here(self, cell: Cell, known: Known, seconds: float) -> Outcome | None:
        by = self._deadline if self._deadline is NO_DEADLINE else Deadline.after(seconds)
        return _asked(cell, self._institutions[cell.institution], self._asked.scenario, known, by)

    def _settle(self, cell: Cell, outcome: Outcome | None) -> None:
        if outcome is None:
            return
        self.outcomes[cell] = outcome
        self._on_outcome(outcome)


def _end_with_parent() -> None:
    """Let this process end when the one that started it has, however that happened."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait_for_its_end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait_for_its_end, daemon=True).start()


@contextmanager
def processes(count: int) -> Iterator[Workers | None]:
    """Provide processes on this machine, each of which computes with one thread; this one alone if one is enough."""
    if count == 1:
        yield None
        return
    before = set(multiprocessing.active_children())
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
    executor: Executor = ProcessPoolExecutor(
        count, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent
    )
    try:
        yield Workers(executor, count)
    finally:
        # Whoever is late, or was interrupted, does not wait for what nobody wants any more.
        executor.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
            process.join()
