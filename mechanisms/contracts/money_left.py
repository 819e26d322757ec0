r"""How much money everybody is left with at least, whatever types there are and whatever is drawn: a proven bound.

A contract whose profiles are too many to list cannot be looked at everywhere. Where every profile clears between known
prices (:mod:`marketgame.mechanisms.economies.price_range`), what goods cost and gain is bounded type by type, and so is
what transfers may take: of those by turns (:mod:`marketgame.mechanisms.contracts.in_turn`)

.. math:: \theta_i = \Delta_i W - v_i + c_i, \qquad \Delta_i W \ge \min_b \min_p [I_k(p) - I_b(p)],

for an increment is a mean of differences that the type of i alone makes to welfare, whatever the others are, and
whoever was drawn in its place.
"""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.sampled import SampledEconomy
from marketgame.mechanisms.contracts.transfers import least_transfers
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.price_range import PriceRange
from marketgame.mechanisms.economies.profiles import players_alike


def least_money_left(sample: SampledEconomy, rule: TransferRule) -> FloatArray | None:
    """Return the least numeraire that each type may end with, ``(types of all players,)``; none if no bound is known.

    Args:
        sample: what stands for the profiles of the economy.
        rule: which transfers a contract makes.
    """
    owned = sample.economy.endowment_table[:, -1]
    received = _least_received(sample, rule)
    return None if received is None else np.asarray(owned + received)


def most_purchasing_power_taken(sample: SampledEconomy, rule: TransferRule) -> FloatArray | None:
    """Return the most purchasing power that a contract may take from each type, likewise, numeraire; at least zero."""
    if rule is TransferRule.NONE:
        return np.zeros(len(sample.economy.endowment_table))
    prices, received = sample.price_range, _least_received(sample, rule)
    if prices is None or received is None:
        return None
    return np.maximum(prices.most_received - received, 0.0)


def _least_received(sample: SampledEconomy, rule: TransferRule) -> FloatArray | None:
    """Return by how much the numeraire of each type changes at least, ``(types of all players,)``."""
    if rule is TransferRule.EXPECTED_EXTERNALITY:
        # These are a number for each type's report; the others' worst are taken together.
        return least_transfers(sample.economy, sample.externalities)
    prices = sample.price_range
    if prices is None:
        return None
    if rule is TransferRule.NONE:
        return -prices.most_paid
    return _least_in_turn(sample, prices)


def _least_in_turn(sample: SampledEconomy, prices: PriceRange) -> FloatArray:
    economy, turns = sample.economy, sample.in_turn.turns
    alike, first = players_alike(economy), economy.first_rows
    change = {int(player): prices.least_change(int(player)).min(axis=1) for player in np.unique(alike)}
    increments = np.concatenate([change[int(player)] for player in alike])
    constants = turns.expected_gains
    if turns.draws is not None:
        # Other draws shift all constants alike: by what welfare is at them.
        constants = constants - constants.mean() + _least_welfare(economy, prices) / len(economy.players)
    counts = np.diff(np.append(first, len(economy.endowment_table)))
    return np.asarray(increments - prices.most_gained + np.repeat(constants, counts))


def _least_welfare(economy: Economy, prices: PriceRange) -> float:
    """Return what all gain from goods at least, numeraire, at any profile."""
    bound = float(np.minimum.reduceat(prices.least_gained, economy.first_rows).sum())
    # Where gains are measured from what is owned, an efficient allocation is at least as good as that.
    from_owned = np.array_equal(economy.reference_goods, economy.endowment_table[:, :-1])
    return max(bound, 0.0) if from_owned else bound
