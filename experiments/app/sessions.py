"""Which process plays for which page: one each, a spare one ready, and no more than a few."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

# Pages that were closed say nothing; whoever has asked for nothing the longest makes room.
MOST_SESSIONS = 6


class Player:
    """A process that plays for one page.

    Attributes:
        searching: what it is searching at the moment, in words, if that takes a while.
    """

    def __init__(self) -> None:
        self.searching = ""
        self._asking = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "marketgame.experiments.app.playing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    def ask(self, request: Mapping[str, Any]) -> bytes:
        """Return the line that answers a request; if the process is ended meanwhile, one that says so."""
        with self._asking:
            try:
                return self._asked(request)
            except (OSError, ValueError):
                return b'{"stopped":true}\n'
            finally:
                self.searching = ""

    def _asked(self, request: Mapping[str, Any]) -> bytes:
        requests, answers = _stream(self._process.stdin), _stream(self._process.stdout)
        requests.write(json.dumps(request).encode() + b"\n")
        requests.flush()
        while line := answers.readline():
            if not line.startswith(b'{"search"'):
                return line
            self.searching = str(json.loads(line)["search"])
        raise BrokenPipeError

    @property
    def ended(self) -> bool:
        """Whether the process has ended, whoever ended it."""
        return self._process.poll() is not None

    def end(self) -> None:
        """End the process at once."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            # What was about to be said to it need not be said.
            with suppress(OSError, ValueError):
                _stream(stream).close()


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise BrokenPipeError
    return stream


class Sessions:
    """Who plays for whom."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._players: OrderedDict[str, Player] = OrderedDict()
        self._spare = Player()

    def player(self, session: str) -> Player:
        """Return who plays for a page; whoever begins finds a process that has loaded everything.

        A process that has ended, such as one that took too much memory, is replaced.
        """
        with self._lock:
            known = self._players.get(session)
            if known is None or known.ended:
                if known is not None:
                    known.end()
                if self._spare.ended:
                    self._spare.end()
                    self._spare = Player()
                self._players[session], self._spare = self._spare, Player()
            self._players.move_to_end(session)
            while len(self._players) > MOST_SESSIONS:
                self._players.popitem(last=False)[1].end()
            return self._players[session]

    def searching(self, session: str) -> str:
        """Return what is being searched for a page, in words."""
        player = self._players.get(session)
        return "" if player is None else player.searching

    def end(self, session: str) -> None:
        """End whatever is played for a page; its next request finds another process."""
        with self._lock:
            player = self._players.pop(session, None)
        if player is not None:
            player.end()

    def end_all(self) -> None:
        """End all processes."""
        with self._lock:
            for player in (*self._players.values(), self._spare):
                player.end()
            self._players.clear()
