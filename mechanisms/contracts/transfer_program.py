r"""The linear system of Giraud and Rochon's section 6.1, stated in the transfers and solved.

.. math:: \sum_{t_{-i}} q_i(t_{-i}|t_i) [\theta_i(t) - \theta_i(m_i, t_{-i})] + \epsilon \ge \hat v_i(m_i, t_i),
    \qquad \sum_i \theta_i(t) = 0, \qquad |\theta_i(t)| \le \tau.

First the program minimises :math:`\epsilon`, the largest misreport gain that balanced transfers leave. If that is
zero it minimises :math:`\tau`, the largest transfer. Otherwise the multipliers of the first answer, normalised to
:math:`\sum \lambda = 1`, prove that no transfers satisfy the system, and :math:`\epsilon` says by how much it fails.

A type's own gain counts in shares of what is at stake for that type, so that nobody's small gain is lost beside the
large gains of others: each row is divided by what is at stake for its type, and :math:`\epsilon` is weighed so that
it first means such a share. Only if gains are left over in that sense does it mean an amount.

The lies may also be those of coalitions that know and report their types together, whose members' transfers add up.

Where it is said what each lie costs everybody, :math:`c(m, t) \ge 0`, the program does not stop at lies that gain
nothing: before it minimises :math:`\tau` it maximises the share :math:`\sigma \le 1` of that which every lie costs
those who tell it,

.. math:: \sum_{t_{-i}} q_i(t_{-i}|t_i) [\theta_i(t) - \theta_i(m_i, t_{-i})] \ge \hat v_i(m_i, t_i)
    + \sigma c(m_i, t_i).

More than the whole there is not to be had: transfers balance, so that a lie of everybody costs those who tell it just
what it costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.incentives import ReportGains
from marketgame.mechanisms.economies.beliefs import Prior, beliefs_about_others, profiles_by_own_type
from marketgame.mechanisms.linear_program import Block, LinearProgram, Solution, Status, certified, infeasibility_margin

# Rows are in this share of what is at stake for their type, so that what the solver's tolerances leave of misreport
# gains stays below the gains that count.
ROW_SHARE = 1.0 / 32.0
# Misreport gains below this, in units of their row, are within the solver's tolerances.
SOLVER_TOLERANCE = 1e-8
# Of the largest share of their cost that lies can be made to bear, so much is left to the solver's tolerances.
SHARE_KEPT = 1 - 1e-7
# Gains below this share of what is at stake for anybody are within the rounding of the transfers that decide over them.
ROUNDING = 1e-14
# Who has less than this share of the largest stake is treated as if it had that much.
LEAST_STAKE = 1e-12
# Bounds this many times farther away than everything at stake are left out until a transfer turns out to exceed one.
FAR = 1e6


class UndecidedTransfersError(UnansweredError, ArithmeticError):
    """The solver reached no answer that its independent check confirms."""


@dataclass(frozen=True, eq=False)
class SystemMultipliers:
    """Multipliers that contradict the system.

    Attributes:
        misreport: per player or coalition, entry ``[t, m]`` is the weight of "types t do not report m", ``(types,
            types)``.
        balance: the price of numeraire in each profile, ``(P,)``.
        least_gain: the smallest largest misreport gain, numeraire.
    """

    misreport: tuple[FloatArray, ...]
    balance: FloatArray
    least_gain: float


class TransferProgram:
    """The system for given beliefs and gains, in units of the largest stake.

    Args:
        prior: the beliefs.
        unpaid: what players, or coalitions, gain without transfers, and what they have at stake; a gain of minus
            infinity sets no condition.
        lowest: the least transfer allowed, ``(P, N)``, numeraire; may be minus infinity.
        costs: what each lie of these costs everybody, numeraire, nonnegative, in the shapes of their gains; without
            them lies need cost nothing.
    """

    def __init__(
        self,
        prior: Prior,
        unpaid: Sequence[ReportGains],
        lowest: FloatArray,
        costs: Sequence[FloatArray] | None = None,
    ) -> None:
        self._unpaid = unpaid
        self._lies = [np.argwhere(np.isfinite(own.gains) & ~np.eye(len(own.gains), dtype=bool)) for own in unpaid]
        stakes = np.concatenate([own.stakes[lies[:, 0]] for own, lies in zip(unpaid, self._lies, strict=True)])
        self._unit = float(max(own.stakes.max() for own in unpaid)) or 1.0
        # Whose stake is zero gains and pays in units of what is at stake for others.
        measured = np.where(stakes > 0, np.maximum(stakes, LEAST_STAKE * self._unit), self._unit)
        self._row_unit = ROW_SHARE * measured
        self._lowest = lowest / self._unit
        profiles, players = lowest.shape
        self._program = LinearProgram()
        self._transfer = self._program.variables("transfer", {"player": players, "profile": profiles}, lower=-np.inf)
        self._keep_bounds(np.where(self._lowest < -FAR, -np.inf, self._lowest))
        self._remaining_gain = self._program.variables("remaining gain", objective=1.0)
        self._largest = self._program.variables("largest transfer")
        self._balance = self._program.constraints("balance", {"profile": profiles}, equal_to=0.0)
        rounding = ROUNDING * self._unit
        self._truth = self._program.constraints(
            "truth", {"misreport": len(stakes)}, at_least=(self._unpaid_gains() - rounding) / self._row_unit
        )
        self._state_incentives(prior)
        self._state_sizes()
        self._borne = None if costs is None else self._state_costs(costs)
        self._share = np.nan

    def _keep_bounds(self, lowest: FloatArray) -> None:
        self._program.set_bounds(self._transfer, lower=lowest.T)
        self._bounded = lowest

    def _unpaid_gains(self) -> FloatArray:
        """Return what each lie gains without transfers."""
        return np.concatenate([own.gains[tuple(lies.T)] for own, lies in zip(self._unpaid, self._lies, strict=True)])

    def _state_incentives(self, prior: Prior) -> None:
        self._program.add(self._balance[None, :], self._transfer, 1.0)
        self._program.add(self._truth, self._remaining_gain, 1.0)
        per_row = self._unit / self._row_unit
        first = 0
        for own, lies in zip(self._unpaid, self._lies, strict=True):
            rows = self._truth[first : first + len(lies), None]
            beliefs = beliefs_about_others(prior, *own.members)[lies[:, 0]] * per_row[first : first + len(lies), None]
            first += len(lies)
            numbers = profiles_by_own_type(prior, *own.members)
            for member in own.members:
                self._program.add(rows, self._transfer[member, numbers[lies[:, 0]]], beliefs)
                self._program.add(rows, self._transfer[member, numbers[lies[:, 1]]], -beliefs)

    def _state_sizes(self) -> None:
        players, profiles = self._transfer.shape
        size = {"player": players, "profile": profiles}
        paid = self._program.constraints("paid", size, at_least=0.0)
        received = self._program.constraints("received", size, at_most=0.0)
        for rows, sign in ((paid, 1.0), (received, -1.0)):
            self._program.add(rows, self._transfer, 1.0)
            self._program.add(rows, self._largest, sign)

    def _state_costs(self, costs: Sequence[FloatArray]) -> Block:
        """Let every lie cost those who tell it a share of what it costs everybody; none as yet."""
        borne = self._program.variables("share borne", upper=0.0)
        each = np.concatenate([cost[tuple(lies.T)] for cost, lies in zip(costs, self._lies, strict=True)])
        self._program.add(self._truth, borne, -each / self._row_unit)
        return borne

    @property
    def share_borne(self) -> float:
        """Which share of what it costs everybody each lie costs those who tell it; not a number where none is asked."""
        return self._share

    def solve(self) -> FloatArray | SystemMultipliers:
        """Return transfers, ``(P, N)``, whose largest is smallest, or the multipliers that rule transfers out.

        If it is known what lies cost, these are the smallest of those that make them bear the largest share of it.

        Raises:
            UndecidedTransfersError: the solver failed, or its proof was not confirmed.
            UnverifiedAnswerError: its transfers were not confirmed to be smallest.
        """
        least = self._solve()
        if least.objective > SOLVER_TOLERANCE:
            return self._contradiction(least)
        self._program.set_bounds(self._remaining_gain, upper=2 * max(least.objective, 0.0))
        self._bear_costs()
        self._state_objective(remaining_gain=0.0, largest=1.0)
        smallest = self._solve()
        transfers = smallest["transfer"].T
        if (transfers < self._lowest).any() and (self._bounded < self._lowest).any():
            # A bound that seemed far away is not.
            self._keep_bounds(self._lowest)
            self._program.set_bounds(self._remaining_gain, upper=np.inf)
            if self._borne is not None:
                self._program.set_bounds(self._borne, lower=0.0, upper=0.0)
            self._state_objective(remaining_gain=1.0, largest=0.0)
            return self.solve()
        if smallest.objective > SOLVER_TOLERANCE:
            certified(self._program, smallest)
        paid: FloatArray = self._unit * transfers
        return paid

    def _bear_costs(self) -> None:
        """Make lies bear the largest share of what they cost."""
        if self._borne is None:
            return
        self._program.set_bounds(self._borne, upper=1.0)
        self._state_objective(remaining_gain=0.0, largest=0.0, borne=-1.0)
        self._share = SHARE_KEPT * max(-self._solve().objective, 0.0)
        self._program.set_bounds(self._borne, lower=self._share, upper=self._share)

    def largest_slack(self) -> float:
        """Return the largest share of what is at stake that every lie can be made to cost, at most 1.

        Raises:
            UndecidedTransfersError: the solver failed.
        """
        if self._borne is not None:
            self._program.set_bounds(self._borne, lower=0.0, upper=0.0)
        self._program.set_bounds(self._remaining_gain, lower=-1 / ROW_SHARE, upper=0.0)
        self._state_objective(remaining_gain=1.0, largest=0.0)
        return -ROW_SHARE * self._solve().objective

    def _state_objective(self, *, remaining_gain: float, largest: float, borne: float = 0.0) -> None:
        self._program.set_objective(self._remaining_gain, remaining_gain)
        self._program.set_objective(self._largest, largest)
        if self._borne is not None:
            self._program.set_objective(self._borne, borne)

    def _solve(self) -> Solution:
        solution = self._program.solve()
        if solution.status is not Status.OPTIMAL:
            raise UndecidedTransfersError(f"the program for transfers was not solved: {solution.status.value}")
        return solution

    def _contradiction(self, least: Solution) -> SystemMultipliers:
        """Return multipliers that rule transfers out, if they prove it those that leave the largest amount of gain."""
        self._program.set_coefficients(self._truth, self._remaining_gain, self._unit / self._row_unit)
        amount = self._program.solve()
        self._program.set_bounds(self._remaining_gain, upper=0.0)
        margin = -np.inf
        for found in (amount, least):
            if found.status is Status.OPTIMAL:
                weights = np.maximum(found.dual["truth"], 0)
                prices = -found.shadow_price["balance"]
                margin = self._margin(weights, prices)
                if margin > SOLVER_TOLERANCE:
                    return self._multipliers(weights, prices, found.objective)
        raise UndecidedTransfersError(f"the proof that there are no transfers leaves a margin of {margin:.1e}")

    def _margin(self, weights: FloatArray, prices: FloatArray) -> float:
        combination = np.zeros(self._program.arrays().row_lower.size)
        combination[self._truth.members] = weights
        combination[self._balance.members] = -prices
        return infeasibility_margin(self._program, combination)

    def _multipliers(self, weights: FloatArray, prices: FloatArray, objective: float) -> SystemMultipliers:
        per_amount = weights * self._unit / self._row_unit
        total = float(per_amount.sum())
        multipliers, left = [], per_amount / total
        for own, lies in zip(self._unpaid, self._lies, strict=True):
            matrix = np.zeros_like(own.gains)
            matrix[tuple(lies.T)], left = left[: len(lies)], left[len(lies) :]
            multipliers.append(matrix)
        return SystemMultipliers(tuple(multipliers), prices / total, self._unit * objective / total)
