"""What a certificate about blocking stores: a plan against stakes, or the weights that prove there is none."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from marketgame.experiments.certificate_files.arrays import (
    Matrix,
    array_of,
    fields_of,
)
from marketgame.experiments.certificate_files.economy import (
    StoredGame,
    game_document,
)
from marketgame.experiments.files.economy_file import Probability
from marketgame.experiments.files.input_file import InputModel
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import (
    CoalitionLimits,
    Invitation,
    Support,
    SupportResiduals,
)
from marketgame.mechanisms.certificates.blocking import (
    BlockingCertificate,
    InhibitionCertificate,
)
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights


class StoredInvitation(InputModel):
    """One coalition, invited to do one action if its types are as expected."""

    coalition: list[int] = Field(min_length=1, description="the members' places among the players")
    types: list[int] = Field(description="the places of their types; of all players' if the mediator asks everybody")
    action: int = Field(description="the action's place among the coalition's")
    probability: Probability = Field(description="of the invitation, given these types")


class BlockingContent(InputModel):
    """A blocking plan with which a mediator breaks what is established."""

    certifies: Literal["blocking-plan"] = Field(description="what the certificate is about")
    game: StoredGame = Field(description="the game")
    stakes: Matrix = Field(description="what each player loses by leaving, by type profile and player; money")
    invitations: list[StoredInvitation] = Field(min_length=1, description="of the plan")
    payments: Matrix = Field(description="expected, by player and type; money")
    profit: float = Field(description="what the mediator expects; money")
    total_probability: float = Field(description="of all invitations")
    interim_gains: Matrix = Field(description="of each type from accepting, by player and type; money")
    largest_misreport_gain: float = Field(description="what a type gains by the best false report; money")

    def build(self) -> BlockingCertificate:
        """Return the certificate.

        Raises:
            ValueError: the parts do not go together.
        """
        game = self.game.build()
        for invitation in self.invitations:
            _refuse_strangers(invitation, len(game.players))
        return BlockingCertificate(
            game=game,
            stakes=array_of("stakes", self.stakes),
            invitations=tuple(
                Invitation(tuple(one.coalition), tuple(one.types), one.action, one.probability)
                for one in self.invitations
            ),
            payments=_by_type(self.payments, game.type_counts, "payments"),
            profit=self.profit,
            total_probability=self.total_probability,
            interim_gains=_by_type(self.interim_gains, game.type_counts, "interim_gains"),
            largest_misreport_gain=self.largest_misreport_gain,
        )


class StoredResiduals(InputModel):
    """By how much the conditions of Myerson's Theorem 1 are missed."""

    hydraulic: float = Field(description="largest violation of the hydraulic equations; probability")
    negativity: float = Field(description="by how much a weight or multiplier is below 0; probability")
    surplus: float = Field(description="largest virtual surplus of a coalition, relative to the stakes")


class InhibitionContent(InputModel):
    """The weights and multipliers that prove that nobody can profit by blocking."""

    certifies: Literal["no-blocking-plan"] = Field(description="what the certificate is about")
    game: StoredGame = Field(description="the game")
    stakes: Matrix = Field(description="what each player loses by leaving, by type profile and player; money")
    weights: Matrix = Field(description="λ of virtual utility, by player and type")
    multipliers: list[Matrix] = Field(description="α of virtual utility, by player, type and pretended type")
    support: Annotated[Support, Field(strict=False)] = Field(description="whose types a mediator may know")
    largest_coalition: int | None = Field(description="only coalitions up to this size form, or null")
    links: list[list[int]] | None = Field(description="only coalitions connected by these pairs form, or null")
    residuals: StoredResiduals = Field(description="by how much the proof's conditions are missed")

    def build(self) -> InhibitionCertificate:
        """Return the certificate.

        Raises:
            ValueError: the parts do not go together.
        """
        game = self.game.build()
        _by_type(self.weights, game.type_counts, "weights")
        links = None if self.links is None else frozenset(_pair(link) for link in self.links)
        return InhibitionCertificate(
            game=game,
            stakes=array_of("stakes", self.stakes),
            virtual=VirtualWeights(
                tuple(map(np.array, self.weights)), tuple(array_of("multipliers", one) for one in self.multipliers)
            ),
            support=self.support,
            limits=CoalitionLimits(self.largest_coalition, links),
            residuals=SupportResiduals(**dict(self.residuals)),
        )


def blocking_document(certificate: BlockingCertificate) -> dict[str, Any]:
    """Return the content of a blocking plan's certificate."""
    return {
        "certifies": "blocking-plan",
        "game": game_document(certificate.game),
        "stakes": certificate.stakes.tolist(),
        "invitations": [fields_of(one, StoredInvitation.model_fields) for one in certificate.invitations],
        **fields_of(
            certificate, ("payments", "profit", "total_probability", "interim_gains", "largest_misreport_gain")
        ),
    }


def inhibition_document(certificate: InhibitionCertificate) -> dict[str, Any]:
    """Return the content of the certificate that nobody can profit by blocking."""
    network = certificate.limits.network
    return {
        "certifies": "no-blocking-plan",
        "game": game_document(certificate.game),
        "stakes": certificate.stakes.tolist(),
        **fields_of(certificate.virtual, ("weights", "multipliers")),
        "support": certificate.support.value,
        "largest_coalition": certificate.limits.largest,
        "links": None if network is None else [list(link) for link in sorted(network)],
        "residuals": fields_of(certificate.residuals, StoredResiduals.model_fields),
    }


def _by_type(rows: Matrix, counts: tuple[int, ...], what: str) -> tuple[FloatArray, ...]:
    found = tuple(len(row) for row in rows)
    if found != counts:
        raise ValueError(f"{what} is for {list(found)} types; the players have {list(counts)}")
    return tuple(np.array(row) for row in rows)


def _refuse_strangers(invitation: StoredInvitation, players: int) -> None:
    members = invitation.coalition
    if members != sorted(set(members)) or not 0 <= members[0] <= members[-1] < players:
        raise ValueError(f"invitations has coalition {members}; it must list players 0 to {players - 1}, ascending")
    if len(invitation.types) not in (len(members), players):
        raise ValueError(f"invitations has types {invitation.types} for coalition {members}; one each must be given")


def _pair(link: list[int]) -> tuple[int, int]:
    if len(link) != 2:
        raise ValueError(f"links has {link}; it must be a pair of players")
    return link[0], link[1]
