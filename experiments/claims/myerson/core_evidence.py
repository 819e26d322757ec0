"""Evidence about section 7: severance, balanced games, and the core."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from marketgame.experiments import HOME
from marketgame.experiments.claims.claim import Effort, Finding
from marketgame.experiments.claims.drawing import generators
from marketgame.experiments.claims.frequency import Frequency
from marketgame.experiments.claims.myerson.drawn_games import (
    balanced_actions,
    books,
    odds,
    supported_weights,
    wild_mechanism,
    wild_stakes,
)
from marketgame.experiments.claims.myerson.examples import example_1, example_2
from marketgame.experiments.claims.myerson.textbook import Textbook, least, optimum
from marketgame.experiments.files.game_file import load_game
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import Support
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.core.achievability import achieving_mechanism
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.balancedness import BalancedGame, Equality, UnbalancedPlan, check_balancedness
from marketgame.mechanisms.core.objective import expected_severance, welfare
from marketgame.mechanisms.core.outcome import CoreOptimum, EmptyCore
from marketgame.mechanisms.core.search import find_core_allocation, optimise_core
from marketgame.mechanisms.core.variant import CoreEffort, CoreVariant, SeverancePay
from marketgame.mechanisms.linear_program import Sense

NOTHING = 1e-6
"""What counts as nothing, in units of utilities of order one."""

ONE_TYPE_EACH = ((1,), (1, 1), (1, 1, 1))
UP_TO_THREE = ((1,), (2,), (1, 1), (2, 1), (2, 2), (3, 1), (1, 1, 1), (2, 1, 1), (2, 2, 1))
ONE_SIDED = ((2, 1),)
LITTLE = CoreEffort(starts=4, regions=60, seconds=20.0)


def severance_of_the_known(effort: Effort) -> Finding:
    """With one type each, promise severance in a feasible mechanism: somebody must then be able to block."""
    blocked = 0
    for generator, book in books(effort, "severance of the known", ONE_TYPE_EACH):
        mechanism = wild_mechanism(generator, book)
        severance = np.where(generator.random(mechanism.payments.shape) < 0.5, generator.uniform(0.01, 1.0), 0.0)
        severance[0, 0] = max(severance[0, 0], 0.01)
        blocked += book.profit(book.stakes(replace(mechanism, severance=severance))) > NOTHING
    return Finding(
        blocked == effort.economies,
        f"{blocked} of {effort.economies} feasible mechanisms drawn for players of one type each are blocked once "
        "they promise any severance.",
    )


def two_players(effort: Effort) -> Finding:
    """Ask whether games of two players are balanced, as they are drawn and when players can also act apart."""
    apart = load_game(HOME / "games" / "two-who-cannot-part.toml").game
    against = isinstance(check_balancedness(apart), UnbalancedPlan) and isinstance(
        find_core_allocation(apart), EmptyCore
    )
    as_drawn, superadditive = 0, 0
    for _, book in books(effort, "two players", ((1, 1), (2, 1), (2, 2))):
        as_drawn += isinstance(check_balancedness(book.game), BalancedGame)
        whole = balanced_actions(book.game)
        superadditive += isinstance(check_balancedness(whole), BalancedGame)
    return Finding(
        against and superadditive == effort.economies,
        f"The counterexample is not balanced and its core is empty. Of {effort.economies} games drawn for two players "
        f"{as_drawn} are balanced as they "
        f"are, and {superadditive} when both together can also do what each does alone.",
        (Frequency("games drawn for two players that are balanced", as_drawn, effort.economies),),
    )


def linear_exchange(effort: Effort) -> Finding:
    """Draw owners of indivisible assets with linear utility, and imitate balanced plans asset by asset."""
    imitated, worst = 0, 0.0
    for generator in generators(effort, "linear exchange"):
        game, owners = _exchange(generator)
        imitated += isinstance(check_balancedness(game), BalancedGame)
        worst = max(worst, _imitation_error(generator, game, owners))
    return Finding(
        imitated == effort.economies and worst <= NOTHING,
        f"All of {imitated} games of exchange drawn are balanced; giving away each asset by itself, with the "
        "frequencies of the plan, imitates "
        f"balanced plans within {worst:.1e}.",
    )


def _exchange(generator: np.random.Generator) -> tuple[CoalitionalGame, list[int]]:
    """Return owners of two or three assets who can hand them to any member of their coalition."""
    counts = ((1, 1), (2, 1), (2, 2), (1, 1, 1), (2, 1, 1))[int(generator.integers(5))]
    owners = [int(generator.integers(len(counts))) for _ in range(int(generator.integers(2, 4)))]
    # Worth of each asset to each player at each profile.
    worth = generator.normal(size=(len(owners), len(counts), int(np.prod(counts)))) + 1
    actions = {}
    for size in range(1, len(counts) + 1):
        for coalition in itertools.combinations(range(len(counts)), size):
            mine = [asset for asset, owner in enumerate(owners) if owner in coalition]
            given = list(itertools.product(coalition, repeat=len(mine)))
            utilities = np.zeros((len(given), size, worth.shape[2]))
            for number, holders in enumerate(given):
                for asset, holder in zip(mine, holders, strict=True):
                    utilities[number, coalition.index(holder)] += worth[asset, holder]
            actions[coalition] = ActionSet(tuple(str(number) for number in range(len(given))), utilities)
    game = CoalitionalGame(
        tuple("abc"[: len(counts)]),
        tuple(tuple(str(k) for k in range(count)) for count in counts),
        tuple(odds(generator, count, "plain") for count in counts),
        actions,
    )
    return game, owners


def _imitation_error(generator: np.random.Generator, game: CoalitionalGame, owners: list[int]) -> float:
    """Draw a balanced plan and compare it with the lottery that hands out every asset by itself."""
    columns = [(s, c) for s in game.coalitions for c in range(len(game.actions[s].names))]
    member = np.array([[float(i in s) for s, _ in columns] for i in range(len(game.players))])
    every, bounds = np.ones(len(member)), [(0.0, None)] * len(columns)
    extreme = [
        optimum(least(generator.normal(size=len(columns)), member, every, member, every, bounds))[1] for _ in range(3)
    ]
    rates = generator.dirichlet(np.ones(3)) @ np.array(extreme)
    planned = np.zeros((len(game.players), len(game.profiles)))
    share = np.zeros((len(owners), len(game.players)))
    for (coalition, action), rate in zip(columns, rates, strict=True):
        planned[list(coalition)] += rate * game.actions[coalition].utilities[action]
        mine = [asset for asset, owner in enumerate(owners) if owner in coalition]
        holders = list(itertools.product(coalition, repeat=len(mine)))[action]
        for asset, holder in zip(mine, holders, strict=True):
            share[asset, holder] += rate
    everybody = game.grand_coalition
    mixed = np.zeros_like(planned)
    for number, holders in enumerate(itertools.product(everybody, repeat=len(owners))):
        chance = float(np.prod([share[asset, holder] for asset, holder in enumerate(holders)]))
        mixed += chance * game.actions[everybody].utilities[number]
    return float(np.abs(mixed - planned).max())


def ordinary_core(effort: Effort) -> Finding:
    """With one type each, compare both kinds of balancedness with the ordinary core's linear program."""
    majority = load_game(HOME / "games" / "majority-1.5.toml").game
    against = isinstance(check_balancedness(majority), UnbalancedPlan) and isinstance(
        find_core_allocation(majority), CoreAllocation
    )
    agree, printed, nonempty = 0, 0, 0
    for _, book in books(effort, "ordinary core", ONE_TYPE_EACH):
        game = book.game
        best = {s: float(game.actions[s].utilities[:, :, 0].sum(axis=1).max()) for s in game.coalitions}
        member = np.array([[float(i in s) for i in range(len(game.players))] for s in game.coalitions])
        worth = np.array(list(best.values()))
        needed, _ = optimum(
            least(np.ones(len(game.players)), -member, -worth, None, None, [(None, None)] * len(game.players))
        )
        empty = needed > best[game.grand_coalition] + 1e-9
        nonempty += not empty
        agree += isinstance(check_balancedness(game, Equality.UP_TO_PAYMENTS), BalancedGame) != empty
        printed += isinstance(check_balancedness(game), BalancedGame) != empty
    return Finding(
        against and agree == effort.economies,
        f"Majority with 1.5 has a core and is not balanced as printed. Of {effort.economies} games drawn with one "
        f"type each {nonempty} have a core; "
        f"balancedness up to payments says so in {agree} of all, balancedness as printed in {printed}.",
        (
            Frequency(
                "games of one type each, balanced as printed and core not empty differ",
                effort.economies - printed,
                effort.economies,
            ),
        ),
    )


