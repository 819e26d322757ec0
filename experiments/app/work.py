"""What takes long, beside the page: a command of this program in a process of its own, with its progress and an end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from marketgame.experiments import ExitCode

# Of what a terminal would be told: how to move and to colour.
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\u2800-\u28ff]")
SECONDS_TO_END = 3.0
# So many bytes of what is said are kept: of the answer the first, of the progress, which never ends, the last.
MOST_SAID = 1 << 22
MOST_PROGRESS = 1 << 14
# The answer is set in lines of so many letters.
WIDTH = 96


class Work:
    """A command that is running, or has ended.

    Args:
        words: what would be typed behind ``marketgame``; ``{file}`` stands for the scenario's file and ``{out}`` for
            a folder of its own.
        scenario: the text of the scenario's file.
    """

    def __init__(self, words: Sequence[str], scenario: str) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="marketgame-app-", ignore_cleanup_errors=True)
        folder = Path(self._home.name)
        file = folder / "scenario.toml"
        file.write_text(scenario, encoding="utf-8")
        places = {"file": str(file), "out": str(folder / "out")}
        self._began, self._ended = time.monotonic(), 0.0
        self._stopped = False
        self._said: dict[str, bytearray] = {"out": bytearray(), "progress": bytearray()}
        self._process = subprocess.Popen(  # noqa: S603 -- this program, with words of ours and names of files
            [sys.executable, "-m", "marketgame", *(word.format(**places) for word in words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            # So that progress is told as on a terminal, which this is not.
            env=os.environ | {"TTY_COMPATIBLE": "1", "COLUMNS": str(WIDTH), "NO_COLOR": "1"},
        )
        streams = {"out": self._process.stdout, "progress": self._process.stderr}
        self._readers = [
            threading.Thread(target=self._read, args=(name, stream), daemon=True) for name, stream in streams.items()
        ]
        for reader in self._readers:
            reader.start()
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._waiter.start()

    def _read(self, name: str, stream: Any) -> None:
        with stream:
            said = self._said[name]
            while piece := stream.read1(1 << 16):
                said += piece
                if name == "progress":
                    del said[:-MOST_PROGRESS]
                else:
                    del said[MOST_SAID:]

    def _wait(self) -> None:
        self._process.wait()
        for reader in self._readers:
            reader.join()
        self._ended = time.monotonic()
        self._home.cleanup()

    def state(self) -> dict[str, Any]:
        """Return how it stands: ``running``, ``stopped``, ``done`` or ``failed``, for how long, and what it says."""
        running = not self._ended
        text, progress = (_plain(bytes(self._said[name])) for name in ("out", "progress"))
        said = [line.strip() for line in re.split(r"[\r\n]+", progress) if line.strip()]
        code = self._process.poll()
        answered = code in (ExitCode.DONE, ExitCode.NO)
        state = "running" if running else "stopped" if self._stopped else "done" if answered else "failed"
        return {
            "state": state,
            "seconds": round((time.monotonic() if running else self._ended) - self._began, 1),
            "progress": said[-1] if said else "",
            "text": text if answered else "\n".join(said),
        }

    def stop(self) -> None:
        """End it, and whatever it has begun; wait until that is done."""
        if self._ended:
            return
        self._stopped = True
        for number in (signal.SIGINT, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            self._waiter.join(SECONDS_TO_END)
            if not self._waiter.is_alive():
                return


def _plain(said: bytes) -> str:
    return CONTROLS.sub("", said.decode("utf-8", errors="replace"))
