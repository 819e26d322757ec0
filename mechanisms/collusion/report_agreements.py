r"""Agreements on what to report, among members who share money but not information.

Before the established device is consulted, a third party offers the members of S a side-device, as Laffont and
Martimort (1997) time it. All accept or refuse at once; one refusal, and everybody reports as it pleases, which is the
truth. Otherwise members report types m to the side-device, which draws what each is to report to the established one,
:math:`\eta(r|m)`, and hands money among them, :math:`\sum_S y_i(m) = 0`. Member i of type t that reports s expects

.. math:: \sum_{t_{S \setminus i}} q(t_{S \setminus i}|t) \Bigl[\sum_r \eta(r|s, t_{S \setminus i})
    u_i(r | t, t_{S \setminus i}) + y_i(s, t_{S \setminus i})\Bigr],

where :math:`u_i` is what the contract brings it in expectation over outsiders' types. Two conditions bind the third
party: no type gains by another report to it, and no type loses by accepting, when beliefs after a refusal are
*passive*: who sees one believes what it believed before, so that the contract is played truthfully. A type that is to
report what it cannot show reports its own type to the established device instead.

Members who share neither information nor money have :math:`y = 0`. Members who share both face no conditions
(:mod:`marketgame.mechanisms.contracts.joint_misreports`), so they gain at least as much together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import combinations
from math import prod

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray, read_only
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.joint_misreports import (
    JointMisreportCheck,
    can_report,
    joint_misreport_gains,
    utilities_of_reports,
)
from marketgame.mechanisms.economies.stakes import counts_as_gain
from marketgame.mechanisms.linear_program import LinearProgram, Sense, Status, certified
from marketgame.mechanisms.linear_program.blocks import Selection
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.linear_program.verification import UnverifiedAnswerError

# Joint types up to which the program for a coalition of three or more is quick.
FEW_TYPES = 16


class Shared(Enum):
    """What members share besides a side-device; the value says it in words."""

    MONEY = "money"
    NOTHING = "neither money nor information"


@dataclass(frozen=True, eq=False)
class ReportAgreement:
    r"""The side-device that brings the members most in expectation over their types.

    Attributes:
        members: their numbers, increasing.
        lottery: :math:`\eta`, entry ``[m, r]`` is how likely members who report m to the side-device are told to
            report r, ``(types, types)``, joint types numbered with the last member's changing fastest.
        payments: what each member receives after each report to the side-device, ``(members, types)``, numeraire.
        gains: per member, by how much each of its types expects to be better off than by the truth, ``(types,)``,
            numeraire; nonnegative up to rounding.
        total_gain: the sum of members' gains in expectation over their types, numeraire; no side-device has a larger
            one, by linear-programming duality.
    """

    members: tuple[int, ...]
    lottery: FloatArray
    payments: FloatArray
    gains: tuple[FloatArray, ...]
    total_gain: float


@dataclass(frozen=True)
class SharedGains:
    """What members gain in sum by agreeing what to report, by what they share, in expectation over their types.

    Attributes:
        members: their numbers, increasing.
        all: if they tell each other their types, and share money; numeraire.
        money: if they share money only; none if the program's answer was not confirmed.
        nothing: if they share neither; likewise.
    """

    members: tuple[int, ...]
    all: float
    money: float | None
    nothing: float | None


def gains_by_what_is_shared(
    contract: GrandContract, check: JointMisreportCheck, deadline: Deadline = NO_DEADLINE
) -> Iterator[SharedGains]:
    """Yield what pairs that gain by joint lies gain if they share less, then the coalition with the best joint lie.

    Who gains nothing while sharing everything gains nothing by sharing less. Of three and more only a coalition with
    few joint types is asked.

    Args:
        contract: the contract.
        check: of its joint lies.
        deadline: after which no more coalitions are asked.
    """
    if check.truthful or check.worst is None:
        return
    names = contract.economy.player_names
    worst = tuple(names.index(name) for name in check.worst.coalition)
    asked: list[tuple[int, ...]] = list(combinations(range(len(names)), 2))
    if len(worst) > 2 and prod(contract.economy.prior.type_counts[member] for member in worst) <= FEW_TYPES:
        asked.append(worst)
    for members in asked:
        if deadline.passed:
            return
        lies = joint_misreport_gains(contract, members)
        if counts_as_gain(lies.gains, np.broadcast_to(lies.stakes[:, None], lies.gains.shape)).any():
            likely = _joint_probability(contract, members)
            best = np.where(likely > 0, lies.gains.max(axis=1, initial=0.0), 0.0)
            money, nothing = (_total_gain(contract, members, shared) for shared in (Shared.MONEY, Shared.NOTHING))
            yield SharedGains(members, float(likely @ best), money, nothing)


def _total_gain(contract: GrandContract, members: tuple[int, ...], shared: Shared) -> float | None:
    try:
        return max(best_report_agreement(contract, members, shared).total_gain, 0.0)
    except UnverifiedAnswerError:
        return None


def best_report_agreement(
    contract: GrandContract, members: Sequence[int], shared: Shared = Shared.MONEY
) -> ReportAgreement:
    """Return the side-device over reports that brings the members most, by a linear program.

    Args:
        contract: the contract; outsiders report truthfully, and all obey what is then recommended.
        members: the members' numbers, increasing.
        shared: whether money may change hands.

    Raises:
        UnverifiedAnswerError: the program's answer was not confirmed by its prices.

    Source:
        Laffont and Martimort (1997), as Giraud and Rochon, sections 1.1 and 3, present it.
    """
    return _AgreementProgram(contract, tuple(members), shared).solve()


class _AgreementProgram:
    """The third party's program, in units of what is at stake for the members together."""

    def __init__(self, contract: GrandContract, members: tuple[int, ...], shared: Shared) -> None:
        economy, prior = contract.economy, contract.economy.prior
        self._members = members
        self._counts = [prior.type_counts[member] for member in members]
        self._types = np.indices(self._counts).reshape(len(members), -1)
        rows = economy.first_rows[list(members), None] + self._types
        self._unit = float(contract.stakes[rows].sum(axis=0).max()) or 1.0
        utilities = utilities_of_reports(contract, members)
        # Only differences matter, and levels would drown them.
        self._truth = np.diagonal(utilities, axis1=1, axis2=2)
        self._utilities = (utilities - self._truth[..., None]) / self._unit
        self._possible = can_report(contract, members)
        self._likely = _joint_probability(contract, members)
        joint, size = len(self._likely), len(members)
        program = self._program = LinearProgram(Sense.MAXIMIZE)
        self._lottery = program.variables(
            "lottery", {"told": joint, "reported": joint}, upper=np.where(self._showable(), 1.0, 0.0)
        )
        bound = np.inf if shared is Shared.MONEY else 0.0
        self._payment = program.variables("payment", {"member": size, "told": joint}, lower=-bound, upper=bound)
        drawn = program.constraints("drawn", {"told": joint}, equal_to=1.0)
        balance = program.constraints("balance", {"told": joint}, equal_to=0.0)
        program.add(drawn[:, None], self._lottery, 1.0)
        program.add(balance[None, :], self._payment, 1.0)
        for place, count in enumerate(self._counts):
            accepted = program.constraints(f"accepted by {place}", {"type": count}, at_least=0.0)
            truthful = program.constraints(f"truth of {place}", {"type": count, "pretended": count}, at_least=0.0)
            for kind in range(count):
                own = np.flatnonzero(self._types[place] == kind)
                belief = self._likely[own] / self._likely[own].sum()
                self._add_expected(accepted[kind], place, own, own, belief)
                for pretended in range(count):
                    if pretended != kind:
                        self._add_expected(truthful[kind, pretended], place, own, own, belief)
                        said = self._pretending(place, own, pretended)
                        self._add_expected(truthful[kind, pretended], place, own, said, -belief)
        total = self._utilities.sum(axis=0) * self._likely[:, None]
        program.set_objective(self._lottery, total)

    def _showable(self) -> BooleanArray:
        """Say which reports each joint report to the side-device can be told to make: those that it could show."""
        impossible = self._likely <= 0
        return np.asarray(self._possible | (impossible[:, None] & np.eye(len(impossible), dtype=bool)))

    def _pretending(self, place: int, own: IntegerArray, pretended: int) -> IntegerArray:
        """Return the joint reports in which one member's true type is replaced."""
        changed = self._types[:, own].copy()
        changed[place] = pretended
        return np.asarray(np.ravel_multi_index(tuple(changed), self._counts))

    def _add_expected(
        self, row: Selection, place: int, true: IntegerArray, said: IntegerArray, weight: FloatArray
    ) -> None:
        """Add what a member of true joint types expects when the side-device hears what is said."""
        utility = self._utilities[place][true[:, None], self._reported(place, true)]
        self._program.add(row, self._lottery[said], weight[:, None] * utility)
        self._program.add(row, self._payment[place, said], weight)

    def _reported(self, place: int, true: IntegerArray) -> IntegerArray:
        """Return what is reported to the established device, for each thing that may be told, ``(true, told)``."""
        told = np.arange(len(self._likely))
        itself = self._types[:, told].copy()
        own = self._types[place, true]
        alone = self._possible_alone(place)
        reports = np.broadcast_to(told, (len(true), len(told))).copy()
        for number, kind in enumerate(own):
            cannot = ~alone[kind, self._types[place]]
            changed = itself[:, cannot].copy()
            changed[place] = kind
            reports[number, cannot] = np.ravel_multi_index(tuple(changed), self._counts)
        return reports

    def _possible_alone(self, place: int) -> BooleanArray:
        """Say which of its types a member can report, whatever the others do, ``(types, types)``."""
        count = self._counts[place]
        alone = np.zeros((count, count), bool)
        true, said = np.nonzero(self._possible)
        alone[self._types[place, true], self._types[place, said]] = True
        return alone

    def solve(self) -> ReportAgreement:
        solution = self._program.solve()
        if solution.status is not Status.OPTIMAL:
            raise UnverifiedAnswerError(f"the program for an agreement was not solved: {solution.status.value}")
        certified(self._program, solution)
        lottery, payments = solution["lottery"], self._unit * solution["payment"]
        utility = self._unit * (lottery * self._utilities).sum(axis=-1) + payments
        gains = []
        for place, count in enumerate(self._counts):
            own = self._types[place] == np.arange(count)[:, None]
            weight = np.where(own, self._likely, 0.0)
            gains.append(read_only((weight * utility[place]).sum(axis=-1) / weight.sum(axis=-1)))
        total = float(self._unit * solution.objective)
        return ReportAgreement(self._members, read_only(lottery), read_only(payments), tuple(gains), total)


def _joint_probability(contract: GrandContract, members: tuple[int, ...]) -> FloatArray:
    """Return how likely each joint type of members is, ``(types,)``."""
    prior = contract.economy.prior
    if prior.independent:
        product = np.ones(1)
        for member in members:
            product = np.multiply.outer(product, prior.marginal(member)).reshape(-1)
        return product
    beyond = tuple(other for other in range(len(prior.type_counts)) if other not in members)
    return np.asarray(prior.probability.reshape(prior.type_counts).sum(axis=beyond).reshape(-1))
