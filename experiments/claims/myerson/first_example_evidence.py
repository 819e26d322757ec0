"""Evidence about Example 1, sections 5 and 8, in rational numbers where there are any."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np

from marketgame.experiments import HOME
from marketgame.experiments.claims.claim import Effort, Finding
from marketgame.experiments.claims.drawing import generators
from marketgame.experiments.claims.myerson.examples import (
    BUYER,
    CORE_OF_EXAMPLE_1,
    EQUAL_GAINS,
    EQUITABLE,
    HIGH,
    LOW,
    SELLER,
    example_1,
)
from marketgame.experiments.claims.myerson.textbook import Textbook, least, optimum
from marketgame.experiments.files.game_file import load_game
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import Invitation, replay
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.core.membership import with_best_severance
from marketgame.mechanisms.core.severance import NoSeverance

NOTHING = 1e-7
"""What counts as nothing, in money."""

# Columns of weights and multipliers: lambda_1(H), lambda_1(L), lambda_2, alpha_1(L|H), alpha_1(H|L).
PRINTED = np.array([5 / 8, 3 / 8, 1.0, 0.0, 1 / 8])

COST, WORTH = {HIGH: Fraction(5), LOW: Fraction(1)}, {HIGH: Fraction(6), LOW: Fraction(2)}


@cache
def book() -> Textbook:
    """Return the example written out."""
    return Textbook(example_1())


def always_trading(_: Effort) -> Finding:
    """Find the largest probability of trade with H that both can be willing to accept."""
    rows = np.vstack([book().lying, book().cost, -book().truthful])
    trade = np.zeros(book().columns)
    trade[1] = -1.0
    totals = np.zeros((2, book().columns))
    totals[0, :2] = totals[1, 2:4] = 1.0
    bounds: list[tuple[float | None, None]] = [*[(0.0, None)] * 4, *[(None, None)] * 4]
    value = optimum(least(trade, rows, np.zeros(len(rows)), totals, np.ones(2), bounds))[0]
    # U(L) >= U(H) + 4 pi >= 4 pi, and all gains are (1 + pi) / 2 = U(H) / 2 + U(L) / 2 + U_2.
    exact = Fraction(1, 3)
    return Finding(
        abs(-value - float(exact)) <= NOTHING,
        f"Where everybody is willing the good of a seller of type H is traded with probability {-value:.6g} at most: "
        f"{exact}.",
    )


def equal_gains(_: Effort) -> Finding:
    """Recompute the mechanism of equal gains in rational numbers, and whether it is efficient."""
    odds = {HIGH: Fraction(1, 9), LOW: Fraction(1)}
    price = {kind: (COST[kind] + WORTH[kind]) / 2 for kind in odds}
    own = {kind: odds[kind] * (price[kind] - COST[kind]) for kind in odds}
    other = {kind: odds[kind] * (WORTH[kind] - price[kind]) for kind in odds}
    tempted = odds[HIGH] * (price[HIGH] - COST[LOW])
    numbers = own == other == {HIGH: Fraction(1, 18), LOW: Fraction(1, 2)} and tempted == own[LOW]
    better = book().everybody_better_by(EQUAL_GAINS)
    return Finding(
        numbers and better <= NOTHING and book().misses(EQUAL_GAINS) <= NOTHING,
        f"Type L gains {own[LOW]} by the truth and {tempted} by saying H, so that no larger probability than 1/9 is "
        "possible; gains are "
        f"{own[HIGH]} and {own[LOW]} for both. No feasible mechanism is better for all types.",
    )


def supporting_weights(_: Effort) -> Finding:
    """Find the range of all weights and multipliers that support the mechanism of equal gains."""
    ranges = _ranges(EQUAL_GAINS)
    fits = book().theorem_0(EQUAL_GAINS)[0] <= NOTHING
    return Finding(
        fits and all(np.allclose(end, PRINTED, atol=1e-6) for end in ranges),
        "All weights and multipliers that support the mechanism are lambda(H) = 5/8, lambda(L) = 3/8, alpha(H|L) = "
        "1/8, alpha(L|H) = 0: the "
        "least and the largest of each agree.",
    )


def _ranges(mechanism: Mechanism) -> tuple[FloatArray, FloatArray]:
    """Return the least and the largest of each weight and multiplier that satisfies (5) to (7)."""
    columns = len(PRINTED)
    slack = -book().lying @ book().point(mechanism)
    rows = [np.concatenate([np.zeros(3), slack])]
    for place, profile in enumerate(book().profiles):
        surplus = [sum((book().virtual(i, u[i], profile) for i in (0, 1)), np.zeros(columns)) for u in book().together]
        for action, chosen in enumerate(mechanism.action_probability[place]):
            if chosen > 0:
                rows += [other - surplus[action] for other in surplus]
    ends = []
    for sign in (1.0, -1.0):
        values = [
            optimum(
                least(
                    sign * np.eye(columns)[column],
                    np.array(rows),
                    np.full(len(rows), 1e-10),
                    book().hydraulic,
                    book().odds,
                    [(0.0, None)] * columns,
                )
            )[0]
            for column in range(columns)
        ]
        ends.append(sign * np.array(values))
    return ends[0], ends[1]


def all_supported(effort: Effort) -> Finding:
    """Draw weights, solve for an efficient mechanism, and test whether the printed weights support it as well."""
    supported = 0
    for generator in generators(effort, "example 1, all supported"):
        share = generator.random() if generator.random() < 0.8 else float(generator.integers(2))
        mechanism = book().best((np.array([share, 1 - share]), np.ones(1)))
        assert mechanism is not None
        moved = Mechanism(mechanism.action_probability, mechanism.payments + generator.normal() * np.array([1.0, -1.0]))
        supported += _printed_conditions(moved) <= NOTHING and abs(_weighted(moved) - 0.5) <= NOTHING
    return Finding(
        supported == effort.economies,
        f"{supported} of {effort.economies} incentive-efficient mechanisms found with weights that were drawn satisfy "
        "(6) and (7) with the printed "
        "ones, and have the weighted sum 0.5.",
    )


def _printed_conditions(mechanism: Mechanism) -> float:
    """Return by how much (6), (7) and the budget fail with the printed weights and multipliers."""
    missed = float(PRINTED[3:] @ np.abs(book().lying @ book().point(mechanism)))
    for place, profile in enumerate(book().profiles):
        values = np.array(
            [float(sum(book().virtual(i, u[i], profile) @ PRINTED for i in (0, 1))) for u in book().together]
        )
        missed += float(mechanism.action_probability[place] @ (values.max() - values))
    return missed + abs(float(book().cost @ book().point(mechanism)))


def _weighted(mechanism: Mechanism) -> float:
    return float(PRINTED[:3] @ book().truthful @ book().point(mechanism))


def two_properties(effort: Effort) -> Finding:
    """Draw mechanisms with the two properties, keeping nothing or something for the mediator."""
    efficient, inefficient, thrown = 0, 0, 0
    for generator in generators(effort, "example 1, two properties"):
        mechanism = _with_two_properties(generator)
        efficient += book().misses(mechanism) <= NOTHING and book().everybody_better_by(mechanism) <= NOTHING
        lost = generator.uniform(0.01, 1.0)
        poorer = Mechanism(mechanism.action_probability, mechanism.payments - np.array([0.0, lost]))
        thrown += 1
        inefficient += book().misses(poorer) <= NOTHING and book().everybody_better_by(poorer) > NOTHING
    return Finding(
        efficient == effort.economies and inefficient == thrown,
        f"All {efficient} mechanisms drawn with the two properties and an expected budget of zero are "
        f"incentive-efficient, and none of {thrown} "
        "in which the mediator keeps something.",
    )


def _with_two_properties(generator: np.random.Generator) -> Mechanism:
    """Return one that trades with L, where L would as well report H, and the mediator expects to keep nothing."""
    odds, low = generator.random() ** 2, generator.uniform(-0.5, 1.5)
    high = low - 1 + odds
    bet = generator.normal()
    expected = (low + high) / 2
    return Mechanism(
        np.array([[1 - odds, odds], [0.0, 1.0]]), np.array([[high, -expected + bet], [low, -expected - bet]])
    )


def printed_plan(_: Effort) -> Finding:
    """Play the plan against equal gains, with the payment of the buyer as printed and with its sign turned."""
    plan = (Invitation((SELLER,), (HIGH,), 0, 8 / 9), Invitation((SELLER, BUYER), (HIGH, 0), 1, 1 / 9))
    omega = book().stakes(EQUAL_GAINS)
    # In hundredths: 5.5 / 9 to the seller if H, 5.9 / 18 from the buyer.
    seller, buyer = Fraction(55, 90), Fraction(59, 180)
    printed = replay(example_1(), omega, plan, (np.array([float(seller), 0.0]), np.array([float(buyer)])))
    turned = replay(example_1(), omega, plan, (np.array([float(seller), 0.0]), np.array([float(-buyer)])))
    profit = buyer - seller / 2
    invited = WORTH[HIGH] - Fraction(59, 10), (WORTH[HIGH] - Fraction(55, 10)) / 9
    worse = Fraction(1, 2) * Fraction(1, 9) * (Fraction(59, 10) - Fraction(55, 10))
    return Finding(
        turned.tenable()
        and not printed.tenable()
        and printed.profit < 0
        and abs(turned.profit - float(profit)) <= NOTHING
        and profit == Fraction(1, 45)
        and invited[0] > invited[1]
        and worse > 0,
        f"As printed the mediator pays both and expects {printed.profit:.4f}; with y_2 = -5.9/18 the plan is tenable "
        f"and earns {profit}. When "
        f"invited the buyer gains {invited[0]}, more than {invited[1]}; ex ante it is worse off by {worse}.",
    )


def below_six(effort: Effort) -> Finding:
    """Draw efficient mechanisms that sell H's good below 6, and try plans and every severance against them."""
    blocked, never = 0, 0
    for generator in generators(effort, "example 1, below six"):
        odds, price = generator.uniform(0.01, 1.0), generator.uniform(4.0, 6.0 - 1e-3)
        low = odds * (price - 1)
        mechanism = Mechanism(
            np.array([[1 - odds, odds], [0.0, 1.0]]),
            np.array([[odds * price, -odds * price], [low + 1, -low - 1]]),
        )
        efficient = book().everybody_better_by(mechanism) <= NOTHING
        blocked += efficient and book().profit(book().stakes(mechanism)) > 1e-8
        never += isinstance(with_best_severance(example_1(), mechanism), NoSeverance)
    fair = book().profit(book().stakes(EQUITABLE)) <= NOTHING and book().everybody_better_by(EQUITABLE) <= NOTHING
    return Finding(
        blocked == never == effort.economies and fair,
        f"All {blocked} efficient mechanisms drawn with a price below 6 for the good of type H are blocked, and no "
        "severance helps any of them; "
        "the one with the price 6 is not.",
    )


