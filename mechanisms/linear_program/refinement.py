r"""Answers of the solver made exact to the last digits by solving for what they miss.

The solver works in double precision with absolute tolerances of about 1e-9 and drops coefficients below 1e-12. In a
program about a type of probability 1e-12, or one in which a single payoff is -1e10, that is not rounding: it is
whole conditions. So an answer :math:`(x, y)` whose residuals are not at rounding level is refined: the residuals are
computed in extended precision from the program's own arrays, and the program that asks for the missing part

.. math:: \min\ \Delta_d (c - A^\top y) \cdot \tilde x \quad \text{subject to} \quad
          \Delta_p (l - A x) \le A \tilde x \le \Delta_p (u - A x), \quad
          \Delta_p (\underline x - x) \le \tilde x \le \Delta_p (\overline x - x),

enlarged by the factors :math:`\Delta_p, \Delta_d` that bring the residuals to one, is solved from the same basis:
:math:`(x + \tilde x / \Delta_p, y + \tilde y / \Delta_d)` misses the solver's tolerance divided by the factors. Rows
and columns are scaled beforehand by powers of two, which changes no digit, so that no coefficient is dropped that
matters in its own row and column.

Source:
    Gleixner, Steffy and Wolter (2016), Iterative refinement for linear programming.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
import scipy
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.linear_program.assembly import Arrays, Sense
from marketgame.mechanisms.linear_program.basis import Basis
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.linear_program.highs import Simplex, run_without_standstill
from marketgame.mechanisms.linear_program.solution import Answer

EXACT_ENOUGH = 1e-11
"""Residuals below this, relative to the largest term of their own row or column, are not worth another solve."""

PLAINLY = 1e-12
"""Residuals below this in double precision, relative likewise, leave nothing to be refined."""

ROUNDING = 1e-14
"""Residuals below this, relative likewise, are rounding: refinement ends."""

HOPELESS = 1e-9
"""Residuals above this after refinement, relative likewise, are no answer to this program."""

DROPPED = 1e-11
"""Where coefficients are smaller, the solver may have answered to a program without them."""

WORTH_WHILE = 1e-3
"""A round that leaves no more than this share of what was missed in absolute terms is followed by another."""

MOST_ROUNDS = 5
"""Solves after which refinement ends; each gains about nine digits, so that two nearly always do."""

SCALING_ROUNDS = 4
"""How often rows and columns are scaled in turn."""

LARGEST_COEFFICIENTS = (13.0, 0.0)
"""Binary logarithms that scaled coefficients do not exceed, to be tried in turn.

