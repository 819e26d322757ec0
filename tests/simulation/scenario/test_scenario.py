"""Who behaves how, and which scenarios are refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from marketgame.agents.behaviours import Mispricing, Misreporting, Noisy, Withholding
from marketgame.agents.memory import Memory
from marketgame.mechanisms.contracts.grand_contract import TransferRule, grand_contract
from marketgame.mechanisms.contracts.sampled import SampledEconomy, sampled
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.random_economies import Allotment
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import Coverage, MarketRules
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario import established_contract
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.economy_fixtures import RandomEconomy
from tests.mechanisms.replicated_economies import replicas


def behaviour_names(scenario: MarketScenario) -> list[list[str]]:
    return [[behaviour.name for behaviour in by_type] for by_type in scenario.behaviours()]


def test_later_assignments_win_and_the_rest_obey(random_economy: RandomEconomy) -> None:
    scenario = MarketScenario(
        "s",
        random_economy(1, 3, 2, 2),
        assignments=(
            Assignment(Noisy(), ("p0", "p1")),
            Assignment(Mispricing(), ("p1",)),
            Assignment(Withholding(), types=("t1",)),
        ),
    )
    assert behaviour_names(scenario) == [
        ["noisy", "withholding"],
        ["mispricing", "withholding"],
        ["obedient", "withholding"],
    ]


def test_a_share_is_drawn_from_the_players_nobody_named(random_economy: RandomEconomy) -> None:
    economy = random_economy(1, 9, 2, 1)

    def drawn(share: float, seed: int = 0) -> set[str]:
        assignments = (Assignment(Noisy(), share=share), Assignment(Mispricing(), ("p0",)))
        scenario = MarketScenario("s", economy, assignments=assignments, seed=seed)
        names = economy.player_names
        return {name for name, by_type in zip(names, scenario.behaviours(), strict=True) if by_type[0].name == "noisy"}

    assert [len(drawn(share)) for share in (0, 0.25, 0.5, 1)] == [0, 2, 4, 8]
    assert drawn(0.25) < drawn(0.5) < drawn(1)
    assert "p0" not in drawn(1)
    assert len({frozenset(drawn(0.5, seed)) for seed in range(10)}) > 1


def test_several_shares_do_not_overlap(random_economy: RandomEconomy) -> None:
    assignments = (Assignment(Noisy(), share=0.5), Assignment(Mispricing(), share=0.5))
    scenario = MarketScenario("s", random_economy(1, 8, 2, 1), assignments=assignments)
    assert sorted(names[0] for names in behaviour_names(scenario)) == ["mispricing"] * 4 + ["noisy"] * 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"assignments": (Assignment(Noisy(), ("zed",)),)}, r"no player 'zed' .*players are \['p0', 'p1', 'p2'\]"),
        ({"assignments": (Assignment(Noisy(), types=("odd",)),)}, r"no type 'odd' .*types are \['t0', 't1'\]"),
        ({"assignments": (Assignment(Misreporting({"x": "t0"})),)}, "lets type 'x' lie"),
        (
            {"assignments": (Assignment(Misreporting({"t0": "x"})),)},
            r"p0 report 'x'; its types are \['t0', 't1'\]",
        ),
        (
            {"assignments": (Assignment(Noisy(), share=0.6), Assignment(Mispricing(), share=0.6))},
            "sum to 1.2; they must sum to at most 1",
        ),
        ({"rounds": 0}, "rounds is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_senseless_scenarios_are_refused(
    random_economy: RandomEconomy, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        MarketScenario("s", random_economy(1, 3, 2, 2), **settings)  # type: ignore[arg-type]  # The table mixes fields.


def test_an_assignment_names_players_or_a_share() -> None:
    with pytest.raises(ValueError, match="players and a share"):
        Assignment(Noisy(), ("ann",), share=0.5)
    with pytest.raises(ValueError, match=r"share of noisy traders is 1\.5"):
        Assignment(Noisy(), share=1.5)


def rich_and_poor(poor_money: float) -> Economy:
    """Two buyers and a seller; what the contract takes from the last can exceed the money it has."""

    def kind(name: str, intercept: float, wheat: float, money: float) -> PlayerType:
        return PlayerType(name, np.array([wheat, money]), Quadratic(np.array([intercept]), np.eye(1)))

    players = (
        Player("ann", (kind("only", 6, 1, 50),)),
        Player("bob", (kind("only", 6, 1, 50),)),
        Player("cy", (kind("low", 4, 4, poor_money), kind("high", 5, 4, 20))),
    )
    prior = IndependentPrior([np.ones(1), np.ones(1), np.array([0.5, 0.5])])
    return Economy("rich and poor", ("wheat", "money"), ("t", "euro"), players, prior)


COVERED = MarketRules(coverage=Coverage.ANNOUNCED_NUMERAIRE)


def test_a_contract_that_takes_more_than_a_player_owns_is_refused_where_rules_forbid_it() -> None:
    economy = rich_and_poor(1.0)
    # Cy sells wheat worth more than the four it must hand over, so it is solvent but cannot cover the transfer.
    walrasian = grand_contract(economy)
    contract = grand_contract(economy, walrasian.numeraire_transfers + np.array([2.0, 2.0, -4.0]))
    MarketScenario("s", economy, contract=contract)
    MarketModel(MarketScenario("s", economy, contract=contract))
    with pytest.raises(ValueError, match=r"takes 4 euro from cy of type 'low', who owns 1"):
        MarketModel(MarketScenario("s", economy, COVERED, contract=contract))


def test_a_liar_must_cover_the_transfer_of_its_report_with_its_true_endowment() -> None:
    economy = rich_and_poor(1.0)
    walrasian = grand_contract(economy)
    fee = np.where(economy.profiles[:, 2:] == 1, 4.0, 0.0) * np.array([0.5, 0.5, -1.0])
    contract = grand_contract(economy, walrasian.numeraire_transfers + fee)
    MarketModel(MarketScenario("honest", economy, COVERED, contract=contract))
    lie = (Assignment(Misreporting({"low": "high"}), ("cy",)),)
    with pytest.raises(ValueError, match=r"takes 4 euro from cy of type 'low'"):
        MarketModel(MarketScenario("lie", economy, COVERED, assignments=lie, contract=contract))


def test_the_market_raises_an_announcement_that_does_not_cover_the_transfer() -> None:
    economy = rich_and_poor(10.0)
    walrasian = grand_contract(economy)
    contract = grand_contract(economy, walrasian.numeraire_transfers + np.array([2.0, 2.0, -4.0]))
    hide = (Assignment(Withholding(1.0), ("cy",)),)
    tables = simulate(MarketScenario("hide", economy, COVERED, assignments=hide, contract=contract, rounds=3))
    events = tables["events"].to_pandas().query("kind == 'announcement-raised'")
    assert events["player"].tolist() == ["cy"] * 3
    assert events["good"].tolist() == ["money"] * 3
    np.testing.assert_allclose(events["amount"], 4)
    announced = tables["holdings"].to_pandas().query("player == 'cy' and good == 'money'")["announced"]
    np.testing.assert_allclose(announced, 4)


def test_transfers_by_linear_program_make_truth_an_equilibrium_or_are_refused(random_economy: RandomEconomy) -> None:
    economy = random_economy(2, 3, 2, 2)
    tables = simulate(MarketScenario("lp", economy, transfers=TransferRule.LP, rounds=2))
    rounds = tables["rounds"].to_pandas()
    np.testing.assert_allclose(rounds["welfare"], rounds["first_best_welfare"], rtol=1e-9)


def test_expected_externality_transfers_need_independent_types(random_economy: RandomEconomy) -> None:
    economy = random_economy(2, 3, 2, 2)
    joint = np.array([[[0.3, 0.1], [0.1, 0.0]], [[0.1, 0.1], [0.1, 0.2]]])
    correlated = Economy("correlated", economy.goods, economy.units, economy.players, CorrelatedPrior(joint))
    with pytest.raises(ValueError, match="independent types"):
        MarketModel(MarketScenario("s", correlated, transfers=TransferRule.EXPECTED_EXTERNALITY))


def test_scenarios_of_equal_economies_share_what_was_drawn_and_are_played_as_if_they_did_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Economy] = []

    def counted(economy: Economy, deadline: Deadline) -> SampledEconomy:
        drawn.append(economy)
        return sampled(economy, deadline)

    def tables_of(rules: MarketRules, transfers: TransferRule, owned: float = 1.0) -> dict[str, pa.Table]:
        # As in the chunks of a sweep, nothing is the same object.
        economy = replicas(groups=((12, 4.0, owned), (12, 5.0, 1.6)))
        return simulate(MarketScenario("many", economy, rules=rules, transfers=transfers, rounds=1, seed=3))

    asked = [
        (MarketRules(), TransferRule.NONE),
        (MarketRules.no_short_sales(), TransferRule.EXPECTED_EXTERNALITY),
    ]
    monkeypatch.setattr(established_contract, "sampled", counted)
    alone = []
    for rules, transfers in asked:
        monkeypatch.setattr(established_contract, "_samples", Memory(0, lambda *_: 1))
        alone.append(tables_of(rules, transfers))
    assert len(drawn) == 2
    monkeypatch.setattr(established_contract, "_samples", Memory(1 << 30, lambda _, sample: sample.nbytes))
    assert [tables_of(rules, transfers) for rules, transfers in asked] == alone
    assert len(drawn) == 3
    assert tables_of(*asked[0], owned=1.1) != alone[0]
    assert len(drawn) == 4


@pytest.mark.parametrize("allotment", Allotment)
def test_shares_become_players_by_largest_remainders_or_by_chance(
    random_economy: RandomEconomy, allotment: Allotment
) -> None:
    economy = random_economy(1, 12, 2, 1)
    shares = (Assignment(Noisy(), share=0.4), Assignment(Mispricing(), ("p0",)), Assignment(Withholding(), share=0.25))
    counts = []
    for seed in range(12):
        scenario = MarketScenario("s", economy, assignments=shares, seed=seed, allotment=allotment)
        names = [by_type[0].name for by_type in scenario.behaviours()]
        assert names[0] == "mispricing"
        assert behaviour_names(scenario) == [[name] for name in names]
        counts.append((names.count("noisy"), names.count("withholding")))
    # Quotas of eleven players: 4.4, 2.75 and 3.85 for who obeys; the two largest remainders get one more.
    fixed = allotment is Allotment.FIXED
    assert (set(counts) == {(4, 3)}) == fixed
    assert (len(set(counts)) > 3) != fixed
