"""The folder of a stress test: every answer is written as it comes, and asking again goes on from there."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.output_folder import Purpose, Writing, holding, refuse_other_kinds, writing
from marketgame.experiments.files.provenance import SOURCES, command_line, input_files, software
from marketgame.experiments.stress.asking import Cell, Outcome
from marketgame.experiments.stress.ruling import Measured, Ruling
from marketgame.experiments.stress.stored import filed, outcome_of, outcome_text, path_of
from marketgame.experiments.sweep.folder import OnChange
from marketgame.experiments.sweep.identity import code_digest, computing_software

KIND: Final = "stress"
ANSWERS: Final = "answers/"
DOCUMENT: Final = "stress.json"
TABLE: Final = "institutions.csv"
PAGE: Final = "report.html"
PICTURE: Final = "institutions.png"
# Between two writings of answers pass so many times what the last one took.
PAUSES: Final = 20
PURPOSE: Final = Purpose("a stress test", advice="what was answered is kept: make room, then ask again")


def stress_digest() -> str:
    """Return a hash of the sources that answers depend on."""
    total = hashlib.sha256(code_digest().encode())
    for home in ("experiments/stress", "experiments/certificate_files"):
        for file in sorted((SOURCES / home).rglob("*.py")):
            total.update(f"{file.relative_to(SOURCES).as_posix()}\0".encode() + file.read_bytes())
    return total.hexdigest()


def identity(contents: Mapping[Path, bytes]) -> dict[str, Any]:
    """Return what answers depend on: the files read, the sources, and the versions of what computes."""
    files = sorted(hashlib.sha256(content).hexdigest() for content in contents.values())
    return {"inputs": files, "code": stress_digest(), "software": computing_software()}


@dataclass
class Kept:
    """The folder of a stress test that is being answered.

    Attributes:
        outcomes: what it holds, by cell; evidence is named by its path in the folder.
    """

    outcomes: dict[Cell, Outcome]
    _writing: Writing
    _manifest: dict[str, Any]
    _status: str = field(default="running")
    _waiting: dict[str, str | bytes] = field(default_factory=dict)
    _took: float = 0.0
    _last: float = 0.0

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._writing.folder

    def keep(self, outcome: Outcome) -> Outcome:
        """Write an outcome with its certificates, and return it with their places.

        All that a folder holds is looked at before something is added to it. So where it holds much, answers that come
        fast are written some at a time.

        Raises:
            OSError: it cannot be written; what was written before is still there.
        """
        placed, texts = filed(outcome)
        self._waiting |= {path_of(outcome.cell): outcome_text(placed), **texts}
        self.outcomes[placed.cell] = placed
        if time.monotonic() - self._last >= PAUSES * self._took:
            self._write()
        return placed

    def manifest(self, status: str) -> dict[str, Any]:
        """Return what the folder's manifest says but for its files, as soon as it has a status."""
        return {**self._manifest, "status": status}

    def finish(self, status: str, texts: Mapping[str, str | bytes]) -> None:
        """Write the tables of what has been answered, and whatever was not written yet.

        Raises:
            OSError: they cannot be written.
        """
        self._status = status
        self._waiting |= texts
        self._write()

    def _write(self) -> None:
        began = time.monotonic()
        for name, text in self._waiting.items():
            file = self._writing.stage / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        self._writing.commit(self.manifest(self._status), added=True)
        self._waiting.clear()
        self._last = time.monotonic()
        self._took = self._last - began


@contextmanager
def kept(
    folder: Path, contents: Mapping[Path, bytes], home: Path, on_change: OnChange, *, named: bool
) -> Iterator[Kept]:
    """Provide the folder of a stress test, with what an earlier call has answered.

    Args:
        folder: where it is, or will be.
        contents: of the files that were read, by path.
        home: the folder to which their paths are relative.
        on_change: what becomes of answers that other inputs or other code gave.
        named: whether an option named the folder.

    Raises:
        InputError: it holds anything else, has changed since, is damaged, or cannot be written.
    """
    purpose = Purpose(PURPOSE.what, "--out" if named else None, advice=PURPOSE.advice)
    refuse_other_kinds(folder, purpose, KIND, "a stress test")
    with writing(folder, purpose) as place:
        now = identity(contents)
        held = holding(folder, purpose)
        manifest = {
            "kind": KIND,
            "identity": now,
            "inputs": input_files(contents, home),
            "command": command_line(),
            **software(),
        }
        before = None if held.manifest is None else held.manifest.get("identity")
        changed = [] if before is None else [name for name in now if before.get(name) != now[name]]
        if changed and on_change is OnChange.REFUSE:
            raise InputError(
                f"{folder}: holds a stress test that has changed since ({', '.join(changed)}); name another folder "
                "with --out, keep its answers with --on-change mix, or begin again with --on-change restart"
            )
        if changed and on_change is OnChange.RESTART:
            place.commit({**manifest, "status": "running"})
            held = holding(folder, purpose)
        outcomes, again = dict(_read(folder, held.files)), dict[str, str | bytes]()
        if changed:
            outcomes = {cell: _of_other_code(outcome) for cell, outcome in outcomes.items()}
            again = {path_of(cell): outcome_text(outcome) for cell, outcome in outcomes.items()}
        yield Kept(outcomes, place, manifest, _waiting=again)


def _of_other_code(outcome: Outcome) -> Outcome:
    """Return an outcome none of whose certificates this program has played."""

    def unplayed[Answer: (Ruling, Measured)](answer: Answer) -> Answer:
        if answer.evidence is None:
            return answer
        return replace(answer, evidence=replace(answer.evidence, confirmed=False))

    answered = outcome.answered
    rulings = {question: unplayed(ruling) for question, ruling in answered.rulings.items()}
    welfare = {measure: unplayed(value) for measure, value in answered.welfare.items()}
    return replace(outcome, answered=replace(answered, rulings=rulings, welfare=welfare))


def _read(folder: Path, files: frozenset[str]) -> Iterator[tuple[Cell, Outcome]]:
    for name in sorted(files):
        if name.startswith(ANSWERS):
            try:
                outcome = outcome_of(json.loads((folder / name).read_text(encoding="utf-8")))
            except (KeyError, ValueError, TypeError) as fault:
                raise InputError(f"{folder / name}: is no answer of a stress test: {fault}") from None
            yield outcome.cell, outcome
