"""Run folders, read back.

A run folder holds ``manifest.json`` and one Parquet file for each table. Every column carries its unit and its
meaning in the file; a loaded frame has them as ``frame.attrs["units"]`` and ``frame.attrs["meaning"]``, both
by column name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from marketgame.results.manifests import (
    FILES,
    MANIFEST,
    DamagedFileError,
    check,
    place_of,
    read_manifest,
)

SWEEP: Final = "sweep"  # the kind that the manifest of a sweep names
SWEEP_TABLES: Final = ("runs", "points")  # what every sweep has; others only if it keeps them
OBEDIENT: Final = "obedient"  # the behaviour of players who do as the contract recommends

# What summaries and figures read; a table may have further columns.
REQUIRED_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "runs": ("run", "scenario", "economy", "seed", "rounds", "players"),
        "rounds": (
            *("run", "round", "profile", "welfare", "first_best_welfare", "autarky_welfare", "bankruptcies"),
            *("misreports", "volume", "price_dispersion", "wasted"),
        ),
        "players": (
            *("run", "round", "player", "type", "reported_type", "behaviour", "bankrupt", "reason"),
            *("utility", "promised_utility", "wealth"),
        ),
        "holdings": (
            *("run", "round", "player", "good", "endowment", "announced", "quote", "supporting_price"),
            *("lowest_supporting_price", "net_trade", "claim", "allocation", "consumption"),
        ),
        "trades": ("run", "round", "player", "counterparty", "good", "quantity", "value"),
        "events": ("run", "round", "kind", "player", "good", "reason", "amount"),
        "benchmarks": ("run", "benchmark", "profile", "profile_types", "probability", "welfare"),
    }
)

_MAY_BE_MISSING: Final[Mapping[pa.DataType, object]] = MappingProxyType(
    {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
)
_KEY_COLUMNS: Final = frozenset(
    {
        *("scenario", "economy", "player", "counterparty", "type", "reported_type", "good"),
        *("behaviour", "reason", "kind", "benchmark"),
    }
)


@dataclass(frozen=True, eq=False)
class Run:
    """What a run folder holds.

    Attributes:
        folder: where it was read from.
        manifest: inputs, seed, versions, times and status of the run, as written.
        tables: every table by name; the usual ones are attributes too.
    """

    folder: Path
    manifest: Mapping[str, object]
    tables: Mapping[str, pd.DataFrame]

    @property
    def runs(self) -> pd.DataFrame:
        """One row for each run in the folder."""
        return self._table("runs")

    @property
    def rounds(self) -> pd.DataFrame:
        """One row for each round."""
        return self._table("rounds")

    @property
    def players(self) -> pd.DataFrame:
        """One row for each round and player."""
        return self._table("players")

    @property
    def holdings(self) -> pd.DataFrame:
        """One row for each round, player and good."""
        return self._table("holdings")

    @property
    def trades(self) -> pd.DataFrame:
        """One row for each good that a player received from another in a round."""
        return self._table("trades")

    @property
    def events(self) -> pd.DataFrame:
        """One row for each bankruptcy, binding projection and raised announcement."""
        return self._table("events")

    @property
    def benchmarks(self) -> pd.DataFrame:
        """Welfare of each benchmark, by type profile and in expectation (profile -1)."""
        return self._table("benchmarks")

    @property
    def points(self) -> pd.DataFrame:
        """One row for each point of a sweep, with its parameters."""
        return self._table("points")

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The columns of a sweep's parameters, in tables of points and of runs; none for a single run."""
        return tuple(self.points.columns.drop("point")) if "points" in self.tables else ()

    def _table(self, name: str) -> pd.DataFrame:
        """Return a table.

        Raises:
            ValueError: the folder keeps no such table.
        """
        if name not in self.tables:
            raise ValueError(f"{self.folder} keeps no table {name!r}; it has {', '.join(self.tables)}")
        return self.tables[name]

    @cached_property
    def player_names(self) -> tuple[str, ...]:
        """The players, in the economy's order."""
        return tuple(str(name) for name in self.players["player"].unique())

    @cached_property
    def goods(self) -> tuple[str, ...]:
        """The goods, in the economy's order; the last is the numeraire. None in a coalitional game."""
        return tuple(str(name) for name in self.holdings["good"].unique())

    @cached_property
    def good_units(self) -> Mapping[str, str]:
        """The unit of each good, from the economy file kept in the manifest; empty when it keeps none."""
        for document in _input_documents(self.manifest):
            goods, units = document.get("goods"), document.get("units")
            if isinstance(goods, list) and isinstance(units, list) and tuple(goods) == self.goods:
                return MappingProxyType({str(good): str(unit) for good, unit in zip(goods, units, strict=False)})
        return MappingProxyType({})

    def unit(self, table: str, column: str, good: str | None = None) -> str:
        """Return the unit of a column in the economy's own words.

        Args:
            table: name of the table.
            column: name of the column.
            good: the good that is meant, where a column speaks of any of them.

        Returns:
            The unit that the table gives, with "numeraire" and "unit of the good" replaced by the units of the
            economy file where the manifest keeps it; empty when the table gives none.
        """
        written: str = self.tables[table].attrs["units"].get(column, "")
        if good is not None and good in self.good_units:
            for generic in ("units of the good", "unit of the good"):
                written = written.replace(generic, self.good_units[good])
        if not self.goods:
            return written.replace("numeraire", "money")
        return written.replace("numeraire", self.good_units.get(self.goods[-1], "numeraire"))


