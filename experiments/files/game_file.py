"""Files of ``kind = "coalitional-game"``: Myerson's game, and what has been established in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import fsum, prod
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import (
    InputError,
    InputFiles,
    InputModel,
    Mistakes,
    blamed_on,
    one_of,
    read_input,
    refuse,
    shown,
    unknown_name,
)
from marketgame.experiments.files.published import PUBLISHED, PublishedInput
from marketgame.mechanisms.arrays import PROBABILITY_TOLERANCE, BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.game import ActionSet, Coalition, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.core.objective import CoreGoal, CoreObjective, expected_severance, interim_utility, welfare
from marketgame.mechanisms.economies.coalitions import coalition_name
from marketgame.mechanisms.linear_program import Sense

# Beyond this, tables over type profiles no longer fit in memory beside the computations on them.
MOST_PROFILES = 5_000_000
# Utilities of all actions at all profiles to all members: half a gigabyte.
MOST_UTILITIES = 60_000_000
# Each has a name of its own.
MOST_ACTIONS = 50_000
# Ways of splitting more players into coalitions are too many to be counted one subset at a time.
MOST_PLAYERS_SUPERADDITIVE = 12


@dataclass(frozen=True, eq=False)
class EstablishedGame:
    """What a coalitional-game file holds.

    Attributes:
        name: for titles and tables.
        source: where the game comes from.
        game: the game.
        mechanism: the established mechanism, if the file gives one.
        stakes: what each player loses by joining a blocking coalition, ``(P, N)``, in units of money, if the
            file gives an allocation instead.
        weights: of each player's types, one ``(K_i,)`` each; a type's probability where the file is silent.
    """

    name: str
    source: str
    game: CoalitionalGame
    mechanism: Mechanism | None
    stakes: FloatArray | None
    weights: tuple[FloatArray, ...]


def load_game(path: Path | str, files: InputFiles | None = None) -> EstablishedGame:
    """Return the game in a file.

    Raises:
        InputError: the file cannot be read or does not describe a game; the message names file, field, value and
            what is allowed.
    """
    path = Path(path)
    return game_from(read_input(GameInput, path, files), path)


def game_from(content: GameInput, path: Path) -> EstablishedGame:
    """Return the game that a file's content describes.

    Raises:
        InputError: the content does not describe a game.
    """
    _check_players(content, path)
    cases = TypeCases(path, {player: list(content.types[player]) for player in content.players})
    mistakes = Mistakes()
    with mistakes.kept():
        game = _game(content, cases)
    stakes, mechanism = None, None
    with mistakes.kept():
        if content.mechanism is not None and content.allocation is not None:
            refuse(path, "allocation", "is given beside mechanism; it must stand alone")
        if content.allocation is not None:
            rules = [(rule.types, rule.stake) for rule in content.allocation.rules]
            stakes = cases.table("allocation.rules", rules, "stake", content.players)
    with mistakes.kept():
        # Its rules name actions of everybody, which a game has that is right.
        if content.mechanism is not None and not mistakes:
            mechanism = _mechanism(content.mechanism, cases, game)
    with mistakes.kept():
        weights = _weights(content, path)
    mistakes.tell()
    return EstablishedGame(
        name=content.name,
        source=content.source,
        game=game,
        mechanism=mechanism,
        stakes=stakes,
        weights=weights,
    )


def game_of(of: Path | str | EstablishedGame | CoalitionalGame, files: InputFiles | None = None) -> EstablishedGame:
    """Return a game with what is established in it: as loaded, from its file, or a mere game, in which nothing is.

    Args:
        of: the game, or its file.
        files: keeps what is read; the file is read anew without it.

    Raises:
        InputError: a file cannot be read or does not describe a game.
    """
    match of:
        case EstablishedGame():
            return of
        case CoalitionalGame():
            return EstablishedGame("game", "", of, None, None, of.type_probabilities)
        case _:
            return load_game(located(of), files)


@dataclass(frozen=True)
class TypeCases:
    """Entries of a file that hold at some type profiles, and the tables over all profiles they make.

    Attributes:
        path: the file, for messages.
        types: the names of each player's types.
    """

    path: Path
    types: Mapping[str, Sequence[str]]

    @property
    def profiles(self) -> IntegerArray:
        """The type number of each player in each profile, ``(P, N)``, the last player's changing fastest."""
        counts = [len(names) for names in self.types.values()]
        return np.indices(counts).reshape(len(counts), -1).T.astype(np.int64)

    def table(
        self,
        field: str,
        entries: Sequence[tuple[Mapping[str, str], Mapping[str, float]]],
        key: str,
        columns: Sequence[str],
        default: float | None = None,
    ) -> FloatArray:
        """Return the values of all profiles, ``(P, columns)``.

        Args:
            field: the list of entries, for messages.
            entries: at which types each holds, and its values by column.
            key: the field of an entry that holds its values, for messages.
            columns: the names every entry gives values for.
            default: the value of a column left out; none when every column must be given.

        Raises:
            InputError: a name is unknown, a profile has no entry or two, or a value is missing.
        """
        profiles = self.profiles
        entry_of = np.full(len(profiles), -1)
        rows = np.empty((len(entries), len(columns)))
        mistakes = Mistakes()
        for place, (types, values) in enumerate(entries):
            with mistakes.kept():
                matching = np.flatnonzero(self.matches(types, f"{field}[{place}].types"))
                taken = matching[entry_of[matching] >= 0]
                if len(taken):
                    holds = f"holds at {self._names(profiles[taken[0]])}, as does an entry before; give one of them"
                    refuse(self.path, f"{field}[{place}]", holds)
                entry_of[matching] = place
            with mistakes.kept():
                rows[place] = self._row(f"{field}[{place}].{key}", values, columns, default)
        mistakes.tell()
        if (entry_of < 0).any():
            names = self._names(profiles[int(np.argmin(entry_of))])
            refuse(self.path, field, f"has no entry for {names}; every type profile must have one")
        table: FloatArray = rows[entry_of]
        return table

    def matches(self, types: Mapping[str, str], field: str) -> BooleanArray:
        """Say at which profiles some players are of the types named, whatever those of the others, ``(P,)``.

        Raises:
            InputError: a name is unknown.
        """
        profiles = self.profiles
        matches = np.ones(len(profiles), dtype=np.bool_)
        mistakes = Mistakes()
        for player, kind in types.items():
            with mistakes.kept():
                if player not in self.types:
                    refuse(self.path, f"{field}.{player}", f"names no player; {one_of(player, list(self.types))}")
                if kind not in self.types[player]:
                    refuse(self.path, f"{field}.{player}", unknown_name(kind, self.types[player]))
                number = list(self.types).index(player)
                matches &= profiles[:, number] == self.types[player].index(kind)
        mistakes.tell()
        return matches

    def _row(
        self, field: str, values: Mapping[str, float], columns: Sequence[str], default: float | None
    ) -> list[float]:
        mistakes = Mistakes()
        for name in values:
            with mistakes.kept():
                if name not in columns:
                    refuse(self.path, f"{field}.{name}", f"is not asked for; {one_of(name, columns)}")
        for name in columns if default is None else ():
            with mistakes.kept():
                if name not in values:
                    missing = f"is missing; it must be given for each of {', '.join(columns)}"
                    refuse(self.path, f"{field}.{name}", missing)
        mistakes.tell()
        return [values.get(name, default or 0.0) for name in columns]

    def _names(self, profile: IntegerArray) -> str:
        chosen = zip(self.types.items(), profile, strict=True)
        return ", ".join(f"{player} = {names[kind]!r}" for (player, names), kind in chosen)


