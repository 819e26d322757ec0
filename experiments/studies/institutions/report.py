"""The institution and cartel tables as pages of the documentation: Markdown and pictures."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from marketgame.experiments.files.output_folder import replace_file
from marketgame.experiments.stress.market_institution import (
    BASES,
    REPAIRED,
    MarketInstitution,
    binding_institutions,
    combined_institutions,
)
from marketgame.experiments.stress.question import Question
from marketgame.experiments.studies.institutions.answers import AFTER_THE_TRUTH, ASKED
from marketgame.experiments.studies.institutions.families import economies
from marketgame.experiments.studies.institutions.table import APPROACHED, KEY
from marketgame.experiments.studies.sweep_pages import put_in_page
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.market_game.rules import Execution, Refusal, Solvency
from marketgame.results.figures.institutions import cartel_gains, institution_matrix

RULES = ("pricing", "solvency", "bankruptcy", "coverage")
INSTITUTION = KEY[1:]
NAMES = {
    "counterparty": "counterparty",
    "trades-stand": "stand",
    "unwind": "unwind",
    "unlimited": "uncovered",
    "announced-numeraire": "covered",
}
# What an institution has that binds, by how flows are executed and whether they may be refused.
BINDING = {
    (Execution.UNILATERAL, Refusal.FREE): "neither",
    (Execution.MATCHED, Refusal.FREE): "matched orders",
    (Execution.UNILATERAL, Refusal.ESCROW): "deposits",
    (Execution.MATCHED, Refusal.ESCROW): "matched, deposits",
}
PAYMENTS = {
    TransferRule.NONE: "none",
    TransferRule.EXPECTED_EXTERNALITY: "for single liars",
    TransferRule.COALITION_PROOF: "coalition-proof",
}
PANELS = {
    "obey": "outsiders play on",
    "withhold": "outsiders withhold after a misquote",
}
# Multiples from here on are given in whole numbers.
WHOLE_FROM = 10
YES, NO, OPEN = (verdict.answer for verdict in (Verdict.PROVEN, Verdict.REFUTED, Verdict.NOT_REFUTED))
WORST_FIRST = (NO, OPEN, YES)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per institution and question, over the economies.

    Returns:
        The key of the institution, ``question``, how many economies there are (``economies``), in how many the answer
        is ``yes`` and ``no``, the worst ``verdict``, why (``because``), the median of the members' summed gains where
        it is no (``gain``), in multiples of the gains from trade, and in how many some pair has an agreement that is
        kept up to any tolerance (``approached``).
    """
    keys = [*INSTITUTION, "question"]
    cells: dict[tuple[str, ...], list[tuple[str, str, float, str]]] = {}
    found = table[[*keys, "verdict", "because", "total_gain", "approached"]]
    for *named, verdict, because, gain, approached in found.itertuples(index=False, name=None):
        cells.setdefault(tuple(named), []).append((verdict, because, gain, approached))
    rows = []
    for key, answers in cells.items():
        verdicts = [verdict for verdict, *_ in answers]
        worst = next(verdict for verdict in WORST_FIRST if verdict in verdicts)
        rows.append(
            {
                **dict(zip(keys, key, strict=True)),
                "economies": len(answers),
                "yes": verdicts.count(YES),
                "no": verdicts.count(NO),
                "verdict": worst,
                "because": ", ".join(sorted({because for verdict, because, *_ in answers if verdict == worst})),
                "gain": median([gain for verdict, _, gain, _ in answers if verdict == NO] or [0.0]),
                "approached": sum(approached == APPROACHED for *_, approached in answers),
            }
        )
    return pd.DataFrame(rows)


def write_pages(folder: Path) -> None:
    """Write, from the two tables in a folder of the documentation's shape, its pictures and what its pages show."""
    tables, pictures = folder / "tables", folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    table, cartel = (
        pd.read_csv(tables / name, keep_default_na=False) for name in ("institutions.csv", "carbon-cartel.csv")
    )
    institution_picture(table, pictures / "institutions.png")
    binding_picture(table, pictures / "institutions-binding.png")
    cartel_picture(cartel, pictures / "carbon-cartel.png")
    for page, shown in pages(table, cartel).items():
        file = folder / page
        if file.exists():
            text = file.read_text(encoding="utf-8")
            for name, content in shown.items():
                text = put_in_page(text, name, content)
            replace_file(file, text)


