"""Stages 6 and 7 of a round: organisers propose side-contracts to coalitions, who report to a side-device.

Proposals come after the established mediator's recommendation, when members know their own type and, as a rule, have
inferred the others'. What members agree upon replaces what they were recommended to quote, to order and to announce,
and their transfers change hands before settlement; everybody else plays on as it would have. All that organisers draw
comes from streams of their own, so a round in which nobody colludes is the round it would have been without them.

Source:
    Giraud and Rochon (2001), the timing in section 1, steps 6 to 9.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from marketgame.agents.behaviours import Behaviour, Order
from marketgame.agents.coalitions.breaking import BestDeviation, Breaking
from marketgame.agents.coalitions.organiser import PLAYED, CoalitionOrganiser, FindAgreement, Negotiation, drawn_luck
from marketgame.agents.coalitions.outsiders import expected_reaction
from marketgame.agents.framework import RoundModel
from marketgame.agents.knowledge import CommonKnowledge
from marketgame.agents.trader import Trader
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.simulation.scenario.organisers import Organiser, OrganiserEffort, SideConcept
from marketgame.simulation.scenario.streams import random_stream

if TYPE_CHECKING:
    from marketgame.agents.coalitions.agreement import Agreement
    from marketgame.mechanisms.deviations.effort import Effort
    from marketgame.mechanisms.economies.coalitions import Coalition

# The same scenario must give the same tables on a slow machine: programs take a fraction of a second.
SECONDS_PER_PROGRAM = 120.0


@dataclass(frozen=True, eq=False)
class Collusion:
    """What organisers brought about in a round.

    Attributes:
        negotiations: in the order in which they took place.
        side_transfers: what each player receives from fellow members, ``(N,)``, numeraire; they sum to zero.
    """

    negotiations: tuple[Negotiation, ...]
    side_transfers: FloatArray


def nobody_colluded(players: int) -> Collusion:
    """Return the collusion of a round in which nobody organised anything."""
    return Collusion((), np.zeros(players))


class SideContractStage:
    """The coalition organisers of a market, who draw from streams of their own."""

    def __init__(
        self,
        model: RoundModel,
        organisers: Sequence[Organiser],
        common: CommonKnowledge,
        behaviours: tuple[tuple[Behaviour, ...], ...],
        seed: int,
    ) -> None:
        self._common = common
        self._behaviours = behaviours
        players = len(behaviours)
        self.organisers = tuple(
            CoalitionOrganiser(
                model,
                number,
                organiser.name,
                organiser.choice,
                self._finder(organiser),
                Breaking(organiser.depth, self._best_deviation(organiser)),
                players,
            )
            for number, organiser in enumerate(organisers)
        )
        self.on_search: Callable[[str, Coalition], None] | None = None
        self._begun = False
        self._streams = [random_stream(seed, "coalition organiser", organiser.name) for organiser in organisers]
        self._order = random_stream(seed, "order of coalition organisers")

    def play(self, traders: Sequence[Trader], reports: IntegerArray, left: BooleanArray) -> Collusion:
        """Let every organiser try, in random order, and tell members what they have agreed upon."""
        if not self._begun:
            # What a run of some length will need is searched at once, so that no later round is held up by it.
            self._begun = True
            for organiser in self.organisers:
                organiser.prepare()
        number = int(self._common.economy.prior.profile_numbers(reports))
        bound = frozenset(np.flatnonzero(left).tolist())
        transfers, negotiations = np.zeros(len(traders)), []
        luck = [drawn_luck(stream) for stream in self._streams]
        for place in self._order.permutation(len(self.organisers)):
            tried = self.organisers[place].negotiate(
                luck[place], number, bound, lambda player, agreement: traders[player].consider(agreement)
            )
            for negotiation in tried:
                negotiations.append(negotiation)
                if negotiation.fate in PLAYED:
                    bound |= set(negotiation.coalition)
                    transfers += _undertake(negotiation, traders)
        return Collusion(tuple(negotiations), transfers)

    def _finder(self, organiser: Organiser) -> FindAgreement:
        if organiser.find is not None:
            return organiser.find
        # Searching is loaded where there is something to search for.
        from marketgame.agents.coalitions.finding import AgreementSearch  # noqa: PLC0415
        from marketgame.mechanisms.collusion.finite_games.extended_game import Concept  # noqa: PLC0415
        from marketgame.mechanisms.collusion.side_contracts.search import SideEffort  # noqa: PLC0415

        effort, honest = organiser.effort, organiser.concept is SideConcept.INCENTIVE_COMPATIBLE
        search = AgreementSearch(
            self._common.listed,
            self._common.rules,
            Concept.BIC if honest else Concept.COMMUNICATION_EQUILIBRIUM,
            organiser.consistent,
            SideEffort(_oracle_effort(effort), effort.rounds, effort.breaches, effort.cells, effort.enough),
        )

        def find(coalition: Coalition) -> Agreement | None:
            if self.on_search is not None:
                self.on_search(organiser.name, coalition)
            return search.find(coalition, expected_reaction(self._behaviours, coalition))

        return find

    def _best_deviation(self, organiser: Organiser) -> BestDeviation:
        if organiser.best_deviation is not None:
            return organiser.best_deviation
        from marketgame.agents.coalitions.finding import deviation_finder  # noqa: PLC0415

        return deviation_finder(_oracle_effort(organiser.effort))


def _oracle_effort(effort: OrganiserEffort) -> Effort:
    """Return how hard one question is searched; never so long that the machine's speed decides the answer."""
    from marketgame.mechanisms.deviations.effort import Effort  # noqa: PLC0415

    return Effort(quote_vectors=effort.quote_vectors, seconds_per_program=SECONDS_PER_PROGRAM)


def _undertake(negotiation: Negotiation, traders: Sequence[Trader]) -> FloatArray:
    """Let members undertake what they agreed upon; return the side-transfers of all players, ``(N,)``, numeraire."""
    transfers, action = np.zeros(len(traders)), negotiation.action
    if action is not None:
        for place, member in enumerate(negotiation.coalition):
            order = Order(action.orders[place], action.announced_endowments[place])
            traders[member].agree(action.quotes[place], order)
            transfers[member] = action.side_transfers[place]
    return transfers