def _check_players(content: GameInput, path: Path) -> None:
    known: set[str] = set()
    mistakes = Mistakes()
    for place, name in enumerate(content.players):
        with mistakes.kept():
            if name in known:
                refuse(path, f"players[{place}]", f"is {shown(name)}, as is one before; names must differ")
            known.add(name)
            if not content.types.get(name):
                refuse(path, f"types.{name}", "is missing; it must be given: the probability of each type, by name")
            _check_sum(path, f"types.{name}", content.types[name].values())
    for field, names in (("types", content.types), ("weights", content.weights)):
        for name in names:
            with mistakes.kept():
                if name not in content.players:
                    refuse(path, f"{field}.{name}", f"names no player; {one_of(name, content.players)}")
    mistakes.tell()
    total = prod(len(content.types[name]) for name in content.players)
    if total > MOST_PROFILES:
        refuse(path, "types", f"makes {total} type profiles; there must be at most {MOST_PROFILES}")


def _check_sum(path: Path, field: str, probabilities: Iterable[float]) -> None:
    total = fsum(probabilities)
    if abs(total - 1) > PROBABILITY_TOLERANCE:
        refuse(path, field, f"is {total:.12g} in sum; probabilities must sum to 1")


def _game(content: GameInput, cases: TypeCases) -> CoalitionalGame:
    names: dict[Coalition, list[str]] = {}
    utilities: dict[Coalition, list[FloatArray]] = {}
    mistakes = Mistakes()
    for place, action in enumerate(content.actions):
        field = f"actions[{place}]"
        with mistakes.kept():
            coalition = _coalition(action.coalition, content.players, f"{field}.coalition", cases.path)
            members = [content.players[member] for member in coalition]
            if action.name in names.setdefault(coalition, []):
                problem = f"is {action.name!r}, as is another action of {' + '.join(members)}; names must differ"
                refuse(cases.path, f"{field}.name", problem)
            names[coalition].append(action.name)
            entries = [(payoff.types, payoff.utility) for payoff in action.payoffs]
            payoffs = cases.table(f"{field}.payoffs", entries, "utility", members)
            utilities.setdefault(coalition, []).append(payoffs.T)
    mistakes.tell()
    _check_coalitions(content, names, cases)
    types = content.types
    with blamed_on(cases.path, "actions: "):
        game = CoalitionalGame(
            players=tuple(content.players),
            types=tuple(tuple(types[player]) for player in content.players),
            type_probabilities=tuple(np.array(list(types[player].values())) for player in content.players),
            actions={members: ActionSet(tuple(names[members]), np.stack(utilities[members])) for members in names},
        )
        return game.superadditive() if content.superadditive else game


