"""Names are data: whatever they hold, they are shown on one line, told apart, and lead to no other folder."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from marketgame.results.names import LONGEST_FILE_NAME, LONGEST_LINE, file_names, labels, on_a_line

ANYTHING = st.text(max_size=80) | st.text(alphabet="aA/. \\\n\x1b$é", max_size=6)
ASCII = frozenset(range(32, 127))


@given(ANYTHING)
def test_a_line_is_one_line_without_anything_that_a_terminal_obeys(text: str) -> None:
    line = on_a_line(text)
    assert line.splitlines() in ([line], [])
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 or 0xD800 <= ord(letter) < 0xE000 for letter in line)
    assert not set(line) & set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
    assert on_a_line(line) == line


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=80))
def test_text_that_can_be_printed_is_printed_as_it_is(text: str) -> None:
    assert on_a_line(text) == text


def test_what_is_cut_out_of_a_long_line_is_its_middle() -> None:
    assert on_a_line("first " + "x" * 10**6 + " last", 20) == "first xxxxxx... last"
    assert len(on_a_line("\x00" * 10**7)) == LONGEST_LINE


@given(st.lists(ANYTHING, max_size=8))
def test_files_named_after_different_things_are_different_files_of_the_folder(names: list[str]) -> None:
    files = file_names(names)
    assert len({file.casefold() for file in files}) == len(names)
    for file in files:
        assert file.replace("-", "").replace("_", "").isalnum() or set(file) <= {"_", "-"}
        assert len(file) <= LONGEST_FILE_NAME + len(str(len(names))) + 1


def test_file_names_are_those_that_a_reader_expects() -> None:
    assert file_names(["a/b", "a b", "A-B"]) == ["a-b", "a-b-2", "a-b-3"]
    assert file_names(["a b", "a-b-2", "a/b"]) == ["a-b", "a-b-2", "a-b-3"]
    assert file_names(["../../x", "..", "", "CON\0"]) == ["x", "unnamed", "unnamed-2", "con"]
    assert file_names(["blé"]) == ["blé"]


@given(st.lists(ANYTHING, unique=True, max_size=8), st.integers(8, 40))
def test_labels_tell_names_apart_in_letters_that_can_be_drawn(names: list[str], longest: int) -> None:
    shown = labels(names, longest, ASCII)
    assert list(shown) == names
    assert len(set(shown.values())) == len(names)
    assert all(set(map(ord, label)) <= ASCII for label in shown.values())
