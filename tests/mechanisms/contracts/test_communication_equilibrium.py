"""The grand contract as a communication device: what lies and disobedience gain against it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.contracts.communication_equilibrium import (
    Alternatives,
    arbitrage,
    best_bundle,
    check_communication_equilibrium,
    exchange,
)
from marketgame.mechanisms.contracts.contract import Action, check_contract, device_of
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.incentives import check_incentives
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuations import Linear
from marketgame.mechanisms.market_game.rules import MarketRules
from tests.examples import drawn
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior, three_traders
from tests.mechanisms.strategies import line

SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.sampled_from([(2, 2), (3, 2), (2, 2, 2), (1, 3, 2)])
NO_SHORT_SALES = MarketRules.no_short_sales()


def efficient_contract(economy: Economy) -> GrandContract:
    return grand_contract(economy, expected_externality_transfers(economy, efficient_allocation(economy)))


@settings(max_examples=15, deadline=None)
@given(SEEDS, COUNTS, st.integers(1, 2), st.booleans(), st.sampled_from([MarketRules(), NO_SHORT_SALES]))
def test_the_grand_contract_is_a_contract_with_the_same_incentives(
    seed: int, counts: tuple[int, ...], goods: int, type_dependent: bool, rules: MarketRules
) -> None:
    prior = random_independent_prior(seed, counts)
    grand = efficient_contract(random_economy(seed, prior, goods=goods, type_dependent=type_dependent))
    contract = device_of(grand, rules)
    assert not contract.settlement.bankrupt.any()
    np.testing.assert_allclose(contract.settlement.allocation, grand.allocation, atol=1e-9)
    expected, found = check_incentives(grand), check_contract(contract)
    for fast, direct in zip(
        (*found.interim_utility, *found.gains), (*expected.interim_utility, *expected.gains), strict=True
    ):
        np.testing.assert_allclose(fast, direct, atol=1e-9)
    assert found.incentive_compatible
    assert found.incentive_compatible == expected.incentive_compatible
    if expected.worst is None:  # Endowments leave no lie to tell.
        assert found.worst is None
    else:
        assert found.worst is not None
        assert found.worst.gain == pytest.approx(expected.worst.gain, abs=1e-9)


def short_sales(players: int, goods: int, size: float) -> list[Alternatives]:
    return [exchange(good, j, -size) for good in range(goods) for j in range(players)]


def test_under_the_papers_rules_a_short_sale_gives_any_of_three_traders_all_the_money() -> None:
    """Short of the only good and holding all 90 of the money: v(0) + 90 = 90, whoever does it."""
    contract = device_of(grand_contract(three_traders()))
    check = check_communication_equilibrium(contract, short_sales(3, 1, 1000.0))
    assert not check.communication_equilibrium
    for utility, gain in zip(check.interim_utility, check.gains, strict=True):
        assert utility[0] + gain[0, 0] == pytest.approx(90.0, abs=1e-9)
        assert gain[0, 0] > 40


def test_with_short_sales_bankrupting_none_of_many_orders_pays_three_traders() -> None:
    contract = device_of(grand_contract(three_traders()), NO_SHORT_SALES)
    sizes = (0.01, 0.3, 1.0, 5.0, 1000.0)
    alternatives = [
        *(exchange(0, j, sign * size) for j in range(3) for size in sizes for sign in (1, -1)),
        *(arbitrage(0, j, k, size) for j, k in itertools.permutations(range(3), 2) for size in sizes),
        *(best_bundle(contract.economy, 0, j) for j in range(3)),
    ]
    check = check_communication_equilibrium(contract, alternatives)
    assert check.communication_equilibrium
    assert max(gain.max() for gain in check.gains) <= 1e-9


@settings(max_examples=10, deadline=None)
@given(SEEDS, COUNTS, st.integers(1, 2))
def test_the_grand_contract_is_no_communication_equilibrium_once_short_sales_are_tried(
    seed: int, counts: tuple[int, ...], goods: int
) -> None:
    economy = random_economy(seed, random_independent_prior(seed, counts), goods=goods)
    grand = efficient_contract(economy)
    check = check_communication_equilibrium(device_of(grand), short_sales(len(counts), goods, 1e5))
    assert not check.communication_equilibrium
    # Every type of every player ends with everybody's money.
    all_money = economy.endowments(economy.profiles)[0, :, -1].sum()
    for gain, utility in zip(check.gains, check.interim_utility, strict=True):
        assert (gain.diagonal() + utility >= all_money - 1e-6).all()


def random_orders(seed: int, players: int, goods: int, size: float) -> Alternatives:
    """Recommended orders with anything added to them, at any scale."""
    generator = np.random.default_rng(seed)
    added = size * generator.normal(size=(players, goods + 1))

    def instead(player: int, told: Action) -> Action:
        return Action(told.quote, told.order + added, told.announced_endowment)

    return instead


@settings(max_examples=drawn(12), deadline=None)
@given(SEEDS, COUNTS, st.integers(1, 2))
def test_with_short_sales_bankrupting_nobody_truthful_gains_by_any_orders(
    seed: int, counts: tuple[int, ...], goods: int
) -> None:
    economy = random_economy(seed, random_independent_prior(seed, counts), goods=goods)
    players = len(counts)
    alternatives = [
        *(random_orders(seed + n, players, goods, 10.0 ** (n - 3)) for n in range(8)),
        *short_sales(players, goods, 1e5),
        *short_sales(players, goods, 0.2),
        *(best_bundle(economy, k, j) for k in range(3) for j in range(players)),
    ]
    check = check_communication_equilibrium(device_of(efficient_contract(economy), NO_SHORT_SALES), alternatives)
    for gain, utility in zip(check.gains, check.interim_utility, strict=True):
        assert gain.diagonal().max() <= 1e-9 * (1 + np.abs(utility).max())


def one_informed_trader() -> Economy:
    """The three traders, the first of whom may value the good at 7q - q^2/2 instead of 5q - q^2/2."""
    traders = three_traders()
    modest = replace(traders.players[0].types[0], name="modest")
    keen = PlayerType("keen", modest.endowment, line(7.0))
    prior = IndependentPrior([np.array([0.5, 0.5]), np.ones(1), np.ones(1)])
    informed = Player("informed", (modest, keen))
    return Economy("one informed", traders.goods, traders.units, (informed, *traders.players[1:]), prior)


def test_a_lie_that_costs_the_obedient_pays_the_disobedient() -> None:
    """Figure 1 of the paper. Demands sum to supply at p = (5 + 5.5 + 6.2/1.2 - 4.5)/(2 + 1/1.2), 2/(2 + 1/1.2) more

    if the first trader says keen, so that it is to hold 5 - p or 7 - p'. The transfers give it the others' value. A
    modest trader that says keen and obeys holds two units more than it wants at p'; selling them, it gains
    2^2 / 2 = 2 on what the lie costs. With slope B = 1 + 1/1.2 of the others' demand, the lie costs
    (B/(B + 1))^2 2^2 / 2 (1 + 1/B) when obeyed.
    """
    economy = one_informed_trader()
    grand = efficient_contract(economy)
    contract = device_of(grand, NO_SHORT_SALES)
    others = 1 + 1 / 1.2
    cost = (others / (others + 1)) ** 2 * 2 * (1 + 1 / others)
    obedient = check_contract(contract)
    assert obedient.gains[0][0, 1] == pytest.approx(-cost, abs=1e-9)
    assert obedient.incentive_compatible
    check = check_communication_equilibrium(contract, [best_bundle(economy, k, 1) for k in range(2)])
    assert check.gains[0][0, 1] == pytest.approx(2 - cost, abs=1e-9)
    assert np.abs(check.gains[0].diagonal()).max() <= 1e-9
    assert (check.worst.player, check.worst.true_type, check.worst.reported_type) == ("informed", "modest", "keen")


@settings(max_examples=12, deadline=None)
@given(SEEDS, COUNTS, st.integers(1, 2))
def test_under_expected_externality_transfers_lying_and_reordering_gains_the_duality_gap_at_the_false_price(
    seed: int, counts: tuple[int, ...], goods: int
) -> None:
    """The transfers hand the liar what its lie does for the others, and the market lets it trade back at p(m).

    It then has the value of the dual of efficient allocation at p(m) where truth has the dual's minimum, unless
    the others do not own what it would like to buy. So even where short sales bankrupt, lies that move the price pay
    those who do not obey.
    """
    prior = random_independent_prior(seed, counts)
    economy = random_economy(seed, prior, goods=goods, money=2000.0)
    efficient = efficient_allocation(economy)
    contract = device_of(efficient_contract(economy), NO_SHORT_SALES)
    alternatives = [best_bundle(economy, k, j) for k in range(max(counts)) for j in range(len(counts))]
    check = check_communication_equilibrium(contract, alternatives)
    supply = economy.endowments(economy.profiles)[:, :, :-1].sum(axis=1)
    everyone = economy.rows(economy.profiles)
    for i, count in enumerate(counts):
        for true_type, report in itertools.permutations(range(count), 2):
            said = economy.profiles.copy()
            said[:, i] = report
            numbers = prior.profile_numbers(said)
            price = efficient.price[numbers, :-1]
            surplus = economy.valuations.indirect_utility(everyone, price[:, None], supply[:, None]).sum(axis=-1)
            gap = surplus + (price * supply).sum(axis=-1) - efficient.value_of_goods
            beliefs = prior.beliefs(i)[true_type]
            assert beliefs @ gap >= -1e-9
            assert check.gains[i][true_type, report] <= beliefs @ gap + 1e-7
            # One counterparty must own what the liar wants beyond its share.
            wanted = economy.valuations.demand(everyone[:, i], price)[:, None] - efficient.bundles[numbers, i][:, None]
            others = np.delete(efficient.bundles[numbers], i, axis=1)
            to_be_had = (wanted <= others).all(axis=-1).any(axis=-1)
            if to_be_had[beliefs > 0].all():
                assert check.gains[i][true_type, report] == pytest.approx(beliefs @ gap, abs=1e-7)


# What types can show.


def owner_of_little_or_much() -> Economy:
    little = PlayerType("little", np.array([1.0, 50.0]), line(5.0))
    much = PlayerType("much", np.array([3.0, 50.0]), line(5.0))
    other = PlayerType("only", np.array([1.0, 50.0]), line(8.0))
    prior = IndependentPrior([np.array([0.5, 0.5]), np.ones(1)])
    players = (Player("owner", (little, much)), Player("buyer", (other,)))
    return Economy("little or much", ("good", "money"), ("unit", "euro"), players, prior)


def test_nobody_can_obey_a_recommendation_to_announce_what_it_does_not_own() -> None:
    economy = owner_of_little_or_much()
    contract = device_of(efficient_contract(economy))
    gains = check_contract(contract).gains[0]
    assert gains[0, 1] == -np.inf
    assert np.isfinite(gains[1, 0])
    assert check_communication_equilibrium(contract, []).gains[0][0, 1] == -np.inf

    def announce_little(player: int, told: Action) -> Action:
        return Action(told.quote, told.order, np.minimum(told.announced_endowment, [1.0, 50.0]))

    assert np.isfinite(check_communication_equilibrium(contract, [announce_little]).gains[0]).all()


def test_who_values_a_good_linearly_orders_no_more_of_it_than_there_is() -> None:
    """At the price 0.5 a buyer who values the only unit at 1 wants infinitely much of it; there is one."""
    seller, buyer = (
        Player(name, (PlayerType("only", np.array([owned, 5.0]), Linear(np.array([worth]))),))
        for name, owned, worth in (("seller", 1.0, 0.5), ("buyer", 0.0, 1.0))
    )
    prior = IndependentPrior([np.ones(1)] * 2)
    economy = Economy("one unit", ("house", "money"), ("house", "euro"), (seller, buyer), prior)
    told = Action(np.array([[0.5, 1.0]]), np.zeros((1, 2, 2)), np.array([[0.0, 5.0]]))
    (ordered,) = best_bundle(economy, 0, 0)(1, told).order
    np.testing.assert_allclose(ordered, [[1.0, -0.5], [0.0, 0.0]])
