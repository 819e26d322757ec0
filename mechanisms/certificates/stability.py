"""Certificates that no coalition of a kind gains anything against a grand contract, whatever it does.

Truth is best under the contract, unless the certificate claims nothing of lies and speaks of what is done after the
truth alone, and in everything that a coalition may know, a proven bound excludes that its members gain in total:
neither a joint action nor a lottery over joint actions then improves upon the contract (Definition 6), with or without
internal consistency. Where outsiders answer misquotes by a rule, the bound may rest on it, and the rule is part of what
is certified. The certificate is about all coalitions up to some size, and others that it names. It must hold a bound
for each, or one for each player: by wealth a coalition with an outsider gains at most what its members could gain in
sum, so that as many numbers as there are players stand for all of these coalitions. Where flows are executed out of
deposits it may also claim that no lie of theirs gains that anything may follow. Verification needs nothing but economy,
rules, contract and how outsiders react, and derives everything anew
(:mod:`marketgame.mechanisms.certificates.plain`).

Source: Giraud and Rochon (2001), Definitions 4 to 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, read_only
from marketgame.mechanisms.certificates.plain.after_lies import largest_gain_after_lies
from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract, stored_contract
from marketgame.mechanisms.certificates.plain.incentives import largest_lie
from marketgame.mechanisms.certificates.verification import NUMBER_TOLERANCE, Verification, compared, required
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.stated import StatedRecommendations
from marketgame.mechanisms.deviations.bounds import BoundReason
from marketgame.mechanisms.deviations.reactions import StorableReaction, storable
from marketgame.mechanisms.deviations.situation import Reaction
from marketgame.mechanisms.economies.coalitions import Coalition, Coalitions, coalition_name
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import MarketRules


@dataclass(frozen=True)
class CoalitionBound:
    """The weakest of the bounds on a coalition's gain, over everything its members may know.

    Attributes:
        coalition: the members' numbers, ascending.
        reason: why they cannot gain more.
        total_gain: what they cannot exceed together, numeraire.
        reaction: how those outside the coalition answer quotes that are not the contract's; None if they play on.
    """

    coalition: Coalition
    reason: BoundReason
    total_gain: float
    reaction: StorableReaction | None = None


@dataclass(frozen=True, eq=False)
class StabilityCertificate:
    """Why none of several coalitions gains against a grand contract.

    Attributes:
        economy: the economy.
        rules: of the market.
        numeraire_transfers: of the contract, ``(R, N)``, numeraire.
        prices: of the grand contract, ``(P, L)``, numeraire per unit; those of `efficient_allocation` if none are
            given.
        misreport_gain: the most that a type gains by a lie, numeraire; 0 if there is none to tell, and none if nothing
            is claimed of lies, so that the claim is about what is done after the truth.
        largest: the claim is about all coalitions of up to so many players.
        named: larger coalitions that the claim is about too, ascending.
        bounds: one for each coalition that the claim is about, but those that have an outsider where the next is given.
        member_gains: by how much more than it gets each player could enjoy its wealth, numeraire, ``(N,)``: what
            coalitions with an outsider cannot exceed in sum; none if that is not what excludes their gains.
        stated: what the contract recommends instead of efficient allocations at their prices, if something is stated.
        gain_after_lies: what none of the coalitions gains beyond by reporting something, true or not, and then doing
            anything, where that is largest relative to what is at stake, numeraire; none if nothing is claimed of that.
    """

    economy: Economy
    rules: MarketRules
    numeraire_transfers: FloatArray
    prices: FloatArray | None
    misreport_gain: float | None
    largest: int
    named: tuple[Coalition, ...]
    bounds: tuple[CoalitionBound, ...]
    member_gains: FloatArray | None = None
    stated: StatedRecommendations | None = None
    gain_after_lies: float | None = None

    @property
    def about(self) -> Coalitions:
        """The coalitions that the claim is about."""
        return Coalitions(len(self.economy.players), self.largest, self.named)


def certify_stability(
    contract: GrandContract,
    rules: MarketRules,
    coalitions: Sequence[Coalition],
    reactions: Sequence[Reaction | None] | None = None,
    bounds: PlainBounds | None = None,
    *,
    truthful: bool = True,
) -> StabilityCertificate:
    """Return what is proven about coalitions one by one; whether it excludes gains is for `verify_stability` to say.

    Args:
        contract: the contract.
        rules: of its market.
        coalitions: members ascending.
        reactions: how those outside each coalition answer misquotes; all play on if left out.
        bounds: against the contract under these rules, if some were derived before.
        truthful: whether it is claimed, too, that truth is best.

    Raises:
        ValueError: the rules do not admit the contract, or a reaction cannot be stored.
    """
    given = [None] * len(coalitions) if reactions is None else reactions
    answered = {coalition: storable(reaction) for coalition, reaction in zip(coalitions, given, strict=True)}
    bounds = PlainBounds(PlainContract(contract, rules)) if bounds is None else bounds
    about = Coalitions.of(len(contract.economy.players), answered)
    found = tuple(_bound(bounds, coalition, reaction) for coalition, reaction in answered.items())
    return _certificate(bounds, about, found, truthful=truthful)


def certify_stability_by_member(
    contract: GrandContract,
    rules: MarketRules,
    about: Coalitions,
    bounds: PlainBounds | None = None,
    *,
    truthful: bool = True,
) -> StabilityCertificate:
    """Return what is proven about coalitions by the sum of what their members gain, however those outside react.

    Args:
        contract: the contract.
        rules: of its market.
        about: which coalitions.
        bounds: against the contract under these rules, if some were derived before.
        truthful: whether it is claimed, too, that truth is best.

    Raises:
        ValueError: the rules do not admit the contract, or the bound by wealth is not proven under them.
    """
    bounds = PlainBounds(PlainContract(contract, rules)) if bounds is None else bounds
    if bounds.by_member is None:
        raise ValueError("neither the bound by wealth nor that by deposits is proven under the rules")
    everybody = tuple(range(about.players))
    found = (_bound(bounds, everybody, None),) if everybody in about else ()
    gains = read_only(np.array([float(one.gain) for one in bounds.by_member]))
    return _certificate(bounds, about, found, gains, truthful=truthful)


def _certificate(
    bounds: PlainBounds,
    about: Coalitions,
    found: tuple[CoalitionBound, ...],
    member_gains: FloatArray | None = None,
    *,
    truthful: bool,
) -> StabilityCertificate:
    contract = bounds.contract.contract
    return StabilityCertificate(
        economy=contract.economy,
        rules=bounds.contract.rules,
        numeraire_transfers=contract.numeraire_transfers,
        prices=contract.efficient.price,
        misreport_gain=float(largest_lie(bounds.contract).gain) if truthful else None,
        largest=about.largest,
        named=about.named,
        bounds=found,
        member_gains=member_gains,
        stated=contract.stated,
    )


def recomputed_stability(certificate: StabilityCertificate) -> StabilityCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: the contract does not exist, or the rules do not admit it, or the proof does not hold under them.
    """
    if certificate.gain_after_lies is not None:
        return claiming_safety_after_lies(recomputed_stability(replace(certificate, gain_after_lies=None)))
    contract, truthful = stored_contract(certificate).contract, certificate.misreport_gain is not None
    if certificate.member_gains is not None:
        return certify_stability_by_member(contract, certificate.rules, certificate.about, truthful=truthful)
    coalitions = [bound.coalition for bound in certificate.bounds]
    reactions = [bound.reaction for bound in certificate.bounds]
    return certify_stability(contract, certificate.rules, coalitions, reactions, truthful=truthful)


