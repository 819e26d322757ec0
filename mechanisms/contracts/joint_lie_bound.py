r"""What no coalition gains more than by a joint lie: one good beside the numeraire, and independent types.

A coalition S of k members of types t that reports r gains the expectation over outsiders' types of

.. math:: \sum_{i \in S} [v_i(x_i(r)) - v_i(x_i(t)) + m_i(r_i) - m_i(t_i)
    + \tfrac{N - k}{N - 1} (f_i(r_i) - f_i(t_i))]

under expected-externality transfers, with externalities f and what is owned of money m. Whatever the outsiders are, the
truth leads to a supporting price p and the lie to a price p'; each report's bundle then is what the reported type
demands there; and bundles add up to what is owned, before and after:

.. math:: \sum_j (x_j(r) - e_j(r_j)) = 0, \qquad \sum_j (x_j(t) - e_j(t_j)) = 0.

Subtract the first with a multiplier q' and add the second with q. What is left is a sum of one term for each member,
at most its largest over types and reports, and one for each outsider, at most its largest over types. So for given k
and prices the gain is at most the sum of all outsiders' terms and of what the k players add to it for whom member's
term less outsider's is largest: whatever the multipliers. The best ones make this small (Lagrangian duality). For
instance, a report that saves goods is paid their worth to others, and that cancels against the goods at
:math:`q' = p' - p (N - k) / (N - 1)`.

*Boxes of prices and sizes.* Supporting prices lie between those at which the most and the least that everybody may want
meet. Where p and p' are known to lie in intervals, bundles lie in intervals too, and where k does, the share of the
externality. So a bound for a box is had from its corners, and that of all is the largest of the boxes into which the
whole is divided; the box with the largest bound is divided first. Coalitions' incentives and the outsiders' goods are
thereby reckoned at the same prices, which is what bounds for members alone, or outsiders alone, miss.

*Where nobody pays for externalities* but all pay the supporting price, members' terms have
:math:`p (x_i(t) - e_i(t_i)) - p' (x_i(r) - e_i(r_i))` instead.

Nothing here is drawn but the externalities, which are the contract's own. Replicas are counted, not listed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.profiles import players_alike
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

# Halvings of an interval of quantities or prices, and what is added to its ends for rounding.
HALVINGS, WIDER = 60, 1e-9
# That of prices is cut into so many parts so many times.
PRICES_A_ROUND, PRICE_ROUNDS = 17, 13
# Prices are told apart as finely as so many halvings of their interval do.
PRICE_HALVINGS = 7
# Boxes are divided until the bound is within this share of a gain that is known, or of the stakes, or so much was done.
PRECISION, MOST_TERMS, MOST_BOXES, BOXES_AT_ONCE = 0.02, 1 << 25, 4096, 64
# Multipliers are sought in so many steps on a stencil, which halves where its middle is best.
STEPS = 6
STENCIL = np.array([(one, other) for one in (0.0, -1.0, 1.0) for other in (0.0, -1.0, 1.0)])


def largest_joint_gain(
    economy: Economy, externalities: FloatArray | None, known: float = 0.0, deadline: Deadline = NO_DEADLINE
) -> float | None:
    """Return what no coalition gains more than by a joint lie, numeraire.

    Args:
        economy: with independent types.
        externalities: what the contract pays for, by type, ``(types of all players,)``, numeraire; none if all pay the
            supporting price instead.
        known: what some coalition gains; a bound little above it is not improved.
        deadline: after which the bound is not improved any more.

    Returns:
        The bound; none where there are several goods beside the numeraire, or the first bit of the one is worth any
        price to somebody.
    """
    if economy.endowment_table.shape[1] != 2 or len(economy.players) < 2:
        return None
    rows = np.arange(len(economy.endowment_table))
    steepest = economy.valuations.gradient(rows, np.zeros((len(rows), 1)))[:, 0]
    if not np.isfinite(steepest).all():
        return None
    return _Boxes(economy, externalities, max(0.0, float(steepest.max()))).largest(known, deadline)


@dataclass(frozen=True, eq=False)
class _Box:
    """Intervals of prices after the lie, of prices after the truth, and of sizes; B of them.

    Attributes:
        ends: first and last node of each price interval, first and last size, ``(B, 3, 2)``.
        multipliers: the best known, ``(B, 2)``, numeraire per unit.
        step: of the stencil, ``(B,)``, likewise.
        bound: what coalitions gain at most in each, ``(B,)``, numeraire.
    """

    ends: IntegerArray
    multipliers: FloatArray
    step: FloatArray
    bound: FloatArray

    def __getitem__(self, chosen: IntegerArray) -> _Box:
        return _Box(self.ends[chosen], self.multipliers[chosen], self.step[chosen], self.bound[chosen])

    def joined(self, other: _Box) -> _Box:
        parts = ("ends", "multipliers", "step", "bound")
        return _Box(*(np.concatenate((getattr(self, each), getattr(other, each))) for each in parts))

    def divided(self) -> _Box:
        """Return the halves of all intervals, those of one node or size left whole."""
        boxes = self
        for dimension, least in enumerate((1, 1, 0)):
            ends = boxes.ends
            low, high = ends[:, dimension, 0], ends[:, dimension, 1]
            wide = np.flatnonzero(high - low > least)
            first, second = ends.copy(), ends[wide].copy()
            middle = (low + high) // 2
            first[wide, dimension, 1] = middle[wide]
            second[:, dimension, 0] = middle[wide] + 1 - least
            boxes = replace(boxes, ends=first).joined(replace(boxes[wide], ends=second))
        return boxes


class _Boxes:
    """The bound for boxes of prices and sizes, of players who are told apart by nothing but their class."""

    def __init__(self, economy: Economy, externalities: FloatArray | None, steepest: float) -> None:
        self._players = len(economy.players)
        lowest, highest = _price_interval(economy, steepest)
        self._prices = np.linspace(lowest, highest, (1 << PRICE_HALVINGS) + 1)
        paid = np.zeros(len(economy.endowment_table)) if externalities is None else externalities
        self._classes = classes_of_liars(economy, paid)
        first = np.unique(self._classes, return_index=True)[1]
        self._count = np.bincount(self._classes)
        kept = np.concatenate(
            [economy.first_rows[player] + np.arange(economy.prior.type_counts[player]) for player in first]
        )
        self._goods, money = economy.endowment_table[kept].T
        owner = np.repeat(np.arange(len(first)), [economy.prior.type_counts[player] for player in first])
        told, said = np.nonzero(owner[:, None] == owner[None, :])
        shown = (self._goods[said] <= self._goods[told]) & (money[said] <= money[told])
        self._told, self._said = told[shown], said[shown]
        self._first_lie = np.searchsorted(owner[self._told], np.arange(len(first)))
        self._first_type = np.searchsorted(owner, np.arange(len(first)))
        self._moved = paid[kept][self._said] - paid[kept][self._told]
        self._shown_money = money[self._said] - money[self._told]
        self._paying = externalities is None
        # At both ends of an interval of prices: the most demanded at its lower, the least at its higher end.
        self._most = _demanded(economy, self._prices, upper=True)[kept]
        self._least = _demanded(economy, self._prices, upper=False)[kept]
        self._valuations, self._rows = economy.valuations, kept

    @cached_property
    def _worth(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """By told and reported type what the most and the least demanded are worth, then their gradients."""
        told, shape = np.repeat(self._rows[self._told], len(self._prices)), (len(self._told), len(self._prices))
        most, least = (each[self._said].reshape(-1, 1) for each in (self._most, self._least))
        return (
            self._valuations.value(told, most).reshape(shape),
            self._valuations.value(told, least).reshape(shape),
            self._valuations.gradient(told, most).reshape(shape),
            self._valuations.gradient(told, least).reshape(shape),
        )

    @property
    def _rounding(self) -> float:
        """What rounding may take from sums of what all goods are worth and of externalities, numeraire."""
        worth = max(float(np.abs(table).max()) for table in self._worth[:2])
        return WIDER * (worth + float(np.abs(self._moved).max()))

    def largest(self, known: float, deadline: Deadline) -> float:
        """Return the bound over all prices and sizes."""
        last = len(self._prices) - 1
        whole = np.array([[[0, last], [0, last], [1, self._players - 1]]])
        step = np.array([self._prices[-1] - self._prices[0]])
        boxes = self._bounded(_Box(whole, np.zeros((1, 2)), step, np.array([np.inf])))
        done, count, settled = 0, 0, known
        while done < MOST_TERMS and count < MOST_BOXES and not deadline.passed:
            order = np.argsort(-boxes.bound, kind="stable")
            boxes = boxes[order[boxes.bound[order] > settled]]
            sizes = boxes.ends[:, :, 1] - boxes.ends[:, :, 0]
            whole_boxes = (sizes <= (1, 1, 0)).all(axis=1)
            if not len(boxes.bound) or whole_boxes[0] or boxes.bound[0] <= known * (1 + PRECISION):
                break
            chosen = np.flatnonzero(~whole_boxes)[:BOXES_AT_ONCE]
            rest = np.setdiff1d(np.arange(len(boxes.bound)), chosen)
            divided = self._bounded(boxes[chosen].divided())
            count += len(divided.bound)
            done += len(divided.bound) * STEPS * len(STENCIL) * len(self._told)
            boxes = boxes[rest].joined(divided)
        return max(settled, float(boxes.bound.max(initial=0.0)) + self._rounding)

    def _bounded(self, boxes: _Box) -> _Box:
        """Return boxes with bounds that good multipliers give them, none above that of what they are part of."""
        multipliers, step = boxes.multipliers, boxes.step
        best = boxes.bound.copy()
        for _ in range(STEPS):
            tried = multipliers[:, None] + step[:, None, None] * STENCIL
            # What is left over at a price of zero is worth nothing, if its multiplier has the right sign.
            free = (self._prices[boxes.ends[:, :2, 0]] <= 0)[:, None]
            tried[..., 0] = np.where(free[..., 0], np.maximum(tried[..., 0], 0.0), tried[..., 0])
            tried[..., 1] = np.where(free[..., 1], np.minimum(tried[..., 1], 0.0), tried[..., 1])
            found = self._at(boxes.ends, tried)
            place = found.argmin(axis=1)
            each = np.arange(len(place))
            best = np.minimum(best, found[each, place])
            multipliers = tried[each, place]
            step = np.where(place == 0, step / 2, step)
        return _Box(boxes.ends, multipliers, 2 * step, best)

    def _at(self, ends: IntegerArray, multipliers: FloatArray) -> FloatArray:
        """Return the bounds of boxes ``(B, 3, 2)`` for multipliers ``(B, Q, 2)``, ``(B, Q)``, numeraire."""
        after, before = multipliers[..., 0, None], multipliers[..., 1, None]
        (lie_low, lie_high), (true_low, true_high) = ends[:, 0].T, ends[:, 1].T
        most_worth, least_worth, most_slope, least_slope = (table.T for table in self._worth)
        # Members: what the reported type gets after the lie, worth what it is to the true one, less its multiplier.
        high, low = self._most.T[lie_low][:, None], self._least.T[lie_high][:, None]
        price, other = self._charged(ends[:, 0]), self._charged(ends[:, 1])
        lying = _largest_between(
            (low[..., self._said], least_worth[lie_high][:, None], least_slope[lie_high][:, None]),
            (high[..., self._said], most_worth[lie_low][:, None], most_slope[lie_low][:, None]),
            after + price[0],
        )
        lying = lying + (after + price[0]) * self._goods[self._said]
        # And what the true type gets after the truth, likewise; a value's negative is largest at an end.
        truth = np.flatnonzero(self._told == self._said)
        most, least = self._most.T[true_low][:, None], self._least.T[true_high][:, None]
        worth_of_most, worth_of_least = most_worth[true_low][:, None, truth], least_worth[true_high][:, None, truth]
        earned = before + other[0]
        true = np.maximum(earned * most - worth_of_most, earned * least - worth_of_least) - earned * self._goods
        if self._paying:
            # Prices within the interval charge that much more or less than its middle.
            lying = lying + (price[1] * np.maximum(high - self._goods, self._goods - low))[..., self._said]
            true = true + other[1] * np.maximum(most - self._goods, self._goods - least)
        joined = lying + true[..., self._told] + self._shown_money
        shares = (self._players - ends[:, 2]) / (self._players - 1)
        moved = np.maximum(shares[:, 0, None] * self._moved, shares[:, 1, None] * self._moved)[:, None]
        member = np.maximum.reduceat(joined + moved, self._first_lie, axis=-1)
        # Outsiders: the same type before and after.
        lost = np.maximum(-after * (high - self._goods), -after * (low - self._goods))
        kept = np.maximum(before * (most - self._goods), before * (least - self._goods))
        outsider = np.maximum.reduceat(lost + kept, self._first_type, axis=-1)
        return (outsider @ self._count) + self._largest_sum(member - outsider, ends[:, 2])

    def _charged(self, ends: IntegerArray) -> FloatArray:
        """Return the middles of intervals of prices ``(B, 2)`` and half their widths if they are paid, else nothing."""
        low, high = self._prices[ends].T if self._paying else np.zeros((2, len(ends)))
        return np.stack(((low + high) / 2, (high - low) / 2))[..., None, None]

    def _largest_sum(self, added: FloatArray, sizes: IntegerArray) -> FloatArray:
        """Return what the best coalitions of any of the sizes ``(B, 2)`` add, given what members of each class do."""
        order = np.argsort(-added, axis=-1)
        value = np.take_along_axis(added, order, axis=-1)
        count = self._count[order]
        before = np.cumsum(count, axis=-1) - count
        least, most = (np.clip(sizes[:, each, None, None] - before, 0, count) for each in (0, 1))
        return np.asarray((value * least + np.maximum(value, 0.0) * (most - least)).sum(axis=-1))


def _largest_between(
    low: tuple[FloatArray, FloatArray, FloatArray], high: tuple[FloatArray, FloatArray, FloatArray], price: FloatArray
) -> FloatArray:
    """Return what a concave value less a price a unit is at most between quantities, each with value and gradient."""
    (least, worth_of_least, slope_of_least), (most, worth_of_most, slope_of_most) = low, high
    bend = slope_of_least - slope_of_most
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        meet = (worth_of_most - worth_of_least + slope_of_least * least - slope_of_most * most) / bend
    meet = np.clip(np.where(bend > 0, meet, least), least, most)
    tangents = np.minimum(
        worth_of_least + slope_of_least * (meet - least), worth_of_most + slope_of_most * (meet - most)
    )
    ends = np.maximum(worth_of_least - price * least, worth_of_most - price * most)
    return np.asarray(np.maximum(ends, tangents - price * meet))


def classes_of_liars(economy: Economy, paid: FloatArray) -> IntegerArray:
    """Return numbers ``(N,)`` that are the same for replicas whose externalities ``(types of all players,)`` are."""
    own = np.split(paid, economy.first_rows[1:])
    keys = [(int(first), each.tobytes()) for first, each in zip(players_alike(economy), own, strict=True)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys])


def _demanded(economy: Economy, prices: FloatArray, *, upper: bool) -> FloatArray:
    """Return the most, or the least, that each type demands of the one good at prices, ``(types, prices)``, units."""
    count, shape = len(economy.endowment_table), (len(economy.endowment_table), len(prices))
    rows, price = np.repeat(np.arange(count), len(prices)), np.tile(prices, count)
    low, high = np.zeros(len(rows)), np.full(len(rows), _supply(economy))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        worth = economy.valuations.gradient(rows, middle[:, None])[:, 0]
        wanted = worth >= price if upper else worth > price
        low, high = np.where(wanted, middle, low), np.where(wanted, high, middle)
    return (high if upper else low).reshape(shape)


def _supply(economy: Economy) -> float:
    """Return the most that there can be of the one good, units."""
    return float(np.maximum.reduceat(economy.endowment_table[:, 0], economy.first_rows).sum())


def _price_interval(economy: Economy, steepest: float) -> tuple[float, float]:
    """Return prices between which every price lies that supports an efficient allocation, numeraire per unit.

    Args:
        economy: with one good beside the numeraire.
        steepest: what the first bit of it is worth to anybody at most.
    """
    goods = economy.endowment_table[:, 0]

    ends = []
    for upper in (False, True):
        choose, low, high = np.maximum if upper else np.minimum, 0.0, steepest
        for _ in range(PRICE_ROUNDS):
            prices = np.linspace(low, high, PRICES_A_ROUND)
            excess = choose.reduceat(_demanded(economy, prices, upper=upper) - goods[:, None], economy.first_rows).sum(
                0
            )
            # Below the lowest price the least greedy want more than there is, above the highest the greediest less.
            wanted = np.flatnonzero((excess > 0) | (upper & (excess == 0)))
            last = int(wanted.max(initial=0))
            low, high = float(prices[last]), float(prices[min(last + 1, len(prices) - 1)])
        ends.append(high if upper else low)
    return max(0.0, ends[0] - WIDER * steepest), ends[1] + WIDER * steepest
