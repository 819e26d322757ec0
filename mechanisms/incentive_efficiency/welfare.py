"""What an economy could achieve: in competitive equilibrium, and at best when incentives bind.

These stand beside the first best and autarky, which need no more than
:mod:`marketgame.mechanisms.economies.efficiency`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, value_of_goods
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.economies.walras import WalrasianEquilibrium
from marketgame.mechanisms.incentive_efficiency.search import (
    Budget,
    IncentiveEfficient,
    NoOptimum,
    Participation,
    incentive_efficient,
)
from marketgame.mechanisms.incentive_efficiency.second_best import Money, SecondBest
from marketgame.mechanisms.linear_program.deadline import Deadline


@dataclass(frozen=True)
class UnknownBenchmark:
    """An incentive-efficient benchmark that is not known.

    Attributes:
        participation: which constraints were to be imposed.
        reason: why it is not known.
        solver_failed: whether a solver failed or hit its limit; otherwise the benchmark is not defined here.
        money: what players could have been asked to pay.
    """

    participation: Participation
    reason: str
    solver_failed: bool
    money: Money = Money.OWNED


type IncentiveBenchmark = SecondBest | UnknownBenchmark

INCENTIVE_NAMES = {
    Participation.NONE: "incentive-efficient",
    Participation.INDIVIDUAL: "incentive-efficient-individual",
}


def incentive_name(benchmark: IncentiveBenchmark) -> str:
    """Return the name of a benchmark in tables and documents; it says so where money need not exist."""
    name = INCENTIVE_NAMES[benchmark.participation]
    return name if benchmark.money is Money.OWNED else f"{name}-{benchmark.money.value}-money"


def gains_from_trade(economy: Economy, profiles: IntegerArray, bundles: FloatArray) -> FloatArray:
    """Return by how much bundles ``(P, N, G)`` make everybody together better off than autarky, ``(P,)``, numeraire.

    Money only changes hands, so that it makes no difference. Where autarky is worth minus infinity, gains are measured
    from the economy's reference.
    """
    return np.asarray(economy.gains_from_goods(profiles, bundles).sum(axis=-1))


def first_best_gains(economy: Economy, efficient: EfficientAllocation) -> FloatArray:
    """Return what the first best gains over autarky, ``(P,)``, numeraire; zero where it is none of what is at stake."""
    profiles, bundles, price = efficient.profiles, efficient.bundles, efficient.price[:, :-1]
    gains = economy.gains_from_goods(profiles, bundles).sum(axis=-1)
    owned = economy.endowments(profiles)[..., :-1]
    at_stake = (price[:, None] * np.maximum(owned, bundles)).sum(axis=(-1, -2))
    return np.where(gains > GAIN_TOLERANCE * at_stake, gains, 0.0)


def walrasian_welfare(economy: Economy, profiles: IntegerArray, equilibrium: WalrasianEquilibrium) -> FloatArray:
    """Return the players' summed utilities in equilibrium, ``(P,)``, numeraire; not a number where it is not known."""
    value = value_of_goods(economy, profiles, equilibrium.bundles)
    return np.asarray(value + economy.endowments(profiles)[..., -1].sum(axis=-1))


type GameBenchmark = tuple[str, IncentiveEfficient | NoOptimum]
"""An incentive-efficient mechanism of largest expected welfare, or why there is none, by the benchmark's name."""


def incentive_efficient_benchmarks(game: CoalitionalGame, seconds: float | None = None) -> tuple[GameBenchmark, ...]:
    """Return the most expected welfare that incentives allow, for each kind of participation constraint.

    Raises:
        UnverifiedAnswerError: a solver's answer fails its independent check.
    """
    # A single player's payments cannot balance at every profile unless they are all zero.
    budget = Budget.EX_POST if len(game.players) > 1 else Budget.EXPECTED
    return tuple(
        (INCENTIVE_NAMES[each], incentive_efficient(game, None, each, budget=budget, deadline=Deadline.after(seconds)))
        for each in Participation
    )


def first_best_of_game(game: CoalitionalGame) -> FloatArray:
    """Return the largest sum of utilities of an action of the grand coalition, ``(P,)``, units of money."""
    utilities = game.actions[game.grand_coalition].utilities
    return np.asarray(utilities.sum(axis=1).max(axis=0))


def autarky_of_game(game: CoalitionalGame) -> FloatArray:
    """Return the sum of utilities when everybody does alone what it expects to be best, ``(P,)``, units of money."""
    total = np.zeros(len(game.profiles))
    for player in game.grand_coalition:
        utilities = game.actions[(player,)].utilities[:, 0]
        best = game.conditional_expectation(utilities, (player,)).argmax(axis=0)
        total += utilities[best[game.profiles[:, player]], np.arange(len(total))]
    return total
