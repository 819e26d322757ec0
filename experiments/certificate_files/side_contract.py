"""What a certificate of a side-contract stores: who may report what, and what the coalition's device then draws."""

from __future__ import annotations

from typing import Any, Literal, override

import numpy as np
from pydantic import Field

from marketgame.experiments.certificate_files.arrays import (
    Matrix,
    Orders,
    Vector,
    array_of,
    arrays_in,
    fields_of,
)
from marketgame.experiments.certificate_files.market import (
    CONTRACT_ARRAYS,
    ContractContent,
    coalition_of,
    market_document,
    names_of,
    place_of,
)
from marketgame.experiments.certificate_files.reaction import (
    StoredReaction,
    built_reaction,
    reaction_document,
)
from marketgame.experiments.files.economy_file import Name
from marketgame.experiments.files.input_file import InputModel
from marketgame.mechanisms.certificates.plays import PlayOutcome
from marketgame.mechanisms.certificates.side_contract import SideContractCertificate
from marketgame.mechanisms.collusion.side_contracts.side_contract import Clause
from marketgame.mechanisms.contracts.knowledge import Information
from marketgame.mechanisms.deviations.situation import JointAction
from marketgame.mechanisms.economies.economy import Economy

ACTION_ARRAYS = ("quotes", "orders", "announced_endowments")


class StoredInformation(InputModel):
    """Something a member may know, and report."""

    type: Name = Field(description="its type")
    profiles: list[int] = Field(
        min_length=1,
        description="the places of the type profiles it then thinks possible, the last player's type changing fastest",
    )


class StoredClause(InputModel):
    """What happens after some reports: a lottery over joint actions, with one vector of side-transfers."""

    reports: list[int] = Field(min_length=1, description="the place of each member's report among what it may know")
    profiles: list[int] = Field(min_length=1, description="the places of the type profiles in which they are true")
    probability: Vector = Field(min_length=1, description="of each joint action")
    side_transfers: Vector = Field(description="what each member receives from the others; numeraire, sum zero")
    quotes: list[Matrix] = Field(description="by joint action, member and good; numeraire per unit")
    orders: list[Orders] = Field(description="by joint action, member, player ordered from, and good; units")
    announced_endowments: list[Matrix] = Field(description="by joint action, member and good; units")

    def build(self) -> Clause:
        """Return the clause.

        Raises:
            ValueError: shapes disagree, or a number is not allowed.
        """
        if len(set(self.profiles)) < len(self.profiles):
            raise ValueError(f"profiles of a clause are {self.profiles}; it must list each once")
        actions = len(self.probability)
        arrays = arrays_in(self, ACTION_ARRAYS)
        for name, array in arrays.items():
            if len(array) != actions:
                raise ValueError(f"{name} has {len(array)} joint actions; probability has {actions}")
        transfers = np.tile(array_of("side_transfers", self.side_transfers), (actions, 1))
        joint = JointAction(side_transfers=transfers, **arrays)
        return Clause(tuple(self.reports), tuple(self.profiles), joint, array_of("probability", self.probability))


class StoredClauseOutcome(InputModel):
    """How each joint action of a clause ends, in one draw for each profile in which the reports are true."""

    cost: list[Matrix] = Field(description="of what is traded, by joint action, draw and player; numeraire")
    bankrupt: list[list[list[bool]]] = Field(description="by joint action, draw and player")
    consumption: list[Orders] = Field(description="by joint action, draw, player and good; units")
    utility: list[Matrix] = Field(description="by joint action, draw and player; numeraire")

    def build(self) -> PlayOutcome:
        """Return the outcome.

        Raises:
            ValueError: lists are ragged.
        """
        return PlayOutcome(**arrays_in(self))


class SideContractContent(ContractContent):
    """A side-contract by which a coalition improves upon a grand contract."""

    certifies: Literal["side-contract"] = Field(description="what the certificate is about")
    coalition: list[Name] = Field(min_length=1, description="the members' names, in the order of the players")
    information: list[list[StoredInformation]] = Field(description="what each member may know and report")
    clauses: list[StoredClause] = Field(min_length=1, description="one for all reports that can be true together")
    status_quo: list[Vector] = Field(
        description="what each member expects under the grand contract, by what it knows; numeraire"
    )
    promised: list[Vector] = Field(
        description="what each member expects under the side-contract, by what it knows; numeraire"
    )
    misreport_gain: float = Field(description="the most that a member gains by a false report; numeraire")
    outcomes: list[StoredClauseOutcome] = Field(description="of each clause")
    reaction: StoredReaction | None = Field(
        None, description="by what rule outsiders answer quotes that are not the contract's; none if they play on"
    )

    @override
    def build(self) -> SideContractCertificate:
        economy = self.economy.build()
        coalition = coalition_of(self.coalition, economy)
        if len(self.information) != len(coalition):
            raise ValueError(f"information is for {len(self.information)} members; there are {len(coalition)}")
        known = [len(one) for one in self.information]
        for name in ("status_quo", "promised"):
            if (given := [len(one) for one in getattr(self, name)]) != known:
                raise ValueError(f"{name} has {given} entries by member; it must have {known}")
        return SideContractCertificate(
            economy=economy,
            rules=self.rules.build(),
            **self.contract_arrays(),
            coalition=coalition,
            information=tuple(
                tuple(_information(one, economy, member) for one in known)
                for member, known in zip(coalition, self.information, strict=True)
            ),
            clauses=tuple(clause.build() for clause in self.clauses),
            status_quo=tuple(array_of("status_quo", one) for one in self.status_quo),
            promised=tuple(array_of("promised", one) for one in self.promised),
            misreport_gain=self.misreport_gain,
            outcomes=tuple(one.build() for one in self.outcomes),
            reaction=built_reaction(self.reaction, economy),
        )


def side_contract_document(certificate: SideContractCertificate) -> dict[str, Any]:
    """Return the content of a side-contract's certificate."""
    economy = certificate.economy
    return {
        "certifies": "side-contract",
        **market_document(economy, certificate.rules),
        **fields_of(certificate, CONTRACT_ARRAYS),
        "coalition": names_of(certificate.coalition, economy),
        "information": [
            [{"type": economy.players[member].types[one.type].name, "profiles": list(one.profiles)} for one in known]
            for member, known in zip(certificate.coalition, certificate.information, strict=True)
        ],
        "clauses": [
            {
                **fields_of(clause, ("reports", "profiles", "probability", "side_transfers")),
                **fields_of(clause.actions, ACTION_ARRAYS),
            }
            for clause in certificate.clauses
        ],
        **fields_of(certificate, ("status_quo", "promised", "misreport_gain")),
        "outcomes": [fields_of(one, StoredClauseOutcome.model_fields) for one in certificate.outcomes],
        "reaction": reaction_document(certificate.reaction),
    }


def _information(stored: StoredInformation, economy: Economy, member: int) -> Information:
    player = economy.players[member]
    names = [kind.name for kind in player.types]
    return Information(place_of(stored.type, names, f"information of {player.name}"), tuple(stored.profiles))
