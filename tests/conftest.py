"""What the tests do not depend on: the luck of Hypothesis, and the width of the terminal of who runs them.

Hypothesis draws the same examples in every run. `make evidence` searches with new ones every time, so that a fault
found by luck never makes the tests of an unrelated change fail, and is still found.
"""

from __future__ import annotations

import os

from hypothesis import settings

# Processes that share the tests are told a width of their own.
os.environ.pop("COLUMNS", None)
settings.register_profile("same examples", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("same examples")
