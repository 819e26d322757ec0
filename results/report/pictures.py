"""Figures as markup that stands in a page: SVG whose text is text, without anything that points out of it."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from marketgame.results.figures.figure import RunFigure
from marketgame.results.figures.registry import FIGURES, SWEEP_FIGURES, standard_figures, sweep_figures
from marketgame.results.figures.sweeps import SweepFigure
from marketgame.results.loading import Run
from marketgame.results.report.page import Picture

# Larger drawings, of thousands of marks, are put in as bitmaps.
LARGEST_DRAWING: Final = 600_000  # letters
_BITMAP_DOTS: Final = 200  # per inch
_SVG: Final = "{http://www.w3.org/2000/svg}"
_LINK: Final = "{http://www.w3.org/1999/xlink}href"


def pictures(run: Run, round_number: int | None = None) -> dict[str, Picture]:
    """Return the standard figures of a run by name; one that cannot be drawn is left out with a warning.

    Raises:
        ValueError: the run played no round.
    """
    titles = {figure.name: figure.title for figure in FIGURES.own if isinstance(figure, RunFigure)}
    return _pictures(standard_figures(run, round_number), titles)


def sweep_pictures(sweep: Run) -> dict[str, Picture]:
    """Return the figures of a sweep by name; one that cannot be drawn is left out with a warning."""
    titles = {figure.name: figure.title for figure in SWEEP_FIGURES.own if isinstance(figure, SweepFigure)}
    return _pictures(sweep_figures(sweep), titles)


def _pictures(figures: Mapping[str, Figure], titles: Mapping[str, str]) -> dict[str, Picture]:
    found = {}
    for name, figure in figures.items():
        # Those of a single good bear its name behind their own.
        own = max((each for each in titles if name == each or name.startswith(f"{each}-")), key=len, default="")
        title = titles.get(own, name.replace("-", " "))
        found[name] = picture(figure, name, f"{title[:1].upper()}{title[1:]}.")
    return found


def picture(figure: Figure, name: str, title: str) -> Picture:
    """Return a figure for a page."""
    markup = drawing(figure, name, title)
    shown = markup if len(markup) <= LARGEST_DRAWING else _bitmap(figure, title)
    return Picture(name, title, shown, round(float(figure.get_figwidth()), 2))


def drawing(figure: Figure, name: str, title: str) -> Markup:
    """Return a figure as an SVG element; its identifiers begin with a name, so that no two figures share any."""
    drawn = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "marketgame"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(drawn.getvalue())  # noqa: S314 -- ours
    referred = {value for node in root.iter() for value in _referred(node)}
    for node in root.iter():
        node.tag = node.tag.removeprefix(_SVG)
        if node.attrib.get("id") in referred:
            node.set("id", f"{name}-{node.attrib['id']}")
        else:
            node.attrib.pop("id", None)
        if _LINK in node.attrib:
            target = node.attrib.pop(_LINK)
            node.set("href", f"#{name}-{target[1:]}" if target.startswith("#") else target)
        for key, value in node.attrib.items():
            if "url(#" in value and node.tag != "text":
                node.set(key, value.replace("url(#", f"url(#{name}-"))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == "style" or child.tag.endswith("metadata"):
                parent.remove(child)
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": title}
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 -- what it shows is escaped in it


def _referred(node: ElementTree.Element) -> set[str]:
    """Return the identifiers that an element refers to."""
    found = {node.attrib[_LINK][1:]} if node.attrib.get(_LINK, "").startswith("#") else set[str]()
    for value in node.attrib.values():
        found |= {part.partition(")")[0] for part in value.split("url(#")[1:]}
    return found


def _bitmap(figure: Figure, title: str) -> Markup:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_BITMAP_DOTS, metadata={"Software": None})
    code = base64.b64encode(drawn.getvalue()).decode()
    return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(title, code)
