"""Rows on their way to the disk: kept until writing them is worth a file, never for long and never many."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from marketgame.experiments.sweep.playing import Ending, Played
from marketgame.experiments.sweep.storage import PartStore
from marketgame.experiments.sweep.tables import OUTCOMES, RunStatus
from marketgame.simulation.recording.columns import TableSchema

MOST_BYTES: Final = 64 << 20
# A kill costs at most this much work: a share of what was done, between these bounds in seconds. So the longer a
# sweep runs, the fewer files it writes, and the sooner it is killed, the less it loses.
SHARE_AT_RISK: Final = 0.02
LEAST_SECONDS_AT_RISK: Final = 2.0
MOST_SECONDS_AT_RISK: Final = 60.0


class Buffer:
    """Collects what chunks bring and writes it to the parts of a sweep."""

    def __init__(self, store: PartStore) -> None:
        self._store = store
        self._pieces: dict[str, list[pa.Table]] = {}
        self._bytes = 0
        self._started = self._written = time.monotonic()

    def add(self, played: Played) -> None:
        """Keep the rows of a chunk."""
        tables = {**played.tables, OUTCOMES.name: outcome_rows(played)}
        for name, rows in tables.items():
            self._pieces.setdefault(name, []).append(rows)
            self._bytes += rows.nbytes

    def write_if_due(self) -> None:
        """Write if there is much to write or it has waited long enough.

        Raises:
            OSError: it cannot be written.
        """
        now = time.monotonic()
        bearable = min(max(SHARE_AT_RISK * (now - self._started), LEAST_SECONDS_AT_RISK), MOST_SECONDS_AT_RISK)
        if self._bytes >= MOST_BYTES or now - self._written >= bearable:
            self.write()

    def write(self) -> None:
        """Write what there is.

        Raises:
            OSError: it cannot be written.
        """
        if self._pieces:
            self._store.append(
                {name: pa.concat_tables(rows).unify_dictionaries() for name, rows in self._pieces.items()}
            )
        self._pieces, self._bytes, self._written = {}, 0, time.monotonic()


def outcome_rows(played: Played) -> pa.Table:
    """Return one row for each run of a chunk: what it measured if it is done, else what went wrong."""
    done = [ending for ending in played.endings if ending.status is RunStatus.DONE]
    failed = [ending for ending in played.endings if ending.status is not RunStatus.DONE]
    measured = played.tables.get(OUTCOMES.name)
    pieces = [_rows(failed, OUTCOMES, {})]
    if measured is not None:
        pieces.append(_rows(done, OUTCOMES, {name: measured[name] for name in measured.column_names}))
    return pa.concat_tables(pieces)


def _rows(endings: Sequence[Ending], schema: TableSchema[Any], measured: Mapping[str, pa.ChunkedArray]) -> pa.Table:
    known = {
        "run": [ending.task.run for ending in endings],
        "status": [ending.status.value for ending in endings],
        "error": [ending.error for ending in endings],
        "traceback": [ending.traceback for ending in endings],
    }
    columns = []
    for column in schema.columns:
        if column.name in known:
            columns.append(pa.chunked_array([pa.array(known[column.name], column.type)]))
        elif column.name in measured:
            columns.append(measured[column.name].cast(column.type))
        else:
            columns.append(pa.chunked_array([pa.nulls(len(endings), column.type)]))
    return pa.table(columns, schema=schema.arrow)
