r"""Whether a mechanism is incentive-compatible, what it gains, and what no such mechanism exceeds, in rational numbers.

A mechanism divides the goods by lot after reports and pays money. What types expect from reports is summed over the
others' types. What none exceeds follows from multipliers :math:`\alpha_i(t, r) \ge 0` of the constraints that type t
does not pretend to be r (Myerson, equations (3) to (5)): with :math:`\lambda_i(t) = p_i(t) - \sum_r \alpha_i(t, r) +
\sum_r \alpha_i(r, t)`, the least :math:`\kappa` with :math:`\kappa \lambda_i(t) \ge p_i(t)`, and virtual valuations

.. math:: \varphi_i(q, t) = v_i(q, t) + \sum_r \frac{\alpha_i(r, t)}{p_i(t)} \, [v_i(q, t) - v_i(q, r)],

valuations measured from autarky, expected gains are at most :math:`\kappa \, E[\max_q \sum_i \varphi_i(q_i, t_i)]`,
since then money is worth the same to all types; what :math:`\kappa \lambda` exceeds p is the multiplier of being
willing. Where nobody has to be, :math:`\kappa = 1` and :math:`\lambda = p`, to which multipliers are mended. The
maximum is bounded by prices, :math:`\sum_i \max_q [\varphi_i(q) - p \cdot q] + p \cdot \Omega`: by tangents where
virtual valuations are proven concave, otherwise good by good on ever smaller intervals, on each of which what is added
lies below a tangent and what is subtracted above a chord.

Source: Myerson (2006), program (1) and Theorem 0; bounds by prices are weak duality.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heappop, heappush
from itertools import product
from typing import Protocol

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.plain.contract import UNLIMITED, surplus
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.certificates.plain.welfare import (
    Autarky,
    enjoyed,
    fitting,
    kinds_at,
    refuse_many,
    supply_of,
)
from marketgame.mechanisms.economies.assumptions import endowments_depend_on_types
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.valuation import Bundle, SeparableValuation, Valuation
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.incentive_efficiency.virtual_allocation import CombinedValuations, virtual_allocation
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

MISSED = Fraction(1, 10**7)
"""By so much of what is at stake for whom it is about, a constraint may be missed: programs are solved to so much."""
# A maximum over an interval is known once it is to so much of what is at stake, or after so many cuts.
NARROW, MOST_CUTS = Fraction(1, 10**9), 400


class StatedMechanism(Protocol):
    """A mechanism, and multipliers that prove how far it is from the best; see `SecondBestCertificate`."""

    @property
    def willing(self) -> bool:
        """Whether every type must expect at least what its endowment is worth to it."""

    @property
    def chances(self) -> FloatArray:
        """Of each of D divisions of the goods at each profile, ``(P, D)``."""

    @property
    def divisions(self) -> FloatArray:
        """What each player gets in them, ``(P, D, N, G)``, units of the goods but the numeraire."""

    @property
    def payments(self) -> FloatArray:
        """What each player receives at each profile, ``(P, N)``, numeraire."""

    @property
    def multipliers(self) -> tuple[FloatArray, ...]:
        """Of the constraint that a type does not pretend to be another, ``(K_i, K_i)``, pure numbers."""


@dataclass(frozen=True)
class PlayedMechanism:
    """What comes of a mechanism.

    Attributes:
        gains: over autarky, expected, numeraire.
        doubts: constraints that it misses, a sentence each.
    """

    gains: Fraction
    doubts: tuple[str, ...]


def play_mechanism(
    economy: Economy, stated: StatedMechanism, stakes: FloatArray, deadline: Deadline = NO_DEADLINE
) -> PlayedMechanism:
    """Return what a mechanism gains if all tell the truth, and which constraints it misses.

    Args:
        economy: with independent types and endowments that do not depend on them.
        stated: the mechanism.
        stakes: what is at stake for each type, in the order of tables over types, numeraire.
        deadline: after which nothing more is derived.

    Raises:
        ValueError: types are correlated, endowments depend on them, or there are too many profiles.
        DeadlinePassedError: time ran out.
    """
    if not economy.prior.independent or endowments_depend_on_types(economy):
        raise ValueError("types must be independent, and endowments must not depend on them")
    counts = economy.prior.type_counts
    refuse_many(economy.prior.size * stated.chances.shape[1] * max(counts), len(counts))
    profiles = list(product(*map(range, counts)))
    supply, own = supply_of(kinds_at(economy, profiles[0])), Autarky(economy)
    paid = [exact(row) for row in stated.payments]
    at_stake = [exact(part) for part in np.split(stakes, economy.first_rows[1:])]
    likely = [_normal(exact(economy.prior.marginal(player))) for player in range(len(counts))]
    # By player, true type and report: what is expected if the others tell the truth.
    expected = [[[NOTHING] * count for _ in range(count)] for count in counts]
    for place, profile in enumerate(profiles):
        deadline.check()
        chances = _normal([max(chance, NOTHING) for chance in exact(stated.chances[place])])
        lots = [fitting([exact(row) for row in one], supply) for one in stated.divisions[place]]
        for player, report in enumerate(profile):
            others = _chance(likely, profile, player)
            for kind, true in enumerate(economy.players[player].types):
                got = sum(
                    (chance * enjoyed(true, lot[player]) for chance, lot in zip(chances, lots, strict=True) if chance),
                    NOTHING,
                )
                gain = got - own.of_goods(player, kind) + paid[place][player]
                expected[player][kind][report] += others * gain
    gains = sum(
        (
            chance * expected[player][kind][kind]
            for player, chances in enumerate(likely)
            for kind, chance in enumerate(chances)
        ),
        NOTHING,
    )
    doubts = (*_unaffordable(economy, paid, at_stake, profiles), *_tempting(economy, stated, expected, at_stake))
    return PlayedMechanism(gains, doubts)


def _normal(chances: Sequence[Fraction]) -> list[Fraction]:
    total = sum(chances, NOTHING)
    if not total:
        raise ValueError("probabilities must not all be 0")
    return [chance / total for chance in chances]


def _chance(likely: Sequence[Sequence[Fraction]], profile: Sequence[int], without: int) -> Fraction:
    """Return the probability of the others' types."""
    total = Fraction(1)
    for player, kind in enumerate(profile):
        total *= likely[player][kind] if player != without else 1
    return total


