r"""Severance and side-bets in Myerson's second example: the predicted region, and what simulation makes of it.

Player 1 always sells at the price :math:`\chi`; the buyer pays :math:`\tau` more if the seller is good and as much
less if it is bad, a side-bet with the mediator; and the bad seller is promised severance :math:`\varepsilon`. Such a
mechanism is in the core exactly if, for some :math:`1.5 \le \beta \le 2`,

.. math:: 3 + 2 \beta |1 - \varepsilon| \le \chi \le 3.5, \qquad \tau = 2 \beta \varepsilon.

Source:
    Myerson (2006), section 9, condition (27).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from marketgame.experiments import HOME
from marketgame.experiments.files.game_file import load_game
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import BlockingPlan, find_blocking_plan
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, stakes
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.game_scenario import GameScenario

GAME = HOME / "games" / "myerson-example-2.toml"
GOOD, BAD = "H", "L"
# The range of the multiplier β in (27).
LEAST_BETA, MOST_BETA = 1.5, 2.0
WORTH_TO_GOOD_SELLER = 3.0
HIGHEST_PRICE = 3.5
# The region's edges are stable themselves; being off one by less than this is rounding.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Promises:
    """A pooling mechanism of the example.

    Attributes:
        price: at which the good is always sold, money.
        severance: promised to the bad seller, money.
        side_bet: paid by the buyer on top of the price if the seller is good, received if bad, money.
    """

    price: float
    severance: float
    side_bet: float

    def mechanism(self, game: CoalitionalGame) -> Mechanism:
        """Return the mechanism in the example's game."""
        seller, buyer = game.players.index("seller"), game.players.index("buyer")
        trade = game.actions[game.grand_coalition].names.index("trade")
        good = game.profiles[:, seller] == game.types[seller].index(GOOD)
        chosen = np.zeros((len(game.profiles), len(game.actions[game.grand_coalition].names)))
        chosen[:, trade] = 1.0
        payments, severance = np.zeros(game.profiles.shape), np.zeros(game.profiles.shape)
        payments[:, seller] = self.price
        payments[:, buyer] = -self.price - np.where(good, self.side_bet, -self.side_bet)
        severance[~good, seller] = self.severance
        return Mechanism(chosen, payments, severance)

    @property
    def predicted_stable(self) -> bool:
        """Whether (27) says that nobody can block it; prices above 3.5 are outside its scope."""
        if self.severance <= 0:
            return False
        beta = self.side_bet / (2 * self.severance)
        within = LEAST_BETA - ROUNDING <= beta <= MOST_BETA + ROUNDING
        return within and 2 * beta * abs(1 - self.severance) <= self.price - WORTH_TO_GOOD_SELLER + ROUNDING


def example() -> CoalitionalGame:
    """Return the game of the example."""
    return load_game(GAME).game


def blocking_profits(
    game: CoalitionalGame, price: float, severance: Sequence[float], side_bets: Sequence[float]
) -> pd.DataFrame:
    """Return as ``profit``, money, what the best blocking plan earns against each ``severance`` and ``side_bet``."""
    rows = [
        (promised, bet, _profit(game, Promises(price, promised, bet).mechanism(game)))
        for promised in severance
        for bet in side_bets
    ]
    return pd.DataFrame(rows, columns=["severance", "side_bet", "profit"])


def predicted_region(price: float, points: int = 60) -> list[tuple[float, float]]:
    r"""Return the corners of the predicted set of severance and side-bet, in order around it.

    Where severance is below 1 condition (27) reads :math:`\varepsilon \ge 1 - (\chi - 3) / 2 \beta`, above it
    :math:`\varepsilon \le 1 + (\chi - 3) / 2 \beta`; both ends are curves in the plane of severance and side-bet.
    """
    beta = np.linspace(LEAST_BETA, MOST_BETA, points)
    slack = (price - WORTH_TO_GOOD_SELLER) / (2 * beta)
    low, high = 1 - slack, 1 + slack
    across: FloatArray = np.concatenate((low, high[::-1]))
    up: FloatArray = np.concatenate((2 * beta * low, (2 * beta * high)[::-1]))
    return list(zip(across.tolist(), up.tolist(), strict=True))


def sweep_severance(
    game: CoalitionalGame, price: float, severance: Sequence[float], rounds: int, seed: int
) -> pd.DataFrame:
    """Play the example with one blocking mediator for each promise of severance, the side-bet rising with it.

    The side-bet is 2 β times the severance for the least β, with which the smallest severance suffices.

    Args:
        game: of the example.
        price: at which the good is always sold.
        severance: values to try.
        rounds: played for each.
        seed: of every run, so that all share the luck of nature and of the mediators.

    Returns:
        Columns ``severance``, ``side_bet``, ``predicted_stable``, ``program_profit`` (what the linear program
        promises), ``mean_profit`` and ``standard_error`` (in simulation), ``established_profit`` (mean, in
        simulation) and ``blocking_rate`` (share of rounds in which a coalition left).
    """
    rows = [_played(game, Promises(price, value, 2 * LEAST_BETA * value), rounds, seed) for value in severance]
    return pd.DataFrame(rows)


def predicted_bounds(price: float) -> tuple[float, float]:
    """Return between which severances the sweep is predicted to find nothing to block."""
    slack = (price - WORTH_TO_GOOD_SELLER) / (2 * LEAST_BETA)
    return 1 - slack, 1 + slack


def _played(game: CoalitionalGame, promises: Promises, rounds: int, seed: int) -> dict[str, float | bool]:
    mechanism = promises.mechanism(game)
    scenario = GameScenario(
        "severance", "Example 2", game, mechanism, blockers=(Blocker("rival"),), rounds=rounds, seed=seed
    )
    tables = simulate(scenario)
    mediators, invitations = tables["mediators"].to_pandas(), tables["invitations"].to_pandas()
    rival = mediators.loc[mediators["mediator"] == "rival", "profit"]
    left = invitations.loc[invitations["fate"] == "left", "round"].nunique()
    return {
        "severance": promises.severance,
        "side_bet": promises.side_bet,
        "predicted_stable": promises.predicted_stable,
        "program_profit": _profit(game, mechanism),
        "mean_profit": float(rival.mean()),
        "standard_error": float(rival.std() / np.sqrt(len(rival))),
        "established_profit": float(mediators.loc[mediators["mediator"] == "established", "profit"].mean()),
        "blocking_rate": left / rounds,
    }


def _profit(game: CoalitionalGame, mechanism: Mechanism) -> float:
    found = find_blocking_plan(game, stakes(game, mechanism))
    return found.profit if isinstance(found, BlockingPlan) else 0.0
