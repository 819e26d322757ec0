"""``marketgame core``: a mechanism that nobody can break, or the proof that there is none."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.blocking.core_answer import CoreAnswer, core_document, search_core
from marketgame.experiments.blocking.core_picture import PLANE, core_picture, plane_of
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.game_file import OBJECTIVES, core_goal, load_game
from marketgame.experiments.files.input_file import InputError, blamed_on
from marketgame.experiments.printing import JsonOption, in_progress, print_answer, remark_console
from marketgame.mechanisms.blocking import Support
from marketgame.mechanisms.core.outcome import CoreStatus
from marketgame.mechanisms.core.variant import CoreEffort, CoreVariant, SeverancePay
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.results.formats import FigureFormat

ENDINGS = tuple(f".{each}" for each in FigureFormat)


def command(  # noqa: PLR0913, PLR0917 -- one parameter for each option of the command line
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
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the core, too: a file that ends in png, pdf or svg.")
    ] = None,
    plane: Annotated[
        str | None, typer.Option(metavar=PLANE, help="The payoffs on the axes of the figure; else of two types.")
    ] = None,
    mark: Annotated[
        list[Path] | None,
        typer.Option(parser=located, metavar="FILE", help="A file of the same game whose mechanism the figure marks."),
    ] = None,
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
    if figure is not None and figure.suffix not in ENDINGS:
        raise InputError(f"--figure is '{figure}'; it must end in {', '.join(ENDINGS)}")
    if figure is None and (plane is not None or mark):
        raise InputError("--plane and --mark are for the figure; name its file with --figure")
    axes = None if figure is None else plane_of(established.game, plane)
    marked = {each.name: each for each in map(load_game, mark or [])}
    for each in marked.values():
        if each.game.players != established.game.players or each.game.types != established.game.types:
            raise InputError(f"--mark names {each.name!r}, which is another game than {established.name!r}")
    with blamed_on(file), in_progress("searching the core"):
        answer = search_core(established, variant, goal, CoreEffort(seconds=seconds), deadline)
    print_answer(lambda: core_document(answer), answer.print_on, json=json)
    _remark(answer)
    if figure is not None and axes is not None:
        with in_progress("drawing the core"):
            drawn = core_picture(established, axes, variant, marked)
        if drawn is None:
            remark_console().print("there is no figure: the core is empty, or nothing is known of it")
        else:
            # Matplotlib is loaded where something is drawn.
            save = import_module("marketgame.results.figures").save_figure
            try:
                save(drawn, figure)
            except OSError as error:
                raise InputError(f"--figure is '{figure}', which cannot be written: {error.strerror}") from None
    if answer.status is CoreStatus.UNKNOWN:
        raise typer.Exit(ExitCode.NO_ANSWER)


def _remark(answer: CoreAnswer) -> None:
    optimum = answer.optimum
    if optimum is not None and not optimum.optimal:
        gap = abs(optimum.value - optimum.bound)
        remark_console().print(
            f"warning: the allocation may not be the best; {gap:.3g} is left between it and the bound"
        )
