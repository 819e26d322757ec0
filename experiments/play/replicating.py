"""Playing a scenario with many seeds at once, for whoever wants what came of it as arrays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputFiles, blamed_on
from marketgame.experiments.files.scenario_file import load_scenario, names_game
from marketgame.mechanisms.arrays import undefined_raises
from marketgame.simulation.market.replications import Replications, replicate
from marketgame.simulation.scenario.market_scenario import MarketScenario


@undefined_raises
def run_many(
    of: Path | str | MarketScenario,
    *,
    replications: int = 100,
    rounds: int | None = None,
    seed: int | None = None,
    allow_code: bool = False,
) -> Replications:
    """Play a scenario on a market with many seeds, many replications at once, and write nothing.

    Args:
        of: a file, ``example:NAME``, or a scenario.
        replications: how many; their seeds follow from the scenario's.
        rounds: how many rounds to play instead of the scenario's number.
        seed: the seed to use instead of the scenario's.
        allow_code: whether files may name code of anybody's, which then is imported.

    Raises:
        InputError: a file is wrong.
        TypeError: the scenario is one of a coalitional game.
        ValueError: so is that in the file, there are no replications, or the contract that a scenario asks for does
            not exist, an InputError where it has a file.
    """
    if not isinstance(of, Path | str):
        if not isinstance(of, MarketScenario):
            raise TypeError(f"{of.name!r} is a coalitional game, in which nobody gains by what is learnt; sweep it")
        scenario = replace(of, rounds=of.rounds if rounds is None else rounds, seed=of.seed if seed is None else seed)
        return replicate(scenario, replications)
    path, files = located(of), InputFiles(allow_code=allow_code)
    with blamed_on(path):
        if names_game(path, files):
            raise ValueError("a coalitional game is not replicated on a market; sweep it")
        return replicate(load_scenario(path, rounds, seed, files), replications)
