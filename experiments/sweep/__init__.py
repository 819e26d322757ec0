"""Parameter sweeps that never lose a run.

A `Sweep` says what varies; `run_sweep` plays it into a folder, and goes on there after whatever stopped it.

    >>> from marketgame.experiments.sweep import Sweep
    >>> from marketgame.experiments.sweep.statement import prepare
    >>> rules = {"rules.solvency": ["budget", "no-short-sales"]}
    >>> prepare(Sweep("example:three-traders-short-seller", rules, seeds=20)).runs
    40

| concept | where |
|---|---|
| what varies, and with which seeds | `statement` |
| dotted paths into a scenario | `paths` |
| which points are visited | `design` |
| the tables, beyond those of a single run | `tables` |
| runs played in a process, side by side or one by one | `playing`, `runner` |
| a process that may hang or die | `isolation` |
| where processes are: this machine or a cluster | `executors` |
| which runs go where and when, and again | `scheduling` |
| what has been written, whole or not at all | `buffering`, `storage` |
| whether results on disk may be gone on with | `identity`, `folder` |
| the tables as their readers get them | `publishing` |
| all of it together | `execution` |

A run in a process of its own is one of three to which the others are blind: the process that decides what is played
and writes it down, the executor's worker that waits (a thread here, a Dask worker elsewhere), and the process that
plays, which may raise errors, hang or die without harming the other two.

Importing the package costs nothing: what its names need is loaded on their first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from marketgame.experiments.sweep.design import Design, Interval, Scale, Values
    from marketgame.experiments.sweep.execution import SweepInterrupted, SweepOutcome, SweepStatus, Watcher, run_sweep
    from marketgame.experiments.sweep.executors import Workers, on_cluster, on_executor, on_this_machine
    from marketgame.experiments.sweep.folder import OnChange
    from marketgame.experiments.sweep.statement import Sweep, prepare

__all__ = [
    "Design",
    "Interval",
    "OnChange",
    "Scale",
    "Sweep",
    "SweepInterrupted",
    "SweepOutcome",
    "SweepStatus",
    "Values",
    "Watcher",
    "Workers",
    "on_cluster",
    "on_executor",
    "on_this_machine",
    "prepare",
    "run_sweep",
]

_HOME = {
    "design": ("Design", "Interval", "Scale", "Values"),
    "execution": ("SweepInterrupted", "SweepOutcome", "SweepStatus", "Watcher", "run_sweep"),
    "executors": ("Workers", "on_cluster", "on_executor", "on_this_machine"),
    "folder": ("OnChange",),
    "statement": ("Sweep", "prepare"),
}


def __getattr__(name: str) -> object:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"marketgame.experiments.sweep.{module}"), name)
    raise AttributeError(f"module 'marketgame.experiments.sweep' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
