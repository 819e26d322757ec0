"""The page that `marketgame report` writes holds what the result holds, escapes it, and asks nothing of a network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, override

import numpy as np
import pandas as pd
import pytest

import marketgame as face
from marketgame import results
from marketgame.experiments.commands.report import page_of
from marketgame.experiments.files.input_file import InputFiles
from marketgame.experiments.play.report import bankruptcies
from marketgame.results.figures import standard_figures
from marketgame.results.loading import Run
from marketgame.results.manifests import sealed
from marketgame.results.report import pictures
from marketgame.results.report.page import Folded, written
from marketgame.results.report.rounds import trade_rounds
from tests.experiments.command_calls import HOME, Call, assert_one_line
from tests.results.made_up_runs import Play, write_folder
from tests.results.made_up_side_contracts import Attempt, with_side_contracts
from tests.results.made_up_sweeps import write_sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from playwright.sync_api import Page as Opened

EVIL = '</script><script>alert("x")</script>&amp;'
NAMES = (EVIL, "bob", "cem")
CERTIFICATE = HOME / "certificates" / "three-traders-short-sale.json"
CHROMIUM = "/usr/bin/chromium"
# What makes a browser fetch something.
FETCHING = {"src", "href", "xlink:href", "action", "data", "poster", "srcset"}


class Read(HTMLParser):
    """What a page consists of: its tables by caption, its texts, its elements with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self._caption = ""
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in {"meta", "img", "input", "path", "use"}:
            self._open.append(tag)
        if tag == "tr" and self._caption:
            self.tables[self._caption].append([])
        if tag in {"td", "th"} and self._caption:
            self.tables[self._caption][-1].append("")

    @override
    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass
        if tag == "table":
            self._caption = ""

    @override
    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        self.texts.append((inside, data))
        if inside == "caption":
            self._caption = data
            self.tables[data] = []
        elif inside in {"td", "th"} and self._caption:
            self.tables[self._caption][-1][-1] += data

    def text_of(self, tag: str) -> list[str]:
        return [text for inside, text in self.texts if inside == tag]

    def table(self, start: str) -> list[list[str]]:
        (found,) = (rows for caption, rows in self.tables.items() if caption.startswith(start))
        return found


def with_status(folder: Path) -> None:
    """Say of a made-up folder that its run is done."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(sealed(json.loads(path.read_text()) | {"status": "done"})), encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run in which a player of an evil name and another go bankrupt, and two coalitions agree."""
    home = tmp_path_factory.mktemp("report") / "run"
    bankrupt = {1: ["bob"], 3: ["bob", EVIL]}
    write_folder(home, Play(NAMES, 5, bankrupt=bankrupt, behaviours={"bob": "short-selling"}))
    made = [Attempt(2, NAMES[:2], "accepted", expected={EVIL: 1.0, "bob": 2.0}, realised={EVIL: 3.0, "bob": -1.0})]
    with_side_contracts(results.load(home), made)
    with_status(home)
    return results.load(home)


@pytest.fixture(scope="module")
def drawn() -> list[str]:
    """The names of the figures of the run, once its page is made."""
    return []


@pytest.fixture(scope="module")
def text(run: Run, drawn: list[str]) -> str:
    def noted(run: Run, round_number: int | None) -> dict[str, Figure]:
        figures = standard_figures(run, round_number)
        drawn.extend(figures)
        return figures

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "standard_figures", noted)
        return written(page_of(run.folder, InputFiles()))


