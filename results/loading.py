"""Run folders, read back.

A run folder holds ``manifest.json`` and one Parquet file for each table. Every column carries its unit and its
meaning in the file; a loaded frame has them as ``frame.attrs["units"]`` and ``frame.attrs["meaning"]``, both
by column name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self, overload, override

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from marketgame.results.manifests import FILES, MANIFEST, DamagedFileError, check, place_of, read_manifest
from marketgame.results.names import LONGEST_NAME, on_a_line

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
        *("scenario", "economy", "player", "counterparty", "neighbour", "type", "reported_type", "good"),
        *("behaviour", "reason", "kind", "benchmark"),
    }
)


class TableOfRun:
    """A table of a run as its attribute; a run whose folder keeps no such table raises ValueError."""

    def __init__(self, meaning: str) -> None:
        self.__doc__ = meaning

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, run: None, owner: type) -> Self: ...

    @overload
    def __get__(self, run: Run, owner: type) -> pd.DataFrame: ...

    def __get__(self, run: Run | None, owner: type) -> Self | pd.DataFrame:
        """Return the table of a run."""
        if run is None:
            return self
        if self._name not in run.tables:
            raise ValueError(f"{run.folder} keeps no table {self._name!r}; it has {', '.join(run.tables)}")
        return run.tables[self._name]


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What the folder of a run or of a sweep holds.

    Attributes:
        folder: where it was read from.
        manifest: inputs, seed, versions, times and status of the run, as written.
        tables: every table by name; they are attributes too.
    """

    folder: Path
    manifest: Mapping[str, object]
    tables: Mapping[str, pd.DataFrame]

    runs = TableOfRun("One row for each run in the folder.")
    rounds = TableOfRun("One row for each round.")
    players = TableOfRun("One row for each round and player.")
    holdings = TableOfRun("One row for each round, player and good.")
    trades = TableOfRun("One row for each good that a player received from another in a round.")
    cancelled_trades = TableOfRun(
        "One row for each good that a player was to receive from another, had neither been bankrupt."
    )
    trade_totals = TableOfRun("One row for each round and good, with what all trades in it add up to.")
    events = TableOfRun("One row for each thing out of the ordinary, such as a bankruptcy, in a round.")
    benchmarks = TableOfRun("Welfare of each benchmark, by type profile and in expectation (profile -1).")
    constraints = TableOfRun("One row for each constraint that costs welfare in an incentive-efficient benchmark.")
    mediators = TableOfRun("One row for each round and mediator.")
    invitations = TableOfRun("One row for each player whom a blocking mediator asked in a round.")
    actions = TableOfRun("One row for each coalition that did something together outside the market in a round.")
    side_contracts = TableOfRun(
        "One row for each round and member of a coalition that an organiser tried to bring together."
    )
    stances = TableOfRun("One row for each round and player that learns.")
    regrets = TableOfRun("One row for each stance of each type of a player that learns.")
    links = TableOfRun("One row for each two players who are linked in the network of a run.")
    valuations = TableOfRun("One row for each amount of the good and type, where two trade one besides the numeraire.")
    points = TableOfRun("One row for each point of a sweep, with its parameters.")

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The columns of a sweep's parameters, in tables of points and of runs; none for a single run."""
        return tuple(self.points.columns.drop("point")) if "points" in self.tables else ()

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {len(frame)}" for name, frame in self.tables.items())
        return f"{self._title()}\n{on_a_line(str(self.folder))}\nrows of tables: {rows}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{escape(name)}</code></td><td>{len(frame):,}</td></tr>"
            for name, frame in self.tables.items()
        )
        return (
            f"<p><b>{escape(self._title())}</b><br><code>{escape(on_a_line(str(self.folder)))}</code></p>"
            f"<table><tr><th>table</th><th>rows</th></tr>{rows}</table>"
        )

    def _title(self) -> str:
        """Return on one line what was played."""
        runs = self.runs
        if runs.empty:
            return "no runs"
        first = runs.iloc[0]
        if "points" in self.tables:
            failed = int((runs["status"] != "done").sum())
            size = f"{len(self.points)} points, {len(runs)} runs{f', {failed} failed' if failed else ''}"
            return f"sweep {on_a_line(repr(str(self.manifest.get('name', self.folder.name))), LONGEST_NAME)}: {size}"
        scenario, economy = (on_a_line(repr(str(first[name])), LONGEST_NAME) for name in ("scenario", "economy"))
        return f"run {scenario} of {economy}: {first['rounds']} rounds, seed {first['seed']}"

    @cached_property
    def player_names(self) -> tuple[str, ...]:
        """The players, in the economy's order."""
        return tuple(str(name) for name in self.players["player"].unique())

    @cached_property
    def goods(self) -> tuple[str, ...]:
        """The goods, in the economy's order; the last is the numeraire. None in a coalitional game."""
        if isinstance(self.tables, _Tables) and "holdings" in self.tables:
            return self.tables.labels("holdings", "good")
        if "holdings" in self.tables:
            return tuple(str(name) for name in self.holdings["good"].unique())
        # A sweep need not keep the table; all its runs play the same economy, or its goods are not known.
        known = set(map(tuple, _units_in(self.manifest)))
        return known.pop() if len(known) == 1 else ()

    @cached_property
    def good_units(self) -> Mapping[str, str]:
        """The unit of each good, as the manifest or the economy files kept in it say; empty when they do not agree."""
        kept = [units for units in _units_in(self.manifest) if tuple(units) == self.goods]
        return MappingProxyType(kept[0] if kept and all(units == kept[0] for units in kept) else {})

    def unit(self, table: str, column: str, good: str | None = None) -> str:
        """Return the unit of a column in the economy's own words.

        Returns:
            The unit that the table gives, with "numeraire" and "unit of the good" replaced by the units of the
            economy file where the manifest keeps it; empty when the table gives none.
        """
        written: str = self.tables[table].attrs["units"].get(column, "")
        if good is not None and good in self.good_units:
            for generic in ("units of the good", "unit of the good"):
                written = written.replace(generic, self.good_units[good])
        if not self.goods:
            # Utility in a coalitional game is in money without a name.
            return written if _units_in(self.manifest) else written.replace("numeraire", "money")
        money = self.good_units.get(self.goods[-1], "numeraire")
        return written.replace("unit of the numeraire", "numeraire").replace("numeraire", money)


