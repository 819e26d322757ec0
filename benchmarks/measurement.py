"""What every benchmark returns, how it takes time, and how it is printed."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True)
class Measurement:
    """One ratio: how many times better our work is than the baseline, both timed in the same run."""

    work: str
    baseline: str
    ratio: float
    target: float | None
    """The least ratio wanted; None where the figure is only for information."""
    note: str = ""


def time_of(function: Callable[[], object], repeats: int, clock: Callable[[], float] = perf_counter) -> float:
    """Return the seconds of the fastest of several calls, on the wall unless another clock is given."""
    fastest = float("inf")
    for _ in range(repeats):
        start = clock()
        function()
        fastest = min(fastest, clock() - start)
    return fastest


def medians_of(
    functions: Mapping[str, Callable[[], object]], repeats: int, clock: Callable[[], float] = perf_counter
) -> dict[str, float]:
    """Return the median seconds of each function, called in turn so that whatever else runs disturbs all alike."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            times[name].append(time_of(function, 1, clock))
    return {name: median(each) for name, each in times.items()}


def print_table(measurements: Iterable[Measurement]) -> None:
    """Print ratios beside their targets."""
    table = Table("work", "baseline", "ratio", "target", "", "note")
    for row in measurements:
        target, verdict = ("", "") if row.target is None else (f"≥ {row.target:g}", _verdict(row.ratio >= row.target))
        table.add_row(row.work, row.baseline, f"{row.ratio:.3g}", target, verdict, row.note)
    Console(width=None if Console().is_terminal else 160).print(table)


def markdown_table(measurements: Iterable[Measurement]) -> str:
    """Return ratios beside their targets, as a page shows them."""
    lines = ["| work | against | ratio | wanted | note |", "|:--|:--|--:|--:|:--|"]
    for row in measurements:
        wanted = "" if row.target is None else f"{row.target:g}"
        cells = (row.work, row.baseline, f"{row.ratio:.3g}", wanted, row.note)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _verdict(reached: bool) -> str:
    return "[green]reached[/green]" if reached else "[red]missed[/red]"
