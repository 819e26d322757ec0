"""Joint lies of coalitions too large to be listed: a witness from below, a bound from above, never a proof by draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marketgame.mechanisms.contracts import joint_misreports
from marketgame.mechanisms.contracts.coalition_proof import coalition_proof_transfers
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.joint_lie_bound import largest_joint_gain
from marketgame.mechanisms.contracts.joint_lie_search import search_joint_misreports
from marketgame.mechanisms.contracts.joint_misreports import best_joint_misreport, check_joint_misreports
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.contracts.transfers import balanced_externalities, expected_externality_transfers
from marketgame.mechanisms.economies.beliefs import FactorPrior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from tests.mechanisms.private_value_economies import (
    random_correlated_prior,
    random_economy,
    random_independent_prior,
)
from tests.mechanisms.replicated_economies import copied

COUNTS = (2, 2, 3, 2, 2)


def an_economy(seed: int, counts: tuple[int, ...] = COUNTS, goods: int = 1) -> Economy:
    prior = random_independent_prior(seed, counts)
    return random_economy(seed, prior, goods=goods, money=20_000.0, type_dependent=seed % 2 == 0)


def usual(economy: Economy) -> GrandContract:
    return grand_contract(economy, expected_externality_transfers(economy, efficient_allocation(economy)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("paying", [True, False], ids=["externalities", "prices"])
def test_the_lie_found_gains_what_enumeration_says_of_it_and_the_bound_is_above_every_lie(
    seed: int, paying: bool
) -> None:
    economy = an_economy(seed)
    contract = usual(economy) if paying else grand_contract(economy)
    externalities = sampled(economy).externalities if paying else None
    found = search_joint_misreports(economy, externalities, contract.stakes)
    exact = check_joint_misreports(contract)
    assert found is not None
    assert found.worst is not None
    assert exact.worst is not None
    members = [economy.player_names.index(name) for name in found.worst.coalition]
    same = joint_misreports.joint_misreport_gains(contract, members).gains
    names = [[kind.name for kind in economy.players[member].types] for member in members]
    told, said = (
        np.ravel_multi_index([own.index(name) for own, name in zip(names, kinds, strict=True)], [len(n) for n in names])
        for kinds in (found.worst.true_types, found.worst.reported_types)
    )
    assert abs(found.worst.gain - same[told, said]) <= 4 * found.standard_error + 1e-9
    assert found.worst.gain <= exact.worst.gain + 4 * found.standard_error
    if exact.worst.gain > 0:
        # Here it finds what enumeration finds.
        best = best_joint_misreport(contract, members)
        assert best is not None
        assert best.gain == pytest.approx(exact.worst.gain, abs=1e-9)
        assert not found.truthful
    assert not found.complete
    assert found.bound is not None
    assert found.bound >= exact.worst.gain


@pytest.mark.parametrize("seed", range(9))
def test_no_joint_lie_gains_more_than_the_bound(seed: int) -> None:
    economy = an_economy(seed, ((2, 2, 2), (3, 2, 2), (2, 2, 2, 2))[seed % 3])
    for contract, externalities in (
        (usual(economy), sampled(economy).externalities),
        (grand_contract(economy), None),
    ):
        worst = check_joint_misreports(contract).worst
        bound = largest_joint_gain(economy, externalities)
        assert worst is not None
        assert bound is not None
        assert worst.gain <= bound


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_holds_for_any_externalities_and_where_goods_are_worth_nothing_at_the_margin(seed: int) -> None:
    """Transfers of the same form with other numbers make lies pay more; supply beyond satiation has a price of zero."""
    economy = an_economy(seed, (2, 2, 2))
    if seed % 2:
        economy = plentiful(economy)
    externalities = sampled(economy).externalities
    generator = np.random.default_rng(seed)
    externalities = externalities + generator.uniform(-40, 40, len(externalities))
    transfers = balanced_externalities(economy, externalities, economy.profiles)
    worst = check_joint_misreports(grand_contract(economy, transfers)).worst
    bound = largest_joint_gain(economy, externalities)
    assert worst is not None
    assert bound is not None
    assert 0 < worst.gain <= bound


def plentiful(economy: Economy) -> Economy:
    """Return an economy in which everybody owns more of the good than all together care for."""
    endow = np.array([1000.0, 0.0])
    players = (
        replace(player, types=tuple(replace(kind, endowment=kind.endowment + endow) for kind in player.types))
        for player in economy.players
    )
    return replace(economy, players=tuple(players))


def test_replicas_are_counted_and_their_lies_found_as_by_enumeration() -> None:
    economy = copied(an_economy(1, (2, 2, 2)), 2)
    contract = grand_contract(economy)
    found, exact = search_joint_misreports(economy, None, contract.stakes), check_joint_misreports(contract)
    assert found is not None
    assert not found.truthful
    assert found.worst is not None
    assert exact.worst is not None
    assert abs(found.worst.gain - exact.worst.gain) <= 4 * found.standard_error + 1e-9
    assert found.bound is not None
    assert exact.worst.gain <= found.bound


@pytest.mark.parametrize("seed", range(2))
def test_where_a_factor_correlates_types_members_draw_outsiders_as_they_believe(seed: int) -> None:
    generator = np.random.default_rng(seed)
    chances = [np.stack([given, 1 - given], axis=1) for given in generator.uniform(0.05, 0.95, (5, 2))]
    prior = FactorPrior(np.array([0.4, 0.6]), chances)
    assert not prior.independent
    economy = random_economy(seed, prior, money=20_000.0)
    contract = grand_contract(economy)
    found, exact = search_joint_misreports(economy, None, contract.stakes), check_joint_misreports(contract)
    assert found is not None
    assert found.worst is not None
    assert exact.worst is not None
    assert found.bound is not None
    members = [economy.player_names.index(name) for name in found.worst.coalition]
    same = joint_misreports.joint_misreport_gains(contract, members).gains
    told, said = (
        np.ravel_multi_index(
            [
                [kind.name for kind in economy.players[member].types].index(name)
                for member, name in zip(members, kinds, strict=True)
            ],
            [2] * len(members),
        )
        for kinds in (found.worst.true_types, found.worst.reported_types)
    )
    assert abs(found.worst.gain - same[told, said]) <= 4 * found.standard_error + 1e-9 * contract.stakes.max()
    assert found.worst.gain >= 0.8 * exact.worst.gain
    assert exact.worst.gain <= found.bound
    # What outsiders are believed to be is what a list of all profiles says.
    given = prior.given((0, 3), (1, 0))
    told_so = (economy.profiles[:, 0] == 1) & (economy.profiles[:, 3] == 0)
    for other in (1, 2, 4):
        likely = economy.prior.probability * told_so
        expected = [likely[economy.profiles[:, other] == kind].sum() / likely.sum() for kind in range(2)]
        np.testing.assert_allclose(given.marginal(other), expected, rtol=1e-12)


def test_players_by_the_dozen_are_answered_with_a_witness_and_a_bound() -> None:
    economy = an_economy(1, (2,) * 12)
    sample = sampled(economy)
    found = search_joint_misreports(economy, sample.externalities, sample.tables.stakes)
    assert found is not None
    assert found.worst is not None
    assert found.bound is not None
    assert not found.truthful
    assert len(found.worst.coalition) > 2
    assert 10 * found.standard_error < found.worst.gain < found.bound < 2 * found.worst.gain


def test_several_goods_have_a_witness_and_no_bound_and_correlated_types_neither() -> None:
    economy = an_economy(2, (2, 2), goods=2)
    contract = usual(economy)
    found = search_joint_misreports(economy, sampled(economy).externalities, contract.stakes)
    assert found is not None
    assert found.bound is None
    correlated = random_economy(1, random_correlated_prior(1, (2, 2)))
    assert search_joint_misreports(correlated, None, contract.stakes) is None


def test_under_coalition_proof_transfers_a_theorem_answers_for_coalitions_that_are_not_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joint_misreports, "MOST_PAIRS", 60)
    economy = an_economy(3)
    efficient = efficient_allocation(economy)
    transfers = coalition_proof_transfers(economy, efficient)
    check = check_joint_misreports(grand_contract(economy, transfers))
    assert check.examined_size < check.players
    assert check.theorem
    assert check.complete
    assert check.truthful
    # Constants change nothing; anything else is no longer what the theorem is about.
    lump = transfers + np.array([3.0, -1.0, -2.0, 0.0, 0.0])
    assert check_joint_misreports(grand_contract(economy, lump)).theorem
    usual_check = check_joint_misreports(usual(economy))
    assert not usual_check.theorem
    assert not usual_check.complete
