"""Formulas of docstrings as MathML, which browsers draw by themselves: the book needs no network and no script."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from docutils import nodes
from latex2mathml.converter import convert

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator


# What the library leaves as it is written.
MISSING: Final = {r"\arg": r"\operatorname{arg}"}


def drawn(formula: str, *, display: str = "inline") -> str:
    """Return a formula of LaTeX as MathML.

    Raises:
        ValueError: part of it is not understood.
    """
    for command, words in MISSING.items():
        formula = re.sub(rf"{re.escape(command)}(?![a-z])", words.replace("\\", r"\\"), formula)
    written = convert(formula, display=display)
    # Braces of a size of their own keep their backslash.
    written = re.sub(r"\\([{}])", r"\1", written)
    if "\\" in written:
        raise ValueError(f"no MathML is known for all of {formula}")
    return written


def inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(drawn(node.astext()))
    raise nodes.SkipNode


def block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on lines of its own."""
    translator.body.append(f'<div class="math">{drawn(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer to Sphinx."""
    app.add_html_math_renderer("mathml", inline_renderers=(inline, None), block_renderers=(block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
