"""Money kept back from outsiders where orders are matched and may be refused: who gains, and that neither breaks it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.examination import Examiner, examine_coalition
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.deviating import PlainAction, deviation
from marketgame.mechanisms.certificates.plain.keeping import most_by_breaking
from marketgame.mechanisms.certificates.side_contract import SideContractCertificate, certify_side_contract
from marketgame.mechanisms.collusion.side_contracts.search import find_kept_side_contract
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, grand_contract
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.deviations.situation import JointAction, settled_gains, situation_of, stacked
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Withholding,
)
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior

REFUSABLE = MarketRules(solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND, execution=Execution.MATCHED)
SHORT = replace(REFUSABLE, solvency=Solvency.BUDGET)


def certified(made: GrandContract, rules: MarketRules) -> SideContractCertificate | None:
    """Return the agreement of the first pair that has one which neither breaks."""
    made = made.under(rules)
    for pair in combinations(range(len(made.economy.players)), 2):
        found = find_kept_side_contract(made, rules, pair)
        if found is not None:
            certificate = certify_side_contract(made, rules, found, kept_alone=True)
            if verify(certificate).confirmed:
                return certificate
    return None


@cache
def walrasian(players: int, goods: int) -> GrandContract:
    return grand_contract(random_economy(players, IndependentPrior([np.ones(1)] * players), goods=goods))


@pytest.mark.parametrize("size", [(3, 1), (4, 2), (5, 1)])
@pytest.mark.parametrize("bankruptcy", Bankruptcy)
@pytest.mark.parametrize("coverage", Coverage)
@pytest.mark.parametrize("solvency", Solvency)
def test_some_pair_keeps_money_back_and_neither_breaks_that(
    size: tuple[int, int], bankruptcy: Bankruptcy, coverage: Coverage, solvency: Solvency
) -> None:
    rules = replace(REFUSABLE, bankruptcy=bankruptcy, coverage=coverage, solvency=solvency)
    certificate = certified(walrasian(*size), rules)
    assert certificate is not None
    for promised, kept in zip(certificate.promised, certificate.status_quo, strict=True):
        assert (promised > kept + 1e-3).all()


@pytest.mark.parametrize("seed", range(3))
def test_so_it_is_with_types_that_prices_need_not_reveal(seed: int) -> None:
    economy = random_economy(seed, random_independent_prior(seed, (2, 2, 1)))
    made = contract_with_transfers(economy, TransferRule.COALITION_PROOF)
    certificate = certified(made, REFUSABLE)
    assert certificate is not None
    finding = examine_coalition(Examiner(made, REFUSABLE), certificate.coalition)
    assert (finding.improvement, finding.consistent) == (Verdict.REFUTED, Verdict.REFUTED)


@pytest.mark.parametrize(
    "changes",
    [
        {"pricing": Pricing.VOID},
        {"pricing": Pricing.SPREAD},
        {"pricing": Pricing.MIDPOINT},
        {"refusal": Refusal.ESCROW},
        {"execution": Execution.UNILATERAL, "bankruptcy": Bankruptcy.TRADES_STAND},
    ],
)
def test_nothing_is_kept_back_under_rules_for_which_that_was_not_proved(changes: dict[str, object]) -> None:
    made = walrasian(3, 1)
    rules = replace(REFUSABLE, **changes)  # type: ignore[arg-type]
    for pair in combinations(range(3), 2):
        assert find_kept_side_contract(made.under(rules), rules, pair) is None


def test_what_is_not_kept_is_refused_however_it_is_forged() -> None:
    certificate = certified(walrasian(3, 1), REFUSABLE)
    assert certificate is not None
    (clause,) = certificate.clauses
    flows, quotes = clause.actions.orders.copy(), clause.actions.quotes.copy()
    flows[..., 0] *= 0.9
    quotes[..., 0] *= 1.01
    for forged in ({"orders": flows}, {"quotes": quotes}):
        changed = replace(clause, actions=replace(clause.actions, **forged))
        assert not verify(replace(certificate, clauses=(changed,))).confirmed
    # Whoever may be short, and consumes what it hides, can deliver what it does not show.
    hiding = replace(SHORT, withholding=Withholding.CONSUMED)
    assert any("not bounded" in failure for failure in verify(replace(certificate, rules=hiding)).failures)


@pytest.mark.parametrize("rules", [REFUSABLE, SHORT, replace(SHORT, bankruptcy=Bankruptcy.TRADES_STAND)])
def test_no_reply_of_a_member_exceeds_the_bound_be_it_short_or_not(rules: MarketRules) -> None:
    made = walrasian(3, 1).under(rules)
    certificate = certified(made, rules)
    assert certificate is not None
    members, told = certificate.coalition, certificate.clauses[0].actions[0]
    whole, plain = situation_of(made, 0, members, rules), PlainContract(made, rules)
    play = deviation(plain, 0, members, PlainAction.of(told), None)
    generator = np.random.default_rng(0)
    for place, member in enumerate(members):
        most = most_by_breaking(plain, 0, play, member)
        assert most is not None
        tried = []
        for _ in range(400):
            orders, quotes, shown = told.orders.copy(), told.quotes.copy(), told.announced_endowments.copy()
            orders[place] *= generator.choice([0.0, 0.3, 0.9, 1.0, 1.0, 3.0, 1e3], size=orders[place].shape)
            quotes[place, 0] *= generator.choice([0.0, 0.9, 1.0, 1.1, 50.0])
            shown[place, 0] *= generator.choice([0.1, 1.0])
            tried.append(JointAction(quotes, orders, shown, told.side_transfers))
        reached = settled_gains(whole, stacked([told, *tried]))[:, place]
        rows = whole.economy.rows(whole.profiles[0])[member]
        bound = float(most) - float(whole.economy.reference_utility[rows])
        assert reached.max() <= bound + 1e-9 * whole.stake
        assert reached[0] == pytest.approx(bound, abs=1e-9 * whole.stake)
