"""``marketgame core``: a mechanism that nobody can break, or the proof that there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.blocking.core_answer import CoreAnswer, core_document, search_core
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.game_file import OBJECTIVES, core_goal, load_game
from marketgame.experiments.files.input_file import blamed_on
from marketgame.experiments.printing import JsonOption, in_progress, print_answer, remark_console
from marketgame.mechanisms.blocking import Support
from marketgame.mechanisms.core.outcome import CoreStatus
from marketgame.mechanisms.core.variant import CoreEffort, CoreVariant, SeverancePay
from marketgame.mechanisms.linear_program.deadline import Deadline


def command(
    file: Annotated[
        Path,
        typer.Argument(parser=located, metavar="FILE", help="A coalitional-game file; its mechanism is ignored."),
    ],
    minimize: Annotated[
        str | None, typer.Option(metavar=OBJECTIVES, help="Find the core allocation with the least of this.")
    ] = None,
    maximize: Annotated[
        str | None, typer.Option(metavar=OBJECTIVES, help="Find the core allocation with the most of this.")
    ] = None,
    fine: Annotated[
        bool, typer.Option("--fine", help="Stand up to mediators that also know the types of those who stay.")
    ] = False,
    no_severance: Annotated[bool, typer.Option("--no-severance", help="Promise nothing to those who leave.")] = False,
    seconds: Annotated[
        float, typer.Option(min=0, metavar="N", help="Wall time after which the answer is that nothing is known.")
    ] = CoreEffort().seconds,
    json: JsonOption = False,
) -> None:
    """Find a core allocation of a game with the mechanism that achieves it, or prove that its core is empty.

    The exit code is 3 if nothing is known.
    """
    # The time allowed is that of the whole call, reading the file included.
    deadline = Deadline.after(seconds)
    established = load_game(file)
    goal = core_goal(established.game, minimize, maximize)
    variant = CoreVariant(
        Support.FINE if fine else Support.COARSE,
        SeverancePay.NONE if no_severance else SeverancePay.ALLOWED,
    )
    with blamed_on(file), in_progress("searching the core"):
        answer = search_core(established, variant, goal, CoreEffort(seconds=seconds), deadline)
    print_answer(lambda: core_document(answer), answer.print_on, json=json)
    _remark(answer)
    if answer.status is CoreStatus.UNKNOWN:
        raise typer.Exit(ExitCode.NO_ANSWER)


def _remark(answer: CoreAnswer) -> None:
    optimum = answer.optimum
    if optimum is not None and not optimum.optimal:
        gap = abs(optimum.value - optimum.bound)
        remark_console().print(
            f"warning: the allocation may not be the best; {gap:.3g} is left between it and the bound"
        )
