"""``marketgame explain``: what may stand in a file, and what stands in the tables of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from marketgame.experiments.commands.explained import print_explanation
from marketgame.experiments.printing import answer_console


def command(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="A kind of input file, `tables` or `figures`.")],
) -> None:
    """Document every field of a kind of input file, every column of the result tables, or every figure."""
    print_explanation(kind, answer_console())
