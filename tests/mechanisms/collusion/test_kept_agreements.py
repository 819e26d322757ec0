"""Agreements that neither of two members breaks: that they gain, that nothing is gained by breaking them, and by whom
that is proved."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations, product

import numpy as np
import pytest
from scipy.optimize import differential_evolution

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.keeping import most_by_breaking
from marketgame.mechanisms.certificates.plain.settlement import PlainPlay
from marketgame.mechanisms.certificates.side_contract import SideContractCertificate, certify_side_contract
from marketgame.mechanisms.collusion.side_contracts.arbitrage import Temptation, deterred_by
from marketgame.mechanisms.collusion.side_contracts.constructions import constructed_menu
from marketgame.mechanisms.collusion.side_contracts.search import (
    find_constructed_side_contract,
    find_kept_side_contract,
)
from marketgame.mechanisms.collusion.side_contracts.side_contract import Clause
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.bounds import BoundReason, proven_bounds
from marketgame.mechanisms.deviations.situation import JointAction, Situation, gains, played, situation_of, stacked
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.private_value_economies import random_economy, three_traders
from tests.mechanisms.strategies import economy_of, line, one_type

KEPT = MarketRules(solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND)


def certified(made: GrandContract, rules: MarketRules, pair: tuple[int, int]) -> SideContractCertificate:
    found = find_kept_side_contract(made, rules, pair)
    assert found is not None
    return certify_side_contract(made, rules, found, kept_alone=True)


@pytest.mark.parametrize(("players", "goods", "types"), [(3, 1, 1), (3, 1, 2), (4, 2, 1), (5, 1, 1)])
@pytest.mark.parametrize("coverage", Coverage)
def test_some_pair_gains_by_what_neither_breaks(players: int, goods: int, types: int, coverage: Coverage) -> None:
    prior = IndependentPrior([np.full(types, 1.0 / types)] * players)
    made = grand_contract(random_economy(players, prior, goods=goods))
    rules = replace(KEPT, coverage=coverage)
    for pair in combinations(range(players), 2):
        found = find_kept_side_contract(made, rules, pair)
        if found is not None:
            assert min(float(gain.min()) for gain in found.gains) >= 0
            assert verify(certify_side_contract(made, rules, found, kept_alone=True)).confirmed
            return
    raise AssertionError("no pair gains")


@pytest.mark.parametrize(
    "rules",
    [
        replace(KEPT, pricing=Pricing.VOID),
        replace(KEPT, pricing=Pricing.SPREAD),
        replace(KEPT, bankruptcy=Bankruptcy.TRADES_STAND),
        replace(KEPT, solvency=Solvency.BUDGET),
    ],
)
def test_nothing_goes_round_under_rules_for_which_that_was_not_proved(rules: MarketRules) -> None:
    assert find_kept_side_contract(grand_contract(three_traders()), rules, (0, 1)) is None


def told_to_one(place: int) -> tuple[Situation, JointAction]:
    """Return what one of two members of a kept agreement faces alone, and what it is told."""
    made = grand_contract(three_traders())
    found = find_kept_side_contract(made, KEPT, (0, 1))
    assert found is not None
    action = found.clauses[0].actions[0]
    whole = situation_of(made, 0, (0, 1), KEPT)
    quotes, orders, announced, transfers = (array.copy() for array in whole.prescribed.arrays)
    quotes[0, :2], orders[0, :2], announced[0, :2] = action.quotes, action.orders, action.announced_endowments
    transfers[0, :2] += action.side_transfers
    told = whole.prescribed.with_arrays(
        quotes=quotes, orders=orders, announced_endowments=announced, transfers=transfers
    )
    alone = Situation(whole.economy, KEPT, (place,), whole.probability, whole.profiles, told)
    own = JointAction(quotes[0, [place]], orders[0, [place]], announced[0, [place]], np.zeros(1))
    return alone, own


@pytest.mark.parametrize("place", [0, 1])
def test_evolution_finds_nothing_better_for_a_member_than_what_it_is_told(place: int) -> None:
    alone, own = told_to_one(place)
    stake = alone.stake
    others = [player for player in range(3) if player != place]
    generator = np.random.default_rng(place)

    def changed(numbers: FloatArray) -> JointAction:
        """Orders and quotes around what is told, on scales from crumbs to all there is and more."""
        orders, quotes = own.orders.copy(), own.quotes.copy()
        for player, (goods, money) in zip(others, numbers[:4].reshape(2, 2), strict=True):
            orders[0, player] += np.sinh(10.0 * np.array([goods, money])) / np.sinh(1.0)
        quotes[0, 0] *= 1.0 + numbers[4] * (abs(numbers[4]) > 0.5)
        return JointAction(quotes, orders, own.announced_endowments, own.side_transfers)

    def loss(numbers: FloatArray) -> float:
        return -float(gains(alone, changed(numbers))[0])

    best = differential_evolution(
        loss,
        [(-1.0, 1.0)] * 5,
        seed=place,
        maxiter=15,
        popsize=6,
        polish=False,
    )
    drawn = stacked([changed(generator.uniform(-1.0, 1.0, 5) * 10.0 ** generator.uniform(-6, 0)) for _ in range(300)])
    most = max(-float(best.fun), float(gains(alone, drawn)[:, 0].max()))
    assert most <= 1e-6 * stake


def test_a_lone_member_gains_by_odd_quotes_no_more_than_the_bound_says_and_nearly_as_much() -> None:
    # One of the others quotes the good too low and holds all it has: the third buys it and sells it to the last.
    made = grand_contract(three_traders())
    for low, keen in ((0.5, True), (0.9, False)):
        for pricing in (Pricing.COUNTERPARTY, Pricing.VOID, Pricing.SPREAD):
            rules = replace(KEPT, pricing=pricing)
            whole = situation_of(made, 0, (2,), rules)
            quotes = whole.prescribed.quotes.copy()
            quotes[0, 0, 0] *= low
            alone = whole.prescribing(quotes=quotes)
            bounds = {bound.reason: bound.total_gain for bound in proven_bounds(alone)}
            generator = np.random.default_rng(5)
            told = whole.prescribed
            tried = []
            for _ in range(400):
                orders = told.orders[0, [2]].copy()
                bought = generator.uniform(0.0, 2.5)
                price = float(told.quotes[0, 1, 0])
                sold = generator.uniform(0.0, 1.0) * bought
                orders[0, 0, 0] += bought
                orders[0, 1, 0] -= sold
                orders[0, 1, 1] += price * sold
                orders[0, 0, 1] -= low * price * bought
                tried.append(JointAction(told.quotes[0, [2]], orders, told.announced_endowments[0, [2]], np.zeros(1)))
            best = float(gains(alone, stacked(tried))[:, 0].max())
            assert best <= bounds[BoundReason.DELIVERY] + 1e-9
            if keen and pricing is Pricing.COUNTERPARTY:
                assert best > 0.5 * bounds[BoundReason.DELIVERY] > 0


def test_two_derivations_of_what_a_member_gains_by_breaking_agree() -> None:
    unbounded = []
    for place in (0, 1):
        alone, _ = told_to_one(place)
        bound = min(bound.total_utility for bound in proven_bounds(alone))
        play = PlainPlay.of(*(array[0] for array in alone.prescribed.arrays))
        made = grand_contract(three_traders())
        most = most_by_breaking(PlainContract(made, KEPT), 0, play, place)
        assert most is not None
        assert float(most) == pytest.approx(bound, abs=1e-6 * alone.stake)
        standing = PlainContract(made, replace(KEPT, bankruptcy=Bankruptcy.TRADES_STAND))
        unbounded.append(most_by_breaking(standing, 0, play, place) is None)
    # Where trades stand, only whoever faces the contract's price everywhere is bounded.
    assert sorted(unbounded) == [False, True]


def with_action(certificate: SideContractCertificate, **arrays: FloatArray) -> SideContractCertificate:
    """Return a certificate with other numbers played, and its own numbers for them."""
    (clause,) = certificate.clauses
    changed = Clause(clause.reports, clause.profiles, replace(clause.actions, **arrays), clause.probability)
    return replace(certificate, clauses=(changed,))


def test_what_somebody_might_break_is_rejected_however_it_is_forged() -> None:
    certificate = certified(grand_contract(three_traders()), KEPT, (0, 1))
    assert verify(certificate).confirmed
    (clause,) = certificate.clauses
    quotes = clause.actions.quotes.copy()
    odd = np.abs(quotes[0, :, 0] - quotes[0].max(axis=0)[0]) > 0
    quotes[0, odd, 0] *= 1 - 1e-6
    lower = verify(with_action(certificate, quotes=quotes))
    assert not lower.confirmed
    assert any("breaking" in failure for failure in lower.failures)
    less = clause.actions.orders * (1 - 1e-3)
    assert not verify(with_action(certificate, orders=less)).confirmed
    for rules in (replace(KEPT, bankruptcy=Bankruptcy.TRADES_STAND), replace(KEPT, pricing=Pricing.SPREAD)):
        assert not verify(replace(certificate, rules=rules)).confirmed
    assert not verify(replace(certificate, promised=tuple(1.001 * row for row in certificate.promised))).confirmed


@pytest.mark.parametrize("pricing", [Pricing.SPREAD, Pricing.VOID])
def test_whoever_knows_that_it_is_to_go_bankrupt_saves_itself_where_trades_stand(pricing: Pricing) -> None:
    rules = MarketRules(pricing, Solvency.NO_SHORT_SALES, coverage=Coverage.ANNOUNCED_NUMERAIRE)
    made = grand_contract(random_economy(4, IndependentPrior([np.ones(1)] * 4)))
    price, owned = made.efficient.price[0], made.endowments[0]
    saved = 0
    for pair in combinations(range(4), 2):
        found = find_constructed_side_contract(made, rules, pair)
        assert found is not None
        whole = situation_of(made, 0, pair, rules)
        for action in (found.clauses[0].actions[drawn] for drawn in range(len(found.clauses[0].probability))):
            settlement = played(whole, action)
            for place in np.flatnonzero(settlement.bankrupt[0, list(pair)]):
                member, orders, quotes = pair[place], action.orders.copy(), action.quotes.copy()
                quotes[place] = price
                # Everything that others order is undone, and money goes round that they cannot spare.
                orders[place] = settlement.play.orders[0, :, member]
                others = np.setdiff1d(np.arange(4), member)
                reached = [k for k in others if pricing is Pricing.SPREAD or k not in pair]
                much = 100.0 * owned.sum()
                orders[place, reached[0], -1] += (len(reached) - 1) * much
                orders[place, reached[1:], -1] -= much
                wealth = float(made.transfers[0, member] + action.side_transfers[place])
                # A crumb of money is left to rounding.
                orders[place, reached[0], -1] += wealth - 1e-6
                instead = replace(action, quotes=quotes, orders=orders)
                assert not played(whole, instead).bankrupt[0, member]
                assert gains(whole, instead)[place] > gains(whole, action)[place] + 1.0
                saved += 1
    assert saved


BOUGHT_OUT = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND)


@pytest.mark.parametrize("seed", range(4))
def test_who_is_given_what_its_partner_owes_buys_the_outsiders_out_rather_than_let_the_partner_live(seed: int) -> None:
    drawn = np.random.default_rng(seed).uniform((0.5, 14.0), (3.0, 17.0), (3, 2))
    made = grand_contract(
        economy_of(
            [one_type(f"trader {place}", [owned, 20.0], line(wants)) for place, (owned, wants) in enumerate(drawn)]
        )
    )
    assert deterred_by(made, BOUGHT_OUT) is Temptation.BUYING_OUT
    price, owned, generator = made.efficient.price[0], made.endowments[0], np.random.default_rng(seed)
    tempted = 0
    for pair in combinations(range(3), 2):
        whole = situation_of(made, 0, pair, BOUGHT_OUT)
        (outsider,) = whole.outsiders
        plays = [action for action in constructed_menu(whole).actions if action.side_transfers.any()]
        most = max((float(gains(whole, action).sum()) for action in plays), default=0.0)
        for action in plays:
            gained, alive = gains(whole, action), ~played(whole, action).bankrupt[0, list(pair)]
            rich = int(action.side_transfers.argmax())
            member, poor = pair[rich], pair[1 - rich]
            worth = price @ owned[poor] + made.transfers[0, poor] + action.side_transfers[1 - rich]
            if worth >= 0.0 or alive.all():
                assert gained.sum() <= 1e-9 * whole.stake
            if worth >= 0.0 or not alive.all() or most <= 1e-3 * whole.stake:
                continue
            quotes, orders = action.quotes.copy(), action.orders.copy()
            quotes[rich] = price
            orders[rich] = 0.0
            orders[rich, outsider] = (1 - 1e-9) * owned[outsider] + made.recommend(made.economy.profiles[0]).orders[
                outsider, member
            ]
            for _ in range(3):  # Whatever its partner orders, as long as it does not quote the contract's price.
                orders[1 - rich] = generator.normal(size=orders[1 - rich].shape) * 100.0
                instead = replace(action, quotes=quotes, orders=orders)
                assert gains(whole, instead)[rich] > max(gained[rich], 0.0)
            tempted += 1
    assert tempted


def test_of_four_traders_three_may_agree_where_two_would_not() -> None:
    made = grand_contract(random_economy(1, IndependentPrior([np.ones(1)] * 4)))
    assert deterred_by(made, BOUGHT_OUT) is None
    three = grand_contract(three_traders())
    assert deterred_by(three, replace(BOUGHT_OUT, pricing=Pricing.SPREAD)) is None


# Theorem 18: three of four traders draw who wins, and each is told only what it passes on.
SPECK, DEAR, APART, CLUSTERS = 2.0**-20, 2.0**32, 8.0, 4


def hidden_turns() -> list[tuple[int, FloatArray]]:
    """Return equally likely draws: who wins, and how much each of three passes on from the next to the one before it.

    The one after the winner passes on a speck more than the one before it does, and the winner something far from both.
    """
    draws = []
    for winner, (near, far), more in product(range(3), permutations(range(CLUSTERS), 2), (0.0, SPECK)):
        passed = np.full(3, APART * near)
        passed[(winner + 1) % 3] += SPECK
        passed[winner] = APART * far + more
        draws.append((winner, passed))
    return draws


def passing_on(made: GrandContract, passed: FloatArray) -> Play:
    """Return plays, one for each row, in which members pass on so much of the good, and its price in money back."""
    told = made.recommend(made.economy.profiles[0])
    orders = np.broadcast_to(told.orders, (len(passed), *told.orders.shape)).copy()
    quotes, (announced, transfers) = np.broadcast_to(told.quotes, (*orders.shape[:-2], 2)).copy(), told.arrays[2:]
    quotes[:, :3, 0] = DEAR
    orders[:, :3] = 0.0
    orders[:, :3, 3] = told.orders[3, :3]
    for member in range(3):
        moved = passed[:, [member]] * np.array([-1.0, DEAR])
        orders[:, member, (member + 1) % 3] += moved
        orders[:, member, (member - 1) % 3] -= moved
    shape = (len(passed), *announced.shape)
    return Play(quotes, orders, np.broadcast_to(announced, shape), np.broadcast_to(transfers, shape[:-1]))


@pytest.mark.parametrize("pricing", [Pricing.VOID, Pricing.SPREAD])
def test_three_may_draw_who_wins_so_that_none_can_tell_whether_it_is_its_turn(pricing: Pricing) -> None:
    made = grand_contract(
        economy_of(
            [one_type(f"trader {place}", [1.0 + 0.4 * place, 100.0], line(5.0 + 0.5 * place)) for place in range(4)]
        )
    )
    rules = MarketRules(pricing, Solvency.NO_SHORT_SALES, coverage=Coverage.ANNOUNCED_NUMERAIRE)
    winners, passed = (np.array(part) for part in zip(*hidden_turns(), strict=True))
    plays = passing_on(made, passed)
    price, money = float(made.efficient.price[0, 0]), float(made.endowments[0, :, -1].sum())

    def utility(play: Play, member: int) -> FloatArray:
        bundles = settle(play, rules).allocation[:, member]
        values = made.economy.players[member].types[0].valuation.value(bundles[:, :-1]) + bundles[:, -1]
        return np.asarray(values)

    bankrupt = settle(plays, rules).bankrupt
    assert (bankrupt == ((np.arange(4) != winners[:, None]) & (np.arange(4) < 3))).all()
    kept = situation_of(made, 0, (0, 1, 2), rules).obedient_play.allocation[0]
    generator = np.random.default_rng(15)
    for member in range(3):
        brought = utility(plays, member)
        assert (brought[winners == member] > money).all()
        assert (brought[winners != member] == 0.0).all()
        # Whoever quotes otherwise where unequal quotes are void has the wealth it has under the contract.
        usual = float(made.economy.players[member].types[0].valuation.value(kept[member, :-1]) + kept[member, -1])
        received = passed[:, (member + 1) % 3] - passed[:, (member - 1) % 3]
        for told in np.unique(passed[:, member]):
            possible = np.flatnonzero(passed[:, member] == told)
            promised = float(brought[possible].mean())
            assert promised > usual
            guesses = np.append(SPECK - np.unique(received[possible]), generator.uniform(-30.0, 30.0, 2))
            tried = plays[np.tile(possible, 2 * len(guesses))]
            orders, quotes = tried.orders.copy(), tried.quotes.copy()
            moved = np.repeat(np.tile(guesses, 2), len(possible))[:, None] * np.array([-1.0, DEAR])
            orders[:, member, (member + 1) % 3] += moved
            quotes[len(quotes) // 2 :, member, 0] = price
            instead = utility(tried.with_arrays(orders=orders, quotes=quotes), member)
            assert instead.reshape(-1, len(possible)).mean(axis=1).max() <= promised + 1e-4
