"""What a certificate that no coalition gains stores: a bound for each, and how outsiders answer misquotes."""

from __future__ import annotations

from typing import Annotated, Any, Literal, override

from pydantic import Field

from experiments.certificate_file_arrays import array_of, fields_of
from experiments.certificate_file_market import ContractContent, coalition_of, market_document, names_of
from experiments.certificate_file_reaction import StoredReaction, built_reaction, reaction_document
from experiments.economy_file import Name
from experiments.input_file import InputModel
from mechanisms.certificates.stability import CoalitionBound, StabilityCertificate
from mechanisms.deviations.bounds import BoundReason
from mechanisms.economy import Economy


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
    """Why no coalition of a list gains against a grand contract, whatever it does."""

    certifies: Literal["stability"] = Field(description="what the certificate is about")
    misreport_gain: float = Field(description="the most that a type gains by a lie; numeraire")
    bounds: list[StoredCoalitionBound] = Field(min_length=1, description="one for each coalition")

    @override
    def build(self) -> StabilityCertificate:
        economy = self.economy.build()
        bounds = tuple(one.build(economy) for one in self.bounds)
        transfers = array_of("numeraire_transfers", self.numeraire_transfers)
        return StabilityCertificate(economy, self.rules.build(), transfers, self.misreport_gain, bounds)


def stability_document(certificate: StabilityCertificate) -> dict[str, Any]:
    """Return the content of the certificate that no coalition gains."""
    return {
        "certifies": "stability",
        **market_document(certificate.economy, certificate.rules),
        **fields_of(certificate, ("numeraire_transfers", "misreport_gain")),
        "bounds": [
            {
                "coalition": names_of(one.coalition, certificate.economy),
                **fields_of(one, ("reason", "total_gain")),
                "reaction": reaction_document(one.reaction),
            }
            for one in certificate.bounds
        ],
    }
