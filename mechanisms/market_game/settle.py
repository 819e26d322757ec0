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

Messages are taken for the numbers they are, and (1) is decided as in exact arithmetic: in floating point where a bound
on its error leaves no doubt, else without rounding errors (:mod:`marketgame.mechanisms.market_game.exact_test`).
Nothing is forgiven. So no order, of whatever size, is worth anything that exact arithmetic would not pay, but for the
rounding of what is handed out, which is relative to what flows. Contracts round their own numbers so that whoever obeys
passes the test, and grant a little for it that no play can enlarge
(:mod:`marketgame.mechanisms.contracts.recommended_orders`).

Source: Giraud and Rochon (2001), sections 2.2-2.3 and definition 2. Two readings of ours: the text prints
:math:`z_j^j` in definition 2 for :math:`z_i^j`, and a transfer is one number per player, purchasing power in units of
the numeraire, which only shifts the right-hand side of (1). `MarketRules` holds what may be varied.

Arrays put batch dimensions first: quotes and announced endowments are ``(..., N, L)``, orders ``(..., N, N, L)`` with
the player who orders first, transfers ``(..., N)``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from itertools import count as numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.market_game.exact_test import exact_test
from marketgame.mechanisms.market_game.execution import Executed
from marketgame.mechanisms.market_game.feasible_set import ration
from marketgame.mechanisms.market_game.plays import Block, Play, play_first, refuse, refuse_uncovered, refuse_unsound
from marketgame.mechanisms.market_game.prices import PRICES, trade_prices
from marketgame.mechanisms.market_game.rules import (
    PAPER_RULES,
    Bankruptcy,
    BankruptcyReason,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Withholding,
)
from marketgame.mechanisms.market_game.settlement import Settlement

# Sums of N L products of orders and quotes err by less than N L + 4 times half the precision times the gross value of
# their terms, whatever the order of summation; this factor of (N L + 4) is four times as much. A player whose cost is
# nearer to its transfer than that, or whose holding is as near to nothing, is tested without rounding errors.
_ROUNDING = 2.0 * float(np.finfo(np.float64).eps)
# So is a play in which orders cancel to the extent that a net trade is not known to this share of the largest net
# trade of that good, or of its supply if that is less: what changes hands must not hang on the rounding of what was
# ordered, and a member who goes bankrupt with an endless order must not lend its size to those who stay.
_KNOWN_SHARE = 2.0**-40
# The kernel bounds the rounding of a net trade by the orders of all players, so that the share grows with their number.
_KNOWN_SHARE_OF_VOLUME = 2.0**-36
# Below this value products of orders and quotes may have underflowed, and their rounding is not bounded by the above.
_UNDERFLOW = 1e-280

# The rules that are settled here; whoever adds one has to say here what it does. `Timing` does not bear on settlement.
_SETTLED: dict[str, Collection[str]] = {
    "pricing": PRICES,
    "solvency": (Solvency.BUDGET, Solvency.NO_SHORT_SALES),
    "bankruptcy": (Bankruptcy.TRADES_STAND, Bankruptcy.UNWIND),
    "coverage": (Coverage.UNLIMITED, Coverage.ANNOUNCED_NUMERAIRE),
    "withholding": (Withholding.WASTED, Withholding.CONSUMED),
    "execution": (Execution.UNILATERAL, Execution.MATCHED),
    "refusal": (Refusal.FREE, Refusal.ESCROW),
}
# The share of the own quote in the price of a trade, for the rules the kernel supports.
_OWN_SHARE = {Pricing.COUNTERPARTY: 0.0, Pricing.MIDPOINT: 0.5}
# From this many order entries on, the kernel repays importing Numba and loading the compiled code, over half a second.
_KERNEL_PAYS_FROM = 30_000_000
# NumPy settles blocks of about this many order entries, which stay in the processor's cache.
_BLOCK_ENTRIES = 200_000


class Engine(Enum):
    """Which implementation settles; they agree to rounding."""

    AUTOMATIC = "automatic"
    """Compiled when the batch is large enough to repay loading it, the rules allow it and Numba is installed."""
    NUMPY = "numpy"
    COMPILED = "compiled"


