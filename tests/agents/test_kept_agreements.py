"""What is found once is found again, from memory or a folder, and no file makes a side-contract of what is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marketgame.agents.coalitions import finding, kept
from marketgame.agents.coalitions.agreement import Agreement
from marketgame.agents.coalitions.finding import AgreementSearch
from marketgame.agents.memory import Memory
from marketgame.mechanisms.collusion.side_contracts.search import SideContractSearch, SideSpent
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.market_game.rules import MarketRules, Solvency
from tests.agents.side_contract_cases import drawing_lots, farmers_contract

CONTRACT = farmers_contract()
SEARCH = AgreementSearch(CONTRACT, MarketRules())


def lots(coalition: tuple[int, ...], rules: MarketRules) -> SideContractSearch:
    """What stands for a search: members draw lots, but under rules that would catch them."""
    none = rules.solvency is Solvency.NO_SHORT_SALES
    terms = None if none else drawing_lots(CONTRACT, coalition).terms
    return SideContractSearch(terms, Verdict.NOT_REFUTED if none else Verdict.REFUTED, np.inf, None, SideSpent())


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """What was searched, with a folder for what is found and nothing in memory."""
    asked: list[object] = []

    def counted(_: object, rules: MarketRules, coalition: tuple[int, ...], **__: object) -> SideContractSearch:
        asked.append(coalition)
        return lots(coalition, rules)

    monkeypatch.setattr(finding, "find_side_contract", counted)
    monkeypatch.setenv("MARKETGAME_CACHE", str(tmp_path / "kept"))
    forget(monkeypatch)
    return asked


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_found", Memory(1 << 20, lambda key, _: len(key)))


def found(search: AgreementSearch = SEARCH, coalition: tuple[int, ...] = (0, 1)) -> Agreement:
    agreement = search.find(coalition)
    assert agreement is not None
    return agreement


def assert_same(one: Agreement, other: Agreement) -> None:
    for before, after in zip(one.terms.clauses, other.terms.clauses, strict=True):
        assert (before.reports, before.profiles) == (after.reports, after.profiles)
        np.testing.assert_array_equal(before.probability, after.probability)
        for name in kept.ACTION:
            np.testing.assert_array_equal(getattr(before.actions, name), getattr(after.actions, name))
    for levels in ("promised", "status_quo"):
        for mine, yours in zip(getattr(one.terms, levels), getattr(other.terms, levels), strict=True):
            np.testing.assert_array_equal(mine, yours)
    assert one.terms.information == other.terms.information


def test_what_was_found_is_found_again_without_a_search(
    searches: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = found()
    assert len(searches) == 1
    assert_same(found(), first)
    forget(monkeypatch)
    assert_same(found(), first)
    assert len(searches) == 1


def test_another_question_is_searched_anew(searches: list[object]) -> None:
    found()
    repaired = replace(SEARCH, rules=MarketRules(solvency=Solvency.NO_SHORT_SALES))
    for number, (search, coalition) in enumerate(((SEARCH, (0, 2)), (repaired, (0, 1))), 2):
        search.find(coalition)
        assert len(searches) == number
    # That nothing is found is remembered too.
    repaired.find((0, 1))
    assert len(searches) == 3


@pytest.mark.parametrize("damage", ["garbage", "greed", "empty"])
def test_a_file_that_says_something_else_is_as_good_as_none(
    searches: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: str
) -> None:
    first = found()
    (file,) = (tmp_path / "kept").iterdir()
    if damage == "greed":
        with np.load(file) as arrays:
            content = {name: arrays[name] for name in arrays}
        content["promised 0"] = content["promised 0"] + 100.0
        np.savez(file, **content)
    else:
        file.write_bytes(b"PK\3\4 rubbish" if damage == "garbage" else b"")
    forget(monkeypatch)
    assert_same(found(), first)
    assert len(searches) == 2


def test_nothing_is_written_where_no_folder_is_named(
    searches: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MARKETGAME_CACHE", "")
    found()
    assert not (tmp_path / "kept").exists()
    assert len(searches) == 1
