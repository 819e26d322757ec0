r"""Certificates of a deviation: a coalition, its joint action, and what everybody gets with and without it.

The members know their types and what the grand contract told them, and think all profiles possible in which these are
the same, with the odds of the prior. All of this follows from the economy, the contract and one profile; it is stored
to be read, and derived anew to be checked. The certificate is refused unless it is what follows, the two plays, settled
anew in rational numbers, give every number that is stored, and the coalition gains as claimed.

Source: Giraud and Rochon (2001), Definitions 3, 5 and 6, with lotteries already drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.deviating import PlainAction, deviation
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.certificates.plays import DeviationOutcome, compared_deviations, quantities_in, stakes_in
from marketgame.mechanisms.certificates.verification import Verification, compared, required
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.stated import StatedRecommendations, recommendation_odds
from marketgame.mechanisms.deviations.reactions import can_be_stored, storable
from marketgame.mechanisms.deviations.situation import JointAction, Situation
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.market_game.rules import Timing


class Claim(StrEnum):
    """What a deviation is said to achieve."""

    IMPROVEMENT = "improvement"
    """No member loses and the members together gain: Definition 6 (b) at one vector of types and recommendations."""
    TOTAL_GAIN = "total-gain"
    """The members together gain; some may lose, and would have to be compensated by a lottery over roles."""


@dataclass(frozen=True, eq=False)
class DeviationCertificate:
    """A profitable deviation from a grand contract, with everything needed to play it.

    Attributes:
        situation: economy, rules, coalition, the play everybody was to follow, and how outsiders react.
        action: what the members do instead.
        numeraire_transfers: of the grand contract that prescribes the play, ``(R, N)``, numeraire.
        prices: of the grand contract, ``(P, L)``, numeraire per unit; those of `efficient_allocation` if none are
            given.
        claim: what the deviation achieves.
        outcome: the numbers.
        stated: what the contract recommends instead of efficient allocations at their prices, if something is stated.

    Raises:
        ValueError: outsiders react by something else than a known rule, or shapes disagree.
    """

    situation: Situation
    action: JointAction
    numeraire_transfers: FloatArray
    prices: FloatArray | None
    claim: Claim
    outcome: DeviationOutcome
    stated: StatedRecommendations | None = None

    def __post_init__(self) -> None:
        situation = self.situation
        if not can_be_stored(situation.reaction):
            raise ValueError("outsiders must react by a known rule: other replies to what they see cannot be checked")
        _refuse_other_shape(situation, self.action)
        shape = (len(recommendation_odds(situation.economy, self.stated)), len(situation.economy.players))
        transfers = finite_array("numeraire transfers", self.numeraire_transfers, shape)
        object.__setattr__(self, "numeraire_transfers", read_only(transfers))

    @property
    def economy(self) -> Economy:
        """The economy."""
        return self.situation.economy


def certify_deviation(
    situation: Situation, action: JointAction, contract: GrandContract, claim: Claim = Claim.IMPROVEMENT
) -> DeviationCertificate:
    """Return the certificate of a deviation, its numbers computed by playing it.

    Args:
        situation: what the coalition faces.
        action: what it does.
        contract: that prescribes the situation's play.
        claim: what the deviation achieves; whether it does is for `verify_deviation` to say.

    Raises:
        ValueError: the deviation cannot be played, because a transfer is not covered or an announcement not owned, or
            outsiders react by something else than a known rule.
    """
    action = _without_orders_to_oneself(situation, action)
    draft = DeviationCertificate(
        _with_reactions_that_count(situation, action),
        action,
        contract.numeraire_transfers,
        contract.efficient.price,
        claim,
        DeviationOutcome.unplayed(),
        contract.stated,
    )
    played = _Played(draft, PlainContract(contract, situation.rules))
    return replace(draft, outcome=played.outcome)


def recomputed_deviation(certificate: DeviationCertificate) -> DeviationCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: there is no such contract, or the deviation cannot be played.
    """
    return replace(certificate, outcome=_Played(certificate, _contract(certificate)).outcome)


