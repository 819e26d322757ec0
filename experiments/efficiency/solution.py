"""What ``marketgame solve`` answers for an economy: efficiency, prices, transfers, incentives, second best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, override

import numpy as np
import pandas as pd
from rich.console import Console, Group

from marketgame.experiments.efficiency.benchmarks import (
    BenchmarkRow,
    ConstraintRow,
    benchmark_document,
    benchmark_frame,
    benchmark_table,
    constraint_document,
    constraint_table,
)
from marketgame.experiments.efficiency.contracts import (
    COALITION_KEYS,
    consent_document,
    consent_table,
    incentives_document,
    interim_document,
    interim_rows,
    joint_misreport_text,
    refusal_document,
    refusal_table,
)
from marketgame.experiments.printing import (
    MOST_PROFILES_SHOWN,
    Printed,
    drawn_bars,
    number,
    print_heading,
    print_left_out,
    table,
)
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.coalition_proof import coalition_proof_transfers
from marketgame.mechanisms.contracts.compatibility import (
    CompatibilityFails,
    CompatibilityHolds,
    UndecidedConditionError,
    check_compatibility,
)
from marketgame.mechanisms.contracts.consent import Consent, consent_to
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, walrasian_payments
from marketgame.mechanisms.contracts.in_turn import refuse_turns
from marketgame.mechanisms.contracts.incentives import IncentiveCheck, check_incentives
from marketgame.mechanisms.contracts.joint_lie_search import joint_misreports_on_demand
from marketgame.mechanisms.contracts.joint_misreports import JointMisreportCheck, check_joint_misreports
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand, check_on_demand
from marketgame.mechanisms.contracts.refusable_transfers import (
    NoRefusableTransfers,
    RefusableTransfers,
    refusable_transfers,
)
from marketgame.mechanisms.contracts.sampled import OUT_OF_TIME, SampledEconomy, sampled
from marketgame.mechanisms.contracts.transfers import (
    IncentiveTransfers,
    Liars,
    NoIncentiveTransfers,
    balanced_externalities,
    expected_externality_transfers,
    incentive_compatible_transfers,
    refuse_externalities,
)
from marketgame.mechanisms.economies.assumptions import Assumption, check_assumptions
from marketgame.mechanisms.economies.beliefs import Prior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import (
    EfficientAllocation,
    autarky_welfare,
    efficient_allocation,
    value_of_goods,
)
from marketgame.mechanisms.economies.profiles import Listing, Profiles, exact_profiles
from marketgame.mechanisms.economies.walras import WalrasianEquilibrium, walrasian_equilibrium
from marketgame.mechanisms.incentive_efficiency.benchmarks import incentive_benchmarks
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import Money, SecondBest
from marketgame.mechanisms.incentive_efficiency.welfare import (
    IncentiveBenchmark,
    UnknownBenchmark,
    first_best_gains,
    gains_from_trade,
    incentive_name,
    walrasian_welfare,
)
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class ContractAnswer:
    """The grand contract under one rule for the transfers.

    Attributes:
        rule: the rule.
        numeraire_transfers: by how much each player's numeraire changes, ``(P, N)``; none when no transfers do
            what the rule asks.
        incentives: whether truthful reports are an equilibrium; none when there is no such contract.
        obstacle: why there is no such contract, or why it is not known; empty when there is one.
        joint_lies: whether coalitions report truthfully; none where that was not asked.
        late: whether it is not known because time ran out.
        consent: what it takes that everybody takes part; none where that was not asked.
    """

    rule: TransferRule
    numeraire_transfers: FloatArray | None
    incentives: IncentiveCheck | None
    obstacle: str = ""
    joint_lies: JointMisreportCheck | None = None
    late: bool = False
    consent: Consent | None = None


@dataclass(frozen=True, eq=False, repr=False)
class EconomySolution(Printed):
    """The benchmarks of an economy, profile by profile and in expectation over the prior.

    Attributes:
        economy: what was solved.
        efficient: the efficient allocation of every profile.
        autarky_welfare: summed utilities when nobody trades, ``(P,)``, numeraire.
        autarky_value_of_goods: summed valuations when nobody trades, ``(P,)``, numeraire.
        walrasian_payments: what each player receives when all pay the supporting price, ``(P, N)``, numeraire.
        walrasian: the contract with these payments.
        incentive_transfers: the contract asked for; without that the one whose transfers make truth pay, expected
            externality under independent types, a linear program's otherwise; none for a single player.
        equilibrium: the competitive equilibrium of every profile in which nobody owes money.
        incentive_benchmarks: the most welfare that incentives allow, by what players must be left with.
        compatibility: whether the compatibility condition holds, with the evidence, or why that is not known.
        assumptions: the paper's assumptions, met or not.
        sample: what stands for all profiles where they are too many to list; arrays by profile then are of these.
        refusable: whether transfers exist that survive refusal after the recommendation; none where that was not asked.
    """

    economy: Economy
    efficient: EfficientAllocation
    autarky_welfare: FloatArray
    autarky_value_of_goods: FloatArray
    walrasian_payments: FloatArray
    walrasian: ContractAnswer
    incentive_transfers: ContractAnswer | None
    equilibrium: WalrasianEquilibrium
    incentive_benchmarks: tuple[IncentiveBenchmark, ...]
    compatibility: CompatibilityHolds | CompatibilityFails | UndecidedConditionError | Unlisted
    assumptions: tuple[Assumption, ...]
    sample: SampledEconomy | None = None
    refusable: RefusableTransfers | NoRefusableTransfers | None = None

    @override
    def print_on(self, console: Console) -> None:
        print_solution(self, console)

    @property
    @override
    def table(self) -> pd.DataFrame:
        """Welfare by benchmark, expected over the prior."""
        return benchmark_frame(benchmark_rows(self), self.economy.units[-1])

    @override
    def plot(self) -> Figure:
        """Draw what each benchmark gains over autarky, expected over the prior."""
        return drawn_bars(self.table, "gains", f"{self.economy.name}: expected gains over autarky")

    @property
    def incentives_known(self) -> bool:
        """Whether any of the incentive-efficient benchmarks is known."""
        return any(not isinstance(each, UnknownBenchmark) for each in self.incentive_benchmarks)

    @property
    def solver_failures(self) -> tuple[str, ...]:
        """Why something is unknown for which a solver failed or hit its limit, each reason once."""
        unknown = (each for each in self.incentive_benchmarks if isinstance(each, UnknownBenchmark))
        reasons = [each.reason for each in unknown if each.solver_failed]
        reasons += [answer.obstacle for answer in _answers(self) if answer.late]
        if isinstance(self.compatibility, UndecidedConditionError):
            reasons.append(str(self.compatibility))
        return tuple(dict.fromkeys(reasons))

    @property
    def profiles(self) -> Profiles:
        """The profiles that stand for all, with their weights."""
        return exact_profiles(self.economy, Listing.LISTED) if self.sample is None else self.sample.profiles

    def expected(self, values: FloatArray) -> float:
        """Return the expectation over the prior of values by profile, ``(P,)``."""
        return self.profiles.expected(values).value

    @cached_property
    def gains_from_trade(self) -> float:
        """What the first best is expected to gain over autarky, numeraire."""
        return self.expected(first_best_gains(self.economy, self.efficient))

    @property
    def walrasian_allocation(self) -> FloatArray:
        """What each player ends with when all pay the supporting price, ``(P, N, L)``, units."""
        money = self.economy.endowments(self.efficient.profiles)[..., -1] + self.walrasian_payments
        return np.concatenate((self.efficient.bundles, money[..., None]), axis=-1)


def solve_economy(
    economy: Economy,
    participation: tuple[Participation, ...] = tuple(Participation),
    seconds: float | None = None,
    money: Money = Money.OWNED,
    transfers: TransferRule | None = None,
    *,
    refusable: bool = False,
) -> EconomySolution:
    """Return the benchmarks of an economy.

    Args:
        economy: the economy.
        participation: for which participation constraints the incentive-efficient benchmark is computed.
        seconds: wall time allowed to each of these benchmarks, or none.
        money: what players can be asked to pay in them.
        transfers: of the contract whose incentives are checked; without it those that make the truth pay.
        refusable: whether to decide too if transfers exist that survive refusal after the recommendation.

    Raises:
        ValueError: no efficient allocation exists, or a formula for transfers does not hold for the economy.
        ArithmeticError: an answer was found that could not be proven; the class says which.
    """
    if refusable and economy.prior.obstacle:
        raise ValueError(f"{economy.prior.obstacle}, which transfers that survive refusal would need")
    sample = sampled(economy, Deadline.after(seconds)) if economy.prior.obstacle else None
    efficient = efficient_allocation(economy) if sample is None else sample.efficient
    endowments = economy.endowments(efficient.profiles)
    payments = walrasian_payments(economy, efficient)
    asked = transfers or _usual_rule(economy)
    if sample is None:
        walrasian = _contract(economy, efficient, TransferRule.NONE, payments)
        paid = walrasian if asked is TransferRule.NONE else _incentive_transfers(economy, efficient, asked)
    else:
        walrasian = _on_demand(sample, TransferRule.NONE, payments)
        paid = walrasian if asked is TransferRule.NONE else _sampled_transfers(sample, transfers)
    return EconomySolution(
        economy=economy,
        efficient=efficient,
        autarky_welfare=autarky_welfare(economy, efficient.profiles),
        autarky_value_of_goods=value_of_goods(economy, efficient.profiles, endowments[..., :-1]),
        walrasian_payments=payments,
        walrasian=walrasian,
        incentive_transfers=paid,
        equilibrium=walrasian_equilibrium(economy, efficient),
        incentive_benchmarks=incentive_benchmarks(economy, participation, seconds, money, sample),
        compatibility=_compatibility(economy.prior),
        assumptions=check_assumptions(economy),
        sample=sample,
        refusable=refusable_transfers(economy, efficient) if refusable else None,
    )


@dataclass(frozen=True)
class Unlisted:
    """What is known of a condition on all profiles, where they are too many to list.

    Attributes:
        holds: whether it holds; none if that is not known.
        reason: why it is not known.
    """

    holds: bool | None
    reason: str = ""


def _compatibility(prior: Prior) -> CompatibilityHolds | CompatibilityFails | UndecidedConditionError | Unlisted:
    if prior.obstacle:
        # Independent types of two players or more always meet it (d'Aspremont and Gérard-Varet 1979).
        holds = prior.independent and len(prior.type_counts) > 1
        return Unlisted(holds=True) if holds else Unlisted(None, prior.obstacle)
    try:
        return check_compatibility(prior)
    except UndecidedConditionError as undecided:
        return undecided


def _contract(
    economy: Economy, efficient: EfficientAllocation, rule: TransferRule, transfers: FloatArray
) -> ContractAnswer:
    try:
        contract = GrandContract(economy, efficient, transfers)
    except ValueError as error:
        return ContractAnswer(rule, transfers, None, str(error))
    consent = None if rule is TransferRule.NONE else consent_to(contract)
    joint_lies = check_joint_misreports(contract)
    return ContractAnswer(rule, transfers, check_incentives(contract), joint_lies=joint_lies, consent=consent)


def _on_demand(sample: SampledEconomy, rule: TransferRule, transfers: FloatArray) -> ContractAnswer:
    try:
        contract = ContractOnDemand(sample, rule)
        alone = check_on_demand(contract)
        together = joint_misreports_on_demand(contract, alone)
        if rule is TransferRule.COALITION_PROOF:
            transfers = sample.in_turn.transfers
        return ContractAnswer(rule, transfers, alone, joint_lies=together)
    except ValueError as error:
        return ContractAnswer(rule, transfers, None, str(error))
    except DeadlinePassedError as passed:
        return ContractAnswer(rule, transfers, None, str(passed), late=True)


def _sampled_transfers(sample: SampledEconomy, rule: TransferRule | None) -> ContractAnswer | None:
    """Return the contract with the transfers asked for; none where only a program over all profiles knows which.

    Raises:
        ValueError: other transfers are asked for, or types are correlated.
    """
    economy = sample.economy
    if rule is TransferRule.COALITION_PROOF:
        refuse_turns(economy)
        nothing = np.zeros((0, len(economy.players)))
        return _on_demand(sample, rule, nothing)
    if rule not in (None, TransferRule.EXPECTED_EXTERNALITY):
        raise ValueError(f"{rule} transfers take every type profile into account: {economy.prior.obstacle}")
    if rule is not None:
        refuse_externalities(economy)
    elif not economy.prior.independent or len(economy.players) < 2:
        return None
    if sample.reports is None:
        nothing = np.zeros((0, len(economy.players)))
        return ContractAnswer(TransferRule.EXPECTED_EXTERNALITY, nothing, None, OUT_OF_TIME, late=True)
    transfers = balanced_externalities(economy, sample.externalities, sample.profiles.types)
    return _on_demand(sample, TransferRule.EXPECTED_EXTERNALITY, transfers)


def _usual_rule(economy: Economy) -> TransferRule | None:
    if len(economy.players) < 2:
        return None
    return TransferRule.EXPECTED_EXTERNALITY if economy.prior.independent else TransferRule.LP


def _incentive_transfers(
    economy: Economy, efficient: EfficientAllocation, rule: TransferRule | None
) -> ContractAnswer | None:
    if rule is None:
        return None
    if rule is TransferRule.EXPECTED_EXTERNALITY:
        return _contract(economy, efficient, rule, expected_externality_transfers(economy, efficient))
    together = rule is TransferRule.COALITION_PROOF
    if together and economy.prior.independent:
        return _contract(economy, efficient, rule, coalition_proof_transfers(economy, efficient))
    liars = Liars.TOGETHER if together else Liars.ALONE
    match incentive_compatible_transfers(economy, efficient, liars=liars):
        case IncentiveTransfers(numeraire_transfers):
            return _contract(economy, efficient, rule, numeraire_transfers)
        case NoIncentiveTransfers() as evidence:
            who = "some coalition" if together else "some type"
            obstacle = f"whatever the balanced transfers, {who} gains {evidence.least_gain:.6g} by a misreport"
            return ContractAnswer(rule, None, None, obstacle)


MOST_ALLOCATION_ROWS = 24

TRANSFERS = {
    TransferRule.NONE: "pay the supporting price",
    TransferRule.EXPECTED_EXTERNALITY: "expected externality",
    TransferRule.LP: "linear program",
    TransferRule.COALITION_PROOF: "coalition-proof",
}


def print_solution(solution: EconomySolution, console: Console) -> None:
    """Print the benchmarks of an economy."""
    economy = solution.economy
    if solution.sample is None:
        profiles = len(economy.profiles)
        print_heading(console, economy.name, len(economy.players), profiles, economy.source)
        shown = min(profiles, MOST_PROFILES_SHOWN)
        console.print(_prices(solution, shown))
        print_left_out(console, profiles, shown)
        allocated = max(min(profiles, MOST_ALLOCATION_ROWS // len(economy.players)), 1)
        console.print(_allocations(solution, allocated))
        print_left_out(console, profiles, allocated)
    else:
        print_heading(console, economy.name, len(economy.players), economy.prior.size, economy.source)
        console.print(f"{_stand_in(solution.sample)}\n")
        console.print(_price_summary(solution))
    unit = economy.units[-1]
    console.print(benchmark_table(f"Welfare expected over the prior, in {unit}", list(benchmark_rows(solution))))
    if solution.incentives_known:
        console.print(constraint_table("Constraints that cost welfare", constraint_rows(solution)))
    console.print(_incentives(solution))
    console.print(_joint_lies(solution))
    for answer in _answers(solution):
        if answer.consent is not None:
            console.print(consent_table(economy, TRANSFERS[answer.rule], answer.consent))
    if solution.refusable is not None:
        console.print(refusal_table(solution.economy, solution.refusable))
    if solution.sample is not None:
        console.print(_interim(solution))
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
    rows = [[TRANSFERS[answer.rule], *_incentive_cells(answer)] for answer in _answers(solution)]
    columns = ["transfers", "truth is best", "most profitable misreport", "gain"]
    title = f"Truthful reports to the grand contract, in {solution.economy.units[-1]}"
    return table(title, columns, rows, texts=3)


def _answers(solution: EconomySolution) -> list[ContractAnswer]:
    """Return the contract in which all pay the supporting price and the one with transfers, if that is another."""
    other = solution.incentive_transfers
    return [solution.walrasian] if other is None or other is solution.walrasian else [solution.walrasian, other]


def _joint_lies(solution: EconomySolution) -> Group:
    rows = []
    for answer in _answers(solution):
        check, incentives = answer.joint_lies, answer.incentives
        if check is None or incentives is None:
            continue
        scale = max(float(stakes.max()) for stakes in incentives.stakes)
        gain = "" if check.worst is None else number(check.worst.gain, scale)
        if check.standard_error:
            gain += f" ± {number(check.standard_error, scale)}"
        if check.bound is not None:
            gain += f", at most {number(check.bound, scale)}"
        rows.append([TRANSFERS[answer.rule], *joint_misreport_text(check), gain])
    if not rows:
        return Group()
    columns = ["transfers", "truth is best", "most profitable joint lie", "gain in sum"]
    title = f"Truthful reports of coalitions that share what they know and own, in {solution.economy.units[-1]}"
    return table(title, columns, rows, texts=3)


def _incentive_cells(answer: ContractAnswer) -> list[str]:
    if answer.incentives is None:
        return ["not known" if answer.late else "impossible", answer.obstacle, ""]
    worst = answer.incentives.worst
    scale = max(float(stakes.max()) for stakes in answer.incentives.stakes)
    verdict = {True: "yes", False: "no", None: "not told"}[answer.incentives.incentive_compatible]
    if answer.incentives.standard_errors is not None:
        verdict += ", by draws"
    if worst is None:
        return [verdict, "nobody has two types", ""]
    gain = number(worst.gain, scale) + _give_or_take(worst.standard_error)
    return [verdict, f"{worst.player}: {worst.true_type} reported as {worst.reported_type}", gain]


def _give_or_take(standard_error: float) -> str:
    """Return how a standard error follows the number it belongs to; nothing if that is exact."""
    return f" ± {standard_error:.2g}" if standard_error > 0 else ""


def _stand_in(sample: SampledEconomy) -> str:
    """Say in words what stands for all profiles."""
    count = len(sample.profiles.weights)
    if sample.profiles.exact:
        return f"exact, from the {count} counts of types among players who are alike"
    reports = "" if sample.reports is None else f", {sample.tables.draws} for every report"
    return f"sampled: {count} type profiles drawn{reports}; ± is one standard error"


def _price_summary(solution: EconomySolution) -> Group:
    economy, profiles, price = solution.economy, solution.profiles, solution.efficient.price
    rows = []
    for place, good in enumerate(economy.goods[:-1]):
        mean = profiles.expected(price[:, place])
        spread = float(np.sqrt(profiles.expected((price[:, place] - mean.value) ** 2).value))
        cells = (number(spread), number(float(price[:, place].min())), number(float(price[:, place].max())))
        rows.append([good, number(mean.value) + _give_or_take(mean.standard_error), *cells])
    columns = ["good", "expected", "standard deviation", "lowest met", "highest met"]
    return table(f"Supporting prices, in {economy.units[-1]}", columns, rows, texts=1)


def _interim(solution: EconomySolution) -> Group:
    """Return what types expect and what lies would bring them, one row for each type of players who are not alike."""
    economy, sample, answer = solution.economy, solution.sample, _incentive_answer(solution)
    if sample is None or answer.incentives is None:
        return Group()
    rows = []
    for player in np.unique(sample.tables.alike).tolist():
        alike = int((sample.tables.alike == player).sum()) - 1
        name = economy.player_names[player] + (f" and {alike} alike" if alike else "")
        own = economy.players[player]
        for place, row in enumerate(interim_rows(economy, answer.incentives, player)):
            lie = ["", ""]
            if row.lie is not None:
                lie = [own.types[row.lie].name, number(row.brought, row.stake) + _give_or_take(row.error)]
            chance = number(float(economy.prior.marginal(player)[place]))
            rows.append([name if place == 0 else "", own.types[place].name, chance, number(row.gain), *lie])
    shown = rows[:MOST_ALLOCATION_ROWS]
    left = f" ({len(rows) - len(shown)} more rows in the JSON document)" if len(rows) > len(shown) else ""
    title = f"What types expect over their endowments ({TRANSFERS[answer.rule]}), in {economy.units[-1]}{left}"
    return table(title, ["player", "type", "probability", "gains", "best lie", "it brings"], shown, texts=2)


def _incentive_answer(solution: EconomySolution) -> ContractAnswer:
    """Return the contract that makes truth pay, or the one in which all pay prices."""
    transfers = solution.incentive_transfers
    return transfers if transfers is not None and transfers.incentives is not None else solution.walrasian


def _assumptions(solution: EconomySolution) -> Group:
    rows = [[each.name, each.source, "met" if each.holds else "not met", each.reason] for each in solution.assumptions]
    match solution.compatibility:
        case CompatibilityHolds():
            verdict, reason = "met", ""
        case CompatibilityFails():
            verdict, reason = "not met", f"some weights on misreports imply a price of {solution.economy.goods[-1]}"
        case Unlisted(holds, why):
            verdict, reason = ("met", "") if holds else ("not known", why)
        case undecided:
            verdict, reason = "not known", str(undecided)
    rows.append(["compatibility condition", "section 4", verdict, reason])
    columns = ["assumption", "Giraud and Rochon", "", "why not"]
    return table("Assumptions of the theory", columns, rows, texts=4)


def solution_document(solution: EconomySolution) -> dict[str, Any]:
    """Return the solution as the JSON document of ``marketgame solve``.

    ``allocation`` gives each player the efficient goods and the numeraire left after paying for them at the
    supporting price; ``transfers`` say by how much the numeraire changes instead under ``transfer_rule``, to which
    ``incentive_compatible`` and ``largest_misreport_gain`` refer. ``walrasian`` says the same of paying the price.
    ``benchmarks`` are expected over the prior; a multiplier says how much money in the mediator's budget is
    worth as much as relaxing the constraint by one unit. ``consent`` says by which fixed payments beside the transfers
    nobody expects to lose, and what is missing. ``refusable_transfers`` is null unless asked for.
    """
    economy, efficient, own = solution.economy, solution.efficient, _incentive_answer(solution)
    return {
        "kind": "market-economy",
        "economy": economy.name,
        "goods": list(economy.goods),
        "units": dict(zip(economy.goods, economy.units, strict=True)),
        "profiles": None
        if solution.sample is not None
        else [_profile_document(solution, number) for number in range(len(economy.profiles))],
        "sampled": _sampled_document(solution),
        "first_best_welfare": solution.expected(efficient.welfare),
        "autarky_welfare": solution.expected(solution.autarky_welfare),
        "gains_from_trade": solution.gains_from_trade,
        "value_of_goods": solution.expected(efficient.value_of_goods),
        "autarky_value_of_goods": solution.expected(solution.autarky_value_of_goods),
        "largest_optimality_gap": float(efficient.optimality_gap.max()),
        "assumptions": [
            {"name": each.name, "source": each.source, "holds": each.holds, "reason": each.reason}
            for each in solution.assumptions
        ],
        **_transfers_document(solution),
        "walrasian": _incentives_document(solution.walrasian),
        "interim": None if own.incentives is None else interim_document(economy, own.incentives),
        "consent": consent_document(economy, own.consent),
        "refusable_transfers": refusal_document(economy, solution.refusable),
        "compatibility_condition": _condition(solution),
        "benchmarks": benchmark_document(benchmark_rows(solution)),
        "binding_constraints": constraint_document(constraint_rows(solution)),
    }


def _condition(solution: EconomySolution) -> bool | None:
    match solution.compatibility:
        case UndecidedConditionError():
            return None
        case Unlisted(holds):
            return holds
        case known:
            return isinstance(known, CompatibilityHolds)


def _sampled_document(solution: EconomySolution) -> dict[str, Any] | None:
    """Return how many profiles were drawn, and the standard errors of what follows from them; none if nothing was."""
    sample, economy = solution.sample, solution.economy
    if sample is None or sample.profiles.exact:
        return None
    answers = {"largest_misreport_gain": solution.incentive_transfers, "walrasian": solution.walrasian}
    expected = {
        "first_best_welfare": solution.efficient.welfare,
        "autarky_welfare": solution.autarky_welfare,
        "gains_from_trade": first_best_gains(economy, solution.efficient),
    }
    errors = {name: sample.profiles.expected(values).standard_error for name, values in expected.items()}
    errors |= {
        name: answer.incentives.worst.standard_error
        for name, answer in answers.items()
        if answer is not None and answer.incentives is not None and answer.incentives.worst is not None
    }
    others = None if sample.reports is None else sample.tables.draws
    return {"draws": len(sample.profiles.weights), "draws_of_others": others, "standard_errors": errors}


def _profile_document(solution: EconomySolution, number: int) -> dict[str, Any]:
    economy, efficient = solution.economy, solution.efficient
    allocation = solution.walrasian_allocation[number]
    return {
        "types": economy.type_names(economy.profiles[number]),
        "probability": float(economy.prior.probability[number]),
        "allocation": {
            name: _by_good(economy, bundle) for name, bundle in zip(economy.player_names, allocation, strict=True)
        },
        "price": _by_good(economy, efficient.price[number]),
        "lowest_price": _by_good(economy, efficient.lowest_price[number]),
        "welfare": float(efficient.welfare[number]),
        "autarky_welfare": float(solution.autarky_welfare[number]),
        "value_of_goods": float(efficient.value_of_goods[number]),
        "autarky_value_of_goods": float(solution.autarky_value_of_goods[number]),
    }


def _transfers_document(solution: EconomySolution) -> dict[str, Any]:
    answer, economy = solution.incentive_transfers, solution.economy
    if answer is None:
        unknown = ("transfer_rule", "transfers", "incentive_compatible", "largest_misreport_gain", "worst_misreport")
        return dict.fromkeys([*unknown, *COALITION_KEYS])
    transfers = None
    if answer.numeraire_transfers is not None and solution.sample is None:
        transfers = [
            {
                "types": economy.type_names(profile),
                "transfer": dict(zip(economy.player_names, map(float, row), strict=True)),
            }
            for profile, row in zip(economy.profiles, answer.numeraire_transfers, strict=True)
        ]
    return {"transfer_rule": answer.rule.value, "transfers": transfers, **_incentives_document(answer)}


def _incentives_document(answer: ContractAnswer) -> dict[str, Any]:
    if answer.incentives is None:
        return {
            "incentive_compatible": False if answer.numeraire_transfers is None else None,
            "largest_misreport_gain": None,
            "worst_misreport": None,
            **dict.fromkeys(COALITION_KEYS),
            "obstacle": answer.obstacle,
        }
    return {**incentives_document(answer.incentives, answer.joint_lies), "obstacle": None}


def _by_good(economy: Economy, values: FloatArray) -> dict[str, float]:
    return dict(zip(economy.goods, map(float, values), strict=True))


def benchmark_rows(solution: EconomySolution) -> Iterator[BenchmarkRow]:
    """Yield every benchmark, expected over the prior."""
    economy, efficient, equilibrium = solution.economy, solution.efficient, solution.equilibrium
    goods = solution.expected(efficient.value_of_goods)
    error = solution.profiles.expected(first_best_gains(economy, efficient)).standard_error
    welfare = solution.expected(efficient.welfare)
    yield _benchmark(solution, "first-best", welfare, solution.gains_from_trade, goods, error)
    if equilibrium.obstacle:
        yield BenchmarkRow("walrasian", None, obstacle=equilibrium.obstacle)
    else:
        welfare = solution.expected(walrasian_welfare(economy, efficient.profiles, equilibrium))
        gained = solution.profiles.expected(gains_from_trade(economy, efficient.profiles, equilibrium.bundles))
        traded = solution.expected(value_of_goods(economy, efficient.profiles, equilibrium.bundles))
        yield _benchmark(solution, "walrasian", welfare, gained.value, traded, gained.standard_error)
    for benchmark in solution.incentive_benchmarks:
        name = incentive_name(benchmark)
        if isinstance(benchmark, UnknownBenchmark):
            yield BenchmarkRow(name, None, obstacle=benchmark.reason)
        else:
            row = _benchmark(solution, name, benchmark.welfare, benchmark.gains, error=benchmark.standard_error)
            known = not np.isnan(benchmark.bound)
            bounds = (benchmark.bound, benchmark.bound_on_gains) if known else (None, None)
            yield replace(row, upper_bound=bounds[0], bound_on_gains=bounds[1])
    autarky, own_goods = solution.expected(solution.autarky_welfare), solution.expected(solution.autarky_value_of_goods)
    yield _benchmark(solution, "autarky", autarky, 0.0, own_goods)


def _benchmark(
    solution: EconomySolution, name: str, welfare: float, gains: float, goods: float | None = None, error: float = 0.0
) -> BenchmarkRow:
    most = solution.gains_from_trade
    share = gains / most if most > 0 else None
    return BenchmarkRow(name, welfare, gains, most - gains, share, value_of_goods=goods, standard_error=error)


def constraint_rows(solution: EconomySolution) -> Iterator[ConstraintRow]:
    """Yield the constraints that cost welfare, benchmark by benchmark."""
    for benchmark in solution.incentive_benchmarks:
        if isinstance(benchmark, SecondBest):
            name = incentive_name(benchmark)
            for each in benchmark.binding:
                yield ConstraintRow(name, each.player, each.type, each.report or None, each.multiplier)
