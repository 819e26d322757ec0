r"""Trading posts: one for each good, at which money that is bid meets goods that are offered.

Trader i bids money :math:`b_{ih} \ge 0` for good h and offers :math:`q_{ih} \ge 0` units of it, of what it owns:
:math:`\sum_h b_{ih} \le \omega_{iL}` and :math:`q_{ih} \le \omega_{ih}`. With :math:`B_h` and :math:`Q_h` the sums over
traders, the post's price is :math:`p_h = B_h / Q_h`, and trader i ends with

.. math:: x_{ih} = \omega_{ih} - q_{ih} + b_{ih} / p_h, \qquad
          x_{iL} = \omega_{iL} - \sum_h b_{ih} + \sum_h p_h q_{ih}.

Nobody announces a price, nobody can be unable to pay, and every good and every unit of money ends with somebody. At a
post where only one side shows up nothing is traded. What was sent there is returned, or lost as in the first papers.

Source: Shapley and Shubik (1977), Trade Using One Commodity as a Means of Payment, Journal of Political Economy 85,
937-968, where everything owned is offered; Dubey and Shubik (1978), A Theory of Money and Financial Institutions 28,
Journal of Economic Theory 17, 1-20, where traders choose what they offer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, finite_array

# Bids may exceed the money owned by this share of it: the rounding of their sum.
OWNED_TOLERANCE = 1e-12


class Offering(StrEnum):
    """What traders may offer."""

    CHOSEN = "chosen"
    """Any part of what they own (Dubey and Shubik)."""
    EVERYTHING = "everything"
    """All of it, so that they must buy back what they want to keep (Shapley and Shubik)."""


class OneSided(StrEnum):
    """What becomes of bids for a good that nobody offers, and of offers of a good for which nobody bids."""

    RETURNED = "returned"
    """They go back to whoever sent them."""
    LOST = "lost"
    """They are confiscated: the rule of the first papers, whose price there is zero."""


@dataclass(frozen=True)
class PostRules:
    """The rules of trading posts. Fields accept an enum member or its value."""

    offering: Offering = Offering.CHOSEN
    one_sided: OneSided = OneSided.RETURNED

    def __post_init__(self) -> None:
        object.__setattr__(self, "offering", Offering(self.offering))
        object.__setattr__(self, "one_sided", OneSided(self.one_sided))


@dataclass(frozen=True, eq=False)
class PostOutcome:
    """How trading posts end.

    Attributes:
        price: of the goods beside the numeraire, ``(..., G)``, numeraire per unit; not a number where a post is closed.
        closed: posts at which nothing is traded, ``(..., G)``.
        net_trades: what each trader ends with beyond what it owned, ``(..., N, L)``, units, the numeraire last.
        lost: what was confiscated, ``(..., L)``, units.
    """

    price: FloatArray
    closed: BooleanArray
    net_trades: FloatArray
    lost: FloatArray


def settle_posts(
    bids: FloatArray, offers: FloatArray, endowments: FloatArray, rules: PostRules | None = None
) -> PostOutcome:
    """Return how trading posts end.

    Args:
        bids: money bid for each good beside the numeraire, ``(..., N, G)``, numeraire; nonnegative.
        offers: units offered, ``(..., N, G)``; nonnegative.
        endowments: what traders own, ``(..., N, L)``, units, the numeraire last.
        rules: of the posts.

    Raises:
        ValueError: shapes disagree, something is not finite or negative, more is sent than is owned, or less is offered
            than everything where everything is to be offered.

    Source:
        Shapley and Shubik (1977), section 2; Dubey and Shubik (1978), section 2.
    """
    rules = PostRules() if rules is None else rules
    owned = finite_array("endowments", endowments, (None, None))
    players, goods = owned.shape[-2], owned.shape[-1] - 1
    bids = finite_array("bids", bids, (players, goods))
    offers = finite_array("offers", offers, (players, goods))
    _refuse_inadmissible(bids, offers, owned, rules)
    money, units = bids.sum(axis=-2), offers.sum(axis=-2)
    # A number may be too small to be divided by: what it would buy is nothing that can be told from a closed post.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        price = money / units
        closed = (money <= 0) | (units <= 0) | ~np.isfinite(price) | ~(price > 0)
        price = np.where(closed, np.nan, price)
        bought = units[..., None, :] * (bids / money[..., None, :])
        earned = money[..., None, :] * (offers / units[..., None, :])
    stays = closed[..., None, :]
    if rules.one_sided is OneSided.RETURNED:
        goods_change, money_change = (np.where(stays, 0.0, change) for change in (bought - offers, earned - bids))
        lost = np.zeros((*money.shape[:-1], goods + 1))
    else:
        goods_change = np.where(stays, -offers, bought - offers)
        money_change = np.where(stays, -bids, earned - bids)
        lost = np.concatenate(
            (np.where(closed, units, 0.0), np.where(closed, money, 0.0).sum(axis=-1, keepdims=True)), axis=-1
        )
    net = np.concatenate((goods_change, money_change.sum(axis=-1, keepdims=True)), axis=-1)
    return PostOutcome(price, closed, net, lost)


def _refuse_inadmissible(bids: FloatArray, offers: FloatArray, owned: FloatArray, rules: PostRules) -> None:
    for name, sent in (("bids", bids), ("offers", offers)):
        if (sent < 0).any():
            raise ValueError(f"{name} go down to {sent.min():g}; they must be at least 0")
    over = bids.sum(axis=-1) - owned[..., -1] * (1 + OWNED_TOLERANCE)
    if (over > 0).any():
        raise ValueError(f"somebody bids {over.max():g} more than the money it owns; it must own what it bids")
    if (offers > owned[..., :-1] * (1 + OWNED_TOLERANCE)).any():
        more = (offers - owned[..., :-1]).max()
        raise ValueError(f"somebody offers {more:g} more than the units it owns; it must own what it offers")
    if rules.offering is Offering.EVERYTHING and (offers < owned[..., :-1] * (1 - OWNED_TOLERANCE)).any():
        raise ValueError("somebody offers less than everything it owns; all of it must be offered")
