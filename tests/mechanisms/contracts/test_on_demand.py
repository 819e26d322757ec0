"""Contracts worked out where reports occur say what listed ones say; what is drawn says by how much it may be off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from marketgame.mechanisms.contracts import report_tables
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, grand_contract
from marketgame.mechanisms.contracts.incentives import IncentiveCheck, check_incentives
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand, check_on_demand
from marketgame.mechanisms.contracts.sampled import SampledEconomy, sampled
from marketgame.mechanisms.contracts.terms import DirectContract, OwnRecommendation
from marketgame.mechanisms.contracts.transfers import (
    balanced_externalities,
    expected_externality_transfers,
    least_transfers,
    numeraire_left,
)
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.profiles import Listing
from marketgame.mechanisms.incentive_efficiency.benchmarks import incentive_benchmarks
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import Money, SecondBest, second_best
from marketgame.mechanisms.incentive_efficiency.welfare import UnknownBenchmark
from marketgame.mechanisms.linear_program import deadline
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from marketgame.mechanisms.market_game.rules import Execution, MarketRules, Refusal
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.replicated_economies import all_different, booms_and_busts, replicas

RULES = (TransferRule.NONE, TransferRule.EXPECTED_EXTERNALITY)


def listed_contract(economy: Economy, rule: TransferRule) -> GrandContract:
    if rule is TransferRule.NONE:
        return grand_contract(economy)
    efficient = efficient_allocation(economy)
    return GrandContract(economy, efficient, expected_externality_transfers(economy, efficient))


def exactly(economy: Economy) -> SampledEconomy:
    return sampled(economy, listing=Listing.COUNTED)


@cache
def drawn(players: int) -> SampledEconomy:
    return sampled(all_different(players), listing=Listing.DRAWN)


def gains_and_errors(check: IncentiveCheck) -> tuple[np.ndarray, np.ndarray]:
    assert check.standard_errors is not None
    lies = [~np.eye(len(gains), dtype=bool) for gains in check.gains]
    pairs = zip(check.gains, check.standard_errors, lies, strict=True)
    gains, errors = zip(*((gain[lie], error[lie]) for gain, error, lie in pairs), strict=True)
    return np.concatenate(gains), np.concatenate(errors)


def heard(contract: DirectContract, reports: list[int], player: int) -> OwnRecommendation:
    play = contract.recommend(np.array(reports))
    own = (play.quotes[player], play.orders[player], play.announced_endowments[player])
    return OwnRecommendation(*own, play.transfers)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("economy", [replicas(), all_different(5)], ids=["replicas", "all different"])
def test_terms_are_those_of_the_listed_contract(economy: Economy, rule: TransferRule) -> None:
    known, found = listed_contract(economy, rule), ContractOnDemand(exactly(economy), rule)
    expected, terms = known.terms(economy.profiles), found.terms(economy.profiles)
    for name in ("numeraire_transfers", "orders", "announced_endowments", "allocation"):
        np.testing.assert_allclose(getattr(terms, name), getattr(expected, name), rtol=0, atol=1e-12)
    # What is granted for rounding may differ, by some 1e-10 of what is traded.
    np.testing.assert_allclose(terms.transfers, expected.transfers, rtol=0, atol=1e-8)
    assert not settle(found.recommend(economy.profiles), MarketRules()).bankrupt.any()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("refusal", Refusal)
@pytest.mark.parametrize("execution", Execution)
def test_matched_orders_and_deposits_are_those_of_the_listed_contract(
    execution: Execution, refusal: Refusal, rule: TransferRule
) -> None:
    economy, market = replicas(), MarketRules(execution=execution, refusal=refusal)
    known = listed_contract(economy, rule).under(market)
    found = ContractOnDemand(exactly(economy), rule).under(market)
    expected, terms = known.recommend(economy.profiles), found.recommend(economy.profiles)
    np.testing.assert_allclose(terms.orders, expected.orders, rtol=0, atol=1e-12)
    np.testing.assert_allclose(terms.announced_endowments, expected.announced_endowments, rtol=0, atol=1e-12)
    ours, theirs = (contract.terms(economy.profiles).received for contract in (found, known))
    assert (ours is None) == (theirs is None) == (refusal is Refusal.FREE)
    if ours is not None and theirs is not None:
        assert not terms.transfers.any()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    assert not settle(terms, market).bankrupt.any()
    # Whoever has been told something takes for possible the profile at which it was told.
    for number in range(0, len(economy.profiles), 7):
        reports = economy.profiles[number]
        told = found.recommend(reports)
        deposits = found.terms(reports[None]).received
        own = OwnRecommendation(
            told.quotes[0],
            told.orders[0],
            told.announced_endowments[0],
            told.transfers,
            None if deposits is None else deposits[0, 0],
        )
        believed = found.posterior(0, int(reports[0]), int(reports[0]), own)
        again = found.recommend(believed.profiles)
        np.testing.assert_array_equal(again.orders[:, 0], np.broadcast_to(told.orders[0], again.orders[:, 0].shape))
        assert (believed.profiles[:, 0] == reports[0]).all()


@pytest.mark.parametrize("rule", RULES)
def test_counts_of_replicas_give_the_incentives_of_all_profiles(rule: TransferRule) -> None:
    economy = replicas()
    known = check_incentives(listed_contract(economy, rule))
    found = check_on_demand(ContractOnDemand(exactly(economy), rule))
    assert (found.incentive_compatible, found.standard_errors) == (known.incentive_compatible, None)
    for ours, theirs in zip(found.gains, known.gains, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    for ours, theirs in zip(found.interim_utility, known.interim_utility, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_correlated_beliefs_are_exact_for_replicas_too() -> None:
    economy = replicas(booms_and_busts())
    known = check_incentives(grand_contract(economy))
    found = check_on_demand(ContractOnDemand(exactly(economy), TransferRule.NONE))
    for ours, theirs in zip(found.gains, known.gains, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="correlated"):
        ContractOnDemand(exactly(economy), TransferRule.EXPECTED_EXTERNALITY)


@pytest.mark.parametrize("rule", RULES)
def test_drawn_gains_of_lies_agree_with_enumeration_within_their_standard_errors(rule: TransferRule) -> None:
    contract = ContractOnDemand(drawn(9), rule)
    economy = contract.economy
    gains, errors = gains_and_errors(check_on_demand(contract))
    # What these transfers bring in truth, the ones that were drawn.
    transfers = balanced_externalities(economy, contract.sample.externalities, economy.profiles)
    truth = grand_contract(economy, None if rule is TransferRule.NONE else transfers)
    exact = np.concatenate([table[~np.eye(len(table), dtype=bool)] for table in check_incentives(truth).gains])
    assert (errors > 0).all()
    assert np.abs(gains - exact).max() < 5 * errors.max()
    assert (np.abs(gains - exact) < 2 * errors).mean() > 0.75


def test_drawn_transfers_are_near_the_exact_ones_and_balance_to_rounding() -> None:
    economy, sample = drawn(9).economy, drawn(9)
    found = balanced_externalities(economy, sample.externalities, economy.profiles)
    exact = expected_externality_transfers(economy, efficient_allocation(economy))
    assert np.abs(found - exact).max() < 0.01 * np.abs(exact).max()
    assert np.abs(found - exact).max() > 0
    assert np.abs(found.sum(axis=1)).max() < 1e-13 * np.abs(found).max() * 9


@pytest.mark.parametrize("seed", range(3))
def test_transfers_balance_whatever_the_externalities_are(seed: int) -> None:
    economy = all_different(60, seed)
    generator = np.random.default_rng(seed)
    made_up = 10 ** generator.uniform(-3, 6, len(economy.endowment_table)) * generator.choice([-1, 1], 120)
    transfers = balanced_externalities(economy, made_up, generator.integers(0, 2, (50, 60)))
    assert (np.abs(transfers.sum(axis=1)) <= 1e-13 * np.abs(transfers).sum(axis=1)).all()


def test_what_a_profile_says_does_not_depend_on_what_was_asked_before() -> None:
    sample = drawn(9)
    reports = np.random.default_rng(0).integers(0, 2, (3, 9))
    first, second = (ContractOnDemand(sample, TransferRule.EXPECTED_EXTERNALITY) for _ in range(2))
    together = first.terms(reports)
    again = second.terms(reports[::-1])
    np.testing.assert_array_equal(together.orders, again.orders[::-1])
    np.testing.assert_array_equal(together.transfers, again.transfers[::-1])
    again_drawn = sampled(all_different(9), listing=Listing.DRAWN)
    np.testing.assert_array_equal(again_drawn.externalities, sample.externalities)


@dataclass
class Clock:
    """Time passes with tables of reports alone, a second for each."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def for_tables(self, monkeypatch: pytest.MonkeyPatch) -> None:
        work = report_tables._table

        def timed(*given: Any) -> Any:
            self.now += 1.0
            return work(*given)

        monkeypatch.setattr(deadline, "time", self)
        monkeypatch.setattr(report_tables, "_table", timed)