Large ones keep more of the small ones beside them from being dropped, but the solver loses digits to them.
"""

LARGEST_FACTOR = 60.0
"""Binary logarithm of the factor that residuals are enlarged by at most."""

LARGEST_COST = 1e8
"""Enlarged reduced costs are cut off here: the solver gets lost among larger ones."""

NOISE = 1e-12
"""Numbers smaller than this share of the largest may be left over from zero; what they miss is not relative to them."""

NEAR_A_LIMIT = 1e-9
"""A variable no farther than this from a bound, relative to its own size, stands at it."""

OTHER_METHODS = (Simplex.DUAL, Simplex.PRIMAL)
"""What to try from scratch where the solver gives up."""

MOST_ITERATIONS = 10
"""Iterations per row and column after which a correction is given up: what can be corrected takes fewer than two."""

DECIDED = frozenset(
    {
        highspy.HighsModelStatus.kOptimal,
        highspy.HighsModelStatus.kInfeasible,
        highspy.HighsModelStatus.kUnbounded,
        highspy.HighsModelStatus.kUnboundedOrInfeasible,
        highspy.HighsModelStatus.kTimeLimit,
    }
)
"""After these there is nothing to try in another way: that what is missing cannot be added is an answer too."""

TOLERANCE = 1e-9
"""What the solver is asked to keep to in the enlarged programs."""

SMALLEST_COEFFICIENT = 1e-12
"""Smaller coefficients of a scaled program are left to the next round: the least the solver accepts."""

type LongArray = NDArray[np.longdouble]
"""Numbers of extended precision."""


@dataclass(frozen=True, eq=False)
class _Equalities:
    """A program as a minimisation under equalities, rows and columns scaled by powers of two.

    Every row with two different limits gets a variable that stands for its activity, so that its price is the reduced
    cost of that variable and is corrected like any other.

    Attributes:
        matrix: in double precision, ``(rows, columns + activities)``.
        exact: the same in extended precision.
        magnitude: its absolute values.
        cost: of the variables, activities last.
        lower: bounds of the variables.
        upper: likewise.
        demanded: what every row must equal, ``(rows,)``.
        rows: factor of each row.
        columns: what one unit of a scaled variable is worth in the program's, ``(columns,)``.
        free: numbers of the rows that have an activity variable.
    """

    matrix: scipy.sparse.csc_array
    exact: scipy.sparse.csc_array
    magnitude: scipy.sparse.csc_array
    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    demanded: FloatArray
    rows: FloatArray
    columns: FloatArray
    free: NDArray[np.int64]

    @classmethod
    def of(cls, arrays: Arrays, most: float) -> _Equalities:
        rows, columns = _factors(arrays.matrix, most)
        scaled = arrays.matrix.copy()
        scaled.data = scaled.data * rows[scaled.indices] * np.repeat(columns, np.diff(scaled.indptr))
        low, high = arrays.row_lower * rows, arrays.row_upper * rows
        equal = low == high
        free = np.flatnonzero(~equal)
        activities = scipy.sparse.csc_array(
            (np.full(free.size, -1.0), (free, np.arange(free.size))), shape=(rows.size, free.size)
        )
        matrix = scipy.sparse.csc_array(scipy.sparse.hstack([scaled, activities], format="csc"))
        return cls(
            matrix,
            matrix.astype(np.longdouble),
            abs(matrix),
            np.concatenate([arrays.sense.value * arrays.objective * columns, np.zeros(free.size)]),
            np.concatenate([arrays.lower / columns, low[free]]),
            np.concatenate([arrays.upper / columns, high[free]]),
            np.where(equal, low, 0.0),
            rows,
            columns,
            free,
        )

    def point(self, values: FloatArray, prices: FloatArray) -> _Point:
        """Return values ``(columns,)`` and prices ``(rows,)`` of the minimisation as a point of this form."""
        own = values.astype(np.longdouble) / self.columns
        activity = np.asarray(self.exact[:, : own.size] @ own)
        return _Point.at(self, np.concatenate([own, activity[self.free]]), prices.astype(np.longdouble) / self.rows)

    @property
    def worth(self) -> FloatArray:
        """What one unit of each variable is worth in the program as it was stated, activities last."""
        return np.concatenate([self.columns, 1 / self.rows[self.free]])

    def nothing(self) -> _Point:
        """Return the point at which nothing has been solved for yet."""
        rows, columns = self.matrix.shape
        return _Point.at(self, np.zeros(columns, dtype=np.longdouble), np.zeros(rows, dtype=np.longdouble))

    def answer(self, point: _Point, sense: Sense) -> Answer:
        """Return a point as an answer to the program it is the form of."""
        own = slice(self.columns.size)
        return Answer(
            _double(point.values[own] * self.columns),
            _double(sense.value * point.prices * self.rows),
            _double(sense.value * point.reduced[own] / self.columns),
        )

    def basis(self, start: Basis) -> highspy.HighsBasis:
        """Return the basis of this form that is another one's of the program."""
        basic, fixed = highspy.HighsBasisStatus.kBasic, highspy.HighsBasisStatus.kLower
        rows = list(start.native.row_status)
        activities = [rows[row] for row in self.free.tolist()]
        for row in self.free.tolist():
            rows[row] = fixed
        result = highspy.HighsBasis()
        result.col_status = [*start.native.col_status, *activities]
        result.row_status = [basic if status == basic else fixed for status in rows]
        result.valid = True
        return result


