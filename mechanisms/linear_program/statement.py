"""What a linear program says, stated block by block."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.linear_program.assembly import (
    Arrays,
    DenseColumns,
    Piece,
    PositionArray,
    Sense,
    Triplets,
    extended,
)
from marketgame.mechanisms.linear_program.blocks import Block, Kind, Selection, labelled_dimensions, positions_of
from marketgame.mechanisms.linear_program.solution import Parts

type Members = Selection | Block
"""Variables or constraints: some of a block, or all of it."""


class GrowingVector[T: np.generic]:
    """One entry per variable or constraint, appended block by block."""

    def __init__(self, dtype: type[T]) -> None:
        self._parts: list[NDArray[T]] = [np.zeros(0, dtype=dtype)]
        self._size = 0

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._size

    def append(self, part: NDArray[T]) -> None:
        """Append the entries of a new block, in any shape; what is broadcast takes no memory yet."""
        self._parts.append(part.reshape(-1))
        self._size += part.size

    @property
    def values(self) -> NDArray[T]:
        """All entries, in one array that may be written to."""
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0]


class Statement:
    """Named blocks of variables and constraints, and their coefficients.

    Attributes:
        sense: direction of optimisation.
    """

    def __init__(self, sense: Sense = Sense.MINIMIZE) -> None:
        self.sense = sense
        self._variables: dict[str, tuple[Block, ...]] = {}
        self._constraints: dict[str, tuple[Block, ...]] = {}
        self._objective = GrowingVector(np.float64)
        self._lower = GrowingVector(np.float64)
        self._upper = GrowingVector(np.float64)
        self._integer = GrowingVector(np.bool_)
        self._row_lower = GrowingVector(np.float64)
        self._row_upper = GrowingVector(np.float64)
        self._matrix = scipy.sparse.csc_array((0, 0), dtype=np.float64)
        self._pieces: list[Piece] = []

    def variables(
        self,
        name: str,
        dimensions: Mapping[str, int] | None = None,
        *,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = np.inf,
        objective: ArrayLike = 0.0,
        integer: bool = False,
    ) -> Block:
        """State a block of variables.

        Args:
            name: not yet used by variables of this program.
            dimensions: label and size of each dimension; none for a single variable.
            lower: lower bounds, broadcast to the block's shape; minus infinity for none.
            upper: upper bounds, likewise.
            objective: objective coefficients, likewise.
            integer: whether these variables must be whole numbers.

        Returns:
            The block, to select from and to state coefficients with.

        Raises:
            ValueError: the name is taken, or an array does not fit or is undefined.
        """
        block = self._new_block(Kind.VARIABLES, name, dimensions or {})
        self._append_columns(block, lower, upper, objective, integer=integer)
        self._variables[name] = (block,)
        return block

    def constraints(
        self,
        name: str,
        dimensions: Mapping[str, int] | None = None,
        *,
        at_least: ArrayLike | None = None,
        at_most: ArrayLike | None = None,
        equal_to: ArrayLike | None = None,
    ) -> Block:
        """State a block of constraints; coefficients come with ``add`` and ``set_columns``.

        Args:
            name: not yet used by constraints of this program.
            dimensions: label and size of each dimension; none for a single constraint.
            at_least: right-hand sides of lower limits, broadcast to the block's shape.
            at_most: right-hand sides of upper limits; with ``at_least``, both hold.
            equal_to: right-hand sides of equalities, alone.

        Returns:
            The block.

        Raises:
            ValueError: the name is taken, no limit or contradictory ones are given, or an array does not fit.
        """
        block = self._new_block(Kind.CONSTRAINTS, name, dimensions or {})
        low, high = limits(block, at_least, at_most, equal_to)
        self._row_lower.append(low)
        self._row_upper.append(high)
        self._constraints[name] = (block,)
        return block

    def extend(
        self,
        name: str,
        count: int,
        *,
        lower: ArrayLike = 0.0,
        upper: ArrayLike = np.inf,
        objective: ArrayLike = 0.0,
    ) -> Block:
        """Add variables to a block along its first dimension, as column generation does.

        Returns:
            The new part only, to state its coefficients with; the solution reads old and new together.

        Raises:
            ValueError: there is no such block of variables, it has no dimension, or an array does not fit.
        """
        if name not in self._variables:
            raise ValueError(f"no block of variables named {name!r} to extend")
        first = self._variables[name][0]
        if not first.dimensions:
            raise ValueError(f"{name!r} is a single variable; it has no dimension to extend")
        dimensions = ((first.dimensions[0][0], count), *first.dimensions[1:])
        part = Block(Kind.VARIABLES, name, dimensions, self._objective.size)
        integer = bool(self._integer.values[first.members].any())
        self._append_columns(part, lower, upper, objective, integer=integer)
        self._variables[name] = (*self._variables[name], part)
        return part

    def add(self, rows: Members, variables: Members, coefficients: ArrayLike) -> None:
        """Add coefficients of variables in constraints.

        Args:
            rows: constraints, any shape.
            variables: variables, any shape; broadcast against the constraints.
            coefficients: broadcast against both; coefficients at the same place add up.

        Raises:
            ValueError: shapes do not broadcast, or a coefficient is not finite.
        """
        self._pieces.append(broadcast_entries(rows, variables, coefficients))

    def set_columns(self, block: Block, *entries: tuple[Members, ArrayLike | tuple[FloatArray, ...]]) -> None:
        """State coefficients of every variable of a block at once, all variables with equally many.

        This is the fast way for large blocks: what is stated here is copied to the solver without sorting.

        Args:
            block: variables.
            entries: constraints and coefficients, each broadcast to the block's shape with one more trailing
                dimension, which enumerates the constraints a variable enters; a tuple of coefficient arrays is laid
                side by side along it. No constraint may come twice for a variable.

        Raises:
            ValueError: shapes do not broadcast, or a coefficient is not finite.
        """
        rows: list[PositionArray] = []
        values: list[FloatArray] = []
        for members, coefficients in entries:
            row, parts = _column_entries(block, members, coefficients)
            rows.append(row)
            values.extend(parts)
        common = np.broadcast_shapes(*(row.shape[:-1] for row in rows))
        together = np.concatenate([np.broadcast_to(row, (*common, row.shape[-1])) for row in rows], axis=-1)
        self._pieces.append(DenseColumns(block.start, block.shape, np.ascontiguousarray(together), tuple(values)))

    @property
    def blocks(self) -> tuple[Parts, Parts]:
        """Blocks of variables and of constraints, by name."""
        return dict(self._variables), dict(self._constraints)

    def arrays(self) -> Arrays:
        """Return the whole program as finished arrays; writing to them is not allowed."""
        self._absorb()
        return Arrays(
            self.sense,
            self._objective.values,
            self._lower.values,
            self._upper.values,
            self._row_lower.values,
            self._row_upper.values,
            self._integer.values,
            self._matrix,
        )

    def _absorb(self) -> None:
        """Bring everything stated so far into the matrix."""
        shape = (self._row_lower.size, self._objective.size)
        if self._pieces or self._matrix.shape != shape:
            self._matrix = extended(self._matrix, self._pieces, *shape)
            self._pieces = []

    def _new_block(self, kind: Kind, name: str, dimensions: Mapping[str, int]) -> Block:
        taken = self._variables if kind is Kind.VARIABLES else self._constraints
        if name in taken:
            raise ValueError(f"{kind.value} named {name!r} are stated twice")
        start = self._objective.size if kind is Kind.VARIABLES else self._row_lower.size
        return Block(kind, name, labelled_dimensions(name, dimensions), start)

    def _append_columns(
        self, block: Block, lower: ArrayLike, upper: ArrayLike, objective: ArrayLike, *, integer: bool
    ) -> None:
        low = broadcast("lower bounds", block, lower)
        high = broadcast("upper bounds", block, upper)
        _require_ordered(block, low, high)
        cost = broadcast("objective", block, objective)
        require_finite("objective", block, cost)
        self._lower.append(low)
        self._upper.append(high)
        self._objective.append(cost)
        self._integer.append(np.broadcast_to(np.bool_(integer), block.size))


def broadcast(what: str, members: Members, values: ArrayLike) -> FloatArray:
    """Return the values broadcast to the shape of a block or selection, not to be written to.

    Raises:
        ValueError: they do not broadcast, or are undefined.
    """
    array = np.array(values, dtype=np.float64)
    # A dimension of size one in front of all others is none.
    while array.ndim > len(members.shape) and array.shape[0] == 1:
        array = array[0]
    try:
        full = np.broadcast_to(array, members.shape)
    except ValueError:
        raise ValueError(
            f"{what} of {members.name!r} has shape {array.shape}; it must broadcast to {members.shape}"
        ) from None
    if np.isnan(array).any():
        raise ValueError(f"{what} of {members.name!r} holds undefined values")
    return full


def fitting(what: str, members: Members, values: ArrayLike) -> FloatArray:
    """Return the values broadcast to the shape of a block or selection, as an array of their own.

    Raises:
        ValueError: they do not broadcast, or are undefined.
    """
    return broadcast(what, members, values).copy()


def require_finite(what: str, members: Members, values: FloatArray) -> None:
    """Refuse infinite or undefined values.

    Raises:
        ValueError: some value is not finite.
    """
    if not np.isfinite(values).all():
        raise ValueError(f"{what} of {members.name!r} must be finite")


def ordered_bounds(
    members: Members, lower: ArrayLike | None, upper: ArrayLike | None, present: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return new lower and upper bounds, where what is not given stays at present.

    Raises:
        ValueError: an array does not fit, or a lower bound exceeds its upper bound.
    """
    low = present[0] if lower is None else fitting("lower bounds", members, lower).ravel()
    high = present[1] if upper is None else fitting("upper bounds", members, upper).ravel()
    _require_ordered(members, low, high)
    return low, high


