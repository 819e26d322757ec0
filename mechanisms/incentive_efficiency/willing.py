r"""How much everybody's consent costs where type profiles are too many to list.

*When consent costs nothing.* Under independence only what each type expects to be paid, :math:`X_i(t_i)`, matters for
incentives and consent, and payments with these expectations balance at every profile as soon as
:math:`\sum_i E[X_i] \le 0` (what is left over is handed out). So the efficient allocation is had by willing players if
and only if the least :math:`E[X_i]` that player i's constraints allow,

.. math:: X_i(t) \ge X_i(m) + U_i(m|t) - U_i(t|t), \qquad X_i(t) \ge -U_i(t|t)

with :math:`U_i(m|t)` the gain from the goods of report m, add up to no more than zero: one small program for each
player instead of one over profiles. Its least solution is a longest path, the same for all types at once.

*Otherwise* the program over counts of types tells where players are replicas (`replicas`), and there are bounds
elsewhere. Nothing gains more than the first best. At a fixed price with the longer side rationed
uniformly, every type does best to name what it wants whatever the others do, and nobody can lose
(Barberà and Jackson 1995): that gains less than or as much as the best mechanism.
"""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.sampled import SampledEconomy
from marketgame.mechanisms.economies.assumptions import endowments_depend_on_types
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.profiles import standard_error
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import Money, SecondBest
from marketgame.mechanisms.incentive_efficiency.welfare import first_best_gains
from marketgame.mechanisms.linear_program import Status

# Where payments rest on draws, what they leave must exceed its own error this many times to count as left.
ERRORS_APART = 3.0


def willing_bounds(economy: Economy, money: Money, sample: SampledEconomy) -> SecondBest:
    """Return what willing players gain at least, and what they cannot gain beyond; the first best where both agree.

    Args:
        economy: the economy; where types are correlated or endowments depend on them, its bounds may be wide.
        money: what players can be asked to pay.
        sample: what stands for its profiles.
    """
    first_best = sample.profiles.expected(first_best_gains(economy, sample.efficient))
    welfare = sample.profiles.expected(sample.efficient.welfare)
    interim = None
    private = economy.prior.independent and not endowments_depend_on_types(economy) and len(economy.players) > 1
    if private and sample.reports is not None:
        interim = _consent(economy, money, sample)
    gained = first_best if interim is not None else sample.profiles.expected(fixed_price_gains(economy, sample))
    return SecondBest(
        participation=Participation.INDIVIDUAL,
        money=money,
        status=Status.OPTIMAL,
        gains=gained.value,
        bound_on_gains=first_best.value,
        welfare=welfare.value - (first_best.value - gained.value),
        bound=welfare.value,
        payments=np.zeros((0, len(economy.players))),
        interim_gains=interim or (),
        binding=(),
        concave=interim is not None,
        rounds=0,
        residuals=None,
        standard_error=gained.standard_error,
    )


def least_payments(utility: FloatArray) -> FloatArray:
    r"""Return the least expected payments that make truth best and consent worthwhile, ``(types,)``, numeraire.

    Args:
        utility: entry ``[t, m]`` is what type t expects beyond its endowment of the goods of report m, ``(types,
            types)``; minus infinity where it cannot report that. Truth must be implementable, as efficiency is.
    """
    truth = np.diagonal(utility)
    tempted = np.where(np.eye(len(truth), dtype=bool), -np.inf, utility - truth[:, None])
    payments: FloatArray = -truth
    for _ in truth:
        payments = np.maximum(payments, (tempted + payments).max(axis=1, initial=-np.inf))
    return payments


