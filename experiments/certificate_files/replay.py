"""What ``marketgame replay`` answers: a certificate played again, its numbers beside the recomputed ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from itertools import product
from typing import Any

import numpy as np
from rich.console import Console

from marketgame.experiments.certificate_files.contents import CERTIFIES, TAGS, names_of, reaction_text
from marketgame.experiments.certificate_files.played import AnyCertificate, verified_and_recomputed
from marketgame.experiments.printing import marked, members_named, named, number, table
from marketgame.mechanisms.arrays import FloatArray
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
from marketgame.mechanisms.certificates.plain.instance import Premise
from marketgame.mechanisms.certificates.replies import RepliesBound, RepliesCertificate
from marketgame.mechanisms.certificates.sampled_lie import SampledLieCertificate
from marketgame.mechanisms.certificates.second_best import SecondBestCertificate
from marketgame.mechanisms.certificates.severance import SeveranceCertificate
from marketgame.mechanisms.certificates.side_contract import SideContractCertificate
from marketgame.mechanisms.certificates.stability import CoalitionBound, StabilityCertificate
from marketgame.mechanisms.certificates.theorem import TheoremCertificate
from marketgame.mechanisms.certificates.verification import Verification
from marketgame.mechanisms.certificates.welfare import FirstBestCertificate, ObedienceCertificate
from marketgame.mechanisms.contracts.stated import recommendation_odds
from marketgame.mechanisms.deviations.bounds import BoundReason, reason_by_member
from marketgame.mechanisms.economies.coalitions import MOST_LISTED
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.profiles import players_alike
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.simulation.market.sampled_play.certificate import CarelessCertificate, LearningCertificate, Market

type PlayedCertificate = DeviationCertificate | MisreportCertificate | JointMisreportCertificate
type ObeyedCertificate = ObedienceCertificate | ComparedWelfareCertificate
type WelfareCertificate = FirstBestCertificate | SecondBestCertificate | ObeyedCertificate
type ProofCertificate = (
    StabilityCertificate | CountedStabilityCertificate | JointTruthCertificate | RepliesCertificate | WelfareCertificate
)
type MarketCertificate = (
    PlayedCertificate
    | SampledLieCertificate
    | ComparedMarketCertificate
    | SideContractCertificate
    | HiddenRuinCertificate
    | ProofCertificate
)


@dataclass(frozen=True, eq=False)
class Replay:
    """A certificate, what its verification found, and the same certificate with its numbers recomputed.

    Attributes:
        certificate: as it is stored.
        verification: what is wrong with it.
        recomputed: as it should be; none if what it describes cannot be played.
    """

    certificate: AnyCertificate
    verification: Verification
    recomputed: AnyCertificate | None

    @property
    def confirmed(self) -> bool:
        """Whether the certificate proves what it claims."""
        return self.verification.confirmed

    def both(self, quantity: Callable[[Any], float]) -> tuple[float, float | None]:
        """Return a number as it is stored and as it is recomputed; none if it does not come out at all."""
        again = None
        if self.recomputed is not None:
            # A forged list may be longer than the one that comes out.
            with suppress(IndexError):
                again = float(quantity(self.recomputed))
        return float(quantity(self.certificate)), again


def entry(*steps: str | int) -> Callable[[Any], float]:
    """Return what reads a number of a certificate: the names of attributes and places in lists that lead to it."""

    def read(certificate: Any) -> float:
        node = certificate
        for step in steps:
            node = getattr(node, step) if isinstance(step, str) else node[step]
        return float(node)

    return read


def replayed(certificate: AnyCertificate) -> Replay:
    """Play a certificate again."""
    return Replay(certificate, *verified_and_recomputed(certificate))


def replay_document(replay: Replay) -> dict[str, Any]:
    """Return a replay as the JSON document of ``marketgame replay``."""
    verification = replay.verification
    return {
        "kind": "certificate",
        **_subject(replay),
        "confirmed": replay.confirmed,
        "mismatches": [
            {"quantity": one.quantity, "stored": one.stored, "recomputed": one.recomputed}
            for one in verification.mismatches
        ],
        "failures": list(verification.failures),
    }


def _subject(replay: Replay) -> dict[str, Any]:
    """Return what a certificate is about, with its main numbers as stored and as recomputed."""
    match replay.certificate:
        case BlockingCertificate():
            about: dict[str, Any] = {"profit": _pair(replay, entry("profit"))}
        case InhibitionCertificate():
            about = {"missed_by": _pair(replay, entry("residuals", "largest"))}
        case CarelessCertificate(economy=where):
            about = {
                "economy": where.name,
                "market": market_text(replay.certificate.market),
                "verdict": replay.certificate.verdict.value,
                "losses": [
                    {
                        "careless": where.player_names[player],
                        "kind": kind,
                        "loss": _pair(replay, entry("losses", case)),
                    }
                    for case, (player, kind) in enumerate(_cases(replay.certificate))
                ],
            }
        case LearningCertificate(economy=where):
            about = {
                "economy": where.name,
                "market": market_text(replay.certificate.market),
                "verdict": replay.certificate.verdict.value,
                **{name: _pair(replay, entry(name)) for name in LEARNT},
            }
        case FiniteAgreementCertificate() as agreed:
            members = [agreed.players[place] for place in agreed.coalition]
            about = {"coalition": members, "members": [*_told(agreed, replay)]}
        case DurabilityCertificate(game=game, coalition=members):
            about = {"coalition": [game.players[one] for one in members], "margin": _pair(replay, entry("margin"))}
        case SeveranceCertificate():
            about = {"bound": replay.certificate.bound, "ranges": len(replay.certificate.ranges)}
        case TheoremCertificate(theorem=theorem, premises=premises):
            about = {
                "economy": replay.certificate.economy.name,
                "theorem": theorem.value,
                "says": theorem.says,
                "proof": theorem.proof,
                "premises": [_premise(replay, place, premise) for place, premise in enumerate(premises)],
            }
        case stored:
            about = _market_subject(stored, replay)
    economy = {"economy": about.pop("economy")} if "economy" in about else {}
    return {**economy, CERTIFIES: TAGS[type(replay.certificate)], **about}


def _market_subject(stored: MarketCertificate, replay: Replay) -> dict[str, Any]:
    economy = stored.economy
    names = economy.player_names
    match stored:
        case DeviationCertificate(situation):
            about: dict[str, Any] = {
                "coalition": names_of(situation.coalition, economy),
                "claim": stored.claim.value,
                "players": {name: _player_document(replay, place) for place, name in enumerate(names)},
            }
        case SideContractCertificate():
            about = {
                "coalition": names_of(stored.coalition, economy),
                "misreport_gain": _pair(replay, entry("misreport_gain")),
                "members": {names[member]: _member(replay, place) for place, member in enumerate(stored.coalition)},
            }
        case HiddenRuinCertificate(coalition=members):
            about = {
                "coalition": names_of(members, economy),
                "profile": stored.profile,
                "hidden_numbers": stored.numbers,
                "members": {
                    names[member]: {
                        "odds": float(stored.odds[place]),
                        **{name: _pair(replay, entry(name, place)) for name in HIDDEN_RUIN_NUMBERS},
                    }
                    for place, member in enumerate(members)
                },
            }
        case MisreportCertificate():
            kinds = economy.players[stored.player].types
            about = {
                "coalition": [names[stored.player]],
                "true_type": kinds[stored.true_type].name,
                "reported_type": kinds[stored.reported_type].name,
                "players": {name: _player_document(replay, place) for place, name in enumerate(names)},
            }
        case JointMisreportCertificate(coalition=members):
            about = {
                "coalition": names_of(members, economy),
                "true_types": _types_of(stored, stored.true_types),
                "reported_types": _types_of(stored, stored.reported_types),
                "total_gain": _pair(replay, total_gain),
                "players": {name: _player_document(replay, place) for place, name in enumerate(names)},
            }
        case SampledLieCertificate(coalition=members):
            about = {
                "coalition": names_of(members, economy),
                "true_types": _types_of(stored, stored.true_types),
                "reported_types": _types_of(stored, stored.reported_types),
                "sampled": {"draws": stored.draws, "standard_error": _pair(replay, entry("standard_error"))},
                "total_gain": _pair(replay, entry("total_gain")),
            }
        case ComparedMarketCertificate(coalition=members):
            about = {
                "market": stored.market.value,
                "coalition": names_of(members, economy),
                "true_types": _types_of(stored, stored.true_types),
                "reported_types": _types_of(stored, stored.reported_types),
                "total_gain": _pair(replay, entry("total_gain")),
            }
        case _:
            about = _proof_subject(stored, replay)
    return {"economy": economy.name, **about}


def _welfare_subject(stored: WelfareCertificate, replay: Replay) -> dict[str, Any]:
    """Return what a welfare is, and beyond what it is not."""
    bounded = (
        {}
        if isinstance(stored, ObedienceCertificate | ComparedWelfareCertificate)
        else {"bound": _pair(replay, entry("bound"))}
    )
    return {"gains": _pair(replay, entry("gains")), **bounded}


def _proof_subject(stored: ProofCertificate, replay: Replay) -> dict[str, Any]:
    """Return what a proof is about: that nobody gains, or what everybody together does."""
    economy = stored.economy
    match stored:
        case FirstBestCertificate() | SecondBestCertificate() | ObedienceCertificate() | ComparedWelfareCertificate():
            return _welfare_subject(stored, replay)
        case JointTruthCertificate(gains=gains):
            return {
                "largest_coalition": len(gains),
                "total_gain": {f"of {size}": _pair(replay, entry("gains", size - 1)) for size in _sizes(gains)},
            }
        case RepliesCertificate(bounds=bounds):
            return {
                "largest_coalition": stored.largest,
                "coalitions": [names_of(bound.coalition, economy) for bound in bounds],
                "total_gain": _pair(replay, lambda one: max(bound.total_gain for bound in one.bounds)),
            }
        case StabilityCertificate():
            claimed = stored.about
            listed = claimed if claimed.count <= MOST_LISTED else (bound.coalition for bound in stored.bounds)
            return {
                "largest_coalition": stored.largest,
                "coalitions": [names_of(one, economy) for one in listed],
                **_of_lies(stored, replay),
                "total_gain": _pair(replay, _most_in_total),
            }
        case CountedStabilityCertificate():
            return {
                "largest_coalition": len(economy.players),
                "misreport_gain": _pair(replay, entry("misreport_gain")),
                "total_gain": _pair(replay, lambda one: np.maximum(one.member_gains, 0.0).sum()),
            }


def _of_lies(stored: StabilityCertificate, replay: Replay) -> dict[str, Any]:
    """Return what is claimed of lies that are obeyed, if something is."""
    return {} if stored.misreport_gain is None else {"misreport_gain": _pair(replay, entry("misreport_gain"))}


def _premise(replay: Replay, place: int, premise: Premise) -> dict[str, Any]:
    """Return a premise of a theorem, with what came out."""
    amount = None if premise.amount is None else _pair(replay, entry("premises", place, "amount"))
    return {"about": premise.about, "found": premise.found, "amount": amount}


def _most_in_total(stored: StabilityCertificate) -> float:
    """Return what no coalition that the proof is about gains beyond, numeraire."""
    by_member = [] if stored.member_gains is None else [float(np.maximum(stored.member_gains, 0.0).sum())]
    return max([bound.total_gain for bound in stored.bounds] + by_member)


def _member(replay: Replay, place: int) -> list[dict[str, Any]]:
    """Return what a member is promised, by what it knows."""
    stored = replay.certificate
    assert isinstance(stored, SideContractCertificate)
    kinds = stored.economy.players[stored.coalition[place]].types
    return [
        {
            "type": kinds[known.type].name,
            "profiles": list(known.profiles),
            "status_quo": _pair(replay, entry("status_quo", place, number)),
            "promised": _pair(replay, entry("promised", place, number)),
        }
        for number, known in enumerate(stored.information[place])
    ]


def _player_document(replay: Replay, place: int) -> dict[str, Any]:
    return {
        **{name: _pair(replay, entry("outcome", name, place)) for name in ("promised", "obtained", "gain")},
        "bankrupt": _pair(replay, lambda one: one.outcome.after.bankrupt[:, place].mean()),
    }


def _pair(replay: Replay, quantity: Callable[[Any], float]) -> dict[str, float | None]:
    """Return a number as it is stored and as it is recomputed."""
    return dict(zip(("stored", "recomputed"), replay.both(quantity), strict=True))


type Pair = tuple[float, float | None]

# What there is of each member of an agreement that only a guess breaks.
HIDDEN_RUIN_NUMBERS = ("status_quo", "winning", "losing", "promised", "temptation")

# Wrong numbers listed before the rest is only counted.
MOST_MISMATCHES = 30
UNPLAYABLE = "-"


def print_replay(replay: Replay, console: Console) -> None:
    """Print a replayed certificate: its numbers beside the recomputed ones, what is wrong, and the verdict."""
    printers: dict[type, Callable[[Any, Replay, Console], None]] = {
        DeviationCertificate: _print_deviation,
        SideContractCertificate: _print_side_contract,
        HiddenRuinCertificate: _print_hidden_ruin,
        MisreportCertificate: _print_misreport,
        JointMisreportCertificate: _print_joint_misreport,
        JointTruthCertificate: _print_joint_truth,
        RepliesCertificate: _print_replies,
        FirstBestCertificate: _print_first_best,
        ObedienceCertificate: _print_obedience,
        SecondBestCertificate: _print_second_best,
        ComparedWelfareCertificate: _print_compared_welfare,
        SampledLieCertificate: _print_sampled_lie,
        ComparedMarketCertificate: _print_compared_market,
        StabilityCertificate: _print_stability,
        CountedStabilityCertificate: _print_counted_stability,
        FiniteAgreementCertificate: _print_finite_agreement,
        BlockingCertificate: _print_plan,
        InhibitionCertificate: _print_inhibition,
        CarelessCertificate: _print_careless,
        LearningCertificate: _print_learning,
        DurabilityCertificate: _print_durability,
        SeveranceCertificate: _print_severance,
        TheoremCertificate: _print_theorem,
    }
    printers[type(replay.certificate)](replay.certificate, replay, console)
    _print_findings(replay, console)


def _print_heading(economy: Economy, text: str, rules: MarketRules, console: Console) -> None:
    console.print(f"[bold]{named(economy.name)}[/bold]: {marked(text)}")
    chosen = ", ".join(f"{rule.name} {getattr(rules, rule.name)}" for rule in fields(rules))
    console.print(f"rules: {chosen}\n", style="dim")


def _print_deviation(stored: DeviationCertificate, replay: Replay, console: Console) -> None:
    situation, economy = stored.situation, stored.economy
    text = f"{_joined(situation.coalition, economy)} deviating from what everybody was to play"
    _print_heading(economy, text, situation.rules, console)
    _print_outcome(stored, situation.coalition, replay, console)


def _print_misreport(stored: MisreportCertificate, replay: Replay, console: Console) -> None:
    liar = stored.economy.players[stored.player]
    true_type, reported = liar.types[stored.true_type].name, liar.types[stored.reported_type].name
    text = f"{liar.name} of type {true_type} reporting {reported}"
    _print_heading(stored.economy, text, stored.rules, console)
    _print_outcome(stored, (stored.player,), replay, console)


def _print_joint_misreport(stored: JointMisreportCertificate, replay: Replay, console: Console) -> None:
    text = _lies_told(stored)
    if stored.replies is not None:
        text += "; then playing otherwise than recommended"
    _print_heading(stored.economy, text, stored.rules, console)
    _print_outcome(stored, stored.coalition, replay, console)
    stored_sum, again = _shown(replay.both(total_gain), float(np.abs(stored.outcome.gain).max()))
    console.print(f"the members' gains in sum: {stored_sum}; recomputed: {again}")


def _print_joint_truth(stored: JointTruthCertificate, replay: Replay, console: Console) -> None:
    sizes = _sizes(stored.gains)
    text = f"{_nobody(len(sizes), stored.economy)} gains by reporting other types and obeying"
    _print_heading(stored.economy, text, stored.rules, console)
    scale = float(np.abs(stored.gains).max())
    rows = [[str(size), *_shown(replay.both(entry("gains", size - 1)), scale)] for size in sizes]
    title = "What members gain in sum by the joint lie that pays most, relative to what is at stake for them"
    console.print(table(title, ["members", "stored", "recomputed"], rows, texts=1))
    console.print("Every lie of every coalition of these sizes was told, after all types that members may have.")


def _sizes(gains: FloatArray) -> range:
    """Return the sizes of coalitions for each of which there is a number."""
    return range(1, len(gains) + 1)


def _print_replies(stored: RepliesCertificate, replay: Replay, console: Console) -> None:
    economy = stored.economy
    text = f"{_nobody(stored.largest, economy)} gains by reporting anything and doing anything after it"
    _print_heading(economy, text, stored.rules, console)
    scale = float(np.abs(stored.numeraire_transfers).max())
    rows = [
        [_joined(bound.coalition, economy), *_shown(replay.both(entry("bounds", place, "total_gain")), scale)]
        for place, bound in enumerate(stored.bounds)
    ]
    title = "Gain in sum at most, by any report and any replies to what is then heard"
    console.print(table(title, ["by", "stored", "recomputed"], rows, texts=1))
    _print_reactions(stored.bounds, economy, console)


def _nobody(largest: int, economy: Economy) -> str:
    """Return whom a claim is about, in words."""
    return "no coalition" if largest >= len(economy.players) else f"no coalition of up to {largest}"


def _print_first_best(stored: FirstBestCertificate, replay: Replay, console: Console) -> None:
    console.print(f"[bold]{named(stored.economy.name)}[/bold]: what trade can bring everybody together\n")
    rows = {
        "an allocation gains": replay.both(entry("gains")),
        "no allocation gains beyond": replay.both(entry("bound")),
    }
    _print_pairs(f"Expected gains over autarky, {stored.economy.money}", rows, 0.0, console)


def _print_obedience(stored: ObedienceCertificate, replay: Replay, console: Console) -> None:
    _print_heading(stored.economy, "what truth and obedience bring everybody together", stored.rules, console)
    rows = {"obedience gains": replay.both(entry("gains"))}
    _print_pairs(f"Expected gains over autarky, {stored.economy.money}", rows, 0.0, console)


def _print_second_best(stored: SecondBestCertificate, replay: Replay, console: Console) -> None:
    whoever = "everyone willing" if stored.willing else "willing or not"
    console.print(f"[bold]{named(stored.economy.name)}[/bold]: what incentives allow, {whoever}\n")
    rows = {"a mechanism gains": replay.both(entry("gains")), "no mechanism gains beyond": replay.both(entry("bound"))}
    _print_pairs(f"Expected gains over autarky, {stored.economy.money}", rows, 0.0, console)


def _print_compared_welfare(stored: ComparedWelfareCertificate, replay: Replay, console: Console) -> None:
    text = "what truth and obedience bring everybody together"
    console.print(f"[bold]{named(stored.economy.name)}[/bold]: {text}")
    console.print(f"{stored.market.value}\n", style="dim")
    rows = {"obedience gains": replay.both(entry("gains"))}
    _print_pairs(f"Expected gains over autarky, {stored.economy.money}", rows, 0.0, console)


def _print_sampled_lie(stored: SampledLieCertificate, replay: Replay, console: Console) -> None:
    _print_heading(stored.economy, _lies_told(stored), stored.rules, console)
    scale = float(np.abs(stored.gains).max())
    rows = [
        [name, *_shown(replay.both(entry("gains", place)), scale)]
        for place, name in enumerate(names_of(stored.coalition, stored.economy))
    ]
    rows += [
        ["in sum", *_shown(replay.both(entry("total_gain")), scale)],
        ["its standard error", *_shown(replay.both(entry("standard_error")), scale)],
    ]
    title = f"Mean gains, settled at {stored.draws} drawn profiles of the others' types"
    console.print(table(title, ["", "stored", "recomputed"], rows))
    console.print("Sampled: the members gain beyond what the draws leave uncertain, which is no proof.")


# What there is of learners.
LEARNT = {
    "missed": "missed of the promise, share of the gains from trade",
    "uncertainty": "half its 95% interval",
    "value": "what they bring, numeraire",
    "obedience": "share of plays in which they obey",
}


def market_text(market: Market) -> str:
    """Return in words where something was played."""
    if market.compared is not None:
        return market.compared.value
    return f"market game, transfers {'as stated' if market.transfers is None else market.transfers.value}"


def _cases(stored: CarelessCertificate) -> Iterator[tuple[int, str]]:
    return zip(stored.careless, stored.kinds, strict=True)


def _print_where(economy: Economy, text: str, market: Market, console: Console) -> None:
    if market.compared is None:
        _print_heading(economy, text, market.rules, console)
        return
    console.print(f"[bold]{named(economy.name)}[/bold]: {marked(text)}")
    console.print(f"{market.compared.value}\n", style="dim")


def _print_careless(stored: CarelessCertificate, replay: Replay, console: Console) -> None:
    _print_where(stored.economy, "careless traders, one at a time, among the obedient", stored.market, console)
    rows = [
        [f"{stored.economy.player_names[player]}, {kind}", *_shown(replay.both(entry("losses", case)), 1.0)]
        for case, (player, kind) in enumerate(_cases(stored))
    ]
    plays = f"{stored.replications} times {stored.rounds} plays each"
    title = f"What somebody obedient loses on average, share of the gains from trade; {plays}"
    console.print(table(title, ["careless", "stored", "recomputed"], rows))


def _print_learning(stored: LearningCertificate, replay: Replay, console: Console) -> None:
    who = f"{len(stored.learners)} of {len(stored.economy.players)} traders"
    _print_where(stored.economy, f"{who} learn, and begin with obedience", stored.market, console)
    rows = [[text, *_shown(replay.both(entry(name)), 1.0)] for name, text in LEARNT.items()]
    title = f"{stored.replications} replications of {stored.rounds} rounds; the last tenth counts"
    console.print(table(title, ["", "stored", "recomputed"], rows))


def _print_compared_market(stored: ComparedMarketCertificate, replay: Replay, console: Console) -> None:
    sends = stored.bids is not None or stored.limits is not None
    honest = stored.true_types == stored.reported_types
    said = f"{_joined(stored.coalition, stored.economy)} reporting the truth" if honest else _lies_told(stored)
    text = "; ".join([said, *(["then messages of their own"] if sends else [])])
    console.print(f"[bold]{named(stored.economy.name)}[/bold]: {marked(text)}")
    console.print(f"{stored.market.value}\n", style="dim")
    scale = float(np.abs(stored.gains).max())
    rows = [
        [name, *_shown(replay.both(entry("gains", place)), scale)]
        for place, name in enumerate(names_of(stored.coalition, stored.economy))
    ]
    rows.append(["in sum", *_shown(replay.both(entry("total_gain")), scale)])
    console.print(table("Expected gains over truth and obedience", ["", "stored", "recomputed"], rows))


type Lie = JointMisreportCertificate | SampledLieCertificate | ComparedMarketCertificate


def _lies_told(stored: Lie) -> str:
    types = zip(_types_of(stored, stored.true_types), _types_of(stored, stored.reported_types), strict=True)
    lies = zip(names_of(stored.coalition, stored.economy), types, strict=True)
    return "; ".join(f"{name} of type {true_type} reporting {reported}" for name, (true_type, reported) in lies)


def total_gain(certificate: JointMisreportCertificate) -> float:
    """Return what the members of a joint lie gain in sum, numeraire."""
    return float(certificate.outcome.gain[list(certificate.coalition)].sum())


def _types_of(stored: Lie, kinds: Sequence[int]) -> list[str]:
    """Return the names of members' types."""
    players = stored.economy.players
    return [players[member].types[kind].name for member, kind in zip(stored.coalition, kinds, strict=True)]