@pytest.fixture(scope="module")
def page(text: str) -> Read:
    return Read(text)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A sweep of two parameters, some of whose runs failed."""
    points: dict[str, Sequence[object]] = {
        "rules.solvency": ["budget", "budget", EVIL, EVIL],
        "share": [0.1, 0.5, 0.1, 0.5],
    }
    welfare = np.arange(12.0).reshape(4, 3) ** 2
    failed = np.zeros((4, 3), bool)
    failed[3, 2] = True
    home = tmp_path_factory.mktemp("report") / "sweep"
    design = {"design": "grid", "seeds": 3, "first_seed": 1}
    write_sweep(home, points, [1, 2, 3], welfare, failed, design)
    path = home / "manifest.json"
    counts = {"runs": {"runs": 12, "done": 11, "failed": 1}, "name": EVIL, "status": "done", "kind": "sweep"}
    path.write_text(json.dumps(json.loads(path.read_text()) | counts), encoding="utf-8")
    return results.load(home)


@pytest.fixture(scope="module")
def pages(text: str, sweep: Run) -> dict[str, Read]:
    return {
        "run": Read(text),
        "sweep": Read(written(page_of(sweep.folder, InputFiles()))),
        "certificate": Read(written(page_of(CERTIFICATE, InputFiles()))),
    }


@pytest.mark.parametrize("kind", ["run", "sweep", "certificate"])
def test_a_page_asks_nothing_of_a_network_and_runs_no_script_but_its_own(kind: str, pages: dict[str, Read]) -> None:
    page = pages[kind]
    for tag, attributes in page.elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        for name, value in attributes.items():
            assert name not in FETCHING or value.startswith(("#", "data:")), (tag, name, value)
            assert not name.startswith("on")
            assert "url(" not in value.replace("url(#", "")
    assert "@import" not in "".join(page.text_of("style"))
    assert "url(" not in "".join(page.text_of("style"))
    assert not re.search(r"https?:", "".join(page.text_of("script")))
    scripts = [attributes.get("type", "") for tag, attributes in page.elements if tag == "script"]
    assert sorted(scripts) == sorted(["", *(["application/json"] if kind == "run" else [])])
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize("kind", ["run", "sweep"])
def test_names_are_text_whatever_they_hold(kind: str, pages: dict[str, Read]) -> None:
    page = pages[kind]
    assert any(EVIL in "".join(row) for rows in page.tables.values() for row in rows)
    assert [text for text in page.text_of("script") if "alert" in text and not text.startswith('{"players"')] == []


def test_every_figure_is_there_once_and_its_words_are_text(page: Read, drawn: list[str]) -> None:
    shown = [attributes["data-figure"] for _, attributes in page.elements if "data-figure" in attributes]
    assert {"welfare", "trade-network"} < set(shown)
    assert sorted(shown) == sorted(drawn)
    labels = [
        attributes["aria-label"] for tag, attributes in page.elements if tag == "svg" and "aria-label" in attributes
    ]
    assert len(set(labels)) == len(drawn) + 1
    assert any("of the first-best gains" in text for text in page.text_of("text"))


def test_words_of_figures_are_at_least_seven_points_in_print(page: Read, text: str) -> None:
    styles = [attributes.get("style", "") for tag, attributes in page.elements if tag == "text"]
    sizes = [float(size) for style in styles for size in re.findall(r"([\d.]+)px", style)]
    assert sizes
    assert min(sizes) >= 7
    # A drawing is as many points wide as the page makes it in print.
    for width, box in re.findall(r'--width:([\d.]+)in"><svg [^>]*viewBox="0 0 ([\d.]+) ', text):
        assert float(box) == pytest.approx(72 * float(width), abs=1)


def test_who_went_bankrupt_is_told_in_the_order_in_which_they_first_did(page: Read) -> None:
    first, *rows = page.table("Who went bankrupt")
    assert first[:2] == ["order", "player"]
    assert [(row[1], row[3], row[4], row[5]) for row in rows] == [("bob", "1", "3", "2"), (EVIL, "3", "3", "1")]
    assert [row[:2] for row in page.table("Round by round")[1:]] == [["1", "1"], ["3", "2"]]


def test_within_a_round_the_bankrupt_are_told_in_the_order_in_which_they_failed(run: Run) -> None:
    waves = run.players["bankrupt"].astype(int) + (run.players["bankrupt"] & (run.players["player"] == EVIL))
    told = Run(run.folder, run.manifest, {**run.tables, "players": run.players.assign(wave=waves)})
    (folded,) = (part for part in bankruptcies(told) if isinstance(part, Folded))
    assert [row[2] for row in folded.part.rows] == [
        "bob (budget, 1 euro)",
        f"bob (budget, 1 euro), then {EVIL} (budget, 1 euro)",
    ]


def test_what_coalitions_promised_and_realised_is_told_of_every_member(page: Read) -> None:
    rows = page.table("What members were promised")[1:]
    assert [row[1:5] for row in rows] == [[EVIL, "1", "1", "3"], ["bob", "1", "2", "-1"]]


def test_tables_can_be_sorted_by_the_numbers_they_show(page: Read) -> None:
    sortable = [attributes for tag, attributes in page.elements if tag == "table"]
    assert {attributes["class"] for attributes in sortable} == {"sortable"}
    for tag, attributes in page.elements:
        if tag == "td" and attributes.get("data-value"):
            assert np.isfinite(float(attributes["data-value"]))


def test_the_slider_has_every_round_with_what_the_tables_say(run: Run, page: Read) -> None:
    (data,) = (json.loads(text) for text in page.text_of("script") if text.startswith('{"players"'))
    assert data["rounds"] == [0, 1, 2, 3, 4]
    assert data["players"][1:] == ["bob", "cem"]
    assert data["bankrupt"] == [[], [1], [], [0, 1], []]
    assert [group and group[0]["members"] for group in data["together"]] == [0, 0, [0, 1], 0, 0]
    worth = run.trades[(run.trades["good"] == "wheat") & (run.trades["round"] == 2)]
    flows = dict(zip(data["flows"][2][::2], data["flows"][2][1::2], strict=True))
    for player, other, value in zip(worth["player"], worth["counterparty"], worth["value"], strict=True):
        pair = 3 * NAMES.index(str(other)) + NAMES.index(str(player))
        assert flows.pop(pair) == pytest.approx(value, rel=1e-3)
    assert flows == {}
    assert data["traded"][2] == pytest.approx(worth["value"].sum(), rel=1e-3)
    wealth = run.players[run.players["round"] == 4]["wealth"]
    assert data["wealth"][4] == pytest.approx(wealth.tolist(), rel=1e-3)


def test_trades_that_are_not_listed_are_traded_all_the_same(run: Run) -> None:
    totals = pd.DataFrame({"run": 0, "round": [0, 1, 1], "good": ["wheat", "wheat", "money"], "value": [0.0, 7.0, 9.0]})
    told = Run(run.folder, run.manifest, {**run.tables, "trade_totals": totals, "trades": run.trades.iloc[:0]})
    data = trade_rounds(told)
    assert data is not None
    assert (data["traded"], data["flows"][1]) == ([0, 7, 0, 0, 0], [])


def test_a_map_of_a_sweep_has_the_means_over_seeds_and_differences_are_paired(pages: dict[str, Read]) -> None:
    page = pages["sweep"]
    assert {"map", "failures"} <= {attributes.get("data-figure") for _, attributes in page.elements}
    means = page.table("Welfare per round, in")[2:]
    # Squares of 0 to 11, three to a point; the last run failed.
    assert means == [["budget", "1.667", "16.67"], [EVIL, "49.67", "90.5"]]
    rows = page.table("Welfare per round against share")[1:]
    expected = {("budget", "0.5", "15", "3", "0"), (EVIL, "0.5", "48", "2", "1")}
    assert {(row[0], row[1], row[2], row[6], row[7]) for row in rows} == expected
    assert page.table("What went wrong")[1] == ["ValueError: no", "raised", "1"]


def test_a_page_is_written_from_python_as_by_the_command_whose_document_says_what_is_on_it(
    marketgame: Call, tmp_path: Path
) -> None:
    by_command = marketgame("report", CERTIFICATE, "--out", "by-command.html", "--json")
    made = face.report(CERTIFICATE, tmp_path / "from-python.html")
    assert made.file.read_bytes() == (tmp_path / "by-command.html").read_bytes()
    assert made.size == len(made.file.read_bytes())
    document = json.loads(by_command.out)
    assert document == made.document | {"file": "by-command.html"}
    read = Read(made.file.read_text(encoding="utf-8"))
    headings = [section["heading"] for section in document["sections"]]
    assert [text for text in read.text_of("h2") if text in headings] == headings
    assert str(made) == str(made.file)
    shown = Read(made._repr_html_())
    assert shown.text_of("li") == headings
    with pytest.raises(face.InputError, match="nothing is not a folder"):
        face.report(tmp_path / "nothing")


def test_the_page_of_a_sweep_that_was_loaded_is_written_beside_its_folder(sweep: Run) -> None:
    made = face.report(sweep)
    assert made.file == sweep.folder.with_name("sweep-report.html")
    assert made.page.title == EVIL
    assert "<script" not in made._repr_html_()


def test_a_certificate_is_told_in_words_with_what_its_replay_says(pages: dict[str, Read], marketgame: Call) -> None:
    page, replay = pages["certificate"], marketgame("replay", CERTIFICATE, "--json")
    document = json.loads(replay.out)
    assert any(text.startswith("Confirmed") for text in page.text_of("p"))
    (coalition,) = document["coalition"]
    (told,) = (text for text in page.text_of("p") if text.startswith(f"{coalition} expects"))
    numbers = document["players"][coalition]
    for number in (numbers["obtained"], numbers["promised"], numbers["gain"]):
        assert f"{number['recomputed']:.6g}" in told


def test_the_same_folder_gives_the_same_bytes_and_what_was_written_may_be_written_again(
    marketgame: Call, tmp_path: Path
) -> None:
    file = tmp_path / "home" / "page.html"
    assert marketgame("report", CERTIFICATE, "--out", file).code == 0
    before = file.read_bytes()
    assert marketgame("report", CERTIFICATE, "--out", file).code == 0
    assert file.read_bytes() == before
    file.write_bytes(before.replace(b"Confirmed", b"Confirmes"))
    assert_one_line(marketgame("report", CERTIFICATE, "--out", file), "--out", file, "changed since")
    assert b"Confirmes" in file.read_bytes()


@pytest.mark.parametrize("content", [b"", b"mine", b"\xff\xfe\n", b"<html></html>\n"])
def test_nothing_that_somebody_else_wrote_is_replaced(content: bytes, marketgame: Call, tmp_path: Path) -> None:
    file = tmp_path / "mine.html"
    file.write_bytes(content)
    assert_one_line(marketgame("report", CERTIFICATE, "--out", file), file, "was not written by marketgame")
    assert file.read_bytes() == content
    link = tmp_path / "link.html"
    link.symlink_to(file)
    assert_one_line(marketgame("report", CERTIFICATE, "--out", link), "symbolic link")
    assert_one_line(marketgame("report", CERTIFICATE, "--out", tmp_path), "is a folder")
    assert file.read_bytes() == content


def test_what_holds_no_result_is_refused_in_one_line(marketgame: Call, tmp_path: Path) -> None:
    assert_one_line(marketgame("report", tmp_path / "nothing"), tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    assert_one_line(marketgame("report", tmp_path / "empty"), "manifest.json")
    (tmp_path / "bad.json").write_text("{}")
    assert_one_line(marketgame("report", tmp_path / "bad.json"), "bad.json")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bad.json", "empty"]


@pytest.fixture(scope="module")
def opened(text: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The page in a browser."""
    playwright = pytest.importorskip("playwright.sync_api")
    file = tmp_path_factory.mktemp("opened") / "page.html"
    file.write_text(text, encoding="utf-8")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.goto(file.as_uri())
        yield page
        assert wrong == []
        browser.close()


def test_a_table_is_sorted_by_the_keyboard_both_ways(opened: Opened) -> None:
    table = opened.locator("table", has_text="Players, mean per round")
    column = table.locator("thead th", has_text="promised")
    column.locator("button").focus()
    for direction, expected in (("ascending", ["10", "11", "12"]), ("descending", ["12", "11", "10"])):
        opened.keyboard.press("Enter")
        assert column.get_attribute("aria-sort") == direction
        assert table.locator("tbody tr td:nth-child(4)").all_inner_texts() == expected


def test_the_slider_shows_who_is_bankrupt_in_the_round_it_stands_at(opened: Opened) -> None:
    opened.locator(".rounds input").focus()
    opened.keyboard.press("Home")
    told = opened.locator(".telling")
    assert "Round 0:" in told.inner_text()
    assert "Nobody is bankrupt" in told.inner_text()
    assert opened.locator(".ring polygon").count() == 0
    opened.keyboard.press("ArrowRight")
    assert "Bankrupt: bob (budget)" in told.inner_text()
    assert opened.locator(".ring polygon").count() == 1
    opened.locator("[data-telling]").press("Enter")
    assert "Round 3:" in told.inner_text()
    assert opened.locator(".ring [data-player]").count() == 3
