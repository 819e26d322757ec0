"""How a command is called: its arguments are parsed, and what goes wrong becomes one line and an exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import override

import typer

from experiments.command_line import BAD_INPUT
from experiments.input_file import InputError
from mechanisms.compatibility import UndecidedConditionError
from mechanisms.efficiency import UnprovenOptimumError
from mechanisms.linear_program import SolverRefusedError, UnverifiedAnswerError
from mechanisms.transfer_program import UndecidedTransfersError

SOLVER_FAILED = 3
NO_ANSWER = (
    SolverRefusedError,
    UndecidedConditionError,
    UndecidedTransfersError,
    UnprovenOptimumError,
    UnverifiedAnswerError,
)


class WarningLines(logging.Handler):
    """Prints each warning as one line on whatever standard error is at the time."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning."""
        sys.stderr.write(f"warning: {record.getMessage()}\n")


def invoke(command: Callable[..., None], name: str, arguments: Sequence[str]) -> None:
    """Call a command with arguments as typed.

    Args:
        command: a function whose parameters Typer understands.
        name: what the user typed to get here, for the command's help.
        arguments: what the user typed after it.

    Raises:
        SystemExit: always; its code says how it went.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(command)
    logging.getLogger("marketgame").handlers = [WarningLines()]
    try:
        app(list(arguments), prog_name=name)
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(BAD_INPUT)
    except NO_ANSWER as error:
        sys.stderr.write(f"error: no answer: {error}\n")
        sys.exit(SOLVER_FAILED)
