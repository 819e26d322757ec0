"""Economies with quadratic valuations for tests of incentives: random ones, and one built to defy transfers."""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, IndependentPrior, Prior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic


def random_independent_prior(seed: int, counts: tuple[int, ...]) -> IndependentPrior:
    generator = np.random.default_rng(seed)
    return IndependentPrior([generator.dirichlet(np.full(count, 3.0)) for count in counts])


def random_correlated_prior(seed: int, counts: tuple[int, ...]) -> CorrelatedPrior:
    generator = np.random.default_rng(seed)
    return CorrelatedPrior(generator.dirichlet(np.ones(int(np.prod(counts)))).reshape(counts))


def random_economy(
    seed: int, prior: Prior, *, goods: int = 1, money: float = 200.0, type_dependent: bool = False
) -> Economy:
    """Goods may be substitutes or complements; every unit there is is worth something to somebody."""
    generator = np.random.default_rng(seed)
    players = []
    for number, count in enumerate(prior.type_counts):
        endowment = np.append(generator.uniform(0.5, 3.0, goods), money)
        types = []
        for kind in range(count):
            mixing = 0.3 * generator.normal(size=(goods, goods))
            slope = mixing @ mixing.T + np.diag(generator.uniform(0.3, 2.0, goods))
            owned = endowment * np.append(generator.uniform(0.4, 1.0, goods), 1.0) if type_dependent else endowment
            intercept = generator.uniform(4.0, 12.0, goods)
            types.append(PlayerType(f"kind {kind}", owned, Quadratic(intercept, slope)))
        players.append(Player(f"player {number}", tuple(types)))
    names = (*(f"good {good}" for good in range(goods)), "money")
    return Economy("random", names, names, tuple(players), prior)


def three_traders() -> Economy:
    """The worked example of one good and money: price 3.941176, and all 90 of the money to be had by a short sale."""
    numbers = ((5.0, 1.0, 2.0), (5.5, 1.0, 1.0), (6.2, 1.2, 1.5))
    players = tuple(
        Player(f"trader {i}", (PlayerType("only", np.array([owned, 30.0]), Quadratic(np.array([a]), np.array([[b]]))),))
        for i, (a, b, owned) in enumerate(numbers)
    )
    return Economy("three traders", ("good", "money"), ("unit", "euro"), players, IndependentPrior([np.ones(1)] * 3))


def turning_tastes(likelihood: float, *, bystander: bool = False) -> Economy:
    """Two traders whose tastes for two goods turn by a right angle from type to type, and turn together.

    Type k of either trader has the tastes of type 0, turned k times by a right angle in the plane of the two goods,
    around an equal division. ``likelihood`` is the probability that both traders' tastes have turned equally far;
    otherwise all unequal pairs are equally likely. A bystander owns money only and has one type.
    """
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    half = np.array([5.0, 5.0])
    tastes = (
        (np.array([2.0, -2.0]), np.array([[5.0, -3.0], [-3.0, 2.0]])),
        (np.array([-3.0, -2.0]), np.array([[10.0, 4.0], [4.0, 2.0]])),
    )
    players = []
    for number, (favour, slope) in enumerate(tastes):
        types = []
        for kind in range(4):
            turned = np.linalg.matrix_power(turn, kind)
            turned_slope = turned @ slope @ turned.T
            # At the equal division the marginal values are 20 plus the favour turned.
            intercept = turned @ favour + turned_slope @ half + 20.0
            types.append(PlayerType(f"turned {kind}", np.array([5.0, 5.0, 200.0]), Quadratic(intercept, turned_slope)))
        players.append(Player(f"trader {number}", tuple(types)))
    joint: FloatArray = np.full((4, 4), (1 - likelihood) / 12)
    np.fill_diagonal(joint, likelihood / 4)
    if bystander:
        idle = PlayerType("only", np.array([0.0, 0.0, 200.0]), Quadratic(np.ones(2), np.eye(2)))
        players.append(Player("bystander", (idle,)))
        joint = joint[..., None]
    names = ("cloth", "wine", "money")
    return Economy("turning tastes", names, names, tuple(players), CorrelatedPrior(joint))
