"""Programs that the solver's absolute tolerances would answer wrongly are answered to the last digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.linear_program import LinearProgram, Sense, certified

SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("odds", [1e-3, 1e-8, 1e-12, 1e-15, 1e-20])
def test_a_budget_spent_with_little_likelihood_is_still_a_budget(odds: float) -> None:
    """Pay x with probability p out of a budget of 3p: then x is 3, however small p."""
    program = LinearProgram(Sense.MAXIMIZE)
    rare = program.variables("rare", upper=10.0, objective=odds)
    program.add(program.constraints("spent", at_most=3 * odds), rare, odds)
    common = program.variables("common")
    program.add(program.constraints("known", equal_to=1.0), common, 1.0)
    solution = program.solve()
    assert float(solution["rare"]) == pytest.approx(3.0, rel=1e-12)
    assert solution.objective == pytest.approx(3 * odds, rel=1e-12)
    assert certified(program, solution).acceptable


@pytest.mark.parametrize("loss", [1e4, 1e8, 1e12])
def test_what_nobody_takes_does_not_blunt_what_is_taken(loss: float) -> None:
    """Of 0.1 and minus a fortune the first is taken, to the last digit, with its price."""
    program = LinearProgram(Sense.MAXIMIZE)
    action = program.variables("action", {"action": 2}, objective=np.array([0.1, -loss]))
    program.add(program.constraints("probability", equal_to=1.0), action, 1.0)
    solution = program.solve()
    assert solution["action"] == pytest.approx(np.array([1.0, 0.0]), abs=1e-15)
    assert float(solution.dual["probability"]) == pytest.approx(0.1, rel=1e-12)


@given(seed=SEEDS)
def test_rows_and_columns_of_any_size_are_solved_alike(seed: int) -> None:
    """Multiplying rows and columns by powers of ten changes nothing but the units of the answer."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(4, 6))
    worth, limits = generator.normal(size=6), matrix @ generator.uniform(0.5, 1.5, size=6)

    def best(rows: FloatArray, columns: FloatArray) -> tuple[float, FloatArray]:
        program = LinearProgram(Sense.MAXIMIZE)
        amount = program.variables("amount", {"column": 6}, upper=2 / columns, objective=worth * columns)
        limit = program.constraints("limit", {"row": 4}, at_most=limits * rows)
        program.add(limit[:, None], amount, matrix * rows[:, None] * columns)
        solution = program.solve()
        return solution.objective, solution["amount"] * columns

    plain = best(np.ones(4), np.ones(6))
    rows, columns = generator.integers(-7, 8, size=4), generator.integers(-7, 8, size=6)
    scaled = best(np.power(10.0, rows), np.power(10.0, columns))
    assert scaled[0] == pytest.approx(plain[0], rel=1e-10, abs=1e-10)
    assert (matrix @ scaled[1] <= limits + 1e-10).all()
