r"""The coalitional game of an exchange economy whose goods change hands in equal parts only.

A coalition S can divide what its members own: each good is cut in equal parts, and every way to hand the parts
out is a joint action. Utilities are gains over consuming one's own endowment, so a player alone gets zero from
keeping what it has; the numeraire changes hands by side-payments.

Source:
    Myerson (2006), section 2, where an exchange economy is the leading example of balancedness.
"""

from __future__ import annotations

from itertools import combinations, product
from math import comb

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import ActionSet, Coalition, CoalitionalGame
from marketgame.mechanisms.economies.assumptions import endowments_depend_on_types
from marketgame.mechanisms.economies.economy import Economy

# Beyond this many joint actions of one coalition, pricing divisible goods is the better way.
MOST_ACTIONS = 100_000


def game_on_grid(economy: Economy, parts: int) -> CoalitionalGame:
    """Return the coalitional game in which each good is handed out in equal parts.

    Returns:
        The game; an action is named by the quantities the members get, in their order.

    Raises:
        ValueError: types are correlated, an endowment depends on its player's type, parts is below 1, or a
            coalition would have too many actions.
    """
    if not economy.prior.independent:
        raise ValueError("types are correlated; a coalitional game needs independent types")
    differing = endowments_depend_on_types(economy)
    if differing:
        raise ValueError(f"the endowment of {', '.join(differing)} depends on its type; it must not")
    players = range(len(economy.players))
    goods = economy.valuations.goods
    largest = comb(parts + len(players) - 1, len(players) - 1) ** goods
    if parts < 1 or largest > MOST_ACTIONS:
        raise ValueError(f"{parts} parts make {largest} joint actions; from 1 part to {MOST_ACTIONS} actions fit")
    coalitions = [coalition for size in range(1, len(players) + 1) for coalition in combinations(players, size)]
    return CoalitionalGame(
        economy.player_names,
        tuple(tuple(kind.name for kind in player.types) for player in economy.players),
        tuple(economy.prior.marginal(player) for player in players),
        {coalition: _actions(economy, coalition, parts) for coalition in coalitions},
    )


def grid_bundles(economy: Economy, coalition: Coalition, parts: int) -> FloatArray:
    """Return what the members get by each joint action of a coalition, in the order of its actions.

    Returns:
        Goods without the numeraire, ``(C, S, L - 1)``, units of each good.
    """
    owned = economy.endowment_table[economy.first_rows[list(coalition)], :-1]
    shares = _divisions(len(coalition), parts) / parts
    choices = product(range(len(shares)), repeat=owned.shape[-1])
    return np.array([np.stack([shares[c] for c in choice], axis=-1) for choice in choices]) * owned.sum(axis=0)


def _actions(economy: Economy, coalition: Coalition, parts: int) -> ActionSet:
    """Return every division of what a coalition owns, with the members' gains at every profile."""
    owned = economy.endowment_table[economy.first_rows[list(coalition)], :-1]
    bundles = grid_bundles(economy, coalition, parts)
    names = [" ".join("/".join(f"{q:g}" for q in bundle) for bundle in division) for division in bundles]
    rows = economy.rows(economy.profiles)[:, list(coalition)].T
    everyone = np.broadcast_to(rows, (len(bundles), *rows.shape))
    received = np.broadcast_to(bundles[:, :, None, :], (*everyone.shape, owned.shape[-1]))
    own = np.broadcast_to(owned[None, :, None, :], received.shape)
    table = economy.valuations
    gains = table.value(everyone, table.dispose(everyone, received)) - table.value(everyone, own)
    return ActionSet(tuple(names), gains)


def _divisions(members: int, parts: int) -> FloatArray:
    """Return every way to hand equal parts to members, ``(divisions, members)``."""
    cuts = combinations(range(parts + members - 1), members - 1)
    return np.array([np.diff((-1, *cut, parts + members - 1)) - 1.0 for cut in cuts])
