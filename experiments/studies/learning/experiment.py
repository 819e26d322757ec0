"""An experiment with learners: which sweeps it plays, and how its table, its picture and its reading are published.

A table has names and numbers; what the page shows of it, the picture and the sentences that read it are made from the
table alone, so that they say what was computed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from marketgame import results
from marketgame.experiments.files.output_folder import replace_file
from marketgame.experiments.play.running import DEFAULT_RUNS
from marketgame.experiments.studies.published import LEARNING, publish
from marketgame.experiments.studies.sweep_pages import SWEEPS, markdown, put_in_page
from marketgame.experiments.sweep import run_sweep
from marketgame.experiments.sweep.file import load_sweep
from marketgame.results.comparison import CONFIDENCE
from marketgame.results.loading import Run

# Columns of whole tables, where these are what a sweep varies.
RULES, TRADERS = "scenario.rules", "scenario.traders"
GAINS = "share_of_first_best_gains"

type Swept = Callable[[str], Run]
"""What returns a sweep by the name of its file, played."""
type Tables = Mapping[str, pd.DataFrame]
"""What an experiment finds, by what the names of files add to the experiment's; the table itself adds nothing."""


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        name: of its places on the page, of its table and of its picture.
        sweeps: the names of the files of its sweeps, in ``experiments/sweeps``.
        measure: what the sweeps show, as tables that are saved.
        show: the table in words, as the page has it; columns at the left are set to the left.
        read: what it says, in three sentences, with numbers of the table.
        draw: its picture.
    """

    name: str
    sweeps: tuple[str, ...]
    measure: Callable[[Swept], Tables]
    show: Callable[[pd.DataFrame], pd.DataFrame]
    read: Callable[[pd.DataFrame], str]
    draw: Callable[[Tables], Figure]

    def publish(self, folder: Path, swept: Swept) -> None:
        """Write tables and picture and, where the folder has the page, put table and reading on it.

        Raises:
            ValueError: the page has no place for them.
        """
        tables = self.measure(swept)
        table, shown = tables[""], self.show(tables[""])
        numbers = [place for place, column in enumerate(shown) if shown[column].str.contains(r"^[−–]?\d").any()]
        words = markdown(shown, min(numbers, default=shown.shape[1]))
        publish(folder, self.name, table, self.draw(tables), words)
        for added in tables.keys() - {""}:
            text = tables[added].to_csv(index=False, float_format="%.10g")
            replace_file(folder / "tables" / f"{self.name}{added}.csv", text)
        if (page := folder / LEARNING).exists():
            replace_file(page, put_in_page(page.read_text(encoding="utf-8"), f"{self.name}, read", self.read(table)))


def played(name: str) -> Run:
    """Return a sweep by the name of its file, played in ``results/runs``, or the rest of it.

    Raises:
        InputError: its folder cannot be written, or holds results of other code.
    """
    folder = DEFAULT_RUNS / name
    run_sweep(load_sweep(SWEEPS / f"{name}.toml"), folder)
    return results.load(folder)


def labelled(frame: pd.DataFrame, column: str, text: Callable[[str], str]) -> pd.Series:
    """Return a parameter in words, as a category whose order is that of the sweep's points."""
    words = frame[column].astype(str).map({each: text(each) for each in frame[column].astype(str).unique()})
    order = words.groupby(frame["point"]).first().drop_duplicates()
    return words.astype(pd.CategoricalDtype(list(order), ordered=True))


def name_of_traders(text: str) -> str:
    """Return the name of the first table of traders of a point."""
    return str(json.loads(text)[0]["name"])


def between(frame: pd.DataFrame, measures: Sequence[str], by: Sequence[str]) -> pd.DataFrame:
    """Return means over the seeds of each point with intervals: ``MEASURE``, ``MEASURE_low`` and ``MEASURE_high``."""
    parts = []
    for measure in measures:
        found = results.over_seeds(frame, measure, list(by)).set_index(list(by))
        parts.append(
            found[["mean", "low", "high"]].set_axis([measure, f"{measure}_low", f"{measure}_high"], axis="columns")
        )
    counted = results.over_seeds(frame, measures[0], list(by)).set_index(list(by))["runs"]
    return pd.concat([counted, *parts], axis="columns").reset_index()


def median_between(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median and the exact interval that order statistics give, whatever the values' law.

    Values may be infinite: what was waited for had not come when the waiting ended.
    """
    ordered = np.sort(np.asarray(values, float))
    found = stats.quantile_test(ordered, p=0.5).confidence_interval(CONFIDENCE)
    low, high = (float(end) for end in (found.low, found.high))
    # There is no interval of this confidence among very few values.
    ends = (-np.inf if np.isnan(low) else low, np.inf if np.isnan(high) else high)
    return float(ordered[(len(ordered) - 1) // 2]), *ends


def interval(row: Mapping[Any, Any], measure: str, digits: int = 2, scale: float = 1.0, unit: str = "") -> str:
    """Return ``mean [low, high]`` of a row of a table in words."""
    numbers = [float(str(row[name])) * scale for name in (measure, f"{measure}_low", f"{measure}_high")]
    middle, low, high = (_digits(number, digits) for number in numbers)
    if middle == "–":
        return middle
    return f"{middle}{unit}" if low == high else f"{middle}{unit} [{low}, {high}]"


def percent(row: Mapping[Any, Any], measure: str) -> str:
    """Return a share with its interval in words, in per cent."""
    return interval(row, measure, 1, 100, "%")


def row_of(table: pd.DataFrame, where: pd.Series) -> dict[str, object]:
    """Return the first row of a table for which a condition holds."""
    return {str(name): value for name, value in table[where].iloc[0].to_dict().items()}


def _digits(number: float, digits: int) -> str:
    if np.isnan(number):
        return "–"
    shown = f"{number:,.{digits}f}".replace("-", "−")
    return shown.removeprefix("−") if not shown.strip("−0.,") else shown


def draw_band(
    axes: Axes, rows: pd.DataFrame, across: str, measure: str, colour: str, marker: str, **how: object
) -> None:
    """Draw means with their intervals."""
    place, middle = rows[across].to_numpy(float), rows[measure].to_numpy(float)
    low, high = (rows[f"{measure}_{end}"].to_numpy(float) for end in ("low", "high"))
    axes.fill_between(place, low, high, color=colour, alpha=0.18, lw=0)
    axes.plot(place, middle, color=colour, marker=marker, **how)  # type: ignore[arg-type]


def write_beside(axes: Axes, texts: Mapping[str, tuple[float, str]], least: float) -> None:
    """Write each series' name at the right of its last value, in its colour, none on another.

    Args:
        axes: on which values are drawn, its limits set.
        texts: each name with its value and its colour.
        least: by how much names must differ in height, as a share of that of the axes.
    """
    lowest, highest = axes.get_ylim()
    at = np.inf
    for text, (value, colour) in sorted(texts.items(), key=lambda named: -named[1][0]):
        at = min(at - least, (value - lowest) / (highest - lowest))
        axes.annotate(text, (1.02, at), xycoords="axes fraction", color=colour, va="center", annotation_clip=False)
