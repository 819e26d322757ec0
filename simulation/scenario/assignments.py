"""Who behaves how: assignments of behaviours to players, and the table they make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from marketgame.agents.behaviours import Behaviour, Obedient
from marketgame.agents.private_type import TypedPlayer, type_names
from marketgame.mechanisms.economies.random_economies import Allotment, allotted
from marketgame.simulation.scenario.streams import random_stream


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


def check_assignments(assignments: Sequence[Assignment], players: Sequence[TypedPlayer], where: str) -> None:
    """Refuse assignments that make no sense for the players.

    Raises:
        ValueError: a player or type is unknown, shares exceed one, or a behaviour does not suit its players.
    """
    known_players = {player.name for player in players}
    known_types = {name for player in players for name in type_names(player)}
    for assignment in assignments:
        _refuse_unknown("player", assignment.players, known_players, where)
        _refuse_unknown("type", assignment.types, known_types, where)
    shares = sum(assignment.share or 0 for assignment in assignments)
    if shares > 1 + 1e-12:
        raise ValueError(f"the shares of the assignments sum to {shares:.6g}; they must sum to at most 1")
    for assignment, concerned in _eligible(assignments, players):
        assignment.behaviour.check(concerned)


def behaviour_table(
    assignments: Sequence[Assignment],
    players: Sequence[TypedPlayer],
    seed: int,
    allotment: Allotment | None = None,
) -> tuple[tuple[Behaviour, ...], ...]:
    """Return how each player behaves, by its type: entry ``[player][type]``.

    Args:
        assignments: later ones win; whoever none applies to obeys.
        players: all of them.
        seed: of the run, which draws shares.
        allotment: how shares become players; none where a larger share is to contain a smaller one from the same seed.
    """
    table: list[list[Behaviour]] = [[Obedient()] * len(player.types) for player in players]
    for assignment, names in _drawn(assignments, players, seed, allotment):
        for row, player in zip(table, players, strict=True):
            if player.name not in names:
                continue
            for number, kind in enumerate(player.types):
                if assignment.types is None or kind.name in assignment.types:
                    row[number] = assignment.behaviour
    return tuple(tuple(row) for row in table)


def _eligible(
    assignments: Sequence[Assignment], players: Sequence[TypedPlayer]
) -> Iterator[tuple[Assignment, Sequence[TypedPlayer]]]:
    """Yield each assignment with the players it could concern."""
    unnamed = set(_unnamed(assignments, players))
    everyone = {player.name for player in players}
    for assignment in assignments:
        if assignment.share is not None:
            wanted = unnamed
        else:
            wanted = everyone if assignment.players is None else set(assignment.players)
        yield assignment, [player for player in players if player.name in wanted]


def _drawn(
    assignments: Sequence[Assignment], players: Sequence[TypedPlayer], seed: int, allotment: Allotment | None
) -> Iterator[tuple[Assignment, Sequence[str]]]:
    """Yield each assignment with the names of the players it does concern."""
    everyone = [player.name for player in players]
    unnamed = _unnamed(assignments, players)
    generator = random_stream(seed, "assignment")
    if allotment is not None:
        shares = [each.share for each in assignments if each.share is not None]
        groups = allotted(shares, len(unnamed), allotment, generator).tolist()
        numbers = iter(range(len(shares)))
        for assignment in assignments:
            chosen: Sequence[str] = everyone if assignment.players is None else assignment.players
            if assignment.share is not None:
                number = next(numbers)
                chosen = [name for name, group in zip(unnamed, groups, strict=True) if group == number]
            yield assignment, chosen
        return
    ranking = generator.permutation(len(unnamed))
    used = 0.0
    for assignment in assignments:
        if assignment.share is None:
            yield assignment, (everyone if assignment.players is None else assignment.players)
            continue
        first, used = used, used + assignment.share
        places = ranking[round(first * len(unnamed)) : round(used * len(unnamed))]
        yield assignment, [unnamed[place] for place in places]


def _unnamed(assignments: Sequence[Assignment], players: Sequence[TypedPlayer]) -> list[str]:
    named = {name for assignment in assignments for name in assignment.players or ()}
    return [player.name for player in players if player.name not in named]


def _refuse_unknown(what: str, names: tuple[str, ...] | None, known: set[str], where: str) -> None:
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ValueError(f"there is no {what} {unknown[0]!r} in the {where}; {what}s are {sorted(known)}")
