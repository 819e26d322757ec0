r"""Checking an answer against the program's own arrays, without the solver.

Write the program as a minimisation of :math:`c \cdot x` over :math:`l \le A x \le u`,
:math:`\underline x \le x \le \overline x` (a maximisation with the signs of :math:`c` and of all prices turned).
Shadow prices :math:`\pi` with :math:`d = c - A^\top \pi` prove a feasible :math:`x` optimal when positive
:math:`\pi_r` and :math:`d_j` occur only where a lower limit exists and binds, negative ones only where an upper
one does. The dual objective is then :math:`c \cdot x`; it is
:math:`\pi^+ \cdot l - \pi^- \cdot u + d^+ \cdot \underline x - d^- \cdot \overline x`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.linear_program.assembly import Arrays
from marketgame.mechanisms.linear_program.solution import Parts, Solution
from marketgame.mechanisms.linear_program.statement import Statement

RESIDUAL_LIMIT = 1e-7
"""Largest residual, relative to the data's scale, of an answer that may be reported."""

SMALLEST_BLOCK = 1e-2
"""Blocks whose terms are all smaller than this share of the program's largest are measured against that share.

The solver's own tolerance is absolute, 1e-9 for data of order one, so that it cannot be held to 1e-7 of less.
"""

SMALLEST_SCALE = 1e-9
"""Scales are at least this, so that rounding noise in a program of zeros is no violation."""

NO_PRICE = 1e-9
"""A combined coefficient below this, relative to its terms, counts as zero in a proof of infeasibility."""


class UnverifiedAnswerError(UnansweredError, ArithmeticError):
    """The solver called an answer optimal that the program's own arrays do not confirm."""


@dataclass(frozen=True)
class Residuals:
    """How far an answer is from being feasible and optimal, each relative to the data's scale.

    Attributes:
        primal: largest violation of a limit, of a bound or of integrality, relative to the largest term in its
            block.
        dual: largest price that no limit justifies, and largest error of a reduced cost, relative to the largest
            term it is the sum of; none for programs with integer variables, which have no dual.
        complementarity: largest product of a price with the slack of what it prices, relative to the objective;
            none as for ``dual``.
        gap: disagreement between the objective claimed, that of the variables and that of the prices, relative
            to the objective; with integer variables, between the first two.
    """

    primal: float
    dual: float | None
    complementarity: float | None
    gap: float

    @property
    def largest(self) -> float:
        """The largest of them."""
        return max(self.primal, self.gap, self.dual or 0.0, self.complementarity or 0.0)

    @property
    def acceptable(self) -> bool:
        """Whether the answer may be reported."""
        return self.largest <= RESIDUAL_LIMIT


def certified(program: Statement, solution: Solution) -> Residuals:
    """Check an optimal answer and return its residuals.

    Raises:
        UnverifiedAnswerError: a residual exceeds ``RESIDUAL_LIMIT``.
        NoAnswerError: the status is not ``OPTIMAL``.
    """
    residuals = verify(program, solution)
    if not residuals.acceptable:
        raise UnverifiedAnswerError(f"the solver's answer fails the independent check: {residuals}")
    return residuals


def verify(program: Statement, solution: Solution) -> Residuals:
    """Recompute feasibility, dual feasibility, complementarity and the duality gap of an answer.

    Returns:
        The residuals; infinite ones if some number is not finite.

    Raises:
        NoAnswerError: the status is not ``OPTIMAL``.
        ValueError: the answer belongs to a program of another size.
    """
    arrays = program.arrays()
    answer = solution.numbers()
    if (answer.shadow_prices.size, answer.values.size) != arrays.matrix.shape:
        raise ValueError("the answer belongs to a program of another size")
    numbers = (answer.values, answer.shadow_prices, answer.reduced_costs, solution.objective)
    if not all(np.isfinite(number).all() for number in numbers):
        return Residuals(np.inf, np.inf, np.inf, np.inf)
    variables, constraints = program.blocks
    magnitude = abs(arrays.matrix)
    primal = _primal_residual(arrays, magnitude, answer.values, (variables, constraints))
    objective = float(arrays.objective @ answer.values)
    scale = _objective_scale(arrays, answer.values)
    claim = abs(solution.objective - objective) / scale
    if arrays.integer.any():
        return Residuals(primal, None, None, claim)
    prices = _Prices.of(arrays, magnitude, answer.shadow_prices, variables)
    misreported = np.abs(arrays.sense.value * answer.reduced_costs - prices.reduced_costs)
    dual = max(prices.unjustified(arrays, magnitude), float((misreported / prices.weights).max(initial=0.0)))
    products = prices.products(arrays, answer.values)
    gap = abs(arrays.sense.value * prices.dual_objective(arrays) - objective) / scale
    return Residuals(primal, dual, products / scale, max(claim, gap))


