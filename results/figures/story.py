"""A run as a sequence of pictures: its rounds, and within a round in which players fail the cascade, wave by wave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from marketgame.results.loading import Run
from marketgame.results.selection import NEGLIGIBLE, rows_of_run

ESTABLISHED: Final = "established"
SHORT: Final = "short-sale"
AGREED: Final = ("accepted", "broken")  # fates of side-contracts that all members agreed to

type Pair = tuple[str, str]


@dataclass(frozen=True)
class Moment:
    """What one picture shows.

    Attributes:
        round: which round.
        wave: how many waves of bankruptcies have come; 0 before the first.
        waves: how many come in this round.
        behaviours: how each player behaves, being of the type that it has in this round.
        wealth: of each player, numeraire: of its endowment until the round is settled, 0 once it is bankrupt.
        failed: the wave in which each player that is bankrupt by now failed.
        short: those of them who were short of a good, not over their budgets.
        flows: what the goods that still are to be delivered are worth, numeraire, by giver and receiver.
        cancelled: likewise, of what this wave has cancelled.
        coalitions: who agreed with whom, each in the economy's order, and whether somebody broke that.
        left: the blocking mediator with whom each of those left who did.
    """

    round: int
    wave: int
    waves: int
    behaviours: Mapping[str, str]
    wealth: Mapping[str, float]
    failed: Mapping[str, int]
    short: frozenset[str]
    flows: Mapping[Pair, float]
    cancelled: Mapping[Pair, float]
    coalitions: Mapping[tuple[str, ...], bool]
    left: Mapping[str, str]

    @property
    def settled(self) -> bool:
        """Whether nobody else fails in this round."""
        return self.wave == self.waves


def moments(run: Run, first: int | None = None, last: int | None = None, run_number: int = 0) -> list[Moment]:
    """Return what happened, picture by picture.

    Args:
        run: a run on a market.
        first: the first round shown; by default the first played.
        last: the last; likewise.
        run_number: which run of the folder.

    Raises:
        ValueError: the folder holds no such run, keeps no tables of what was traded, or the run no such rounds.
    """
    played = rows_of_run(run, "rounds", run_number)["round"]
    if played.empty:
        raise ValueError(f"run {run_number} in {run.folder} played no round")
    low, high = int(played.min()), int(played.max())
    first, last = low if first is None else first, high if last is None else last
    if not low <= first <= last <= high:
        raise ValueError(f"run {run_number} in {run.folder} has no rounds {first} to {last}; it played {low} to {high}")
    tables = {name: _by_round(run, name, run_number) for name in ("players", "holdings", "trades", *_IF_KEPT)}
    return [moment for number in range(first, last + 1) for moment in _of_round(run, tables, number)]


_IF_KEPT: Final = ("cancelled_trades", "side_contracts")
_Rows = Mapping[int, pd.DataFrame]


def _by_round(run: Run, name: str, run_number: int) -> _Rows:
    if name not in run.tables:
        if name in _IF_KEPT:
            return {}
        raise ValueError(f"{run.folder} keeps no table {name!r}")
    return {int(str(number)): rows for number, rows in rows_of_run(run, name, run_number).groupby("round")}


def _of_round(run: Run, tables: Mapping[str, _Rows], number: int) -> list[Moment]:
    players, holdings = tables["players"][number], tables["holdings"].get(number)
    if holdings is None:
        raise ValueError(f"{run.folder} keeps no holdings: nothing was traded")
    names = [str(name) for name in players["player"]]
    worth = (holdings["endowment"] * holdings["supporting_price"]).groupby(holdings["player"].astype(str)).sum()
    least = NEGLIGIBLE * float(worth.sum())
    after = dict(zip(names, map(float, players["wealth"]), strict=True))
    # Folders written before waves were recorded tell who failed, but not after whom.
    waves = players["wave"] if "wave" in players else players["bankrupt"].astype(int)
    failed = {name: int(wave) for name, wave in zip(names, waves, strict=True) if wave > 0}
    last = max(failed.values(), default=0)
    behaviours = dict(zip(names, map(str, players["behaviour"]), strict=True))
    reasons = dict(zip(names, map(str, players["reason"]), strict=True))
    stand = _flows(tables["trades"].get(number), run.goods[-1], least)
    gone = tables.get("cancelled_trades", {}).get(number)
    cut = {wave: _flows(_of_wave(gone, wave), run.goods[-1], least) for wave in range(1, last + 1)}
    coalitions = agreements(names, tables["side_contracts"].get(number))
    left = departures(players)

    def at(wave: int) -> Moment:
        fell = {name: when for name, when in failed.items() if when <= wave}
        before = {name: 0.0 if name in fell else float(worth[name]) for name in names}
        flows = dict(stand)
        for later in range(wave + 1, last + 1):
            for pair, value in cut[later].items():
                flows[pair] = flows.get(pair, 0.0) + value
        return Moment(
            number,
            wave,
            last,
            behaviours,
            after if wave == last else before,
            fell,
            frozenset(name for name in fell if reasons[name] == SHORT),
            flows,
            cut.get(wave, {}),
            coalitions,
            left,
        )

    return [at(wave) for wave in range(last + 1)]


def _of_wave(gone: pd.DataFrame | None, wave: int) -> pd.DataFrame | None:
    return None if gone is None else gone[gone["wave"] == wave]


def _flows(rows: pd.DataFrame | None, numeraire: str, least: float) -> dict[Pair, float]:
    """Return what the goods that go from the one to the other are worth, the numeraire and rounding left out."""
    if rows is None:
        return {}
    goods = rows[rows["good"] != numeraire]
    found: dict[Pair, float] = {}
    for giver, receiver, value in zip(goods["counterparty"], goods["player"], goods["value"], strict=True):
        pair = (str(giver), str(receiver))
        found[pair] = found.get(pair, 0.0) + float(value)
    return {pair: value for pair, value in found.items() if value > least}


def departures(players: pd.DataFrame) -> dict[str, str]:
    """Return with which blocking mediator those left who did, from the rows of players of a round."""
    if "mediator" not in players:
        return {}
    pairs = zip(map(str, players["player"]), map(str, players["mediator"]), strict=True)
    return {name: mediator for name, mediator in pairs if mediator != ESTABLISHED}


def agreements(names: Sequence[str], rows: pd.DataFrame | None) -> dict[tuple[str, ...], bool]:
    """Return who agreed with whom in a round, in the order of names, and whether somebody broke that."""
    if rows is None:
        return {}
    agreed = rows[rows["fate"].astype(str).isin(AGREED)]
    found: dict[tuple[str, ...], bool] = {}
    for _, members in agreed.groupby("coalition", observed=True, sort=False):
        among = set(map(str, members["player"]))
        found[tuple(name for name in names if name in among)] = bool((members["fate"].astype(str) == "broken").any())
    return found
