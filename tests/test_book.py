"""The book holds every page, its index every numbered statement, and whatever a page shows is run or says why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from docs.book import equations
from docs.book.citations import Statement, citations, cited
from docs.book.linking import home_of
from docs.book.mathml import drawn
from docs.book.reference import MARK, PACKAGES, with_tables, write_into
from tests.documentation import PAGES
from tests.experiments import conftest as of_commands
from tests.experiments.command_calls import Call
from tests.test_docstrings import is_there

marketgame = of_commands.marketgame
ROOT = Path(__file__).parents[1]
BOOK = {
    page.relative_to(PAGES).with_suffix("").as_posix(): page for page in (*PAGES.glob("*.md"), *PAGES.glob("*/*.md"))
}
NOTEBOOKS = {page.relative_to(PAGES).with_suffix("").as_posix() for page in PAGES.glob("notebooks/*.ipynb")}
READ = {ROOT / "README.md": "README", ROOT / "CHANGELOG.md": "CHANGELOG"} | {file: name for name, file in BOOK.items()}

# Who runs the blocks of a language on a page, `*` on all others; or why nobody does.
RUN_BY = {
    ("pycon", "from-python"): "test_the_page_on_python_says_what_happens",
    ("pycon", "tutorial"): "test_the_tutorial_says_what_happens",
    ("pycon", "*"): "test_every_prompt_in_the_documentation_prints_what_the_page_shows",
    ("python", "README"): "test_the_python_example_runs_and_prints_the_price_it_says",
    ("python", "extending"): "test_the_page_works_from_its_first_line_to_its_last",
    ("python", "guide"): "test_the_guide_reads_what_a_command_on_it_has_written",
    ("python", "sweeps"): "test_the_script_that_plots_welfare_against_misreporters_runs",
    ("r", "spreadsheets"): "test_what_is_shown_in_r_says_what_python_says_of_the_same_files",
    ("sh", "*"): "test_every_line_to_be_typed_is_taken_as_it_stands",
    ("sql", "sweeps"): "test_the_query_says_what_python_says_of_the_same_files",
    ("toml", "extending"): "test_the_page_works_from_its_first_line_to_its_last",
    ("toml", "populations"): "test_the_files_on_the_page_about_populations_are_taken",
    ("toml", "*"): "test_files_and_parts_of_files_that_pages_show_are_taken",
}
NOT_RUN = {
    ("text", "*"): "what a program prints; that of the README is compared",
    ("{toctree}", "index"): "says which chapters there are",
    ("{include}", "changelog"): "shows another file",
}


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the language of each block of a page, and what is in it."""
    for fence in re.finditer(
        r"^(?P<fence>```+)(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=fence)$", text, re.DOTALL | re.MULTILINE
    ):
        yield fence["language"].split(" ")[0], fence["text"]


def chapters() -> list[str]:
    """Return what the book's front page lists, in its order."""
    trees = [
        text for language, text in blocks((PAGES / "index.md").read_text(encoding="utf-8")) if language == "{toctree}"
    ]
    return [line for text in trees for line in text.splitlines() if line and not line.startswith(":")]


@cache
def anchors(page: str) -> frozenset[str]:
    """Return the addresses of a page's headings."""
    headings = re.findall(r"^#{1,4} (.+)$", BOOK[page].read_text(encoding="utf-8"), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower().strip()).replace(" ", "-") for heading in headings)


@cache
def names_of_tests() -> frozenset[str]:
    """Return the names of all tests."""
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py")]
    return frozenset(name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE))


def test_every_page_and_notebook_is_a_chapter_once() -> None:
    listed = [name for name in chapters() if not name.startswith("reference/")]
    assert sorted(listed) == sorted({*BOOK, *NOTEBOOKS} - {"index"}), "name the page in docs/index.md"


@pytest.mark.parametrize("page", sorted(BOOK))
def test_links_within_the_book_lead_somewhere(page: str) -> None:
    for link, _, anchor in re.findall(r"\]\(((?!https?:)[^)#]*)(#([^)]*))?\)", BOOK[page].read_text(encoding="utf-8")):
        target = (BOOK[page].parent / link) if link else BOOK[page]
        assert target.exists(), f"{page} links to {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target.resolve().relative_to(PAGES).with_suffix("").as_posix()), (
                f"{page}: {link}#{anchor}"
            )


