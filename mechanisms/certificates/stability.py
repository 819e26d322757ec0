"""Certificates that no coalition of a list gains anything against a grand contract, whatever it does.

Truth is best under the contract, and in everything that a coalition may know, a proven bound excludes that its members
gain in total: neither a joint action nor a lottery over joint actions then improves upon the contract (Definition 6),
with or without internal consistency. Where outsiders answer misquotes by a rule, the bound may rest on it, and the rule
is part of what is certified. Verification needs nothing but economy, rules, transfers and how outsiders react.

Source: Giraud and Rochon (2001), Definitions 4 to 8; the bounds are those of :mod:`mechanisms.deviations.bounds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mechanisms.arrays import FloatArray
from mechanisms.certificates.information import situations
from mechanisms.certificates.reactions import StorableReaction, storable
from mechanisms.certificates.verification import NUMBER_TOLERANCE, Verification, compared, required
from mechanisms.contracts import check_contract, device_of
from mechanisms.deviations.bounds import BoundReason, least_bound, proven_bounds
from mechanisms.deviations.situation import Reaction
from mechanisms.economy import Economy
from mechanisms.efficiency import efficient_allocation
from mechanisms.grand_contract import GrandContract
from mechanisms.market_rules import MarketRules
from mechanisms.stakes import GAIN_TOLERANCE


@dataclass(frozen=True)
class CoalitionBound:
    """The weakest of the bounds on a coalition's gain, over everything its members may know.

    Attributes:
        coalition: the members' numbers, ascending.
        reason: why they cannot gain more.
        total_gain: what they cannot exceed together, numeraire.
        reaction: how those outside the coalition answer quotes that are not the contract's; None if they play on.
    """

    coalition: tuple[int, ...]
    reason: BoundReason
    total_gain: float
    reaction: StorableReaction | None = None


@dataclass(frozen=True, eq=False)
class StabilityCertificate:
    """Why none of several coalitions gains against a grand contract.

    Attributes:
        economy: the economy.
        rules: of the market.
        numeraire_transfers: of the contract, ``(P, N)``, numeraire.
        misreport_gain: the most that a type gains by a lie, numeraire; 0 if there is none to tell.
        bounds: one for each coalition.
    """

    economy: Economy
    rules: MarketRules
    numeraire_transfers: FloatArray
    misreport_gain: float
    bounds: tuple[CoalitionBound, ...]


def certify_stability(
    contract: GrandContract,
    rules: MarketRules,
    coalitions: Sequence[tuple[int, ...]],
    reactions: Sequence[Reaction | None] | None = None,
) -> StabilityCertificate:
    """Return what is proven about coalitions; whether it excludes gains is for `verify_stability` to say.

    Args:
        contract: the contract.
        rules: of its market.
        coalitions: members ascending.
        reactions: how those outside each coalition answer misquotes; all play on if left out.

    Raises:
        ValueError: the rules do not admit the contract, or a reaction cannot be stored.
    """
    expected = [None] * len(coalitions) if reactions is None else reactions
    bounds = tuple(
        coalition_bound(contract, rules, coalition, storable(reaction))
        for coalition, reaction in zip(coalitions, expected, strict=True)
    )
    gain = _misreport_gain(contract, rules)[0]
    return StabilityCertificate(contract.economy, rules, contract.numeraire_transfers, gain, bounds)


def coalition_bound(
    contract: GrandContract, rules: MarketRules, coalition: tuple[int, ...], reaction: StorableReaction | None = None
) -> CoalitionBound:
    """Return the weakest of the least bounds over everything that a coalition may know."""
    faced = situations(contract, coalition, rules, reaction)
    found = max(map(least_bound, faced), key=lambda bound: bound.total_gain)
    return CoalitionBound(coalition, found.reason, found.total_gain, reaction)


def negligible_gain(contract: GrandContract) -> float:
    """Return up to where a gain is rounding, numeraire."""
    return NUMBER_TOLERANCE * (1 + float(np.abs(contract.utilities).max())) * len(contract.economy.players)


def recomputed_stability(certificate: StabilityCertificate) -> StabilityCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: the contract does not exist, or the rules do not admit it.
    """
    coalitions = [bound.coalition for bound in certificate.bounds]
    reactions = [bound.reaction for bound in certificate.bounds]
    return certify_stability(_contract(certificate), certificate.rules, coalitions, reactions)


def verify_stability(certificate: StabilityCertificate) -> Verification:
    """Recompute all bounds from the contract, and check that they exclude any gain."""
    try:
        contract = _contract(certificate)
        gain, scale = _misreport_gain(contract, certificate.rules)
        found = [
            coalition_bound(contract, certificate.rules, stored.coalition, stored.reaction)
            for stored in certificate.bounds
        ]
        reasons = [_reasons(contract, certificate.rules, stored) for stored in certificate.bounds]
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the contract cannot be recomputed: {error}",))
    size, nothing = float(np.abs(contract.utilities).max()), negligible_gain(contract)
    parts = [
        compared("misreport_gain", certificate.misreport_gain, gain, size),
        required(gain <= GAIN_TOLERANCE * scale, f"a type gains {gain:.6g} by a lie; no type may gain by one"),
    ]
    for place, (stored, true_bound) in enumerate(zip(certificate.bounds, found, strict=True)):
        members = " + ".join(certificate.economy.player_names[member] for member in stored.coalition)
        parts += [
            compared(f"bounds[{place}].total_gain", stored.total_gain, true_bound.total_gain, size),
            required(
                stored.reason in reasons[place],
                f"bounds[{place}].reason is {stored.reason.value}, which does not hold for {members}",
            ),
            required(
                true_bound.total_gain <= nothing, f"{members} could gain up to {true_bound.total_gain:.6g} together"
            ),
        ]
    return Verification.joined(parts)


def _contract(certificate: StabilityCertificate) -> GrandContract:
    economy = certificate.economy
    return GrandContract(economy, efficient_allocation(economy), certificate.numeraire_transfers)


def _reasons(contract: GrandContract, rules: MarketRules, stored: CoalitionBound) -> set[BoundReason]:
    faced = situations(contract, stored.coalition, rules, stored.reaction)
    return {bound.reason for situation in faced for bound in proven_bounds(situation)}


def _misreport_gain(contract: GrandContract, rules: MarketRules) -> tuple[float, float]:
    """Return the most that a type gains by a lie, and what gains are measured against."""
    check = check_contract(device_of(contract, rules))
    scale = 1 + max(float(np.abs(utility).max()) for utility in check.interim_utility)
    return 0.0 if check.worst is None else check.worst.gain, scale
