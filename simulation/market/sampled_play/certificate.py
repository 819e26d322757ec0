"""Certificates of what was played: seeds, plays and the numbers that came of them, which come again bit for bit.

They prove nothing but that: that these plays, of these careless traders or these learners, bring this, with this
interval. :mod:`marketgame.simulation.market.sampled_play.again` plays them again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.stated import StatedRecommendations
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.registry import parameter

# No file makes whoever replays it play more than that, in plays of one trader each.
MOST_PLAYS = 50_000_000


@dataclass(frozen=True, eq=False)
class Market:
    """Where something was played: the market game under a contract, or a market to compare with.

    Attributes:
        rules: of the market game; without meaning in a market to compare with.
        transfers: which the contract has, worked out from the economy; none if they are stated.
        stated: what a contract recommends that is stated; none if it recommends efficient allocations.
        numeraire_transfers: those that are stated, ``(R, N)``, numeraire; none if they are worked out.
        compared: a market to compare with; none in the market game.
    """

    rules: MarketRules
    transfers: TransferRule | None
    stated: StatedRecommendations | None
    numeraire_transfers: FloatArray | None
    compared: ComparedMarket | None


@dataclass(frozen=True, eq=False)
class CarelessCertificate:
    """What those who obey lose to careless traders, one at a time.

    Attributes:
        economy: whose traders played.
        market: in which.
        seed: from which types and errors are drawn.
        replications: of plays.
        rounds: of each.
        kinds: of carelessness, by case.
        careless: who was careless, by case.
        losses: of whoever of the obedient loses most on average, ``(C,)``, shares of the gains from trade.
        uncertainty: half the width of the 95% interval of each, ``(C,)``, likewise.
        verdict: what it says of the market.

    Raises:
        ValueError: cases do not go together, or are too many.
    """

    economy: Economy
    market: Market
    seed: int = field(metadata=parameter("seed", ge=0))
    replications: int = field(metadata=parameter("replications", ge=1))
    rounds: int = field(metadata=parameter("rounds", ge=1))
    kinds: tuple[str, ...]
    careless: tuple[int, ...]
    losses: FloatArray
    uncertainty: FloatArray
    verdict: Verdict

    def __post_init__(self) -> None:
        cases = len(self.kinds)
        if not cases or len(self.careless) != cases:
            raise ValueError(
                f"{cases} kinds of carelessness are of {len(self.careless)} traders; there must be as many"
            )
        _refuse_too_many(self.economy, self.replications * self.rounds * (cases + 1))
        for name in ("losses", "uncertainty"):
            object.__setattr__(self, name, read_only(finite_array(name, getattr(self, name), (cases,))))


@dataclass(frozen=True, eq=False)
class LearningCertificate:
    """What traders who learn come to.

    Attributes:
        economy: whose traders played.
        market: in which.
        seed: from which types and stances are drawn.
        replications: of play.
        rounds: that were played.
        learners: who learns; the others obey.
        missed: what is missed of what obedience brings, on average, a share of the gains from trade.
        uncertainty: half the width of the 95% interval of that.
        value: what learners bring, numeraire.
        obedience: the share of plays in which they obey.
        verdict: what it says of the market.

    Raises:
        ValueError: there are too many plays.
    """

    economy: Economy
    market: Market
    seed: int = field(metadata=parameter("seed", ge=0))
    replications: int = field(metadata=parameter("replications", ge=2))
    rounds: int = field(metadata=parameter("rounds", ge=1))
    learners: tuple[int, ...]
    missed: float
    uncertainty: float
    value: float
    obedience: float
    verdict: Verdict

    def __post_init__(self) -> None:
        if not self.learners or list(self.learners) != sorted(set(self.learners)):
            raise ValueError(f"learners are {self.learners}; they must be listed once, in the order of the players")
        _refuse_too_many(self.economy, self.replications * self.rounds)


def _refuse_too_many(economy: Economy, plays: int) -> None:
    if plays * len(economy.players) > MOST_PLAYS:
        raise ValueError(f"{plays} plays of {len(economy.players)} traders are too many to be played again")


type PlayedCertificate = CarelessCertificate | LearningCertificate


PLAYED = (CarelessCertificate, LearningCertificate)
"""What takes as long to be played again as it took to be found."""
