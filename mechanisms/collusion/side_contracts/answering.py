r"""Agreements of two that are kept because of what each orders when the other quotes otherwise than it was told.

Where the dearer of two quotes is paid and the cheaper received, orders bind at any quotes. Of two members one, the
buyer, is given more than the other, the seller, owns. In some draws they trade with each other at a dear price, at
which the seller pays that back with what it owns; in the others the buyer quotes the contract's price and buys of the
outsiders with it, while the seller is bankrupt. The seller cannot tell which it is. The buyer can; but where it is to
let the seller live it does not know how much money the seller orders of it should it quote otherwise, and would be
bankrupt with it, but for one guess. ``docs/collusion.md``, Theorem 16, has the proof. The construction is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from math import ceil, floor, log2

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.side_contracts.side_contract import Answers
from marketgame.mechanisms.deviations.situation import JointAction, Situation
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Timing,
    Withholding,
)

PAIR = 2

PRICE_BITS, AMOUNT_BITS = 20, 32
"""Prices and amounts are so many bits long, so that what is paid is known without rounding."""

MOST_GUESSES = 64
"""No agreement has the buyer guess among more orders than these."""

DEBTS = (1.001, 1.05, 1.25, 1.5, 2.0, 3.0)
"""What the seller comes to owe, in multiples of what it is worth."""

NO_TRANSFER = 1e-9
"""What the contract grants a member that owes nothing is less than this share of what is at stake."""

LEFT = 1e-13
"""Outsiders keep this share of what is bought of them, so that rounding does not make them short."""


@dataclass(frozen=True, eq=False)
class Answering:
    """A lottery over plans.

    Attributes:
        actions: what is played, a batch, ``(B,)``.
        probability: of each, ``(B,)``.
        answers: what members are told.
    """

    actions: JointAction
    probability: FloatArray
    answers: Answers


def answering_agreements(situation: Situation) -> Iterator[Answering]:
    """Yield agreements of two that answer quotes, where the rules and what the two own admit them."""
    one_good = situation.supply.shape[-1] == 1 + 1
    if not (
        _admit(situation.rules) and one_good and len(situation.coalition) == PAIR and len(situation.probability) == 1
    ):
        return
    granted = np.abs(situation.prescribed.transfers[0, situation.members])
    if not len(situation.outsiders) or (granted > NO_TRANSFER * situation.stake).any():
        return
    for buyer, seller in permutations(range(2)):
        for times in DEBTS:
            found = _agreed(situation, buyer, seller, times)
            if found is not None:
                yield found


def _admit(rules: MarketRules) -> bool:
    return (
        rules.pricing is Pricing.SPREAD
        and rules.solvency is Solvency.NO_SHORT_SALES
        and rules.bankruptcy is Bankruptcy.UNWIND
        and rules.coverage is Coverage.UNLIMITED
        and rules.withholding is Withholding.WASTED
        and rules.timing is Timing.PRICES_FIRST
        and rules.execution is Execution.UNILATERAL
        and rules.refusal is Refusal.FREE
    )


@dataclass(frozen=True)
class _Terms:
    """What two members agree on.

    Attributes:
        buyer: place of the member that is given what the other owes.
        seller: place of the other.
        dear: price at which they trade with each other, numeraire per unit.
        sold: what the seller then sells, units.
        owes: what it owes, numeraire.
        guesses: among how many orders the buyer would have to guess.
        apart: how far these are from each other, numeraire.
        alive: how likely it is that the seller lives.
    """

    buyer: int
    seller: int
    dear: float
    sold: float
    owes: float
    guesses: int
    apart: float
    alive: float


def _agreed(situation: Situation, buyer: int, seller: int, times: float) -> Answering | None:
    """Return the agreement in which the seller owes so many times what it is worth; none if it would not be kept."""
    members, owned = situation.members, situation.endowments[0]
    usual = situation.obedient_play.allocation[0]
    (own, its), likes = owned[members[[buyer, seller]]], [_valuation(situation, place) for place in (buyer, seller)]
    price = situation.prescribed.quotes[0, members[buyer]]
    sold, owes = _rounded(its[0], AMOUNT_BITS), _rounded(times * float(its @ price), PRICE_BITS)
    dear = _rounded(float(likes[0].gradient(np.array([own[0] + sold]))[0]), PRICE_BITS)
    paid = dear * sold - owes
    rest = owned[situation.outsiders].sum(axis=0) - (usual[members[buyer]] + np.array([0.0, owes]) - own)
    if dear <= price[0] or float(likes[1].gradient(np.zeros(1))[0]) > dear or not -its[1] < paid <= own[1]:
        return None
    obeying = [_enjoyed(one, usual[members[place]]) for one, place in zip(likes, (buyer, seller), strict=True)]
    alive = _enjoyed(likes[0], own + np.array([sold, -paid])), _enjoyed(likes[1], its + np.array([-sold, paid]))
    if alive[1] <= obeying[1] or alive[0] <= 0.0 or (rest < 0.0).any():
        return None
    least, most = obeying[1] / alive[1], min(owes / (owes + obeying[0] - alive[0]), 1.0)
    guesses = ceil((obeying[0] + owes) / alive[0]) + 1
    if least >= most or guesses > MOST_GUESSES:
        return None
    apart = 2.0 ** ceil(np.log2(2.0 * (dear * own[0] + own[1] + owes)))
    return _drawn(situation, _Terms(buyer, seller, dear, sold, owes, guesses, apart, (least + most) / 2.0), rest)


def _drawn(situation: Situation, terms: _Terms, rest: FloatArray) -> Answering:
    """Return the draws: for every order that the buyer may have to guess, the seller lives or does not."""
    told, members, outsiders = situation.prescribed, situation.members, situation.outsiders
    buyer, seller = terms.buyer, terms.seller
    owned, usual = situation.endowments[0], told.quotes[0, members]
    undone = np.zeros_like(told.orders[0, members])
    undone[:, outsiders] = told.orders[0][outsiders][:, members].swapaxes(0, 1)
    among = told.orders[0][outsiders][:, outsiders]
    held = owned[outsiders] + (among - among.swapaxes(0, 1)).sum(axis=1)
    # Each is left what it can pay for: a share of the rest as large as its wealth.
    wealth = owned[outsiders] @ usual[0] + told.transfers[0, outsiders]
    shares = wealth / wealth.sum()
    bought = (1.0 - LEFT) * (held - shares[:, None] * rest)
    quotes, orders, otherwise, numbers = [], [], [], []
    for guess in range(terms.guesses):
        demand = np.array([0.0, terms.apart * (guess + 1)])
        for lives in (True, False):
            quoted, ordered, other = usual.copy(), undone.copy(), undone.copy()
            quoted[seller, 0] = terms.dear
            other[seller, members[buyer]] = demand
            if lives:
                quoted[buyer, 0] = terms.dear
                ordered[seller, members[buyer]] = -terms.sold, terms.dear * terms.sold - terms.owes
            else:
                ordered[buyer, outsiders] += bought
                ordered[[buyer, seller], members[[seller, buyer]]] = demand
                other[buyer] = ordered[buyer]
            quotes.append(quoted)
            orders.append(ordered)
            otherwise.append(other)
            plan = [guess, guess]
            plan[buyer] = 0 if lives else guess + 1
            numbers.append(tuple(plan))
    side = np.zeros(2)
    side[buyer], side[seller] = terms.owes, -terms.owes
    count = 2 * terms.guesses
    actions = JointAction(
        np.array(quotes),
        np.array(orders),
        np.broadcast_to(owned[members], (count, *owned[members].shape)),
        np.broadcast_to(side, (count, 2)),
    )
    probability = np.tile([terms.alive, 1.0 - terms.alive], terms.guesses) / terms.guesses
    return Answering(actions, probability, Answers(tuple(numbers), np.array(otherwise)))


def _valuation(situation: Situation, place: int) -> Valuation:
    economy = situation.economy
    found: Valuation = economy.valuations.valuations[int(economy.rows(situation.profiles[0])[situation.members[place]])]
    return found


def _enjoyed(valuation: Valuation, bundle: FloatArray) -> float:
    """Return the utility of a bundle, counted from that of nothing, numeraire."""
    return float(valuation.value(bundle[:1]) - valuation.value(np.zeros(1)) + bundle[1])


def _rounded(number: float, bits: int) -> float:
    """Return the largest number of so many bits that is no larger."""
    if number <= 0.0:
        return 0.0
    unit = 2.0 ** (floor(log2(number)) + 1 - bits)
    return unit * floor(number / unit)
