"""What the page on baselines says of all shipped economies is found again, by playing and examining anew."""

from __future__ import annotations

import pytest

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.baselines import rows_of
from marketgame.experiments.studies.carbon import ECONOMIES

# Learners among farmers whose types are correlated drift to lies that cost them nothing: see the page.
DRIFTING = {"three-farmers-correlated"}
NAMES = sorted(file.stem for file in ECONOMIES.glob("*.toml"))


@pytest.mark.parametrize("name", NAMES)
def test_learners_reach_the_first_best_where_deposits_bind_and_nowhere_else_more_of_it(name: str) -> None:
    rows = {str(row["institution"]): row for row in rows_of(name, load_economy(ECONOMIES / f"{name}.toml"))}
    bound = next(row for institution, row in rows.items() if institution.startswith("repaired, matched, escrow"))
    assert bound["obeyed"] == "100.00%"
    assert bound["careless"] == "sampled"
    if bound["learned"] and name not in DRIFTING:
        assert float(str(bound["learned"]).rstrip("%")) >= 99.0
    for institution, row in rows.items():
        if row["learned"] and institution.startswith(("call market", "trading posts")) and name not in DRIFTING:
            assert float(str(row["learned"]).rstrip("%")) <= float(str(bound["learned"]).rstrip("%")) + 0.01
