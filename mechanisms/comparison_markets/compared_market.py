r"""The markets that institutions are compared with, each with what traders are told to send to it.

In all of them traders report types first, as to the contract of the market game, so that the same questions make sense:
who gains by a report that is not true, who by messages other than those it is told to send.

* In the **call market** a report is a schedule: that of the reported type. Nothing is heard in between.
* At **trading posts** each trader is told a bid and an offer for every good, those for the reported types: either what
  hands out the efficient bundles at their supporting price if everybody sends it, so that whoever takes prices as given
  is content (*price takers*), or the equilibrium in which nobody gains by sending anything else (*equilibrium*; also
  with everything to be offered, *all offered*).

Nobody can show more than it owns: a type that owns more of something cannot be reported. What is not reported stays
with its owner. Gains are measured against living on one's endowment; what lowers a value is thrown away.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.comparison_markets.call_market import clear_reports
from marketgame.mechanisms.comparison_markets.post_replies import PostMessages, competitive_messages, post_equilibrium
from marketgame.mechanisms.comparison_markets.trading_posts import OWNED_TOLERANCE, Offering, PostRules, settle_posts
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.walras import at_payable_prices


class ComparedMarket(StrEnum):
    """A market, and what traders are told to send to it."""

    CALL = "call market"
    """Schedules of the reported types, one price for each good, the middle of those that clear."""
    PRICE_TAKERS = "trading posts, price takers"
    """Bids and offers that hand out the efficient bundles at their supporting price."""
    EQUILIBRIUM = "trading posts, equilibrium"
    """Bids and offers of the equilibrium with trade in which nobody both bids and offers."""
    ALL_OFFERED = "trading posts, all offered"
    """Everything owned is offered; bids of the equilibrium."""

    @property
    def post_rules(self) -> PostRules | None:
        """The rules of the posts, none of the call market."""
        if self is ComparedMarket.CALL:
            return None
        return PostRules(Offering.EVERYTHING if self is ComparedMarket.ALL_OFFERED else Offering.CHOSEN)


def told_messages(economy: Economy, market: ComparedMarket, reports: IntegerArray) -> PostMessages:
    """Return what traders are told to send to trading posts after reports ``(P, N)``.

    Raises:
        ValueError: the market has no posts, or somebody does not own the money that it is told to bid.
        NoPostEquilibriumError: the equilibrium is not known.
    """
    rules, owned = market.post_rules, economy.endowments(reports)
    if rules is None:
        raise ValueError("the call market tells nobody what to send to posts")
    if market is not ComparedMarket.PRICE_TAKERS:
        return post_equilibrium(economy.valuations.select(economy.rows(reports)), owned, rules)
    efficient = at_payable_prices(economy, efficient_allocation(economy, reports))
    told = competitive_messages(efficient.bundles, efficient.price[:, :-1], owned, rules)
    if (told.bids.sum(axis=-1) > owned[..., -1] * (1 + OWNED_TOLERANCE)).any():
        raise ValueError("somebody does not own the money that its efficient bundle costs before it sells anything")
    return told


def obeyed_trades(economy: Economy, market: ComparedMarket, reports: IntegerArray) -> FloatArray:
    """Return what everybody ends with beyond what it owned if all do as they are told, ``(P, N, L)``, units.

    Raises:
        ValueError: somebody does not own what it is told to send.
        UnansweredError: it is not known what is to be sent, or the market does not clear.
    """
    rules = market.post_rules
    if rules is None:
        return clear_reports(economy, reports).net_trades
    told = told_messages(economy, market, reports)
    return settle_posts(told.bids, told.offers, economy.endowments(reports), rules).net_trades


def gains_from(economy: Economy, types: IntegerArray, net_trades: FloatArray) -> FloatArray:
    """Return how much better off types ``(P, N)`` are with net trades ``(P, N, L)`` than at home, ``(P, N)``."""
    return gains_of_rows(economy, economy.rows(types), net_trades)


def gains_of_rows(economy: Economy, rows: IntegerArray, net_trades: FloatArray) -> FloatArray:
    """Return the same for types at the rows ``(...)`` of tables over types, with net trades ``(..., L)``."""
    owned = economy.endowment_table[rows, :-1]
    held = np.maximum(owned + net_trades[..., :-1], 0)
    kept = economy.valuations.dispose(rows, held)
    disposed = np.concatenate((held - kept, np.zeros((*rows.shape, 1))), axis=-1)
    return economy.gains_of_types(rows, net_trades - disposed)


def can_report(economy: Economy, player: int) -> BooleanArray:
    """Say which types, ``(true type, report)``, a player can show itself to be: those that own no more."""
    first, count = economy.first_rows[player], economy.prior.type_counts[player]
    owned = economy.endowment_table[first : first + count]
    return np.asarray((owned[None, :] <= owned[:, None] * (1 + OWNED_TOLERANCE)).all(axis=-1))
