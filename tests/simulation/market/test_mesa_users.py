"""The model is what a Mesa user expects: made by keywords, collected from, and shown by Mesa's own page."""

from __future__ import annotations

import math
from typing import Any

import mesa
import numpy as np
import pandas as pd
import pytest

from marketgame.agents.behaviours import ShortSelling
from marketgame.agents.trader import Trader
from marketgame.mechanisms.market_game.rules import MarketRules, Solvency
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.economy_fixtures import three_trader_economy

ECONOMY = three_trader_economy()
ONE_SHORT = (Assignment(ShortSelling(), players=("ann",)),)
SCENARIO = MarketScenario(
    "short", ECONOMY, MarketRules(solvency=Solvency.NO_SHORT_SALES), assignments=ONE_SHORT, seed=3
)
COLLECTED = {"model_reporters": {"welfare": "welfare", "gains": "gains", "bankruptcies": "bankruptcies"}}


def played(model: MarketModel, rounds: int = 4) -> dict[str, Any]:
    for _ in range(rounds):
        model.step()
    return {name: table.to_pydict() for name, table in model.recorder.tables().items()}


def test_keywords_make_the_model_that_a_scenario_makes() -> None:
    given: dict[str, Any] = {
        "economy": ECONOMY,
        "assignments": ONE_SHORT,
        "solvency": "no-short-sales",
        "rng": 3,
        "name": "short",
    }
    expected = played(MarketModel(SCENARIO))
    assert played(MarketModel(**given)) == expected
    assert expected["events"]["kind"]  # somebody fails: what is compared is not empty


def test_keywords_change_a_scenario() -> None:
    tolerant = MarketModel(SCENARIO, solvency="budget", seed=4)
    assert (tolerant.market_scenario.rules, tolerant.market_scenario.seed) == (MarketRules(), 4)
    assert tolerant.market_scenario.assignments == SCENARIO.assignments
    assert MarketModel(SCENARIO, transfers="lp", participation="individual").mediator is not None


@pytest.mark.parametrize(
    ("keywords", "said"),
    [({"solvancy": "budget"}, "takes no 'solvancy'"), ({"rng": 1, "seed": 1}, "not both"), ({}, "or an economy")],
)
def test_keywords_that_mean_nothing_are_refused(keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        MarketModel(**keywords)


def test_a_model_runs_as_long_as_its_scenario() -> None:
    model = MarketModel(SCENARIO, rounds=3)
    model.run_model()
    assert model.recorder.rounds == 3


def test_a_data_collector_collects_what_the_tables_of_the_run_hold() -> None:
    model = MarketModel(SCENARIO, rounds=3)
    collector = mesa.DataCollector(
        **COLLECTED, agenttype_reporters={Trader: {name: name for name in ("name", "utility", "wealth", "bankrupt")}}
    )
    collector.collect(model)
    while model.running:
        model.step()
        collector.collect(model)
    tables = {name: table.to_pandas() for name, table in simulate(model.market_scenario).items()}
    of_model = collector.get_model_vars_dataframe()
    assert math.isnan(of_model["welfare"][0])
    wanted = tables["rounds"][["welfare", "gains", "bankruptcies"]]
    pd.testing.assert_frame_equal(of_model[1:].reset_index(drop=True), wanted, check_dtype=False)
    assert wanted["bankruptcies"].any()
    traders = collector.get_agenttype_vars_dataframe(Trader).loc[1:].reset_index()
    assert list(traders["name"]) == list(tables["players"]["player"])
    for column in ("utility", "wealth", "bankrupt"):
        assert np.array_equal(traders[column].to_numpy(float), tables["players"][column].to_numpy(float))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mesas_own_page_shows_the_model_steps_it_and_makes_it_anew_from_its_controls() -> None:
    solara, visualization = pytest.importorskip("solara"), pytest.importorskip("mesa.visualization")
    vuetify = pytest.importorskip("ipyvuetify")
    seen: list[MarketModel] = []

    @solara.component  # type: ignore[untyped-decorator]
    def Welfare(model: MarketModel) -> None:  # noqa: N802 -- components are called as classes are
        seen.append(model)
        solara.Text(f"welfare {model.welfare:.3f}")

    params = {
        "market_scenario": SCENARIO,
        "solvency": {"type": "Select", "value": "budget", "values": list(map(str, Solvency)), "label": "solvency"},
        "seed": {"type": "SliderInt", "value": 5, "label": "seed", "min": 0, "max": 9, "step": 1},
    }
    page = visualization.SolaraViz(MarketModel(SCENARIO), components=[Welfare], model_params=params, use_threads=False)
    _, rendered = solara.render(solara.AppLayout(children=[page]), handle_error=False)
    press = {button.children[0]: button for button in rendered.find(vuetify.Btn).widgets if button.children}
    press["Step"].click()
    assert seen[-1].steps == 1
    assert str(seen[-1].market_scenario.rules.solvency) == "no-short-sales"
    press["Reset"].click()
    assert (seen[-1].steps, seen[-1].market_scenario.seed) == (0, 5)
    assert str(seen[-1].market_scenario.rules.solvency) == "budget"
