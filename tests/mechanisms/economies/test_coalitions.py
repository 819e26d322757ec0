"""Kinds of coalitions: one stands for all that equal players can turn it into, and none is forgotten."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from math import comb

from hypothesis import given
from hypothesis import strategies as st

from marketgame.mechanisms.economies.coalitions import Coalitions, kinds_of_coalitions

players_of_kinds = st.lists(st.integers(0, 3), min_size=1, max_size=7)


@given(players_of_kinds, st.data())
def test_one_coalition_of_each_kind_stands_for_all_of_its_kind(alike: list[int], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(alike)))
    expected = Counter(tuple(sorted(alike[one] for one in each)) for each in combinations(range(len(alike)), size))
    found = {tuple(sorted(alike[one] for one in each)): count for each, count in kinds_of_coalitions(alike, size)}
    assert found == expected


@given(st.integers(1, 7), st.data())
def test_players_of_different_kinds_are_combined_in_all_ways_in_order(players: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, players))
    assert [each for each, _ in kinds_of_coalitions(range(players), size)] == list(combinations(range(players), size))


def test_the_first_of_more_coalitions_than_anybody_can_list_come_at_once() -> None:
    different, alike = (kinds_of_coalitions(kinds, 500) for kinds in (range(1000), [0] * 1000))
    assert next(kinds_of_coalitions(range(1000), 2)) == ((0, 1), 1)
    assert next(different) == (tuple(range(500)), 1)
    assert next(alike)[1] == comb(1000, 500)
    assert list(kinds_of_coalitions(range(3000), 3000)) == [(tuple(range(3000)), 1)]
    assert Coalitions(1000, 1000).count == 2**1000 - 1


@given(st.integers(1, 5), st.data())
def test_a_list_of_coalitions_is_told_by_size_and_by_name(players: int, data: st.DataObject) -> None:
    every = list(Coalitions(players, players))
    assert len(every) == 2**players - 1
    listed = data.draw(st.lists(st.sampled_from(every), unique=True))
    told = Coalitions.of(players, listed)
    assert set(told) == set(listed)
    assert told.count == len(listed)
    assert told.complete == (len(listed) == len(every))
    assert {one for one in every if one in told} == set(listed)
