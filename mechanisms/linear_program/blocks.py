"""Blocks of variables and constraints over labelled dimensions: where index arithmetic lives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np

from marketgame.mechanisms.linear_program.assembly import PositionArray


class Kind(Enum):
    """What a block consists of."""

    VARIABLES = "variables"
    CONSTRAINTS = "constraints"


@dataclass(frozen=True)
class Selection:
    """Some variables or constraints of a block, in an array of any shape.

    Attributes:
        block: the block they belong to.
        positions: their column or row numbers in the whole program, any shape.
    """

    block: Block
    positions: PositionArray

    @property
    def name(self) -> str:
        """Name of the block."""
        return self.block.name

    @property
    def kind(self) -> Kind:
        """Whether these are variables or constraints."""
        return self.block.kind

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the selection."""
        return self.positions.shape


@dataclass(frozen=True)
class Block:
    """Consecutive variables or constraints with one name and labelled dimensions, in row-major order.

    Index it as a NumPy array of its shape (integers, slices, index arrays, all broadcast together) to select
    members: ``incentive[types, reports]``.

    Attributes:
        kind: variables or constraints.
        name: unique among the program's blocks of this kind.
        dimensions: label and size of each dimension.
        start: column or row number of its first member.
    """

    kind: Kind
    name: str
    dimensions: tuple[tuple[str, int], ...]
    start: int

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the dimensions."""
        return tuple(size for _, size in self.dimensions)

    @cached_property
    def size(self) -> int:
        """Number of members."""
        return math.prod(self.shape)

    @property
    def members(self) -> slice:
        """Where its members stand among the program's columns or rows."""
        return slice(self.start, self.start + self.size)

    @cached_property
    def positions(self) -> PositionArray:
        """Column or row number of every member, in the block's shape."""
        return np.arange(self.start, self.start + self.size, dtype=np.int32).reshape(self.shape)

    def __getitem__(self, index: Any) -> Selection:
        try:
            return Selection(self, np.asarray(self.positions[index]))
        except IndexError as error:
            raise IndexError(f"{self.describe()}: {error}") from None

    def describe(self) -> str:
        """Return the block as a paper would write it: ``incentive[type 4, report 2]``."""
        return f"{self.name}[{', '.join(f'{label} {size}' for label, size in self.dimensions)}]"


def labelled_dimensions(name: str, dimensions: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return the dimensions checked, for a block of this name.

    Raises:
        ValueError: a size is not a whole number of at least 0.
    """
    for label, size in dimensions.items():
        if not isinstance(size, int | np.integer) or size < 0:
            raise ValueError(f"dimension {label!r} of {name!r} must have a whole size of at least 0, not {size!r}")
    return tuple((label, int(size)) for label, size in dimensions.items())


def positions_of(selection: Selection | Block, kind: Kind) -> PositionArray:
    """Return the row or column numbers of a selection or of a whole block.

    Raises:
        ValueError: constraints were given where variables are wanted, or the other way round.
    """
    if selection.kind is not kind:
        raise ValueError(f"{selection.name!r} is a block of {selection.kind.value}; {kind.value} are wanted here")
    return selection.positions
