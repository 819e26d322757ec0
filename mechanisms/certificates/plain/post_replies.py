r"""What one player gains at trading posts by messages of its own, the others' being known: bounded in rational numbers.

Against bids B and offers Q of the others a net purchase x of a good costs :math:`c(x) = B x / (Q - x)`, which is convex
for x < Q, and earns what is sold where x is negative. Utility is concave in the net purchases, so that it exceeds that
of a proposed reply by no more than its slope there, good by good, times how far a purchase may go: no more than all
that is owned is sold, and nobody bids more money than it has. Where nobody else bids, all that is offered is had for
next to nothing; where nobody else offers, all that is bid is.

A player may know more than it is told here, and still gains no more; that is a bound in expectation, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from marketgame.mechanisms.certificates.plain.compared import Ends, truthful_ends
from marketgame.mechanisms.certificates.plain.contract import UNLIMITED
from marketgame.mechanisms.certificates.plain.instance import Checked, Instance, within
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.comparison_markets.compared_market import can_report, told_messages
from marketgame.mechanisms.comparison_markets.post_replies import PostMessages, best_reply
from marketgame.mechanisms.comparison_markets.trading_posts import Offering
from marketgame.mechanisms.economies.economy import PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.stakes import stakes_by_type
from marketgame.mechanisms.linear_program.deadline import Deadline


def no_message_pays(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check that after the truth no player gains by any messages to trading posts."""
    yield from _no_message_pays(instance, deadline, lies=False)


def no_report_and_message_pays(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check that after no report, true or not, a player gains by any messages to trading posts."""
    yield from _no_message_pays(instance, deadline, lies=True)


def _no_message_pays(instance: Instance, deadline: Deadline, *, lies: bool) -> Iterator[Checked]:
    economy, market = instance.economy, instance.market_given
    posts = market.post_rules is not None
    yield Checked("market", market.value, posts)
    if not posts:
        return
    ends = truthful_ends(economy, market)
    told = told_messages(economy, market, economy.profiles)
    stakes = stakes_by_type(economy, efficient_allocation(economy))
    chances, amounts = exact(economy.prior.probability), list[tuple[Fraction, Fraction]]()
    for player in range(len(economy.players)):
        for kind, may in enumerate(can_report(economy, player)):
            known = [
                number
                for number, profile in enumerate(economy.profiles.tolist())
                if profile[player] == kind and chances[number] > 0
            ]
            likely = sum((chances[number] for number in known), NOTHING)
            for report in np.flatnonzero(may).tolist() if lies else [kind]:
                if not known:
                    continue
                deadline.check()
                facing = _Facing(ends, told, player, kind, report)
                gains = (chances[number] * facing.most(number) for number in known)
                stake = Fraction(float(stakes[economy.first_rows[player] + kind]))
                amounts.append((sum(gains, NOTHING) / likely, stake))
    found = f"after each of {len(amounts)} reports, of whatever type" if lies else f"of each of {len(amounts)} types"
    yield within("no messages gain anything", found, amounts)


@dataclass(frozen=True, eq=False)
class _Facing:
    """What a type faces after a report."""

    ends: Ends
    told: PostMessages
    player: int
    kind: int
    report: int

    @property
    def own(self) -> PlayerType:
        """What it is."""
        return self.ends.economy.players[self.player].types[self.kind]

    def most(self, number: int) -> Fraction:
        """Return what no messages gain beyond truth and obedience in a profile, numeraire."""
        economy, own = self.ends.economy, self.own
        reports = economy.profiles[number].copy()
        reports[self.player] = self.report
        heard = int(economy.prior.profile_numbers(reports))
        others = [other for other in range(len(economy.players)) if other != self.player]
        bids, offers = (
            [sum(exact(sent[heard][others, good]), NOTHING) for good in range(len(economy.goods) - 1)]
            for sent in (self.told.bids, self.told.offers)
        )
        proposed = self._proposed(number, bids, offers)
        goods, money = exact(own.endowment[:-1]), Fraction(float(own.endowment[-1]))
        rules = self.ends.market.post_rules
        assert rules is not None
        ranges, near, paid = [], [], NOTHING
        for good, (bid, offer) in enumerate(zip(bids, offers, strict=True)):
            if bid > 0 and offer > 0:
                resold = goods[good] if rules.offering is Offering.EVERYTHING else NOTHING
                least, most = -goods[good], (money * offer - bid * resold) / (money + bid)
                at = min(max(proposed[good], least), most)
                paid += bid * at / (offer - at)
                ranges.append((least, most, bid * offer / (offer - at) ** 2))
            elif offer > 0:
                at = min(max(proposed[good], NOTHING), offer)
                ranges.append((NOTHING, offer, NOTHING))
            else:
                at = NOTHING
                # Whoever offers next to nothing there may earn all that is bid, and keep the rest.
                paid -= bid if goods[good] > 0 else NOTHING
                ranges.append((-goods[good] if bid > 0 else NOTHING, NOTHING, NOTHING))
            near.append(at)
        worth, gradient = own.valuation.exact_tangent([has + at for has, at in zip(goods, near, strict=True)])
        gained = worth - own.valuation.exact_value(goods) - paid
        for at, marginal, (least, most, cost) in zip(near, gradient, ranges, strict=True):
            if marginal is None:
                gained += UNLIMITED if most > at else NOTHING
                continue
            slope = marginal - cost
            gained += max(slope * (most - at), slope * (least - at), NOTHING)
        return gained - self.ends.enjoyed(self.player, self.kind, number)

    def _proposed(self, number: int, bids: list[Fraction], offers: list[Fraction]) -> list[Fraction]:
        """Return net purchases near the best, wherever they come from."""
        economy = self.ends.economy
        rules = self.ends.market.post_rules
        assert rules is not None
        row = economy.rows(economy.profiles[number])[self.player][None]
        bid, offered = (np.array([[float(one) for one in sent]]) for sent in (bids, offers))
        owned = economy.endowment_table[row]
        net = best_reply(economy.valuations.select(row), owned, bid, offered, rules.offering)[0]
        with np.errstate(all="ignore"):
            free = economy.valuations.select(row).demand(np.zeros_like(net)[None])[0] - owned[0, :-1]
        chosen = np.where(bid[0] > 0, net, np.where(np.isfinite(free), free, offered[0]))
        return exact(np.nan_to_num(chosen))
