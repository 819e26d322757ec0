"""The search for an alternative game that refutes a mechanism's durability."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking.coalition_limits import ALL_COALITIONS, CoalitionLimits
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.core.durability.examination import (
    AlternativeGame,
    Refutation,
    Rejection,
    coalition_payoffs,
    examine_alternative,
)
from marketgame.mechanisms.linear_program import LinearProgram, Sense, Status
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

FEE = 1e-3
"""What the blocking mediator keeps in the alternatives tried, relative to what the coalition can gain by them."""

LEAST_GAIN = 1e-2
"""Gains that count for the fee, relative to what is at stake: with less, nothing could be told from rounding."""

HOPELESS = 100.0
"""Actions by which a coalition loses more than this many times what is at stake, whatever its types, are not tried."""


@dataclass(frozen=True)
class AlternativeSearch:
    """Which alternative games to try.

    Attributes:
        choices: of each member, at most.
        games: random games to try for each coalition, besides those made for the purpose.
        seed: of the random games.

    Raises:
        ValueError: there are no choices, or fewer than no games.
    """

    choices: int = 2
    games: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        if self.choices < 1 or self.games < 0:
            raise ValueError(f"there must be at least 1 choice and no fewer than 0 games: {self}")


@dataclass(frozen=True, eq=False)
class NotRefuted:
    """No alternative that was tried refutes the mechanism's durability. That proves nothing about others.

    Attributes:
        tried: the alternatives, each with how it fails.
        coalitions: those for which alternatives were tried; larger ones were not examined.
    """

    tried: tuple[tuple[AlternativeGame, Rejection], ...]
    coalitions: tuple[Coalition, ...]


USUAL_SEARCH = AlternativeSearch()
"""Two choices and thirty random games for each coalition."""


def search_durability(
    game: CoalitionalGame,
    mechanism: Mechanism,
    search: AlternativeSearch = USUAL_SEARCH,
    limits: CoalitionLimits = ALL_COALITIONS,
    deadline: Deadline = NO_DEADLINE,
) -> NotRefuted | Refutation:
    """Try alternative games of one and two players against a mechanism.

    Tried are, for every coalition that can form: the direct mechanism of its own that would please all its types most,
    each of its actions with several divisions of the gains, and random games.

    Returns:
        The first alternative found that refutes durability, or how all that were tried fail.

    Raises:
        ValueError: the mechanism does not fit the game.
        DeadlinePassedError: time ran out between two alternatives.

    Source:
        Myerson (2006), section 10; of core mechanisms Theorem 4 says that none is found.
    """
    generator = np.random.default_rng(search.seed)
    coalitions = tuple(one for one in game.coalitions if len(one) <= 2 and limits.admit(one))
    tried = []
    for coalition in coalitions:
        for alternative in _alternatives(game, mechanism, coalition, search, generator):
            deadline.check()
            outcome = examine_alternative(game, mechanism, alternative)
            if isinstance(outcome, Refutation):
                return outcome
            tried.append((alternative, outcome))
    return NotRefuted(tuple(tried), coalitions)


def _alternatives(
    game: CoalitionalGame,
    mechanism: Mechanism,
    coalition: Coalition,
    search: AlternativeSearch,
    generator: np.random.Generator,
) -> Iterator[AlternativeGame]:
    utilities, kept = coalition_payoffs(game, mechanism, coalition)
    gained = (utilities - kept).sum(axis=1).max(axis=1)
    unit = at_stake(game).unit
    tried = np.flatnonzero(gained > -HOPELESS * unit)
    if not tried.size:
        return
    fee = FEE * max(float(gained.max()), LEAST_GAIN * unit)
    pleasing = _most_pleasing(game, coalition, utilities[tried], kept, fee)
    if pleasing is not None:
        probability = np.zeros((*pleasing.action_probability.shape[:-1], len(utilities)))
        probability[..., tried] = pleasing.action_probability
        yield AlternativeGame(coalition, probability, pleasing.payments)
    members = len(coalition)
    for action in np.eye(len(utilities))[tried]:
        for share in (0.0, 0.5, 1.0) if members == 2 else (0.0,):
            gains = (np.tensordot(action, utilities, axes=1) - kept).reshape(members, -1)
            yield _with_payments(coalition, action, _divided(gains, share, fee), (1,) * members)
    for _ in range(search.games):
        shape = tuple(generator.integers(1, search.choices + 1, size=members).tolist())
        chosen = tried[generator.integers(tried.size, size=shape)]
        payments = np.zeros((*shape, members))
        if members == 2:
            payments[..., 0] = generator.uniform(-unit, unit, size=shape)
        payments[..., -1] = -payments.sum(axis=-1) - fee
        yield AlternativeGame(coalition, np.eye(len(utilities))[chosen], payments)


def _divided(gains: FloatArray, share: float, fee: float) -> FloatArray:
    """Return payments that leave the first member a share of the least total gain, others the rest, less a fee."""
    least = gains.min(axis=1)
    if least.size == 1:
        return np.array([-fee])
    total = least.sum() - fee
    return np.array([share * total - least[0], (1 - share) * total - least[1]])


def _with_payments(
    coalition: Coalition, action: FloatArray, payments: FloatArray, shape: tuple[int, ...]
) -> AlternativeGame:
    return AlternativeGame(
        coalition, np.broadcast_to(action, (*shape, action.size)), np.broadcast_to(payments, (*shape, payments.size))
    )


def _most_pleasing(
    game: CoalitionalGame, coalition: Coalition, utilities: FloatArray, kept: FloatArray, fee: float
) -> AlternativeGame | None:
    """Return the direct mechanism of a coalition in which the type that gains least gains most, if there is one.

    Beliefs are the prior's, and payments sum to minus the fee at every profile of types.
    """
    counts = tuple(game.type_counts[player] for player in coalition)
    program = LinearProgram(Sense.MAXIMIZE)
    shape = {f"type of {member}": count for member, count in enumerate(counts)}
    played = program.variables("action", {**shape, "action": len(utilities)})
    paid = program.variables("payment", {**shape, "member": len(coalition)}, lower=-np.inf)
    gain = program.variables("gain", lower=-np.inf, objective=1.0)
    program.add(program.constraints("probability", shape, equal_to=1.0)[..., None], played, 1.0)
    program.add(program.constraints("fee", shape, equal_to=-fee)[..., None], paid, 1.0)
    for member, count in enumerate(counts):
        others = [game.type_probabilities[player] for place, player in enumerate(coalition) if place != member]
        odds = others[0] if others else np.ones(1)
        # Own type first, then the other's.
        value = np.moveaxis(utilities[:, member].reshape(-1, *counts), 1 + member, 1).reshape(-1, count, odds.size)
        stay = np.moveaxis(kept[member].reshape(counts), member, 0).reshape(count, -1) @ odds
        better = program.constraints(f"gain of {member}", {"type": count}, at_least=stay)
        honest = program.constraints(f"honesty of {member}", {"type": count, "report": count}, at_least=0.0)
        program.add(better, gain, -1.0)
        for truth, report in itertools.product(range(count), repeat=2):
            rows = [(honest[truth, report], report, -1.0), (honest[truth, report], truth, 1.0)]
            for row, told, sign in [*rows, (better[truth], truth, 1.0)] if truth == report else rows:
                place = (slice(None), told) if member else (told,)
                program.add(row, played[place], sign * odds[:, None] * value[:, truth].T)
                program.add(row, paid[(*place, ..., member)], sign * odds)
    solution = program.solve()
    if solution.status is not Status.OPTIMAL or solution.objective <= 0:
        return None
    probability = np.maximum(solution["action"], 0.0)
    return AlternativeGame(coalition, probability / probability.sum(axis=-1, keepdims=True), solution["payment"])
