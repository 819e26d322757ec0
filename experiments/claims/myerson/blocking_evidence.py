"""Evidence about sections 4 and 6: blocking plans, and which stakes are inhibitive."""

from __future__ import annotations

from functools import cache

import numpy as np

from marketgame.experiments.claims.claim import Effort, Finding
from marketgame.experiments.claims.frequency import Frequency
from marketgame.experiments.claims.myerson.drawn_games import books, supported_weights, wild_stakes
from marketgame.experiments.claims.myerson.examples import EQUAL_GAINS, example_1, example_2, pooling
from marketgame.experiments.claims.myerson.textbook import Textbook
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import BlockingPlan, Invitation, NoBlockingPlan, Support, find_blocking_plan
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame

NOTHING = 1e-7
"""What counts as nothing, in units of utilities of order one."""

ONE_TYPE_EACH = ((1,), (1, 1), (1, 1, 1), (1, 1, 1, 1))


def sizes(effort: Effort) -> Finding:
    """Solve program (15) with the bound (8) and with the bound (9)."""
    both, neither, wrong, most = 0, 0, 0, 0.0
    for generator, book in books(effort, "sizes"):
        omega = wild_stakes(generator, book)
        total, every = book.profit(omega), book.profit(omega, every_profile=True)
        if total > NOTHING and every >= total - NOTHING:
            both += 1
            most = max(most, every / total)
        elif max(total, every) <= NOTHING:
            neither += 1
        else:
            wrong += 1
    pooled = Textbook(example_2())
    at_most = pooled.stakes(pooling(3.5))
    numbers = pooled.profit(at_most), pooled.profit(at_most, every_profile=True)
    return Finding(
        not wrong and np.allclose(numbers, (0.125, 0.25), atol=NOTHING),
        f"Of {effort.economies} cases drawn {both} were profitable under both bounds and {neither} under neither; a "
        "plan "
        f"earns up to {most:.3g} times as much under (8). Against pooling at 3.5 in Example 2 it is {numbers[1]:g} and "
        f"{numbers[0]:g}.",
    )


def conditional_payments(effort: Effort) -> Finding:
    """Test the printed formula for payments on Example 1, and the repaired one on plans that invite every type."""
    plan = find_blocking_plan(example_1(), Textbook(example_1()).stakes(EQUAL_GAINS))
    assert isinstance(plan, BlockingPlan)
    invited = sum(one.probability for one in plan.invitations if 1 in one.coalition)
    printed, repaired = plan.payments[1][0] / invited, plan.payments[1][0] / (invited / 2)
    rebuilt = _rebuilt(effort)
    return Finding(
        bool(np.isclose(repaired, 2 * printed)) and all(rebuilt),
        f"In Example 1 the buyer who is asked with probability {invited:.4g} if the seller is H would pay "
        f"{-printed:.4g} when "
        f"invited by the printed formula, and {-repaired:.4g} by the repaired one, which is what the plan needs. "
        f"{sum(rebuilt)} of "
        f"{len(rebuilt)} profitable plans found could be changed to invite every type and stayed profitable.",
    )


def equilibrium(effort: Effort) -> Finding:
    """Let plans be played as the paper says, by drawing an invitation, and let every type refuse or lie."""
    rebuilt = _rebuilt(effort)
    return Finding(
        all(rebuilt),
        f"In {sum(rebuilt)} of {len(rebuilt)} profitable plans found nobody gains by refusing or lying when an "
        "invitation is drawn and "
        "payments are made to those who leave, and the mediator's expected profit is positive.",
    )


@cache
def _rebuilt(effort: Effort) -> tuple[bool, ...]:
    """Draw stakes, and make each profitable plan one that pays only who leaves; say of each whether it works."""
    result = []
    for generator, book in books(effort, "plans"):
        omega = wild_stakes(generator, book)
        plan = find_blocking_plan(book.game, omega)
        if isinstance(plan, BlockingPlan) and plan.profit > NOTHING:
            result.append(_works(book, omega, plan))
    return tuple(result)


