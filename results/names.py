"""Names are data: how that of a player, a type, a good or a file is shown on a terminal, in a figure, in a file name.

A name may hold anything that its file can: escape sequences, line breaks, markup, slashes, a thousand letters. Every
command prints names through `on_a_line`, figures draw their `labels`, and whatever names a file after them takes its
name from `file_names`. JSON documents and tables hold names as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Sequence

# Letters of a name, and of a whole line, that a terminal shows.
LONGEST_NAME = 60
LONGEST_LINE = 1500
# Letters of a file's name; with what stands before and after they must stay below 255 bytes, four to a letter.
LONGEST_FILE_NAME = 40
GAP = "..."
UNNAMED = "unnamed"


def on_a_line(text: str, longest: int = LONGEST_LINE) -> str:
    r"""Return text that is printed on one line as it stands, whatever it holds.

    Control characters, those that change the direction of writing, and halves of characters are written as Python and
    TOML write them, ``\x1b``; what is longer than there is room for loses its middle.

    >>> on_a_line("wheat\n\x1b[31mred")
    'wheat\\n\\x1b[31mred'
    """
    # What is cut is cut first: escaping a name of a million letters takes long, and makes six of one.
    shown = "".join(map(_shown, shortened(text, longest)))
    return shortened(shown, longest)


def shortened(text: str, longest: int) -> str:
    """Return text without its middle if it is longer than this many letters."""
    if len(text) <= longest:
        return text
    end = (longest - len(GAP)) // 3
    return f"{text[: longest - len(GAP) - end]}{GAP}{text[len(text) - end :]}"


def labels(names: Iterable[str], longest: int, drawable: Container[int]) -> dict[str, str]:
    """Return what stands for each name where there is little room, no two alike.

    Args:
        names: as they are.
        longest: how many letters there is room for, but for what tells equal ones apart.
        drawable: the code points of the letters that can be shown; others are written as ``on_a_line`` writes them.
    """
    chosen: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        shown = on_a_line(shortened(name, longest), longest)
        shown = "".join(letter if ord(letter) in drawable else _escaped(letter) for letter in shown)
        label, number = shown, 1
        while label in taken:
            number += 1
            label = f"{shown} ({number})"
        taken.add(label)
        chosen[name] = label
    return chosen


def file_names(names: Sequence[str]) -> list[str]:
    """Return a file name for each name, without ending, the same for the same names: letters, digits and hyphens.

    No two are equal, not even where a file system knows no capitals, and none leads into another folder.

    >>> file_names(["a/b", "a b", "A-B", "../x", "!"])
    ['a-b', 'a-b-2', 'a-b-3', 'x', 'unnamed']
    """
    plain = [_file_name(name) for name in names]
    chosen: list[str] = []
    for name in plain:
        unique, number = name, 1
        while unique in chosen or (number > 1 and unique in plain):
            number += 1
            unique = f"{name}-{number}"
        chosen.append(unique)
    return chosen


def _file_name(name: str) -> str:
    letters = re.sub(r"\W+", "-", unicodedata.normalize("NFKC", name[: 4 * LONGEST_FILE_NAME]).casefold())
    return letters.strip("-")[:LONGEST_FILE_NAME].strip("-") or UNNAMED


def _shown(letter: str) -> str:
    return letter if letter.isprintable() or unicodedata.category(letter) == "Zs" else _escaped(letter)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
