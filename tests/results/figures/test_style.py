"""Numbers, scales and colours serve every reader."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.results.figures.network import StrengthScale
from marketgame.results.figures.ring import largest_ring
from marketgame.results.figures.style import round_number_below, short_number


@settings(deadline=None, max_examples=100)
@given(st.floats(min_value=1e-30, max_value=1e30))
def test_short_numbers_are_right_to_three_digits(value: float) -> None:
    digits, _, power = short_number(value).replace(",", "").partition("×10")
    exponent = int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))) if power else 0
    assert float(digits) * 10.0**exponent == pytest.approx(value, rel=5.1e-3)
    assert len(short_number(value)) <= 10


@settings(deadline=None, max_examples=100)
@given(st.floats(min_value=1e-30, max_value=1e30))
def test_round_numbers_lie_below_by_less_than_a_factor(value: float) -> None:
    assert value / 2.5 * (1 - 1e-9) < round_number_below(value) <= value * (1 + 1e-9)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_the_ring_is_as_large_as_the_page_allows(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    angles = np.arange(count) * math.tau / count
    places = np.column_stack([np.sin(angles), np.cos(angles)])
    before, after = random.uniform(0, 60, (2, count, 2))
    page = random.uniform(200, 400, 2)
    ring = largest_ring(places, before, after, (page[0], page[1]))
    points = ring.centre + ring.radius * places
    room = np.concatenate([(points - before).min(axis=0), page - (points + after).max(axis=0)])
    assert room.min() >= -1e-9
    # Across or up and down, what is drawn fills the page; a larger ring would leave it.
    assert min(room[0] + room[2], room[1] + room[3]) == pytest.approx(0, abs=1e-9)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(min_value=1e-9, max_value=1e12), min_size=1, max_size=20))
def test_strength_grows_with_the_amount_and_stays_within_bounds(amounts: list[float]) -> None:
    scale = StrengthScale.over(amounts)
    strengths = [scale.strength(amount) for amount in sorted(amounts)]
    assert strengths == sorted(strengths)
    assert strengths[0] >= 0
    assert strengths[-1] == pytest.approx(1)
    assert all(sample <= max(amounts) * (1 + 1e-9) for sample in scale.samples())
