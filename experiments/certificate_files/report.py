"""The page of certificates: each claim, played again, in words and with its numbers beside the recomputed ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from marketgame.experiments.certificate_files.contents import TAGS, names_of
from marketgame.experiments.certificate_files.files import load_certificate
from marketgame.experiments.certificate_files.replay import Replay, print_replay, replayed
from marketgame.experiments.files.input_file import InputFiles
from marketgame.experiments.printing import members_named, number, page_parts
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
from marketgame.mechanisms.certificates.replies import RepliesCertificate
from marketgame.mechanisms.certificates.sampled_lie import SampledLieCertificate
from marketgame.mechanisms.certificates.second_best import SecondBestCertificate
from marketgame.mechanisms.certificates.severance import SeveranceCertificate
from marketgame.mechanisms.certificates.side_contract import SideContractCertificate
from marketgame.mechanisms.certificates.stability import StabilityCertificate
from marketgame.mechanisms.certificates.theorem import TheoremCertificate
from marketgame.mechanisms.certificates.welfare import FirstBestCertificate, ObedienceCertificate
from marketgame.mechanisms.economies.economy import Economy
from marketgame.results.manifests import FILES, MANIFEST, check, place_of, read_manifest
from marketgame.results.names import LONGEST_NAME, on_a_line
from marketgame.results.report.page import Facts, Page, Part, Section, Text, Words
from marketgame.simulation.market.sampled_play.certificate import CarelessCertificate, LearningCertificate

# Bankrupt players named in a sentence.
MOST_NAMED = 6


def certificate_page(of: Path, files: InputFiles) -> Page:
    """Return the page of a certificate or of a folder of certificates, each of which is played again.

    Raises:
        DamagedFileError: a file is not what was written.
        FileNotFoundError: the folder holds none.
        InputError: a certificate cannot be read.
    """
    manifest: dict[str, Any] = {}
    paths = [of]
    if of.is_dir():
        manifest = read_manifest(place_of(of, MANIFEST))
        names = sorted(name for name in manifest.get(FILES, {}) if name.endswith(".json"))
        for name in names:
            check(of, manifest, name)
        paths = [place_of(of, name) for name in names]
    if not paths:
        raise FileNotFoundError(f"{of} holds no certificate")
    replays = [(path.name, replayed(load_certificate(path, files))) for path in paths]
    sections = [_section(place + 1, name, replay) for place, (name, replay) in enumerate(replays)]
    confirmed = sum(replay.confirmed for _, replay in replays)
    return Page(
        "certificate" if len(replays) == 1 else "set of certificates",
        _subject(replay for _, replay in replays) or of.stem,
        "Each claim below was played again, and every number in it recomputed, when this page was written.",
        [*sections, Section("provenance", "Where this comes from", _origin(manifest))],
        [(str(len(replays)), "claims"), (str(confirmed), "confirmed"), (str(len(replays) - confirmed), "refused")],
    )


def _subject(replays: Iterable[Replay]) -> str:
    """Return the economies that certificates are about."""
    economies = (getattr(replay.certificate, "economy", None) for replay in replays)
    return ", ".join(dict.fromkeys(economy.name for economy in economies if isinstance(economy, Economy)))


def _section(place: int, name: str, replay: Replay) -> Section:
    parts = page_parts(partial(print_replay, replay))
    # The first line says what is claimed, the last whether it holds.
    claim, rest = parts[0], parts[1:-1]
    assert isinstance(claim, Words)
    sentences = " ".join(in_words(replay))
    verdict = "Confirmed: every number comes out as it is stored." if replay.confirmed else "Refused."
    told: list[Part] = [Words(sentences)] if sentences else []
    facts = Facts([("file", name), ("kind", TAGS[type(replay.certificate)])])
    economy = getattr(replay.certificate, "economy", None)
    heading = claim.text.removeprefix(f"{on_a_line(economy.name, LONGEST_NAME)}: " if economy is not None else "")
    return Section(f"claim-{place}", f"{place}. {heading}", [Words(verdict, strong=True), *told, facts, *rest])


def in_words(replay: Replay) -> Iterator[str]:  # noqa: C901, PLR0912 -- a case for each kind
    """Yield sentences that say what came of a certificate when it was played again."""
    again = replay.recomputed
    match again:
        case None:
            yield "What it describes cannot be played."
        case DeviationCertificate():
            yield from _played(again, again.situation.coalition, again.economy)
        case MisreportCertificate():
            yield from _played(again, (again.player,), again.economy)
        case JointMisreportCertificate():
            yield from _played(again, again.coalition, again.economy)
        case SampledLieCertificate():
            members, money = members_named(names_of(again.coalition, again.economy)), again.economy.money
            yield (
                f"Settled at {again.draws} drawn profiles of the others' types, {members} gain "
                f"{number(float(again.total_gain))} {money} in sum, with a standard error of "
                f"{number(float(again.standard_error))}; this is sampled, not proved."
            )
        case ComparedMarketCertificate():
            members, money = members_named(names_of(again.coalition, again.economy)), again.economy.money
            gain = number(float(again.total_gain))
            yield f"Played again, {members} gain {gain} {money} in sum over truth and obedience."
        case SideContractCertificate():
            yield from _agreed(again)
        case HiddenRuinCertificate():
            for name, before, after in zip(
                names_of(again.coalition, again.economy), again.status_quo, again.promised, strict=True
            ):
                yield _expects(name, float(before), float(after), again.economy.money)
        case StabilityCertificate() | CountedStabilityCertificate() | JointTruthCertificate() | RepliesCertificate():
            yield "No play is shown here: bounds were derived anew for everything that anybody could do."
        case FirstBestCertificate() | SecondBestCertificate() | ObedienceCertificate() | ComparedWelfareCertificate():
            yield f"Derived anew, everybody together gains {number(again.gains)} {again.economy.money} over autarky."
        case FiniteAgreementCertificate():
            yield "What every part of the members could agree on instead was bounded by a linear program each."
        case TheoremCertificate():
            yield f"{again.theorem.says} Every premise was checked anew; the proof is in {again.theorem.proof}."
        case CarelessCertificate():
            yield (
                f"Played again, somebody who obeys loses up to {number(float(again.losses.max()))} of the gains from "
                "trade to a careless trader; this is sampled, not proved."
            )
        case LearningCertificate():
            yield (
                f"Played again, learners miss {number(again.missed, 1.0)} of the gains from trade that obedience "
                "brings; this is sampled, not proved."
            )
        case BlockingCertificate() | InhibitionCertificate() | DurabilityCertificate() | SeveranceCertificate():
            yield _about_a_game(again)


def _about_a_game(
    again: BlockingCertificate | InhibitionCertificate | DurabilityCertificate | SeveranceCertificate,
) -> str:
    match again:
        case BlockingCertificate():
            return f"Played again, the mediator who invites players away expects to earn {number(float(again.profit))}."
        case SeveranceCertificate():
            less = (
                "no severance whatever" if again.bound is None else f"no severance of less than {number(again.bound)}"
            )
            return f"Played again for every range of promises, {less} keeps coalitions from being led away."
        case InhibitionCertificate():
            return "The weights that prove that no blocking plan earns anything were checked again, one condition each."
        case DurabilityCertificate():
            members = members_named([again.game.players[one] for one in again.coalition])
            margin = number(float(again.margin))
            return f"It was proved again that {members} vote for another game, by {margin} at least."


def _played(
    again: DeviationCertificate | MisreportCertificate | JointMisreportCertificate,
    members: Sequence[int],
    economy: Economy,
) -> Iterator[str]:
    outcome, names, money = again.outcome, economy.player_names, economy.money
    for member in members:
        yield _expects(names[member], float(outcome.promised[member]), float(outcome.obtained[member]), money)
    others = [player for player in range(len(names)) if player not in members]
    if others:
        change = float(outcome.gain[others].sum())
        verb = "gain" if change > 0 else "lose"
        yield f"The others {verb} {number(abs(change), float(np.abs(outcome.gain).max()))} {money} in sum."
    draws = len(outcome.after.bankrupt)
    broke = [
        f"{names[player]} goes bankrupt{'' if draws == 1 else f' in {int(times)} of {draws} draws'}"
        for player, times in enumerate(outcome.after.bankrupt.sum(axis=0))
        if times
    ]
    if broke:
        more = f"; so do {len(broke) - MOST_NAMED} others" if len(broke) > MOST_NAMED else ""
        yield f"{'; '.join(broke[:MOST_NAMED])}{more}."
    else:
        yield "Nobody goes bankrupt."


def _agreed(again: SideContractCertificate) -> Iterator[str]:
    for place, name in enumerate(names_of(again.coalition, again.economy)):
        kinds = again.economy.players[again.coalition[place]].types
        for known, before, after in zip(
            again.information[place], again.status_quo[place], again.promised[place], strict=True
        ):
            of_type = f"{name} of type {kinds[known.type].name}" if len(kinds) > 1 else name
            yield _expects(of_type, float(before), float(after), again.economy.money)
    yield f"By a false report to the device nobody gains more than {number(float(again.misreport_gain), 1.0)}."


def _expects(name: str, before: float, after: float, money: str) -> str:
    """Return a sentence on what somebody expects with and without what is certified."""
    gain, scale = after - before, max(abs(after), abs(before))
    what = "a gain" if gain > 0 else "a loss"
    return (
        f"{name} expects {number(after, scale)} {money} instead of {number(before, scale)}, {what} of "
        f"{number(abs(gain), scale)}."
    )


def _origin(manifest: dict[str, Any]) -> list[Part]:
    facts = []
    for key in ("command", "marketgame", "source_revision", "python"):
        value = manifest.get(key)
        if value:
            facts.append((key.replace("_", " "), " ".join(map(str, value)) if isinstance(value, list) else str(value)))
    inputs = manifest.get("inputs", {})
    texts = [
        Text(f"{name} (SHA-256 {entry['sha256'][:16]})", entry["text"])
        for name, entry in (inputs.items() if isinstance(inputs, dict) else ())
        if isinstance(entry, dict) and {"sha256", "text"} <= entry.keys()
    ]
    return [Facts(facts), *texts] if facts else [*texts]