def _unaffordable(
    economy: Economy,
    paid: Sequence[Sequence[Fraction]],
    at_stake: Sequence[Sequence[Fraction]],
    profiles: Sequence[tuple[int, ...]],
) -> Iterator[str]:
    """Yield where money would have to be made, or somebody pays more than it owns."""
    owned = [Fraction(float(player.types[0].endowment[-1])) for player in economy.players]
    for row, profile in zip(paid, profiles, strict=True):
        stakes = [at_stake[player][kind] for player, kind in enumerate(profile)]
        if sum(row, NOTHING) > MISSED * sum(stakes, NOTHING):
            yield f"payments at profile {profile} add up to more than nothing"
        for name, pays, has, stake in zip(economy.player_names, row, owned, stakes, strict=True):
            if -pays > has + MISSED * stake:
                yield f"{name} pays more than it owns at profile {profile}"


def _tempting(
    economy: Economy,
    stated: StatedMechanism,
    expected: Sequence[Sequence[Sequence[Fraction]]],
    at_stake: Sequence[Sequence[Fraction]],
) -> Iterator[str]:
    """Yield which types gain by pretending to be another, or would rather stay at home."""
    for player, trader in enumerate(economy.players):
        for kind, true in enumerate(trader.types):
            truth, allowed = expected[player][kind][kind], MISSED * at_stake[player][kind]
            if max(expected[player][kind]) > truth + allowed:
                yield f"{trader.name} of type {true.name} gains by reporting another type"
            if stated.willing and truth < -allowed:
                yield f"{trader.name} of type {true.name} would rather live on what it owns"


def most_virtual_gains(
    economy: Economy, stated: StatedMechanism, stakes: FloatArray, deadline: Deadline = NO_DEADLINE
) -> Fraction | None:
    """Return what no incentive-compatible mechanism gains beyond, by the multipliers; none if that is not known.

    Args:
        economy: with independent types and endowments that do not depend on them.
        stated: whose multipliers to use.
        stakes: what is at stake for each type, in the order of tables over types, numeraire.
        deadline: after which nothing more is derived.

    Raises:
        DeadlinePassedError: time ran out.
    """
    counts = economy.prior.type_counts
    likely = [_normal(exact(economy.prior.marginal(player))) for player in range(len(counts))]
    tables = [[[max(one, NOTHING) for one in exact(row)] for row in table] for table in stated.multipliers]
    if stated.willing and (economy.reference_goods != economy.endowment_table[:, :-1]).any():
        return None
    if any(not chance for chances in likely for chance in chances):
        return None
    worth = Fraction(1)
    for table, chances in zip(tables, likely, strict=True):
        if not stated.willing:
            _mend(table)
        for kind, chance in enumerate(chances):
            weight = chance - sum(table[kind], NOTHING) + sum((row[kind] for row in table), NOTHING)
            if weight <= 0:
                return None
            worth = max(worth, chance / weight)
    bounds = _VirtualBounds(economy, tables, likely, float(stakes.sum()), deadline)
    total = NOTHING
    for profile in product(*map(range, counts)):
        most = bounds.at(profile)
        if most is None:
            return None
        total += _chance(likely, profile, -1) * most
    return worth * total


