"""The trader: an agent that carries knowledge from stage to stage and speaks as its behaviour decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from marketgame.agents.behaviours.behaviour import Behaviour, Order, answered, placed
from marketgame.agents.behaviours.learning import Learning, Outcome, fixed, memory_slots
from marketgame.agents.beliefs import Inference
from marketgame.agents.blocking.invited import Invited
from marketgame.agents.blocking.offer import BlockingOffer
from marketgame.agents.coalitions.agreement import NO_REPORT, Agreement
from marketgame.agents.coalitions.offered import OfferedSideContract
from marketgame.agents.coalitions.organiser import MemberAnswer, Reply
from marketgame.agents.coalitions.reporting import ReportProposal
from marketgame.agents.framework import RoundAgent, RoundModel
from marketgame.agents.knowledge import CommonKnowledge, RecommendedKnowledge, TypeKnowledge
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.terms import OwnRecommendation


class Trader(RoundAgent):
    """Reports a type, answers blocking mediators and coalition organisers, quotes prices, then orders.

    It returns messages; only the market moves goods.

    Attributes:
        behaviour: how it behaves in this round, being of the type it is.
        memories: what it remembers of earlier rounds, by the first of its types that learns by it.
        known_type: what it knows since nature's draw in this round.
        reported: the type it reported in this round.
        recommended: what it knows since the mediator's recommendation in this round.
        agreed: what it has agreed with a coalition to quote and to order in this round, if anything.
        told_to_report: the type that it has agreed with a coalition to report in this round, if any.
    """

    def __init__(
        self, model: RoundModel, player: int, behaviours: tuple[Behaviour, ...], common: CommonKnowledge
    ) -> None:
        super().__init__(model)
        self.player = player
        self.behaviours = behaviours
        self.common = common
        self._slots = memory_slots(behaviours)
        self.memories: dict[int, Any] = {
            number: behaviour.initial_memory(common, player)
            for number, behaviour in enumerate(behaviours)
            if isinstance(behaviour, Learning) and self._slots[number] == number
        }
        self._inference = Inference(common.contract, player)
        self._offered: dict[tuple[Agreement, int, int, OwnRecommendation], tuple[OfferedSideContract, float]] = {}
        self._proposed: dict[tuple[ReportProposal, int], tuple[OfferedSideContract, float]] = {}
        self._prospects: dict[tuple[int, int], tuple[FloatArray, FloatArray]] = {}
        self.known_type: TypeKnowledge
        self.behaviour: Behaviour
        self.reported = 0
        self.recommended: RecommendedKnowledge
        self.agreed: tuple[FloatArray, Order] | None = None
        self.told_to_report: int | None = None

    @property
    def name(self) -> str:
        """Its name in the economy."""
        return self.common.economy.players[self.player].name

    # What became of the last round, for whoever collects data about agents: no behaviour is handed its trader.

    @property
    def utility(self) -> float:
        """Its utility in the round played last, numeraire; nan before any."""
        return float(self.model.realised("utility", self.player))

    @property
    def wealth(self) -> float:
        """What it consumed in the round played last is worth at the supporting price, numeraire; nan before any."""
        return float(self.model.realised("wealth", self.player))

    @property
    def bankrupt(self) -> bool:
        """Whether it is bankrupt in the round played last."""
        return bool(self.model.realised("bankrupt", self.player) == 1)

    def learn_type(self, type_number: int, stream: Callable[[str], np.random.Generator]) -> None:
        """Begin a round: learn one's own type and nothing else."""
        self.agreed = self.told_to_report = None
        self.behaviour = self.behaviours[type_number]
        self.known_type = TypeKnowledge(self.common, self._inference, type_number, stream)
        if type_number in self._slots and isinstance(self.behaviour, Learning):
            self.behaviour = self.behaviour.plan(fixed(self.memories[self._slots[type_number]]), self.known_type)

    @property
    def bound(self) -> bool:
        """Whether it has agreed with a coalition what to report, or what to quote and order, in this round."""
        return self.agreed is not None or self.told_to_report is not None

    @property
    def learns(self) -> bool:
        """Whether it learns, being of the type it is in this round."""
        return self.known_type.type_number in self._slots

    def learn(self, outcome: Outcome) -> None:
        """Hear what became of the round."""
        kind = self.known_type.type_number
        learner = self.behaviours[kind]
        if isinstance(learner, Learning):
            self.memories[self._slots[kind]] = learner.learn(fixed(self.memories[self._slots[kind]]), outcome)

    def report(self) -> int:
        """Return the type reported to the device."""
        if self.told_to_report is not None:
            self.reported = self.told_to_report
        else:
            self.reported = self.behaviour.report(self.known_type)
        return self.reported

    def consider_reports(self, proposal: ReportProposal) -> Reply:
        """Return what the trader answers an organiser who proposes what to report, before it reports."""
        key = (proposal, self.known_type.type_number)
        if key not in self._proposed:
            self._proposed[key] = self._weigh_reports(*key)
        return self._replied(*self._proposed[key])

    def _weigh_reports(self, proposal: ReportProposal, kind: int) -> tuple[OfferedSideContract, float]:
        """Return an agreement on reports as the trader sees it, and what it expects without it, numeraire."""
        place = proposal.coalition.index(self.player)
        gains, at_stake = proposal.expected_gains(place, kind), proposal.stake(place, kind)
        own = self.known_type.own
        true = own.types[kind]
        outside = float(true.valuation.value(true.endowment[:-1])) + float(true.endowment[-1])
        status_quo = outside + proposal.truth(place, kind)
        return OfferedSideContract(own, kind, kind, gains, at_stake), status_quo

    def answer(self, offer: BlockingOffer) -> tuple[int | None, float]:
        """Return the type reported to a blocking mediator, or none, and what the answer is expected to gain.

        It is asked after it reported to the established mediator and before it hears what that recommends.
        """
        key = (self.known_type.type_number, self.reported)
        if key not in self._prospects:
            belief = self.common.belief_by_type(self.player, key[0])
            self._prospects[key] = belief, self.common.stakes_after(self.player, *key)
        gains = offer.expected_gains(self.player, *self._prospects[key])
        own = self.known_type.own
        return answered(self.behaviour, Invited(own, key[0], gains, offer.stake_when_asked(self.player)))

    def receive(self, recommendation: OwnRecommendation) -> None:
        """Hear what the device recommends."""
        self.recommended = self.told(self.reported, recommendation)

    def told(self, report: int, recommendation: OwnRecommendation) -> RecommendedKnowledge:
        """Return what it knows when it has made a report and heard a recommendation in this round."""
        known = self.known_type
        return RecommendedKnowledge(
            known.common, known.inference, known.type_number, known.stream, report, recommendation
        )

    def consider(self, agreement: Agreement) -> Reply:
        """Return what the trader answers the organiser of a coalition, once it knows what it was recommended."""
        key = (agreement, self.known_type.type_number, self.reported, self.recommended.recommendation)
        if key not in self._offered:
            self._offered[key] = self._weigh(agreement)
        return self._replied(*self._offered[key])

    def _replied(self, offered: OfferedSideContract, status_quo: float) -> Reply:
        """Return what the trader answers, given what it expects if nobody colludes, numeraire."""
        report = None if offered.truth == NO_REPORT else self.behaviour.join(offered)
        answer = MemberAnswer.ACCEPTED
        if report is None:
            answer = MemberAnswer.UNWILLING if offered.worthwhile(offered.truth) else MemberAnswer.WOULD_LOSE
        gain = float(offered.gains[offered.truth if report is None else report])
        return Reply(report, answer, gain, status_quo, offered.type_number, offered.truth)

    def _weigh(self, agreement: Agreement) -> tuple[OfferedSideContract, float]:
        """Return a side-contract as the trader sees it, and what it expects without it, numeraire."""
        known, place = self.recommended, agreement.coalition.index(self.player)
        numbers = self.common.economy.prior.profile_numbers(known.belief.profiles)
        believed = (place, known.type_number, numbers, known.belief.probability)
        gains, status_quo = agreement.expected_gains(*believed), agreement.status_quo(*believed)
        truth = self._known_to(agreement, numbers)
        at_stake = agreement.stake(place, known.type_number, numbers)
        return OfferedSideContract(known.own, known.type_number, truth, gains, at_stake), status_quo

    def _known_to(self, agreement: Agreement, numbers: IntegerArray) -> int:
        """Return the number of the report that says what the trader was told, to the last digit."""
        known = self.recommended
        told, belief = known.recommendation, known.belief
        exact = [
            np.array_equal(belief.play.quotes[draw, self.player], told.quotes)
            and np.array_equal(belief.play.orders[draw, self.player], told.orders)
            and np.array_equal(belief.play.announced_endowments[draw, self.player], told.announced_endowment)
            for draw in range(len(numbers))
        ]
        return int(agreement.information[numbers[exact.index(True)], agreement.coalition.index(self.player)])

    def agree(self, quotes: FloatArray, order: Order) -> None:
        """Undertake to quote prices ``(L,)`` and to place an order in this round, whatever is recommended."""
        self.agreed = quotes, order

    def quote(self) -> FloatArray:
        """Return the prices quoted, ``(L,)``, numeraire per unit."""
        if self.agreed is not None:
            return self.agreed[0]
        return self.behaviour.quote(self.recommended)

    def order(self, quotes: FloatArray) -> Order:
        """See all quotes ``(N, L)`` and return net demands and announced endowment."""
        if self.agreed is not None:
            return self.agreed[1]
        return placed(self.behaviour, self.recommended.at_quotes(quotes))

    def order_unseen(self, own_quote: FloatArray) -> Order:
        """Return net demands and announced endowment without having seen the others' quotes."""
        if self.agreed is not None:
            return self.agreed[1]
        return placed(self.behaviour, self.recommended.expecting(own_quote))
