r"""Two players who agree at trading posts on messages that neither would change alone: an agreement that is kept.

Whoever bids and offers at the same post pays for its net trade what it would pay without doing so, but it makes the
post *thick*: against bids B and offers Q the last unit costs :math:`B Q / (Q - z)^2`, which is nearer to the price the
more of both there is. So the members offer all they own of a good, or a share of it, and bid to have what they want;
then each wants nearly what it would want at the price. A bid that is the best reply to the other's, both ways, is an
equilibrium between the two, the others sending what they are told: no part of the coalition breaks it. It is found by
replying in turn. That nothing is found proves nothing.

Searched are members whose types are known, and who know what the others send.

Source: Shapley and Shubik (1977) for costs; Dubey and Shubik (1978), where both sides of a post may be used at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket, gains_of_rows
from marketgame.mechanisms.comparison_markets.pair_deviations import PairDeviation
from marketgame.mechanisms.comparison_markets.post_deviations import ToldPosts
from marketgame.mechanisms.comparison_markets.post_replies import best_reply
from marketgame.mechanisms.comparison_markets.trading_posts import Offering, settle_posts
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.linear_program.deadline import Deadline

# Pairs are searched in the order of the players, at most so many of them.
MOST_PAIRS = 66
# Which shares of what they own members offer; everything where the rules say so.
THICKNESS = (1.0, 0.5, 0.1)
# So often each replies to the other, until net trades move by no more than this share of what there is.
MOST_REPLIES, SETTLED = 400, 1e-13
# What is bid for at first by whoever offers nothing, as a share of what there is.
LITTLE = 1e-3


@dataclass(frozen=True, eq=False)
class KeptAgreement(PairDeviation):
    """What two players send, which neither would change alone.

    Attributes:
        gains: of each, over obeying, ``(2,)``, numeraire.
    """

    gains: FloatArray


def can_be_searched(economy: Economy) -> bool:
    """Say whether everybody's type is known, so that what the others send is, too."""
    return economy.prior.size == 1


def best_kept_agreement(
    economy: Economy, market: ComparedMarket, deadline: Deadline, enough: float = np.inf
) -> KeptAgreement | None:
    """Return the first agreement found that gains enough, numeraire, else the best; none if there is none or no time.

    Raises:
        ValueError: the market has no posts, or types are not known.
        NoPostEquilibriumError: it is not known what is to be sent.
    """
    if not can_be_searched(economy):
        raise ValueError("agreements that are kept are only searched where types are known")
    posts, best = ToldPosts.of(economy, market), None
    pairs = np.array(list(combinations(range(len(economy.players)), 2))[:MOST_PAIRS], dtype=np.int64).reshape(-1, 2)
    for share in (1.0,) if posts.rules.offering is Offering.EVERYTHING else THICKNESS:
        if deadline.passed or (best is not None and best.gain > enough):
            break
        found = _agreed(posts, pairs, share, deadline)
        if found is not None and (best is None or found.gain > best.gain):
            best = found
    return best


def _agreed(posts: ToldPosts, pairs: IntegerArray, share: float, deadline: Deadline) -> KeptAgreement | None:
    """Return what a pair sends whose members offer a share of what they own, the pair that gains most if both gain."""
    economy, profile, every = posts.economy, posts.economy.profiles[0], np.arange(len(pairs))
    rows, owned = economy.rows(profile), economy.endowments(profile)
    goods, supply = owned[:, :-1], owned[:, :-1].sum(axis=0)
    bids = np.repeat(posts.told.bids, len(pairs), axis=0)
    offers = np.repeat(posts.told.offers, len(pairs), axis=0)
    traders = [economy.valuations.select(rows[members]) for members in pairs.T]
    for members, trader in zip(pairs.T, traders, strict=True):
        offers[every, members] = share * goods[members]
        # At first both bid as if the good were worth to them what their last unit is, at most half their money.
        worth = np.minimum(trader.supergradient(goods[members]), owned[members, -1:])
        first = worth * np.maximum(share * goods[members], LITTLE * supply)
        spent = first.sum(axis=-1, keepdims=True)
        bids[every, members] = first * np.minimum(1.0, 0.5 * owned[members, -1:] / np.where(spent > 0, spent, 1))
    net, settled = np.zeros((2, len(pairs), goods.shape[-1])), np.zeros(len(pairs), dtype=bool)
    for _ in range(MOST_REPLIES):
        before = net.copy()
        for place, (members, trader) in enumerate(zip(pairs.T, traders, strict=True)):
            bid = bids.sum(axis=1) - bids[every, members]
            offered = offers.sum(axis=1) - offers[every, members]
            net[place] = best_reply(trader, owned[members], bid, offered, posts.rules.offering)
            wanted = np.maximum(net[place], -offers[every, members])
            open_post = (offered > wanted) & (bid > 0)
            held = np.where(open_post, wanted + offers[every, members], 0)
            bids[every, members] = bid * held / np.where(open_post, offered - wanted, 1)
        settled = (np.abs(net - before) <= SETTLED * supply).all(axis=(0, -1))
        if deadline.passed or settled.all():
            break
    # Where somebody cannot pay, or they have not come to terms, all do as they are told.
    payable = settled & (bids[every[:, None], pairs].sum(axis=-1) <= owned[pairs, -1]).all(axis=-1)
    bids, offers = (
        np.where(payable[:, None, None], sent, told)
        for sent, told in ((bids, posts.told.bids), (offers, posts.told.offers))
    )
    ended = settle_posts(bids, np.minimum(offers, goods), np.repeat(owned[None], len(pairs), axis=0), posts.rules)
    told = settle_posts(posts.told.bids, posts.told.offers, owned[None], posts.rules)
    wide = np.repeat(rows[None], len(pairs), axis=0)
    gains = gains_of_rows(economy, wide, ended.net_trades) - gains_of_rows(economy, rows[None], told.net_trades)
    own = gains[every[:, None], pairs]
    worth = np.where(payable & (own.min(axis=-1) >= 0), own.sum(axis=-1), -np.inf)
    best = int(np.argmax(worth))
    if not np.isfinite(worth[best]):
        return None
    members = pairs[best]
    return KeptAgreement(
        (int(members[0]), int(members[1])),
        (int(profile[members[0]]), int(profile[members[1]])),
        bids[best, members][None],
        offers[best, members][None],
        float(worth[best]),
        own[best],
    )
