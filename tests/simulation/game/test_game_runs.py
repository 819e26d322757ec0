"""Coalitional games played without a market: mediators earn what the theory promises, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from marketgame.agents.behaviours import BestResponding, Loyal, Misreporting, Noisy
from marketgame.agents.blocking.stake_beliefs import StakeSource
from marketgame.mechanisms.blocking import BlockingPlan, find_blocking_plan
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, stakes
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.search import find_core_allocation
from marketgame.simulation.recording import recorder
from marketgame.simulation.recording.tables import TABLES
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.game_scenario import GameScenario
from tests.mechanisms.myerson_examples import bilateral_trade
from tests.mechanisms.random_games import random_game
from tests.run_folders import write_run

NAMES = (("H", "L"), ("only",))
EXAMPLE_1 = bilateral_trade([5.0, 1.0], [[6.0], [2.0]], [0.5, 0.5], [1.0], names=NAMES)
EXAMPLE_2 = bilateral_trade([3.0, 2.0], [[7.0], [0.0]], [0.5, 0.5], [1.0], names=NAMES)
# Trade for sure at 1.5 if L; with probability q at a price if H (rows: H, L; columns: keep, trade; seller, buyer).
EQUAL_GAINS = Mechanism(np.array([[8 / 9, 1 / 9], [0, 1]]), np.array([[5.5 / 9, -5.5 / 9], [1.5, -1.5]]))
EQUITABLE = Mechanism(np.array([[0.9, 0.1], [0, 1]]), np.array([[0.6, -0.6], [1.5, -1.5]]))
RIVAL = (Blocker("rival"),)


def pooling(price: float, severance: float = 0.0, side_bet: float = 0.0) -> Mechanism:
    """The mechanisms of section 9: the bad seller is promised severance, the buyer bets on the seller's type."""
    payments = np.array([[price, -price - side_bet], [price, -price + side_bet]])
    return Mechanism(np.array([[0.0, 1.0], [0.0, 1.0]]), payments, np.array([[0.0, 0.0], [severance, 0.0]]))


def scenario(
    game: CoalitionalGame,
    mechanism: Mechanism,
    blockers: tuple[Blocker, ...] = RIVAL,
    assignments: tuple[Assignment, ...] = (),
    rounds: int = 3000,
) -> GameScenario:
    return GameScenario("s", "g", game, mechanism, assignments=assignments, blockers=blockers, rounds=rounds, seed=5)


def frames(played: GameScenario) -> dict[str, pd.DataFrame]:
    tables = {}
    for name, table in simulate(played).items():
        frame: pd.DataFrame = table.to_pandas()
        keys = [column for column in frame if isinstance(frame[column].dtype, pd.CategoricalDtype)]
        tables[name] = frame.astype(dict.fromkeys(keys, object))
    return tables


def profit(tables: dict[str, pd.DataFrame], mediator: str) -> pd.Series:
    rows = tables["mediators"]
    return rows.loc[rows["mediator"] == mediator, "profit"].reset_index(drop=True)


def promised(game: CoalitionalGame, mechanism: Mechanism) -> float:
    plan = find_blocking_plan(game, stakes(game, mechanism))
    assert isinstance(plan, BlockingPlan)
    return plan.profit


@pytest.mark.parametrize(
    ("game", "mechanism"),
    [
        (EXAMPLE_1, EQUAL_GAINS),
        (EXAMPLE_2, pooling(3.25)),
        (EXAMPLE_2, pooling(3.5, severance=0.5, side_bet=1.5)),
        (EXAMPLE_2, pooling(3.5, side_bet=2.5)),
    ],
)
def test_a_blocking_mediator_earns_what_its_program_promises(game: CoalitionalGame, mechanism: Mechanism) -> None:
    earned = profit(frames(scenario(game, mechanism, rounds=8000)), "rival")
    error = earned.std() / np.sqrt(len(earned))
    assert earned.mean() > 3 * error > 0
    assert abs(earned.mean() - promised(game, mechanism)) < 4 * error


@pytest.mark.parametrize("seed", [0, 4, 7])
def test_the_same_holds_in_random_games(seed: int) -> None:
    game = random_game(seed, players=3, types=2)
    actions = len(game.actions[game.grand_coalition].names)
    mechanism = Mechanism(np.eye(actions)[np.zeros(len(game.profiles), int)], np.zeros(game.profiles.shape))
    earned = profit(frames(scenario(game, mechanism, rounds=4000)), "rival")
    error = earned.std() / np.sqrt(len(earned))
    assert abs(earned.mean() - promised(game, mechanism)) < 4 * error


