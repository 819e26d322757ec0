r"""How markets that institutions are compared with end, and who would gain by lies to them: in rational numbers.

At trading posts what everybody is told to send is settled exactly. The call market's price is found in floating point;
that it clears is checked by the tangents of valuations. Of every coalition, all types that it may have and all that it
can report are enumerated, each side rounded against the claim that nobody gains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations, product
from math import inf

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.plain.instance import Checked, Instance, rounded, within
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.comparison_markets.call_market import clear_reports
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket, can_report, told_messages
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.stakes import stakes_by_type
from marketgame.mechanisms.economies.valuation import SeparableValuation, Valuation
from marketgame.mechanisms.linear_program.deadline import Deadline

# How far anybody may be from what is best for it at the price, as a share of what is at stake: the price is found in
# floating point.
CONTENT_TOLERANCE = 1e-6
# Marginal values just above and just below a holding are those at so much more and less, relatively.
BESIDE = 1e-9


@dataclass(frozen=True, eq=False)
class Ends:
    """How a market ends after every profile of reports if all do as they are told.

    Attributes:
        economy: whose types are few enough to be listed.
        market: the market.
    """

    economy: Economy
    market: ComparedMarket

    @property
    def trades(self) -> list[list[list[Fraction]]]:
        """Net trades, ``[reported profile][player][good]``, units.

        Raises:
            ValueError: somebody does not own what it is told to send.
            UnansweredError: it is not known what is to be sent, or the market does not clear.
        """
        return self._ended[0]

    @property
    def prices(self) -> list[list[Fraction | None]]:
        """What is paid for each good but the numeraire, ``[reported profile][good]``; none where nothing is traded."""
        return self._ended[1]

    @cached_property
    def _ended(self) -> tuple[list[list[list[Fraction]]], list[list[Fraction | None]]]:
        profiles = self.economy.profiles
        if self.market.post_rules is None:
            ended = clear_reports(self.economy, profiles)
            trades = [[exact(row) for row in rows] for rows in ended.net_trades]
            return trades, [[*exact(price)] for price in ended.price]
        told, prices = told_messages(self.economy, self.market, profiles), list[list[Fraction | None]]()
        for bids, offers in zip(told.bids, told.offers, strict=True):
            sums = [[sum(exact(column), NOTHING) for column in sent.T] for sent in (bids, offers)]
            prices.append([money / units if money and units else None for money, units in zip(*sums, strict=True)])
        return [settled_posts(*sent) for sent in zip(told.bids, told.offers, strict=True)], prices

    def enjoyed(self, player: int, kind: int, reported: int) -> Fraction:
        """Return by how much more than at home a type enjoys what comes of a profile of reports, numeraire."""
        own = self.economy.players[player].types[kind]
        goods, trade = exact(own.endowment[:-1]), self.trades[reported][player]
        held = [max(owned + more, NOTHING) for owned, more in zip(goods, trade, strict=False)]
        return own.valuation.exact_value(kept(own.valuation, held)) - own.valuation.exact_value(goods) + trade[-1]

    def utilities(self, number: int) -> list[Fraction]:
        """Return what everybody enjoys in a profile if all report the truth, numeraire."""
        found = []
        for player, kind in enumerate(self.economy.profiles[number].tolist()):
            own = self.economy.players[player].types[kind]
            home = own.valuation.exact_value(exact(own.endowment[:-1])) + Fraction(float(own.endowment[-1]))
            found.append(home + self.enjoyed(player, kind, number))
        return found


def truthful_ends(economy: Economy, market: ComparedMarket) -> Ends:
    """Return how a market ends.

    Raises:
        ValueError: types are too many to be listed.
    """
    if economy.prior.obstacle:
        raise ValueError(f"types cannot be listed: {economy.prior.obstacle}")
    return Ends(economy, market)


def no_lie_pays(instance: Instance, sizes: Sequence[int], deadline: Deadline) -> Iterator[Checked]:
    """Check that no coalition of some sizes gains in sum by any report that it can make, of whatever types it is.

    Raises:
        ValueError: somebody does not own what it is told to send.
        UnansweredError: it is not known what is to be sent, or the market does not clear.
        DeadlinePassedError: time ran out.
    """
    economy, ends = instance.economy, truthful_ends(instance.economy, instance.market_given)
    lies = _Lies(ends)
    yield from _cleared(ends)
    amounts = list[tuple[Fraction, Fraction]]()
    for size in sizes:
        for coalition in combinations(range(len(economy.players)), size):
            deadline.check()
            amounts += lies.of(coalition)
    yield Checked("somebody has another type to report", f"{len(amounts)} lies", bool(amounts))
    if amounts:
        yield within("no lie gains anything", "each was told", amounts)


class _Lies:
    """What lies gain, each utility computed once and rounded against the claim."""

    def __init__(self, ends: Ends) -> None:
        economy = ends.economy
        self._economy, self._ends = economy, ends
        self._stakes = stakes_by_type(economy, efficient_allocation(economy))
        self._chance = exact(economy.prior.probability)
        self._number = {tuple(profile): number for number, profile in enumerate(economy.profiles.tolist())}
        self._allowed = [can_report(economy, player) for player in range(len(economy.players))]
        self._known: dict[tuple[int, int, int], Fraction] = {}

    def of(self, coalition: tuple[int, ...]) -> Iterator[tuple[Fraction, Fraction]]:
        """Yield what each lie of a coalition gains in sum, with what is at stake for its members."""
        counts = [range(len(self._allowed[member])) for member in coalition]
        for true in product(*counts):
            profiles = [
                (profile, self._chance[number])
                for profile, number in self._number.items()
                if self._chance[number] > 0
                and all(profile[member] == kind for member, kind in zip(coalition, true, strict=True))
            ]
            likely = sum((chance for _, chance in profiles), NOTHING)
            if not likely:
                continue
            rows = [int(self._economy.first_rows[member]) + kind for member, kind in zip(coalition, true, strict=True)]
            stake = sum(exact(self._stakes[rows]), NOTHING)
            choices = (
                np.flatnonzero(self._allowed[one][kind]).tolist() for one, kind in zip(coalition, true, strict=True)
            )
            for said in product(*choices):
                if said == true:
                    continue
                gain = NOTHING
                for profile, chance in profiles:
                    lied = list(profile)
                    for member, kind in zip(coalition, said, strict=True):
                        lied[member] = kind
                    after, before = self._number[tuple(lied)], self._number[profile]
                    gain += chance * sum(
                        (
                            self._above(member, kind, after) - self._below(member, kind, before)
                            for member, kind in zip(coalition, true, strict=True)
                        ),
                        NOTHING,
                    )
                yield gain / likely, stake

    def _above(self, player: int, kind: int, reported: int) -> Fraction:
        return rounded(self._enjoyed(player, kind, reported), inf)

    def _below(self, player: int, kind: int, reported: int) -> Fraction:
        return rounded(self._enjoyed(player, kind, reported), -inf)

    def _enjoyed(self, player: int, kind: int, reported: int) -> Fraction:
        key = player, kind, reported
        if key not in self._known:
            self._known[key] = self._ends.enjoyed(*key)
        return self._known[key]


def _cleared(ends: Ends) -> Iterator[Checked]:
    """Check that the call market's price clears it: all hold what is best for them, and the supply is exhausted."""
    if ends.market.post_rules is not None:
        return
    economy, doubtful = ends.economy, 0
    ended, stakes = clear_reports(economy, economy.profiles), stakes_by_type(economy, efficient_allocation(economy))
    for draw, (profile, price) in enumerate(zip(economy.profiles, ended.price, strict=True)):
        owned = economy.endowments(profile)
        supply = owned.sum(axis=0)[:-1]
        held = owned[:, :-1] + ended.net_trades[draw, :, :-1]
        rest = supply - held.sum(axis=0)
        doubtful += bool((np.abs(np.where(price > 0, rest, np.minimum(rest, 0))) > CONTENT_TOLERANCE * supply).any())
        for player, kind in enumerate(profile):
            valuation = economy.players[player].types[kind].valuation
            at_stake = float(price @ supply) + float(stakes[economy.first_rows[player] + kind])
            missed = missed_at(valuation, held[player], price, owned[player], supply)
            doubtful += missed > CONTENT_TOLERANCE * at_stake
    yield Checked(
        "the price clears the market", "at every profile of reports" if not doubtful else "it does not", not doubtful
    )


