r"""Blocking plans as random invitations, and the recomputation that shows them tenable.

A plan :math:`(\nu, y)` invites coalition :math:`S` to do :math:`c` when its members report :math:`t_S` with
probability :math:`\nu_S(c|t_S)`, and pays player i of type :math:`t_i` the expected amount :math:`y_i(t_i)`.
Type :math:`t_i` that reports :math:`r_i` while everybody else accepts and tells the truth gains

.. math:: y_i(r_i) + \sum_{t_{-i}} p(t_{-i}) \sum_{S \ni i} \sum_{c} \nu_S(c | t_{S-i}, r_i)
          (u_i(c, t) - \omega_i(t)).

The plan is tenable when no type loses by telling the truth (10), none gains by another report (11), and the
mediator expects a profit (12).

Source:
    Myerson (2006), section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, finite_array
from marketgame.mechanisms.blocking.coalition_limits import CoalitionLimits, Normalisation, Support
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights

ROUNDING = 1e-15
"""Share of what a plan moves that rounding may add to its profit."""

LAST_DIGIT = float(np.finfo(np.float64).eps)
"""Share of utilities and stakes below which their differences say nothing: these numbers are rounded themselves.

So are the sums that stakes are, of payments as large as what is at stake for a player.
"""


@dataclass(frozen=True)
class Invitation:
    r"""One coalition, invited to do one action if its types are as expected.

    Attributes:
        coalition: who is invited.
        types: of the members, in their order; of all players with fine support.
        action: number of the action among the coalition's.
        probability: :math:`\nu_S(c | t_S)`.
    """

    coalition: Coalition
    types: tuple[int, ...]
    action: int
    probability: float


@dataclass(frozen=True, eq=False)
class BlockingPlan:
    r"""The most profitable tenable blocking plan against given stakes.

    The mediator draws an invitation (or none), asks the players it names for their types, and lets the coalition
    leave if all accept and report the types it names; otherwise everybody stays in the established plan.

    Attributes:
        invitations: those with positive probability.
        payments: :math:`y_i(t_i)`, expected, positive when paid to the player, one ``(K_i,)`` for each player.
        profit: expected profit of the mediator.
        profit_bound: no tenable plan earns more, by weak duality with ``virtual``.
        interim_gains: of each type from accepting, one ``(K_i,)`` for each player; none negative.
        virtual: weights and multipliers that prove the bound.
        largest_multiple: how often the plan fits into equation (8), which allows that many times the profit.
        support: whose types an action may depend on.
        normalisation: the bound on the size of plans.
        limits: on the coalitions that were considered.
    """

    invitations: tuple[Invitation, ...]
    payments: tuple[FloatArray, ...]
    profit: float
    profit_bound: float
    interim_gains: tuple[FloatArray, ...]
    virtual: VirtualWeights
    largest_multiple: float
    support: Support
    normalisation: Normalisation
    limits: CoalitionLimits

    @property
    def largest_profit(self) -> float:
        """Profit of the same plan when its invitations are as frequent as equation (8) allows."""
        return self.profit * self.largest_multiple

    def draw(self, generator: np.random.Generator) -> Invitation | None:
        """Return a random invitation, or none with the probability that is left.

        Raises:
            ValueError: the plan's probabilities sum to more than one, as equation (8) allows over profiles.
        """
        probabilities = np.array([invitation.probability for invitation in self.invitations])
        rest = 1 - probabilities.sum()
        if rest < -1e-9:
            raise ValueError(f"the invitations have total probability {probabilities.sum():.12g}, more than 1")
        weights = np.append(probabilities, max(rest, 0.0))
        drawn = generator.choice(len(weights), p=weights / weights.sum())
        return self.invitations[drawn] if drawn < len(self.invitations) else None


@dataclass(frozen=True, eq=False)
class Tenability:
    """A blocking plan's terms, recomputed from its definition.

    Attributes:
        report_gains: what each type gains by each report, one ``(K_i, K_i)`` for each player.
        profit: of the mediator.
        total_probability: of all invitations, as in equation (9).
        largest_probability: that some coalition leaves, at the profile where it is largest, as in equation (8).
        terms: size of what each type's gains by a report are the sum of, payments and actions weighted by how likely
            they are, one ``(K_i, K_i)`` for each player; rounding is relative to this.
        moved: what all players together expect to be paid, pay, gain and lose, in absolute terms.
        levels: what all members of leaving coalitions expect to get and to give up, in absolute terms, and what is at
            stake for them.
    """

    report_gains: tuple[FloatArray, ...]
    profit: float
    total_probability: float
    largest_probability: float
    terms: tuple[FloatArray, ...]
    moved: float
    levels: float

    @property
    def interim_gains(self) -> tuple[FloatArray, ...]:
        """What each type gains by accepting and telling the truth, one ``(K_i,)`` for each player."""
        return tuple(np.diagonal(table).copy() for table in self.report_gains)

    @property
    def largest_loss(self) -> float:
        """The most a type loses by accepting; at most 0 when condition (10) holds."""
        return max(float((-gains).max()) for gains in self.interim_gains)

    @property
    def largest_misreport_gain(self) -> float:
        """The most a type gains by a false report; 0 when condition (11) holds."""
        return max(float((table - np.diagonal(table)[:, None]).max()) for table in self.report_gains)

    @property
    def scale(self) -> float:
        """The largest of all terms, in units of money."""
        return max(float(table.max()) for table in self.terms)

    @property
    def misreport_scale(self) -> float:
        """Terms of the false report that gains most, and of the truth instead of it, in units of money."""
        largest, size = -np.inf, 0.0
        for table, terms in zip(self.report_gains, self.terms, strict=True):
            gains = table - np.diagonal(table)[:, None]
            truth, report = np.unravel_index(int(gains.argmax()), gains.shape)
            if gains[truth, report] > largest:
                largest, size = gains[truth, report], float(terms[truth, report] + terms[truth, truth])
        return size

    @property
    def sure_profit(self) -> float:
        """What is left of the profit once the mediator makes up for what types lose by accepting or by the truth.

        Whatever rounding leaves of a type's loss, a payment to all types of its player makes good, and tempts nobody.
        What rounding may have done to all these sums is no profit either, nor what it did to utilities and stakes.
        """
        return (
            self.profit
            - ROUNDING * self.moved
            - LAST_DIGIT * self.levels
            - sum(
                max(float((-np.diagonal(table)).max()), 0.0)
                + max(float((table - np.diagonal(table)[:, None]).max()), 0.0)
                for table in self.report_gains
            )
        )

    def tenable(self, tolerance: float = 1e-8) -> bool:
        """Whether conditions (10) to (12) hold.

        The first two may be missed by rounding, relative to the terms of each type's own expectation, if a profit is
        left when the mediator makes up for it.
        """
        return self.missed <= tolerance and self.sure_profit > 0

    @property
    def missed(self) -> float:
        """By how much some type loses by accepting or by the truth, relative to the terms of its own expectation."""
        worst = 0.0
        for table, terms in zip(self.report_gains, self.terms, strict=True):
            truth, own = np.diagonal(table), np.diagonal(terms)
            loss = np.maximum(-truth, 0.0)
            regret = np.maximum(table - truth[:, None], 0.0)
            scale = np.maximum(terms, own[:, None])
            worst = max(worst, _largest_ratio(loss, own), _largest_ratio(regret, scale))
        return worst


def replay(
    game: CoalitionalGame, stakes: ArrayLike, invitations: tuple[Invitation, ...], payments: tuple[FloatArray, ...]
) -> Tenability:
    r"""Recompute the terms of a blocking plan by enumeration, without linear programming.

    Args:
        game: with N players and P type profiles.
        stakes: :math:`\omega_i(t)`, ``(P, N)``.
        invitations: the plan's.
        payments: :math:`y_i(t_i)`, one ``(K_i,)`` for each player.

    Raises:
        ValueError: stakes, payments or an invitation do not fit the game.

    Source:
        Myerson (2006), conditions (8) to (12).
    """
    omega = finite_array("stakes", stakes, (len(game.profiles), len(game.players)))
    _require_fitting(game, invitations)
    tables, terms = [], []
    for player, count in enumerate(game.type_counts):
        expected = finite_array(f"payments of player {player}", payments[player], (count,))
        tables.append(np.tile(expected, (count, 1)))
        terms.append(np.tile(np.abs(expected), (count, 1)))
    leaving, levels = np.zeros(len(game.profiles)), 0.0
    for invitation in invitations:
        gains, level = _gains(game, omega, invitation)
        invited = np.where(_matches(game, invitation), game.probability, 0.0)
        levels += invitation.probability * float((invited * level).sum())
        leaving += np.where(_matches(game, invitation), invitation.probability, 0.0)
        for player, own in zip(invitation.coalition, gains, strict=True):
            others = _matches(game, invitation, except_for=player)
            weight = np.where(others, game.conditional_probability(game.others((player,))), 0.0)
            report = _named_types(game, invitation)[player]
            truth = game.profiles[:, player]
            np.add.at(tables[player][:, report], truth, invitation.probability * weight * own)
            np.add.at(terms[player][:, report], truth, invitation.probability * weight * np.abs(own))
    profit = -sum(float(p @ y) for p, y in zip(game.type_probabilities, payments, strict=True))
    total = sum(invitation.probability for invitation in invitations)
    moved = sum(float(p @ np.diagonal(size)) for p, size in zip(game.type_probabilities, terms, strict=True))
    return Tenability(tuple(tables), profit, total, float(leaving.max()), tuple(terms), moved, levels)


def _require_fitting(game: CoalitionalGame, invitations: tuple[Invitation, ...]) -> None:
    """Refuse invitations to what the game does not have.

    Raises:
        ValueError: a coalition, type, action or probability does not exist, or some invitations know the types of the
            members and others those of all players.
    """
    everybody = len(game.players)
    fine = set()
    for one in invitations:
        named = game.grand_coalition if len(one.types) == everybody else one.coalition
        fits = (
            one.coalition in game.actions
            and len(one.types) == len(named)
            and all(0 <= kind < game.type_counts[player] for kind, player in zip(one.types, named, strict=True))
            and 0 <= one.action < len(game.actions[one.coalition].names)
            and one.probability >= 0
        )
        if not fits:
            raise ValueError(f"{one} does not fit the game")
        if len(one.coalition) < everybody:
            fine.add(len(one.types) == everybody)
    if len(fine) > 1:
        raise ValueError("some invitations name the types of their members and others those of all players")


def _gains(game: CoalitionalGame, stakes: FloatArray, invitation: Invitation) -> tuple[FloatArray, FloatArray]:
    """Return what the members gain by leaving at every profile, and the size of what that is a difference of."""
    got, given_up = (
        game.actions[invitation.coalition].utilities[invitation.action],
        stakes.T[list(invitation.coalition)],
    )
    paid = np.array([at_stake(game).by_type[player].max() for player in invitation.coalition])
    return got - given_up, np.abs(got) + np.abs(given_up) + paid[:, None]


def _named_types(game: CoalitionalGame, invitation: Invitation) -> dict[int, int]:
    """Return the type each named player must report."""
    fine = len(invitation.types) == len(game.players)
    return dict(zip(game.grand_coalition if fine else invitation.coalition, invitation.types, strict=True))


def _matches(game: CoalitionalGame, invitation: Invitation, except_for: int | None = None) -> BooleanArray:
    """Return at which profiles the named players, but perhaps one, have the named types, ``(P,)``."""
    result = np.ones(len(game.profiles), dtype=np.bool_)
    for player, wanted in _named_types(game, invitation).items():
        if player != except_for:
            result &= game.profiles[:, player] == wanted
    return result


def _largest_ratio(errors: FloatArray, terms: FloatArray) -> float:
    """Return the largest error relative to its terms; what has no terms has no error."""
    return float(np.divide(errors, terms, out=np.zeros_like(errors), where=terms > 0).max())
