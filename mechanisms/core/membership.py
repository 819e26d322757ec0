r"""Whether a given mechanism achieves a core allocation, with its own severance or with the best there is.

With given severance the stakes are given, and Theorem 1 decides. With severance to be chosen, stakes are
:math:`\omega = g - \varepsilon` with :math:`g_i(t)` the utilities of the mechanism at every profile and
:math:`\varepsilon \ge 0`, and virtual stakes contain products of multipliers and severance. Theorem 3 narrows the
choice: multipliers only where incentive constraints bind, severance only for types without weight, and the grand
coalition keeps the virtual utility of what it does.

Source:
    Myerson (2006), section 7.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from marketgame.mechanisms.blocking import BlockingPlan, find_blocking_plan
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, feasibility, stakes
from marketgame.mechanisms.core.allocation import CoreAllocation, core_allocation
from marketgame.mechanisms.core.outcome import UndecidedCore
from marketgame.mechanisms.core.search import USUAL_VARIANT
from marketgame.mechanisms.core.severance import NoSeverance, SeveranceChoice
from marketgame.mechanisms.core.variant import CoreVariant, SeverancePay
from marketgame.mechanisms.linear_program import UnverifiedAnswerError


@dataclass(frozen=True)
class InfeasibleMechanism:
    """Why a mechanism achieves nothing.

    Attributes:
        misreport_gain: largest gain of a type from a false report, in units of money.
        loss: what the mediator expects to lose, likewise.
    """

    misreport_gain: float
    loss: float


def core_membership(
    game: CoalitionalGame, mechanism: Mechanism, variant: CoreVariant = USUAL_VARIANT
) -> CoreAllocation | BlockingPlan | InfeasibleMechanism:
    """Return the proof that a mechanism with its severance is in the core, or what is wrong with it.

    Returns:
        The core allocation with its proof; a blocking plan against it; or why it is not feasible.

    Raises:
        ValueError: the mechanism does not fit the game, or promises severance that the variant does not allow.
        UnverifiedAnswerError: the answer fails its independent check.
    """
    infeasible = _infeasibility(game, mechanism)
    if infeasible is not None:
        return infeasible
    if variant.severance is SeverancePay.NONE and mechanism.severance.any():
        raise ValueError(
            f"the mechanism promises severance of up to {mechanism.severance.max():g}; the variant allows no severance"
        )
    omega = stakes(game, mechanism)
    verdict = find_blocking_plan(game, omega, support=variant.support, limits=variant.limits)
    if isinstance(verdict, BlockingPlan):
        return verdict
    allocation = core_allocation(game, mechanism, verdict.virtual, variant)
    if not allocation.residuals.acceptable:
        raise UnverifiedAnswerError(f"the core allocation fails its check: {allocation.residuals}")
    return allocation


def with_best_severance(
    game: CoalitionalGame, mechanism: Mechanism, variant: CoreVariant = USUAL_VARIANT
) -> CoreAllocation | NoSeverance | UndecidedCore | InfeasibleMechanism:
    """Return the mechanism with severance that brings it into the core, or the proof that none does.

    Its actions and payments stay, side-bets included; the severance it promised is replaced.

    Returns:
        The core allocation with the least expected severance the search found; the proof that no severance puts
        the mechanism in the core; that nothing is known; or why the mechanism is not feasible.

    Raises:
        ValueError: the mechanism does not fit the game, or the variant allows no severance.
    """
    if variant.severance is SeverancePay.NONE:
        raise ValueError("the variant allows no severance; choose one that does, or ask for core_membership")
    infeasible = _infeasibility(game, mechanism)
    if infeasible is not None:
        return infeasible
    without = replace(mechanism, severance=np.zeros(()))
    unblocked = core_membership(game, without, variant)
    if isinstance(unblocked, CoreAllocation):
        return unblocked
    choice = SeveranceChoice(game, without, variant)
    start = choice.relaxed()
    if isinstance(start, NoSeverance):
        return start
    for multipliers in (start, np.zeros_like(start)):
        found = choice.from_multipliers(multipliers)
        if found is not None:
            allocation = core_allocation(game, replace(without, severance=found[0]), found[1], variant)
            if allocation.residuals.acceptable:
                return allocation
    return UndecidedCore(variant, "no severance was found, and none was proved impossible", 1)


def _infeasibility(game: CoalitionalGame, mechanism: Mechanism) -> InfeasibleMechanism | None:
    found = feasibility(game, mechanism)
    if found.feasible:
        return None
    return InfeasibleMechanism(found.largest_gain, max(found.expected_cost, 0.0))
