"""What ``marketgame stress`` answers: what each institution survives, what that costs, and what is recommended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import pandas as pd
from rich.console import Console

from marketgame.experiments.collusion.printing import ANSWERS
from marketgame.experiments.files.output_file import write_file
from marketgame.experiments.printing import Printed, number, share
from marketgame.experiments.stress.folder import PAGE
from marketgame.experiments.stress.grouping import Line, lines
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.recommendation import Candidate, Recommendation
from marketgame.experiments.stress.ruling import Measure, Measured, Ruling
from marketgame.experiments.stress.stored import measured_document, ruling_fields
from marketgame.experiments.stress.words import NOT_ASKED, cell_text, cells_text, counted_in, needed_text, sentences
from marketgame.mechanisms.economies.coalitions import coalition_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# Of more lines a picture shows the first.
MOST_DRAWN = 60


class Status(StrEnum):
    """How far a stress test has come."""

    DONE = "done"
    """All was asked, and nothing was cut short."""
    TIME_IS_OVER = "time is over"
    """Something was not asked, or cut short; asking again goes on from there."""


@dataclass(frozen=True, eq=False, repr=False)
class StressTest(Printed):
    """Which institution survives whom on an economy.

    Attributes:
        name: of the economy or scenario.
        players: how many trade.
        profiles: how many type profiles there are.
        money: what amounts are in.
        drawn: why profiles are not listed, so that answers are sampled where they say so; empty if all are.
        institutions: in the order of the table.
        benchmarks: what the economy could achieve.
        recommended: what is recommended.
        status: how far it came.
        folder: where certificates are; none if nothing was written.
        certificates: their texts by path, where there is no folder.
    """

    name: str
    players: int
    profiles: int
    money: str
    drawn: str
    institutions: tuple[Candidate, ...]
    benchmarks: Mapping[Measure, Measured]
    recommended: Recommendation
    status: Status
    folder: Path | None
    certificates: Mapping[str, str]

    @override
    def print_on(self, console: Console) -> None:
        import_module("marketgame.experiments.stress.printing").print_stress(self, console)

    @property
    def lines(self) -> list[Line]:
        """Its table as people look at it: where institutions are many, those with the same answers on one line."""
        return lines(self.institutions, self.recommended)

    def shown(self, line: Line, question: Question) -> str:
        """Return what a cell of the table says."""
        return cells_text([one.rulings.get(question) for one in line.members], counted_in(self))

    def named(self, name: str) -> Candidate:
        """Return the institution of a name, with what is known of it."""
        return next(one for one in self.institutions if one.institution.name == name)

    @property
    def whole(self) -> bool:
        """Whether all was asked, and nothing was cut short."""
        return self.status is Status.DONE

    @property
    def questions(self) -> tuple[Question, ...]:
        """What some institution answered."""
        return tuple(question for question in Question if any(question in one.rulings for one in self.institutions))

    @property
    @override
    def table(self) -> pd.DataFrame:
        """One row for each institution and question."""
        rows = [
            {
                "institution": one.institution.name,
                **one.institution.described,
                "transfers": str(one.institution.transfers),
                "question": question.value,
                **self._cell(one, question),
                "severance_needed": needed if question is Question.LEAVING else "",
            }
            for one in self.institutions
            for needed in (needed_text(one.welfare.get(Measure.SEVERANCE_NEEDED)),)
            for question in Question
        ]
        frame = pd.DataFrame(rows)
        frame.attrs = {"units": {"gain": self.money, "share": "1", "uncertainty": "1", "bound": "1"}}
        return frame

    def _cell(self, one: Candidate, question: Question) -> dict[str, Any]:
        ruling = one.rulings.get(question)
        if ruling is None:
            nothing = {"coalition": "", "gain": 0.0, "share": 0.0, "uncertainty": 0.0, "bound": 0.0, "certificate": ""}
            because = one.refused or one.failed.get(question, "")
            return {"verdict": NOT_ASKED, "because": because, **nothing, "theorem": ""}
        return {
            "verdict": ruling.verdict.answer,
            "because": ruling.because,
            "coalition": coalition_name(ruling.coalition),
            "gain": ruling.money,
            "share": ruling.total_gain,
            "uncertainty": ruling.uncertainty,
            "bound": ruling.bound,
            "certificate": "" if ruling.evidence is None else ruling.evidence.name,
            "theorem": ruling.theorem,
        }

    @override
    def plot(self) -> Figure:
        """Draw the table: a row for each institution, a column for each question."""
        return drawn(stress_document(self))

    @property
    def page(self) -> Path | None:
        """Where the page about it is; none if nothing was written."""
        return None if self.folder is None else self.folder / PAGE

    def report(self, out: Path | str) -> Path:
        """Write the page about it to a file of anybody's choice, and return where that is.

        Raises:
            InputError: somebody else wrote the file, or it cannot be written.
        """
        pages = import_module("marketgame.results.report.page")
        text = pages.written(import_module("marketgame.experiments.stress.report").stress_report(self, {}))
        write_file(Path(out), text, pages.is_intact)
        return Path(out)

    def certificate(self, answer: Ruling | Measured) -> Path | None:
        """Return where the certificate of an answer is; none if it has none, or nothing was written."""
        if answer.evidence is None or self.folder is None:
            return None
        return self.folder / answer.evidence.name


def drawn(document: Mapping[str, Any]) -> Figure:
    """Draw a document's table, questions that somebody answered: a row for each institution, a column for each."""
    asked = [question for question in document["questions"] if _is_answered(document, question)]
    rows = [
        {
            "institution": one["name"] if one["transfers"] == "none" else f"{one['name']},\n{one['transfers']}",
            "question": question,
            "verdict": one["shown"][question].partition(":")[0],
            "text": _drawn_text(one, question),
        }
        for one in document["lines"][:MOST_DRAWN]
        for question in asked
    ]
    draw = import_module("marketgame.results.figures.institutions").institution_matrix
    title = f"{document['name']}: which institutions survive whom"
    figure: Figure = draw([("", pd.DataFrame(rows))] if rows else [], asked, title)
    return figure


