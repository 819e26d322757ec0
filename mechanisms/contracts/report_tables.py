r"""What each report of one player leads to while the others tell the truth, without a table over all type profiles.

Incentives of a direct contract rest on what type :math:`t_i` expects from reporting m: the goods
:math:`E[v_i(x_i(m, t_{-i}), t_i) | t_i]`, the money that these cost, and what the others get,
:math:`E[\sum_{j \ne i} v_j | m]`, which is what expected-externality transfers pay. All three are expectations over the
others' types alone, so that a list of what the others may be (:mod:`marketgame.mechanisms.economies.profiles`) and the
efficient allocations at it and each own report will do, player by player; replicas share one table.

Where the list is a sample, every report is answered by the same draws, so that what a lie gains is known far better
than what truth brings. What a report brings the others is drawn as its difference from what the player's types bring
them on average, and that average is known from more draws (a control variate): levels then cost little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.grand_contract import walrasian_payments
from marketgame.mechanisms.economies.beliefs import Draws
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.profiles import Listing, Others, others_of, players_alike, standard_error
from marketgame.mechanisms.economies.stakes import stakes_of_play
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError

# Allocations are found in pieces of about this many players' bundles, so that memory does not depend on the draws.
BUNDLES_AT_ONCE = 1 << 20
# After this share of the time it is judged whether the rest will suffice.
SHARE_TO_JUDGE = 0.05


@dataclass(frozen=True, eq=False)
class ReportTable:
    """What the reports of one player lead to; own types T, and K things that the others may be.

    Attributes:
        belief: how likely each own type thinks what the others may be, ``(T, K)``; rows sum to one.
        goods: by how much each type ``t`` that reports ``m`` values its goods more than those it is measured from,
            ``[t, m]``, ``(T, T, K)``, numeraire.
        received: what it receives for its goods less what it pays at supporting prices, by report, ``(T, K)``.
        others_gain: by how much the others value their goods more, by report, ``(T, K)``, numeraire.
        stakes: what is at stake for each type that tells the truth, without money, ``(T,)``; the largest in the list.
    """

    belief: FloatArray
    goods: FloatArray
    received: FloatArray
    others_gain: FloatArray
    stakes: FloatArray


@dataclass(frozen=True, eq=False)
class ReportTables:
    """The tables of all players.

    Attributes:
        economy: whose types are reported.
        alike: the number of the player whose table is each player's own, ``(N,)``.
        tables: by that number.
        exact: whether the lists of what the others may be are complete.
    """

    economy: Economy
    alike: IntegerArray
    tables: dict[int, ReportTable]
    exact: bool

    def by_player(self) -> list[ReportTable]:
        """Return the table of each player."""
        return [self.tables[int(number)] for number in self.alike]

    @property
    def draws(self) -> int:
        """How many things the others may be are looked at, of the player for whom that is fewest."""
        return min(int(table.belief.shape[1]) for table in self.tables.values())

    @property
    def stakes(self) -> FloatArray:
        """What is at stake for each type, without money, ``(types of all players,)``, numeraire."""
        return np.concatenate([self.tables[int(number)].stakes for number in self.alike])

    def externalities(self, others_gain: FloatArray | None = None) -> FloatArray:
        r"""Return what each report leads the others to expect, :math:`E[\sum_{j \ne i} v_j | m]`, less levels.

        Args:
            others_gain: what is expected of the others of each player before it has a type, ``(N,)``, numeraire, if
                that is known from more profiles than were drawn here.

        Returns:
            By type, ``(types of all players,)``, numeraire, measured from the goods from which gains are measured.
        """
        expected = []
        for player, number in enumerate(self.alike):
            table = self.tables[int(number)]
            own = (table.belief * table.others_gain).sum(axis=1)
            if others_gain is not None:
                own = own + (others_gain[player] - float(self.economy.prior.marginal(player) @ own))
            expected.append(own)
        return np.concatenate(expected)

    def reported(self, money: Sequence[FloatArray] | None) -> list[FloatArray]:
        """Return by how much each type expects to be better off than on its endowment, for each report.

        Args:
            money: what each report of each player is expected to bring, ``(types,)`` each, numeraire; players pay for
                their goods at supporting prices without it.

        Returns:
            Per player, entry ``[t, m]`` is of type t reporting m, ``(types, types)``, numeraire; minus infinity where t
            cannot show the endowment of m.
        """
        return [self._combined(player, money, _mean) for player in range(len(self.alike))]

    def standard_errors(self, money: Sequence[FloatArray] | None) -> list[FloatArray]:
        """Return the standard errors of what each type gains by each report, ``(types, types)`` each, numeraire."""
        return [self._combined(player, money, _error_of_gain) for player in range(len(self.alike))]

    def _combined(
        self,
        player: int,
        money: Sequence[FloatArray] | None,
        of: Callable[[FloatArray, FloatArray, int], FloatArray],
    ) -> FloatArray:
        economy, table = self.economy, self.tables[int(self.alike[player])]
        first, count = economy.first_rows[player], economy.prior.type_counts[player]
        owned = economy.endowment_table[first : first + count]
        brought = table.received if money is None else money[player][:, None]
        combined = np.empty((count, count))
        for kind in range(count):
            values = table.goods[kind] + brought + (owned[:, -1:] - owned[kind, -1])
            combined[kind] = of(table.belief[kind], values, kind)
            combined[kind, (owned > owned[kind]).any(axis=1)] = -np.inf
        return combined


def pooled(values: FloatArray, alike: IntegerArray) -> FloatArray:
    """Return values by player, ``(N,)``, in which replicas have their mean."""
    members = np.bincount(alike, minlength=len(alike))
    total = np.bincount(alike, weights=values, minlength=len(alike))
    return np.asarray(total[alike] / members[alike])


def _mean(belief: FloatArray, values: FloatArray, _truth: int) -> FloatArray:
    return np.asarray(values @ belief)


def _error_of_gain(belief: FloatArray, values: FloatArray, truth: int) -> FloatArray:
    return np.array([standard_error(belief, row) for row in values - values[truth]])


def report_tables(economy: Economy, source: Draws | Listing, deadline: Deadline = NO_DEADLINE) -> ReportTables:
    """Return what every report of every player leads to.

    Args:
        economy: the economy.
        source: draws from the prior, or which exact list of what the others may be there is to be.
        deadline: by which all tables have to be known.

    Raises:
        DeadlinePassedError: time ran out, or will run out before the last table at the speed of the first.
    """
    alike = players_alike(economy)
    drawn = _solved(economy, source.profiles) if isinstance(source, Draws) else None
    tables, given = dict[int, ReportTable](), deadline.left
    players = np.unique(alike).tolist()
    for number, player in enumerate(players):
        if number:
            deadline.check()
            spent = given - deadline.left
            if spent > SHARE_TO_JUDGE * given and spent * len(players) > number * given:
                raise DeadlinePassedError("the time allowed does not suffice for what every report leads to")
        tables[player] = _table(economy, player, others_of(economy, player, source), drawn)
    return ReportTables(economy, alike, tables, drawn is None)


@dataclass(frozen=True, eq=False)
class _Solved:
    """What players get at K profiles, all of them or one; arrays begin with K."""

    bundles: FloatArray
    received: FloatArray
    others_gain: FloatArray
    stakes: FloatArray

    def __getitem__(self, index: Any) -> _Solved:
        return _Solved(self.bundles[index], self.received[index], self.others_gain[index], self.stakes[index])


def _solved(economy: Economy, profiles: IntegerArray, player: int | slice = slice(None)) -> _Solved:
    """Return what a player gets at profiles ``(K, N)``, or what all do."""
    pieces = max(1, profiles.size * (len(economy.goods) - 1) // BUNDLES_AT_ONCE)
    found = []
    for piece in np.array_split(profiles, pieces):
        efficient = efficient_allocation(economy, piece)
        gain = economy.gains_from_goods(piece, efficient.bundles)
        received, stakes = walrasian_payments(economy, efficient), stakes_of_play(economy, efficient)
        everybody = _Solved(efficient.bundles, received, gain.sum(axis=-1, keepdims=True) - gain, stakes)
        found.append(everybody[:, player])
    return found[0] if pieces == 1 else _joined(found)


def _joined(parts: Sequence[_Solved]) -> _Solved:
    arrays = zip(*((each.bundles, each.received, each.others_gain, each.stakes) for each in parts), strict=True)
    return _Solved(*(np.concatenate(array) for array in arrays))


def _table(economy: Economy, player: int, others: Others, drawn: _Solved | None) -> ReportTable:
    first = economy.first_rows[player]
    by_report = []
    for report in range(economy.prior.type_counts[player]):
        profiles = others.types.copy()
        profiles[:, player] = report
        # Where the player was drawn to be what it reports, the profile is solved already.
        known = others.types[:, player] == report if drawn is not None else np.zeros(len(profiles), dtype=bool)
        parts = [] if known.all() else [_solved(economy, profiles[~known], player)]
        if drawn is not None and known.any():
            parts.append(drawn[known, player])
        back = np.argsort(np.argsort(known, kind="stable"), kind="stable")
        by_report.append(_joined(parts)[back])
    bundles = np.stack([each.bundles for each in by_report])
    goods = [
        kind.valuation.gain(economy.reference_goods[first + number], bundles)
        for number, kind in enumerate(economy.players[player].types)
    ]
    return ReportTable(
        others.belief,
        np.stack(goods),
        np.stack([each.received for each in by_report]),
        np.stack([each.others_gain for each in by_report]),
        np.array([each.stakes.max() for each in by_report]),
    )
