"""How often learners take which stance is counted over the right rounds; only seeds that agree say it has settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from marketgame.results import Run
from marketgame.results.figures.stances import stances_over_rounds
from marketgame.results.learning import Settled, joint_play, learned_play
from marketgame.results.palette import player_looks

ROUNDS = 40


def learnt(
    stance: Callable[[int, int], str], runs: int, point: Callable[[int], int] | None = None, players: int = 1
) -> Run:
    """Return runs in which players take a stance that depends on the run and the round."""
    rows = [
        {"run": run, "round": number, "player": f"p{player}", "type": "low" if number % 2 else "high", "gain": 0.0}
        | {"stance": stance(run, number)}
        for run in range(runs)
        for number in range(ROUNDS)
        for player in range(players)
    ]
    of_runs: Mapping[str, object] = {"run": range(runs), "rounds": ROUNDS, "seed": range(runs)}
    tables = {"stances": pd.DataFrame(rows), "runs": pd.DataFrame(of_runs)}
    if point is not None:
        tables["runs"]["point"] = [point(run) for run in range(runs)]
        tables["runs"]["rules.solvency"] = [f"rule {point(run)}" for run in range(runs)]
        tables["points"] = tables["runs"][["point", "rules.solvency"]].drop_duplicates()
    return Run(Path("made up"), {}, tables)


def test_shares_are_of_the_rounds_of_a_type_and_of_the_windows() -> None:
    # Before round 10 always one, from 10 to 19 half of the time for odd rounds, from 20 on the other.
    def stance(run: int, number: int) -> str:
        return "one" if number < 10 or (number < 20 and number % 4 == 1) else "other"

    play = learned_play(learnt(stance, 1)).set_index(["type", "stance"])
    # Odd rounds: 5 before 10; of 11, 13, 15, 17, 19 those two that leave one when divided by four.
    assert play.loc[("low", "one"), "share"] == pytest.approx((5 + 2) / 20)
    assert play.loc[("low", "one"), "before"] == pytest.approx(2 / 5)
    assert play.loc[("low", "one"), "late"] == 0
    assert play.loc[("low", "one"), "change"] == pytest.approx(-2 / 5)
    assert play.loc[("low", "other"), "change"] == pytest.approx(2 / 5)
    assert play.loc[("high", "one"), "share"] == pytest.approx(5 / 20)
    assert play["verdict"].tolist() == [Settled.UNKNOWN] * 4  # one run says nothing of others
    assert play[["low", "high", "change_low", "change_high"]].isna().all(axis=None)


def test_whether_play_has_settled_needs_seeds_that_agree() -> None:
    def verdicts(stance: Callable[[int, int], str], runs: int) -> set[str]:
        return set(learned_play(learnt(stance, runs))["verdict"])

    def still(run: int, number: int) -> str:
        return "one" if run % 2 else "other"

    def later(run: int, number: int) -> str:
        return "one" if number < 20 else "other"

    def by_seed(run: int, number: int) -> str:
        return "one" if (number < 20) == (run % 2 == 0) else "other"

    assert verdicts(still, 6) == {Settled.YES}  # seeds differ from each other, none changes
    assert verdicts(later, 6) == {Settled.NO}
    assert verdicts(by_seed, 6) == {Settled.UNKNOWN}  # each changes, in no common direction
    assert verdicts(still, 4) == {Settled.UNKNOWN}


def test_points_of_a_sweep_are_told_apart() -> None:
    def stance(run: int, number: int) -> str:
        return "one" if run < 3 else "other"

    play = learned_play(learnt(stance, 6, lambda run: run // 3))
    assert play.groupby("rules.solvency")["stance"].unique().map(list).to_dict() == {
        "rule 0": ["one"],
        "rule 1": ["other"],
    }
    assert set(play["runs"]) == {3}


def test_joint_play_counts_what_is_done_together() -> None:
    run = learnt(lambda run, number: "one" if number < 10 else "other", 1, players=2)
    joint = joint_play(run)
    assert joint["rounds"].tolist() == [15, 15, 5, 5]
    assert joint["share"].sum() == pytest.approx(1)
    assert set(joint["stances"]) == {"p0: one, p1: one", "p0: other, p1: other"}


def test_the_figure_shows_means_over_the_seeds_of_a_point_with_bands() -> None:
    def stance(run: int, number: int) -> str:
        return "obedient" if run in {0, 1, 2} or number < 20 else "short-selling"

    # Runs 0 to 3 are of one point: obedience in all rounds but the later ones of run 3.
    figure = stances_over_rounds(learnt(stance, 8, lambda run: run // 4, players=2), run_number=1)
    drawn = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in drawn] == ["p0", "p1"]
    obedient, selling = (line for line in drawn[0].get_lines() if line.get_gid() is None)
    assert (obedient.get_label(), selling.get_label()) == ("obedient", "short-selling")
    middle, shares = np.asarray(obedient.get_xdata(), float), np.asarray(obedient.get_ydata(), float)
    assert shares[middle < 19] == pytest.approx(1)
    assert shares[middle > 21] == pytest.approx(3 / 4)
    assert np.asarray(selling.get_ydata(), float) == pytest.approx(1 - shares)
    assert len(drawn[0].collections) == 2


def test_of_many_learners_all_share_a_panel_and_those_who_differ_most_have_their_own() -> None:
    run = learnt(lambda run, number: f"stance {number % 9}", 1, players=9)
    rows = run.stances.copy()
    rows.loc[rows["player"] == "p7", "stance"] = "stance 3"
    run = Run(run.folder, run.manifest, {**run.tables, "stances": rows})
    figure = stances_over_rounds(run)
    drawn = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in drawn] == ["all 9 learners", "p7", "p0", "p1", "p2", "p3"]
    assert "all, and the 5 who differ most" in figure.get_suptitle()
    looks = player_looks(f"p{number}" for number in range(9))
    for axes in drawn:
        lines = [line for line in axes.get_lines() if line.get_gid() is None]
        names = [line.get_label() for line in lines]
        assert len(names) == 7
        assert names[-1] == "others"
        assert sum(np.asarray(line.get_ydata(), float) for line in lines) == pytest.approx(1)
        own = {str(line.get_gid()): line.get_markerfacecolor() for line in axes.get_lines() if line not in lines}
        name = axes.get_title(loc="left")
        assert own == ({name: looks[name].colour} if name in looks else {})
    assert all(float(text.get_fontsize()) >= 7 for text in figure.findobj(Text))
