"""Each assumption of the paper is named when, and only when, it fails."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.mechanisms.economies.assumptions import Assumption, check_assumptions
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Abatement, Linear, Quadratic
from tests.mechanisms.strategies import economy_of, line, one_type

ENOUGH = "at least three players and two goods"
CONCAVE = "every valuation is strictly concave up to the aggregate endowment"
DESIRABLE = "every marginal value is positive up to the aggregate endowment"
ENDOWED = "every endowment holds something"
CONSTANT = "the aggregate endowment does not depend on types"
POSSIBLE = "every type profile has positive probability"
INDEPENDENT = "types are independent"


def failing(economy: Economy) -> dict[str, str]:
    return {assumption.name: assumption.reason for assumption in check_assumptions(economy) if not assumption.holds}


def two_types(name: str, endowments: tuple[list[float], list[float]] = ([1.0, 9.0], [1.0, 9.0])) -> Player:
    kinds = zip(("low", "high"), endowments, (line(5.0), line(6.0)), strict=True)
    return Player(name, tuple(PlayerType(kind, np.array(owned), valuation) for kind, owned, valuation in kinds))


def test_an_economy_of_the_paper_meets_them_all() -> None:
    economy = economy_of([two_types("ann"), two_types("bob"), two_types("cleo")])
    assert failing(economy) == {}
    assert all(isinstance(a, Assumption) and a.source and not a.reason for a in check_assumptions(economy))


def test_two_players_are_too_few() -> None:
    assert failing(economy_of([two_types("ann"), two_types("bob")])) == {ENOUGH: "there are 2 players"}


def test_linear_valuations_are_not_strictly_concave() -> None:
    flat = one_type("flat", [1.0, 9.0], Linear(np.array([3.0])))
    assert failing(economy_of([two_types("ann"), two_types("bob"), flat])) == {CONCAVE: "not for flat/only"}


@pytest.mark.parametrize(("intercept", "meets"), [(2.9, False), (3.1, True)])
def test_a_good_must_be_worth_having_up_to_all_there_is(intercept: float, *, meets: bool) -> None:
    satiable = one_type("ann", [1.0, 9.0], line(intercept))  # the aggregate endowment is 3
    found = failing(economy_of([satiable, two_types("bob"), two_types("cleo")]))
    assert found == ({} if meets else {DESIRABLE: "not for ann/only"})


def test_substitutes_lower_the_marginal_value_and_complements_do_not() -> None:
    def economy(cross: float) -> Economy:
        valuation = Quadratic(np.array([4.0, 4.0]), np.array([[1.0, cross], [cross, 1.0]]))
        return economy_of([one_type(name, [1.0, 1.0, 9.0], valuation) for name in ("ann", "bob", "cleo")])

    assert failing(economy(-0.9)) == {}
    assert set(failing(economy(0.9))) == {DESIRABLE}  # 4 - 3 - 0.9 * 3 < 0


def test_permits_beyond_the_reference_are_worthless() -> None:
    polluter = one_type("coal", [1.0, 9.0], Abatement(np.ones(1), np.ones(1), np.array([2.0])))
    assert set(failing(economy_of([polluter, two_types("bob"), two_types("cleo")]))) == {CONCAVE, DESIRABLE}


def test_everybody_must_own_something() -> None:
    pauper = one_type("pauper", [0.0, 0.0], line(9.0))
    found = failing(economy_of([pauper, two_types("bob"), two_types("cleo")]))
    assert found == {ENDOWED: "not for pauper/only"}


def test_endowments_that_depend_on_types_are_named() -> None:
    hoarder = two_types("hoarder", ([1.0, 9.0], [2.0, 9.0]))
    found = failing(economy_of([hoarder, two_types("bob"), two_types("cleo")]))
    assert found == {CONSTANT: "the endowment of hoarder depends on its type"}


def test_a_constant_aggregate_with_endowments_that_depend_on_types_excludes_profiles() -> None:
    """Who owns what may be private while the sum is not, but then some profiles are impossible."""
    ann = two_types("ann", ([1.0, 9.0], [2.0, 9.0]))
    bob = two_types("bob", ([2.0, 9.0], [1.0, 9.0]))
    economy = economy_of([ann, bob, one_type("cleo", [1.0, 9.0], line(7.0))])
    assert set(failing(economy)) == {CONSTANT, DESIRABLE}  # at most 5 units, of which ann and bob want at most 5 and 6
    opposed = CorrelatedPrior(np.array([[[0.5], [0.0]], [[0.0], [0.5]]]))
    found = failing(economy_of(list(economy.players), opposed))
    assert set(found) == {POSSIBLE, INDEPENDENT}
    aligned = CorrelatedPrior(np.array([[[0.4], [0.2]], [[0.4], [0.0]]]))
    assert failing(economy_of(list(economy.players), aligned))[CONSTANT] == (
        "the aggregate endowment of good 0 depends on the profile"
    )


def test_correlated_types_are_named() -> None:
    prior = CorrelatedPrior(np.array([[[0.3], [0.2]], [[0.2], [0.3]]]))
    players = [two_types("ann"), two_types("bob"), one_type("cleo", [1.0, 9.0], line(7.0))]
    assert failing(economy_of(players, prior)) == {INDEPENDENT: "the joint prior is correlated"}
