"""Plays of the market game as a certificate stores them, and their replay.

The replay uses nothing of the search that found a deviation: it puts the coalition's joint action in the place of what
its members were to play, settles both plays, and evaluates what everybody consumes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechanisms.arrays import BooleanArray, FloatArray, finite_array, read_only
from mechanisms.certificates.verification import ORDER_ROUNDING, Verification, compared
from mechanisms.deviations.situation import JointAction, Replies, Situation
from mechanisms.market_game import Timing, consumption, settle


@dataclass(frozen=True, eq=False)
class RecordedReplies:
    """A reaction that answers as the outsiders answered when the deviation was found.

    Attributes:
        orders: ``(K, N, N, L)``, units; only the outsiders' rows are read.
        announced_endowments: ``(K, N, L)``, units; likewise.

    Raises:
        ValueError: something is not finite or of another number of dimensions.
    """

    orders: FloatArray
    announced_endowments: FloatArray

    def __post_init__(self) -> None:
        for name, dimensions in (("orders", 4), ("announced_endowments", 3)):
            array = finite_array(f"replies.{name}", getattr(self, name), (None,) * dimensions)
            if array.ndim != dimensions:
                raise ValueError(f"replies.{name} has {array.ndim} dimensions; it must have {dimensions}")
            object.__setattr__(self, name, read_only(array))

    def __call__(self, situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        """Return the recorded replies in one of the K draws."""
        return Replies(self.orders[draw], self.announced_endowments[draw])


@dataclass(frozen=True, eq=False)
class PlayOutcome:
    """How a play of the market game ends in each of K draws.

    Attributes:
        cost: of what each player trades, ``(K, N)``, numeraire.
        bankrupt: who is, ``(K, N)``.
        consumption: what each player consumes, ``(K, N, L)``, units.
        utility: of each player, ``(K, N)``, numeraire.
    """

    cost: FloatArray
    bankrupt: BooleanArray
    consumption: FloatArray
    utility: FloatArray


@dataclass(frozen=True, eq=False)
class JointPlay:
    """What everybody does in each of K draws: quotes, orders, announced endowments and transfers.

    Attributes:
        quotes: ``(K, N, L)``, numeraire per unit.
        orders: ``(K, N, N, L)``, units, by whom before to whom.
        announced_endowments: ``(K, N, L)``, units.
        transfers: ``(K, N)``, numeraire.
    """

    quotes: FloatArray
    orders: FloatArray
    announced_endowments: FloatArray
    transfers: FloatArray


def prescribed_play(situation: Situation) -> JointPlay:
    """Return what is played if nobody deviates."""
    return JointPlay(situation.quotes, situation.orders, situation.announced_endowments, situation.transfers)


def deviating_play(situation: Situation, action: JointAction) -> JointPlay:
    """Return what is played if the members play the joint action.

    Outsiders play on; where the rules show them the quotes first and they react, they reply to changed quotes.

    Raises:
        ValueError: the joint action is not one of this coalition.
    """
    members = list(situation.coalition)
    wanted = (len(members), *situation.quotes.shape[1:])
    if action.orders.shape != wanted:
        raise ValueError(f"orders of the joint action have shape {action.orders.shape}; they must have shape {wanted}")
    quotes, orders = situation.quotes.copy(), situation.orders.copy()
    announced, transfers = situation.announced_endowments.copy(), situation.transfers.copy()
    quotes[:, members] = action.quotes
    if situation.reaction is not None and situation.rules.timing is Timing.PRICES_FIRST:
        others = [player for player in range(wanted[1]) if player not in situation.coalition]
        for draw in range(len(quotes)):
            if (quotes[draw] != situation.quotes[draw]).any():
                replies = situation.reaction(situation, draw, quotes[draw])
                orders[draw, others] = replies.orders[others]
                announced[draw, others] = replies.announced_endowments[others]
    orders[:, members] = action.orders
    announced[:, members] = action.announced_endowments
    transfers[:, members] += action.side_transfers
    return JointPlay(quotes, orders, announced, transfers)


def outcome_of(situation: Situation, play: JointPlay) -> PlayOutcome:
    """Settle a play in every draw and evaluate it with the players' true types.

    Raises:
        ValueError: a transfer is not covered although the rules ask for it, or somebody announces more than it owns.
    """
    settlement = settle(play.quotes, play.orders, play.announced_endowments, play.transfers, situation.rules)
    bundles = consumption(settlement, situation.endowments, play.announced_endowments, situation.rules)
    utility = situation.economy.utility(situation.profiles, bundles)
    return PlayOutcome(settlement.cost, settlement.bankrupt, bundles, utility)


def compared_outcomes(path: str, stored: PlayOutcome, recomputed: PlayOutcome, play: JointPlay) -> Verification:
    """Compare a stored outcome with the recomputed one.

    Args:
        path: of the outcome in the certificate.
        stored: as the certificate has it.
        recomputed: as it is.
        play: what was settled; the rounding of its largest order is forgiven.
    """
    rounding = order_rounding(play)
    dearest = 1 + float(play.quotes.max())
    return Verification.joined(
        (
            compared(f"{path}.cost", stored.cost, recomputed.cost, rounding=rounding * dearest),
            compared(f"{path}.bankrupt", stored.bankrupt, recomputed.bankrupt),
            compared(f"{path}.consumption", stored.consumption, recomputed.consumption, rounding=rounding),
            compared(f"{path}.utility", stored.utility, recomputed.utility, rounding=rounding * dearest),
        )
    )


def order_rounding(play: JointPlay) -> float:
    """Return by how much sums of the play's orders may differ between machines, units."""
    players = play.orders.shape[-2]
    return ORDER_ROUNDING * float(players * np.abs(play.orders).max())
