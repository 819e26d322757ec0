"""Certificates that a theorem applies: confirmed where its premises hold, refused where one does not; attacked.

What decides is recomputed by other means: all lies and coalitions of small economies are listed, programs are solved.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.certificate import recomputed, verify
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.instance import Instance
from marketgame.mechanisms.certificates.plain.three import three_may_agree_exactly
from marketgame.mechanisms.certificates.theorem import TheoremCertificate, certify_theorem
from marketgame.mechanisms.certificates.theorems import Theorem
from marketgame.mechanisms.collusion.side_contracts.arbitrage import deterred_by
from marketgame.mechanisms.collusion.side_contracts.three_members import three_may_agree
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket
from marketgame.mechanisms.contracts.coalition_proof import coalition_proof_transfers
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, grand_contract
from marketgame.mechanisms.contracts.joint_misreports import check_joint_misreports
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.economies.beliefs import listed_prior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Timing,
)
from tests.mechanisms.collusion.test_outbidding import SPREAD, VOID, traders
from tests.mechanisms.collusion.test_three_members import BOUGHT_OUT, four_traders
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior, three_traders
from tests.mechanisms.replicated_economies import all_different, copied, replicas
from tests.mechanisms.strategies import economy_of, line, one_type

DOCS = Path(__file__).parents[3]
NO_SHORT_SALES = MarketRules.no_short_sales()
DEPOSITS = MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW)
REPAIRED = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE)


def instance_of(made: GrandContract, rules: MarketRules = NO_SHORT_SALES, **more: FloatArray) -> Instance:
    return Instance(
        made.economy,
        rules=rules,
        numeraire_transfers=made.numeraire_transfers,
        prices=made.efficient.price,
        severance=more.get("severance"),
    )


def private(seed: int, counts: tuple[int, ...] = (2, 2, 2), **more: bool) -> Economy:
    return random_economy(seed, random_independent_prior(seed, counts), money=2000.0, **more)


def paying(economy: Economy, transfers: FloatArray | None = None) -> GrandContract:
    efficient = efficient_allocation(economy)
    return GrandContract(
        economy, efficient, coalition_proof_transfers(economy, efficient) if transfers is None else transfers
    )


def with_one_post() -> Instance:
    return Instance(three_traders(), market=ComparedMarket.EQUILIBRIUM)


def unaffordable() -> Economy:
    """Ann and Bob want a unit each, worth nine to them, and have a euro each: it cannot cost more."""
    return economy_of(
        [one_type("seller", [2.0, 10.0], line(0.5)), *(one_type(name, [0.0, 1.0], line(10.0)) for name in "ab")]
    )


@cache
def outbidding() -> GrandContract:
    """The first of some random contracts to which Theorem 20 applies."""
    for seed in range(50):
        made = traders(np.random.default_rng(seed), 25.0)
        if deterred_by(made, VOID) is not None:
            return made
    raise AssertionError("Theorem 20 applies to none")


APPLIED: dict[Theorem, Callable[[], Instance]] = {
    Theorem.NO_OTHER_TYPE: lambda: Instance(three_traders()),
    Theorem.NOBODY_ELSE: lambda: Instance(economy_of([one_type("crusoe", [1.0, 1.0], line(3.0))])),
    Theorem.EVERY_LIE_COSTS: lambda: Instance(
        replicas(), rules=MarketRules.paper(), transfers=TransferRule.EXPECTED_EXTERNALITY
    ),
    Theorem.EVERY_JOINT_LIE_COSTS: lambda: Instance(farmers(), market=ComparedMarket.EQUILIBRIUM),
    Theorem.NO_MESSAGE_PAYS: with_one_post,
    Theorem.NO_REPORT_AND_MESSAGE_PAYS: with_one_post,
    Theorem.COMPENSATED: lambda: instance_of(paying(private(1))),
    Theorem.DEPOSITS: lambda: Instance(three_traders(), rules=DEPOSITS),
    Theorem.AT_THE_PRICE: lambda: instance_of(grand_contract(private(2))),
    Theorem.WORTH_STAYING: lambda: instance_of(grand_contract(private(2))),
    Theorem.EVERYWHERE: lambda: Instance(all_different(3), rules=REPAIRED, transfers=TransferRule.NONE),
    Theorem.IN_TURN: lambda: Instance(all_different(3, money=(900.0,) * 3), transfers=TransferRule.COALITION_PROOF),
    Theorem.AFTER_LIES: lambda: Instance(
        all_different(3, money=(900.0,) * 3), rules=DEPOSITS, transfers=TransferRule.COALITION_PROOF
    ),
    Theorem.ARBITRAGE: lambda: instance_of(grand_contract(three_traders())),
    Theorem.BUYING_OUT: lambda: instance_of(grand_contract(three_traders()), BOUGHT_OUT),
    Theorem.OUTBIDDING: lambda: instance_of(outbidding(), VOID),
    Theorem.SELLING_DEAR: lambda: instance_of(traders(np.random.default_rng(1), 200.0), SPREAD),
}
"""Of each theorem an economy and an institution to which it applies."""


def farmers() -> Economy:
    """Types that hardly differ, so that truth is best at posts as well as anything."""
    return economy_with_secrets(0.0)


def economy_with_secrets(apart: float) -> Economy:
    """Three traders, of whom the first may want a little more of the good."""
    base = three_traders()
    first = base.players[0]
    kinds = (first.types[0], replace(first.types[0], name="other", valuation=line(5.0 + apart)))
    players = (replace(first, types=kinds), *base.players[1:])
    return replace(base, players=players, prior=random_independent_prior(0, (2, 1, 1)))


@cache
def certificate(theorem: Theorem) -> TheoremCertificate:
    made = certify_theorem(theorem, APPLIED[theorem]())
    assert made is not None, theorem
    return made


def test_each_theorem_has_a_case_and_stands_in_a_page_that_names_it() -> None:
    assert set(APPLIED) == set(Theorem)
    for theorem in Theorem:
        page, _, place = theorem.proof.partition(", ")
        text = (DOCS / page).read_text(encoding="utf-8")
        numbers = re.findall(r"\d+", place)
        assert all(re.search(rf"\*\*(?:Theorem|Proposition) {number}\b", text) for number in numbers), theorem.proof
        assert numbers or place.partition(" (")[0] in text, theorem.proof


@pytest.mark.parametrize("theorem", list(Theorem))
def test_it_is_confirmed_where_the_premises_hold_and_says_what_came_out(theorem: Theorem) -> None:
    made = certificate(theorem)
    assert verify(made).confirmed
    again = recomputed(made)
    assert isinstance(again, TheoremCertificate)
    assert [one.about for one in again.premises] == [one.about for one in made.premises]
    assert made.instance.parts <= theorem.about


@pytest.mark.parametrize("theorem", list(Theorem))
def test_another_theorem_other_premises_and_parts_that_are_not_spoken_of_are_refused(theorem: Theorem) -> None:
    made = certificate(theorem)
    first = made.premises[0]
    forged = [
        replace(made, premises=()),
        replace(made, premises=made.premises[1:]),
        replace(made, premises=(*made.premises, first)),
        replace(made, premises=(replace(first, found="whatever"), *made.premises[1:])),
        replace(made, premises=(replace(first, about="anything"), *made.premises[1:])),
    ]
    for place, premise in enumerate(made.premises):
        if premise.amount is not None:
            wrong = replace(premise, amount=premise.amount + 1.0)
            forged.append(replace(made, premises=(*made.premises[:place], wrong, *made.premises[place + 1 :])))
    if "market" not in theorem.about:
        forged.append(replace(made, instance=replace(made.instance, market=ComparedMarket.CALL)))
    needed = made.instance.parts - {"prices", "stated"}
    forged += [replace(made, instance=made.instance.only(needed - {name})) for name in needed]
    assert not any(verify(one).confirmed for one in forged)
    assert [other for other in Theorem if verify(replace(made, theorem=other)).confirmed] == [theorem]


WRONG: list[tuple[Theorem, Callable[[], Instance]]] = [
    (Theorem.NO_OTHER_TYPE, lambda: Instance(private(1))),
    (Theorem.NOBODY_ELSE, lambda: Instance(three_traders())),
    (Theorem.EVERY_LIE_COSTS, lambda: Instance(few(), rules=MarketRules.paper(), transfers=TransferRule.NONE)),
    (Theorem.EVERY_LIE_COSTS, lambda: Instance(private(1), market=ComparedMarket.CALL)),
    (Theorem.EVERY_JOINT_LIE_COSTS, lambda: Instance(private(1), market=ComparedMarket.CALL)),
    (Theorem.NO_MESSAGE_PAYS, lambda: Instance(three_traders(), market=ComparedMarket.PRICE_TAKERS)),
    (Theorem.NO_MESSAGE_PAYS, lambda: Instance(three_traders(), market=ComparedMarket.CALL)),
    (Theorem.NO_REPORT_AND_MESSAGE_PAYS, lambda: Instance(farmers(), market=ComparedMarket.PRICE_TAKERS)),
    (Theorem.COMPENSATED, lambda: instance_of(grand_contract(private(1)))),
    (Theorem.COMPENSATED, lambda: instance_of(usual(private(1)))),
    (Theorem.COMPENSATED, lambda: instance_of(grand_contract(three_traders()))),
    (Theorem.DEPOSITS, lambda: Instance(three_traders(), rules=MarketRules.paper())),
    (Theorem.AT_THE_PRICE, lambda: instance_of(grand_contract(unaffordable()))),
    (Theorem.AT_THE_PRICE, lambda: instance_of(usual(private(1)))),
    (Theorem.AT_THE_PRICE, lambda: Instance(all_different(3), rules=REPAIRED, transfers=TransferRule.COALITION_PROOF)),
    (Theorem.AT_THE_PRICE, lambda: Instance(poor(), transfers=TransferRule.NONE)),
    (Theorem.WORTH_STAYING, lambda: instance_of(grand_contract(unaffordable()))),
    (Theorem.EVERYWHERE, lambda: Instance(all_different(3), rules=NO_SHORT_SALES, transfers=TransferRule.NONE)),
    (
        Theorem.EVERYWHERE,
        lambda: Instance(all_different(3, money=(0.1,) * 3), rules=REPAIRED, transfers=TransferRule.NONE),
    ),
    (Theorem.IN_TURN, lambda: Instance(all_different(3, money=(900.0,) * 3), transfers=TransferRule.NONE)),
    (Theorem.AFTER_LIES, lambda: Instance(all_different(3), rules=DEPOSITS, transfers=TransferRule.NONE)),
    (Theorem.ARBITRAGE, lambda: instance_of(grand_contract(three_traders()), MarketRules.paper())),
    (Theorem.ARBITRAGE, lambda: instance_of(grand_contract(three_traders()), VOID)),
    (
        Theorem.ARBITRAGE,
        lambda: instance_of(grand_contract(three_traders()), replace(NO_SHORT_SALES, timing=Timing.SIMULTANEOUS)),
    ),
    (Theorem.ARBITRAGE, lambda: instance_of(grand_contract(satiated()))),
    (Theorem.BUYING_OUT, lambda: instance_of(grand_contract(four_traders(0)), BOUGHT_OUT)),
    (Theorem.OUTBIDDING, lambda: instance_of(grand_contract(four_traders(2)), VOID)),
    (Theorem.SELLING_DEAR, lambda: instance_of(traders(np.random.default_rng(1), 1.0), SPREAD)),
    (Theorem.SELLING_DEAR, lambda: instance_of(traders(np.random.default_rng(1), 200.0), VOID)),
]


def poor() -> Economy:
    """Three who own next to no money."""
    return all_different(3, money=(0.1,) * 3)


def few() -> Economy:
    """Two replicas of each of two traders, of whom some lie to move the price."""
    return copied(random_economy(2, random_independent_prior(2, (2, 2)), money=20_000.0), 2)


def usual(economy: Economy) -> GrandContract:
    return paying(economy, expected_externality_transfers(economy, efficient_allocation(economy)))


def satiated() -> Economy:
    """One of three has enough before it has all there is."""
    wants = (line(2.0), line(9.0), line(9.0))
    return economy_of([one_type(f"{k}", [1.0, 30.0], valued) for k, valued in enumerate(wants)])


@pytest.mark.parametrize(("theorem", "instance"), WRONG)
def test_where_a_premise_fails_there_is_no_certificate_and_a_forged_one_is_refused(
    theorem: Theorem, instance: Callable[[], Instance]
) -> None:
    wrong = instance()
    with suppress(ValueError):  # There may be no such contract.
        assert certify_theorem(theorem, wrong) is None
    assert not verify(replace(certificate(theorem), instance=wrong)).confirmed


@given(st.integers(0, 10_000), st.sampled_from([(2, 2), (2, 1, 3), (2, 2, 2)]), st.floats(0.0, 1.0), st.booleans())
@settings(max_examples=10, deadline=None)
def test_who_is_compensated_leaves_liars_nothing_however_transfers_are_made(
    seed: int, counts: tuple[int, ...], share: float, type_dependent: bool
) -> None:
    """Lies are listed: with the certificate none pays, and between two kinds of transfers there is none that lies."""
    economy = private(seed, counts, type_dependent=type_dependent)
    efficient = efficient_allocation(economy)
    proof, usual_ones = (
        coalition_proof_transfers(economy, efficient),
        expected_externality_transfers(economy, efficient),
    )
    assert certify_theorem(Theorem.COMPENSATED, instance_of(paying(economy))) is not None
    mixed = paying(economy, (1 - share) * proof + share * usual_ones)
    if certify_theorem(Theorem.COMPENSATED, instance_of(mixed)) is not None:
        assert check_joint_misreports(mixed).truthful
    generator = np.random.default_rng(seed)
    constants = generator.normal(size=len(counts))
    moved = paying(economy, proof + constants - constants.mean())
    assert certify_theorem(Theorem.COMPENSATED, instance_of(moved)) is not None
    noise = generator.normal(size=proof.shape)
    spoiled = paying(economy, proof + 1e-3 * (noise - noise.mean(axis=1, keepdims=True)))
    assert certify_theorem(Theorem.COMPENSATED, instance_of(spoiled)) is None


def test_what_ties_types_in_a_table_counts_as_far_as_it_may_bring_anything() -> None:
    economy = private(3)

    def bound(share: float) -> float | None:
        chances = economy.prior.probability.copy()
        chances[[0, -1]] += share * chances[[0, -1]].min() * np.array([1.0, -1.0])
        tied = replace(economy, prior=listed_prior(economy.prior.type_counts, chances))
        found = certify_theorem(Theorem.COMPENSATED, instance_of(paying(tied))) if tied.prior.independent else None
        return None if found is None else found.premises[-1].amount

    rounding, little = bound(0.0), bound(1e-10)
    assert rounding is not None
    assert little is not None
    assert rounding < 1e-11
    assert little > 10 * rounding
    assert bound(1e-6) is None


@given(st.integers(0, 10_000), st.floats(-1e-3, 1e-3))
@settings(max_examples=20, deadline=None)
def test_staying_is_worth_more_just_up_to_the_severance_that_takes_it_away(seed: int, beyond: float) -> None:
    """What each coalition could make of its own is found by dividing it efficiently, coalition by coalition."""
    economy = random_economy(seed, random_independent_prior(seed, (1, 1, 1)), money=2000.0)
    made = grand_contract(economy)
    stays = made.gains[0]
    spare = min(stays[list(some)].sum() - own_welfare(economy, some) for some in proper_parts(3) if 0 in some)
    stake = float(made.stakes.max())
    severance = np.array([[max(spare, 0.0) + beyond * stake, 0.0, 0.0]])
    if severance[0, 0] < 0 or abs(beyond) < 1e-6:
        return
    found = certify_theorem(Theorem.WORTH_STAYING, instance_of(made, severance=severance))
    assert (found is not None) is (beyond < 0)
    assert certify_theorem(Theorem.AT_THE_PRICE, instance_of(made)) is not None
    if severance.any():
        assert certify_theorem(Theorem.AT_THE_PRICE, instance_of(made, severance=severance)) is None


def proper_parts(players: int) -> list[tuple[int, ...]]:
    return [some for size in range(1, players + 1) for some in combinations(range(players), size)]


def own_welfare(economy: Economy, members: tuple[int, ...]) -> float:
    """Return by how much members gain together by dividing efficiently what they own."""
    if len(members) == 1:
        return 0.0
    own = economy_of([economy.players[member] for member in members])
    best = efficient_allocation(own)
    return float(own.gains_from_goods(best.profiles, best.bundles).sum())


def test_at_a_price_that_only_money_keeps_low_a_seller_and_one_buyer_leave() -> None:
    """Ann would give nine euro for Bob's unit, who pays one for it; their contract's price supports nothing."""
    made = grand_contract(unaffordable())
    assert made.efficient.price[0, 0] == pytest.approx(1.0)
    assert own_welfare(made.economy, (0, 1)) > made.gains[0, [0, 1]].sum() + 5.0


@pytest.mark.parametrize("seed", range(12))
def test_three_members_may_agree_by_rational_numbers_where_they_may_by_others(seed: int) -> None:
    made = grand_contract(four_traders(seed))
    plain = PlainContract(made, BOUGHT_OUT)
    for trio in combinations(range(4), 3):
        if seed % 4 == trio[0]:
            assert three_may_agree_exactly(plain, 0, trio) <= three_may_agree(made, 0, trio, BOUGHT_OUT)


@given(st.integers(0, 10_000), st.sampled_from([NO_SHORT_SALES, BOUGHT_OUT, VOID, SPREAD]), st.floats(25.0, 200.0))
@settings(max_examples=25, deadline=None)
def test_premises_of_temptation_hold_by_two_derivations_or_by_none(seed: int, rules: MarketRules, money: float) -> None:
    made = traders(np.random.default_rng(seed), money)
    found = deterred_by(made, rules)
    for theorem in (Theorem.ARBITRAGE, Theorem.BUYING_OUT, Theorem.OUTBIDDING, Theorem.SELLING_DEAR):
        proven = certify_theorem(theorem, instance_of(made, rules))
        assert (proven is not None) is (found is not None and found.value == theorem.value)
