r"""The coalitional game of an exchange economy whose goods change hands in some divisions only.

A coalition S can divide what its members own: each good is cut in equal parts, and every way to hand the parts
out is a joint action; so are further divisions that are named. Utilities are gains over consuming one's own
endowment, so a player alone gets zero from keeping what it has; the numeraire changes hands by side-payments.

Source:
    Myerson (2006), section 2, where an exchange economy is the leading example of balancedness.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations, product
from math import comb
from types import MappingProxyType

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import ActionSet, Coalition, CoalitionalGame
from marketgame.mechanisms.economies.assumptions import endowments_depend_on_types
from marketgame.mechanisms.economies.economy import Economy

# Beyond this many joint actions of one coalition, pricing divisible goods is the better way.
MOST_ACTIONS = 100_000
NOTHING_FURTHER: Mapping[Coalition, FloatArray] = MappingProxyType({})


def game_on_grid(
    economy: Economy, parts: int, further: Mapping[Coalition, FloatArray] = NOTHING_FURTHER
) -> CoalitionalGame:
    """Return the coalitional game in which each good is handed out in equal parts.

    Args:
        economy: whose goods are handed out.
        parts: how many.
        further: divisions of what some coalitions own that are joint actions too, whatever parts they are, goods
            without the numeraire, ``(C, S, L - 1)`` each, units of each good.

    Returns:
        The game; an action is named by the quantities the members get, in their order.

    Raises:
        ValueError: types are correlated, an endowment depends on its player's type, parts is below 1, or a
            coalition would have too many actions.
    """
    players = range(len(economy.players))
    largest = comb(parts + len(players) - 1, len(players) - 1) ** economy.valuations.goods
    if parts < 1 or largest > MOST_ACTIONS:
        raise ValueError(f"{parts} parts make {largest} joint actions; from 1 part to {MOST_ACTIONS} actions fit")
    return _game(economy, further, lambda coalition: grid_bundles(economy, coalition, parts))


def game_of_divisions(economy: Economy, divisions: Mapping[Coalition, FloatArray]) -> CoalitionalGame:
    """Return the coalitional game in which coalitions keep what they own, or divide it in one of some ways.

    Args:
        economy: whose goods are divided.
        divisions: of some coalitions, goods without the numeraire, ``(C, S, L - 1)`` each, units of each good.

    Raises:
        ValueError: types are correlated, or an endowment depends on its player's type.
    """
    return _game(economy, divisions, lambda coalition: _owned(economy, coalition)[None])


def _game(
    economy: Economy, further: Mapping[Coalition, FloatArray], usual: Callable[[Coalition], FloatArray]
) -> CoalitionalGame:
    if not economy.prior.independent:
        raise ValueError("types are correlated; a coalitional game needs independent types")
    differing = endowments_depend_on_types(economy)
    if differing:
        raise ValueError(f"the endowment of {', '.join(differing)} depends on its type; it must not")
    players = range(len(economy.players))
    coalitions = [coalition for size in range(1, len(players) + 1) for coalition in combinations(players, size)]
    return CoalitionalGame(
        economy.player_names,
        tuple(tuple(kind.name for kind in player.types) for player in economy.players),
        tuple(economy.prior.marginal(player) for player in players),
        {coalition: _actions(economy, coalition, usual(coalition), further.get(coalition)) for coalition in coalitions},
    )


def grid_bundles(economy: Economy, coalition: Coalition, parts: int) -> FloatArray:
    """Return what the members get by each joint action of a coalition, in the order of its actions.

    Returns:
        Goods without the numeraire, ``(C, S, L - 1)``, units of each good.
    """
    owned = _owned(economy, coalition)
    shares = _divisions(len(coalition), parts) / parts
    choices = product(range(len(shares)), repeat=owned.shape[-1])
    return np.array([np.stack([shares[c] for c in choice], axis=-1) for choice in choices]) * owned.sum(axis=0)


def _owned(economy: Economy, coalition: Coalition) -> FloatArray:
    """Return what the members own, goods without the numeraire, ``(S, L - 1)``, units of each good."""
    owned: FloatArray = economy.endowment_table[economy.first_rows[list(coalition)], :-1]
    return owned


def _actions(economy: Economy, coalition: Coalition, usual: FloatArray, further: FloatArray | None) -> ActionSet:
    """Return divisions of what a coalition owns, with the members' gains at every profile."""
    owned = _owned(economy, coalition)
    named = {action_name(division, ".6g"): division for division in usual}
    for division in () if further is None else further:
        named.setdefault(action_name(division), division)
    names, bundles = list(named), np.array(list(named.values()))
    rows = economy.rows(economy.profiles)[:, list(coalition)].T
    everyone = np.broadcast_to(rows, (len(bundles), *rows.shape))
    received = np.broadcast_to(bundles[:, :, None, :], (*everyone.shape, owned.shape[-1]))
    own = np.broadcast_to(owned[None, :, None, :], received.shape)
    table = economy.valuations
    gains = table.value(everyone, table.dispose(everyone, received)) - table.value(everyone, own)
    return ActionSet(tuple(names), gains)


def action_name(division: FloatArray, digits: str = ".17g") -> str:
    """Return what the action that is a division ``(S, L - 1)`` is called: what the members get, in their order."""
    return " ".join("/".join(f"{q:{digits}}" for q in bundle) for bundle in division)


def _divisions(members: int, parts: int) -> FloatArray:
    """Return every way to hand equal parts to members, ``(divisions, members)``."""
    cuts = combinations(range(parts + members - 1), members - 1)
    return np.array([np.diff((-1, *cut, parts + members - 1)) - 1.0 for cut in cuts])
