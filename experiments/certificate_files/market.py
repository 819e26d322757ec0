"""What a certificate about the market game stores: the situation of a coalition, and its deviation.

Lists are in the order of the economy's players and goods; where there are several draws that the coalition cannot tell
apart, the draw comes first.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypedDict, override

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
from marketgame.experiments.certificate_files.economy import (
    StoredEconomy,
    economy_document,
)
from marketgame.experiments.certificate_files.reaction import (
    StoredReaction,
    built_reaction,
    reaction_document,
)
from marketgame.experiments.files.economy_file import Name
from marketgame.experiments.files.input_file import InputModel
from marketgame.experiments.files.scenario_file import RulesInput
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates import Certificate
from marketgame.mechanisms.certificates.deviation import (
    Claim,
    DeviationCertificate,
)
from marketgame.mechanisms.certificates.misreport import MisreportCertificate
from marketgame.mechanisms.certificates.plays import (
    DeviationOutcome,
    PlayOutcome,
)
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    Situation,
)
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.rules import MarketRules

SITUATION_ARRAYS = ("probability", "quotes", "orders", "announced_endowments", "transfers")
CONTRACT_ARRAYS = ("numeraire_transfers", "prices")
LIE_ARRAYS = ("quotes", "orders", "announced_endowments")


class ContractArrays(TypedDict):
    """The arrays by which a certificate says which grand contract it is about."""

    numeraire_transfers: FloatArray
    prices: FloatArray | None


class MarketContent(InputModel):
    """What every certificate about a market says."""

    certifies: str = Field(description="what the certificate is about")
    economy: StoredEconomy = Field(description="who trades what")
    rules: RulesInput = Field(description="how the market settles")

    @abstractmethod
    def build(self) -> Certificate:
        """Return the certificate.

        Raises:
            ValueError: the parts do not go together.
        """


class ContractContent(MarketContent):
    """What every certificate about a grand contract says."""

    numeraire_transfers: Matrix = Field(description="of the grand contract, by type profile and player; numeraire")
    prices: Matrix | None = Field(
        None,
        description="of the grand contract, by type profile and good; those that the efficient allocation comes with "
        "if left out; numeraire per unit",
    )

    def contract_arrays(self) -> ContractArrays:
        """Return payments and prices of the grand contract.

        Raises:
            ValueError: lists are ragged.
        """
        return ContractArrays(
            numeraire_transfers=array_of("numeraire_transfers", self.numeraire_transfers),
            prices=None if self.prices is None else array_of("prices", self.prices),
        )


class StoredSituation(InputModel):
    """Who deviates, and what everybody was to play."""

    coalition: list[Name] = Field(min_length=1, description="the members' names, in the order of the players")
    probability: Vector = Field(min_length=1, description="of each draw")
    types: list[list[Name]] = Field(description="every player's true type, by draw")
    quotes: list[Matrix] = Field(description="by draw, player and good; numeraire per unit")
    orders: list[Orders] = Field(description="by draw, ordering player, player ordered from, and good; units")
    announced_endowments: list[Matrix] = Field(description="by draw, player and good; units")
    transfers: Matrix = Field(description="purchasing power by draw and player; numeraire")
    reaction: StoredReaction | None = Field(
        None, description="by what rule outsiders answer quotes that are not the contract's; none if they play on"
    )

    def build(self, economy: Economy, rules: RulesInput) -> Situation:
        """Return the situation.

        Raises:
            ValueError: it is not one of the economy.
        """
        return Situation(
            economy=economy,
            rules=rules.build(),
            coalition=coalition_of(self.coalition, economy),
            profiles=np.array([self._profile(names, economy) for names in self.types]),
            reaction=built_reaction(self.reaction, economy),
            efficient=None,
            **arrays_in(self, SITUATION_ARRAYS),
        )

    @staticmethod
    def _profile(names: list[str], economy: Economy) -> list[int]:
        if len(names) != len(economy.players):
            raise ValueError(f"types has {len(names)} entries in a draw; it must have {len(economy.players)}")
        return [
            place_of(name, [kind.name for kind in player.types], f"types of {player.name}")
            for name, player in zip(names, economy.players, strict=True)
        ]


class StoredAction(InputModel):
    """What the members do instead, the same in all draws."""

    quotes: Matrix = Field(description="by member and good; numeraire per unit")
    orders: Orders = Field(description="by member, player ordered from, and good; units")
    announced_endowments: Matrix = Field(description="by member and good; units")
    side_transfers: Vector = Field(description="what each member receives from the others; numeraire, sum zero")

    def build(self) -> JointAction:
        """Return the joint action.

        Raises:
            ValueError: shapes disagree or a number is not allowed.
        """
        return JointAction(**arrays_in(self))


class StoredPlayOutcome(InputModel):
    """How a play ends."""

    cost: Matrix = Field(description="of what is traded, by draw and player; numeraire")
    bankrupt: list[list[bool]] = Field(description="by draw and player")
    consumption: list[Matrix] = Field(description="by draw, player and good; units")
    utility: Matrix = Field(description="by draw and player; numeraire")

    def build(self, players: int) -> PlayOutcome:
        """Return the outcome.

        Raises:
            ValueError: lists are ragged, or bankruptcies are those of another number of players.
        """
        outcome = PlayOutcome(**arrays_in(self))
        if outcome.bankrupt.shape[1:] != (players,):
            raise ValueError(f"bankrupt has shape {outcome.bankrupt.shape}; a draw must have {players} entries")
        return outcome


class StoredDeviationOutcome(InputModel):
    """The numbers that the certificate claims."""

    before: StoredPlayOutcome = Field(description="the play that everybody was to follow")
    after: StoredPlayOutcome = Field(description="the play with the deviation")
    promised: Vector = Field(description="what each player expects before; numeraire")
    obtained: Vector = Field(description="what each player expects after; numeraire")
    gain: Vector = Field(description="the difference; numeraire")

    def build(self, players: int) -> DeviationOutcome:
        """Return the outcome.

        Raises:
            ValueError: lists are ragged or for another number of players.
        """
        expected = arrays_in(self, ("promised", "obtained", "gain"))
        for name, array in expected.items():
            if len(array) != players:
                raise ValueError(f"outcome.{name} has {len(array)} entries; it must have {players}")
        return DeviationOutcome(self.before.build(players), self.after.build(players), **expected)


class DeviationContent(ContractContent):
    """A coalition, its joint action, and what everybody gets with and without it."""

    certifies: Literal["deviation"] = Field(description="what the certificate is about")
    situation: StoredSituation = Field(description="who deviates, and what everybody was to play")
    replies: None = Field(None, description="null: how outsiders react to quotes is the situation's reaction")
    action: StoredAction = Field(description="what the members do instead")
    claim: Annotated[Claim, Field(strict=False)] = Field(
        description="improvement: no member loses and some member gains; total-gain: the members together gain"
    )
    outcome: StoredDeviationOutcome = Field(description="the numbers claimed")

    @override
    def build(self) -> DeviationCertificate:
        return DeviationCertificate(
            situation=self.situation.build(self.economy.build(), self.rules),
            action=self.action.build(),
            **self.contract_arrays(),
            claim=self.claim,
            outcome=self.outcome.build(len(self.economy.players)),
        )


class MisreportContent(ContractContent):
    """A type that gains by reporting another to the grand contract."""

    certifies: Literal["misreport"] = Field(description="what the certificate is about")
    player: Name = Field(description="who lies")
    true_type: Name = Field(description="its type")
    reported_type: Name = Field(description="what it reports")
    quotes: Matrix = Field(
        description="what it then quotes, by draw and good, a draw for each profile possible for its type; numeraire "
        "per unit"
    )
    orders: list[Matrix] = Field(description="what it then orders, by draw, player ordered from, and good; units")
    announced_endowments: Matrix = Field(description="what it then announces, by draw and good; units")
    outcome: StoredDeviationOutcome = Field(description="the numbers claimed")

    @override
    def build(self) -> MisreportCertificate:
        economy = self.economy.build()
        player = place_of(self.player, economy.player_names, "player")
        kinds = [kind.name for kind in economy.players[player].types]
        return MisreportCertificate(
            economy=economy,
            rules=self.rules.build(),
            **self.contract_arrays(),
            player=player,
            true_type=place_of(self.true_type, kinds, "true_type"),
            reported_type=place_of(self.reported_type, kinds, "reported_type"),
            outcome=self.outcome.build(len(economy.players)),
            **arrays_in(self, LIE_ARRAYS),
        )


def deviation_document(certificate: DeviationCertificate) -> dict[str, Any]:
    """Return the content of a deviation's certificate."""
    situation = certificate.situation
    return {
        "certifies": "deviation",
        **market_document(situation.economy, situation.rules),
        **fields_of(certificate, CONTRACT_ARRAYS),
        "situation": situation_document(situation),
        "action": fields_of(certificate.action, StoredAction.model_fields),
        "claim": certificate.claim.value,
        "outcome": outcome_document(certificate.outcome),
    }


