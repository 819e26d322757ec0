r"""A joint action that two members agree on and neither would break: goods that go round, and a quote off by a hair.

Where each pays what its counterparty quotes and trades with the bankrupt are cancelled, member i, who sells some of a
good under the contract, quotes it a little below the contract's price. Outsiders sell it a great quantity A of the
good, of which it resells all that it does not keep to its partner j, and j sells outsiders theirs back. Nobody holds
more or less of the good for it. But outsiders are credited the low quote for what they sold and pay the price for what
they get back, and j the other way round: what outsiders thus owe they pay in money, which j takes from them and can pay
for. If i buys some of the good, it quotes a little above the price, and the good goes round the other way.

Member i faces the contract's price everywhere, and nothing is better than what it wants at it. Member j faces one odd
quote, off by a hair; it already trades at it nearly all that can be traded, so that it gains next to nothing by trading
the rest too. What either gains is what is taken from outsiders, and what it is given of that. So where a member may
lead the other to mistake one case for another, the members have the same parts in both, and take and give as much:
then a false report is worth nothing either, whatever its teller does next. ``docs/collusion.md``, Theorem 12, has the
proof. The construction is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import permutations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.deviations.situation import JointAction, Situation, admissible, stacked
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.market_game.rules import Bankruptcy, Execution, Pricing, Refusal, Solvency

HAIR = 1.5e-9
"""By this share a quote is off; quotes that differ by less than a billionth are one (`contracts.canonical`)."""

TAKEN = (0.5, 1.0 / 16.0)
"""These shares of their money are taken from outsiders."""

GIVEN = 1.0 / 16.0
"""This share of what is taken is for the member who misquotes."""

MOST_BESIDES = 0.9 * GAIN_TOLERANCE
"""What the partner could gain besides is less than this share of what is at stake for it, and does not count."""

LEAST_KEPT = 1e-4
"""Members keep more than this share of all there is of the good that goes round."""

PAIR = 2


def circulations(situations: Sequence[Situation]) -> Iterator[list[JointAction]]:
    """Yield joint actions of two members in which a good goes round, those that take most first.

    Args:
        situations: those among which a member may lead the other to mistake one for another.

    Yields:
        One joint action for each. Nothing where the rules of the market do not admit it, where outsiders may react, or
        where members do not know what outsiders order.
    """
    if not all(map(_fits, situations)):
        return
    money: FloatArray = np.stack([one.obedient_play.claim[0, :, -1] for one in situations]).min(axis=0)
    money[situations[0].members] = 0.0
    for share in TAKEN:
        found = []
        for places in permutations(range(PAIR)):
            for good in range(len(situations[0].economy.goods) - 1):
                besides = [_besides(situation, places, good, share * money) for situation in situations]
                if max(besides) < MOST_BESIDES:
                    found.append((max(besides), places, good))
        for _, places, good in sorted(found):
            actions = [_circulating(situation, places, good, share * money) for situation in situations]
            carried_out = [
                action
                for action, situation in zip(actions, situations, strict=True)
                if action is not None and admissible(situation, stacked([action])).all()
            ]
            if len(carried_out) == len(situations):
                yield carried_out


def _fits(situation: Situation) -> bool:
    rules = situation.rules
    return (
        rules.pricing is Pricing.COUNTERPARTY
        and rules.solvency is Solvency.NO_SHORT_SALES
        and rules.bankruptcy is Bankruptcy.UNWIND
        and rules.execution is Execution.UNILATERAL
        and rules.refusal is Refusal.FREE
        and len(situation.probability) == 1
        and situation.reaction is None
        and len(situation.coalition) == PAIR
        and len(situation.outsiders) > 0
    )


def _besides(situation: Situation, places: tuple[int, ...], good: int, taken: FloatArray) -> float:
    """Return what the partner could gain besides, as a share of what is at stake for it; infinite if good is no use."""
    kept, members = situation.obedient_play.claim[0], situation.members
    price = float(situation.prescribed.quotes[0, situation.outsiders[0], good])
    misquoter, partner = members[list(places)]
    # Whoever keeps none, or next to none, minds what rounding leaves it with.
    interior = bool((kept[members, good] > LEAST_KEPT * situation.supply[0, good]).all())
    sold = _sold(situation, misquoter, good)
    if price <= 0 or sold == 0 or not interior:
        return np.inf
    # What the misquoter keeps could be bought of it cheaply too, or what others keep sold to it dearly.
    amount = kept[misquoter, good] if sold > 0 else situation.supply[0, good] - kept[misquoter, good]
    at_stake = float(situation.stakes[partner]) + (1.0 - GIVEN) * float(taken.sum())
    return float(HAIR * price * amount) / at_stake


def _sold(situation: Situation, member: int, good: int) -> float:
    """Return what a member sells of a good if all obey, units."""
    announced = situation.prescribed.announced_endowments[0, member, good]
    return float(announced - situation.obedient_play.claim[0, member, good])


def _circulating(situation: Situation, places: tuple[int, ...], good: int, taken: FloatArray) -> JointAction | None:
    """Return the joint action in which a good goes round that a member quotes too low if it sells it, else too dear.

    Args:
        situation: what the members face.
        places: of the misquoter and its partner.
        good: that goes round.
        taken: from each outsider, ``(N,)``, numeraire.

    Returns:
        The joint action; none if quotes are too rough.
    """
    told, members = situation.prescribed, situation.members
    i, j = (int(members[place]) for place in places)
    quotes, z, transfers = told.quotes[0].copy(), told.orders[0].copy(), told.transfers[0]
    price = Fraction(float(quotes[j, good]))
    quotes[i, good] *= 1.0 + HAIR if _sold(situation, i, good) < 0 else 1.0 - HAIR
    hair = price - Fraction(float(quotes[i, good]))
    if hair == 0:
        return None
    before = _Flows(told.quotes[0], told.orders[0])
    after = _Flows(quotes, z)
    traded = sum((before.net(i, k, good) for k in range(len(z)) if k != i), Fraction(0))
    money = situation.obedient_play.claim[0, :, -1]
    for o in situation.outsiders.tolist():
        after.let(i, o, good, Fraction(float(taken[o])) / hair)
        # What was rounded is in the outsider's favour, who must not be short.
        after.let(j, o, good, before.net(j, o, good) + before.net(i, o, good) - after.net(i, o, good), down=True)
    bought = sum((after.net(i, o, good) for o in situation.outsiders.tolist()), Fraction(0))
    after.let(i, j, good, traded - bought, up=True)
    for o in situation.outsiders.tolist():
        beyond = after.cost(o) - Fraction(float(transfers[o]))
        if beyond > 0:
            after.let(j, o, -1, after.net(j, o, -1) + beyond, up=True)
    given = GIVEN * float(taken.sum())
    side = np.zeros(PAIR)
    side[list(places)] = given, -given
    granted = [
        min(Fraction(float(transfers[k])) + Fraction(s), Fraction(float(transfers[k] + s)))
        for k, s in ((i, given), (j, -given))
    ]
    after.let(i, j, -1, after.net(i, j, -1) + granted[0] - after.cost(i), down=True)
    richest = int(situation.outsiders[int(money[situation.outsiders].argmax())])
    after.let(j, richest, -1, after.net(j, richest, -1) + granted[1] - after.cost(j), down=True)
    return JointAction(quotes[members], z[members], told.announced_endowments[0, members], side)


class _Flows:
    """What flows between players who order so much, exactly, while members' orders are changed.

    Attributes:
        quotes: ``(N, L)``, numeraire per unit.
        orders: ``(N, N, L)``, units; changed in place.
    """

    def __init__(self, quotes: FloatArray, orders: FloatArray) -> None:
        self.quotes, self.orders = quotes, orders

    def net(self, one: int, other: int, good: int) -> Fraction:
        """Return what flows of a good to one player from another, units."""
        return Fraction(float(self.orders[one, other, good])) - Fraction(float(self.orders[other, one, good]))

    def let(self, one: int, other: int, good: int, amount: Fraction, *, up: bool = False, down: bool = False) -> None:
        """Let one player order so that an amount flows to it, rounded as is said."""
        wanted = amount + Fraction(float(self.orders[other, one, good]))
        order = float(wanted)
        if up and Fraction(order) < wanted:
            order = float(np.nextafter(order, np.inf))
        if down and Fraction(order) > wanted:
            order = float(np.nextafter(order, -np.inf))
        self.orders[one, other, good] = order

    def cost(self, player: int) -> Fraction:
        """Return what all that flows to a player costs it, at its counterparties' quotes, numeraire."""
        total = Fraction(0)
        for other in range(len(self.quotes)):
            if other != player:
                for good, quote in enumerate(self.quotes[other].tolist()):
                    total += Fraction(quote) * self.net(player, other, good)
        return total
