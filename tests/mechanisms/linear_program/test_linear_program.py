"""Claims about linear programs: answers by name, signs, statuses, warm changes, and the independent check."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import highspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse

from marketgame.mechanisms import SOLVER_THREAD
from marketgame.mechanisms.linear_program import (
    RESIDUAL_LIMIT,
    Basis,
    LinearProgram,
    NamedArrays,
    NoAnswerError,
    Sense,
    Simplex,
    Solution,
    Status,
    UnverifiedAnswerError,
    certified,
    infeasibility_margin,
    verify,
)

SEEDS = st.integers(0, 2**32 - 1)


def transportation(sense: Sense = Sense.MINIMIZE) -> LinearProgram:
    """Two plants, three cities: Dantzig's example (Linear Programming and Extensions, 1963, section 3-3)."""
    freight = 0.09 * np.array([[2.5, 1.7, 1.8], [2.5, 1.8, 1.4]])
    program = LinearProgram(sense)
    shipment = program.variables("shipment", {"plant": 2, "city": 3}, objective=freight * sense.value)
    supply = program.constraints("supply", {"plant": 2}, at_most=[350.0, 600.0])
    demand = program.constraints("demand", {"city": 3}, at_least=[325.0, 300.0, 275.0])
    program.add(supply[:, None], shipment, 1.0)
    program.add(demand[None, :], shipment, 1.0)
    return program


def random_program(seed: int, *, sense: Sense = Sense.MAXIMIZE) -> LinearProgram:
    """A feasible bounded program with every kind of constraint and bound."""
    generator = np.random.default_rng(seed)
    rows, columns = int(generator.integers(1, 8)), int(generator.integers(1, 10))
    present = generator.random((rows, columns)) < 0.7
    present[np.arange(rows), np.arange(rows) % columns] = True
    matrix = present * generator.choice([-1.0, 1.0], size=(rows, columns)) * generator.uniform(0.1, 3, (rows, columns))
    inside = generator.normal(size=columns)
    activity = matrix @ inside
    lower = inside - generator.exponential(size=columns)
    upper = inside + generator.exponential(size=columns)
    kind = generator.integers(0, 4, size=rows)
    program = LinearProgram(sense)
    x = program.variables("x", {"j": columns}, lower=lower, upper=upper, objective=generator.normal(size=columns))
    for row in range(rows):
        slack = generator.exponential()
        limits = [
            {"at_least": activity[row] - slack},
            {"at_most": activity[row] + slack},
            {"equal_to": activity[row]},
            {"at_least": activity[row] - slack, "at_most": activity[row] + 2 * slack},
        ][kind[row]]
        constraint = program.constraints(f"row {row}", **limits)
        program.add(constraint, x, matrix[row])
    return program


def scipy_optimum(program: LinearProgram) -> float:
    """The same program through SciPy's front end, with two-sided constraints split."""
    arrays = program.arrays()
    sign = arrays.sense.value
    matrix = arrays.matrix.toarray()
    upper, lower = np.isfinite(arrays.row_upper), np.isfinite(arrays.row_lower)
    result = optimize.linprog(
        sign * arrays.objective,
        A_ub=np.vstack([matrix[upper], -matrix[lower]]),
        b_ub=np.concatenate([arrays.row_upper[upper], -arrays.row_lower[lower]]),
        bounds=list(zip(arrays.lower.tolist(), arrays.upper.tolist(), strict=True)),
    )
    assert result.status == 0
    assert result.fun is not None
    return float(sign * result.fun)


def test_dantzigs_transportation_problem_costs_153_675() -> None:
    solution = transportation().solve()
    assert solution.status is Status.OPTIMAL
    assert solution.objective == pytest.approx(153.675)
    assert solution["shipment"].sum(axis=0) == pytest.approx([325.0, 300.0, 275.0])


@pytest.mark.parametrize("sense", list(Sense))
def test_multipliers_of_one_sided_constraints_are_nonnegative_in_both_senses(sense: Sense) -> None:
    program = transportation(sense)
    solution = program.solve()
    assert solution.dual["demand"] == pytest.approx([0.225, 0.153, 0.126])
    assert solution.dual["supply"] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert solution.shadow_price["demand"] == pytest.approx(sense.value * solution.dual["demand"])


