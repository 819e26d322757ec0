r"""What to send to trading posts: the trade one wants at the least cost, the best reply, and the equilibrium.

Against bids B and offers Q of the others, whoever wants z units of a good net (negative: sells) pays, however it splits
that into a bid and an offer,

.. math:: c(z) = \frac{B z}{Q - z}, \qquad z < Q,

so that the last unit costs :math:`B Q / (Q - z)^2` (Shapley and Shubik 1977, section 4). The cost is convex, so with
a concave quasi-linear utility the best reply solves one equation for each good, or one concave program. Sending
nothing on the other side needs the least money.

With prices and volume :math:`p, V` a trader who bids z p for z units in equilibrium has
:math:`v'(\omega + z)(1 - z/V) = p`, one who offers y units :math:`v'(\omega - y) = p (1 - y/V)`. Both shares of the
volume fall when V rises; the buyers' falls and the sellers' rises with p. So for every V one price makes the two sides'
shares equal, their common sum falls as V rises, and it is one at a single V: **among plays in which nobody both bids
and offers there is at most one equilibrium with trade at a post**, found by halving intervals twice. Where shares sum
to no more than one even at a vanishing volume, no trade is the only one; it always is an equilibrium. If everything
must be offered, a trader who ends with x units of S has :math:`v'(x)(S - x) = p (S - \omega)`, x falls with p, and
the equilibrium is unique if nobody owns the whole supply (who does earns what is bid, whatever it bids itself).

Money is a limit, :math:`z \le m / p` (or :math:`x \le m / p`), which changes none of this for one good. With several
goods it must not bind, or the equilibrium is not claimed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.comparison_markets.trading_posts import OWNED_TOLERANCE, Offering, PostRules
from marketgame.mechanisms.economies.valuation import ValuationBatch

# Halving an interval of numbers in [0, 1] or of logarithms of prices takes at most about so many steps.
HALVINGS = 90
# Exponents of two between which prices are looked for.
LEAST_EXPONENT, MOST_EXPONENT = -120.0, 120.0
# A supply of which a trader owns this share is wholly its own.
WHOLE = 1 - 1e-12
# Trade is looked for from this share of the supply on; shares of it sum to one up to this.
LEAST_VOLUME, SHARE_TOLERANCE = 2.0**-30, 1e-11
# The best trade in several goods that bear on each other is found coordinate by coordinate; so often at most.
MOST_SWEEPS = 400
# To whoever has spent all its money, money is worth at most two to this power times as much.
MOST_DOUBLINGS = 40.0


class NoPostEquilibriumError(UnansweredError, ArithmeticError):
    """The equilibrium of trading posts is not known: money binds for several goods, or goods bear on each other."""


@dataclass(frozen=True, eq=False)
class PostMessages:
    """What traders send to the posts.

    Attributes:
        bids: ``(..., N, G)``, numeraire.
        offers: ``(..., N, G)``, units.
    """

    bids: FloatArray
    offers: FloatArray

    def with_player(self, player: int, bids: FloatArray, offers: FloatArray) -> PostMessages:
        """Return the messages with one player's, ``(..., G)``, replaced."""
        own_bids, own_offers = self.bids.copy(), self.offers.copy()
        own_bids[..., player, :], own_offers[..., player, :] = bids, offers
        return PostMessages(own_bids, own_offers)