def _print_outcome(stored: PlayedCertificate, members: tuple[int, ...], replay: Replay, console: Console) -> None:
    economy = stored.economy
    columns = ["player", "", "promised", "recomputed", "gets", "recomputed", "gain", "recomputed"]
    # Gains may be far smaller than what everybody owns.
    outcome = stored.outcome
    scales = {name: float(np.abs(getattr(outcome, name)).max()) for name in ("promised", "obtained", "gain")}
    rows = []
    for place, name in enumerate(economy.player_names):
        row = [name, "member" if place in members else ""]
        for quantity, scale in scales.items():
            row += _shown(replay.both(entry("outcome", quantity, place)), scale)
        rows.append(row)
    console.print(table("Expected utilities, stored and recomputed", columns, rows, texts=2))
    if isinstance(found := replay.recomputed, DeviationCertificate | MisreportCertificate | JointMisreportCertificate):
        holdings = [f"{good} {when}" for good in economy.goods for when in ("before", "after")]
        columns = ["draw", "player", "bankrupt", *holdings]
        console.print(table("Recomputed: who goes bankrupt, and what each consumes", columns, _fates(found), texts=3))


def _fates(found: PlayedCertificate) -> Iterator[list[str]]:
    """Yield a row for every draw and player of a recomputed play."""
    before, after = found.outcome.before, found.outcome.after
    for draw in range(len(after.bankrupt)):
        for place, name in enumerate(found.economy.player_names):
            holdings = zip(before.consumption[draw, place], after.consumption[draw, place], strict=True)
            fate = "yes" if after.bankrupt[draw, place] else "no"
            fate += " (also before)" if before.bankrupt[draw, place] else ""
            numbers = [number(float(held), 1.0) for pair in holdings for held in pair]
            yield ["" if place else str(draw + 1), name, fate, *numbers]


