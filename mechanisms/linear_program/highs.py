"""The conversation with HiGHS: finished arrays in, status and numbers out."""

from __future__ import annotations

import atexit
import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from threading import Thread
from typing import Any

import highspy
import numpy as np
import scipy

from marketgame.mechanisms import SOLVER_THREAD, UnansweredError
from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.linear_program.assembly import Arrays, PositionArray
from marketgame.mechanisms.linear_program.basis import Basis
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.linear_program.solution import Answer, Status

FEASIBILITY_TOLERANCE = 1e-9
"""Largest violation of a constraint or of a reduced cost's sign the solver may leave, in the program's units."""

SMALLEST_COEFFICIENT = 1e-12
"""Smaller coefficients of a linear program count as zero: the least the solver accepts for this."""

SMALLEST_COEFFICIENT_BESIDE_INTEGERS = 1e-9
"""The same of a program with integer variables: with less, the solver's own cuts have excluded its optimum."""

STATUS = {
    highspy.HighsModelStatus.kOptimal: Status.OPTIMAL,
    highspy.HighsModelStatus.kModelEmpty: Status.OPTIMAL,
    highspy.HighsModelStatus.kInfeasible: Status.INFEASIBLE,
    highspy.HighsModelStatus.kUnbounded: Status.UNBOUNDED,
    highspy.HighsModelStatus.kTimeLimit: Status.TIME_LIMIT,
    highspy.HighsModelStatus.kIterationLimit: Status.ITERATION_LIMIT,
    highspy.HighsModelStatus.kSolutionLimit: Status.ITERATION_LIMIT,
}


STANDSTILL = 100
"""So many moves per variable without an iteration are a standstill: prices stay, so each has cause for one or two."""


LATE, LEAST_LATE = 0.05, 0.1
"""A solver of programs with integers may end so much too late, as a share of its limit and in seconds at least."""


class SolverRefusedError(UnansweredError, RuntimeError):
    """The solver did not accept a program or a change to it."""


class _StillRunningError(Exception):
    """The solver did not stop when it was to, and was left behind."""


class Simplex(Enum):
    """Which simplex method to start with; the value is the solver's number for it."""

    AUTOMATIC = 0
    DUAL = 1
    PRIMAL = 4


PLAIN_ATTEMPTS = (Simplex.DUAL, Simplex.PRIMAL)
"""What to try, from scratch and without presolve, when a solve does not decide.

Presolve may leave open whether a program is infeasible or unbounded, and one simplex method sometimes ends with an
unknown status where the other one decides.
"""


@dataclass(frozen=True)
class Limits:
    """When to stop, and how to start.

    Attributes:
        deadline: when to stop, whatever has to be solved again for the answer.
        iterations: simplex iterations of this solve, or none.
        gap: relative gap at which a program with integer variables counts as optimal.
        simplex: which simplex method to use.
        evidence: whether to ask for the proof when infeasible or unbounded; a program with integer variables, for
            which there is none, is then solved a second time in another way.
    """

    deadline: Deadline = NO_DEADLINE
    iterations: int | None = None
    gap: float = 0.0
    simplex: Simplex = Simplex.DUAL
    evidence: bool = True


@dataclass(frozen=True, eq=False)
class SolverOutcome:
    """What came back from a run."""

    status: Status
    objective: float
    bound: float
    iterations: int
    seconds: float
    answer: Answer | None = None
    ray: FloatArray | None = None
    best_known: FloatArray | None = None


def run_without_standstill(highs: Any) -> highspy.HighsStatus:
    """Run the solver, and stop it where its primal simplex moves variables from bound to bound for ever.

    On programs with bounds of 1e16 it has done so until the time it was given was over, however long that was.
    """
    most = STANDSTILL * max(highs.getNumCol(), 1)
    iterations = moves = 0

    def watch(event: highspy.HighsCallbackEvent) -> None:
        nonlocal iterations, moves
        now = event.data_out.simplex_iteration_count
        iterations, moves = now, moves + 1 if now == iterations else 0
        if moves > most:
            event.interrupt()

    highs.cbSimplexInterrupt.subscribe(watch)
    try:
        ran: highspy.HighsStatus = highs.run()
    finally:
        highs.cbSimplexInterrupt.unsubscribe(watch)
    return ran


