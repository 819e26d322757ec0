"""What has been worked out once is kept while there is room, and worked out anew, the same, when there was none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from marketgame.agents.memory import Memory

SIZES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), max_size=60)


@given(SIZES, st.integers(0, 60))
def test_answers_are_those_worked_out_and_never_take_more_room_than_there_is_but_for_the_latest(
    questions: list[tuple[int, int]], room: int
) -> None:
    memory = Memory[tuple[int, int], tuple[int, int]](room, lambda key, _: key[1])
    worked_out = []
    for key in questions:
        assert memory.answer(key, lambda key=key: worked_out.append(key) or (key[0], -key[1])) == (key[0], -key[1])
        held = [each[0] for each in memory._answers.values()]
        assert held[-1] == (key[0], -key[1])
        assert len(held) == 1 or sum(-size for _, size in held) <= room


@given(SIZES)
def test_with_room_enough_everything_is_worked_out_once(questions: list[tuple[int, int]]) -> None:
    memory = Memory[tuple[int, int], int](10_000, lambda key, _: key[1])
    worked_out: list[tuple[int, int]] = []
    for key in questions:
        memory.answer(key, lambda key=key: len(worked_out.append(key) or worked_out))
    assert len(worked_out) == len(set(questions)) == len(memory)
