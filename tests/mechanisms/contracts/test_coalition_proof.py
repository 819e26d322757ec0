"""Transfers that no coalition of liars can exploit: balance, incentives, and who loses what by which lie."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
from scipy.optimize import linprog

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.coalition_proof import coalition_proof_transfers
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.incentives import check_incentives
from marketgame.mechanisms.contracts.joint_misreports import (
    check_joint_misreports,
    every_joint_misreport,
    joint_misreport_gains,
)
from marketgame.mechanisms.contracts.transfers import (
    IncentiveTransfers,
    Liars,
    NoIncentiveTransfers,
    contradiction,
    expected_externality_transfers,
    incentive_compatible_transfers,
)
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.economies.stakes import stakes_by_type
from tests.mechanisms.private_value_economies import (
    random_correlated_prior,
    random_economy,
    random_independent_prior,
    turning_tastes,
)

SIZES = ((2, 2), (3, 2, 2), (2, 1, 3), (2, 2, 2, 2), (1, 3, 1, 2, 2), (2, 2, 2, 2, 2, 2), (2, 1, 2, 2, 1, 2, 2))


def an_economy(seed: int) -> Economy:
    """Substitutes and complements, corners where little is owned, and endowments that depend on types."""
    counts = SIZES[seed % len(SIZES)]
    prior = random_independent_prior(seed, counts)
    return random_economy(seed, prior, goods=1 + seed % 2, money=2000.0, type_dependent=seed % 3 == 0)


def averaged_over_orders(economy: Economy, efficient: EfficientAllocation) -> FloatArray:
    """The transfers by their story: for every player, everybody else speaks in every order, and is paid increments."""
    counts, players = economy.prior.type_counts, len(economy.players)
    values = economy.gains_from_goods(efficient.profiles, efficient.bundles).reshape(*counts, players)

    def expected(subject: int, known: tuple[int, ...]) -> FloatArray:
        table = values[..., subject]
        for player in range(players):
            if player not in known:
                table = np.expand_dims(np.average(table, axis=player, weights=economy.prior.marginal(player)), player)
        return table

    transfers = np.zeros((*counts, players))
    for subject in range(players):
        others = [player for player in range(players) if player != subject]
        orders = list(permutations(others))
        for order in orders:
            for place, speaker in enumerate(order):
                increment = expected(subject, order[: place + 1]) - expected(subject, order[:place])
                transfers[..., speaker] += increment / len(orders)
                transfers[..., subject] -= increment / len(orders)
    return transfers.reshape(-1, players)


@pytest.mark.parametrize("seed", range(5))
def test_the_closed_form_is_the_average_over_all_orders_of_speaking(seed: int) -> None:
    economy = an_economy(seed)
    efficient = efficient_allocation(economy)
    expected = averaged_over_orders(economy, efficient)
    found = coalition_proof_transfers(economy, efficient)
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max())


# A hundred economies of three to seven players are `benchmarks/evidence/test_hundred_economies.py`.
@pytest.mark.parametrize("seed", range(21))
def test_coalition_proof_transfers_balance_and_no_coalition_gains_by_lying_together(seed: int) -> None:
    nobody_gains_by_lying_together(an_economy(seed))


def nobody_gains_by_lying_together(economy: Economy) -> None:
    efficient = efficient_allocation(economy)
    transfers = coalition_proof_transfers(economy, efficient)
    contract = grand_contract(economy, transfers)
    assert np.abs(transfers.sum(axis=-1)).max() <= 1e-12 * contract.stakes.max()
    check = check_joint_misreports(contract)
    assert check.complete
    assert check.truthful
    assert check.worst is None or check.worst.gain <= 1e-10 * contract.stakes.sum()


@pytest.mark.parametrize("seed", range(7))
def test_a_joint_lie_costs_the_welfare_that_it_costs(seed: int) -> None:
    economy = an_economy(seed)
    efficient = efficient_allocation(economy)
    contract = grand_contract(economy, coalition_proof_transfers(economy, efficient))
    for size in (1, 2, len(economy.players)):
        for members in combinations(range(len(economy.players)), size):
            gains = joint_misreport_gains(contract, members).gains
            expected = welfare_lost(economy, efficient, members)
            shown = np.isfinite(gains)
            np.testing.assert_allclose(gains[shown], expected[shown], atol=1e-10 * contract.stakes.sum())


def welfare_lost(economy: Economy, efficient: EfficientAllocation, members: tuple[int, ...]) -> FloatArray:
    """What lies of members change of everybody's welfare, profile by profile, and then in expectation."""
    own = [economy.prior.type_counts[member] for member in members]
    truths, told = economy.profiles, np.ravel_multi_index(tuple(economy.profiles[:, members].T), own)
    chances = economy.prior.probability / np.bincount(told, economy.prior.probability)[told]
    lost = np.zeros((int(np.prod(own)), int(np.prod(own))))
    honest = economy.gains_from_goods(truths, efficient.bundles).sum(axis=1) + economy.endowments(truths)[..., -1].sum(
        1
    )
    for column, said in enumerate(np.ndindex(*own)):
        reported = truths.copy()
        reported[:, members] = said
        bundles = efficient.bundles[economy.prior.profile_numbers(reported)]
        welfare = economy.gains_from_goods(truths, bundles).sum(axis=1) + economy.endowments(reported)[..., -1].sum(1)
        np.add.at(lost[:, column], told, chances * (welfare - honest))
    return lost


