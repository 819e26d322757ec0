"""``marketgame sweep``: every point and seed of a sweep is run; running it again goes on from there."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from marketgame import results
from marketgame.experiments import ExitCode
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputError, InputFiles
from marketgame.experiments.files.interruption import postponed
from marketgame.experiments.files.output_folder import writing
from marketgame.experiments.play.running import DEFAULT_RUNS, Figures, draw_figures
from marketgame.experiments.printing import (
    AllowCodeOption,
    FormatOption,
    JsonOption,
    print_answer,
    remark_console,
)
from marketgame.experiments.sweep import (
    OnChange,
    SweepInterrupted,
    SweepOutcome,
    Workers,
    on_cluster,
    on_this_machine,
    prepare,
    run_sweep,
)
from marketgame.experiments.sweep.bar import progress_bar
from marketgame.experiments.sweep.file import read_sweep
from marketgame.experiments.sweep.folder import PURPOSE
from marketgame.experiments.sweep.statement import Plan
from marketgame.experiments.sweep.summary import print_sweep, sweep_summary


def command(  # noqa: PLR0913 -- one parameter for each option of the command line
    sweep: Annotated[Path, typer.Argument(parser=located, metavar="SWEEP", help="A sweep file.")],
    *,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes on this machine; one per core without it.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Scheduler of a Dask cluster to run on instead.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Seeds per point instead of the file's.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to; results/runs/SWEEP without it.")] = None,
    on_change: Annotated[
        OnChange,
        typer.Option(
            help="If design or code have changed since the folder was begun: do nothing, keep the results that are "
            "still wanted, or discard them all."
        ),
    ] = OnChange.REFUSE,
    replay_damaged: Annotated[
        bool,
        typer.Option("--replay-damaged", help="Play the runs of damaged files of the folder again, and keep the rest."),
    ] = False,
    figures: Annotated[
        Figures, typer.Option(help="Which figures to leave: none, bitmaps, or PDF files too.")
    ] = Figures.PNG,
    formats: FormatOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print a line for each finished point.")] = False,
    allow_code: AllowCodeOption = False,
    json: JsonOption = False,
) -> None:
    """Run every point and seed of a sweep, or what is left of it; runs that fail are rows with their error."""
    if workers is not None and cluster is not None:
        raise InputError("--workers and --cluster are both given; name one of them")
    written_as = figures.written_as(formats)
    files = InputFiles(allow_code=allow_code)
    stated = read_sweep(sweep, files)
    plan = prepare(stated if seeds is None else replace(stated, seeds=seeds), sweep, files)
    folder = out or DEFAULT_RUNS / sweep.stem
    where = on_this_machine(workers) if cluster is None else on_cluster(cluster)
    with postponed():
        try:
            outcome = _run(plan, folder, where, on_change, verbose=verbose, replay_damaged=replay_damaged)
        except SweepInterrupted as interruption:
            _report(results.load(interruption.outcome.folder), json=json)
            remark_console().print("interrupted; the same command goes on from here")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        swept = results.load(outcome.folder)
        if written_as:
            with writing(outcome.folder, PURPOSE) as kept:
                draw_figures(swept, kept, written_as)
        _report(swept, json=json)


def _run(
    plan: Plan,
    folder: Path,
    where: AbstractContextManager[Workers],
    on_change: OnChange,
    *,
    verbose: bool,
    replay_damaged: bool,
) -> SweepOutcome:
    with progress_bar(plan, remark_console(), verbose=verbose) as watcher:
        return run_sweep(plan, folder, where, on_change=on_change, replay_damaged=replay_damaged, watcher=watcher)


def _report(swept: results.Run, *, json: bool) -> None:
    summary = sweep_summary(swept)
    print_answer(lambda: summary, partial(print_sweep, summary), json=json)
