"""Whom an institution is to survive, and which questions are answered in one go, the cheapest first."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Question(StrEnum):
    """Against whom an institution is to stand: who lies, who deviates after the truth, who does both, who leaves.

    Attributes:
        asks: the question in a sentence, of which "yes" is the answer of an institution that survives.
    """

    asks: str

    ONE_LIAR = "one liar", "Is truth best for every player who then does what it is told?"
    LIARS = "liars together", "Is it best for every coalition that shares what it knows and owns, and then obeys?"
    ONE = "one player", "After the truth, does nobody gain alone by other quotes, orders and announcements?"
    CONSISTENT = "consistent coalitions", "Does no coalition gain by an agreement that no part of it would break?"
    ANY = "any coalition", "Does no coalition gain by any binding agreement on what to quote, order and announce?"
    DISOBEYS = "lie and disobey, alone", "Does nobody gain alone by a report, true or not, and any orders after it?"
    DISOBEY = "lie and disobey, together", "Does no coalition gain by reports, true or not, and any orders after them?"
    LEAVING = "coalitions that leave", "Does no coalition gain by leaving with what it owns, under a plan that blocks?"
    CARELESS = "careless traders", "Do those who obey keep what they were promised while others trade carelessly?"
    LEARNING = "learning traders", "Do traders who learn from what they earn reach what the institution promises?"

    def __new__(cls, value: str, asks: str) -> Self:
        """Return the question of that name, with its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.asks = asks
        return member


class Inquiry(StrEnum):
    """What is answered in one go. They stand in the order of their cost: all institutions are asked the first first.

    Attributes:
        questions: that it answers.
        how: in a sentence.
    """

    questions: tuple[Question, ...]
    how: str

    REPORTS = "reports", (Question.ONE_LIAR, Question.LIARS), "All lies, and all joint lies, are enumerated."
    WELFARE = "welfare", (), "What the first best, incentives and the play of those who obey allow is computed."
    ORDERS = "orders", (Question.ONE,), "What one player can gain is bounded; where room is left it is searched for."
    CARELESS = "carelessness", (Question.CARELESS,), "The market is played with careless traders among the obedient."
    LEAVING = "leaving", (Question.LEAVING,), "The most profitable blocking plan is found by a linear program."
    COALITIONS = (
        "coalitions",
        (Question.CONSISTENT, Question.ANY),
        "What coalitions can gain is bounded; where room is left side-contracts are constructed or searched for.",
    )
    REPLIES_ALONE = "replies alone", (Question.DISOBEYS,), "After each report of a player its best orders are bounded."
    REPLIES = "replies together", (Question.DISOBEY,), "After each joint report the best orders of all are bounded."
    LEARNING = "learning", (Question.LEARNING,), "The market is played by traders who learn, with several seeds."

    def __new__(cls, value: str, questions: tuple[Question, ...], how: str) -> Self:
        """Return the inquiry of that name, with its questions."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.questions, member.how = questions, how
        return member
