"""Whatever a file certifies, verified: by proof, or by playing again what was played."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from marketgame.mechanisms.certificates import certificate as proven
from marketgame.mechanisms.certificates.verification import Verification
from marketgame.simulation.market.sampled_play.certificate import PLAYED, PlayedCertificate

type AnyCertificate = proven.Certificate | PlayedCertificate
"""What files hold."""


def verify(certificate: AnyCertificate) -> Verification:
    """Recompute every number of a certificate, and check every condition of what it claims."""
    if isinstance(certificate, PLAYED):
        found: Verification = _again("verify_played")(certificate)
        return found
    return proven.verify(certificate)


def recomputed(certificate: AnyCertificate) -> AnyCertificate:
    """Return the same claim with its numbers recomputed.

    Raises:
        ValueError: what it describes cannot be played.
    """
    if isinstance(certificate, PLAYED):
        again: AnyCertificate = _again("recomputed_played")(certificate)
        return again
    return proven.recomputed(certificate)


def verified_and_recomputed(certificate: AnyCertificate) -> tuple[Verification, AnyCertificate | None]:
    """Return what verification finds, and the same claim with its numbers recomputed; none if it cannot be played."""
    if isinstance(certificate, PLAYED):
        both: tuple[Verification, AnyCertificate | None] = _again("played_again")(certificate)
        return both
    try:
        again = proven.recomputed(certificate)
    except (ValueError, ArithmeticError):
        return proven.verify(certificate), None
    return proven.verify(certificate), again


def _again(name: str) -> Callable[..., Any]:
    """Return a function that plays again: it needs how agents behave, which is long to import."""
    found: Callable[..., Any] = getattr(import_module("marketgame.simulation.market.sampled_play.again"), name)
    return found
