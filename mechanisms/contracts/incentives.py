r"""Incentives to report truthfully to a contract, by exact enumeration (Giraud and Rochon, Definitions 1 and 4).

A player of type :math:`t_i` that reports :math:`m_i` gets the bundle the contract assigns to the announced
profile, transfers included, while its own valuation and beliefs stay those of :math:`t_i`. The paper's
Definition 4 prints the transfers at the true profile instead, which would make the condition nearly empty.
Endowments must be shown, so a type cannot be reported whose endowment exceeds the true one in some good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.stakes import counts_as_gain

# From this many standard errors on a mean over draws is told from zero, for some thousand lies at a time.
SURE = 5.0


@dataclass(frozen=True)
class Misreport:
    """The most profitable lie of all players and types: the witness against incentive compatibility.

    Attributes:
        player: who lies.
        true_type: its type.
        reported_type: what it reports.
        gain: by how much its interim utility rises, numeraire; at most zero if truth is best.
        standard_error: of the gain, where types are drawn; zero where all are counted.
    """

    player: str
    true_type: str
    reported_type: str
    gain: float
    standard_error: float = 0.0


@dataclass(frozen=True, eq=False)
class ReportGains:
    """What a player, or members of a coalition together, gain by reports that are not true.

    Attributes:
        members: their numbers, increasing.
        gains: entry ``[t, m]`` is what types t gain by reporting m, ``(types, types)``, numeraire, where the types of
            members are numbered jointly, the last member's changing fastest; minus infinity where m cannot be shown,
            or t cannot occur.
        stakes: what is at stake for types t together, ``(types,)``, numeraire.
    """

    members: tuple[int, ...]
    gains: FloatArray
    stakes: FloatArray


@dataclass(frozen=True, eq=False)
class IncentiveCheck:
    """Whether truthful reports are an equilibrium, with the evidence.

    Attributes:
        interim_utility: per player, the expected utility of each type under truth and obedience, numeraire.
        gains: per player, entry ``[t, m]`` is what type t gains by reporting m, ``(types, types)``, numeraire;
            minus infinity where m cannot be reported because its endowment cannot be shown.
        stakes: per player, what is at stake for each type, ``(types,)``, numeraire.
        worst: the most profitable misreport, or none when no player has two types.
        incentive_compatible: whether no misreport gains more than rounding of what is at stake for its type; none where
            that lies within `SURE` standard errors.
        standard_errors: of the gains where types are drawn, likewise; none where all are counted.
        theorem: whether a theorem says that truth is best, whatever is known of the gains.
    """

    interim_utility: tuple[FloatArray, ...]
    gains: tuple[FloatArray, ...]
    stakes: tuple[FloatArray, ...]
    worst: Misreport | None
    incentive_compatible: bool | None
    standard_errors: tuple[FloatArray, ...] | None = None
    theorem: bool = False

    @property
    def by_player(self) -> tuple[ReportGains, ...]:
        """What each player alone gains by each report."""
        each = zip(self.gains, self.stakes, strict=True)
        return tuple(ReportGains((player,), gains, stakes) for player, (gains, stakes) in enumerate(each))


def check_incentives(contract: GrandContract) -> IncentiveCheck:
    """Return interim utilities, all misreport gains and the worst misreport of a contract.

    Source:
        Giraud and Rochon, Definition 4, with the transfers of the announced profile.
    """
    reported = [reported_gains(contract, player) for player in range(len(contract.economy.players))]
    return judged_incentives(contract.economy, reported, contract.stakes)


def judged_incentives(
    economy: Economy,
    reported: Sequence[FloatArray],
    stakes: FloatArray,
    standard_errors: Sequence[FloatArray] | None = None,
) -> IncentiveCheck:
    """Return what reports bring each type, and whether the truth is best.

    Reported are, per player, gains as `reported_gains` returns them; stakes are ``(types of all players,)``, numeraire.
    Where types are drawn, standard errors of what each report gains come in the same shapes.
    """
    ends = economy.first_rows[1:]
    truthful = [np.diagonal(table) for table in reported]
    interim = tuple(
        truth + reference for truth, reference in zip(truthful, np.split(economy.reference_utility, ends), strict=True)
    )
    gains = tuple(table - truth[:, None] for table, truth in zip(reported, truthful, strict=True))
    at_stake = tuple(np.split(stakes, ends))
    worst, counts = _worst_misreport(economy, gains, at_stake)
    if standard_errors is None:
        return IncentiveCheck(interim, gains, at_stake, worst, not counts)
    margins = [SURE * np.where(np.isfinite(errors), errors, 0.0) for errors in standard_errors]
    least, most = ([gain + sign * margin for gain, margin in zip(gains, margins, strict=True)] for sign in (-1, 1))
    profitable, possible = (_worst_misreport(economy, each, at_stake)[1] for each in (least, most))
    if worst is not None:
        player = economy.player_names.index(worst.player)
        names = [kind.name for kind in economy.players[player].types]
        error = standard_errors[player][names.index(worst.true_type), names.index(worst.reported_type)]
        worst = replace(worst, standard_error=float(error))
    compatible = False if profitable else None if possible else True
    return IncentiveCheck(interim, gains, at_stake, worst, compatible, tuple(standard_errors))


def reported_gains(contract: GrandContract, player: int) -> FloatArray:
    """Return by how much each type expects to be better off than on its endowment, for each report.

    All obey, and the others are truthful.

    Returns:
        Entry ``[t, m]`` is the expected gain of type t reporting m, ``(types, types)``, numeraire; minus infinity
        where t cannot show the endowment of m.

    Source:
        Giraud and Rochon, section 3, expected utility of a contract.
    """
    economy = contract.economy
    profiles, beliefs = economy.profiles, economy.prior.beliefs(player)
    types = range(economy.prior.type_counts[player])
    first = economy.first_rows[player]
    table = np.empty((len(types), len(types)))
    for true_type in types:
        possible = np.flatnonzero(profiles[:, player] == true_type)
        announced, belief = profiles[possible], beliefs[true_type, possible]
        valuation = economy.players[player].types[true_type].valuation
        owned, reference = economy.endowment_table[first + true_type], economy.reference_goods[first + true_type]
        for report in types:
            announced[:, player] = report
            numbers = economy.prior.profile_numbers(announced)
            shown = economy.endowment_table[first + report]
            money = (shown[-1] - owned[-1]) + contract.numeraire_transfers[numbers, player]
            table[true_type, report] = belief @ (valuation.gain(reference, contract.bundles[numbers, player]) + money)
            if (shown > owned).any():
                table[true_type, report] = -np.inf
    return table


def _worst_misreport(
    economy: Economy, gains: Sequence[FloatArray], stakes: Sequence[FloatArray]
) -> tuple[Misreport | None, bool]:
    """Return the most profitable lie of those whose gain counts, or of all if none does, and whether one does."""
    worst: Misreport | None = None
    counted = False
    for player, matrix, at_stake in zip(economy.players, gains, stakes, strict=True):
        lies = np.where(np.eye(len(matrix), dtype=bool), -np.inf, matrix)
        counts = counts_as_gain(lies, np.broadcast_to(at_stake[:, None], lies.shape))
        if counted and not counts.any():
            continue
        tried = np.where(counts, lies, -np.inf) if counts.any() else lies
        true_type, report = np.unravel_index(int(np.argmax(tried)), lies.shape)
        gain = float(lies[true_type, report])
        if np.isfinite(gain) and (worst is None or gain > worst.gain or (counts.any() and not counted)):
            worst = Misreport(player.name, player.types[true_type].name, player.types[report].name, gain)
            counted = counted or bool(counts.any())
    return worst, counted
