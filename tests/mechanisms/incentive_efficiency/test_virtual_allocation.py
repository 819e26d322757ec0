"""Maximising virtual surplus over divisible goods, against enumeration on a fine grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuation import Valuation, ValuationTable
from marketgame.mechanisms.economies.valuations import Abatement, Exponential, Logarithmic, Power, Quadratic, Steps
from marketgame.mechanisms.incentive_efficiency import virtual_allocation as module
from marketgame.mechanisms.incentive_efficiency.virtual_allocation import CombinedValuations, virtual_allocation
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from tests.examples import drawn

PLAYERS = 3
CELLS = 150


def economy_of(valuations: list[list[Valuation]], goods: int = 1) -> Economy:
    endowment = np.append(np.ones(goods), 9.0)
    players = tuple(
        Player(f"p{i}", tuple(PlayerType(str(k), endowment, v) for k, v in enumerate(kinds)))
        for i, kinds in enumerate(valuations)
    )
    prior = IndependentPrior([np.full(len(kinds), 1 / len(kinds)) for kinds in valuations])
    names = tuple(f"good {h}" for h in range(goods))
    return Economy("test", (*names, "money"), ("unit",) * (goods + 1), players, prior)


def random_valuation(family: int, generator: np.random.Generator) -> Valuation:
    draw = generator.uniform
    match family:
        case 0:
            return Quadratic(draw(3, 6, 1), draw(0.5, 1.5, (1, 1)))
        case 1:
            return Logarithmic(draw(1, 3, 1), draw(0.2, 1, 1))
        case 2:
            return Power(draw(1, 3, 1), draw(0.1, 0.4, 1), draw(0.3, 0.8, 1))
        case 3:
            return Exponential(draw(1, 3, 1), draw(0.5, 1, 1))
        case _:
            return Abatement(draw(0.5, 1, 1), draw(-0.2, 0.5, 1), draw(1.5, 2, 1))


def virtual_weights(alpha: FloatArray) -> FloatArray:
    """Weights of two types a player: entry ``[i, t]`` of alpha says how much the other type is tempted to be t."""
    weights = np.eye(2 * PLAYERS)
    for player in range(PLAYERS):
        for own in range(2):
            weights[2 * player + own, 2 * player + own] += alpha[player, own]
            weights[2 * player + own, 2 * player + 1 - own] -= alpha[player, own]
    return weights


def best_on_grid(combined: CombinedValuations, everyones: FloatArray, supply: float) -> float:
    """Enumerate every division of the supply in equal cells among three players, waste included."""
    amounts = np.linspace(0, supply, CELLS + 1)[:, None]
    first, second, third = (combined.value(np.full(len(amounts), row), amounts) for row in everyones)
    pairs = first[:, None] + second[None, :]
    total = np.add.outer(np.arange(CELLS + 1), np.arange(CELLS + 1))
    of_both = [pairs[total == cells].max() for cells in range(CELLS + 1)]
    best_third = np.maximum.accumulate(third)
    return float(max(of_both[cells] + best_third[CELLS - cells] for cells in range(CELLS + 1)))


@settings(max_examples=drawn(40), deadline=None)
@given(family=st.integers(0, 4), seed=st.integers(0, 100_000))
def test_no_division_beats_the_bound_and_the_allocation_reaches_it_where_it_says_so(family: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    economy = economy_of([[random_valuation(family, generator) for _ in range(2)] for _ in range(PLAYERS)])
    alpha = generator.uniform(0, 1.5, (PLAYERS, 2)) * (generator.random((PLAYERS, 2)) < 0.6)
    combined = CombinedValuations(economy.valuations, virtual_weights(alpha), economy.reference_goods)
    profile = economy.profiles[generator.integers(len(economy.profiles))][None]
    found = virtual_allocation(economy, profile, combined.weights)
    rows = economy.rows(profile)
    assert (found.bundles >= 0).all()
    assert found.bundles.sum() <= PLAYERS * (1 + 1e-12)
    assert found.surplus == pytest.approx(combined.value(rows, found.bundles).sum(axis=-1))
    enumerated = best_on_grid(combined, rows[0], float(PLAYERS))
    scale = 1 + abs(found.bound[0])
    assert enumerated <= found.bound[0] + 1e-9 * scale
    if found.concave:
        assert found.bound[0] - found.surplus[0] <= 1e-8 * scale
    # All divisions on a finer grid were compared, and the best one refined.
    assert found.surplus[0] >= enumerated - 1e-4 * scale
    assert found.bound[0] - found.surplus[0] <= 1e-3 * scale


def test_a_convex_virtual_valuation_is_said_not_to_be_concave_and_goes_to_one_holder() -> None:
    """Two types that differ in slope: strong temptation turns the flatter one's virtual valuation convex."""
    kinds: list[Valuation] = [Quadratic(np.array([4.0]), np.array([[s]])) for s in (0.4, 1.0)]
    economy = economy_of([kinds, kinds, kinds])
    alpha = np.zeros((PLAYERS, 2))
    alpha[:, 0] = 2.0  # the steep type is tempted to be the flat one: slope 3 * 0.4 - 2 * 1.0 < 0
    profile = np.zeros((1, PLAYERS), dtype=np.int64)
    found = virtual_allocation(economy, profile, virtual_weights(alpha))
    assert not found.concave
    assert np.sort(found.bundles.ravel()) == pytest.approx([0, 0, 3])
    # phi(q) = 4 q + 0.4 q^2, so one holder of everything is worth 12 + 3.6, and the three endowments of one unit
    # each, from which surplus is measured, 3 * 4.4.
    assert found.surplus == pytest.approx(2.4)
    assert found.bound == pytest.approx(2.4, abs=1e-9)


