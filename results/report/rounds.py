"""The trade network of every round as few numbers, from which the script of a page draws one round at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marketgame.results import palette
from marketgame.results.figures.network import StrengthScale
from marketgame.results.loading import OBEDIENT, Run
from marketgame.results.names import on_a_line
from marketgame.results.selection import NEGLIGIBLE, gains_of, rows_of_run, telling_round

# So many numbers make a page of some three megabytes.
MOST_NUMBERS: Final = 400_000
MOST_FLOWS: Final = 300  # in a round; more cannot be told apart
_NAME: Final = 28  # letters
_AGREED: Final[Mapping[str, str]] = {"accepted": "agreed and kept", "broken": "agreed, then broke it"}
_LEFT: Final = "left together"
_ESTABLISHED: Final = "established"


def trade_rounds(run: Run, run_number: int = 0) -> dict[str, Any] | None:
    """Return what a page needs to draw who gave goods to whom in every round; nothing where no goods were traded.

    Of runs too long for a page every second, third, ... round is taken, and of a round with too many flows the largest.

    Raises:
        ValueError: the folder holds no such run.
    """
    rounds = rows_of_run(run, "rounds", run_number)
    if rounds.empty or not {"trades", "holdings"} <= set(run.tables) or not run.goods:
        return None
    names = run.player_names
    all_flows = _flows(run, rounds["round"].to_numpy(), run_number)
    most = max(int(np.bincount(all_flows["place"], minlength=1).max(initial=0)), 1)
    size = len(rounds) * (len(names) + 2 * min(MOST_FLOWS, most))
    step = -(-size // MOST_NUMBERS)
    taken = np.arange(0, len(rounds), step)
    first = telling_round(run, run_number)
    shown = rounds.iloc[taken]
    numbers = shown["round"].to_numpy()
    words = _Words()
    players = rows_of_run(run, "players", run_number)
    players = players[players["round"].isin(numbers)]
    wealth = _by_round(players, "wealth", numbers, names)
    gained = gains_of(shown)
    flows = all_flows[np.isin(all_flows["place"], taken)]
    values = flows["value"].tolist() or [1.0]
    scale = StrengthScale.over(values)
    behaviours, behaving = _distinct(_by_round(players, "behaviour", numbers, names), words)
    return {
        "players": [on_a_line(name, _NAME) for name in names],
        "rounds": numbers.tolist(),
        "step": step,
        "first": int(np.abs(numbers - first).argmin()),
        "unit": run.unit("players", "wealth"),
        "wealth": [[_short(value) for value in row] for row in wealth.to_numpy(float)],
        "wealthiest": _short(max(float(wealth.to_numpy().max()), 1e-12)),
        **_bankrupt(players, numbers, names, words),
        "behaviours": behaviours,
        "behaving": behaving,
        "flows": _packed(flows, taken),
        "smallest": scale.smallest,
        "largest": scale.largest,
        "logarithmic": scale.logarithmic,
        "thickest": round(3.2 * min(1.0, max(0.3, (20 / most) ** 0.5)), 2),
        "traded": [_short(value) for value in _traded(run, all_flows, rounds["round"].to_numpy(), run_number)[taken]],
        "gained": [_short(value) for value in gained["played"]],
        "possible": [_short(value) for value in gained["first_best"]],
        "together": _together(run, players, numbers, run_number, words),
        "words": words.known,
        "obedient": OBEDIENT,
        "looks": [[look.colour, look.half] for look in palette.player_looks(names).values()],
        "arrows": palette.FLOW_STEPS,
        "plain": palette.GREY,
    }


class _Words:
    """Words by number, each kept once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, word: str) -> int:
        return self._numbers.setdefault(on_a_line(word, 2 * _NAME), len(self._numbers))

    @property
    def known(self) -> list[str]:
        return list(self._numbers)


def _short(value: float) -> float | int:
    """Return a number to four digits; what is none is zero."""
    if not np.isfinite(value):
        return 0
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _by_round(players: pd.DataFrame, column: str, numbers: NDArray[Any], names: tuple[str, ...]) -> pd.DataFrame:
    """Return a column of the table of players as a row for each round and a column for each player."""
    plain = players.assign(player=players["player"].astype(str))
    wide = plain.set_index(["round", "player"])[column].astype(object).unstack("player")  # noqa: PD010 -- of words too
    return wide.reindex(index=numbers, columns=list(names))