@cache
def _balanced_cores(effort: Effort) -> tuple[tuple[Textbook, CoreAllocation | None, CoreAllocation | None], ...]:
    """Draw balanced games and look for allocations in the core, and in the core of fine support."""
    result = []
    for _, book in books(effort, "balanced games", UP_TO_THREE):
        game = balanced_actions(book.game)
        found = [find_core_allocation(game, CoreVariant(support=support)) for support in (Support.COARSE, Support.FINE)]
        coarse, fine = (each if isinstance(each, CoreAllocation) else None for each in found)
        result.append((Textbook(game), coarse, fine))
    return tuple(result)


def theorem_2(effort: Effort) -> Finding:
    """Draw balanced games and check what is found in their cores with programs written out."""
    found, fine, paid = 0, 0, 0
    for book, coarse_allocation, fine_allocation in _balanced_cores(effort):
        found += coarse_allocation is not None and _in_core(book, coarse_allocation.mechanism)
        fine += fine_allocation is not None and _in_core(book, fine_allocation.mechanism, fine=True)
    half = replace(effort, economies=(effort.economies + 1) // 2)
    for generator, book in books(half, "balanced up to payments", UP_TO_THREE):
        moved = _with_constants(generator, balanced_actions(book.game))
        answer = find_core_allocation(moved)
        paid += isinstance(answer, CoreAllocation) and _in_core(Textbook(moved), answer.mechanism)
    return Finding(
        found == effort.economies and fine == effort.economies and paid == half.economies,
        f"An allocation was found in the core of {found} of {effort.economies} balanced games drawn, finely inhibitive "
        f"in {fine}, and of {paid} of {half.economies} balanced up to payments; all confirmed by programs that share "
        "nothing with the search.",
    )


def _with_constants(generator: np.random.Generator, game: CoalitionalGame) -> CoalitionalGame:
    """Add constants to what players get from each action of everybody together, the same at all types.

    They sum to zero or more, so that a balanced game stays balanced up to payments.
    """
    together = game.actions[game.grand_coalition]
    constants = generator.normal(size=together.utilities.shape[:2])
    constants -= constants.mean(axis=1, keepdims=True) - generator.choice([0.0, 0.1])
    moved = ActionSet(together.names, together.utilities + constants[:, :, None])
    actions = {**game.actions, game.grand_coalition: moved}
    return CoalitionalGame(game.players, game.types, game.type_probabilities, actions)


def _in_core(book: Textbook, mechanism: Mechanism, *, fine: bool = False) -> bool:
    """Whether a mechanism is feasible and its stakes inhibitive, up to rounding."""
    return book.misses(mechanism) <= NOTHING and book.least_surplus(book.stakes(mechanism), fine=fine)[0] <= NOTHING


def achievable(effort: Effort) -> Finding:
    """Compare what the engine says of stakes with the mediator's loss in (20), which knows every profile."""
    agree, possible = 0, 0
    for generator, book in books(effort, "achievable"):
        omega = wild_stakes(generator, book)
        loss = _program_20(book, omega)
        answer = achieving_mechanism(book.game, omega)
        possible += loss <= NOTHING
        near = abs(loss) <= 10 * NOTHING
        if isinstance(answer, Mechanism):
            kept = bool(np.allclose(book.stakes(answer), omega, atol=NOTHING)) and book.misses(answer) <= NOTHING
            agree += kept and (loss <= NOTHING or near)
        else:
            agree += loss > NOTHING or near
    return Finding(
        agree == effort.economies,
        f"The engine and (20) agree in {agree} of {effort.economies} cases drawn, in {possible} of which the stakes "
        "can be achieved.",
    )


def programs_20_and_22(effort: Effort) -> Finding:
    """Solve (20) and the dual that the proof of Theorem 2 needs, written out, for stakes that are drawn."""
    worst = 0.0
    for generator, book in books(effort, "programs 20 and 22"):
        omega = wild_stakes(generator, book)
        worst = max(worst, abs(_program_20(book, omega) - _program_22(book, omega)))
    return Finding(
        worst <= NOTHING,
        f"(20) and the dual have the same value within {worst:.1e} for all {effort.economies} stakes drawn.",
    )


def _program_20(book: Textbook, omega: FloatArray) -> float:
    count, actions = len(book.players), len(book.together)
    rows, limits = list(book.lying), [0.0] * len(book.lying)
    for place in range(len(book.profiles)):
        for i in book.players:
            row = np.zeros(book.columns)
            row[place * actions : (place + 1) * actions] = -book.together[:, i, place]
            row[len(book.profiles) * actions + place * count + i] = -1.0
            rows.append(row)
            limits.append(-omega[place, i])
    totals = np.zeros((len(book.profiles), book.columns))
    for place in range(len(book.profiles)):
        totals[place, place * actions : (place + 1) * actions] = 1.0
    chosen = len(book.profiles) * actions
    bounds = [*[(0.0, None)] * chosen, *[(None, None)] * (book.columns - chosen)]
    value, _ = optimum(least(book.cost, np.array(rows), np.array(limits), totals, np.ones(len(totals)), bounds))
    return value


def _program_22(book: Textbook, omega: FloatArray) -> float:
    columns, profiles = len(book.types) + len(book.lies), len(book.profiles)
    gains = np.zeros(columns + profiles)
    rows = []
    for place, profile in enumerate(book.profiles):
        gains[columns + place] = book.prior[place]
        for i in book.players:
            gains[book.types.index((i, profile[i]))] += book.others(i, profile) * omega[place, i]
        for utilities in book.together:
            surplus = sum((book.virtual(i, utilities[i], profile) for i in book.players), np.zeros(columns))
            rows.append(np.concatenate([surplus, np.eye(profiles)[place]]))
    value, _ = optimum(
        least(
            -gains,
            np.array(rows),
            np.zeros(len(rows)),
            np.hstack([book.hydraulic, np.zeros((len(book.types), profiles))]),
            book.odds,
            [*[(0.0, None)] * columns, *[(None, None)] * profiles],
        )
    )
    return -value


def rates_that_balance(effort: Effort) -> Finding:
    """Draw probabilities and multipliers: (25) has no solution but that of (26)."""
    smallest = np.inf
    for generator in generators(effort, "rates that balance"):
        count = int(generator.integers(1, 6))
        probability = generator.dirichlet(np.ones(count))
        alpha = generator.exponential(10.0 ** generator.uniform(-2, 2), size=(count, count))
        alpha *= generator.random((count, count)) < 0.6
        np.fill_diagonal(alpha, 0.0)
        # alpha[t, r]: what t is tempted by r. Equation (25), divided by the probability and the inflow.
        system = np.diag(probability + alpha.sum(axis=0)) - alpha
        smallest = min(smallest, float(np.linalg.svd(system, compute_uv=False)[-1]))
        inverse = np.linalg.inv(system)
        if inverse.min() < -NOTHING * np.abs(inverse).max():
            smallest = -1.0
    return Finding(
        smallest > 0,
        f"In {effort.economies} cases drawn the matrix of (25) is invertible and its inverse nonnegative; its "
        f"smallest singular value was {smallest:.1e}.",
    )


def theorem_3(effort: Effort) -> Finding:
    """Look in cores for as much severance as there is, and for weights that support it and do not vanish."""
    worst, paid, unsupported = 0.0, 0, 0
    among = (*_one_sided_cores(effort), *_cores_near_example_2(effort))
    for book, allocation in among:
        found = book.weighted_severance(allocation.mechanism)
        if found is None:
            unsupported += 1
            continue
        worst = max(worst, abs(found))
        paid += bool(allocation.mechanism.severance.max() > NOTHING)
    for book, coarse, _ in _balanced_cores(effort):
        found = None if coarse is None else book.weighted_severance(coarse.mechanism)
        worst = max(worst, abs(found or 0.0))
    return Finding(
        worst <= 10 * NOTHING,
        f"Of {len(among)} core allocations with as much severance as was found {paid} promise some; over all weights "
        "and multipliers that support "
        f"any of them the expected weight times severance is at most {worst:.1e}.",
    )


@cache
def _one_sided_cores(effort: Effort) -> tuple[tuple[Textbook, CoreAllocation], ...]:
    """Draw trade with an informed seller, and look for the core allocation with most severance."""
    result = []
    for _, book in books(effort, "one-sided trade", ONE_SIDED, "trade"):
        best = optimise_core(
            book.game, expected_severance(book.game), Sense.MAXIMIZE, effort=CoreEffort(starts=2, regions=1)
        )
        if isinstance(best, CoreOptimum):
            result.append((book, best.allocation))
    return tuple(result)


def _cores_near_example_2(effort: Effort) -> Iterator[tuple[Textbook, CoreAllocation]]:
    """Move every number of Example 2 by up to a tenth, and look for the core allocation with most severance."""
    for generator in generators(effort, "near example 2"):
        game = example_2()
        together = game.actions[game.grand_coalition]
        moved = together.utilities * generator.uniform(0.9, 1.1, together.utilities.shape)
        high = generator.uniform(0.4, 0.6)
        book = Textbook(
            CoalitionalGame(
                game.players,
                game.types,
                (np.array([high, 1 - high]), np.ones(1)),
                {**game.actions, game.grand_coalition: ActionSet(together.names, moved)},
            )
        )
        found = find_core_allocation(book.game)
        if isinstance(found, CoreAllocation):
            yield book, found


def proof_of_theorem_3(effort: Effort) -> Finding:
    """Evaluate the third equality of the proof as printed, and with payments where they belong."""
    printed, repaired = 0.0, 0.0
    for generator, book in books(effort, "proof of theorem 3"):
        point = supported_weights(generator, book)
        mechanism = wild_mechanism(generator, book)
        before, as_printed, as_repaired = _third_equality(book, point, mechanism)
        printed = max(printed, abs(before - as_printed))
        repaired = max(repaired, abs(before - as_repaired))
    return Finding(
        repaired <= NOTHING < printed,
        f"As printed the two sides differ by up to {printed:.2g} in {effort.economies} cases drawn, repaired by "
        f"{repaired:.1e}.",
    )


def _third_equality(book: Textbook, point: FloatArray, mechanism: Mechanism) -> tuple[float, float, float]:
    weights = book.weights(point)
    before = printed = repaired = 0.0
    for place, profile in enumerate(book.profiles):
        chosen = mechanism.action_probability[place]
        for i in book.players:
            paid = mechanism.payments[:, i]
            odds_of_others, alpha = book.others(i, profile), weights.multipliers[i]
            virtual = sum(
                c * (book.virtual(i, u[i], profile) @ point) for c, u in zip(chosen, book.together, strict=True)
            )
            before += book.prior[place] * (float(virtual) + paid[place])
            own = weights.weights[i][profile[i]] + alpha[profile[i]].sum()
            for action, utilities in enumerate(book.together):
                value = own * (utilities[i, place] + paid[place])
                as_printed = as_repaired = value
                for r in range(len(alpha)):
                    told = book.told(i, profile, r)
                    as_printed -= alpha[r, profile[i]] * (utilities[i, told] + paid[told])
                    as_repaired -= alpha[r, profile[i]] * (utilities[i, told] + paid[place])
                printed += odds_of_others * chosen[action] * as_printed
                repaired += odds_of_others * chosen[action] * as_repaired
    return before, printed, repaired


def core_is_efficient(effort: Effort) -> Finding:
    """Look for something better for all types than core mechanisms, and for what they leave of welfare."""
    better, kept, missed = 0.0, 0.0, 0.0
    cores = [(book, allocation) for book, allocation, _ in _balanced_cores(effort) if allocation is not None]
    for book, allocation in (*cores, *_one_sided_cores(effort)):
        better = max(better, book.everybody_better_by(allocation.mechanism))
        kept = max(kept, -float(book.cost @ book.point(allocation.mechanism)))
        missed = max(missed, book.theorem_0(allocation.mechanism)[0])
    best, first = _example_1_welfare()
    return Finding(
        max(better, kept, missed) <= 10 * NOTHING and best < first - NOTHING,
        f"Nothing better for all types than any of {len(cores)} core mechanisms drawn was found (at most "
        f"{better:.1e}), and the mediator keeps at most "
        f"{kept:.1e}. Ex ante they need not be efficient: in Example 1 the core's largest welfare is {best:g}, "
        f"incentives alone allow {first:g}.",
    )


@cache
def _example_1_welfare() -> tuple[float, float]:
    best = optimise_core(example_1(), welfare(example_1()), Sense.MAXIMIZE)
    assert isinstance(best, CoreOptimum)
    book = Textbook(example_1())
    first = book.best(tuple(example_1().type_probabilities))
    assert first is not None
    weights = np.concatenate(example_1().type_probabilities)
    return best.value, float(weights @ book.truthful @ book.point(first))


def empty_cores(effort: Effort) -> Finding:
    """Draw games and ask whether their cores are empty."""
    empty, undecided, confirmed, found = 0, 0, 0, 0
    for generator, book in books(effort, "empty cores", UP_TO_THREE):
        answer = find_core_allocation(book.game, effort=LITTLE)
        if isinstance(answer, EmptyCore):
            empty += 1
            drawn = [supported_weights(generator, book)[len(book.types) :] for _ in range(5)]
            confirmed += min(book.mediators_loss(multipliers) for multipliers in drawn) > 0
        elif isinstance(answer, CoreAllocation):
            found += _in_core(book, answer.mechanism)
        else:
            undecided += 1
    majority = find_core_allocation(load_game(HOME / "games" / "majority-1.4.toml").game)
    return Finding(
        isinstance(majority, EmptyCore) and confirmed == empty and found == effort.economies - empty - undecided,
        f"Majority with 1.4 has an empty core, and so have {empty} of {effort.economies} games drawn, in which the "
        f"mediator loses at weights that are drawn as well ({undecided} undecided); where a core allocation was found, "
        "programs written out confirm it.",
        (Frequency("games drawn, balanced or not, whose core is proved empty", empty, effort.economies),),
    )


def severance_needed(effort: Effort) -> Finding:
    """Draw trade with an informed seller, and ask for the core with and without severance."""
    none = CoreVariant(severance=SeverancePay.NONE)
    needed, undecided = 0, 0
    for _, book in books(effort, "severance needed", ONE_SIDED, "trade"):
        without = find_core_allocation(book.game, none, LITTLE)
        needed += isinstance(without, EmptyCore)
        undecided += not isinstance(without, EmptyCore | CoreAllocation)
    empty = find_core_allocation(example_2(), none, CoreEffort(starts=2))
    found = find_core_allocation(example_2())
    return Finding(
        isinstance(empty, EmptyCore) and isinstance(found, CoreAllocation),
        f"Without severance the core of Example 2 is empty, with it it is not. Of {effort.economies} games of trade "
        "with an informed seller of two "
        f"types {needed} need severance ({undecided} undecided); the core of all of them is not empty by Theorem 2.",
        (
            Frequency(
                "games of trade with an informed seller of two types, severance is needed", needed, effort.economies
            ),
        ),
    )
