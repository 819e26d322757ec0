"""The raster of bankruptcies fills the fields of those who failed, by reason, and numbers their waves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from marketgame import results
from marketgame.results.figures.bankruptcies import BANKRUPTCIES, bankruptcies_by_player
from marketgame.results.figures.figure import View
from marketgame.results.loading import Run
from marketgame.results.palette import player_looks
from tests.results.figure_contents import SIX, rows, texts, words


def filled(figure: Figure, reason: str, players: Sequence[str] = SIX) -> NDArray[np.float64]:
    """Return how strongly each field is filled for a reason, ``(players, blocks)``, in the colour of the player."""
    images = [image for image in figure.axes[0].images if str(image.get_gid()).startswith(reason)]
    pixels = np.concatenate([np.asarray(image.get_array()) for image in images])
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    for name, line in zip(shown, pixels, strict=True):
        assert {tuple(pixel[:3]) for pixel in line} == {to_rgb(player_looks(players)[name].colour)}
    strength: NDArray[np.float64] = pixels[..., 3]
    return strength


def with_column(run: Run, name: str, values: list[Any]) -> Run:
    """Return a run whose table of players has another column."""
    path = run.folder / "players.parquet"
    table = pq.read_table(path)
    place = table.column_names.index(name) if name in table.column_names else table.num_columns
    kept = table.drop_columns([name]) if name in table.column_names else table
    pq.write_table(kept.add_column(min(place, kept.num_columns), name, pa.array(values)), path)
    return results.load(run.folder)


def test_fields_are_filled_for_those_who_failed_and_numbered_by_wave(played: Callable[..., Run]) -> None:
    run = played(names=SIX, rounds=8, bankrupt={1: ["JPN", "FSU"], 5: ["USA"], 6: list(SIX)})
    fell = [(row["player"], row["round"]) for row in rows(run, "players") if row["bankrupt"]]
    waves = [(1 + number % 3) * row["bankrupt"] for number, row in enumerate(rows(run, "players"))]
    run = with_column(run, "wave", waves)
    short = {("FSU", 1), ("USA", 6)}
    reasons = [
        "short-sale" if (row["player"], row["round"]) in short else row["reason"] for row in rows(run, "players")
    ]
    run = with_column(run, "reason", reasons)
    figure = bankruptcies_by_player(run)
    for reason, those in (("budget", set(fell) - short), ("short-sale", short)):
        expected = [[float((name, number) in those) for number in range(8)] for name in SIX]
        assert filled(figure, reason).tolist() == expected
    assert f"{len(fell)} bankruptcies in 3 of 8 rounds" in words(figure)
    numbers = Counter(text.get_text() for text in figure.axes[0].texts)
    assert numbers == Counter(str(wave) for wave in waves if wave)
    assert min(float(text.get_fontsize()) for text in texts(figure)) >= 7


def test_many_rounds_are_shown_in_blocks_and_a_single_failure_is_seen(played: Callable[..., Run]) -> None:
    run = played(rounds=301, bankrupt={0: ["ann"], 4: ["bob"], 3: ["bob"], 5: ["bob"]}, trades=False)
    strength = filled(bankruptcies_by_player(run), "budget", run.player_names)
    assert strength.shape == (3, 101)
    assert strength[0].tolist() == pytest.approx([0.25 + 0.75 / 3, *([0] * 100)])
    assert strength[1].tolist() == pytest.approx([0, 1, *([0] * 99)])
    assert not strength[2].any()


def test_of_many_players_those_are_shown_who_failed_most_often(played: Callable[..., Run]) -> None:
    names = [f"player {number}" for number in range(50)]
    run = played(names=names, rounds=2, bankrupt={0: names[5:45], 1: names[5:46]}, trades=False)
    figure = bankruptcies_by_player(run)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == names[5:45]
    assert "the 40 of 50 players who failed most often" in words(figure)


def test_where_nobody_fails_there_is_nothing_to_see(played: Callable[..., Run]) -> None:
    assert not BANKRUPTCIES.worthwhile(View(played(), 0, 0))
