"""Runs are reproducible, their tables agree with each other, and their folders are whole."""

from __future__ import annotations

import json
import pickle
import random
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketgame.agents.behaviours import (
    BEHAVIOURS,
    Arbitraging,
    Behaviour,
    BestResponding,
    Mispricing,
    Misreporting,
    Noisy,
    ShortSelling,
    Withholding,
)
from marketgame.experiments.files.interruption import Postponement
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Pricing, Solvency
from marketgame.simulation import run
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.recording import benchmarks, recorder
from marketgame.simulation.recording.table_files import TableFiles
from marketgame.simulation.recording.tables import TABLES
from marketgame.simulation.run import SimulationInterrupted, simulate, simulate_into
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.economy_fixtures import RandomEconomy
from tests.run_folders import write_run

LIVELY = (
    Assignment(Noisy(), ("p0",)),
    Assignment(Misreporting({"t0": "t1"}), ("p1",)),
    Assignment(BestResponding(effort=96), ("p2",)),
    Assignment(Withholding(0.2), share=0.5),
)


@pytest.fixture(scope="module")
def lively(random_economy: RandomEconomy) -> MarketScenario:
    """A scenario in which most things that can happen do."""
    rules = MarketRules(solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND, pricing=Pricing.SPREAD)
    return MarketScenario("lively", random_economy(6, 5, 3, 2), rules, assignments=LIVELY, rounds=12, seed=3)


@pytest.fixture(scope="module")
def tables(lively: MarketScenario) -> dict[str, pa.Table]:
    return simulate(lively)


def file_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes_whatever_else_ran(
    lively: MarketScenario, tables: dict[str, pa.Table], random_economy: RandomEconomy, tmp_path: Path
) -> None:
    write_run(tmp_path / "one", tables, {})
    np.random.seed(1)  # noqa: NPY002  The point is to disturb the global generators.
    np.random.standard_normal(99)  # noqa: NPY002
    random.seed(2)
    simulate(MarketScenario("other", random_economy(9, 3, 2, 3), assignments=(Assignment(Noisy()),), rounds=5, seed=3))
    again = simulate(lively)
    write_run(tmp_path / "two", again, {})
    assert file_bytes(tmp_path / "one") == file_bytes(tmp_path / "two")


@pytest.mark.parametrize("kind", BEHAVIOURS.own)
def test_every_behaviour_is_played_the_same_again_and_changes_no_draw_of_others(
    kind: type[Behaviour], lively: MarketScenario
) -> None:
    behaviour = kind(**({"reports": {"t0": "t1"}} if kind is Misreporting else {}))
    asked = replace(lively, assignments=(Assignment(behaviour, ("p0",)), Assignment(Noisy(), ("p1",))), rounds=2)
    first, again = simulate(asked), simulate(asked)
    assert first["players"].equals(again["players"])
    players = plain(first["players"])
    assert set(players[players["player"] == "p0"]["behaviour"]) == {kind.name}
    usual = plain(simulate(replace(asked, assignments=(Assignment(Noisy(), ("p1",)),)))["players"])
    for column in ("type", "reported_type"):
        assert (players[column] == usual[column])[players["player"] != "p0"].all()


def test_another_seed_gives_other_draws(lively: MarketScenario, tables: dict[str, pa.Table]) -> None:
    other = MarketScenario(lively.name, lively.economy, lively.rules, assignments=LIVELY, rounds=12, seed=4)
    assert not simulate(other)["players"].equals(tables["players"])


def test_more_rounds_begin_with_the_same_rounds(lively: MarketScenario, tables: dict[str, pa.Table]) -> None:
    shorter = MarketScenario(lively.name, lively.economy, lively.rules, assignments=LIVELY, rounds=7, seed=3)
    for name in ("rounds", "players", "holdings", "trades", "events"):
        longer = tables[name].to_pandas()
        pd.testing.assert_frame_equal(simulate(shorter)[name].to_pandas(), longer[longer["round"] < 7])