def verify_deviation(certificate: DeviationCertificate) -> Verification:
    """Play a certificate's deviation and compare every number.

    Returns:
        What is wrong with the certificate; nothing if it proves its claim.
    """
    situation = certificate.situation
    try:
        contract = _contract(certificate)
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the contract cannot be recomputed: {error}",))
    knows = _knows(situation, contract)
    if not knows.confirmed:
        return knows
    try:
        played = _Played(certificate, contract)
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the deviation cannot be played: {error}",))
    return Verification.joined(
        (
            Verification(failures=tuple(contract.doubts())),
            _prescribed(situation, contract, played.numbers),
            _counts(situation, certificate.action),
            compared_deviations(certificate.outcome, played.outcome, contract, played.numbers),
            _gains_as_claimed(certificate, contract, played),
        )
    )


class _Played:
    """A deviation, played.

    Attributes:
        numbers: of the profile in each draw.
        outcome: the numbers of the certificate.
        gains: of every player, numeraire, before they are rounded.
    """

    def __init__(self, certificate: DeviationCertificate, contract: PlainContract) -> None:
        situation = certificate.situation
        self.numbers = _numbers(situation, contract)
        action = PlainAction.of(certificate.action)
        reaction = storable(situation.reaction)
        plays = [deviation(contract, number, situation.coalition, action, reaction) for number in self.numbers]
        self.outcome, self.gains = DeviationOutcome.of(
            [contract.obeyed(number) for number in self.numbers],
            [contract.ended(play, number) for play, number in zip(plays, self.numbers, strict=True)],
            [contract.probability[number] for number in self.numbers],
        )


def _contract(certificate: DeviationCertificate) -> PlainContract:
    transfers, prices = certificate.numeraire_transfers, certificate.prices
    return PlainContract.of(certificate.economy, transfers, prices, certificate.situation.rules, certificate.stated)


def _numbers(situation: Situation, contract: PlainContract) -> list[int]:
    """Return the numbers of the recommendations that may have been made, one for each draw of the situation."""
    profiles = [tuple(int(kind) for kind in profile) for profile in situation.profiles]
    first = [contract.number[profile] for profile in profiles]
    if len(contract.contract.chances) == 1:
        return first
    # The same profiles may be possible after other recommendations; those meant are the most like what is prescribed.
    alike = [
        cell
        for cell in contract.cells(situation.coalition)
        if [contract.profiles[number] for number in cell] == profiles
    ]
    return min(alike, key=lambda cell: _unlike(situation, contract, cell), default=first)


def _unlike(situation: Situation, contract: PlainContract, numbers: Sequence[int]) -> float:
    """Return how far what is prescribed is from some recommendations, in units of anything."""
    told, prescribed = contract.contract.recommended(np.array(numbers)), situation.prescribed
    return float(sum(np.abs(one - other).sum() for one, other in zip(told.arrays, prescribed.arrays, strict=True)))


def _knows(situation: Situation, contract: PlainContract) -> Verification:
    """Check that the draws are all that the members cannot tell apart, with the odds of the prior."""
    numbers = _numbers(situation, contract)
    for draw, number in enumerate(numbers):
        if not contract.probability[number] > 0:
            return Verification(failures=(f"draw {draw} has types of probability 0",))
    (alike,) = (cell for cell in contract.cells(situation.coalition) if numbers[0] in cell)
    if numbers != alike:
        return Verification(
            failures=(
                f"the draws are profiles {numbers}; the members cannot tell {alike} apart, which all must be there",
            )
        )
    odds = [contract.probability[number] for number in numbers]
    found = np.array([float(chance / sum(odds, NOTHING)) for chance in odds])
    return compared("situation.probability", situation.probability, found, found)


