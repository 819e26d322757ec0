"""Contracts that are stated: what they draw, who can break those that are not efficient, and what nobody can break."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments import HOME
from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.experiments.files.contract_file import load_contract
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.deviation import DeviationCertificate, certify_deviation
from marketgame.mechanisms.certificates.examination import examine
from marketgame.mechanisms.certificates.side_contract import certify_side_contract
from marketgame.mechanisms.certificates.stability import StabilityCertificate
from marketgame.mechanisms.collusion.side_contracts.search import find_constructed_side_contract
from marketgame.mechanisms.contracts.contract import check_contract, device_of
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.contracts.stating import (
    Recommendation,
    inefficiency,
    power_by_reports,
    stated_contract,
    tells_all,
)
from marketgame.mechanisms.deviations.bounds import BoundReason, proven_bounds
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.deviations.exchanges import exchanges
from marketgame.mechanisms.deviations.situation import JointAction, gains, obedient, situation_of, situations
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Timing,
    Withholding,
)
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior

SURVIVES = MarketRules(
    pricing=Pricing.SPREAD,
    solvency=Solvency.NO_SHORT_SALES,
    bankruptcy=Bankruptcy.UNWIND,
    coverage=Coverage.ANNOUNCED_NUMERAIRE,
)
MATCHED = replace(SURVIVES, execution=Execution.MATCHED)
ESCROW = replace(MATCHED, refusal=Refusal.ESCROW)
UNILATERAL = [MarketRules(*chosen) for chosen in product(Pricing, Solvency, Bankruptcy, Coverage, Withholding, Timing)]
CONTRACTS = HOME / "contracts"


def some_economy(seed: int, counts: tuple[int, ...] = (2, 1, 2)) -> Economy:
    return random_economy(seed, random_independent_prior(seed, counts))


def some_trades(economy: Economy, generator: np.random.Generator) -> FloatArray:
    """Return net trades, ``(N, L)``, that everybody of any type can make, and that are not those of efficiency."""
    owned = economy.endowments(economy.profiles).min(axis=0)
    trades = generator.uniform(-0.2, 0.2, owned.shape) * owned[:, :1]
    return np.asarray(trades - trades.mean(axis=0))


def some_lottery(economy: Economy, generator: np.random.Generator) -> list[Recommendation]:
    """Return recommendations that depend on what the first player reports, with prices of few digits."""
    found = []
    for kind in economy.players[0].types:
        for chance in (0.25, 0.375, 0.375):
            price = np.array([*generator.integers(2, 40, len(economy.goods) - 1) / 4, 1.0])
            who = {economy.player_names[0]: kind.name}
            found.append(Recommendation(some_trades(economy, generator), price, who, chance))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_lottery_makes_every_recommendation_with_its_probability(seed: int) -> None:
    economy = some_economy(seed)
    recommended = some_lottery(economy, np.random.default_rng(seed))
    contract = stated_contract(economy, recommended)
    for place, each in enumerate(recommended):
        after = contract.profiles[:, 0] == place // 3
        assert each.price is not None
        told = after & (np.abs(contract.price - each.price).max(axis=1) == 0)
        told &= np.abs(contract.net_trades - each.net_trades).max(axis=(1, 2)) < 1e-12
        likely = economy.prior.probability[economy.profiles[:, 0] == place // 3].sum()
        assert contract.probability[told].sum() == pytest.approx(each.probability * likely, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_what_types_expect_of_a_lottery_is_the_mean_of_what_they_expect_of_what_it_draws(seed: int) -> None:
    economy, generator = some_economy(seed), np.random.default_rng(seed)
    parts = [Recommendation(some_trades(economy, generator), np.array([price, 1.0])) for price in (4.0, 6.5)]
    expected = [check_contract(device_of(stated_contract(economy, [part]), SURVIVES)) for part in parts]
    mixed = stated_contract(economy, [replace(part, probability=0.5) for part in parts])
    found = check_contract(device_of(mixed, SURVIVES))
    for player, interim in enumerate(found.interim_utility):
        mean = sum(each.interim_utility[player] for each in expected) / 2
        np.testing.assert_allclose(interim, mean, rtol=1e-12)


def test_the_whole_of_the_competitive_trade_is_the_competitive_contract() -> None:
    economy = some_economy(7, (2, 2, 2))
    stated, computed = stated_contract(economy, [Recommendation(1.0)]), grand_contract(economy)
    np.testing.assert_allclose(stated.allocation, computed.allocation, rtol=1e-12)
    assert (stated.orders == computed.orders).all()
    assert power_by_reports(stated)
    assert np.abs(inefficiency(stated)).max() < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_under_all_rules_where_orders_bind_whoever_gets_them_one_player_breaks_what_is_inefficient(seed: int) -> None:
    economy, generator = some_economy(seed, (2, 1, 1)), np.random.default_rng(seed)
    contract = stated_contract(economy, some_lottery(economy, generator))
    assert inefficiency(contract).min() > 1e-3
    for rules in UNILATERAL[seed :: len(UNILATERAL) // 5]:
        gained = [
            float(gains(faced, exchange)[0])
            for player in range(3)
            for faced in situations(contract, (player,), rules)
            for exchange in exchanges(faced)[:1]
        ]
        assert max(gained) > 1e-3


@pytest.mark.parametrize("pricing", [Pricing.COUNTERPARTY, Pricing.VOID, Pricing.SPREAD])
@pytest.mark.parametrize("seed", range(3))
def test_under_matched_orders_and_deposits_two_players_break_what_is_inefficient_and_keep_their_agreement(
    seed: int, pricing: Pricing
) -> None:
    economy, rules = some_economy(seed), replace(ESCROW, pricing=pricing)
    contract = stated_contract(economy, some_lottery(economy, np.random.default_rng(seed))).under(rules)
    for coalition in combinations(range(3), 2):
        agreed = find_constructed_side_contract(contract, rules, coalition)
        if agreed is not None:
            certificate = certify_side_contract(contract, rules, agreed, kept_alone=True)
            if verify(certificate).confirmed:
                return
    pytest.fail("no two players gain by an exchange that neither would break")


@pytest.mark.parametrize("seed", range(6))
def test_a_lone_player_of_matched_orders_gains_no_more_than_by_refusing(seed: int) -> None:
    economy, generator = some_economy(seed, (1, 1, 1)), np.random.default_rng(seed)
    rules = replace(MATCHED, pricing=list(Pricing)[seed % 3], coverage=Coverage.UNLIMITED)
    contract = stated_contract(economy, [Recommendation(some_trades(economy, generator), np.array([5.0, 1.0]))])
    faced = situation_of(contract, 0, (0,), rules)
    (bound,) = (one for one in proven_bounds(faced) if one.reason is BoundReason.REFUSAL)
    told, most = obedient(faced), -np.inf
    for _ in range(300):
        orders = told.orders * generator.choice([0.0, 0.5, 1.0, 2.0], size=told.orders.shape)
        quotes = told.quotes * np.append(generator.choice([1.0, 1.0, 0.5, 2.0]), 1.0)
        share = generator.choice([0.9, 1.0])
        tried = JointAction(quotes, orders, share * told.announced_endowments, told.side_transfers)
        most = max(most, float(gains(faced, tried)[0]))
    assert most <= bound.total_gain + 1e-9


@pytest.mark.parametrize("rules", [SURVIVES, ESCROW])
def test_lies_to_a_contract_that_draws_are_found_and_replayed(rules: MarketRules) -> None:
    economy = some_economy(2, (2, 2, 1))
    contract = stated_contract(economy, [Recommendation(share, None, {}, 0.5) for share in (1.0, 0.5)])
    found = examine(contract, rules, Coalitions(3, 1), Deadline.after(0.5))
    assert not found.incentive_compatible
    assert found.deviations
    for deviation in found.deviations:
        assert verify(deviation.certificate).confirmed


def test_a_silent_contract_is_strongly_collusion_proof_and_reveals_nothing(tmp_path: Path) -> None:
    contract = load_contract(CONTRACTS / "grain-for-one-silent.toml").contract
    assert not tells_all(contract)
    assert np.abs(inefficiency(contract)).max() == 0.0
    found = examine(contract, SURVIVES, Coalitions(3, 3), Deadline.after(20))
    assert found.strongly_collusion_proof is Verdict.PROVEN
    assert found.proof is not None
    file = tmp_path / "proof.json"
    save_certificate(found.proof, file)
    stored = load_certificate(file)
    assert isinstance(stored, StabilityCertificate)
    assert stored.stated is not None
    assert verify(stored).confirmed
    # The proof is of what is stated, not of the efficient contract.
    assert stored.stated.price[0, 0] == 4.0


def test_a_certificate_holds_what_is_drawn_and_fails_if_that_is_changed(tmp_path: Path) -> None:
    economy = some_economy(1, (1, 1, 1))
    parts = [Recommendation(0.5, np.array([price, 1.0]), {}, 0.5) for price in (4.0, 8.0)]
    contract = stated_contract(economy, parts)
    assert not power_by_reports(contract)
    faced = list(situations(contract, (0,), SURVIVES))
    assert len(faced) == 2
    for situation in faced:
        gained = [one for one in exchanges(situation) if gains(situation, one)[0] > 1e-3]
        if gained:
            certificate = certify_deviation(situation, gained[0], contract)
            file = tmp_path / "deviation.json"
            save_certificate(certificate, file)
            stored = load_certificate(file)
            assert isinstance(stored, DeviationCertificate)
            assert stored.stated is not None
            assert verify(stored).confirmed
            moved = replace(stored.stated, price=stored.stated.price + np.array([0.25, 0.0]))
            assert not verify(replace(stored, stated=moved)).confirmed
            return
    pytest.fail("nobody gains against an inefficient contract")


def test_without_money_nobody_breaks_a_lottery_that_all_would_rather_not_have() -> None:
    wants, hardly = Quadratic(np.array([4.0]), np.array([[1.0]])), Quadratic(np.array([0.2]), np.array([[0.05]]))
    owned = ((1.0, 0.0, wants), (1.0, 0.0, wants), (0.0, 10.0, hardly))
    players = [
        Player(f"player {place}", (PlayerType("only", np.array([grain, money]), valuation),))
        for place, (grain, money, valuation) in enumerate(owned)
    ]
    economy = Economy("grain", ("grain", "money"), ("t", "euro"), tuple(players), IndependentPrior([np.ones(1)] * 3))
    given = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
    parts = [Recommendation(sign * given, np.array([1.0, 1.0]), {}, 0.5) for sign in (1.0, -1.0)]
    rules = replace(SURVIVES, refusal=Refusal.ESCROW)
    contract = stated_contract(economy, parts)
    promised = contract.probability @ contract.gains
    sure = stated_contract(economy, [Recommendation(0.0 * given, np.array([1.0, 1.0]))]).gains[0]
    assert (sure[:2] > promised[:2] + 0.1).all()
    assert sure[2] == promised[2]
    found = examine(contract, rules, Coalitions(3, 2), Deadline.after(1.0))
    assert Verdict.REFUTED not in {found.unilaterally_stable, found.strongly_collusion_proof}


def test_a_contract_may_draw_payments_and_be_proof_against_everybody() -> None:
    economy = some_economy(3, (1, 1, 1))
    efficient = grand_contract(economy)
    moved = np.array([3.0, -1.0, -2.0])
    parts = []
    for sign in (1.0, -1.0):
        trades = efficient.net_trades[0].copy()
        trades[:, -1] += sign * moved
        parts.append(Recommendation(trades, efficient.price[0], {}, 0.5))
    contract = stated_contract(economy, parts)
    assert not power_by_reports(contract)
    found = examine(contract, SURVIVES, Coalitions(3, 3), Deadline.after(20))
    assert found.strongly_collusion_proof is Verdict.PROVEN
    assert found.proof is not None
    assert verify(found.proof).confirmed
