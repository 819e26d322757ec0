"""What a certificate that no coalition gains stores: a bound for each, and how outsiders answer misquotes."""

from __future__ import annotations

from typing import Annotated, Any, Literal, override

from pydantic import Field

from marketgame.experiments.certificate_files.arrays import fields_of
from marketgame.experiments.certificate_files.market import (
    CONTRACT_ARRAYS,
    ContractContent,
    coalition_of,
    market_document,
    names_of,
)
from marketgame.experiments.certificate_files.reaction import (
    StoredReaction,
    built_reaction,
    reaction_document,
)
from marketgame.experiments.files.economy_file import Name
from marketgame.experiments.files.input_file import InputModel
from marketgame.mechanisms.certificates.stability import (
    CoalitionBound,
    StabilityCertificate,
)
from marketgame.mechanisms.deviations.bounds import BoundReason
from marketgame.mechanisms.economies.economy import Economy


class StoredCoalitionBound(InputModel):
    """The weakest bound on what a coalition gains, over everything its members may know."""

    coalition: list[Name] = Field(min_length=1, description="the members' names, in the order of the players")
    reason: Annotated[BoundReason, Field(strict=False)] = Field(description="why it holds")
    total_gain: float = Field(description="what the members cannot exceed together; numeraire")
    reaction: StoredReaction | None = Field(
        None, description="by what rule outsiders answer quotes that are not the contract's; none if they play on"
    )

    def build(self, economy: Economy) -> CoalitionBound:
        """Return the bound.

        Raises:
            ValueError: the coalition is not one of the economy.
        """
        coalition = coalition_of(self.coalition, economy)
        return CoalitionBound(coalition, self.reason, self.total_gain, built_reaction(self.reaction, economy))


class StabilityContent(ContractContent):
    """Why no coalition of a kind gains against a grand contract, whatever it does."""

    certifies: Literal["stability"] = Field(description="what the certificate is about")
    misreport_gain: float = Field(description="the most that a type gains by a lie; numeraire")
    largest_coalition: int | None = Field(
        None, ge=0, description="the claim is about all coalitions of up to so many players; about all if left out"
    )
    named_coalitions: list[Annotated[list[Name], Field(min_length=1)]] = Field(
        default_factory=list, description="larger coalitions that the claim is about, by their members' names"
    )
    bounds: list[StoredCoalitionBound] = Field(
        min_length=1, description="one for each coalition that the claim is about"
    )

    @override
    def build(self) -> StabilityCertificate:
        economy = self.economy.build()
        bounds = tuple(one.build(economy) for one in self.bounds)
        players = len(economy.players)
        return StabilityCertificate(
            economy=economy,
            rules=self.rules.build(),
            **self.contract_arrays(),
            misreport_gain=self.misreport_gain,
            largest=players if self.largest_coalition is None else min(self.largest_coalition, players),
            named=tuple(coalition_of(names, economy) for names in self.named_coalitions),
            bounds=bounds,
        )


def stability_document(certificate: StabilityCertificate) -> dict[str, Any]:
    """Return the content of the certificate that no coalition gains."""
    return {
        "certifies": "stability",
        **market_document(certificate.economy, certificate.rules),
        **fields_of(certificate, (*CONTRACT_ARRAYS, "misreport_gain")),
        "largest_coalition": certificate.largest,
        "named_coalitions": [names_of(members, certificate.economy) for members in certificate.named],
        "bounds": [
            {
                "coalition": names_of(one.coalition, certificate.economy),
                **fields_of(one, ("reason", "total_gain")),
                "reaction": reaction_document(one.reaction),
            }
            for one in certificate.bounds
        ],
    }
