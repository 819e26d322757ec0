r"""A blocking plan as its mediator announces it: who is asked with which probability, and what is paid when.

The plan fixes only expected payments :math:`y_i(t_i)`. As in the paper they are made when a coalition leaves. Of the
many ways to divide them among the coalitions a player may leave with, the mediator takes the one that leaves every
member the same expected gain whichever coalition it is: whoever has to give up more is paid more. A type that never
leaves but must be paid, lest it pretend to be another, is paid whenever it is asked.

Source:
    Myerson (2006), section 4, the payments after equation (9).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.blocking import BlockingPlan, Invitation
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame

# A type that leaves less often than this, of the times it is asked, is paid when asked: dividing by so small a
# probability would make the payment a lottery ticket.
SELDOM = 1e-6


@dataclass(frozen=True, eq=False)
class BlockingOffer:
    """A blocking plan, public.

    Attributes:
        game: what coalitions can do.
        invitations: with their probabilities, which sum to one at most.
        paid_when_asked: by report, whether or not a coalition then leaves, one ``(K_i,)`` for each player, money.
        paid_on_leaving: to the members of each invitation, in their order, when they leave, ``(S,)`` each, money.
        expected_profit: of the mediator, if its beliefs about the stakes are right and nobody lies.
        scale: size of what is at stake for a player, money.
    """

    game: CoalitionalGame
    invitations: tuple[Invitation, ...]
    paid_when_asked: tuple[FloatArray, ...]
    paid_on_leaving: tuple[FloatArray, ...]
    expected_profit: float
    scale: float
    _gains: dict[tuple[int, bytes, bytes], FloatArray] = field(default_factory=dict, init=False, repr=False)

    def invitation_at(self, drawn: float) -> int:
        """Return the number of the invitation that a number drawn from [0, 1) picks, or -1."""
        place = bisect_right(self._limits, drawn)
        return place if place < len(self.invitations) else -1

    def payments(self, number: int, reports: tuple[int | None, ...], *, leaves: bool) -> FloatArray:
        """Return what each player is paid, negative if it pays, ``(N,)``, money."""
        paid = np.zeros(len(self.game.players))
        for place, (player, report) in enumerate(zip(self.invitations[number].coalition, reports, strict=True)):
            if report is not None:
                paid[player] = self.paid_when_asked[player][report]
            if leaves:
                paid[player] += self.paid_on_leaving[number][place]
        return paid

    def expected_gains(self, player: int, weights: FloatArray, stakes: FloatArray) -> FloatArray:
        """Return what a player expects to gain by accepting, given that it is asked, for each report.

        The others are expected to accept and to tell the truth.

        Args:
            player: who is asked.
            weights: its belief over type profiles, ``(P,)``; zero where its own type is another than its true one.
            stakes: what it would lose by leaving at each profile, ``(P,)``, money.

        Returns:
            Expected gains by report, ``(K_i,)``, money.
        """
        key = (player, weights.tobytes(), stakes.tobytes())
        if key not in self._gains:
            self._gains[key] = self._expected_gains(player, weights, stakes)
        return self._gains[key]

    def stake_when_asked(self, player: int) -> float:
        """Return the size of what is at stake for a player that is asked, divided by how often it is, money."""
        return self.scale / float(self.asked[player])

    @cached_property
    def asked(self) -> FloatArray:
        """The probability that each player is asked, ``(N,)``."""
        return _asked(self.game, self.invitations)

    @cached_property
    def _limits(self) -> list[float]:
        """Where a number drawn from [0, 1) passes from each invitation to the next."""
        limits = np.cumsum([invitation.probability for invitation in self.invitations])
        # Rounding may carry the sum beyond one, never by more than that.
        return [float(limit) / max(1.0, float(limits[-1])) for limit in limits]

    def _expected_gains(self, player: int, weights: FloatArray, stakes: FloatArray) -> FloatArray:
        gains = self.paid_when_asked[player].copy()
        for number, invitation in enumerate(self.invitations):
            if player not in invitation.coalition:
                continue
            place = invitation.coalition.index(player)
            utility = self.game.actions[invitation.coalition].utilities[invitation.action, place]
            belief = np.where(_others_match(self.game, invitation, player), weights, 0.0)
            gain = float(belief @ (utility - stakes + self.paid_on_leaving[number][place]))
            gains[invitation.types[place]] += invitation.probability / float(self.asked[player]) * gain
        return gains


def offer_of(game: CoalitionalGame, stakes: FloatArray, plan: BlockingPlan) -> BlockingOffer:
    """Return the offer that carries out a plan; the stakes that the mediator believes in are ``(P, N)``, money."""
    largest = max(
        float(np.abs(stakes).max()), *(float(np.abs(actions.utilities).max()) for actions in game.actions.values())
    )
    asked = _asked(game, plan.invitations)
    when_asked, on_leaving = [], [np.zeros(len(invitation.coalition)) for invitation in plan.invitations]
    for player, expected in enumerate(plan.payments):
        leaves, gained = np.zeros(len(expected)), np.zeros(len(expected))
        parts = [_part(game, stakes, plan.invitations, number, player) for number in _naming(plan.invitations, player)]
        for part in parts:
            leaves[part.report] += part.probability
            gained[part.report] += part.probability * part.gain
        often = leaves > SELDOM * asked[player]
        when_asked.append(np.where(often, 0.0, expected / asked[player] if asked[player] else 0.0))
        share = (expected + gained) / np.where(often, leaves, 1.0)
        for part in parts:
            if often[part.report]:
                on_leaving[part.number][part.place] = share[part.report] - part.gain
    scale = max(largest, *(float(np.abs(payments).max()) for payments in plan.payments))
    return BlockingOffer(game, plan.invitations, tuple(when_asked), tuple(on_leaving), plan.profit, scale)


@dataclass(frozen=True)
class _Part:
    """A player's part in an invitation.

    Attributes:
        number: of the invitation.
        place: of the player among its members.
        report: with which the player would leave.
        probability: that it leaves with it after this report, unless others lie.
        gain: what it expects to gain by leaving before any payment, money.
    """

    number: int
    place: int
    report: int
    probability: float
    gain: float


def _part(
    game: CoalitionalGame, stakes: FloatArray, invitations: tuple[Invitation, ...], number: int, player: int
) -> _Part:
    invitation = invitations[number]
    place = invitation.coalition.index(player)
    own = game.profiles[:, player] == invitation.types[place]
    belief = np.where(_others_match(game, invitation, player) & own, game.probability, 0.0)
    utility = game.actions[invitation.coalition].utilities[invitation.action, place]
    gain = float(belief @ (utility - stakes[:, player]) / belief.sum())
    odds = float(belief.sum()) / float(game.type_probabilities[player][invitation.types[place]])
    return _Part(number, place, invitation.types[place], invitation.probability * odds, gain)


def _naming(invitations: tuple[Invitation, ...], player: int) -> list[int]:
    return [number for number, invitation in enumerate(invitations) if player in invitation.coalition]


def _asked(game: CoalitionalGame, invitations: tuple[Invitation, ...]) -> FloatArray:
    """Return the probability that each player is asked, ``(N,)``."""
    result = np.zeros(len(game.players))
    for invitation in invitations:
        result[list(invitation.coalition)] += invitation.probability
    return result


def _others_match(game: CoalitionalGame, invitation: Invitation, player: int) -> BooleanArray:
    """Say at which profiles the others asked have the types that are wanted, ``(P,)``."""
    matches = np.ones(len(game.profiles), dtype=np.bool_)
    for other, kind in zip(invitation.coalition, invitation.types, strict=True):
        if other != player:
            matches &= game.profiles[:, other] == kind
    return matches
