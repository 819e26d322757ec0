"""What a certificate that no coalition gains stores: a bound for each, and how outsiders answer misquotes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from experiments.certificate_file_arrays import array_of
from experiments.certificate_file_economy import Name, StoredEconomy
from experiments.certificate_file_market import Matrix, coalition_of, market_document
from experiments.certificate_file_reaction import StoredReaction, built_reaction, reaction_document
from experiments.input_file import InputModel
from experiments.scenario_file import RulesInput
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
        return CoalitionBound(coalition, self.reason, self.total_gain, built_reaction(self.reaction))


class StabilityContent(InputModel):
    """Why no coalition of a list gains against a grand contract, whatever it does."""

    certifies: Literal["stability"] = Field(description="what the certificate is about")
    economy: StoredEconomy = Field(description="who trades what")
    rules: RulesInput = Field(description="how the market settles")
    numeraire_transfers: Matrix = Field(description="of the grand contract, by type profile and player; numeraire")
    misreport_gain: float = Field(description="the most that a type gains by a lie; numeraire")
    bounds: list[StoredCoalitionBound] = Field(min_length=1, description="one for each coalition")

    def build(self) -> StabilityCertificate:
        """Return the certificate.

        Raises:
            ValueError: the parts do not go together.
        """
        economy = self.economy.build()
        bounds = tuple(one.build(economy) for one in self.bounds)
        transfers = array_of("numeraire_transfers", self.numeraire_transfers)
        return StabilityCertificate(economy, self.rules.build(), transfers, self.misreport_gain, bounds)


def stability_document(certificate: StabilityCertificate) -> dict[str, Any]:
    """Return the content of the certificate that no coalition gains."""
    names = certificate.economy.player_names
    return {
        "certifies": "stability",
        **market_document(certificate.economy, certificate.rules),
        "numeraire_transfers": certificate.numeraire_transfers.tolist(),
        "misreport_gain": certificate.misreport_gain,
        "bounds": [
            {
                "coalition": [names[member] for member in one.coalition],
                "reason": one.reason.value,
                "total_gain": one.total_gain,
                "reaction": reaction_document(one.reaction),
            }
            for one in certificate.bounds
        ],
    }
