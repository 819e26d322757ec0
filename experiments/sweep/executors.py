"""Where runs are played: processes on this machine, or an existing cluster."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.sweep.isolation import end_runners, threads_with_runners

SECONDS_TO_REACH_A_CLUSTER = 10


@dataclass(frozen=True)
class Workers:
    """Somewhere to play runs.

    Attributes:
        executor: takes chunks of runs.
        count: how many it plays at a time.
    """

    executor: Executor
    count: int


@contextmanager
def on_this_machine(count: int | None = None) -> Iterator[Workers]:
    """Provide processes on this machine.

    Raises:
        InputError: the count is not positive.
    """
    wanted = len(os.sched_getaffinity(0)) if count is None else count
    if wanted < 1:
        raise InputError(f"workers is {wanted}; it must be at least 1")
    threads: list[threading.Thread] = []
    # Each thread waits for the process in which its runs are played.
    executor = ThreadPoolExecutor(
        wanted, thread_name_prefix="sweep", initializer=lambda: threads.append(threading.current_thread())
    )
    try:
        yield Workers(executor, wanted)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        end_runners(threads)
        executor.shutdown()


@contextmanager
def on_cluster(address: str) -> Iterator[Workers]:
    """Provide the workers of an existing Dask cluster; each of its threads keeps one process for runs.

    Whoever can reach a scheduler's port can run any code on its workers, and what workers send back is unpickled here:
    name only clusters whose ports none but trusted users can reach (docs/sweeps.md).

    Raises:
        InputError: Dask is not installed, nobody answers at the address, or the cluster has no workers.
    """
    try:
        # An extra that sweeps on one machine do without.
        distributed = import_module("distributed")
    except ImportError:
        raise InputError("--cluster needs Dask: install marketgame with its extra `cluster`") from None
    try:
        client = distributed.Client(address, timeout=SECONDS_TO_REACH_A_CLUSTER, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"--cluster is {address!r}, where no Dask scheduler answers: {error}") from None
    try:
        count = sum(client.nthreads().values())
        if count == 0:
            raise InputError(f"--cluster is {address!r}, whose scheduler has no workers")
        executor = client.get_executor(pure=False)
        try:
            yield Workers(executor, count)
        finally:
            executor.shutdown(wait=False)
    finally:
        client.close()


@contextmanager
def on_executor(executor: Executor, count: int) -> Iterator[Workers]:
    """Provide an executor of your own; it stays open."""
    before = threads_with_runners()
    try:
        yield Workers(executor, count)
    finally:
        end_runners(threads_with_runners() - before)
