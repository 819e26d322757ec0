"""Files of ``kind = "scenario"``: an economy, the rules of its market, a contract, and who behaves how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache, partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypedDict

from pydantic import Field

from marketgame.agents.behaviours import BEHAVIOURS, Behaviour
from marketgame.agents.private_type import TypedPlayer
from marketgame.experiments.files.class_tables import ClassTable, Name, Registered, default_of, read_from, table_of
from marketgame.experiments.files.coalition_tables import BlockerInput, NetworkInput, OrganiserInput
from marketgame.experiments.files.contract_file import contract_for
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.examples import file_named
from marketgame.experiments.files.input_file import (
    InputFiles,
    InputModel,
    Mistakes,
    blamed_on,
    entry_path,
    made,
    one_of,
    read_input,
    read_table,
    refuse,
    unknown_name,
)
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.random_economies import Allotment
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.registry import MisnamedError, NotAMemberError, UnknownNameError
from marketgame.simulation.scenario.assignments import Assignment, check_assignments
from marketgame.simulation.scenario.blockers import Blocker, check_blockers
from marketgame.simulation.scenario.learning import LearningRules
from marketgame.simulation.scenario.market_scenario import (
    MOST_TRADERS_LISTED,
    MOST_TRADES_LISTED,
    MarketScenario,
    TradeRows,
)
from marketgame.simulation.scenario.organisers import check_organisers
from marketgame.simulation.scenario.scenario import Scenario

LARGEST_SEED = 2**63 - 1
MOST_ROUNDS = 1_000_000_000
MOST_PARTS = 1000


BEHAVIOUR = "behaviour"


class TraderTable(ClassTable):
    """Whom a behaviour is given to; without any of the three, to everybody.

    Where several tables name a trader, the last one counts. The tables themselves are those of ``BEHAVIOURS``.
    """

    name: Name | None = Field(None, description="what messages and the axes of sweeps call this table")
    players: list[Name] | None = Field(None, min_length=1, description="these players, by name")
    types: list[Name] | None = Field(None, min_length=1, description="whoever is of one of these types in a round")
    share: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="this share of the players that no other table names, drawn once from the seed"
    )


def _suits_games(behaviour: type[Behaviour]) -> bool:
    return behaviour.suits_games()


@cache
def _table_of(behaviour: type[Behaviour], name: str) -> type[TraderTable]:
    return table_of(behaviour, name, BEHAVIOUR, TraderTable)


type TraderInput = Annotated[TraderTable, Registered(BEHAVIOURS, BEHAVIOUR, _table_of)]
type GameTraderInput = Annotated[
    TraderTable,
    Registered(BEHAVIOURS, BEHAVIOUR, _table_of, _suits_games, "which needs a market; this scenario has none"),
]


@read_from(MarketRules)
class RulesInput(ClassTable):
    """How the market settles; the defaults are the paper's."""


@read_from(LearningRules)
class LearningInput(ClassTable):
    """What learners are told beyond what became of themselves, and what is recorded of them."""


class ContractInput(InputModel):
    """What the established mediator offers."""

    allocation: Literal["efficient", "file"] = Field(
        "efficient",
        description="what the contract aims at: efficient, the outcome-efficient allocation; file: what a file of "
        'kind = "contract" states, its transfers included',
    )
    path: Name | None = Field(
        None, description="where allocation is file: that file, relative to this one, or example:NAME"
    )
    transfers: Annotated[TransferRule, Field(strict=False)] = Field(
        TransferRule.EXPECTED_EXTERNALITY,
        description="none: everyone pays the supporting price; expected-externality: d'Aspremont and "
        "Gérard-Varet's, for independent types; lp: a linear program's, for any prior; coalition-proof: "
        "no coalition gains by lies told together",
    )
    participation: Literal["none", "individual"] = Field(
        "none",
        description="none: transfers are as they come; individual: fixed payments beside them, which change no "
        "incentive, leave every type with no less than it has at home in expectation",
    )
    severance: dict[Name, dict[Name, Annotated[float, Field(ge=0)]]] = Field(
        {}, description="promised to those who leave with a blocking mediator, by player and reported type"
    )


