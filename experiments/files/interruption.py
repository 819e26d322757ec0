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


@contextmanager
def postponed() -> Iterator[Postponement]:
    """Let the first signal interrupt and no other, until whatever asked for that first, and so is outermost, has ended.

    A command that says what became of its work when it was interrupted asks for it, and so does the work: else a
    second signal, a moment after the work has ended, would cut off what is said.
    """
    in_force = [signal.getsignal(number) for number in SIGNALS]
    for hearing in in_force:
        if isinstance(hearing, Postponement) and threading.current_thread() is threading.main_thread():
            yield hearing
            return
    postponement = Postponement()
    with heard(postponement):
        yield postponement


class Postponement:
    """Interrupts once, while that is allowed; from then on, or while it is not, it takes note and lets things finish.

    Attributes:
        wanted: whether a signal has been heard.
        allowed: whether the first may interrupt.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.allowed = True

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """Let what is done inside be done to the end; what would have interrupted it does so right after it.

        Raises:
            KeyboardInterrupt: a first signal was heard meanwhile, and it had been allowed to interrupt.
        """
        allowed, heard_before = self.allowed, self.wanted
        self.allowed = False
        try:
            yield
        finally:
            self.allowed = allowed
        if allowed and self.wanted and not heard_before:
            raise KeyboardInterrupt

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Hear a signal.

        Raises:
            KeyboardInterrupt: it is the first, and it is allowed.
        """
        first, self.wanted = not self.wanted, True
        if first and self.allowed:
            raise KeyboardInterrupt
