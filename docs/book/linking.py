"""Names of the program that pages show as code are links into the reference."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

import marketgame
from docs.book.reference import PACKAGES

if TYPE_CHECKING:
    from sphinx.application import Sphinx

NAME: Final = re.compile(r"(?:marketgame\.)?(?:\w+\.)*\w+")
# Pages that are all names show the last two parts of each.
SHORT: Final = {"equations"}
OURS: Final = ("marketgame.", *(f"{package}." for package in PACKAGES))


def home_of(name: str) -> str:
    """Return where the reference has a name: what the face offers, but for its functions, is told where it is made."""
    offered = getattr(marketgame, name.removeprefix("marketgame."), None) if name.count(".") == 1 else None
    return f"{offered.__module__}.{offered.__qualname__}" if isinstance(offered, type) else name


class NamesAreLinks(SphinxTransform):
    """Makes a reference of code such as ``marketgame.solve`` on a page."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Replace the names; those that the reference does not have stay code."""
        for literal in list(self.document.findall(nodes.literal)):
            name = literal.astext()
            if name.startswith(OURS) and NAME.fullmatch(name) and not isinstance(literal.parent, addnodes.pending_xref):
                target = home_of(f"marketgame.{name.removeprefix('marketgame.')}")
                reference = addnodes.pending_xref(
                    "", refdomain="py", reftype="obj", reftarget=target, refexplicit=True, refwarn=False
                )
                literal.replace_self(reference)
                if self.env.docname in SHORT:
                    short = ".".join(name.split(".")[-2:])
                    reference += nodes.literal("", short, reftitle=target)
                else:
                    reference += literal


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx do so on every page."""
    app.add_transform(NamesAreLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
