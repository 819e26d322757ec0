"""The program of incentive efficiency over counts of types among replicas."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.profiles import Listing
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.incentive_efficiency.benchmarks import incentive_benchmarks
from marketgame.mechanisms.incentive_efficiency.replicas import ReplicaActions, ReplicaProgram
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import Money, SecondBest, second_best
from marketgame.mechanisms.incentive_efficiency.willing import fixed_price_gains
from tests.mechanisms.strategies import economy_of

# Gains and payments are known to this share of what is at stake for a type.
ROUNDING = 1e-9


def replicas(*groups: tuple[int, tuple[float, float], list[Valuation], list[float]]) -> Economy:
    """Groups of players alike: how many, what each owns, what its types value, and how likely they are."""
    players, chances = [], []
    for number, (count, owned, valuations, likely) in enumerate(groups):
        types = tuple(PlayerType(f"kind {k}", np.array(owned), each) for k, each in enumerate(valuations))
        players += [Player(f"group {number} member {member}", types) for member in range(count)]
        chances += [np.array(likely)] * count
    return economy_of(players, IndependentPrior(chances))


def lines(*levels: float) -> list[Valuation]:
    return [Quadratic(np.array([level]), np.array([[0.25]])) for level in levels]


def sellers_and_buyers(sellers: int, buyers: int, money: float) -> Economy:
    return replicas(
        (sellers, (1.0, money), lines(4.0, 6.0), [1 / 3, 2 / 3]), (buyers, (0.0, money), lines(4.0, 6.0), [0.5, 0.5])
    )


def assert_same_optimum(one: SecondBest, other: SecondBest) -> None:
    """Each is a mechanism, so that it gains no more than the other's bound; both reach their own."""
    rounding = 1e-6 * one.bound_on_gains
    for found, rival in ((one, other), (other, one)):
        assert found.gains <= rival.bound_on_gains * (1 + ROUNDING)
        assert found.bound_on_gains - found.gains <= rounding


@pytest.mark.parametrize("participation", list(Participation))
@pytest.mark.parametrize(("sellers", "buyers", "money"), [(2, 2, 0.5), (3, 1, 0.1)])
def test_counts_of_types_say_what_all_profiles_say_where_money_is_short(
    sellers: int, buyers: int, money: float, participation: Participation
) -> None:
    economy = sellers_and_buyers(sellers, buyers, money)
    counted = second_best(economy, participation, listing=Listing.COUNTED)
    assert_same_optimum(second_best(economy, participation), counted)
    # It does cost welfare, and somebody's constraint says so; replicas have the same.
    sample = sampled(economy, listing=Listing.COUNTED)
    first_best = float(sample.profiles.weights @ sample.efficient.welfare)
    assert counted.bound < first_best - 0.1 * counted.gains
    named = Counter(each.player.partition(" member ")[0] for each in counted.binding)
    assert named
    assert all(named[f"group {number}"] % size == 0 for number, size in enumerate((sellers, buyers)))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=3, deadline=None)
def test_counts_of_types_say_what_all_profiles_say_about_any_replicas(seed: int) -> None:
    generator = np.random.default_rng(seed)

    def group(count: int, types: int, money: float) -> tuple[int, tuple[float, float], list[Valuation], list[float]]:
        # Types of one slope: their virtual valuations are concave, and no grid is needed.
        slope = generator.uniform(0.5, 2, (1, 1))
        valuations: list[Valuation] = [Quadratic(generator.uniform(1, 6, 1), slope) for _ in range(types)]
        owned = (float(generator.uniform(0.2, 2)), money)
        return count, owned, valuations, generator.dirichlet(np.full(types, 3.0)).tolist()

    poor = float(generator.choice([0.2, 20.0]))
    economy = replicas(group(2, 2, poor), group(1, int(generator.integers(1, 3)), poor))
    found = [
        second_best(economy, Participation.INDIVIDUAL, listing=listing) for listing in (Listing.LISTED, Listing.COUNTED)
    ]
    rounding = ROUNDING * float(sampled(economy, listing=Listing.LISTED).tables.stakes.max())
    for one, other in (found, found[::-1]):
        assert one.gains <= other.bound_on_gains + rounding
    assert found[1].payments.sum(axis=1).max() <= rounding
    assert found[1].payments.min() >= -poor - rounding
    assert all((gains >= -rounding).all() for gains in found[1].interim_gains)


