"""Transfers that make truth an equilibrium: closed form, linear system, and the proof when there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.compatibility import CompatibilityHolds, check_compatibility
from marketgame.mechanisms.contracts.contract import device_of
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.contracts.incentives import check_incentives
from marketgame.mechanisms.contracts.transfers import (
    IncentiveTransfers,
    NoIncentiveTransfers,
    TransferBound,
    check_without_transfers,
    contradiction,
    expected_externality_transfers,
    incentive_compatible_transfers,
)
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import Coverage, MarketRules
from tests.examples import drawn
from tests.mechanisms.private_value_economies import (
    random_correlated_prior,
    random_economy,
    random_independent_prior,
    turning_tastes,
)

SEEDS = st.integers(0, 2**32 - 1)
TWO_OR_THREE_PLAYERS = st.sampled_from([(2, 2), (3, 2), (2, 2, 2), (1, 3, 2), (3, 2, 2)])
THREE_PLAYERS = st.sampled_from([(2, 2, 2), (2, 3, 2), (3, 1, 3), (2, 2, 2, 2)])
GOODS = st.integers(1, 2)


def solve(economy: Economy, bound: TransferBound = TransferBound.NONE) -> IncentiveTransfers | NoIncentiveTransfers:
    return incentive_compatible_transfers(economy, efficient_allocation(economy), bound)


def found(economy: Economy, bound: TransferBound = TransferBound.NONE) -> IncentiveTransfers:
    answer = solve(economy, bound)
    assert isinstance(answer, IncentiveTransfers)
    return answer


def refuted(economy: Economy, bound: TransferBound = TransferBound.NONE) -> NoIncentiveTransfers:
    answer = solve(economy, bound)
    assert isinstance(answer, NoIncentiveTransfers)
    return answer


def largest_gain(economy: Economy, transfers: FloatArray) -> float:
    return max(float(gains.max()) for gains in check_incentives(grand_contract(economy, transfers)).gains)


def papers_inequalities(economy: Economy, efficient: EfficientAllocation, f: FloatArray) -> list[FloatArray]:
    """Right side less left side of the system in f of Giraud and Rochon's 6.1, written out with loops."""
    prior, players = economy.prior, range(len(economy.players))
    counts, others_count = prior.type_counts, len(economy.players) - 1
    value = efficient.bundles

    def at(profile: tuple[int, ...]) -> int:
        return int(np.ravel_multi_index(profile, counts))

    excess = []
    for i in players:
        table = np.zeros((counts[i], counts[i]))
        for number, row in enumerate(economy.profiles):
            t = tuple(int(kind) for kind in row)
            belief = prior.probability[number] / prior.marginal(i)[t[i]]
            valuation = economy.players[i].types[t[i]].valuation
            for m in range(counts[i]):
                said = at((*t[:i], m, *t[i + 1 :]))
                theta_true = f[number, i] - sum(f[number, j] for j in players if j != i) / others_count
                theta_said = f[said, i] - sum(f[said, j] for j in players if j != i) / others_count
                v_hat = valuation.value(value[said, i]) - valuation.value(value[number, i])
                table[t[i], m] += belief * (v_hat - (theta_true - theta_said))
        excess.append(table)
    return excess


def expected_value_to_others(economy: Economy, efficient: EfficientAllocation) -> FloatArray:
    """f_i(t_i) = E[sum over j != i of v_j(x_j(t), t_j) | t_i], summed profile by profile, ``(P, N)``."""
    prior, players = economy.prior, range(len(economy.players))
    f = np.zeros(economy.profiles.shape)
    for i in players:
        for kind in range(prior.type_counts[i]):
            expected = 0.0
            for number, row in enumerate(economy.profiles):
                if row[i] == kind:
                    others = sum(
                        float(economy.players[j].types[row[j]].valuation.value(efficient.bundles[number, j]))
                        for j in players
                        if j != i
                    )
                    expected += prior.probability[number] / prior.marginal(i)[kind] * others
            f[economy.profiles[:, i] == kind, i] = expected
    return f