def test_a_first_look_that_cannot_end_in_time_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    clock.for_tables(monkeypatch)
    late = sampled(all_different(9), Deadline.after(5.0), Listing.DRAWN)
    assert late.reports is None
    assert clock.now <= 2.0
    np.testing.assert_array_equal(late.efficient.price, drawn(9).efficient.price)
    with pytest.raises(DeadlinePassedError):
        check_on_demand(ContractOnDemand(late, TransferRule.NONE))


def test_what_there_was_time_for_is_what_more_draws_begin_with(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    clock.for_tables(monkeypatch)
    found = sampled(all_different(9), Deadline.after(10.0), Listing.DRAWN)
    assert clock.now == 9.0
    assert found.tables.draws < drawn(9).tables.draws
    for player, table in found.tables.tables.items():
        count = table.received.shape[1]
        np.testing.assert_array_equal(table.received, drawn(9).tables.tables[player].received[:, :count])


@pytest.mark.parametrize("rule", RULES)
def test_replicas_who_exchange_reports_exchange_what_they_are_told(rule: TransferRule) -> None:
    economy = replicas()
    contract = ContractOnDemand(exactly(economy), rule)
    one, other = (contract.terms(np.array([reports])) for reports in ([0, 1, 1, 0, 1], [1, 0, 1, 1, 0]))
    exchanged = [1, 0, 2, 4, 3]
    for name in ("numeraire_transfers", "orders", "announced_endowments", "transfers", "allocation"):
        np.testing.assert_array_equal(getattr(one, name)[:, exchanged], getattr(other, name))
    np.testing.assert_array_equal(one.efficient.price, other.efficient.price)


def test_beliefs_are_the_exchanges_of_replicas_that_nothing_tells_apart() -> None:
    economy = replicas()
    listed, found = grand_contract(economy), ContractOnDemand(exactly(economy), TransferRule.NONE)
    for reports in ([0, 1, 1, 0, 1], [1, 0, 1, 1, 0]):
        known = listed.posterior(0, 1, reports[0], heard(listed, reports, 0))
        believed = found.posterior(0, 1, reports[0], heard(found, reports, 0))
        likely = {tuple(profile) for profile in known.profiles.tolist()}
        assert believed.sampled
        assert {tuple(profile) for profile in believed.profiles.tolist()} == likely
        # What is drawn follows from what is told, whoever of the others it was true of.
        same = found.posterior(0, 1, reports[0], heard(found, [reports[0], *reports[2:0:-1], *reports[:2:-1]], 0))
        np.testing.assert_array_equal(believed.profiles, same.profiles)


def test_public_transfers_that_differ_by_type_leave_nothing_to_believe() -> None:
    contract = ContractOnDemand(exactly(replicas()), TransferRule.EXPECTED_EXTERNALITY)
    reports = [0, 1, 1, 0, 1]
    found = contract.posterior(2, 0, 1, heard(contract, reports, 2))
    assert found.profiles.tolist() == [reports]
    with pytest.raises(ValueError, match="at no profile where it reports 0"):
        contract.posterior(2, 0, 0, heard(contract, reports, 2))


@pytest.mark.parametrize("seed", range(4))
def test_the_least_transfer_of_each_type_is_the_least_over_all_profiles(seed: int) -> None:
    economy = all_different(6, seed)
    made_up = np.random.default_rng(seed).normal(size=12)
    transfers = balanced_externalities(economy, made_up, economy.profiles)
    least = np.full(12, np.inf)
    np.minimum.at(least, economy.rows(economy.profiles), transfers)
    # Up to the residual of the balance, which the formula for all removes.
    np.testing.assert_allclose(least_transfers(economy, made_up), least, atol=1e-12)
    held = economy.endowments(economy.profiles)[..., -1] + transfers
    np.testing.assert_allclose(numeraire_left(economy, made_up), held.min(axis=0), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_first_best_known_at_once_is_what_the_program_finds(seed: int) -> None:
    economy = all_different(4, seed)
    (found,) = incentive_benchmarks(economy, (Participation.NONE,), seconds=0.0)
    program = second_best(economy)
    assert isinstance(found, SecondBest)
    assert found.gains == pytest.approx(program.gains, rel=1e-7)
    money = economy.endowments(economy.profiles)[..., -1]
    assert (money + found.payments >= 0).all()
    assert np.abs(found.payments.sum(axis=1)).max() < 1e-12 * np.abs(found.payments).max() * 4
    expected = economy.prior.probability @ economy.gains_from_goods(
        economy.profiles, efficient_allocation(economy).bundles
    )
    total = sum(economy.prior.marginal(player) @ gains for player, gains in enumerate(found.interim_gains))
    assert total == pytest.approx(expected.sum(), rel=1e-12)


def test_where_some_owe_money_lump_sums_pay_for_it_and_where_all_do_the_first_best_is_not_claimed() -> None:
    rich, poor = (all_different(4, money=(4 * money, 4 * money, 0.0, 0.0)) for money in (8.0, 0.01))
    short = numeraire_left(rich, sampled(rich, listing=Listing.LISTED).externalities)
    assert short.min() < 0 < short.sum()
    (found,) = incentive_benchmarks(rich, (Participation.NONE,), seconds=0.0)
    assert isinstance(found, SecondBest)
    assert (rich.endowments(rich.profiles)[..., -1] + found.payments >= -1e-12).all()
    (unknown,) = incentive_benchmarks(poor, (Participation.NONE,), seconds=0.0)
    assert isinstance(unknown, UnknownBenchmark)
    (imagined,) = incentive_benchmarks(poor, (Participation.NONE,), seconds=0.0, money=Money.UNLIMITED)
    assert isinstance(imagined, SecondBest)


def test_known_types_that_trade_at_prices_are_willing_and_reach_the_first_best_without_any_program() -> None:
    economy = all_different(5)
    known = replace(
        economy,
        players=tuple(replace(player, types=player.types[:1]) for player in economy.players),
        prior=IndependentPrior([np.ones(1)] * 5),
    )
    for found in incentive_benchmarks(known, seconds=0.0):
        program = second_best(known, found.participation)
        assert isinstance(found, SecondBest)
        assert found.gains == pytest.approx(program.gains, rel=1e-7)
        assert min(float(gains.min()) for gains in found.interim_gains) >= 0
        assert np.abs(found.payments.sum()) < 1e-12
