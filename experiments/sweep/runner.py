"""The processes in which runs are played: ``python -m marketgame.experiments.sweep.runner PROGRESS``.

The process started by that command, the nursery, loads what runs need and then does nothing but fork players and pass
messages on: pickled chunks of runs come in on standard input, pickled answers go out on what was standard output. A
player plays chunks until it dies, which the nursery reports; the next player is there at once, because nothing has to
be loaded again. The nursery has one thread, so that forking it is safe; it is itself started anew, never forked.

Which run a player is at stands in the open file whose number is ``PROGRESS``. Both processes end by themselves when
whoever started them has gone, or has left them idle for long.
"""

from __future__ import annotations

import faulthandler
import gc
import mmap
import os
import pickle
import queue
import select
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, partial
from typing import BinaryIO, Final, NoReturn, cast

HEADER = struct.Struct("<Q")
CURRENT_RUN = struct.Struct("<q")
NO_RUN: Final = -1
# Solvers and BLAS would otherwise start a thread per core in every process.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
# Nor may a thread of Arrow's allocator, which it would start by itself, stand in the way of forking.
ONE_THREAD["JE_ARROW_MALLOC_CONF"] = "background_thread:false"
SECONDS_IDLE: Final = 120.0


def send(stream: BinaryIO, message: bytes) -> None:
    """Write one message.

    Raises:
        OSError: nobody reads any more.
    """
    stream.write(HEADER.pack(len(message)))
    stream.write(message)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """Read one message; none if the other side has gone."""
    try:
        header = stream.read(HEADER.size)
        if len(header) < HEADER.size:
            return None
        (length,) = HEADER.unpack(header)
        message = stream.read(length)
    except ConnectionError:
        return None
    return message if len(message) == length else None


class RunPlayer:
    """A process that plays chunks of runs, as the nursery sees it.

    Args:
        progress: where it writes which run it is at.
        connections: the nursery's own, which the player does not keep open.
    """

    def __init__(self, progress: mmap.mmap, connections: Iterable[int]) -> None:
        ours, theirs = socket.socketpair()
        self._process = os.fork()
        if self._process == 0:
            ours.close()
            _be_player(theirs, progress, connections)
        theirs.close()
        self._socket, self._stream = ours, cast("BinaryIO", ours.makefile("rwb"))

    def answer(self, message: bytes, owner: BinaryIO) -> bytes | None:
        """Return the answer to a message; none if the process has died.

        Args:
            message: what is asked.
            owner: where messages come from. There is none before the last is answered, so that whatever happens
                there meanwhile is its end, after which nobody wants the answer.
        """
        try:
            send(self._stream, message)
        except OSError:
            return None
        watched: list[socket.socket | BinaryIO] = [self._socket, owner]
        if self._socket not in select.select(watched, [], [])[0]:
            self.kill()
        return receive(self._stream)

    def kill(self) -> None:
        """End the process, whatever it is at."""
        os.kill(self._process, signal.SIGKILL)

    def bury(self) -> int:
        """Return the exit code of a process that has died, negative if a signal ended it."""
        with suppress(OSError):
            self._stream.close()
        self._socket.close()
        _, status = os.waitpid(self._process, 0)
        return os.waitstatus_to_exitcode(status)


def nurse(progress_file: int) -> None:
    """Have chunks played until nobody sends any more.

    Args:
        progress_file: number of an open file, in which players write which run they are at.
    """
    # An interruption is for whoever started this process to act on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    answers = _private_output()
    progress = mmap.mmap(progress_file, CURRENT_RUN.size)
    os.close(progress_file)
    # Loaded here, once, and not by every player.
    from marketgame.experiments.sweep import playing  # noqa: F401, PLC0415
    from marketgame.experiments.sweep.identity import code_digest  # noqa: PLC0415

    send(answers, pickle.dumps(code_digest()))
    # Players share what is loaded by now; a collection that looked through it would copy it, and take its time.
    gc.collect()
    gc.freeze()
    player = None
    while select.select([sys.stdin.buffer], [], [], SECONDS_IDLE)[0]:
        message = receive(sys.stdin.buffer)
        if message is None:
            return
        player = player or RunPlayer(progress, (sys.stdin.fileno(), answers.fileno()))
        answer = player.answer(message, sys.stdin.buffer)
        if answer is None:
            answer, player = pickle.dumps(player.bury()), None
        with suppress(OSError):
            send(answers, answer)


def _be_player(nursery: socket.socket, progress: mmap.mmap, connections: Iterable[int]) -> NoReturn:
    """Be a player and nothing else, until the end of the process."""
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for connection in connections:
            os.dup2(nothing, connection)
        _play(cast("BinaryIO", nursery.makefile("rwb")), progress)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _play(messages: BinaryIO, progress: mmap.mmap) -> None:
    """Play chunks until nobody sends any more."""
    from marketgame.experiments.sweep.identity import function_digest  # noqa: PLC0415
    from marketgame.experiments.sweep.playing import Chunk, Played, Refusal, play_chunk  # noqa: PLC0415

    def note(limit: float | None, run: int | None) -> None:
        CURRENT_RUN.pack_into(progress, 0, NO_RUN if run is None else run)
        if limit is not None and run is not None:
            # Works even if the run never returns from compiled code, and leaves the stack on standard error.
            faulthandler.dump_traceback_later(limit, exit=True)
        elif limit is not None:
            faulthandler.cancel_dump_traceback_later()

    @cache
    def refusal(function: str, simulate: Callable[..., object], modules: tuple[str, ...]) -> Refusal | None:
        if function_digest(simulate, modules) == function:
            return None
        named = " or ".join((simulate.__module__, *modules))
        return Refusal(f"has other sources of {named} than the sweep was planned with")

    chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(messages, chunks), daemon=True).start()
    while True:
        chunk: Chunk = pickle.loads(chunks.get())  # noqa: S301 -- from whoever started this process
        answer: Played | Refusal | None = refusal(chunk.function, chunk.simulate, chunk.modules)
        if answer is None:
            answer = play_chunk(chunk, partial(note, chunk.seconds_per_run))
        send(messages, pickle.dumps(answer, protocol=5))


def _private_output() -> BinaryIO:
    """Return standard output, and let whatever a run prints go to standard error."""
    private = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return private


def _listen(messages: BinaryIO, chunks: queue.SimpleQueue[bytes]) -> None:
    """Take in chunks; end the process, whatever it is doing, when nobody is left to send any."""
    while (message := receive(messages)) is not None:
        chunks.put(message)
    os._exit(0)


if __name__ == "__main__":
    nurse(int(sys.argv[1]))
