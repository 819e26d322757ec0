r"""The incentive-efficient benchmark of an exchange economy: the most welfare that private information allows.

Of all incentive-compatible mechanisms that divide the goods and pay the numeraire, the benchmark maximises
expected welfare, :math:`\lambda_i = p_i` in Myerson's program (1). Without participation constraints
expected-externality transfers reach the first best under independent types (Giraud and Rochon, section 6.1), and
the program confirms it; with individual participation every type must expect at least what its own endowment is
worth to it, and the benchmark is a true second best. Divisions of the goods are priced by virtual surplus, without
a grid.

Where players are replicas the program over counts of their types is as good (`replicas`).

Nobody pays money that it does not own, whatever the profile. Where payments exist that have the interim expectations of
the optimum without that condition and that everybody can make, that optimum is the benchmark; otherwise the payments
at every profile become part of the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Self

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import autarky_welfare
from marketgame.mechanisms.economies.profiles import Listing
from marketgame.mechanisms.incentive_efficiency.column_generation import ColumnPool, Generated
from marketgame.mechanisms.incentive_efficiency.program import balanced_payments, expected_payments
from marketgame.mechanisms.incentive_efficiency.replicas import ReplicaActions
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.virtual_allocation import DivisibleActions
from marketgame.mechanisms.linear_program import Residuals, Status
from marketgame.mechanisms.linear_program.deadline import Deadline

# A multiplier above this, scaled so that the budget's is 1, says that a constraint costs welfare.
BINDING_MULTIPLIER = 1e-7
# Money owed that is below this share of the payments is rounding of their sums.
DEBT_TOLERANCE = 1e-12
# Money beyond this many times the value of all goods is not counted on: it would only cost the solver its digits.
MOST_MONEY = 1e4


class Money(Enum):
    """How much money players can be asked to pay."""

    OWNED = "owned"
    """At no profile more than they own."""
    UNLIMITED = "unlimited"
    """Any amount, also money that does not exist."""


@dataclass(frozen=True)
class BindingConstraint:
    """A constraint that costs welfare.

    Attributes:
        player: whose.
        type: the type that is held to the constraint.
        report: the type it is tempted to report; empty for a participation constraint.
        multiplier: how much money in the mediator's budget is worth as much as one unit of relaxation.
    """

    player: str
    type: str
    report: str
    multiplier: float


@dataclass(frozen=True, eq=False)
class Divisions:
    """How a mechanism divides the goods, and the multipliers that say what no mechanism exceeds.

    Attributes:
        chances: of each of D divisions at each profile, ``(P, D)``.
        bundles: what each player gets in them, ``(P, D, N, G)``, units.
        multipliers: of the incentive constraints, by type and report, one ``(K_i, K_i)`` for each player, in units in
            which the budget's multiplier is 1.
    """

    chances: FloatArray
    bundles: FloatArray
    multipliers: tuple[FloatArray, ...]

    @classmethod
    def for_certain(cls, bundles: FloatArray, type_counts: Sequence[int]) -> Self:
        """Return one division ``(P, N, G)`` at each profile, with no incentive constraint that binds."""
        multipliers = tuple(np.zeros((count, count)) for count in type_counts)
        return cls(np.ones((len(bundles), 1)), bundles[:, None], multipliers)


@dataclass(frozen=True, eq=False)
class SecondBest:
    """The most expected welfare of incentive-compatible mechanisms.

    Attributes:
        participation: which constraints were imposed.
        money: what players can be asked to pay.
        status: whether an optimum was found.
        gains: expected welfare of the best mechanism found above that of autarky, numeraire; not a number unless
            optimal.
        bound_on_gains: what no such mechanism can gain more than, numeraire.
        welfare: expected welfare of the best mechanism found, numeraire; not a number unless optimal.
        bound: proven upper bound on expected welfare, numeraire.
        payments: what each player receives at each profile, ``(P, N)``, numeraire; at one profile with each of the
            counts where types of replicas are counted, and at none where these are too many. They balance at every
            profile, but in expectation only for a single player who can be asked for any amount.
        interim_gains: per player, each type's expected utility above that of its endowment, numeraire.
        binding: the incentive and participation constraints that cost welfare.
        concave: whether every virtual valuation met was concave, so that the bound is reached.
        rounds: how often divisions of the goods were priced.
        residuals: the independent check of the last linear program.
        standard_error: of the gains, numeraire; zero unless profiles are drawn because they are too many to list.
        mechanism: how the best one found divides the goods; none where that is not stated profile by profile.
    """

    participation: Participation
    money: Money
    status: Status
    gains: float
    bound_on_gains: float
    welfare: float
    bound: float
    payments: FloatArray
    interim_gains: tuple[FloatArray, ...]
    binding: tuple[BindingConstraint, ...]
    concave: bool
    rounds: int
    residuals: Residuals | None
    standard_error: float = 0.0
    mechanism: Divisions | None = None


def second_best(
    economy: Economy,
    participation: Participation = Participation.NONE,
    seconds: float | None = None,
    money: Money = Money.OWNED,
    listing: Listing = Listing.LISTED,
) -> SecondBest:
    """Return the incentive-efficient benchmark of an economy.

    Args:
        economy: the economy.
        participation: what every type must be left with.
        seconds: wall time allowed, or none.
        money: what players can be asked to pay.
        listing: whether its program is over all type profiles, or over counts of types among replicas, exact as well:
            payments then are those at one profile with each of the counts.

    Returns:
        The benchmark, with its proven bound and the constraints that cost welfare.

    Raises:
        ValueError: types are correlated, or an endowment depends on its player's type.
        UnverifiedAnswerError: the last linear program's answer fails the independent check.
        DeadlinePassedError: time ran out while the first divisions were looked for.

    Source:
        Myerson (2006), section 3, program (1) and Theorem 0; participation as in Myerson and Satterthwaite (1983).
    """
    deadline = Deadline.after(seconds)
    actions = ReplicaActions(economy) if listing is Listing.COUNTED else DivisibleActions(economy)
    weights = actions.type_probabilities
    outside = actions.autarky if participation is Participation.INDIVIDUAL else None
    generated = actions.generator(_first_columns(actions, deadline)).solve(weights, outside, deadline=deadline)
    payments = _payments(actions, generated)
    bound = generated.bound
    holdings = economy.endowments(actions.profiles[0])[:, -1]
    if money is Money.OWNED and generated.answer is not None and not _covered(payments, holdings):
        # Whoever may pay more than it owns gains no less, so that the first bound still holds.
        usable = np.minimum(holdings, MOST_MONEY * actions.unit)
        pool = replace(generated.pool, basis=None)  # The program now has payments at every profile.
        generated = actions.generator(pool, usable).solve(weights, outside, deadline=deadline)
        payments = _payments(actions, generated)
        bound = min(bound, generated.bound)
    autarky = float(actions.prior @ autarky_welfare(economy, actions.profiles))
    return SecondBest(
        participation,
        money,
        generated.status,
        generated.value,
        bound,
        autarky + generated.value,
        autarky + bound,
        payments,
        actions.of_each(generated.answer.utilities) if generated.answer is not None else (),
        _binding_constraints(actions, generated),
        actions.concave,
        generated.rounds,
        generated.residuals,
        mechanism=_divisions(actions, generated) if listing is Listing.LISTED else None,
    )


def _payments(actions: DivisibleActions, generated: Generated) -> FloatArray:
    """Return what each player receives at each profile, ``(P, N)``; none where there is no answer."""
    if generated.ex_post_payments is not None:
        return actions.paid(generated.ex_post_payments)
    if generated.answer is None:
        return np.full(actions.profiles.shape, np.nan)
    interim, profiles = actions.of_each(generated.answer.payments), actions.profiles
    if len(interim) == 1:
        return expected_payments(interim, profiles)
    chances = [actions.economy.prior.marginal(player) for player in range(len(interim))]
    return balanced_payments(interim, chances, profiles)


def _divisions(actions: DivisibleActions, generated: Generated) -> Divisions | None:
    """Return the divisions that are drawn at each profile; none where there is no answer."""
    if generated.answer is None or generated.probability is None:
        return None
    drawn = np.flatnonzero(generated.probability > 0)
    at = generated.pool.profiles[drawn]
    place = np.array([np.count_nonzero(at[:number] == profile) for number, profile in enumerate(at)])
    count, players = len(actions.profiles), len(actions.economy.players)
    chances = np.zeros((count, int(place.max()) + 1))
    bundles = np.zeros((*chances.shape, players, actions.economy.valuations.goods))
    chances[at, place] = generated.probability[drawn]
    bundles[at, place] = generated.pool.actions[drawn].astype(np.float64).reshape(len(drawn), players, -1)
    multipliers = tuple(np.maximum(table, 0.0) for table in generated.answer.virtual.multipliers)
    return Divisions(chances, bundles, multipliers)


def _covered(payments: FloatArray, holdings: FloatArray) -> bool:
    """Say whether payments ``(P, N)`` create no money at any profile and take no more than players own, ``(N,)``."""
    rounding = DEBT_TOLERANCE * float(np.abs(payments).max(initial=0.0))
    return bool((payments >= -holdings - rounding).all() and (payments.sum(axis=1) <= rounding).all())


def _first_columns(actions: DivisibleActions, deadline: Deadline) -> ColumnPool:
    """Return the columns to start from: the efficient division, and everybody keeping what it owns.

    The latter without payments is feasible, whatever must be left to whom, unless somebody owns nothing of a good whose
    first unit is worth infinitely much.
    """
    economy, everywhere = actions.economy, np.arange(len(actions.profiles))
    coefficients = tuple(np.eye(len(each)) for each in actions.type_probabilities)
    efficient = actions.best_actions(coefficients, everywhere, deadline).actions
    if (economy.reference_goods != economy.endowment_table[:, :-1]).any():
        return ColumnPool(everywhere, efficient)
    kept = economy.endowments(actions.profiles)[..., :-1].reshape(len(everywhere), -1)
    return ColumnPool(np.tile(everywhere, 2), np.concatenate([efficient, kept]))


def _binding_constraints(actions: DivisibleActions, generated: Generated) -> tuple[BindingConstraint, ...]:
    answer = generated.answer
    if answer is None:
        return ()
    found = []
    # A constraint of each replica costs as much as that of their sum.
    for player, number in zip(actions.economy.players, actions.group, strict=True):
        names = [kind.name for kind in player.types]
        multipliers = answer.virtual.multipliers[number]
        for true_type, report in np.argwhere(multipliers > BINDING_MULTIPLIER):
            multiplier = float(multipliers[true_type, report])
            found.append(BindingConstraint(player.name, names[true_type], names[report], multiplier))
        held = np.flatnonzero(answer.participation[number] > BINDING_MULTIPLIER)
        prices = answer.participation[number]
        found.extend(BindingConstraint(player.name, names[kind], "", float(prices[kind])) for kind in held)
    return tuple(found)
