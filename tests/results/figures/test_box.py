"""The Edgeworth box: what is derived by hand of two quadratic traders is what the figure shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from marketgame import results
from marketgame.agents.behaviours import BEHAVIOURS
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import MarketRules, Solvency
from marketgame.results.figures import standard_figures
from marketgame.results.figures.box import box_of, edgeworth_box
from marketgame.results.loading import Run
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.results.figure_contents import axes_of, points, texts, words
from tests.run_folders import write_run

MONEY = 10.0
# Of ann, then of bob: what the first unit is worth, and how much wheat each owns. The slope is one.
WISHES, OWNED = (4.0, 6.0), (2.0, 1.0)


def two_traders(home: Path, behaviour: str) -> Run:
    players = [
        Player(name, (PlayerType("known", np.array([owned, MONEY]), Quadratic(np.array([wish]), np.ones((1, 1)))),))
        for name, owned, wish in zip(("ann", "bob"), OWNED, WISHES, strict=True)
    ]
    economy = Economy(
        "two", ("wheat", "money"), ("tonne", "euro"), tuple(players), IndependentPrior((np.ones(1), np.ones(1)))
    )
    who = (Assignment(BEHAVIOURS.find(behaviour)(), players=("bob",)),)
    rules = MarketRules(solvency=Solvency.NO_SHORT_SALES)
    scenario = MarketScenario("two", economy, rules=rules, rounds=2, seed=1, assignments=who)
    write_run(home, simulate(scenario), {"seed": 1})
    return results.load(home)


@pytest.fixture(scope="module")
def obedient(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return two_traders(tmp_path_factory.mktemp("box") / "obedient", "obedient")


@pytest.fixture(scope="module")
def wasteful(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return two_traders(tmp_path_factory.mktemp("box") / "wasteful", "short-selling")


def drawn(figure: Figure) -> dict[str, np.ndarray]:
    axes = axes_of(figure)[0]
    return {str(line.get_gid()): points(line) for line in axes.lines}


def worth(wish: float, wheat: Any) -> Any:
    return wish * wheat - wheat**2 / 2


def test_the_core_is_what_is_efficient_and_taken_by_both_for_what_they_own(obedient: Run) -> None:
    # Marginal worths agree, 4 - q = 6 - (3 - q), where ann keeps half a tonne; so the price is 3.5.
    least = MONEY + worth(4.0, 2.0) - worth(4.0, 0.5)
    most = MONEY + worth(6.0, 2.5) - worth(6.0, 1.0)
    shown = drawn(edgeworth_box(obedient, 0))
    np.testing.assert_allclose(shown["core"], [(0.5, least), (0.5, most)])
    np.testing.assert_allclose(shown["contract-curve"], [(0, 0), (0.5, 0), (0.5, 20), (3, 20)])
    (start, end) = shown["budget"]
    assert (end[1] - start[1]) / (end[0] - start[0]) == pytest.approx(-3.5)
    assert start[1] - 3.5 * OWNED[0] == pytest.approx(MONEY)
    np.testing.assert_allclose(shown["endowment"], [(2.0, MONEY)])


def test_what_is_played_at_the_supporting_price_is_where_its_line_meets_the_core(obedient: Run) -> None:
    figure = edgeworth_box(obedient, 1)
    shown = drawn(figure)
    box = box_of(obedient, 1)
    assert box.is_in_core
    np.testing.assert_allclose(shown["played"], [(0.5, MONEY + 3.5 * 1.5)])
    np.testing.assert_allclose(shown["others"], shown["played"])
    assert "reaches the core" in words(figure).replace("\n", " ")


def test_what_is_wasted_stands_between_what_each_consumes(wasteful: Run) -> None:
    shown = drawn(edgeworth_box(wasteful, 0))
    rows = wasteful.holdings[wasteful.holdings["round"] == 0].pivot_table(
        index="player", columns="good", values="consumption", observed=True
    )
    ann, bob = (rows.loc[name, ["wheat", "money"]].to_numpy(float) for name in ("ann", "bob"))
    assert (ann + bob < [3.0, 20.0]).any()
    np.testing.assert_allclose(shown["played-ann"], [ann])
    np.testing.assert_allclose(shown["played-bob"], [np.array([3.0, 20.0]) - bob])
    assert "is not in the core" in words(edgeworth_box(wasteful, 0)).replace("\n", " ")


def test_curves_join_what_a_trader_likes_as_much_as_the_endowments_the_play_and_what_is_efficient(
    wasteful: Run,
) -> None:
    shown = drawn(edgeworth_box(wasteful, 0))
    efficient = (0.5, MONEY + 3.5 * 1.5)
    np.testing.assert_allclose(shown["efficient"], [efficient])
    height, width = 2 * MONEY, sum(OWNED)
    for name, wish, far in (("ann", WISHES[0], False), ("bob", WISHES[1], True)):
        throughs = {
            "endowment": np.array([2.0, MONEY]),
            "efficient": np.array(efficient),
            "played": shown[f"played-{name}"][0],
        }
        for what, point in throughs.items():
            curve = np.vstack([point, shown[f"{name} indifferent to {what}"]])
            mine = np.array([width, height]) - curve if far else curve
            utility = mine[:, 1] + worth(wish, mine[:, 0])
            np.testing.assert_allclose(utility[1:], utility[0], atol=1e-6 * height)
            assert np.ptp(curve[1:, 0]) == pytest.approx(width)


def test_letters_can_be_read_and_it_is_among_the_figures_of_such_a_run_alone(obedient: Run) -> None:
    figure = standard_figures(obedient)["edgeworth-box"]
    assert min(float(text.get_fontsize()) for text in texts(figure)) >= 7
    assert (
        len({label for line in axes_of(figure)[0].lines if not (label := str(line.get_label())).startswith("_")}) == 9
    )


def test_other_markets_have_no_box(played: Callable[..., Run]) -> None:
    made_up = played(rounds=2)
    assert "edgeworth-box" not in standard_figures(made_up)
    with pytest.raises(ValueError, match="two traders with one good"):
        box_of(made_up, 0)