def claiming_safety_after_lies(
    certificate: StabilityCertificate, deadline: Deadline = NO_DEADLINE
) -> StabilityCertificate:
    """Return a certificate that claims, too, that no lie of its coalitions gains that anything follows, if that holds.

    Raises:
        DeadlinePassedError: time ran out.
    """
    found = largest_gain_after_lies(stored_contract(certificate), certificate.about, deadline)
    if found is None or not found.excluded or _reacting(certificate):
        return certificate
    return replace(certificate, gain_after_lies=float(found.gain))


def verify_stability(certificate: StabilityCertificate) -> Verification:
    """Derive all bounds from the contract, and check that they exclude any gain of any coalition claimed."""
    listed = _listed(certificate)
    if not listed.confirmed:
        return listed
    try:
        contract = stored_contract(certificate)
        bounds = PlainBounds(contract)
        found = [_verified(certificate, place, bounds) for place in range(len(certificate.bounds))]
        found.append(_verified_by_member(certificate, bounds))
        found.append(_verified_after_lies(certificate, contract))
        found.append(_truthful(certificate, contract))
        doubts = tuple(contract.doubts())
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the contract cannot be recomputed: {error}",))
    return Verification.joined((Verification(failures=doubts), *found))


def _listed(certificate: StabilityCertificate) -> Verification:
    """Check that there is one bound for each coalition that the claim is about, and that no other bounds it."""
    names, about = certificate.economy.player_names, certificate.about
    held = {bound.coalition for bound in certificate.bounds}
    everybody = tuple(range(about.players))
    needed = about if certificate.member_gains is None else ([everybody] if everybody in about else [])
    missing = next((coalition for coalition in needed if coalition not in held), None)
    if missing is not None:
        members = coalition_name(names[member] for member in missing)
        return Verification(failures=(f"there is no bound for {members}, whom the claim is about",))
    known = all(coalition in about for coalition in held)
    return Verification.joined(
        (
            required(known, "there is a bound for a coalition that the claim is not about"),
            required(len(held) == len(certificate.bounds), "there are two bounds for one coalition"),
        )
    )


