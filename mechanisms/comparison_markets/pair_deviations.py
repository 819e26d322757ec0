"""Two players who agree at trading posts on what to bid and offer: a search, which proves nothing where it fails.

They know their own types and what they are told to send, and change their messages where they hear one of the things
that they may hear; elsewhere they obey. From what they are told, and from messages by which one buys and the other
sells, their joint gain is climbed by a quasi-Newton method within what they own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import combinations, product

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket, gains_from
from marketgame.mechanisms.comparison_markets.post_deviations import ToldPosts
from marketgame.mechanisms.comparison_markets.post_replies import PostMessages
from marketgame.mechanisms.comparison_markets.trading_posts import Offering, settle_posts
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.linear_program.deadline import Deadline

# Pairs are searched in the order of the players, at most so many of them.
MOST_PAIRS = 12
# Shares of what is owned that are sent at first by the two, when one buys and the other sells.
OPENINGS = (0.1, 0.5)
# Steps of a climb.
MOST_STEPS = 60


@dataclass(frozen=True, eq=False)
class PairDeviation:
    """What two players send, and gain together over obeying.

    Attributes:
        coalition: the two.
        types: their types.
        bids: ``(K, 2, G)``, numeraire, by the profiles that can occur with their types.
        offers: likewise, units.
        gain: in sum, numeraire.
    """

    coalition: tuple[int, int]
    types: tuple[int, int]
    bids: FloatArray
    offers: FloatArray
    gain: float


def best_pair(
    economy: Economy, market: ComparedMarket, deadline: Deadline, enough: float = np.inf
) -> PairDeviation | None:
    """Return the first pair found that gains enough, numeraire, else the best of those that were looked at.

    Returns:
        The pair; none if there was no time.

    Raises:
        ValueError: the market has no posts.
        NoPostEquilibriumError: it is not known what is to be sent.
    """
    posts = ToldPosts.of(economy, market)
    best: PairDeviation | None = None
    for pair in list(combinations(range(len(economy.players)), 2))[:MOST_PAIRS]:
        if deadline.passed:
            break
        found = _climbed(posts, (pair[0], pair[1]), enough)
        if found is not None and (best is None or found.gain > best.gain):
            best = found
        if best is not None and best.gain > enough:
            break
    return best


def _climbed(posts: ToldPosts, pair: tuple[int, int], enough: float) -> PairDeviation | None:
    """Return what a pair gains at the most likely thing that it may hear of its likeliest types."""
    economy, members = posts.economy, list(pair)
    likely = int(np.argmax(economy.prior.probability))
    types = economy.profiles[likely, members]
    known = np.flatnonzero((economy.profiles[:, members] == types).all(axis=1) & (economy.prior.probability > 0))
    told = PostMessages(posts.told.bids[known], posts.told.offers[known])
    heard = np.concatenate((told.bids[:, members], told.offers[:, members]), axis=-1).reshape(len(known), -1)
    here = np.flatnonzero((heard == heard[int(np.flatnonzero(known == likely)[0])]).all(axis=1))
    chance = economy.prior.probability[known]
    owned = economy.endowments(economy.profiles[known[here]])[0, members]
    part = PostMessages(told.bids[here], told.offers[here])
    profiles = economy.profiles[known[here]]
    weights = chance[here] / chance.sum()
    goods = owned.shape[-1] - 1
    fixed = posts.rules.offering is Offering.EVERYTHING

    def sent(share: FloatArray) -> tuple[FloatArray, FloatArray]:
        bids, offers = share.reshape(2, 2, goods)
        spent = bids.sum(axis=-1, keepdims=True)
        bids = bids / np.maximum(spent, 1.0) * owned[:, -1:]
        return bids, owned[:, :-1] + 0.0 if fixed else offers * owned[:, :-1]

    def gained(share: FloatArray) -> float:
        bids, offers = part.bids.copy(), part.offers.copy()
        bids[:, members], offers[:, members] = sent(share)
        net = settle_posts(bids, offers, economy.endowments(profiles), posts.rules).net_trades
        return float(weights @ gains_from(economy, profiles, net)[:, members].sum(axis=-1))

    at_first = settle_posts(part.bids, part.offers, economy.endowments(profiles), posts.rules).net_trades
    obeyed = float(weights @ gains_from(economy, profiles, at_first)[:, members].sum(axis=-1))
    best, value = None, -np.inf
    for start in _starts(part, members, owned):
        if value - obeyed > enough:
            break
        found = import_module("scipy.optimize").minimize(
            lambda share: -gained(np.clip(share, 0, 1)),
            start,
            method="L-BFGS-B",
            bounds=[(0.0, 1.0)] * start.size,
            options={"maxiter": MOST_STEPS},
        )
        for share in (start, np.clip(found.x, 0, 1)):
            if (worth := gained(share)) > value:
                best, value = share, worth
    if best is None:
        return None
    bids, offers = told.bids[:, members].copy(), told.offers[:, members].copy()
    bids[here], offers[here] = sent(best)
    return PairDeviation(pair, (int(types[0]), int(types[1])), bids, offers, value - obeyed)


def _starts(told: PostMessages, members: Sequence[int], owned: FloatArray) -> list[FloatArray]:
    """Return shares of what is owned, ``(bids and offers of two members, flat)``, from which climbs start."""
    with np.errstate(divide="ignore", invalid="ignore"):
        bids = np.nan_to_num(told.bids[0, members] / owned[:, -1:], posinf=0.0)
        offers = np.nan_to_num(told.offers[0, members] / owned[:, :-1], posinf=0.0)
    starts = [np.clip(np.concatenate((bids.reshape(-1), offers.reshape(-1))), 0, 1)]
    goods = owned.shape[-1] - 1
    for (buyer, seller), size in product(((0, 1), (1, 0)), OPENINGS):
        share = np.zeros((2, 2, goods))
        share[0, buyer], share[1, seller] = size / goods, size
        starts.append(share.reshape(-1))
    return starts
