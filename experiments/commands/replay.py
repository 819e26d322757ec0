"""``marketgame replay``: does a certificate prove what it claims?"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.certificate_files.files import load_certificate
from marketgame.experiments.certificate_files.replay import print_replay, replay_document, replayed
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputFiles
from marketgame.experiments.printing import AllowCodeOption, JsonOption, in_progress, print_answer


def command(
    certificate: Annotated[
        Path,
        typer.Argument(
            parser=located, metavar="CERTIFICATE", help="A certificate file, as `marketgame certify` writes it."
        ),
    ],
    allow_code: AllowCodeOption = False,
    json: JsonOption = False,
) -> None:
    """Play a stored deviation or blocking plan again, or check a stored proof, and recompute every number in it.

    The exit code is 1 if a number or a condition is wrong.
    """
    stored = load_certificate(certificate, InputFiles(allow_code=allow_code))
    with in_progress("playing the certificate"):
        replay = replayed(stored)
    print_answer(lambda: replay_document(replay), partial(print_replay, replay), json=json)
    if not replay.confirmed:
        raise typer.Exit(ExitCode.NO)
