"""Experiments: input files, the command line, and the economies and scenarios that come with marketgame.

| what | where |
|---|---|
| how a command went: its exit code | `ExitCode` |
| how answers look | `printing` |
| what may be written down, how it is read and explained | `files` |
| certificates as JSON, and replay | `certificate_files` |
| what `solve` answers | `efficiency` |
| what `certify` answers | `collusion` |
| what `block` and `core` answer | `blocking` |
| what `run` and `show` do | `play` |
| what `sweep` does; sweeps from Python | `sweep` |
| what `stress` answers: which institution survives whom | `stress` |
| the published tables and pictures | `studies` |
| what the papers claim, and what became of it | `claims` |
| what `app` does: the live dashboard, which drives a model | `app` |
| the command `marketgame`, one module a command | `commands` |

Nothing is imported here, so that asking for one command loads only what that command needs.
"""

from contextvars import ContextVar
from enum import IntEnum
from pathlib import Path
from typing import Self

# Where the economies, games, scenarios, sweeps and data that come with marketgame are.
HOME = Path(__file__).parent
# The words after `marketgame` while a command runs; from Python nothing is called by words.
CALLED: ContextVar[tuple[str, ...] | None] = ContextVar("called", default=None)


class ExitCode(IntEnum):
    """What a command exits with. It stands here because the front page loads next to nothing else.

    Attributes:
        meaning: in a few words.
    """

    meaning: str

    DONE = 0, "done"
    NO = 1, "a check answers no"
    BAD_INPUT = 2, "bad input"
    NO_ANSWER = 3, "a solver failed"
    # What sysexits.h calls an internal software error. Python itself would exit with 1, which is an answer.
    FAULT = 70, "a fault of this program"
    INTERRUPTED = 130, "interrupted"

    def __new__(cls, code: int, meaning: str) -> Self:
        """Return the exit code of that number, with its meaning."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member