def test_tables_do_not_depend_on_how_many_rounds_are_worked_out_at_once(
    lively: MarketScenario, tables: dict[str, pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "ROUNDS_AT_ONCE", 5)
    pieces = simulate(lively)
    for name, whole in tables.items():
        pd.testing.assert_frame_equal(pieces[name].to_pandas(), whole.to_pandas(), rtol=1e-13)


def test_tables_follow_the_schema_and_every_column_says_its_unit_and_meaning(tables: dict[str, pa.Table]) -> None:
    assert list(tables) == list(TABLES)
    for name, table in tables.items():
        assert table.schema.equals(TABLES[name].arrow, check_metadata=True)
        table.validate(full=True)
        for field in table.schema:
            assert field.metadata[b"unit"]
            assert field.metadata[b"meaning"]
            if not field.nullable:
                assert table[field.name].null_count == 0


def plain(table: pa.Table) -> pd.DataFrame:
    """A table with key columns as plain strings, so that groups and indexes compare."""
    frame: pd.DataFrame = table.to_pandas()
    keys = [name for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)]
    return frame.astype(dict.fromkeys(keys, object))


def test_tables_agree_with_each_other(tables: dict[str, pa.Table]) -> None:
    rounds, players, holdings, trades = (plain(tables[name]) for name in ("rounds", "players", "holdings", "trades"))
    by_round = players.groupby("round")
    np.testing.assert_allclose(by_round["utility"].sum(), rounds["welfare"])
    np.testing.assert_array_equal(by_round["bankrupt"].sum(), rounds["bankruptcies"])
    volume = trades.groupby("round")["value"].sum().reindex(rounds["round"], fill_value=0)
    np.testing.assert_allclose(volume, rounds["volume"])

    key = ["round", "player", "good"]
    everyone = pd.MultiIndex.from_frame(holdings[key])
    swapped = trades.rename(columns={"counterparty": "player", "player": "counterparty"})
    received, delivered = (side.groupby(key)["quantity"].sum() for side in (trades, swapped))
    balance = received.reindex(everyone, fill_value=0) - delivered.reindex(everyone, fill_value=0)
    np.testing.assert_allclose(balance, holdings["net_trade"], atol=1e-9)

    worth = (holdings["consumption"] * holdings["supporting_price"]).groupby(holdings["round"]).sum()
    np.testing.assert_allclose(by_round["wealth"].sum(), worth)
    unconsumed = (holdings["endowment"] - holdings["consumption"]) * holdings["supporting_price"]
    np.testing.assert_allclose(unconsumed.groupby(holdings["round"]).sum(), rounds["wasted"], atol=1e-9)
    run = tables["runs"].to_pylist()[0]
    assert run["rounds"] == len(rounds) == 12
    assert run["mean_welfare"] == pytest.approx(rounds["welfare"].mean())
    failures = sum(kind == "bankruptcy" for kind in tables["events"]["kind"].to_pylist())
    assert run["bankruptcies"] == rounds["bankruptcies"].sum() == failures


def test_charges_of_trades_add_up_to_costs(random_economy: RandomEconomy) -> None:
    assignments = (Assignment(Noisy(), ("p0",)), Assignment(Mispricing(0.8), ("p1",)))
    scenario = MarketScenario("costs", random_economy(6, 4, 3, 2), assignments=assignments, rounds=6)
    tables = {name: table.to_pandas() for name, table in simulate(scenario).items()}
    trades = tables["trades"]
    for (number, player), cost in tables["players"].set_index(["round", "player"])["cost"].items():
        here = trades[trades["round"] == number]
        charged = here.loc[here["player"] == player, "charged_to_player"].sum()
        charged += here.loc[here["counterparty"] == player, "charged_to_counterparty"].sum()
        assert charged == pytest.approx(cost, abs=1e-9)