def most_by_brute_force(contract: GrandContract, members: tuple[int, ...]) -> float:
    """The most that a coalition gains by a joint lie, from the contract's own utilities, profile by profile."""
    economy = contract.economy
    best = -np.inf
    own = [economy.prior.type_counts[member] for member in members]
    for told in np.ndindex(*own):
        there = np.flatnonzero((economy.profiles[:, members] == told).all(axis=1))
        chance = economy.prior.probability[there]
        if chance.sum() == 0:
            continue
        worth: dict[tuple[int, ...], float] = {}
        for said in np.ndindex(*own):
            if any(
                (economy.players[m].types[to].endowment > economy.players[m].types[of].endowment).any()
                for m, of, to in zip(members, told, said, strict=True)
            ):
                continue
            reported = economy.profiles[there].copy()
            reported[:, members] = said
            ends = contract.allocation[economy.prior.profile_numbers(reported)]
            utility = economy.utility(economy.profiles[there], ends)[:, members].sum(axis=-1)
            worth[said] = float(chance @ utility / chance.sum())
        truth = worth.pop(told)
        best = max([best, *(value - truth for value in worth.values())])
    return best


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("correlated", [False, True])
def test_the_most_profitable_joint_lie_is_that_of_brute_force(seed: int, correlated: bool) -> None:
    counts = SIZES[seed % 5]
    prior = random_correlated_prior(seed, counts) if correlated else random_independent_prior(seed, counts)
    economy = random_economy(seed, prior, goods=1 + seed % 2, type_dependent=seed % 2 == 0)
    payments = None if correlated else expected_externality_transfers(economy, efficient_allocation(economy))
    contract = grand_contract(economy, payments)
    found = check_joint_misreports(contract)
    everybody = range(len(counts))
    coalitions = [c for size in range(1, len(counts) + 1) for c in combinations(everybody, size)]
    expected = {c: most_by_brute_force(contract, c) for c in coalitions}
    assert found.worst is not None
    assert found.worst.gain == pytest.approx(max(expected.values()), rel=1e-9, abs=1e-9)
    members = tuple(economy.player_names.index(name) for name in found.worst.coalition)
    assert expected[members] == pytest.approx(found.worst.gain, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_single_liars_are_coalitions_of_one(seed: int) -> None:
    economy = an_economy(seed)
    contract = grand_contract(economy, expected_externality_transfers(economy, efficient_allocation(economy)))
    gains = check_incentives(contract).gains
    for player, table in enumerate(gains):
        np.testing.assert_allclose(joint_misreport_gains(contract, (player,)).gains, table, atol=1e-9)


@pytest.mark.parametrize("seed", range(0, 20, 4))
def test_single_liars_lose_the_same_as_with_expected_externality_transfers(seed: int) -> None:
    economy = an_economy(seed)
    efficient = efficient_allocation(economy)
    lies = [
        check_incentives(grand_contract(economy, rule(economy, efficient))).gains
        for rule in (coalition_proof_transfers, expected_externality_transfers)
    ]
    for mine, theirs in zip(*lies, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-8)


def test_two_liars_together_gain_on_expected_externality_transfers_and_the_witness_says_who() -> None:
    economy = random_economy(3, random_independent_prior(3, (2, 2, 2, 2)), money=2000.0)
    contract = grand_contract(economy, expected_externality_transfers(economy, efficient_allocation(economy)))
    assert check_incentives(contract).incentive_compatible
    check = check_joint_misreports(contract)
    assert not check.truthful
    assert check.worst is not None
    members = tuple(economy.player_names.index(name) for name in check.worst.coalition)
    assert len(members) > 1
    assert most_by_brute_force(contract, members) == pytest.approx(check.worst.gain)


@pytest.mark.parametrize("seed", range(3))
def test_an_independent_linear_program_finds_such_transfers_too(
    seed: int,
) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (2, 2, 2)), money=2000.0)
    efficient = efficient_allocation(economy)
    slack, costs = largest_slack(economy, efficient)
    mine = grand_contract(economy, coalition_proof_transfers(economy, efficient))
    lies = check_joint_misreports(mine)
    assert lies.worst is not None
    assert slack >= -lies.worst.gain - 1e-7
    assert lies.worst.gain == pytest.approx(-costs, abs=1e-7)


