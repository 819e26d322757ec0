"""What the core solver finds, with its proofs: ``python -m benchmarks.core_evidence [SUBJECT...]``.

Subjects: ``examples`` (Myerson's two, severance and fine support included), ``random`` (200 random balanced games),
``sizes`` (the largest games promised), ``trade`` (whether second-best trade is in the core).
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import BlockingPlan, NoBlockingPlan, Support, find_blocking_plan
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import stakes
from marketgame.mechanisms.core.allocation import CoreAllocation, core_residuals
from marketgame.mechanisms.core.membership import with_best_severance
from marketgame.mechanisms.core.objective import interim_utility, severance_of, welfare
from marketgame.mechanisms.core.outcome import CoreOptimum, EmptyCore, refutation_margin
from marketgame.mechanisms.core.search import find_core_allocation, optimise_core
from marketgame.mechanisms.core.variant import CoreEffort, CoreVariant, SeverancePay
from marketgame.mechanisms.incentive_efficiency.search import IncentiveEfficient, Participation, incentive_efficient
from marketgame.mechanisms.linear_program import Sense, UnverifiedAnswerError
from tests.mechanisms.balanced_games import balanced_game, lemons
from tests.mechanisms.myerson_examples import EXAMPLE_1, EXAMPLE_2, bilateral_trade

GAMES = 200
ENOUGH = 0.99


EXAMPLES = {"Example 1": EXAMPLE_1, "Example 2": EXAMPLE_2}


def examples() -> None:
    print(f"{'game':10} {'support':7} {'severance':9} {'objective':38} {'smallest':>22} {'largest':>22}")
    variants = [CoreVariant(support, pay) for support in Support for pay in SeverancePay]
    for (name, game), variant in itertools.product(EXAMPLES.items(), variants):
        label = f"{name:10} {variant.support.value:7} {variant.severance.value:9}"
        found = find_core_allocation(game, variant)
        if isinstance(found, EmptyCore):
            print(f"{label} empty: {found.regions} regions refuted, margin {refutation_margin(game, found):.2g}")
            continue
        for objective in (
            severance_of(game, 0, 0),
            severance_of(game, 0, 1),
            interim_utility(game, 0, 0),
            interim_utility(game, 0, 1),
            interim_utility(game, 1, 0),
            welfare(game),
        ):
            ends = [optimise_core(game, objective, sense, variant) for sense in Sense]
            print(f"{label} {objective.name:38} " + " ".join(f"{written(end):>22}" for end in ends))


def written(end: object) -> str:
    assert isinstance(end, CoreOptimum)
    return f"{end.value:.6f} ({'proved' if end.optimal else f'bound {end.bound:.4f}'})"


def random() -> None:
    kinds: list[tuple[str, Callable[[np.random.Generator, tuple[int, ...]], CoalitionalGame], list[tuple[int, ...]]]]
    kinds = [
        ("balanced", balanced_game, [(2, 2), (3, 2), (3, 3), (2, 2, 2), (3, 2, 2), (3, 3, 3)]),
        ("lemons", lemons, [(2, 1), (3, 1), (2, 2), (3, 2), (3, 3)]),
    ]
    for (name, make, shapes), support in itertools.product(kinds, Support):
        begin, certified, worst = time.perf_counter(), 0, 0.0
        for seed in range(GAMES):
            game = make(np.random.default_rng(seed), shapes[seed % len(shapes)])
            found = find_core_allocation(game, CoreVariant(support), CoreEffort(regions=50, seconds=20))
            if not isinstance(found, CoreAllocation):
                print(f"  {name} {support} seed {seed}: {type(found).__name__}")
                continue
            residuals = core_residuals(game, found.mechanism, found.virtual, found.variant)
            try:
                verdict = find_blocking_plan(game, found.stakes, support=support)
            except UnverifiedAnswerError as error:
                print(f"  {name} {support} seed {seed}: {error}")
                continue
            certified += residuals.acceptable and isinstance(verdict, NoBlockingPlan)
            worst = max(worst, residuals.largest)
        enough = "enough" if certified >= ENOUGH * GAMES else "NOT ENOUGH"
        print(
            f"{name:9} {support.value:6} {certified}/{GAMES} certified ({enough}), largest residual {worst:.1e}, "
            f"{time.perf_counter() - begin:.0f} s"
        )


def sizes() -> None:
    for name, make, counts in (
        ("2 players x 12 types, trade", lemons, (12, 12)),
        ("2 players x 12 types, random", balanced_game, (12, 12)),
        ("3 players x 4 types", balanced_game, (4, 4, 4)),
        ("5 players x 2 types", balanced_game, (2, 2, 2, 2, 2)),
        ("6 players x 2 types", balanced_game, (2, 2, 2, 2, 2, 2)),
    ):
        for seed in range(3):
            game = make(np.random.default_rng(seed), counts)
            begin = time.process_time()
            found = find_core_allocation(game)
            seconds = time.process_time() - begin
            residual = found.residuals.largest if isinstance(found, CoreAllocation) else np.nan
            print(f"{name:30} seed {seed}: {type(found).__name__}, residual {residual:.1e}, {seconds:.2f} s")
    many = {
        "trade": uniform_trade(100),
        "lemons": lemons(np.random.default_rng(0), (100, 100)),
        "random": balanced_game(np.random.default_rng(0), (100, 100)),
    }
    for (name, game), participation in itertools.product(many.items(), Participation):
        begin = time.process_time()
        best = incentive_efficient(game, participation=participation)
        seconds = time.process_time() - begin
        print(f"2 players x 100 types, {name:7} {participation.name:10}: {type(best).__name__}, {seconds:.2f} s")


def uniform_trade(count: int) -> CoalitionalGame:
    grid = (np.arange(count) + 0.5) / count
    odds: FloatArray = np.full(count, 1 / count)
    return bilateral_trade(grid, grid, odds, odds)


def trade() -> None:
    """Two-sided private information: is a mechanism with the largest expected gains in the core?

    Every core mechanism gives each type what it has alone, so the second best bounds the core's welfare.
    """
    for count in (2, 3, 5, 10):
        game = uniform_trade(count)
        best = incentive_efficient(game, participation=Participation.INDIVIDUAL)
        assert isinstance(best, IncentiveEfficient)
        verdict = find_blocking_plan(game, stakes(game, best.mechanism))
        blocked = f"blocked for {verdict.profit:.2g}" if isinstance(verdict, BlockingPlan) else "unblocked"
        severance = type(with_best_severance(game, best.mechanism)).__name__
        found = optimise_core(game, welfare(game), Sense.MAXIMIZE, effort=CoreEffort(regions=0))
        assert isinstance(found, CoreOptimum)
        promised = found.allocation.mechanism.severance.max()
        print(
            f"{count:2} types each: second best {best.value:.6f}, as solved {blocked} without severance, with the "
            f"best severance {severance}; core allocation with gains {found.value:.6f}, severance {promised:.2g}"
        )


SUBJECTS = {"examples": examples, "random": random, "sizes": sizes, "trade": trade}

if __name__ == "__main__":
    for subject in sys.argv[1:] or SUBJECTS:
        print(f"\n{subject}")
        SUBJECTS[subject]()
