"""Trading posts and the call market in the stress test, and what is played in every institution."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import certificate_text, load_certificate
from marketgame.experiments.certificate_files.replay import replayed
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.examples import located
from marketgame.experiments.stress.asking import Asked, Cell, ask_all
from marketgame.experiments.stress.compared_institution import COMPARED, ComparedInstitution
from marketgame.experiments.stress.compared_play import careless_welfare, learned_welfare
from marketgame.experiments.stress.comparisons import COMPARISONS
from marketgame.experiments.stress.market_institution import REPAIRED
from marketgame.experiments.stress.played import Effort, careless, learned_ruling, learning
from marketgame.experiments.stress.question import Inquiry, Question
from marketgame.experiments.stress.ruling import Answered, Measure, Measured, Ruling
from marketgame.mechanisms.certificates.compared_market import ComparedMarketCertificate, certify_compared_market
from marketgame.mechanisms.comparison_markets.call_market import clear_reports
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket
from marketgame.mechanisms.comparison_markets.residual_supply import best_schedule
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.incentive_efficiency.welfare import first_best_gains
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError
from marketgame.mechanisms.market_game.rules import Execution, MarketRules, Refusal
from marketgame.simulation.market.replications import Replications, replicate
from marketgame.simulation.market.sampled_play.plays import learned_numbers
from marketgame.simulation.scenario.market_scenario import MarketScenario

CASES = Path(__file__).parents[3] / "experiments" / "cases"
FEW = Effort(careless_plays=16, replications=4, rounds=40, longer=1)
PROVABLE = tuple(q for q in Inquiry if q not in {Inquiry.CARELESS, Inquiry.LEARNING})


@cache
def economy(name: str) -> Economy:
    return load_economy(located(f"example:{name}"))


@cache
def answers(name: str, market: ComparedMarket) -> Answered:
    """All that can be proven about a market on an economy."""
    scenario = MarketScenario(name, economy(name))
    rulings, welfare = dict[Question, Ruling](), dict[Measure, Measured]()
    asked = ComparedInstitution(market)
    for inquiry in (one for one in PROVABLE if asked.can_be_asked(one, scenario)):
        found = asked.answer(inquiry, scenario, rulings, NO_DEADLINE)
        rulings |= found.rulings
        welfare |= found.welfare
    return Answered(rulings, welfare)


@pytest.mark.parametrize("market", list(ComparedMarket))
def test_every_no_and_every_yes_is_confirmed_by_replaying(market: ComparedMarket, tmp_path: Path) -> None:
    for question, ruling in answers("three-farmers", market).rulings.items():
        if ruling.verdict not in {Verdict.REFUTED, Verdict.PROVEN}:
            continue
        assert ruling.evidence is not None
        path = tmp_path / f"{question.name}.json"
        path.write_text(ruling.evidence.text, encoding="utf-8")
        again = replayed(load_certificate(path))
        assert again.confirmed, (question, again.verification)
        if ruling.verdict is Verdict.REFUTED:
            assert isinstance(again.certificate, ComparedMarketCertificate)
            assert again.certificate.total_gain == pytest.approx(ruling.money)


def test_markets_without_a_mediator_are_broken_by_one_player_unless_they_play_the_equilibrium() -> None:
    for market in ComparedMarket:
        one = answers("three-farmers", market).rulings[Question.ONE].verdict
        stable = market in {ComparedMarket.EQUILIBRIUM, ComparedMarket.ALL_OFFERED}
        assert one is (Verdict.PROVEN if stable else Verdict.REFUTED)


def test_price_takers_and_true_schedules_reach_the_first_best_and_equilibria_do_not() -> None:
    farmers = economy("three-farmers")
    best = float(farmers.prior.probability @ first_best_gains(farmers, efficient_allocation(farmers)))
    played = {market: answers("three-farmers", market).welfare[Measure.PLAYED].value for market in ComparedMarket}
    for market in (ComparedMarket.CALL, ComparedMarket.PRICE_TAKERS):
        assert played[market] == pytest.approx(best)
    # One buyer or one seller among three: nothing is traded in equilibrium.
    assert played[ComparedMarket.EQUILIBRIUM] == 0
    all_offered = played[ComparedMarket.ALL_OFFERED]
    assert all_offered is not None
    assert 0 < all_offered < 0.9 * best


def test_boehm_bawerks_horses_cost_between_the_values_of_the_marginal_pairs(tmp_path: Path) -> None:
    # Five horses are sold, at 21 to 21.5 pounds (Positive Theory of Capital, 1889, book IV).
    horses = load_economy(CASES / "boehm-bawerk-1889.toml")
    called = clear_reports(horses, horses.profiles)
    np.testing.assert_allclose([called.lowest[0, 0], called.price[0, 0], called.highest[0, 0]], [21, 21.25, 21.5])
    assert np.maximum(called.net_trades[0, :, 0], 0).sum() == pytest.approx(5)
    # A buyer of the marginal pair moves the price to the lower end, and values in steps are checked at their steps.
    found = best_schedule(horses, 4, 0)
    assert found is not None
    assert found.gain == pytest.approx(0.25, abs=1e-5)
    certificate = certify_compared_market(horses, ComparedMarket.CALL, (4,), ((0,), (0,)), found.steps)
    (tmp_path / "horse.json").write_text(certificate_text(certificate), encoding="utf-8")
    assert replayed(load_certificate(tmp_path / "horse.json")).confirmed


def test_nobody_leaves_who_trades_at_a_supporting_price() -> None:
    for market in (ComparedMarket.CALL, ComparedMarket.PRICE_TAKERS):
        assert answers("three-farmers", market).rulings[Question.LEAVING].verdict is Verdict.PROVEN
    for market in (ComparedMarket.EQUILIBRIUM, ComparedMarket.ALL_OFFERED):
        assert Question.LEAVING not in answers("three-farmers", market).rulings


def test_a_question_that_the_call_market_cannot_answer_leaves_it_admitted() -> None:
    market = MarketScenario("joint", economy("two-goods-complements"))
    one = ComparedInstitution(ComparedMarket.CALL)
    found = ask_all(Asked(market, (one,), (Inquiry.CARELESS,)), {}, NO_DEADLINE, None, lambda _: None)
    outcome = found[Cell(one.name, Inquiry.CARELESS)]
    assert not outcome.refused
    assert "no schedules but those of types" in outcome.failed


def test_whoever_may_hide_what_has_to_be_offered_leaves_the_market_admitted(tmp_path: Path) -> None:
    lines = ['kind = "market-economy"', 'name = "crops"', 'goods = ["corn", "money"]', 'units = ["ton", "euro"]']
    for name, owned in (("ann", (4.0, 1.0)), ("bob", (1.0,)), ("cat", (1.0,))):
        lines += ["[[players]]", f'name = "{name}"']
        for corn in owned:
            lines += [f"[players.types.t{corn:.0f}]", f"probability = {1 / len(owned)}", f"endowment = [{corn}, 20.0]"]
            lines += ['valuation = { family = "quadratic", intercept = [6.0], slope = [[1.0]] }']
    file = tmp_path / "crops.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    one, market = ComparedInstitution(ComparedMarket.ALL_OFFERED), MarketScenario("crops", load_economy(file))
    found = ask_all(Asked(market, (one,), (Inquiry.REPLIES_ALONE,)), {}, NO_DEADLINE, None, lambda _: None)
    outcome = found[Cell(one.name, Inquiry.REPLIES_ALONE)]
    assert not outcome.refused
    assert outcome.answered.rulings[Question.DISOBEYS].verdict is Verdict.NOT_REFUTED


def test_all_markets_stand_in_the_table_and_travel() -> None:
    assert COMPARISONS == COMPARED
    assert pickle.loads(pickle.dumps(COMPARED)) == COMPARED
    assert len({one.name for one in COMPARED}) == len(ComparedMarket)


@pytest.mark.parametrize("market", list(ComparedMarket))
def test_what_is_played_follows_from_the_seed(market: ComparedMarket) -> None:
    farmers = economy("three-farmers")
    first, again, other = (learned_welfare(farmers, market, seed, NO_DEADLINE, FEW) for seed in (1, 1, 2))
    assert first == again
    assert careless_welfare(farmers, market, 1, NO_DEADLINE, FEW) == careless_welfare(
        farmers, market, 1, NO_DEADLINE, FEW
    )
    assert first.welfare.keys() == other.welfare.keys() == {Measure.LEARNED}


def test_learners_keep_an_equilibrium_and_leave_true_schedules() -> None:
    farmers = economy("three-farmers")
    kept = learned_welfare(farmers, ComparedMarket.ALL_OFFERED, 1, NO_DEADLINE, FEW).rulings[Question.LEARNING]
    left = learned_welfare(farmers, ComparedMarket.CALL, 1, NO_DEADLINE, FEW).rulings[Question.LEARNING]
    assert kept.verdict is Verdict.SAMPLED
    assert left.verdict is Verdict.REFUTED
    assert left.total_gain > 0.1


def on(name: str, rules: MarketRules, transfers: TransferRule) -> MarketScenario:
    return MarketScenario(name, economy(name), rules=rules, transfers=transfers)


def test_deposits_protect_the_obedient_from_the_careless_and_voided_trades_do_not() -> None:
    bound = replace(REPAIRED, execution=Execution.MATCHED, refusal=Refusal.ESCROW)
    for rules, verdict in ((bound, Verdict.SAMPLED), (REPAIRED, Verdict.REFUTED)):
        asked = on("three-farmers", rules, TransferRule.COALITION_PROOF)
        assert careless(asked, NO_DEADLINE, FEW).rulings[Question.CARELESS].verdict is verdict


def test_carelessness_that_was_played_in_part_is_no_sample_of_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever obeys loses to the careless under void prices; here time runs out after the first of them, if any."""
    asked = on("three-farmers", replace(REPAIRED, refusal=Refusal.ESCROW), TransferRule.COALITION_PROOF)
    asked = replace(asked, rules=replace(asked.rules, execution=Execution.MATCHED))
    played = iter(range(2))

    def twice(scenario: MarketScenario, count: int, _: Deadline) -> Replications:
        if next(played, None) is None:
            raise DeadlinePassedError
        return replicate(scenario, count)

    monkeypatch.setattr("marketgame.simulation.market.sampled_play.plays.replicate", twice)
    ruling = careless(asked, Deadline.after(0), FEW).rulings[Question.CARELESS]
    assert ruling.cut
    assert ruling.verdict is Verdict.NOT_REFUTED


