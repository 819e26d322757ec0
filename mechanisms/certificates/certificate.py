"""Any certificate, and its verification."""

from __future__ import annotations

from marketgame.mechanisms.certificates.blocking import (
    BlockingCertificate,
    InhibitionCertificate,
    certify_inhibition,
    certify_plan,
    verify_inhibition,
    verify_plan,
)
from marketgame.mechanisms.certificates.counted_stability import (
    CountedStabilityCertificate,
    recomputed_counted_stability,
    verify_counted_stability,
)
from marketgame.mechanisms.certificates.deviation import DeviationCertificate, recomputed_deviation, verify_deviation
from marketgame.mechanisms.certificates.joint_misreport import (
    JointMisreportCertificate,
    recomputed_joint_misreport,
    verify_joint_misreport,
)
from marketgame.mechanisms.certificates.misreport import MisreportCertificate, recomputed_misreport, verify_misreport
from marketgame.mechanisms.certificates.sampled_lie import (
    SampledLieCertificate,
    recomputed_sampled_lie,
    verify_sampled_lie,
)
from marketgame.mechanisms.certificates.side_contract import (
    SideContractCertificate,
    recomputed_side_contract,
    verify_side_contract,
)
from marketgame.mechanisms.certificates.stability import StabilityCertificate, recomputed_stability, verify_stability
from marketgame.mechanisms.certificates.verification import Verification

type Certificate = (
    DeviationCertificate
    | SideContractCertificate
    | MisreportCertificate
    | JointMisreportCertificate
    | SampledLieCertificate
    | StabilityCertificate
    | CountedStabilityCertificate
    | BlockingCertificate
    | InhibitionCertificate
)
"""What can be stored and verified."""


def verify(certificate: Certificate) -> Verification:
    """Recompute every number of a certificate, and check every condition of what it claims."""
    match certificate:
        case BlockingCertificate():
            found = verify_plan(certificate)
        case InhibitionCertificate():
            found = verify_inhibition(certificate)
        case DeviationCertificate():
            found = verify_deviation(certificate)
        case SideContractCertificate():
            found = verify_side_contract(certificate)
        case MisreportCertificate():
            found = verify_misreport(certificate)
        case JointMisreportCertificate():
            found = verify_joint_misreport(certificate)
        case SampledLieCertificate():
            found = verify_sampled_lie(certificate)
        case StabilityCertificate():
            found = verify_stability(certificate)
        case CountedStabilityCertificate():
            found = verify_counted_stability(certificate)
    return found


def recomputed(certificate: Certificate) -> Certificate:
    """Return the same claim with its numbers recomputed, for comparison by eye.

    Raises:
        ValueError: what it describes cannot be played.
    """
    found: Certificate
    match certificate:
        case BlockingCertificate(game, stakes, invitations, payments):
            found = certify_plan(game, stakes, invitations, payments)
        case InhibitionCertificate(game, stakes, virtual, support, limits):
            found = certify_inhibition(game, stakes, virtual, support, limits)
        case DeviationCertificate():
            found = recomputed_deviation(certificate)
        case SideContractCertificate():
            found = recomputed_side_contract(certificate)
        case MisreportCertificate():
            found = recomputed_misreport(certificate)
        case JointMisreportCertificate():
            found = recomputed_joint_misreport(certificate)
        case SampledLieCertificate():
            found = recomputed_sampled_lie(certificate)
        case StabilityCertificate():
            found = recomputed_stability(certificate)
        case CountedStabilityCertificate():
            found = recomputed_counted_stability(certificate)
    return found
