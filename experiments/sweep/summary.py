"""What a sweep amounts to, as a document and as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import pandas as pd
from rich.console import Console

from marketgame import results
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputFiles, member
from marketgame.experiments.play.running import DEFAULT_RUNS
from marketgame.experiments.play.summary import finite
from marketgame.experiments.printing import Printed, number, remark_console, table
from marketgame.experiments.sweep.bar import progress_bar
from marketgame.experiments.sweep.execution import Watcher, run_sweep
from marketgame.experiments.sweep.executors import Workers
from marketgame.experiments.sweep.file import read_sweep
from marketgame.experiments.sweep.folder import OnChange
from marketgame.experiments.sweep.statement import Plan, Sweep, prepare
from marketgame.mechanisms.arrays import undefined_raises
from marketgame.results.loading import Run
from marketgame.results.manifests import MANIFEST, DamagedFileError
from marketgame.results.names import file_names, on_a_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of more points than this, only those with the least and the most welfare are on the screen.
MOST_POINTS_SHOWN = 40
EXTREMES_SHOWN = 5
# So many parameters are named on several lines each, to leave room for their values.
FEWEST_PARAMETERS_BROKEN = 3
MOST_ERRORS_SHOWN = 5
MEASURE = "mean_welfare"


@dataclass(frozen=True, eq=False, repr=False)
class PlayedSweep(Printed, Run):
    """The folder of a sweep, which shows what the sweep amounts to."""

    @override
    def print_on(self, console: Console) -> None:
        print_sweep(sweep_summary(self), console)

    @property
    @override
    def table(self) -> pd.DataFrame:
        """Welfare per round over the seeds of each point, with intervals."""
        return results.over_seeds(self.runs, MEASURE, self.parameters)

    @override
    def plot(self) -> Figure:
        """Draw what the sweep is looked at with first: gains over autarky by what it varies."""
        # Matplotlib is loaded when something is drawn.
        draw = import_module("marketgame.results.figures").sweep_figures
        figure: Figure = next(iter(draw(self).values()))
        return figure


def played_sweep(run: Run) -> PlayedSweep:
    """Return a sweep that shows what it amounts to."""
    return PlayedSweep(run.folder, run.manifest, run.tables)


@undefined_raises
def sweep(
    of: Path | str | Sweep | Plan,
    *,
    workers: AbstractContextManager[Workers] | int | None = None,
    seeds: int | None = None,
    out: Path | str | None = None,
    on_change: OnChange | str = OnChange.REFUSE,
    replay_damaged: bool = False,
    allow_code: bool = False,
) -> PlayedSweep:
    """Run every point and seed of a sweep, or what is left of it, as ``marketgame sweep`` does; a notebook shows a bar.

    Args:
        of: a file, ``example:NAME``, or a sweep.
        workers: a number of processes on this machine, one for each core without it, or what
            :func:`marketgame.experiments.sweep.on_cluster` or :func:`marketgame.experiments.sweep.on_executor` return.
        seeds: how many seeds each point is played with instead of the sweep's number.
        out: the sweep's folder; in ``results/runs``, named after the file or the sweep, without it.
        on_change: what to do if design or code have changed since the folder was begun.
        replay_damaged: whether runs of damaged files of the folder are played again.
        allow_code: whether files may name code of anybody's, which then is imported.

    Raises:
        InputError: the sweep is wrong, the folder holds something else, or the disk is full.
        SweepInterrupted: the user interrupted; what was done until then is kept.
        RunnerError: processes that play runs cannot be started.
        WorkersLostError: the workers fail whatever they are given.
    """
    files = InputFiles(allow_code=allow_code)
    file = located(of) if isinstance(of, Path | str) else None
    stated = of.sweep if isinstance(of, Plan) else of if isinstance(of, Sweep) else read_sweep(located(of), files)
    if isinstance(of, Plan) and seeds is None:
        plan = of
    else:
        plan = prepare(stated if seeds is None else replace(stated, seeds=seeds), file, files)
    (name,) = file_names([plan.name]) if file is None else (file.stem,)
    folder = DEFAULT_RUNS / name if out is None else Path(out)
    change = member(OnChange, on_change, "on_change")
    console = remark_console()
    # A script says nothing unasked; a notebook shows how far it is.
    with progress_bar(plan, console) if console.is_jupyter else nullcontext(Watcher()) as watcher:
        outcome = run_sweep(plan, folder, workers, on_change=change, replay_damaged=replay_damaged, watcher=watcher)
    return played_sweep(results.load(outcome.folder))


def sweep_summary(sweep: Run) -> dict[str, Any]:
    """Return the summary of a sweep as the JSON document of ``marketgame sweep``.

    Raises:
        DamagedFileError: the manifest does not count its runs.
    """
    counts = sweep.manifest["runs"]
    if not isinstance(counts, Mapping):
        raise DamagedFileError(f"{MANIFEST} in {sweep.folder} is damaged: 'runs' is {counts!s:.40}, not counts")
    return {
        "sweep": sweep.manifest["name"],
        "folder": str(sweep.folder),
        "status": sweep.manifest["status"],
        **counts,
        "unit": sweep.unit("runs", MEASURE),
        "points": _points(sweep),
        "errors": _errors(sweep),
    }


def _points(sweep: Run) -> list[dict[str, Any]]:
    welfare = results.over_seeds(sweep.runs, MEASURE, ["point", *sweep.parameters])
    return [
        {
            "point": int(row["point"]),
            "parameters": {name: _plain(row[name]) for name in sweep.parameters},
            "welfare": {name: finite(row[name]) for name in ("mean", "low", "high")},
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
