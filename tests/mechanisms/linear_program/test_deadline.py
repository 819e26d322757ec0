"""One deadline is handed down, and every step sees what is left of it."""

from __future__ import annotations

import math
import time

import pytest

from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError


def test_no_limit_never_passes() -> None:
    assert Deadline.after(None) is NO_DEADLINE
    assert math.isinf(NO_DEADLINE.left)
    assert not NO_DEADLINE.passed
    NO_DEADLINE.check()


def test_what_is_left_shrinks_and_never_falls_below_zero() -> None:
    deadline = Deadline.after(0.01)
    assert 0 < deadline.left <= 0.01
    time.sleep(0.011)
    assert deadline.left == 0
    assert deadline.passed
    with pytest.raises(DeadlinePassedError, match="time allowed was spent"):
        deadline.check()


def test_of_two_limits_the_sooner_holds() -> None:
    soon, late = Deadline.after(1), Deadline.after(1000)
    assert late.within(1).left <= 1
    assert soon.within(1000) is soon
    assert soon.within(None) is soon
    assert NO_DEADLINE.within(5).left <= 5


@pytest.mark.parametrize("seconds", [-1.0, math.nan])
def test_limits_that_are_no_time_are_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        Deadline.after(seconds)
