"""How a coalition is written wherever somebody reads it: in tables, in messages, beside certificates."""

from __future__ import annotations

from collections.abc import Iterable


def coalition_name(members: Iterable[str]) -> str:
    """Return the name of a coalition: those of its members, in the economy's order.

    >>> coalition_name(["ann", "bob"])
    'ann + bob'
    """
    return " + ".join(members)
