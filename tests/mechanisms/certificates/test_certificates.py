"""Certificates: what is true is confirmed, and whatever number is changed, the change is named."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import BlockingPlan, NoBlockingPlan, find_blocking_plan
from marketgame.mechanisms.certificates.blocking import (
    BlockingCertificate,
    InhibitionCertificate,
    certify_inhibition,
    certify_plan,
)
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.deviation import Claim, DeviationCertificate, certify_deviation
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.situation import JointAction, Replies, Situation, gains, obedient, situation_of
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights
from marketgame.mechanisms.market_game.plays import joined
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency
from tests.field_changes import with_fields
from tests.mechanisms.private_value_economies import random_economy, three_traders
from tests.mechanisms.random_games import random_game

WEALTH_RULES = MarketRules(
    pricing=Pricing.SPREAD,
    solvency=Solvency.NO_SHORT_SALES,
    bankruptcy=Bankruptcy.UNWIND,
    coverage=Coverage.ANNOUNCED_NUMERAIRE,
)
DRAWN = {
    "before": ("cost", "bankrupt", "consumption", "utility"),
    "after": ("cost", "bankrupt", "consumption", "utility"),
}


def short_sale(situation: Situation, quantity: float = 200.0) -> JointAction:
    """The first member sells a good it does not own to the first player who is not a member, at the quoted price."""
    action = obedient(situation)
    orders = action.orders.copy()
    orders[0, situation.outsiders[0]] += [-quantity, quantity * situation.prescribed.quotes[0, 0, 0]]
    return replace(action, orders=orders)


def short_seller(claim: Claim = Claim.IMPROVEMENT) -> DeviationCertificate:
    contract = grand_contract(three_traders())
    situation = situation_of(contract, 0, (1,))
    return certify_deviation(situation, short_sale(situation), contract, claim)


def two_faces() -> tuple[GrandContract, Situation]:
    """Two traders may swap tastes, which the third cannot tell from the prices: they are the same."""
    tastes = [Quadratic(np.array([a]), np.eye(1)) for a in (5.0, 6.0)]
    owned = np.array([1.0, 40.0])
    kinds = tuple(PlayerType(name, owned, taste) for name, taste in zip(("calm", "keen"), tastes, strict=True))
    third = Player("third", (PlayerType("only", owned, tastes[0]),))
    prior = IndependentPrior([np.full(2, 0.5), np.array([0.4, 0.6]), np.ones(1)])
    economy = Economy(
        "swap", ("good", "money"), ("unit", "euro"), (Player("one", kinds), Player("two", kinds), third), prior
    )
    contract = grand_contract(economy)
    draws = [situation_of(contract, number, (2,)) for number in (1, 2)]
    together = replace(
        draws[0],
        probability=np.array([0.6, 0.4]),
        profiles=np.concatenate([draw.profiles for draw in draws]),
        prescribed=joined([draw.prescribed for draw in draws]),
    )
    return contract, together


def nudged(array: FloatArray, place: int) -> FloatArray:
    """Return the array with one entry changed by about a hundredth."""
    changed = np.array(array, dtype=np.float64)
    changed.flat[place] += 0.01 * (1 + abs(changed.flat[place]))
    return changed


def test_a_lone_short_seller_takes_all_the_money_there_is() -> None:
    certificate = short_seller()
    assert verify(certificate).confirmed
    # The supremum over everything a trader can do alone under the paper's rules.
    assert certificate.outcome.obtained[1] == pytest.approx(90, abs=1e-9)
    np.testing.assert_allclose(certificate.outcome.gain, certificate.outcome.obtained - certificate.outcome.promised)


@pytest.mark.parametrize("quantity", ["promised", "obtained", "gain"])
@pytest.mark.parametrize("player", [0, 1, 2])
def test_a_changed_expectation_is_named(quantity: str, player: int) -> None:
    certificate = short_seller()
    changed = nudged(getattr(certificate.outcome, quantity), player)
    verification = verify(replace(certificate, outcome=with_fields(certificate.outcome, **{quantity: changed})))
    (mismatch,) = verification.mismatches
    assert mismatch.quantity == f"outcome.{quantity}[{player}]"
    assert mismatch.stored == changed[player]
    assert mismatch.recomputed == pytest.approx(getattr(certificate.outcome, quantity)[player])


@pytest.mark.parametrize(("when", "quantity"), [(when, name) for when, names in DRAWN.items() for name in names])
def test_every_number_of_both_plays_is_recomputed(when: str, quantity: str) -> None:
    certificate = short_seller()
    play = getattr(certificate.outcome, when)
    true_numbers = getattr(play, quantity)
    for place in range(true_numbers.size):
        changed = replace(play, **{quantity: nudged(true_numbers, place)})
        outcome = replace(certificate.outcome, **{when: changed})
        (mismatch,) = verify(replace(certificate, outcome=outcome)).mismatches
        assert mismatch.quantity.startswith(f"outcome.{when}.{quantity}[0]")


@pytest.mark.parametrize("part", ["quotes", "orders", "announced_endowments", "transfers", "probability"])
def test_another_prescribed_play_than_the_contracts_is_refused(part: str) -> None:
    certificate = short_seller()
    situation = certificate.situation
    true_numbers = situation.probability if part == "probability" else getattr(situation.prescribed, part)
    for place in range(true_numbers.size):
        changed = nudged(true_numbers, place) if part != "announced_endowments" else true_numbers * 0.99
        try:
            if part == "probability":
                situation = with_fields(certificate.situation, probability=changed)
            else:
                situation = certificate.situation.prescribing(**{part: changed})
        except ValueError:
            continue
        assert not verify(replace(certificate, situation=situation)).confirmed


@pytest.mark.parametrize("part", ["quotes", "orders", "announced_endowments"])
def test_another_deviation_than_the_one_that_was_played_is_refused(part: str) -> None:
    certificate = short_seller()
    true_numbers = getattr(certificate.action, part)
    for place in range(true_numbers.size):
        changed = true_numbers.copy()
        changed.flat[place] = changed.flat[place] * 0.99 if changed.flat[place] else 0.01
        action = replace(certificate.action, **{part: changed})
        assert not verify(replace(certificate, action=action)).confirmed


def test_other_terms_of_the_contract_are_refused() -> None:
    certificate = short_seller()
    assert certificate.numeraire_transfers is not None
    shifted = certificate.numeraire_transfers + np.array([[1.0, -1.0, 0.0]])
    verification = verify(replace(certificate, numeraire_transfers=shifted))
    assert any(one.quantity.startswith("situation.transfers") for one in verification.mismatches)
    unbalanced = verify(replace(certificate, numeraire_transfers=shifted + 1))
    assert "cannot be recomputed" in unbalanced.failures[0]


def test_under_other_rules_the_same_deviation_is_refused() -> None:
    certificate = short_seller()
    honest = replace(certificate.situation, rules=MarketRules(solvency=Solvency.NO_SHORT_SALES))
    verification = verify(replace(certificate, situation=honest))
    assert not verification.confirmed
    assert "outcome.after.bankrupt[0][1]" in [one.quantity for one in verification.mismatches]
    again = certify_deviation(honest, certificate.action, grand_contract(three_traders()))
    assert verify(again).mismatches == ()
    assert any("no member may lose" in failure for failure in verify(again).failures)


def test_what_brings_nothing_is_not_an_improvement() -> None:
    contract = grand_contract(three_traders())
    situation = situation_of(contract, 0, (0, 1))
    idle = certify_deviation(situation, obedient(situation), contract)
    assert verify(idle).mismatches == ()
    (failure,) = verify(idle).failures
    assert "must gain something" in failure


def test_a_loser_among_the_members_is_named_unless_only_the_total_is_claimed() -> None:
    contract = grand_contract(three_traders())
    situation = situation_of(contract, 0, (0, 1))
    action = short_sale(situation)
    improvement = verify(certify_deviation(situation, action, contract))
    assert any("no member may lose" in failure for failure in improvement.failures)
    assert verify(certify_deviation(situation, action, contract, Claim.TOTAL_GAIN)).confirmed


def test_a_deviation_that_the_rules_do_not_admit_is_refused() -> None:
    contract = grand_contract(three_traders())
    situation = situation_of(contract, 0, (0, 1), MarketRules(coverage=Coverage.ANNOUNCED_NUMERAIRE))
    certificate = certify_deviation(situation, short_sale(situation), contract)
    indebted = replace(certificate.action, side_transfers=np.array([-40.0, 40.0]))
    (failure,) = verify(replace(certificate, action=indebted)).failures
    assert "cannot be played" in failure
    assert "takes 40" in failure


@pytest.mark.parametrize("shape", [(1, 0, 2), (1, 2, 2), (1, 4, 2)])
def test_orders_that_do_not_fit_the_coalition_are_refused_by_their_shape(shape: tuple[int, ...]) -> None:
    certificate = short_seller()
    action = replace(certificate.action, orders=np.zeros(shape))
    with pytest.raises(ValueError, match="orders has shape"):
        certify_deviation(certificate.situation, action, grand_contract(three_traders()))


def test_a_lottery_over_what_the_member_cannot_tell_apart_is_played_in_every_draw() -> None:
    contract, situation = two_faces()
    certificate = certify_deviation(situation, short_sale(situation), contract)
    assert verify(certificate).confirmed
    assert certificate.outcome.after.utility.shape == (2, 3)
    np.testing.assert_allclose(certificate.outcome.gain[2], gains(situation, short_sale(situation))[0])
    likelier = replace(certificate, situation=replace(situation, probability=np.array([0.7, 0.3])))
    names = [one.quantity for one in verify(likelier).mismatches]
    assert names == ["situation.probability[0]", "situation.probability[1]"]


def test_replies_that_no_rule_gives_cannot_be_part_of_a_certificate() -> None:
    """Whoever may say what outsiders reply can have them give everything away."""
    contract = grand_contract(three_traders())

    def refuse_to_trade(situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        return Replies(np.zeros((3, 3, 2)), situation.prescribed.announced_endowments[draw])

    situation = situation_of(contract, 0, (0,), reaction=refuse_to_trade)
    action = replace(short_sale(situation), quotes=np.array([[3.0, 1.0]]))
    with pytest.raises(ValueError, match="outsiders must react by a known rule"):
        certify_deviation(situation, action, contract)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["paper", "no-short-sales", "unwind"]), st.booleans())
def test_gains_are_those_of_the_search_and_certificates_of_any_play_have_no_wrong_number(
    seed: int, rules_name: str, wide: bool
) -> None:
    rules = {
        "paper": MarketRules(),
        "no-short-sales": MarketRules.no_short_sales(),
        "unwind": MarketRules(pricing=Pricing.SPREAD, solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND),
    }[rules_name]
    generator = np.random.default_rng(seed)
    economy = random_economy(seed, IndependentPrior([np.ones(1)] * 3), goods=2 if wide else 1)
    contract = grand_contract(economy)
    coalition = ((0,), (1, 2), (0, 1, 2))[int(generator.integers(3))]
    situation = situation_of(contract, 0, coalition, rules)
    base = obedient(situation)
    side = generator.normal(size=len(coalition))
    action = JointAction(
        base.quotes * np.append(generator.uniform(0.5, 1.5, base.quotes.shape[-1] - 1), 1.0),
        base.orders + generator.normal(size=base.orders.shape) * 10.0 ** generator.integers(-2, 6),
        base.announced_endowments * generator.uniform(0.5, 1.0),
        side - side.mean(),
    )
    certificate = certify_deviation(situation, action, contract, Claim.TOTAL_GAIN)
    members = list(coalition)
    scale = 1 + np.abs(certificate.outcome.promised).max()
    np.testing.assert_allclose(certificate.outcome.gain[members], gains(situation, action), atol=1e-9 * scale)
    verification = verify(certificate)
    assert verification.mismatches == ()
    assert verification.confirmed == (certificate.outcome.gain[members].sum() > 1e-9 * scale)


def blocking_cases(wanted: type) -> list[Any]:
    """Random games with stakes that are blocked, or that are not, with what proves it."""
    found = []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        game = random_game(seed, players=2, types=2)
        # Stakes around what the grand coalition's first action gives.
        utilities = game.actions[game.grand_coalition].utilities[0].T
        stakes = utilities + generator.uniform(-1.0, 4.0)
        answer = find_blocking_plan(game, stakes)
        if isinstance(answer, wanted):
            found.append((game, stakes, answer))
    assert found
    return found[:3]


def test_a_blocking_plans_numbers_are_recomputed() -> None:
    for game, stakes, plan in blocking_cases(BlockingPlan):
        certificate = certify_plan(game, stakes, plan.invitations, plan.payments)
        assert verify(certificate).confirmed
        assert certificate.profit == pytest.approx(plan.profit, rel=1e-6)
        for name in ("profit", "total_probability", "largest_misreport_gain"):
            wrong = replace(certificate, **{name: getattr(certificate, name) + 0.01})
            assert [m.quantity for m in verify(wrong).mismatches] == [name]
        assert_every_plan_number_matters(certificate)


def assert_every_plan_number_matters(certificate: BlockingCertificate) -> None:
    for player in range(len(certificate.payments)):
        for name in ("payments", "interim_gains"):
            by_player = list(getattr(certificate, name))
            by_player[player] = nudged(by_player[player], 0)
            assert not verify(with_fields(certificate, **{name: tuple(by_player)})).confirmed
    for place, invitation in enumerate(certificate.invitations):
        invitations = list(certificate.invitations)
        invitations[place] = replace(invitation, probability=0.99 * invitation.probability)
        assert not verify(replace(certificate, invitations=tuple(invitations))).confirmed
    higher = certificate.stakes + 10 * np.abs(certificate.stakes).max()
    assert not verify(replace(certificate, stakes=higher)).confirmed


def test_a_proof_that_nothing_blocks_is_recomputed() -> None:
    for game, stakes, proof in blocking_cases(NoBlockingPlan):
        certificate = certify_inhibition(game, stakes, proof.virtual)
        assert verify(certificate).confirmed
        for field in fields(certificate.residuals):
            changed = replace(certificate.residuals, **{field.name: getattr(certificate.residuals, field.name) + 0.01})
            verification = verify(replace(certificate, residuals=changed))
            assert [m.quantity for m in verification.mismatches] == [f"residuals.{field.name}"]
        assert not verify(replace(certificate, stakes=certificate.stakes - 10)).confirmed
        assert_every_weight_matters(certificate)


def assert_every_weight_matters(certificate: InhibitionCertificate) -> None:
    for player, weights in enumerate(certificate.virtual.weights):
        for place in range(len(weights)):
            changed = list(certificate.virtual.weights)
            changed[player] = nudged(weights, place)
            virtual = VirtualWeights(tuple(changed), certificate.virtual.multipliers)
            assert "residuals.hydraulic" in [
                m.quantity for m in verify(replace(certificate, virtual=virtual)).mismatches
            ]
