"""The end of a round: those who learn are told what became of them, and of others only what is published."""

from __future__ import annotations

from collections.abc import Sequence

from marketgame.agents.behaviours import Order, Outcome
from marketgame.agents.trader import Trader
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.rules import BankruptcyReason
from marketgame.simulation.stages.market_play import Round, consumed_in, net_consumed_in


def tell_outcomes(learners: Sequence[Trader], play: Round, economy: Economy) -> None:
    """Tell traders who learn, being of the type they are in a round, what they may know of how it ended."""
    settlement, consumed = play.settlement, consumed_in(play, economy)
    paid = play.severance + play.side_payments + play.paid_for_reports
    gains = economy.gains(play.profile, net_consumed_in(play, economy)) + paid
    for trader in learners:
        if not trader.learns:
            continue
        player = trader.player
        # Copies: what is part of a larger array could be asked for the rest of it.
        outcome = Outcome(
            knowledge=trader.recommended,
            played=trader.behaviour,
            bound=bool(trader.bound or play.left[player]),
            quotes=play.play.quotes.copy(),
            order=Order(play.play.orders[player].copy(), play.play.announced_endowments[player].copy()),
            flows=settlement.flows[player].copy(),
            consumed=consumed[player].copy(),
            paid=float(paid[player]),
            gain=float(gains[player]),
            reason=BankruptcyReason(int(settlement.reason[player])),
        )
        trader.learn(outcome)
