"""Three who all matter, and whom no balanced transfers make tell the truth (Proposition 26)."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from marketgame.experiments.claims.giraud_rochon import round_table
from marketgame.mechanisms.contracts.transfers import (
    NoIncentiveTransfers,
    contradiction,
    incentive_compatible_transfers,
)
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation


def test_odds_depend_on_the_sum_and_valuations_gain_by_the_next_report() -> None:
    assert not list(round_table.unequal_steps())
    assert sum(round_table.odds(types) for types in product(range(round_table.COUNT), repeat=3)) == 1
    assert round_table.gain_of_the_next_report() > 0


def test_a_linear_program_finds_no_transfers_either_and_the_division_is_the_efficient_one() -> None:
    economy = round_table.economy()
    efficient = efficient_allocation(economy)
    none = incentive_compatible_transfers(economy, efficient)
    assert isinstance(none, NoIncentiveTransfers)
    assert contradiction(economy, efficient, none) > 0
    for number in (0, 50, 200):
        worth = [round_table.WORTH[kind] for kind in economy.profiles[number]]
        assert efficient.bundles[number, :, 0] == pytest.approx([float(share) for share in round_table.shares(worth)])


def test_the_same_three_have_transfers_if_their_types_are_independent() -> None:
    economy = round_table.economy()
    alone = IndependentPrior([np.full(round_table.COUNT, 1 / round_table.COUNT)] * 3)
    free = Economy("free", economy.goods, economy.units, economy.players, alone)
    assert not isinstance(incentive_compatible_transfers(free, efficient_allocation(free)), NoIncentiveTransfers)
