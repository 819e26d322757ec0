r"""The efficient benchmark: outcome-efficient allocations, the prices that support them, and their proof.

For a type profile t the efficient allocation maximises :math:`\sum_i v_i(x_i, t_i)` over
:math:`x \ge 0, \sum_i x_i \le \sum_i \omega_i` (Giraud and Rochon, section 4, outcome efficiency); the
numeraire may then be shared in any way. At the supporting price p every player's bundle maximises
:math:`v_i(q, t_i) - p \cdot q`. Weak duality proves optimality for any answer, whoever found it:

.. math:: \sum_i v_i(x_i) \le \max \le p \cdot s + \sum_i \max_q [v_i(q) - p \cdot q].

Both sides agree exactly when the first-order conditions hold, and the bound stands even where a valuation is
not concave. Their distance is what players would still gain by buying and selling at the price, and the worth of what
is left over; it is computed so, without the values themselves, whose rounding may exceed it. An answer is only returned
with its two sides closer than ``OPTIMALITY_TOLERANCE`` of what is at stake: the worth of the supply at the price and
what players gain or lose against their endowments. And only if the bundles can be handed out: the left inequality holds
for feasible bundles alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from importlib.util import find_spec

import numpy as np

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.joint_allocation import OTHER_WAYS, allocate_jointly
from marketgame.mechanisms.economies.separable_allocation import (
    WHOLE_SUPPLY,
    WORTH_INFINITELY_MUCH,
    allocate_good_by_good,
    type_tables,
)
from marketgame.mechanisms.economies.symmetry import Representatives, representatives
from marketgame.mechanisms.economies.valuation import ValuationBatch

# The largest relative distance between an allocation's value and its dual bound that is reported as efficient.
OPTIMALITY_TOLERANCE = 1e-9
# Where goods are all but free and nobody gains, stakes are at least this share of what half of each bundle is worth.
LEAST_SHARE_AT_STAKE = 1e-6
# By how much, relatively, the rounding of a sum of bundles may exceed the supply.
FEASIBILITY_TOLERANCE = 1e-12
# How near, relatively, a bundle is to a kink at which it stands; how far apart the ends of an interval of prices are.
AT_KINK = 1e-9
KINK_WIDTH = 1e-6
# Profiles are solved in pieces so that the work arrays stay in the processor's cache and in memory.
PROFILES_AT_ONCE = 1 << 13
# From this many profiles on, the compiled kernel repays importing Numba and loading the compiled code.
KERNEL_PAYS_FROM = 1 << 18


class UnprovenOptimumError(UnansweredError, ArithmeticError):
    """An allocation was found whose optimality could not be proven to the required tolerance."""


@dataclass(frozen=True, eq=False)
class EfficientAllocation:
    """Efficient allocations of an economy, one per type profile.

    Attributes:
        profiles: type numbers, ``(P, N)``.
        bundles: what each player gets of the goods other than the numeraire, ``(P, N, G)``, units.
        price: the supporting price, ``(P, L)``, numeraire per unit; the numeraire's own price, 1, comes last.
        lowest_price: the lower end of the supporting prices, ``(P, L)``. It is below ``price`` only for a good
            that one player holds wholly, or where everybody who holds some is at a kink of its valuation: any price
            between leaves them content with what they have. Where goods are used in fixed proportions it is the price,
            though prices of several goods may support the allocation together.
        value_of_goods: the players' summed valuations, ``(P,)``, numeraire.
        welfare: the players' summed utilities, ``(P,)``: value of goods and all numeraire there is.
        optimality_gap: how far the dual bound lies above the value of goods, relative to what is at stake, ``(P,)``.
    """

    profiles: IntegerArray
    bundles: FloatArray
    price: FloatArray
    lowest_price: FloatArray
    value_of_goods: FloatArray
    welfare: FloatArray
    optimality_gap: FloatArray

    def at(self, numbers: IntegerArray) -> EfficientAllocation:
        """Return the allocations of some of the profiles, by their places ``(K,)``."""
        return EfficientAllocation(*(getattr(self, field.name)[numbers] for field in fields(self)))


def efficient_allocation(economy: Economy, profiles: IntegerArray | None = None) -> EfficientAllocation:
    """Return the efficient allocation, its supporting price and its welfare for type profiles, all if none are given.

    Returns:
        The allocations, each proven optimal to a relative ``OPTIMALITY_TOLERANCE``.

    Raises:
        ValueError: nobody owns any unit of a good whose first unit is worth infinitely much.
        UnprovenOptimumError: an answer's proof falls short of the tolerance.

    Source:
        Giraud and Rochon, section 4 (outcome efficiency), Definition 1 (efficiency ex post) and the proof of Theorem 1
        (supporting prices).
    """
    chosen = _checked(economy, profiles)
    solved_once = representatives(economy, chosen)
    if solved_once is None:
        return _solved(economy, chosen)
    return _spread(economy, _solved(economy, chosen[solved_once.numbers]), chosen, solved_once)


def _solved(economy: Economy, chosen: IntegerArray) -> EfficientAllocation:
    """Return the efficient allocations of profiles, each solved by itself."""
    answer = _unanswered(economy, chosen)
    open_questions = np.arange(len(chosen))
    if len(chosen) >= KERNEL_PAYS_FROM and economy.valuations.separable and find_spec("numba") is not None:
        open_questions = _solve_compiled(economy, answer)
        if not open_questions.size:
            return replace(answer, lowest_price=answer.price)
        np.copyto(answer.lowest_price, answer.price)
    for start in range(0, len(open_questions), PROFILES_AT_ONCE):
        _solve(economy, answer, open_questions[start : start + PROFILES_AT_ONCE])
    _refuse_unproven(economy, answer)
    return answer


def _spread(
    economy: Economy, solved: EfficientAllocation, profiles: IntegerArray, solved_once: Representatives
) -> EfficientAllocation:
    """Return the answers to all profiles, equal bit for bit where only the players' places are exchanged."""
    which = solved_once.which
    value = solved.value_of_goods[which]
    return EfficientAllocation(
        profiles,
        bundles=solved_once.spread(solved.bundles),
        price=solved.price[which],
        lowest_price=solved.lowest_price[which],
        value_of_goods=value,
        welfare=value + economy.endowments(profiles)[..., -1].sum(axis=-1),
        optimality_gap=solved.optimality_gap[which],
    )


