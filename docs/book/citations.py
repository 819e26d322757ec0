"""What docstrings say they implement: the numbered statements of the two papers, read from the sources they give.

A sentence that names a paper cites whatever it goes on to number, up to its end or the next work that it names:
"Myerson (2006), conditions (9) to (12), and Theorem 1" cites five statements of the second paper.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("mechanisms", "agents", "simulation", "experiments/studies")
OTHERS: Final = r"Holmström and Myerson|Myerson and Satterthwaite|Laffont and Martimort|[dD]'Aspremont|Sherali|Dantzig"
GR: Final = r"Giraud and Rochon|\bGR\b"
M: Final = r"Myerson|\bM(?= [\dTs(])"
PAPERS: Final = re.compile(f"{GR}|{M}")
WORKS: Final = re.compile(f"(?P<other>{OTHERS}|docs/|[Oo]urs)|(?P<GR>{GR})|(?P<M>{M})")
NUMBER: Final = r"\d{1,2}'?(?!\.?\d)"
NAMED: Final = re.compile(
    rf"(?P<kind>Definition|Theorem|Lemma|Corollary|Assumption|Example)s?\s+"
    rf"(?P<list>{NUMBER}(?:(?:,\s|\sand\s|\sto\s|-){NUMBER})*)",
    re.IGNORECASE,
)
EQUATIONS: Final = re.compile(r"\((\d{1,2})\)(?:(?:\sto\s|-)\((\d{1,2})\))?")


@dataclass(frozen=True, order=True)
class Statement:
    """A numbered statement of a paper.

    Attributes:
        paper: GR or M.
        kind: what the paper calls it, or "" where it is an equation.
        number: as the paper has it.
    """

    paper: str
    kind: str
    number: str

    def __str__(self) -> str:
        return f"{self.paper} {self.kind} {self.number}" if self.kind else f"{self.paper} ({self.number})"


def cited(text: str) -> set[Statement]:
    """Return the statements that a text cites."""
    found = set()
    for sentence in re.split(r"\.\s+(?=[A-Z])|\n\s*\n|\n(?=\|)", text):
        works = list(WORKS.finditer(sentence))
        for work, following in zip_longest(works, works[1:]):
            if work.lastgroup != "other":
                part = sentence[work.end() : following.start() if following else None]
                found |= {Statement(str(work.lastgroup), kind, number) for kind, number in _numbered(part)}
    return found


def _numbered(text: str) -> Iterator[tuple[str, str]]:
    for match in NAMED.finditer(text):
        numbers = re.findall(rf"(,\s|\sand\s|\sto\s|-)?({NUMBER})", match["list"])
        for place, (joined, number) in enumerate(numbers):
            if joined.strip() in {"to", "-"}:
                low, high = int(numbers[place - 1][1].strip("'")), int(number.strip("'"))
                yield from ((match["kind"].capitalize(), str(each)) for each in range(low + 1, high))
            yield match["kind"].capitalize(), number
    for match in EQUATIONS.finditer(text):
        for number in range(int(match[1]), int(match[2] or match[1]) + 1):
            yield "", str(number)


@cache
def citations() -> dict[Statement, list[str]]:
    """Return the full names of the public functions, classes and modules that cite each statement."""
    found: dict[Statement, list[str]] = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            source = file.read_text(encoding="utf-8")
            if not PAPERS.search(source):
                continue
            parts = file.relative_to(ROOT).with_suffix("").parts
            module = ".".join(("marketgame", *parts)).removesuffix(".__init__")
            for name, text in _documented(ast.parse(source), module):
                for statement in cited(text):
                    found.setdefault(statement, []).append(name)
    return found


def _documented(node: ast.Module | ast.ClassDef, name: str) -> Iterator[tuple[str, str]]:
    """Yield what is public in a module or a class, itself included, with what is said of it."""
    yield name, ast.get_docstring(node) or ""
    for inner in node.body:
        if isinstance(inner, ast.ClassDef | ast.FunctionDef) and not inner.name.startswith("_"):
            if isinstance(inner, ast.ClassDef):
                yield from _documented(inner, f"{name}.{inner.name}")
            else:
                yield f"{name}.{inner.name}", ast.get_docstring(inner) or ""
