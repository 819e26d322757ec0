"""Markets that execute recommended flows out of deposits and match further orders, played out by agents."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from marketgame.agents.behaviours import (
    BEHAVIOURS,
    Arbitraging,
    Behaviour,
    BestResponding,
    Learning,
    Mispricing,
    Misreporting,
    ShortSelling,
)
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import Bankruptcy, Execution, MarketRules, Pricing, Refusal, Solvency
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.economy_fixtures import RandomEconomy

SAFE = MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)
PROOF = TransferRule.COALITION_PROOF
EVERY_WAY = tuple(MarketRules(execution=execution, refusal=refusal) for execution in Execution for refusal in Refusal)
ROUNDING = 1e-9
# Of the behaviours that come with marketgame all but liars, who are examined by what they expect, and learners, who
# take one of the others in each round, or lie.
DISOBEDIENT = tuple(
    name for name, kind in BEHAVIOURS.members.items() if kind is not Misreporting and not issubclass(kind, Learning)
)


def played(
    economy: Economy,
    behaviours: Mapping[str, Behaviour],
    rules: MarketRules = SAFE,
    transfers: TransferRule = PROOF,
    rounds: int = 3,
) -> dict[str, pd.DataFrame]:
    assignments = tuple(Assignment(behaviour, (name,)) for name, behaviour in behaviours.items())
    scenario = MarketScenario("deposits", economy, rules, transfers, assignments=assignments, rounds=rounds, seed=1)
    return {name: table.to_pandas() for name, table in simulate(scenario).items()}


def utilities(tables: dict[str, pd.DataFrame]) -> FloatArray:
    rounds = len(tables["rounds"])
    return tables["players"]["utility"].to_numpy().reshape(rounds, -1)


@pytest.mark.parametrize("name", DISOBEDIENT)
def test_whatever_two_of_three_do_after_the_truth_the_third_is_not_touched_and_they_gain_nothing(
    random_economy: RandomEconomy, name: str
) -> None:
    economy = random_economy(7, 3, 3, 2)
    rules = MarketRules(Pricing.MIDPOINT, Solvency.BUDGET, execution=Execution.MATCHED, refusal=Refusal.ESCROW)
    behaviour = BEHAVIOURS.find(name)
    obeyed = played(economy, {}, rules)
    disobeyed = played(economy, {"p0": behaviour(), "p1": behaviour()}, rules)
    before, after = utilities(obeyed), utilities(disobeyed)
    np.testing.assert_array_equal(after[:, 2], before[:, 2])
    at_stake = obeyed["rounds"]["first_best_gains"].to_numpy()
    assert (after[:, :2].sum(axis=1) <= before[:, :2].sum(axis=1) + ROUNDING * at_stake).all()


def test_a_short_seller_and_an_arbitrageur_are_ruinous_where_either_rule_is_missing() -> None:
    """The search of the test above is not blind: without deposits or without matching others pay for what two do."""
    economy = load_economy(located("example:three-farmers"))
    attack = {"ann": ShortSelling(), "bob": Arbitraging()}
    for rules in (MarketRules(), MarketRules(refusal=Refusal.ESCROW)):
        obeyed, attacked = (utilities(played(economy, each, rules)) for each in ({}, attack))
        assert (attacked[:, 2] < obeyed[:, 2] - 1).all()


@pytest.mark.parametrize("seller", ["ann", "bob", "cy"])
def test_a_short_seller_takes_all_the_money_out_of_what_was_delivered_where_orders_bind_whoever_does_not_answer(
    three_traders: Economy, seller: str
) -> None:
    """The supremum of what one player can do alone is the same with deposits as without: 90."""
    rules = MarketRules(refusal=Refusal.ESCROW)
    tables = played(three_traders, {seller: ShortSelling()}, rules, TransferRule.NONE, rounds=1)
    assert utilities(tables)[0, three_traders.player_names.index(seller)] == pytest.approx(90.0)


@pytest.mark.parametrize("rules", EVERY_WAY, ids=lambda rules: f"{rules.execution}, {rules.refusal}")
def test_a_best_reply_pays_no_less_than_obedience_however_flows_are_executed(
    three_traders: Economy, rules: MarketRules
) -> None:
    reply = {"bob": BestResponding(effort=64)}
    obeyed, replied = (
        utilities(played(three_traders, each, rules, TransferRule.NONE, rounds=1))[0, 1] for each in ({}, reply)
    )
    assert replied >= obeyed
    assert (replied > obeyed + 1) == (rules.execution is Execution.UNILATERAL)


@pytest.mark.parametrize("rules", EVERY_WAY, ids=lambda rules: f"{rules.execution}, {rules.refusal}")
def test_every_behaviour_plays_however_flows_are_executed_and_nothing_comes_from_nowhere(
    random_economy: RandomEconomy, rules: MarketRules
) -> None:
    economy = random_economy(11, 4, 2, 2)
    for first, second in zip(DISOBEDIENT, reversed(DISOBEDIENT), strict=True):
        behaviours = {"p0": BEHAVIOURS.find(first)(), "p1": BEHAVIOURS.find(second)(), "p2": Mispricing(0.8)}
        holdings = played(economy, behaviours, rules, rounds=1)["holdings"]
        sums = holdings.groupby("good", observed=True)[["endowment", "consumption"]].sum()
        assert (holdings["consumption"] >= -1e-9).all()
        assert (sums["consumption"] <= sums["endowment"] * (1 + 1e-9)).all()


@pytest.mark.parametrize("name", ["three-farmers-escrow", "annex-b-private-costs-escrow"])
def test_shipped_markets_with_deposits_reach_the_first_best_whenever_nobody_lies(name: str) -> None:
    scenario = load_scenario(located(f"example:{name}"), rounds=5)
    tables = {key: table.to_pandas() for key, table in simulate(scenario).items()}
    rounds = tables["rounds"]
    honest = rounds["misreports"] == 0
    short = (rounds["first_best_gains"] - rounds["gains"]) / rounds["first_best_gains"]
    assert honest.any()
    assert (~honest).any()
    assert (short[honest].abs() < ROUNDING).all()
    assert (short[~honest] > ROUNDING).all()
    assert set(tables["side_contracts"]["fate"]) == {"none-found"}
    everything = tables["holdings"].groupby(["round", "good"], observed=True)[["delivered", "endowment", "consumption"]]
    sums = everything.sum()
    assert (sums["delivered"].abs() <= ROUNDING * sums["endowment"]).all()
    np.testing.assert_allclose(sums["consumption"], sums["endowment"], rtol=ROUNDING)


@pytest.mark.parametrize("liars", [("ann",), ("ann", "bob"), ("ann", "bob", "cat")])
def test_liars_lose_in_expectation_what_their_lies_cost_all(liars: tuple[str, ...]) -> None:
    """Over all profiles, weighted by the prior; outsiders together expect neither more nor less."""
    economy = load_economy(located("example:three-farmers"))
    lies = Misreporting({"hungry": "modest"})
    honest, lied = (played(economy, dict.fromkeys(each, lies), rounds=80) for each in ((), liars))
    profile = honest["rounds"]["profile"].to_numpy()
    numbers, first = np.unique(profile, return_index=True)
    assert len(numbers) == len(economy.profiles)
    members = [economy.player_names.index(name) for name in liars]
    change = economy.prior.probability @ (utilities(lied) - utilities(honest))[first]
    welfare = (lied["rounds"]["gains"] - honest["rounds"]["gains"]).to_numpy()[first]
    assert change[members].sum() == pytest.approx(economy.prior.probability @ welfare, abs=1e-10)
    assert change[members].sum() < -1e-3


def one_who_may_own_less() -> Economy:
    def wants(intercept: float) -> Quadratic:
        return Quadratic(np.array([intercept]), np.eye(1))

    kinds = (
        PlayerType("rich", np.array([2.0, 30.0]), wants(3.0)),
        PlayerType("poor", np.array([1.0, 30.0]), wants(3.0)),
    )
    other = PlayerType("known", np.array([1.0, 30.0]), wants(4.0))
    players = (Player("ann", kinds), Player("bob", (other,)))
    return Economy(
        "hidden wheat",
        ("wheat", "money"),
        ("tonne", "euro"),
        players,
        IndependentPrior([np.array([0.5, 0.5]), np.ones(1)]),
    )


def test_who_hides_what_it_owns_deposits_what_it_reports_and_keeps_the_rest_as_the_rules_say() -> None:
    economy = one_who_may_own_less()
    tables = played(economy, {"ann": Misreporting({"rich": "poor"})}, rounds=8)
    holdings = tables["holdings"].query("player == 'ann' and good == 'wheat'")
    assert {1.0, 2.0} == set(holdings["endowment"])
    assert set(holdings["deposited"]) == {1.0}
    np.testing.assert_allclose(holdings["announced"], 1.0 + holdings["delivered"])
    np.testing.assert_allclose(holdings["consumption"], holdings["announced"])


def test_nobody_can_report_a_type_that_would_have_to_deposit_more_than_is_owned() -> None:
    overstating = (Assignment(Misreporting({"poor": "rich"}), ("ann",)),)
    with pytest.raises(
        ValueError, match=r"ann of type 'poor' reports 'rich', whose 2 of wheat it would have to deposit"
    ):
        MarketScenario("overstated", one_who_may_own_less(), SAFE, PROOF, assignments=overstating)


def test_blocking_mediators_have_no_place_where_reports_are_deposits(three_traders: Economy) -> None:
    with pytest.raises(ValueError, match=r"blocker 'rival' leads away who has reported; rule refusal = 'escrow'"):
        MarketScenario("blocked", three_traders, SAFE, blockers=(Blocker("rival"),))


@pytest.mark.parametrize("bankruptcy", Bankruptcy)
def test_obedient_traders_reach_the_first_best_where_orders_are_matched_without_deposits(
    random_economy: RandomEconomy, bankruptcy: Bankruptcy
) -> None:
    rules = MarketRules(bankruptcy=bankruptcy, execution=Execution.MATCHED)
    tables = played(random_economy(3, 4, 2, 2), {}, rules)
    np.testing.assert_allclose(tables["rounds"]["gains"], tables["rounds"]["first_best_gains"], rtol=1e-9)
    assert (tables["rounds"]["bankruptcies"] == 0).all()
