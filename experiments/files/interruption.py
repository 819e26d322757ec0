"""What ends a command early: Ctrl-C, a polite request to end, and a terminal that is closed, all alike.

A signal that was ignored when the process began, as ``nohup`` and shells do it for jobs in the background, stays so.
Nothing heavy is imported here: the command line hears signals before it loads anything.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

from marketgame.experiments import ExitCode

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REMARK: Final = "interrupted\n"

type Hearing = Callable[[int, FrameType | None], object]


@contextmanager
def heard(hearing: Hearing) -> Iterator[None]:
    """Let a function hear the signals; it may raise. Outside of the main thread, which alone hears any, do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, hearing)
        yield
    finally:
        for number, handler in before.items():
            # What was not set from Python cannot be set again from Python.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """Interrupt whatever is going on, as Ctrl-C does.

    Raises:
        KeyboardInterrupt: always.
    """
    raise KeyboardInterrupt


def leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """End the process at once; for while nothing is going on yet but loading, which is not to be interrupted."""
    os.write(2, REMARK.encode())
    os._exit(ExitCode.INTERRUPTED)


class Postponement:
    """Interrupts once, while that is allowed; from then on, or while it is not, it takes note and lets things finish.

    Attributes:
        wanted: whether a signal has been heard.
        allowed: whether the first may interrupt.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.allowed = True

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Hear a signal.

        Raises:
            KeyboardInterrupt: it is the first, and it is allowed.
        """
        first, self.wanted = not self.wanted, True
        if first and self.allowed:
            raise KeyboardInterrupt
