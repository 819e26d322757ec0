r"""A coalition's side-contract on the market game, and what it brings, recomputed by settling every play.

After reports that agree the side-device draws one of finitely many joint actions; one vector of side-transfers goes
with the reports, whatever is drawn. Reports that disagree void the side-contract: everybody does what the grand
contract told it, with the grand contract's transfers.

Source:
    Giraud and Rochon (2001), Definitions 3, 5 and 6 (6').
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from marketgame.mechanisms.arrays import PROBABILITY_TOLERANCE, FloatArray, IntegerArray, finite_array, read_only
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.side_contracts.cells import Cell, Knowledge
from marketgame.mechanisms.contracts.knowledge import Information
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    admissible,
    obedient,
    stacked,
    trade_gains,
)
from marketgame.mechanisms.economies.coalitions import Coalition


@dataclass(frozen=True, eq=False)
class Answers:
    """What members are told who answer quotes: each a plan, of which each draw of a clause shows one course.

    Attributes:
        told: number of the plan that each member is told, one for each member in each draw.
        otherwise: what a member orders if members quote as they do in no draw in which it is told its plan,
            ``(B, S, N, L)``, units. It announces the same after any quotes.
    """

    told: tuple[tuple[int, ...], ...]
    otherwise: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "otherwise", read_only(finite_array("otherwise", self.otherwise, (None,) * 4)))

    @property
    def plans(self) -> IntegerArray:
        """The numbers of the plans, ``(B, S)``."""
        return np.array(self.told, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Clause:
    """What happens after some reports.

    Attributes:
        reports: number of each member's information, ``(|S|,)``.
        profiles: numbers of the type profiles in which these reports are true.
        actions: B joint actions, a batch; all with the same side-transfers.
        probability: of each, ``(B,)``.
        answers: what members are told, if that is plans that answer quotes; if not, each is told its part of what is
            drawn, and orders the same whatever is quoted.

    Raises:
        ValueError: probabilities are negative or do not sum to one, a profile is listed twice, side-transfers depend
            on the draw, or a plan means different things in different draws.
    """

    reports: tuple[int, ...]
    profiles: tuple[int, ...]
    actions: JointAction
    probability: FloatArray
    answers: Answers | None = None

    def __post_init__(self) -> None:
        if len(set(self.profiles)) < len(self.profiles):
            raise ValueError(f"profiles of a clause are {list(self.profiles)}; it must list each once")
        probability = finite_array("probability", self.probability, (len(self.actions.side_transfers),))
        if (probability < 0).any() or abs(float(probability.sum()) - 1) > PROBABILITY_TOLERANCE:
            raise ValueError(f"probabilities are {probability.tolist()}; they must be at least 0 and sum to 1")
        if (self.actions.side_transfers != self.actions.side_transfers[0]).any():
            raise ValueError("side-transfers may depend on the reports, not on what is drawn after them")
        object.__setattr__(self, "probability", read_only(probability))
        if self.answers is not None:
            _refuse_ambiguity(self.actions, self.answers)

    def ordered(self, drawn: int, quotes: FloatArray) -> FloatArray:
        """Return what members order in a draw once they see what members quote, ``(S, L)``: ``(S, N, L)``, units."""
        orders: FloatArray = self.actions.orders[drawn].copy()
        if self.answers is None or (quotes == self.actions.quotes[drawn]).all():
            return orders
        seen = (self.actions.quotes == quotes).all(axis=(1, 2))
        for place, plan in enumerate(self.answers.plans[drawn]):
            alike = np.flatnonzero(seen & (self.answers.plans[:, place] == plan))
            orders[place] = self.actions.orders[alike[0], place] if alike.size else self.answers.otherwise[drawn, place]
        return orders

    @property
    def side_transfers(self) -> FloatArray:
        """What each member receives from the others, ``(|S|,)``, numeraire; they sum to zero."""
        moved: FloatArray = self.actions.side_transfers[0]
        return moved


def _refuse_ambiguity(actions: JointAction, answers: Answers) -> None:
    """Refuse plans that say different things in different draws to whoever saw the same."""
    draws, members = actions.orders.shape[:2]
    if [len(told) for told in answers.told] != [members] * draws or answers.otherwise.shape != actions.orders.shape:
        raise ValueError(
            f"answers are for {len(answers.told)} draws and orders {answers.otherwise.shape}; "
            f"they must be for {draws} of {members} members each and {actions.orders.shape}"
        )
    for place in range(members):
        for plan in np.unique(answers.plans[:, place]):
            drawn = np.flatnonzero(answers.plans[:, place] == plan)
            quotes, otherwise = actions.quotes[drawn, place], answers.otherwise[drawn, place]
            announced = actions.announced_endowments[drawn, place]
            if any((told != told[0]).any() for told in (quotes, otherwise, announced)):
                raise ValueError(f"plan {plan} of member {place} quotes, announces or answers in different ways")
            for one, other in combinations(drawn.tolist(), 2):
                seen_alike = (actions.quotes[one] == actions.quotes[other]).all()
                if seen_alike and (actions.orders[one, place] != actions.orders[other, place]).any():
                    raise ValueError(f"plan {plan} of member {place} orders differently after the same quotes")


@dataclass(frozen=True, eq=False)
class SideContract:
    """A side-device with side-transfers, and what it promises.

    Attributes:
        coalition: the members, ascending.
        concept: what members may do against it.
        information: what each member may report.
        clauses: what happens after all reports that agree.
        promised: expected utility of each information of each member, ``(information,)`` each, numeraire.
        status_quo: likewise if everybody obeys the grand contract.
    """

    coalition: Coalition
    concept: Concept
    information: tuple[tuple[Information, ...], ...]
    clauses: tuple[Clause, ...]
    promised: tuple[FloatArray, ...]
    status_quo: tuple[FloatArray, ...]

    @property
    def gains(self) -> tuple[FloatArray, ...]:
        """Expected gain of each information of each member, ``(information,)`` each, numeraire."""
        return tuple(after - before for after, before in zip(self.promised, self.status_quo, strict=True))

    def clause_after(self, reports: tuple[int, ...]) -> Clause | None:
        """Return what happens after reports; none if they disagree, so that the grand contract stands."""
        return next((clause for clause in self.clauses if clause.reports == reports), None)


def with_side_transfers(actions: JointAction, side_transfers: FloatArray) -> JointAction:
    """Return joint actions with other side-transfers, ``(|S|,)``."""
    return replace(actions, side_transfers=np.broadcast_to(side_transfers, actions.side_transfers.shape))


def obedience(cell: Cell) -> Clause:
    """Return the clause that tells everybody to obey the grand contract."""
    return Clause(cell.reports, cell.profiles, stacked([obedient(cell.situation)]), np.ones(1))


def clause_gains(cell: Cell, clause: Clause) -> FloatArray:
    """Return by how much members expect to be better off than on their endowments after a clause, ``(|S|,)``.

    Raises:
        ValueError: the clause asks somebody to announce more than it owns, or a transfer is not covered.
    """
    expected: FloatArray = clause.probability @ trade_gains(cell.situation, clause.actions)
    return expected


def interim(knowledge: Knowledge, by_cell: list[FloatArray]) -> tuple[FloatArray, ...]:
    """Return expectations given what each member knows, from those given the cell, ``(|S|,)`` each."""
    found = []
    for place in range(len(knowledge.coalition)):
        total = np.zeros(len(knowledge.information[place]))
        for cell, value in zip(knowledge.cells, by_cell, strict=True):
            total[cell.reports[place]] += cell.probability * value[place]
        found.append(total / knowledge.probability_of(place))
    return tuple(found)


def promised_gains(knowledge: Knowledge, clauses: tuple[Clause, ...]) -> tuple[FloatArray, ...]:
    """Return by how much truth and obedience make each information of each member better off than its endowment.

    Returns:
        By settling every play, ``(information,)`` each, numeraire.

    Raises:
        ValueError: a clause is missing, or is not admissible where it applies.
    """
    values = []
    for cell, clause in zip(knowledge.cells, clauses, strict=True):
        if clause.reports != cell.reports:
            raise ValueError(f"the clause after {clause.reports} stands where that after {cell.reports} should")
        values.append(clause_gains(cell, clause))
    return interim(knowledge, values)


def kept_gains(knowledge: Knowledge) -> tuple[FloatArray, ...]:
    """Return the same if everybody obeys the grand contract, ``(information,)`` each, numeraire."""
    return interim(knowledge, [cell.situation.obedient_gains for cell in knowledge.cells])


def stakes_of(knowledge: Knowledge) -> tuple[FloatArray, ...]:
    """Return what is at stake for each information of each member, at most over its cells, ``(information,)`` each."""
    found = tuple(np.zeros(len(known)) for known in knowledge.information)
    for cell in knowledge.cells:
        for place, number in enumerate(cell.reports):
            at_stake = cell.situation.stakes[knowledge.coalition[place]]
            found[place][number] = max(found[place][number], at_stake)
    return found


def promised_utilities(knowledge: Knowledge, clauses: tuple[Clause, ...]) -> tuple[FloatArray, ...]:
    """Return the utility that truth and obedience bring each information of each member: for display."""
    return _utilities(knowledge, promised_gains(knowledge, clauses))


def status_quo_utilities(knowledge: Knowledge) -> tuple[FloatArray, ...]:
    """Return what each information of each member expects if everybody obeys the grand contract: for display."""
    return _utilities(knowledge, kept_gains(knowledge))


def _utilities(knowledge: Knowledge, gains: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
    economy = knowledge.cells[0].situation.economy
    return tuple(
        gain + economy.reference_utility[economy.first_rows[member] + np.array([one.type for one in known])]
        for gain, member, known in zip(gains, knowledge.coalition, knowledge.information, strict=True)
    )


def misreport_gain(knowledge: Knowledge, clauses: tuple[Clause, ...]) -> float:
    """Return the largest expected gain of any information of any member from reporting another, then obeying."""
    return max(float(gains.max()) for gains in misreport_gains(knowledge, clauses))


def misreport_gains(knowledge: Knowledge, clauses: tuple[Clause, ...]) -> tuple[FloatArray, ...]:
    """Return the most that each information of each member expects from a report, ``(information,)`` each, numeraire.

    A report that disagrees with the others' voids the side-contract; so does one that leads to a clause that cannot
    be carried out, because somebody cannot show what it is told to announce or a transfer is not covered.
    """
    truth = promised_gains(knowledge, clauses)
    found = tuple(np.full(len(known), -np.inf) for known in knowledge.information)
    for place, known in enumerate(knowledge.information):
        probability = knowledge.probability_of(place)
        for number in range(len(known)):
            for report in range(len(known)):
                total = 0.0
                for cell in (knowledge.cells[other] for other in knowledge.cells_knowing(place, number)):
                    reports = (*cell.reports[:place], report, *cell.reports[place + 1 :])
                    agreeing = knowledge.agreeing(reports)
                    clause = None if agreeing is None else clauses[agreeing]
                    total += cell.probability * float(gains_after(cell, clause)[place])
                gain = total / float(probability[number]) - float(truth[place][number])
                found[place][number] = max(found[place][number], gain)
    return found


def gains_after(cell: Cell, clause: Clause | None) -> FloatArray:
    """Return by how much members expect to be better off than on their endowments in a cell, ``(|S|,)``, numeraire.

    The clause may apply truly or not; without one the grand contract stands.
    """
    if clause is None or not admissible(cell.situation, clause.actions).all():
        return cell.situation.obedient_gains
    return clause_gains(cell, clause)
