"""Open registries: our members by name, other people's by entry point, and code only where it is allowed."""

from __future__ import annotations

import doctest
import sys
from pathlib import Path

import pytest

from marketgame import registry
from marketgame.registry import NotAllowedError, NotAMemberError, Registry, UnknownNameError, parameter


class Habit:
    """What members of the registry of these tests are derived from."""

    name: str


class Early(Habit):
    name = "early"


class Earlier(Early):
    """Refines a member, and is none: it has no name of its own."""


HABITS: Registry[type[Habit]] = Registry(
    "habit",
    "example.habits",
    "a class derived from Habit",
    lambda found: isinstance(found, type) and issubclass(found, Habit),
    __name__,
)
THEIRS = """
from pathlib import Path
from tests.test_registry import Habit
Path(__file__).with_name("imported").touch()
class Late(Habit):
    name = "late"
class Tidy:
    name = "tidy"
"""


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stranger's distribution, installed; its module leaves a file behind when it is imported."""
    (tmp_path / "their_habits.py").write_text(THEIRS, encoding="utf-8")
    installed = tmp_path / "their_habits-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: their-habits\nVersion: 1.0\n", encoding="utf-8")
    entries = "[example.habits]\nlate = their_habits:Late\ntidy = their_habits:Tidy\ngone = their_habits:Gone\n"
    (installed / "entry_points.txt").write_text(entries, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "their_habits", raising=False)
    return tmp_path


def test_the_module_s_examples_hold() -> None:
    assert doctest.testmod(registry).failed == 0


def test_members_are_what_is_accepted_and_has_a_name_of_its_own() -> None:
    assert HABITS.own == (Early,)


def test_what_is_installed_is_listed_without_being_imported(theirs: Path) -> None:
    assert HABITS.names == ("early", "gone", "late", "tidy")
    assert HABITS.find("early") is Early
    with pytest.raises(UnknownNameError, match="there is no habit 'lat'; it must be one of early, gone, late, tidy"):
        HABITS.find("lat")
    assert not (theirs / "imported").exists()


def test_an_entry_point_is_found_by_its_name_without_allowing_code(theirs: Path) -> None:
    assert HABITS.find("late").__module__ == "their_habits"


def test_code_is_imported_only_where_it_is_allowed(theirs: Path) -> None:
    with pytest.raises(NotAllowedError, match="--allow-code"):
        HABITS.find("their_habits:Late")
    assert not (theirs / "imported").exists()
    assert HABITS.find("their_habits:Late", allow_code=True).name == "late"
    assert (theirs / "imported").exists()


@pytest.mark.parametrize("name", ["tidy", "their_habits:Tidy"])
def test_what_is_no_member_is_refused(name: str, theirs: Path) -> None:
    with pytest.raises(NotAMemberError, match=r"Tidy.*; it must be a class derived from Habit"):
        HABITS.find(name, allow_code=True)


@pytest.mark.parametrize("name", ["gone", "their_habits:Gone", "no_such_module:Gone"])
def test_what_cannot_be_imported_is_said_in_one_line(name: str, theirs: Path) -> None:
    with pytest.raises(NotAMemberError, match=r"^which cannot be imported: \w+: .+$"):
        HABITS.find(name, allow_code=True)


def test_our_classes_are_told_from_others() -> None:
    assert registry.is_outside(Habit)
    assert not registry.is_outside(Registry)


def test_a_parameter_says_its_unit_and_only_the_bounds_it_has() -> None:
    assert parameter("how long", unit="minutes", gt=0) == {"description": "how long, in minutes", "gt": 0}