def _drawn_text(line: Mapping[str, Any], question: str) -> str:
    """Return what a cell of the picture says: of those who leave also how much severance is needed, if it is some."""
    shown: str = line["shown"][question]
    needed: str = line["severance_needed"]
    if question != Question.LEAVING or not needed.startswith(("none helps", "at least")):
        return shown
    return f"{shown}\n{'no severance helps' if needed == 'none helps' else f'severance: {needed}'}"


def _is_answered(document: Mapping[str, Any], question: str) -> bool:
    return any(one["answers"][question]["verdict"] != NOT_ASKED for one in document["institutions"])


def stress_document(test: StressTest) -> dict[str, Any]:
    """Return a stress test as the JSON document of ``marketgame stress``."""
    return {
        "kind": "stress",
        "name": test.name,
        "players": test.players,
        "profiles": test.profiles,
        "money": test.money,
        "sampled": test.drawn or None,
        "status": test.status.value,
        "questions": {question.value: question.asks for question in Question},
        "benchmarks": {measure.value: _measured(test, value) for measure, value in test.benchmarks.items()},
        "institutions": [_institution(test, one) for one in test.institutions],
        "lines": [_line(test, one) for one in test.lines],
        "recommended": {**recommendation_document(test.recommended), "in_words": list(sentences(test))},
    }


def _line(test: StressTest, line: Line) -> dict[str, Any]:
    """Return a line of the table as people look at it: what it says, and who is on it."""
    return {
        "name": line.name,
        "transfers": line.transfers,
        "institutions": [one.institution.name for one in line.members],
        "shown": {question.value: test.shown(line, question) for question in Question},
        "played": welfare_text(test, line, Measure.PLAYED),
        "learned": welfare_text(test, line, Measure.LEARNED),
        "severance_needed": severance_text(line),
    }


def welfare_text(test: StressTest, line: Line, measure: Measure) -> str:
    """Return what a line says of a welfare: a share of the first best, the least and the most of it."""
    best = test.benchmarks.get(Measure.FIRST_BEST)
    found = (one.welfare.get(measure) for one in line.members)
    values = sorted(one.value for one in found if one is not None and one.value is not None)
    if not values:
        return ""
    of = best.value if best is not None and best.value is not None else 0.0
    texts = list(dict.fromkeys(number(value) if of <= 0 else share(value / of) for value in (values[0], values[-1])))
    return " to ".join(texts)


def severance_text(line: Line) -> str:
    """Return what a line says of the severance that is needed."""
    found = (needed_text(one.welfare.get(Measure.SEVERANCE_NEEDED)) for one in line.members)
    return " or ".join(dict.fromkeys(text for text in found if text))


def _institution(test: StressTest, one: Candidate) -> dict[str, Any]:
    welfare = {**test.benchmarks, **one.welfare}
    return {
        "name": one.institution.name,
        "rules": dict(one.institution.described),
        "transfers": str(one.institution.transfers),
        "refused": one.refused or None,
        "answers": {question.value: _answer(test, one, question) for question in Question},
        "welfare": {measure.value: _value(welfare.get(measure)) for measure in Measure},
        "welfare_known": {measure.value: _measured(test, found) for measure, found in welfare.items()},
        "severance_needed": needed_text(one.welfare.get(Measure.SEVERANCE_NEEDED)),
    }


def _answer(test: StressTest, one: Candidate, question: Question) -> dict[str, Any]:
    ruling = one.rulings.get(question)
    if ruling is None:
        why = one.refused or one.failed.get(question)
        return {"verdict": NOT_ASKED, "gain": None, "certificate": None, "shown": NOT_ASKED, "because": why or None}
    fields = ruling_fields(ruling)
    place = test.certificate(ruling)
    return {
        "verdict": ANSWERS[ruling.verdict],
        "gain": ruling.money,
        "certificate": None if place is None else str(place),
        "shown": cell_text(ruling, counted_in(test)),
        "share_of_gains_from_trade": ruling.total_gain,
        "least_share_of_a_member": ruling.gain,
        "uncertainty_of_share": ruling.uncertainty,
        "bound_on_share": ruling.bound,
        **{name: fields[name] for name in ("because", "coalition", "theorem", "premises", "follows_from")},
        "kept_up_to_any_tolerance": ruling.approached,
        "time_was_over": ruling.cut,
    }


def _measured(test: StressTest, found: Measured) -> dict[str, Any]:
    """Return a welfare with how sure it is, and where its certificate is."""
    place = test.certificate(found)
    return {**measured_document(found), "certificate": None if place is None else str(place)}


def _value(found: Measured | None) -> float | None:
    return None if found is None else found.value


def recommendation_document(found: Recommendation) -> dict[str, Any]:
    """Return what is recommended."""
    return {
        "must_survive": [question.value for question in found.must],
        "institution": found.institution,
        "ties": list(found.ties),
        "price": None if found.price is None else measured_document(found.price),
        "first_best": None if found.best is None else measured_document(found.best),
        "closest": found.closest,
        "not_survived": {
            question.value: NOT_ASKED if verdict is None else verdict.answer for question, verdict in found.missing
        },
        "open": found.unknown,
    }


def table_text(test: StressTest) -> str:
    """Return the table as a CSV file."""
    text: str = test.table.to_csv(index=False)
    return text