def test_shadow_price_of_an_equality_is_the_derivative_of_the_optimum() -> None:
    program = LinearProgram(Sense.MAXIMIZE)
    x = program.variables("x", {"j": 2}, objective=[3.0, 1.0])
    total = program.constraints("total", equal_to=2.0)
    program.add(total, x, 1.0)
    before = program.solve()
    program.set_limits(total, equal_to=2.5)
    after = program.solve()
    assert before.dual["total"] == pytest.approx(3.0)
    assert after.objective - before.objective == pytest.approx(0.5 * before.dual["total"])
    assert before.reduced_cost["x"] == pytest.approx([0.0, -2.0])


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from(list(Sense)))
def test_answers_agree_with_scipy_and_pass_the_independent_check(seed: int, sense: Sense) -> None:
    program = random_program(seed, sense=sense)
    solution = program.solve()
    assert certified(program, solution).largest <= RESIDUAL_LIMIT
    assert solution.objective == pytest.approx(scipy_optimum(program), rel=1e-7, abs=1e-7)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from(["values", "shadow_prices", "reduced_costs"]), st.sampled_from([1e-4, -1e-4, 3.0]))
def test_a_corrupted_answer_is_refused(seed: int, part: str, change: float) -> None:
    program = random_program(seed)
    solution = program.solve()
    numbers = solution.numbers()
    corrupted = getattr(numbers, part).copy()
    corrupted[seed % corrupted.size] += change * (1 + np.abs(corrupted).max())
    if part == "values" and not program.arrays().objective[seed % corrupted.size]:
        return
    forged = replace(solution, answer=replace(numbers, **{part: corrupted}))
    with pytest.raises(UnverifiedAnswerError, match="independent check"):
        certified(program, forged)


def test_a_false_objective_is_refused() -> None:
    program = transportation()
    solution = program.solve()
    with pytest.raises(UnverifiedAnswerError):
        certified(program, replace(solution, objective=solution.objective * (1 + 1e-5)))
    undefined = replace(solution.numbers(), values=np.full(6, np.nan))
    assert verify(program, replace(solution, answer=undefined)).primal == np.inf


def test_an_answer_to_another_program_is_refused() -> None:
    program = transportation()
    with pytest.raises(ValueError, match="another size"):
        verify(program, random_program(3).solve())


def test_infeasibility_comes_with_multipliers_that_prove_it() -> None:
    program = transportation()
    program.set_limits(program.blocks[1]["supply"][0], at_most=[350.0, 500.0])
    solution = program.solve()
    assert solution.status is Status.INFEASIBLE
    assert solution.ray is not None
    proof = NamedArrays(solution.ray, solution.constraints)
    assert (proof["demand"] > 0).all()
    assert (proof["supply"] < 0).all()
    assert infeasibility_margin(program, proof.flat) > 1e-3
    assert infeasibility_margin(program, -proof.flat) <= 0
    assert infeasibility_margin(transportation(), proof.flat) <= 0


@pytest.mark.parametrize("sense", list(Sense))
def test_the_proof_of_infeasibility_has_the_same_sign_in_both_senses(sense: Sense) -> None:
    program = LinearProgram(sense)
    x = program.variables("x", objective=1.0)
    program.add(program.constraints("floor", at_least=2.0), x, 1.0)
    program.add(program.constraints("ceiling", at_most=1.0), x, 1.0)
    solution = program.solve()
    assert solution.ray is not None
    assert infeasibility_margin(program, solution.ray) > 0


def test_an_unbounded_program_comes_with_a_direction_of_improvement() -> None:
    program = LinearProgram(Sense.MAXIMIZE)
    x = program.variables("x", {"j": 2}, objective=[1.0, 1.0])
    program.add(program.constraints("difference", at_most=1.0), x, [1.0, -1.0])
    solution = program.solve()
    assert solution.status is Status.UNBOUNDED
    assert solution.ray is not None
    direction = NamedArrays(solution.ray, solution.variables)["x"]
    assert direction.sum() > 0
    assert direction[0] - direction[1] <= 1e-9
    with pytest.raises(NoAnswerError, match="without limit"):
        _ = solution["x"]


