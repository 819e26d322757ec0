"""A linear program that is solved, changed, and solved again from where it stood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.linear_program.assembly import Sense, reaches_into, replaced
from marketgame.mechanisms.linear_program.basis import Basis
from marketgame.mechanisms.linear_program.blocks import Kind, positions_of
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.linear_program.highs import Limits, Simplex, Solver, SolverOutcome
from marketgame.mechanisms.linear_program.refinement import refined, solved_afresh
from marketgame.mechanisms.linear_program.solution import Solution, Status
from marketgame.mechanisms.linear_program.statement import (
    Members,
    Statement,
    broadcast_entries,
    fitting,
    limits,
    ordered_bounds,
    require_finite,
)


class LinearProgram(Statement):
    """A linear program with named blocks, and the solver that holds it.

    After the first solve every change (objective, bounds, limits, coefficients, new variables, new constraints)
    reaches the solver as a change, and the next solve starts from the last basis.
    """

    def __init__(self, sense: Sense = Sense.MINIMIZE) -> None:
        super().__init__(sense)
        self._engine: Solver | None = None
        # What the solver holds: its rows and columns, and whether their coefficients have changed since.
        self._held = (0, 0)
        self._stale = False
        self._start: Basis | None = None
        # What the last solve ended with, as the solver said it and as it was returned.
        self._last: tuple[SolverOutcome, Solution] | None = None

    def set_objective(self, variables: Members, values: ArrayLike) -> None:
        """Replace objective coefficients.

        Raises:
            ValueError: shapes do not broadcast or a value is not finite.
        """
        columns = positions_of(variables, Kind.VARIABLES).ravel()
        new = fitting("objective", variables, values).ravel()
        require_finite("objective", variables, new)
        self._objective.values[columns] = new
        if self._engine is not None:
            held = columns < self._held[1]
            self._engine.change_objective(columns[held], new[held])

    def set_bounds(self, variables: Members, *, lower: ArrayLike | None = None, upper: ArrayLike | None = None) -> None:
        """Replace lower bounds, upper bounds or both; what is not given stays.

        Raises:
            ValueError: shapes do not broadcast, a bound is undefined, or a lower bound exceeds its upper bound.
        """
        columns = positions_of(variables, Kind.VARIABLES).ravel()
        present = (self._lower.values[columns], self._upper.values[columns])
        low, high = ordered_bounds(variables, lower, upper, present)
        self._lower.values[columns] = low
        self._upper.values[columns] = high
        if self._engine is not None:
            held = columns < self._held[1]
            self._engine.change_bounds(columns[held], low[held], high[held])

    def set_limits(
        self,
        rows: Members,
        *,
        at_least: ArrayLike | None = None,
        at_most: ArrayLike | None = None,
        equal_to: ArrayLike | None = None,
    ) -> None:
        """Replace the limits of constraints; a side that is not given is dropped.

        Raises:
            ValueError: as for ``constraints``.
        """
        low, high = (side.ravel() for side in limits(rows, at_least, at_most, equal_to))
        constraints = positions_of(rows, Kind.CONSTRAINTS).ravel()
        self._row_lower.values[constraints] = low
        self._row_upper.values[constraints] = high
        if self._engine is not None:
            held = constraints < self._held[0]
            self._engine.change_limits(constraints[held], low[held], high[held])

    def set_coefficients(self, rows: Members, variables: Members, coefficients: ArrayLike) -> None:
        """Replace coefficients, present or not.

        Raises:
            ValueError: shapes do not broadcast or a coefficient is not finite.
        """
        entries = broadcast_entries(rows, variables, coefficients)
        self._absorb()
        self._matrix = replaced(self._matrix, entries)
        self._stale = True

    def solve(
        self,
        *,
        seconds: float | None = None,
        iterations: int | None = None,
        gap: float = 0.0,
        simplex: Simplex = Simplex.DUAL,
        evidence: bool = True,
        refine: bool = True,
        deadline: Deadline = NO_DEADLINE,
    ) -> Solution:
        """Solve from the last basis, or from the one set.

        Args:
            seconds: wall time allowed to this solve, or none.
            iterations: simplex iterations allowed, or none.
            gap: relative optimality gap to accept when there are integer variables.
            simplex: which simplex method to use; after variables are added the automatic choice is quick.
            evidence: whether to ask for the proof when infeasible or unbounded, which may take another solve.
            refine: whether to add what the solver's tolerances leave out of its answer; ``refined`` does so later.
            deadline: of everything this solve is part of; whichever limit comes first holds.

        Returns:
            The outcome, with its status as data.

        Raises:
            SolverRefusedError: the solver did not accept the program.
        """
        engine = self._synchronised()
        if self._start is not None:
            engine.basis = self._start
            self._start = None
        found = engine.run(Limits(deadline.within(seconds), iterations, gap, simplex, evidence))
        self._last = found, self._solution(found)
        if engine.left_running:
            self._engine = None
            return self._last[1]
        return self.refined(self._last[1], deadline) if refine else self._last[1]

    def refined(self, solution: Solution, deadline: Deadline = NO_DEADLINE) -> Solution:
        """Return an optimum with what the solver's tolerances left out added.

        Raises:
            ValueError: it is not the last one.
        """
        if self._engine is None or self._last is None or not self.is_last(solution):
            raise ValueError("only the solution of the last solve can be refined")
        found = self._last[0]
        better = self._refined(self._engine, found, deadline)
        return solution if better is found else self._solution(better)

    def is_last(self, solution: Solution) -> bool:
        """Whether a solution is what the last solve returned, and can be refined."""
        return self._last is not None and solution is self._last[1]

    @property
    def size(self) -> tuple[int, int]:
        """Number of variables and of constraints."""
        return self._objective.size, self._row_lower.size

    def _solution(self, outcome: SolverOutcome) -> Solution:
        return Solution(
            outcome.status,
            outcome.objective,
            outcome.bound,
            outcome.iterations,
            outcome.seconds,
            dict(self._variables),
            dict(self._constraints),
            self._multiplier_sign(),
            outcome.answer,
            outcome.ray,
            outcome.best_known,
        )

    def _refined(self, engine: Solver, outcome: SolverOutcome, deadline: Deadline) -> SolverOutcome:
        """Return an optimum with what the solver's tolerances left out added."""
        if outcome.status in (Status.TIME_LIMIT, Status.ITERATION_LIMIT) or self._integer.values.any():
            return outcome
        arrays = self.arrays()
        if outcome.answer is None:
            answer = solved_afresh(arrays, deadline)
        else:
            answer = refined(arrays, outcome.answer, engine.basis, deadline)
        if answer is None or answer is outcome.answer:
            return outcome
        objective = float(arrays.objective @ answer.values)
        return replace(outcome, status=Status.OPTIMAL, objective=objective, bound=objective, answer=answer, ray=None)

    @property
    def basis(self) -> Basis | None:
        """Where the last solve ended; set it to start the next solve from there."""
        return self._engine.basis if self._engine is not None else None

    @basis.setter
    def basis(self, basis: Basis) -> None:
        if (basis.columns, basis.rows) != (self._objective.size, self._row_lower.size):
            raise ValueError(
                f"a basis of {basis.columns} variables and {basis.rows} constraints does not fit a program of "
                f"{self._objective.size} and {self._row_lower.size}"
            )
        self._start = basis

    def forget(self) -> None:
        """Start the next solve from scratch."""
        self._start = None
        if self._engine is not None:
            self._engine.forget()

    def _absorb(self) -> None:
        self._stale = self._stale or reaches_into(self._pieces, *self._held)
        super()._absorb()

    def _synchronised(self) -> Solver:
        """Return the solver, holding the program as it is now."""
        self._absorb()
        if self._engine is None:
            self._engine = Solver()
            self._engine.load(self.arrays())
        elif self._stale:
            basis = self._engine.basis
            self._engine.load(self.arrays())
            if basis is not None:
                self._engine.basis = basis.padded(self._objective.size, self._row_lower.size)
        else:
            self._append(self._engine)
        self._held = (self._row_lower.size, self._objective.size)
        self._stale = False
        return self._engine

    def _append(self, engine: Solver) -> None:
        """Hand the solver the constraints and variables stated since the last solve."""
        rows, columns = self._held
        if self._row_lower.size > rows:
            coefficients = self._matrix[rows:, :columns].tocsr()
            engine.add_rows(self._row_lower.values[rows:], self._row_upper.values[rows:], coefficients)
        if self._objective.size > columns:
            engine.add_columns(
                self._objective.values[columns:],
                self._lower.values[columns:],
                self._upper.values[columns:],
                self._integer.values[columns:],
                self._matrix[:, columns:],
            )

    def _multiplier_sign(self) -> FloatArray:
        """Sign that turns a shadow price into a nonnegative multiplier on one-sided constraints, ``(rows,)``.

        Relaxing a lower limit means lowering it, so its shadow price is minus the worth of relaxation when
        maximising; relaxing an upper limit of a minimisation is worth minus its shadow price.
        """
        only_lower = np.isinf(self._row_upper.values) & np.isfinite(self._row_lower.values)
        only_upper = np.isinf(self._row_lower.values) & np.isfinite(self._row_upper.values)
        flipped = only_lower if self.sense is Sense.MAXIMIZE else only_upper
        return np.where(flipped, -1.0, 1.0)
