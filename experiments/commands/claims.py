"""``marketgame claims``: what became of the statements of the two papers."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.claims.claim import QUICK, SEED, Check, Effort, Finding, Paper
from marketgame.experiments.claims.ledger import chosen
from marketgame.experiments.claims.printing import claims_document, print_claims
from marketgame.experiments.printing import JsonOption, in_progress, print_answer


def command(
    numbers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NUMBER]...", help="Which claims: lemma-2, gr-theorem-1, 6(b); all without any. One is told whole."
        ),
    ] = None,
    *,
    paper: Annotated[
        Paper | None, typer.Option("--paper", help="Of one paper: Giraud and Rochon (gr) or Myerson (m).")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Find the evidence for every verdict anew.")] = False,
    economies: Annotated[
        int, typer.Option("--economies", min=1, metavar="N", help="How many cases each search draws.")
    ] = QUICK,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Of the draws.")] = SEED,
    json: JsonOption = False,
) -> None:
    """List what the two papers claim and what became of it, with the evidence; or tell all about one claim.

    The exit code is 1 if a check contradicts the ledger.
    """
    claims = chosen(numbers or (), paper)
    findings: dict[str, Finding] = {}
    # Several claims rest on the same evidence.
    found: dict[Check, Finding] = {}
    if check:
        with in_progress("examining claims") as show:
            for each in claims:
                show(f"examining {each.key}")
                if each.check not in found:
                    found[each.check] = each.check(Effort(economies, seed))
                findings[each.key] = found[each.check]
    print_answer(
        partial(claims_document, claims, findings),
        partial(print_claims, claims=claims, findings=findings),
        json=json,
    )
    if not all(each.agrees for each in findings.values()):
        raise typer.Exit(ExitCode.NO)
