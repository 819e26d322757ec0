"""The institution table: every institution on every economy, computed in parallel, and resumed where it stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from marketgame.experiments.studies.institutions.answers import (
    EFFORT,
    LIARS_TOGETHER,
    Question,
    answers,
    liars_together,
)
from marketgame.experiments.studies.institutions.families import SIZES, economies
from marketgame.experiments.studies.institutions.institution import Institution, institutions
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.transfers import expected_externality_transfers
from marketgame.mechanisms.economies.coalitions import coalition_name

KEY = ("economy", "pricing", "solvency", "bankruptcy", "coverage", "outsiders")
COLUMNS = (*KEY, "question", "verdict", "because", "coalition", "gain", "total_gain", "bound")
QUESTIONS = 1 + len(Question)


def compute(
    file: Path,
    seed: int = 0,
    sizes: tuple[tuple[int, int, int], ...] = SIZES,
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
    rows = _finished(file)
    known = {tuple(row[column] for column in KEY) for row in rows}
    missing = [case for case in cases if _key(*case[1:]) not in known]
    done = len(cases) - len(missing)
    context = get_context("spawn")
    with ProcessPoolExecutor(workers or os.cpu_count(), mp_context=context) as pool:
        tasks = [pool.submit(_cell, number, institution, seed, sizes) for number, _, institution in missing]
        for task in as_completed(tasks):
            cell = task.result()
            rows += cell
            pd.DataFrame(cell, columns=list(COLUMNS)).to_csv(file, mode="a", header=not file.exists(), index=False)
            done += 1
            if on_cell is not None:
                on_cell(done, len(cases))
    order = {_key(name, institution): place for place, (_, name, institution) in enumerate(cases)}
    rows = [row for row in rows if tuple(row[column] for column in KEY) in order]
    rows.sort(key=lambda row: order[tuple(str(row[column]) for column in KEY)])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def contract_of(number: int, seed: int = 0, sizes: tuple[tuple[int, int, int], ...] = SIZES) -> GrandContract:
    """Return the grand contract of the economy with this number.

    With private information its transfers are those of expected externality, so that truth is the best report; with
    complete information players pay the supporting price.
    """
    economy = next(islice(economies(seed, sizes), number, None))
    walrasian = grand_contract(economy)
    if len(economy.profiles) == 1:
        return walrasian
    return grand_contract(economy, expected_externality_transfers(economy, walrasian.efficient))


def _cases(seed: int, sizes: tuple[tuple[int, int, int], ...]) -> Iterator[tuple[int, str, Institution]]:
    for number, economy in enumerate(economies(seed, sizes)):
        for institution in institutions():
            yield number, economy.name, institution


def _key(name: str, institution: Institution) -> tuple[str, ...]:
    rules = institution.rules
    parts = (rules.pricing, rules.solvency, rules.bankruptcy, rules.coverage, institution.outsiders)
    return (name, *(part.value for part in parts))


def _finished(file: Path) -> list[dict[str, object]]:
    """Return the rows of the cells that the file holds whole."""
    if not file.exists():
        return []
    table = pd.read_csv(file, keep_default_na=False)
    whole = table.groupby(list(KEY))["question"].transform("size") == QUESTIONS
    return [{str(name): value for name, value in row.items()} for row in table[whole].to_dict("records")]


def _cell(
    number: int, institution: Institution, seed: int, sizes: tuple[tuple[int, int, int], ...]
) -> list[dict[str, object]]:
    """Return the rows of one economy under one institution."""
    contract = contract_of(number, seed, sizes)
    key = dict(zip(KEY, _key(contract.economy.name, institution), strict=True))
    found = answers(contract, institution, EFFORT)
    asked = [(LIARS_TOGETHER, liars_together(contract, institution)), *((each.value, found[each]) for each in found)]
    return [
        {
            **key,
            "question": question,
            "verdict": answer.verdict.answer,
            "because": answer.because,
            "coalition": coalition_name(answer.coalition),
            "gain": answer.gain,
            "total_gain": answer.total_gain,
            "bound": answer.bound,
        }
        for question, answer in asked
    ]
