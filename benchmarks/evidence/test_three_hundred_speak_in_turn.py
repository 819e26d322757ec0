"""Three hundred traders on coalition-proof transfers: no joint lie gains, as far as a sample goes, and they balance."""

from __future__ import annotations

import numpy as np

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.on_demand import (
    ContractOnDemand,
    check_joint_misreports_on_demand,
    check_on_demand,
)
from marketgame.mechanisms.contracts.sampled import sampled


def test_transfers_of_three_hundred_balance_and_no_lie_gains_to_within_what_draws_leave() -> None:
    contract = ContractOnDemand(
        sampled(load_economy(ECONOMIES / "three-hundred-traders.toml")), TransferRule.COALITION_PROOF
    )
    alone = check_on_demand(contract)
    check = check_joint_misreports_on_demand(contract, alone)
    assert alone.incentive_compatible
    assert check is not None
    assert check.worst is not None
    assert check.error_a_member is not None
    assert not check.complete
    # What draws leave uncertain of what each liar brings is far less than what the cheapest lie costs.
    assert 0 < check.error_a_member < -check.worst.gain / 5
    paid = contract.sample.in_turn.transfers
    assert np.abs(paid.sum(axis=1)).max() < 1e-13 * np.abs(paid).sum(axis=1).max()
