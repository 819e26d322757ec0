"""A bar that shows how far a sweep is: on a terminal, and in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import Progress as ProgressBar
from rich.progress import TextColumn

from marketgame.experiments.printing import named
from marketgame.experiments.sweep.execution import Watcher
from marketgame.experiments.sweep.progress import PointSummary, Progress
from marketgame.experiments.sweep.statement import Plan
from marketgame.results.names import on_a_line


@contextmanager
def progress_bar(plan: Plan, console: Console, *, verbose: bool = False) -> Iterator[Watcher]:
    """Provide what shows how far a sweep is, from the first run on that is played.

    Args:
        plan: the sweep.
        console: where to.
        verbose: whether each point that is finished gets a line.
    """
    columns = (*ProgressBar.get_default_columns()[:2], TextColumn("{task.fields[state]}"))
    bar = ProgressBar(*columns, console=console)
    task = bar.add_task(named(plan.name), total=plan.runs, state="starting")
    with ExitStack() as shown:

        def on_progress(progress: Progress) -> None:
            # What is refused before anything is played is said in one line.
            if not bar.live.is_started:
                shown.enter_context(bar)
            bar.update(task, completed=progress.done + progress.failed, state=_state(progress))

        def on_point(point: PointSummary) -> None:
            if verbose:
                bar.console.print(on_a_line(str(point)), markup=False, soft_wrap=True)

        yield Watcher(on_progress, on_point)


def _state(progress: Progress) -> str:
    left = "" if progress.seconds_left != progress.seconds_left else f", {_duration(progress.seconds_left)} left"
    return f"{progress.done} of {progress.runs} done, {progress.failed} failed, {progress.rate:.3g} runs/s{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
