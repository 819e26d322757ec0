"""The JSON document of ``marketgame core``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marketgame.experiments.efficiency.game_document import (
    by_player_and_type,
    mechanism_document,
    virtual_weights_document,
    without_sign_of_zero,
)
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import Support
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, expected_cost, interim_utilities, rules
from marketgame.mechanisms.core.allocation import CoreAllocation, CoreResiduals
from marketgame.mechanisms.core.outcome import CoreOptimum, EmptyCore, UndecidedCore
from marketgame.mechanisms.core.variant import SeverancePay
from marketgame.mechanisms.linear_program import Sense

if TYPE_CHECKING:
    from marketgame.experiments.blocking.core_answer import CoreAnswer

ALLOCATION_KEYS = (
    *("mechanism", "interim", "stake", "expected_severance", "mediator_profit", "lambda", "alpha", "residuals"),
)


def core_document(answer: CoreAnswer) -> dict[str, Any]:
    """Return the answer as the JSON document of ``marketgame core``.

    ``objective`` is the value of what was optimised, ``objective_bound`` a proven limit on it over the whole core;
    they agree when ``optimal`` is true. Without an objective all three are null.
    """
    game, allocation, variant = answer.game, answer.allocation, answer.variant
    return {
        "kind": "coalitional-game",
        "game": answer.established.name,
        "players": list(game.players),
        "status": answer.status.name.lower(),
        "variant": {"fine": variant.support is Support.FINE, "severance": variant.severance is SeverancePay.ALLOWED},
        **_objective_document(answer.optimum),
        **(dict.fromkeys(ALLOCATION_KEYS) if allocation is None else _allocation_document(game, allocation)),
        "evidence": _evidence_document(answer),
    }


def _objective_document(optimum: CoreOptimum | None) -> dict[str, Any]:
    if optimum is None:
        return dict.fromkeys(("objective", "objective_name", "objective_sense", "objective_bound", "optimal"))
    return {
        "objective": without_sign_of_zero(optimum.value),
        "objective_name": optimum.objective.name,
        "objective_sense": "minimize" if optimum.sense is Sense.MINIMIZE else "maximize",
        "objective_bound": without_sign_of_zero(optimum.bound),
        "optimal": optimum.optimal,
    }


def _allocation_document(game: CoalitionalGame, allocation: CoreAllocation) -> dict[str, Any]:
    mechanism = allocation.mechanism
    return {
        "mechanism": _with_severance(game, mechanism),
        "interim": by_player_and_type(game, interim_utilities(game, mechanism)),
        "stake": _stake_document(game, mechanism, allocation.stakes),
        "expected_severance": expected_severance_of(game, mechanism),
        "mediator_profit": without_sign_of_zero(-expected_cost(game, mechanism)),
        **virtual_weights_document(game, allocation.virtual),
        "residuals": _residuals_document(allocation.residuals),
    }


def _with_severance(game: CoalitionalGame, mechanism: Mechanism) -> list[dict[str, Any]]:
    return [
        {**entry, "severance": rule.severance}
        for entry, rule in zip(mechanism_document(game, mechanism), rules(game, mechanism), strict=True)
    ]


def _stake_document(game: CoalitionalGame, mechanism: Mechanism, stakes: FloatArray) -> list[dict[str, Any]]:
    return [
        {"types": rule.types, "stake": dict(zip(game.players, map(without_sign_of_zero, row), strict=True))}
        for rule, row in zip(rules(game, mechanism), stakes, strict=True)
    ]


def expected_severance_of(game: CoalitionalGame, mechanism: Mechanism) -> float:
    """Return the severance promised to all players together, in expectation over profiles, units of money."""
    return float(game.probability @ mechanism.severance.sum(axis=1))


def _residuals_document(residuals: CoreResiduals) -> dict[str, Any]:
    return {
        "misreport_gain": without_sign_of_zero(residuals.misreport_gain),
        "loss": without_sign_of_zero(residuals.loss),
        "severance": without_sign_of_zero(residuals.severance),
        "hydraulic": without_sign_of_zero(residuals.support.hydraulic),
        "negativity": without_sign_of_zero(residuals.support.negativity),
        "blocking_surplus": without_sign_of_zero(max(residuals.support.surplus, 0.0)),
        "severance_complementarity": without_sign_of_zero(residuals.severance_complementarity),
        "incentive_complementarity": without_sign_of_zero(residuals.incentive_complementarity),
        "virtual_efficiency": without_sign_of_zero(residuals.virtual_efficiency),
        "profit": without_sign_of_zero(residuals.profit),
        "largest": without_sign_of_zero(residuals.largest),
    }


def _evidence_document(answer: CoreAnswer) -> dict[str, Any] | None:
    """Return what supports an answer other than an allocation."""
    match answer.answer:
        case EmptyCore():
            return {"regions": answer.answer.regions, "smallest_margin": answer.refutation_margin, "reason": None}
        case UndecidedCore():
            return {"regions": answer.answer.regions, "smallest_margin": None, "reason": answer.answer.reason}
        case _:
            return None