def settle(play: Play, rules: MarketRules = PAPER_RULES, *, engine: Engine = Engine.AUTOMATIC) -> Settlement:
    r"""Settle one play of the market game, or a batch of plays.

    A player is bankrupt exactly if its cost exceeds its transfer, the messages taken for the numbers they are: nothing
    is forgiven, so that no order of any size is worth anything that exact arithmetic would not pay. The budget is
    tested before short sales.

    Args:
        play: one or many. Quotes and announced endowments are nonnegative, quotes 1 for the last good; orders have any
            sign and size, and those to oneself are ignored, whatever they are; transfers need not add up to zero.
        rules: the rules of the game. `Timing` does not bear on settlement.
        engine: which implementation to use.

    Returns:
        The settlement, with the broadcast batch dimensions first.

    Raises:
        ValueError: a value is not finite, negative where it must not be or so large that costs overflow, a numeraire
            is not quoted at 1, a transfer is not covered although `Coverage` asks for it, or the compiled
            engine is demanded for rules it does not support.
        ImportError: the compiled engine is demanded and Numba is not installed.

    Source:
        Giraud and Rochon (2001), section 2.2, equation (1), and definition 2.
    """
    _refuse_untaught(rules)
    executed = Executed.of(play.flat(), rules)
    plays = executed.play
    ended = _unsettled(*plays.announced_endowments.shape)
    for selected in _left_to_numpy(plays, rules, engine, ended):
        for name, values in _settle(Block.of(plays, play.batch, selected), rules).items():
            ended[name][selected] = play_first(values)
    if executed.kept is not None:
        ended["claim"] += executed.kept
        ended["allocation"] += executed.kept
    for name, values in ended.items():
        ended[name] = values.reshape(play.batch + values.shape[1:])
        ended[name].flags.writeable = False
    return Settlement(play, rules, **ended)


def _refuse_untaught(rules: MarketRules) -> None:
    """Refuse rules that nobody has taught the market, rather than settling them as others."""
    for name, taught in _SETTLED.items():
        rule = getattr(rules, name)
        if rule not in taught:
            raise NotImplementedError(f"the market does not know how to settle {name} {str(rule)!r}")


