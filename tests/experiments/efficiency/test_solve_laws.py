"""What ``solve`` finds does not depend on the order in which players and types are written down."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.experiments.efficiency.solution import EconomySolution, solve_economy
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.incentive_efficiency.welfare import UnknownBenchmark
from tests.mechanisms.strategies import economy_of, line

# Independent types; dependent ones; and dependent ones of which some cannot meet.
PRIORS = {
    "independent": np.outer([0.4, 0.6], [0.3, 0.7]),
    "dependent": np.array([[0.3, 0.2], [0.1, 0.4]]),
    "with zeros": np.array([[0.5, 0.2], [0.0, 0.3]]),
}


def private_types() -> list[Player]:
    tastes = {"ann": (3.0, 5.0), "bob": (4.5, 6.0)}
    owned = {"ann": 2.0, "bob": 1.0}
    return [
        Player(name, tuple(PlayerType(f"{a:g}", np.array([owned[name], 20.0]), line(a)) for a in intercepts))
        for name, intercepts in tastes.items()
    ]


def found(solution: EconomySolution) -> list[float]:
    benchmarks = [
        value
        for one in solution.incentive_benchmarks
        if not isinstance(one, UnknownBenchmark)
        for value in (one.gains, one.bound_on_gains)
    ]
    return [solution.gains_from_trade, solution.expected(solution.autarky_welfare), *benchmarks]


@pytest.mark.parametrize("joint", PRIORS.values(), ids=PRIORS.keys())
def test_the_order_of_players_and_types_changes_nothing(joint: FloatArray) -> None:
    players = private_types()
    original = solve_economy(economy_of(players, CorrelatedPrior(joint)))
    turned: list[Economy] = [
        economy_of(players[::-1], CorrelatedPrior(joint.T)),
        economy_of(
            [Player(player.name, player.types[::-1]) for player in players], CorrelatedPrior(joint[::-1, ::-1].copy())
        ),
    ]
    # The most that incentives allow is computed for independent types only.
    assert original.incentives_known == CorrelatedPrior(joint).independent
    for economy in turned:
        solution = solve_economy(economy)
        scale = original.gains_from_trade
        np.testing.assert_allclose(found(solution), found(original), rtol=0, atol=1e-6 * scale)
        assert type(solution.compatibility) is type(original.compatibility)
        assert [one.holds for one in solution.assumptions] == [one.holds for one in original.assumptions]
