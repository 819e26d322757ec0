r"""Contracts as somebody states them: what may be recommended after which reports, and with what probability.

After every profile of reports the recommendations that are made for it are drawn with their probabilities. Each says at
what price everybody quotes and what everybody's net trade is, which adds up to nothing over players: so much of each
good, or a share of the trade by which the competitive equilibrium at the reported types is reached. Nothing asks that
it be efficient, that it be the same draw after draw, or that anybody learn anything from it.

The draw is one for all reports: the unit interval is cut wherever, after some reports, one recommendation ends and the
next begins (:mod:`marketgame.mechanisms.contracts.stated`).

Source: Giraud and Rochon (2001), Definition 3, for recommendations that quote one price and that nobody fails by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from marketgame.mechanisms.arrays import PROBABILITY_TOLERANCE, BooleanArray, FloatArray, IntegerArray, read_only
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.stated import StatedRecommendations
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation

# Net trades add up to nothing up to this share of the largest of them.
TRADE_TOLERANCE = 1e-9
# A holding is nothing, not a debt, up to this share of what is traded and owned.
DEBT_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Recommendation:
    """What all may be told after some reports.

    Attributes:
        net_trades: what each player is to gain by trade, ``(N, L)``, units, the numeraire last; a number for that share
            of the net trades of the competitive equilibrium at the reported types.
        price: that all are to quote, ``(L,)``, numeraire per unit, the numeraire's own, 1, last; the equilibrium's if
            none is given.
        types: the types of players at whose reports it may be made, by name; whoever is not named may report any.
        probability: that it is made after these reports.
    """

    net_trades: FloatArray | float
    price: FloatArray | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    probability: float = 1.0


def stated_contract(economy: Economy, recommendations: Sequence[Recommendation]) -> GrandContract:
    """Return the contract that makes these recommendations.

    Args:
        economy: whose types are reported.
        recommendations: those that may be made after any reports; of every profile probabilities sum to 1.

    Raises:
        ValueError: a name is unknown, after some reports probabilities do not sum to 1, net trades do not add up to
            nothing, leave somebody with less than nothing, or prices are negative; the message begins with the place.
    """
    efficient = efficient_allocation(economy)
    competes = any(each.price is None or isinstance(each.net_trades, float | int) for each in recommendations)
    walrasian = grand_contract(economy) if competes else None
    made = [_made_at(economy, place, each) for place, each in enumerate(recommendations)]
    chances, chosen = _drawn(economy, recommendations, made)
    price = np.empty((*chosen.shape, len(economy.goods)))
    trades = np.empty((*chosen.shape, len(economy.players), len(economy.goods)))
    for place, (each, after) in enumerate(zip(recommendations, made, strict=True)):
        _refuse_nonsense(economy, place, each, np.flatnonzero(after))
        told = chosen == place
        profile = np.broadcast_to(np.arange(chosen.shape[1]), chosen.shape)[told]
        if each.price is not None:
            price[told] = each.price
        elif walrasian is not None:
            price[told] = walrasian.price[profile]
        if not isinstance(each.net_trades, float | int):
            trades[told] = each.net_trades
        elif walrasian is not None:
            trades[told] = each.net_trades * walrasian.net_trades[profile]
    holds = economy.endowments(economy.profiles) + trades
    owes = np.minimum(holds, 0.0)[..., :-1]
    bundles = np.maximum(holds[..., :-1], 0.0)
    # What is taken off for a debt that is none by rounding, nobody else holds.
    bundles[..., 0, :] += owes.sum(axis=-2)
    stated = StatedRecommendations(
        chances, price.reshape(-1, price.shape[-1]), np.maximum(bundles, 0.0).reshape(-1, *bundles.shape[2:])
    )
    payments = trades[..., -1].reshape(-1, trades.shape[2])
    return GrandContract(economy, efficient, payments, stated=stated)


def power_by_reports(contract: GrandContract) -> bool:
    """Say whether purchasing power depends on reports alone, as Definition 3 has it, and not on the draw."""
    by_draw = contract.value_of_trades.reshape(len(contract.chances), -1, contract.profiles.shape[1])
    rounding = TRADE_TOLERANCE * np.abs(by_draw).max(initial=0.0)
    return bool((np.ptp(by_draw, axis=0) <= rounding).all())


def tells_all(contract: GrandContract) -> bool:
    """Say whether each player learns the others' types from what it is told: the contract is fully revealing."""
    possible = contract.probability > 0
    for player in range(contract.profiles.shape[1]):
        known = np.column_stack([contract.messages[:, player], contract.profiles[:, player]])[possible]
        everything = np.column_stack([known, contract.profiles[possible]])
        if len(np.unique(known, axis=0)) < len(np.unique(everything, axis=0)):
            return False
    return True


