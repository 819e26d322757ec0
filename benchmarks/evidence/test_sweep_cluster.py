"""A Dask cluster, with a real scheduler and two workers, gives the tables of one process on this machine."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import distributed
import pytest
from tests.experiments.test_sweep_runs import SHARE, SMALL, assert_same

from experiments.input_file import InputError
from experiments.sweep import on_cluster, run_sweep
from tests.experiments import faulty_runs

# Dask leaves sockets and event loops to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
TROUBLED = replace(SMALL, axes={SHARE: [0.0, 0.5]}, seconds_per_run=0.5)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The scheduler of a cluster whose two workers are processes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        )
        with cluster:
            yield cluster.scheduler_address


def test_a_cluster_writes_the_tables_of_one_machine_failures_included(address: str, tmp_path: Path) -> None:
    clustered = run_sweep(TROUBLED, tmp_path / "cluster", on_cluster(address), simulate=faulty_runs.faulty)
    assert (clustered.done, clustered.failed) == (14, 6)
    run_sweep(TROUBLED, tmp_path / "here", 1, simulate=faulty_runs.faulty)
    assert_same(tmp_path / "cluster", tmp_path / "here")


def test_an_address_where_nobody_answers_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.sweep.executors.SECONDS_TO_REACH_A_CLUSTER", 0.2)
    with pytest.raises(InputError, match=r"--cluster is 'tcp://127.0.0.1:9', where no Dask scheduler answers"):
        run_sweep(SMALL, tmp_path, on_cluster("tcp://127.0.0.1:9"), simulate=faulty_runs.quick)
