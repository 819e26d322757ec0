"""The page that tells a stress test whole: the recommendation, the table, each proof and each refutation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketgame.experiments.certificate_files.files import load_certificate
from marketgame.experiments.certificate_files.played import verify
from marketgame.experiments.files.input_file import InputError, InputFiles
from marketgame.experiments.play.report import provenance
from marketgame.experiments.printing import members_named, number
from marketgame.experiments.stress.folder import DOCUMENT
from marketgame.experiments.stress.result import StressTest, drawn, stress_document
from marketgame.experiments.stress.ruling import Measure, Measured, Ruling
from marketgame.experiments.stress.words import NOT_ASKED, WHAT_IS_NEEDED, what_a_no_says
from marketgame.results.manifests import FILES, MANIFEST, check, place_of, read_manifest
from marketgame.results.report.page import Page, Section, Table, Words
from marketgame.results.report.pictures import picture
from marketgame.simulation.market.sampled_play.certificate import PLAYED

WELFARE = {
    Measure.FIRST_BEST: "first best",
    Measure.EFFICIENT: "incentive-efficient, willing or not",
    Measure.EFFICIENT_WILLING: "incentive-efficient, everyone willing",
}
CERTIFICATES = "certificates/"


def stress_page(folder: Path, files: InputFiles) -> Page:
    """Return the page of a stress test, each certificate of which is played again.

    Raises:
        DamagedFileError: a file is not what was written.
        FileNotFoundError: it has not been answered yet.
        InputError: a certificate cannot be read.
    """
    manifest = read_manifest(place_of(folder, MANIFEST))
    names = sorted(manifest.get(FILES, {}))
    if DOCUMENT not in names:
        raise FileNotFoundError(f"{folder} holds no table yet: ask again, the same command goes on from there")
    for name in names:
        check(folder, manifest, name)
    document = json.loads(place_of(folder, DOCUMENT).read_text(encoding="utf-8"))
    stored = [name for name in names if name.startswith(CERTIFICATES)]
    certificates = (load_certificate(place_of(folder, name), files) for name in stored)
    found = [None if isinstance(one, PLAYED) else verify(one).confirmed for one in certificates]
    played = Played(len(stored), found.count(True), refused=found.count(False))
    try:
        return page_of(document, manifest, played)
    except (KeyError, TypeError) as fault:
        raise InputError(f"{folder / DOCUMENT}: is no table of a stress test: {fault}") from None


OF_PLAYS = (
    "What careless traders and learners did takes as long to be played again as it took at first: marketgame replay "
    "plays it, file by file, to the last digit."
)


@dataclass(frozen=True)
class Played:
    """How many certificates a page is about, and how many of them were played again.

    Attributes:
        stored: how many there are.
        confirmed: of how many every number came out again.
        refused: of how many some number did not; none if they were not played for the page but when they were found,
            where nothing is stored that does not come out.
    """

    stored: int
    confirmed: int
    refused: int | None = None

    @property
    def figures(self) -> list[tuple[str, str]]:
        """The numbers, each with what it is."""
        refused = [] if self.refused is None else [(str(self.refused), "refused")]
        left = [(str(self.left), "not played again")] if self.left or self.refused is None else []
        return [(str(self.stored), "certificates"), (str(self.confirmed), "confirmed"), *refused, *left]

    @property
    def left(self) -> int:
        """How many were not played again."""
        return self.stored - self.confirmed - (self.refused or 0)

    @property
    def in_words(self) -> str:
        """When they were played."""
        if not self.stored:
            return "There is no certificate yet."
        if self.refused is not None and self.left:
            return (
                f"{self.confirmed + self.refused} of {self.stored} certificates were played again when this page was "
                f"written. {OF_PLAYS}"
            )
        if self.refused is not None:
            return "Every certificate was played again when this page was written."
        if self.confirmed == self.stored:
            return "Every certificate was read back and played again when it was found."
        return (
            f"{self.confirmed} of {self.stored} certificates were played again when they were found; for the others "
            f"there was no time, or they come from other code, or hold plays. {OF_PLAYS}"
        )


def stress_report(test: StressTest, manifest: Mapping[str, Any]) -> Page:
    """Return the page of a stress test that has just been made, whose certificates were played as they were found."""
    measured = (test.benchmarks, *(one.welfare for one in test.institutions))
    answers: tuple[Ruling | Measured, ...] = (
        *(ruling for one in test.institutions for ruling in one.rulings.values()),
        *(value for values in measured for value in values.values()),
    )
    evidence = {answer.evidence.name: answer.evidence.confirmed for answer in answers if answer.evidence is not None}
    return page_of(stress_document(test), manifest, Played(len(evidence), sum(evidence.values())))


def page_of(document: Mapping[str, Any], manifest: Mapping[str, Any], played: Played) -> Page:
    """Return the page of a stress test's document.

    Args:
        document: the document.
        manifest: of its folder.
        played: what became of its certificates.

    Raises:
        KeyError: it lacks something.
        TypeError: it holds something else.
    """
    asked = list(dict.fromkeys(_answered(document)))
    found = document["recommended"]
    figures = [(str(len(document["institutions"])), "institutions"), *played.figures]
    picturesque = [picture(drawn(document), "institutions", "Which institutions survive whom.")] if asked else []
    return Page(
        "stress test",
        document["name"],
        f"{document['players']} player{'' if document['players'] == 1 else 's'}. {played.in_words}",
        [
            Section("recommended", "What is recommended", [Words(each) for each in found["in_words"]]),
            Section("table", "Which institutions survive whom", [*picturesque, _table(document, asked)]),
            Section("welfare", "What the economy could achieve", [_welfare(document)]),
            Section("questions", "What was asked", [_questions(document, asked)]),
            Section("answers", "Each answer with its proof or refutation", [_answers(document)]),
            Section("provenance", "Where this comes from", provenance(manifest)),
        ],
        figures,
    )


def _answered(document: Mapping[str, Any]) -> Iterator[str]:
    for question in document["questions"]:
        if any(one["answers"][question]["verdict"] != NOT_ASKED for one in document["institutions"]):
            yield question


def _table(document: Mapping[str, Any], asked: list[str]) -> Table:
    lines = document["lines"]
    rows = [
        [
            *(one[key] for key in ("name", "transfers")),
            *(one["shown"][question] for question in asked),
            *(one[key] for key in ("played", "learned", "severance_needed")),
        ]
        for one in lines
    ]
    columns = ["institution", "transfers", *asked, "welfare played", "welfare learned", "severance needed"]
    best = document["benchmarks"].get(Measure.FIRST_BEST, {}).get("value")
    alike = "Institutions with the same answers share a line. " if len(lines) < len(document["institutions"]) else ""
    money = document["money"] if best is not None and best <= 0 else ""
    return Table(
        "Which institutions survive whom", columns, rows, 2, f"{alike}{what_a_no_says(money)} {WHAT_IS_NEEDED}"
    )


def _welfare(document: Mapping[str, Any]) -> Table:
    rows = []
    for measure, name in WELFARE.items():
        found = document["benchmarks"].get(measure)
        if found is not None:
            edges = [number(found[edge]) for edge in ("low", "high") if found[edge] is not None]
            value = "" if found["value"] is None else number(found["value"])
            sure = found["because"] or (found["certainty"] if found["certainty"] == "exact" else "")
            sure = sure or f"{found['certainty']}: {' to '.join(edges)}"
            rows.append([name, value, sure, found["certificate"] or ""])
    return Table("Gains over autarky", ["", f"{document['money']}", "how sure", "certificate"], rows, 1)


def _questions(document: Mapping[str, Any], asked: list[str]) -> Table:
    rows = [[question, document["questions"][question]] for question in asked]
    return Table("A yes is the answer of an institution that survives", ["question", "in a sentence"], rows, 2)


def _answers(document: Mapping[str, Any]) -> Table:
    rows = []
    stand = {line["institutions"][0]: line for line in document["lines"]}
    for one in document["institutions"]:
        if one["name"] not in stand:
            continue
        others = len(stand[one["name"]]["institutions"]) - 1
        name = f"{one['name']} (and {others} alike)" if others else one["name"]
        for question, answer in one["answers"].items():
            if answer["verdict"] == NOT_ASKED:
                continue
            checked = "; ".join(f"{what}: {found}" for what, found in answer["premises"])
            theorem = f"{answer['theorem']} {f'({checked})' if checked else ''}".strip()
            rests = "; ".join(part for part in (answer["certificate"], theorem) if part)
            follows = f", by {answer['follows_from']}" if answer["follows_from"] else ""
            who = members_named(answer["coalition"]) if answer["coalition"] else ""
            rows.append([name, question, answer["shown"], f"{answer['because']}{follows}", who, rests])
        needed = one["welfare_known"].get(Measure.SEVERANCE_NEEDED)
        if needed is not None:
            because, place = needed["because"] or "", needed["certificate"] or ""
            rows.append([name, "severance needed", one["severance_needed"], because, "", place])
    columns = ["institution", "question", "answer", "because", "who gains", "certificate and theorem"]
    return Table("What each answer rests on", columns, rows, 6)
