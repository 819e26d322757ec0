"""The experiments of one page, some rows of each table computed again: they are what the page is made of."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import pandas as pd
import pytest

from marketgame import results
from marketgame.experiments.studies import price_revelation, replicated_incentives
from marketgame.experiments.studies.institutions.families import Family
from marketgame.experiments.studies.learning import network_collusion
from marketgame.experiments.studies.learning.__main__ import EXPERIMENTS
from marketgame.experiments.studies.sweep_pages import SWEEPS
from marketgame.experiments.sweep import Values, on_this_machine, run_sweep
from marketgame.experiments.sweep.file import load_sweep, read_sweep
from marketgame.results.loading import Run
from tests.experiments.studies.test_learning_experiments import saved

# Of which axes which values are played, all of the others, with all seeds and rounds, so that rows are those saved.
REPLAYED: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "learning-the-short-sale": {"traders": (3,), "rules": (0,)},
    "learning-to-lie-together": {"contract.transfers": (0,), "traders": (0, 1)},
    "learning-with-prices-first": {"traders": (2,)},
    "arbitrageurs-enter": {"traders.share.arbitraging": (0, 9)},
    "estimated-stakes": {"contract.severance.seller.L": (0, 6)},
    # All pairs linked, all networks are one.
    "network-collusion": {"contract.transfers": (0,), "network.probability": (4,), "network.seed": (0,)},
}
# What counts networks, or is over them, that were not played again.
OVER_NETWORKS = ("networks", *(f"{name}_{end}" for name in network_collusion.MEASURES for end in ("low", "high")))


def replayed(name: str, folder: Path) -> Run:
    """Return a sweep played at a few of its points."""
    file = SWEEPS / f"{name}.toml"
    stated = read_sweep(file)
    axes = dict(stated.axes)
    values: list[object]
    for axis, kept in REPLAYED[name].items():
        match axes[axis]:
            case Values(listed):
                values = list(listed)
            case _:
                values = [*sorted({cast("float", each.parameters[axis]) for each in load_sweep(file).points})]
        axes[axis] = [values[place] for place in kept]
    with on_this_machine(1) as workers:
        return results.load(run_sweep(replace(stated, axes=axes), folder, nullcontext(workers)).folder)


@pytest.mark.parametrize("name", REPLAYED)
def test_rows_that_are_played_again_are_those_saved(name: str, tmp_path: Path) -> None:
    found = EXPERIMENTS[name].measure(partial(replayed, folder=tmp_path))
    for added, table in found.items():
        there = saved(name + added)
        assert list(table) == list(there)
        first = next(place for place, column in enumerate(there) if column in ("runs", "networks"))
        key = [str(column) for column in list(there)[:first]]
        again = table.drop(columns=list(OVER_NETWORKS)) if name == network_collusion.SWEEP else table
        assert_among(again, there, key)


def assert_among(found: pd.DataFrame, saved_table: pd.DataFrame, key: list[str]) -> None:
    """Check that rows are those of a saved table with the same key, to the ten digits that are saved."""
    # Numbers of a key are those of a file of ten digits as well.
    named = [
        frame.assign(
            **{
                name: frame[name].round(9) if frame[name].dtype.kind in "if" else frame[name].astype(str)
                for name in key
            }
        )
        for frame in (found, saved_table)
    ]
    paired = named[0][key].merge(named[1], on=key, how="left")
    pd.testing.assert_frame_equal(
        named[0].reset_index(drop=True), paired[list(found)], check_dtype=False, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("family", Family)
def test_how_often_prices_reveal_is_counted_again(family: Family) -> None:
    size, levels = (2, 1, 2), 0
    counted = price_revelation.frequencies(pd.DataFrame(price_revelation.cell(family, size, levels)))
    assert_among(counted, saved(price_revelation.NAME), [*price_revelation.KEY, "tick"])


def test_what_incentives_cost_is_computed_again() -> None:
    again = pd.DataFrame([row for number in (0, 1, 299) for row in replicated_incentives.cell(number)])
    assert_among(again, saved(replicated_incentives.NAME), ["economy", "copies"])
