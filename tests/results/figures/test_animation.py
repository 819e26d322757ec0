"""A moving picture shows what was ordered, who failed in which wave, and what that cancelled, on the same scales."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Annotation, Text
from PIL import Image

from marketgame import results
from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.results import palette
from marketgame.results.figures import animation, trade_network
from marketgame.results.figures.animation import MARK, Film, is_film, save_film
from marketgame.results.figures.ring import AGREEMENT
from marketgame.results.figures.story import Moment, moments
from marketgame.results.loading import Run
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.established import establish
from tests.experiments.command_calls import SCENARIOS
from tests.results.figure_contents import axes_of, nodes, points, rows, texts, words
from tests.results.made_up_runs import Play, write_folder
from tests.run_folders import write_run

ROUNDS = 10


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("cartel")
    scenario = establish(load_scenario(SCENARIOS / "annex-b-cartel.toml", rounds=ROUNDS))
    write_run(folder, simulate(scenario), {"seed": 7})
    return results.load(folder)


@pytest.fixture(scope="module")
def shown(run: Run) -> list[Moment]:
    return moments(run)


@pytest.fixture(scope="module")
def film(run: Run, shown: list[Moment]) -> Film:
    return Film(run, shown)


def test_there_is_a_picture_of_what_was_ordered_and_one_of_each_wave(run: Run, shown: list[Moment]) -> None:
    waves: dict[int, dict[str, int]] = defaultdict(dict)
    for row in rows(run, "players"):
        waves[row["round"]][row["player"]] = row["wave"]
    expected = [(number, wave) for number in range(ROUNDS) for wave in range(max(waves[number].values()) + 1)]
    assert [(each.round, each.wave) for each in shown] == expected
    assert max(wave for _, wave in expected) == 3
    for each in shown:
        assert dict(each.failed) == {name: wave for name, wave in waves[each.round].items() if 0 < wave <= each.wave}


def test_a_wave_takes_away_the_trades_that_it_cancelled_and_no_others(run: Run, shown: list[Moment]) -> None:
    value: dict[Any, float] = defaultdict(float)
    for table in ("trades", "cancelled_trades"):
        for row in rows(run, table):
            if row["good"] != "money":
                value[row["round"], row.get("wave", 0), (row["counterparty"], row["player"])] += row["value"]
    for each in shown:
        here = {(wave, pair): worth for (number, wave, pair), worth in value.items() if number == each.round}
        left = {pair: worth for (wave, pair), worth in here.items() if wave == 0 or wave > each.wave}
        gone = {pair: worth for (wave, pair), worth in here.items() if wave == each.wave > 0}
        assert dict(each.flows) == pytest.approx(left)
        assert dict(each.cancelled) == pytest.approx(gone)
    # A cascade: a later wave cancels something that an earlier one had left.
    assert any(each.wave == 3 and each.cancelled for each in shown)


def test_once_a_round_is_settled_wealth_is_what_the_table_says(run: Run, shown: list[Moment]) -> None:
    wealth = {(row["round"], row["player"]): row["wealth"] for row in rows(run, "players")}
    for each in shown:
        if each.settled:
            assert dict(each.wealth) == {name: wealth[each.round, name] for name in each.wealth}
        else:
            assert all(each.wealth[name] == 0 for name in each.failed)


def test_coalitions_are_those_whose_members_accepted(run: Run, shown: list[Moment]) -> None:
    agreed: dict[int, set[str]] = defaultdict(set)
    for row in rows(run, "side_contracts"):
        if row["fate"] == "accepted":
            agreed[row["round"]].add(row["coalition"])
    for each in shown:
        assert {" + ".join(members) for members in each.coalitions} == agreed[each.round]
    assert any(each.coalitions for each in shown)


def test_the_trade_network_joins_those_who_agreed(run: Run, shown: list[Moment]) -> None:
    moment = next(each for each in shown if each.coalitions)
    figure = trade_network(run, moment.round)
    places = {name: tuple(points(line)[0]) for name, line in nodes(figure).items()}
    lines = [line for line in axes_of(figure)[0].lines if line.get_gid() == AGREEMENT]
    expected = [[places[name] for name in (*members, members[0])] for members in moment.coalitions]
    assert [list(map(tuple, points(line))) for line in lines] == expected
    assert "agreed" in words(figure)


def test_pictures_hold_what_their_moment_says_on_one_scale(film: Film, shown: list[Moment]) -> None:
    richest = max(max(each.wealth.values()) for each in shown)
    looks = palette.player_looks(shown[0].wealth)
    widths: dict[float, float] = {}
    for each in shown:
        content = film.content(each)
        arrows = [artist for artist in content if isinstance(artist, FancyArrowPatch)]
        drawn = {str(arrow.get_gid()) for arrow in arrows}
        assert drawn == {f"{giver} to {receiver}" for giver, receiver in [*each.flows, *each.cancelled]}
        cut = {str(arrow.get_gid()) for arrow in arrows if arrow.get_linestyle() != "-"}
        assert cut == {f"{giver} to {receiver}" for giver, receiver in each.cancelled}
        for arrow in arrows:
            giver, receiver = str(arrow.get_gid()).split(" to ")
            worth = {**each.flows, **each.cancelled}[giver, receiver]
            assert widths.setdefault(worth, arrow.get_linewidth()) == arrow.get_linewidth()
        nodes = {
            str(line.get_gid()): line for line in content if isinstance(line, Line2D) and line.get_gid() in each.wealth
        }
        for name, node in nodes.items():
            expected = max(4.0, 30.0 * np.sqrt(max(0.0, each.wealth[name]) / richest))
            assert node.get_markersize() == pytest.approx(expected)
            assert node.get_markerfacecolor() == looks[name].colour
            assert node.get_markeredgewidth() == (palette.THICK if name == "JPN" else palette.THIN)
        crosses = [line for line in content if isinstance(line, Line2D) and line.get_marker() == "X"]
        assert len(crosses) == len(each.failed)
        labels = [artist.get_text() for artist in content if isinstance(artist, Text)]
        for name, wave in each.failed.items():
            fell = f"bankrupt, wave {wave}" if each.waves > 1 else "bankrupt"
            assert any(label.startswith(name) and label.endswith(fell) for label in labels)
    widest = sorted(widths)
    assert [widths[worth] for worth in widest] == sorted(widths.values())


def test_who_is_short_of_a_good_has_half_a_cross_and_everybody_is_shown_as_it_behaves_in_the_round(
    tmp_path: Path,
) -> None:
    made = results.load(write_folder(tmp_path / "run", Play(rounds=2, bankrupt={1: ["ann", "bob"]}, trades=False)))
    players = made.players.astype({"behaviour": str, "reason": str})
    players.loc[(players["round"] == 0) & (players["player"] == "cem"), "behaviour"] = "noisy"
    players.loc[(players["round"] == 1) & (players["player"] == "bob"), "reason"] = "short-sale"
    shown = moments(Run(made.folder, made.manifest, {**made.tables, "players": players}))
    film = Film(made, shown)
    first, last = film.content(shown[0]), film.content(shown[-1])
    crosses = [line for line in last if isinstance(line, Line2D) and line.get_marker() == "X"]
    assert [line.get_fillstyle() for line in crosses] == ["full", "bottom"]
    assert "short of a good" in words(film.figure)
    labels = {label.get_text() for label in last if isinstance(label, Annotation)}
    assert labels == {"ann\nbankrupt", "bob\nbankrupt", "cem"}
    film.content(shown[0])
    assert {label.get_text() for label in first if isinstance(label, Annotation)} == {"ann", "bob", "cem\nnoisy"}


@pytest.mark.parametrize("many", [24, 300])
def test_of_many_players_circles_and_names_are_told_apart_and_of_very_many_who_stands_where_is_said(
    many: int, tmp_path: Path
) -> None:
    names = [f"trader {number}" for number in range(many)]
    made = results.load(write_folder(tmp_path / "run", Play(names, 1, bankrupt={0: names[:7]}, trades=False)))
    waves = [(1 + place % 3) * (place < 7) for place in range(many)]
    fell = Run(made.folder, made.manifest, {**made.tables, "players": made.players.assign(wave=waves)})
    *_, last = moments(fell)
    film = Film(fell, [last])
    content = film.content(last)
    circles = [line for line in content if isinstance(line, Line2D) and str(line.get_gid()) in last.wealth]
    assert len(circles) == many
    point = film.figure.dpi / 72
    places = np.array([film.figure.axes[0].transData.transform(points(circle)[0]) for circle in circles]) / point
    across = np.array([circle.get_markersize() for circle in circles])
    apart = np.hypot(*(places[:, None] - places[None, :]).transpose(2, 0, 1)) + 100 * np.eye(many)
    # Circles cover no more than an edge of each other.
    assert (apart > 0.8 * (across[:, None] + across[None, :]) / 2).all()
    assert len([line for line in content if isinstance(line, Line2D) and line.get_marker() == "X"]) == 7
    labels = [artist for artist in content if isinstance(artist, Annotation) and artist.get_text()]
    if many > 60:
        assert labels == []
        assert "clockwise from the top: trader 0 to trader 299" in words(film.figure)
        return
    assert {label.get_text() for label in labels} == {
        f"{name} ({wave})" if wave else name for name, wave in zip(names, waves, strict=True)
    }
    page = film.figure.bbox
    for label in labels:
        box = label.get_window_extent()
        assert page.x0 <= box.x0 < box.x1 <= page.x1, label
        assert page.y0 <= box.y0 < box.y1 <= page.y1, label
    # Names run outwards and are as far apart at their inner ends as letters are high.
    ends = places + (across[:, None] / 2 + 3) * (places - places.mean(axis=0)) / np.hypot(
        *(places - places.mean(axis=0)).T
    ).reshape(-1, 1)
    steps = np.hypot(*(ends - np.roll(ends, 1, axis=0)).T)
    assert steps.min() > 7
    assert "in brackets: the wave" in words(film.figure)


def test_the_strips_show_nothing_of_what_is_to_come(film: Film, shown: list[Moment]) -> None:
    for each in shown:
        quoted, supporting, played, best = (line for line in film.content(each)[:4] if isinstance(line, Line2D))
        assert points(quoted)[:, 0].max() == points(supporting)[:, 0].max() == each.round
        known = list(range(each.round + each.settled))
        assert points(played)[:, 0].tolist() == points(best)[:, 0].tolist() == known


def test_text_can_be_read_and_lies_on_the_page(film: Film, shown: list[Moment]) -> None:
    for each in shown:
        film.content(each)
        page = film.figure.bbox
        # Marks of an axis beyond its ends are not drawn.
        marks = {mark for axes in film.figure.axes for mark in (*axes.get_xticklabels(), *axes.get_yticklabels())}
        for text in set(texts(film.figure)) - marks:
            assert float(text.get_fontsize()) >= 7
            box = text.get_window_extent()
            assert page.x0 <= box.x0 < box.x1 <= page.x1, text
            assert page.y0 <= box.y0 < box.y1 <= page.y1, text


@pytest.fixture
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pictures be small, and a multiple of 64 wide as those of films are, which encoders read as a whole."""
    monkeypatch.setattr(animation, "_DOTS", animation._DOTS / 3)


