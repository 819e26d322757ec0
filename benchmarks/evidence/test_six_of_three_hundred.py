"""What docs/reports.md says of six of three hundred traders: what their lies cost, and how much they are told."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.experiments import HOME
from marketgame.experiments.files.economy_file import load_economy
from marketgame.mechanisms.collusion.drawn_reports import drawn_reports
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.profiles import seeded

MANY = HOME / "economies" / "three-hundred-traders.toml"
GENERATOR = np.random.default_rng(1)
SIXES = [tuple(range(30 * group, 30 * group + 6)) for group in range(10)]
SIXES += [tuple(sorted(GENERATOR.choice(300, 6, replace=False).tolist())) for _ in range(10)]


@pytest.mark.parametrize("rule", [TransferRule.NONE, TransferRule.EXPECTED_EXTERNALITY])
def test_every_joint_lie_of_six_loses_by_five_standard_errors_and_more(rule: TransferRule) -> None:
    contract = ContractOnDemand(sampled(load_economy(MANY)), rule)
    for members in SIXES:
        drawn = drawn_reports(contract, members)
        utility = drawn.utilities.sum(axis=0)
        gains = utility - np.diag(utility)[:, None] + 5 * drawn.errors()
        assert gains[~np.eye(len(gains), dtype=bool)].max() < 0


def test_nearly_every_profile_leads_to_another_recommendation_to_six() -> None:
    economy = load_economy(MANY)
    efficient = efficient_allocation(economy, economy.prior.draws(seeded(5), 4096).profiles)
    members = list(range(0, 180, 30))
    told = np.concatenate([efficient.price[:, :1], efficient.bundles[:, members, 0]], axis=1)
    assert len(np.unique(told.round(9), axis=0)) > 0.95 * len(told)
