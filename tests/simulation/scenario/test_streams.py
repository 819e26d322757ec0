"""Random streams depend on seed and name, and on nothing else."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.stats import kstest

from marketgame.simulation.scenario.streams import first_uniforms, private_seed, random_stream, seed_words


def test_a_stream_begins_anew_whenever_it_is_opened() -> None:
    first = random_stream(7, "trader", "ann", 3).random(5)
    random_stream(7, "trader", "bob", 3).random(100)
    np.testing.assert_array_equal(first, random_stream(7, "trader", "ann", 3).random(5))


def test_streams_of_different_names_or_seeds_differ_and_look_independent() -> None:
    names = [("nature",), ("trader", "ann"), ("trader", "bob"), ("trader", "ann", 1), ("trader", "an", "n")]
    draws = [random_stream(seed, *name).random(2000) for seed in (0, 1) for name in names]
    for one, other in combinations(draws, 2):
        # Five standard errors of a correlation of independent draws.
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(2000)
    assert kstest(np.concatenate(draws), "uniform").pvalue > 1e-6


def test_private_seeds_differ_by_run_and_by_owner() -> None:
    seeds = {private_seed(seed, "trader", name) for seed in range(50) for name in ("ann", "bob")}
    assert len(seeds) == 100


def test_the_first_numbers_of_many_streams_are_those_that_each_of_them_draws_first() -> None:
    seeds = [private_seed(seed, "trader", name) for seed in range(40) for name in ("ann", "bob")]
    seeds += [0, 1, 5 << 32, 1 << 96, (1 << 128) - 1]
    words = seed_words(seeds)
    for name in ((0, "stance"), (10**9, "stance"), ("quote",)):
        drawn = [random_stream(seed, *name).random() for seed in seeds]
        assert first_uniforms(words, *name).tolist() == drawn
        assert first_uniforms(words[:84].reshape(2, 42, 4), *name).tolist() == [drawn[:42], drawn[42:84]]
