r"""The most that one player gains at trading posts by a report, true or not, and then bids and offers of its own.

It hears what it is told to send, which may tell it what the others reported, and therefore what they send. Against
known messages its best reply is one concave program (`post_replies`), whose value is bounded from what its first-order
conditions leave: that is the bound where it knows all. Where several profiles come with the same advice it can send
only one message, so what it gains is found among the best replies to each of them.

Where the others offer a good and nobody else bids, all of it is had for next to nothing; where they bid and nobody else
offers, a speck earns all they bid. Nothing is best there; `SPECK` of what is there comes as close as is tried, and the
bound counts all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.comparison_markets.compared_market import (
    ComparedMarket,
    can_report,
    gains_of_rows,
    told_messages,
)
from marketgame.mechanisms.comparison_markets.post_replies import PostMessages, best_reply, cost_of, messages_for
from marketgame.mechanisms.comparison_markets.trading_posts import Offering, PostRules, settle_posts
from marketgame.mechanisms.economies.economy import Economy

# The share of what is there for nothing that is paid for it.
SPECK = 1e-6
# Replies are tried against each of at most so many profiles that come with the same advice.
MOST_TRIED = 64


@dataclass(frozen=True, eq=False)
class PostDeviation:
    """What a player of a type sends after a report, and what that brings over truth and obedience.

    Attributes:
        player: who deviates.
        true_type: its type.
        reported_type: what it reports.
        profiles: numbers of the true profiles that it thinks possible, ``(K,)``.
        bids: what it sends in each, ``(K, G)``, numeraire.
        offers: likewise, units.
        gain: what it expects to gain, numeraire.
        bound: which nothing that it could send after this report exceeds, numeraire.
    """

    player: int
    true_type: int
    reported_type: int
    profiles: IntegerArray
    bids: FloatArray
    offers: FloatArray
    gain: float
    bound: float


@dataclass(frozen=True, eq=False)
class ToldPosts:
    """Trading posts, and what everybody is told to send after every profile of reports."""

    economy: Economy
    market: ComparedMarket
    told: PostMessages

    @classmethod
    def of(cls, economy: Economy, market: ComparedMarket) -> ToldPosts:
        """Return the posts of an economy.

        Raises:
            ValueError: somebody does not own what it is told to send, or the market has no posts.
            NoPostEquilibriumError: the equilibrium is not known.
        """
        return cls(economy, market, told_messages(economy, market, economy.profiles))

    @property
    def rules(self) -> PostRules:
        """Of the posts."""
        rules = self.market.post_rules
        assert rules is not None
        return rules

    def replies(self, player: int, *, lies: bool) -> list[PostDeviation]:
        """Return the best that each type of a player sends after the truth, or after every report that it can make."""
        economy, found = self.economy, list[PostDeviation]()
        allowed = can_report(economy, player)
        for true_type, may in enumerate(allowed):
            known = np.flatnonzero(economy.profiles[:, player] == true_type)
            chance = economy.prior.probability[known]
            if chance.sum() <= 0:
                continue
            known, chance = known[chance > 0], chance[chance > 0] / chance.sum()
            reports = np.flatnonzero(may).tolist() if lies else [true_type]
            found += [self._reply(player, true_type, report, known, chance) for report in reports]
        return found

    def _reply(
        self, player: int, true_type: int, report: int, known: IntegerArray, chance: FloatArray
    ) -> PostDeviation:
        economy, rules = self.economy, self.rules
        reports = economy.profiles[known].copy()
        reports[:, player] = report
        numbers = np.ravel_multi_index(tuple(reports.T), economy.prior.type_counts)
        told = PostMessages(self.told.bids[numbers], self.told.offers[numbers])
        row = economy.rows(economy.profiles[known])[:, player]
        owned = economy.endowment_table[row]
        at_first = self._gains(player, row, self.told.bids[known], self.told.offers[known], owned)
        bid = told.bids.sum(axis=1) - told.bids[:, player]
        offered = told.offers.sum(axis=1) - told.offers[:, player]
        traders = economy.valuations.select(row)
        net = best_reply(traders, owned, bid, offered, rules.offering)
        bids, offers = messages_for(net, bid, offered, owned[:, :-1], rules.offering)
        bids, offers = self._with_specks(bids, offers, bid, offered, owned)
        bound = self._bound(row, net, bid, offered, owned)
        # Whoever hears the same can only send the same.
        heard = np.concatenate((told.bids[:, player], told.offers[:, player]), axis=-1)
        groups = np.unique(heard, axis=0, return_inverse=True)[1].reshape(-1)
        for group in range(int(groups.max()) + 1):
            among = np.flatnonzero(groups == group)
            tried = [(bids[among], offers[among])] if among.size == 1 else []
            if among.size > 1:
                spread = np.zeros((among.size, 1))
                chosen = among[np.unique(np.linspace(0, among.size - 1, min(MOST_TRIED, among.size)).astype(int))]
                tried = [(bids[one] + spread, offers[one] + spread) for one in chosen]
            tried.append((told.bids[among, player], told.offers[among, player]))
            values = [self._worth(told, player, row, owned, among, chance, one) for one in tried]
            bids[among], offers[among] = tried[int(np.argmax(values))]
        after = self._gains(player, row, *self._sent(told, player, bids, offers), owned)
        return PostDeviation(
            player,
            true_type,
            report,
            known,
            bids,
            offers,
            float(chance @ (after - at_first)),
            float(chance @ (bound - at_first)),
        )

    def _worth(
        self,
        told: PostMessages,
        player: int,
        row: IntegerArray,
        owned: FloatArray,
        among: IntegerArray,
        chance: FloatArray,
        sent: tuple[FloatArray, FloatArray],
    ) -> float:
        part = PostMessages(told.bids[among], told.offers[among])
        return float(chance[among] @ self._gains(player, row[among], *self._sent(part, player, *sent), owned[among]))

    def _sent(
        self, told: PostMessages, player: int, bids: FloatArray, offers: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        sent = told.with_player(player, bids, offers)
        return sent.bids, sent.offers

    def _gains(
        self, player: int, row: IntegerArray, bids: FloatArray, offers: FloatArray, owned: FloatArray
    ) -> FloatArray:
        """Return what the player of types at rows ``(K,)`` gains over home, ``(K,)``, if ``(K, N, G)`` is sent."""
        # What others own does not matter: they send no more than that.
        everybody = np.concatenate((offers, bids.sum(axis=-1, keepdims=True)), axis=-1)
        everybody[:, player] = owned
        net = settle_posts(bids, np.minimum(offers, everybody[..., :-1]), everybody, self.rules).net_trades
        return gains_of_rows(self.economy, row, net[:, player])

    def _with_specks(
        self, bids: FloatArray, offers: FloatArray, bid: FloatArray, offered: FloatArray, owned: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return messages that also take what is there for next to nothing."""
        free = (bid <= 0) & (offered > 0) & (owned[:, -1:] > 0)
        sole = (bid > 0) & (offered <= 0) & (owned[:, :-1] > 0)
        left = np.maximum(owned[:, -1:] - bids.sum(axis=-1, keepdims=True), 0)
        bids = np.where(free, np.minimum(SPECK * owned[:, -1:], left / bids.shape[-1]), bids)
        return bids, np.where(sole & (offers <= 0), SPECK * owned[:, :-1], offers)

    def _bound(
        self, row: IntegerArray, net: FloatArray, bid: FloatArray, offered: FloatArray, owned: FloatArray
    ) -> FloatArray:
        """Return what no message of types at rows ``(K,)`` gains beyond, ``(K,)``, the others' being known.

        Utility over net trades is concave. So it exceeds that of the reply by no more than its slope there, times how
        far trades may go.
        """
        traders = self.economy.valuations.select(row)
        open_post = (bid > 0) & (offered > 0)
        goods, money = owned[:, :-1], owned[:, -1:]
        resold = goods if self.rules.offering is Offering.EVERYTHING else np.zeros_like(goods)
        with np.errstate(divide="ignore", invalid="ignore"):
            last = np.where(open_post, bid * offered / (offered - net) ** 2, 0.0)
            most = np.where(open_post, (money * offered - bid * resold) / (money + bid), 0.0)
            slope = traders.supergradient(np.maximum(goods + net, 0)) - last
            up = np.where(open_post & (most > net), np.maximum(slope, 0) * (most - net), 0.0)
            down = np.where(open_post & (net > -goods), np.maximum(-slope, 0) * (net + goods), 0.0)
        cost = np.where(open_post, cost_of(net, bid, offered), 0.0).sum(axis=-1, keepdims=True)
        bound = gains_of_rows(self.economy, row, np.concatenate((net, -cost), axis=-1)) + (up + down).sum(axis=-1)
        free = np.where(bid <= 0, offered, 0.0)
        if free.any():
            start = np.maximum(goods + net, 0)
            bound = bound + np.maximum(traders.indirect_gain(start, np.zeros_like(start), start + free), 0)
        return np.asarray(bound + np.where((offered <= 0) & (goods > 0), bid, 0.0).sum(axis=-1))
