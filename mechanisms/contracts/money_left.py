r"""How much money everybody is left with at least, whatever types there are and whatever is drawn: a proven bound.

A contract whose profiles are too many to list cannot be looked at everywhere. Where every profile clears between known
prices (:mod:`marketgame.mechanisms.economies.price_range`), what goods cost and gain is bounded type by type, and so is
what transfers may take: of those by turns (:mod:`marketgame.mechanisms.contracts.in_turn`)

.. math:: \theta_i = \Delta_i W - v_i + c_i, \qquad \Delta_i W \ge \min_b \min_p [I_k(p) - I_b(p)],

for an increment is a mean of differences that the type of i alone makes to welfare, whatever the others are, and
whoever was drawn in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.report_tables import pooled
from marketgame.mechanisms.contracts.sampled import SampledEconomy
from marketgame.mechanisms.contracts.transfers import least_transfers
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation
from marketgame.mechanisms.economies.price_range import PriceRange
from marketgame.mechanisms.economies.profiles import Profiles, players_alike


@dataclass(frozen=True, eq=False)
class MoneyLeft:
    """How much money a contract leaves to everybody at least.

    Attributes:
        economy: the economy.
        rule: which transfers the contract makes.
        prices: between which every profile clears; none where that is not known.
        profiles: that stand for all.
        efficient: the efficient allocations there.
        externalities: by which expected-externality transfers are computed, ``(types of all players,)``, numeraire;
            none if there are others, or these are not known.
    """

    economy: Economy
    rule: TransferRule
    prices: PriceRange | None
    profiles: Profiles
    efficient: EfficientAllocation
    externalities: FloatArray | None = None

    @classmethod
    def of(cls, sample: SampledEconomy, rule: TransferRule) -> MoneyLeft:
        """Return it of a contract that is worked out where reports occur."""
        externalities = sample.externalities if rule is TransferRule.EXPECTED_EXTERNALITY else None
        return cls(sample.economy, rule, sample.price_range, sample.profiles, sample.efficient, externalities)

    @cached_property
    def least(self) -> FloatArray | None:
        """The least numeraire that each type may end with, ``(types of all players,)``; none if no bound is known."""
        received = self._least_received
        return None if received is None else np.asarray(self.economy.endowment_table[:, -1] + received)

    @cached_property
    def most_taken(self) -> FloatArray | None:
        """The most purchasing power that may be taken from each type, likewise, numeraire; at least zero."""
        if self.rule is TransferRule.NONE:
            return np.zeros(len(self.economy.endowment_table))
        if self.prices is None or self._least_received is None:
            return None
        return np.maximum(self.prices.most_received - self._least_received, 0.0)

    @cached_property
    def _least_received(self) -> FloatArray | None:
        """By how much the numeraire of each type changes at least, ``(types of all players,)``."""
        if self.rule is TransferRule.EXPECTED_EXTERNALITY:
            # These are a number for each type's report; the others' worst are taken together.
            return None if self.externalities is None else least_transfers(self.economy, self.externalities)
        if self.prices is None:
            return None
        return -self.prices.most_paid if self.rule is TransferRule.NONE else self._least_in_turn(self.prices)

    def _least_in_turn(self, prices: PriceRange) -> FloatArray:
        economy = self.economy
        alike, first = players_alike(economy), economy.first_rows
        change = {int(player): prices.least_change(int(player)).min(axis=1) for player in np.unique(alike)}
        increments = np.concatenate([change[int(player)] for player in alike])
        gains = economy.gains_from_goods(self.profiles.types, self.efficient.bundles)
        constants = pooled(self.profiles.weights @ gains, alike)
        if not self.profiles.exact:
            # What is drawn shifts all constants alike: by what welfare is there.
            constants = constants - constants.mean() + _least_welfare(economy, prices) / len(economy.players)
        counts = np.diff(np.append(first, len(economy.endowment_table)))
        return np.asarray(increments - prices.most_gained + np.repeat(constants, counts))


def _least_welfare(economy: Economy, prices: PriceRange) -> float:
    """Return what all gain from goods at least, numeraire, at any profile."""
    bound = float(np.minimum.reduceat(prices.least_gained, economy.first_rows).sum())
    # Where gains are measured from what is owned, an efficient allocation is at least as good as that.
    from_owned = np.array_equal(economy.reference_goods, economy.endowment_table[:, :-1])
    return max(bound, 0.0) if from_owned else bound
