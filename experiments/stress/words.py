"""A stress test in words: what a cell says, how sure a number is, and what is recommended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from marketgame.experiments.printing import number, share
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.recommendation import Recommendation
from marketgame.experiments.stress.restrictiveness import what_it_adds
from marketgame.experiments.stress.ruling import Certainty, Measure, Measured, Ruling
from marketgame.mechanisms.deviations.effort import Verdict

if TYPE_CHECKING:
    from marketgame.experiments.stress.result import StressTest

NOT_ASKED = "not asked"
# Gains of at least so many multiples are shown without digits behind the point.
WHOLE_FROM = 10.0
SMALL = 0.005
# By so small a share of the first best a number is not short of it.
NOTHING = 1e-9


def cell_text(ruling: Ruling | None) -> str:
    """Return what a cell says: the answer, and what members gain in sum as multiples of all gains from trade."""
    if ruling is None:
        return NOT_ASKED
    if ruling.verdict is not Verdict.REFUTED:
        return ruling.verdict.answer
    share = ruling.total_gain
    gained = f"{share:.0f}×" if share >= WHOLE_FROM else f"{share:.2g}×" if share >= SMALL else "<0.01×"
    return f"no: {gained}"


def told(found: Measured) -> str:
    """Return how sure a number is."""
    match found.certainty:
        case Certainty.EXACT:
            return "exact"
        case Certainty.UNKNOWN:
            return f"not known: {found.because}"
        case Certainty.BOUND:
            return "at least" if found.high is None else f"at most {number(found.high)}"
        case Certainty.INTERVAL:
            edges = [number(edge) for edge in (found.low, found.high) if edge is not None]
            return f"sampled, {' to '.join(edges)}"


def sentences(test: StressTest) -> Iterator[str]:
    """Yield the recommendation, a sentence or two a paragraph."""
    found = test.recommended
    must = "; ".join(question.value for question in found.must)
    if found.institution is not None:
        yield f"Recommended: {found.institution}."
        yield f"Of the institutions asked it is the least restrictive that provably survives: {must}."
        yield from _restrictions(test, found.institution)
        if found.ties:
            yield f"So do, restricting neither less nor more: {' | '.join(found.ties)}."
        yield from _price(test, found)
    elif found.closest is not None:
        yield f"No institution that was asked is proven to survive all of: {must}."
        broken = [
            f"{question.value} ({_why(test, found.closest, question, verdict)})" for question, verdict in found.missing
        ]
        yield f"Closest comes {found.closest}: what it is not proven to survive is {'; '.join(broken)}."
    else:
        yield "No institution is admitted by this economy."
    if found.unknown:
        yield (
            f"Institutions neither refuted nor proven to survive: {found.unknown}. Not refuted is not survival, and "
            "what was sampled is no proof."
        )
    if not test.whole:
        yield "Time was over before all was asked; the same command goes on from here."


def _restrictions(test: StressTest, name: str) -> Iterator[str]:
    one = next(one for one in test.institutions if one.institution.name == name)
    first = next((each for each in test.institutions if each.institution.name.startswith("as printed;")), None)
    adds = [] if first is None else what_it_adds(one.institution, first.institution)
    if adds:
        yield f"Beyond the paper's rules: {'; '.join(adds)}."


def _price(test: StressTest, found: Recommendation) -> Iterator[str]:
    if found.price is None or found.price.value is None or found.best is None or found.best.value is None:
        yield "What survival costs is not known."
        return
    if found.best.value <= 0:
        yield "Survival costs nothing: there is nothing to gain by trade."
        return
    lost = found.price.value / found.best.value
    sure = "" if found.price.certainty is Certainty.EXACT else f" ({told(found.price)})"
    if abs(lost) < NOTHING:
        yield f"Survival costs nothing: obedience brings the first best, {number(found.best.value)} {test.money}{sure}."
    else:
        costs = f"{number(found.price.value)} {test.money}{sure}"
        yield f"Survival costs {costs}, {share(lost)} of what the first best gains."
    willing = test.benchmarks.get(Measure.EFFICIENT_WILLING)
    if (
        willing is not None
        and willing.value is not None
        and found.best.value - willing.value > NOTHING * found.best.value
    ):
        yield (
            f"Not everybody is willing: the most that incentives allow with everyone willing is "
            f"{share(willing.value / found.best.value)} of the first best ({told(willing)})."
        )
    one = next(one for one in test.institutions if one.institution.name == found.institution)
    learned = one.welfare.get(Measure.LEARNED)
    if learned is not None and learned.value is not None:
        yield f"Traders who learn reach {share(learned.value / found.best.value)} of the first best ({told(learned)})."


def _why(test: StressTest, name: str, question: Question, verdict: Verdict | None) -> str:
    one = next(one for one in test.institutions if one.institution.name == name)
    if verdict is None:
        return NOT_ASKED
    ruling = one.rulings[question]
    if verdict is Verdict.REFUTED:
        return f"{cell_text(ruling)} by {ruling.because}"
    return f"{verdict.answer}: {ruling.because}"
