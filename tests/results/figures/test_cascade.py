"""The order of a cascade: who fails in which wave, and whose cancelled trades led to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from marketgame import results
from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.results.figures.cascade import CASCADE, cascade_of, cascade_order, deepest_cascade
from marketgame.results.figures.figure import View
from marketgame.results.loading import Run
from marketgame.simulation.run import simulate
from tests.experiments.command_calls import SCENARIOS
from tests.results.figure_contents import arrows, axes_of, nodes, points, rows, texts, words
from tests.run_folders import write_run


@pytest.fixture(scope="module")
def cascades(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Arbitrageurs who fail as those fail who fail before them."""
    home = tmp_path_factory.mktemp("cascades") / "run"
    write_run(home, simulate(load_scenario(SCENARIOS / "ten-traders-arbitrageurs.toml", rounds=6)), {"seed": 1})
    return results.load(home)


def in_waves(played: Callable[..., Run], waves: Sequence[Sequence[int]], short: Sequence[str] = ()) -> Run:
    """Return a made-up run of so many rounds in which players fail in the waves given, player by player."""
    names = [f"p{number}" for number in range(len(waves[0]))]
    fell = {
        number: [name for name, wave in zip(names, round_waves, strict=True) if wave]
        for number, round_waves in enumerate(waves)
    }
    run = played(names=names, rounds=len(waves), bankrupt=fell, trades=False)
    players = run.players.assign(wave=[wave for round_waves in waves for wave in round_waves])
    reason = players["reason"].astype(str).where(~players["player"].isin(short), "short-sale")
    players["reason"] = reason.where(players["bankrupt"], "solvent")
    players.attrs = run.players.attrs
    return Run(run.folder, run.manifest, MappingProxyType(dict(run.tables) | {"players": players}))


def test_who_fails_later_could_pay_its_orders_but_for_what_it_lost_with_those_who_failed_before(cascades: Run) -> None:
    after_the_first, players = 0, rows(cascades, "players")
    for number in range(6):
        cascade = cascade_of(cascades, number)
        known_of = {row["player"]: row for row in players if row["round"] == number}
        assert {each.player: each.wave for each in cascade.fallen} == {
            name: row["wave"] for name, row in known_of.items() if row["bankrupt"]
        }
        gone = cascades.cancelled_trades[cascades.cancelled_trades["round"] == number].astype({"good": str})
        wave = {each.player: each.wave for each in cascade.fallen}
        for each in cascade.fallen:
            assert each.amount == pytest.approx(known_of[each.player]["cost"] - known_of[each.player]["transfer"])
            bought, sold = gone[gone["player"] == each.player], gone[gone["counterparty"] == each.player]
            lost = {
                other: -float(
                    bought["charged_to_player"][bought["counterparty"] == other].sum()
                    + sold["charged_to_counterparty"][sold["player"] == other].sum()
                )
                for other, before in wave.items()
                if before < each.wave
            }
            ordered = float(bought["charged_to_player"].sum() + sold["charged_to_counterparty"].sum())
            # Nothing that a bankrupt player ordered stands.
            assert known_of[each.player]["cost"] == pytest.approx(ordered + sum(lost.values()), rel=1e-6)
            assert (ordered <= known_of[each.player]["transfer"]) == (each.wave > 1)
            known = {pair[0]: loss for pair, loss in cascade.causes.items() if pair[1] == each.player}
            scale = max(known.values(), default=0.0)
            assert known == pytest.approx({other: loss for other, loss in lost.items() if loss > 1e-9 * scale})
            after_the_first += each.wave > 1
            assert bool(known) == (each.wave > 1)
    assert after_the_first > 10


def test_the_figure_shows_every_bankrupt_in_its_wave_and_an_arrow_for_each_cause(cascades: Run) -> None:
    number = deepest_cascade(cascades)
    cascade = cascade_of(cascades, number)
    figure = cascade_order(cascades)
    assert f"Round {number}: {len(cascade.fallen)} of 10 players bankrupt in {cascade.waves} waves" in words(figure)
    places = nodes(figure)
    for row, each in enumerate(cascade.fallen):
        assert points(places[each.player]).tolist() == [[each.wave, row]]
    drawn = arrows(figure)
    assert set(drawn) == {f"{before} to {after}" for before, after in cascade.causes}
    widest = max(cascade.causes, key=lambda pair: cascade.causes[pair])
    assert drawn[f"{widest[0]} to {widest[1]}"].get_linewidth() == max(each.get_linewidth() for each in drawn.values())
    assert min(float(text.get_fontsize()) for text in texts(figure)) >= 7


def test_the_round_of_most_waves_is_shown_unless_one_is_asked_for(played: Callable[..., Run]) -> None:
    run = in_waves(played, [[1, 1, 1, 1], [0, 1, 2, 0], [2, 1, 3, 0], [1, 2, 3, 0], [0, 0, 0, 0]])
    assert deepest_cascade(run) == 2
    shown = {asked: View(run, 0, 0, asked=asked) for asked in (None, 0, 4)}
    assert "Round 2: 3 of 4 players bankrupt in 3 waves" in words(CASCADE.draw(shown[None]))
    assert "Round 0: 4 of 4 players bankrupt at once" in words(CASCADE.draw(shown[0]))
    assert [CASCADE.worthwhile(view) for view in shown.values()] == [True, True, False]
    with pytest.raises(ValueError, match="nobody went bankrupt in round 4"):
        cascade_order(run, 4)
    at_once = in_waves(played, [[1, 1, 0, 0]])
    assert not CASCADE.worthwhile(View(at_once, 0, 0))


def test_who_is_short_of_a_good_lost_what_it_was_to_receive(played: Callable[..., Run]) -> None:
    run = in_waves(played, [[1, 2, 0]], short=["p1"])
    keys = {"run": 0, "round": 0, "wave": 1, "charged_to_player": 0.0, "charged_to_counterparty": 0.0}
    cancelled = pd.DataFrame(
        [
            keys | {"player": "p1", "counterparty": "p0", "good": "wheat", "quantity": 2.0, "value": 8.0},
            keys | {"player": "p0", "counterparty": "p1", "good": "money", "quantity": 9.0, "value": 9.0},
            keys | {"player": "p0", "counterparty": "p2", "good": "wheat", "quantity": 1.0, "value": 4.0},
        ]
    )
    known = Run(run.folder, run.manifest, MappingProxyType(dict(run.tables) | {"cancelled_trades": cancelled}))
    assert cascade_of(known, 0).causes == {("p0", "p1"): 8.0}
    # A folder that does not know charges tells who failed, and no causes.
    assert cascade_of(run, 0).causes == {}
    assert "by whose trades is not recorded" in words(cascade_order(run)).replace("\n", " ")


def test_of_many_bankrupt_some_of_every_wave_are_shown(played: Callable[..., Run]) -> None:
    waves = np.repeat([1, 2, 3], [100, 30, 2])
    figure = cascade_order(in_waves(played, [waves.tolist()]))
    shown = [float(points(line)[0, 0]) for line in nodes(figure).values()]
    assert [shown.count(wave) for wave in (1, 2, 3)] == [19, 19, 2]
    assert "100 bankrupt" in words(figure)
    assert "40 of them are shown" in words(figure)
    assert axes_of(figure)[0].get_ylim() == (39.6, -0.6)
