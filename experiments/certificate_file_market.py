"""What a certificate about the market game stores: the situation of a coalition, its deviation, and a bound.

Lists are in the order of the economy's players and goods; where there are several draws that the coalition cannot tell
apart, the draw comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from experiments.certificate_file_arrays import array_of
from experiments.certificate_file_economy import Name, StoredEconomy, economy_document
from experiments.certificate_file_reaction import StoredReaction, built_reaction, reaction_document
from experiments.input_file import InputModel
from experiments.scenario_file import RulesInput
from mechanisms.arrays import FloatArray
from mechanisms.certificates.bound import BoundCertificate
from mechanisms.certificates.deviation import Claim, DeviationCertificate, DeviationOutcome
from mechanisms.certificates.misreport import MisreportCertificate
from mechanisms.certificates.plays import PlayOutcome, RecordedReplies
from mechanisms.deviations.bounds import Bound, BoundReason
from mechanisms.deviations.situation import JointAction, Situation
from mechanisms.economy import Economy
from mechanisms.market_rules import MarketRules

type Vector = list[float]
type Matrix = list[list[float]]
type Orders = list[list[list[float]]]


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

    def build(self, economy: Economy, rules: RulesInput, replies: RecordedReplies | None = None) -> Situation:
        """Return the situation.

        Raises:
            ValueError: it is not one of the economy, or both a rule and replies say how outsiders react.
        """
        if replies is not None and self.reaction is not None:
            raise ValueError("replies are given beside situation.reaction; outsiders react in one way")
        return Situation(
            economy=economy,
            rules=rules.build(),
            coalition=coalition_of(self.coalition, economy),
            probability=array_of("probability", self.probability),
            profiles=np.array([self._profile(names, economy) for names in self.types]),
            quotes=array_of("quotes", self.quotes),
            orders=array_of("orders", self.orders),
            announced_endowments=array_of("announced_endowments", self.announced_endowments),
            transfers=array_of("transfers", self.transfers),
            reaction=built_reaction(self.reaction) if replies is None else replies,
        )

    @staticmethod
    def _profile(names: list[str], economy: Economy) -> list[int]:
        if len(names) != len(economy.players):
            raise ValueError(f"types has {len(names)} entries in a draw; it must have {len(economy.players)}")
        return [
            place_of(name, [kind.name for kind in player.types], f"types of {player.name}")
            for name, player in zip(names, economy.players, strict=True)
        ]


class StoredReplies(InputModel):
    """How outsiders answered the quotes they saw, by draw; only their own rows count."""

    orders: list[Orders] = Field(description="by draw, ordering player, player ordered from, and good; units")
    announced_endowments: list[Matrix] = Field(description="by draw, player and good; units")


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
        return JointAction(
            array_of("quotes", self.quotes),
            array_of("orders", self.orders),
            array_of("announced_endowments", self.announced_endowments),
            array_of("side_transfers", self.side_transfers),
        )


class StoredPlayOutcome(InputModel):
    """How a play ends."""

    cost: Matrix = Field(description="of what is traded, by draw and player; numeraire")
    bankrupt: list[list[bool]] = Field(description="by draw and player")
    consumption: list[Matrix] = Field(description="by draw, player and good; units")
    utility: Matrix = Field(description="by draw and player; numeraire")

    def build(self) -> PlayOutcome:
        """Return the outcome."""
        return PlayOutcome(
            array_of("cost", self.cost),
            array_of("bankrupt", self.bankrupt).astype(np.bool_),
            array_of("consumption", self.consumption),
            array_of("utility", self.utility),
        )


class StoredDeviationOutcome(InputModel):
    """The numbers that the certificate claims."""

    before: StoredPlayOutcome = Field(description="the play that everybody was to follow")
    after: StoredPlayOutcome = Field(description="the play with the deviation")
    promised: Vector = Field(description="what each player expects before; numeraire")
    obtained: Vector = Field(description="what each player expects after; numeraire")
    gain: Vector = Field(description="the difference; numeraire")

    def build(self) -> DeviationOutcome:
        """Return the outcome."""
        promised, obtained, gain = map(np.array, (self.promised, self.obtained, self.gain))
        return DeviationOutcome(self.before.build(), self.after.build(), promised, obtained, gain)


class DeviationContent(InputModel):
    """A coalition, its joint action, and what everybody gets with and without it."""

    certifies: Literal["deviation"] = Field(description="what the certificate is about")
    economy: StoredEconomy = Field(description="who trades what")
    rules: RulesInput = Field(description="how the market settles")
    numeraire_transfers: Matrix | None = Field(
        description="of the grand contract that prescribes the play, by type profile and player, or null if another "
        "contract does; numeraire"
    )
    situation: StoredSituation = Field(description="who deviates, and what everybody was to play")
    replies: StoredReplies | None = Field(
        description="how outsiders reacted, or null if they played on or reacted by the situation's rule"
    )
    action: StoredAction = Field(description="what the members do instead")
    claim: Annotated[Claim, Field(strict=False)] = Field(
        description="improvement: no member loses and some member gains; total-gain: the members together gain"
    )
    outcome: StoredDeviationOutcome = Field(description="the numbers claimed")

    def build(self) -> DeviationCertificate:
        """Return the certificate.

        Raises:
            ValueError: the parts do not go together.
        """
        replies = None
        if self.replies is not None:
            replies = RecordedReplies(
                array_of("replies.orders", self.replies.orders),
                array_of("replies.announced_endowments", self.replies.announced_endowments),
            )
        transfers = self.numeraire_transfers
        return DeviationCertificate(
            situation=self.situation.build(self.economy.build(), self.rules, replies),
            action=self.action.build(),
            numeraire_transfers=None if transfers is None else array_of("numeraire_transfers", transfers),
            claim=self.claim,
            outcome=self.outcome.build(),
        )


class MisreportContent(InputModel):
    """A type that gains by reporting another to the grand contract."""

    certifies: Literal["misreport"] = Field(description="what the certificate is about")
    economy: StoredEconomy = Field(description="who trades what")
    rules: RulesInput = Field(description="how the market settles")
    numeraire_transfers: Matrix = Field(description="of the grand contract, by type profile and player; numeraire")
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

    def build(self) -> MisreportCertificate:
        """Return the certificate.

        Raises:
            ValueError: the parts do not go together.
        """
        economy = self.economy.build()
        player = place_of(self.player, economy.player_names, "player")
        kinds = [kind.name for kind in economy.players[player].types]
        return MisreportCertificate(
            economy=economy,
            rules=self.rules.build(),
            numeraire_transfers=array_of("numeraire_transfers", self.numeraire_transfers),
            player=player,
            true_type=place_of(self.true_type, kinds, "true_type"),
            reported_type=place_of(self.reported_type, kinds, "reported_type"),
            quotes=array_of("quotes", self.quotes),
            orders=array_of("orders", self.orders),
            announced_endowments=array_of("announced_endowments", self.announced_endowments),
            outcome=self.outcome.build(),
        )


class StoredBound(InputModel):
    """An upper bound on what the members can gain together, and the prices of its proof."""

    reason: Annotated[BoundReason, Field(strict=False)] = Field(description="why it holds")
    total_utility: float = Field(description="what the members' expected utilities cannot exceed in sum; numeraire")
    total_gain: float = Field(description="the same less what they expect without deviating; numeraire")
    prices: Matrix = Field(description="of the duality argument, by draw and good; numeraire per unit")


class BoundContent(InputModel):
    """Why a coalition cannot gain."""

    certifies: Literal["bound"] = Field(description="what the certificate is about")
    economy: StoredEconomy = Field(description="who trades what")
    rules: RulesInput = Field(description="how the market settles")
    situation: StoredSituation = Field(description="who might deviate, and what everybody is to play")
    status_quo: float = Field(description="what the members expect together without deviating; numeraire")
    bound: StoredBound = Field(description="on what they can gain")

    def build(self) -> BoundCertificate:
        """Return the certificate.

        Raises:
            ValueError: the parts do not go together.
        """
        stored = self.bound
        bound = Bound(stored.reason, stored.total_utility, stored.total_gain, array_of("bound.prices", stored.prices))
        return BoundCertificate(self.situation.build(self.economy.build(), self.rules), bound, self.status_quo)


def deviation_document(certificate: DeviationCertificate) -> dict[str, Any]:
    """Return the content of a deviation's certificate."""
    situation, action, outcome = certificate.situation, certificate.action, certificate.outcome
    replies = situation.reaction if isinstance(situation.reaction, RecordedReplies) else None
    return {
        "certifies": "deviation",
        **market_document(situation.economy, situation.rules),
        "numeraire_transfers": _listed(certificate.numeraire_transfers),
        "situation": situation_document(situation),
        "replies": None if replies is None else _arrays(replies, ("orders", "announced_endowments")),
        "action": _arrays(action, ("quotes", "orders", "announced_endowments", "side_transfers")),
        "claim": certificate.claim.value,
        "outcome": _outcome_document(outcome),
    }