def settled_posts(bids: FloatArray, offers: FloatArray) -> list[list[Fraction]]:
    """Settle trading posts in rational numbers: net trades of every player, ``(N, L)``."""
    ends = [[Fraction(0)] * (bids.shape[1] + 1) for _ in bids]
    for good in range(bids.shape[1]):
        sent, offered = exact(bids[:, good]), exact(offers[:, good])
        money, units = sum(sent, Fraction(0)), sum(offered, Fraction(0))
        if money == 0 or units == 0:
            continue
        for end, bid, offer in zip(ends, sent, offered, strict=True):
            end[good] += bid * units / money - offer
            end[-1] += offer * money / units - bid
    return ends


def kept(valuation: Valuation, held: list[Fraction]) -> list[Fraction]:
    """Return what is kept of a bundle whose excess lowers its value."""
    if not isinstance(valuation.simplified(), SeparableValuation):
        return held
    simple = valuation.simplified()
    assert isinstance(simple, SeparableValuation)
    most = [simple.exact_satiation(good) for good in range(len(held))]
    return [quantity if limit is None else min(quantity, limit) for quantity, limit in zip(held, most, strict=True)]


def missed_at(
    valuation: Valuation, held: FloatArray, price: FloatArray, owned: FloatArray, supply: FloatArray
) -> float:
    """Return a bound on what more a trader would gain at a price by holding anything else that it can pay, numeraire.

    It is that of tangents: what the margin just above the holding is worth beyond the price, times how much more may be
    held, or the price beyond the margin just below, times the holding; or what is best at the price as the family of
    its valuation bounds it, if that is less. Nobody holds more than the supply, nor more of one good than its money
    buys.
    """
    more, less = (
        valuation.exact_tangent([Fraction(max(float(quantity) * (1 + side * BESIDE), 0.0)) for quantity in held])[1]
        for side in (1, -1)
    )
    most = supply if len(held) > 1 or price[0] <= 0 else np.minimum(supply, owned[:-1] + owned[-1] / price)
    total = 0.0
    for above, below, quantity, cost, limit in zip(more, less, held, price, most, strict=True):
        room = max(float(limit) - float(quantity), 0.0)
        if above is None:
            total += 0.0 if room <= 0 else np.inf
            continue
        last = np.inf if below is None else float(below)
        total += max(
            (float(above) - float(cost)) * room, (float(cost) - last) * float(quantity) if quantity > 0 else 0, 0
        )
    # Where goods are wanted together no tangent at a kink need be that at the price, but a family may say what is best.
    prices, there = exact(price), exact(supply)
    here = [Fraction(max(float(quantity), 0.0)) for quantity in held]
    best = valuation.exact_surplus(prices, there, [min(pair) for pair in zip(here, there, strict=True)])
    if best is None:
        return total
    paid = sum((cost * quantity for cost, quantity in zip(prices, here, strict=True)), NOTHING)
    return min(total, float(best - valuation.exact_value(kept(valuation, here)) + paid))


