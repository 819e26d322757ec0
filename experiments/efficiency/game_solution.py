"""What ``marketgame solve`` answers for a coalitional game: an incentive-efficient mechanism and its proof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, override

import numpy as np
import pandas as pd
from rich.console import Console, Group

from marketgame.experiments.efficiency.benchmarks import ConstraintRow, constraint_table
from marketgame.experiments.files.game_file import EstablishedGame
from marketgame.experiments.printing import (
    MOST_PROFILES_SHOWN,
    Printed,
    drawn_bars,
    marked,
    number,
    print_heading,
    print_left_out,
    table,
)
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, feasibility, interim_utilities, rules
from marketgame.mechanisms.incentive_efficiency.dominance import Dominance, dominating_mechanism
from marketgame.mechanisms.incentive_efficiency.optimality import CONDITION_LIMIT, Conditions
from marketgame.mechanisms.incentive_efficiency.search import (
    IncentiveEfficient,
    NoOptimum,
    Participation,
    proven_optimum,
)
from marketgame.mechanisms.incentive_efficiency.virtual_utility import (
    NOTABLE,
    VirtualWeights,
    notable_multipliers,
    virtual_utility,
)
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class EstablishedMechanism:
    r"""What the mechanism in a file gives, and whether another would be better for everybody.

    Attributes:
        mechanism: the mechanism.
        interim: utilities :math:`U_i(t)`, one ``(K_i,)`` for each player.
        misreport_gains: by type and report, one ``(K_i, K_i)`` for each player, in units of utility.
        expected_cost: what the mediator expects to pay, in units of utility.
        feasible: whether no type gains from misreporting and the mediator expects no loss.
        dominance: the best improvement for all types at once; none for a mechanism that is not feasible.
    """

    mechanism: Mechanism
    interim: tuple[FloatArray, ...]
    misreport_gains: tuple[FloatArray, ...]
    expected_cost: float
    feasible: bool
    dominance: Dominance | None

    @property
    def incentive_efficient(self) -> bool:
        """Whether it is feasible and no feasible mechanism is better for all types of all players."""
        return self.dominance is not None and not self.dominance.dominated

    @property
    def largest_misreport_gain(self) -> float:
        """What the most tempted type gains, in units of utility; zero when truth is best."""
        return max(float(gains.max()) for gains in self.misreport_gains)


@dataclass(frozen=True, eq=False, repr=False)
class GameSolution(Printed):
    """The incentive-efficient benchmark of a game, beside what its file establishes.

    Attributes:
        established: the game with the weights that count and the mechanism in force, if any.
        participation: who had to be willing to take part.
        answer: a mechanism with its proof, or the proof that none leaves everybody willing.
        mechanism: what the file's mechanism gives; none when the file gives none.
    """

    established: EstablishedGame
    participation: Participation
    answer: IncentiveEfficient | NoOptimum
    mechanism: EstablishedMechanism | None

    @property
    def game(self) -> CoalitionalGame:
        """The game."""
        return self.established.game

    @override
    def print_on(self, console: Console) -> None:
        print_game_solution(self, console)

    @property
    @override
    def table(self) -> pd.DataFrame:
        """What each type expects, beside what it could get alone; missing, as λ, where nothing is optimal."""
        optimal = self.answer if isinstance(self.answer, IncentiveEfficient) else None
        columns = {
            "weight": self.established.weights,
            "lambda": None if optimal is None else optimal.virtual.weights,
            "expected_utility": None if optimal is None else optimal.interim,
            "alone": self.game.individual_values(),
        }
        return by_type(self.game, columns)

    @override
    def plot(self) -> Figure:
        """Draw what each type expects."""
        return drawn_bars(self.table, "expected_utility", f"{self.established.name}: what each type expects")


def solve_game(
    established: EstablishedGame,
    participation: Participation = Participation.NONE,
    deadline: Deadline = NO_DEADLINE,
) -> GameSolution:
    """Return the incentive-efficient benchmark of a game for the weights of its file.

    Raises:
        ValueError: all weights are zero, or money moved between players raises the weighted utility without end.
        UndecidedGameError: the solver failed or hit its limit, or its answer does not prove itself.
        DeadlinePassedError: time ran out before the file's mechanism was judged.
        UnverifiedAnswerError: the solver's answer fails the independent check.
    """
    game = established.game
    answer = proven_optimum(game, established.weights, participation, deadline)
    own = established.mechanism
    return GameSolution(established, participation, answer, None if own is None else assess(game, own, deadline))


def assess(game: CoalitionalGame, mechanism: Mechanism, deadline: Deadline = NO_DEADLINE) -> EstablishedMechanism:
    """Return what a mechanism gives, whether it is feasible, and whether it is incentive-efficient.

    Raises:
        ValueError: the mechanism does not fit the game.
        UnverifiedAnswerError: the solver's answer fails the independent check.
    """
    found = feasibility(game, mechanism)
    dominance = dominating_mechanism(game, mechanism, deadline=deadline) if found.feasible else None
    utilities = interim_utilities(game, mechanism)
    return EstablishedMechanism(mechanism, utilities, found.gains, found.expected_cost, found.feasible, dominance)


# Smaller multipliers, relative to the probabilities of their types, are rounding of a price that is zero.
SMALLEST_MULTIPLIER = 1e-12
# Virtual utilities of more actions at all profiles are left to whoever needs them: lambda and alpha say them.
MOST_VIRTUAL_UTILITIES = 20_000
# What is known of a benchmark only when there is one.
ANSWER_KEYS = (
    *("value", "upper_bound", "mechanism", "lambda", "alpha", "participation_multipliers", "interim", "conditions"),
    *("jeopardised", "virtual_utility"),
)


def game_document(solution: GameSolution) -> dict[str, Any]:
    """Return the solution as the JSON document of ``marketgame solve``.

    ``lambda`` holds the weights after participation multipliers are added, in units in which a unit of money to
    anybody weighs 1; with ``alpha`` it satisfies the hydraulic equations. ``value`` is for the ``weights`` given.
    """
    game, answer = solution.game, solution.answer
    return {
        "kind": "coalitional-game",
        "game": solution.established.name,
        "players": list(game.players),
        "participation": solution.participation.name.lower(),
        "status": answer.status.name.lower(),
        "weights": by_player_and_type(game, solution.established.weights),
        "alone": by_player_and_type(game, game.individual_values()),
        **(_answer_document(answer) if isinstance(answer, IncentiveEfficient) else dict.fromkeys(ANSWER_KEYS)),
        "impossible": _impossible_document(game, answer) if isinstance(answer, NoOptimum) else None,
        "established": None if solution.mechanism is None else _established_document(game, solution.mechanism),
    }


def _answer_document(answer: IncentiveEfficient) -> dict[str, Any]:
    game = answer.game
    return {
        "value": answer.value,
        "upper_bound": answer.bound,
        "mechanism": mechanism_document(game, answer.mechanism),
        **virtual_weights_document(game, answer.virtual),
        "participation_multipliers": by_player_and_type(game, answer.participation),
        "interim": by_player_and_type(game, answer.interim),
        "conditions": _conditions_document(answer.conditions),
        "jeopardised": [
            {"player": each.player, "type": each.imitated, "by": each.tempted, "multiplier": each.multiplier}
            for each in answer.jeopardies
        ],
        "virtual_utility": _virtual_document(answer),
    }


def mechanism_document(game: CoalitionalGame, mechanism: Mechanism) -> list[dict[str, Any]]:
    """Return what a mechanism does, profile by profile."""
    return [
        {
            "types": rule.types,
            "probability": rule.probability,
            "action": rule.action,
            "payment": {player: without_sign_of_zero(paid) for player, paid in rule.payment.items()},
        }
        for rule in rules(game, mechanism)
    ]


def virtual_weights_document(game: CoalitionalGame, virtual: VirtualWeights) -> dict[str, Any]:
    """Return the weights and multipliers of virtual utility as ``lambda`` and ``alpha``."""
    alpha = {
        player: [
            {"type": names[kind], "pretends": names[report], "multiplier": float(table[kind, report])}
            for kind, report in np.argwhere(table > SMALLEST_MULTIPLIER * np.minimum.outer(probability, probability))
        ]
        for player, names, table, probability in zip(
            game.players, game.types, virtual.multipliers, game.type_probabilities, strict=True
        )
    }
    return {"lambda": by_player_and_type(game, virtual.weights), "alpha": alpha}


def by_player_and_type(game: CoalitionalGame, values: Sequence[FloatArray]) -> dict[str, dict[str, float]]:
    """Return one number for each type of each player, ``(K_i,)`` each, by their names."""
    return {
        player: {name: without_sign_of_zero(value) for name, value in zip(names, row, strict=True)}
        for player, names, row in zip(game.players, game.types, values, strict=True)
    }


def without_sign_of_zero(value: float) -> float:
    """Return a number, zero without the sign that arithmetic may leave on it."""
    return float(value) + 0.0


def _conditions_document(conditions: Conditions) -> dict[str, Any]:
    return {
        "hydraulic": conditions.hydraulic,
        "complementary": conditions.complementary,
        "virtually_efficient": conditions.virtually_efficient,
        "negative": conditions.negative,
        "misreport_gain": conditions.misreport_gain,
        "loss": conditions.loss,
        "participation": conditions.participation,
        "largest_relative": conditions.largest,
        "hold": conditions.hold,
    }


def _virtual_document(answer: IncentiveEfficient) -> list[dict[str, Any]] | None:
    """Return every action's virtual utility to every player, profile by profile; nothing in a large game."""
    game = answer.game
    actions = game.actions[game.grand_coalition].names
    if len(actions) * len(game.profiles) > MOST_VIRTUAL_UTILITIES:
        return None
    values = virtual_utility(game, answer.virtual)
    return [
        {
            "types": _named(game, number),
            "action": {
                action: dict(zip(game.players, map(without_sign_of_zero, values[place, :, number]), strict=True))
                for place, action in enumerate(actions)
            },
        }
        for number in range(len(game.profiles))
    ]