def _mend(table: list[list[Fraction]]) -> None:
    """Raise multipliers until as much flows into each type as out of it."""
    kinds = range(len(table))
    excess = [sum(table[kind], NOTHING) - sum((row[kind] for row in table), NOTHING) for kind in kinds]
    for kind in kinds:
        for other in kinds:
            more = min(excess[kind], -excess[other])
            if more > 0:
                table[other][kind] += more
                excess[kind] -= more
                excess[other] += more


class _VirtualBounds:
    """Bounds on the largest sum of virtual valuations at each profile, measured from autarky."""

    def __init__(
        self,
        economy: Economy,
        tables: Sequence[Sequence[Sequence[Fraction]]],
        likely: Sequence[Sequence[Fraction]],
        stake: float,
        deadline: Deadline,
    ) -> None:
        self._economy, self._deadline = economy, deadline
        self._narrow, self._own = NARROW * Fraction(stake), Autarky(economy)
        self._supply = supply_of(kinds_at(economy, [0] * len(likely)))
        # By player and type: how much the valuation of each type counts.
        self._weights: list[list[list[Fraction]]] = []
        for table, chances in zip(tables, likely, strict=True):
            by_type = []
            for kind, chance in enumerate(chances):
                row = [-other[kind] / chance for other in table]
                row[kind] = 1 - sum(row, NOTHING) + row[kind]
                by_type.append(row)
            self._weights.append(by_type)
        rows = len(economy.endowment_table)
        weights = np.zeros((rows, rows))
        for first, each in zip(economy.first_rows.tolist(), self._weights, strict=True):
            last = first + len(each)
            weights[first:last, first:last] = [[float(one) for one in row] for row in each]
        combined = CombinedValuations(economy.valuations, weights, economy.reference_goods)
        found = virtual_allocation(economy, economy.profiles, weights, deadline)
        slopes = combined.supergradient(economy.rows(economy.profiles), found.bundles)
        self._bundles, self._slopes = found.bundles, np.where(np.isfinite(slopes), slopes, -np.inf)

    def at(self, profile: tuple[int, ...]) -> Fraction | None:
        """Return the bound at a profile; none if virtual valuations are of a kind that is not bounded."""
        self._deadline.check()
        place = int(np.ravel_multi_index(profile, self._economy.prior.type_counts))
        near = fitting([exact(row) for row in self._bundles[place]], self._supply)
        found = []
        for price in self._prices(place):
            total = sum((p * there for p, there in zip(price, self._supply, strict=True)), NOTHING)
            for player, kind in enumerate(profile):
                best = self._most(player, kind, price, near[player])
                if best is None:
                    return None
                total += best
            found.append(total)
        return min(found)

    def _prices(self, place: int) -> Iterator[list[Fraction]]:
        """Yield what the last unit of each good is worth to whom it is worth most, and to who has most of it."""
        slopes, bundles = self._slopes[place], self._bundles[place]
        yield [Fraction(max(float(p), 0.0)) if np.isfinite(p) else NOTHING for p in slopes.max(axis=0)]
        most = np.take_along_axis(slopes, bundles.argmax(axis=0)[None], axis=0)[0]
        yield [Fraction(max(float(p), 0.0)) if np.isfinite(p) else NOTHING for p in most]

    def _most(self, player: int, kind: int, price: Bundle, near: Bundle) -> Fraction | None:
        """Return what a virtual valuation exceeds the price of a bundle by at most, over autarky."""
        types, row = self._economy.players[player].types, self._weights[player][kind]
        terms = [(weight, types[other].valuation) for other, weight in enumerate(row) if weight]
        alone = sum((weight * self._own.of_goods(player, other) for other, weight in enumerate(row)), NOTHING)
        if len(terms) == 1:
            ((weight, own),) = terms
            best = surplus(own, [p / weight for p in price], self._supply, near)
            return None if best is None else weight * best - alone
        most = _of_quadratics(terms, price, self._supply, near)
        if most is None:
            most = _of_separable(terms, price, self._supply, self._narrow)
        return None if most is None else most - alone


