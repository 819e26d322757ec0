"""The tables that ``marketgame stress`` prints, and the recommendation in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console

from marketgame.experiments.printing import marked, number, print_heading, share, table
from marketgame.experiments.stress.grouping import Line
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.result import StressTest, severance_text, welfare_text
from marketgame.experiments.stress.ruling import Measure
from marketgame.experiments.stress.words import WHAT_IS_NEEDED, counted_in, sentences, told, what_a_no_says
from marketgame.mechanisms.deviations.effort import Verdict

# More lines than fit a screen are left to the files.
MOST_SHOWN = 40
WELFARE = {
    Measure.FIRST_BEST: "first best",
    Measure.EFFICIENT: "incentive-efficient, willing or not",
    Measure.EFFICIENT_WILLING: "incentive-efficient, everyone willing",
}


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
        console.print(f"\nThe report to read, print and send is {marked(str(test.page))}.", soft_wrap=True)
        console.print(f"Tables, the picture and certificates are in {marked(str(test.folder))}.", soft_wrap=True)
        if example is not None:
            console.print(f"To see an answer checked: marketgame replay {marked(example)}", soft_wrap=True)


def _print_answers(test: StressTest, console: Console) -> None:
    questions, every = test.questions, test.lines
    shown = every[:MOST_SHOWN]
    played = any(Measure.PLAYED in one.first.welfare for one in shown)
    learned = any(Measure.LEARNED in one.first.welfare for one in shown)
    columns = ["institution", "transfers", *(question.value for question in questions)]
    columns += (["welfare played"] if played else []) + (["welfare learned"] if learned else [])
    leaving = any(severance_text(one) for one in shown)
    columns += ["severance needed"] if leaving else []
    rows = [
        [
            f"{place}  {one.name}",
            one.transfers,
            *_cells(test, one, questions),
            *([welfare_text(test, one, Measure.PLAYED)] if played else []),
            *([welfare_text(test, one, Measure.LEARNED)] if learned else []),
            *([severance_text(one)] if leaving else []),
        ]
        for place, one in enumerate(shown, start=1)
    ]
    left = sum(len(one.members) for one in every[MOST_SHOWN:])
    alike = "; those with the same answers share a line" if len(every) < len(test.institutions) else ""
    note = f" ({left} more in the files{alike})" if left else alike
    console.print(table(f"Which institutions survive whom{note}", columns, rows, texts=2))
    if any(ruling.verdict is Verdict.REFUTED for one in shown for ruling in one.first.rulings.values()):
        console.print(what_a_no_says(counted_in(test)), markup=False, soft_wrap=True)
    if any(severance_text(one) not in {"", "0"} for one in shown):
        console.print(WHAT_IS_NEEDED, markup=False, soft_wrap=True)
    if any(ruling.approached for one in shown for ruling in one.first.rulings.values()):
        console.print("Consistent coalitions are also broken up to any tolerance, by what only a guess breaks, where")
        console.print("trades with the bankrupt stand; a yes there is about agreements that are kept exactly.")
    console.print()


def _cells(test: StressTest, line: Line, questions: Sequence[Question]) -> Iterator[str]:
    for question in questions:
        ruling = line.first.rulings.get(question)
        text = "not admitted" if line.first.refused and ruling is None else test.shown(line, question)
        yield f"{text}*" if ruling is not None and ruling.approached and ruling.verdict is Verdict.PROVEN else text


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


def _certificates(test: StressTest) -> Iterator[str]:
    for one in test.institutions:
        for ruling in one.rulings.values():
            place = test.certificate(ruling)
            if place is not None and ruling.verdict is Verdict.REFUTED:
                yield str(place)