@dataclass(frozen=True, eq=False)
class _Point:
    """An answer to the scaled program with its residuals, in extended precision.

    Attributes:
        values: of the variables.
        prices: ``(rows,)``.
        missing: what each row lacks of what it must equal, ``(rows,)``.
        reduced: costs of the variables.
        primal: largest absolute value of what is missing.
        dual: largest reduced cost of the wrong sign.
        worst: the larger of both relative to the largest term of its own row or column.
    """

    values: LongArray
    prices: LongArray
    missing: LongArray
    reduced: LongArray
    primal: float
    dual: float
    worst: float

    def improves(self, other: _Point) -> bool:
        """Whether less is missed than at another point, where it is missed most."""
        return (
            self.worst < other.worst
            or self.primal < WORTH_WHILE * other.primal
            or (self.primal <= other.primal and self.dual < WORTH_WHILE * other.dual)
        )

    @classmethod
    def at(cls, program: _Equalities, values: LongArray, prices: LongArray) -> _Point:
        values = np.clip(values, program.lower, program.upper)
        missing = program.demanded.astype(np.longdouble) - np.asarray(program.exact @ values)
        reduced = program.cost.astype(np.longdouble) - np.asarray(program.exact.T @ prices)
        size = np.abs(values)
        terms = np.abs(program.demanded) + np.asarray(program.magnitude @ _above_noise(size, program.worth))
        weights = np.abs(program.cost) + np.asarray(program.magnitude.T @ _above_noise(np.abs(prices), program.rows))
        near = NEAR_A_LIMIT * np.maximum(size, 1.0)
        wrong = np.maximum(
            np.where(values - program.lower > near, reduced, 0.0),
            np.where(program.upper - values > near, -reduced, 0.0),
        )
        # A price on an activity is relative to prices beside it, since it has no terms but itself.
        own = program.columns.size
        weights[own:] = np.maximum(weights[own:], NEAR_A_LIMIT * float(weights.max(initial=0.0)))
        missed = np.abs(missing)
        return cls(
            values,
            prices,
            missing,
            reduced,
            float(missed.max(initial=0.0)),
            float(wrong.max(initial=0.0)),
            max(_largest_ratio(missed, terms), _largest_ratio(wrong, weights)),
        )


def refined(arrays: Arrays, answer: Answer, basis: Basis | None, deadline: Deadline) -> Answer:
    """Return an optimal answer with what it misses of its own program's conditions added, if that is not rounding.

    Args:
        arrays: the program, without integer variables.
        answer: what the solver calls optimal.
        basis: where it ended.
        deadline: after which the answer stays as it is by then.
    """
    if not arrays.matrix.nnz or not (np.isfinite(answer.values).all() and np.isfinite(answer.shadow_prices).all()):
        return answer
    if _plainly_exact(arrays, answer):
        return answer
    best: tuple[_Equalities, _Point] | None = None
    dropped = _drops_coefficients(arrays)
    for most in LARGEST_COEFFICIENTS:
        program = _Equalities.of(arrays, most)
        point = program.point(answer.values, arrays.sense.value * answer.shadow_prices)
        if point.worst <= EXACT_ENOUGH:
            return answer
        point = _improved(program, point, basis, deadline)
        if point.worst > HOPELESS and dropped:
            # What the solver answered was to a program without the coefficients it dropped: begin with all of them.
            afresh = _improved(program, program.nothing(), None, deadline)
            point = afresh if afresh.worst <= HOPELESS else point
        if best is None or point.worst <= HOPELESS or max(point.primal, point.dual) <= TOLERANCE:
            best = program, point
        if point.worst <= HOPELESS or not dropped:
            break
    return answer if best is None else best[0].answer(best[1], arrays.sense)


