"""Who was bankrupt in which round, why, and in which wave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.figure import RunFigure
from marketgame.results.loading import Run
from marketgame.results.selection import rows_of_run

_COLUMNS: Final = 150  # more rounds are shown in blocks
_MOST_PLAYERS: Final = 40
_MOST_COUNTED: Final = 24  # rounds, in whose fields there is room for the number of a wave
# Which part of a field each reason takes, from the top; its colour is the player's.
_PARTS: Final = {"budget": (0.0, 1.0), "short-sale": (0.5, 1.0)}
_WORDS: Final = {"budget": "over its budget", "short-sale": "short of a good (half a field)"}


@style.in_house_style
def bankruptcies_by_player(run: Run, run_number: int = 0) -> Figure:
    """Draw a field for each player and round, filled if it was bankrupt, with the wave of the cascade it fell in.

    Fields have the colours of their players. One is filled by half where a good was short, and whole where the budget
    was exceeded. More rounds than 150 are shown in blocks, the paler the fewer of its rounds a player failed in. Of
    more than 40 players those are shown who failed most often.

    Raises:
        ValueError: the folder holds no such run, or it played no round.
    """
    failed = shares_of_rounds(run, run_number)
    rounds = rows_of_run(run, "rounds", run_number)["round"]
    names = list(failed.index.get_level_values("player").unique())
    figure = style.new_figure(style.WIDE, 0.95 + max(0.16 * len(names), 0.4))
    axes = figure.subplots()
    length = block_length(len(rounds))
    looks = palette.player_looks(run.player_names)
    colours = [looks[name].colour for name in names]
    for reason, part in _PARTS.items():
        shares = failed.xs(reason, level="reason").reindex(names).to_numpy(np.float64)
        _fill(axes, shares, (int(rounds.min()), length), colours, part, reason)
    if len(rounds) <= _MOST_COUNTED:
        _number_waves(axes, rows_of_run(run, "players", run_number), dict(zip(names, colours, strict=True)))
    axes.set(xlim=(rounds.min() - 0.5, rounds.max() + 0.5), ylim=(len(names) - 0.5, -0.5))
    axes.set_yticks(range(len(names)), [style.plain(name) for name in names])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("round" if length == 1 else f"round, in blocks of {length}; the paler, the fewer of them")
    axes.tick_params(axis="y", length=0)
    style.dress(axes)
    present = [reason for reason in _PARTS if failed.xs(reason, level="reason").to_numpy().any()]
    figure.legend(handles=[_sample(reason) for reason in present], loc="outside lower center", ncols=2)
    style.put_title(figure, *_clauses(run, run_number, len(names)))
    return figure


def _sample(reason: str) -> Line2D:
    """Return what stands for a reason in a key: a field without the colour of any player."""
    filled: dict[str, Any] = {"mfc": palette.GREY, "markerfacecoloralt": palette.WHITE, "mec": palette.GREY, "mew": 0.6}
    filled["fillstyle"] = "full" if _PARTS[reason] == (0.0, 1.0) else "bottom"
    return Line2D([], [], ls="", marker="s", ms=6, label=_WORDS[reason], **filled)


def block_length(rounds: int) -> int:
    """Return how many rounds are shown together."""
    return -(-rounds // _COLUMNS)


def shares_of_rounds(run: Run, run_number: int = 0) -> pd.DataFrame:
    """Return in which share of a block of rounds each player failed, by ``player`` and ``reason``; blocks across."""
    rows = rows_of_run(run, "players", run_number)
    played = rows_of_run(run, "rounds", run_number)["round"]
    if played.empty:
        raise ValueError(f"run {run_number} in {run.folder} played no round")
    rows = rows.astype({"player": str, "reason": str})
    length = block_length(len(played))
    names = list(rows["player"].unique())
    if len(names) > _MOST_PLAYERS:
        often = rows.groupby("player", sort=False)["bankrupt"].sum().sort_values(ascending=False, kind="stable")
        kept = set(often.index[:_MOST_PLAYERS])
        names = [name for name in names if name in kept]
    fell = rows[rows["bankrupt"]]
    block = ((fell["round"] - played.min()) // length).rename("block")
    blocks = pd.RangeIndex(-(-len(played) // length), name="block")
    sizes = ((played - played.min()) // length).value_counts().reindex(blocks).to_numpy()
    counts = pd.crosstab([fell["player"], fell["reason"]], block)
    every = pd.MultiIndex.from_product([names, list(_PARTS)], names=["player", "reason"])
    shares: pd.DataFrame = counts.reindex(index=every, columns=blocks, fill_value=0) / sizes
    return shares


BANKRUPTCIES: Final = RunFigure(
    25,
    "bankruptcies",
    "who was bankrupt in which round, why, and in which wave of a cascade",
    ("players",),
    lambda view: bankruptcies_by_player(view.run, view.number),
    worthwhile=lambda view: bool(rows_of_run(view.run, "players", view.number)["bankrupt"].any()),
)


def _fill(
    axes: Axes,
    shares: NDArray[np.float64],
    along: tuple[int, int],
    colours: Sequence[str],
    part: tuple[float, float],
    name: str,
) -> None:
    """Fill a part of each field by the share of its rounds, ``(players, blocks)``."""
    first, length = along
    edges = first - 0.5 + length * np.arange(shares.shape[1] + 1)
    for row, (share, colour) in enumerate(zip(shares, colours, strict=True)):
        image = np.zeros((1, len(share), 4))
        image[..., :3] = to_rgb(colour)
        # The rarest failures are seen too.
        image[0, :, 3] = np.where(share > 0, 0.25 + 0.75 * share, 0.0)
        top, bottom = row - 0.4 + 0.8 * part[0], row - 0.4 + 0.8 * part[1]
        shown = axes.imshow(image, extent=(edges[0], edges[-1], bottom, top), aspect="auto", interpolation="nearest")
        shown.set_gid(f"{name} {row}")


def _number_waves(axes: Axes, rows: pd.DataFrame, colours: Mapping[str, str]) -> None:
    names = list(colours)
    if "wave" not in rows or rows["wave"].max() < 2:
        return
    for number, name, wave in zip(rows["round"], rows["player"].astype(str), rows["wave"], strict=True):
        if wave and name in names:
            letters: dict[str, Any] = {
                "color": palette.ink_on(colours[name]),
                "ha": "center",
                "va": "center_baseline",
                "weight": "bold",
            }
            axes.text(number, names.index(name), str(wave), **letters)


def _clauses(run: Run, run_number: int, shown: int) -> list[str]:
    rows = rows_of_run(run, "players", run_number)
    fell = rows[rows["bankrupt"]]
    rounds = len(rows_of_run(run, "rounds", run_number))
    clauses = [
        f"{style.count_of(len(fell), 'bankruptcy', 'bankruptcies')} in {fell['round'].nunique()} of "
        f"{style.count_of(rounds, 'round')}"
    ]
    if "wave" in rows and rows["wave"].max() > 1:
        numbered = ", numbered" if rounds <= _MOST_COUNTED else ""
        clauses.append(f"in up to {rows['wave'].max()} waves a round{numbered}")
    players = rows["player"].nunique()
    return [*clauses, *([f"the {shown} of {players} players who failed most often"] if shown < players else [])]
