r"""When a member of every coalition is provably tempted to break whatever it agrees on.

By *arbitrage*, the argument of the paper's Theorem 1, repaired.

If quotes are seen before orders and trades of bankrupt players stand, a member who sees another member and an outsider
quote some good differently can buy and sell it without bound, bankrupt everybody and take everything there is. So an
agreement with a misquote tempts every member but the misquoter to break it, and one without a misquote gains nothing
where short sales bankrupt. ``docs/collusion.md``, Proposition 4, has the proof and uses each of the conditions below.

By *buying out*. Where trades with the bankrupt are cancelled, void between unequal quotes, and transfers need no cover,
two members gain only if one is given so much that the other cannot live but by trading at odd quotes with it. It rather
quotes the contract's price and buys all that outsiders own. That is Theorem 15, about pairs; three members are examined
by :mod:`marketgame.mechanisms.collusion.side_contracts.three_members` (Theorem 22), and more are not.

By *outbidding*, or by *selling dear*, where trades with the bankrupt stand
(:mod:`marketgame.mechanisms.collusion.side_contracts.outbidding`, Theorems 20 and 21).

Source:
    Giraud and Rochon (2001), proof of Theorem 1, which overlooks that under its rules one player gains alone.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import combinations

import numpy as np

from marketgame.mechanisms.collusion.side_contracts.outbidding import outbid_each_other, rather_sell_than_be_ruined
from marketgame.mechanisms.collusion.side_contracts.three_members import three_may_agree
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.knowledge import known_by
from marketgame.mechanisms.deviations.bounds import least_bound
from marketgame.mechanisms.deviations.oracle import profit_tolerance
from marketgame.mechanisms.deviations.premises import ARBITRAGE, BUYING_OUT, OUTBIDDING, SELLING_DEAR
from marketgame.mechanisms.deviations.situation import situation_of
from marketgame.mechanisms.market_game.rules import MarketRules

LEAST_WEALTH = 1e-12
"""A wealth of less than this share of what is owned and of what is transferred may be none."""


PAIR, TRIO = 2, 3

MOST_PLAYERS = 5
"""Of more players, no coalition of three is examined."""


class Temptation(StrEnum):
    """By what some member of every coalition is tempted to break its agreement."""

    ARBITRAGE = "arbitrage"
    BUYING_OUT = "buying out"
    OUTBIDDING = "outbidding"
    SELLING_DEAR = "selling dear"


def deterred_by(contract: GrandContract, rules: MarketRules) -> Temptation | None:
    """Say by what every coalition is kept from an internally consistent improvement on the grand contract.

    Returns:
        What tempts a member, if a proof applies; None says nothing.
    """
    if ARBITRAGE.holds(rules):
        tempting = Temptation.ARBITRAGE
    elif BUYING_OUT.holds(rules) and PAIR < len(contract.economy.players) <= MOST_PLAYERS:
        tempting = Temptation.BUYING_OUT
    elif OUTBIDDING.holds(rules) and outbid_each_other(contract):
        tempting = Temptation.OUTBIDDING
    elif SELLING_DEAR.holds(rules) and rather_sell_than_be_ruined(contract):
        tempting = Temptation.SELLING_DEAR
    else:
        return None
    applies = (
        # At a stated price there may be more to gain than by a misquote.
        contract.stated is None
        and everybody_knows_the_profile(contract)
        and _everything_is_wanted(contract)
        and _everybody_is_worth_something(contract)
        and (tempting is Temptation.ARBITRAGE or _only_pairs_may_agree(contract, rules))
    )
    return tempting if applies else None


def _only_pairs_may_agree(contract: GrandContract, rules: MarketRules) -> bool:
    """Say whether no three or more, but not all, have an internally consistent improvement at any profile."""
    players = range(len(contract.economy.players))
    for number in np.flatnonzero(contract.probability > 0).tolist():
        for size in range(TRIO, len(players)):
            for coalition in combinations(players, size):
                whole = situation_of(contract, number, coalition, rules)
                if least_bound(whole).total_gain <= profit_tolerance(whole):
                    continue
                if size > TRIO or three_may_agree(contract, number, coalition, rules):
                    return False
    return True


def everybody_knows_the_profile(contract: GrandContract) -> bool:
    """Say whether the contract tells every player enough to know the profile, by prices or by what it is to trade.

    Numbers that computation cannot tell apart are equal in a contract
    (:mod:`marketgame.mechanisms.contracts.canonical`).
    """
    players = range(len(contract.economy.players))
    return all(len(known.profiles) == 1 for player in players for known in known_by(contract, player))


def _everything_is_wanted(contract: GrandContract) -> bool:
    """Say whether every type's valuation increases in every good wherever it holds no more than there is.

    The proofs need it everywhere below the aggregate, not only there: where goods go together, a good may be a burden
    to whoever lacks the other and a boon to whoever has everything.
    """
    economy = contract.economy
    rows, supply = economy.rows(economy.profiles), economy.endowments(economy.profiles)[..., :-1].sum(axis=1)
    return all(
        bool((valuation.least_gradient(supply[(rows == row).any(axis=1)].max(axis=0)) > 0).all())
        for row, valuation in enumerate(economy.valuations.valuations)
    )


def _everybody_is_worth_something(contract: GrandContract) -> bool:
    """Say whether everybody's wealth is positive at every profile, by more than rounding."""
    value = (contract.price[:, None, :] * contract.endowments).sum(axis=-1)
    rounding = LEAST_WEALTH * (value + np.abs(contract.transfers))
    return bool((value + contract.transfers > rounding).all())
