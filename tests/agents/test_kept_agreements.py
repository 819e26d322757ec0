"""What is found once is found again, and no file makes a side-contract of what is none, or hides one that there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marketgame.agents.coalitions import finding, kept
from marketgame.agents.coalitions.agreement import Agreement
from marketgame.agents.coalitions.finding import AgreementSearch
from marketgame.agents.memory import Memory
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.side_contracts.search import SideContractSearch, SideEffort, SideSpent
from marketgame.mechanisms.deviations.effort import Effort, Verdict
from marketgame.mechanisms.market_game.rules import MarketRules, Solvency
from tests.agents.side_contract_cases import drawing_lots, farmers_contract

CONTRACT = farmers_contract()
SEARCH = AgreementSearch(CONTRACT, MarketRules())
LITTLE = SideEffort(Effort(quote_vectors=1, local_rounds=0, warm_starts=20))


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


def to_ann(content: dict[str, Any]) -> dict[str, Any]:
    """Ann always wins, so that bob loses."""
    return content | {name: np.array([1.0, 0.0]) for name in content if name.endswith("probability")}


def for_more_members(content: dict[str, Any]) -> dict[str, Any]:
    return content | {name: np.concatenate([content[name]] * 2, axis=1) for name in content if "quotes" in name}


def in_words(content: dict[str, Any]) -> dict[str, Any]:
    return content | {name: np.array(["half", "half"]) for name in content if name.endswith("probability")}


@pytest.mark.parametrize(
    "forged", [lambda _: {"clauses": np.array([0])}, lambda _: {}, to_ann, for_more_members, in_words]
)
def test_a_forged_file_neither_hides_a_side_contract_nor_makes_one(
    searches: list[object],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    forged: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    first = found()
    (file,) = (tmp_path / "kept").iterdir()
    with np.load(file) as arrays:
        content = forged(dict(arrays))
    np.savez(file, allow_pickle=False, **content)
    forget(monkeypatch)
    assert_same(found(), first)
    assert len(searches) == 2


@pytest.mark.parametrize("content", [b"PK\3\4 rubbish", b"", b"\x93NUMPY"])
def test_a_damaged_file_is_as_good_as_none(
    searches: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    first = found()
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(content)
    forget(monkeypatch)
    assert_same(found(), first)
    assert len(searches) == 2


def test_that_nothing_was_found_is_never_written(searches: list[object], tmp_path: Path) -> None:
    repaired = replace(SEARCH, rules=MarketRules(solvency=Solvency.NO_SHORT_SALES))
    assert repaired.find((0, 1)) is None
    assert repaired.find((0, 1)) is None
    assert len(searches) == 1
    assert not (tmp_path / "kept").exists()


def test_a_file_is_no_reason_to_believe_that_members_obey_where_they_must(
    searches: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever may disobey sells short alone: no lots keep anybody from it.
    strict = replace(SEARCH, concept=Concept.COMMUNICATION_EQUILIBRIUM, effort=LITTLE)
    for number in (1, 2):
        forget(monkeypatch)
        found(strict)
        assert len(searches) == number


def test_a_full_folder_is_given_no_more_and_loses_nothing(
    searches: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    theirs = tmp_path / "kept" / "side-contract-of-my-thesis.npz"
    theirs.parent.mkdir()
    theirs.write_bytes(b"mine")
    monkeypatch.setattr(kept, "MOST_FILES", 1)
    found()
    assert [file.name for file in theirs.parent.iterdir()] == [theirs.name]
    assert theirs.read_bytes() == b"mine"
    assert len(searches) == 1


def test_nothing_is_written_where_no_folder_is_named(
    searches: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MARKETGAME_CACHE", "")
    found()
    assert not (tmp_path / "kept").exists()
    assert len(searches) == 1
