"""``marketgame certify``: does a contract stand up to lies, to single players, and to coalitions?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.collusion.certification import (
    USUAL_SECONDS,
    asked_coalitions,
    certified_scenario,
    examination_of,
    with_rules,
    with_transfers,
)
from marketgame.experiments.collusion.files import (
    certificate_folder,
    commit_certificates,
    refuse_unstorable,
    write_certificates,
)
from marketgame.experiments.collusion.printing import certification_document, print_certification, progress_text
from marketgame.experiments.commands.invocation import LargestOption, TransfersOption
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputError, InputFiles, blamed_on
from marketgame.experiments.files.sources import outside_sources
from marketgame.experiments.printing import AllowCodeOption, JsonOption, in_progress, print_answer
from marketgame.mechanisms.linear_program.deadline import Deadline


def command(  # noqa: PLR0913 -- one parameter for each option of the command line
    file: Annotated[
        Path,
        typer.Argument(
            parser=located,
            metavar="FILE",
            help="A scenario on a market, a contract, or an economy: its contract under which truth is best.",
        ),
    ],
    *,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            metavar="NAME=VALUE",
            help="A rule of the market instead of the file's, or of the paper's for an economy; once for each.",
        ),
    ] = None,
    transfers: TransfersOption = None,
    coalition: Annotated[
        list[str] | None,
        typer.Option(
            "--coalition",
            metavar="PLAYER,PLAYER...",
            help="A coalition to examine beside single players; once for each. All without it.",
        ),
    ] = None,
    largest: LargestOption = None,
    every: Annotated[
        bool,
        typer.Option("--every", help="Look for improvements of every coalition, even where no answer depends on it."),
    ] = False,
    seconds: Annotated[
        float,
        typer.Option(min=0, metavar="N", help="Wall time for everything; what is not found by then is not known."),
    ] = USUAL_SECONDS,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where to write certificates, instead of those of an earlier call; beside the runs without it.",
        ),
    ] = None,
    allow_code: AllowCodeOption = False,
    json: JsonOption = False,
) -> None:
    """Find out whether a contract is incentive compatible, also for coalitions, stable, and collusion-proof.

    Members expect outsiders to obey or, where a scenario's traders answer misquotes, to answer them so.
    What one player alone gains settles all answers but the first, and once all are settled nothing more is looked for
    without --every. Every no comes with a certificate of a deviation that `marketgame replay` plays again, a yes to
    everything with a certificate of its proof. The exit code is 1 if an answer is no.
    """
    read, deadline = InputFiles(allow_code=allow_code), Deadline.after(seconds)
    scenario = with_transfers(certified_scenario(file, read), transfers, "--transfers")
    scenario = replace(scenario, rules=with_rules(scenario.rules, _by_name(rule or []), "--rule"))
    coalitions = asked_coalitions(scenario.economy.player_names, coalition, largest, "--coalition")
    with blamed_on(file):
        refuse_unstorable(scenario.economy)
    with certificate_folder(file, out) as folder:
        with blamed_on(file), in_progress("looking for profitable deviations") as show:
            names = scenario.economy.player_names
            examination = examination_of(
                scenario, coalitions, deadline, every=every, watch=lambda *known: show(progress_text(names, *known))
            )
        files, proof = write_certificates(examination, folder)
        commit_certificates(folder, read.contents, file.parent, outside_sources(scenario))
    known = (scenario.name, examination, files, proof)
    print_answer(lambda: certification_document(*known), partial(print_certification, *known), json=json)
    if examination.refuted:
        raise typer.Exit(ExitCode.NO)


def _by_name(rules: list[str]) -> dict[str, str]:
    chosen = {}
    for entry in rules:
        name, equals, value = entry.partition("=")
        if not equals:
            raise InputError(f"--rule is {entry!r}; it must be NAME=VALUE")
        chosen[name] = value
    return chosen
