"""Rounds of a coalitional game turned into the tables of a run.

The tables are those of every run; the ones that speak of goods are empty.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from marketgame.agents.behaviours import Behaviour
from marketgame.mechanisms.arrays import (
    FloatArray,
    IntegerArray,
)
from marketgame.mechanisms.coalitional_games.mechanism import expected_cost
from marketgame.mechanisms.incentive_efficiency.welfare import autarky_of_game, first_best_of_game
from marketgame.simulation.recording.blocking_rows import (
    BlockingLabels,
    action_rows,
    blocking_profits,
    invitation_rows,
    mediator_rows,
)
from marketgame.simulation.recording.events import (
    blocking_events,
    event_rows,
)
from marketgame.simulation.recording.game_benchmarks import (
    game_benchmarks,
    game_constraints,
)
from marketgame.simulation.recording.market import (
    ROUNDS_AT_ONCE,
    run_row,
)
from marketgame.simulation.recording.market_benchmarks import entry_table
from marketgame.simulation.recording.rows import (
    REASONS,
    counters,
    keys,
    numbered,
    table_of,
)
from marketgame.simulation.recording.tables import (
    BENCHMARKS,
    CONSTRAINTS,
    PLAYERS,
    ROUNDS,
    TABLES,
)
from marketgame.simulation.scenario.established_mechanism import established_mechanism
from marketgame.simulation.scenario.game_scenario import GameScenario
from marketgame.simulation.stages.game_play import GamePlay


class GameRecorder:
    """Keeps every round of one run.

    Args:
        scenario: what is run.
        behaviours: how each player behaves, by its type.
        run: number of the run in its tables.
    """

    def __init__(self, scenario: GameScenario, behaviours: tuple[tuple[Behaviour, ...], ...], run: int = 0) -> None:
        self._scenario = scenario
        self._game = scenario.game
        self._run = run
        self._labels = BlockingLabels([blocker.name for blocker in scenario.blockers], scenario.game)
        names = [[behaviour.name for behaviour in by_type] for by_type in behaviours]
        self._behaviours, codes = numbered([name for by_type in names for name in by_type])
        self._behaviour_codes = np.split(codes, np.cumsum(self._game.type_counts)[:-1])
        self._first_best, self._autarky = first_best_of_game(self._game), autarky_of_game(self._game)
        self._plays: list[GamePlay] = []
        self._pieces: dict[str, list[pa.Table]] = {}
        self._rounds_written = 0

    def add(self, play: GamePlay) -> None:
        """Keep one more round."""
        self._plays.append(play)
        if len(self._plays) == ROUNDS_AT_ONCE:
            self._write_rows()

    def tables(self) -> dict[str, pa.Table]:
        """Return every table, in the order and with the schemas of :data:`simulation.recording.tables.TABLES`."""
        self._write_rows()
        tables = {name: schema.arrow.empty_table() for name, schema in TABLES.items()}
        tables |= {name: pa.concat_tables(pieces) for name, pieces in self._pieces.items()}
        scenario, incentives = self._scenario, self._scenario.incentives
        tables["runs"] = run_row(
            self._run, scenario.name, scenario.game_name, scenario.seed, len(self._game.players), tables["rounds"]
        )
        tables["benchmarks"] = entry_table(BENCHMARKS, self._run, game_benchmarks(self._game, incentives))
        tables["constraints"] = entry_table(CONSTRAINTS, self._run, game_constraints(incentives))
        return {name: tables[name].combine_chunks() for name in TABLES}

    def _write_rows(self) -> None:
        plays = self._plays
        if not plays:
            return
        profiles = self._game.profiles[[play.profile for play in plays]]
        reports = self._game.profiles[[play.reports for play in plays]]
        approaches = [play.approaches for play in plays]
        severance = np.stack([play.established.severance for play in plays])
        place = (self._run, self._rounds_written)
        rows = {
            "rounds": self._round_rows(profiles, reports),
            "players": self._player_rows(profiles, reports, severance),
            "events": event_rows(*place, blocking_events(approaches, severance), self._game.players),
            "mediators": self._mediator_rows(severance),
            "invitations": invitation_rows(*place, approaches, profiles, self._labels),
            "actions": self._action_rows(),
        }
        pieces = {name: [*self._pieces.get(name, []), table] for name, table in rows.items()}
        written = self._rounds_written + len(plays)
        # An interruption finds these rounds either as they were played or as rows, never as both.
        self._pieces, self._rounds_written, self._plays = pieces, written, []

    def _round_rows(self, profiles: IntegerArray, reports: IntegerArray) -> pa.Table:
        plays, rounds = self._plays, len(self._plays)
        numbers = np.array([play.profile for play in plays])
        welfare = np.array([play.utility.sum() for play in plays])
        paid = np.stack([play.established.payments + play.established.severance + play.side_payments for play in plays])
        return table_of(
            ROUNDS,
            {
                "run": np.full(rounds, self._run),
                "round": self._rounds_written + np.arange(rounds),
                "profile": numbers,
                "welfare": welfare,
                "first_best_welfare": self._first_best[numbers],
                "autarky_welfare": self._autarky[numbers],
                # What mediators put in is no gain, and what they keep is not lost: their account is part of it.
                "gains": welfare - paid.sum(axis=1) - self._autarky[numbers],
                "first_best_gains": (self._first_best - self._autarky)[numbers],
                "bankruptcies": np.zeros(rounds, np.int64),
                "misreports": (profiles != reports).sum(axis=1),
                "volume": np.maximum(paid, 0).sum(axis=1),
                "price_dispersion": np.zeros(rounds),
                "wasted": np.zeros(rounds),
            },
        )

    def _player_rows(self, profiles: IntegerArray, reports: IntegerArray, severance: FloatArray) -> pa.Table:
        plays, shape = self._plays, profiles.shape
        number, player = counters(shape)
        utility = np.stack([play.utility for play in plays])
        behaviours = np.stack([codes[profiles[:, i]] for i, codes in enumerate(self._behaviour_codes)], axis=1)
        nothing = np.zeros(shape)
        return table_of(
            PLAYERS,
            {
                "run": np.full(shape, self._run),
                "round": self._rounds_written + number,
                "player": keys(player, self._game.players),
                "type": self._labels.type_names(profiles),
                "reported_type": self._labels.type_names(reports),
                "behaviour": keys(behaviours, self._behaviours),
                "transfer": np.stack([play.established.payments for play in plays]),
                "cost": nothing,
                "bankrupt": np.zeros(shape, np.bool_),
                "reason": keys(np.zeros(shape, np.int64), REASONS),
                "utility": utility,
                "promised_utility": self._promised(),
                "wealth": utility,
                "mediator": keys(1 + np.stack([play.followed for play in plays]), self._labels.mediators),
                "severance": severance,
                "side_payment": np.stack([play.side_payments for play in plays]),
            },
        )

    def _mediator_rows(self, severance: FloatArray) -> pa.Table:
        plays, scenario = self._plays, self._scenario
        blocking = blocking_profits([play.approaches for play in plays], len(scenario.blockers))
        established = np.array([[play.established.profit] for play in plays])
        promised = np.full((len(plays), 1), -expected_cost(self._game, established_mechanism(scenario)))
        expected = np.hstack((promised, np.stack([play.expected_profits for play in plays])))
        profits = np.hstack((established, blocking))
        return mediator_rows(self._run, self._rounds_written, profits, expected, severance.sum(axis=1), self._labels)

    def _action_rows(self) -> pa.Table:
        formed = [(number, each) for number, play in enumerate(self._plays) for each in play.formed]
        return action_rows(
            self._run,
            self._rounds_written,
            np.array([number for number, _ in formed]),
            [each.mediator for _, each in formed],
            [(each.coalition, each.action) for _, each in formed],
            self._labels,
        )

    def _promised(self) -> FloatArray:
        """Return what the mechanism was expected to give at the reports made, at the true types, ``(R, N)``."""
        mechanism = established_mechanism(self._scenario)
        true = [play.profile for play in self._plays]
        told = [play.reports for play in self._plays]
        utilities = self._game.actions[self._game.grand_coalition].utilities[:, :, true]
        earned: FloatArray = np.einsum("rc,cir->ri", mechanism.action_probability[told], utilities)
        return earned + mechanism.payments[told]
