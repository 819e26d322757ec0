"""Outsiders who answer what they see quoted before they order.

When prices are quoted first and seen by all, a contract may tell the players what to do after quotes that are not its
own (Giraud and Rochon, section 2.3: behavioural strategies). Which quotes are the contract's is in the situation.

A certificate stores a reaction as a rule, which whoever checks it can apply again to quotes that nobody has thought of.
Other reactions could only be kept as replies that were given, and whoever may say what outsiders reply can have them
give all away.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.deviations.situation import Reaction, Replies, Situation
from marketgame.mechanisms.market_game.rules import Coverage
from marketgame.registry import parameter


@dataclass(frozen=True)
class WithholdingAfterMisquotes:
    """Outsiders announce a small share of what they own once somebody's quote is not the contract's.

    Where transfers must be covered they announce at least the numeraire that theirs take.

    Attributes:
        share: of the endowment, above 0: the market game admits no announcement of nothing.

    Raises:
        ValueError: the share is not between 0 and 1.
    """

    share: float = field(default=1e-6, metadata=parameter("of the endowment that is announced", gt=0, le=1))

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share is {self.share}; it must be above 0 and at most 1")

    def __call__(self, situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        """Return what the contract recommends if nobody misquotes, otherwise no orders and little endowment."""
        if (quotes == situation.prescribed.quotes[draw]).all():
            return obedient_replies(situation, draw)
        return Replies(np.zeros_like(situation.prescribed.orders[draw]), self.announced(situation)[draw])

    def announced(self, situation: Situation) -> FloatArray:
        """Return what everybody announces after a misquote, ``(K, N, L)``: little, but enough to cover transfers."""
        announced = self.share * situation.endowments
        if situation.rules.coverage is Coverage.ANNOUNCED_NUMERAIRE:
            announced[..., -1] = np.maximum(announced[..., -1], -situation.prescribed.transfers)
        return announced


@dataclass(frozen=True)
class ArbitrageAfterMisquotes:
    """Every outsider buys a good where it is quoted low and sells it where it is quoted high.

    Attributes:
        size: of the order, in multiples of all there is of the good.
    """

    size: float = field(default=10.0, metadata=parameter("of the order, in multiples of all there is", ge=0))

    def __call__(self, situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        """Return what the contract recommends, and on top of it the trade between the widest pair of quotes."""
        replies = obedient_replies(situation, draw)
        orders = replies.orders.copy()
        players = range(len(quotes))
        for outsider in (player for player in players if player not in situation.coalition):
            others = [player for player in players if player != outsider]
            for good in range(quotes.shape[1] - 1):
                low = min(others, key=lambda other: quotes[other, good])
                high = max(others, key=lambda other: quotes[other, good])
                if quotes[low, good] < quotes[high, good]:
                    amount = self.size * situation.supply[draw, good]
                    orders[outsider, low, good] += amount
                    orders[outsider, high, good] -= amount
        return Replies(orders, replies.announced_endowments)


@dataclass(frozen=True)
class ReactionsByType:
    """Outsiders of whom everyone answers misquotes in a way of its own.

    Attributes:
        rules: of each player, for each of its types; none for a type that plays on as it would have.
    """

    rules: tuple[tuple[Reaction | None, ...], ...]

    def __call__(self, situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        """Return what each player's own rule says, and what the contract recommends to those without one."""
        replies = obedient_replies(situation, draw)
        orders, announced = replies.orders.copy(), replies.announced_endowments.copy()
        for player, kind in enumerate(situation.profiles[draw]):
            rule = self.rules[player][kind]
            if rule is not None:
                own = rule(situation, draw, quotes)
                orders[player], announced[player] = own.orders[player], own.announced_endowments[player]
        return Replies(orders, announced)

    def announced(self, situation: Situation) -> FloatArray | None:
        """Return what outsiders announce after a misquote, ``(K, N, L)``; none if not all of them then withhold."""
        announced = np.zeros_like(situation.endowments)
        for draw, player in np.ndindex(announced.shape[:2]):
            rule = self.rules[player][situation.profiles[draw, player]]
            if isinstance(rule, WithholdingAfterMisquotes):
                announced[draw, player] = rule.announced(situation)[draw, player]
            elif player not in situation.coalition:
                return None
        return announced


type ReactionRule = WithholdingAfterMisquotes | ArbitrageAfterMisquotes
"""One and the same answer to misquotes for whoever gives it."""

type StorableReaction = ReactionRule | ReactionsByType
"""A reaction that a certificate stores by its name and parameters; that of each type, where it differs, is a rule."""

REACTION_RULES = (WithholdingAfterMisquotes, ArbitrageAfterMisquotes)


def announced_after_misquotes(reaction: Reaction | None, situation: Situation) -> FloatArray | None:
    """Return what outsiders announce after a misquote, ``(K, N, L)``, if all they then do is to withhold the rest."""
    if isinstance(reaction, WithholdingAfterMisquotes | ReactionsByType):
        return reaction.announced(situation)
    return None


def obedient_replies(situation: Situation, draw: int) -> Replies:
    """Return what the contract recommends."""
    return Replies(situation.prescribed.orders[draw], situation.prescribed.announced_endowments[draw])


def can_be_stored(reaction: Reaction | None) -> bool:
    """Say whether a certificate can store how outsiders react."""
    rules = itertools.chain.from_iterable(reaction.rules) if isinstance(reaction, ReactionsByType) else (reaction,)
    return all(rule is None or isinstance(rule, REACTION_RULES) for rule in rules)


def storable(reaction: Reaction | None) -> StorableReaction | None:
    """Return the reaction as rules that can be stored.

    Raises:
        ValueError: it is a reaction of another kind.
    """
    return reaction if isinstance(reaction, ReactionsByType) and can_be_stored(reaction) else rule_of(reaction)


def rule_of(reaction: Reaction | None) -> ReactionRule | None:
    """Return the reaction as one rule for all.

    Raises:
        ValueError: it is a reaction of another kind.
    """
    if reaction is None or isinstance(reaction, REACTION_RULES):
        return reaction
    raise ValueError(f"outsiders react by {reaction!r}, which is not a rule that a certificate can store")
