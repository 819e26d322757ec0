"""What one answer says about another, so that it need not be asked.

Whoever gains alone gains as a coalition of one, and nobody is left who could break what it does; what follows a lie may
be obedience, and the truth is one of the reports. So a "no" to a narrow question is one to each wider question, with
the same deviation, and a "yes" to a wide one is one to each narrower, with the same proof. A wide question shows the
deviation by which most is gained of all that are known to break it. Where nobody has a second type there is nothing to
lie about, and what follows the truth is all there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.ruling import Ruling
from marketgame.mechanisms.deviations.effort import Verdict

NARROWER: Mapping[Question, tuple[Question, ...]] = {
    Question.LIARS: (Question.ONE_LIAR,),
    Question.CONSISTENT: (Question.ONE,),
    Question.ANY: (Question.ONE, Question.CONSISTENT),
    Question.DISOBEYS: (Question.ONE_LIAR, Question.ONE),
    Question.DISOBEY: (
        Question.ONE_LIAR,
        Question.LIARS,
        Question.ONE,
        Question.CONSISTENT,
        Question.ANY,
        Question.DISOBEYS,
    ),
}
"""Of which questions each is the wider one."""

WITHOUT_SECRETS: Mapping[Question, Question] = {Question.DISOBEYS: Question.ONE, Question.DISOBEY: Question.ANY}
"""What is the same question where everybody has one type."""


def with_implied(known: Mapping[Question, Ruling], *, secrets: bool) -> dict[Question, Ruling]:
    """Return rulings with those that follow from them, in the order of the questions.

    Args:
        known: what was established; an answer that follows takes the place of one that is open.
        secrets: whether somebody has a second type.
    """
    found = dict(known)
    for wide, narrow in NARROWER.items():  # Narrow ones stand before wider ones that they settle.
        broken = [one for one in (wide, *narrow) if _is(found, one, Verdict.REFUTED)]
        most = max(broken, key=lambda one: found[one].total_gain, default=wide)  # Its own comes first among equals.
        if most is not wide:
            found[wide] = _following(found[most], most)
    for wide, narrow in reversed(list(NARROWER.items())):
        for one in narrow:
            if _is(found, wide, Verdict.PROVEN) and not _is(found, one, Verdict.PROVEN):
                found[one] = _following(found[wide], wide)
    if not secrets:
        for asked, same in WITHOUT_SECRETS.items():
            if same in found and not _settled(found.get(asked)):
                found[asked] = _following(found[same], same)
    return {question: found[question] for question in Question if question in found}


def _is(found: Mapping[Question, Ruling], question: Question, verdict: Verdict) -> bool:
    return question in found and found[question].verdict is verdict


def _settled(ruling: Ruling | None) -> bool:
    return ruling is not None and ruling.verdict in {Verdict.PROVEN, Verdict.REFUTED}


def _following(ruling: Ruling, question: Question) -> Ruling:
    return replace(ruling, follows_from=question if ruling.follows_from is None else ruling.follows_from)
