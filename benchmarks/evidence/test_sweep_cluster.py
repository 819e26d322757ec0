"""Workers of a Dask cluster that are killed while a sweep runs on them change none of its tables."""

from __future__ import annotations

import gc
import os
import signal
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import distributed
import pytest

from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.sweep import Watcher, on_cluster, run_sweep
from marketgame.experiments.sweep.progress import Progress
from tests.experiments import faulty_runs
from tests.experiments.sweep_cases import LONG, SMALL, assert_same

# Dask leaves sockets and event loops to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    """A cluster whose two workers are processes, started again when they die."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(  # type: ignore[no-untyped-call]  # distributed annotates few of its functions.
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as found:
            yield found
        gc.collect()


class Killing:
    """Kills one worker of a cluster when a sweep has come so far."""

    def __init__(self, cluster: distributed.LocalCluster) -> None:
        self.cluster, self.moments = cluster, [20, 80, 140]

    def __call__(self, progress: Progress) -> None:
        if self.moments and progress.done >= self.moments[0]:
            worker = self.cluster.workers[self.moments[0] // 20 % 2]
            if worker.pid is not None:
                os.kill(worker.pid, signal.SIGKILL)
                del self.moments[0]


def test_killing_the_workers_of_a_cluster_changes_nothing(cluster: distributed.LocalCluster, tmp_path: Path) -> None:
    killing = Killing(cluster)
    with on_cluster(cluster.scheduler_address) as workers:
        outcome = run_sweep(
            LONG,
            tmp_path / "cluster",
            nullcontext(workers),
            simulate=faulty_runs.slow,
            watcher=Watcher(on_progress=killing),
        )
    assert (killing.moments, outcome.done) == ([], 200)
    run_sweep(LONG, tmp_path / "here", 1, simulate=faulty_runs.slow)
    assert_same(tmp_path / "cluster", tmp_path / "here")


def test_an_address_where_nobody_answers_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketgame.experiments.sweep.executors.SECONDS_TO_REACH_A_CLUSTER", 0.2)
    with pytest.raises(InputError, match=r"--cluster is 'tcp://127.0.0.1:9', where no Dask scheduler answers"):
        run_sweep(SMALL, tmp_path, on_cluster("tcp://127.0.0.1:9"), simulate=faulty_runs.quick)
