"""What coalitions can do to the grand contract: found by the oracle untold, or proven to be nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict
from marketgame.mechanisms.deviations.oracle import DeviationSearch, most_profitable_deviation
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    Replies,
    Situation,
    gains,
    obedient,
    played,
    situation_of,
    utilities,
)
from marketgame.mechanisms.economies.economy import PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.plays import joined
from marketgame.mechanisms.market_game.rules import (
    PAPER_RULES,
    Bankruptcy,
    Coverage,
    MarketRules,
    Pricing,
    Solvency,
    Timing,
    Withholding,
)
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior, three_traders
from tests.mechanisms.slow_deviations import slow_utilities

ALL_MONEY = 90.0
UNTOLD = Effort(warm_starts=0, quote_vectors=24)
FEW = Effort(warm_starts=0, quote_vectors=5, local_rounds=0)
REPAIRED = MarketRules(
    solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND, coverage=Coverage.ANNOUNCED_NUMERAIRE
)


@cache
def contract() -> GrandContract:
    return grand_contract(three_traders())


def searched(
    rules: MarketRules, coalition: tuple[int, ...], objective: Objective = Objective.TOTAL, effort: Effort = UNTOLD
) -> tuple[Situation, DeviationSearch]:
    situation = situation_of(contract(), 0, coalition, rules)
    return situation, most_profitable_deviation(situation, objective, effort)


def replayed(situation: Situation, found: DeviationSearch) -> FloatArray:
    """The gains of what was found, from a settlement that shares no code."""
    assert found.best is not None
    return slow_utilities(situation, found.best) - slow_utilities(situation, obedient(situation))


@pytest.mark.parametrize("player", range(3))
def test_one_player_alone_takes_all_the_money_under_the_papers_rules_and_no_more(player: int) -> None:
    situation, found = searched(PAPER_RULES, (player,))
    assert found.verdict is Verdict.REFUTED
    utility = float(situation.status_quo[0] + found.gains[0])
    assert ALL_MONEY - 1e-3 <= utility <= ALL_MONEY
    assert found.spent.settled == 0
    assert replayed(situation, found) == pytest.approx(found.gains, abs=1e-6)
    assert situation.status_quo[0] + found.bound == pytest.approx(ALL_MONEY, abs=1e-9)


@pytest.mark.parametrize("player", range(3))
@pytest.mark.parametrize("pricing", [Pricing.COUNTERPARTY, Pricing.SPREAD, Pricing.VOID])
def test_no_player_gains_alone_when_short_sales_bankrupt(player: int, pricing: Pricing) -> None:
    rules = replace(MarketRules.no_short_sales(), pricing=pricing)
    _, found = searched(rules, (player,))
    assert found.verdict is Verdict.PROVEN
    assert found.best is None
    assert (found.gains == 0).all()


def test_one_player_alone_gains_at_the_midpoint_although_short_sales_bankrupt() -> None:
    rules = replace(MarketRules.no_short_sales(), pricing=Pricing.MIDPOINT)
    situation, found = searched(rules, (0,), effort=FEW)
    assert found.verdict is Verdict.REFUTED
    assert replayed(situation, found) == pytest.approx(found.gains, abs=1e-6)


@pytest.mark.parametrize("objective", Objective)
def test_a_pair_robs_the_outsider_when_each_pays_the_others_quote(objective: Objective) -> None:
    situation, found = searched(REPAIRED, (0, 1), objective)
    assert found.verdict is Verdict.REFUTED
    assert replayed(situation, found) == pytest.approx(found.gains, abs=1e-6)
    assert found.best is not None
    robbed = played(situation, found.best).allocation[0, 2]
    before = played(situation, obedient(situation)).allocation[0, 2]
    profile = situation.profiles[0]
    utility = situation.economy.utility(profile, np.stack([before, before, robbed]))[2]
    assert utility < situation.economy.utility(profile, np.stack([before] * 3))[2]


def test_every_member_gains_without_a_lottery_when_the_least_gain_is_made_large() -> None:
    _, found = searched(PAPER_RULES, (0, 1), Objective.LEAST)
    assert found.verdict is Verdict.REFUTED
    assert (found.gains > 0).all()
    assert found.value == found.gains.min()
    assert found.value <= found.bound


@pytest.mark.parametrize("pricing", [Pricing.VOID, Pricing.SPREAD])
@pytest.mark.parametrize("coalition", [(0, 1), (0, 2), (1, 2)])
def test_no_pair_gains_where_a_coalition_cannot_end_with_more_than_its_wealth(
    pricing: Pricing, coalition: tuple[int, ...]
) -> None:
    _, found = searched(replace(REPAIRED, pricing=pricing), coalition)
    assert found.verdict is Verdict.PROVEN


@pytest.mark.parametrize("pricing", [Pricing.VOID, Pricing.SPREAD])
def test_the_programs_confirm_the_theorem_without_using_it(pricing: Pricing) -> None:
    effort = replace(FEW, search_proven=True)
    _, found = searched(replace(REPAIRED, pricing=pricing), (0, 1), effort=effort)
    assert found.spent.quote_vectors == 5
    assert found.best is None
    assert found.program_bound <= 1e-3


def test_a_member_is_sacrificed_for_the_other_when_bankrupt_players_trades_stand() -> None:
    rules = replace(REPAIRED, pricing=Pricing.SPREAD, bankruptcy=Bankruptcy.TRADES_STAND)
    situation, found = searched(rules, (0, 1), effort=FEW)
    assert found.verdict is Verdict.REFUTED
    assert found.gains.min() < 0 < found.gains.sum()
    assert found.best is not None
    bankrupt = played(situation, found.best).bankrupt[0]
    assert bankrupt[list(situation.coalition)].any()
    assert replayed(situation, found) == pytest.approx(found.gains, abs=1e-6)


@pytest.mark.parametrize("withholding", Withholding)
def test_a_bankrupt_member_finances_the_other_when_transfers_need_no_cover(withholding: Withholding) -> None:
    # Two outsiders, so that what they own is worth more than the endowment that leaves with the bankrupt member.
    economy = random_economy(1, random_independent_prior(0, (1, 1, 1, 1)), goods=1, money=40.0)
    rules = replace(REPAIRED, pricing=Pricing.SPREAD, coverage=Coverage.UNLIMITED, withholding=withholding)
    situation = situation_of(grand_contract(economy), 0, (0, 1), rules)
    covered = replace(situation, rules=replace(rules, coverage=Coverage.ANNOUNCED_NUMERAIRE))
    assert most_profitable_deviation(covered).verdict is Verdict.PROVEN
    found = most_profitable_deviation(situation, effort=FEW)
    assert found.verdict is Verdict.REFUTED
    assert found.best is not None
    assert np.abs(found.best.side_transfers).max() > 1
    assert replayed(situation, found) == pytest.approx(found.gains, abs=1e-6)


def test_everybody_together_is_proven_to_gain_nothing_under_the_papers_rules() -> None:
    _, found = searched(PAPER_RULES, (0, 1, 2))
    assert found.verdict is Verdict.PROVEN


def test_the_same_question_gets_the_same_answer() -> None:
    rules = replace(MarketRules.no_short_sales(), pricing=Pricing.MIDPOINT)
    effort = Effort(quote_vectors=8, warm_starts=40)
    first, second = (searched(rules, (1,), effort=effort)[1] for _ in range(2))
    assert first.best is not None
    assert second.best is not None
    assert (first.best.orders == second.best.orders).all()
    assert first.gains.tolist() == second.gains.tolist()
    assert first.spent == second.spent


def test_reported_gains_keep_clear_of_rounding() -> None:
    situation, found = searched(REPAIRED, (0, 1))
    assert found.best is not None
    # Transfers are covered exactly or not, so there is nothing to keep clear of.
    uncovered = replace(REPAIRED, coverage=Coverage.UNLIMITED)
    stricter = replace(situation.prescribing(transfers=situation.prescribed.transfers - 1e-7), rules=uncovered)
    assert utilities(stricter, found.best) == pytest.approx(utilities(situation, found.best), abs=1e-5)


class WithholdingEverything:
    """Outsiders who order nothing and show almost nothing once they see quotes that are not the contract's."""

    def __call__(self, situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        assert (quotes != situation.prescribed.quotes[draw]).any()
        told = situation.prescribed[draw]
        return Replies(np.zeros_like(told.orders), 1e-6 * told.announced_endowments)


def test_outsiders_who_withhold_after_misquotes_leave_little_to_take() -> None:
    prescribed = situation_of(contract(), 0, (0, 1), REPAIRED)
    guarded = replace(prescribed, reaction=WithholdingEverything())
    robbed = most_profitable_deviation(prescribed, Objective.TOTAL, UNTOLD)
    left = most_profitable_deviation(guarded, Objective.TOTAL, replace(UNTOLD, quote_vectors=8))
    assert robbed.value > 1
    assert left.value <= 1e-3


def test_outsiders_cannot_react_to_quotes_they_do_not_see() -> None:
    blind = replace(REPAIRED, timing=Timing.SIMULTANEOUS)
    situation = replace(situation_of(contract(), 0, (0, 1), blind), reaction=WithholdingEverything())
    found = most_profitable_deviation(situation, Objective.TOTAL, UNTOLD)
    assert found.value > 1


def in_cents(kind: PlayerType) -> PlayerType:
    """The same type with money counted in hundredths."""
    valuation = kind.valuation
    assert isinstance(valuation, Quadratic)
    worth = Quadratic(100 * valuation.intercept, 100 * valuation.slope)
    return replace(kind, endowment=kind.endowment * np.array([1.0, 100.0]), valuation=worth)


def test_rescaling_money_rescales_gains() -> None:
    base = random_economy(5, random_independent_prior(0, (1, 1, 1)), goods=1, money=40.0)
    found = most_profitable_deviation(situation_of(grand_contract(base), 0, (0, 1), REPAIRED), effort=UNTOLD)
    players = tuple(replace(player, types=(in_cents(player.types[0]),)) for player in base.players)
    cents = replace(base, players=players)
    scaled = most_profitable_deviation(situation_of(grand_contract(cents), 0, (0, 1), REPAIRED), effort=UNTOLD)
    assert found.verdict is scaled.verdict
    assert scaled.value == pytest.approx(100 * found.value, rel=1e-3)
    assert scaled.bound == pytest.approx(100 * found.bound, rel=1e-6)


def test_obedience_gains_nothing_and_gives_what_the_contract_promises() -> None:
    situation = situation_of(contract(), 0, (0, 2))
    assert gains(situation, obedient(situation)).tolist() == [0.0, 0.0]
    assert situation.status_quo == pytest.approx(contract().utilities[0, [0, 2]], abs=1e-9)


def test_a_batch_of_joint_actions_is_settled_as_one_by_one() -> None:
    situation = situation_of(contract(), 0, (0, 1))
    generator = np.random.default_rng(3)
    batch = JointAction(
        np.concatenate([generator.uniform(0, 8, (5, 2, 1)), np.ones((5, 2, 1))], axis=-1),
        generator.normal(size=(5, 2, 3, 2)),
        situation.endowments[0, :2] * generator.uniform(0.1, 1, (5, 2, 2)),
        np.outer(generator.normal(size=5), [1.0, -1.0]),
    )
    together = utilities(situation, batch)
    for number in range(5):
        assert together[number] == pytest.approx(slow_utilities(situation, batch[number]), abs=1e-7)


def test_uncovered_side_transfers_are_refused_where_cover_is_asked_for() -> None:
    situation = situation_of(contract(), 0, (0, 1), REPAIRED)
    action = replace(obedient(situation), side_transfers=np.array([-1000.0, 1000.0]))
    with pytest.raises(ValueError, match="not admitted"):
        gains(situation, action)


def test_joint_actions_that_do_not_fit_are_refused() -> None:
    situation = situation_of(contract(), 0, (0, 1))
    action = obedient(situation)
    with pytest.raises(ValueError, match="must sum to zero"):
        replace(action, side_transfers=np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="more than it owns"):
        gains(situation, replace(action, announced_endowments=action.announced_endowments + 1))
    with pytest.raises(ValueError, match="meets"):
        gains(situation_of(contract(), 0, (0,)), action)
    with pytest.raises(ValueError, match="announced endowments must be at least 0"):
        replace(action, announced_endowments=-action.announced_endowments)


def test_situations_that_make_no_sense_are_refused() -> None:
    situation = situation_of(contract(), 0, (0, 1))
    with pytest.raises(ValueError, match="ascending"):
        replace(situation, coalition=(1, 0))
    with pytest.raises(ValueError, match="ascending"):
        replace(situation, coalition=())
    with pytest.raises(ValueError, match="sum to 1"):
        replace(situation, probability=np.array([0.5]))
    with pytest.raises(ValueError, match="more than it owns"):
        situation.prescribing(announced_endowments=2 * situation.prescribed.announced_endowments)
    with pytest.raises(ValueError, match="orders has shape"):
        situation.prescribing(orders=situation.prescribed.orders[0])


def test_a_coalition_that_would_be_told_different_things_has_no_one_way_to_obey() -> None:
    situation = situation_of(contract(), 0, (0,))
    told = situation.prescribed
    doubled = replace(
        situation,
        probability=np.array([0.5, 0.5]),
        profiles=np.repeat(situation.profiles, 2, axis=0),
        prescribed=joined([told, replace(told, orders=2 * told.orders)]),
    )
    with pytest.raises(ValueError, match="different actions to a member"):
        obedient(doubled)
