"""Expected-externality transfers: the theorem that truth is an equilibrium, the formula by loops, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechanisms.beliefs import CorrelatedPrior
from mechanisms.economy import Economy, Player, PlayerType
from mechanisms.efficiency import efficient_allocation
from mechanisms.grand_contract import grand_contract
from mechanisms.incentives import check_incentives
from mechanisms.transfers import expected_externality_transfers
from tests.mechanisms.strategies import economies, economy_of, line, one_type

SEVERAL_TYPES = st.sampled_from([(2, 2), (3, 2), (1, 2, 2), (2, 2, 2)])


@given(economy=economies(counts=SEVERAL_TYPES, numeraire=5000.0))
@settings(max_examples=40, deadline=None)
def test_truth_is_an_equilibrium_under_independent_types(economy: Economy) -> None:
    transfers = expected_externality_transfers(economy, efficient_allocation(economy))
    check = check_incentives(grand_contract(economy, transfers))
    assert check.incentive_compatible
    assert check.worst is not None
    assert check.worst.gain <= 1e-6


@given(economy=economies(counts=SEVERAL_TYPES))
@settings(max_examples=30, deadline=None)
def test_transfers_balance_in_every_profile(economy: Economy) -> None:
    transfers = expected_externality_transfers(economy, efficient_allocation(economy))
    size = np.abs(transfers).max(axis=1)
    assert (np.abs(transfers.sum(axis=1)) <= 1e-14 * len(economy.players) * (1 + size)).all()


@given(economy=economies(counts=SEVERAL_TYPES))
@settings(max_examples=15, deadline=None)
def test_everybody_is_paid_what_others_expect_from_its_report_less_the_mean_of_what_they_are_paid(
    economy: Economy,
) -> None:
    efficient = efficient_allocation(economy)
    transfers = expected_externality_transfers(economy, efficient)
    players = len(economy.players)

    def expected(i: int, kind: int) -> float:
        total = weight = 0.0
        for number, profile in enumerate(economy.profiles):
            if profile[i] == kind:
                chance = economy.prior.probability[number]
                weight += chance
                for j in range(players):
                    if j != i:
                        valuation = economy.players[j].types[profile[j]].valuation
                        total += chance * float(valuation.value(efficient.bundles[number, j]))
        return total / weight

    for number, profile in enumerate(economy.profiles):
        paid = [expected(i, profile[i]) for i in range(players)]
        for i in range(players):
            others = sum(paid[j] for j in range(players) if j != i) / (players - 1)
            assert transfers[number, i] == pytest.approx(paid[i] - others, abs=1e-9 * (1 + abs(paid[i])))


def buyer(name: str) -> Player:
    kinds = (("cool", 6.0), ("eager", 8.0))
    return Player(name, tuple(PlayerType(kind, np.array([0.0, 100.0]), line(value)) for kind, value in kinds))


def test_transfers_mend_what_the_walrasian_contract_leaves_broken() -> None:
    economy = economy_of([buyer("a"), one_type("seller", [4.0, 100.0], line(6.0))])
    assert not check_incentives(grand_contract(economy)).incentive_compatible
    transfers = expected_externality_transfers(economy, efficient_allocation(economy))
    assert check_incentives(grand_contract(economy, transfers)).incentive_compatible


def test_correlated_types_are_refused() -> None:
    prior = CorrelatedPrior(np.array([[0.4, 0.1], [0.1, 0.4]]))
    economy = economy_of([buyer("a"), buyer("b")], prior)
    with pytest.raises(ValueError, match="types are correlated; expected-externality transfers need independent"):
        expected_externality_transfers(economy, efficient_allocation(economy))


def test_a_single_player_has_nobody_to_pay() -> None:
    economy = economy_of([one_type("a", [1.0, 1.0], line(2.0))])
    with pytest.raises(ValueError, match="there is one player; transfers need somebody to pay them"):
        expected_externality_transfers(economy, efficient_allocation(economy))
