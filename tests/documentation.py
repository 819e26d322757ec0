"""Pages of the documentation whose examples are run: every prompt in them prints what the page shows."""

from __future__ import annotations

import doctest
import io
import re
from functools import cache
from pathlib import Path

# Pages that write runs: they are tried where there is a folder for them.
WRITING = {
    "from-python.md": "tests/experiments/test_from_python.py",
    "tutorial.md": "tests/experiments/test_from_python.py",
}
PAGES = Path(__file__).parents[1] / "docs"


def runnable_pages() -> list[str]:
    """Return the pages that hold prompts."""
    return [page.name for page in sorted(PAGES.glob("*.md")) if _shown(page.name)]


def statements(page: str) -> list[str]:
    """Return what is typed at the prompts of a page."""
    return [example.source for example in doctest.DocTestParser().get_examples(_shown(page))]


def _shown(page: str) -> str:
    text = (PAGES / page).read_text(encoding="utf-8")
    return "\n".join(re.findall(r"^```pycon\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


@cache
def names_after(page: str) -> dict[str, object]:
    """Run a page and return the names that it defines.

    Raises:
        AssertionError: a prompt does not print what the page shows.
    """
    examples = doctest.DocTestParser().get_doctest(_shown(page), {}, page, page, 0)
    told = io.StringIO()
    outcome = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS).run(
        examples, out=told.write, clear_globs=False
    )
    assert outcome.attempted
    assert not outcome.failed, told.getvalue()
    return examples.globs
