"""All claims, in the order of the papers, and which of them words mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from marketgame.experiments.claims import giraud_rochon, myerson
from marketgame.experiments.claims.claim import Claim, Paper, slug
from marketgame.experiments.files.input_file import InputError

LEDGER: tuple[Claim, ...] = (*giraud_rochon.CLAIMS, *myerson.CLAIMS)


def chosen(words: Sequence[str], paper: Paper | None = None) -> tuple[Claim, ...]:
    """Return the claims that are asked for, in the order of the ledger; all without words.

    Words name a claim by its key, whole or from its start on, with or without the paper: ``gr-lemma-2``, ``"lemma 2"``,
    ``theorem-1`` for all parts of that theorem, ``2`` for all that have the number 2.

    Raises:
        InputError: words name no claim.
    """
    among = [each for each in LEDGER if paper in {None, each.paper}]
    meant: set[str] = set()
    for word in words:
        found = {each.key for each in among if _means(slug(word), each)}
        if not found:
            raise InputError(f"there is no claim {word!r}{_near(slug(word), among)}; `marketgame claims` lists all")
        meant |= found
    return tuple(each for each in among if not words or each.key in meant)


def _means(word: str, claim: Claim) -> bool:
    names = (claim.key, claim.key.removeprefix(f"{claim.paper.value}-"), slug(claim.number))
    return any(f"{name}-".startswith(f"{word}-") for name in names)


def _near(word: str, among: Iterable[Claim]) -> str:
    names = [name for each in among for name in (each.key, slug(each.name))]
    near = get_close_matches(word, names, 3, 0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""
