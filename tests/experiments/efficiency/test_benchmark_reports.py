"""Every run and every solved economy reports the same benchmarks, and which constraints cost welfare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marketgame import results
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.coalitional_games.grid_game import game_on_grid
from marketgame.mechanisms.incentive_efficiency.search import IncentiveEfficient, Participation, incentive_efficient
from marketgame.mechanisms.incentive_efficiency.second_best import Money
from marketgame.mechanisms.linear_program import UnverifiedAnswerError
from tests.experiments.command_calls import SCENARIOS, Call, one_document

NAMES = ["first-best", "walrasian", "incentive-efficient", "incentive-efficient-individual", "autarky"]
WILLING = "incentive-efficient-individual"


def solved(marketgame: Call, economy: str | Path) -> dict[str, Any]:
    file = economy if isinstance(economy, Path) else ECONOMIES / f"{economy}.toml"
    return one_document(marketgame("solve", file, "--json"))


def economy_text(*traders: tuple[str, list[float], float]) -> str:
    """Return the file of an economy of one good and known types: names, endowments, and where v' = b - q begins."""
    lines = [
        'kind = "market-economy"',
        'name = "known types"',
        'goods = ["grain", "money"]',
        'units = ["tonne", "euro"]',
    ]
    for name, endowment, intercept in traders:
        lines += ["[[players]]", f'name = "{name}"', "[players.types.known]", f"endowment = {endowment}"]
        lines += [f'valuation = {{ family = "quadratic", intercept = [{intercept}], slope = [[1.0]] }}']
    return "\n".join(lines)


def test_two_sided_trade_gains_the_published_second_best(marketgame: Call) -> None:
    # Myerson and Satterthwaite (1983) on ten midpoints: 0.1512 of the 0.165 that could be gained if types were known.
    document = solved(marketgame, "two-sided-trade")
    gains = {name: benchmark["gains_over_autarky"] for name, benchmark in document["benchmarks"].items()}
    assert list(gains) == NAMES
    midpoints = (np.arange(10) + 0.5) / 10
    known = float(np.maximum(midpoints[None, :] - midpoints[:, None], 0).mean())
    assert gains["first-best"] == gains["walrasian"] == pytest.approx(known) == pytest.approx(0.165)
    assert gains["incentive-efficient"] == pytest.approx(known)
    assert gains[WILLING] == pytest.approx(0.1512)
    assert gains["autarky"] == 0
    assert document["benchmarks"][WILLING]["gap_to_first_best"] == pytest.approx(0.165 - 0.1512)
    assert document["benchmarks"][WILLING]["share_of_first_best_gains"] == pytest.approx(0.1512 / 0.165)


def test_participation_presses_on_both_sides_alike_and_holds_no_eager_type(marketgame: Call) -> None:
    constraints = solved(marketgame, "two-sided-trade")["binding_constraints"]
    assert {each["benchmark"] for each in constraints} == {WILLING}
    assert all(each["multiplier"] > 0 for each in constraints)
    assert {each["constraint"] for each in constraints} == {"incentive", "participation"}
    # Money moves freely between the players, so the weights of all types, participation included, have one sum.
    pressure = {
        player: sum(
            each["multiplier"]
            for each in constraints
            if each["player"] == player and each["constraint"] == "participation"
        )
        for player in ("seller", "buyer")
    }
    assert pressure["seller"] == pytest.approx(pressure["buyer"])
    # Whoever is sure to gain much needs no persuasion.
    assert not [
        each
        for each in constraints
        if each["report"] is None and (each["player"], each["type"]) in {("seller", "0.05"), ("buyer", "0.95")}
    ]


def test_incentives_cost_welfare_in_a_divisible_good_too(marketgame: Call) -> None:
    document = solved(marketgame, "two-sided-divisible")
    benchmarks = document["benchmarks"]
    first, second = benchmarks["first-best"]["welfare"], benchmarks[WILLING]["welfare"]
    assert second < first - 5e-3
    assert benchmarks["incentive-efficient"]["welfare"] == pytest.approx(first)
    assert benchmarks[WILLING]["upper_bound"] == pytest.approx(second, abs=1e-7)
    # The independent twin enumerates divisions on a grid: feasible for the program without one, and close to it.
    game = game_on_grid(load_economy(ECONOMIES / "two-sided-divisible.toml"), 41)
    twin = incentive_efficient(game, None, Participation.INDIVIDUAL)
    assert isinstance(twin, IncentiveEfficient)
    on_grid = twin.value + benchmarks["autarky"]["welfare"]
    assert second - 1e-3 <= on_grid <= second + 1e-7


