"""What the documentation shows of sweeps is what sweeps give."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot

from marketgame import results
from marketgame.experiments.studies import sweep_pages, sweep_pictures
from marketgame.experiments.studies.learning.__main__ import EXPERIMENTS
from marketgame.experiments.sweep import on_this_machine, run_sweep
from marketgame.experiments.sweep.file import read_sweep

ROOT = Path(__file__).parents[3]
PAGE = sweep_pages.PAGE.read_text(encoding="utf-8")
SCRIPTS = {
    page: script
    for page in ("docs/sweeps.md",)
    for script in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    if "marketgame.sweep(" in script
}


@pytest.mark.parametrize("page", SCRIPTS)
def test_the_script_that_plots_welfare_against_misreporters_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = SCRIPTS[page]
    assert len([line for line in script.splitlines() if line]) <= 15
    smaller = script.replace("seeds=60", 'seeds=2, settings={"rounds": 2}')
    assert smaller != script
    monkeypatch.chdir(ROOT)
    with mpl.rc_context({"backend": "agg"}):
        exec(compile(smaller.replace("results/runs", str(tmp_path)), page, "exec"), {})
        pyplot.close("all")
    assert len(results.load(tmp_path / "liars").runs) == 14
    assert (tmp_path / "liars.png").stat().st_size > 10_000


def test_the_page_shows_the_script() -> None:
    assert set(SCRIPTS) == {"docs/sweeps.md"}


def test_every_published_sweep_has_its_table_and_its_command_in_the_page() -> None:
    of_experiments = {name for each in EXPERIMENTS.values() for name in each.sweeps}
    assert {path.stem for path in sweep_pages.SWEEPS.glob("*.toml")} == set(sweep_pages.TABLES) | of_experiments
    for name in sweep_pages.TABLES:
        command = f"python -m marketgame.experiments.studies.sweep_pages {name}\n```\n\n<!-- table {name} -->\n\n|"
        assert command in PAGE, f"the page lacks {command}"


@pytest.fixture(scope="module")
def small_sweeps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two published sweeps at few seeds and rounds."""
    folders = {}
    with on_this_machine(1) as workers:
        for name in ("share-of-misreporters", "severance-in-example-2"):
            stated = read_sweep(sweep_pages.SWEEPS / f"{name}.toml")
            few = replace(stated, settings={"rounds": 2}, seeds=2)
            folders[name] = run_sweep(few, tmp_path_factory.mktemp(name), nullcontext(workers)).folder
    return folders


def test_tables_have_the_columns_and_the_rows_that_the_page_shows(small_sweeps: dict[str, Path]) -> None:
    for name, folder in small_sweeps.items():
        assert_shown(name, folder)


def assert_shown(name: str, folder: Path) -> None:
    """Check that the page shows a table with the same headings and points."""
    table = sweep_pages.table_of(name, folder).splitlines()
    shown = PAGE.partition(f"<!-- table {name} -->\n\n")[2].partition("\n\n<!-- end -->")[0].splitlines()
    assert table[:2] == shown[:2]
    assert [row.split("|")[1] for row in table] == [row.split("|")[1] for row in shown]


def test_the_picture_of_misreporters_shows_the_means_of_the_sweep(small_sweeps: dict[str, Path]) -> None:
    sweep = results.load(small_sweeps["share-of-misreporters"])
    above, below = sweep_pictures.welfare_by_misreporters(sweep).axes
    means = sweep.runs.groupby(sweep_pages.MISREPORTERS)["mean_welfare"].mean()
    assert above.lines[1].get_ydata() == pytest.approx(means.to_numpy())
    liars, others = (np.asarray(line.get_ydata(), float) for line in below.lines[1:3])
    # Liars and others together lose what welfare does: at share k/6, k of the ten traders lie.
    lost = [k * liars[k - 1] + (10 - k) * others[k] for k in range(1, 7)]
    assert lost == pytest.approx((means - means.iloc[0]).to_numpy()[1:], abs=1e-9)


def test_a_table_goes_where_its_name_stands() -> None:
    text = "a\n<!-- table x -->\nold\n<!-- end -->\nb\n<!-- table y -->\n<!-- end -->\n"
    assert sweep_pages.put_in_page(text, "x", "|new|") == text.replace("old", "\n|new|\n")
    with pytest.raises(ValueError, match="no place for the table 'z'"):
        sweep_pages.put_in_page(text, "z", "|new|")