def pages(table: pd.DataFrame, cartel: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return what pages show, by their place beside the tables' folder and by name: Markdown."""
    return {
        "institutions.md": {
            "institutions": institution_markdown(table),
            "institutions-binding": binding_markdown(table),
            "carbon-cartel": cartel_markdown(cartel),
        },
        "../README.md": {"institutions-short": short_markdown(table)},
    }


def institution_picture(table: pd.DataFrame, file: Path) -> None:
    """Draw the institutions in which short sales bankrupt, after the truth: the others fall to one player."""
    kept = _of(summary(table), combined_institutions())
    kept = kept[kept["question"].isin(AFTER_THE_TRUTH) & (kept["solvency"] == Solvency.NO_SHORT_SALES)].copy()
    kept["institution"] = [_name(row) for row in kept.to_dict("records")]
    kept["text"] = [_text(row) for row in kept.to_dict("records")]
    panels = [(title, kept[kept["outsiders"] == outsiders]) for outsiders, title in PANELS.items()]
    count = int(kept["economies"].max())
    title = f"Which institutions survive whom: {count} economies, short sales bankrupt"
    figure = institution_matrix(panels, [question.value for question in AFTER_THE_TRUTH], title)
    figure.savefig(file, dpi=200)


def binding_picture(table: pd.DataFrame, file: Path) -> None:
    """Draw what matched orders, deposits and transfers add to the rules as printed and as repaired."""
    kept = _of(summary(table), binding_institutions())
    kept["institution"] = [", ".join(_bindings(row)) for row in kept.to_dict("records")]
    kept["text"] = [_text(row) for row in kept.to_dict("records")]
    title = "Who gains by lies, by disobedience, and by both"
    count = int(kept["economies"].max())
    private = sum(len(economy.profiles) > 1 for economy in economies())
    panel = (f"rules, what binds further, transfers: {count} economies, {private} with private types", kept)
    institution_matrix([panel], [question.value for question in ASKED], title).savefig(file, dpi=200)


def cartel_picture(table: pd.DataFrame, file: Path) -> None:
    """Draw what the carbon cartel gains where short sales bankrupt."""
    kept = table[table["solvency"] == Solvency.NO_SHORT_SALES].copy()
    kept["institution"] = [
        _name(row) + (", withhold" if row["outsiders"] == "withhold" else "") for row in kept.to_dict("records")
    ]
    figure = cartel_gains(
        kept, "billion 1985 US dollars", "A cartel of the two regions with cheap permits, where short sales bankrupt"
    )
    figure.savefig(file, dpi=200)


def institution_markdown(table: pd.DataFrame) -> str:
    """Return the combinations of rules as a Markdown table; where short sales are allowed all take one line."""
    short, questions = _of(summary(table), combined_institutions()), list(ASKED)
    allowed = short["solvency"] == Solvency.BUDGET
    lines = _heading(["pricing", "trades of bankrupts", "coverage", "outsiders"], [*questions, "approached"])
    for key, group in short[~allowed].groupby(["pricing", "bankruptcy", "coverage", "outsiders"], sort=False):
        approached = _approached(group[group["question"] == Question.CONSISTENT])
        lines.append(_line([NAMES.get(str(part), str(part)) for part in key], group, questions, approached))
    every = short[allowed]
    together = [_range(every[every["question"] == question]) for question in questions]
    last = _approached(every[every["question"] == Question.CONSISTENT])
    lines.append("| " + " | ".join(["*short sales allowed: any*", *["*any*"] * 3, *together, last]) + " |")
    return "\n".join(lines) + "\n"


def binding_markdown(table: pd.DataFrame) -> str:
    """Return what matched orders, deposits and transfers add to three sets of rules, as a Markdown table."""
    return _binding(table, binding_institutions(), list(ASKED))


def short_markdown(table: pd.DataFrame) -> str:
    """Return the few lines of it that tell the story: what the repaired rules lack."""
    repaired = [one for one in binding_institutions() if one.rules.coverage is REPAIRED.coverage]
    chosen = [one for one in repaired if one.transfers is not TransferRule.NONE]
    questions = [Question.LIARS, Question.ONE, Question.ANY, Question.DISOBEYS, Question.DISOBEY]
    return _binding(table, chosen, questions)


def _binding(table: pd.DataFrame, chosen: Iterable[MarketInstitution], questions: Sequence[Question]) -> str:
    short = _of(summary(table), chosen)
    lines = _heading(["rules", "what binds further", "transfers"], questions)
    for _, group in short.groupby(list(INSTITUTION), sort=False):
        lines.append(_line(_bindings(group.to_dict("records")[0]), group, questions))
    return "\n".join(lines) + "\n"


def _heading(named: list[str], asked: Sequence[str]) -> list[str]:
    columns = [*named, *map(str, asked)]
    return ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]


