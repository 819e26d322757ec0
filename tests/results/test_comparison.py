"""Points of a sweep are compared on the same seeds, failed runs take no part, and intervals are the bootstrap's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from marketgame import results
from marketgame.results.loading import Run
from tests.results.made_up_sweeps import write_sweep

SHARE, SOLVENCY = "traders.share.noisy", "rules.solvency"
SEEDS = range(7, 57)


@pytest.fixture
def luck() -> np.ndarray:
    """What chance does to each seed, the same at every point."""
    return np.random.default_rng(0).normal(scale=5, size=len(SEEDS))


@pytest.fixture
def sweep(tmp_path: Path, luck: np.ndarray) -> Run:
    """Two institutions and two shares; the second institution is worth 1 more without noise and 3 with it."""
    noise = np.random.default_rng(1).normal(scale=0.1, size=(4, len(SEEDS)))
    effect = np.array([20.0, 21.0, 18.0, 21.0])[:, None]
    points: dict[str, list[float] | list[str]] = {
        SHARE: [0.0, 0.0, 0.5, 0.5],
        SOLVENCY: ["budget", "none", "budget", "none"],
    }
    failed = np.zeros((4, len(SEEDS)), bool)
    failed[1, :5], failed[2, 3] = True, True
    return write_sweep(tmp_path / "sweep", points, SEEDS, effect + luck + noise, failed)


def test_the_mean_over_seeds_is_that_of_the_runs_that_are_done(sweep: Run) -> None:
    table = results.over_seeds(sweep.runs, "mean_welfare", by=[SHARE, SOLVENCY])
    done = sweep.runs[sweep.runs["status"] == "done"]
    expected = done.groupby([SHARE, SOLVENCY])["mean_welfare"].agg(["mean", "size"]).reset_index()
    assert table[[SHARE, SOLVENCY]].equals(expected[[SHARE, SOLVENCY]])
    assert table["mean"].tolist() == pytest.approx(expected["mean"].tolist())
    assert table["runs"].tolist() == expected["size"].tolist() == [50, 45, 49, 50]
    assert table["failed"].tolist() == [0, 5, 1, 0]
    assert table.attrs["units"]["mean"] == "numeraire"


def test_intervals_are_those_of_an_independent_bootstrap(sweep: Run) -> None:
    table = results.over_seeds(sweep.runs, "mean_welfare", by=SHARE, confidence=0.9)
    for row in table.itertuples():
        values = sweep.runs.loc[(sweep.runs[SHARE] == row[1]) & (sweep.runs["status"] == "done"), "mean_welfare"]
        other = stats.bootstrap(
            (values.to_numpy(float),), np.mean, confidence_level=0.9, n_resamples=20_000, method="percentile", rng=3
        ).confidence_interval
        width = other.high - other.low
        assert abs(row.low - other.low) < 0.08 * width
        assert abs(row.high - other.high) < 0.08 * width


def test_the_same_runs_give_the_same_interval(sweep: Run) -> None:
    first, second = (results.over_seeds(sweep.runs, "mean_welfare", by=SHARE) for _ in range(2))
    assert first.equals(second)


def test_pairing_finds_what_luck_would_hide(sweep: Run) -> None:
    table = results.paired_differences(sweep.runs, "mean_welfare", SOLVENCY, baseline="budget", by=SHARE)
    assert table[SHARE].tolist() == [0.0, 0.5]
    assert table[SOLVENCY].tolist() == ["none", "none"]
    assert table["difference"].tolist() == pytest.approx([1.0, 3.0], abs=0.1)
    assert (table["low"] < table["difference"]).all()
    assert (table["difference"] < table["high"]).all()
    # Of one seed the difference varies by a tenth, of different seeds by five.
    assert (table["high"] - table["low"] < 0.15).all()
    assert table["pairs"].tolist() == [45, 49]
    assert table["unpaired"].tolist() == [5, 1]
    assert table["share_positive"].tolist() == [1.0, 1.0]
    unpaired = results.over_seeds(sweep.runs, "mean_welfare", by=[SHARE, SOLVENCY])
    assert (unpaired["high"] - unpaired["low"] > 2).all()


def test_a_parameter_left_out_of_the_comparison_is_noticed(sweep: Run) -> None:
    with pytest.raises(ValueError, match=r"several runs have seed .*; name the parameters they differ in as `by`"):
        results.paired_differences(sweep.runs, "mean_welfare", SOLVENCY, baseline="budget")


def test_one_run_has_a_mean_and_no_interval(tmp_path: Path) -> None:
    failed = np.array([[False], [True]])
    single = write_sweep(tmp_path / "one", {SHARE: [0.0, 0.5]}, [1], np.array([[4.0], [5.0]]), failed)
    first, second = results.over_seeds(single.runs, "mean_welfare", by=SHARE).to_dict("records")
    assert first["mean"] == 4.0
    assert np.isnan([first["low"], first["high"], second["mean"], second["low"]]).all()
    assert (second["runs"], second["failed"]) == (0, 1)


def test_benchmarks_stand_beside_each_run(sweep: Run) -> None:
    joined = results.with_benchmarks(sweep)
    done = joined["status"] == "done"
    assert joined["run"].tolist() == sweep.runs["run"].tolist()
    assert (joined.loc[done, "expected_first_best_welfare"] == 11.0).all()
    assert joined.loc[~done, "expected_first_best_welfare"].isna().all()
    assert joined["expected_incentive_efficient_welfare"].isna().all()
    gains = (joined.loc[done, "mean_welfare"] - 5.0) / 5.0
    assert joined.loc[done, "share_of_first_best_gains"].tolist() == pytest.approx(gains.tolist())
    assert joined.attrs["units"]["expected_first_best_welfare"] == "numeraire"


def test_any_table_gets_the_parameters_of_its_runs(sweep: Run) -> None:
    joined = results.with_parameters(sweep, "benchmarks")
    assert len(joined) == len(sweep.benchmarks)
    by_run = sweep.runs.set_index("run")
    assert (joined[SHARE].to_numpy() == by_run.loc[joined["run"], SHARE].to_numpy()).all()
    with pytest.raises(ValueError, match="keeps no table 'rounds'; it has benchmarks, points, runs"):
        results.with_parameters(sweep, "rounds")
    with pytest.raises(ValueError, match="keeps no table 'players'"):
        _ = sweep.players


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mean_wealth", SHARE), "no column 'mean_wealth'"),
        (("mean_welfare", "traders.share.nosy"), "no column 'traders.share.nosy'"),
        (("mean_welfare", SHARE, 1.0), "confidence is 1.0"),
    ],
)
def test_comparisons_of_what_is_not_there_are_refused(sweep: Run, arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        results.over_seeds(sweep.runs, *arguments)  # type: ignore[arg-type]  # The table mixes arguments.


def test_a_baseline_that_never_was_is_refused(sweep: Run) -> None:
    with pytest.raises(ValueError, match="is never 'bugdet'; it is 'budget', 'none'"):
        results.paired_differences(sweep.runs, "mean_welfare", SOLVENCY, baseline="bugdet", by=SHARE)


def test_the_parameters_of_a_sweep_are_known(sweep: Run) -> None:
    assert sweep.parameters == (SHARE, SOLVENCY)
    assert isinstance(sweep.points, pd.DataFrame)
    assert sweep.points["point"].tolist() == [0, 1, 2, 3]


def test_a_sweep_that_was_killed_says_how_to_go_on(sweep: Run) -> None:
    (sweep.folder / "runs.parquet").unlink()
    (sweep.folder / "parts-0123").mkdir()
    with pytest.raises(FileNotFoundError, match=r"holds no runs.parquet; a sweep was begun in it, run it again"):
        results.load(sweep.folder)
