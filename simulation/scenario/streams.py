"""Named random streams.

Every source of randomness has its own generator, derived from the seed and its name alone. Switching a
behaviour on or off, or adding a trader, therefore changes no draw of nature or of anybody else, and
comparisons across institutions use common random numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import FloatArray

BIT_GENERATOR = "PCG64"

# Of a seed sequence (`numpy.random.SeedSequence`), and of the generator PCG64 (O'Neill 2014).
_POOL = 4
_INITIAL, _MULTIPLIER = 0x43B0D7E5, 0x931E8875
_INITIAL_STATE, _STATE_MULTIPLIER = 0x8B51F9DD, 0x58F38DED
_MIX_LEFT, _MIX_RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
_HALF_WORD = np.uint32(16)
_STEP = 0x2360ED051FC65DA44385DF649FCCF645
_WORD, _WORDS = (1 << 32) - 1, (1 << 64) - 1


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


def seed_words(seeds: Sequence[int]) -> NDArray[np.uint32]:
    """Return private seeds as `first_uniforms` takes them, ``(M, 4)``."""
    packed = b"".join(seed.to_bytes(4 * _POOL, "little") for seed in seeds)
    return np.frombuffer(packed, "<u4").reshape(-1, _POOL).astype(np.uint32)


def first_uniforms(seeds: NDArray[np.uint32], *name: str | int) -> FloatArray:
    """Return the first number from 0 to 1 that the streams of some seeds draw, ``(...)``, all streams of one name.

    It is ``random_stream(seed, *name).random()`` for each, bit for bit; opening a stream takes a hundred times as long.

    Args:
        seeds: private seeds, ``(..., 4)``, the last dimension as `seed_words` returns them.
        name: what is random.
    """
    words = [seeds[..., place] for place in range(_POOL)] + [np.uint32(word) for word in _digest(*name)]
    constant = _INITIAL

    def hashed(value: NDArray[np.uint32] | np.uint32) -> NDArray[np.uint32]:
        nonlocal constant
        mixed = value ^ np.uint32(constant)
        constant = constant * _MULTIPLIER & _WORD
        mixed = mixed * np.uint32(constant)
        return np.asarray(mixed ^ (mixed >> _HALF_WORD))

    def mixed(left: NDArray[np.uint32], right: NDArray[np.uint32]) -> NDArray[np.uint32]:
        both = _MIX_LEFT * left - _MIX_RIGHT * right
        return np.asarray(both ^ (both >> _HALF_WORD))

    with np.errstate(over="ignore"):  # Words of 32 and 64 bits are meant to overflow.
        pool = [hashed(word) for word in words[:_POOL]]
        for source in range(_POOL):
            for target in range(_POOL):
                if source != target:
                    pool[target] = mixed(pool[target], hashed(pool[source]))
        for word in words[_POOL:]:
            for target in range(_POOL):
                pool[target] = mixed(pool[target], hashed(word))
        return _first_of_pcg64(_generated(pool))


def _generated(pool: Sequence[NDArray[np.uint32]]) -> list[NDArray[np.uint64]]:
    """Return the four words of 64 bits that seed sequences generate from their pools."""
    constant, halves = _INITIAL_STATE, []
    for place in range(2 * _POOL):
        value = pool[place % _POOL] ^ np.uint32(constant)
        constant = constant * _STATE_MULTIPLIER & _WORD
        value = value * np.uint32(constant)
        halves.append((value ^ (value >> _HALF_WORD)).astype(np.uint64))
    return [low | high << np.uint64(32) for low, high in zip(halves[::2], halves[1::2], strict=True)]


def _first_of_pcg64(words: Sequence[NDArray[np.uint64]]) -> FloatArray:
    """Return the first double of generators seeded with four words each."""
    one, high_bit = np.uint64(1), np.uint64(63)
    increment: _Wide = words[2] << one | words[3] >> high_bit, words[3] << one | one
    # Seeding steps once from nothing, adds the state and steps again; the first number is drawn after a third step.
    state = _sum(increment, (words[0], words[1]))
    for _ in range(2):
        state = _sum(_product(state, _STEP), increment)
    high, low = state
    turn = high >> np.uint64(58)
    value = high ^ low
    turned = (value >> turn) | (value << ((np.uint64(64) - turn) & high_bit))
    return np.asarray((turned >> np.uint64(11)) * 2.0**-53, np.float64)


type _Wide = tuple[NDArray[np.uint64], NDArray[np.uint64]]


def _sum(one: _Wide, other: _Wide) -> _Wide:
    """Return the sums of numbers of 128 bits, each a high and a low word."""
    low = one[1] + other[1]
    return one[0] + other[0] + (low < one[1]).astype(np.uint64), low


def _product(number: _Wide, factor: int) -> _Wide:
    """Return the products of numbers of 128 bits with one of them."""
    high, low = number
    half, mask = np.uint64(32), np.uint64(_WORD)
    factor_high, factor_low = np.uint64(factor >> 64), np.uint64(factor & _WORDS)
    bottom, top = np.uint64(factor & _WORD), np.uint64(factor >> 32 & _WORD)
    low_bottom, low_top = low & mask, low >> half
    first = low_bottom * bottom
    middle = low_top * bottom + (first >> half)
    other = low_bottom * top + (middle & mask)
    carried = low_top * top + (middle >> half) + (other >> half)
    return carried + high * factor_low + low * factor_high, low * factor_low


def _digest(*name: str | int) -> list[int]:
    digest = hashlib.sha256("\x1f".join(map(str, name)).encode()).digest()
    words: list[int] = np.frombuffer(digest[:16], dtype="<u4").tolist()
    return words
