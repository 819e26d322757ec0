"""Sweeps made up from a formula, written as a sweep writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from marketgame import results
from marketgame.results.loading import Run

UNITS = {"mean_welfare": "numeraire", "mean_first_best_welfare": "numeraire", "mean_autarky_welfare": "numeraire"}


def write_sweep(
    folder: Path,
    points: Mapping[str, Sequence[object]],
    seeds: Sequence[int],
    welfare: np.ndarray,
    failed: np.ndarray | None = None,
    design: Mapping[str, object] | None = None,
) -> Run:
    """Write and load a sweep whose runs have the given welfare, ``(points, seeds)``.

    Args:
        folder: where to.
        points: the values of each parameter, one for each point.
        seeds: of the runs of every point.
        welfare: of each run.
        failed: which runs failed.
        design: what the manifest says of the sweep.
    """
    count = len(welfare)
    failed = np.zeros(welfare.shape, bool) if failed is None else failed
    frame = pd.DataFrame({"point": np.repeat(np.arange(count), len(seeds))})
    frame.insert(0, "run", np.arange(welfare.size))
    for name, values in points.items():
        frame[name] = np.repeat(np.array(values, dtype=object), len(seeds))
        frame[name] = frame[name].infer_objects()
    frame["seed"] = np.tile(seeds, count)
    frame["status"] = np.where(failed.ravel(), "raised", "done")
    frame["error"] = np.array(["ValueError: no" if each else None for each in failed.ravel()], dtype=object)
    frame["scenario"], frame["economy"], frame["rounds"], frame["players"] = "s", "e", 5, 3
    frame["mean_welfare"] = np.where(failed.ravel(), np.nan, welfare.ravel())
    frame["mean_first_best_welfare"] = np.where(failed.ravel(), np.nan, 10.0)
    frame["mean_autarky_welfare"] = np.where(failed.ravel(), np.nan, 5.0)
    folder.mkdir()
    _write(folder / "runs.parquet", frame)
    _write(folder / "points.parquet", frame[["point", *points]].drop_duplicates("point"))
    benchmarks = {
        "run": np.repeat(frame["run"][~failed.ravel()].to_numpy(), 2),
        "benchmark": ["first-best", "incentive-efficient"] * int((~failed).sum()),
        "profile": -1,
        "profile_types": "",
        "probability": 1.0,
        "welfare": [11.0, np.nan] * int((~failed).sum()),
    }
    _write(folder / "benchmarks.parquet", pd.DataFrame(benchmarks))
    manifest = {"kind": "sweep", "sweep": {"design": "grid"} | dict(design or {})}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return results.load(folder)


def _write(path: Path, frame: pd.DataFrame) -> None:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    fields = [field.with_metadata({"unit": UNITS.get(field.name, "number"), "meaning": "?"}) for field in table.schema]
    pq.write_table(table.cast(pa.schema(fields)), path)
