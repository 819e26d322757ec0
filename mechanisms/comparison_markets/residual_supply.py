r"""The most that one player gains in the call market by whatever schedule it submits.

The others' schedules leave it a residual supply: at price p they want between :math:`D_{-i}(p^+)` and
:math:`D_{-i}(p^-)`, and it ends with the rest of the supply. Whatever it submits, it ends at a point (p, x) of that
curve, so knowing the others' types it gains at most

.. math:: \max_{(p, x)} v_i(x) - v_i(\omega_i) - p (x - \omega_i).

Prices at which that may be more than truth brings lie between the price that clears when it keeps nothing and the
larger of those when it keeps what it owns and when it tells the truth: it does not buy dearer than truth would, nor
sell cheaper. The interval is cut into pieces; on one between :math:`p_k` and :math:`p_{k+1}` no more is gained than by
buying at the lower and selling at the higher price within the holdings that the curve allows there, and pieces are
halved until bound and value are as near as `BOUND_SHARE` says. It does not know the others' types, so in expectation
this is a bound; it is reached where one falling schedule passes through the best points of all profiles, as a supply
function does (Klemperer and Meyer 1989). Schedules through those points, and through single ones, are submitted, and
what they bring is what the market clears at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.comparison_markets.call_market import (
    JUST_BELOW,
    LEAST_EXPONENT,
    TypeSchedules,
    WithSteps,
    clear,
)
from marketgame.mechanisms.comparison_markets.compared_market import gains_of_rows
from marketgame.mechanisms.economies.economy import Economy

# Pieces are halved until the bound exceeds the best value by no more than this share of what truth brings and is bound.
BOUND_SHARE = 1e-6
# Into how many pieces the prices are cut at first, and how often and into how many more they are halved at most.
PIECES, MOST_ROUNDS, MOST_PIECES = 64, 40, 20_000
# By how much, relatively, a limit is moved past a price at which others are indifferent.
PAST = 1e-6
# Schedules through one point each are tried for so many profiles.
MOST_TRIED = 12


@dataclass(frozen=True, eq=False)
class Steps:
    """A schedule of steps, see `call_market.WithSteps`.

    Attributes:
        limits: ``(G, K)``, numeraire per unit.
        holdings: ``(G, K)``, units.
        last: ``(G,)``, units.
    """

    limits: FloatArray
    holdings: FloatArray
    last: FloatArray


@dataclass(frozen=True, eq=False)
class CallDeviation:
    """A schedule that a type submits, and what it brings over the true one.

    Attributes:
        player: who deviates.
        true_type: its type.
        profiles: numbers of the profiles that it thinks possible, ``(K,)``.
        steps: the schedule.
        gain: what it expects to gain, numeraire.
        bound: which no schedule exceeds, numeraire.
    """

    player: int
    true_type: int
    profiles: IntegerArray
    steps: Steps
    gain: float
    bound: float


def best_schedule(economy: Economy, player: int, true_type: int) -> CallDeviation | None:
    """Return the best schedule found for a type, with a bound on all; none where the type cannot occur.

    Raises:
        UnansweredError: goods bear on each other, or money binds for several goods.
    """
    if not economy.valuations.separable:
        raise UnansweredError("residual supply is only worked out where goods are valued one by one")
    known = np.flatnonzero((economy.profiles[:, player] == true_type) & (economy.prior.probability > 0))
    if not known.size:
        return None
    chance = economy.prior.probability[known] / economy.prior.probability[known].sum()
    market = _Facing.of(economy, economy.profiles[known], player)
    goods = len(economy.goods) - 1
    truth = clear(market.schedules)
    row = economy.first_rows[player] + true_type
    rows = np.full(len(known), row)
    at_first = gains_of_rows(economy, rows, truth.net_trades[:, player])
    points = [market.best_points(good, truth.price[:, good]) for good in range(goods)]
    bound = chance @ (sum(point.bound for point in points) - at_first)
    tried = [_through(points, market.own, list(range(len(known))), later) for later in (0.0, PAST, -PAST)]
    single = np.unique(np.linspace(0, len(known) - 1, min(MOST_TRIED, len(known))).astype(int)).tolist()
    if len(known) > 1:
        tried += [_through(points, market.own, [one], later) for one in single for later in (0.0, PAST, -PAST)]
    owned = economy.endowments(economy.profiles[known])[:, player]
    gains = []
    for steps in tried:
        ended = clear(WithSteps(market.schedules, player, steps.limits, steps.holdings, steps.last))
        payable = (owned[:, -1] + ended.net_trades[:, player, -1] >= -1e-9 * (1 + owned[:, -1])).all()
        after = gains_of_rows(economy, rows, ended.net_trades[:, player])
        gains.append(float(chance @ (after - at_first)) if payable else -np.inf)
    best = int(np.argmax(gains))
    return CallDeviation(player, true_type, known, tried[best], gains[best], max(float(bound), gains[best]))


@dataclass(frozen=True, eq=False)
class _Points:
    """The best points of the residual supply of one good, by profile.

    Attributes:
        price: ``(K,)``.
        holding: ``(K,)``.
        bound: on what is gained over the endowment, ``(K,)``.
    """

    price: FloatArray
    holding: FloatArray
    bound: FloatArray


@dataclass(frozen=True, eq=False)
class _Facing:
    """What a player faces in K profiles."""

    economy: Economy
    profiles: IntegerArray
    player: int
    schedules: TypeSchedules

    @classmethod
    def of(cls, economy: Economy, profiles: IntegerArray, player: int) -> _Facing:
        owned = economy.endowments(profiles)
        traders = economy.valuations.select(economy.rows(profiles))
        return cls(economy, profiles, player, TypeSchedules(traders, owned[..., :-1], owned[..., -1]))

    @property
    def own(self) -> FloatArray:
        """What the player owns, ``(K, G)``."""
        return self.schedules.owned[:, self.player]

    def best_points(self, good: int, truth: FloatArray) -> _Points:
        """Return the best points for one good, given the price under truth, ``(K,)``."""
        count = len(self.profiles)
        low, high = self._price_if(good, np.zeros(count)), self._price_if(good, self.own[:, good])
        high = np.maximum(np.maximum(truth, high), low) * (1 + PAST)
        low = np.minimum(low, truth) * (1 - PAST)
        which = np.repeat(np.arange(count), PIECES)
        share = np.tile(np.arange(PIECES) / PIECES, count)
        start = low[which] + share * (high - low)[which]
        end = low[which] + (share + 1 / PIECES) * (high - low)[which]
        value, price, holding = (np.full(count, -np.inf), truth.copy(), self.own[:, good].copy())
        settled = np.full(count, -np.inf)
        for _ in range(MOST_ROUNDS):
            worth, at, held, bound = self._piece(good, which, start, end)
            order = np.argsort(worth, kind="stable")
            latest = np.full(count, -1)
            latest[which[order]] = order
            there = latest >= 0
            better = there & (worth[latest] > value)
            value, price, holding = (
                np.where(better, new[latest], old) for new, old in ((worth, value), (at, price), (held, holding))
            )
            scale = BOUND_SHARE * np.maximum(np.abs(value), 1e-12)
            open_piece = bound > (value + scale)[which]
            np.maximum.at(settled, which[~open_piece], bound[~open_piece])
            which, start, end = which[open_piece], start[open_piece], end[open_piece]
            if not which.size or 2 * which.size > MOST_PIECES:
                break
            middle = 0.5 * (start + end)
            which = np.concatenate((which, which))
            start, end = np.concatenate((start, middle)), np.concatenate((middle, end))
        else:
            which = which[: len(which) // 2]
        if which.size:
            np.maximum.at(settled, which, self._piece(good, which, start[: which.size], end[-which.size :])[3])
        return _Points(price, holding, np.maximum(settled, value))

    def _price_if(self, good: int, holding: FloatArray) -> FloatArray:
        """Return the lowest price at which the others want no more of a good than is left, ``(K,)``."""
        goods = self.schedules.owned.shape[-1]
        found = np.empty(len(holding))
        # Steps are the same for a whole batch: one profile at a time, where holdings differ.
        for held in np.unique(holding):
            here = np.flatnonzero(holding == held)
            part = _Facing.of(self.economy, self.profiles[here], self.player).schedules
            last = np.full(goods, held)
            steps = WithSteps(part, self.player, np.zeros((goods, 0)), np.zeros((goods, 0)), last)
            found[here] = clear(steps).lowest[:, good]
        return found

    def _others(self, good: int, which: IntegerArray, price: FloatArray) -> FloatArray:
        """Return what the others want of a good just above prices ``(C,)`` in profiles of numbers ``(C,)``."""
        economy, profiles = self.economy, self.profiles[which]
        traders = economy.valuations.select(economy.rows(profiles))
        part = replace(
            self.schedules, traders=traders, owned=self.schedules.owned[which], money=self.schedules.money[which]
        )
        prices = np.full((len(price), part.owned.shape[-1]), 1.0)
        prices[:, good] = np.maximum(price, np.exp2(LEAST_EXPONENT))
        wanted = part.at(prices)[..., good]
        wanted[:, self.player] = 0.0
        return np.asarray(wanted.sum(axis=-1))

    def _piece(
        self, good: int, which: IntegerArray, start: FloatArray, end: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return the best value at the ends of pieces, where, and bounds, all ``(C,)``."""
        supply = self.schedules.supply[which, good]
        owned = self.own[which, good]
        above_start, below_start = self._others(good, which, start), self._others(good, which, start * JUST_BELOW)
        above_end = self._others(good, which, end)
        least, most = (np.clip(supply - others, 0, supply) for others in (below_start, above_end))
        at_start = np.clip(supply - above_start, 0, supply)
        row = self.economy.rows(self.profiles[which])[:, self.player]
        best = np.clip(self._demand(good, row, start), least, at_start)
        value = self._gain(good, row, best) - start * (best - owned)
        buying = np.clip(np.maximum(self._demand(good, row, start), owned), np.maximum(least, owned), most)
        selling = np.clip(np.minimum(self._demand(good, row, end), owned), least, np.minimum(most, owned))
        buys = np.where(most >= owned, self._gain(good, row, buying) - start * (buying - owned), -np.inf)
        sells = np.where(least <= owned, self._gain(good, row, selling) - end * (selling - owned), -np.inf)
        return value, start, best, np.maximum(buys, sells)

    def _demand(self, good: int, row: IntegerArray, price: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            prices = np.maximum(price, np.exp2(LEAST_EXPONENT))[:, None] + np.zeros(self.own.shape[-1])
            return np.nan_to_num(self.economy.valuations.demand(row, prices)[:, good], nan=0.0, posinf=np.inf)

    def _gain(self, good: int, row: IntegerArray, holding: FloatArray) -> FloatArray:
        """Return what types at rows ``(C,)`` gain by holding ``(C,)`` of a good instead of what they own."""
        net = np.zeros((len(row), self.own.shape[-1] + 1))
        net[:, good] = holding - self.economy.endowment_table[row, good]
        return gains_of_rows(self.economy, row, net)


def _through(points: list[_Points], owned: FloatArray, chosen: list[int], later: float) -> Steps:
    """Return a falling schedule through the points of some profiles, dropping at or a little past their prices.

    With a negative ``later`` it drops a little before, so that at each price already the smaller holding is wanted.
    """
    limits, holdings, last = [], [], []
    for good, point in enumerate(points):
        price, holding = point.price[chosen], point.holding[chosen]
        order = np.lexsort((-holding, price))
        price, holding = price[order], np.minimum.accumulate(holding[order])
        own = float(owned[:, good].max())
        if later >= 0:
            limits.append(price * (1 + later))
            holdings.append(holding)
            # Above the last price a buyer wants what it owns, or less if it buys nothing.
            last.append(min(float(holding[-1]), own if later or holding[-1] > own else float(holding[-1])))
        else:
            first = max(float(holding[0]), own)
            limits.append(price * (1 + later))
            holdings.append(np.concatenate(([first], holding[:-1])))
            last.append(float(holding[-1]))
    return Steps(np.array(limits), np.array(holdings), np.array(last))
