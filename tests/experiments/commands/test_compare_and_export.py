"""``marketgame compare`` and ``marketgame export`` as their users meet them."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketgame import results
from marketgame.results import spreadsheets
from tests.experiments.command_calls import SCENARIOS, Call, assert_one_line, one_document, results_in

pytestmark = pytest.mark.usefixtures("quick_figures")


@pytest.fixture
def runs(marketgame: Call) -> list[str]:
    """Two runs of one economy and one seed: everybody obeys, and one sells short."""
    for name in ("obedient", "short"):
        scenario = "tutorial-obedient" if name == "obedient" else "three-traders-short-seller"
        assert marketgame("run", SCENARIOS / f"{scenario}.toml", "--rounds", 3, "--seed", 5, "--out", name).code == 0
    return ["obedient", "short"]


def test_the_short_seller_s_gain_is_what_the_tables_say(marketgame: Call, runs: list[str]) -> None:
    document = one_document(marketgame("compare", *runs, "--json"))
    assert (document["first"]["folder"], document["unit"]) == ("obedient", "euro")
    (other,) = document["runs"]
    before, after = (results.load(folder).players.groupby("player", observed=True)["utility"].mean() for folder in runs)
    gains = {row["who"]: row["gain"] for row in other["gains"] if row["group"] == "player"}
    assert gains == {str(name): pytest.approx(after[name] - before[name]) for name in before.index}
    assert max(gains.values()) > 0 > min(gains.values())
    printed = marketgame("compare", *runs)
    assert (printed.code, printed.err) == (0, "")
    assert "Gains, mean over 3 rounds, in euro" in printed.out


def test_runs_of_other_seeds_are_refused_in_a_line(marketgame: Call, runs: list[str]) -> None:
    scenario = SCENARIOS / "tutorial-obedient.toml"
    marketgame("run", scenario, "--rounds", 3, "--seed", 6, "--out", "six")
    assert_one_line(marketgame("compare", *runs, "six"), "their seeds are 5 and 6")
    assert_one_line(marketgame("compare", "obedient"), "one run alone")
    assert_one_line(marketgame("compare", "obedient", "nowhere"), "nowhere is not a folder")


def test_an_export_replaces_an_export_and_nothing_else(marketgame: Call, runs: list[str], tmp_path: Path) -> None:
    first = marketgame("export", "short", "--csv", "--xlsx")
    written = [Path(line) for line in first.out.splitlines()]
    assert first.code == 0
    assert all(path.is_file() for path in written)
    assert {path.name for path in written} == {*(f"{name}.csv" for name in results.load("short").tables), "tables.xlsx"}
    again = marketgame("export", "short", "--xlsx")
    assert again.out.split() == ["short-export/tables.xlsx"]
    assert results_in(tmp_path / "short-export") == ["tables.xlsx"]
    (tmp_path / "short-export" / "mine.txt").write_text("mine")
    assert_one_line(marketgame("export", "short", "--csv"), "short-export", "'mine.txt'", "not written by marketgame")
    assert_one_line(marketgame("export", "short", "--csv", "--out", "obedient"), "something else than an export")
    assert results_in(tmp_path / "short-export") == ["mine.txt", "tables.xlsx"]


def test_an_export_without_its_library_or_its_format_is_refused_in_a_line(
    marketgame: Call, runs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_one_line(marketgame("export", "short"), "--csv", "--xlsx")
    monkeypatch.setattr(spreadsheets, "find_spec", lambda _: None)
    assert_one_line(marketgame("export", "short", "--csv", "--xlsx"), "XlsxWriter", "extra `spreadsheet`")
    assert not (tmp_path / "short-export").exists()