def misreport_document(certificate: MisreportCertificate) -> dict[str, Any]:
    """Return the content of a misreport's certificate."""
    liar = certificate.economy.players[certificate.player]
    return {
        "certifies": "misreport",
        **market_document(certificate.economy, certificate.rules),
        **fields_of(certificate, CONTRACT_ARRAYS),
        "player": liar.name,
        "true_type": liar.types[certificate.true_type].name,
        "reported_type": liar.types[certificate.reported_type].name,
        **fields_of(certificate, LIE_ARRAYS),
        "outcome": outcome_document(certificate.outcome),
    }


def situation_document(situation: Situation) -> dict[str, Any]:
    """Return a situation without its economy and rules."""
    economy = situation.economy
    return {
        "coalition": names_of(situation.coalition, economy),
        "types": [list(economy.type_names(profile).values()) for profile in situation.profiles],
        **fields_of(situation, SITUATION_ARRAYS),
        "reaction": reaction_document(situation.reaction),
    }


def outcome_document(outcome: DeviationOutcome) -> dict[str, Any]:
    """Return the numbers that a certificate claims."""
    before, after = (fields_of(play, StoredPlayOutcome.model_fields) for play in (outcome.before, outcome.after))
    return {"before": before, "after": after, **fields_of(outcome, ("promised", "obtained", "gain"))}


def market_document(economy: Economy, rules: MarketRules) -> dict[str, Any]:
    """Return economy and rules as a certificate stores them."""
    return {"economy": economy_document(economy), "rules": fields_of(rules, RulesInput.model_fields)}


def names_of(coalition: Sequence[int], economy: Economy) -> list[str]:
    """Return the names of a coalition's members."""
    return [economy.player_names[member] for member in coalition]


def coalition_of(names: list[str], economy: Economy) -> tuple[int, ...]:
    """Return the numbers of a coalition's members.

    Raises:
        ValueError: a name is unknown, repeated, or out of order.
    """
    members = tuple(place_of(name, economy.player_names, "coalition") for name in names)
    if list(members) != sorted(set(members)):
        raise ValueError(f"coalition is {names}; it must list members once, in the order of the players")
    return members


def place_of(name: str, names: Sequence[str], what: str) -> int:
    """Return where a name stands among others.

    Raises:
        ValueError: it is not among them.
    """
    if name not in names:
        raise ValueError(f"{what} has {name!r}; it must be one of {', '.join(names)}")
    return list(names).index(name)
