"""Communication devices with transfers: interim utilities, misreports, and communication equilibrium."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from mechanisms.beliefs import CorrelatedPrior, IndependentPrior
from mechanisms.communication_equilibrium import (
    Alternatives,
    arbitrage,
    best_bundle,
    check_communication_equilibrium,
    exchange,
)
from mechanisms.contracts import Action, CommunicationDevice, Contract, check_contract, device_of
from mechanisms.economy import Economy, Player, PlayerType
from mechanisms.efficiency import efficient_allocation
from mechanisms.grand_contract import GrandContract, grand_contract
from mechanisms.incentives import check_incentives
from mechanisms.market_game import Coverage, MarketRules, Withholding, consumption, settle
from mechanisms.transfers import expected_externality_transfers
from mechanisms.valuations import Quadratic
from tests.mechanisms.private_value_economies import (
    random_correlated_prior,
    random_economy,
    random_independent_prior,
    three_traders,
)

SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.sampled_from([(2, 2), (3, 2), (2, 2, 2), (1, 3, 2)])
NO_SHORT_SALES = MarketRules.no_short_sales()


def quadratic(intercept: float) -> Quadratic:
    return Quadratic(np.array([intercept]), np.array([[1.0]]))


def lottery(*odds: float) -> sparse.csr_array:
    """The odds after the only profile there is."""
    return sparse.csr_array(np.array([odds]))


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


# Random devices against definitions 4 and 4' written out play by play.


def random_contract(seed: int, rules: MarketRules) -> Contract:
    """Two players with two types and two own actions each, every pair of which may be recommended."""
    generator = np.random.default_rng(seed)
    prior = random_correlated_prior(seed, (2, 2))
    economy = random_economy(seed, prior, goods=1, money=10.0, type_dependent=True)
    poorest = np.array([np.min([kind.endowment for kind in player.types], axis=0) for player in economy.players])
    quote = np.concatenate([generator.uniform(1.0, 5.0, (2, 2, 1)), np.ones((2, 2, 1))], axis=-1)
    order = generator.normal(size=(2, 2, 2, 2)) * [0.3, 1.5]
    announced = poorest[:, None, :] * generator.uniform(0.5, 1.0, (2, 2, 2))
    pairs = list(itertools.product(range(2), repeat=2))
    device = CommunicationDevice(
        np.array([[quote[i, own[i]] for i in range(2)] for own in pairs]),
        np.array([[order[i, own[i]] for i in range(2)] for own in pairs]),
        np.array([[announced[i, own[i]] for i in range(2)] for own in pairs]),
        sparse.csr_array(generator.dirichlet(np.full(4, 0.7), size=4)),
    )
    paid = generator.normal(size=4)
    return Contract(economy, device, np.stack([paid, -paid], axis=1), rules)


def random_alternative(seed: int) -> Alternatives:
    generator = np.random.default_rng(seed)
    shift, share = generator.normal(size=(2, 2)) * 2, generator.uniform(0.5, 1.0)

    def instead(player: int, told: Action) -> Action:
        return Action(told.quote, told.order + shift, told.announced_endowment * share)

    return instead


type Plan = dict[bytes, Action]


def slow_utility(contract: Contract, i: int, true_type: int, report: int, plan: Plan) -> float:
    """The right side of definition 4', one play at a time; a plan says what to do on hearing which order."""
    economy, prior, device = contract.economy, contract.economy.prior, contract.device
    total = 0.0
    for number, profile in enumerate(economy.profiles):
        if profile[i] != true_type:
            continue
        belief = prior.probability[number] / prior.marginal(i)[true_type]
        said = profile.copy()
        said[i] = report
        place = int(prior.profile_numbers(said))
        for a, likelihood in enumerate(device.probability.toarray()[place]):
            quotes, orders = device.quotes[a].copy(), device.orders[a].copy()
            announced = device.announced_endowments[a].copy()
            played = plan.get(orders[i].tobytes())
            if played is not None:
                quotes[i], orders[i], announced[i] = played.quote, played.order, played.announced_endowment
            end = settle(quotes, orders, announced, contract.transfers[place], contract.rules)
            bundle = consumption(end, economy.endowments(profile), announced, contract.rules)
            total += belief * likelihood * economy.utility(profile, bundle)[i]
    return float(total)


