"""The tables that ``marketgame solve`` prints for a coalitional game."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rich.console import Console, Group

from marketgame.experiments.efficiency.benchmarks import ConstraintRow, constraint_table
from marketgame.experiments.printing import (
    MOST_PROFILES_SHOWN,
    marked,
    number,
    print_heading,
    print_left_out,
    table,
)
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, rules
from marketgame.mechanisms.incentive_efficiency.optimality import CONDITION_LIMIT
from marketgame.mechanisms.incentive_efficiency.search import IncentiveEfficient, NoOptimum, Participation
from marketgame.mechanisms.incentive_efficiency.virtual_utility import (
    NOTABLE,
    VirtualWeights,
    notable_multipliers,
    virtual_utility,
)

if TYPE_CHECKING:
    from marketgame.experiments.efficiency.game_solution import EstablishedMechanism, GameSolution

MOST_ACTION_ROWS = 24
# Less of a probability than this would be shown as 0 beside a 1.
SMALLEST_SHARE_SHOWN = 1e-6


def by_type(game: CoalitionalGame, columns: Mapping[str, Sequence[FloatArray] | None]) -> pd.DataFrame:
    """Return numbers of each type of each player as a data frame with the index player, type.

    Args:
        game: whose types they are.
        columns: by name, one ``(K_i,)`` for each player; nothing where they are not known.
    """
    names = [(player, kind) for player, kinds in zip(game.players, game.types, strict=True) for kind in kinds]
    index = pd.MultiIndex.from_tuples(names, names=["player", "type"])
    known = {"probability": game.type_probabilities, **columns}
    frame = pd.DataFrame(
        {name: np.nan if values is None else 0.0 + np.concatenate(values) for name, values in known.items()},
        index=index,
    )
    money = ("expected_utility", "alone", "stake", "paid", "gain")
    frame.attrs = {"units": {name: "money" if name in money else "1" for name in frame}}
    return frame


def print_game_solution(solution: GameSolution, console: Console) -> None:
    """Print the incentive-efficient benchmark of a game."""
    game, answer = solution.game, solution.answer
    print_heading(
        console, solution.established.name, len(game.players), len(game.profiles), solution.established.source
    )
    console.print()
    if isinstance(answer, IncentiveEfficient):
        _print_answer(solution, answer, console)
    else:
        _print_impossible(answer, console)
    if solution.mechanism is not None:
        _print_established(game, solution.mechanism, console)


def _print_answer(solution: GameSolution, answer: IncentiveEfficient, console: Console) -> None:
    game = solution.game
    willing = solution.participation is Participation.INDIVIDUAL
    console.print(
        f"Incentive-efficient, {'everyone' if willing else 'nobody has to be'} willing to take part: "
        f"weighted utility [bold]{number(answer.value)}[/bold]\n"
    )
    shown = min(len(game.profiles), MOST_PROFILES_SHOWN)
    console.print(_mechanism_table("An incentive-efficient mechanism, in money", game, answer.mechanism, shown))
    print_left_out(console, len(game.profiles), shown)
    console.print(_types_table(solution, answer))
    console.print(constraint_table("Constraints that cost weighted utility", _binding(answer)))
    console.print(_virtual_table(answer))
    console.print(_conditions_table(answer))


def _print_impossible(answer: NoOptimum, console: Console) -> None:
    console.print(f"[bold]Impossible[/bold]: {marked(answer.reason)}.")
    if answer.shortfall is not None:
        console.print("The weights and multipliers that prove it are in the JSON document (--json).\n")


def _mechanism_table(title: str, game: CoalitionalGame, mechanism: Mechanism, shown: int) -> Group:
    rows = (
        [
            types_in_words(game, place),
            lottery_in_words(rule.action),
            number(rule.probability),
            *(number(paid, at_stake(game).unit) for paid in rule.payment.values()),
        ]
        for place, rule in enumerate(rules(game, mechanism)[:shown])
    )
    columns = ["types", "action", "prior", *(f"paid to {player}" for player in game.players)]
    return table(title, columns, rows, texts=2)


def lottery_in_words(action: Mapping[str, float]) -> str:
    """Return the actions that are likely enough to be shown, with their probabilities unless there is one only."""
    likely = {name: odds for name, odds in action.items() if odds >= SMALLEST_SHARE_SHOWN}
    if len(likely) == 1:
        return next(iter(likely))
    return ", ".join(f"{name} {number(odds)}" for name, odds in likely.items())


def types_in_words(game: CoalitionalGame, profile: int) -> str:
    """Return a profile in words, without the players whose type everybody knows."""
    uncertain = [i for i, count in enumerate(game.type_counts) if count > 1]
    named = (f"{game.players[i]}={game.types[i][game.profiles[profile, i]]}" for i in uncertain)
    return ", ".join(named) or "known"


type ByType = Sequence[FloatArray]


def table_by_type(title: str, game: CoalitionalGame, columns: Mapping[str, tuple[ByType, float]]) -> Group:
    """Return a table of numbers of each type of each player.

    Args:
        title: what it shows.
        game: whose types they are.
        columns: by heading, one ``(K_i,)`` for each player, and the size next to which smaller numbers are rounding.
    """
    rows = (
        [player if kind == 0 else "", name, *(number(float(each[i][kind]), scale) for each, scale in columns.values())]
        for i, player in enumerate(game.players)
        for kind, name in enumerate(game.types[i])
    )
    return table(title, ["player", "type", *columns], rows, texts=2)


def multipliers_table(game: CoalitionalGame, virtual: VirtualWeights) -> Group:
    """Return a table of the multipliers α that are not zero."""
    rows = [
        [player, names[kind], names[report], number(float(alpha[kind, report]))]
        for player, names, alpha, probability in zip(
            game.players, game.types, virtual.multipliers, game.type_probabilities, strict=True
        )
        for kind, report in np.argwhere(notable_multipliers(alpha, probability))
    ]
    columns = ["player", "type", "tempted to report", "α"]
    return table("Multipliers α of lies", columns, rows or [["none", "", "", ""]], texts=3)


def _types_table(solution: GameSolution, answer: IncentiveEfficient) -> Group:
    game, scale = solution.game, at_stake(solution.game).unit
    columns = {
        "probability": (game.type_probabilities, 0.0),
        "weight": (answer.weights, 0.0),
        "λ": (answer.virtual.weights, 1.0),
        "expected utility": (answer.interim, scale),
        "alone": (game.individual_values(), scale),
    }
    return table_by_type("Types; λ adds the price of participation to the weight", game, columns)


def _binding(answer: IncentiveEfficient) -> Iterator[ConstraintRow]:
    for each in answer.jeopardies:
        yield ConstraintRow("", each.player, each.tempted, each.imitated, each.multiplier)
    game = answer.game
    priced = zip(game.players, game.types, answer.participation, game.type_probabilities, strict=True)
    for player, names, prices, probability in priced:
        for kind in np.flatnonzero(prices > NOTABLE * probability):
            yield ConstraintRow("", player, names[kind], None, float(prices[kind]))


def _virtual_table(answer: IncentiveEfficient) -> Group:
    """Return the virtual utilities of all actions, or of those chosen if not all fit."""
    game = answer.game
    names, chosen = game.actions[game.grand_coalition].names, answer.mechanism.action_probability
    values, scale = virtual_utility(game, answer.virtual), answer.conditions.virtual_scale
    fits = len(names) * len(game.profiles) <= MOST_ACTION_ROWS
    places = np.argwhere((chosen >= SMALLEST_SHARE_SHOWN) | fits)[:MOST_ACTION_ROWS]
    rows = (
        [
            types_in_words(game, profile),
            names[action],
            *(number(float(value), scale) for value in values[action, :, profile]),
            number(float(values[action, :, profile].sum()), scale),
            number(float(chosen[profile, action]), 1.0),
        ]
        for profile, action in places.tolist()
    )
    columns = ["types", "action", *game.players, "sum", "chosen with"]
    title = "Virtual utilities: what is chosen has the largest sum"
    return table(title if fits else f"{title} (some of them; --json has all)", columns, rows, texts=2)


def _conditions_table(answer: IncentiveEfficient) -> Group:
    found = answer.conditions
    rows = [
        ["weights and multipliers are those of Theorem 0", "(5)", f"{max(found.hydraulic, found.negative):.1g}"],
        ["a multiplier is positive only where a constraint binds", "(6)", f"{found.complementary:.1g}"],
        ["every action chosen has the largest virtual utility", "(7)", f"{found.virtually_efficient:.1g}"],
        ["nobody gains from a misreport", "feasible", f"{found.misreport_gain:.1g}"],
        ["the mediator expects no loss", "feasible", f"{found.loss:.1g}"],
        ["everybody who must be is willing", "feasible", f"{found.participation:.1g}"],
    ]
    title = f"Proof, recomputed without the solver: what is missed by at most {CONDITION_LIMIT:g} of its scale holds"
    return table(title, ["condition", "Myerson, section 3", "missed by"], rows, texts=2)


def _print_established(game: CoalitionalGame, established: EstablishedMechanism, console: Console) -> None:
    shown = min(len(game.profiles), MOST_PROFILES_SHOWN)
    console.print(_mechanism_table("The mechanism of the file, in money", game, established.mechanism, shown))
    print_left_out(console, len(game.profiles), shown)
    scale = at_stake(game).unit
    rows = (
        [
            player if kind == 0 else "",
            name,
            number(float(established.interim[i][kind]), scale),
            number(float(np.delete(established.misreport_gains[i][kind], kind).max()), scale)
            if len(game.types[i]) > 1
            else "",
        ]
        for i, player in enumerate(game.players)
        for kind, name in enumerate(game.types[i])
    )
    columns = ["player", "type", "expected utility", "most to gain from a misreport"]
    console.print(table("What it gives", columns, rows, texts=2))
    console.print(_verdict(established, scale), markup=False)


def _verdict(established: EstablishedMechanism, scale: float) -> str:
    dominance = established.dominance
    if dominance is None:
        gain, cost = established.largest_misreport_gain, established.expected_cost
        return (
            f"Not feasible: the largest gain from a misreport is {number(gain, scale)} and the mediator expects "
            f"to pay {number(cost, scale)}; neither may be above 0."
        )
    if dominance.dominated:
        return f"Feasible, but not incentive-efficient: every type could have {number(dominance.gain, scale)} more."
    return "Feasible and incentive-efficient: no feasible mechanism is better for every type."
