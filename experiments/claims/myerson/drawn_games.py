"""Random coalitional games for searches that are not told where to look: plain ones, and every way of being degenerate.

Independent types with positive probabilities are all that Myerson's model asks for, so that is all they have in common.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from marketgame.experiments.claims.claim import Effort
from marketgame.experiments.claims.drawing import generators
from marketgame.experiments.claims.myerson.textbook import Textbook
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import ActionSet, Coalition, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism

SIZES = (
    (1,),
    (2,),
    (3,),
    (1, 1),
    (2, 1),
    (1, 2),
    (3, 1),
    (2, 2),
    (3, 2),
    (1, 1, 1),
    (2, 1, 1),
    (2, 2, 1),
    (1, 1, 1, 1),
)
"""Numbers of types of each player."""

KINDS = ("plain", "whole", "private", "common", "alike", "idle", "repeated", "rare", "trade", "superadditive")


def odds(generator: np.random.Generator, count: int, kind: str) -> FloatArray:
    """Return type probabilities: equal, drawn, or with a rare type."""
    if kind == "rare" and count > 1:
        rare = 10.0 ** generator.uniform(-3, -1)
        rest = generator.dirichlet(np.ones(count - 1)) * 0.8 + 0.2 / (count - 1)
        return np.append(rest * (1 - rare), rare)
    if generator.random() < 0.5:
        return np.full(count, 1.0 / count)
    return np.asarray(generator.dirichlet(np.full(count, 2.0)) * 0.9 + 0.1 / count)


def utilities(
    generator: np.random.Generator, counts: tuple[int, ...], coalition: Coalition, actions: int, kind: str
) -> FloatArray:
    """Return utilities ``(C, S, P)`` of a coalition's actions."""
    profiles = int(np.prod(counts))
    shape = (actions, len(coalition), profiles)
    level = 0.5 * (len(coalition) - 1)
    if kind == "idle":
        return np.zeros(shape) if generator.random() < 0.7 else generator.integers(0, 2, size=shape).astype(float)
    if kind == "whole":
        return generator.integers(-1, 3, size=shape).astype(float)
    drawn = np.asarray(generator.normal(size=shape) + level)
    if kind == "common":
        # All members get the same, whatever their types are.
        return np.repeat(drawn[:, :1], len(coalition), axis=1)
    if kind == "alike":
        return np.repeat(np.repeat(drawn[:, :1, :1], len(coalition), axis=1), profiles, axis=2)
    if kind == "private":
        types = np.indices(counts).reshape(len(counts), -1)
        for member, player in enumerate(coalition):
            own = generator.normal(size=(actions, counts[player])) + level
            drawn[:, member] = own[:, types[player]]
    if kind == "repeated":
        drawn[1:] = drawn[:1]
    return drawn


def wild_game(
    generator: np.random.Generator, sizes: Sequence[tuple[int, ...]] = SIZES, kind: str | None = None
) -> CoalitionalGame:
    """Return a game whose kind, unless it is given, and size are drawn."""
    chosen = kind or KINDS[int(generator.integers(len(KINDS)))]
    counts = sizes[int(generator.integers(len(sizes)))]
    coalitions = [s for size in range(1, len(counts) + 1) for s in itertools.combinations(range(len(counts)), size)]
    table = {}
    for coalition in coalitions:
        actions = int(generator.integers(1, 3 if len(coalition) < len(counts) else 4))
        table[coalition] = utilities(generator, counts, coalition, actions, chosen)
        if chosen == "trade":
            # Nothing alone; an offer to keep what one has, and a trade that hurts one and helps the other.
            nothing = np.zeros((1, len(coalition), int(np.prod(counts))))
            worth = generator.uniform(0, 6, size=(1, len(coalition), int(np.prod(counts)))).round()
            worth[:, 0] *= -1
            table[coalition] = nothing if len(coalition) == 1 else np.concatenate([nothing, worth])
    game = CoalitionalGame(
        tuple("abcd"[: len(counts)]),
        tuple(tuple(str(k) for k in range(count)) for count in counts),
        tuple(odds(generator, count, chosen) for count in counts),
        {s: ActionSet(tuple(str(c) for c in range(len(u))), u) for s, u in table.items()},
    )
    return game.superadditive() if chosen == "superadditive" and len(counts) < 4 else game


def wild_weights(generator: np.random.Generator, game: CoalitionalGame) -> tuple[FloatArray, ...]:
    """Return welfare weights that sum to one for every player; often some are zero."""
    result = []
    for count in game.type_counts:
        weight = generator.dirichlet(np.full(count, 0.7))
        if count > 1 and generator.random() < 0.3:
            weight[int(generator.integers(count))] = 0.0
            weight = weight / weight.sum() if weight.sum() > 0 else np.full(count, 1.0 / count)
        result.append(weight)
    return tuple(result)


