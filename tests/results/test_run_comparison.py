"""Runs are compared round by round, only if they play the same rounds, and by what every member realised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketgame import results
from marketgame.results.loading import Run
from tests.results.figure_contents import words
from tests.results.made_up_runs import Play, write_folder
from tests.results.made_up_side_contracts import Attempt, with_side_contracts

ROUNDS = 12


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Run]:
    """Return a function that writes a run under a name and loads it."""

    def write_and_load(name: str, **features: object) -> Run:
        return results.load(write_folder(tmp_path / name, Play(**{"rounds": ROUNDS, **features})))  # type: ignore[arg-type]

    return write_and_load


def utilities(run: Run) -> dict[str, np.ndarray]:
    """Return each player's utility, round by round."""
    return {name: run.players.loc[run.players["player"] == name, "utility"].to_numpy() for name in run.player_names}


def changed(run: Run, table: str, column: str, value: object) -> Run:
    """Return the run with a column of a table replaced in its folder."""
    path = run.folder / f"{table}.parquet"
    content = pq.read_table(path)
    place = content.column_names.index(column)
    field = content.schema.field(place)
    pq.write_table(content.set_column(place, field, pa.array([value] * content.num_rows, field.type)), path)
    return results.load(run.folder)


def test_gains_are_mean_differences_of_the_same_rounds_with_paired_intervals(made: Callable[..., Run]) -> None:
    first, other = made("first", seed=1), made("other", seed=2)
    table = results.compare(first, other).table.set_index("who")
    before, after = utilities(first), utilities(other)
    for name in first.player_names:
        changes = after[name] - before[name]
        row = table.loc[name]
        assert row["gain"] == pytest.approx(changes.mean())
        assert (row["first"], row["here"]) == (pytest.approx(before[name].mean()), pytest.approx(after[name].mean()))
        assert row["low"] < row["gain"] < row["high"]
        assert row["share_positive"] == np.mean(changes > 0)
        assert row["rounds"] == ROUNDS
    assert table.loc["everybody", "gain"] == 0.0
    assert table["run"].tolist() == [str(other.folder)] * len(table)


def test_a_run_gains_nothing_against_itself(made: Callable[..., Run]) -> None:
    run = made("first")
    table = results.compare(run.folder, run.folder).table
    assert (table[["gain", "low", "high", "share_positive"]] == 0).all(axis=None)


def test_what_one_gains_against_the_other_the_other_loses_against_it(made: Callable[..., Run]) -> None:
    first, other = made("first", seed=1), made("other", seed=2)
    there, back = results.compare(first, other).table, results.compare(other, first).table
    np.testing.assert_allclose(there["gain"], -back["gain"], atol=1e-12)


def test_several_runs_are_compared_with_the_first_as_each_alone(made: Callable[..., Run]) -> None:
    first, *others = (made(str(seed), seed=seed) for seed in range(3))
    together = results.compare(first, *others).table
    for run in others:
        alone = results.compare(first, run).table
        assert together[together["run"] == str(run.folder)].reset_index(drop=True).equals(alone)


def test_a_coalition_gains_what_its_members_gain_together(made: Callable[..., Run]) -> None:
    cartel = with_side_contracts(
        made("cartel", seed=2), [Attempt(0, ("ann", "cem")), Attempt(1, ("bob", "cem"), fate="refused")]
    )
    table = results.compare(made("first", seed=1), cartel).table
    (coalition,) = table[table["group"] == "coalition"].to_dict("records")
    gains = table.set_index("who")["gain"]
    assert coalition["gain"] == pytest.approx(gains["ann"] + gains["cem"])


def test_only_rounds_that_both_have_played_are_compared(made: Callable[..., Run]) -> None:
    table = results.compare(made("first"), made("short", rounds=3)).table
    assert set(table["rounds"]) == {3}
    single = results.compare(made("first"), made("single", rounds=1)).table
    assert single[["low", "high"]].isna().all(axis=None)
    assert single["gain"].notna().all()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda made: changed(made("b"), "runs", "seed", 4), r"their seeds are 1 and 4"),
        (lambda made: changed(made("b"), "runs", "economy", "else"), r"they play 'made up' and 'else'"),
        (lambda made: made("b", names=("ann", "bob", "zoe")), r"'made up' is not the same in both"),
        (lambda made: made("b", units=("tonne", "dollar")), r"'made up' is not the same in both"),
        (lambda made: changed(made("b"), "players", "type", "other"), r"nature draws other types in them"),
    ],
)
def test_runs_that_play_other_rounds_are_not_compared(
    made: Callable[..., Run], other: Callable[[object], Run], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        results.compare(made("a"), other(made))


def test_what_cannot_be_compared_is_refused_in_a_line(made: Callable[..., Run], tmp_path: Path) -> None:
    run = made("a")
    with pytest.raises(ValueError, match="one run alone"):
        results.compare(run)
    with pytest.raises(ValueError, match=r"confidence is 1\.5"):
        results.compare(run, run, confidence=1.5)
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        results.compare(run, tmp_path / "nowhere")


def test_a_comparison_prints_and_draws_itself(made: Callable[..., Run]) -> None:
    comparison = results.compare(made("first", seed=1), made("other", seed=2), made("more", seed=3))
    assert repr(comparison).startswith(f"gains against {comparison.runs[0].folder} per round, in euro\n")
    assert "ann" in comparison._repr_html_()
    drawn = words(comparison.plot())
    assert [text for text in ("ann", "bob", "cem", "everybody", "gain per round (euro)") if text not in drawn] == []
