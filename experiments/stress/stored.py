"""Answers as JSON, and back: a file for each inquiry about an institution, and one for each certificate."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

from marketgame.experiments.stress.asking import Cell, Outcome
from marketgame.experiments.stress.question import Inquiry, Question
from marketgame.experiments.stress.ruling import Answered, Certainty, Evidence, Measure, Measured, Ruling
from marketgame.mechanisms.deviations.effort import Verdict

LETTERS_OF_A_NAME = 48
LETTERS_OF_A_HASH = 6


def folder_of(institution: str) -> str:
    """Return the name of the folder for an institution's certificates, different for every name."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", institution).strip("-").lower()[:LETTERS_OF_A_NAME]
    return f"{plain}-{hashlib.sha256(institution.encode()).hexdigest()[:LETTERS_OF_A_HASH]}"


def filed(outcome: Outcome) -> tuple[Outcome, dict[str, str]]:
    """Return an outcome whose evidence says where its files are, and the texts of these files, by path."""
    texts = dict[str, str]()
    home, inquiry = folder_of(outcome.cell.institution), outcome.cell.inquiry.value.replace(" ", "-")

    def placed[Answer: (Ruling, Measured)](answer: Answer) -> Answer:
        if answer.evidence is None or not answer.evidence.text:
            return answer
        # Two questions of one inquiry may be answered by different agreements of one kind.
        stem, text = f"certificates/{home}/{inquiry}-{answer.evidence.name.removesuffix('.json')}", answer.evidence.text
        paths = (f"{stem}{'' if number == 1 else f'-{number}'}.json" for number in count(1))
        path = next(path for path in paths if texts.get(path, text) == text)
        texts[path] = text
        return replace(answer, evidence=replace(answer.evidence, name=path, text=""))

    answered = outcome.answered
    rulings = {question: placed(ruling) for question, ruling in answered.rulings.items()}
    welfare = {measure: placed(value) for measure, value in answered.welfare.items()}
    return replace(outcome, answered=replace(answered, rulings=rulings, welfare=welfare)), texts


def path_of(cell: Cell) -> str:
    """Return where the answers of a cell are."""
    return f"answers/{folder_of(cell.institution)}/{cell.inquiry.value.replace(' ', '-')}.json"


def outcome_text(outcome: Outcome) -> str:
    """Return an outcome, filed, as the text of its file."""
    return json.dumps(_document(outcome), indent=1, ensure_ascii=False) + "\n"


def _document(outcome: Outcome) -> dict[str, Any]:
    return {
        "institution": outcome.cell.institution,
        "inquiry": outcome.cell.inquiry.value,
        "refused": outcome.refused,
        "failed": outcome.failed,
        "rulings": {question.value: ruling_fields(ruling) for question, ruling in outcome.answered.rulings.items()},
        "welfare": {measure.value: measured_document(value) for measure, value in outcome.answered.welfare.items()},
    }


def ruling_fields(ruling: Ruling) -> dict[str, Any]:
    """Return all fields of a ruling."""
    return {
        "verdict": ruling.verdict.value,
        "because": ruling.because,
        "coalition": list(ruling.coalition),
        "gain": ruling.gain,
        "total_gain": ruling.total_gain,
        "bound": ruling.bound,
        "approached": ruling.approached,
        "evidence": None if ruling.evidence is None else ruling.evidence.name,
        "confirmed": ruling.evidence is not None and ruling.evidence.confirmed,
        "theorem": ruling.theorem,
        "premises": [list(one) for one in ruling.premises],
        "money": ruling.money,
        "uncertainty": ruling.uncertainty,
        "cut": ruling.cut,
        "safe_after_lies": ruling.safe_after_lies,
        "follows_from": None if ruling.follows_from is None else ruling.follows_from.value,
    }


def measured_document(value: Measured) -> dict[str, Any]:
    """Return a welfare with how sure it is."""
    return {
        "value": value.value,
        "certainty": value.certainty.value,
        "low": value.low,
        "high": value.high,
        "because": value.because or None,
        "certificate": None if value.evidence is None else value.evidence.name,
        "confirmed": value.evidence is not None and value.evidence.confirmed,
    }


def outcome_of(document: Mapping[str, Any]) -> Outcome:
    """Return an outcome from its document.

    Raises:
        KeyError: it lacks something.
        ValueError: it holds something else.
    """
    rulings = {Question(name): _ruling(one) for name, one in document["rulings"].items()}  # type: ignore[call-arg]  # by name
    welfare = {Measure(name): _measured(one) for name, one in document["welfare"].items()}
    cell = Cell(document["institution"], Inquiry(document["inquiry"]))  # type: ignore[call-arg]
    return Outcome(cell, Answered(rulings, welfare), document["refused"], document["failed"])


def _ruling(fields: Mapping[str, Any]) -> Ruling:
    given = dict(fields)
    named, follows = given.pop("evidence"), given.pop("follows_from")
    confirmed = given.pop("confirmed")
    return Ruling(
        verdict=Verdict(given.pop("verdict")),
        coalition=tuple(given.pop("coalition")),
        premises=tuple((what, found) for what, found in given.pop("premises")),
        evidence=None if named is None else Evidence(named, "", confirmed),
        follows_from=None if follows is None else Question(follows),  # type: ignore[call-arg]
        **given,
    )


def _measured(document: Mapping[str, Any]) -> Measured:
    certainty = Certainty(document["certainty"])
    named = document["certificate"]
    evidence = None if named is None else Evidence(named, "", document["confirmed"])
    because = document["because"] or ""
    return Measured(document["value"], certainty, document["low"], document["high"], because, evidence)
