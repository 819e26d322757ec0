"""Rounds turned into tables.

Rounds are kept as they are and worked out many at a time, so that recording costs a round next to nothing and
memory holds finished columns rather than objects.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from marketgame.agents.behaviours import Behaviour
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.simulation.recording.blocking_rows import (
    BlockingLabels,
    market_blocking_rows,
)
from marketgame.simulation.recording.events import (
    blocking_events,
    event_rows,
    market_events,
    side_contract_events,
)
from marketgame.simulation.recording.market_benchmarks import (
    benchmark_rows,
    constraint_rows,
)
from marketgame.simulation.recording.measures import measure
from marketgame.simulation.recording.rows import (
    Labels,
    holding_rows,
    keys,
    player_rows,
    round_rows,
    table_of,
    trade_rows,
)
from marketgame.simulation.recording.side_contract_rows import (
    SideContractLabels,
    side_contract_rows,
)
from marketgame.simulation.recording.tables import (
    RUNS,
    TABLES,
)
from marketgame.simulation.scenario.market_scenario import Scenario
from marketgame.simulation.stages.market_play import Play

# Rounds are turned into rows in pieces of this size, wherever a run stops.
ROUNDS_AT_ONCE = 1024


class Recorder:
    """Keeps every round of one run.

    Args:
        scenario: what is run.
        contract: the established contract.
        behaviours: how each player behaves, by its type.
        game: what coalitions can do without the others, if there are blocking mediators.
        run: number of the run in its tables.
    """

    def __init__(
        self,
        scenario: Scenario,
        contract: GrandContract,
        behaviours: tuple[tuple[Behaviour, ...], ...],
        game: CoalitionalGame | None = None,
        run: int = 0,
    ) -> None:
        self._scenario = scenario
        self._contract = contract
        self._run = run
        blockers = [blocker.name for blocker in scenario.blockers]
        self._labels = Labels(scenario.economy, behaviours, blockers)
        self._blocking_labels = None if game is None else BlockingLabels(blockers, game)
        self._side_labels = SideContractLabels(scenario) if scenario.organisers else None
        self._plays: list[Play] = []
        self._pieces: dict[str, list[pa.Table]] = {}
        self._rounds_written = 0

    def add(self, play: Play) -> None:
        """Keep one more round."""
        self._plays.append(play)
        if len(self._plays) == ROUNDS_AT_ONCE:
            self._write_rows()

    def tables(self) -> dict[str, pa.Table]:
        """Return every table, in the order and with the schemas of :data:`simulation.recording.tables.TABLES`."""
        self._write_rows()
        tables = {name: schema.arrow.empty_table() for name, schema in TABLES.items()}
        tables |= {name: pa.concat_tables(pieces) for name, pieces in self._pieces.items()}
        drawn = set(pc.unique(tables["rounds"]["profile"]).to_pylist())
        economy = self._scenario.economy
        tables["runs"] = run_row(
            self._run, self._scenario.name, economy.name, self._scenario.seed, len(economy.players), tables["rounds"]
        )
        incentives = self._scenario.incentives
        tables["benchmarks"] = benchmark_rows(self._run, self._contract, drawn, incentives)
        tables["constraints"] = constraint_rows(self._run, incentives)
        return {name: tables[name].combine_chunks() for name in TABLES}

    def _write_rows(self) -> None:
        if not self._plays:
            return
        measures = measure(self._plays, self._contract, self._scenario.rules)
        place = (self._run, self._rounds_written, measures)
        rows = {
            "rounds": round_rows(*place),
            "players": player_rows(*place, self._labels),
            "holdings": holding_rows(*place, self._labels),
            "trades": trade_rows(*place, self._labels, self._scenario.rules.pricing),
            "events": event_rows(
                *place[:2],
                (
                    *market_events(measures),
                    *blocking_events(measures.approaches, measures.plays.severance),
                    *side_contract_events(measures),
                ),
                self._labels.players,
                self._labels.goods,
            ),
        }
        if self._side_labels is not None:
            rows["side_contracts"] = side_contract_rows(*place, self._side_labels)
        if self._blocking_labels is not None:
            rows |= market_blocking_rows(*place, self._blocking_labels)
        pieces = {name: [*self._pieces.get(name, []), table] for name, table in rows.items()}
        written = self._rounds_written + len(self._plays)
        # An interruption finds these rounds either as they were played or as rows, never as both.
        self._pieces, self._rounds_written, self._plays = pieces, written, []


def run_row(run: int, scenario: str, economy: str, seed: int, players: int, rounds: pa.Table) -> pa.Table:
    """Return the one row of the table of runs.

    Args:
        run: number of the run.
        scenario: its name.
        economy: name of the economy, or of the game.
        seed: of all random streams.
        players: how many there are.
        rounds: the table of rounds.
    """
    first = np.zeros(1, np.int64)
    return table_of(
        RUNS,
        {
            "run": np.array([run]),
            "scenario": keys(first, [scenario]),
            "economy": keys(first, [economy]),
            "seed": [seed],
            "rounds": [rounds.num_rows],
            "players": [players],
            "mean_welfare": [pc.mean(rounds["welfare"]).as_py()],
            "mean_first_best_welfare": [pc.mean(rounds["first_best_welfare"]).as_py()],
            "mean_autarky_welfare": [pc.mean(rounds["autarky_welfare"]).as_py()],
            "mean_gains": [pc.mean(rounds["gains"]).as_py()],
            "mean_first_best_gains": [pc.mean(rounds["first_best_gains"]).as_py()],
            "bankruptcies": [pc.sum(rounds["bankruptcies"]).as_py() or 0],
            "misreports": [pc.sum(rounds["misreports"]).as_py() or 0],
        },
    )
