"""Draws the pictures about blocking and the core: ``python -m marketgame.experiments.studies.core_pictures FOLDER``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from marketgame.experiments import HOME
from marketgame.experiments.blocking.core_picture import core_picture, plane_of
from marketgame.experiments.files.game_file import load_game
from marketgame.experiments.files.output_folder import replace_file
from marketgame.experiments.play.running import play, prepare, run_folder
from marketgame.experiments.studies.severance import (
    HIGHEST_PRICE,
    LEAST_BETA,
    blocking_profits,
    example,
    predicted_bounds,
    predicted_region,
    sweep_severance,
)
from marketgame.mechanisms.core.variant import CoreVariant
from marketgame.results.figures import standard_figures
from marketgame.results.figures.core import severance_and_side_bets, severance_sweep
from marketgame.results.figures.saving import save_figure
from marketgame.results.loading import load

GAMES, SCENARIOS = HOME / "games", HOME / "scenarios"
UNIT = "$"
EXAMPLE_1 = "myerson-example-1"
# The promises that the sweep plays and the map shows; the two points where blocking stops and begins again are among
# the first.
SWEPT = np.sort(np.append(np.linspace(0.0, 1.4, 29), predicted_bounds(HIGHEST_PRICE)))
MAPPED = (np.linspace(0.4, 1.4, 61), np.linspace(1.2, 5.0, 61))
ROUNDS = 4000
SEED = 1
PRICES = (3.5, 3.3, 3.1)
# Pictures of runs: file name, scenario, which of its figures.
PLAYED = (
    ("blocking-profit", "myerson-example-1-blocked", "mediator-profits"),
    ("adverse-selection", "myerson-example-2-side-bet-only", "mediator-profits"),
    ("invitations", "myerson-example-2-blocked", "invitations"),
)


def draw(folder: Path) -> list[Path]:
    """Compute what the pictures show and draw them; the sweep is written as a table beside its picture."""
    folder.mkdir(parents=True, exist_ok=True)
    sweep = sweep_severance(example(), HIGHEST_PRICE, SWEPT.tolist(), ROUNDS, SEED)
    table = folder / "severance-sweep.csv"
    replace_file(table, sweep.to_csv(index=False, float_format="%.6g"))
    figures = {
        "core-of-example-1": core_of_example_1(),
        "severance-and-side-bets": _map_of_example_2(),
        "severance-sweep": severance_sweep(sweep, predicted_bounds(HIGHEST_PRICE), UNIT),
    }
    computed = [save_figure(figure, folder / f"{name}.png") for name, figure in figures.items()]
    return [table, *computed, *(_of_a_run(*picture, folder) for picture in PLAYED)]


def _of_a_run(name: str, scenario: str, figure: str, folder: Path) -> Path:
    """Play a scenario and draw one of its figures."""
    path = SCENARIOS / f"{scenario}.toml"
    ready = prepare(path)
    with tempfile.TemporaryDirectory() as scratch:
        with run_folder(ready, Path(scratch) / "run") as written:
            played = play(ready, written, lambda _: None)
        drawn = standard_figures(load(played.folder))[figure]
    return save_figure(drawn, folder / f"{name}.png")


def core_of_example_1() -> Figure:
    """Return the core of Myerson's first example with two mechanisms, as ``marketgame core --figure`` draws it.

    Raises:
        ArithmeticError: the core was not found.
    """
    blocked, equitable = (load_game(GAMES / f"{name}.toml") for name in ("myerson-example-1-equal-gains", EXAMPLE_1))
    plane = plane_of(equitable.game, "seller/L,seller/H")
    drawn = core_picture(equitable, plane, CoreVariant(), {blocked.name: blocked})
    if drawn is None:
        raise ArithmeticError("the core of the first example was not found")
    return drawn


def _map_of_example_2() -> Figure:
    profits: pd.DataFrame = blocking_profits(example(), HIGHEST_PRICE, MAPPED[0].tolist(), MAPPED[1].tolist())
    regions = {f"condition (27) at the price {price:g}": predicted_region(price) for price in PRICES}
    smallest = predicted_bounds(HIGHEST_PRICE)[0]
    title = f"Example 2 at the price {HIGHEST_PRICE:g}: promises that nobody can break"
    return severance_and_side_bets(profits, regions, (smallest, 2 * LEAST_BETA * smallest), UNIT, title)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
