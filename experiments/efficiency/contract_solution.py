"""What ``marketgame solve`` answers for a contract: what it achieves, who would lie, who would rather not take part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, override

import numpy as np
import pandas as pd
from rich.console import Console, Group

from marketgame.experiments.efficiency.contracts import (
    incentives_document,
    interim_document,
    interim_rows,
    joint_misreport_text,
)
from marketgame.experiments.files.contract_file import StatedContract
from marketgame.experiments.printing import ROUNDING, Printed, drawn_bars, number, print_heading, table
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.contract import check_contract, device_of
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.incentives import IncentiveCheck
from marketgame.mechanisms.contracts.joint_misreports import JointMisreportCheck, check_joint_misreports
from marketgame.mechanisms.contracts.stating import inefficiency, power_by_reports, tells_all
from marketgame.mechanisms.economies.efficiency import autarky_welfare
from marketgame.mechanisms.incentive_efficiency.efficient_improvement import needed_from_outside
from marketgame.mechanisms.incentive_efficiency.welfare import first_best_gains
from marketgame.mechanisms.market_game.rules import PAPER_RULES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class ContractSolution(Printed):
    """What a contract achieves if all report the truth and obey, and what lies would bring.

    Attributes:
        name: of the contract.
        contract: the contract.
        incentives: what each type expects, and what it gains by each lie.
        joint_lies: the most profitable lie that a coalition tells together.
    """

    name: str
    contract: GrandContract
    incentives: IncentiveCheck
    joint_lies: JointMisreportCheck

    @cached_property
    def lost(self) -> FloatArray:
        """What each profile loses to the first best, expected over the contract's draws, ``(P,)``, numeraire."""
        return self.contract.expected(inefficiency(self.contract))

    @cached_property
    def needed_from_outside(self) -> float:
        """What it would take, expected, that every type agrees to something efficient instead, numeraire."""
        economy = self.contract.economy
        references = np.split(economy.reference_utility, economy.first_rows[1:])
        now = [own - before for own, before in zip(self.incentives.interim_utility, references, strict=True)]
        return needed_from_outside(economy, now, self.contract.efficient_at(np.arange(len(economy.profiles))))

    @cached_property
    def expected(self) -> dict[str, float]:
        """Welfare expected over the prior, numeraire: first best, contract, autarky, and the gains of the first two."""
        economy, odds = self.contract.economy, self.contract.economy.prior.probability
        efficient = self.contract.efficient_at(np.arange(len(economy.profiles)))
        autarky, most = odds @ autarky_welfare(economy, economy.profiles), odds @ first_best_gains(economy, efficient)
        gains = most - odds @ self.lost
        found = {
            "first_best_welfare": autarky + most,
            "welfare": autarky + gains,
            "autarky_welfare": autarky,
            "gains_from_trade": most,
            "gains": gains,
        }
        return {name: float(value) for name, value in found.items()}

    @override
    def print_on(self, console: Console) -> None:
        print_contract(self, console)

    @property
    @override
    def table(self) -> pd.DataFrame:
        """What each type expects to gain over its endowment, and its best lie."""
        economy = self.contract.economy
        rows = [
            [
                f"{player.name}/{kind.name}",
                row.gain,
                None if row.lie is None else player.types[row.lie].name,
                row.brought,
            ]
            for place, player in enumerate(economy.players)
            for kind, row in zip(player.types, interim_rows(economy, self.incentives, place), strict=True)
        ]
        frame = pd.DataFrame(rows, columns=["type", "gains", "best_lie", "it_brings"]).set_index("type")
        frame.attrs = {"units": dict.fromkeys(("gains", "it_brings"), economy.units[-1])}
        return frame

    @override
    def plot(self) -> Figure:
        """Draw what each type expects to gain over its endowment."""
        return drawn_bars(self.table, "gains", f"{self.name}: what types expect to gain")


def solve_contract(of: StatedContract | GrandContract) -> ContractSolution:
    """Return what a contract achieves if all report the truth and obey, and what lies would bring."""
    contract, name = (of.contract, of.name) if isinstance(of, StatedContract) else (of, of.economy.name)
    incentives = check_contract(device_of(contract, PAPER_RULES))
    return ContractSolution(name, contract, incentives, check_joint_misreports(contract))


