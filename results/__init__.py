"""Read what a run wrote, summarise it, and draw it.

    >>> import results
    >>> run = results.load("results/runs/three-farmers")   # doctest: +SKIP
    >>> run.rounds["welfare"].mean()                       # doctest: +SKIP
    >>> results.summary(run)                               # doctest: +SKIP
    >>> results.save_figures(run, "figures")               # doctest: +SKIP

Importing the package costs nothing: pandas, PyArrow and Matplotlib are loaded on the first use of a name that
needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from results.comparison import over_seeds, paired_differences, with_benchmarks, with_parameters
    from results.figures import save_figures, standard_figures
    from results.loading import Run, load
    from results.mediators import mediator_summary
    from results.sensitivity import failures_by_parameter, sobol_indices
    from results.summaries import player_summary, summary

__all__ = [
    "Run",
    "failures_by_parameter",
    "load",
    "mediator_summary",
    "over_seeds",
    "paired_differences",
    "player_summary",
    "save_figures",
    "sobol_indices",
    "standard_figures",
    "summary",
    "with_benchmarks",
    "with_parameters",
]

_HOME = {
    "Run": "results.loading",
    "failures_by_parameter": "results.sensitivity",
    "load": "results.loading",
    "mediator_summary": "results.mediators",
    "over_seeds": "results.comparison",
    "paired_differences": "results.comparison",
    "player_summary": "results.summaries",
    "save_figures": "results.figures",
    "sobol_indices": "results.sensitivity",
    "standard_figures": "results.figures",
    "summary": "results.summaries",
    "with_benchmarks": "results.comparison",
    "with_parameters": "results.comparison",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'results' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
