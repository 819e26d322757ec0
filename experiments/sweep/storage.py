"""What a sweep has written so far: parts, each there whole or not at all.

A part is a folder with one Parquet file for each table, made beside its place and moved there in one step. Parts are
numbered as they come and merged into one when there are many; a merged part names the first and the last part it
stands for, so that a process killed between writing it and removing those leaves nothing ambiguous.

What is in the parts is the truth. The sweep's own tables are made from them and replace them when the sweep is done.

Every part has a manifest with the hashes of its tables, so that a damaged one is known, and only what a manifest lists
is ever removed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.output_folder import PROGRAM, ForeignFileError, write_manifest
from marketgame.mechanisms.arrays import BooleanArray, IntegerArray
from marketgame.results.manifests import FILES, MANIFEST, SEAL, DamagedFileError, check, checksum, read_manifest
from marketgame.simulation.recording.table_files import COMPRESSION

RUNS: Final = "runs"
PARTIAL: Final = ".partial"
NAME = re.compile(r"(\d{8})-(\d{8})")
TABLE: Final = ".parquet"
# Large row groups compress and load well; one of them fits in memory many times over.
ROWS_AT_ONCE = 1 << 19
MOST_PARTS = 64


class DamagedResultError(InputError):
    """A file of a sweep is not what was written; the message names it."""

    def __init__(self, fault: object) -> None:
        super().__init__(
            f"{fault}; nothing was touched: --replay-damaged plays the runs of what is damaged again and keeps the rest"
        )


@dataclass(frozen=True, order=True)
class Part:
    """Some of the rows of a sweep.

    Attributes:
        first: number of the first part it stands for.
        last: number of the last.
        folder: where its tables are.
    """

    first: int
    last: int
    folder: Path

    @property
    def span(self) -> int:
        """How many parts it stands for."""
        return self.last - self.first + 1

    def stands_for(self, other: Part) -> bool:
        """Return whether everything in another part is in this one."""
        return self != other and self.first <= other.first and other.last <= self.last

    def file(self, table: str) -> Path:
        """Return the file of a table."""
        return self.folder / f"{table}{TABLE}"


class PartStore:
    """The parts of one sweep.

    Raises:
        DamagedResultError: a part is not what was written.
        ForeignFileError: the folder holds anything but parts.
        OSError: the folder cannot be written.
    """

    def __init__(self, home: Path, schemas: Mapping[str, pa.Schema], *, drop_damaged: bool = False) -> None:
        self._home = home
        self._schemas = schemas
        self._home.mkdir(parents=True, exist_ok=True)
        self._parts = self._found(drop_damaged=drop_damaged)

    @classmethod
    def copied(
        cls,
        home: Path,
        schemas: Mapping[str, pa.Schema],
        manifest: Mapping[str, Any],
        parts: Sequence[Part],
        renumbered: IntegerArray | None = None,
    ) -> PartStore:
        """Return a store made whole at once from parts of another sweep, or from a sweep's own tables.

        Args:
            home: its folder, which must not be there.
            schemas: the tables that every part has; those that the given parts lack stay empty.
            manifest: whose parts they are.
            parts: what is copied.
            renumbered: what the number of each run becomes, -1 to leave it out; unchanged when not given.

        Raises:
            OSError: the folder cannot be written.
        """
        rows = MergedRows(parts, renumbered)
        with made_whole(home) as partial:
            only = partial / _name(0, 0)
            only.mkdir()
            for name, schema in schemas.items():
                write_table(only / f"{name}{TABLE}", schema, rows.blocks(name, schema))
            _list_tables(only)
            write_manifest(partial, manifest)
        return cls(home, schemas)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts, oldest first; where two speak of one run the later is right."""
        return tuple(self._parts)

    def append(self, tables: Mapping[str, pa.Table]) -> None:
        """Add rows as a new part; tables not given have none.

        Raises:
            OSError: the part cannot be written; what was there before is untouched.
        """
        number = self._parts[-1].last + 1 if self._parts else 0
        part = Part(number, number, self._home / _name(number, number))
        with made_whole(part.folder) as partial:
            for name, schema in self._schemas.items():
                rows = tables.get(name, schema.empty_table())
                write_table(partial / f"{name}{TABLE}", schema, [rows])
            _list_tables(partial)
        self._parts.append(part)
        while len(alike := self._latest_alike()) >= MOST_PARTS:
            self._merge(alike)

    def clear(self) -> None:
        """Remove every part."""
        remove_parts(self._home)
        self._parts = []

    def statuses(self) -> dict[int, str]:
        """Return how each run that has ended did so, in the order of the runs."""
        found: dict[int, str] = {}
        for block in MergedRows(self._parts).blocks(RUNS, self._schemas[RUNS]):
            found |= zip(block["run"].to_pylist(), block["status"].to_pylist(), strict=True)
        return found

    def _latest_alike(self) -> list[Part]:
        """Return the latest parts that stand for equally many; merging only these, no row is written again often."""
        span = self._parts[-1].span
        return list(reversed(list(takewhile(lambda part: part.span == span, reversed(self._parts)))))

    def _merge(self, parts: Sequence[Part]) -> None:
        first, last = parts[0].first, parts[-1].last
        merged = Part(first, last, self._home / _name(first, last))
        rows = MergedRows(parts)
        with made_whole(merged.folder) as partial:
            for name, schema in self._schemas.items():
                write_table(partial / f"{name}{TABLE}", schema, rows.blocks(name, schema))
            _list_tables(partial)
        for part in parts:
            _remove_part(part.folder)
        self._parts[-len(parts) :] = [merged]

    def _found(self, *, drop_damaged: bool) -> list[Part]:
        """Return the parts on disk, without those that a merged one stands for."""
        found = _part_folders(self._home)
        for folder in found:
            try:
                _check_part(folder, self._schemas)
            except (DamagedFileError, FileNotFoundError) as fault:
                if not drop_damaged:
                    raise DamagedResultError(fault) from None
                _remove_part(folder)
        matches = [(NAME.fullmatch(folder.name), folder) for folder in found if folder.exists()]
        parts = [Part(int(match[1]), int(match[2]), folder) for match, folder in matches if match]
        for part in parts:
            if any(other.stands_for(part) for other in parts):
                _remove_part(part.folder)
        return sorted(part for part in parts if part.folder.exists())


