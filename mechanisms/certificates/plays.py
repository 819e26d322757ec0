"""How plays of the market game end, as certificates store it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.certificates.plain.contract import PlainContract, PlainEnd
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.certificates.verification import Verification, compared


@dataclass(frozen=True, eq=False)
class PlayOutcome:
    """How a play of the market game ends in each of K draws.

    Attributes:
        cost: of what each player trades, ``(K, N)``, numeraire.
        bankrupt: who is, ``(K, N)``.
        consumption: what each player consumes, ``(K, N, L)``, units.
        utility: of each player, ``(K, N)``, numeraire.
    """

    cost: FloatArray
    bankrupt: BooleanArray
    consumption: FloatArray
    utility: FloatArray


def outcome_of(ends: Sequence[PlainEnd]) -> PlayOutcome:
    """Return how plays end, every number the nearest there is in floating point."""
    return PlayOutcome(
        np.array([end.cost for end in ends], dtype=np.float64),
        np.array([end.bankrupt for end in ends], dtype=np.bool_),
        np.array([end.consumption for end in ends], dtype=np.float64),
        np.array([end.utility for end in ends], dtype=np.float64),
    )


@dataclass(frozen=True, eq=False)
class DeviationOutcome:
    """The numbers that a certificate of a deviation claims.

    Attributes:
        before: how the play ends that everybody was to follow.
        after: how it ends with the deviation.
        promised: what each player expects before, ``(N,)``, numeraire.
        obtained: what each player expects after, ``(N,)``, numeraire.
        gain: the difference, ``(N,)``, numeraire.
    """

    before: PlayOutcome
    after: PlayOutcome
    promised: FloatArray
    obtained: FloatArray
    gain: FloatArray

    @classmethod
    def of(
        cls, before: Sequence[PlainEnd], after: Sequence[PlainEnd], odds: Sequence[Fraction]
    ) -> tuple[Self, list[Fraction]]:
        """Return the numbers, and the gains as they are before they are rounded.

        Args:
            before: how the play ends in each draw that everybody was to follow.
            after: how it ends with the deviation.
            odds: of the draws, up to a factor.
        """
        promised, obtained = (_expected(ends, odds) for ends in (before, after))
        gains = [after_all - at_first for after_all, at_first in zip(obtained, promised, strict=True)]
        rounded = (np.array(values, dtype=np.float64) for values in (promised, obtained, gains))
        return cls(outcome_of(before), outcome_of(after), *rounded), gains

    @classmethod
    def unplayed(cls) -> Self:
        """Return no numbers, to be filled in once it is known what is played."""
        nothing = PlayOutcome(np.zeros(0), np.zeros(0, np.bool_), np.zeros(0), np.zeros(0))
        return cls(nothing, nothing, np.zeros(0), np.zeros(0), np.zeros(0))


def _expected(ends: Sequence[PlainEnd], odds: Sequence[Fraction]) -> list[Fraction]:
    by_player = zip(*(end.utility for end in ends), strict=True)
    total = sum(odds, NOTHING)
    return [
        sum((chance * utility for chance, utility in zip(odds, values, strict=True)), NOTHING) / total
        for values in by_player
    ]


def compared_outcomes(
    path: str, stored: PlayOutcome, recomputed: PlayOutcome, contract: PlainContract, numbers: Sequence[int]
) -> Verification:
    """Compare a stored outcome with the recomputed one."""
    stakes = stakes_in(contract, numbers)
    return Verification.joined(
        (
            compared(f"{path}.cost", stored.cost, recomputed.cost, stakes),
            compared(f"{path}.bankrupt", stored.bankrupt, recomputed.bankrupt, 0.0),
            compared(
                f"{path}.consumption", stored.consumption, recomputed.consumption, quantities_in(contract, numbers)
            ),
            compared(f"{path}.utility", stored.utility, recomputed.utility, stakes),
        )
    )


def stakes_in(contract: PlainContract, numbers: Sequence[int]) -> FloatArray:
    """Return what is at stake for every player in every draw, ``(K, N)``, numeraire."""
    return np.array([contract.stakes[number] for number in numbers], dtype=np.float64)


def quantities_in(contract: PlainContract, numbers: Sequence[int]) -> FloatArray:
    """Return what every player owns or is to get of each good in every draw, ``(K, N, L)``, units.

    Of the numeraire it is what is at stake.
    """
    players = range(len(contract.economy.players))
    return np.array([[contract.scale(player, number) for player in players] for number in numbers])


def compared_deviations(
    stored: DeviationOutcome, recomputed: DeviationOutcome, contract: PlainContract, numbers: Sequence[int]
) -> Verification:
    """Compare the stored numbers of a deviation with the recomputed ones."""
    least = stakes_in(contract, numbers).min(axis=0)
    return Verification.joined(
        (
            compared_outcomes("outcome.before", stored.before, recomputed.before, contract, numbers),
            compared_outcomes("outcome.after", stored.after, recomputed.after, contract, numbers),
            compared("outcome.promised", stored.promised, recomputed.promised, least),
            compared("outcome.obtained", stored.obtained, recomputed.obtained, least),
            compared("outcome.gain", stored.gain, recomputed.gain, least),
        )
    )
