"""A whole run: played from the first round to the last, for its tables or into a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from marketgame.simulation.recording.checkpoint import restore, state_of, write_checkpoint
from marketgame.simulation.recording.table_files import TableFiles, written_rows
from marketgame.simulation.recording.tables import ROUNDS, ROWS_BY_ROUND, TABLES
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.scenario import Scenario

if TYPE_CHECKING:
    from marketgame.simulation.game.model import GameModel
    from marketgame.simulation.market.model import MarketModel

# Finished rows are written to the folder of a run once they take this many bytes.
MOST_BYTES = 16 << 20


class SimulationInterrupted(KeyboardInterrupt):
    """A run was interrupted between or during rounds.

    Attributes:
        tables: the rounds completed until then.
    """

    def __init__(self, tables: dict[str, pa.Table]) -> None:
        super().__init__()
        self.tables = tables


def model_of(scenario: Scenario) -> GameModel | MarketModel:
    """Return the model that plays a scenario.

    Raises:
        ValueError: the established contract does not exist for this economy, or a rule forbids it.
    """
    # Each is loaded where it is played: a market does without games, their mechanisms and their core.
    if isinstance(scenario, MarketScenario):
        from marketgame.simulation.market.model import MarketModel  # noqa: PLC0415

        return MarketModel(scenario)
    from marketgame.simulation.game.model import GameModel  # noqa: PLC0415
    from marketgame.simulation.scenario.game_scenario import GameScenario  # noqa: PLC0415

    if isinstance(scenario, GameScenario):
        return GameModel(scenario)
    raise TypeError(f"{type(scenario).__name__} is played neither on a market nor in a game")


def simulate(
    scenario: Scenario,
    on_round: Callable[[int], None] | None = None,
    on_search: Callable[[str], None] | None = None,
) -> dict[str, pa.Table]:
    """Play a scenario.

    Args:
        scenario: what to play, on a market or in a coalitional game.
        on_round: called after each round with the number of rounds played.
        on_search: called with what an organiser of coalitions begins to search, in words.

    Returns:
        Every table of :data:`marketgame.simulation.recording.tables.TABLES`; the same for the same scenario, bit for
        bit.

    Raises:
        ValueError: the established contract does not exist for this economy, or a rule forbids it.
        SimulationInterrupted: the user interrupted; the rounds completed are in its ``tables``.
    """
    model = model_of(scenario)
    try:
        for _ in _rounds(model, scenario.rounds, on_round, on_search):
            pass
    except KeyboardInterrupt:
        raise SimulationInterrupted(model.recorder.tables()) from None
    return model.recorder.tables()


def simulate_into(
    folder: Path,
    scenario: Scenario,
    on_round: Callable[[int], None] | None = None,
    on_search: Callable[[str], None] | None = None,
    undisturbed: Callable[[], AbstractContextManager[object]] = nullcontext,
    earlier: Path | None = None,
) -> bool:
    """Play a scenario and leave its tables in a folder, in memory that does not grow with them.

    Args:
        folder: where each table becomes a file when the run has ended; if something fails, none does.
        scenario: what to play, on a market or in a coalitional game.
        on_round: called after each round with the number of rounds played.
        on_search: called with what an organiser of coalitions begins to search, in words.
        undisturbed: returns a context in which nothing is interrupted: rows are on their way in it.
        earlier: the folder of a run of the same scenario to go on from, as if it had never stopped; it is only read.

    Returns:
        Whether every round was played. If not, the user interrupted; the tables are those of the rounds completed.

    Raises:
        ValueError: the established contract does not exist for this economy, or a rule forbids it; or there is nothing
            to go on from.
        OSError: the folder cannot be written.
    """
    model, done = model_of(scenario), True
    with TableFiles(folder) as files:
        if earlier is not None:
            _go_on(model, earlier, files)
        state = state_of(model)
        try:
            for _ in _rounds(model, scenario.rounds, on_round, on_search):
                state = state_of(model)
                if model.recorder.rows_held >= MOST_BYTES:
                    with undisturbed():
                        files.append(model.recorder.hand_over())
        except KeyboardInterrupt:
            done = False
        with undisturbed():
            # What interrupted a round after its last step found it whole.
            write_checkpoint(folder, state if state.rounds == model.recorder.rounds else state_of(model))
            files.append(model.recorder.tables())
    return done


def _go_on(model: GameModel | MarketModel, earlier: Path, files: TableFiles) -> None:
    """Put a model and its recorder where an earlier run stopped, and take over its rows."""
    rounds = restore(model, earlier)
    if not rounds:
        return
    for name in ROWS_BY_ROUND:
        for rows in written_rows(earlier, name, TABLES[name].arrow):
            if name == ROUNDS.name:
                model.recorder.go_on(rounds, rows)
            else:
                files.append({name: rows})


def _rounds(
    model: GameModel | MarketModel,
    rounds: int,
    on_round: Callable[[int], None] | None,
    on_search: Callable[[str], None] | None,
) -> Iterator[int]:
    """Play round after round, and yield the number of rounds played after each."""
    if on_search is not None:
        model.announce_searches(on_search)
    for played in range(model.recorder.rounds + 1, rounds + 1):
        model.step()
        if on_round is not None:
            on_round(played)
        yield played
