"""The dashboard in a browser: it loads, plays, changes, says what is wrong, by keyboard alone and on a phone."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from marketgame.experiments.play.running import run
from tests.results.made_up_runs import Play, write_folder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: pip install marketgame[dev]"
)
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium: apt-get install chromium, or set CHROMIUM"
)
expect = playwright.expect
# However busy the machine is.
PATIENCE = 60_000
SHORT = "example:scenario/three-traders-short-seller"
MANY = [f"trader {number}" for number in range(120)]
TEN = "example:scenario/ten-traders-short-sellers"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return where the page of this module is served, by the command, in a folder with a saved run."""
    folder = tmp_path_factory.mktemp("dashboard")
    run(SHORT, rounds=3, figures="none", benchmark_seconds=0, out=folder / "saved-run")
    write_folder(folder / "many", Play(MANY, 2, bankrupt={1: MANY[:40]}, trades=False))
    # Names of files that are no text, and what is no file.
    (folder / os.fsdecode(b"\xff.toml")).write_text('kind = "scenario"\n', encoding="utf-8")
    os.mkfifo(folder / "pipe.toml")
    words = [sys.executable, "-m", "marketgame", "app", "--port", "0", "--no-browser"]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
        assert found is not None
        yield found[0]
        # As when its terminal is closed: it ends in order, and with it whatever it has begun.
        server.send_signal(signal.SIGHUP)
        server.communicate()
    assert server.returncode == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as started:
        # Containers forbid browsers the sandbox that they would make.
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shared(browser: Browser, address: str) -> Page:
    """Return the page that the tests share: each opens what it needs."""
    return loaded(browser, address)


@pytest.fixture
def page(shared: Page) -> Iterator[Page]:
    """Return the page, wide; whatever goes wrong in it fails the test."""
    wrong: list[str] = []
    shared.on("pageerror", lambda error: wrong.append(str(error)))
    shared.set_viewport_size({"width": 1280, "height": 900})
    yield shared
    assert wrong == []


def loaded(browser: Browser, address: str) -> Page:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}#{SHORT}")
    expect(page.locator("#cards")).to_have_attribute("data-run", re.compile("."), timeout=PATIENCE)
    # However slow the tests are, no run ends while it is looked at.
    page.locator("#speed").fill("0")
    return page


def opened(page: Page, source: str) -> None:
    before = page.locator("#cards").get_attribute("data-run") or ""
    page.locator("#path").fill(source)
    page.locator("#open").click()
    expect(page.locator("#cards")).not_to_have_attribute("data-run", before, timeout=PATIENCE)
    expect(page.locator("#round-said")).to_have_text(re.compile("^round 1 of"))


def round_shown(page: Page) -> int:
    return int(page.locator("#round-said").inner_text().split()[1])


def assert_plays(page: Page, patience: int = PATIENCE) -> None:
    """Check that the button plays and, pressed again, pauses."""
    before = round_shown(page)
    page.locator("#play").click()
    expect(page.locator("#round-said")).not_to_have_text(re.compile(f"^round {before} of"), timeout=patience)
    expect(page.locator("#play")).to_have_text("Pause")
    page.locator("#play").click()
    expect(page.locator("#play")).to_have_text("Play")


def test_a_scenario_is_played_paused_stepped_and_reset(page: Page) -> None:
    opened(page, TEN)
    expect(page.locator("#network g[role=button]")).to_have_count(10)
    assert_plays(page)
    paused = round_shown(page)
    page.locator("#step").click()
    expect(page.locator("#round-said")).to_have_text(f"round {paused + 1} of 20", timeout=PATIENCE)
    page.locator("#reset").click()
    expect(page.locator("#round-said")).to_have_text("round 1 of 20", timeout=PATIENCE)


def test_a_button_that_does_nothing_does_not_pass_for_one_that_plays(browser: Browser, address: str) -> None:
    dead = browser.new_context()
    working = "(page.playing ? pause() : start())"

    def without(route: Route) -> None:
        answer = route.fetch()
        assert working in answer.text()
        route.fulfill(response=answer, body=answer.text().replace(working, "undefined"))

    dead.route("**/static/app.js", without)
    page = dead.new_page()
    page.goto(f"{address}#{SHORT}")
    expect(page.locator("#round-said")).to_have_text(re.compile("^round 1 of"), timeout=PATIENCE)
    with pytest.raises(AssertionError, match="round 1 of"):
        assert_plays(page, 300)
    dead.close()


