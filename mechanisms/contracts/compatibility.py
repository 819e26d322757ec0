r"""The condition on beliefs under which Giraud and Rochon's theorem speaks (their section 4).

**Compatibility condition.** With :math:`\lambda_i(m, k) \ge 0` the weight of "type k of player i does not report
m", the only :math:`\kappa` for which

.. math:: q_i(t_{-i}|t_i) \sum_m \lambda_i(m, t_i) = \kappa(t) + \sum_m \lambda_i(t_i, m) q_i(t_{-i}|m)
    \quad \text{for all } i, t

has a solution is :math:`\kappa = 0`. The paper prints both weights as :math:`\lambda(t_i, m_i)`; only these
indices make the condition the dual of the incentive conditions, which is what it is used for. It is sufficient for
balanced incentive-compatible transfers to exist, whatever the valuations, and not necessary:
:mod:`marketgame.mechanisms.contracts.transfers` decides existence for a given economy.

Deciding it takes one linear program and some linear algebra. The solutions :math:`\lambda` form a cone, whose
largest support S one program finds. Its dual gives balanced transfers under which every lie outside S is
punished strictly and no lie in S is rewarded or punished, which proves that S is largest. The cone spans all
solutions supported by S, sign aside; the condition holds if and only if all of these have :math:`\kappa = 0`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import null_space

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, read_only
from marketgame.mechanisms.economies.beliefs import Prior, beliefs_about_others, profiles_by_own_type, transfer_weights
from marketgame.mechanisms.linear_program import RESIDUAL_LIMIT, LinearProgram, Sense, Solution, Status

# Singular values below this share of the largest are rounding of probabilities.
RANK_TOLERANCE = 1e-9
# A price of numeraire below this share of the largest weight is rounding.
PRICE_TOLERANCE = 1e-9
# What floating-point numbers leave of nought; between this and the tolerances above lie weights of rare types.
ROUNDING_OF_NOUGHT = 1e-14
# So many unknowns are eliminated in rational numbers.
EXACT_UNKNOWNS = 24


class UndecidedConditionError(UnansweredError, ArithmeticError):
    """The solver reached no answer that its independent check confirms."""


@dataclass(frozen=True, eq=False)
class CompatibilityHolds:
    """The compatibility condition holds.

    Attributes:
        transfers: balanced transfers, ``(P, N)``, that punish lies as ``punished`` says; any unit.
        punished: per player, entry ``[t, m]`` says whether type t strictly loses by reporting m,
            ``(types, types)``. All other lies that count leave it as it is, and for the weights on these alone
            no price of numeraire but 0 solves the condition's equations.
    """

    transfers: FloatArray
    punished: tuple[BooleanArray, ...]


@dataclass(frozen=True, eq=False)
class CompatibilityFails:
    """The compatibility condition fails.

    Attributes:
        misreport_multipliers: per player, entry ``[t, m]`` is the weight of "type t does not report m",
            ``(types, types)``; nonnegative and at most 1.
        balance_multipliers: the price of numeraire in each profile, ``(P,)``; not zero.
    """

    misreport_multipliers: tuple[FloatArray, ...]
    balance_multipliers: FloatArray


def check_compatibility(
    prior: Prior, reportable: Sequence[BooleanArray] | None = None
) -> CompatibilityHolds | CompatibilityFails:
    """Return whether the compatibility condition holds, with the witness.

    Args:
        prior: the beliefs.
        reportable: per player, entry ``[t, m]`` says whether type t can report m, ``(types, types)``; everything
            when left out, as in the paper. Lies that cannot be told carry no weight.

    Returns:
        Transfers that prove it, or weights and prices that refute it. ``proof_residual`` and
        ``witness_residual`` check them without a solver.

    Raises:
        ValueError: ``reportable`` does not fit the prior.
        UndecidedConditionError: the solver failed, or its evidence was not confirmed.

    Source:
        Giraud and Rochon, section 4, compatibility condition; d'Aspremont and Gérard-Varet (1979).
    """
    lies = _lies(prior, reportable)
    if prior.independent and len(lies) > 1:
        return _under_independence(prior, lies)
    program = _support_program(prior, lies)
    solution = program.solve()
    if solution.status is not Status.OPTIMAL:
        raise UndecidedConditionError(f"the compatibility condition's program: {solution.status.value}")
    verdict = _judged(prior, lies, solution)
    if isinstance(verdict, CompatibilityHolds):
        residual = proof_residual(prior, verdict, reportable)
    else:
        residual = witness_residual(prior, verdict, reportable)
    if residual > RESIDUAL_LIMIT:
        raise UndecidedConditionError(f"the compatibility condition's evidence leaves a residual of {residual:.1e}")
    return verdict


def _under_independence(prior: Prior, lies: Sequence[BooleanArray]) -> CompatibilityHolds:
    r"""Return the proof for independent types and two or more players, however rare a type.

    With :math:`b_i(k) = \sum_m [\lambda_i(m, k) - \lambda_i(k, m)]` the equations read
    :math:`b_i(t_i) q_i(t_{-i}) = \kappa(t)`, so :math:`b_i(t_i) / p_i(t_i)` is the same for all players and types, and
    zero since :math:`b_i` adds up to zero; so is :math:`\kappa`. Weights are then circulations: lies on a cycle can
    have some. All others lead from a type to one that reaches fewer; a reward for every type that can be reached, paid
    by the other players in equal parts, punishes these and no lie on a cycle.
    """
    rewards, punished = [], []
    for allowed in lies:
        reach = allowed | np.eye(len(allowed), dtype=bool)
        for middle in range(len(reach)):
            reach |= reach[:, middle, None] & reach[None, middle, :]
        rewards.append(reach.sum(axis=1).astype(np.float64))
        punished.append(read_only(allowed & ~reach.T))
    own = np.stack([reward[prior.profiles[:, player]] for player, reward in enumerate(rewards)], axis=1)
    others = (own.sum(axis=1, keepdims=True) - own) / (len(rewards) - 1)
    return CompatibilityHolds(read_only(own - others), tuple(punished))


def _lies(prior: Prior, reportable: Sequence[BooleanArray] | None) -> list[BooleanArray]:
    counts = prior.type_counts
    allowed = [np.ones((count, count), dtype=bool) for count in counts] if reportable is None else reportable
    if [matrix.shape for matrix in allowed] != [(count, count) for count in counts]:
        raise ValueError(
            f"reportable has shapes {[matrix.shape for matrix in allowed]}; "
            f"there must be one square of {list(counts)} types per player"
        )
    return [matrix & ~np.eye(len(matrix), dtype=bool) for matrix in allowed]


def _support_program(prior: Prior, lies: Sequence[BooleanArray]) -> LinearProgram:
    """State the search for the largest support; each weight is a counted part of at most 1 and an excess."""
    counts = [int(allowed.sum()) for allowed in lies]
    program = LinearProgram(Sense.MAXIMIZE)
    counted = program.variables("counted", {"lie": sum(counts)}, upper=1.0, objective=1.0)
    excess = program.variables("excess", {"lie": sum(counts)})
    profiles = len(prior.probability)
    price = program.variables("price", {"profile": profiles}, lower=-np.inf)
    condition = program.constraints("condition", {"player": len(lies), "profile": profiles}, equal_to=0.0)
    program.add(condition, price[None, :], -1.0)
    units = _row_units(prior)
    first = 0
    for player, allowed in enumerate(lies):
        true_types, reports = np.nonzero(allowed)
        columns = slice(first, first + counts[player])
        first += counts[player]
        beliefs = beliefs_about_others(prior, player)[true_types]
        numbers = profiles_by_own_type(prior, player)
        for weight in (counted[columns, None], excess[columns, None]):
            for own_types, sign in ((true_types, 1.0), (reports, -1.0)):
                rows = numbers[own_types]
                program.add(condition[player, rows], weight, sign * beliefs * units[rows])
    return program


def _row_units(prior: Prior) -> FloatArray:
    """Return factors, ``(P,)``, that bring the equations of each profile to the same size."""
    largest = np.zeros(len(prior.probability))
    for player in range(len(prior.type_counts)):
        numbers = profiles_by_own_type(prior, player)
        likeliest = beliefs_about_others(prior, player).max(axis=0)
        largest[numbers] = np.maximum(largest[numbers], likeliest)
    return np.where(largest > 0, 1 / np.where(largest > 0, largest, 1), 1.0)


def _judged(prior: Prior, lies: Sequence[BooleanArray], solution: Solution) -> CompatibilityHolds | CompatibilityFails:
    """Return the proof or the witness that an optimal answer contains."""
    counts = [int(allowed.sum()) for allowed in lies]
    possible = _split(solution["counted"] > 0.5, counts)
    support = []
    for allowed, weighted in zip(lies, possible, strict=True):
        matrix = np.zeros_like(allowed)
        matrix[allowed] = weighted
        support.append(matrix)
    inner = (solution["counted"] + solution["excess"])[solution["counted"] > 0.5]
    free, prices = _free_directions(prior, support)
    if np.abs(prices).max(initial=0.0) > PRICE_TOLERANCE:
        return _witness(prior, support, _strongest(inner, free, prices))
    _refuse_unclear(prior, support, prices)
    transfers = (solution.shadow_price["condition"] * _row_units(prior)).T
    punished = tuple(allowed & ~matrix for allowed, matrix in zip(lies, support, strict=True))
    return CompatibilityHolds(read_only(transfers), punished)


def _refuse_unclear(prior: Prior, support: Sequence[BooleanArray], prices: FloatArray) -> None:
    """Refuse to say that all prices of numeraire are nought where they may only be those of rare types.

    Decided in rational numbers where there are few; else by what rounding leaves of nought. Where a type is rarer than
    the residual allowed to transfers that leave lies unpunished, these do not prove that no more lies can have weight.
    """
    rarest = min(
        float(prior.probability[own].sum())
        for player in range(len(support))
        for own in profiles_by_own_type(prior, player)
    )
    everything = all((lies | np.eye(len(lies), dtype=bool)).all() for lies in support)
    if rarest < RESIDUAL_LIMIT and not everything:
        clear = False
    elif len(prior.probability) + sum(int(lies.sum()) for lies in support) <= EXACT_UNKNOWNS:
        clear = _exactly_free(prior, support)
    else:
        alike = _free_directions(prior, support, ROUNDING_OF_NOUGHT)[0].shape[1] == prices.shape[1]
        clear = alike and bool(np.abs(prices).max(initial=0.0) <= ROUNDING_OF_NOUGHT * max(prices.shape))
    if not clear:
        raise UndecidedConditionError(
            "the compatibility condition cannot be told from its failure by less than "
            f"{PRICE_TOLERANCE:.0e}: some types are too rare"
        )


def _exactly_free(prior: Prior, support: Sequence[BooleanArray]) -> bool:
    """Say whether every solution on a support, of any sign, has prices of nought, in rational numbers.

    With the prices' columns last, a price may differ from nought exactly if elimination leaves it without a pivot.
    """
    likely = [Fraction(float(chance)) for chance in prior.probability]
    lies = [(player, true, told) for player, m in enumerate(support) for true, told in np.argwhere(m).tolist()]
    rows: list[list[Fraction]] = []
    for player in range(len(support)):
        numbers = profiles_by_own_type(prior, player).tolist()
        beliefs = []
        for own in numbers:
            total = sum((likely[number] for number in own), Fraction(0))
            beliefs.append([likely[number] / total if total else Fraction(0) for number in own])
        for own_type, own in enumerate(numbers):
            for place, number in enumerate(own):
                row = [Fraction(0)] * (len(lies) + len(likely))
                for column, (liar, true, told) in enumerate(lies):
                    if liar == player and own_type in (true, told):
                        row[column] = beliefs[true][place] * (1 if own_type == true else -1)
                row[len(lies) + number] = Fraction(-1)
                rows.append(row)
    pivots = set()
    for column in range(len(lies) + len(likely)):
        chosen = next((row for row in rows if row[column]), None)
        if chosen is None:
            continue
        pivots.add(column)
        rows = [_eliminated(row, chosen, column) for row in rows if row is not chosen]
    return all(len(lies) + number in pivots for number in range(len(likely)))


def _eliminated(row: list[Fraction], pivot: list[Fraction], column: int) -> list[Fraction]:
    if not row[column]:
        return row
    factor = row[column] / pivot[column]
    return [one - factor * other for one, other in zip(row, pivot, strict=True)]


def _free_directions(
    prior: Prior, support: Sequence[BooleanArray], tolerance: float = RANK_TOLERANCE
) -> tuple[FloatArray, FloatArray]:
    """Return a basis of the weights of any sign on a support that solve the equations, and their prices.

    Returns:
        Orthonormal weights, ``(lies in the support, dimension)``, and the price of numeraire each implies,
        ``(P, dimension)``, in the units that make the equations comparable.
    """
    units = _row_units(prior)
    blocks = [units[:, None] * _lie_weights(prior, player, lies) for player, lies in enumerate(support)]
    counts = [block.shape[1] for block in blocks]
    total = sum(counts)
    first = np.hstack([blocks[0], np.zeros((len(units), total - counts[0]))])
    equations = np.zeros((0, total))
    for player in range(1, len(blocks)):
        own = np.zeros((len(units), total))
        before = sum(counts[:player])
        own[:, before : before + counts[player]] = blocks[player]
        stacked = np.vstack([equations, own - first])
        equations = np.linalg.qr(stacked, mode="r") if len(stacked) > total else stacked
    free = null_space(equations, rcond=tolerance) if total else np.zeros((0, 0))
    return free, first @ free


def _lie_weights(prior: Prior, player: int, lies: BooleanArray) -> FloatArray:
    """Return the equations' coefficients of each lie's weight, ``(P, lies)``."""
    weights = np.zeros((len(prior.probability), int(lies.sum())))
    numbers, beliefs = profiles_by_own_type(prior, player), beliefs_about_others(prior, player)
    for column, (true_type, report) in enumerate(np.argwhere(lies)):
        weights[numbers[true_type], column] = beliefs[true_type]
        weights[numbers[report], column] = -beliefs[true_type]
    return weights


def _strongest(inner: FloatArray, free: FloatArray, prices: FloatArray) -> FloatArray:
    """Return positive weights that solve the equations and imply a price of numeraire clearly not zero."""
    base = free @ (free.T @ inner)
    column = int(np.argmax(np.abs(prices).max(axis=0)))
    step = base.min() / (2 * np.abs(free[:, column]).max())
    candidates = [base + factor * step * free[:, column] for factor in (0.0, 1.0, -1.0)]
    strength = [np.abs(prices @ (free.T @ weights)).max() / weights.max() for weights in candidates]
    chosen: FloatArray = candidates[int(np.argmax(strength))]
    return chosen / float(chosen.max())


def _witness(prior: Prior, support: Sequence[BooleanArray], weights: FloatArray) -> CompatibilityFails:
    multipliers = []
    for lies, part in zip(support, _split(weights, [int(lies.sum()) for lies in support]), strict=True):
        matrix = np.zeros(lies.shape)
        matrix[lies] = part
        multipliers.append(read_only(matrix))
    prices = [transfer_weights(prior, matrix, player) for player, matrix in enumerate(multipliers)]
    return CompatibilityFails(tuple(multipliers), read_only(np.mean(prices, axis=0)))


def _split[T: np.generic](values: NDArray[T], counts: Sequence[int]) -> list[NDArray[T]]:
    return np.split(values, np.cumsum(counts)[:-1])


def witness_residual(
    prior: Prior, witness: CompatibilityFails, reportable: Sequence[BooleanArray] | None = None
) -> float:
    """Return how far a witness is from refuting the compatibility condition; recomputed without a solver.

    Returns:
        The largest error of an equation relative to the largest price; infinite if the price is zero, a weight
        is negative, or a lie that cannot be told carries weight. Small values confirm the witness.

    Raises:
        ValueError: sizes do not fit the prior.
    """
    lies = _lies(prior, reportable)
    prices = witness.balance_multipliers
    if [matrix.shape for matrix in witness.misreport_multipliers] != [matrix.shape for matrix in lies]:
        raise ValueError("the witness is of another size than the prior")
    largest = float(np.abs(prices).max())
    for allowed, weights in zip(lies, witness.misreport_multipliers, strict=True):
        if (weights < 0).any() or weights[~allowed].any():
            return np.inf
        if largest <= PRICE_TOLERANCE * weights.max(initial=0.0):
            return np.inf
    errors = [
        np.abs(transfer_weights(prior, weights, player) - prices).max()
        for player, weights in enumerate(witness.misreport_multipliers)
    ]
    return float(max(errors)) / largest if largest > 0 else np.inf


def proof_residual(prior: Prior, proof: CompatibilityHolds, reportable: Sequence[BooleanArray] | None = None) -> float:
    """Return how far a proof is from establishing the compatibility condition; recomputed without a solver.

    Returns:
        The largest of: imbalance and unpunished losses relative to the transfers they consist of, what a
        punished loss lacks of 1, and the largest price of numeraire that weights on unpunished lies imply. Small values
        confirm it.

    Raises:
        ValueError: sizes do not fit the prior.
    """
    lies = _lies(prior, reportable)
    transfers = proof.transfers
    if transfers.shape != prior.profiles.shape or [m.shape for m in proof.punished] != [m.shape for m in lies]:
        raise ValueError("the proof is of another size than the prior")
    # Punishments are of size one; what is measured against transfers is so for each profile and each type's beliefs.
    worst = float((np.abs(transfers.sum(axis=-1)) / np.maximum(np.abs(transfers).max(axis=-1), 1)).max())
    for player, (allowed, punished) in enumerate(zip(lies, proof.punished, strict=True)):
        received = transfers[profiles_by_own_type(prior, player), player]
        beliefs = beliefs_about_others(prior, player)
        expected, terms = beliefs @ received.T, beliefs @ np.abs(received).T
        losses = np.diagonal(expected)[:, None] - expected
        sizes = np.maximum(np.diagonal(terms)[:, None] + terms, 1)
        spared = allowed & ~punished
        lacking = (1 - losses[punished]).max(initial=0.0)
        worst = max(worst, float(lacking), float((np.abs(losses) / sizes)[spared].max(initial=0.0)))
    spared_lies = [allowed & ~punished for allowed, punished in zip(lies, proof.punished, strict=True)]
    _, prices = _free_directions(prior, spared_lies)
    return max(worst, float(np.abs(prices).max(initial=0.0)))
