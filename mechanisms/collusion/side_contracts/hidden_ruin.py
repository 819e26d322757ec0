r"""Agreements of two that only a guess breaks, as unlikely as one likes, where trades with the bankrupt stand.

It is announced to both who of them wins. The winner alone is told a number: how much money it lets flow from the loser,
and to each outsider. That ruins all others, and the winner takes all there is, paid with a speck of a good that both
quote enormously (``spread``) or with what it resells (``counterparty``). The loser has nothing to lose by guessing the
number, but may be made to guess among as many as one likes. ``docs/collusion.md``, Theorem 23, has the proof; what is
made here are sizes that suffice. The construction is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.knowledge import known_by
from marketgame.mechanisms.deviations.premises import HIDDEN_RUIN
from marketgame.mechanisms.deviations.situation import Situation, situation_of
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.market_game.rules import MarketRules, Pricing

SHARE = 0.125
"""What a member may gain by breaking the agreement is made less than this share of what counts as a gain."""

ROOM = 1e-6
"""By this share a quote is dearer than it has to be for what is sold to pay for all money, where that is rounded."""

LEFT = 1e-6
"""Members who share less than this of the odds gain too little to be looked at."""


@dataclass(frozen=True, eq=False)
class HiddenRuin:
    """An agreement of two at a profile that both know; elsewhere the contract stands.

    Attributes:
        coalition: the two, ascending.
        number: of the profile.
        good: number of the good that the winner pays with.
        quote: what both quote for it where the dearer quote is paid, numeraire per unit.
        apart: by how much money the hidden numbers differ.
        numbers: how many there are.
        odds: that each wins, ``(2,)``.
    """

    coalition: Coalition
    number: int
    good: int
    quote: float
    apart: float
    numbers: int
    odds: FloatArray


def hidden_ruins(contract: GrandContract, rules: MarketRules, pairs: Iterable[Coalition]) -> Iterator[HiddenRuin]:
    """Yield for each of some pairs the agreement that leaves it most to share, if the two ratios admit one.

    Of the profiles that both members know it is at the likeliest that admits one.
    """
    if not HIDDEN_RUIN.holds(rules) or len(contract.economy.players) <= len("ij"):
        return
    contract = contract.under(rules)
    known: dict[int, set[int]] = {}
    for pair in pairs:
        for member in pair:
            if member not in known:
                singles = (one.profiles for one in known_by(contract, member) if len(one.profiles) == 1)
                known[member] = {number for (number,) in singles}
        both = sorted(known[pair[0]] & known[pair[1]], key=lambda number: -contract.probability[number])
        at_each = (_at(contract, situation_of(contract, number, pair, rules), number) for number in both)
        found = next((one for one in at_each if one is not None), None)
        if found is not None:
            yield found


def _at(contract: GrandContract, situation: Situation, number: int) -> HiddenRuin | None:
    """Return the agreement with the most to share at a profile, of all goods that the winner may pay with."""
    stakes = contract.stakes[contract.economy.rows(contract.profiles[number])][situation.members]
    found = [_with(situation, number, good, stakes) for good in range(situation.supply.shape[-1] - 1)]
    made = [(spare, one) for spare, one in found if one is not None and spare > LEFT]
    return max(made, key=lambda pair: pair[0])[1] if made else None


def _with(situation: Situation, number: int, good: int, stakes: FloatArray) -> tuple[float, HiddenRuin | None]:
    """Return how much of the odds is left to share, and the agreement, if a winner can pay with a good."""
    if situation.rules.pricing is Pricing.VOID:
        return _staircase(situation, number, good, stakes)
    told, owned = situation.prescribed, situation.endowments[0]
    members, outsiders = list(situation.members), situation.outsiders
    spread = situation.rules.pricing is Pricing.SPREAD
    price = told.quotes[0, outsiders[0]]
    if (spread and owned[members, good].min() <= 0.0) or (not spread and price[good] <= 0.0):
        return 0.0, None
    shown = told.announced_endowments[0].copy()
    shown[members] = owned[members]
    there_is = shown.sum(axis=0)
    economy, profile = situation.economy, situation.profiles[0]
    valuations = [economy.valuations.valuations[int(row)] for row in economy.rows(profile)[members]]
    wins, everything, steepest = [], [], []
    for valuation, member in zip(valuations, members, strict=True):
        won, nothing = there_is.copy(), float(valuation.value(np.zeros(len(there_is) - 1)))
        won[good] = owned[member, good] if spread else there_is[good]
        wins.append(float(valuation.value(won[:-1]) + won[-1]) - nothing)
        everything.append(float(valuation.value(there_is[:-1]) + there_is[-1]) - nothing)
        steepest.append(max(float(valuation.gradient(won[:-1])[good]), 0.0))
    nets = np.zeros((2, *owned.shape))
    nets[[0, 1], members] = -owned[members]
    profiles = np.broadcast_to(profile, (2, len(profile)))
    obeying = situation.obedient_gains - economy.gains(profiles, nets)[[0, 1], members]
    ratios = obeying / np.array(wins)
    spare = 1.0 - float(ratios.sum())
    if not np.isfinite(ratios).all() or min(wins) <= 0.0 or spare <= LEFT:
        return 0.0, None
    counted = SHARE * GAIN_TOLERANCE * stakes
    numbers = _power_of_two(float((np.array(everything) / counted).max()))
    # The speck, and what could be bought beside it at this quote, are worth next to nothing.
    granted = np.abs(told.transfers[0])
    wealth = float(there_is @ price + granted.sum())
    quote = 0.0
    if spread:
        marginal = float((np.array(steepest) / counted).max())
        dear = max(marginal * 2.0 * wealth, 2.0 * wealth / float(owned[members, good].min()), 2.0 * float(price[good]))
        quote = _power_of_two(dear)
    ordered = float((np.abs(told.orders[0]).sum(axis=(0, 1)) @ price) * len(owned))
    apart = _power_of_two(4.0 * (ordered + wealth + quote * float(there_is[good])))
    odds = ratios + spare / 2.0
    agreed = HiddenRuin(
        situation.coalition, number, good, quote, apart, int(numbers), np.array([odds[0], 1.0 - odds[0]])
    )
    return spare, agreed


def _staircase(situation: Situation, number: int, good: int, stakes: FloatArray) -> tuple[float, HiddenRuin | None]:
    """Return the same where trades are void between unequal quotes: each wins half of the time, and is not told."""
    told, owned = situation.prescribed, situation.endowments[0]
    members, there_is = list(situation.members), situation.endowments[0].sum(axis=0)
    if owned[members, good].min() <= 0.0:
        return 0.0, None
    economy, profile = situation.economy, situation.profiles[0]
    money = float(there_is[-1])
    # What outsiders hold who trade among themselves only.
    outside = situation.outsiders
    flows = told.orders[0][np.ix_(outside, outside)]
    held = owned[outside, -1] + (flows - flows.swapaxes(0, 1)).sum(axis=1)[:, -1]
    paid = money + float(held.max()) - owned[members, -1] - told.transfers[0, members]
    quote = float((paid / owned[members, good]).max()) * (1.0 + ROOM)
    if quote <= 0.0 or not np.isfinite(quote):
        return 0.0, None
    # Else somebody lives whether it wins or loses.
    spare_money = np.maximum(owned[members, -1] + told.transfers[0, members], 0.0)
    if (np.maximum(paid, 0.0).sum() <= quote * owned[members, good] + spare_money).any():
        return 0.0, None
    nets = np.zeros((2, *owned.shape))
    nets[[0, 1], members] = -owned[members]
    profiles = np.broadcast_to(profile, (2, len(profile)))
    nothing = economy.gains(profiles, nets)[[0, 1], members]
    nets[[0, 1], members] = there_is - owned[members]
    nets[[0, 1], members, good] = -np.maximum(paid, 0.0) / quote
    wins = economy.gains(profiles, nets)[[0, 1], members] - nothing
    spare = 1.0 - 2.0 * float(((situation.obedient_gains - nothing) / wins).max())
    if not np.isfinite(spare) or min(wins) <= 0.0 or spare <= LEFT:
        return 0.0, None
    numbers = 1 + int(_power_of_two(float((wins / (SHARE * GAIN_TOLERANCE * stakes)).max())))
    agreed = HiddenRuin(situation.coalition, number, good, quote, float(paid.max()), numbers, np.array([0.5, 0.5]))
    return spare, agreed


def _power_of_two(number: float) -> float:
    """Return the least power of two that is no less, at least 2: exact in whatever it is multiplied with."""
    return float(2.0 ** np.ceil(np.log2(max(number, 2.0))))
