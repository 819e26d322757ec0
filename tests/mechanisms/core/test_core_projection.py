"""The core in the plane of two payoffs: published vertices, and nothing of the core outside."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import interim_utilities
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.outcome import EmptyCore
from marketgame.mechanisms.core.projection import CoreProjection, PayoffAxis, core_projection
from marketgame.mechanisms.core.search import find_core_allocation
from marketgame.mechanisms.core.variant import CoreEffort, CoreVariant, SeverancePay
from tests.mechanisms.myerson_examples import bilateral_trade

NAMES = (("H", "L"), ("only",))
EXAMPLE_1 = bilateral_trade([5.0, 1.0], [[6.0], [2.0]], [0.5, 0.5], [1.0], names=NAMES)
EXAMPLE_2 = bilateral_trade([3.0, 2.0], [[7.0], [0.0]], [0.5, 0.5], [1.0], names=NAMES)
GOOD, BAD = PayoffAxis(0, 0), PayoffAxis(0, 1)
NO_SEVERANCE = CoreVariant(severance=SeverancePay.NONE)


def found(game: CoalitionalGame, axes: tuple[PayoffAxis, PayoffAxis], variant: CoreVariant) -> CoreProjection:
    hull = core_projection(game, axes, variant)
    assert isinstance(hull, CoreProjection)
    assert hull.exact
    return hull


@pytest.mark.parametrize("variant", [NO_SEVERANCE, CoreVariant()])
def test_the_core_of_example_1_has_the_three_published_vertices(variant: CoreVariant) -> None:
    hull = found(EXAMPLE_1, (BAD, GOOD), variant)
    np.testing.assert_allclose(hull.vertices, [[0.0, 0.0], [1.0, 0.2], [0.5, 0.5]], atol=1e-7)


def test_the_buyer_s_payoff_in_example_1_follows_the_published_vertices() -> None:
    # The buyer expects (omega_L + omega_H) / 2: 0.5, 0 and 0 at the three vertices.
    hull = found(EXAMPLE_1, (BAD, PayoffAxis(1, 0)), NO_SEVERANCE)
    np.testing.assert_allclose(hull.vertices, [[0.0, 0.5], [0.5, 0.0], [1.0, 0.0]], atol=1e-7)


def test_the_core_of_example_2_pools_at_prices_from_3_to_3_and_a_half() -> None:
    hull = found(EXAMPLE_2, (BAD, GOOD), CoreVariant())
    np.testing.assert_allclose(hull.vertices, [[1.0, 0.0], [1.5, 0.5]], atol=1e-7)


def test_an_empty_core_has_no_projection() -> None:
    assert isinstance(core_projection(EXAMPLE_2, (BAD, GOOD), NO_SEVERANCE), EmptyCore)


@pytest.mark.parametrize("seed", range(3))
def test_no_core_allocation_lies_outside(seed: int) -> None:
    hull = found(EXAMPLE_1, (BAD, GOOD), CoreVariant()).vertices
    allocation = find_core_allocation(EXAMPLE_1, CoreVariant(), CoreEffort(seed=seed))
    assert isinstance(allocation, CoreAllocation)
    utility = interim_utilities(EXAMPLE_1, allocation.mechanism)[0]
    point = np.array([utility[1], utility[0]])
    for first, second in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        edge, there = second - first, point - first
        assert edge[0] * there[1] - edge[1] * there[0] >= -1e-7


def test_with_complete_information_it_is_the_ordinary_core() -> None:
    # Two players share 1 together and get 0.2 and 0.3 alone: the core is the segment from (0.2, 0.8) to (0.7, 0.3).
    alone = [ActionSet(("alone",), np.array([[[value]]])) for value in (0.2, 0.3)]
    together = ActionSet(("share",), np.array([[[0.5], [0.5]]]))
    game = CoalitionalGame(
        ("ann", "bob"),
        (("only",), ("only",)),
        (np.ones(1), np.ones(1)),
        {(0,): alone[0], (1,): alone[1], (0, 1): together},
    )
    hull = found(game, (PayoffAxis(0, 0), PayoffAxis(1, 0)), CoreVariant())
    np.testing.assert_allclose(hull.vertices, [[0.2, 0.8], [0.7, 0.3]], atol=1e-7)


@pytest.mark.parametrize("axis", [PayoffAxis(2, 0), PayoffAxis(1, 1), PayoffAxis(0, -1)])
def test_a_payoff_that_is_not_there_is_refused(axis: PayoffAxis) -> None:
    with pytest.raises(ValueError, match="is no payoff of a game"):
        core_projection(EXAMPLE_1, (GOOD, axis))