def load(folder: str | Path) -> Run:
    """Read the folder of a run or of a sweep.

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
        tables = _Tables({Path(name).stem: _StoredTable(place_of(home, name)) for name in names}, of_sweep=of_sweep)
    except OSError as fault:
        if isinstance(fault, FileNotFoundError):
            raise
        raise DamagedFileError(f"{home} cannot be read: {fault}") from fault
    return Run(home, MappingProxyType(manifest), tables)


def _existing(home: Path, file: str) -> Path:
    path = place_of(home, file)
    if not path.exists():
        unfinished = "; a sweep was begun in it, run it again to go on" if any(home.glob("parts-*")) else ""
        raise FileNotFoundError(f"{home} is not a run folder: it holds no {file}{unfinished}")
    return path


@contextmanager
def blamed_on_tables(run: Run) -> Iterator[None]:
    """Blame a folder that does not say which bytes were written for whatever its tables make impossible.

    What goes wrong with tables that are as they were written is a fault of the program, and stays one.

    Raises:
        DamagedFileError: the tables do not fit each other.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ArithmeticError, pd.errors.InvalidIndexError) as error:
        if FILES in run.manifest:
            raise
        what = on_a_line(f"{type(error).__name__}: {error}", 200)
        raise DamagedFileError(
            f"the tables in {run.folder} are damaged: they do not fit each other ({what})"
        ) from error


class _Tables(Mapping[str, pd.DataFrame]):
    """Tables by name, each made a frame when it is first asked for: most are for figures alone."""

    def __init__(self, stored: Mapping[str, _StoredTable], *, of_sweep: bool) -> None:
        self._stored, self._of_sweep = stored, of_sweep
        self._frames: dict[str, pd.DataFrame] = {}

    @override
    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._frames:
            self._frames[name] = _frame(self._stored[name].unpacked(), of_sweep=self._of_sweep)
        return self._frames[name]

    def labels(self, name: str, column: str) -> tuple[str, ...]:
        """Return the different labels in a column, in order, without making the table a frame for that."""
        return tuple(map(str, self._stored[name].unpacked([column])[column].unique().to_pylist()))

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    @override
    def __len__(self) -> int:
        return len(self._stored)


class _StoredTable:
    """What the file of a table holds, packed as it is there: unpacked it takes many times as much.

    Raises:
        DamagedFileError: it is not a table.
        ValueError: it lacks a column.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise DamagedFileError(f"{path.name} in {path.parent} is damaged: it is not a file")
        self._path, self._content = path, path.read_bytes()
        with self._blamed():
            names = pq.read_schema(pa.BufferReader(self._content)).names
        for column in REQUIRED_COLUMNS.get(path.stem, ()):
            if column not in names:
                raise ValueError(f"{path.name} in {path.parent} has no column {column!r}; it has {', '.join(names)}")

    def unpacked(self, columns: list[str] | None = None) -> pa.Table:
        """Return the table, or some columns of it.

        Raises:
            DamagedFileError: what the file holds is not what its end says.
        """
        with self._blamed():
            return pq.read_table(pa.BufferReader(self._content), columns=columns)

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError) as fault:
            # Arrow says more than a line about some files.
            reason = str(fault).partition("\n")[0]
            raise DamagedFileError(
                f"{self._path.name} in {self._path.parent} is not a Parquet table: {reason}"
            ) from fault


def _frame(table: pa.Table, *, of_sweep: bool) -> pd.DataFrame:
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


def _units_in(manifest: Mapping[str, object]) -> list[dict[str, str]]:
    """Return the unit of each good, in order: of the economy that a manifest describes, else of each file it keeps."""
    named = manifest.get("units")
    if isinstance(named, dict):
        # A coalitional game has none.
        return [] if not named else [{str(good): str(unit) for good, unit in named.items()}]
    found = []
    for document in input_documents(manifest):
        goods, units = document.get("goods"), document.get("units")
        if isinstance(goods, list) and isinstance(units, list) and len(goods) == len(units):
            found.append({str(good): str(unit) for good, unit in zip(goods, units, strict=True)})
    return found


def input_documents(manifest: Mapping[str, object]) -> list[dict[str, object]]:
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
