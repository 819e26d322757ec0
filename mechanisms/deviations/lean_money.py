"""The same situation with no more money in it than is needed, so that a solver can see what is at stake.

Where players own a thousand times the money that anything at stake is worth, a program in shares of all money is
solved to tolerances that exceed what is at stake. What members can do to each other over the goods does not change when
everybody owns just several times as much as that; what they do is then settled in the true situation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from marketgame.mechanisms.deviations.situation import JointAction, Situation
from marketgame.mechanisms.economies.economy import Economy, Player

# Nobody needs more money than this many times what is at stake for everybody together, beside its transfer.
ENOUGH = 4.0
# A share of a holding above this is all of it, up to what a solver can tell.
WHOLE = 1.0 - 1e-9


@dataclass(frozen=True, eq=False)
class LeanMoney:
    """An economy in which nobody owns more money than is needed.

    Attributes:
        economy: the economy, otherwise the same.
        most: what anybody owns at most, numeraire.
    """

    economy: Economy
    most: float

    def of(self, situation: Situation) -> Situation:
        """Return a situation of the true economy in this one; outsiders no longer react."""
        announced = situation.prescribed.announced_endowments.copy()
        announced[..., -1] = np.minimum(announced[..., -1], self.most)
        return replace(situation.prescribing(announced_endowments=announced), economy=self.economy, reaction=None)


def lean_money(situation: Situation) -> LeanMoney | None:
    """Return the economy with no more money than is needed; none if nobody owns more."""
    needed = ENOUGH * float(situation.stakes.sum()) + float(np.abs(situation.prescribed.transfers).max())
    if situation.received is not None or (situation.endowments[..., -1] <= needed).all():
        return None
    players = tuple(_with_at_most(player, needed) for player in situation.economy.players)
    return LeanMoney(replace(situation.economy, players=players), needed)


def with_all_money(situation: Situation, lean: Situation, action: JointAction) -> JointAction:
    """Return a joint action of a lean situation in the true one: who showed all its money shows all it owns."""
    if situation.economy is lean.economy:
        return action
    owned, kept = (each.endowments[0, each.members, -1] for each in (situation, lean))
    shown = action.announced_endowments.copy()
    shown[..., -1] = np.where(shown[..., -1] >= WHOLE * kept, owned, shown[..., -1])
    return replace(action, announced_endowments=shown)


def _with_at_most(player: Player, money: float) -> Player:
    types = []
    for kind in player.types:
        endowment = kind.endowment.copy()
        endowment[-1] = min(endowment[-1], money)
        types.append(replace(kind, endowment=endowment))
    return replace(player, types=tuple(types))
