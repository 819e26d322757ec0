"""How outsiders answer quotes that are not the contract's, where a certificate can store the rule itself.

A rule with one parameter can be applied again by whoever checks a certificate, to quotes that nobody has thought of. Of
any other reaction only the replies to the quotes that were made can be kept.
"""

from __future__ import annotations

from mechanisms.deviations.reactions import ArbitrageAfterMisquotes, WithholdingAfterMisquotes
from mechanisms.deviations.situation import Reaction

type ReactionRule = WithholdingAfterMisquotes | ArbitrageAfterMisquotes
"""A reaction that a certificate stores by its name and parameter."""

REACTION_RULES = (WithholdingAfterMisquotes, ArbitrageAfterMisquotes)


def reaction_rule(reaction: Reaction | None) -> ReactionRule | None:
    """Return the reaction as a rule that can be stored.

    Raises:
        ValueError: it is a reaction of another kind.
    """
    if reaction is None or isinstance(reaction, REACTION_RULES):
        return reaction
    raise ValueError(f"outsiders react by {reaction!r}, which is not a rule that a certificate can store")
