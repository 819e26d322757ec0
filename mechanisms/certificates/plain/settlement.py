r"""One play of the market game settled as its rules are written down: loops over lists of rational numbers.

Costs and holdings are exact, however large the orders, and nothing is forgiven.

Source: Giraud and Rochon (2001), section 2.2, equation (1), and Definition 2; the variants are those of `MarketRules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.valuation import Bundle
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

type Table = Sequence[Sequence[Fraction]]

NOTHING = Fraction(0)
# The rules that are understood here; whoever adds one has to say here what it does.
UNDERSTOOD: dict[str, tuple[str, ...]] = {
    "pricing": (Pricing.COUNTERPARTY, Pricing.VOID, Pricing.SPREAD, Pricing.MIDPOINT),
    "solvency": (Solvency.BUDGET, Solvency.NO_SHORT_SALES),
    "bankruptcy": (Bankruptcy.TRADES_STAND, Bankruptcy.UNWIND),
    "coverage": (Coverage.UNLIMITED, Coverage.ANNOUNCED_NUMERAIRE),
    "withholding": (Withholding.WASTED, Withholding.CONSUMED),
    "timing": (Timing.PRICES_FIRST, Timing.SIMULTANEOUS),
    "execution": (Execution.UNILATERAL, Execution.MATCHED),
    "refusal": (Refusal.FREE, Refusal.ESCROW),
}


@dataclass(frozen=True)
class PlainPlay:
    """What everybody does in one play.

    Attributes:
        quotes: ``[player][good]``, numeraire per unit.
        orders: ``[player who orders][player ordered from][good]``, units.
        announced: ``[player][good]``, units.
        transfers: ``[player]``, numeraire.
    """

    quotes: Table
    orders: Sequence[Table]
    announced: Table
    transfers: Sequence[Fraction]

    @classmethod
    def of(cls, quotes: FloatArray, orders: FloatArray, announced: FloatArray, transfers: FloatArray) -> PlainPlay:
        """Return a play given as arrays ``(N, L)``, ``(N, N, L)``, ``(N, L)`` and ``(N,)``."""
        return cls(
            [exact(row) for row in quotes],
            [[exact(row) for row in rows] for rows in orders],
            [exact(row) for row in announced],
            exact(transfers),
        )


@dataclass(frozen=True)
class PlainSettlement:
    """How a play ends.

    Attributes:
        cost: of the trades a player was tested with last, ``[player]``, numeraire.
        bankrupt: ``[player]``.
        claim: holding before rationing, ``[player][good]``, units; nothing if bankrupt.
        allocation: ``[player][good]``, units.
    """

    cost: list[Fraction]
    bankrupt: list[bool]
    claim: list[list[Fraction]]
    allocation: list[list[Fraction]]


def settled(play: PlainPlay, rules: MarketRules) -> PlainSettlement:
    """Settle a play.

    Raises:
        ValueError: a number is not allowed, a transfer is not covered although the rules ask for it, or there is a
            rule that is not understood here.
    """
    refuse_unknown(rules)
    _refuse_unsound(play, rules)
    players = range(len(play.quotes))
    cost, bankrupt = [NOTHING for _ in players], [False for _ in players]
    gone = [False for _ in players]
    trades = _trades(play, rules, gone)
    apart = [_trades_no_further(play, rules, trades, i) for i in players]
    while True:
        failing = []
        for i in players:
            if bankrupt[i]:
                continue
            cost[i] = trades[i].cost
            short = rules.solvency is Solvency.NO_SHORT_SALES and min(_claim(play, trades, i)) < 0
            if cost[i] > play.transfers[i] or short:
                failing.append(i)
        for i in failing:
            bankrupt[i] = True
        if rules.bankruptcy is Bankruptcy.TRADES_STAND or not failing:
            break
        gone = list(bankrupt)
        trades = _trades(play, rules, gone)
    claims = [_claim(play, trades, i) if not bankrupt[i] else [NOTHING for _ in play.quotes[i]] for i in players]
    together = [i for i in players if not apart[i]]
    given = [i for i in together if rules.bankruptcy is Bankruptcy.TRADES_STAND or not bankrupt[i]]
    allocation = [list(claim) for claim in claims]
    for good in range(len(play.quotes[0])):
        supply = sum((play.announced[i][good] for i in given), NOTHING)
        shares = rationed([claims[i][good] for i in together], supply) if together else []
        for i, share in zip(together, shares, strict=True):
            allocation[i][good] = share
    return PlainSettlement(cost, bankrupt, claims, allocation)


def consumed(allocated: Bundle, announced: Bundle, owned: Bundle, rules: MarketRules) -> list[Fraction]:
    """Return what a player consumes of what it is allocated and of what it did not announce, ``[good]``, units."""
    if rules.withholding is Withholding.WASTED:
        return list(allocated)
    return [got + max(own - shown, NOTHING) for got, shown, own in zip(allocated, announced, owned, strict=True)]


def refuse_unknown(rules: MarketRules) -> None:
    """Refuse rules that are not understood here: what they do to a play would be ignored.

    Raises:
        ValueError: there is such a rule.
    """
    for field in fields(rules):
        if field.name not in UNDERSTOOD or getattr(rules, field.name) not in UNDERSTOOD[field.name]:
            raise ValueError(f"the rule {field.name} {getattr(rules, field.name)} is not one that can be replayed")


def rationed(claims: Sequence[Fraction], supply: Fraction) -> list[Fraction]:
    r"""Return the nonnegative shares nearest to the claims to one good that do not exceed its supply.

    They are :math:`(d_i - \theta)^+` with the least :math:`\theta \ge 0` that fits.
    """
    shares = [max(claim, NOTHING) for claim in claims]
    if sum(shares) <= supply:
        return shares
    ranked = sorted(claims, reverse=True)
    for served in range(len(claims), 0, -1):
        ration = (sum(ranked[:served], NOTHING) - supply) / served
        if ranked[served - 1] >= ration:
            return [max(claim - ration, NOTHING) for claim in claims]
    raise AssertionError("somebody is always served")


def _may_trade(play: PlainPlay, rules: MarketRules, i: int, j: int) -> bool:
    return rules.pricing is not Pricing.VOID or list(play.quotes[i]) == list(play.quotes[j])


@dataclass(frozen=True)
class _Trade:
    """What a player trades with everybody.

    Attributes:
        cost: what it is charged, numeraire.
        net: what it gains, ``[good]``, units.
        any: whether anything flows between it and anybody.
    """

    cost: Fraction
    net: list[Fraction]
    any: bool


def _trades(play: PlainPlay, rules: MarketRules, gone: Sequence[bool]) -> list[_Trade]:
    """Return what everybody trades if some are gone, with whom nobody does."""
    players = range(len(play.quotes))
    if _all_alike(play, rules):
        return _trades_all_alike(play, gone)
    found = []
    for i in players:
        trades_with = [j for j in players if j != i and not gone[i] and not gone[j] and _may_trade(play, rules, i, j)]
        flows = [
            [_flow(rules, own, other) for own, other in zip(play.orders[i][j], play.orders[j][i], strict=True)]
            for j in trades_with
        ]
        charges = (
            _charge(rules, play.quotes[i], play.quotes[j], flow) for j, flow in zip(trades_with, flows, strict=True)
        )
        net = [sum((flow[good] for flow in flows), NOTHING) for good in range(len(play.quotes[i]))]
        found.append(_Trade(sum(charges, NOTHING), net, any(any(flow) for flow in flows)))
    return found


def _all_alike(play: PlainPlay, rules: MarketRules) -> bool:
    """Say whether all quote the same and order the same from each, so that it is enough to add up orders."""
    if any(quote is not play.quotes[0] for quote in play.quotes):
        return False
    if any(order is not orders[0] for orders in play.orders for order in orders):
        return False
    return rules.execution is Execution.UNILATERAL or not any(any(orders[0]) for orders in play.orders)


def _trades_all_alike(play: PlainPlay, gone: Sequence[bool]) -> list[_Trade]:
    price, orders = play.quotes[0], [rows[0] for rows in play.orders]
    left = [own for own, left_alone in zip(orders, gone, strict=True) if not left_alone]
    ordered = [sum((own[good] for own in left), NOTHING) for good in range(len(price))]
    differ = any(own != left[0] for own in left)
    nothing = _Trade(NOTHING, [NOTHING for _ in price], any=False)
    found = []
    for own, left_alone in zip(orders, gone, strict=True):
        net = [len(left) * mine - all_of for mine, all_of in zip(own, ordered, strict=True)]
        cost = sum((p * amount for p, amount in zip(price, net, strict=True)), NOTHING)
        found.append(nothing if left_alone else _Trade(cost, net, differ))
    return found


def _trades_no_further(play: PlainPlay, rules: MarketRules, trades: Sequence[_Trade], i: int) -> bool:
    """Say whether a player keeps what it was delivered out of deposits, because no flow of its is executed."""
    return rules.refusal is not Refusal.FREE and play.transfers[i] >= 0 and not trades[i].any


def _flow(rules: MarketRules, own: Fraction, other: Fraction) -> Fraction:
    """Return what flows of a good to a player from another, given what the two order."""
    match rules.execution:
        case Execution.UNILATERAL:
            return own - other
        case Execution.MATCHED if own > 0 > other:
            return min(own, -other)
        case Execution.MATCHED if own < 0 < other:
            return max(own, -other)
        case Execution.MATCHED:
            return NOTHING


def _claim(play: PlainPlay, trades: Sequence[_Trade], i: int) -> list[Fraction]:
    return [amount + shown for amount, shown in zip(trades[i].net, play.announced[i], strict=True)]


def _charge(rules: MarketRules, own: Bundle, other: Bundle, flow: Bundle) -> Fraction:
    match rules.pricing:
        case Pricing.COUNTERPARTY | Pricing.VOID:  # Under `void` both quote the same.
            prices = list(other)
        case Pricing.MIDPOINT:
            prices = [(one + two) / 2 for one, two in zip(own, other, strict=True)]
        case Pricing.SPREAD:
            prices = [
                max(one, two) if amount > 0 else min(one, two)
                for one, two, amount in zip(own, other, flow, strict=True)
            ]
    return sum((price * amount for price, amount in zip(prices, flow, strict=True)), NOTHING)


def _refuse_unsound(play: PlainPlay, rules: MarketRules) -> None:
    for i, (quotes, announced) in enumerate(zip(play.quotes, play.announced, strict=True)):
        if min(*quotes, *announced) < 0:
            raise ValueError(f"player {i} quotes or announces less than nothing")
        if quotes[-1] != 1:
            raise ValueError(f"the numeraire must be quoted at 1; player {i} quotes {float(quotes[-1])}")
        owed, covers = -play.transfers[i], announced[-1]
        if rules.coverage is Coverage.ANNOUNCED_NUMERAIRE and owed > covers:
            raise ValueError(
                f"the transfer takes {float(owed):.6g} of the numeraire from player {i}, who announces only "
                f"{float(covers):.6g}; the rule of coverage does not admit that"
            )
