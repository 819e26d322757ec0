"""Thirty different players of two types: coalitions of liars are answered within seconds, with a witness and a bound.

A dozen are among the tests; these take some seconds of processor time.
"""

from __future__ import annotations

import time

from marketgame.mechanisms.contracts.joint_lie_search import search_joint_misreports
from marketgame.mechanisms.contracts.sampled import sampled
from tests.mechanisms.private_value_economies import random_economy, random_independent_prior


def test_thirty_players_of_two_types_are_answered_within_seconds() -> None:
    economy = random_economy(1, random_independent_prior(1, (2,) * 30), money=20_000.0)
    sample = sampled(economy)
    started = time.process_time()
    found = search_joint_misreports(economy, sample.externalities, sample.tables.stakes)
    assert time.process_time() - started < 20
    assert found is not None
    assert found.worst is not None
    assert found.bound is not None
    assert not found.complete
    assert 10 * found.standard_error < found.worst.gain < found.bound < 2 * found.worst.gain
