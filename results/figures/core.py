"""The core of a game, and what it takes to defend it: payoffs, severance and side-bets.

These figures show what was computed about a game rather than what was played, so they take points and tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon

from marketgame.results import palette
from marketgame.results.figures import style

_LARGEST_DENOMINATOR: Final = 60
_EXACT: Final = 1e-6  # within which a number is written as a fraction
_NONE: Final = 1e-9  # profits below this are none


@style.in_house_style
def core_in_payoff_plane(
    vertices: Sequence[tuple[float, float]],
    labels: tuple[str, str],
    marks: Mapping[str, tuple[float, float]] | None = None,
    unit: str = "",
    title: str = "The core in the plane of two payoffs",
) -> Figure:
    """Draw the core of a game in the plane of two interim payoffs, with its vertices in numbers.

    Args:
        vertices: of the polygon, in order around it; two for a segment, one for a point.
        labels: of the two axes, such as ``"seller, type L"``.
        marks: further points to show, by name.
        unit: of payoffs.
        title: what is shown.

    Raises:
        ValueError: there are no vertices.
    """
    corners = np.array(vertices, dtype=float).reshape(-1, 2)
    if not len(corners):
        raise ValueError("an empty core has no picture")
    figure = style.new_figure(style.COLUMN_WIDTH, style.COLUMN_WIDTH * 0.95)
    axes = figure.add_subplot()
    closed = len(corners) > 2
    axes.add_patch(
        Polygon(corners, closed=closed, fc=palette.PALE_BLUE if closed else "none", ec=palette.BLUE, lw=1.2, gid="core")
    )
    axes.plot(*corners.T, "o", color=palette.BLUE, ms=4, gid="vertices", label="vertices of the core")
    others = np.array(list((marks or {}).values()), dtype=float).reshape(-1, 2)
    for place, (name, point) in enumerate((marks or {}).items()):
        marker, colour = (
            palette.MARKERS[1 + place % (len(palette.MARKERS) - 1)],
            (palette.VERMILION, palette.GREEN, palette.ORANGE)[place % 3],
        )
        axes.plot(*point, marker, color=colour, ms=5, label=style.plain(name), ls="", gid=name)
    _make_room(axes, np.vstack((corners, others)))
    centre = corners.mean(axis=0)
    for corner in corners:
        _label_corner(axes, corner, centre)
    axes.set_xlabel(style.with_unit(f"payoff of {labels[0]}", unit))
    axes.set_ylabel(style.with_unit(f"payoff of {labels[1]}", unit))
    style.dress(axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=1)
    style.put_title(figure, title)
    return figure


@style.in_house_style
def severance_and_side_bets(
    profits: pd.DataFrame,
    regions: Mapping[str, Sequence[tuple[float, float]]],
    smallest: tuple[float, float],
    unit: str,
    title: str = "Severance and side-bets that nobody can break",
) -> Figure:
    """Draw which severance and which side-bet keep a mechanism from being blocked.

    Args:
        profits: columns ``severance``, ``side_bet`` and ``profit``, a blocking mediator's, on a full grid.
        regions: predicted corners of the set of promises that cannot be blocked, by what it is for.
        smallest: the severance, and its side-bet, that is predicted to be the smallest.
        unit: of money.
        title: what the map of profits is about.
    """
    grid = profits.pivot_table(index="side_bet", columns="severance", values="profit")
    across, up = grid.columns.to_numpy(dtype=float), grid.index.to_numpy(dtype=float)
    values = np.ma.masked_less_equal(grid.to_numpy(dtype=float), _NONE)
    figure = style.new_figure(style.COLUMN_WIDTH, 3.6)
    axes = figure.add_subplot()
    axes.set_facecolor(palette.PALE_GREEN)
    drawn = axes.pcolormesh(across, up, values, cmap=style.PROFITS, vmin=0, shading="nearest", rasterized=True)
    for place, (name, corners) in enumerate(regions.items()):
        points = np.array(corners, dtype=float)
        line = ("-", (0, (4, 2)), (0, (1, 1.2)))[place % 3]
        axes.add_patch(Polygon(points, closed=True, fc="none", ec=palette.INK, lw=1.1, ls=line, gid=name))
    axes.plot(*smallest, "o", color=palette.VERMILION, ms=4.5, zorder=4, gid="smallest")
    axes.annotate(
        style.plain(f"smallest severance {exact_number(smallest[0])}\nwith a side-bet of {exact_number(smallest[1])}"),
        smallest,
        xytext=(0.03, 0.86),
        textcoords="axes fraction",
        va="center",
        arrowprops={"arrowstyle": "-", "color": palette.INK, "lw": 0.6},
    )
    axes.set(xlim=(across[0], across[-1]), ylim=(up[0], up[-1]))
    axes.set_xlabel(style.with_unit("severance promised to the bad type", unit))
    axes.set_ylabel(style.with_unit("side-bet on the seller's type", unit))
    bar = figure.colorbar(drawn, ax=axes, pad=0.02)
    bar.set_label(style.with_unit("profit of a blocking mediator", unit))
    style.dress(axes)
    _explain_regions(figure, list(regions))
    style.put_title(figure, title)
    return figure


@style.in_house_style
def severance_sweep(sweep: pd.DataFrame, predicted: Sequence[float], unit: str) -> Figure:
    """Draw what becomes of blocking as the severance promised rises.

    Args:
        sweep: columns ``severance``, ``program_profit``, ``mean_profit``, ``standard_error`` and ``blocking_rate``.
        predicted: where blocking is predicted to stop, and to begin again if it does.
        unit: of money.
    """
    figure = style.new_figure(style.COLUMN_WIDTH, 3.7)
    above, below = figure.subplots(2, 1, sharex=True)
    severance = sweep["severance"].to_numpy(dtype=float)
    above.plot(severance, sweep["program_profit"], color=palette.INK, lw=1.0, label="promised by the linear program")
    error = 2 * sweep["standard_error"].to_numpy(dtype=float)
    above.errorbar(
        severance,
        sweep["mean_profit"],
        error,
        fmt="o",
        color=palette.BLUE,
        ms=3,
        lw=0.8,
        label="mean in simulation ± 2 s.e.",
    )
    below.plot(severance, sweep["blocking_rate"], "o-", color=palette.SERIES[1], ms=3, lw=0.8, label="in simulation")
    for axes in (above, below):
        for place, value in enumerate(predicted):
            axes.axvline(
                value,
                color=palette.GREY,
                lw=0.8,
                ls=":",
                label=None if place else "predicted by condition (27)",
                gid="predicted",
            )
        style.dress(axes)
    above.axhline(0, color=palette.GREY, lw=0.5)
    above.set_ylabel(style.with_unit("profit per round", unit))
    below.set_ylabel("share of rounds in which\na coalition leaves")
    below.set_xlabel(style.with_unit("severance promised to the bad type", unit))
    below.set_ylim(-0.05, 1.05)
    figure.align_ylabels()
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=1)
    where = " and ".join(exact_number(value) for value in predicted)
    style.put_title(figure, f"Nothing to block {'between' if len(predicted) > 1 else 'from'} severance of {where}")
    return figure


def exact_number(value: float) -> str:
    """Return a number as a fraction where it is one with a small denominator, and as a decimal otherwise."""
    fraction = Fraction(value).limit_denominator(_LARGEST_DENOMINATOR)
    if abs(float(fraction) - value) > _EXACT:
        return style.short_number(round(value, 4)).replace("-", "−")
    decimal = f"{value:.10g}" if abs(round(value, 2) - value) <= _EXACT else ""
    return (decimal or str(fraction)).replace("-", "−")


def _label_corner(axes: Axes, corner: np.ndarray, centre: np.ndarray) -> None:
    """Write a vertex's numbers beside it, away from the polygon."""
    away = corner - centre
    right, above = away[0] >= 0, away[1] >= 0
    axes.annotate(
        f"({exact_number(float(corner[0]))}, {exact_number(float(corner[1]))})",
        (float(corner[0]), float(corner[1])),
        xytext=(5 if right else -5, 5 if above else -6),
        textcoords="offset points",
        ha="left" if right else "right",
        va="bottom" if above else "top",
    )


def _make_room(axes: Axes, points: np.ndarray) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    # A core that is a point leaves room of the size of its payoffs.
    scale = max(float((high - low).max()), 0.25 * float(np.abs(points).max()), 1e-9)
    span = np.maximum(high - low, 0.2 * scale)
    axes.set_xlim(low[0] - 0.25 * span[0], high[0] + 0.25 * span[0])
    axes.set_ylim(low[1] - 0.2 * span[1], high[1] + 0.2 * span[1])


def _explain_regions(figure: Figure, names: list[str]) -> None:
    styles = ("-", (0, (4, 2)), (0, (1, 1.2)))
    handles: list[Patch | Line2D] = [Patch(fc=palette.PALE_GREEN, ec="none", label="no blocking plan earns anything")]
    handles += [
        Line2D([], [], color=palette.INK, lw=1.1, ls=styles[place % 3], label=style.plain(name))
        for place, name in enumerate(names)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=1)