def largest_slack(economy: Economy, efficient: EfficientAllocation, *, shares: bool = False) -> tuple[float, float]:
    """The most that balanced transfers make every joint lie cost at least; and the least that any costs everybody.

    With shares, the most is not an amount but the share of what the lie costs everybody.
    """
    unpaid = GrandContract(economy, efficient, np.zeros(economy.profiles.shape))
    counts, players = economy.prior.type_counts, len(economy.players)
    profiles = economy.profiles
    rows, limits, costs = [], [], np.inf
    for size in range(1, players + 1):
        for members in combinations(range(players), size):
            gains = joint_misreport_gains(unpaid, members).gains
            lost = welfare_lost(economy, efficient, members)
            costs = min(costs, float(-lost[~np.eye(len(lost), dtype=bool)].max()))
            own = [counts[member] for member in members]
            for row_number, told in enumerate(np.ndindex(*own)):
                for column_number, said in enumerate(np.ndindex(*own)):
                    if told == said:
                        continue
                    row = np.zeros((len(profiles), players))
                    belief = economy.prior.probability[(profiles[:, members] == told).all(axis=1)]
                    chance = belief / belief.sum()
                    for reports, sign in ((said, 1.0), (told, -1.0)):
                        there = (profiles[:, members] == reports).all(axis=1)
                        row[np.ix_(np.flatnonzero(there), members)] += sign * chance[:, None]
                    rows.append(np.append(row.ravel(), -lost[row_number, column_number] if shares else 1.0))
                    limits.append(-gains[row_number, column_number])
    balance = np.kron(np.eye(len(profiles)), np.ones((1, players)))
    balance = np.hstack([balance, np.zeros((len(profiles), 1))])
    objective = np.zeros(len(profiles) * players + 1)
    objective[-1] = -1.0
    bounds = [(None, None)] * len(objective)
    found = linprog(objective, np.array(rows), limits, balance, np.zeros(len(profiles)), bounds)
    assert found.fun is not None
    return -found.fun, costs


@pytest.mark.parametrize("seed", range(8))
def test_for_correlated_types_a_linear_program_finds_transfers_that_no_coalition_of_liars_exploits(seed: int) -> None:
    economy = random_economy(seed, random_correlated_prior(seed, SIZES[seed % 4]), goods=1 + seed % 2, money=2000.0)
    efficient = efficient_allocation(economy)
    found = incentive_compatible_transfers(economy, efficient, liars=Liars.TOGETHER)
    assert isinstance(found, IncentiveTransfers)
    contract = GrandContract(economy, efficient, found.numeraire_transfers)
    check = check_joint_misreports(contract)
    assert check.complete
    assert check.truthful
    assert 0 <= found.largest_slack <= 1


