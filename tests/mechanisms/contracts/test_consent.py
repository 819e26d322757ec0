"""Fixed payments leave everybody willing and every incentive as it was, or none that balance do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.examples import located
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.consent import consent_to, with_consent
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.incentives import check_incentives
from marketgame.mechanisms.contracts.joint_misreports import every_joint_misreport
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.simulation.scenario.established_contract import established_contract
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior

RULES = [TransferRule.EXPECTED_EXTERNALITY, TransferRule.COALITION_PROOF]


def interim_gains(contract: GrandContract) -> list[FloatArray]:
    """Return what every type gains beyond its endowment, play by play."""
    economy = contract.economy
    utilities = contract.allocation[..., -1] - contract.endowments[..., -1]
    found = []
    for player, own in enumerate(economy.players):
        values = []
        for number, kind in enumerate(own.types):
            value = kind.valuation.value
            gain = value(contract.bundles[:, player]) - value(kind.endowment[:-1]) + utilities[:, player]
            values.append(float(economy.prior.beliefs(player)[number] @ gain))
        found.append(np.array(values))
    return found


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), counts=st.sampled_from([(2, 2), (2, 1, 2), (3, 2, 2)]), rule=st.sampled_from(RULES))
def test_everybody_takes_part_by_payments_that_no_program_can_spare(
    seed: int, counts: tuple[int, ...], rule: TransferRule
) -> None:
    economy = random_economy(seed, random_independent_prior(seed, counts), type_dependent=bool(seed % 2))
    contract = contract_with_transfers(economy, rule)
    found = consent_to(contract)
    least = np.array([gains.min() for gains in interim_gains(contract)])
    scale = float(contract.stakes.max())
    np.testing.assert_allclose(found.least_gains, least, atol=1e-9 * scale)
    # Payments p and a subsidy s: minimise s subject to p_i >= -least_i and sum p = s.
    players = len(counts)
    program = linprog(
        np.append(np.zeros(players), 1.0),
        A_eq=[np.append(np.ones(players), -1.0)],
        b_eq=[0.0],
        bounds=[*((-each, None) for each in least), (0.0, None)],
    )
    assert found.shortfall == pytest.approx(program.fun, abs=1e-9 * scale)
    assert abs(found.payments.sum()) <= 1e-12 * scale
    if found.shortfall > 0:
        with pytest.raises(ValueError, match="would be missing"):
            with_consent(contract)
        return
    willing = with_consent(contract)
    assert min(gains.min() for gains in interim_gains(willing)) >= -1e-9 * scale
    for player in range(players):
        before, after = (check_incentives(each).gains[player] for each in (contract, willing))
        np.testing.assert_allclose(after, before, atol=1e-9 * scale)
    for lies, same in zip(every_joint_misreport(contract), every_joint_misreport(willing), strict=True):
        np.testing.assert_allclose(same.gains, lies.gains, atol=1e-9 * scale)


def willing_scenario(economy: Economy) -> MarketScenario:
    willing = Participation.INDIVIDUAL
    return MarketScenario("trade", economy=economy, transfers=TransferRule.COALITION_PROOF, participation=willing)


def test_where_incentives_leave_too_little_a_seller_and_a_buyer_need_money_from_outside() -> None:
    economy = load_economy(located("example:two-sided-divisible"))
    with pytest.raises(
        ValueError, match=r"seller least; whatever fixed payments are made, .* euro of money would be missing"
    ):
        established_contract(willing_scenario(economy))


def test_who_would_stay_away_takes_part_where_the_scenario_asks_for_it() -> None:
    economy = load_economy(located("example:three-farmers"))
    before = contract_with_transfers(economy, TransferRule.COALITION_PROOF)
    after = established_contract(willing_scenario(economy))
    assert isinstance(after, GrandContract)
    lost, kept = (min(gains.min() for gains in interim_gains(each)) for each in (before, after))
    assert lost < 0 <= kept + 1e-12 * float(before.stakes.max())
