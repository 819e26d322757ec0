"""Any certificate, and its verification."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from marketgame.mechanisms.certificates.blocking import (
    BlockingCertificate,
    InhibitionCertificate,
    certify_inhibition,
    certify_plan,
    verify_inhibition,
    verify_plan,
)
from marketgame.mechanisms.certificates.compared_market import (
    ComparedMarketCertificate,
    recomputed_compared_market,
    verify_compared_market,
)
from marketgame.mechanisms.certificates.compared_welfare import (
    ComparedWelfareCertificate,
    recomputed_compared_welfare,
    verify_compared_welfare,
)
from marketgame.mechanisms.certificates.counted_stability import (
    CountedStabilityCertificate,
    recomputed_counted_stability,
    verify_counted_stability,
)
from marketgame.mechanisms.certificates.deviation import DeviationCertificate, recomputed_deviation, verify_deviation
from marketgame.mechanisms.certificates.durability import (
    DurabilityCertificate,
    recomputed_durability,
    verify_durability,
)
from marketgame.mechanisms.certificates.finite_agreement import (
    FiniteAgreementCertificate,
    recomputed_agreement,
    verify_agreement,
)
from marketgame.mechanisms.certificates.hidden_ruin import (
    HiddenRuinCertificate,
    recomputed_hidden_ruin,
    verify_hidden_ruin,
)
from marketgame.mechanisms.certificates.joint_misreport import (
    JointMisreportCertificate,
    recomputed_joint_misreport,
    verify_joint_misreport,
)
from marketgame.mechanisms.certificates.joint_truth import (
    JointTruthCertificate,
    recomputed_joint_truth,
    verify_joint_truth,
)
from marketgame.mechanisms.certificates.misreport import MisreportCertificate, recomputed_misreport, verify_misreport
from marketgame.mechanisms.certificates.replies import RepliesCertificate, recomputed_replies, verify_replies
from marketgame.mechanisms.certificates.sampled_lie import (
    SampledLieCertificate,
    recomputed_sampled_lie,
    verify_sampled_lie,
)
from marketgame.mechanisms.certificates.second_best import (
    SecondBestCertificate,
    recomputed_second_best,
    verify_second_best,
)
from marketgame.mechanisms.certificates.severance import (
    SeveranceCertificate,
    recomputed_severance,
    verify_severance,
)
from marketgame.mechanisms.certificates.side_contract import (
    SideContractCertificate,
    recomputed_side_contract,
    verify_side_contract,
)
from marketgame.mechanisms.certificates.stability import StabilityCertificate, recomputed_stability, verify_stability
from marketgame.mechanisms.certificates.theorem import TheoremCertificate, recomputed_theorem, verify_theorem
from marketgame.mechanisms.certificates.verification import Verification
from marketgame.mechanisms.certificates.welfare import (
    FirstBestCertificate,
    ObedienceCertificate,
    recomputed_first_best,
    recomputed_obedience,
    verify_first_best,
    verify_obedience,
)

type Certificate = (
    DeviationCertificate
    | SideContractCertificate
    | HiddenRuinCertificate
    | MisreportCertificate
    | JointMisreportCertificate
    | JointTruthCertificate
    | RepliesCertificate
    | FirstBestCertificate
    | ObedienceCertificate
    | SecondBestCertificate
    | ComparedWelfareCertificate
    | SampledLieCertificate
    | ComparedMarketCertificate
    | StabilityCertificate
    | CountedStabilityCertificate
    | FiniteAgreementCertificate
    | BlockingCertificate
    | InhibitionCertificate
    | DurabilityCertificate
    | SeveranceCertificate
    | TheoremCertificate
)
"""What can be stored and verified."""


CHECKED: Mapping[type, tuple[Callable[[Any], Verification], Callable[[Any], Certificate]]] = MappingProxyType(
    {
        BlockingCertificate: (
            verify_plan,
            lambda plan: certify_plan(plan.game, plan.stakes, plan.invitations, plan.payments),
        ),
        InhibitionCertificate: (
            verify_inhibition,
            lambda one: certify_inhibition(one.game, one.stakes, one.virtual, one.support, one.limits),
        ),
        DurabilityCertificate: (verify_durability, recomputed_durability),
        SeveranceCertificate: (verify_severance, recomputed_severance),
        DeviationCertificate: (verify_deviation, recomputed_deviation),
        SideContractCertificate: (verify_side_contract, recomputed_side_contract),
        HiddenRuinCertificate: (verify_hidden_ruin, recomputed_hidden_ruin),
        MisreportCertificate: (verify_misreport, recomputed_misreport),
        JointMisreportCertificate: (verify_joint_misreport, recomputed_joint_misreport),
        JointTruthCertificate: (verify_joint_truth, recomputed_joint_truth),
        RepliesCertificate: (verify_replies, recomputed_replies),
        FirstBestCertificate: (verify_first_best, recomputed_first_best),
        ObedienceCertificate: (verify_obedience, recomputed_obedience),
        SecondBestCertificate: (verify_second_best, recomputed_second_best),
        ComparedWelfareCertificate: (verify_compared_welfare, recomputed_compared_welfare),
        SampledLieCertificate: (verify_sampled_lie, recomputed_sampled_lie),
        ComparedMarketCertificate: (verify_compared_market, recomputed_compared_market),
        StabilityCertificate: (verify_stability, recomputed_stability),
        CountedStabilityCertificate: (verify_counted_stability, recomputed_counted_stability),
        FiniteAgreementCertificate: (verify_agreement, recomputed_agreement),
        TheoremCertificate: (verify_theorem, recomputed_theorem),
    }
)
"""How each kind is verified, and recomputed."""


def verify(certificate: Certificate) -> Verification:
    """Recompute every number of a certificate, and check every condition of what it claims."""
    verified, _ = CHECKED[type(certificate)]
    return verified(certificate)


def recomputed(certificate: Certificate) -> Certificate:
    """Return the same claim with its numbers recomputed, for comparison by eye.

    Raises:
        ValueError: what it describes cannot be played.
    """
    _, again = CHECKED[type(certificate)]
    return again(certificate)
