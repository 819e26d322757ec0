"""What a run amounts to, as tables and as a document."""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import Any

from rich.console import Console
from rich.markup import escape

import results
from experiments.printing import number, share, table
from results.loading import Run

UTILITIES = ("mean_utility", "mean_promised_utility", "mean_wealth")


def summary_document(run: Run) -> dict[str, Any]:
    """Return the summary of a run as the JSON document of ``marketgame run``."""
    first = run.runs.iloc[0]
    return {
        "scenario": str(first["scenario"]),
        "economy": str(first["economy"]),
        "seed": int(first["seed"]),
        "rounds": int(first["rounds"]),
        "status": run.manifest["status"],
        "folder": str(run.folder),
        "unit": run.unit("rounds", "welfare"),
        "welfare": _welfare(run),
        "players": _players(run),
        "bankruptcies": _bankruptcies(run),
        "misreports": int(first["misreports"]),
    }


def _welfare(run: Run) -> dict[str, dict[str, Any]]:
    """Return welfare per round by benchmark; nothing when no round was played."""
    if run.rounds.empty:
        return {}
    return {
        str(name): {
            "welfare": float(row["welfare"]),
            "gains_over_autarky": float(row["gains"]),
            "share_of_first_best_gains": _finite(float(row["share_of_first_best_gains"])),
            "over": str(row["over"]),
        }
        for name, row in results.summary(run).iterrows()
    }


def _players(run: Run) -> dict[str, dict[str, Any]]:
    return {
        str(name): {
            "behaviour": str(row["behaviour"]),
            "mean_utility": float(row["mean_utility"]),
            "mean_promised_utility": float(row["mean_promised_utility"]),
            "mean_wealth": float(row["mean_wealth"]),
            "bankruptcies": int(row["bankruptcies"]),
        }
        for name, row in results.player_summary(run).iterrows()
    }


def _bankruptcies(run: Run) -> list[dict[str, Any]]:
    """Return in how many rounds which player was bankrupt, and why."""
    bankrupt = run.players.loc[run.players["bankrupt"], ["player", "reason"]].astype(str)
    counts = Counter(bankrupt.itertuples(index=False, name=None))
    return [{"player": player, "reason": reason, "rounds": rounds} for (player, reason), rounds in counts.items()]


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def print_summary(run: Run, console: Console) -> None:
    """Print what a run amounts to."""
    document = summary_document(run)
    unit = document["unit"]
    console.print(
        f"[bold]{escape(document['scenario'])}[/bold]: {escape(document['economy'])}, {document['rounds']} rounds, "
        f"seed {document['seed']}\n"
    )
    scale = max((abs(row["welfare"]) for row in document["welfare"].values()), default=0.0)
    rows = [
        [
            name,
            number(row["welfare"], scale),
            number(row["gains_over_autarky"], scale),
            share(row["share_of_first_best_gains"]),
            row["over"],
        ]
        for name, row in document["welfare"].items()
    ]
    columns = ["", "welfare", "gains over autarky", "share of first-best gains", "over"]
    console.print(table(f"Welfare per round, in {unit}", columns, rows))
    players = [
        [name, row["behaviour"], *(number(row[key], scale) for key in UTILITIES), str(row["bankruptcies"])]
        for name, row in document["players"].items()
    ]
    columns = ["player", "behaviour", "utility", "promised", "wealth", "bankrupt rounds"]
    console.print(table(f"Players, mean per round, in {unit}", columns, players, texts=2))
    console.print(f"bankruptcies: {_in_words(document['bankruptcies'])}", markup=False)
    console.print(f"misreports:   {document['misreports'] or 'none'}")
    console.print(f"run folder:   {document['folder']}", markup=False, soft_wrap=True)


def _in_words(bankruptcies: list[dict[str, Any]]) -> str:
    listed = (f"{each['player']} {each['rounds']} ({each['reason']})" for each in bankruptcies)
    return ", ".join(listed) or "none"
