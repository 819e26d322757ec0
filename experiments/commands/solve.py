"""``marketgame solve``: what an economy or a game could achieve, and whether truth pays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.commands.command_line import report
from marketgame.experiments.commands.invocation import TransfersOption
from marketgame.experiments.efficiency.contract_solution import ContractSolution, contract_document
from marketgame.experiments.efficiency.game_solution import GameSolution, game_document
from marketgame.experiments.efficiency.solution import EconomySolution, solution_document
from marketgame.experiments.efficiency.solving import Solution, solve
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import member
from marketgame.experiments.printing import AllowCodeOption, JsonOption, answer_console, in_progress, print_json
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import Money


def command(  # noqa: PLR0913 -- one parameter for each option of the command line
    file: Annotated[
        Path,
        typer.Argument(parser=located, metavar="FILE", help="A market-economy, contract or coalitional-game file."),
    ],
    *,
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
    transfers: TransfersOption = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, metavar="N", help="Wall time allowed to each benchmark; no limit without it.")
    ] = None,
    refusable: Annotated[
        bool,
        typer.Option(
            "--refusable",
            help="Decide too if transfers exist that nobody lies to get, or refuses, once it sees what it is told.",
        ),
    ] = False,
    allow_code: AllowCodeOption = False,
    json: JsonOption = False,
) -> None:
    """Compute the benchmarks of an economy, what a contract achieves, or an incentive-efficient mechanism of a game."""
    constraint = None if participation is None else member(Participation, participation, "--participation")
    payable = None if money is None else member(Money, money, "--money")
    rule = None if transfers is None else member(TransferRule, transfers, "--transfers")
    with in_progress("solving"):
        solution = solve(
            file,
            participation=constraint,
            money=payable,
            transfers=rule,
            seconds=seconds,
            refusable=refusable,
            allow_code=allow_code,
        )
    if json:
        print_json(_document(solution))
    else:
        solution.print_on(answer_console())
    if isinstance(solution, EconomySolution) and solution.solver_failures:
        for reason in solution.solver_failures:
            report(f"no answer: {reason}")
        raise typer.Exit(ExitCode.NO_ANSWER)


def _document(solution: Solution) -> dict[str, Any]:
    match solution:
        case GameSolution():
            return game_document(solution)
        case ContractSolution():
            return contract_document(solution)
        case EconomySolution():
            return solution_document(solution)