@settings(max_examples=15, deadline=None)
@given(SEEDS, TWO_OR_THREE_PLAYERS, GOODS)
def test_the_papers_inequalities_in_f_at_the_closed_form_are_the_misreport_gains_of_its_transfers(
    seed: int, counts: tuple[int, ...], goods: int
) -> None:
    economy = random_economy(seed, random_independent_prior(seed, counts), goods=goods)
    efficient = efficient_allocation(economy)
    transfers = expected_externality_transfers(economy, efficient)
    gains = check_incentives(grand_contract(economy, transfers)).gains
    slow = papers_inequalities(economy, efficient, expected_value_to_others(economy, efficient))
    for fast, written_out in zip(gains, slow, strict=True):
        np.testing.assert_allclose(fast, written_out, atol=1e-9)
        assert written_out.max() <= 1e-9


@settings(max_examples=15, deadline=None)
@given(SEEDS, TWO_OR_THREE_PLAYERS, GOODS, st.booleans())
def test_under_independence_the_system_has_a_solution_whose_largest_transfer_is_at_most_the_closed_forms(
    seed: int, counts: tuple[int, ...], goods: int, type_dependent: bool
) -> None:
    prior = random_independent_prior(seed, counts)
    economy = random_economy(seed, prior, goods=goods, type_dependent=type_dependent)
    efficient = efficient_allocation(economy)
    closed_form = expected_externality_transfers(economy, efficient)
    assert check_incentives(grand_contract(economy, closed_form)).incentive_compatible
    smallest = found(economy)
    assert check_incentives(grand_contract(economy, smallest.numeraire_transfers)).incentive_compatible
    assert smallest.largest <= np.abs(closed_form).max() * (1 + 1e-9)


@settings(max_examples=drawn(25), deadline=None)
@given(SEEDS, THREE_PLAYERS, GOODS, st.booleans())
def test_transfers_exist_whenever_the_compatibility_condition_holds(
    seed: int, counts: tuple[int, ...], goods: int, type_dependent: bool
) -> None:
    prior = random_correlated_prior(seed, counts)
    economy = random_economy(seed, prior, goods=goods, type_dependent=type_dependent, money=5000.0)
    assert isinstance(check_compatibility(prior), CompatibilityHolds)
    assert largest_gain(economy, found(economy).numeraire_transfers) <= 1e-6


@settings(max_examples=15, deadline=None)
@given(SEEDS, TWO_OR_THREE_PLAYERS)
def test_transfers_balance_to_rounding_in_every_profile(seed: int, counts: tuple[int, ...]) -> None:
    answer = found(random_economy(seed, random_correlated_prior(seed, counts)))
    assert np.abs(answer.numeraire_transfers.sum(axis=1)).max() <= 1e-14 * (1 + answer.largest)


@settings(max_examples=drawn(40), deadline=None)
@given(SEEDS, GOODS)
def test_two_players_with_two_types_need_no_compatibility_condition(seed: int, goods: int) -> None:
    """Correlated, they always violate the condition; transfers exist all the same, so it is not necessary.

    The only candidate multipliers weigh each player's two lies equally, with prices in a fixed ratio. Comparing, at
    the price p of each profile, the bundle a player gets with the one it would get by the lie,
    v_i(x') - v_i(x) <= p (x' - x), and adding over both players' lies, the terms cancel: the sum is never positive.
    """
    prior = random_correlated_prior(seed, (2, 2))
    assert not isinstance(check_compatibility(prior), CompatibilityHolds)
    found(random_economy(seed, prior, goods=goods))


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from([(2, 2), (3, 2), (2, 2, 2)]))
def test_no_balanced_incentive_compatible_transfers_are_smaller(seed: int, counts: tuple[int, ...]) -> None:
    """An independent program over all transfers, with dense rows written out one by one, agrees on the least size."""
    economy = random_economy(seed, random_correlated_prior(seed, counts))
    least = dense_program(economy)
    assert least.status == 0
    assert found(economy).largest == pytest.approx(least.fun, rel=1e-6, abs=1e-9)


