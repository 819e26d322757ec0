"""Figures of runs and sweeps, for print: each function takes what was loaded and returns a Matplotlib figure.

Those of a run say by ``run_number`` which run of its folder they show, and by ``round_number`` which of its rounds;
they raise ValueError where the folder holds no such run, the run no such round, or the tables nothing to draw. They are
a column wide, or wider where they must be.

`results.figures.registry` lists those that every run gets whose tables it needs, and those of sweeps, which are in
`results.figures.sweeps`; `results.figures.saving` writes them.

No figure needs a screen, and none touches Matplotlib's global state.
"""

from marketgame.results.figures.figure import RunFigure
from marketgame.results.figures.holdings import who_ends_with_what
from marketgame.results.figures.legible import legible
from marketgame.results.figures.links import network_of_links
from marketgame.results.figures.network import trade_network
from marketgame.results.figures.quotes import quotes_against_supporting_price
from marketgame.results.figures.registry import FIGURES, SWEEP_FIGURES, standard_figures, sweep_figures
from marketgame.results.figures.saving import save_figure, save_figures
from marketgame.results.figures.side_contracts import side_contracts_over_rounds
from marketgame.results.figures.sweeps import SweepFigure, SweepView
from marketgame.results.figures.welfare import welfare_over_rounds
from marketgame.results.formats import FigureFormat

__all__ = [
    "FIGURES",
    "SWEEP_FIGURES",
    "FigureFormat",
    "RunFigure",
    "SweepFigure",
    "SweepView",
    "legible",
    "network_of_links",
    "quotes_against_supporting_price",
    "save_figure",
    "save_figures",
    "side_contracts_over_rounds",
    "standard_figures",
    "sweep_figures",
    "trade_network",
    "welfare_over_rounds",
    "who_ends_with_what",
]
