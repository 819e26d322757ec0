"""What is played when members of a coalition deviate, and how outsiders answer what they then see quoted.

Source: Giraud and Rochon (2001), Definitions 3 and 6, and section 2.3 on strategies that depend on quotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from marketgame.mechanisms.certificates.plain.contract import SAME_NUMBER, PlainContract
from marketgame.mechanisms.certificates.plain.settlement import NOTHING, PlainPlay, Table
from marketgame.mechanisms.deviations.reactions import (
    ArbitrageAfterMisquotes,
    ReactionRule,
    ReactionsByType,
    StorableReaction,
    WithholdingAfterMisquotes,
)
from marketgame.mechanisms.deviations.situation import JointAction
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.valuation import Bundle
from marketgame.mechanisms.market_game.rules import Coverage, Timing

# The sum of two numbers in floating point errs by less than this share of it.
ROUNDING = Fraction(1, 2**50)


@dataclass(frozen=True)
class PlainAction:
    """What the members of a coalition do instead.

    Attributes:
        quotes: ``[member][good]``, numeraire per unit.
        orders: ``[member][player ordered from][good]``, units.
        announced: ``[member][good]``, units.
        side_transfers: what each member receives from the others, ``[member]``, numeraire.
    """

    quotes: Table
    orders: Sequence[Table]
    announced: Table
    side_transfers: Sequence[Fraction]

    @classmethod
    def of(cls, action: JointAction) -> Self:
        """Return a joint action, not a batch, as exact numbers; what its side-transfers sum to is paid by somebody."""
        moved = exact(action.side_transfers)
        payer = max(range(len(moved)), key=lambda member: abs(moved[member]))
        moved[payer] -= max(sum(moved), NOTHING)
        return cls(
            [exact(row) for row in action.quotes],
            [[exact(row) for row in rows] for rows in action.orders],
            [exact(row) for row in action.announced_endowments],
            moved,
        )


def deviation(
    contract: PlainContract,
    number: int,
    coalition: Sequence[int],
    action: PlainAction,
    reaction: StorableReaction | None,
) -> PlainPlay:
    """Return what is played at a profile if the members play a joint action and all others the contract.

    Where the rules show quotes before orders are given, outsiders answer quotes that are not the contract's by a rule.
    """
    usual = contract.play(number)
    quotes, orders = [list(row) for row in usual.quotes], list(usual.orders)
    announced, transfers = [list(row) for row in usual.announced], list(usual.transfers)
    for place, member in enumerate(coalition):
        quotes[member] = as_quoted(action.quotes[place], usual.quotes[member])
        announced[member] = list(action.announced[place])
        orders[member] = action.orders[place]
        transfers[member] += action.side_transfers[place]
    if contract.rules.coverage is Coverage.ANNOUNCED_NUMERAIRE:
        _cover_rounding(transfers, announced, coalition)
    if contract.rules.timing is Timing.PRICES_FIRST and quotes != usual.quotes:
        for player in set(range(len(quotes))) - set(coalition):
            rule = _rule_of(reaction, player, contract.profiles[number][player])
            if isinstance(rule, WithholdingAfterMisquotes):
                orders[player] = [[NOTHING for _ in row] for row in usual.orders[player]]
                announced[player] = announced_by_the_wary(contract, number, player, rule)
            elif isinstance(rule, ArbitrageAfterMisquotes):
                orders[player] = _with_arbitrage(contract, number, player, rule, quotes)
    return PlainPlay(quotes, orders, announced, transfers)


def _cover_rounding(transfers: list[Fraction], announced: Table, coalition: Sequence[int]) -> None:
    """Let another member pay what one is to pay beyond what it announces, if that is by rounding.

    Side-transfers that take all there is are sums in floating point.
    """
    for member in coalition:
        lacking = -transfers[member] - announced[member][-1]
        if 0 < lacking <= ROUNDING * abs(transfers[member]):
            payer = max(coalition, key=lambda other: transfers[other] + announced[other][-1])
            transfers[member] += lacking
            transfers[payer] -= lacking


def as_quoted(quoted: Bundle, told: Bundle) -> list[Fraction]:
    """Return quotes, or the contract's if they differ by rounding.

    Prices are computed by iteration, perhaps on another machine; whoever quotes them but for the last digits obeys.
    """
    same = all(abs(one - two) <= Fraction(SAME_NUMBER) * two for one, two in zip(quoted, told, strict=True))
    return list(told if same else quoted)


def withholding_rule(reaction: StorableReaction | None, player: int, kind: int) -> WithholdingAfterMisquotes | None:
    """Return by what rule a player of a type withholds after a misquote; none if it does something else."""
    rule = _rule_of(reaction, player, kind)
    return rule if isinstance(rule, WithholdingAfterMisquotes) else None


def announced_by_the_wary(
    contract: PlainContract, number: int, player: int, rule: WithholdingAfterMisquotes
) -> list[Fraction]:
    """Return what a player announces that withholds after a misquote: little, but enough to cover its transfer."""
    owned = contract.kind(player, number).endowment
    announced = exact(rule.share * amount for amount in owned.tolist())
    if contract.rules.coverage is Coverage.ANNOUNCED_NUMERAIRE:
        announced[-1] = max(announced[-1], -contract.play(number).transfers[player])
    return announced


def _rule_of(reaction: StorableReaction | None, player: int, kind: int) -> ReactionRule | None:
    if not isinstance(reaction, ReactionsByType):
        return reaction
    rule = reaction.rules[player][kind]
    assert rule is None or isinstance(rule, WithholdingAfterMisquotes | ArbitrageAfterMisquotes)
    return rule


def _with_arbitrage(
    contract: PlainContract, number: int, player: int, rule: ArbitrageAfterMisquotes, quotes: Table
) -> list[list[Fraction]]:
    """Return a player's orders with a trade between the lowest and the highest quote of every good on top."""
    orders = [list(row) for row in contract.play(number).orders[player]]
    others = [other for other in range(len(quotes)) if other != player]
    for good in range(len(quotes[0]) - 1):
        low, high = (choose(others, key=lambda other: quotes[other][good]) for choose in (min, max))
        if quotes[low][good] < quotes[high][good]:
            there_is = sum((float(row[good]) for row in contract.endowments(number)), 0.0)
            orders[low][good] += Fraction(rule.size * there_is)
            orders[high][good] -= Fraction(rule.size * there_is)
    return orders
