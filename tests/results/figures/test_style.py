"""Numbers, scales and colours serve every reader."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.results.figures.network import StrengthScale
from marketgame.results.figures.ring import largest_ring
from marketgame.results.figures.style import ORANGE, SERIES, SKY, VERMILION, round_number_below, short_number


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


# Machado, Oliveira and Fernandes (2009), complete deficiency, on linear RGB.
DEFICIENCIES = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
    "none": np.eye(3),
}


def lab(linear: np.ndarray) -> np.ndarray:
    """Return CIELAB coordinates of linear sRGB."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    relative = np.asarray(to_xyz) @ linear / [0.9505, 1.0, 1.089]
    root = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_are_told_apart_by_readers_with_any_colour_deficiency(deficiency: str) -> None:
    def seen(colour: str) -> np.ndarray:
        encoded = np.array(mpl.colors.to_rgb(colour))
        linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
        return lab(np.clip(DEFICIENCIES[deficiency] @ linear, 0, 1))

    for colours in ((SKY, ORANGE, VERMILION), SERIES):
        views = [seen(colour) for colour in colours]
        distances = [np.linalg.norm(a - b) for i, a in enumerate(views) for b in views[:i]]
        assert min(distances) > 10
