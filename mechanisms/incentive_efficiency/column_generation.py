r"""Incentive efficiency by column generation: actions are priced by virtual surplus instead of enumerated.

An incentive-efficient mechanism only ever uses actions that maximise virtual surplus, equation (7). So the
program (1) is solved over few actions at each profile; its multipliers give virtual utilities; every profile
is asked for the action with the largest sum of virtual utilities; actions that beat what the program pays for
the profile join it. The sum over profiles of the largest virtual surplus is an upper bound on the value at
every round (Lagrangian relaxation), and meets the value at the end.

Whoever knows how to maximise virtual surplus is an ``ActionOracle``: a finite game by enumeration, an economy with
divisible goods by computing an efficient allocation for virtual valuations. An oracle that cannot be sure of its
maximum reports a larger ``bound``; the answer is then feasible, and optimal up to the reported gap.

Source:
    Myerson (2006), section 3; the method is Dantzig and Wolfe's (1960).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.incentive_efficiency.program import (
    SHORTFALL_TOLERANCE,
    UNDECIDED,
    InterimAnswer,
    InterimProgram,
    Shortfall,
    undecided,
)
from marketgame.mechanisms.incentive_efficiency.virtual_utility import equal_weights, transform, transformed
from marketgame.mechanisms.linear_program import Basis, Block, Residuals, Simplex, Solution, Status, certified
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

PRICING_TOLERANCE = 1e-9
"""Virtual surplus above what the program pays for a profile that counts as none, relative to its own size."""

LEAST_EXPECTED = 1e-12
"""Expected virtual surplus above what the program pays that counts as none, relative to the largest utility."""

MOST_ROUNDS = 200
"""Rounds after which generation stops and reports the gap it has reached."""


@dataclass(frozen=True, eq=False)
class PricedActions:
    """Actions that maximise virtual surplus, one for each of B profiles.

    Attributes:
        actions: whatever identifies an action to the oracle, ``(B, ...)``.
        surplus: sum over players of virtual utility of the action, ``(B,)``.
        bound: largest virtual surplus any action could have, ``(B,)``; equal to ``surplus`` when that is the
            maximum.
    """

    actions: NDArray[np.generic]
    surplus: FloatArray
    bound: FloatArray


class ActionOracle(Protocol):
    """Knows the actions of the grand coalition and finds those of largest virtual surplus."""

    @property
    def type_probabilities(self) -> tuple[FloatArray, ...]:
        """Probabilities of each player's types, one ``(K_i,)`` for each player."""

    @property
    def profiles(self) -> IntegerArray:
        """Type numbers at each profile, ``(P, N)``, in lexicographic order."""

    @property
    def unit(self) -> float:
        """Size of the utilities involved, a positive number in their unit."""

    def utilities(self, actions: NDArray[np.generic], profiles: IntegerArray) -> FloatArray:
        r"""Return what every type of every player gets from an action taken at a profile.

        Args:
            actions: ``(B, ...)``.
            profiles: profile numbers, ``(B,)``.

        Returns:
            :math:`u_i(c, (t_{-i}, k))` for every player i and type k, types of all players in one row, ``(B, M)``.
        """

    def best_actions(
        self, coefficients: tuple[FloatArray, ...], profiles: IntegerArray, deadline: Deadline = NO_DEADLINE
    ) -> PricedActions:
        r"""Return the action of largest virtual surplus at each profile.

        Virtual surplus at t is :math:`\sum_i \sum_k A_i[k, t_i] \, u_i(c, (t_{-i}, k))`.

        Args:
            coefficients: :math:`A_i`, one ``(K_i, K_i)`` for each player, as ``virtual_utility.transform``
                returns.
            profiles: profile numbers, ``(B,)``.
            deadline: when to give up.

        Raises:
            DeadlinePassedError: time ran out.
        """


@dataclass(frozen=True, eq=False)
class ColumnPool:
    """Actions worth considering, and where the simplex method stood with them.

    Attributes:
        profiles: profile number of each column, ``(n,)``.
        actions: as the oracle knows them, ``(n, ...)``.
        basis: of the program with these columns, if it was solved.
    """

    profiles: IntegerArray
    actions: NDArray[np.generic]
    basis: Basis | None = None


