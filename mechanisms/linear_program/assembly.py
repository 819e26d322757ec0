"""A program in finished arrays, and how stated coefficients become its sparse matrix."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
import scipy
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import BooleanArray, FloatArray

type PositionArray = NDArray[np.int32]
"""Row and column numbers as the solver stores them."""

WRITTEN_AT_ONCE = 2**18
"""Entries, 8 bytes each, that stay in the cache while arrays laid side by side are written in turn."""


class Sense(Enum):
    """Direction of optimisation; the value is the sign that turns the program into a minimisation."""

    MINIMIZE = 1
    MAXIMIZE = -1


@dataclass(frozen=True)
class Arrays:
    """A whole program in finished arrays, as handed to the solver and to the independent check.

    Attributes:
        sense: direction of optimisation.
        objective: ``(columns,)``.
        lower: lower bounds of the variables, ``(columns,)``; may be minus infinity.
        upper: upper bounds of the variables, ``(columns,)``; may be infinity.
        row_lower: ``(rows,)``.
        row_upper: ``(rows,)``.
        integer: which variables must be whole numbers, ``(columns,)``.
        matrix: coefficients by columns, ``(rows, columns)``.
    """

    sense: Sense
    objective: FloatArray
    lower: FloatArray
    upper: FloatArray
    row_lower: FloatArray
    row_upper: FloatArray
    integer: BooleanArray
    matrix: scipy.sparse.csc_array


@dataclass(frozen=True)
class Triplets:
    """Coefficients at given rows and columns, ``(entries,)`` each; entries at the same place add up."""

    rows: PositionArray
    columns: PositionArray
    values: FloatArray

    @property
    def first_column(self) -> int:
        """Smallest column number it touches."""
        return int(self.columns.min()) if self.columns.size else 0


@dataclass(frozen=True, eq=False)
class DenseColumns:
    """All coefficients of a block of consecutive columns with equally many entries each, which needs no sorting.

    Attributes:
        first_column: number of the first of these columns.
        shape: of the block.
        rows: row numbers, broadcast to the block's shape with one more dimension of a column's entries; different
            within a column.
        values: arrays laid side by side along that dimension, each broadcast to the block's shape.
    """

    first_column: int
    shape: tuple[int, ...]
    rows: PositionArray
    values: tuple[FloatArray, ...]

    @property
    def count(self) -> int:
        """Number of columns."""
        return math.prod(self.shape)

    @property
    def width(self) -> int:
        """Number of entries of a column."""
        return int(self.rows.shape[-1])

    def write(self, rows: PositionArray, values: FloatArray) -> None:
        """Write the entries of all columns, one column after another, ``(count * width,)`` each."""
        _write_part(rows.reshape(-1, self.width), 0, self.shape, self.rows)
        # The arrays are written in turn into as many columns as stay in the cache meanwhile, whole leading indices.
        apart = 0
        while math.prod(self.shape[apart:]) * self.width > WRITTEN_AT_ONCE and apart < len(self.shape):
            apart += 1
        outer, inner = self.shape[:apart], self.shape[apart:]
        target = values.reshape(math.prod(outer), math.prod(inner), self.width)
        for number, place in enumerate(np.ndindex(outer)):
            done = 0
            for value in self.values:
                _write_part(target[number], done, inner, _part_at(value, place, len(inner)))
                done += value.shape[-1]

    def triplets(self) -> Triplets:
        """Return the same coefficients one by one."""
        size = self.count * self.width
        rows, values = np.empty(size, dtype=np.int32), np.empty(size)
        self.write(rows, values)
        columns = np.arange(self.first_column, self.first_column + self.count, dtype=np.int32)
        return Triplets(rows, np.repeat(columns, self.width), values)


def _part_at(source: FloatArray, place: tuple[int, ...], inner: int) -> FloatArray:
    """Return what broadcast entries are at a place of the block's leading dimensions, before so many inner ones."""
    leading = max(source.ndim - 1 - inner, 0)
    sizes = source.shape[:leading]
    index = tuple(0 if size == 1 else one for size, one in zip(sizes, place[len(place) - leading :], strict=True))
    part: FloatArray = source[index]
    return part


