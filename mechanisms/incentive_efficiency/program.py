r"""The linear program (1) of incentive efficiency, stated in interim terms.

Incentives and the expected budget involve payments only through their interim expectations :math:`X_i(t_i)`, and
actions only through the interim values :math:`G_i(r|t)`, what type :math:`t` of player i expects from the actions
when it reports :math:`r` and the others tell the truth. So the program is

.. math::
    \max \; & \sum_i \sum_t \lambda_i(t) [G_i(t|t) + X_i(t)] \\
    G_i(r|t) &= \sum_{t_{-i}} p(t_{-i}) \sum_c \mu(c | t_{-i}, r) u_i(c, (t_{-i}, t)) \\
    G_i(t|t) + X_i(t) &\ge G_i(r|t) + X_i(r) \\
    \sum_i \sum_t p_i(t) X_i(t) &\le 0 \\
    G_i(t|t) + X_i(t) &\ge W_i(t) \\
    \textstyle\sum_c \mu(c|t) &= 1, \quad \mu \ge 0,

where the last row but one holds only under participation constraints. Where players cannot pay more than the money
:math:`m_i` they own, interim payments say too little: they are then expectations of payments at each profile,

.. math:: X_i(t_i) = \sum_{t_{-i}} p(t_{-i}) x_i(t), \qquad \textstyle\sum_i x_i(t) \le 0, \qquad x_i(t) \ge -m_i.

Payments that also depend on the action drawn would add nothing: their expectation given the profile satisfies the
same conditions. Columns for :math:`\mu` are stated
elsewhere: all of them in ``incentive_efficiency``, those that pay in ``column_generation``.

A single variable ``shortfall`` relaxes the incentive and participation constraints of every type alike. It is
fixed at zero, except while a feasible set of columns is looked for.

Source:
    Myerson (2006), sections 2 and 3, in particular (1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights
from marketgame.mechanisms.linear_program import Block, LinearProgram, Selection, Sense, Solution, Status, verify

SHORTFALL_TOLERANCE = 1e-9
"""Shortfall, in units of the largest utility, that counts as none."""

MANY_PAIRS = 1000
"""With more pairs of different types of one player than these, incentive constraints are stated gradually: between
neighbours, in the order in which types are named, and then where they are violated. Nearly all others never bind."""

VIOLATED = 1e-9
"""By how much, in the program's unit, a constraint that is not stated may be violated."""

AT_ONCE = 3
"""How many of a type's violated incentive constraints are stated at once."""

UNDECIDED = (Status.INFEASIBLE, Status.FAILED)
"""Outcomes after which the least shortfall is computed: it proves infeasibility, or gives a feasible start."""


def undecided(program: LinearProgram, solution: Solution) -> bool:
    """Whether the least shortfall has to be computed: the solver found no answer, or none that is one to its program.

    A program that is impossible by less than the solver's tolerance looks possible to it.
    """
    return solution.status in UNDECIDED or (solution.optimal and not verify(program, solution).acceptable)