def test_whoever_plays_looks_at_the_clock() -> None:
    asked = on("three-farmers", REPAIRED, TransferRule.COALITION_PROOF)
    with pytest.raises(DeadlinePassedError):
        learning(asked, Deadline.after(0), replace(FEW, rounds=100_000))
    with pytest.raises(DeadlinePassedError):
        careless(asked, Deadline.after(0), replace(FEW, careless_plays=100_000))


def test_learners_reach_the_first_best_where_nobody_can_gain_and_not_where_short_sales_pay() -> None:
    farmers = economy("three-farmers")
    best = float(farmers.prior.probability @ first_best_gains(farmers, efficient_allocation(farmers)))
    for rules, reaches in ((REPAIRED, True), (MarketRules.paper(), False)):
        found = learning(on("three-farmers", rules, TransferRule.COALITION_PROOF), NO_DEADLINE, FEW)
        learned = found.welfare[Measure.LEARNED].value
        assert learned is not None
        assert (learned > 0.99 * best) is reaches


@pytest.mark.parametrize("market", [None, ComparedMarket.CALL])
def test_among_many_some_learn_and_it_is_said(market: ComparedMarket | None) -> None:
    few = replace(FEW, most_learners=2, learners=2, replications_of_many=3, rounds_of_many=4)
    asked = on("three-farmers", REPAIRED, TransferRule.COALITION_PROOF)
    if market is None:
        found = learning(asked, NO_DEADLINE, few)
    else:
        found = learned_welfare(asked.economy, market, 1, NO_DEADLINE, few)
    premises = dict(found.rulings[Question.LEARNING].premises)
    assert premises["learners"] == "2 of 3; the others obey"
    assert premises["played"].startswith("3 replications")
    assert found.welfare[Measure.LEARNED].value is not None


