"""Matched orders, deposits and coalition-proof transfers together: no lie followed by any disobedience pays."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from scipy.optimize import differential_evolution, minimize

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, grand_contract
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.deviations.situation import JointAction, Situation, trade_gains
from marketgame.mechanisms.market_game.rules import Bankruptcy, Execution, MarketRules, Pricing, Refusal, Solvency
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior, three_traders

SAFE = MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)
MATCHED = MarketRules(execution=Execution.MATCHED)
ROUNDING = 1e-9


def safe_contract(seed: int, counts: tuple[int, ...] = (2, 2, 2), goods: int = 2) -> GrandContract:
    prior = random_independent_prior(seed, counts)
    economy = random_economy(seed, prior, goods=goods, money=500.0, type_dependent=seed % 2 == 0)
    return contract_with_transfers(economy, TransferRule.COALITION_PROOF).under(SAFE)


def after_lies(
    contract: GrandContract, members: tuple[int, ...]
) -> list[tuple[FloatArray, IntegerArray, IntegerArray]]:
    """Probabilities, true profiles and reported ones for all types of members, and all that these can report."""
    economy = contract.economy
    kinds = list(product(*(range(economy.prior.type_counts[member]) for member in members)))
    found = []
    for true, told in product(kinds, kinds):
        profiles = economy.profiles[(economy.profiles[:, members] == true).all(axis=1)]
        reports = profiles.copy()
        reports[:, members] = told
        owned, deposited = (economy.endowments(each)[:, members] for each in (profiles, reports))
        if (owned >= deposited).all():
            likely = economy.prior.probability[economy.prior.profile_numbers(profiles)]
            found.append((likely / likely.sum(), profiles, reports))
    return found


def promised(contract: GrandContract, likely: FloatArray, profiles: IntegerArray, members: tuple[int, ...]) -> float:
    number = contract.economy.prior.profile_numbers(profiles)
    return float(likely @ contract.gains[number][:, members].sum(axis=1))


def best_division(contract: GrandContract, profile: IntegerArray, members: tuple[int, ...], goods: FloatArray) -> float:
    """The most that members value goods together, over what they value their endowments, by a general solver."""
    economy = contract.economy
    rows = economy.rows(profile)[list(members)]
    count = len(members)

    def lost(shares: FloatArray) -> float:
        own = np.abs(shares.reshape(count, -1))
        bundles = goods * own / np.maximum(own.sum(axis=0), 1e-12)
        return -float(
            sum(economy.valuations.valuations[row].value(one) for row, one in zip(rows, bundles, strict=True))
        )

    start = np.ones(count * len(goods))
    best = min(minimize(lost, start, method=method).fun for method in ("Nelder-Mead", "L-BFGS-B"))
    kept = economy.endowments(profile)[list(members), :-1]
    return -best - float(
        sum(economy.valuations.valuations[row].value(one) for row, one in zip(rows, kept, strict=True))
    )


@pytest.mark.parametrize("seed", range(3))
def test_liars_who_divide_anew_what_they_hold_gain_nothing(seed: int) -> None:
    contract = safe_contract(seed, goods=1)
    assert contract.received is not None
    economy, lies = contract.economy, 0
    for members in ((0,), (0, 1), (1, 2)):
        for likely, profiles, reports in after_lies(contract, members):
            received = contract.received[economy.prior.profile_numbers(reports)]
            held = (economy.endowments(profiles) + received)[:, members].sum(axis=1)
            worth = [
                best_division(contract, *each) for each in zip(profiles, [members] * 9, held[:, :-1], strict=False)
            ]
            money = received[:, members, -1].sum(axis=1)
            lies += 1
            expected, honest = likely @ (np.array(worth) + money), promised(contract, likely, profiles, members)
            assert expected <= honest + 1e-7
            if (reports == profiles).all():
                assert expected == pytest.approx(honest, abs=1e-4)
    assert lies > 20


def attack(situation: Situation, generator: np.random.Generator, plays: int) -> float:
    """The most that members get together of many plays in which they match each other's orders, however large."""
    members, (players, goods) = len(situation.coalition), situation.prescribed.quotes.shape[1:]
    orders = generator.normal(size=(plays, members, players, goods)) * 10.0 ** generator.uniform(
        -1, 6, (plays, 1, 1, 1)
    )
    among = orders[:, :, situation.members]
    orders[:, :, situation.members] = (among - among.swapaxes(1, 2)) / 2
    quotes = np.array([0.0, 1.0, 3.0, 1e6])[generator.integers(4, size=(plays, members, goods))]
    quotes[::2] = situation.prescribed.quotes[0, situation.members]
    quotes[..., -1] = 1.0
    shown = situation.endowments[0, situation.members] * generator.choice([0.0, 0.5, 1.0], (plays, members, 1))
    side = generator.normal(size=(plays, members)) * generator.choice([0.0, 1.0, 1e6], (plays, 1))
    action = JointAction(quotes, orders, shown, side - side.mean(axis=1, keepdims=True))
    return float(trade_gains(situation, action).sum(axis=-1).max())


