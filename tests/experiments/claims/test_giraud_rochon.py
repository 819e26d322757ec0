"""The evidence about Giraud and Rochon's statements, on few economies; docs/tables/claims.csv has many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marketgame.experiments import HOME
from marketgame.experiments.claims.claim import Claim, Effort
from marketgame.experiments.claims.giraud_rochon import CLAIMS
from marketgame.experiments.claims.giraud_rochon.market import best_short_sale, transfers_with_the_draw
from marketgame.experiments.claims.giraud_rochon.revelation import nudged, one_price_supports_all
from marketgame.experiments.files.economy_file import load_economy
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.deviations.bounds import least_bound
from marketgame.mechanisms.deviations.situation import situation_of
from marketgame.mechanisms.economies.efficiency import efficient_allocation

FEW = Effort(economies=4, seed=7)


# Several claims rest on the same evidence.
DISTINCT = {each.check: each for each in CLAIMS}.values()


@pytest.mark.parametrize("claim", DISTINCT, ids=lambda claim: claim.key)
def test_every_verdict_is_found_anew(claim: Claim) -> None:
    finding = claim.check(FEW)
    assert finding.agrees, finding.found
    assert all(0 <= each.count <= each.among for each in finding.frequencies)


def test_one_price_supports_all_profiles_of_all_neighbours_of_a_corner() -> None:
    corner = load_economy(HOME / "economies" / "grain-for-one.toml")
    generator = np.random.default_rng(3)
    for _ in range(5):
        near = nudged(corner, generator)
        assert one_price_supports_all(near)
        efficient = efficient_allocation(near)
        supply = sum(player.types[0].endowment[0] for player in near.players)
        assert efficient.bundles[:, 2, 0] == pytest.approx(supply)


def test_transfers_that_go_with_the_draw_sacrifice_who_has_nothing_to_sell() -> None:
    finding = transfers_with_the_draw(Effort(economies=40, seed=11))
    assert finding.agrees, finding.found


def test_one_of_three_traders_breaks_the_contract_with_three_euro_and_not_with_two() -> None:
    economy = load_economy(HOME / "economies" / "three-thirsty-traders.toml")
    for money, broken in ((3.0, True), (2.0, False)):
        players = tuple(
            replace(who, types=(replace(who.types[0], endowment=np.array([1.0, money])),)) for who in economy.players
        )
        contract = grand_contract(replace(economy, players=players))
        situation = situation_of(contract, 0, (0,))
        assert (best_short_sale(contract) > 0) == broken
        assert (least_bound(situation).total_gain > 1e-9) == broken