def optimality_gap(economy: Economy, profiles: IntegerArray, bundles: FloatArray, price: FloatArray) -> FloatArray:
    """Return how far a dual bound lies above an allocation's value: the proof of anybody's answer.

    Args:
        economy: the economy.
        profiles: type numbers, ``(P, N)``.
        bundles: of the goods other than the numeraire, ``(P, N, G)``, units.
        price: of all goods, the numeraire last, ``(P, L)``, numeraire per unit; any nonnegative prices give a bound.

    Returns:
        The distance relative to what is at stake, ``(P,)``; infinite where the bundles or prices cannot be.
    """
    traders = economy.valuations.select(economy.rows(profiles).T)
    return _gap(traders, np.moveaxis(bundles, 1, 0), price[:, :-1], _owned(economy, profiles))


def _owned(economy: Economy, profiles: IntegerArray) -> FloatArray:
    """Return from which goods players' gains are measured, ``(N, P, G)``, units."""
    return economy.endowment_table[economy.rows(profiles).T, :-1]


def value_of_goods(economy: Economy, profiles: IntegerArray, bundles: FloatArray) -> FloatArray:
    """Return the players' summed valuations, ``(P,)``, numeraire, of bundles ``(P, N, G)``."""
    return economy.valuations.value(economy.rows(profiles), bundles).sum(axis=-1)


def autarky_welfare(economy: Economy, profiles: IntegerArray | None = None) -> FloatArray:
    """Return the players' summed utilities, ``(P,)``, numeraire, when everyone consumes its own endowment."""
    chosen = _checked(economy, profiles)
    return economy.utility(chosen, economy.endowments(chosen)).sum(axis=-1)


def _checked(economy: Economy, profiles: IntegerArray | None) -> IntegerArray:
    """Return the profiles asked for, ``(P, N)``, refusing types that do not exist."""
    if profiles is None:
        return economy.profiles
    chosen = np.atleast_2d(profiles)
    counts = np.array(economy.prior.type_counts)
    if chosen.shape[1:] != counts.shape:
        raise ValueError(f"profiles have shape {chosen.shape}; there must be {len(counts)} types in each row")
    if (chosen < 0).any() or (chosen >= counts).any():
        raise ValueError(f"a profile names a type that does not exist; players have {counts.tolist()} types")
    return chosen


def _unanswered(economy: Economy, profiles: IntegerArray) -> EfficientAllocation:
    """Return room for the answers."""
    count, goods = len(profiles), len(economy.goods)
    return EfficientAllocation(
        profiles,
        bundles=np.empty((*profiles.shape, goods - 1)),
        price=np.empty((count, goods)),
        lowest_price=np.empty((count, goods)),
        value_of_goods=np.empty(count),
        welfare=np.empty(count),
        optimality_gap=np.empty(count),
    )


