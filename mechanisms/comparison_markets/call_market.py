r"""The uniform-price call market: schedules of demand are submitted, and one price for each good clears them all.

A trader's schedule says how much of each good it wants to hold at every price: :math:`D_i(p)`, falling in the good's
own price, never less than nothing (it sells at most what it owns) and never more than its money buys at that price. A
price clears if

.. math:: \sum_i D_i(p^+) \le \sum_i \omega_i \le \sum_i D_i(p^-),

D(p+) being what is wanted just above the price and D(p-) just below it. Such prices are an interval; which of them is
charged is a rule, the middle by default (the k-double auction with k = 1/2). At the price everybody gets what it wants
above it and, of what it only wants below it, one share that is the same for all: ties are rationed in proportion. What
nobody wants for nothing is disposed of. Everybody pays the price for every unit, so money is conserved.

A true schedule is :math:`\arg\max_q v_i(q) - p \cdot q` within the budget; a trader may as well submit the schedule of
another type, or any steps. With several goods each is called by itself where the valuations say so. Where goods bear
on each other, or money binds for several goods together, schedules are over price vectors: prices then are the
supporting prices of the efficient allocation, or those of the Walrasian equilibrium within budgets.

Truthful schedules therefore end at the efficient allocation of goods, at a supporting price, whenever everybody's money
covers it.

Source: Rustichini, Satterthwaite and Williams (1994), Convergence to Efficiency in a Simple Market with Incomplete
Information, Econometrica 62, 1041-1063; Chatterjee and Samuelson (1983), Operations Research 31, 835-851, for two
traders; Klemperer and Meyer (1989), Econometrica 57, 1243-1277, for schedules of divisible goods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import override

import numpy as np

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.comparison_markets.post_replies import crossing
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuation import ValuationBatch
from marketgame.mechanisms.economies.walras import DEBT_TOLERANCE, Equilibrium, walrasian_equilibrium

# Binary exponents between which clearing prices are looked for; below, a good is free.
LEAST_EXPONENT, MOST_EXPONENT = -400.0, 400.0
# Prices this little above and below another one show what is wanted just above and just below it.
JUST_ABOVE, JUST_BELOW = 1 + 1e-12, 1 - 1e-12
# Where as much is wanted at a price higher by this share, clearing prices may be an interval.
INTERVAL = 1e-9
# Sums of demands are rounded by less than this share of the supply.
ROUNDING = 64 * np.finfo(np.float64).eps


class UnclearedMarketError(UnansweredError, ArithmeticError):
    """No prices are known that clear the schedules within what traders can pay."""


class PriceRule(StrEnum):
    """Which of the clearing prices is charged."""

    LOWEST = "lowest"
    """The buyers' offer double auction's: k = 0."""
    MIDPOINT = "midpoint"
    """The middle of the interval: k = 1/2."""
    HIGHEST = "highest"
    """The sellers' best: k = 1."""


class Schedules(ABC):
    """What a market's traders want to hold at each price.

    Attributes:
        owned: what they own of the goods beside the numeraire, ``(..., N, G)``, units.
        money: what they own of the numeraire, ``(..., N)``.
    """

    owned: FloatArray
    money: FloatArray

    @abstractmethod
    def wanted(self, price: FloatArray) -> FloatArray:
        """Return what is wanted just above prices ``(..., G)``, without limits: ``(..., N, G)``, units."""

    def at(self, price: FloatArray) -> FloatArray:
        """Return what is wanted just above prices ``(..., G)``, ``(..., N, G)``, units.

        Nobody wants more than there is, nor, where there is one good, more than its money buys.
        """
        # At vanishing prices demands may be anything, and are cut to what there is.
        with np.errstate(all="ignore"):
            wanted = np.maximum(np.nan_to_num(self.wanted(price), nan=np.inf, posinf=np.inf), 0)
            if self.owned.shape[-1] == 1:
                wanted = np.minimum(wanted, self.owned + (self.money[..., None] / price[..., None, :]))
        return np.minimum(wanted, self.supply[..., None, :])

    @property
    def supply(self) -> FloatArray:
        """What there is, ``(..., G)``, units."""
        total: FloatArray = self.owned.sum(axis=-2)
        return total