RULES = st.sampled_from(
    [MarketRules(), NO_SHORT_SALES, MarketRules(withholding=Withholding.CONSUMED), MarketRules(bankruptcy="unwind")]  # type: ignore[arg-type]
)


@settings(max_examples=12, deadline=None)
@given(SEEDS, RULES)
def test_interim_utilities_and_gains_are_those_of_definition_4_play_by_play(seed: int, rules: MarketRules) -> None:
    contract = random_contract(seed, rules)
    check = check_contract(contract)
    gains = {}
    for i, kind in itertools.product(range(2), repeat=2):
        truth = slow_utility(contract, i, kind, kind, {})
        assert check.interim_utility[i][kind] == pytest.approx(truth, abs=1e-9)
        gains[i, kind] = slow_utility(contract, i, kind, 1 - kind, {}) - truth
        assert check.gains[i][kind, 1 - kind] == pytest.approx(gains[i, kind], abs=1e-9)
    assert check.worst is not None
    assert check.worst.gain == pytest.approx(max(gains.values()), abs=1e-9)
    assert check.incentive_compatible == (check.worst.gain <= 1e-6)


@settings(max_examples=8, deadline=None)
@given(SEEDS, RULES)
def test_the_best_deviation_is_the_best_of_all_maps_from_recommendations_to_actions(
    seed: int, rules: MarketRules
) -> None:
    contract = random_contract(seed, rules)
    alternatives = [random_alternative(seed + 1), random_alternative(seed + 2)]
    check = check_communication_equilibrium(contract, alternatives)
    largest = -np.inf
    for i, kind, report in itertools.product(range(2), repeat=3):
        truth = slow_utility(contract, i, kind, kind, {})
        told = contract.device.recommended(i)
        first = {told.order[a].tobytes(): told[a] for a in range(4)}
        choices = [[None, *(rule(i, action) for rule in alternatives)] for action in first.values()]
        best = max(
            slow_utility(contract, i, kind, report, {k: g for k, g in zip(first, maps, strict=True) if g is not None})
            for maps in itertools.product(*choices)
        )
        assert check.gains[i][kind, report] == pytest.approx(best - truth, abs=1e-9)
        largest = max(largest, best - truth)
    assert check.worst.gain == pytest.approx(largest, abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(SEEDS, RULES)
def test_the_witness_against_equilibrium_replays_in_the_market_game(seed: int, rules: MarketRules) -> None:
    contract = random_contract(seed, rules)
    worst = check_communication_equilibrium(contract, [random_alternative(seed + 1)]).worst
    i = contract.economy.player_names.index(worst.player)
    names = [kind.name for kind in contract.economy.players[i].types]
    true_type, report = names.index(worst.true_type), names.index(worst.reported_type)
    plan = {order.tobytes(): worst.played[d] for d, order in enumerate(worst.recommended.order)}
    gain = slow_utility(contract, i, true_type, report, plan) - slow_utility(contract, i, true_type, true_type, {})
    assert worst.gain == pytest.approx(gain, abs=1e-9)
    assert worst.gain >= 0


@settings(max_examples=10, deadline=None)
@given(SEEDS, RULES)
def test_every_communication_equilibrium_is_incentive_compatible(seed: int, rules: MarketRules) -> None:
    contract = random_contract(seed, rules)
    misreports = check_contract(contract)
    obedience_only = check_communication_equilibrium(contract, [])
    disobedience = check_communication_equilibrium(contract, [random_alternative(seed + 1)])
    for by_lies, by_obedient_lies, by_all in zip(
        misreports.gains, obedience_only.gains, disobedience.gains, strict=True
    ):
        np.testing.assert_allclose(by_obedient_lies, by_lies, atol=1e-12)
        assert (by_all >= by_lies - 1e-12).all()
    assert misreports.incentive_compatible or not disobedience.communication_equilibrium


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.floats(0.0, 1.0))
def test_utility_is_linear_in_the_devices_lottery(seed: int, share: float) -> None:
    one = random_contract(seed, MarketRules())
    certain = sparse.csr_array(np.tile([1.0, 0.0, 0.0, 0.0], (4, 1)))
    other = replace(one, device=replace(one.device, probability=certain))
    mixed_odds = sparse.csr_array(share * one.device.probability + (1 - share) * certain)
    mixed = replace(one, device=replace(one.device, probability=mixed_odds))
    for i in range(2):
        parts = [check_contract(contract).interim_utility[i] for contract in (one, other, mixed)]
        np.testing.assert_allclose(parts[2], share * parts[0] + (1 - share) * parts[1], atol=1e-9)


