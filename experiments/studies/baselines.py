"""The institutions of the papers beside trading posts and the call market, on every economy of the program.

``python -m marketgame.experiments.studies.baselines FOLDER [ECONOMY ...]`` writes a table into a folder of the
documentation's shape, and puts it on its page ``baselines.md`` where it has one: what obedience brings, who gains by a
lie or by messages of its own, what the obedient lose to careless traders, and what learners bring, as shares of the
first best. Where economies are named the rows of the others stay as they are; without names all are computed anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from marketgame.experiments import ExitCode
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.output_folder import replace_file
from marketgame.experiments.stress.benchmarks import Benchmarks
from marketgame.experiments.stress.comparisons import COMPARISONS
from marketgame.experiments.stress.institution import Institution
from marketgame.experiments.stress.market_institution import REPAIRED, MarketInstitution
from marketgame.experiments.stress.question import Inquiry, Question
from marketgame.experiments.stress.ruling import Answered, Measure, Measured, Ruling
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.experiments.studies.sweep_pages import markdown, put_in_page
from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE
from marketgame.mechanisms.market_game.rules import Execution, MarketRules, Refusal
from marketgame.simulation.scenario.market_scenario import MarketScenario

BOUND = replace(REPAIRED, execution=Execution.MATCHED, refusal=Refusal.ESCROW)
INQUIRIES = (Inquiry.WELFARE, Inquiry.REPORTS, Inquiry.ORDERS, Inquiry.CARELESS, Inquiry.LEARNING)
# Where profiles are too many to list, reports and orders are the question of pages of their own.
PLAYED_ALONE = (Inquiry.WELFARE, Inquiry.CARELESS, Inquiry.LEARNING)
NAME = "baselines"
COLUMNS = ("economy", "institution", "one_liar", "one_player", "careless", "obeyed", "learned", "learned_within")


def institutions_of(economy: Economy) -> Iterator[Institution]:
    """Yield the papers' rules, their repair, what no lie and disobedience survives, and the markets to compare with."""
    usual = TransferRule.EXPECTED_EXTERNALITY if economy.prior.independent else TransferRule.LP
    safe = TransferRule.COALITION_PROOF
    if max(economy.prior.type_counts) == 1:
        usual = safe = TransferRule.NONE
    yield MarketInstitution(MarketRules.paper(), transfers=usual)
    yield MarketInstitution(REPAIRED, transfers=usual)
    yield MarketInstitution(BOUND, transfers=safe)
    yield from COMPARISONS


def rows_of(name: str, economy: Economy) -> Iterator[dict[str, object]]:
    """Yield the rows of an economy, with shares of the first best."""
    scenario = MarketScenario(name, economy)
    benchmarks = Benchmarks().answer(Inquiry.WELFARE, scenario, {}, NO_DEADLINE).welfare
    best = benchmarks[Measure.FIRST_BEST].value
    if best is None or best <= 0:
        return  # Nobody gains by trade, and shares of nothing mean nothing.
    for measure, label in ((Measure.EFFICIENT, "willing or not"), (Measure.EFFICIENT_WILLING, "everybody willing")):
        found = benchmarks.get(measure)
        share = "" if found is None or found.value is None else f"{found.value / best:.2%}"
        nothing = dict.fromkeys(COLUMNS, "")
        yield {**nothing, "economy": name, "institution": f"incentives allow, {label}", "obeyed": share}
    for institution in institutions_of(economy):
        found_of = _asked(institution, scenario)
        yield {
            "economy": name,
            "institution": institution.name,
            "one_liar": _answer(found_of.rulings.get(Question.ONE_LIAR)),
            "one_player": _answer(found_of.rulings.get(Question.ONE)),
            "careless": _answer(found_of.rulings.get(Question.CARELESS)),
            "obeyed": _share(found_of.welfare.get(Measure.PLAYED), best),
            "learned": _share(found_of.welfare.get(Measure.LEARNED), best),
            "learned_within": _within(found_of.welfare.get(Measure.LEARNED), best),
        }


def _asked(institution: Institution, scenario: MarketScenario) -> Answered:
    """Return all answers of an institution; without those that it cannot give."""
    rulings, welfare = dict[Question, Ruling](), dict[Measure, Measured]()
    for inquiry in PLAYED_ALONE if scenario.economy.prior.obstacle else INQUIRIES:
        try:
            found = institution.answer(inquiry, scenario, rulings, NO_DEADLINE)
        except (ValueError, UnansweredError):
            continue
        rulings |= found.rulings
        welfare |= found.welfare
    return Answered(rulings, welfare)


def _answer(ruling: Ruling | None) -> str:
    """Return an answer, a "no" with what is gained or lost, a share of the gains from trade."""
    if ruling is None:
        return ""
    if ruling.verdict is not Verdict.REFUTED:
        return ruling.verdict.answer
    half = f" ± {ruling.uncertainty:.2g}" if ruling.uncertainty > 0 else ""
    return f"no: {ruling.total_gain:.2g}{half}"


def _share(measured: Measured | None, best: float) -> str:
    return "" if measured is None or measured.value is None else f"{measured.value / best:.2%}"


def _within(measured: Measured | None, best: float) -> str:
    if measured is None or measured.value is None or measured.low is None:
        return ""
    return f"{(measured.value - measured.low) / best:.2%}"


def economy_files() -> dict[str, Path]:
    """Return the files of the economies that come with the program, by name."""
    return {file.stem: file for file in sorted(ECONOMIES.glob("*.toml"), key=lambda file: file.stem)}


def table(names: Sequence[str] = (), published: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the table of all economies that come with the program, or a published one with named economies anew."""
    rows = list[dict[str, object]]()
    for name, file in economy_files().items():
        if published is None or name in names:
            rows.extend(rows_of(name, load_economy(file)))
        else:
            rows.extend(dict(row) for _, row in published[published["economy"] == name].iterrows())
    return pd.DataFrame(rows, columns=list(COLUMNS))


def main(folder: Path, names: Sequence[str] = ()) -> None:
    """Write the table into a folder of the documentation's shape."""
    file = folder / "tables" / f"{NAME}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    frame = table(names, pd.read_csv(file, dtype=str, keep_default_na=False) if names and file.exists() else None)
    replace_file(file, frame.to_csv(index=False))
    page = folder / f"{NAME}.md"
    if page.exists():
        shown = frame.rename(columns=lambda name: name.replace("_", " "))
        replace_file(page, put_in_page(page.read_text(encoding="utf-8"), NAME, markdown(shown, texts=len(COLUMNS))))


if __name__ == "__main__":
    given, *named = sys.argv[1:] or ["docs"]
    for unknown in sorted(set(named) - set(economy_files())):
        sys.stderr.write(f"error: {unknown} is none of {', '.join(economy_files())}\n")
        sys.exit(ExitCode.BAD_INPUT)
    main(Path(given), named)
