"""``marketgame run``: a scenario is played, written to a run folder and summarised."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from marketgame import results
from marketgame.experiments import ExitCode
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputFiles
from marketgame.experiments.files.interruption import postponed
from marketgame.experiments.files.output_folder import Writing
from marketgame.experiments.play.running import (
    BENCHMARK_SECONDS,
    SAVE_SECONDS,
    Figures,
    Prepared,
    RunEnd,
    RunOutcome,
    play,
    prepare,
    run_folder,
    with_benchmarks,
)
from marketgame.experiments.play.summary import print_summary, summary_document
from marketgame.experiments.printing import (
    AllowCodeOption,
    FormatOption,
    JsonOption,
    in_progress,
    marked,
    named,
    print_answer,
    remark_console,
)
from marketgame.results.formats import FigureFormat


def command(  # noqa: PLR0913 -- one parameter for each option of the command line
    scenario: Annotated[Path, typer.Argument(parser=located, metavar="SCENARIO", help="A scenario file.")],
    *,
    rounds: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Rounds to play instead of the file's number.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Seed instead of the file's.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Run folder; results/runs/SCENARIO-seedN without it."),
    ] = None,
    benchmark_seconds: Annotated[
        float,
        typer.Option(min=0, metavar="N", help="Wall time allowed to each incentive-efficient benchmark."),
    ] = BENCHMARK_SECONDS,
    figures: Annotated[
        Figures, typer.Option(help="Which figures to leave: none, bitmaps, or PDF files too.")
    ] = Figures.PNG,
    formats: FormatOption = None,
    replay_damaged: Annotated[
        bool, typer.Option("--replay-damaged", help="Replace an earlier run even if its files were changed since.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run of the same inputs in the folder, interrupted, killed or for more rounds.",
        ),
    ] = False,
    save_seconds: Annotated[
        float,
        typer.Option(min=0, metavar="N", help="Wall time after which what was played is saved, for --resume."),
    ] = SAVE_SECONDS,
    allow_code: AllowCodeOption = False,
    json: JsonOption = False,
) -> None:
    """Play a scenario; write tables and figures to a run folder and compare the play with the benchmarks."""
    written_as = figures.written_as(formats)
    with postponed():
        ready = prepare(scenario, rounds, seed, InputFiles(allow_code=allow_code))
        with run_folder(ready, out, replay_damaged=replay_damaged, resume=resume) as folder:
            with in_progress("computing the incentive-efficient benchmarks"):
                ready = with_benchmarks(ready, benchmark_seconds)
            outcome = _play_with_progress(ready, folder, written_as, resume=resume, save_seconds=save_seconds)
        run = outcome.run or results.load(outcome.folder)
        print_answer(lambda: summary_document(run), partial(print_summary, run), json=json)
        if outcome.status is RunEnd.INTERRUPTED:
            remark_console().print(f"interrupted; the rounds played until then are in {marked(str(outcome.folder))}")
            raise typer.Exit(ExitCode.INTERRUPTED)


def _play_with_progress(
    prepared: Prepared, folder: Writing, formats: Sequence[FigureFormat], *, resume: bool, save_seconds: float
) -> RunOutcome:
    with Progress(console=remark_console()) as progress:
        playing = f"playing {named(prepared.path.stem)}"
        task = progress.add_task(playing, total=prepared.scenario.rounds)
        return play(
            prepared,
            folder,
            lambda played: progress.update(task, completed=played, description=playing),
            formats,
            lambda search: progress.update(task, description=f"{playing}: {marked(search)}"),
            resume=resume,
            save_seconds=save_seconds,
        )
