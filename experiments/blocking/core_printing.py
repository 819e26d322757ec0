"""The tables that ``marketgame core`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group

from marketgame.experiments.blocking.core_document import expected_severance_of
from marketgame.experiments.blocking.printing import multipliers_table
from marketgame.experiments.printing import marked, named, number, table
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking import Support
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Rule, expected_cost, interim_utilities, rules
from marketgame.mechanisms.core.allocation import CoreAllocation, CoreResiduals
from marketgame.mechanisms.core.outcome import CoreOptimum, EmptyCore, UndecidedCore
from marketgame.mechanisms.core.variant import SeverancePay
from marketgame.mechanisms.linear_program import Sense

if TYPE_CHECKING:
    from marketgame.experiments.blocking.core_answer import CoreAnswer

# More rows than fit a screen are left to the JSON document, which holds every profile.
MOST_PROFILES_SHOWN = 12
# Less of a probability than this would be shown as 0 beside a 1.
SMALLEST_SHARE_SHOWN = 1e-6


def print_core(answer: CoreAnswer, console: Console) -> None:
    """Print a core allocation with its proof, or why there is none."""
    game = answer.game
    console.print(
        f"[bold]{named(answer.established.name)}[/bold]: {len(game.players)} players, "
        f"{len(game.profiles)} type profile(s)"
    )
    if answer.established.source:
        console.print(f"source: {marked(answer.established.source)}", style="dim")
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
    game, scale = answer.game, _scale(answer.game)
    console.print(_headline(answer.optimum))
    mechanism = allocation.mechanism
    console.print(_mechanism_table(game, allocation))
    if len(game.profiles) > MOST_PROFILES_SHOWN:
        left = len(game.profiles) - MOST_PROFILES_SHOWN
        console.print(f"{left} of {len(game.profiles)} profiles are left out here; --json has all of them.\n")
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
    scale = _scale(game)
    shown = rules(game, allocation.mechanism)[:MOST_PROFILES_SHOWN]
    severed = [player for player in game.players if any(rule.severance[player] > 0 for rule in shown)]
    rows = (
        [
            _types(game, rule),
            _lottery(rule.action),
            *(number(rule.payment[player], scale) for player in game.players),
            *(number(rule.severance[player], scale) for player in severed),
        ]
        for rule in shown
    )
    columns = [
        *("types", "action"),
        *(f"paid to {player}" for player in game.players),
        *(f"severance of {player}" for player in severed),
    ]
    return table("A mechanism in the core, in money", columns, rows, texts=2)


def _types(game: CoalitionalGame, rule: Rule) -> str:
    """Return a profile in words, without the players whose type everybody knows."""
    counts = dict(zip(game.players, game.type_counts, strict=True))
    return ", ".join(f"{player}={kind}" for player, kind in rule.types.items() if counts[player] > 1) or "known"


def _lottery(action: dict[str, float]) -> str:
    likely = {name: odds for name, odds in action.items() if odds >= SMALLEST_SHARE_SHOWN}
    if len(likely) == 1:
        return next(iter(likely))
    return ", ".join(f"{name} {number(odds)}" for name, odds in likely.items())


def _types_table(game: CoalitionalGame, allocation: CoreAllocation) -> Group:
    scale, alone = _scale(game), game.individual_values()
    interim = interim_utilities(game, allocation.mechanism)
    stakes = interim_stakes(game, allocation)
    rows = (
        [
            player if kind == 0 else "",
            name,
            number(float(game.type_probabilities[i][kind])),
            number(float(allocation.virtual.weights[i][kind]), 1.0),
            number(float(interim[i][kind]), scale),
            number(float(stakes[i][kind]), scale),
            number(float(alone[i][kind]), scale),
        ]
        for i, player in enumerate(game.players)
        for kind, name in enumerate(game.types[i])
    )
    columns = ["player", "type", "probability", "λ", "expected utility", "stake", "alone"]
    return table("Types; the stake is what is lost by leaving, severance deducted", columns, rows, texts=2)


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


def _scale(game: CoalitionalGame) -> float:
    return at_stake(game).unit
