r"""What three members who quote the same odd prices enjoy at most, if one of them sells to pay what it owes.

Whoever owes more than all its money lives only where it sells some good at a dear price. At that price a member that
is granted nothing can buy no more of the good than what it sells of another pays for. Of another, too, the debtor can
buy no more. So what they trade with each other is far from what would suit them. ``docs/collusion.md``, Theorem 27, has
the proof. Bounds follow from any multipliers, so that no answer of a solver is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies.economy import Economy

HALVINGS = 8
"""In so many steps the case is split where both parts leave about as much."""


@dataclass(frozen=True)
class Limit:
    """A limit on what members buy of each other.

    Attributes:
        weights: of what each buys of each good, ``(S, G)``; in sum they limit it.
        amount: to which.
    """

    weights: FloatArray
    amount: float = 0.0


@dataclass(frozen=True, eq=False)
class Owners:
    """Members who share what they own.

    Attributes:
        economy: that they are of.
        rows: of their types in tables over types, ``(S,)``.
        owned: what they own, ``(S, L)``, units.
        alone: what they enjoy of it in sum, numeraire.
        price: from which the search begins, ``(G,)``, numeraire per unit.
    """

    economy: Economy
    rows: IntegerArray
    owned: FloatArray
    alone: float
    price: FloatArray

    def most(self, limits: Sequence[Limit]) -> tuple[float, FloatArray]:
        """Return a bound on what they enjoy together within limits, numeraire, and what each limit is worth in it.

        Whoever pays ``prices`` for what it has beyond its own enjoys so much, and no more. That is linear in what it
        has, so that it also holds of means.
        """
        bound, reached = self._reached(limits)
        weights = np.array([limit.weights for limit in limits])
        _, worth = _not_negative(reached[: weights.shape[-1]], reached[weights.shape[-1] :], weights)
        return bound(reached)[0], worth

    def multipliers(self, limits: Sequence[Limit]) -> tuple[FloatArray, FloatArray]:
        """Return prices ``(G,)``, and what each limit is worth: the multipliers from which the bound follows."""
        _, reached = self._reached(limits)
        weights = np.array([limit.weights for limit in limits])
        return _not_negative(reached[: weights.shape[-1]], reached[weights.shape[-1] :], weights)

    def _reached(self, limits: Sequence[Limit]) -> tuple[Callable[[FloatArray], tuple[float, FloatArray]], FloatArray]:
        """Return the bound as a function of multipliers, ``(G + limits,)``, and where the search for the least ends."""
        goods, supply = self.owned[:, :-1], self.owned[:, :-1].sum(axis=0)
        traders = self.economy.valuations.select(self.rows)
        reference = self.economy.reference_goods[self.rows]
        weights = np.array([limit.weights for limit in limits])
        amounts = np.array([limit.amount for limit in limits])
        everything = np.broadcast_to(supply, goods.shape)
        # Prices are counted in those that the search begins from, utility in what the goods are worth at these.
        usual = np.where(self.price > 0.0, self.price, 1.0)
        dear = [float((usual / np.where(row > 0.0, row, np.inf)).max()) for row in weights]
        units, unit = np.append(usual, dear), float(usual @ supply)

        def bound(numbers: FloatArray) -> tuple[float, FloatArray]:
            price, worth = _not_negative(numbers[: len(supply)], numbers[len(supply) :], weights)
            prices = price + np.tensordot(worth, weights, 1)
            gained = traders.indirect_gain(reference, prices, everything) + (prices * (goods - reference)).sum(axis=-1)
            idle = goods - np.minimum(traders.demand(prices), everything)
            slope = np.append(idle.sum(axis=0), (weights * idle).sum(axis=(1, 2)) + amounts)
            return self.alone + float(gained.sum() + worth @ amounts), slope

        def counted(numbers: FloatArray) -> tuple[float, FloatArray]:
            value, slope = bound(units * numbers)
            return value / unit, units * slope / unit

        start = np.append(self.price, np.zeros(len(limits))) / units
        found = minimize(counted, start, method="L-BFGS-B", jac=True, bounds=[(0.0, None)] * len(start))
        return bound, units * found.x


def _not_negative(price: FloatArray, worth: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return prices, ``(G,)``, and what limits are worth, scaled so that nobody faces a negative price."""
    falls = np.tensordot(worth, np.maximum(-weights, 0.0), 1)
    least = np.divide(np.broadcast_to(price, falls.shape), falls, out=np.ones_like(falls), where=falls > 0.0)
    return price, worth * min(1.0, float(least.min()))


