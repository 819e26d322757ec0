"""Evidence about Example 2, section 9, in rational numbers where there are any."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np

from marketgame.experiments.claims.claim import Effort, Finding
from marketgame.experiments.claims.drawing import generators
from marketgame.experiments.claims.myerson.examples import BUYER, HIGH, LOW, SELLER, example_2, pooling
from marketgame.experiments.claims.myerson.textbook import Textbook
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import Invitation, replay
from marketgame.mechanisms.core.objective import severance_of
from marketgame.mechanisms.core.outcome import CoreOptimum, EmptyCore, refutation_margin
from marketgame.mechanisms.core.search import find_core_allocation, optimise_core
from marketgame.mechanisms.core.variant import CoreEffort, CoreVariant, SeverancePay

NOTHING = 1e-7
"""What counts as nothing, in money."""

GRID = 13
"""Multipliers tried on a line when the mediator's loss is minimised by going through all of them."""


@cache
def book() -> Textbook:
    """Return the example written out."""
    return Textbook(example_2())


def with_beta(beta: float) -> FloatArray:
    """Return lambda(H), lambda(L), lambda_2, alpha(L|H), alpha(H|L) as they should be printed, with lambda(L) = 0."""
    return np.array([1.0, 0.0, 1.0, beta - 0.5, beta])


def pooling_only(effort: Effort) -> Finding:
    """Draw weights, solve for an efficient mechanism, and see whether it always trades at one price."""
    pools, efficient, outside = 0, 0, 0
    for generator in generators(effort, "example 2, pooling"):
        share = generator.random() if generator.random() < 0.8 else float(generator.integers(2))
        mechanism = book().best((np.array([share, 1 - share]), np.ones(1)))
        assert mechanism is not None
        price = mechanism.payments[:, SELLER]
        pools += bool(np.allclose(mechanism.action_probability[:, 1], 1) and np.isclose(price[0], price[1]))
        moved = pooling(generator.uniform(-5, 10))
        willing = bool((book().truthful @ book().point(moved)).min() >= -NOTHING)
        supported = _supported() and willing == (3 <= moved.payments[0, SELLER] <= 3.5)
        efficient += supported and book().everybody_better_by(moved) <= NOTHING
        outside += not willing
    return Finding(
        pools == efficient == effort.economies,
        f"All of {pools} efficient mechanisms found with weights that were drawn always trade at one price, and "
        f"pooling at any of {efficient} prices "
        f"drawn is efficient, supported with lambda(L) = 0; {outside} of these prices are outside [3, 3.5], where "
        "some type is not willing.",
    )


@cache
def _supported() -> bool:
    """Whether (5) to (7) hold with lambda(L) = 0 and beta = 1.75 where the good is always traded at one price."""
    point = with_beta(1.75)
    offered = book().together[1] - book().together[0]
    gains = [sum(float(book().virtual(i, offered[i], p) @ point) for i in (0, 1)) for p in book().profiles]
    return bool(np.allclose(book().hydraulic @ point, book().odds)) and min(gains) >= 0


def printed_multipliers(_: Effort) -> Finding:
    """Put the printed and the repaired multipliers into (5), and into the virtual values."""
    beta = Fraction(7, 4)
    half = Fraction(1, 2)
    # lambda + outflow - inflow, of H and L.
    printed = (1 + beta - (beta + half), 0 + (beta + half) - beta)
    repaired = (1 + (beta - half) - beta, 0 + beta - (beta - half))
    values = [((1 + a_lh) * 3 - a_hl * 2) / half for a_lh, a_hl in ((beta, beta + half), (beta - half, beta))]
    return Finding(
        printed == repaired == (half, half) and values[1] == 3 + 2 * beta != values[0],
        f"Both lines satisfy (5). With the printed one, at beta = {beta}, the virtual value of H is {values[0]}; with "
        "alpha(H|L) = beta and alpha(L|H) = "
        f"beta - 1/2 it is {values[1]}, which is the printed 3 + 2 beta.",
    )


