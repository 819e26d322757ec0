"""Certificates that no coalition gains by any report, true or not, and any replies to what it then hears.

Members tell each other their types, report whatever they like, hear what is recommended to each of them, and do
whatever they like, sharing money, while the others tell the truth and obey, or answer misquotes by a rule that then is
part of what is certified. The certificate holds a bound for each coalition of up to some size: what its members gain
at most in sum, at the joint type and report where that is most relative to what is at stake for them. Verification
bounds, in rational numbers, every reply to everything that may be heard after every report
(:mod:`marketgame.mechanisms.certificates.plain.replies`).

Source: Giraud and Rochon (2001), Definition 4', for coalitions that pool information and money.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.certificates.plain.contract import PlainContract, stored_contract
from marketgame.mechanisms.certificates.plain.replies import ReplyBound, weakest_replies
from marketgame.mechanisms.certificates.verification import Verification, compared, require_members
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.stated import StatedRecommendations, recommendation_odds
from marketgame.mechanisms.deviations.reactions import StorableReaction, storable
from marketgame.mechanisms.deviations.situation import Reaction
from marketgame.mechanisms.economies.coalitions import Coalition, coalition_name
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import MarketRules


@dataclass(frozen=True)
class RepliesBound:
    """What a coalition gains at most by any report and any replies.

    Attributes:
        coalition: the members' numbers, ascending.
        total_gain: what they cannot exceed together, numeraire, where that is most relative to what is at stake.
        reaction: how those outside the coalition answer quotes that are not the contract's; None if they play on.
    """

    coalition: Coalition
    total_gain: float
    reaction: StorableReaction | None = None


@dataclass(frozen=True, eq=False)
class RepliesCertificate:
    """Why no coalition of up to some size gains by lying, disobeying, or both.

    Attributes:
        economy: whose types are reported.
        rules: of the market.
        numeraire_transfers: of the grand contract, ``(R, N)``, numeraire.
        prices: of the grand contract, ``(P, L)``, numeraire per unit; those of `efficient_allocation` if none are
            given.
        bounds: one for each coalition of up to so many members as the largest of them has, the small ones first.
        stated: what the contract recommends instead of efficient allocations at their prices, if something is stated.

    Raises:
        ValueError: members do not exist, or shapes disagree.
    """

    economy: Economy
    rules: MarketRules
    numeraire_transfers: FloatArray
    prices: FloatArray | None
    bounds: tuple[RepliesBound, ...]
    stated: StatedRecommendations | None = None

    def __post_init__(self) -> None:
        shape = (len(recommendation_odds(self.economy, self.stated)), len(self.economy.players))
        transfers = finite_array("numeraire_transfers", self.numeraire_transfers, shape)
        if transfers.ndim != len(shape):
            raise ValueError(f"numeraire_transfers has shape {transfers.shape}; it must be {shape}")
        object.__setattr__(self, "numeraire_transfers", read_only(transfers))
        for bound in self.bounds:
            require_members(self.economy, bound.coalition)
        if not self.bounds:
            raise ValueError("bounds must hold one for each coalition that the claim is about; there is none")

    @property
    def largest(self) -> int:
        """Of how many members the largest coalitions are that the claim is about."""
        return max(len(bound.coalition) for bound in self.bounds)


def certify_replies(
    contract: GrandContract,
    rules: MarketRules,
    largest: int,
    reaction_to: Callable[[Coalition], Reaction | None] = lambda _: None,
    deadline: Deadline = NO_DEADLINE,
) -> tuple[RepliesCertificate, bool]:
    """Return what coalitions of up to some size gain at most by reports and replies, and whether that is nothing.

    Args:
        contract: the contract.
        rules: of its market.
        largest: of how many members coalitions may be.
        reaction_to: how those outside a coalition answer misquotes.
        deadline: after which nothing more is derived.

    Raises:
        ValueError: the rules do not admit the contract, a reaction cannot be stored, or there are too many replies.
        DeadlinePassedError: time ran out.
    """
    contract = contract.under(rules)
    expected: dict[Coalition, StorableReaction | None] = {}

    def stored(coalition: Coalition) -> StorableReaction | None:
        return expected.setdefault(coalition, storable(reaction_to(coalition)))

    found = list(weakest_replies(PlainContract(contract, rules), largest, stored, deadline))
    certificate = RepliesCertificate(
        contract.economy,
        rules,
        contract.numeraire_transfers,
        contract.efficient.price,
        tuple(RepliesBound(one.coalition, float(one.gain), expected[one.coalition]) for one in found),
        contract.stated,
    )
    return certificate, all(one.excludes for one in found)


def recomputed_replies(certificate: RepliesCertificate) -> RepliesCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: the contract does not exist, or there are too many replies.
    """
    reactions = {bound.coalition: bound.reaction for bound in certificate.bounds}
    contract = stored_contract(certificate).contract
    return certify_replies(contract, certificate.rules, certificate.largest, reactions.get)[0]


def verify_replies(certificate: RepliesCertificate, deadline: Deadline = NO_DEADLINE) -> Verification:
    """Bound every reply to every report of every coalition that is covered, and check that none gains anything.

    Raises:
        DeadlinePassedError: time ran out.
    """
    players, held = len(certificate.economy.players), [bound.coalition for bound in certificate.bounds]
    wanted = sum(comb(players, size) for size in range(1, certificate.largest + 1))
    if len(set(held)) != len(held) or len(held) != wanted:
        return Verification(
            failures=(f"there are bounds for {len(held)} coalitions; there must be one for each of {wanted}",)
        )
    reactions = {bound.coalition: bound.reaction for bound in certificate.bounds}
    try:
        contract = stored_contract(certificate)
        found = {one.coalition: one for one in weakest_replies(contract, certificate.largest, reactions.get, deadline)}
        doubts = tuple(contract.doubts())
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the contract cannot be recomputed: {error}",))
    each = [_verified(certificate, place, found[bound.coalition]) for place, bound in enumerate(certificate.bounds)]
    return Verification.joined((Verification(failures=doubts), *each))


def _verified(certificate: RepliesCertificate, place: int, found: ReplyBound) -> Verification:
    """Compare a stored bound with what can be derived, and check that it excludes any gain."""
    stored, gain = certificate.bounds[place], float(found.gain)
    members = coalition_name(certificate.economy.player_names[member] for member in stored.coalition)
    open_to = () if found.excludes else (f"{members} could gain up to {gain:.6g} by a report and what follows it",)
    return Verification.joined(
        (
            compared(f"bounds[{place}].total_gain", stored.total_gain, np.asarray(gain), float(found.stake)),
            Verification(failures=open_to),
        )
    )
