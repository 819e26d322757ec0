"""Read what a run wrote, summarise it, and draw it.

    >>> from marketgame import results
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
    from marketgame.results.comparison import (
        Comparison,
        compare,
        over_seeds,
        paired_differences,
        with_benchmarks,
        with_parameters,
    )
    from marketgame.results.figures import save_figures, standard_figures
    from marketgame.results.loading import Run, load
    from marketgame.results.mediators import mediator_summary
    from marketgame.results.sensitivity import failures_by_parameter, sobol_indices
    from marketgame.results.summaries import player_summary, summary

__all__ = [
    "Comparison",
    "Run",
    "compare",
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
    "Comparison": "marketgame.results.comparison",
    "Run": "marketgame.results.loading",
    "compare": "marketgame.results.comparison",
    "failures_by_parameter": "marketgame.results.sensitivity",
    "load": "marketgame.results.loading",
    "mediator_summary": "marketgame.results.mediators",
    "over_seeds": "marketgame.results.comparison",
    "paired_differences": "marketgame.results.comparison",
    "player_summary": "marketgame.results.summaries",
    "save_figures": "marketgame.results.figures",
    "sobol_indices": "marketgame.results.sensitivity",
    "standard_figures": "marketgame.results.figures",
    "summary": "marketgame.results.summaries",
    "with_benchmarks": "marketgame.results.comparison",
    "with_parameters": "marketgame.results.comparison",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'results' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
