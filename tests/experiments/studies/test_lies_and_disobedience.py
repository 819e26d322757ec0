"""No lie followed by any disobedience pays where flows are deposited, orders matched and transfers coalition-proof.

A small version of the study, which `make evidence` runs whole. That each of the three is needed shows that the search
finds what there is.
"""

from __future__ import annotations

import pandas as pd
import pytest

from marketgame.experiments.studies.lies_and_disobedience import (
    ROUNDING,
    TABLE,
    Institution,
    Searches,
    random_economy,
    searched,
)
from tests.documentation import PAGES

FEW = Searches(lies=2, draws=1, plays=200, population=4, generations=6, programs=False)
COMPLETE, PRIVATE = 0, 2


@pytest.mark.parametrize("number", [COMPLETE, PRIVATE])
def test_a_search_that_knows_no_theorem_finds_nothing_where_all_three_are_in_force(number: int) -> None:
    assert searched(number, Institution.SAFE, FEW).gain <= ROUNDING


@pytest.mark.parametrize("missing", [each for each in Institution if each is not Institution.SAFE])
def test_the_same_search_finds_a_gain_where_any_of_the_three_is_missing(missing: Institution) -> None:
    assert searched(PRIVATE, missing, FEW).gain > 1e-3


def test_the_saved_table_is_about_thirty_economies_of_every_sort_and_finds_gains_only_where_something_is_missing() -> (
    None
):
    table = pd.read_csv(PAGES / "tables" / TABLE)
    safe = table["institution"] == Institution.SAFE.value
    gains = table[["random", "evolution", "programs"]].max(axis=1)
    assert safe.sum() == table["economy"].nunique() == 30
    for sort in ("information", "corners", "endowments_vary", "goods", "players"):
        assert table.loc[safe, sort].nunique() == 2
    assert (gains[safe] <= ROUNDING).all()
    assert set(table.loc[gains > ROUNDING, "institution"]) == {
        each.value for each in Institution if each is not Institution.SAFE
    }
    players = [len(random_economy(number).players) for number in table.loc[safe, "economy"].tolist()]
    assert table.loc[safe, "players"].tolist() == players
