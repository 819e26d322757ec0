"""A batch of plays of the market game as arrays: shapes, broadcasting, and the refusal of unsound values."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from mechanisms.arrays import BooleanArray, FloatArray

# A transfer that takes exactly what is announced may have been computed with rounding.
_COVERAGE_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Plays:
    """B plays, their batch dimensions flattened into one; arrays may be read-only views of what was given."""

    quotes: FloatArray
    """``(B, N, L)``, units of the numeraire per unit of each good."""
    orders: FloatArray
    """``(B, N, N, L)``, units of each good, by whom before to whom."""
    announced_endowments: FloatArray
    """``(B, N, L)``, units of each good."""
    transfers: FloatArray
    """``(B, N)``, purchasing power in units of the numeraire."""
    batch: tuple[int, ...]
    """The batch dimensions as they were given, broadcast; their product is B."""

    @property
    def players(self) -> int:
        """N."""
        return self.quotes.shape[1]

    @property
    def goods(self) -> int:
        """L."""
        return self.quotes.shape[2]


def arranged(
    quotes: ArrayLike, orders: ArrayLike, announced_endowments: ArrayLike, transfers: ArrayLike | None
) -> Plays:
    """Return the batch that the arguments describe, checking shapes but no values.

    Args:
        quotes: ``(..., N, L)``.
        orders: ``(..., N, N, L)``.
        announced_endowments: ``(..., N, L)``.
        transfers: ``(..., N)``; None means zero.

    Returns:
        The plays; nothing is copied that need not be.

    Raises:
        ValueError: shapes disagree, or there is no player or no good.
    """
    announced = _shaped("announced endowments", announced_endowments, (None, None))
    players, goods = announced.shape[-2:]
    if not players or not goods:
        raise ValueError(f"announced endowments of shape {announced.shape} leave nobody or nothing to trade")
    arrays = {
        "quotes": (_shaped("quotes", quotes, (players, goods)), 2),
        "orders": (_shaped("orders", orders, (players, players, goods)), 3),
        "announced_endowments": (announced, 2),
        "transfers": (_shaped("transfers", np.zeros(players) if transfers is None else transfers, (players,)), 1),
    }
    leading = {name: array.shape[: array.ndim - own] for name, (array, own) in arrays.items()}
    try:
        batch = np.broadcast_shapes(*leading.values())
    except ValueError:
        raise ValueError(f"the batch dimensions do not broadcast: {leading}") from None
    flat = {
        name: np.broadcast_to(array, batch + array.shape[-own:]).reshape((prod(batch), *array.shape[-own:]))
        for name, (array, own) in arrays.items()
    }
    return Plays(**flat, batch=batch)


def _shaped(name: str, values: ArrayLike, trailing: tuple[int | None, ...]) -> FloatArray:
    """Check the shape only: `finite_array` would read every order once more than the kernel does."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of real numbers: {error}") from None
    found = array.shape[-len(trailing) :]
    if len(found) < len(trailing) or any(
        size not in (None, actual) for size, actual in zip(trailing, found, strict=True)
    ):
        expected = ", ".join("any" if size is None else str(size) for size in trailing)
        raise ValueError(f"{name} has shape {array.shape}; its last dimensions must be ({expected})")
    return array


def refuse(plays: Plays, bad: BooleanArray, message: Callable[..., str]) -> None:
    """Raise a message about the first bad entry, naming the play if there are several."""
    if bad.any():
        play, *place = (int(index) for index in np.argwhere(bad)[0])
        where = tuple(int(index) for index in np.unravel_index(play, plays.batch))
        raise ValueError(message(play, *place) + (f" (play {where})" if where else ""))


def refuse_uncovered(plays: Plays) -> None:
    """Raise a ValueError if a transfer takes more of the numeraire than the player announces."""
    owed, announced = -plays.transfers, plays.announced_endowments[..., -1]
    refuse(
        plays,
        owed > announced * (1 + _COVERAGE_ROUNDING),
        lambda b, i: (
            f"the transfer takes {owed[b, i]} of the numeraire from player {i}, who announces only "
            f"{announced[b, i]}; such a contract is not admitted"
        ),
    )


def refuse_unsound(plays: Plays) -> None:
    """Raise a ValueError if a value is not finite, negative where it must not be, or a numeraire not quoted at 1."""
    quotes, announced, transfers = plays.quotes, plays.announced_endowments, plays.transfers
    orders = between_different_players(plays.orders)
    refuse(
        plays,
        ~((quotes >= 0) & np.isfinite(quotes)),
        lambda b, i, h: f"quotes must be finite and nonnegative; player {i} quotes {quotes[b, i, h]} for good {h}",
    )
    refuse(
        plays,
        quotes[..., -1] != 1,
        lambda b, i: f"the numeraire, the last good, must be quoted at 1; player {i} quotes {quotes[b, i, -1]}",
    )
    refuse(
        plays,
        ~((announced >= 0) & np.isfinite(announced)),
        lambda b, i, h: (
            "announced endowments must be finite and nonnegative; "
            f"player {i} announces {announced[b, i, h]} of good {h}"
        ),
    )
    refuse(
        plays,
        ~np.isfinite(transfers),
        lambda b, i: f"transfers must be finite; that of player {i} is {transfers[b, i]}",
    )
    refuse(
        plays,
        ~np.isfinite(orders),
        lambda b, i, j, h: (
            f"orders must be finite; player {i} orders {orders[b, i, j, h]} of good {h} from player {j}"
        ),
    )


def between_different_players(orders: FloatArray) -> FloatArray:
    """Return the orders with those to oneself, if any, set to zero."""
    everyone = np.arange(orders.shape[1])
    if not orders[:, everyone, everyone].any():
        return orders
    others = orders.copy()
    others[:, everyone, everyone] = 0.0
    return others
