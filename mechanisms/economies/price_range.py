r"""Between which prices every type profile clears, however many there are, and what that says about everybody.

Where everybody values goods one by one and strictly concavely, the demand of type k of player i for a good falls in its
price p alone. The market clears at a profile t where :math:`\sum_i [D_{i t_i}(p) - \omega_{i t_i}] = 0`, or at price
zero. Whatever the profile,

.. math:: \sum_i \min_k [D_{ik}(p) - \omega_{ik}] \le \sum_i [D_{i t_i}(p) - \omega_{i t_i}]
    \le \sum_i \max_k [D_{ik}(p) - \omega_{ik}],

so that no price is below the one where the left side vanishes, nor above the one where the right side does. Between the
two everybody's demand, what it pays and what its goods gain are bounded, type by type, at no more than one number each.
Intervals of prices are cut in pieces, on each of which monotonicity alone is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies.economy import Economy

# Into how many pieces a range of prices is cut.
PIECES = 64
# How often a range is halved or a first guess doubled, and by how much, relatively, its ends are moved for rounding.
STEPS, MARGIN = 200, 1e-9


@dataclass(frozen=True, eq=False)
class PriceRange:
    """Prices between which every type profile of an economy clears.

    Attributes:
        economy: with separable, strictly concave valuations.
        limit: the most there can be of each good, ``(G,)``, units.
        lowest: no supporting price is lower, ``(G,)``, numeraire per unit.
        highest: none is higher, likewise.
    """

    economy: Economy
    limit: FloatArray
    lowest: FloatArray
    highest: FloatArray

    @cached_property
    def grid(self) -> FloatArray:
        """The ends of pieces of the range, ``(K + 1, G)``, increasing."""
        return np.linspace(self.lowest, self.highest, PIECES + 1)

    @cached_property
    def bought(self) -> FloatArray:
        """What each type buys at the ends of pieces, less its sales, ``(types of all players, K + 1, G)``, units."""
        owned = self.economy.endowment_table[:, None, :-1]
        return _demand(self.economy, self.grid, self.limit) - owned

    @cached_property
    def most_gained(self) -> FloatArray:
        """The most that the goods of each type gain at any profile, ``(types of all players,)``, numeraire."""
        return self._gained(self.lowest)

    @cached_property
    def least_gained(self) -> FloatArray:
        """The least that they gain, likewise."""
        return self._gained(self.highest)

    @cached_property
    def most_paid(self) -> FloatArray:
        """The most that each type pays for its goods at supporting prices, ``(types of all players,)``, numeraire."""
        price, bought = self.grid, self.bought
        # On a piece no more is bought than at its lower end.
        most = np.maximum(price[1:] * bought[:, :-1], price[:-1] * bought[:, :-1])
        return np.asarray(most.max(axis=1).sum(axis=-1))

    @cached_property
    def most_received(self) -> FloatArray:
        """The most that each type receives for its goods at them, ``(types of all players,)``, numeraire."""
        price, bought = self.grid, self.bought
        most = np.maximum(-price[1:] * bought[:, 1:], -price[:-1] * bought[:, 1:])
        return np.asarray(most.max(axis=1).sum(axis=-1))

    def least_change(self, player: int) -> FloatArray:
        r"""Return by how much a player's being of type k rather than b changes the welfare of all at least.

        With :math:`h(p) = I_k(p) - I_b(p)` and :math:`I(p) = \max_q [v(q) - p q] + p \omega`, weak duality at the price
        that supports the allocation with k says that welfare differs by h there, or more.

        Returns:
            Entry ``[k, b]``, ``(types, types)``, numeraire, measured from the goods from which gains are measured.
        """
        first, count = self.economy.first_rows[player], self.economy.prior.type_counts[player]
        rows = np.arange(first, first + count)
        level, along = self._enjoyed(rows)
        bought = self.bought[rows]
        width = np.diff(self.grid, axis=0)
        apart = along[:, None, :-1] - along[None, :, :-1]
        slope = bought[None, :, 1:] - bought[:, None, :-1]
        least = (apart + np.minimum(slope * width, 0.0)).min(axis=2).sum(axis=-1)
        return np.asarray(level[:, None] - level[None] + least)

    def _gained(self, price: FloatArray) -> FloatArray:
        economy = self.economy
        rows = np.arange(len(economy.endowment_table))
        held = _demand(economy, price[None], self.limit)[:, 0]
        return np.asarray(economy.valuations.gain(rows, economy.reference_goods, held))

    def _enjoyed(self, rows: IntegerArray) -> tuple[FloatArray, FloatArray]:
        """Return I at the lowest prices, ``(T,)``, and how it changes with each good's price, ``(T, K + 1, G)``.

        Goods enter one by one, so that the price of one is moved while all others stay the lowest.
        """
        economy, goods = self.economy, len(self.lowest)
        prices = np.broadcast_to(self.lowest, (len(self.grid), goods, goods)).copy()
        prices[:, np.arange(goods), np.arange(goods)] = self.grid
        every = np.concatenate((self.lowest[None], prices.reshape(-1, goods)))
        held = np.minimum(_at_prices(economy, rows, every), self.limit)
        which = np.repeat(rows[:, None], len(every), axis=1)
        reference = np.broadcast_to(economy.reference_goods[rows][:, None], held.shape)
        net = held - economy.endowment_table[rows][:, None, :-1]
        found = economy.valuations.gain(which, reference, held) - (every * net).sum(axis=-1)
        return found[:, 0], found[:, 1:].reshape(len(rows), len(self.grid), goods) - found[:, :1, None]


def price_range(economy: Economy) -> PriceRange | None:
    """Return between which prices every type profile clears; none where goods are valued jointly or not concavely."""
    if not economy.valuations.separable:
        return None
    goods = economy.endowment_table[:, :-1]
    limit = np.maximum.reduceat(goods, economy.first_rows, axis=0).sum(axis=0)
    kinds = (kind for player in economy.players for kind in player.types)
    if not all(kind.valuation.strictly_concave(limit) and not kind.valuation.kinked for kind in kinds):
        return None

    def excess(price: FloatArray, extreme: np.ufunc) -> FloatArray:
        net = _demand(economy, price[None], limit)[:, 0] - goods
        return np.asarray(extreme.reduceat(net, economy.first_rows, axis=0).sum(axis=0))

    high = np.ones(len(limit))
    for _ in range(STEPS):
        wanted = excess(high, np.maximum) > 0
        if not wanted.any():
            break
        high = np.where(wanted, 2 * high, high)
    else:
        return None
    ends = []
    for extreme in (np.minimum, np.maximum):
        low, up = np.zeros(len(limit)), high.copy()
        for _ in range(STEPS):
            middle = (low + up) / 2
            scarce = excess(middle, extreme) > 0
            low, up = np.where(scarce, middle, low), np.where(scarce, up, middle)
        ends.append(low if extreme is np.minimum else up)
    return PriceRange(economy, limit, ends[0] * (1 - MARGIN), ends[1] * (1 + MARGIN))


def _demand(economy: Economy, prices: FloatArray, limit: FloatArray) -> FloatArray:
    """Return what all types want at prices ``(K, G)`` of what there is, ``(types of all players, K, G)``, units."""
    return np.minimum(_at_prices(economy, np.arange(len(economy.endowment_table)), prices), limit)


def _at_prices(economy: Economy, rows: IntegerArray, prices: FloatArray) -> FloatArray:
    which = np.repeat(rows[:, None], len(prices), axis=1)
    return economy.valuations.demand(which, np.broadcast_to(prices, (len(rows), *prices.shape)))