def test_without_temptation_virtual_surplus_is_maximised_by_the_efficient_allocation() -> None:
    generator = np.random.default_rng(5)
    goods = 2
    kinds: list[list[Valuation]] = []
    for _ in range(PLAYERS):
        root = generator.normal(size=(goods, goods))
        kinds.append([Quadratic(generator.uniform(4, 6, goods), root @ root.T + np.eye(goods)) for _ in range(2)])
    economy = economy_of(kinds, goods)
    found = virtual_allocation(economy, economy.profiles, np.eye(2 * PLAYERS))
    efficient = efficient_allocation(economy)
    assert found.concave
    assert found.bundles == pytest.approx(efficient.bundles, abs=1e-7)


def test_complements_that_turn_convex_are_bounded() -> None:
    """Full slope matrices, where no hull is built good by good: the bound must still hold at every division."""
    generator = np.random.default_rng(7)
    steep, flat = np.array([[2.0, -0.8], [-0.8, 2.0]]), np.array([[0.5, 0.1], [0.1, 0.5]])
    kinds: list[Valuation] = [Quadratic(np.array([4.0, 3.0]), slope) for slope in (flat, steep)]
    economy = economy_of([kinds, kinds, kinds], goods=2)
    alpha = np.zeros((PLAYERS, 2))
    alpha[:, 0] = 1.5
    weights = virtual_weights(alpha)
    profile = np.zeros((1, PLAYERS), dtype=np.int64)
    found = virtual_allocation(economy, profile, weights)
    assert not found.concave
    combined = CombinedValuations(economy.valuations, weights, economy.reference_goods)
    shares = generator.dirichlet(np.ones(PLAYERS), size=(20_000, 2)) * 3.0
    shares[:PLAYERS] = 3.0 * np.eye(PLAYERS)[:, None, :]
    bundles = np.swapaxes(shares, -1, -2)
    surplus = combined.value(np.broadcast_to(economy.rows(profile), bundles.shape[:-1]), bundles).sum(axis=-1)
    assert surplus.max() <= found.bound[0]


@pytest.mark.parametrize("goods", [1, 2])
def test_how_often_the_clock_is_looked_at_changes_no_allocation(goods: int) -> None:
    steep, flat = 2.0 * np.eye(goods) - 0.3 * (goods - 1), 0.5 * np.eye(goods) + 0.1 * (goods - 1)
    kinds: list[Valuation] = [Quadratic(np.full(goods, 4.0), slope) for slope in (flat, steep)]
    economy = economy_of([kinds] * PLAYERS, goods)
    alpha = np.zeros((PLAYERS, 2))
    alpha[0, 0] = 1.5
    weights = virtual_weights(alpha)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "JOINT_CELLS", (16, 8, 4))
        together = virtual_allocation(economy, economy.profiles, weights)
        patch.setattr(module, "PROFILES_AT_ONCE", 1)
        patch.setattr(module, "JOINT_PROFILES_AT_ONCE", 1)
        in_turn = virtual_allocation(economy, economy.profiles, weights)
    assert not together.concave
    np.testing.assert_array_equal(in_turn.bundles, together.bundles)
    np.testing.assert_array_equal(in_turn.bound, together.bound)
    with pytest.raises(DeadlinePassedError):
        virtual_allocation(economy, economy.profiles, weights, Deadline.after(0.0))


def test_sums_of_blocks_that_are_not_concave_are_divided_best_where_cells_end_with_blocks() -> None:
    """A block less another's: the best division ends where blocks do for all but one, so trying these finds it."""
    generator = np.random.default_rng(0)
    kinds = [
        Steps(np.array([values]), np.array([sizes]))
        for values, sizes in (([5.0, 3.0, 1.0], [1.0] * 3), ([4.0, 4.0], [1.5] * 2), ([6.0, 2.0], [1.0, 2.0]))
    ]
    table, places = ValuationTable(kinds), np.arange(0, 3.25, 0.5)
    for _ in range(10):
        weights = np.eye(3)
        weights[0, :2] = 1 + generator.uniform(0, 2), -generator.uniform(0, 1)
        combined = CombinedValuations(table, weights)
        found = module.largest_surplus(combined, np.array([[0, 2]]), np.array([[3.0]]))
        tried = [
            float(combined.value(np.array([0, 2]), np.array([[one], [other]])).sum())
            for one in places
            for other in places
            if one + other <= 3
        ]
        assert found.surplus[0] == pytest.approx(max(tried), rel=1e-12)
        assert found.bound[0] == pytest.approx(max(tried), rel=1e-12)
