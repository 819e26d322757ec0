"""An experiment: which sweeps it plays, if any, and how its table, its picture and its reading are published.

A table has names and numbers; what the page shows of it, the picture and the sentences that read it are made from the
table alone, so that they say what was computed. Beside the tables it is kept with what each was computed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log10
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from marketgame import results
from marketgame.experiments.files.output_folder import replace_file
from marketgame.experiments.files.sources import computing_sources, reached_sources
from marketgame.experiments.play.running import DEFAULT_RUNS
from marketgame.experiments.studies.sweep_pages import SWEEPS, markdown, put_in_page
from marketgame.experiments.sweep import run_sweep
from marketgame.experiments.sweep.file import load_sweep
from marketgame.experiments.sweep.identity import code_digest, computing_software
from marketgame.results import palette
from marketgame.results.comparison import CONFIDENCE
from marketgame.results.figures.saving import save_figure
from marketgame.results.loading import Run

LEARNING = "learning.md"
"""The page of the experiments."""
TABLE, PICTURE, ORIGINS = "tables/{}.csv", "pictures/{}.png", "tables/learning-origins.json"
PACKAGE = "marketgame.experiments.studies.learning.__main__"
COMMAND = f"python -m {PACKAGE.removesuffix('.__main__')}"

# Columns of whole tables, where these are what a sweep varies.
RULES, TRADERS = "scenario.rules", "scenario.traders"
GAINS = "share_of_first_best_gains"
RAISED = str.maketrans({"-": "⁻"} | dict(zip("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True)))

type Swept = Callable[[str], Run]
"""What returns a sweep by the name of its file, played."""
type Tables = Mapping[str, pd.DataFrame]
"""What an experiment finds, by what the names of files add to the experiment's; the table itself adds nothing."""


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        name: of its places on the page, of its table and of its picture.
        sweeps: the names of the files of its sweeps, in ``experiments/sweeps``; none if it plays no rounds.
        measure: what the sweeps show, or what is computed instead, as tables that are saved.
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
        table, picture = tables[""], PICTURE.format(self.name)
        for made in (TABLE, PICTURE):
            (folder / made).parent.mkdir(parents=True, exist_ok=True)
        for added, saved in tables.items():
            replace_file(folder / TABLE.format(self.name + added), saved.to_csv(index=False, float_format="%.10g"))
        save_figure(self.draw(tables), folder / picture)
        files = [*(TABLE.format(self.name + added) for added in sorted(tables)), picture]
        self._keep_origin(folder, files)
        if (page := folder / LEARNING).exists():
            text = put_in_page(page.read_text(encoding="utf-8"), self.name, self.shown(table))
            replace_file(page, put_in_page(text, f"{self.name}, read", self.read(table)))

    def shown(self, table: pd.DataFrame) -> str:
        """Return the table in Markdown, as the page has it."""
        shown = self.show(table)
        numbers = [place for place, column in enumerate(shown) if shown[column].str.contains(r"^[−–]?\d").any()]
        return markdown(shown, min(numbers, default=shown.shape[1]))

    def _keep_origin(self, folder: Path, files: Sequence[str]) -> None:
        """Write beside the tables by which command and code, and with what software, this experiment's were made."""
        place = folder / ORIGINS
        known = json.loads(place.read_text(encoding="utf-8")) if place.exists() else {}
        known[self.name] = {
            "command": f"{COMMAND} {folder.name}",
            "sources": sources(),
            "software": computing_software(),
            "files": {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files},
        }
        replace_file(place, json.dumps(dict(sorted(known.items())), indent=1) + "\n")


def sources() -> str:
    """Return a hash of all sources of this program that these experiments depend on."""
    studies = reached_sources(PACKAGE, computing_sources())
    return hashlib.sha256(json.dumps([code_digest(), studies]).encode()).hexdigest()


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


def within(number: float) -> str:
    """Return the smallest power of ten that a positive number does not exceed, as ``10⁻⁷``."""
    return f"10{str(ceil(log10(number))).translate(RAISED)}"


def row_of(table: pd.DataFrame, where: pd.Series) -> dict[str, object]:
    """Return the first row of a table for which a condition holds."""
    return {str(name): value for name, value in table[where].head(1).to_dict("records")[0].items()}


def _digits(number: float, digits: int) -> str:
    if np.isnan(number):
        return "–"
    shown = f"{number:,.{digits}f}".replace("-", "−")
    return shown.removeprefix("−") if not shown.strip("−0.,") else shown


def draw_intervals(axes: Axes, rows: pd.DataFrame, across: str, measure: str, **how: object) -> None:
    """Draw means with whiskers to the ends of their intervals."""
    middle, low, high = (rows[f"{measure}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
    whiskers = np.maximum((middle - low, high - middle), 0.0)
    axes.errorbar(rows[across].to_numpy(float), middle, whiskers, capsize=2, **how)  # type: ignore[arg-type]


def draw_band(
    axes: Axes, rows: pd.DataFrame, across: str, measure: str, colour: str, marker: str, **how: object
) -> None:
    """Draw means with their intervals."""
    place, middle = rows[across].to_numpy(float), rows[measure].to_numpy(float)
    low, high = (rows[f"{measure}_{end}"].to_numpy(float) for end in ("low", "high"))
    axes.fill_between(place, low, high, color=colour, alpha=0.18, lw=0)
    axes.plot(place, middle, color=colour, marker=marker, **how)  # type: ignore[arg-type]


def write_beside(axes: Axes, texts: Mapping[str, tuple[float, str, str]], least: float) -> None:
    """Write each series' name at the right of its last value, behind its marker, none on another.

    Args:
        axes: on which values are drawn, its limits set.
        texts: each name with its value, its colour and its marker.
        least: by how much names must differ in height, as a share of that of the axes.
    """
    lowest, highest = axes.get_ylim()
    at = np.inf
    for text, (value, colour, marker) in sorted(texts.items(), key=lambda named: -named[1][0]):
        at = min(at - least, (value - lowest) / (highest - lowest))
        axes.plot(1.04, at, color=colour, marker=marker, transform=axes.transAxes, clip_on=False)
        axes.annotate(text, (1.07, at), xycoords="axes fraction", color=palette.INK, va="center", annotation_clip=False)
