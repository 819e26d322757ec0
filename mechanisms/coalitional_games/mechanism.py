r"""Mechanisms for the grand coalition of a coalitional game, evaluated by exact enumeration.

A mechanism :math:`(\mu, x)` asks every player's type, chooses action :math:`c` with probability
:math:`\mu(c|t)` and pays player i :math:`x_i(t)`. A type :math:`t_i` that reports :math:`r_i` while the others
tell the truth expects

.. math:: \hat U_i(\mu, x, r_i | t_i)
          = \sum_{t_{-i}} p(t_{-i}) \Big[ x_i(t_{-i}, r_i) + \sum_c \mu(c | t_{-i}, r_i) u_i(c, t) \Big],

and :math:`U_i(\mu, x | t_i)` when telling the truth itself. Severance is what the mediator owes a player who
leaves to join a blocking coalition; it plays no part in these expectations.

Source:
    Myerson (2006), sections 2 and 7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from marketgame.mechanisms.arrays import PROBABILITY_TOLERANCE, FloatArray, finite_array, read_only
from marketgame.mechanisms.coalitional_games.at_stake import at_stake, measured_from_alone
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame

FEASIBILITY_LIMIT = 1e-7
"""Gains by misreports and expected losses below this share of what is at stake count as none."""

SUMMATION_ERROR = 1e-15
"""What is left over when payments of size one cancel."""

SMALLEST_PROBABILITY = 1e-12
"""Actions chosen with less probability are left out of a rule made for reading."""


@dataclass(frozen=True, eq=False)
class Mechanism:
    r"""A collective-choice mechanism with severance payments.

    Attributes:
        action_probability: :math:`\mu(c|t)`, ``(P, C)``.
        payments: :math:`x_i(t)`, positive when paid to the player, in units of money, ``(P, N)``.
        severance: :math:`\varepsilon_i(t)`, broadcast to ``(P, N)``; none by default.

    Raises:
        ValueError: shapes disagree, probabilities are negative or do not sum to one, or severance is negative.
    """

    action_probability: FloatArray
    payments: FloatArray
    severance: FloatArray = field(default_factory=lambda: np.zeros(()))

    def __post_init__(self) -> None:
        probability = finite_array("action probabilities", self.action_probability, (None, None))
        payments = finite_array("payments", self.payments, (len(probability), None))
        severance = finite_array("severance", self.severance)
        if probability.min(initial=0.0) < -PROBABILITY_TOLERANCE:
            raise ValueError(f"action probabilities must not be negative; one is {probability.min():g}")
        totals = probability.sum(axis=1)
        worst = int(np.abs(totals - 1).argmax())
        if abs(totals[worst] - 1) > PROBABILITY_TOLERANCE:
            raise ValueError(f"the action probabilities of profile {worst} sum to {totals[worst]:.12g}, not to 1")
        if severance.min() < 0:
            raise ValueError(f"severance must not be negative; one is {severance.min():g}")
        try:
            severance = np.broadcast_to(severance, payments.shape)
        except ValueError:
            raise ValueError(f"severance has shape {severance.shape}; payments have {payments.shape}") from None
        object.__setattr__(self, "action_probability", read_only(probability))
        object.__setattr__(self, "payments", read_only(payments))
        object.__setattr__(self, "severance", read_only(severance))

    def fitting(self, game: CoalitionalGame) -> Mechanism:
        """Return the mechanism, known to be one for the game.

        Raises:
            ValueError: the numbers of profiles, actions or players differ.
        """
        actions = game.actions[game.grand_coalition]
        wanted = (len(game.profiles), len(actions.names))
        if self.action_probability.shape != wanted or self.payments.shape[1] != len(game.players):
            raise ValueError(
                f"the mechanism has {self.action_probability.shape[0]} profiles, "
                f"{self.action_probability.shape[1]} actions and {self.payments.shape[1]} players; "
                f"the game has {wanted[0]}, {wanted[1]} and {len(game.players)}"
            )
        return self


@dataclass(frozen=True)
class Rule:
    """What a mechanism does at one type profile, in names.

    Attributes:
        types: reported type of each player.
        action: probability of each action that may be chosen.
        payment: to each player.
        severance: owed to each player.
        probability: prior probability of the profile.
    """

    types: dict[str, str]
    action: dict[str, float]
    payment: dict[str, float]
    severance: dict[str, float]
    probability: float


def rules(game: CoalitionalGame, mechanism: Mechanism) -> tuple[Rule, ...]:
    """Return the mechanism profile by profile, in names."""
    mechanism.fitting(game)
    actions = game.actions[game.grand_coalition].names
    result = []
    for number, profile in enumerate(game.profiles):
        chosen = mechanism.action_probability[number]
        result.append(
            Rule(
                {game.players[i]: game.types[i][t] for i, t in enumerate(profile)},
                {name: float(chosen[c]) for c, name in enumerate(actions) if chosen[c] > SMALLEST_PROBABILITY},
                dict(zip(game.players, mechanism.payments[number].tolist(), strict=True)),
                dict(zip(game.players, mechanism.severance[number].tolist(), strict=True)),
                float(game.probability[number]),
            )
        )
    return tuple(result)


def ex_post_utilities(game: CoalitionalGame, mechanism: Mechanism) -> FloatArray:
    r"""Return :math:`x_i(t) + \sum_c \mu(c|t) u_i(c, t)` when all tell the truth, ``(P, N)``.

    What rounding leaves of payments and utilities that cancel is nothing: a stake of 1e-16 would be all that a type has
    to lose, and what it gains or loses would be measured by it.
    """
    mechanism.fitting(game)
    utilities = game.actions[game.grand_coalition].utilities
    values: FloatArray = np.einsum("pc,cip->pi", mechanism.action_probability, utilities)
    terms = np.einsum("pc,cip->pi", np.abs(mechanism.action_probability), np.abs(utilities))
    together = mechanism.payments + values
    return np.where(np.abs(together) <= SUMMATION_ERROR * (np.abs(mechanism.payments) + terms), 0.0, together)


def stakes(game: CoalitionalGame, mechanism: Mechanism) -> FloatArray:
    r"""Return :math:`\omega_i(t)`, what a player loses by joining a blocking coalition, ``(P, N)``.

    Source:
        Myerson (2006), equation (18).
    """
    return ex_post_utilities(game, mechanism) - mechanism.severance


def reported_utilities(game: CoalitionalGame, mechanism: Mechanism) -> tuple[FloatArray, ...]:
    r"""Return :math:`\hat U_i(\mu, x, r_i | t_i)` of every type and report, one ``(K_i, K_i)`` for each player."""
    mechanism.fitting(game)
    utilities = game.actions[game.grand_coalition].utilities
    result = []
    for player, count in enumerate(game.type_counts):
        # Dimensions: types of players before, report or true type of this player, types of players after, action.
        before = math.prod(game.type_counts[:player])
        others = game.conditional_probability(game.others((player,))).reshape(before, count, -1)[:, 0]
        chosen = mechanism.action_probability.reshape(before, count, others.shape[1], -1) * others[:, None, :, None]
        paid = mechanism.payments[:, player].reshape(before, count, -1)
        gained = utilities[:, player].reshape(-1, before, count, others.shape[1])
        values = np.tensordot(gained, chosen, axes=((0, 1, 3), (3, 0, 2)))
        result.append(values + np.einsum("arb,ab->r", paid, others))
    return tuple(result)


def interim_utilities(game: CoalitionalGame, mechanism: Mechanism) -> tuple[FloatArray, ...]:
    r"""Return :math:`U_i(\mu, x | t_i)`, one ``(K_i,)`` for each player."""
    return tuple(np.diagonal(table).copy() for table in reported_utilities(game, mechanism))


def misreport_gains(game: CoalitionalGame, mechanism: Mechanism) -> tuple[FloatArray, ...]:
    r"""Return :math:`\hat U_i(r_i|t_i) - U_i(t_i)` by type and report, one ``(K_i, K_i)`` for each player.

    The mechanism is incentive compatible when none is positive. Levels of utility cancel out before anything is added.
    """
    tables = reported_utilities(measured_from_alone(game), mechanism)
    return tuple(table - np.diagonal(table)[:, None] for table in tables)


def expected_cost(game: CoalitionalGame, mechanism: Mechanism) -> float:
    r"""Return what the mediator expects to pay, :math:`\sum_t p(t) \sum_i x_i(t)`; at most 0 when feasible."""
    mechanism.fitting(game)
    return float(game.probability @ mechanism.payments.sum(axis=1))


@dataclass(frozen=True, eq=False)
class Feasibility:
    r"""Whether a mechanism is feasible: no type gains by a misreport, and the mediator expects no loss.

    This is the only notion of feasible: whoever asks, asks here.

    Attributes:
        gains: by misreports, by type and report, one ``(K_i, K_i)`` for each player, in units of utility.
        expected_cost: what the mediator expects to pay, likewise.
        relative_gain: the largest gain relative to what is at stake for its type; at most zero without rounding.
        relative_loss: what the mediator expects to lose relative to what is at stake for players on average.
    """

    gains: tuple[FloatArray, ...]
    expected_cost: float
    relative_gain: float
    relative_loss: float

    @property
    def feasible(self) -> bool:
        """Whether both conditions hold up to ``FEASIBILITY_LIMIT``."""
        return max(self.relative_gain, self.relative_loss) <= FEASIBILITY_LIMIT

    @property
    def largest_gain(self) -> float:
        """What the most tempted type gains, in units of utility; zero when truth is best."""
        return max(float(table.max()) for table in self.gains)


def feasibility(game: CoalitionalGame, mechanism: Mechanism) -> Feasibility:
    """Return by how much a mechanism misses feasibility.

    Raises:
        ValueError: the mechanism does not fit the game.

    Source:
        Myerson (2006), section 2.
    """
    gains, cost, stake = misreport_gains(game, mechanism), expected_cost(game, mechanism), at_stake(game)
    # Payments that cancel in expectation, such as side-bets, leave the rounding of their own size behind.
    sizes = tuple(
        game.conditional_expectation(np.abs(mechanism.payments[:, player]), (player,))
        for player in game.grand_coalition
    )
    relative = max(
        float((table.max(axis=1) / (own + _excused(np.maximum(size, size.max())))).max())
        for table, own, size in zip(gains, stake.by_type, sizes, strict=True)
    )
    paid = sum(float(p @ size) for p, size in zip(game.type_probabilities, sizes, strict=True))
    return Feasibility(gains, cost, relative, max(cost, 0.0) / (stake.unit + _excused(paid)))


def _excused[T: (float, FloatArray)](size: T) -> T:
    """Return what makes the rounding of numbers of a size no more than ``FEASIBILITY_LIMIT`` of the sum."""
    return size * (SUMMATION_ERROR / FEASIBILITY_LIMIT)
