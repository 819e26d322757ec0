"""Blocking mediators on a market: who leaves takes its endowment along, and the market goes on without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from marketgame.agents.behaviours import Loyal, Misreporting, Noisy, ShortSelling, Withholding
from marketgame.agents.blocking.stake_beliefs import StakeSource
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import BlockingPlan, find_blocking_plan
from marketgame.mechanisms.coalitional_games.grid_game import game_on_grid
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, grand_contract
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Solvency
from marketgame.mechanisms.market_game.rules import Withholding as WithholdingRule
from marketgame.mechanisms.market_game.settle import settle
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.market_scenario import MarketScenario

PARTS = 4


def kind(name: str, intercept: float, grain: float) -> PlayerType:
    return PlayerType(name, np.array([grain, 20.0]), Quadratic(np.array([intercept]), np.eye(1)))


def farmers() -> Economy:
    """Three farmers whose wants are private and whose endowments are not."""
    players = (
        Player("ann", (kind("modest", 4.0, 2.0), kind("hungry", 5.0, 2.0))),
        Player("bob", (kind("modest", 5.0, 1.0), kind("hungry", 7.0, 1.0))),
        Player("cat", (kind("modest", 6.0, 0.5), kind("hungry", 6.5, 0.5))),
    )
    prior = IndependentPrior([np.array([0.5, 0.5]), np.array([0.6, 0.4]), np.array([0.3, 0.7])])
    return Economy("farmers", ("grain", "money"), ("t", "euro"), players, prior)


def unfair_contract(economy: Economy, taken: FloatArray) -> GrandContract:
    """The expected-externality contract with money taken from some and given to others at every profile."""
    efficient = efficient_allocation(economy)
    return GrandContract(economy, efficient, expected_externality_transfers(economy, efficient) + taken)


def scenario(taken: tuple[float, ...] = (-1.0, 2.0, -1.0), **settings: object) -> MarketScenario:
    economy = farmers()
    usual: dict[str, object] = {
        "contract": unfair_contract(economy, np.array(taken)),
        "blockers": (Blocker("rival"),),
        "parts": PARTS,
        "rounds": 60,
        "seed": 2,
    }
    return MarketScenario("departures", economy, **(usual | settings))  # type: ignore[arg-type]  # The table mixes fields.


def frames(played: MarketScenario) -> dict[str, pd.DataFrame]:
    tables = {}
    for name, table in simulate(played).items():
        frame: pd.DataFrame = table.to_pandas()
        keys = [column for column in frame if isinstance(frame[column].dtype, pd.CategoricalDtype)]
        tables[name] = frame.astype(dict.fromkeys(keys, object))
    return tables


def plan_against(played: MarketScenario) -> BlockingPlan:
    economy, contract = played.economy, played.contract
    assert isinstance(contract, GrandContract)
    profiles = economy.profiles
    stakes = contract.utilities - economy.utility(profiles, economy.endowments(profiles))
    plan = find_blocking_plan(game_on_grid(economy, PARTS), stakes)
    assert isinstance(plan, BlockingPlan)
    return plan


def test_a_blocking_mediator_earns_on_a_market_what_its_program_promises() -> None:
    played = scenario(rounds=1500)
    rows = frames(played)["mediators"]
    earned = rows.loc[rows["mediator"] == "rival", "profit"]
    error = earned.std() / np.sqrt(len(earned))
    assert earned.mean() > 3 * error
    assert abs(earned.mean() - plan_against(played).profit) < 4 * error


def test_nobody_leaves_a_competitive_equilibrium_under_complete_information() -> None:
    one_type = tuple(Player(player.name, player.types[:1]) for player in farmers().players)
    prior = IndependentPrior([np.ones(1)] * 3)
    economy = Economy("known", ("grain", "money"), ("t", "euro"), one_type, prior)
    tables = frames(MarketScenario("core", economy, blockers=(Blocker("rival"),), parts=12, rounds=20))
    assert tables["invitations"].empty
    np.testing.assert_allclose(tables["rounds"]["welfare"], tables["rounds"]["first_best_welfare"])


RULES = (
    MarketRules(),
    MarketRules(solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND),
    MarketRules(withholding=WithholdingRule.CONSUMED),
)


@pytest.mark.parametrize("rules", RULES)
def test_the_market_without_those_who_left_is_the_market_of_those_who_stayed(rules: MarketRules) -> None:
    behaviours = (Assignment(Noisy(), ("bob",)), Assignment(Withholding(0.3), ("ann",)))
    model = MarketModel(scenario(rules=rules, assignments=behaviours))
    left_at_all = 0
    for _ in range(60):
        model.step()
        play = model.last_play
        assert play is not None
        told = play.play
        stays = np.flatnonzero(~play.left)
        if not play.left.any() or not stays.size:
            continue
        left_at_all += 1
        alone = settle(
            Play(
                told.quotes[stays],
                told.orders[np.ix_(stays, stays)],
                told.announced_endowments[stays],
                told.transfers[stays],
            ),
            rules,
        )
        for field in ("cost", "bankrupt", "claim", "allocation"):
            np.testing.assert_allclose(getattr(play.settlement, field)[stays], getattr(alone, field), atol=1e-12)
        assert not play.settlement.allocation[play.left].any()
        assert not play.settlement.bankrupt[play.left].any()
    assert left_at_all > 0


def test_those_who_leave_divide_what_they_own_and_nothing_else() -> None:
    tables = frames(scenario())
    holdings = tables["holdings"].set_index(["round", "player", "good"])
    players = tables["players"].set_index(["round", "player"])
    coalitions = tables["actions"][tables["actions"]["mediator"] == "rival"]
    assert len(coalitions) > 0
    for number, names in coalitions[["round", "coalition"]].itertuples(index=False):
        members = names.split(" + ")
        rows = holdings.loc[[(number, member, "grain") for member in members]]
        assert rows["consumption"].sum() == pytest.approx(rows["endowment"].sum())
        money = holdings.loc[[(number, member, "money") for member in members]]
        np.testing.assert_allclose(money["consumption"], money["endowment"])
        assert not rows["announced"].any()
        followed = [players.loc[(number, member)]["mediator"] for member in members]
        assert followed == ["rival"] * len(members)
    trades = tables["trades"].set_index("round")
    for number, names in coalitions[["round", "coalition"]].itertuples(index=False):
        if number in trades.index:
            partners = set(trades.loc[[number], ["player", "counterparty"]].to_numpy().ravel())
            assert not partners & set(names.split(" + "))


def test_those_who_stay_fail_when_their_transfer_no_longer_covers_what_they_owe() -> None:
    # Obedient orders make the cost of i the sum over the others j of (y_i - y_j) / N. Without the coalition S the
    # terms of its members are missing, so i fails exactly if the sum over S of y_j - y_i is positive.
    model = MarketModel(scenario(taken=(0.3, 0.3, -0.6), rounds=200))
    contract, failed, stayed = model.mediator.contract, 0, 0
    for _ in range(200):
        model.step()
        play = model.last_play
        assert play is not None
        if not play.left.any():
            assert not play.settlement.bankrupt.any()
            continue
        granted = contract.recommend(play.reports).transfers
        for player in np.flatnonzero(~play.left):
            lacking = (granted[play.left] - granted[player]).sum()
            assert play.settlement.bankrupt[player] == (lacking > 1e-9)
            failed += int(lacking > 1e-9)
            stayed += int(lacking <= 1e-9)
    assert failed > 0
    assert stayed > 0


def test_money_and_goods_add_up_whoever_leaves() -> None:
    promise = {"ann": {"modest": 0.2}, "bob": {"hungry": 0.1}}
    lies = (Assignment(Misreporting({"modest": "hungry"}), ("cat",)),)
    tables = frames(scenario(severance=promise, assignments=lies, rounds=150))
    players, holdings = tables["players"], tables["holdings"]
    paid = players.groupby("round")[["severance", "side_payment"]].sum()
    mediators = tables["mediators"].pivot_table(index="round", columns="mediator", values="profit")
    np.testing.assert_allclose(mediators["established"], -paid["severance"])
    np.testing.assert_allclose(mediators["rival"], -paid["side_payment"], atol=1e-12)
    assert paid["severance"].sum() > 0
    by_good = holdings.groupby(["round", "good"])[["endowment", "consumption"]].sum()
    assert (by_good["consumption"] <= by_good["endowment"] + 1e-9).all()
    bankrupt = players.groupby("round")["bankrupt"].any()
    whole = by_good[~bankrupt.loc[by_good.index.get_level_values("round")].to_numpy()]
    np.testing.assert_allclose(whole["consumption"], whole["endowment"], atol=1e-9)


def test_utility_is_that_of_what_was_consumed_and_paid() -> None:
    played = scenario()
    tables = frames(played)
    bundles = tables["holdings"].pivot_table(index=["round", "player"], columns="good", values="consumption")
    players = tables["players"].set_index(["round", "player"])
    for (number, name), row in zip(players.index.to_list(), players.to_dict("records"), strict=True):
        player = next(each for each in played.economy.players if each.name == name)
        own = next(each for each in player.types if each.name == row["type"])
        bundle = bundles.loc[(number, name)]
        worth = float(own.valuation.value(np.array([bundle["grain"]]))) + bundle["money"]
        assert row["utility"] == pytest.approx(worth + row["severance"] + row["side_payment"])


def test_a_blocking_mediator_changes_no_draw_of_nature_or_of_traders() -> None:
    noisy = (Assignment(Noisy(), ("bob",)),)
    with_rival = scenario(assignments=noisy)
    alone, asked = frames(replace(with_rival, blockers=())), frames(with_rival)
    for column in ("type", "reported_type", "behaviour", "promised_utility"):
        pd.testing.assert_series_equal(alone["players"][column], asked["players"][column])
    undisturbed = asked["players"].groupby("round")["mediator"].transform(lambda led: (led == "established").all())
    assert 0 < undisturbed.sum() < len(undisturbed)
    for name, keep in (("players", undisturbed), ("holdings", undisturbed.repeat(2).reset_index(drop=True))):
        money = ["side_payment", "utility", "wealth"] if name == "players" else []
        pd.testing.assert_frame_equal(
            alone[name][keep.to_numpy()].drop(columns=money), asked[name][keep.to_numpy()].drop(columns=money)
        )


def test_nobody_is_led_away_who_refuses() -> None:
    tables = frames(scenario(assignments=(Assignment(Loyal()),)))
    assert set(tables["invitations"]["fate"]) == {"refused"}
    np.testing.assert_allclose(tables["rounds"]["welfare"], tables["rounds"]["first_best_welfare"])


def test_a_mediator_that_only_watches_comes_to_know_the_stakes() -> None:
    # Whoever obeys gets at every profile what the contract promises, so one look at each is enough.
    blockers = (Blocker("watcher", StakeSource.PAST_ROUNDS, caution=0.0),)
    watched = scenario(blockers=blockers, rounds=400, assignments=(Assignment(Loyal()),))
    rows = frames(watched)["mediators"]
    last = rows[rows["mediator"] == "watcher"]["expected_profit"].iloc[-1]
    assert last == pytest.approx(plan_against(watched).profit, rel=1e-6)


def test_a_short_seller_among_those_who_stay_does_not_reach_those_who_left() -> None:
    tables = frames(scenario(assignments=(Assignment(ShortSelling(), ("bob",)),), rounds=100))
    players = tables["players"]
    left = players[players["mediator"] == "rival"]
    assert len(left) > 0
    assert (left["player"] != "bob").any()
    assert not left["bankrupt"].any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parts": 0}, "parts is 0"),
        ({"blockers": (Blocker("a"), Blocker("a"))}, "two blocking mediators are named 'a'"),
    ],
)
def test_senseless_scenarios_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scenario(**settings)  # type: ignore[arg-type]  # The table mixes fields.


@pytest.mark.parametrize(
    ("severance", "message"),
    [
        ({"zed": {"modest": 1.0}}, "severance is promised to 'zed'"),
        ({"ann": {"odd": 1.0}}, "promised to ann of type 'odd'"),
        ({"ann": {"modest": -1.0}}, "severance of ann of type 'modest' is -1"),
    ],
)
def test_senseless_severance_is_refused(severance: dict[str, dict[str, float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MarketModel(scenario(severance=severance))


def test_coalitions_cannot_leave_where_endowments_are_private(
    random_economy: Callable[[int, int, int, int], Economy],
) -> None:
    private = MarketScenario("private", random_economy(1, 3, 2, 2), blockers=(Blocker("rival"),))
    with pytest.raises(ValueError, match="endowment"):
        MarketModel(private)


def test_the_same_seed_gives_the_same_tables() -> None:
    first, second = simulate(scenario(rounds=30)), simulate(scenario(rounds=30))
    assert all(first[name].equals(second[name]) for name in first)


def test_the_contract_of_the_file_is_used_when_none_is_given() -> None:
    economy = farmers()
    walrasian = frames(MarketScenario("w", economy, transfers=TransferRule.NONE, rounds=5))
    given = frames(MarketScenario("w", economy, contract=grand_contract(economy), rounds=5))
    pd.testing.assert_frame_equal(walrasian["players"], given["players"])