def _plainly_exact(arrays: Arrays, answer: Answer) -> bool:
    """Whether double precision shows that an answer misses nothing, as most do: no more has to be computed then.

    The conditions are those of ``_Point``, without what it excuses, so that what passes here would pass there.
    """
    matrix, magnitude = arrays.matrix, abs(arrays.matrix)
    values = np.clip(answer.values, arrays.lower, arrays.upper)
    prices = arrays.sense.value * answer.shadow_prices
    cost = arrays.sense.value * arrays.objective
    activity, terms = matrix @ values, magnitude @ np.abs(values)
    room = PLAINLY * np.maximum(terms, np.maximum(_finite_size(arrays.row_lower), _finite_size(arrays.row_upper)))
    if np.any(activity < arrays.row_lower - room) or np.any(activity > arrays.row_upper + room):
        return False
    if np.any((activity - arrays.row_lower > room) & (prices > 0)) or np.any(
        (arrays.row_upper - activity > room) & (prices < 0)
    ):
        return False
    reduced, weights = cost - matrix.T @ prices, np.abs(cost) + magnitude.T @ np.abs(prices)
    near = PLAINLY * np.abs(values)
    wrong = np.maximum(
        np.where(values - arrays.lower > near, reduced, 0.0), np.where(arrays.upper - values > near, -reduced, 0.0)
    )
    return bool(np.all(wrong <= PLAINLY * weights))


def solved_afresh(arrays: Arrays, deadline: Deadline) -> Answer | None:
    """Return the answer to a program whose smallest coefficients the solver would drop, or none if it has none."""
    if not _drops_coefficients(arrays):
        return None
    for most in LARGEST_COEFFICIENTS:
        program = _Equalities.of(arrays, most)
        point = _improved(program, program.nothing(), None, deadline)
        if point.worst <= HOPELESS:
            return program.answer(point, arrays.sense)
    return None


def _drops_coefficients(arrays: Arrays) -> bool:
    """Whether the solver may have left out coefficients of the program."""
    sizes = np.abs(arrays.matrix.data)
    return bool(((sizes > 0) & (sizes <= DROPPED)).any())


def _improved(program: _Equalities, point: _Point, basis: Basis | None, deadline: Deadline) -> _Point:
    """Return a point corrected until only rounding is left, or as far as the solver gets."""
    engine = _Correction(program, basis)
    for _ in range(MOST_ROUNDS):
        if point.worst <= ROUNDING or deadline.passed:
            break
        better = engine.improved(point, deadline)
        if better is None or not better.improves(point):
            break
        point = better
    return point


class _Correction:
    """The solver of the programs that ask for what an answer misses."""

    def __init__(self, program: _Equalities, basis: Basis | None) -> None:
        self._program = program
        solver: Any = highspy.Highs
        self._highs = solver()
        for option, value in (
            ("output_flag", False),
            ("threads", 1),
            ("primal_feasibility_tolerance", TOLERANCE),
            ("dual_feasibility_tolerance", TOLERANCE),
            ("small_matrix_value", SMALLEST_COEFFICIENT),
            ("presolve", "off"),
            ("simplex_iteration_limit", MOST_ITERATIONS * sum(program.matrix.shape)),
        ):
            self._highs.setOptionValue(option, value)
        matrix = program.matrix
        rows, columns = matrix.shape
        self._highs.passModel(
            columns,
            rows,
            matrix.nnz,
            int(highspy.MatrixFormat.kColwise),
            1,
            0.0,
            program.cost,
            program.lower,
            program.upper,
            program.demanded,
            program.demanded,
            matrix.indptr,
            matrix.indices,
            matrix.data,
            np.zeros(columns, dtype=np.int32),
        )
        self._from_scratch = basis is None or (basis.columns, basis.rows) != (program.columns.size, rows)
        if basis is not None and not self._from_scratch:
            self._highs.setBasis(program.basis(basis))

    def improved(self, point: _Point, deadline: Deadline) -> _Point | None:
        """Return the point with what it misses added, or none if the solver finds no correction."""
        program, highs = self._program, self._highs
        rows, columns = program.matrix.shape
        primal, dual = _factor(point.primal), _factor(point.dual)
        place, number = np.arange(columns, dtype=np.int32), np.arange(rows, dtype=np.int32)
        changes = (
            # A variable that costs very much stays where it is, however much.
            highs.changeColsCost(columns, place, np.clip(_double(dual * point.reduced), -LARGEST_COST, LARGEST_COST)),
            highs.changeColsBounds(
                columns,
                place,
                _double(primal * (program.lower - point.values)),
                _double(primal * (program.upper - point.values)),
            ),
            highs.changeRowsBounds(
                rows,
                number,
                _double(primal * point.missing),
                _double(primal * point.missing),
            ),
            highs.setOptionValue("time_limit", highs.getRunTime() + deadline.left),
        )
        if any(change == highspy.HighsStatus.kError for change in changes):
            return None
        # From scratch the first run is what the first of the other methods does.
        untried = OTHER_METHODS[1:] if self._from_scratch else OTHER_METHODS
        self._from_scratch = False
        ran = highs.run()
        for method in untried:
            if highs.getModelStatus() in DECIDED or deadline.passed:
                break
            highs.clearSolver()
            highs.setOptionValue("simplex_strategy", method.value)
            highs.setOptionValue("time_limit", highs.getRunTime() + deadline.left)
            ran = run_without_standstill(highs)
        solution = highs.getSolution()
        optimal = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        if ran == highspy.HighsStatus.kError or not (optimal and solution.value_valid and solution.dual_valid):
            return None
        values = point.values + np.array(solution.col_value, dtype=np.longdouble) / primal
        prices = point.prices + np.array(solution.row_dual, dtype=np.longdouble) / dual
        return _Point.at(program, values, prices)


