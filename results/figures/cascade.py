"""In which order the bankrupt of a round failed, and whose cancelled trades led to it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.figure import RunFigure, View
from marketgame.results.figures.network import StrengthScale
from marketgame.results.loading import Run
from marketgame.results.selection import NEGLIGIBLE, rows_of_round, rows_of_run

BUDGET: Final = "budget"
_MOST_SHOWN: Final = 40  # of the bankrupt
_MOST_ARROWS: Final = 60
_CHARGES: Final = ("charged_to_player", "charged_to_counterparty")
_ROOM: Final = 34  # letters on a line of a label
# Marks say why, their colours who.
_MARKS: Final = {BUDGET: "o", "short-sale": "D"}
_WORDS: Final = {BUDGET: "over budget", "short-sale": "short of a good"}


@dataclass(frozen=True)
class Fallen:
    """Somebody who went bankrupt.

    Attributes:
        player: its name.
        wave: in which test of the settlement it failed, from 1.
        reason: why: "budget" or "short-sale".
        amount: what it lacked: numeraire, or units of a good before any trade was cancelled; none if not known.
        good: which good it lacked; empty for the numeraire that its budget lacks.
    """

    player: str
    wave: int
    reason: str
    amount: float | None = None
    good: str = ""


@dataclass(frozen=True)
class Cascade:
    """Who failed in a round.

    Attributes:
        round: which.
        fallen: those who failed, wave by wave, and in the economy's order within one.
        causes: what somebody lost by it that another had failed before, by the other and by who lost it; of who failed
            its budget what trades with the other would have earned it by their charges, of who was short of a good what
            it would have received from the other on balance, at the supporting price, numeraire. Empty in folders that
            do not know it.
    """

    round: int
    fallen: tuple[Fallen, ...]
    causes: Mapping[tuple[str, str], float]

    @property
    def waves(self) -> int:
        """In how many waves they failed."""
        return max((each.wave for each in self.fallen), default=0)


def deepest_cascade(run: Run, run_number: int = 0) -> int:
    """Return the round of most waves, then of most bankruptcies; the earliest of equals.

    Raises:
        ValueError: the folder holds no such run, or nobody failed in it.
    """
    fell = _bankrupt(rows_of_run(run, "players", run_number))
    if fell.empty:
        raise ValueError(f"nobody went bankrupt in run {run_number} in {run.folder}")
    rounds = fell.groupby("round")["wave"].agg(["max", "size"])
    return int(rounds.sort_values(["max", "size"], ascending=False, kind="stable").index[0])


def cascade_of(run: Run, round_number: int, run_number: int = 0) -> Cascade:
    """Return who failed in a round, in which order and by whose cancelled trades.

    Raises:
        ValueError: the folder holds no such run, or the run no such round.
    """
    rows = _bankrupt(rows_of_round(run, "players", round_number, run_number)).sort_values("wave", kind="stable")
    lacked = _lacked(run, round_number, run_number)
    fallen = tuple(
        Fallen(name, int(wave), reason, *lacked.get(name, ()))
        for name, wave, reason in zip(rows["player"], rows["wave"], rows["reason"], strict=True)
    )
    return Cascade(round_number, fallen, _causes(run, fallen, round_number, run_number))


@style.in_house_style
def cascade_order(run: Run, round_number: int | None = None, run_number: int = 0) -> Figure:
    """Draw who failed in which wave of a round, why, and by whose cancelled trades.

    Of more than 40 bankrupt players those are shown to or from whom most was lost, of each wave alike.

    Args:
        run: a loaded run folder.
        round_number: the round; that of the deepest cascade without it.
        run_number: which run of the folder.

    Raises:
        ValueError: the folder holds no such run, the run no such round, or nobody failed in it.
    """
    number = deepest_cascade(run, run_number) if round_number is None else round_number
    cascade = cascade_of(run, number, run_number)
    if not cascade.fallen:
        raise ValueError(f"nobody went bankrupt in round {number} of run {run_number} in {run.folder}")
    shown = _shown(cascade)
    money = run.unit("players", "wealth")
    labels = [_label(each) for each in shown]
    lines = sum(label.count("\n") + 1 for label in labels)
    figure = style.new_figure(style.WIDE, 1.25 + 0.14 * lines)
    axes = figure.subplots()
    place = {each.player: row for row, each in enumerate(shown)}
    looks = palette.player_looks(run.player_names)
    scale = _draw_causes(axes, cascade, shown, place)
    for row, each in enumerate(shown):
        own: dict[str, Any] = {"color": looks[each.player].colour, "fillstyle": looks[each.player].half}
        axes.plot(each.wave, row, zorder=3, gid=each.player, **_mark(each.reason), **own)
    axes.set(xlim=(0.6, cascade.waves + 0.4), ylim=(len(shown) - 0.4, -0.6))
    axes.set_yticks(range(len(shown)), labels)
    sizes = pd.Series([each.wave for each in cascade.fallen]).value_counts()
    waves = range(1, cascade.waves + 1)
    axes.set_xticks(waves, [f"wave {wave}\n{sizes.get(wave, 0)} bankrupt" for wave in waves])
    axes.grid(axis="y", color=palette.PALE, lw=0.4, zorder=0)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    style.dress(axes)
    axes.tick_params(axis="both", length=0)
    _explain(figure, shown, scale, money)
    drawn = min(_MOST_ARROWS, sum(set(pair) <= set(place) for pair in cascade.causes))
    style.put_title(figure, *_clauses(cascade, len(shown), drawn, len(run.player_names)))
    return figure


def _worth_drawing(view: View) -> bool:
    rows = rows_of_run(view.run, "players", view.number)
    fell = _bankrupt(rows)
    # Where nobody fails by another's failure, the raster of bankruptcies tells all; who asks for a round gets it.
    return bool((fell["wave"] > 1).any() if view.asked is None else (fell["round"] == view.asked).any())


CASCADE: Final = RunFigure(
    26,
    "cascade",
    "who went bankrupt in which wave of a round, why, and by whose cancelled trades",
    ("players",),
    lambda view: cascade_order(view.run, view.asked, view.number),
    worthwhile=_worth_drawing,
)


def _bankrupt(players: pd.DataFrame) -> pd.DataFrame:
    """Return who failed with the wave; folders written before waves were recorded tell none, which counts as one."""
    fell = players[players["bankrupt"]].astype({"player": str, "reason": str})
    return fell if "wave" in fell else fell.assign(wave=1)


def _lacked(run: Run, round_number: int, run_number: int) -> dict[str, tuple[float | None, str]]:
    """Return what each bankrupt player lacked, and of what, as far as the events tell."""
    if "events" not in run.tables:
        return {}
    rows = rows_of_round(run, "events", round_number, run_number)
    rows = rows[rows["kind"].astype(str) == "bankruptcy"]
    found: dict[str, tuple[float | None, str]] = {}
    for name, good, amount in zip(rows["player"].astype(str), rows["good"], rows["amount"], strict=True):
        # Who is short only once trades were cancelled lacked nothing before.
        found[name] = (float(amount), "" if pd.isna(good) else str(good)) if amount > 0 else (None, "")
    return found


def _causes(run: Run, fallen: tuple[Fallen, ...], round_number: int, run_number: int) -> dict[tuple[str, str], float]:
    if "cancelled_trades" not in run.tables or not set(_CHARGES) <= set(run.cancelled_trades):
        return {}
    rows = rows_of_round(run, "cancelled_trades", round_number, run_number)
    known = {each.player: each for each in fallen}
    lost: dict[tuple[str, str], dict[str, float]] = {}

    def note(before: str, after: str, good: str, charge: float, value: float) -> None:
        """Let somebody miss a trade with another, if that one failed before."""
        if before in known and after in known and known[before].wave < known[after].wave:
            what, amount = ("", -charge) if known[after].reason == BUDGET else (good, value)
            own = lost.setdefault((before, after), {})
            own[what] = own.get(what, 0.0) + amount

    columns = ("player", "counterparty", "good", "value", *_CHARGES)
    for receiver, giver, good, value, to_receiver, to_giver in zip(*(rows[name] for name in columns), strict=True):
        note(str(giver), str(receiver), str(good), float(to_receiver), float(value))
        note(str(receiver), str(giver), str(good), float(to_giver), -float(value))
    causes = {pair: sum(max(amount, 0.0) for amount in goods.values()) for pair, goods in lost.items()}
    least = NEGLIGIBLE * max(causes.values(), default=0.0)
    return {pair: amount for pair, amount in causes.items() if amount > least}


def _shown(cascade: Cascade) -> list[Fallen]:
    """Return those who are shown: all, or of each wave alike those by or for whom most was lost."""
    if len(cascade.fallen) <= _MOST_SHOWN:
        return list(cascade.fallen)
    weight = dict.fromkeys((each.player for each in cascade.fallen), 0.0)
    for pair, amount in cascade.causes.items():
        for name in pair:
            weight[name] += amount
    waves = [
        sorted((each for each in cascade.fallen if each.wave == wave), key=lambda each: -weight[each.player])
        for wave in range(cascade.waves, 0, -1)
    ]
    in_turn = [each for several in zip_longest(*waves) for each in several if each is not None]
    kept = {each.player for each in in_turn[:_MOST_SHOWN]}
    return [each for each in cascade.fallen if each.player in kept]


def _mark(reason: str) -> dict[str, Any]:
    shape = _MARKS.get(reason, "s")
    return {"marker": shape, "ms": 6.5, "ls": "none", "mec": palette.INK, "mew": 0.6, "mfcalt": palette.WHITE}


def _label(each: Fallen) -> str:
    """Return who failed, why and what was lacking, on lines of some letters."""
    why = _WORDS.get(each.reason, each.reason)
    if each.amount is not None:
        amount = style.short_number(each.amount)
        why = f"short of {amount} {each.good}" if each.good else f"{why} by {amount}"
    return style.plain("\n".join(textwrap.wrap(f"{each.player}: {why}", _ROOM)))


def _draw_causes(axes: Axes, cascade: Cascade, shown: list[Fallen], place: Mapping[str, int]) -> StrengthScale | None:
    """Draw an arrow from who failed before to who failed after, the smallest first; of many the main ones of each."""
    drawn = _main_causes({pair: amount for pair, amount in cascade.causes.items() if set(pair) <= set(place)})
    if not drawn:
        return None
    wave = {each.player: each.wave for each in shown}
    scale = StrengthScale.over([cascade.causes[pair] for pair in drawn])
    for before, after in drawn:
        axes.add_patch(
            FancyArrowPatch(
                (wave[before], place[before]),
                (wave[after], place[after]),
                arrowstyle="-|>,head_length=1,head_width=0.5",
                connectionstyle="arc3,rad=-0.08",
                shrinkA=4,
                shrinkB=5,
                joinstyle="miter",
                zorder=2,
                gid=f"{before} to {after}",
                **_arrow_look(scale, cascade.causes[before, after]),
            )
        )
    return scale


def _main_causes(causes: Mapping[tuple[str, str], float]) -> list[tuple[str, str]]:
    """Return the causes drawn, the smallest first: as many of each player's largest as there is room for all."""
    several: dict[str, list[tuple[str, str]]] = {}
    for pair in sorted(causes, key=lambda pair: -causes[pair]):
        several.setdefault(pair[1], []).append(pair)
    in_turn = [pair for each in zip_longest(*several.values()) for pair in each if pair is not None]
    return sorted(in_turn[:_MOST_ARROWS], key=lambda pair: causes[pair])


