"""The lines of the table that people look at: one for each institution, or where these are many one for all alike.

What is recommended comes first then, with those that do as well; after them come groups of institutions with the same
answers, the ones that survive most first. A group is named by what its members have in common, and by that alone only
where all who have it in common are in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from marketgame.experiments.stress.institution import Institution
from marketgame.experiments.stress.market_institution import RESTRICTIONS
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.recommendation import Candidate, Recommendation, distance
from marketgame.experiments.stress.restrictiveness import LOOSER
from marketgame.mechanisms.deviations.effort import Verdict

# More institutions than fit a screen are put together.
MOST_ALONE = 40
IN_WORDS: Mapping[str, str] = {str(value): words for value, words in RESTRICTIONS.items()}
# Rules with more than one restriction, of which a common absence says little.
_SEVERAL = ("pricing", "transfers", "severance")


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Attributes:
        name: of the institution, or what those on it have in common.
        transfers: that all of them make; "various" if they differ.
        members: who is on it, in the order in which they were asked.
    """

    name: str
    transfers: str
    members: tuple[Candidate, ...]

    @property
    def first(self) -> Candidate:
        """The first of those on it, whose answers stand for all."""
        return self.members[0]


def lines(institutions: Sequence[Candidate], found: Recommendation) -> list[Line]:
    """Return the lines of a table, all institutions on some line."""
    if len(institutions) <= MOST_ALONE:
        return [_alone(one) for one in institutions]
    first = [name for name in (found.institution, *found.ties, found.closest) if name is not None]
    by_name = {one.institution.name: one for one in institutions}
    ahead = [by_name[name] for name in islice(dict.fromkeys(first), MOST_ALONE // 2)]
    groups: dict[tuple[object, ...], list[Candidate]] = {}
    for one in institutions:
        if not any(one is other for other in ahead):
            groups.setdefault(_answers(one), []).append(one)
    ordered = sorted(groups.values(), key=lambda group: (distance(group[0], found.must), -len(group)))
    return [*(_alone(one) for one in ahead), *(_together(group, institutions) for group in ordered)]


def _answers(one: Candidate) -> tuple[Verdict | str | None, ...]:
    return (one.refused, *(one.verdict(question) for question in Question))


def _alone(one: Candidate) -> Line:
    return Line(one.institution.name.split(";")[0], str(one.institution.transfers), (one,))


def _together(group: Sequence[Candidate], everybody: Sequence[Candidate]) -> Line:
    if len(group) == 1:
        return _alone(group[0])
    values = [_values(one.institution) for one in group]
    common = {rule: value for rule, value in values[0].items() if all(one.get(rule) == value for one in values)}
    same = sum(common.items() <= _values(one.institution).items() for one in everybody)
    name = f"{'all ' if same == len(group) else ''}{len(group)}"
    having = [IN_WORDS[value] for value in common.values() if value in IN_WORDS]
    lacking = [words for rule, value in common.items() if (words := _absent(rule, value))]
    if having:
        name += f" with {', '.join(having)}"
    if lacking:
        name += f" without {', '.join(lacking)}"
    if not having and not lacking:
        name += " institutions"
    return Line(name, common.get("transfers", "various"), tuple(group))


def _absent(rule: str, value: str) -> str:
    """Return the restriction that a rule's value lacks, where it has but one; empty otherwise."""
    if rule in _SEVERAL or value in IN_WORDS:
        return ""
    return IN_WORDS[LOOSER[rule][0][1]] if LOOSER.get(rule) and LOOSER[rule][0][1] in IN_WORDS else ""


def _values(institution: Institution) -> dict[str, str]:
    return {**institution.described, "transfers": str(institution.transfers)}
