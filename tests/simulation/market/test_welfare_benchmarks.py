"""What incentives allow, as rows beside every run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuations import Linear, Quadratic
from marketgame.mechanisms.economies.walras import walrasian_equilibrium
from marketgame.mechanisms.incentive_efficiency.benchmarks import incentive_benchmarks
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import SecondBest
from marketgame.mechanisms.incentive_efficiency.welfare import UnknownBenchmark, walrasian_welfare
from marketgame.simulation.recording.tables import TABLES
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.market_scenario import MarketScenario


def one_unit_for_sale(money: float = 9.0) -> Economy:
    """Seller and buyer with values 0 or 2 against 1 or 3: not all trade worth while leaves everybody willing."""

    def trader(name: str, unit: float, low: float) -> Player:
        endowment = np.array([unit, money])
        kinds = (
            PlayerType(word, endowment, Linear(np.array([low + more]))) for word, more in (("low", 0), ("high", 2))
        )
        return Player(name, tuple(kinds))

    players = (trader("seller", 1.0, 0.0), trader("buyer", 0.0, 1.0))
    prior = IndependentPrior([np.array([0.5, 0.5])] * 2)
    return Economy("one unit", ("item", "money"), ("piece", "euro"), players, prior)


def test_incentive_rows_are_known_in_expectation_and_name_what_binds() -> None:
    economy = one_unit_for_sale()
    found = incentive_benchmarks(economy)
    tables = simulate(MarketScenario("sale", economy, rounds=3, incentives=found))
    rows = {row["benchmark"]: row for row in tables["benchmarks"].to_pylist() if row["profile"] == -1}
    multipliers = []
    for benchmark, name in zip(found, ("incentive-efficient", "incentive-efficient-individual"), strict=True):
        assert isinstance(benchmark, SecondBest)
        assert rows[name]["welfare"] == benchmark.welfare
        assert rows[name]["upper_bound"] == benchmark.bound
        assert rows[name]["obstacle"] == ""
        multipliers += [each.multiplier for each in benchmark.binding]
    assert rows["first-best"]["welfare"] == pytest.approx(rows["incentive-efficient"]["welfare"])
    written = tables["constraints"].to_pylist()
    assert [row["multiplier"] for row in written] == multipliers
    assert {row["report"] for row in written} <= {"low", "high", None}
    assert tables["constraints"].schema.equals(TABLES["constraints"].arrow)


def test_a_run_without_these_benchmarks_has_the_tables_without_their_rows() -> None:
    tables = simulate(MarketScenario("sale", one_unit_for_sale(), rounds=1))
    assert set(tables["benchmarks"]["benchmark"].to_pylist()) == {"first-best", "autarky", "walrasian"}
    assert tables["constraints"].num_rows == 0


def test_where_the_benchmark_is_not_defined_the_reason_is_recorded() -> None:
    correlated = CorrelatedPrior(np.array([[0.4, 0.1], [0.1, 0.4]]))
    economy = replace(one_unit_for_sale(), prior=correlated)
    found = incentive_benchmarks(economy, (Participation.NONE,))
    (unknown,) = found
    assert isinstance(unknown, UnknownBenchmark)
    assert not unknown.solver_failed
    tables = simulate(MarketScenario("sale", economy, rounds=1, incentives=found))
    row = tables["benchmarks"].to_pylist()[-1]
    assert (row["benchmark"], row["welfare"], row["upper_bound"]) == ("incentive-efficient", None, None)
    assert "correlated" in row["obstacle"]


def test_no_time_is_a_reason_too() -> None:
    player = Player(
        "ann",
        tuple(PlayerType(str(k), np.array([1.0, 9.0]), Quadratic(np.array([2.0 + k]), np.eye(1))) for k in (0, 1)),
    )
    players = tuple(replace(player, name=f"p{number}") for number in range(4))
    prior = IndependentPrior([np.array([0.5, 0.5])] * 4)
    economy = Economy("four", ("good", "money"), ("unit", "euro"), players, prior)
    first_best, answer = incentive_benchmarks(economy, seconds=0.0)
    assert isinstance(answer, UnknownBenchmark)
    assert answer.solver_failed
    assert "time limit" in answer.reason
    # Without participation nothing is solved: the first best is known at once.
    assert isinstance(first_best, SecondBest)


def test_equilibrium_welfare_is_the_first_best_where_everybody_can_pay() -> None:
    economy = one_unit_for_sale()
    efficient = efficient_allocation(economy)
    found = walrasian_welfare(economy, economy.profiles, walrasian_equilibrium(economy, efficient))
    np.testing.assert_allclose(found, efficient.welfare)


def test_equilibrium_welfare_is_what_half_a_euro_buys_where_that_is_all_there_is() -> None:
    """Sellers value the item at 0 or 2, buyers at 1 or 3; everybody owns half a euro, so that welfare holds one euro.

    A low seller asks nothing: the buyer gets it all for half a euro. A high seller asks 2, which the low buyer would
    not give; the high buyer gets a quarter: 0.75 * 2 + 0.25 * 3 = 2.25.
    """
    economy = one_unit_for_sale(money=0.5)
    found = walrasian_welfare(economy, economy.profiles, walrasian_equilibrium(economy, efficient_allocation(economy)))
    np.testing.assert_allclose(found - 1, [1.0, 3.0, 2.0, 2.25], rtol=1e-9)
