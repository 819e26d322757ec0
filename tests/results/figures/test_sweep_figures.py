"""What the figures of sweeps show, compared with sweeps made up from a formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from marketgame import results
from marketgame.experiments.commands.explained import pages
from marketgame.results import palette
from marketgame.results.figures import SWEEP_FIGURES, SweepFigure, sweep_figures
from marketgame.results.loading import Run
from tests.results.figure_contents import axes_of, bars, points, texts, words
from tests.results.made_up_sweeps import write_sweep

SEEDS = (3, 4, 5, 6)
SHARES = (0.0, 0.25, 0.5, 1.0)
RULES = ("void", "spread")
LUCK = np.array([-0.3, 0.1, 0.4, -0.1])


def made(folder: Path, values: Mapping[str, Sequence[object]], failed: np.ndarray | None = None) -> Run:
    """Write the sweep of a grid whose welfare falls with the square of the point's number."""
    grid = list(product(*values.values()))
    columns = {name: [point[place] for point in grid] for place, name in enumerate(values)}
    effect = 9.0 - 0.05 * np.arange(len(grid))[:, None] ** 2
    return write_sweep(folder, columns, SEEDS, effect + LUCK * (1 + np.arange(len(grid))[:, None] % 3), failed)


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A sweep for each figure."""
    home = tmp_path_factory.mktemp("sweeps")
    failed = np.zeros((len(SHARES), len(SEEDS)), bool)
    failed[1, 2:], failed[3] = True, True
    failed_cells = np.zeros((len(SHARES) * len(RULES), len(SEEDS)), bool)
    failed_cells[2], failed_cells[5, 0] = True, True
    rng = np.random.default_rng(1)
    share = rng.uniform(0, 1, 40)
    spread = {"noise": (10 ** rng.uniform(-4, 0, 40)).tolist(), "share": share.tolist()}
    luck = rng.normal(size=(40, len(SEEDS)))
    return {
        "one": made(home / "one", {"share": SHARES}, failed),
        "words": made(home / "words", {"rules.pricing": RULES}),
        "two": made(home / "two", {"share": SHARES, "rules.pricing": RULES}, failed_cells),
        "three": made(
            home / "three", {"rules.bankruptcy": ("stand", "unwind"), "rules.pricing": RULES, "share": SHARES}
        ),
        "many": write_sweep(home / "many", spread, SEEDS, 5 * share[:, None] + luck, luck > 1.5),
        "constant": made(home / "constant", {"share": (0.5,)}),
        "failed": made(home / "failed", {"share": SHARES}, np.ones((len(SHARES), len(SEEDS)), bool)),
        "rounds": with_rounds(made(home / "rounds", {"share": (0.5,)}), 3),
    }


def with_rounds(sweep: Run, rounds: int) -> Run:
    """Return a sweep that keeps the rounds of its runs, too."""
    runs = sweep.runs["run"]
    kept = pd.DataFrame({"run": np.repeat(runs, rounds), "round": np.tile(np.arange(rounds), len(runs))})
    kept = kept.assign(gains=1.0, first_best_gains=2.0)
    kept.attrs = {"units": {"welfare": "numeraire"}}
    return Run(sweep.folder, sweep.manifest, {name: sweep.tables[name] for name in sweep.tables} | {"rounds": kept})


@pytest.fixture(scope="module")
def drawn(sweeps: dict[str, Run]) -> dict[str, dict[str, Figure]]:
    """Their figures."""
    return {name: sweep_figures(sweep) for name, sweep in sweeps.items()}


def means(sweep: Run) -> dict[tuple[object, ...], np.ndarray]:
    """Return the welfare of every run that is done, by its parameters."""
    done = sweep.runs[sweep.runs["status"] == "done"]
    groups = done.groupby(list(sweep.parameters), observed=True)["mean_welfare"]
    return {tuple(point): values.to_numpy(float) for point, values in groups}


def labelled(axes: Axes, label: str) -> np.ndarray:
    """Return where the marks of a curve with intervals stand, ``(points, 2)``."""
    (found,) = [each for each in axes.containers if each.get_label() == label]
    assert isinstance(found[0], Line2D)
    return points(found[0])


def crosses(axes: Axes) -> list[float]:
    """Return where failures are marked."""
    return [float(x) for line in axes.lines if line.get_gid() == "failures" for x in points(line)[:, 0]]


def test_each_kind_of_sweep_has_its_figures_and_each_figure_its_sweep(drawn: dict[str, dict[str, Figure]]) -> None:
    assert {name: list(figures) for name, figures in drawn.items()} == {
        "one": ["curve", "differences", "failures"],
        "words": ["curve", "differences"],
        "two": ["map", "differences", "failures"],
        "three": ["curves", "differences"],
        "many": ["parameters", "failures"],
        "constant": ["curve"],
        "failed": ["failures"],
        "rounds": ["curve", "over-rounds"],
    }
    ours = {each.name for each in SWEEP_FIGURES.own if isinstance(each, SweepFigure)}
    assert {name for figures in drawn.values() for name in figures} == ours
    (section,) = pages()["figures"].sections()
    assert len(section.parts) == 2


def test_no_letter_is_smaller_than_print_allows_and_none_leaves_the_page(drawn: dict[str, dict[str, Figure]]) -> None:
    for figure in (figure for figures in drawn.values() for figure in figures.values()):
        figure.canvas.draw()
        assert min(float(text.get_fontsize()) for text in texts(figure)) >= 7
        drawn_to = figure.get_tightbbox()
        assert drawn_to.x0 >= -0.02
        assert drawn_to.x1 <= figure.get_figwidth() + 0.02


def test_a_curve_is_the_means_over_seeds_with_their_intervals_and_failed_points_are_marked(
    drawn: dict[str, dict[str, Figure]], sweeps: dict[str, Run]
) -> None:
    (axes,) = axes_of(drawn["one"]["curve"])
    known = means(sweeps["one"])
    found = labelled(axes, "mean with 95% interval")
    assert found[:, 0].tolist() == list(SHARES)
    for share, mean in found:
        assert mean == pytest.approx(known[share,].mean()) if (share,) in known else np.isnan(mean)
    assert crosses(axes) == [0.25, 1.0]
    table = results.over_seeds(sweeps["one"].runs, "mean_welfare", "share")
    (container,) = [each for each in axes.containers if each.get_label() == "mean with 95% interval"]
    segments = container[2][0].get_segments()
    for row, segment in zip(table[["low", "high"]].to_numpy(float), segments, strict=True):
        if np.isfinite(row).all():
            assert np.asarray(segment)[:, 1] == pytest.approx(row)
    best = next(line for line in axes.lines if line.get_label() == "first best")
    assert np.nanmax(points(best)[:, 1]) == 10.0
    assert "6 of 16 runs failed" in words(drawn["one"]["curve"]).replace("\n", " ")
    (by_word,) = axes_of(drawn["words"]["curve"])
    assert [label.get_text() for label in by_word.get_xticklabels()] == list(RULES)
    assert not [line for line in by_word.lines if line.get_label() == "first best" and line.get_linestyle() != "None"]


def test_a_map_has_the_mean_of_each_cell_and_says_where_how_many_runs_failed(
    drawn: dict[str, dict[str, Figure]], sweeps: dict[str, Run]
) -> None:
    axes = axes_of(drawn["two"]["map"])[0]
    known = means(sweeps["two"])
    (image,) = axes.images
    cells = np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)
    assert cells.shape == (len(RULES), len(SHARES))
    for (y, rule), (x, share) in product(enumerate(RULES), enumerate(SHARES)):
        if (share, rule) in known:
            assert cells[y, x] == pytest.approx(known[share, rule].mean())
        else:
            assert np.isnan(cells[y, x])
    assert {patch.get_gid() for patch in axes.patches} == {"failed-1-0", "failed-2-1"}
    assert [text.get_text().splitlines()[-1] for text in axes.texts if "of" in text.get_text()] == ["4 of 4", "1 of 4"]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(RULES)


def test_panels_hold_a_curve_for_each_value_and_every_point_is_in_one(
    drawn: dict[str, dict[str, Figure]], sweeps: dict[str, Run]
) -> None:
    known = means(sweeps["three"])
    seen = 0
    for axes in axes_of(drawn["three"]["curves"]):
        _, _, rule = axes.get_title(loc="left").partition(" = ")
        for bankruptcy in ("stand", "unwind"):
            for share, mean in labelled(axes, bankruptcy):
                assert mean == pytest.approx(known[bankruptcy, rule, share].mean())
                seen += 1
    assert seen == len(known)


def test_points_spread_over_parameters_are_all_there_in_each_panel_on_readable_axes(
    drawn: dict[str, dict[str, Figure]], sweeps: dict[str, Run]
) -> None:
    noise, share = axes_of(drawn["many"]["parameters"])
    assert (noise.get_xscale(), share.get_xscale()) == ("log", "linear")
    sweep = sweeps["many"]
    by_point = sweep.runs.groupby("point")["mean_welfare"].mean()
    for axes, name in ((noise, "noise"), (share, "share")):
        dots = next(line for line in axes.lines if line.get_label() == "one point")
        np.testing.assert_allclose(points(dots), np.column_stack([sweep.points[name], by_point]))
        failing = sweep.runs[sweep.runs["status"] != "done"]["point"].unique()
        assert sorted(crosses(axes)) == sorted(sweep.points.set_index("point")[name].loc[failing])


def test_differences_are_between_runs_of_equal_seeds_and_filled_where_they_are_sure(
    drawn: dict[str, dict[str, Figure]], sweeps: dict[str, Run]
) -> None:
    (axes,) = axes_of(drawn["three"]["differences"])
    runs = sweeps["three"].runs
    wide = runs.pivot_table(
        index=["rules.bankruptcy", "share", "seed"], columns="rules.pricing", values="mean_welfare", observed=True
    )
    change = float((wide["spread"] - wide["void"]).mean())
    (mark,) = [
        line
        for each in axes.containers
        for line in [each[0]]
        if each.get_label() and line.get_gid() == "rules.pricing=spread"
    ]
    assert points(mark)[0, 0] == pytest.approx(change)
    one = {line.get_gid(): line for line in axes_of(drawn["one"]["differences"])[0].lines if line.get_gid()}
    # Against a point of which every run failed nothing is known, and nothing is filled.
    assert np.isnan(points(one["share=1"])[0, 0])
    assert one["share=1"].get_markerfacecolor() == palette.WHITE
    assert "0.25 (2)" in words(drawn["one"]["differences"])


def test_a_change_within_rounding_is_neither_sure_nor_as_large_as_the_page(sweeps: dict[str, Run]) -> None:
    sweep, random = sweeps["three"], np.random.default_rng(0)
    runs = sweep.runs.copy()
    runs["mean_welfare"] = 100.0 + random.uniform(0, 1e-13, len(runs)) + 1e-12 * (runs["rules.pricing"] == "spread")
    alike = Run(sweep.folder, sweep.manifest, {**sweep.tables, "runs": runs})
    (axes,) = axes_of(sweep_figures(alike, "mean_welfare")["differences"])
    assert {line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "o"} == {palette.WHITE}
    assert axes.get_xlim()[1] > 1e-3


def test_failures_are_counted_for_each_value(drawn: dict[str, dict[str, Figure]]) -> None:
    (axes,) = axes_of(drawn["one"]["failures"])
    assert {str(bar.get_gid()): bar.get_width() for bar in bars(axes)} == {
        "share=0.0": 0.0,
        "share=0.25": 0.5,
        "share=0.5": 0.0,
        "share=1.0": 1.0,
    }
    assert "2 of 4" in words(drawn["one"]["failures"])


def test_another_measure_is_drawn_where_it_is_asked_for_and_one_that_is_none_is_refused(sweeps: dict[str, Run]) -> None:
    (axes,) = axes_of(sweep_figures(sweeps["words"], "mean_autarky_welfare")["curve"])
    assert labelled(axes, "mean with 95% interval")[:, 1].tolist() == [5.0, 5.0]
    for name in ("mean_wellfare", "status", "seed"):
        with pytest.raises(ValueError, match=f"measure is '{name}'; it must be a column of numbers: rounds"):
            sweep_figures(sweeps["words"], name)
