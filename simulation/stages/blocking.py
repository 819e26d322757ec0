"""Stage 8 of a round: blocking mediators invite random coalitions to leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketgame.agents.blocking.mediator import Approach, Ask, BlockingMediator
from marketgame.agents.blocking.stake_beliefs import EstimatedStakes, KnownStakes, StakeBeliefs, StakeSource
from marketgame.agents.framework import RoundModel
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.blocking import CoalitionLimits
from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.streams import random_stream

# The number of the mediator with whom a player stays.
STAYS = -1


@dataclass(frozen=True, eq=False)
class Formed:
    """A coalition that did something together.

    Attributes:
        coalition: its members.
        action: number of what it did.
        mediator: number of the blocking mediator that led it out; -1 for those who stayed.
    """

    coalition: Coalition
    action: int
    mediator: int


class BlockingStage:
    """The blocking mediators of a run; stakes under truthful reports and severance are ``(P, N)``, units of money."""

    def __init__(
        self,
        model: RoundModel,
        blockers: Sequence[Blocker],
        game: CoalitionalGame,
        stakes: FloatArray,
        severance: FloatArray,
        seed: int,
    ) -> None:
        def beliefs(blocker: Blocker) -> StakeBeliefs:
            if blocker.stakes is StakeSource.CONTRACT:
                return KnownStakes(stakes)
            return EstimatedStakes(game, severance, blocker.caution)

        self.mediators = tuple(
            BlockingMediator(
                model, number, blocker.name, game, beliefs(blocker), CoalitionLimits(blocker.largest, blocker.network)
            )
            for number, blocker in enumerate(blockers)
        )
        self._streams = [random_stream(seed, "blocking mediator", blocker.name) for blocker in blockers]
        self._order = random_stream(seed, "order of blocking mediators")

    @property
    def generators(self) -> dict[str, np.random.Generator]:
        """What mediators draw from, by name."""
        by_name = {f"blocker {each.name}": own for each, own in zip(self.mediators, self._streams, strict=True)}
        return {"order of blockers": self._order, **by_name}

    def remembered(self) -> dict[str, dict[str, NDArray[Any]]]:
        """Return what every mediator has learnt, as arrays by name."""
        return {f"blocker {each.name}": each.remembered() for each in self.mediators}

    def recall(self, remembered: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
        """Let every mediator believe what was remembered after a round."""
        for each in self.mediators:
            each.recall(remembered[f"blocker {each.name}"])

    def play(self, ask: Ask) -> tuple[Approach, ...]:
        """Let every mediator invite, in the random order that is returned; who has left is not asked again."""
        approaches: list[Approach] = []
        gone: frozenset[int] = frozenset()
        for number in self._order.permutation(len(self.mediators)):
            approach = self.mediators[number].invite(self._streams[number], gone, ask)
            if approach is not None:
                approaches.append(approach)
                gone |= set(approach.leavers)
        return tuple(approaches)

    def observe(self, profile: int, received: FloatArray) -> None:
        """Let every mediator see what a round in which all stayed gave, at the types reported, ``(N,)``, money."""
        for mediator in self.mediators:
            mediator.beliefs.observe(profile, received)

    def expected_profits(self) -> FloatArray:
        """Return what each mediator's own calculation promises it, ``(B,)``, units of money; 0 without a plan."""
        return np.array([0.0 if each.offer is None else each.offer.expected_profit for each in self.mediators])


def side_payments(approaches: Sequence[Approach], players: int) -> FloatArray:
    """Return what blocking mediators paid each player in all, ``(N,)``, units of money."""
    paid = np.zeros(players)
    for approach in approaches:
        paid += approach.payments
    return paid


def mediators_followed(approaches: Sequence[Approach], players: int) -> IntegerArray:
    """Return the number of the mediator with whom each player left, ``(N,)``; -1 for who stays."""
    followed = np.full(players, STAYS)
    for approach in approaches:
        followed[list(approach.leavers)] = approach.mediator
    return followed


def departed(approaches: Sequence[Approach]) -> tuple[Formed, ...]:
    """Return the coalitions that blocking mediators led out."""
    return tuple(Formed(each.leavers, each.invitation.action, each.mediator) for each in approaches if each.leavers)
