r"""Orders that carry out planned net trades without anybody failing by rounding, and what is granted to pay for them.

The contract in the proof of Theorem 1 tells player i to order :math:`d_i / N` from everybody, d the planned net trades,
and grants it their value :math:`p \cdot d_i`. The market tests budgets and holdings exactly and forgives nothing, so
the rounding of these numbers is the contract's own business.

* What i is delivered is N times its own order less the sum of all orders. Rounded orders do not add up to zero, so
  buyers order a few roundings less: then the sum is not positive, everybody is delivered at least what it is due, and
  nobody is short of the last digit, neither who sells all it has nor who neither owns nor wants a good.
* Sales are rounded towards zero.
* Purchasing power is the value of the net trade, of the few roundings everybody is delivered besides, and
  `GRANTED_ROUNDING` of the value of everything i is to trade. Where a player is left with the trades of only some of
  the others, what it owes for these, nothing in theory, is the difference of two rounded numbers: that is granted too,
  within `GRANTED_DIFFERENCE` of the same value.

What is taken off for roundings and what is granted is the same in all profiles, because orders tell something, and
transfers are public: rounding must not say more about the types than the contract does.

No player can enlarge what it is granted by anything it does in the market. As nobody trades more than it owns or is to
receive, that is at most 2.2e-10 of what a coalition has at stake, and besides some roundings of what all players
trade, which amount to less than 1e-9 for all but players who trade less than a millionth of what the others do.

Where orders execute only as far as both sides order them, players are told the flows themselves, pair by pair:
:math:`z_{ij} = (d_i - d_j) / N = -z_{ji}`. There the numbers :math:`d_i / N` are multiples of one power of two, so that
their differences are not rounded and the above is true of what is delivered.

Source: Giraud and Rochon (2001), proof of Theorem 1; pairwise orders are ours.
"""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.market_game.exact_test import rounded_up, two_product
from marketgame.mechanisms.market_game.rules import Execution

# Purchasing power granted beyond the value of the recommended orders, in shares of the value of all that is traded. It
# leaves players solvent whose counterparties order ten thousand times as much, in good faith and rounded.
GRANTED_ROUNDING = 1e-11
# The most that is granted besides for the rounding of trades with only some of the others.
GRANTED_DIFFERENCE = 1e-10

_PRECISION = float(np.finfo(np.float64).eps)
# The sum of orders errs by N / 2 roundings where it is computed, by one where a buyer's order is rounded, and by two
# where a sale is rounded towards zero. That many of all that is traded are more than enough.
_SPARE_ROUNDINGS = 8
# Differences of multiples of the largest order times this are numbers of 53 binary digits.
_GRID = 2.0**-51


def orders_to_each(net_trades: FloatArray, execution: Execution = Execution.UNILATERAL) -> FloatArray:
    r"""Return what every player is to order from each of the others.

    Args:
        net_trades: what each is to gain by trade in each of P plays, ``(P, N, L)``, units; they add up to zero up to
            rounding.
        execution: the rule. Where orders are matched, those of the plays are multiples of one power of two for each
            good, so that differences of two players' are exact.

    Returns:
        Orders to each, ``(P, N, L)``, units. Over players they add up to zero or less, and N times a negative order
        is no more than is to be sold; both hold exactly. A player's order depends on its own net trade only.

    Source:
        Giraud and Rochon, proof of Theorem 1: :math:`z^i_j = (x^*_i - e_i) / N`.
    """
    players = net_trades.shape[-2]
    excess = np.abs(net_trades.sum(axis=-2))
    rounding = (players + _SPARE_ROUNDINGS) * _PRECISION * np.abs(net_trades).sum(axis=-2)
    grid = grid_of_orders(net_trades, execution)
    spared = (excess + rounding).max(axis=0, initial=0.0) + players**2 * grid
    bought = np.maximum(net_trades - spared, 0.0) / players
    sold = np.minimum(net_trades, 0.0) / players
    delivered, error = two_product(np.asarray(float(players)), sold)
    too_much = (delivered < net_trades) | ((delivered == net_trades) & (error < 0.0))
    orders: FloatArray = np.where(net_trades > 0.0, bought, np.where(too_much, np.nextafter(sold, 0.0), sold)) + 0.0
    # Both buyers and sellers order less by up to a step; what sellers do not deliver buyers were spared.
    return np.asarray(np.where(grid > 0.0, np.trunc(orders / np.where(grid > 0.0, grid, 1.0)) * grid, orders) + 0.0)


def grid_of_orders(net_trades: FloatArray, execution: Execution) -> FloatArray:
    """Return of what orders of each good are multiples where they are matched, ``(L,)``, units; 0 where of nothing."""
    largest = np.abs(net_trades).max(axis=(0, 1), initial=0.0) / net_trades.shape[-2]
    if execution is Execution.UNILATERAL:
        return np.zeros_like(largest)
    return np.asarray(np.where(largest > 0.0, np.exp2(np.frexp(largest)[1]) * _GRID, 0.0))


def orders_from_each(orders: FloatArray, execution: Execution) -> FloatArray:
    """Return what players are to order from whom, ``(..., N, N, L)``, units, given `orders_to_each`, ``(..., N, L)``.

    Matched orders are the flows that unilateral ones lead to: antisymmetric, and not rounded.
    """
    if execution is Execution.UNILATERAL:
        # From each what is ordered from any: a view, not a number for each pair.
        return np.broadcast_to(orders[..., None, :], (*orders.shape[:-1], orders.shape[-2], orders.shape[-1]))
    return np.asarray(orders[..., :, None, :] - orders[..., None, :, :])


def granted_for_rounding(
    price: FloatArray, orders: FloatArray, net_trades: FloatArray, execution: Execution = Execution.UNILATERAL
) -> FloatArray:
    """Return what players are granted beyond the value of their net trades, so that nobody who obeys fails by rounding.

    Args:
        price: quoted by all in each of P plays, ``(P, L)``, numeraire per unit, the numeraire last.
        orders: what each orders from every other, ``(P, N, L)``, units; sums over players are zero or less.
        net_trades: what was planned, ``(P, N, L)``, units.
        execution: the rule; where orders are matched, what they are multiples of is granted to all alike.

    Returns:
        Purchasing power, ``(N,)``, numeraire. For who never trades, the most that is delivered to everybody.
    """
    players = orders.shape[-2]
    prices = price[:, None]
    traded = (prices * np.abs(net_trades)).sum(axis=-1)
    # How far the value of a player's order may be from what it is in theory.
    off = np.abs((prices * (orders - net_trades / players)).sum(axis=-1))
    off += (price.shape[-1] + _SPARE_ROUNDINGS) * _PRECISION * traded / players
    difference = players * off + off.sum(axis=-1).max(initial=0.0)
    granted = np.minimum(difference, GRANTED_DIFFERENCE * traded) + GRANTED_ROUNDING * traded
    delivered = [-term.reshape(len(price), -1).T for term in two_product(np.broadcast_to(prices, orders.shape), orders)]
    power: FloatArray = granted.max(axis=0, initial=0.0) + rounded_up(np.concatenate(delivered))[0].max(initial=0.0)
    steps = players * (price.max(axis=0, initial=0.0) * grid_of_orders(net_trades, execution)).sum()
    return np.asarray(power + 2 * steps)
