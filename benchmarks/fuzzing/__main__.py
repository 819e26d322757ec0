"""Damages files and runs every command on them: ``python -m benchmarks.fuzzing COUNT [--seed N] [--keep FOLDER]``.

Every case is named by the seed and its number, and is the same whenever it is run: ``--first N`` begins with case N.
What is wrong is printed, kept in a folder, and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random

from benchmarks.fuzzing.calling import Reaction, call
from benchmarks.fuzzing.corpus import FOLDERS, Sample, gather
from benchmarks.fuzzing.invariants import complaints
from benchmarks.fuzzing.mutations import mutant
from marketgame import results
from marketgame.experiments.commands.command_line import COMMANDS
from tests.experiments.command_calls import instead_of_drawing

# Wall time that commands are given, and how far beyond it they may go.
LIMIT = 2.0
GRACE = 20.0
# How often each command is tried on the files that it is for; all others are tried on every kind now and then.
USUAL: dict[str, dict[str, int]] = {
    "economies": {"solve": 4, "certify": 4, "validate": 1},
    "games": {"solve": 3, "block": 3, "core": 3, "validate": 1},
    "contracts": {"certify": 4, "validate": 1},
    "scenarios": {"run": 4, "certify": 3, "validate": 1},
    "sweeps": {"validate": 8, "sweep": 1},
    "certificates": {"replay": 6, "report": 2, "validate": 1},
}
SHARE_OF_OTHER_COMMANDS = 0.08
SHARE_NAMED_BY_OTHERS = 0.25
AS_JSON = (0.7, ["--json"])
ALWAYS = {
    "solve": ["--seconds", f"{LIMIT:g}"],
    "core": ["--seconds", f"{LIMIT:g}"],
    "certify": ["--seconds", f"{LIMIT:g}", "--out", "made"],
    "run": ["--rounds", "3", "--benchmark-seconds", f"{LIMIT:g}", "--out", "made"],
    "sweep": ["--seeds", "1", "--workers", "1", "--out", "made"],
    "explain": ["scenario"],
    "report": ["--out", "made.html"],
}
SOMETIMES = {
    "solve": [(0.3, ["--participation", "individual"]), AS_JSON],
    "block": [(0.3, ["--out", "made"]), AS_JSON],
    "core": [(0.2, ["--fine"]), (0.2, ["--no-severance"]), AS_JSON],
    "certify": [(0.5, ["--rule", "solvency=no-short-sales", "--rule", "pricing=spread"]), AS_JSON],
    "run": [AS_JSON],
    "sweep": [AS_JSON],
    "replay": [AS_JSON],
    "report": [AS_JSON],
    "validate": [AS_JSON],
}
# Drawing takes longer than all the rest.
SHARE_OF_DRAWN_RUNS = 0.05
NO_FILE = {"explain"}
# They take minutes by right.
LONG_SWEEPS = {"which-carelessness-matters.toml"}


@dataclass(frozen=True)
class Case:
    """A damaged file and the command it is for.

    Attributes:
        number: with the seed, its name.
        words: the command line.
        file: the file that is damaged, relative to the folder of inputs.
        content: its bytes.
        drawn: whether figures are drawn.
    """

    number: int
    words: tuple[str, ...]
    file: Path
    content: bytes
    drawn: bool

    @property
    def as_json(self) -> bool:
        """Whether the answer is asked for as a JSON document."""
        return "--json" in self.words


def case_of(number: int, seed: int, samples: Sequence[Sample]) -> Case:
    """Return a case by its name."""
    random = Random(f"{seed} {number}")
    # Kinds are equally frequent, however many files there are of each.
    kind = random.choice(FOLDERS)
    sample = random.choice([one for one in samples if one.kind == kind])
    content = mutant(sample.file.read_bytes(), sample.file.suffix, random)
    file = target = Path(kind) / sample.file.name
    naming = [one for one in samples if one.kind == "scenarios" and file.name in one.file.read_text(encoding="utf-8")]
    if naming and random.random() < SHARE_NAMED_BY_OTHERS:
        # The scenario is sound, what it names is not.
        kind = "scenarios"
        target = Path(kind) / random.choice(naming).file.name
    command = _command(kind, random)
    if command == "sweep" and target.name in LONG_SWEEPS:
        command = "validate"
    words = [command, *([] if command in NO_FILE else [f"inputs/{target.as_posix()}"]), *_options(command, random)]
    return Case(number, tuple(words), file, content, random.random() < SHARE_OF_DRAWN_RUNS)


def _command(kind: str, random: Random) -> str:
    if random.random() < SHARE_OF_OTHER_COMMANDS:
        return random.choice([*COMMANDS])
    usual = USUAL[kind]
    return random.choices(list(usual), list(usual.values()))[0]


def _options(command: str, random: Random) -> list[str]:
    chosen = list(ALWAYS.get(command, []))
    for share, words in SOMETIMES.get(command, []):
        if random.random() < share:
            chosen += words
    return chosen


def tried(case: Case, home: Path, keep: Path) -> tuple[Case, Reaction, list[str]]:
    """Run a case, and keep it in a folder if something is wrong."""
    folder = Path(tempfile.mkdtemp(dir=home))
    try:
        shutil.copytree(home / "inputs", folder / "inputs")
        place = folder / "inputs" / case.file
        place.write_bytes(case.content)
        reaction = call(case.words, folder, LIMIT + GRACE, partial(_prepare, drawn=case.drawn))
        wrong = complaints(case.words[0], case.as_json, reaction)
        if not wrong and reaction.code == 1 and case.words[0] in {"certify", "block"}:
            wrong = _unconfirmed(folder)
        if wrong:
            kept = keep / f"{case.number}"
            shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("inputs"), dirs_exist_ok=True)
            shutil.copy(place, kept / place.name)
            (kept / "wrong").write_text("\n".join([" ".join(case.words), *wrong, ""]), encoding="utf-8")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return case, reaction, wrong


def _prepare(*, drawn: bool) -> None:
    if not drawn:
        vars(results)["save_figures"] = instead_of_drawing  # in this process only


def _unconfirmed(folder: Path) -> list[str]:
    """Return which certificates that a command wrote the command that checks them does not confirm."""
    wrong = []
    for certificate in sorted((folder / "made").glob("*.json"))[:3]:
        if certificate.name == "manifest.json":
            continue
        reaction = call(["replay", f"made/{certificate.name}"], folder, LIMIT + GRACE)
        if reaction.code != 0:
            wrong.append(f"its certificate {certificate.name} is not confirmed: {reaction.code}")
    return wrong


def main(words: Sequence[str] | None = None) -> int:
    """Run the cases asked for, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzzing", description=__doc__)
    parser.add_argument("count", type=int, help="how many cases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, help="where cases with something wrong are kept")
    parser.add_argument("--without", default="nothing", help="leave out cases in whose command line this is found")
    asked = parser.parse_args(words)
    keep = asked.keep or Path(tempfile.mkdtemp(prefix="fuzzing-"))
    for command in COMMANDS:
        import_module(f"marketgame.experiments.commands.{command}")
    with tempfile.TemporaryDirectory(prefix="fuzzing-") as temporary:
        home = Path(temporary).resolve()
        samples = gather(home / "inputs")
        make: Callable[[int], Case] = partial(case_of, seed=asked.seed, samples=samples)
        run = partial(_tried_by_number, make=make, home=home, keep=keep)
        every = range(asked.first, asked.first + asked.count)
        numbers = [number for number in every if not re.search(asked.without, " ".join(make(number).words))]
        with multiprocessing.get_context("fork").Pool(asked.workers) as pool:
            return _report(pool.imap_unordered(run, numbers), len(numbers), keep)


def _tried_by_number(
    number: int, make: Callable[[int], Case], home: Path, keep: Path
) -> tuple[Case, Reaction, list[str]]:
    return tried(make(number), home, keep)


def _report(outcomes: Iterable[tuple[Case, Reaction, list[str]]], count: int, keep: Path) -> int:
    codes: Counter[tuple[str, int | None]] = Counter()
    faults, started = 0, time.monotonic()
    for case, reaction, wrong in outcomes:
        codes[case.words[0], reaction.code] += 1
        if wrong:
            faults += 1
            print(f"{case.number}: {' '.join(case.words)!r}: {'; '.join(wrong)}"[:1000], flush=True)
            print(f"    {reaction.err.decode('utf-8', 'replace').strip()[-300:]!r}", flush=True)
    print(f"{count} cases in {time.monotonic() - started:.0f} seconds; what commands ended with:")
    for command in COMMANDS:
        ended = ", ".join(
            f"{code}: {times}" for (name, code), times in sorted(codes.items(), key=str) if name == command
        )
        print(f"  {command:9} {ended}")
    print(f"{faults} with something wrong{f', kept in {keep}' if faults else ''}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
