"""Organisers propose to coalitions what to report, and side-contracts in stages 6 and 7 of a round.

What to report is proposed before anybody reports. Members who agree report what they are told and pay each other, in
money, when the round is over; nobody can pay more than it then has, and if somebody cannot, all payments of its
coalition shrink alike.

Side-contracts come after the established mediator's recommendation, when members know their own type and, as a rule,
have inferred the others'. What members agree upon replaces what they were recommended to quote, to order and to
announce, and their transfers change hands before settlement; everybody else plays on as it would have. Who agreed on
reports with one organiser agrees on nothing with another in that round.

All that organisers draw comes from streams of their own, so a round in which nobody colludes is the round it would have
been without them.

Source:
    Giraud and Rochon (2001), the timing in section 1, steps 6 to 9.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from marketgame.agents.behaviours import Behaviour, Order
from marketgame.agents.coalitions.breaking import BestDeviation, Breaking
from marketgame.agents.coalitions.choice import OrganiserStage
from marketgame.agents.coalitions.organiser import (
    PLAYED,
    CoalitionOrganiser,
    FindAgreement,
    Finders,
    FindReports,
    Luck,
    Negotiation,
    drawn_luck,
)
from marketgame.agents.coalitions.outsiders import expected_reaction
from marketgame.agents.framework import RoundModel
from marketgame.agents.knowledge import CommonKnowledge
from marketgame.agents.trader import Trader
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.simulation.scenario.organisers import Organiser, OrganiserEffort, Sharing, SideConcept
from marketgame.simulation.scenario.streams import random_stream

if TYPE_CHECKING:
    from marketgame.agents.coalitions.agreement import Agreement
    from marketgame.agents.coalitions.reporting import ReportProposal
    from marketgame.mechanisms.deviations.effort import Effort
    from marketgame.mechanisms.economies.coalitions import Coalition

# The same scenario must give the same tables on a slow machine: programs take a fraction of a second.
SECONDS_PER_PROGRAM = 120.0


@dataclass(frozen=True, eq=False)
class Collusion:
    """What organisers brought about in a round.

    Attributes:
        negotiations: in the order in which they took place.
        side_transfers: of purchasing power, what each player receives from fellow members, ``(N,)``, numeraire; they
            sum to zero.
    """

    negotiations: tuple[Negotiation, ...]
    side_transfers: FloatArray

    def paid(self, money: FloatArray) -> tuple[tuple[Negotiation, ...], FloatArray]:
        """Return what became of payments for reports when the round is over.

        Args:
            money: what everybody then has, ``(N,)``, numeraire.

        Returns:
            The negotiations with what was paid, and what each player received, ``(N,)``, numeraire; the sum is zero.
        """
        received, negotiations = np.zeros(len(money)), []
        for each in self.negotiations:
            paid = each
            if each.lie is not None:
                members, due = list(each.coalition), each.lie.payments
                has = np.maximum(money[members], 0.0)
                share = min([1.0, *(has[due < 0] / -due[due < 0])])
                if share < 1:
                    paid = replace(each, lie=replace(each.lie, payments=share * due))
                received[members] += share * due
            negotiations.append(paid)
        return tuple(negotiations), received


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
                Finders(self._finder(organiser), self._report_finder(organiser)),
                Breaking(organiser.depth, self._best_deviation(organiser)),
                players,
            )
            for number, organiser in enumerate(organisers)
        )
        self.on_search: Callable[[str, Coalition], None] | None = None
        self._begun = False
        self._on_reports, self._on_orders = (
            [place for place, organiser in enumerate(organisers) if organiser.stage in (stage, OrganiserStage.BOTH)]
            for stage in (OrganiserStage.REPORTS, OrganiserStage.ORDERS)
        )
        self._streams = [random_stream(seed, "coalition organiser", organiser.name) for organiser in organisers]
        self._order = random_stream(seed, "order of coalition organisers")
        self._told = [random_stream(seed, "reports of coalition organiser", each.name) for each in organisers]
        self._report_order = random_stream(seed, "order of coalition organisers for reports")
        self._luck: list[Luck] = []
        self._agreed: list[Negotiation] = []

    @property
    def generators(self) -> dict[str, np.random.Generator]:
        """What organisers draw from, by name."""
        drawn = {"order of organisers": self._order, "order of organisers for reports": self._report_order}
        for organiser, on_orders, on_reports in zip(self.organisers, self._streams, self._told, strict=True):
            drawn |= {f"organiser {organiser.name}": on_orders, f"reports of organiser {organiser.name}": on_reports}
        return drawn

    def agree_on_reports(self, traders: Sequence[Trader]) -> None:
        """Let every organiser of agreements on reports try, in random order, and tell members what to report."""
        self._luck, self._agreed = [drawn_luck(stream) for stream in self._streams], []
        if not self._on_reports:
            return
        bound = frozenset[int]()
        numbers = [self._told[place].random() for place in self._on_reports]
        for number in self._report_order.permutation(len(self._on_reports)):
            place = self._on_reports[number]
            tried = self.organisers[place].agree_on_reports(
                self._luck[place], numbers[number], bound, lambda player, each: traders[player].consider_reports(each)
            )
            self._agreed.extend(tried)
            for negotiation in tried:
                if negotiation.lie is not None:
                    bound |= set(negotiation.coalition)
                    for member, report in zip(negotiation.coalition, negotiation.lie.reports, strict=True):
                        traders[member].told_to_report = report

    def play(self, traders: Sequence[Trader], reports: IntegerArray, left: BooleanArray) -> Collusion:
        """Let every organiser of side-contracts try, in random order, and tell members what they have agreed upon."""
        if not self._begun:
            # What a run of some length will need is searched at once, so that no later round is held up by it.
            self._begun = True
            for place in self._on_orders:
                self.organisers[place].prepare()
        # Where profiles are too many to have numbers, nobody agrees on orders.
        number = int(self._common.economy.prior.profile_numbers(reports)) if self._on_orders else 0
        bound = frozenset(np.flatnonzero(left).tolist())
        transfers, negotiations = np.zeros(len(traders)), list(self._agreed)
        for place in (self._on_orders[each] for each in self._order.permutation(len(self._on_orders))):
            elsewhere = {
                member
                for each in self._agreed
                if each.lie is not None and each.organiser != place
                for member in each.coalition
            }
            tried = self.organisers[place].negotiate(
                self._luck[place],
                number,
                bound | elsewhere,
                lambda player, agreement: traders[player].consider(agreement),
            )
            for negotiation in tried:
                negotiations.append(negotiation)
                if negotiation.fate in PLAYED:
                    bound |= set(negotiation.coalition)
                    transfers += _undertake(negotiation, traders)
        return Collusion(tuple(negotiations), transfers)

    def _report_finder(self, organiser: Organiser) -> FindReports:
        if organiser.find_reports is not None:
            return organiser.find_reports
        # Searching is loaded where there is something to search for.
        from marketgame.agents.coalitions.finding import ReportSearch  # noqa: PLC0415
        from marketgame.mechanisms.collusion.report_agreements import Shared  # noqa: PLC0415

        shared = {Sharing.EVERYTHING: None, Sharing.MONEY: Shared.MONEY, Sharing.NOTHING: Shared.NOTHING}

        def find(coalition: Coalition) -> ReportProposal | None:
            return ReportSearch(self._common.contract, self._common.rules, shared[organiser.sharing]).find(coalition)

        return find

    def _finder(self, organiser: Organiser) -> FindAgreement:
        if organiser.find is not None:
            return organiser.find
        if organiser.stage is OrganiserStage.REPORTS:
            return lambda _: None
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
