"""Made-up runs for every test of what reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from marketgame import results
from marketgame.results.loading import Run
from tests.results.made_up_runs import Play, write_folder


@pytest.fixture
def played(tmp_path: Path) -> Callable[..., Run]:
    """Return a function that writes a run folder with the features asked for, and loads it."""

    def write_and_load(**features: Any) -> Run:
        return results.load(write_folder(tmp_path / "run", Play(**features)))

    return write_and_load


@pytest.fixture
def failures_expected() -> None:
    """Say of a test that figures may fail in it."""


@pytest.fixture(autouse=True)
def no_figure_fails_in_silence(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let no figure of ours be left out with a warning, which users want and tests do not."""
    yield
    if "failures_expected" not in request.fixturenames:
        assert [message for message in caplog.messages if "is left out" in message] == []