def limits(
    members: Members, at_least: ArrayLike | None, at_most: ArrayLike | None, equal_to: ArrayLike | None
) -> tuple[FloatArray, FloatArray]:
    """Return lower and upper limits of constraints, each in the shape of the members.

    Raises:
        ValueError: no limit or contradictory ones are given, or an array does not fit.
    """
    if equal_to is not None:
        if at_least is not None or at_most is not None:
            raise ValueError(f"{members.name!r} is given an equality and another limit; give one or the other")
        value = fitting("right-hand side", members, equal_to)
        require_finite("right-hand side", members, value)
        return value, value.copy()
    if at_least is None and at_most is None:
        raise ValueError(f"{members.name!r} is given no limit; give at_least, at_most or equal_to")
    low = fitting("lower limits", members, -np.inf if at_least is None else at_least)
    high = fitting("upper limits", members, np.inf if at_most is None else at_most)
    _require_ordered(members, low, high)
    return low, high


def broadcast_entries(rows: Members, variables: Members, coefficients: ArrayLike) -> Triplets:
    """Return coefficients entry by entry, with rows, columns and values broadcast together.

    Raises:
        ValueError: shapes do not broadcast, or a coefficient is not finite.
    """
    row = positions_of(rows, Kind.CONSTRAINTS)
    column = positions_of(variables, Kind.VARIABLES)
    value = np.asarray(coefficients, dtype=np.float64)
    try:
        row, column, value = np.broadcast_arrays(row, column, value)
    except ValueError:
        raise ValueError(
            f"constraints {rows.name!r} of shape {row.shape}, variables {variables.name!r} of shape "
            f"{column.shape} and coefficients of shape {value.shape} do not broadcast together"
        ) from None
    require_finite("coefficients", variables, value)
    return Triplets(row.ravel(), column.ravel(), value.ravel())


