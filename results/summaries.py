"""What a run amounts to: played against the benchmarks, and player by player."""

from __future__ import annotations

from typing import Final

import pandas as pd

from marketgame.results.loading import Run
from marketgame.results.selection import NEGLIGIBLE, gains_of, rows_of_run

PLAYED: Final = "played"
FIRST_BEST: Final = "first-best"
AUTARKY: Final = "autarky"
_EXPECTATION: Final = -1
_ORDER: Final = (PLAYED, FIRST_BEST, "walrasian", "incentive-efficient", "incentive-efficient-individual", AUTARKY)


def summary(run: Run, run_number: int = 0) -> pd.DataFrame:
    """Return what the play and each benchmark achieved.

    All are compared at the type profiles that were drawn, so that luck of the draw favours none. A benchmark known
    only in expectation over the prior is measured against first best and autarky in expectation.

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
    drawn = _at_profiles_drawn(run, rounds, run_number)
    expected = _expected(run, run_number)
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


type _Achieved = tuple[float, float]
"""Welfare and gains over autarky, numeraire; not numbers where not known."""


def _at_profiles_drawn(run: Run, rounds: pd.DataFrame, run_number: int) -> dict[str, _Achieved]:
    """Return means over the rounds, of the play and of the benchmarks known at every profile drawn."""
    gained = gains_of(rounds)
    achieved = {
        PLAYED: (float(rounds["welfare"].mean()), float(gained["played"].mean())),
        FIRST_BEST: (float(rounds["first_best_welfare"].mean()), float(gained["first_best"].mean())),
        AUTARKY: (float(rounds["autarky_welfare"].mean()), 0.0),
    }
    for name, rows in _benchmarks(run, run_number).groupby("benchmark", observed=True, sort=False):
        at_profile = rows[rows["profile"] != _EXPECTATION].set_index("profile")
        if str(name) not in achieved and set(rounds["profile"]) <= set(at_profile.index):
            # Unknown at one profile drawn is unknown: the mean of the others would be over other profiles.
            columns = (rounds["profile"].map(at_profile[column]) for column in ("welfare", "gains"))
            welfare, gains = (float(column.mean(skipna=False)) for column in columns)
            achieved[str(name)] = (welfare, gains)
    return achieved


def _expected(run: Run, run_number: int) -> dict[str, _Achieved]:
    rows = _benchmarks(run, run_number)
    rows = rows[rows["profile"] == _EXPECTATION]
    values = zip(rows["benchmark"], rows["welfare"], rows["gains"], strict=True)
    return {str(name): (float(welfare), float(gains)) for name, welfare, gains in values}


def _benchmarks(run: Run, run_number: int) -> pd.DataFrame:
    """Return the table of benchmarks; gains are missing in folders written before they were recorded."""
    rows = rows_of_run(run, "benchmarks", run_number)
    return rows if "gains" in rows.columns else rows.assign(gains=float("nan"))


def _row(name: str, achieved: dict[str, _Achieved], over: str) -> dict[str, object]:
    gains, most = _gains(name, achieved), _gains(FIRST_BEST, achieved)
    return {
        "welfare": achieved[name][0],
        "gains": gains,
        "gap_to_first_best": most - gains,
        "share_of_first_best_gains": gains / most if most > 0 else float("nan"),
        "over": over,
    }


def _gains(name: str, achieved: dict[str, _Achieved]) -> float:
    """Return gains over autarky, as differences of levels where they are known as nothing else."""
    welfare, gains = achieved[name]
    if pd.notna(gains):
        return gains
    difference = welfare - achieved[AUTARKY][0]
    return 0.0 if abs(difference) <= NEGLIGIBLE * abs(welfare) else difference
