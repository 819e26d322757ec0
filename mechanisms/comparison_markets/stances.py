"""Markets to compare with as they are played: each trader reports a type and sends what it is told, or near it.

A *stance* is how a trader departs from truth and obedience: another type reported; prices mistaken by a factor, which
multiplies what is bid at trading posts and moves a schedule in the call market to prices so much higher; and only a
share of the trade, of bids and offers or of what a schedule buys and sells. Nobody sends what it does not own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import override

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.comparison_markets.call_market import TypeSchedules, clear, clear_reports
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket, gains_from, told_messages
from marketgame.mechanisms.comparison_markets.post_replies import PostMessages
from marketgame.mechanisms.comparison_markets.trading_posts import Offering, settle_posts
from marketgame.mechanisms.economies.economy import Economy


@dataclass(frozen=True, eq=False)
class Stances:
    """How everybody departs from truth and obedience in B plays.

    Attributes:
        reports: types, ``(B, N)``.
        factors: by which prices are mistaken, ``(B, N)``; positive.
        shares: of the trade, ``(B, N)``, nonnegative.
    """

    reports: IntegerArray
    factors: FloatArray
    shares: FloatArray


def played(economy: Economy, market: ComparedMarket, types: IntegerArray, stances: Stances) -> FloatArray:
    """Return what types ``(B, N)`` gain over living at home by some stances, ``(B, N)``, numeraire.

    Raises:
        ValueError: somebody does not own what it is told to send.
        UnansweredError: it is not known what is to be sent, or the market does not clear.
    """
    shown = economy.endowments(stances.reports)
    if market is ComparedMarket.CALL:
        return gains_from(economy, types, _called(economy, stances, shown))
    rules = market.post_rules
    assert rules is not None
    told = _told(economy, market, stances.reports)
    shares = stances.shares[..., None]
    offers = told.offers if rules.offering is Offering.EVERYTHING else np.minimum(told.offers * shares, shown[..., :-1])
    bids = told.bids * shares * stances.factors[..., None]
    spent = bids.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        bids = bids * np.where(spent > shown[..., -1:], shown[..., -1:] / spent, 1.0)
    return gains_from(economy, types, settle_posts(bids, offers, shown, rules).net_trades)


def _told(economy: Economy, market: ComparedMarket, reports: IntegerArray) -> PostMessages:
    if economy.prior.obstacle:
        return _told_after(economy, market, np.ascontiguousarray(reports, np.int64).tobytes())
    every = _told_everywhere(economy, market)
    numbers = np.ravel_multi_index(tuple(np.moveaxis(reports, -1, 0)), economy.prior.type_counts)
    return PostMessages(every.bids[numbers], every.offers[numbers])


@lru_cache(maxsize=4)
def _told_after(economy: Economy, market: ComparedMarket, reports: bytes) -> PostMessages:
    rows = np.frombuffer(reports, dtype=np.int64).reshape(-1, len(economy.players))
    return told_messages(economy, market, rows)


@lru_cache(maxsize=8)
def _told_everywhere(economy: Economy, market: ComparedMarket) -> PostMessages:
    return told_messages(economy, market, economy.profiles)


def _called(economy: Economy, stances: Stances, shown: FloatArray) -> FloatArray:
    """Return net trades in the call market, ``(B, N, L)``, units."""
    plain = (stances.factors == 1).all(axis=-1) & (stances.shares == 1).all(axis=-1)
    net = np.zeros_like(shown)
    if not economy.valuations.separable:
        if not plain.all():
            raise ValueError("schedules of goods that bear on each other are those of types")
        return clear_reports(economy, stances.reports).net_trades
    if plain.any():
        net[plain] = clear_reports(economy, stances.reports[plain]).net_trades
    if not plain.all():
        odd = ~plain
        owned = shown[odd]
        traders = economy.valuations.select(economy.rows(stances.reports[odd]))
        moved = _Moved(traders, owned[..., :-1], owned[..., -1], stances.factors[odd], stances.shares[odd])
        net[odd] = clear(moved).net_trades
    return net


@dataclass(frozen=True, eq=False)
class _Moved(TypeSchedules):
    """Schedules moved to other prices, that buy and sell only a share.

    Attributes:
        factors: by which prices are mistaken, ``(..., N)``.
        shares: of the trade, ``(..., N)``.
    """

    factors: FloatArray
    shares: FloatArray

    @override
    def wanted(self, price: FloatArray) -> FloatArray:
        # What a type wants of a good that it values infinitely is cut to the supply before a share of it is taken.
        wanted = self.traders.demand(price[..., None, :] / self.factors[..., None] + np.zeros_like(self.owned))
        wanted = np.minimum(np.nan_to_num(wanted, nan=np.inf, posinf=np.inf), self.supply[..., None, :])
        return self.owned + self.shares[..., None] * (wanted - self.owned)


def truthful(types: IntegerArray) -> Stances:
    """Return truth and obedience of types ``(B, N)``."""
    return Stances(types, np.ones(types.shape), np.ones(types.shape))
