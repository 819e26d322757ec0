"""The institution and cartel tables as pages of the documentation: Markdown and pictures."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from marketgame.experiments.studies.institutions.answers import LIARS_TOGETHER, Question
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.market_game.rules import Solvency
from marketgame.results.figures.institutions import cartel_gains, institution_matrix

RULES = ("pricing", "solvency", "bankruptcy", "coverage")
NAMES = {
    "counterparty": "counterparty",
    "trades-stand": "stand",
    "unwind": "unwind",
    "unlimited": "uncovered",
    "announced-numeraire": "covered",
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
        is ``yes`` and ``no``, the worst ``verdict``, why (``because``), and the median of the members' summed gains
        where it is no (``gain``), in multiples of the gains from trade.
    """
    keys = [*RULES, "outsiders", "question"]
    rows = []
    for key, group in table.groupby(keys, sort=False):
        broken = group[group["verdict"] == NO]
        worst = next(verdict for verdict in WORST_FIRST if (group["verdict"] == verdict).any())
        rows.append(
            {
                **dict(zip(keys, key if isinstance(key, tuple) else (key,), strict=True)),
                "economies": len(group),
                "yes": int((group["verdict"] == YES).sum()),
                "no": len(broken),
                "verdict": worst,
                "because": ", ".join(sorted(set(group.loc[group["verdict"] == worst, "because"]))),
                "gain": float(broken["total_gain"].median()) if len(broken) else 0.0,
            }
        )
    return pd.DataFrame(rows)


def institution_picture(table: pd.DataFrame, file: Path) -> None:
    """Draw the institutions in which short sales bankrupt: the others fall to one player."""
    short = summary(table)
    kept = short[short["solvency"] == Solvency.NO_SHORT_SALES].copy()
    kept["institution"] = [_name(row) for row in kept.to_dict("records")]
    kept["text"] = [_text(row) for row in kept.to_dict("records")]
    panels = [(title, kept[kept["outsiders"] == outsiders]) for outsiders, title in PANELS.items()]
    count = int(kept["economies"].max())
    title = f"Which institutions survive whom: {count} economies, short sales bankrupt"
    figure = institution_matrix(panels, _questions(table), title)
    figure.savefig(file, dpi=200)


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
    """Return the summary as a Markdown table; institutions where short sales are allowed take one line together."""
    short, questions = summary(table), _questions(table)
    allowed = short["solvency"] == Solvency.BUDGET
    lines = [
        "| pricing | trades of bankrupts | transfers | outsiders | " + " | ".join(questions) + " |",
        "|---" * (4 + len(questions)) + "|",
    ]
    for key, group in short[~allowed].groupby(["pricing", "bankruptcy", "coverage", "outsiders"], sort=False):
        cells = {row["question"]: _text(row) for row in group.to_dict("records")}
        named = [NAMES.get(str(part), str(part)) for part in key]
        lines.append("| " + " | ".join([*named, *(cells[question] for question in questions)]) + " |")
    broken = short[allowed & (short["question"] == Question.ONE)]
    worst = f"{int(broken['no'].min())} to {int(broken['no'].max())} of {int(broken['economies'].max())}"
    before = [_text(row) for row in short[allowed & (short["question"] == LIARS_TOGETHER)].to_dict("records")[:1]]
    cells_of_all = ["*short sales allowed: any*", *["*any*"] * 3, *before, f"no, in {worst}", "no", "no"]
    lines.append("| " + " | ".join(cells_of_all) + " |")
    return "\n".join(lines) + "\n"


def cartel_markdown(table: pd.DataFrame) -> str:
    """Return the cartel's table as Markdown."""
    columns = [*RULES, "outsiders", "EET", "FSU", "total", "least", "bound"]
    lines = ["| " + " | ".join(columns) + " |", "|---" * 5 + "|---:" * 5 + "|"]
    for row in table.to_dict("records"):
        numbers = [f"{row[column]:.1f}" for column in columns[5:]]
        lines.append("| " + " | ".join([*(NAMES.get(str(row[c]), str(row[c])) for c in columns[:5]), *numbers]) + " |")
    return "\n".join(lines) + "\n"


def _questions(table: pd.DataFrame) -> list[str]:
    """Return the questions that a table answers, in order; older tables do not ask about liars."""
    first = [LIARS_TOGETHER] if (table["question"] == LIARS_TOGETHER).any() else []
    return [*first, *(question.value for question in Question)]


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