@dataclass(frozen=True, eq=False)
class TypeSchedules(Schedules):
    """The schedules of types: what maximises their utility at each price.

    Attributes:
        traders: whose schedules are submitted, ``(..., N)``.
        owned: see above.
        money: see above.
    """

    traders: ValuationBatch
    owned: FloatArray
    money: FloatArray

    @override
    def wanted(self, price: FloatArray) -> FloatArray:
        return self.traders.demand(price[..., None, :] + np.zeros_like(self.owned))


@dataclass(frozen=True, eq=False)
class WithSteps(Schedules):
    """Schedules of which one player's is made of steps, the same for the whole batch.

    At prices up to ``limits[k]`` the player wants ``holdings[k]`` of the good, above the last it wants ``last``.

    Attributes:
        others: the schedules of everybody, the player's own being replaced.
        player: whose steps they are.
        limits: prices, ``(G, K)``, numeraire per unit, rising.
        holdings: wanted up to each of them, ``(G, K)``, units, falling.
        last: wanted above all of them, ``(G,)``, units.
    """

    others: Schedules
    player: int
    limits: FloatArray
    holdings: FloatArray
    last: FloatArray

    def __post_init__(self) -> None:
        steps = np.concatenate((self.holdings, self.last[:, None]), axis=-1)
        if (np.diff(steps, axis=-1) > 0).any() or (np.diff(self.limits, axis=-1) < 0).any():
            raise ValueError("a schedule must fall: limits must rise, and holdings must not")
        if (steps < 0).any() or (self.limits < 0).any():
            raise ValueError("a schedule of steps names a negative price or holding; they must be at least 0")

    @property
    def owned(self) -> FloatArray:  # type: ignore[override]
        """What the traders own, ``(..., N, G)``."""
        return self.others.owned

    @property
    def money(self) -> FloatArray:  # type: ignore[override]
        """What they own of the numeraire, ``(..., N)``."""
        return self.others.money

    @override
    def wanted(self, price: FloatArray) -> FloatArray:
        wanted = self.others.wanted(price).copy()
        steps = np.concatenate((self.holdings, self.last[:, None]), axis=-1)
        passed = (price[..., :, None] >= self.limits).sum(axis=-1)
        wanted[..., self.player, :] = steps[np.arange(len(steps)), passed]
        return wanted


@dataclass(frozen=True, eq=False)
class CallOutcome:
    """How a call market ends.

    Attributes:
        price: charged, ``(..., G)``, numeraire per unit.
        lowest: of the clearing prices, ``(..., G)``.
        highest: likewise.
        net_trades: what each trader ends with beyond what it owned, ``(..., N, L)``, units, the numeraire last.
        disposed: what nobody wanted for nothing, ``(..., G)``, units.
    """

    price: FloatArray
    lowest: FloatArray
    highest: FloatArray
    net_trades: FloatArray
    disposed: FloatArray


def clear(schedules: Schedules, rule: PriceRule = PriceRule.MIDPOINT) -> CallOutcome:
    """Return how schedules are cleared, each good by itself.

    With several goods it is for the caller to ask whether everybody owns what it pays.
    """
    supply = schedules.supply

    def short(logarithm: FloatArray) -> FloatArray:
        return np.asarray(schedules.at(np.exp2(logarithm)).sum(axis=-2) - supply * (1 + ROUNDING))

    def covered(logarithm: FloatArray) -> FloatArray:
        return np.asarray(schedules.at(np.exp2(logarithm)).sum(axis=-2) - supply * (1 - ROUNDING))

    least, most = np.full(supply.shape, LEAST_EXPONENT), np.full(supply.shape, MOST_EXPONENT)
    lowest = highest = crossing(short, least, most)
    if (covered(np.maximum(lowest, least) + INTERVAL) >= 0).any():
        highest = np.maximum(crossing(covered, least, most), lowest)
    lowest, highest = (np.where(end > LEAST_EXPONENT, np.exp2(end), 0.0) for end in (lowest, highest))
    # A good that somebody wants at every price, or of which there is none, has no highest price.
    unbounded = ~(highest < np.exp2(MOST_EXPONENT - 1)) | (supply <= 0)
    lowest = np.where(supply > 0, lowest, 0.0)
    highest = np.maximum(np.where(unbounded, lowest, highest), lowest)
    match rule:
        case PriceRule.LOWEST:
            price = lowest
        case PriceRule.MIDPOINT:
            price = 0.5 * lowest + 0.5 * highest
        case PriceRule.HIGHEST:
            price = highest
    return _shared_out(schedules, price, lowest, highest)