def test_benchmarks_bracket_what_is_played_and_average_over_the_prior(
    lively: MarketScenario, tables: dict[str, pa.Table]
) -> None:
    table = tables["benchmarks"].to_pandas().set_index(["benchmark", "profile"])
    for name in ("first-best", "autarky", "walrasian"):
        own = table.loc[name]
        listed = own.drop(index=-1)
        assert len(listed) == 32
        assert listed["probability"].sum() == pytest.approx(1)
        assert (listed["probability"] * listed["welfare"]).sum() == pytest.approx(own.loc[-1, "welfare"])
    best, none = table.loc["first-best", "welfare"], table.loc["autarky", "welfare"]
    assert (best > none).all()
    np.testing.assert_allclose(table.loc["walrasian", "welfare"], best, rtol=1e-12)
    rounds = tables["rounds"].to_pandas()
    np.testing.assert_array_equal(best.loc[rounds["profile"]], rounds["first_best_welfare"])
    assert (rounds["welfare"] <= rounds["first_best_welfare"] * (1 + 1e-9)).all()
    assert table.loc[("first-best", 5), "profile_types"] == "p0=t0, p1=t0, p2=t1, p3=t0, p4=t1"


def test_rationing_and_dispersion_are_events_of_their_size(three_traders: Economy) -> None:
    assignments = (Assignment(ShortSelling(), ("ann",)), Assignment(Mispricing(0.75), ("bob",)))
    tables = simulate(MarketScenario("events", three_traders, assignments=assignments, rounds=1))
    events = tables["events"].to_pandas()
    rationed = events[events["kind"] == "projection-bound"].set_index("good")["amount"]
    holdings = tables["holdings"].to_pandas()
    changed = (holdings["claim"] - holdings["allocation"]).abs().groupby(holdings["good"], observed=True).sum()
    np.testing.assert_allclose(rationed[["wheat", "money"]], changed[["wheat", "money"]])
    assert tables["rounds"]["price_dispersion"][0].as_py() == pytest.approx(0.25)


def test_profiles_never_drawn_are_left_out_of_very_long_lists(
    random_economy: RandomEconomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmarks, "MOST_PROFILES_LISTED", 8)
    tables = simulate(MarketScenario("many", random_economy(6, 5, 2, 2), rounds=3))
    listed = set(tables["benchmarks"]["profile"].to_pylist())
    assert listed == {-1, *tables["rounds"]["profile"].to_pylist()}


def test_a_folder_is_written_whole_and_read_back(tables: dict[str, pa.Table], tmp_path: Path) -> None:
    write_run(tmp_path / "deep" / "run", tables, {"seed": 3, "status": "done"})
    folder = tmp_path / "deep" / "run"
    assert {path.name for path in folder.iterdir()} == {*(f"{name}.parquet" for name in TABLES), "manifest.json"}
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8")) == {"seed": 3, "status": "done"}
    for name, table in tables.items():
        stored = pq.read_table(folder / f"{name}.parquet")
        assert stored.equals(table)
        assert stored.schema.field(0).metadata[b"unit"] == table.schema.field(0).metadata[b"unit"]
        for column in range(len(table.schema)):
            chunk = pq.ParquetFile(folder / f"{name}.parquet").metadata.row_group(0).column(column)
            assert chunk.compression == "ZSTD"
            is_key = pa.types.is_dictionary(table.schema.field(column).type)
            assert chunk.has_dictionary_page == is_key


def played_into(folder: Path, scenario: MarketScenario, **hearing: Any) -> dict[str, pa.Table]:
    """The tables that a run leaves in a folder, in one piece each."""
    simulate_into(folder, scenario, **hearing)
    return {path.stem: pq.read_table(path).combine_chunks() for path in folder.glob("*.parquet")}


@pytest.mark.parametrize("budget", [1, 20_000, 1 << 40])
def test_the_same_seed_gives_the_same_tables_however_few_bytes_wait_in_memory(
    lively: MarketScenario, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, budget: int
) -> None:
    monkeypatch.setattr(recorder, "ROUNDS_AT_ONCE", 2)
    monkeypatch.setattr(run, "MOST_BYTES", budget)
    tables = simulate(lively)
    written = played_into(tmp_path, lively)
    assert written.keys() == tables.keys()
    for name, table in tables.items():
        assert written[name].equals(table), name
        assert written[name].schema.equals(table.schema, check_metadata=True)
    groups = pq.ParquetFile(tmp_path / "players.parquet").num_row_groups
    assert groups == lively.rounds / 2 if budget == 1 else (groups > 1) == (budget == 20_000)


