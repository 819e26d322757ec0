"""The institution table: every institution on every economy, computed in parallel, and resumed where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice
from pathlib import Path

import pandas as pd

from marketgame.experiments.stress.examining import EFFORT
from marketgame.experiments.stress.market_institution import MarketInstitution, institutions
from marketgame.experiments.stress.question import Question
from marketgame.experiments.studies.institutions.answers import (
    ASKED,
    answers,
    approached,
    known_without_search,
)
from marketgame.experiments.studies.institutions.families import SIZES, economies
from marketgame.experiments.studies.institutions.resuming import Kept, Rows
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.coalitions import coalition_name

RULES = ("pricing", "solvency", "bankruptcy", "coverage", "execution", "refusal")
KEY = ("economy", *RULES, "outsiders", "transfers")
COLUMNS = (*KEY, "question", "verdict", "because", "coalition", "gain", "total_gain", "bound", "approached")
APPROACHED = "up to any tolerance"
"""What stands in the column `approached` where some pair has an improvement that only a guess breaks (Theorem 23)."""

type Sizes = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Case:
    """An institution on an economy.

    Attributes:
        number: of the economy.
        name: likewise.
        institution: under which its contract is examined.
        private: whether somebody has two types; otherwise all transfers are alike, and computed once.
    """

    number: int
    name: str
    institution: MarketInstitution
    private: bool = False

    @property
    def computed(self) -> Case:
        """The case whose answers this one has."""
        usual = TransferRule.EXPECTED_EXTERNALITY
        return self if self.private else replace(self, institution=replace(self.institution, transfers=usual))

    @property
    def key(self) -> tuple[str, ...]:
        """What tells it from others in the table."""
        rules = self.institution.rules
        named = (getattr(rules, name).value for name in RULES)
        return (self.name, *named, self.institution.outsiders.value, self.institution.transfers.value)


def compute(
    file: Path,
    seed: int = 0,
    sizes: Sizes = SIZES,
    workers: int | None = None,
    on_cell: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Return the table, computing the cells that the file does not hold yet and adding each as it is done.

    Args:
        file: a CSV file, created if absent.
        seed: of the random economies.
        sizes: of the random economies: players, goods without the numeraire, types of each player.
        workers: processes; one per core if left out.
        on_cell: told how many cells are done, and of how many.

    Returns:
        One row per economy, institution and question, in the order of the economies and institutions; gains and
        bounds are shares of the gains from trade.
    """
    cases = list(_cases(seed, sizes))
    missing = {case.computed.key: partial(_cell, case.computed, seed, sizes) for case in cases}
    known = Kept(file, KEY, COLUMNS, len(ASKED)).completed(missing, workers, on_cell)
    rows = [{**row, **dict(zip(KEY, case.key, strict=True))} for case in cases for row in known[case.computed.key]]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def with_what_is_known(
    published: pd.DataFrame,
    file: Path,
    seed: int = 0,
    sizes: Sizes = SIZES,
    workers: int | None = None,
    on_cell: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Return a table in which only that is computed anew about consistent coalitions which needs no search.

    Where the answer is open and a theorem settles it the cell is computed anew, and everywhere what is approached.

    Args:
        published: the table as it was computed before; it may lack the column.
        file: that keeps the cells that are computed anew, as of `compute`.
        seed: as of `compute`.
        sizes: likewise.
        workers: likewise.
        on_cell: likewise.
    """
    published = published.assign(approached="")[list(COLUMNS)]
    kept: dict[tuple[str, ...], Rows] = {
        tuple(map(str, key)): [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
        for key, rows in published.groupby(list(KEY), sort=False, dropna=False)
    }
    consistent, answer = Question.CONSISTENT.value, Verdict.NOT_REFUTED.answer
    cases, missing = {case.key: case for case in _cases(seed, sizes)}, {}
    for key, rows in kept.items():
        case = cases[key]
        if case.computed.key != key or not any(row["question"] == consistent for row in rows):
            continue
        contract = contract_of(case.number, seed, sizes, case.institution.transfers)
        (row,) = [row for row in rows if row["question"] == consistent]
        if row["verdict"] == answer and known_without_search(contract, case.institution):
            missing[key] = partial(_cell, case, seed, sizes)
        elif row["verdict"] != Verdict.REFUTED.answer and approached(contract, case.institution):
            row["approached"] = APPROACHED
    kept |= Kept(file, KEY, COLUMNS, len(ASKED)).completed(missing, workers, on_cell)
    found = [
        {**row, **dict(zip(KEY, key, strict=True))} for key, case in cases.items() for row in kept[case.computed.key]
    ]
    return pd.DataFrame(found, columns=list(COLUMNS))


@cache
def contract_of(
    number: int,
    seed: int = 0,
    sizes: Sizes = SIZES,
    transfers: TransferRule = TransferRule.EXPECTED_EXTERNALITY,
) -> GrandContract:
    """Return the grand contract of the economy with this number.

    With complete information players pay the supporting price, whatever transfers there would be otherwise.
    """
    economy = next(islice(economies(seed, sizes), number, None))
    return contract_with_transfers(economy, transfers if len(economy.profiles) > 1 else TransferRule.NONE)


def _cases(seed: int, sizes: Sizes) -> Iterator[Case]:
    for number, economy in enumerate(economies(seed, sizes)):
        for institution in institutions():
            yield Case(number, economy.name, institution, len(economy.profiles) > 1)


def _cell(case: Case, seed: int, sizes: Sizes) -> list[dict[str, object]]:
    """Return the rows of one economy under one institution."""
    contract = contract_of(case.number, seed, sizes, case.institution.transfers)
    found = answers(contract, case.institution, EFFORT)
    return [
        {
            **dict(zip(KEY, case.key, strict=True)),
            "question": question.value,
            "verdict": found[question].verdict.answer,
            "because": found[question].because,
            "coalition": coalition_name(found[question].coalition),
            "gain": found[question].gain,
            "total_gain": found[question].total_gain,
            "bound": found[question].bound,
            "approached": APPROACHED if found[question].approached else "",
        }
        for question in ASKED
    ]
