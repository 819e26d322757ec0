"""Transfers for profiles too many to list are the formula's, balance whatever is drawn, and reward no joint lie."""

from __future__ import annotations

from functools import cache
from itertools import chain, combinations, permutations, product

import numpy as np
import pytest

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.sampled_examination import examine_sampled
from marketgame.mechanisms.contracts.grand_contract import TransferRule, grand_contract
from marketgame.mechanisms.contracts.in_turn import CountedTurns, DrawnTurns, Turns, in_turn
from marketgame.mechanisms.contracts.incentives import check_incentives
from marketgame.mechanisms.contracts.joint_misreports import check_joint_misreports, joint_misreport_gains
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand, check_on_demand
from marketgame.mechanisms.contracts.sampled import SampledEconomy, sampled
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.profiles import Listing, players_alike
from marketgame.mechanisms.market_game.rules import PAPER_RULES, Execution, MarketRules, Refusal
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior
from tests.mechanisms.replicated_economies import all_different, booms_and_busts, replicas

PROOF = TransferRule.COALITION_PROOF
DEPOSITS = MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)


def private_values(seed: int) -> Economy:
    counts = ((2, 3, 2), (2, 2, 2, 2), (3, 2, 2))[seed % 3]
    return random_economy(seed, random_independent_prior(seed, counts), money=2000.0, type_dependent=seed % 2 > 0)


def gains_from_goods(economy: Economy) -> FloatArray:
    return economy.gains_from_goods(economy.profiles, efficient_allocation(economy).bundles)


def spoken_in_turn(economy: Economy) -> FloatArray:
    """Return pairwise compensation, player by player and speaker by speaker, averaged over orders of replicas."""
    prior, gains = economy.prior, gains_from_goods(economy)
    alike = players_alike(economy)
    groups = [np.flatnonzero(alike == first).tolist() for first in np.unique(alike)]
    orders = [[*chain(*parts)] for parts in product(*(permutations(group) for group in groups))]
    transfers = np.zeros_like(gains)
    for order in orders:
        known = [gains]
        for speaker in order[::-1]:
            table = known[-1].reshape(*prior.type_counts, -1)
            mean = np.tensordot(prior.marginal(speaker), table, axes=(0, speaker))
            known.append(np.broadcast_to(np.expand_dims(mean, speaker), table.shape).reshape(gains.shape))
        known.reverse()
        for turn, speaker in enumerate(order):
            change = known[turn + 1] - known[turn]
            change[:, speaker] = 0
            transfers[:, speaker] += change.sum(axis=1)
            transfers -= change
    return transfers / len(orders)


def everywhere(turns: Turns) -> FloatArray:
    economy = turns.economy
    return np.array([turns.transfers(*each) for each in zip(economy.profiles, gains_from_goods(economy), strict=True)])


def counted(economy: Economy) -> Turns:
    sample = sampled(economy, listing=Listing.COUNTED)
    assert isinstance(sample.in_turn.turns, CountedTurns)
    return sample.in_turn.turns


@cache
def drawn(players: int) -> SampledEconomy:
    return sampled(all_different(players), listing=Listing.DRAWN)


@pytest.mark.parametrize("economy", [replicas(), all_different(5), *map(private_values, range(6))])
def test_exact_transfers_are_the_mean_of_pairwise_compensations_over_orders_of_replicas(economy: Economy) -> None:
    found, expected = everywhere(counted(economy)), spoken_in_turn(economy)
    scale = np.abs(gains_from_goods(economy)).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * scale)
    assert np.abs(found.sum(axis=1)).max() <= 1e-14 * scale * len(economy.players)


@pytest.mark.parametrize("economy", [replicas(), *map(private_values, range(6))])
def test_no_coalition_gains_on_exact_transfers(economy: Economy) -> None:
    transfers = everywhere(counted(economy))
    check = check_joint_misreports(grand_contract(economy, transfers))
    assert check.truthful
    assert check.examined_size == len(economy.players)


