r"""Agreements on what to report, among members who share money but not information.

Before the established device is consulted, a third party offers the members of S a side-device, as Laffont and
Martimort (1997) time it. All accept or refuse at once; one refusal, and everybody reports as it pleases, which is the
truth. Otherwise members report types m to the side-device, which draws what each is to report to the established one,
:math:`\eta(r|m)`, and hands money among them, :math:`\sum_S y_i(m) = 0`. Member i of type t that reports s expects

.. math:: \sum_{t_{S \setminus i}} q(t_{S \setminus i}|t) \Bigl[\sum_r \eta(r|s, t_{S \setminus i})
    u_i(r | t, t_{S \setminus i}) + y_i(s, t_{S \setminus i})\Bigr],

where :math:`u_i` is what the contract brings it in expectation over outsiders' types. Two conditions bind the third
party: no type gains by another report to it, and no type loses by accepting. What it has without accepting depends on
what is believed of who refuses. If beliefs are *passive*, who sees a refusal believes what it believed before, and the
contract is played truthfully. If they are *stated*, everybody believes that the refuser's type was drawn from what is
stated, and reports as it pleases (:mod:`marketgame.mechanisms.collusion.report_game`). A type that is to report what it
cannot show reports its own type to the established device instead.

Members who share neither information nor money have :math:`y = 0`. Members who share both face no conditions
(:mod:`marketgame.mechanisms.contracts.joint_misreports`), so they gain at least as much together as by any agreement
under passive beliefs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import combinations
from math import prod

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray, read_only
from marketgame.mechanisms.collusion.report_game import NoRefusalPlayError, ReportGame, report_game
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.incentives import SURE
from marketgame.mechanisms.contracts.joint_misreports import JointMisreportCheck, joint_misreport_gains
from marketgame.mechanisms.economies.stakes import counts_as_gain
from marketgame.mechanisms.linear_program import LinearProgram, Sense, Status, certified
from marketgame.mechanisms.linear_program.blocks import Selection
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.linear_program.verification import UnverifiedAnswerError
from marketgame.mechanisms.market_game.rules import Withholding

# Joint types up to which the program for a coalition of three or more is quick.
FEW_TYPES = 16

type StatedBeliefs = Mapping[int, FloatArray]
"""What everybody believes of a player's type after its refusal, a distribution over its types, by its number."""


class NoAcceptableAgreementError(ValueError):
    """Every side-device leaves some type less than its refusal does; only stated beliefs bring that about."""


class Shared(Enum):
    """What members share besides a side-device; the value says it in words."""

    MONEY = "money"
    NOTHING = "neither money nor information"


@dataclass(frozen=True, eq=False)
class ReportAgreement:
    r"""What members of a coalition report together, and the money that goes with it.

    Attributes:
        members: their numbers, increasing.
        lottery: :math:`\eta`, entry ``[m, r]`` is how likely members who report m to the side-device are told to
            report r, ``(types, types)``, joint types numbered with the last member's changing fastest.
        payments: what each member receives after each report to the side-device, ``(members, types)``, numeraire;
            they sum to zero.
        gains: per member, by how much each of its types expects to be better off than by the truth, ``(types,)``,
            numeraire.
        total_gain: the sum of members' gains in expectation over their types, numeraire.
        standard_error: of that, where outsiders' types are drawn; zero where they are listed.
    """

    members: tuple[int, ...]
    lottery: FloatArray
    payments: FloatArray
    gains: tuple[FloatArray, ...]
    total_gain: float
    standard_error: float = 0.0


@dataclass(frozen=True)
class SharedGains:
    """What members gain in sum by agreeing what to report, by what they share, in expectation over their types.

    Attributes:
        members: their numbers, increasing.
        all: if they tell each other their types, and share money; numeraire.
        money: if they share money only, beliefs after a refusal being passive; none if the program's answer was not
            confirmed.
        money_stated: if they share money only, and everybody who refuses is believed to be of the one type that makes
            its refusal cost it most; none if that is not known.
        nothing: if they share neither, under passive beliefs; none as for money.
    """

    members: tuple[int, ...]
    all: float
    money: float | None
    money_stated: float | None
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
            game = report_game(contract, members)
            money, nothing = (_total_gain(game, shared) for shared in (Shared.MONEY, Shared.NOTHING))
            yield SharedGains(members, pooled_agreement(game).total_gain, money, _stated_gain(game), nothing)


