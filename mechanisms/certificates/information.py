r"""What the members of a coalition know together when the grand contract has made its recommendations.

Member i knows its type and its recommendation, :math:`(t_i, a_i)`. Together the members know these of all of them, and
cannot tell apart the profiles of the outsiders' types at which they are the same.

Source: Giraud and Rochon (2001), Definition 5.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.messages import information
from marketgame.mechanisms.deviations.situation import (
    Reaction,
    Situation,
    situation_among,
)
from marketgame.mechanisms.market_game.rules import MarketRules


def situations(
    contract: GrandContract, coalition: tuple[int, ...], rules: MarketRules, reaction: Reaction | None = None
) -> tuple[Situation, ...]:
    """Return what a coalition may face, one situation for each thing it may know.

    Args:
        contract: which all others obey.
        coalition: the members, ascending.
        rules: of the market.
        reaction: how outsiders answer quotes that are not the contract's; None if they play on.
    """
    return tuple(each_situation(contract, coalition, rules, reaction))


def each_situation(
    contract: GrandContract, coalition: tuple[int, ...], rules: MarketRules, reaction: Reaction | None = None
) -> Iterator[Situation]:
    """Yield the same one by one; arguments as of `situations`."""
    known = information(contract, coalition)
    for number in np.unique(known[known >= 0]):
        yield situation_among(contract, np.flatnonzero(known == number), coalition, rules, reaction)


def commonly_known(contract: GrandContract, coalition: tuple[int, ...]) -> bool:
    """Say whether each member alone knows what all members know together, so that they have no secrets."""
    together = information(contract, coalition)
    return all(
        len(np.unique(together[together >= 0])) == len(np.unique(alone[alone >= 0]))
        for alone in (information(contract, (member,)) for member in coalition)
    )
