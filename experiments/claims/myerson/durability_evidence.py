"""Evidence about section 10: alternative games, and who votes for them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from marketgame.experiments.claims.claim import Effort, Finding
from marketgame.experiments.claims.drawing import generators
from marketgame.experiments.claims.frequency import Frequency
from marketgame.experiments.claims.myerson.drawn_games import balanced_actions, wild_game
from marketgame.experiments.claims.myerson.examples import example_1
from marketgame.experiments.claims.myerson.textbook import Textbook
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import Coalition
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.durability.examination import (
    AlternativeGame,
    Refutation,
    Rejection,
    examine_alternative,
)
from marketgame.mechanisms.core.durability.search import AlternativeSearch, search_durability
from marketgame.mechanisms.core.search import find_core_allocation

TWO_PLAYERS = ((1, 1), (2, 1), (1, 2), (2, 2))
SLACK = 1e-7
"""What the solver may leave of a condition, in units of utilities of order one."""


@dataclass(frozen=True, eq=False)
class Ballot:
    """An alternative game for two players against a mechanism, written out.

    Attributes:
        book: the game.
        offered: what each gets from choices at a profile of types, ``(D_1, D_2, N, P)``.
        kept: what each gets in the mechanism, ``(N, P)``.
    """

    book: Textbook
    offered: FloatArray
    kept: FloatArray

    @classmethod
    def of(cls, book: Textbook, mechanism: Mechanism, alternative: AlternativeGame) -> Ballot:
        """Return the vote on an alternative for both of two players."""
        utilities = book.together
        offered = np.einsum("dec,cip->deip", alternative.action_probability, utilities)
        offered = offered + alternative.payments[..., None]
        return cls(book, offered, book.stakes(replace(mechanism, severance=np.zeros(()))).T)

    def fails(self) -> bool:
        """Whether beliefs and an equilibrium exist in which the alternative fails, by going through all patterns.

        A pattern says which choices each type may make, which types are as likely as any to vote for the alternative,
        and who never gains. Given a pattern the joint probabilities of types and choices satisfy linear conditions.
        """
        return any(self._possible(*pattern) for pattern in self._patterns())

    def _patterns(self) -> Iterator[tuple[list[list[tuple[int, ...]]], list[tuple[int, ...]], int]]:
        kinds = [len(names) for names in self.book.game.types]
        choices = [_parts(count) for count in self.offered.shape[:2]]
        supports = [list(itertools.product(choices[i], repeat=kinds[i])) for i in (0, 1)]
        both = sorted(itertools.product(*supports), key=lambda pair: sum(len(part) for own in pair for part in own))
        for pair in both:
            for likely in itertools.product(*(_parts(count)[::-1] for count in kinds)):
                for opponent in (0, 1):
                    yield [list(own) for own in pair], list(likely), opponent

    def _possible(self, supports: list[list[tuple[int, ...]]], likely: list[tuple[int, ...]], opponent: int) -> bool:
        kinds = [len(names) for names in self.book.game.types]
        counts = self.offered.shape[:2]
        starts = (0, kinds[0] * counts[0])
        columns = starts[1] + kinds[1] * counts[1]
        rows: list[FloatArray] = []
        bounds = [(0.0, 1.0)] * columns
        totals = np.zeros((2, columns))
        for i in (0, 1):
            size = kinds[i] * counts[i]
            totals[i, starts[i] : starts[i] + size] = 1.0
            odds = self.book.game.type_probabilities[i]
            belief = np.zeros((kinds[i], columns))
            for k in range(kinds[i]):
                at = starts[i] + k * counts[i]
                belief[k, at : at + counts[i]] = 1.0 / odds[k]
                for d in range(counts[i]):
                    if d not in supports[i][k]:
                        bounds[at + d] = (0.0, 0.0)
            rows += [belief[r] - belief[k] for k in likely[i] for r in range(kinds[i]) if r != k]
            for k in range(kinds[i]):
                worth = self._worth(i, k, starts, counts, kinds, columns)
                best = supports[i][k][0]
                for d in range(counts[i]):
                    if d != best:
                        rows.append(worth[0][d] - worth[0][best])
                        if d in supports[i][k]:
                            rows.append(worth[0][best] - worth[0][d])
                if i == opponent or k not in likely[i]:
                    rows.append(worth[0][best] - worth[1])
        answer = optimize.linprog(
            np.zeros(columns), np.array(rows), np.full(len(rows), SLACK), totals, np.ones(2), bounds
        )
        return bool(answer.status == 0)

    def _worth(
        self, i: int, k: int, starts: tuple[int, int], counts: tuple[int, ...], kinds: list[int], columns: int
    ) -> tuple[FloatArray, FloatArray]:
        """Return what a type expects from each of its choices and from the mechanism, as rows."""
        j = 1 - i
        offered, kept = np.zeros((counts[i], columns)), np.zeros(columns)
        for other in range(kinds[j]):
            place = self.book.profiles.index((k, other) if i == 0 else (other, k))
            for e in range(counts[j]):
                at = starts[j] + other * counts[j] + e
                kept[at] = self.kept[i, place]
                for d in range(counts[i]):
                    offered[d, at] = self.offered[(d, e, i, place) if i == 0 else (e, d, i, place)]
        return offered, kept


def _parts(count: int) -> list[tuple[int, ...]]:
    return [part for size in range(1, count + 1) for part in itertools.combinations(range(count), size)]


def drawn_alternative(generator: np.random.Generator, book: Textbook, coalition: Coalition) -> AlternativeGame:
    """Return a game whose choices lead to actions with random payments, or that offers a single one."""
    members = len(coalition)
    count = len(book.game.actions[coalition].names)
    shape = tuple(int(generator.integers(1, 3)) for _ in coalition)
    if generator.random() < 0.5:
        shape = (1,) * members
    chosen = generator.integers(count, size=shape)
    probability = np.eye(count)[chosen]
    if generator.random() < 0.3:
        probability = generator.dirichlet(np.ones(count), size=shape)
    payments = generator.normal(size=(*shape, members)) * generator.choice([0.2, 1.0])
    fee = 10.0 ** generator.uniform(-4, 0)
    payments[..., -1] -= payments.sum(axis=-1) + fee
    return AlternativeGame(coalition, probability, payments)


def theorem_4(effort: Effort) -> Finding:
    """Draw core mechanisms and alternatives, and look for how these fail, by engine and by patterns."""
    failed, engine, tried, alone = 0, 0, 0, 0
    for generator in generators(effort, "theorem 4"):
        book = Textbook(balanced_actions(wild_game(generator, TWO_PLAYERS)))
        core = find_core_allocation(book.game)
        assert isinstance(core, CoreAllocation)
        alternative = drawn_alternative(generator, book, (0, 1))
        tried += 1
        failed += Ballot.of(book, core.mechanism, alternative).fails()
        engine += isinstance(examine_alternative(book.game, core.mechanism, alternative), Rejection)
        single = drawn_alternative(generator, book, (int(generator.integers(2)),))
        alone += isinstance(examine_alternative(book.game, core.mechanism, single), Rejection)
    return Finding(
        failed == engine == alone == tried,
        f"All of {tried} alternatives drawn for two players and {alone} for one fail against core mechanisms of games "
        "drawn; beliefs and equilibria "
        "are found by going through all patterns, and by the engine.",
    )


def durability_has_content(effort: Effort) -> Finding:
    """Refute the durability of no trade in Example 1, and compare engine and patterns where nothing is known."""
    nothing = Mechanism(np.tile([1.0, 0.0], (2, 1)), np.zeros((2, 2)))
    refuted = search_durability(example_1(), nothing, AlternativeSearch(games=4))
    agree, against = 0, 0
    for generator in generators(effort, "durability has content"):
        book = Textbook(wild_game(generator, TWO_PLAYERS, "trade"))
        actions = np.eye(len(book.together))
        idle = Mechanism(np.tile(actions[0], (len(book.profiles), 1)), np.zeros((len(book.profiles), 2)))
        price, fee = generator.uniform(0, 6), 0.05 * generator.random() + 1e-3
        alternative = AlternativeGame((0, 1), actions[None, None, -1], np.array([[[price, -price - fee]]]))
        refutes = isinstance(examine_alternative(book.game, idle, alternative), Refutation)
        against += refutes
        agree += refutes != Ballot.of(book, idle, alternative).fails()
    return Finding(
        isinstance(refuted, Refutation) and agree == effort.economies,
        f"No trade in Example 1 is not durable. Engine and patterns agree on {agree} of {effort.economies} offers to "
        "trade at a price drawn, against no trade, of which "
        f"{against} refute its durability.",
        (
            Frequency(
                "offers to trade at a price drawn that refute the durability of no trade", against, effort.economies
            ),
        ),
    )
