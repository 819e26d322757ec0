"""The command ``marketgame``: its front page, and the way to its commands.

Each command is a module of :mod:`marketgame.experiments.commands`, imported when it is asked for. The front page needs
next to nothing but this module, so that ``marketgame --help`` answers as fast as Python starts.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import traceback
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from marketgame.experiments import CALLED, ExitCode
from marketgame.experiments.files.interruption import REMARK, heard, interrupt, leave
from marketgame.mechanisms import SOLVER_THREAD

# Every command with its line on the front page, in the order shown.
COMMANDS = {
    "run": "Play a scenario; write its tables and figures to a run folder.",
    "sweep": "Run a scenario at many points and seeds; go on where an earlier command stopped.",
    "solve": "Compute what an economy or a game could achieve, and what incentives allow.",
    "block": "Find the most profitable blocking plan against a game's mechanism, or prove there is none.",
    "core": "Find a mechanism that no blocking mediator can break, or prove there is none.",
    "stress": "Ask which institution survives whom on an economy, and what survival costs.",
    "certify": "Find out whether a contract stands up to lies, to single players, and to coalitions.",
    "replay": "Play a stored deviation or blocking plan again, and recompute every number in it.",
    "app": "Open the live dashboard, a page in the browser.",
    "show": "Draw the figures of a saved run.",
    "report": "Write one page about a run, a sweep, a stress test or certificates, to read, print and send.",
    "animate": "Draw a saved run as a moving picture: trade, and bankruptcies wave by wave.",
    "compare": "Say what players and coalitions gain in one run against another of the same rounds.",
    "learning": "Say what learners came to play, and how far that is from equilibrium.",
    "export": "Write the tables of a run or a sweep for a spreadsheet.",
    "claims": "Say what became of what the two papers claim, and find the evidence anew.",
    "validate": "Check input files.",
    "examples": "List the files that come with marketgame; copy one to the current folder.",
    "explain": "Document every field of an input file, every column of the result tables, every figure.",
}
FRONT_PAGE = """\
Usage: marketgame COMMAND [ARGUMENTS]...

A laboratory for trading institutions under private information and collusion.

Commands:
{commands}

Options:
  -h, --help            Print this page; after a command, what the command takes.
  --version             Print the version.
  --install-completion  Let this shell complete commands and options; --show-completion prints what that adds.

Exit codes: {exit_codes}.
"""
# Asked of the front page, or by the shell of a user who presses the tabulator; Typer answers.
COMPLETION = ("--install-completion", "--show-completion")
COMPLETING = "_MARKETGAME_COMPLETE"
# So many objects are made before the youngest are searched for garbage.
OBJECTS_BETWEEN_SEARCHES = 20_000
# Set in the environment, it asks for the traceback of a fault.
TRACEBACK = "MARKETGAME_TRACEBACK"


def main() -> None:
    """Run the command line of this process.

    Raises:
        SystemExit: always; its code says how it went.
    """
    _make_streams_safe()
    # Modules, tables and figures live until the end: to search them for garbage after every 700 objects finds none.
    gc.set_threshold(OBJECTS_BETWEEN_SEARCHES)
    with heard(leave):
        code = _guarded(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError as error:
        report(f"standard output: cannot be written: {error.strerror}")
        code = ExitCode.BAD_INPUT
    for stream in (sys.stdout, sys.stderr):
        _give_up_if_broken(stream)
    if any(thread.name == SOLVER_THREAD for thread in threading.enumerate()):
        # A solver that ignores its limit would keep Python from ending. All is written.
        os._exit(code)
    sys.exit(code)


def report(problem: str) -> None:
    """Say on one line of standard error what is wrong, if anybody reads it."""
    # Loaded here because it is rarely needed, and the front page is to be fast.
    line = import_module("marketgame.results.names").on_a_line(problem)
    try:
        sys.stderr.write(f"error: {line}\n")
        sys.stderr.flush()
    except OSError:
        pass  # the exit code still tells


def _guarded(words: list[str]) -> int:
    """Run the command line and return its exit code, whatever happens."""
    try:
        return _called(words)
    except KeyboardInterrupt:
        sys.stderr.write(REMARK)
        return ExitCode.INTERRUPTED
    except OSError as error:
        where = "standard output: cannot be written" if error.filename is None else f"{error.filename}: cannot be used"
        report(f"{where}: {error.strerror}")
        return ExitCode.BAD_INPUT
    except Exception as error:  # the last resort, so that no fault reads as an answer
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}".removesuffix(": ")
        report(f"a fault of this program, no answer: {what} (set {TRACEBACK}=1 to see where)")
        return ExitCode.FAULT


def _called(words: list[str]) -> int:
    if COMPLETING in os.environ or any(word in COMPLETION for word in words[:1]):
        complete: int = import_module("marketgame.experiments.commands.completion").complete(words)
        return complete
    match words:
        case [] | ["--help"] | ["-h"]:
            sys.stdout.write(front_page())
        case ["--version"]:
            sys.stdout.write(f"marketgame {import_module('importlib.metadata').version('marketgame')}\n")
        case [name, *_] if name not in COMMANDS:
            report(f"there is no command {name!r}; commands are {', '.join(COMMANDS)}")
            return ExitCode.BAD_INPUT
        case [name, *arguments]:
            command = import_module(f"marketgame.experiments.commands.{name}").command
            invoke = import_module("marketgame.experiments.commands.invocation").invoke
            called = CALLED.set(tuple(words))
            try:
                with heard(interrupt):
                    code: int = invoke(command, f"marketgame {name}", arguments)
            finally:
                CALLED.reset(called)
            return code
    return ExitCode.DONE


def _make_streams_safe() -> None:
    """See to it that whatever is printed can be, and that no file opened later takes the place of a closed stream."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    sys.stdout, sys.stderr = _writable(sys.stdout), _writable(sys.stderr)


def _writable(stream: TextIO | None) -> TextIO:
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if isinstance(stream, TextIOWrapper):
        # Where the locale has no letter for it, `\u2026` stands for it, which JSON too reads as the letter.
        stream.reconfigure(errors="backslashreplace")
    return stream


def _give_up_if_broken(stream: TextIO) -> None:
    """Let what cannot be written be lost, which Python would otherwise say in its own words when it ends."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def front_page() -> str:
    """Return what ``marketgame --help`` prints."""
    width = max(map(len, COMMANDS))
    lines = (f"  {name:{width}}  {summary}" for name, summary in COMMANDS.items())
    exit_codes = ", ".join(f"{code} {code.meaning}" for code in ExitCode)
    return FRONT_PAGE.format(commands="\n".join(lines), exit_codes=exit_codes)
