"""A run folder comes back as it was written, and anything else is refused in words."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketgame import results
from marketgame.experiments.sweep.tables import SWEEP_TABLES
from marketgame.results.loading import REQUIRED_COLUMNS, Run, blamed_on_tables
from marketgame.results.manifests import FILES, DamagedFileError
from marketgame.simulation.recording.tables import TABLES

REQUIRED = ("runs", "rounds", "players", "holdings", "trades", "events", "benchmarks")


@pytest.fixture
def folder(played: Callable[..., Run]) -> Path:
    return played(rounds=2, bankrupt={1: ["bob"]}).folder


@pytest.mark.parametrize("name", REQUIRED)
def test_every_table_comes_back_with_its_rows_columns_units_and_meanings(folder: Path, name: str) -> None:
    run = results.load(folder)
    written = pq.read_table(folder / f"{name}.parquet")
    frame = getattr(run, name)
    assert frame is run.tables[name]
    assert len(frame) == written.num_rows > 0
    assert list(frame.columns) == written.column_names
    assert frame.attrs["units"] == {field.name: field.metadata[b"unit"].decode() for field in written.schema}
    assert frame.attrs["meaning"] == {field.name: f"what {field.name} is" for field in written.schema}
    for column in written.column_names:
        values = [None if pd.isna(value) else value for value in frame[column].tolist()]
        assert values == written[column].to_pylist()


def test_names_are_categories_and_numbers_are_not(folder: Path) -> None:
    run = results.load(folder)
    for column in ("player", "good"):
        assert isinstance(run.holdings[column].dtype, pd.CategoricalDtype)
    assert run.holdings["quote"].dtype == np.float64
    assert run.players["bankrupt"].dtype == np.bool_


def test_names_are_categories_even_when_written_as_plain_text(folder: Path) -> None:
    path = folder / "trades.parquet"
    table = pq.read_table(path)
    plain = table.set_column(table.column_names.index("good"), "good", table["good"].cast(pa.string()))
    pq.write_table(plain, path)
    assert isinstance(results.load(folder).trades["good"].dtype, pd.CategoricalDtype)


def test_players_and_goods_keep_the_order_of_the_economy(played: Callable[..., Run]) -> None:
    run = played(names=("zoe", "ann", "mia"), goods=("wine", "bread", "money"), units=("litre", "loaf", "euro"))
    assert run.player_names == ("zoe", "ann", "mia")
    assert run.goods == ("wine", "bread", "money")


def test_units_are_said_in_the_words_of_the_economy(played: Callable[..., Run]) -> None:
    run = played(goods=("wine", "bread", "money"), units=("litre", "loaf", "euro"))
    assert run.unit("rounds", "welfare") == "euro"
    assert run.unit("holdings", "quote", "bread") == "euro per loaf"
    assert run.unit("holdings", "endowment", "wine") == "litre"
    assert run.unit("holdings", "endowment") == "unit of the good"


def test_units_are_those_of_the_tables_when_the_manifest_keeps_no_economy(folder: Path) -> None:
    (folder / "manifest.json").write_text("{}")
    run = results.load(folder)
    assert run.unit("holdings", "quote", "wheat") == "numeraire per unit of the good"
    assert run.good_units == {}


def test_the_manifest_comes_back_as_written(folder: Path) -> None:
    written = json.loads((folder / "manifest.json").read_text())
    assert dict(results.load(str(folder)).manifest) == written


def test_a_run_cannot_be_changed(folder: Path) -> None:
    run = results.load(folder)
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.folder = Path()  # type: ignore[misc]  # what is tested
    with pytest.raises(TypeError):
        run.tables["rounds"] = run.runs  # type: ignore[index]  # what is tested


def test_further_tables_and_columns_are_kept(folder: Path) -> None:
    pq.write_table(pa.table({"coalition": ["ann, bob"]}), folder / "side_contracts.parquet")
    assert results.load(folder).tables["side_contracts"]["coalition"].tolist() == ["ann, bob"]


@pytest.mark.parametrize("name", [*TABLES, *(schema.name for schema in SWEEP_TABLES)])
def test_every_table_that_is_recorded_is_an_attribute_whether_the_folder_keeps_it_or_not(
    folder: Path, name: str
) -> None:
    run = results.load(folder)
    assert isinstance(getattr(Run, name).__doc__, str)
    if name in REQUIRED:
        assert getattr(run, name) is run.tables[name]
    else:
        with pytest.raises(ValueError, match=f"keeps no table '{name}'; it has benchmarks, events"):
            getattr(run, name)


def test_a_run_says_in_three_lines_what_it_is_and_how_much_it_holds(played: Callable[..., Run]) -> None:
    run = played(rounds=2)
    played_line, where, rows = repr(run).splitlines()
    assert played_line == "run 'made up' of 'made up': 2 rounds, seed 1"
    assert where == str(run.folder)
    assert rows.startswith("rows of tables: ")
    assert f"players {len(run.players)}" in rows
    html = run._repr_html_()
    assert played_line in unescape(html)
    assert all(f"<code>{name}</code></td><td>{len(frame)}" in html for name, frame in run.tables.items())


def test_what_a_run_is_called_is_text_in_a_notebook(folder: Path) -> None:
    path = folder / "runs.parquet"
    table = pq.read_table(path)
    name = pa.array(["<b>\nx"] * table.num_rows)
    pq.write_table(table.set_column(table.column_names.index("scenario"), "scenario", name), path)
    run = results.load(folder)
    assert "<b>\\" not in run._repr_html_()
    assert len(repr(run).splitlines()) == 3


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        results.load(tmp_path / "nowhere")


@pytest.mark.parametrize("file", ["manifest.json", *(f"{name}.parquet" for name in REQUIRED)])
def test_a_missing_file_is_named_with_its_folder(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(FileNotFoundError, match=rf"run is not a run folder: it holds no {file}"):
        results.load(folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("manifest.json", "{", "manifest.json in .*run is not JSON"),
        ("manifest.json", "[]", "manifest.json in .*run holds a list; it must be an object"),
        ("rounds.parquet", "not a table", "rounds.parquet in .*run is not a Parquet table"),
        ("rounds.parquet", "", "rounds.parquet in .*run is not a Parquet table"),
    ],
)
def test_a_broken_file_is_named_with_its_folder(folder: Path, file: str, content: str, message: str) -> None:
    (folder / file).write_text(content)
    with pytest.raises(ValueError, match=message):
        results.load(folder)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_column_is_named_with_its_table(folder: Path, name: str) -> None:
    path = folder / f"{name}.parquet"
    lost = REQUIRED_COLUMNS[name][-1]
    pq.write_table(pq.read_table(path).drop_columns([lost]), path)
    with pytest.raises(ValueError, match=rf"{name}.parquet in .*run has no column '{lost}'"):
        results.load(folder)


def test_a_sweep_knows_the_money_of_its_economy_though_it_keeps_no_holdings(folder: Path) -> None:
    run = results.load(folder)
    sweep = Run(folder, run.manifest, {"runs": run.runs, "rounds": run.rounds})
    assert sweep.unit("rounds", "welfare") == "euro"
    other = run.manifest["inputs"] | {"b.toml": {"text": 'goods = ["wheat", "money"]\nunits = ["tonne", "dollar"]'}}  # type: ignore[operator]
    assert Run(folder, {"inputs": other}, sweep.tables).unit("rounds", "welfare") == "numeraire"
    game: dict[str, object] = {"inputs": {"game.toml": {"text": 'kind = "coalitional-game"'}}}
    nameless: dict[str, object] = {"units": {}}
    for manifest in (game, nameless):
        assert Run(folder, manifest, sweep.tables).unit("rounds", "welfare") == "money"
    assert Run(folder, {"units": {"wheat": "tonne", "money": "yen"}}, sweep.tables).unit("rounds", "welfare") == "yen"


def test_what_money_is_worth_in_money_is_said_in_the_economy_s_words(folder: Path) -> None:
    run = results.load(folder)
    frame = run.rounds.copy()
    frame.attrs = {"units": {"welfare": "numeraire per unit of the numeraire"}}
    assert Run(folder, run.manifest, {**run.tables, "rounds": frame}).unit("rounds", "welfare") == "euro per euro"


def test_a_run_is_what_its_folder_held_when_it_was_loaded(folder: Path) -> None:
    before, run = results.load(folder), results.load(folder)
    expected = {name: before.tables[name] for name in before.tables}
    for file in folder.glob("*.parquet"):
        file.write_text("something else")
    for name, frame in expected.items():
        pd.testing.assert_frame_equal(run.tables[name], frame)
    assert run.goods == before.goods


def test_tables_that_do_not_fit_each_other_are_damaged_unless_they_are_as_they_were_written(folder: Path) -> None:
    run = results.load(folder)
    assert FILES not in run.manifest
    for wrong in (KeyError("round"), TypeError("no len()"), ZeroDivisionError(), IndexError("first\nline")):
        with pytest.raises(DamagedFileError, match="they do not fit each other") as blamed, blamed_on_tables(run):
            raise wrong
        assert "\n" not in str(blamed.value)
        written = Run(folder, {**run.manifest, FILES: {}}, run.tables)
        with pytest.raises(type(wrong)), blamed_on_tables(written):
            raise wrong
