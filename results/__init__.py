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
    from results.figures import save_figures, standard_figures
    from results.loading import Run, load
    from results.summaries import player_summary, summary

__all__ = ["Run", "load", "player_summary", "save_figures", "standard_figures", "summary"]

_HOME = {
    "Run": "results.loading",
    "load": "results.loading",
    "player_summary": "results.summaries",
    "save_figures": "results.figures",
    "standard_figures": "results.figures",
    "summary": "results.summaries",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'results' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
