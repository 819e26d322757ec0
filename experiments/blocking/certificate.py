"""The certificate that ``marketgame block`` writes: the plan that blocks, or the proof that nothing does."""

from __future__ import annotations

from pathlib import Path

from marketgame.experiments.blocking.verdict import BlockingVerdict
from marketgame.experiments.certificate_files.files import save_certificate
from marketgame.experiments.files.output_folder import Writing
from marketgame.mechanisms.blocking import BlockingPlan
from marketgame.mechanisms.certificates import (
    BlockingCertificate,
    InhibitionCertificate,
    certify_inhibition,
    certify_plan,
)

PLAN = "blocking-plan.json"
PROOF = "no-blocking-plan.json"


def blocking_certificate(verdict: BlockingVerdict) -> BlockingCertificate | InhibitionCertificate:
    """Return the certificate of a verdict, its numbers recomputed without the solver."""
    found = verdict.verdict
    if isinstance(found, BlockingPlan):
        return certify_plan(verdict.game, verdict.stakes, found.invitations, found.payments)
    return certify_inhibition(verdict.game, verdict.stakes, found.virtual, found.support, found.limits)


def write_certificate(verdict: BlockingVerdict, folder: Writing) -> Path:
    """Write the certificate of a verdict into a folder, and return where it will be.

    Raises:
        InputError: the file cannot be written.
    """
    name = PLAN if verdict.blocked else PROOF
    save_certificate(blocking_certificate(verdict), folder.stage / name)
    return folder.folder / name
