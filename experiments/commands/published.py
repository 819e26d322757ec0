"""Examples that were published: what is known of each, and whether our commands answer it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import TypeAdapter

from marketgame.experiments import ExitCode
from marketgame.experiments.commands.invocation import invoke
from marketgame.experiments.files.examples import Example, examples
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.published import PublishedInput, at

STATED = TypeAdapter(list[PublishedInput])
# Commands that write to a folder even if none is named.
WRITING = ("certify", "stress")
# A command may answer no, or that it does not know, and says why in its document.
ANSWERED = (ExitCode.DONE, ExitCode.NO, ExitCode.NO_ANSWER)


@dataclass(frozen=True)
class Checked:
    """Something known of an example, beside what the program answers.

    Attributes:
        known: what is known.
        answer: what the command says; none where it says nothing.
        problem: why it says nothing; empty where it does.
    """

    known: PublishedInput
    answer: Any
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether both are the same."""
        return not self.problem and self.known.holds(self.answer)


@dataclass(frozen=True)
class PublishedExample:
    """An example of which something is known.

    Attributes:
        example: the file.
        source: where it was published.
        known: what is known of it.
    """

    example: Example
    source: str
    known: tuple[PublishedInput, ...]

    def checked(self) -> Iterator[Checked]:
        """Yield everything that is known, beside what the program answers; it computes each answer once."""
        documents = _Documents(self.example.file)
        for known in self.known:
            try:
                yield Checked(known, at(documents.answered(known.command, tuple(known.options)), known.key))
            except (InputError, ValueError) as error:
                yield Checked(known, None, str(error))


def published_examples(names: Sequence[Example] | None = None) -> Iterator[PublishedExample]:
    """Yield the examples of which something is known, among those given or all."""
    for each in examples() if names is None else names:
        if each.file.suffix == ".toml" and "published" in each.content:
            stated = STATED.validate_python(each.content["published"])
            yield PublishedExample(each, each.content.get("source", ""), tuple(stated))


@dataclass(frozen=True)
class _Documents:
    """What commands answer about a file."""

    file: Path

    @cached_property
    def _answers(self) -> dict[tuple[str, ...], Any]:
        return {}

    def answered(self, command: str, options: tuple[str, ...]) -> Any:
        """Return the JSON document of a command, called in this process as by its user.

        Raises:
            InputError: the command refuses what it is asked.
        """
        asked = (command, *options)
        if asked not in self._answers:
            self._answers[asked] = _document(command, self.file, options)
        return self._answers[asked]


def _document(command: str, file: Path, options: Sequence[str]) -> Any:
    called = import_module(f"marketgame.experiments.commands.{command}").command
    told, remarks = StringIO(), StringIO()
    with TemporaryDirectory() as folder, redirect_stdout(told), redirect_stderr(remarks):
        # What would be written beside the user's own runs is not kept.
        out = ["--out", str(Path(folder, "out"))] if command in WRITING else []
        # One process starts no others, which takes longer than what is asked here.
        alone = ["--workers", "1"] if command == "stress" and "--workers" not in options else []
        code = invoke(called, f"marketgame {command}", [str(file), "--json", *options, *alone, *out])
    if code not in ANSWERED or not told.getvalue():
        raise InputError(remarks.getvalue().strip().removeprefix("error: ") or f"{command} ended with {code}")
    return json.loads(told.getvalue())
