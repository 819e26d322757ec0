r"""Concave utilities bounded from above by tangents, :math:`v(q) \le v(\hat q) + \nabla v(\hat q)(q - \hat q)`.

They bound gains over living on the endowment, so that no constant of a valuation reaches the solver.

Where goods are valued one by one, each has its own tangents, which bound much more tightly. Valuations that are not
concave or that satiate are replaced by their least concave majorants under free disposal, which errs upward.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from marketgame.mechanisms.arrays import FloatArray

if TYPE_CHECKING:
    from marketgame.mechanisms.deviations.order_program import OrderProgram
    from marketgame.mechanisms.economies.valuation import ValuationBatch

# Tangents at nothing at all may be infinitely steep; the first is drawn at this share of the supply.
_NEXT_TO_NOTHING = 1e-6
# At most so many bundles are tried where goods are not valued one by one.
_MOST_MIXED = 30


def starting_points(built: OrderProgram, count: int) -> list[FloatArray]:
    """Return bundles ``(K, S, G)``, shares of supply, to draw the first tangents at."""
    draws, members, _, goods = built.sizes()
    situation = built.stage.original
    levels = np.linspace(0.0, 1.0, count) ** 1.5
    everything = np.ones((draws, members, goods - 1))
    points = [np.maximum(level, _NEXT_TO_NOTHING) * everything for level in levels]
    owned = situation.endowments[:, situation.members, :-1] / built.stage.unit[:-1]
    points.append(np.maximum(owned, _NEXT_TO_NOTHING))
    if not situation.economy.valuations.separable:
        points.extend(_mixed_bundles(built))
    return points


def _mixed_bundles(built: OrderProgram) -> list[FloatArray]:
    """Return bundles of much of some goods and little of others, which the diagonal leaves out."""
    draws, members, _, goods = built.sizes()
    levels = itertools.product((_NEXT_TO_NOTHING, 0.4, 1.0), repeat=goods - 1)
    chosen = itertools.islice((level for level in levels if len(set(level)) > 1), _MOST_MIXED)
    return [np.broadcast_to(np.array(level), (draws, members, goods - 1)) for level in chosen]


def add_tangents(built: OrderProgram, points: list[FloatArray]) -> None:
    """Bound the worth of goods by tangents at bundles ``(K, S, G)``, shares of supply."""
    for point in points:
        _add(built, point)


def _add(built: OrderProgram, point: FloatArray) -> None:
    worth, consumed = built.blocks["worth"], built.blocks["consumed"]
    intercepts, slopes = _tangent(built, point)
    number = sum(name.startswith("tangent") for name in built.program.blocks[1])
    rows = built.program.constraints(f"tangent {number}", dict(worth.dimensions), at_most=intercepts)
    built.program.add(rows, worth, 1.0)
    built.program.add(rows, consumed[:, :, :-1], -slopes)


def _tangent(built: OrderProgram, point: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return intercepts ``(K, S, parts)`` and slopes ``(K, S, G)``, money of the program."""
    stage = built.stage
    situation, units = stage.situation, stage.unit[:-1]
    valuations = situation.economy.valuations
    rows = situation.economy.rows(situation.profiles)[:, situation.members]
    traders, reference = valuations.select(rows), situation.economy.reference_goods[rows]
    touched = traders.dispose(point * units)
    slopes = traders.supergradient(touched)
    if not np.isfinite(slopes).all():
        touched = np.where(np.isfinite(slopes), touched, _NEXT_TO_NOTHING * units)
        slopes = traders.supergradient(touched)
    if valuations.separable:
        intercepts = _gains_alone(traders, reference, touched) - slopes * touched
    else:
        intercepts = (traders.gain(reference, touched) - (slopes * touched).sum(axis=-1))[..., None]
    return intercepts / stage.money, slopes * units / stage.money


def _gains_alone(traders: ValuationBatch, reference: FloatArray, bundles: FloatArray) -> FloatArray:
    """Return the gain from each good on its own, ``(K, S, G)``; summed over goods it is the gain from the bundle."""
    goods = np.arange(bundles.shape[-1])
    alone = [traders.gain(reference, np.where(goods == good, bundles, reference)) for good in goods]
    return np.stack(alone, axis=-1)