def _refuse_unproven(economy: Economy, answer: EfficientAllocation) -> None:
    unproven = np.flatnonzero(~(answer.optimality_gap <= OPTIMALITY_TOLERANCE))
    if unproven.size:
        first = unproven[0]
        raise UnprovenOptimumError(
            f"the allocation for types {economy.type_names(answer.profiles[first])} is only proven optimal to a "
            f"relative {answer.optimality_gap[first]:.1e}; {OPTIMALITY_TOLERANCE:.0e} is required"
        )


def _solve(economy: Economy, answer: EfficientAllocation, numbers: IntegerArray) -> None:
    """Fill in the answers for the profiles of the given numbers, ``(P,)``."""
    profiles = answer.profiles[numbers]
    table, rows = economy.valuations, economy.rows(profiles)
    endowments = economy.endowments(profiles)
    supply = endowments[..., :-1].sum(axis=-2)
    bundles, price = np.empty((*rows.shape, supply.shape[-1])), np.empty(supply.shape)
    # Good by good is exact even where a speck of a good is worth next to nothing, so one player who values goods
    # jointly does not take it from the profiles in which it has another type.
    one_by_one = table.separable_rows(rows).all(axis=-1)
    for chosen, allocate in ((one_by_one, allocate_good_by_good), (~one_by_one, allocate_jointly)):
        if chosen.any():
            bundles[chosen], price[chosen] = allocate(table, rows[chosen], supply[chosen])
    if not np.isfinite(price).all():
        raise ValueError(WORTH_INFINITELY_MUCH)
    _fill_in(economy, answer, numbers, bundles, price)
    # What is not proven is looked for in other ways, which take longer.
    missed = ~one_by_one & ~(answer.optimality_gap[numbers] <= OPTIMALITY_TOLERANCE)
    if missed.any():
        _try_again(economy, answer, numbers[missed])


def _try_again(economy: Economy, answer: EfficientAllocation, numbers: IntegerArray) -> None:
    """Replace answers that are not proven by better ones, if other ways find them."""
    for find in OTHER_WAYS:
        numbers = numbers[~(answer.optimality_gap[numbers] <= OPTIMALITY_TOLERANCE)]
        if not numbers.size:
            return
        profiles = answer.profiles[numbers]
        rows, supply = economy.rows(profiles), economy.endowments(profiles)[..., :-1].sum(axis=-2)
        found = find(economy.valuations, rows, supply, answer.price[numbers, :-1])
        if found is None:
            continue
        other = _unanswered(economy, profiles)
        _fill_in(economy, other, np.arange(len(numbers)), *found)
        better = np.flatnonzero(other.optimality_gap < answer.optimality_gap[numbers])
        for name in (each.name for each in fields(EfficientAllocation) if each.name != "profiles"):
            getattr(answer, name)[numbers[better]] = getattr(other, name)[better]


def _fill_in(
    economy: Economy, answer: EfficientAllocation, numbers: IntegerArray, bundles: FloatArray, price: FloatArray
) -> None:
    """Fill in the answers for the profiles of the given numbers, ``(P,)``: bundles ``(P, N, G)``, prices ``(P, G)``."""
    profiles = answer.profiles[numbers]
    endowments = economy.endowments(profiles)
    supply = endowments[..., :-1].sum(axis=-2)
    # Players come first, (N, P, G): sums over players then add long rows.
    traders = economy.valuations.select(economy.rows(profiles).T)
    held = traders.dispose(np.moveaxis(bundles, 1, 0))
    price = _free_where_left_over(traders, held, price, _owned(economy, profiles))
    value = traders.value(held).sum(axis=0)
    if traders.by_activities:
        lowest = price
    elif traders.kinked:
        price, lowest = _ends_at_kinks(traders, held, price, supply)
    else:
        lowest = _lowest_price(traders, held, price, supply)
    answer.bundles[numbers] = np.moveaxis(held, 0, 1)
    answer.price[numbers, :-1], answer.price[numbers, -1] = price, 1
    answer.lowest_price[numbers, :-1] = lowest
    answer.lowest_price[numbers, -1] = 1
    answer.value_of_goods[numbers] = value
    answer.welfare[numbers] = value + endowments[..., -1].sum(axis=-1)
    answer.optimality_gap[numbers] = _gap(traders, held, price, _owned(economy, profiles))