def _shared_out(schedules: Schedules, price: FloatArray, lowest: FloatArray, highest: FloatArray) -> CallOutcome:
    supply = schedules.supply
    # Above the price of a free good everything that is wanted at vanishing prices is wanted.
    above = schedules.at(np.maximum(price * JUST_ABOVE, np.exp2(LEAST_EXPONENT)))
    below = np.maximum(schedules.at(price * JUST_BELOW), above)
    short, tied = supply - above.sum(axis=-2), (below - above).sum(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(tied > 0, np.clip(short / tied, 0, 1), 0.0)
    bundles = above + share[..., None, :] * (below - above)
    # Of what is wanted on a whole interval of prices sums are rounded: the rounding is nobody's.
    total = bundles.sum(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        fit = np.where((total > 0) & (np.abs(total - supply) <= 4 * ROUNDING * supply), supply / total, 1.0)
    bundles = bundles * fit[..., None, :]
    change = bundles - schedules.owned
    paid = -(price[..., None, :] * change).sum(axis=-1, keepdims=True)
    disposed = np.maximum(supply - bundles.sum(axis=-2), 0.0)
    return CallOutcome(price, lowest, highest, np.concatenate((change, paid), axis=-1), disposed)


def clear_reports(economy: Economy, reports: IntegerArray, rule: PriceRule = PriceRule.MIDPOINT) -> CallOutcome:
    """Return how the call market ends if everybody submits the schedule of its reported type, ``(P, N)``.

    What traders own is what the reported types own. Net trades are those of the reported types.

    Raises:
        UnclearedMarketError: money binds for several goods together, and no equilibrium within budgets is known.
    """
    economy_rows = economy.rows(reports)
    traders, owned = economy.valuations.select(economy_rows), economy.endowments(reports)
    if economy.valuations.separable:
        found = clear(TypeSchedules(traders, owned[..., :-1], owned[..., -1]), rule)
        if (found.net_trades[..., -1] >= -owned[..., -1] - DEBT_TOLERANCE * np.abs(found.net_trades[..., -1])).all():
            return found
    return _walras(economy, reports, rule)


def _walras(economy: Economy, reports: IntegerArray, rule: PriceRule) -> CallOutcome:
    """Clear schedules over price vectors, within budgets."""
    flat = reports.reshape(-1, reports.shape[-1])
    efficient = efficient_allocation(economy, flat)
    owned = economy.endowments(flat)
    found = walrasian_equilibrium(economy, efficient)
    if found.obstacle:
        raise UnclearedMarketError(f"the call market does not clear: {found.obstacle}")
    simple = np.array([kind is Equilibrium.EFFICIENT for kind in found.kind])
    highest = found.price[:, :-1]
    lowest = np.where(simple[:, None], np.minimum(efficient.lowest_price[:, :-1], highest), highest)
    weight = {PriceRule.LOWEST: 0.0, PriceRule.MIDPOINT: 0.5, PriceRule.HIGHEST: 1.0}[rule]
    price = lowest + weight * (highest - lowest)
    change = found.bundles - owned[..., :-1]
    paid = -(price[:, None, :] * change).sum(axis=-1, keepdims=True)
    net = np.concatenate((change, paid), axis=-1)
    disposed = np.maximum(-change.sum(axis=-2), 0.0)
    shape = reports.shape[:-1]
    return CallOutcome(*(array.reshape(*shape, *array.shape[1:]) for array in (price, lowest, highest, net, disposed)))
