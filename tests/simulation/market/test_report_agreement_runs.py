"""Agreements on what to report in whole runs: promises kept, lies, refusals, breaks, and money that stays balanced."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest

from marketgame.agents.behaviours import Deceiving, Loyal, Obedient
from marketgame.agents.coalitions.choice import CoalitionChoice, OrganiserStage
from marketgame.agents.coalitions.finding import ReportSearch
from marketgame.agents.coalitions.offered import OfferedSideContract
from marketgame.agents.coalitions.reporting import ReportProposal
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.report_agreements import ReportAgreement, Shared
from marketgame.mechanisms.collusion.report_game import report_game
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.joint_misreports import joint_misreport_gains
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.contracts.terms import DirectContract
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.economies.profiles import seeded
from marketgame.mechanisms.market_game.rules import Execution, MarketRules
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.organisers import Organiser, Sharing
from tests.agents.side_contract_cases import drawing_lots
from tests.field_changes import with_fields
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior

SIX, THREE, PAIR = (0, 1, 2, 3, 4, 5), (0, 3, 4), (0, 1)


@cache
def traders(rule: TransferRule = TransferRule.EXPECTED_EXTERNALITY) -> GrandContract:
    return contract_with_transfers(load_economy(ECONOMIES / "ten-traders.toml"), rule)


@cache
def harvest() -> GrandContract:
    economy = load_economy(ECONOMIES / "three-farmers.toml")
    return contract_with_transfers(economy, TransferRule.EXPECTED_EXTERNALITY)


def broker(coalition: Coalition, /, **settings: object) -> Organiser:
    choice = CoalitionChoice(smallest=len(coalition), members=frozenset(coalition))
    return with_fields(Organiser("broker", choice, stage=OrganiserStage.REPORTS), **settings)


def organised(contract: DirectContract, *organisers: Organiser, **settings: object) -> MarketScenario:
    usual = MarketScenario(
        "liars", contract.economy, contract=contract, organisers=organisers, transfers=TransferRule.EXPECTED_EXTERNALITY
    )
    return with_fields(usual, **{"rounds": 200, "seed": 3, **settings})


def frames(scenario: MarketScenario) -> dict[str, pd.DataFrame]:
    tables = {}
    for name, table in simulate(scenario).items():
        frame: pd.DataFrame = table.to_pandas()
        keys = [column for column in frame if isinstance(frame[column].dtype, pd.CategoricalDtype)]
        tables[name] = frame.astype(dict.fromkeys(keys, object))
    return tables


def sums(rows: pd.DataFrame) -> FloatArray:
    return rows.groupby("round")["realised_gain"].sum().to_numpy(dtype=float)


def within_sampling_error(realised: FloatArray, promise: float) -> bool:
    error = realised.std(ddof=1) / np.sqrt(len(realised))
    return bool(error > 0 and abs(realised.mean() - promise) < 4 * error)


def test_six_of_ten_traders_realise_what_the_check_of_joint_lies_promises() -> None:
    rows = frames(organised(traders(), broker(SIX)))["side_contracts"]
    assert set(rows["fate"]) == {"accepted"}
    assert rows["truthful"].all()
    gains = joint_misreport_gains(traders(), SIX).gains.max(axis=1)
    likely = np.ones(1)
    for member in SIX:
        likely = np.multiply.outer(likely, traders().economy.prior.marginal(member)).reshape(-1)
    promise = float(likely @ gains)
    realised = sums(rows)
    assert promise > 3
    np.testing.assert_allclose(rows["promise"], promise)
    assert within_sampling_error(realised, promise)
    # Nothing about outsiders is uncertain: in each round the six gain what their types gain by the best lie.
    kinds = rows.pivot_table(index="round", columns="player", values="type", aggfunc="first", sort=False)
    names = [[kind.name for kind in traders().economy.players[member].types] for member in SIX]
    numbers = [
        np.ravel_multi_index([own.index(k) for own, k in zip(names, row, strict=True)], [2] * 6)
        for row in kinds.to_numpy()
    ]
    np.testing.assert_allclose(realised, gains[numbers], atol=1e-9)


def test_where_outsiders_may_be_of_several_types_the_witness_holds_on_average() -> None:
    rows = frames(organised(traders(), broker(THREE), rounds=400))["side_contracts"]
    gains = joint_misreport_gains(traders(), THREE).gains
    # All three are hungry, and say that they are modest.
    assert gains.max() == pytest.approx(gains[7, 0])
    hungry = rows[(rows["type"] == "hungry").groupby(rows["round"]).transform("all")]
    realised = sums(hungry)
    assert set(hungry["told_type"]) == {"modest"}
    assert len(realised) > 20
    assert realised.std() > 1e-3
    assert within_sampling_error(realised, float(gains.max()))


@pytest.mark.parametrize("sharing", Sharing)
def test_under_coalition_proof_transfers_the_organiser_finds_nothing_and_changes_nothing(sharing: Sharing) -> None:
    contract = traders(TransferRule.COALITION_PROOF)
    coalition = SIX if sharing is Sharing.EVERYTHING else THREE
    beside = frames(organised(contract, broker(coalition, sharing=sharing), rounds=8))
    without = frames(organised(contract, rounds=8))
    assert set(beside["side_contracts"]["fate"]) == {"none-found"}
    assert beside["side_contracts"]["promise"].isna().all()
    for name in ("rounds", "players", "holdings", "trades"):
        pd.testing.assert_frame_equal(without[name], beside[name], check_exact=True)


@pytest.mark.parametrize("rules", [MarketRules(), MarketRules(execution=Execution.MATCHED)], ids=["paper", "matched"])
def test_payments_are_money_that_only_moves_among_members(rules: MarketRules) -> None:
    model = MarketModel(organised(traders(), broker(SIX), rules=rules))
    economy, moved = traders().economy, 0.0
    for _ in range(12):
        model.step()
        play = model.last_play
        assert play is not None
        assert play.paid_for_reports.sum() == pytest.approx(0, abs=1e-12)
        assert not play.paid_for_reports[list(range(6, 10))].any()
        assert (play.settlement.allocation[:, -1] + play.paid_for_reports >= -1e-9).all()
        moved += np.abs(play.paid_for_reports).sum()
        (tried,) = play.negotiations
        assert tried.lie is not None
        np.testing.assert_array_equal(play.reports[list(SIX)], tried.lie.reports)
        # With their payments members get what the contract gives at the lie, by their true types.
        number = int(economy.prior.profile_numbers(play.reports))
        ends = traders().allocation[number] + play.paid_for_reports[:, None] * np.array([0, 1.0])
        utility = economy.utility(play.profile, play.settlement.allocation) + play.paid_for_reports
        np.testing.assert_allclose(utility, economy.utility(play.profile, ends), atol=1e-9)
    assert moved > 1
    players = model.recorder.tables()["players"].to_pandas()
    assert players.loc[players["round"] == 11, "utility"].to_numpy() == pytest.approx(utility)


def test_a_refusal_leaves_everybody_with_the_truth() -> None:
    tables = frames(organised(traders(), broker(THREE), rounds=20, assignments=(Assignment(Loyal(), ("dina",)),)))
    rows = tables["side_contracts"]
    assert set(rows["fate"]) == {"refused"}
    assert set(rows.loc[rows["player"] == "dina", "answer"]) == {"unwilling"}
    assert set(rows.loc[rows["player"] == "eli", "answer"]) == {"not-asked"}
    assert rows["realised_gain"].isna().all()
    assert rows["told_type"].isna().all()
    assert (tables["players"]["type"] == tables["players"]["reported_type"]).all()


def test_who_would_lose_refuses() -> None:
    def costly(coalition: Coalition) -> ReportProposal | None:
        game = report_game(harvest(), coalition)
        payments = np.stack([np.full(4, -1.0), np.ones(4)])
        terms = ReportAgreement(coalition, np.eye(4), payments, (), 0.0)
        return ReportProposal(game, terms)

    rows = frames(organised(harvest(), broker(PAIR, find_reports=costly), rounds=5))["side_contracts"]
    ann = rows[rows["player"] == "ann"]
    assert set(ann["answer"]) == {"would-lose"}
    np.testing.assert_allclose(ann["expected_gain"], -1)


@pytest.mark.parametrize("sharing", [Sharing.EVERYTHING, Sharing.MONEY])
def test_only_those_who_must_believe_each_other_are_lied_to(sharing: Sharing) -> None:
    liars = (Assignment(Deceiving()),)
    rows = frames(organised(traders(), broker((0, 4), sharing=sharing), assignments=liars, rounds=40))["side_contracts"]
    assert set(rows["fate"]) == {"accepted"}
    assert rows["truthful"].all() == (sharing is Sharing.MONEY)
    proposal = ReportSearch(traders(), MarketRules()).find((0, 4))
    assert proposal is not None
    if sharing is Sharing.EVERYTHING:
        # Each tells the type that pays it most if the other tells the truth.
        for place, player in enumerate(("ada", "eli")):
            for kind, name in enumerate(("modest", "hungry")):
                own = rows[(rows["player"] == player) & (rows["type"] == name)]
                gains = proposal.expected_gains(place, kind)
                np.testing.assert_allclose(own["expected_gain"], gains.max())
                assert (own["truthful"] == (gains[kind] >= gains.max() - 1e-6)).all()


def expected_by_hand(contract: GrandContract, proposal: ReportProposal, place: int, kind: int, said: int) -> float:
    """What a type of a member of a pair gains by telling the organiser another, profile by profile."""
    economy, members = contract.economy, proposal.coalition
    own, other = members[place], members[1 - place]
    total = weight = 0.0
    for number, profile in enumerate(economy.profiles):
        if profile[own] != kind:
            continue
        heard = [0, 0]
        heard[place], heard[1 - place] = said, int(profile[other])
        row = heard[0] * 2 + heard[1]
        told = int(proposal.terms.lottery[row].argmax())
        reported = profile.copy()
        reported[list(members)] = divmod(told, 2)
        ends = contract.allocation[[int(economy.prior.profile_numbers(reported)), number]]
        lie, truth = economy.utility(np.stack([profile, profile]), ends)[:, own]
        total += economy.prior.probability[number] * (lie - truth + proposal.terms.payments[place, row])
        weight += economy.prior.probability[number]
    return float(total / weight)


def test_what_members_expect_of_what_they_say_is_worked_out_profile_by_profile() -> None:
    proposal = ReportSearch(traders(), MarketRules()).find((0, 4))
    assert proposal is not None
    for place, kind, said in product(range(2), repeat=3):
        by_hand = expected_by_hand(traders(), proposal, place, kind, said)
        assert proposal.expected_gains(place, kind)[said] == pytest.approx(by_hand, abs=1e-9)


def test_a_member_reports_otherwise_where_that_pays_it_and_only_there() -> None:
    """A lie that nobody would tell alone: told to report another type, a member goes back to what is best for it."""
    contract = traders()
    model, broken = MarketModel(organised(contract, broker((0, 4), depth=1))), 0
    for _ in range(20):
        model.step()
        play = model.last_play
        assert play is not None
        (tried,) = play.negotiations
        assert tried.lie is not None
        best = _first_gain(*(int(kind) for kind in play.profile[[0, 4]]), tried.lie.told)
        breakers = () if tried.broken is None else tried.broken.breakers
        assert breakers == best
        broken += bool(breakers)
        assert tried.lie.payments.sum() == pytest.approx(0, abs=1e-12)
        assert (play.reports[[0, 4]] == tried.lie.reports).all()
    assert 0 < broken < 20
    rows = model.recorder.tables()["side_contracts"].to_pandas()
    assert rows["broke"].sum() == broken
    assert set(rows.loc[rows["broke"], "fate"]) == {"broken"}


@cache
def _first_gain(ada: int, eli: int, told: tuple[int, ...]) -> Coalition:
    """Who of the two gains first by another report, in expectation over all that it considers possible."""
    contract, true = traders(), (ada, eli)
    proposal = ReportSearch(contract, MarketRules()).find((0, 4))
    assert proposal is not None
    economy = contract.economy
    lie = proposal.terms.lottery.argmax(axis=1)
    row = true[0] * 2 + true[1]
    for place, member in enumerate(proposal.coalition):
        values = np.zeros(2)
        for number, profile in enumerate(economy.profiles):
            kinds = tuple(profile[list(proposal.coalition)].tolist())
            heard = kinds[0] * 2 + kinds[1]
            reports = divmod(int(lie[heard]), 2)
            same = proposal.terms.payments[place, heard] == proposal.terms.payments[place, row]
            if kinds[place] != true[place] or reports[place] != told[place] or not same:
                continue
            for said in range(2):
                reported = profile.copy()
                reported[list(proposal.coalition)] = reports
                reported[member] = said
                end = contract.allocation[economy.prior.profile_numbers(reported)]
                values[said] += economy.prior.probability[number] * economy.utility(profile, end)[member]
        if values.max() > values[told[place]] + 1e-6:
            return (member,)
    return ()


def test_who_cannot_pay_what_it_owes_shrinks_all_payments_alike() -> None:
    huge = np.array([[-1e6, -1e6, -1e6, -1e6], [4e5, 4e5, 4e5, 4e5], [6e5, 6e5, 6e5, 6e5]])

    def extravagant(coalition: Coalition) -> ReportProposal | None:
        game = report_game(traders(), coalition)
        payments = np.repeat(huge[:, :1], 8, axis=1)
        return ReportProposal(game, ReportAgreement(coalition, np.eye(8), payments, (), 0.0))

    model = MarketModel(organised(traders(), broker(THREE, find_reports=extravagant)))
    for trader in model.traders:
        trader.behaviours = (Reckless(),) * len(trader.behaviours)
    model.step()
    play = model.last_play
    assert play is not None
    ada, dina, eli = play.paid_for_reports[list(THREE)]
    assert ada == pytest.approx(-play.settlement.allocation[0, -1])
    assert (dina, eli) == pytest.approx((-0.4 * ada, -0.6 * ada))
    (tried,) = play.negotiations
    assert tried.side_transfers is not None
    np.testing.assert_allclose(tried.side_transfers, [ada, dina, eli])


class Reckless(Obedient):
    """Joins whatever it costs."""

    def join(self, offered: OfferedSideContract) -> int | None:
        return offered.truth


def test_first_a_lie_and_then_orders_that_were_agreed_upon() -> None:
    contract = harvest()
    pair = broker(PAIR, stage=OrganiserStage.BOTH, find=lambda coalition: drawing_lots(contract, coalition))
    rows = frames(organised(contract, pair, rounds=12))["side_contracts"]
    fates = rows.groupby("stage")["fate"].agg(set).to_dict()
    assert fates.keys() == {"orders", "reports"}
    assert fates["reports"] == {"accepted"}
    assert rows.loc[rows["stage"] == "orders", "promise"].isna().all()
    assert "accepted" in fates["orders"]
    # The gains of the first are measured against the truth, those of the second against what the lie would bring.
    both = rows.pivot_table(index=["round", "player"], columns="stage", values="realised_gain")
    assert ((both["reports"] - both["orders"]).abs() > 1e-6).any()


def test_who_agreed_on_reports_is_taken_for_other_organisers() -> None:
    contract = harvest()
    liar = broker(PAIR)
    rival = with_fields(
        broker((0, 2), stage=OrganiserStage.ORDERS, find=lambda coalition: drawing_lots(contract, coalition)),
        name="rival",
    )
    rows = frames(organised(contract, liar, rival, rounds=8))["side_contracts"]
    fates = rows.groupby(["organiser", "stage"])["fate"].agg(set).to_dict()
    assert fates == {("broker", "reports"): {"accepted"}, ("rival", "orders"): {"too-late"}}


def test_the_same_seed_gives_the_same_tables_and_nature_does_not_mind_liars() -> None:
    first, second = (frames(organised(traders(), broker(THREE), rounds=6)) for _ in range(2))
    for name, table in first.items():
        pd.testing.assert_frame_equal(table, second[name], check_exact=True)
    truthful = frames(organised(traders(), rounds=6))
    pd.testing.assert_series_equal(first["rounds"]["profile"], truthful["rounds"]["profile"])


@pytest.mark.parametrize("stage", [OrganiserStage.ORDERS, OrganiserStage.BOTH])
def test_agreements_on_orders_have_no_place_where_profiles_are_too_many_to_list(stage: OrganiserStage) -> None:
    many = load_economy(ECONOMIES / "three-hundred-traders.toml")
    organiser = Organiser("broker", CoalitionChoice(smallest=2, members=frozenset(PAIR)), stage=stage)
    expected = rf"organisers\.broker\.stage is '{stage.value}'.*list of all type profiles.*at most 5000000.*'reports'"
    with pytest.raises(ValueError, match=expected):
        MarketScenario("too many", many, organisers=(organiser,))


def test_a_coalition_of_too_many_joint_types_is_refused_before_the_run_begins() -> None:
    many = load_economy(ECONOMIES / "three-hundred-traders.toml")
    with pytest.raises(ValueError, match=r"'broker'.*2048 joint types.*up to 1024"):
        MarketScenario("too many", many, organisers=(broker(tuple(range(11))),))


@cache
def many_traders(rule: TransferRule) -> ContractOnDemand:
    """Twenty-four different traders of two types, in 2^24 profiles."""
    economy = random_economy(1, random_independent_prior(1, (2,) * 24), money=20_000.0)
    assert economy.prior.obstacle
    return ContractOnDemand(sampled(economy), rule)


def test_where_profiles_are_too_many_to_list_what_draws_promise_is_realised() -> None:
    rule = TransferRule.EXPECTED_EXTERNALITY
    contract = many_traders(rule)
    tables = frames(organised(contract, broker(THREE), transfers=rule, rounds=24))
    rows = tables["side_contracts"]
    assert set(rows["fate"]) == {"accepted"}
    [promise], [error] = rows["promise"].unique(), rows["promise_error"].unique()
    assert promise > 5 * error > 0
    realised = sums(rows)
    spread = float(np.hypot(error, realised.std(ddof=1) / np.sqrt(len(realised))))
    assert abs(realised.mean() - promise) < 4 * spread
    assert (rows["type"] != rows["reported_type"]).any()


def test_among_many_under_coalition_proof_transfers_nothing_is_proposed() -> None:
    contract = many_traders(TransferRule.COALITION_PROOF)
    for shared in (None, *Shared):
        assert ReportSearch(contract, MarketRules(), shared).find(PAIR) is None
    # And by draws of the transfers themselves no joint report is known to gain.
    economy, types, members = contract.economy, np.indices((2, 2)).reshape(2, -1), list(PAIR)
    profiles = economy.prior.draws(seeded(99), 8).profiles
    ends = []
    for report in types.T:
        reported = profiles.copy()
        reported[:, members] = report
        ends.append(contract.terms(reported).allocation)
    for told, own in enumerate(types.T):
        true = profiles.copy()
        true[:, members] = own
        utility = np.stack([economy.utility(true, end)[:, members].sum(axis=1) for end in ends])
        gains = utility - utility[told]
        assert (gains.mean(axis=1) <= 4 * gains.std(axis=1, ddof=1) / np.sqrt(8) + 1e-9).all()


def test_among_many_wary_members_of_a_drawn_agreement_expect_what_a_list_of_profiles_says() -> None:
    exact = report_game(traders(), THREE)
    drawn = report_game(ContractOnDemand(sampled(traders().economy), TransferRule.EXPECTED_EXTERNALITY), THREE)
    np.testing.assert_allclose(drawn.likely, exact.likely)
    np.testing.assert_array_equal(drawn.possible, exact.possible)
    assert (drawn.money >= exact.money - 1e-9).all()
    off = np.abs(drawn.utilities.sum(axis=0) - exact.utilities.sum(axis=0))
    assert (off <= 5 * drawn.errors + 1e-9).all()
    assert drawn.errors.max() < 0.02 * exact.stakes.sum(axis=0).max()
    # What truth is worth is a level, and levels are known less well than what lies gain.
    np.testing.assert_allclose(drawn.truth, exact.truth, atol=0.03 * exact.stakes.max())
