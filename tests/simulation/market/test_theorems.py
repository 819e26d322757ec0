"""The papers' claims about the market game, played out by agents."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.agents.behaviours import (
    Arbitraging,
    BestResponding,
    Mispricing,
    Misreporting,
    ShortSelling,
    Withholding,
)
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game import rules as game
from marketgame.mechanisms.market_game.rules import MarketRules, Solvency, Timing
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.economy_fixtures import RandomEconomy
from tests.examples import drawn

NO_SHORT_SALES = MarketRules(solvency=Solvency.NO_SHORT_SALES)
MANIPULATED = (Assignment(Arbitraging(), ("ann",)), Assignment(Mispricing(0.9), ("bob",)))


def frames(scenario: MarketScenario) -> dict[str, pd.DataFrame]:
    return {name: table.to_pandas() for name, table in simulate(scenario).items()}


@settings(max_examples=drawn(15), deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(3, 6),
    st.integers(2, 4),
    st.sampled_from([TransferRule.NONE, TransferRule.EXPECTED_EXTERNALITY]),
    st.sampled_from(list(Solvency)),
    st.sampled_from(list(Timing)),
)
def test_obedient_traders_reach_the_first_best_and_nothing_is_lost(
    random_economy: RandomEconomy,
    seed: int,
    players: int,
    goods: int,
    transfers: TransferRule,
    solvency: Solvency,
    timing: Timing,
) -> None:
    economy = random_economy(seed, players, goods, 2)
    rules = MarketRules(solvency=solvency, timing=timing)
    tables = frames(MarketScenario("obedience", economy, rules, transfers, rounds=4, seed=seed))
    rounds, holdings = tables["rounds"], tables["holdings"]
    np.testing.assert_allclose(rounds["welfare"], rounds["first_best_welfare"], rtol=1e-9)
    assert (rounds["bankruptcies"] == 0).all()
    assert (rounds["misreports"] == 0).all()
    assert (rounds["price_dispersion"] == 0).all()
    by_good = holdings.groupby(["round", "good"], observed=True)[["endowment", "consumption"]].sum()
    np.testing.assert_allclose(by_good["consumption"], by_good["endowment"], rtol=1e-9)
    np.testing.assert_allclose(tables["players"]["utility"], tables["players"]["promised_utility"], rtol=1e-9)
    assert not (tables["events"]["kind"] == "bankruptcy").any()


@pytest.mark.parametrize("seller", ["ann", "bob", "cy"])
def test_a_short_seller_ends_with_all_the_money_while_no_budget_is_broken(three_traders: Economy, seller: str) -> None:
    tables = frames(
        MarketScenario("hole", three_traders, assignments=(Assignment(ShortSelling(), (seller,)),), rounds=2)
    )
    money = tables["holdings"].query("good == 'money'").set_index(["round", "player"])["consumption"]
    for number in range(2):
        assert money[number, seller] == pytest.approx(90)
    assert (tables["rounds"]["bankruptcies"] == 0).all()
    np.testing.assert_allclose(tables["players"].query("player == @seller")["utility"], 90)


@pytest.mark.parametrize("seller", ["ann", "bob", "cy"])
def test_no_player_gains_from_short_sales_when_they_bankrupt(three_traders: Economy, seller: str) -> None:
    scenario = MarketScenario(
        "repair", three_traders, NO_SHORT_SALES, assignments=(Assignment(ShortSelling(), (seller,)),), rounds=2
    )
    tables = frames(scenario)
    own = tables["players"].query("player == @seller")
    assert own["bankrupt"].all()
    assert (own["reason"] == "short-sale").all()
    assert (own["utility"] == 0).all()
    events = tables["events"].query("player == @seller and kind == 'bankruptcy'")
    assert len(events) == 2
    assert (events["amount"] > 0).all()


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.3])
def test_with_prices_first_the_arbitrageur_takes_the_whole_supply(three_traders: Economy, factor: float) -> None:
    assignments = (Assignment(Arbitraging(), ("ann",)), Assignment(Mispricing(factor), ("bob",)))
    holdings = frames(MarketScenario("arbitrage", three_traders, assignments=assignments, rounds=1))["holdings"]
    consumed = holdings.set_index(["player", "good"])["consumption"]
    assert consumed["ann", "wheat"] == pytest.approx(4.5)
    assert consumed["ann", "money"] == pytest.approx(90)
    assert consumed[["bob", "cy"]].abs().max() < 1e-9


def test_with_simultaneous_orders_the_arbitrageur_cannot(three_traders: Economy) -> None:
    rules = MarketRules(timing=Timing.SIMULTANEOUS)
    tables = frames(MarketScenario("blind", three_traders, rules, assignments=MANIPULATED, rounds=1))
    consumed = tables["holdings"].set_index(["player", "good"])["consumption"]
    # It orders what an obedient trader would, so it cannot end with more than it was promised.
    assert consumed["ann", "wheat"] < 4.5 / 2
    own = tables["players"].set_index("player").loc["ann"]
    assert own["utility"] <= own["promised_utility"] + 1e-9


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(list(Timing)))
def test_a_best_responder_obeys_when_all_others_do_and_short_sales_bankrupt(
    random_economy: RandomEconomy, seed: int, timing: Timing
) -> None:
    economy = random_economy(seed, 3, 2, 2)
    rules = MarketRules(solvency=Solvency.NO_SHORT_SALES, timing=timing)
    assignments = (Assignment(BestResponding(effort=256), ("p1",)),)
    rounds = frames(MarketScenario("reply", economy, rules, assignments=assignments, rounds=2, seed=seed))["rounds"]
    np.testing.assert_allclose(rounds["welfare"], rounds["first_best_welfare"], rtol=1e-9)


def test_misreports_are_counted_and_traded_at_the_price_of_the_reports(random_economy: RandomEconomy) -> None:
    economy = random_economy(5, 3, 2, 2)
    lie = Misreporting({"t0": "t1", "t1": "t0"})
    tables = frames(MarketScenario("lie", economy, assignments=(Assignment(lie, ("p0",)),), rounds=8))
    players = tables["players"]
    lying = players["type"].astype(str) != players["reported_type"].astype(str)
    assert (lying == (players["player"] == "p0")).all()
    assert (tables["rounds"]["misreports"] == 1).all()
    assert (tables["rounds"]["welfare"] < tables["rounds"]["first_best_welfare"]).all()


@pytest.mark.parametrize("withholding", list(game.Withholding))
def test_withheld_endowment_is_wasted_or_consumed_as_the_rules_say(
    three_traders: Economy, withholding: game.Withholding
) -> None:
    scenario = MarketScenario(
        "hidden",
        three_traders,
        MarketRules(withholding=withholding),
        assignments=(Assignment(Withholding(0.1), ("ann",)),),
        rounds=1,
    )
    tables = frames(scenario)
    holdings = tables["holdings"].set_index(["player", "good"])
    hidden = (holdings["endowment"] - holdings["announced"]).loc["ann"]
    np.testing.assert_allclose(hidden[["wheat", "money"]], [0.2, 3.0])
    kept = (holdings["consumption"] - holdings["allocation"]).loc["ann"]
    consumed = withholding is game.Withholding.CONSUMED
    np.testing.assert_allclose(kept[["wheat", "money"]], [0.2, 3.0] if consumed else [0, 0], atol=1e-12)
    lost = 0 if consumed else 0.2 * 67 / 17 + 3
    assert tables["rounds"]["wasted"][0] == pytest.approx(lost, abs=1e-9)