def inefficiency(contract: GrandContract) -> FloatArray:
    """Return how much more the players could enjoy in sum than after each recommendation, ``(R,)``, numeraire."""
    economy, numbers = contract.economy, np.arange(len(contract.profiles))
    best = economy.gains_from_goods(contract.profiles, contract.efficient_at(numbers).bundles)
    return read_only((best - economy.gains_from_goods(contract.profiles, contract.bundles)).sum(axis=-1))


def _made_at(economy: Economy, place: int, recommendation: Recommendation) -> BooleanArray:
    """Say after which profiles of reports a recommendation may be made, ``(P,)``."""
    after = np.ones(len(economy.profiles), dtype=np.bool_)
    for name, kind in recommendation.types.items():
        where = f"recommendations[{place}].types.{name}"
        if name not in economy.player_names:
            raise ValueError(f"{where} names no player; it must be one of {', '.join(economy.player_names)}")
        player = economy.player_names.index(name)
        kinds = [each.name for each in economy.players[player].types]
        if kind not in kinds:
            raise ValueError(f"{where} is {kind!r}; it must be one of {', '.join(kinds)}")
        after &= economy.profiles[:, player] == kinds.index(kind)
    return after


def _drawn(
    economy: Economy, recommendations: Sequence[Recommendation], made: Sequence[BooleanArray]
) -> tuple[FloatArray, IntegerArray]:
    """Return the chances of draws, ``(D,)``, and which recommendation each makes after which reports, ``(D, P)``."""
    for place, each in enumerate(recommendations):
        if not 0 < each.probability <= 1:
            raise ValueError(
                f"recommendations[{place}].probability is {each.probability:g}; it must be above 0 and at most 1"
            )
    likely = np.array([[each.probability] for each in recommendations]).reshape(-1, 1) * np.reshape(
        made, (len(recommendations), len(economy.profiles))
    )
    totals = likely.sum(axis=0)
    wrong = np.abs(totals - 1) > PROBABILITY_TOLERANCE
    if wrong.any():
        number = int(np.argmax(wrong))
        types = economy.type_names(economy.profiles[number])
        raise ValueError(
            f"recommendations: those made after reports {types} have probabilities that sum to {totals[number]:.12g}; "
            "they must sum to 1"
        )
    ends = np.cumsum(likely, axis=0)
    cuts = [0.0]
    for end in np.unique(ends):
        if end - cuts[-1] > PROBABILITY_TOLERANCE:
            cuts.append(float(end))
    cuts[-1] = 1.0
    middles = np.array([(low + high) / 2 for low, high in pairwise(cuts)])
    chosen = (ends[None] <= middles[:, None, None]).sum(axis=1)
    return np.diff(cuts), np.minimum(chosen, len(recommendations) - 1)


def _refuse_nonsense(economy: Economy, place: int, recommendation: Recommendation, after: IntegerArray) -> None:
    where = f"recommendations[{place}]"
    if recommendation.price is not None:
        _refuse_price(economy, where, np.asarray(recommendation.price, dtype=np.float64))
    if isinstance(recommendation.net_trades, float | int):
        if not 0 <= recommendation.net_trades <= 1:
            raise ValueError(f"{where}.share is {recommendation.net_trades:g}; it must be from 0 to 1")
        return
    _refuse_trades(economy, where, np.asarray(recommendation.net_trades, dtype=np.float64), after)


def _refuse_price(economy: Economy, where: str, price: FloatArray) -> None:
    if price.shape != (len(economy.goods),) or price[-1] != 1:
        raise ValueError(f"{where}.price must have an entry for each good, 1 for {economy.goods[-1]}")
    for good, amount in zip(economy.goods, price, strict=True):
        if not (np.isfinite(amount) and amount >= 0):
            raise ValueError(f"{where}.price.{good} is {amount:g}; it must be at least 0")


def _refuse_trades(economy: Economy, where: str, trades: FloatArray, after: IntegerArray) -> None:
    shape = (len(economy.players), len(economy.goods))
    if trades.shape != shape or not np.isfinite(trades).all():
        raise ValueError(f"{where}.net_trade must have a finite entry for each of {shape[0]} players, {shape[1]} goods")
    excess, largest = trades.sum(axis=0), np.abs(trades).max(axis=0)
    for name, beyond, most in zip(economy.goods, excess, largest, strict=True):
        if abs(beyond) > TRADE_TOLERANCE * most:
            raise ValueError(f"{where}.net_trade adds up to {beyond:.6g} of {name} over players; it must add up to 0")
    owned = economy.endowments(economy.profiles[after])
    short = owned + trades < -DEBT_TOLERANCE * (owned + np.abs(trades))
    if short.any():
        number, player, good = (int(one) for one in np.argwhere(short)[0])
        field = f"{where}.net_trade.{economy.player_names[player]}.{economy.goods[good]}"
        raise ValueError(
            f"{field} is {trades[player, good]:g}; it must be at least {-owned[number, player, good]:g}, as only that "
            f"much is owned after reports {economy.type_names(economy.profiles[after[number]])}"
        )
