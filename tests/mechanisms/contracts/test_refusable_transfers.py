"""Transfers that survive refusal, against programs that list all plans of replies, and where theorems know more."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.incentives import check_incentives
from marketgame.mechanisms.contracts.refusable_transfers import (
    NoRefusableTransfers,
    RefusableTransfers,
    least_gain,
    refusable_transfers,
    temptations,
)
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import Execution, MarketRules
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.private_value_economies import (
    random_correlated_prior,
    random_economy,
    random_independent_prior,
    three_traders,
)

# What two solvers may differ by, as a share of what is at stake.
SOLVERS = 1e-6


def decided(economy: Economy, largest: int | None = None) -> RefusableTransfers | NoRefusableTransfers:
    return refusable_transfers(economy, efficient_allocation(economy), largest)


def least_largest_gain(economy: Economy) -> float:
    """The least largest gain of a single player, over all balanced transfers, with a row for every plan of replies.

    A plan says after which profiles of the others a liar refuses. All is worked out from valuations, player by player.
    """
    efficient, prior = efficient_allocation(economy), economy.prior
    profiles, players = economy.profiles, len(economy.players)
    size = len(profiles) * players
    rows, limits = [], []
    for player, who in enumerate(economy.players):
        for true, kind in enumerate(who.types):
            honest = [number for number, one in enumerate(profiles) if one[player] == true]
            odds = prior.probability[honest] / prior.probability[honest].sum()
            own = kind.valuation.value(kind.endowment[:-1])
            for report, said in enumerate(who.types):
                if (said.endowment > kind.endowment).any():
                    continue
                told = []
                for number in honest:
                    reported = profiles[number].copy()
                    reported[player] = report
                    told.append(int(np.flatnonzero((profiles == reported).all(axis=1))[0]))
                hidden = kind.endowment[-1] - said.endowment[-1]
                for refuses in product((False, True), repeat=len(honest)):
                    row, limit = np.zeros(size + 1), 0.0
                    row[-1] = -1.0
                    for chance, number, after, refused in zip(odds, honest, told, refuses, strict=True):
                        row[number * players + player] -= chance
                        limit += chance * (kind.valuation.value(efficient.bundles[number, player]) - own)
                        if not refused:
                            row[after * players + player] += chance
                            limit -= chance * (kind.valuation.value(efficient.bundles[after, player]) - own - hidden)
                    rows.append(row)
                    limits.append(limit)
    balance = np.kron(np.eye(len(profiles)), np.ones(players))
    owned = economy.endowments(profiles)[..., -1].reshape(-1)
    found = linprog(
        np.eye(size + 1)[-1],
        A_ub=np.array(rows),
        b_ub=np.array(limits),
        A_eq=np.column_stack((balance, np.zeros(len(profiles)))),
        b_eq=np.zeros(len(profiles)),
        bounds=[*((-money, None) for money in owned), (None, None)],
    )
    assert found.fun is not None
    return float(found.fun)


def little_trade(seed: int) -> Economy:
    """Two or three players whose gains from trade are small, so that their consent is hard to buy."""
    generator = np.random.default_rng(seed)
    counts = (3, 3) if seed % 3 else (2, 2, 1)
    correlated = seed % 4 == 1
    prior = random_correlated_prior(seed, counts) if correlated else random_independent_prior(seed, counts)
    players, slope = [], np.array([[0.02 if seed % 3 else 0.5]])
    for number, count in enumerate(counts):
        kinds = [
            PlayerType(
                f"kind {kind}",
                np.array([float(number == 0) + 0.3 - (0.1 * kind if seed % 5 == 0 else 0.0), 20.0]),
                Quadratic(np.array([4.0 + kind + generator.uniform(-0.5, 0.5)]), slope),
            )
            for kind in range(count)
        ]
        players.append(Player(f"player {number}", tuple(kinds)))
    return Economy("little trade", ("good", "money"), ("unit", "euro"), tuple(players), prior)


SEEDS = range(24)


@cache
def alone(seed: int) -> RefusableTransfers | NoRefusableTransfers:
    return decided(little_trade(seed), 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_single_players_have_transfers_exactly_where_a_program_over_all_plans_of_replies_finds_some(seed: int) -> None:
    economy = little_trade(seed)
    answer, least = alone(seed), least_largest_gain(economy)
    if least <= SOLVERS:
        assert isinstance(answer, RefusableTransfers)
        assert not answer.secret
    else:
        assert isinstance(answer, NoRefusableTransfers)
        assert 0 < answer.least_gain <= least + SOLVERS


def test_both_answers_occur_among_these_economies() -> None:
    found = {type(alone(seed)) for seed in SEEDS}
    assert found == {RefusableTransfers, NoRefusableTransfers}


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5, 6, 7, 8])
def test_what_is_found_is_balanced_everybody_consents_and_nobody_lies(seed: int) -> None:
    prior = random_independent_prior(seed, (2, 2, 2))
    economy = random_economy(seed, prior, type_dependent=seed % 2 == 0)
    answer = decided(economy)
    assert isinstance(answer, RefusableTransfers)
    contract = grand_contract(economy, answer.numeraire_transfers)
    stake = float(contract.stakes.max())
    assert np.abs(answer.numeraire_transfers.sum(axis=1)).max() <= 1e-12 * stake
    assert contract.gains.min() >= -SOLVERS * stake
    assert check_incentives(contract).incentive_compatible


def in_rationals(answer: NoRefusableTransfers, economy: Economy) -> Fraction:
    """The bound of a proof, from the weights and from valuations, in rational numbers: payoffs are quadratic."""

    def worth(player: int, kind: int, goods: FloatArray) -> Fraction:
        valuation = economy.players[player].types[kind].valuation
        assert isinstance(valuation, Quadratic)
        held = [Fraction(float(each)) for each in goods]
        linear = sum((Fraction(float(a)) * q for a, q in zip(valuation.intercept, held, strict=True)), Fraction(0))
        slope = [[Fraction(float(each)) for each in row] for row in np.asarray(valuation.slope)]
        square = sum((slope[g][h] * held[g] * held[h] for g in range(len(held)) for h in range(len(held))), Fraction(0))
        return linear - square / 2

    efficient, profiles = efficient_allocation(economy), economy.profiles
    prices = [[Fraction(0)] * len(economy.players) for _ in profiles]
    constant, total = Fraction(0), Fraction(0)
    for own, weights in zip(answer.temptations, answer.weights, strict=True):
        (member,) = own.members
        (kind,), (report,) = own.types, own.reports
        own_type = economy.players[member].types[kind]
        alone = worth(member, kind, own_type.endowment[:-1])
        hidden = Fraction(float(own_type.endowment[-1])) - Fraction(
            float(economy.players[member].types[report].endowment[-1])
        )
        refused = [Fraction(float(each)) for each in weights[own.refusers.index((member,))]]
        weight = max(Fraction(float(a)) + b for a, b in zip(weights[0], refused, strict=True))
        total += weight
        likely = [Fraction(float(economy.prior.probability[number])) for number in own.honest]
        for number, after, seen, chance in zip(own.honest, own.told, own.seen, likely, strict=True):
            odds = chance / sum(likely)
            obeyed = weight - refused[seen]
            assert obeyed >= 0
            assert profiles[after, member] == report
            constant += odds * obeyed * (worth(member, kind, efficient.bundles[after, member]) - alone - hidden)
            constant -= odds * weight * (worth(member, kind, efficient.bundles[number, member]) - alone)
            prices[after][member] += odds * obeyed
            prices[number][member] -= odds * weight
    money = economy.endowments(profiles)[..., -1]
    for number, row in enumerate(prices):
        constant -= sum(
            ((each - min(row)) * Fraction(float(money[number, i])) for i, each in enumerate(row)), Fraction(0)
        )
    return constant / total


@pytest.mark.parametrize("seed", [each for each in SEEDS if each % 5])
def test_proofs_that_there_are_none_hold_in_rational_numbers(seed: int) -> None:
    economy = little_trade(seed)
    answer = alone(seed)
    if isinstance(answer, NoRefusableTransfers):
        bound = in_rationals(answer, economy)
        assert bound > 0
        assert float(bound) == pytest.approx(answer.least_gain, rel=1e-6)


def test_whatever_the_transfers_somebody_gains_what_a_proof_says() -> None:
    proofs = [(seed, answer) for seed in SEEDS if isinstance(answer := alone(seed), NoRefusableTransfers)]
    for seed, answer in proofs:
        economy, generator = little_trade(seed), np.random.default_rng(seed)
        for scale in (0.01, 0.1, 1.0) * 10:
            transfers = scale * generator.normal(size=(len(economy.profiles), len(economy.players)))
            transfers -= transfers.mean(axis=1, keepdims=True)
            assert max(own.gain(transfers) for own in answer.temptations) >= answer.least_gain - 1e-12
    assert len(proofs) > 4


def test_a_forged_proof_proves_nothing() -> None:
    economy = three_traders()
    efficient = efficient_allocation(economy)
    contract = GrandContract(economy, efficient, np.zeros(efficient.profiles.shape))
    tempted = temptations(contract, 3, revealing=True)
    generator = np.random.default_rng(0)
    for _ in range(20):
        weights = [generator.exponential(size=(len(own.refusers), 1)) * np.isfinite(own.goods) for own in tempted]
        assert least_gain(contract, tempted, weights) <= 0


def test_where_nobody_has_anything_to_tell_paying_for_goods_is_refused_by_nobody() -> None:
    answer = decided(three_traders())
    assert isinstance(answer, RefusableTransfers)
    assert answer.largest_coalition == 3


def test_efficient_bilateral_trade_with_overlapping_costs_and_values_has_none() -> None:
    """Myerson and Satterthwaite (1983), with consent after the recommendation, which asks for more."""
    kinds = [
        tuple(
            PlayerType(f"{cost}", np.array([owned, 10.0]), Quadratic(np.array([cost]), np.array([[1e-3]])))
            for cost in (1.0, 2.0, 3.0)
        )
        for owned in (1.0, 0.0)
    ]
    players = (Player("seller", kinds[0]), Player("buyer", kinds[1]))
    economy = Economy("trade", ("good", "money"), ("unit", "euro"), players, IndependentPrior([np.full(3, 1 / 3)] * 2))
    assert isinstance(decided(economy), NoRefusableTransfers)


def test_replies_bring_what_the_market_pays_who_refuses_matched_orders() -> None:
    """Refusers order nothing, so that their flows are cancelled pair by pair; purchasing power is made no obstacle."""
    economy = random_economy(4, random_independent_prior(4, (2, 2, 2)), type_dependent=True)
    efficient, generator = efficient_allocation(economy), np.random.default_rng(4)
    plain = GrandContract(economy, efficient, np.zeros(efficient.profiles.shape))
    transfers = generator.normal(size=efficient.profiles.shape)
    transfers -= transfers.mean(axis=1, keepdims=True)
    rules = MarketRules(execution=Execution.MATCHED)
    contract, compared = grand_contract(economy, transfers).under(rules), 0
    for own in temptations(plain, 2, revealing=True):
        members, told = list(own.members), contract.recommend(economy.profiles[own.told])
        for refusers, brought in zip(own.refusers, own.replies(transfers), strict=True):
            orders = told.orders.copy()
            orders[:, list(refusers)] = 0.0
            settled = settle(told.with_arrays(orders=orders, transfers=np.full(told.transfers.shape, 1e9)), rules)
            true = economy.profiles[own.honest]
            shown = economy.endowments(true).copy()
            outsiders = np.setdiff1d(np.arange(3), members)
            shown[:, outsiders] = told.announced_endowments[:, outsiders]
            gains = economy.gains(true, settled.net_consumption(shown))[:, members]
            # Whoever refuses keeps what it has not announced too.
            gains[:, [members.index(each) for each in refusers]] = 0.0
            feasible = np.isfinite(brought)
            np.testing.assert_allclose((own.odds * gains.sum(axis=1))[feasible], brought[feasible], atol=1e-9)
            compared += int(feasible.sum())
    assert compared > 200


def test_members_who_learn_less_gain_no_more_and_only_where_goods_and_prices_tell_less() -> None:
    """Two of three who may exchange their tastes: what all get says which taste is whose, but not to the third."""
    kinds = (
        PlayerType("less", np.array([1.0, 20.0]), Quadratic(np.array([5.0]), np.eye(1))),
        PlayerType("more", np.array([1.0, 20.0]), Quadratic(np.array([6.0]), np.eye(1))),
    )
    players = (Player("ann", kinds), Player("bob", kinds), Player("cat", kinds[:1]))
    prior = IndependentPrior([np.array([0.5, 0.5]), np.array([0.4, 0.6]), np.ones(1)])
    economy = Economy("exchange", ("good", "money"), ("unit", "euro"), players, prior)
    efficient = efficient_allocation(economy)
    contract, generator = (
        GrandContract(economy, efficient, np.zeros(efficient.profiles.shape)),
        np.random.default_rng(1),
    )
    told, silent = (temptations(contract, 2, revealing=revealing) for revealing in (True, False))
    less, more = 0, 0
    for _ in range(20):
        transfers = generator.normal(size=efficient.profiles.shape)
        transfers -= transfers.mean(axis=1, keepdims=True)
        for knowing, ignorant in zip(told, silent, strict=True):
            gains = knowing.gain(transfers), ignorant.gain(transfers)
            assert gains[1] <= gains[0] + 1e-12
            less += gains[1] < gains[0] - 1e-9
            more += 1
            if ignorant.seen.max() == knowing.seen.max():
                assert gains[1] == pytest.approx(gains[0])
            else:
                assert 2 in knowing.members
    assert 0 < less < more


def test_coalitions_ask_for_no_less_than_single_players() -> None:
    for seed in range(6):
        economy = little_trade(seed)
        if isinstance(alone(seed), NoRefusableTransfers):
            assert isinstance(decided(economy), NoRefusableTransfers)
