"""What a paper claims, what became of it, and how that can be found out anew.

A verdict is about the statement as printed, under the paper's own rules and assumptions, unless it says under which
others. A paper's statements are hypotheses here, not facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from marketgame.experiments import ExitCode
from marketgame.experiments.claims.frequency import Frequency

SEED = 2001
"""Of the economies that are drawn where no other seed is given."""
QUICK = 12
"""How many economies are drawn where no other number is given."""


class Paper(StrEnum):
    """A paper whose statements are examined; the value is what it is called on the command line."""

    GIRAUD_ROCHON = "gr"
    MYERSON = "m"

    @property
    def full_title(self) -> str:
        """Authors, year and title."""
        return TITLES[self]

    @property
    def short(self) -> str:
        """What the pages call it."""
        return self.value.upper()


TITLES = {
    Paper.GIRAUD_ROCHON: "Giraud and Rochon (2001), Generic Efficiency and Collusion-Proofness in Exchange Economies",
    Paper.MYERSON: "Myerson (2006), Virtual Utility and the Core for Games with Incomplete Information",
}


class Kind(StrEnum):
    """What a statement is called in its paper; of those without a name, what it is."""

    DEFINITION = "definition"
    ASSUMPTION = "assumption"
    LEMMA = "lemma"
    THEOREM = "theorem"
    COROLLARY = "corollary"
    PROPOSITION = "proposition"
    PROOF = "proof"
    """A step of a proof."""
    REMARK = "remark"
    EXAMPLE = "example"
    EQUATION = "equation"


class How(StrEnum):
    """How a statement was examined."""

    PROOF = "proof"
    """A proof in the documentation, or one line in the entry itself."""
    CERTIFICATE = "exact certificate"
    """Numbers that anybody can check without a search, in rational arithmetic or by multipliers."""
    SEARCH = "search"
    """Economies, games or messages drawn by a program that is not told where to look."""
    SIMULATION = "simulation"
    """Rounds of the market that are played."""


class Verdict(StrEnum):
    """What became of a statement."""

    HOLDS = "holds"
    """True as printed."""
    REPAIRED = "holds repaired"
    """Not true, or without meaning, as printed; true with the repair beside it, which keeps what is concluded."""
    REFUTED = "refuted"
    """Not true as printed, and what is concluded is not saved by any repair that we know."""
    VACUOUS = "vacuous"
    """Says nothing as printed, or nothing beyond what it assumes."""
    OPEN = "open"
    """Neither proved nor refuted."""


@dataclass(frozen=True)
class Effort:
    """How hard a claim is to be examined.

    Attributes:
        economies: how many economies, games or plays a search draws.
        seed: of the draws.
    """

    economies: int = QUICK
    seed: int = SEED


@dataclass(frozen=True)
class Finding:
    """What examining a claim brought.

    Attributes:
        agrees: whether the verdict of the ledger stands.
        found: what was found, in a sentence or two, with numbers.
        frequencies: how often what was drawn has a property.
    """

    agrees: bool
    found: str
    frequencies: tuple[Frequency, ...] = ()


type Check = Callable[[Effort], Finding]
"""What finds the evidence for a verdict anew."""


@dataclass(frozen=True)
class Counterexample:
    """The smallest case that we know against a statement, in a file that comes with marketgame.

    Attributes:
        command: the words after `marketgame` that show it.
        says: what it is and why nothing smaller does.
        exit_code: what the command exits with.
    """

    command: tuple[str, ...]
    says: str
    exit_code: ExitCode = ExitCode.DONE


@dataclass(frozen=True)
class Repair:
    """What is true in place of a statement.

    Attributes:
        statement: in our words, with all premises.
        page: the page of docs/ with the proof; "" where the entry itself says why.
        label: what the page calls it, printed there in bold, such as "Theorem 2"; "" without a page.
    """

    statement: str
    page: str = ""
    label: str = ""


@dataclass(frozen=True)
class Claim:
    """A statement of a paper and what became of it.

    Attributes:
        paper: that makes it.
        kind: what the paper calls it.
        number: as in the paper, such as "1" or "6(b)"; where it has none, a few words that tell it from others.
        where: section of the paper, whose pages the text at hand does not number.
        title: in a few words.
        statement: in our words.
        tested: what was tested, under which rules and premises.
        how: by which means.
        verdict: what became of it.
        reason: why, in a few sentences.
        check: finds the evidence anew.
        tests: that check it, by the names that pytest gives them.
        counterexample: against it; none where it is true.
        repair: what is true instead; none where nothing is.
    """

    paper: Paper
    kind: Kind
    number: str
    where: str
    title: str
    statement: str
    tested: str
    how: tuple[How, ...]
    verdict: Verdict
    reason: str
    check: Check
    tests: tuple[str, ...]
    counterexample: Counterexample | None = None
    repair: Repair | None = None

    @property
    def name(self) -> str:
        """What the claim is called, such as "Lemma 2" or "Remark: timing"."""
        goes_on = self.number[:1].isdigit() or self.number.startswith("of ")
        return f"{self.kind.value.capitalize()}{'' if goes_on else ':'} {self.number}"

    @property
    def key(self) -> str:
        """What it is called on the command line: the paper and the name, such as ``gr-lemma-2``."""
        return f"{self.paper.value}-{slug(self.name)}"


def slug(words: str) -> str:
    """Return words as one, in lower case, with a dash for whatever is no letter or digit.

    >>> slug("Definition 6(b)")
    'definition-6-b'
    """
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
