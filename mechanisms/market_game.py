r"""The market game: players quote prices, order net trades from each other, and the market settles.

Player :math:`i` quotes :math:`p_i \in \mathbb{R}_+^L` with :math:`p_i^L = 1` (the last good is the numeraire), orders
the net demand :math:`z_{ij} \in \mathbb{R}^L` from every other player :math:`j` and announces an endowment
:math:`e_i`. What flows to :math:`i` from :math:`j` is :math:`n_{ij} = z_{ij} - z_{ji}`. With :math:`y_i` the transfer,

.. math::
    \psi_i = \begin{cases}
        \sum_{j \ne i} n_{ij} & \text{if } \sum_{j \ne i} p_j \cdot n_{ij} \le y_i \quad (1) \\
        -e_i & \text{otherwise: } i \text{ is bankrupt}
    \end{cases}

and the allocation is the projection of the claims :math:`e_i + \psi_i` on the feasible set.

Source: Giraud and Rochon (2001), sections 2.2-2.3 and definition 2. Two readings of ours: the text prints
:math:`z_j^j` in definition 2 for :math:`z_i^j`, and a transfer is one number per player, purchasing power in units of
the numeraire, which only shifts the right-hand side of (1). `MarketRules` holds what may be varied.

Arrays put batch dimensions first: quotes and announced endowments are ``(..., N, L)``, orders ``(..., N, N, L)`` with
the player who orders first, transfers ``(..., N)``.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from mechanisms.arrays import finite_array
from mechanisms.feasible_set import ration
from mechanisms.market_rules import (
    PAPER_RULES,
    PRESETS,
    Bankruptcy,
    BankruptcyReason,
    Coverage,
    MarketRules,
    Pricing,
    Solvency,
    Timing,
    Withholding,
)
from mechanisms.plays import Plays, arranged, between_different_players, refuse, refuse_uncovered, refuse_unsound

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from mechanisms.arrays import BooleanArray, FloatArray

__all__ = [
    "PAPER_RULES",
    "PRESETS",
    "Bankruptcy",
    "BankruptcyReason",
    "Coverage",
    "Engine",
    "MarketRules",
    "Pricing",
    "Settlement",
    "Solvency",
    "Timing",
    "Withholding",
    "consumption",
    "settle",
]

# The budget test is an equality in normal play and orders are unbounded, so its tolerance follows the rounding of the
# numbers compared: a sum of L products, then of N of those, errs by less than (N + L) eps / 2 times the gross value of
# its terms. The player's own arithmetic may have erred as much again; twice that is forgiven. Only prices that apply
# to the player's own trades count, so nobody can buy slack by quoting absurd prices to others.
_ROUNDING = 2.0
# Recommended bundles add up to the supply only to rounding, which shows in the cost of a player who trades little.
# This share of all announced endowments, at the lowest quote of each good, covers it. The lowest, because a single
# huge quote must not excuse anybody; it also keeps the slack far below what a trade could be worth.
_NEGLIGIBLE_SHARE = 1e-12

# The share of the own quote in the price of a trade, for the rules the kernel supports.
_OWN_SHARE = {Pricing.COUNTERPARTY: 0.0, Pricing.MIDPOINT: 0.5}
# From this many order entries on, the kernel repays importing Numba and loading the compiled code.
_KERNEL_PAYS_FROM = 10_000_000


class Engine(Enum):
    """Which implementation settles; they agree to rounding."""

    AUTOMATIC = "automatic"
    """Compiled when the batch is large enough to repay loading it, the rules allow it and Numba is installed."""
    NUMPY = "numpy"
    COMPILED = "compiled"


@dataclass(frozen=True, slots=True, eq=False)
class Settlement:
    """How plays of the market game end. Arrays have the plays' batch dimensions first and cannot be written to."""

    cost: FloatArray
    """What the trades tested last cost the player, ``(..., N)``, units of the numeraire. For a player whose trades
    were cancelled, the cost it failed with."""
    bankrupt: BooleanArray
    """``(..., N)``."""
    reason: NDArray[np.int8]
    """Values of `BankruptcyReason`, ``(..., N)``."""
    net_trade: FloatArray
    """Net flow to the player from the trades that stand, ``(..., N, L)``, units of each good. A bankrupt player's
    trades stand unless they are unwound, so what it ordered remains visible."""
    claim: FloatArray
    """Holding before projection, ``(..., N, L)``: announced endowment plus net trade, or nothing if bankrupt."""
    allocation: FloatArray
    """The projection of the claims on the feasible set, ``(..., N, L)``."""
    wasted: FloatArray
    """What was announced and goes to nobody, ``(..., L)``; nonnegative."""