class TablesInput(InputModel):
    """What the tables of a run list."""

    trades: Annotated[TradeRows, Field(strict=False)] = Field(
        TradeRows.AUTOMATIC,
        description=f"one by one: all; the largest {MOST_TRADES_LISTED} of each round; none; automatic: all among "
        f"at most {MOST_TRADERS_LISTED} traders, the largest among more; trade_totals adds up all in any case",
    )


class PopulationInput(InputModel):
    """Behaviours given to shares of the players that no [[traders]] table names."""

    behaviours: dict[Name, Annotated[float, Field(ge=0, le=1)]] = Field(
        {}, description="the share of each behaviour, with the parameters it has by itself; whoever is left obeys"
    )
    allotment: Annotated[Allotment, Field(strict=False)] = Field(
        Allotment.FIXED,
        description="how these shares, and those of [[traders]] tables, become players: fixed, as near as whole "
        "numbers come, by largest remainders, and the seed of the run draws who; drawn, every player draws for itself",
    )

    def assignments(self, path: Path, *, in_game: bool) -> tuple[Assignment, ...]:
        """Return who behaves how by these shares.

        Raises:
            InputError: there is no such behaviour, it needs a market that is not there, or it needs parameters.
        """
        return made(partial(_shared, name, share, path, in_game) for name, share in self.behaviours.items())


def _shared(name: str, share: float, path: Path, in_game: bool) -> Assignment:
    field = f"population.behaviours.{name}"
    try:
        behaviour = BEHAVIOURS.find(name)
    except UnknownNameError:
        refuse(path, field, f"names no behaviour; {one_of(name, BEHAVIOURS.names)}")
    except NotAMemberError as error:
        refuse(path, field, f"names no behaviour: {error}")
    if in_game and not behaviour.suits_games():
        refuse(path, field, "needs a market; this scenario has none")
    needed = [each.name for each in fields(behaviour) if default_of(each) is MISSING]
    if needed:
        refuse(path, field, f"needs {' and '.join(needed)}; give it a [[traders]] table with share = {share:g}")
    return Assignment(behaviour(), share=share)


class Common(TypedDict):
    """What a scenario of either kind is told."""

    name: str
    assignments: tuple[Assignment, ...]
    blockers: tuple[Blocker, ...]
    rounds: int
    seed: int
    allotment: Allotment | None


class PlayedInput(InputModel):
    """What is played, on a market or in a coalitional game: its name, for how long and from which seed.

    Attributes:
        makes: what is made of it.
    """

    makes: ClassVar[type[Scenario]]

    kind: Literal["scenario"] = Field(description="what the file holds")
    name: Name | None = Field(None, description="for titles and tables; without it the file's name")
    rounds: Annotated[int, Field(ge=1, le=MOST_ROUNDS)] = Field(
        100, description="how many times it is played; each round nature draws types anew"
    )
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] = Field(
        0, description="of all random draws; the same seed gives the same tables"
    )

    population: PopulationInput | None = Field(
        None, description="behaviours by shares of the players; without it shares stand in [[traders]] tables only"
    )

    def common(
        self,
        traders: Sequence[TraderTable],
        blockers: Sequence[BlockerInput],
        players: Sequence[TypedPlayer],
        path: Path,
        instead: tuple[int | None, int | None],
    ) -> Common:
        """Return what a scenario of either kind is told.

        Raises:
            InputError: a table names players or types that are not there, or a parameter makes no sense.
        """
        names, (rounds, seed) = [player.name for player in players], instead
        mistakes = Mistakes()
        with mistakes.kept():
            assignments = assignments_of(traders, players, path)
            if self.population is not None:
                assignments += self.population.assignments(path, in_game=self.makes.SETTING == "game")
            with blamed_on(path):
                check_assignments(assignments, players, self.makes.SETTING)
        with mistakes.kept():
            led = made((partial(each.build, names, where, path) for where, each in _placed("blockers", blockers)))
            with blamed_on(path):
                check_blockers(led, len(players))
        mistakes.tell()
        return {
            "name": self.name or path.stem,
            "assignments": assignments,
            "blockers": led,
            "rounds": self.rounds if rounds is None else rounds,
            "seed": self.seed if seed is None else seed,
            "allotment": None if self.population is None else self.population.allotment,
        }


