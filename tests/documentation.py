"""Pages of the documentation whose examples are run: every prompt in them prints what the page shows."""

from __future__ import annotations

import doctest
import io
from functools import cache
from pathlib import Path

PAGES = Path(__file__).parents[1] / "docs"


def runnable_pages() -> list[str]:
    """Return the pages that hold prompts."""
    return [page.name for page in sorted(PAGES.glob("*.md")) if ">>> " in page.read_text(encoding="utf-8")]


def statements(page: str) -> list[str]:
    """Return what is typed at the prompts of a page."""
    text = (PAGES / page).read_text(encoding="utf-8")
    return [example.source for example in doctest.DocTestParser().get_examples(text)]


@cache
def names_after(page: str) -> dict[str, object]:
    """Run a page and return the names that it defines.

    Raises:
        AssertionError: a prompt does not print what the page shows.
    """
    text = (PAGES / page).read_text(encoding="utf-8")
    examples = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
    told = io.StringIO()
    outcome = doctest.DocTestRunner(verbose=False).run(examples, out=told.write, clear_globs=False)
    assert outcome.attempted
    assert not outcome.failed, told.getvalue()
    return examples.globs
