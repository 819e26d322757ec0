r"""The best reply of one trader to others who need not obey: what the oracle finds, and what nothing exceeds.

The others play one of K plays that the trader cannot tell apart when it quotes, each with its probability: types, and
whatever each of them does. The oracle of :mod:`marketgame.mechanisms.deviations.oracle` searches against the most
probable of them; what it finds is settled against all, so that the reply brings what is reported.

Where prices are quoted first, the trader has seen all quotes when it orders. The bound lets it know them even before it
quotes: plays in which the others quote alike are bounded together, and the bounds added. What it finds does not use
that knowledge, so that the gap between both is wider where others quote differently from play to play.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.deviations.bounds import least_bound
from marketgame.mechanisms.deviations.effort import Effort
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    Reaction,
    Replies,
    Situation,
    obedient,
    settled_gains,
    stacked,
)
from marketgame.mechanisms.market_game.rules import Timing

# The oracle searches against so many plays at most; programs grow with each.
MOST_SEARCHED = 6


@dataclass(frozen=True, eq=False)
class BestReply:
    """What a trader can gain against what others play.

    Attributes:
        action: the best reply found.
        gain: what it brings beyond the trader's endowment, settled against all plays, numeraire.
        bound: no reply whatever brings more, numeraire.
    """

    action: JointAction
    gain: float
    bound: float


def best_reply(situation: Situation, effort: Effort | None = None) -> BestReply:
    """Return the best reply of one trader that the oracle finds, with a bound on all.

    Args:
        situation: of a coalition of one; prescribed is what the others play, and anything that the trader could.
        effort: how hard to search.

    Raises:
        ValueError: the coalition has several members.
    """
    if len(situation.coalition) != 1:
        raise ValueError(f"the coalition is {situation.coalition}; a best reply is one trader's")
    likely = np.argsort(-situation.probability, kind="stable")[:MOST_SEARCHED]
    found = most_profitable_deviation(_among(situation, np.sort(likely)), effort=effort)
    tried = [obedient(situation), *([] if found.best is None else [found.best])]
    gains = settled_gains(situation, stacked(tried))[:, 0]
    best = int(gains.argmax())
    bound = 0.0
    for rows in _told_apart(situation):
        part = _among(situation, rows)
        proven = least_bound(part).total_gain + float(part.obedient_gains[0])
        bound += float(situation.probability[rows].sum()) * proven
    return BestReply(tried[best], float(gains[best]), max(bound, float(gains[best])))


def _told_apart(situation: Situation) -> list[IntegerArray]:
    """Return the plays that can occur, in groups that are told apart by what the others quote before anybody orders."""
    possible = np.flatnonzero(situation.probability > 0)
    if situation.rules.timing is not Timing.PRICES_FIRST:
        return [possible]
    quotes = situation.prescribed.quotes[possible][:, situation.outsiders].reshape(len(possible), -1)
    _, group = np.unique(quotes, axis=0, return_inverse=True)
    return [possible[group == number] for number in range(int(group.max()) + 1)]


def _among(situation: Situation, rows: IntegerArray) -> Situation:
    """Return the situation of who knows that one of some plays is played."""
    if len(rows) == len(situation.probability):
        return situation
    likely, reaction = situation.probability[rows], situation.reaction
    return replace(
        situation,
        probability=likely / likely.sum(),
        profiles=situation.profiles[rows],
        prescribed=situation.prescribed[rows],
        reaction=None if reaction is None else _ReactionInSome(reaction, situation, rows),
        efficient=None,
        received=None if situation.received is None else situation.received[rows],
    )


@dataclass(frozen=True, eq=False)
class _ReactionInSome:
    """How others react in some of the plays of a situation, by their numbers in it."""

    reaction: Reaction
    whole: Situation
    rows: IntegerArray

    def __call__(self, situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        return self.reaction(self.whole, int(self.rows[draw]), quotes)