def test_a_limit_is_never_mistaken_for_an_answer() -> None:
    generator = np.random.default_rng(0)
    program = LinearProgram(Sense.MAXIMIZE)
    x = program.variables("x", {"j": 200}, objective=generator.random(200))
    capacity = program.constraints("capacity", {"r": 150}, at_most=1.0)
    program.add(capacity[:, None], x[None, :], generator.random((150, 200)))
    stopped = program.solve(iterations=3)
    assert stopped.status is Status.ITERATION_LIMIT
    assert not stopped.optimal
    assert np.isnan(stopped.objective)
    for read in (lambda: stopped["x"], lambda: stopped.dual["capacity"], lambda: verify(program, stopped)):
        with pytest.raises(NoAnswerError, match="iteration limit"):
            read()
    assert program.solve(seconds=0.0).status is Status.TIME_LIMIT
    assert certified(program, program.solve(seconds=60.0)).acceptable


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_a_changed_program_solved_warm_equals_the_same_program_solved_cold(seed: int) -> None:
    generator = np.random.default_rng(seed)
    program = random_program(seed)
    program.solve()
    variables, constraints = program.blocks
    x = variables["x"][0]
    row = constraints["row 0"][0]
    program.set_objective(x, generator.normal(size=x.size))
    program.set_bounds(x, upper=program.arrays().upper + 0.5)
    program.set_coefficients(row, x[0], generator.normal())
    y = program.variables("y", {"k": 2}, upper=1.0, objective=generator.normal(size=2))
    program.add(row, y, generator.normal(size=2))
    extra = program.constraints("extra", {"r": 2}, at_most=50.0)
    program.add(extra[:, None], x[None, :], generator.normal(size=(2, x.size)))
    program.add(extra, y, 1.0)
    more = program.extend("y", 3, upper=2.0, objective=1.0)
    program.add(extra[0], more, generator.random(3))
    warm = program.solve()
    if warm.status is not Status.OPTIMAL:
        with pytest.raises(AssertionError):
            scipy_optimum(program)
        return
    assert certified(program, warm).acceptable
    assert warm.objective == pytest.approx(scipy_optimum(program), rel=1e-7, abs=1e-7)
    assert warm["y"].shape == (5,)


def test_a_resolve_starts_from_the_last_basis() -> None:
    program = transportation()
    cold = program.solve()
    assert cold.iterations > 0
    assert program.solve().iterations == 0
    program.set_objective(program.blocks[0]["shipment"][0], np.full((2, 3), 0.2))
    assert certified(program, program.solve()).acceptable
    twin = transportation()
    twin.basis = transportation_basis()
    assert twin.solve(simplex=Simplex.PRIMAL).iterations == 0


def transportation_basis() -> Basis:
    program = transportation()
    program.solve()
    basis = program.basis
    assert basis is not None
    return basis


def test_a_basis_of_another_shape_is_refused() -> None:
    program = random_program(5)
    with pytest.raises(ValueError, match="does not fit"):
        program.basis = transportation_basis()


def test_columns_stated_at_once_equal_columns_stated_entry_by_entry() -> None:
    generator = np.random.default_rng(1)
    values = generator.normal(size=(4, 3, 5))
    rows = np.arange(15).reshape(3, 5)
    fast, slow = LinearProgram(), LinearProgram()
    for program in (fast, slow):
        program.variables("before", {"a": 2})
        program.variables("x", {"profile": 4, "action": 3})
        program.variables("after")
        program.constraints("sum", {"profile": 4}, equal_to=1.0)
        program.constraints("cell", {"action": 3, "entry": 5}, at_most=1.0)
        variables, constraints = program.blocks
        program.add(constraints["cell"][0][0, 0], variables["before"][0], [1.0, 2.0])
        program.add(constraints["cell"][0][2, 4], variables["after"][0], 7.0)
    variables, constraints = fast.blocks
    cell, total = constraints["cell"][0], constraints["sum"][0]
    fast.set_columns(variables["x"][0], (total[:, None, None], 1.0), (cell[:, :], values))
    variables, constraints = slow.blocks
    slow.add(constraints["sum"][0][:, None], variables["x"][0], 1.0)
    x = variables["x"][0]
    slow.add(constraints["cell"][0][None, :, :], x[:, :, None], values)
    assert rows.size == cell.size
    difference = fast.arrays().matrix - slow.arrays().matrix
    assert abs(difference).max() == 0
    assert sparse.issparse(difference)
    fast.add(total[0], variables["x"][0][0, 0], 2.0)
    assert fast.arrays().matrix[0, 2] == 3.0


