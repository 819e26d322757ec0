r"""What the members of a coalition know together when the grand contract has made its recommendations.

Member i knows its type and its recommendation, :math:`(t_i, a_i)`. Together the members know these of all of them, and
cannot tell apart the profiles of the outsiders' types at which they are the same.

Source: Giraud and Rochon (2001), Definition 5.
"""

from __future__ import annotations

import numpy as np

from mechanisms.arrays import FloatArray, IntegerArray
from mechanisms.deviations.situation import Reaction, Situation
from mechanisms.grand_contract import GrandContract
from mechanisms.market_rules import MarketRules

# Recommendations that differ by less, relative to the largest number in them, are the same.
SAME_RECOMMENDATION = 1e-9


def alike(rows: FloatArray) -> IntegerArray:
    """Return a group number for each row of ``(K, D)``, the same for rows that differ by rounding only, ``(K,)``."""
    step = SAME_RECOMMENDATION * (1 + float(np.abs(rows).max(initial=0.0)))
    _, groups = np.unique(np.round(rows / step), axis=0, return_inverse=True)
    return groups.reshape(-1).astype(np.int64)


def information(contract: GrandContract, members: tuple[int, ...]) -> IntegerArray:
    """Return the number of what the members together know at every profile, ``(P,)``; -1 where it cannot occur."""
    economy, chosen = contract.economy, list(members)
    shares = contract.net_trades[:, chosen].reshape(len(economy.profiles), -1)
    announced = contract.announced_endowments[:, chosen].reshape(len(economy.profiles), -1)
    told = alike(np.concatenate((contract.efficient.price, shares, announced), axis=1))
    known = np.column_stack((economy.profiles[:, chosen], told))
    _, numbers = np.unique(known, axis=0, return_inverse=True)
    possible = economy.prior.probability > 0
    return np.where(possible, numbers.reshape(-1), -1).astype(np.int64)


def situations(
    contract: GrandContract, coalition: tuple[int, ...], rules: MarketRules, reaction: Reaction | None = None
) -> tuple[Situation, ...]:
    """Return what a coalition may face, one situation for each thing it may know.

    Args:
        contract: which all others obey.
        coalition: the members, ascending.
        rules: of the market.
        reaction: how outsiders answer quotes that are not the contract's; None if they play on.
    """
    known = information(contract, coalition)
    return tuple(
        situation_at(contract, coalition, rules, np.flatnonzero(known == number), reaction)
        for number in np.unique(known[known >= 0])
    )


def commonly_known(contract: GrandContract, coalition: tuple[int, ...]) -> bool:
    """Say whether each member alone knows what all members know together, so that they have no secrets."""
    together = information(contract, coalition)
    return all(
        len(np.unique(together[together >= 0])) == len(np.unique(alone[alone >= 0]))
        for alone in (information(contract, (member,)) for member in coalition)
    )


def situation_at(
    contract: GrandContract,
    coalition: tuple[int, ...],
    rules: MarketRules,
    numbers: IntegerArray,
    reaction: Reaction | None = None,
) -> Situation:
    """Return what a coalition faces when it knows no more than that the profile is one of some.

    Args:
        contract: which all others obey.
        coalition: the members, ascending.
        rules: of the market.
        numbers: of the profiles, ``(K,)``, in which the members hear the same.
        reaction: how outsiders answer quotes that are not the contract's; None if they play on.
    """
    economy, members = contract.economy, list(coalition)
    told = [contract.recommend(profile) for profile in economy.profiles[numbers]]
    quotes = np.stack([one.quotes for one in told])
    orders = np.stack([one.orders for one in told])
    announced = np.stack([one.announced_endowments for one in told])
    for heard in (quotes, orders, announced):
        # What members hear is the same in all draws but for rounding, which must not tell them apart.
        heard[:, members] = heard[0, members]
    likely = economy.prior.probability[numbers]
    return Situation(
        economy=economy,
        rules=rules,
        coalition=coalition,
        probability=likely / likely.sum(),
        profiles=economy.profiles[numbers],
        quotes=quotes,
        orders=orders,
        announced_endowments=announced,
        transfers=np.stack([one.transfers for one in told]),
        reaction=reaction,
    )
