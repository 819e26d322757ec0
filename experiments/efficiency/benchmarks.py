"""The tables that every run and every solved economy or game share: welfare by benchmark, and what binds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from marketgame.experiments.printing import number, share, table
from marketgame.results.names import on_a_line

# More rows than fit a screen are left to the JSON document.
MOST_CONSTRAINTS_SHOWN = 12
# A proven bound is mentioned when it leaves more than this share of the gains open.
LOOSE_BOUND = 1e-6
LABELS = {
    "first-best": "first best",
    "walrasian": "Walrasian equilibrium",
    "incentive-efficient": "incentive-efficient, willing or not",
    "incentive-efficient-individual": "incentive-efficient, everyone willing",
    "incentive-efficient-unlimited-money": "incentive-efficient, willing or not, unlimited money",
    "incentive-efficient-individual-unlimited-money": "incentive-efficient, everyone willing, unlimited money",
}


@dataclass(frozen=True)
class BenchmarkRow:
    """What the play or a benchmark achieves.

    Attributes:
        name: as in the table ``benchmarks`` of a run.
        welfare: sum of utilities, numeraire; none when not known.
        gains: welfare above autarky, numeraire; none when not known.
        gap: welfare below first best, numeraire; none when not known.
        share: of the first-best gains; none when not known or there is nothing to gain.
        over: what the welfare is the mean over; empty where that is said elsewhere.
        value_of_goods: welfare without the numeraire; none when not known.
        upper_bound: proven bound on welfare, numeraire; none when welfare is exact or not known.
        bound_on_gains: proven bound on the gains, numeraire; none when they are exact or not known.
        obstacle: why welfare is not known; empty when it is.
        standard_error: of the gains where profiles are drawn, numeraire; zero where all count.
    """

    name: str
    welfare: float | None
    gains: float | None = None
    gap: float | None = None
    share: float | None = None
    over: str = ""
    value_of_goods: float | None = None
    upper_bound: float | None = None
    bound_on_gains: float | None = None
    obstacle: str = ""
    standard_error: float = 0.0

    @property
    def label(self) -> str:
        """The name as it is written in tables."""
        return LABELS.get(self.name, self.name)


@dataclass(frozen=True)
class ConstraintRow:
    """A constraint that costs welfare.

    Attributes:
        benchmark: of which benchmark; empty where there is one only.
        player: whose constraint.
        type: the type that is held to it.
        report: the type it is tempted to report; none if it is tempted to stay out.
        multiplier: how much money in the mediator's budget is worth as much as relaxing the constraint by one
            unit.
    """

    benchmark: str
    player: str
    type: str
    report: str | None
    multiplier: float


def benchmark_table(title: str, rows: Sequence[BenchmarkRow]) -> Group:
    """Return welfare by benchmark, with remarks on what is not known below."""
    goods = any(row.value_of_goods is not None for row in rows)
    over = any(row.over for row in rows)
    columns = ["", "welfare", "over autarky", "short of first best", "share of gains"]
    columns += (["value of goods"] if goods else []) + (["mean over"] if over else [])
    scale = max((abs(row.welfare) for row in rows if row.welfare is not None), default=0.0)
    # What can be gained may be far less than what everybody owns.
    gained = max((abs(value) for row in rows for value in (row.gains, row.gap) if value is not None), default=0.0)
    cells = (
        [
            row.label,
            _known(row.welfare, scale),
            *(_known(value, gained) for value in (row.gains, row.gap)),
            "" if row.welfare is None else share(row.share),
            *(["" if row.value_of_goods is None else number(row.value_of_goods)] if goods else []),
            *([row.over] if over else []),
        ]
        for row in rows
    )
    remarks = [Text(on_a_line(remark)) for remark in (*_obstacles(rows), *_loose_bounds(rows))]
    parts: list[RenderableType] = [table(title, columns, cells), *remarks]
    return Group(*parts, *([""] if remarks else []))


def _known(value: float | None, scale: float) -> str:
    return "" if value is None else number(value, scale)


def _obstacles(rows: Sequence[BenchmarkRow]) -> Iterator[str]:
    for obstacle in dict.fromkeys(row.obstacle for row in rows if row.obstacle):
        labels = [row.label for row in rows if row.obstacle == obstacle]
        yield f"not available: {'; '.join(labels)} ({obstacle})"


def _loose_bounds(rows: Sequence[BenchmarkRow]) -> Iterator[str]:
    drawn = [f"{row.label} {row.standard_error:.2g}" for row in rows if row.standard_error > 0]
    if drawn:
        yield f"sampled, standard errors of gains: {', '.join(drawn)}"
    for row in rows:
        if row.gains is None or row.gap is None or row.bound_on_gains is None:
            continue
        if row.bound_on_gains - row.gains > LOOSE_BOUND * (row.gains + row.gap):
            yield f"{row.label}: the best mechanism found; none gains more than {number(row.bound_on_gains)}"


def benchmark_frame(rows: Iterable[BenchmarkRow], unit: str) -> pd.DataFrame:
    """Return welfare by benchmark as a data frame, in a unit of money; numbers are missing where they are not known."""
    columns = {
        row.name: {
            "welfare": row.welfare,
            "gains": row.gains,
            "gap_to_first_best": row.gap,
            "share_of_first_best_gains": row.share,
            "upper_bound": row.upper_bound,
        }
        for row in rows
    }
    frame = pd.DataFrame.from_dict(columns, orient="index", dtype=float).rename_axis("benchmark")
    money = ("welfare", "gains", "gap_to_first_best", "upper_bound")
    frame.attrs = {"units": dict.fromkeys(money, unit) | {"share_of_first_best_gains": "1"}}
    return frame


def benchmark_document(rows: Iterable[BenchmarkRow]) -> dict[str, dict[str, Any]]:
    """Return welfare by benchmark for the JSON document."""
    return {
        row.name: {
            "welfare": row.welfare,
            "gains_over_autarky": row.gains,
            "gap_to_first_best": row.gap,
            "share_of_first_best_gains": row.share,
            "upper_bound": row.upper_bound,
            "over": row.over or None,
            "obstacle": row.obstacle or None,
            "standard_error": row.standard_error,
        }
        for row in rows
    }


def constraint_table(title: str, constraints: Iterable[ConstraintRow]) -> Group:
    """Return the binding constraints with their multipliers: benchmark by benchmark, the costliest first."""
    found = list(constraints)
    if not found:
        return Group(Text(on_a_line(f"{title}: none"), style="bold"), "")
    order = list(dict.fromkeys(each.benchmark for each in found))
    ranked = sorted(found, key=lambda each: (order.index(each.benchmark), -each.multiplier))
    shown = ranked[:MOST_CONSTRAINTS_SHOWN]
    named = order != [""]
    columns = [*(["benchmark"] if named else []), "player", "type", "would rather", "multiplier"]
    rows = (
        [
            *([LABELS.get(each.benchmark, each.benchmark)] if named else []),
            each.player,
            each.type,
            "stay out" if each.report is None else f"report {each.report}",
            number(each.multiplier),
        ]
        for each in shown
    )
    left = len(found) - len(shown)
    note = f" ({left} more in the JSON document)" if left else ""
    return table(title + note, columns, rows, texts=len(columns) - 1)


def constraint_document(constraints: Iterable[ConstraintRow]) -> list[dict[str, Any]]:
    """Return the binding constraints for the JSON document."""
    return [
        {
            "benchmark": each.benchmark,
            "player": each.player,
            "type": each.type,
            "constraint": "participation" if each.report is None else "incentive",
            "report": each.report,
            "multiplier": each.multiplier,
        }
        for each in constraints
    ]
