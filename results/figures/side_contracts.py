"""Coalition organisers over the rounds of a run: which coalitions formed and held, and what their members gained."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator, StrMethodFormatter, SymmetricalLogLocator

from marketgame.results import palette
from marketgame.results.figures import side_contract_counts as counts
from marketgame.results.figures import style
from marketgame.results.figures.figure import RunFigure
from marketgame.results.loading import Run
from marketgame.results.selection import rows_of_run

# How each outcome is written, its colour and its hatch, from the bottom of a bar to its top.
_LOOKS: Final[Mapping[counts.Outcome, tuple[str, str, str]]] = MappingProxyType(
    {
        counts.Outcome.KEPT: ("agreed and kept", palette.GREEN, ""),
        counts.Outcome.BROKEN: ("agreed, then broken", palette.VERMILION, "////"),
        counts.Outcome.VOID: ("void: reports or goods do not fit", palette.YELLOW, "xxxx"),
        counts.Outcome.WOULD_LOSE: ("refused: would lose", palette.SKY, ""),
        counts.Outcome.UNWILLING: ("refused without loss", palette.SKY, "\\\\\\\\"),
        counts.Outcome.TOO_LATE: ("too late: a member is taken", palette.WHITE, "...."),
        counts.Outcome.NONE_FOUND: ("no side-contract found", palette.PALE, ""),
    }
)
_BAND: Final = 2.0  # standard errors on either side of a mean
_STRIP: Final = 0.3  # inches, for one coalition
_ROW: Final = 0.16  # inches, for one line of text
_LINE: Final = 22  # letters in the name of a coalition or of a member
_COLUMN: Final = 30.0  # points between columns of numbers
# Gains so many times the typical one that a linear axis would hide the others.
_FAR: Final = 50.0
_DECADES: Final = 5  # that are marked on a logarithmic axis
_MOST_NAMED: Final = 3  # players in the title
_CLEAR: Final[Mapping[str, Any]] = MappingProxyType({"facecolor": palette.WHITE, "edgecolor": "none", "pad": 0.5})
_PROMISED: Final[Mapping[str, Any]] = MappingProxyType(
    {"ls": "", "marker": "D", "mfc": palette.WHITE, "mec": palette.INK, "mew": 0.9}
)


@style.in_house_style
def side_contracts_over_rounds(run: Run, run_number: int = 0) -> Figure:
    """Draw what became of every attempt at a side-contract, and what members gained against what they expected.

    Above, each coalition that was approached has a strip along the rounds, with the number of attempts by outcome; runs
    of more than 60 rounds show blocks of rounds. Beside it stands how often the coalition was tried, agreed, kept its
    agreement, and how often in a row at most. Below, each member's mean gain in the rounds in which the coalition
    colluded, two standard errors on either side, is set against the mean of what it expected when it answered; beside
    it stands how often the member refused, lied to its partners or was among those who broke the agreement. Of many
    coalitions those who agreed most often are shown, and the others together; coalitions of which nobody was ever
    asked have no gains.
    """
    rows = counts.recorded(run, run_number)
    made = counts.attempts(rows)
    shown, group_of = counts.groups(rows, made)
    played = rows_of_run(run, "rounds", run_number)["round"]
    labels = _labels(shown)
    fared = {group.key: counts.standings(rows, made, group_of, group) for group in shown}
    lines = sum(len(each) + 1 for each in fared.values() if each)
    strip = max(_STRIP, 0.14 * max(label.count("\n") + 1 for label in labels.values()))
    heights = [0.75 + strip * len(shown) + _ROW * math.ceil(made["outcome"].nunique() / 3)]
    heights += [1.1 + _ROW * lines] if lines else []
    figure = style.new_figure(style.WIDE, 0.35 + sum(heights))
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    _draw_strips(parts[0], made.assign(group=group_of), shown, labels, played)
    _explain_outcomes(parts[0], set(made["outcome"]))
    if lines:
        named = [(labels[group.key], fared[group.key]) for group in shown if fared[group.key]]
        _draw_gains(parts[1], named, palette.player_looks(run.player_names), run.unit(counts.TABLE, "realised_gain"))
    style.put_title(figure, *_clauses(made, rows))
    return figure


SIDE_CONTRACTS: Final = RunFigure(
    70,
    "side-contracts",
    "which coalitions form, who breaks them, what members gain",
    ("side_contracts",),
    lambda view: side_contracts_over_rounds(view.run, view.number),
)


def _labels(shown: Sequence[counts.Group]) -> dict[str, str]:
    """Return what each group is called, no two alike."""
    several = len({group.organiser for group in shown if group.organiser}) > 1
    labels: dict[str, str] = {}
    met: Counter[str] = Counter()
    for group in shown:
        name = _joined(group.members) if group.members else f"{group.coalitions} other coalitions"
        if several and group.organiser:
            name = f"{_shortened(group.organiser)}:\n{name}"
        met[name] += 1
        labels[group.key] = f"{name} ({met[name]})" if met[name] > 1 else name
    return labels


def _joined(members: Sequence[str]) -> str:
    """Return the name of a coalition on at most two lines, members who find no place there counted."""
    lines = [""]
    for place, name in enumerate(members):
        part = _shortened(name) + (" +" if place < len(members) - 1 else "")
        if lines[-1] and len(f"{lines[-1]} {part}") > _LINE:
            if len(lines) == 2:
                return "\n".join([*lines[:1], f"{lines[1]} {len(members) - place} more"])
            lines.append("")
        lines[-1] = f"{lines[-1]} {part}".strip()
    return "\n".join(lines)


def _shortened(name: str) -> str:
    return name if len(name) <= _LINE else f"{name[: _LINE // 2]}…{name[1 - _LINE // 2 :]}"


def _draw_strips(
    part: SubFigure, made: pd.DataFrame, shown: Sequence[counts.Group], labels: Mapping[str, str], played: pd.Series
) -> None:
    """Draw each group's attempts by outcome along the rounds, and write beside them how they ended."""
    first, length = int(played.min()), counts.block_length(len(played))
    block = ((made["round"] - first) // length).rename("block")
    grid = part.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    tallest = made.groupby(["group", block]).size().groupby(level="group").max()
    alone = [group.key for group in shown if group.members]
    ended = pd.crosstab([made["group"], block], made["outcome"])
    for axes, group in zip(grid, shown, strict=True):
        outcomes = made.loc[made["group"] == group.key, "outcome"]
        here = ended[ended.index.get_level_values("group") == group.key].droplevel("group")
        _draw_outcomes(axes, here, first, length)
        axes.set(ylim=(0, float(tallest[alone].max() if group.members else tallest[group.key])), yticks=[])
        axes.set_ylabel(style.plain(labels[group.key]), rotation=0, ha="right", va="center", labelpad=4)
        axes.spines["left"].set_visible(False)
        axes.tick_params(bottom=axes is grid[-1])
        kept = outcomes == counts.Outcome.KEPT
        numbers = (
            len(outcomes),
            int(outcomes.isin(counts.AGREED).sum()),
            int(kept.sum()),
            counts.longest_kept(made[made["group"] == group.key]),
        )
        _write_numbers(axes, 0.5, [f"{number:,}" for number in numbers], "axes fraction")
        style.dress(axes)
    _write_numbers(grid[0], 1.0, ["tried", "agreed", "kept", "longest\nrun"], "axes fraction", va="bottom")
    grid[-1].set(xlim=(first - 0.5, int(played.max()) + 0.5))
    grid[-1].xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    grid[-1].xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    grid[-1].set_xlabel(_scale(length, tallest, alone))


def _explain_outcomes(part: SubFigure, present: Collection[str]) -> None:
    looks = [look for outcome, look in _LOOKS.items() if outcome in present]
    handles = [Patch(fc=colour, ec=palette.INK, lw=0.4, hatch=hatch, label=label) for label, colour, hatch in looks]
    part.legend(handles=handles, loc="outside lower center", ncols=min(3, len(handles)))


def _draw_outcomes(axes: Axes, ended: pd.DataFrame, first: int, length: int) -> None:
    """Draw the outcomes of each block on top of each other."""
    left = first - 0.5 + ended.index.to_numpy(dtype=float) * length
    bottom = np.zeros(len(ended))
    for outcome, (_, colour, hatch) in _LOOKS.items():
        if outcome not in ended or not ended[outcome].any():
            continue
        heights = ended[outcome].to_numpy(dtype=float)
        # All bars of an outcome are one patch, whose hatch is drawn once.
        bars = Path.make_compound_path(
            *(
                Path([(x, y), (x + length, y), (x + length, y + height), (x, y + height), (x, y)], closed=True)
                for x, y, height in zip(left, bottom, heights, strict=True)
                if height > 0
            )
        )
        axes.add_patch(PathPatch(bars, fc=colour, ec=palette.INK, lw=0.3, hatch=hatch, gid=str(outcome)))
        bottom += heights


def _scale(length: int, tallest: pd.Series, alone: Sequence[str]) -> str:
    """Return what the axis along the rounds and the height of the strips measure."""
    most, others = int(tallest[list(alone)].max()), int(tallest.get(counts.OTHERS, 0))
    if length == most == 1 and others <= 1:
        return "round"
    blocks = f"round, in blocks of {length:,}" if length > 1 else "round"
    full = f"{blocks}; full height: {most:,} {'attempt' if most == 1 else 'attempts'}"
    return f"{full}, {others:,} of the others" if others else full


def _write_numbers(
    axes: Axes, height: float, numbers: Sequence[str], coordinates: str, va: str = "center_baseline"
) -> None:
    """Write numbers in columns to the right of the axes."""
    for place, number in enumerate(numbers):
        axes.annotate(
            number,
            (1.0, height),
            (6 + _COLUMN * (place + 0.8), 0),
            xycoords=("axes fraction", coordinates),
            textcoords="offset points",
            ha="right",
            va=va,
            fontsize=style.SMALL,
        )


def _draw_gains(
    part: SubFigure,
    fared: Sequence[tuple[str, list[counts.Standing]]],
    looks: Mapping[str, palette.PlayerLook],
    unit: str,
) -> None:
    """Draw what members were promised and what they got, and write beside it what they did to each other."""
    axes = part.subplots()
    height, ticks = 0.0, []
    for label, members in fared:
        axes.text(
            0.0,
            height,
            style.plain(label.replace("\n", " ")),
            va="center_baseline",
            weight="bold",
            bbox=_CLEAR,
            transform=axes.get_yaxis_transform(),
        )
        for member in members:
            height += 1
            ticks.append((height, member.name))
            _draw_member(axes, height, member, looks[member.name].colour if member.name in looks else palette.INK)
            _write_numbers(axes, height, [f"{it:,}" for it in (member.refused, member.lied, member.broke)], "data")
        height += 1
    style.dress(axes)
    axes.axvline(0.0, color=palette.GREY, lw=0.8, ls=":", zorder=1)
    axes.set_yticks([at for at, _ in ticks], [style.plain(_shortened(name)) for _, name in ticks])
    axes.set_ylim(height - 0.4, -1.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    _write_numbers(axes, -1.0, ["refused", "lied", "broke"], "data")
    _set_scale(axes, [it for _, members in fared for it in members], unit)
    _explain_gains(part, any(not math.isnan(it.realised) for _, members in fared for it in members))


def _draw_member(axes: Axes, height: float, member: counts.Standing, colour: str) -> None:
    """Draw one member's mean gain with its interval, and what it was promised."""
    if not math.isnan(member.realised):
        axes.plot([member.promised, member.realised], [height] * 2, color=palette.GREY, lw=0.6, zorder=1.5)
        axes.plot([member.realised], [height], "o", color=colour, gid=f"{member.name} realised")
    if not math.isnan(member.standard_error):
        ends = [member.realised + sign * _BAND * member.standard_error for sign in (-1, 1)]
        axes.plot(ends, [height] * 2, color=colour, lw=1.6, solid_capstyle="butt", gid=f"{member.name} interval")
    if not math.isnan(member.promised):
        axes.plot([member.promised], [height], gid=f"{member.name} promised", **_PROMISED)


def _set_scale(axes: Axes, members: Sequence[counts.Standing], unit: str) -> None:
    """Measure gains on a linear axis, or on one that is logarithmic far from zero where gains are far apart."""
    sizes = np.abs([value for each in members for value in (each.promised, each.realised) if not math.isnan(value)])
    typical = float(np.median(sizes[sizes > 0])) if (sizes > 0).any() else 0.0
    what = "gain over the grand contract, mean per agreement"
    if typical > 0 and float(sizes.max()) > _FAR * typical:
        straight = 10.0 ** math.ceil(math.log10(typical))
        axes.set_xscale("symlog", linthresh=straight)
        locator = SymmetricalLogLocator(base=10.0, linthresh=straight)
        locator.set_params(numticks=_DECADES)
        axes.xaxis.set_major_locator(locator)
        unit = f"{unit}, logarithmic beyond ±{style.short_number(straight)}".lstrip(", ")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    axes.margins(x=0.06)
    axes.set_xlabel(style.with_unit(what, unit, room=64))


def _explain_gains(part: SubFigure, colluded: bool) -> None:
    promised = Line2D([], [], label="promised: expected when asked", **_PROMISED)
    realised = Line2D([], [], color=palette.INK, lw=1.6, marker="o", label="realised, ± 2 standard errors")
    part.legend(handles=[promised, realised] if colluded else [promised], loc="outside lower center", ncols=2)


def _clauses(made: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Say how many attempts led to agreements, how many of these were kept, and who broke most of the others."""
    agreed, kept = int(made["outcome"].isin(counts.AGREED).sum()), int((made["outcome"] == counts.Outcome.KEPT).sum())
    organisers = [str(name) for name in made["organiser"].unique()]
    who = organisers[0] if len(organisers) == 1 else f"{len(organisers)} organisers"
    attempted = f"{len(made):,} {'attempt' if len(made) == 1 else 'attempts'}"
    if not agreed:
        return [f"{who}: no agreement in {attempted}"]
    how_many = "all" if kept == agreed else f"{kept:,}" if kept else "none"
    agreements = "1 agreement" if agreed == 1 else f"{agreed:,} agreements"
    clauses = [f"{who}: {agreements} in {attempted}, {how_many} kept"]
    breaks = rows.loc[rows["broke"], "player"].value_counts(sort=False)
    worst = [_shortened(str(name)) for name in breaks.index[breaks == breaks.max()]]
    if 0 < len(worst) <= _MOST_NAMED:
        clauses.append(f"{style.some_names(worst)} {'breaks' if len(worst) == 1 else 'break'} most often")
    return clauses
