"""``marketgame app``: the live dashboard, a page in the browser."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from typing import Annotated

import typer

from marketgame.experiments.files.input_file import InputError

# Where a browser would open in a window of its own.
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")


def command(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port of the loopback address; 0 for any that is free.")
    ] = 8765,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Whether to open the page in a browser, where there is one.")
    ] = True,
) -> None:
    """Open the dashboard: play a scenario in the browser, change its rules and who plays, and see what happens.

    The page is served on the loopback address to this machine alone, until interrupted with Ctrl-C.
    """
    try:
        from marketgame.experiments.app.server import serve  # noqa: PLC0415 -- an extra that need not be installed
    except ImportError as error:
        raise InputError(
            f"{error.name} is not installed; the dashboard needs the extra: pip install 'marketgame[app]'"
        ) from None

    def opened(address: str) -> None:
        sys.stdout.write(f"the dashboard is at {address} (Ctrl-C ends it)\n")
        sys.stdout.flush()
        if browser and (sys.platform == "darwin" or any(map(os.environ.get, SCREENS))):
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    try:
        serve(port, opened)
    except OSError as error:
        raise InputError(f"--port is {port}; it cannot be used: {error.strerror}; name another, or 0") from None
    except KeyboardInterrupt:
        sys.stdout.write("the dashboard is closed\n")
