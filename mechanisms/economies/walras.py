r"""Walrasian equilibria of players who cannot spend money they do not own.

At prices :math:`p \ge 0`, the numeraire's being 1, player i demands the bundle that maximises
:math:`v_i(q) - p \cdot q` over :math:`q \ge 0` with :math:`p \cdot q \le p \cdot \omega_i + \omega_i^L`: what is
left of the numeraire is never negative. Prices at which demand fits the supply, and falls short of it only for goods
that cost nothing, are an equilibrium. Where everybody's money covers the efficient allocation at its supporting price
this is the textbook's equilibrium; where it does not, an equilibrium may still exist,

* at the efficient allocation, at lower prices. With :math:`1/a_i \ge 1` what money is worth to player i, prices support
  an allocation if :math:`a_i \nabla v_i(x_i) \le p`, with equality for the goods it holds, and whoever values money at
  more than one has none left. Players who share a good have one :math:`a`, the goods they hold cost :math:`a` times
  what they would cost if all could pay, and who must pay with its last money follows from linear equations;
* at another allocation, whose welfare is lower. For one good demand within a budget falls with the price, so the
  equilibrium is found by halving intervals, or proven not to exist. For several goods excess demand is solved from
  several starts; an answer counts only when demands recomputed at its prices clear every market.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from importlib import import_module

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation
from marketgame.mechanisms.economies.valuation import ValuationBatch

# Money owed that is below this share of what is paid is rounding of the sum of payments.
DEBT_TOLERANCE = 1e-12
# Relative differences of prices and marginal values below this are those of an allocation proven only so far.
SUPPORT_TOLERANCE = 1e-7
# Prices further apart than this share are not one price, however they are rounded and supported.
DOUBT = 1e-6
# The goods of an economy in which only one is not the numeraire.
ONE_GOOD = 2
# Excess demand below this share of the supply is none: prices are found to the rounding of sums of demands.
CLEARING_TOLERANCE = 1e-9
# Sums of demands are rounded by less than this share of the supply.
ROUNDING = 64 * np.finfo(np.float64).eps
# Halving an interval of floating-point numbers takes at most as many steps as they have bits, exponent included.
MOST_HALVINGS = 128
# Of one good no price is looked for below this share of its highest.
LOWEST_SHARE = 2.0**-200
# A price this little below another one shows what would be demanded just short of it.
JUST_BELOW = 1 - 1e-12
# The shares of the efficient price from which the search for the prices of several goods starts, and after how many
# profiles without success it is given up.
STARTS = (1.0, 0.5, 0.1, 0.01)
MOST_FAILURES = 8


class Equilibrium(Enum):
    """What is known of the equilibrium at a type profile; the value says it in words."""

    EFFICIENT = "the efficient allocation is an equilibrium in which everybody can pay"
    POOR = "what players can pay keeps the equilibrium from the efficient allocation"
    NONE = "at some types no prices clear the market unless somebody ends in debt"
    NOT_FOUND = (
        "at some types the efficient allocation is no equilibrium unless somebody ends in debt, "
        "and no other equilibrium was found"
    )


@dataclass(frozen=True, eq=False)
class WalrasianEquilibrium:
    """The equilibrium from the players' own endowments at every type profile, types being known.

    Attributes:
        kind: what is known at each profile, P entries.
        bundles: of the goods other than the numeraire, ``(P, N, G)``, units; not numbers where nothing is known.
        price: of all goods, the numeraire last, ``(P, L)``; likewise.
        payments: what each player receives for its goods less what it pays, ``(P, N)``, numeraire; likewise.
    """

    kind: tuple[Equilibrium, ...]
    bundles: FloatArray
    price: FloatArray
    payments: FloatArray

    @property
    def obstacle(self) -> str:
        """Why the equilibrium is not known at every profile; empty where it is."""
        missing = [kind for kind in (Equilibrium.NONE, Equilibrium.NOT_FOUND) if kind in self.kind]
        return missing[0].value if missing else ""


def walrasian_equilibrium(economy: Economy, efficient: EfficientAllocation) -> WalrasianEquilibrium:
    """Return equilibria in which nobody owes money.

    Returns:
        At every profile the efficient allocation if that is an equilibrium, another equilibrium otherwise, or what
        keeps it from being known.

    Source:
        Giraud and Rochon, proof of Theorem 1, where everybody can pay.
    """
    owned = economy.endowments(efficient.profiles)
    payments = _payments(efficient.price, efficient.bundles, owned)
    bundles, price = efficient.bundles.copy(), efficient.price.copy()
    kinds = [Equilibrium.EFFICIENT] * len(payments)
    failures = 0
    last: list[FloatArray] = []
    for number in np.flatnonzero(~_payable(payments, owned)):
        market = _Market.of(economy, efficient, int(number))
        found = market.price_at_efficient_allocation()
        if found is None:
            # Where marginal values jump, lower prices may support the allocation as well, and be payable.
            found = market.payable_price_at_kinks(efficient.lowest_price[number, :-1])
        if found is None:
            # Prices found at one profile are near those of the next.
            starts = [*last, *(share * market.highest for share in STARTS)] if failures < MOST_FAILURES else last
            kinds[number], bundles[number], found = market.elsewhere(starts)
            failures += kinds[number] is Equilibrium.NOT_FOUND
            last = [found] if kinds[number] is Equilibrium.POOR else last
        price[number, :-1] = found
        payments[number] = _payments(price[number], bundles[number], owned[number])
    return WalrasianEquilibrium(tuple(kinds), bundles, price, payments)


def at_payable_prices(economy: Economy, efficient: EfficientAllocation) -> EfficientAllocation:
    """Return the efficient allocation with prices at which everybody can pay, where such support it.

    Returns:
        The same allocations. Where somebody would owe money at the highest supporting price, the price is that of
        the equilibrium there; if there is none, supporting prices at which everybody can pay and all goods together
        cost most; and the price as it was if there are none of these either.
    """
    owned = economy.endowments(efficient.profiles)
    poor = np.flatnonzero(~_payable(_payments(efficient.price, efficient.bundles, owned), owned))
    if not poor.size:
        return efficient
    price = efficient.price.copy()
    if len(economy.goods) == ONE_GOOD:
        poor = poor[_may_be_payable(economy, efficient, poor)]
    for number in poor:
        market = _Market.of(economy, efficient, int(number))
        found = market.price_at_efficient_allocation()
        if found is None:
            found = market.dearest_payable_price(efficient.lowest_price[number, :-1])
        if found is not None:
            price[number, :-1] = found
    return replace(efficient, price=price)


def _may_be_payable(economy: Economy, efficient: EfficientAllocation, numbers: IntegerArray) -> BooleanArray:
    """Say at which profiles, ``(K,)``, a lower price of the one good beside the numeraire could be paid by everybody.

    What is looked for one profile after the other takes long where there are thousands. It cannot be found where the
    supporting price is one only and at no lower price everybody who holds the good has spent all, as the efficient
    allocation then needs: who sells is left with money; who buys runs out at a price of its own; and at that price
    nobody who holds nothing may value the good more.
    """
    profiles, bundles = efficient.profiles[numbers], efficient.bundles[numbers, :, 0]
    highest, lowest = efficient.price[numbers, 0], efficient.lowest_price[numbers, 0]
    owned = economy.endowments(profiles)
    money, bought = owned[..., 1], bundles - owned[..., 0]
    holds = bundles > 0
    keeps_money = (holds & (bought <= 0) & (money + np.abs(bought) > 0)).any(axis=-1)
    all_spent = np.divide(money, bought, out=np.full(bought.shape, np.nan), where=holds & (bought > 0))
    price = np.fmax.reduce(all_spent, axis=-1)
    one_price = price <= np.fmin.reduce(all_spent, axis=-1) * (1 + DOUBT)
    worth = economy.valuations.supergradient(economy.rows(profiles), efficient.bundles[numbers])[..., 0]
    wanted = (~holds & (money > 0) & (worth > price[:, None] * (1 + DOUBT))).any(axis=-1)
    return np.asarray((lowest < highest) | ~(keeps_money | ~one_price | wanted))


def _payments(price: FloatArray, bundles: FloatArray, owned: FloatArray) -> FloatArray:
    """Return what each player receives for goods less what it pays, ``(..., N)``."""
    received: FloatArray = (price[..., None, :-1] * (owned[..., :-1] - bundles)).sum(axis=-1)
    return received


def _payable(payments: FloatArray, owned: FloatArray) -> BooleanArray:
    """Say at which profiles, ``(...)``, everybody owns what it is to pay, ``(..., N)``, up to rounding."""
    able: BooleanArray = (owned[..., -1] + payments >= -DEBT_TOLERANCE * np.abs(payments)).all(axis=-1)
    return able


@dataclass(frozen=True, eq=False)
class _Market:
    """One profile's players, what they own, and the efficient allocation with its highest supporting price.

    Attributes:
        traders: the players' valuations, ``(N,)``.
        owned: endowments, ``(N, L)``.
        bundles: the efficient allocation, ``(N, G)``.
        highest: its highest supporting price, ``(G,)``.
    """

    traders: ValuationBatch
    owned: FloatArray
    bundles: FloatArray
    highest: FloatArray

    @classmethod
    def of(cls, economy: Economy, efficient: EfficientAllocation, number: int) -> _Market:
        profile = efficient.profiles[number]
        traders = economy.valuations.select(economy.rows(profile))
        return cls(traders, economy.endowments(profile), efficient.bundles[number], efficient.price[number, :-1])

    @property
    def goods(self) -> int:
        """The number of goods beside the numeraire."""
        return int(self.highest.size)

    @property
    def supply(self) -> FloatArray:
        """What there is, ``(G,)``."""
        total: FloatArray = self.owned[:, :-1].sum(axis=0)
        return total

    def price_at_efficient_allocation(self) -> FloatArray | None:
        """Return prices, ``(G,)``, at which the efficient allocation is an equilibrium, or none."""
        of_player, of_good = self._groups()
        # What each group's goods add to each player's money at the highest price, (N, groups).
        received = np.zeros((len(self.owned), 1 + int(of_good.max())))
        for good, group in enumerate(of_good):
            received[:, group] += self.highest[good] * (self.owned[:, good] - self.bundles[:, good])
        scale = np.ones(received.shape[1])
        broke = np.zeros(received.shape[1], dtype=bool)
        # Who joins those who pay with their last money stays: cheaper goods leave whoever sells them poorer still.
        for _ in range(received.shape[1] + 1):
            money = self.owned[:, -1] + received @ scale
            paid = np.abs(received * scale).sum(axis=-1)
            owing = np.unique(of_player[money < -DEBT_TOLERANCE * paid])
            if not owing.size:
                break
            if owing[0] < 0 or broke[owing].all():
                return None
            broke[owing] = True
            members = (of_player >= 0) & broke[of_player]
            wanted = -self.owned[members, -1] - received[np.ix_(members, ~broke)].sum(axis=-1)
            scale = np.ones(received.shape[1])
            scale[broke] = np.linalg.lstsq(received[np.ix_(members, broke)], wanted)[0]
        price = scale[of_good] * self.highest
        return price if self._supports(price, np.where(of_player >= 0, scale[of_player], 1.0)) else None

    def _groups(self) -> tuple[IntegerArray, IntegerArray]:
        """Return the group of each player, ``(N,)``, and of each good, ``(G,)``: players who share a good are one.

        Players who hold nothing, and so owe nothing, are in none, -1; goods that nobody holds stand alone.
        """
        (players, goods), held = self.bundles.shape, self.bundles > 0
        together = (held.T.astype(np.int64) @ held) > 0
        for _ in range(goods.bit_length()):
            together |= (together.astype(np.int64) @ together) > 0
        # Groups are in the order of the last player in each.
        last = np.where(held.any(axis=0), players - 1 - np.argmax(held[::-1], axis=0), players + np.arange(goods))
        of_good = np.unique(np.maximum(np.where(together, last, -1).max(axis=1), last), return_inverse=True)[1]
        return np.where(held.any(axis=1), of_good[np.argmax(held, axis=1)], -1), of_good

    def _supports(self, price: FloatArray, scale: FloatArray) -> bool:
        """Say whether prices are an equilibrium at the efficient allocation, with ``scale`` one over money's worth."""
        if not ((scale > 0) & (scale <= 1)).all() or not _payable(self._received(price), self.owned):
            return False
        money = self.owned[:, -1] + self._received(price)
        paid = (price * np.abs(self.owned[:, :-1] - self.bundles)).sum(axis=-1)
        spent = money <= DEBT_TOLERANCE * paid
        if (~spent & (scale < 1)).any():
            return False
        # Whoever has no money and holds nothing would pay for nothing at any price.
        poor = spent & (self.bundles <= 0).all(axis=-1)
        gradient = self.traders.supergradient(self.bundles)
        supported = scale[:, None] * gradient <= price * (1 + SUPPORT_TOLERANCE)
        return bool((supported | poor[:, None]).all())

    def _received(self, price: FloatArray) -> FloatArray:
        """Return what each player receives for its goods less what it pays, ``(N,)``."""
        received: FloatArray = (self.owned[:, :-1] - self.bundles) @ price
        return received

    def dearest_payable_price(self, lowest: FloatArray) -> FloatArray | None:
        """Return supporting prices, ``(G,)``, that everybody can pay and at which the supply costs most, or none."""
        worth = self.highest * self.supply
        unit = float(worth.sum())
        if not unit > 0 or not (lowest < self.highest).any():
            return None
        low = lowest / np.where(self.highest > 0, self.highest, 1)
        # The solver takes long to load, and whoever has no such program to solve does without it.
        from marketgame.mechanisms.linear_program import LinearProgram, Sense  # noqa: PLC0415

        program = LinearProgram(Sense.MAXIMIZE)
        share = program.variables("share of highest price", {"good": self.goods}, lower=low, upper=1.0)
        program.set_objective(share, worth / unit)
        # What the solver leaves of a debt is less than this much money.
        margin = CLEARING_TOLERANCE * 10
        able = program.constraints("money", {"player": len(self.owned)}, at_least=margin - self.owned[:, -1] / unit)
        program.add(able[:, None], share[None, :], (self.owned[:, :-1] - self.bundles) * self.highest / unit)
        solution = program.solve(evidence=False)
        if not solution.optimal:
            return None
        price = solution["share of highest price"] * self.highest
        return price if _payable(self._received(price), self.owned) else None

    def payable_price_at_kinks(self, lowest: FloatArray) -> FloatArray | None:
        """Return prices, ``(G,)``, that everybody can pay and at which nobody wants another unit of a good, or none."""
        price = self.dearest_payable_price(lowest) if self.traders.kinked else None
        return price if price is not None and self._supports(price, np.ones(len(self.owned))) else None

    def elsewhere(self, starts: list[FloatArray]) -> tuple[Equilibrium, FloatArray, FloatArray]:
        """Return what is known of equilibria at other allocations, with bundles, ``(N, G)``, and prices, ``(G,)``."""
        unknown = (np.full_like(self.bundles, np.nan), np.full_like(self.highest, np.nan))
        if self.goods == 1:
            price = self._clearing_price_of_one_good()
            if price is None:
                return Equilibrium.NONE, *unknown
            return Equilibrium.POOR, self._shared_out(price), price
        for start in starts:
            found = self._cleared_from(start)
            if found is not None:
                return Equilibrium.POOR, *found
        return Equilibrium.NOT_FOUND, *unknown

    def demand(self, price: FloatArray) -> FloatArray:
        """Return the least bundles, ``(N, G)``, that are best within each player's budget at prices ``(G,)``."""
        wealth = self.owned[:, -1] + self.owned[:, :-1] @ price
        wanted = self.traders.demand(price)
        if self.goods == 1:
            return np.minimum(wanted, wealth[:, None] / price) if price[0] > 0 else wanted
        with np.errstate(invalid="ignore"):
            cost = np.where(wanted > 0, wanted * price, 0).sum(axis=-1)
        poor = cost > wealth
        return self._affordable(price, wealth, poor, wanted) if poor.any() else wanted

    def _affordable(self, price: FloatArray, wealth: FloatArray, poor: BooleanArray, wanted: FloatArray) -> FloatArray:
        """Return the bundles of those whose budget binds: demanded at prices multiplied by what money is worth."""

        def cost(worth: FloatArray) -> tuple[FloatArray, FloatArray]:
            bundles = self.traders.demand(worth[:, None] * price)
            with np.errstate(invalid="ignore"):
                return bundles, np.where((bundles > 0) & (price > 0), bundles * price, 0).sum(axis=-1)

        low, high = np.ones(len(wealth)), np.full(len(wealth), 2.0)
        for _ in range(MOST_HALVINGS):
            over = poor & (cost(high)[1] > wealth) & np.isfinite(high)
            if not over.any():
                break
            low, high = np.where(over, high, low), np.where(over, high * high, high)
        # The false position, and the middle every other time: money's worth in logarithms, demand nearly a line there.
        above, below = cost(low)[1] - wealth, wealth - cost(high)[1]
        for step in range(MOST_HALVINGS):
            with np.errstate(invalid="ignore", divide="ignore"):
                share = np.where(np.isfinite(above) & (above + below > 0), above / (above + below), 0.5)
            share = np.clip(share, 0.01, 0.99) if step % 3 < 2 else np.full(len(wealth), 0.5)
            middle = np.exp((1 - share) * np.log(low) + share * np.log(high))
            middle = np.clip(middle, low, high)
            excess = cost(middle)[1] - wealth
            over = excess > 0
            low, high = np.where(over, middle, low), np.where(over, high, middle)
            above, below = np.where(over, excess, above), np.where(over, below, -excess)
            settled = (high <= low * (1 + ROUNDING)) | (below <= ROUNDING * wealth) | ~poor
            if settled.all():
                break
        (least, spent), (most, _) = cost(high), cost(low)
        # Where the marginal value of a good is constant demand jumps, and takes what is left to spend.
        with np.errstate(invalid="ignore"):
            jumps = most - np.minimum(least, most) > CLEARING_TOLERANCE * self.supply
        count = np.maximum(jumps.sum(axis=-1, keepdims=True), 1)
        left = np.maximum(wealth - spent, 0)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            extra = np.where(jumps, left / (count * price), 0)
        return np.where(poor[:, None], least + extra, wanted)

    def _clearing_price_of_one_good(self) -> FloatArray | None:
        """Return the highest price, ``(1,)``, at which demand still covers the supply; none if it never does.

        Demand within budgets falls with the price, and at the highest supporting price it is no more than the supply.
        If it falls short of the supply at every positive price, only a price of zero could clear the market; but the
        good then costs something where all can pay, so that somebody wants more than there is when it is free.
        """
        enough = float(self.supply[0]) * (1 - ROUNDING * len(self.owned))

        def covers(price: float) -> bool:
            return bool(self.demand(np.array([price])).sum() >= enough)

        high = float(self.highest[0])
        low = high * LOWEST_SHARE
        if covers(high):
            return self.highest
        if not covers(low):
            return None
        while high > low * (1 + ROUNDING):
            middle = np.sqrt(low) * np.sqrt(high)
            low, high = (middle, high) if covers(middle) else (low, middle)
        return np.array([low])

    def _shared_out(self, price: FloatArray) -> FloatArray:
        """Return demands at the clearing price of one good, ``(N, 1)``, those that jump there taking what is left."""
        above = self.demand(price / JUST_BELOW)
        jump = np.maximum(self.demand(price) - above, 0)
        left = self.supply - above.sum(axis=0)
        total = jump.sum(axis=0)
        shared: FloatArray = above + jump * np.where(total > 0, left / np.where(total > 0, total, 1), 0)
        return np.maximum(shared, 0)

    def _cleared_from(self, start: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Return bundles, ``(N, G)``, and prices, ``(G,)``, of an equilibrium found from starting prices, or none."""
        priced = (start > 0) & (self.supply > 0)
        if not priced.any():
            return None

        def prices(logarithms: FloatArray) -> FloatArray:
            price = self.highest.copy()
            price[priced] = start[priced] * np.exp(np.clip(logarithms, -50.0, 50.0))
            return price

        def excess(logarithms: FloatArray) -> FloatArray:
            demanded = self.demand(prices(logarithms)).sum(axis=0)[priced]
            with np.errstate(over="ignore"):
                return np.minimum(demanded / self.supply[priced] - 1, 1e6)

        # SciPy's optimisers take longer to load than most commands to run.
        found = import_module("scipy.optimize").root(excess, np.zeros(int(priced.sum())), options={"xtol": 1e-14})
        price = prices(found.x)
        demanded = self.demand(price)
        total = demanded.sum(axis=0)
        if not np.isfinite(total).all() or (total > self.supply * (1 + CLEARING_TOLERANCE)).any():
            return None
        if (total < self.supply * (1 - CLEARING_TOLERANCE))[priced].any():
            return None
        fitted = np.where(priced & (total > 0), self.supply / np.where(total > 0, total, 1), 1)
        return demanded * fitted, price
