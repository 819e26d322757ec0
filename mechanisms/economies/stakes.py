r"""What is at stake for a player of a market, and from when on a gain counts as one.

Utility matters in differences only: what a player owns anyhow and any constant of its valuation are levels, and a
threshold proportional to a level swallows real gains. At stake for player i of type :math:`t_i` is the largest, over
the profiles with :math:`t_i` that can occur, of

.. math:: p^*(t) \cdot \max(\omega_i, x^*_i(t)) + |v_i(x^*_i(t)) - v_i(\omega_i)|,

over the goods without the numeraire: the value at supporting prices of what it owns or is to receive, and its gain from
the efficient allocation of goods. For a coalition it is the sum of its members'. It does not change with constants,
owned money and the units of goods, and is linear in the unit of money. Money :math:`\theta_i(t)` that a contract pays
or takes beside the price is not at stake by itself where reports are judged: what nobody's report moves is a level.
Within a play, where budgets are met with it, it is added to the stake.

A contract's numbers are rounded. What reaches a player, and what it is granted to pay for it, is known to some
roundings of what everybody has at stake and is paid (`mechanisms.contracts.recommended_orders`), and nobody has less at
stake than makes these count as nothing: a player who owns and wants nothing is delivered crumbs of the others' trades,
and is not tempted by them.

A gain of at most ``GAIN_TOLERANCE`` of what is at stake counts as none. Where even the rounding of the numbers a gain
is computed from exceeds that, nobody can tell, and ``UndecidableError`` says so.

In coalitional games, which have no prices, :mod:`marketgame.mechanisms.coalitional_games.at_stake` says what is at
stake; the tolerance is the same.
"""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation

# Efficient allocations are proven to this share of what is at stake; smaller gains prove nothing.
GAIN_TOLERANCE = 1e-9
# Orders to N players are rounded by at most N + 8 roundings of what is traded, at each end of a trade, and what they
# cost is granted; twice that is left for prices that differ between profiles.
_ROUNDINGS_A_PLAYER = 4
_SPARE_ROUNDINGS = 32


class UndecidableError(UnansweredError, ArithmeticError):
    """Floating-point numbers cannot tell the answer: their rounding exceeds the gains that count."""


def stakes_by_type(
    economy: Economy, efficient: EfficientAllocation, numeraire_transfers: FloatArray | None = None
) -> FloatArray:
    """Return what is at stake for each type of each player.

    Returns:
        Stakes, ``(types of all players,)``, numeraire, in the order of tables over types; nonnegative.

    Raises:
        ValueError: the allocation is not over every profile of the economy.
    """
    if not np.array_equal(efficient.profiles, economy.profiles):
        raise ValueError("the efficient allocation must be over every profile of the economy, in order")
    own = _of_goods(economy, efficient)
    stakes = _at_least_rounding(own, own + _paid(numeraire_transfers))
    stakes[economy.prior.probability <= 0] = 0
    largest = np.zeros(len(economy.endowment_table))
    np.maximum.at(largest, economy.rows(economy.profiles), stakes)
    return largest


def stakes_of_play(
    economy: Economy, efficient: EfficientAllocation, numeraire_transfers: FloatArray | None = None
) -> FloatArray:
    """Return what is at stake for each player in each of the profiles of an efficient allocation alone.

    Whether a play meets budgets depends on the money that is paid, which is at stake in it.

    Returns:
        Stakes, ``(P, N)``, numeraire; nonnegative.
    """
    stakes = _of_goods(economy, efficient) + _paid(numeraire_transfers)
    return _at_least_rounding(stakes, stakes)


def _of_goods(economy: Economy, efficient: EfficientAllocation) -> FloatArray:
    owned = economy.endowments(efficient.profiles)[..., :-1]
    worth = (efficient.price[:, None, :-1] * np.maximum(owned, efficient.bundles)).sum(axis=-1)
    return np.asarray(worth + np.abs(economy.gains_from_goods(efficient.profiles, efficient.bundles)))


def _paid(numeraire_transfers: FloatArray | None) -> FloatArray:
    return np.zeros(()) if numeraire_transfers is None else np.abs(numeraire_transfers)


def _at_least_rounding(stakes: FloatArray, rounded: FloatArray) -> FloatArray:
    """Return stakes that are no less than makes roundings of what is known count as nothing."""
    roundings = _ROUNDINGS_A_PLAYER * stakes.shape[-1] + _SPARE_ROUNDINGS
    least = roundings * float(np.finfo(np.float64).eps) / GAIN_TOLERANCE * rounded.sum(axis=-1, keepdims=True)
    return np.asarray(np.maximum(stakes, least))


def stakes_by_profile(
    economy: Economy, efficient: EfficientAllocation, numeraire_transfers: FloatArray | None = None
) -> FloatArray:
    """Return what is at stake for each player's own type in every profile, ``(P, N)``, numeraire."""
    return stakes_by_type(economy, efficient, numeraire_transfers)[economy.rows(economy.profiles)]


def counts_as_gain(gains: FloatArray, stakes: FloatArray, rounding: FloatArray | float = 0.0) -> BooleanArray:
    """Say which gains count, given what is at stake; arguments of any one shape, numeraire.

    Args:
        gains: to be judged.
        stakes: what is at stake for whoever gains.
        rounding: by how much rounding may have changed the gains.

    Raises:
        UndecidableError: a gain may count or not, by rounding, and rounding exceeds the gains that count.
    """
    least = GAIN_TOLERANCE * stakes
    unclear = (rounding > least) & (np.abs(gains - least) <= rounding)
    if np.any(unclear):
        where = np.unravel_index(int(np.argmax(unclear)), np.shape(unclear))
        gain, rounded, least_gain = (
            float(np.broadcast_to(array, np.shape(unclear))[where]) for array in (gains, rounding, least)
        )
        raise UndecidableError(
            f"a gain of {gain:.6g} cannot be told from none: the rounding of the numbers it is computed from "
            f"({rounded:.1g}) exceeds the least gain that counts ({least_gain:.1g}); owned quantities or constants "
            "are too large for what is traded"
        )
    return np.asarray(gains > least)
