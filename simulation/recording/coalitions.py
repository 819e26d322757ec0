"""What blocking mediators and coalition organisers did, one by one, as their tables are made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from marketgame.agents.blocking.mediator import Approach
from marketgame.agents.coalitions.organiser import MemberAnswer, Negotiation, Reply
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.simulation.recording.labels import Labels
from marketgame.simulation.stages.blocking import STAYS, Formed


@dataclass(frozen=True, eq=False)
class Invited:
    """A player asked by a blocking mediator; codes are those of the labels.

    Attributes:
        round: counted from the first of those side by side.
        approach: the invitation.
        place: of the player among those invited.
        player: its number.
        coalition: code of all who were invited.
        action: code of what they were to do.
        wanted: code of the type with which it was to leave.
        truth: code of its type.
        told: code of the type that it reported; -1 if it refused.
    """

    round: int
    approach: Approach
    place: int
    player: int
    coalition: int
    action: int
    wanted: int
    truth: int
    told: int


@dataclass(frozen=True, eq=False)
class Invitations:
    """All who were asked, in the order in which they were, and the names behind the numbers."""

    rows: Sequence[Invited]
    labels: Labels


def invitations(approaches: Sequence[Sequence[Approach]], profile: IntegerArray, labels: Labels) -> Invitations:
    """Return who was asked in some rounds, in which the true types were ``(R, N)``."""

    def asked() -> Iterator[Invited]:
        for number, each in enumerate(approaches):
            for approach in each:
                invitation = approach.invitation
                coalition = labels.coalition(invitation.coalition)
                action = labels.action(invitation.coalition, invitation.action)
                for place, player in enumerate(invitation.coalition):
                    report = approach.reports[place]
                    wanted = labels.type(player, invitation.types[place])
                    truth = labels.type(player, int(profile[number, player]))
                    told = STAYS if report is None else labels.type(player, report)
                    yield Invited(number, approach, place, player, coalition, action, wanted, truth, told)

    return Invitations(tuple(asked()), labels)


@dataclass(frozen=True, eq=False)
class Formations:
    """The coalitions that did something together, round by round.

    Attributes:
        rounds: in which each did it, counted from the first of those side by side.
        rows: they.
        labels: the names behind the numbers.
    """

    rounds: Sequence[int]
    rows: Sequence[Formed]
    labels: Labels


def blocking_profits(approaches: Sequence[Sequence[Approach]], blockers: int) -> FloatArray:
    """Return what each blocking mediator earned in each round, ``(R, B)``, units of money."""
    profits = np.zeros((len(approaches), blockers))
    for number, each in enumerate(approaches):
        for approach in each:
            profits[number, approach.mediator] += approach.profit
    return profits


@dataclass(frozen=True, eq=False)
class Member:
    """A member of a coalition that an organiser tried to bring together.

    Attributes:
        round: counted from the first of those side by side.
        tried: the attempt.
        place: of the player in the coalition.
        type: code of its type.
        told: code of the type that it was told to report; -1 if it was told nothing.
        reported: code of the type that it reported because of that; likewise.
        realised: its utility above what the contract promised at the reports made or, of members who agreed on these,
            at the true types, numeraire; none where the coalition did nothing that it agreed upon.
    """

    round: int
    tried: Negotiation
    place: int
    type: int
    told: int
    reported: int
    realised: float | None

    @property
    def player(self) -> int:
        """Its number."""
        return self.tried.coalition[self.place]

    @property
    def reply(self) -> Reply | None:
        """What it answered; none if it was not asked."""
        return self.tried.replies[self.place] if self.place < len(self.tried.replies) else None

    @property
    def answer(self) -> MemberAnswer:
        """Whether it accepted, or why not."""
        return MemberAnswer.NOT_ASKED if self.reply is None else self.reply.answer

    @property
    def truthful(self) -> bool | None:
        """Whether it told the side-device the truth; none if it told it nothing."""
        if self.reply is None or self.reply.report is None:
            return None
        return self.reply.report == self.reply.truth

    @property
    def side_transfer(self) -> float:
        """What it received from fellow members, numeraire."""
        transfers = self.tried.side_transfers
        return 0.0 if transfers is None else float(transfers[self.place])

    @property
    def broke(self) -> bool:
        """Whether it was among those who broke the agreement."""
        return self.tried.broken is not None and self.player in self.tried.broken.breakers


@dataclass(frozen=True, eq=False)
class Members:
    """All who were approached, in the order of the attempts, and the names behind the numbers."""

    rows: Sequence[Member]
    labels: Labels


def members(
    negotiations: Sequence[Sequence[Negotiation]],
    profile: IntegerArray,
    over_promise: FloatArray,
    over_truth: FloatArray,
    labels: Labels,
) -> Members:
    """Return whom organisers approached.

    Args:
        negotiations: what organisers tried in each of some rounds.
        profile: true types, ``(R, N)``.
        over_promise: utility above what was promised at the reports made, ``(R, N)``, numeraire.
        over_truth: utility above what was promised at the true types, likewise.
        labels: the names behind the numbers.
    """

    def approached() -> Iterator[Member]:
        for number, several in enumerate(negotiations):
            for tried in several:
                realised = realised_gains(tried, over_promise[number], over_truth[number])
                for place, player in enumerate(tried.coalition):
                    kinds = (None, None) if tried.lie is None else (tried.lie.told[place], tried.lie.reports[place])
                    told, reported = (STAYS if kind is None else labels.type(player, kind) for kind in kinds)
                    truth, gain = labels.type(player, int(profile[number, player])), None
                    if realised is not None:
                        gain = float(realised[place])
                    yield Member(number, tried, place, truth, told, reported, gain)

    return Members(tuple(approached()), labels)


def realised_gains(tried: Negotiation, over_promise: FloatArray, over_truth: FloatArray) -> FloatArray | None:
    """Return what members gained, ``(members,)``, numeraire; none where they did nothing that they agreed upon.

    Args:
        tried: the attempt.
        over_promise: everybody's utility above what was promised at the reports made, ``(N,)``, numeraire.
        over_truth: the same above what was promised at the true types, by which agreements on reports are measured.
    """
    if not tried.carried_out:
        return None
    return np.asarray((over_promise if tried.lie is None else over_truth)[list(tried.coalition)])
