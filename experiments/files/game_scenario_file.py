"""Files of ``kind = "scenario"`` that name a coalitional game: a mechanism, who behaves how, and who tries to break it.

Such a scenario is played without a market: players report, blocking mediators invite, coalitions act.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from marketgame.agents.private_type import game_players
from marketgame.experiments.files.class_tables import Name
from marketgame.experiments.files.coalition_tables import BlockerInput
from marketgame.experiments.files.examples import file_named
from marketgame.experiments.files.game_file import (
    OBJECTIVES,
    TYPES_OF_A_RULE,
    EstablishedGame,
    Nonnegative,
    TypeCases,
    core_goal,
    load_game,
)
from marketgame.experiments.files.input_file import (
    InputFiles,
    InputModel,
    Mistakes,
    blamed_on,
    read_input,
    refuse,
    unknown_name,
)
from marketgame.experiments.files.scenario_file import GameTraderInput, PlayedInput, check_severance, names_game
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.simulation.scenario.established_mechanism import MechanismChoice, WantedMechanism
from marketgame.simulation.scenario.game_scenario import GameScenario


class SideBetInput(InputModel):
    """Money that changes hands with the established mediator at some type profiles, on top of the mechanism."""

    types: dict[Name, Name] = Field({}, description=TYPES_OF_A_RULE)
    payment: dict[Name, float] = Field(description="paid to players, by name; negative if they pay; 0 for the others")


class GameContractInput(InputModel):
    """What the established mediator offers the players of a coalitional game."""

    mechanism: Annotated[MechanismChoice, Field(strict=False)] = Field(
        MechanismChoice.FILE,
        description="file: the game file's own; incentive-efficient: one of the largest utility, for the file's "
        "weights; core: one that no blocking mediator can break",
    )
    minimize: Name | None = Field(None, description=f"with mechanism = 'core': the one with the least {OBJECTIVES}")
    maximize: Name | None = Field(None, description=f"with mechanism = 'core': the one with the most {OBJECTIVES}")
    severance: dict[Name, dict[Name, Nonnegative]] = Field(
        {}, description="promised to those who leave, by player and reported type; it replaces the mechanism's"
    )
    side_bets: list[SideBetInput] = Field([], description="paid on top of the mechanism; they may add up")


class GameScenarioInput(PlayedInput):
    """A coalitional game to be played without a market: mechanism, behaviours, blocking mediators, rounds and seed."""

    makes = GameScenario

    game: Name = Field(description="path of a coalitional-game file, relative to this file, or example:NAME")
    contract: GameContractInput = Field(GameContractInput(), description="what the established mediator offers")
    traders: list[GameTraderInput] = Field(
        [], description="one table [[traders]] for each behaviour; whoever none names is obedient"
    )
    blockers: list[BlockerInput] = Field(
        [], description="one table [[blockers]] for each mediator that tries to lead players away"
    )


def load_game_scenario(
    path: Path, rounds: int | None = None, seed: int | None = None, files: InputFiles | None = None
) -> GameScenario:
    """Return the scenario in a file that names a coalitional game.

    Raises:
        InputError: the file or the game it names cannot be read or is wrong.
    """
    files = InputFiles() if files is None else files
    names_game(path, files)
    content = read_input(GameScenarioInput, path, files)
    return build_game_scenario(content, path, rounds, seed, partial(load_game, files=files))


def build_game_scenario(
    content: GameScenarioInput,
    path: Path,
    rounds: int | None = None,
    seed: int | None = None,
    game_in: Callable[[Path], EstablishedGame] = load_game,
) -> GameScenario:
    """Return the scenario that a file's content describes.

    Raises:
        InputError: the game cannot be read, or something does not fit it.
    """
    established = game_in(file_named(content.game, path, "game"))
    game = established.game
    mistakes = Mistakes()
    with mistakes.kept():
        mechanism = _mechanism(content.contract, established, path)
    with mistakes.kept():
        common = content.common(content.traders, content.blockers, game_players(game), path, (rounds, seed))
    mistakes.tell()
    with blamed_on(path):
        return GameScenario(
            game_name=established.name,
            game=game,
            mechanism=mechanism,
            **common,
        )


def _mechanism(contract: GameContractInput, established: EstablishedGame, path: Path) -> Mechanism | WantedMechanism:
    """Return what is established where it is stated, and otherwise what is to be found: reading solves nothing."""
    game, optimised = established.game, contract.minimize is not None or contract.maximize is not None
    cases = TypeCases(path, dict(zip(game.players, game.types, strict=True)))
    mistakes = Mistakes()
    with mistakes.kept():
        if optimised and contract.mechanism is not MechanismChoice.CORE:
            problem = f"is {contract.mechanism.value!r}; only 'core' is minimised or maximised"
            refuse(path, "contract.mechanism", problem)
        if contract.mechanism is MechanismChoice.FILE and established.mechanism is None:
            refuse(path, "contract.mechanism", "is 'file', but the game's file has no [mechanism]; choose another")
    with mistakes.kept():
        goal = core_goal(game, contract.minimize, contract.maximize, f"{path}: contract.")
    with mistakes.kept():
        severance = _severance(contract.severance, cases) if contract.severance else None
    with mistakes.kept():
        side_bets = _side_bets(contract.side_bets, cases, game.players)
    mistakes.tell()
    wanted = WantedMechanism(contract.mechanism, established.weights, goal, severance, side_bets)
    return (
        wanted
        if established.mechanism is None or contract.mechanism is not MechanismChoice.FILE
        else (wanted.made_of(established.mechanism))
    )


def _severance(promised: Mapping[str, Mapping[str, float]], cases: TypeCases) -> FloatArray:
    """Return the severance of every profile, ``(P, N)``, units of money."""
    check_severance(promised, cases.types, cases.path)
    table = np.zeros((len(cases.profiles), len(cases.types)))
    for number, (name, kinds) in enumerate(cases.types.items()):
        for kind, amount in promised.get(name, {}).items():
            table[cases.profiles[:, number] == list(kinds).index(kind), number] = amount
    return table


def _side_bets(bets: Sequence[SideBetInput], cases: TypeCases, players: Sequence[str]) -> FloatArray:
    """Return what side-bets pay at every profile, ``(P, N)``, units of money; several may hold at one."""
    table = np.zeros((len(cases.profiles), len(players)))
    mistakes = Mistakes()
    for place, bet in enumerate(bets):
        field = f"contract.side_bets[{place}]"
        with mistakes.kept():
            holds = cases.matches(bet.types, f"{field}.types")
        for name, amount in bet.payment.items():
            with mistakes.kept():
                if name not in players:
                    refuse(cases.path, f"{field}.payment", unknown_name(name, players))
                if not mistakes:
                    table[holds, list(players).index(name)] += amount
    mistakes.tell()
    return table
