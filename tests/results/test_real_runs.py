"""Runs of the shipped scenarios are read and drawn as what they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from marketgame import results
from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.results.figures import (
    quotes_against_supporting_price,
    standard_figures,
    trade_network,
    who_ends_with_what,
)
from marketgame.results.loading import REQUIRED_COLUMNS, Run
from marketgame.simulation.recording.tables import TABLES
from marketgame.simulation.run import simulate
from tests.results.figure_contents import words
from tests.run_folders import write_run

SCENARIOS = Path(__file__).parents[2] / "experiments" / "scenarios"


@pytest.fixture
def simulated(tmp_path: Path) -> Callable[[str], Run]:
    """Return a function that plays two rounds of a shipped scenario and loads what they wrote."""

    def play(name: str) -> Run:
        write_run(tmp_path / name, simulate(load_scenario(SCENARIOS / f"{name}.toml", rounds=2)), {"seed": 7})
        return results.load(tmp_path / name)

    return play


@pytest.mark.parametrize("table", REQUIRED_COLUMNS)
def test_the_reader_asks_for_no_column_that_is_not_written(table: str) -> None:
    assert set(REQUIRED_COLUMNS[table]) <= {column.name for column in TABLES[table].columns}


def test_units_and_meanings_survive_writing_and_reading(simulated: Callable[[str], Run]) -> None:
    run = simulated("tutorial-obedient")
    for name, schema in TABLES.items():
        assert run.tables[name].attrs["units"] == {column.name: column.unit for column in schema.columns}
        assert run.tables[name].attrs["meaning"] == {column.name: column.meaning for column in schema.columns}


def test_obedient_traders_are_summed_up_as_first_best(simulated: Callable[[str], Run]) -> None:
    run = simulated("tutorial-obedient")
    assert results.summary(run).loc["played", "share_of_first_best_gains"] == pytest.approx(1, abs=1e-9)
    players = results.player_summary(run)
    assert players["mean_utility"].tolist() == pytest.approx(players["mean_promised_utility"].tolist(), rel=1e-9)
    assert not players["bankruptcies"].any()


def test_a_short_seller_is_seen_with_all_the_money_and_nobody_bankrupt(simulated: Callable[[str], Run]) -> None:
    run = simulated("three-traders-short-seller")
    (seller,) = results.player_summary(run).query("behaviour == 'short-selling'").index
    assert who_ends_with_what(run, 0).get_suptitle() == f"Round 0 leaves {seller} with all the money"
    seen = words(trade_network(run, 0))
    assert f"{seller}\nshort-selling" in seen
    assert "nobody bankrupt" in seen


def test_the_same_short_seller_is_seen_bankrupt_without_short_sales(simulated: Callable[[str], Run]) -> None:
    run = simulated("three-traders-short-seller-no-short-sales")
    (seller,) = results.player_summary(run).query("behaviour == 'short-selling'").index
    assert f"{seller}\nshort-selling\nbankrupt" in words(trade_network(run, 0))
    assert f"{seller} (short-selling, bankrupt)" in words(who_ends_with_what(run, 0))


def test_an_arbitrageur_is_seen_with_the_whole_supply_and_the_mispricer_is_named(
    simulated: Callable[[str], Run],
) -> None:
    run = simulated("three-traders-arbitrage-prices-first")
    behaviours = results.player_summary(run)["behaviour"]
    (arbitrageur,) = behaviours[behaviours == "arbitraging"].index
    (mispricer,) = behaviours[behaviours == "mispricing"].index
    goods = " and ".join(run.goods)
    assert who_ends_with_what(run, 1).get_suptitle().replace("\n", " ") == (
        f"Round 1 leaves {arbitrageur} with all the {goods}"
    )
    assert f"{mispricer} departs" in quotes_against_supporting_price(run, run.goods[0]).get_suptitle()


def test_runs_with_organisers_and_no_others_get_a_figure_of_side_contracts(simulated: Callable[[str], Run]) -> None:
    organised = simulated("three-traders-organised")
    tried = organised.tables["side_contracts"].groupby(["round", "coalition"], observed=True).ngroups
    assert f"in {tried} attempts" in standard_figures(organised)["side-contracts"].get_suptitle()
    assert "side-contracts" not in standard_figures(simulated("tutorial-obedient"))
