"""Names of the program that pages show as code are links into the reference."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx

NAME: Final = re.compile(r"marketgame(?:\.\w+)+")


class NamesAreLinks(SphinxTransform):
    """Makes a reference of code such as ``marketgame.solve`` on a page."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Replace the names; those that the reference does not have stay code."""
        for literal in list(self.document.findall(nodes.literal)):
            if NAME.fullmatch(literal.astext()) and not isinstance(literal.parent, addnodes.pending_xref):
                reference = addnodes.pending_xref(
                    "", refdomain="py", reftype="obj", reftarget=literal.astext(), refexplicit=True, refwarn=False
                )
                literal.replace_self(reference)
                reference += literal


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx do so on every page."""
    app.add_transform(NamesAreLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
