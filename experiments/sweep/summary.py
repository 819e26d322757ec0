"""What a sweep amounts to, as a document and as tables."""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import Any

from rich.console import Console

from marketgame import results
from marketgame.experiments.printing import (
    number,
    table,
)
from marketgame.experiments.sweep.execution import SweepOutcome
from marketgame.results.loading import Run
from marketgame.results.names import on_a_line

# Of more points than this, only those with the least and the most welfare are on the screen.
MOST_POINTS_SHOWN = 40
EXTREMES_SHOWN = 5
# So many parameters are named on several lines each, to leave room for their values.
FEWEST_PARAMETERS_BROKEN = 3
MOST_ERRORS_SHOWN = 5
MEASURE = "mean_welfare"


def sweep_summary(outcome: SweepOutcome, sweep: Run) -> dict[str, Any]:
    """Return the summary of a sweep as the JSON document of ``marketgame sweep``."""
    return {
        "sweep": sweep.manifest["name"],
        "folder": str(outcome.folder),
        "status": outcome.status.value,
        "runs": outcome.runs,
        "done": outcome.done,
        "failed": outcome.failed,
        "unit": sweep.runs.attrs["units"][MEASURE],
        "points": _points(sweep),
        "errors": _errors(sweep),
    }


def _points(sweep: Run) -> list[dict[str, Any]]:
    welfare = results.over_seeds(sweep.runs, MEASURE, ["point", *sweep.parameters])
    return [
        {
            "point": int(row["point"]),
            "parameters": {name: _plain(row[name]) for name in sweep.parameters},
            "welfare": {name: _finite(float(row[name])) for name in ("mean", "low", "high")},
            "done": int(row["runs"]),
            "failed": int(row["failed"]),
        }
        for row in welfare.to_dict("records")
    ]


def _errors(sweep: Run) -> list[dict[str, Any]]:
    """Return what went wrong, the most frequent first."""
    failed = sweep.runs.loc[sweep.runs["error"].notna(), ["status", "error"]].astype(str)
    counts = Counter(failed.itertuples(index=False, name=None))
    return [{"status": status, "error": error, "runs": runs} for (status, error), runs in counts.most_common()]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def print_sweep(summary: dict[str, Any], console: Console) -> None:
    """Print what a sweep amounts to."""
    points, title = summary["points"], f"Welfare per round over the seeds of each point, in {summary['unit']}"
    if len(points) > MOST_POINTS_SHOWN:
        ranked = sorted(points, key=lambda point: (point["welfare"]["mean"] is None, point["welfare"]["mean"]))
        title = f"{title}: the {EXTREMES_SHOWN} lowest and the {EXTREMES_SHOWN} highest of {len(points)} points"
        points = ranked[:EXTREMES_SHOWN] + ranked[-EXTREMES_SHOWN:]
    if points:
        names = list(points[0]["parameters"])
        headings = names if len(names) < FEWEST_PARAMETERS_BROKEN else [name.replace(".", ".\n") for name in names]
        rows = [[*(_shown(point["parameters"][name]) for name in names), *_welfare(point)] for point in points]
        console.print(table(title, [*headings, "welfare", "95% from", "to", "runs", "failed"], rows, texts=len(names)))
    for error in summary["errors"][:MOST_ERRORS_SHOWN]:
        console.print(
            f"{error['runs']} runs {error['status']}: {on_a_line(error['error'])}", markup=False, soft_wrap=True
        )
    console.print(f"runs:         {summary['done']} of {summary['runs']} done, {summary['failed']} failed")
    console.print(f"sweep folder: {on_a_line(summary['folder'])}", markup=False, soft_wrap=True)


def _welfare(point: dict[str, Any]) -> list[str]:
    values = [point["welfare"][name] for name in ("mean", "low", "high")]
    return [*("-" if value is None else number(value) for value in values), str(point["done"]), str(point["failed"])]


def _shown(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)
