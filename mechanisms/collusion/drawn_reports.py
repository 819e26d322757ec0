r"""What members of a coalition expect of their joint reports where type profiles are too many to list.

Outsiders' types are drawn once, and every joint report of the members is answered by the same draws, so that what a lie
gains is known far better than what truth brings. Draws d count for members of joint types t in proportion to how
likely t is given the factor that was drawn with d (:class:`~marketgame.mechanisms.economies.beliefs.Draws`), so that
types may be correlated through a factor; with independent types all count alike.

A lie that was chosen because it gains on some draws is flattered by them. What an agreement promises is
therefore worked out anew, from draws of its own (:func:`promise`): sampled, with its standard error, never proved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.grand_contract import TransferRule, walrasian_payments
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.transfers import balanced_externalities
from marketgame.mechanisms.economies.beliefs import FactorPrior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.profiles import Estimate, seeded
from marketgame.mechanisms.market_game.rules import Withholding

# How many bundles of efficient allocations a coalition may take, and at once; how many pairs of joint types, by draws.
MOST_BUNDLES, BUNDLES_AT_ONCE, MOST_PAIRS = 1 << 22, 1 << 18, 1 << 25
LEAST_DRAWS, MOST_DRAWS = 16, 4096
# Streams of the draws from which lies are chosen, and of those that say what they bring.
CHOOSING, PROMISING = 7, 8


@dataclass(frozen=True, eq=False)
class DrawnReports:
    """What reports bring members at every draw of the outsiders' types; J joint types and D draws.

    Attributes:
        types: entry ``[i, t]`` is the type of the i-th member in joint types t, ``(members, J)``.
        belief: how much each draw counts for members of joint types, ``(J, D)``; rows sum to one.
        values: per member, what each own type gains beyond its endowment by each joint report, ``(own types, J, D)``,
            numeraire.
        money: what each has at least when the round is over, by joint report, ``(members, J)``, numeraire.
    """

    types: IntegerArray
    belief: FloatArray
    values: tuple[FloatArray, ...]
    money: FloatArray

    @cached_property
    def utilities(self) -> FloatArray:
        """What each member expects of a joint report beyond its endowment, ``(members, J, J)``: ``[i, t, r]``."""
        each = zip(self.types, self.values, strict=True)
        return np.stack([np.einsum("tjd,td->tj", values[own], self.belief) for own, values in each])

    def errors(self) -> FloatArray:
        """Return the standard errors of what members gain in sum by each joint report, ``(J, J)``, numeraire."""
        found = np.empty((len(self.belief), len(self.belief)))
        for joint, weights in enumerate(self.belief):
            gains = self._gains(joint)
            off = weights * (gains - (gains @ weights)[:, None])
            found[joint] = _error(off)
        return found

    def estimated(self, likely: FloatArray, lottery: FloatArray) -> Estimate:
        """Return what members gain in sum who report by lot.

        Args:
            likely: how likely their joint types are, ``(J,)``.
            lottery: how likely joint types are to report what, ``(J, J)``.
        """
        total, off = 0.0, np.zeros(self.belief.shape[1])
        for joint, weights in enumerate(self.belief):
            if likely[joint] > 0 and lottery[joint, joint] < 1:
                gains = lottery[joint] @ self._gains(joint)
                mean = float(gains @ weights)
                total += likely[joint] * mean
                off += likely[joint] * weights * (gains - mean)
        return Estimate(total, float(_error(off)))

    def _gains(self, joint: int) -> FloatArray:
        """Return what members of joint types gain in sum by each joint report at each draw, ``(J, D)``."""
        total = np.sum([values[own[joint]] for own, values in zip(self.types, self.values, strict=True)], axis=0)
        return np.asarray(total - total[joint])


def drawn_reports(
    contract: ContractOnDemand,
    members: Sequence[int],
    withholding: Withholding = Withholding.WASTED,
    stream: int = CHOOSING,
) -> DrawnReports:
    """Return what the reports of a coalition bring its members, outsiders drawn and truthful, all obeying.

    Args:
        contract: under which all pay the supporting price, or the externalities of their reports.
        members: the members' numbers, increasing.
        withholding: what becomes of what a liar owns beyond its report.
        stream: of the draws; the same one always gives the same.

    Raises:
        ValueError: the contract's transfers are coalition-proof: a theorem speaks of these.
    """
    if contract.rule is TransferRule.COALITION_PROOF:
        raise ValueError("under coalition-proof transfers no coalition gains, so that nothing is drawn")
    economy = contract.economy
    counts = tuple(economy.prior.type_counts[member] for member in members)
    types = np.indices(counts).reshape(len(counts), -1)
    joint, players = types.shape[1], len(economy.players)
    within = min(MOST_DRAWS, MOST_BUNDLES // (joint * players), MOST_PAIRS // (joint * joint))
    drawn = economy.prior.draws(seeded(stream), max(LEAST_DRAWS, within))
    chances = np.ones((joint, len(drawn.profiles)))
    for member, own in zip(members, types, strict=True):
        chances = chances * drawn.chances[:, economy.first_rows[member] + own].T
    values = [np.empty((count, joint, len(drawn.profiles))) for count in counts]
    money = np.full((len(members), joint), np.inf)
    for report in range(joint):
        profiles = drawn.profiles.copy()
        profiles[:, list(members)] = types[:, report]
        ends = _ends(contract, profiles, tuple(members))
        for place, member in enumerate(members):
            goods, received = (each[:, place] for each in ends)
            first, said = economy.first_rows[member], types[place, report]
            shown = economy.endowment_table[first + said]
            money[place, report] = max(float((shown[-1] + received).min()), 0.0)
            for kind, true_type in enumerate(economy.players[member].types):
                withheld = economy.endowment_table[first + kind] - shown
                if withholding is Withholding.CONSUMED:
                    enjoyed, kept = goods + np.maximum(withheld[:-1], 0.0), received
                else:
                    enjoyed, kept = goods, received - withheld[-1]
                gained = true_type.valuation.gain(economy.reference_goods[first + kind], enjoyed)
                values[place][kind, report] = gained + kept
    return DrawnReports(types, chances / chances.sum(axis=1, keepdims=True), tuple(values), money)


def promise(
    contract: ContractOnDemand,
    members: Sequence[int],
    likely: FloatArray,
    lottery: FloatArray,
    withholding: Withholding = Withholding.WASTED,
) -> Estimate:
    """Return what members gain in sum who report by lot, from draws by which the lottery was not chosen.

    Args:
        contract: the contract.
        members: the members' numbers, increasing.
        likely: how likely their joint types are, ``(J,)``.
        lottery: how likely joint types are to report what, ``(J, J)``.
        withholding: what becomes of what a liar owns beyond its report.
    """
    return drawn_reports(contract, members, withholding, PROMISING).estimated(likely, lottery)


def chances_of_members(economy: Economy, members: Sequence[int]) -> FloatArray:
    """Return how likely members are to be of each of their joint types, ``(J,)``, types independent or by a factor."""
    prior = economy.prior
    if isinstance(prior, FactorPrior):
        weights, chances = prior.weights, [prior.chances[member] for member in members]
    else:
        weights, chances = np.ones(1), [prior.marginal(member)[None] for member in members]
    joint = weights[:, None]
    for own in chances:
        joint = (joint[:, :, None] * own[:, None]).reshape(len(weights), -1)
    return np.asarray(joint.sum(axis=0))


def _ends(
    contract: ContractOnDemand, profiles: IntegerArray, members: tuple[int, ...]
) -> tuple[FloatArray, FloatArray]:
    """Return the goods ``(D, members, G)`` and the transfers ``(D, members)`` of members at profiles."""
    economy, own = contract.economy, list(members)
    goods, received = [], []
    for piece in np.array_split(profiles, max(1, -(-profiles.size // BUNDLES_AT_ONCE))):
        efficient = efficient_allocation(economy, piece)
        if contract.rule is TransferRule.NONE:
            transfers = walrasian_payments(economy, efficient)
        else:
            transfers = balanced_externalities(economy, contract.sample.externalities, piece)
        goods.append(efficient.bundles[:, own])
        received.append(transfers[:, own])
    return np.concatenate(goods), np.concatenate(received)


def _error(off: FloatArray) -> FloatArray:
    """Return the standard error of a mean of draws whose weighted distances from it are ``(..., D)``."""
    count = off.shape[-1]
    return np.asarray(np.sqrt((off**2).sum(axis=-1)) * sqrt(count / (count - 1)))
