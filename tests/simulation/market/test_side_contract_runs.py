"""Side-contracts in whole runs: promises kept, lies, refusals, and nothing changed that collusion does not change."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from marketgame.agents.behaviours import (
    Behaviour,
    Deceiving,
    Loyal,
    Misreporting,
    Noisy,
    Obedient,
    ReactiveArbitraging,
    ReactiveWithholding,
)
from marketgame.agents.coalitions.agreement import Agreement
from marketgame.agents.coalitions.choice import CoalitionChoice, CoalitionSelection
from marketgame.agents.coalitions.finding import AgreementSearch
from marketgame.agents.coalitions.offered import OfferedSideContract
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.side_contracts.cells import knowledge_of
from marketgame.mechanisms.collusion.side_contracts.search import SideEffort
from marketgame.mechanisms.collusion.side_contracts.side_contract import (
    Clause,
    SideContract,
    promised_utilities,
    status_quo_utilities,
)
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract, walrasian_payments
from marketgame.mechanisms.deviations.effort import Effort
from marketgame.mechanisms.deviations.situation import JointAction, Reaction, Situation, gains, obedient, stacked
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Coverage, MarketRules, Solvency, Timing
from marketgame.mechanisms.market_game.settle import settle
from marketgame.mechanisms.market_game.settlement import Settlement
from marketgame.simulation.market import model
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.run import simulate, simulate_into
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.blockers import Blocker
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.organisers import Organiser, OrganiserEffort
from tests.agents.side_contract_cases import drawing_lots, farmers, favouring_the_modest, secretive
from tests.field_changes import with_fields

PAIRS = CoalitionChoice(smallest=2, largest=2)
ANN_AND_BOB = CoalitionChoice(members=frozenset({0, 1}))
CONTRACT = grand_contract(farmers())


def lots_of(contract: GrandContract) -> Callable[[Coalition], Agreement | None]:
    return cache(lambda coalition: drawing_lots(contract, coalition, (0.5,) * 2))


def organised(contract: GrandContract = CONTRACT, /, **settings: object) -> MarketScenario:
    broker = Organiser("broker", ANN_AND_BOB, find=lots_of(contract))
    usual = MarketScenario("organised", contract.economy, contract=contract, organisers=(broker,), rounds=60, seed=5)
    return with_fields(usual, **settings)


def frames(scenario: MarketScenario) -> dict[str, pd.DataFrame]:
    tables = {}
    for name, table in simulate(scenario).items():
        frame: pd.DataFrame = table.to_pandas()
        keys = [column for column in frame if isinstance(frame[column].dtype, pd.CategoricalDtype)]
        tables[name] = frame.astype(dict.fromkeys(keys, object))
    return tables


CHANGED_BY_ORGANISERS = {"side_contracts", "events", "runs"}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"assignments": (Assignment(Noisy()),)},
        {"blockers": (Blocker("rival"),)},
        {"rules": MarketRules(timing=Timing.SIMULTANEOUS)},
    ],
    ids=str,
)
def test_an_organiser_that_finds_nothing_changes_nothing(settings: dict[str, object]) -> None:
    idle = Organiser("broker", CoalitionChoice(CoalitionSelection.ALL), find=lambda coalition: None)
    without, beside = frames(organised(organisers=(), **settings)), frames(organised(organisers=(idle,), **settings))
    for name in without.keys() - CHANGED_BY_ORGANISERS:
        pd.testing.assert_frame_equal(without[name], beside[name], check_exact=True)
    events = beside["events"]
    others = events[events["kind"] != "side-contract"].reset_index(drop=True)
    pd.testing.assert_frame_equal(without["events"], others, check_exact=True)
    assert set(events.loc[events["kind"] == "side-contract", "reason"]) == {"none-found"}


def test_rounds_without_collusion_are_the_rounds_there_would_have_been_without_an_organiser() -> None:
    seldom = Organiser("broker", CoalitionChoice(largest=2, frequency=0.4), find=lots_of(CONTRACT))
    noisy = (Assignment(Noisy(), ("cat",)),)
    without = frames(organised(organisers=(), assignments=noisy))
    beside = frames(organised(organisers=(seldom,), assignments=noisy))
    colluded = set(beside["side_contracts"]["round"])
    assert 10 < len(colluded) < 40
    for name in ("rounds", "players", "holdings", "trades"):
        calm, calm_beside = (
            tables[name][~tables[name]["round"].isin(colluded)].reset_index(drop=True) for tables in (without, beside)
        )
        pd.testing.assert_frame_equal(calm, calm_beside, check_exact=True)
    # Nature draws the same types whoever colludes.
    pd.testing.assert_series_equal(without["rounds"]["profile"], beside["rounds"]["profile"])


def test_the_same_scenario_and_seed_give_the_same_tables() -> None:
    first, second = frames(organised()), frames(organised())
    for name, table in first.items():
        pd.testing.assert_frame_equal(table, second[name], check_exact=True)
    other = frames(organised(seed=6))["players"]["utility"]
    assert not first["players"]["utility"].equals(other)


def test_ten_thousand_rounds_keep_what_the_side_contract_promises_every_type(monkeypatch: pytest.MonkeyPatch) -> None:
    # Few plays occur again and again, and end as they ended before: each is settled once.
    settled: dict[bytes, Settlement] = {}

    def settled_once(play: Play, rules: MarketRules) -> Settlement:
        parts = (play.quotes, play.orders, play.announced_endowments, play.transfers)
        key = b"".join(part.tobytes() for part in parts)
        if key not in settled:
            settled[key] = settle(play, rules)
        return settled[key]

    monkeypatch.setattr(model, "settle", settled_once)
    contract = grand_contract(secretive())
    agreement = drawing_lots(contract, (0, 1))
    broker = Organiser("broker", ANN_AND_BOB, find=lambda coalition: agreement)
    rows = frames(organised(contract, organisers=(broker,), rounds=10_000))["side_contracts"]
    assert set(rows["fate"]) == {"accepted"}
    assert rows["truthful"].all()
    # No type is promised less than the grand contract's, which is checked by settling every play.
    assert min(gained.min() for gained in agreement.terms.gains) > 1
    for place, player in enumerate(("ann", "bob")):
        for number, known in enumerate(agreement.terms.information[place]):
            name = contract.economy.players[place].types[known.type].name
            earned = rows.loc[(rows["player"] == player) & (rows["type"] == name), "realised_gain"]
            promised = agreement.terms.gains[place][number]
            assert len(earned) > 2500
            assert abs(earned.mean() - promised) < 4 * earned.std() / np.sqrt(len(earned))
            asked = rows.loc[(rows["player"] == player) & (rows["type"] == name), "expected_gain"]
            np.testing.assert_allclose(asked, promised)


def test_a_side_contract_found_by_search_keeps_its_promise_too() -> None:
    contract = grand_contract(secretive())
    agreement = AgreementSearch(
        contract, MarketRules(), effort=SideEffort(Effort(quote_vectors=4, warm_starts=40), enough=0.95)
    ).find((0, 1))
    assert agreement is not None
    broker = Organiser("broker", ANN_AND_BOB, find=lambda coalition: agreement)
    liars = (Assignment(Deceiving()),)
    rows = frames(organised(contract, organisers=(broker,), assignments=liars, rounds=600))["side_contracts"]
    assert set(rows["fate"]) == {"accepted"}
    # It leaves nobody a reason to lie, even to those who would.
    assert rows["truthful"].all()
    for place, player in enumerate(("ann", "bob")):
        for number, known in enumerate(agreement.terms.information[place]):
            name = contract.economy.players[place].types[known.type].name
            earned = rows.loc[(rows["player"] == player) & (rows["type"] == name), "realised_gain"]
            promised = agreement.terms.gains[place][number]
            assert promised > -1e-6
            assert abs(earned.mean() - promised) < 1e-6 + 4 * earned.std() / np.sqrt(len(earned))


def test_a_search_is_announced_and_ends_when_the_user_interrupts_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(_: AgreementSearch, coalition: Coalition, *__: object) -> None:
        if coalition == (0, 2):
            raise KeyboardInterrupt

    monkeypatch.setattr(AgreementSearch, "find", interrupted)
    heard: list[str] = []
    scenario = organised(organisers=(Organiser("broker", PAIRS),))
    assert not simulate_into(tmp_path, scenario, on_search=heard.append)
    assert heard == ["broker searches for ann + bob", "broker searches for ann + cat"]
    assert all(pq.read_table(file).num_rows == 0 for file in tmp_path.iterdir() if "round" in file.name)


def test_every_round_ends_as_the_action_drawn_ends_in_the_enumeration() -> None:
    model, agreement = MarketModel(organised()), lots_of(CONTRACT)((0, 1))
    assert agreement is not None
    for _ in range(25):
        model.step()
        play = model.last_play
        assert play is not None
        (negotiation,) = play.negotiations
        assert negotiation.action is not None
        number = int(CONTRACT.economy.prior.profile_numbers(play.profile))
        situation = agreement.situation(number, tuple(play.profile[:2].tolist()))
        consumed = play.settlement.allocation
        earned = CONTRACT.economy.utility(play.profile, consumed) - CONTRACT.utilities[number]
        np.testing.assert_allclose(earned[:2], gains(situation, negotiation.action), atol=1e-9)


def misquoting(contract: GrandContract, reaction: Reaction | None = None) -> Agreement:
    """Ann and bob quote double, with transfers from ann to bob, and otherwise obey."""
    knowledge = knowledge_of(contract, (0, 1), MarketRules(), reaction)
    clauses = []
    for cell in knowledge.cells:
        told = obedient(cell.situation)
        action = JointAction(told.quotes * [2.0, 1.0], told.orders, told.announced_endowments, np.array([-0.5, 0.5]))
        clauses.append(Clause(cell.reports, cell.profiles, stacked([action]), np.ones(1)))
    whole = tuple(clauses)
    terms = SideContract(
        (0, 1),
        Concept.BIC,
        knowledge.information,
        whole,
        promised_utilities(knowledge, whole),
        status_quo_utilities(knowledge),
    )
    return Agreement(contract, MarketRules(), terms, reaction)


class Eager(Obedient):
    """Joins whatever it costs, so that any side-contract can be played."""

    def join(self, offered: OfferedSideContract) -> int | None:
        return offered.truth


@pytest.mark.parametrize("behaviour", [Obedient(), ReactiveWithholding(), ReactiveArbitraging(3.0)])
def test_reactive_outsiders_answer_misquotes_as_the_coalition_expects_them_to(behaviour: Behaviour) -> None:
    reaction = getattr(behaviour, "reaction", None)
    agreement = misquoting(CONTRACT, reaction)
    who = (Assignment(Eager(), ("ann", "bob")), Assignment(behaviour, ("cat",)))
    broker = Organiser("broker", ANN_AND_BOB, find=lambda coalition: agreement)
    model = MarketModel(organised(organisers=(broker,), assignments=who))
    for _ in range(20):
        model.step()
        play = model.last_play
        assert play is not None
        number = int(CONTRACT.economy.prior.profile_numbers(play.profile))
        earned = CONTRACT.economy.utility(play.profile, play.settlement.allocation) - CONTRACT.utilities[number]
        truths = tuple(agreement.information[number].tolist())
        expected = agreement.gains_at(number, tuple(play.profile[:2].tolist()), truths)
        np.testing.assert_allclose(earned[:2], expected, atol=1e-9)
        np.testing.assert_allclose(play.side_transfers, [-0.5, 0.5, 0])
        told = model.mediator.recommend(play.reports)[0]
        np.testing.assert_allclose(play.play.transfers - told.transfers, play.side_transfers, atol=1e-12)


def test_reactive_traders_obey_where_nobody_misquotes_or_quotes_are_not_seen() -> None:
    reactive = (Assignment(ReactiveWithholding(), ("cat",)),)
    for settings in ({}, {"rules": MarketRules(timing=Timing.SIMULTANEOUS)}):
        plain = frames(organised(organisers=(), **settings))["holdings"]
        reacting = frames(organised(organisers=(), assignments=reactive, **settings))["holdings"]
        pd.testing.assert_frame_equal(plain, reacting, check_exact=True)


def test_a_member_that_would_lose_refuses_and_the_grand_contract_is_played() -> None:
    unfair = drawing_lots(CONTRACT, odds=(0.0, 1.0))
    broker = Organiser("broker", ANN_AND_BOB, find=lambda coalition: unfair)
    tables = frames(organised(organisers=(broker,)))
    rows, rounds = tables["side_contracts"], tables["rounds"]
    ann = rows[rows["player"] == "ann"]
    assert set(ann["answer"]) == {"would-lose"}
    assert (ann["expected_gain"] < -1).all()
    assert set(rows.loc[rows["player"] == "bob", "answer"]) == {"not-asked"}
    np.testing.assert_allclose(rounds["welfare"], rounds["first_best_welfare"])
    refused = tables["events"].query("kind == 'side-contract'")
    assert set(zip(refused["reason"], refused["player"], refused["amount"], strict=True)) == {("refused", "ann", 0.0)}


def test_the_loyal_refuse_and_are_said_to_be_unwilling() -> None:
    tables = frames(organised(assignments=(Assignment(Loyal(), ("bob",)),)))
    rows = tables["side_contracts"]
    assert set(rows.loc[rows["player"] == "bob", "answer"]) == {"unwilling"}
    assert set(rows["fate"]) == {"refused"}


def test_who_deceives_its_partners_lies_where_it_pays_and_only_there() -> None:
    contract = grand_contract(secretive())
    agreement = favouring_the_modest(contract)
    broker = Organiser("broker", ANN_AND_BOB, find=lambda coalition: agreement)
    liars = (Assignment(Deceiving()),)
    rows = frames(organised(contract, organisers=(broker,), assignments=liars))["side_contracts"]
    ann = rows[rows["player"] == "ann"]
    ann = rows[rows["player"] == "ann"]
    told = ann.groupby("type")["truthful"].unique().map(tuple)
    assert dict(told) == {"hungry": (False,), "modest": (True,)}
    # Against a side-contract that is incentive compatible nobody lies.
    rows = frames(organised(contract, organisers=(Organiser("broker", ANN_AND_BOB, find=lots_of(contract)),)))[
        "side_contracts"
    ]
    assert rows["truthful"].all()


def test_a_broken_agreement_names_its_breaker_and_pays_it() -> None:
    def selling_short_too(situation: Situation) -> JointAction | None:
        number = int(CONTRACT.economy.prior.profile_numbers(situation.profiles[0]))
        place = (0, 1).index(situation.coalition[0])
        action = drawing_lots(CONTRACT).terms.clauses[number].actions[place]
        own = JointAction(
            action.quotes[[place]], 5 * action.orders[[place]], action.announced_endowments[[place]], np.zeros(1)
        )
        return own if (gains(situation, own) > 0.1).all() else None

    broker = Organiser("broker", ANN_AND_BOB, depth=1, find=lots_of(CONTRACT), best_deviation=selling_short_too)
    tables = frames(organised(organisers=(broker,), rounds=20))
    rows = tables["side_contracts"]
    assert set(rows["fate"]) == {"broken"}
    assert (rows.groupby("round")["broke"].sum() == 1).all()
    kept = frames(organised(rounds=20))["side_contracts"]
    assert (rows["realised_gain"] - kept["realised_gain"])[rows["broke"]].min() > 0
    blamed = tables["events"].query("kind == 'side-contract'").set_index("round")["player"]
    assert (rows[rows["broke"]].set_index("round")["player"] == blamed).all()


def test_who_lied_to_the_mediator_repeats_its_lie_to_the_side_device() -> None:
    lying = (Assignment(Misreporting({"modest": "hungry"}), ("ann",)),)
    rows = frames(organised(assignments=lying))["side_contracts"]
    assert set(rows["fate"]) == {"accepted"}
    assert rows["truthful"].all()


def test_nobody_is_in_two_coalitions_at_once() -> None:
    both = tuple(Organiser(name, PAIRS, find=lots_of(CONTRACT)) for name in ("broker", "rival"))
    rows = frames(organised(organisers=both))["side_contracts"]
    busy = rows[rows["fate"] == "accepted"]
    assert not busy.duplicated(["round", "player"]).any()
    assert set(rows["fate"]) == {"accepted", "too-late"}
    assert set(rows.loc[rows["fate"] == "too-late", "answer"]) == {"not-asked"}


def test_events_tell_what_was_expected_and_what_was_realised() -> None:
    tables = frames(organised())
    rows, events = tables["side_contracts"], tables["events"].set_index("round")
    sums = rows.groupby("round")[["expected_gain", "realised_gain"]].sum()
    np.testing.assert_allclose(events.loc[events["kind"] == "side-contract-offered", "amount"], sums["expected_gain"])
    np.testing.assert_allclose(events.loc[events["kind"] == "side-contract", "amount"], sums["realised_gain"])


@pytest.mark.parametrize(
    ("organisers", "message"),
    [
        ((Organiser("a"), Organiser("a")), "two coalition organisers are named 'a'"),
        ((Organiser("a", CoalitionChoice(members=frozenset({0, 7}))),), "names player 7; they are 0 to 2"),
        ((Organiser("a", CoalitionChoice(smallest=4)),), "organiser 'a': no coalition fits"),
    ],
)
def test_organisers_that_do_not_fit_are_refused(organisers: tuple[Organiser, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        organised(organisers=organisers)


def test_senseless_organisers_are_refused() -> None:
    with pytest.raises(ValueError, match="must have a name"):
        Organiser("")
    with pytest.raises(ValueError, match="depth of organiser 'a' is -1"):
        Organiser("a", depth=-1)


def test_who_leaves_with_a_blocking_mediator_is_in_no_coalition() -> None:
    economy = farmers()
    efficient = efficient_allocation(economy)
    taken = walrasian_payments(economy, efficient) + np.array([-1.0, 2.0, -1.0])
    contract = GrandContract(economy, efficient, taken)
    broker = Organiser("broker", CoalitionChoice(largest=2), find=lots_of(contract))
    tables = frames(organised(contract, organisers=(broker,), blockers=(Blocker("rival"),), rounds=120))
    players = tables["players"].set_index(["round", "player"])["mediator"]
    rows = tables["side_contracts"]
    left = players.loc[list(zip(rows["round"], rows["player"], strict=True))].to_numpy() == "rival"
    some_left = rows.assign(left=left).groupby("round")["left"].any()
    late = rows.groupby("round")["fate"].first() == "too-late"
    assert 0 < some_left.sum() < len(some_left)
    assert (some_left == late).all()


REPAIRED_BY_WITHHOLDING = MarketRules(solvency=Solvency.NO_SHORT_SALES, coverage=Coverage.ANNOUNCED_NUMERAIRE)


def test_a_coalition_gives_up_where_outsiders_withhold_after_misquotes(three_traders: Economy) -> None:
    effort = OrganiserEffort(quote_vectors=1, rounds=0)
    broker = Organiser("broker", CoalitionChoice(members=frozenset({0, 1})), effort=effort)
    settings: dict[str, object] = {"rules": REPAIRED_BY_WITHHOLDING, "organisers": (broker,), "rounds": 2}
    everybody = (Assignment(ReactiveWithholding()),)
    contract = grand_contract(three_traders)
    trusting = frames(organised(contract, **settings))["side_contracts"]
    wary = frames(organised(contract, assignments=everybody, **settings))["side_contracts"]
    assert set(wary["fate"]) == {"none-found"}
    assert set(trusting["fate"]) == {"accepted"}
    assert (trusting.groupby("round")["realised_gain"].sum() > 1).all()


def test_one_player_alone_is_a_coalition_too(three_traders: Economy) -> None:
    alone = CoalitionChoice(smallest=1, largest=1, members=frozenset({2}))
    broker = Organiser("broker", alone, effort=OrganiserEffort(quote_vectors=1, rounds=0))
    tables = frames(organised(grand_contract(three_traders), organisers=(broker,), rounds=2))
    # Under the paper's rules one of the three traders alone comes as close to 90 as it likes: all the money there is.
    players = tables["players"]
    assert (players.loc[players["player"] == "cy", "utility"] > 89).all()
    assert set(tables["side_contracts"]["fate"]) == {"accepted"}
