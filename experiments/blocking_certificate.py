"""The certificate that ``marketgame block`` writes: the plan that blocks, or the proof that nothing does."""

from __future__ import annotations

from pathlib import Path

from experiments.blocking_verdict import BlockingVerdict
from experiments.certificate_file import save_certificate
from mechanisms.blocking import BlockingPlan
from mechanisms.certificates import BlockingCertificate, InhibitionCertificate, certify_inhibition, certify_plan

PLAN = "blocking-plan.json"
PROOF = "no-blocking-plan.json"


def blocking_certificate(verdict: BlockingVerdict) -> BlockingCertificate | InhibitionCertificate:
    """Return the certificate of a verdict, its numbers recomputed without the solver."""
    found = verdict.verdict
    if isinstance(found, BlockingPlan):
        return certify_plan(verdict.game, verdict.stakes, found.invitations, found.payments)
    return certify_inhibition(verdict.game, verdict.stakes, found.virtual, found.support, found.limits)


def write_certificate(verdict: BlockingVerdict, folder: Path) -> Path:
    """Write the certificate of a verdict into a folder, and return its file.

    Raises:
        InputError: the file cannot be written.
    """
    file = folder / (PLAN if verdict.blocked else PROOF)
    save_certificate(blocking_certificate(verdict), file)
    return file
