"""Communication devices with transfers, on random devices and against definitions 4 and 4' written out play by play."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from marketgame.mechanisms.contracts.communication_equilibrium import Alternatives, check_communication_equilibrium
from marketgame.mechanisms.contracts.contract import Action, CommunicationDevice, Contract, check_contract, device_of
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Withholding
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.private_value_economies import random_correlated_prior, random_economy, three_traders

SEEDS = st.integers(0, 2**32 - 1)
NO_SHORT_SALES = MarketRules.no_short_sales()


def lottery(*odds: float) -> sparse.csr_array:
    """The odds after the only profile there is."""
    return sparse.csr_array(np.array([odds]))


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
    actions = Play(
        *(np.array([[part[i, own[i]] for i in range(2)] for own in pairs]) for part in (quote, order, announced))
    )
    device = CommunicationDevice(actions, sparse.csr_array(generator.dirichlet(np.full(4, 0.7), size=4)))
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
            quotes, orders, announced, _ = (array.copy() for array in device.actions[a].arrays)
            played = plan.get(orders[i].tobytes())
            if played is not None:
                quotes[i], orders[i], announced[i] = played.quote, played.order, played.announced_endowment
            end = settle(Play(quotes, orders, announced, contract.transfers[place]), contract.rules)
            bundle = end.consumption(economy.endowments(profile))
            total += belief * likelihood * economy.utility(profile, bundle)[i]
    return float(total)


RULES = st.sampled_from(
    [
        MarketRules(),
        NO_SHORT_SALES,
        MarketRules(withholding=Withholding.CONSUMED),
        MarketRules(bankruptcy=Bankruptcy.UNWIND),
    ]
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


def test_an_alternative_that_does_not_cover_the_transfer_is_not_open() -> None:
    traders = three_traders()
    paid = np.array([[-20.0, 10.0, 10.0]])
    actions = Play(np.ones((1, 3, 2)), np.zeros((1, 3, 3, 2)), traders.endowments(traders.profiles))
    no_trade = CommunicationDevice(actions, lottery(1.0))

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
    announced = device.actions.announced_endowments * np.array([[1.0, 1.0], [1.1, 1.0], [1.0, 1.0]])
    exaggerated = replace(device, actions=device.actions.with_arrays(announced_endowments=announced))
    with pytest.raises(ValueError, match="must balance"):
        replace(sound, transfers=sound.transfers + 1.0)
    with pytest.raises(ValueError, match="transfers has shape"):
        replace(sound, transfers=np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"sum to 0\.9; they must sum to 1"):
        replace(device, probability=lottery(0.9))
    with pytest.raises(ValueError, match="at least 0"):
        CommunicationDevice(Play(np.ones((2, 3, 2)), np.zeros((2, 3, 3, 2)), np.ones((2, 3, 2))), lottery(1.5, -0.5))
    with pytest.raises(ValueError, match="1 joint actions"):
        replace(device, probability=lottery(0.5, 0.5))
    with pytest.raises(ValueError, match="orders has shape"):
        replace(device, actions=device.actions.with_arrays(orders=np.zeros((3, 3, 2))))
    with pytest.raises(ValueError, match=r"trader 1 is told to announce more than it owns"):
        replace(sound, device=exaggerated)
    with pytest.raises(ValueError, match=f"takes 40 {traders.money} from trader 0"):
        Contract(traders, device, np.array([[-40.0, 20.0, 20.0]]), MarketRules(coverage=Coverage.ANNOUNCED_NUMERAIRE))
    other = random_economy(1, CorrelatedPrior(np.full((2, 2), 0.25)))
    with pytest.raises(ValueError, match="the device is for 1 profiles, 3 players and 2 goods"):
        Contract(other, device, np.zeros((4, 2)))
