"""Where the simplex method stood at the end of a solve, to start a similar program from."""

from __future__ import annotations

from dataclasses import dataclass

import highspy


@dataclass(frozen=True, eq=False)
class Basis:
    """Which variables and constraints are basic, and at which bound the others stand.

    It is kept in the solver's own form, since turning it into numbers takes longer than many a warm solve; it becomes
    numbers when it is stored or sent to another process.

    Attributes:
        native: the solver's object.
        columns: number of variables.
        rows: number of constraints.
    """

    native: highspy.HighsBasis
    columns: int
    rows: int

    def padded(self, columns: int, rows: int) -> Basis:
        """Return the basis for a program that has grown: new variables stay out, new constraints stay slack."""
        if (columns, rows) == (self.columns, self.rows):
            return self
        column_status, row_status = _numbers(self)
        column_status += [int(highspy.HighsBasisStatus.kNonbasic)] * (columns - self.columns)
        row_status += [int(highspy.HighsBasisStatus.kBasic)] * (rows - self.rows)
        return _from_numbers(column_status, row_status)

    def __reduce__(self) -> tuple[object, tuple[list[int], list[int]]]:
        return _from_numbers, _numbers(self)


def _numbers(basis: Basis) -> tuple[list[int], list[int]]:
    """Return the status numbers of variables and constraints."""
    return [int(status) for status in basis.native.col_status], [int(status) for status in basis.native.row_status]


def _from_numbers(column_status: list[int], row_status: list[int]) -> Basis:
    native = highspy.HighsBasis()
    native.col_status = [highspy.HighsBasisStatus(status) for status in column_status]
    native.row_status = [highspy.HighsBasisStatus(status) for status in row_status]
    native.valid = True
    return Basis(native, len(column_status), len(row_status))