def _objective_scale(arrays: Arrays, values: FloatArray) -> float:
    """Return the largest term of the objective, or of one of the variables' own size if that is much larger."""
    largest = float(np.abs(arrays.objective * values).max(initial=0.0))
    possible = float(np.abs(arrays.objective).max(initial=0.0)) * float(np.abs(values).max(initial=0.0))
    return max(largest, SMALLEST_BLOCK * possible, SMALLEST_SCALE)


def weak_bound(program: Statement, shadow_prices: FloatArray) -> float:
    """Return what the objective of a minimisation is not below, whatever the prices, less what that is rounded by.

    Args:
        program: without regard to which of its variables must be whole.
        shadow_prices: of its constraints, ``(rows,)``; those that no limit justifies are not used.

    Returns:
        The bound by weak duality; minus infinity if a variable without a bound on the side that counts has a price.
    """
    arrays = program.arrays()
    prices = _justified(shadow_prices, arrays.row_lower, arrays.row_upper)
    reduced = arrays.objective - arrays.matrix.T @ prices
    bound = _weighted(prices, arrays.row_lower, arrays.row_upper) + _weighted(reduced, arrays.lower, arrays.upper)
    terms = np.abs(prices) @ _finite_size(arrays.row_lower, arrays.row_upper)
    weights = np.abs(arrays.objective) + abs(arrays.matrix).T @ np.abs(prices)
    terms += weights @ _finite_size(arrays.lower, arrays.upper)
    return float(bound - (sum(arrays.matrix.shape) + 1) * np.finfo(np.float64).eps * terms)


def infeasibility_margin(program: Statement, multipliers: FloatArray) -> float:
    """Return by how much a combination of the constraints contradicts the bounds of the variables.

    Args:
        program: claimed to be infeasible.
        multipliers: weight of each constraint, ``(rows,)``; positive weights use lower limits, negative ones
            upper.

    Returns:
        The least value the limits demand of the combination, less the largest it can take, relative to the
        larger of the two; positive means that the program is proved infeasible.
    """
    arrays = program.arrays()
    combined = arrays.matrix.T @ multipliers
    weights = abs(arrays.matrix).T @ np.abs(multipliers)
    combined = np.where(np.abs(combined) <= NO_PRICE * weights, 0.0, combined)
    demanded = _weighted(multipliers, arrays.row_lower, arrays.row_upper)
    attainable = -_weighted(-combined, arrays.lower, arrays.upper)
    if not np.isfinite(demanded) or not np.isfinite(attainable):
        return -np.inf
    return float((demanded - attainable) / max(abs(demanded), abs(attainable), SMALLEST_SCALE))


def _weighted(weights: FloatArray, lower: FloatArray, upper: FloatArray) -> float:
    """Return the least value of ``weights`` times anything between the limits; may be minus infinity."""
    limits = np.where(weights > 0, lower, upper)
    used = weights != 0
    return float((weights[used] * limits[used]).sum())


def _primal_residual(
    arrays: Arrays, magnitude: scipy.sparse.csc_array, values: FloatArray, blocks: tuple[Parts, Parts]
) -> float:
    variables, constraints = blocks
    activity = arrays.matrix @ values
    terms = np.maximum(magnitude @ np.abs(values), _finite_size(arrays.row_lower, arrays.row_upper))
    sizes = np.maximum(np.abs(values), _finite_size(arrays.lower, arrays.upper))
    rows = _violation(activity, arrays.row_lower, arrays.row_upper) / _block_scale(terms, constraints)
    columns = _violation(values, arrays.lower, arrays.upper) / _block_scale(sizes, variables)
    fractions = np.abs(values - np.round(values))[arrays.integer]
    return float(max(rows.max(initial=0.0), columns.max(initial=0.0), fractions.max(initial=0.0)))


