"""What is simulated: an economy, its rules and contract, who behaves how, for how long and from which seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from marketgame.agents.behaviours import Behaviour
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.settlement import MarketRules
from marketgame.simulation.scenario.assignments import (
    Assignment,
    behaviour_table,
    check_assignments,
)
from marketgame.simulation.scenario.blockers import (
    Blocker,
    check_blockers,
)
from marketgame.simulation.scenario.organisers import (
    Organiser,
    check_organisers,
)

if TYPE_CHECKING:
    from marketgame.mechanisms.incentive_efficiency.welfare import IncentiveBenchmark

__all__ = ["Assignment", "Scenario", "TransferRule"]


class TransferRule(StrEnum):
    """Which transfers between players the established contract makes."""

    NONE = "none"
    EXPECTED_EXTERNALITY = "expected-externality"
    LP = "lp"


@dataclass(frozen=True, eq=False)
class Scenario:
    """Everything that determines a run.

    Attributes:
        name: for titles and tables.
        economy: who trades what.
        rules: how the market settles; the paper's when left out.
        transfers: which transfers the established contract makes.
        assignments: who behaves how; later ones win, and whoever none applies to obeys.
        rounds: how many are played.
        seed: of all random streams.
        contract: an established contract to use instead of the one ``transfers`` describes.
        blockers: the blocking mediators.
        organisers: the coalition organisers.
        parts: in how many equal parts coalitions that leave can divide each good they own.
        severance: what the established mediator promises to those who leave, by player and reported type, numeraire.
        incentives: the incentive-efficient benchmarks of the economy, to be recorded beside the others; computing
            them may take longer than a run, so they are computed once where runs are prepared.

    Raises:
        ValueError: a player or type is unknown, shares exceed one, a behaviour does not suit its players,
            blocking mediators or coalition organisers do not go together, rounds or parts are not positive, or the
            seed is negative.
    """

    name: str
    economy: Economy
    rules: MarketRules = field(default_factory=MarketRules)
    transfers: TransferRule = TransferRule.NONE
    assignments: tuple[Assignment, ...] = ()
    rounds: int = 100
    seed: int = 0
    contract: GrandContract | None = None
    incentives: tuple[IncentiveBenchmark, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    parts: int = 4
    severance: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    organisers: tuple[Organiser, ...] = ()

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ValueError(f"rounds is {self.rounds}; there must be at least 1")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be at least 0")
        check_assignments(self.assignments, self.economy.players, "economy")
        check_blockers(self.blockers, len(self.economy.players))
        check_organisers(self.organisers, len(self.economy.players))
        if self.parts < 1:
            raise ValueError(f"parts is {self.parts}; there must be at least 1")

    def behaviours(self) -> tuple[tuple[Behaviour, ...], ...]:
        """Return how each player behaves, by its type: entry ``[player][type]``."""
        return behaviour_table(self.assignments, self.economy.players, self.seed)