def settle(
    quotes: ArrayLike,
    orders: ArrayLike,
    announced_endowments: ArrayLike,
    transfers: ArrayLike | None = None,
    rules: MarketRules = PAPER_RULES,
    *,
    engine: Engine = Engine.AUTOMATIC,
) -> Settlement:
    r"""Settle one play of the market game, or a batch of plays.

    Leading dimensions broadcast against each other. A player is bankrupt if its cost exceeds its transfer by more than
    rounding, see the tolerances of this module; the budget is tested before short sales.

    Args:
        quotes: ``(..., N, L)``, units of the numeraire per unit of each good; nonnegative, 1 for the last good.
        orders: ``(..., N, N, L)``, units of each good; entry ``[i, j]`` is the net demand addressed by i to j, any
            sign and size. Orders to oneself are ignored, whatever they are.
        announced_endowments: ``(..., N, L)``, units of each good; nonnegative.
        transfers: ``(..., N)``, purchasing power in units of the numeraire, positive when paid to the player. They
            need not add up to zero. None means zero.
        rules: the rules of the game. `Timing` and `Withholding` do not bear on settlement.
        engine: which implementation to use.

    Returns:
        The settlement, with the broadcast batch dimensions first.

    Raises:
        ValueError: shapes disagree, a value is not finite, negative where it must not be or so large that costs
            overflow, a numeraire is not quoted at 1, a transfer is not covered although `Coverage` asks for it, or
            the compiled engine is demanded for rules it does not support.
        ImportError: the compiled engine is demanded and Numba is not installed.

    Source:
        Giraud and Rochon (2001), section 2.2, equation (1), and definition 2.
    """
    plays = arranged(quotes, orders, announced_endowments, transfers)
    if rules.coverage is Coverage.ANNOUNCED_NUMERAIRE:
        refuse_uncovered(plays)
    settlement = _settle_compiled(plays, rules) if _wants_kernel(plays, rules, engine) else None
    if (
        settlement is None
    ):  # The kernel leaves unsound plays to the specification, which says what is wrong with them.
        refuse_unsound(plays)
        settlement = _settle(plays, rules)
    return _with_batch_shape(settlement, plays.batch)


def consumption(
    settlement: Settlement,
    endowments: ArrayLike,
    announced_endowments: ArrayLike,
    rules: MarketRules = PAPER_RULES,
) -> FloatArray:
    """Return what players finally consume.

    Args:
        settlement: how the play ended.
        endowments: true endowments, ``(..., N, L)``, units of each good.
        announced_endowments: what was announced in that play, ``(..., N, L)``; at most the endowments.
        rules: `Withholding` decides whether owners, bankrupt or not, consume what they did not announce.

    Returns:
        Bundles, ``(..., N, L)``, units of each good.

    Raises:
        ValueError: shapes disagree or somebody announced more than it has.

    Source:
        Giraud and Rochon (2001), section 2.2, remarks, and note 4 for the variant.
    """
    shape = settlement.allocation.shape[-2:]
    owned = finite_array("endowments", endowments, shape)
    announced = finite_array("announced endowments", announced_endowments, shape)
    withheld = owned - announced
    if (withheld < -_NEGLIGIBLE_SHARE * np.abs(owned)).any():
        raise ValueError(f"nobody can announce more than its endowment; somebody announces {-withheld.min()} more")
    if rules.withholding is Withholding.WASTED:
        return settlement.allocation
    return settlement.allocation + np.maximum(withheld, 0.0)


@dataclass(frozen=True, slots=True)
class _Test:
    """What the orders of each play amount to, and who fails."""

    cost: FloatArray
    net_trade: FloatArray
    reason: NDArray[np.int8]