def _total_gain(game: ReportGame, shared: Shared, beliefs: StatedBeliefs | None = None) -> float | None:
    try:
        found = best_agreement(game, shared, beliefs)
    except NoAcceptableAgreementError:
        return 0.0
    except (UnverifiedAnswerError, NoRefusalPlayError):
        return None
    return max(found.total_gain, 0.0)


def _stated_gain(game: ReportGame) -> float | None:
    try:
        return _total_gain(game, Shared.MONEY, harshest_beliefs(game))
    except NoRefusalPlayError:
        return None


def harshest_beliefs(game: ReportGame) -> StatedBeliefs:
    """Return beliefs that everybody who refuses is of one type, the one that makes its refusal cost it most on average.

    Raises:
        NoRefusalPlayError: nobody knows how members would report.
    """
    beliefs = dict[int, FloatArray]()
    for place, count in enumerate(game.counts):
        surely = np.eye(count)
        cost = [float(game.marginal(place) @ game.refusal_gains(place, each)) for each in surely]
        beliefs[game.members[place]] = surely[int(np.argmin(cost))]
    return beliefs


def pooled_agreement(game: ReportGame) -> ReportAgreement:
    """Return what members report who tell each other their types and divide what their lie brings in sum.

    Whatever their types, they tell the most profitable lie that gains more than rounding and than what draws leave
    uncertain, or else the truth. They gain
    equally as far as those who have to pay for that have the money. They have to believe each other.
    """
    joint = len(game.likely)
    total = np.where(game.possible, game.utilities.sum(axis=0), -np.inf)
    stakes = np.broadcast_to(game.stakes.sum(axis=0)[:, None], total.shape)
    sure = counts_as_gain(total, stakes) & (total > SURE * game.errors)
    total = np.where(np.isfinite(total) & sure, total, 0.0)
    everybody = np.arange(joint)
    best = np.where(total.max(axis=1) > 0, total.argmax(axis=1), everybody)
    gain = total[everybody, best]
    payments = _divided(game.utilities[:, everybody, best], game.money[:, best])
    lottery = np.zeros((joint, joint))
    lottery[everybody, best] = 1.0
    utility = game.utilities[:, everybody, best] + payments
    return _agreement(game, lottery, payments, utility, float(game.likely @ gain))


def _divided(gains: FloatArray, money: FloatArray) -> FloatArray:
    """Return payments after which all gain equally, but for those who gain more and have no more money.

    Args:
        gains: what each gains before it pays or is paid, ``(members, types)``, numeraire.
        money: what each has, likewise; nonnegative.

    Returns:
        Payments, likewise, that sum to zero for each of the types.
    """
    # Who keeps more than the others is who has most left after paying all it has.
    kept = np.sort(gains - money, axis=0)
    total = gains.sum(axis=0)
    richest = np.cumsum(kept[::-1], axis=0) - kept[::-1]
    sizes = np.arange(len(gains), 0, -1)[:, None]
    levels = (total - richest) / sizes
    # The level at which just those pay all they have who would keep more than it.
    fits = levels >= kept[::-1]
    level = np.take_along_axis(levels, fits.argmax(axis=0)[None], axis=0)[0]
    payments = np.maximum(level - gains, -money)
    payments[payments.argmax(axis=0), np.arange(payments.shape[1])] -= payments.sum(axis=0)
    return np.asarray(payments)


def best_report_agreement(
    contract: GrandContract,
    members: Sequence[int],
    shared: Shared = Shared.MONEY,
    beliefs: StatedBeliefs | None = None,
    withholding: Withholding = Withholding.WASTED,
) -> ReportAgreement:
    """Return the side-device over reports that brings the members most, by a linear program.

    No side-device that all accept and tell the truth has a larger total gain, by linear-programming duality.

    Args:
        contract: the contract; outsiders report truthfully, and all obey what is then recommended.
        members: the members' numbers, increasing.
        shared: whether money may change hands.
        beliefs: what everybody believes of each member after its refusal; without them beliefs are passive.
        withholding: what becomes of what a liar owns beyond its report.

    Raises:
        NoAcceptableAgreementError: there is none that every type accepts.
        ValueError: the members have too many joint types, or no beliefs about one of them are stated.
        UnverifiedAnswerError: the program's answer was not confirmed by its prices.
        NoRefusalPlayError: nobody knows how members report after a refusal.

    Source:
        Laffont and Martimort (1997), as Giraud and Rochon, sections 1.1 and 3, present it.
    """
    return best_agreement(report_game(contract, members, withholding), shared, beliefs)