def _check_coalitions(content: GameInput, names: Mapping[Coalition, Sequence[str]], cases: TypeCases) -> None:
    """Refuse a game in which a coalition has no action, or all have too many, before either is looked up one by one."""
    count = len(content.players)
    every = (members for size in range(1, count + 1) for members in combinations(range(count), size))
    # One of the first that is not listed is found after as many steps as there are entries.
    missing = next((members for members in every if members not in names), None)
    if missing is not None:
        named = coalition_name(content.players[member] for member in missing)
        refuse(cases.path, "actions", f"has none of coalition {named}; every coalition needs at least one")
    actions = {members: len(given) for members, given in names.items()}
    if content.superadditive:
        if count > MOST_PLAYERS_SUPERADDITIVE:
            problem = f"is true with {count} players; there may be at most {MOST_PLAYERS_SUPERADDITIVE}"
            refuse(cases.path, "superadditive", problem)
        actions = _with_splits(actions, count)
    total = sum(actions.values())
    if total > MOST_ACTIONS:
        refuse(cases.path, "actions", f"makes {total} actions of coalitions; there may be at most {MOST_ACTIONS}")
    profiles = prod(len(kinds) for kinds in cases.types.values())
    utilities = profiles * sum(len(members) * number for members, number in actions.items())
    if utilities > MOST_UTILITIES:
        problem = f"makes {utilities} utilities of members at type profiles; there may be at most {MOST_UTILITIES}"
        refuse(cases.path, "actions", problem)