def dense_program(economy: Economy) -> optimize.OptimizeResult:
    """Minimise the largest absolute transfer subject to balance and truth, by another route to the solver."""
    prior, counts = economy.prior, economy.prior.type_counts
    profiles, players = economy.profiles.shape
    gains = check_without_transfers(economy, efficient_allocation(economy)).gains
    width = profiles * players + 1
    rows, limits = [], []
    for i in range(players):
        for true_type in range(counts[i]):
            for report in range(counts[i]):
                if report == true_type:
                    continue
                row = np.zeros(width)
                for number, profile in enumerate(economy.profiles):
                    if profile[i] == true_type:
                        said = profile.copy()
                        said[i] = report
                        belief = prior.probability[number] / prior.marginal(i)[true_type]
                        row[number * players + i] -= belief
                        row[int(prior.profile_numbers(said)) * players + i] += belief
                rows.append(row)
                limits.append(-gains[i][true_type, report])
    for entry in range(width - 1):
        for sign in (1.0, -1.0):
            row = np.zeros(width)
            row[[entry, -1]] = sign, -1.0
            rows.append(row)
            limits.append(0.0)
    balance = np.zeros((profiles, width))
    for number in range(profiles):
        balance[number, number * players : (number + 1) * players] = 1.0
    cost = np.zeros(width)
    cost[-1] = 1.0
    return optimize.linprog(
        cost, np.array(rows), limits, balance, np.zeros(profiles), bounds=[(None, None)] * width, method="highs-ipm"
    )


def test_two_players_whose_tastes_for_two_goods_turn_together_have_no_transfers() -> None:
    economy = turning_tastes(0.99)
    evidence = refuted(economy)
    assert contradiction(economy, efficient_allocation(economy), evidence) > 0.01
    assert dense_program(economy).status == 2
    total = sum(weights.sum() for weights in evidence.misreport_multipliers)
    gains = check_without_transfers(economy, efficient_allocation(economy)).gains
    weighted = sum((w * g).sum() for w, g in zip(evidence.misreport_multipliers, gains, strict=True))
    assert evidence.least_gain == pytest.approx(weighted / total, rel=1e-6)


def test_the_same_tastes_allow_transfers_when_they_turn_together_less_often() -> None:
    economy = turning_tastes(0.9)
    assert check_incentives(grand_contract(economy, found(economy).numeraire_transfers)).incentive_compatible
    assert dense_program(economy).status == 0


def test_a_bystander_who_breaks_the_budget_of_the_two_makes_transfers_possible() -> None:
    economy = turning_tastes(0.99, bystander=True)
    assert isinstance(check_compatibility(economy.prior), CompatibilityHolds)
    assert check_incentives(grand_contract(economy, found(economy).numeraire_transfers)).incentive_compatible


@pytest.mark.parametrize("number", range(4))
def test_corrupted_evidence_is_rejected(number: int) -> None:
    economy = turning_tastes(0.99)
    efficient = efficient_allocation(economy)
    evidence = refuted(economy)
    weights, prices = evidence.misreport_multipliers, evidence.balance_multipliers
    corrupted = [
        replace(evidence, balance_multipliers=-prices),
        replace(evidence, misreport_multipliers=(weights[0] * 1.001, weights[1])),
        replace(evidence, misreport_multipliers=(weights[0] - 0.01 * (1 - np.eye(4)), weights[1])),
        replace(
            evidence, misreport_multipliers=tuple(0 * matrix for matrix in weights), balance_multipliers=0 * prices
        ),
    ][number]
    assert contradiction(economy, efficient, corrupted) == -np.inf


def test_evidence_for_one_economy_proves_nothing_about_another() -> None:
    evidence = refuted(turning_tastes(0.99))
    other = turning_tastes(0.9)
    assert contradiction(other, efficient_allocation(other), evidence) == -np.inf
    smaller = random_economy(1, random_correlated_prior(1, (2, 2)))
    with pytest.raises(ValueError, match="another size"):
        contradiction(smaller, efficient_allocation(smaller), evidence)


def unequal_needs(money: float) -> Economy:
    """Strong incentives to misreport, which take money to undo."""
    return random_economy(5, random_independent_prior(5, (2, 2, 2)), money=money)