@dataclass(frozen=True, eq=False)
class Generated:
    """Outcome of column generation.

    Attributes:
        status: ``OPTIMAL`` also when rounds ran out or the oracle's bounds are loose; ``gap`` then tells.
        pool: all columns generated.
        rounds: how often actions were priced.
        value: of the best mechanism found, in the oracle's units; not a number unless optimal.
        bound: proved upper bound on the value.
        answer: payments, utilities and multipliers.
        probability: of each column's action at its profile, ``(n,)``.
        ex_post_payments: what each player receives at each profile, ``(P, N)``, in the oracle's units, where payments
            are limited by what players own.
        residuals: independent check of the last program.
        shortfall: what is missing, and the proof, when no mechanism meets participation.
    """

    status: Status
    pool: ColumnPool
    rounds: int
    value: float = float("nan")
    bound: float = float("nan")
    answer: InterimAnswer | None = None
    probability: FloatArray | None = None
    ex_post_payments: FloatArray | None = None
    residuals: Residuals | None = None
    shortfall: Shortfall | None = None

    @property
    def gap(self) -> float:
        """How far the value may be from the optimum."""
        return self.bound - self.value


class ColumnGenerator:
    """The program with the columns generated so far; solving again with other weights starts from them.

    Args:
        oracle: prices actions.
        pool: columns to start from; those of largest surplus under truth when left out.
        holdings: the money each player can pay at most, ``(N,)``, in the oracle's units; no limit when left out.
        program: that the columns are for; the one over the oracle's profiles when left out.
    """

    def __init__(
        self,
        oracle: ActionOracle,
        pool: ColumnPool | None = None,
        holdings: FloatArray | None = None,
        program: InterimProgram | None = None,
    ) -> None:
        self.oracle = oracle
        if program is None:
            probabilities, profiles = oracle.type_probabilities, oracle.profiles
            program = InterimProgram(probabilities, profiles, oracle.unit, holdings, gradually=True)
            self._prior = _profile_probability(oracle)
        else:
            self._prior = program.prior
        self._master = program
        self._known: set[tuple[int, bytes]] = set()
        self._profiles: list[IntegerArray] = []
        self._actions: list[NDArray[np.generic]] = []
        self._master.program.variables("action", {"column": 0})
        if pool is not None:
            self._add(pool.profiles, pool.actions)
            if pool.basis is not None:
                self._master.program.basis = pool.basis

    @property
    def pool(self) -> ColumnPool:
        """All columns so far, with the last basis."""
        return ColumnPool(np.concatenate(self._profiles), np.concatenate(self._actions), self._master.program.basis)

    def solve(
        self,
        weights: Sequence[FloatArray],
        outside: Sequence[FloatArray] | None = None,
        *,
        deadline: Deadline = NO_DEADLINE,
    ) -> Generated:
        r"""Maximise :math:`\sum_i \sum_t \lambda_i(t) U_i(t)` over feasible mechanisms.

        Args:
            weights: :math:`\lambda_i(t)`, one ``(K_i,)`` for each player.
            outside: least utility each type must get, likewise, minus infinity for none; no constraint by default.
            deadline: when to give up.

        Raises:
            DeadlinePassedError: time ran out while actions were priced.
            UnverifiedAnswerError: the last program's answer fails the independent check.
        """
        if not self._profiles:
            self._start(deadline)
        self._master.set_outside(outside)
        self._master.set_weights(weights)
        solution, rounds = self._run(deadline), 0
        hopeless = undecided(self._master.program, solution)
        if hopeless and solution.optimal:
            # Where the solver finds no answer at all, the least shortfall tells why sooner than another try.
            solution = self._precise(solution, deadline)
            hopeless = undecided(self._master.program, solution)
        if hopeless:
            solution, rounds = self._least_shortfall(deadline)
            if not solution.optimal:
                return Generated(solution.status, self.pool, rounds)
            if -solution.objective > SHORTFALL_TOLERANCE:
                certified(self._master.program, solution)
                shortfall = self._master.read_shortfall(solution)
                return Generated(Status.INFEASIBLE, self.pool, rounds, shortfall=shortfall)
            self._master.set_weights(weights)
            self._master.tolerate(-solution.objective)
            solution = self._precise(self._run(deadline), deadline)
        return self._improve(solution, outside, rounds, deadline)

    def _least_shortfall(self, deadline: Deadline) -> tuple[Solution, int]:
        """Generate columns until some mechanism is feasible, or none can be."""
        self._master.minimise_shortfall()
        rounds = 0
        while True:
            solution = self._precise(self._run(deadline), deadline)
            rounds += 1
            if not solution.optimal or -solution.objective <= SHORTFALL_TOLERANCE or rounds >= MOST_ROUNDS:
                return solution, rounds
            found = self._priced(solution, deadline)
            if found.better.size == 0:
                return solution, rounds
            self._add(found.better, found.priced.actions[found.better])

    def _improve(
        self, solution: Solution, outside: Sequence[FloatArray] | None, rounds: int, deadline: Deadline
    ) -> Generated:
        """Generate columns until none has more virtual surplus than the program pays for its profile.

        Only the last answer counts, so that only that is made precise, and priced again if that changes it.
        """
        best, prices = np.inf, solution
        while solution.optimal:
            rounds += 1
            found = self._priced(solution, deadline)
            bound = float(self._prior @ found.priced.bound) + found.money - self._required(solution, outside)
            if bound < best:
                best, prices = bound, solution
            gap = best - solution.objective * self.oracle.unit
            if found.better.size == 0 or gap <= PRICING_TOLERANCE * self.oracle.unit or rounds >= MOST_ROUNDS:
                precise = self._precise(solution, deadline)
                if precise is solution or rounds >= MOST_ROUNDS:
                    return self._finished(precise, prices, best, rounds)
                solution = precise
                continue
            solution = self._with_more(found, deadline)
        return Generated(solution.status, self.pool, rounds, bound=best)

    def _required(self, solution: Solution, outside: Sequence[FloatArray] | None) -> float:
        """Return what participation constraints demand, weighted by their multipliers."""
        if outside is None:
            return 0.0
        prices = self._master.participation(solution)
        return sum(
            float(np.where(np.isfinite(least), least, 0.0) @ price)
            for least, price in zip(outside, prices, strict=True)
        )

    def _finished(self, solution: Solution, prices: Solution, bound: float, rounds: int) -> Generated:
        """Return the last mechanism with the multipliers that gave the best bound."""
        residuals = certified(self._master.program, solution)
        return Generated(
            Status.OPTIMAL,
            self.pool,
            rounds,
            solution.objective * self.oracle.unit,
            bound,
            self._master.read(solution, prices),
            solution["action"],
            None if self._master.holdings is None else solution["ex post payment"] * self.oracle.unit,
            residuals,
        )

    def _run(self, deadline: Deadline) -> Solution:
        """Solve up to the solver's tolerances, and again with the incentive constraints that the answer violates."""
        while True:
            solution = self._master.program.solve(
                deadline=deadline, simplex=Simplex.AUTOMATIC, evidence=False, refine=False
            )
            if not (solution.optimal and self._master.state_violated(solution)):
                return solution

    def _precise(self, solution: Solution, deadline: Deadline) -> Solution:
        """Return the solution of the last run to the last digits, or itself if it already is."""
        program = self._master.program
        return program.refined(solution, deadline) if program.is_last(solution) else solution

    def _with_more(self, found: _Priced, deadline: Deadline) -> Solution:
        """Add what was found and solve again; what was a mechanism before stays one, whatever the solver says."""
        program, start = self._master.program, self._master.program.basis
        part = self._add(found.better, found.priced.actions[found.better])
        after = self._run(deadline)
        if after.status in UNDECIDED:
            after = self._precise(after, deadline)
        if after.status not in UNDECIDED:
            return after
        # The new columns lead the solver astray: without them it is where it was.
        program.set_bounds(part, upper=0.0)
        if start is not None:
            program.basis = start.padded(*program.size)
        return self._precise(self._run(deadline), deadline)

    def _priced(self, solution: Solution, deadline: Deadline) -> _Priced:
        """Price actions at every profile with the multipliers of a solution."""
        coefficients = transform(self._master.multipliers(solution), self.oracle.type_probabilities)
        priced = self.oracle.best_actions(coefficients, np.arange(len(self._prior)), deadline)
        expected = self._prior * priced.surplus
        missed = expected - solution.shadow_price["probability"] * self.oracle.unit
        # Multipliers of rare types are small, and divided by their probability they are mostly rounding: at their
        # profiles surplus is compared with its own size there, and with what counts in expectation.
        scale = np.maximum(np.abs(expected), self._prior * self.oracle.unit)
        better = np.flatnonzero((missed > PRICING_TOLERANCE * scale) & (missed > LEAST_EXPECTED * self.oracle.unit))
        known = [key in self._known for key in _keys(better, priced.actions[better])]
        money = self._master.worth_of_holdings(coefficients)
        return _Priced(priced, better[~np.array(known, dtype=np.bool_)], money)

    def _start(self, deadline: Deadline) -> None:
        """Begin with the actions of largest surplus when everybody tells the truth."""
        coefficients = transform(equal_weights(self.oracle.type_probabilities), self.oracle.type_probabilities)
        everywhere = np.arange(len(self._prior))
        self._add(everywhere, self.oracle.best_actions(coefficients, everywhere, deadline).actions)

    def _add(self, profiles: IntegerArray, actions: NDArray[np.generic]) -> Block:
        """Add columns that are not in the program yet."""
        self._known.update(_keys(profiles, actions))
        self._profiles.append(profiles)
        self._actions.append(actions)
        part = self._master.program.extend("action", len(profiles))
        self._master.state_actions(part, profiles, self.oracle.utilities(actions, profiles))
        return part