class TypeRows:
    """All types of all players in one row, and arrays over them split by player.

    Attributes:
        counts: number of types of each player, ``(N,)``.
        player: of each type, ``(M,)``.
        own: number of each type among its player's, ``(M,)``.
        offset: where each player's types start, ``(N,)``.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        self.counts = np.asarray(counts, dtype=np.int64)
        self.player: IntegerArray = np.repeat(np.arange(self.counts.size), self.counts)
        self.offset: IntegerArray = np.cumsum(self.counts) - self.counts
        self.own: IntegerArray = np.arange(self.player.size) - self.offset[self.player]

    @property
    def size(self) -> int:
        """Number of types of all players together, M."""
        return int(self.player.size)

    @property
    def most(self) -> int:
        """Largest number of types of a player, K."""
        return int(self.counts.max())

    def joined(self, arrays: Sequence[FloatArray]) -> FloatArray:
        """Return one ``(K_i,)`` for each player as one ``(M,)``."""
        return np.concatenate([np.asarray(array, dtype=np.float64) for array in arrays])

    def split(self, array: FloatArray) -> tuple[FloatArray, ...]:
        """Return ``(M,)`` as one ``(K_i,)`` for each player."""
        return tuple(part.copy() for part in np.split(array, self.offset[1:]))

    def split_square(self, array: FloatArray) -> tuple[FloatArray, ...]:
        """Return ``(M, K)`` over types and reports as one ``(K_i, K_i)`` for each player."""
        return tuple(part[:, : len(part)].copy() for part in np.split(array, self.offset[1:]))

    def reports(self) -> tuple[IntegerArray, IntegerArray]:
        """Return every type (its place in the row) with every report of its player, truth included."""
        kind, report = np.nonzero(np.arange(self.most) < self.counts[self.player][:, None])
        return kind, report


@dataclass(frozen=True, eq=False)
class InterimAnswer:
    r"""What the program says about payments, utilities and multipliers.

    Attributes:
        payments: interim expected payments :math:`X_i(t)`, one ``(K_i,)`` for each player.
        utilities: :math:`U_i(t)`, likewise.
        virtual: effective weights (given ones plus participation multipliers) and incentive multipliers, in units
            in which the budget's multiplier is 1.
        participation: multipliers of participation in those units, one ``(K_i,)`` for each player.
        budget: multiplier of the budget, in units of the objective; where it balances at every profile, of one unit of
            money at each.
    """

    payments: tuple[FloatArray, ...]
    utilities: tuple[FloatArray, ...]
    virtual: VirtualWeights
    participation: tuple[FloatArray, ...]
    budget: float


@dataclass(frozen=True, eq=False)
class Shortfall:
    r"""Why no mechanism meets the participation constraints.

    Attributes:
        amount: least amount by which the incentive and participation constraints of all types would have to be
            relaxed, in units of money; positive.
        virtual: weights :math:`\lambda` and multipliers :math:`\alpha` that satisfy the hydraulic equations
            and for which :math:`\sum_i \sum_t \lambda_i(t) W_i(t)` exceeds the expectation of the largest
            virtual surplus, so that no mechanism can give every type what it can get outside.
    """

    amount: float
    virtual: VirtualWeights


@dataclass(frozen=True, eq=False)
class _Columns:
    """Action variables of which not all coefficients are stated.

    Attributes:
        actions: the n variables.
        reports: what each type would have to report to meet them, ``(n, M)``.
        coefficients: in the definition of what each type expects from that report, ``(n, M)``.
    """

    actions: Block
    reports: IntegerArray
    coefficients: FloatArray

    def chosen(self, numbers: IntegerArray) -> Selection:
        """Return some of the variables."""
        return self.actions[np.unravel_index(numbers, self.actions.shape)]


class InterimProgram:
    """The program without its action columns, which whoever uses it adds.

    Attributes:
        program: with variables ``value[type, report]``, ``payment[type]`` and ``shortfall``, and constraints
            ``probability[profile]``, ``interim value[type, report]``, ``incentive[type, report]``, ``budget`` and
            ``participation[type]``. Types of all players stand in one row; reports a player does not have, and a
            type's report of itself, leave their constraints empty.
        types: how types are numbered.
        profiles: type numbers of each profile, ``(P, N)``.
        unit: what one unit of utility and payment in the program is worth.
        holdings: the money each player can pay at most, ``(N,)``; none where payments have no limit. If given, the
            program has variables ``ex post payment[profile, player]`` and constraints ``balance[profile]`` and
            ``expected payment[type]``, and its ``budget`` has no limit, because it balances at every profile.
        gradually: whether incentive constraints may be left out until `state_violated` is asked for them.
        group: whose types each player's are, ``(N,)``; those of the player with its number unless players are
            replicas (`replicas`).
        prior: the probability of each profile, ``(P,)``; the product of the types' unless profiles stand for others.
    """

    def __init__(
        self,
        probabilities: Sequence[FloatArray],
        profiles: IntegerArray,
        unit: float,
        holdings: FloatArray | None = None,
        *,
        gradually: bool = False,
        group: IntegerArray | None = None,
        prior: FloatArray | None = None,
    ) -> None:
        self.types = TypeRows([len(p) for p in probabilities])
        kind, report = self.types.reports()
        self._missing = np.zeros((self.types.size, self.types.most), dtype=np.bool_)
        if gradually and kind.size - self.types.size > MANY_PAIRS:
            self._missing[kind, report] = np.abs(report - self.types.own[kind]) > 1
        self._columns: list[_Columns] = []
        self.profiles = profiles
        self.unit = unit
        self.holdings = holdings
        self._type_probability = self.types.joined(probabilities)
        self._own: IntegerArray = (self.types.offset if group is None else self.types.offset[group]) + profiles
        self.prior: FloatArray = self._type_probability[self._own].prod(axis=1) if prior is None else prior
        self._weights = np.zeros(self.types.size)
        size = {"type": self.types.size, "report": self.types.most}
        program = self.program = LinearProgram(Sense.MAXIMIZE)
        self.probability = program.constraints("probability", {"profile": len(profiles)}, equal_to=1.0)
        self.definition = program.constraints("interim value", size, equal_to=0.0)
        self._incentive = program.constraints("incentive", size, at_least=0.0)
        self._budget = program.constraints("budget", at_most=0.0)
        free = {"type": self.types.size}
        self._participation = program.constraints("participation", free, at_least=-np.inf)
        self._value = program.variables("value", size, lower=-np.inf)
        self._payment = program.variables("payment", free, lower=-np.inf)
        self._shortfall = program.variables("shortfall", upper=0.0)
        self._state()
        if holdings is not None:
            self._state_holdings(holdings)

    def _state_holdings(self, holdings: FloatArray) -> None:
        """Derive interim payments from payments at each profile, which nobody makes out of money it does not own."""
        size = {"profile": len(self.profiles), "player": len(holdings)}
        paid = self.program.variables("ex post payment", size, lower=-holdings / self.unit)
        balance = self.program.constraints("balance", {"profile": len(self.profiles)}, at_most=0.0)
        expected = self.program.constraints("expected payment", {"type": self.types.size}, equal_to=0.0)
        self.program.add(balance[:, None], paid, 1.0)
        self.program.add(expected[self._own], paid, self.prior[:, None] / self._type_probability[self._own])
        self.program.add(expected, self._payment, -1.0)
        self.program.set_limits(self._budget, at_most=np.inf)

    def _state(self) -> None:
        kind, report = self.types.reports()
        truth = self.types.own[kind]
        lie = (report != truth) & ~self._missing[kind, report]
        program, value, payment = self.program, self._value, self._payment
        program.add(self.definition[kind, report], value[kind, report], -1.0)
        self._state_incentives(kind[lie], report[lie])
        program.add(self._budget, payment, self._type_probability)
        program.add(self._participation, value[np.arange(self.types.size), self.types.own], 1.0)
        program.add(self._participation, payment, 1.0)
        program.add(self._participation, self._shortfall, 1.0)

    def _state_incentives(self, kind: IntegerArray, report: IntegerArray) -> None:
        """State that types, by their places in the row, do not gain by reports, ``(R,)`` each."""
        program, value, payment = self.program, self._value, self._payment
        incentive = self._incentive[kind, report]
        program.add(incentive, value[kind, self.types.own[kind]], 1.0)
        program.add(incentive, payment[kind], 1.0)
        program.add(incentive, value[kind, report], -1.0)
        program.add(incentive, payment[self.types.offset[self.types.player[kind]] + report], -1.0)
        program.add(incentive, self._shortfall, 1.0)

    def state_violated(self, solution: Solution) -> bool:
        """State the incentive constraints that a solution violates most; say whether it violates any.

        Args:
            solution: optimal, of the program as it is.
        """
        if not self._missing.any():
            return False
        shares, worth, done = solution["action"].ravel(), np.zeros(self._missing.shape), 0
        kind = np.arange(self.types.size)
        for columns in self._columns:
            share = shares[done : done + len(columns.reports)]
            done += share.size
            used = share > 0.0
            np.add.at(worth, (kind, columns.reports[used]), share[used, None] * columns.coefficients[used])
        payment = solution["payment"]
        last = self.types.size - 1
        told = np.minimum(self.types.offset[self.types.player][:, None] + np.arange(self.types.most), last)
        truth = worth[kind, self.types.own] + payment
        gain = worth + payment[told] - truth[:, None] - float(solution["shortfall"])
        gain = np.where(self._missing, gain, -np.inf)
        most = -np.sort(-gain, axis=1)[:, min(AT_ONCE, self.types.most) - 1]
        kinds, reports = np.nonzero((gain > VIOLATED) & (gain >= most[:, None]))
        self._missing[kinds, reports] = False
        for columns in self._columns:
            for row, report in zip(kinds, reports, strict=True):
                concerned = np.flatnonzero(columns.reports[:, row] == report)
                self.program.add(
                    self.definition[row, report], columns.chosen(concerned), columns.coefficients[concerned, row]
                )
        self._state_incentives(kinds, reports)
        return bool(kinds.size)

    def state_actions(self, actions: Block, profiles: IntegerArray, utilities: FloatArray) -> None:
        r"""State the coefficients of action variables :math:`\mu(c|t)`.

        Args:
            actions: block of variables, of any shape.
            profiles: number of the profile each belongs to, broadcast to that shape.
            utilities: :math:`u_i(c, (t_{-i}, k))` for every player i and type k, in the shape of the block
                with one more dimension of M types.
        """
        own = self.profiles[profiles][..., self.types.player]
        odds = self.prior[profiles][..., None] / self._type_probability[self.types.offset[self.types.player] + own]
        coefficients = utilities * (odds / self.unit)
        if self._missing.any():
            self._state_gradually(actions, profiles, own, coefficients)
            return
        self.program.set_columns(
            actions,
            (self.probability[profiles[..., None]], 1.0),
            (self.definition[np.arange(self.types.size), own], coefficients),
        )

    def _state_gradually(
        self, actions: Block, profiles: IntegerArray, reports: IntegerArray, coefficients: FloatArray
    ) -> None:
        """State those coefficients of n action variables that stated incentive constraints need."""
        columns = _Columns(actions, reports, coefficients)
        self._columns.append(columns)
        self.program.add(self.probability[profiles], columns.chosen(np.arange(actions.size)), 1.0)
        column, kind = np.nonzero(~self._missing[np.arange(self.types.size), reports])
        self.program.add(
            self.definition[kind, reports[column, kind]], columns.chosen(column), coefficients[column, kind]
        )

    def state_every_action(self, utilities: FloatArray) -> None:
        r"""State a variable ``action`` for every action at every profile, and its coefficients.

        Utilities are :math:`u_i(c, t)`, ``(C, N, P)``, in the game's units.
        """
        counts = tuple(self.types.counts.tolist())
        size = {f"type of player {i}": count for i, count in enumerate(counts)} | {"action": len(utilities)}
        actions = self.program.variables("action", size)
        if self._missing.any():
            self._state_every_action_gradually(actions, utilities)
            return
        # The types that may have reported t_i stand in the last dimension; t_i itself makes no difference there.
        coefficients = tuple(
            self._odds_times_utilities(player, utilities[:, player].reshape(-1, *counts))
            for player in range(len(counts))
        )
        reports = self.profiles[:, self.types.player].reshape(*counts, 1, self.types.size)
        self.program.set_columns(
            actions,
            (self.probability[np.arange(len(self.profiles)).reshape(*counts, 1, 1)], 1.0),
            (self.definition[np.arange(self.types.size), reports], coefficients),
        )

    def _state_every_action_gradually(self, actions: Block, utilities: FloatArray) -> None:
        """Do what `state_every_action` does for the constraints that are stated."""
        counts = tuple(self.types.counts.tolist())
        profiles = np.repeat(np.arange(len(self.profiles)), len(utilities))
        strides = np.array([math.prod(counts[player + 1 :]) for player in range(len(counts))])
        own = self.profiles[:, self.types.player]
        number = np.arange(len(self.profiles))[:, None] + (self.types.own - own) * strides[self.types.player]
        by_type = np.moveaxis(utilities[:, self.types.player, number], 0, 1).reshape(-1, self.types.size)
        own = own[profiles]
        odds = self.prior[profiles][:, None] / self._type_probability[self.types.offset[self.types.player] + own]
        self._state_gradually(actions, profiles, own, by_type * (odds / self.unit))

    def _odds_times_utilities(self, player: int, utilities: FloatArray) -> FloatArray:
        r"""Return :math:`p(t_{-i}) u_i(c, (t_{-i}, k))` of one player from ``(C, K_1, ..., K_N)``.

        The result has dimensions ``(K_1, ..., 1, ..., K_N, C, K_i)``, the player's own place kept with size 1.
        """
        counts = utilities.shape[1:]
        first = self._type_probability[self.types.offset[player]]
        odds = self.prior.reshape(counts).take([0], axis=player) / (first * self.unit)
        by_type = np.expand_dims(np.moveaxis(utilities, (0, player + 1), (-2, -1)), player)
        # Copied to where they are wanted, and then multiplied in long rows.
        result: FloatArray = np.array(by_type, order="C")
        result *= odds[..., None, None]
        return result

    def set_weights(self, weights: Sequence[FloatArray]) -> None:
        r"""Maximise :math:`\sum_i \sum_t \lambda_i(t) U_i(t)`, with shortfall forbidden."""
        self._maximise(self.types.joined(weights), 0.0)
        self.program.set_bounds(self._shortfall, upper=0.0)

    def tolerate(self, shortfall: float) -> None:
        """Allow a shortfall that counts as none, so that what is possible only with it does not count as impossible."""
        self.program.set_bounds(self._shortfall, upper=2 * max(shortfall, 0.0))

    def minimise_shortfall(self) -> None:
        """Look for any feasible mechanism, instead of the best."""
        self._maximise(np.zeros(self.types.size), -1.0)
        self.program.set_bounds(self._shortfall, upper=np.inf)

    def _maximise(self, weights: FloatArray, shortfall: float) -> None:
        self._weights = weights
        self.program.set_objective(self._payment, weights)
        self.program.set_objective(self._value[np.arange(self.types.size), self.types.own], weights)
        self.program.set_objective(self._shortfall, shortfall)

    def set_outside(self, outside: Sequence[FloatArray] | None) -> None:
        """Require of every type's utility what it can get outside; minus infinity where nothing is required."""
        least = np.full(self.types.size, -np.inf) if outside is None else self.types.joined(outside) / self.unit
        self.program.set_limits(self._participation, at_least=least)

    def multipliers(self, solution: Solution) -> VirtualWeights:
        """Return effective weights and incentive multipliers, in units of the objective."""
        dual = solution.dual
        alpha = dual["incentive"]
        alpha[np.arange(self.types.size), self.types.own] = 0.0
        # The solver may leave a price within its tolerance on the wrong side of zero.
        weights = np.maximum(self._weights + dual["participation"], 0.0)
        return VirtualWeights(self.types.split(weights), self.types.split_square(np.maximum(alpha, 0.0)))

    def participation(self, solution: Solution) -> tuple[FloatArray, ...]:
        """Return multipliers of participation in units of the objective, one ``(K_i,)`` for each player."""
        return self.types.split(np.maximum(solution.dual["participation"], 0.0))

    def _budget_multiplier(self, solution: Solution) -> float:
        """Return what one unit of money at every profile is worth, in units of the objective."""
        if self.holdings is None:
            return float(solution.dual["budget"])
        return float(np.maximum(solution.dual["balance"], 0.0).sum())

    def worth_of_holdings(self, coefficients: Sequence[FloatArray]) -> float:
        r"""Return the most that payments out of the players' money can add to expected virtual surplus.

        With :math:`w_i(t_i)` the virtual worth of money to a type, it is at each profile best to take everybody's
        money and to give it to whoever virtually values it most, or to nobody if all values are negative.
        """
        if self.holdings is None:
            return 0.0
        by_type = self.types.joined([matrix.sum(axis=0) for matrix in coefficients])
        worth = by_type[self._own]
        most = np.maximum(worth.max(axis=1, keepdims=True), 0.0)
        return float(self.prior @ ((most - worth) @ self.holdings))

    def read(self, solution: Solution, prices: Solution | None = None) -> InterimAnswer:
        """Return an optimal answer in the game's units, with multipliers from another solve if given."""
        prices = prices or solution
        payments = solution["payment"] * self.unit
        values = solution["value"][np.arange(self.types.size), self.types.own] * self.unit
        budget = self._budget_multiplier(prices)
        return InterimAnswer(
            self.types.split(payments),
            self.types.split(payments + values),
            self.multipliers(prices).scaled(1 / budget),
            tuple(price / budget for price in self.participation(prices)),
            budget,
        )

    def read_shortfall(self, solution: Solution) -> Shortfall:
        """Return what is missing, and the proof, after ``minimise_shortfall`` found that something is."""
        budget = self._budget_multiplier(solution)
        return Shortfall(-solution.objective * self.unit, self.multipliers(solution).scaled(1 / budget))


