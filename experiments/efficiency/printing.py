"""The tables that ``marketgame solve`` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console, Group

from marketgame.experiments.efficiency.benchmarks import (
    benchmark_rows,
    benchmark_table,
    constraint_rows,
    constraint_table,
)
from marketgame.experiments.printing import marked, named, number, table
from marketgame.mechanisms.contracts.compatibility import CompatibilityFails, CompatibilityHolds
from marketgame.mechanisms.contracts.grand_contract import TransferRule

if TYPE_CHECKING:
    from marketgame.experiments.efficiency.solution import ContractAnswer, EconomySolution

# More rows than fit a screen are left to the JSON document, which holds every profile.
MOST_PROFILES_SHOWN = 12
MOST_ALLOCATION_ROWS = 24

TRANSFERS = {
    TransferRule.NONE: "pay the supporting price",
    TransferRule.EXPECTED_EXTERNALITY: "expected externality",
    TransferRule.LP: "linear program",
}


def print_solution(solution: EconomySolution, console: Console) -> None:
    """Print the benchmarks of an economy."""
    economy = solution.economy
    profiles = len(economy.profiles)
    console.print(f"[bold]{named(economy.name)}[/bold]: {len(economy.players)} players, {profiles} type profile(s)")
    if economy.source:
        console.print(f"source: {marked(economy.source)}", style="dim")
    shown = min(profiles, MOST_PROFILES_SHOWN)
    console.print(_prices(solution, shown))
    if shown < profiles:
        console.print(f"{profiles - shown} of {profiles} profiles are left out here; --json has all of them.\n")
    allocated = max(min(profiles, MOST_ALLOCATION_ROWS // len(economy.players)), 1)
    console.print(_allocations(solution, allocated))
    if allocated < profiles:
        console.print(f"{profiles - allocated} of {profiles} profiles are left out here; --json has all of them.\n")
    unit = economy.units[-1]
    console.print(benchmark_table(f"Welfare expected over the prior, in {unit}", list(benchmark_rows(solution))))
    if solution.incentives_known:
        console.print(constraint_table("Constraints that cost welfare", constraint_rows(solution)))
    console.print(_incentives(solution))
    console.print(_assumptions(solution))


def _prices(solution: EconomySolution, shown: int) -> Group:
    economy, efficient = solution.economy, solution.efficient
    priced = economy.goods[:-1]
    rows = (
        [
            str(profile + 1),
            _types(solution, profile),
            number(float(economy.prior.probability[profile])),
            *(_price(solution, profile, good) for good in range(len(priced))),
            number(float(efficient.welfare[profile])),
            number(float(efficient.value_of_goods[profile])),
            number(float(solution.autarky_value_of_goods[profile])),
        ]
        for profile in range(shown)
    )
    columns = ["profile", "types", "probability", *(f"price {good}" for good in priced), "welfare"]
    columns += ["value of goods", "in autarky"]
    return table(f"Supporting prices and welfare, in {economy.units[-1]}", columns, rows, texts=2)


def _types(solution: EconomySolution, profile: int) -> str:
    economy = solution.economy
    names = economy.type_names(economy.profiles[profile])
    uncertain = {player.name for player in economy.players if len(player.types) > 1}
    return ", ".join(f"{player}={kind}" for player, kind in names.items() if player in uncertain) or "known"


def _price(solution: EconomySolution, profile: int, good: int) -> str:
    highest = float(solution.efficient.price[profile, good])
    lowest = float(solution.efficient.lowest_price[profile, good])
    return number(highest) if lowest == highest else f"{number(lowest)} to {number(highest)}"


def _allocations(solution: EconomySolution, shown: int) -> Group:
    economy = solution.economy
    goods = economy.goods[:-1]
    columns = ["profile", "player"]
    columns += [f"{good} {what}" for good in goods for what in ("owned", "efficient")] + ["pays"]
    units = ", ".join(f"{good} in {unit}" for good, unit in zip(economy.goods, economy.units, strict=True))
    title = f"Efficient allocation, paid for at the supporting price ({units})"
    return table(title, columns, _allocation_rows(solution, shown), texts=2)


def _allocation_rows(solution: EconomySolution, shown: int) -> Iterator[list[str]]:
    economy = solution.economy
    endowments = economy.endowments(economy.profiles[:shown])
    for profile in range(shown):
        for player, name in enumerate(economy.player_names):
            owned, efficient = endowments[profile, player], solution.efficient.bundles[profile, player]
            cells = [number(float(x)) for pair in zip(owned[:-1], efficient, strict=True) for x in pair]
            payment = -float(solution.walrasian_payments[profile, player])
            yield [str(profile + 1) if player == 0 else "", name, *cells, number(payment)]


def _incentives(solution: EconomySolution) -> Group:
    answers = [solution.walrasian]
    if solution.incentive_transfers is not None:
        answers.append(solution.incentive_transfers)
    rows = [[TRANSFERS[answer.rule], *_incentive_cells(answer)] for answer in answers]
    columns = ["transfers", "truth is best", "most profitable misreport", "gain"]
    title = f"Truthful reports to the grand contract, in {solution.economy.units[-1]}"
    return table(title, columns, rows, texts=3)


def _incentive_cells(answer: ContractAnswer) -> list[str]:
    if answer.incentives is None:
        return ["impossible", answer.obstacle, ""]
    worst = answer.incentives.worst
    scale = max(float(stakes.max()) for stakes in answer.incentives.stakes)
    verdict = "yes" if answer.incentives.incentive_compatible else "no"
    if worst is None:
        return [verdict, "nobody has two types", ""]
    return [verdict, f"{worst.player}: {worst.true_type} reported as {worst.reported_type}", number(worst.gain, scale)]


def _assumptions(solution: EconomySolution) -> Group:
    rows = [[each.name, each.source, "met" if each.holds else "not met", each.reason] for each in solution.assumptions]
    match solution.compatibility:
        case CompatibilityHolds():
            verdict, reason = "met", ""
        case CompatibilityFails():
            verdict, reason = "not met", f"some weights on misreports imply a price of {solution.economy.goods[-1]}"
        case undecided:
            verdict, reason = "not known", str(undecided)
    rows.append(["compatibility condition", "section 4", verdict, reason])
    columns = ["assumption", "Giraud and Rochon", "", "why not"]
    return table("Assumptions of the theory", columns, rows, texts=4)
