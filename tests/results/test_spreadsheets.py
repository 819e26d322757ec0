"""What spreadsheets are given: every number, units in headings, and no formula that nobody meant."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from marketgame.results import spreadsheets
from marketgame.results.loading import Run
from marketgame.results.spreadsheets import write_csv, write_workbook

FORMULA = "=1+1"


def test_every_table_comes_back_from_csv_with_all_its_numbers(played: Callable[..., Run], tmp_path: Path) -> None:
    run = played(rounds=3, bankrupt={1: ["bob"]})
    files = write_csv(run, tmp_path)
    assert [file.stem for file in files] == list(run.tables)
    for file, frame in zip(files, run.tables.values(), strict=True):
        back = pd.read_csv(file)
        assert len(back) == len(frame)
        for heading, column in zip(map(str, back), frame, strict=True):
            assert heading.partition(" (")[0] == column
            if pd.api.types.is_numeric_dtype(frame[column]):
                assert back[heading].tolist() == frame[column].tolist()


def test_headings_name_money_as_the_economy_does(played: Callable[..., Run], tmp_path: Path) -> None:
    files = write_csv(played(units=("tonne", "euro")), tmp_path)
    headings = {str(heading) for file in files for heading in pd.read_csv(file)}
    assert {"welfare (euro)", "utility (euro)"} <= headings
    assert not [heading for heading in headings if "numeraire" in heading]


def test_a_name_that_begins_like_a_formula_is_text(played: Callable[..., Run], tmp_path: Path) -> None:
    run = played(names=(FORMULA, "bob", "cem"))
    write_csv(run, tmp_path)
    with (tmp_path / "players.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["player"] for row in rows} == {f"'{FORMULA}", "bob", "cem"}
    assert min(float(value) for value in pd.read_csv(tmp_path / "holdings.csv")["net_trade (unit of the good)"]) < 0
    (workbook,) = write_workbook(run, tmp_path)
    with zipfile.ZipFile(workbook) as parts:
        sheets = [parts.read(name).decode() for name in parts.namelist() if "worksheets/sheet" in name]
        assert FORMULA in parts.read("xl/sharedStrings.xml").decode()
    assert len(sheets) == len(run.tables)
    assert not [sheet for sheet in sheets if "<f>" in sheet]


def test_equal_tables_give_equal_workbooks(played: Callable[..., Run], tmp_path: Path) -> None:
    run = played(rounds=2)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one, two = (write_workbook(run, folder)[0].read_bytes() for folder in folders)
    assert one == two


def test_a_table_too_long_for_a_sheet_is_refused(
    played: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheets, "_MOST_ROWS", 2)
    with pytest.raises(ValueError, match=r"table 'benchmarks' in .* has 6 rows and a sheet 2; use --csv"):
        write_workbook(played(), tmp_path)
    assert not (tmp_path / spreadsheets.WORKBOOK).exists()


def test_a_missing_library_is_named_with_the_extra_that_brings_it(
    played: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheets, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match="install marketgame with its extra `spreadsheet`"):
        write_workbook(played(), tmp_path)
