"""Runs are played in a process of their own, so that none of them can hang or take down whoever waits for it.

Each thread that calls :func:`play_apart` keeps one such process; the threads may belong to this process or to a
worker of a cluster.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from marketgame.experiments.sweep.playing import Chunk, Ending, Played, Refusal, Task
from marketgame.experiments.sweep.runner import CURRENT_RUN, NO_RUN, ONE_THREAD, receive, send
from marketgame.experiments.sweep.tables import RunStatus
from marketgame.mechanisms import UnansweredError

# Beyond what a chunk may take, before a process that should have ended itself is killed.
SECONDS_OF_GRACE = 10.0
# Of what a process wrote to standard error before it died, as much as a person would read.
CHARACTERS_KEPT = 4000
# How often a process may end before it begins a run: by itself, which it will do again, or killed by others.
FAILURES_BEFORE_A_RUN = 3
KILLS_BEFORE_A_RUN = 20
# What a process writes when it ends itself because time is up, and what is written in its place if it cannot.
OVERDUE = "Timeout (0:00:00)!\n"
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
MODULES = re.compile(r"^Extension modules: .*$", re.MULTILINE)
TIMEOUT = re.compile(r"^Timeout \(\d", re.MULTILINE)
FRAME = re.compile(r"^  File .*$", re.MULTILINE)


class RunnerError(UnansweredError, RuntimeError):
    """The processes that play runs cannot be started, or run other sources than the sweep was planned with."""


class Runner:
    """A process that plays chunks of runs, started when it is first needed and again when it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._playing = threading.Lock()
        self._killed = False
        self._code = self._function = ""
        # Files without names, so that nothing is left of them whoever is killed when.
        self._progress, self._errors = _nameless_file(), _nameless_file()
        # The process and this one write to the same end.
        fcntl.fcntl(self._errors, fcntl.F_SETFL, fcntl.fcntl(self._errors, fcntl.F_GETFL) | os.O_APPEND)

    def play(self, chunk: Chunk) -> Played:
        """Play a chunk; a run that hangs or kills the process is among the endings.

        Raises:
            RunnerError: the process cannot be started, or would not compute what is asked for.
        """
        with self._playing:
            return self._play(chunk)

    def _play(self, chunk: Chunk) -> Played:
        message = pickle.dumps(chunk, protocol=5)
        failures, kills = 0, 0
        while failures < FAILURES_BEFORE_A_RUN and kills < KILLS_BEFORE_A_RUN:
            process = self._running(chunk)
            ended = None if process is None else self._exchange(process, message, chunk)
            if isinstance(ended, Played):
                return ended
            if isinstance(ended, Refusal):
                raise RunnerError(f"{platform.node()} {ended.reason}")
            if ended is None or self._killed:
                return Played((), {}, chunk.tasks)
            if (run := self._current_run()) != NO_RUN:
                return _after_death(chunk, run, ended, self._last_words())
            failures, kills = failures + (ended >= 0), kills + (ended < 0)
        raise RunnerError(
            f"processes that play runs end before they begin one:\n{self._last_words()[-CHARACTERS_KEPT:]}"
        )

    @property
    def killed(self) -> bool:
        """Whether it will play no more."""
        return self._killed

    def kill(self) -> None:
        """End the process at once; whoever waits for it gets its runs back unplayed."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                _kill_all(self._process)

    def discard(self) -> None:
        """Let go of what a killed process leaves behind, once nobody waits for it any more."""
        with self._playing:
            if self._process is not None:
                self._bury(self._process)
            self._progress.close()
            self._errors.close()

    def _running(self, chunk: Chunk) -> subprocess.Popen[bytes] | None:
        """Return the process, started if need be; it may have died since. None once it is to play no more."""
        with self._lock:
            if self._killed:
                return None
            os.ftruncate(self._errors.fileno(), 0)
            current = (self._code, self._function) == (chunk.code, chunk.function)
            if self._process is not None and self._process.poll() is None and current:
                self._forget_current_run()
                return self._process
            # A cluster's workers outlive a change of the sources; what they loaded before it does not count.
            if self._process is not None:
                self._bury(self._process)
            self._forget_current_run()
            process = self._process = _start(self._progress.fileno(), self._errors.fileno())
            self._code, self._function = "", chunk.function
        greeting = receive(cast("BinaryIO", process.stdout))
        if greeting is not None:
            self._code = pickle.loads(greeting)  # noqa: S301 -- from our own child
            if self._code != chunk.code:
                raise RunnerError(f"{platform.node()} has other sources of marketgame than the sweep was planned with")
        return process

    def _exchange(self, process: subprocess.Popen[bytes], message: bytes, chunk: Chunk) -> Played | Refusal | int:
        """Return what came of a chunk, or the exit code of the process that died over it."""
        watchdog = None
        if chunk.seconds_per_run is not None:
            seconds = chunk.seconds + chunk.seconds_per_run + SECONDS_OF_GRACE
            watchdog = threading.Timer(seconds, self._end_overdue, (process,))
            watchdog.daemon = True
            watchdog.start()
        try:
            send(cast("BinaryIO", process.stdin), message)
            answer = receive(cast("BinaryIO", process.stdout))
        except OSError:
            answer = None
        finally:
            if watchdog is not None:
                watchdog.cancel()
        if answer is None:
            return self._bury(process)
        ended: Played | Refusal | int = pickle.loads(answer)  # noqa: S301 -- from our own child
        return ended

    def _end_overdue(self, process: subprocess.Popen[bytes]) -> None:
        """End a process that should have ended itself, and say so as it would have said it."""
        with suppress(OSError):
            os.ftruncate(self._errors.fileno(), 0)
            os.write(self._errors.fileno(), OVERDUE.encode())
        _kill_all(process)

    def _bury(self, process: subprocess.Popen[bytes]) -> int:
        """Return the exit code of a process that has ended."""
        _kill_all(process)
        code = process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                _close_quietly(cast("BinaryIO", stream))
        return code

    def _forget_current_run(self) -> None:
        """Let nobody be blamed for the run at which an earlier player died."""
        os.pwrite(self._progress.fileno(), CURRENT_RUN.pack(NO_RUN), 0)

    def _current_run(self) -> int:
        run: int = CURRENT_RUN.unpack(os.pread(self._progress.fileno(), CURRENT_RUN.size, 0))[0]
        return run

    def _last_words(self) -> str:
        length = os.fstat(self._errors.fileno()).st_size
        words = os.pread(self._errors.fileno(), length, 0).decode("utf-8", "replace")
        # Addresses and the list of loaded modules differ from machine to machine and help nobody.
        return ADDRESS.sub("0x", MODULES.sub("", words)).strip()


def _nameless_file() -> BinaryIO:
    """Return an empty file that is gone when nobody has it open."""
    return cast("BinaryIO", tempfile.TemporaryFile(buffering=0))


def _start(progress: int, errors: int) -> subprocess.Popen[bytes]:
    """Start a process that plays runs; it belongs to no terminal, so that an interruption reaches only its owner."""
    # It finds what this process finds, classes of the user's own included.
    paths = [str(Path(path).absolute()) for path in sys.path]
    return subprocess.Popen(  # noqa: S603 -- our own module
        [sys.executable, "-m", "marketgame.experiments.sweep.runner", str(progress)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        pass_fds=(progress,),
        env=os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True,
    )


def _after_death(chunk: Chunk, run: int, code: int, last_words: str) -> Played:
    """Return what came of a chunk whose process died during a run: the other runs are to be played again."""
    culprit = next(task for task in chunk.tasks if task.run == run)
    others = tuple(task for task in chunk.tasks if task is not culprit)
    return Played((_ending(culprit, code, last_words, chunk.seconds_per_run),), {}, others)


def _ending(task: Task, code: int, last_words: str, limit: float | None) -> Ending:
    if limit is not None and (timeout := TIMEOUT.search(last_words)):
        # The main thread is the last of those whose stacks are written; it is the one that plays.
        stack = last_words[timeout.start() :].rpartition("Thread 0x")[2]
        where = "\n".join(["Stack when time was up (most recent call first):", *FRAME.findall(stack)])
        return Ending(task, RunStatus.TIMED_OUT, limit, f"took longer than {limit:g} seconds", where)
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return Ending(task, RunStatus.DIED, 0.0, f"its process ended with {how}", last_words[-CHARACTERS_KEPT:] or None)


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and those it has started; it leads a group of its own."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _close_quietly(stream: BinaryIO) -> None:
    with suppress(OSError):
        stream.close()


_own = threading.local()
# Every process by the thread that waits for it, so that one sweep does not end what another is at.
_all: dict[threading.Thread, Runner] = {}


def play_apart(chunk: Chunk) -> Played:
    """Play a chunk in the process that belongs to this thread.

    Raises:
        RunnerError: the process cannot be started, or would not compute what is asked for.
    """
    if not hasattr(_own, "runner") or _own.runner.killed:
        _own.runner = _all[threading.current_thread()] = Runner()
    runner: Runner = _own.runner
    return runner.play(chunk)


def threads_with_runners() -> frozenset[threading.Thread]:
    """Return the threads of this process that keep a process for runs."""
    return frozenset(_all)


def end_runners(threads: Collection[threading.Thread]) -> None:
    """Kill the processes that some threads of this process keep; whoever waits for one gets its runs back unplayed."""
    ended = [_all.pop(thread) for thread in threads if thread in _all]
    for runner in ended:
        runner.kill()
    for runner in ended:
        runner.discard()