class ScenarioInput(PlayedInput):
    """One market to be played: economy, rules, contract, behaviours, rounds and seed."""

    makes = MarketScenario

    economy: Name = Field(description="path of a market-economy file, relative to this file, or example:NAME")
    rules: RulesInput = Field(RulesInput(), description="how the market settles")
    contract: ContractInput = Field(ContractInput(), description="what the established mediator offers")
    traders: list[TraderInput] = Field(
        [], description="one table [[traders]] for each behaviour; whoever none names is obedient"
    )
    blockers: list[BlockerInput] = Field(
        [], description="one table [[blockers]] for each mediator that tries to lead players away"
    )
    organisers: list[OrganiserInput] = Field(
        [], description="one table [[organisers]] for each organiser of coalitions, who proposes side-contracts"
    )
    learning: LearningInput = Field(
        LearningInput(), description="what learners are told beyond what became of themselves, and what is recorded"
    )
    network: NetworkInput | None = Field(
        None, description="who knows whom, and what takes only those who do; everybody knows everybody without it"
    )
    tables: TablesInput = Field(TablesInput(), description="what the tables of a run list")
    parts: Annotated[int, Field(ge=1, le=MOST_PARTS)] = Field(
        4, description="in how many equal parts coalitions that leave can divide each good they own"
    )


def names_game(path: Path, files: InputFiles | None = None) -> bool:
    """Whether a scenario file names a coalitional game.

    Args:
        path: the file.
        files: keeps what is read; every file is read anew without it.

    Raises:
        InputError: the file cannot be read, or names an economy too.
    """
    content = read_table(path, files)
    if "game" in content and "economy" in content:
        refuse(path, "game", "is given beside economy; a scenario has one of them")
    return "game" in content


def load_scenario(
    path: Path | str, rounds: int | None = None, seed: int | None = None, files: InputFiles | None = None
) -> MarketScenario:
    """Return the scenario in a file.

    Raises:
        InputError: the file or the economy it names cannot be read or is wrong.
    """
    path = Path(path)
    files = InputFiles() if files is None else files
    return build_scenario(
        read_input(ScenarioInput, path, files), path, rounds, seed, partial(load_economy, files=files), files
    )


def build_scenario(
    content: ScenarioInput,
    path: Path,
    rounds: int | None = None,
    seed: int | None = None,
    economy_in: Callable[[Path], Economy] = load_economy,
    files: InputFiles | None = None,
) -> MarketScenario:
    """Return the scenario that a file's content describes.

    Raises:
        InputError: the economy cannot be read, or something does not fit it.
    """
    economy = economy_in(file_named(content.economy, path, "economy"))
    mistakes = Mistakes()
    with mistakes.kept():
        types = {player.name: [kind.name for kind in player.types] for player in economy.players}
        check_severance(content.contract.severance, types, path)
    with mistakes.kept():
        common = content.common(content.traders, content.blockers, economy.players, path, (rounds, seed))
    with mistakes.kept():
        tables = _placed("organisers", content.organisers)
        organisers = made((partial(each.build, economy.player_names, where, path) for where, each in tables))
        if content.network is None:
            with blamed_on(path):
                check_organisers(organisers, len(economy.players))
    network = None
    with mistakes.kept():
        if content.network is not None:
            network = content.network.build(economy.player_names, path, InputFiles() if files is None else files)
    mistakes.tell()
    contract = _stated(content, path, economy, files)
    with blamed_on(path):
        return MarketScenario(
            economy=economy,
            contract=contract,
            rules=content.rules.build(),
            transfers=content.contract.transfers,
            participation=Participation[content.contract.participation.upper()],
            parts=content.parts,
            severance=content.contract.severance,
            organisers=organisers,
            trades=content.tables.trades,
            learning=content.learning.build(),
            network=network,
            **common,
        )


