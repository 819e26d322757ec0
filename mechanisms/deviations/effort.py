"""What a search is asked for, how hard it tries, and what it may conclude."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline


class Objective(StrEnum):
    """What makes one deviation better than another."""

    TOTAL = "total"
    """The sum of the members' gains: what a lottery over deviations can share among them."""
    LEAST = "least"
    """The smallest of the members' gains: positive when everybody gains without any lottery."""


class Verdict(StrEnum):
    """What has been established about something that profitable deviations would refute."""

    REFUTED = "refuted"
    """A profitable deviation was found."""
    PROVEN = "proven"
    """No deviation is profitable, by a bound over all of them."""
    NOT_REFUTED = "not-refuted"
    """None was found, and no bound excludes one."""
    SAMPLED = "sampled"
    """No deviation is profitable at the profiles that stand for all, by a bound that nothing certifies."""

    @property
    def answer(self) -> str:
        """Whether what was examined stands, in a word."""
        words = {Verdict.PROVEN: "yes", Verdict.REFUTED: "no", Verdict.NOT_REFUTED: "not refuted"}
        return words.get(self, self.value)


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """Return what several verdicts say of all they are about: as much as the worst of them."""
    found = set(verdicts)
    worst_first = (Verdict.REFUTED, Verdict.NOT_REFUTED, Verdict.SAMPLED)
    return next((one for one in worst_first if one in found), Verdict.PROVEN)


@dataclass(frozen=True)
class Effort:
    """How hard to search.

    Attributes:
        quote_vectors: for how many joint quotes the best orders are sought by program.
        local_rounds: how many of the rounds at the end vary the best quotes found so far.
        order_limit: how much may flow between a member and one player, in multiples of the whole supply's worth.
        tangents: how many tangents each separable valuation starts with.
        refinements: how often a program is solved again with the tangents at its last answer.
        gap: relative optimality gap at which a program stops.
        warm_starts: how many constructed deviations are settled before the first program; 0 for none.
        seconds: wall time after which no further quotes are tried, or none. A search cut short by time need not give
            the same answer twice.
        seconds_per_program: wall time after which a program is cut short; its bound remains valid.
        search_proven: whether to search although a bound already excludes every profitable deviation.
        deadline: of whatever the search is part of; after it no program is solved, and what was found by then counts.
        side_transfers: whether members may hand each other transfers. Where a lottery is drawn over joint actions they
            may not depend on the draw, and a lottery without any is often enough.
    """

    quote_vectors: int = 40
    local_rounds: int = 2
    order_limit: float = 10.0
    tangents: int = 8
    refinements: int = 5
    gap: float = 1e-6
    warm_starts: int = 200
    seconds: float | None = None
    seconds_per_program: float = 10.0
    search_proven: bool = False
    side_transfers: bool = True
    deadline: Deadline = NO_DEADLINE
