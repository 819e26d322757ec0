"""The core of a game as a picture, in the plane of two interim payoffs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from marketgame.experiments.files.game_file import EstablishedGame
from marketgame.experiments.files.input_file import InputError, one_of
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import interim_utilities
from marketgame.mechanisms.core.projection import CoreProjection, PayoffAxis, core_projection
from marketgame.mechanisms.core.variant import CoreVariant

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLANE = "PLAYER/TYPE,PLAYER/TYPE"


def plane_of(game: CoalitionalGame, stated: str | None) -> tuple[PayoffAxis, PayoffAxis]:
    """Return the two payoffs of a picture: those stated, else of two types of one player, else of two players.

    Raises:
        InputError: what is stated names no two payoffs, or the game has but one.
    """
    known = {
        f"{player}/{kind}": PayoffAxis(number, place)
        for number, player in enumerate(game.players)
        for place, kind in enumerate(game.types[number])
    }
    if len(known) < 2:
        raise InputError("--figure shows two payoffs; the game has a single type of a single player")
    if stated is None:
        uncertain = [number for number, count in enumerate(game.type_counts) if count > 1]
        if uncertain:
            return PayoffAxis(uncertain[0], 0), PayoffAxis(uncertain[0], 1)
        return PayoffAxis(0, 0), PayoffAxis(1, 0)
    names = stated.split(",")
    for name in names:
        if name not in known:
            raise InputError(f"--plane is {stated!r}, of which {name!r} is no payoff; {one_of(name, list(known))}")
    if len(set(names)) != 2:
        raise InputError(f"--plane is {stated!r}; it must be two payoffs, {PLANE}")
    return known[names[0]], known[names[1]]


def core_picture(
    established: EstablishedGame,
    axes: tuple[PayoffAxis, PayoffAxis],
    variant: CoreVariant,
    others: Mapping[str, EstablishedGame],
) -> Figure | None:
    """Return the core in a plane, with the mechanisms that files hold; none where it is empty or not known.

    Args:
        established: the game, and the mechanism of its file if there is one.
        axes: the payoffs.
        variant: of the core.
        others: further files of the same game, whose mechanisms are marked, by what they are called.
    """
    game = established.game
    found = core_projection(game, axes, variant)
    if not isinstance(found, CoreProjection):
        return None
    marks = {}
    for name, each in {f"{established.name}, as in its file": established, **others}.items():
        if each.mechanism is not None:
            payoffs = interim_utilities(game, each.mechanism)
            marks[name] = (float(payoffs[axes[0].player][axes[0].kind]), float(payoffs[axes[1].player][axes[1].kind]))
    labels = [" ".join((game.players[axis.player], game.types[axis.player][axis.kind])) for axis in axes]
    vertices = [(float(first), float(second)) for first, second in found.vertices]
    exact = "" if found.exact else ", as far as it is proved"
    # Matplotlib is loaded where something is drawn.
    draw = import_module("marketgame.results.figures.core").core_in_payoff_plane
    figure: Figure = draw(vertices, (labels[0], labels[1]), marks, "money", f"The core of {established.name}{exact}")
    return figure