def virtual_values(_: Effort) -> Finding:
    """Compute the virtual values and the effect of severance at several beta in rational numbers."""
    half, right = Fraction(1, 2), True
    for beta in (Fraction(3, 2), Fraction(7, 4), Fraction(2), Fraction(5, 2), Fraction(1)):
        high = ((1 + beta - half) * 3 - beta * 2) / half
        low = ((0 + beta) * 2 - (beta - half) * 3) / half
        trades = 7 - high >= 0 and 0 - low >= 0
        right &= high == 3 + 2 * beta and low == 3 - 2 * beta and trades == (Fraction(3, 2) <= beta <= 2)
    severance, beta = Fraction(5, 6), Fraction(7, 4)
    before, after = (
        np.array(
            [float(sum((book().virtual(SELLER, each, p) @ with_beta(float(beta)),), 0.0)) for p in book().profiles]
        )
        for each in (np.array([0.5, 1.5]), np.array([0.5, 1.5 - float(severance)]))
    )
    moved = after - before
    right &= bool(np.allclose(moved, [float(2 * beta * severance), -float(2 * beta * severance)]))
    return Finding(
        right,
        "The virtual values are 3 + 2 beta and 3 - 2 beta, trade is virtually efficient exactly for beta from 1.5 to "
        "2, and severance for L moves "
        "the seller's virtual stakes by 2 beta times the severance, down if L and up if H.",
    )


def plan_against_pooling(effort: Effort) -> Finding:
    """Play the printed plan against pooling without severance, at prices that are drawn."""
    tenable, worst = 0, 0.0
    for generator in generators(effort, "example 2, plan against pooling"):
        price = generator.uniform(3, 3.5)
        plan = (Invitation((SELLER,), (HIGH,), 0, 1.0), Invitation((SELLER, BUYER), (LOW, 0), 0, 1.0))
        paid = (np.array([price - 2, price - 2]), np.array([-price / 2]))
        played = replay(example_2(), book().stakes(pooling(price)), plan, paid)
        worst = max(worst, abs(played.profit - (2 - price / 2)))
        gains = played.interim_gains
        tenable += played.tenable() and bool(np.allclose(gains[0], [1.0, 0.0]) and np.allclose(gains[1], 0.0))
    return Finding(
        tenable == effort.economies and worst <= NOTHING,
        f"At all of {tenable} prices drawn from [3, 3.5] the plan is tenable and earns 2 - price/2; type H gains 1, "
        "type L and the buyer nothing.",
    )


def imitation(effort: Effort) -> Finding:
    """Draw pooling with side-bets and without severance: who imitates at H alone earns the side-bet, and only that."""
    blocked, imitated, positive = 0, 0, 0
    for generator in generators(effort, "example 2, imitation"):
        price, bet = generator.uniform(3, 3.5), generator.uniform(-4, 4)
        omega = book().stakes(pooling(price, bet))
        blocked += book().profit(omega) > NOTHING
        # Trade with H on the same terms, and send L back.
        plan = (Invitation((SELLER, BUYER), (HIGH, 0), 1, 1.0),)
        played = replay(example_2(), omega, plan, (np.array([price, 0.0]), np.array([-(price + bet) / 2])))
        positive += bet > NOTHING
        imitated += bet > NOTHING and played.tenable() and abs(played.profit - bet / 2) <= NOTHING
    return Finding(
        blocked == effort.economies and imitated == positive,
        f"All of {blocked} pooling mechanisms drawn without severance are blocked; imitation at H earns half of the "
        f"side-bet and blocks {imitated}, those "
        "in which the buyer pays more if H.",
    )


