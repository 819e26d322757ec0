"""Published closed forms on larger grids than the cases that come with the program.

Bilateral trade with up to twenty equally likely values on each side (Myerson and Satterthwaite 1983), and public goods
of up to seven persons (Mailath and Postlewaite 1990), each against the closed form of the finite case.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from math import comb

import numpy as np
import pytest

from marketgame.mechanisms.coalitional_games.game import ActionSet, Coalition, CoalitionalGame
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Linear
from marketgame.mechanisms.incentive_efficiency.benchmarks import incentive_benchmarks
from marketgame.mechanisms.incentive_efficiency.search import IncentiveEfficient, Participation, proven_optimum
from marketgame.mechanisms.incentive_efficiency.second_best import Money, SecondBest
from tests.mechanisms.strategies import economy_of


def bought(gains: list[tuple[Fraction, Fraction, Fraction]]) -> Fraction:
    """Return the most of a sum of gains, each had with some probability, whose virtual gains sum to nothing or more.

    Args:
        gains: the probability of each, the gain, and the virtual gain.
    """
    total = sum((odds * gain for odds, gain, virtual in gains if gain > 0 and virtual >= 0), Fraction(0))
    left = sum((odds * virtual for odds, gain, virtual in gains if gain > 0 and virtual >= 0), Fraction(0))
    costly = [each for each in gains if each[1] > 0 and each[2] < 0]
    for odds, gain, virtual in sorted(costly, key=lambda each: each[1] / -each[2], reverse=True):
        part = min(Fraction(1), left / (-odds * virtual))
        total, left = total + part * odds * gain, left + part * odds * virtual
    return total


def two_sided(values: int) -> Economy:
    def side(name: str, owned: float) -> Player:
        kinds = [
            PlayerType(str(number), np.array([owned, 5.0]), Linear(np.array([(number + 0.5) / values])))
            for number in range(values)
        ]
        return Player(name, tuple(kinds))

    return economy_of([side("seller", 1.0), side("buyer", 0.0)])


@pytest.mark.parametrize("values", [3, 4, 6, 7, 9, 11, 14, 16, 20])
def test_the_most_that_voluntary_trade_gains(values: int) -> None:
    steps = range(1, values)
    gains = [
        (Fraction(values - d, values**2), Fraction(d, values), Fraction(2 * d - values + 1, values)) for d in steps
    ]
    (found,) = incentive_benchmarks(two_sided(values), (Participation.INDIVIDUAL,), None, Money.OWNED, None)
    assert isinstance(found, SecondBest)
    assert found.gains == pytest.approx(float(bought(gains)), rel=1e-7)


@pytest.mark.parametrize("persons", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("cost", [Fraction(5, 4), Fraction(8, 5), Fraction(7, 4)])
def test_the_most_that_everybody_is_willing_to_pay_for(persons: int, cost: Fraction) -> None:
    """Values 1 and 3 with equal odds; a low type's virtual value is -1, the good costs so much a head."""
    names = tuple("abcdefg"[:persons])
    actions: dict[Coalition, ActionSet] = {}
    count = 2**persons
    for size in range(1, persons + 1):
        for members in combinations(range(persons), size):
            actions[members] = ActionSet(("nothing",), np.zeros((1, size, count)))
    high = np.array(list(product((0, 1), repeat=persons))).T
    build = np.where(high, 3.0, 1.0) - float(cost)
    actions[tuple(range(persons))] = ActionSet(("nothing", "build"), np.stack([np.zeros((persons, count)), build]))
    odds = tuple(np.full(2, 0.5) for _ in names)
    game = CoalitionalGame(names, (("low", "high"),) * persons, odds, actions)
    found = proven_optimum(game, game.type_probabilities, Participation.INDIVIDUAL)
    assert isinstance(found, IncentiveEfficient)
    gains = [
        (Fraction(comb(persons, m), count), persons + 2 * m - cost * persons, 4 * m - persons - cost * persons)
        for m in range(persons + 1)
    ]
    assert found.value == pytest.approx(float(bought(gains)), rel=1e-7)
