"""A stress test from an economy to its answers; whatever happens on the way, asking again goes on from there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any

from marketgame.experiments.collusion.certification import Certified, certified_scenario
from marketgame.experiments.collusion.files import DEFAULT_FOLDER, refuse_unstorable
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputError, InputFiles, blamed_on, kind_of, read_table, unknown_name
from marketgame.experiments.stress.asking import Asked, Cell, Outcome, ask_all, processes
from marketgame.experiments.stress.benchmarks import NAME, Benchmarks
from marketgame.experiments.stress.folder import DOCUMENT, PAGE, PICTURE, TABLE, kept
from marketgame.experiments.stress.institution import Institution
from marketgame.experiments.stress.question import Inquiry, Question
from marketgame.experiments.stress.recommendation import MUST, Candidate, recommended
from marketgame.experiments.stress.result import Status, StressTest, stress_document, table_text
from marketgame.experiments.stress.selection import chosen
from marketgame.experiments.stress.severance import Severance
from marketgame.experiments.stress.stored import filed
from marketgame.experiments.sweep.executors import Workers
from marketgame.experiments.sweep.folder import OnChange
from marketgame.mechanisms.arrays import undefined_raises
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.linear_program.deadline import Deadline

# Wall time that somebody waits for: the carbon market takes a fraction of it.
USUAL_SECONDS = 240.0

# Drawing the page and the picture takes so long, or where there is little time this share of it.
SECONDS_TO_DRAW = 2.0
SHARE_TO_DRAW = 0.05

# What is played, the cheaper first.
PLAYED = (Inquiry.CARELESS, Inquiry.LEARNING)
# What a file may be.
KINDS = ("scenario", "market-economy", "contract")

type Where = Callable[[], AbstractContextManager[Workers | None]]
"""Provides those who answer."""
type Told = Callable[[int, int, Cell], None]
"""Told how many inquiries are done, of how many, and the last of them."""


def untold(_done: int, _of: int, _cell: Cell) -> None:
    """Show nobody how far it is."""


@undefined_raises
def stress(  # noqa: PLR0913 -- one parameter for each option of the command line
    of: Certified,
    *,
    rules: Sequence[Mapping[str, str]] = (),
    transfers: Sequence[TransferRule | str] = (),
    severance: Sequence[Severance | str] = (),
    presets: Sequence[str] = (),
    every: bool = False,
    ask: Iterable[Question | str] = tuple(Question),
    must: Iterable[Question | str] | None = None,
    seconds: float | None = USUAL_SECONDS,
    workers: int = 1,
    out: Path | str | None = None,
    on_change: OnChange | str = OnChange.REFUSE,
    allow_code: bool = False,
) -> StressTest:
    """Find out which institution survives whom on an economy, what survival costs, and which one to use.

    Args:
        of: a file, ``example:NAME``, a scenario on a market, a contract, or an economy. A scenario and a contract are
            institutions of their own, which come first.
        rules: sets of rules to ask, each by the names of those that differ from the paper's; also ``outsiders``.
        transfers: with which transfers; without any, those under which truth is best, and best for coalitions.
        severance: with which promises to those who leave: none, as-stated by a scenario, or the least that is known to
            keep coalitions; none without any.
        presets: sets of rules with a name: see `marketgame.experiments.stress.selection.PRESETS`.
        every: whether to ask all combinations of rules and transfers.
        ask: what is asked; what is left out is not asked.
        must: what the institution that is recommended must survive; all that is asked and can be proven without it.
        seconds: wall time for everything; what is not asked by then is not asked. None for no limit.
        workers: processes on this machine.
        out: folder in which to keep answers and certificates; one that holds some of this test is gone on with.
        on_change: what becomes of answers in the folder that another economy or other code gave.
        allow_code: whether files may name code of anybody's, which then is imported.

    Raises:
        InputError: the file is wrong, a name is none, or the folder cannot be written.
        ValueError: the economy cannot be stored; an InputError where it has a file.
    """
    read = InputFiles(allow_code=allow_code)
    deadline = Deadline.after(seconds)
    asked = asked_of(
        of, read, rules=rules, transfers=transfers, severance=severance, presets=presets, every=every, ask=ask
    )
    survived = to_survive(must, asked, "must")
    asked = asked_also(asked, survived)
    file = located(of) if isinstance(of, Path | str) else Path()
    with blamed_on(file) if isinstance(of, Path | str) else nullcontext():
        refuse_unstorable(asked.scenario.economy)

        def where() -> AbstractContextManager[Workers | None]:
            return processes(workers)

        if out is None:
            return in_memory(asked, survived, deadline, where)
        change = OnChange(on_change)
        return in_folder(asked, survived, deadline, where, Path(out), read, file, on_change=change, named=True)


def default_folder(file: Path) -> Path:
    """Return where the answers about a file go without anybody naming a folder."""
    return DEFAULT_FOLDER / f"{file.stem}-stress"


def asked_of(  # noqa: PLR0913 -- one parameter for each option of the command line
    of: Certified,
    read: InputFiles,
    *,
    rules: Sequence[Mapping[str, str]] = (),
    transfers: Sequence[TransferRule | str] = (),
    severance: Sequence[Severance | str] = (),
    presets: Sequence[str] = (),
    every: bool = False,
    ask: Iterable[Question | str] = tuple(Question),
) -> Asked:
    """Return who is asked what.

    Raises:
        InputError: the file is wrong, or a name is none.
    """
    scenario = certified_scenario(of, read)
    own = _states_an_institution(of, read)
    institutions = chosen(
        scenario, own=own, rules=rules, transfers=transfers, severance=severance, presets=presets, every=every
    )
    questions = {*questions_named(ask, "ask")}
    drawn = bool(scenario.economy.prior.obstacle)
    if drawn and questions - {question for one in PLAYED for question in one.questions}:
        # What is known of traders too many to list is found all at once.
        questions |= {*Inquiry.REPORTS.questions}
    inquiries = tuple(one for one in Inquiry if one is Inquiry.WELFARE or questions & {*one.questions})
    if drawn:
        # Theorems answer at once of traders too many to list, who take longest to play.
        inquiries = tuple(sorted(inquiries, key=lambda one: PLAYED.index(one) + 1 if one in PLAYED else 0))
    return Asked(scenario, (Benchmarks(), *institutions), inquiries)


def _states_an_institution(of: Certified, read: InputFiles) -> bool:
    """Say whether something is more than an economy, whose institution nobody has chosen."""
    if isinstance(of, Path | str):
        return kind_of(read_table(located(of), read), located(of), KINDS) != "market-economy"
    return not isinstance(of, Economy)


def questions_named(names: Iterable[Question | str], field: str) -> tuple[Question, ...]:
    """Return questions by name, in their order.

    Raises:
        InputError: there is none of a name.
    """
    known = {question.value: question for question in Question}
    found = set()
    for name in names:
        if str(name) not in known:
            raise InputError(f"{field} {unknown_name(str(name), list(known))}")
        found.add(known[str(name)])
    return tuple(question for question in Question if question in found)


def to_survive(must: Iterable[Question | str] | None, asked: Asked, field: str) -> tuple[Question, ...]:
    """Return what must be survived: what is named, or all that is asked and can be proven; played if that is all.

    Raises:
        InputError: there is no question of a name.
    """
    if must is not None:
        return questions_named(must, field)
    questions = tuple(question for inquiry in asked.inquiries for question in inquiry.questions)
    return tuple(question for question in MUST if question in questions) or questions


def asked_also(asked: Asked, must: Sequence[Question]) -> Asked:
    """Return what is asked with what must be survived, which nobody is proven to survive unasked."""
    inquiries = [one for one in Inquiry if {*one.questions} & {*must} and one not in asked.inquiries]
    order = tuple(Inquiry)
    if not inquiries:
        return asked
    return replace(asked, inquiries=tuple(sorted((*asked.inquiries, *inquiries), key=order.index)))


def in_memory(asked: Asked, must: tuple[Question, ...], deadline: Deadline, where: Where) -> StressTest:
    """Return what is answered, with the texts of certificates."""
    texts: dict[str, str] = {}
    placed: dict[Cell, Outcome] = {}

    def keep(outcome: Outcome) -> None:
        placed[outcome.cell], written = filed(outcome)
        texts.update(written)

    with where() as workers:
        ask_all(asked, {}, deadline, workers, keep)
    return stress_test(asked, placed, must, None, texts)


def in_folder(  # noqa: PLR0913 -- what a folder is written with
    asked: Asked,
    must: tuple[Question, ...],
    deadline: Deadline,
    where: Where,
    folder: Path,
    read: InputFiles,
    file: Path,
    *,
    on_change: OnChange = OnChange.REFUSE,
    named: bool = False,
    told: Told = untold,
) -> StressTest:
    """Return what is answered, an earlier call's answers in the folder included, and leave everything there.

    Raises:
        InputError: the folder holds anything else, has changed since, or cannot be written.
    """
    cells = asked.cells
    with kept(folder, read.contents, file.parent, on_change, named=named) as place:
        # What had no answer is asked again: what kept it from one may have been the day.
        whole = {cell: one for cell, one in place.outcomes.items() if not one.cut and not one.failed}
        done = whole.keys() & {*cells}

        def keep(outcome: Outcome) -> None:
            place.keep(outcome)
            done.add(outcome.cell)
            told(len(done), len(cells), outcome.cell)

        try:
            with where() as workers:
                ask_all(asked, whole, _before_drawing(deadline), workers, keep)
        finally:
            test = stress_test(asked, place.outcomes, must, folder, {})
            document = json.dumps(stress_document(test), indent=1, ensure_ascii=False) + "\n"
            written: dict[str, str | bytes] = {DOCUMENT: document, TABLE: table_text(test)}
            try:
                written |= shown(test, place.manifest(test.status.value))
            finally:
                place.finish(test.status.value, written)
    return test


def _before_drawing(deadline: Deadline) -> Deadline:
    """Return when to stop asking, so that what was answered can be drawn within a deadline."""
    if not isfinite(deadline.moment):
        return deadline
    return Deadline(deadline.moment - min(SECONDS_TO_DRAW, SHARE_TO_DRAW * deadline.left))


def shown(test: StressTest, manifest: Mapping[str, Any]) -> dict[str, str | bytes]:
    """Return the page of a stress test, and its picture as soon as something is answered, by their files' names."""
    # What draws is loaded only when there is something to draw.
    report = import_module("marketgame.experiments.stress.report")
    page: str = import_module("marketgame.results.report.page").written(report.stress_report(test, manifest))
    if not test.questions:
        return {PAGE: page}
    png: bytes = import_module("marketgame.results.figures.saving").png_of(test.plot())
    return {PAGE: page, PICTURE: png}