def _print_side_contract(stored: SideContractCertificate, replay: Replay, console: Console) -> None:
    economy = stored.economy
    _print_heading(economy, f"side-contract of {_joined(stored.coalition, economy)}", stored.rules, console)
    if stored.reaction is not None:
        console.print(f"outsiders after a misquote: {marked(reaction_text(stored.reaction, economy))}\n", style="dim")
    if stored.kept_alone:
        console.print("claimed: no member gains by breaking it alone, whatever it reports and is drawn\n", style="dim")
    if stored.parts:
        claims = [
            [_joined(part.members, economy), *_shown(replay.both(entry("parts", place, "gain")), 1.0)]
            for place, part in enumerate(stored.parts)
        ]
        columns = ["members", "stored", "recomputed"]
        console.print(table("What some members gain at most by breaking it together", columns, claims, texts=1))
    scale = max(float(np.abs(kept).max(initial=0.0)) for kept in stored.status_quo)
    rows = []
    for place, member in enumerate(stored.coalition):
        kinds = economy.players[member].types
        for number_of, known in enumerate(stored.information[place]):
            row = [economy.player_names[member], kinds[known.type].name, ", ".join(map(str, known.profiles))]
            for quantity in ("status_quo", "promised"):
                row += _shown(replay.both(entry(quantity, place, number_of)), scale)
            rows.append(row)
    columns = ["member", "type", "profiles it thinks possible", "without", "recomputed", "promised", "recomputed"]
    console.print(table("What members expect, by what they know", columns, rows, texts=3))
    if isinstance(found := replay.recomputed, SideContractCertificate):
        gets = (f"{name} gets" for name in names_of(stored.coalition, economy))
        columns = ["profiles", "probability", "bankrupt", *gets]
        console.print(table("Recomputed: what the device draws, and what comes of it", columns, _draws(found), texts=3))


