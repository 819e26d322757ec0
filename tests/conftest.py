"""What the tests do not depend on: the luck of Hypothesis, and the terminal and the environment of who runs them.

Hypothesis draws the same examples in every run. `make evidence` searches with new ones every time, so that a fault
found by luck never makes the tests of an unrelated change fail, and is still found.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
import tempfile

from hypothesis import settings

# Tests find what others of the same run have found, in whatever process, and nothing else.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["MARKETGAME_CACHE"] = found = tempfile.mkdtemp(prefix="marketgame-found-")
    atexit.register(shutil.rmtree, found, ignore_errors=True)
# Processes that share the tests are told a width of their own.
os.environ.pop("COLUMNS", None)
# Each of the many processes that tests start would compile all sources anew, which takes it longer than its test.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# What tests multiply is small: a second thread only spins, which takes some of them five times the processor time.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
# No test cuts the power: waiting for the disk changes nothing that a test could see.
os.fsync = lambda descriptor: None  # type: ignore[assignment]  # For this process alone.
settings.register_profile("same examples", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("same examples")


def pytest_collection_finish() -> None:
    """Spare the search for garbage what lives as long as the tests do: all of them, and what they have imported."""
    gc.collect()
    gc.freeze()
