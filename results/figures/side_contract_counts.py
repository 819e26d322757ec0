"""What coalition organisers came to, counted: attempts by outcome, and members' gains beside what was promised."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Final

import numpy as np
import pandas as pd

from marketgame.results.loading import Run
from marketgame.results.selection import rows_of_run, with_stages

TABLE: Final = "side_contracts"
OTHERS: Final = "others"  # the group of all coalitions that are not shown on their own
_ATTEMPT: Final = ["round", "organiser", "coalition"]
_REFUSED: Final = "refused"
_MOST_GROUPS: Final = 7
_MOST_MEMBERS: Final = 4
_MOST_SINGLE: Final = 60  # rounds, beyond which several share a block
_BLOCKS: Final = 40  # at most


class Outcome(StrEnum):
    """What became of an attempt: its fate in the table or, if it was refused, the answer that ended it."""

    KEPT = "accepted"
    BROKEN = "broken"
    VOID = "void"
    WOULD_LOSE = "would-lose"
    UNWILLING = "unwilling"
    TOO_LATE = "too-late"
    NONE_FOUND = "none-found"


REFUSALS: Final = (Outcome.WOULD_LOSE, Outcome.UNWILLING)
AGREED: Final = (Outcome.KEPT, Outcome.BROKEN)


@dataclass(frozen=True)
class Group:
    """One organiser's attempts at one coalition, or all attempts at coalitions that are not shown on their own.

    Attributes:
        key: unlike that of any other group.
        members: their names, in the economy's order; none of a group of several coalitions.
        organiser: who tried.
        coalitions: how many coalitions are meant.
    """

    key: str
    members: tuple[str, ...]
    organiser: str
    coalitions: int


@dataclass(frozen=True)
class Standing:
    """How one member, or several on average, fared in a coalition.

    Attributes:
        name: of the member, or how many they are.
        promised: mean of what it expected to gain at its interim stage, numeraire: over the rounds in which the
            coalition colluded or, if it never did, in which the member was asked; missing if neither.
        realised: mean of what it gained over the rounds in which the coalition colluded; missing if it never did.
        standard_error: of that mean; missing for fewer than two rounds.
        refused: how often it refused.
        lied: how often it lied to the side-device.
        broke: how often it was among those who broke the agreement.
    """

    name: str
    promised: float
    realised: float
    standard_error: float
    refused: int
    lied: int
    broke: int


def recorded(run: Run, run_number: int = 0) -> pd.DataFrame:
    """Return the rows of the table of side-contracts, names as text; who organises reports is named apart.

    Raises:
        ValueError: the folder holds no such run, or no attempt at a side-contract is recorded in it.
    """
    rows = rows_of_run(run, TABLE, run_number) if TABLE in run.tables else pd.DataFrame()
    if rows.empty:
        raise ValueError(f"run {run_number} in {run.folder} records no attempt at a side-contract")
    named = with_stages(rows).astype(
        dict.fromkeys(("organiser", "stage", "coalition", "player", "answer", "fate"), str)
    )
    on_reports = named["stage"] == "reports"
    return named.assign(organiser=named["organiser"].mask(on_reports, named["organiser"] + ", on reports"))


def attempts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return each attempt with its outcome, as ``round``, ``organiser``, ``coalition`` and ``outcome``.

    Raises:
        ValueError: something became of an attempt that is none of the outcomes.
    """
    made = rows.drop_duplicates(_ATTEMPT)[[*_ATTEMPT, "fate"]].rename(columns={"fate": "outcome"})
    refusers = rows[rows["answer"].isin(REFUSALS)].drop_duplicates(_ATTEMPT)
    answers = made.merge(refusers[[*_ATTEMPT, "answer"]], on=_ATTEMPT, how="left")["answer"].set_axis(made.index)
    made["outcome"] = made["outcome"].mask(made["outcome"] == _REFUSED, answers)
    unknown = set(made["outcome"]) - set(Outcome)
    if unknown:
        known = ", ".join(Outcome)
        raise ValueError(f"{TABLE} speaks of {min(map(str, unknown))!r}; what it may speak of: {known}")
    return made.reset_index(drop=True)


