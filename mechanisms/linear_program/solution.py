"""What the solver answers: a status as data, and values by the names of the program's blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.linear_program.blocks import Block


class Status(Enum):
    """How a solve ended; the value says what it means for the reader."""

    OPTIMAL = "an optimal answer was found"
    INFEASIBLE = "the constraints contradict each other"
    UNBOUNDED = "the objective can be improved without limit"
    TIME_LIMIT = "the time limit was reached before an answer was proved optimal"
    ITERATION_LIMIT = "the iteration limit was reached before an answer was proved optimal"
    FAILED = "the solver failed; its numbers mean nothing"


class NoAnswerError(UnansweredError, LookupError):
    """Something was read from a solution that does not hold it."""


type Parts = Mapping[str, tuple[Block, ...]]
"""The blocks of a name: one, or several when it was extended."""


@dataclass(frozen=True, eq=False)
class NamedArrays:
    """One number per variable or constraint, read as an array of its block's shape.

    Attributes:
        flat: all numbers in the program's order.
        parts: the blocks by name.
    """

    flat: FloatArray
    parts: Parts

    def __getitem__(self, name: str) -> FloatArray:
        try:
            blocks = self.parts[name]
        except KeyError:
            raise KeyError(f"no block named {name!r}; there are {', '.join(self.parts) or 'none'}") from None
        arrays = [self.flat[block.members].reshape(block.shape) for block in blocks]
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)


@dataclass(frozen=True, eq=False)
class Answer:
    """Numbers of an optimal or best known point, in the program's order."""

    values: FloatArray
    shadow_prices: FloatArray
    reduced_costs: FloatArray


@dataclass(frozen=True, eq=False)
class Solution:
    """Outcome of one solve.

    Attributes:
        status: how it ended.
        objective: optimal objective; not a number unless the status is ``OPTIMAL``.
        bound: proved bound on the objective; with integer variables it may be known before optimality is.
        iterations: simplex iterations made.
        seconds: wall time in the solver.
        variables: blocks of variables by name.
        constraints: blocks of constraints by name.
        sign: of each constraint's multiplier relative to its shadow price, ``(rows,)``.
        answer: the numbers, when the status is ``OPTIMAL``.
        ray: when infeasible the multipliers (in constraint order) that prove it, when unbounded the direction of
            endless improvement (in variable order), if the solver has one.
        best_known: for programs with integer variables stopped by a limit, the best feasible point found.
    """

    status: Status
    objective: float
    bound: float
    iterations: int
    seconds: float
    variables: Parts
    constraints: Parts
    sign: FloatArray
    answer: Answer | None = None
    ray: FloatArray | None = None
    best_known: FloatArray | None = None

    @property
    def optimal(self) -> bool:
        """Whether there is an answer to read."""
        return self.answer is not None

    def numbers(self) -> Answer:
        """Return the answer.

        Raises:
            NoAnswerError: the status is not ``OPTIMAL``.
        """
        if self.answer is None:
            raise NoAnswerError(f"there is no answer to read: {self.status.value}")
        return self.answer

    def __getitem__(self, name: str) -> FloatArray:
        return NamedArrays(self.numbers().values, self.variables)[name]

    @property
    def dual(self) -> NamedArrays:
        """Lagrange multipliers by constraint block; nonnegative on one-sided constraints."""
        return NamedArrays(self.numbers().shadow_prices * self.sign, self.constraints)

    @property
    def shadow_price(self) -> NamedArrays:
        """Change of the optimal objective per unit of the binding side, by constraint block."""
        return NamedArrays(self.numbers().shadow_prices, self.constraints)

    @property
    def reduced_cost(self) -> NamedArrays:
        """Change of the optimal objective per unit of the variable, by variable block."""
        return NamedArrays(self.numbers().reduced_costs, self.variables)

    @property
    def incumbent(self) -> NamedArrays:
        """Best feasible point found before a limit, by variable block: feasible, not optimal.

        Raises:
            NoAnswerError: none was found.
        """
        if self.best_known is None:
            raise NoAnswerError("no feasible point was found before the limit")
        return NamedArrays(self.best_known, self.variables)
