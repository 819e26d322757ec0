r"""A bound on a program with switches, variables that are 0 or 1, that rests on prices and not on a solver's tree.

Whoever solves an integer program hands out one number, its bound, and nothing that could be checked. So the tree is
made here. At every node some switches are fixed and the others may be anything from 0 to 1; the shadow prices of that
linear program prove a bound by weak duality, whatever prices they are, or multipliers of its constraints that it has no
answer. Both are recomputed from the program's own arrays. Nodes are divided until each is bounded as is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.linear_program.assembly import Sense
from marketgame.mechanisms.linear_program.blocks import Block
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.linear_program.program import LinearProgram
from marketgame.mechanisms.linear_program.solution import Status
from marketgame.mechanisms.linear_program.verification import infeasibility_margin, weak_bound

CONVINCING_MARGIN = 1e-9
"""That there is no answer is accepted only with at least this relative margin."""

NOISE = 1e-11
"""Multipliers below this share of the largest count as zero."""

MOST_NODES = 20_000
"""After so many nodes the bound is given up."""


def bound_by_branching(
    program: LinearProgram, switches: Sequence[Block], enough: float, deadline: Deadline = NO_DEADLINE
) -> float | None:
    """Return what a minimum over switches that are 0 or 1 is not below, proven by prices.

    Args:
        program: a minimisation in which the switches are variables from 0 to 1 that need not be whole; their bounds are
            changed. Variables that no constraint limits need finite bounds.
        switches: which they are.
        enough: what bound is asked for; none is proven that is much greater.
        deadline: after which the bound is given up.

    Returns:
        A bound of at least so much; infinite if there is no answer at all. None if it is not proven.

    Raises:
        ValueError: the program is no minimisation.
    """
    if program.sense is not Sense.MINIMIZE:
        raise ValueError("the program must be a minimisation")
    count, least = sum(block.size for block in switches), np.inf
    nodes = [(np.zeros(count), np.ones(count))]
    ends = np.cumsum([block.size for block in switches])[:-1]
    for _ in range(MOST_NODES):
        if not nodes:
            return least
        if deadline.passed:
            return None
        low, high = nodes.pop()
        proven, values = _at_node(program, switches, (np.split(low, ends), np.split(high, ends)), deadline)
        if proven >= enough:
            least = min(least, proven)
            continue
        undecided = _undecided(low, high, values)
        if undecided is None:
            return None
        for value in (1.0, 0.0):
            fixed = low.copy(), high.copy()
            fixed[0][undecided] = fixed[1][undecided] = value
            nodes.append(fixed)
    return None


def _at_node(
    program: LinearProgram,
    switches: Sequence[Block],
    fixed: tuple[Sequence[FloatArray], Sequence[FloatArray]],
    deadline: Deadline,
) -> tuple[float, FloatArray]:
    """Return what is proven where switches are within bounds, and what they are where the program is best."""
    for block, lower, upper in zip(switches, *fixed, strict=True):
        program.set_bounds(block, lower=lower.reshape(block.shape), upper=upper.reshape(block.shape))
    solution = program.solve(deadline=deadline)
    if solution.answer is not None:
        values = [solution.answer.values[block.members] for block in switches]
        return weak_bound(program, solution.answer.shadow_prices), np.concatenate(values)
    unknown = np.full(sum(block.size for block in switches), 0.5)
    if solution.status is Status.INFEASIBLE and solution.ray is not None:
        largest = np.abs(solution.ray).max(initial=0.0)
        proof = np.where(np.abs(solution.ray) > NOISE * largest, solution.ray, 0.0)
        if infeasibility_margin(program, proof) > CONVINCING_MARGIN:
            return np.inf, unknown
    return -np.inf, unknown


def _undecided(low: FloatArray, high: FloatArray, values: FloatArray) -> int | None:
    """Return the free switch that is furthest from 0 and 1, or any that is free; none if all are fixed."""
    free = np.flatnonzero(low < high)
    if not len(free):
        return None
    return int(free[np.minimum(values[free], 1.0 - values[free]).argmax()])
