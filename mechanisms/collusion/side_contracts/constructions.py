r"""Side-contracts that need no search: plays by which members take all that there is, mixed by lot.

*Crowding out.* Where a bankrupt player's trades stand, all members quote one good enormously and the others at nothing,
which the winner pays for more than there is of everything else with a speck of that good. The seller is short and
bankrupt, but the claim stands, and the projection leaves nobody else anything but of that good.

*Reselling.* Where each pays what its counterparty quotes, the winner quotes nothing and its partner one good
enormously. The winner buys whatever outsiders own, at the contract's price but to their credit at nothing, and pays
with a speck that it sells its partner.

*Buying out.* Where trades with the bankrupt are cancelled and transfers need no cover, the sacrificed is given a
transfer that it cannot pay, with whose counterpart its partner buys all that outsiders own. With the same transfers the
two may also trade alone: the partner pays the transfer back for a speck of an enormously quoted good.

*Taking.* Where orders are matched and each pays what its counterparty quotes, the winner of the second play cannot buy
what it likes, but it takes all that outsiders were to deliver to it and delivers nothing: they are owed nothing for it.

*After deposits* outsiders who are in no flow are out of reach. A speck of money that a member gives them draws them in;
where players trade only if they quote the same, that needs a third member, who does not misquote.

In the first two, members take turns at winning, or the winner hands the others some money whenever the contract is
played instead. In the third the two plays take turns. Which lottery is best a small linear program says; that it
exists wherever enough money belongs to outsiders is proved in ``docs/collusion.md`` (Theorems 5 to 7). The
constructions are ours.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.side_contracts.menu import Menu
from marketgame.mechanisms.deviations.exchanges import exchanges
from marketgame.mechanisms.deviations.situation import JointAction, Situation, obedient, settled_gains, stacked
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    Pricing,
    Refusal,
    Solvency,
    Withholding,
)

CROWD = 4.0
"""A winner claims this many times what there is: others claim less than twice that."""

SPECK = 1e-6
"""Share of what there is, or is owned, of a good that is a speck of it."""

LEFT = 1e-9
"""Share of their holdings that sellers keep, so that rounding does not make them short."""

AMPLE = 1.01
"""Payments that may be larger than they must be are so by this factor."""

PAIR = 2


def constructed_menu(situation: Situation) -> Menu:
    """Return a menu of obedience and of the constructions that the rules of the market admit."""
    rules, menu = situation.rules, Menu.of(situation)
    for action in exchanges(situation):
        menu.actions.append(action)
        if action.side_transfers.any():
            menu.transfers.append(action.side_transfers)
    if not len(situation.outsiders) or len(situation.coalition) < PAIR:
        return menu
    matched = rules.execution is Execution.MATCHED
    if matched and rules.refusal is Refusal.ESCROW:
        return menu
    if rules.solvency is not Solvency.NO_SHORT_SALES and not matched:
        return menu
    wins = list(_wins(situation))
    menu.actions += wins
    for gift in _gifts(situation, wins):
        menu.actions.append(gift)
        menu.transfers.append(gift.side_transfers)
    if rules.bankruptcy is Bankruptcy.UNWIND and rules.coverage is Coverage.UNLIMITED:
        for buyer, sacrificed in ((0, 1), (1, 0)) if len(situation.coalition) == PAIR else ():
            plays = list(_buying_out(situation, buyer, sacrificed))
            menu.actions += plays
            menu.transfers += [plays[0].side_transfers] if plays else []
    return menu


def _wins(situation: Situation) -> Iterator[JointAction]:
    """Yield plays in which one member takes nearly everything."""
    rules, goods = situation.rules, situation.supply.shape[-1]
    for winner, other in itertools.permutations(range(len(situation.coalition)), 2):
        for good in range(goods):
            stands = rules.bankruptcy is Bankruptcy.TRADES_STAND or rules.solvency is Solvency.BUDGET
            if stands and other == (winner + 1) % len(situation.coalition):
                yield from _crowding_out(situation, winner, other, good)
            if rules.pricing is Pricing.COUNTERPARTY and good < goods - 1:
                yield from _reselling(situation, winner, other, good)


def _crowding_out(situation: Situation, winner: int, seller: int, good: int) -> Iterator[JointAction]:
    """Yield the play in which the winner claims all but one good, or all goods for nothing where that is money."""
    supply, (quotes, orders) = situation.supply.max(axis=0), _nothing(situation)
    numeraire = len(supply) - 1
    orders[winner, situation.members[seller]] = CROWD * supply
    if good < numeraire:
        speck = SPECK * situation.endowments[0, situation.members[winner], good]
        if speck == 0.0:
            return
        quotes[:, good] = AMPLE * ((CROWD + 1.0) * supply[-1] + _owed(situation)) / speck
        orders[winner, situation.members[seller], good] = -speck
    else:
        orders[winner, situation.members[seller], good] = min(0.0, _least_transfer(situation, winner))
    if situation.rules.refusal is Refusal.ESCROW and not _draw_in(situation, quotes, orders, (winner, seller)):
        return
    yield _action(situation, quotes, orders)


def _draw_in(situation: Situation, quotes: FloatArray, orders: FloatArray, pair: tuple[int, int]) -> bool:
    """Let a member give outsiders a speck of money, so that what they hold is shared out; say whether one can."""
    giver = pair[0]
    if situation.rules.pricing is Pricing.VOID:
        third = next((place for place in range(len(situation.coalition)) if place not in pair), None)
        if third is None:
            return False
        giver = third
        quotes[giver] = situation.prescribed.quotes[0, situation.members[giver]]
    money = float(situation.endowments[0, situation.members[giver], -1])
    orders[giver, situation.outsiders, -1] -= SPECK * money / len(situation.outsiders)
    return money > 0.0


def _reselling(situation: Situation, winner: int, partner: int, good: int) -> Iterator[JointAction]:
    """Yield the play in which the winner gets what outsiders own and pays with a speck that its partner buys dearly."""
    supply, (quotes, orders) = situation.supply.max(axis=0), _nothing(situation)
    members, owned = situation.members, situation.endowments[0]
    speck = SPECK * supply[good]
    if speck == 0.0:
        return
    # What the winner may have to pay, a gift it made included.
    worth = float((situation.prescribed.quotes.max(axis=(0, 1)) * supply).sum())
    quotes[partner, good] = AMPLE * (worth + supply[-1] + _owed(situation)) / speck
    orders[winner, situation.outsiders] = _all_of_outsiders(situation, winner)
    others = [member for place, member in enumerate(members) if place != winner]
    orders[winner, others] = (1 - LEFT) * owned[others]
    orders[winner, members[partner], good] = -speck
    yield _action(situation, quotes, orders)


def _buying_out(situation: Situation, buyer: int, sacrificed: int) -> Iterator[JointAction]:
    """Yield plays that share a transfer from the sacrificed: all outsiders' goods for it, or a speck of the other's."""
    told, members, owned = obedient(situation), situation.members, situation.endowments[0]
    orders = _nothing(situation)[1]
    orders[buyer, situation.outsiders] = bought = _all_of_outsiders(situation, buyer)
    received = situation.prescribed.orders[:, situation.outsiders, members[buyer]] * _bind(situation)
    cost = float((situation.prescribed.quotes[:, situation.outsiders] * (bought - received)).sum(axis=(1, 2)).max())
    transfer = AMPLE * max(cost, 0.0) + 2.0 * _owed(situation)
    side = np.zeros(PAIR)
    side[buyer], side[sacrificed] = transfer, -transfer
    shown = owned[members].copy()
    if situation.rules.withholding is Withholding.CONSUMED:
        shown[sacrificed] *= LEFT
    yield JointAction(told.quotes, orders, shown, side)
    transfers = situation.prescribed.transfers[0, members]
    paid = transfer + (transfers[buyer] - transfers[sacrificed]) / 2.0
    mine, its = owned[members[buyer]], owned[members[sacrificed]]
    for good in np.flatnonzero(its[:-1] > 0):
        for moved in (0.0, 1.0 - LEFT):
            quotes, orders = _nothing(situation)
            speck = SPECK * its[good]
            given = mine * np.append(np.full(len(mine) - 1, moved), 1.0 - LEFT)
            given[good] = -speck
            quotes[:, good] = (paid + given[-1]) / speck
            orders[buyer, members[sacrificed]] = -given
            yield JointAction(quotes, _both_order(situation, orders), owned[members], side)


def _gifts(situation: Situation, wins: list[JointAction]) -> Iterator[JointAction]:
    """Yield the contract with a gift of money by one member, who wins otherwise: to others what these then lose."""
    if not wins:
        return
    told, members = obedient(situation), situation.members
    gained = settled_gains(situation, stacked(wins)) - situation.obedient_gains
    possible = np.where(np.isfinite(gained).all(axis=-1, keepdims=True), gained, -np.inf)
    for winner, giver in enumerate(members):
        best = int(possible[:, winner].argmax())
        if possible[best, winner] <= 0.0:
            continue
        losses = np.where(np.arange(len(members)) == winner, 0.0, np.maximum(-gained[best], 0.0))
        money = float((situation.endowments[0, giver, -1] + situation.prescribed.transfers[:, giver].min()) / 2.0)
        if losses.sum() == 0.0 or money <= 0.0:
            continue
        gift = losses * min(1.0, money / losses.sum())
        given = np.zeros_like(told.orders)
        given[:, giver, -1] = gift
        gift[winner] = -gift.sum()
        yield JointAction(told.quotes, told.orders + _both_order(situation, given), told.announced_endowments, gift)


def _nothing(situation: Situation) -> tuple[FloatArray, FloatArray]:
    """Return quotes of nothing for goods, ``(S, L)``, and orders that undo those of outsiders, ``(S, N, L)``."""
    members, outsiders = situation.members, situation.outsiders
    players, goods = situation.endowments.shape[1:]
    quotes = np.zeros((len(members), goods))
    quotes[:, -1] = 1.0
    orders = np.zeros((len(members), players, goods))
    # Where outsiders' orders are not known, members sell the difference: that costs nothing.
    received = situation.prescribed.orders[:, outsiders][:, :, members].min(axis=0)
    orders[:, outsiders] = received.swapaxes(0, 1) * _bind(situation)
    return quotes, orders


def _bind(situation: Situation) -> float:
    """Return 1 if outsiders' orders bind members unless they undo them, else 0."""
    return 0.0 if situation.rules.execution is Execution.MATCHED else 1.0


