"""Side-devices over reports: what members who share money, or nothing, gain by agreeing what to report."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from marketgame.mechanisms.collusion.report_agreements import ReportAgreement, Shared, best_report_agreement
from marketgame.mechanisms.contracts.coalition_proof import coalition_proof_transfers
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.joint_misreports import joint_misreport_gains
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from tests.mechanisms.private_value_economies import random_correlated_prior, random_economy, random_independent_prior

SIZES = ((2, 2, 2), (3, 2, 1), (2, 3, 2))
MEMBERS = (0, 1)


def contract_of(seed: int, *, proof: bool = False, type_dependent: bool = False) -> GrandContract:
    prior = random_independent_prior(seed, SIZES[seed % 3])
    economy = random_economy(seed, prior, goods=1 + seed % 2, money=2000.0, type_dependent=type_dependent)
    rule = coalition_proof_transfers if proof else expected_externality_transfers
    return grand_contract(economy, rule(economy, efficient_allocation(economy)))


def expected_by_hand(contract: GrandContract, agreement: ReportAgreement, place: int, kind: int, said: int) -> float:
    """What a type of one of two members expects that reports another to the side-device, play by play."""
    economy = contract.economy
    counts = economy.prior.type_counts
    own, other = agreement.members[place], agreement.members[1 - place]
    pairs = list(product(*(range(counts[member]) for member in agreement.members)))
    total = weight = 0.0
    for number, profile in enumerate(economy.profiles):
        if profile[own] != kind:
            continue
        chance = float(economy.prior.probability[number])
        heard = [0, 0]
        heard[place], heard[1 - place] = said, int(profile[other])
        row = pairs.index((heard[0], heard[1]))
        value = agreement.payments[place, row]
        for told, likely in zip(pairs, agreement.lottery[row], strict=True):
            if likely == 0:
                continue
            reported = profile.copy()
            reported[list(agreement.members)] = told
            types = economy.players[own].types
            if (types[told[place]].endowment > types[kind].endowment).any():
                reported[own] = kind
            end = contract.allocation[economy.prior.profile_numbers(reported)]
            value += likely * (types[kind].valuation.value(end[own, :-1]) + end[own, -1])
        total += chance * value
        weight += chance
    return total / weight


def truth_by_hand(contract: GrandContract, player: int, kind: int) -> float:
    economy = contract.economy
    there = np.flatnonzero(economy.profiles[:, player] == kind)
    chance = economy.prior.probability[there]
    utility = economy.utility(economy.profiles[there], contract.allocation[there])[:, player]
    return float(chance @ utility / chance.sum())


@pytest.mark.parametrize("shared", Shared)
@pytest.mark.parametrize("type_dependent", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_no_type_gains_by_lying_to_the_side_device_and_none_loses_by_accepting(
    seed: int, type_dependent: bool, shared: Shared
) -> None:
    contract = contract_of(seed, type_dependent=type_dependent)
    agreement = best_report_agreement(contract, MEMBERS, shared)
    rounding = 1e-7 * float(contract.stakes.sum())
    assert np.abs(agreement.payments.sum(axis=0)).max() <= rounding
    assert shared is Shared.MONEY or not agreement.payments.any()
    promised = 0.0
    for place, member in enumerate(MEMBERS):
        marginal = contract.economy.prior.marginal(member)
        for kind, chance in enumerate(marginal):
            obeys = expected_by_hand(contract, agreement, place, kind, kind)
            gain = obeys - truth_by_hand(contract, member, kind)
            assert gain >= -rounding
            assert gain == pytest.approx(agreement.gains[place][kind], abs=rounding)
            promised += float(chance) * gain
            for said in range(len(marginal)):
                assert expected_by_hand(contract, agreement, place, kind, said) <= obeys + rounding
    assert promised == pytest.approx(agreement.total_gain, abs=rounding)


@pytest.mark.parametrize("seed", range(9))
def test_the_less_members_share_the_less_they_gain(seed: int) -> None:
    contract = contract_of(seed)
    pooled = joint_misreport_gains(contract, MEMBERS).gains.max(axis=1)
    likely = np.multiply.outer(*(contract.economy.prior.marginal(member) for member in MEMBERS)).ravel()
    money = best_report_agreement(contract, MEMBERS).total_gain
    nothing = best_report_agreement(contract, MEMBERS, Shared.NOTHING).total_gain
    rounding = 1e-7 * float(contract.stakes.sum())
    assert -rounding <= nothing <= money + rounding
    assert money <= likely @ pooled + rounding


def test_secrets_from_each_other_can_cost_two_liars_what_they_would_gain_together() -> None:
    gains = []
    for seed in (1, 4, 5, 7):
        contract = contract_of(seed)
        gains.append([best_report_agreement(contract, MEMBERS, shared).total_gain for shared in Shared])
    assert max(money for money, _ in gains) > 0.01
    assert any(nothing < 0.9 * money for money, nothing in gains if money > 0.01)


@pytest.mark.parametrize("seed", range(9))
def test_under_coalition_proof_transfers_a_third_party_has_nothing_to_offer(seed: int) -> None:
    contract = contract_of(seed, proof=True, type_dependent=seed % 2 == 0)
    for members in ((0, 1), (0, 2), (0, 1, 2)):
        agreement = best_report_agreement(contract, members)
        assert agreement.total_gain <= 1e-7 * float(contract.stakes.sum())


def test_with_correlated_types_members_infer_each_others() -> None:
    economy = random_economy(3, random_correlated_prior(3, (2, 2, 2)), money=2000.0)
    contract = grand_contract(economy)
    agreement = best_report_agreement(contract, MEMBERS)
    rounding = 1e-7 * float(contract.stakes.sum())
    for place, member in enumerate(MEMBERS):
        for kind in range(2):
            obeys = expected_by_hand(contract, agreement, place, kind, kind)
            assert obeys >= truth_by_hand(contract, member, kind) - rounding
            assert expected_by_hand(contract, agreement, place, kind, 1 - kind) <= obeys + rounding
