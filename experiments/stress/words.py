"""A stress test in words: what a cell says, how sure a number is, and what is recommended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from marketgame.experiments.printing import number, share
from marketgame.experiments.stress.market_institution import MarketInstitution
from marketgame.experiments.stress.recommendation import Recommendation
from marketgame.experiments.stress.restrictiveness import what_it_adds
from marketgame.experiments.stress.ruling import Certainty, Measure, Measured, Ruling
from marketgame.mechanisms.certificates.examination import DeviationKind
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.market_game.rules import PAPER_RULES

if TYPE_CHECKING:
    from marketgame.experiments.stress.result import StressTest

NOT_ASKED = "not asked"
PAPER = MarketInstitution(PAPER_RULES, transfers=TransferRule.NONE)
# Gains of at least so many multiples are shown without digits behind the point.
WHOLE_FROM = 10.0
SMALL = 0.005
# Of more institutions that an economy does not admit for one reason the number is told.
MOST_REFUSED = 3
# By so small a share of the first best a number is not short of it.
NOTHING = 1e-9
# Kinds of deviations whose names say nothing in a sentence.
BROKEN_BY: Mapping[str, str] = {
    DeviationKind.UNILATERAL.value: "what one player quotes, orders or announces",
    DeviationKind.JOINT.value: "what several quote, order or announce",
}
WHAT_IS_NEEDED = (
    "severance needed: what must be promised to those who leave, expected and in sum, so that nobody can be led away; "
    "none helps: somebody can be, whatever is promised."
)


def cell_text(ruling: Ruling | None, money: str = "") -> str:
    """Return what a cell says: the answer, and what members gain in sum as multiples of all gains from trade.

    Where there is nothing to gain by trade there are no multiples of it, and ``money`` says what gains are in.
    """
    return NOT_ASKED if ruling is None else _span_text([ruling], money)


def cells_text(rulings: Sequence[Ruling | None], money: str = "") -> str:
    """Return what a cell says of several institutions that give the same answer: the least and the most gained."""
    found = [ruling for ruling in rulings if ruling is not None]
    return _span_text(found, money) if found else NOT_ASKED


def _span_text(rulings: Sequence[Ruling], money: str) -> str:
    if rulings[0].verdict is not Verdict.REFUTED:
        return rulings[0].verdict.answer
    gained = list(dict.fromkeys(_gained(one, money) for one in sorted(rulings, key=lambda one: one.total_gain)))
    return f"no: {gained[0]}" if len(gained) == 1 else f"no: {gained[0]} to {gained[-1]}"


def _gained(ruling: Ruling, money: str) -> str:
    if money:
        return f"{number(ruling.money, digits=3)} {money}"
    share = ruling.total_gain
    return f"{share:.0f}×" if share >= WHOLE_FROM else f"{share:.2g}×" if share >= SMALL else "<0.01×"


def counted_in(test: StressTest) -> str:
    """Return what gains are counted in where nothing is to be gained by trade; empty where they are its multiples."""
    best = test.benchmarks.get(Measure.FIRST_BEST)
    return test.money if best is not None and best.value is not None and best.value <= 0 else ""


def what_a_no_says(money: str) -> str:
    """Return what the number behind a "no" is."""
    unit = f"in {money}, since nothing is to be gained by trade" if money else "in multiples of all gains from trade"
    return (
        f"no: what those who gain gain in sum, {unit}; of careless traders what somebody obedient loses, of learning "
        "ones what they miss of what obedience brings."
    )


def told(found: Measured) -> str:
    """Return how sure a number is."""
    match found.certainty:
        case Certainty.EXACT:
            return f"exact, without a certificate: {found.because}" if found.because else "exact"
        case Certainty.UNKNOWN:
            return f"not known: {found.because}"
        case Certainty.BOUND:
            return "at least" if found.high is None else f"at most {number(found.high)}"
        case Certainty.INTERVAL:
            edges = dict.fromkeys(number(edge) for edge in (found.low, found.high) if edge is not None)
            return f"sampled, {' to '.join(edges)}" if len(edges) > 1 else "sampled, the same each time"


def needed_text(found: Measured | None) -> str:
    """Return how much severance is needed, as a cell says it."""
    if found is None:
        return ""
    match found.certainty:
        case Certainty.EXACT:
            return "none helps" if found.value is None else number(found.value)
        case Certainty.UNKNOWN:
            return "not known"
        case _:
            return "" if found.value is None else f"at least {number(found.value)}"


def sentences(test: StressTest) -> Iterator[str]:
    """Yield the recommendation, a sentence or two a paragraph."""
    found = test.recommended
    must = "; ".join(question.value for question in found.must)
    if found.institution is not None:
        yield f"Recommended: {found.institution}."
        if found.ties:
            yield f"Of the institutions asked none that provably survives restricts less. What it survives: {must}."
        else:
            yield f"Of the institutions asked it is the least restrictive that provably survives: {must}."
        yield from _restrictions(test, found.institution)
        if found.ties:
            yield f"So do, restricting neither less nor more: {' | '.join(found.ties)}."
        yield from _price(test, found)
    elif found.closest is not None:
        yield from _closest(test, found, found.closest, must)
    yield from refusals(test)
    yield from _failures(test)
    if found.unknown and test.questions:
        yield (
            f"Institutions neither refuted nor proven to survive: {found.unknown}. Not refuted is not survival, and "
            "what was sampled is no proof."
        )
    if not test.questions and not test.whole:
        yield "Nothing is answered: there was no time. The same command goes on from here."
    elif not test.whole:
        yield "Time was over before all was asked; the same command goes on from here."


def _closest(test: StressTest, found: Recommendation, name: str, must: str) -> Iterator[str]:
    one = test.named(name)
    if not test.questions:
        return
    yield f"No institution that was asked is proven to survive all of: {must}."
    if not any(question in one.rulings for question in found.must):
        return
    known = [
        f"{question.value} ({_why(test, one.rulings[question], verdict)})"
        for question, verdict in found.missing
        if verdict is not None
    ]
    unasked = [question.value for question, verdict in found.missing if verdict is None]
    yield f"Closest comes {name}{'; it is not proven to survive: ' if known else ''}{'; '.join(known)}."
    if unasked:
        yield f"{'Questions that make no sense of it' if test.whole else 'Not asked of it yet'}: {'; '.join(unasked)}."
    brings, best = (None if each is None else each.value for each in (one.welfare.get(Measure.PLAYED), found.best))
    if brings is not None and best is not None and best > 0:
        yield f"Obedience to it brings {share(brings / best)} of the first best."


def refusals(test: StressTest) -> Iterator[str]:
    """Yield why the economy does not admit some institutions, a sentence for each reason."""
    by_reason: dict[str, list[str]] = {}
    for one in test.institutions:
        if one.refused:
            by_reason.setdefault(one.refused, []).append(one.institution.name)
    for reason, names in by_reason.items():
        who = (
            f"{len(names)} of {len(test.institutions)} institutions" if len(names) > MOST_REFUSED else " | ".join(names)
        )
        yield f"Not admitted by this economy: {who}, since {reason}."


def _failures(test: StressTest) -> Iterator[str]:
    """Yield what has no answer although there was time, a sentence for each reason."""
    by_reason: dict[str, list[str]] = {}
    for one in test.institutions:
        for question, why in one.failed.items():
            by_reason.setdefault(why, []).append(f"{question.value}, of {one.institution.name}")
    for why, cells in by_reason.items():
        more = f" and {len(cells) - MOST_REFUSED} more" if len(cells) > MOST_REFUSED else ""
        yield f"No answer although there was time: {' | '.join(cells[:MOST_REFUSED])}{more}: {why}."


def _restrictions(test: StressTest, name: str) -> Iterator[str]:
    one = test.named(name).institution
    if "pricing" not in one.described:
        return
    adds = what_it_adds(one, PAPER)
    if adds:
        yield f"Beyond the paper's rules: {'; '.join(adds)}."
    elif one.described == PAPER.described:
        yield "These are the paper's own rules."


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
    learned = test.named(str(found.institution)).welfare.get(Measure.LEARNED)
    if learned is not None and learned.value is not None:
        yield f"Traders who learn reach {share(learned.value / found.best.value)} of the first best ({told(learned)})."


def _why(test: StressTest, ruling: Ruling, verdict: Verdict) -> str:
    if verdict is Verdict.REFUTED:
        return f"{cell_text(ruling, counted_in(test))} by {BROKEN_BY.get(ruling.because, ruling.because)}"
    over = " before time was over" if ruling.cut and "time was over" not in ruling.because else ""
    return f"{verdict.answer}: {ruling.because}{over}"
