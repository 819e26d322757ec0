r"""What two members gain at most by breaking an agreement of Theorem 23, derived in rational numbers.

It is announced who of two wins. Whoever does is told a number besides, one of K, and lets an amount of money in
proportion to it flow from the loser, and to each outsider: that ruins all others, whose trades stand. The winner claims
all that the loser could deliver. Under ``spread`` it pays with a speck of a good that both quote enormously, under
``counterparty`` with what it buys of the loser at nothing and sells to an outsider.

*The loser* faces others whose quotes :math:`c_k` do not depend on the number. What flows to it costs at least as much
as at some prices between the least and the greatest of these (under ``counterparty``: if they are equal). So the money
that flows to it is at most what it is granted and what its goods are worth at the dearest quotes, and at least less
what it owns: an interval. If the numbers shift that by more than its length, it lives after one of them at most,
whatever it does, and has then no more than all there is.

*The winner* knows all that others do. Under ``spread`` what it claims is within its budget at some prices between the
others' quotes, and then at some corner of that box, too, since costs are linear in prices.

Under ``void`` (Theorem 24) nobody is told who wins. Of K numbers that follow each other one is told to either member,
to the first an odd one and to the second an even one; whoever is told the larger of the two wins. Orders in proportion
to the number leave either with no way to live after both that it may meet. So all parts but one are kept: whoever is
told the least number loses for certain. What breaking brings then is divided by how rarely that is told.

``docs/collusion.md``, Theorems 23 and 24. Source: ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import compress, count, product

from marketgame.mechanisms.certificates.plain.contract import PlainContract, PlainEnd, surplus
from marketgame.mechanisms.certificates.plain.settlement import NOTHING, PlainPlay
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Withholding,
)


def known_to_ruin(rules: MarketRules) -> bool:
    """Say whether what is said here was proved for these rules of the market."""
    return (
        rules.pricing in (Pricing.COUNTERPARTY, Pricing.SPREAD, Pricing.VOID)
        and rules.solvency is Solvency.NO_SHORT_SALES
        and rules.bankruptcy is Bankruptcy.TRADES_STAND
        and rules.withholding is Withholding.WASTED
        and rules.execution is Execution.UNILATERAL
        and rules.refusal is Refusal.FREE
    )


@dataclass(frozen=True)
class PlainRuin:
    """An agreement of two members at a profile that both know.

    Attributes:
        contract: with the rules of the market.
        number: of the profile.
        coalition: the two.
        good: which the winner pays with.
        quote: of that good by both where the dearer quote is paid, numeraire per unit.
        apart: by how much money the K numbers differ.
        numbers: K.
    """

    contract: PlainContract
    number: int
    coalition: Sequence[int]
    good: int
    quote: Fraction
    apart: Fraction
    numbers: int

    @property
    def outsiders(self) -> list[int]:
        """Who is not a member."""
        return [player for player in range(len(self.contract.economy.players)) if player not in self.coalition]

    def shown(self) -> list[list[Fraction]]:
        """Return what everybody announces, ``[player][good]``, units: members all that they own."""
        owned, usual = self.contract.holdings(self.number), self.contract.play(self.number)
        return [
            list(own) if player in self.coalition else [min(pair) for pair in zip(announced, own, strict=True)]
            for player, (announced, own) in enumerate(zip(usual.announced, owned, strict=True))
        ]

    def supply(self) -> list[Fraction]:
        """Return what there is to be had, ``[good]``, units."""
        return [sum(column, NOTHING) for column in zip(*self.shown(), strict=True)]

    def play(self, winner: int, drawn: int) -> PlainPlay:
        """Return what is played if a member wins and was told one of the numbers 1 to K."""
        contract, usual = self.contract, self.contract.play(self.number)
        (loser,), outsiders, owned = set(self.coalition) - {winner}, self.outsiders, contract.holdings(self.number)
        quotes, orders = [list(row) for row in usual.quotes], [[list(row) for row in rows] for rows in usual.orders]
        goods, money = range(len(owned[0]) - 1), len(owned[0]) - 1
        for member in self.coalition:
            orders[member] = [
                list(usual.orders[player][member]) if player in outsiders else [NOTHING for _ in owned[0]]
                for player in range(len(owned))
            ]
        lacking = [there - own for there, own in zip(self.supply(), owned[winner], strict=True)]
        if contract.rules.pricing is Pricing.VOID:
            return self._staircase(winner, drawn)
        claimed, amount, buyer = list(lacking), self.apart * drawn, outsiders[0]
        if contract.rules.pricing is Pricing.SPREAD:
            quotes[winner] = [self.quote if good == self.good else NOTHING for good in goods] + [Fraction(1)]
            quotes[loser] = list(quotes[winner])
            # With what is sold for it all money is paid for.
            claimed[self.good] = -max(lacking[money] - usual.transfers[winner], NOTHING) / self.quote
        else:
            price = quotes[buyer]
            quotes[loser][self.good] = NOTHING
            paid = sum((price[good] * lacking[good] for good in goods if good != self.good), lacking[money])
            resold = max(paid - usual.transfers[winner], NOTHING) / price[self.good]
            claimed[self.good] += resold
            orders[winner][buyer][self.good] -= resold
        claimed[money] += len(outsiders) * amount
        orders[winner][loser] = claimed
        for outsider in outsiders:
            orders[winner][outsider][money] -= amount
        return PlainPlay(quotes, orders, self.shown(), usual.transfers)

    def ended(self, winner: int) -> PlainEnd:
        """Return how a play ends in which a member wins, whatever the number.

        Raises:
            ValueError: it depends on the number, or somebody else lives, or the winner does not.
        """
        void = self.contract.rules.pricing is Pricing.VOID
        greatest = (self.numbers - 1) // 2 if void else self.numbers
        first, last = (self.contract.ended(self.play(winner, drawn), self.number) for drawn in (1, greatest))
        if void:
            if (
                [*compress(count(), first.bankrupt)] != [self._other(winner)]
                or first.utility != last.utility
                or not self._apart(winner)
            ):
                raise ValueError("the winner is bankrupt, or the loser is not, or may live whatever it meets")
            return first
        if first.bankrupt != [player != winner for player in range(len(first.bankrupt))]:
            raise ValueError("the winner is bankrupt, or somebody else is not")
        owed = self.play(winner, 1).transfers
        # Outsiders are charged more the larger the number, and the loser holds less: so all numbers end alike.
        beyond = all(first.cost[outsider] > owed[outsider] for outsider in self.outsiders)
        if first.utility != last.utility or first.bankrupt != last.bankrupt or not beyond or not self._apart(winner):
            raise ValueError("how it ends depends on the number")
        return first

    def temptation(self, winner: int) -> tuple[Fraction, Fraction] | None:
        """Return what the winner, and what the loser, gains at most by anything else; none if that is not known.

        Raises:
            ValueError: how it ends depends on the number.
        """
        if not known_to_ruin(self.contract.rules):
            return None
        if self.contract.rules.pricing is Pricing.VOID:
            first, second = (self._by_breaking(one, self.ended(one)) for one in (winner, self._other(winner)))
            return None if first is None or second is None else (first, second)
        (loser,), end = set(self.coalition) - {winner}, self.ended(winner)
        all_there_is, won = self._all_there_is(loser), self._most_by_winning(winner, end)
        if all_there_is is None or won is None:
            return None
        nothing = self._nothing(loser)
        guessed = nothing + max(all_there_is - nothing, NOTHING) / self.numbers
        most = max(won, self._nothing(winner))
        return max(most - end.utility[winner], NOTHING), max(guessed - end.utility[loser], NOTHING)

    def _other(self, member: int) -> int:
        (other,) = set(self.coalition) - {member}
        return other

    def _quoting(self) -> PlainPlay:
        """Return the play in which members quote as told where trades are void otherwise, and order nothing."""
        usual = self.contract.play(self.number)
        quotes, orders = [list(row) for row in usual.quotes], [[list(row) for row in rows] for rows in usual.orders]
        for member in self.coalition:
            quotes[member] = [self.quote if good == self.good else NOTHING for good in range(len(quotes[0]) - 1)]
            quotes[member].append(Fraction(1))
            orders[member] = [[NOTHING for _ in row] for row in orders[member]]
            for other in self.coalition:
                orders[other][member] = [NOTHING for _ in orders[other][member]]
        return PlainPlay(quotes, orders, self.shown(), usual.transfers)

    def _claimed(self, winner: int) -> list[Fraction]:
        """Return what flows to the winner where trades are void otherwise: just enough money to leave nobody any.

        Raises:
            ValueError: an outsider fails by itself.
        """
        end = self.contract.ended(self._quoting(), self.number)
        if any(end.bankrupt):
            raise ValueError("somebody fails who trades as the contract tells it to")
        *goods, money = self.supply()
        most = max(end.consumption[outsider][-1] for outsider in self.outsiders)
        claimed = money + most - self.contract.holdings(self.number)[winner][-1]
        net = [4 * there for there in goods] + [claimed]
        net[self.good] = -max(claimed - self.contract.play(self.number).transfers[winner], NOTHING) / self.quote
        return net

    def _staircase(self, winner: int, drawn: int) -> PlainPlay:
        """Return what is played if a member wins who was told the number 2 drawn, or one more if it is the first."""
        play, (first, second) = self._quoting(), self.coalition
        told = 2 * drawn + (winner == first)
        orders = [list(rows) for rows in play.orders]
        for member, number in ((winner, told), (self._other(winner), told - 1)):
            # From number to number what is ordered grows by what the one who is told the larger claims.
            steps = ((self._claimed(first), (number - 1) // 2), (self._claimed(second), number // 2))
            orders[member][self._other(member)] = [
                sum((taken * claimed[good] for claimed, taken in steps), NOTHING) for good in range(len(self.supply()))
            ]
        return PlainPlay(play.quotes, orders, play.announced, play.transfers)

    def _by_breaking(self, member: int, end: PlainEnd) -> Fraction | None:
        """Return what a member expects to gain at most by anything else, before it is told its number."""
        goods = self.supply()[:-1]
        valuation, nothing = self.contract.kind(member, self.number).valuation, self._nothing(member)
        price, owned = self.contract.price(self.number), self.contract.holdings(self.number)[member]
        near = [min(pair) for pair in zip(self.contract.bundle(member, self.number), goods, strict=False)]
        apart = surplus(valuation, price, goods, near)
        # To keep more of the good costs half of its quote in money, at least; and there is no more of all else.
        most, marginal = valuation.exact_tangent(end.consumption[member][:-1])
        held = end.consumption[member]
        everything = all(held[good] == there for good, there in enumerate(self.supply()) if good != self.good)
        falls = any(one is None or one < 0 for one in marginal)
        if apart is None or falls or not everything or (marginal[self.good] or NOTHING) > self.quote / 2:
            return None
        worth = sum((p * own for p, own in zip(price, owned, strict=True)), NOTHING)
        otherwise = worth + max(self.contract.play(self.number).transfers[member], NOTHING) + apart
        # Where there is too much of something whoever wins may rather claim less of it.
        won, most = end.utility[member], most + held[-1]
        # Told the least number it has nothing to lose.
        rarely = (max(most, otherwise) - nothing) / (self.numbers - 1)
        return max(otherwise - (won + nothing) / 2, most - won, NOTHING) + max(rarely, NOTHING)

    def _lives_once(self) -> bool:
        """Say whether no member can live after both numbers that the other may have been told."""
        holdings, owed = self.contract.holdings(self.number), self.contract.play(self.number).transfers
        sold = sum((-self._claimed(member)[self.good] for member in self.coalition), NOTHING)
        return self.numbers % 2 == 1 and all(
            sold > holdings[member][self.good] + max(holdings[member][-1] + owed[member], NOTHING) / self.quote
            for member in self.coalition
        )

    def _apart(self, winner: int) -> bool:
        """Say whether the loser lives after one number at most, whatever it does."""
        if self.contract.rules.pricing is Pricing.VOID:
            return self._lives_once()
        (loser,), play = set(self.coalition) - {winner}, self.play(winner, 1)
        others = [quotes[:-1] for player, quotes in enumerate(play.quotes) if player != loser]
        if self.contract.rules.pricing is Pricing.COUNTERPARTY and any(one != others[0] for one in others):
            return False
        *goods, money = self.contract.holdings(self.number)[loser]
        dearest = [max(column) for column in zip(*others, strict=True)]
        worth = sum((quote * own for quote, own in zip(dearest, goods, strict=True)), play.transfers[loser])
        return len(self.outsiders) * self.apart > max(worth, NOTHING) + money

    def _nothing(self, member: int) -> Fraction:
        return self.contract.enjoys(member, self.number, [NOTHING for _ in self.supply()])

    def _all_there_is(self, member: int) -> Fraction | None:
        """Return what a member enjoys at most of what there is."""
        *goods, money = self.supply()
        best = surplus(self.contract.kind(member, self.number).valuation, [NOTHING for _ in goods], goods, goods)
        return None if best is None else best + money

    def _most_by_winning(self, winner: int, end: PlainEnd) -> Fraction | None:
        """Return what the winner has at most, whatever it does; none if that is not known."""
        *there_is, money = self.supply()
        valuation = self.contract.kind(winner, self.number).valuation
        *held, _ = end.consumption[winner]
        nothing = [NOTHING for _ in there_is]
        if self.contract.rules.pricing is Pricing.COUNTERPARTY:
            best = surplus(valuation, nothing, there_is, held)
            return None if best is None else best + money
        play, found = self.play(winner, 1), []
        owned = self.contract.holdings(self.number)[winner]
        others = [quotes[:-1] for player, quotes in enumerate(play.quotes) if player != winner]
        wanted = self.contract.bundle(winner, self.number)
        for corner in product(*(sorted({min(column), max(column)}) for column in zip(*others, strict=True))):
            budget = sum((p * own for p, own in zip(corner, owned, strict=False)), owned[-1] + play.transfers[winner])
            if budget < 0:
                continue
            limit = [min(most, budget / p) if p > 0 else most for p, most in zip(corner, there_is, strict=True)]
            near = [min(pair) for pair in zip(held, limit, strict=True)]
            liked = [most if p == 0 else min(one, most) for p, one, most in zip(corner, wanted, limit, strict=True)]
            freely, within = surplus(valuation, nothing, limit, near), surplus(valuation, corner, limit, liked)
            bounds = [] if freely is None else [freely + min(money, budget)]
            bounds += [] if within is None else [within + budget]
            if not bounds:
                return None
            found.append(min(bounds))
        return max(found, default=self._nothing(winner))
