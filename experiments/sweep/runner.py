"""The process in which runs are played: ``python -m experiments.sweep.runner PROGRESS``.

It reads pickled chunks of runs from standard input and answers with pickled results on what was its standard output.
It is started anew, never forked, and it can be killed at any time: whoever started it notices and knows which run it
was at from the file ``PROGRESS``. It ends by itself when whoever started it has gone or left it idle.
"""

from __future__ import annotations

import faulthandler
import mmap
import os
import pickle
import queue
import signal
import struct
import sys
import threading
from functools import partial
from pathlib import Path
from typing import BinaryIO

HEADER = struct.Struct("<Q")
CURRENT_RUN = struct.Struct("<q")
NO_RUN = -1
# Solvers and BLAS would otherwise start a thread per core in every process.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
SECONDS_IDLE = 120.0


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
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    message = stream.read(length)
    return message if len(message) == length else None


def main(progress_file: str) -> None:
    """Play chunks until nobody sends any more."""
    # An interruption is for whoever started this process to act on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    answers = _private_output()
    with Path(progress_file).open("r+b") as file:
        progress = mmap.mmap(file.fileno(), CURRENT_RUN.size)

    def note(limit: float | None, run: int | None) -> None:
        CURRENT_RUN.pack_into(progress, 0, NO_RUN if run is None else run)
        if limit is not None and run is not None:
            # Works even if the run never returns from compiled code, and leaves the stack on standard error.
            faulthandler.dump_traceback_later(limit, exit=True)
        elif limit is not None:
            faulthandler.cancel_dump_traceback_later()

    # Imported before anything is timed; here and not above, so that the connection stands at once.
    from experiments.sweep.identity import code_digest  # noqa: PLC0415
    from experiments.sweep.playing import Chunk, play_chunk  # noqa: PLC0415

    send(answers, pickle.dumps(code_digest()))
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(messages,), daemon=True).start()
    while True:
        try:
            chunk: Chunk = pickle.loads(messages.get(timeout=SECONDS_IDLE))  # noqa: S301 -- from our own parent
        except queue.Empty:
            return
        send(answers, pickle.dumps(play_chunk(chunk, partial(note, chunk.seconds_per_run)), protocol=5))


def _private_output() -> BinaryIO:
    """Return standard output, and let whatever a run prints go to standard error."""
    private = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return private


def _listen(messages: queue.SimpleQueue[bytes]) -> None:
    """Take in chunks; end the process, whatever it is doing, when nobody is left to send any."""
    while (message := receive(sys.stdin.buffer)) is not None:
        messages.put(message)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