def _works(book: Textbook, omega: FloatArray, plan: BlockingPlan) -> bool:
    """Invite every type of every player alone with a small probability, and play the plan that results."""
    rooms = 1.0 + float(np.abs(omega).max()) + book.game.largest_utility
    small = 0.1 * plan.profit / (4 * rooms * len(book.types))
    extra = tuple(Invitation((i,), (k,), 0, small) for i, k in book.types)
    # A constant for all types of a player tempts nobody to lie; solver's rounding is made good with it.
    paid = [y + small * 2 * rooms + 1e-9 for y in plan.payments]
    return _played(book, omega, (*plan.invitations, *extra), paid)


def _played(book: Textbook, omega: FloatArray, invitations: tuple[Invitation, ...], paid: list[FloatArray]) -> bool:
    """Whether the truth is best and the mediator gains, by going through every profile and every draw."""
    share = 1.0 / max(1.0, sum(one.probability for one in invitations))
    when_invited = []
    for i in book.players:
        frequency = np.zeros(len(book.game.types[i]))
        for one in invitations:
            if i in one.coalition:
                others = [
                    book.game.type_probabilities[j][k] for j, k in zip(one.coalition, one.types, strict=True) if j != i
                ]
                frequency[one.types[one.coalition.index(i)]] += share * one.probability * float(np.prod(others))
        when_invited.append(share * paid[i] / frequency)
    gains = {(i, k): np.zeros(len(book.game.types[i])) for i, k in book.types}
    profit = 0.0
    for place, profile in enumerate(book.profiles):
        for one in invitations:
            odds = share * one.probability
            for member, i in enumerate(one.coalition):
                gained = book.game.actions[one.coalition].utilities[one.action, member, place] - omega[place, i]
                rest = all(profile[j] == k for j, k in zip(one.coalition, one.types, strict=True) if j != i)
                report = one.types[member]
                if rest:
                    worth = gained + when_invited[i][report]
                    gains[i, profile[i]][report] += book.others(i, profile) * odds * worth
                    if profile[i] == report:
                        profit -= book.prior[place] * odds * when_invited[i][report]
    missed = max(max(float(each.max()) - each[k], -each[k]) for (_, k), each in gains.items())
    return missed <= NOTHING and profit > 0


def theorem_1(effort: Effort) -> Finding:
    """Solve (15) and its dual, both written out, and ask the engine for a plan or a proof."""
    inhibitive, agree = 0, 0
    for generator, book in books(effort, "theorem 1"):
        omega = wild_stakes(generator, book)
        surplus, profit = book.least_surplus(omega)[0], book.profit(omega)
        answer = find_blocking_plan(book.game, omega)
        blocked = profit > NOTHING
        inhibitive += not blocked
        agree += (
            (surplus > NOTHING) == blocked
            and abs(max(surplus, 0.0) - profit) <= NOTHING
            and isinstance(answer, BlockingPlan if blocked else NoBlockingPlan | BlockingPlan)
            and (profit > 1e-9 or isinstance(answer, NoBlockingPlan))
        )
    return Finding(
        agree == effort.economies,
        f"Program (15), its dual and the engine agree in {agree} of {effort.economies} cases drawn, of which "
        f"{inhibitive} are inhibitive; the most "
        "that a plan earns under (9) is the largest virtual surplus where weights and multipliers make it least.",
        (Frequency("stakes drawn that are inhibitive", inhibitive, effort.economies),),
    )


def weak_duality(effort: Effort) -> Finding:
    """Try weights and multipliers that satisfy (5) against the most profitable plan: none may promise less."""
    worst = -np.inf
    for generator, book in books(effort, "weak duality"):
        omega = wild_stakes(generator, book)
        point = supported_weights(generator, book)
        bound = max(float((book.surpluses(omega) @ point).max()), 0.0)
        worst = max(worst, book.profit(omega) - bound)
    return Finding(
        worst <= NOTHING,
        f"In {effort.economies} cases drawn no plan earns more than the largest virtual surplus at weights drawn with "
        "it.",
    )


def stakes_of_profiles(effort: Effort) -> Finding:
    """Read the stakes in (16) as the type's own, by expectation, and compare with what is printed in Theorem 1."""
    differ = 0
    for generator, book in books(effort, "stakes of profiles"):
        omega = wild_stakes(generator, book)
        expected = np.array(
            [
                [
                    sum(
                        book.others(i, other) * omega[at, i]
                        for at, other in enumerate(book.profiles)
                        if other[i] == profile[i]
                    )
                    for i in book.players
                ]
                for profile in book.profiles
            ]
        )
        differ += (book.profit(expected) > NOTHING) != (book.profit(omega) > NOTHING)
    return Finding(
        True,
        f"Read as a type's own stake, by its expectation, (16) gives another answer in {differ} of {effort.economies} "
        "cases drawn.",
        (Frequency("cases drawn, (16) with the type's expected stake is wrong", differ, effort.economies),),
    )


