"""Certificates about blocking: a tenable plan against stakes, or the weights that prove there is none.

Source: Myerson (2006), conditions (9) to (12), and Theorem 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking.coalition_limits import ALL_COALITIONS, CoalitionLimits, Support
from marketgame.mechanisms.blocking.plan import Invitation, Tenability, replay
from marketgame.mechanisms.blocking.proof import SupportResiduals, support_residuals
from marketgame.mechanisms.certificates.verification import Verification, compared, required
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights

# What types may lose by a plan, relative to the terms of their own expectations, and by how much probabilities may
# exceed 1.
ROUNDING = 1e-8


@dataclass(frozen=True, eq=False)
class BlockingCertificate:
    """A blocking plan with which a mediator breaks what is established.

    Attributes:
        game: the game.
        stakes: what each player loses by leaving, ``(P, N)``, units of money.
        invitations: of the plan.
        payments: expected, to each type, one ``(K_i,)`` for each player, units of money.
        profit: what the mediator expects, units of money.
        total_probability: of all invitations.
        interim_gains: what each type gains by accepting, one ``(K_i,)`` for each player, units of money.
        largest_misreport_gain: what a type gains by the best false report, units of money.
    """

    game: CoalitionalGame
    stakes: FloatArray
    invitations: tuple[Invitation, ...]
    payments: tuple[FloatArray, ...]
    profit: float
    total_probability: float
    interim_gains: tuple[FloatArray, ...]
    largest_misreport_gain: float


@dataclass(frozen=True, eq=False)
class InhibitionCertificate:
    """The weights and multipliers that prove that nobody can profit by blocking.

    Attributes:
        game: the game.
        stakes: what each player loses by leaving, ``(P, N)``, units of money.
        virtual: the weights λ and multipliers α.
        support: whose types a mediator may know.
        limits: which coalitions can form.
        residuals: by how much Theorem 1's conditions are missed.
    """

    game: CoalitionalGame
    stakes: FloatArray
    virtual: VirtualWeights
    support: Support
    limits: CoalitionLimits
    residuals: SupportResiduals


def certify_plan(
    game: CoalitionalGame, stakes: FloatArray, invitations: tuple[Invitation, ...], payments: tuple[FloatArray, ...]
) -> BlockingCertificate:
    """Return the certificate of a blocking plan, its numbers recomputed from its definition.

    Raises:
        ValueError: stakes, payments or an invitation do not fit the game.
    """
    terms = replay(game, stakes, invitations, payments)
    return BlockingCertificate(
        game,
        stakes,
        invitations,
        payments,
        terms.profit,
        terms.total_probability,
        terms.interim_gains,
        terms.largest_misreport_gain,
    )


def certify_inhibition(
    game: CoalitionalGame,
    stakes: FloatArray,
    virtual: VirtualWeights,
    support: Support = Support.COARSE,
    limits: CoalitionLimits = ALL_COALITIONS,
) -> InhibitionCertificate:
    """Return the certificate that weights and multipliers support stakes."""
    residuals = support_residuals(game, stakes, virtual, support=support, limits=limits)
    return InhibitionCertificate(game, stakes, virtual, support, limits, residuals)


def verify_plan(certificate: BlockingCertificate) -> Verification:
    """Recompute a blocking plan's profit, gains and temptations, and check that it is tenable."""
    try:
        terms = replay(certificate.game, certificate.stakes, certificate.invitations, certificate.payments)
    except ValueError as error:
        return Verification(failures=(f"the plan cannot be played: {error}",))
    gains = (
        compared(f"interim_gains[{player}]", stored, found, np.diagonal(size))
        for player, (stored, found, size) in enumerate(
            zip(certificate.interim_gains, terms.interim_gains, terms.terms, strict=True)
        )
    )
    lie, found_lie = certificate.largest_misreport_gain, terms.largest_misreport_gain
    return Verification.joined(
        (
            compared("profit", certificate.profit, terms.profit, terms.moved),
            compared("total_probability", certificate.total_probability, terms.total_probability, 1.0),
            compared("largest_misreport_gain", lie, found_lie, terms.misreport_scale),
            *gains,
            _tenable(terms),
        )
    )


def verify_inhibition(certificate: InhibitionCertificate) -> Verification:
    """Recompute by how much the conditions of Theorem 1 are missed, and check that it is by rounding."""
    try:
        found = support_residuals(
            certificate.game,
            certificate.stakes,
            certificate.virtual,
            support=certificate.support,
            limits=certificate.limits,
        )
    except ValueError as error:
        return Verification(failures=(f"the proof cannot be checked: {error}",))
    stored = certificate.residuals
    return Verification.joined(
        (
            compared("residuals.hydraulic", stored.hydraulic, found.hydraulic, 1.0),
            compared("residuals.negativity", stored.negativity, found.negativity, 1.0),
            compared("residuals.surplus", stored.surplus, found.surplus, 1.0),
            required(found.proves, f"Theorem 1's conditions are missed by {found.largest:.3g}"),
        )
    )


def _tenable(terms: Tenability) -> Verification:
    return Verification.joined(
        (
            required(terms.profit > 0, f"the mediator expects {terms.profit:.6g}; it must expect a profit"),
            required(
                terms.missed <= ROUNDING,
                f"some type loses {terms.largest_loss:.6g} by accepting or gains {terms.largest_misreport_gain:.6g} "
                "by a false report",
            ),
            required(
                terms.sure_profit > 0,
                f"the profit of {terms.profit:.6g} does not make up for what some type loses by accepting, "
                f"{terms.largest_loss:.6g}, and gains by a false report, {terms.largest_misreport_gain:.6g}",
            ),
            required(
                terms.total_probability <= 1 + ROUNDING,
                f"the invitations have total probability {terms.total_probability:.6g}; it must be at most 1",
            ),
        )
    )
