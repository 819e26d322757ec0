"""How many answers about stability stay open: random economies, certified under the rules of three ways of pricing.

Traders of three to five, of both families, who know all or own types of theirs; trades that stand or are unwound,
transfers covered or not. Each cell is certified with so many seconds of time, and each row of the table is one question
of one cell. From the command line: ``python -m marketgame.experiments.studies.stability_answers FILE [CELLS]
[SECONDS]``; cells are drawn in turn from all combinations, and the same whatever their number.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from marketgame.experiments.studies.institutions.families import Family, random_economy
from marketgame.mechanisms.certificates.examination import Examination, examine
from marketgame.mechanisms.certificates.hidden_ruin import HiddenRuinCertificate
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency

SIZES = ((3, 1, 1), (3, 1, 2), (3, 2, 1), (4, 1, 1), (4, 1, 2), (4, 2, 1), (5, 1, 1), (5, 1, 2), (5, 2, 1), (3, 2, 2))
"""Players, goods without the numeraire, types of each player."""

RULES = tuple(
    MarketRules(pricing=pricing, solvency=Solvency.NO_SHORT_SALES, bankruptcy=bankruptcy, coverage=coverage)
    for pricing, bankruptcy, coverage in product(
        (Pricing.VOID, Pricing.SPREAD, Pricing.COUNTERPARTY), Bankruptcy, Coverage
    )
)
STEP = 5
"""From cell to cell the rules are this many further on: no divisor of their number, so that all come in turn."""

SEED = 13
CELLS, SECONDS = 48, 20.0


@dataclass(frozen=True, eq=False)
class Cell:
    """An economy and the rules of its market.

    Attributes:
        economy: drawn at random.
        rules: of the market.
    """

    economy: Economy
    rules: MarketRules

    @property
    def contract(self) -> GrandContract:
        """The grand contract, with expected-externality transfers where types are private."""
        if max(self.economy.prior.type_counts) == 1:
            return grand_contract(self.economy)
        efficient = efficient_allocation(self.economy, self.economy.profiles)
        return GrandContract(self.economy, efficient, expected_externality_transfers(self.economy, efficient))


def cells(count: int = CELLS, seed: int = SEED) -> Iterator[Cell]:
    """Yield cells: every size of either family in turn, each time with the next rules."""
    kinds = list(product(SIZES, Family))
    for number, stream in enumerate(np.random.SeedSequence(seed).spawn(count)):
        size, family = kinds[number % len(kinds)]
        rules = RULES[(STEP * number + number // len(kinds)) % len(RULES)]
        yield Cell(random_economy(family, *size, np.random.default_rng(stream)), rules)


def examined(cell: Cell, seconds: float = SECONDS) -> Examination:
    """Return what certifying a cell for so many seconds says."""
    players = len(cell.economy.players)
    return examine(cell.contract, cell.rules, Coalitions(players, players), Deadline.after(seconds))


def answers(found: Examination) -> dict[str, Verdict]:
    """Return the answer to each question about stability."""
    return {
        "unilaterally stable": found.unilaterally_stable,
        "collusion-proof": found.collusion_proof,
        "strongly collusion-proof": found.strongly_collusion_proof,
    }


def table(count: int = CELLS, seconds: float = SECONDS) -> pd.DataFrame:
    """Return a row for every question of every cell.

    Consistent coalitions are ``approached`` where some pair has an agreement that only a guess breaks (Theorem 23), or
    only a part that is told as seldom as one likes (Theorem 24): it is why the answer is no, or stands beside a proof
    that none is kept exactly.
    """
    return pd.DataFrame(
        {
            "economy": cell.economy.name,
            "pricing": cell.rules.pricing.value,
            "bankruptcy": cell.rules.bankruptcy.value,
            "coverage": cell.rules.coverage.value,
            "question": question,
            "answer": verdict.value,
            "approached": _approached(found) if question == "collusion-proof" else "",
        }
        for cell in cells(count)
        for found in [examined(cell, seconds)]
        for question, verdict in answers(found).items()
    )


def _approached(found: Examination) -> str:
    """Return in which sense consistent agreements are approached."""
    if found.approached is None or not isinstance(found.approached.certificate, HiddenRuinCertificate):
        return ""
    return "but for a part seldom told" if found.approached.certificate.told_seldom else "up to any tolerance"


def main(arguments: list[str]) -> None:
    """Write the table to a file and print the share that is open, by question."""
    file, *limits = arguments
    found = table(int(limits[0]) if limits else CELLS, float(limits[1]) if len(limits) > 1 else SECONDS)
    found.to_csv(Path(file), index=False)
    still_open = found["answer"] == Verdict.NOT_REFUTED.value
    shares = {**still_open.groupby(found["question"]).mean(), "all answers": still_open.mean()}
    Console().print("\n".join(f"{question}: {share:.1%} open" for question, share in shares.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
