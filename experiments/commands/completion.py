"""Completion on the command line: what a shell asks when its user presses the tabulator, and how it learns to ask."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO

import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.commands.command_line import COMMANDS, COMPLETING, report
from marketgame.experiments.commands.invocation import HELP

# Set in the environment, it lets Typer take the name of a shell after its options, instead of asking which one runs.
NAMED = "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"
# Where shells leave the line that is being typed.
TYPED = ("_TYPER_COMPLETE_ARGS", "COMP_WORDS")


def complete(words: Sequence[str]) -> int:
    """Answer a shell that completes a line, or print or install what makes it ask."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    typed = next((os.environ[name] for name in TYPED if name in os.environ), "").split()
    for name, summary in COMMANDS.items():
        app.command(name, help=summary, context_settings=HELP)(_function(name) if name in typed else _unread)
    failed = False
    # What Typer says about a shell that it does not know is an error, not an answer.
    with redirect_stdout(StringIO()) as said, redirect_stderr(said), _named(words[1:]):
        try:
            app(list(words), prog_name="marketgame")
        except SystemExit as ended:
            failed = bool(ended.code)
    if failed:
        report(f"{words[0] if words else COMPLETING}: {said.getvalue().strip()}")
        return ExitCode.BAD_INPUT
    sys.stdout.write(said.getvalue())
    return ExitCode.DONE


@contextmanager
def _named(shells: Sequence[str]) -> Iterator[None]:
    """Let Typer hear which shell was named, if one was."""
    if shells:
        os.environ[NAMED] = "1"
    try:
        yield
    finally:
        if shells:
            del os.environ[NAMED]


def _unread() -> None:
    """Stand for a command whose options nobody asks for, which would take long to import."""


def _function(name: str) -> Callable[..., None]:
    command: Callable[..., None] = import_module(f"marketgame.experiments.commands.{name}").command
    return command
