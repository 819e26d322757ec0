"""Rounds turned into tables.

Rounds are kept as they are and worked out many at a time, so that recording costs a round next to nothing and
memory holds finished columns rather than objects. Whoever has a better place for finished rows may take them over
(`Recorder.hand_over`); only the table of rounds, a row for each, is needed to the end. What rounds on a market and in
a coalitional game share is written here once; their recorders say what they measure, and write what one of them has
alone.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from marketgame.simulation.recording.benchmarks import BenchmarkEntry, ConstraintEntry
from marketgame.simulation.recording.coalitions import Formations, invitations
from marketgame.simulation.recording.columns import Column, entry_table, grid_table, listed_table
from marketgame.simulation.recording.events import Events, blocking_events, in_order
from marketgame.simulation.recording.labels import Labels
from marketgame.simulation.recording.tables import (
    ACTIONS,
    BENCHMARKS,
    CONSTRAINTS,
    EVENTS,
    INVITATIONS,
    MEDIATORS,
    PLAYERS,
    ROUNDS,
    RUNS,
    TABLES,
)
from marketgame.simulation.scenario.scenario import Scenario

if TYPE_CHECKING:
    from marketgame.simulation.recording.tables import Rounds
    from marketgame.simulation.stages.blocking import Formed

# Rounds are turned into rows in pieces of this size, wherever a run stops.
ROUNDS_AT_ONCE = 1024
# So are rounds that take this many bytes together, however few.
BYTES_AT_ONCE = 1 << 24
# For each kind of recorder the columns of all tables that it has been found to fill; the same ones, not their likes.
_CHECKED: dict[tuple[type, bool, bool, bool], list[tuple[Column[Any], ...]]] = {}


@dataclass(frozen=True, eq=False)
class WholeRun:
    """A run as the table of runs shows it.

    Attributes:
        scenario: what was played.
        rounds: the table of rounds.
    """

    scenario: Scenario
    rounds: pa.Table


class Recorder[Play, Measured: Rounds](ABC):
    """Keeps every round of one run.

    Attributes:
        rows_held: how many bytes the finished rows take that can be handed over.

    Raises:
        SchemaError: what it makes of rounds is not what the schemas of the tables say.
    """

    def __init__(self, scenario: Scenario, labels: Labels, run: int) -> None:
        self._scenario = scenario
        self._run = run
        self._labels = labels
        self._plays: list[Play] = []
        self._pieces: dict[str, list[pa.Table]] = {}
        self._rounds_written = 0
        self._bytes = 0
        self.rows_held = 0
        self._check()

    def _check(self) -> None:
        """Find out what cannot be written before anything is played; what was found once need not be again."""
        kind = (type(self), self._labels.blocking, bool(self._labels.organisers), self._labels.learns)
        columns = [schema.columns for schema in TABLES.values()]
        if not all(map(operator.is_, columns, _CHECKED.get(kind, [None] * len(columns)))):
            for schema, entry in ((BENCHMARKS, BenchmarkEntry), (CONSTRAINTS, ConstraintEntry)):
                schema.refuse_other_entries(entry, ["run"])
            self._finished({name: [table] for name, table in self.rows((), 0).items()}, [], [])
            _CHECKED[kind] = columns

    @abstractmethod
    def measured(self, plays: Sequence[Play]) -> Measured:
        """Return some rounds side by side, or none."""

    @abstractmethod
    def formed(self, plays: Sequence[Play]) -> list[tuple[int, Formed]]:
        """Return the coalitions that did something together, each with the number of its round among these."""

    @abstractmethod
    def benchmarks(self, drawn: AbstractSet[int]) -> list[BenchmarkEntry]:
        """Return what could have been achieved, given the numbers of the profiles that were drawn."""

    @abstractmethod
    def constraints(self) -> list[ConstraintEntry]:
        """Return what costs welfare in incentive-efficient benchmarks."""

    def size(self, play: Play) -> int:
        """Return how many bytes a round takes until it has been turned into rows, if that is worth counting."""
        return 0

    def events(self, measured: Measured) -> Sequence[Events]:
        """Return what went out of the ordinary beside what blocking mediators did."""
        return ()

    def own_rows(self, measured: Measured, run: int, first_round: int) -> dict[str, pa.Table]:
        """Return the rows of tables that the other recorder leaves empty."""
        return {}

    def whole_rows(self) -> dict[str, pa.Table]:
        """Return the rows of tables about the run as a whole that the other recorder leaves empty."""
        return {}

    def add(self, play: Play) -> None:
        """Keep one more round."""
        self._plays.append(play)
        self._bytes += self.size(play)
        if len(self._plays) >= ROUNDS_AT_ONCE or self._bytes >= BYTES_AT_ONCE:
            self._write_rows()

    @property
    def rounds(self) -> int:
        """How many rounds have been kept."""
        return self._rounds_written + len(self._plays)

    def go_on(self, rounds: int, rows: pa.Table) -> None:
        """Go on after the rounds of an earlier run; only rows of the table of rounds are needed of what it recorded."""
        self._rounds_written = rounds
        self._pieces.setdefault(ROUNDS.name, []).append(rows)

    def hand_over(self) -> dict[str, pa.Table]:
        """Return the finished rows of every table but that of rounds, and forget them: whoever takes them keeps them.

        An interruption in here may lose them.
        """
        rounds = self._pieces.pop(ROUNDS.name, [])
        rows = {name: pa.concat_tables(pieces).combine_chunks() for name, pieces in self._pieces.items()}
        self._pieces, self.rows_held = {ROUNDS.name: rounds}, 0
        return rows

    def tables(self) -> dict[str, pa.Table]:
        """Return every table, in the order and with the schemas of ``tables.TABLES``, but for rows handed over."""
        self._write_rows()
        rounds = self._pieces.get(ROUNDS.name, [])
        drawn = {number for piece in rounds for number in pc.unique(piece["profile"]).to_pylist()}
        return self._finished(self._pieces, self.benchmarks(drawn), self.constraints())

    def _finished(
        self, pieces: dict[str, list[pa.Table]], benchmarks: list[BenchmarkEntry], constraints: list[ConstraintEntry]
    ) -> dict[str, pa.Table]:
        tables = {name: schema.arrow.empty_table() for name, schema in TABLES.items()}
        tables |= {name: pa.concat_tables(tables) for name, tables in pieces.items() if tables}
        # In one piece, so that means are the same wherever a run was stopped and continued.
        run, whole = self._run, WholeRun(self._scenario, tables[ROUNDS.name].combine_chunks())
        tables[RUNS.name] = RUNS.table(whole, {"run": np.array([run])})
        tables[BENCHMARKS.name] = entry_table(BENCHMARKS, run, benchmarks)
        tables[CONSTRAINTS.name] = entry_table(CONSTRAINTS, run, constraints)
        tables |= self.whole_rows()
        return {name: tables[name].combine_chunks() for name in TABLES}

    def _write_rows(self) -> None:
        if not self._plays:
            return
        rows = self.rows(self._plays, self._rounds_written)
        pieces = {name: [*self._pieces.get(name, []), table] for name, table in rows.items()}
        written = self._rounds_written + len(self._plays)
        held = self.rows_held + sum(table.nbytes for name, table in rows.items() if name != ROUNDS.name)
        # An interruption finds these rounds either as they were played or as rows, never as both.
        self._pieces, self.rows_held, self._rounds_written, self._plays, self._bytes = pieces, held, written, [], 0

    def rows(self, plays: Sequence[Play], first_round: int) -> dict[str, pa.Table]:
        """Return the rows of rounds in every table that has some for each round; the first has this number."""
        measured, labels = self.measured(plays), self._labels
        place = (self._run, first_round)
        grid = (measured, *place, len(plays))
        events = in_order([*self.events(measured), *blocking_events(measured.approaches, measured.severance)], labels)
        rows = {
            "rounds": grid_table(ROUNDS, *grid),
            "players": grid_table(PLAYERS, *grid, player=labels.players),
            "events": listed_table(EVENTS, events, *place, events.number),
        }
        if labels.blocking:
            asked = invitations(measured.approaches, measured.profile, labels)
            formed = self.formed(plays)
            formations = Formations([number for number, _ in formed], [each for _, each in formed], labels)
            rows |= {
                "mediators": grid_table(MEDIATORS, *grid, mediator=labels.mediators),
                "invitations": listed_table(INVITATIONS, asked, *place, [each.round for each in asked.rows]),
                "actions": listed_table(ACTIONS, formations, *place, formations.rounds),
            }
        return rows | self.own_rows(measured, *place)