def _write_part[T: np.generic](target: NDArray[T], start: int, shape: tuple[int, ...], source: NDArray[T]) -> None:
    """Copy broadcast entries into some of the positions of every column.

    Args:
        target: ``(columns, entries)``, contiguous.
        start: first position to write.
        shape: of the block of columns.
        source: contiguous, broadcast to the shape of the block; its last dimension is the positions to write.
    """
    width, size = source.shape[-1], target.itemsize
    # NumPy copies short rows number by number; as one item of so many bytes each row is moved at once.
    row = np.dtype((np.void, width * size))
    whole = np.dtype(
        {"names": ["part"], "formats": [row], "offsets": [start * size], "itemsize": target.shape[1] * size}
    )
    target.view(whole)["part"].reshape(shape)[...] = source.view(row)[..., 0]


type Piece = Triplets | DenseColumns


def assemble(pieces: list[Piece], rows: int, first_column: int, columns: int) -> scipy.sparse.csc_array:
    """Return the coefficients of the columns from ``first_column`` on, ``(rows, columns)``.

    Columns stated densely are copied as they are; only what was stated entry by entry is sorted. Both may not
    touch the same column here.
    """
    dense = [piece for piece in pieces if isinstance(piece, DenseColumns) and piece.count]
    loose = _sorted_columns([piece for piece in pieces if isinstance(piece, Triplets)], rows, first_column, columns)
    if not dense:
        return loose
    dense.sort(key=lambda piece: piece.first_column)
    counts = np.diff(loose.indptr)
    for piece in dense:
        start = piece.first_column - first_column
        counts[start : start + piece.count] = piece.width
    starts = np.zeros(columns + 1, dtype=np.int32)
    np.cumsum(counts, out=starts[1:])
    indices, values = _room_for(int(starts[-1]))
    done = 0
    for piece in dense:
        start = piece.first_column - first_column
        _copy_columns(loose, slice(done, start), starts, (indices, values))
        done = start + piece.count
        part = slice(starts[start], starts[done])
        piece.write(indices[part], values[part])
    _copy_columns(loose, slice(done, columns), starts, (indices, values))
    return compressed(values, indices, starts, (rows, columns))