def _draws(found: SideContractCertificate) -> Iterator[list[str]]:
    """Yield a row for every clause and joint action that it draws."""
    names, members = found.economy.player_names, list(found.coalition)
    for clause, outcome in zip(found.clauses, found.outcomes, strict=True):
        likely = recommendation_odds(found.economy, found.stated)[list(clause.profiles)]
        for place, chance in enumerate(clause.probability):
            failed = outcome.bankrupt[place].any(axis=0)
            broke = ", ".join(name for name, fails in zip(names, failed, strict=True) if fails) or "nobody"
            utility = (likely / likely.sum()) @ outcome.utility[place]
            reports = "" if place else ", ".join(map(str, clause.profiles))
            yield [reports, number(float(chance)), broke, *(number(float(one), 1.0) for one in utility[members])]


def _print_hidden_ruin(stored: HiddenRuinCertificate, replay: Replay, console: Console) -> None:
    economy = stored.economy
    members = _joined(stored.coalition, economy)
    _print_heading(economy, f"{members} drawing which of them is to ruin the other", stored.rules, console)
    what = (
        f"nobody loses for certain but whoever is told the least of {stored.numbers:,} numbers, and before they are "
        "told neither expects to gain by breaking it what counts as a gain"
        if stored.told_seldom
        else f"whoever loses would have to guess one of {stored.numbers:,} numbers, {number(stored.apart)} "
        f"{economy.money} apart, and neither gains by breaking it what counts as a gain"
    )
    console.print(
        f"claimed: at profile {stored.profile} {what}\n",
        style="dim",
        soft_wrap=True,
    )
    scale, rows = float(np.abs(stored.winning).max()), []
    meanings = ("without", "if it wins", "if it loses", "promised", "by breaking it, at most")
    for place, name in enumerate(names_of(stored.coalition, economy)):
        rows.append([name, "odds of winning", *[number(float(stored.odds[place]))] * 2])
        for quantity, meaning in zip(HIDDEN_RUIN_NUMBERS, meanings, strict=True):
            size = 0.0 if quantity == "temptation" else scale
            rows.append(["", meaning, *_shown(replay.both(entry(quantity, place)), size)])
    console.print(table("What members expect", ["member", "", "stored", "recomputed"], rows, texts=2))