@pytest.mark.parametrize("seed", range(4))
def test_no_lie_of_any_coalition_followed_by_any_disobedience_gains(seed: int) -> None:
    """Members answer every profile of the others as suits them best: more than they could if they did not know it."""
    contract, generator = safe_contract(seed), np.random.default_rng(seed)
    assert contract.received is not None
    settling = list(product(Pricing, Solvency, Bankruptcy))
    for members in ((0,), (0, 1), (0, 2)):
        for likely, profiles, reports in after_lies(contract, members):
            rules = MarketRules(
                *settling[generator.integers(len(settling))], execution=SAFE.execution, refusal=SAFE.refusal
            )
            number = contract.economy.prior.profile_numbers(reports)
            total = 0.0
            for draw in range(len(profiles)):
                one = slice(draw, draw + 1)
                told, received = contract.recommend(reports[one]), contract.received[number[one]]
                certain = np.ones(1)
                situation = Situation(contract.economy, rules, members, certain, profiles[one], told, received=received)
                total += likely[draw] * attack(situation, generator, 20)
            assert total <= promised(contract, likely, profiles, members) + ROUNDING


def evolved(situation: Situation) -> float:
    """The most that differential evolution finds for two members who order from each other what it likes."""
    members, (players, goods) = situation.members, situation.prescribed.quotes.shape[1:]
    supply = situation.supply[0]

    def lost(chosen: FloatArray) -> Any:
        plays = chosen.T.reshape(-1, goods + 3)
        orders = np.zeros((len(plays), 2, players, goods))
        orders[:, 0, members[1]] = 3 * plays[:, :goods] * supply
        orders[:, 1, members[0]] = -orders[:, 0, members[1]]
        quotes = np.ones((len(plays), 2, goods))
        quotes[..., :-1] = np.abs(plays[:, goods : goods + 2, None]) * 10
        side = 50.0 * plays[:, -1:] * np.array([1.0, -1.0])
        shown = np.broadcast_to(situation.endowments[0, members], (len(plays), 2, goods))
        return -trade_gains(situation, JointAction(quotes, orders, shown, side)).sum(axis=-1)

    bounds = [(-1.0, 1.0)] * (goods + 3)
    found = differential_evolution(
        lost, bounds, seed=1, vectorized=True, updating="deferred", maxiter=25, popsize=10, polish=False
    )
    return -float(found.fun)


@pytest.mark.parametrize(("rules", "safe"), [(SAFE, True), (MATCHED, False)])
def test_a_search_that_is_told_nothing_robs_outsiders_only_where_flows_may_be_refused(
    rules: MarketRules, safe: bool
) -> None:
    """A member sells its partner more than there is: with deposits outsiders, who order nothing, are out of reach."""
    contract = grand_contract(three_traders()).under(rules)
    told = contract.recommend(contract.economy.profiles)
    situation = Situation(
        contract.economy, rules, (0, 1), np.ones(1), contract.economy.profiles, told, received=contract.received
    )
    gained = evolved(situation) - float(situation.obedient_gains.sum())
    assert gained <= ROUNDING if safe else gained > 1.0


@pytest.mark.parametrize("refusal", Refusal)
@pytest.mark.parametrize("seed", range(6))
def test_all_who_obey_matched_orders_end_with_what_the_contract_allocates(seed: int, refusal: Refusal) -> None:
    """Budgets and holdings are tested exactly; sizes of trade differ by nine orders of magnitude."""
    counts = ((2, 2, 2), (1, 2, 1, 2, 1), (2, 2))[seed % 3]
    economy = random_economy(seed, random_independent_prior(seed, counts), goods=2, money=10.0 ** (2 + 3 * (seed % 3)))
    rules = MarketRules(
        Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, execution=Execution.MATCHED, refusal=refusal
    )
    contract = grand_contract(economy).under(rules)
    told = contract.recommend(economy.profiles)
    np.testing.assert_array_equal(told.orders, -told.orders.swapaxes(1, 2))
    settled = settle(told, rules)
    assert not settled.bankrupt.any()
    np.testing.assert_allclose(settled.allocation, contract.allocation, rtol=1e-12, atol=1e-12)
    # Without deposits the flows of a good come to what unilateral orders lead to.
    plain = settle(grand_contract(economy).recommend(economy.profiles))
    np.testing.assert_allclose(settled.allocation, plain.allocation, rtol=1e-12, atol=1e-12)


def test_a_player_knows_of_others_trades_what_its_orders_to_them_say() -> None:
    contract = safe_contract(1)
    matched, free = contract.under(MATCHED), contract.under(MarketRules())
    for player, other in combinations(range(3), 2):
        seen = {(*orders[player].ravel().tolist(),) for orders in matched.recommend(contract.economy.profiles).orders}
        assert len(set(matched.messages[:, player].tolist())) >= len(seen)
        assert len(set(matched.messages[:, other].tolist())) >= len(set(free.messages[:, other].tolist()))