def _consent(economy: Economy, money: Money, sample: SampledEconomy) -> tuple[FloatArray, ...] | None:
    """Return what each type gains by the efficient allocation with payments that all consent to, or none."""
    prior, players = economy.prior, len(economy.players)
    nothing = [np.zeros(count) for count in prior.type_counts]
    tables = sample.tables.reported(nothing)
    payments = [least_payments(table) for table in tables]
    expected = np.array([float(prior.marginal(player) @ each) for player, each in enumerate(payments)])
    left = -float(expected.sum())
    if left < ERRORS_APART * _error_of_levels(sample):
        return None
    handed_out = left / players
    if money is Money.OWNED and not _payable(economy, payments, expected, handed_out):
        return None
    return tuple(np.diagonal(table) + each + handed_out for table, each in zip(tables, payments, strict=True))


def _error_of_levels(sample: SampledEconomy) -> float:
    """Return a bound on the standard error of what all players' types expect of their goods in sum, numeraire."""
    if sample.tables.exact:
        return 0.0
    total = 0.0
    for player, table in enumerate(sample.tables.by_player()):
        marginal = sample.economy.prior.marginal(player)
        own = [standard_error(table.belief[kind], table.goods[kind, kind]) for kind in range(len(marginal))]
        total += float(max(own))
    return total


def _payable(economy: Economy, payments: list[FloatArray], expected: FloatArray, handed_out: float) -> bool:
    """Say whether everybody owns what it is asked for at worst when surprises are shared by the others equally."""
    surprise = np.array([float((each - mean).max()) for each, mean in zip(payments, expected, strict=True)])
    others = (surprise.sum() - surprise) / (len(payments) - 1)
    asked = np.array([float(each.min()) for each in payments]) + handed_out - others
    owned = np.minimum.reduceat(economy.endowment_table[:, -1], economy.first_rows)
    return bool((asked >= -owned).all())


def fixed_price_gains(economy: Economy, sample: SampledEconomy) -> FloatArray:
    """Return what trade at a fixed price gains at each profile, ``(P,)``, numeraire; nothing where goods go together.

    The price is the mean of the supporting ones. Every type names its best net trade of each good at it, for which it
    may spend an equal share of its money; the longer side is rationed uniformly.
    """
    profiles, weights = sample.profiles.types, sample.profiles.weights
    if not economy.valuations.separable:
        return np.zeros(len(profiles))
    rows = np.arange(len(economy.endowment_table))
    price = weights @ sample.efficient.price[:, :-1]
    owned, money = economy.endowment_table[:, :-1], economy.endowment_table[:, -1:]
    wanted = economy.valuations.demand(rows, np.broadcast_to(price, owned.shape))
    with np.errstate(divide="ignore", invalid="ignore"):
        affordable = np.where(price > 0, owned + money / (len(price) * price), np.inf)
    net = (np.minimum(np.minimum(wanted, affordable), owned.sum(axis=0)) - owned)[economy.rows(profiles)]
    bought, sold = np.maximum(net, 0.0), np.maximum(-net, 0.0)
    traded = np.minimum(bought.sum(axis=1), sold.sum(axis=1))
    change = uniformly_rationed(bought, traded) - uniformly_rationed(sold, traded)
    bundles = np.maximum(economy.endowments(profiles)[..., :-1] + change, 0.0)
    return np.asarray(economy.gains_from_goods(profiles, bundles).sum(axis=1))


def uniformly_rationed(claims: FloatArray, available: FloatArray) -> FloatArray:
    """Cut claims ``(P, N, G)`` at one size for each good so that they add up to what is available, ``(P, G)``.

    Nothing is cut where claims add up to no more.
    """
    ascending = np.sort(claims, axis=1)
    players = claims.shape[1]
    served = np.cumsum(ascending, axis=1) - ascending
    remaining = (players - np.arange(players))[:, None]
    # The size at which claims from each rank on would be cut; the first that does not exceed its own claim is it.
    sizes = (available[:, None] - served) / remaining
    cut = sizes <= ascending
    first = np.argmax(cut, axis=1)
    size = np.where(cut.any(axis=1), np.take_along_axis(sizes, first[:, None], axis=1)[:, 0], np.inf)
    return np.minimum(claims, size[:, None])
