"""How it is written whether transfers exist that nobody lies to get, or refuses, once it sees what it is told."""

from __future__ import annotations

from typing import Any

from rich.console import Group

from marketgame.experiments.printing import number, table
from marketgame.mechanisms.contracts.refusable_transfers import NoRefusableTransfers, RefusableTransfers, Temptation
from marketgame.mechanisms.economies.coalitions import coalition_name
from marketgame.mechanisms.economies.economy import Economy

type Refusal = RefusableTransfers | NoRefusableTransfers
# A proof may rest on many temptations; so many are printed, those of the largest weight.
MOST_SHOWN = 8


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
