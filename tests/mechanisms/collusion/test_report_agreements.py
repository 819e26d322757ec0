"""Side-devices over reports: what members who share money, or nothing, gain by agreeing what to report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from marketgame.mechanisms.collusion.report_agreements import (
    NoAcceptableAgreementError,
    ReportAgreement,
    Shared,
    best_agreement,
    best_report_agreement,
    harshest_beliefs,
    pooled_agreement,
)
from marketgame.mechanisms.collusion.report_game import NoRefusalPlayError, ReportGame, report_game
from marketgame.mechanisms.contracts.coalition_proof import coalition_proof_transfers
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, grand_contract
from marketgame.mechanisms.contracts.joint_misreports import joint_misreport_gains
from marketgame.mechanisms.contracts.transfers import contract_with_transfers, expected_externality_transfers
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from tests.mechanisms.private_value_economies import random_correlated_prior, random_economy, random_independent_prior

SIZES = ((2, 2, 2), (3, 2, 1), (2, 3, 2))
MEMBERS = (0, 1)


def contract_of(seed: int, *, proof: bool = False, type_dependent: bool = False) -> GrandContract:
    prior = random_independent_prior(seed, SIZES[seed % 3])
    economy = random_economy(seed, prior, goods=1 + seed % 2, money=2000.0, type_dependent=type_dependent)
    rule = coalition_proof_transfers if proof else expected_externality_transfers
    return grand_contract(economy, rule(economy, efficient_allocation(economy)))


def expected_by_hand(contract: GrandContract, agreement: ReportAgreement, place: int, kind: int, said: int) -> float:
    """What a type of one of two members expects that reports another to the side-device, play by play."""
    economy = contract.economy
    counts = economy.prior.type_counts
    own, other = agreement.members[place], agreement.members[1 - place]
    pairs = list(product(*(range(counts[member]) for member in agreement.members)))
    total = weight = 0.0
    for number, profile in enumerate(economy.profiles):
        if profile[own] != kind:
            continue
        chance = float(economy.prior.probability[number])
        heard = [0, 0]
        heard[place], heard[1 - place] = said, int(profile[other])
        row = pairs.index((heard[0], heard[1]))
        value = agreement.payments[place, row]
        for told, likely in zip(pairs, agreement.lottery[row], strict=True):
            if likely == 0:
                continue
            reported = profile.copy()
            reported[list(agreement.members)] = told
            types = economy.players[own].types
            if (types[told[place]].endowment > types[kind].endowment).any():
                reported[own] = kind
            end = contract.allocation[economy.prior.profile_numbers(reported)]
            value += likely * (types[kind].valuation.value(end[own, :-1]) + end[own, -1])
        total += chance * value
        weight += chance
    return total / weight


def truth_by_hand(contract: GrandContract, player: int, kind: int) -> float:
    economy = contract.economy
    there = np.flatnonzero(economy.profiles[:, player] == kind)
    chance = economy.prior.probability[there]
    utility = economy.utility(economy.profiles[there], contract.allocation[there])[:, player]
    return float(chance @ utility / chance.sum())


@pytest.mark.parametrize("shared", Shared)
@pytest.mark.parametrize("type_dependent", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_no_type_gains_by_lying_to_the_side_device_and_none_loses_by_accepting(
    seed: int, type_dependent: bool, shared: Shared
) -> None:
    contract = contract_of(seed, type_dependent=type_dependent)
    agreement = best_report_agreement(contract, MEMBERS, shared)
    rounding = 1e-7 * float(contract.stakes.sum())
    assert np.abs(agreement.payments.sum(axis=0)).max() <= rounding
    assert shared is Shared.MONEY or not agreement.payments.any()
    promised = 0.0
    for place, member in enumerate(MEMBERS):
        marginal = contract.economy.prior.marginal(member)
        for kind, chance in enumerate(marginal):
            obeys = expected_by_hand(contract, agreement, place, kind, kind)
            gain = obeys - truth_by_hand(contract, member, kind)
            assert gain >= -rounding
            assert gain == pytest.approx(agreement.gains[place][kind], abs=rounding)
            promised += float(chance) * gain
            for said in range(len(marginal)):
                assert expected_by_hand(contract, agreement, place, kind, said) <= obeys + rounding
    assert promised == pytest.approx(agreement.total_gain, abs=rounding)


@pytest.mark.parametrize("seed", range(9))
def test_the_less_members_share_the_less_they_gain(seed: int) -> None:
    contract = contract_of(seed)
    pooled = joint_misreport_gains(contract, MEMBERS).gains.max(axis=1)
    likely = np.multiply.outer(*(contract.economy.prior.marginal(member) for member in MEMBERS)).ravel()
    money = best_report_agreement(contract, MEMBERS).total_gain
    nothing = best_report_agreement(contract, MEMBERS, Shared.NOTHING).total_gain
    rounding = 1e-7 * float(contract.stakes.sum())
    assert -rounding <= nothing <= money + rounding
    assert money <= likely @ pooled + rounding


def test_secrets_from_each_other_can_cost_two_liars_what_they_would_gain_together() -> None:
    gains = []
    for seed in (1, 4, 5, 7):
        contract = contract_of(seed)
        gains.append([best_report_agreement(contract, MEMBERS, shared).total_gain for shared in Shared])
    assert max(money for money, _ in gains) > 0.01
    assert any(nothing < 0.9 * money for money, nothing in gains if money > 0.01)


@pytest.mark.parametrize("seed", range(9))
def test_under_coalition_proof_transfers_a_third_party_has_nothing_to_offer(seed: int) -> None:
    contract = contract_of(seed, proof=True, type_dependent=seed % 2 == 0)
    for members in ((0, 1), (0, 2), (0, 1, 2)):
        agreement = best_report_agreement(contract, members)
        assert agreement.total_gain <= 1e-7 * float(contract.stakes.sum())


def test_with_correlated_types_members_infer_each_others() -> None:
    economy = random_economy(3, random_correlated_prior(3, (2, 2, 2)), money=2000.0)
    contract = grand_contract(economy)
    agreement = best_report_agreement(contract, MEMBERS)
    rounding = 1e-7 * float(contract.stakes.sum())
    for place, member in enumerate(MEMBERS):
        for kind in range(2):
            obeys = expected_by_hand(contract, agreement, place, kind, kind)
            assert obeys >= truth_by_hand(contract, member, kind) - rounding
            assert expected_by_hand(contract, agreement, place, kind, 1 - kind) <= obeys + rounding


def worth_by_hand(
    contract: GrandContract, member: int, members: tuple[int, ...], true: tuple[int, ...], said: tuple[int, ...]
) -> float:
    """What a member of true types gets on average when all members report something, play by play."""
    economy, total, weight = contract.economy, 0.0, 0.0
    kind = economy.players[member].types[true[members.index(member)]]
    for number, profile in enumerate(economy.profiles):
        if tuple(profile[list(members)]) == true:
            reported = profile.copy()
            reported[list(members)] = said
            end = contract.allocation[economy.prior.profile_numbers(reported), member]
            chance = float(economy.prior.probability[number])
            total += chance * (kind.valuation.value(end[:-1]) + end[-1])
            weight += chance
    return total / weight


def brute_force_gain(contract: GrandContract, members: tuple[int, ...], refused: list[list[float]]) -> float:
    """The best side-device with money, by SciPy, from utilities of single plays; every joint report can be shown."""
    economy = contract.economy
    counts = [economy.prior.type_counts[member] for member in members]
    joint = list(product(*map(range, counts)))
    size, many = len(members), len(joint)
    likely = [
        sum(economy.prior.probability[n] for n, p in enumerate(economy.profiles) if tuple(p[list(members)]) == true)
        for true in joint
    ]
    worth = np.array(
        [
            [[worth_by_hand(contract, members[place], members, true, said) for said in joint] for true in joint]
            for place in range(size)
        ]
    )
    columns = many * many + size * many

    def expects(place: int, kind: int, said: int) -> tuple[np.ndarray, float]:
        """Coefficients of what a type expects that reports another to the device, and what it expects of the truth."""
        row, truth = np.zeros(columns), 0.0
        own = [number for number, true in enumerate(joint) if true[place] == kind]
        mass = sum(likely[number] for number in own)
        for number in own:
            told = list(joint[number])
            told[place] = said
            heard = joint.index(tuple(told))
            chance = likely[number] / mass
            row[heard * many : (heard + 1) * many] += chance * worth[place, number]
            row[many * many + place * many + heard] += chance
            truth += chance * worth[place, number, number]
        return row, truth

    above, limits = [], []
    for place, count in enumerate(counts):
        for kind in range(count):
            obeys, truth = expects(place, kind, kind)
            above.append(-obeys)
            limits.append(-truth - refused[place][kind])
            for said in range(count):
                above.append(expects(place, kind, said)[0] - obeys)
                limits.append(0.0)
    equal = np.zeros((2 * many, columns))
    for number in range(many):
        equal[number, number * many : (number + 1) * many] = 1.0
        equal[many + number, [many * many + place * many + number for place in range(size)]] = 1.0
    objective = np.zeros(columns)
    for number in range(many):
        objective[number * many : (number + 1) * many] = -likely[number] * worth[:, number].sum(axis=0)
    bounds = [(0, 1)] * (many * many) + [(None, None)] * (size * many)
    found = linprog(objective, np.array(above), limits, equal, [1.0] * many + [0.0] * many, bounds)
    assert found.fun is not None
    return float(-found.fun - sum(chance * worth[:, n, n].sum() for n, chance in enumerate(likely)))


@pytest.mark.parametrize("seed", [1, 5])
@pytest.mark.parametrize("members", [(0, 1), (0, 1, 2)])
def test_an_independent_program_over_single_plays_finds_the_same_gain(seed: int, members: tuple[int, ...]) -> None:
    contract = contract_of_pairs(seed)
    found = best_report_agreement(contract, members).total_gain
    nobody = [[0.0, 0.0] for _ in members]
    assert found == pytest.approx(brute_force_gain(contract, members, nobody), abs=1e-6 * contract.stakes.sum())


def contract_of_pairs(seed: int) -> GrandContract:
    economy = random_economy(seed, random_independent_prior(seed, (2, 2, 2)), money=2000.0)
    return grand_contract(economy, expected_externality_transfers(economy, efficient_allocation(economy)))


def two_way_contract(seed: int) -> GrandContract:
    """Transfers for correlated types keep the truth best under the prior alone, so that beliefs matter."""
    economy = random_economy(seed, random_correlated_prior(seed, (2, 2, 2)), money=2000.0)
    return contract_with_transfers(economy, TransferRule.LP)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("make", [contract_of_pairs, two_way_contract])
@pytest.mark.parametrize("members", [(0, 1), (0, 1, 2)])
def test_stated_beliefs_that_are_the_prior_are_passive(
    seed: int, make: Callable[[int], GrandContract], members: tuple[int, ...]
) -> None:
    contract = make(seed)
    game = report_game(contract, members)
    prior = {member: game.marginal(place) for place, member in enumerate(members)}
    for place, member in enumerate(members):
        np.testing.assert_allclose(game.refusal_gains(place, prior[member]), 0, atol=1e-9 * contract.stakes.sum())
    passive = best_report_agreement(contract, members).total_gain
    stated = best_report_agreement(contract, members, beliefs=prior).total_gain
    assert stated == pytest.approx(passive, abs=1e-7 * contract.stakes.sum())


def equilibria_after_refusal(game: ReportGame, refuser: int, stated: np.ndarray) -> list[np.ndarray]:
    """What each type of the refuser expects in every equilibrium without lots, by trying all plays; two types each."""
    plans = list(product(range(2), repeat=2))
    found = []
    for chosen in product(plans, repeat=len(game.members)):

        def values(
            place: int, kind: int, said: int, chosen: tuple[tuple[int, ...], ...] = chosen
        ) -> tuple[float, float]:
            total = weight = 0.0
            for number, true in enumerate(product(range(2), repeat=len(game.members))):
                if true[place] != kind:
                    continue
                chance = game.likely[number]
                if place != refuser:
                    own = game.likely[game.types[refuser] == true[refuser]].sum()
                    chance = chance * stated[true[refuser]] / own
                reports = [chosen[other][true[other]] for other in range(len(true))]
                reports[place] = said
                total += chance * game.utilities[place, number, np.ravel_multi_index(reports, game.counts)]
                weight += chance
            return total / weight, weight

        if all(
            values(place, kind, chosen[place][kind])[0] >= values(place, kind, said)[0] - 1e-9
            for place in range(len(game.members))
            for kind in range(2)
            for said in range(2)
        ):
            found.append(np.array([values(refuser, kind, chosen[refuser][kind])[0] for kind in range(2)]))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_after_a_refusal_members_play_an_equilibrium_under_the_beliefs_stated(seed: int) -> None:
    game = report_game(two_way_contract(seed), (0, 1))
    for refuser, stated in product(range(2), (np.array([0.9, 0.1]), np.array([0.2, 0.8]))):
        equilibria = equilibria_after_refusal(game, refuser, stated)
        try:
            gains = game.refusal_gains(refuser, stated)
        except NoRefusalPlayError:
            assert equilibria == []
            continue
        assert any(np.allclose(gains, each, atol=1e-7) for each in equilibria)


def test_what_refusing_costs_is_what_acceptance_is_measured_against() -> None:
    """An independent program agrees when refusing is costly, and the costlier it is the more members gain in sum."""
    costly = 0
    for seed in range(8):
        contract = two_way_contract(seed)
        game = report_game(contract, MEMBERS)
        try:
            beliefs = harshest_beliefs(game)
        except NoRefusalPlayError:
            continue
        refused = [game.refusal_gains(place, beliefs[member]) for place, member in enumerate(MEMBERS)]
        stated = best_report_agreement(contract, MEMBERS, beliefs=beliefs).total_gain
        rounding = 1e-6 * contract.stakes.sum()
        assert stated == pytest.approx(
            brute_force_gain(contract, MEMBERS, [list(each) for each in refused]), abs=rounding
        )
        if max(each.max() for each in refused) <= 0 and min(each.min() for each in refused) < -1e-3:
            costly += 1
            assert stated >= best_report_agreement(contract, MEMBERS).total_gain - rounding
    assert costly > 0


def test_stated_beliefs_can_make_refusing_worth_more_than_any_agreement() -> None:
    contract = two_way_contract(7)
    trusting = np.array([0.0, 1.0])
    game = report_game(contract, MEMBERS)
    refused = [list(game.refusal_gains(place, trusting)) for place in range(2)]
    assert max(refused[1]) > 0.5
    with pytest.raises(NoAcceptableAgreementError):
        best_report_agreement(contract, MEMBERS, beliefs=dict.fromkeys(MEMBERS, trusting))
    with pytest.raises(AssertionError):
        brute_force_gain(contract, MEMBERS, refused)


def test_beliefs_are_stated_for_every_member_as_a_distribution() -> None:
    game = report_game(contract_of_pairs(1), MEMBERS)
    with pytest.raises(ValueError, match="player 1 has none"):
        best_agreement(game, Shared.MONEY, {0: np.array([0.5, 0.5])})
    with pytest.raises(ValueError, match="a distribution over its 2 types"):
        game.refusal_gains(0, np.array([0.5, 0.6]))


@pytest.mark.parametrize("seed", range(4))
def test_who_shares_everything_divides_the_checkers_gain_equally_as_far_as_there_is_money(seed: int) -> None:
    contract = contract_of(seed)
    for money in (2000.0, 0.05):
        game = report_game(contract, (0, 1, 2))
        game = replace(game, money=np.full_like(game.money, money))
        agreement = pooled_agreement(game)
        lies = joint_misreport_gains(contract, (0, 1, 2)).gains.max(axis=1)
        best = agreement.lottery.argmax(axis=1)
        gains = game.utilities[:, np.arange(len(best)), best] + agreement.payments
        np.testing.assert_allclose(gains.sum(axis=0), lies, atol=1e-7)
        np.testing.assert_allclose(agreement.payments.sum(axis=0), 0, atol=1e-12)
        assert (agreement.payments >= -money - 1e-12).all()
        above = gains > gains.min(axis=0) + 1e-7
        np.testing.assert_allclose(agreement.payments[above], -money)
        assert agreement.total_gain == pytest.approx(game.likely @ lies)
