"""Cells of a table, computed in parallel and kept in a file as they come, so that whoever stops it loses none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from io import StringIO
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from marketgame.experiments.files.output_folder import replace_file

type Key = tuple[str, ...]
type Rows = list[dict[str, object]]


@dataclass(frozen=True)
class Kept:
    """A file of cells.

    Attributes:
        file: a CSV file, created if absent.
        key: names of the columns that tell cells apart.
        columns: names of all columns.
        size: how many rows make a cell.
    """

    file: Path
    key: Sequence[str]
    columns: Sequence[str]
    size: int

    def completed(
        self,
        missing: Mapping[Key, Callable[[], Rows]],
        workers: int | None = None,
        on_cell: Callable[[int, int], None] | None = None,
    ) -> dict[Key, Rows]:
        """Return all cells, those that the file holds whole and those that had to be computed, and keep these too.

        Args:
            missing: what computes each cell that is asked for, to be run in another process.
            workers: processes; one per core if left out, and this one if one is enough.
            on_cell: told how many cells are done, and of how many.
        """
        known = {key: rows for key, rows in self._whole().items() if key in missing}
        # Whatever a kill left of a cell is not to be continued by the next.
        text = self._text([row for rows in known.values() for row in rows], header=True)
        replace_file(self.file, text)
        for key, rows in _computed({key: task for key, task in missing.items() if key not in known}, workers):
            known[key] = rows
            with self.file.open("a", encoding="utf-8") as kept:
                kept.write(self._text(rows, header=False))
            if on_cell is not None:
                on_cell(len(known), len(missing))
        return known

    def _text(self, rows: Rows, *, header: bool) -> str:
        text: str = pd.DataFrame(rows, columns=list(self.columns)).to_csv(header=header, index=False)
        return text

    def _whole(self) -> dict[Key, Rows]:
        if not self.file.exists():
            return {}
        lines = self.file.read_text(encoding="utf-8").splitlines(keepends=True)
        # A row that was not written to its end has no line of its own.
        text = "".join(line for line in lines if line.endswith("\n"))
        cells = pd.read_csv(StringIO(text), keep_default_na=False).groupby(list(self.key), sort=False)
        return {
            tuple(map(str, key)): [{str(name): value for name, value in row.items()} for row in cell.to_dict("records")]
            for key, cell in cells
            if len(cell) == self.size
        }


def _computed(tasks: Mapping[Key, Callable[[], Rows]], workers: int | None) -> Iterator[tuple[Key, Rows]]:
    """Yield cells as they are computed."""
    if workers == 1:
        yield from ((key, task()) for key, task in tasks.items())
        return
    with ProcessPoolExecutor(workers or os.cpu_count(), mp_context=get_context("spawn")) as pool:
        started = {pool.submit(task): key for key, task in tasks.items()}
        for done in as_completed(started):
            yield started[done], done.result()