def _settle(plays: Plays, rules: MarketRules) -> Settlement:
    """Settle with NumPy; this is the specification of the kernel."""
    with np.errstate(over="ignore", invalid="ignore"):  # Overflow is refused below.
        test = _test_until_stable(replace(plays, orders=_standing_orders(plays, rules)), rules)
    refuse(
        plays,
        ~(np.isfinite(test.cost) & np.isfinite(test.net_trade).all(axis=-1)),
        lambda _, i: f"the orders from and to player {i} are so large that their value overflows",
    )
    solvent = test.reason == BankruptcyReason.SOLVENT
    announced = plays.announced_endowments
    contributes = solvent if rules.bankruptcy is Bankruptcy.UNWIND else np.ones_like(solvent)
    supply = np.where(contributes[..., np.newaxis], announced, 0.0).sum(axis=1)
    claim = np.where(solvent[..., np.newaxis], announced + test.net_trade, 0.0)
    allocation = ration(claim, supply[:, np.newaxis])
    return Settlement(
        cost=test.cost,
        bankrupt=~solvent,
        reason=test.reason,
        net_trade=test.net_trade,
        claim=claim,
        allocation=allocation,
        wasted=np.maximum(announced.sum(axis=1) - allocation.sum(axis=1), 0.0),
    )


def _standing_orders(plays: Plays, rules: MarketRules) -> FloatArray:
    """Return the orders that count, before anybody is tested."""
    orders = between_different_players(plays.orders)
    if rules.pricing is not Pricing.VOID:
        return orders
    agree = (plays.quotes[:, :, np.newaxis] == plays.quotes[:, np.newaxis]).all(axis=-1)
    return np.where(agree[..., np.newaxis], orders, 0.0)


def _test_until_stable(plays: Plays, rules: MarketRules) -> _Test:
    """Test everybody; under `Bankruptcy.UNWIND` cancel the trades of all who fail and test the rest again."""
    test = _test(plays, rules)
    unsettled = (
        np.flatnonzero(test.reason.any(axis=-1)) if rules.bankruptcy is Bankruptcy.UNWIND else np.empty(0, int)
    )
    while unsettled.size:
        before = test.reason[unsettled]
        trading = before == BankruptcyReason.SOLVENT
        pairs = trading[:, :, np.newaxis] & trading[:, np.newaxis]
        remaining = replace(
            plays,
            quotes=plays.quotes[unsettled],
            orders=np.where(pairs[..., np.newaxis], plays.orders[unsettled], 0.0),
            announced_endowments=plays.announced_endowments[unsettled],
            transfers=plays.transfers[unsettled],
        )
        again = _test(remaining, rules)
        test.cost[unsettled] = np.where(trading, again.cost, test.cost[unsettled])
        test.net_trade[unsettled] = again.net_trade
        test.reason[unsettled] = np.where(trading, again.reason, before)
        unsettled = unsettled[(trading & (again.reason != BankruptcyReason.SOLVENT)).any(axis=-1)]
    return test


def _test(plays: Plays, rules: MarketRules) -> _Test:
    """Test every player once: its budget (1), then its holdings."""
    orders, sizes = plays.orders, np.abs(plays.orders)
    announced, supply = plays.announced_endowments, plays.announced_endowments.sum(axis=1)
    net_trade = orders.sum(axis=2) - orders.sum(axis=1)
    cost, gross_value = _charges(plays.quotes, orders, sizes, rules.pricing)
    rounding = _budget_rounding(plays) * (gross_value + np.abs(plays.transfers))
    negligible = _NEGLIGIBLE_SHARE * np.einsum("bh,bh->b", plays.quotes.min(axis=1), supply)
    over_budget = cost - plays.transfers - negligible[:, np.newaxis] > rounding
    reason = np.where(over_budget, np.int8(BankruptcyReason.BUDGET), np.int8(BankruptcyReason.SOLVENT))
    if rules.solvency is Solvency.NO_SHORT_SALES:
        gross_quantity = sizes.sum(axis=2) + sizes.sum(axis=1)
        forgiven = _holding_rounding(plays) * gross_quantity + _NEGLIGIBLE_SHARE * supply[:, np.newaxis]
        short = (announced + net_trade < -forgiven).any(axis=-1)
        reason[short & ~over_budget] = BankruptcyReason.SHORT_SALE
    return _Test(cost, net_trade, reason)


