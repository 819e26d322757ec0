"""What a study leaves in a folder of the documentation's shape: its table, its figure, and both on its page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from marketgame.experiments.files.output_folder import replace_file
from marketgame.experiments.files.sources import computing_sources, reached_sources
from marketgame.experiments.play.running import DEFAULT_RUNS
from marketgame.experiments.studies.sweep_pages import put_in_page
from marketgame.experiments.sweep.identity import code_digest
from marketgame.results.figures.saving import save_figure

LEARNING = "learning.md"
"""The page of the experiments with traders who learn, estimate and meet on networks."""


def publish(folder: Path, name: str, table: pd.DataFrame, figure: Figure, shown: str, page: str = LEARNING) -> None:
    """Write ``tables/NAME.csv`` and ``pictures/NAME.png``, and put a table in Markdown on the page if there is one.

    Raises:
        ValueError: the page has no place for the table.
    """
    for made in ("tables", "pictures"):
        (folder / made).mkdir(parents=True, exist_ok=True)
    replace_file(folder / "tables" / f"{name}.csv", table.to_csv(index=False, float_format="%.10g"))
    save_figure(figure, folder / "pictures" / f"{name}.png")
    if (place := folder / page).exists():
        replace_file(place, put_in_page(place.read_text(encoding="utf-8"), name, shown))


def mean_and_interval(row: Mapping[Hashable, Any], name: str, scale: float, digits: int, unit: str = "") -> str:
    """Return ``NAME [NAME_low, NAME_high]`` of a row, times a scale; the mean alone where these are one."""
    middle, low, high = (
        f"{scale * row[f'{name}{end}'] + 0:.{digits}f}".replace("-", "−") for end in ("", "_low", "_high")
    )
    return f"{middle}{unit}" if low == high else f"{middle}{unit} [{low}, {high}]"


def checkpoint(name: str, module: str) -> Path:
    """Return the file that keeps cells already computed; another one for all other code, whose cells do not count."""
    sources = reached_sources(module, computing_sources())
    digest = hashlib.sha256(json.dumps([code_digest(), sources]).encode()).hexdigest()[:16]
    DEFAULT_RUNS.mkdir(parents=True, exist_ok=True)
    return DEFAULT_RUNS / f"{name}-{digest}.csv"
