"""Tables on a terminal: whatever the width, no label and no number is cut, broken or left out."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from marketgame.experiments.commands.command_line import COMMANDS
from marketgame.experiments.printing import FittedTable
from tests.experiments.command_calls import GAMES, HOME, SCENARIOS, Call

WIDTHS = (60, 80, 100, 200)
ECONOMIES = HOME / "economies"
SWEEP = f"""
kind     = "sweep"
name     = "careless"
scenario = "{(SCENARIOS / "ten-traders-noisy.toml").as_posix()}"
seeds    = 2
settings = {{ rounds = 2 }}
[axes]
"rules.bankruptcy"    = ["trades-stand", "unwind"]
"traders.share.noisy" = [0.0, 0.3]
"""
# For each command the calls whose tables are looked at; a later call may read what an earlier one wrote.
CALLS: dict[str, list[list[object]]] = {
    "run": [
        [SCENARIOS / "three-traders-organised.toml", "--rounds", 3, "--out", "organised"],
        [SCENARIOS / "myerson-example-1-blocked.toml", "--rounds", 3, "--out", "blocked"],
        [SCENARIOS / "annex-b-one-short-seller.toml", "--rounds", 2, "--out", "short"],
        [SCENARIOS / "three-traders-learning.toml", "--rounds", 2, "--out", "learnt"],
    ],
    "show": [["organised"]],
    "compare": [["organised", "organised"]],
    "learning": [["learnt"]],
    "sweep": [["careless.toml", "--workers", 1, "--out", "careless"]],
    "solve": [
        [ECONOMIES / "annex-b.toml"],
        [ECONOMIES / "three-farmers.toml"],
        [ECONOMIES / "two-goods-complements.toml"],
        [GAMES / "myerson-example-1.toml"],
        [GAMES / "myerson-trading-problem.toml"],
    ],
    "block": [[GAMES / "myerson-example-1.toml"], [GAMES / "myerson-example-2.toml"]],
    "core": [[GAMES / "myerson-example-1.toml"], [GAMES / "majority-1.5.toml"]],
    "certify": [[ECONOMIES / "three-traders.toml", "--seconds", 20]],
    "stress": [
        [ECONOMIES / "three-traders.toml", "--workers", 1, "--ask", "any coalition", "--ask", "coalitions that leave"]
    ],
    "replay": [[HOME / "certificates" / "three-traders-short-sale.json"]],
    "claims": [[]],
    "examples": [[]],
    "explain": [["scenario"], ["tables"], ["figures"]],
}
# What speaks of files of a kind, and of statements about all economies, knows no name of anybody's money.
OF_NO_ECONOMY = {"explain", "claims"}
WITHOUT_TABLES = {"animate", "app", "export", "report", "validate"}


class Shown(list[FittedTable]):
    """The tables that were printed."""


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Collect the tables that commands print."""
    tables = Shown()
    original = FittedTable.__rich_console__

    def collecting(table: FittedTable, *arguments: object) -> object:
        tables.append(table)
        # The arguments are Rich's own, passed on as they come.
        return original(table, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(FittedTable, "__rich_console__", collecting)
    return tables


def lines_of(table: FittedTable, width: int) -> list[str]:
    """Return the lines that a table is printed on, without blank ones and rules."""
    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(table)
    lines = [line for line in file.getvalue().splitlines() if line.strip()]
    assert max(map(len, lines)) <= width
    return [line for line in lines if set(line.strip()) != {"─"}]


def words_of(cells: Sequence[Text]) -> list[str]:
    """Return the words of a column."""
    return [word for cell in cells for word in cell.plain.split()]


def assert_whole(table: FittedTable, width: int) -> None:
    """Check that what is printed at a width holds every word of every column, in order, labels beside every number."""
    lines, fitted = lines_of(table, width), table.fitted(width)
    if not fitted:
        assert_listed_whole(table, lines)
        return
    columns = [(heading, *(row[place] for row in table.rows)) for place, heading in enumerate(table.headings)]
    labels = set(range(table.labels))
    assert [place for piece in fitted for place in piece if place not in labels] == list(range(len(columns)))[
        len(labels) :
    ]
    for piece in fitted:
        assert labels <= set(piece)
        starts = [1 + sum(width + 3 for width in list(piece.values())[:before]) for before in range(len(piece))]
        read: dict[int, list[str]] = {place: [] for place in piece}
        wanted = {place: words_of(columns[place]) for place in piece}
        # The piece ends where all words of its columns have been read.
        while any(len(read[place]) < len(words) for place, words in wanted.items()):
            assert lines, f"{wanted} is not all there at {width}: {read}"
            line = lines.pop(0)
            for start, (place, letters) in zip(starts, piece.items(), strict=True):
                read[place] += line[start : start + letters].split()
        assert read == wanted
    assert not lines


def assert_listed_whole(table: FittedTable, lines: Sequence[str]) -> None:
    """Check that a list of cells holds every word of the table."""
    printed = " ".join(lines).split()
    for row in table.rows:
        for cells in zip(table.headings, row, strict=True):
            for word in words_of(cells if cells[1] else ()):
                assert word in printed


@pytest.mark.parametrize("command", CALLS)
def test_every_table_that_a_command_prints_is_whole_at_every_width(
    command: str, marketgame: Call, shown: Shown, quick_figures: None, tmp_path: Path
) -> None:
    (tmp_path / "careless.toml").write_text(SWEEP, encoding="utf-8")
    for name in dict.fromkeys(["run", command] if command in {"show", "compare", "learning"} else [command]):
        shown.clear()
        for arguments in CALLS[name]:
            answer = marketgame(name, *arguments)
            assert answer.code in {0, 1}
            # Where the economy has a name for its money, that is what is said; the value of a rule is its name.
            assert command in OF_NO_ECONOMY or "numeraire" not in answer.out.replace("announced-numeraire", "")
    assert len(shown) >= len(CALLS[command])
    for table in list(shown):
        for width in WIDTHS:
            assert_whole(table, width)


def test_the_tables_of_every_command_are_looked_at() -> None:
    assert CALLS.keys() | WITHOUT_TABLES == COMMANDS.keys()


WELFARE = FittedTable(
    (Text(""), *map(Text, ("welfare", "over autarky", "short of first best", "share of gains", "mean over"))),
    (
        tuple(map(Text, ("played", "241,515", "-238,819", "304,638", "-362.84%", "profiles drawn"))),
        tuple(map(Text, ("incentive-efficient, everyone willing", "546,153", "65,819.1", "0", "100.00%", "prior"))),
    ),
    labels=1,
)


@pytest.mark.parametrize("width", range(8, 130))
def test_a_table_is_whole_at_any_width_at_which_its_words_are(width: int) -> None:
    longest = max(len(word) for row in (WELFARE.headings, *WELFARE.rows) for cell in row for word in cell.plain.split())
    if width >= 2 * longest + 5:
        assert_whole(WELFARE, width)
    # Where no word fits, its letters are still all there.
    printed = Counter("".join(lines_of(WELFARE, width)).replace(" ", ""))
    assert printed >= Counter("".join(cell.plain.replace(" ", "") for row in WELFARE.rows for cell in row))


@pytest.mark.parametrize("width", [60, 80, 100])
def test_labels_stay_on_one_line_where_they_leave_a_third_of_the_width_to_numbers(width: int) -> None:
    lines = lines_of(WELFARE, width)
    assert sum(line.strip().startswith("incentive-efficient, everyone willing") for line in lines) == len(
        WELFARE.fitted(width)
    )


def test_a_table_that_fits_is_not_divided() -> None:
    assert len(WELFARE.fitted(120)) == 1
    assert lines_of(WELFARE, 120)[0].split("  ")[-1].strip() == "mean over"
