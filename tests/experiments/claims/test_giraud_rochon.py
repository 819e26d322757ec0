"""The evidence about Giraud and Rochon's statements, on few economies; docs/tables/claims.csv has many."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.experiments import HOME
from marketgame.experiments.claims.claim import Claim, Effort
from marketgame.experiments.claims.giraud_rochon import CLAIMS
from marketgame.experiments.claims.giraud_rochon.revelation import nudged, one_price_supports_all
from marketgame.experiments.files.economy_file import load_economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation

FEW = Effort(economies=4, seed=7)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.key)
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
