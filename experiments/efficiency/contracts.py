"""How what is asked about a contract is written: joint lies, everybody's consent, refusal after the recommendation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Group

from marketgame.experiments.printing import number, table
from marketgame.mechanisms.contracts.consent import Consent
from marketgame.mechanisms.contracts.incentives import IncentiveCheck
from marketgame.mechanisms.contracts.joint_misreports import JointMisreportCheck
from marketgame.mechanisms.contracts.refusable_transfers import NoRefusableTransfers, RefusableTransfers, Temptation
from marketgame.mechanisms.economies.coalitions import coalition_name
from marketgame.mechanisms.economies.economy import Economy

type Refusal = RefusableTransfers | NoRefusableTransfers
# A proof may rest on many temptations; so many are printed, those of the largest weight.
MOST_SHOWN = 8


COALITION_KEYS = ("coalitions_report_truthfully", "largest_coalition_misreport_gain", "joint_misreports_not_known")


def incentives_document(incentives: IncentiveCheck, joint_lies: JointMisreportCheck | None) -> dict[str, Any]:
    """Return whether truth is best, for single players and for coalitions, and the lies that gain most."""
    worst = incentives.worst
    return {
        "incentive_compatible": incentives.incentive_compatible,
        # Without a player of two types there is no misreport, and no gain from one.
        "largest_misreport_gain": worst.gain if worst else 0.0,
        "worst_misreport": worst and {"player": worst.player, "type": worst.true_type, "report": worst.reported_type},
        **joint_lies_document(joint_lies),
    }


def joint_lies_document(check: JointMisreportCheck | None) -> dict[str, Any]:
    """Return whether coalitions report truthfully, the most that one gains, or why that is not known."""
    if check is None:
        return {**dict.fromkeys(COALITION_KEYS), COALITION_KEYS[-1]: "there are too many type profiles to list"}
    unsure = "not refuted" if check.error_a_member is None else "sampled"
    truthful = False if not check.truthful else True if check.complete else unsure
    return dict(zip(COALITION_KEYS, (truthful, joint_misreport_document(check), None), strict=True))


def joint_misreport_document(check: JointMisreportCheck) -> dict[str, Any]:
    """Return the lie with who tells it, and which coalitions were looked at.

    Where nobody has another type to report nobody lies, and gains nothing.
    """
    worst = check.worst
    members = () if worst is None else worst.coalition
    return {
        "coalition": list(members),
        "gain": 0.0 if worst is None else worst.gain,
        "types": {} if worst is None else dict(zip(members, worst.true_types, strict=True)),
        "reports": {} if worst is None else dict(zip(members, worst.reported_types, strict=True)),
        "largest_coalition_examined": check.examined_size,
        "every_coalition_examined": check.examined_size == check.players,
        "proved_by_theorem": check.theorem,
        "standard_error": check.standard_error,
        "standard_error_a_member": check.error_a_member,
        "bound": check.bound,
    }


def joint_misreport_text(check: JointMisreportCheck) -> tuple[str, str]:
    """Return whether coalitions tell the truth, and in words who would lie how; empty where nobody could."""
    verdict = "no" if not check.truthful else "yes" if check.complete else "not refuted"
    if verdict == "not refuted" and check.error_a_member is not None:
        verdict = f"sampled, to a standard error of {check.error_a_member:.2g} a member"
    elif verdict == "not refuted" and check.examined_size:
        verdict = f"yes, up to {check.examined_size} members"
    worst = check.worst
    if worst is None:
        return verdict, "nobody has two types"
    lies = dict[tuple[str, str], list[str]]()
    for name, lie in zip(worst.coalition, zip(worst.true_types, worst.reported_types, strict=True), strict=True):
        lies.setdefault(lie, []).append(name)
    told = (
        f"{coalition_name(names)}: {true_type} reported as {reported}"
        if true_type != reported
        else f"{coalition_name(names)}: {true_type}, the truth"
        for (true_type, reported), names in lies.items()
    )
    return verdict, "; ".join(told)


@dataclass(frozen=True)
class InterimRow:
    """What one type expects to gain, its best lie if it has any, what that brings, and what is at stake."""

    gain: float
    lie: int | None
    brought: float
    error: float
    stake: float


def interim_rows(economy: Economy, check: IncentiveCheck, player: int) -> Iterator[InterimRow]:
    """Yield what each type of a player expects, and its best lie."""
    first = economy.first_rows[player]
    for kind, gains in enumerate(check.gains[player]):
        gain = float(check.interim_utility[player][kind] - economy.reference_utility[first + kind])
        lies = np.where(np.arange(len(gains)) == kind, -np.inf, gains)
        best = int(np.argmax(lies))
        known = bool(np.isfinite(lies[best]))
        error = float(check.standard_errors[player][kind, best]) if known and check.standard_errors else 0.0
        yield InterimRow(gain, best if known else None, float(lies[best]), error, float(check.stakes[player][kind]))


def interim_document(economy: Economy, incentives: IncentiveCheck) -> dict[str, Any]:
    """Return what each type expects to gain over its endowment, and by which lie most, by player and type."""
    return {
        player.name: {
            kind.name: {
                "gain": row.gain,
                "best_misreport": None if row.lie is None else player.types[row.lie].name,
                "misreport_gain": None if row.lie is None else row.brought,
                "standard_error": None if row.lie is None else row.error,
            }
            for kind, row in zip(player.types, interim_rows(economy, incentives, place), strict=True)
        }
        for place, player in enumerate(economy.players)
    }


def consent_document(economy: Economy, consent: Consent | None) -> dict[str, Any] | None:
    """Return the answer; none if it is not known."""
    if consent is None:
        return None
    return {
        "least_gain": dict(zip(economy.player_names, map(float, consent.least_gains), strict=True)),
        "fixed_payment": dict(zip(economy.player_names, map(float, consent.payments), strict=True)),
        "shortfall": consent.shortfall,
    }


def consent_table(economy: Economy, transfers: str, consent: Consent) -> Group:
    """Return the answer as a table, with a line on what it costs."""
    scale = float(abs(consent.least_gains).max())
    rows = [
        [name, number(float(least), scale), number(float(payment), scale)]
        for name, least, payment in zip(economy.player_names, consent.least_gains, consent.payments, strict=True)
    ]
    title = f"What it takes that everybody takes part, under {transfers} transfers, in {economy.units[-1]}"
    columns = ["player", "its worst type gains", "fixed payment to it"]
    if consent.shortfall > 0:
        cost = f"These payments do not suffice: {number(consent.shortfall, scale)} would have to come from outside."
    elif consent.payments.any():
        cost = "After these payments nobody expects to lose; they change no incentive."
    else:
        cost = "Nobody expects to lose: no payments are needed."
    return Group(table(title, columns, rows, texts=1), cost)


def refusal_document(economy: Economy, answer: Refusal | None) -> dict[str, Any] | None:
    """Return the answer; none if it was not asked for."""
    if answer is None:
        return None
    document: dict[str, Any] = {
        "exist": isinstance(answer, RefusableTransfers),
        "largest_coalition": answer.largest_coalition,
        "secret": None,
        "transfers": None,
        "least_gain": None,
        "proof": None,
    }
    match answer:
        case RefusableTransfers():
            document["secret"] = answer.secret
            document["transfers"] = [
                {
                    "types": economy.type_names(profile),
                    "transfer": dict(zip(economy.player_names, map(float, row), strict=True)),
                }
                for profile, row in zip(economy.profiles, answer.numeraire_transfers, strict=True)
            ]
        case NoRefusableTransfers():
            document["least_gain"] = answer.least_gain
            document["proof"] = [
                {
                    "coalition": [economy.player_names[member] for member in own.members],
                    "types": _names(economy, own, own.types),
                    "reports": _names(economy, own, own.reports),
                    "replies": [
                        {
                            "refusers": [economy.player_names[member] for member in refusers],
                            "weights": list(map(float, row)),
                        }
                        for refusers, row in zip(own.refusers, weights, strict=True)
                    ],
                }
                for own, weights in zip(answer.temptations, answer.weights, strict=True)
            ]
    return document


def refusal_table(economy: Economy, answer: Refusal) -> Group:
    """Return the answer in words, with what the proof weighs most if there are no such transfers."""
    size = answer.largest_coalition
    who = "single players" if size == 1 else f"coalitions of up to {size} members"
    title = f"Transfers that {who} neither lie to get nor refuse when they see what is recommended"
    match answer:
        case RefusableTransfers():
            known = ", as long as nobody learns from them what goods and prices do not tell" if answer.secret else ""
            largest = number(float(abs(answer.numeraire_transfers).max()))
            return table(title, ["answer", "largest transfer"], [[f"there are some{known}", largest]], texts=1)
        case NoRefusableTransfers():
            weighed = sorted(zip(answer.temptations, answer.weights, strict=True), key=lambda each: -each[1].max())
            total = sum(float(weights.sum(axis=0).max()) for _, weights in weighed)
            rows = [
                [
                    coalition_name(economy.player_names[member] for member in own.members),
                    _told(economy, own),
                    number(share),
                ]
                for own, weights in weighed[:MOST_SHOWN]
                for share in [float(weights.sum(axis=0).max()) / total]
            ]
            least = f"{number(answer.least_gain)} {economy.units[-1]}"
            found = (
                f"{title}: there are none. Whatever the transfers, the weighted mean of these gains is {least} at least"
            )
            return table(found, ["coalition", "what it may do", "weight"], rows, texts=2)


def _told(economy: Economy, own: Temptation) -> str:
    if own.types == own.reports:
        return f"{', '.join(_names(economy, own, own.types).values())}: tell the truth, then refuse"
    said = zip(_names(economy, own, own.types).values(), _names(economy, own, own.reports).values(), strict=True)
    return "; ".join(f"report {true} as {report}" for true, report in said if true != report) + ", then obey or refuse"


def _names(economy: Economy, own: Temptation, kinds: tuple[int, ...]) -> dict[str, str]:
    return {
        economy.player_names[member]: economy.players[member].types[kind].name
        for member, kind in zip(own.members, kinds, strict=True)
    }