def _require_ordered(members: Members, low: FloatArray, high: FloatArray) -> None:
    if np.any(low > high):
        raise ValueError(f"some lower bound of {members.name!r} exceeds its upper bound")


def _column_entries(
    block: Block, members: Members, coefficients: ArrayLike | tuple[FloatArray, ...]
) -> tuple[PositionArray, list[FloatArray]]:
    """Return rows and coefficient arrays of whole columns, known to broadcast to the block with one more dimension."""
    row = np.atleast_1d(positions_of(members, Kind.CONSTRAINTS))
    given = coefficients if isinstance(coefficients, tuple) else (coefficients,)
    parts = [np.atleast_1d(np.asarray(part, dtype=np.float64)) for part in given]
    if len(parts) == 1:
        width = np.broadcast_shapes(row.shape[-1:], parts[0].shape[-1:])
        row = np.broadcast_to(row, row.shape[:-1] + width)
        parts = [np.broadcast_to(parts[0], parts[0].shape[:-1] + width)]
    if sum(part.shape[-1] for part in parts) != row.shape[-1]:
        raise ValueError(f"coefficients of {block.name!r} in {members.name!r} are not as many as the constraints")
    for array in (row, *parts):
        try:
            np.broadcast_to(array, (*block.shape, array.shape[-1]))
        except ValueError:
            raise ValueError(
                f"an array of shape {array.shape} does not broadcast to variables {block.name!r} of shape "
                f"{block.shape} with one more dimension"
            ) from None
    for part in parts:
        require_finite("coefficients", block, part)
    return row, [np.ascontiguousarray(part) for part in parts]
