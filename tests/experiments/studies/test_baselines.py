"""The page on baselines shows the table that was computed, and says of it what is in it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies import baselines
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.experiments.studies.sweep_pages import markdown
from marketgame.mechanisms.economies.economy import Economy

DOCS = Path(__file__).parents[3] / "docs"
BOUND = "repaired, matched, escrow"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(DOCS / "tables" / "baselines.csv", dtype=str, keep_default_na=False)


def economy_of(name: str) -> Economy:
    return load_economy(ECONOMIES / f"{name}.toml")


def share(text: str) -> float:
    return float(text.rstrip("%")) / 100


def test_the_page_shows_the_table(table: pd.DataFrame) -> None:
    shown = table.rename(columns=lambda name: name.replace("_", " "))
    assert markdown(shown, texts=shown.shape[1]) in (DOCS / "baselines.md").read_text(encoding="utf-8")


def test_each_economy_has_all_institutions(table: pd.DataFrame) -> None:
    names = {file.stem for file in ECONOMIES.glob("*.toml")}
    assert set(table["economy"]) <= names
    assert len(set(table["economy"])) >= 20
    for name in ("annex-b", "three-farmers-correlated", "ten-traders", "three-hundred-traders"):
        wanted = [one.name for one in baselines.institutions_of(economy_of(name))]
        assert list(table.loc[table["economy"] == name, "institution"])[2:] == wanted


def test_where_deposits_bind_learners_reach_the_first_best_but_for_a_hundredth(table: pd.DataFrame) -> None:
    bound = table[table["institution"].str.startswith(BOUND) & (table["obeyed"] != "")]
    assert (bound["obeyed"] == "100.00%").all()
    assert (bound["careless"] == "sampled").all()
    learned = {name: share(found) for name, found in zip(bound["economy"], bound["learned"], strict=True) if found}
    assert all(found >= 0.99 for found in learned.values())
    # Among three hundred some learn in a stress test; this table leaves them out.
    assert set(bound["economy"]) - set(learned) == {"three-hundred-traders"}


def test_no_market_to_compare_with_brings_learners_more(table: pd.DataFrame) -> None:
    for name in set(table["economy"]):
        rows = table[(table["economy"] == name) & (table["learned"] != "")]
        learned = {one: share(found) for one, found in zip(rows["institution"], rows["learned"], strict=True)}
        best = max((found for one, found in learned.items() if one.startswith(BOUND)), default=1.0)
        assert all(found <= best + 1e-4 for one, found in learned.items() if one.startswith(("call", "trading")))


def test_economies_that_are_named_are_computed_anew_and_rows_of_others_stay(table: pd.DataFrame) -> None:
    first = table.iloc[[0]]
    stale = pd.concat([first, first.assign(economy="three-equal-traders")])
    # Nobody gains among equal traders, so that what a table says of them is out of date.
    pd.testing.assert_frame_equal(baselines.table(["three-equal-traders"], stale), first)
