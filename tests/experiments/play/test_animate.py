"""`marketgame animate` leaves a moving picture, in the run's own folder or in a file that nobody else wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketgame import results
from marketgame.results.figures import animation
from tests.experiments.command_calls import Call, assert_one_line

QUICK = ("--rounds", 1, "--figures", "none", "--out", "run")


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pictures be small: what becomes of files does not depend on it."""
    monkeypatch.setattr(animation, "_DOTS", animation._DOTS / 3)


def test_a_picture_joins_the_files_of_its_run_and_is_replaced_by_the_next_and_files_of_others_are_not_touched(
    marketgame: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert marketgame("run", "example:tutorial-obedient", *QUICK).code == 0
    for _ in range(2):
        answer = marketgame("animate", "run")
        assert (answer.code, answer.out) == (0, "run/figures/animation.mp4\n")
    assert animation.is_film(tmp_path / "run" / "figures" / "animation.mp4")
    assert results.load("run").manifest["status"] == "done"
    monkeypatch.setattr(animation, "can_write_mp4", lambda: False)
    answer = marketgame("animate", "run")
    assert (answer.code, answer.out) == (0, "run/figures/animation.gif\n")
    assert "extra `animation`" in answer.err
    for extent in ("3", "a:b", "1:0", "0:5", "-1:0"):
        assert_one_line(marketgame("animate", "run", f"--rounds={extent}", "--out", "film.gif"))
    foreign = tmp_path / "holiday.gif"
    foreign.write_bytes(b"GIF89a of somebody")
    (tmp_path / "link.gif").symlink_to(foreign)
    for name in ("holiday.gif", "link.gif", "run"):
        assert_one_line(marketgame("animate", "run", "--out", name), name)
    assert foreign.read_bytes() == b"GIF89a of somebody"
    ours = Path(answer.out.strip()).rename("ours.gif")
    assert marketgame("animate", "run", "--out", ours).code == 0
    assert_one_line(marketgame("animate", "run", "--out", "film.avi"), "film.avi", ".mp4 or .gif")
    assert_one_line(marketgame("animate", "run", "--out", "missing/film.gif"), "missing")


def test_a_coalitional_game_has_no_trade_to_show(marketgame: Call) -> None:
    assert marketgame("run", "example:myerson-example-1-core", *QUICK).code == 0
    assert_one_line(marketgame("animate", "run"), "nothing was traded")
