"""A whole run: played from the first round to the last, and written to its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.scenario import Scenario

if TYPE_CHECKING:
    from marketgame.simulation.game.model import GameModel
    from marketgame.simulation.market.model import MarketModel

COMPRESSION = "zstd"
# Few large row groups compress and load better than many small ones.
ROWS_PER_GROUP = 1 << 20


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
    if on_search is not None:
        model.announce_searches(on_search)
    try:
        for played in range(1, scenario.rounds + 1):
            model.step()
            if on_round is not None:
                on_round(played)
    except KeyboardInterrupt:
        raise SimulationInterrupted(model.recorder.tables()) from None
    return model.recorder.tables()


def write_tables(folder: Path, tables: Mapping[str, pa.Table]) -> None:
    """Write the tables of a run, each there whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        key_columns = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
        path, partial = folder / f"{name}.parquet", folder / f".{name}.parquet.partial"
        options = {"compression": COMPRESSION, "row_group_size": ROWS_PER_GROUP}
        try:
            # Beside its place, then moved there in one step.
            pq.write_table(table, partial, use_dictionary=key_columns, **options)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
