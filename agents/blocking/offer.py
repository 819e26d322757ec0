r"""A blocking plan as its mediator announces it: who is asked with which probability, and what is paid when.

The plan fixes only expected payments :math:`y_i(t_i)`. They are made when a coalition leaves, as in the paper: a
member that reported :math:`r` then gets :math:`y_i(r)` divided by the probability that it leaves after this report.
A type that never leaves but must be paid, lest it pretend to be another, is paid whenever it is asked.

Source:
    Myerson (2006), section 4, the payments after equation (9).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from mechanisms.arrays import BooleanArray, FloatArray
from mechanisms.blocking import Invitation
from mechanisms.coalitional_game import CoalitionalGame

# A type that leaves less often than this, of the times it is asked, is paid when asked: dividing by so small a
# probability would make the payment a lottery ticket.
SELDOM = 1e-6


class _Due(NamedTuple):
    """Payments by report, ``(K,)`` each: every time the player is asked, and on top of it when it leaves."""

    asked: FloatArray
    leaving: FloatArray


@dataclass(frozen=True, eq=False)
class BlockingOffer:
    r"""A blocking plan, public.

    Attributes:
        game: what coalitions can do.
        invitations: with their probabilities, which sum to one at most.
        payments: :math:`y_i(t_i)`, expected, one ``(K_i,)`` for each player.
        expected_profit: of the mediator, if its beliefs about the stakes are right and nobody lies.
        scale: size of what is at stake for a player, units of money.
    """

    game: CoalitionalGame
    invitations: tuple[Invitation, ...]
    payments: tuple[FloatArray, ...]
    expected_profit: float
    scale: float
    _gains: dict[tuple[int, bytes, bytes], FloatArray] = field(default_factory=dict, init=False, repr=False)

    def invitation_at(self, drawn: float) -> Invitation | None:
        """Return the invitation that a number drawn from [0, 1) picks, or none."""
        place = bisect_right(self._limits, drawn)
        return self.invitations[place] if place < len(self.invitations) else None

    def expected_gains(self, player: int, weights: FloatArray, stakes: FloatArray) -> FloatArray:
        """Return what a player expects to gain by accepting, given that it is asked, for each report.

        The others are expected to accept and to tell the truth.

        Args:
            player: who is asked.
            weights: its belief over type profiles, ``(P,)``; zero where its own type is another than its true one.
            stakes: what it would lose by leaving at each profile, ``(P,)``, units of money.

        Returns:
            Expected gains by report, ``(K_i,)``, units of money.
        """
        key = (player, weights.tobytes(), stakes.tobytes())
        if key not in self._gains:
            self._gains[key] = self._expected_gains(player, weights, stakes)
        return self._gains[key]

    def payment(self, player: int, report: int, *, leaves: bool) -> float:
        """Return what a player that was asked and accepted is paid, negative if it pays, units of money."""
        due = self._due[player]
        return float(due.asked[report] + (due.leaving[report] if leaves else 0.0))

    def stake_when_asked(self, player: int) -> float:
        """Return the size of what is at stake for a player that is asked, divided by how often it is."""
        return self.scale / float(self.asked[player])

    @cached_property
    def asked(self) -> FloatArray:
        """The probability that each player is asked, ``(N,)``."""
        result = np.zeros(len(self.game.players))
        for invitation in self.invitations:
            result[list(invitation.coalition)] += invitation.probability
        return result

    @cached_property
    def _limits(self) -> list[float]:
        """Where a number drawn from [0, 1) passes from each invitation to the next."""
        limits = np.cumsum([invitation.probability for invitation in self.invitations])
        # Rounding may carry the sum beyond one, never by more than that.
        return [float(limit) / max(1.0, float(limits[-1])) for limit in limits]

    @cached_property
    def _due(self) -> tuple[_Due, ...]:
        return tuple(self._due_to(player) for player in self.game.grand_coalition)

    def _due_to(self, player: int) -> _Due:
        expected, asked = self.payments[player], float(self.asked[player])
        if asked == 0:
            return _Due(np.zeros_like(expected), np.zeros_like(expected))
        leaves = np.zeros_like(expected)
        for invitation in self._naming(player):
            own = invitation.types[invitation.coalition.index(player)]
            leaves[own] += invitation.probability * self._odds_of_others(invitation, player)
        often = leaves > SELDOM * asked
        return _Due(np.where(often, 0.0, expected / asked), np.where(often, expected / np.where(often, leaves, 1), 0))

    def _expected_gains(self, player: int, weights: FloatArray, stakes: FloatArray) -> FloatArray:
        due, asked = self._due[player], float(self.asked[player])
        gains = due.asked.copy()
        for invitation in self._naming(player):
            place = invitation.coalition.index(player)
            report = invitation.types[place]
            utility = self.game.actions[invitation.coalition].utilities[invitation.action, place]
            belief = np.where(self._others_match(invitation, player), weights, 0.0)
            gain = belief @ (utility - stakes + due.leaving[report])
            gains[report] += invitation.probability / asked * gain
        return gains

    def _naming(self, player: int) -> tuple[Invitation, ...]:
        return tuple(invitation for invitation in self.invitations if player in invitation.coalition)

    def _odds_of_others(self, invitation: Invitation, player: int) -> float:
        """Return the prior probability that the others asked have the types that are wanted."""
        probabilities = self.game.type_probabilities
        wanted = zip(invitation.coalition, invitation.types, strict=True)
        return float(np.prod([probabilities[other][kind] for other, kind in wanted if other != player]))

    def _others_match(self, invitation: Invitation, player: int) -> BooleanArray:
        """Say at which profiles the others asked have the types that are wanted, ``(P,)``."""
        matches = np.ones(len(self.game.profiles), dtype=np.bool_)
        for other, kind in zip(invitation.coalition, invitation.types, strict=True):
            if other != player:
                matches &= self.game.profiles[:, other] == kind
        return matches
