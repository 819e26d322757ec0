"""Lies followed by whatever suits the liars: found with certificates, or excluded by bounds over all replies."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.certificates.certificate import recomputed, verify
from marketgame.mechanisms.certificates.joint_misreport import (
    JointMisreportCertificate,
    JointReplies,
    certify_joint_misreport,
)
from marketgame.mechanisms.collusion.lies_and_replies import (
    Lie,
    LiesSearch,
    LieWithReplies,
    after_lie,
    gain_beyond_deposits,
    lies_of,
    with_replies,
)
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.price_impact import price_impacts
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
)
from tests.field_changes import with_fields
from tests.mechanisms.certificates.test_certificates import nudged
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior

NO_SHORT_SALES = MarketRules.no_short_sales()
REPAIRED = MarketRules(Pricing.SPREAD, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE)
MATCHED = replace(NO_SHORT_SALES, execution=Execution.MATCHED)
DEPOSITS = replace(NO_SHORT_SALES, refusal=Refusal.ESCROW)
UNWOUND_DEPOSITS = replace(DEPOSITS, bankruptcy=Bankruptcy.UNWIND)
SAFE = replace(MATCHED, refusal=Refusal.ESCROW)
EXTERNALITY, SAFRONOV = TransferRule.EXPECTED_EXTERNALITY, TransferRule.COALITION_PROOF


@cache
def contract_of(name: str, transfers: TransferRule = SAFRONOV) -> GrandContract:
    return contract_with_transfers(load_economy(ECONOMIES / f"{name}.toml"), transfers)


def certified(contract: GrandContract, rules: MarketRules, found: LieWithReplies) -> JointMisreportCertificate:
    lie, played = found.lie, found.by_profile
    replies = JointReplies(played.quotes, played.orders, played.announced_endowments, played.side_transfers)
    return certify_joint_misreport(contract, rules, lie.coalition, lie.true_types, lie.reported_types, replies)


@pytest.mark.parametrize(
    ("name", "rules", "transfers", "alone", "together"),
    [
        ("three-farmers", SAFE, SAFRONOV, Verdict.PROVEN, Verdict.PROVEN),
        ("three-farmers", SAFE, EXTERNALITY, Verdict.PROVEN, Verdict.REFUTED),
        ("three-farmers", MATCHED, EXTERNALITY, Verdict.REFUTED, Verdict.REFUTED),
        ("three-farmers", MATCHED, SAFRONOV, Verdict.PROVEN, Verdict.REFUTED),
        ("three-farmers", DEPOSITS, SAFRONOV, Verdict.REFUTED, Verdict.REFUTED),
        ("three-farmers", UNWOUND_DEPOSITS, SAFRONOV, Verdict.REFUTED, Verdict.REFUTED),
        ("three-farmers", REPAIRED, SAFRONOV, Verdict.REFUTED, Verdict.REFUTED),
        ("two-goods-complements", SAFE, SAFRONOV, Verdict.PROVEN, Verdict.PROVEN),
        ("two-goods-complements", REPAIRED, SAFRONOV, Verdict.REFUTED, Verdict.REFUTED),
    ],
)
def test_only_matched_orders_deposits_and_coalition_proof_transfers_together_are_safe(
    name: str, rules: MarketRules, transfers: TransferRule, alone: Verdict, together: Verdict
) -> None:
    contract = contract_of(name, transfers)
    found = LiesSearch(contract, rules).run()
    assert (found.alone, found.together) == (alone, together)
    assert (found.best is None) == (together is Verdict.PROVEN)
    if found.best is not None:
        certificate = certified(contract, rules, found.best)
        assert verify(certificate).confirmed
        members = list(found.best.lie.coalition)
        assert certificate.outcome.gain[members].sum() == pytest.approx(found.best.gain, rel=1e-9)
        assert found.best.gain <= found.best.bound


@pytest.mark.parametrize("rules", [NO_SHORT_SALES, REPAIRED])
@pytest.mark.parametrize("name", ["three-farmers", "two-goods-complements"])
def test_the_best_reply_of_one_liar_is_its_best_bundle_and_there_and_back_gains_the_price_impact(
    name: str, rules: MarketRules
) -> None:
    contract = contract_of(name)
    for player, count in enumerate(contract.economy.prior.type_counts):
        if count == 1:
            continue
        lies = [with_replies(contract, rules, Lie((player,), (one,), (1 - one,))) for one in (0, 1)]
        gains = [0.0 if lie is None else lie.gain for lie in lies]
        bounds = [0.0 if lie is None else lie.bound for lie in lies]
        scale = float(contract.stakes.max())
        impact = price_impacts(contract.economy, contract.efficient, player)[0, 1]
        # No replies bring more than buying at the false price, whoever owns what; some partners cannot deliver it.
        assert sum(gains) <= impact + 1e-9 * scale
        assert sum(gains) <= sum(bounds)
        if name == "three-farmers":
            assert sum(gains) == pytest.approx(impact, abs=1e-9 * scale)
            np.testing.assert_allclose(gains, bounds, atol=1e-9 * scale)


@pytest.mark.parametrize("seed", range(2))
def test_what_deposits_leave_to_liars_is_no_more_than_the_transfers_overpay(seed: int) -> None:
    """The bound without search against what each pair finds best, transfers that lack coalition-proofness included."""
    economy = random_economy(seed, random_independent_prior(seed, (2, 2, 2)), money=2000.0, type_dependent=seed % 2 > 0)
    for transfers in (EXTERNALITY, SAFRONOV):
        contract = contract_with_transfers(economy, transfers)
        beyond = gain_beyond_deposits(contract, SAFE, 2)
        assert beyond is not None
        for members in ((0, 1), (1, 2)):
            for lie in lies_of(contract, SAFE, members):
                found = with_replies(contract, SAFE, lie)
                assert found is not None
                rows = [
                    contract.economy.first_rows[one] + kind for one, kind in zip(members, lie.true_types, strict=True)
                ]
                stake = float(contract.stakes[rows].sum())
                # The construction reaches the bound for each lie: nothing better is left to be found.
                assert found.gain == pytest.approx(found.bound, abs=1e-7 * stake)
                assert found.gain <= beyond * stake + 1e-9 * stake


def test_nobody_deposits_what_it_does_not_own_but_anybody_may_say_that_it_does() -> None:
    economy = random_economy(1, random_independent_prior(1, (2, 2, 2)), money=2000.0, type_dependent=True)
    contract = contract_with_transfers(economy, SAFRONOV)
    kinds = list(product(range(2), range(2)))
    assert len(list(lies_of(contract, NO_SHORT_SALES, (0,)))) == len(kinds)
    deposited = {(lie.true_types, lie.reported_types) for lie in lies_of(contract, SAFE, (0,))}
    assert 2 < len(deposited) + 1 <= len(kinds)
    (told,) = {((one,), (other,)) for one, other in kinds} - deposited
    with pytest.raises(ValueError, match="cannot deposit"):
        certify_joint_misreport(contract, SAFE, (0,), *told)


@pytest.mark.parametrize("rules", [NO_SHORT_SALES, MATCHED, SAFE])
def test_what_follows_the_truth_is_what_follows_no_lie(rules: MarketRules) -> None:
    contract = contract_of("three-farmers").under(rules)
    for lie in (Lie((0,), (1,), (1,)), Lie((0, 2), (0, 1), (0, 1))):
        heard = after_lie(contract, rules, lie)
        assert sum(one.probability for one in heard) == pytest.approx(1.0)
        for one in heard:
            told = contract.recommend(contract.economy.profiles[one.numbers])
            np.testing.assert_array_equal(one.situation.prescribed.orders, told.orders)
            expected = contract.gains[one.numbers][:, list(lie.coalition)]
            np.testing.assert_allclose(one.situation.obedient_gains, one.situation.probability @ expected, atol=1e-9)


@cache
def a_joint_lie_and_replies() -> JointMisreportCertificate:
    """Two farmers who report what they are not and then order what they like best at the price that brings."""
    contract = contract_of("three-farmers", EXTERNALITY)
    found = with_replies(contract, REPAIRED, Lie((0, 1), (1, 1), (0, 0)))
    assert found is not None
    return certified(contract, REPAIRED, found)


def test_a_joint_lie_with_replies_is_confirmed_and_comes_out_the_same_again() -> None:
    assert verify(a_joint_lie_and_replies()).confirmed
    assert verify(recomputed(a_joint_lie_and_replies())).confirmed


@pytest.mark.parametrize("part", ["quotes", "orders", "announced_endowments", "side_transfers"])
def test_every_number_of_replies_counts(part: str) -> None:
    certificate = a_joint_lie_and_replies()
    assert certificate.replies is not None
    refused = 0
    size = getattr(certificate.replies, part).size
    for place in range(size):
        try:
            changed = with_fields(certificate.replies, **{part: nudged(getattr(certificate.replies, part), place)})
            refused += not verify(with_fields(certificate, replies=changed)).confirmed
        except ValueError:
            refused += 1
    assert refused == size


def test_there_must_be_a_reply_for_every_draw() -> None:
    contract = contract_of("three-farmers")
    found = with_replies(contract, NO_SHORT_SALES, Lie((0, 1), (0, 0), (1, 0)))
    assert found is not None
    fine = certified(contract, NO_SHORT_SALES, found)
    assert fine.replies is not None
    assert len(fine.replies.quotes) == 2
    with pytest.raises(ValueError, match="replies"):
        with_fields(fine, replies=with_fields(fine.replies, orders=fine.replies.orders[:1]))
    names = ("quotes", "orders", "announced_endowments", "side_transfers")
    short = JointReplies(*(getattr(fine.replies, name)[:1] for name in names))
    with pytest.raises(ValueError, match="shape"):
        with_fields(fine, replies=short)
