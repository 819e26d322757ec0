"""The organiser of coalitions: finds a side-contract, proposes it, and sees what becomes of it.

There are two moments for it: before anybody reports to the established mediator, when members agree what to report, and
after the recommendations, when they agree what to quote and to order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from marketgame.agents.coalitions.agreement import Agreement, drawn
from marketgame.agents.coalitions.breaking import Break, Breaking, Recommended, joint
from marketgame.agents.coalitions.choice import CoalitionChoice, CoalitionSelection, OrganiserStage
from marketgame.agents.coalitions.reporting import ReportBreak, ReportBreaking, ReportProposal, ToldToReport
from marketgame.agents.framework import RoundAgent, RoundModel
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.deviations.situation import JointAction
from marketgame.mechanisms.economies.coalitions import Coalition


class AgreementFate(StrEnum):
    """What became of an attempt to bring a coalition together."""

    NONE_FOUND = "none-found"
    """No side-contract was found that improves upon the grand contract."""
    TOO_LATE = "too-late"
    """A member had left the market or agreed with somebody else."""
    REFUSED = "refused"
    """A member refused, and the grand contract was played."""
    VOID = "void"
    """All accepted, but their reports cannot all be true, or a member owns too little to do what it is told."""
    ACCEPTED = "accepted"
    """All accepted and played what was agreed."""
    BROKEN = "broken"
    """All accepted; then some of them did better than what was agreed."""


class MemberAnswer(StrEnum):
    """What a member answered."""

    ACCEPTED = "accepted"
    WOULD_LOSE = "would-lose"
    """It refused because it expected to lose."""
    UNWILLING = "unwilling"
    """It refused although it expected to lose nothing."""
    NOT_ASKED = "not-asked"


FATES = tuple(fate.value for fate in AgreementFate)
ANSWERS = tuple(answer.value for answer in MemberAnswer)
STAGES = (OrganiserStage.ORDERS.value, OrganiserStage.REPORTS.value)
PLAYED = (AgreementFate.ACCEPTED, AgreementFate.BROKEN)


@dataclass(frozen=True)
class Reply:
    """What a member answers.

    Attributes:
        report: what it tells the side-device, by number; none if it refuses.
        answer: whether it accepts, or why not.
        gain: what it expects to gain by its answer, or would have gained by the truth if it refused, numeraire.
        status_quo: what it expects if nobody colludes, numeraire.
        type_number: its true type.
        truth: the report that would be true.
    """

    report: int | None
    answer: MemberAnswer
    gain: float
    status_quo: float
    type_number: int
    truth: int


@dataclass(frozen=True, eq=False)
class JointLie:
    """What members of a coalition that agreed on reports do in one round.

    Attributes:
        told: the types that they were told to report, in the order of members.
        reports: the types that they report.
        payments: what they pay each other when the round is over, ``(members,)``, numeraire, positive if received; sum
            zero.
    """

    told: tuple[int, ...]
    reports: tuple[int, ...]
    payments: FloatArray


@dataclass(frozen=True, eq=False)
class Negotiation:
    """One attempt to bring a coalition together in a round, and what became of it.

    Attributes:
        organiser: number of the organiser.
        coalition: whom it approached.
        fate: what became of it.
        replies: what members answered, in their order, as far as they were asked.
        action: what the coalition plays; none if it plays what the established mediator recommends.
        broken: who broke the agreement, and what they gain by it; none if nobody did.
        stage: what was to be agreed upon, reports or orders.
        lie: what members report and pay each other, if they agreed on that.
        promise: what members of an agreement on reports gain in sum, expected before they know their types, numeraire;
            none if there is none.
        promise_error: the standard error of that, where outsiders' types are drawn.
    """

    organiser: int
    coalition: Coalition
    fate: AgreementFate
    replies: tuple[Reply, ...] = ()
    action: JointAction | None = None
    broken: Break | ReportBreak | None = None
    stage: OrganiserStage = OrganiserStage.ORDERS
    lie: JointLie | None = None
    promise: float | None = None
    promise_error: float | None = None

    @property
    def carried_out(self) -> bool:
        """Whether members did anything that they agreed upon, or some of them broke."""
        return self.action is not None or self.lie is not None

    @property
    def side_transfers(self) -> FloatArray | None:
        """What members receive from each other, ``(members,)``, numeraire; none where nothing was carried out."""
        if self.lie is not None:
            return self.lie.payments
        return None if self.action is None else self.action.side_transfers

    @property
    def refuser(self) -> int | None:
        """Who refused; none if nobody did."""
        return self.coalition[len(self.replies) - 1] if self.fate is AgreementFate.REFUSED else None

    @property
    def expected_gain(self) -> float:
        """What the members who were asked expected to gain in sum, numeraire."""
        return sum(reply.gain for reply in self.replies)


@dataclass(frozen=True)
class Luck:
    """What an organiser draws in a round, whatever it comes to: the same numbers whoever accepts.

    Attributes:
        tries: whether it tries at all, drawn from [0, 1).
        coalition: which coalition it picks, likewise.
        action: what the side-device recommends, likewise.
    """

    tries: float
    coalition: float
    action: float


type AskToReport = Callable[[int, ReportProposal], Reply]
"""Asks a player whether it joins an agreement on reports."""
type FindReports = Callable[[Coalition], ReportProposal | None]
"""Finds an agreement on reports for a coalition, or none."""


def _nothing_to_report(coalition: Coalition) -> ReportProposal | None:
    """Return no agreement, whoever is to make it."""


def drawn_luck(generator: np.random.Generator) -> Luck:
    """Return the luck of one round."""
    return Luck(*generator.random(3).tolist())


type Ask = Callable[[int, Agreement], Reply]
"""Asks a player whether it joins a side-contract."""
# For so few coalitions an organiser searches before it is asked to propose anything.
MOST_PREPARED = 8

type FindAgreement = Callable[[Coalition], Agreement | None]
"""Finds a side-contract for a coalition, or none."""


@dataclass(frozen=True)
class Finders:
    """How an organiser finds what it proposes: side-contracts and agreements on reports, or none of them."""

    side_contract: FindAgreement
    reports: FindReports = _nothing_to_report


class CoalitionOrganiser(RoundAgent):
    """Proposes side-contracts: to one coalition after another until one accepts, or to one drawn at random.

    What members are to report it proposes likewise, before they report to the established mediator.

    It knows the grand contract and the rules, so it searches once for every coalition. Members are asked in turn, and
    one refusal ends it. Who accepted reports to the side-device and plays what it recommends, unless a sub-coalition
    knows better by then.

    Raises:
        ValueError: no coalition fits its choice.
    """

    def __init__(
        self,
        model: RoundModel,
        number: int,
        name: str,
        choice: CoalitionChoice,
        find: Finders,
        breaking: Breaking,
        players: int,
    ) -> None:
        super().__init__(model)
        self.number = number
        self.name = name
        self.choice = choice
        self.coalitions = choice.coalitions(players)
        self._find = find
        self._breaking = breaking
        self._found: dict[Coalition, Agreement | None] = {}
        self._report_breaking = ReportBreaking(breaking.depth)
        self._proposals: dict[Coalition, ReportProposal | None] = {}

    def prepare(self) -> None:
        """Search for what will soon be proposed: for every coalition, if one of few is drawn each time."""
        if self.choice.selection is not CoalitionSelection.ALL and len(self.coalitions) <= MOST_PREPARED:
            for coalition in self.coalitions:
                self._agreement(coalition)

    def _agreement(self, coalition: Coalition) -> Agreement | None:
        if coalition not in self._found:
            self._found[coalition] = self._find.side_contract(coalition)
        return self._found[coalition]

    def negotiate(self, luck: Luck, profile: int, bound: frozenset[int], ask: Ask) -> tuple[Negotiation, ...]:
        """Try to bring a coalition together.

        Args:
            luck: what it draws in this round.
            profile: number of the profile of reports to the established mediator, at which the outcome is worked out;
                neither the organiser nor anybody who decides sees it.
            bound: who has left or has agreed with another organiser already.
            ask: puts the question to a player.

        Returns:
            What was tried, in order; nothing in a round in which it does not try.
        """
        return self._try(luck, lambda coalition: self._propose(coalition, luck, profile, bound, ask))

    def agree_on_reports(
        self, luck: Luck, number: float, bound: frozenset[int], ask: AskToReport
    ) -> tuple[Negotiation, ...]:
        """Try to bring a coalition together that agrees on reports.

        Args:
            luck: what it draws in this round, of which the action is not used.
            number: what picks the reports that the side-device tells members to make, drawn from [0, 1).
            bound: who has agreed with another organiser already.
            ask: puts the question to a player.

        Returns:
            What was tried, in order; nothing in a round in which it does not try.
        """
        return self._try(luck, lambda coalition: self._propose_reports(coalition, number, bound, ask))

    def _try(self, luck: Luck, propose: Callable[[Coalition], Negotiation]) -> tuple[Negotiation, ...]:
        """Approach the coalition that was drawn, or one after another until one accepts."""
        if luck.tries >= self.choice.frequency or not self.coalitions:
            return ()
        if self.choice.selection is not CoalitionSelection.ALL:
            return (propose(self.coalitions[int(luck.coalition * len(self.coalitions))]),)
        tried: list[Negotiation] = []
        for coalition in self.coalitions:
            tried.append(propose(coalition))
            if tried[-1].fate in PLAYED:
                break
        return tuple(tried)

    def _propose_reports(
        self, coalition: Coalition, number: float, bound: frozenset[int], ask: AskToReport
    ) -> Negotiation:
        attempt = Negotiation(self.number, coalition, AgreementFate.TOO_LATE, stage=OrganiserStage.REPORTS)
        if bound.intersection(coalition):
            return attempt
        if coalition not in self._proposals:
            self._proposals[coalition] = self._find.reports(coalition)
        proposal = self._proposals[coalition]
        if proposal is None:
            return replace(attempt, fate=AgreementFate.NONE_FOUND)
        attempt = replace(attempt, promise=proposal.terms.total_gain, promise_error=proposal.terms.standard_error)
        replies: list[Reply] = []
        for member in coalition:
            replies.append(ask(member, proposal))
            if replies[-1].report is None:
                return replace(attempt, fate=AgreementFate.REFUSED, replies=tuple(replies))
        return self._tell_to_report(proposal, replace(attempt, replies=tuple(replies)), number)

    def _tell_to_report(self, proposal: ReportProposal, attempt: Negotiation, number: float) -> Negotiation:
        """Return what becomes of an agreement that all accepted."""
        game, replies = proposal.game, attempt.replies
        true = int(game.number([reply.type_number for reply in replies]))
        heard = int(game.number([reply.truth if reply.report is None else reply.report for reply in replies]))
        told = proposal.to_report(heard, number)
        made = int(proposal.shown(np.array([true]), np.array([told]))[0])
        reports, payments = game.types[:, made].copy(), proposal.terms.payments[:, heard].copy()
        broken = self._report_breaking.broken(proposal, ToldToReport(true, heard, told))
        if broken is not None:
            places = [proposal.coalition.index(member) for member in broken.breakers]
            reports[places] = broken.reports
            payments[places] += broken.payments
        lie = JointLie(tuple(game.types[:, told].tolist()), tuple(reports.tolist()), payments)
        fate = AgreementFate.ACCEPTED if broken is None else AgreementFate.BROKEN
        return replace(attempt, fate=fate, lie=lie, broken=broken)

    def _propose(self, coalition: Coalition, luck: Luck, profile: int, bound: frozenset[int], ask: Ask) -> Negotiation:
        if bound.intersection(coalition):
            return Negotiation(self.number, coalition, AgreementFate.TOO_LATE)
        agreement = self._agreement(coalition)
        if agreement is None:
            return Negotiation(self.number, coalition, AgreementFate.NONE_FOUND)
        replies: list[Reply] = []
        for member in coalition:
            replies.append(ask(member, agreement))
            if replies[-1].report is None:
                return Negotiation(self.number, coalition, AgreementFate.REFUSED, tuple(replies))
        return self._carry_out(agreement, tuple(replies), luck, profile)

    def _carry_out(self, agreement: Agreement, replies: tuple[Reply, ...], luck: Luck, profile: int) -> Negotiation:
        accepted = Negotiation(self.number, agreement.coalition, AgreementFate.ACCEPTED, replies)
        reports = tuple(reply.report for reply in replies if reply.report is not None)
        types = tuple(reply.type_number for reply in replies)
        clause = agreement.clause(profile, types, reports)
        if clause is None:
            return replace(accepted, fate=AgreementFate.VOID)
        number = drawn(clause, luck.action)
        action = agreement.action(clause, number)
        truths = tuple(reply.truth for reply in replies)
        broken = self._breaking.broken(Recommended(agreement, profile, types, truths, reports, number, action))
        if broken is None:
            return replace(accepted, action=action)
        return replace(
            accepted, fate=AgreementFate.BROKEN, action=joint(action, agreement.coalition, broken), broken=broken
        )
