r"""What a valuation :math:`v_i(q, t_i)` of the goods other than the numeraire must answer, and stacks of them.

A player of type :math:`t_i` holding the bundle :math:`(q, m)` enjoys :math:`v_i(q, t_i) + m` (Giraud and
Rochon, section 2.1). Each family is one class; its parameters may carry leading batch dimensions, so one
object holds one valuation or a stack of them. ``G`` is the number of goods without the numeraire.

Demand is the least maximiser of :math:`v(q) - p \cdot q` over all :math:`q \ge 0`, found globally also where
a valuation is not concave, so that the efficient benchmark can rest on it.

A family is one frozen dataclass, and all else follows from it. Its fields are the parameters, described by
:func:`coefficient`: what economy files and certificates hold under which key, within which bounds, in which shape. Its
``name`` is what files call it, the first line of its docstring what ``marketgame explain`` prints. Families whose
formula also is given in rational numbers, as :meth:`Valuation.exact_tangent` or :meth:`SeparableValuation.exact_term`,
can be certified: `replay` computes with these alone.

Utility matters only in differences. A difference of two values loses whatever is smaller than the rounding of the
values themselves, which may be large for no reason but a constant; every family therefore also answers
:math:`v(q') - v(q)` directly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, dataclass, field, fields
from fractions import Fraction
from functools import cache
from math import prod
from typing import Any, ClassVar, Self, override

import numpy as np
from numpy.typing import ArrayLike

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray, finite_array, read_only
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.registry import parameter

type Bundle = Sequence[Fraction]
"""Quantities of the goods, units; with or without the numeraire, which then is last."""

NOT_EXACT = "the family {} is not given in rational numbers, without which nothing about it can be certified"
# What every entry of a parameter must be for a bound: the comparison that refuses it, and how the sentence ends.
REFUSED_BY = {
    "gt": (np.less_equal, "greater than"),
    "ge": (np.less, "at least"),
    "lt": (np.greater_equal, "less than"),
    "le": (np.greater, "at most"),
}


def coefficient(
    meaning: str,
    *,
    dimensions: int = 1,
    blocks: bool = False,
    default: float | None = None,
    key: str = "",
    gt: float | None = None,
    ge: float | None = None,
) -> Any:
    """Return the field of a family's parameter.

    Args:
        meaning: one line, with the unit.
        dimensions: how often it runs over the goods: 0 for one number, 1 for one for each good, 2 for a matrix.
        blocks: whether there is a list of numbers, block by block, in each of its places.
        default: what every entry is where the parameter is left out; it must be given without one.
        key: what files call it; as the field if empty.
        gt: what every entry must be greater than.
        ge: what every entry must be at least.
    """
    metadata = {**parameter(meaning, key=key, gt=gt, ge=ge), "dimensions": dimensions, "blocks": blocks}
    return field(metadata=metadata) if default is None else field(default=default, metadata=metadata)


@dataclass(frozen=True, eq=False)
class Valuation(ABC):
    """One family of valuations; subclasses are frozen dataclasses whose fields are made by `coefficient`.

    Parameters are float64 arrays, ``(..., G)`` unless a family says otherwise. They are checked against what their
    fields say, stored read-only, and may be refused further by a ``__post_init__`` that calls this class's first.

    Attributes:
        name: what files call the family.

    Raises:
        ValueError: a parameter has another shape than its field says, is not finite or out of bounds; begins with its
            name.
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        alike = next(np.shape(given[name]) for name, runs in self.dimensions().items() if runs)
        for each in fields(self):
            if each.default is not MISSING and given[each.name] is each.default:
                given[each.name] = np.full(alike, each.default)
        arrays = _fitting(given, self.dimensions(), self.blocks())
        for each in fields(self):
            array = arrays[each.name]
            for bound, (refused, words) in REFUSED_BY.items():
                if bound in each.metadata and refused(array, each.metadata[bound]).any():
                    wanted = f"every entry must be {words} {each.metadata[bound]:g}"
                    raise ValueError(f"{each.name} is {array.tolist()}; {wanted}")
        for name, array in arrays.items():
            object.__setattr__(self, name, read_only(array))

    def remark(self) -> str:
        """Return what is unusual but allowed about the parameters, beginning with a name; else nothing."""
        return ""

    @classmethod
    def keys(cls) -> dict[str, str]:
        """Return what files call each parameter, by the name of its field."""
        return {each.name: each.metadata.get("key", each.name) for each in fields(cls)}

    @classmethod
    def dimensions(cls) -> dict[str, int]:
        """Return how often each parameter runs over the goods, by the name of its field."""
        return {each.name: each.metadata["dimensions"] for each in fields(cls)}

    @classmethod
    def blocks(cls) -> frozenset[str]:
        """Return the parameters that are lists, block by block, for each good."""
        return frozenset(each.name for each in fields(cls) if each.metadata["blocks"])

    @property
    def listed(self) -> Valuation:
        """An equal valuation of a family that has a name; this one, unless it is only computed with."""
        return self

    @property
    def separable(self) -> bool:
        """Whether the goods enter one by one, so that demand for a good depends on its own price alone."""
        return False

    @property
    def kinked(self) -> bool:
        """Whether marginal values may jump, so that one more unit and the last one are not worth the same."""
        return False

    @property
    def uses(self) -> FloatArray:
        """What a unit of each activity takes of each good, ``(..., G of goods, G of activities)``.

        A family in which it is not one for one is valued by activities, in which it has no kinks.
        """
        name = next(name for name, dimensions in self.dimensions().items() if dimensions)
        inner = self.dimensions()[name] + (name in self.blocks())
        batch = np.shape(getattr(self, name))[: np.ndim(getattr(self, name)) - inner]
        return np.broadcast_to(np.eye(self.goods), (*batch, self.goods, self.goods))

    @property
    def by_activities(self) -> bool:
        """Whether goods are valued for the activities that use them."""
        return type(self).uses is not Valuation.uses

    def pieces(self) -> list[tuple[Valuation, FloatArray]]:
        """Return valuations whose marginal values do not jump, each with its cap: how much it has use for, ``(G,)``.

        Held by one player they are worth as much as this valuation, as long as what is worth most is filled first. What
        is infinite is no cap.
        """
        return [(self, np.full(self.goods, np.inf))]

    def simplified(self) -> Valuation:
        """Return an equal valuation of the simplest family that holds it."""
        return self

    @abstractmethod
    def value(self, bundles: FloatArray) -> FloatArray:
        """Return v(q), ``(...)``, in units of the numeraire, for bundles ``(..., G)``."""

    def gain(self, before: FloatArray, after: FloatArray, change: FloatArray | None = None) -> FloatArray:
        """Return v(after) - v(before), ``(...)``, numeraire, exact to the rounding of what the change is worth.

        Args:
            before: bundles, ``(..., G)``, units.
            after: bundles, ``(..., G)``, units.
            change: ``after - before`` where it is known more exactly than as the difference of the two.
        """
        return self.difference(before, after, after - before if change is None else change)

    @abstractmethod
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        """Return v(after) - v(before), ``(...)``, where after - before = change, never as a difference of values."""

    @abstractmethod
    def gradient(self, bundles: FloatArray) -> FloatArray:
        """Return the marginal values, ``(..., G)``, in numeraire per unit, at bundles ``(..., G)``."""

    @abstractmethod
    def curvature(self, bundles: FloatArray) -> FloatArray:
        """Return minus the Hessian of the least concave majorant under free disposal, ``(..., G, G)``."""

    @abstractmethod
    def demand(self, prices: FloatArray) -> FloatArray:
        """Return the least bundle, ``(..., G)``, maximising v(q) - p.q over q >= 0 at prices ``(..., G)``."""

    @abstractmethod
    def least_gradient(self, limit: FloatArray) -> FloatArray:
        """Return a lower bound, ``(..., G)``, of the gradient over all bundles between 0 and ``limit``."""

    @abstractmethod
    def strictly_concave(self, limit: FloatArray) -> bool:
        """Say whether the Hessian is negative definite at all bundles between 0 and ``limit`` ``(G,)``."""

    def indirect_utility(self, prices: FloatArray, limit: FloatArray) -> FloatArray:
        """Return a bound, ``(...)``, on v(q) - p.q over 0 <= q <= limit; with separable goods, the maximum."""
        demand = self.demand(prices)
        if np.isfinite(demand).all():
            return self.value(demand) - (prices * demand).sum(axis=-1)
        near = np.minimum(demand, limit)
        return self.value(near) - (prices * near).sum(axis=-1) + self._best_elsewhere(near, prices, limit)

    def indirect_gain(self, start: FloatArray, prices: FloatArray, limit: FloatArray) -> FloatArray:
        """Return what ``indirect_utility`` bounds, ``(...)``, less v - p.q at bundles ``(..., G)``, without levels."""
        demand = self.demand(prices)
        if np.isfinite(demand).all():
            return self._gain_less_expense(start, prices, demand)
        near = np.minimum(demand, limit)
        return self._gain_less_expense(start, prices, near) + self._best_elsewhere(near, prices, limit)

    def _best_elsewhere(self, near: FloatArray, prices: FloatArray, limit: FloatArray) -> FloatArray:
        """Return what v(q) - p.q may at most be more, ``(...)``, than near, over 0 <= q <= limit: by the tangent."""
        surplus = self.supergradient(near) - prices
        with np.errstate(invalid="ignore"):
            more = np.where(near < limit, surplus * (limit - near), 0)
            less = np.where(near > 0, -surplus * near, 0)
        return np.maximum(more, less).sum(axis=-1)

    def _gain_less_expense(self, start: FloatArray, prices: FloatArray, end: FloatArray) -> FloatArray:
        change = end - start
        return self.difference(start, end, change) - (prices * change).sum(axis=-1)

    def supergradient(self, bundles: FloatArray) -> FloatArray:
        """Return a gradient, ``(..., G)``, of the least concave majorant under free disposal."""
        return self.gradient(bundles)

    def gradient_of_activities(self, levels: FloatArray) -> FloatArray:
        """Return what more of each activity is worth, ``(..., G)``, below zero for what is none."""
        return self.supergradient(levels)

    def curvature_of_activities(self, levels: FloatArray) -> FloatArray:
        """Return minus the Hessian by activities, ``(..., G, G)``."""
        return self.curvature(levels)

    def last_unit(self, bundles: FloatArray) -> FloatArray:
        """Return what the last unit of each good is worth, ``(..., G)``; as the next one where nothing jumps."""
        return self.supergradient(bundles)

    def dispose(self, bundles: FloatArray) -> FloatArray:
        """Return what is kept of bundles, ``(..., G)``, whose excess is worth nothing."""
        return bundles

    def concave_sum(self, weights: FloatArray) -> bool:
        """Say whether a weighted sum of a stack's K members is provably concave; weights ``(K,)`` of any sign.

        Members of one shape differ only in how much they weigh, and so do their sums.
        """
        scale, *shape = self.parameter_names()
        same_shape = all((getattr(self, name) == getattr(self, name)[0]).all() for name in shape)
        return same_shape and bool((weights @ getattr(self, scale) >= 0).all())

    @classmethod
    def is_exact(cls) -> bool:
        """Whether the formula is also given in rational numbers, without which nothing can be certified.

        The formula of a family that it refines is not its own.
        """
        value, *rational = (
            next(place for place, kind in enumerate(cls.__mro__) if name in vars(kind))
            for name in ("value", "exact_tangent", "exact_term")
            if hasattr(cls, name)
        )
        return min(rational) <= value

    def exact_value(self, bundle: Bundle) -> Fraction:
        """Return v(q), numeraire, of a bundle ``(G,)``; of a family that is not concave, this is to be given too."""
        return self.exact_tangent(bundle)[0]

    def exact_tangent(self, bundle: Bundle) -> tuple[Fraction, list[Fraction | None]]:
        r"""Return value and gradient at a bundle of a concave function that is at least v everywhere.

        It is v itself where v is concave, and what v becomes if goods may be thrown away where it is not. Nothing may
        be computed in floating point; for logarithms, exponentials and powers see
        :mod:`marketgame.mechanisms.economies.exact_numbers`.

        Returns:
            The value, numeraire, and the marginal values, ``(G,)``, numeraire per unit; none where they are infinite.
            By concavity :math:`v(q) \le \text{value} + \text{gradient} \cdot (q - \text{bundle})` for all
            :math:`q \ge 0`.

        Raises:
            ValueError: the family's formula is not given in rational numbers.
        """
        raise ValueError(NOT_EXACT.format(type(self).__name__))

    def exact_surplus(self, price: Bundle, limit: Bundle, near: Bundle) -> Fraction | None:
        """Return a bound on v(q) - p q over bundles from nothing to a limit, by the tangent at a bundle near the best.

        Args:
            price: numeraire per unit, ``(G,)``.
            limit: units, ``(G,)``.
            near: a bundle between nothing and the limit, ``(G,)``.

        Returns:
            The bound, numeraire; none if the tangent is vertical.

        Raises:
            ValueError: the family's formula is not given in rational numbers.
        """
        found, gradient = self.exact_tangent(near)
        for p, most, quantity, marginal in zip(price, limit, near, gradient, strict=True):
            if marginal is None:
                if most > 0:
                    return None
                continue
            found += _above(p, most, quantity, marginal) - p * quantity
        return found

    @property
    def goods(self) -> int:
        """The number of goods without the numeraire."""
        name = next(name for name, dimensions in self.dimensions().items() if dimensions)
        return int(getattr(self, name).shape[-2 if name in self.blocks() else -1])

    @classmethod
    @cache
    def parameter_names(cls) -> tuple[str, ...]:
        """The names of the family's parameters."""
        return tuple(each.name for each in fields(cls))

    def take(self, rows: IntegerArray) -> Self:
        """Return the stack of valuations at the given rows of this stack's first dimension."""
        return self._unchecked({name: getattr(self, name).take(rows, axis=0) for name in self.parameter_names()})

    @classmethod
    def stack(cls, valuations: Sequence[Self]) -> Self:
        """Return one object of the family whose parameters have a new first dimension, one row each."""
        names = cls.parameter_names()
        stacked = {name: np.stack([getattr(valuation, name) for valuation in valuations]) for name in names}
        return cls._unchecked(stacked)

    @classmethod
    def _unchecked(cls, parameters: dict[str, FloatArray]) -> Self:
        """Return an object of the family with parameters taken from checked ones."""
        rebuilt = object.__new__(cls)
        for name, array in parameters.items():
            object.__setattr__(rebuilt, name, array)
        return rebuilt