def crossing(falling: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray) -> FloatArray:
    """Return where functions that fall between the ends of intervals, ``(...)``, cross zero; the nearest end if not.

    Chandrupatla's method: interpolation where the function looks smooth, halving where it does not. What is returned is
    the end at which the function is last known not to be below zero, so that a jump is approached from the left.

    Source:
        Chandrupatla (1997), Advances in Engineering Software 28, 145-149.
    """
    with np.errstate(all="ignore"):
        a, b = low, high
        fa, fb = falling(a), falling(b)
        ends = np.where(fa <= 0, low, np.where(fb >= 0, high, np.nan))
        known = ~np.isnan(ends)
        c, fc, share, done = a, fa, np.full(np.shape(a), 0.5), known
        for _ in range(HALVINGS):
            middle = a + share * (b - a)
            fm = falling(middle)
            same = (fm >= 0) == (fa >= 0)
            # What is found stays as it is, so that nobody's answer depends on who else is asked.
            c, fc = np.where(done, c, np.where(same, a, b)), np.where(done, fc, np.where(same, fa, fb))
            b, fb = np.where(done | same, b, a), np.where(done | same, fb, fa)
            a, fa = np.where(done, a, middle), np.where(done, fa, fm)
            near = np.abs(b - a) <= 4 * np.finfo(np.float64).eps * np.maximum(np.abs(a), np.abs(b))
            done = done | near | (fa == 0)
            if done.all():
                break
            xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
            smooth = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
            guess = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
            edge = np.minimum(2 * np.finfo(np.float64).eps * np.abs(a) / np.abs(b - a), 0.5)
            share = np.where(smooth & np.isfinite(guess), np.clip(guess, edge, 1 - edge), 0.5)
        left = np.where((fa >= 0) & ((fb < 0) | (fa <= fb)), a, b)
    return np.where(known, ends, left)


def cost_of(net: FloatArray, others_bids: FloatArray, others_offers: FloatArray) -> FloatArray:
    """Return what net trades ``(...)`` cost, numeraire; infinite from what others offer on, and where nobody bids 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = others_bids * net / (others_offers - net)
    return np.where(net == 0, 0.0, np.where(net >= others_offers, np.inf, cost))


def messages_for(
    net: FloatArray,
    others_bids: FloatArray,
    others_offers: FloatArray,
    owned: FloatArray,
    offering: Offering = Offering.CHOSEN,
) -> tuple[FloatArray, FloatArray]:
    """Return the bids and offers, ``(..., G)`` each, that bring net trades ``(..., G)`` with the least money.

    Args:
        net: units wanted beyond what is owned; negative to sell; below what the others offer.
        others_bids: the sums of what the others bid, ``(..., G)``.
        others_offers: and offer.
        owned: units, ``(..., G)``.
        offering: whether everything is to be offered, and so bought back.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.where(net < others_offers, others_bids / (others_offers - net), 0.0)
    offers = owned if offering is Offering.EVERYTHING else np.clip(-net, 0, owned)
    held = np.maximum(net + offers, 0)
    # Whoever sells bids nothing, rounding apart.
    return np.where(held > OWNED_TOLERANCE * np.maximum(owned, np.abs(net)), price * held, 0.0), offers + 0.0 * net


