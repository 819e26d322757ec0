"""What has been worked out once is kept while there is room, and worked out anew, the same, when there was none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from marketgame.agents.memory import Memory

type Question = tuple[int, int]

QUESTIONS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), max_size=60)


class Counting:
    """A memory of questions' own sizes, and what was worked out for it."""

    def __init__(self, room: int) -> None:
        self.memory = Memory[Question, int](room, lambda question, _: question[1])
        self.worked_out: list[Question] = []

    def ask(self, question: Question) -> int:
        """Return ten times the first number of a question, worked out or remembered."""
        return self.memory.answer(question, lambda: self._work_out(question))

    def _work_out(self, question: Question) -> int:
        self.worked_out.append(question)
        return 10 * question[0]


@given(QUESTIONS, st.integers(0, 60))
def test_answers_are_right_and_the_latest_that_fit_are_remembered(questions: list[Question], room: int) -> None:
    counting, latest = Counting(room), list[Question]()
    for question in questions:
        known = question in latest
        before = len(counting.worked_out)
        assert counting.ask(question) == 10 * question[0]
        assert len(counting.worked_out) == before + (not known)
        latest = [*(each for each in latest if each != question), question]
        while not known and len(latest) > 1 and sum(size for _, size in latest) > room:
            latest.pop(0)
        assert len(counting.memory) == len(latest)


@given(QUESTIONS)
def test_with_room_enough_everything_is_worked_out_once(questions: list[Question]) -> None:
    counting = Counting(10_000)
    for question in questions:
        counting.ask(question)
    assert sorted(counting.worked_out) == sorted(set(questions))
