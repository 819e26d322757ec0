"""A run as a moving picture: trade round by round, and bankruptcies wave by wave, with prices and gains beside it.

Every scale is the same in all pictures. Equal runs give equal pictures, and equal versions equal files. What stays is
drawn once; of each picture only what moves is drawn.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from fractions import Fraction
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.ticker import FixedLocator, MaxNLocator, StrMethodFormatter
from PIL import Image

from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.legible import legible
from marketgame.results.figures.network import StrengthScale
from marketgame.results.figures.ring import (
    KEY,
    MANY,
    MOST_NAMED,
    Trader,
    agreement_sample,
    coalition_line,
    cross_look,
    draw_labels,
    make_room,
    node_look,
    order_in_words,
    ring_places,
    status_samples,
)
from marketgame.results.figures.saving import written_whole
from marketgame.results.figures.story import Moment, Pair, moments
from marketgame.results.figures.welfare import gains, scale_of_gains
from marketgame.results.loading import OBEDIENT, Run
from marketgame.results.selection import rows_of_run

PICTURES_PER_SECOND: Final = 2.0
MARK: Final = "moving picture by marketgame"  # in every file, by which it is known to be ours
_SIZE: Final = (7.2, 4.05)  # inches
_DOTS: Final = 160  # per inch
_WIDEST: Final = 30.0  # points across, of the richest
_SMALLEST: Final = 4.0
_MOST_ARROWS: Final = 300
_MOST_CANCELLED: Final = 100
_FEW_ARROWS: Final = 30
_THICKEST: Final = 2.8  # points
_WILD: Final = 20.0  # prices so many times the lowest need a logarithmic axis
_COLOURS: Final = 64
_BEND: Final = 0.1  # of an arrow, in lengths of it
_CANCELLED: Final[dict[str, Any]] = {"color": palette.INK, "linestyle": (0, (2, 1))}
_NAME: Final = 14  # letters of one among many
_TITLE: Final = 44  # letters on a line above a strip


class FilmFormat(StrEnum):
    """What a moving picture is written as."""

    MP4 = "mp4"
    """Needs PyAV, which the extra ``animation`` installs."""
    GIF = "gif"


def can_write_mp4() -> bool:
    """Whether there is an encoder for MP4."""
    return find_spec("av") is not None


def is_film(path: Path) -> bool:
    """Whether a file was written by `save_film`."""
    content = path.read_bytes()
    return MARK.encode() in content and (content.startswith(b"GIF8") or content[4:8] == b"ftyp")


def save_film(
    run: Run,
    path: Path,
    *,
    first: int | None = None,
    last: int | None = None,
    run_number: int = 0,
    pictures_per_second: float = PICTURES_PER_SECOND,
    on_picture: Callable[[int, int], None] = lambda _done, _of: None,
) -> Path:
    """Write a run as a moving picture; a file of that name is replaced, in one step, when it is whole.

    Args:
        run: a run on a market.
        path: where to; its ending says as what.
        first: the first round shown; by default the first played.
        last: the last; likewise.
        run_number: which run of the folder.
        pictures_per_second: how fast.
        on_picture: called after each with how many are drawn and how many there are.

    Raises:
        ImportError: there is no encoder for MP4.
        ValueError: the ending is neither mp4 nor gif, or the folder holds no such run or rounds on a market.
        OSError: the file cannot be written.
    """
    kind = FilmFormat(path.suffix.removeprefix("."))
    if kind is FilmFormat.MP4 and not can_write_mp4():
        raise ImportError("an MP4 needs PyAV: install marketgame with its extra `animation`, or name a .gif")
    readable = legible(run)
    shown = moments(readable, first, last, run_number)

    def pictures() -> Iterator[_Picture]:
        film = Film(readable, shown, run_number)
        for done, moment in enumerate(shown, 1):
            yield film.picture(moment)
            on_picture(done, len(shown))

    with written_whole(path) as partial:
        {FilmFormat.MP4: _write_mp4, FilmFormat.GIF: _write_gif}[kind](partial, pictures(), pictures_per_second)
    return path


type _Picture = npt.NDArray[np.uint8]


def _write_mp4(path: Path, pictures: Iterator[_Picture], pictures_per_second: float) -> None:
    import av  # noqa: PLC0415 -- an extra

    with av.open(str(path), "w", format="mp4") as container:
        container.metadata["comment"] = MARK
        stream = container.add_stream("libx264", Fraction(pictures_per_second).limit_denominator(1000))
        # One thread and no stamp of time: equal pictures give equal files.
        stream.options = {"preset": "veryfast", "crf": "18", "tune": "animation", "threads": "1"}
        stream.pix_fmt = "yuv420p"  # what every player shows
        first = next(pictures)
        stream.height, stream.width = first.shape[:2]
        for picture in chain([first], pictures):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _write_gif(path: Path, pictures: Iterator[_Picture], pictures_per_second: float) -> None:
    flat = (
        Image.fromarray(picture).quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        for picture in pictures
    )
    first = next(flat)
    duration = max(20, round(1000 / pictures_per_second))
    # Pillow would leave a file of its own opening open if it is interrupted.
    with path.open("wb") as file:
        first.save(file, "GIF", save_all=True, append_images=flat, duration=duration, loop=0, comment=MARK.encode())


class Film:
    """Draws the pictures of a run, all on the same scales."""

    def __init__(self, run: Run, shown: Sequence[Moment], run_number: int = 0) -> None:
        with style.in_style():
            self._compose(run, shown, run_number)

    def _compose(self, run: Run, shown: Sequence[Moment], run_number: int) -> None:
        self.figure = style.new_figure(*_SIZE, layout=None)
        self.figure.set_dpi(_DOTS)
        self._canvas = FigureCanvasAgg(self.figure)
        self._money = run.unit("players", "wealth")
        self._names = list(shown[0].behaviours)
        self._richest = max(max(moment.wealth.values()) for moment in shown)
        values = [value for moment in shown for flows in (moment.flows, moment.cancelled) for value in flows.values()]
        self._scale = StrengthScale.over(values) if values else None
        # The more arrows there are, the thinner, so that many do not run together.
        most = max(len(moment.flows) for moment in shown)
        self._thickest = _THICKEST * min(1.0, max(0.35, math.sqrt(_FEW_ARROWS / max(most, 1))))
        self._title = self.figure.text(0.01, 0.975, "", va="top", fontsize=style.NORMAL, linespacing=1.3)
        self._ring = self.figure.add_axes((0.01, 0.2, 0.5, 0.66))
        self._ring.set_axis_off()
        self._lay_out_players(shown)
        self._strips = _Strips(self, run, shown, run_number)
        self._explain(shown)
        moving: list[Artist] = [self._title, *self._strips.moving, *self._nodes.values(), *self._crosses.values()]
        for artist in (*moving, *self._labels.values()):
            artist.set_animated(True)
        self._canvas.draw()  # type: ignore[no-untyped-call]
        self._background = self._canvas.copy_from_bbox(self.figure.bbox)  # type: ignore[no-untyped-call]
        self._arrows: dict[Pair, FancyArrowPatch] = {}
        self._agreements: dict[tuple[tuple[str, ...], bool], Line2D] = {}

    def _lay_out_players(self, shown: Sequence[Moment]) -> None:
        """Put players where they stand in all pictures, with the room that their longest labels take."""
        longest = {name: max((each.behaviours[name] for each in shown), key=len) for name in self._names}
        fallen = [Trader(name, 0.0, bankrupt=True, behaviour=longest[name]) for name in self._names]
        self._places = ring_places(fallen)
        self._turned, self._named = len(fallen) > MANY, len(fallen) <= MOST_NAMED
        self._bankrupt = "({})" if self._turned else "bankrupt, wave {}"
        room = 0.75 * 90.0 * math.tau / len(fallen)
        self._widest = min(_WIDEST, room)
        across = dict.fromkeys(self._names, self._widest)
        labels = draw_labels(self._ring, fallen, self._places, across, turned=self._turned)
        for name, label in labels.items():
            label.set_text(style.plain(self._label(name, longest[name], [self._bankrupt.format(99)])))
        make_room(self._ring, self._places, across, labels)
        self._labels = labels
        left, right = self._ring.get_xlim()
        self._point = (right - left) / (72 * self._ring.get_position().width * _SIZE[0])  # in units of the ring
        if self._turned:
            # Neighbours do not cover each other; neighbours on circles within each other have more room.
            apart = math.tau / (self._point * len(fallen)) * (1.0 if self._named else 2.0)
            self._widest = min(self._widest, max(_SMALLEST, 0.9 * apart))
        looks = palette.player_looks(self._names)
        self._nodes = {
            player.name: self._ring.plot(
                *self._places[player.name], zorder=3, clip_on=False, **node_look(looks[player.name], player)
            )[0]
            for player in fallen
        }
        self._crosses = {
            name: self._ring.plot(*self._places[name], zorder=4, clip_on=False, **cross_look(look, len(looks)))[0]
            for name, look in looks.items()
        }

    def _explain(self, shown: Sequence[Moment]) -> None:
        """Say what sizes, arrows, lines and colours mean, whichever of them are met."""
        handles = status_samples(
            Trader(name, 0.0, bankrupt=name in each.failed, behaviour=behaviour, left=each.left.get(name, ""))
            for each in shown
            for name, behaviour in each.behaviours.items()
        )
        if any(each.short for each in shown):
            look: dict[str, Any] = {
                "fillstyle": "bottom",
                "mfc": palette.INK,
                "mfcalt": palette.WHITE,
                "mec": palette.INK,
            }
            handles.append(Line2D([], [], ls="", marker="X", ms=7, mew=palette.THIN, label="short of a good", **look))
        if any(each.coalitions for each in shown):
            handles.append(agreement_sample())
        if any(each.cancelled for each in shown):
            handles.append(Line2D([], [], **_CANCELLED, lw=1.2, label="trade now cancelled"))
        for value in self._scale.samples() if self._scale else ():
            handles.append(Line2D([], [], **self._arrow_look(value), label=style.short_number(value)))
        place = self.figure.add_axes((0.01, 0.01, 0.98, 0.17))
        place.set_axis_off()
        bent = ", logarithmic" if self._scale and self._scale.logarithmic else ""
        money = f", {self._money}" if self._money else ""
        largest = max(len(each.flows) for each in shown) > _MOST_ARROWS
        most = f", the {_MOST_ARROWS} largest" if largest else ""
        title = "area: wealth, before trade until a round is settled; arrows: goods from giver to receiver"
        title += f"{money}{bent}{most}"
        if self._turned and self._named and any(each.failed for each in shown):
            title += "\nin brackets: the wave in which somebody failed"
        if not self._named:
            title += f"\n{textwrap.shorten(order_in_words(self._names), 90)}"
        place.legend(
            handles=handles,
            title=style.plain(title),
            loc="lower left",
            ncols=min(5, len(handles)),
            columnspacing=1.5,
            **KEY,
        )

    def _arrow_look(self, value: float) -> dict[str, Any]:
        assert self._scale is not None
        strength = self._scale.strength(value)
        return {"color": style.FLOWS(strength), "linewidth": 0.4 + (self._thickest - 0.4) * strength}

    def picture(self, moment: Moment) -> _Picture:
        """Return what a moment looks like, ``(height, width, 3)``."""
        with style.in_style():
            self._canvas.restore_region(self._background)  # type: ignore[no-untyped-call]
            for artist in self.content(moment):
                self.figure.draw_artist(artist)
            pixels = np.asarray(self._canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        return np.ascontiguousarray(pixels[..., :3])

    def content(self, moment: Moment) -> list[Artist]:
        """Return what of a moment's picture is not on all others, from the back to the front."""
        drawn: list[Artist] = [*self._strips.at(moment), *self._lines(moment), *self._drawn_arrows(moment)]
        for name in self._names:
            fallen = name in moment.failed
            node, label = self._nodes[name], self._labels[name]
            node.set(ms=self._across(moment, name), gid=name)
            node.set_marker("s" if name in moment.left else "o")
            remarks = self._remarks(moment, name)
            behaviour = moment.behaviours[name]
            node.set_markeredgewidth(palette.THIN if behaviour == OBEDIENT else palette.THICK)
            label.set_text(style.plain(self._label(name, behaviour, remarks)))
            self._crosses[name].set_fillstyle("bottom" if name in moment.short else "full")
            label.set_fontweight("bold" if remarks or behaviour != OBEDIENT else "normal")
            drawn += [node, *([self._crosses[name]] if fallen else []), label]
        self._title.set_text(style.plain("\n".join(_clauses(moment, len(self._names)))))
        return [*drawn, self._title]

    def _across(self, moment: Moment, name: str) -> float:
        wealth = max(0.0, moment.wealth[name])
        return max(_SMALLEST, self._widest * math.sqrt(wealth / self._richest)) if self._richest > 0 else _SMALLEST

    def _label(self, name: str, behaviour: str, remarks: Sequence[str]) -> str:
        """Return what stands beside a player: of many the name and the wave alone, of very many nothing."""
        if not self._named:
            return ""
        if self._turned:
            return " ".join([name if len(name) <= _NAME else f"{name[:_NAME]}…", *remarks])
        return "\n".join([*textwrap.wrap(name, 16), *([] if behaviour == OBEDIENT else [behaviour]), *remarks])

    def _remarks(self, moment: Moment, name: str) -> list[str]:
        """Say of a player whether it is bankrupt, and since which wave, and whether it has left."""
        remarks = [] if name not in moment.failed else [self._bankrupt.format(moment.failed[name])]
        if moment.waves == 1 and not self._turned:
            remarks = ["bankrupt" for _ in remarks]
        return [*remarks, *(["left"] if name in moment.left else [])]

    def _lines(self, moment: Moment) -> list[Line2D]:
        """Return lines around those who agreed with each other."""
        for members, broken in moment.coalitions.items():
            if (members, broken) not in self._agreements:
                line = self._on_ring(coalition_line(members, self._places, broken=broken))
                self._agreements[members, broken] = line
        return [self._agreements[agreement] for agreement in moment.coalitions.items()]

    def _drawn_arrows(self, moment: Moment) -> list[FancyArrowPatch]:
        largest = sorted(moment.flows.items(), key=lambda flow: flow[1])[-_MOST_ARROWS:]
        cut = sorted(moment.cancelled.items(), key=lambda flow: flow[1])[-_MOST_CANCELLED:]
        found = []
        for (pair, value), cancelled in [*((each, True) for each in cut), *((each, False) for each in largest)]:
            arrow = self._arrow(pair)
            look = self._arrow_look(value)
            look |= _CANCELLED if cancelled else {"linestyle": "-"}
            arrow.set(**look)
            arrow.set_mutation_scale(2.5 + 2.2 * look["linewidth"])
            arrow.set_positions(*self._ends(moment, pair))
            found.append(arrow)
        return found

    def _ends(self, moment: Moment, pair: Pair) -> list[tuple[float, float]]:
        """Return where an arrow begins and ends, on the edges of the circles: Matplotlib takes as long as it draws."""
        giver, receiver = (np.array(self._places[name]) for name in pair)
        along = receiver - giver
        bend = (
            2 * _BEND * np.array([along[1], -along[0]])
        )  # half of it sideways at the middle, where the curve is steered
        ends = []
        for name, place, towards in zip(pair, (giver, receiver), (along + bend, bend - along), strict=True):
            away = (self._across(moment, name) / 2 + 0.5) * self._point / float(np.hypot(*towards))
            east, north = place + away * towards
            ends.append((float(east), float(north)))
        return ends

    def _arrow(self, pair: Pair) -> FancyArrowPatch:
        if pair not in self._arrows:
            giver, receiver = pair
            arrow = FancyArrowPatch(
                *(self._places[giver], self._places[receiver]),
                arrowstyle="-|>,head_length=1,head_width=0.5",
                connectionstyle=f"arc3,rad={_BEND}",
                shrinkA=0,
                shrinkB=0,
                joinstyle="miter",
                gid=f"{giver} to {receiver}",
            )
            self._arrows[pair] = self._on_ring(arrow)
        return self._arrows[pair]

    def _on_ring[Part: Artist](self, part: Part) -> Part:
        """Let a part be drawn where players stand, though it is not on all pictures."""
        self._ring.add_artist(part)
        part.set_animated(True)
        return part


