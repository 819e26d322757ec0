"""The blocking mediators of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from marketgame.agents.blocking.stake_beliefs import StakeSource
from marketgame.registry import parameter, refuse_out_of_bounds

# The name of the mediator whose plan is in force; no blocking mediator can have it.
ESTABLISHED = "established"


@dataclass(frozen=True)
class Blocker:
    """A blocking mediator in a scenario.

    Attributes:
        name: different from the other mediators'.
        stakes: where it knows from what players would lose by leaving.
        caution: how many standard errors it adds to stakes it estimates.
        largest: how many players it can invite at once at most; none for any number.
        network: pairs of players, by number, who can talk to each other, so that it can invite only coalitions they
            connect; none if everybody can talk to everybody.

    Raises:
        ValueError: the name is that of the established mediator, or a number makes no sense.
    """

    name: str
    stakes: StakeSource = field(
        default=StakeSource.CONTRACT,
        metadata=parameter(
            "where it knows from what players lose by leaving: it works out the contract, or has watched"
        ),
    )
    caution: float = field(
        default=1.0,
        metadata=parameter("with stakes = 'past-rounds': how many standard errors it adds to what it estimates", ge=0),
    )
    largest: int | None = field(
        default=None,
        metadata=parameter("how many players it can invite at once at most; any number without it", ge=1),
    )
    network: frozenset[tuple[int, int]] | None = None

    def __post_init__(self) -> None:
        if not self.name or self.name == ESTABLISHED:
            raise ValueError(f"a blocking mediator is named {self.name!r}; it must have a name of its own")
        refuse_out_of_bounds(self, f"blocking mediator {self.name!r}")


def check_blockers(blockers: Sequence[Blocker], players: int) -> None:
    """Refuse blocking mediators that do not go together or do not fit the players.

    Raises:
        ValueError: two have one name, or a link joins players that are not there or not different.
    """
    names = [blocker.name for blocker in blockers]
    for blocker in blockers:
        if names.count(blocker.name) > 1:
            raise ValueError(f"two blocking mediators are named {blocker.name!r}; names must differ")
        for link in blocker.network or ():
            if len(set(link)) < 2 or not set(link) <= set(range(players)):
                raise ValueError(
                    f"link {link} of {blocker.name!r} must join two different players of 0 to {players - 1}"
                )