def _violation(values: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    return np.maximum(np.maximum(lower - values, values - upper), 0.0)


def _finite_size(lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Return the larger absolute value of the limits that exist."""
    low = np.where(np.isfinite(lower), np.abs(lower), 0.0)
    high = np.where(np.isfinite(upper), np.abs(upper), 0.0)
    return np.maximum(low, high)


def _block_scale(terms: FloatArray, parts: Parts) -> FloatArray:
    """Return for every member the largest term in its block: what a residual of the block is relative to."""
    scale = np.empty_like(terms)
    least = max(SMALLEST_BLOCK * float(terms.max(initial=0.0)), SMALLEST_SCALE)
    for blocks in parts.values():
        largest = max(float(terms[block.members].max(initial=0.0)) for block in blocks)
        for block in blocks:
            scale[block.members] = max(largest, least)
    return scale


@dataclass(frozen=True, eq=False)
class _Prices:
    """Prices of the program as a minimisation.

    Attributes:
        rows: shadow prices, ``(rows,)``.
        reduced_costs: recomputed from them, ``(columns,)``.
        weights: largest term of a reduced cost in the variable's block, ``(columns,)``.
    """

    rows: FloatArray
    reduced_costs: FloatArray
    weights: FloatArray

    @classmethod
    def of(
        cls, arrays: Arrays, magnitude: scipy.sparse.csc_array, shadow_prices: FloatArray, variables: Parts
    ) -> _Prices:
        rows = arrays.sense.value * shadow_prices
        cost = arrays.sense.value * arrays.objective
        weights = np.abs(cost) + magnitude.T @ np.abs(rows)
        return cls(rows, cost - arrays.matrix.T @ rows, _block_scale(weights, variables))

    def unjustified(self, arrays: Arrays, magnitude: scipy.sparse.csc_array) -> float:
        """Largest price without a limit to justify it, relative to the terms of reduced costs."""
        columns = _unlimited_part(self.reduced_costs, arrays.lower, arrays.upper) / self.weights
        rows = _unlimited_part(self.rows, arrays.row_lower, arrays.row_upper)
        largest = float(columns.max(initial=0.0))
        if rows.any():
            influence = np.asarray(magnitude.max(axis=1).todense()).ravel()
            scale = max(float(self.weights.max(initial=0.0)), SMALLEST_SCALE)
            largest = max(largest, float((rows * influence).max()) / scale)
        return largest

    def products(self, arrays: Arrays, values: FloatArray) -> float:
        """Largest product of a price with the distance to the limit that justifies it."""
        rows = _price_times_slack(self.rows, arrays.matrix @ values, arrays.row_lower, arrays.row_upper)
        columns = _price_times_slack(self.reduced_costs, values, arrays.lower, arrays.upper)
        return float(max(rows.max(initial=0.0), columns.max(initial=0.0)))

    def dual_objective(self, arrays: Arrays) -> float:
        """Objective of the dual, leaving out what no limit justifies."""
        rows = _justified(self.rows, arrays.row_lower, arrays.row_upper)
        columns = _justified(self.reduced_costs, arrays.lower, arrays.upper)
        return _weighted(rows, arrays.row_lower, arrays.row_upper) + _weighted(columns, arrays.lower, arrays.upper)


def _unlimited_part(prices: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Return the size of each price that has no limit on its side."""
    without = np.where(prices > 0, np.isinf(lower), np.isinf(upper))
    return np.where(without, np.abs(prices), 0.0)


def _justified(prices: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    return np.where(_unlimited_part(prices, lower, upper) > 0, 0.0, prices)


def _price_times_slack(prices: FloatArray, values: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    limit = np.where(prices > 0, lower, upper)
    slack = np.where(np.isfinite(limit), np.abs(values - np.where(np.isfinite(limit), limit, 0.0)), 0.0)
    return np.abs(prices) * slack