class _Strips:
    """Prices and gains so far, on axes that are wide enough for the whole run."""

    def __init__(self, film: Film, run: Run, shown: Sequence[Moment], run_number: int) -> None:
        first, last = shown[0].round, shown[-1].round
        self._prices = _prices(run, run_number, first, last)
        rounds = rows_of_run(run, "rounds", run_number)
        rounds = rounds[rounds["round"].between(first, last)]
        self._gained = gains(rounds)
        above, below = (film.figure.add_axes((0.64, low, 0.35, 0.22)) for low in (0.62, 0.25))
        extent = (first - 0.5, last + 0.5)
        for axes in (above, below):
            axes.set_xlim(*extent)
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
        above.tick_params(labelbottom=False)
        below.set_xlabel("round")
        self._set_prices(above, run)
        both = self._gained[["played", "first_best"]].to_numpy()
        low, high = float(min(both.min(), 0.0)), float(max(both.max(), 0.0))
        margin = 0.06 * ((high - low) or 1.0)
        below.set_ylim(low - margin, high + margin)
        below.yaxis.set_major_locator(MaxNLocator(4))
        unit = scale_of_gains(below, self._gained, run.unit("rounds", "welfare"))
        if below.get_yscale() != "linear":
            # Between the two that stand here there is no room for others.
            below.yaxis.set_major_locator(FixedLocator([-(10.0 ** math.floor(math.log10(-low))), 0.0]))
        below.set_title(_titled("Gains over autarky; dashed: first best", unit), fontsize=style.SMALL)
        below.axhline(0.0, color=palette.GREY, lw=0.8, ls=":")
        marks: dict[str, Any] = {"markersize": 2.5 if last - first < 60 else 0}
        (self._quoted,) = above.plot([], [], color=palette.BLUE, lw=0, marker="_", ms=4)
        single: dict[str, Any] = {"marker": "_", "ms": 9, "mew": 1.0} if last - first < 60 else {}
        (self._supporting,) = above.plot([], [], color=palette.INK, lw=1.0, ls=(0, (3, 2)), zorder=1.5, **single)
        (self._played,) = below.plot([], [], color=palette.BLUE, marker="o", **marks)
        (self._best,) = below.plot([], [], color=palette.INK, lw=1.0, ls=(0, (3, 2)), **single)
        for axes in (above, below):
            style.dress(axes)
        self.moving = (self._quoted, self._supporting, self._played, self._best)

    def _set_prices(self, axes: Axes, run: Run) -> None:
        known = self._prices.prices[np.isfinite(self._prices.prices)]
        low, high = float(known.min()), float(known.max())
        good = self._prices.good
        unit = run.unit("holdings", "quote", good)
        if low > 0 and high > _WILD * low:
            axes.set_yscale("log")
            axes.set_ylim(low / 1.3, high * 1.3)
            unit = f"{unit}, logarithmic".lstrip(", ")
        else:
            margin = 0.08 * ((high - low) or abs(high) or 1.0)
            axes.set_ylim(low - margin, high + margin)
            axes.yaxis.set_major_locator(MaxNLocator(4))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
        axes.set_title(_titled(f"Quotes of {good}; dashed: supporting price", unit), fontsize=style.SMALL)

    def at(self, moment: Moment) -> tuple[Line2D, ...]:
        """Return the lines as far as is known: quotes of this round, what it gains once it is settled."""
        so_far = self._prices.rounds <= moment.round
        players = self._prices.quotes.shape[1]
        self._quoted.set_data(np.repeat(self._prices.rounds[so_far], players), self._prices.quotes[so_far].ravel())
        self._supporting.set_data(self._prices.rounds[so_far], self._prices.supporting[so_far])
        known = self._gained[self._gained["round"] <= moment.round - (not moment.settled)]
        self._played.set_data(known["round"], known["played"])
        self._best.set_data(known["round"], known["first_best"])
        return self.moving


