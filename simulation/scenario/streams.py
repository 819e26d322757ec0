"""Named random streams.

Every source of randomness has its own generator, derived from the seed and its name alone. Switching a
behaviour on or off, or adding a trader, therefore changes no draw of nature or of anybody else, and
comparisons across institutions use common random numbers.
"""

from __future__ import annotations

import hashlib

import numpy as np

BIT_GENERATOR = "PCG64"


def random_stream(seed: int, *name: str | int) -> np.random.Generator:
    """Return the generator of a source of randomness from its beginning, independent of those of other names.

    Args:
        seed: the run's seed.
        name: what is random, from the general to the particular, such as ``"trader", "ann", 12, "order"``.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=_digest(*name))))


def private_seed(seed: int, *name: str | int) -> int:
    """Return a seed from which neither the run's seed nor any other stream can be worked out.

    It is what a trader may hold: with the run's own seed it could draw what nature draws.
    """
    return int.from_bytes(np.array(_digest(seed, *name), dtype="<u4").tobytes(), "little")


def _digest(*name: str | int) -> list[int]:
    digest = hashlib.sha256("\x1f".join(map(str, name)).encode()).digest()
    words: list[int] = np.frombuffer(digest[:16], dtype="<u4").tolist()
    return words
