r"""Whether a single member would break a side-contract on the market, asked of the oracle.

A member knows its information and its own part of what was drawn. It thinks possible every cell and joint action in
which it would know just that, and takes for granted that the others play their parts. Its best reply is a deviation
of a coalition of one: small changes to its part are tried first, then the oracle of `mechanisms.deviations` looks for
it, over quotes and orders at once, and, when prices are quoted first, over orders alone once it has seen the others'
quotes, which may tell it what was drawn.

A *small change* exchanges goods with one player, or passes them on from one to another, in amounts from a hundredth of
the supply to all that somebody holds, paid for at the counterparty's quote or not at all. The best is taken as the next
starting point. Every agreement that leaves money on the table between two quotes falls to one of these; the oracle,
which rebuilds a member's orders from nothing, may overlook them at the edge of somebody's solvency.

Source:
    Giraud and Rochon (2001), Definitions 6' and 7, equation (1), and the arbitrage in the proof of Theorem 1, where a
    member who sees another misquote abandons the agreement.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.side_contracts.cells import Cell, Knowledge
from marketgame.mechanisms.collusion.side_contracts.menu import Menu
from marketgame.mechanisms.collusion.side_contracts.program import Temptation
from marketgame.mechanisms.collusion.side_contracts.side_contract import Clause
from marketgame.mechanisms.deviations.bounds import least_bound
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation, profit_tolerance
from marketgame.mechanisms.deviations.order_search import best_orders
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    Reaction,
    Replies,
    Situation,
    obedient,
    played,
    settled_gains,
    stacked,
)
from marketgame.mechanisms.market_game.plays import joined
from marketgame.mechanisms.market_game.rules import Timing

SHARES = (0.01, 0.1, 0.5, 1.0, 3.0)
"""Amounts exchanged, in multiples of the supply of the good."""

JUST_BELOW = 1.0 - 1e-9
"""Amounts that exhaust a holding stay below it by rounding."""

STEPS = 4
"""So many changes are made one after the other."""


@dataclass(frozen=True, eq=False)
class Breach:
    """What one member would rather play.

    Attributes:
        place: of the member.
        information: number of what it knows.
        told: its part of the joint action that it would not play, a joint action of one.
        seen: the others' quotes at which it orders otherwise, ``(N, L)``; none if it deviates before seeing any.
        instead: what it plays, a joint action of one.
        gain: expected, given what it knows, numeraire.
    """

    place: int
    information: int
    told: JointAction
    seen: FloatArray | None
    instead: JointAction
    gain: float


@dataclass(frozen=True, eq=False)
class ObedienceCheck:
    """Whether single members obey a side-contract.

    Attributes:
        verdict: refuted by a breach, proved by bounds over all deviations, or neither.
        breaches: what was found.
    """

    verdict: Verdict
    breaches: tuple[Breach, ...]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A joint action of a clause that was drawn where the clause applies, truly or not.

    Attributes:
        cell: in which the members are.
        clause: by which the others play.
        number: of the joint action.
    """

    cell: Cell
    clause: Clause
    number: int

    @property
    def probability(self) -> float:
        """That the members are there and this is drawn."""
        return self.cell.probability * float(self.clause.probability[self.number])


