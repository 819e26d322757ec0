"""The JSON document of ``marketgame certify``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marketgame.experiments.certificate_files.contents import reaction_document
from marketgame.mechanisms.certificates.examination import Examination, FoundDeviation
from marketgame.mechanisms.deviations.effort import Verdict

ANSWERS = {Verdict.PROVEN: True, Verdict.REFUTED: False, Verdict.NOT_REFUTED: "not refuted"}


def certification_document(
    name: str, examination: Examination, files: Mapping[int, Path], proof: Path | None
) -> dict[str, Any]:
    """Return what is known about a contract as the JSON document of ``marketgame certify``.

    ``files`` say where the certificate of each deviation was written, by its place, and ``proof`` where that of none.
    """
    names = examination.contract.economy.player_names
    worst = examination.incentives.worst
    return {
        "kind": "certification",
        "name": name,
        "rules": rules_document(examination),
        "bayesian_incentive_compatible": examination.incentive_compatible,
        "unilaterally_stable": ANSWERS[examination.unilaterally_stable],
        "collusion_proof": ANSWERS[examination.collusion_proof],
        "strongly_collusion_proof": ANSWERS[examination.strongly_collusion_proof],
        "largest_misreport_gain": None if worst is None else worst.gain,
        "coalitions": [
            {
                "coalition": [names[member] for member in finding.coalition],
                "improvement": finding.improvement.value,
                "internally_consistent_improvement": finding.consistent.value,
                "bound_on_total_gain": finding.bound,
                "reaction_of_outsiders": reaction_document(finding.reaction),
            }
            for finding in examination.findings
        ],
        "every_coalition_examined": examination.everybody,
        "deviations": [
            _deviation(examination, found, files.get(place)) for place, found in enumerate(examination.deviations)
        ],
        "proof": None if proof is None else str(proof),
    }


def rules_document(examination: Examination) -> dict[str, str]:
    """Return the rules of the market, by name."""
    named = ("pricing", "solvency", "bankruptcy", "coverage", "withholding", "timing")
    return {name: str(getattr(examination.rules, name)) for name in named}


def _deviation(examination: Examination, found: FoundDeviation, file: Path | None) -> dict[str, Any]:
    names = examination.contract.economy.player_names
    consistent = found.internally_consistent
    return {
        "coalition": [names[member] for member in found.coalition],
        "kind": found.kind.value,
        "gain": found.gains,
        "internally_consistent": None if consistent is None else ANSWERS[consistent],
        "certificate": None if file is None else str(file),
    }
