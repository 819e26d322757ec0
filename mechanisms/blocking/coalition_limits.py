"""Which coalitions can form, and what a blocking mediator may know when it forms one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame


class Support(StrEnum):
    """Whose types the action of a blocking coalition may depend on.

    Source:
        Myerson (2006), conditions (14) and (17).
    """

    COARSE = "coarse"
    """Those of its members."""

    FINE = "fine"
    """Those of all players: the mediator may also talk to players it does not invite."""


class Normalisation(StrEnum):
    """What bounds the size of a blocking plan."""

    TOTAL = "total"
    """Equation (9): the invitations of all coalitions, types and actions have probabilities that sum to one."""

    EVERY_PROFILE = "every-profile"
    """Equation (8): at every type profile some coalition leaves with probability at most one."""


@dataclass(frozen=True)
class CoalitionLimits:
    """Coalitions that cannot form are left out; a single player always can.

    Attributes:
        largest: the largest size, or none.
        network: pairs of players who can talk to each other; only coalitions connected by such links form. With
            none everybody can talk to everybody.

    Raises:
        ValueError: the largest size is not positive, or a link joins a player to itself.
    """

    largest: int | None = None
    network: frozenset[tuple[int, int]] | None = None

    def __post_init__(self) -> None:
        if self.largest is not None and self.largest < 1:
            raise ValueError(f"the largest coalition must have at least 1 member, not {self.largest}")
        for first, second in self.network or ():
            if first == second:
                raise ValueError(f"a link must join two different players, not player {first} to itself")

    @property
    def bind(self) -> bool:
        """Whether there is any limit."""
        return self.largest is not None or self.network is not None

    def coalitions(self, game: CoalitionalGame) -> tuple[Coalition, ...]:
        """Return the coalitions that can form, small ones first.

        Raises:
            ValueError: a link names a player the game does not have.
        """
        for link in self.network or ():
            if not set(link) <= set(game.grand_coalition):
                raise ValueError(f"link {link} names a player beyond 0 to {len(game.players) - 1}")
        return tuple(coalition for coalition in game.coalitions if self.admit(coalition))

    def admit(self, coalition: Coalition) -> bool:
        """Whether a coalition can form."""
        if self.largest is not None and len(coalition) > self.largest:
            return False
        return self.network is None or self._connects(coalition)

    def _connects(self, coalition: Coalition) -> bool:
        reached, frontier = {coalition[0]}, [coalition[0]]
        while frontier:
            player = frontier.pop()
            for first, second in self.network or ():
                if player in (first, second):
                    other = second if player == first else first
                    if other in coalition and other not in reached:
                        reached.add(other)
                        frontier.append(other)
        return len(reached) == len(coalition)


ALL_COALITIONS = CoalitionLimits()
"""Every coalition can form."""
