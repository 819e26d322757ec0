r"""A joint action that two members agree on and neither would break: goods that go round, and a quote off by a hair.

Where each pays what its counterparty quotes and trades with the bankrupt are cancelled, member i, who sells some of a
good under the contract, quotes it a little below the contract's price. Outsiders sell it a great quantity A of the
good, of which it resells all that it does not keep to its partner j, and j sells outsiders theirs back. Nobody holds
more or less of the good for it. But outsiders are credited the low quote for what they sold and pay the price for what
they get back, and j the other way round: what outsiders thus owe they pay in money, which j takes from them and can pay
for. If i buys some of the good, it quotes a little above the price, and the good goes round the other way.

Member i faces the contract's price everywhere, and nothing is better than what it wants at it. Member j faces one odd
quote, off by a hair; it already trades at it nearly all that can be traded, so that it gains next to nothing by trading
the rest too. ``docs/collusion.md``, Theorem 12, has the proof. The construction is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
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


def circulations(situation: Situation) -> Iterator[JointAction]:
    """Yield joint actions of two members in which a good goes round, those that take most first.

    Nothing where the rules of the market do not admit it, where outsiders may react, or where members do not know what
    outsiders order.
    """
    rules = situation.rules
    fits = (
        rules.pricing is Pricing.COUNTERPARTY
        and rules.solvency is Solvency.NO_SHORT_SALES
        and rules.bankruptcy is Bankruptcy.UNWIND
        and rules.execution is Execution.UNILATERAL
        and rules.refusal is Refusal.FREE
    )
    one_draw = len(situation.probability) == 1 and situation.reaction is None
    if not (fits and one_draw and len(situation.coalition) == PAIR and len(situation.outsiders)):
        return
    kept = situation.obedient_play.claim[0]
    price = situation.prescribed.quotes[0, situation.outsiders[0]]
    members = situation.members
    for share in TAKEN:
        found = []
        for misquoter, partner in permutations(range(PAIR)):
            for good in np.flatnonzero(price[:-1] > 0).tolist():
                member = members[misquoter]
                sold = float(situation.prescribed.announced_endowments[0, member, good] - kept[member, good])
                # What the misquoter keeps could be bought of it cheaply too, or what others keep sold to it dearly.
                amount = kept[member, good] if sold > 0 else situation.supply[0, good] - kept[member, good]
                besides = float(HAIR * price[good] * amount)
                taken = (1.0 - GIVEN) * share * float(kept[situation.outsiders, -1].sum())
                at_stake = float(situation.stakes[members[partner]]) + taken
                # Whoever keeps none, or next to none, minds what rounding leaves it with.
                interior = bool((kept[members, good] > LEAST_KEPT * situation.supply[0, good]).all())
                if sold != 0 and interior and besides < MOST_BESIDES * at_stake:
                    found.append((besides / at_stake, (misquoter, partner), good, sold < 0))
        for _, places, good, dear in sorted(found):
            action = _circulating(situation, places, good, share, dear=dear)
            if action is not None and admissible(situation, stacked([action])).all():
                yield action


def _circulating(
    situation: Situation, places: tuple[int, int], good: int, share: float, *, dear: bool
) -> JointAction | None:
    """Return the joint action in which a good goes round, quoted too dear or too low; none if quotes are too rough."""
    told, members = situation.prescribed, situation.members
    i, j = (int(members[place]) for place in places)
    quotes, z, transfers = told.quotes[0].copy(), told.orders[0].copy(), told.transfers[0]
    price = Fraction(float(quotes[j, good]))
    quotes[i, good] *= 1.0 + HAIR if dear else 1.0 - HAIR
    hair = price - Fraction(float(quotes[i, good]))
    if hair == 0:
        return None
    before = _Flows(told.quotes[0], told.orders[0])
    after = _Flows(quotes, z)
    traded = sum((before.net(i, k, good) for k in range(len(z)) if k != i), Fraction(0))
    money = situation.obedient_play.claim[0, :, -1]
    for o in situation.outsiders.tolist():
        after.let(i, o, good, Fraction(share * float(money[o])) / hair)
        # What was rounded is in the outsider's favour, who must not be short.
        after.let(j, o, good, before.net(j, o, good) + before.net(i, o, good) - after.net(i, o, good), down=True)
    bought = sum((after.net(i, o, good) for o in situation.outsiders.tolist()), Fraction(0))
    after.let(i, j, good, traded - bought, up=True)
    for o in situation.outsiders.tolist():
        beyond = after.cost(o) - Fraction(float(transfers[o]))
        if beyond > 0:
            after.let(j, o, -1, after.net(j, o, -1) + beyond, up=True)
    given = GIVEN * share * float(money[situation.outsiders].sum())
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