def wild_mechanism(generator: np.random.Generator, book: Textbook) -> Mechanism:
    """Return a feasible one: efficient for some weights, a mixture of two, with money moved, or thrown away."""
    first = _best(generator, book)
    way = int(generator.integers(4))
    if way == 1:
        second = _best(generator, book)
        share = float(generator.choice([0.5, generator.random()]))
        mixed = share * book.point(first) + (1 - share) * book.point(second)
        first = book.mechanism(mixed)
    payments = first.payments
    if way == 2 and payments.shape[1] > 1:
        given = generator.normal()
        payments = payments + given * np.eye(payments.shape[1])[0] - given * np.eye(payments.shape[1])[1]
    if way == 3:
        payments = payments - generator.uniform(0.05, 1.0)
    return Mechanism(first.action_probability, payments)


def wild_stakes(generator: np.random.Generator, book: Textbook) -> FloatArray:
    """Return stakes ``(P, N)``: of a feasible mechanism with side-bets and severance, or merely drawn."""
    shape = (len(book.profiles), len(book.players))
    if generator.random() < 0.3:
        return np.asarray(generator.normal(size=shape) + generator.uniform(0, 3))
    mechanism = wild_mechanism(generator, book)
    gives = np.einsum("pc,cip->pi", mechanism.action_probability, book.together) + mechanism.payments
    level = generator.choice([0.0, 0.0, 0.5, 1.5])
    lost = np.zeros(shape)
    if generator.random() < 0.4:
        i = int(generator.integers(shape[1]))
        k = int(generator.integers(len(book.game.types[i])))
        lost[[profile[i] == k for profile in book.profiles], i] = generator.uniform(0, 1)
    return np.asarray(gives + level - lost)


def _best(generator: np.random.Generator, book: Textbook) -> Mechanism:
    found = book.best(wild_weights(generator, book.game))
    if found is None:
        raise ArithmeticError("weights with equal sums leave weighted utility without a bound")
    return found


def books(
    effort: Effort, search: str, sizes: Sequence[tuple[int, ...]] = SIZES, kind: str | None = None
) -> Iterator[tuple[np.random.Generator, Textbook]]:
    """Yield a game for each case that a search draws, with the generator of what else the case needs."""
    for generator in generators(effort, search):
        yield generator, Textbook(wild_game(generator, sizes, kind))


def balanced_actions(game: CoalitionalGame) -> CoalitionalGame:
    """Return a game of one to three players in which everybody together can also do what balanced plans do.

    Written out: parts of a partition each do something, or all three pairs half of the time each.
    """
    count = len(game.players)
    together = [game.actions[game.grand_coalition].utilities]
    plans: list[dict[Coalition, float]] = []
    if count == 2:
        plans = [{(0,): 1.0, (1,): 1.0}]
    if count == 3:
        plans = [{(0,): 1.0, (1,): 1.0, (2,): 1.0}, {(0, 1): 0.5, (0, 2): 0.5, (1, 2): 0.5}]
        plans += [{(i,): 1.0, tuple(j for j in range(3) if j != i): 1.0} for i in range(3)]
    for plan in plans:
        for chosen in itertools.product(*(range(len(game.actions[s].names)) for s in plan)):
            joint = np.zeros(together[0].shape[1:])
            for (coalition, rate), action in zip(plan.items(), chosen, strict=True):
                joint[list(coalition)] += rate * game.actions[coalition].utilities[action]
            together.append(joint[None])
    utilities = np.concatenate(together)
    actions = dict(game.actions)
    actions[game.grand_coalition] = ActionSet(tuple(str(c) for c in range(len(utilities))), utilities)
    return CoalitionalGame(game.players, game.types, game.type_probabilities, actions)


def supported_weights(generator: np.random.Generator, book: Textbook) -> FloatArray:
    """Return weights and multipliers that satisfy equations (5), as columns; a third of the multipliers are zero."""
    drawn = generator.exponential(size=len(book.lies)) * (generator.random(len(book.lies)) > 1 / 3)
    for _ in range(60):
        weights = book.odds - book.hydraulic[:, len(book.types) :] @ drawn
        if weights.min(initial=0.0) >= 0:
            break
        drawn = 0.7 * drawn
    else:
        drawn, weights = np.zeros(len(book.lies)), book.odds
    return np.concatenate([weights, drawn])
