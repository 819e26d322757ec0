r"""Efficient allocation where goods bear on each other, whatever else is valued beside them.

The interior-point method needs marginal values that do not jump. A valuation whose marginal values do is divided into
*pieces* that are smooth up to a *cap* and of no use beyond it: a block of constant value up to its size, permits up to
the reference emissions. A player then is several, one for each piece, and holds what its pieces hold. As the best
pieces fill first, nothing is lost.

Two more ways are tried where the interior-point method's answer could not be proven: linear programs that see
valuations through their tangents, one of which says all where everything is of constant value up to a cap or in fixed
proportions; and, where goods are all but useless without each other, the prices at which demand is what there is, which
in logarithms are nearly the solution of linear equations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies.interior_allocation import allocate_by_interior_point
from marketgame.mechanisms.economies.valuation import Valuation, ValuationBatch, ValuationTable
from marketgame.mechanisms.economies.valuations.separable import Linear

type Answer = tuple[FloatArray, FloatArray]
"""Bundles ``(P, N, G)``, units, and prices ``(P, G)``, numeraire per unit."""

# Prices are looked for in logarithms, no further than this from where the search starts.
FARTHEST = 600.0
# Demand within this share of the supply clears the market; what it is off by is proven to be harmless, or not.
CLEARED = 1e-6
# So many tangents of each piece are tried, until they promise no more, relatively, than this above what it is worth.
MOST_TANGENTS = 60
NOTHING_MORE = 1e-15


def allocate_jointly(table: ValuationTable, rows: IntegerArray, supply: FloatArray) -> Answer:
    """Return efficient bundles and supporting prices for any mixture of valuations.

    Args:
        table: the valuation of every type.
        rows: where each player's type stands in the table, ``(P, N)``.
        supply: what there is of each good, ``(P, G)``, units.

    Raises:
        ValueError: somebody uses goods in fixed proportions, and there is nothing of one of them.
    """
    if not table.select(rows).kinked:
        return allocate_by_interior_point(table, rows, supply)
    parts = _Pieces.of(table)
    pieces, owner = parts.of_rows(rows)
    bundles, price = allocate_by_interior_point(parts, pieces, supply, parts.caps_of(pieces))
    return _gathered(np.where(parts.caps[pieces] > 0, bundles, 0), owner, rows.shape[-1]), price


@dataclass(frozen=True, eq=False)
class _Pieces:
    """The pieces of every valuation of a table: smooth ones up to a cap.

    Attributes:
        table: of all pieces, the last of which is worth nothing.
        caps: ``(R, G)`` for R pieces; infinite where a piece has none, zero where it is none.
        first: the first piece of each row of the divided table.
        count: how many pieces each row has.
    """

    table: ValuationTable
    caps: FloatArray
    first: IntegerArray
    count: IntegerArray

    @classmethod
    def of(cls, table: ValuationTable) -> _Pieces:
        """Return the pieces of a table."""
        each = [valuation.pieces() for valuation in table.valuations]
        pieces = [piece for one in each for piece in one]
        nothing: Valuation = Linear(np.zeros(table.goods))
        count = np.array([len(one) for one in each])
        return cls(
            ValuationTable([*(valuation for valuation, _ in pieces), nothing]),
            np.array([*(cap for _, cap in pieces), np.zeros(table.goods)]),
            np.cumsum(count) - count,
            count,
        )

    def of_rows(self, rows: IntegerArray) -> tuple[IntegerArray, IntegerArray]:
        """Return the pieces of rows ``(P, N)``, ``(P, M)``, and whose each is, ``(M,)``; lists end with nothing."""
        most = self.count[rows].max(axis=0)
        owner = np.repeat(np.arange(rows.shape[-1]), most)
        number = np.arange(owner.size) - np.repeat(np.cumsum(most) - most, most)
        own = rows[:, owner]
        return np.where(number < self.count[own], self.first[own] + number, len(self.caps) - 1), owner

    def caps_of(self, pieces: IntegerArray) -> FloatArray:
        """Return caps ``(..., G)``, without those of zero: what is worth nothing may lie anywhere."""
        caps = self.caps[pieces]
        return np.where(caps > 0, caps, np.inf)

    # What follows is what the interior-point method asks of valuations.

    def supergradient(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        return self._where_there_is_any(rows, self.table.supergradient(rows, bundles))

    def curvature(self, rows: IntegerArray, bundles: FloatArray) -> FloatArray:
        return self._curved(rows, self.table.curvature(rows, bundles))

    def by_activities(self, rows: IntegerArray) -> bool:
        return self.table.by_activities(rows)

    def uses(self, rows: IntegerArray) -> FloatArray:
        return self.table.uses(rows)

    def gradient_of_activities(self, rows: IntegerArray, levels: FloatArray) -> FloatArray:
        return self._where_there_is_any(rows, self.table.gradient_of_activities(rows, levels))

    def curvature_of_activities(self, rows: IntegerArray, levels: FloatArray) -> FloatArray:
        return self._curved(rows, self.table.curvature_of_activities(rows, levels))

    def worth_of_activities(self, rows: IntegerArray, levels: FloatArray) -> FloatArray:
        """Return what the goods that levels ``(..., G)`` take are worth beyond nothing, ``(...)``."""
        used = np.where(self.caps[rows] > 0, (self.table.uses(rows) @ levels[..., None])[..., 0], 0)
        return self.table.gain(rows, np.zeros_like(used), used)

    def _where_there_is_any(self, rows: IntegerArray, gradient: FloatArray) -> FloatArray:
        return np.where(self.caps[rows] > 0, gradient, 0)

    def _curved(self, rows: IntegerArray, curvature: FloatArray) -> FloatArray:
        there = self.caps[rows] > 0
        return np.where(there[..., :, None] & there[..., None, :], curvature, 0)


def _gathered(bundles: FloatArray, owner: IntegerArray, players: int) -> FloatArray:
    """Return what players hold, ``(P, N, G)``, of what their pieces hold, ``(P, M, G)``."""
    held = np.zeros((len(bundles), players, bundles.shape[-1]))
    for piece, player in enumerate(owner):
        held[:, player] += bundles[:, piece]
    return held


def _by_tangents(table: ValuationTable, rows: IntegerArray, supply: FloatArray, _: FloatArray) -> Answer | None:
    """Return optimum and shadow prices of linear programs that see pieces through their tangents, one for each profile.

    Where tangents promise more than a piece is worth another one is added. Pieces of constant value need one.
    """
    if not (supply > 0).all():
        return None
    parts = _Pieces.of(table)
    pieces, owner = parts.of_rows(rows)
    answers = [_below_tangents(parts, one, there) for one, there in zip(pieces, supply, strict=True)]
    bundles = np.stack([bundle for bundle, _ in answers])
    return _gathered(bundles, owner, rows.shape[-1]), np.stack([price for _, price in answers])


def _below_tangents(parts: _Pieces, pieces: IntegerArray, supply: FloatArray) -> Answer:
    """Return what pieces ``(M,)`` hold, ``(M, G)``, and prices ``(G,)``."""
    # The solver takes long to load, and hardly anybody needs it here.
    programs = import_module("marketgame.mechanisms.linear_program")
    uses, shape = parts.uses(pieces), (len(pieces), len(supply))
    # In shares of the supply, and of what is at stake, nothing is huge or tiny.
    most = (uses / supply[:, None]).max(axis=-2)
    size = 1 / np.where(most > 0, most, 1)
    levels = np.minimum(size / (len(pieces) + 1), 0.5 * parts.caps_of(pieces))
    unit = float(np.abs(parts.gradient_of_activities(pieces, levels) * size).max()) or 1.0
    program = programs.LinearProgram(programs.Sense.MAXIMIZE)
    share = program.variables("share", {"piece": shape[0], "activity": shape[1]}, upper=parts.caps_of(pieces) / size)
    worth = program.variables("worth", {"piece": shape[0]}, lower=-np.inf, objective=1.0)
    limit = program.constraints("supply", {"good": shape[1]}, at_most=1.0)
    program.add(limit[None, :, None], share[:, None, :], uses * size[:, None, :] / supply[:, None])
    best: Answer = (np.zeros(shape), np.zeros(shape[1]))
    for number in range(MOST_TANGENTS):
        marginal = parts.gradient_of_activities(pieces, levels) * size / unit
        gained = parts.worth_of_activities(pieces, levels) / unit
        if not np.isfinite(marginal).all():
            break
        tangent = program.constraints(
            f"tangent {number}", {"piece": shape[0]}, at_most=gained - (marginal * levels / size).sum(axis=-1)
        )
        program.add(tangent, worth, 1.0)
        program.add(tangent[:, None], share, -marginal)
        solution = program.solve()
        if not solution.optimal:
            break
        levels = np.clip(solution["share"], 0, None) * size
        used = np.where(parts.caps[pieces] > 0, (uses @ levels[..., None])[..., 0], 0)
        fitted = used * np.minimum(supply / np.maximum(used.sum(axis=0), supply), 1)
        best = fitted, np.maximum(solution.shadow_price["supply"], 0) * unit / supply
        promised = solution["worth"] - parts.worth_of_activities(pieces, levels) / unit
        if promised.max() <= NOTHING_MORE * max(float(np.abs(solution["worth"]).max()), NOTHING_MORE):
            break
    return best


def _by_prices(table: ValuationTable, rows: IntegerArray, supply: FloatArray, start: FloatArray) -> Answer | None:
    """Return demands and prices at which they are the supply, one search for each profile, from prices ``(P, G)``."""
    if not (supply > 0).all() or table.select(rows).kinked or table.by_activities(rows):
        return None
    profiles = zip(rows, supply, start, strict=True)
    cleared = [_cleared(table.select(one), there, price) for one, there, price in profiles]
    return np.stack([bundles for bundles, _ in cleared]), np.stack([price for _, price in cleared])


def _cleared(traders: ValuationBatch, supply: FloatArray, start: FloatArray) -> Answer:
    """Return demands ``(N, G)`` and prices ``(G,)`` at which they are the supply; nothing where none are found."""
    # SciPy's optimisers take longer to load than most commands to run.
    root = import_module("scipy.optimize").root
    first = np.log(np.where(start > 0, start, np.finfo(np.float64).tiny ** 0.5))

    def demand(logarithms: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            return traders.demand(np.exp(np.clip(logarithms, first - FARTHEST, first + FARTHEST)))

    def excess(logarithms: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            asked = np.log(demand(logarithms).sum(axis=0) / supply)
        return np.nan_to_num(asked, nan=0.0, posinf=FARTHEST, neginf=-FARTHEST)

    for beginning in (first, np.full_like(first, first.max())):
        found = root(excess, beginning, options={"xtol": 1e-15})
        wanted = demand(found.x)
        total = wanted.sum(axis=0)
        if np.isfinite(total).all() and (np.abs(total - supply) < CLEARED * supply).all():
            # What rounding leaves is shared out, so that it fits.
            return wanted * np.minimum(supply / total, 1), np.exp(found.x)
    return np.zeros((*traders.shape, supply.size)), np.zeros_like(supply)


OTHER_WAYS: tuple[Callable[[ValuationTable, IntegerArray, FloatArray, FloatArray], Answer | None], ...] = (
    _by_prices,
    _by_tangents,
)
"""Other ways to what `allocate_jointly` returns, the quicker one first, from the prices that it found; none where a way
does not lead there."""