def _keys(profiles: IntegerArray, actions: NDArray[np.generic]) -> list[tuple[int, bytes]]:
    """Return what tells columns apart: the profile and the bytes that stand for the action."""
    if not len(profiles):
        return []
    rows = np.ascontiguousarray(actions).reshape(len(profiles), -1)
    whole = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0]
    return list(zip(profiles.tolist(), whole.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class _Priced:
    """What one round of pricing found, and at which profiles it is new and beats what the program pays.

    ``money`` is the most that payments out of what players own can add to expected virtual surplus.
    """

    priced: PricedActions
    better: IntegerArray
    money: float


def _profile_probability(oracle: ActionOracle) -> FloatArray:
    """Return the prior probability of each profile, ``(P,)``."""
    result = np.ones(len(oracle.profiles))
    for player, probabilities in enumerate(oracle.type_probabilities):
        result *= probabilities[oracle.profiles[:, player]]
    return result


class FiniteActions:
    """Prices the grand coalition's actions by trying all of them; an action is its number.

    Attributes:
        game: whose actions they are.
        unit: size of the utilities involved, a positive number in their unit; what is at stake unless given.
    """

    def __init__(self, game: CoalitionalGame, unit: float | None = None) -> None:
        self.game = game
        self.unit = at_stake(game).unit if unit is None else unit
        self._utilities = game.actions[game.grand_coalition].utilities
        self._player = np.repeat(np.arange(len(game.players)), game.type_counts)

    @property
    def type_probabilities(self) -> tuple[FloatArray, ...]:
        """Probabilities of each player's types, one ``(K_i,)`` for each player."""
        return self.game.type_probabilities

    @property
    def profiles(self) -> IntegerArray:
        """Type numbers at each profile, ``(P, N)``."""
        return self.game.profiles

    @cached_property
    def _alternatives(self) -> IntegerArray:
        """Number of the profile in which a player's type is another, for all types of all players, ``(P, M)``."""
        return np.concatenate([self.game.misreports(i) for i in self.game.grand_coalition], axis=1)

    def utilities(self, actions: NDArray[np.generic], profiles: IntegerArray) -> FloatArray:
        """Return what every type of every player gets from each action at its profile, ``(B, M)``."""
        numbers = actions.astype(np.int64)
        found: FloatArray = self._utilities[numbers[:, None], self._player, self._alternatives[profiles]]
        return found

    def best_actions(
        self, coefficients: tuple[FloatArray, ...], profiles: IntegerArray, deadline: Deadline = NO_DEADLINE
    ) -> PricedActions:
        """Return the action of largest virtual surplus at each profile."""
        surplus = np.zeros(())
        for player in self.game.grand_coalition:
            deadline.check()
            surplus = surplus + transformed(self.game, coefficients[player], player, self._utilities[:, player])
        table = surplus[:, profiles]
        best = table.argmax(axis=0)
        largest = table[best, np.arange(len(profiles))]
        return PricedActions(best, largest, largest)