def test_whole_numbers_are_found_and_a_stopped_search_offers_its_best_point() -> None:
    program = LinearProgram(Sense.MAXIMIZE)
    take = program.variables("take", {"item": 4}, upper=1.0, objective=[10.0, 13.0, 7.0, 4.0], integer=True)
    program.add(program.constraints("weight", at_most=9.0), take, [5.0, 6.0, 4.0, 2.0])
    solution = program.solve()
    assert solution.objective == pytest.approx(17.0)
    assert solution["take"] == pytest.approx([0.0, 1.0, 0.0, 1.0]) or solution["take"] == pytest.approx([1, 0, 1, 0])
    residuals = certified(program, solution)
    assert residuals.dual is None
    half = replace(solution, answer=replace(solution.numbers(), values=np.array([0.5, 1.0, 0.0, 0.0])))
    assert verify(program, half).primal >= 0.5


@pytest.mark.parametrize("again", [False, True])
def test_a_solver_that_ignores_its_limit_is_left_behind_and_the_next_solve_starts_afresh(
    again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough, solve = threading.Event(), highspy.Highs.run

    def deaf(solver: highspy.Highs) -> highspy.HighsStatus:
        enough.wait(60.0)
        return solve(solver)

    program = LinearProgram(Sense.MAXIMIZE)
    take = program.variables("take", {"item": 3}, upper=1.0, objective=[10.0, 13.0, 7.0], integer=True)
    program.add(program.constraints("weight", at_most=9.0), take, [5.0, 6.0, 4.0])
    if again:
        assert program.solve().objective == 17.0
    with monkeypatch.context() as patched:
        patched.setattr(highspy.Highs, "run", deaf)
        stopped = program.solve(seconds=0.01)
    # It would have found an optimum had it been waited for.
    assert (stopped.status, stopped.bound, stopped.answer, stopped.best_known) == (
        Status.TIME_LIMIT,
        np.inf,
        None,
        None,
    )
    (busy,) = (thread for thread in threading.enumerate() if thread.name == SOLVER_THREAD)
    program.set_bounds(take[0], upper=0.0)
    assert program.basis is None
    assert program.solve(seconds=60.0).objective == 13.0
    assert busy.is_alive()
    enough.set()
    busy.join()


def test_money_in_other_units_changes_nothing_but_the_units() -> None:
    answers: list[Solution] = []
    for unit in (1.0, 2.0**30):
        program = transportation()
        shipment = program.blocks[0]["shipment"][0]
        program.set_objective(shipment, program.arrays().objective.reshape(2, 3) * unit)
        answers.append(program.solve())
        assert certified(program, answers[-1]).acceptable
    assert answers[1].objective == pytest.approx(answers[0].objective * 2.0**30)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (lambda p: p.variables("shipment"), "stated twice"),
        (lambda p: p.variables("z", {"a": -1}), "whole size"),
        (lambda p: p.variables("z", {"a": 2}, lower=[1.0, 2.0, 3.0]), r"shape \(3,\)"),
        (lambda p: p.variables("z", lower=2.0, upper=1.0), "exceeds"),
        (lambda p: p.variables("z", objective=np.inf), "finite"),
        (lambda p: p.constraints("z"), "no limit"),
        (lambda p: p.constraints("z", equal_to=1.0, at_most=2.0), "one or the other"),
        (lambda p: p.constraints("z", at_least=3.0, at_most=2.0), "exceeds"),
        (lambda p: p.add(p.blocks[0]["shipment"][0], p.blocks[0]["shipment"][0], 1.0), "wanted here"),
        (lambda p: p.add(p.blocks[1]["supply"][0], p.blocks[0]["shipment"][0], 1.0), "broadcast together"),
        (lambda p: p.add(p.blocks[1]["supply"][0][0], p.blocks[0]["shipment"][0][0, 0], np.nan), "finite"),
        (lambda p: p.extend("nothing", 2), "no block"),
    ],
)
def test_a_misstatement_is_refused_by_name(statement: Callable[[LinearProgram], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        statement(transportation())


def test_reading_a_block_that_is_not_there_names_those_that_are() -> None:
    solution = transportation().solve()
    with pytest.raises(KeyError, match="shipment"):
        _ = solution["shipments"]
    with pytest.raises(IndexError, match="city 3"):
        _ = transportation().blocks[0]["shipment"][0][0, 3]