def _prescribed(situation: Situation, contract: PlainContract, numbers: Sequence[int]) -> Verification:
    """Compare the play that everybody was to follow with the grand contract's recommendation."""
    plays = [contract.play(number) for number in numbers]
    quotes, orders, announced, transfers = (
        np.array([getattr(play, name) for play in plays], dtype=np.float64)
        for name in ("quotes", "orders", "announced", "transfers")
    )
    stakes, quantities = stakes_in(contract, numbers), quantities_in(contract, numbers)
    claimed = situation.prescribed
    return Verification.joined(
        (
            compared("situation.quotes", claimed.quotes, quotes, quotes),
            compared("situation.orders", claimed.orders, orders, quantities[:, :, None, :]),
            compared("situation.announced_endowments", claimed.announced_endowments, announced, quantities),
            compared("situation.transfers", claimed.transfers, transfers, stakes),
            _received(situation, contract, numbers),
        )
    )


def _received(situation: Situation, contract: PlainContract, numbers: Sequence[int]) -> Verification:
    """Compare what was delivered out of deposits with what the contract executes."""
    flows = contract.contract.received
    if situation.received is None or flows is None:
        agreed = situation.received is None and flows is None
        return required(agreed, "situation.received must be given if flows are executed out of deposits, and only then")
    return compared("situation.received", situation.received, flows[numbers], quantities_in(contract, numbers))


def _gains_as_claimed(certificate: DeviationCertificate, contract: PlainContract, played: _Played) -> Verification:
    coalition, number = certificate.situation.coalition, played.numbers[0]
    gains = [played.gains[member] for member in coalition]
    total, counts = sum(gains, NOTHING), negligible(contract.at_stake(coalition, number))
    gained = required(
        total > counts,
        f"the members together gain {float(total):.6g}, not more than {float(counts):.2g}; they must gain something",
    )
    if certificate.claim is Claim.TOTAL_GAIN:
        return gained
    losses = [
        required(
            gain >= -negligible(contract.stakes[number][member]),
            f"a member gains {float(gain):.6g}; no member may lose",
        )
        for member, gain in zip(coalition, gains, strict=True)
    ]
    return Verification.joined((*losses, gained))


def negligible(stake: Fraction) -> Fraction:
    """Return up to where a gain is none, numeraire, given what is at stake."""
    return Fraction(GAIN_TOLERANCE) * stake


def _refuse_other_shape(situation: Situation, action: JointAction) -> None:
    """Refuse a batch of joint actions, or one of other members, players or goods than the situation's."""
    if action.batch:
        raise ValueError("a certificate is of one joint action, not of a batch")
    wanted = (len(situation.coalition), *situation.prescribed.orders.shape[2:])
    if action.orders.shape != wanted:
        raise ValueError(f"action.orders has shape {action.orders.shape}; it must have shape {wanted}")


def _without_orders_to_oneself(situation: Situation, action: JointAction) -> JointAction:
    """Return the same joint action in a form in which every number counts: orders to oneself are ignored."""
    _refuse_other_shape(situation, action)
    orders = action.orders.copy()
    orders[range(len(situation.coalition)), situation.coalition] = 0.0
    return replace(action, orders=orders)


def _with_reactions_that_count(situation: Situation, action: JointAction) -> Situation:
    """Return the situation without a reaction if there is nothing to react to."""
    seen = situation.rules.timing is Timing.PRICES_FIRST
    misquoted = bool((action.quotes != situation.prescribed.quotes[0, list(situation.coalition)]).any())
    return situation if seen and misquoted else replace(situation, reaction=None)


def _counts(situation: Situation, action: JointAction) -> Verification:
    """Check that no number is stored that has no bearing on the play."""
    to_oneself = action.orders[range(len(situation.coalition)), situation.coalition]
    return required(not to_oneself.any(), "a member orders from itself, which means nothing; such orders must be 0")