def test_a_joint_lie_costs_just_the_welfare_it_costs() -> None:
    economy = all_different(4)
    contract, gains = grand_contract(economy, everywhere(counted(economy))), gains_from_goods(economy)
    unpaid = grand_contract(economy, np.zeros_like(gains))
    for members in combinations(range(4), 2):
        others = [player for player in range(4) if player not in members]
        own = joint_misreport_gains(unpaid, members).gains
        # What outsiders lose by it is a cost as well.
        by_report = gains[:, others].sum(axis=1).reshape(2, 2, 2, 2).mean(axis=tuple(others)).reshape(-1)
        np.testing.assert_allclose(
            joint_misreport_gains(contract, members).gains,
            own + by_report - by_report[:, None],
            atol=1e-14 * contract.stakes.max(),
        )


def test_drawn_transfers_balance_to_rounding_and_are_near_the_exact_ones_of_the_same_order() -> None:
    economy, known = drawn(6).economy, drawn(6).in_turn
    assert isinstance(known.turns, DrawnTurns)
    found, exact = everywhere(known.turns), everywhere(counted(economy))
    assert np.abs(found.sum(axis=1)).max() < 1e-13 * np.abs(found).max() * 6
    # Constants are no incentives: they are known as well as what goods are expected to gain is.
    apart = found - exact
    apart -= apart.mean(axis=0)
    errors = np.array([errors.max() for errors in known.errors])
    assert apart.any()
    assert (np.sqrt((apart**2).mean(axis=0)) < errors).all()
    assert (np.abs(apart) < 5 * errors).all()


def test_what_lies_gain_on_drawn_transfers_is_what_is_said_within_its_errors_alone_and_in_pairs() -> None:
    economy, known = drawn(6).economy, drawn(6).in_turn
    contract = grand_contract(economy, everywhere(known.turns))
    said, truth = check_on_demand(ContractOnDemand(drawn(6), PROOF)), check_incentives(contract)
    assert said.incentive_compatible
    assert said.standard_errors is not None
    for player in range(6):
        lies = ~np.eye(2, dtype=bool)
        apart = np.abs(said.gains[player] - truth.gains[player])[lies]
        assert (apart < 4 * said.standard_errors[player][lies]).all()
    exact = grand_contract(economy, everywhere(counted(economy)))
    for members in ((0, 1), (2, 5), (1, 3, 5), (0, 1, 2, 3, 4)):
        gains = joint_misreport_gains(contract, members).gains
        assert gains.max() < 4 * known.error_a_member * len(members)
        assert np.abs(gains - joint_misreport_gains(exact, members).gains).max() < 4 * known.error_a_member * len(
            members
        )
    # All together exploit nobody, whatever is drawn.
    assert joint_misreport_gains(contract, tuple(range(6))).gains.max() < 1e-12 * contract.stakes.sum()


def test_more_draws_bring_drawn_transfers_nearer_to_exact_ones() -> None:
    economy = drawn(6).economy
    exact = everywhere(counted(economy))
    expected = drawn(6).in_turn.turns.expected_gains
    apart = [np.abs(everywhere(DrawnTurns.of(economy, draws, expected)) - exact).mean() for draws in (4, 128)]
    assert apart[1] < 0.5 * apart[0]


def test_replicas_who_say_the_same_get_the_same_from_draws_too() -> None:
    economy = replicas()
    sample = sampled(economy, listing=Listing.DRAWN)
    assert isinstance(sample.in_turn.turns, DrawnTurns)
    contract = ContractOnDemand(sample, PROOF)
    one, other = (contract.terms(np.array([reports])) for reports in ([0, 1, 1, 0, 1], [1, 0, 1, 1, 0]))
    np.testing.assert_array_equal(one.numeraire_transfers[:, [1, 0, 2, 4, 3]], other.numeraire_transfers)
    assert one.numeraire_transfers[0, 1] == one.numeraire_transfers[0, 2]
    assert not settle(contract.recommend(economy.profiles), MarketRules()).bankrupt.any()


