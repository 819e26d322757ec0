"""The baseline of programs: finished arrays handed to HiGHS as its users would."""

from __future__ import annotations

from time import process_time

import highspy
import numpy as np

from marketgame.mechanisms.linear_program import Arrays

METHODS = ("simplex", "ipm")
"""What a user would try: the simplex method and the interior-point method, both as HiGHS sets them up."""


def handed_over(program: Arrays) -> highspy.Highs:
    """Return HiGHS holding a program."""
    rows, columns = program.matrix.shape
    solver = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy annotates few of its functions.
    solver.setOptionValue("output_flag", False)
    solver.passModel(
        columns,
        rows,
        program.matrix.nnz,
        int(highspy.MatrixFormat.kColwise),
        program.sense.value,
        0.0,
        program.objective,
        program.lower,
        program.upper,
        program.row_lower,
        program.row_upper,
        program.matrix.indptr,
        program.matrix.indices,
        program.matrix.data,
        np.zeros(columns, dtype=np.int32),
    )
    return solver


def solved_by_the_better(program: Arrays, patience: float) -> tuple[float, str, float | None]:
    """Return processor seconds of HiGHS's faster method, its name, and the optimum if one was found in time.

    Args:
        program: without integer variables.
        patience: seconds after which a method is given up.
    """
    found = []
    for method in METHODS:
        begin = process_time()
        solver = handed_over(program)
        for option, value in (("threads", 1), ("solver", method), ("time_limit", patience)):
            solver.setOptionValue(option, value)
        solver.run()
        optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        found.append((process_time() - begin, method, solver.getObjectiveValue() if optimal else None))
    return min(found, key=lambda one: (one[2] is None, one[0]))