def stress_test(
    asked: Asked,
    outcomes: Mapping[Cell, Outcome],
    must: tuple[Question, ...],
    folder: Path | None,
    certificates: Mapping[str, str],
) -> StressTest:
    """Return what is known, with what is recommended."""
    scenario, prior = asked.scenario, asked.scenario.economy.prior
    rows = tuple(_candidate(asked, one, outcomes) for one in asked.institutions if one.name != NAME)
    benchmarks = outcomes[Cell(NAME, Inquiry.WELFARE)].answered.welfare if _known(outcomes) else {}
    whole = all(_over(asked, cell, outcomes) for cell in asked.cells)
    return StressTest(
        name=scenario.name,
        players=len(scenario.players),
        profiles=prior.size,
        money=scenario.economy.money,
        drawn=prior.obstacle,
        institutions=rows,
        benchmarks=benchmarks,
        recommended=recommended(rows, benchmarks, must),
        status=Status.DONE if whole else Status.TIME_IS_OVER,
        folder=folder,
        certificates=certificates,
    )


def _known(outcomes: Mapping[Cell, Outcome]) -> bool:
    return Cell(NAME, Inquiry.WELFARE) in outcomes


def _over(asked: Asked, cell: Cell, outcomes: Mapping[Cell, Outcome]) -> bool:
    """Say whether a cell needs no more time."""
    if cell in outcomes:
        return not outcomes[cell].cut
    return asked.settled(cell, asked.known(cell.institution, outcomes))


def _candidate(asked: Asked, institution: Institution, outcomes: Mapping[Cell, Outcome]) -> Candidate:
    cells = (Cell(institution.name, inquiry) for inquiry in asked.inquiries)
    found = [outcomes[cell] for cell in cells if cell in outcomes]
    # What cannot be played leaves an institution admitted of which something is known.
    some = any(one.answered.rulings for one in found)
    unplayed = {id(one) for one in found if one.refused and some and one.cell.inquiry in PLAYED}
    refused = next((one.refused for one in found if one.refused and id(one) not in unplayed), "")
    welfare = {measure: value for one in found for measure, value in one.answered.welfare.items()}
    known = asked.known(institution.name, outcomes)
    reasons = {one.cell.inquiry: one.refused if id(one) in unplayed else one.failed for one in found}
    failed = {question: why for inquiry, why in reasons.items() if why for question in inquiry.questions}
    failed = {question: why for question, why in failed.items() if question not in known}
    return Candidate(institution, known, welfare, refused, failed)
