"""What is simulated: an economy, its rules and contract, who behaves how, for how long and from which seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from agents.behaviours import Behaviour, Obedient
from mechanisms.economy import Economy, Player
from mechanisms.grand_contract import GrandContract
from mechanisms.market_game import MarketRules
from simulation.streams import random_stream


class TransferRule(StrEnum):
    """Which transfers between players the established contract makes."""

    NONE = "none"
    EXPECTED_EXTERNALITY = "expected-externality"
    LP = "lp"


@dataclass(frozen=True)
class Assignment:
    """Who behaves in a certain way: the players named, or a share of those nobody named, or everyone.

    Attributes:
        behaviour: the behaviour.
        players: names of players; everyone when neither players nor a share are given.
        types: the behaviour holds only for players of these types; for all types when left out.
        share: a share of the players that no assignment names, drawn once per run. A larger share contains
            a smaller one drawn from the same seed, and several shares do not overlap.

    Raises:
        ValueError: both players and a share are given, or the share is not between 0 and 1.
    """

    behaviour: Behaviour
    players: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if self.share is not None:
            if self.players is not None:
                raise ValueError("an assignment names players and a share; give one of them")
            if not 0 <= self.share <= 1:
                raise ValueError(f"the share of {self.behaviour.name} traders is {self.share}; it must be from 0 to 1")


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

    Raises:
        ValueError: a player or type is unknown, shares exceed one, a behaviour does not suit its players,
            rounds are not positive, or the seed is negative.
    """

    name: str
    economy: Economy
    rules: MarketRules = field(default_factory=MarketRules)
    transfers: TransferRule = TransferRule.NONE
    assignments: tuple[Assignment, ...] = ()
    rounds: int = 100
    seed: int = 0
    contract: GrandContract | None = None

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ValueError(f"rounds is {self.rounds}; there must be at least 1")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be at least 0")
        known_players = set(self.economy.player_names)
        known_types = {kind.name for player in self.economy.players for kind in player.types}
        for assignment in self.assignments:
            _refuse_unknown("player", assignment.players, known_players)
            _refuse_unknown("type", assignment.types, known_types)
        shares = sum(assignment.share or 0 for assignment in self.assignments)
        if shares > 1 + 1e-12:
            raise ValueError(f"the shares of the assignments sum to {shares:.6g}; they must sum to at most 1")
        for assignment, players in self._eligible():
            assignment.behaviour.check(players)

    def behaviours(self) -> tuple[tuple[Behaviour, ...], ...]:
        """Return how each player behaves, by its type: entry ``[player][type]``."""
        table: list[list[Behaviour]] = [[Obedient()] * len(player.types) for player in self.economy.players]
        for assignment, names in self._drawn():
            for row, player in zip(table, self.economy.players, strict=True):
                if player.name not in names:
                    continue
                for number, kind in enumerate(player.types):
                    if assignment.types is None or kind.name in assignment.types:
                        row[number] = assignment.behaviour
        return tuple(tuple(row) for row in table)

    def _eligible(self) -> Iterator[tuple[Assignment, Sequence[Player]]]:
        """Yield each assignment with the players it could concern."""
        unnamed = set(self._unnamed())
        for assignment in self.assignments:
            if assignment.share is not None:
                wanted = unnamed
            else:
                wanted = set(self.economy.player_names if assignment.players is None else assignment.players)
            yield assignment, [player for player in self.economy.players if player.name in wanted]

    def _drawn(self) -> Iterator[tuple[Assignment, Sequence[str]]]:
        """Yield each assignment with the names of the players it does concern."""
        unnamed = self._unnamed()
        ranking = random_stream(self.seed, "assignment").permutation(len(unnamed))
        used = 0.0
        for assignment in self.assignments:
            if assignment.share is None:
                yield assignment, (self.economy.player_names if assignment.players is None else assignment.players)
                continue
            first, used = used, used + assignment.share
            chosen = ranking[round(first * len(unnamed)) : round(used * len(unnamed))]
            yield assignment, [unnamed[place] for place in chosen]

    def _unnamed(self) -> list[str]:
        named = {name for assignment in self.assignments for name in assignment.players or ()}
        return [name for name in self.economy.player_names if name not in named]


def _refuse_unknown(what: str, names: tuple[str, ...] | None, known: set[str]) -> None:
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ValueError(f"there is no {what} {unknown[0]!r} in the economy; {what}s are {sorted(known)}")
