"""Economies drawn from laws: what is drawn lies where the law says, the same from the same seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.economies.random_economies import (
    Allotment,
    EconomyLaw,
    ValuationLaw,
    allotted,
    largest_remainders,
    replica,
)
from marketgame.mechanisms.economies.valuations import FAMILIES, Linear, Logarithmic, Quadratic, Steps

QUADRATIC = ValuationLaw(Quadratic, {"intercept": (14.0, 17.0), "slope": (0.4, 0.7)})
LOGARITHMIC = ValuationLaw(Logarithmic, {"weight": (3.0, 6.0), "shift": (0.5, 1.5)})
LAW = EconomyLaw((QUADRATIC,), (3, 6), (1, 3), (1, 3), (0.5, 3.0), (50.0, 60.0), (0.4, 1.0), 3.0)


def numbers(law: EconomyLaw, seed: int) -> list[bytes]:
    """Return everything that is drawn, bit by bit."""
    economy = law.economy("drawn", np.random.default_rng(seed))
    arrays = [economy.prior.marginal(player) for player in range(len(economy.players))]
    for player in economy.players:
        for kind in player.types:
            arrays += [kind.endowment, *(getattr(kind.valuation, name) for name in kind.valuation.dimensions())]
    return [array.tobytes() for array in arrays]


@pytest.mark.parametrize("seed", range(8))
def test_everything_drawn_lies_within_its_bounds_and_comes_back_with_the_seed(seed: int) -> None:
    economy = LAW.economy("drawn", np.random.default_rng(seed))
    assert numbers(LAW, seed) == numbers(LAW, seed) != numbers(LAW, seed + 1)
    assert 3 <= len(economy.players) <= 6
    assert 2 <= len(economy.goods) == len(economy.units) <= 4
    for number, player in enumerate(economy.players):
        assert 1 <= len(player.types) <= 3
        assert economy.prior.marginal(number).sum() == pytest.approx(1)
        for kind in player.types:
            assert 50 <= kind.endowment[-1] <= 60
            assert kind.endowment[-1] == player.types[0].endowment[-1]
            assert ((kind.endowment[:-1] >= 0.2) & (kind.endowment[:-1] <= 3)).all()
            assert isinstance(kind.valuation, Quadratic)
            assert ((kind.valuation.intercept >= 14) & (kind.valuation.intercept <= 17)).all()
            assert (np.diagonal(kind.valuation.slope) >= 0.4).all()


RANGES = {
    "quadratic": {"slope": (0.4, 0.7)},
    "power": {"gamma": (0.5, 0.9)},
    "abatement": {"b": (0.1, 0.2)},
    "ces": {"rho": (0.2, 0.4), "degree": (0.5, 0.9)},
}


@pytest.mark.parametrize("family", sorted(name for name, kind in FAMILIES.members.items() if not kind.blocks()))
def test_every_family_can_be_drawn(family: str) -> None:
    kind = FAMILIES.members[family]
    ranges = dict.fromkeys(kind.dimensions(), (1.0, 2.0)) | RANGES.get(family, {})
    law = EconomyLaw((ValuationLaw(kind, ranges),), goods=(2, 2))
    assert len(law.economy("drawn", np.random.default_rng(0)).players) == 3


def test_blocks_are_drawn_by_no_law() -> None:
    with pytest.raises(ValueError, match="the goods of Steps come in blocks, which no law draws"):
        ValuationLaw(Steps, {"worth": (1.0, 2.0), "quantity": (1.0, 2.0)})


def test_a_faint_good_is_of_a_tenth_of_the_use() -> None:
    law = ValuationLaw(Linear, {"marginal_value": (1.0, 2.0)}, faint=0.5)
    drawn = law.draw(2000, np.random.default_rng(0))
    assert isinstance(drawn, Linear)
    faint = drawn.marginal_value < 0.5
    assert ((drawn.marginal_value[faint] >= 0.1) & (drawn.marginal_value[faint] <= 0.2)).all()
    # Of 2000 draws with probability one half, eight standard deviations are 179.
    assert abs(faint.sum() - 1000) < 179


@settings(max_examples=20)
@given(
    shares=st.lists(st.integers(0, 10), min_size=1, max_size=5).map(lambda parts: [part / 50 for part in parts]),
    players=st.integers(0, 200),
)
def test_largest_remainders_give_each_its_quota_up_to_one_player(shares: list[float], players: int) -> None:
    counts = largest_remainders(shares, players)
    rest = players - sum(counts)
    for count, share in zip([*counts, rest], [*shares, 1 - sum(shares)], strict=True):
        assert np.floor(share * players - 1e-6) <= count <= np.ceil(share * players + 1e-6)
    groups = allotted(shares, players, Allotment.FIXED, np.random.default_rng(0))
    assert [int((groups == group).sum()) for group in range(len(shares))] == counts


def test_remainders_are_hamilton_s() -> None:
    # Quotas 2.8, 2.8, 1.4: two whole parts of 2 and one of 1 leave two seats for the two largest remainders.
    assert largest_remainders([0.4, 0.4, 0.2], 7) == [3, 3, 1]
    assert largest_remainders([0.29, 0.71], 100) == [29, 71]
    # Quotas 1.5 and, of nobody, 1.5: the first of equals is one more.
    assert largest_remainders([0.5], 3) == [2]


def test_drawn_shares_are_probabilities_of_each_player() -> None:
    groups = allotted([0.2, 0.5], 4000, Allotment.DRAWN, np.random.default_rng(1))
    for group, share in ((0, 0.2), (1, 0.5), (-1, 0.3)):
        # Eight standard deviations of a share of 4000 are less than 0.064.
        assert abs((groups == group).mean() - share) < 0.064
    larger = allotted([0.3, 0.5], 4000, Allotment.DRAWN, np.random.default_rng(1))
    assert (larger[groups == 0] == 0).all()


def test_shares_of_families_are_shares_of_players() -> None:
    shares = (replace(LOGARITHMIC, portion=0.7), QUADRATIC)
    law = EconomyLaw(shares, players=(10, 10), types=(2, 2))
    players = law.economy("drawn", np.random.default_rng(0)).players
    families = [{type(kind.valuation) for kind in player.types} for player in players]
    assert families.count({Logarithmic}) == 7
    assert families.count({Quadratic}) == 3


def test_copies_of_what_is_drawn_are_its_replica() -> None:
    once, thrice = (replace(LAW, copies=copies).economy("drawn", np.random.default_rng(4)) for copies in (1, 3))
    wanted = replica(once, 3)
    assert thrice.player_names == wanted.player_names
    for number, (one, other) in enumerate(zip(thrice.players, wanted.players, strict=True)):
        np.testing.assert_array_equal(thrice.prior.marginal(number), wanted.prior.marginal(number))
        for mine, theirs in zip(one.types, other.types, strict=True):
            np.testing.assert_array_equal(mine.endowment, theirs.endowment)
            held = mine.endowment[:-1]
            np.testing.assert_array_equal(mine.valuation.gradient(held), theirs.valuation.gradient(held))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"valuations": ()}, "valuations are none"),
        ({"players": (5, 3)}, "players is from 5 to 3; the least must come first"),
        ({"copies": 0}, "copies is 0; it must be at least 1"),
        ({"valuations": (replace(LOGARITHMIC, portion=0.7), replace(QUADRATIC, portion=0.7))}, "more than 1 in sum"),
    ],
)
def test_laws_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(LAW, **changes)
    with pytest.raises(ValueError, match="intercept is from 2"):
        replace(QUADRATIC, ranges={"intercept": (2.0, 1.0), "slope": (1.0, 1.0)})
    with pytest.raises(ValueError, match="ranges are for"):
        replace(QUADRATIC, ranges={"intercept": (1.0, 2.0)})
