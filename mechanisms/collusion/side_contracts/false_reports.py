r"""Whether a member would report to the organiser what is not true, and then do as it likes.

A false report that fits what the others report leaves the agreement standing: the others are told their parts of some
other cell, and the liar its own, which it need not play. One that does not fit voids the agreement, and it need not
obey the contract either. A member of information t that reports r can expect

.. math:: \sum_b w(t, r, b), \qquad w(t, r, b) = \max_a E[u_i(a, \eta(r)) ; b \,|\, t],

over what it may be told then, b, and its replies a. No agreement is kept that promises it less. A reply is a deviation
of a coalition of one: bounds on those prove that no report pays, and the search for those finds replies, each of which
is a cut of the master program (:mod:`marketgame.mechanisms.collusion.side_contracts.program`).

Source:
    Giraud and Rochon (2001), Definitions 4' and 7'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.side_contracts.cells import Knowledge
from marketgame.mechanisms.collusion.side_contracts.menu import Menu
from marketgame.mechanisms.collusion.side_contracts.obedience import (
    Drawn,
    alone_among,
    best_small_change,
    key_of,
    part_of,
    same_part,
    with_part,
)
from marketgame.mechanisms.collusion.side_contracts.program import Reply
from marketgame.mechanisms.collusion.side_contracts.side_contract import (
    Clause,
    kept_gains,
    obedience,
    promised_gains,
    stakes_of,
)
from marketgame.mechanisms.deviations.bounds import least_bound, within_matched_flows
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation, profit_tolerance
from marketgame.mechanisms.deviations.situation import JointAction, Situation, admissible, settled_gains, stacked
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE


@dataclass(frozen=True, eq=False)
class FalseReport:
    """What one member would rather report, and how it would answer what it is then told.

    Attributes:
        place: of the member.
        truth: number of what it knows.
        report: number of what it says that it knows.
        replies: what it is told, none if the agreement is void, and what it plays instead, each a joint action of one.
        gain: expected, given what it knows, numeraire.
    """

    place: int
    truth: int
    report: int
    replies: tuple[tuple[JointAction | None, JointAction], ...]
    gain: float


@dataclass(frozen=True, eq=False)
class ReportsCheck:
    """Whether single members report the truth to the organiser, whatever they would do next.

    Attributes:
        verdict: refuted by a false report, proved by bounds over all replies, or neither.
        found: what pays.
    """

    verdict: Verdict
    found: tuple[FalseReport, ...] = ()


def check_reports(knowledge: Knowledge, clauses: tuple[Clause, ...], effort: Effort) -> ReportsCheck:
    """Look for a single member that gains by a false report to the organiser and its replies to what it is then told.

    Returns:
        The false reports that pay, with the verdict.
    """
    promised, kept, stakes = promised_gains(knowledge, clauses), kept_gains(knowledge), stakes_of(knowledge)
    found, proved = [], True
    for place, known in enumerate(knowledge.information):
        for truth, report in permutations(range(len(known)), 2):
            if effort.deadline.passed:
                proved = False
                break
            faced = list(_faced(knowledge, clauses, (place, truth, report)))
            told = float(promised[place][truth])
            # What the agreement brings is at stake, too.
            counts = GAIN_TOLERANCE * (float(stakes[place][truth]) + abs(told - float(kept[place][truth])))
            most = sum(likely * _most(situation) for _, likely, situation in faced)
            if most - told <= counts:
                continue
            proved = False
            answers = [(part, likely, *_answer(situation, effort)) for part, likely, situation in faced]
            gain = sum(likely * value for _, likely, _, value in answers) - told
            if gain > counts:
                replies = tuple((part, reply) for part, _, reply, _ in answers)
                found.append(FalseReport(place, truth, report, replies, gain))
    if found:
        return ReportsCheck(Verdict.REFUTED, tuple(found))
    return ReportsCheck(Verdict.PROVEN if proved else Verdict.NOT_REFUTED)


def replies_on(knowledge: Knowledge, menus: list[Menu], lie: FalseReport) -> Iterator[Reply]:
    """Yield what a false report's replies bring beyond obeying after it, from each entry of the menus."""
    place, gains = lie.place, dict[int, FloatArray]()
    for told, instead in lie.replies:
        void, gains = 0.0, {}
        for number in knowledge.cells_knowing(place, lie.truth):
            cell, led = knowledge.cells[number], _led(knowledge, number, place, lie.report)
            if led is None:
                if told is None:
                    status = obedience(cell).actions[0]
                    void += cell.probability * _beyond(cell.situation, status, place, instead)
                continue
            if told is None:
                continue
            menu = menus[led]
            table = np.zeros((len(menu.transfers), len(menu.actions)))
            for position, action in enumerate(menu.actions):
                if same_part(action, told, place):
                    for level, vector in enumerate(menu.transfers):
                        moved = with_part(action, vector)
                        table[level, position] = cell.probability * _beyond(cell.situation, moved, place, instead)
            gains[led] = table
        key = b"" if told is None else key_of(told)
        yield Reply(place, lie.truth, lie.report, key, gains, void)


