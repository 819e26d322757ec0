"""What a certificate stores of outsiders who answer quotes that are not the contract's by a rule."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from marketgame.agents.behaviours import (
    ReactiveArbitraging,
    ReactiveWithholding,
)
from marketgame.experiments.files.input_file import InputModel
from marketgame.mechanisms.deviations.reactions import (
    ArbitrageAfterMisquotes,
    ReactionsByType,
    StorableReaction,
    WithholdingAfterMisquotes,
    rule_of,
    storable,
)
from marketgame.mechanisms.deviations.situation import Reaction
from marketgame.mechanisms.economies.economy import Economy

BY_TYPE = "by-type"


class StoredWithholding(InputModel):
    """Outsiders order nothing and announce a share of their endowment."""

    rule: Literal["withholding-after-misquotes"] = Field(description="the reaction's name")
    share: float = Field(gt=0, le=1, description="of the endowment that is announced all the same")

    def build(self) -> WithholdingAfterMisquotes:
        """Return the reaction."""
        return WithholdingAfterMisquotes(self.share)


class StoredArbitrage(InputModel):
    """Outsiders buy every good where it is quoted low and sell it where it is quoted high."""

    rule: Literal["arbitraging-after-misquotes"] = Field(description="the reaction's name")
    size: float = Field(ge=0, description="of the orders, in multiples of all there is of the good")

    def build(self) -> ArbitrageAfterMisquotes:
        """Return the reaction."""
        return ArbitrageAfterMisquotes(self.size)


type StoredRule = Annotated[StoredWithholding | StoredArbitrage, Field(discriminator="rule")]


class StoredReactionsByType(InputModel):
    """Every outsider answers in a way of its own."""

    rule: Literal["by-type"] = Field(description="the reaction's name")
    rules: list[list[StoredRule | None]] = Field(description="by player and type; none for those who play on")

    def build(self) -> ReactionsByType:
        """Return the reaction."""
        return ReactionsByType(
            tuple(tuple(None if rule is None else rule.build() for rule in kinds) for kinds in self.rules)
        )


type StoredReaction = Annotated[
    StoredWithholding | StoredArbitrage | StoredReactionsByType, Field(discriminator="rule")
]


def built_reaction(
    stored: StoredWithholding | StoredArbitrage | StoredReactionsByType | None, economy: Economy
) -> StorableReaction | None:
    """Return the reaction that is stored, if any is.

    Raises:
        ValueError: its rules are not for the players and types of the economy.
    """
    if isinstance(stored, StoredReactionsByType):
        given, wanted = [len(kinds) for kinds in stored.rules], [len(player.types) for player in economy.players]
        if given != wanted:
            raise ValueError(f"reaction.rules are for players with {given} types; the economy's have {wanted}")
    return None if stored is None else stored.build()


def reaction_document(reaction: Reaction | None) -> dict[str, Any] | None:
    """Return a reaction as a certificate stores it.

    Raises:
        ValueError: a certificate cannot store it.
    """
    match storable(reaction):
        case WithholdingAfterMisquotes(share):
            return {"rule": ReactiveWithholding.name, "share": share}
        case ArbitrageAfterMisquotes(size):
            return {"rule": ReactiveArbitraging.name, "size": size}
        case ReactionsByType(rules):
            return {"rule": BY_TYPE, "rules": [[reaction_document(rule) for rule in kinds] for kinds in rules]}
        case None:
            return None


def reaction_text(reaction: Reaction | None, economy: Economy) -> str:
    """Return in words how outsiders answer misquotes; whoever is not named plays on."""
    found = storable(reaction)
    if not isinstance(found, ReactionsByType):
        return _rule_text(found)
    texts = []
    for player, kinds in zip(economy.players, found.rules, strict=True):
        if len(set(kinds)) == 1:
            texts += [f"{player.name}: {_rule_text(kinds[0])}"] if kinds[0] is not None else []
            continue
        named = zip(player.types, kinds, strict=True)
        texts += [f"{player.name} as {kind.name}: {_rule_text(rule)}" for kind, rule in named]
    return "; ".join(texts)


def _rule_text(rule: Reaction | None) -> str:
    match rule_of(rule):
        case WithholdingAfterMisquotes(share):
            return f"{ReactiveWithholding.name}, share {share:g}"
        case ArbitrageAfterMisquotes(size):
            return f"{ReactiveArbitraging.name}, size {size:g}"
        case None:
            return "play on"