def test_welfare_of_learners_who_obey_is_what_is_promised_whatever_types_are_drawn() -> None:
    farmers = economy("three-farmers")
    types = farmers.prior.draws(np.random.default_rng(5), 60).profiles.reshape(3, 20, 3)
    efficient = efficient_allocation(farmers, types.reshape(-1, 3))
    equal = np.repeat(first_best_gains(farmers, efficient)[:, None] / 3, 3, axis=1).reshape(types.shape)
    found = learned_ruling(learned_numbers(farmers, types, equal, np.ones(types.shape, dtype=bool)))
    best = float(farmers.prior.probability @ first_best_gains(farmers, efficient_allocation(farmers)))
    learned = found.welfare[Measure.LEARNED]
    assert [learned.value, learned.low, learned.high] == pytest.approx([best] * 3)
    assert found.rulings[Question.LEARNING].verdict is Verdict.SAMPLED


def test_the_equilibrium_at_posts_is_broken_by_an_agreement_that_its_members_keep(tmp_path: Path) -> None:
    """Nobody gains alone; two who thicken the post do, and neither would send anything else: a proof that replays."""
    found = answers("three-traders", ComparedMarket.EQUILIBRIUM).rulings
    assert found[Question.ONE].verdict is Verdict.PROVEN
    kept = found[Question.CONSISTENT]
    assert (kept.verdict, kept.because) == (Verdict.REFUTED, "kept messages of two")
    assert found[Question.ANY] is kept
    assert kept.evidence is not None
    path = tmp_path / "kept.json"
    path.write_text(kept.evidence.text, encoding="utf-8")
    assert replayed(load_certificate(path)).confirmed
    everything = answers("three-traders", ComparedMarket.ALL_OFFERED).rulings[Question.CONSISTENT]
    assert (everything.verdict, "without a lot" in everything.because) == (Verdict.NOT_REFUTED, True)
