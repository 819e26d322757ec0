"""What each kind of certificate holds, where that is not simply what its dataclass holds.

Players, types and coalitions are written by their names, which say more than numbers; economy and rules come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from marketgame.agents.behaviours import ReactiveArbitraging, ReactiveWithholding
from marketgame.experiments.certificate_files.economy import StoredEconomy, StoredGame, economy_document, game_document
from marketgame.experiments.certificate_files.forms import (
    FORMS,
    LAYOUTS,
    Form,
    Key,
    Record,
    Seen,
    listed,
    optional,
    tagged,
)
from marketgame.experiments.files.economy_file import Name
from marketgame.experiments.files.scenario_file import RulesInput
from marketgame.mechanisms.blocking.severance_range import BlockedRange
from marketgame.mechanisms.certificates.blocking import BlockingCertificate, InhibitionCertificate
from marketgame.mechanisms.certificates.compared_market import ComparedMarketCertificate
from marketgame.mechanisms.certificates.compared_welfare import ComparedWelfareCertificate
from marketgame.mechanisms.certificates.counted_stability import CountedStabilityCertificate
from marketgame.mechanisms.certificates.deviation import DeviationCertificate
from marketgame.mechanisms.certificates.durability import DurabilityCertificate
from marketgame.mechanisms.certificates.finite_agreement import FiniteAgreementCertificate
from marketgame.mechanisms.certificates.hidden_ruin import HiddenRuinCertificate
from marketgame.mechanisms.certificates.joint_misreport import JointMisreportCertificate
from marketgame.mechanisms.certificates.joint_truth import JointTruthCertificate
from marketgame.mechanisms.certificates.misreport import MisreportCertificate
from marketgame.mechanisms.certificates.replies import RepliesBound, RepliesCertificate
from marketgame.mechanisms.certificates.sampled_lie import SampledLieCertificate
from marketgame.mechanisms.certificates.second_best import SecondBestCertificate
from marketgame.mechanisms.certificates.severance import SeveranceCertificate
from marketgame.mechanisms.certificates.side_contract import PartBound, SideContractCertificate
from marketgame.mechanisms.certificates.stability import CoalitionBound, StabilityCertificate
from marketgame.mechanisms.certificates.theorem import TheoremCertificate
from marketgame.mechanisms.certificates.welfare import FirstBestCertificate, ObedienceCertificate
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.collusion.side_contracts.side_contract import Clause
from marketgame.mechanisms.contracts.knowledge import Information
from marketgame.mechanisms.deviations.reactions import (
    ArbitrageAfterMisquotes,
    ReactionsByType,
    WithholdingAfterMisquotes,
    rule_of,
    storable,
)
from marketgame.mechanisms.deviations.situation import Reaction, Situation
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.simulation.market.sampled_play.certificate import CarelessCertificate, LearningCertificate, Market


def names_of(coalition: Sequence[int], economy: Economy) -> list[str]:
    """Return the names of a coalition's members."""
    return [economy.player_names[member] for member in coalition]


def place_of(name: str, names: Sequence[str], what: str) -> int:
    """Return where a name stands among others.

    Raises:
        ValueError: it is not among them.
    """
    if name not in names:
        raise ValueError(f"{what} has {name!r}; it must be one of {', '.join(names)}")
    return list(names).index(name)


def coalition_of(names: list[str], seen: Seen) -> tuple[int, ...]:
    """Return the numbers of a coalition's members.

    Raises:
        ValueError: a name is unknown, repeated, or out of order.
    """
    return _members(names, seen.parts["economy"].player_names)


def _members(names: list[str], players: Sequence[str]) -> tuple[int, ...]:
    members = tuple(place_of(name, players, "coalition") for name in names)
    if list(members) != sorted(set(members)):
        raise ValueError(f"coalition is {names}; it must list members once, in the order of the players")
    return members


def reaction_document(reaction: Reaction | None) -> dict[str, Any] | None:
    """Return a reaction as a certificate stores it.

    Raises:
        ValueError: a certificate cannot store it.
    """
    document: dict[str, Any] | None = REACTION.write(storable(reaction), Seen())
    return document


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


def _kinds(seen: Seen, player: int) -> list[str]:
    return [kind.name for kind in seen.parts["economy"].players[player].types]


def _profiles(stored: list[list[str]], seen: Seen) -> Any:
    names = seen.parts["economy"].player_names
    for given in stored:
        if len(given) != len(names):
            raise ValueError(f"types has {len(given)} entries in a draw; it must have {len(names)}")
    return np.array(
        [
            [place_of(one, _kinds(seen, player), f"types of {names[player]}") for player, one in enumerate(given)]
            for given in stored
        ]
    )


