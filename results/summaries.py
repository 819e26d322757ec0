"""What a run amounts to: played against the benchmarks, and player by player."""

from __future__ import annotations

from typing import Final

import pandas as pd

from results.loading import Run
from results.selection import NEGLIGIBLE, rows_of_run

PLAYED: Final = "played"
FIRST_BEST: Final = "first-best"
AUTARKY: Final = "autarky"
_EXPECTATION: Final = -1
_ORDER: Final = (PLAYED, FIRST_BEST, "walrasian", "incentive-efficient", "incentive-efficient-individual", AUTARKY)


def summary(run: Run, run_number: int = 0) -> pd.DataFrame:
    """Return what the play and each benchmark achieved.

    All are compared at the type profiles that were drawn, so that luck of the draw favours none. A benchmark known
    only in expectation over the prior is measured against first best and autarky in expectation.

    Args:
        run: a loaded run folder.
        run_number: which run of the folder.

    Returns:
        One row for ``played`` and for each benchmark, with columns ``welfare`` (mean per round, numeraire),
        ``gains`` (over autarky, numeraire), ``gap_to_first_best`` (numeraire), ``share_of_first_best_gains``
        (missing when there is nothing to gain) and ``over`` (``profiles drawn`` or ``prior``). Numbers are missing
        for a benchmark that is not known.

    Raises:
        ValueError: the folder holds no such run, or the run played no round.
    """
    rounds = rows_of_run(run, "rounds", run_number)
    if rounds.empty:
        raise ValueError(f"run {run_number} in {run.folder} played no round")
    drawn = _welfare_at_profiles_drawn(run, rounds, run_number)
    expected = _expected_welfare(run, run_number)
    names = [str(name) for name in _ORDER if name in drawn or name in expected]
    names += [name for name in expected if name not in names]
    rows = {
        name: _row(name, drawn, "profiles drawn") if name in drawn else _row(name, expected, "prior") for name in names
    }
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("benchmark")
    unit = run.unit("rounds", "welfare")
    numbers = dict.fromkeys(("welfare", "gains", "gap_to_first_best"), unit)
    frame.attrs = {"units": numbers | {"share_of_first_best_gains": "1"}}
    return frame


def player_summary(run: Run, run_number: int = 0) -> pd.DataFrame:
    """Return how each player fared.

    Args:
        run: a loaded run folder.
        run_number: which run of the folder.

    Returns:
        One row for each player, in the economy's order, with columns ``behaviour``, ``mean_utility``,
        ``mean_promised_utility``, ``mean_wealth`` (all per round, numeraire) and ``bankruptcies`` (rounds).

    Raises:
        ValueError: the folder holds no such run.
    """
    rows = rows_of_run(run, "players", run_number)
    frame = rows.groupby("player", observed=True, sort=False).agg(
        behaviour=("behaviour", _each_once),
        mean_utility=("utility", "mean"),
        mean_promised_utility=("promised_utility", "mean"),
        mean_wealth=("wealth", "mean"),
        bankruptcies=("bankrupt", "sum"),
    )
    unit = run.unit("players", "utility")
    means = dict.fromkeys(("mean_utility", "mean_promised_utility", "mean_wealth"), unit)
    frame.attrs = {"units": means | {"bankruptcies": "rounds"}}
    return frame.set_axis(frame.index.astype(str))


def _each_once(behaviours: pd.Series) -> str:
    """Return a player's behaviours as a phrase; which it follows may depend on its type."""
    return ", ".join(str(behaviour) for behaviour in behaviours.unique())


def _welfare_at_profiles_drawn(run: Run, rounds: pd.DataFrame, run_number: int) -> dict[str, float]:
    """Return mean welfare over the rounds, of the play and of the benchmarks known at every profile drawn."""
    welfare = {
        PLAYED: float(rounds["welfare"].mean()),
        FIRST_BEST: float(rounds["first_best_welfare"].mean()),
        AUTARKY: float(rounds["autarky_welfare"].mean()),
    }
    benchmarks = rows_of_run(run, "benchmarks", run_number)
    for name, rows in benchmarks.groupby("benchmark", observed=True, sort=False):
        at_profile = rows[rows["profile"] != _EXPECTATION].set_index("profile")["welfare"]
        if str(name) not in welfare and set(rounds["profile"]) <= set(at_profile.index):
            # Unknown at one profile drawn is unknown: the mean of the others would be over other profiles.
            welfare[str(name)] = float(rounds["profile"].map(at_profile).mean(skipna=False))
    return welfare


def _expected_welfare(run: Run, run_number: int) -> dict[str, float]:
    rows = rows_of_run(run, "benchmarks", run_number)
    rows = rows[rows["profile"] == _EXPECTATION]
    return {str(name): float(value) for name, value in zip(rows["benchmark"], rows["welfare"], strict=True)}


def _row(name: str, welfare: dict[str, float], over: str) -> dict[str, object]:
    gains = welfare[name] - welfare[AUTARKY]
    most = welfare[FIRST_BEST] - welfare[AUTARKY]
    share = gains / most if most > NEGLIGIBLE * abs(welfare[FIRST_BEST]) else float("nan")
    return {
        "welfare": welfare[name],
        "gains": gains,
        "gap_to_first_best": most - gains,
        "share_of_first_best_gains": share,
        "over": over,
    }
