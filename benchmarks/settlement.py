"""How fast batches are settled, against a loop over plays and against the memory traffic no program avoids.

The loop is the reference of the tests, plain Python over nested lists; its plays are converted beforehand. Traffic is
reading every message once, here by adding all of them up, and writing new arrays of the settlement's size once.
Batches exceed the processor's caches. One thread throughout, and processor time rather than wall time, so that what
else runs on the machine is not charged to whoever happened to wait for it.
"""

from __future__ import annotations

from time import process_time
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks.measurement import Measurement, medians_of, print_table
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.settle import Engine, settle
from marketgame.mechanisms.market_game.settlement import Settlement
from tests.mechanisms.slow_settlement import settle_one_play

SIZES = ((3, 2), (10, 2), (10, 4), (50, 2), (60, 3))
"""Players and goods."""

ENTRIES = 8_000_000
"""Entries of all orders of a batch, 64 megabytes."""

REPEATS = 7


def random_messages(plays: int, players: int, goods: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Quotes, orders, announced endowments and transfers of plays in which about half of the players go bankrupt."""
    generator = np.random.default_rng(0)
    quotes = generator.uniform(1, 2, (plays, players, goods))
    quotes[..., -1] = 1.0
    return (
        quotes,
        generator.normal(0, 1 / players, (plays, players, players, goods)),
        generator.uniform(1, 2, (plays, players, goods)),
        generator.normal(0, 1, (plays, players)),
    )


def arrays_of(settlement: Settlement) -> list[NDArray[Any]]:
    return [getattr(settlement, name) for name in Settlement.array_names()]


def write(settlement: Settlement) -> list[NDArray[Any]]:
    """Write as much as settling must, into memory as fresh."""
    return [np.ones_like(array) for array in arrays_of(settlement)]


@numba.njit(fastmath=True)
def read(values: FloatArray) -> float:
    """Read in eight streams, faster than NumPy's sum does."""
    part, total = len(values) // 8, 0.0
    for i in range(part):
        for stream in range(8):
            total += values[stream * part + i]
    return total


def measure_size(players: int, goods: int) -> list[Measurement]:
    entries = players * players * goods
    messages = random_messages(ENTRIES // entries, players, goods)
    plays, orders = len(messages[0]), messages[1].ravel()
    play, few = Play(*messages), Play(*(array[: plays // 4] for array in messages))
    settlement = settle(play, engine=Engine.COMPILED)
    seconds = medians_of(
        {
            "compiled": lambda: settle(play, engine=Engine.COMPILED),
            "reading messages": lambda: [array.sum() for array in messages],
            "writing results": lambda: write(settlement),
            "reading": lambda: read(orders),
            "reading with NumPy": orders.sum,
        },
        REPEATS,
        process_time,
    )
    compiled = seconds["compiled"] / plays
    traffic = (seconds["reading messages"] + seconds["writing results"]) / plays
    reading = min(seconds["reading"], seconds["reading with NumPy"]) / orders.nbytes
    moved = sum(array.nbytes for array in (*messages, *arrays_of(settlement))) / plays
    listed = [array[: max(2, 20_000 // entries)].tolist() for array in messages]
    slow = medians_of(
        {
            "NumPy": lambda: settle(few, engine=Engine.NUMPY),
            "loop": lambda: [settle_one_play(*one) for one in zip(*listed, strict=True)],
        },
        3,
        process_time,
    )
    loop, numpy_only = slow["loop"] / len(listed[0]), slow["NumPy"] / len(few.quotes)
    many = players >= 50
    where = f"{players} players, {goods} goods"
    return [
        Measurement(f"NumPy: {where}", "loop over plays in Python", loop / numpy_only, 20),
        Measurement(f"compiled: {where}", "loop over plays in Python", loop / compiled, 150 if many else 100),
        Measurement(f"compiled: {where}", "reading all messages, writing all results", traffic / compiled, None),
        Measurement(
            f"compiled: {where}",
            "as many bytes, read as fast as they can be",
            moved * reading / compiled,
            0.5 if many else 0.35,
            f"{compiled * 1e9:.0f} ns a play; {1e-9 / reading:.1f} GB read in a second",
        ),
    ]


def measure() -> list[Measurement]:
    """Measure every size."""
    return [row for players, goods in SIZES for row in measure_size(players, goods)]


if __name__ == "__main__":
    print_table(measure())
