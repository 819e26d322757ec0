"""How fast batches are settled, against a loop over plays and against the memory traffic no program avoids.

The loop is the reference of the tests, plain Python over nested lists; its plays are converted beforehand. Traffic is
reading every message once, here by adding all of them up, and writing new arrays of the settlement's size once.
Batches exceed the processor's caches. One thread throughout, and processor time rather than wall time, so that what
else runs on the machine is not charged to whoever happened to wait for it.
"""

from __future__ import annotations

from functools import partial
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measurement import Measurement, print_table, time_of
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


processor_time_of = partial(time_of, clock=process_time)


def measure_size(players: int, goods: int) -> list[Measurement]:
    entries = players * players * goods
    messages = random_messages(ENTRIES // entries, players, goods)
    plays = len(messages[0])
    settlement = settle(Play(*messages), engine=Engine.COMPILED)
    compiled = processor_time_of(lambda: settle(Play(*messages), engine=Engine.COMPILED), REPEATS) / plays
    traffic = (
        processor_time_of(lambda: [array.sum() for array in messages], REPEATS)
        + processor_time_of(lambda: write(settlement), REPEATS)
    ) / plays
    reading = processor_time_of(messages[1].sum, REPEATS) / messages[1].nbytes
    moved = sum(array.nbytes for array in (*messages, *arrays_of(settlement)))
    quotes, orders, endowments, transfers = (array[: plays // 4] for array in messages)
    numpy_only = processor_time_of(
        lambda: settle(Play(quotes, orders, endowments, transfers), engine=Engine.NUMPY), 3
    ) / len(quotes)
    few = [array[: max(2, 20_000 // entries)].tolist() for array in messages]
    loop = processor_time_of(lambda: [settle_one_play(*play) for play in zip(*few, strict=True)], 3) / len(few[0])
    many = players >= 50
    where = f"{players} players, {goods} goods"
    return [
        Measurement(f"NumPy: {where}", "loop over plays in Python", loop / numpy_only, 20),
        Measurement(f"compiled: {where}", "loop over plays in Python", loop / compiled, 150 if many else 100),
        Measurement(
            f"compiled: {where}",
            "reading all messages, writing all results",
            traffic / compiled,
            0.5 if many else 0.35,
            f"{compiled * 1e9:.0f} ns a play; {moved / plays * reading / compiled:.2f} of the bandwidth of reading",
        ),
    ]


def measure() -> list[Measurement]:
    """Measure every size."""
    return [row for players, goods in SIZES for row in measure_size(players, goods)]


if __name__ == "__main__":
    print_table(measure())