def _truthful(certificate: StabilityCertificate, contract: PlainContract) -> Verification:
    if certificate.misreport_gain is None:
        return Verification()
    lie = largest_lie(contract)
    gain = float(lie.gain)
    return Verification.joined(
        (
            compared("misreport_gain", certificate.misreport_gain, gain, float(lie.stake)),
            required(not lie.tempting, f"a type gains {gain:.6g} by a lie; no type may gain by one"),
        )
    )


def _bound(bounds: PlainBounds, coalition: Coalition, reaction: StorableReaction | None) -> CoalitionBound:
    found = bounds.weakest(coalition, reaction)
    return CoalitionBound(coalition, found.reason, float(found.gain), reaction)


def _verified(certificate: StabilityCertificate, place: int, bounds: PlainBounds) -> Verification:
    """Compare a stored bound with what can be derived, and check that it excludes any gain."""
    stored = certificate.bounds[place]
    found = bounds.weakest(stored.coalition, stored.reaction)
    stake, gain = bounds.contract.at_stake(stored.coalition, found.number), float(found.gain)
    members = coalition_name(certificate.economy.player_names[member] for member in stored.coalition)
    enough = max(found.gain, Fraction(NUMBER_TOLERANCE) * stake)
    holds = stored.reason is found.reason or bounds.holds(stored.coalition, stored.reaction, stored.reason, enough)
    return Verification.joined(
        (
            compared(f"bounds[{place}].total_gain", stored.total_gain, gain, float(stake)),
            required(holds, f"bounds[{place}].reason is {stored.reason.value}, which does not hold for {members}"),
            required(found.excludes, f"{members} could gain up to {gain:.6g} together"),
        )
    )


def _verified_by_member(certificate: StabilityCertificate, bounds: PlainBounds) -> Verification:
    """Compare what each player could gain by its wealth with what can be derived, and check that nobody could."""
    if certificate.member_gains is None:
        return Verification()
    if bounds.by_member is None:
        return Verification(failures=("member_gains are of wealth, which bounds nothing under these rules",))
    stakes = [float(bounds.contract.stakes[one.number][player]) for player, one in enumerate(bounds.by_member)]
    gains = [float(one.gain) for one in bounds.by_member]
    named = zip(certificate.economy.player_names, bounds.by_member, strict=True)
    failures = [
        f"{name} could gain up to {float(one.gain):.6g} by its wealth" for name, one in named if not one.excludes
    ]
    return Verification.joined(
        (compared("member_gains", certificate.member_gains, gains, stakes), Verification(failures=tuple(failures)))
    )


def _verified_after_lies(certificate: StabilityCertificate, contract: PlainContract) -> Verification:
    """Compare what lies bring at most that anything follows with what can be derived, and check that it is nothing."""
    if certificate.gain_after_lies is None:
        return Verification()
    found = largest_gain_after_lies(contract, certificate.about)
    if found is None or _reacting(certificate):
        return Verification(failures=("gain_after_lies is of deposits, which bound nothing here",))
    members = coalition_name(certificate.economy.player_names[member] for member in found.coalition)
    gain = float(found.gain)
    return Verification.joined(
        (
            compared("gain_after_lies", certificate.gain_after_lies, gain, float(found.stake)),
            required(found.excluded, f"{members} could gain up to {gain:.6g} by a lie and what follows it"),
        )
    )


def _reacting(certificate: StabilityCertificate) -> bool:
    return any(bound.reaction is not None for bound in certificate.bounds)
