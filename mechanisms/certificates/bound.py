"""Certificates that a coalition cannot gain: a proven bound on its summed gain, with the prices of its proof.

The bound holds for every joint deviation, whatever the quotes, orders, announcements and side-transfers. Verification
recomputes it from the situation, by the formula that its reason names.

Source: see :mod:`mechanisms.deviations.bounds`.
"""

from __future__ import annotations

from dataclasses import dataclass

from mechanisms.certificates.plays import outcome_of, prescribed_play
from mechanisms.certificates.verification import NUMBER_TOLERANCE, Verification, compared, required
from mechanisms.deviations.bounds import Bound, proven_bounds
from mechanisms.deviations.situation import Situation
from mechanisms.economy import Economy


@dataclass(frozen=True, eq=False)
class BoundCertificate:
    """Why a coalition cannot gain in a situation.

    Attributes:
        situation: what the coalition faces.
        bound: on what its members gain together.
        status_quo: what the members expect together if nobody deviates, numeraire.
    """

    situation: Situation
    bound: Bound
    status_quo: float

    @property
    def economy(self) -> Economy:
        """The economy."""
        return self.situation.economy


def certify_bound(situation: Situation, bound: Bound) -> BoundCertificate:
    """Return the certificate of a bound, with what the members have without a deviation."""
    return BoundCertificate(situation, bound, _status_quo(situation))


def recomputed_bound(certificate: BoundCertificate) -> BoundCertificate:
    """Return the certificate with its numbers recomputed by the formula that its reason names.

    Raises:
        ValueError: the reason does not hold in the situation.
    """
    reason = certificate.bound.reason
    for bound in proven_bounds(certificate.situation):
        if bound.reason is reason:
            return certify_bound(certificate.situation, bound)
    raise ValueError(f"a bound by {reason.value} does not hold in this situation")


def verify_bound(certificate: BoundCertificate) -> Verification:
    """Recompute a bound from its situation, and check that it excludes any gain."""
    situation, stored = certificate.situation, certificate.bound
    try:
        found = recomputed_bound(certificate).bound
    except ValueError as error:
        return Verification(failures=(str(error),))
    status_quo = _status_quo(situation)
    size = abs(status_quo)
    nothing = NUMBER_TOLERANCE * (1 + size)
    return Verification.joined(
        (
            compared("status_quo", certificate.status_quo, status_quo),
            compared("bound.prices", stored.prices, found.prices),
            compared("bound.total_utility", stored.total_utility, found.total_utility, size),
            compared("bound.total_gain", stored.total_gain, found.total_gain, size),
            required(found.total_gain <= nothing, f"the members could gain up to {found.total_gain:.6g} by this bound"),
        )
    )


def _status_quo(situation: Situation) -> float:
    utility = outcome_of(situation, prescribed_play(situation)).utility
    return float((situation.probability @ utility)[list(situation.coalition)].sum())