def print_contract(solution: ContractSolution, console: Console) -> None:
    """Print what a contract achieves."""
    economy, found = solution.contract.economy, solution.expected
    print_heading(console, solution.name, len(economy.players), economy.prior.size)
    scale, unit = found["gains_from_trade"], economy.units[-1]
    rows = [
        ["first best", number(found["first_best_welfare"]), number(scale, scale)],
        ["this contract", number(found["welfare"]), number(found["gains"], scale)],
        ["autarky", number(found["autarky_welfare"]), number(0.0)],
    ]
    title = f"Welfare of {economy.name} expected over the prior, in {unit}"
    console.print(table(title, ["if all tell the truth and obey", "welfare", "gains"], rows, texts=1))
    console.print(_interim(solution, unit))
    verdict, told = joint_misreport_text(solution.joint_lies)
    worst, stake = solution.incentives.worst, float(solution.contract.stakes.max())
    alone = "nobody has two types" if worst is None else f"{worst.player}: {worst.true_type} as {worst.reported_type}"
    together = solution.joint_lies.worst
    rows = [
        [
            "one player",
            "yes" if solution.incentives.incentive_compatible else "no",
            alone,
            "" if worst is None else number(worst.gain, stake),
        ],
        ["coalitions", verdict, told, "" if together is None else number(together.gain, stake)],
    ]
    columns = ["who reports", "truth is best", "most profitable lie", "gain in sum"]
    console.print(table(f"Truthful reports to it, in {unit}", columns, rows, texts=3))
    console.print(_domination(solution, unit))
    learns = "everybody learns the others' types" if tells_all(solution.contract) else "not everybody learns all types"
    if not power_by_reports(solution.contract):
        learns += "; purchasing power depends on the draw, which Giraud and Rochon's Definition 3 excludes"
    console.print(f"From what it is told {learns}. Whether all obey too depends on the market's rules: see certify.")


def _domination(solution: ContractSolution, unit: str) -> str:
    """Say whether something efficient dominates the contract."""
    needed, scale = solution.needed_from_outside, float(solution.contract.stakes.max())
    if needed > ROUNDING * scale:
        return (
            "Nothing that is efficient and incentive compatible leaves every type as well off: "
            f"{number(needed, scale)} {unit} would have to come from outside."
        )
    left = "nothing over" if needed >= -ROUNDING * scale else f"{number(-needed, scale)} {unit} to be shared"
    return f"With money enough, something efficient and incentive compatible leaves every type as well off, and {left}."


def _interim(solution: ContractSolution, unit: str) -> Group:
    economy, rows = solution.contract.economy, []
    for place, player in enumerate(economy.players):
        chances = economy.prior.marginal(place)
        found = interim_rows(economy, solution.incentives, place)
        for kind, (own, row) in enumerate(zip(player.types, found, strict=True)):
            lie = ["", ""] if row.lie is None else [player.types[row.lie].name, number(row.brought, row.stake)]
            name = player.name if kind == 0 else ""
            rows.append([name, own.name, number(float(chances[kind])), number(row.gain, row.stake), *lie])
    title = f"What types expect over their endowments, in {unit}"
    return table(title, ["player", "type", "probability", "gains", "best lie", "it brings"], rows, texts=2)


def contract_document(solution: ContractSolution) -> dict[str, Any]:
    """Return the solution as the JSON document of ``marketgame solve``.

    Welfare is expected over the prior if all report the truth and obey; ``profiles`` say what is lost at each. In
    ``interim``, gains are over the endowment: somebody with a type whose gain is negative would rather not take part.
    ``needed_from_outside`` is what it would take that every type agrees to something efficient instead.
    """
    contract, economy = solution.contract, solution.contract.economy
    return {
        "kind": "contract",
        "name": solution.name,
        "economy": economy.name,
        **solution.expected,
        "profiles": [
            {"types": economy.type_names(types), "probability": float(chance), "lost": float(lost)}
            for types, chance, lost in zip(economy.profiles, economy.prior.probability, solution.lost, strict=True)
        ],
        **incentives_document(solution.incentives, solution.joint_lies),
        "interim": interim_document(economy, solution.incentives),
        "needed_from_outside": solution.needed_from_outside,
        "fully_revealing": tells_all(contract),
        "purchasing_power_by_reports_alone": power_by_reports(contract),
    }
