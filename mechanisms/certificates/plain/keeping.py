r"""What one member of an agreement gains at most by breaking it alone, derived in rational numbers.

Let all others play their parts, and let :math:`c_k` be what k then quotes. Where each pays its counterparty's quote or
trades at worse, what flows to a solvent player j costs it :math:`\sum_k c_k \cdot n_{jk}` or more, so that it is worth

.. math:: p \cdot \sum_k n_{jk} \le y_j + \sum_k (p - c_k) \cdot n_{jk}

at any prices p. Where trades with the bankrupt are cancelled, j buys from k no more than k holds after its trades with
the others, and sells no more than it owns and can buy. ``docs/collusion.md``, Lemma 11. Source: ours.

Of several members :mod:`marketgame.mechanisms.certificates.plain.parts` says the same in sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from marketgame.mechanisms.certificates.plain.contract import PlainContract, surplus
from marketgame.mechanisms.certificates.plain.settlement import NOTHING, PlainPlay
from marketgame.mechanisms.economies.valuation import Bundle
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    Pricing,
    Refusal,
    Solvency,
    Withholding,
)

# A player's own quote makes nothing cheaper that it buys and nothing dearer that it sells.
OTHERS_PRICE = (Pricing.COUNTERPARTY, Pricing.VOID, Pricing.SPREAD)


def most_by_breaking(contract: PlainContract, number: int, play: PlainPlay, member: int) -> Fraction | None:
    """Return what a member's utility cannot exceed if all others play on, at a profile; none if that is not known.

    Args:
        contract: whose prices are used.
        number: of the true profile.
        play: what everybody plays if nobody breaks the agreement.
        member: who may do anything else.
    """
    rules = contract.rules
    if rules.pricing not in OTHERS_PRICE:
        return None
    if rules.execution is Execution.MATCHED and _never_short(contract, number, play, member):
        return _most_by_refusing(contract, number, play, member)
    if (
        rules.solvency is not Solvency.NO_SHORT_SALES
        or rules.execution is not Execution.UNILATERAL
        or rules.refusal is not Refusal.FREE
    ):
        return None
    found, bankrupt = within_wealth(contract, number, play, (member,)), _bankrupt(contract, number, member)
    return None if found is None or bankrupt is None else max(found, bankrupt)


def within_wealth(contract: PlainContract, number: int, play: PlainPlay, members: Sequence[int]) -> Fraction | None:
    """Return what solvent members enjoy at most in sum of what they own and are granted if others play on, if known.

    They gain nothing by trades with each other. Any prices prove a bound: the contract's and those that others quote
    are tried, with tangents at what the contract gives members and at what they want at these prices.
    """
    owned, unwound = contract.holdings(number), contract.rules.bankruptcy is Bankruptcy.UNWIND
    supply = [sum(column, NOTHING) for column in zip(*owned, strict=True)]
    others = [player for player in range(len(owned)) if player not in members]
    prices = {tuple(price): price for price in (contract.price(number), *(play.quotes[one] for one in others))}
    found = []
    for price in prices.values():
        made = _made_of_odd_quotes(contract, number, play, members, price)
        if made and not unwound:
            continue
        bests = [_most_wanted(contract, number, member, price, supply) for member in members]
        wealth = (
            sum((p * own for p, own in zip(price, owned[member], strict=True)), play.transfers[member])
            for member in members
        )
        if None not in bests:
            found.append(made + sum(wealth, NOTHING) + sum((best for best in bests if best is not None), NOTHING))
    return min(found, default=None)


def _most_wanted(contract: PlainContract, number: int, member: int, price: Bundle, supply: Bundle) -> Fraction | None:
    """Return by how much more than it costs at prices a bundle is worth to a member at most; none if not known."""
    valuation = contract.kind(member, number).valuation
    with np.errstate(all="ignore"):
        wanted = valuation.demand(np.array([float(p) for p in price[:-1]]))
    at_prices = [
        min(max(Fraction(float(want)), NOTHING), most) if np.isfinite(want) else most
        for want, most in zip(wanted, supply, strict=False)
    ]
    given = [min(pair) for pair in zip(contract.bundle(member, number), supply, strict=False)]
    bests = (surplus(valuation, price, supply, near) for near in (given, at_prices))
    return min((best for best in bests if best is not None), default=None)


def _never_short(contract: PlainContract, number: int, play: PlainPlay, member: int) -> bool:
    """Say whether a member that matches orders gains nothing by being short: it fails then, or has all that is asked.

    Where what is withheld is wasted it announces all.
    """
    if contract.rules.solvency is Solvency.NO_SHORT_SALES:
        return True
    others = [player for player in range(len(play.quotes)) if player != member]
    return contract.rules.withholding is Withholding.WASTED and all(
        sum((max(play.orders[other][member][good], NOTHING) for other in others), NOTHING) <= own
        for good, own in enumerate(contract.holdings(number)[member])
    )


def _bankrupt(contract: PlainContract, number: int, member: int) -> Fraction | None:
    """Return what a bankrupt member enjoys at most; none if that is not known."""
    rules, owned = contract.rules, contract.holdings(number)[member]
    hides = rules.withholding is Withholding.CONSUMED and rules.coverage is Coverage.UNLIMITED
    nothing = [NOTHING for _ in owned]
    best = surplus(contract.kind(member, number).valuation, nothing, owned if hides else nothing, nothing[:-1])
    return None if best is None else best + (owned[-1] if hides else NOTHING)


def _most_by_refusing(contract: PlainContract, number: int, play: PlainPlay, member: int) -> Fraction | None:
    """Return the same where no more of any good passes between two players than both order.

    By tangents where all that others order is accepted, where nothing is, and where the contract wants it to be: others
    may order what is meant for another type.
    """
    owned, bankrupt = contract.holdings(number)[member], _bankrupt(contract, number, member)
    others = [player for player in range(len(play.quotes)) if player != member]
    flows = [[-amount for amount in play.orders[other][member]] for other in others]
    prices = [play.quotes[other] for other in others]
    accepted = [max(own + sum((flow[good] for flow in flows), NOTHING), NOTHING) for good, own in enumerate(owned[:-1])]
    found = []
    for near in (accepted, owned[:-1], contract.bundle(member, number)):
        enjoyed, gradient = contract.kind(member, number).valuation.exact_tangent(near)
        if any(marginal is None for marginal in gradient):
            continue
        for good, marginal in enumerate(marginal for marginal in gradient if marginal is not None):
            worth = max(marginal, NOTHING)
            enjoyed += worth * (owned[good] - near[good]) + max(-marginal, NOTHING) * near[good]
            gains = ((worth - price[good]) * flow[good] for price, flow in zip(prices, flows, strict=True))
            enjoyed += sum((max(gain, NOTHING) for gain in gains), NOTHING)
        found.append(enjoyed)
    if bankrupt is None or not found:
        return None
    return max(bankrupt, min(found) + owned[-1] + play.transfers[member])


def _made_of_odd_quotes(
    contract: PlainContract, number: int, play: PlainPlay, members: Sequence[int], price: Bundle
) -> Fraction:
    """Return by how much what flows to members can be worth more at prices than it costs, numeraire."""
    owned = contract.holdings(number)
    others = [player for player in range(len(play.quotes)) if player not in members]
    total = NOTHING
    for good, p in enumerate(price):
        own = sum((owned[member][good] for member in members), NOTHING)
        delivered = {
            k: play.announced[k][good]
            + sum((max(play.orders[k][m][good] - play.orders[m][k][good], NOTHING) for m in others if m != k), NOTHING)
            for k in others
        }
        for k in others:
            quote = play.quotes[k][good]
            if quote < p:
                total += (p - quote) * delivered[k]
            elif quote > p:
                total += (quote - p) * (own + sum(delivered.values(), NOTHING) - delivered[k])
    return total
