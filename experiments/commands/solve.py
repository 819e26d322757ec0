"""``marketgame solve``: what an economy could achieve, and whether truth pays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.economy_file import load_economy
from experiments.input_file import blamed_on
from experiments.printing import JsonOption, answer_console, print_json
from experiments.solution import solution_document, solve_economy
from experiments.solution_tables import print_solution


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A market-economy file.")],
    json: JsonOption = False,
) -> None:
    """Compute the efficient allocation, supporting prices, transfers and incentives of an economy."""
    economy = load_economy(file)
    with blamed_on(file):
        solution = solve_economy(economy)
    if json:
        print_json(solution_document(solution))
    else:
        print_solution(solution, answer_console())
