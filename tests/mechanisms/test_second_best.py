"""The incentive-efficient benchmark of exchange economies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechanisms.beliefs import CorrelatedPrior, IndependentPrior
from mechanisms.economy import Economy, Player, PlayerType
from mechanisms.efficiency import autarky_welfare, efficient_allocation
from mechanisms.grid_game import game_on_grid
from mechanisms.incentive_efficiency import IncentiveEfficient, Participation, incentive_efficient
from mechanisms.linear_program import RESIDUAL_LIMIT
from mechanisms.second_best import second_best
from mechanisms.valuation import Valuation
from mechanisms.valuations import Linear, Logarithmic, Quadratic


def trader(name: str, endowment: tuple[float, ...], valuations: list[Valuation]) -> Player:
    kinds = (PlayerType(str(number), np.array(endowment), v) for number, v in enumerate(valuations))
    return Player(name, tuple(kinds))


def economy_of(*players: Player) -> Economy:
    counts = [len(player.types) for player in players]
    prior = IndependentPrior([np.full(count, 1 / count) for count in counts])
    return Economy("test", ("good", "money"), ("unit", "euro"), players, prior)


def two_sided_trade(points: int) -> Economy:
    """One unit, values uniform on the midpoints of a partition of [0, 1] on both sides."""
    values: list[Valuation] = [Linear(np.array([(k + 0.5) / points])) for k in range(points)]
    return economy_of(trader("seller", (1.0, 9.0), values), trader("buyer", (0.0, 9.0), values))


def expected_autarky(economy: Economy) -> float:
    return float(economy.prior.probability @ autarky_welfare(economy))


def expected_first_best(economy: Economy) -> float:
    return float(economy.prior.probability @ efficient_allocation(economy).welfare)


@pytest.mark.parametrize(("points", "gains"), [(5, 0.16), (10, 0.1512)])
def test_two_sided_trade_has_the_published_second_best_gains(points: int, gains: float) -> None:
    economy = two_sided_trade(points)
    answer = second_best(economy, Participation.INDIVIDUAL)
    assert answer.welfare - expected_autarky(economy) == pytest.approx(gains, abs=1e-9)
    assert answer.bound - answer.welfare <= 1e-9


def test_second_best_gains_of_two_sided_trade_fall_towards_nine_sixty_fourths() -> None:
    """Myerson and Satterthwaite (1983): 9/64 with uniform values on both sides."""
    gains = []
    for points in (10, 20, 30):
        economy = two_sided_trade(points)
        gains.append(second_best(economy, Participation.INDIVIDUAL).welfare - expected_autarky(economy))
    distances = np.array(gains) - 9 / 64
    assert (distances > 0).all()
    assert (np.diff(distances) < 0).all()
    assert distances[-1] < 0.5 * distances[0]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_without_participation_the_first_best_is_incentive_efficient(seed: int) -> None:
    """Expected-externality transfers reach it under independent types."""
    generator = np.random.default_rng(seed)

    def kind() -> Valuation:
        if generator.random() < 0.5:
            return Logarithmic(generator.uniform(0.5, 3, 1), generator.uniform(0.2, 1, 1))
        return Quadratic(generator.uniform(1, 6, 1), generator.uniform(0.5, 2, (1, 1)))

    players = [trader(f"p{i}", (float(generator.uniform(0, 2)), 9.0), [kind(), kind()]) for i in range(3)]
    economy = economy_of(*players)
    answer = second_best(economy)
    first_best = expected_first_best(economy)
    assert answer.welfare == pytest.approx(first_best, rel=1e-7)
    assert answer.binding == ()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_participation_never_raises_welfare_and_leaves_every_type_its_autarky(seed: int) -> None:
    generator = np.random.default_rng(seed)

    def kind() -> Valuation:
        return Quadratic(generator.uniform(0.5, 3, 1), np.eye(1))

    economy = economy_of(trader("s", (1.5, 9.0), [kind(), kind()]), trader("b", (0.0, 9.0), [kind(), kind()]))
    free, held = second_best(economy), second_best(economy, Participation.INDIVIDUAL)
    assert held.welfare <= free.welfare + 1e-9
    assert min(gains.min() for gains in held.interim_gains) >= -1e-8
    assert held.residuals is not None
    assert held.residuals.largest <= RESIDUAL_LIMIT
    assert held.bound - held.welfare <= 1e-6


def test_enumerating_finer_and_finer_divisions_approaches_pricing_without_a_grid_from_below() -> None:
    """The independent twin enumerates every division of the good on a grid."""
    sellers: list[Valuation] = [Quadratic(np.array([b]), np.array([[0.1]])) for b in (0.6, 1.3)]
    buyers: list[Valuation] = [Quadratic(np.array([b]), np.array([[0.05]])) for b in (0.7, 1.4)]
    economy = economy_of(trader("s", (1.0, 9.0), sellers), trader("b", (0.0, 9.0), buyers))
    exact = second_best(economy, Participation.INDIVIDUAL).welfare - expected_autarky(economy)
    assert exact < expected_first_best(economy) - expected_autarky(economy) - 1e-3
    values = []
    for parts in (4, 16, 64):
        answer = incentive_efficient(game_on_grid(economy, parts), participation=Participation.INDIVIDUAL)
        assert isinstance(answer, IncentiveEfficient)
        values.append(answer.value)
    assert values == sorted(values)
    assert exact - 1e-3 <= values[-1] <= exact + 1e-9


def test_correlated_types_are_refused_by_name_of_the_reason() -> None:
    kinds: list[Valuation] = [Linear(np.array([1.0])), Linear(np.array([2.0]))]
    players = (trader("s", (1.0, 9.0), kinds), trader("b", (0.0, 9.0), kinds))
    prior = CorrelatedPrior(np.array([[0.4, 0.1], [0.1, 0.4]]))
    economy = Economy("test", ("good", "money"), ("unit", "euro"), players, prior)
    with pytest.raises(ValueError, match="types are correlated"):
        second_best(economy)


def test_endowments_that_give_types_away_are_refused_by_name() -> None:
    kinds = (
        PlayerType("poor", np.array([1.0, 9.0]), Linear(np.array([1.0]))),
        PlayerType("rich", np.array([2.0, 9.0]), Linear(np.array([1.0]))),
    )
    economy = economy_of(Player("ann", kinds), trader("b", (0.0, 9.0), [Linear(np.array([2.0]))]))
    with pytest.raises(ValueError, match="the endowment of ann depends on its type"):
        second_best(economy)
