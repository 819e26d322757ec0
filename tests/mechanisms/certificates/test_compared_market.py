"""Certificates of gains at trading posts and in the call market: confirmed as found, refused once they are changed."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import certificate_text, load_certificate
from marketgame.experiments.certificate_files.replay import replayed
from marketgame.mechanisms.certificates.compared_market import (
    ComparedMarketCertificate,
    certify_compared_market,
    recomputed_compared_market,
    verify_compared_market,
)
from marketgame.mechanisms.certificates.plain.compared import missed_at
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket
from marketgame.mechanisms.comparison_markets.kept_agreements import best_kept_agreement
from marketgame.mechanisms.comparison_markets.lies import ReportedMarket
from marketgame.mechanisms.comparison_markets.post_deviations import ToldPosts
from marketgame.mechanisms.comparison_markets.residual_supply import best_schedule
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.valuations import FixedProportions
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior, three_traders

KINDS = ("schedule", "lie", "messages", "lie and messages", "kept by both")


@cache
def economy() -> Economy:
    return random_economy(7, random_independent_prior(7, (2, 1, 2)), money=60.0)


@cache
def certificate(kind: str) -> ComparedMarketCertificate:
    """A certificate of each kind, as it is found."""
    match kind:
        case "schedule":
            found = best_schedule(economy(), 0, 1)
            assert found is not None
            return certify_compared_market(economy(), ComparedMarket.CALL, (0,), ((1,), (1,)), found.steps)
        case "lie":
            reported = ReportedMarket.of(economy(), ComparedMarket.CALL)
            lies = [lie for size in (1, 2) for lie in reported.lies(size)]
            lie = max(lies, key=lambda one: one.gain)
            types = (lie.true_types, lie.reported_types)
            return certify_compared_market(economy(), ComparedMarket.CALL, lie.coalition, types)
        case "kept by both":
            market, known = ComparedMarket.EQUILIBRIUM, three_traders()
            agreed = best_kept_agreement(known, market, NO_DEADLINE)
            assert agreed is not None
            types = (agreed.types, agreed.types)
            messages = (agreed.bids, agreed.offers)
            return certify_compared_market(known, market, agreed.coalition, types, messages, kept_by_both=True)
        case _:
            market = ComparedMarket.PRICE_TAKERS if kind == "messages" else ComparedMarket.ALL_OFFERED
            replies = ToldPosts.of(economy(), market).replies(0, lies=kind != "messages")
            best = max(replies, key=lambda one: one.gain)
            sent = best.bids[:, None], best.offers[:, None]
            told = (best.true_type,), (best.reported_type,)
            return certify_compared_market(economy(), market, (0,), told, sent)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_found_is_confirmed_from_its_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    path.write_text(certificate_text(certificate(kind)), encoding="utf-8")
    again = replayed(load_certificate(path))
    assert again.confirmed, again.verification
    assert certificate(kind).total_gain > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_gain_is_refused(kind: str) -> None:
    found = certificate(kind)
    assert not verify_compared_market(replace(found, gains=found.gains * 1.01)).confirmed


def test_what_one_of_two_would_break_is_refused() -> None:
    found = certificate("kept by both")
    assert found.bids is not None
    assert found.offers is not None
    assert found.temptation is not None
    assert found.temptation <= 1e-9
    # Twice the bid of one, half the bid of the other, a thin post: gains remain, but nobody would stop there.
    one = found.bids * np.array([2.0, 1.0])[:, None]
    for changed in (
        recomputed_compared_market(replace(found, bids=one)),
        recomputed_compared_market(replace(found, bids=0.5 * found.bids)),
        recomputed_compared_market(replace(found, offers=0.9 * found.offers)),
        replace(found, bids=one, temptation=found.temptation),
    ):
        failures = verify_compared_market(changed).failures
        assert any("by breaking what was agreed on" in failure for failure in failures)
    # Who does not claim that it is kept need not prove it.
    assert verify_compared_market(replace(found, temptation=None)).confirmed
    with pytest.raises(ValueError, match="temptation is of two members of known types"):
        replace(certificate("messages"), temptation=0.0)


def test_messages_that_gain_less_or_nothing_are_refused() -> None:
    found = certificate("messages")
    assert found.bids is not None
    assert found.offers is not None
    idle = replace(found, bids=found.bids * 0.0, offers=found.offers * 0.0)
    assert any("must gain something" in failure for failure in verify_compared_market(idle).failures)


def test_what_is_not_owned_cannot_be_sent() -> None:
    found = certificate("messages")
    assert found.bids is not None
    more = replace(found, bids=found.bids + 1e3)
    assert any("cannot be played" in failure for failure in verify_compared_market(more).failures)


def test_different_messages_where_the_same_is_heard_are_refused() -> None:
    # Two traders have no equilibrium with trade: nothing is heard, whatever the other reports.
    two = random_economy(7, random_independent_prior(7, (2, 1)), money=60.0)
    told = ToldPosts.of(two, ComparedMarket.EQUILIBRIUM).told
    assert not told.bids.any()
    types, bids, offers = ((0,), (0,)), np.array([[[1.0]], [[2.0]]]), np.zeros((2, 1, 1))
    found = certify_compared_market(two, ComparedMarket.EQUILIBRIUM, (1,), types, (bids, offers))
    assert any("cannot tell apart" in failure for failure in verify_compared_market(found).failures)


def test_a_schedule_that_is_none_is_refused() -> None:
    found = certificate("schedule")
    assert found.holdings is not None
    with pytest.raises(ValueError, match="another market"):
        replace(found, market=ComparedMarket.EQUILIBRIUM)
    with pytest.raises(ValueError, match="some parts"):
        replace(found, holdings=None)
    rising = replace(found, last=np.full_like(found.last, 1e3))
    assert not verify_compared_market(rising).confirmed
    with pytest.raises(ValueError, match="one player's"):
        replace(found, coalition=(0, 1), true_types=(1, 0), reported_types=(1, 0), gains=np.zeros(2))


def test_members_and_types_must_exist() -> None:
    found = certificate("lie")
    with pytest.raises(ValueError, match="members are"):
        replace(found, coalition=(9,) * len(found.coalition) if len(found.coalition) == 1 else (0, 9))
    with pytest.raises(ValueError, match="type of each member"):
        replace(found, reported_types=(7,) * len(found.coalition))


def test_a_file_that_was_changed_by_hand_is_refused(tmp_path: Path) -> None:
    document = json.loads(certificate_text(certificate("lie")))
    document["content"]["gains"] = [5.0] * len(document["content"]["gains"])
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(Exception, match="changed after it was written"):
        load_certificate(path)


@pytest.mark.parametrize("unit", [1.0, 1e3, 1e-3])
def test_who_wants_goods_together_is_content_at_every_price_at_which_it_would_buy_these_sets(unit: float) -> None:
    """A set takes 1 and 2, the first is worth 6 and the next one less: at prices of a set of 5 it wants one set."""
    trader = FixedProportions(np.array(6.0), np.array(1.0), np.array([1.0, 2.0]) * unit)
    sets, owned, supply = (
        np.array([1.0, 2.0]) * unit,
        np.array([2.0, 1.0, 40.0]) * [unit, unit, 1.0],
        np.full(2, 4 * unit),
    )
    for price in ([5.0, 0.0], [1.0, 2.0], [0.0, 2.5]):
        assert missed_at(trader, sets, np.array(price) / unit, owned, supply) < 1e-12
    assert missed_at(trader, sets, np.array([1.0, 1.0]) / unit, owned, supply) > 0.1
    assert missed_at(trader, sets / 2, np.array([1.0, 2.0]) / unit, owned, supply) > 0.1