def test_hundreds_of_replicas_are_counted_exactly_and_pay_each_other() -> None:
    economy = replicas(groups=((100, 4.0, 1.0), (1, 5.0, 1.6)))
    sample = sampled(economy)
    known = sample.in_turn
    assert known.turns.draws is None
    assert known.error_a_member == 0
    assert np.abs(known.transfers.sum(axis=1)).max() < 1e-11 * np.abs(known.transfers).max()
    # What a type is expected to be paid for its report follows from what that brings the others.
    gains = economy.gains_from_goods(sample.profiles.types, sample.efficient.bundles)
    paid = np.array([known.turns.transfers(*each) for each in zip(sample.profiles.types, gains, strict=True)])
    stake = sample.tables.stakes.max()
    for player in (0, 100):
        for report in range(2):
            chosen = sample.profiles.types == report
            mine = players_alike(economy) == players_alike(economy)[player]
            weight = sample.profiles.weights[:, None] * (chosen & mine)
            assert (weight * paid).sum() / weight.sum() == pytest.approx(
                known.expected[player][report], abs=1e-12 * stake
            )


@pytest.mark.parametrize("economy", [replicas(groups=((2, 4.0, 1.0), (1, 5.0, 1.6))), *map(private_values, range(3))])
def test_transfers_drawn_by_lot_are_expected_to_be_the_exact_ones_whatever_is_reported(economy: Economy) -> None:
    # Every draw there is, weighed by the prior, in every order of replicas: what a lot is expected to bring.
    alike, gains, prior = players_alike(economy), gains_from_goods(economy), economy.prior
    groups = [np.flatnonzero(alike == first).tolist() for first in np.unique(alike)]
    orders = [[*chain(*parts)] for parts in product(*(permutations(group) for group in groups))]
    expected = np.zeros(len(economy.players))
    mean = np.zeros_like(gains)
    for drawn_types, chance, welfare in zip(economy.profiles, prior.probability, gains.sum(axis=1), strict=True):
        constant = expected + welfare / len(economy.players)
        for order in orders:
            lot = DrawnTurns(
                economy, alike, constant, drawn_types[None], np.array([order]), np.array([welfare], dtype=np.float64)
            )
            transfers = everywhere(lot)
            assert np.abs(transfers.sum(axis=1)).max() <= 1e-13 * np.abs(gains).max() * len(economy.players)
            mean += chance * transfers / len(orders)
    apart = mean - everywhere(counted(economy))
    np.testing.assert_allclose(apart, np.broadcast_to(apart[0], apart.shape), atol=1e-12 * np.abs(gains).max())
    assert check_joint_misreports(grand_contract(economy, mean)).truthful


def test_what_a_theorem_says_is_proved_and_where_money_might_run_out_unseen_it_is_sampled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exact = ContractOnDemand(sampled(replicas(), listing=Listing.COUNTED), PROOF)
    rich = ContractOnDemand(drawn(6), PROOF)
    monkeypatch.setattr("marketgame.mechanisms.contracts.sampled.MOST_BUNDLES", 1 << 13)
    monkeypatch.setattr("marketgame.mechanisms.contracts.sampled.MOST_BUNDLES_OF_LIARS", 1 << 13)
    poor = ContractOnDemand(sampled(all_different(6, money=(12.0,) * 6), listing=Listing.DRAWN), PROOF)
    for contract, verdict in ((exact, Verdict.PROVEN), (rich, Verdict.PROVEN), (poor, Verdict.SAMPLED)):
        players = len(contract.economy.players)
        for rules in (PAPER_RULES, DEPOSITS):
            found = examine_sampled(contract, rules, Coalitions(players, players))
            assert found.coalitions_report_truthfully is verdict
            assert (found.joint_lies.error_a_member is None) == (contract is exact)
            after = verdict if rules is DEPOSITS and verdict is Verdict.PROVEN else Verdict.NOT_REFUTED
            assert found.lie_and_disobey_together is after
            assert found.lie_and_disobey_alone is after


def test_correlated_types_are_refused() -> None:
    sample = sampled(replicas(booms_and_busts()), listing=Listing.COUNTED)
    with pytest.raises(ValueError, match="correlated"):
        in_turn(sample.tables, sample.profiles, sample.efficient)