@pytest.mark.usefixtures("small_pictures")
@pytest.mark.parametrize("kind", ["mp4", "gif"])
def test_equal_runs_give_equal_files_that_are_known_to_be_ours(run: Run, kind: str, tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    files = [
        save_film(run, tmp_path / f"{name}.{kind}", first=9, on_picture=lambda *each: said.append(each))
        for name in ("one", "other")
    ]
    assert files[0].read_bytes() == files[1].read_bytes()
    pictures = len(moments(run, 9))
    assert said == 2 * [(done, pictures) for done in range(1, pictures + 1)]
    assert is_film(files[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"one.{kind}", f"other.{kind}"]
    if kind == "gif":
        with Image.open(files[0]) as image:
            assert image.n_frames == pictures  # type: ignore[attr-defined]  # of GIF images
            assert image.info["duration"] == 500
    else:
        with av.open(str(files[0])) as container:
            assert container.metadata["comment"] == MARK
            assert sum(1 for _ in container.decode(video=0)) == pictures


@pytest.mark.usefixtures("small_pictures")
def test_an_interrupted_picture_leaves_no_half_file_and_the_earlier_one_whole(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    path.write_bytes(b"earlier")

    def interrupt(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_film(run, path, first=9, on_picture=interrupt)
    assert path.read_bytes() == b"earlier"
    assert [entry.name for entry in tmp_path.iterdir()] == ["film.gif"]
    assert not is_film(path)


def test_without_an_encoder_it_is_said_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(animation, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match="extra `animation`"):
        save_film(run, tmp_path / "film.mp4")


@pytest.mark.parametrize("extent", [(3, 2), (0, ROUNDS), (-1, 2)])
def test_rounds_that_were_not_played_are_refused(run: Run, extent: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="played 0 to 9"):
        moments(run, *extent)