def best_agreement(game: ReportGame, shared: Shared, beliefs: StatedBeliefs | None = None) -> ReportAgreement:
    """Return the same for reports that are worked out already."""
    if beliefs is None:
        refused = [np.zeros(count) for count in game.counts]
    else:
        missing = [game.contract.economy.player_names[each] for each in game.members if each not in beliefs]
        if missing:
            raise ValueError(f"beliefs after a refusal are stated for every member; {missing[0]} has none")
        refused = [game.refusal_gains(place, beliefs[member]) for place, member in enumerate(game.members)]
    return _AgreementProgram(game, shared, refused).solve()


class _AgreementProgram:
    """The third party's program, in units of what is at stake for the members together."""

    def __init__(self, game: ReportGame, shared: Shared, refused: Sequence[FloatArray]) -> None:
        self._game = game
        self._unit = float(game.stakes.sum(axis=0).max()) or 1.0
        self._utilities = game.utilities / self._unit
        joint, size = len(game.likely), len(game.members)
        program = self._program = LinearProgram(Sense.MAXIMIZE)
        self._lottery = program.variables(
            "lottery", {"told": joint, "reported": joint}, upper=np.where(self._tellable(), 1.0, 0.0)
        )
        bound = np.inf if shared is Shared.MONEY else 0.0
        self._payment = program.variables("payment", {"member": size, "told": joint}, lower=-bound, upper=bound)
        drawn = program.constraints("drawn", {"told": joint}, equal_to=1.0)
        balance = program.constraints("balance", {"told": joint}, equal_to=0.0)
        program.add(drawn[:, None], self._lottery, 1.0)
        program.add(balance[None, :], self._payment, 1.0)
        for place, count in enumerate(game.counts):
            least = refused[place] / self._unit
            accepted = program.constraints(f"accepted by {place}", {"type": count}, at_least=least)
            truthful = program.constraints(f"truth of {place}", {"type": count, "pretended": count}, at_least=0.0)
            for kind in range(count):
                own, belief = game.at(place, kind), game.belief(place, kind)
                self._add_expected(accepted[kind], place, own, own, belief)
                for pretended in range(count):
                    if pretended != kind:
                        self._add_expected(truthful[kind, pretended], place, own, own, belief)
                        said = game.replaced(own, place, pretended)
                        self._add_expected(truthful[kind, pretended], place, own, said, -belief)
        total = self._utilities.sum(axis=0) * game.likely[:, None]
        program.set_objective(self._lottery, total)

    def _tellable(self) -> BooleanArray:
        """Say which reports each joint report to the side-device can be told to make: those that it could show."""
        impossible = self._game.likely <= 0
        return np.asarray(self._game.possible | (impossible[:, None] & np.eye(len(impossible), dtype=bool)))

    def _add_expected(
        self, row: Selection, place: int, true: IntegerArray, said: IntegerArray, weight: FloatArray
    ) -> None:
        """Add what a member of true joint types expects when the side-device hears what is said."""
        told = np.broadcast_to(np.arange(len(self._game.likely)), (len(true), len(self._game.likely)))
        reported = self._game.reported(place, np.broadcast_to(true[:, None], told.shape), told)
        utility = self._utilities[place][true[:, None], reported]
        self._program.add(row, self._lottery[said], weight[:, None] * utility)
        self._program.add(row, self._payment[place, said], weight)

    def solve(self) -> ReportAgreement:
        solution = self._program.solve()
        if solution.status is Status.INFEASIBLE:
            raise NoAcceptableAgreementError
        if solution.status is not Status.OPTIMAL:
            raise UnverifiedAnswerError(f"the program for an agreement was not solved: {solution.status.value}")
        certified(self._program, solution)
        lottery, payments = solution["lottery"], self._unit * solution["payment"]
        utility = self._unit * (lottery * self._utilities).sum(axis=-1) + payments
        return _agreement(self._game, lottery, payments, utility, float(self._unit * solution.objective))


def _agreement(
    game: ReportGame, lottery: FloatArray, payments: FloatArray, utility: FloatArray, total: float
) -> ReportAgreement:
    """Return an agreement that brings members of joint types some utility beyond the truth, ``(members, types)``."""
    gains = tuple(
        read_only(np.array([game.belief(place, kind) @ utility[place, game.at(place, kind)] for kind in range(count)]))
        for place, count in enumerate(game.counts)
    )
    return ReportAgreement(game.members, read_only(lottery), read_only(payments), gains, total)
