"""``marketgame block``: can what is established be blocked?"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.blocking.verdict import (
    blocking_document,
    coalition_limits,
    judge_blocking,
    print_verdict,
    write_certificate,
)
from marketgame.experiments.collusion.files import certificate_folder, commit_certificates
from marketgame.experiments.commands.invocation import LargestOption, LinkOption
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.game_file import load_game
from marketgame.experiments.files.input_file import InputFiles, blamed_on
from marketgame.experiments.printing import JsonOption, in_progress, print_answer
from marketgame.mechanisms.linear_program.deadline import Deadline


def command(
    file: Annotated[
        Path,
        typer.Argument(
            parser=located, metavar="FILE", help="A coalitional-game file with a mechanism or an allocation."
        ),
    ],
    largest: LargestOption = None,
    link: LinkOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where to write the plan or the proof as a certificate, instead of those of an earlier call.",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, metavar="N", help="Wall time allowed; no limit without it.")
    ] = None,
    durable: Annotated[
        bool,
        typer.Option(
            "--durable",
            help="Also look for a game that one or two members vote for, whatever they believe about each other.",
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Find the most profitable blocking plan against a game's mechanism or allocation, or prove there is none.

    With --out either is written as a certificate that `marketgame replay` checks. The exit code is 1 if the plan is
    blocked or, where that is asked, not durable; 0 if not, and 3 if the time allowed was too short to know.
    """
    # The time allowed is that of the whole call, reading the file included.
    deadline = Deadline.after(seconds)
    read = InputFiles()
    established = load_game(file, read)
    limits = coalition_limits(established.game, largest, link)
    with nullcontext() if out is None else certificate_folder(file, out) as folder:
        with blamed_on(file), in_progress("looking for a blocking plan"):
            verdict = judge_blocking(established, limits, deadline, durable=durable)
        certificate = None
        if folder is not None:
            certificate = write_certificate(verdict, folder)
            commit_certificates(folder, read.contents, file.parent)
    shown = partial(print_verdict, verdict, certificate=certificate)
    print_answer(lambda: blocking_document(verdict, certificate), shown, json=json)
    if verdict.blocked or verdict.voted_out:
        raise typer.Exit(ExitCode.NO)