def test_a_rule_that_is_changed_changes_what_is_played(page: Page) -> None:
    opened(page, SHORT)
    expect(page.locator("#network .lead")).to_contain_text("nobody bankrupt")
    page.locator("[id='f-rules.solvency']").select_option("no-short-sales")
    expect(page.locator("#network .lead")).to_contain_text("of 3 bankrupt", timeout=PATIENCE)
    expect(page.locator("#events li").first).to_contain_text("is bankrupt")
    page.locator("[aria-label='Remove behaviour 1']").click()
    expect(page.locator("#network .lead")).to_contain_text("nobody bankrupt", timeout=PATIENCE)


def test_a_trader_that_is_told_to_behave_otherwise_does(page: Page) -> None:
    opened(page, SHORT)
    page.locator("#network .ring").first.click()
    page.locator("#instead").select_option("mispricing")
    expect(page.locator("#quotes .lead")).to_contain_text("1 of 3 quote wheat off", timeout=PATIENCE)
    expect(page.locator("#instead")).to_have_value("mispricing")
    expect(page.locator("#form fieldset legend")).to_have_text(["short-selling", "mispricing"])
    page.locator("#everybody").click()


def test_bad_input_is_a_message_at_its_field_and_what_was_played_stays(page: Page) -> None:
    opened(page, SHORT)
    page.locator("#step").click()
    expect(page.locator("#round-said")).to_have_text(re.compile("^round 2 of"), timeout=PATIENCE)
    page.locator("[data-section=run] summary").click()
    field = page.locator(".field[data-path=rounds]")
    field.locator("input").fill("many")
    field.locator("input").press("Enter")
    expect(field.locator(".problem")).to_have_text("rounds is 'many'; it must be a whole number", timeout=PATIENCE)
    expect(field.locator("input")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#round-said")).to_have_text(re.compile("^round 2 of"))
    field.locator("input").fill("7")
    field.locator("input").press("Enter")
    expect(page.locator("#round-said")).to_have_text("round 1 of 7", timeout=PATIENCE)
    expect(field.locator(".problem")).to_be_hidden()


def test_what_is_wrong_with_an_organiser_is_said_at_its_own_table(page: Page) -> None:
    opened(page, SHORT)
    page.locator("[data-section=organisers] summary").click()
    page.locator("[id=f-organisers-add]").click()
    table = page.locator("fieldset[data-path='organisers[0]']")
    for key, value in (("smallest", "3"), ("largest", "2")):
        table.locator(f"[id='f-organisers[0].{key}']").fill(value)
    page.keyboard.press("Enter")
    expect(table.locator("> .problem")).to_contain_text("largest", timeout=PATIENCE)
    table.locator("button", has_text="Remove").click()
    expect(page.locator(".problem:visible")).to_have_count(0, timeout=PATIENCE)


def test_of_many_traders_each_is_reached_and_what_they_get_on_balance_stands_for_arrows(page: Page) -> None:
    page.locator("#path").fill("many")
    page.locator("#open").click()
    expect(page.locator("#round-said")).to_have_text("round 1 of 2", timeout=PATIENCE)
    expect(page.locator("#network")).to_contain_text("gets goods")
    page.locator("#step").click()
    expect(page.locator("#round-said")).to_have_text("round 2 of 2", timeout=PATIENCE)
    page.locator("#holdings").scroll_into_view_if_needed()
    expect(page.locator("#holdings output")).to_have_text("1 to 24 of 120")
    page.locator("#holdings [aria-label='Traders after these']").click()
    for card in ("holdings", "bankruptcies"):
        page.locator(f"#{card}").scroll_into_view_if_needed()
        expect(page.locator(f"#{card} svg")).to_contain_text("trader 24")
    # Of those that failed in round 2 the first forty, sixteen stand here.
    expect(page.locator("#bankruptcies title", has_text="round 2: budget")).to_have_count(16)
    find = page.locator("#trader [aria-label='Find a trader']")
    find.fill("trader 119")
    find.press("Enter")
    expect(page.locator("#trader h2")).to_have_text("trader 119")
    expect(page.locator("#holdings output")).to_have_text("97 to 120 of 120")
    page.locator("#everybody").click()
    expect(page.locator("#trader tbody tr")).to_have_count(24)


def test_long_work_is_stopped_and_play_goes_on_beside_it(page: Page) -> None:
    opened(page, TEN)
    # Under this rule the answer takes a quarter of a minute where nothing else is computed.
    before = page.locator("#cards").get_attribute("data-run") or ""
    page.locator("[id='f-rules.solvency']").select_option("no-short-sales")
    expect(page.locator("#cards")).not_to_have_attribute("data-run", before, timeout=PATIENCE)
    page.locator("[data-work=certify]").click()
    expect(page.locator("#work-state")).to_contain_text("certify, for", timeout=PATIENCE)
    assert_plays(page)
    expect(page.locator("#work-state")).to_contain_text("certify, for")
    page.locator("#stop-work").click()
    expect(page.locator("#work-state")).to_contain_text("stopped after", timeout=PATIENCE)
    expect(page.locator("#stop-work")).to_be_hidden()


def test_work_that_is_done_shows_its_answer(page: Page) -> None:
    opened(page, SHORT)
    page.locator("[data-work=solve]").click()
    expect(page.locator("#work-text")).to_contain_text("Welfare", timeout=PATIENCE)
    expect(page.locator("#welfare svg")).to_contain_text("incentive-efficient")


def test_a_saved_run_is_replayed_without_being_simulated(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or ""))
    page.locator("#path").fill("saved-run")
    page.locator("#open").click()
    expect(page.locator("#round-said")).to_have_text("round 1 of 3", timeout=PATIENCE)
    expect(page.locator("#status")).to_contain_text("nothing is simulated")
    page.locator("#speed").fill("6")
    page.locator("#play").click()
    expect(page.locator("#round-said")).to_have_text("round 3 of 3", timeout=PATIENCE)
    page.locator("#speed").fill("0")
    assert not any('"do":"step"' in each or '"do":"begin"' in each for each in asked)
    assert any('"do":"frames"' in each for each in asked)


