r"""Plays in which one player does as it likes while each other orders the same from everybody, as contracts tell them.

Whoever deviates tries many orders. Settling a play looks at every pair of players; here sums will do. With
:math:`z_j` what j orders from each and :math:`o_j` what the deviator d orders from j,

.. math:: \psi_i = \sum_{j \ne d} (z_i - z_j) + z_i - o_i, \qquad \psi_d = \sum_{j \ne d} (o_j - z_j),

and costs are sums of the same terms at quotes that do not depend on i but for whom i trades with. Who is bankrupt is
decided as :func:`~marketgame.mechanisms.market_game.settle.settle` decides it: in exact arithmetic wherever rounding
leaves a doubt. What is handed out differs from what it says by rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import fsum

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.market_game.exact_test import tame, two_product
from marketgame.mechanisms.market_game.feasible_set import ration
from marketgame.mechanisms.market_game.rules import Bankruptcy, Execution, MarketRules, Pricing, Refusal, Solvency

# Half of it is by how much a rounded number may be off, relative to its size. Sums over players are rounded once; with
# products over L goods, and three sums, costs are off by less than (L / 2 + 2) times this share of the terms' sizes.
_ROUNDING = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class _Totals:
    """Sums over each group of players without the deviator, rounded once: the last two are of sizes, and not."""

    number: FloatArray
    ordered: FloatArray
    prices: FloatArray
    value: FloatArray
    volume: FloatArray
    gross: FloatArray


@dataclass(frozen=True, eq=False)
class OneDeviates:
    """A play without the orders of one player.

    Attributes:
        rules: of the market, which :func:`sums_suffice` for.
        player: who deviates.
        quotes: of everybody, ``(N, L)``, numeraire per unit.
        to_each: what the others order from each, ``(N, L)``, units; the deviator's row means nothing.
        announced: by the others, ``(N, L)``, units; likewise.
        transfers: to everybody, ``(N,)``, numeraire.
    """

    rules: MarketRules
    player: int
    quotes: FloatArray
    to_each: FloatArray
    announced: FloatArray
    transfers: FloatArray
    _decided: dict[bytes, bool] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def _partners(self) -> FloatArray:
        """Who trades with whom, as ones, ``(groups, N)``; the deviator's column is zero."""
        partners = np.eye(int(self._group.max()) + 1)[:, self._group]
        partners[:, self.player] = 0.0
        return partners

    @cached_property
    def _group(self) -> IntegerArray:
        """The number of the group of players, ``(N,)``, that trade with each other."""
        if self.rules.pricing is not Pricing.VOID:
            return np.zeros(len(self.quotes), dtype=np.int64)
        return np.unique(self.quotes, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)

    def change(self, orders: FloatArray, shown: FloatArray) -> FloatArray:
        """Return what the deviator's holding changes by, of what it announces, ``(C, L)``, units.

        Args:
            orders: from every other player, ``(C, N, L)``, units; those from itself mean nothing.
            shown: what it announces, ``(C, L)``, units.
        """
        orders = orders.copy()
        orders[:, self.player] = 0.0
        announced = np.repeat(self.announced[None], len(orders), axis=0)
        announced[:, self.player] = shown
        failed = np.zeros(orders.shape[:2], dtype=bool)
        gone = np.zeros_like(failed)
        net, open_plays = np.empty_like(orders), np.arange(len(orders))
        while open_plays.size:
            found, fails = self._tested(orders[open_plays], announced[open_plays], gone[open_plays])
            net[open_plays] = found
            fails &= ~failed[open_plays]
            failed[open_plays] |= fails
            if self.rules.bankruptcy is Bankruptcy.TRADES_STAND:
                break
            gone = failed.copy()
            open_plays = open_plays[fails.any(axis=1)]
        stays = ~failed[..., None]
        unwinds = self.rules.bankruptcy is Bankruptcy.UNWIND
        pooled = np.where(stays, announced, 0.0) if unwinds else announced
        changes = ration(np.moveaxis(np.where(stays, net, -pooled), 1, 0), np.moveaxis(pooled, 1, 0))[self.player]
        return np.where(failed[:, self.player, None], -shown, changes) if unwinds else changes

    def _tested(self, orders: FloatArray, announced: FloatArray, gone: BooleanArray) -> tuple[FloatArray, BooleanArray]:
        """Return net trades, ``(C, N, L)``, units, and who fails, ``(C, N)``, if some are gone."""
        d, z, group, total = self.player, self.to_each, self._group, self._totals
        here = ~gone
        here[:, d] = False
        number, ordered, prices, value = total.number, total.ordered, total.prices, total.value
        if gone.any():
            lost = self._partners * gone[:, None]
            number, ordered = number - lost.sum(axis=-1), ordered - lost @ z
            prices, value = prices - lost @ self.quotes, value - lost @ (self.quotes * z).sum(axis=-1)
        number, ordered, prices, value = (
            np.broadcast_to(each, (len(gone), *total_each.shape))[:, group]
            for each, total_each in zip(
                (number, ordered, prices, value),
                (total.number, total.ordered, total.prices, total.value),
                strict=True,
            )
        )
        # Whoever is gone, or does not trade with the deviator, has nothing from it.
        touched = (here & (group == group[d]) & ~gone[:, d, None])[..., None]
        own, its = np.where(touched, z, 0.0), np.where(touched, orders, 0.0)
        net = number[..., None] * z - ordered + (own - its)
        sizes = total.number[group, None] * np.abs(z) + total.volume[group] + (np.abs(own) + np.abs(its))
        cost = (prices * z).sum(axis=-1) - value + (own - its) @ self.quotes[d]
        at_stake = (total.prices[group] * np.abs(z)).sum(axis=-1) + total.gross[group]
        at_stake = at_stake + (np.abs(own) + np.abs(its)) @ self.quotes[d]
        net[gone] = sizes[gone] = 0.0
        cost[gone] = at_stake[gone] = 0.0
        flows = its - own
        net[:, d] = flows.sum(axis=1)
        cost[:, d] = (self.quotes * flows).sum(axis=(1, 2))
        sizes[:, d] = (np.abs(its) + np.abs(own)).sum(axis=1)
        at_stake[:, d] = (self.quotes * (np.abs(its) + np.abs(own))).sum(axis=(1, 2))
        if self.rules.pricing is Pricing.MIDPOINT:
            cost = (cost + (self.quotes * net).sum(axis=-1)) / 2
            at_stake += (self.quotes * sizes).sum(axis=-1)
        rounding = np.full((1, len(z)), _ROUNDING * (z.shape[1] + 4 + gone.sum(axis=1).max(initial=0)))
        rounding[:, d] = _ROUNDING * (len(z) * z.shape[1] + 8)
        left = announced + net
        doubt = np.abs(cost - self.transfers) <= rounding * at_stake
        fails = cost > self.transfers
        if self.rules.solvency is Solvency.NO_SHORT_SALES:
            doubt |= ((np.abs(left) <= rounding[..., None] * sizes) & (sizes > 0)).any(axis=-1)
            fails |= (left < 0).any(axis=-1)
        doubt &= ~gone
        for play, player in np.argwhere(doubt):
            fails[play, player] = self._fails(orders[play], announced[play], gone[play], int(player))
        return net, fails & ~gone

    def _fails(self, orders: FloatArray, announced: FloatArray, gone: BooleanArray, player: int) -> bool:
        """Say whether a player fails, in exact arithmetic."""
        if player == self.player:
            return self._deviator_fails(orders, announced, gone)
        if gone.any():
            return self._fails_exactly(orders, announced, gone, player)
        # While nobody is gone, players who do the same and are asked for the same end alike.
        own = (orders, self.to_each, self.quotes, announced)
        key = b"".join([*(each[player].tobytes() for each in own), self.transfers[player].tobytes()])
        if key not in self._decided:
            self._decided[key] = self._fails_exactly(orders, announced, gone, player)
        return self._decided[key]

    def _deviator_fails(self, orders: FloatArray, announced: FloatArray, gone: BooleanArray) -> bool:
        """Say whether the deviator fails: sums of products and their rounding errors are rounded once."""
        d = self.player
        partners = ~gone & (self._group == self._group[d])
        partners[d] = False
        its, own, quotes = orders[partners], -self.to_each[partners], self.quotes[partners]
        if not (tame(its).all() and tame(own).all() and tame(quotes).all()):
            return self._fails_exactly(orders, announced, gone, d)
        values = [*two_product(quotes, its), *two_product(quotes, own)]
        limit = -2.0 * self.transfers[d] if self.rules.pricing is Pricing.MIDPOINT else -self.transfers[d]
        if self.rules.pricing is Pricing.MIDPOINT:
            values += [*two_product(self.quotes[d], its), *two_product(self.quotes[d], own)]
        if fsum([limit, *np.concatenate(values, axis=None)]) > 0:
            return True
        if self.rules.solvency is not Solvency.NO_SHORT_SALES:
            return False
        flows = np.concatenate((its, own, announced[d][None]))
        return any(fsum(column) < 0 for column in flows.T)

    def _fails_exactly(self, orders: FloatArray, announced: FloatArray, gone: BooleanArray, player: int) -> bool:
        d, goods, mine = self.player, range(self.quotes.shape[1]), self._exact_orders[player]
        if player == d:
            partners = np.flatnonzero(~gone & (self._group == self._group[d])).tolist()
            flows = {
                other: [i - o for i, o in zip(exact(orders[other]), self._exact_orders[other], strict=True)]
                for other in partners
                if other != d
            }
            net = [sum((flow[good] for flow in flows.values()), Fraction(0)) for good in goods]
            cost = sum((_worth(self._exact_quotes[other], flow) for other, flow in flows.items()), Fraction(0))
        else:
            number, ordered, prices, value = self._exact_totals[int(self._group[player])]
            for other in np.flatnonzero(gone & (self._group == self._group[player])).tolist():
                if other != d:
                    its, price = self._exact_orders[other], self._exact_quotes[other]
                    number, value = number - 1, value - _worth(price, its)
                    ordered = [total - one for total, one in zip(ordered, its, strict=True)]
                    prices = [total - one for total, one in zip(prices, price, strict=True)]
            net = [number * own - total for own, total in zip(mine, ordered, strict=True)]
            cost = _worth(prices, mine) - value
            if not gone[d] and self._group[player] == self._group[d]:
                flow = [own - i for own, i in zip(mine, exact(orders[player]), strict=True)]
                net = [total + more for total, more in zip(net, flow, strict=True)]
                cost += _worth(self._exact_quotes[d], flow)
        if self.rules.pricing is Pricing.MIDPOINT:
            cost = (cost + _worth(self._exact_quotes[player], net)) / 2
        if cost > Fraction(float(self.transfers[player])):
            return True
        left = [shown + more for shown, more in zip(exact(announced[player]), net, strict=True)]
        return self.rules.solvency is Solvency.NO_SHORT_SALES and min(left) < 0

    @cached_property
    def _exact_quotes(self) -> list[list[Fraction]]:
        return [exact(row) for row in self.quotes]

    @cached_property
    def _exact_orders(self) -> list[list[Fraction]]:
        return [exact(row) for row in self.to_each]

    @cached_property
    def _exact_totals(self) -> list[tuple[int, list[Fraction], list[Fraction], Fraction]]:
        """Of each group without the deviator: how many, what they order, what they quote, and what orders are worth."""
        found = []
        for group in range(len(self._partners)):
            members = np.flatnonzero(self._partners[group]).tolist()
            orders, quotes = ([table[one] for one in members] for table in (self._exact_orders, self._exact_quotes))
            ordered, prices = (
                [sum((row[good] for row in rows), Fraction(0)) for good in range(self.quotes.shape[1])]
                for rows in (orders, quotes)
            )
            value = sum((_worth(price, own) for price, own in zip(quotes, orders, strict=True)), Fraction(0))
            found.append((len(members), ordered, prices, value))
        return found

    @cached_property
    def _totals(self) -> _Totals:
        number, ordered, prices, value = zip(*self._exact_totals, strict=True)
        sizes = np.abs(self.to_each)
        return _Totals(
            number=np.array(number, dtype=np.float64),
            ordered=np.array(ordered, dtype=np.float64),
            prices=np.array(prices, dtype=np.float64),
            value=np.array(value, dtype=np.float64),
            volume=self._partners @ sizes,
            gross=self._partners @ (self.quotes * sizes).sum(axis=-1),
        )


def _worth(price: list[Fraction], amounts: list[Fraction]) -> Fraction:
    return sum((each * amount for each, amount in zip(price, amounts, strict=True)), Fraction(0))


def sums_suffice(rules: MarketRules, quotes: FloatArray) -> bool:
    """Say whether such plays are settled by sums: under these rules, with these quotes, ``(N, L)``."""
    if rules.execution is not Execution.UNILATERAL or rules.refusal is not Refusal.FREE:
        return False
    # Which price a trade is charged at otherwise depends on its direction.
    return rules.pricing is not Pricing.SPREAD or bool((quotes == quotes[0]).all())
