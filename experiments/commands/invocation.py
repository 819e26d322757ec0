"""How a command is called: its arguments are parsed, and what goes wrong becomes one line and an exit code."""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any, override

import numpy as np
import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.commands.command_line import report
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.interruption import REMARK
from marketgame.mechanisms import UnansweredError
from marketgame.results.names import on_a_line

# How a command is asked what it takes.
HELP = {"help_option_names": ["-h", "--help"]}
# What Typer raises about words it does not understand: a class of its own or of Click's, as its version has it.
USAGE_ERROR: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
# What a command may end with: bad input, and everything that means that there is no answer.
EXPECTED = (InputError, FloatingPointError, MemoryError, UnansweredError)
# Which coalitions can form.
LargestOption = Annotated[
    int | None, typer.Option("--largest", min=1, metavar="N", help="Consider no coalitions of more members than this.")
]
TransfersOption = Annotated[
    str | None,
    typer.Option(
        "--transfers",
        metavar="none|expected-externality|lp|coalition-proof",
        help="The transfers of the contract; without it the scenario's, or for an economy some that make the truth the "
        "best report of single players.",
    ),
]
LinkOption = Annotated[
    list[str] | None,
    typer.Option(
        "--link",
        metavar="PLAYER,PLAYER",
        help="Two players who can talk to each other; once for each link. With any, only connected coalitions form.",
    ),
]


class WarningLines(logging.Handler):
    """Prints each warning as one line on whatever standard error is at the time."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning."""
        sys.stderr.write(f"warning: {on_a_line(record.getMessage())}\n")


def invoke(command: Callable[..., None], name: str, arguments: Sequence[str]) -> int:
    """Call a command, under the name that its help gives, with arguments as typed, and return the exit code."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(context_settings=HELP)(_past_typer(command))
    logging.getLogger("marketgame").handlers = [WarningLines()]
    warnings.showwarning = _show_warning
    try:
        # Numbers that overflow or are undefined would go on as if they were numbers.
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            code = app(list(arguments), prog_name=name, standalone_mode=False)
    except SystemExit:  # what Typer does about a pipe that is closed while it prints help
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None
    except _SystemError as carried:
        raise carried.error from None
    except USAGE_ERROR as error:
        report(f"{error.format_message()} ({name} --help says what is allowed)")
        return ExitCode.BAD_INPUT
    except EXPECTED as error:
        problems, code = _failure(error)
        for problem in problems:
            report(problem)
    return code if isinstance(code, int) else 0


def _failure(error: Exception) -> tuple[tuple[str, ...], ExitCode]:
    """Return what an expected error means, on one line for each mistake, and the exit code."""
    match error:
        case InputError():
            return error.problems, ExitCode.BAD_INPUT
        case FloatingPointError():
            reason = f"{error}; some number of the input is beyond what can be computed"
        case MemoryError():
            reason = "there is not enough memory"
        case _:
            reason = str(error)
    return (f"no answer: {reason}",), ExitCode.NO_ANSWER


class _SystemError(Exception):
    """Carries an error of the operating system past Typer, which would exit with 1 where a pipe is closed."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error


def _past_typer(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def called(*args: object, **options: object) -> None:
        try:
            command(*args, **options)
        except OSError as error:
            raise _SystemError(error) from error
        except KeyboardInterrupt:
            sys.stderr.write(REMARK)
            raise typer.Exit(ExitCode.INTERRUPTED) from None

    return called


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning of a library on one line, without the place in its source."""
    logging.getLogger("marketgame").warning("%s", message)
