r"""Incentives to report truthfully to a contract, by exact enumeration (Giraud and Rochon, Definitions 1 and 4).

A player of type :math:`t_i` that reports :math:`m_i` gets the bundle the contract assigns to the announced
profile, transfers included, while its own valuation and beliefs stay those of :math:`t_i`. The paper's
Definition 4 prints the transfers at the true profile instead, which would make the condition nearly empty.
Endowments must be shown, so a type cannot be reported whose endowment exceeds the true one in some good.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechanisms.arrays import FloatArray
from mechanisms.economy import Economy
from mechanisms.grand_contract import GrandContract
from mechanisms.stakes import GAIN_TOLERANCE

# Sums of utilities, the numeraire included, are rounded by less than this share of them.
ROUNDING = 64 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class Misreport:
    """The most profitable lie of all players and types: the witness against incentive compatibility.

    Attributes:
        player: who lies.
        true_type: its type.
        reported_type: what it reports.
        gain: by how much its interim utility rises, numeraire; at most zero if truth is best.
    """

    player: str
    true_type: str
    reported_type: str
    gain: float


@dataclass(frozen=True, eq=False)
class IncentiveCheck:
    """Whether truthful reports are an equilibrium, with the evidence.

    Attributes:
        interim_utility: per player, the expected utility of each type under truth and obedience, numeraire.
        gains: per player, entry ``[t, m]`` is what type t gains by reporting m, ``(types, types)``, numeraire;
            minus infinity where m cannot be reported because its endowment cannot be shown.
        worst: the most profitable misreport, or none when no player has two types.
        incentive_compatible: whether no misreport gains more than rounding.
    """

    interim_utility: tuple[FloatArray, ...]
    gains: tuple[FloatArray, ...]
    worst: Misreport | None
    incentive_compatible: bool


def check_incentives(contract: GrandContract) -> IncentiveCheck:
    """Return interim utilities, all misreport gains and the worst misreport of a contract.

    Source:
        Giraud and Rochon, Definition 4, with the transfers of the announced profile.
    """
    players = range(len(contract.economy.players))
    reported = [report_utilities(contract, player) for player in players]
    truthful = tuple(np.diagonal(utilities).copy() for utilities in reported)
    gains = tuple(utilities - truth[:, None] for utilities, truth in zip(reported, truthful, strict=True))
    worst = _worst_misreport(contract.economy, gains)
    # How much of the numeraire everybody owns anyhow is not at stake.
    at_stake = contract.utilities - contract.endowments[..., -1]
    tolerance = GAIN_TOLERANCE * np.abs(at_stake).max() + ROUNDING * np.abs(contract.utilities).max()
    compatible = worst is None or worst.gain <= float(tolerance)
    return IncentiveCheck(truthful, gains, worst, compatible)


def report_utilities(contract: GrandContract, player: int) -> FloatArray:
    """Return the interim utility of each type for each report.

    Args:
        contract: the contract; the others report truthfully and all obey.
        player: the player's number.

    Returns:
        Entry ``[t, m]`` is the expected utility of type t reporting m, ``(types, types)``, numeraire.

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
        for report in types:
            announced[:, player] = report
            assigned = contract.allocation[economy.prior.profile_numbers(announced), player]
            table[true_type, report] = belief @ (valuation.value(assigned[:, :-1]) + assigned[:, -1])
            if (economy.endowment_table[first + report] > economy.endowment_table[first + true_type]).any():
                table[true_type, report] = -np.inf
    return table


def _worst_misreport(economy: Economy, gains: tuple[FloatArray, ...]) -> Misreport | None:
    worst: Misreport | None = None
    for player, matrix in zip(economy.players, gains, strict=True):
        lies = np.where(np.eye(len(matrix), dtype=bool), -np.inf, matrix)
        true_type, report = np.unravel_index(int(np.argmax(lies)), lies.shape)
        gain = float(lies[true_type, report])
        if np.isfinite(gain) and (worst is None or gain > worst.gain):
            worst = Misreport(player.name, player.types[true_type].name, player.types[report].name, gain)
    return worst
