"""Certificates of what incentives allow: a mechanism that reaches it, and multipliers beyond whose bound none goes.

A mechanism divides the goods, by lot or for certain, after reports that the truth is best for, and pays money that adds
up to nothing and that everybody has. The certificate holds it with what it gains over autarky, expected before types
are drawn, and what no such mechanism gains beyond, willing or not. Verification plays it in rational numbers, type by
type and report by report; the bound is the least of two that it derives: the first best, by weak duality, and that by
the multipliers (:mod:`marketgame.mechanisms.certificates.plain.second_best`). Types are independent, and endowments do
not depend on them.

Source: Myerson (2006), program (1) and Theorem 0; participation as in Myerson and Satterthwaite (1983).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.second_best import PlayedMechanism, most_virtual_gains, play_mechanism
from marketgame.mechanisms.certificates.plain.welfare import best_welfare, refuse_many
from marketgame.mechanisms.certificates.verification import Verification, compared
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.stakes import stakes_by_type
from marketgame.mechanisms.incentive_efficiency.second_best import Divisions
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import PAPER_RULES


@dataclass(frozen=True, eq=False)
class SecondBestCertificate:
    """What incentives allow, from a mechanism that reaches it to what none exceeds.

    Attributes:
        economy: whose goods are divided, with independent types and endowments that do not depend on them.
        willing: whether every type must expect at least what its endowment is worth to it.
        chances: of each of D divisions of the goods at each profile, ``(P, D)``.
        divisions: what each player gets in them, ``(P, D, N, G)``, units of the goods but the numeraire.
        payments: what each player receives at each profile, ``(P, N)``, numeraire.
        multipliers: of the constraint that a type does not pretend to be another, ``(K_i, K_i)``, pure numbers.
        gains: what the mechanism gains over autarky, expected, numeraire.
        bound: what no such mechanism gains beyond, expected, numeraire.

    Raises:
        ValueError: shapes disagree, or chances or multipliers are negative.
    """

    economy: Economy
    willing: bool
    chances: FloatArray
    divisions: FloatArray
    payments: FloatArray
    multipliers: tuple[FloatArray, ...]
    gains: float
    bound: float

    def __post_init__(self) -> None:
        counts, goods = self.economy.prior.type_counts, len(self.economy.goods) - 1
        profiles, players = self.economy.prior.size, len(counts)
        drawn = len(np.atleast_2d(self.chances)[0])
        shapes = {
            "chances": (profiles, drawn),
            "divisions": (profiles, drawn, players, goods),
            "payments": (profiles, players),
        }
        for name, shape in shapes.items():
            array = finite_array(name, getattr(self, name), shape)
            if array.shape != shape:
                raise ValueError(f"{name} has shape {array.shape}; it must be {shape}")
            object.__setattr__(self, name, read_only(array))
        if len(self.multipliers) != players:
            raise ValueError(f"multipliers are for {len(self.multipliers)} players; there are {players}")
        tables = tuple(
            read_only(finite_array("multipliers", table, (count, count)))
            for table, count in zip(self.multipliers, counts, strict=True)
        )
        object.__setattr__(self, "multipliers", tables)
        if (self.chances < 0).any() or any((table < 0).any() for table in tables):
            raise ValueError("chances and multipliers must be at least 0")


@dataclass(frozen=True)
class _Derived:
    """What a mechanism comes to, and what none exceeds.

    Attributes:
        played: what comes of it.
        bound: what none exceeds, expected, numeraire.
        stake: what is expected to be at stake for everybody together, numeraire.
    """

    played: PlayedMechanism
    bound: Fraction
    stake: Fraction


def certify_second_best(
    economy: Economy, mechanism: Divisions, payments: FloatArray, *, willing: bool, deadline: Deadline = NO_DEADLINE
) -> tuple[SecondBestCertificate, tuple[str, ...]]:
    """Return the certificate of a mechanism, and which constraints it misses, a sentence each.

    Args:
        economy: whose goods are divided.
        mechanism: how, with multipliers.
        payments: what each player receives at each profile, ``(P, N)``, numeraire.
        willing: whether every type must expect at least what its endowment is worth to it.
        deadline: after which nothing more is derived.

    Raises:
        ValueError: types are correlated, endowments depend on them, or there are too many profiles.
        DeadlinePassedError: time ran out.
    """
    refuse_many(economy.prior.size, len(economy.players))
    draft = SecondBestCertificate(
        economy, willing, mechanism.chances, mechanism.bundles, payments, mechanism.multipliers, 0.0, 0.0
    )
    found = _derived(draft, deadline)
    return replace(draft, gains=float(found.played.gains), bound=float(found.bound)), found.played.doubts


def recomputed_second_best(certificate: SecondBestCertificate) -> SecondBestCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: types are correlated, endowments depend on them, or there are too many profiles.
    """
    found = _derived(certificate, NO_DEADLINE)
    return replace(certificate, gains=float(found.played.gains), bound=float(found.bound))


def verify_second_best(certificate: SecondBestCertificate, deadline: Deadline = NO_DEADLINE) -> Verification:
    """Play the mechanism, derive what none exceeds, and compare.

    Raises:
        DeadlinePassedError: time ran out.
    """
    try:
        found = _derived(certificate, deadline)
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the mechanism cannot be played: {error}",))
    return Verification.joined(
        (
            Verification(failures=found.played.doubts),
            compared("gains", certificate.gains, float(found.played.gains), float(found.stake)),
            compared("bound", certificate.bound, float(found.bound), float(found.stake)),
        )
    )


def _derived(certificate: SecondBestCertificate, deadline: Deadline) -> _Derived:
    economy = certificate.economy
    # Payments are not at stake: whoever states them could state any, and miss constraints by a share of them.
    stakes = stakes_by_type(economy, efficient_allocation(economy))
    played = play_mechanism(economy, certificate, stakes, deadline)
    nothing = np.zeros((economy.prior.size, len(economy.players)))
    first_best = best_welfare(PlainContract.of(economy, nothing, None, PAPER_RULES), deadline)
    # Where no incentive constraint costs anything the first best is all that there is to it.
    binding = any(table.any() for table in certificate.multipliers)
    most = most_virtual_gains(economy, certificate, stakes, deadline) if binding else None
    return _Derived(played, first_best.bound if most is None else min(most, first_best.bound), first_best.stake)
