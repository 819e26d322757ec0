"""How many rounds a second the dashboard shows of ten traders, also while it solves; and its picture for the guide.

``python -m benchmarks.dashboard [FOLDER]`` opens the page in Chromium without a window, plays, and prints rounds a
second at the two fastest speeds, alone and beside ``certify``, and how long a click takes to be answered meanwhile;
with a folder, it leaves ``dashboard.png`` there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

TEN = "example:scenario/ten-traders-short-sellers"
CARTEL = "example:scenario/annex-b-organised"
ROUNDS, SECONDS = 100_000, 5.0


def main() -> None:
    """Measure, and take the picture."""
    command = [sys.executable, "-m", "marketgame", "app", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as started:
        address = re.search(r"http://\S+", server.stdout.readline() if server.stdout else "")
        if address is None:
            raise SystemExit("the dashboard does not start")
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900}, device_scale_factor=1.25)
        opened(page, f"{address[0]}#{TEN}")
        page.locator("[data-section=run] summary").click()
        field = page.locator("[id=f-rounds]")
        field.fill(str(ROUNDS))
        field.press("Enter")
        expect(page.locator("#round-said")).to_have_text(f"round 1 of {ROUNDS}", timeout=60_000)
        print(f"load of the machine: {os.getloadavg()[0]:.1f}")
        print(f"ten traders, alone: {speeds(page)}")
        page.locator("[data-work=certify]").click()
        page.wait_for_timeout(1000)
        print(f"ten traders, beside certify: {speeds(page)}")
        began = time.perf_counter()
        page.locator("#network .ring").first.click()
        expect(page.locator("#everybody")).to_be_visible()
        print(f"a click on a trader meanwhile is answered after {1000 * (time.perf_counter() - began):.0f} ms")
        page.locator("#stop-work").click()
        if len(sys.argv) > 1:
            picture(page, address[0], Path(sys.argv[1]) / "dashboard.png")
        browser.close()
        server.terminate()
        server.communicate()


def opened(page: Page, address: str) -> None:
    """Open a scenario in the page."""
    page.goto("about:blank")
    page.goto(address)
    expect(page.locator("#cards")).to_have_attribute("data-run", re.compile("."), timeout=60_000)


def speeds(page: Page) -> str:
    """Return rounds a second at the two fastest speeds: one drawn at a time, and as fast as it goes."""
    found = []
    for speed in (5, 6):
        page.locator("#speed").fill(str(speed))
        first, began = shown(page), time.perf_counter()
        page.locator("#play").click()
        page.wait_for_timeout(1000 * SECONDS)
        page.locator("#play").click()
        found.append((shown(page) - first) / (time.perf_counter() - began))
    return f"{found[0]:.0f} rounds a second, each drawn (50 asked for); {found[1]:.0f} as fast as it goes"


def shown(page: Any) -> int:
    """Return which round is shown."""
    return int(page.locator("#round-said").inner_text().split()[1])


def picture(page: Page, address: str, file: Path) -> None:
    """Save what the page shows after some rounds of a cartel."""
    opened(page, f"{address}#{CARTEL}")
    page.locator("#speed").fill("6")
    page.locator("#play").click()
    expect(page.locator("#round-said")).to_have_text(re.compile("^round 60 of"), timeout=120_000)
    page.locator("#status").evaluate("status => { status.textContent = '' }")
    page.screenshot(path=file)


if __name__ == "__main__":
    main()