def fine_support(effort: Effort) -> Finding:
    """Compare (17) with the program of a mediator who asks everybody, and both with (14)."""
    agree, weaker, fine = 0, 0, 0
    for generator, book in books(effort, "fine support"):
        omega = wild_stakes(generator, book)
        surplus, profit = book.least_surplus(omega, fine=True)[0], book.profit(omega, fine=True)
        coarse = book.profit(omega)
        engine = find_blocking_plan(book.game, omega, support=Support.FINE)
        agree += (
            abs(max(surplus, 0.0) - profit) <= NOTHING
            and not (profit <= NOTHING < coarse)
            and (isinstance(engine, BlockingPlan) or profit <= NOTHING)
        )
        fine += profit <= NOTHING
        weaker += coarse <= NOTHING < profit
    book = Textbook(example_2())
    between = [_severance(book, amount) for amount in (5 / 6, 7 / 8)]
    return Finding(
        agree == effort.economies and between == [(False, True), (False, False)],
        f"(17) and the mediator who asks everybody agree in {agree} of {effort.economies} cases drawn, {fine} of them "
        f"finely inhibitive; {weaker} "
        "were inhibitive and not finely so. In Example 2 severance of 5/6 is enough against mediators who ask only "
        "whom they invite, "
        "7/8 against those who ask everybody.",
        (Frequency("stakes drawn that are inhibitive and not finely so", weaker, effort.economies),),
    )


def _severance(book: Textbook, amount: float) -> tuple[bool, bool]:
    """Whether pooling at 3.5 with the best side-bet is blocked coarsely and finely."""
    beta = 1.5 if amount < 0.85 else 2.0
    omega = book.stakes(pooling(3.5, 2 * beta * amount, amount))
    return book.profit(omega) > NOTHING, book.profit(omega, fine=True) > NOTHING


def participation(effort: Effort) -> Finding:
    """Compare inhibitive stakes with what each type gets alone."""
    least, inhibitive = np.inf, 0
    for generator, book in books(effort, "participation"):
        omega = wild_stakes(generator, book)
        if book.profit(omega) > 0.0:
            continue
        inhibitive += 1
        least = min(least, _least_beyond_alone(book, omega))
    return Finding(
        least >= -NOTHING,
        f"In all {inhibitive} inhibitive allocations of {effort.economies} drawn every type keeps at least what it "
        "expects alone; the closest "
        f"keeps {max(least, 0.0):.2g} more.",
    )


def _least_beyond_alone(book: Textbook, omega: FloatArray) -> float:
    least = np.inf
    for i, k in book.types:
        at = [place for place, profile in enumerate(book.profiles) if profile[i] == k]
        odds = np.array([book.others(i, book.profiles[place]) for place in at])
        alone = max(float(odds @ utilities[0][at]) for utilities in book.game.actions[(i,)].utilities)
        least = min(least, float(odds @ omega[at, i]) - alone)
    return least


def complete_information(effort: Effort) -> Finding:
    """Give everybody one type: random coalitions then block nothing that no single coalition blocks."""
    agree, blocked = 0, 0
    for generator, book in books(effort, "complete information", ONE_TYPE_EACH):
        omega = wild_stakes(generator, book)
        gain = _most_gained(book.game, omega)
        agree += abs(max(gain, 0.0) - book.profit(omega)) <= NOTHING
        blocked += gain > NOTHING
    return Finding(
        agree == effort.economies,
        f"In {agree} of {effort.economies} games of one type each, {blocked} of them blocked, the most profitable "
        "plan earns what the single "
        "coalition that gains most gains.",
    )


def _most_gained(game: CoalitionalGame, omega: FloatArray) -> float:
    return max(
        float((game.actions[s].utilities[:, :, 0].sum(axis=1) - omega[0, list(s)].sum()).max()) for s in game.coalitions
    )
