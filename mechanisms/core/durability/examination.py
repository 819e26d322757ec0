r"""Coalitional durability: whether the members of a coalition could vote for another game.

An alternative game for coalition :math:`S` gives every member a finite set of choices; choices :math:`d` lead to
actions with probabilities :math:`f(c|d)` and to payments :math:`z_i(d)` that sum to less than zero. It is played if
all vote for it. A mechanism is durable against it if there are beliefs :math:`q` about who would vote for it and an
equilibrium :math:`\sigma` of it with these beliefs, such that types that would strictly gain are thought as likely
as any to vote for it, and some member never gains: it can always vote against.

With two members and :math:`\rho_i(t, d) = q_i(t) \sigma_i(d|t)` what one expects is linear in the other's
:math:`\rho`, so that a mixed-integer program finds beliefs and equilibrium or proves that there are none. It
minimises the gain :math:`\eta` by which these conditions fail: if the least is positive, the alternative refutes
durability; then the bound is proven once more, by prices at every leaf of a tree
(:mod:`marketgame.mechanisms.linear_program.whole_bound`). Coalitions of three and more are not examined.

Source:
    Myerson (2006), section 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.coalitional_games.at_stake import at_stake, measured_from_alone
from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, ex_post_utilities
from marketgame.mechanisms.linear_program import Block, LinearProgram, Sense, Solution, Status, UnverifiedAnswerError
from marketgame.mechanisms.linear_program.whole_bound import bound_by_branching

NEGLIGIBLE = 1e-5
"""Gains below this, relative to the largest payoff of both games, count as none: integer programs are exact to 1e-6."""

NEARLY = 5e-6
"""Bounds are proven up to this of what the solver says they are, relative to the largest payoff of both games."""


@dataclass(frozen=True, eq=False)
class AlternativeGame:
    """A game that a coalition of one or two may vote for.

    Attributes:
        coalition: its members.
        action_probability: of each action for each combination of choices, ``(D_1, C)`` or ``(D_1, D_2, C)``.
        payments: to each member, ``(D_1, 1)`` or ``(D_1, D_2, 2)``; their sum is negative whatever the choices.

    Raises:
        ValueError: shapes disagree, probabilities are no distribution, or payments sum to zero or more.

    Source:
        Myerson (2006), section 10, condition (28).
    """

    coalition: Coalition
    action_probability: FloatArray
    payments: FloatArray

    def __post_init__(self) -> None:
        members = len(self.coalition)
        if members > 2:
            raise ValueError(f"alternative games are examined for one or two members, not {members}")
        probability = finite_array("action probabilities", self.action_probability)
        payments = finite_array("payments", self.payments)
        if probability.ndim != members + 1 or payments.shape != (*probability.shape[:-1], members):
            raise ValueError(
                f"action probabilities of shape {probability.shape} and payments of shape {payments.shape} are no "
                f"alternative game for {members} members"
            )
        if probability.min() < 0 or np.abs(probability.sum(axis=-1) - 1).max() > 1e-9:
            raise ValueError("action probabilities must be nonnegative and sum to 1 for all choices")
        if payments.sum(axis=-1).max() >= 0:
            raise ValueError(f"payments must sum to less than 0; some sum to {payments.sum(axis=-1).max():g}")
        object.__setattr__(self, "action_probability", read_only(probability))
        object.__setattr__(self, "payments", read_only(payments))


@dataclass(frozen=True, eq=False)
class Rejection:
    """How an alternative game fails: beliefs and an equilibrium in which some member can always vote against.

    Attributes:
        beliefs: probability of each type of a member given that it votes for the alternative, ``(K_i,)`` each.
        strategies: probability of each choice, by type, ``(K_i, D_i)`` for each member.
        gains: what each type expects from the alternative beyond the mechanism, ``(K_i,)`` for each member.
        opponent: the member, by its place in the coalition, of whom no type gains.
        regret: what some type could gain by another choice; zero in equilibrium.
    """

    beliefs: tuple[FloatArray, ...]
    strategies: tuple[FloatArray, ...]
    gains: tuple[FloatArray, ...]
    opponent: int
    regret: float


@dataclass(frozen=True, eq=False)
class Refutation:
    """An alternative game that a coalition votes for, whatever it believes and however it is played.

    Attributes:
        alternative: the game.
        margin: with any beliefs and in any equilibrium, some condition of durability fails by at least so much
            gain, in units of money.
    """

    alternative: AlternativeGame
    margin: float


def examine_alternative(
    game: CoalitionalGame, mechanism: Mechanism, alternative: AlternativeGame
) -> Rejection | Refutation:
    """Return how an alternative game fails, or that it refutes the mechanism's durability.

    Raises:
        ValueError: the mechanism or the alternative does not fit the game.
        RuntimeError: the solver could not decide, or its bound could not be proven.
        UnverifiedAnswerError: the solver's answer fails the independent check.

    Source:
        Myerson (2006), section 10.
    """
    payoffs = _payoffs(game, mechanism, alternative)
    unit = at_stake(game).unit
    if len(alternative.coalition) == 1:
        return _decided_alone(alternative, payoffs, unit)
    largest = max(float(np.abs(table).max()) for table in (*payoffs.alternative, *payoffs.established))
    vote = _Vote(game, alternative, payoffs, max(largest, unit))
    solution = vote.program.solve()
    if solution.status is not Status.OPTIMAL:
        raise RuntimeError(f"whether the alternative is rejected could not be decided: {solution.status.value}")
    if solution.bound > NEGLIGIBLE:
        # The solver's own bound is one number that nobody could check.
        proven = _Vote(game, alternative, payoffs, vote.scale, whole=False).least_failure(solution.bound)
        if proven is None:
            raise RuntimeError("whether the alternative is rejected could not be decided: no proof of the bound")
        return Refutation(alternative, proven * vote.scale)
    rejection = vote.read(solution)
    violation = rejection_violation(game, mechanism, alternative, rejection)
    if violation > NEGLIGIBLE * vote.scale:
        raise UnverifiedAnswerError(f"the rejection of an alternative fails its check by {violation:g}")
    return rejection


def rejection_violation(
    game: CoalitionalGame, mechanism: Mechanism, alternative: AlternativeGame, rejection: Rejection
) -> float:
    """Recompute by how much beliefs and strategies fail to reject an alternative, without a solver.

    Returns:
        The largest of: what any type could gain by another choice; what any type of the opponent gains; what a
        type gains that is thought less likely than another to vote for the alternative; and how far beliefs and
        strategies are from distributions. In units of money, the last in probability.

    Raises:
        ValueError: the mechanism or the alternative does not fit the game.
    """
    payoffs = _payoffs(game, mechanism, alternative)
    worst = 0.0
    for member, player in enumerate(alternative.coalition):
        belief, strategy = rejection.beliefs[member], rejection.strategies[member]
        worst = max(worst, float(np.abs(strategy.sum(axis=1) - 1).max()), float(abs(belief.sum() - 1)))
        worst = max(worst, -float(belief.min()), -float(strategy.min()))
        expected, kept = _expectations(payoffs, rejection, member)
        worst = max(worst, float((expected.max(axis=1) - (strategy * expected).sum(axis=1)).max()))
        gains = expected.max(axis=1) - kept
        ratio = belief / game.type_probabilities[player]
        unlikely = ratio < ratio.max() - NEGLIGIBLE
        worst = max(worst, float(gains[unlikely].max(initial=0.0)))
        if member == rejection.opponent:
            worst = max(worst, float(gains.max()))
    return worst


def _expectations(payoffs: _Payoffs, rejection: Rejection, member: int) -> tuple[FloatArray, FloatArray]:
    """Return what each type expects from each choice, ``(K_i, D_i)``, and from the mechanism, ``(K_i,)``."""
    offered, kept = payoffs.alternative[member], payoffs.established[member]
    if offered.ndim == 2:
        return offered.T, kept
    belief, strategy = rejection.beliefs[1 - member], rejection.strategies[1 - member]
    expected: FloatArray = np.einsum("abij,jb->ia", offered, strategy * belief[:, None])
    return expected, kept @ belief


@dataclass(frozen=True, eq=False)
class _Payoffs:
    """What members expect given everybody's type in the coalition.

    Attributes:
        alternative: by choices and types, own first, ``(D_i, D_j, K_i, K_j)``, or ``(D_i, K_i)`` alone.
        established: in the mechanism, by types, own first, ``(K_i, K_j)``, or ``(K_i,)`` alone.
    """

    alternative: tuple[FloatArray, ...]
    established: tuple[FloatArray, ...]


def coalition_payoffs(
    game: CoalitionalGame, mechanism: Mechanism, coalition: Coalition
) -> tuple[FloatArray, FloatArray]:
    """Return what members expect given their types from their own actions and from the mechanism, beyond being alone.

    Returns:
        Utilities of actions, ``(C, S, Q)`` over profiles of the members' types, and of the mechanism, ``(S, Q)``.
    """
    measured = measured_from_alone(game)
    kept = ex_post_utilities(measured, mechanism).T[list(coalition)]
    return (
        game.conditional_expectation(measured.actions[coalition].utilities, coalition),
        game.conditional_expectation(kept, coalition),
    )


def _payoffs(game: CoalitionalGame, mechanism: Mechanism, alternative: AlternativeGame) -> _Payoffs:
    coalition = alternative.coalition
    counts = tuple(game.type_counts[player] for player in coalition)
    utilities, kept = coalition_payoffs(game, mechanism, coalition)
    if alternative.action_probability.shape[-1] != len(utilities):
        raise ValueError(
            f"the alternative has {alternative.action_probability.shape[-1]} actions; "
            f"{game.coalition_name(coalition)} have {len(utilities)}"
        )
    offered, established = [], []
    for member in range(len(coalition)):
        earned = alternative.action_probability @ utilities[:, member]
        table = earned + alternative.payments[..., member, None]
        table = table.reshape(*alternative.payments.shape[:-1], *counts)
        own = kept[member].reshape(counts)
        offered.append(table.transpose(1, 0, 3, 2) if member else table)
        established.append(own.T if member else own)
    return _Payoffs(tuple(offered), tuple(established))


def _decided_alone(alternative: AlternativeGame, payoffs: _Payoffs, scale: float) -> Rejection | Refutation:
    """Decide for a single player, who votes for what is better for any of its types."""
    table, established = payoffs.alternative[0], payoffs.established[0]
    best = table.argmax(axis=0)
    gains = table.max(axis=0) - established
    if gains.max() > NEGLIGIBLE * scale:
        return Refutation(alternative, float(gains.max()))
    strategies = np.eye(len(table))[best]
    believed = np.full(gains.size, 1 / gains.size)
    return Rejection((believed,), (strategies,), (gains,), 0, 0.0)


class _Vote:
    r"""The mixed-integer program that looks for beliefs and an equilibrium in which the alternative fails.

    Attributes:
        program: minimises the gain by which the conditions fail, in units of the scale.
        scale: largest payoff.
    """

    def __init__(
        self,
        game: CoalitionalGame,
        alternative: AlternativeGame,
        payoffs: _Payoffs,
        scale: float,
        *,
        whole: bool = True,
    ) -> None:
        self.scale = scale
        self._whole, self._switches = whole, list[Block]()
        self._payoffs = payoffs
        self._priors = [game.type_probabilities[player] for player in alternative.coalition]
        self._offered = [table / scale for table in payoffs.alternative]
        self._kept = [table / scale for table in payoffs.established]
        # Every difference of payoffs lies between minus and plus two units of the scale.
        self._large = 2.0
        self.program = LinearProgram(Sense.MINIMIZE)
        self._failure = self.program.variables("failure", objective=1.0)
        self._opponent = self._switch("opponent", {"member": 2})
        some = self.program.constraints("some opponent", at_least=1.0)
        self.program.add(some, self._opponent, 1.0)
        self._played = [self._state_beliefs(member) for member in (0, 1)]
        self._values = list[Block]()
        for member in (0, 1):
            self._values.append(self._state_equilibrium(member))
            self._state_votes(member, self._values[member])

    def _switch(self, name: str, dimensions: Mapping[str, int]) -> Block:
        """State variables that are 0 or 1."""
        block = self.program.variables(name, dimensions, upper=1.0, integer=self._whole)
        self._switches.append(block)
        return block

    def least_failure(self, found: float) -> float | None:
        """Return what the failure is not below, proven, if that is nearly as much as was found; none if it is not."""
        # Beliefs are probabilities and payoffs at most one unit of the scale, which proofs need to be told.
        for played, value in zip(self._played, self._values, strict=True):
            self.program.set_bounds(played, upper=1.0)
            self.program.set_bounds(value, lower=-1.0, upper=1.0)
        self.program.set_bounds(self._failure, upper=2.0 * self._large)
        return bound_by_branching(self.program, self._switches, found - NEARLY)

    def _state_beliefs(self, member: int) -> Block:
        """State the joint probability of types and choices given a vote for the alternative."""
        choices, _, types, _ = self._offered[member].shape
        size = {"type": types, "choice": choices}
        played = self.program.variables(f"played by {member}", size)
        total = self.program.constraints(f"beliefs about {member}", equal_to=1.0)
        self.program.add(total, played, 1.0)
        return played

    def _state_equilibrium(self, member: int) -> Block:
        """State that only best choices are played; return what each type expects from its best choice."""
        program, offered = self.program, self._offered[member]
        choices, _, types, _ = offered.shape
        size = {"type": types, "choice": choices}
        value = program.variables(f"value to {member}", {"type": types}, lower=-np.inf)
        best = self._switch(f"best for {member}", size)
        enough = program.constraints(f"no better choice for {member}", size, at_least=0.0)
        used = program.constraints(f"best choices of {member}", size, at_least=-self._large)
        allowed = program.constraints(f"choices played by {member}", size, at_most=0.0)
        some = program.constraints(f"some best choice of {member}", {"type": types}, at_least=1.0)
        program.add(some[:, None], best, 1.0)
        # By own type and choice, the other's type and choice.
        coefficients = offered.transpose(2, 0, 3, 1)
        for rows, sign in ((enough, 1.0), (used, -1.0)):
            program.add(rows, value[:, None], sign)
            program.add(rows[:, :, None, None], self._played[1 - member], -sign * coefficients)
        program.add(used, best, -self._large)
        program.add(allowed, self._played[member], 1.0)
        program.add(allowed, best, -1.0)
        return value

    def _state_votes(self, member: int, value: Block) -> None:
        """State who is thought to vote for the alternative, and that the opponent never gains."""
        program, kept = self.program, self._kept[member]
        row = {"type": len(kept)}
        gains = self._switch(f"may gain: {member}", row)
        for name, switch, sign in (("gain", gains, 1.0), ("opposition", self._opponent[member], -1.0)):
            limit = 0.0 if sign > 0 else self._large
            rows = program.constraints(f"{name} of {member}", row, at_most=limit)
            program.add(rows, value, 1.0)
            program.add(rows[:, None, None], self._played[1 - member], -kept[:, :, None])
            program.add(rows, switch, -sign * self._large)
            program.add(rows, self._failure, -1.0)
        prior = self._priors[member]
        likely = 1 / prior.min()
        most = program.constraints(f"likeliest voters of {member}", {**row, "other type": len(kept)}, at_least=-likely)
        program.add(most[:, :, None], self._played[member][:, None, :], 1 / prior[:, None, None])
        program.add(most[:, :, None], self._played[member][None, :, :], -1 / prior[None, :, None])
        program.add(most, gains[:, None], -likely)

    def read(self, solution: Solution) -> Rejection:
        """Return beliefs and equilibrium, with what they imply recomputed from the payoffs."""
        beliefs, conditional = [], []
        for member in (0, 1):
            played = np.maximum(solution[f"played by {member}"], 0.0)
            total = played.sum(axis=1, keepdims=True)
            beliefs.append(total[:, 0] / total.sum())
            conditional.append(np.divide(played, total, out=np.zeros_like(played), where=total > 0))
        rejection = Rejection(tuple(beliefs), tuple(conditional), (), 0, 0.0)
        gains, regret, strategies = [], 0.0, []
        for member in (0, 1):
            expected, kept = _expectations(self._payoffs, rejection, member)
            best = np.eye(expected.shape[1])[expected.argmax(axis=1)]
            # A type that is not believed to vote for the alternative would make a best choice if it did.
            strategy = np.where(beliefs[member][:, None] > NEGLIGIBLE, conditional[member], best)
            value = (strategy * expected).sum(axis=1)
            regret = max(regret, float((expected.max(axis=1) - value).max()))
            gains.append(value - kept)
            strategies.append(strategy)
        opponent = int(np.argmin([float(gain.max()) for gain in gains]))
        return Rejection(tuple(beliefs), tuple(strategies), tuple(gains), opponent, regret)
