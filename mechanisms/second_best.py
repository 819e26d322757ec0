r"""The incentive-efficient benchmark of an exchange economy: the most welfare that private information allows.

Of all incentive-compatible mechanisms that divide the goods and pay the numeraire, the benchmark maximises
expected welfare, :math:`\lambda_i = p_i` in Myerson's program (1). Without participation constraints
expected-externality transfers reach the first best under independent types (Giraud and Rochon, section 6.1), and
the program confirms it; with individual participation every type must expect at least what its own endowment is
worth to it, and the benchmark is a true second best. Divisions of the goods are priced by virtual surplus, without
a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechanisms.arrays import FloatArray
from mechanisms.column_generation import ColumnGenerator, Generated
from mechanisms.divisible_actions import DivisibleActions
from mechanisms.economy import Economy
from mechanisms.efficiency import autarky_welfare
from mechanisms.incentive_efficiency import Participation
from mechanisms.linear_program import Residuals, Status

# A multiplier above this, scaled so that the budget's is 1, says that a constraint costs welfare.
BINDING_MULTIPLIER = 1e-7


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
class SecondBest:
    """The most expected welfare of incentive-compatible mechanisms.

    Attributes:
        participation: which constraints were imposed.
        status: whether an optimum was found.
        welfare: expected welfare of the best mechanism found, numeraire; not a number unless optimal.
        bound: proven upper bound on expected welfare, numeraire.
        interim_gains: per player, each type's expected utility above that of its endowment, numeraire.
        binding: the incentive and participation constraints that cost welfare.
        concave: whether every virtual valuation met was concave, so that the bound is reached.
        rounds: how often divisions of the goods were priced.
        residuals: the independent check of the last linear program.
    """

    participation: Participation
    status: Status
    welfare: float
    bound: float
    interim_gains: tuple[FloatArray, ...]
    binding: tuple[BindingConstraint, ...]
    concave: bool
    rounds: int
    residuals: Residuals | None


def second_best(
    economy: Economy, participation: Participation = Participation.NONE, seconds: float | None = None
) -> SecondBest:
    """Return the incentive-efficient benchmark of an economy.

    Args:
        economy: with independent types and endowments that do not depend on them.
        participation: what every type must be left with.
        seconds: wall time allowed, or none.

    Returns:
        The benchmark, with its proven bound and the constraints that cost welfare.

    Raises:
        ValueError: types are correlated, or an endowment depends on its player's type.
        UnverifiedAnswerError: the last linear program's answer fails the independent check.

    Source:
        Myerson (2006), section 3, program (1) and Theorem 0; participation as in Myerson and Satterthwaite (1983).
    """
    actions = DivisibleActions(economy)
    weights = actions.type_probabilities
    outside = [np.zeros(len(weight)) for weight in weights] if participation is Participation.INDIVIDUAL else None
    generated = ColumnGenerator(actions).solve(weights, outside, seconds=seconds)
    autarky = float(economy.prior.probability @ autarky_welfare(economy))
    return SecondBest(
        participation,
        generated.status,
        autarky + generated.value,
        autarky + generated.bound,
        generated.answer.utilities if generated.answer is not None else (),
        _binding_constraints(economy, generated),
        actions.concave,
        generated.rounds,
        generated.residuals,
    )


def _binding_constraints(economy: Economy, generated: Generated) -> tuple[BindingConstraint, ...]:
    answer = generated.answer
    if answer is None:
        return ()
    found = []
    for number, player in enumerate(economy.players):
        names = [kind.name for kind in player.types]
        multipliers = answer.virtual.multipliers[number]
        for true_type, report in np.argwhere(multipliers > BINDING_MULTIPLIER):
            multiplier = float(multipliers[true_type, report])
            found.append(BindingConstraint(player.name, names[true_type], names[report], multiplier))
        held = np.flatnonzero(answer.participation[number] > BINDING_MULTIPLIER)
        prices = answer.participation[number]
        found.extend(BindingConstraint(player.name, names[kind], "", float(prices[kind])) for kind in held)
    return tuple(found)
