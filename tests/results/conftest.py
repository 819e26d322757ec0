"""Made-up runs for every test of what reads them."""

from __future__ import annotations

from collections.abc import Callable
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