def test_one_kind_of_participation_can_be_asked_for(marketgame: Call) -> None:
    file = ECONOMIES / "two-sided-divisible.toml"
    document = one_document(marketgame("solve", file, "--json", "--participation", "individual"))
    assert WILLING in document["benchmarks"]
    assert "incentive-efficient" not in document["benchmarks"]


def test_a_benchmark_that_is_not_defined_is_said_not_to_be_available(marketgame: Call) -> None:
    file = ECONOMIES / "three-farmers-correlated.toml"
    answer = marketgame("solve", file)
    assert answer.code == 0
    both = "incentive-efficient, willing or not; incentive-efficient, everyone willing"
    assert f"not available: {both} (types are correlated" in answer.out
    assert "Constraints that cost welfare" not in answer.out
    for name in ("incentive-efficient", WILLING):
        benchmark = solved(marketgame, file)["benchmarks"][name]
        assert benchmark["welfare"] is None
        assert "correlated" in benchmark["obstacle"]


def test_an_equilibrium_of_those_who_own_little_is_reported_with_what_it_achieves(
    marketgame: Call, tmp_path: Path
) -> None:
    text = (ECONOMIES / "two-sided-divisible.toml").read_text(encoding="utf-8")
    file = tmp_path / "poor.toml"
    file.write_text(text.replace("[0.0, 5.0]", "[0.0, 0.1]"), encoding="utf-8")
    benchmarks = solved(marketgame, file)["benchmarks"]
    assert 0 < benchmarks["walrasian"]["gains_over_autarky"] < benchmarks["first-best"]["gains_over_autarky"]


def test_an_equilibrium_that_does_not_exist_is_said_not_to_be_available_and_why(
    marketgame: Call, tmp_path: Path
) -> None:
    # The seller wants one of its two units; the buyer has no money and wants any number of them for nothing.
    file = tmp_path / "satiated.toml"
    file.write_text(economy_text(("seller", [2.0, 5.0], 1.0), ("buyer", [0.0, 0.0], 9.0)), encoding="utf-8")
    benchmarks = solved(marketgame, file)["benchmarks"]
    assert benchmarks["walrasian"]["welfare"] is None
    assert "no prices clear the market" in benchmarks["walrasian"]["obstacle"]
    assert benchmarks["first-best"]["welfare"] is not None
    assert "not available: Walrasian equilibrium" in marketgame("solve", file).out


@pytest.mark.usefixtures("quick_figures")
def test_the_walrasian_contract_is_played_at_a_price_that_the_buyer_can_pay(marketgame: Call, tmp_path: Path) -> None:
    """Supporting prices are 2 to 8; three dollars for the one unit leave a market that clears at 3."""
    traders = (("s1", [0.5, 10.0], 2.0), ("s2", [0.5, 10.0], 2.0), ("b", [0.0, 3.0], 9.0))
    (tmp_path / "economy.toml").write_text(economy_text(*traders), encoding="utf-8")
    (tmp_path / "scenario.toml").write_text(
        'kind = "scenario"\neconomy = "economy.toml"\nrounds = 2\nseed = 1\n[contract]\ntransfers = "none"\n',
        encoding="utf-8",
    )
    document = solved(marketgame, tmp_path / "economy.toml")
    # v_b(1) = 9 - 1/2 and each seller gives up 2/2 - 1/8: gains of 6.75.
    assert document["benchmarks"]["walrasian"]["gains_over_autarky"] == pytest.approx(6.75)
    assert document["profiles"][0]["allocation"]["b"]["money"] == pytest.approx(0, abs=1e-12)
    assert document["walrasian"]["obstacle"] is None
    played = one_document(marketgame("run", tmp_path / "scenario.toml", "--json"))
    assert played["welfare"]["played"]["gap_to_first_best"] == pytest.approx(0, abs=1e-9)


def failing(*_: object, **__: object) -> None:
    raise UnverifiedAnswerError("the answer fails the check")


