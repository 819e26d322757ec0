"""How a command is called: its arguments are parsed, and what goes wrong becomes one line and an exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import override

import typer

from experiments.command_line import BAD_INPUT
from experiments.input_file import InputError

SOLVER_FAILED = 3
# Errors that mean: a solver gave no answer, or none that its independent check confirms. By module, because what a
# command has not loaded cannot have failed, and loading it takes longer than many a command.
NO_ANSWER = {
    "experiments.game_solution": "UndecidedGameError",
    "experiments.sweep.isolation": "RunnerError",
    "experiments.sweep.scheduling": "WorkersLostError",
    "mechanisms.compatibility": "UndecidedConditionError",
    "mechanisms.deadline": "DeadlinePassedError",
    "mechanisms.efficiency": "UnprovenOptimumError",
    "mechanisms.linear_program.highs": "SolverRefusedError",
    "mechanisms.linear_program.verification": "UnverifiedAnswerError",
    "mechanisms.stakes": "UndecidableError",
    "mechanisms.transfer_program": "UndecidedTransfersError",
}


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
    except no_answer_errors() as error:
        sys.stderr.write(f"error: no answer: {error}\n")
        sys.exit(SOLVER_FAILED)


def no_answer_errors() -> tuple[type[Exception], ...]:
    """Return the errors of ``NO_ANSWER`` that modules loaded so far can raise."""
    return tuple(getattr(sys.modules[module], name) for module, name in NO_ANSWER.items() if module in sys.modules)