@pytest.mark.parametrize("seed", range(4))
def test_for_correlated_types_every_lie_bears_the_largest_share_of_what_it_costs(seed: int) -> None:
    """Brute force over types and reports finds the share that is said, and a dense program by another route no more."""
    economy = random_economy(seed, random_correlated_prior(seed, ((2, 2), (3, 2), (2, 2, 2))[seed % 3]), money=2000.0)
    efficient = efficient_allocation(economy)
    found = incentive_compatible_transfers(economy, efficient, liars=Liars.TOGETHER)
    assert isinstance(found, IncentiveTransfers)
    contract = GrandContract(economy, efficient, found.numeraire_transfers)
    rounding = 1e-6 * contract.stakes.sum()
    shares = []
    for own in every_joint_misreport(contract):
        lost = welfare_lost(economy, efficient, own.members)
        assert (own.gains <= found.share_borne * lost + rounding).all()
        shares += (own.gains[lost < -rounding] / lost[lost < -rounding]).tolist()
    assert 0 <= found.share_borne <= 1
    most, _ = largest_slack(economy, efficient, shares=True)
    assert found.share_borne == pytest.approx(min(most, 1.0), abs=1e-5)
    assert min(shares) == pytest.approx(found.share_borne, abs=1e-5)


def test_for_independent_types_the_program_lets_lies_bear_all_they_cost_as_the_closed_form_does() -> None:
    economy = random_economy(4, random_independent_prior(4, (2, 2, 2)), money=2000.0)
    found = incentive_compatible_transfers(economy, efficient_allocation(economy), liars=Liars.TOGETHER)
    assert isinstance(found, IncentiveTransfers)
    assert found.share_borne == pytest.approx(1.0, abs=1e-6)


def test_the_largest_slack_is_at_least_what_the_closed_form_leaves() -> None:
    economy = random_economy(4, random_independent_prior(4, (2, 2, 2)), money=2000.0)
    efficient = efficient_allocation(economy)
    found = incentive_compatible_transfers(economy, efficient, liars=Liars.TOGETHER)
    assert isinstance(found, IncentiveTransfers)
    closed = GrandContract(economy, efficient, coalition_proof_transfers(economy, efficient))
    unpaid = stakes_by_type(economy, efficient)
    left = np.inf
    for own in every_joint_misreport(closed):
        rows = economy.first_rows[list(own.members), None] + np.indices([2] * len(own.members)).reshape(
            len(own.members), -1
        )
        shares = -own.gains / unpaid[rows].sum(axis=0)[:, None]
        left = min(left, float(shares[~np.eye(len(shares), dtype=bool)].min()))
    assert found.largest_slack >= left - 1e-7


def test_what_defies_single_liars_defies_coalitions_and_forged_evidence_is_rejected() -> None:
    economy = turning_tastes(0.99)
    efficient = efficient_allocation(economy)
    evidence = incentive_compatible_transfers(economy, efficient, liars=Liars.TOGETHER)
    assert isinstance(evidence, NoIncentiveTransfers)
    assert contradiction(economy, efficient, evidence) > 1e-6
    everybody = evidence.coalitions.index((0, 1))
    forged = list(evidence.misreport_multipliers)
    forged[everybody] = forged[everybody] + 0.01 * (1 - np.eye(16))
    mutations = (
        replace(evidence, misreport_multipliers=tuple(forged)),
        replace(evidence, balance_multipliers=evidence.balance_multipliers * 1.01),
        replace(evidence, misreport_multipliers=tuple(-matrix for matrix in evidence.misreport_multipliers)),
    )
    assert all(contradiction(economy, efficient, mutation) < 0 for mutation in mutations)


def test_correlated_types_have_no_closed_form() -> None:
    economy = random_economy(1, random_correlated_prior(1, (2, 2)))
    with pytest.raises(ValueError, match="correlated"):
        coalition_proof_transfers(economy, efficient_allocation(economy))


def test_a_bystander_who_can_pay_saves_incentives_of_single_liars_but_not_of_coalitions() -> None:
    economy = turning_tastes(0.99, bystander=True)
    efficient = efficient_allocation(economy)
    assert isinstance(incentive_compatible_transfers(economy, efficient), IncentiveTransfers)
    evidence = incentive_compatible_transfers(economy, efficient, liars=Liars.TOGETHER)
    assert isinstance(evidence, NoIncentiveTransfers)
    assert contradiction(economy, efficient, evidence) > 1e-6
