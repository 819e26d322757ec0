"""``marketgame learning``: what learners came to play, and how far that is from equilibrium."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from marketgame import results
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.printing import AllowCodeOption, JsonOption, in_progress, print_answer
from marketgame.experiments.sweep.learning import diagnosis, diagnosis_document, print_diagnosis


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run or of a sweep that keeps stances.")],
    *,
    exploitability: Annotated[
        bool, typer.Option("--exploitability", help="Also seek the best reply of every type, by any means whatever.")
    ] = False,
    allow_code: AllowCodeOption = False,
    json: JsonOption = False,
) -> None:
    """Say how often learners took which stance, whether that has settled, and how far it is from equilibrium."""
    try:
        with in_progress("settling what stances bring"):
            found = diagnosis(results.load(run), exploitability=exploitability, allow_code=allow_code)
    except (FileNotFoundError, ValueError) as error:
        raise InputError(str(error)) from None
    print_answer(partial(diagnosis_document, found), partial(print_diagnosis, found), json=json)
