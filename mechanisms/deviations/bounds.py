r"""What no deviation of a coalition can exceed, proven without searching.

Every bound is one number for the members' *summed* gain over all quotes, orders, announcements and side-transfers
at once. Weak duality turns each into a formula: if in every play the members' consumption is worth at most
:math:`W` at prices :math:`p`, then

.. math:: \sum_{i \in S} u_i(x_i) \le W + \sum_{i \in S} \max_q\, [v_i(q) - p \cdot q].

What differs is why the premise holds.

*Resources.* Nothing is created: under every rule members consume at most the aggregate endowment, so the premise
holds with :math:`W = p \cdot \Omega` at any prices. For the coalition of everybody and an efficient contract it
says that nothing can be gained.

*Budget.* One player alone whose counterparties all quote :math:`p` buys at these prices or higher ones whatever it
quotes itself, unless its own quote makes its own price better (midpoint). Where short sales bankrupt, it ends inside
its budget. Where they do not, it ends inside its budget or without some good of positive price; that is the paper's
printed game, in which it sells that good short without bound.

*Budget and flows.* Where flows need the orders of both sides, it can be short of no more than what the others ordered
from it and it does not own.

*Delivery.* Where counterparties quote different prices, a lone player may also gain by trading at them. Where trades
with the bankrupt are cancelled it buys from each of them no more than that one can deliver.

*Wealth.* A coalition of any size ends with at most its wealth :math:`\sum_{i \in S} (p \cdot \omega_i + y_i)` under
four rules together. Pairs trade at one price or lose by trading at two (void or spread): so no arbitrage against an
outsider. Short sales bankrupt and bankrupt players' trades are unwound: so claims add up to the survivors'
endowments, the projection does nothing, and nobody is sacrificed to create claims. Transfers are covered by announced
numeraire: so a bankrupt member cannot finance the others. After deposits two members end with no more even where
trades stand, if players trade only who quote the same: who misquotes is out of outsiders' reach, and they out of its.

*Wealth or sacrifice.* Where transfers need no cover, a bankrupt member may finance the others. But it ends with
nothing, and what it owned is withdrawn, so that these share at most what everybody else owns. Where orders are matched
they share what they own themselves and what outsiders were to deliver to them.

*Wealth or alone.* The paper's own remedy, that prices are seen before anybody orders, works too if the contract uses
it. Let outsiders announce at most a small share of what they own once they see a quote that is not the contract's.
Without a misquote everybody trades at one price, and the two rules on short sales and coverage suffice for the bound
by wealth, by each of the four rules of pricing and even if trades stand (the first alone for one player). With one,
the members share what they own and little more.

*Refusal.* Where orders execute only as far as both sides give them, a lone member can only take less of what others
order from it and to it, and pays for that at least what they quote.

*Deposits.* Where recommended flows are executed out of deposits and further orders only as far as both sides give them,
outsiders, who order nothing, keep what they hold. Members divide anew what they hold themselves, by whatever other
rules; the premise holds at the contract's prices and at any others.

Which rules each of these was proved for is in :mod:`marketgame.mechanisms.deviations.premises`: under a rule that no
proof names only the bound by resources is claimed. ``docs/collusion.md`` has the proofs.

Source: Giraud and Rochon (2001), proofs of Theorem 1 and Corollary 1, which claim less under weaker rules; the bounds
are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray, read_only
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.deviations import premises
from marketgame.mechanisms.deviations.reactions import announced_after_misquotes
from marketgame.mechanisms.deviations.situation import Situation
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation
from marketgame.mechanisms.economies.joint_allocation import allocate_jointly
from marketgame.mechanisms.economies.separable_allocation import allocate_good_by_good
from marketgame.mechanisms.market_game.rules import Coverage, Execution, MarketRules, Solvency, Timing, Withholding
from marketgame.mechanisms.market_game.settle import settle

# How many numbers of orders are settled at once.
_ORDERS_AT_ONCE = 10**7
TWO = 2
# Budgets are weighed with up to this, found within so many steps.
LARGEST_WEIGHT = 3.0
WEIGHTS = 40


class BoundReason(StrEnum):
    """Why the members cannot gain more."""

    RESOURCES = "resources"
    """Members cannot consume more than there is."""
    BUDGET = "budget"
    """A lone member ends inside its budget at the outsiders' prices."""
    BUDGET_OR_SHORT = "budget-or-short"
    """A lone member ends inside its budget, or without some good that has a price."""
    BUDGET_AND_FLOWS = "budget-and-flows"
    """A lone member ends inside its budget, or short of no more than what it was to deliver and does not own."""
    DELIVERY = "delivery"
    """The same beside what a lone member can make of odd quotes with what those who quote them can deliver."""
    WEALTH = "wealth"
    """Members end with no more than their wealth at the outsiders' prices."""
    WEALTH_OR_SACRIFICE = "wealth-or-sacrifice"
    """The same unless a member is bankrupt; then the others share no more than all that is left without it."""
    WEALTH_OR_ALONE = "wealth-or-alone"
    """The same unless somebody misquotes; then outsiders withhold, and members share little more than they own."""
    REFUSAL = "refusal"
    """A lone member can only refuse some of the flows that others order, within its budget at their quotes."""
    DEPOSITS = "deposits"
    """Members only divide anew what they hold after the recommended flows."""