@dataclass(frozen=True)
class DearSale:
    """What members enjoy at most where one sells to pay what it owes, and another is granted little.

    Attributes:
        enjoyed: by all, numeraire, if the other enjoys what it owns, or more.
        lenient: how much more for each unit of money that the other enjoys less.
    """

    enjoyed: float
    lenient: float = 0.0


def selling(owners: Owners, seller: int) -> float:
    """Return what members enjoy at most if one of them ends with less than it owns of some good."""
    goods = owners.owned.shape[1] - 1
    return max(owners.most([_of(owners, seller, good)])[0] for good in range(goods))


def selling_dear(
    owners: Owners, seller: int, other: int, owes: float, granted: float, gradient: FloatArray
) -> DearSale:
    """Return what members enjoy at most where one sells at a dear price, and another is granted little.

    Args:
        owners: all of them.
        seller: place of the one that owes more than its money.
        other: place of the one that is granted little.
        owes: at least how much more than its money the seller owes.
        granted: at most what the other is granted.
        gradient: of the other's concave valuation at what it owns, ``(G,)``.
    """
    goods = owners.owned.shape[1] - 1
    cases = [case for good in range(goods) for case in _cases(owners, seller, other, good, owes, granted, gradient)]
    return DearSale(max(case.enjoyed for case in cases), max(case.lenient for case in cases))


def _cases(
    owners: Owners, seller: int, other: int, good: int, owes: float, granted: float, gradient: FloatArray
) -> list[DearSale]:
    """Return what members enjoy at most if it is this good that is sold, case by case."""
    sold, goods = _of(owners, seller, good), owners.owned.shape[1] - 1
    owned = float(owners.owned[seller, good])
    paid = owes - owned * float(gradient[good])
    if goods > 1 + 1 or paid <= 0.0:
        return [DearSale(owners.most([sold])[0])]
    share = owned / paid
    bought = _of(owners, other, good)
    paid_for = Limit(bought.weights, share * granted)
    cases = [DearSale(owners.most([sold, bought])[0]), _lent(owners, [sold, paid_for], share)]
    if goods == 1:
        return cases
    second = 1 - good
    weights = bought.weights.copy()
    weights[other, second] = -share * gradient[second]
    cases.append(_lent(owners, [sold, Limit(weights, share * granted)], share))
    cases.append(DearSale(owners.most([sold, _of(owners, seller, second)])[0]))
    exchanged = owned * float(owners.owned[other, second])
    least, most = 0.0, float(owners.owned[:, second].sum())
    split = np.inf
    for _ in range(HALVINGS):
        middle = (least + most) / 2.0
        little = owners.most([sold, Limit(_of(owners, seller, second).weights, middle)])[0]
        rest = owners.most([sold, Limit(bought.weights, exchanged / middle)])[0]
        split = min(split, max(little, rest))
        least, most = (middle, most) if little < rest else (least, middle)
    return [*cases, DearSale(split)]


def _lent(owners: Owners, limits: list[Limit], share: float) -> DearSale:
    """Return what members enjoy at most within limits, of which the last grows by a share of what the other lacks."""
    enjoyed, worth = owners.most(limits)
    return DearSale(enjoyed, share * float(worth[-1]))


def _of(owners: Owners, member: int, good: int) -> Limit:
    """Return the limit that a member buys nothing of a good."""
    weights = np.zeros((len(owners.owned), owners.owned.shape[1] - 1))
    weights[member, good] = 1.0
    return Limit(weights)
