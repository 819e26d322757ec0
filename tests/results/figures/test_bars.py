"""The plain figure of results that have none of their own: every known number of a column, and its unit."""

from __future__ import annotations

import pandas as pd
import pytest

from marketgame.results.figures.bars import bars

NAMES = [("ann", "$ poor"), ("bob", "rich"), ("cat", "unknown")]


def test_every_number_that_is_known_is_a_bar_with_its_name_its_size_and_its_unit() -> None:
    table = pd.DataFrame({"mean_gain": [1.5, -2.25, None]}, index=pd.MultiIndex.from_tuples(NAMES))
    table.attrs = {"units": {"mean_gain": "$"}}
    figure = bars(table, "mean_gain", "what each gains")
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [1.5, -2.25]  # type: ignore[attr-defined]
    assert [label.get_text() for label in axes.get_yticklabels()] == [r"ann, \$ poor", "bob, rich"]
    assert [text.get_text().strip() for text in axes.texts] == ["1.5", "-2.25"]
    assert axes.get_xlabel() == r"mean gain (\$)"
    assert figure.get_suptitle() == "what each gains"


@pytest.mark.parametrize("column", ["mean_gain", "mean_loss"])
def test_a_column_without_numbers_is_refused(column: str) -> None:
    with pytest.raises(ValueError, match=f"holds no number in '{column}'"):
        bars(pd.DataFrame({"mean_gain": [float("nan")]}, index=["ann"]), column, "nothing")
