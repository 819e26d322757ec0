"""What ``marketgame solve`` answers, from a file or from an economy, contract or game that exists already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from marketgame.experiments.efficiency.contract_solution import ContractSolution, solve_contract
from marketgame.experiments.efficiency.game_solution import GameSolution, solve_game
from marketgame.experiments.efficiency.solution import EconomySolution, solve_economy
from marketgame.experiments.files.contract_file import StatedContract, load_contract
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.game_file import EstablishedGame, game_of, load_game
from marketgame.experiments.files.input_file import InputError, InputFiles, blamed_on, kind_of, member, read_table
from marketgame.mechanisms.arrays import undefined_raises
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import Money
from marketgame.mechanisms.linear_program.deadline import Deadline

type Solvable = Economy | StatedContract | GrandContract | EstablishedGame | CoalitionalGame
type Solution = EconomySolution | ContractSolution | GameSolution
ECONOMY, GAME, CONTRACT = "market-economy", "coalitional-game", "contract"


@dataclass(frozen=True)
class Asked:
    """What is asked about an economy or a game; see :func:`solve`."""

    participation: Participation | None
    money: Money | None
    transfers: TransferRule | None
    seconds: float | None
    refusable: bool


@undefined_raises
def solve(
    of: Path | str | Solvable,
    *,
    participation: Participation | str | None = None,
    money: Money | str | None = None,
    transfers: TransferRule | str | None = None,
    seconds: float | None = None,
    refusable: bool = False,
    allow_code: bool = False,
) -> Solution:
    """Return the benchmarks of an economy, what a contract achieves, or an incentive-efficient mechanism of a game.

    Args:
        of: a file, ``example:NAME``, an economy, a contract or a game.
        participation: what must be left to every type; an economy is solved for both, and a game for ``none``,
            without it.
        money: what players of an economy can be asked to pay in its incentive-efficient benchmarks; ``owned`` without
            it. Payments in a game have no limit.
        transfers: of the contract of an economy whose incentives are checked; without it those that make the truth pay.
        seconds: wall time allowed to each benchmark of an economy, or to all that is done about a game; no limit
            without it.
        refusable: whether to decide too if an economy has transfers that survive refusal after the recommendation.
        allow_code: whether the file may name code of anybody's, which then is imported.

    Raises:
        InputError: the file is wrong, an option is none, or a game or a contract is asked what only an economy knows.
        ValueError: an economy has no efficient allocation or not the transfers asked for, or money moved between
            players of a game raises the weighted utility without end; an InputError where it has a file.
        ArithmeticError: an answer was found that could not be proven; the class says which.
    """
    deadline = Deadline.after(seconds)
    constraint = None if participation is None else member(Participation, participation, "participation")
    payable = None if money is None else member(Money, money, "money")
    rule = None if transfers is None else member(TransferRule, transfers, "transfers")
    asked = Asked(constraint, payable, rule, seconds, refusable)
    if isinstance(of, Path | str):
        file = located(of)
        with blamed_on(file):
            return _solved(_read(file, InputFiles(allow_code=allow_code)), asked, deadline)
    return _solved(of, asked, deadline)


def _read(file: Path, files: InputFiles) -> Economy | StatedContract | EstablishedGame:
    match kind_of(read_table(file, files), file, (ECONOMY, CONTRACT, GAME)):
        case "contract":
            return load_contract(file, files)
        case "coalitional-game":
            return load_game(file, files)
    return load_economy(file, files)


def _solved(
    of: Solvable,
    asked: Asked,
    deadline: Deadline,
) -> Solution:
    if isinstance(of, Economy):
        wanted = tuple(Participation) if asked.participation is None else (asked.participation,)
        return solve_economy(
            of, wanted, asked.seconds, asked.money or Money.OWNED, asked.transfers, refusable=asked.refusable
        )
    if isinstance(of, StatedContract | GrandContract):
        for name in ("participation", "money", "transfers"):
            if getattr(asked, name) is not None:
                raise InputError(f"{name} is for economies; this is a contract, which says who gets and pays what")
        if asked.refusable:
            raise InputError("refusable is for economies; this is a contract, which has its transfers")
        return solve_contract(of)
    if asked.money is not None:
        raise InputError("money is for economies; this is a game, in which payments have no limit")
    if asked.transfers is not None:
        raise InputError("transfers is for economies; this is a game, whose mechanism has payments of its own")
    if asked.refusable:
        raise InputError("refusable is for economies; this is a game, in which nobody owns what it could live on")
    return solve_game(game_of(of), asked.participation or Participation.NONE, deadline)
