"""The ``[[blockers]]`` tables of a scenario file: who tries to lead players out of the established plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from marketgame.agents.blocking.stake_beliefs import StakeSource
from marketgame.experiments.files.class_tables import Name
from marketgame.experiments.files.input_file import (
    InputModel,
    blamed_on,
    refuse,
    unknown_name,
)
from marketgame.simulation.scenario.blockers import Blocker


class BlockerInput(InputModel):
    """A blocking mediator: it invites random coalitions to leave, by the plan that promises it the most."""

    name: Name = Field("blocker", description="different from the other mediators' names")
    stakes: Annotated[StakeSource, Field(strict=False)] = Field(
        Blocker("any").stakes,
        description="where it knows from what players lose by leaving: it works out the contract, or has watched",
    )
    caution: Annotated[float, Field(ge=0)] = Field(
        Blocker("any").caution,
        description="with stakes = 'past-rounds': how many standard errors it adds to what it estimates",
    )
    largest: Annotated[int, Field(ge=1)] | None = Field(
        None, description="how many players it can invite at once at most; any number without it"
    )
    links: list[Annotated[list[Name], Field(min_length=2, max_length=2)]] | None = Field(
        None, description="pairs of players who can talk to each other: it invites only coalitions they connect"
    )

    def build(self, players: Sequence[str], field: str, path: Path) -> Blocker:
        """Return the mediator.

        Args:
            players: whom it can name.
            field: where the table stands in the file.
            path: the file.

        Raises:
            InputError: a link names nobody, or the name is taken.
        """
        network = None
        if self.links is not None:
            network = frozenset(
                self._link(pair, players, f"{field}.links[{place}]", path) for place, pair in enumerate(self.links)
            )
        with blamed_on(path, f"{field}: "):
            return Blocker(self.name, self.stakes, self.caution, self.largest, network)

    @staticmethod
    def _link(pair: Sequence[str], players: Sequence[str], field: str, path: Path) -> tuple[int, int]:
        for place, name in enumerate(pair):
            if name not in players:
                refuse(path, f"{field}[{place}]", unknown_name(name, players))
        first, second = sorted(list(players).index(name) for name in pair)
        if first == second:
            refuse(path, field, f"joins {pair[0]!r} to itself; it must name two different players")
        return first, second
