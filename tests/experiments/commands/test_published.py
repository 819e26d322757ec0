"""Published examples: what is known of each is what our commands answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketgame.experiments.commands.cases_page import PAGE, cases_page
from marketgame.experiments.commands.published import PublishedExample, published_examples
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.published import at, steps
from tests.experiments.command_calls import HOME, Call, assert_one_line, one_document

PUBLISHED = list(published_examples())
STATED = 'command = "solve"\nkey = "value"\nvalue = 2.25\nstatement = "efficient"\n'


@pytest.mark.parametrize("each", PUBLISHED, ids=lambda each: each.example.name)
def test_what_was_published_is_what_the_program_answers(each: PublishedExample) -> None:
    for checked in each.checked():
        assert checked.holds, (checked.known.statement, checked.problem or checked.answer, checked.known.value)


def test_there_are_fifty_published_examples_and_each_names_its_source_and_derives_its_answers() -> None:
    cases = [each for each in PUBLISHED if each.example.file.parent.name == "cases"]
    assert {each.example.file for each in cases} == set((HOME / "cases").iterdir())
    assert len(cases) >= 50
    for each in cases:
        assert any(year in each.source for year in map(str, range(1881, 2027))), each.example.name
        assert each.example.file.read_text(encoding="utf-8").startswith("# ")


def test_the_page_of_the_documentation_is_made_from_the_files() -> None:
    assert Path(__file__).parents[3].joinpath("docs", PAGE).read_text(encoding="utf-8") == cases_page()


def test_the_command_lists_and_checks_and_exits_with_1_where_a_statement_does_not_hold(
    marketgame: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = one_document(marketgame("examples", "--published", "--json"))["published"]
    assert [each["name"] for each in listed] == [each.example.name for each in PUBLISHED]
    assert "holds" not in listed[0]["known"][0]
    told = marketgame("examples", "matsuo-1989-possible", "--check")
    assert (told.code, "1 of 1 statements about 1 examples hold" in told.out) == (0, True)
    assert_one_line(marketgame("examples", "tutorial-obedient", "--published"), "nothing is said about what is known")

    text = located("example:matsuo-1989-possible").read_text(encoding="utf-8")
    (tmp_path / "cases").mkdir()
    for name, value in (("false", "value     = 2.2500001"), ("nowhere", 'value     = "none"')):
        (tmp_path / "cases" / f"{name}.toml").write_text(text.replace("value     = 2.25", value), encoding="utf-8")
    (tmp_path / "cases" / "nowhere.toml").write_text(text.replace('"value"', '"worth"'), encoding="utf-8")
    monkeypatch.setattr("marketgame.experiments.files.examples.HOME", tmp_path)
    wrong = marketgame("examples", "--check", "--json")
    assert wrong.code == 1
    answers = [each["known"][0] for each in one_document(wrong)["published"]]
    assert [each["holds"] for each in answers] == [False, False]
    assert (answers[0]["answer"], answers[0]["problem"]) == (2.25, "")
    assert "there is no 'worth'" in answers[1]["problem"]
    assert (
        "DOES NOT HOLD (value is 2.25, not 2.2500001): efficient trade is possible"
        in marketgame("examples", "false", "--check").out
    )


@pytest.mark.parametrize(
    ("line", "fragments"),
    [
        (
            'command = "sovle"',
            ("published[0].command is 'sovle'", "solve, block, core, certify, stress; did you mean 'solve'?"),
        ),
        ('key = "a..b"', ("published[0].key is 'a..b'", "be a path into the answer")),
        ('key = "list[x]"', ("published[0].key is 'list[x]'", "be a path into the answer")),
        ("value = [1]", ("published[0].value is [1]", "be true, false, a finite number or text")),
        ("value = nan", ("published[0].value is nan", "be true, false, a finite number or text")),
        ("within = -1", ("published[0].within is -1", "at least 0")),
        ('statement = ""', ("published[0].statement is ''", "not be empty")),
        ("options = [2]", ("published[0].options[0] is 2", "be text in quotes")),
        ("keys = 2", ("published[0].keys is not a known key", "did you mean 'key'?")),
    ],
)
def test_a_mistake_in_what_is_published_is_one_line(
    line: str, fragments: tuple[str, ...], marketgame: Call, tmp_path: Path
) -> None:
    text = located("example:three-farmers").read_text(encoding="utf-8")
    others = "".join(f"{each}\n" for each in STATED.splitlines() if each.split()[0] != line.split(maxsplit=1)[0])
    (tmp_path / "own.toml").write_text(f"{text}\n[[published]]\n{others}{line}\n", encoding="utf-8")
    assert_one_line(marketgame("validate", "own.toml"), "own.toml", *fragments)


def test_a_path_goes_through_keys_and_places() -> None:
    document = {"profiles": [{"price": {"spring water": 1.5}}], "interim": {"0.5": {"gain": None}}}
    assert at(document, "profiles[0].price.spring water") == at(document, 'profiles[0].price."spring water"') == 1.5
    assert at(document, 'interim."0.5".gain') is None
    assert steps('a."b.c"[2][0]') == ("a", "b.c", 2, 0)
    for path, problem in (
        ("profile", "there is no 'profile'; it must be one of profiles, interim; did you mean 'profiles'"),
        ("profiles[1]", "there is no entry 1; there are 1"),
        ("profiles.price", "nothing is below 'price'"),
        ("interim[0]", "nothing is below 0"),
    ):
        with pytest.raises(ValueError, match=problem):
            at(document, path)
