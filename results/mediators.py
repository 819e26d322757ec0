"""What mediators earned, the established one and those who tried to lead players away from it."""

from __future__ import annotations

from typing import Final

import pandas as pd

from marketgame.results.loading import Run
from marketgame.results.selection import rows_of_run

ESTABLISHED: Final = "established"
LEFT: Final = "left"  # what became of an invitation that all joined


def mediator_summary(run: Run, run_number: int = 0) -> pd.DataFrame:
    """Return what each mediator earned.

    Returns:
        One row for each mediator, the established one first, with columns ``profit`` (mean per round),
        ``standard_error``, ``expected_profit`` (mean per round of what its plan promised), ``severance`` (mean per
        round) and ``rounds_with_departures`` (share of rounds in which it led a coalition away), in units of the
        run's money; no rows when no mediators are recorded.

    Raises:
        ValueError: the folder holds no such run.
    """
    if "mediators" not in run.tables:
        return pd.DataFrame()
    rows = rows_of_run(run, "mediators", run_number)
    frame = rows.groupby("mediator", observed=True, sort=False).agg(
        profit=("profit", "mean"),
        standard_error=("profit", "sem"),
        expected_profit=("expected_profit", "mean"),
        severance=("severance", "mean"),
    )
    asked = rows_of_run(run, "invitations", run_number)
    away = asked[asked["fate"] == LEFT].groupby("mediator", observed=False)["round"].nunique()
    rounds = max(int(rows["round"].nunique()), 1)
    frame["rounds_with_departures"] = [float(away.get(name, 0)) / rounds for name in frame.index]
    return frame.set_axis(frame.index.astype(str))