@pytest.mark.parametrize("budget", [1, 1 << 40])
def test_an_interrupted_run_leaves_the_rounds_it_completed(
    lively: MarketScenario, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, budget: int
) -> None:
    def interrupt(played: int) -> None:
        if played == 7:
            raise KeyboardInterrupt

    monkeypatch.setattr(recorder, "ROUNDS_AT_ONCE", 2)
    monkeypatch.setattr(run, "MOST_BYTES", budget)
    written, whole = played_into(tmp_path, lively, on_round=interrupt), simulate(replace(lively, rounds=7))
    for name, table in whole.items():
        assert written[name].equals(table), name


def test_rows_on_their_way_to_the_disk_are_not_lost_by_an_interruption(
    lively: MarketScenario, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stopping, append = Postponement(), TableFiles.append

    def interrupted(files: TableFiles, rows: dict[str, pa.Table]) -> None:
        stopping(signal.SIGINT, None)
        append(files, rows)

    monkeypatch.setattr(recorder, "ROUNDS_AT_ONCE", 2)
    monkeypatch.setattr(run, "MOST_BYTES", 1)
    monkeypatch.setattr(TableFiles, "append", interrupted)
    written, whole = played_into(tmp_path, lively, undisturbed=stopping.held_off), simulate(replace(lively, rounds=2))
    # Nothing was written before the second round was over, and nothing was played after that.
    for name, table in whole.items():
        assert written[name].equals(table), name


def test_a_run_that_fails_after_rows_were_written_leaves_the_old_folder_untouched(
    lively: MarketScenario, tables: dict[str, pa.Table], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(played: int) -> None:
        if played == 7:
            raise ValueError("a fault of the program")

    with TableFiles(tmp_path) as files:
        files.append(tables)
    before = file_bytes(tmp_path)
    monkeypatch.setattr(recorder, "ROUNDS_AT_ONCE", 2)
    monkeypatch.setattr(run, "MOST_BYTES", 1)
    with pytest.raises(ValueError, match="a fault"):
        simulate_into(tmp_path, lively, fail)
    assert file_bytes(tmp_path) == before


def test_a_failed_write_leaves_the_old_folder_untouched(tables: dict[str, pa.Table], tmp_path: Path) -> None:
    with TableFiles(tmp_path) as files:
        files.append(tables)
    before = file_bytes(tmp_path)
    # Parquet knows no unions.
    unwritable = pa.table({"run": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])})
    with pytest.raises(pa.ArrowNotImplementedError), TableFiles(tmp_path) as files:
        files.append({"runs": unwritable})
    assert file_bytes(tmp_path) == before


def test_an_interrupted_run_hands_over_the_rounds_it_completed(
    lively: MarketScenario, tables: dict[str, pa.Table]
) -> None:
    def interrupt(played: int) -> None:
        if played == 4:
            raise KeyboardInterrupt

    with pytest.raises(SimulationInterrupted) as caught:
        simulate(lively, interrupt)
    assert caught.value.tables["rounds"].num_rows == 4
    assert caught.value.tables["runs"]["rounds"].to_pylist() == [4]


def test_progress_is_told_after_every_round(random_economy: RandomEconomy) -> None:
    heard: list[int] = []
    simulate(MarketScenario("s", random_economy(1, 3, 2, 1), rounds=4), heard.append)
    assert heard == [1, 2, 3, 4]


def test_an_interruption_before_the_first_round_gives_empty_tables_of_the_right_kind(
    random_economy: RandomEconomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: MarketModel) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MarketModel, "step", interrupted)
    with pytest.raises(SimulationInterrupted) as caught:
        simulate(MarketScenario("s", random_economy(1, 3, 2, 1), assignments=(Assignment(Arbitraging()),)))
    for name, table in caught.value.tables.items():
        assert table.schema.equals(TABLES[name].arrow)
    assert caught.value.tables["runs"]["mean_welfare"].to_pylist() == [None]


def test_a_scenario_sent_to_another_process_plays_the_same(lively: MarketScenario, tables: dict[str, pa.Table]) -> None:
    sent = pickle.loads(pickle.dumps(lively))
    assert all(table.equals(tables[name]) for name, table in simulate(sent).items())