def virtual_values(_: Effort) -> Finding:
    """Write the virtual values of the good in the table as linear functions of the multipliers."""
    price = np.array([-COST[HIGH], -COST[LOW]], dtype=np.float64)
    # With lambda from (5): coefficients of 1, alpha(L|H), alpha(H|L).
    free = np.array([[0.5, -1.0, 1.0], [0.5, 1.0, -1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    values = [-book().virtual(SELLER, price, (kind, 0)) @ free for kind in (HIGH, LOW)]
    wanted = [[5.0, 0.0, 8.0], [1.0, -8.0, 0.0]]
    return Finding(
        bool(np.allclose(values, wanted, atol=NOTHING)),
        "With lambda from (5) the virtual values are 5 + 8 alpha(H|L) if H and 1 - 8 alpha(L|H) if L.",
    )


def printed_constraints(_: Effort) -> Finding:
    """Derive the five constraints at the printed weights from (14), and the extreme points of what they leave."""
    columns = np.eye(4)
    rows = []
    for unit in columns:
        omega = np.array([[unit[0], unit[2]], [unit[1], unit[3]]])
        rows.append(book().surpluses(np.zeros((2, 2))) @ PRINTED - book().surpluses(omega) @ PRINTED)
    kept, least_kept = np.array(rows).T, book().surpluses(np.zeros((2, 2))) @ PRINTED
    # Columns: the seller's stakes at H and L, the buyer's at H and L; rows times the probability of the types.
    wanted = {
        ((0,), (HIGH,)): ([5 / 8, -1 / 8, 0, 0], 0.0),
        ((0,), (LOW,)): ([0, 1 / 2, 0, 0], 0.0),
        ((1,), (0,)): ([0, 0, 1 / 2, 1 / 2], 0.0),
        ((0, 1), (HIGH, 0)): ([5 / 8, -1 / 8, 1 / 2, 0], 0.0),
        ((0, 1), (LOW, 0)): ([0, 1 / 2, 0, 1 / 2], 0.5),
    }
    right = True
    for (coalition, known), (row, level) in wanted.items():
        places = [n for n, way in enumerate(book().invitations()) if way[0] == coalition and way[2] == known]
        right &= all(np.allclose(kept[place], row) for place in places)
        right &= bool(np.isclose(max(least_kept[place] for place in places), level))
    vertices = sorted(_extreme_points())
    return Finding(
        right
        and vertices
        == sorted([(Fraction(0), Fraction(0)), (Fraction(1, 2), Fraction(1, 2)), (Fraction(1), Fraction(1, 5))]),
        "(14) at the printed weights gives the five printed constraints, and the extreme points (omega_1(L), "
        "omega_1(H)) of what they leave are "
        f"{', '.join(f'({a}, {b})' for a, b in vertices)}.",
    )


def _extreme_points() -> list[tuple[Fraction, Fraction]]:
    """Return the vertices of L >= H >= L/5, 5/8 H + 3/8 L <= 1/2, in rational numbers."""
    lines = [
        (Fraction(-1), Fraction(1), Fraction(0)),
        (Fraction(1, 5), Fraction(-1), Fraction(0)),
        (Fraction(3, 8), Fraction(5, 8), Fraction(1, 2)),
    ]
    points = []
    for n, (a, b, c) in enumerate(lines):
        for d, e, f in lines[n + 1 :]:
            low, high = (c * e - b * f) / (a * e - b * d), (a * f - c * d) / (a * e - b * d)
            if all(x * low + y * high <= z for x, y, z in lines):
                points.append((low, high))
    return points


def published_vertices(effort: Effort) -> Finding:
    """Check the three mechanisms and mixtures of them that are drawn."""
    published = [(0.0, 0.0, 1.0, 0.0), (0.5, 0.5, 0.5, -0.5), (1.0, 0.2, 0.0, 0.0)]
    achieved = []
    for mechanism in CORE_OF_EXAMPLE_1:
        omega = book().stakes(mechanism)
        achieved.append((omega[LOW, 0], omega[HIGH, 0], omega[LOW, 1], omega[HIGH, 1]))
    balanced = all(np.allclose(mechanism.payments.sum(axis=1), 0) for mechanism in CORE_OF_EXAMPLE_1)
    held = 0
    points = [book().point(mechanism) for mechanism in CORE_OF_EXAMPLE_1]
    for generator in generators(effort, "example 1, published vertices"):
        mixed = book().mechanism(generator.dirichlet(np.full(3, 0.5)) @ np.array(points))
        held += book().misses(mixed) <= NOTHING and book().profit(book().stakes(mixed)) <= NOTHING
    return Finding(
        bool(np.allclose(achieved, published)) and balanced and held == effort.economies,
        f"The three mechanisms achieve the three vertices, payments sum to zero at every profile, and all of {held} "
        "mixtures drawn are feasible "
        "and unblocked.",
    )


def outside_the_triangle(effort: Effort) -> Finding:
    """Draw efficient mechanisms without severance: blocked exactly outside the triangle. Then replay one beyond it."""
    agree, inside = 0, 0
    for generator in generators(effort, "example 1, outside the triangle"):
        mechanism = _with_two_properties(generator)
        omega = book().stakes(mechanism)
        low, high, other = omega[LOW, 0], omega[HIGH, 0], omega[HIGH, 1]
        edges = [low - high, high - low / 5, 0.5 - 5 / 8 * high - 3 / 8 * low]
        distances = [*edges, -abs(other - low / 4 + 5 / 4 * high)]
        if generator.random() < 0.5:
            # Half of the draws get the side-bet that the triangle asks for.
            bet = low / 4 - 5 / 4 * high - other
            mechanism = Mechanism(
                mechanism.action_probability, mechanism.payments + np.array([[0.0, bet], [0.0, -bet]])
            )
            omega, distances = book().stakes(mechanism), edges
        within = min(distances) >= -NOTHING
        inside += within
        agree += (book().profit(omega) <= 1e-9) == within or abs(min(distances)) <= 1e-4
    file = load_game(HOME / "games" / "myerson-example-1-severance.toml")
    assert file.mechanism is not None
    beyond = book().misses(file.mechanism) <= NOTHING and book().profit(book().stakes(file.mechanism)) <= NOTHING
    # Its seller of type H has the stake 1/2 and that of type L none: beyond the edge L >= H.
    stake = book().stakes(file.mechanism)
    return Finding(
        agree == effort.economies and beyond and stake[HIGH, 0] > stake[LOW, 0] + NOTHING,
        f"Without severance {agree} of {effort.economies} efficient mechanisms drawn are blocked exactly outside the "
        f"triangle ({inside} lie inside). "
        f"With severance of 1/2 for L the stakes {stake[LOW, 0]:g}, {stake[HIGH, 0]:g}, {stake[LOW, 1]:g}, "
        f"{stake[HIGH, 1]:g} are in the core and outside.",
    )
