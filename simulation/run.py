"""A whole run: played from the first round to the last, for its tables or into a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import inf
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pyarrow as pa

from marketgame.simulation.recording.checkpoint import State, restore, rounds_in, state_of, write_checkpoint
from marketgame.simulation.recording.recorder import ROUNDS_AT_ONCE
from marketgame.simulation.recording.table_files import TableFiles, written_rows
from marketgame.simulation.recording.tables import ROUNDS, ROWS_BY_ROUND, TABLES
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.scenario import Scenario

if TYPE_CHECKING:
    from marketgame.simulation.game.model import GameModel
    from marketgame.simulation.market.model import MarketModel

# Finished rows are written to the folder of a run once they take this many bytes.
MOST_BYTES = 16 << 20
# Runs are played side by side as far as so many orders have to be held until they are turned into rows.
MOST_ORDERS_HELD = 8 << 20


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


def simulate_abreast(scenario: Scenario, seeds: Sequence[int]) -> list[dict[str, pa.Table]] | None:
    """Play a scenario with several seeds side by side, which is faster, if that is possible.

    Returns:
        What `simulate` returns for each seed, bit for bit; none if they must be played one by one.

    Raises:
        ValueError: the established contract does not exist for this economy, or a rule forbids it.
    """
    if not isinstance(scenario, MarketScenario):
        return None
    from marketgame.simulation.market.abreast import MarketsAbreast, obstacle  # noqa: PLC0415
    from marketgame.simulation.market.messages import DrawnError  # noqa: PLC0415

    entries = len(scenario.economy.players) ** 2 * len(scenario.economy.goods)
    at_once = MOST_ORDERS_HELD // (entries * min(max(scenario.rounds, 1), ROUNDS_AT_ONCE))
    if obstacle(scenario) or min(at_once, len(seeds)) < 2:
        return None
    tables = []
    try:
        for first in range(0, len(seeds), at_once):
            some = seeds[first : first + at_once]
            markets = MarketsAbreast(scenario, some, whole=True)
            recorders = [markets.model.recorder.of_seed(seed) for seed in some]
            for played in markets.rounds(scenario.rounds):
                for recorder, play in zip(recorders, played.rounds, strict=True):
                    recorder.add(play)
            tables += [recorder.tables() for recorder in recorders]
    except DrawnError:
        return None
    return tables


@dataclass(frozen=True)
class Saving:
    """How a run that is still being played is put where it outlives the process that plays it.

    Attributes:
        seconds: wall time between two times, more if saving itself takes more than a tenth of it.
        save: puts what the folder written to holds in its place, and returns that place.
    """

    seconds: float
    save: Callable[[], Path]


def simulate_into(
    folder: Path,
    scenario: Scenario,
    on_round: Callable[[int], None] | None = None,
    on_search: Callable[[str], None] | None = None,
    undisturbed: Callable[[], AbstractContextManager[object]] = nullcontext,
    earlier: Path | None = None,
    saving: Saving | None = None,
) -> bool:
    """Play a scenario and leave its tables in a folder, in memory that does not grow with them.

    Args:
        folder: where each table becomes a file when the run has ended; if something fails, none does.
        scenario: what to play, on a market or in a coalitional game.
        on_round: called after each round with the number of rounds played.
        on_search: called with what an organiser of coalitions begins to search, in words.
        undisturbed: returns a context in which nothing is interrupted: rows are on their way in it.
        earlier: the folder of a run of the same scenario to go on from, as if it had never stopped; it is only read.
        saving: when and how the rounds played until then are saved, if they are before the run has ended.

    Returns:
        Whether every round was played. If not, the user interrupted; the tables are those of the rounds completed.

    Raises:
        ValueError: the established contract does not exist for this economy, or a rule forbids it; or there is nothing
            to go on from.
        OSError: the folder cannot be written.
    """
    model = model_of(scenario)
    if earlier is not None:
        _recall(model, earlier)
    playing, pause = _rounds(model, scenario.rounds, on_round, on_search), 0.0 if saving is None else saving.seconds
    while True:
        with TableFiles(folder) as files:
            if earlier is not None:
                _take_over(earlier, files)
            due = monotonic() + pause if saving is not None else inf
            stretch = _played(model, playing, files, undisturbed, due)
            stretch.write(folder, files, undisturbed)
        if saving is None or not stretch.goes_on:
            return not stretch.interrupted
        with undisturbed():
            began = monotonic()
            earlier = saving.save()
            pause = max(saving.seconds, 10 * (monotonic() - began))
            # They are in the folder now.
            model.recorder.hand_over()


@dataclass
class _Stretch:
    """Some rounds of a run, played without a stop.

    Attributes:
        model: what played them.
        state: its state after the last round that is known to be whole.
        goes_on: whether more rounds are to be played.
        interrupted: whether the user interrupted.
    """

    model: GameModel | MarketModel
    state: State
    goes_on: bool = False
    interrupted: bool = False

    def write(self, folder: Path, files: TableFiles, undisturbed: Callable[[], AbstractContextManager[object]]) -> None:
        """Write where it ended, and the rows that are left."""
        whole = False
        try:
            with undisturbed():
                # What interrupted a round after its last step found it whole.
                known = self.state.rounds == self.model.recorder.rounds
                write_checkpoint(folder, self.state if known else state_of(self.model))
                files.append(self.model.recorder.tables())
                whole = True
        except KeyboardInterrupt:
            if not whole:
                raise
            self.interrupted, self.goes_on = True, False


def _played(
    model: GameModel | MarketModel,
    playing: Iterator[int],
    files: TableFiles,
    undisturbed: Callable[[], AbstractContextManager[object]],
    due: float,
) -> _Stretch:
    """Play rounds until time has come, by the monotonic clock, or all are played, or the user interrupts."""
    stretch = _Stretch(model, state_of(model))
    try:
        for _ in playing:
            stretch.state = state_of(model)
            if model.recorder.rows_held >= MOST_BYTES:
                with undisturbed():
                    files.append(model.recorder.hand_over())
            if monotonic() >= due:
                stretch.goes_on = True
                break
    except KeyboardInterrupt:
        stretch.interrupted, stretch.goes_on = True, False
    return stretch


def _recall(model: GameModel | MarketModel, earlier: Path) -> None:
    """Put a model and its recorder where an earlier run stopped."""
    rounds = restore(model, earlier)
    if rounds:
        for rows in written_rows(earlier, ROUNDS.name, TABLES[ROUNDS.name].arrow):
            model.recorder.go_on(rounds, rows)


def _take_over(earlier: Path, files: TableFiles) -> None:
    """Take over the rows of an earlier run that no recorder needs any more."""
    if rounds_in(earlier):
        for name in ROWS_BY_ROUND:
            if name != ROUNDS.name:
                for rows in written_rows(earlier, name, TABLES[name].arrow):
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
