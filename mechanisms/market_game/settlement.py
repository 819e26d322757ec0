"""How plays of the market game end: who is bankrupt, who holds what, and which flows stand at what charge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import assert_never

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, finite_array
from marketgame.mechanisms.market_game.execution import executed_orders
from marketgame.mechanisms.market_game.plays import Play, stacked
from marketgame.mechanisms.market_game.prices import trade_prices
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Pricing, Withholding


@dataclass(frozen=True, eq=False)
class Settlement:
    """How plays of the market game end. Arrays have the plays' batch dimensions first and cannot be written to.

    What flows between any two players, and what it costs them, is worked out when it is first asked for.
    """

    play: Play
    """What was settled."""
    rules: MarketRules
    """By these rules."""
    cost: FloatArray
    """What the trades tested last cost the player, ``(..., N)``, units of the numeraire. For a player whose trades
    were cancelled, the cost it failed with. A player fails its budget exactly if this exceeds its transfer: where
    rounding might decide, it is the least number that is not below the exact cost."""
    bankrupt: BooleanArray
    """``(..., N)``."""
    reason: NDArray[np.int8]
    """Values of `BankruptcyReason`, ``(..., N)``."""
    wave: NDArray[np.int32]
    """In which test the player failed, ``(..., N)``; 0 if solvent. Whoever fails does so in the first, unless trades of
    the bankrupt are unwound: later tests find who fails because the trades of earlier ones are cancelled."""
    net_trade: FloatArray
    """Net flow to the player from the trades that stand, ``(..., N, L)``, units of each good. A bankrupt player's
    trades stand unless they are unwound, so what it ordered remains visible."""
    claim: FloatArray
    """Holding before projection, ``(..., N, L)``: announced endowment plus net trade, or nothing if bankrupt."""
    change: FloatArray
    """Allocation less announced endowment, ``(..., N, L)``, rounded relative to what flows and not to what is owned."""
    allocation: FloatArray
    """The projection of the claims on the feasible set, ``(..., N, L)``: announced endowment plus change."""
    wasted: FloatArray
    """What was announced and goes to nobody, ``(..., L)``; nonnegative."""

    @classmethod
    def array_names(cls) -> tuple[str, ...]:
        """Return the names of the arrays, which say how the play ended."""
        return tuple(field.name for field in fields(cls) if field.name not in ("play", "rules"))

    @cached_property
    def ordered_flows(self) -> FloatArray:
        """What was to flow to i from j before anybody failed, ``(..., N, N, L)``, units; antisymmetric."""
        orders, quotes = self.play.orders, self.play.quotes
        everyone = np.arange(orders.shape[-2])
        orders = executed_orders(orders, self.rules.execution)
        flows = orders - np.swapaxes(orders, -2, -3)
        flows[..., everyone, everyone, :] = 0.0  # Orders to oneself are ignored, whatever they are.
        if self.rules.pricing is Pricing.VOID:
            agree = (quotes[..., :, None, :] == quotes[..., None, :, :]).all(axis=-1)
            flows = flows * agree[..., None]
        return np.broadcast_to(flows, (*self.bankrupt.shape, *flows.shape[-2:]))

    @cached_property
    def flows(self) -> FloatArray:
        """What flows to i from j in the trades that stand, ``(..., N, N, L)``, units; antisymmetric."""
        match self.rules.bankruptcy:
            case Bankruptcy.TRADES_STAND:
                return self.ordered_flows
            case Bankruptcy.UNWIND:
                cancelled = self.bankrupt[..., :, None] | self.bankrupt[..., None, :]
                return np.where(cancelled[..., None], 0, self.ordered_flows)
            case _:
                assert_never(self.rules.bankruptcy)

    @cached_property
    def charges(self) -> FloatArray:
        """What i is charged for what flows to it from j, good by good, ``(..., N, N, L)``, numeraire.

        Over counterparties and goods they add up to the cost, but for players whose trades were cancelled.
        """
        quotes = self.play.quotes
        bought, sold = trade_prices(self.rules.pricing, quotes[..., :, None, :], quotes[..., None, :, :])
        return np.asarray(np.where(self.flows > 0, bought, sold) * self.flows)

    def consumption(self, endowments: ArrayLike) -> FloatArray:
        """Return what players finally consume.

        Args:
            endowments: true endowments, ``(..., N, L)``, units of each good; at least what was announced.
                `Withholding` decides whether owners, bankrupt or not, consume what they did not announce.

        Returns:
            Bundles, ``(..., N, L)``, units of each good.

        Raises:
            ValueError: shapes disagree or somebody announced more than it has.

        Source:
            Giraud and Rochon (2001), section 2.2, remarks, and note 4 for the variant.
        """
        withheld = self._withheld(endowments)
        # The market settles by no rule that it was not taught.
        if self.rules.withholding is Withholding.WASTED:
            return self.allocation
        return self.allocation + withheld

    def net_consumption(self, endowments: ArrayLike) -> FloatArray:
        """Return what players finally consume less what they were endowed with.

        It is rounded relative to what flows and what is withheld, however much is owned. Arguments, errors and source
        are those of `consumption`.
        """
        withheld = self._withheld(endowments)
        # The market settles by no rule that it was not taught.
        if self.rules.withholding is Withholding.WASTED:
            return self.change - withheld
        return self.change.copy()

    def _withheld(self, endowments: ArrayLike) -> FloatArray:
        """Return what is owned and not announced, refusing announcements of more than is owned."""
        withheld = finite_array("endowments", endowments, self.allocation.shape[-2:]) - self.play.announced_endowments
        if (withheld < 0.0).any():
            raise ValueError(f"nobody can announce more than its endowment; somebody announces {-withheld.min()} more")
        return withheld


def stacked_settlements(settlements: Sequence[Settlement]) -> Settlement:
    """Return settlements of the same shape by the same rules as one, along a new first dimension."""
    arrays = {
        name: np.stack([getattr(settlement, name) for settlement in settlements]) for name in Settlement.array_names()
    }
    return Settlement(stacked([settlement.play for settlement in settlements]), settlements[0].rules, **arrays)
