"""A command called as a process of its own, without the second that Python takes to load it.

The process is a copy of one that has loaded everything already: it has its own streams, memory limit and exit code, and
can be ended whatever it is doing.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from marketgame.experiments.commands.command_line import main

# Address space of a process. More is needed by none of the files that are damaged, though a damaged one may ask for it.
MOST_MEMORY = 6 * 2**30
# How much longer everything may take on a machine that does other things too.
BUSY = 8
# An exit code that no command has.
ESCAPED = 99


class Reaction(NamedTuple):
    """What a command did.

    Attributes:
        code: its exit code; negative if a signal ended it, none if it went on for too long.
        out: what it printed.
        err: what it said beside.
        seconds: how long it took.
    """

    code: int | None
    out: bytes
    err: bytes
    seconds: float


def call(words: Sequence[str], folder: Path, seconds: float, prepare: Callable[[], None] = lambda: None) -> Reaction:
    """Run the command line in a folder and return what it did.

    Args:
        words: what stands after ``marketgame``.
        folder: where to run it; what it prints is kept there too.
        seconds: of the processor after which it is ended; it may wait for so much longer as machines are slower when
            they are busy.
        prepare: called in the new process before the command.
    """
    out, err, started = folder / "stdout", folder / "stderr", time.monotonic()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (round(seconds), round(seconds) + 1))
        _become(words, folder, out, err, prepare)
    code = _ending(child, started + BUSY * seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it may have left running
    if code in {-signal.SIGXCPU, -signal.SIGKILL}:
        code = None
    return Reaction(code, out.read_bytes(), err.read_bytes(), time.monotonic() - started)


def _become(words: Sequence[str], folder: Path, out: Path, err: Path, prepare: Callable[[], None]) -> None:
    """Turn this process into the command; never returns."""
    code = ESCAPED
    try:
        os.setsid()
        gc.freeze()
        os.chdir(folder)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number, file in ((1, out), (2, err)):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), encoding="utf-8")
        sys.stderr = io.TextIOWrapper(io.BufferedWriter(io.FileIO(2, "w", closefd=False)), encoding="utf-8")
        sys.argv = ["marketgame", *words]
        prepare()
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else ESCAPED
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _ending(child: int, deadline: float) -> int | None:
    pause = 0.001
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
