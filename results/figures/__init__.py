"""Figures of a run, for print: each function takes a loaded run and returns a Matplotlib figure.

| function | shows |
|---|---|
| :func:`trade_network` | who gave goods to whom in a round, who is rich, who is bankrupt |
| :func:`welfare_over_rounds` | gains over autarky against first best, and bankruptcies |
| :func:`quotes_against_supporting_price` | who quotes off the price that supports the efficient allocation |
| :func:`who_ends_with_what` | how each good is divided before and after a round |
| :func:`side_contracts_over_rounds` | which coalitions formed, who broke them, what members gained |

No figure needs a screen, and none touches Matplotlib's global state.
"""

from marketgame.results.figures.holdings import who_ends_with_what
from marketgame.results.figures.network import trade_network
from marketgame.results.figures.quotes import quotes_against_supporting_price
from marketgame.results.figures.saving import (
    FigureFormat,
    save_figure,
    save_figures,
    standard_figures,
)
from marketgame.results.figures.side_contracts import side_contracts_over_rounds
from marketgame.results.figures.welfare import welfare_over_rounds

__all__ = [
    "FigureFormat",
    "quotes_against_supporting_price",
    "save_figure",
    "save_figures",
    "side_contracts_over_rounds",
    "standard_figures",
    "trade_network",
    "welfare_over_rounds",
    "who_ends_with_what",
]
