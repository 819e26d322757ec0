"""What must hold of whatever a command answers, however its input was damaged.

Tolerances are relative to the numbers compared, welfare levels included: finer promises have tests of their own, here
anything that a reader would call nonsense is to be found.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.fuzzing.calling import Reaction
from marketgame.experiments.files.input_file import MOST_MISTAKES

# Of the numbers compared; solvers promise about 1e-9, and sums of many terms lose digits.
TOLERANCE = 1e-6
CHECKS = ("block", "certify", "replay")
EXPECTED_CODES = (0, 1, 2, 3)
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
NO_NUMBER = re.compile(r" -?(nan|inf) +(\S+ +)*\n")
# What is said beside an answer: errors, warnings, how long something took, and bars of progress.
SAID = re.compile(r"(error|warning): .|[a-z -]+ took \d+ seconds|\s*$|.*(━|╸|╺| runs/s| \d+% )")
# Commands that may print something before they find that they cannot go on.
LATE = ("validate", "run", "sweep", "show")
LONGEST = 1600


def complaints(command: str, as_json: bool, reaction: Reaction) -> list[str]:
    """Return what is wrong with a reaction, in words; nothing if nothing is."""
    if reaction.code is None:
        return [f"it was still going on after {reaction.seconds:.0f} seconds"]
    found = [*_of_the_process(command, reaction)]
    try:
        out = reaction.out.decode("utf-8")
    except UnicodeDecodeError:
        return [*found, "it printed something else than text"]
    if not as_json and reaction.code in {0, 1} and (shown := NO_NUMBER.search(out)):
        found.append(f"its table holds {shown.group().strip()}")
    if as_json and out:
        try:
            document = json.loads(out, parse_constant=_refuse_constant)
        except ValueError as error:
            return [*found, f"it printed something else than one JSON document: {error}"]
        found += _of_a_document(command, reaction.code, document)
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _of_the_process(command: str, reaction: Reaction) -> Iterator[str]:
    code, out, err = reaction.code, reaction.out.decode("utf-8", "replace"), reaction.err.decode("utf-8", "replace")
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    odd = [line for line in err.splitlines() if not SAID.match(line)]
    control = OBEYED.search(out) or OBEYED.search(err)
    verdicts = {
        f"it ended with {code}": code not in EXPECTED_CODES,
        "it printed a traceback": "Traceback" in out + err,
        "it answers no, and is no check": code == 1 and command not in CHECKS,
        "it has no answer, and does not say why": code == 3 and not (errors or out),
        "it printed an answer to bad input": code == 2 and bool(out) and command not in LATE,
        f"bad input has {len(errors)} lines of error": code == 2 and not 0 < len(errors) <= MOST_MISTAKES + 1,
        "an error has too long a line": any(len(line) > LONGEST for line in errors),
        f"it said something on a line of its own: {odd[:1]}": bool(odd),
        f"it printed a character that terminals obey: {control}": control is not None,
    }
    yield from (words for words, so in verdicts.items() if so)


def _of_a_document(command: str, code: int, document: Any) -> Iterator[str]:
    yield from (f"{name} is {value}" for name, value in _numbers(document) if not math.isfinite(value))
    given = _money_given(document)
    for name, value in _under(document, "share_of_first_best_gains"):
        if value is not None and value > 1 + TOLERANCE and not (given and ".played." in name):
            yield f"{name} is {value}"
    for name, value in _under(document, "probability"):
        if isinstance(value, int | float) and not -TOLERANCE <= value <= 1 + TOLERANCE:
            yield f"{name} is {value}"
    for name, value in _under(document, "action"):
        if _is_lottery(value) and (abs(sum(value.values()) - 1) > TOLERANCE or min(value.values()) < -TOLERANCE):
            yield f"{name} has probabilities {value}"
    if code in {0, 1}:
        yield from OF_COMMANDS.get(command, _nothing)(code, document)


def _is_lottery(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(each, float) for each in value.values())


def _nothing(_code: int, _document: Any) -> Iterator[str]:
    yield from ()


def _of_solve(_code: int, document: Any) -> Iterator[str]:
    if document["kind"] == "coalitional-game":
        if document["upper_bound"] is not None and _exceeds(document["value"], document["upper_bound"]):
            yield "a mechanism is better than the bound on all"
        return
    profiles = document["profiles"]
    if abs(math.fsum(profile["probability"] for profile in profiles) - 1) > TOLERANCE:
        yield "profiles have other probabilities than 1 in sum"
    for place, profile in enumerate(profiles):
        if _exceeds(profile["autarky_welfare"], profile["welfare"]):
            yield f"profiles[{place}]: the first best is worse than autarky"
        for good in document["goods"][:-1]:
            held = [bundle[good] for bundle in profile["allocation"].values()]
            if min(held) < -TOLERANCE * max(held):
                yield f"profiles[{place}]: somebody holds {min(held)} of {good}"
    yield from _of_benchmarks(document["benchmarks"])
    gain = document["largest_misreport_gain"]
    if document["incentive_compatible"] and gain is not None and gain > TOLERANCE * abs(document["first_best_welfare"]):
        yield f"truth is best, and a lie gains {gain}"


def _of_benchmarks(benchmarks: Mapping[str, Any]) -> Iterator[str]:
    known = {name: row for name, row in benchmarks.items() if row.get("welfare") is not None}
    best = known.get("first-best")
    for name, row in known.items():
        # What is a mean over other profiles may be more, by luck.
        if best is not None and row["over"] == best["over"] and _exceeds(row["welfare"], best["welfare"]):
            yield f"{name} has welfare {row['welfare']}, the first best {best['welfare']}"
        if row["upper_bound"] is not None and _exceeds(row["welfare"], row["upper_bound"]):
            yield f"{name} is better than the bound on it"


def _of_block(code: int, document: Any) -> Iterator[str]:
    if document["blocked"] != (code == 1):
        yield f"blocked is {document['blocked']}, the exit code {code}"
    if document["blocked"] and document["profit"] <= 0:
        yield f"a blocking plan has the profit {document['profit']}"
    if not document["blocked"] and document["profit"] != 0:
        yield f"no blocking plan has the profit {document['profit']}"


def _of_core(_code: int, document: Any) -> Iterator[str]:
    if document["status"] not in {"found", "empty"}:
        yield f"the core is {document['status']}, and that is done"


def _of_certify(code: int, document: Any) -> Iterator[str]:
    asked = (
        "bayesian_incentive_compatible",
        "coalitions_report_truthfully",
        "unilaterally_stable",
        "collusion_proof",
        "strongly_collusion_proof",
    )
    refuted = [name for name in asked if document[name] is False]
    if bool(refuted) != (code == 1):
        yield f"refuted is {refuted}, the exit code {code}"
    if document["strongly_collusion_proof"] is True and document["collusion_proof"] is not True:
        yield "what is strongly collusion-proof is not collusion-proof"
    bounds = {tuple(each["coalition"]): each["bound_on_total_gain"] for each in document["coalitions"]}
    for place, found in enumerate(document["deviations"]):
        bound = bounds.get(tuple(found["coalition"]))
        if bound is not None and not found["kind"].startswith("lie") and _exceeds(sum(found["gain"].values()), bound):
            yield f"deviations[{place}] gains more than the bound on all, {bound}"
        if isinstance(found["gain"], Mapping) and not any(gain > 0 for gain in found["gain"].values()):
            yield f"deviations[{place}] gains nobody anything"


def _of_run(_code: int, document: Any) -> Iterator[str]:
    rows = document["welfare"]
    if _money_given(document):
        rows = {name: row for name, row in rows.items() if name != "played"}
    yield from _of_benchmarks(rows)


def _money_given(document: Any) -> bool:
    """Whether the established mediator of a game loses: players then share more than there is among themselves."""
    established = (document.get("mediators") or {}).get("established") or {}
    return bool((established.get("profit") or 0.0) < 0)


OF_COMMANDS = {"solve": _of_solve, "block": _of_block, "core": _of_core, "certify": _of_certify, "run": _of_run}


def _exceeds(less: float, more: float) -> bool:
    return less > more + TOLERANCE * max(abs(less), abs(more))


def _numbers(node: Any, field: str = "") -> Iterator[tuple[str, float]]:
    for name, value in _entries(node, field):
        if isinstance(value, float):
            yield name, value
        yield from _numbers(value, name)


def _under(node: Any, key: str, field: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in _entries(node, field):
        if name.rpartition(".")[2] == key:
            yield name, value
        yield from _under(value, key, name)


def _entries(node: Any, field: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield f"{field}.{key}".removeprefix("."), value
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield f"{field}[{place}]", value