def no_core_without(effort: Effort) -> Finding:
    """Prove that there is no core without severance, and none without side-bets; go through multipliers besides."""
    empty = find_core_allocation(example_2(), CoreVariant(severance=SeverancePay.NONE), CoreEffort(starts=2))
    margin = refutation_margin(example_2(), empty) if isinstance(empty, EmptyCore) else 0.0
    steps = min(GRID, 3 + effort.economies // 2)
    severance, bets, both = (
        _least_loss(steps, severance=severance, side_bets=side_bets)
        for severance, side_bets in ((False, True), (True, False), (True, True))
    )
    return Finding(
        margin > 0 and min(severance, bets) > 0.01 and both <= NOTHING,
        f"Without severance the core is empty (margin {margin:.2g}). At the best of {steps * steps} multipliers the "
        f"mediator loses {severance:.3g} without "
        f"severance{', has no payments at all' if np.isinf(bets) else f', loses {bets:.3g}'} without side-bets, and "
        "loses nothing with both.",
    )


@cache
def _least_loss(steps: int, *, severance: bool, side_bets: bool) -> float:
    """Go through lambda(L) from 0 to 1 and the smaller of the two multipliers from 0 to 2."""
    least = np.inf
    for share in np.linspace(0, 1, steps):
        for low in np.linspace(0, 2, steps):
            # alpha(H|L) - alpha(L|H) = 1/2 - lambda(L).
            tilt = 0.5 - share
            multipliers = np.array([low + max(-tilt, 0.0), low + max(tilt, 0.0)])
            least = min(least, book().mediators_loss(multipliers, severance=severance, side_bets=side_bets))
    return least


def smallest_severance(_: Effort) -> Finding:
    """Minimise severance over the whole core, with a bound; and in rational numbers over what (27) leaves."""
    found = _smallest()
    beta, price = Fraction(3, 2), Fraction(7, 2)
    severance = 1 - (price - 3) / (2 * beta)
    exact = severance == Fraction(5, 6) and 2 * beta * severance == Fraction(5, 2)
    return Finding(
        exact and abs(found.value - 5 / 6) <= 1e-6 and abs(found.bound - 5 / 6) <= 1e-4,
        f"(27) leaves 1 - (chi - 3) / (2 beta), least at beta = {beta} and chi = {price}: {severance}, with the "
        f"side-bet {2 * beta * severance}. Over all core "
        f"allocations the least is {found.value:.7f}, and none has less than {found.bound:.7f}.",
    )


@cache
def _smallest() -> CoreOptimum:
    found = optimise_core(example_2(), severance_of(example_2(), SELLER, LOW))
    assert isinstance(found, CoreOptimum)
    return found


def condition_27(effort: Effort) -> Finding:
    """Draw pooling mechanisms with side-bets and severance, and compare (27) with what can be blocked."""
    agree, inside = 0, 0
    for generator in generators(effort, "example 2, condition 27"):
        beta = generator.uniform(1.3, 2.2)
        price = generator.uniform(2.8, 3.8)
        severance = max(1 + generator.uniform(-1, 1) * abs(price - 3) / (1.5 * beta), 0.0)
        bet = 2 * beta * severance + (generator.normal() if generator.random() < 0.3 else 0.0)
        within, near = _condition_27(price, bet, severance)
        inside += within
        agree += near or (book().profit(book().stakes(pooling(price, bet, severance))) <= 1e-9) == within
    return Finding(
        agree == effort.economies and (inside > 0 or effort.economies < 10),
        f"(27) for some beta says in {agree} of {effort.economies} cases drawn whether pooling with side-bet and "
        f"severance is blocked; {inside} were not.",
    )


def _condition_27(price: float, bet: float, severance: float) -> tuple[bool, bool]:
    """Whether (27) holds for some beta, and whether it is too near to tell."""
    if severance <= 0:
        return False, False
    beta = bet / (2 * severance)
    slacks = [beta - 1.5, 2 - beta, price - 3 - 2 * beta * abs(1 - severance), 3.5 - price]
    return min(slacks) >= 0, abs(min(slacks)) <= 1e-6


def willing_prices(_: Effort) -> Finding:
    """Find the prices at which everybody is willing to pool."""
    prices = [Fraction(n, 20) for n in range(50, 81)]
    willing = [price for price in prices if price - 3 >= 0 and Fraction(7, 2) - price >= 0]
    tested = [price for price in prices if (book().truthful @ book().point(pooling(float(price)))).min() >= -NOTHING]
    unwilling = [price for price in prices if price not in willing]
    blocked = sum(book().profit(book().stakes(pooling(float(price)))) > NOTHING for price in unwilling)
    return Finding(
        willing == tested and willing[0] == 3 and willing[-1] == Fraction(7, 2) and blocked == len(unwilling),
        f"Of the prices from 2.5 to 4 in steps of 0.05 everybody is willing at those from {willing[0]} to "
        f"{willing[-1]}; at all others a player alone blocks.",
    )
