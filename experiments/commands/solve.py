"""``marketgame solve``: what an economy or a game could achieve, and whether truth pays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.commands.command_line import report
from marketgame.experiments.efficiency.document import solution_document
from marketgame.experiments.efficiency.game_document import game_document
from marketgame.experiments.efficiency.game_solution import solve_game
from marketgame.experiments.efficiency.game_tables import print_game_solution
from marketgame.experiments.efficiency.solution import solve_economy
from marketgame.experiments.efficiency.tables import print_solution
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.game_file import (
    EstablishedGame,
    load_game,
)
from marketgame.experiments.files.input_file import (
    InputError,
    InputFiles,
    blamed_on,
    kind_of,
    read_table,
    unknown_name,
)
from marketgame.experiments.printing import (
    JsonOption,
    answer_console,
    in_progress,
    print_json,
)
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import Money
from marketgame.mechanisms.linear_program.deadline import Deadline

ECONOMY, GAME = "market-economy", "coalitional-game"


def command(
    file: Annotated[
        Path, typer.Argument(parser=located, metavar="FILE", help="A market-economy or coalitional-game file.")
    ],
    participation: Annotated[
        str | None,
        typer.Option(
            metavar="none|individual",
            help="What the incentive-efficient benchmark must leave every type with; without it, an economy is "
            "solved for both and a game for none.",
        ),
    ] = None,
    money: Annotated[
        str | None,
        typer.Option(
            metavar="owned|unlimited",
            help="What players of an economy can be asked to pay in its incentive-efficient benchmarks: no more than "
            "they own, as without it, or any amount.",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, metavar="N", help="Wall time allowed to each benchmark; no limit without it.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compute the benchmarks of an economy, or an incentive-efficient mechanism of a game, with their proofs."""
    constraint = None if participation is None else _participation(participation)
    payable = None if money is None else _money(money)
    # In a game it is the time of the whole call, reading the file included.
    deadline = Deadline.after(seconds)
    files = InputFiles()
    if kind_of(read_table(file, files), file, (ECONOMY, GAME)) == GAME:
        if payable is not None:
            raise InputError(f"--money is for economies; {file} is a game, in which payments have no limit")
        _solve_game(file, load_game(file, files), constraint or Participation.NONE, deadline, json=json)
    else:
        wanted = tuple(Participation) if constraint is None else (constraint,)
        _solve_economy(file, load_economy(file, files), wanted, payable or Money.OWNED, seconds, json=json)


def _solve_economy(
    file: Path,
    economy: Economy,
    participation: tuple[Participation, ...],
    money: Money,
    seconds: float | None,
    *,
    json: bool,
) -> None:
    with blamed_on(file), in_progress("solving the economy"):
        solution = solve_economy(economy, participation, seconds, money)
    if json:
        print_json(solution_document(solution))
    else:
        print_solution(solution, answer_console())
    if solution.solver_failures:
        for reason in solution.solver_failures:
            report(f"no answer: {reason}")
        raise typer.Exit(ExitCode.NO_ANSWER)


def _solve_game(
    file: Path, established: EstablishedGame, participation: Participation, deadline: Deadline, *, json: bool
) -> None:
    with blamed_on(file), in_progress("solving the game"):
        solution = solve_game(established, participation, deadline)
    if json:
        print_json(game_document(solution))
    else:
        print_game_solution(solution, answer_console())


def _money(name: str) -> Money:
    names = {money.value: money for money in Money}
    if name not in names:
        raise InputError(f"--money {unknown_name(name, list(names))}")
    return names[name]


def _participation(name: str) -> Participation:
    names = {constraint.name.lower(): constraint for constraint in Participation}
    if name not in names:
        raise InputError(f"--participation {unknown_name(name, list(names))}")
    return names[name]