def _line(named: list[str], group: pd.DataFrame, questions: Sequence[Question], *more: str) -> str:
    cells = {row["question"]: _text(row) for row in group.to_dict("records")}
    return "| " + " | ".join([*named, *(cells[question.value] for question in questions), *more]) + " |"


def _approached(rows: pd.DataFrame) -> str:
    """Return in how many economies consistent agreements are approached, under the institution where in most."""
    found = int(rows["approached"].max())
    return f"some in {found} of {int(rows['economies'].max())}" if found else "–"


def _of(short: pd.DataFrame, institutions: Iterable[MarketInstitution]) -> pd.DataFrame:
    """Return the lines of some institutions, in their order."""
    order = {_key(institution): place for place, institution in enumerate(institutions)}
    places = [order.get(tuple(key), -1) for key in short[list(INSTITUTION)].itertuples(index=False)]
    kept = short.assign(place=places)
    return kept[kept["place"] >= 0].sort_values("place", kind="stable").drop(columns="place")


def _key(institution: MarketInstitution) -> tuple[str, ...]:
    rules = [getattr(institution.rules, name).value for name in INSTITUTION[:-2]]
    return (*rules, institution.outsiders.value, institution.transfers.value)


def _bindings(row: Mapping[Hashable, Any]) -> list[str]:
    """Return in words upon which rules an institution binds further, how, and what transfers it pays."""
    base = next(name for name, rules in BASES.items() if all(getattr(rules, rule).value == row[rule] for rule in RULES))
    binding = BINDING[Execution(row["execution"]), Refusal(row["refusal"])]
    return [base, binding, PAYMENTS[TransferRule(row["transfers"])]]


def _range(rows: pd.DataFrame) -> str:
    """Return what many institutions have in common in one cell."""
    broken, economies = rows["no"], int(rows["economies"].max())
    if (rows["yes"] == economies).all():
        return "yes"
    if (broken == economies).all():
        return "no"
    worst = f"{int(broken.min())} to {int(broken.max())}" if broken.min() < broken.max() else str(int(broken.max()))
    return f"no, in {worst} of {economies}"


def cartel_markdown(table: pd.DataFrame) -> str:
    """Return the cartel's table as Markdown."""
    columns = [*RULES, "outsiders", "EET", "FSU", "total", "least", "bound"]
    lines = ["| " + " | ".join(columns) + " |", "|---" * 5 + "|---:" * 5 + "|"]
    for row in table.to_dict("records"):
        numbers = [f"{row[column]:.1f}" for column in columns[5:]]
        lines.append("| " + " | ".join([*(NAMES.get(str(row[c]), str(row[c])) for c in columns[:5]), *numbers]) + " |")
    return "\n".join(lines) + "\n"


def _name(row: Mapping[Hashable, Any]) -> str:
    parts = (NAMES.get(str(row[rule]), str(row[rule])) for rule in ("pricing", "bankruptcy", "coverage"))
    return ", ".join(parts)


def _text(row: Mapping[Hashable, Any]) -> str:
    """Return what a cell says."""
    if row["verdict"] == YES:
        return "yes"
    if row["verdict"] == OPEN:
        return "not refuted" if not row["yes"] else f"yes in {row['yes']} of {row['economies']}"
    gain = f"no: {row['gain']:.0f}×" if row["gain"] >= WHOLE_FROM else f"no: {row['gain']:.2g}×"
    return gain if row["no"] == row["economies"] else f"{gain} in {row['no']} of {row['economies']}"
