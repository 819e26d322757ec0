"""What ``marketgame replay`` answers: a certificate played again, its numbers beside the recomputed ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from marketgame.experiments.certificate_files.contents import CERTIFIES, TAGS, names_of
from marketgame.mechanisms.certificates.blocking import BlockingCertificate, InhibitionCertificate
from marketgame.mechanisms.certificates.certificate import Certificate, recomputed, verify
from marketgame.mechanisms.certificates.deviation import DeviationCertificate
from marketgame.mechanisms.certificates.misreport import MisreportCertificate
from marketgame.mechanisms.certificates.side_contract import SideContractCertificate
from marketgame.mechanisms.certificates.stability import StabilityCertificate
from marketgame.mechanisms.certificates.verification import Verification

type MarketCertificate = DeviationCertificate | SideContractCertificate | MisreportCertificate | StabilityCertificate


@dataclass(frozen=True, eq=False)
class Replay:
    """A certificate, what its verification found, and the same certificate with its numbers recomputed.

    Attributes:
        certificate: as it is stored.
        verification: what is wrong with it.
        recomputed: as it should be; none if what it describes cannot be played.
    """

    certificate: Certificate
    verification: Verification
    recomputed: Certificate | None

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


def replayed(certificate: Certificate) -> Replay:
    """Play a certificate again."""
    try:
        again = recomputed(certificate)
    except (ValueError, ArithmeticError):
        again = None
    return Replay(certificate, verify(certificate), again)


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
        case MisreportCertificate():
            kinds = economy.players[stored.player].types
            about = {
                "coalition": [names[stored.player]],
                "true_type": kinds[stored.true_type].name,
                "reported_type": kinds[stored.reported_type].name,
                "players": {name: _player_document(replay, place) for place, name in enumerate(names)},
            }
        case StabilityCertificate():
            about = {
                "coalitions": [names_of(one.coalition, economy) for one in stored.bounds],
                "misreport_gain": _pair(replay, entry("misreport_gain")),
                "total_gain": _pair(replay, lambda one: max(each.total_gain for each in one.bounds)),
            }
    return {"economy": economy.name, **about}


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
