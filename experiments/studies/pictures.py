"""Draws the pictures of the README and the guide: ``python -m marketgame.experiments.studies.pictures FOLDER``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from marketgame.experiments import HOME
from marketgame.experiments.play.running import FIGURES, play, prepare, run_folder
from marketgame.experiments.studies import core_pictures

SCENARIOS = HOME / "scenarios"
# Enough rounds for the pictures over rounds to show something, few enough to be drawn in seconds.
ROUNDS = 40
# Scenarios played for all their rounds, because the guide prints their tables beside the picture.
WHOLE = frozenset({"three-traders-organised"})
# The pictures shown: file name, scenario, which of its standard figures.
PICTURES = (
    ("short-seller-takes-all-money", "annex-b-one-short-seller", "who-ends-with-what"),
    ("short-seller-network", "annex-b-one-short-seller", "trade-network"),
    ("short-seller-bankrupted", "annex-b-one-short-seller-no-short-sales", "who-ends-with-what"),
    ("arbitrageur-takes-the-supply", "ten-traders-arbitrage-prices-first", "who-ends-with-what"),
    ("arbitrageur-sees-no-prices", "ten-traders-arbitrage-simultaneous", "who-ends-with-what"),
    ("mispricing-trader", "ten-traders-arbitrage-prices-first", "quotes-grain"),
    ("noisy-traders", "ten-traders-noisy", "welfare"),
    ("obedient-network", "annex-b-obedient", "trade-network"),
    ("side-contracts", "three-traders-organised", "side-contracts"),
)


def draw(folder: Path) -> list[Path]:
    """Play the scenarios behind the pictures and draw them."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with tempfile.TemporaryDirectory() as scratch:
        for scenario in dict.fromkeys(scenario for _, scenario, _ in PICTURES):
            drawn = _figures_of(scenario, Path(scratch) / scenario)
            for name, source, figure in PICTURES:
                if source == scenario:
                    written.append((drawn / f"{figure}.png").replace(folder / f"{name}.png"))
    return written + core_pictures.draw(folder)


def _figures_of(scenario: str, folder: Path) -> Path:
    """Play a scenario and return the folder of its standard figures."""
    path = SCENARIOS / f"{scenario}.toml"
    ready = prepare(path, rounds=None if scenario in WHOLE else ROUNDS)
    with run_folder(ready, folder) as written:
        return play(ready, written, lambda _: None).folder / FIGURES


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