def _distinct(behaviours: pd.DataFrame, words: _Words) -> tuple[list[list[int]], list[int]]:
    """Return the different ways in which players behave together, and which of them each round shows."""
    known: dict[tuple[int, ...], int] = {}
    behaving = [
        known.setdefault(tuple(map(words.number, row)), len(known)) for row in behaviours.astype(str).to_numpy()
    ]
    return [list(row) for row in known], behaving


def _bankrupt(
    players: pd.DataFrame, numbers: NDArray[Any], names: tuple[str, ...], words: _Words
) -> dict[str, list[list[int]]]:
    place = {name: number for number, name in enumerate(names)}
    who: dict[int, list[int]] = {int(number): [] for number in numbers}
    why: dict[int, list[int]] = {int(number): [] for number in numbers}
    failed = players[players["bankrupt"]]
    for number, name, reason in zip(failed["round"], failed["player"], failed["reason"], strict=True):
        who[int(number)].append(place[str(name)])
        why[int(number)].append(words.number(str(reason)))
    return {"bankrupt": list(who.values()), "reasons": list(why.values())}


def _flows(run: Run, numbers: NDArray[Any], run_number: int) -> pd.DataFrame:
    """Return what goods are worth that one player gave another, by the place of the round; rounding is left out."""
    trades = rows_of_run(run, "trades", run_number)
    trades = trades[trades["good"].astype(str) != run.goods[-1]]
    code = {name: number for number, name in enumerate(run.player_names)}
    many = len(code)
    place = np.searchsorted(numbers, trades["round"].to_numpy())
    giver, receiver = (trades[name].astype(str).map(code).to_numpy(int) for name in ("counterparty", "player"))
    pair, group = np.unique((place * many + giver) * many + receiver, return_inverse=True)
    worth = np.bincount(group, weights=trades["value"].to_numpy(float), minlength=len(pair))
    holdings = rows_of_run(run, "holdings", run_number)
    owned = holdings["endowment"].to_numpy(float) * holdings["supporting_price"].to_numpy(float)
    least = NEGLIGIBLE * np.bincount(
        np.searchsorted(numbers, holdings["round"].to_numpy()), weights=owned, minlength=len(numbers)
    )
    frame = pd.DataFrame({"place": pair // many**2, "pair": pair % many**2, "value": worth})
    counted: pd.DataFrame = frame[frame["value"].to_numpy() > least[frame["place"].to_numpy()]]
    return counted


def _traded(run: Run, flows: pd.DataFrame, numbers: NDArray[Any], run_number: int) -> NDArray[np.float64]:
    """Return what all goods are worth that changed hands in each round, in trades not listed too."""
    place, value = flows["place"].to_numpy(int), flows["value"].to_numpy(float)
    if "trade_totals" in run.tables:
        totals = rows_of_run(run, "trade_totals", run_number)
        totals = totals[totals["good"].astype(str) != run.goods[-1]]
        place, value = np.searchsorted(numbers, totals["round"].to_numpy()), totals["value"].to_numpy(float)
    return np.bincount(place, weights=value, minlength=len(numbers))


def _packed(flows: pd.DataFrame, taken: NDArray[Any]) -> list[list[float]]:
    """Return of each round the pairs of players and the values of what flowed, the smallest first."""
    packed: dict[int, list[float]] = {int(place): [] for place in taken}
    largest = flows.sort_values(["place", "value", "pair"]).groupby("place").tail(MOST_FLOWS)
    for place, pair, value in zip(largest["place"], largest["pair"], largest["value"], strict=True):
        packed[int(place)] += [int(pair), _short(value)]
    return list(packed.values())


def _together(
    run: Run, players: pd.DataFrame, numbers: NDArray[Any], run_number: int, words: _Words
) -> list[list[dict[str, Any]] | int]:
    """Return the coalitions that agreed in each round, and the players who left; 0 where there were none."""
    place = {name: number for number, name in enumerate(run.player_names)}
    found: dict[int, list[dict[str, Any]]] = {int(number): [] for number in numbers}

    def note(rows: pd.DataFrame, by: list[str], what: str) -> None:
        for _, own in rows.groupby(by, observed=True, sort=False):
            members, number = own["player"], int(own["round"].iloc[0])
            if number in found:
                group = sorted({place[str(name)] for name in members})
                found[number].append({"what": words.number(what), "members": group})

    if "side_contracts" in run.tables:
        rows = rows_of_run(run, "side_contracts", run_number)
        for fate, what in _AGREED.items():
            note(rows[rows["fate"].astype(str) == fate], ["round", "organiser", "coalition"], what)
    if "mediator" in players:
        note(players[players["mediator"].astype(str) != _ESTABLISHED], ["round", "mediator"], _LEFT)
    return [groups or 0 for groups in found.values()]
