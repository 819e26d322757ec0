r"""What lies bring at most that anything may follow, where recommended flows are executed out of deposits.

Let further orders need both sides. A coalition that reported :math:`r_S` then divides anew what its members hold, while
outsiders hold :math:`x_j(r_S, t_{-S})`, so that the members expect at most what all welfare is expected to be and

.. math:: f_S(r_S) = E\Big[\sum_{i \in S} \theta_i - \sum_{j \notin S} v_j(x_j) \,\Big|\, r_S\Big],

and by truth and obedience just that at :math:`r_S = t_S`. So no lie, followed by anything, gains more than two values
of :math:`f_S` differ by: nothing, where transfers are those that no coalition of liars can exploit.
``docs/collusion.md``, Theorem 8 (c).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm, prod

import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.economies.coalitions import Coalition, Coalitions
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import Execution, Refusal

MOST_ENTRIES = 2_000_000
"""Among coalitions times profiles beyond so many nothing is derived: that takes seconds."""

type Whole = NDArray[np.object_]
"""Whole numbers of any size."""


@dataclass(frozen=True)
class GainAfterLies:
    """What a coalition gains at most by any lie and anything that may follow it.

    Attributes:
        coalition: who lies.
        gain: that it cannot exceed, numeraire.
        stake: what is at stake for it at least, numeraire.
    """

    coalition: Coalition
    gain: Fraction
    stake: Fraction

    @property
    def excluded(self) -> bool:
        """Whether that is nothing, given what is at stake."""
        return self.gain <= Fraction(GAIN_TOLERANCE) * self.stake


def largest_gain_after_lies(
    contract: PlainContract, about: Coalitions, deadline: Deadline = NO_DEADLINE
) -> GainAfterLies | None:
    """Return what coalitions gain at most by lies that anything may follow, most relative to what is at stake.

    Args:
        contract: the contract.
        about: which coalitions; all together gain nothing.
        deadline: after which nothing more is derived.

    Returns:
        The weakest of the bounds; none where none is proven, or there are too many reports.

    Raises:
        DeadlinePassedError: time ran out.
    """
    by_coalition = gains_after_lies(contract, about, deadline)
    if by_coalition is None:
        return None
    found = GainAfterLies((), NOTHING, Fraction(1))
    for one in by_coalition:
        if one.gain * found.stake > found.gain * one.stake or not found.coalition:
            found = one
    return found


def gains_after_lies(
    contract: PlainContract, about: Coalitions, deadline: Deadline = NO_DEADLINE
) -> Iterator[GainAfterLies] | None:
    """Return the same for each coalition but all together; none where none is proven, or there are too many reports.

    Raises:
        DeadlinePassedError: time ran out, once they are asked for.
    """
    economy, rules = contract.economy, contract.rules
    proven = rules.execution is Execution.MATCHED and rules.refusal is Refusal.ESCROW and economy.prior.independent
    if not proven or contract.contract.stated is not None or len(economy.profiles) * about.count > MOST_ENTRIES:
        return None
    return _gains_after_lies(contract, about, deadline)


def _gains_after_lies(contract: PlainContract, about: Coalitions, deadline: Deadline) -> Iterator[GainAfterLies]:
    economy = contract.economy
    players = range(len(economy.players))
    paid = [exact(row) for row in contract.contract.numeraire_transfers]
    worth = [
        [contract.kind(player, number).valuation.exact_value(contract.bundle(player, number)) for player in players]
        for number in range(len(contract.profiles))
    ]
    (transfers, values), unit = _whole([paid, worth])
    # Who has one type lies about nothing, and has no part in expectations.
    uncertain = [player for player in players if economy.prior.type_counts[player] > 1]
    counts = [economy.prior.type_counts[player] for player in uncertain]
    likely = {player: _whole([[exact(economy.prior.marginal(player))]])[0][0, 0] for player in uncertain}
    for coalition in about:
        deadline.check()
        others = [player for player in players if player not in coalition]
        if not others:
            continue
        left = (transfers[:, list(coalition)].sum(axis=1) - values[:, others].sum(axis=1)).reshape(counts)
        unknown = [place for place, player in enumerate(uncertain) if player in others]
        for place in reversed(unknown):
            left = np.asarray((np.moveaxis(left, place, -1) * likely[uncertain[place]]).sum(axis=-1))
        scale = unit * prod(int(likely[uncertain[place]].sum()) for place in unknown)
        gain = Fraction(int(left.max() - left.min()), scale)
        yield GainAfterLies(coalition, gain, sum((_least_stake(contract, member) for member in coalition), NOTHING))


def _least_stake(contract: PlainContract, player: int) -> Fraction:
    return min(row[player] for row, likely in zip(contract.stakes, contract.probability, strict=True) if likely > 0)


def _whole(tables: Sequence[Sequence[Sequence[Fraction]]]) -> tuple[Whole, int]:
    """Return rational numbers as whole ones, and by what all were multiplied."""
    unit = lcm(*(one.denominator for table in tables for row in table for one in row))
    whole = [[[one.numerator * (unit // one.denominator) for one in row] for row in table] for table in tables]
    return np.array(whole, dtype=object), unit
