"""Twenty kills at random moments and disks that fill up anywhere leave the tables of a sweep as they would have been.

One kill of each kind, and one full disk, are among the tests; this is the same at length.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import kill_evidence
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.sweep import buffering, run_sweep, storage
from marketgame.experiments.sweep.file import load_sweep
from marketgame.simulation.run import simulate_abreast
from tests.experiments import faulty_runs
from tests.experiments.sweep_cases import SMALL, assert_same


@pytest.fixture(scope="module")
def killable(tmp_path_factory: pytest.TempPathFactory) -> kill_evidence.Undisturbed:
    """A sweep that takes long enough to be killed twenty times, run to its end."""
    return kill_evidence.undisturbed(tmp_path_factory.mktemp("killable"))


def test_what_is_killed_plays_seeds_side_by_side_and_one_by_one(killable: kill_evidence.Undisturbed) -> None:
    points = load_sweep(killable.file).points
    assert {simulate_abreast(point.scenario, [0, 1]) is None for point in points} == {False, True}


@pytest.mark.parametrize("subject", kill_evidence.SUBJECTS)
def test_twenty_kills_at_random_moments_change_nothing(subject: str, killable: kill_evidence.Undisturbed) -> None:
    assert kill_evidence.tables_stay_the_same(subject, killable)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sweep, not disturbed."""
    return run_sweep(SMALL, tmp_path_factory.mktemp("small"), 1, simulate=faulty_runs.quick).folder


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Make writing beyond a size fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("most_parts", [2, 64])
@pytest.mark.parametrize("limit", [100, 3_000, 6_000, 7_000, 8_000, 9_000])
def test_a_disk_that_is_full_anywhere_is_named_and_the_sweep_goes_on_when_there_is_room(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, most_parts: int
) -> None:
    monkeypatch.setattr(buffering, "LEAST_SECONDS_AT_RISK", 0.0)
    monkeypatch.setattr(storage, "MOST_PARTS", most_parts)
    with files_no_larger_than(limit), pytest.raises(InputError, match=r"File too large.*run the same sweep again"):
        run_sweep(SMALL, tmp_path, 1, simulate=faulty_runs.quick)
    run_sweep(SMALL, tmp_path, 1, simulate=faulty_runs.quick)
    assert_same(small, tmp_path)