def _charges(
    quotes: FloatArray, orders: FloatArray, sizes: FloatArray, pricing: Pricing
) -> tuple[FloatArray, FloatArray]:
    r"""Return what trades cost each player, and the gross value of its orders at the same prices; both ``(B, N)``.

    The flows between players are formed only where the price depends on their direction. Otherwise, by (1),
    :math:`\sum_j p_j \cdot n_{ij} = \sum_j p_j \cdot z_{ij} - \sum_j p_j \cdot z_{ji}`.
    """
    if pricing is Pricing.SPREAD:
        own, other = quotes[:, :, np.newaxis], quotes[:, np.newaxis]
        flows = orders - orders.swapaxes(1, 2)
        prices = np.where(flows > 0, np.maximum(own, other), np.minimum(own, other))
        gross = prices * (sizes + sizes.swapaxes(1, 2))
        return (prices * flows).sum(axis=-1).sum(axis=-1), gross.sum(axis=-1).sum(axis=-1)
    cost = _value_sent(quotes, orders) - _value_received(quotes, orders)
    gross_value = _value_sent(quotes, sizes) + _value_received(quotes, sizes)
    if pricing is Pricing.MIDPOINT:
        own_cost = np.einsum("bih,bih->bi", quotes, orders.sum(axis=2) - orders.sum(axis=1))
        own_gross = np.einsum("bih,bih->bi", quotes, sizes.sum(axis=2) + sizes.sum(axis=1))
        return (cost + own_cost) / 2, (gross_value + own_gross) / 2
    return cost, gross_value


def _value_sent(quotes: FloatArray, orders: FloatArray) -> FloatArray:
    """Value what each player orders at the quotes of those it orders from."""
    value: FloatArray = np.einsum("bjh,bijh->bij", quotes, orders).sum(axis=2)
    return value


def _value_received(quotes: FloatArray, orders: FloatArray) -> FloatArray:
    """Value what is ordered from each player at the quotes of those who order it."""
    value: FloatArray = np.einsum("bjh,bjih->bji", quotes, orders).sum(axis=1)
    return value


def _budget_rounding(plays: Plays) -> float:
    """Return the rounding error forgiven to a cost, as a share of the gross value of its terms."""
    return _ROUNDING * (plays.players + plays.goods) * float(np.finfo(np.float64).eps)


def _holding_rounding(plays: Plays) -> float:
    """Return the rounding error forgiven to a holding, as a share of the gross quantity ordered."""
    return _ROUNDING * plays.players * float(np.finfo(np.float64).eps)


def _wants_kernel(plays: Plays, rules: MarketRules, engine: Engine) -> bool:
    supported = rules.bankruptcy is Bankruptcy.TRADES_STAND and rules.pricing in _OWN_SHARE
    if engine is Engine.COMPILED and not supported:
        raise ValueError(f"the compiled engine settles {', '.join(_OWN_SHARE)} pricing with standing trades only")
    if engine is Engine.AUTOMATIC:
        large = plays.orders.size >= _KERNEL_PAYS_FROM
        return supported and large and importlib.util.find_spec("numba") is not None
    return engine is Engine.COMPILED


def _settle_compiled(plays: Plays, rules: MarketRules) -> Settlement | None:
    """Settle with the kernel; None when it meets a play that `refuse_unsound` must look at."""
    from mechanisms import settlement_kernel as kernel  # noqa: PLC0415  Numba is optional, and slow to import.

    settle_batch = kernel.compiled_settlement(plays.players, plays.goods)
    outcome = kernel.empty_outcome(*plays.announced_endowments.shape)
    sound = settle_batch(
        kernel.Batch(*map(_contiguous, (plays.quotes, plays.orders, plays.announced_endowments, plays.transfers))),
        outcome,
        kernel.Tolerances(_budget_rounding(plays), _holding_rounding(plays), _NEGLIGIBLE_SHARE),
        _OWN_SHARE[rules.pricing],
        rules.solvency is Solvency.NO_SHORT_SALES,
    )
    return Settlement(**outcome._asdict()) if sound else None


def _contiguous(values: FloatArray) -> FloatArray:
    """Return the values as one row per play, or a single row if all plays share it."""
    distinct = values[:1] if values.strides[0] == 0 else values
    return np.ascontiguousarray(distinct)


def _with_batch_shape(settlement: Settlement, batch: tuple[int, ...]) -> Settlement:
    shaped = {}
    for field in fields(settlement):
        values = getattr(settlement, field.name)
        shaped[field.name] = values.reshape(batch + values.shape[1:])
        shaped[field.name].flags.writeable = False
    return Settlement(**shaped)