def _beyond(situation: Situation, action: JointAction, place: int, instead: JointAction) -> float:
    """Return by how much a member's reply is worth more than obedience; nothing where that voids the agreement."""
    pair = stacked([action, with_part(action, action.side_transfers, (place, instead))])
    obeyed, replied = settled_gains(situation, pair)[:, place]
    return float(replied - obeyed) if np.isfinite(obeyed) and np.isfinite(replied) else 0.0


def _led(knowledge: Knowledge, number: int, place: int, report: int) -> int | None:
    """Return the number of the cell that a false report makes of one; none if it fits none."""
    reports = knowledge.cells[number].reports
    return knowledge.agreeing((*reports[:place], report, *reports[place + 1 :]))


def _faced(
    knowledge: Knowledge, clauses: tuple[Clause, ...], lie: tuple[int, int, int]
) -> Iterator[tuple[JointAction | None, float, Situation]]:
    """Yield what a member may be told after a report, none if the agreement is void, how likely, and what it faces."""
    place, truth, report = lie
    known = float(knowledge.probability_of(place)[truth])
    groups: dict[bytes, list[Drawn]] = {}
    for number in knowledge.cells_knowing(place, truth):
        cell, led = knowledge.cells[number], _led(knowledge, number, place, report)
        clause = None if led is None else clauses[led]
        if clause is None or not admissible(cell.situation, clause.actions).all():
            groups.setdefault(b"", []).append(Drawn(cell, obedience(cell), 0))
            continue
        for drawn in range(len(clause.probability)):
            groups.setdefault(key_of(part_of(clause.actions[drawn], place)), []).append(Drawn(cell, clause, drawn))
    for key, group in groups.items():
        told = part_of(group[0].clause.actions[group[0].number], place) if key else None
        yield told, sum(one.probability for one in group) / known, alone_among(knowledge, place, group)


def _most(situation: Situation) -> float:
    """Return what no reply exceeds, beyond living on one's endowment, numeraire."""
    most = least_bound(situation).total_gain + float(situation.obedient_gains.sum())
    flows = within_matched_flows(situation)
    return most if flows is None else min(most, flows)


def _answer(situation: Situation, effort: Effort) -> tuple[JointAction, float]:
    """Return a lone member's best reply that is found, and what it brings beyond living on its endowment."""
    reply, gain = best_small_change(situation)
    if _most(situation) - float(situation.obedient_gains.sum()) - gain > profit_tolerance(situation):
        found = most_profitable_deviation(situation, Objective.TOTAL, effort)
        if found.best is not None and found.value > gain:
            reply, gain = found.best, found.value
    return reply, gain + float(situation.obedient_gains.sum())