@pytest.mark.parametrize(
    ("game", "mechanism"), [(EXAMPLE_1, EQUITABLE), (EXAMPLE_2, pooling(3.5, severance=5 / 6, side_bet=2.5))]
)
def test_nobody_earns_anything_against_a_core_mechanism(game: CoalitionalGame, mechanism: Mechanism) -> None:
    tables = frames(scenario(game, mechanism, rounds=500))
    assert not profit(tables, "rival").any()
    assert tables["invitations"].empty
    assert set(tables["players"]["mediator"]) == {"established"}


def test_nobody_earns_anything_against_a_core_mechanism_that_was_searched_for() -> None:
    found = find_core_allocation(EXAMPLE_2)
    assert isinstance(found, CoreAllocation)
    tables = frames(scenario(EXAMPLE_2, found.mechanism, rounds=300))
    assert not profit(tables, "rival").any()


def test_a_side_bet_without_severance_is_left_to_the_established_mediator_when_it_loses() -> None:
    # The rival copies the plan when the seller is good, where the established mediator would have won 2.5, and sends
    # everybody back when it is bad; the players neither gain nor lose (section 9).
    tables = frames(scenario(EXAMPLE_2, pooling(3.5, side_bet=2.5)))
    bad = tables["players"].query("player == 'seller'").reset_index(drop=True)["type"] == "L"
    np.testing.assert_allclose(profit(tables, "established"), np.where(bad, -2.5, 0.0))
    np.testing.assert_allclose(profit(tables, "rival"), np.where(bad, 0.0, 2.5), atol=1e-7)
    players = tables["players"]
    np.testing.assert_allclose(players["utility"], players["promised_utility"], atol=1e-7)


def test_severance_is_paid_to_those_who_leave_and_by_the_established_mediator() -> None:
    mechanism = pooling(3.5, severance=1.4, side_bet=4.2)
    tables = frames(scenario(EXAMPLE_2, mechanism, rounds=1000))
    players = tables["players"]
    leavers = players[players["mediator"] != "established"]
    owed = np.where((leavers["player"] == "seller") & (leavers["reported_type"] == "L"), 1.4, 0.0)
    np.testing.assert_allclose(leavers["severance"], owed)
    assert not players.loc[players["mediator"] == "established", "severance"].any()
    paid = players.groupby("round")["severance"].sum()
    recorded = tables["mediators"].query("mediator == 'established'").set_index("round")["severance"]
    np.testing.assert_allclose(recorded, paid)
    events = tables["events"].query("kind == 'severance-paid'")
    assert events["amount"].sum() == pytest.approx(paid.sum())
    assert paid.sum() > 0


def test_liars_turn_a_blocking_mediator_s_profit_into_a_loss() -> None:
    # The plan against pooling pays a good seller that keeps the good, and lives on what the buyer pays to be spared a
    # bad one. Bad sellers gain and lose nothing by joining, so they may as well say that they are good.
    lies = (Assignment(Misreporting({"L": "H"}), ("seller",)),)
    honest, lying = (frames(scenario(EXAMPLE_2, pooling(3.25), assignments=those, rounds=2000)) for those in ((), lies))
    assert profit(honest, "rival").mean() > 0 > profit(lying, "rival").mean()


@pytest.mark.parametrize("stayer", ["seller", "buyer"])
def test_who_refuses_cannot_be_led_away(stayer: str) -> None:
    tables = frames(scenario(EXAMPLE_1, EQUAL_GAINS, assignments=(Assignment(Loyal(), (stayer,)),), rounds=500))
    invitations = tables["invitations"]
    asked = invitations[invitations["player"] == stayer]
    assert set(asked["fate"]) == {"refused"}
    assert asked["reported_type"].isna().all()
    players = tables["players"]
    assert set(players.loc[players["player"] == stayer, "mediator"]) == {"established"}


def test_the_truth_is_the_best_answer_to_a_tenable_plan() -> None:
    honest = simulate(scenario(EXAMPLE_2, pooling(3.25), rounds=400))
    shrewd = simulate(scenario(EXAMPLE_2, pooling(3.25), assignments=(Assignment(BestResponding()),), rounds=400))
    for name in ("rounds", "mediators", "actions", "events"):
        assert honest[name].equals(shrewd[name])