@dataclass(frozen=True, eq=False)
class _Others:
    """How all others answer quotes: outsiders compare them with the grand contract's, and members may have plans.

    Attributes:
        drawn: for each draw, what was drawn, and which draw of its cell's situation it is.
    """

    drawn: tuple[tuple[Drawn, int], ...]

    def __call__(self, situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        one, number = self.drawn[draw]
        original = one.cell.situation
        told, members = original.prescribed, original.members
        replies = Replies(told.orders[number], told.announced_endowments[number])
        if original.reaction is not None and (quotes != told.quotes[number]).any():
            replies = original.reaction(original, number, quotes)
        orders, announced = replies.orders.copy(), replies.announced_endowments.copy()
        orders[members] = one.clause.ordered(one.number, quotes[members])
        announced[members] = one.clause.actions.announced_endowments[one.number]
        return Replies(orders, announced)


def check_obedience(knowledge: Knowledge, clauses: tuple[Clause, ...], effort: Effort) -> ObedienceCheck:
    """Look for a single member that would break a side-contract.

    Returns:
        A breach for each member and information that has one, with the verdict.
    """
    breaches = []
    proved = True
    for place, known in enumerate(knowledge.information):
        for number in range(len(known)):
            for told, situation in _told(knowledge, clauses, place, number):
                if effort.deadline.passed:
                    proved = False
                    break
                # What is seen later only tells draws apart, in each of which the bound holds.
                if least_bound(situation).total_gain <= profit_tolerance(situation):
                    continue
                proved = False
                best, gain = _best_reply(situation, effort)
                if gain > profit_tolerance(situation):
                    breaches.append(Breach(place, number, told, None, best, gain))
                    continue
                breaches += _after_quotes(situation, (place, number, told), effort)
            for plan in _plans(knowledge, clauses, place, number):
                # Bounds are for who orders the same after all quotes it is told of; its certificate may prove more.
                proved = False
                breaches += _leaving(knowledge, (place, number), plan, effort)
    if breaches:
        return ObedienceCheck(Verdict.REFUTED, tuple(breaches))
    return ObedienceCheck(Verdict.PROVEN if proved else Verdict.NOT_REFUTED, ())


def temptation_of(knowledge: Knowledge, menus: list[Menu], breach: Breach) -> Temptation:
    """Return what a breach would bring from each entry of the menus, so that a program can exclude that it pays."""
    gains = {}
    for number in knowledge.cells_knowing(breach.place, breach.information):
        cell, menu = knowledge.cells[number], menus[number]
        table = np.zeros((len(menu.transfers), len(menu.actions)))
        for position, action in enumerate(menu.actions):
            if not same_part(action, breach.told, breach.place) or not _sees(cell.situation, action, breach.seen):
                continue
            for level, vector in enumerate(menu.transfers):
                pair = stacked([with_part(action, vector), with_part(action, vector, (breach.place, breach.instead))])
                obeyed, broken = settled_gains(cell.situation, pair)[:, breach.place]
                if np.isfinite(obeyed) and np.isfinite(broken):
                    table[level, position] = cell.probability * (broken - obeyed)
        gains[number] = table
    return Temptation(breach.place, gains)


def _told(
    knowledge: Knowledge, clauses: tuple[Clause, ...], place: int, number: int
) -> Iterator[tuple[JointAction, Situation]]:
    """Yield each part a member may be told to play, and what it then faces, alone."""
    groups: dict[bytes, list[Drawn]] = {}
    for cell in knowledge.cells_knowing(place, number):
        if clauses[cell].answers is not None:
            continue
        for drawn in range(len(clauses[cell].probability)):
            key = key_of(part_of(clauses[cell].actions[drawn], place))
            groups.setdefault(key, []).append(Drawn(knowledge.cells[cell], clauses[cell], drawn))
    for group in groups.values():
        told = part_of(group[0].clause.actions[group[0].number], place)
        yield told, alone_among(knowledge, place, group)


def _plans(knowledge: Knowledge, clauses: tuple[Clause, ...], place: int, number: int) -> Iterator[list[Drawn]]:
    """Yield the draws in which a member is told the same plan, if clauses have plans that answer quotes."""
    for cell in knowledge.cells_knowing(place, number):
        answers = clauses[cell].answers
        if answers is not None:
            for plan in np.unique(answers.plans[:, place]):
                drawn = np.flatnonzero((answers.plans[:, place] == plan) & (clauses[cell].probability > 0))
                yield [Drawn(knowledge.cells[cell], clauses[cell], int(one)) for one in drawn]


def _leaving(knowledge: Knowledge, who: tuple[int, int], plan: Sequence[Drawn], effort: Effort) -> Iterator[Breach]:
    """Yield what a member would rather order after quotes that its plan is for, or rather quote."""
    place, number = who
    courses: dict[bytes, list[Drawn]] = {}
    for one in plan:
        courses.setdefault(one.clause.actions.quotes[one.number].tobytes(), []).append(one)
    kept, total = 0.0, sum(one.probability for one in plan)
    for course in courses.values():
        seen = alone_among(knowledge, place, course)
        kept += float(seen.obedient_gains[0]) * sum(one.probability for one in course) / total
        best, gain = best_small_change(seen)
        if gain <= profit_tolerance(seen) and not effort.deadline.passed:
            program = best_orders(seen, seen.prescribed.quotes[0, seen.members], Objective.TOTAL, effort)
            best, gain = (best, gain) if program.best is None else (program.best, program.value)
        if gain > profit_tolerance(seen):
            told = part_of(course[0].clause.actions[course[0].number], place)
            yield Breach(place, number, told, seen.prescribed.quotes[0], best, gain)
    # Whoever quotes otherwise orders the same in all draws; for comparison it does so after what it is to quote, too.
    # It may begin with what it is told in other draws.
    whole = alone_among(knowledge, place, plan)
    orders = whole.prescribed.orders.copy()
    orders[:, whole.members] = orders[0, whole.members]
    whole = whole.prescribing(orders=orders)
    actions = plan[0].clause.actions
    others = [part_of(actions[drawn], place) for drawn in range(len(actions.side_transfers))]
    values = settled_gains(whole, stacked(others))[:, 0] - kept
    best, gain = others[int(values.argmax())], float(values.max())
    if gain <= profit_tolerance(whole) and not effort.deadline.passed:
        best, gain = _best_reply(whole, effort)
        gain += float(whole.obedient_gains[0]) - kept
    if gain > profit_tolerance(whole):
        yield Breach(place, number, part_of(plan[0].clause.actions[plan[0].number], place), None, best, gain)


def _best_reply(situation: Situation, effort: Effort) -> tuple[JointAction, float]:
    """Return what a lone member does best and its gain: a small change if one pays, else what the oracle finds."""
    best, gain = best_small_change(situation)
    if gain > profit_tolerance(situation):
        return best, gain
    found = most_profitable_deviation(situation, Objective.TOTAL, effort)
    return (best, gain) if found.best is None else (found.best, found.value)


def alone_among(knowledge: Knowledge, place: int, drawn: Sequence[Drawn]) -> Situation:
    """Return what one member faces when it knows that one of these has come about, the others playing their parts."""
    weights, profiles, plays, others, received = [], [], [], list[tuple[Drawn, int]](), []
    for one in drawn:
        situation = one.cell.situation
        plays.append(played(situation, one.clause.actions[one.number]).play)
        weights.append(one.probability * situation.probability)
        profiles.append(situation.profiles)
        received.append(situation.received)
        others += [(one, draw) for draw in range(len(situation.probability))]
    weight = np.concatenate(weights)
    first = drawn[0].cell.situation
    react = first.reaction is not None or any(one.clause.answers is not None for one in drawn)
    reaction: Reaction | None = _Others(tuple(others)) if react else None
    return Situation(
        economy=first.economy,
        rules=first.rules,
        coalition=(knowledge.coalition[place],),
        probability=weight / weight.sum(),
        profiles=np.concatenate(profiles),
        prescribed=joined(plays),
        reaction=reaction,
        received=None if first.received is None else np.concatenate([flows for flows in received if flows is not None]),
    )


def _after_quotes(situation: Situation, who: tuple[int, int, JointAction], effort: Effort) -> Iterator[Breach]:
    """Yield what a member orders otherwise once it has seen quotes that tell draws apart."""
    place, number, told = who
    if situation.rules.timing is not Timing.PRICES_FIRST:
        return
    groups: dict[bytes, list[int]] = {}
    for draw, quotes in enumerate(situation.prescribed.quotes):
        groups.setdefault(quotes.tobytes(), []).append(draw)
    if len(groups) < 2:
        return
    for draws in groups.values():
        seen = _given(situation, draws)
        best, gain = best_small_change(seen)
        if gain <= profit_tolerance(seen):
            program = best_orders(seen, seen.prescribed.quotes[0, seen.members], Objective.TOTAL, effort)
            best, gain = (best, gain) if program.best is None else (program.best, program.value)
        if gain > profit_tolerance(seen):
            yield Breach(place, number, told, seen.prescribed.quotes[0], best, gain)


def _given(situation: Situation, draws: list[int]) -> Situation:
    """Return the situation once it is known that one of some draws has come about, and the quotes are out."""
    probability = situation.probability[draws]
    return Situation(
        economy=situation.economy,
        rules=situation.rules,
        coalition=situation.coalition,
        probability=probability / probability.sum(),
        profiles=situation.profiles[draws],
        prescribed=situation.prescribed[np.array(draws)],
        received=None if situation.received is None else situation.received[draws],
    )


def part_of(action: JointAction, place: int) -> JointAction:
    """Return one member's part of a joint action, as a joint action of one."""
    return JointAction(
        action.quotes[[place]], action.orders[[place]], action.announced_endowments[[place]], np.zeros(1)
    )


def key_of(part: JointAction) -> bytes:
    """Return what tells a part of a joint action from others."""
    return part.quotes.tobytes() + part.orders.tobytes() + part.announced_endowments.tobytes()


def with_part(
    action: JointAction, side_transfers: FloatArray, instead: tuple[int, JointAction] | None = None
) -> JointAction:
    """Return a joint action with given side-transfers, and the part of the member at a place replaced."""
    quotes, orders, announced = action.quotes.copy(), action.orders.copy(), action.announced_endowments.copy()
    if instead is not None:
        place, part = instead
        quotes[place], orders[place], announced[place] = part.quotes[0], part.orders[0], part.announced_endowments[0]
    return JointAction(quotes, orders, announced, side_transfers)


def same_part(action: JointAction, told: JointAction, place: int) -> bool:
    """Say whether a member has some part in a joint action."""
    return (
        np.array_equal(action.quotes[place], told.quotes[0])
        and np.array_equal(action.orders[place], told.orders[0])
        and np.array_equal(action.announced_endowments[place], told.announced_endowments[0])
    )


def _sees(situation: Situation, action: JointAction, seen: FloatArray | None) -> bool:
    """Return whether a joint action leads to the quotes a breach waits for; any do if it waits for none."""
    if seen is None:
        return True
    quotes = situation.prescribed.quotes[0].copy()
    quotes[situation.members] = action.quotes
    return np.array_equal(quotes, seen)


def best_small_change(situation: Situation) -> tuple[JointAction, float]:
    """Return the best of many small changes to what a lone member was told, and its gain.

    Returns:
        A joint action of one, obedience if nothing is better, and its expected gain, numeraire.
    """
    best, gain = obedient(situation), 0.0
    for _ in range(STEPS):
        tried = list(_changes(situation, best))
        values = settled_gains(situation, stacked(tried))[:, 0] - situation.obedient_gains[0]
        winner = int(values.argmax())
        if values[winner] <= gain:
            break
        best, gain = tried[winner], float(values[winner])
    return best, gain


def _changes(situation: Situation, action: JointAction) -> Iterator[JointAction]:
    """Yield an action with one more exchange."""
    member = situation.coalition[0]
    settlement = played(situation, action)
    holding = settlement.claim.min(axis=0)
    quotes = settlement.play.quotes[0]
    others = [player for player in range(len(quotes)) if player != member]
    goods = range(quotes.shape[-1] - 1)
    for good, other in itertools.product(goods, others):
        amounts = _amounts(situation, good, float(holding[other, good]), float(holding[member, good]))
        for amount, price in itertools.product(amounts, {0.0, float(quotes[other, good])}):
            change = np.zeros_like(action.orders)
            change[0, other, good] = amount
            change[0, other, -1] = -amount * price
            yield _changed(action, change)
        for third, amount in itertools.product(others, amounts):
            if third != other:
                change = np.zeros_like(action.orders)
                change[0, other, good] = amount
                change[0, third, good] = -amount
                yield _changed(action, change)
    for other, share in itertools.product(others, SHARES):
        for amount in (share * situation.supply[0, -1], JUST_BELOW * float(holding[other, -1])):
            change = np.zeros_like(action.orders)
            change[0, other, -1] = amount
            yield _changed(action, change)


def _amounts(situation: Situation, good: int, others: float, own: float) -> list[float]:
    supply = float(situation.supply[0, good])
    amounts = [sign * share * supply for sign in (1, -1) for share in SHARES]
    return [*amounts, JUST_BELOW * others, -JUST_BELOW * own]


def _changed(action: JointAction, change: FloatArray) -> JointAction:
    return JointAction(action.quotes, action.orders + change, action.announced_endowments, action.side_transfers)
