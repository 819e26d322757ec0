"""How the statements of Myerson (2006) are written down."""

from __future__ import annotations

from collections.abc import Callable

from marketgame.experiments.claims.claim import (
    Claim,
    Counterexample,
    Effort,
    Finding,
    How,
    Kind,
    Paper,
    Repair,
    Verdict,
)

PAGE = "core-theory.md"
"""The page with the proofs."""

FOUND_ANEW = "tests/experiments/claims/test_myerson.py::test_every_verdict_is_found_anew"


def stated(  # noqa: PLR0913, PLR0917 - one for each part of a claim
    kind: Kind,
    number: str,
    where: str,
    title: str,
    statement: str,
    tested: str,
    how: tuple[How, ...],
    verdict: Verdict,
    reason: str,
    check: Callable[[Effort], Finding],
    tests: tuple[str, ...] = (),
    *,
    counterexample: Counterexample | None = None,
    repair: Repair | None = None,
) -> Claim:
    """Return a statement of Myerson's, which is examined on drawn games in the tests as well as by the tests named."""
    return Claim(
        Paper.MYERSON,
        kind,
        number,
        where,
        title,
        statement,
        tested,
        how,
        verdict,
        reason,
        check,
        (FOUND_ANEW, *tests),
        counterexample,
        repair,
    )