@dataclass(frozen=True, eq=False)
class Bound:
    """An upper bound on the members' summed gain that holds for every deviation.

    Attributes:
        reason: why it holds.
        total_utility: what the members' expected utilities cannot exceed in sum, numeraire.
        total_gain: the same less what they expect if nobody deviates, numeraire.
        prices: the prices of the duality argument, ``(K, L)``, numeraire per unit, one row per draw. Any nonnegative
            prices prove the bound by resources; the others rest on the outsiders' quotes.
    """

    reason: BoundReason
    total_utility: float
    total_gain: float
    prices: FloatArray


def least_bound(situation: Situation) -> Bound:
    """Return the tightest of the proven bounds."""
    return min(proven_bounds(situation), key=lambda bound: bound.total_gain)


def proven_bounds(situation: Situation) -> tuple[Bound, ...]:
    """Return every bound whose premise holds, the bound by resources first.

    Args:
        situation: what the coalition faces. Outsiders may react to quotes by any orders and announcements: the
            premises concern their quotes alone.

    Returns:
        At least the bound by resources.
    """
    bounds = [bound_by_resources(situation)]
    rules, alone = situation.rules, len(situation.coalition) == 1
    if alone and len(situation.outsiders) and situation.reaction is None and premises.REFUSAL.holds(rules):
        quoted = situation.prescribed.quotes[:, situation.outsiders[0]]
        bounds.append(_bound(situation, BoundReason.REFUSAL, quoted, _refusing(situation)))
    prices = _prices_of_outsiders(situation)
    if prices is None:
        return (*bounds, *_at_odd_quotes(situation))
    if alone and premises.BUDGET.holds(rules):
        bounds.append(_bound(situation, BoundReason.BUDGET, prices, _within_budget(situation, prices)))
    if alone and premises.BUDGET_OR_SHORT.holds(rules):
        bounds.append(
            _bound(situation, BoundReason.BUDGET_OR_SHORT, prices, _within_budget_or_short(situation, prices))
        )
    if alone and premises.BUDGET_AND_FLOWS.holds(rules):
        gain = _within_budget(situation, prices) + _worth_of_shorts(situation, prices)
        bounds.append(_bound(situation, BoundReason.BUDGET_AND_FLOWS, prices, gain))
    two = len(situation.coalition) == TWO and premises.WEALTH_OF_TWO.holds(rules) and _order_nothing(situation)
    if two or premises.WEALTH.holds(rules):
        bounds.append(_bound(situation, BoundReason.WEALTH, prices, _within_wealth(situation, prices)))
    if not alone and premises.SACRIFICE.holds(rules):
        gain = np.maximum(_within_wealth(situation, prices), _sacrificing(situation))
        bounds.append(_bound(situation, BoundReason.WEALTH_OR_SACRIFICE, prices, gain))
    if premises.DEPOSITS.holds(rules) and _order_nothing(situation):
        nothing = np.zeros_like(situation.supply)
        gain = np.minimum(_within_wealth(situation, prices), shared(situation, nothing))
        bounds.append(_bound(situation, BoundReason.DEPOSITS, prices, gain))
    if (amounts := _left_alone(situation)) is not None:
        gain = np.maximum(_within_wealth(situation, prices), shared(situation, amounts))
        bounds.append(_bound(situation, BoundReason.WEALTH_OR_ALONE, prices, gain))
    return tuple(bounds)