def _stated(content: ScenarioInput, path: Path, economy: Economy, files: InputFiles | None) -> GrandContract | None:
    """Return the contract that a file states, if one is to.

    Raises:
        InputError: that file is missing, wrong, or about another economy, or transfers are given beside it.
    """
    offered = content.contract
    if offered.allocation == "efficient":
        if offered.path is not None:
            refuse(path, "contract.path", f"is {offered.path!r}; it is for allocation = 'file' only")
        return None
    if offered.path is None:
        refuse(path, "contract.path", "is missing; allocation = 'file' needs a file of kind = \"contract\"")
    if "participation" in offered.model_fields_set:
        refuse(path, "contract.participation", f"is {offered.participation!r}; the contract's file states what is paid")
    if "transfers" in offered.model_fields_set:
        refuse(path, "contract.transfers", f"is {offered.transfers.value!r}; the contract's file states what is paid")
    economy_file = file_named(content.economy, path, "economy")
    return contract_for(file_named(offered.path, path, "contract.path"), economy_file, economy, files).contract


def assignments_of(
    traders: Sequence[TraderTable], players: Sequence[TypedPlayer], path: Path
) -> tuple[Assignment, ...]:
    """Return who behaves how, as tables say.

    Raises:
        InputError: a table names players or types that are not there, or a parameter makes no sense.
    """
    return made((partial(_assignment, trader, where, players, path) for where, trader in _placed("traders", traders)))


def _placed[Table: TraderTable | BlockerInput | OrganiserInput](
    key: str, tables: Sequence[Table]
) -> Iterator[tuple[str, Table]]:
    """Yield the tables of a list, each with its path: by its name if the file gives it one."""
    for place, table in enumerate(tables):
        yield entry_path(key, place, table.name if "name" in table.model_fields_set else None), table


def _assignment(trader: TraderTable, field: str, players: Sequence[TypedPlayer], path: Path) -> Assignment:
    mistakes = Mistakes()
    with mistakes.kept():
        _refuse_unknown(trader.players or (), [player.name for player in players], f"{field}.players", path)
    named = [player for player in players if trader.players is None or player.name in trader.players]
    kinds = list(dict.fromkeys(kind.name for player in named for kind in player.types))
    with mistakes.kept():
        # Without players of their own, types are those of nobody.
        _refuse_unknown(trader.types or () if named else (), kinds, f"{field}.types", path)
    with mistakes.kept(), blamed_on(path, f"{field}: "):
        behaviour: Behaviour = trader.build()
    mistakes.tell()
    with blamed_on(path, f"{field}: "):
        try:
            behaviour.check(named)
        except MisnamedError as error:
            refuse(path, f"{field}.{error.parameter}", unknown_name(error.value, error.allowed))
        return Assignment(
            behaviour=behaviour,
            players=None if trader.players is None else tuple(trader.players),
            types=None if trader.types is None else tuple(trader.types),
            share=trader.share,
        )


def check_severance(
    severance: Mapping[str, Mapping[str, float]], types: Mapping[str, Sequence[str]], path: Path
) -> None:
    """Refuse severance that is promised to players or types that are not there.

    Raises:
        InputError: a name is unknown.
    """
    mistakes = Mistakes()
    for name, by_type in severance.items():
        field = f"contract.severance.{name}"
        with mistakes.kept():
            if name not in types:
                refuse(path, field, f"names no player; {one_of(name, list(types))}")
        for kind in by_type if name in types else ():
            with mistakes.kept():
                if kind not in types[name]:
                    refuse(path, f"{field}.{kind}", f"names no type; {one_of(kind, types[name])}")
    mistakes.tell()


def _refuse_unknown(names: Sequence[str], allowed: Sequence[str], field: str, path: Path) -> None:
    mistakes = Mistakes()
    for place, name in enumerate(names):
        with mistakes.kept():
            if name not in allowed:
                refuse(path, f"{field}[{place}]", unknown_name(name, allowed))
    mistakes.tell()
