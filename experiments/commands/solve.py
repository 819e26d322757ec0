"""``marketgame solve``: what an economy could achieve, and whether truth pays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.economy_file import load_economy
from experiments.input_file import InputError, blamed_on, unknown_name
from experiments.printing import JsonOption, answer_console, print_json
from experiments.solution import solve_economy
from experiments.solution_document import solution_document
from experiments.solution_tables import print_solution
from mechanisms.incentive_efficiency import Participation


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A market-economy file.")],
    participation: Annotated[
        str | None,
        typer.Option(
            metavar="none|individual",
            help="What the incentive-efficient benchmark must leave every type with; both without it.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compute the efficient allocation, supporting prices, transfers and incentives of an economy."""
    constraints = tuple(Participation) if participation is None else (_participation(participation),)
    economy = load_economy(file)
    with blamed_on(file):
        solution = solve_economy(economy, constraints)
    if json:
        print_json(solution_document(solution))
    else:
        print_solution(solution, answer_console())


def _participation(name: str) -> Participation:
    names = {constraint.name.lower(): constraint for constraint in Participation}
    if name not in names:
        raise InputError(f"--participation {unknown_name(name, list(names))}")
    return names[name]
