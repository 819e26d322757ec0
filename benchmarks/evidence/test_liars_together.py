"""Coalition-proof transfers on a hundred economies by means that share nothing with the formula.

Profile by profile, from the contract's own utilities, no coalition gains by a joint lie; and a linear program over all
balanced transfers, written down in the tests, makes no joint lie cost more than it costs everybody.
A few of each are among the tests.
"""

from __future__ import annotations

from itertools import combinations

import pytest

from marketgame.mechanisms.contracts.coalition_proof import coalition_proof_transfers
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.contracts.joint_misreports import check_joint_misreports
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from tests.mechanisms.contracts.test_coalition_proof import (
    SIZES,
    an_economy,
    largest_slack,
    most_by_brute_force,
)

FEW = [seed for seed in range(117) if len(SIZES[seed % len(SIZES)]) <= 5]
SMALL = [seed for seed in range(117) if SIZES[seed % len(SIZES)] in {(2, 2), (3, 2, 2), (2, 2, 2, 2)} and seed % 3]


@pytest.mark.parametrize("seed", FEW)
def test_no_coalition_gains_profile_by_profile(seed: int) -> None:
    economy = an_economy(seed)
    contract = grand_contract(economy, coalition_proof_transfers(economy, efficient_allocation(economy)))
    players = range(len(economy.players))
    for size in range(1, len(players) + 1):
        for members in combinations(players, size):
            assert most_by_brute_force(contract, members) <= 1e-10 * contract.stakes.sum()


@pytest.mark.parametrize("seed", SMALL)
def test_an_independent_program_allows_the_same(seed: int) -> None:
    economy = an_economy(seed)
    efficient = efficient_allocation(economy)
    slack, costs = largest_slack(economy, efficient)
    lies = check_joint_misreports(grand_contract(economy, coalition_proof_transfers(economy, efficient)))
    assert lies.worst is not None
    assert slack >= -lies.worst.gain - 1e-6
    assert lies.worst.gain == pytest.approx(-costs, abs=1e-6)
