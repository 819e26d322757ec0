"""Speed of the efficient benchmark, against what a user would otherwise write for each profile.

What is timed on our side is the whole answer: allocations, prices, welfare and the proof of optimality of every
profile, with the compiled code and the table of profiles already in memory, using every core.

Brent's method is written twice: with NumPy, as most would, and with lists of numbers, which a handful of players makes
faster. What bounds us is memory: reading every profile and writing every answer, into memory as fresh, once. That is
compared by processor time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import process_time

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, brentq, minimize

from benchmarks.measurement import Measurement, medians_of, print_table, time_of
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import Power, Quadratic

PLAYERS, TYPES = 6, 10
SAMPLE = 300
REPEATS = 5
SEED = 20260101
USUAL = "Brent's method per profile"


def economy_of(power: bool) -> Economy:
    """Six players with ten types each: a million profiles of one good."""
    generator = np.random.default_rng(SEED)

    def kind() -> Valuation:
        if power:
            return Power(generator.uniform(1, 3, 1), np.zeros(1), generator.uniform(0.3, 0.8, 1))
        return Quadratic(generator.uniform(4, 8, 1), generator.uniform(0.5, 1.5, (1, 1)))

    players = tuple(
        Player(f"p{i}", tuple(PlayerType(str(k), np.array([1.0, 30.0]), kind()) for k in range(TYPES)))
        for i in range(PLAYERS)
    )
    prior = IndependentPrior([np.full(TYPES, 1 / TYPES)] * PLAYERS)
    return Economy("speed", ("good", "money"), ("unit", "euro"), players, prior)


def allocation_by_brent(economy: Economy, profile: IntegerArray) -> tuple[float, FloatArray]:
    """Clear the market of one profile as a user would: Brent's method on excess demand, then everybody's demand."""
    kinds = [player.types[number] for player, number in zip(economy.players, profile, strict=True)]
    supply = sum(kind.endowment[0] for kind in kinds)
    if isinstance(kinds[0].valuation, Quadratic):
        intercept = np.array([kind.valuation.intercept[0] for kind in kinds])
        slope = np.array([kind.valuation.slope[0, 0] for kind in kinds])
        price = brentq(lambda p: np.maximum((intercept - p) / slope, 0).sum() - supply, 0, 10, xtol=1e-14, rtol=1e-14)
        return price, np.maximum((intercept - price) / slope, 0)
    weight = np.array([kind.valuation.weight[0] for kind in kinds])
    gamma = np.array([kind.valuation.gamma[0] for kind in kinds])
    price = brentq(lambda p: ((weight / p) ** (1 / gamma)).sum() - supply, 1e-3, 1e3, xtol=1e-14, rtol=1e-14)
    return price, (weight / price) ** (1 / gamma)


def _numbers_of(kind: PlayerType) -> tuple[float, float, float]:
    """Return a type's endowment of the good, and its intercept and slope."""
    assert isinstance(kind.valuation, Quadratic)
    return float(kind.endowment[0]), float(kind.valuation.intercept[0]), float(kind.valuation.slope[0, 0])


def brent_by_lists(economy: Economy) -> Callable[[Economy, IntegerArray], tuple[float, list[float]]]:
    """Return what clears the quadratic market of one profile by Brent's method, without an array."""
    numbers = [[_numbers_of(kind) for kind in player.types] for player in economy.players]

    def allocation(_: Economy, profile: IntegerArray) -> tuple[float, list[float]]:
        kinds = [of_types[number] for of_types, number in zip(numbers, profile, strict=True)]
        supply = sum(endowment for endowment, _, _ in kinds)

        def excess(price: float) -> float:
            total = float(-supply)
            for _, intercept, slope in kinds:
                if intercept > price:
                    total += (intercept - price) / slope
            return total

        price = float(brentq(excess, 0, 10, xtol=1e-14, rtol=1e-14))
        return price, [max((intercept - price) / slope, 0.0) for _, intercept, slope in kinds]

    return allocation


