"""What pictures are written as; the module needs no drawing library."""

from __future__ import annotations

from enum import StrEnum


class FigureFormat(StrEnum):
    """What a figure is written as."""

    PNG = "png"
    """A bitmap of 300 dots an inch."""
    PDF = "pdf"
    """For print; text is text."""
    SVG = "svg"
    """For a page, or to be changed by hand; text is text."""
