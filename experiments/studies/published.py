"""Where a study keeps what it has computed so far, so that whoever stops it loses nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from marketgame.experiments.files.sources import computing_sources, reached_sources
from marketgame.experiments.play.running import DEFAULT_RUNS
from marketgame.experiments.sweep.identity import code_digest


def checkpoint(name: str, module: str) -> Path:
    """Return the file that keeps cells already computed; another one for all other code, whose cells do not count."""
    sources = reached_sources(module, computing_sources())
    digest = hashlib.sha256(json.dumps([code_digest(), sources]).encode()).hexdigest()[:16]
    DEFAULT_RUNS.mkdir(parents=True, exist_ok=True)
    return DEFAULT_RUNS / f"{name}-{digest}.csv"