def _free_where_left_over(
    traders: ValuationBatch, held: FloatArray, price: FloatArray, owned: FloatArray
) -> FloatArray:
    """Return prices ``(P, G)`` at which a good that is left over costs nothing, where that is as well proven.

    Whoever owns such a good cannot sell all of it: at a price that is only nearly zero, payments would not balance.
    """
    supply = owned.sum(axis=0)
    left_over = (held.sum(axis=0) < (1 - FEASIBILITY_TOLERANCE) * supply) & (price > 0)
    if not left_over.any():
        return price
    free = np.where(left_over, 0, price)
    proven = _gap(traders, held, free, owned) <= OPTIMALITY_TOLERANCE
    return np.where(proven[:, None], free, price)


def _gap(traders: ValuationBatch, held: FloatArray, price: FloatArray, owned: FloatArray) -> FloatArray:
    """Return the relative distance of the dual bound from the value of bundles ``(N, P, G)``, ``(P,)``.

    The distance is what players still gain at the price, and what the rest of the supply is worth at it. Neither has
    the size of the values.
    """
    supply = owned.sum(axis=0)
    possible, charged = np.maximum(held, 0), np.maximum(price, 0)
    distance = traders.indirect_gain(possible, charged, supply).sum(axis=0)
    distance = distance + (charged * (supply - possible.sum(axis=0))).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        gained = np.abs(traders.gain(owned, possible)).sum(axis=0)
        half = np.abs(traders.gain(0.5 * possible, possible)).sum(axis=0)
    at_stake = (charged * supply).sum(axis=-1) + np.where(np.isfinite(gained), gained, 0)
    scale = np.maximum(at_stake, LEAST_SHARE_AT_STAKE * half)
    # Where nothing is at stake, whatever could be gained exceeds it.
    gap = np.where(scale > 0, distance / np.where(scale > 0, scale, 1), np.where(distance > 0, np.inf, 0))
    fits = (held.sum(axis=0) <= supply * (1 + FEASIBILITY_TOLERANCE)).all(axis=-1)
    sound = fits & (held >= 0).all(axis=(0, -1)) & (price >= 0).all(axis=-1)
    return np.where(sound, gap, np.inf)


def _lowest_price(traders: ValuationBatch, held: FloatArray, price: FloatArray, supply: FloatArray) -> FloatArray:
    """Return the lower ends of the supporting prices, ``(P, G)``.

    Whoever holds less than the whole supply pins the price from below by its own marginal value.
    """
    holds_all = (held >= WHOLE_SUPPLY * supply) & (supply > 0)
    if not holds_all.any():
        return price
    marginal = np.where(holds_all, 0, traders.supergradient(held))
    return np.where(holds_all.any(axis=0), np.clip(marginal.max(axis=0), 0, price), price)


def _ends_at_kinks(
    traders: ValuationBatch, held: FloatArray, price: FloatArray, supply: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the highest and the lowest supporting prices, ``(P, G)``, where marginal values may jump.

    Nobody would buy one more unit, and nobody sell its last one. Bundles are rounded: what lies this side of a kink by
    rounding counts as the kink.
    """
    something = held > FEASIBILITY_TOLERANCE * supply
    next_unit = traders.supergradient(np.where(something, held * (1 + AT_KINK), 0))
    last_unit = np.where(something, traders.last_unit(held * (1 - AT_KINK)), np.inf)
    lowest, highest = np.maximum(next_unit.max(axis=0), 0), last_unit.min(axis=0)
    handed_out = held.sum(axis=0) >= (1 - AT_KINK) * supply
    apart = handed_out & np.isfinite(highest) & (highest - lowest > KINK_WIDTH * highest)
    return np.where(apart, highest, price), np.where(apart, lowest, price)


def _solve_compiled(economy: Economy, answer: EfficientAllocation) -> IntegerArray:
    """Fill in what the kernel can prove; return the numbers of the profiles it leaves open."""
    types = type_tables(economy)
    if types is None:
        return np.arange(len(answer.profiles))
    # Numba is optional, and slow to import.
    from marketgame.mechanisms.economies import separable_kernel as kernel  # noqa: PLC0415

    if len(answer.profiles) < kernel.LANES:
        return np.arange(len(answer.profiles))
    kernel.solve(
        types,
        np.ascontiguousarray(answer.profiles, np.int64),
        kernel.AllocationArrays(
            answer.bundles,
            answer.price,
            answer.value_of_goods,
            answer.welfare,
            answer.optimality_gap,
        ),
    )
    return np.flatnonzero(~(answer.optimality_gap <= OPTIMALITY_TOLERANCE))
