"""The tables that ``marketgame stress`` prints, and the recommendation in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console

from marketgame.experiments.printing import marked, number, print_heading, share, table
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.recommendation import Candidate, Recommendation
from marketgame.experiments.stress.restrictiveness import what_it_adds
from marketgame.experiments.stress.result import NOT_ASKED, Status, StressTest, cell_text
from marketgame.experiments.stress.ruling import Certainty, Measure, Measured
from marketgame.mechanisms.deviations.effort import Verdict

# More institutions than fit a screen are left to the files, but those that survive most.
MOST_SHOWN = 40
WELFARE = {
    Measure.FIRST_BEST: "first best",
    Measure.EFFICIENT: "incentive-efficient, willing or not",
    Measure.EFFICIENT_WILLING: "incentive-efficient, everyone willing",
}
# By so many of the first best the welfare of traders who learn may fall short before that is a remark.
WORTH_A_REMARK = 0.01


def print_stress(test: StressTest, console: Console) -> None:
    """Print which institution survives whom, what an economy could achieve, and what is recommended."""
    print_heading(console, test.name, test.players, test.profiles)
    console.print()
    if test.drawn:
        console.print(f"Answers are sampled where they say so: {test.drawn}.\n", markup=False, soft_wrap=True)
    _print_answers(test, console)
    _print_welfare(test, console)
    for sentence in sentences(test):
        console.print(sentence, markup=False, soft_wrap=True)
    if test.folder is not None:
        example = next(_certificates(test), None)
        console.print(f"\nTables and certificates are in {marked(str(test.folder))}.", soft_wrap=True)
        if example is not None:
            console.print(f"To see an answer checked: marketgame replay {marked(example)}", soft_wrap=True)


def _print_answers(test: StressTest, console: Console) -> None:
    questions = test.questions
    shown = test.institutions[:MOST_SHOWN]
    played = any(Measure.PLAYED in one.welfare for one in shown)
    learned = any(Measure.LEARNED in one.welfare for one in shown)
    columns = ["institution", "transfers", *(question.value for question in questions)]
    columns += (["welfare played"] if played else []) + (["welfare learned"] if learned else [])
    rows = [
        [
            f"{place}  {one.institution.name.split(';')[0]}",
            str(one.institution.transfers),
            *_cells(one, questions),
            *([_of_best(test, one, Measure.PLAYED)] if played else []),
            *([_of_best(test, one, Measure.LEARNED)] if learned else []),
        ]
        for place, one in enumerate(shown, start=1)
    ]
    left = len(test.institutions) - len(shown)
    note = f" ({left} more in the files)" if left else ""
    console.print(table(f"Which institutions survive whom{note}", columns, rows, texts=2))
    for one in test.institutions:
        if one.refused:
            console.print(f"{one.institution.name}: not admitted, {one.refused}", markup=False, soft_wrap=True)
    if any(ruling.verdict is Verdict.REFUTED for one in shown for ruling in one.rulings.values()):
        console.print("no: what those who gain gain in sum, in multiples of all gains from trade; of careless traders")
        console.print("what somebody obedient loses, of learning ones what they miss of what obedience brings.")
    if any(ruling.approached for one in shown for ruling in one.rulings.values()):
        console.print("Consistent coalitions are also broken up to any tolerance, by what only a guess breaks, where")
        console.print("trades with the bankrupt stand; a yes there is about agreements that are kept exactly.")
    console.print()


def _cells(one: Candidate, questions: Sequence[Question]) -> Iterator[str]:
    for question in questions:
        ruling = one.rulings.get(question)
        text = "not admitted" if one.refused and ruling is None else cell_text(ruling)
        yield f"{text}*" if ruling is not None and ruling.approached and ruling.verdict is Verdict.PROVEN else text


def _of_best(test: StressTest, one: Candidate, measure: Measure) -> str:
    found, best = one.welfare.get(measure), test.benchmarks.get(Measure.FIRST_BEST)
    if found is None or found.value is None:
        return ""
    return number(found.value) if best is None or not best.value else share(found.value / best.value)


def _print_welfare(test: StressTest, console: Console) -> None:
    best = test.benchmarks.get(Measure.FIRST_BEST)
    rows = []
    for measure, name in WELFARE.items():
        found = test.benchmarks.get(measure)
        if found is not None:
            known = best is not None and best.value and found.value is not None
            of_best = (
                share(found.value / best.value) if known and best and best.value and found.value is not None else ""
            )
            rows.append([name, "" if found.value is None else number(found.value), of_best, told(found)])
    if rows:
        columns = ["", f"gains over autarky, {test.money}", "of the first best", "how sure"]
        console.print(table("What the economy could achieve", columns, rows))


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
    if test.status is Status.TIME_IS_OVER:
        yield "Time was over before all was asked; the same command goes on from here."


def _restrictions(test: StressTest, name: str) -> Iterator[str]:
    one = next(one for one in test.institutions if one.institution.name == name)
    first = next((each for each in test.institutions if each.institution.name.startswith("as printed;")), None)
    adds = [] if first is None else what_it_adds(one.institution, first.institution)
    if adds:
        yield f"Beyond the paper's rules: {'; '.join(adds)}."


def _price(test: StressTest, found: Recommendation) -> Iterator[str]:
    if found.price is None or found.price.value is None or found.best is None or not found.best.value:
        yield "What survival costs is not known."
        return
    lost = found.price.value / found.best.value
    sure = "" if found.price.certainty is Certainty.EXACT else f" ({told(found.price)})"
    if abs(lost) < 1e-9:
        yield f"Survival costs nothing: obedience brings the first best, {number(found.best.value)} {test.money}{sure}."
    else:
        costs = f"{number(found.price.value)} {test.money}{sure}"
        yield f"Survival costs {costs}, {share(lost)} of what the first best gains."
    willing = test.benchmarks.get(Measure.EFFICIENT_WILLING)
    if willing is not None and willing.value is not None and found.best.value - willing.value > 1e-9 * found.best.value:
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


def _certificates(test: StressTest) -> Iterator[str]:
    for one in test.institutions:
        for ruling in one.rulings.values():
            place = test.certificate(ruling)
            if place is not None and ruling.verdict is Verdict.REFUTED:
                yield str(place)
