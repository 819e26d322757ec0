"""What the members face once all quotes are out, in the units the program of their orders is written in.

Goods are counted in shares of their supply and money in shares of what the whole supply is worth at the prescribed
quotes, so that every number of the program is near one whatever the economy's units. What flows between a member and
any one player is confined to a box: a multiple of that worth in any good, either way, beyond nothing and beyond what
was prescribed, so that obedience and what is near it always lie inside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, read_only
from marketgame.mechanisms.deviations.situation import JointAction, Situation, played
from marketgame.mechanisms.market_game.execution import executed_orders
from marketgame.mechanisms.market_game.prices import trade_prices
from marketgame.mechanisms.market_game.rules import Bankruptcy, BankruptcyReason, Coverage, Execution, Pricing

# A bankrupt player of the program fails its test by at least this much, in shares of what everything is worth, or of
# the supply of the good it lacks: far more than rounding, and more than the solver's tolerance on rows of a
# mixed-integer program, which is a millionth.
CLEAR_FAILURE = 1e-5

# The solver cannot tell a flow of this share of the supply from nothing.
_SPECK = 1e-9
# Nor transfers that differ by this share of its unit of money.
_NEXT_TO = 1e-8
# A good is boxed as if at least this share of the worth of everything were spent on it: a good that is nearly free
# could otherwise be ordered in amounts that the solver cannot tell apart from infinity.
_LEAST_SHARE_OF_WORTH = 1e-2


@dataclass(frozen=True, eq=False)
class StageTwo:
    """The members' choice of orders, announcements and side transfers when everybody's quotes are known.

    Attributes:
        situation: after outsiders have reacted; its quotes are those on the table.
        original: as it is if nobody deviates; for the status quo and for what is reported.
        order_limit: how much may flow to or from one player, in multiples of what everything is worth.
        side_transfers: whether members may hand each other transfers.
    """

    situation: Situation
    original: Situation
    order_limit: float
    side_transfers: bool = True

    @cached_property
    def unit(self) -> FloatArray:
        """What one unit of each good of the program is, ``(L,)``: its supply."""
        supply = self.situation.supply.max(axis=0)
        return read_only(np.where(supply > 0, supply, 1.0))

    @cached_property
    def money(self) -> float:
        """What one unit of money of the program is: the supply's worth at the lowest prescribed quotes, numeraire.

        The lowest, because one enormous quote must not make all else look like rounding.
        """
        return float((self.original.prescribed.quotes @ self.unit).min())

    @cached_property
    def quotes(self) -> FloatArray:
        """Quotes, ``(K, N, L)``, money of the program per unit of the program."""
        return read_only(self.situation.prescribed.quotes * self.unit / self.money)

    @cached_property
    def transfers(self) -> FloatArray:
        """Transfers before side transfers, ``(K, N)``, money of the program."""
        return read_only(self.situation.prescribed.transfers / self.money)

    @cached_property
    def announced(self) -> FloatArray:
        """Announced endowments, ``(K, N, L)``; the members' are what they own, the most they may announce."""
        announced = self.situation.prescribed.announced_endowments.copy()
        announced[:, self.situation.members] = self.situation.endowments[:, self.situation.members]
        return read_only(announced / self.unit)

    @property
    def matched(self) -> bool:
        """Whether flows need the orders of both sides."""
        return self.situation.rules.execution is Execution.MATCHED

    @cached_property
    def orders(self) -> FloatArray:
        """What outsiders' orders bind others to, ``(K, N, N, L)``; the members' rows are zero."""
        orders = executed_orders(self.situation.prescribed.orders, self.situation.rules.execution) / self.unit
        orders[:, self.situation.members] = 0.0
        if self.matched:
            orders[:, :, self.situation.members] = 0.0
        return read_only(orders)

    @cached_property
    def open(self) -> BooleanArray:
        """Which pairs trade, ``(K, N, N)``."""
        players = self.quotes.shape[1]
        pairs = np.broadcast_to(~np.eye(players, dtype=np.bool_), (len(self.quotes), players, players))
        if self.situation.rules.pricing is Pricing.VOID:
            quotes = self.situation.prescribed.quotes
            pairs = pairs & (quotes[:, :, None] == quotes[:, None]).all(axis=-1)
        return read_only(pairs)

    @cached_property
    def prices(self) -> tuple[FloatArray, FloatArray]:
        """What i pays for what it buys from j, and gets for what it sells to j, ``(K, N, N, L)`` each."""
        own, other = self.quotes[:, :, None], self.quotes[:, None]
        bought, sold = trade_prices(self.situation.rules.pricing, own, other)
        shape = np.broadcast_shapes(own.shape, other.shape)
        return np.broadcast_to(bought, shape), np.broadcast_to(sold, shape)

    @cached_property
    def box(self) -> FloatArray:
        """The most that may flow of each good from one player, ``(L,)``, shares of its supply."""
        worth = self.original.prescribed.quotes.mean(axis=(0, 1)) * self.unit
        return read_only(self.order_limit / np.maximum(worth / worth.sum(), _LEAST_SHARE_OF_WORTH))

    @cached_property
    def order_limits(self) -> tuple[FloatArray, FloatArray]:
        """The least and the most a member may order, ``(S, N, L)`` each.

        That is what is ordered from it, or what it is told to order, and the box. Between members orders are net.
        Where orders are matched it is nothing, or as much as the outsider asks for.
        """
        members = self.situation.members
        received = self.orders.swapaxes(1, 2)[:, members]
        told = self.original.prescribed.orders[0, members] / self.unit
        told[:, members] -= told[:, members].swapaxes(0, 1)
        least, most = np.minimum(received.min(axis=0), told), np.maximum(received.max(axis=0), told)
        least, most = least - self.box, most + self.box
        if self.matched:
            outsiders = self.situation.outsiders
            asked = -self.situation.prescribed.orders[:, outsiders][:, :, members].swapaxes(1, 2) / self.unit
            least[:, outsiders] = np.minimum(asked.min(axis=0), 0.0)
            most[:, outsiders] = np.maximum(asked.max(axis=0), 0.0)
        return least, most

    @cached_property
    def flow_limits(self) -> tuple[FloatArray, FloatArray]:
        """The least and the most that may flow to i from j, ``(K, N, N, L)`` each."""
        members = self.situation.members
        received = self.orders.swapaxes(1, 2)
        least, most = self.orders - received, self.orders - received
        low, high = (limit - received[:, members] for limit in self.order_limits)
        for limits, chosen, opposite in ((least, low, high), (most, high, low)):
            limits[:, :, members] = -opposite.swapaxes(1, 2)
            limits[:, members] = chosen
        trades = self.open[..., None]
        return np.where(trades, least, 0.0), np.where(trades, most, 0.0)

    @cached_property
    def standing_limits(self) -> tuple[FloatArray, FloatArray]:
        """The least and the most that may flow to i from j when flows may be cancelled, ``(K, N, N, L)`` each."""
        least, most = self.flow_limits
        return np.minimum(least, 0.0), np.maximum(most, 0.0)

    def cost_limits(self, flows: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Return the least and the most that flows within limits cost a player, ``(K, N)``, money of the program."""
        bought, sold = self.prices
        least, most = ((np.where(flow > 0, bought, sold) * flow).sum(axis=(2, 3)) for flow in flows)
        return least, most

    def holding_limits(self, flows: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Return the least and the most a player holds after flows within limits, ``(K, N, L)`` each."""
        least, most = (flow.sum(axis=2) for flow in flows)
        return least + self.kept, most + self.announced

    @cached_property
    def can_fail(self) -> tuple[BooleanArray, BooleanArray]:
        """Who may clearly exceed its budget, ``(K, N)``, and lack which goods, ``(K, N, L)``, within the limits."""
        costly = self.cost_limits(self.flow_limits)[1] >= self.transfers + self.margins[0]
        costly[:, self.situation.members] |= len(self.situation.coalition) > 1
        return costly, self.holding_limits(self.flow_limits)[0] <= -self.margins[1]

    @cached_property
    def kept(self) -> FloatArray:
        """Announced endowments, ``(K, N, L)``, with nothing for the members, whose announcements are chosen."""
        kept = self.announced.copy()
        kept[:, self.situation.members] = 0.0
        return read_only(kept)

    @cached_property
    def pinned(self) -> BooleanArray:
        """Outsiders whose trades no member can change, ``(K, N)``."""
        least, most = self.flow_limits
        pinned: BooleanArray = (least == most).all(axis=(2, 3))
        pinned[:, self.situation.members] = False
        return read_only(pinned)

    @cached_property
    def unchanged(self) -> JointAction:
        """What was prescribed, at the new quotes."""
        members, prescribed = self.situation.members, self.original.prescribed
        return JointAction(
            self.situation.prescribed.quotes[0, members],
            prescribed.orders[0, members],
            prescribed.announced_endowments[0, members],
            np.zeros(len(members)),
        )

    @cached_property
    def margins(self) -> tuple[FloatArray, FloatArray]:
        """By how much the bankrupt fail their budgets, ``(K, N)``, or lack goods, ``(K, N, L)``, program units.

        Who fails by less than `CLEAR_FAILURE` if orders are unchanged may do so: what was prescribed stays possible.
        """
        tested_once = replace(self.situation.rules, bankruptcy=Bankruptcy.TRADES_STAND, coverage=Coverage.UNLIMITED)
        settled = played(replace(self.situation, rules=tested_once), self.unchanged)
        over = np.where(settled.reason == BankruptcyReason.BUDGET, settled.cost - settled.play.transfers, np.inf)
        lack = -(settled.play.announced_endowments + settled.net_trade) / self.unit
        most_lacking = lack == lack.max(axis=-1, keepdims=True)
        short = (settled.reason == BankruptcyReason.SHORT_SALE)[..., None] & most_lacking
        # Half, lest rounding make the difference where a player's trades are beyond anybody's influence.
        budget = np.minimum(CLEAR_FAILURE, over / self.money / 2)
        return budget, np.minimum(CLEAR_FAILURE, np.where(short, lack / 2, np.inf))

    def action(self, orders: FloatArray, announced: FloatArray, side_transfers: FloatArray) -> JointAction:
        """Return a joint action in the economy's units, made exactly admissible, without trades that are rounding.

        Args:
            orders: ``(S, N, L)``, units of the program.
            announced: ``(S, L)``, units of the program.
            side_transfers: ``(S,)``, money of the program.
        """
        members = self.situation.members
        owned = self.situation.endowments[0, members]
        shown = np.clip(announced * self.unit, 0.0, owned)
        whole = shown > owned - 1e-9 * self.unit
        shown = np.where(whole, owned, shown)
        side = side_transfers * self.money
        # A speck of a good that is quoted enormously costs more than anybody has.
        received = self.orders.swapaxes(1, 2)[0, members]
        orders = np.where(np.abs(orders - received) < _SPECK, received, orders)
        if self.matched:
            # One of two members ordered what flows between them; both must.
            orders[:, members] -= orders[:, members].swapaxes(0, 1)
        least = -self.situation.prescribed.transfers[:, members].min(axis=0) - shown[:, -1]
        balanced = _balanced(side, least, self.money)
        return JointAction(self.situation.prescribed.quotes[0, members], orders * self.unit, shown, balanced)


def _balanced(side: FloatArray, least: FloatArray, unit: float) -> FloatArray:
    """Return side transfers ``(S,)`` that sum to zero, lifted to their least level where the solver left them below."""
    near = np.abs(side - least) <= _NEXT_TO * unit
    lifted = np.where(near, np.maximum(side, least), side)
    free = ~near if (~near).any() else np.ones_like(near)
    lifted[free] -= lifted.sum() / np.count_nonzero(free)
    return np.asarray(lifted)
