r"""Fixed payments by which everybody takes part in a contract, and what is missing where there are none.

Transfers that make the truth pay may leave a type with less than it has at home. Payments :math:`c_i` that do not
depend on any report, and sum to zero, change no difference between two reports: they leave every incentive of a player,
and of a coalition that pools its money, as it was. Of player i whose types expect to gain :math:`G_i(t)` beyond their
endowments everybody takes part if and only if :math:`c_i \ge -\min_t G_i(t)`. So there are such payments if and only if

.. math:: \sum_i \min_t G_i(t) \ge 0,

and otherwise whoever adds money from outside has to add what is missing. Other transfers, of which interim gains differ
by more than a constant, may need less; what any transfers need at least that single liars cannot exploit is part of the
incentive-efficient benchmark with participation.

Whether somebody can pay, and what those who disobey gain, are other questions: money that changes hands is money that
can be lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, read_only
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.incentives import reported_gains
from marketgame.mechanisms.economies.stakes import counts_as_gain


@dataclass(frozen=True, eq=False)
class Consent:
    """What it takes that every type takes part.

    Attributes:
        least_gains: what that type of each player expects to gain beyond its endowment that gains least, of those that
            occur, ``(N,)``, numeraire.
        payments: fixed payments after which nobody expects to lose, ``(N,)``, numeraire, summing to zero; those who can
            pay share in proportion to what they can. Where too little can be paid, whoever lacks something gets a part
            in proportion to that.
        shortfall: what has to come from outside, numeraire; zero where the payments suffice.
    """

    least_gains: FloatArray
    payments: FloatArray
    shortfall: float


def consent_to(contract: GrandContract) -> Consent:
    """Return the fixed payments by which everybody takes part in a contract to which all report truthfully.

    Source:
        Giraud and Rochon, section 3, expected utility of a contract; individual rationality as in Myerson and
        Satterthwaite (1983).
    """
    economy = contract.economy
    stakes = np.split(contract.stakes, economy.first_rows[1:])
    least = np.empty(len(economy.players))
    for player, at_stake in enumerate(stakes):
        occurs = economy.prior.marginal(player) > 0
        gains = np.diagonal(reported_gains(contract, player))[occurs]
        # What is lost by rounding is not lost.
        loses = counts_as_gain(-gains, at_stake[occurs])
        least[player] = np.where(loses, gains, np.maximum(gains, 0.0)).min()
    lacking, spare = np.maximum(-least, 0.0), np.maximum(least, 0.0)
    moved = min(float(lacking.sum()), float(spare.sum()))
    payments = _in_proportion(lacking, moved) - _in_proportion(spare, moved)
    return Consent(read_only(least), read_only(payments), float(lacking.sum()) - moved)


def with_consent(contract: GrandContract) -> GrandContract:
    """Return a contract in which everybody takes part, by fixed payments beside its transfers.

    Raises:
        ValueError: no fixed payments that balance suffice, or somebody cannot make them.
    """
    found = consent_to(contract)
    if found.shortfall > 0:
        poorest = contract.economy.player_names[int(np.argmin(found.least_gains))]
        raise ValueError(
            f"not everybody takes part in economy {contract.economy.name!r} with these transfers, {poorest} least; "
            f"whatever fixed payments are made, {found.shortfall:.6g} {contract.economy.money} would be missing"
        )
    return replace(contract, numeraire_transfers=contract.numeraire_transfers + found.payments)


def _in_proportion(amounts: FloatArray, total: float) -> FloatArray:
    """Return a total divided in proportion to amounts; nothing where there are none."""
    whole = float(amounts.sum())
    return amounts * (total / whole) if whole > 0 else np.zeros_like(amounts)
