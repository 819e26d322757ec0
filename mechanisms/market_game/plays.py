"""Plays of the market game: what everybody quotes, orders and announces, and what transfers are granted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray


@dataclass(frozen=True, eq=False)
class Play:
    """One play of the market game, or a batch of plays; batch dimensions come first and broadcast against each other.

    Nothing is copied: whoever changes an array that was given changes the play. Values are checked where plays are
    settled, not here, because that reads them in any case.

    Attributes:
        quotes: ``(..., N, L)``, numeraire per unit; the last good is the numeraire.
        orders: what each player orders from each, ``(..., N, N, L)``, units; net demand by whom before to whom.
        announced_endowments: ``(..., N, L)``, units.
        transfers: purchasing power, ``(..., N)``, numeraire; positive when paid to the player, a single number is
            everybody's.
        batch: the batch dimensions, broadcast.

    Raises:
        ValueError: shapes disagree, there is no player or no good, or something is not a number.
    """

    quotes: FloatArray
    orders: FloatArray
    announced_endowments: FloatArray
    transfers: FloatArray = field(default_factory=lambda: np.zeros(()))
    batch: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        announced = _shaped("announced endowments", self.announced_endowments, (None, None))
        players, goods = announced.shape[-2:]
        if not players or not goods:
            raise ValueError(f"announced endowments of shape {announced.shape} leave nobody or nothing to trade")
        transfers = self.transfers
        if np.ndim(transfers) == 0:
            transfers = np.broadcast_to(transfers, (players,))
        arrays = {
            "quotes": _shaped("quotes", self.quotes, (players, goods)),
            "orders": _shaped("orders", self.orders, (players, players, goods)),
            "announced_endowments": announced,
            "transfers": _shaped("transfers", transfers, (players,)),
        }
        for name, array in arrays.items():
            object.__setattr__(self, name, array)
        leading = [array.shape[: array.ndim - own] for array, own in zip(arrays.values(), _OWN_DIMENSIONS, strict=True)]
        try:
            object.__setattr__(self, "batch", np.broadcast_shapes(*leading))
        except ValueError:
            raise ValueError(
                "the batch dimensions of quotes, orders, announced endowments and transfers do not broadcast: "
                + ", ".join(map(str, leading))
            ) from None

    @property
    def arrays(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Quotes, orders, announced endowments and transfers."""
        return self.quotes, self.orders, self.announced_endowments, self.transfers

    def __getitem__(self, index: int | slice | tuple[int | slice, ...] | IntegerArray | BooleanArray) -> Play:
        """Return some plays of the batch."""
        return Play(*(array[index] for array in self._broadcast()))

    def with_arrays(self, **arrays: FloatArray) -> Play:
        """Return the same play with other quotes, orders, announced endowments or transfers."""
        given = {one.name: getattr(self, one.name) for one in fields(self) if one.init}
        return Play(**(given | arrays))

    def flat(self) -> Play:
        """Return the same plays with one batch dimension; nothing is copied that need not be, or checked again."""
        count, own = prod(self.batch), len(self.batch)
        flat = object.__new__(Play)
        for name, array in zip(_ARRAYS, self._broadcast(), strict=True):
            object.__setattr__(flat, name, array.reshape(count, *array.shape[own:]))
        object.__setattr__(flat, "batch", (count,))
        return flat

    def _broadcast(self) -> tuple[FloatArray, ...]:
        """Return the arrays, each with all batch dimensions."""
        return tuple(
            array
            if array.ndim - own == len(self.batch) and array.shape[: array.ndim - own] == self.batch
            else np.broadcast_to(array, self.batch + array.shape[array.ndim - own :])
            for array, own in zip(self.arrays, _OWN_DIMENSIONS, strict=True)
        )


_ARRAYS = ("quotes", "orders", "announced_endowments", "transfers")
# How many dimensions quotes, orders, announced endowments and transfers have beside those of the batch.
_OWN_DIMENSIONS = (2, 3, 2, 1)


def stacked(plays: Sequence[Play]) -> Play:
    """Return plays of the same shape as one batch along a new first dimension."""
    return Play(*(np.stack(arrays) for arrays in zip(*(play.arrays for play in plays), strict=True)))


def joined(plays: Sequence[Play]) -> Play:
    """Return batches of plays as one batch, one after the other along their first dimension."""
    return Play(*(np.concatenate(arrays) for arrays in zip(*(play.arrays for play in plays), strict=True)))


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

    @classmethod
    def of(cls, plays: Play, batch: tuple[int, ...], selected: slice | IntegerArray) -> Block:
        """Return copies of some of B plays with one batch dimension, without orders to oneself.

        Args:
            plays: the flat batch.
            batch: its dimensions as they were given.
            selected: which of the plays.
        """
        quotes, orders, announced_endowments, transfers = (
            play_last(values[selected]).copy() for values in plays.arrays
        )
        everyone = np.arange(len(orders))
        orders[everyone, everyone] = 0.0
        positions = np.arange(len(plays.quotes))[selected]
        return cls(quotes, orders, announced_endowments, transfers, positions, batch)

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


def refuse(block: Block, bad: BooleanArray, message: Callable[..., str]) -> None:
    """Raise a ValueError about the first bad entry ``(..., B)``, if any, naming the play when there are several."""
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
