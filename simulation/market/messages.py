"""What everybody says in many rounds at once, each message asked of its behaviour once and looked up afterwards.

What a behaviour that draws nothing says depends on its trader's type, its report and what it was recommended alone, and
its order on the quotes of everybody if it looks at them, which is noticed. So a message is asked for when it is first
needed, of the behaviour itself, and is the same ever after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, override

import numpy as np
from numpy.typing import NDArray

from marketgame.agents.behaviours.behaviour import placed
from marketgame.agents.beliefs import Inference
from marketgame.agents.knowledge import CommonKnowledge, MarketKnowledge, RecommendedKnowledge, TypeKnowledge
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.market_game.rules import Timing

if TYPE_CHECKING:
    from marketgame.agents.behaviours import Behaviour, Order
    from marketgame.agents.mediator import EstablishedMediator
    from marketgame.mechanisms.contracts.terms import OwnRecommendation

# What is remembered of messages may take so many bytes; then all is asked for anew.
MOST_BYTES = 1 << 28
# What a message that was looked up by the quotes of everybody takes beside its numbers.
_BYTES_OF_KEY = 200

_UNKNOWN, _LOOKS = -2, -1


class DrawnError(ValueError):
    """A behaviour draws something of its own, so that what it says does not follow from what it knows."""


@dataclass(eq=False)
class _Sight:
    """Quotes, and whether anybody has looked at them."""

    quotes: FloatArray
    looked: bool = False


class _Watched(MarketKnowledge):
    """What a trader knows when it orders; it is noticed whether quotes are looked at."""

    def __init__(self, known: RecommendedKnowledge, sight: _Sight) -> None:
        for each in fields(RecommendedKnowledge):
            object.__setattr__(self, each.name, getattr(known, each.name))
        object.__setattr__(self, "_sight", sight)

    @property
    @override
    def quotes(self) -> FloatArray:
        sight: _Sight = self.__dict__["_sight"]
        sight.looked = True
        return sight.quotes


class Grown:
    """An array that rows are added to."""

    def __init__(self, *shape: int) -> None:
        self._held, self.count = np.zeros((16, *shape)), 0

    def add(self, row: FloatArray) -> int:
        """Add a row and return its number."""
        if self.count == len(self._held):
            self._held = np.concatenate((self._held, np.zeros_like(self._held)))
        self._held[self.count] = row
        self.count += 1
        return self.count - 1

    def take(self, numbers: IntegerArray) -> FloatArray:
        """Return some rows."""
        taken: FloatArray = self._held.take(numbers, axis=0)
        return taken


@dataclass(frozen=True, eq=False)
class Said:
    """What was said in B rounds.

    Attributes:
        reports: ``(B, N)``, as types.
        told: the number of what was recommended, ``(B,)``; see `Messages.parts`.
        transfers: ``(B, N)``, numeraire.
        delivered: what flowed to each out of deposits, ``(B, N, L)``, units; none if nothing is deposited.
        quotes: ``(B, N, L)``, numeraire per unit.
        orders: ``(B, N, N, L)``, units.
        offered: the endowments announced, ``(B, N, L)``, units.
    """

    reports: IntegerArray
    told: IntegerArray
    transfers: FloatArray
    delivered: FloatArray | None
    quotes: FloatArray
    orders: FloatArray
    offered: FloatArray


class Messages:
    """Looks up what everybody says, and asks for what has not been said before.

    Args:
        common: common knowledge.
        mediator: recommends.
        options: the behaviours by which a type of a player may act: entry ``[player][type]``.
    """

    def __init__(
        self,
        common: CommonKnowledge,
        mediator: EstablishedMediator,
        options: Sequence[Sequence[Sequence[Behaviour]]],
    ) -> None:
        self._common, self._mediator, self._options = common, mediator, options
        self.inferences = [Inference(common.contract, player) for player in range(len(options))]
        self._seen = common.rules.timing is Timing.PRICES_FIRST
        self._widths = [max(map(len, by_type)) for by_type in options]
        self._reports = [self._reports_of(player) for player in range(len(options))]
        self._forget()

    def _forget(self) -> None:
        players, goods = len(self._options), len(self._common.economy.goods)
        self.parts: list[Sequence[OwnRecommendation]] = []
        self._told: dict[bytes, int] = {}
        self._transfers, self._delivered = Grown(players), Grown(players, goods)
        self._asked = [_Asked(len(each), players, goods) for each in self._reports]
        self._quoted: dict[bytes, int] = {}

    def say(self, types: IntegerArray, stances: IntegerArray) -> Said:
        """Return what is said in rounds in which players of types ``(B, N)`` act by the behaviours of these numbers.

        Raises:
            DrawnError: one of the behaviours draws something of its own.
        """
        if sum(asked.nbytes for asked in self._asked) + _BYTES_OF_KEY * len(self._quoted) > MOST_BYTES:
            self._forget()
        entries = types * np.array(self._widths) + stances
        reports = np.stack([each[entries[:, player]] for player, each in enumerate(self._reports)], axis=1)
        told = self._recommend(reports)
        quoted = np.stack([self._quote(player, entries[:, player], told) for player in range(len(self._asked))], axis=1)
        quotes = np.stack([each.quotes.take(quoted[:, player]) for player, each in enumerate(self._asked)], axis=1)
        ordered = self._order(entries, told, quoted, quotes)
        orders = np.stack([each.orders.take(ordered[:, player]) for player, each in enumerate(self._asked)], axis=1)
        offered = np.stack([each.offered.take(ordered[:, player]) for player, each in enumerate(self._asked)], axis=1)
        delivered = self._delivered.take(told) if self._delivered.count else None
        return Said(reports, told, self._transfers.take(told), delivered, quotes, orders, offered)

    def answers(self, types: IntegerArray, stances: IntegerArray, quotes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what everybody orders who sees other quotes ``(N, L)`` than were said in a round, and announces.

        Args:
            types: ``(N,)``.
            stances: the numbers of their behaviours, ``(N,)``.
            quotes: numeraire per unit.

        Returns:
            Orders, ``(N, N, L)``, and endowments announced, ``(N, L)``, units.
        """
        entries = (types * np.array(self._widths) + stances).tolist()
        reports = np.array([each[entry] for each, entry in zip(self._reports, entries, strict=True)])
        told, seen = int(self._recommend(reports[None])[0]), _fixed(quotes)
        orders, offered = [], []
        for player, (asked, entry) in enumerate(zip(self._asked, entries, strict=True)):
            if asked.order_numbers[entry, told] == _UNKNOWN:
                asked.order_numbers[entry, told] = self._ask(player, entry, told, seen)
            if (number := asked.order_numbers[entry, told]) == _LOOKS:
                order = placed(self._stance(player, entry)[1], self._knows(player, entry, told).at_quotes(seen))
                orders.append(order.net_demands)
                offered.append(order.announced_endowment)
            else:
                orders.append(asked.orders.take(number))
                offered.append(asked.offered.take(number))
        return np.stack(orders), np.stack(offered)

    def looking(self, types: IntegerArray, stances: IntegerArray, told: IntegerArray) -> BooleanArray:
        """Return who looks at quotes before it orders, in rounds of which all has been said, ``(B, N)``."""
        entries = types * np.array(self._widths) + stances
        each = enumerate(self._asked)
        return np.stack([asked.order_numbers[entries[:, player], told] == _LOOKS for player, asked in each], axis=1)

    def knowledge(self, player: int, type_number: int) -> TypeKnowledge:
        """Return what a player knows that may not draw anything."""
        return TypeKnowledge(self._common, self.inferences[player], type_number, _refuse_to_draw)

    def _stance(self, player: int, entry: int) -> tuple[int, Behaviour]:
        type_number, stance = divmod(entry, self._widths[player])
        return type_number, self._options[player][type_number][stance]

    def _reports_of(self, player: int) -> IntegerArray:
        """Return what each type reports by each behaviour, ``(types * widths,)``."""
        reports = np.zeros((len(self._options[player]), self._widths[player]), np.int64)
        for type_number, several in enumerate(self._options[player]):
            known = self.knowledge(player, type_number)
            reports[type_number, : len(several)] = [each.report(known) for each in several]
        return reports.reshape(-1)

    def _recommend(self, reports: IntegerArray) -> IntegerArray:
        numbers = numbered(reports, self._told)
        for row in first_of(numbers, len(self.parts)):
            own = reports[row]
            whole, parts = self._mediator.recommend(own)
            self._transfers.add(whole.transfers)
            if (delivered := self._mediator.deliver(own)) is not None:
                self._delivered.add(delivered)
            self.parts.append(parts)
        for asked in self._asked:
            asked.know(len(self.parts))
        return numbers

    def _knows(self, player: int, entry: int, told: int) -> RecommendedKnowledge:
        known = self.knowledge(player, entry // self._widths[player])
        report = int(self._reports[player][entry])
        return RecommendedKnowledge(
            known.common, known.inference, known.type_number, known.stream, report, self.parts[told][player]
        )

    def _quote(self, player: int, entries: IntegerArray, told: IntegerArray) -> IntegerArray:
        """Return the numbers of the quotes of a player, ``(B,)``."""
        asked = self._asked[player]
        numbers = asked.quote_numbers[entries, told]
        if (numbers == _UNKNOWN).any():
            for entry, number in {*zip(*_where(numbers == _UNKNOWN, entries, told), strict=True)}:
                stance = self._stance(player, entry)[1]
                asked.quote(entry, number, stance.quote(self._knows(player, entry, number)))
            numbers = asked.quote_numbers[entries, told]
        return numbers

    def _order(
        self, entries: IntegerArray, told: IntegerArray, quoted: IntegerArray, quotes: FloatArray
    ) -> IntegerArray:
        """Return the numbers of everybody's orders, ``(B, N)``."""
        for player, asked in enumerate(self._asked):
            own = entries[:, player]
            unknown = asked.order_numbers[own, told] == _UNKNOWN
            rows = unknown.nonzero()[0].tolist()
            for row, entry, number in zip(rows, *_where(unknown, own, told), strict=True):
                if asked.order_numbers[entry, number] == _UNKNOWN:
                    asked.order_numbers[entry, number] = self._ask(player, entry, number, quotes[row])
        ordered = np.stack(
            [asked.order_numbers[entries[:, player], told] for player, asked in enumerate(self._asked)], axis=1
        )
        looks = ordered == _LOOKS
        if looks.any():
            seen = numbered(quoted, self._quoted)
            for player in looks.any(axis=0).nonzero()[0].tolist():
                (rows,) = looks[:, player].nonzero()
                ordered[rows, player] = self._look(player, entries[rows, player], told[rows], seen[rows], quotes[rows])
        return ordered

    def _look(
        self, player: int, entries: IntegerArray, told: IntegerArray, seen: IntegerArray, quotes: FloatArray
    ) -> list[int]:
        """Return the numbers of the orders of a player that looks at quotes, which are those numbered `seen`."""
        asked = self._asked[player]
        answers = asked.looked
        keys = list(zip(seen.tolist(), told.tolist(), entries.tolist(), strict=True))
        for row, key in enumerate(keys):
            if key not in answers:
                _, number, entry = key
                known = self._knows(player, entry, number).at_quotes(_fixed(quotes[row]))
                answers[key] = asked.order(placed(self._stance(player, entry)[1], known))
        return [answers[key] for key in keys]

    def _ask(self, player: int, entry: int, told: int, quotes: FloatArray) -> int:
        """Ask for an order that has not been asked for; return its number, or that it depends on quotes."""
        asked, known, stance = self._asked[player], self._knows(player, entry, told), self._stance(player, entry)[1]
        if not self._seen:
            return asked.order(placed(stance, known.expecting(quotes[player])))
        sight = _Sight(_fixed(quotes))
        order = placed(stance, _Watched(known, sight))
        return _LOOKS if sight.looked else asked.order(order)


class _Asked:
    """The quotes and orders of one player that have been asked for.

    Attributes:
        quote_numbers: for each type and behaviour and all that has been recommended, ``(E, R)``.
        order_numbers: likewise.
        looked: those of orders that depend on quotes: by number of everybody's quotes, recommendation and entry.
    """

    def __init__(self, entries: int, players: int, goods: int) -> None:
        self.quotes, self.orders, self.offered = Grown(goods), Grown(players, goods), Grown(goods)
        self.quote_numbers = self.order_numbers = np.full((entries, 16), _UNKNOWN)
        self.order_numbers = self.order_numbers.copy()
        self.looked: dict[tuple[int, int, int], int] = {}
        self._quoted: dict[bytes, int] = {}
        self._bytes_of_order = 8 * (players + 1) * goods

    @property
    def nbytes(self) -> int:
        """How many bytes all of it takes, about."""
        tables = self.quote_numbers.nbytes + self.order_numbers.nbytes
        return tables + self._bytes_of_order * self.orders.count + _BYTES_OF_KEY * len(self.looked)

    def know(self, recommendations: int) -> None:
        """Make room for so many recommendations."""
        while recommendations > self.quote_numbers.shape[1]:
            unknown = np.full_like(self.quote_numbers, _UNKNOWN)
            self.quote_numbers = np.concatenate((self.quote_numbers, unknown), axis=1)
            self.order_numbers = np.concatenate((self.order_numbers, unknown), axis=1)

    def quote(self, entry: int, told: int, quotes: FloatArray) -> None:
        """Keep quotes; equal ones have one number."""
        key = quotes.tobytes()
        if key not in self._quoted:
            self._quoted[key] = self.quotes.add(quotes)
        self.quote_numbers[entry, told] = self._quoted[key]

    def order(self, order: Order) -> int:
        """Keep an order and return its number."""
        self.offered.add(order.announced_endowment)
        return self.orders.add(order.net_demands)


def numbered(rows: IntegerArray, known: dict[bytes, int]) -> IntegerArray:
    """Return the numbers of rows ``(B, N)``, ``(B,)``; those not known are given the next ones, in order."""
    packed: NDArray[Any] = np.ascontiguousarray(rows, np.int32)
    keys = packed.view(f"V{packed.shape[1] * packed.itemsize}")[:, 0].tolist()
    return np.array([known.setdefault(key, len(known)) for key in keys], np.int64)


def first_of(numbers: IntegerArray, first: int) -> list[int]:
    """Return where each number from the first on that occurs in ``(B,)`` occurs first, in order of the numbers."""
    if numbers.max(initial=-1) < first:
        return []
    found, places = np.unique(numbers, return_index=True)
    places_found: list[int] = places[found >= first].tolist()
    return places_found


def _where(chosen: NDArray[np.bool_], entries: IntegerArray, told: IntegerArray) -> tuple[list[int], list[int]]:
    return entries[chosen].tolist(), told[chosen].tolist()


def _fixed(quotes: FloatArray) -> FloatArray:
    """Return quotes that nobody can change."""
    quotes = quotes.copy()
    quotes.flags.writeable = False
    return quotes


def _refuse_to_draw(purpose: str) -> np.random.Generator:
    raise DrawnError(purpose)