def _arrow_look(scale: StrengthScale, amount: float) -> dict[str, Any]:
    width = 0.5 + 2.0 * scale.strength(amount)
    return {"color": style.FLOWS(scale.strength(amount)), "lw": width, "mutation_scale": 2.5 + 1.6 * width}


def _explain(figure: Figure, shown: list[Fallen], scale: StrengthScale | None, money: str) -> None:
    """Say what marks and arrows mean."""
    reasons = dict.fromkeys(each.reason for each in shown)
    handles = [
        Line2D([], [], label=_WORDS.get(reason, reason), **_mark(reason) | {"mfc": palette.WHITE}) for reason in reasons
    ]
    title = f"amounts in {money}" if money else ""
    if scale is not None:
        for amount in scale.samples():
            look = _arrow_look(scale, amount)
            handles.append(Line2D([], [], color=look["color"], lw=look["lw"], label=f"→ {style.short_number(amount)}"))
        title = "arrows: what the one lost as its trades with the other were cancelled"
        title += f" ({money})" if money else ""
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(len(handles), 5), title=style.plain(title) or None
    )


def _clauses(cascade: Cascade, shown: int, drawn: int, players: int) -> list[str]:
    waves = "at once" if cascade.waves == 1 else f"in {cascade.waves} waves"
    clauses = [f"Round {cascade.round}: {len(cascade.fallen)} of {players} players bankrupt {waves}"]
    if shown < len(cascade.fallen):
        clauses.append(f"{shown} of them are shown")
    if drawn < len(cascade.causes):
        clauses.append(f"with {drawn} of {len(cascade.causes)} causes, the largest of each player first")
    later = {each.player for each in cascade.fallen if each.wave > 1}
    unknown = len(later - {after for _, after in cascade.causes})
    if later and unknown == len(later):
        clauses.append("by whose trades is not recorded")
    elif unknown:
        clauses.append(f"causes of {unknown} are too small to be listed among trades")
    return clauses