def test_addresses_elsewhere_are_whole() -> None:
    # Nothing is asked of a network here, so that only their form can be looked at.
    addresses = [
        found for file in READ for found in re.findall(r"https?://[^\s)>\]]+", file.read_text(encoding="utf-8"))
    ]
    assert [address for address in addresses if "." not in (urlsplit(address).hostname or "")] == []


@pytest.mark.parametrize("file", READ, ids=READ.get)
def test_every_block_that_a_page_shows_is_run_or_says_why_not(file: Path) -> None:
    for language, _ in blocks(file.read_text(encoding="utf-8")):
        keys = [(language, READ[file]), (language, "*")]
        run_by = next((RUN_BY[key] for key in keys if key in RUN_BY), None)
        assert run_by or any(NOT_RUN.get(key) for key in keys), f"nobody runs what {READ[file]} shows in {language!r}"
        assert run_by is None or run_by in names_of_tests()


def test_nothing_is_said_about_blocks_that_are_not_there() -> None:
    shown = {
        (language, name) for file, name in READ.items() for language, _ in blocks(file.read_text(encoding="utf-8"))
    }
    shown |= {(language, "*") for language, _ in shown}
    assert {*RUN_BY, *NOT_RUN} <= shown


def test_files_and_parts_of_files_that_pages_show_are_taken(marketgame: Call, tmp_path: Path) -> None:
    def of(page: str) -> list[str]:
        return [text for language, text in blocks(BOOK[page].read_text(encoding="utf-8")) if language == "toml"]

    (sweep,), (prior,), village = of("sweeps"), of("guide"), of("own-economy")
    (tmp_path / "sweep.toml").write_text(sweep.replace("../scenarios", str(ROOT / "experiments" / "scenarios")))
    farmers = (ROOT / "experiments" / "economies" / "three-farmers.toml").read_text(encoding="utf-8")
    (tmp_path / "economy.toml").write_text(f"{farmers}\n{prior}")
    for name, text in zip(("village.toml", "short.toml"), village, strict=True):
        (tmp_path / name).write_text(text, encoding="utf-8")
    answer = marketgame("validate", *tmp_path.glob("*.toml"))
    assert (answer.code, answer.err) == (0, "")


@cache
def entries() -> tuple[equations.Entry, ...]:
    return tuple(equations.entries())


def numbered() -> set[Statement]:
    """Return every numbered statement of the two papers."""
    found = {Statement("GR", "Definition", str(number)) for number in range(1, 9)}
    found |= {Statement("GR", "Definition", f"{number}'") for number in (4, 6, 7, 8)}
    found |= {Statement("GR", kind, "1") for kind in ("", "Assumption", "Lemma", "Theorem", "Corollary")}
    found |= {Statement("GR", "Lemma", "2")} | {Statement("M", "", str(number)) for number in range(1, 29)}
    found |= {Statement("M", "Theorem", str(number)) for number in range(5)}
    return found | {Statement("M", "Example", str(number)) for number in (1, 2)}


def test_every_numbered_statement_of_both_papers_is_in_the_index_once() -> None:
    listed = [entry.statement for entry in entries() if entry.statement.number]
    assert len(listed) == len(set(listed))
    assert set(listed) == numbered()


def test_every_entry_has_a_page_a_function_and_a_test_or_says_why_not() -> None:
    for entry in entries():
        page, _, anchor = entry.page.partition("#")
        assert not anchor or anchor in anchors(page.removesuffix(".md")), entry.page
        if entry.reason:
            assert (entry.functions, entry.tests) == ((), ()), f"{entry.statement} is implemented after all"
            continue
        assert entry.functions or entry.example, entry.statement
        assert [name for name in entry.functions if not is_there(name, "marketgame")] == []
        assert not entry.example or list((ROOT / "experiments").rglob(f"{entry.example}.toml"))
        assert entry.tests, entry.statement
        for test in entry.tests:
            file, _, name = test.partition("::")
            assert f"def {name}" in (ROOT / "tests" / file).read_text(encoding="utf-8"), test


def test_what_docstrings_cite_is_numbered_in_the_papers() -> None:
    assert [
        f"{names[0]} cites {statement}" for statement, names in citations().items() if statement not in numbered()
    ] == []


