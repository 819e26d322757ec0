"""Read what a run wrote, summarise it, and draw it.

Of the run that ``load(folder)`` reads, every table is an attribute, a pandas data frame: ``run.rounds["welfare"]``.
``summary(run)`` sets it against its benchmarks, and ``save_figures(run, folder)`` draws it.

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
    from marketgame.results.figures import save_figures, standard_figures, sweep_figures
    from marketgame.results.learning import joint_play, learned_play
    from marketgame.results.loading import Run, load
    from marketgame.results.mediators import mediator_summary
    from marketgame.results.sensitivity import failures_by_parameter, sobol_indices
    from marketgame.results.summaries import player_summary, summary

__all__ = [
    "Comparison",
    "Run",
    "compare",
    "failures_by_parameter",
    "joint_play",
    "learned_play",
    "load",
    "mediator_summary",
    "over_seeds",
    "paired_differences",
    "player_summary",
    "save_figures",
    "sobol_indices",
    "standard_figures",
    "summary",
    "sweep_figures",
    "with_benchmarks",
    "with_parameters",
]

# The names that each module offers.
_OFFERED = {
    "comparison": "Comparison compare over_seeds paired_differences with_benchmarks with_parameters",
    "figures": "save_figures standard_figures sweep_figures",
    "learning": "joint_play learned_play",
    "loading": "Run load",
    "mediators": "mediator_summary",
    "sensitivity": "failures_by_parameter sobol_indices",
    "summaries": "player_summary summary",
}
_HOME = {name: module for module, names in _OFFERED.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'results' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