class MergedRows:
    """The rows of several parts in the order of the runs, read a block at a time.

    Args:
        parts: oldest first; of a run that several of them have, the last one's rows count.
        renumbered: what the number of each run becomes, -1 to leave it out; unchanged when not given.
    """

    def __init__(self, parts: Sequence[Part], renumbered: IntegerArray | None = None) -> None:
        self._parts = parts
        self._runs = [_numbers(part) for part in parts]
        size = 1 + max((int(runs.max()) for runs in self._runs if runs.size), default=-1)
        self._renumbered = np.arange(size) if renumbered is None else renumbered
        self._owner = np.full(size, -1)
        for number, runs in enumerate(self._runs):
            self._owner[runs] = number

    @property
    def runs(self) -> IntegerArray:
        """The numbers of the runs, in order."""
        present = self._owner >= 0
        kept = self._renumbered[: self._owner.size][present]
        return np.sort(kept[kept >= 0])

    def blocks(self, table: str, schema: pa.Schema) -> Iterator[pa.Table]:
        """Yield the rows of a table in blocks of about ``ROWS_AT_ONCE`` rows, cut at the same runs every time."""
        runs = self.runs
        if not runs.size:
            return
        if not all(part.file(table).exists() for part in self._parts):
            return
        rows = sum(pq.read_metadata(part.file(table)).num_rows for part in self._parts)
        runs_at_once = max(1, ROWS_AT_ONCE * runs.size // max(rows, 1))
        for start in range(0, runs.size, runs_at_once):
            block = runs[start : start + runs_at_once]
            yield self._block(table, schema, int(block[0]), int(block[-1]))

    def _block(self, table: str, schema: pa.Schema, first: int, last: int) -> pa.Table:
        pieces = [schema.empty_table()]
        wanted = (self._renumbered >= first) & (self._renumbered <= last)
        for number, part in enumerate(self._parts):
            mine = wanted[: self._owner.size] & (self._owner == number)
            if mine.any():
                pieces.append(self._rows(part, table, schema, mine))
        rows = pa.concat_tables(pieces).unify_dictionaries()
        numbers = rows["run"].to_numpy()
        if (np.diff(numbers) < 0).any():
            # The sort is stable: the rows of a run stay in the order in which the run wrote them.
            return rows.take(pa.array(np.argsort(numbers, kind="stable")))
        return rows

    def _rows(self, part: Part, table: str, schema: pa.Schema, mine: BooleanArray) -> pa.Table:
        """Return the rows of a part that belong to certain runs, with their new numbers."""
        old = np.flatnonzero(mine)
        within = [("run", ">=", int(old[0])), ("run", "<=", int(old[-1]))]
        rows = pq.read_table(part.file(table), filters=within, columns=schema.names).cast(schema)
        numbers = rows["run"].to_numpy()
        if not mine[numbers].all():
            rows = rows.filter(pa.array(mine[numbers]))
            numbers = rows["run"].to_numpy()
        place = rows.schema.get_field_index("run")
        return rows.set_column(place, rows.schema.field(place), pa.array(self._renumbered[numbers]))


def write_table(path: Path, schema: pa.Schema, blocks: Iterator[pa.Table] | Sequence[pa.Table]) -> None:
    """Write blocks of rows to a Parquet file and wait until they are on the disk.

    Raises:
        OSError: the file cannot be written.
    """
    keys = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    with pq.ParquetWriter(path, schema, compression=COMPRESSION, use_dictionary=keys) as writer:
        for rows in blocks:
            writer.write_table(rows, row_group_size=ROWS_AT_ONCE)
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def made_whole(folder: Path) -> Iterator[Path]:
    """Provide a folder to fill that takes its place, in one step, only if nothing goes wrong.

    Raises:
        OSError: a file in it cannot be written; then nothing of it stays.
    """
    partial = folder.with_name(f"{folder.name}{PARTIAL}")
    if partial.exists():
        remove_parts(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def remove_parts(home: Path) -> None:
    """Remove the folder of a sweep's parts, or what a killed process left of one, and nothing that is not ours.

    Raises:
        ForeignFileError: it holds anything but parts.
        OSError: it cannot be removed.
    """
    condemned = home if home.name.endswith(PARTIAL) else home.with_name(f"{home.name}{PARTIAL}")
    if condemned != home:
        if condemned.exists():
            remove_parts(condemned)
        _part_folders(home)
        # Renamed first: a removal that is interrupted must not leave some of the parts as if they were all.
        home.rename(condemned)
    if NAME.fullmatch(condemned.name.removesuffix(PARTIAL)):
        _remove_part(condemned)
        return
    for folder in _part_folders(condemned):
        _remove_part(folder)
    (condemned / MANIFEST).unlink(missing_ok=True)
    condemned.rmdir()


def _part_folders(home: Path) -> list[Path]:
    """Return the folders of parts, and remove what killed processes left of others.

    Raises:
        ForeignFileError: there is anything else.
    """
    folders = []
    for entry in sorted(home.iterdir()):
        name = entry.name.removesuffix(PARTIAL)
        if entry.name in {MANIFEST, f".{MANIFEST}{PARTIAL}"} and entry.is_file() and not entry.is_symlink():
            continue
        if not NAME.fullmatch(name) or entry.is_symlink() or not entry.is_dir():
            raise ForeignFileError(
                f"{home}: holds something else than parts of a sweep: {entry.name!r}; nothing was touched: move it away"
            )
        _own_files(entry)
        folders.append(entry)
    for folder in folders:
        if folder.name.endswith(PARTIAL):
            _remove_part(folder)
    return [folder for folder in folders if not folder.name.endswith(PARTIAL)]


def _own_files(folder: Path) -> list[Path]:
    """Return the files of a part, its manifest last.

    Raises:
        ForeignFileError: there is anything but its tables and its manifest.
    """
    try:
        listed = set(read_manifest(folder / MANIFEST)[FILES])
    except (DamagedFileError, OSError, KeyError):
        listed = {file.name for file in folder.glob(f"*{TABLE}")}
    files = []
    for entry in sorted(folder.iterdir()):
        ours = entry.name in {MANIFEST, f".{MANIFEST}{PARTIAL}"} or entry.name in listed
        if not ours or entry.is_symlink() or not entry.is_file():
            raise ForeignFileError(
                f"{folder}: holds something else than a part of a sweep: {entry.name!r}; nothing was touched: move it "
                "away"
            )
        files.append(entry)
    return sorted(files, key=lambda file: file.name == MANIFEST)


def _check_part(folder: Path, schemas: Mapping[str, pa.Schema]) -> None:
    """Check that a part is what was written, to the last byte.

    Raises:
        DamagedFileError: it is not.
        FileNotFoundError: a file of it is not there.
    """
    files, path = {file.name for file in _own_files(folder)}, folder / MANIFEST
    if MANIFEST not in files:
        raise DamagedFileError(f"{MANIFEST} in {folder} is missing")
    manifest = read_manifest(path)
    if SEAL not in manifest or PROGRAM not in manifest:
        raise DamagedFileError(f"{MANIFEST} in {folder} is damaged: it is not that of a part")
    listed = set(manifest.get(FILES, {}))
    for name in sorted(listed | {f"{name}{TABLE}" for name in schemas}):
        if name not in listed:
            raise DamagedFileError(f"{name} in {folder} is not listed in its manifest")
        if name not in files:
            raise DamagedFileError(f"{name} in {folder} is missing")
        check(folder, manifest, name)


def _list_tables(folder: Path) -> None:
    """Write the manifest of a part whose tables are there."""
    files = {file.name: checksum(file) for file in sorted(folder.glob(f"*{TABLE}"))}
    write_manifest(folder, {PROGRAM: "part", FILES: files})


def _remove_part(folder: Path) -> None:
    """Remove a part, first by name, so that nobody takes what is left of it for one."""
    condemned = folder
    if not folder.name.endswith(PARTIAL):
        condemned = folder.with_name(f"{folder.name}{PARTIAL}")
        if condemned.exists():
            _remove_part(condemned)
        folder.rename(condemned)
    for file in _own_files(condemned):
        file.unlink()
    condemned.rmdir()


def _name(first: int, last: int) -> str:
    return f"{first:08}-{last:08}"


def _numbers(part: Part) -> IntegerArray:
    """Return the numbers of the runs in a part."""
    numbers: IntegerArray = pq.read_table(part.file(RUNS), columns=["run"])["run"].to_numpy()
    return numbers
