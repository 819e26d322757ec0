"""What an institution must answer to be a line of the table.

The institutions of the papers are `marketgame.experiments.stress.market_institution.MarketInstitution`; those to
compare with are listed in `marketgame.experiments.stress.comparisons`. An institution travels to other processes, so
it must be picklable, and what it answers must follow from its arguments alone: the same on any number of workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from marketgame.experiments.stress.question import Inquiry, Question
from marketgame.experiments.stress.ruling import Answered, Ruling
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.simulation.scenario.market_scenario import MarketScenario

type Known = Mapping[Question, Ruling]
"""What cheaper inquiries have answered about the same institution."""


class Institution(Protocol):
    """An institution that is put to the test."""

    @property
    def name(self) -> str:
        """What it is called in tables and files, different from every other's."""

    @property
    def described(self) -> Mapping[str, str]:
        """Its rules by name, each with its value: what the document calls ``rules``."""

    @property
    def transfers(self) -> str:
        """Which transfers it makes; "none" if it makes none."""

    def can_be_asked(self, inquiry: Inquiry, scenario: MarketScenario) -> bool:
        """Say whether an inquiry makes sense of it on the scenario's economy, whatever time there is."""

    def answer(self, inquiry: Inquiry, scenario: MarketScenario, known: Known, deadline: Deadline) -> Answered:
        """Return what an inquiry answers.

        A "no" must carry evidence unless it is played, and a "yes" always. What was found
        by the deadline counts; a ruling that more time might change is marked as cut.

        Args:
            inquiry: one that can be asked.
            scenario: whose economy, traders and behaviours count; its rules and contract are another institution's.
            known: what cheaper inquiries have answered; a "no" there may settle the question.
            deadline: of all searches and solver calls.

        Raises:
            DeadlinePassedError: it passed before anything was known; then the question counts as not asked.
            ValueError: the economy does not admit the institution, with the reason in one line.
        """