def _titled(what: str, unit: str) -> str:
    return style.plain("\n".join([*textwrap.wrap(what, _TITLE), *(textwrap.wrap(f"({unit})", _TITLE) if unit else [])]))


class _Prices:
    """Quotes and supporting price of the good that is worth most, round by round."""

    def __init__(
        self, good: str, rounds: npt.NDArray[np.int64], quotes: npt.NDArray[np.float64], supporting: Any
    ) -> None:
        self.good, self.rounds, self.quotes, self.supporting = good, rounds, quotes, np.asarray(supporting, np.float64)

    @property
    def prices(self) -> npt.NDArray[np.float64]:
        return np.concatenate([self.quotes.ravel(), self.supporting])


def _prices(run: Run, run_number: int, first: int, last: int) -> _Prices:
    rows = rows_of_run(run, "holdings", run_number)
    rows = rows[rows["round"].between(first, last)].astype({"good": str, "player": str})
    worth = (rows["endowment"] * rows["supporting_price"]).groupby(rows["good"]).sum()
    good = max(run.goods[:-1], key=lambda name: float(worth[name]))
    rows = rows[rows["good"] == good]
    quotes = rows.pivot_table(index="round", columns="player", values="quote", sort=False)
    supporting = rows.groupby("round")["supporting_price"].first()
    return _Prices(good, quotes.index.to_numpy(np.int64), quotes.to_numpy(np.float64), supporting.to_numpy())


def _clauses(moment: Moment, players: int) -> list[str]:
    """Say what happens, on at most three lines."""
    if not moment.waves:
        what = "nobody is bankrupt"
    elif not moment.wave:
        what = "what was ordered"
    else:
        new = [name for name, wave in moment.failed.items() if wave == moment.wave]
        which = f"wave {moment.wave} of {moment.waves}: " if moment.waves > 1 else ""
        what = f"{which}{style.some_names(new)} bankrupt ({len(moment.failed)} of {players})"
    lines = textwrap.wrap(f"Round {moment.round}: {what}", 62)
    for members, broken in list(moment.coalitions.items())[:1]:
        fate = "agreed; somebody broke it" if broken else "agreed with each other"
        lines += textwrap.wrap(f"{style.some_names(list(members), 6)} {fate}", 62)[:1]
    return lines[:3]