def told_pairs(stored: FiniteAgreementCertificate) -> list[tuple[str, str, str]]:
    """Return each member's name, type and recommendation, in the order of what they expect."""
    members = zip(stored.coalition, stored.told, strict=True)
    return [(stored.players[member], kind, told) for member, pairs in members for kind, told in pairs]


def _told(stored: FiniteAgreementCertificate, replay: Replay) -> Iterator[dict[str, Any]]:
    for place, pair in enumerate(told_pairs(stored)):
        who = dict(zip(("player", "type", "recommended"), pair, strict=True))
        yield {**who, **{name: _pair(replay, entry(name, place)) for name in ("status_quo", "promised")}}


def _print_finite_agreement(stored: FiniteAgreementCertificate, replay: Replay, console: Console) -> None:
    members = members_named([stored.players[place] for place in stored.coalition])
    console.print(f"[bold]finite game[/bold]: {marked(f'an agreement of {members} that no part of them breaks')}\n")
    rows = []
    for place, pair in enumerate(told_pairs(stored)):
        row = list(pair)
        for quantity in ("status_quo", "promised"):
            row += _shown(replay.both(entry(quantity, place)), 1.0)
        rows.append(row)
    columns = ["member", "type", "told by the contract", "without", "recomputed", "promised", "recomputed"]
    console.print(table("What members expect", columns, rows, texts=3))
    columns = ["reported", "played", "probability"]
    console.print(table("What is agreed", columns, _agreed_plays(stored), texts=2))