def _at_odd_quotes(situation: Situation) -> Iterator[Bound]:
    """Yield what is proven of a lone member whose counterparties quote differently, by the quotes of each of them."""
    if len(situation.coalition) > 1 or situation.reaction is not None or not premises.DELIVERY.holds(situation.rules):
        return
    for prices in np.moveaxis(situation.prescribed.quotes[:, situation.outsiders], 1, 0):
        gain = _within_budget(situation, prices, _made_of_odd_quotes(situation, prices))
        yield _bound(situation, BoundReason.DELIVERY, prices, gain)


def _order_nothing(situation: Situation) -> bool:
    """Say whether outsiders order nothing and owe nothing, whatever is quoted."""
    told, outside = situation.prescribed, situation.outsiders
    reacts = situation.reaction is not None and situation.rules.timing is Timing.PRICES_FIRST
    if reacts and announced_after_misquotes(situation.reaction, situation) is None:
        return False
    return not told.orders[:, outside].any() and bool((told.transfers[:, outside] >= 0.0).all())


def reason_by_member(rules: MarketRules) -> BoundReason | None:
    """Return why a coalition with an outsider gains no more than the sum of its members' bounds; none if nothing."""
    if premises.DEPOSITS.holds(rules):
        return BoundReason.DEPOSITS
    return BoundReason.WEALTH if premises.WEALTH.holds(rules) else None


