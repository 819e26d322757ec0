"""How many examples a property is tried on."""

from __future__ import annotations

from hypothesis import settings

# Fewer would leave a claim about all of something to too few of them.
FEWEST = 10


def drawn(searched: int, tested: int | None = None) -> int:
    """Return how many examples the tests draw, the same ones in every run, of a property that is slow to try.

    A search for new ones, which `make evidence` does, draws twice as many.

    Args:
        searched: what a search draws.
        tested: what the tests draw, where every example is several; half as many as the search if not given.
    """
    if settings.get_current_profile_name() == "search":
        return searched
    return min(searched, max(FEWEST, (searched + 1) // 2)) if tested is None else tested
