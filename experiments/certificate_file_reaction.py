"""What a certificate stores of outsiders who answer quotes that are not the contract's by a rule."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from agents.behaviours import ReactiveArbitraging, ReactiveWithholding
from experiments.input_file import InputModel
from mechanisms.certificates.reactions import ReactionRule, reaction_rule
from mechanisms.deviations.reactions import ArbitrageAfterMisquotes, WithholdingAfterMisquotes
from mechanisms.deviations.situation import Reaction


class StoredWithholding(InputModel):
    """Outsiders order nothing and announce a share of their endowment."""

    rule: Literal["withholding-after-misquotes"] = Field(description="the reaction's name")
    share: float = Field(gt=0, le=1, description="of the endowment that is announced all the same")

    def build(self) -> ReactionRule:
        """Return the reaction."""
        return WithholdingAfterMisquotes(self.share)


class StoredArbitrage(InputModel):
    """Outsiders buy every good where it is quoted low and sell it where it is quoted high."""

    rule: Literal["arbitraging-after-misquotes"] = Field(description="the reaction's name")
    size: float = Field(ge=0, description="of the orders, in multiples of all there is of the good")

    def build(self) -> ReactionRule:
        """Return the reaction."""
        return ArbitrageAfterMisquotes(self.size)


type StoredReaction = Annotated[StoredWithholding | StoredArbitrage, Field(discriminator="rule")]


def built_reaction(stored: StoredWithholding | StoredArbitrage | None) -> ReactionRule | None:
    """Return the reaction that is stored, if any is."""
    return None if stored is None else stored.build()


def reaction_document(reaction: Reaction | None) -> dict[str, Any] | None:
    """Return a reaction as a certificate stores it.

    Raises:
        ValueError: a certificate cannot store it.
    """
    match reaction_rule(reaction):
        case WithholdingAfterMisquotes(share):
            return {"rule": ReactiveWithholding.name, "share": share}
        case ArbitrageAfterMisquotes(size):
            return {"rule": ReactiveArbitraging.name, "size": size}
        case None:
            return None


def reaction_text(reaction: Reaction | None) -> str:
    """Return in words how outsiders answer misquotes."""
    match reaction_rule(reaction):
        case WithholdingAfterMisquotes(share):
            return f"{ReactiveWithholding.name}, share {share:g}"
        case ArbitrageAfterMisquotes(size):
            return f"{ReactiveArbitraging.name}, size {size:g}"
        case None:
            return "play on"
