"""What the verification of a certificate finds: stored numbers that are wrong, and conditions that fail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

# Recomputed numbers agree with stored ones up to this share of the numbers beside them.
NUMBER_TOLERANCE = 1e-9
# A sum of orders, recomputed on another machine, errs by less than this share of the largest of them.
ORDER_ROUNDING = 64 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Mismatch:
    """A number in the certificate that is not what comes out when it is recomputed.

    Attributes:
        quantity: which number, by its path in the certificate, such as ``outcome.gain[2]``.
        stored: as the certificate has it.
        recomputed: as it is.
    """

    quantity: str
    stored: float
    recomputed: float


@dataclass(frozen=True)
class Verification:
    """Whether a certificate proves what it claims.

    Attributes:
        mismatches: numbers that are not the recomputed ones.
        failures: conditions of the claim that do not hold, one sentence each.
    """

    mismatches: tuple[Mismatch, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def confirmed(self) -> bool:
        """Whether every number is right and every condition holds."""
        return not self.mismatches and not self.failures

    @classmethod
    def joined(cls, parts: Iterable[Verification]) -> Verification:
        """Return several verifications as one."""
        parts = tuple(parts)
        return cls(
            tuple(mismatch for part in parts for mismatch in part.mismatches),
            tuple(failure for part in parts for failure in part.failures),
        )


def compared(
    quantity: str, stored: ArrayLike, recomputed: ArrayLike, scale: float = 0.0, rounding: float = 0.0
) -> Verification:
    """Compare stored numbers with recomputed ones, entry by entry.

    Args:
        quantity: the path of the array in the certificate.
        stored: any shape.
        recomputed: the same shape, or the shapes are the mismatch.
        scale: of the numbers they were computed from; the tolerance is a share of the largest of these and those.
        rounding: an error to be forgiven besides.

    Returns:
        One mismatch for each entry that differs.
    """
    kept, found = np.asarray(stored, dtype=np.float64), np.asarray(recomputed, dtype=np.float64)
    if kept.shape != found.shape:
        return Verification(failures=(f"{quantity} has shape {kept.shape}; it must have shape {found.shape}",))
    size = max(scale, float(np.abs(found).max(initial=0.0)))
    differs = ~(np.abs(kept - found) <= NUMBER_TOLERANCE * (1 + size) + rounding)
    return Verification(
        tuple(
            Mismatch(
                quantity + "".join(f"[{place}]" for place in index),
                float(kept[tuple(index)]),
                float(found[tuple(index)]),
            )
            for index in np.argwhere(differs)
        )
    )


def required(holds: bool, otherwise: str) -> Verification:
    """Return a verification that fails with a sentence unless the condition holds."""
    return Verification() if holds else Verification(failures=(otherwise,))
