"""Summaries are arithmetic on the tables, done here again by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketgame import results
from marketgame.results.loading import Run
from marketgame.results.selection import telling_round

WELFARE = [(104.0, 110.0, 100.0), (102.0, 130.0, 110.0), (109.0, 120.0, 90.0)]


def with_benchmarks(run: Run, rows: list[dict[str, object]], profiles: list[int]) -> Run:
    """Write other benchmarks, and other profiles of the rounds, into the folder of a run."""
    pq.write_table(pa.Table.from_pylist(rows), run.folder / "benchmarks.parquet")
    path = run.folder / "rounds.parquet"
    table = pq.read_table(path)
    pq.write_table(
        table.set_column(table.column_names.index("profile"), table.field("profile"), pa.array(profiles)), path
    )
    return results.load(run.folder)


def benchmark(name: str, profile: int, probability: float, welfare: float) -> dict[str, object]:
    return {"run": 0, "benchmark": name, "profile": profile, "profile_types": "", "welfare": welfare} | {
        "probability": probability
    }


def test_play_is_compared_with_benchmarks_at_the_profiles_drawn(played: Callable[..., Run]) -> None:
    run = played(rounds=3, welfare=WELFARE.__getitem__)
    rows = [benchmark("walrasian", 0, 0.5, 108.0), benchmark("walrasian", 1, 0.5, 126.0)]
    rows += [benchmark("walrasian", -1, 1.0, 117.0)]
    summary = results.summary(with_benchmarks(run, rows, [0, 1, 1]))
    assert list(summary.index) == ["played", "first-best", "walrasian", "autarky"]
    assert summary["welfare"].tolist() == [105.0, 120.0, (108.0 + 126.0 + 126.0) / 3, 100.0]
    assert summary["gains"].tolist() == [5.0, 20.0, 20.0, 0.0]
    assert summary["share_of_first_best_gains"].tolist() == [0.25, 1.0, 1.0, 0.0]
    assert set(summary["over"]) == {"profiles drawn"}
    assert summary.attrs["units"]["welfare"] == "euro"


def test_a_benchmark_known_only_in_expectation_is_measured_in_expectation(played: Callable[..., Run]) -> None:
    run = played(rounds=3, welfare=WELFARE.__getitem__)
    expected = {"first-best": 116.0, "autarky": 96.0, "incentive-efficient": 111.0}
    rows = [benchmark(name, -1, 1.0, welfare) for name, welfare in expected.items()]
    summary = results.summary(with_benchmarks(run, rows, [0, 1, 1]))
    assert summary.loc[["incentive-efficient"]].to_numpy().tolist() == [[111.0, 15.0, 5.0, 0.75, "prior"]]
    assert summary.loc["first-best", "over"] == "profiles drawn"


def test_the_share_of_gains_is_missing_when_there_is_nothing_to_gain(played: Callable[..., Run]) -> None:
    summary = results.summary(played(welfare=lambda _: (1e6, 1e6, 1e6)))
    assert summary["gains"].tolist() == [0.0, 0.0, pytest.approx(110 - 1e6), 0.0]
    assert all(math.isnan(share) for share in summary["share_of_first_best_gains"])


def test_players_are_summed_up_in_the_order_of_the_economy(played: Callable[..., Run]) -> None:
    run = played(names=("zoe", "ann"), rounds=3, behaviours={"ann": "noisy"}, bankrupt={0: ["ann"], 2: ["ann"]})
    summary = results.player_summary(run)
    assert list(summary.index) == ["zoe", "ann"]
    assert summary["behaviour"].tolist() == ["obedient", "noisy"]
    assert summary["bankruptcies"].tolist() == [0, 2]
    assert summary["mean_promised_utility"].tolist() == [10.0, 11.0]
    utility = [row["utility"] for row in pq.read_table(run.folder / "players.parquet").to_pylist()]
    assert summary["mean_utility"].tolist() == pytest.approx([sum(utility[0::2]) / 3, sum(utility[1::2]) / 3])
    assert summary.attrs["units"]["mean_utility"] == "euro"


def test_a_run_that_is_not_in_the_folder_is_refused(played: Callable[..., Run]) -> None:
    run = played()
    for ask in (results.summary, results.player_summary, telling_round):
        with pytest.raises(ValueError, match="has no run 7; it has 0 to 0"):
            ask(run, 7)


def test_a_run_without_rounds_is_refused(played: Callable[..., Run]) -> None:
    run = played()
    path = run.folder / "rounds.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    empty = results.load(run.folder)
    with pytest.raises(ValueError, match=r"run 0 in .*run played no round"):
        results.summary(empty)


@pytest.mark.parametrize(
    ("welfare", "bankrupt", "told"),
    [
        ({}, {}, 0),
        ({3: (90.0, 110.0, 100.0)}, {}, 3),
        ({3: (90.0, 110.0, 100.0)}, {1: ["ann"], 4: ["ann", "bob"]}, 4),
        ({3: (90.0, 110.0, 100.0)}, {1: ["ann"], 3: ["bob"]}, 3),
        ({3: (110.0 - 1e-9, 110.0, 100.0)}, {}, 0),
    ],
)
def test_the_telling_round_has_most_bankruptcies_then_the_largest_loss(
    played: Callable[..., Run],
    welfare: dict[int, tuple[float, float, float]],
    bankrupt: dict[int, list[str]],
    told: int,
) -> None:
    run = played(rounds=5, bankrupt=bankrupt, welfare=lambda number: welfare.get(number, (110.0, 110.0, 100.0)))
    assert telling_round(run) == told


def test_summaries_are_plain_frames(played: Callable[..., Run]) -> None:
    run = played()
    assert all(isinstance(frame, pd.DataFrame) for frame in (results.summary(run), results.player_summary(run)))