def _with_splits(actions: Mapping[Coalition, int], count: int) -> dict[Coalition, int]:
    """Return how many actions every coalition has together with those of the parts that it may split into."""
    found: dict[Coalition, int] = {(): 1}
    for size in range(1, count + 1):
        for members in combinations(range(count), size):
            first, others = members[0], members[1:]
            found[members] = sum(
                actions[first, *partners] * found[tuple(member for member in others if member not in partners)]
                for number in range(size)
                for partners in combinations(others, number)
            )
    del found[()]
    return found


def _coalition(members: Sequence[str], players: Sequence[str], field: str, path: Path) -> Coalition:
    mistakes = Mistakes()
    for place, member in enumerate(members):
        with mistakes.kept():
            if member not in players:
                refuse(path, f"{field}[{place}]", unknown_name(member, players))
            if member in members[:place]:
                refuse(path, f"{field}[{place}]", f"is {member!r}, as is one before; name each member once")
    mistakes.tell()
    return tuple(sorted(players.index(member) for member in members))


def _mechanism(established: MechanismInput, cases: TypeCases, game: CoalitionalGame) -> Mechanism:
    field, rules = "mechanism.rules", established.rules
    mistakes = Mistakes()
    for place, rule in enumerate(rules):
        with mistakes.kept():
            _check_sum(cases.path, f"{field}[{place}].action", rule.action.values())
    actions = game.actions[game.grand_coalition].names
    with mistakes.kept():
        chosen = cases.table(field, [(rule.types, rule.action) for rule in rules], "action", actions, 0.0)
    with mistakes.kept():
        paid = cases.table(field, [(rule.types, rule.payment) for rule in rules], "payment", game.players, 0.0)
    with mistakes.kept():
        owed = cases.table(field, [(rule.types, rule.severance) for rule in rules], "severance", game.players, 0.0)
    mistakes.tell()
    with blamed_on(cases.path, "mechanism: "):
        return Mechanism(chosen, paid, owed)


def _weights(content: GameInput, path: Path) -> tuple[FloatArray, ...]:
    weights, mistakes = [], Mistakes()
    for player in content.players:
        types = content.types[player]
        given = content.weights.get(player, types)
        field = f"weights.{player}"
        for name in given:
            with mistakes.kept():
                if name not in types:
                    refuse(path, f"{field}.{name}", f"names no type; {one_of(name, list(types))}")
        for name in types:
            with mistakes.kept():
                if name not in given:
                    refuse(path, f"{field}.{name}", f"is missing; it must be given for each of {', '.join(types)}")
        weights.append(np.array([given.get(name, 0.0) for name in types]))
    mistakes.tell()
    return tuple(weights)


type Name = Annotated[str, Field(min_length=1)]
type Probability = Annotated[float, Field(gt=0, le=1)]
type Nonnegative = Annotated[float, Field(ge=0)]

TYPES_OF_A_RULE = "at which types the entry holds, by player; for whoever is not named, at every type"


class PayoffInput(InputModel):
    """What an action gives the coalition's members at some type profiles."""

    types: dict[Name, Name] = Field({}, description=TYPES_OF_A_RULE)
    utility: dict[Name, float] = Field(description="of every member, by name, in units of money")


class ActionInput(InputModel):
    """Something that a coalition can do together."""

    coalition: list[Name] = Field(min_length=1, description="the members' names")
    name: Name = Field(description="different from the coalition's other actions")
    payoffs: list[PayoffInput] = Field(min_length=1, description="what it gives; one entry for every type profile")


