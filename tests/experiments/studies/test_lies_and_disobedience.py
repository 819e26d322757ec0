"""No lie followed by any disobedience pays where flows are deposited, orders matched and transfers coalition-proof.

A small version of the study, which `make evidence` runs whole. That each of the three is needed shows that the search
finds what there is.
"""

from __future__ import annotations

import pytest

from marketgame.experiments.studies.lies_and_disobedience import (
    ROUNDING,
    Institution,
    Searches,
    searched,
)

FEW = Searches(lies=2, draws=1, plays=200, population=4, generations=6, programs=False)
COMPLETE, PRIVATE = 0, 2


@pytest.mark.parametrize("number", [COMPLETE, PRIVATE])
def test_a_search_that_knows_no_theorem_finds_nothing_where_all_three_are_in_force(number: int) -> None:
    assert searched(number, Institution.SAFE, FEW).gain <= ROUNDING


@pytest.mark.parametrize("missing", [each for each in Institution if each is not Institution.SAFE])
def test_the_same_search_finds_a_gain_where_any_of_the_three_is_missing(missing: Institution) -> None:
    assert searched(PRIVATE, missing, FEW).gain > 1e-3