# The grand contract against disobedience.


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


@settings(max_examples=12, deadline=None)
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
    keen = PlayerType("keen", modest.endowment, quadratic(7.0))
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
    little = PlayerType("little", np.array([1.0, 50.0]), quadratic(5.0))
    much = PlayerType("much", np.array([3.0, 50.0]), quadratic(5.0))
    other = PlayerType("only", np.array([1.0, 50.0]), quadratic(8.0))
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


def test_an_alternative_that_does_not_cover_the_transfer_is_not_open() -> None:
    traders = three_traders()
    paid = np.array([[-20.0, 10.0, 10.0]])
    no_trade = CommunicationDevice(
        np.ones((1, 3, 2)), np.zeros((1, 3, 3, 2)), traders.endowments(traders.profiles), lottery(1.0)
    )

    def borrow_and_announce(money: float) -> Alternatives:
        def instead(player: int, told: Action) -> Action:
            order = told.order.copy()
            order[..., (player + 1) % 3, -1] -= 20.0
            return Action(told.quote, order, np.minimum(told.announced_endowment, [np.inf, money]))

        return instead

    lax, strict = (Contract(traders, no_trade, paid, MarketRules(coverage=each)) for each in Coverage)
    for money, open_to_it in ((10.0, False), (25.0, True)):
        gains = [
            check_communication_equilibrium(contract, [borrow_and_announce(money)]).gains[0][0, 0]
            for contract in (lax, strict)
        ]
        assert gains[0] > 0
        assert gains[1] == (gains[0] if open_to_it else 0.0)


def test_unsound_contracts_are_refused() -> None:
    traders = three_traders()
    sound = device_of(grand_contract(traders))
    device = sound.device
    announced = device.announced_endowments * np.array([[1.0, 1.0], [1.1, 1.0], [1.0, 1.0]])
    exaggerated = replace(device, announced_endowments=announced)
    with pytest.raises(ValueError, match="must balance"):
        replace(sound, transfers=sound.transfers + 1.0)
    with pytest.raises(ValueError, match="transfers has shape"):
        replace(sound, transfers=np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"sum to 0\.9; they must sum to 1"):
        replace(device, probability=lottery(0.9))
    with pytest.raises(ValueError, match="at least 0"):
        CommunicationDevice(np.ones((2, 3, 2)), np.zeros((2, 3, 3, 2)), np.ones((2, 3, 2)), lottery(1.5, -0.5))
    with pytest.raises(ValueError, match="1 joint actions"):
        replace(device, probability=lottery(0.5, 0.5))
    with pytest.raises(ValueError, match="orders has shape"):
        replace(device, orders=np.zeros((3, 3, 2)))
    with pytest.raises(ValueError, match=r"trader 1 is told to announce more than it owns"):
        replace(sound, device=exaggerated)
    with pytest.raises(ValueError, match="takes 40 of the numeraire from trader 0"):
        Contract(traders, device, np.array([[-40.0, 20.0, 20.0]]), MarketRules(coverage=Coverage.ANNOUNCED_NUMERAIRE))
    other = random_economy(1, CorrelatedPrior(np.full((2, 2), 0.25)))
    with pytest.raises(ValueError, match="the device is for 1 profiles, 3 players and 2 goods"):
        Contract(other, device, np.zeros((4, 2)))