def best_reply(
    traders: ValuationBatch,
    owned: FloatArray,
    others_bids: FloatArray,
    others_offers: FloatArray,
    offering: Offering = Offering.CHOSEN,
) -> FloatArray:
    r"""Return the net trades, ``(..., G)``, units, that are best against what the others send.

    They maximise :math:`v(\omega + z) - \sum_h c_h(z_h)` over :math:`z \ge -\omega` and what money allows. Where others
    offer but do not bid, everything they offer is had for next to nothing, and where they bid but do not offer a speck
    earns all they bid: no reply is best there, and none is looked for (no trade).

    Args:
        traders: who replies, ``(...)``.
        owned: by them, ``(..., L)``, units.
        others_bids: sums over the others, ``(..., G)``, numeraire.
        others_offers: likewise, units.
        offering: whether everything is to be offered.

    Source:
        Shapley and Shubik (1977), section 4.
    """
    goods_owned, money = owned[..., :-1], owned[..., -1:]
    open_post = (others_bids > 0) & (others_offers > 0)
    offered = np.where(open_post, others_offers, 1.0)
    bid = np.where(open_post, others_bids, 0.0)
    single = goods_owned.shape[-1] == 1
    low = np.where(open_post, -goods_owned, 0.0)
    # No more than money buys of a good alone: B (z + w) / (Q - z) = m, w what is offered anyhow.
    resold = goods_owned if offering is Offering.EVERYTHING else np.zeros_like(goods_owned)
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.where(open_post, (money * offered - bid * resold) / (money + bid), 0.0)
    most = np.maximum(np.where(np.isfinite(most), most, 0.0), low)
    net = np.clip(np.zeros_like(low), low, most)

    def advantage(good: int, worth: FloatArray, trial: FloatArray) -> FloatArray:
        at = np.concatenate((net[..., :good], trial[..., None], net[..., good + 1 :]), axis=-1)
        marginal = traders.supergradient(np.maximum(goods_owned + at, 0))[..., good]
        # Where nothing is left to buy, more costs infinitely much.
        last = bid[..., good] * offered[..., good] / (offered[..., good] - trial) ** 2
        return np.asarray(marginal - worth * last)

    def swept(worth: FloatArray) -> FloatArray:
        nonlocal net
        for _ in range(1 if single else MOST_SWEEPS):
            before = net
            for good in range(net.shape[-1]):
                one = crossing(partial(advantage, good, worth), low[..., good], most[..., good])
                net = np.concatenate((net[..., :good], one[..., None], net[..., good + 1 :]), axis=-1)
            if (np.abs(net - before) <= 1e-13 * (goods_owned + offered)).all():
                break
        return net

    found = swept(np.ones(net.shape[:-1]))
    if single:
        return found
    spent = messages_for(found, bid, offered, goods_owned, offering)[0].sum(axis=-1)
    if (spent <= money[..., 0] * (1 + OWNED_TOLERANCE)).all():
        return found
    # Money is worth more than one to whoever has spent all of it: what it buys falls as its worth rises.
    broke = spent > money[..., 0]

    def overspent(doublings: FloatArray) -> FloatArray:
        worth = np.where(broke, np.exp2(doublings), 1.0)
        return np.asarray(
            messages_for(swept(worth), bid, offered, goods_owned, offering)[0].sum(axis=-1) - money[..., 0]
        )

    doublings = crossing(overspent, np.zeros(spent.shape), np.full(spent.shape, MOST_DOUBLINGS))
    return swept(np.where(broke, np.exp2(doublings) * (1 + 1e-12), 1.0))


def post_equilibrium(traders: ValuationBatch, endowments: FloatArray, rules: PostRules | None = None) -> PostMessages:
    """Return the equilibrium messages with trade in which nobody both bids and offers, no trade where there is none.

    If everything must be offered, the only equilibrium; nothing is bid for a good that one trader owns wholly.

    Args:
        traders: valuations, ``(..., N)``, each good valued by itself.
        endowments: ``(..., N, L)``, units.
        rules: of the posts.

    Raises:
        NoPostEquilibriumError: goods bear on each other, or money binds for several goods.

    Source:
        Shapley and Shubik (1977), section 4; Dubey and Shubik (1978), where equilibria with trade are studied; the
        proof that there is one is ours and in this module's docstring.
    """
    rules = PostRules() if rules is None else rules
    if not all(part.separable for part, _ in traders.parts):
        raise NoPostEquilibriumError("the equilibrium of trading posts is only known where goods are valued one by one")
    owned, money = endowments[..., :-1], endowments[..., -1:]
    solve = _all_offered if rules.offering is Offering.EVERYTHING else _chosen_offers
    messages = solve(traders, owned, money)
    if owned.shape[-1] > 1 and (messages.bids.sum(axis=-1) > endowments[..., -1]).any():
        raise NoPostEquilibriumError("somebody's money does not cover its bids for all goods together")
    return messages