def _profile_names(profiles: Any, seen: Seen) -> list[list[str]]:
    return [list(seen.parts["economy"].type_names(profile).values()) for profile in profiles]


def _type_of(stored: str, seen: Seen) -> int:
    return place_of(stored, _kinds(seen, seen.parts["player"]), "types")


def _member_type(stored: str, seen: Seen) -> int:
    player = seen.parts["coalition"][seen.parts["member"]]
    return place_of(stored, _kinds(seen, player), f"information of {seen.parts['economy'].player_names[player]}")


def _types_of_members(stored: list[str], seen: Seen) -> tuple[int, ...]:
    members = seen.parts["coalition"]
    if len(stored) != len(members):
        raise ValueError(f"types of {len(stored)} members are given; there are {len(members)}")
    names = seen.parts["economy"].player_names
    return tuple(
        place_of(one, _kinds(seen, member), f"types of {names[member]}")
        for one, member in zip(stored, members, strict=True)
    )


def _information(stored: list[Any], seen: Seen) -> tuple[tuple[Information, ...], ...]:
    if len(stored) != len(seen.parts["coalition"]):
        raise ValueError(f"information is for {len(stored)} members; there are {len(seen.parts['coalition'])}")
    return tuple(KNOWN.read(one, _member(seen, place)) for place, one in enumerate(stored))


def _member(seen: Seen, place: int) -> Seen:
    inside = seen.inside()
    inside.parts["member"] = place
    return inside


def _reaction(stored: Any, seen: Seen) -> Any:
    reaction = ANY_REACTION.read(stored, seen)
    if isinstance(reaction, ReactionsByType):
        given, wanted = [len(kinds) for kinds in reaction.rules], list(seen.type_counts)
        if given != wanted:
            raise ValueError(f"reaction.rules are for players with {given} types; the economy's have {wanted}")
    return reaction


def _pair(link: list[int]) -> tuple[int, int]:
    if len(link) != 2:
        raise ValueError(f"links has {link}; it must be a pair of players")
    return link[0], link[1]


ECONOMY = Form(StoredEconomy, lambda stored, _: stored.build(), lambda economy, _: economy_document(economy))
GAME = Form(StoredGame, lambda stored, _: stored.build(), lambda game, _: game_document(game))
RULES = Form(
    RulesInput,
    lambda stored, _: stored.build(),
    lambda rules, _: {name: getattr(rules, name).value for name in RulesInput.model_fields},
)
FORMS.update({Economy: ECONOMY, CoalitionalGame: GAME, MarketRules: RULES})
COALITION = Form(
    Annotated[list[Name], Field(min_length=1)],
    coalition_of,
    lambda members, seen: names_of(members, seen.parts["economy"]),
)
# Of the players of a finite game, which no economy holds.
INSIDERS = Form(
    Annotated[list[Name], Field(min_length=1)],
    lambda names, seen: _members(names, seen.parts["players"]),
    lambda members, seen: [seen.parts["players"][member] for member in members],
)
PLAYER = Form(
    Name,
    lambda stored, seen: place_of(stored, seen.parts["economy"].player_names, "player"),
    lambda player, seen: seen.parts["economy"].player_names[player],
)
GOOD = Form(
    Name,
    lambda stored, seen: place_of(stored, seen.parts["economy"].goods[:-1], "good"),
    lambda good, seen: seen.parts["economy"].goods[good],
)
LIAR_TYPE = Form(
    Name,
    lambda stored, seen: place_of(stored, _kinds(seen, seen.parts["player"]), "the liar's types"),
    lambda kind, seen: _kinds(seen, seen.parts["player"])[kind],
)
MEMBER_TYPE = Form(
    Name,
    _member_type,
    lambda kind, seen: _kinds(seen, seen.parts["coalition"][seen.parts["member"]])[kind],
)
TYPES_OF_MEMBERS = Form(
    list[Name],
    _types_of_members,
    lambda kinds, seen: [
        _kinds(seen, member)[kind] for member, kind in zip(seen.parts["coalition"], kinds, strict=True)
    ],
)
KNOWN = listed(Record(Information, (Key("type", form=MEMBER_TYPE), "profiles")).form)
INFORMATION = Form(
    list[KNOWN.annotation],  # type: ignore[name-defined]
    _information,
    lambda known, seen: [KNOWN.write(one, _member(seen, place)) for place, one in enumerate(known)],
)
PROFILES = Form(list[list[Name]], _profiles, _profile_names)
LINKS = Form(
    list[list[int]],
    lambda stored, _: frozenset(map(_pair, stored)),
    lambda network, _: [list(link) for link in sorted(network)],
)
# All joint actions of a clause come with the same side-transfers, which are written once.
SIDE_TRANSFERS = Form(
    list[float],
    lambda stored, seen: np.tile(np.array(stored), (len(seen.parts["probability"]), 1)),
    lambda transfers, _: transfers[0].tolist(),
)
# Left out it means all sizes.
LARGEST = Form(
    Annotated[int, Field(ge=0)] | None,
    lambda stored, seen: min(len(seen.parts["economy"].players), np.inf if stored is None else stored),
)
ONE_RULE = (
    Record(WithholdingAfterMisquotes, tag=("rule", ReactiveWithholding.name)),
    Record(ArbitrageAfterMisquotes, tag=("rule", ReactiveArbitraging.name)),
)
BY_TYPE = Record(
    ReactionsByType, (Key("rules", form=listed(listed(optional(tagged(ONE_RULE))))),), tag=("rule", "by-type")
)
ANY_REACTION = tagged((*ONE_RULE, BY_TYPE))
REACTION = optional(Form(ANY_REACTION.annotation, _reaction, ANY_REACTION.write))
BOUND = Record(
    CoalitionBound, (Key("coalition", form=COALITION), "reason", "total_gain", Key("reaction", form=REACTION))
)
RANGE = Record(BlockedRange)
REPLIES_BOUND = Record(RepliesBound, (Key("coalition", form=COALITION), "total_gain", Key("reaction", form=REACTION)))
PART = Record(PartBound, (Key("members", form=COALITION), "gain"))