def test_a_failed_benchmark_leaves_the_rest_of_the_answer_and_exit_code_3(
    marketgame: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketgame.mechanisms.incentive_efficiency.benchmarks.second_best", failing)
    answer = marketgame("solve", ECONOMIES / "three-farmers.toml", "--json")
    assert answer.code == 3
    assert answer.err == "error: no answer: the answer fails the check\n"
    document = one_document(answer)
    assert document["benchmarks"][WILLING]["obstacle"] == "the answer fails the check"
    assert document["incentive_compatible"] is True


@pytest.mark.usefixtures("quick_figures")
def test_a_failed_benchmark_does_not_cost_a_run(marketgame: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketgame.mechanisms.incentive_efficiency.benchmarks.second_best", failing)
    answer = marketgame("run", SCENARIOS / "three-farmers-obedient.toml", "--json", "--rounds", 2)
    assert answer.code == 0
    assert one_document(answer)["welfare"][WILLING]["obstacle"] == "the answer fails the check"


@pytest.mark.usefixtures("quick_figures")
def test_a_run_reports_play_and_every_benchmark_in_one_table(marketgame: Call, tmp_path: Path) -> None:
    scenario = SCENARIOS / "two-sided-trade-obedient.toml"
    document = one_document(marketgame("run", scenario, "--json", "--rounds", 5, "--out", "run"))
    assert list(document["welfare"]) == ["played", *NAMES]
    welfare = document["welfare"]
    assert welfare["played"]["welfare"] == pytest.approx(welfare["first-best"]["welfare"])
    # Known in expectation only, and compared with what is expected at best: not with the luck of five draws.
    assert welfare[WILLING]["over"] == "prior"
    assert welfare[WILLING]["gains_over_autarky"] == pytest.approx(0.1512)
    assert welfare[WILLING]["gap_to_first_best"] == pytest.approx(0.165 - 0.1512)
    binding = solved(marketgame, "two-sided-trade")["binding_constraints"]
    assert document["binding_constraints"] == [
        each | {"multiplier": pytest.approx(each["multiplier"])} for each in binding
    ]
    run = results.load(tmp_path / "run")
    assert len(run.tables["constraints"]) == len(binding)
    shown = " ".join(marketgame("run", scenario, "--rounds", 5, "--out", "run").out.split())
    assert "incentive-efficient, everyone willing 10.6512 0.1512 0.0138 91.64% prior" in shown
    assert "more in the JSON document" in shown


@pytest.mark.usefixtures("quick_figures")
def test_a_run_with_correlated_types_is_played_without_the_benchmarks_that_need_independence(marketgame: Call) -> None:
    scenario = SCENARIOS / "three-farmers-correlated-obedient.toml"
    document = one_document(marketgame("run", scenario, "--json", "--rounds", 2, "--out", "run"))
    assert document["welfare"]["incentive-efficient"]["welfare"] is None
    assert "correlated" in document["welfare"]["incentive-efficient"]["obstacle"]
    assert document["binding_constraints"] == []
    answer = marketgame("run", scenario, "--rounds", 2, "--out", "run")
    assert answer.code == 0
    assert "not available: incentive-efficient" in answer.out


@pytest.mark.usefixtures("quick_figures")
def test_benchmarks_are_computed_once_per_run(marketgame: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Participation] = []

    def counting(economy: Any, participation: Participation, seconds: float | None, money: Money, *_: object) -> None:
        assert money is Money.OWNED
        asked.append(participation)
        raise UnverifiedAnswerError("not now")

    monkeypatch.setattr("marketgame.mechanisms.incentive_efficiency.benchmarks.second_best", counting)
    marketgame("run", SCENARIOS / "three-farmers-obedient.toml", "--rounds", 3, "--out", "run")
    # Without participation the first best is known at once.
    assert asked == [Participation.INDIVIDUAL]


@pytest.mark.usefixtures("quick_figures")
def test_folders_written_before_these_tables_existed_can_still_be_shown(marketgame: Call, tmp_path: Path) -> None:
    assert marketgame("run", SCENARIOS / "tutorial-obedient.toml", "--rounds", 1, "--out", "run").code == 0
    (tmp_path / "run" / "constraints.parquet").unlink()
    # Nor did their manifests list what was written.
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    earlier = {key: value for key, value in manifest.items() if key not in {"files", "sha256"}}
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(earlier), encoding="utf-8")
    assert marketgame("show", "run", "--out", "figures").code == 0
