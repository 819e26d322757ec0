"""That money suffices at every profile, though these are too many to list: premises that need no list.

Bounds follow from the prices between which all profiles clear (:mod:`marketgame.mechanisms.contracts.money_left`).
Where these are not known, whoever pays supporting prices still never pays more for goods than they are worth to it
beyond what it owns, which is bounded in rational numbers.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.plain.contract import surplus
from marketgame.mechanisms.certificates.plain.instance import Checked, Instance
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.money_left import MoneyLeft
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.price_range import price_range


def money_is_left(instance: Instance) -> Checked:
    """Return whether everybody is left with some money, whatever types there are and whatever is drawn."""
    least = _left(instance).least
    if least is None and instance.transfers_given is TransferRule.NONE:
        least = instance.economy.endowment_table[:, -1] - _most_gained(instance.economy)
    return _enough("money left to anybody, at any profile", least)


def takings_are_covered(instance: Instance) -> Checked:
    """Return whether everybody announces the money that may be taken from it."""
    taken = _left(instance).most_taken
    owned = instance.economy.endowment_table[:, -1]
    return _enough("money announced beyond what is taken, at any profile", None if taken is None else owned - taken)


def _left(instance: Instance) -> MoneyLeft:
    economy, rule = instance.economy, instance.transfers_given
    externalities = sampled(economy).externalities if rule is TransferRule.EXPECTED_EXTERNALITY else None
    return MoneyLeft(economy, rule, price_range(economy), *instance.standing_for_all, externalities)


def _enough(about: str, left: FloatArray | None) -> Checked:
    if left is None or not np.isfinite(left).all():
        return Checked(about, "not known", holds=False)
    least = float(left.min())
    return Checked(about, "at least as much as is said", least >= 0, Fraction(least), Fraction(np.abs(left).max()))


def _most_gained(economy: Economy) -> FloatArray:
    """Return what each type could gain of all goods there may be, ``(types of all players,)``, numeraire."""
    goods, found = economy.endowment_table[:, :-1], []
    limit = exact(np.maximum.reduceat(goods, economy.first_rows, axis=0).sum(axis=0))
    free = [NOTHING for _ in limit]
    for kind in (kind for player in economy.players for kind in player.types):
        with np.errstate(all="ignore"):
            wanted = kind.valuation.demand(np.zeros(len(limit)))
        near = [
            min(max(Fraction(float(want)), NOTHING), most) if np.isfinite(want) else most
            for want, most in zip(wanted, limit, strict=True)
        ]
        best, owned = surplus(kind.valuation, free, limit, near), exact(kind.endowment[:-1])
        found.append(np.inf if best is None else float(best - kind.valuation.exact_value(owned)))
    return np.array(found)