def groups(rows: pd.DataFrame, made: pd.DataFrame) -> tuple[list[Group], pd.Series]:
    """Return what is shown on its own, those who agreed most often first, and to which group each attempt belongs.

    Coalitions that agreed equally often follow by how often they were tried. Of more than seven the last are one group.
    """
    pairs = made.assign(agreed=made["outcome"].isin(AGREED)).groupby(["organiser", "coalition"], sort=False)
    ranked = pairs["agreed"].agg(["sum", "size"]).sort_values(["sum", "size"], ascending=False, kind="stable")
    single = list(ranked.index if len(ranked) <= _MOST_GROUPS else ranked.index[: _MOST_GROUPS - 1])
    members = rows.drop_duplicates(["organiser", "coalition", "player"]).groupby(["organiser", "coalition"])["player"]
    named = {pair: tuple(members.get_group(pair)) for pair in single}
    shown = [Group(_key(*pair), named[pair], pair[0], 1) for pair in single]
    if len(single) < len(ranked):
        shown.append(Group(OTHERS, (), "", len(ranked) - len(single)))
    keys = made["organiser"].map(str) + "\n" + made["coalition"]
    return shown, keys.where(keys.isin([group.key for group in shown]), OTHERS)


def _key(organiser: str, coalition: str) -> str:
    return f"{organiser}\n{coalition}"


def block_length(rounds: int) -> int:
    """Return how many rounds share a block: 1 where each can be seen, otherwise 2, 5 or 10 times a power of ten."""
    if rounds <= _MOST_SINGLE:
        return 1
    power = int(10.0 ** math.floor(math.log10(rounds / _BLOCKS)))
    return next(step * power for step in (1, 2, 5, 10) if step * power * _BLOCKS >= rounds)


def longest_kept(made: pd.DataFrame) -> int:
    """Return the most attempts in a row at one coalition that ended in an agreement that was kept."""
    lengths = [0]
    for _, outcomes in made.groupby(["organiser", "coalition"])["outcome"]:
        runs = groupby(outcome == Outcome.KEPT for outcome in outcomes)
        lengths.extend(len(list(run)) for kept, run in runs if kept)
    return max(lengths)


def standings(rows: pd.DataFrame, made: pd.DataFrame, group_of: pd.Series, group: Group) -> list[Standing]:
    """Return how the members of a group fared, in the economy's order; nobody if nobody was ever asked.

    Of more than four members, those who refused, lied or broke most often and then those whose gains were furthest
    from what was promised are told one by one, and the others on average, as is everybody in a group of several
    coalitions.
    """
    within = rows.merge(made[group_of == group.key], on=_ATTEMPT)
    if within["expected_gain"].isna().all():
        return []
    if not group.members:
        return [_standing("mean of members", within)]
    each = {name: _standing(name, within[within["player"] == name]) for name in group.members}
    if len(each) <= _MOST_MEMBERS:
        return list(each.values())
    telling = sorted(each, key=lambda name: _telling(each[name]), reverse=True)[: _MOST_MEMBERS - 1]
    rest = within[~within["player"].isin(telling)]
    label = f"mean of {len(each) - len(telling)} others"
    return [*(each[name] for name in each if name in telling), _standing(label, rest)]


def _standing(name: str, rows: pd.DataFrame) -> Standing:
    """Return how those in these rows fared, the mean over members in each attempt being one observation."""
    colluded = rows[rows["outcome"].isin(AGREED)]
    asked = colluded if len(colluded) else rows
    promised = asked.groupby(_ATTEMPT, sort=False)["expected_gain"].mean()
    realised = colluded.groupby(_ATTEMPT, sort=False)["realised_gain"].mean().to_numpy(dtype=float)
    return Standing(
        name,
        float(promised.mean()),
        float(realised.mean()) if len(realised) else math.nan,
        float(np.std(realised, ddof=1) / math.sqrt(len(realised))) if len(realised) > 1 else math.nan,
        int(rows["answer"].isin(REFUSALS).sum()),
        # Missing where the member told nothing.
        int((~rows["truthful"].dropna().astype(bool)).sum()),
        int(rows["broke"].sum()),
    )


def _telling(standing: Standing) -> tuple[int, float]:
    gap = abs(standing.realised - standing.promised)
    return standing.refused + standing.lied + standing.broke, 0.0 if math.isnan(gap) else gap