def _factor(residual: float) -> float:
    """Return the power of two that brings a residual to about one; one where nothing is missing."""
    if residual <= 0:
        return 1.0
    return float(2.0 ** np.clip(np.floor(-np.log2(residual)), 0.0, LARGEST_FACTOR))


def _factors(matrix: scipy.sparse.csc_array, most: float) -> tuple[FloatArray, FloatArray]:
    """Return powers of two for rows and columns that bring coefficients near to one, and none far above it."""
    size = np.log2(np.abs(matrix.data), out=np.full(matrix.nnz, np.nan), where=matrix.data != 0)
    column = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
    rows, columns = np.zeros(matrix.shape[0]), np.zeros(matrix.shape[1])
    for _ in range(SCALING_ROUNDS):
        rows = _centred(size + columns[column], matrix.indices, rows.size, most)
        columns = _centred(size + rows[matrix.indices], column, columns.size, most)
    return np.exp2(np.round(rows)), np.exp2(np.round(columns))


def _centred(size: FloatArray, place: NDArray[np.integer[Any]], count: int, most: float) -> FloatArray:
    """Return by how much binary logarithms at each place must be moved to lie around zero, none above the most."""
    known = np.isfinite(size)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, place[known], size[known])
    np.maximum.at(high, place[known], size[known])
    filled = np.isfinite(low)
    low, high = np.where(filled, low, 0.0), np.where(filled, high, 0.0)
    moved: FloatArray = np.minimum(-(low + high) / 2, most - high)
    return moved


def _above_noise(sizes: LongArray, worth: FloatArray) -> FloatArray:
    """Return sizes of scaled numbers, those that are noise beside the largest raised to where noise ends.

    Args:
        sizes: of the scaled numbers.
        worth: of one unit of each in the program as it was stated, in which they are compared.
    """
    least = NOISE * float((sizes * worth).max(initial=0.0))
    return _double(np.maximum(sizes, least / worth))


def _double(values: LongArray) -> FloatArray:
    return values.astype(np.float64)


def _finite_size(limits: FloatArray) -> FloatArray:
    return np.where(np.isfinite(limits), np.abs(limits), 0.0)


def _largest_ratio(errors: LongArray, terms: FloatArray) -> float:
    """Return the largest error relative to its terms; an error where there is nothing is infinite."""
    wrong = errors > 0
    with np.errstate(divide="ignore", over="ignore"):
        ratios = errors[wrong] / terms[wrong]
    return float(ratios.max(initial=0.0))
