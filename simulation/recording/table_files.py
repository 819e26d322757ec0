"""The tables of a run on their way to a folder: rows that are finished need not wait in memory for the last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

COMPRESSION = "zstd"
# Few large row groups compress and load better than many small ones.
ROWS_PER_GROUP = 1 << 20


class TableFiles:
    """Parquet files that grow by groups of rows, and take their names together when all that is to be there is there.

    It is a context: whatever is raised in it, no file is left, and those that had the names before are untouched.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._begun: list[str] = []
        self._writers: dict[str, pq.ParquetWriter] = {}

    def append(self, tables: Mapping[str, pa.Table]) -> None:
        """Write rows of some tables after those that are there.

        Raises:
            OSError: they cannot be written.
        """
        for name, table in tables.items():
            if name not in self._writers:
                keys = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
                options = {"compression": COMPRESSION, "use_dictionary": keys}
                self._begun.append(name)
                self._writers[name] = pq.ParquetWriter(self._partial(name), table.schema, **options)
            elif not table.num_rows:
                continue
            self._writers[name].write_table(table, ROWS_PER_GROUP)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Let the files take their names, or remove them."""
        try:
            for writer in self._writers.values():
                # What went wrong before is what is told.
                with nullcontext() if error is None else suppress(OSError):
                    writer.close()
            if error is None:
                for name in self._begun:
                    self._partial(name).replace(self._folder / f"{name}.parquet")
        finally:
            for name in self._begun:
                self._partial(name).unlink(missing_ok=True)

    def _partial(self, name: str) -> Path:
        return self._folder / f".{name}.parquet.partial"


def written_rows(folder: Path, name: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of a table in a folder, piece by piece, as they were appended.

    Raises:
        OSError: it cannot be read.
    """
    with pq.ParquetFile(folder / f"{name}.parquet") as file:
        for group in range(file.num_row_groups):
            yield pa.table(file.read_row_group(group).columns, schema=schema)