def balanced_payments(
    interim: Sequence[FloatArray], probabilities: Sequence[FloatArray], profiles: IntegerArray
) -> FloatArray:
    r"""Return payments that sum to the same at every profile and have the given interim expectations.

    With independent types :math:`x_i(t) = X_i(t_i) - \frac{1}{N-1} \sum_{j \ne i} (X_j(t_j) - E X_j)` has the
    interim expectation :math:`X_i(t_i)`, because the terms of the others have mean zero whatever i's type,
    and the sum over players is :math:`\sum_j E X_j` at every profile: zero when the expected budget is
    balanced.

    Args:
        interim: :math:`X_i`, one ``(K_i,)`` for each of at least two players.
        probabilities: of types, likewise.
        profiles: type numbers, ``(P, N)``.

    Returns:
        ``(P, N)``.

    Raises:
        ValueError: there is a single player, who has nobody to pay or be paid by.
    """
    count = len(interim)
    if count < 2:
        raise ValueError("a single player's payments cannot balance ex post unless they are zero")
    own = np.stack([payment[profiles[:, i]] for i, payment in enumerate(interim)], axis=1)
    mean = np.array([p @ payment for p, payment in zip(probabilities, interim, strict=True)])
    surprise = own - mean
    balanced: FloatArray = own - (surprise.sum(axis=1, keepdims=True) - surprise) / (count - 1)
    return balanced


def expected_payments(interim: Sequence[FloatArray], profiles: IntegerArray) -> FloatArray:
    """Return payments that depend on the player's own type alone, ``(P, N)``: the budget holds in expectation."""
    return np.stack([payment[profiles[:, i]] for i, payment in enumerate(interim)], axis=1)