class SeparableValuation(Valuation):
    """A family that values the goods one by one, all of whose parameters have one number for each good."""

    def exact_term(self, good: int, quantity: Fraction) -> tuple[Fraction, Fraction | None]:
        """Return what a quantity of a good is worth and its marginal value, none if infinite; in rational numbers.

        Raises:
            ValueError: the family's formula is not given in rational numbers.
        """
        raise ValueError(NOT_EXACT.format(type(self).__name__))

    def exact_satiation(self, good: int) -> Fraction | None:
        """Return the quantity of a good beyond which it is disposed of, units; none if there is no such quantity."""
        return None

    def exact_parameters(self, good: int) -> list[Fraction]:
        """Return the parameters of a good as the rational numbers that they are, in the order of the fields."""
        return exact(getattr(self, name)[good] for name in self.parameter_names())

    def exact_kinks(self, good: int) -> list[tuple[Fraction, Fraction, Fraction | None]]:
        """Return where marginal values of a good jump: quantity, what the next unit is worth, and what the last one.

        The last may be none: what nothing is held of has no last unit.
        """
        return []

    @override
    def exact_surplus(self, price: Bundle, limit: Bundle, near: Bundle) -> Fraction | None:
        kinks = [self.exact_kinks(good) for good in range(self.goods)]
        if not any(kinks):
            return super().exact_surplus(price, limit, near)
        found, (_, gradient) = Fraction(0), self.exact_tangent(near)
        # At a kink every slope between the two is that of a tangent, the price where it lies between.
        for good, (p, most, quantity, marginal) in enumerate(zip(price, limit, near, gradient, strict=True)):
            lines = [] if marginal is None else [(quantity, marginal)]
            for place, after, before in kinks[good]:
                lines.append((place, max(after, p if before is None else min(before, p))))
            bounds = [
                self.exact_term(good, place)[0] - p * place + _above(p, most, place, slope) for place, slope in lines
            ]
            if not bounds and most > 0:
                return None
            found += min(bounds, default=Fraction(0))
        return found

    @override
    def exact_value(self, bundle: Bundle) -> Fraction:
        return sum((self.exact_term(good, quantity)[0] for good, quantity in enumerate(bundle)), Fraction(0))

    @override
    def exact_tangent(self, bundle: Bundle) -> tuple[Fraction, list[Fraction | None]]:
        total, gradient = Fraction(0), list[Fraction | None]()
        for good, quantity in enumerate(bundle):
            most = self.exact_satiation(good)
            worth, marginal = self.exact_term(good, quantity if most is None else min(quantity, most))
            total += worth
            gradient.append(marginal if most is None or quantity < most else Fraction(0))
        return total, gradient

    @property
    @override
    def separable(self) -> bool:
        return True

    @abstractmethod
    def demand_slope(self, prices: FloatArray, demand: FloatArray) -> FloatArray:
        """Return by how much demand falls per unit of price, ``(..., G)``, where it is ``demand`` ``(..., G)``."""

    @override
    def indirect_utility(self, prices: FloatArray, limit: FloatArray) -> FloatArray:
        # Up to demand every further unit is worth its price, so the limit is best where demand exceeds it.
        bundles = np.minimum(self.demand(prices), limit)
        return self.value(bundles) - (prices * bundles).sum(axis=-1)

    @override
    def indirect_gain(self, start: FloatArray, prices: FloatArray, limit: FloatArray) -> FloatArray:
        return self._gain_less_expense(start, prices, np.minimum(self.demand(prices), limit))


