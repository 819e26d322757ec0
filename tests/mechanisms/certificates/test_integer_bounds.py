"""No answer about a contract rests on what a solver says integer programs cannot exceed: such bounds only guide
searches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marketgame.mechanisms.certificates.examination import Examiner, Thoroughness, examine_coalition
from marketgame.mechanisms.collusion.lies_and_replies import LiesSearch
from marketgame.mechanisms.collusion.side_contracts.search import SideEffort
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation
from marketgame.mechanisms.deviations.situation import situation_of
from marketgame.mechanisms.linear_program.highs import SolverOutcome
from marketgame.mechanisms.linear_program.program import LinearProgram
from marketgame.mechanisms.linear_program.solution import Solution
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency
from tests.mechanisms.private_value_economies import three_traders

LITTLE = Effort(quote_vectors=2, local_rounds=0, refinements=1, warm_starts=0)
STANDING = MarketRules(pricing=Pricing.VOID, solvency=Solvency.NO_SHORT_SALES)
REPAIRED = MarketRules(Pricing.SPREAD, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE)


def answers() -> tuple[list[Verdict], float]:
    """Return what is answered of a few coalitions, searches included, and what programs say cannot be exceeded."""
    made = grand_contract(three_traders())
    found: list[Verdict] = []
    thoroughness = Thoroughness(SideEffort(oracle=LITTLE, rounds=1, breaches=1, cells=1), LITTLE)
    for rules in (STANDING, REPAIRED):
        examiner = Examiner(made.under(rules), rules, thoroughness=thoroughness)
        for coalition in ((0,), (0, 1)):
            finding = examine_coalition(examiner, coalition)
            found += [finding.improvement, finding.consistent]
        found.append(LiesSearch(made.under(rules), rules, effort=LITTLE).of_coalition((0, 1))[0])
    search = most_profitable_deviation(situation_of(made, 0, (0, 1), STANDING), Objective.TOTAL, LITTLE)
    return [*found, search.verdict], search.program_bound


@pytest.mark.parametrize("wrong", [-1e12, 1e12])
def test_nothing_is_proven_or_refuted_by_what_a_solver_says_integer_programs_cannot_exceed(
    monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    right, said = answers()
    assert {Verdict.REFUTED, Verdict.PROVEN} <= set(right)
    assert np.isfinite(said)
    honest, lied = LinearProgram._solution, []

    def lying(program: LinearProgram, outcome: SolverOutcome) -> Solution:
        solution = honest(program, outcome)
        if not program.arrays().integer.any():
            return solution
        lied.append(program)
        return replace(solution, bound=wrong)

    monkeypatch.setattr(LinearProgram, "_solution", lying)
    answered, heard = answers()
    assert lied
    assert heard != said
    # Who is told that nothing better is left stops looking, and does not know.
    assert all(one in (true, Verdict.NOT_REFUTED) for one, true in zip(answered, right, strict=True))
    assert [one is Verdict.PROVEN for one in answered] == [true is Verdict.PROVEN for true in right]
