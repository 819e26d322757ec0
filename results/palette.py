"""All colours and marks, and whose they are: one table for figures, reports, the page and moving pictures.

The eight colours of the palette have the hues of Okabe and Ito's, but each its own lightness, so that they are told
apart by readers with any of the common colour deficiencies and on paper without colours. Nothing is told by colour
alone all the same.

A player has one of them everywhere, by its place among the players of the economy, whatever else is drawn and whatever
it does. The ninth player has the first one's colour again, half of its circle white, and so on; its name stands beside
it. What a player does is told by lines and shapes: a thick outline if it is not obedient, a cross if it is bankrupt, a
square if it left. What flows between players is grey, so that hue says who.

The module needs no drawing library.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

type _Half = Literal["full", "bottom", "left", "top", "right"]

BLUE: Final = "#0943A8"
ORANGE: Final = "#FF8616"
GREEN: Final = "#23A177"
MAGENTA: Final = "#DB239B"
SKY: Final = "#47D1EB"
VERMILION: Final = "#A24426"
YELLOW: Final = "#DEE064"
PLUM: Final = "#4B1E6C"
INK: Final = "#333333"
GREY: Final = "#8C8C8C"
PALE: Final = "#D9D9D9"
FAINT: Final = "#EDEDED"
WHITE: Final = "#FFFFFF"
# Grounds, on which ink is read.
PALE_BLUE: Final = "#CFE3F1"
PALE_GREEN: Final = "#D5EBDD"
SEA: Final = "#9FD3C0"
SAND: Final = "#F0B798"
CLAY: Final = "#DE8F66"

# Ends and middle of ranges from little to much, light to dark, so that they survive a black-and-white printer.
STRENGTH_STEPS: Final = ("#B9CFE0", "#5B8DB5", "#123A5E")
FLOW_STEPS: Final = ("#C6C9CC", "#85898D", "#23272B")
PROFIT_STEPS: Final = ("#FBE3D3", "#E9A97F", "#A8430F")
# Of cells of a table, paler, for there are letters on them.
CELL_ENDS: Final = ("#EEF3F8", "#123A5E")

PALETTE: Final = (BLUE, ORANGE, GREEN, MAGENTA, SKY, VERMILION, YELLOW, PLUM)
SERIES: Final = PALETTE[:7]
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
# What part of a player's circle has its colour, and what is drawn over its bars, as colours are used again.
_HALVES: Final[tuple[_Half, ...]] = ("full", "bottom", "left", "top", "right")
_HATCHES: Final = ("", "||", "--", "++", "oo")
BANKRUPT_HATCH: Final = "////"
_LUMINANCE: Final = (0.2126, 0.7152, 0.0722)  # of red, green and blue
_LIGHT: Final = 0.45
THIN: Final = 0.6  # points, the outline of who obeys
THICK: Final = 1.8  # and of who does not


@dataclass(frozen=True)
class PlayerLook:
    """How a player is drawn in every figure.

    Attributes:
        colour: its own.
        half: which part of its circle has that colour, the rest being white.
        hatch: what is drawn over its bars.
        marker: of its points, among those of other players.
    """

    colour: str
    half: _Half
    hatch: str
    marker: str


def player_look(place: int) -> PlayerLook:
    """Return how the player at a place among the players of an economy, from 0, is drawn."""
    cycle, which = divmod(place, len(PALETTE))
    again = cycle % len(_HALVES)
    # There are as many markers as colours less one, so that a pair of both comes again after 56 players only.
    return PlayerLook(PALETTE[which], _HALVES[again], _HATCHES[again], MARKERS[place % len(MARKERS)])


def player_looks(players: Iterable[str]) -> dict[str, PlayerLook]:
    """Return how each player of an economy is drawn, by name; give all players, in the economy's order."""
    return {name: player_look(place) for place, name in enumerate(players)}


def ink_on(colour: str) -> str:
    """Return the colour of letters that are read on a colour."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return INK if sum(part * share for part, share in zip(parts, _LUMINANCE, strict=True)) > _LIGHT else WHITE
