"""Economies drawn from stated laws: how many traders of how many types, what they own and how they value goods.

A law says between which bounds each number lies; a generator draws it, uniformly. What a law leaves no choice about
takes nothing from the generator. The same generator draws the same economy, and copies of its players are drawn with
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from enum import StrEnum

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.registry import parameter, refuse_out_of_bounds

type Range = tuple[float, float]
"""Bounds between which a number is drawn."""
type Count = tuple[int, int]
"""The least and the most that there may be."""


class Allotment(StrEnum):
    """How shares become numbers of players."""

    FIXED = "fixed"
    """As near to the shares as whole numbers come, by largest remainders; chance decides who."""
    DRAWN = "drawn"
    """Every player draws, with the shares as probabilities."""


def largest_remainders(shares: Sequence[float], players: int) -> list[int]:
    """Return how many players each of some shares stands for; what they leave out of 1 stands for nobody.

    Each gets the whole part of its quota, and those with the largest remainders one more, the first of equals first.

    Source:
        Hamilton's method of apportionment; Balinski and Young (1982), Fair Representation.
    """
    # What nobody has a share of is one share more, the last among equals. Quotas are whole up to rounding.
    quotas = np.array([*shares, max(0.0, 1.0 - sum(shares))]) * players
    whole = np.floor(quotas + 1e-9 * np.maximum(quotas, 1.0))
    over = np.argsort(-(quotas - whole), kind="stable")[: players - int(whole.sum())]
    whole[over] += 1
    return [int(each) for each in whole[:-1]]


def allotted(shares: Sequence[float], players: int, how: Allotment, generator: np.random.Generator) -> IntegerArray:
    """Return which of some shares each player belongs to, ``(N,)``; -1 for none of them."""
    groups = np.full(players, -1)
    match how:
        case Allotment.FIXED:
            ranking, first = generator.permutation(players), 0
            for group, count in enumerate(largest_remainders(shares, players)):
                groups[ranking[first : first + count]] = group
                first += count
        case Allotment.DRAWN:
            passed = (generator.random(players)[:, None] >= np.cumsum(shares)).sum(axis=1)
            groups = np.where(passed < len(shares), passed, -1)
    return groups


@dataclass(frozen=True)
class ValuationLaw:
    """How a trader's valuation is drawn, within one family.

    Attributes:
        family: of valuations.
        ranges: of each of its parameters that has no default, by the name of its field. A matrix has numbers from its
            range on the diagonal, to which the square of a normal matrix is added.
        mixing: the standard deviation of the entries of that normal matrix; 0 for goods that do not bear on each other.
        faint: the probability that a good is of a tenth of the use: so much is left of the first list of numbers.
        portion: of the players who value goods by this law.

    Raises:
        ValueError: a number makes no sense, a parameter has no range, or a range is empty.
    """

    family: type[Valuation]
    ranges: Mapping[str, Range]
    mixing: float = field(
        default=0.1,
        metadata=parameter(
            "of a matrix: the standard deviation of the numbers whose square is added to its diagonal", ge=0
        ),
    )
    faint: float = field(
        default=0.0, metadata=parameter("the probability that a good is of a tenth of the use", ge=0, le=1)
    )
    portion: float | None = field(
        default=None,
        metadata=parameter(
            "of the players who value goods so; without it, equal parts of what others leave", ge=0, le=1
        ),
    )

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self)
        if self.family.blocks():
            raise ValueError(f"the goods of {self.family.__name__} come in blocks, which no law draws")
        defaults = {each.name: each.default for each in fields(self.family) if each.default is not MISSING}
        if set(self.ranges) | set(defaults) != set(self.family.dimensions()):
            wanted = sorted(set(self.family.dimensions()) - set(defaults))
            raise ValueError(f"ranges are for {sorted(self.ranges)}; they must be for {wanted}")
        for name, (low, high) in self.ranges.items():
            _refuse_empty(self.family.keys()[name], low, high)
        # What always is what it is without being given takes nothing from the generator.
        drawn = {name: each for name, each in self.ranges.items() if each != (defaults.get(name),) * 2}
        object.__setattr__(self, "ranges", drawn)

    def draw(self, goods: int, generator: np.random.Generator) -> Valuation:
        """Return a valuation of so many goods beside the numeraire."""
        dimensions, drawn = self.family.dimensions(), dict[str, FloatArray]()
        for name in (name for name, dimension in dimensions.items() if dimension > 1 and name in self.ranges):
            mixing: FloatArray = self.mixing * generator.normal(size=(goods, goods))
            drawn[name] = mixing @ mixing.T + np.diag(generator.uniform(*self.ranges[name], goods))
        lists = [name for name, dimension in dimensions.items() if dimension == 1 and name in self.ranges]
        for place, name in enumerate(lists):
            drawn[name] = generator.uniform(*self.ranges[name], goods)
            if self.faint and place == 0:
                drawn[name] = drawn[name] * generator.choice([0.1, 1.0], goods, p=[self.faint, 1.0 - self.faint])
        for name in (name for name, dimension in dimensions.items() if dimension == 0 and name in self.ranges):
            drawn[name] = np.array(generator.uniform(*self.ranges[name]))
        return self.family(**drawn)


@dataclass(frozen=True)
class EconomyLaw:
    """How an economy is drawn.

    Attributes:
        valuations: the laws by which players value goods; each player draws all its types by one of them.
        players: how many there are.
        goods: how many there are beside the numeraire.
        types: how many each player may be.
        endowment: how much a player owns of each good.
        money: how much it owns of the numeraire.
        owned: the share of its endowment that each of its types owns, good by good; all of it where none is given.
        concentration: of the Dirichlet law of the probabilities of a player's types; none if they are equally likely.
        allotment: how shares of valuations become players.
        copies: how often each player that is drawn stands in the economy.

    Raises:
        ValueError: a number makes no sense.
    """

    valuations: tuple[ValuationLaw, ...]
    players: Count = field(
        default=(3, 3), metadata=parameter("how many are drawn: a number, or the least and the most", ge=1)
    )
    goods: Count = field(
        default=(1, 1), metadata=parameter("how many beside the numeraire: a number, or the least and the most", ge=1)
    )
    types: Count = field(
        default=(1, 1),
        metadata=parameter("how many each player may be: a number, or the least and the most", ge=1),
    )
    endowment: Range = field(
        default=(0.5, 3.0), metadata=parameter("how much a player owns of each good: the least and the most", ge=0)
    )
    money: Range = field(
        default=(200.0, 200.0),
        metadata=parameter("how much of the numeraire: a number, or the least and the most", ge=0),
    )
    owned: Range | None = field(
        default=None,
        metadata=parameter(
            "the share of its endowment that each type of a player owns of each good, the least and the most; without "
            "it all own the same",
            ge=0,
            le=1,
        ),
    )
    concentration: float | None = field(
        default=None,
        metadata=parameter(
            "of the Dirichlet law that draws the probabilities of a player's types; without it they are equally likely",
            gt=0,
        ),
    )
    allotment: Allotment = field(
        default=Allotment.FIXED,
        metadata=parameter(
            "how the shares of valuations become players: fixed, as near as whole numbers come, by largest remainders; "
            "drawn, by every player for itself"
        ),
    )
    copies: int = field(
        default=1, metadata=parameter("how often each player that is drawn stands in the economy", ge=1)
    )

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self)
        if not self.valuations:
            raise ValueError("valuations are none; there must be at least one law")
        for name in ("players", "goods", "types", "endowment", "money", "owned"):
            if (given := getattr(self, name)) is not None:
                _refuse_empty(name, *given)
        if sum(each.portion or 0.0 for each in self.valuations) > 1 + 1e-12:
            raise ValueError("valuations have shares of more than 1 in sum")

    def draw(self, generator: np.random.Generator) -> tuple[tuple[Player, ...], list[FloatArray]]:
        """Return players, and the probabilities of the types of each."""
        count, goods = _drawn_count(self.players, generator), _drawn_count(self.goods, generator)
        laws = self._laws(count, generator)
        players = [
            Player(f"trader {number + 1}", self._types(law, goods, generator)) for number, law in enumerate(laws)
        ]
        marginals = [self._marginal(len(player.types), generator) for player in players]
        return copied(players, self.copies), marginals * self.copies

    def economy(self, name: str, generator: np.random.Generator) -> Economy:
        """Return an economy with independent types."""
        players, marginals = self.draw(generator)
        goods, units = names_of_goods(len(players[0].types[0].endowment) - 1)
        return Economy(name, goods, units, players, IndependentPrior(marginals), source="drawn at random")

    def _laws(self, count: int, generator: np.random.Generator) -> list[ValuationLaw]:
        if len(self.valuations) == 1:
            return [self.valuations[0]] * count
        given = [each.portion for each in self.valuations]
        left, others = 1.0 - sum(share or 0.0 for share in given), given.count(None)
        shares = [max(0.0, left) / others if share is None else share for share in given]
        total = sum(shares)
        groups = allotted([share / total for share in shares], count, self.allotment, generator)
        # A sum of shares may miss 1 by its last digit.
        return [self.valuations[group] for group in groups]

    def _types(self, law: ValuationLaw, goods: int, generator: np.random.Generator) -> tuple[PlayerType, ...]:
        held = generator.uniform(*self.endowment, goods)
        low, high = self.money
        held = np.append(held, low if low == high else generator.uniform(low, high))
        types = []
        for number in range(_drawn_count(self.types, generator)):
            valuation, endowment = law.draw(goods, generator), held
            if self.owned is not None:
                endowment = held * np.append(generator.uniform(*self.owned, goods), 1.0)
            types.append(PlayerType(f"type {number + 1}", endowment, valuation))
        return tuple(types)

    def _marginal(self, types: int, generator: np.random.Generator) -> FloatArray:
        if self.concentration is None:
            return np.full(types, 1.0 / types)
        return generator.dirichlet(np.full(types, self.concentration))


def names_of_goods(goods: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names and units of so many goods and of the numeraire."""
    return (*(f"good {good + 1}" for good in range(goods)), "money"), (*["unit"] * goods, "euro")


def copied(players: Sequence[Player], times: int) -> tuple[Player, ...]:
    """Return players so many times over, those of the first copy with their own names."""
    return tuple(
        replace(one, name=f"{one.name} {copy + 1}" if copy else one.name) for copy in range(times) for one in players
    )


def replica(economy: Economy, times: int) -> Economy:
    """Return the economy in which every player of another stands so many times, with types drawn independently.

    Players with the same number in the first copy as in the given economy have the same names.

    Raises:
        ValueError: types are correlated, or there is to be no copy.
    """
    if not economy.prior.independent or times < 1:
        raise ValueError(f"{times} copies are asked for; there must be one or more, of players with independent types")
    marginals = [economy.prior.marginal(player) for player in range(len(economy.players))] * times
    return replace(economy, players=copied(economy.players, times), prior=IndependentPrior(marginals))


def _drawn_count(between: Count, generator: np.random.Generator) -> int:
    low, high = between
    return low if low == high else int(generator.integers(low, high, endpoint=True))


def _refuse_empty(name: str, low: float, high: float) -> None:
    if not low <= high:
        raise ValueError(f"{name} is from {low} to {high}; the least must come first")
