"""What `marketgame claims` prints: a table of claims, or all about one, and what examining them brought."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from marketgame.experiments.claims.claim import Claim, Finding
from marketgame.experiments.printing import marked, table


def claims_document(claims: Sequence[Claim], findings: Mapping[str, Finding]) -> dict[str, Any]:
    """Return claims and what examining them brought as a document."""
    return {"claims": [_document(each, findings.get(each.key)) for each in claims]}


def print_claims(console: Console, claims: Sequence[Claim], findings: Mapping[str, Finding]) -> None:
    """Print a table of claims, or all about it if it is one; and what examining them brought."""
    if len(claims) == 1:
        _print_one(console, claims[0])
    else:
        rows = [
            [each.key, each.verdict.value, ", ".join(each.how), _recomputed(findings.get(each.key)), each.title]
            for each in claims
        ]
        columns = ["claim", "verdict", "examined by", "found anew", "what it says"]
        if not findings:
            rows, columns = [[*row[:3], row[4]] for row in rows], [*columns[:3], columns[4]]
        console.print(table("Claims of the papers", columns, rows, texts=len(columns)))
        console.print(f"{summary(claims)}. `marketgame claims NUMBER` tells all about one.")
    for each in claims:
        if (finding := findings.get(each.key)) is not None:
            _print_finding(console, each, finding)


def summary(claims: Sequence[Claim]) -> str:
    """Return how many claims have which verdict."""
    counted = Counter(each.verdict for each in claims)
    return f"{len(claims)} claims: " + ", ".join(f"{number} {verdict.value}" for verdict, number in counted.items())


def _recomputed(finding: Finding | None) -> str:
    if finding is None:
        return ""
    return "the same" if finding.agrees else "OTHERWISE"


def _print_one(console: Console, claim: Claim) -> None:
    console.print(f"[bold]{marked(claim.name)}[/bold] ({marked(claim.where)}): {marked(claim.title)}")
    console.print(f"{marked(claim.paper.full_title)}\n", style="dim")
    rows = [
        ["what it says", claim.statement],
        ["verdict", claim.verdict.value],
        ["why", claim.reason],
        ["what was tested", claim.tested],
        ["how", ", ".join(claim.how)],
    ]
    if claim.counterexample is not None:
        shown = f"marketgame {' '.join(claim.counterexample.command)}"
        rows.append(["smallest counterexample", f"{claim.counterexample.says} Shown by: {shown}"])
    if claim.repair is not None:
        proof = f" Proof: docs/{claim.repair.page}, {claim.repair.label}." if claim.repair.page else ""
        rows.append(["what is true instead", f"{claim.repair.statement}{proof}"])
    rows += [["tests" if not place else "", test] for place, test in enumerate(claim.tests)]
    for name, text in rows:
        console.print(f"[bold]{name}[/bold]: {marked(text)}" if name else f"  {marked(text)}")


def _print_finding(console: Console, claim: Claim, finding: Finding) -> None:
    how = "found anew" if finding.agrees else "[bold]contradicts the ledger[/bold]"
    console.print(f"{marked(claim.key)}, {how}: {marked(finding.found)}")
    for each in finding.frequencies:
        console.print(f"  {marked(str(each))}")


def _document(claim: Claim, finding: Finding | None) -> dict[str, Any]:
    against, repair = claim.counterexample, claim.repair
    return {
        "key": claim.key,
        "paper": claim.paper.value,
        "kind": claim.kind.value,
        "number": claim.number,
        "where": claim.where,
        "title": claim.title,
        "statement": claim.statement,
        "tested": claim.tested,
        "how": [each.value for each in claim.how],
        "verdict": claim.verdict.value,
        "reason": claim.reason,
        "counterexample": against and {"command": ["marketgame", *against.command], "says": against.says},
        "repair": repair and {"statement": repair.statement, "page": repair.page, "label": repair.label},
        "tests": list(claim.tests),
        "finding": finding and _finding_document(finding),
    }


def _finding_document(finding: Finding) -> dict[str, Any]:
    return {
        "agrees": finding.agrees,
        "found": finding.found,
        "frequencies": [
            {"what": each.what, "count": each.count, "among": each.among, "interval": list(each.interval)}
            for each in finding.frequencies
        ],
    }
