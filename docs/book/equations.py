"""The index of equations: ``python -m docs.book.equations`` writes it anew, ``docs/equations.md``.

For every numbered statement of the two papers it says where it is explained, which functions say in their docstrings
that they implement it, and what tests it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from docs.book.citations import Statement, citations

PAGE: Final = Path(__file__).parents[1] / "equations.md"
LISTED: Final = Path(__file__).with_name("statements.toml")
# Of many functions the first are shown: those that are about little else.
MOST: Final = 3
PAPERS: Final = {
    "GR": (
        "Giraud and Rochon (2001)",
        "G. Giraud and C. Rochon, *Generic Efficiency and Collusion-Proofness in Exchange Economies*.",
    ),
    "M": ("Myerson (2006)", "R. B. Myerson, *Virtual Utility and the Core for Games with Incomplete Information*."),
}
HEAD: Final = """# Index of equations

Every numbered equation, definition, lemma and theorem of the two papers: where it is explained, the functions that
implement it, and its tests. **GR** is Giraud and Rochon, **M** is Myerson; `marketgame.` stands before every name, and
`tests/` is the folder of the tests. Which functions stand in a row follows from the sources that their docstrings name;
where many do, those that are about little else. Where we leave the papers is told by
[how we read the two papers](reading-the-papers.md), and whether what they claim holds by [the ledger](claims.md).
"""


@dataclass(frozen=True)
class Entry:
    """A row of the index.

    Attributes:
        statement: of a paper.
        says: what it says, in a few words.
        page: where it is explained.
        functions: full names of what implements it.
        tests: files, or tests in files.
        example: a file that comes with the program, or "".
        reason: why nothing implements it, or "".
        claim: where the ledger of claims says what became of it, or "".
    """

    statement: Statement
    says: str
    page: str
    functions: tuple[str, ...]
    tests: tuple[str, ...]
    example: str = ""
    reason: str = ""
    claim: str = ""


def entries() -> list[Entry]:
    """Return all rows, in the order of the papers."""
    found = citations()
    cites: dict[str, int] = {}
    for names in found.values():
        for name in names:
            cites[name] = cites.get(name, 0) + 1
    rows = []
    for paper, statements in tomllib.loads(LISTED.read_text(encoding="utf-8")).items():
        for about in statements:
            statement = Statement(paper, about.get("kind", ""), about.get("number", ""))
            first = about.get("first", "")
            names = sorted(
                set(found.get(statement, ())), key=lambda name: (name != first, _is_module(name), cites[name], name)
            )
            rows.append(
                Entry(
                    statement,
                    about["says"],
                    about["page"],
                    tuple(about.get("functions", names)),
                    tuple(about.get("tests", ())),
                    about.get("example", ""),
                    about.get("reason", ""),
                    about.get("claim", ""),
                )
            )
    return rows


def _is_module(name: str) -> bool:
    return _is_package(name) or _file(name).with_suffix(".py").exists()


def _is_package(name: str) -> bool:
    return _file(name).is_dir()


def _file(name: str) -> Path:
    return PAGE.parents[1].joinpath(*name.split(".")[1:])


def page() -> str:
    """Return the page."""
    rows = entries()
    text = [HEAD]
    for paper, (heading, title) in PAPERS.items():
        text += [f"\n## {paper}: {heading}\n", title, ""]
        text += ["| number | what it says | functions | tests |", "|:--|:--|:--|:--|"]
        text += [_row(entry) for entry in rows if entry.statement.paper == paper]
    return "\n".join([*text, ""])


def _row(entry: Entry) -> str:
    number = str(entry.statement).removeprefix(f"{entry.statement.paper} ").strip()
    by = [f"`{name.removeprefix('marketgame.')}`" for name in entry.functions[:MOST] if not _is_package(name)]
    by += [f"`example:{entry.example}`"] if entry.example else []
    by += [f"*{entry.reason}*"] if entry.reason else []
    tests = [f"[{_short(test)}](../tests/{test.split('::')[0]})" for test in entry.tests]
    became = f"<br>[what became of it](claims.md#{entry.claim})" if entry.claim else ""
    cells = (f"**{number}**{became}", f"[{entry.says}]({entry.page})", "<br>".join(by), "<br>".join(tests))
    return f"| {' | '.join(cells)} |"


def _short(test: str) -> str:
    return test.partition("::")[2].removeprefix("test_").replace("_", " ") or Path(test).stem.removeprefix("test_")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
