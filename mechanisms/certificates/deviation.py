r"""Certificates of a deviation: a coalition, its joint action, and what everybody gets with and without it.

The certificate is refused unless the two plays, settled anew, give every number that it stores, the play that everybody
was to follow is the contract's, and the coalition gains as claimed.

Source: Giraud and Rochon (2001), Definitions 3 and 6, with lotteries and recommendations already drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from mechanisms.arrays import FloatArray, finite_array, read_only
from mechanisms.certificates.plays import (
    JointPlay,
    PlayOutcome,
    RecordedReplies,
    compared_outcomes,
    deviating_play,
    order_rounding,
    outcome_of,
    prescribed_play,
)
from mechanisms.certificates.reactions import can_be_stored
from mechanisms.certificates.verification import NUMBER_TOLERANCE, Verification, compared, required
from mechanisms.deviations.situation import JointAction, Situation
from mechanisms.economy import Economy
from mechanisms.efficiency import efficient_allocation
from mechanisms.grand_contract import GrandContract
from mechanisms.market_game import Timing

# The efficient allocation is recomputed by iteration, perhaps on another machine.
CONTRACT_TOLERANCE = 1e-7


class Claim(StrEnum):
    """What a deviation is said to achieve."""

    IMPROVEMENT = "improvement"
    """No member loses and some member gains: Definition 6 (b) at one vector of types and recommendations."""
    TOTAL_GAIN = "total-gain"
    """The members together gain; some may lose, and would have to be compensated by a lottery over roles."""


@dataclass(frozen=True, eq=False)
class DeviationOutcome:
    """The numbers that a certificate of a deviation claims.

    Attributes:
        before: how the play ends that everybody was to follow.
        after: how it ends when the coalition deviates.
        promised: what each player expects before, ``(N,)``, numeraire.
        obtained: what each player expects after, ``(N,)``, numeraire.
        gain: the difference, ``(N,)``, numeraire.
    """

    before: PlayOutcome
    after: PlayOutcome
    promised: FloatArray
    obtained: FloatArray
    gain: FloatArray


@dataclass(frozen=True, eq=False)
class DeviationCertificate:
    """A profitable deviation from a contract, with everything needed to play it.

    Attributes:
        situation: economy, rules, coalition, the play everybody was to follow, and how outsiders reacted.
        action: what the members do instead.
        numeraire_transfers: of the grand contract that prescribes the play, ``(P, N)``, numeraire; None if another
            contract prescribes it, which then is taken as given.
        claim: what the deviation achieves.
        outcome: the numbers.

    Raises:
        ValueError: outsiders react by something else than a known rule or recorded replies, or shapes disagree.
    """

    situation: Situation
    action: JointAction
    numeraire_transfers: FloatArray | None
    claim: Claim
    outcome: DeviationOutcome

    def __post_init__(self) -> None:
        situation, reaction = self.situation, self.situation.reaction
        if not can_be_stored(reaction):
            if not isinstance(reaction, RecordedReplies):
                raise ValueError("a certificate needs a known rule or the outsiders' replies as recorded")
            for name in ("orders", "announced_endowments"):
                found, wanted = getattr(reaction, name).shape, getattr(situation, name).shape
                if found != wanted:
                    raise ValueError(f"replies.{name} has shape {found}; it must have shape {wanted}")
        _refuse_other_shape(situation, self.action)
        if self.numeraire_transfers is not None:
            shape = situation.economy.profiles.shape
            transfers = finite_array("numeraire transfers", self.numeraire_transfers, shape)
            object.__setattr__(self, "numeraire_transfers", read_only(transfers))

    @property
    def economy(self) -> Economy:
        """The economy."""
        return self.situation.economy


def certify_deviation(
    situation: Situation,
    action: JointAction,
    numeraire_transfers: FloatArray | None = None,
    claim: Claim = Claim.IMPROVEMENT,
) -> DeviationCertificate:
    """Return the certificate of a deviation, its numbers computed by playing it.

    Args:
        situation: what the coalition faces; if outsiders react otherwise than by a known rule, their replies are
            recorded.
        action: what it does.
        numeraire_transfers: of the grand contract that prescribes the situation's play, ``(P, N)``, numeraire.
        claim: what the deviation achieves; whether it does is for `verify_deviation` to say.

    Raises:
        ValueError: the deviation cannot be played, because a transfer is not covered or an announcement not owned.
    """
    action = _without_orders_to_oneself(situation, action)
    recorded = _with_replies_that_count(situation, action)
    outcome = _outcome(recorded, action)[0]
    return DeviationCertificate(recorded, action, numeraire_transfers, claim, outcome)


def verify_deviation(certificate: DeviationCertificate) -> Verification:
    """Play a certificate's deviation and compare every number.

    Returns:
        What is wrong with the certificate; nothing if it proves its claim.
    """
    situation, action, stored = certificate.situation, certificate.action, certificate.outcome
    try:
        found, after = _outcome(situation, action)
    except ValueError as error:
        return Verification(failures=(f"the deviation cannot be played: {error}",))
    before = prescribed_play(situation)
    rounding = order_rounding(after) * (1 + float(after.quotes.max()))
    size = float(np.abs(found.promised).max())
    return Verification.joined(
        (
            _contract_prescribes(certificate),
            _conditions(situation),
            _counts(situation, action),
            compared_outcomes("outcome.before", stored.before, found.before, before),
            compared_outcomes("outcome.after", stored.after, found.after, after),
            compared("outcome.promised", stored.promised, found.promised),
            compared("outcome.obtained", stored.obtained, found.obtained, rounding=rounding),
            compared("outcome.gain", stored.gain, found.gain, size, rounding),
            _gains_as_claimed(certificate.claim, found.gain[list(situation.coalition)], size),
        )
    )


def _outcome(situation: Situation, action: JointAction) -> tuple[DeviationOutcome, JointPlay]:
    play = deviating_play(situation, action)
    before, after = outcome_of(situation, prescribed_play(situation)), outcome_of(situation, play)
    promised = situation.probability @ before.utility
    obtained = situation.probability @ after.utility
    return DeviationOutcome(before, after, promised, obtained, obtained - promised), play


def _refuse_other_shape(situation: Situation, action: JointAction) -> None:
    """Refuse a batch of joint actions, or one of other members, players or goods than the situation's."""
    if action.batch:
        raise ValueError("a certificate is of one joint action, not of a batch")
    wanted = (len(situation.coalition), *situation.orders.shape[2:])
    if action.orders.shape != wanted:
        raise ValueError(f"action.orders has shape {action.orders.shape}; it must have shape {wanted}")


