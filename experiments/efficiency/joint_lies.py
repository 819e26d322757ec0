"""How the most profitable lie that a coalition tells together is written in JSON and in tables."""

from __future__ import annotations

from typing import Any

from marketgame.mechanisms.contracts.joint_misreports import JointMisreportCheck
from marketgame.mechanisms.economies.coalitions import coalition_name


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
