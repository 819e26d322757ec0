"""The page that tells a sweep whole: what was varied, what it achieved, maps, paired differences, failures.

What learners came to play stands on the page of a single run, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd

from marketgame import results
from marketgame.experiments.play.report import provenance
from marketgame.experiments.printing import number, page_parts, share
from marketgame.experiments.sweep.learning import diagnosis, print_diagnosis
from marketgame.experiments.sweep.summary import MEASURE, sweep_summary
from marketgame.results.loading import Run
from marketgame.results.report.page import Facts, Folded, Map, Page, Part, Section, Table, Words
from marketgame.results.report.pictures import sweep_pictures

GRID: Final = "grid"
# A map has so many rows or columns at most, and so many maps are drawn of one measure.
MOST_ON_AN_AXIS: Final = 24
MOST_MAPS: Final = 3
# Every difference takes an interval, some hundredths of a second.
MOST_DIFFERENCES: Final = 120
MOST_POINTS_LISTED: Final = 1000
# More rows of what learners play are unfolded on demand.
MOST_SHOWN: Final = 60
# What is looked at beside welfare, and what it is called.
MEASURES: Final = {MEASURE: "welfare per round", "bankruptcies": "bankruptcies per run"}


def sweep_page(sweep: Run, learned: Sequence[Part] = ()) -> Page:
    """Return the page of a sweep, with what is to be said of its learners."""
    summary = sweep_summary(sweep)
    design = sweep.manifest.get("sweep")
    stated = design if isinstance(design, dict) else {}
    grid = stated.get("design") == GRID
    drawn = sweep_pictures(sweep)
    differing, failing = ([drawn.pop(name)] if name in drawn else [] for name in ("differences", "failures"))
    return Page(
        "sweep",
        str(summary["sweep"]),
        f"{len(sweep.points):,} points, {summary['runs']:,} runs of {stated.get('scenario', 'a scenario')}"
        + ("" if summary["status"] == "done" else f", {summary['status']}"),
        [
            Section("played", "What was varied", list(_varied(sweep, stated))),
            Section("outcome", "What it achieved", [*drawn.values(), *_points(summary)]),
            Section("maps", "Over two parameters", list(_maps(sweep)) if grid else []),
            Section("differences", "What one parameter changes", [*differing, *_differences(sweep, grid=grid)]),
            Section("learners", "What learners came to play", learned),
            Section("failures", "Failures", [*_failures(sweep, summary), *failing]),
            Section("provenance", "Where this comes from", provenance(sweep.manifest)),
        ],
        [
            (f"{len(sweep.points):,}", "points"),
            (f"{summary['done']:,}", f"of {summary['runs']:,} runs done"),
            (f"{summary['failed']:,}", "failed"),
        ],
    )


def learned_parts(run: Run, *, exploitability: bool = False, allow_code: bool = False) -> list[Part]:
    """Return what learners came to play in the folder of a run or of a sweep, as parts of its page; none if nobody did.

    How far that is from equilibrium is said of single runs: of a sweep it would take long, and is said where
    exploitability is asked for.
    """
    if "stances" not in run.tables or run.stances.empty:
        return []
    distances = exploitability or not run.parameters
    found = diagnosis(run, distances=distances, exploitability=exploitability, allow_code=allow_code)
    parts: list[Part] = [
        Folded(f"{part.title}: {len(part.rows):,} rows", part)
        if isinstance(part, Table) and len(part.rows) > MOST_SHOWN
        else part
        for part in page_parts(partial(print_diagnosis, found))
    ]
    if not exploitability:
        parts.append(
            Words("What a trader could gain by any report, quotes and orders is sought by report --exploitability.")
        )
    return parts


def _varied(sweep: Run, stated: dict[str, Any]) -> Iterator[Part]:
    facts = [("scenario", str(stated.get("scenario", ""))), ("design", str(stated.get("design", "")))]
    if "seeds" in stated:
        first = int(stated.get("first_seed", 0))
        facts.append(("seeds of each point", f"{stated['seeds']}, from {first} to {first + int(stated['seeds']) - 1}"))
    yield Facts([(name, text) for name, text in facts if text])
    rows = []
    for name in sweep.parameters:
        values = _values(sweep, name)
        few = len(values) <= MOST_ON_AN_AXIS
        numbers = pd.to_numeric(sweep.points[name], errors="coerce")
        text = ", ".join(map(_shown, values)) if few else f"{number(numbers.min())} to {number(numbers.max())}"
        rows.append([name, text, str(len(values))])
    yield Table("Parameters", ["parameter", "values", "different values"], rows, 2)


def _values(sweep: Run, name: str) -> list[Any]:
    """Return the values of a parameter, numbers in order, others as the sweep names them."""
    known = [value for value in sweep.points[name].unique().tolist() if not pd.isna(value)]
    return sorted(known) if pd.api.types.is_numeric_dtype(sweep.points[name]) else known


def _shown(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _points(summary: dict[str, Any]) -> Iterator[Part]:
    points = summary["points"]
    if not points:
        return
    names = list(points[0]["parameters"])
    rows = []
    for point in points[:MOST_POINTS_LISTED]:
        welfare = (point["welfare"][name] for name in ("mean", "low", "high"))
        cells = ["-" if value is None else number(value) for value in welfare]
        labels = [_shown(point["parameters"][name]) for name in names]
        rows.append([*labels, *cells, str(point["done"]), str(point["failed"])])
    title = f"Welfare per round over the seeds of each point, in {summary['unit']}"
    left = len(points) - len(rows)
    note = "Intervals cover the mean with a probability of 95 per cent: percentile bootstrap over seeds."
    note += f" {left:,} further points are in the table `points` of the sweep." if left else ""
    yield Table(title, [*names, "mean", "95% from", "to", "runs", "failed"], rows, len(names), note)


def _maps(sweep: Run) -> Iterator[Part]:
    """Yield a map of each measure over every two parameters of a grid; the others are averaged over."""
    axes = [name for name in sweep.parameters if 2 <= len(_values(sweep, name)) <= MOST_ON_AN_AXIS]
    pairs = list(combinations(axes, 2))
    done = sweep.runs[sweep.runs["status"] == "done"]
    for measure, meaning in MEASURES.items():
        if measure not in done or done[measure].nunique() < 2:
            continue
        unit = sweep.unit("runs", measure) if measure == MEASURE else ""
        for down, along in pairs[:MOST_MAPS]:
            others = [name for name in sweep.parameters if name not in {down, along}]
            over = f", mean over {', '.join(others)} and seeds" if others else ", mean over seeds"
            title = f"{meaning[:1].upper()}{meaning[1:]}{f', in {unit}' if unit else ''}{over}"
            yield _map(done, measure, title, (down, _values(sweep, down)), (along, _values(sweep, along)))
    if len(pairs) > MOST_MAPS:
        yield Words(f"Maps are drawn of the first {MOST_MAPS} of {len(pairs)} pairs of parameters.")


def _map(
    done: pd.DataFrame, measure: str, title: str, down: tuple[str, list[Any]], along: tuple[str, list[Any]]
) -> Map:
    means = done.astype({measure: float}).groupby([down[0], along[0]], observed=True)[measure].mean()
    low, high = float(means.min()), float(means.max())

    def cell(value: float) -> tuple[str, float] | None:
        if not np.isfinite(value):
            return None
        return number(value, digits=4), (value - low) / (high - low) if high > low else 0.0

    cells = [[cell(float(means.get((one, other), np.nan))) for other in along[1]] for one in down[1]]
    return Map(title, (down[0], along[0]), list(map(_shown, down[1])), list(map(_shown, along[1])), cells)


def _differences(sweep: Run, *, grid: bool) -> Iterator[Part]:
    """Yield for each parameter how welfare changes when it leaves its first value, the same seeds on both sides."""
    if not grid:
        yield Words(
            "No two points of this design differ in one parameter alone, so that none can be compared in pairs."
        )
        return
    left = MOST_DIFFERENCES
    for along in sweep.parameters:
        values, others = _values(sweep, along), [name for name in sweep.parameters if name != along]
        rows = len(sweep.points)
        if len(values) < 2:
            continue
        if rows > left:
            yield Words(f"Differences along {along} are too many for a page; results.paired_differences gives them.")
            continue
        left -= rows
        baseline = values[0]
        found = results.paired_differences(sweep.runs, MEASURE, along, baseline, by=others)
        yield _difference_table(found, along, baseline, others, sweep.unit("runs", MEASURE))


def _difference_table(found: pd.DataFrame, along: str, baseline: object, others: Sequence[str], unit: str) -> Part:
    rows = []
    scale = float(found["baseline_mean"].abs().max())
    for each in found.to_dict("records"):
        numbers = [_known(float(each[name]), scale) for name in ("difference", "low", "high")]
        positive = each["share_positive"]
        rows.append(
            [
                *(_shown(each[name]) for name in others),
                _shown(each[along]),
                *numbers,
                "-" if pd.isna(positive) else share(float(positive)),
                str(each["pairs"]),
                str(each["unpaired"]),
            ]
        )
    title = f"Welfare per round against {along} = {_shown(baseline)}, in {unit}"
    headings = [*others, along, "difference", "95% from", "to", "pairs in which it rises", "pairs", "unpaired"]
    note = "Pairs share their seed and all other parameters; intervals are the percentile bootstrap's over pairs."
    return Table(title, headings, rows, len(others) + 1, note)


def _known(value: float, scale: float) -> str:
    return number(value, scale) if np.isfinite(value) else "-"


def _failures(sweep: Run, summary: dict[str, Any]) -> Iterator[Part]:
    if not summary["errors"]:
        yield Words("No run failed.")
        return
    rows = [[each["error"], each["status"], str(each["runs"])] for each in summary["errors"]]
    yield Table("What went wrong, the most frequent first", ["error", "how it ended", "runs"], rows, 2)
    found = results.failures_by_parameter(sweep)
    rows = [
        [
            str(each["parameter"]),
            str(each["value"]),
            f"{each['runs']:,}",
            f"{each['failed']:,}",
            share(float(each["share_failed"])),
            _known(float(each["p_value"]), 0.0),
        ]
        for each in found.to_dict("records")
    ]
    headings = ["parameter", "value", "runs", "failed", "share that failed", "p-value"]
    note = "The p-value says how likely failures so uneven would be if the parameter did not matter."
    table = Table("Where runs failed", headings, rows, 2, note)
    yield table if len(rows) <= MOST_ON_AN_AXIS else Folded("Where runs failed", table)
