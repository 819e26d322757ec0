"""Sobol' indices are those known in closed form, failed points or not, and what makes points fail is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import qmc

from marketgame import results
from marketgame.results.loading import Run
from tests.results.made_up_sweeps import write_sweep

SAMPLES = 1024
NAMES = ("first", "second", "third")


def cube() -> np.ndarray:
    """Points of the unit cube that differ in one coordinate at a time, in SALib's order."""
    pairs = qmc.Sobol(6, rng=np.random.default_rng(2)).random(SAMPLES)
    rows = []
    for a, b in zip(pairs[:, :3], pairs[:, 3:], strict=True):
        rows += [a, *(np.where(np.arange(3) == axis, b, a) for axis in range(3)), b]
    return np.array(rows)


def ishigami(x: np.ndarray) -> np.ndarray:
    """The function of Ishigami and Homma (1990), a = 7, b = 0.1."""
    angle = np.pi * (2 * x - 1)
    value: np.ndarray = (
        np.sin(angle[:, 0]) + 7 * np.sin(angle[:, 1]) ** 2 + 0.1 * angle[:, 2] ** 4 * np.sin(angle[:, 0])
    )
    return value


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Run]:
    """Return a function that writes a sweep of a function of the unit cube."""

    def write(values: np.ndarray, failed: np.ndarray | None = None, design: str = "saltelli") -> Run:
        points = {name: column.tolist() for name, column in zip(NAMES, cube().T, strict=True)}
        fails = None if failed is None else failed[:, None]
        stated = {"design": design, "samples": SAMPLES}
        return write_sweep(tmp_path / "sweep", points, [1], values[:, None], fails, stated)

    return write


# Sobol' indices of the Ishigami function in closed form: Ishigami and Homma (1990); Saltelli et al. (2008), 4.
PARTIAL = np.array([0.5 * (1 + 0.1 * np.pi**4 / 5) ** 2, 49 / 8, 0.0])
TOGETHER = np.pi**8 * 0.01 * (1 / 18 - 1 / 50)
VARIANCE = PARTIAL.sum() + TOGETHER
FIRST_ORDER = PARTIAL / VARIANCE
TOTAL = (PARTIAL + np.array([TOGETHER, 0.0, TOGETHER])) / VARIANCE


def assert_close(table: pd.DataFrame, half_widths: float) -> None:
    """Check indices against the closed form, to so many half-widths of their intervals."""
    for name, truth in (("first_order", FIRST_ORDER), ("total", TOTAL)):
        distance = np.abs(table[name].to_numpy() - truth)
        assert (distance <= half_widths * table[f"{name}_half_width"].to_numpy() + 1e-3).all()
        assert (distance < 0.1).all()


def test_indices_are_those_known_in_closed_form(written: Callable[..., Run]) -> None:
    table = results.sobol_indices(written(ishigami(cube())), "mean_welfare")
    assert table["parameter"].tolist() == list(NAMES)
    assert (table["samples"] == SAMPLES).all()
    assert (table["left_out"] == 0).all()
    assert_close(table, 1.5)


def test_the_same_runs_always_have_the_same_intervals(written: Callable[..., Run]) -> None:
    sweep = written(ishigami(cube()))
    first, second = (results.sobol_indices(sweep, "mean_welfare") for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_failed_points_take_their_comparisons_with_them_and_leave_the_rest(written: Callable[..., Run]) -> None:
    failed = np.random.default_rng(5).random(5 * SAMPLES) < 0.05
    touched = int(failed.reshape(SAMPLES, 5).any(axis=1).sum())
    table = results.sobol_indices(written(ishigami(cube()), failed), "mean_welfare")
    assert (table["left_out"] == touched).all()
    assert (table["samples"] == SAMPLES - touched).all()
    assert_close(table, 2)


@pytest.mark.parametrize(
    ("values", "failed", "design", "message"),
    [
        (np.ones(5 * SAMPLES), None, "saltelli", "does not vary"),
        (np.arange(5.0 * SAMPLES), np.ones(5 * SAMPLES, bool), "saltelli", "only 0 of 1024 comparisons"),
        (np.arange(5.0 * SAMPLES), None, "sobol", "has design 'sobol'.*design = 'saltelli'"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    written: Callable[..., Run], values: np.ndarray, failed: np.ndarray | None, design: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        results.sobol_indices(written(values, failed, design), "mean_welfare")


def test_the_parameter_that_makes_points_fail_is_named_first(written: Callable[..., Run]) -> None:
    x = cube()
    sweep = written(ishigami(x), x[:, 1] > 0.75)
    table = results.failures_by_parameter(sweep)
    assert table["parameter"].tolist()[:4] == ["second"] * 4
    second = table[table["parameter"] == "second"]
    assert second["p_value"].iloc[0] < 1e-9
    shares = second["share_failed"].tolist()
    assert sorted(shares)[:3] == pytest.approx([0, 0, 0], abs=0.02)
    assert max(shares) > 0.95
    assert second["runs"].sum() == len(sweep.runs)
    assert second["failed"].sum() == (sweep.runs["status"] != "done").sum()
    others = table[table["parameter"] != "second"]
    assert (others["p_value"] > second["p_value"].iloc[0]).all()


def test_values_that_are_names_are_told_apart_one_by_one(tmp_path: Path) -> None:
    failed = np.array([[False] * 6, [True] * 3 + [False] * 3])
    sweep = write_sweep(tmp_path / "s", {"rules.solvency": ["budget", "none"]}, range(6), np.ones((2, 6)), failed)
    table = results.failures_by_parameter(sweep)
    assert table[["value", "runs", "failed", "share_failed"]].to_numpy().tolist() == [
        ["budget", 6, 0, 0.0],
        ["none", 6, 3, 0.5],
    ]


def test_without_failures_nothing_is_significant(written: Callable[..., Run]) -> None:
    assert results.failures_by_parameter(written(ishigami(cube())))["p_value"].isna().all()
