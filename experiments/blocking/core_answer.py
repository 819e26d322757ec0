"""What ``marketgame core`` answers: a core allocation, the proof that there is none, or that nothing is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import pandas as pd
from rich.console import Console, Group

from marketgame.experiments.efficiency.game_solution import (
    by_player_and_type,
    by_type,
    lottery_in_words,
    mechanism_document,
    multipliers_table,
    table_by_type,
    types_in_words,
    virtual_weights_document,
    without_sign_of_zero,
)
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.game_file import EstablishedGame, core_goal, game_of
from marketgame.experiments.files.input_file import blamed_on, member
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
from marketgame.mechanisms.arrays import FloatArray, undefined_raises
from marketgame.mechanisms.blocking import Support
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism, expected_cost, interim_utilities, rules
from marketgame.mechanisms.core.allocation import CoreAllocation, CoreResiduals
from marketgame.mechanisms.core.objective import CoreGoal
from marketgame.mechanisms.core.outcome import CoreOptimum, CoreStatus, EmptyCore, UndecidedCore, refutation_margin
from marketgame.mechanisms.core.search import find_core_allocation, optimise_core
from marketgame.mechanisms.core.variant import CoreEffort, CoreVariant, SeverancePay
from marketgame.mechanisms.linear_program import Sense
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class CoreAnswer(Printed):
    """What is known about the core of the game in a file.

    Attributes:
        established: what the file holds.
        variant: the version of the core.
        answer: as the search gave it.
    """

    established: EstablishedGame
    variant: CoreVariant
    answer: CoreAllocation | CoreOptimum | EmptyCore | UndecidedCore

    @property
    def game(self) -> CoalitionalGame:
        """The game."""
        return self.established.game

    @override
    def print_on(self, console: Console) -> None:
        print_core(self, console)

    @property
    @override
    def table(self) -> pd.DataFrame:
        """What each type expects in the core allocation, and what it would lose by leaving; missing without one."""
        found, game = self.allocation, self.game
        columns = {
            "lambda": None if found is None else found.virtual.weights,
            "expected_utility": None if found is None else interim_utilities(game, found.mechanism),
            "stake": None if found is None else interim_stakes(game, found),
            "alone": game.individual_values(),
        }
        return by_type(game, columns)

    @override
    def plot(self) -> Figure:
        """Draw what each type would lose by leaving."""
        return drawn_bars(self.table, "stake", f"{self.established.name}: what each type would lose by leaving")

    @property
    def allocation(self) -> CoreAllocation | None:
        """The core allocation, if one was found."""
        match self.answer:
            case CoreAllocation():
                return self.answer
            case CoreOptimum():
                return self.answer.allocation
            case _:
                return None

    @property
    def optimum(self) -> CoreOptimum | None:
        """The allocation as the answer to an optimisation, if one was asked for and something was found."""
        return self.answer if isinstance(self.answer, CoreOptimum) else None

    @property
    def status(self) -> CoreStatus:
        """Whether an allocation was found."""
        return CoreStatus.FOUND if isinstance(self.answer, CoreAllocation) else self.answer.status

    @property
    def refutation_margin(self) -> float | None:
        """By how much the proof of emptiness contradicts itself everywhere, replayed without the solver."""
        return refutation_margin(self.game, self.answer) if isinstance(self.answer, EmptyCore) else None


def search_core(
    established: EstablishedGame,
    variant: CoreVariant,
    goal: CoreGoal | None,
    effort: CoreEffort,
    deadline: Deadline = NO_DEADLINE,
) -> CoreAnswer:
    """Return a core allocation of a game, any one or the best one.

    Raises:
        ValueError: the coalition limits do not fit the game.
        UnverifiedAnswerError: an answer fails its independent check.
    """
    game = established.game
    if goal is None:
        return CoreAnswer(established, variant, find_core_allocation(game, variant, effort, deadline))
    found = optimise_core(game, goal.objective, goal.sense, variant, effort, deadline)
    return CoreAnswer(established, variant, found)


@undefined_raises
def core(
    of: Path | str | EstablishedGame | CoalitionalGame,
    *,
    minimize: str | None = None,
    maximize: str | None = None,
    support: Support | str = Support.COARSE,
    severance: SeverancePay | str = SeverancePay.ALLOWED,
    seconds: float = CoreEffort().seconds,
) -> CoreAnswer:
    """Return a core allocation of a game with the mechanism that achieves it, or the proof that its core is empty.

    Args:
        of: a file, ``example:NAME``, or a game; its own mechanism is ignored.
        minimize: find the core allocation with the least ``severance``, ``welfare`` or ``payoff:PLAYER/TYPE``.
        maximize: find the one with the most of it.
        support: ``fine`` stands up to mediators that also know the types of those who stay.
        severance: whether those who leave may be promised anything.
        seconds: wall time after which the answer is that nothing is known.

    Raises:
        InputError: the file is wrong, an option is none, or both objectives are given.
        UnverifiedAnswerError: an answer fails its independent check.
    """
    deadline = Deadline.after(seconds)
    established = game_of(of)
    goal = core_goal(established.game, minimize, maximize, prefix="")
    variant = CoreVariant(member(Support, support, "support"), member(SeverancePay, severance, "severance"))
    if isinstance(of, EstablishedGame | CoalitionalGame):
        return search_core(established, variant, goal, CoreEffort(seconds=seconds), deadline)
    with blamed_on(located(of)):
        return search_core(established, variant, goal, CoreEffort(seconds=seconds), deadline)


ALLOCATION_KEYS = (
    *("mechanism", "interim", "stake", "expected_severance", "mediator_profit", "lambda", "alpha", "residuals"),
)


def core_document(answer: CoreAnswer) -> dict[str, Any]:
    """Return the answer as the JSON document of ``marketgame core``.

    ``objective`` is the value of what was optimised, ``objective_bound`` a proven limit on it over the whole core;
    they agree when ``optimal`` is true. Without an objective all three are null.
    """
    game, allocation, variant = answer.game, answer.allocation, answer.variant
    return {
        "kind": "coalitional-game",
        "game": answer.established.name,
        "players": list(game.players),
        "status": answer.status.name.lower(),
        "variant": {"fine": variant.support is Support.FINE, "severance": variant.severance is SeverancePay.ALLOWED},
        **_objective_document(answer.optimum),
        **(dict.fromkeys(ALLOCATION_KEYS) if allocation is None else _allocation_document(game, allocation)),
        "evidence": _evidence_document(answer),
    }


def _objective_document(optimum: CoreOptimum | None) -> dict[str, Any]:
    if optimum is None:
        return dict.fromkeys(("objective", "objective_name", "objective_sense", "objective_bound", "optimal"))
    return {
        "objective": without_sign_of_zero(optimum.value),
        "objective_name": optimum.objective.name,
        "objective_sense": "minimize" if optimum.sense is Sense.MINIMIZE else "maximize",
        "objective_bound": without_sign_of_zero(optimum.bound),
        "optimal": optimum.optimal,
    }


def _allocation_document(game: CoalitionalGame, allocation: CoreAllocation) -> dict[str, Any]:
    mechanism = allocation.mechanism
    return {
        "mechanism": _with_severance(game, mechanism),
        "interim": by_player_and_type(game, interim_utilities(game, mechanism)),
        "stake": _stake_document(game, mechanism, allocation.stakes),
        "expected_severance": expected_severance_of(game, mechanism),
        "mediator_profit": without_sign_of_zero(-expected_cost(game, mechanism)),
        **virtual_weights_document(game, allocation.virtual),
        "residuals": _residuals_document(allocation.residuals),
    }


def _with_severance(game: CoalitionalGame, mechanism: Mechanism) -> list[dict[str, Any]]:
    return [
        {**entry, "severance": rule.severance}
        for entry, rule in zip(mechanism_document(game, mechanism), rules(game, mechanism), strict=True)
    ]


def _stake_document(game: CoalitionalGame, mechanism: Mechanism, stakes: FloatArray) -> list[dict[str, Any]]:
    return [
        {"types": rule.types, "stake": dict(zip(game.players, map(without_sign_of_zero, row), strict=True))}
        for rule, row in zip(rules(game, mechanism), stakes, strict=True)
    ]


def expected_severance_of(game: CoalitionalGame, mechanism: Mechanism) -> float:
    """Return the severance promised to all players together, in expectation over profiles, units of money."""
    return float(game.probability @ mechanism.severance.sum(axis=1))


def _residuals_document(residuals: CoreResiduals) -> dict[str, Any]:
    return {
        "misreport_gain": without_sign_of_zero(residuals.misreport_gain),
        "loss": without_sign_of_zero(residuals.loss),
        "severance": without_sign_of_zero(residuals.severance),
        "hydraulic": without_sign_of_zero(residuals.support.hydraulic),
        "negativity": without_sign_of_zero(residuals.support.negativity),
        "blocking_surplus": without_sign_of_zero(max(residuals.support.surplus, 0.0)),
        "severance_complementarity": without_sign_of_zero(residuals.severance_complementarity),
        "incentive_complementarity": without_sign_of_zero(residuals.incentive_complementarity),
        "virtual_efficiency": without_sign_of_zero(residuals.virtual_efficiency),
        "profit": without_sign_of_zero(residuals.profit),
        "largest": without_sign_of_zero(residuals.largest),
    }


def _evidence_document(answer: CoreAnswer) -> dict[str, Any] | None:
    """Return what supports an answer other than an allocation."""
    match answer.answer:
        case EmptyCore():
            return {"regions": answer.answer.regions, "smallest_margin": answer.refutation_margin, "reason": None}
        case UndecidedCore():
            return {"regions": answer.answer.regions, "smallest_margin": None, "reason": answer.answer.reason}
        case _:
            return None


def print_core(answer: CoreAnswer, console: Console) -> None:
    """Print a core allocation with its proof, or why there is none."""
    game, established = answer.game, answer.established
    print_heading(console, established.name, len(game.players), len(game.profiles), established.source)
    console.print(f"{_which_core(answer)}\n")
    match answer.answer:
        case EmptyCore():
            regions = f"{answer.answer.regions} region(s)"
            console.print(
                f"[bold]Empty[/bold]: no mechanism is in the core. The relaxation was refuted in {regions}; replayed "
                f"without the solver, the weakest refutation holds by a margin of {answer.refutation_margin:.1e}."
            )
        case UndecidedCore():
            console.print(
                f"[bold]Unknown[/bold]: no allocation and no proof that there is none; {marked(answer.answer.reason)}."
            )
        case _:
            if answer.allocation is not None:
                _print_allocation(answer, answer.allocation, console)


def _which_core(answer: CoreAnswer) -> str:
    fine = "finely inhibitive" if answer.variant.support is Support.FINE else "inhibitive"
    severance = "" if answer.variant.severance is SeverancePay.ALLOWED else ", without severance"
    return f"The core: feasible mechanisms with {fine} stakes{severance}."


def _print_allocation(answer: CoreAnswer, allocation: CoreAllocation, console: Console) -> None:
    game, scale = answer.game, at_stake(answer.game).unit
    console.print(_headline(answer.optimum))
    mechanism = allocation.mechanism
    console.print(_mechanism_table(game, allocation))
    print_left_out(console, len(game.profiles), MOST_PROFILES_SHOWN)
    console.print(_types_table(game, allocation))
    console.print(multipliers_table(game, allocation.virtual))
    console.print(_residuals_table(allocation.residuals))
    severance = number(expected_severance_of(game, mechanism), scale)
    console.print(f"expected severance: {severance}, were everybody to leave")
    console.print(f"mediator's profit:  {number(-expected_cost(game, mechanism), scale)}")


def _headline(optimum: CoreOptimum | None) -> str:
    if optimum is None:
        return "[bold]Found[/bold]: this mechanism is in the core.\n"
    sense = "smallest" if optimum.sense is Sense.MINIMIZE else "largest"
    value = f"{marked(optimum.objective.name)} = [bold]{number(optimum.value)}[/bold]"
    if optimum.optimal:
        return f"[bold]Found[/bold]: {value}, the {sense} in the core.\n"
    return f"[bold]Found[/bold]: {value}; the {sense} in the core is proved no further than {number(optimum.bound)}.\n"


def _mechanism_table(game: CoalitionalGame, allocation: CoreAllocation) -> Group:
    scale = at_stake(game).unit
    shown = rules(game, allocation.mechanism)[:MOST_PROFILES_SHOWN]
    severed = [player for player in game.players if any(rule.severance[player] > 0 for rule in shown)]
    rows = (
        [
            types_in_words(game, place),
            lottery_in_words(rule.action),
            *(number(rule.payment[player], scale) for player in game.players),
            *(number(rule.severance[player], scale) for player in severed),
        ]
        for place, rule in enumerate(shown)
    )
    columns = [
        *("types", "action"),
        *(f"paid to {player}" for player in game.players),
        *(f"severance of {player}" for player in severed),
    ]
    return table("A mechanism in the core, in money", columns, rows, texts=2)


def _types_table(game: CoalitionalGame, allocation: CoreAllocation) -> Group:
    scale = at_stake(game).unit
    columns = {
        "probability": (game.type_probabilities, 0.0),
        "λ": (allocation.virtual.weights, 1.0),
        "expected utility": (interim_utilities(game, allocation.mechanism), scale),
        "stake": (interim_stakes(game, allocation), scale),
        "alone": (game.individual_values(), scale),
    }
    return table_by_type("Types; the stake is what is lost by leaving, severance deducted", game, columns)


def interim_stakes(game: CoalitionalGame, allocation: CoreAllocation) -> tuple[FloatArray, ...]:
    """Return what each type expects to lose by leaving, one ``(K_i,)`` for each player, units of money."""
    return tuple(game.conditional_expectation(allocation.stakes[:, i], (i,)) for i in game.grand_coalition)


def _residuals_table(found: CoreResiduals) -> Group:
    rows = [
        ["nobody gains from a misreport", "feasible", f"{found.misreport_gain:.1e}"],
        ["the mediator expects no loss", "feasible", f"{found.loss:.1e}"],
        ["weights and multipliers are those of Theorem 1", "(5)", f"{found.support.hydraulic:.1e}"],
        ["no coalition has a virtual surplus from leaving", "(14) or (17)", f"{max(found.support.surplus, 0):.1e}"],
    ]
    if found.theorem_3:
        rows += [
            ["severance goes only to types without weight", "Theorem 3", f"{found.severance_complementarity:.1e}"],
            ["a multiplier is positive only on a binding constraint", "(6)", f"{found.incentive_complementarity:.1e}"],
            ["every action chosen has the largest virtual utility", "(7)", f"{found.virtual_efficiency:.1e}"],
            ["the mediator expects no profit", "Theorem 3", f"{found.profit:.1e}"],
        ]
    return table("Proof, recomputed without the solver", ["condition", "Myerson", "missed by"], rows, texts=2)