def _agreed_plays(stored: FiniteAgreementCertificate) -> Iterator[list[str]]:
    """Yield which joint actions follow which reports of the members, with their odds."""
    plays = [", ".join(joint) for joint in product(*(stored.actions[member] for member in stored.coalition))]
    for reports, odds in zip(product(*stored.told), stored.agreement, strict=True):
        said = "; ".join(", ".join(filter(None, pair)) for pair in reports)
        for play, chance in zip(plays, odds, strict=True):
            if chance > 0:
                yield [said, play, number(float(chance), 1.0)]


def _print_stability(stored: StabilityCertificate, replay: Replay, console: Console) -> None:
    economy = stored.economy
    _print_heading(economy, f"{_claim(stored)} {_when(stored)}", stored.rules, console)
    scale = float(np.abs(stored.numeraire_transfers).max())
    lies = stored.misreport_gain is not None
    rows = [["lie", "", *_shown(replay.both(entry("misreport_gain")), scale)]] if lies else []
    for place, bound in enumerate(stored.bounds):
        gain = replay.both(entry("bounds", place, "total_gain"))
        rows.append([_joined(bound.coalition, economy), bound.reason.value, *_shown(gain, scale)])
    reason = reason_by_member(stored.rules) or BoundReason.WEALTH
    for player in range(0 if stored.member_gains is None else len(stored.member_gains)):
        gain = replay.both(entry("member_gains", player))
        rows.append([f"{_joined((player,), economy)}, in a coalition", reason.value, *_shown(gain, scale)])
    if stored.gain_after_lies is not None:
        gain = replay.both(entry("gain_after_lies"))
        rows.append(["a lie, and anything that follows", BoundReason.DEPOSITS.value, *_shown(gain, scale)])
    console.print(table("Gain at most", ["by", "bound", "stored", "recomputed"], rows, texts=2))
    if stored.member_gains is not None:
        console.print("Every other coalition gains at most what its members do in sum.")
    _print_reactions(stored.bounds, economy, console)


