"""The JSON document of ``marketgame block``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketgame.experiments.efficiency.game_document import (
    by_player_and_type,
    virtual_weights_document,
    without_sign_of_zero,
)
from marketgame.mechanisms.blocking import BlockingPlan, CoalitionLimits, Invitation, NoBlockingPlan
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame

if TYPE_CHECKING:
    from marketgame.experiments.blocking.verdict import BlockingVerdict

# What is known of a plan, and of the proof that there is none.
PLAN_KEYS = ("profit_bound", "largest_profit", "plan", "payments", "interim_gain")
PROOF_KEYS = ("lambda", "alpha", "residuals")


def blocking_document(verdict: BlockingVerdict, certificate: Path | None = None) -> dict[str, Any]:
    """Return the verdict as the JSON document of ``marketgame block``.

    ``profit`` is normalised so that the probabilities of all invitations sum to one; ``largest_profit`` is that of
    the same plan with its invitations as frequent as probabilities allow at every profile of types.
    """
    game, found = verdict.game, verdict.verdict
    plan = isinstance(found, BlockingPlan)
    return {
        "kind": "coalitional-game",
        "game": verdict.established.name,
        "players": list(game.players),
        "blocked": verdict.blocked,
        "profit": found.profit if isinstance(found, BlockingPlan) else 0.0,
        **(plan_document(game, found) if isinstance(found, BlockingPlan) else dict.fromkeys(PLAN_KEYS)),
        **(_proof_document(game, found) if isinstance(found, NoBlockingPlan) else dict.fromkeys(PROOF_KEYS)),
        "finely_inhibitive": verdict.finely_inhibitive,
        "fine_plan": _fine_document(game, verdict.fine) if not plan else None,
        "limits": _limits_document(game, found.limits),
        "established": {
            "feasible": verdict.feasible,
            "largest_misreport_gain": verdict.largest_misreport_gain,
            "expected_cost": verdict.expected_cost,
        },
        "certificate": None if certificate is None else str(certificate),
    }


def plan_document(game: CoalitionalGame, plan: BlockingPlan) -> dict[str, Any]:
    """Return a blocking plan: whom it invites, what it pays, and what everybody gains."""
    return {
        "profit_bound": plan.profit_bound,
        "largest_profit": plan.largest_profit,
        "plan": [invitation_document(game, invitation) for invitation in plan.invitations],
        "payments": by_player_and_type(game, plan.payments),
        "interim_gain": by_player_and_type(game, plan.interim_gains),
    }


def invitation_document(game: CoalitionalGame, invitation: Invitation) -> dict[str, Any]:
    """Return an invitation in names."""
    fine = len(invitation.types) == len(game.players)
    known = game.grand_coalition if fine else invitation.coalition
    return {
        "coalition": [game.players[player] for player in invitation.coalition],
        "types": {
            game.players[player]: game.types[player][kind] for player, kind in zip(known, invitation.types, strict=True)
        },
        "action": game.actions[invitation.coalition].names[invitation.action],
        "probability": invitation.probability,
    }


def _proof_document(game: CoalitionalGame, proof: NoBlockingPlan) -> dict[str, Any]:
    return {
        **virtual_weights_document(game, proof.virtual),
        "residuals": {
            "hydraulic": proof.residuals.hydraulic,
            "negativity": proof.residuals.negativity,
            "surplus": without_sign_of_zero(max(proof.residuals.surplus, 0.0)),
        },
    }


def _fine_document(game: CoalitionalGame, fine: BlockingPlan | NoBlockingPlan) -> dict[str, Any] | None:
    return {"profit": fine.profit, **plan_document(game, fine)} if isinstance(fine, BlockingPlan) else None


def _limits_document(game: CoalitionalGame, limits: CoalitionLimits) -> dict[str, Any]:
    """Return what was left out of the search; the answer covers no other coalitions."""
    links = None if limits.network is None else sorted(limits.network)
    return {
        "largest_coalition": limits.largest,
        "links": None if links is None else [[game.players[first], game.players[second]] for first, second in links],
    }
