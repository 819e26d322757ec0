"""Figures about blocking show what the tables say, without a screen and without text outside the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from marketgame import results
from marketgame.agents.blocking.stake_beliefs import StakeSource
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.results.figures import standard_figures
from marketgame.results.figures.blocking import invitations, mediator_profits
from marketgame.results.figures.core import core_in_payoff_plane, exact_number, severance_and_side_bets, severance_sweep
from marketgame.results.loading import Run
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.game_scenario import GameScenario
from tests.mechanisms.myerson_examples import bilateral_trade
from tests.results.figure_contents import axes_of, inside, points, texts, words
from tests.run_folders import write_run

GAME = bilateral_trade([3.0, 2.0], [[7.0], [0.0]], [0.5, 0.5], [1.0], names=(("H", "L"), ("only",)))
POOLING = Mechanism(np.array([[0.0, 1.0], [0.0, 1.0]]), np.full((2, 2), 3.25) * (1, -1))
BET = Mechanism(np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([[3.5, -6.0], [3.5, -1.0]]))


def run_of(folder: Path, blockers: tuple[Blocker, ...], mechanism: Mechanism = BET, rounds: int = 200) -> Run:
    scenario = GameScenario("s", "g", GAME, mechanism, blockers=blockers, rounds=rounds, seed=4)
    write_run(folder, simulate(scenario), {"status": "done", "inputs": {}})
    return results.load(folder)


@pytest.fixture(scope="module")
def rivals(tmp_path_factory: pytest.TempPathFactory) -> Run:
    blockers = (Blocker("reader"), Blocker("watcher", StakeSource.PAST_ROUNDS))
    return run_of(tmp_path_factory.mktemp("runs") / "rivals", blockers, POOLING)


def assert_everything_is_on_the_page(figure: Figure) -> None:
    figure.draw_without_rendering()
    page = figure.bbox.padded(1)
    drawn = [axis for axes in axes_of(figure) for axis in (axes.xaxis, axes.yaxis)]
    # Tick labels beyond the limits exist but are not drawn; the box of their axis leaves them out.
    ticks = {label for axis in drawn for label in axis.get_ticklabels(which="both")}
    boxes = {text.get_text(): text.get_window_extent() for text in texts(figure) if text not in ticks}
    boxes |= {str(axis): box for axis in drawn if (box := axis.get_tightbbox())}
    assert {name for name, box in boxes.items() if not inside(box, page)} == set()


def test_profits_are_drawn_as_means_up_to_each_round(rivals: Run) -> None:
    figure = mediator_profits(rivals)
    rows = rivals.tables["mediators"]
    lines = {line.get_gid(): line for line in axes_of(figure)[0].lines if line.get_gid()}
    for name in ("reader", "watcher"):
        profit = rows.loc[rows["mediator"] == name, "profit"].to_numpy()
        played, mean = (np.asarray(part) for part in lines[name].get_data())
        np.testing.assert_allclose(mean, [profit[: int(number)].mean() for number in played])
        assert int(played[-1]) == len(profit)
        promised = rows.loc[rows["mediator"] == name, "expected_profit"].to_numpy()
        assert np.asarray(lines[f"{name} promised"].get_ydata())[-1] == pytest.approx(promised.mean())
    # The established mediator neither gains nor loses here, and is left out.
    assert "established" not in lines
    assert_everything_is_on_the_page(figure)


def test_a_mediator_that_loses_is_drawn_too(tmp_path: Path) -> None:
    figure = mediator_profits(run_of(tmp_path / "bet", (Blocker("rival"),), rounds=50))
    assert {"established", "rival"} <= {line.get_gid() for line in axes_of(figure)[0].lines}
    assert "established earns −" in words(figure)
    assert_everything_is_on_the_page(figure)


def test_invitations_are_drawn_in_the_shares_of_rounds_that_the_table_has(rivals: Run) -> None:
    figure = invitations(rivals)
    rows = rivals.tables["invitations"].drop_duplicates(["round", "mediator"])
    drawn: dict[str, float] = {}
    for bar in axes_of(figure)[0].patches:
        if isinstance(bar, Rectangle) and bar.get_gid():
            drawn[str(bar.get_gid())] = drawn.get(str(bar.get_gid()), 0.0) + bar.get_width()
    wanted = rows["fate"].astype(str).value_counts() / len(rivals.rounds)
    assert drawn == pytest.approx(wanted.to_dict())
    assert "reader invites" in words(figure)
    assert "watcher invites" in words(figure)
    # The seller's type is worth saying, the buyer's only one is not.
    assert "if seller=H" in words(figure)
    assert "only" not in words(figure)
    assert_everything_is_on_the_page(figure)


def test_the_summary_of_mediators_is_that_of_the_table(rivals: Run) -> None:
    summary = results.mediator_summary(rivals)
    assert list(summary.index) == ["established", "reader", "watcher"]
    rows = rivals.tables["mediators"]
    for name, row in zip(summary.index, summary.to_dict("records"), strict=True):
        profit = rows.loc[rows["mediator"] == name, "profit"]
        assert row["profit"] == pytest.approx(profit.mean())
        assert row["standard_error"] == pytest.approx(profit.std() / np.sqrt(len(profit)))
    players = rivals.players
    away = players[players["mediator"] != "established"].drop_duplicates(["round", "mediator"])
    shares = away["mediator"].astype(str).value_counts() / len(rivals.rounds)
    assert summary["rounds_with_departures"].drop("established").to_dict() == pytest.approx(shares.to_dict())


def test_there_are_no_figures_of_mediators_where_there_are_none(tmp_path: Path) -> None:
    run = run_of(tmp_path / "alone", (), rounds=5)
    assert list(standard_figures(run)) == ["welfare"]
    with pytest.raises(ValueError, match="records no invitations"):
        invitations(run)


def test_a_mediator_that_never_invites_gets_its_line_and_no_bars(tmp_path: Path) -> None:
    stable = Mechanism(BET.action_probability, BET.payments, np.array([[0.0, 0.0], [5 / 6, 0.0]]))
    run = run_of(tmp_path / "stable", (Blocker("rival"),), stable, rounds=50)
    assert list(standard_figures(run)) == ["welfare", "mediator-profits"]
    line = next(line for line in axes_of(mediator_profits(run))[0].lines if line.get_gid() == "rival")
    assert not np.asarray(line.get_ydata()).any()


def test_the_core_is_drawn_with_its_vertices_in_numbers() -> None:
    vertices = [(0.0, 0.0), (1.0, 0.2), (0.5, 0.5)]
    figure = core_in_payoff_plane(vertices, ("seller L", "seller H"), {"blocked": (0.5, 1 / 18)}, "$")
    [polygon] = [patch for patch in axes_of(figure)[0].patches if isinstance(patch, Polygon)]
    np.testing.assert_allclose(polygon.get_xy()[:-1], vertices)
    for corner in ("(0, 0)", "(1, 0.2)", "(0.5, 0.5)"):
        assert corner in words(figure)
    mark = next(line for line in axes_of(figure)[0].lines if line.get_gid() == "blocked")
    np.testing.assert_allclose(np.column_stack(mark.get_data()), [[0.5, 1 / 18]])
    assert_everything_is_on_the_page(figure)


@pytest.mark.parametrize("vertices", [[(1.0, 0.0), (1.5, 0.5)], [(0.5, 0.5)]])
def test_a_core_without_inside_can_be_drawn(vertices: list[tuple[float, float]]) -> None:
    figure = core_in_payoff_plane(vertices, ("a", "b"))
    assert exact_number(vertices[0][0]) in words(figure)
    assert_everything_is_on_the_page(figure)


def test_an_empty_core_is_refused() -> None:
    with pytest.raises(ValueError, match="empty core"):
        core_in_payoff_plane([], ("a", "b"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(5 / 6, "5/6"), (2.5, "2.5"), (0.0, "0"), (-0.5, "−0.5"), (1 / 18, "1/18"), (0.1234567, "0.123")],
)
def test_numbers_are_fractions_where_they_are(value: float, text: str) -> None:
    assert exact_number(value) == text


def test_a_map_of_promises_leaves_blank_what_nobody_can_block() -> None:
    grid = [(severance, bet, max(0.0, severance - bet)) for severance in (0.0, 1.0, 2.0) for bet in (0.0, 1.0, 2.0)]
    profits = pd.DataFrame(grid, columns=["severance", "side_bet", "profit"])
    region = {"predicted": [(0.0, 0.0), (2.0, 2.0), (0.0, 2.0)]}
    figure = severance_and_side_bets(profits, region, (0.0, 0.0), "$")
    [mesh] = [part for part in axes_of(figure)[0].collections if part.get_array() is not None]
    values = mesh.get_array()
    assert values is not None
    assert int(np.ma.count(values)) == 3
    [outline] = [patch for patch in axes_of(figure)[0].patches if isinstance(patch, Polygon)]
    assert outline.get_gid() == "predicted"
    np.testing.assert_allclose(outline.get_xy()[:-1], region["predicted"])
    assert_everything_is_on_the_page(figure)


def test_a_sweep_is_drawn_as_its_table_has_it() -> None:
    sweep = pd.DataFrame(
        {
            "severance": [0.0, 0.5, 1.0],
            "program_profit": [0.2, 0.1, 0.0],
            "mean_profit": [0.21, 0.12, 0.0],
            "standard_error": [0.01, 0.01, 0.0],
            "blocking_rate": [0.5, 0.5, 0.0],
        }
    )
    figure = severance_sweep(sweep, (5 / 6,), "$")
    above, below = axes_of(figure)
    np.testing.assert_allclose(points(above.lines[0])[:, 1], sweep["program_profit"])
    np.testing.assert_allclose(points(below.lines[0])[:, 1], sweep["blocking_rate"])
    predicted = [line for line in below.lines if line.get_gid() == "predicted"]
    assert [float(np.asarray(line.get_xdata())[0]) for line in predicted] == [pytest.approx(5 / 6)]
    assert "5/6" in words(figure)
    assert to_hex(above.lines[0].get_color()) != to_hex(below.lines[0].get_color())
    assert_everything_is_on_the_page(figure)
