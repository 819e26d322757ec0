"""A lone liar whose flows need both sides: what it can refuse, what that brings at most, and who gains by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from marketgame.mechanisms.collusion.lies_and_replies import LiesSearch, after_lie, lies_of, with_replies
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.deviations.bounds import within_matched_flows
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.deviations.situation import JointAction, Situation, settled_gains
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
)
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior

REFUSABLE = MarketRules(
    Pricing.VOID,
    Solvency.NO_SHORT_SALES,
    Bankruptcy.UNWIND,
    Coverage.ANNOUNCED_NUMERAIRE,
    execution=Execution.MATCHED,
)
ROUNDING = 1e-8


def contract(seed: int, transfers: TransferRule) -> GrandContract:
    economy = random_economy(seed, random_independent_prior(seed, (2, 2, 2)), goods=1, money=500.0)
    return contract_with_transfers(economy, transfers)


def situations_after_lies(made: GrandContract, rules: MarketRules) -> Iterator[Situation]:
    for player in range(len(made.economy.players)):
        for lie in lies_of(made, rules, (player,)):
            yield from (heard.situation for heard in after_lie(made, rules, lie))


@pytest.mark.parametrize("seed", range(2))
def test_nothing_that_a_lone_player_can_let_happen_of_what_was_to_flow_exceeds_the_bound(seed: int) -> None:
    """Any shares of flows, of each good with each counterparty, and far more than these; any announcement."""
    generator, close = np.random.default_rng(seed), []
    settling = [
        replace(REFUSABLE, pricing=pricing, solvency=solvency, bankruptcy=bankruptcy)
        for pricing in (Pricing.COUNTERPARTY, Pricing.VOID, Pricing.SPREAD)
        for solvency in Solvency
        for bankruptcy in Bankruptcy
    ]
    made = contract(seed, TransferRule.COALITION_PROOF)
    for place, heard in enumerate(situations_after_lies(made, settling[0])):
        situation = replace(heard, rules=settling[place % len(settling)])
        most = within_matched_flows(situation)
        assert most is not None
        shape = (40, *situation.prescribed.orders[0, situation.members].shape)
        shares = generator.choice([0.0, 1.0, 9.0, generator.random()], shape)
        orders = shares * situation.prescribed.orders[0, situation.members]
        quotes = np.broadcast_to(situation.prescribed.quotes[0, situation.members], (40, *shape[1:2], shape[-1]))
        shown = situation.endowments[0, situation.members] * generator.choice([1.0, 0.5], (40, 1, 1))
        plays = JointAction(quotes, orders, shown, np.zeros((40, 1)))
        found = float(settled_gains(situation, plays).max())
        assert found <= most + ROUNDING
        close.append(most - found)
    # The bound is no better than what can be had.
    assert min(close) < 0.05


@pytest.mark.parametrize("transfers", [TransferRule.EXPECTED_EXTERNALITY, TransferRule.COALITION_PROOF])
def test_of_nearly_every_lie_it_is_known_whether_refusing_pays_and_some_pay_unless_flows_bind(
    transfers: TransferRule,
) -> None:
    gains, known = [], []
    for seed in range(2):
        made = contract(seed, transfers).under(REFUSABLE)
        for player in range(3):
            for lie in lies_of(made, REFUSABLE, (player,)):
                found = with_replies(made, REFUSABLE, lie)
                assert found is not None
                gains.append(found.gain)
                known.append(found.gain > ROUNDING or found.bound < ROUNDING)
    assert max(gains) > 1e-4
    assert np.mean(known) > 0.9
    # Out of deposits everything is executed, and nobody gains.
    binding = replace(REFUSABLE, refusal=Refusal.ESCROW)
    assert LiesSearch(contract(0, transfers), binding, largest=1).run().alone is Verdict.PROVEN