def _shares(
    traders: ValuationBatch, owned: FloatArray, money: FloatArray, price: FloatArray, volume: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return which shares of the volume each trader buys and sells, ``(..., N, G)`` each, at a price and a volume."""
    p, v = price[..., None, :], volume[..., None, :]

    def for_another(share: FloatArray) -> FloatArray:
        return np.asarray(traders.supergradient(owned + share * v) * (1 - share) - p)

    def for_this(share: FloatArray) -> FloatArray:
        return np.asarray(p * (1 - share) - traders.supergradient(np.maximum(owned - share * v, 0)))

    nothing = np.zeros(np.broadcast_shapes(owned.shape, p.shape))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        payable = np.clip(money / (p * v), 0, 1)
        sellable = np.where(v > 0, np.clip(owned / v, 0, 1), 0.0)
    return crossing(for_another, nothing, payable + nothing), crossing(for_this, nothing, sellable + nothing)


def _chosen_offers(traders: ValuationBatch, owned: FloatArray, money: FloatArray) -> PostMessages:
    supply = owned.sum(axis=-2)
    at_home = np.clip(traders.supergradient(owned), np.exp2(LEAST_EXPONENT), np.exp2(MOST_EXPONENT))
    ends = (np.log2(at_home.min(axis=-2)), np.log2(at_home.max(axis=-2)))

    def balanced(volume: FloatArray) -> FloatArray:
        """Return the price, ``(..., G)``, at which both sides' shares of a volume are the same."""

        def excess(logarithm: FloatArray) -> FloatArray:
            bought, sold = _shares(traders, owned, money, np.exp2(logarithm), volume)
            return np.asarray(bought.sum(axis=-2) - sold.sum(axis=-2))

        return np.exp2(crossing(excess, *ends))

    def over(volume: FloatArray) -> FloatArray:
        bought, sold = _shares(traders, owned, money, balanced(volume), volume)
        return np.asarray(np.minimum(bought.sum(axis=-2), sold.sum(axis=-2)) - 1)

    least = supply * LEAST_VOLUME
    trades = (over(least) >= -SHARE_TOLERANCE)[..., None, :]
    volume = crossing(lambda v: over(v) + SHARE_TOLERANCE, least, supply)
    price = balanced(volume)
    bought, sold = _shares(traders, owned, money, price, volume)
    bids = np.where(trades, bought * (price * volume)[..., None, :], 0.0)
    offers = np.where(trades, np.minimum(sold * volume[..., None, :], owned), 0.0)
    return PostMessages(bids, offers)


def _all_offered(traders: ValuationBatch, owned: FloatArray, money: FloatArray) -> PostMessages:
    supply = owned.sum(axis=-2)
    whole = supply[..., None, :] + 0.0 * owned
    monopoly = (owned >= WHOLE * whole).any(axis=-2)
    least, most = np.full(supply.shape, LEAST_EXPONENT), np.full(supply.shape, MOST_EXPONENT)

    def wanted(price: FloatArray) -> FloatArray:
        p = price[..., None, :]

        def worth_more(x: FloatArray) -> FloatArray:
            # Whoever wants the whole supply at its margin's last value bids without bound: just less than all is had.
            return np.asarray(traders.supergradient(x) * (whole - x) - p * (whole - owned))

        return crossing(worth_more, np.zeros_like(whole), np.minimum(whole, money / p))

    def excess(logarithm: FloatArray) -> FloatArray:
        return np.asarray(wanted(np.exp2(logarithm)).sum(axis=-2) - supply)

    price = np.exp2(crossing(excess, least, most))
    bids = np.where(monopoly[..., None, :], 0.0, wanted(price) * price[..., None, :])
    return PostMessages(bids, owned)


def competitive_messages(
    bundles: FloatArray, price: FloatArray, endowments: FloatArray, rules: PostRules
) -> PostMessages:
    """Return the messages that hand out bundles at a price if everybody sends them: price takers' bids and offers.

    Args:
        bundles: of the goods beside the numeraire, ``(..., N, G)``, units; their sums are what is owned.
        price: ``(..., G)``, numeraire per unit.
        endowments: ``(..., N, L)``, units.
        rules: of the posts.

    Returns:
        Bids and offers. Bids may cost more money than is owned; it is for the caller to ask.
    """
    owned = endowments[..., :-1]
    offers = owned + 0.0 * bundles if rules.offering is Offering.EVERYTHING else np.maximum(owned - bundles, 0)
    return PostMessages(np.maximum(bundles - owned + offers, 0) * price[..., None, :], offers)
