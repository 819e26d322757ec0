"""Generators for searches: each search of each claim has its own, whatever else is searched."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from marketgame.experiments.claims.claim import Effort


def generators(effort: Effort, search: str) -> Iterator[np.random.Generator]:
    """Yield a generator for each case that a search draws; the first are the same however many are drawn."""
    streams = np.random.SeedSequence([effort.seed, zlib.crc32(search.encode())]).spawn(effort.economies)
    yield from map(np.random.default_rng, streams)
