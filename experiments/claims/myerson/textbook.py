"""Myerson's programs as the paper prints them, entry by entry, through SciPy: they share no code with the engines.

Every function is slow and plain on purpose: whoever doubts an engine or a theorem can compare both with something that
can be read beside the paper.

Columns of programs over mechanisms are the probabilities of actions profile by profile, then payments. Columns of
programs over weights and multipliers are the weights of all types, then the multipliers of all lies.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import optimize

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights

type Types = tuple[int, ...]
"""Type numbers of some players."""

type Bounds = Sequence[tuple[float | None, None]]
"""Lower bounds of columns; there are no upper ones."""

type Leaving = tuple[Coalition, Coalition, Types, int]
"""Who leaves, whose types are known, what they are, and the number of what those who leave do."""

ROUNDING = 1e-9
"""What the solver may leave of a condition, in units of utilities of order one."""


def least(
    cost: FloatArray,
    rows: FloatArray,
    limits: FloatArray,
    equal: FloatArray | None,
    targets: FloatArray | None,
    bounds: Bounds,
) -> tuple[float, FloatArray] | None:
    """Return the least cost and where it is reached, or nothing if it has no bound or nothing is feasible.

    Args:
        cost: of each column, ``(V,)``.
        rows: that may not exceed their limits, ``(R, V)``.
        limits: ``(R,)``.
        equal: rows that equal their targets, ``(E, V)``.
        targets: ``(E,)``.
        bounds: of the columns.

    Raises:
        ArithmeticError: the solver fails.
    """
    answer = optimize.linprog(cost, rows, limits, equal, targets, bounds)
    if answer.status in {2, 3}:
        return None
    if answer.status != 0 or answer.fun is None or answer.x is None:
        raise ArithmeticError(f"a textbook program was not solved: {answer.message}")
    return float(answer.fun), np.asarray(answer.x, dtype=np.float64)


def optimum(answer: tuple[float, FloatArray] | None) -> tuple[float, FloatArray]:
    """Return the answer of a program that has an optimum by its construction.

    Raises:
        ArithmeticError: it has none.
    """
    if answer is None:
        raise ArithmeticError("a textbook program that has an optimum was found to have none")
    return answer


@dataclass(frozen=True, eq=False)
class Textbook:
    """One game, written out.

    Attributes:
        game: with positive probabilities of few types.
    """

    game: CoalitionalGame

    @cached_property
    def profiles(self) -> list[Types]:
        """All type profiles, the last player's type changing fastest."""
        return list(itertools.product(*(range(len(names)) for names in self.game.types)))

    @cached_property
    def _number(self) -> dict[Types, int]:
        return {profile: place for place, profile in enumerate(self.profiles)}

    @cached_property
    def players(self) -> range:
        """Player numbers."""
        return range(len(self.game.players))

    @cached_property
    def types(self) -> list[tuple[int, int]]:
        """Every player with every type of it."""
        return [(i, k) for i in self.players for k in range(len(self.game.types[i]))]

    @cached_property
    def lies(self) -> list[tuple[int, int, int]]:
        """Every player with every type of it and every other type it may report."""
        return [(i, k, r) for i, k in self.types for r in range(len(self.game.types[i])) if r != k]

    @cached_property
    def prior(self) -> FloatArray:
        """Probability of each profile, ``(P,)``."""
        return np.array([self._chance(self.players, profile) for profile in self.profiles])

    def _chance(self, players: range | list[int], profile: Types) -> float:
        return float(np.prod([self.game.type_probabilities[i][profile[i]] for i in players]))

    def others(self, i: int, profile: Types) -> float:
        """Return the probability of the types of everybody but one."""
        return self._chance([j for j in self.players if j != i], profile)

    def told(self, i: int, profile: Types, report: int) -> int:
        """Return the number of the profile that a player's report makes of one."""
        return self._number[(*profile[:i], report, *profile[i + 1 :])]

    @cached_property
    def together(self) -> FloatArray:
        """Utilities of what everybody can do together, ``(C, N, P)``."""
        return self.game.actions[tuple(self.players)].utilities

    # Mechanisms.

    @cached_property
    def _chosen(self) -> int:
        """How many columns are probabilities of actions."""
        return len(self.profiles) * len(self.together)

    @cached_property
    def columns(self) -> int:
        """How many columns a program over mechanisms has."""
        return self._chosen + len(self.profiles) * len(self.players)

    def _expects(self, i: int, truth: int, report: int) -> FloatArray:
        row, count = np.zeros(self.columns), len(self.together)
        for place, profile in enumerate(self.profiles):
            if profile[i] == truth:
                told, odds = self.told(i, profile, report), self.others(i, profile)
                row[told * count : (told + 1) * count] += odds * self.together[:, i, place]
                row[self._chosen + told * len(self.players) + i] += odds
        return row

    @cached_property
    def truthful(self) -> FloatArray:
        """What each type expects by the truth, one row for each of ``types``."""
        return np.array([self._expects(i, k, k) for i, k in self.types])

    @cached_property
    def lying(self) -> FloatArray:
        """What each of ``lies`` gains, one row for each."""
        rows = [self._expects(i, k, r) - self._expects(i, k, k) for i, k, r in self.lies]
        return np.array(rows).reshape(len(rows), self.columns)

    @cached_property
    def cost(self) -> FloatArray:
        """What the mediator expects to pay, as a row."""
        return np.concatenate([np.zeros(self._chosen), np.repeat(self.prior, len(self.players))])

    @cached_property
    def _totals(self) -> FloatArray:
        rows = np.zeros((len(self.profiles), self.columns))
        for place in range(len(self.profiles)):
            rows[place, place * len(self.together) : (place + 1) * len(self.together)] = 1.0
        return rows

    @cached_property
    def _bounds(self) -> Bounds:
        return [(0.0, None)] * self._chosen + [(None, None)] * (self.columns - self._chosen)

    def point(self, mechanism: Mechanism) -> FloatArray:
        """Return a mechanism as columns."""
        return np.concatenate([mechanism.action_probability.ravel(), mechanism.payments.ravel()])

    def mechanism(self, point: FloatArray) -> Mechanism:
        """Return the mechanism of columns, probabilities made to sum to one exactly."""
        chosen = np.maximum(point[: self._chosen].reshape(len(self.profiles), -1), 0.0)
        paid = point[self._chosen : self.columns].reshape(len(self.profiles), -1)
        return Mechanism(chosen / chosen.sum(axis=1, keepdims=True), paid)

    def best(self, weights: tuple[FloatArray, ...]) -> Mechanism | None:
        """Return what solves program (1), or nothing if it has no bound."""
        answer = least(
            -np.concatenate(weights) @ self.truthful,
            np.vstack([self.lying, self.cost]),
            np.zeros(len(self.lying) + 1),
            self._totals,
            np.ones(len(self.profiles)),
            self._bounds,
        )
        return None if answer is None else self.mechanism(answer[1])

    def misses(self, mechanism: Mechanism) -> float:
        """Return by how much a mechanism is not feasible: a lie's gain, or what the mediator expects to lose."""
        point = self.point(mechanism)
        return max(float((self.lying @ point).max(initial=0.0)), float(self.cost @ point))

    def everybody_better_by(self, mechanism: Mechanism) -> float:
        """Return the most by which some feasible mechanism is better than this one for every type of every player."""
        kept = self.truthful @ self.point(mechanism)
        rows = np.vstack([self.lying, self.cost, -self.truthful])
        gained = np.concatenate([np.zeros(len(self.lying) + 1), np.ones(len(kept))])
        value, _ = optimum(
            least(
                np.append(np.zeros(self.columns), -1.0),
                np.column_stack([rows, gained]),
                np.concatenate([np.zeros(len(self.lying) + 1), -kept]),
                np.column_stack([self._totals, np.zeros(len(self.profiles))]),
                np.ones(len(self.profiles)),
                [*self._bounds, (None, None)],
            )
        )
        return -value

    # Weights and multipliers.

    @cached_property
    def hydraulic(self) -> FloatArray:
        """The left-hand sides of equations (5), one row for each type."""
        rows = np.zeros((len(self.types), len(self.types) + len(self.lies)))
        for row, (i, k) in enumerate(self.types):
            rows[row, row] = 1.0
            for place, (j, truth, report) in enumerate(self.lies, start=len(self.types)):
                if j == i:
                    rows[row, place] = float(truth == k) - float(report == k)
        return rows

    @cached_property
    def odds(self) -> FloatArray:
        """Probability of each of ``types``: the right-hand sides of equations (5)."""
        return np.array([self.game.type_probabilities[i][k] for i, k in self.types])

    @property
    def _nonnegative(self) -> Bounds:
        return [(0.0, None)] * (len(self.types) + len(self.lies))

    def virtual(self, i: int, values: FloatArray, profile: Types) -> FloatArray:
        """Return equation (3), or (13), of a player's values ``(P,)`` at a profile, as a row."""
        row = np.zeros(len(self.types) + len(self.lies))
        own, odds = values[self._number[profile]], self.game.type_probabilities[i][profile[i]]
        row[self.types.index((i, profile[i]))] = own / odds
        for place, (j, truth, report) in enumerate(self.lies, start=len(self.types)):
            if j == i and truth == profile[i]:
                row[place] += own / odds
            if j == i and report == profile[i]:
                row[place] -= values[self.told(i, profile, truth)] / odds
        return row

    def weights(self, point: FloatArray) -> VirtualWeights:
        """Return the weights and multipliers of columns."""
        weights = tuple(np.zeros(len(names)) for names in self.game.types)
        multipliers = tuple(np.zeros((len(names), len(names))) for names in self.game.types)
        for place, (i, k) in enumerate(self.types):
            weights[i][k] = point[place]
        for place, (i, k, r) in enumerate(self.lies, start=len(self.types)):
            multipliers[i][k, r] = point[place]
        return VirtualWeights(weights, multipliers)

    def theorem_0(self, mechanism: Mechanism) -> tuple[float, FloatArray]:
        """Return the least by which (6) and (7) fail together where (5) holds, and the weights and multipliers there.

        It is the sum over lies of multiplier times slack, and the expectation of the virtual surplus that is forgone.
        """
        columns, profiles = len(self.types) + len(self.lies), len(self.profiles)
        cost = np.concatenate([np.zeros(len(self.types)), -self.lying @ self.point(mechanism), self.prior])
        rows = []
        for place, profile in enumerate(self.profiles):
            for action, utilities in enumerate(self.together):
                surplus = sum((self.virtual(i, utilities[i], profile) for i in self.players), np.zeros(columns))
                rows.append(np.concatenate([surplus, -np.eye(profiles)[place]]))
                cost[:columns] -= self.prior[place] * mechanism.action_probability[place, action] * surplus
        value, point = optimum(
            least(
                cost,
                np.array(rows),
                np.zeros(len(rows)),
                np.hstack([self.hydraulic, np.zeros((len(self.types), profiles))]),
                self.odds,
                [*self._nonnegative, *[(None, None)] * profiles],
            )
        )
        return value, point[:columns]

    # Blocking.

    def invitations(self, *, fine: bool = False) -> list[Leaving]:
        """Return every way to leave; with ``fine`` the types of those who stay are known as well."""
        result: list[Leaving] = []
        for coalition in self.game.coalitions:
            known = tuple(self.players) if fine else coalition
            for types in itertools.product(*(range(len(self.game.types[i])) for i in known)):
                result += [(coalition, known, types, a) for a in range(len(self.game.actions[coalition].names))]
        return result

    def surpluses(self, omega: FloatArray, *, fine: bool = False) -> FloatArray:
        """Return the virtual surplus of every way to leave stakes ``(P, N)``, as rows over weights and multipliers.

        Conditions (14), or (17), times the probability of the types that are known, say that none is positive.
        """
        rows = []
        for coalition, known, types, action in self.invitations(fine=fine):
            row = np.zeros(len(self.types) + len(self.lies))
            gained = self.game.actions[coalition].utilities[action] - omega.T[list(coalition)]
            for place, profile in enumerate(self.profiles):
                if tuple(profile[i] for i in known) == types:
                    for member, i in enumerate(coalition):
                        row += self.prior[place] * self.virtual(i, gained[member], profile)
            rows.append(row)
        return np.array(rows)

    def least_surplus(self, omega: FloatArray, *, fine: bool = False) -> tuple[float, FloatArray]:
        """Return the largest surplus where it is least, at most zero by Theorem 1, with weights and multipliers."""
        rows = self.surpluses(omega, fine=fine)
        value, point = optimum(
            least(
                np.append(np.zeros(rows.shape[1]), 1.0),
                np.column_stack([rows, -np.ones(len(rows))]),
                np.zeros(len(rows)),
                np.column_stack([self.hydraulic, np.zeros(len(self.types))]),
                self.odds,
                [*self._nonnegative, (None, None)],
            )
        )
        return value, point[:-1]

    def profit(self, omega: FloatArray, *, fine: bool = False, every_profile: bool = False) -> float:
        """Return the most that a tenable plan earns, by program (15) and (9), or (8) with ``every_profile``."""
        ways = self.invitations(fine=fine)
        acceptance = np.zeros((len(self.types), len(ways)))
        lying = np.zeros((len(self.lies), len(ways)))
        for c, (coalition, known, types, action) in enumerate(ways):
            for member, i in enumerate(coalition):
                for place, profile in enumerate(self.profiles):
                    gained = self.game.actions[coalition].utilities[action, member, place] - omega[place, i]
                    gained *= self.others(i, profile)
                    if tuple(profile[j] for j in known) == types:
                        acceptance[self.types.index((i, profile[i])), c] += gained
                    for row, (j, truth, report) in enumerate(self.lies):
                        if j == i and truth == profile[i]:
                            said = self.profiles[self.told(i, profile, report)]
                            lying[row, c] += gained * (tuple(said[k] for k in known) == types)
        paid = np.zeros((len(self.lies), len(self.types)))
        for row, (i, truth, report) in enumerate(self.lies):
            lying[row] -= acceptance[self.types.index((i, truth))]
            paid[row, self.types.index((i, report))] += 1.0
            paid[row, self.types.index((i, truth))] -= 1.0
        sizes = np.ones((1, len(ways)))
        if every_profile:
            occurs = [[tuple(t[i] for i in known) == types for _, known, types, _ in ways] for t in self.profiles]
            sizes = np.array(occurs, dtype=np.float64)
        rows = np.vstack(
            [
                np.hstack([-np.eye(len(self.types)), -acceptance]),
                np.hstack([paid, lying]),
                np.hstack([np.zeros((len(sizes), len(self.types))), sizes]),
            ]
        )
        limits = np.concatenate([np.zeros(len(self.types) + len(self.lies)), np.ones(len(sizes))])
        bounds: Bounds = [*[(None, None)] * len(self.types), *[(0.0, None)] * len(ways)]
        value, _ = optimum(least(np.concatenate([self.odds, np.zeros(len(ways))]), rows, limits, None, None, bounds))
        return -value

    # The core.

    def stakes(self, mechanism: Mechanism) -> FloatArray:
        """Return what is lost by leaving a mechanism, ``(P, N)``: condition (18)."""
        gives = [
            [
                mechanism.action_probability[place] @ self.together[:, i, place] + mechanism.payments[place, i]
                for i in self.players
            ]
            for place in range(len(self.profiles))
        ]
        return np.array(gives) - mechanism.severance

    def weighted_severance(self, mechanism: Mechanism) -> float | None:
        """Return the most of Theorem 3's sum over ALL weights and multipliers that support a mechanism's stakes.

        Nothing supports stakes that are not inhibitive.
        """
        promised = np.zeros(len(self.types) + len(self.lies))
        for place, profile in enumerate(self.profiles):
            for i in self.players:
                at = self.types.index((i, profile[i]))
                promised[at] += self.others(i, profile) * mechanism.severance[place, i]
        rows = self.surpluses(self.stakes(mechanism))
        answer = least(-promised, rows, np.full(len(rows), ROUNDING), self.hydraulic, self.odds, self._nonnegative)
        return None if answer is None else -answer[0]

    def mediators_loss(
        self, multipliers: FloatArray, *, fine: bool = False, severance: bool = True, side_bets: bool = True
    ) -> float:
        """Return the least that the mediator loses by stakes that given multipliers support: program (19).

        Where it is negative or zero for some multipliers the core is not empty, and only there. It is infinite where
        the multipliers imply a negative weight, or where nothing is feasible.

        Args:
            multipliers: of ``lies``.
            fine: condition (17) in place of (14).
            severance: whether any may be promised.
            side_bets: whether payments may sum to more than zero at a profile.
        """
        weights = self.odds - self.hydraulic[:, len(self.types) :] @ multipliers
        if weights.min() < -ROUNDING:
            return np.inf
        point = np.concatenate([np.maximum(weights, 0.0), multipliers])
        count = len(self.players)
        pieces = len(self.profiles) * count
        paid, staked = self._chosen, self.columns
        equal = [np.append(row, np.zeros(pieces)) for row in self._totals]
        rows = [np.append(row, np.zeros(pieces)) for row in self.lying]
        for place in range(len(self.profiles)):
            for i in self.players:
                row = np.zeros(staked + pieces)
                row[staked + place * count + i] = 1.0
                row[paid + place * count + i] = -1.0
                row[place * len(self.together) : (place + 1) * len(self.together)] = -self.together[:, i, place]
                (rows if severance else equal).append(row)
            if not side_bets:
                row = np.zeros(staked + pieces)
                row[paid + place * count : paid + (place + 1) * count] = 1.0
                rows.append(row)
        targets = np.zeros(len(equal))
        targets[: len(self.profiles)] = 1.0
        limits = np.zeros(len(rows))
        # Virtual stakes are linear in the stakes.
        nothing = np.zeros((len(self.profiles), count))
        base = self.surpluses(nothing, fine=fine) @ point
        unit = np.array(
            [
                self.surpluses(np.eye(pieces)[piece].reshape(nothing.shape), fine=fine) @ point - base
                for piece in range(pieces)
            ]
        ).T
        answer = least(
            np.append(self.cost, np.zeros(pieces)),
            np.vstack([np.array(rows), np.hstack([np.zeros((len(base), staked)), unit])]),
            np.concatenate([limits, -base]),
            np.array(equal),
            targets,
            [*self._bounds, *[(None, None)] * pieces],
        )
        return np.inf if answer is None else answer[0]
