"""Options of commands that say which coalitions can form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from marketgame.experiments.files.input_file import (
    InputError,
    unknown_name,
)
from marketgame.mechanisms.blocking import CoalitionLimits
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame

type Link = str | tuple[str, str]

LargestOption = Annotated[
    int | None, typer.Option("--largest", min=1, metavar="N", help="Consider no coalitions of more members than this.")
]
LinkOption = Annotated[
    list[str] | None,
    typer.Option(
        "--link",
        metavar="PLAYER,PLAYER",
        help="Two players who can talk to each other; once for each link. With any, only connected coalitions form.",
    ),
]


def coalition_limits(
    game: CoalitionalGame, largest: int | None, links: Sequence[Link] | None, field: str = "--link"
) -> CoalitionLimits:
    """Return the limits that options describe.

    Args:
        game: whose players links name.
        largest: size of the largest coalition, or none.
        links: each two names, or a text with a comma between them.
        field: what a link is called in messages.

    Raises:
        InputError: a link does not name two different players of the game.
    """
    network = frozenset(_link(game, link, field) for link in links) if links else None
    return CoalitionLimits(largest, network)


def _link(game: CoalitionalGame, link: Link, field: str) -> tuple[int, int]:
    names = [name.strip() for name in link.split(",")] if isinstance(link, str) else list(link)
    if len(names) != 2 or names[0] == names[1]:
        raise InputError(f"{field} is {link!r}; it must name two different players with a comma between them")
    for name in names:
        if name not in game.players:
            raise InputError(f"{field} {unknown_name(name, game.players)}")
    first, second = sorted(game.players.index(name) for name in names)
    return first, second
