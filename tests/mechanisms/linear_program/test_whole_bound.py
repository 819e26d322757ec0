"""Bounds on programs with switches that rest on prices: never above what enumeration finds, and as near as is asked."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.linear_program import Block, LinearProgram, Sense, weak_bound
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.linear_program.whole_bound import bound_by_branching


def covering(seed: int, *, feasible: bool = True) -> tuple[LinearProgram, Block]:
    """Return a program of dear switches that open cheap quantities, of which some sums are needed."""
    generator = np.random.default_rng(seed)
    switches, needs = 5, 3
    program = LinearProgram(Sense.MINIMIZE)
    opened = program.variables("opened", {"switch": switches}, upper=1.0, objective=generator.uniform(1, 3, switches))
    used = program.variables("used", {"switch": switches}, upper=4.0, objective=generator.uniform(0, 1, switches))
    limits = program.constraints("only what is opened", {"switch": switches}, at_most=0.0)
    program.add(limits, used, 1.0)
    program.add(limits, opened, -4.0)
    demand = generator.uniform(1, 4, needs) * (1.0 if feasible else 100.0)
    needed = program.constraints("needed", {"need": needs}, at_least=demand)
    program.add(needed[:, None], used, generator.uniform(0, 1, (needs, switches)))
    return program, opened


def by_enumeration(program: LinearProgram, opened: Block) -> float:
    """Return the least objective over all ways to set the switches."""
    least = np.inf
    for switched in product((0.0, 1.0), repeat=opened.size):
        program.set_bounds(opened, lower=np.array(switched), upper=np.array(switched))
        solution = program.solve()
        if solution.optimal:
            least = min(least, solution.objective)
    return least


@pytest.mark.parametrize("seed", range(8))
def test_the_bound_is_that_of_enumeration_where_it_is_asked_for_and_no_more_is_ever_proven(seed: int) -> None:
    least = by_enumeration(*covering(seed))
    assert np.isfinite(least)
    for share in (0.5, 0.9, 1.0 - 1e-9):
        proven = bound_by_branching(*_with_list(covering(seed)), share * least)
        assert proven is not None
        assert share * least <= proven <= least * (1 + 1e-12)
    assert bound_by_branching(*_with_list(covering(seed)), 1.001 * least) is None


def test_a_program_without_answer_is_bounded_by_anything() -> None:
    assert by_enumeration(*covering(0, feasible=False)) == np.inf
    assert bound_by_branching(*_with_list(covering(0, feasible=False)), 1e6) == np.inf


def test_whatever_the_prices_the_bound_holds() -> None:
    generator = np.random.default_rng(0)
    for seed in range(4):
        program, _ = covering(seed)
        solution = program.solve()
        right: FloatArray = solution.numbers().shadow_prices
        assert weak_bound(program, right) == pytest.approx(solution.objective, abs=1e-9)
        for size in (1e-3, 1.0, 1e3):
            wrong = right + size * generator.normal(size=right.shape)
            assert weak_bound(program, wrong) <= solution.objective + 1e-9


def test_no_bound_is_given_in_no_time_nor_on_a_maximum() -> None:
    program, opened = covering(0)
    assert bound_by_branching(program, [opened], 0.0, Deadline.after(0.0)) is None
    with pytest.raises(ValueError, match="minimisation"):
        bound_by_branching(LinearProgram(Sense.MAXIMIZE), [], 0.0)


def _with_list(made: tuple[LinearProgram, Block]) -> tuple[LinearProgram, list[Block]]:
    return made[0], [made[1]]