@pytest.mark.parametrize("seed", range(4))
def test_money_is_neither_made_nor_lost(seed: int) -> None:
    game = random_game(seed, players=3, types=2)
    generator = np.random.default_rng(seed)
    actions = len(game.actions[game.grand_coalition].names)
    mechanism = Mechanism(
        generator.dirichlet(np.ones(actions), len(game.profiles)),
        generator.normal(size=game.profiles.shape),
        generator.uniform(0, 0.3, game.profiles.shape),
    )
    blockers = (Blocker("one"), Blocker("pairs", largest=2), Blocker("watcher", StakeSource.PAST_ROUNDS))
    lies = (Assignment(Misreporting({"type 0": "type 1"}), ("player 1",)),)
    tables = frames(scenario(game, mechanism, blockers, lies, rounds=200))
    earned = tables["mediators"].groupby("round")["profit"].sum()
    utilities = pd.Series(0.0, index=earned.index)
    numbers = tables["rounds"].set_index("round")["profile"]
    for number, coalition, action in tables["actions"][["round", "coalition", "action"]].itertuples(index=False):
        members = tuple(game.players.index(name) for name in coalition.split(" + "))
        choice = game.actions[members].names.index(action)
        utilities[number] += game.actions[members].utilities[choice, :, numbers[number]].sum()
    welfare = tables["rounds"].set_index("round")["welfare"]
    np.testing.assert_allclose(welfare + earned, utilities, atol=1e-9)
    np.testing.assert_allclose(welfare, tables["players"].groupby("round")["utility"].sum(), atol=1e-12)
    # Money that a mediator gives is no gain, and what it takes is not lost: gains are those of the actions taken.
    rounds = tables["rounds"].set_index("round")
    np.testing.assert_allclose(rounds["gains"], utilities - rounds["autarky_welfare"], atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_every_player_is_in_exactly_one_coalition(seed: int) -> None:
    game = random_game(seed, players=3, types=2)
    mechanism = Mechanism(
        np.eye(len(game.actions[game.grand_coalition].names))[np.zeros(len(game.profiles), int)],
        np.zeros(game.profiles.shape),
    )
    blockers = (Blocker("one"), Blocker("two"), Blocker("three"))
    tables = frames(scenario(game, mechanism, blockers, rounds=200))
    members = tables["actions"].assign(member=tables["actions"]["coalition"].str.split(" \\+ ")).explode("member")
    assert (members.groupby("round")["member"].apply(sorted).map(tuple) == game.players).all()
    led = members.set_index(["round", "member"])["mediator"].sort_index()
    followed = tables["players"].set_index(["round", "player"])["mediator"].sort_index()
    assert (led.to_numpy() == followed.to_numpy()).all()


def test_a_blocking_mediator_changes_no_draw_of_nature_and_no_report() -> None:
    lies = (Assignment(Misreporting({"H": "L"}), ("seller",)),)
    alone = simulate(scenario(EXAMPLE_1, EQUAL_GAINS, (), lies, rounds=300))
    with_rivals = simulate(
        scenario(EXAMPLE_1, EQUAL_GAINS, (Blocker("rival"), Blocker("other", caution=0.0)), lies, rounds=300)
    )
    assert alone["rounds"]["profile"].equals(with_rivals["rounds"]["profile"])
    for column in ("type", "reported_type"):
        assert alone["players"][column].to_pylist() == with_rivals["players"][column].to_pylist()


def test_those_who_are_sent_back_play_on_as_if_nobody_had_asked() -> None:
    stay = (Assignment(Loyal()),)
    alone = simulate(scenario(EXAMPLE_1, EQUAL_GAINS, (), stay, rounds=300))
    asked = simulate(scenario(EXAMPLE_1, EQUAL_GAINS, assignments=stay, rounds=300))
    assert asked["invitations"].num_rows > 0
    for name in ("rounds", "players", "actions"):
        assert alone[name].to_pylist() == asked[name].to_pylist()


LIVELY = scenario(
    EXAMPLE_2,
    pooling(3.25, severance=0.1),
    (Blocker("reader"), Blocker("watcher", StakeSource.PAST_ROUNDS)),
    (Assignment(Misreporting({"L": "H"}), share=0.5),),
    rounds=120,
)


def file_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    write_run(tmp_path / "one", simulate(LIVELY), {})
    simulate(replace(LIVELY, seed=9))
    write_run(tmp_path / "two", simulate(LIVELY), {})
    assert file_bytes(tmp_path / "one") == file_bytes(tmp_path / "two")


def test_more_rounds_begin_with_the_same_rounds() -> None:
    shorter, longer = frames(replace(LIVELY, rounds=70)), frames(LIVELY)
    for name in ("rounds", "players", "events", "mediators", "invitations", "actions"):
        pd.testing.assert_frame_equal(shorter[name], longer[name][longer[name]["round"] < 70])


def test_tables_follow_the_schema_however_many_rounds_are_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = simulate(LIVELY)
    monkeypatch.setattr(recorder, "ROUNDS_AT_ONCE", 7)
    pieces = simulate(LIVELY)
    assert list(whole) == list(TABLES)
    for name, table in whole.items():
        assert table.schema.equals(TABLES[name].arrow, check_metadata=True)
        table.validate(full=True)
        # The mean over the run is added up in another order.
        assert name == "runs" or pieces[name].to_pylist() == table.to_pylist()
        for field in table.schema:
            if not field.nullable:
                assert table[field.name].null_count == 0
    for name in ("holdings", "trades", "trade_totals"):
        assert whole[name].num_rows == 0


def test_invitations_say_who_was_asked_for_what_and_what_came_of_it() -> None:
    tables = frames(replace(LIVELY, rounds=400))
    invitations = tables["invitations"]
    left = invitations[invitations["fate"] == "left"]
    assert (left["wanted_type"] == left["reported_type"]).all()
    turned_away = invitations[invitations["fate"] == "other-types"]
    mismatch = (turned_away["wanted_type"] != turned_away["reported_type"]).groupby(
        [turned_away["round"], turned_away["mediator"]]
    )
    assert mismatch.any().all()
    offers = tables["events"].query("kind == 'blocking-offer'")
    made = invitations.drop_duplicates(["round", "mediator"])
    assert sorted(offers["reason"]) == sorted(made["fate"])
    paid = invitations.groupby(["round", "mediator"])["payment"].sum()
    earned = tables["mediators"].set_index(["round", "mediator"])["profit"].loc[paid.index]
    np.testing.assert_allclose(earned, -paid)
    types = tables["players"].set_index(["round", "player"])["type"]
    asked = pd.MultiIndex.from_frame(invitations[["round", "player"]])
    assert (types.loc[asked].to_numpy() == invitations["type"].to_numpy()).all()


def test_benchmarks_stand_beside_the_play() -> None:
    table = frames(LIVELY)["benchmarks"].set_index(["benchmark", "profile"])
    # The good is worth 4 more to the buyer if the seller is good, 2 less if bad.
    assert table.loc[("first-best", 0), "welfare"] == pytest.approx(4.0)
    assert table.loc[("first-best", 1), "welfare"] == pytest.approx(0.0)
    assert table.loc[("first-best", -1), "welfare"] == pytest.approx(2.0)
    assert table.loc[("autarky", -1), "welfare"] == pytest.approx(0.0)
    assert table.loc[("first-best", 1), "profile_types"] == "seller=L, buyer=only"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"assignments": (Assignment(Noisy()),)}, "'noisy' needs a market; without one the behaviours are .*obedient"),
        ({"assignments": (Assignment(Loyal(), ("zed",)),)}, "no player 'zed' in the game"),
        ({"blockers": (Blocker("a"), Blocker("a"))}, "two blocking mediators are named 'a'"),
        ({"blockers": (Blocker("a", network=frozenset({(0, 7)})),)}, r"link \(0, 7\) of 'a'"),
        ({"rounds": 0}, "rounds is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"mechanism": Mechanism(np.ones((1, 1)), np.zeros((1, 2)))}, "the mechanism has 1 profiles"),
    ],
)
def test_senseless_scenarios_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(LIVELY, **settings)  # type: ignore[arg-type]  # The table mixes fields.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "established"}, "named 'established'"),
        ({"name": ""}, "named ''"),
        ({"name": "a", "caution": -1.0}, "caution of blocking mediator 'a' is -1"),
        ({"name": "a", "largest": 0}, "largest of blocking mediator 'a' is 0"),
    ],
)
def test_senseless_mediators_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Blocker(**settings)  # type: ignore[arg-type]  # The table mixes fields.


def test_an_interrupted_game_hands_over_the_rounds_it_completed() -> None:
    tables: dict[str, pa.Table] = simulate(replace(LIVELY, rounds=3))
    assert tables["runs"]["rounds"].to_pylist() == [3]
    assert tables["runs"]["economy"].to_pylist() == ["g"]