class RuleInput(InputModel):
    """What the established mechanism does at some type profiles."""

    types: dict[Name, Name] = Field({}, description=TYPES_OF_A_RULE)
    action: dict[Name, Annotated[float, Field(ge=0, le=1)]] = Field(
        min_length=1, description="probabilities of the grand coalition's actions, by name; they sum to 1"
    )
    payment: dict[Name, float] = Field({}, description="money paid to each player, by name; 0 for the others")
    severance: dict[Name, Nonnegative] = Field(
        {}, description="owed to a player who leaves with a blocking coalition, by name; 0 for the others"
    )


class MechanismInput(InputModel):
    """An established mechanism."""

    rules: list[RuleInput] = Field(min_length=1, description="what it does; one entry for every type profile")


class StakeInput(InputModel):
    """What players lose by joining a blocking coalition at some type profiles."""

    types: dict[Name, Name] = Field({}, description=TYPES_OF_A_RULE)
    stake: dict[Name, float] = Field(description="of every player, by name, in units of money")


class AllocationInput(InputModel):
    """Stakes given directly, without a mechanism."""

    rules: list[StakeInput] = Field(min_length=1, description="the stakes; one entry for every type profile")


class GameInput(InputModel):
    """A coalitional game with independent types, finitely many joint actions and payments in money."""

    kind: Literal["coalitional-game"] = Field(description="what the file holds")
    name: Name = Field(description="for titles and tables")
    source: str = Field("", description="where the game comes from: a citation, or who made it up")
    published: list[PublishedInput] = PUBLISHED
    players: list[Name] = Field(min_length=1, description="their names")
    types: dict[Name, dict[Name, Probability]] = Field(
        description="for every player the probability of each type, by name; they sum to 1"
    )
    superadditive: bool = Field(
        False, description="whether a coalition can also do every combination of what the parts of it can do"
    )
    actions: list[ActionInput] = Field(
        min_length=1, description="one table [[actions]] for each; every coalition needs one"
    )
    mechanism: MechanismInput | None = Field(None, description="an established mechanism; not with allocation")
    allocation: AllocationInput | None = Field(None, description="stakes instead of a mechanism")
    weights: dict[Name, dict[Name, Nonnegative]] = Field(
        {}, description="welfare weights of types, by player and type; a type's probability without them"
    )


SEVERANCE, WELFARE, PAYOFF = "severance", "welfare", "payoff"
OBJECTIVES = f"{SEVERANCE}|{PAYOFF}:PLAYER/TYPE|{WELFARE}"


def core_goal(game: CoalitionalGame, minimize: str | None, maximize: str | None, prefix: str = "--") -> CoreGoal | None:
    """Return what ``minimize`` and ``maximize`` ask for, if anything.

    Raises:
        InputError: both are given, or one names no objective of the game.
    """
    match minimize, maximize:
        case None, None:
            return None
        case str(name), None:
            return CoreGoal(_objective(game, name, f"{prefix}minimize"), Sense.MINIMIZE)
        case None, str(name):
            return CoreGoal(_objective(game, name, f"{prefix}maximize"), Sense.MAXIMIZE)
        case _:
            raise InputError(f"{prefix}minimize and {prefix}maximize are both given; give one of them")


def _objective(game: CoalitionalGame, name: str, field: str) -> CoreObjective:
    if name == SEVERANCE:
        return expected_severance(game)
    if name == WELFARE:
        return welfare(game)
    kind, _, target = name.partition(":")
    if kind != PAYOFF or not target:
        raise InputError(f"{field} is {name!r}; {one_of(name, OBJECTIVES.split('|'))}")
    player, _, own_type = target.partition("/")
    if player not in game.players:
        raise InputError(f"{field} is {name!r}; the player must be one of {', '.join(game.players)}")
    number = game.players.index(player)
    if own_type not in game.types[number]:
        raise InputError(f"{field} is {name!r}; the type must be one of {', '.join(game.types[number])}")
    return interim_utility(game, number, game.types[number].index(own_type))
