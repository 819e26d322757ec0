"""What the verification of a certificate finds: stored numbers that are wrong, and conditions that fail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE

# Recomputed numbers agree with stored ones up to this share of what is at stake for the one they are about.
NUMBER_TOLERANCE = GAIN_TOLERANCE


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


def compared(quantity: str, stored: ArrayLike, recomputed: ArrayLike, at_stake: ArrayLike) -> Verification:
    """Compare stored numbers with recomputed ones, entry by entry.

    Args:
        quantity: the path of the array in the certificate.
        stored: any shape.
        recomputed: the same shape, or the shapes are the mismatch.
        at_stake: what is at stake for whoever an entry speaks about, in its unit; broadcasts to the shape. An entry may
            differ by `NUMBER_TOLERANCE` of it, and not at all where nothing is.

    Returns:
        One mismatch for each entry that differs.
    """
    kept, found = np.asarray(stored, dtype=np.float64), np.asarray(recomputed, dtype=np.float64)
    if kept.shape != found.shape:
        return Verification(failures=(f"{quantity} has shape {kept.shape}; it must have shape {found.shape}",))
    with np.errstate(invalid="ignore"):
        near = np.abs(kept - found) <= NUMBER_TOLERANCE * np.abs(np.asarray(at_stake, dtype=np.float64))
    differs = ~(near | (kept == found))
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


def require_members(economy: Economy, coalition: tuple[int, ...], **types: tuple[int, ...]) -> None:
    """Refuse members that an economy does not have, and types, by what they are called, that members do not have.

    Raises:
        ValueError: members are not listed once, ascending; members or types do not exist.
    """
    counts = economy.prior.type_counts
    if list(coalition) != sorted(set(coalition)) or not coalition:
        raise ValueError(f"coalition is {coalition}; it must list members once, ascending")
    if coalition[0] < 0 or coalition[-1] >= len(counts):
        raise ValueError(f"coalition is {coalition}; members are 0 to {len(counts) - 1}")
    for name, kinds in types.items():
        if len(kinds) != len(coalition) or any(
            not 0 <= kind < counts[member] for member, kind in zip(coalition, kinds, strict=True)
        ):
            raise ValueError(f"{name} is {kinds}; it must have a type of each member")
