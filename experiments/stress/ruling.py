"""What is answered about an institution: a verdict with its evidence, and welfare with how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from marketgame.experiments.stress.question import Question
from marketgame.mechanisms.deviations.effort import Verdict


@dataclass(frozen=True)
class Evidence:
    """A file by which anybody can check an answer.

    Attributes:
        name: of the file, without a folder; files of one name are told apart by where they are put.
        text: of the file: a certificate that ``marketgame replay`` confirms; empty once it has been put there.
        confirmed: whether it was read back and played again since it was found, and every number in it came out.
        costly: whether playing it again takes as long as it took to find it, so that it is left to whoever asks.
    """

    name: str
    text: str
    confirmed: bool = False
    costly: bool = False


@dataclass(frozen=True)
class Ruling:
    """The ruling on one question.

    Attributes:
        verdict: what was established.
        because: the proof, or the kind of deviation.
        coalition: who deviates; empty unless one is named.
        gain: the least expected gain among the members, as a share of the gains from trade; zero if nobody is named.
        total_gain: the members' gains in sum, likewise; of careless and learning traders, what is lost.
        bound: the proven bound on that sum for the coalition, at the profile where it is largest, likewise.
        approached: of consistent coalitions, whether some pair has an improvement that only a guess breaks, which may
            be as unlikely as one likes (Theorem 23), whatever is kept exactly.
        evidence: the file that shows it, without which nothing is proven.
        theorem: what a "yes" rests on by which the file says that it applies, and where it is proved; empty otherwise.
        premises: what was checked for it, each with what came out.
        money: the members' gains in sum, numeraire, given what they know when they decide; likewise what is lost.
        uncertainty: of the gain: half the width of a 95% interval where it is sampled, zero where it is exact.
        cut: whether time ran out, so that with more of it more might be known.
        safe_after_lies: whether the evidence also says that no lie gains that anything follows.
        follows_from: the question whose answer is this one's too; none if it was asked itself.
    """

    verdict: Verdict
    because: str
    coalition: tuple[str, ...] = ()
    gain: float = 0.0
    total_gain: float = 0.0
    bound: float = 0.0
    approached: bool = False
    evidence: Evidence | None = None
    theorem: str = ""
    premises: tuple[tuple[str, str], ...] = ()
    money: float = 0.0
    uncertainty: float = 0.0
    cut: bool = False
    safe_after_lies: bool = False
    follows_from: Question | None = None


class Measure(StrEnum):
    """A number beside the answers, expected before types are drawn, numeraire.

    A welfare is the sum of utilities over autarky.
    """

    FIRST_BEST = "first_best"
    """What there is to be gained by trade."""
    EFFICIENT = "incentive_efficient"
    """The most that a mechanism allows under which nobody gains by lies, willing or not."""
    EFFICIENT_WILLING = "incentive_efficient_willing"
    """The same if nobody may be made worse off than at home."""
    PLAYED = "played"
    """What the institution brings those who do what they are told."""
    LEARNED = "learned"
    """What it brings traders who learn, in the last tenth of their rounds."""
    SEVERANCE_NEEDED = "severance_needed"
    """What must be promised to those who leave, in sum, so that no coalition does."""


class Certainty(StrEnum):
    """How sure a number is."""

    EXACT = "exact"
    """But for rounding."""
    BOUND = "bound"
    """A mechanism that reaches it is known, and a bound beyond which none goes."""
    INTERVAL = "interval"
    """A mean over draws or plays with its 95% interval."""
    UNKNOWN = "not known"
    """There was no way, or no time, to compute it."""


@dataclass(frozen=True)
class Measured:
    """A number with how sure it is.

    Attributes:
        value: numeraire; none where it is not known, or, if that is certain, where no number will do.
        certainty: how sure it is.
        low: the least that it may be; none where it is not known.
        high: the most, likewise.
        because: why it is not known, or known without a certificate, or what else is known; empty where nothing is.
        evidence: the file that shows it; none where it is sampled, or not known.
    """

    value: float | None
    certainty: Certainty = Certainty.EXACT
    low: float | None = None
    high: float | None = None
    because: str = ""
    evidence: Evidence | None = None


@dataclass(frozen=True)
class Answered:
    """What came of an inquiry.

    Attributes:
        rulings: by question; a question that does not make sense of the institution is left out.
        welfare: by measure.

    Raises:
        TypeError: something is said to be proven without a file.
    """

    rulings: Mapping[Question, Ruling] = field(default_factory=dict)
    welfare: Mapping[Measure, Measured] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for ruling in self.rulings.values():
            if ruling.verdict is Verdict.PROVEN and ruling.evidence is None:
                # No economy is to blame for that, as ValueErrors would say.
                raise TypeError(f"{ruling.because!r} is said to be proven without a file that anybody can check")