def _unsettled(count: int, players: int, goods: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of a settlement of as many plays, to be filled in."""
    return {
        "cost": np.empty((count, players)),
        "bankrupt": np.empty((count, players), np.bool_),
        "reason": np.empty((count, players), np.int8),
        "wave": np.empty((count, players), np.int32),
        "net_trade": np.empty((count, players, goods)),
        "claim": np.empty((count, players, goods)),
        "change": np.empty((count, players, goods)),
        "allocation": np.empty((count, players, goods)),
        "wasted": np.empty((count, goods)),
    }


def _left_to_numpy(
    plays: Play, rules: MarketRules, engine: Engine, ended: dict[str, NDArray[Any]]
) -> Iterator[slice | IntegerArray]:
    """Let the kernel fill in what it can, and yield the other plays in blocks."""
    count, players, goods = plays.announced_endowments.shape
    length = max(1, _BLOCK_ENTRIES // (players * players * goods))
    if not _wants_kernel(plays, rules, engine):
        yield from (slice(first, first + length) for first in range(0, count, length))
        return
    # Numba is optional, and slow to import.
    from marketgame.mechanisms.market_game import kernel as settlement_kernel  # noqa: PLC0415

    limits = settlement_kernel.KernelRules(
        own_share=_OWN_SHARE[rules.pricing],
        budget_rounding=_ROUNDING * (players * goods + 4),
        holding_rounding=_ROUNDING * (players + 4),
        known_share=_KNOWN_SHARE_OF_VOLUME * players,
        no_short_sales=rules.solvency is Solvency.NO_SHORT_SALES,
        covered=rules.coverage is Coverage.ANNOUNCED_NUMERAIRE,
    )
    undecided = np.flatnonzero(~settlement_kernel.settle_batch(plays, limits, ended))
    ended["wave"][:] = ended["bankrupt"]  # Its rules test once.
    yield from (undecided[first : first + length] for first in range(0, undecided.size, length))


def _compiles(rules: MarketRules) -> bool:
    """Whether the compiled engine knows the rules."""
    return rules.bankruptcy is Bankruptcy.TRADES_STAND and rules.pricing in _OWN_SHARE


def _wants_kernel(plays: Play, rules: MarketRules, engine: Engine) -> bool:
    if engine is Engine.COMPILED and not _compiles(rules):
        raise ValueError(f"the compiled engine settles {' and '.join(_OWN_SHARE)} pricing with standing trades only")
    if engine is Engine.AUTOMATIC:
        large = plays.orders.size >= _KERNEL_PAYS_FROM
        return _compiles(rules) and large and importlib.util.find_spec("numba") is not None
    return engine is Engine.COMPILED


@dataclass(frozen=True, slots=True)
class _Test:
    """What the orders of each play amount to, and who fails; the play is the last dimension."""

    cost: FloatArray
    net_trade: FloatArray
    reason: NDArray[np.int8]


def _settle(block: Block, rules: MarketRules) -> dict[str, NDArray[Any]]:
    """Settle plays; this is the specification of the kernel. The play is the last dimension of all arrays."""
    refuse_unsound(block)
    if rules.coverage is Coverage.ANNOUNCED_NUMERAIRE:
        refuse_uncovered(block)
    if rules.pricing is Pricing.VOID:
        agree = (block.quotes[:, np.newaxis] == block.quotes).all(axis=2)
        block = replace(block, orders=np.where(agree[:, :, np.newaxis], block.orders, 0.0))
    with np.errstate(over="ignore", invalid="ignore"):  # Overflow is refused below.
        test, wave = _test_until_stable(block, rules)
    refuse(
        block,
        ~(np.isfinite(test.cost) & np.isfinite(test.net_trade).all(axis=1)),
        lambda i, _: f"the orders from and to player {i} are so large that their value overflows",
    )
    solvent = test.reason == BankruptcyReason.SOLVENT
    announced = block.announced_endowments
    stays = solvent[:, np.newaxis]
    pooled = np.where(stays, announced, 0.0) if rules.bankruptcy is Bankruptcy.UNWIND else announced
    change = ration(np.where(stays, test.net_trade, -pooled), pooled)
    if pooled is not announced:
        change = np.where(stays, change, -announced)
    allocation = announced + change
    return {
        "cost": test.cost,
        "bankrupt": ~solvent,
        "reason": test.reason,
        "wave": wave,
        "net_trade": test.net_trade,
        "claim": np.where(stays, announced + test.net_trade, 0.0),
        "change": change,
        "allocation": allocation,
        "wasted": np.maximum(-change.sum(axis=0), 0.0),
    }


def _test_until_stable(block: Block, rules: MarketRules) -> tuple[_Test, NDArray[np.int32]]:
    """Test everybody; under `Bankruptcy.UNWIND` cancel the trades of all who fail and test the rest again.

    Returns:
        What came out in the end, and in which test each failed.
    """
    test = _test(block, rules)
    wave = (test.reason != BankruptcyReason.SOLVENT).astype(np.int32)
    failed = test.reason.any(axis=0) & (rules.bankruptcy is Bankruptcy.UNWIND)
    unsettled = np.flatnonzero(failed)
    for tested in numbers(2):
        if not unsettled.size:
            break
        before = test.reason[:, unsettled]
        trading = before == BankruptcyReason.SOLVENT
        affected = block.only(unsettled)
        stands = (trading[:, np.newaxis] & trading)[:, :, np.newaxis]
        again = _test(replace(affected, orders=np.where(stands, affected.orders, 0.0)), rules)
        test.cost[:, unsettled] = np.where(trading, again.cost, test.cost[:, unsettled])
        test.net_trade[..., unsettled] = again.net_trade
        test.reason[:, unsettled] = np.where(trading, again.reason, before)
        fails = trading & (again.reason != BankruptcyReason.SOLVENT)
        wave[:, unsettled] += tested * fails
        unsettled = unsettled[fails.any(axis=0)]
    return test, wave


def _test(block: Block, rules: MarketRules) -> _Test:
    """Test every player once: its budget (1), then its holdings; without rounding errors where they might matter."""
    orders, sizes = block.orders, np.abs(block.orders)
    players, _, goods, _ = orders.shape
    net_trade = orders.sum(axis=1) - orders.sum(axis=0)
    volume = sizes.sum(axis=1) + sizes.sum(axis=0)
    cost, gross_value = _charges(block.quotes, orders, sizes, rules.pricing)
    lacking = -(block.announced_endowments + net_trade)
    short = (lacking > 0.0).any(axis=1)
    rounding = _ROUNDING * (players * goods + 4) * gross_value
    traded = volume.any(axis=1)
    in_doubt = traded & ((np.abs(cost - block.transfers) <= rounding) | (gross_value < _UNDERFLOW))
    rounding = _ROUNDING * (players + 4) * volume
    if rules.solvency is Solvency.NO_SHORT_SALES:
        in_doubt |= ((np.abs(lacking) <= rounding) & (volume > 0.0)).any(axis=1)
    known_relative_to = np.minimum(np.abs(net_trade).max(axis=0), block.announced_endowments.sum(axis=0))
    unknown = rounding.max(axis=0) > _KNOWN_SHARE * known_relative_to
    doubtful = np.flatnonzero(in_doubt.any(axis=0) | unknown.any(axis=0))
    if doubtful.size:
        exact = exact_test(block.only(doubtful), rules.pricing)
        cost[:, doubtful], net_trade[..., doubtful], short[:, doubtful] = exact.cost, exact.net_trade, exact.short
    over_budget = cost > block.transfers
    reason = np.where(over_budget, np.int8(BankruptcyReason.BUDGET), np.int8(BankruptcyReason.SOLVENT))
    if rules.solvency is Solvency.NO_SHORT_SALES:
        reason[short & ~over_budget] = BankruptcyReason.SHORT_SALE
    return _Test(cost, net_trade, reason)


def _charges(
    quotes: FloatArray, orders: FloatArray, sizes: FloatArray, pricing: Pricing
) -> tuple[FloatArray, FloatArray]:
    r"""Return what trades cost each player, and the gross value of its orders at the same prices; both ``(N, B)``.

    The flows between players are formed only where the price depends on their direction. Otherwise, by (1),
    :math:`\sum_j p_j \cdot n_{ij} = \sum_j p_j \cdot z_{ij} - \sum_j p_j \cdot z_{ji}`.
    """
    match pricing:
        case Pricing.COUNTERPARTY | Pricing.VOID:
            return _charges_at_others_quotes(quotes, orders, sizes)
        case Pricing.MIDPOINT:
            cost, gross_value = _charges_at_others_quotes(quotes, orders, sizes)
            own = quotes[:, np.newaxis]
            own_cost = _value(own, (orders.sum(axis=1) - orders.sum(axis=0))[:, np.newaxis])
            own_gross_value = _value(own, (sizes.sum(axis=1) + sizes.sum(axis=0))[:, np.newaxis])
            return (cost + own_cost) / 2, (gross_value + own_gross_value) / 2
        case _:
            flows = orders - orders.swapaxes(0, 1)
            prices = np.where(flows > 0, *trade_prices(pricing, quotes[:, np.newaxis], quotes))
            return _value(prices, flows), _value(prices, sizes + sizes.swapaxes(0, 1))


def _charges_at_others_quotes(
    quotes: FloatArray, orders: FloatArray, sizes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the same where each side is charged at the other's quote."""
    cost = _value_sent(quotes, orders) - _value_received(quotes, orders)
    return cost, _value_sent(quotes, sizes) + _value_received(quotes, sizes)


def _value_sent(quotes: FloatArray, orders: FloatArray) -> FloatArray:
    """Value what each player orders at the quotes of those it orders from."""
    return _value(quotes, orders)


def _value_received(quotes: FloatArray, orders: FloatArray) -> FloatArray:
    """Value what is ordered from each player at the quotes of those who order it."""
    return _value(quotes, orders.swapaxes(0, 1))


def _value(prices: FloatArray, amounts: FloatArray) -> FloatArray:
    """Value amounts ``(N, M, L, B)`` at prices ``(M, L, B)`` or ``(N, M, L, B)``, summed over M and L: ``(N, B)``.

    Products are added one by one, however many plays there are, so that a play costs the same to the last bit alone and
    among others. NumPy adds what lies side by side in memory in an order of its own: of a single play let that be
    what is not added up.
    """
    if amounts.shape[-1] > 1:
        # Selected plays may lie in memory in any order.
        prices, amounts = (
            each if each.strides[-1] == each.itemsize else np.ascontiguousarray(each) for each in (prices, amounts)
        )
        own = "ijhb" if prices.ndim == amounts.ndim else "jhb"
        value: FloatArray = np.einsum(f"{own},ijhb->ib", prices, amounts)
        return value
    amounts, prices = np.ascontiguousarray(amounts[..., 0].transpose(1, 2, 0)), prices[..., 0]
    own = "jhi" if prices.ndim == amounts.ndim else "jh"
    if prices.ndim == amounts.ndim:
        prices = np.ascontiguousarray(prices.transpose(1, 2, 0))
    alone: FloatArray = np.einsum(f"{own},jhi->i", prices, amounts)
    return alone[:, np.newaxis]