def value_by_scipy(economy: Economy, profile: IntegerArray) -> float:
    """Maximise the value of goods of one profile with SciPy's general solver; return that value."""
    rows = economy.rows(profile)
    supply = economy.endowments(profile)[:, 0].sum()

    def loss(quantities: FloatArray) -> float:
        return -float(economy.valuations.value(rows, quantities[:, None]).sum())

    def slope(quantities: FloatArray) -> FloatArray:
        return -economy.valuations.gradient(rows, quantities[:, None])[:, 0]

    answer = minimize(
        loss,
        np.full(PLAYERS, supply / PLAYERS),
        jac=slope,
        bounds=Bounds(np.full(PLAYERS, 1e-9), np.full(PLAYERS, supply)),
        constraints=LinearConstraint(np.ones((1, PLAYERS)), ub=supply),
        method="SLSQP",
    )
    return float(-answer.fun)


def of_each(solve: Callable[[Economy, IntegerArray], object], economy: Economy, profiles: IntegerArray) -> None:
    """Solve every profile by itself."""
    for profile in profiles:
        solve(economy, profile)


def read_and_write(answer: EfficientAllocation) -> None:
    """Read every profile, and write as much as answering must, into memory as fresh."""
    answer.profiles.sum()
    written = [answer.bundles, answer.price, answer.value_of_goods, answer.welfare, answer.optimality_gap]
    written = [np.ones_like(array) for array in written]  # all at once, as answers are


def measure() -> list[Measurement]:
    """Measure a million profiles of each family against Brent's method and SciPy's solver on a sample of them."""
    measurements = []
    for power, target in ((False, 1000.0), (True, 200.0)):
        economy = economy_of(power)
        family = "power" if power else "quadratic"
        chosen = np.random.default_rng(SEED).choice(len(economy.profiles), SAMPLE, replace=False)
        sample = economy.profiles[chosen]
        answer = efficient_allocation(economy)
        by_hand: dict[str, Callable[[Economy, IntegerArray], object]] = {
            "Brent's method per profile": allocation_by_brent
        }
        if not power:
            by_hand["the same without arrays"] = brent_by_lists(economy)
        seconds = medians_of(
            {
                "ours": partial(efficient_allocation, economy),
                **{name: partial(of_each, solve, economy, sample) for name, solve in by_hand.items()},
            },
            REPEATS,
        )
        processor = medians_of(
            {"ours": partial(efficient_allocation, economy), "traffic": partial(read_and_write, answer)},
            REPEATS,
            process_time,
        )
        ours = seconds["ours"] / len(economy.profiles)
        traffic, worked = (processor[name] / len(economy.profiles) * 1e9 for name in ("traffic", "ours"))
        general = time_of(partial(of_each, value_by_scipy, economy, sample[:30]), 1) / 30
        by_brent = [allocation_by_brent(economy, profile) for profile in sample]
        price = np.array([price for price, _ in by_brent])
        bundles = np.array([bundles for _, bundles in by_brent])
        error = max(
            float(np.abs(answer.price[chosen, 0] / price - 1).max()),
            float(np.abs(answer.bundles[chosen, :, 0] - bundles).max() / bundles.max()),
        )
        note = f"{ours * 1e9:.0f} ns a profile, proof included; differs from Brent's answers by {error:.0e} at most"
        work = f"{len(economy.profiles):,} profiles, {PLAYERS} players, {family}"
        for name in by_hand:
            ratio, usual = seconds[name] / SAMPLE / ours, name == USUAL
            measurements.append(Measurement(work, name, ratio, target if usual else None, note if usual else ""))
        measurements.append(Measurement(work, "SciPy's SLSQP per profile", general / ours, None))
        note = f"{traffic:.0f} of {worked:.0f} ns of processor time a profile"
        measurements.append(Measurement(work, "reading profiles, writing answers", traffic / worked, None, note))
    return measurements


if __name__ == "__main__":
    print_table(measure())