def run_in_time(run: Callable[[], highspy.HighsStatus], deadline: Deadline) -> highspy.HighsStatus:
    """Run the solver in a thread of its own, and leave it behind there if it does not stop when it must.

    On a program with integer variables HiGHS asks for the time only here and there: given two seconds, it has taken
    more than 250. Interrupts it asks for in the same places.

    Raises:
        _StillRunningError: it still runs; nothing may touch it any more.
    """
    if math.isinf(deadline.left):
        return run()
    ended: Future[highspy.HighsStatus] = Future()

    def solve() -> None:
        try:
            ended.set_result(run())
        except BaseException as fault:
            ended.set_exception(fault)

    thread = Thread(target=solve, name=SOLVER_THREAD, daemon=True)
    thread.start()
    try:
        return ended.result(deadline.left + max(LATE * deadline.left, LEAST_LATE))
    except TimeoutError:
        raise _StillRunningError from None
    finally:
        if not ended.done():
            # Python must not end under its feet; the solver does look at its clock in the end.
            atexit.register(thread.join)


class Solver:
    """One HiGHS object that holds a program and remembers where its last solve ended.

    Attributes:
        left_running: whether it did not stop at its limit and was left behind; it is of no use any more.
    """

    def __init__(self) -> None:
        self.left_running = False
        # The package's type stubs lack the constructor's signature and the rays.
        solver: Any = highspy.Highs
        self._highs = solver()
        self._mixed_integer = False
        self._unit = 1.0
        self._sense = 1.0
        # HiGHS has one thread pool per process: solving with another number of threads later returns an error.
        for option, value in (
            ("output_flag", False),
            ("threads", 1),
            ("primal_feasibility_tolerance", FEASIBILITY_TOLERANCE),
            ("dual_feasibility_tolerance", FEASIBILITY_TOLERANCE),
        ):
            self._require(self._highs.setOptionValue(option, value), f"option {option}")

    def load(self, program: Arrays) -> None:
        """Replace whatever the solver holds by this program; the basis is forgotten.

        The objective is handed over in units of its largest coefficient, so that the solver's absolute
        tolerance on reduced costs is relative to the data. The unit is a power of two, which changes no digit.
        """
        objective = program.objective
        largest = max(float(objective.max(initial=0.0)), -float(objective.min(initial=0.0)))
        self._unit = float(2.0 ** np.round(np.log2(largest))) if largest > 0 else 1.0
        matrix = program.matrix
        rows, columns = matrix.shape
        self._mixed_integer = bool(program.integer.any())
        self._sense = float(program.sense.value)
        self._choose_smallest_coefficient()
        status = self._highs.passModel(
            columns,
            rows,
            matrix.nnz,
            int(highspy.MatrixFormat.kColwise),
            program.sense.value,
            0.0,
            objective if self._unit == 1.0 else objective / self._unit,
            program.lower,
            program.upper,
            program.row_lower,
            program.row_upper,
            matrix.indptr,
            matrix.indices,
            matrix.data,
            program.integer.astype(np.int32, copy=False),
        )
        self._require(status, "program")

    def add_rows(self, lower: FloatArray, upper: FloatArray, coefficients: scipy.sparse.csr_array) -> None:
        """Append constraints, ``(new rows, present columns)``; the basis stays."""
        status = self._highs.addRows(
            lower.size,
            lower,
            upper,
            coefficients.nnz,
            coefficients.indptr.astype(np.int32, copy=False),
            coefficients.indices.astype(np.int32, copy=False),
            coefficients.data,
        )
        self._require(status, "new constraints")

    def add_columns(
        self,
        objective: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        integer: BooleanArray,
        coefficients: scipy.sparse.csc_array,
    ) -> None:
        """Append variables, ``(present rows, new columns)``; the basis stays."""
        first = self._highs.getNumCol()
        status = self._highs.addCols(
            lower.size,
            objective / self._unit,
            lower,
            upper,
            coefficients.nnz,
            coefficients.indptr.astype(np.int32, copy=False),
            coefficients.indices.astype(np.int32, copy=False),
            coefficients.data,
        )
        self._require(status, "new variables")
        whole = np.flatnonzero(integer).astype(np.int32) + first
        if whole.size:
            kinds = np.full(whole.size, int(highspy.HighsVarType.kInteger), dtype=np.uint8)
            self._require(self._highs.changeColsIntegrality(whole.size, whole, kinds), "integer variables")
            self._mixed_integer = True
            self._choose_smallest_coefficient()

    def change_objective(self, columns: PositionArray, values: FloatArray) -> None:
        """Replace objective coefficients, ``(entries,)``."""
        status = self._highs.changeColsCost(columns.size, columns, values / self._unit)
        self._require(status, "objective")

    def change_bounds(self, columns: PositionArray, lower: FloatArray, upper: FloatArray) -> None:
        """Replace bounds of variables, ``(entries,)``."""
        status = self._highs.changeColsBounds(columns.size, columns, lower, upper)
        self._require(status, "bounds")

    def change_limits(self, rows: PositionArray, lower: FloatArray, upper: FloatArray) -> None:
        """Replace limits of constraints, ``(entries,)``."""
        status = self._highs.changeRowsBounds(rows.size, rows, lower, upper)
        self._require(status, "limits")

    @property
    def basis(self) -> Basis | None:
        """Where the last solve ended, if it ended at a basis."""
        native = self._highs.getBasis()
        return Basis(native, self._highs.getNumCol(), self._highs.getNumRow()) if native.valid else None

    @basis.setter
    def basis(self, basis: Basis) -> None:
        self._require(self._highs.setBasis(basis.native), "basis")

    def forget(self) -> None:
        """Forget where the last solve ended."""
        self._require(self._highs.clearSolver(), "request to start afresh")

    def run(self, limits: Limits) -> SolverOutcome:
        """Solve from where the last solve ended."""
        began = time.monotonic()
        try:
            return self._ran(limits)
        except _StillRunningError:
            self.left_running = True
            nothing, seconds = float("nan"), time.monotonic() - began
            return SolverOutcome(Status.TIME_LIMIT, nothing, -self._sense * math.inf, 0, seconds)

    def _ran(self, limits: Limits) -> SolverOutcome:
        """Solve and return what came of it.

        Every return status is checked: HiGHS may report an error by its status alone, with an objective of 0.
        """
        self._apply(limits)
        begin = self._highs.getRunTime()
        ran = self._run_by(limits.simplex, limits.deadline)
        model = self._highs.getModelStatus()
        for attempt in PLAIN_ATTEMPTS:
            if model in STATUS and ran != highspy.HighsStatus.kError:
                break
            model, ran = self._run_afresh(attempt, limits.deadline)
        if self._found_impossible_before_solving():
            model, ran = self._run_afresh(Simplex.DUAL, limits.deadline)
        status = STATUS.get(model, Status.FAILED) if ran != highspy.HighsStatus.kError else Status.FAILED
        information = self._highs.getInfo()
        seconds = self._highs.getRunTime() - begin
        iterations = max(information.simplex_iteration_count, 0)
        if status is Status.OPTIMAL:
            found = self._optimum(iterations, seconds)
            return self._doubted(found, limits.deadline) if self._mixed_integer and limits.evidence else found
        found = SolverOutcome(
            status,
            float("nan"),
            self._bound() if self._mixed_integer else float("nan"),
            iterations,
            seconds,
            ray=self._ray(status) if limits.evidence else None,
            best_known=self._best_known() if status in (Status.TIME_LIMIT, Status.ITERATION_LIMIT) else None,
        )
        # Without presolve the solver has called programs impossible of which a point was at hand.
        doubtful = self._mixed_integer and status is Status.INFEASIBLE and limits.evidence
        return self._doubted(found, limits.deadline) if doubtful else found

    def _found_impossible_before_solving(self) -> bool:
        """Whether presolve alone says that there is no answer, which it has said of programs that have one."""
        found: bool = self._highs.getModelPresolveStatus() == highspy.HighsPresolveStatus.kInfeasible
        return found

    def _apply(self, limits: Limits) -> None:
        self._stop_at(limits.deadline)
        iterations = limits.iterations if limits.iterations is not None else highspy.kHighsIInf
        for option, value in (
            ("simplex_iteration_limit", iterations),
            ("mip_rel_gap", limits.gap),
            ("simplex_strategy", limits.simplex.value),
            # On mixed-integer programs the solver's presolve, and its usual tolerance on whole numbers, have reported
            # optima that settled plays exceed.
            ("presolve", "off" if self._mixed_integer else "choose"),
            ("mip_feasibility_tolerance", 1e-9),
        ):
            self._require(self._highs.setOptionValue(option, value), f"option {option}")

    def _stop_at(self, deadline: Deadline) -> None:
        # The solver's clock runs on from solve to solve, so a limit is counted from now.
        self._require(self._highs.setOptionValue("time_limit", self._highs.getRunTime() + deadline.left), "time limit")

    def _run_afresh(self, simplex: Simplex, deadline: Deadline) -> tuple[highspy.HighsModelStatus, highspy.HighsStatus]:
        """Solve again from scratch without presolve, by the given method."""
        self.forget()
        self._require(self._highs.setOptionValue("presolve", "off"), "option presolve")
        self._require(self._highs.setOptionValue("simplex_strategy", simplex.value), "option simplex_strategy")
        self._stop_at(deadline)
        ran = self._run_by(simplex, deadline)
        self._require(self._highs.setOptionValue("presolve", "choose"), "option presolve")
        return self._highs.getModelStatus(), ran

    def _run_by(self, simplex: Simplex, deadline: Deadline) -> highspy.HighsStatus:
        highs = self._highs
        run = partial(run_without_standstill, highs) if simplex is Simplex.PRIMAL else highs.run
        return run_in_time(run, deadline) if self._mixed_integer else run()

    def _optimum(self, iterations: int, seconds: float) -> SolverOutcome:
        solution = self._highs.getSolution()
        columns, rows = self._highs.getNumCol(), self._highs.getNumRow()
        if not solution.value_valid or (not solution.dual_valid and not self._mixed_integer):
            return SolverOutcome(Status.FAILED, float("nan"), float("nan"), iterations, seconds)
        has_duals = bool(solution.dual_valid)
        answer = Answer(
            np.array(solution.col_value, dtype=np.float64),
            np.array(solution.row_dual) * self._unit if has_duals else np.zeros(rows),
            np.array(solution.col_dual) * self._unit if has_duals else np.zeros(columns),
        )
        objective = float(self._highs.getObjectiveValue()) * self._unit
        bound = self._bound() if self._mixed_integer else objective
        return SolverOutcome(Status.OPTIMAL, objective, bound, iterations, seconds, answer=answer)

    def _choose_smallest_coefficient(self) -> None:
        smallest = SMALLEST_COEFFICIENT_BESIDE_INTEGERS if self._mixed_integer else SMALLEST_COEFFICIENT
        self._require(self._highs.setOptionValue("small_matrix_value", smallest), "option small_matrix_value")

    def _doubted(self, found: SolverOutcome, deadline: Deadline) -> SolverOutcome:
        """Solve a program with integer variables again, with presolve; keep the better answer and the weaker bound.

        An answer is better than none, where it was found impossible.
        """
        self.forget()
        self._require(self._highs.setOptionValue("presolve", "on"), "option presolve")
        self._stop_at(deadline)
        try:
            ran = run_in_time(self._highs.run, deadline)
        except _StillRunningError:
            self.left_running = True
            return found
        if ran == highspy.HighsStatus.kError or STATUS.get(self._highs.getModelStatus()) is not Status.OPTIMAL:
            return found
        again = self._optimum(found.iterations, found.seconds)
        if again.status is not Status.OPTIMAL or found.status is not Status.OPTIMAL:
            return again if again.status is Status.OPTIMAL else found
        better, worse = sorted((found, again), key=lambda outcome: self._sense * outcome.objective)
        return replace(better, bound=min(better.bound, worse.bound, key=lambda bound: self._sense * bound))

    def _bound(self) -> float:
        return float(self._highs.getInfo().mip_dual_bound) * self._unit

    def _ray(self, status: Status) -> FloatArray | None:
        if self._mixed_integer or status not in (Status.INFEASIBLE, Status.UNBOUNDED):
            return None
        found = self._highs.getDualRay() if status is Status.INFEASIBLE else self._highs.getPrimalRay()
        returned, exists, ray = found
        if returned == highspy.HighsStatus.kError or not exists:
            return None
        return np.array(ray, dtype=np.float64)

    def _best_known(self) -> FloatArray | None:
        solution = self._highs.getSolution()
        feasible = self._highs.getInfo().primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible)
        if not (self._mixed_integer and solution.value_valid and feasible):
            return None
        return np.array(solution.col_value, dtype=np.float64)

    @staticmethod
    def _require(status: highspy.HighsStatus, what: str) -> None:
        if status == highspy.HighsStatus.kError:
            raise SolverRefusedError(f"HiGHS did not accept the {what}")
