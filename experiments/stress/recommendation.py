"""What is recommended: the least restrictive institution that survives what it must, and what that costs.

An institution *survives* a question if "yes" is proven. Where it is only sampled, or nothing was found, that is said
and the institution is no more than what comes closest: a recommendation rests on proofs. Of several institutions none
of which restricts less than another, all are named; the first is the one that changes the fewest rules of the paper's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from marketgame.experiments.stress.institution import Institution
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.restrictiveness import least_restrictive
from marketgame.experiments.stress.ruling import Measure, Measured, Ruling
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.market_game.rules import PAPER_RULES

_PLAYED = (Question.CARELESS, Question.LEARNING)
MUST: tuple[Question, ...] = tuple(question for question in Question if question not in _PLAYED)
"""What must be survived unless somebody says otherwise: all that can be proven. What is played is shown beside it."""

# How bad an answer is that is not a proof, the worst first.
_WORST = (Verdict.REFUTED, None, Verdict.NOT_REFUTED, Verdict.SAMPLED)


@dataclass(frozen=True)
class Candidate:
    """An institution with what is known of it.

    Attributes:
        institution: the institution.
        rulings: by question; what was not asked is left out.
        welfare: by measure.
        refused: why the economy does not admit it; empty if it does.
        failed: why questions have no answer although there was time for one.
    """

    institution: Institution
    rulings: Mapping[Question, Ruling]
    welfare: Mapping[Measure, Measured]
    refused: str = ""
    failed: Mapping[Question, str] = field(default_factory=dict)

    def verdict(self, question: Question) -> Verdict | None:
        """Return what was established; none if it was not asked."""
        return self.rulings[question].verdict if question in self.rulings else None


@dataclass(frozen=True)
class Recommendation:
    """What is recommended.

    Attributes:
        must: what must be survived.
        institution: its name; none if none survives.
        ties: others that survive, none of which restricts less or more.
        closest: the name of the institution that comes closest, if none survives and some were asked.
        missing: what that one does not survive, or is not known to, each with the verdict; none if it was not asked.
        price: what survival costs: the first best less what obedience brings, numeraire; none if not known.
        best: the first best, numeraire, likewise.
        unknown: how many institutions might survive, had all been answered.
    """

    must: tuple[Question, ...]
    institution: str | None
    ties: tuple[str, ...] = ()
    closest: str | None = None
    missing: tuple[tuple[Question, Verdict | None], ...] = ()
    price: Measured | None = None
    best: Measured | None = None
    unknown: int = 0


def recommended(
    candidates: Sequence[Candidate], benchmarks: Mapping[Measure, Measured], must: Sequence[Question] = MUST
) -> Recommendation:
    """Return what is recommended of some institutions.

    Args:
        candidates: the institutions, in the order of the table.
        benchmarks: what the economy could achieve.
        must: what must be survived.
    """
    asked, best = tuple(must), benchmarks.get(Measure.FIRST_BEST)
    admitted = [one for one in candidates if not one.refused]
    surviving = [one for one in admitted if not _missing(one, asked)]
    open_ones = [one for one in admitted if _missing(one, asked) and not _broken(one, asked)]
    if surviving:
        least = {id(one) for one in least_restrictive([one.institution for one in surviving])}
        first, *others = sorted((one for one in surviving if id(one.institution) in least), key=_changes)
        price = _price(best, first.welfare.get(Measure.PLAYED))
        names = tuple(one.institution.name for one in others)
        return Recommendation(asked, first.institution.name, names, price=price, best=best, unknown=len(open_ones))
    if not admitted:
        return Recommendation(asked, None, best=best)
    closest = min(admitted, key=lambda one: (distance(one, asked), _changes(one)))
    missing = _missing(closest, asked)
    name = closest.institution.name
    return Recommendation(asked, None, closest=name, missing=missing, best=best, unknown=len(open_ones))


def _missing(candidate: Candidate, must: Sequence[Question]) -> tuple[tuple[Question, Verdict | None], ...]:
    verdicts = ((question, candidate.verdict(question)) for question in must)
    return tuple((question, verdict) for question, verdict in verdicts if verdict is not Verdict.PROVEN)


def _broken(candidate: Candidate, must: Sequence[Question]) -> bool:
    return any(candidate.verdict(question) is Verdict.REFUTED for question in must)


def distance(candidate: Candidate, must: Sequence[Question]) -> tuple[int, ...]:
    """Return how far it is from surviving: how many answers are no, not asked, open, and sampled."""
    verdicts = [candidate.verdict(question) for question in must]
    return tuple(verdicts.count(kind) for kind in _WORST)


def _changes(candidate: Candidate) -> int:
    """Return how many rules of the paper's an institution changes; of others, more than any does."""
    described = candidate.institution.described
    if "pricing" not in described:
        return len(described) + 100
    paper = {name: str(getattr(PAPER_RULES, name)) for name in described if hasattr(PAPER_RULES, name)}
    return sum(described[name] != value for name, value in paper.items())


def _price(best: Measured | None, played: Measured | None) -> Measured | None:
    """Return by how much the one falls short of the other, with what both leave open."""
    if best is None or played is None or best.value is None or played.value is None:
        return None
    low = None if best.low is None or played.high is None else best.low - played.high
    high = None if best.high is None or played.low is None else best.high - played.low
    certainty = best.certainty if played.certainty == "exact" else played.certainty
    return Measured(best.value - played.value, certainty, low, high)
