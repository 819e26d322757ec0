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
    names = {text for frame in run.tables.values() for text in _texts(frame, of_names=True)}
    others = {text for frame in run.tables.values() for text in _texts(frame, of_names=False)} - names
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


def _texts(frame: pd.DataFrame, *, of_names: bool) -> set[str]:
    """Return the texts in the columns of names, or in the other columns of text."""
    found: set[str] = set()
    for column in frame.columns:
        of_category = isinstance(frame[column].dtype, pd.CategoricalDtype)
        if of_category and of_names:
            found.update(map(str, frame[column].cat.categories))
        elif not (of_category or of_names) and pd.api.types.is_string_dtype(frame[column]):
            found.update(text for text in frame[column].unique() if isinstance(text, str))
    return found


def _with_labels(frame: pd.DataFrame, labelled: Mapping[str, str]) -> pd.DataFrame:
    changed = frame.copy(deep=False)
    changed.attrs = frame.attrs
    for column in frame.columns:
        if isinstance(frame[column].dtype, pd.CategoricalDtype):
            known = {text: labelled[text] for text in frame[column].cat.categories if text in labelled}
            changed[column] = frame[column].cat.rename_categories(known)
        elif pd.api.types.is_string_dtype(frame[column]):
            changed[column] = frame[column].map(lambda text: labelled.get(text, text))
    return changed


def _warn(used: set[str], letters: Container[int]) -> None:
    lacking = sorted(letter for letter in used if letter.isprintable() and ord(letter) not in letters)
    if lacking:
        _log.warning("figures have no letters for %s; they stand there as numbers", ", ".join(lacking[:20]))
