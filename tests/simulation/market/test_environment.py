"""The market as an environment: PettingZoo accepts it, zero is obedience, and nobody observes what it may not know."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from gymnasium import spaces
from pettingzoo.test import parallel_api_test, parallel_seed_test

from marketgame.agents.behaviours import Mispricing, Misreporting
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import Coverage, Execution, MarketRules, Refusal, Solvency, Timing
from marketgame.simulation.market.environment import MarketEnvironment
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.network import Limit, Network
from tests.economy_fixtures import RandomEconomy, three_trader_economy

PRICES, UNSEEN = MarketRules(), MarketRules(timing=Timing.SIMULTANEOUS)
STRICT = MarketRules(
    solvency=Solvency.NO_SHORT_SALES,
    coverage=Coverage.ANNOUNCED_NUMERAIRE,
    execution=Execution.MATCHED,
    refusal=Refusal.ESCROW,
)


def scenario_of(economy: Economy, rules: MarketRules = PRICES, **given: Any) -> MarketScenario:
    return MarketScenario("outside", economy, rules=rules, **{"rounds": 2, "seed": 7, **given})


def nothing(environment: MarketEnvironment) -> dict[str, Any]:
    """Return the action of everybody that deviates in nothing, but reports the first type."""
    return {
        name: {key: np.zeros(part.shape) for key, part in parts.items()}
        for name, parts in cast("dict[str, Any]", environment.action_spaces).items()
    }


def played(environment: MarketEnvironment, seed: int, act: Callable[[str], Any]) -> Iterator[tuple[Any, ...]]:
    environment.reset(seed)
    while environment.agents:
        yield environment.step({name: act(name) for name in environment.agents})


@pytest.mark.parametrize("flat", [False, True], ids=["by parts", "flat"])
@pytest.mark.parametrize("rules", [PRICES, UNSEEN, STRICT], ids=["paper", "simultaneous", "strict"])
def test_the_tests_of_pettingzoo_pass(rules: MarketRules, flat: bool, random_economy: RandomEconomy) -> None:
    scenario = scenario_of(random_economy(3, 3, 3, 2), rules)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(MarketEnvironment(scenario, flat=flat), num_cycles=10)
        parallel_seed_test(lambda: MarketEnvironment(scenario, flat=flat), num_cycles=10)


@pytest.mark.parametrize("flat", [False, True], ids=["by parts", "flat"])
def test_everything_observed_is_in_its_space(flat: bool, random_economy: RandomEconomy) -> None:
    environment = MarketEnvironment(scenario_of(random_economy(4, 4, 3, 2)), flat=flat)
    observed, _ = environment.reset(3)
    while True:
        assert all(environment.observation_space(name).contains(each) for name, each in observed.items())
        if not environment.agents:
            return
        observed, *_ = environment.step({name: environment.action_space(name).sample() for name in environment.agents})


def test_vectors_hold_what_parts_do_as_gymnasium_arranges_it(random_economy: RandomEconomy) -> None:
    scenario = scenario_of(random_economy(3, 3, 3, 2), STRICT, rounds=1)
    whole, parts = MarketEnvironment(scenario, flat=True), MarketEnvironment(scenario)
    vectors, (observed, _) = whole.reset(2)[0], parts.reset(2)
    for _ in range(3):
        for name, each in observed.items():
            expected = np.asarray(spaces.flatten(parts.observation_space(name), each), np.float32)
            assert vectors[name].tobytes() == expected.tobytes()
        obey = {name: {**each, "report": observed[name]["type"]} for name, each in nothing(parts).items()}
        vectors, *_ = whole.step({name: np.zeros(whole.action_space(name).shape) for name in vectors})
        observed, *_ = parts.step(obey)


@pytest.mark.parametrize("rules", [PRICES, UNSEEN, STRICT], ids=["paper", "simultaneous", "strict"])
def test_zero_is_obedience_and_the_seed_of_an_episode_is_that_of_a_run(
    rules: MarketRules, random_economy: RandomEconomy
) -> None:
    scenario = scenario_of(random_economy(5, 3, 3, 2), rules, rounds=3)
    environment = MarketEnvironment(scenario, flat=True)
    zero = {name: np.zeros(environment.action_space(name).shape or ()) for name in environment.possible_agents}
    rewards = [rewards for _, rewards, *_ in played(environment, 11, zero.__getitem__)]
    obedient, outside = simulate(replace(scenario, seed=11)), environment.model.recorder.tables()
    for name in ("rounds", "holdings", "trades", "events"):
        assert outside[name].equals(obedient[name]), name
    gains = np.array([[each[name] for name in environment.possible_agents] for each in rewards])
    np.testing.assert_array_equal(gains[2::3].ravel(), outside["stances"]["gain"].to_numpy())
    np.testing.assert_allclose(gains[2::3].sum(axis=1), obedient["rounds"]["gains"].to_numpy(), rtol=1e-9)
    assert not gains[0::3].any()
    assert not gains[1::3].any()


def test_without_a_seed_every_episode_is_another_and_all_follow_from_the_first(random_economy: RandomEconomy) -> None:
    environments = [MarketEnvironment(scenario_of(random_economy(3, 3, 2, 4), rounds=4)) for _ in range(2)]

    def types(environment: MarketEnvironment, seed: int | None) -> list[int]:
        observed, _ = environment.reset(seed)
        found = [int(each["type"]) for each in observed.values()]
        while environment.agents:
            observed, *_ = environment.step(nothing(environment))
            found += [int(each["type"]) for each in observed.values()]
        return found

    first, second = ([types(each, seed) for seed in (5, None, None)] for each in environments)
    assert first == second
    assert len({tuple(each) for each in first}) == 3


def test_nobody_observes_what_others_hide(random_economy: RandomEconomy, monkeypatch: pytest.MonkeyPatch) -> None:
    economy = random_economy(1, 3, 2, 3)
    first, *others = economy.players
    # Who obeys owns the same whatever it is, so that lies change nothing that can be seen.
    alike = [
        Player(each.name, tuple(PlayerType(kind.name, each.types[0].endowment, kind.valuation) for kind in each.types))
        for each in others
    ]
    environments = [MarketEnvironment(scenario_of(replace(economy, players=(first, *alike)), rounds=4)) for _ in "ab"]
    drawn, hidden = IndependentPrior.sample, [0]

    def sample(prior: IndependentPrior, generator: np.random.Generator) -> Any:
        profile = drawn(prior, generator)
        profile[1:] = (profile[1:] + hidden[0]) % 3
        return profile

    monkeypatch.setattr(IndependentPrior, "sample", sample)
    seen: list[list[Any]] = [[], []]
    for hidden[0], environment in enumerate(environments):
        chance = np.random.default_rng(1)
        observed, _ = environment.reset(2)
        while environment.agents:
            seen[hidden[0]].append(observed["p0"])
            actions = nothing(environment)
            actions["p1"]["quote"] = 0.1 * chance.standard_normal(1)
            actions["p0"]["order"] = 0.01 * chance.standard_normal((2, 1))
            observed, rewards, *_, told = environment.step(actions)
            seen[hidden[0]].append((rewards["p0"], told["p0"]))
    np.testing.assert_equal(seen[0], seen[1])
    profiles = [each.model.recorder.tables()["players"]["type"].to_pylist() for each in environments]
    assert profiles[0] != profiles[1]


@pytest.mark.parametrize("rules", [PRICES, UNSEEN], ids=["seen", "unseen"])
def test_quotes_are_seen_before_orders_where_the_rules_say_so(
    rules: MarketRules, random_economy: RandomEconomy
) -> None:
    environment = MarketEnvironment(scenario_of(random_economy(2, 3, 3, 1), rules))
    observed, _ = environment.reset()
    moved = {name: np.full(2, 0.02 * number) for number, name in enumerate(environment.possible_agents)}
    for stage in range(6):
        for player, (name, each) in enumerate(observed.items()):
            seen = moved.values() if rules is PRICES else [moved[name] * (name == other) for other in moved]
            expected = np.stack(list(seen)) if stage % 3 == 2 else np.zeros((3, 2))
            np.testing.assert_allclose(each["quotes"], expected, atol=1e-6)
            told = each["told_quotes"]
            assert each["stage"] == stage % 3
            assert told.any() == (stage % 3 > 0)
            assert each["last_quotes"].any() == (stage > 2)
            if stage == 4:
                # What the others quoted in the round before is seen by all afterwards; types do not change.
                np.testing.assert_allclose(each["last_quotes"], told + np.stack(list(moved.values())), atol=1e-5)
            assert each["quotes"][player].any() == (stage % 3 == 2 and player > 0)
        actions = nothing(environment)
        for name, quote in moved.items():
            actions[name]["quote"] = quote
        observed, *_ = environment.step(actions)


def test_more_of_a_good_is_paid_for_unless_the_payment_says_otherwise(random_economy: RandomEconomy) -> None:
    environment = MarketEnvironment(scenario_of(random_economy(2, 4, 3, 2)), reach=0.5)
    chance, actions, names = np.random.default_rng(4), nothing(environment), environment.possible_agents
    observed, _ = environment.reset()
    for name in names:
        actions[name] |= {
            "report": observed[name]["type"],
            "quote": chance.uniform(-0.1, 0.1, 2),
            "order": chance.uniform(-1, 1, (3, 2)),
            "payment": chance.uniform(-1, 1, 3),
            "announcement": np.array([0.0, -0.5, 5.0]),
        }
    for _ in range(2):
        environment.step(actions)
    told = [trader.recommended for trader in environment.model.traders]
    environment.step(actions)
    play, units = environment.model.last_play, environment.units
    assert play is not None
    for player, (name, known) in enumerate(zip(names, told, strict=True)):
        recommended, others = known.recommendation, np.arange(4) != player
        more = (play.play.orders[player] - recommended.orders)[others]
        np.testing.assert_allclose(more[:, :-1], 0.5 * actions[name]["order"] * units.goods, rtol=1e-9)
        # In money of what is at stake, what is ordered beyond the recommendation costs the payment.
        costs = (play.play.quotes[others] * more).sum(axis=-1)
        np.testing.assert_allclose(costs, 0.5 * actions[name]["payment"] * units.money, atol=1e-9 * units.money)
        moved = play.play.quotes[player, :-1] - recommended.quotes[:-1]
        np.testing.assert_allclose(moved, actions[name]["quote"] * units.prices, rtol=1e-6)
        shares = play.play.announced_endowments[player] / known.owned
        np.testing.assert_allclose(shares, [1.0, 0.5, 1.0])


def test_learners_from_outside_order_among_those_whom_they_know(random_economy: RandomEconomy) -> None:
    links, known = frozenset({(0, 1), (1, 2)}), {(0, 1), (1, 0), (1, 2), (2, 1)}
    network = Network(links, limits=(Limit.TRADE,))
    environment = MarketEnvironment(scenario_of(random_economy(4, 4, 3, 1), network=network))
    environment.reset(1)
    for _ in range(2):
        environment.step(nothing(environment))
    told = np.stack([trader.recommended.recommendation.orders for trader in environment.model.traders])
    actions = nothing(environment)
    for action in actions.values():
        action["order"] -= 1.0
    environment.step(actions)
    play = environment.model.last_play
    assert play is not None
    differs = {(int(one), int(other)) for one, other in np.argwhere((play.play.orders != told).any(axis=-1))}
    assert {(one, other) for one, other in differs if one != other} == known


def test_selling_short_within_reach_takes_all_there_is_but_the_good_sold() -> None:
    environment = MarketEnvironment(scenario_of(three_trader_economy()), players=("ann",))
    sold = nothing(environment)["ann"] | {"order": -np.ones((2, 1))}
    gained = [rewards["ann"] for _, rewards, *_ in played(environment, 1, lambda _: sold)]
    # All money, 90, and no wheat, against her 30 and 2 of wheat worth 5 times 2 less 1/2 times 4.
    np.testing.assert_allclose(gained, [0, 0, 52] * 2)
    strict = MarketEnvironment(
        scenario_of(three_trader_economy(), MarketRules(solvency=Solvency.NO_SHORT_SALES)), players=("ann",)
    )
    steps = list(played(strict, 1, lambda _: sold))
    np.testing.assert_allclose([rewards["ann"] for _, rewards, *_ in steps], [0, 0, -38] * 2)
    assert [told["ann"].get("bankrupt") for *_, told in steps] == [None, None, True] * 2


def test_who_is_not_named_acts_as_the_scenario_says() -> None:
    assignments = (Assignment(Mispricing(factor=1.5), players=("bob", "ann")),)
    environment = MarketEnvironment(scenario_of(three_trader_economy(), assignments=assignments), players=["ann"])
    list(played(environment, 1, lambda name: nothing(environment)[name]))
    play = environment.model.last_play
    assert play is not None
    np.testing.assert_allclose(play.play.quotes[:, 0] / play.play.quotes[0, 0], [1, 1.5, 1])
    assert environment.possible_agents == ["ann"]


@pytest.mark.parametrize("flat", [False, True], ids=["by parts", "flat"])
def test_a_report_that_the_rules_refuse_counts_as_the_truth(flat: bool) -> None:
    def kind(name: str, owned: float) -> PlayerType:
        return PlayerType(name, np.array([owned, 30.0]), Quadratic(np.array([5.0]), np.array([[1.0]])))

    kinds = (kind("poor", 1.0), kind("rich", 2.0))
    economy = Economy(
        "deposits",
        ("wheat", "money"),
        ("t", "euro"),
        tuple(Player(name, kinds) for name in ("ann", "bob")),
        IndependentPrior([np.full(2, 0.5)] * 2),
    )
    environment = MarketEnvironment(scenario_of(economy, STRICT, rounds=8, seed=1), players=["ann"], flat=flat)
    told = nothing(environment)["ann"] | {"report": 1} if not flat else np.append([-1.0, 1.0], np.zeros(6))
    list(played(environment, 1, lambda _: told))
    table = environment.model.recorder.tables()["players"].to_pandas()
    ann = table[table["player"] == "ann"]
    assert set(ann["type"]) == {"poor", "rich"}
    assert ann["reported_type"].tolist() == ann["type"].tolist()
    # Who is rich may say that it is poor.
    told = nothing(environment)["ann"] if not flat else np.append([1.0, -1.0], np.zeros(6))
    list(played(environment, 1, lambda _: told))
    table = environment.model.recorder.tables()["players"].to_pandas()
    assert set(table[table["player"] == "ann"]["reported_type"]) == {"poor"}


def test_types_that_the_rules_of_cover_refuse_are_not_allowed(random_economy: RandomEconomy) -> None:
    economy = random_economy(6, 3, 2, 3)
    covered = MarketRules(coverage=Coverage.ANNOUNCED_NUMERAIRE)
    environment = MarketEnvironment(scenario_of(economy, covered, transfers=TransferRule.EXPECTED_EXTERNALITY))
    observed, _ = environment.reset(1)
    contract = environment.model.mediator.contract
    for player, (name, each) in enumerate(observed.items()):
        money = economy.players[player].types[each["type"]].endowment[-1]
        taken = np.array([contract.most_taken(player, report) for report in range(3)])
        np.testing.assert_array_equal(each["allowed"], taken <= money, err_msg=name)


@pytest.mark.parametrize(("unit", "given"), [(1024.0, 0.0), (1.0, 64.0)], ids=["unit of money", "money owned"])
def test_neither_the_unit_of_money_nor_what_is_owned_of_it_is_observed(unit: float, given: float) -> None:
    def trader(name: str, owned: float, wish: float, scale: float, more: float) -> Player:
        valuation = Quadratic(np.array([wish * scale]), np.array([[scale]]))
        return Player(name, (PlayerType("only", np.array([owned, 30.0 * scale + more]), valuation),))

    def environment(scale: float, more: float) -> MarketEnvironment:
        players = tuple(trader(*each, scale, more) for each in (("a", 2.0, 5.0), ("b", 1.0, 5.5), ("c", 1.5, 6.0)))
        prior = IndependentPrior([np.ones(1)] * 3)
        return MarketEnvironment(scenario_of(Economy("scaled", ("w", "m"), ("t", "e"), players, prior)))

    actions = nothing(environment(1.0, 0.0))
    # Paid for at quotes that all share, so that nobody is bankrupt, who would lose all it owns.
    actions["a"]["order"] = np.array([[0.02], [-0.01]])
    plain, other = (
        list(played(each, 1, actions.__getitem__)) for each in (environment(1, 0), environment(unit, given))
    )
    for (observed, rewards, *_), (scaled, higher, *_) in zip(plain, other, strict=True):
        for name in observed:
            for key, value in observed[name].items():
                np.testing.assert_allclose(scaled[name][key], value, rtol=1e-5, atol=1e-6, err_msg=key)
        np.testing.assert_allclose(list(higher.values()), unit * np.array(list(rewards.values())), rtol=1e-6)


def test_what_makes_no_sense_is_refused_in_one_line() -> None:
    scenario = scenario_of(three_trader_economy())
    with pytest.raises(ValueError, match=r"players is \['dan'\]; it must name some of \['ann', 'bob', 'cy'\]"):
        MarketEnvironment(scenario, players=["dan"])
    with pytest.raises(ValueError, match="reach 0"):
        MarketEnvironment(scenario, reach=0)
    with pytest.raises(ValueError, match="has blockers, whose offers an environment has no step to answer"):
        MarketEnvironment(replace(scenario, blockers=(Blocker("rival"),)))
    environment = MarketEnvironment(scenario)
    with pytest.raises(ValueError, match="must be reset"):
        environment.step({})
    environment.reset()
    with pytest.raises(ValueError, match=r"nothing is said for \['bob', 'cy'\]"):
        environment.step({"ann": nothing(environment)["ann"]})
    for name in ("bob", "cy"):
        assert environment.action_space(name) is environment.action_space(name)


def test_those_who_lie_in_the_scenario_are_still_believed(random_economy: RandomEconomy) -> None:
    liar = Assignment(Misreporting({"t0": "t1", "t1": "t1"}), players=("p1",))
    environment = MarketEnvironment(scenario_of(random_economy(1, 2, 2, 2), assignments=(liar,)), players=("p0",))
    for observed, *_ in played(environment, 4, lambda name: nothing(environment)[name]):
        assert set(observed) == {"p0"}
    reports = environment.model.recorder.tables()["players"].to_pandas().query("player == 'p1'")["reported_type"]
    assert set(reports) == {"t1"}
