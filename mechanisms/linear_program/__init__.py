r"""Linear programs written as in the paper: named blocks over labelled dimensions; the one user of the solver.

A program maximises or minimises :math:`c \cdot x` subject to :math:`l \le A x \le u` and bounds on the variables.
Variables and constraints are stated in blocks with named dimensions, coefficients block by block with index
arrays, and the answer is read by the same names::

    program = LinearProgram(Sense.MAXIMIZE)
    trade = program.variables("trade", {"seller": 2, "buyer": 3}, upper=1.0, objective=gains)
    supply = program.constraints("supply", {"seller": 2}, at_most=1.0)
    program.add(supply[:, None], trade[:, :], 1.0)
    solution = program.solve()
    solution["trade"]            # (2, 3)
    solution.dual["supply"]      # (2,), nonnegative

Signs of the answer, whatever the sense of the program:

* ``solution.dual[name]`` holds Lagrange multipliers. On an ``at_least`` or an ``at_most`` constraint it is
  nonnegative: what one unit of relaxation is worth to the objective. On an equality or a two-sided constraint it
  is the shadow price, the change of the optimal objective per unit of the right-hand side.
* ``solution.shadow_price[name]`` is that last quantity for every constraint.
* ``solution.reduced_cost[name]`` is :math:`c - A^\top \pi` with :math:`\pi` the shadow prices: the change of the
  optimal objective per unit of the variable.

Infeasible, unbounded and stopped by a limit are statuses, never exceptions and never answers. ``verify`` checks an
answer against the program's own arrays without the solver, ``certified`` refuses one that fails.

| Concept | Module |
|---|---|
| named blocks, what is stated about them, the program | `blocks`, `statement`, `program` |
| finished arrays, the solver, its answer | `assembly`, `highs`, `solution` |
| where a solve stood, to go on from there | `basis` |
| an answer made exact, and checked without the solver | `refinement`, `verification` |
| a bound on a program with switches that rests on prices | `whole_bound` |
| one deadline for everything | `deadline` |
"""

from marketgame.mechanisms.linear_program.assembly import Arrays, Sense
from marketgame.mechanisms.linear_program.basis import Basis
from marketgame.mechanisms.linear_program.blocks import Block, Selection
from marketgame.mechanisms.linear_program.highs import Simplex, SolverRefusedError
from marketgame.mechanisms.linear_program.program import LinearProgram
from marketgame.mechanisms.linear_program.solution import NamedArrays, NoAnswerError, Solution, Status
from marketgame.mechanisms.linear_program.verification import (
    RESIDUAL_LIMIT,
    Residuals,
    UnverifiedAnswerError,
    certified,
    infeasibility_margin,
    verify,
    weak_bound,
)

__all__ = [
    "RESIDUAL_LIMIT",
    "Arrays",
    "Basis",
    "Block",
    "LinearProgram",
    "NamedArrays",
    "NoAnswerError",
    "Residuals",
    "Selection",
    "Sense",
    "Simplex",
    "Solution",
    "SolverRefusedError",
    "Status",
    "UnverifiedAnswerError",
    "certified",
    "infeasibility_margin",
    "verify",
    "weak_bound",
]