def _without_orders_to_oneself(situation: Situation, action: JointAction) -> JointAction:
    """Return the same joint action in a form in which every number counts: orders to oneself are ignored."""
    _refuse_other_shape(situation, action)
    orders = action.orders.copy()
    orders[range(len(situation.coalition)), situation.coalition] = 0.0
    return replace(action, orders=orders)


def _with_replies_that_count(situation: Situation, action: JointAction) -> Situation:
    """Return the situation without a reaction if there is nothing to react to, else with one that can be stored."""
    play = deviating_play(situation, action)
    if situation.rules.timing is not Timing.PRICES_FIRST or (play.quotes == situation.quotes).all():
        return replace(situation, reaction=None)
    if can_be_stored(situation.reaction):
        return situation
    return replace(situation, reaction=RecordedReplies(play.orders, play.announced_endowments))


def _contract_prescribes(certificate: DeviationCertificate) -> Verification:
    """Compare the play that everybody was to follow with the grand contract's recommendation."""
    situation = certificate.situation
    if certificate.numeraire_transfers is None:
        return Verification()
    try:
        contract = GrandContract(
            situation.economy, efficient_allocation(situation.economy), certificate.numeraire_transfers
        )
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the contract cannot be recomputed: {error}",))
    parts = []
    for draw, profile in enumerate(situation.profiles):
        wanted = contract.recommend(profile)
        for name in ("quotes", "orders", "announced_endowments", "transfers"):
            stored, recommended = getattr(situation, name)[draw], getattr(wanted, name)
            forgiven = CONTRACT_TOLERANCE * (1 + float(np.abs(recommended).max()))
            parts.append(compared(f"situation.{name}[{draw}]", stored, recommended, rounding=forgiven))
    return Verification.joined(parts)


def _conditions(situation: Situation) -> Verification:
    """Check what makes the situation one that can arise, beyond what every `Situation` guarantees."""
    prior = situation.economy.prior
    likely = prior.probability[prior.profile_numbers(situation.profiles)] > 0
    excess = np.abs(situation.transfers.sum(axis=-1))
    balanced = excess <= NUMBER_TOLERANCE * (1 + np.abs(situation.transfers).max(axis=-1))
    return Verification.joined(
        (
            required(bool(likely.all()), f"draw {int(np.argmin(likely))} has types of probability 0"),
            required(bool((situation.probability > 0).all()), "a draw has probability 0"),
            required(bool(balanced.all()), f"the contract's transfers sum to {excess.max():.6g}; they must balance"),
        )
    )


def _counts(situation: Situation, action: JointAction) -> Verification:
    """Check that no number is stored that has no bearing on the play."""
    to_oneself = action.orders[range(len(situation.coalition)), situation.coalition]
    return required(not to_oneself.any(), "a member orders from itself, which means nothing; such orders must be 0")


def _gains_as_claimed(claim: Claim, gains: FloatArray, size: float) -> Verification:
    negligible = NUMBER_TOLERANCE * (1 + size)
    if claim is Claim.TOTAL_GAIN:
        return required(
            bool(gains.sum() > negligible), f"the members together gain {gains.sum():.6g}; they must gain something"
        )
    return Verification.joined(
        (
            required(bool(gains.min() >= -negligible), f"a member gains {gains.min():.6g}; no member may lose"),
            required(
                bool(gains.max() > negligible), f"the most a member gains is {gains.max():.6g}; somebody must gain"
            ),
        )
    )
