"""Agreements of three: which of them two members would break together, and by whom that nobody does is proved."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates import examination
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.parts import most_by_part
from marketgame.mechanisms.certificates.plain.settlement import PlainPlay
from marketgame.mechanisms.certificates.side_contract import (
    PartBound,
    SideContractCertificate,
    certify_side_contract,
)
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.side_contracts.cells import knowledge_of
from marketgame.mechanisms.collusion.side_contracts.obedience import ObedienceCheck
from marketgame.mechanisms.collusion.side_contracts.search import SideContractSearch, SideSpent, checked_side_contract
from marketgame.mechanisms.collusion.side_contracts.side_contract import Clause, SideContract, status_quo_utilities
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.stating import Recommendation, stated_contract
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    obedient,
    settled_gains,
    situation_of,
    stacked,
)
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Solvency,
    Withholding,
)
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.collusion.test_kept_agreements import hidden_turns, passing_on
from tests.mechanisms.contracts.test_rationed_contracts import ROUNDED, rationed
from tests.mechanisms.private_value_economies import random_economy
from tests.mechanisms.strategies import economy_of, line, one_type

TRIO = (0, 1, 2)


def sale(barrels: float, price: float) -> SideContract:
    """Return what is agreed if all three quote oil at a price, at which bob sells ann some."""
    knowledge = knowledge_of(rationed().under(ROUNDED), TRIO, ROUNDED, None)
    told = obedient(knowledge.cells[0].situation)
    quotes, orders = told.quotes.copy(), told.orders.copy()
    quotes[:, 0] = price
    orders[0, 1] += [barrels, 0.0, -price * barrels]
    orders[1, 0] = -orders[0, 1]
    action = replace(told, quotes=quotes, orders=orders)
    agreed = checked_side_contract(knowledge, [(stacked([action]), np.ones(1))])
    assert agreed is not None
    return agreed


@cache
def oil_sold(barrels: float, price: float) -> SideContractCertificate:
    """Return the certificate of that, which claims that no part breaks it, be that so or not."""
    contract = rationed().under(ROUNDED)
    return certify_side_contract(contract, ROUNDED, sale(barrels, price), kept_alone=True, kept_by_parts=True)


@pytest.mark.parametrize(("barrels", "verdict"), [(1.0, Verdict.REFUTED), (0.75, Verdict.NOT_REFUTED)])
def test_what_three_are_found_to_agree_on_refutes_only_if_no_two_would_break_it(
    monkeypatch: pytest.MonkeyPatch, barrels: float, verdict: Verdict
) -> None:
    found = SideContractSearch(
        sale(barrels, 4.0), Verdict.REFUTED, np.inf, ObedienceCheck(Verdict.PROVEN, ()), SideSpent()
    )
    monkeypatch.setattr(examination, "find_consistent_side_contract", lambda *_, **__: found)
    examiner = examination.Examiner(rationed(), ROUNDED)
    improved = examination.CoalitionFinding(TRIO, improvement=Verdict.REFUTED)
    examined = examination.examine_consistency(examiner, improved)
    assert examined.consistent is verdict
    if verdict is Verdict.REFUTED:
        assert examined.found_consistent is not None
        certificate = examined.found_consistent.certificate
        assert isinstance(certificate, SideContractCertificate)
        assert certificate.internally_consistent
    # What three might agree on is asked only where an improvement of theirs is known.
    unknown = replace(improved, improvement=Verdict.NOT_REFUTED)
    assert examination.examine_consistency(examiner, unknown) is unknown


def test_what_everybody_sells_at_its_worth_no_two_would_rather_break_and_whoever_replays_it_says_so(
    tmp_path: Path,
) -> None:
    certificate = oil_sold(1.0, 4.0)
    assert [one.members for one in certificate.parts] == list(combinations(TRIO, 2))
    assert certificate.internally_consistent
    save_certificate(certificate, tmp_path / "kept.json")
    stored = load_certificate(tmp_path / "kept.json")
    assert isinstance(stored, SideContractCertificate)
    assert stored.parts == certificate.parts
    assert verify(stored).confirmed


def test_two_who_could_sell_the_rest_of_it_break_what_neither_breaks_alone() -> None:
    certificate = oil_sold(0.75, 4.0)
    # Ann's last quarter is worth (4 + 4.25) / 2 a barrel to her, bob's (4 + 3.75) / 2 to him.
    assert certificate.parts[0].gain == pytest.approx(0.25 * 0.25, rel=1e-6)
    assert verify(replace(certificate, parts=())).confirmed
    refused = verify(certificate)
    assert not refused.confirmed
    assert "ann + bob might gain up to 0.0625 by breaking the agreement together" in refused.failures[0]


def test_what_is_said_of_parts_cannot_be_forged() -> None:
    certificate = oil_sold(1.0, 4.0)
    with pytest.raises(ValueError, match="all must be"):
        replace(certificate, parts=certificate.parts[:-1])
    with pytest.raises(ValueError, match="all must be"):
        replace(certificate, parts=(PartBound(TRIO, 0.0), *certificate.parts[1:]))
    raised = (*certificate.parts[:-1], replace(certificate.parts[-1], gain=0.01))
    assert not verify(replace(certificate, parts=raised)).confirmed
    hidden = tuple(replace(one, gain=0.0) for one in oil_sold(0.75, 4.0).parts)
    assert not verify(replace(oil_sold(0.75, 4.0), parts=hidden)).confirmed
    for rules in (replace(ROUNDED, pricing=Pricing.COUNTERPARTY), replace(ROUNDED, bankruptcy=Bankruptcy.TRADES_STAND)):
        assert not verify(replace(certificate, rules=rules)).confirmed


def test_parts_may_lie_together_to_whoever_draws() -> None:
    """Ann, who wants 6 or 5 of oil, is sold what is efficient at what it is then worth: she claims to want less."""
    economy = rationed().economy
    keen = economy.players[0].types[0]
    modest = replace(keen, name="modest", valuation=Quadratic(np.array([5.0, 7.0]), np.diag([1.0, 1.0])))
    players = (replace(economy.players[0], types=(keen, modest)), *economy.players[1:])
    prior = IndependentPrior([np.array([0.5, 0.5]), np.ones(1), np.ones(1)])
    contract = stated_contract(
        replace(economy, players=players, prior=prior),
        [Recommendation(rationed().net_trades[0], rationed().price[0])],
    ).under(ROUNDED)
    knowledge = knowledge_of(contract, TRIO, ROUNDED, None)
    clauses = []
    for cell, (barrels, price) in zip(knowledge.cells, ((1.0, 4.0), (0.5, 3.5)), strict=True):
        told = obedient(cell.situation)
        quotes, orders = told.quotes.copy(), told.orders.copy()
        quotes[:, 0] = price
        orders[0, 1] += [barrels, 0.0, -price * barrels]
        orders[1, 0] = -orders[0, 1]
        clauses.append(
            Clause(cell.reports, cell.profiles, stacked([replace(told, quotes=quotes, orders=orders)]), np.ones(1))
        )
    kept = status_quo_utilities(knowledge)
    agreed = SideContract(TRIO, Concept.BIC, knowledge.information, tuple(clauses), kept, kept)
    certificate = certify_side_contract(contract, ROUNDED, agreed, kept_alone=True, kept_by_parts=True)
    assert any("ann might gain" in failure for failure in verify(certificate).failures)
    # By half a barrel at 3.5, worth 5 to 4.5, she gains an eighth more than by one at 4, worth 5 to 4.
    gains = {one.members: one.gain for one in certificate.parts}
    assert min(gains[0, 1], gains[0, 2]) >= 0.125
    assert gains[1, 2] == pytest.approx(0.0, abs=1e-8)


def drawing_turns() -> GrandContract:
    return grand_contract(
        economy_of(
            [one_type(f"trader {place}", [1.0 + 0.4 * place, 100.0], line(5.0 + 0.5 * place)) for place in range(4)]
        )
    )


def test_three_who_hide_whose_turn_it_is_from_each_do_not_hide_it_from_two() -> None:
    """Theorem 18: of what two are told the one who wins is known, and two who both lose save themselves."""
    rules = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, coverage=Coverage.ANNOUNCED_NUMERAIRE)
    made, (winners, passed) = drawing_turns(), map(np.array, zip(*hidden_turns(), strict=True))
    plays = passing_on(made, passed)
    knowledge = knowledge_of(made, TRIO, rules, None)
    members = list(TRIO)
    actions = JointAction(
        plays.quotes[:, members],
        plays.orders[:, members],
        plays.announced_endowments[:, members],
        np.zeros((len(winners), 3)),
    )
    agreed = checked_side_contract(knowledge, [(actions, np.full(len(winners), 1.0 / len(winners)))])
    assert agreed is not None
    certificate = certify_side_contract(made, rules, agreed, kept_alone=True, kept_by_parts=True)
    assert not verify(certificate).confirmed
    assert min(one.gain for one in certificate.parts) > 1.0
    told = made.recommend(made.economy.profiles[0])
    for pair in combinations(TRIO, 2):
        lose = np.flatnonzero(~np.isin(winners, pair))
        won = np.flatnonzero(np.isin(winners, pair))
        # What they are told together is told in no draw in which one of them wins.
        assert not {tuple(row) for row in passed[lose][:, pair]} & {tuple(row) for row in passed[won][:, pair]}
        orders, quotes = plays.orders[lose].copy(), plays.quotes[lose].copy()
        orders[:, pair], quotes[:, pair] = told.orders[list(pair)], told.quotes[list(pair)]
        instead = plays[lose].with_arrays(orders=orders, quotes=quotes)
        for member in pair:
            gained = utility(made, rules, instead, member) - utility(made, rules, plays[lose], member)
            assert (gained > 1.0).all()


def utility(made: GrandContract, rules: MarketRules, plays: Play, member: int) -> FloatArray:
    bundles = settle(plays, rules).allocation[:, member]
    found: FloatArray = made.economy.players[member].types[0].valuation.value(bundles[:, :-1]) + bundles[:, -1]
    return found


RULES = [
    MarketRules(pricing, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND, coverage, withholding, execution=execution)
    for pricing, coverage, withholding, execution in (
        (Pricing.VOID, Coverage.ANNOUNCED_NUMERAIRE, Withholding.CONSUMED, Execution.UNILATERAL),
        (Pricing.SPREAD, Coverage.ANNOUNCED_NUMERAIRE, Withholding.WASTED, Execution.MATCHED),
        (Pricing.SPREAD, Coverage.UNLIMITED, Withholding.WASTED, Execution.UNILATERAL),
        (Pricing.COUNTERPARTY, Coverage.UNLIMITED, Withholding.CONSUMED, Execution.MATCHED),
    )
]


@pytest.mark.parametrize("rules", RULES)
def test_no_joint_reply_of_two_exceeds_the_bound_whatever_a_third_quotes_and_orders(rules: MarketRules) -> None:
    made = grand_contract(random_economy(3, IndependentPrior([np.ones(1)] * 4))).under(rules)
    bounds, pair, generator = PlainBounds(PlainContract(made, rules)), (0, 1), np.random.default_rng(7)
    usual, reached = situation_of(made, 0, pair, rules), list[float]()
    for odd in (1.0, 0.5, 2.0):
        quotes, orders = usual.prescribed.quotes.copy(), usual.prescribed.orders.copy()
        quotes[0, 2, 0] *= odd
        if odd != 1.0:
            orders[0, 2] += generator.uniform(-1.0, 1.0, orders[0, 2].shape)
        faced = usual.prescribing(quotes=quotes, orders=orders)
        told = obedient(faced)
        tried = [told]
        for _ in range(300):
            asked = told.orders + generator.normal(size=told.orders.shape) * 10.0 ** generator.uniform(-2, 1)
            quoted = told.quotes * np.append(generator.choice([1.0, odd, 0.7]), 1.0)
            owed = generator.choice([0.0, 1.0, 5.0]) * np.array([1.0, -1.0])
            tried.append(JointAction(quoted, asked, told.announced_endowments, owed.astype(np.float64)))
        gained = settled_gains(faced, stacked(tried))
        most = most_by_part(bounds, 0, PlainPlay.of(*(array[0] for array in faced.prescribed.arrays)), pair)
        assert most is not None
        rows = made.economy.rows(made.economy.profiles[0])[list(pair)]
        bound = float(most) - float(made.economy.reference_utility[rows].sum())
        assert np.nanmax(gained.sum(axis=1)) <= bound + 1e-9 * faced.stake
        reached.append(gained[0].sum() - bound)
    if rules.pricing is not Pricing.COUNTERPARTY and rules.coverage is Coverage.ANNOUNCED_NUMERAIRE:
        assert reached[0] == pytest.approx(0.0, abs=1e-9 * usual.stake)