def load(folder: str | Path) -> Run:
    """Read the folder of a run or of a sweep.

    Args:
        folder: what ``marketgame run`` or ``marketgame sweep`` wrote.

    Returns:
        The manifest and every table in the folder.

    Raises:
        FileNotFoundError: the folder, its manifest or one of its tables is not there.
        DamagedFileError: a file is not what was written, or cannot be read.
        ValueError: a table lacks a column.
    """
    home = Path(folder)
    if not home.is_dir():
        raise FileNotFoundError(f"{home} is not a folder; a run folder holds {MANIFEST} and one file per table")
    try:
        manifest = read_manifest(_existing(home, MANIFEST))
        of_sweep = manifest.get("kind") == SWEEP
        if FILES in manifest:
            # Whatever else lies there is not of this run.
            names = sorted(name for name in manifest[FILES] if name.endswith(".parquet") and "/" not in name)
        else:
            names = sorted(path.name for path in home.glob("*.parquet"))
        needed = [f"{name}.parquet" for name in (SWEEP_TABLES if of_sweep else REQUIRED_COLUMNS)]
        for name in dict.fromkeys((*needed, *names)):
            _existing(home, name)
            check(home, manifest, name)
        tables = {Path(name).stem: _read_table(place_of(home, name), of_sweep=of_sweep) for name in names}
    except OSError as fault:
        if isinstance(fault, FileNotFoundError):
            raise
        raise DamagedFileError(f"{home} cannot be read: {fault}") from fault
    return Run(home, MappingProxyType(manifest), MappingProxyType(tables))


def _existing(home: Path, file: str) -> Path:
    path = place_of(home, file)
    if not path.exists():
        unfinished = "; a sweep was begun in it, run it again to go on" if any(home.glob("parts-*")) else ""
        raise FileNotFoundError(f"{home} is not a run folder: it holds no {file}{unfinished}")
    return path


def _read_table(path: Path, *, of_sweep: bool) -> pd.DataFrame:
    if not path.is_file():
        raise DamagedFileError(f"{path.name} in {path.parent} is damaged: it is not a file")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as fault:
        # Arrow says more than a line about some files.
        reason = str(fault).partition("\n")[0]
        raise DamagedFileError(f"{path.name} in {path.parent} is not a Parquet table: {reason}") from fault
    for column in REQUIRED_COLUMNS.get(path.stem, ()):
        if column not in table.column_names:
            raise ValueError(
                f"{path.name} in {path.parent} has no column {column!r}; it has {', '.join(table.column_names)}"
            )
    frame: pd.DataFrame = table.to_pandas()
    for field in table.schema if of_sweep else ():
        # A failed run has measured nothing: whole numbers and flags keep their type all the same.
        if field.nullable and field.type in _MAY_BE_MISSING:
            frame[field.name] = table[field.name].to_pandas(types_mapper=_MAY_BE_MISSING.get)
    keys = [name for name in frame.columns if name in _KEY_COLUMNS]
    frame = frame.astype(dict.fromkeys(keys, "category"))
    frame.attrs = {"units": _field_notes(table.schema, b"unit"), "meaning": _field_notes(table.schema, b"meaning")}
    return frame


def _field_notes(schema: pa.Schema, key: bytes) -> dict[str, str]:
    """Return what the fields carry under a metadata key, by column; fields that carry nothing are left out."""
    return {field.name: field.metadata[key].decode() for field in schema if key in (field.metadata or {})}


def _input_documents(manifest: Mapping[str, object]) -> list[dict[str, object]]:
    """Return the TOML files among a manifest's inputs, parsed; what is none tells nothing."""
    inputs = manifest.get("inputs")
    texts = [
        entry["text"]
        for name, entry in (inputs.items() if isinstance(inputs, dict) else ())
        if name.endswith(".toml") and isinstance(entry, dict) and isinstance(entry.get("text"), str)
    ]
    documents = []
    for text in texts:
        with suppress(ValueError, RecursionError):
            documents.append(tomllib.loads(text))
    return documents