def misreport_document(certificate: MisreportCertificate) -> dict[str, Any]:
    """Return the content of a misreport's certificate."""
    liar = certificate.economy.players[certificate.player]
    return {
        "certifies": "misreport",
        **market_document(certificate.economy, certificate.rules),
        "numeraire_transfers": certificate.numeraire_transfers.tolist(),
        "player": liar.name,
        "true_type": liar.types[certificate.true_type].name,
        "reported_type": liar.types[certificate.reported_type].name,
        **_arrays(certificate, ("quotes", "orders", "announced_endowments")),
        "outcome": _outcome_document(certificate.outcome),
    }


def bound_document(certificate: BoundCertificate) -> dict[str, Any]:
    """Return the content of a bound's certificate."""
    bound = certificate.bound
    return {
        "certifies": "bound",
        **market_document(certificate.situation.economy, certificate.situation.rules),
        "situation": situation_document(certificate.situation),
        "status_quo": certificate.status_quo,
        "bound": {
            "reason": bound.reason.value,
            "total_utility": bound.total_utility,
            "total_gain": bound.total_gain,
            "prices": bound.prices.tolist(),
        },
    }


def situation_document(situation: Situation) -> dict[str, Any]:
    """Return a situation without its economy and rules."""
    economy = situation.economy
    return {
        "coalition": [economy.player_names[member] for member in situation.coalition],
        "types": [list(economy.type_names(profile).values()) for profile in situation.profiles],
        **_arrays(situation, ("probability", "quotes", "orders", "announced_endowments", "transfers")),
        "reaction": None if isinstance(situation.reaction, RecordedReplies) else reaction_document(situation.reaction),
    }


def market_document(economy: Economy, rules: MarketRules) -> dict[str, Any]:
    """Return economy and rules as a certificate stores them."""
    names = ("pricing", "solvency", "bankruptcy", "coverage", "withholding", "timing")
    return {"economy": economy_document(economy), "rules": {name: str(getattr(rules, name)) for name in names}}


def _outcome_document(outcome: DeviationOutcome) -> dict[str, Any]:
    return {
        "before": _arrays(outcome.before, ("cost", "bankrupt", "consumption", "utility")),
        "after": _arrays(outcome.after, ("cost", "bankrupt", "consumption", "utility")),
        **_arrays(outcome, ("promised", "obtained", "gain")),
    }


def _arrays(holder: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _listed(getattr(holder, name)) for name in names}


def _listed(array: FloatArray | None) -> Any:
    return None if array is None else array.tolist()


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
