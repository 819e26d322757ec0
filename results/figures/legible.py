"""A run as figures show it: every name short, on one line, and of letters that the font has."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType
from typing import Final, override

import pandas as pd
from matplotlib.font_manager import FontProperties, findfont, get_font

from marketgame.results.figures.style import FONT
from marketgame.results.loading import Run
from marketgame.results.names import labels

_log = logging.getLogger("marketgame")
_NAME: Final = 40  # letters of a name
_PHRASE: Final = 200  # letters of other text, such as a coalition's names


def legible(run: Run) -> Run:
    """Return a run in which everything that a figure may print can be printed.

    Names that cannot are replaced by labels, different ones by different labels; it is said once which letters the
    figures lack. A run all of whose names are short and plain is returned as it is.
    """
    letters = _letters()
    texts = [_texts(frame) for frame in run.tables.values()]
    names = set[str]().union(*(in_frame for in_frame, _ in texts))
    others = set[str]().union(*(in_frame for _, in_frame in texts)) - names
    named, phrased = labels(sorted(names), _NAME, letters), labels(sorted(others), _PHRASE, letters)
    labelled = {text: label for text, label in (named | phrased).items() if label != text}
    units = labels(sorted(set(run.good_units.values())), _NAME, letters)
    if not labelled and all(unit == label for unit, label in units.items()):
        return run
    _warn(set("".join([*labelled, *units])), letters)
    tables = {name: _with_labels(frame, labelled) for name, frame in run.tables.items()}
    good_units = {labelled.get(good, good): units[unit] for good, unit in run.good_units.items()}
    return _LegibleRun(run.folder, run.manifest, MappingProxyType(tables), MappingProxyType(good_units))


@dataclass(frozen=True, eq=False, repr=False)
class _LegibleRun(Run):
    """A run whose names are labels, so that its units are not found in its manifest."""

    labelled_units: Mapping[str, str]

    @cached_property
    @override
    def good_units(self) -> Mapping[str, str]:
        return self.labelled_units


def legible_names(names: Iterable[str]) -> dict[str, str]:
    """Return what stands for each name in a figure, no two alike."""
    known = list(names)
    _warn(set("".join(known)), _letters())
    return labels(known, _NAME, _letters())


@cache
def _letters() -> Container[int]:
    return frozenset(get_font(findfont(FontProperties(family=[FONT]))).get_charmap())


def _texts(frame: pd.DataFrame) -> tuple[set[str], set[str]]:
    """Return the texts in the columns of names, and in the other columns of text."""
    names, others = set[str](), set[str]()
    for column, kind in frame.dtypes.items():
        if isinstance(kind, pd.CategoricalDtype):
            names.update(map(str, kind.categories))
        elif not pd.api.types.is_numeric_dtype(kind) and pd.api.types.is_string_dtype(frame[column]):
            others.update(text for text in frame[column].unique() if isinstance(text, str))
    return names, others


def _with_labels(frame: pd.DataFrame, labelled: Mapping[str, str]) -> pd.DataFrame:
    """Return a frame with labels for texts; itself, where it has none of these."""
    if not labelled.keys() & set[str]().union(*_texts(frame)):
        return frame
    changed = frame.copy(deep=False)
    for column, kind in frame.dtypes.items():
        if isinstance(kind, pd.CategoricalDtype):
            known = {text: labelled[text] for text in kind.categories if text in labelled}
            changed[column] = frame[column].cat.rename_categories(known)
        elif pd.api.types.is_string_dtype(frame[column]):
            changed[column] = frame[column].map(lambda text: labelled.get(text, text))
    return changed


def _warn(used: set[str], letters: Container[int]) -> None:
    lacking = sorted(letter for letter in used if letter.isprintable() and ord(letter) not in letters)
    if lacking:
        _log.warning("figures have no letters for %s; they stand there as numbers", ", ".join(lacking[:20]))