for layout in (
    Record(
        Situation,
        (
            Key("coalition", form=COALITION),
            Key("types", "profiles", PROFILES),
            "probability",
            Key("quotes", "prescribed.quotes", batch="K"),
            Key("orders", "prescribed.orders", batch="K"),
            Key("announced_endowments", "prescribed.announced_endowments", batch="K"),
            Key("transfers", "prescribed.transfers", batch="K"),
            Key("reaction", form=REACTION),
            Key("received", default=None),
        ),
    ),
    Record(
        Clause,
        (
            "reports",
            "profiles",
            "probability",
            Key("side_transfers", "actions.side_transfers", SIDE_TRANSFERS),
            Key("quotes", "actions.quotes", batch="B"),
            Key("orders", "actions.orders", batch="B"),
            Key("announced_endowments", "actions.announced_endowments", batch="B"),
            Key("answers", default=None),
        ),
    ),
    BOUND,
):
    LAYOUTS[layout.kind] = layout

MARKET = ("economy", "rules", Key("stated", default=None), "numeraire_transfers", "prices")
PLAYED_MARKET = Record(Market).form
ECONOMY_DRAWN_FROM = Form(
    StoredEconomy, lambda stored, _: stored.build(), lambda economy, _: economy_document(economy, drawn=True)
)
CERTIFIES = "certifies"
CERTIFICATES = (
    Record(
        DeviationCertificate,
        (
            Key("economy", "situation.economy", ECONOMY),
            Key("rules", "situation.rules", RULES),
            Key("stated", default=None),
            "numeraire_transfers",
            "prices",
            "situation",
            Key("replies", None, Form(None), default=None),
            "action",
            "claim",
            "outcome",
        ),
        (CERTIFIES, "deviation"),
    ),
    Record(
        SideContractCertificate,
        (
            *MARKET,
            Key("coalition", form=COALITION),
            Key("information", form=INFORMATION),
            "clauses",
            "status_quo",
            "promised",
            "misreport_gain",
            Key("outcomes", batch="B"),
            Key("reaction", form=REACTION),
            Key("kept_alone", default=False),
            Key("parts", form=listed(PART.form, maybe_none=True), default=()),
        ),
        (CERTIFIES, "side-contract"),
    ),
    Record(
        HiddenRuinCertificate,
        (
            *MARKET,
            Key("coalition", form=COALITION),
            "profile",
            Key("good", form=GOOD),
            "quote",
            "apart",
            "numbers",
            "odds",
            "status_quo",
            "winning",
            "losing",
            "promised",
            "temptation",
        ),
        (CERTIFIES, "hidden-ruin"),
    ),
    Record(
        MisreportCertificate,
        (
            *MARKET,
            Key("player", form=PLAYER),
            Key("true_type", form=LIAR_TYPE),
            Key("reported_type", form=LIAR_TYPE),
            "quotes",
            "orders",
            "announced_endowments",
            "outcome",
        ),
        (CERTIFIES, "misreport"),
    ),
    Record(
        JointMisreportCertificate,
        (
            *MARKET,
            Key("coalition", form=COALITION),
            Key("true_types", form=TYPES_OF_MEMBERS),
            Key("reported_types", form=TYPES_OF_MEMBERS),
            "outcome",
            "replies",
        ),
        (CERTIFIES, "joint-misreport"),
    ),
    Record(JointTruthCertificate, (*MARKET, "gains"), (CERTIFIES, "no-joint-lie-pays")),
    Record(
        RepliesCertificate,
        (*MARKET, Key("bounds", form=listed(REPLIES_BOUND.form))),
        (CERTIFIES, "no-lie-and-reply-pays"),
    ),
    Record(FirstBestCertificate, tag=(CERTIFIES, "first-best")),
    Record(ObedienceCertificate, (*MARKET, "gains"), (CERTIFIES, "obedience")),
    Record(SecondBestCertificate, tag=(CERTIFIES, "incentive-efficient")),
    Record(ComparedWelfareCertificate, tag=(CERTIFIES, "compared-obedience")),
    Record(
        SampledLieCertificate,
        (
            "economy",
            "rules",
            "transfers",
            Key("coalition", form=COALITION),
            Key("true_types", form=TYPES_OF_MEMBERS),
            Key("reported_types", form=TYPES_OF_MEMBERS),
            "draws",
            "gains",
            "standard_error",
        ),
        (CERTIFIES, "sampled-lie"),
    ),
    Record(
        ComparedMarketCertificate,
        (
            "economy",
            "market",
            Key("coalition", form=COALITION),
            Key("true_types", form=TYPES_OF_MEMBERS),
            Key("reported_types", form=TYPES_OF_MEMBERS),
            Key("bids", default=None),
            Key("offers", default=None),
            Key("limits", default=None),
            Key("holdings", default=None),
            Key("last", default=None),
            "gains",
            Key("temptation", default=None),
        ),
        (CERTIFIES, "compared-market"),
    ),
    Record(
        StabilityCertificate,
        (
            *MARKET,
            "misreport_gain",
            Key("largest_coalition", "largest", LARGEST),
            Key("named_coalitions", "named", listed(COALITION), default=()),
            Key("bounds", form=listed(BOUND.form, maybe_none=True)),
            "member_gains",
            "gain_after_lies",
        ),
        (CERTIFIES, "stability"),
    ),
    Record(
        FiniteAgreementCertificate,
        (
            "players",
            "types",
            "actions",
            "prior",
            "payoffs",
            "contract",
            Key("coalition", form=INSIDERS),
            "agreement",
            "status_quo",
            "promised",
        ),
        (CERTIFIES, "finite-agreement"),
    ),
    Record(
        TheoremCertificate,
        (
            "theorem",
            Key("economy", "instance.economy", ECONOMY),
            Key("market", "instance.market", default=None),
            Key("rules", "instance.rules", optional(RULES), default=None),
            Key("transfers", "instance.transfers", default=None),
            Key("stated", "instance.stated", default=None),
            Key("numeraire_transfers", "instance.numeraire_transfers", default=None),
            Key("prices", "instance.prices", default=None),
            Key("severance", "instance.severance", default=None),
            "premises",
        ),
        (CERTIFIES, "theorem"),
    ),
    Record(CountedStabilityCertificate, tag=(CERTIFIES, "stability-among-replicas")),
    Record(BlockingCertificate, tag=(CERTIFIES, "blocking-plan")),
    Record(
        InhibitionCertificate,
        (
            "game",
            "stakes",
            Key("weights", "virtual.weights"),
            Key("multipliers", "virtual.multipliers"),
            "support",
            Key("largest_coalition", "limits.largest"),
            Key("links", "limits.network", optional(LINKS)),
            "residuals",
        ),
        (CERTIFIES, "no-blocking-plan"),
    ),
    Record(DurabilityCertificate, tag=(CERTIFIES, "not-durable")),
    Record(
        SeveranceCertificate,
        ("game", "earned", Key("bound", default=None), Key("ranges", form=listed(RANGE.form, maybe_none=True))),
        (CERTIFIES, "severance"),
    ),
    Record(
        CarelessCertificate,
        (
            Key("economy", form=ECONOMY_DRAWN_FROM),
            Key("market", form=PLAYED_MARKET),
            "seed",
            "replications",
            "rounds",
            "kinds",
            Key("careless", form=listed(PLAYER)),
            "losses",
            "uncertainty",
            "verdict",
        ),
        (CERTIFIES, "careless-traders"),
    ),
    Record(
        LearningCertificate,
        (
            Key("economy", form=ECONOMY_DRAWN_FROM),
            Key("market", form=PLAYED_MARKET),
            "seed",
            "replications",
            "rounds",
            Key("learners", form=listed(PLAYER)),
            "missed",
            "uncertainty",
            "value",
            "obedience",
            "verdict",
        ),
        (CERTIFIES, "learning-traders"),
    ),
)
TAGS = {record.kind: record.tag[1] for record in CERTIFICATES if record.tag is not None}
CONTENT = tagged(CERTIFICATES)
"""What is certified."""