def most_by_other_messages(
    valuation: Valuation, owned: Sequence[Fraction], bids: FloatArray, offers: FloatArray, player: int, everything: bool
) -> Fraction | None:
    r"""Return what a player gains at most at trading posts by sending anything else, the others' messages being known.

    Against bids B and offers Q of the others its utility :math:`v(\omega + z) - \sum_h B_h z_h / (Q_h - z_h)` is
    concave in the net trades z, however it splits them into bids and offers. So it exceeds that of what is sent by no
    more than its slope there, times how far trades may go: to all that is owned, and to what money buys of one good.

    Args:
        valuation: the player's.
        owned: by it, ``(L)``, units.
        bids: of everybody, ``(N, G)``, numeraire.
        offers: likewise, units.
        player: who it is.
        everything: whether all that is owned must be offered.

    Returns:
        The bound, numeraire; none where others are on one side of a post only, or a slope is infinite.
    """
    net = settled_posts(bids, offers)[player]
    held = [own + trade for own, trade in zip(owned, net[:-1], strict=False)]
    at, gradient = valuation.exact_tangent(held)
    found = at - valuation.exact_value(kept(valuation, held))
    for good, (own, trade, marginal) in enumerate(zip(owned, net[:-1], gradient, strict=False)):
        others = [row for row in range(len(bids)) if row != player]
        bid, offered = (sum(exact(sent[others, good]), NOTHING) for sent in (bids, offers))
        if bid == 0 and offered == 0:
            continue
        if bid == 0 or offered == 0 or marginal is None:
            return None
        slope = marginal - bid * offered / (offered - trade) ** 2
        most = (owned[-1] * offered - (bid * own if everything else NOTHING)) / (owned[-1] + bid)
        found += max(slope * (most - trade), -slope * (trade + own), NOTHING)
    return found
