"""The folder of a run, written from its tables alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from marketgame.simulation.recording.table_files import TableFiles


def write_run(folder: Path, tables: Mapping[str, pa.Table], manifest: Mapping[str, object]) -> None:
    """Write the tables of a run, and what its manifest is to say."""
    with TableFiles(folder) as files:
        files.append(tables)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
