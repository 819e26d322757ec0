r"""The appendix's example as a finite game: a lie pays only together with disobedience.

One player of two equally likely types consumes what it is recommended or what it takes instead. A device that is told
the type recommends :math:`X_1` to type :math:`\Theta_1` and :math:`X_2` to type :math:`\Theta_2`. Type
:math:`\Theta_1` likes :math:`X_2` less than :math:`X_1`, but from the position of one who was recommended
:math:`X_2` it can reach :math:`X'`, which it likes better than both. What can be reached depends on the position the
report leads to, and the position is the action of a second player, the market, which earns 1 by putting the trader
where its type belongs and nothing otherwise.

Positions: at "1" the choices are :math:`X_1` and something worthless, at "2" they are :math:`X_2` and :math:`X'`.

==============  ==========  ==========  ==========  ==========
payoff          1, keep     1, trade    2, keep     2, trade
==============  ==========  ==========  ==========  ==========
:math:`\Theta_1`  2 (X_1)     0           1 (X_2)     3 (X')
:math:`\Theta_2`  1           0           2 (X_2)     0
==============  ==========  ==========  ==========  ==========

Truth is Bayesian incentive compatible, and no coalition improves: the market would lose. But a lie with disobedience
brings :math:`\Theta_1` 3 instead of 2.

Source:
    Giraud and Rochon (2001), section 6.4, figure 1; the numbers are ours, they print none.
"""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.collusion.finite_games.extended_game import (
    CommunicationContract,
    ExtendedGame,
    pure_contract,
)

TRADER, MARKET = 0, 1
KEEP, TRADE = 0, 1


def lie_and_disobey() -> tuple[ExtendedGame, CommunicationContract]:
    """Return the game and the truthful contract: a BIC, but no communication equilibrium."""
    trader = np.array([[[2.0, 1.0], [0.0, 3.0]], [[1.0, 2.0], [0.0, 0.0]]])
    market = np.broadcast_to(np.eye(2)[:, None, :], trader.shape)
    payoffs = np.stack([trader, market], axis=-1)
    game = ExtendedGame(
        players=(TRADER, MARKET),
        types=np.array([[0, 0], [1, 0]]),
        type_labels=(("Theta_1", "Theta_2"), ("market",)),
        priors=np.full((2, 2), 0.5),
        actions=(("keep", "trade"), ("position 1", "position 2")),
        transfers=np.zeros((1, 2)),
        granted=np.zeros(2, dtype=np.int64),
        payoffs=payoffs[None],
    )
    return game, pure_contract(game, np.array([[[KEEP, 0]], [[KEEP, 1]]]))
