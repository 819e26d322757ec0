"""``marketgame compare``: the same rounds side by side."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from marketgame import results
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.play.comparison import comparison_document, print_comparison
from marketgame.experiments.printing import JsonOption, print_answer


def command(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN...", help="Run folders of one economy and one seed; the first is compared with."
        ),
    ],
    json: JsonOption = False,
) -> None:
    """Say what each player, each coalition and everybody gains in other runs against the first, round by round."""
    try:
        comparison = results.compare(*runs)
    except (FileNotFoundError, ValueError) as error:
        raise InputError(str(error)) from None
    print_answer(lambda: comparison_document(comparison), partial(print_comparison, comparison), json=json)
