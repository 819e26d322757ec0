"""How outsiders answer quotes that are not the contract's, where a certificate can store the rule itself.

Rules can be applied again by whoever checks a certificate, to quotes that nobody has thought of. Other reactions could
only be kept as replies that were given, and whoever may say what outsiders reply can have them give all away.
"""

from __future__ import annotations

import itertools

from marketgame.mechanisms.deviations.reactions import (
    ArbitrageAfterMisquotes,
    ReactionsByType,
    WithholdingAfterMisquotes,
)
from marketgame.mechanisms.deviations.situation import Reaction

type ReactionRule = WithholdingAfterMisquotes | ArbitrageAfterMisquotes
"""One and the same answer to misquotes for whoever gives it."""

type StorableReaction = ReactionRule | ReactionsByType
"""A reaction that a certificate stores by its name and parameters; that of each type, where it differs, is a rule."""

REACTION_RULES = (WithholdingAfterMisquotes, ArbitrageAfterMisquotes)


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
