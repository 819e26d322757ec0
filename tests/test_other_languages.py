"""What the pages show in R and in SQL says of exported files what Python says of the same run and sweep."""

from __future__ import annotations

import csv
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from marketgame import results
from marketgame.experiments.commands.command_line import main
from marketgame.experiments.sweep import run_sweep
from marketgame.experiments.sweep.file import load_sweep
from tests.experiments import conftest as of_commands
from tests.experiments.command_calls import HOME, Call
from tests.test_readme import blocks

marketgame = of_commands.marketgame
quick_figures = of_commands.quick_figures
SHARE = "traders.share.misreporting"
SWEEP = """
kind     = "sweep"
name     = "few misreporters"
scenario = "{scenario}"
seeds    = 3
tables   = ["rounds"]

[settings]
rounds = 2

[axes]
"traders.share.misreporting" = [0.0, 1.0]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small sweep like that of the pages, exported where the pages say."""
    home = tmp_path_factory.mktemp("exported")
    file, folder = home / "few.toml", home / "misreporters"
    file.write_text(SWEEP.format(scenario=HOME / "scenarios" / "ten-traders-misreporters.toml"))
    run_sweep(load_sweep(file), folder, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["marketgame", "export", str(folder), "--csv"])
        with pytest.raises(SystemExit, match="0"):
            main()
    return home


def means_by_share(home: Path) -> list[float]:
    runs = results.load(home / "misreporters").tables["runs"]
    return [float(mean) for mean in runs.groupby(SHARE, observed=True)["mean_welfare"].mean()]


def test_the_query_says_what_python_says_of_the_same_files(home: Path) -> None:
    (query,) = blocks("sweeps.md", "sql")
    with closing(sqlite3.connect(":memory:")) as base:
        for name in ("runs", "rounds"):
            with (home / "misreporters-export" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
                heading, *rows = csv.reader(file)
            columns = ", ".join(f'"{column}"' for column in heading)
            base.execute(f"CREATE TABLE {name} ({columns})")
            base.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(heading))})", rows)
        found = base.execute(query).fetchall()
    assert [welfare for _, welfare in found] == pytest.approx(means_by_share(home), rel=1e-9)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no R on this machine")
def test_what_is_shown_in_r_says_what_python_says_of_the_same_files(
    marketgame: Call, quick_figures: None, home: Path
) -> None:
    run = home / "tutorial"
    assert marketgame("run", "example:tutorial-obedient", "--rounds", 2, "--out", run).code == 0
    assert marketgame("export", run, "--csv").code == 0
    # Every expression of the page is evaluated in its order; numbers are asked for with all their digits.
    program = "\n".join(
        [
            "options(digits = 15)",
            *blocks("spreadsheets.md", "r"),
            "cat(sapply(by_share, mean), mean(pairs$mean_welfare.y - pairs$mean_welfare.x), mean(players$utility))",
        ]
    )
    (home / "page.R").write_text(program, encoding="utf-8")
    answer = subprocess.run(
        ["Rscript", "--vanilla", "page.R"], cwd=home, capture_output=True, text=True, check=False, timeout=120
    )
    assert answer.returncode == 0, answer.stderr
    none, all_lie = means_by_share(home)
    utility = float(results.load(run).players["utility"].mean())
    told = [float(word) for word in answer.stdout.splitlines()[-1].split()]
    assert told == pytest.approx([none, all_lie, all_lie - none, utility], rel=1e-5)
