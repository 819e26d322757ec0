"""``marketgame stress``: which institution survives whom on an economy, what that costs, and which one to use."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.collusion.files import refuse_unstorable
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputError, InputFiles, blamed_on
from marketgame.experiments.files.interruption import postponed
from marketgame.experiments.printing import AllowCodeOption, JsonOption, in_progress, print_answer, remark_console
from marketgame.experiments.stress.asking import processes
from marketgame.experiments.stress.printing import print_stress
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.result import stress_document
from marketgame.experiments.stress.selection import parsed_rules
from marketgame.experiments.stress.stressing import (
    USUAL_SECONDS,
    asked_also,
    asked_of,
    default_folder,
    in_folder,
    to_survive,
)
from marketgame.experiments.sweep.executors import Workers, on_cluster
from marketgame.experiments.sweep.folder import OnChange
from marketgame.mechanisms.linear_program.deadline import Deadline


def command(  # noqa: PLR0913 -- one parameter for each option of the command line
    file: Annotated[
        Path,
        typer.Argument(
            parser=located,
            metavar="FILE",
            help="An economy; or a scenario or a contract, which then is an institution of its own.",
        ),
    ],
    *,
    rules: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE,...",
            help="Rules to ask instead of the usual sets, those that differ from the paper's; once for each set.",
        ),
    ] = None,
    transfers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            help="Transfers to ask instead of the usual ones; once for each: none, expected-externality, lp, "
            "coalition-proof.",
        ),
    ] = None,
    severance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            help="What is promised to whoever leaves, once for each: none, as-stated by a scenario, or the least that "
            "is known to keep coalitions; none without it.",
        ),
    ] = None,
    preset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A set of rules with a name, once for each: paper, no-short-sales, repaired, repaired-spread, "
            "matched, escrow, matched-escrow, repaired-matched-escrow.",
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Ask all combinations of rules and transfers, some thousands.")
    ] = False,
    ask: Annotated[
        list[str] | None,
        typer.Option(metavar="QUESTION", help="What is asked, once for each question; everything without it."),
    ] = None,
    must: Annotated[
        list[str] | None,
        typer.Option(
            metavar="QUESTION",
            help="What the institution that is recommended must survive, once for each; all that is asked and can be "
            "proven without it.",
        ),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(min=0, metavar="N", help="Wall time for everything; what is not asked by then is not asked."),
    ] = USUAL_SECONDS,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes on this machine; one per core without it.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Scheduler of a Dask cluster to ask on instead.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Where to keep answers and certificates; results/runs/FILE-stress without."
        ),
    ] = None,
    on_change: Annotated[
        OnChange,
        typer.Option(
            help="If the file or the code have changed since the folder was begun: do nothing, keep its answers, or "
            "discard them all."
        ),
    ] = OnChange.REFUSE,
    allow_code: AllowCodeOption = False,
    json: JsonOption = False,
) -> None:
    """Find out which institution survives whom on your economy, what survival costs, and which one to use.

    Every institution is asked against liars, disobedience, coalitions, and coalitions that leave, the cheapest
    questions first. A yes comes with a proof, a no with a certificate that `marketgame replay` plays again. Answers are
    kept as they come; the same command goes on where it stopped. The exit code is 1 if no institution can survive.
    """
    if workers is not None and cluster is not None:
        raise InputError("--workers and --cluster are both given; name one of them")
    deadline, read = Deadline.after(seconds), InputFiles(allow_code=allow_code)
    asked = asked_of(
        file,
        read,
        rules=parsed_rules(rules or [], "--rules"),
        transfers=transfers or [],
        severance=severance or [],
        presets=preset or [],
        every=every,
        ask=tuple(Question) if ask is None else ask,
    )
    survived = to_survive(must, asked, "--must")
    asked = asked_also(asked, survived)
    with blamed_on(file):
        refuse_unstorable(asked.scenario.economy)
    folder = default_folder(file) if out is None else out

    def where() -> AbstractContextManager[Workers | None]:
        return processes(workers or len(os.sched_getaffinity(0))) if cluster is None else on_cluster(cluster)

    with postponed():
        try:
            with in_progress("asking institutions") as show:
                test = in_folder(
                    asked,
                    survived,
                    deadline,
                    where,
                    folder,
                    read,
                    file,
                    on_change=on_change,
                    named=out is not None,
                    told=lambda done, of, cell: show(f"{done} of {of}: {cell.inquiry.value}, {cell.institution}"),
                )
        except KeyboardInterrupt:
            remark_console().print("interrupted; the same command goes on from here")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
    print_answer(partial(stress_document, test), partial(print_stress, test), json=json)
    found = test.recommended
    if found.institution is None and not found.unknown:
        raise typer.Exit(ExitCode.NO)
