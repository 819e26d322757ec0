r"""A joint action that two members agree on and neither would break: money kept back from outsiders.

Where orders are matched and may be refused, outsiders get what members order for them and no more. Nobody is short of
anything if it is paid less; only the members' own budgets stand in the way, which give them no more than they pay for.
Where each pays what its counterparty quotes, those are met by the trade between the two: member i, who is to sell
partner j some of a good, quotes it low. It is credited j's quote, the contract's price, and j pays the low one, so that
the two may have more money in sum by the difference. If i is to buy, it quotes too high. Recommended flows of goods are
all executed. i faces the contract's price everywhere; j cannot buy more at the odd quote than i orders for it. So both
do best by what they are told. ``docs/collusion.md``, Theorem 19, has the proof. The construction is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import permutations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.deviations.situation import JointAction, Situation, admissible, stacked
from marketgame.mechanisms.market_game.rules import Execution, Pricing, Refusal

OF_PAYMENTS = 0.5
"""This share of what is to be paid to outsiders is kept back at most."""

OF_PRICES = 0.5
"""Quotes are off by this share of the price at most."""

GIVEN = 0.5
"""This share of what is kept back is for the member who misquotes."""

SPARE = 1e-12
"""Quotes are off by this share more, which is the partner's for rounding."""

LEAST_KEPT = 1e-6
"""Members consume more than this share of all there is of what they trade."""

PAIR = 2


def payments_kept_back(situations: Sequence[Situation]) -> Iterator[list[JointAction]]:
    """Yield joint actions of two members who keep back money from outsiders, those that keep back most first.

    Args:
        situations: those among which a member may lead the other to mistake one for another.

    Yields:
        One joint action for each. Nothing where the rules of the market do not admit it, or outsiders may react.
    """
    if not all(map(_fits, situations)):
        return
    found = []
    for places in permutations(range(PAIR)):
        for good in range(len(situations[0].economy.goods) - 1):
            most = min(_most(situation, places, good) for situation in situations)
            if most > 0:
                found.append((-most, places, good))
    for less, places, good in sorted(found):
        actions = [_kept_back(situation, places, good, -less) for situation in situations]
        if all(
            admissible(situation, stacked([action])).all()
            for situation, action in zip(situations, actions, strict=True)
        ):
            yield actions


def _fits(situation: Situation) -> bool:
    rules = situation.rules
    return (
        rules.pricing is Pricing.COUNTERPARTY
        and rules.execution is Execution.MATCHED
        and rules.refusal is Refusal.FREE
        and situation.reaction is None
        and len(situation.coalition) == PAIR
        and len(situation.outsiders) > 0
    )


def _most(situation: Situation, places: tuple[int, ...], good: int) -> float:
    """Return how much can be kept back if a member misquotes a good, at the quote that is then needed, numeraire."""
    told, members = situation.prescribed, situation.members
    misquoter, partner = members[list(places)]
    traded = float(told.orders[0, misquoter, partner, good])
    # Who is to end with none of a good would rather refuse what it is to buy of it.
    buys = (told.orders[0, members] > 0).any(axis=1)[:, :-1]
    kept = situation.obedient_play.claim[0, members, :-1]
    if (buys & (kept <= LEAST_KEPT * situation.supply[0, :-1])).any():
        return 0.0
    payments = float(_payments(situation).sum())
    return min(OF_PAYMENTS * payments, OF_PRICES * float(told.quotes[0, partner, good]) * abs(traded))


def _payments(situation: Situation) -> FloatArray:
    """Return what each member is to pay to each outsider, ``(S, N - S)``, numeraire."""
    orders = situation.prescribed.orders[0]
    return np.asarray(np.maximum(-orders[np.ix_(situation.members, situation.outsiders)][..., -1], 0.0))


def _kept_back(situation: Situation, places: tuple[int, ...], good: int, amount: float) -> JointAction:
    """Return the joint action by which so much is kept back, with a member's quote of a good that makes up for it."""
    told, members = situation.prescribed, situation.members
    i, j = (int(members[place]) for place in places)
    quotes, orders = told.quotes[0].copy(), told.orders[0].copy()
    traded = float(orders[i, j, good])
    quotes[i, good] += amount * (1.0 + SPARE) / traded
    payments = _payments(situation)
    orders[np.ix_(members, situation.outsiders, [-1])] += (amount / payments.sum() * payments)[..., None]
    side = np.zeros(PAIR)
    side[list(places)] = GIVEN * amount, -GIVEN * amount
    granted = min(
        Fraction(float(told.transfers[0, i])) + Fraction(float(side[places[0]])),
        Fraction(float(told.transfers[0, i] + side[places[0]])),
    )
    others = [player for player in range(len(quotes)) if player != i]
    # All that the misquoter is granted beyond what its other trades cost it is money from its partner.
    orders[i, j, -1] = 0.0
    cost = sum(
        (
            Fraction(float(quote)) * Fraction(float(flow))
            for other in others
            for quote, flow in zip(quotes[other], orders[i, other], strict=True)
        ),
        Fraction(0),
    )
    money = float(granted - cost)
    orders[i, j, -1] = np.nextafter(money, -np.inf)
    orders[j, i, -1] = -orders[i, j, -1]
    return JointAction(quotes[members], orders[members], told.announced_endowments[0, members], side)