def test_poor_players_cannot_pay_what_truth_takes_and_the_evidence_says_so() -> None:
    poor = unequal_needs(0.0)
    efficient = efficient_allocation(poor)
    evidence = refuted(poor, TransferBound.NO_DEBT)
    assert contradiction(poor, efficient, evidence) > 1e-3
    assert isinstance(solve(poor), IncentiveTransfers)
    unbounded = replace(evidence, bound=TransferBound.NONE)
    assert contradiction(poor, efficient, unbounded) <= 0
    richer = unequal_needs(100.0)
    assert contradiction(richer, efficient_allocation(richer), evidence) < 0


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.floats(0.0, 30.0))
def test_transfers_without_debt_leave_nobody_in_debt_and_exist_for_the_rich_enough(seed: int, money: float) -> None:
    prior = random_correlated_prior(seed, (2, 2, 2))
    economy = random_economy(seed, prior, money=money)
    bounded = solve(economy, TransferBound.NO_DEBT)
    if isinstance(bounded, NoIncentiveTransfers):
        assert contradiction(economy, efficient_allocation(economy), bounded) > 0
        assert -found(economy).numeraire_transfers.min() > money
    else:
        assert -bounded.numeraire_transfers.min() <= money * (1 + 1e-9)
        # A grand contract refuses transfers that leave debts.
        assert largest_gain(economy, bounded.numeraire_transfers) <= 1e-6


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.floats(5.0, 60.0))
def test_announced_transfers_are_admitted_by_the_rule_of_coverage(seed: int, money: float) -> None:
    economy = random_economy(seed, random_correlated_prior(seed, (2, 2, 2)), money=money)
    efficient = efficient_allocation(economy)
    answer = incentive_compatible_transfers(economy, efficient, TransferBound.ANNOUNCED)
    if isinstance(answer, NoIncentiveTransfers):
        assert contradiction(economy, efficient, answer) > 0
    else:
        contract = device_of(
            grand_contract(economy, answer.numeraire_transfers), MarketRules(coverage=Coverage.ANNOUNCED_NUMERAIRE)
        )
        assert not contract.settlement.bankrupt.any()


def test_bounds_that_leave_no_room_for_balance_are_refuted_by_that_profile_alone() -> None:
    economy = random_economy(3, random_independent_prior(3, (2, 2)), money=0.0)
    efficient = efficient_allocation(economy)
    evidence = refuted(economy, TransferBound.ANNOUNCED)
    assert evidence.least_gain == np.inf
    assert not any(matrix.any() for matrix in evidence.misreport_multipliers)
    assert contradiction(economy, efficient, evidence) > 0


def test_identical_types_need_no_transfers() -> None:
    economy = random_economy(7, random_correlated_prior(7, (1, 1, 1)))
    twins = tuple(
        Player(player.name, (player.types[0], replace(player.types[0], name="twin"))) for player in economy.players
    )
    prior = CorrelatedPrior(np.random.default_rng(7).dirichlet(np.ones(8)).reshape(2, 2, 2))
    assert found(Economy("twins", economy.goods, economy.units, twins, prior)).largest <= 1e-9


def in_units(kind: PlayerType, unit: float) -> PlayerType:
    """The type with all values, and the money it owns, counted in another unit."""
    valuation = kind.valuation
    assert isinstance(valuation, Quadratic)
    endowment = np.append(kind.endowment[:-1], kind.endowment[-1] * unit)
    return PlayerType(kind.name, endowment, Quadratic(valuation.intercept * unit, valuation.slope * unit))


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.floats(0.01, 1000.0))
def test_the_least_transfer_is_measured_in_the_units_of_value(seed: int, unit: float) -> None:
    economy = random_economy(seed, random_correlated_prior(seed, (2, 2)), money=200.0)
    rescaled = tuple(
        Player(player.name, tuple(in_units(kind, unit) for kind in player.types)) for player in economy.players
    )
    other = replace(economy, players=rescaled)
    assert found(other).largest == pytest.approx(unit * found(economy).largest, rel=1e-6)


def test_what_does_not_fit_is_refused() -> None:
    correlated = random_economy(1, random_correlated_prior(1, (2, 2)))
    with pytest.raises(ValueError, match="independent"):
        expected_externality_transfers(correlated, efficient_allocation(correlated))
    with pytest.raises(ValueError, match="every profile"):
        incentive_compatible_transfers(correlated, efficient_allocation(correlated, correlated.profiles[:2]))
    alone = random_economy(1, IndependentPrior([np.array([0.5, 0.5])]))
    with pytest.raises(ValueError, match="one player"):
        expected_externality_transfers(alone, efficient_allocation(alone))