def test_what_stands_first_in_a_row_of_the_index_says_that_it_is_about_it() -> None:
    found = citations()
    for entry in entries():
        if entry.statement.number and entry.functions:
            assert set(entry.functions) == set(found[entry.statement])


def test_the_index_is_what_its_command_writes_but_for_functions_that_have_come_since() -> None:
    shown, wanted = equations.PAGE.read_text(encoding="utf-8").splitlines(), equations.page().splitlines()
    message = "`python -m docs.book.equations` writes it anew"
    assert len(shown) == len(wanted), message
    by_number = iter(entries())
    for line, other in zip(shown, wanted, strict=True):
        if not line.startswith("| **"):
            assert line == other, message
            continue
        cells, others, entry = line.split(" | "), other.split(" | "), next(by_number)
        assert [*cells[:2], *cells[3:]] == [*others[:2], *others[3:]], message
        named = {f"marketgame.{name}" for name in re.findall(r"`(?!example:)([\w.]+)`", cells[2])}
        assert named <= set(entry.functions), message
        assert bool(named) == bool(entry.functions), message


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("Myerson (2006), conditions (9) to (11), and Theorem 1.", {"M (9)", "M (10)", "M (11)", "M Theorem 1"}),
        ("| plans | M (9)-(10), (12) | `plan` |", {"M (9)", "M (10)", "M (12)"}),
        (
            "Giraud and Rochon (2001), Definitions 6, 6' and 8.",
            {"GR Definition 6", "GR Definition 6'", "GR Definition 8"},
        ),
        (
            "Giraud and Rochon, Definitions 2-4; see section 6.1.",
            {"GR Definition 2", "GR Definition 3", "GR Definition 4"},
        ),
        ("Myerson and Satterthwaite (1983), Theorem 1. ``docs/collusion.md``, Theorem 23. Source: ours.", set()),
        ("Giraud and Rochon, Lemma 1. Theorem 3 is ours.", {"GR Lemma 1"}),
    ],
)
def test_sources_are_read_as_they_are_meant(text: str, statements: set[str]) -> None:
    assert {str(statement) for statement in cited(text)} == statements


def test_every_formula_of_a_docstring_is_understood_whole() -> None:
    formulas = []
    for folder in PACKAGES:
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            formulas += re.findall(r":math:`([^`]+)`", text)
            formulas += re.findall(r"\.\. math:: (.*?)(?=\n\s*\n|\"\"\")", text, re.DOTALL)
    assert len(formulas) > 500
    assert all(drawn(formula).startswith("<math") for formula in formulas)
    with pytest.raises(ValueError, match="no MathML is known"):
        drawn(r"x \unheardof y")


def test_names_that_the_face_offers_are_linked_to_where_they_are_made() -> None:
    assert home_of("marketgame.Player") == "marketgame.mechanisms.economies.economy.Player"
    assert home_of("marketgame.solve") == "marketgame.solve"
    assert home_of("marketgame.agents.beliefs") == "marketgame.agents.beliefs"


def test_pages_of_the_reference_replace_and_remove_none_but_their_own(tmp_path: Path) -> None:
    write_into(tmp_path, {"old.rst": f"{MARK}old", "kept.rst": f"{MARK}kept"})
    (tmp_path / "mine.rst").write_text("mine")
    write_into(tmp_path, {"kept.rst": f"{MARK}new"})
    assert {page.name: page.read_text() for page in tmp_path.iterdir()} == {
        "mine.rst": "mine",
        "kept.rst": f"{MARK}new",
    }
    with pytest.raises(ValueError, match=r"mine\.rst was not written by this program"):
        write_into(tmp_path, {"mine.rst": f"{MARK}ours"})
    assert (tmp_path / "mine.rst").read_text() == "mine"


def test_tables_of_docstrings_become_tables_of_the_book() -> None:
    lines = ["Before.", "", "| name | what |", "|---|---|", "| a | `b` |", "", "After."]
    with_tables(None, "module", "m", None, None, lines)  # type: ignore[arg-type]  # Sphinx itself is not looked at.
    assert ".. list-table::" in lines
    assert [line for line in lines if line.strip() in {"* - a", "- `b`", "After."}] == [
        "   * - a",
        "     - `b`",
        "After.",
    ]