def _both_order(situation: Situation, orders: FloatArray) -> FloatArray:
    """Return orders by which what one member orders from another is executed, ``(S, N, L)``."""
    if situation.rules.execution is Execution.MATCHED:
        among = orders[:, situation.members]
        orders[:, situation.members] = among - among.swapaxes(0, 1)
    return orders


def _all_of_outsiders(situation: Situation, buyer: int) -> FloatArray:
    """Return what a member orders from outsiders so that they have next to nothing left, ``(N - S, L)``.

    Where orders are matched that is what they were to deliver.
    """
    outsiders, told = situation.outsiders, situation.prescribed
    if situation.rules.execution is Execution.MATCHED:
        asked = told.orders[:, outsiders, situation.members[buyer]]
        return np.maximum(-asked, 0.0).min(axis=0)
    among = told.orders[:, outsiders][:, :, outsiders]
    held = told.announced_endowments[:, outsiders] + (among - among.swapaxes(1, 2)).sum(axis=2)
    left = LEFT * situation.supply[:, None]
    received = told.orders[:, outsiders, situation.members[buyer]]
    least: FloatArray = (held - left + received).min(axis=0)
    return least


def _least_transfer(situation: Situation, place: int) -> float:
    return float(situation.prescribed.transfers[:, situation.members[place]].min())


def _owed(situation: Situation) -> float:
    """Return more than any member owes, numeraire."""
    return float(np.abs(situation.prescribed.transfers[:, situation.members]).sum(axis=1).max())


def _action(situation: Situation, quotes: FloatArray, orders: FloatArray) -> JointAction:
    owned = situation.endowments[0, situation.members]
    return JointAction(quotes, _both_order(situation, orders), owned, np.zeros(len(owned)))
