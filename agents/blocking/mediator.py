"""The blocking mediator: leads random coalitions out of the established plan, for profit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketgame.agents.blocking.offer import BlockingOffer, offer_of
from marketgame.agents.blocking.stake_beliefs import StakeBeliefs
from marketgame.agents.framework import RoundAgent, RoundModel
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import ALL_COALITIONS, BlockingPlan, CoalitionLimits, Invitation, find_blocking_plan
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame


class InvitationFate(StrEnum):
    """What became of an invitation."""

    LEFT = "left"
    REFUSED = "refused"
    OTHER_TYPES = "other-types"
    TOO_LATE = "too-late"


FATES = tuple(fate.value for fate in InvitationFate)


@dataclass(frozen=True, eq=False)
class Approach:
    """One invitation of one blocking mediator, and what became of it.

    Attributes:
        mediator: number of the mediator.
        offer: the plan that was announced.
        number: of the invitation in the plan.
        reports: what its members reported, in their order; none where one refused.
        gains: what each expected to gain by its answer, or would have by the truth if it refused, ``(S,)``, money.
        fate: what became of it.
        payments: what each player of the game is paid by the mediator, ``(N,)``, money.
    """

    mediator: int
    offer: BlockingOffer
    number: int
    reports: tuple[int | None, ...]
    gains: FloatArray
    fate: InvitationFate
    payments: FloatArray

    @property
    def invitation(self) -> Invitation:
        """Which coalition was invited, to do what, if its types are which."""
        return self.offer.invitations[self.number]

    @property
    def leavers(self) -> tuple[int, ...]:
        """Who leaves."""
        return self.invitation.coalition if self.fate is InvitationFate.LEFT else ()

    @property
    def profit(self) -> float:
        """What the mediator earns by it, units of money."""
        return -float(self.payments.sum())


type Ask = Callable[[int, BlockingOffer], tuple[int | None, float]]
"""Asks a player whether it joins; it answers with a report, or none, and what it expects to gain."""


class BlockingMediator(RoundAgent):
    """Solves for the most profitable blocking plan against the stakes it believes in, and invites by it.

    Each round it draws an invitation from its plan, asks the players it names for their types, and lets the
    coalition leave if all accept and report the types it names. Otherwise everybody stays where it is.

    Attributes:
        offer: the plan it announces; none while it knows of no profitable one.
    """

    def __init__(
        self,
        model: RoundModel,
        number: int,
        name: str,
        game: CoalitionalGame,
        beliefs: StakeBeliefs,
        limits: CoalitionLimits = ALL_COALITIONS,
    ) -> None:
        super().__init__(model)
        self.number = number
        self.name = name
        self.game = game
        self.beliefs = beliefs
        self.limits = limits
        self.offer: BlockingOffer | None = None
        self._stakes = np.zeros((0, 0))

    def remembered(self) -> dict[str, NDArray[Any]]:
        """Return all that it has learnt, as arrays by name: the stakes its plan is made for among them."""
        return {"stakes": self._stakes, **self.beliefs.remembered()}

    def recall(self, remembered: Mapping[str, NDArray[Any]]) -> None:
        """Believe what was remembered, and plan by it."""
        self.beliefs.recall(remembered)
        if remembered["stakes"].size:
            self._stakes = remembered["stakes"]
            self.offer = self._solve(self._stakes)

    def invite(self, generator: np.random.Generator, gone: frozenset[int], ask: Ask) -> Approach | None:
        """Revise the plan if beliefs about the stakes have changed, and invite whom it draws.

        Args:
            generator: one number is drawn whether or not there is a plan, so that mediators whose plans differ can
                be compared under the same luck.
            gone: who has left with another mediator already.
            ask: puts the question to a player.

        Returns:
            The invitation with its answers and what follows from them; none if there is no plan, or it draws nobody.
        """
        stakes = self.beliefs.revised()
        if stakes is not None:
            self._stakes, self.offer = stakes, self._solve(stakes)
        drawn = generator.random()
        number = -1 if self.offer is None else self.offer.invitation_at(drawn)
        if self.offer is None or number < 0:
            return None
        return self._approach(self.offer, number, gone, ask)

    def _approach(self, offer: BlockingOffer, number: int, gone: frozenset[int], ask: Ask) -> Approach:
        invitation = offer.invitations[number]
        members = invitation.coalition
        if gone.intersection(members):
            nobody, nothing = (None,) * len(members), np.zeros(len(members))
            payments = np.zeros(len(self.game.players))
            return Approach(self.number, offer, number, nobody, nothing, InvitationFate.TOO_LATE, payments)
        answers = [ask(member, offer) for member in members]
        reports = tuple(report for report, _ in answers)
        fate = _fate(invitation, reports)
        payments = offer.payments(number, reports, leaves=fate is InvitationFate.LEFT)
        return Approach(self.number, offer, number, reports, np.array([gain for _, gain in answers]), fate, payments)

    def _solve(self, stakes: FloatArray) -> BlockingOffer | None:
        found = find_blocking_plan(self.game, stakes, limits=self.limits)
        return offer_of(self.game, stakes, found) if isinstance(found, BlockingPlan) else None


def _fate(invitation: Invitation, reports: tuple[int | None, ...]) -> InvitationFate:
    if None in reports:
        return InvitationFate.REFUSED
    return InvitationFate.LEFT if reports == invitation.types else InvitationFate.OTHER_TYPES
