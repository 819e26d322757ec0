"""The tables of a run or a sweep as files that spreadsheets read.

A heading is the name of a column with its unit in brackets, money and goods in the economy's own units. What a
spreadsheet would take for a formula is written as text.
"""

from __future__ import annotations

from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pandas as pd

from marketgame.results.loading import Run

WORKBOOK: Final = "tables.xlsx"
# A sheet's limits, which no other version of the format raises.
_MOST_ROWS: Final = 1_048_575
_LONGEST_CELL: Final = 32_767
# Equal tables give equal files, so that a workbook does not say when it was written.
_WRITTEN: Final = datetime(2000, 1, 1)
_NO_UNITS: Final = frozenset({"name", "number", "true or false"})
# Begins a formula in a cell of a CSV file, whatever it is in a table of names.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write_csv(run: Run, folder: Path) -> list[Path]:
    """Write every table as a CSV file in UTF-8.

    Raises:
        OSError: a file cannot be written.
    """
    files = []
    for name in run.tables:
        path = folder / f"{name}.csv"
        # The mark at the beginning tells spreadsheets that it is UTF-8.
        _for_spreadsheets(run, name).map(_harmless).to_csv(path, index=False, encoding="utf-8-sig")
        files.append(path)
    return files


def write_workbook(run: Run, folder: Path) -> list[Path]:
    """Write every table as a sheet of one workbook.

    Raises:
        ImportError: XlsxWriter is not installed.
        ValueError: a table has more rows than a sheet.
        OSError: the file cannot be written.
    """
    if find_spec("xlsxwriter") is None:
        raise ImportError("a workbook needs XlsxWriter: install marketgame with its extra `spreadsheet`, or use --csv")
    for name, frame in run.tables.items():
        if len(frame) > _MOST_ROWS:
            raise ValueError(
                f"table {name!r} in {run.folder} has {len(frame):,} rows and a sheet {_MOST_ROWS:,}; use --csv"
            )
    path = folder / WORKBOOK
    # Names are text, whatever they begin with.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": True}
    with pd.ExcelWriter(path, engine="xlsxwriter", engine_kwargs={"options": options}) as workbook:
        workbook.book.set_properties({"created": _WRITTEN})
        for name in run.tables:
            frame = _for_spreadsheets(run, name).map(
                lambda cell: cell[:_LONGEST_CELL] if isinstance(cell, str) else cell
            )
            frame.to_excel(workbook, sheet_name=name, index=False, freeze_panes=(1, 0))
    return [path]


def _for_spreadsheets(run: Run, table: str) -> pd.DataFrame:
    """Return a table whose headings say units, and whose names are text."""
    frame = run.tables[table]
    units = {str(column): run.unit(table, str(column)) for column in frame}
    headings = [f"{column} ({unit})" if unit and unit not in _NO_UNITS else column for column, unit in units.items()]
    return frame.astype(object).set_axis(headings, axis="columns")


def _harmless(cell: object) -> object:
    """Return text that begins like a formula with an apostrophe before it; numbers are left alone."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