def _print_reactions(bounds: Sequence[CoalitionBound | RepliesBound], economy: Economy, console: Console) -> None:
    """Print how outsiders answer misquotes where bounds rest on it."""
    for reaction in dict.fromkeys(bound.reaction for bound in bounds if bound.reaction is not None):
        against = [bound for bound in bounds if bound.reaction == reaction]
        members = ", ".join(_joined(bound.coalition, economy) for bound in against)
        text = reaction_text(reaction, economy)
        console.print(f"outsiders of {marked(members)} after a misquote: {marked(text)}", style="dim")


def _print_counted_stability(stored: CountedStabilityCertificate, replay: Replay, console: Console) -> None:
    _print_heading(stored.economy, "no coalition gains against the contract", stored.rules, console)
    rows = [["lie", *_shown(replay.both(entry("misreport_gain")), 0.0)]]
    for player in np.unique(players_alike(stored.economy)).tolist():
        name = stored.economy.player_names[player]
        rows.append([f"{name}, in a coalition", *_shown(replay.both(entry("member_gains", player)), 0.0)])
    title = "Gain at most, over all counts of types among replicas; one player of those alike"
    console.print(table(title, ["by", "stored", "recomputed"], rows))
    console.print("Every coalition gains at most what its members do in sum, and all together nothing.")


