r"""When no pair agrees on what the one or the other is to be ruined by, where trades with the bankrupt stand.

Members' orders are finitely many, so that there are a least and a greatest of each kind. With one good besides money,
two members who quote alike want the same thing, or just the opposite: both want money for the good, or both the good
for money. Under ``void`` whoever ordered least of it rather orders more; the two are at rest only at a trade that suits
both, which brings the pair nothing that the contract does not (``docs/collusion.md``, Theorem 20). Under ``spread``
they trade with outsiders as well. There whoever is told to order most of a good that both quote too high rather sells,
and where they do not, the ruin of one costs more than the other gains, if everybody has money enough (Theorem 21).

The conditions below are about three traders, of whom two are a coalition and the third is outside.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract

ROUNDING = 1e-9
"""A difference of less than this share of a player's wealth may be none."""


def outbid_each_other(contract: GrandContract) -> bool:
    """Say whether Theorem 20 is about this contract among three: nothing is asked of it but what its proof uses."""
    return _of_one_good(contract) and _rather_buy_than_let_live(contract)


def rather_sell_than_be_ruined(contract: GrandContract) -> bool:
    """Say whether Theorem 21 is about this contract among three: money outweighs what odd prices bring and transfers.

    At prices that are not too high for both members one gains from them, beside its share of the contract, at most what
    the good of the others is worth, or what is paid for its own beyond that.
    """
    if not _of_one_good(contract):
        return False
    economy, price = contract.economy, contract.price[:, None, 0]
    owned, rows = contract.endowments, economy.rows(contract.profiles)
    wanted = economy.valuations.gradient(rows, owned[..., :-1])[..., 0]
    dearest = np.maximum(wanted.max(axis=1, keepdims=True), price)
    good = owned[..., 0]
    gained = np.maximum(price * (good.sum(axis=1, keepdims=True) - good), (dearest - price) * good)
    at_odds = gained + np.abs(contract.transfers)
    # Of any two, so of the two with most to gain.
    both = np.sort(at_odds, axis=1)[:, -2:].sum(axis=1, keepdims=True)
    return bool((both < owned[..., 1] * (1 - ROUNDING))[contract.probability > 0].all())


def _of_one_good(contract: GrandContract) -> bool:
    """Say whether there is one good besides money, everybody owns some of both, and valuations are concave.

    What a player outside owes, it can pay: otherwise the other two might have all there is to buy it with.
    """
    economy, owned = contract.economy, contract.endowments
    if owned.shape[1:] != (3, 2) or not (owned > 0).all():
        return False
    supply = owned[..., :-1].sum(axis=1).max(axis=0)
    concave = all(valuation.strictly_concave(supply) for valuation in economy.valuations.valuations)
    return concave and bool((owned[..., 1] * (1 - ROUNDING) > -contract.transfers).all())


def _rather_buy_than_let_live(contract: GrandContract) -> bool:
    """Say whether each would have more than by the contract if it spent its own and another's wealth on the third's."""
    return all(bool(_gains_by_spending(contract, who, other).all()) for who, other in permutations(range(3), 2))


def _gains_by_spending(contract: GrandContract, who: int, other: int) -> BooleanArray:
    """Return where a player gains so, at every profile that can be, ``(P,)``."""
    possible = contract.probability > 0
    owned, price = contract.endowments[possible], contract.price[possible, 0]
    wealth = (contract.price[possible, None] * owned).sum(axis=-1) + contract.transfers[possible]
    there = owned.sum(axis=1) - owned[:, other]
    bundles = contract.bundles[possible]
    wanted = bundles[:, who, 0]
    bundles = bundles.copy()
    bundles[:, who, 0] = bought = np.minimum(wanted, there[:, 0])
    economy, profiles = contract.economy, contract.profiles[possible]
    lost: FloatArray = (
        economy.gains_from_goods(profiles, contract.bundles[possible]) - economy.gains_from_goods(profiles, bundles)
    )[:, who]
    spent = wealth[:, who] + wealth[:, other]
    money = np.minimum(spent - price * bought, there[:, 1])
    return np.asarray(money - (wealth[:, who] - price * wanted) - lost > ROUNDING * spent)
