"""What is simulated on a market: an economy, its rules and contract, and who tries to lead coalitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from marketgame.agents.behaviours import Learning, Publication
from marketgame.agents.coalitions.choice import OrganiserStage
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.terms import DirectContract
from marketgame.mechanisms.economies.coalitions import refuse_joint_types
from marketgame.mechanisms.economies.economy import Economy, Player
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.market_game.rules import MarketRules, Refusal
from marketgame.simulation.scenario.blockers import Blocker, check_blockers
from marketgame.simulation.scenario.deposits import refuse_missing_deposits
from marketgame.simulation.scenario.learning import MOST_REGRETTING, LearningRules, Regrets
from marketgame.simulation.scenario.network import KnownLinks, Network
from marketgame.simulation.scenario.organisers import Organiser, check_organisers
from marketgame.simulation.scenario.scenario import Scenario

if TYPE_CHECKING:
    from marketgame.mechanisms.incentive_efficiency.welfare import IncentiveBenchmark


# In an economy of more traders only so many of the largest trades of a round are listed unless more are asked for.
MOST_TRADERS_LISTED = 100
MOST_TRADES_LISTED = 1000


class TradeRows(StrEnum):
    """Which trades of a round are listed one by one; the table ``trade_totals`` adds up all of them in any case."""

    AUTOMATIC = "automatic"
    """All of them among at most 100 traders, the largest among more."""
    ALL = "all"
    LARGEST = "largest"
    """The 1,000 of the largest value at the supporting price."""
    NONE = "none"


@dataclass(frozen=True, eq=False)
class MarketScenario(Scenario):
    """Everything that determines a run on a market.

    Attributes:
        economy: who trades what.
        rules: how the market settles; the paper's when left out.
        transfers: which transfers the established contract makes.
        participation: whether fixed payments beside them are to leave every type with what it can expect at home.
        contract: an established contract to use instead of the one ``transfers`` describes.
        organisers: the coalition organisers.
        parts: in how many equal parts coalitions that leave can divide each good they own.
        trades: which trades are listed one by one.
        learning: what learners are told beyond what became of themselves, and what is recorded of them.
        network: who knows whom, and what takes only those who do; everybody knows everybody without it.
        severance: what the established mediator promises to those who leave, by player and reported type, numeraire.
        incentives: the incentive-efficient benchmarks of the economy, to be recorded beside the others; computing
            them may take longer than a run, so they are computed once where runs are prepared.

    Raises:
        ValueError: what every scenario refuses, the network does not fit, coalition organisers do not go together or
            have too many type profiles to list, parts are not positive, somebody would have to deposit more than it
            owns, blocking mediators are to lead away who has deposited, or what stances would have brought is asked for
            where organisers or blockers would have answered them.
    """

    SETTING = "economy"

    economy: Economy
    rules: MarketRules = field(default_factory=MarketRules)
    transfers: TransferRule = TransferRule.NONE
    participation: Participation = Participation.NONE
    contract: DirectContract | None = None
    incentives: tuple[IncentiveBenchmark, ...] = ()
    parts: int = 4
    severance: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    organisers: tuple[Organiser, ...] = ()
    trades: TradeRows = TradeRows.AUTOMATIC
    learning: LearningRules = field(default_factory=LearningRules)
    network: Network | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.known_links is not None:
            self.known_links.check(self.organisers, self.blockers)
        check_organisers(self.active_organisers, len(self.economy.players))
        check_blockers(self.active_blockers, len(self.economy.players))
        self._check_agreements()
        if self.parts < 1:
            raise ValueError(f"parts is {self.parts}; there must be at least 1")
        if self.organisers or self.blockers:
            for key, asked in (
                ("published", Publication.HINDSIGHT in self.learning.published),
                ("regrets", self.learning.regrets is Regrets.ALL),
            ):
                if asked:
                    raise ValueError(
                        f"learning.{key} asks what stances would have brought, which nobody can know where organisers "
                        "or blockers would have answered them; it must be without, or the scenario without those"
                    )
        if self.rules.refusal is Refusal.ESCROW:
            refuse_missing_deposits(self.economy, self.behaviours())
            if self.blockers:
                raise ValueError(
                    f"blocker {self.blockers[0].name!r} leads away who has reported; rule refusal = "
                    f"{Refusal.ESCROW.value!r} keeps what was deposited with reports, so that nobody can leave"
                )

    def _check_agreements(self) -> None:
        """Refuse organisers of agreements on orders where profiles are too many to list, and of too many joint reports.

        Raises:
            ValueError: there is one.
        """
        obstacle = self.economy.prior.obstacle
        for organiser in self.active_organisers:
            if obstacle and organiser.stage is not OrganiserStage.REPORTS:
                raise ValueError(
                    f"organisers.{organiser.name}.stage is {organiser.stage.value!r}; agreements on orders are worked "
                    f"out from a list of all type profiles, and {obstacle}: take stage = "
                    f"{OrganiserStage.REPORTS.value!r}, or an economy of fewer traders or types"
                )
            if organiser.stage is OrganiserStage.ORDERS or organiser.find_reports is not None:
                continue
            for coalition in organiser.choice.coalitions(len(self.economy.players)):
                try:
                    refuse_joint_types(self.economy.prior.type_counts, coalition)
                except ValueError as many:
                    raise ValueError(f"organiser {organiser.name!r}: {many}") from None

    @cached_property
    def known_links(self) -> KnownLinks | None:
        """The network of this run, if there is one."""
        if self.network is None:
            return None
        links = self.network.links(len(self.economy.players), self.seed)
        limits = frozenset(self.network.limits)
        return KnownLinks(links, limits, self.network.together, len(self.economy.players))

    @property
    def active_organisers(self) -> tuple[Organiser, ...]:
        """The coalition organisers as the network limits them."""
        return self.organisers if self.known_links is None else self.known_links.organised(self.organisers)

    @property
    def active_blockers(self) -> tuple[Blocker, ...]:
        """The blocking mediators as the network limits them."""
        return self.blockers if self.known_links is None else self.known_links.led(self.blockers)

    @property
    def players(self) -> tuple[Player, ...]:
        """All who trade."""
        return self.economy.players

    @property
    def most_trades_listed(self) -> int | None:
        """How many trades of a round are listed one by one at most; none for all of them."""
        match self.trades:
            case TradeRows.NONE:
                return 0
            case TradeRows.ALL:
                return None
            case TradeRows.AUTOMATIC if len(self.players) <= MOST_TRADERS_LISTED:
                return None
        return MOST_TRADES_LISTED

    @property
    def looks_back(self) -> bool:
        """Whether it is worked out in every round what each stance of each learner would have brought."""
        match self.learning.regrets:
            case Regrets.ALL:
                return True
            case Regrets.NONE:
                return False
            case Regrets.AUTOMATIC:
                learners = sum(any(isinstance(each, Learning) for each in by_type) for by_type in self.behaviours())
                return learners <= MOST_REGRETTING and not self.organisers and not self.blockers

    @property
    def setting_name(self) -> str:
        """Name of the economy."""
        return self.economy.name
