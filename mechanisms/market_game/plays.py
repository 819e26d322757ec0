"""Plays of the market game as arrays: shapes, broadcasting, and the refusal of unsound values."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from marketgame.mechanisms.arrays import (
        BooleanArray,
        FloatArray,
        IntegerArray,
    )


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

    def block(self, selected: slice | IntegerArray) -> Block:
        """Return copies of the selected plays, without orders to oneself."""
        quotes, orders, announced_endowments, transfers = (
            play_last(values[selected]).copy()
            for values in (self.quotes, self.orders, self.announced_endowments, self.transfers)
        )
        positions = np.arange(len(self.quotes))[selected]
        block = Block(quotes, orders, announced_endowments, transfers, positions, self.batch)
        everyone = np.arange(len(block.orders))
        block.orders[everyone, everyone] = 0.0
        return block


@dataclass(frozen=True, slots=True)
class Block:
    """Some plays, with the play as the *last* dimension: NumPy is fast where the innermost dimension is long."""

    quotes: FloatArray
    """``(N, L, B)``."""
    orders: FloatArray
    """``(N, N, L, B)``; zero from a player to itself."""
    announced_endowments: FloatArray
    """``(N, L, B)``."""
    transfers: FloatArray
    """``(N, B)``."""
    positions: IntegerArray
    """``(B,)``, where each play stands in the flat batch."""
    batch: tuple[int, ...]
    """The batch dimensions as they were given."""

    def only(self, selected: IntegerArray) -> Block:
        """Return the selected plays of the block."""
        return Block(
            self.quotes[..., selected],
            self.orders[..., selected],
            self.announced_endowments[..., selected],
            self.transfers[..., selected],
            self.positions[selected],
            self.batch,
        )


def play_last[T: np.generic](values: NDArray[T]) -> NDArray[T]:
    """Return a view with the first dimension moved to the end; a shorter way than NumPy's for every single play."""
    return values.transpose((*range(1, values.ndim), 0))


def play_first[T: np.generic](values: NDArray[T]) -> NDArray[T]:
    """Undo `play_last`."""
    return values.transpose((-1, *range(values.ndim - 1)))


def arranged(
    quotes: ArrayLike, orders: ArrayLike, announced_endowments: ArrayLike, transfers: ArrayLike | None
) -> Plays:
    """Return the plays that the arguments describe, checking shapes but no values.

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
    arrays = (
        _shaped("quotes", quotes, (players, goods)),
        _shaped("orders", orders, (players, players, goods)),
        announced,
        _shaped("transfers", np.zeros(players) if transfers is None else transfers, (players,)),
    )
    own_dimensions = (2, 3, 2, 1)
    leading = [array.shape[: array.ndim - own] for array, own in zip(arrays, own_dimensions, strict=True)]
    try:
        batch = np.broadcast_shapes(*leading)
    except ValueError:
        raise ValueError(
            "the batch dimensions of quotes, orders, announced endowments and transfers do not broadcast: "
            + ", ".join(map(str, leading))
        ) from None
    flat = [
        np.broadcast_to(array, batch + array.shape[-own:]).reshape((prod(batch), *array.shape[-own:]))
        for array, own in zip(arrays, own_dimensions, strict=True)
    ]
    return Plays(flat[0], flat[1], flat[2], flat[3], batch)


def _shaped(name: str, values: ArrayLike, trailing: tuple[int | None, ...]) -> FloatArray:
    """Check the shape only: to check the values as well would read every order once more than the kernel does."""
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


def refuse(block: Block, bad: BooleanArray, message: Callable[..., str]) -> None:
    """Raise a ValueError about the first bad entry, if any, naming the play when there are several.

    Args:
        block: the plays.
        bad: which entries are bad, with the play as the last dimension.
        message: what to say, given the index of the entry.
    """
    if bad.any():
        place = tuple(int(index) for index in np.argwhere(bad)[0])
        play = tuple(int(index) for index in np.unravel_index(block.positions[place[-1]], block.batch))
        raise ValueError(message(*place) + (f" (play {play})" if play else ""))


def refuse_unsound(block: Block) -> None:
    """Raise a ValueError if a value is not finite, negative where it must not be, or a numeraire not quoted at 1."""
    quotes, orders, announced, transfers = block.quotes, block.orders, block.announced_endowments, block.transfers
    refuse(
        block,
        ~((quotes >= 0) & np.isfinite(quotes)),
        lambda i, h, b: f"quotes must be finite and nonnegative; player {i} quotes {quotes[i, h, b]} for good {h}",
    )
    refuse(
        block,
        quotes[:, -1] != 1,
        lambda i, b: f"the numeraire, the last good, must be quoted at 1; player {i} quotes {quotes[i, -1, b]}",
    )
    refuse(
        block,
        ~((announced >= 0) & np.isfinite(announced)),
        lambda i, h, b: (
            "announced endowments must be finite and nonnegative; "
            f"player {i} announces {announced[i, h, b]} of good {h}"
        ),
    )
    refuse(
        block,
        ~np.isfinite(transfers),
        lambda i, b: f"transfers must be finite; that of player {i} is {transfers[i, b]}",
    )
    refuse(
        block,
        ~np.isfinite(orders),
        lambda i, j, h, b: f"orders must be finite; player {i} orders {orders[i, j, h, b]} of good {h} from player {j}",
    )


def refuse_uncovered(block: Block) -> None:
    """Raise a ValueError if a transfer takes more of the numeraire than the player announces."""
    owed, announced = -block.transfers, block.announced_endowments[:, -1]
    refuse(
        block,
        owed > announced,
        lambda i, b: (
            f"the transfer takes {owed[i, b]} of the numeraire from player {i}, who announces only "
            f"{announced[i, b]}; such a contract is not admitted"
        ),
    )