def _print_theorem(stored: TheoremCertificate, replay: Replay, console: Console) -> None:
    instance, theorem = stored.instance, stored.theorem
    console.print(f"[bold]{named(instance.economy.name)}[/bold]: {marked(theorem.value)}")
    parts = [] if instance.market is None else [instance.market.value]
    if instance.rules is not None:
        parts += [f"{rule.name} {getattr(instance.rules, rule.name)}" for rule in fields(instance.rules)]
    console.print(f"{', '.join(parts)}\n" if parts else "", style="dim")
    console.print(marked(theorem.says))
    console.print(f"proof: {theorem.proof}\n", style="dim")
    rows = []
    for place, premise in enumerate(stored.premises):
        amounts = ["", ""]
        if premise.amount is not None:
            amounts = _shown(replay.both(entry("premises", place, "amount")), 0.0)
        rows.append([premise.about, premise.found, *amounts])
    console.print(table("Premises", ["premise", "what came out", "stored", "recomputed"], rows, texts=2))


def _claim(stored: StabilityCertificate) -> str:
    """Return whom the claim is about, in words."""
    players = len(stored.economy.players)
    if stored.largest >= players:
        return "no coalition"
    named = [_joined(members, stored.economy) for members in stored.named]
    if stored.largest:
        return ", nor ".join([f"no coalition of up to {stored.largest}", *named])
    return f"no deviation by {', nor by '.join(named)}" if named else "no lie of one player"


def _when(stored: StabilityCertificate) -> str:
    """Return after what nobody gains, in words."""
    return (
        "gains against the contract" if stored.misreport_gain is not None else "gains by what it does after the truth"
    )


def _print_plan(stored: BlockingCertificate, replay: Replay, console: Console) -> None:
    console.print(f"Blocking plan with {len(stored.invitations)} invitation(s)\n", style="bold")
    rows = {"profit": replay.both(entry("profit"))}
    for place, name in enumerate(stored.game.players):
        for kind, kind_name in enumerate(stored.game.types[place]):
            rows[f"gain of {name}/{kind_name}"] = replay.both(entry("interim_gains", place, kind))
    rows["gain from a lie"] = replay.both(entry("largest_misreport_gain"))
    scale = float(np.abs(stored.stakes).max())
    _print_pairs("What the mediator and the invited expect", rows, scale, console)


def _print_inhibition(_: InhibitionCertificate, replay: Replay, console: Console) -> None:
    console.print("No blocking plan is tenable: conditions of Myerson's Theorem 1\n", style="bold")
    rows = {name: replay.both(entry("residuals", name)) for name in ("hydraulic", "negativity", "surplus")}
    _print_pairs("By how much they are missed", rows, 0.0, console)


def _print_durability(stored: DurabilityCertificate, replay: Replay, console: Console) -> None:
    members = members_named([stored.game.players[member] for member in stored.coalition])
    console.print(f"{marked(members)} vote for another game, whatever they believe about each other\n", style="bold")
    rows = {"margin": replay.both(entry("margin"))}
    _print_pairs("By how much a condition of durability fails at least", rows, stored.margin, console)


def _print_severance(stored: SeveranceCertificate, _: Replay, console: Console) -> None:
    which = (
        "No severance whatever" if stored.bound is None else f"No severance that costs less than {number(stored.bound)}"
    )
    console.print(f"{which} keeps coalitions from being led away\n", style="bold")
    count = len(stored.ranges)
    if count:
        console.print(f"A plan for each of {count} range(s) of promises was played at both ends of its range.\n")
    else:
        console.print("Somebody expects less than it gets alone, and leaves whatever is promised.\n")


def _print_pairs(title: str, rows: Mapping[str, Pair], scale: float, console: Console) -> None:
    texts = [[name, *_shown(pair, scale)] for name, pair in rows.items()]
    console.print(table(title, ["", "stored", "recomputed"], texts))


def _shown(pair: Pair, scale: float) -> list[str]:
    return [UNPLAYABLE if value is None else number(value, scale) for value in pair]


def _print_findings(replay: Replay, console: Console) -> None:
    mismatches = replay.verification.mismatches
    if mismatches:
        rows = [[one.quantity, repr(one.stored), repr(one.recomputed)] for one in mismatches[:MOST_MISMATCHES]]
        console.print(table("Numbers that are not what comes out", ["number", "stored", "recomputed"], rows))
    if len(mismatches) > MOST_MISMATCHES:
        console.print(f"and {len(mismatches) - MOST_MISMATCHES} more")
    for failure in replay.verification.failures:
        console.print(marked(f"{failure}."))
    verdict = "confirmed" if replay.confirmed else "refused"
    console.print(f"[bold]{verdict}[/bold]")


def _joined(coalition: Sequence[int], economy: Economy) -> str:
    return members_named(names_of(coalition, economy))