def test_what_a_report_brings_is_what_all_profiles_and_places_drawn_by_lot_bring() -> None:
    """The program's coefficients against the mean over every profile and every way to place equals, one at a time."""
    economy = replicas((3, (1.0, 9.0), lines(4.0, 6.0), [0.3, 0.7]), (1, (0.0, 9.0), lines(5.0, 5.5), [0.5, 0.5]))
    actions = ReplicaActions(economy)
    bundles = np.random.default_rng(0).uniform(0, 1, (len(actions.profiles), 4))
    by_counts = {}
    for own, row in zip(actions.profiles, bundles, strict=True):
        by_counts[int(own[:3].sum()), int(own[3])] = (own, row)

    def expected(player: int, kind: int, report: int) -> float:
        total = 0.0
        for others in economy.profiles:
            if others[player] != report:
                continue
            likely = np.prod([economy.prior.marginal(j)[k] for j, k in enumerate(others) if j != player])
            stands, row = by_counts[int(others[:3].sum()), int(others[3])]
            places = [each for each in permutations(range(3)) if all(stands[list(each)] == others[:3])]
            worth = [value(player, kind, row[each[player] if player < 3 else 3]) for each in places]
            total += float(likely) * float(np.mean(worth))
        return total

    def value(player: int, kind: int, quantity: float) -> float:
        own = economy.players[player].types[kind]
        return float(own.valuation.value(np.array([quantity])) - own.valuation.value(own.endowment[:1]))

    numbers = np.arange(len(bundles))
    program = ReplicaProgram(actions.type_probabilities, actions.group, actions.profiles, actions.prior, 1.0)
    made = program.program.variables("action", {"column": len(bundles)})
    program.state_actions(made, numbers, actions.utilities(bundles, numbers))
    # Whatever these bundles tempt types to report: what they expect of it is all that is asked.
    program.minimise_shortfall()
    answer = program.program.solve()["value"]
    for player, size in ((0, 3), (2, 3), (3, 1)):
        for kind in range(2):
            brought = [expected(player, kind, report) for report in range(2)]
            row = int(actions.group[player]) * 2 + kind
            np.testing.assert_allclose(
                answer[row], size * np.array(brought), rtol=1e-9, atol=1e-10 * np.abs(answer).max()
            )


def thirty(money: float) -> Economy:
    return replicas((30, (1.0, money), lines(4.0, 6.0), [0.5, 0.5]))


def willing(economy: Economy, seconds: float | None = None) -> SecondBest:
    (found,) = incentive_benchmarks(economy, (Participation.INDIVIDUAL,), seconds)
    assert isinstance(found, SecondBest)
    return found


def gains_at_a_fixed_price(economy: Economy) -> float:
    sample = sampled(economy)
    weights: FloatArray = sample.profiles.weights
    return float(weights @ fixed_price_gains(economy, sample))


def test_what_consent_costs_thirty_replicas_without_money_to_spare_is_known_exactly() -> None:
    economy = thirty(0.1)
    assert economy.prior.obstacle
    found = willing(economy)
    assert found.standard_error == 0
    first_best = willing(thirty(500.0)).gains
    assert found.bound_on_gains - found.gains <= 1e-6 * first_best
    assert gains_at_a_fixed_price(economy) < found.gains
    assert found.bound_on_gains < 0.9 * first_best
    rounding = 0.1 * ROUNDING * float(sampled(economy).tables.stakes.max())
    assert found.payments.sum(axis=1).max() <= rounding
    assert found.payments.min() >= -0.1 - rounding
    assert min(gains.min() for gains in found.interim_gains) >= -rounding


def test_where_time_runs_out_bounds_are_left() -> None:
    economy = thirty(0.1)
    found = willing(economy, seconds=0.0)
    assert found.gains == pytest.approx(gains_at_a_fixed_price(economy), rel=1e-12)
    assert found.gains < found.bound_on_gains


def test_replicas_of_whom_profiles_are_many_but_can_be_listed_are_counted() -> None:
    economy = replicas((13, (1.0, 0.1), lines(4.0, 6.0), [0.5, 0.5]))
    assert not economy.prior.obstacle
    (found,) = incentive_benchmarks(economy, (Participation.INDIVIDUAL,), money=Money.UNLIMITED)
    assert isinstance(found, SecondBest)
    assert found.payments.shape == (14, 13)
    assert found.gains == pytest.approx(found.bound_on_gains, rel=1e-9)
