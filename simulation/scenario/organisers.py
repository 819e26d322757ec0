"""The coalition organisers of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from marketgame.agents.coalitions.choice import CoalitionChoice, OrganiserStage
from marketgame.registry import parameter, refuse_out_of_bounds

if TYPE_CHECKING:
    from marketgame.agents.coalitions.breaking import BestDeviation
    from marketgame.agents.coalitions.organiser import FindAgreement, FindReports


class SideConcept(StrEnum):
    """What members of a coalition may do that a side-contract must leave them no reason for."""

    INCENTIVE_COMPATIBLE = "incentive-compatible"
    """Lie to the side-device; Definition 6."""
    COMMUNICATION_EQUILIBRIUM = "communication-equilibrium"
    """Lie to it, disobey it, or both; Definition 6'."""


class Sharing(StrEnum):
    """What members of a coalition share when they agree on reports."""

    EVERYTHING = "everything"
    """What they know, and money: the lie is the most profitable one for their types, its gain divided equally."""
    MONEY = "money"
    """Money, so that members must have reason to tell the organiser the truth; Laffont and Martimort (1997)."""
    NOTHING = "nothing"
    """Neither."""


@dataclass(frozen=True)
class OrganiserEffort:
    """How hard an organiser searches.

    Attributes:
        quote_vectors: for how many joint quotes the best orders are sought, by a coalition or by those that break.
        rounds: how often a lottery over joint actions is improved by asking for more of them.
        breaches: how often what a single member would rather do is excluded, where members are to have no reason to.
        cells: for how many combinations of what members know joint actions are sought, the most probable first.
        enough: the search ends as soon as the members gain this share of what they can at most, in expectation and
            together.

    Raises:
        ValueError: a number makes no sense.
    """

    quote_vectors: int = field(
        default=6, metadata=parameter("for how many joint quotes the best orders are sought", ge=1, le=10_000)
    )
    rounds: int = field(
        default=2,
        metadata=parameter("how often a lottery is improved by asking for more joint actions", ge=0, le=1000),
    )
    breaches: int = field(
        default=6,
        metadata=parameter("how often what a single member would rather do is excluded", ge=1, le=1000),
    )
    cells: int = field(
        default=8,
        metadata=parameter(
            "for how many combinations of what members know joint actions are sought, the likeliest first",
            ge=1,
            le=1_000_000,
        ),
    )
    enough: float = field(
        default=0.95,
        metadata=parameter("the share of what members can gain at most with which the search is content", ge=0, le=1),
    )

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self)


@dataclass(frozen=True)
class Organiser:
    """A coalition organiser in a scenario.

    Attributes:
        name: different from the other organisers'.
        choice: which coalitions it approaches, and how often.
        concept: what its side-contracts must leave members no reason for.
        consistent: whether no single member may want to break them.
        depth: how many members a sub-coalition that breaks a side-contract may have; 0 if they are never broken.
        effort: how hard it searches.
        stage: what members agree upon.
        sharing: what they share when they agree on reports.
        find_reports: how it finds agreements on reports, instead of working out the best.
        find: how it finds side-contracts, instead of searching with this effort for this concept.
        best_deviation: how sub-coalitions find what is best for them, instead of searching with this effort.

    Raises:
        ValueError: a number makes no sense, or there is no name.
    """

    name: str
    choice: CoalitionChoice = field(default_factory=CoalitionChoice)
    concept: SideConcept = field(
        default=SideConcept.INCENTIVE_COMPATIBLE,
        metadata=parameter(
            "what a side-contract must leave members no reason for: lying to the side-device, or also disobeying it"
        ),
    )
    consistent: bool = field(
        default=False, metadata=parameter("whether no single member may want to break a side-contract")
    )
    depth: int = field(
        default=0,
        metadata=parameter(
            "how many members a sub-coalition that breaks a side-contract may have; 0 if none is ever broken", ge=0
        ),
    )
    effort: OrganiserEffort = field(default_factory=OrganiserEffort, metadata=parameter("how hard it searches"))
    stage: OrganiserStage = field(
        default=OrganiserStage.ORDERS,
        metadata=parameter(
            "what members agree upon: what to quote and order after the recommendations, what to report before them "
            "(then all obey), or one and then the other"
        ),
    )
    sharing: Sharing = field(
        default=Sharing.EVERYTHING,
        metadata=parameter(
            "what members share when they agree on reports: everything, what they know and money; money only, so that "
            "nobody may gain by lying to the organiser; nothing, the same without money"
        ),
    )
    find: FindAgreement | None = None
    find_reports: FindReports | None = None
    best_deviation: BestDeviation | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a coalition organiser must have a name")
        refuse_out_of_bounds(self, f"organiser {self.name!r}")


def check_organisers(organisers: Sequence[Organiser], players: int) -> None:
    """Refuse coalition organisers that do not go together or do not fit the players.

    Raises:
        ValueError: two have one name, one names players that are not there, or no coalition fits.
    """
    names = [organiser.name for organiser in organisers]
    for organiser in organisers:
        if names.count(organiser.name) > 1:
            raise ValueError(f"two coalition organisers are named {organiser.name!r}; names must differ")
        choice, everybody = organiser.choice, set(range(players))
        named = {*(choice.members or ()), *(player for link in choice.links or () for player in link)}
        if not named <= everybody:
            raise ValueError(f"organiser {organiser.name!r} names player {max(named)}; they are 0 to {players - 1}")
        try:
            choice.coalitions(players)
        except ValueError as misfit:
            raise ValueError(f"organiser {organiser.name!r}: {misfit}") from None
