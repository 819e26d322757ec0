"""The JSON document of ``marketgame solve`` on a coalitional game."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from marketgame.experiments.efficiency.game_solution import EstablishedMechanism, GameSolution
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, rules
from marketgame.mechanisms.incentive_efficiency.optimality import Conditions
from marketgame.mechanisms.incentive_efficiency.search import IncentiveEfficient, NoOptimum
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights, virtual_utility

# Smaller multipliers, relative to the probabilities of their types, are rounding of a price that is zero.
SMALLEST_MULTIPLIER = 1e-12
# Virtual utilities of more actions at all profiles are left to whoever needs them: lambda and alpha say them.
MOST_VIRTUAL_UTILITIES = 20_000
# What is known of a benchmark only when there is one.
ANSWER_KEYS = (
    *("value", "upper_bound", "mechanism", "lambda", "alpha", "participation_multipliers", "interim", "conditions"),
    *("jeopardised", "virtual_utility"),
)


def game_document(solution: GameSolution) -> dict[str, Any]:
    """Return the solution as the JSON document of ``marketgame solve``.

    ``lambda`` holds the weights after participation multipliers are added, in units in which a unit of money to
    anybody weighs 1; with ``alpha`` it satisfies the hydraulic equations. ``value`` is for the ``weights`` given.
    """
    game, answer = solution.game, solution.answer
    return {
        "kind": "coalitional-game",
        "game": solution.established.name,
        "players": list(game.players),
        "participation": solution.participation.name.lower(),
        "status": answer.status.name.lower(),
        "weights": by_player_and_type(game, solution.established.weights),
        "alone": by_player_and_type(game, game.individual_values()),
        **(_answer_document(answer) if isinstance(answer, IncentiveEfficient) else dict.fromkeys(ANSWER_KEYS)),
        "impossible": _impossible_document(game, answer) if isinstance(answer, NoOptimum) else None,
        "established": None if solution.mechanism is None else _established_document(game, solution.mechanism),
    }


def _answer_document(answer: IncentiveEfficient) -> dict[str, Any]:
    game = answer.game
    return {
        "value": answer.value,
        "upper_bound": answer.bound,
        "mechanism": mechanism_document(game, answer.mechanism),
        **virtual_weights_document(game, answer.virtual),
        "participation_multipliers": by_player_and_type(game, answer.participation),
        "interim": by_player_and_type(game, answer.interim),
        "conditions": _conditions_document(answer.conditions),
        "jeopardised": [
            {"player": each.player, "type": each.imitated, "by": each.tempted, "multiplier": each.multiplier}
            for each in answer.jeopardies
        ],
        "virtual_utility": _virtual_document(answer),
    }


def mechanism_document(game: CoalitionalGame, mechanism: Mechanism) -> list[dict[str, Any]]:
    """Return what a mechanism does, profile by profile."""
    return [
        {
            "types": rule.types,
            "probability": rule.probability,
            "action": rule.action,
            "payment": {player: without_sign_of_zero(paid) for player, paid in rule.payment.items()},
        }
        for rule in rules(game, mechanism)
    ]


def virtual_weights_document(game: CoalitionalGame, virtual: VirtualWeights) -> dict[str, Any]:
    """Return the weights and multipliers of virtual utility as ``lambda`` and ``alpha``."""
    alpha = {
        player: [
            {"type": names[kind], "pretends": names[report], "multiplier": float(table[kind, report])}
            for kind, report in np.argwhere(table > SMALLEST_MULTIPLIER * np.minimum.outer(probability, probability))
        ]
        for player, names, table, probability in zip(
            game.players, game.types, virtual.multipliers, game.type_probabilities, strict=True
        )
    }
    return {"lambda": by_player_and_type(game, virtual.weights), "alpha": alpha}


def by_player_and_type(game: CoalitionalGame, values: Sequence[FloatArray]) -> dict[str, dict[str, float]]:
    """Return one number for each type of each player, ``(K_i,)`` each, by their names."""
    return {
        player: {name: without_sign_of_zero(value) for name, value in zip(names, row, strict=True)}
        for player, names, row in zip(game.players, game.types, values, strict=True)
    }


def without_sign_of_zero(value: float) -> float:
    """Return a number, zero without the sign that arithmetic may leave on it."""
    return float(value) + 0.0


def _conditions_document(conditions: Conditions) -> dict[str, Any]:
    return {
        "hydraulic": conditions.hydraulic,
        "complementary": conditions.complementary,
        "virtually_efficient": conditions.virtually_efficient,
        "negative": conditions.negative,
        "misreport_gain": conditions.misreport_gain,
        "loss": conditions.loss,
        "participation": conditions.participation,
        "largest_relative": conditions.largest,
        "hold": conditions.hold,
    }


def _virtual_document(answer: IncentiveEfficient) -> list[dict[str, Any]] | None:
    """Return every action's virtual utility to every player, profile by profile; nothing in a large game."""
    game = answer.game
    actions = game.actions[game.grand_coalition].names
    if len(actions) * len(game.profiles) > MOST_VIRTUAL_UTILITIES:
        return None
    values = virtual_utility(game, answer.virtual)
    return [
        {
            "types": _named(game, number),
            "action": {
                action: dict(zip(game.players, map(without_sign_of_zero, values[place, :, number]), strict=True))
                for place, action in enumerate(actions)
            },
        }
        for number in range(len(game.profiles))
    ]


def _named(game: CoalitionalGame, profile: int) -> dict[str, str]:
    return {game.players[i]: game.types[i][kind] for i, kind in enumerate(game.profiles[profile])}


def _impossible_document(game: CoalitionalGame, answer: NoOptimum) -> dict[str, Any]:
    """Return the proof that no feasible mechanism leaves everybody willing."""
    shortfall = answer.shortfall
    evidence = {} if shortfall is None else virtual_weights_document(game, shortfall.virtual)
    return {"reason": answer.reason, "shortfall": None if shortfall is None else shortfall.amount, **evidence}


def _established_document(game: CoalitionalGame, established: EstablishedMechanism) -> dict[str, Any]:
    """Return what the file's own mechanism gives, and what proves it incentive-efficient or not."""
    dominance = established.dominance
    proof: dict[str, Any] = {"dominated_by": None, "lambda": None, "alpha": None}
    if dominance is not None and dominance.dominated:
        proof["dominated_by"] = mechanism_document(game, dominance.mechanism)
    elif dominance is not None and dominance.virtual is not None:
        proof |= virtual_weights_document(game, dominance.virtual)
    return {
        "feasible": established.feasible,
        "incentive_efficient": established.incentive_efficient,
        "interim": by_player_and_type(game, established.interim),
        "largest_misreport_gain": established.largest_misreport_gain,
        "misreport_gains": {
            player: [
                {"type": names[kind], "pretends": names[report], "gain": without_sign_of_zero(gains[kind, report])}
                for kind, report in np.argwhere(~np.eye(len(names), dtype=bool))
            ]
            for player, names, gains in zip(game.players, game.types, established.misreport_gains, strict=True)
        },
        "expected_cost": without_sign_of_zero(established.expected_cost),
        "gain_left_for_everybody": None if dominance is None else max(dominance.gain, 0.0),
        **proof,
    }
