"""The sweeps of the experiments with learners, played at a few of their points: they give what the page is made of."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest

from marketgame import results
from marketgame.experiments.studies.learning import cascades
from marketgame.experiments.studies.learning.__main__ import EXPERIMENTS
from marketgame.experiments.studies.learning.experiment import Tables
from marketgame.experiments.studies.sweep_pages import SWEEPS
from marketgame.experiments.sweep import Values, on_this_machine, run_sweep
from marketgame.experiments.sweep.file import read_sweep
from marketgame.results.loading import Run
from tests.experiments.studies.test_learning_experiments import NAMES, assert_waves, saved

# Enough of each sweep to be measured and drawn: which values of which axis are played.
FEW = {
    "learning-the-short-sale": ("traders", (3, 4)),
    "learning-to-lie-together": ("contract.transfers", (0,)),
    "learning-with-prices-first": ("traders", (3,)),
    "arbitrageurs-enter": ("traders.share.arbitraging", ()),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tables]:
    """What each experiment finds at few points in very few rounds."""
    with on_this_machine(1) as workers:

        def swept(name: str) -> Run:
            stated = read_sweep(SWEEPS / f"{name}.toml")
            axis, kept = FEW[name]
            given = stated.axes[axis]
            values = [given.values[place] for place in kept] if isinstance(given, Values) else [0.0, 1.0]
            few = replace(
                stated, axes={**stated.axes, axis: values}, settings={**stated.settings, "rounds": 3}, seeds=2
            )
            return results.load(run_sweep(few, tmp_path_factory.mktemp(name), nullcontext(workers)).folder)

        return {name: each.measure(swept) for name, each in EXPERIMENTS.items()}


@pytest.mark.parametrize("name", NAMES)
def test_experiments_find_what_the_saved_tables_hold(name: str, small: dict[str, Tables]) -> None:
    for added, table in small[name].items():
        there = saved(name + added)
        assert list(table) == list(there)
        points = list(there.columns[: list(there).index("runs")])
        if "after" not in points:
            assert set(table[points].astype(str).agg(tuple, axis=1)) <= set(
                there[points].astype(str).agg(tuple, axis=1)
            )


def test_trades_that_stand_ruin_in_one_wave_where_the_sweep_is_played_again(small: dict[str, Tables]) -> None:
    assert_waves(small[cascades.SWEEP][""])
