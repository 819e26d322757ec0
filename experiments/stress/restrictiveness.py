"""Which of two institutions restricts its traders more: a partial order, stated once with its reasons.

Of one rule, one value restricts more than another if it forbids, cancels or takes something that the other leaves.
One institution restricts at least as much as another if each of its rules does. Values that are not listed against each
other leave traders different things, and restrict neither less nor more; so do institutions some of whose rules
restrict more and some less. What is no market game of the papers is compared with nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from marketgame.experiments.stress.institution import Institution

LOOSER: Mapping[str, Sequence[tuple[str, str, str]]] = {
    "pricing": (
        ("counterparty", "void", "pairs that quote differently may not trade"),
        ("spread", "void", "pairs that quote differently may not trade"),
        ("midpoint", "void", "pairs that quote differently may not trade"),
    ),
    "solvency": (("budget", "no-short-sales", "nobody may sell what it does not own"),),
    "bankruptcy": (("trades-stand", "unwind", "trades with the bankrupt are cancelled, others' with them"),),
    "coverage": (("unlimited", "announced-numeraire", "contracts may not take more money than is announced"),),
    "withholding": (("consumed", "wasted", "what is not announced is taken away"),),
    "timing": (),
    "execution": (("unilateral", "matched", "nobody may order for another"),),
    "refusal": (("free", "escrow", "what was agreed may not be refused, and must be deposited"),),
    "outsiders": (("obey", "withhold", "the contract tells players what to do after a misquote"),),
    "transfers": (
        ("none", "expected-externality", "players pay more than the price of what they get"),
        ("none", "lp", "players pay more than the price of what they get"),
        ("none", "coalition-proof", "players pay more than the price of what they get"),
    ),
    "severance": (
        ("none", "as-stated", "money is set aside for whoever leaves"),
        ("none", "least", "money is set aside for whoever leaves"),
    ),
}
"""By rule: the value that leaves more, the one that leaves less, and what that forbids, cancels or takes."""


def restricts_at_least(one: Institution, other: Institution) -> bool:
    """Say whether an institution restricts its traders at least as much as another, rule by rule."""
    first, second = _values(one), _values(other)
    return first.keys() == second.keys() and all(_at_least(rule, first[rule], second[rule]) for rule in first)


def least_restrictive(institutions: Sequence[Institution]) -> list[Institution]:
    """Return those of some institutions than which none of them restricts less, in their order."""
    values = [_values(one) for one in institutions]
    # Where all combinations are asked these are millions of pairs.
    restricted = np.zeros(len(values), dtype=bool)
    for rules in dict.fromkeys(tuple(one) for one in values):
        places = np.array([place for place, one in enumerate(values) if tuple(one) == rules])
        at_least = same = np.ones((len(places), len(places)), dtype=bool)
        for rule in rules:
            kinds, codes = np.unique([values[place][rule] for place in places], return_inverse=True)
            stricter = np.array([[_at_least(rule, one, other) for other in kinds] for one in kinds])
            at_least = at_least & stricter[codes[:, None], codes]
            same = same & (codes[:, None] == codes)
        restricted[places] = (at_least & ~same).any(axis=1)
    return [one for one, more in zip(institutions, restricted, strict=True) if not more]


def what_it_adds(one: Institution, other: Institution) -> list[str]:
    """Return what an institution forbids, cancels or takes that another leaves, in words."""
    first, second = _values(one), _values(other)
    return list(
        dict.fromkeys(
            why
            for rule in first
            for looser, stricter, why in LOOSER.get(rule, ())
            if first[rule] == stricter and second.get(rule) == looser
        )
    )


def _at_least(rule: str, strict: str, loose: str) -> bool:
    return strict == loose or any((loose, strict) == pair[:2] for pair in LOOSER.get(rule, ()))


def _values(institution: Institution) -> dict[str, str]:
    return {**institution.described, "transfers": str(institution.transfers)}
