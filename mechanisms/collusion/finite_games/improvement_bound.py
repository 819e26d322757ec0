r"""What multipliers prove about every side-contract, without the solver.

Price "no type loses" with :math:`\lambda`, "no lie and disobedience pays" with :math:`\beta`, "no disobedience after
the truth pays" with :math:`\gamma`, all nonnegative and for every lie :math:`\sum_c \beta_i(k, k', b, c)` the same for
every b. What remains is a sum over reports r of coefficients times a lottery,

.. math:: \sum_{i \in S} \sum_{k} (w_i + \lambda_i(k)) [U_i(\eta|k) - U_i(\mu|k)] + \text{incentive terms}
    \le \sum_r \max_{b, d} C(r, d, b) - \sum_{i, k} (w_i + \lambda_i(k))\, U_i(\mu|k),

and every side-contract's weighted gain is at most the right-hand side, whether its reallocation depends on the draw or
not. If that is zero, there is no improvement.

Source:
    Weak duality for the program of Giraud and Rochon (2001), Definitions 6, 6' and 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.finite_games.improvement_program import SideProblem
from marketgame.mechanisms.linear_program import NamedArrays


@dataclass(frozen=True, eq=False)
class Multipliers:
    """Weights of the constraints of each member, all nonnegative.

    Attributes:
        participation: of "this type does not lose", ``(types,)`` for each member.
        disobedience: of "reporting k' and playing c when told b does not pay k", ``(types, reports, A_i, A_i)``.
            Under BIC only entries with c = b are not zero.
        obedience: of "after the truth, playing c when told b does not pay k", ``(types, A_i, A_i)``; zero unless the
            side-contract must be obeyed.
    """

    participation: tuple[FloatArray, ...]
    disobedience: tuple[FloatArray, ...]
    obedience: tuple[FloatArray, ...]


def multipliers_of(problem: SideProblem, weights: NamedArrays) -> Multipliers:
    """Return a solver's weights of the constraints, made fit for the bound."""
    game = problem.revised.game
    participation, disobedience, obedience = [], [], []
    for place, player in enumerate(game.players):
        count, menu = game.type_counts[place], game.action_counts[place]
        participation.append(np.maximum(weights[f"participation of {player}"], 0.0))
        honesty = np.maximum(weights[f"honesty of {player}"], 0.0)
        if problem.concept is Concept.BIC:
            disobedience.append(honesty[..., None, None] * np.eye(menu))
        else:
            tempted = np.maximum(weights[f"disobedience of {player}"], 0.0)
            totals = tempted.sum(axis=-1, keepdims=True)
            shares = np.where(totals > 0, tempted / np.where(totals > 0, totals, 1.0), np.eye(menu))
            disobedience.append(honesty[..., None, None] * shares)
        name = f"obedience of {player}"
        stated = problem.obeyed and problem.concept is Concept.BIC
        obedience.append(np.maximum(weights[name], 0.0) if stated else np.zeros((count, menu, menu)))
    return Multipliers(tuple(participation), tuple(disobedience), tuple(obedience))


def contradiction(problem: SideProblem, multipliers: Multipliers, forbidden: BooleanArray | None = None) -> float:
    """Return by how much multipliers contradict the constraints, relative to the largest multiplier.

    With no weight on gains every side-contract that meets the constraints makes the Lagrangian at least zero, so that
    a negative bound leaves none.
    """
    groups = (*multipliers.participation, *multipliers.disobedience, *multipliers.obedience)
    largest = max((float(weights.max(initial=0.0)) for weights in groups), default=0.0)
    if largest == 0:
        return 0.0
    return -bound_of(problem, np.zeros(len(multipliers.participation)), multipliers, forbidden) / largest


def bound_of(
    problem: SideProblem, weights: FloatArray, multipliers: Multipliers, forbidden: BooleanArray | None = None
) -> float:
    """Return what no side-contract can exceed in weighted expected gain.

    Args:
        problem: the coalition's problem.
        weights: of each member's gain, ``(|S|,)``, nonnegative.
        multipliers: any.
        forbidden: joint actions ruled out, ``(T_1, ..., T_m, D, A_1, ..., A_m)``.

    Returns:
        The bound, in the unit of payoffs.

    Raises:
        ValueError: a multiplier is negative, or those of disobedience to a lie have different sums.
    """
    _refuse_unfit(multipliers)
    game = problem.revised.game
    members = len(game.players)
    coefficients = np.zeros((*game.type_counts, len(problem.reallocations), *game.action_counts))
    floor = 0.0
    for place in game.members:
        own = np.moveaxis(coefficients, (place, members + 1 + place), (0, -1))
        table = np.moveaxis(problem.interim_values[place], members + 1 + place, -1)
        lies, obeys = multipliers.disobedience[place], multipliers.obedience[place]
        prices = weights[place] + multipliers.participation[place] + lies[:, :, 0].sum(axis=(1, 2))
        own += prices.reshape(-1, *(1,) * (table.ndim - 1)) * table
        own -= np.einsum("k...c,klbc->l...b", table, lies)
        own += np.einsum("k...b,kbc->k...b", table, obeys) - np.einsum("k...c,kbc->k...b", table, obeys)
        floor += float((weights[place] + multipliers.participation[place]) @ problem.floors[place])
    spread = problem.admissible.reshape(*problem.admissible.shape, *(1,) * members)
    barred = ~np.broadcast_to(spread, coefficients.shape)
    if forbidden is not None:
        barred = barred | forbidden
    best = np.where(barred, -np.inf, coefficients).reshape(*game.type_counts, -1).max(axis=-1)
    return float(best.sum()) - floor


def _refuse_unfit(multipliers: Multipliers) -> None:
    for group in (multipliers.participation, multipliers.disobedience, multipliers.obedience):
        if any((weights < 0).any() for weights in group):
            raise ValueError("a multiplier is negative; it would reward breaking the constraint")
    for lies in multipliers.disobedience:
        totals = lies.sum(axis=-1)
        if not np.allclose(totals, totals[..., :1], rtol=1e-9, atol=1e-12):
            raise ValueError("the multipliers of disobedience to a lie must have one sum, whatever is told")
