r"""When arbitrage among members keeps coalitions from agreeing: the argument of the paper's Theorem 1, repaired.

If quotes are seen before orders and trades of bankrupt players stand, a member who sees another member and an outsider
quote some good differently can buy and sell it without bound, bankrupt everybody and take everything there is. So an
agreement with a misquote tempts every member but the misquoter to break it, and one without a misquote gains nothing
where short sales bankrupt. ``docs/collusion.md``, Proposition 4, has the proof and uses each of the conditions below.

Source:
    Giraud and Rochon (2001), proof of Theorem 1, which overlooks that under its rules one player gains alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import KDTree

from mechanisms.deviations.premises import ARBITRAGE

if TYPE_CHECKING:
    from mechanisms.grand_contract import GrandContract
    from mechanisms.market_rules import MarketRules

SAME_PRICE = 1e-9
"""Prices this close, relatively, do not tell profiles apart."""


def deterred_by_arbitrage(contract: GrandContract, rules: MarketRules) -> bool:
    """Say whether no coalition has an internally consistent improvement on the grand contract.

    Args:
        contract: the grand contract; outsiders obey it whatever is quoted.
        rules: of the market.

    Returns:
        True if the proof applies; False says nothing.
    """
    return (
        ARBITRAGE.holds(rules)
        and prices_reveal(contract)
        and _everything_is_wanted(contract)
        and _everybody_is_worth_something(contract)
    )


def prices_reveal(contract: GrandContract) -> bool:
    """Say whether the contract's prices differ between all profiles, so that whoever knows one knows the other."""
    prices = contract.efficient.price[:, :-1]
    nearest, _ = KDTree(prices).query(prices, k=[2], p=np.inf)
    return bool((nearest > SAME_PRICE * (1.0 + float(prices.max()))).all())


def _everything_is_wanted(contract: GrandContract) -> bool:
    """Say whether every type's valuation still increases where it holds all there is."""
    economy = contract.economy
    supply = economy.endowments(economy.profiles).sum(axis=1)[:, None, :-1]
    bundles = np.broadcast_to(supply, (*economy.profiles.shape, supply.shape[-1]))
    return bool((economy.valuations.supergradient(economy.rows(economy.profiles), bundles) > 0).all())


def _everybody_is_worth_something(contract: GrandContract) -> bool:
    """Say whether everybody's wealth is positive at every profile."""
    value = (contract.efficient.price[:, None, :] * contract.endowments).sum(axis=-1)
    return bool((value + contract.transfers > 0).all())
