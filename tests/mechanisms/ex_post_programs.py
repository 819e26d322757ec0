"""The independent twin of the second best: every division of the goods on a grid, payments at every profile.

Written plainly for SciPy's solver: it shares no code with the program it checks.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.optimize import linprog

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.economy import Economy


def divisions(supply: FloatArray, players: int, parts: int) -> list[FloatArray]:
    """Return every division, ``(N, G)`` each, of the supply in so many equal parts of each good; all is given."""
    by_good = [
        [
            np.array(counts) * amount / parts
            for counts in product(range(parts + 1), repeat=players)
            if sum(counts) == parts
        ]
        for amount in supply
    ]
    return [np.stack(choice, axis=-1) for choice in product(*by_good)]


def gains_on_grid(economy: Economy, parts: int, *, willing: bool, money: bool = True) -> float:
    """Return the most that incentive-compatible lotteries over divisions on a grid gain over autarky.

    Args:
        economy: with independent types and endowments that do not depend on them.
        parts: of every good.
        willing: whether each type must expect no less than from its endowment.
        money: whether nobody pays more than it owns at any profile; otherwise payments are unlimited.
    """
    profiles = [tuple(int(k) for k in row) for row in economy.profiles]
    number = {profile: place for place, profile in enumerate(profiles)}
    chances = [economy.prior.marginal(i) for i in range(len(economy.players))]
    owned = np.array([player.types[0].endowment for player in economy.players])
    choices = [owned[:, :-1], *divisions(owned[:, :-1].sum(axis=0), len(economy.players), parts)]
    count, players = len(choices), len(economy.players)
    mu = {(p, c): p * count + c for p in range(len(profiles)) for c in range(count)}
    paid = {(p, i): len(profiles) * count + p * players + i for p in range(len(profiles)) for i in range(players)}
    size = len(profiles) * (count + players)
    gain = [
        [
            np.array([float(kind.valuation.value(c[i])) - float(kind.valuation.value(owned[i, :-1])) for c in choices])
            for kind in player.types
        ]
        for i, player in enumerate(economy.players)
    ]

    def interim(i: int, true: int, report: int) -> FloatArray:
        """Return the coefficients of what type ``true`` of player i expects from the report."""
        row = np.zeros(size)
        for profile in profiles:
            if profile[i] != report:
                continue
            odds = float(np.prod([chances[j][profile[j]] for j in range(players) if j != i]))
            place = number[profile]
            row[mu[place, 0] : mu[place, 0] + count] += odds * gain[i][true]
            row[paid[place, i]] += odds
        return row

    upper, equal, objective = [], [], np.zeros(size)
    for i, player in enumerate(economy.players):
        for true in range(len(player.types)):
            truth = interim(i, true, true)
            objective += chances[i][true] * truth
            upper += [interim(i, true, report) - truth for report in range(len(player.types)) if report != true]
            if willing:
                upper.append(-truth)
    for place in range(len(profiles)):
        balance, whole = np.zeros(size), np.zeros(size)
        balance[[paid[place, i] for i in range(players)]] = 1
        whole[mu[place, 0] : mu[place, 0] + count] = 1
        upper.append(balance)
        equal.append(whole)
    low = np.zeros(size)
    low[len(profiles) * count :] = np.tile(-owned[:, -1] if money else np.full(players, -np.inf), len(profiles))
    limits = [[float(least), None] for least in low]
    answer = linprog(-objective, np.array(upper), np.zeros(len(upper)), np.array(equal), np.ones(len(equal)), limits)
    assert answer.status == 0, answer.message
    assert answer.fun is not None
    return -float(answer.fun)