def _above(price: Fraction, limit: Fraction, quantity: Fraction, slope: Fraction) -> Fraction:
    """Return by how much a line's surplus at a price is larger, at one end of what can be held, than at a quantity."""
    return max((slope - price) * (limit - quantity), (price - slope) * quantity)


def _fitting(
    parameters: Mapping[str, ArrayLike], dimensions: Mapping[str, int], blocks: AbstractSet[str]
) -> dict[str, FloatArray]:
    """Return parameters as arrays, all of one batch and for the same goods, and blocks.

    Raises:
        ValueError: one is not; begins with its name.
    """
    first = next(name for name, runs in dimensions.items() if runs)
    given = finite_array(first, parameters[first], (None,) * (dimensions[first] + (first in blocks)))
    listed = given.shape[-1:] if first in blocks else ()
    whole = given.ndim - len(listed)
    goods, batch = given.shape[whole - 1], given.shape[: whole - dimensions[first]]
    arrays = {}
    for name, runs in dimensions.items():
        inner = listed if name in blocks else ()
        array = finite_array(name, parameters[name], (goods,) * runs if runs > 1 else (None,) * (runs + len(inner)))
        if array.shape != batch + (goods,) * runs + inner:
            together = "have the same" if runs == dimensions[first] else "go together"
            raise ValueError(f"{name} has shape {array.shape}, {first} {given.shape}; they must {together}")
        arrays[name] = array
    return arrays