def _named(game: CoalitionalGame, profile: int) -> dict[str, str]:
    return {game.players[i]: game.types[i][kind] for i, kind in enumerate(game.profiles[profile])}


def _impossible_document(game: CoalitionalGame, answer: NoOptimum) -> dict[str, Any]:
    """Return the proof that no feasible mechanism leaves everybody willing."""
    shortfall = answer.shortfall
    evidence = {} if shortfall is None else virtual_weights_document(game, shortfall.virtual)
    return {"reason": answer.reason, "shortfall": None if shortfall is None else shortfall.amount, **evidence}


def _established_document(game: CoalitionalGame, established: EstablishedMechanism) -> dict[str, Any]:
    """Return what the file's own mechanism gives, and what proves it incentive-efficient or not."""
    dominance = established.dominance
    proof: dict[str, Any] = {"dominated_by": None, "lambda": None, "alpha": None}
    if dominance is not None and dominance.dominated:
        proof["dominated_by"] = mechanism_document(game, dominance.mechanism)
    elif dominance is not None:
        proof |= virtual_weights_document(game, dominance.virtual)
    return {
        "feasible": established.feasible,
        "incentive_efficient": established.incentive_efficient,
        "interim": by_player_and_type(game, established.interim),
        "largest_misreport_gain": established.largest_misreport_gain,
        "misreport_gains": {
            player: [
                {"type": names[kind], "pretends": names[report], "gain": without_sign_of_zero(gains[kind, report])}
                for kind, report in np.argwhere(~np.eye(len(names), dtype=bool))
            ]
            for player, names, gains in zip(game.players, game.types, established.misreport_gains, strict=True)
        },
        "expected_cost": without_sign_of_zero(established.expected_cost),
        "gain_left_for_everybody": None if dominance is None else max(dominance.gain, 0.0),
        **proof,
    }


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
