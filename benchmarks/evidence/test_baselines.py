"""What the page on baselines says of all shipped economies is found again, by playing and examining anew."""

from __future__ import annotations

import pytest

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.baselines import rows_of
from marketgame.experiments.studies.carbon import ECONOMIES

# One of ten types each learns slowly: see the page.
SLOW = {"two-sided-trade"}
NAMES = sorted(file.stem for file in ECONOMIES.glob("*.toml"))


@pytest.mark.parametrize("name", NAMES)
def test_learners_reach_the_first_best_where_deposits_bind_and_nowhere_else_more_of_it(name: str) -> None:
    economy = load_economy(ECONOMIES / f"{name}.toml")
    rows = {str(row["institution"]): row for row in rows_of(name, economy)}
    bound = next((row for one, row in rows.items() if one.startswith("repaired, matched, escrow")), None)
    if bound is None or not bound["obeyed"]:
        return  # Nobody gains by trade, or no transfers make truth best.
    # Where types are correlated some lies cost nothing, and learners drift to them.
    exact = economy.prior.independent and name not in SLOW
    assert bound["obeyed"] == "100.00%"
    assert bound["careless"] == "sampled"
    if bound["learned"] and exact:
        assert float(str(bound["learned"]).rstrip("%")) >= 99.0
    for institution, row in rows.items():
        if row["learned"] and institution.startswith(("call market", "trading posts")):
            assert float(str(row["learned"]).rstrip("%")) <= float(str(bound["learned"]).rstrip("%")) + 0.01
