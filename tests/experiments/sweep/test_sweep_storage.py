"""Parts of a sweep are whole or not there, merging them changes no row, and the latest word on a run counts."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.experiments.sweep import storage
from marketgame.experiments.sweep.storage import MergedRows, Part, PartStore, made_whole, write_table
from marketgame.experiments.sweep.tables import parameter_array
from tests.examples import drawn
from tests.experiments.kills import KilledError, kill_at

SCHEMAS = {
    "runs": pa.schema([("run", pa.int64()), ("status", pa.dictionary(pa.int32(), pa.string()))]),
    "rounds": pa.schema([("run", pa.int64()), ("round", pa.int64()), ("name", pa.dictionary(pa.int32(), pa.string()))]),
}


def rows(runs: list[int], status: str = "done", rounds: int = 3) -> dict[str, pa.Table]:
    """Return rows of some runs, each with its rounds."""
    tables = {
        "runs": {"run": runs, "status": [status] * len(runs)},
        "rounds": {
            "run": np.repeat(runs, rounds),
            "round": np.tile(np.arange(rounds), len(runs)),
            "name": [f"{run} {status}" for run in runs for _ in range(rounds)],
        },
    }
    return {
        name: pa.table([pa.array(columns[field.name]).cast(field.type) for field in SCHEMAS[name]], SCHEMAS[name])
        for name, columns in tables.items()
    }


def merged(store: PartStore, table: str = "rounds") -> list[dict[str, object]]:
    """Return all rows of a table in the order of the runs."""
    found = list(MergedRows(store.parts).blocks(table, SCHEMAS[table]))
    found_rows: list[dict[str, object]] = pa.concat_tables([SCHEMAS[table].empty_table(), *found]).to_pylist()
    return found_rows


def expected(order: list[int], status: str = "done") -> list[dict[str, object]]:
    return [row for run in sorted(order) for row in rows([run], status)["rounds"].to_pylist()]


@settings(max_examples=drawn(20), deadline=None)
@given(
    order=st.permutations(range(12)),
    cuts=st.lists(st.integers(0, 12), max_size=5),
    most_parts=st.integers(2, 5),
    rows_at_once=st.sampled_from([1, 4, 1000]),
)
def test_rows_come_out_in_the_order_of_runs_however_they_came_in(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], cuts: list[int], most_parts: int, rows_at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "MOST_PARTS", most_parts)
        patch.setattr(storage, "ROWS_AT_ONCE", rows_at_once)
        store = PartStore(tmp_path_factory.mktemp("parts") / "home", SCHEMAS)
        edges = [0, *sorted(cuts), 12]
        for first, last in pairwise(edges):
            store.append(rows(list(order[first:last])))
        assert merged(store) == expected(list(order))
        assert len(store.parts) <= most_parts * 3
        assert store.statuses() == dict.fromkeys(range(12), "done")


def test_the_latest_word_on_a_run_counts(tmp_path: Path) -> None:
    store = PartStore(tmp_path / "home", SCHEMAS)
    store.append(rows([0, 1, 2], "raised"))
    store.append(rows([1], "done"))
    assert store.statuses() == {0: "raised", 1: "done", 2: "raised"}
    assert [row["name"] for row in merged(store)] == ["0 raised"] * 3 + ["1 done"] * 3 + ["2 raised"] * 3


def test_a_kill_between_merging_and_removing_leaves_nothing_ambiguous(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "MOST_PARTS", 3)
    store = PartStore(tmp_path / "home", SCHEMAS)
    store.append(rows([2]))
    store.append(rows([0]))
    shutil.copytree(tmp_path / "home", tmp_path / "before")
    store.append(rows([1]))
    (only,) = store.parts
    assert (only.first, only.last) == (0, 2)
    for stale in (tmp_path / "before").iterdir():
        shutil.move(stale, tmp_path / "home" / stale.name)
    (tmp_path / "home" / "00000003-00000003.partial").mkdir()
    again = PartStore(tmp_path / "home", SCHEMAS)
    assert again.parts == (only,)
    assert merged(again) == expected([0, 1, 2])
    assert [entry.name for entry in (tmp_path / "home").iterdir()] == [only.folder.name]


@pytest.mark.parametrize("clearing", [False, True])
def test_killed_at_any_step_a_store_keeps_what_was_added_and_finds_nothing_damaged(
    clearing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "MOST_PARTS", 3)
    killed, step = True, 0
    while killed:
        home, added = tmp_path / str(step) / "home", []
        store = PartStore(home, SCHEMAS)
        if clearing:
            store.append(rows([0, 1]))
            store.append(rows([2]))
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, step)
            try:
                if clearing:
                    store.clear()
                for run in () if clearing else range(5):
                    store.append(rows([run]))
                    added.append(run)
                killed = False
            except KilledError:
                killed = True
        found = PartStore(home, SCHEMAS)
        if clearing:
            # All or nothing, so that no part is taken for all there is.
            assert found.statuses().keys() in ({0, 1, 2}, set())
        else:
            # What was being added when it happened may have come to be.
            assert found.statuses().keys() in (set(added), {*added, len(added)})
            assert merged(found) == expected(sorted(found.statuses()))
        found.append(rows([7]))
        assert 7 in PartStore(home, SCHEMAS).statuses()
        step += 1
    assert step > (4 if clearing else 40)


def test_a_part_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    store = PartStore(tmp_path / "home", SCHEMAS)
    store.append(rows([0]))
    with pytest.raises(ValueError, match="schema does not match"):
        store.append({"runs": rows([1])["rounds"]})
    assert [part.folder.name for part in store.parts] == ["00000000-00000000"]
    assert [entry.name for entry in (tmp_path / "home").iterdir()] == ["00000000-00000000"]
    store.append(rows([1]))
    assert merged(store) == expected([0, 1])


def test_a_folder_takes_its_place_only_when_it_is_complete(tmp_path: Path) -> None:
    def fail() -> None:
        with made_whole(tmp_path / "a") as partial:
            (partial / "file").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_runs_get_new_numbers_and_some_are_left_out(tmp_path: Path) -> None:
    store = PartStore(tmp_path / "home", SCHEMAS)
    store.append(rows([3, 0]))
    store.append(rows([1, 2]))
    copied = PartStore.copied(tmp_path / "new", SCHEMAS, {}, store.parts, np.array([5, -1, 0, 2]))
    assert copied.statuses() == {0: "done", 2: "done", 5: "done"}
    assert [row["name"] for row in merged(copied)] == ["2 done"] * 3 + ["3 done"] * 3 + ["0 done"] * 3


def test_names_written_are_read_as_names_and_few_row_groups_are_made(tmp_path: Path) -> None:
    write_table(tmp_path / "rounds.parquet", SCHEMAS["rounds"], [rows([0, 1])["rounds"], rows([2])["rounds"]])
    found = pq.ParquetFile(tmp_path / "rounds.parquet")
    assert found.schema_arrow.field("name").type == pa.dictionary(pa.int32(), pa.string())
    assert found.metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_merged_part_stands_for_those_it_was_made_of_and_not_for_itself() -> None:
    part = Part(2, 5, Path("x"))
    assert part.stands_for(Part(3, 3, Path("y")))
    assert not part.stands_for(Part(5, 6, Path("y")))
    assert not part.stands_for(part)


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        ([True, False], pa.bool_(), [True, False]),
        ([1, 2], pa.int64(), [1, 2]),
        ([1, 2.5], pa.float64(), [1.0, 2.5]),
        (["a", "b"], pa.dictionary(pa.int32(), pa.string()), ["a", "b"]),
        ([["FSU"], {"low": "high"}], pa.dictionary(pa.int32(), pa.string()), ['["FSU"]', '{"low": "high"}']),
        ([True, 2], pa.dictionary(pa.int32(), pa.string()), ["true", "2"]),
    ],
)
def test_parameters_keep_their_type(values: list[object], kind: pa.DataType, read: list[object]) -> None:
    column = parameter_array(values)
    assert column.type == kind
    assert column.to_pylist() == read