def diagonal_matrices(entries: FloatArray) -> FloatArray:
    """Return diagonal matrices, ``(..., G, G)``, with the given entries ``(..., G)``."""
    goods = np.arange(entries.shape[-1])
    matrices = np.zeros((*entries.shape, len(goods)))
    matrices[..., goods, goods] = entries
    return matrices


def log_ratio(before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
    """Return log(after / before), ``(...)``, of positive numbers with after - before = change; zero if none changes.

    A small change is not lost in the rounding of the ratio. A number may be zero where the other is not: the
    logarithm is then infinite.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.abs(change) <= 0.5 * before
        logarithm = np.where(near, np.log1p(np.where(near, change / before, 0)), np.log(after / before))
    return np.where(change == 0, 0.0, logarithm)


def power_gain(before: FloatArray, after: FloatArray, change: FloatArray, power: FloatArray) -> FloatArray:
    """Return by how much a power of nonnegative numbers changes, ``(...)``, where after - before = change.

    A small change is not lost in the rounding of the powers.
    """
    # The larger of the two powers is taken out, so that the exponential of the rest is at most one.
    exponent = power * log_ratio(before, after, change)
    larger = np.where(exponent > 0, after, before)
    rest = -np.sign(exponent) * np.expm1(-np.abs(exponent))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(change == 0, 0, larger**power * rest)


class ValuationTable:
    """Valuations of mixed families, one per row, evaluated for many rows at once.

    Args:
        valuations: one valuation per row, all over the same goods.

    Raises:
        ValueError: there is no valuation, or they disagree on the number of goods.
    """

    def __init__(self, valuations: Sequence[Valuation]) -> None:
        goods = {valuation.goods for valuation in valuations}
        if len(goods) != 1:
            raise ValueError(f"valuations are over {sorted(goods)} goods; all must be over the same number")
        self.goods = goods.pop()
        self.valuations = tuple(valuations)
        simplest = [valuation.simplified() for valuation in valuations]
        families = list(dict.fromkeys(type(valuation) for valuation in simplest))
        self._family_of_row = np.array([families.index(type(valuation)) for valuation in simplest])
        self._place_in_family = np.empty_like(self._family_of_row)
        for number in range(len(families)):
            own = np.flatnonzero(self._family_of_row == number)
            self._place_in_family[own] = np.arange(own.size)
        self._stacks: list[Valuation] = [
            family.stack([v for v in simplest if type(v) is family]) for family in families
        ]

    @property
    def separable(self) -> bool:
        """Whether every valuation values the goods one by one."""
        return all(stack.separable for stack in self._stacks)

    def separable_rows(self, rows: IntegerArray) -> BooleanArray:
        """Say which of the rows ``(...)`` value the goods one by one."""
        one_by_one = np.array([stack.separable for stack in self._stacks])
        return np.asarray(one_by_one[self._family_of_row[rows]])

    def select(self, rows: IntegerArray) -> ValuationBatch:
        """Return the valuations at the rows ``(...)``, to be evaluated often."""
        parts: list[tuple[Valuation, IntegerArray]] = []
        flat = rows.reshape(-1)
        if len(self._stacks) == 1 and flat.size:
            return ValuationBatch(rows.shape, self.goods, [(self._stacks[0].take(flat), np.arange(flat.size))])
        for family, stack in enumerate(self._stacks):
            places = np.flatnonzero(self._family_of_row[flat] == family)
            if places.size:
                parts.append((stack.take(self._place_in_family[flat[places]]), places))
        return ValuationBatch(rows.shape, self.goods, parts)

    def by_activities(self, rows: IntegerArray) -> bool:
        """Say whether some of the rows ``(...)`` value goods for the activities that use them."""
        return self.select(rows).by_activities

    def uses(self, rows: IntegerArray) -> FloatArray:
        """Return what a unit of each activity takes of each good, ``(..., G, G)``."""
        return self.select(rows).uses()

    def gradient_of_activities(self, rows: IntegerArray, levels: FloatArray) -> FloatArray:
        """Return what more of each activity is worth, ``(..., G)``."""
        return self.select(rows).gradient_of_activities(levels)

    def curvature_of_activities(self, rows: IntegerArray, levels: FloatArray) -> FloatArray:
        """Return minus the Hessians by activities, ``(..., G, G)``."""
        return self.select(rows).curvature_of_activities(levels)

    def value(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        """Return the values, ``(...)``, in numeraire, of bundles ``(..., G)`` to the rows ``(...)``."""
        return self.select(rows).value(bundles)

    def gain(
        self, rows: IntegerArray, before: FloatArray, after: FloatArray, change: FloatArray | None = None
    ) -> FloatArray:
        """Return v(after) - v(before), ``(...)``, numeraire, of bundles ``(..., G)`` to the rows ``(...)``."""
        return self.select(rows).gain(before, after, change)

    def gradient(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        """Return the marginal values, ``(..., G)``, numeraire per unit, at bundles ``(..., G)``."""
        return self.select(rows).gradient(bundles)

    def supergradient(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        """Return gradients, ``(..., G)``, of the least concave majorants under free disposal."""
        return self.select(rows).supergradient(bundles)

    def dispose(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        """Return what is kept, ``(..., G)``, of bundles whose excess is worth nothing."""
        return self.select(rows).dispose(bundles)

    def curvature(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        """Return minus the Hessians, ``(..., G, G)``, of the least concave majorants."""
        return self.select(rows).curvature(bundles)

    def demand(self, rows: IntegerArray, prices: FloatArray) -> FloatArray:
        """Return the bundles demanded, ``(..., G)``, at prices ``(..., G)`` by the rows ``(...)``."""
        return self.select(rows).demand(prices)

    def indirect_utility(self, rows: IntegerArray, prices: FloatArray, limit: FloatArray) -> FloatArray:
        """Return bounds, ``(...)``, on v(q) - p.q over 0 <= q <= limit, at prices and limits ``(..., G)``."""
        return self.select(rows).indirect_utility(prices, limit)


@dataclass(frozen=True, eq=False)
class ValuationBatch:
    """Chosen rows of a table, looked up once and evaluated as often as needed.

    Arguments are broadcast to the batch, so that one price vector may serve everyone.

    Attributes:
        shape: of the batch, ``(...)``.
        goods: the number of goods without the numeraire.
        parts: per family, its valuations and where they stand in the flattened batch.
    """

    shape: tuple[int, ...]
    goods: int
    parts: list[tuple[Valuation, IntegerArray]]

    def value(self, bundles: FloatArray) -> FloatArray:
        """Return the values, ``(...)``, in numeraire, of bundles ``(..., G)``."""
        return self._evaluate((), lambda part, q: part.value(q), bundles)

    def gain(self, before: FloatArray, after: FloatArray, change: FloatArray | None = None) -> FloatArray:
        """Return v(after) - v(before), ``(...)``, numeraire, of bundles ``(..., G)``; see :meth:`Valuation.gain`."""
        moved = after - before if change is None else change
        return self._evaluate((), lambda part, *bundles: part.difference(*bundles), before, after, moved)

    def gradient(self, bundles: FloatArray) -> FloatArray:
        """Return the marginal values, ``(..., G)``, numeraire per unit, at bundles ``(..., G)``."""
        return self._evaluate((self.goods,), lambda part, q: part.gradient(q), bundles)

    def supergradient(self, bundles: FloatArray) -> FloatArray:
        """Return gradients, ``(..., G)``, of the least concave majorants under free disposal."""
        return self._evaluate((self.goods,), lambda part, q: part.supergradient(q), bundles)

    def last_unit(self, bundles: FloatArray) -> FloatArray:
        """Return what the last unit of each good is worth, ``(..., G)``, at bundles ``(..., G)``."""
        return self._evaluate((self.goods,), lambda part, q: part.last_unit(q), bundles)

    @property
    def kinked(self) -> bool:
        """Whether somebody's marginal values of a good may jump whatever else it has."""
        return any(part.kinked for part, _ in self.parts if part.separable)

    @property
    def by_activities(self) -> bool:
        """Whether somebody values goods for the activities that use them."""
        return any(part.by_activities for part, _ in self.parts)

    def uses(self) -> FloatArray:
        """Return what a unit of each activity takes of each good, ``(..., G, G)``."""
        nothing = np.zeros(self.goods)
        return self._evaluate((self.goods, self.goods), lambda part, _: np.asarray(part.uses), nothing)

    def gradient_of_activities(self, levels: FloatArray) -> FloatArray:
        """Return what more of each activity is worth, ``(..., G)``."""
        return self._evaluate((self.goods,), lambda part, q: part.gradient_of_activities(q), levels)

    def curvature_of_activities(self, levels: FloatArray) -> FloatArray:
        """Return minus the Hessians by activities, ``(..., G, G)``."""
        return self._evaluate((self.goods, self.goods), lambda part, q: part.curvature_of_activities(q), levels)

    def dispose(self, bundles: FloatArray) -> FloatArray:
        """Return what is kept, ``(..., G)``, of bundles whose excess is worth nothing."""
        return self._evaluate((self.goods,), lambda part, q: part.dispose(q), bundles)

    def curvature(self, bundles: FloatArray) -> FloatArray:
        """Return minus the Hessians, ``(..., G, G)``, of the least concave majorants."""
        return self._evaluate((self.goods, self.goods), lambda part, q: part.curvature(q), bundles)

    def demand(self, prices: FloatArray) -> FloatArray:
        """Return the bundles demanded, ``(..., G)``, at prices ``(..., G)``."""
        return self._evaluate((self.goods,), lambda part, p: part.demand(p), prices)

    def demand_slope(self, prices: FloatArray, demand: FloatArray) -> FloatArray:
        """Return by how much demand ``(..., G)`` falls per unit of price, ``(..., G)``, if goods are separable."""
        return self._evaluate((self.goods,), lambda part, p, q: part.demand_slope(p, q), prices, demand)

    def indirect_utility(self, prices: FloatArray, limit: FloatArray) -> FloatArray:
        """Return bounds, ``(...)``, on v(q) - p.q over 0 <= q <= limit, at prices and limits ``(..., G)``."""
        return self._evaluate((), lambda part, p, most: part.indirect_utility(p, most), prices, limit)

    def indirect_gain(self, start: FloatArray, prices: FloatArray, limit: FloatArray) -> FloatArray:
        """Return the same bounds, ``(...)``, less v - p.q at bundles ``(..., G)``, without levels."""
        return self._evaluate((), lambda part, q, p, most: part.indirect_gain(q, p, most), start, prices, limit)

    def _evaluate(
        self, result_shape: tuple[int, ...], method: Callable[..., FloatArray], *arguments: FloatArray
    ) -> FloatArray:
        """Apply a method family by family to arguments ``(..., G)``."""
        shape = (*self.shape, self.goods)
        # Hardly any argument is not as wide already.
        wide = [each if each.shape == shape else np.broadcast_to(each, shape) for each in arguments]
        flat = [argument.reshape(-1, self.goods) for argument in wide]
        if len(self.parts) == 1:
            return method(self.parts[0][0], *flat).reshape((*self.shape, *result_shape))
        result = np.empty((prod(self.shape), *result_shape))
        for part, places in self.parts:
            result[places] = method(part, *(argument[places] for argument in flat))
        return result.reshape((*self.shape, *result_shape))