def wealth_beyond(contract: GrandContract, rules: MarketRules) -> FloatArray | None:
    """Return by how much more than it gets each player could enjoy its wealth at the contract's prices.

    The bound by wealth on a coalition with an outsider is the sum of its members', and so is that by deposits if no
    outsider orders anything.

    Args:
        contract: the contract, which everybody else obeys.
        rules: of the market.

    Returns:
        Gains at every recommendation, ``(R, N)``, numeraire; none if neither bound is proven under the rules.
    """
    contract = contract.under(rules)
    economy, received = contract.economy, contract.received
    if reason_by_member(rules) is None or len(economy.players) == 1:
        return None
    owned, found = contract.endowments, np.empty(contract.profiles.shape)
    if received is not None:
        owned = owned + received
    some = max(1, _ORDERS_AT_ONCE // contract.orders[0].size // len(economy.players))
    for first in range(0, len(found), some):
        rows = slice(first, first + some)
        net = settle(contract.recommended(np.arange(len(found))[rows]), rules).net_consumption(owned[rows])
        net = net if received is None else net + received[rows]
        enjoyed = economy.gains(contract.profiles[rows], net)
        surplus = _surplus(economy, economy.rows(contract.profiles[rows]), owned[rows], contract.price[rows])
        granted = contract.transfers[rows] if received is None else received[rows, :, -1]
        found[rows] = granted + surplus - enjoyed
    return found


def wealth_beyond_bundles(economy: Economy, efficient: EfficientAllocation) -> FloatArray:
    """Return by how much more than its efficient bundle each player could enjoy what that is worth, ``(P, N)``.

    It is what `wealth_beyond` returns, but for the rounding of orders, without settling a play: money is the same.
    """
    profiles, price = efficient.profiles, efficient.price
    owned = economy.endowments(profiles)
    surplus = _surplus(economy, economy.rows(profiles), owned, price)
    spent = (price[:, None, :-1] * (efficient.bundles - owned[..., :-1])).sum(axis=-1)
    return np.asarray(surplus + spent - economy.gains_from_goods(profiles, efficient.bundles))


def bound_by_resources(situation: Situation, prices: FloatArray | None = None) -> Bound:
    """Return the bound that holds under all rules: members consume at most what there is.

    Args:
        situation: what the coalition faces.
        prices: of the duality argument, ``(K, L)``, numeraire last; those that support an efficient division of
            everything among the members, if left out.
    """
    used = _prices_within(situation, situation.supply[:, :-1]) if prices is None else prices
    outsiders = situation.endowments[:, situation.outsiders].sum(axis=1)
    return _bound(situation, BoundReason.RESOURCES, used, shared(situation, outsiders, used))


def enjoyed_of_nothing(situation: Situation, member: int) -> FloatArray:
    """Return a bound on what a member that ends with nothing gains over its endowment in each draw, ``(K,)``."""
    owned = situation.endowments[:, member]
    return _gain_from(situation, member, np.zeros_like(owned[:, :-1]), -owned[:, -1])


def _left_alone(situation: Situation) -> FloatArray | None:
    """Return what members can then share once they misquote beyond what they own, ``(K, L)``, units.

    None if the bound that rests on it does not hold.
    """
    alone = len(situation.coalition) == 1
    premise = premises.BUDGET_AT_ONE_PRICE if alone else premises.WEALTH_AT_ONE_PRICE
    if not premise.holds(situation.rules):
        return None
    announced = announced_after_misquotes(situation.reaction, situation)
    if announced is None:
        return None
    return np.asarray(announced[:, situation.outsiders].sum(axis=1))


def shared(situation: Situation, beyond: FloatArray, prices: FloatArray | None = None) -> FloatArray:
    """Return a bound on what the members can gain together in each draw, ``(K,)``, numeraire.

    They share what they own and ``beyond``, ``(K, L)``, units, of what others own.
    """
    owned = situation.endowments[:, situation.members, :-1].sum(axis=1)
    used = _prices_within(situation, owned + beyond[:, :-1]) if prices is None else prices
    return np.asarray((used * beyond).sum(axis=-1) + _members_surplus(situation, used))


def _sacrificing(situation: Situation) -> FloatArray:
    """Return the most that the members can gain together in each draw if one of them is bankrupt, ``(K,)``, numeraire.

    That more than one is changes nothing for the better: they could as well be left with nothing.
    """
    found, outsiders = np.full(len(situation.probability), -np.inf), situation.outsiders
    beyond = situation.endowments[:, outsiders].sum(axis=1)
    for member in situation.coalition:
        if situation.rules.execution is Execution.MATCHED:
            others = [other for other in situation.coalition if other != member]
            delivered = np.maximum(-situation.prescribed.orders[:, outsiders][:, :, others], 0.0)
            beyond = np.asarray(delivered.sum(axis=(1, 2)))
        lost = enjoyed_of_nothing(situation, member)
        rest = replace(situation, coalition=tuple(other for other in situation.coalition if other != member))
        found = np.maximum(found, shared(rest, beyond) + lost)
    return found


def _made_of_odd_quotes(situation: Situation, prices: FloatArray) -> FloatArray:
    """Return by how much a lone member's trades can be worth more than they cost in each draw, ``(K,)``, numeraire.

    It buys from each player who quotes less than ``prices``, ``(K, L)``, what that one can deliver, and sells to each
    who quotes more what it owns and what the others can deliver.
    """
    told, member, others = situation.prescribed, situation.members[0], situation.outsiders
    among = told.orders[:, others][:, :, others]
    received = np.maximum(among - among.swapaxes(1, 2), 0.0).sum(axis=2)
    delivered = told.announced_endowments[:, others] + received
    dearer = told.quotes[:, others] - prices[:, None]
    owned = situation.endowments[:, [member]]
    sold = owned + delivered.sum(axis=1, keepdims=True) - delivered
    made = np.maximum(-dearer, 0.0) * delivered + np.maximum(dearer, 0.0) * sold
    return np.asarray(made.sum(axis=(1, 2)))


def _within_budget(situation: Situation, prices: FloatArray, more: FloatArray | float = 0.0) -> FloatArray:
    """Return the most that a lone member can gain in each draw inside its budget or bankrupt, ``(K,)``, numeraire.

    It may spend so much ``more`` than its wealth.
    """
    rules, member = situation.rules, situation.coalition[0]
    owned = situation.endowments[:, member]
    # A player that owes more than its worth goes bankrupt and consumes nothing, which is more than its wealth.
    nothing = enjoyed_of_nothing(situation, member)
    gain = np.maximum(_within_wealth(situation, prices) + more, nothing)
    nothing_left = rules.withholding is Withholding.WASTED
    within_wealth = rules.coverage is Coverage.ANNOUNCED_NUMERAIRE
    if not (nothing_left or within_wealth):
        # It may hide everything, go bankrupt on a transfer it owes, and consume what it hid.
        gain = np.maximum(gain, _gain_from(situation, member, owned[:, :-1], np.zeros(len(owned))))
    return gain


def _worth_of_shorts(situation: Situation, prices: FloatArray) -> FloatArray:
    """Return what all is worth that a lone member was to deliver and does not own, or may hide, ``(K,)``, numeraire."""
    member, asked = situation.coalition[0], situation.prescribed.orders[:, :, situation.coalition[0]]
    delivered = np.maximum(asked[:, situation.outsiders], 0.0).sum(axis=1)
    if situation.rules.withholding is Withholding.WASTED:
        delivered = np.maximum(delivered - situation.endowments[:, member], 0.0)
    return np.asarray((prices * delivered).sum(axis=-1))


def within_matched_flows(situation: Situation) -> float | None:
    r"""Return what a lone member gains at most over its endowment where flows happen only as far as both sides order.

    It is delivered no more of anything than others offer it, :math:`A_h`, and delivers no more than they ask for,
    :math:`D_h`, of goods and of money. So for any :math:`\lambda \ge 0` its gain is at most

    .. math:: \max_{\omega - D \le q \le \omega + A} [v(q) - v(\omega) - \lambda p \cdot (q - \omega)] + \lambda y
        + \max\{(1 - \lambda) A_m, (\lambda - 1) D_m\},

    and the least of these is what it can reach, but for who fails on its account.

    Args:
        situation: of one player, who need not be of the type for which it was recommended something.

    Returns:
        The bound, numeraire; none where it does not hold, or goods are not valued one by one.
    """
    rules, prices = situation.rules, _prices_of_outsiders(situation)
    table, wary = situation.economy.valuations, situation.reaction is not None
    if not premises.FLOWS.holds(rules) or len(situation.coalition) > 1 or prices is None or wary or not table.separable:
        return None
    member, told = situation.coalition[0], situation.prescribed
    asked = told.orders[:, situation.outsiders, member]
    given, taken = (np.maximum(side, 0.0).sum(axis=1) for side in (asked, -asked))
    owned, power = situation.endowments[:, member], told.transfers[:, member]
    rows = situation.economy.rows(situation.profiles)[:, member]
    trader, start = table.select(rows), situation.economy.reference_goods[rows]
    least, most = np.maximum(owned - given, 0.0)[:, :-1], (owned + taken)[:, :-1]

    def bound(weight: FloatArray) -> FloatArray:
        charged = weight[:, None] * prices[:, :-1]
        bundle = np.clip(trader.demand(charged), least, most)
        enjoyed = trader.gain(start, trader.dispose(bundle)) - (charged * (bundle - owned[:, :-1])).sum(axis=-1)
        money = np.maximum((1.0 - weight) * taken[:, -1], (weight - 1.0) * given[:, -1])
        return np.asarray(enjoyed + weight * power + money)

    low, high = np.zeros(len(rows)), np.full(len(rows), LARGEST_WEIGHT)
    for _ in range(WEIGHTS):
        third = (high - low) / 3.0
        fewer = bound(low + third) <= bound(high - third)
        low, high = np.where(fewer, low, low + third), np.where(fewer, high - third, high)
    within = np.minimum(bound((low + high) / 2.0), bound(np.ones(len(rows))))
    if rules.solvency is Solvency.BUDGET:
        within = within + _worth_of_shorts(situation, prices)
    nothing = _gain_from(situation, member, np.zeros_like(least), -owned[:, -1])
    return float(situation.probability @ np.maximum(within, nothing))


def _refusing(situation: Situation) -> FloatArray:
    r"""Return the most that a lone member can gain in each draw that takes flows only as far as others order them.

    With the others' quotes p, flows f that they order, and the tangent of v at what the member gets if it obeys: flows
    of each good between nothing and f, at their best for :math:`(\nabla v - p)`, and bankruptcy besides.
    """
    rules, (member,) = situation.rules, situation.coalition
    owned = situation.endowments[:, member]
    ends = [_gain_from(situation, member, np.zeros_like(owned[:, :-1]), -owned[:, -1])]
    if rules.withholding is Withholding.CONSUMED and rules.coverage is Coverage.UNLIMITED:
        ends.append(_gain_from(situation, member, owned[:, :-1], np.zeros(len(owned))))
    table, rows = situation.economy.valuations, situation.economy.rows(situation.profiles)[:, member]
    flows = -situation.prescribed.orders[:, situation.outsiders, member, :-1]
    quotes = situation.prescribed.quotes[:, situation.outsiders, :-1]
    near = np.maximum(owned[:, :-1] + flows.sum(axis=1), 0.0)
    slope = table.select(rows).supergradient(near)
    bought, burden = np.maximum(slope, 0.0), np.maximum(-slope, 0.0)
    with np.errstate(invalid="ignore"):
        best = np.maximum((bought[:, None] - quotes) * flows, 0.0).sum(axis=(1, 2))
        moved = (bought * (owned[:, :-1] - near) + burden * near).sum(axis=-1)
        enjoyed = table.select(rows).gain(situation.economy.reference_goods[rows], near) + moved + best
    money = situation.prescribed.transfers[:, member]
    if situation.received is not None:
        money = money + situation.received[:, member, -1]
    ends.append(np.where(np.isfinite(enjoyed), enjoyed, np.inf) + money)
    return np.asarray(np.max(ends, axis=0))


def _within_budget_or_short(situation: Situation, prices: FloatArray) -> FloatArray:
    """Return the same where it may also end without some good of positive price, but for what it hid, ``(K,)``."""
    gain, member = _within_budget(situation, prices), situation.coalition[0]
    owned, others = situation.endowments[:, member], situation.endowments[:, situation.outsiders].sum(axis=1)
    kept = np.zeros_like(owned) if situation.rules.withholding is Withholding.WASTED else owned
    numeraire = situation.supply.shape[-1] - 1
    for good in range(numeraire + 1):
        goods, money = situation.supply[:, :-1].copy(), others[:, -1]
        if good == numeraire:
            money = kept[:, good] - owned[:, good]
        else:
            goods[:, good] = kept[:, good]
        without = _gain_from(situation, member, goods, money)
        gain = np.where(prices[:, good] > 0, np.maximum(gain, without), gain)
    return gain


def _bound(situation: Situation, reason: BoundReason, prices: FloatArray, gain: FloatArray) -> Bound:
    """Return the bound that follows from one on the members' gain over their endowments in each draw, ``(K,)``."""
    total = float(situation.probability @ gain) - float(situation.obedient_gains.sum())
    return Bound(reason, total + float(situation.status_quo.sum()), total, read_only(prices))


def _within_wealth(situation: Situation, prices: FloatArray) -> FloatArray:
    """Return the most that the members can gain together in each draw if they may spend their wealth, ``(K,)``."""
    granted = situation.prescribed.transfers[:, situation.members].sum(axis=-1)
    return np.asarray(granted + _members_surplus(situation, prices))


def _members_surplus(situation: Situation, prices: FloatArray) -> FloatArray:
    """Return a bound on the members' gain over their endowments, less expense, ``(K,)``."""
    rows = situation.economy.rows(situation.profiles)
    everybody = situation.endowments.sum(axis=1, keepdims=True)
    owned = situation.endowments[:, situation.members]
    surplus = _surplus(situation.economy, rows[:, situation.members], owned, prices, everybody).sum(axis=-1)
    if situation.received is None:
        return surplus
    return np.asarray(surplus + situation.received[:, situation.members, -1].sum(axis=-1))


def _surplus(
    economy: Economy, rows: IntegerArray, owned: FloatArray, prices: FloatArray, supply: FloatArray | None = None
) -> FloatArray:
    """Return a bound on each player's gain over its endowment, less expense, over bundles there may be.

    Args:
        economy: whose types the players are of.
        rows: of players' types in tables over types, ``(K, S)``.
        owned: their endowments, ``(K, S, L)``, units.
        prices: ``(K, L)``, numeraire per unit.
        supply: what there is, ``(K, 1, L)``, units; what they own together if left out.

    Returns:
        The bounds, ``(K, S)``, numeraire.
    """
    reference, most = economy.reference_goods[rows], owned.sum(axis=1, keepdims=True) if supply is None else supply
    goods = np.broadcast_to(prices[:, None, :-1], reference.shape)
    limit = np.broadcast_to(most[..., :-1], reference.shape)
    surplus = economy.valuations.select(rows).indirect_gain(reference, goods, limit)
    return np.asarray(surplus + (goods * (owned[..., :-1] - reference)).sum(axis=-1))


def _gain_from(situation: Situation, player: int, goods: FloatArray, money: FloatArray) -> FloatArray:
    """Return a bound on what a player can gain over its endowment in each draw, ``(K,)``, numeraire.

    It gets goods ``(K, G)`` or less and more money by ``(K,)`` than it owns when the market opens. It may throw goods
    away. Where goods enter
    together no closed form says how much that helps. A tangent does if no good is a burden, and otherwise the prices at
    which it would keep the best of the bundle.
    """
    table, rows = situation.economy.valuations, situation.economy.rows(situation.profiles)[:, player]
    traders, reference = table.select(rows), situation.economy.reference_goods[rows]
    enjoyed = traders.indirect_gain(reference, np.zeros_like(goods), goods)
    together = np.array([not table.valuations[row].simplified().separable for row in rows])
    if together.any():
        burdens = np.where(together[:, None], np.maximum(-traders.supergradient(goods), 0.0), 0.0)
        tangent = traders.gain(reference, goods) + (burdens * goods).sum(axis=-1)
        enjoyed = np.where(together, np.minimum(enjoyed, tangent), enjoyed)
        burdened = np.flatnonzero((burdens * goods).any(axis=-1))
        if burdened.size:
            kept = _kept_from(situation, rows, goods, burdened)
            enjoyed[burdened] = np.minimum(enjoyed[burdened], kept)
    if situation.received is not None:
        money = money + situation.received[:, player, -1]
    return np.asarray(enjoyed + money)


def _kept_from(situation: Situation, rows: IntegerArray, goods: FloatArray, draws: IntegerArray) -> FloatArray:
    """Return the bound by such prices on the gain from the goods in some draws; any prices bound."""
    table, reference = situation.economy.valuations, situation.economy.reference_goods[rows[draws]]
    _, prices = allocate_jointly(table, rows[draws, None], goods[draws])
    prices = np.maximum(prices, 0.0)
    spent = (prices * (goods[draws] - reference)).sum(axis=-1)
    return np.asarray(spent + table.select(rows[draws]).indirect_gain(reference, prices, goods[draws]))


def _prices_within(situation: Situation, supply: FloatArray) -> FloatArray:
    """Return prices, ``(K, L)``, that support dividing goods ``(K, G)`` among the members alone."""
    table = situation.economy.valuations
    rows = situation.economy.rows(situation.profiles)[:, list(situation.coalition)]
    allocate = allocate_good_by_good if table.separable else allocate_jointly
    _, prices = allocate(table, rows, supply)
    return np.column_stack([np.maximum(prices, 0.0), np.ones(len(prices))])


def _prices_of_outsiders(situation: Situation) -> FloatArray | None:
    """Return the prices that all outsiders quote, ``(K, L)``; None if they disagree or there are none."""
    players = situation.profiles.shape[1]
    outsiders = [player for player in range(players) if player not in situation.coalition]
    if not outsiders:
        return None
    quotes = situation.prescribed.quotes[:, outsiders]
    return quotes[:, 0].copy() if (quotes == quotes[:, :1]).all() else None
