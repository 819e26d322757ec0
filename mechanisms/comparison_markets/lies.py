r"""Who gains by reporting another type to a market that institutions are compared with, and then doing as it is told.

All lies of every player, and all joint lies of coalitions that pool what they know and share what they gain, are
enumerated: an answer is a proof. With :math:`U_i(t_i | r)` what type :math:`t_i` gains over its endowment when the
profile r is reported, a coalition S of types :math:`t_S` that reports :math:`r_S` gains

.. math:: \sum_{i \in S} E[U_i(t_i | r_S, t_{-S}) - U_i(t_i | t) \mid t_S].

Source: Giraud and Rochon (2001), Definition 4, for coalitions that pool information and money.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.comparison_markets.compared_market import (
    ComparedMarket,
    can_report,
    gains_from,
    gains_of_rows,
    obeyed_trades,
)
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.profiles import players_alike, standard_error
from marketgame.mechanisms.linear_program.deadline import Deadline

# Lies of a coalition are enumerated as long as they are no more than this, all coalitions of its size together.
MOST_LIES = 20_000
# Where profiles are too many to list, so many of the players who are not alike are asked, in the order of players.
MOST_ASKED = 4


@dataclass(frozen=True)
class ComparedLie:
    """A lie to a market that institutions are compared with.

    Attributes:
        coalition: who lies, ascending.
        true_types: the members' types.
        reported_types: what they report.
        gain: what they expect to gain together, numeraire.
    """

    coalition: tuple[int, ...]
    true_types: tuple[int, ...]
    reported_types: tuple[int, ...]
    gain: float


@dataclass(frozen=True, eq=False)
class ReportedMarket:
    """What a market brings every type of every player after every profile of reports.

    Attributes:
        economy: whose types are few enough to be listed.
        market: the market.
        gains: over living at home, ``(types of all players, P)``, numeraire, by the reported profile; what types are
            worth that cannot report it means nothing.
    """

    economy: Economy
    market: ComparedMarket
    gains: FloatArray

    @classmethod
    def of(cls, economy: Economy, market: ComparedMarket) -> ReportedMarket:
        """Return the market of an economy.

        Raises:
            ValueError: somebody does not own what it is told to send.
            UnansweredError: it is not known what is to be sent, or the market does not clear.
        """
        net = obeyed_trades(economy, market, economy.profiles)
        rows = np.arange(len(economy.endowment_table))
        owner = np.repeat(np.arange(len(economy.players)), economy.prior.type_counts)
        trades = np.moveaxis(net[:, owner], 1, 0)
        return cls(economy, market, gains_of_rows(economy, rows[:, None] + np.zeros(len(net), np.int64), trades))

    @property
    def truthful(self) -> FloatArray:
        """What everybody gains in each profile if all report the truth, ``(P, N)``, numeraire."""
        profiles = self.economy.profiles
        return self.gains[self.economy.rows(profiles), np.arange(len(profiles))[:, None]]

    def lies(self, size: int) -> Iterator[ComparedLie]:
        """Yield every lie of a coalition of a size, at least one member of which does not tell the truth."""
        counts = self.economy.prior.type_counts
        for coalition in combinations(range(len(counts)), size):
            if max(counts[member] for member in coalition) == 1:
                continue
            allowed = [can_report(self.economy, member) for member in coalition]
            for true in product(*(range(counts[member]) for member in coalition)):
                known = self._profiles(coalition, true)
                chance = self.economy.prior.probability[known]
                if chance.sum() <= 0:
                    continue
                at_first = self._expected(coalition, true, known, chance)
                choices = (np.flatnonzero(can[kind]) for can, kind in zip(allowed, true, strict=True))
                for said in product(*(choice.tolist() for choice in choices)):
                    if said == true:
                        continue
                    told = self._after(known, coalition, said)
                    gain = self._expected(coalition, true, told, chance) - at_first
                    yield ComparedLie(coalition, tuple(map(int, true)), tuple(map(int, said)), float(gain))

    def number_of_lies(self, size: int) -> int:
        """Return about how many lies there are of coalitions of a size."""
        squares = np.square(np.array(self.economy.prior.type_counts, dtype=float))
        # The sums of products of so many of the squares are the coefficients of a polynomial.
        coefficients = np.poly(-squares)
        return int(min(coefficients[size], 2.0**62)) if size <= len(squares) else 0

    def best_lie(self, size: int) -> ComparedLie | None:
        """Return the lie of coalitions of a size that gains most in sum, none if there is none."""
        return max(self.lies(size), key=lambda lie: lie.gain, default=None)

    def _profiles(self, coalition: tuple[int, ...], types: tuple[int, ...]) -> IntegerArray:
        return np.flatnonzero((self.economy.profiles[:, coalition] == np.array(types)).all(axis=1))

    def _after(self, known: IntegerArray, coalition: tuple[int, ...], said: tuple[int, ...]) -> IntegerArray:
        """Return the numbers of the profiles that are reported where those of some numbers are true."""
        reports = self.economy.profiles[known].copy()
        reports[:, coalition] = said
        return np.asarray(np.ravel_multi_index(tuple(reports.T), self.economy.prior.type_counts))

    def _expected(
        self, coalition: tuple[int, ...], types: tuple[int, ...], reported: IntegerArray, chance: FloatArray
    ) -> float:
        rows = self.economy.first_rows[list(coalition)] + np.array(types)
        return float(self.gains[np.ix_(rows, reported)].sum(axis=0) @ chance / chance.sum())


@dataclass(frozen=True)
class SampledComparedLie:
    """What a lie of one player gains on average over drawn types of the others.

    Attributes:
        player: who lies.
        true_type: its type.
        reported_type: what it reports.
        gain: on average, numeraire.
        standard_error: of it, numeraire.
    """

    player: int
    true_type: int
    reported_type: int
    gain: float
    standard_error: float


def sampled_lies(
    economy: Economy, market: ComparedMarket, draws: IntegerArray, deadline: Deadline
) -> list[SampledComparedLie]:
    """Return what lies of some players gain on average over drawn profiles ``(D, N)``, the largest gain first.

    The liar's type is put into the profiles, so types must not tell of each other. Once time is over no further player
    is asked.

    Raises:
        ValueError: somebody does not own what it is told to send.
        UnansweredError: it is not known what is to be sent, or the market does not clear.
    """
    found = []
    for player in np.unique(players_alike(economy))[:MOST_ASKED].tolist():
        if deadline.passed:
            break
        allowed = can_report(economy, player)
        trades = []
        for kind in range(len(allowed)):
            reports = draws.copy()
            reports[:, player] = kind
            trades.append(obeyed_trades(economy, market, reports))
        for true in range(len(allowed)):
            types = draws.copy()
            types[:, player] = true
            honest = gains_from(economy, types, trades[true])[:, player]
            for said in np.flatnonzero(allowed[true]).tolist():
                if said != true:
                    gains = gains_from(economy, types, trades[said])[:, player] - honest
                    error = standard_error(np.full(len(gains), 1 / len(gains)), gains)
                    found.append(SampledComparedLie(player, true, said, float(gains.mean()), error))
    return sorted(found, key=lambda lie: -lie.gain)