def _room_for(entries: int) -> tuple[PositionArray, FloatArray]:
    """Return unwritten row numbers and values, in one piece of memory: of large ones NumPy asks for large pages."""
    memory = np.empty((3 * entries + 1) // 2)
    return memory[entries:].view(np.int32)[:entries], memory[:entries]


def _copy_columns(
    source: scipy.sparse.csc_array, columns: slice, starts: PositionArray, target: tuple[PositionArray, FloatArray]
) -> None:
    """Copy a range of columns to where it starts in the target."""
    part = slice(source.indptr[columns.start], source.indptr[columns.stop])
    place = slice(starts[columns.start], starts[columns.stop])
    target[0][place] = source.indices[part]
    target[1][place] = source.data[part]


def compressed(
    values: FloatArray, indices: PositionArray, starts: PositionArray, shape: tuple[int, int]
) -> scipy.sparse.csc_array:
    """Return a matrix of finished arrays, without the checks of SciPy's constructor, which read all of them."""
    matrix = scipy.sparse.csc_array(shape, dtype=np.float64)
    matrix.data, matrix.indices, matrix.indptr = values, indices, starts
    return matrix


def _sorted_columns(pieces: list[Triplets], rows: int, first_column: int, columns: int) -> scipy.sparse.csc_array:
    if not pieces:
        return scipy.sparse.csc_array((rows, columns), dtype=np.float64)
    row = np.concatenate([piece.rows for piece in pieces])
    column = np.concatenate([piece.columns for piece in pieces]) - first_column
    value = np.concatenate([piece.values for piece in pieces])
    matrix = scipy.sparse.coo_array((value, (row, column)), shape=(rows, columns)).tocsc()
    return _narrow(matrix)


def _narrow(matrix: scipy.sparse.csc_array) -> scipy.sparse.csc_array:
    """Return the matrix with the 32-bit positions the solver wants."""
    matrix.indices = matrix.indices.astype(np.int32, copy=False)
    matrix.indptr = matrix.indptr.astype(np.int32, copy=False)
    return matrix


def extended(matrix: scipy.sparse.csc_array, pieces: list[Piece], rows: int, columns: int) -> scipy.sparse.csc_array:
    """Return the matrix grown to the given shape with the pieces added to it."""
    old = matrix.shape[1]
    new_columns, elsewhere = split_at(pieces, old)
    if old == 0:
        return assemble(new_columns, rows, 0, columns)
    grown = compressed(matrix.data, matrix.indices, matrix.indptr, (rows, old))
    if elsewhere:
        grown = _narrow(scipy.sparse.csc_array(grown + assemble(list(elsewhere), rows, 0, old)))
    if columns == old:
        return grown
    added = assemble(new_columns, rows, old, columns - old)
    return compressed(
        np.concatenate([grown.data, added.data]),
        np.concatenate([grown.indices, added.indices]),
        np.concatenate([grown.indptr, added.indptr[1:] + grown.indptr[-1]]),
        (rows, columns),
    )


def split_at(pieces: list[Piece], column: int) -> tuple[list[Piece], list[Triplets]]:
    """Return the coefficients from a column on, and those before it."""
    after: list[Piece] = []
    before: list[Triplets] = []
    overlapping = _columns_stated_both_ways(pieces)
    for piece in pieces:
        if isinstance(piece, DenseColumns) and piece.first_column >= column and not overlapping:
            after.append(piece)
            continue
        triplets = piece.triplets() if isinstance(piece, DenseColumns) else piece
        late = triplets.columns >= column
        if late.all():
            after.append(triplets)
            continue
        after.append(Triplets(triplets.rows[late], triplets.columns[late], triplets.values[late]))
        before.append(Triplets(triplets.rows[~late], triplets.columns[~late], triplets.values[~late]))
    return after, before


def _columns_stated_both_ways(pieces: list[Piece]) -> bool:
    """Return whether some column is stated densely and entry by entry, or densely twice."""
    ranges = sorted(
        (piece.first_column, piece.first_column + piece.count) for piece in pieces if isinstance(piece, DenseColumns)
    )
    if any(left[1] > right[0] for left, right in itertools.pairwise(ranges)):
        return True
    loose = [piece.columns for piece in pieces if isinstance(piece, Triplets)]
    if not ranges or not loose:
        return False
    columns = np.concatenate(loose)
    starts = np.array([start for start, _ in ranges])
    ends = np.array([end for _, end in ranges])
    slot = np.searchsorted(starts, columns, side="right") - 1
    return bool(np.any((slot >= 0) & (columns < ends[slot])))


def replaced(matrix: scipy.sparse.csc_array, new: Triplets) -> scipy.sparse.csc_array:
    """Return the matrix with the entries at the given places replaced; of two at one place the last counts."""
    old = matrix.tocoo()
    width = matrix.shape[1]
    keys = np.concatenate([old.row.astype(np.int64) * width + old.col, new.rows.astype(np.int64) * width + new.columns])
    values = np.concatenate([old.data, new.values])
    places, from_the_end = np.unique(keys[::-1], return_index=True)
    kept = values[::-1][from_the_end]
    return _narrow(scipy.sparse.coo_array((kept, (places // width, places % width)), shape=matrix.shape).tocsc())


def reaches_into(pieces: list[Piece], rows: int, columns: int) -> bool:
    """Return whether some coefficient lies among the first ``rows`` rows and ``columns`` columns."""
    if rows == 0 or columns == 0:
        return False
    for piece in pieces:
        if isinstance(piece, DenseColumns):
            if piece.first_column < columns:
                return True
        elif np.any((piece.rows < rows) & (piece.columns < columns)):
            return True
    return False
