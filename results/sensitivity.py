"""Which parameters of a sweep matter: for a measure, by Sobol' indices; for failing, by where runs fail.

Failed points are accepted. A Sobol' index compares points that differ in one parameter, so the whole comparison a
failed point belongs to is left out, and how many were is in the answer. Where points fail is itself an answer:
:func:`failures_by_parameter` says which parameters they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from marketgame.results.loading import Run

CONFIDENCE: Final = 0.95
SALTELLI: Final = "saltelli"
# The seed of SALib's bootstrap, so that the same runs always give the same intervals; to SALib zero is no seed.
_SEED: Final = 1
# Numbers are shown in this many classes of equal size.
_CLASSES: Final = 4


def sobol_indices(sweep: Run, measure: str, confidence: float = CONFIDENCE) -> pd.DataFrame:
    """Return how much of the variance of a measure each parameter explains, alone and together with others.

    Args:
        sweep: a loaded sweep with ``design = "saltelli"``.
        measure: a column of numbers of the table of runs; of each point its mean over the seeds is taken.
        confidence: probability with which the half-widths are to cover the index.

    Returns:
        One row for each parameter: ``parameter``, ``first_order`` (the share of the variance that it explains by
        itself), ``first_order_half_width``, ``total`` (with all interactions), ``total_half_width``, ``samples``
        (comparisons used) and ``left_out`` (comparisons in which a point failed).

    Raises:
        ValueError: the sweep has another design, a column is not there, fewer than two comparisons are complete, or
            the measure does not vary.
        ImportError: SALib is not installed.

    Source:
        Saltelli et al. (2010), Variance based sensitivity analysis of model output, Table 2, as SALib computes it.
    """
    design = _design(sweep)
    if design["design"] != SALTELLI:
        raise ValueError(
            f"{sweep.folder} has design {design['design']!r}; Sobol' indices need points that differ in one parameter: "
            f"run it with design = {SALTELLI!r}"
        )
    names = list(sweep.parameters)
    values = _mean_by_point(sweep, measure).reshape(design["samples"], len(names) + 2)
    complete = np.isfinite(values).all(axis=1)
    kept = values[complete]
    if len(kept) < 2:
        raise ValueError(f"in only {len(kept)} of {len(values)} comparisons no point failed; there must be at least 2")
    if np.ptp(kept) == 0:
        raise ValueError(f"{measure!r} does not vary over the sweep; there is nothing to explain")
    found = _analyse(names, kept.ravel(), confidence)
    return pd.DataFrame(
        {
            "parameter": names,
            "first_order": found["S1"],
            "first_order_half_width": found["S1_conf"],
            "total": found["ST"],
            "total_half_width": found["ST_conf"],
            "samples": len(kept),
            "left_out": int((~complete).sum()),
        }
    )


def failures_by_parameter(sweep: Run) -> pd.DataFrame:
    """Return where in the space of parameters runs fail, and how surprising that would be if it did not matter.

    Returns:
        One row for each parameter and each of its values (numbers of more values than that in four classes of equal
        size): ``parameter``, ``value`` (in words), ``runs``, ``failed``, ``share_failed`` and ``p_value``, the same
        for all values of a parameter: of the hypothesis that it has nothing to do with failing (chi-squared test over
        points, each counted as failed if any of its runs did; missing if none or all did). Parameters that fail most
        clearly come first.
    """
    runs = sweep.runs
    failed = runs["status"] != "done"
    failing_points = failed.groupby(runs["point"]).any()
    tables = []
    for name in sweep.parameters:
        classes = _classes(sweep.points.set_index("point")[name])
        by_class = failed.groupby(runs["point"].map(classes), observed=True, sort=False).agg(["size", "sum"])
        p_value = _p_value(classes, failing_points.reindex(classes.index, fill_value=False))
        tables.append(
            pd.DataFrame(
                {
                    "parameter": name,
                    "value": by_class.index.astype(str),
                    "runs": by_class["size"].to_numpy(),
                    "failed": by_class["sum"].to_numpy(),
                    "share_failed": (by_class["sum"] / by_class["size"]).to_numpy(),
                    "p_value": p_value,
                }
            )
        )
    return pd.concat(tables).sort_values("p_value", kind="stable", ignore_index=True)


def _design(sweep: Run) -> Mapping[str, Any]:
    design = sweep.manifest.get("sweep")
    if not isinstance(design, dict):
        raise ValueError(f"{sweep.folder} holds no sweep")  # noqa: TRY004 -- the folder is at fault, not a type
    return design


def _mean_by_point(sweep: Run, measure: str) -> NDArray[np.float64]:
    """Return the mean of a measure over the seeds of every point; not a number where all of them failed."""
    runs = sweep.runs
    if measure not in runs:
        raise ValueError(f"the table of runs has no column {measure!r}; it has {', '.join(map(str, runs.columns))}")
    done = runs[runs["status"] == "done"]
    means = done.groupby("point")[measure].mean().reindex(sweep.points["point"])
    values: NDArray[np.float64] = means.to_numpy(np.float64, na_value=np.nan)
    return values


def _analyse(names: list[str], values: NDArray[np.float64], confidence: float) -> Mapping[str, NDArray[np.float64]]:
    try:
        # An extra, needed here only.
        sobol = import_module("SALib.analyze.sobol")
    except ImportError:
        raise ImportError("Sobol' indices need SALib: install marketgame with its extra `sensitivity`") from None
    problem = {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}
    found: Mapping[str, NDArray[np.float64]] = sobol.analyze(
        problem, values, calc_second_order=False, conf_level=confidence, seed=_SEED
    )
    return found


def _classes(values: pd.Series) -> pd.Series:
    """Return each point's value in words, or the class of numbers it belongs to if there are many."""
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > _CLASSES:
        return pd.qcut(values, _CLASSES, duplicates="drop")
    return values.astype(str)


def _p_value(classes: pd.Series, failing: pd.Series) -> float:
    counts = pd.crosstab(classes, failing)
    if counts.shape[0] < 2 or counts.shape[1] < 2:
        return float("nan")
    return float(stats.chi2_contingency(counts).pvalue)