def _of_quadratics(
    terms: Sequence[tuple[Fraction, Valuation]], price: Bundle, limit: Bundle, near: Bundle
) -> Fraction | None:
    """Return a bound on a weighted sum of quadratic valuations less the price, if the sum is concave."""
    goods = range(len(limit))
    intercept, slope = [NOTHING for _ in goods], [[NOTHING for _ in goods] for _ in goods]
    for weight, valuation in terms:
        if not isinstance(valuation, Quadratic):
            return None
        first, second = exact(valuation.intercept), [exact(row) for row in valuation.slope]
        for good in goods:
            intercept[good] += weight * first[good]
            for other in goods:
                slope[good][other] += weight * (second[good][other] + second[other][good]) / 2
    if not _positive(slope):
        return None
    curved = [sum((slope[good][other] * near[other] for other in goods), NOTHING) for good in goods]
    total = NOTHING
    for good in goods:
        margin = intercept[good] - curved[good] - price[good]
        total += (intercept[good] - curved[good] / 2 - price[good]) * near[good]
        total += max(margin * (limit[good] - near[good]), -margin * near[good])
    return total


def _positive(matrix: Sequence[Sequence[Fraction]]) -> bool:
    """Say whether a symmetric matrix is provably positive semidefinite, by elimination."""
    rows = [list(row) for row in matrix]
    for place, pivot_row in enumerate(rows):
        pivot = pivot_row[place]
        rest = range(place + 1, len(rows))
        if pivot < 0 or (pivot == 0 and any(pivot_row[other] for other in rest)):
            return False
        for other in rest:
            if pivot:
                factor = rows[other][place] / pivot
                rows[other] = [one - factor * two for one, two in zip(rows[other], pivot_row, strict=True)]
    return True


def _of_separable(
    terms: Sequence[tuple[Fraction, Valuation]], price: Bundle, limit: Bundle, narrow: Fraction
) -> Fraction | None:
    """Return a bound on a weighted sum of valuations less the price, if all are concave and value goods one by one."""
    total = NOTHING
    for good, (p, most) in enumerate(zip(price, limit, strict=True)):
        of_good = []
        for weight, valuation in terms:
            # A family that states its values besides its tangents is not concave everywhere.
            if not isinstance(valuation, SeparableValuation) or (
                type(valuation).exact_value is not SeparableValuation.exact_value
            ):
                return None
            of_good.append((weight, valuation))
        total += _over_interval(of_good, good, p, most, narrow)
    return total


def _over_interval(
    terms: Sequence[tuple[Fraction, SeparableValuation]], good: int, price: Fraction, limit: Fraction, narrow: Fraction
) -> Fraction:
    """Return a bound on the weighted sum of what a quantity of a good is worth less its price, up to a limit."""

    def value(quantity: Fraction) -> Fraction:
        worth = (weight * _term(valuation, good, quantity)[0] for weight, valuation in terms)
        return sum(worth, NOTHING) - price * quantity

    def above(low: Fraction, high: Fraction) -> Fraction:
        middle = (low + high) / 2
        ends = [-price * low, -price * high]
        for weight, valuation in terms:
            if weight < 0:  # What is subtracted lies above its chord.
                worth = [_term(valuation, good, quantity)[0] for quantity in (low, high)]
            else:
                at, slope = _term(valuation, good, middle)
                if slope is None:
                    return UNLIMITED
                worth = [at + slope * (quantity - middle) for quantity in (low, high)]
            ends = [end + weight * one for end, one in zip(ends, worth, strict=True)]
        return max(ends)

    reached = max(value(NOTHING), value(limit))
    if not limit:
        return reached
    cells = [(-above(NOTHING, limit), NOTHING, limit)]
    for _ in range(MOST_CUTS):
        most, low, high = cells[0]
        if -most <= reached + narrow:
            break
        heappop(cells)
        middle = (low + high) / 2
        reached = max(reached, value(middle))
        for part in ((low, middle), (middle, high)):
            heappush(cells, (-above(*part), *part))
    return max(-cells[0][0], reached)


def _term(valuation: SeparableValuation, good: int, quantity: Fraction) -> tuple[Fraction, Fraction | None]:
    """Return what a quantity of a good is worth and one more unit of it, where excess is thrown away."""
    most = valuation.exact_satiation(good)
    if most is not None and quantity > most:
        return valuation.exact_term(good, most)[0], NOTHING
    return valuation.exact_term(good, quantity)
