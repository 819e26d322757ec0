r"""What one member of an agreement gains at most by breaking it alone, derived in rational numbers.

Let all others play their parts, and let :math:`c_k` be what k then quotes. Where each pays its counterparty's quote or
trades at worse, what flows to a solvent player j costs it :math:`\sum_k c_k \cdot n_{jk}` or more, so that it is worth

.. math:: p \cdot \sum_k n_{jk} \le y_j + \sum_k (p - c_k) \cdot n_{jk}

at any prices p. Where trades with the bankrupt are cancelled, j buys from k no more than k holds after its trades with
the others, and sells no more than it owns and can buy. ``docs/collusion.md``, Lemma 11. Source: ours.
"""

from __future__ import annotations

from fractions import Fraction

from marketgame.mechanisms.certificates.plain.contract import PlainContract, surplus
from marketgame.mechanisms.certificates.plain.settlement import NOTHING, PlainPlay
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
    made = _made_of_odd_quotes(contract, number, play, member)
    if made and rules.bankruptcy is not Bankruptcy.UNWIND:
        return None
    price, holdings = contract.price(number), contract.holdings(number)
    supply = [sum(column, NOTHING) for column in zip(*holdings, strict=True)]
    valuation, near = contract.kind(member, number).valuation, contract.bundle(member, number)
    best = surplus(valuation, price, supply, [min(pair) for pair in zip(near, supply, strict=False)])
    if best is None:
        return None
    worth = sum((p * own for p, own in zip(price, holdings[member], strict=True)), NOTHING)
    bankrupt = _bankrupt(contract, number, member)
    return None if bankrupt is None else max(worth + play.transfers[member] + made + best, bankrupt)


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


def _made_of_odd_quotes(contract: PlainContract, number: int, play: PlainPlay, member: int) -> Fraction:
    """Return by how much what flows to a member can be worth more than it costs, numeraire."""
    price, owned = contract.price(number), contract.holdings(number)[member]
    others = [player for player in range(len(play.quotes)) if player != member]
    total = NOTHING
    for good, p in enumerate(price):
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
                total += (quote - p) * (owned[good] + sum(delivered.values(), NOTHING) - delivered[k])
    return total