def test_the_picture_and_the_scenario_are_saved(page: Page) -> None:
    opened(page, SHORT)
    with page.expect_download() as started:
        page.locator("#export-scenario").click()
    assert tomllib.loads(Path(started.value.path()).read_text(encoding="utf-8"))["economy"].startswith("example:")
    with page.expect_download() as started:
        page.locator("#network [aria-label='Save this picture as SVG']").click()
    picture = Path(started.value.path()).read_text(encoding="utf-8")
    assert all(name in picture for name in ("ann", "bob", "cat"))
    assert started.value.suggested_filename == "network-round-1.svg"


def test_a_narrow_screen_shows_everything_without_scrolling_sideways(page: Page) -> None:
    opened(page, TEN)
    page.set_viewport_size({"width": 375, "height": 720})
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    for card in ("network", "welfare", "quotes", "holdings", "bankruptcies"):
        box = page.locator(f"#{card} svg").bounding_box()
        assert box is not None
        assert (box["x"] >= 0, box["x"] + box["width"] <= 375) == (True, True)
    assert_plays(page)


def test_the_keyboard_alone_plays_and_asks_a_trader(page: Page) -> None:
    opened(page, SHORT)
    page.locator("#choice").focus()
    reach(page, "#play")
    page.keyboard.press("Enter")
    expect(page.locator("#round-said")).not_to_have_text(re.compile("^round 1 of"), timeout=PATIENCE)
    page.keyboard.press("Space")
    expect(page.locator("#play")).to_have_text("Play")
    reach(page, "#network g[role=button]")
    page.keyboard.press("Enter")
    expect(page.locator("#trader h2")).to_have_text("ann")
    expect(page.locator("#trader")).to_contain_text("It reported, and was told", timeout=PATIENCE)
    assert page.evaluate("document.activeElement.id") == "everybody"
    page.keyboard.press("Enter")
    expect(page.locator("#trader h2")).to_have_text("Traders")


def reach(page: Page, selector: str) -> None:
    """Press the tabulator until something has the focus."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Content-Type": "text/plain"},
    ],
    ids=lambda headers: "-".join(*headers.items()),
)
def test_whoever_is_not_the_page_is_refused(address: str, headers: dict[str, str]) -> None:
    assert answered(address, {}) == 200
    assert answered(address, headers) == 403


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/play", "[]"),
        ("/api/play", '{"session": 1, "do": "open"}'),
        ("/api/play", "[" * 100_000),
        ("/api/searching", "{}"),
        ("/api/beside", '{"session": "s", "kind": "rm", "path": "x", "tables": {}}'),
        ("/api/beside/state", '{"work": ["x"]}'),
    ],
)
def test_what_makes_no_sense_is_refused_and_costs_nothing(address: str, path: str, body: str) -> None:
    assert answered(address, {}, path, body) == 400


def answered(
    address: str, headers: dict[str, str], path: str = "/api/searching", body: str = '{"session": "nobody"}'
) -> int:
    connection = http.client.HTTPConnection(address.split("/")[2], timeout=60)
    asked = {"Content-Type": "application/json"} | headers
    connection.request("POST", path, body, asked)
    status = connection.getresponse().status
    connection.close()
    return status


def test_nobody_is_served_at_another_address_of_this_machine(address: str) -> None:
    port = int(address.split(":")[2].strip("/"))
    # Any address of 127.0.0.0/8 is this machine; a server that listens everywhere would answer.
    with socket.socket() as elsewhere:
        assert elsewhere.connect_ex(("127.0.0.2", port)) != 0
