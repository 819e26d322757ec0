"""What the page on baselines says of all shipped economies is found again, by playing and examining anew."""

from __future__ import annotations

import pytest

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.baselines import rows_of
from marketgame.experiments.studies.carbon import ECONOMIES

# Which economies admit what: gains that there could be shares of, transfers under which truth is best for coalitions,
# and equilibria at trading posts that are known, which goods that bear on each other do not have.
NOTHING_TO_GAIN = {"grain-by-lot", "three-equal-traders", "three-thirsty-traders"}
NO_TRANSFERS = {"turning-tastes"}
NO_EQUILIBRIUM_KNOWN = {"turning-tastes", "two-goods-complements"}
NAMES = sorted(file.stem for file in ECONOMIES.glob("*.toml"))


@pytest.mark.parametrize("name", NAMES)
def test_learners_reach_the_first_best_where_deposits_bind_and_nowhere_else_more_of_it(name: str) -> None:
    economy = load_economy(ECONOMIES / f"{name}.toml")
    rows = {str(row["institution"]): row for row in rows_of(name, economy)}
    assert (not rows) == (name in NOTHING_TO_GAIN)
    if name in NOTHING_TO_GAIN:
        return
    (bound,) = (row for one, row in rows.items() if one.startswith("repaired, matched, escrow"))
    assert (not bound["obeyed"]) == (name in NO_TRANSFERS)
    for row in (rows["trading posts, equilibrium"], rows["trading posts, all offered"]):
        assert (not row["obeyed"]) == (name in NO_EQUILIBRIUM_KNOWN)
    assert rows["call market"]["obeyed"] == rows["trading posts, price takers"]["obeyed"] == "100.00%"
    if name in NO_TRANSFERS:
        assert not any(bound[column] for column in ("one_liar", "one_player", "careless", "learned"))
        return
    assert bound["obeyed"] == "100.00%"
    assert bound["careless"] == "sampled"
    assert float(str(bound["learned"]).rstrip("%")) >= 99.0
    for institution, row in rows.items():
        if row["learned"] and institution.startswith(("call market", "trading posts")):
            assert float(str(row["learned"]).rstrip("%")) <= float(str(bound["learned"]).rstrip("%")) + 0.01
