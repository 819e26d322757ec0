"""What the tests do not depend on: the luck of Hypothesis, and the terminal and the environment of who runs them.

Hypothesis draws the same examples in every run. `make evidence` searches with new ones every time, so that a fault
found by luck never makes the tests of an unrelated change fail, and is still found.
"""

from __future__ import annotations

import os
import sys

from hypothesis import settings

# No test finds what another run has found.
os.environ["MARKETGAME_CACHE"] = ""
# Processes that share the tests are told a width of their own.
os.environ.pop("COLUMNS", None)
# Each of the many processes that tests start would compile all sources anew, which takes it longer than its test.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
settings.register_profile("same examples", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("same examples")
