"""Which examples Hypothesis draws: the same in every run of the tests, new ones when asked to search.

`make evidence` searches with new examples every time, so that a fault found by luck never makes the tests of an
unrelated change fail, and is still found.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("same examples", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("same examples")
