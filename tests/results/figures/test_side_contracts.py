"""The figure of side-contracts shows the numbers of the table, whoever colluded and however it ended."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from marketgame.agents.coalitions.organiser import ANSWERS, FATES
from marketgame.results.figures import standard_figures
from marketgame.results.figures.side_contract_counts import REFUSALS, Outcome, block_length
from marketgame.results.figures.side_contracts import side_contracts_over_rounds
from marketgame.results.loading import Run
from tests.results.figure_contents import LONG_UNITS, SIX, axes_of, inside, rows, texts, words
from tests.results.made_up_side_contracts import AGREED, Attempt, with_side_contracts

type Played = Callable[..., Run]
PAIRS = tuple(itertools.combinations(SIX, 2))
TWENTY = tuple(f"player {number}" for number in range(20))
LONG = tuple(f"the former republic of number {number}" for number in range(4))


def drawn_attempts(
    rounds: int, coalitions: Sequence[Sequence[str]], organisers: Sequence[str] = ("broker",), stakes: float = 1.0
) -> list[Attempt]:
    """Return one attempt of each organiser in each round, everything about it drawn."""
    random = np.random.default_rng(rounds)
    made = []
    for number, organiser in itertools.product(range(rounds), organisers):
        members = coalitions[int(random.integers(len(coalitions)))]
        place = int(random.integers(len(members)))
        fate = FATES[random.integers(len(FATES))]
        expected = dict(zip(members, random.uniform(0, 2, len(members)).tolist(), strict=True))
        realised = {name: gain + stakes * float(random.normal()) for name, gain in expected.items()}
        liars = [name for name in members if random.random() < 0.1]
        breakers = [members[place]] if fate == "broken" else []
        refusal = ("would-lose", "unwilling")[random.integers(2)]
        made.append(Attempt(number, members, fate, refusal, place, expected, realised, breakers, liars, organiser))
    return made


def strips(figure: Figure) -> dict[str, Counter[tuple[float, str]]]:
    """Return for each strip the heights of its bars by where they begin and what they stand for."""
    found: dict[str, Counter[tuple[float, str]]] = {}
    for axes in axes_of(figure):
        bars = [(name, bar) for bar in axes.patches if (name := bar.get_gid())]
        if bars:
            strip = found.setdefault(axes.get_ylabel().replace("\n", ""), Counter())
            for name, bar in bars:
                for polygon in bar.get_path().to_polygons(closed_only=True):
                    corners = np.asarray(polygon, dtype=np.float64)
                    (left, bottom), (_, top) = np.min(corners, axis=0), np.max(corners, axis=0)
                    assert float(top - bottom).is_integer()
                    strip[float(left) + 0.5, name] += int(top - bottom)
    return found


def tabulated(run: Run, length: int) -> dict[str, Counter[tuple[float, str]]]:
    """Count the attempts in the table by hand: by coalition, block of rounds, and fate or answer that ended them."""
    fates: dict[tuple[str, int], str] = {}
    for row in rows(run, "side_contracts"):
        key = str(row["coalition"]), int(str(row["round"]))
        if row["fate"] != "refused":
            fates[key] = str(row["fate"])
        elif row["answer"] in ("would-lose", "unwilling"):
            fates[key] = str(row["answer"])
    found: dict[str, Counter[tuple[float, str]]] = {}
    for (coalition, number), fate in fates.items():
        found.setdefault(coalition, Counter())[float(number // length * length), fate] += 1
    return found


def numbers_beside(figure: Figure, headings: Sequence[str]) -> list[list[int]]:
    """Return the rows of numbers that stand beside the strips or beside the members, from top to bottom."""
    figure.draw_without_rendering()
    written = [(text, text.get_window_extent()) for text in texts(figure)]
    heads = {" ".join(text.get_text().split()): box for text, box in written}
    columns = [heads[heading].x1 for heading in headings]
    top = min(heads[heading].y0 for heading in headings)
    others = [box.y1 for text, box in written if text.get_text() == "refused" and box.y1 < top - 5]
    bottom = others[0] if others else 0.0
    found: dict[int, dict[int, int]] = {}
    for text, box in written:
        if re.fullmatch(r"[\d,]+", text.get_text()) and bottom < box.y1 <= top:
            for place, right in enumerate(columns):
                if abs(box.x1 - right) < 1 and min(columns) - 60 < box.x0:
                    found.setdefault(round(box.y0), {})[place] = int(text.get_text().replace(",", ""))
    return [[row[place] for place in sorted(row)] for _, row in sorted(found.items(), reverse=True)]


def marks(figure: Figure, name: str, what: str) -> list[np.ndarray]:
    """Return where a member's marks of one kind stand along the axis of gains, from the first coalition to the last."""
    lines = [line for axes in axes_of(figure) for line in axes.lines if line.get_gid() == f"{name} {what}"]
    return [np.asarray(line.get_xdata(), dtype=float) for line in lines]


def test_the_figure_knows_every_fate_and_every_refusal() -> None:
    assert set(Outcome) == (set(FATES) - {"refused"}) | set(REFUSALS)
    assert set(REFUSALS) == set(ANSWERS) - {"accepted", "not-asked"}


@pytest.mark.parametrize("rounds", [1, 2, 60, 61, 1000])
def test_bars_count_the_attempts_of_each_block_by_what_became_of_them(played: Played, rounds: int) -> None:
    run = with_side_contracts(played(rounds=rounds), drawn_attempts(rounds, PAIRS[:4]))
    length = block_length(rounds)
    drawn = strips(side_contracts_over_rounds(run))
    assert drawn == tabulated(run, length)
    blocks: Counter[float] = Counter()
    for strip in drawn.values():
        for (left, _), height in strip.items():
            blocks[left] += height
    assert set(blocks.values()) <= {length, rounds % length}
    assert sum(blocks.values()) == rounds
    assert len(blocks) <= 60


def test_refusals_are_told_apart_by_their_reason(played: Played) -> None:
    made = [Attempt(0, ("USA", "JPN"), "refused", "would-lose", 1), Attempt(1, ("USA", "JPN"), "refused", "unwilling")]
    figure = side_contracts_over_rounds(with_side_contracts(played(rounds=2), made))
    assert strips(figure) == {"USA + JPN": {(0.0, "would-lose"): 1, (1.0, "unwilling"): 1}}
    assert "refused: would lose" in words(figure)
    assert "refused without loss" in words(figure)
    assert "no agreement in 2 attempts" in figure.get_suptitle()


def test_realised_and_promised_gains_are_means_over_the_rounds_in_which_the_coalition_colluded(played: Played) -> None:
    run = with_side_contracts(played(rounds=200), drawn_attempts(200, PAIRS[:1]))
    figure = side_contracts_over_rounds(run)
    frame = pq.read_table(run.folder / "side_contracts.parquet").to_pandas()
    colluded = frame[frame["fate"].isin(AGREED)]
    for name in PAIRS[0]:
        gains = colluded.loc[colluded["player"] == name, "realised_gain"]
        promised = colluded.loc[colluded["player"] == name, "expected_gain"]
        assert marks(figure, name, "realised") == [pytest.approx([gains.mean()])]
        assert marks(figure, name, "promised") == [pytest.approx([promised.mean()])]
        low, high = marks(figure, name, "interval")[0]
        assert (low, high) == pytest.approx((gains.mean() - 2 * gains.sem(), gains.mean() + 2 * gains.sem()))


def test_a_coalition_that_never_colluded_shows_what_was_promised_and_nothing_else(played: Played) -> None:
    made = [Attempt(number, ("USA", "JPN"), "refused", expected={"USA": 1.0 + number}) for number in range(3)]
    figure = side_contracts_over_rounds(with_side_contracts(played(rounds=3), made))
    assert marks(figure, "USA", "promised") == [pytest.approx([2.0])]
    assert (
        marks(figure, "USA", "realised") == marks(figure, "USA", "interval") == marks(figure, "JPN", "promised") == []
    )
    assert "realised" not in words(figure)


def test_numbers_beside_the_strips_are_those_of_the_table(played: Played) -> None:
    pattern = ["accepted"] * 3 + ["broken", "accepted", "refused", "void"] + ["accepted"] * 2
    made = [Attempt(number, ("USA", "JPN"), fate) for number, fate in enumerate(pattern)]
    made.append(Attempt(9, ("EEC", "FSU"), "none-found"))
    figure = side_contracts_over_rounds(with_side_contracts(played(rounds=10), made))
    assert numbers_beside(figure, ["tried", "agreed", "kept", "longest run"]) == [[9, 7, 6, 3], [1, 0, 0, 0]]
    assert figure.get_suptitle() == "broker: 7 agreements in 10 attempts, 6 kept"


def test_numbers_beside_the_members_say_who_refused_lied_and_broke(played: Played) -> None:
    made = [
        Attempt(0, ("USA", "JPN"), "broken", breakers=["JPN"]),
        Attempt(1, ("USA", "JPN"), "broken", breakers=["JPN"], liars=["USA"]),
        Attempt(2, ("USA", "JPN"), "refused", refuser=1, liars=["USA"]),
    ]
    figure = side_contracts_over_rounds(with_side_contracts(played(rounds=3), made))
    assert numbers_beside(figure, ["refused", "lied", "broke"]) == [[0, 2, 0], [1, 0, 2]]
    assert figure.get_suptitle() == "broker: 2 agreements in 3 attempts, none kept, JPN breaks most often"


def test_of_many_coalitions_those_who_agreed_most_often_are_shown_and_the_others_together(played: Played) -> None:
    run = with_side_contracts(played(rounds=500), drawn_attempts(500, PAIRS))
    drawn, counted = strips(side_contracts_over_rounds(run)), tabulated(run, block_length(500))
    assert len(drawn) == 7
    *alone, others = drawn
    assert others == "9 other coalitions"
    assert {name: drawn[name] for name in alone} == {name: counted[name] for name in alone}
    rest = sum((counted[name] for name in counted if name not in alone), Counter())
    assert drawn[others] == rest
    agreed = {name: sum(n for (_, fate), n in strip.items() if fate in AGREED) for name, strip in counted.items()}
    assert min(agreed[name] for name in alone) >= max(n for name, n in agreed.items() if name not in alone)


def test_members_who_are_not_named_are_shown_on_average(played: Played) -> None:
    made = [
        Attempt(number, TWENTY, "broken", breakers=TWENTY[4:7], realised=dict.fromkeys(TWENTY[4:7], 5.0))
        for number in range(4)
    ]
    figure = side_contracts_over_rounds(with_side_contracts(played(rounds=4), made))
    assert [len(marks(figure, name, "realised")) for name in TWENTY] == [int(4 <= place < 7) for place in range(20)]
    assert marks(figure, "mean of 17 others", "realised") == [pytest.approx([1.0])]
    assert marks(figure, TWENTY[4], "realised") == [pytest.approx([5.0])]


def test_organisers_are_told_apart_when_there_are_several(played: Played) -> None:
    made = [Attempt(0, ("USA", "JPN"), organiser="first"), Attempt(0, ("USA", "JPN"), "too-late", organiser="second")]
    figure = side_contracts_over_rounds(with_side_contracts(played(), made))
    assert strips(figure) == {"first:USA + JPN": {(0.0, "accepted"): 1}, "second:USA + JPN": {(0.0, "too-late"): 1}}
    assert figure.get_suptitle() == "2 organisers: 1 agreement in 2 attempts, all kept"


def test_one_round_has_no_interval_and_says_what_was_gained(played: Played) -> None:
    run = with_side_contracts(played(), [Attempt(0, ("USA", "JPN"), realised={"USA": -3.0})])
    figure = side_contracts_over_rounds(run)
    assert marks(figure, "USA", "realised") == [pytest.approx([-3.0])]
    assert marks(figure, "USA", "interval") == []
    assert_everything_is_on_the_page(figure)


def test_where_nothing_was_ever_found_there_are_strips_and_no_gains(played: Played) -> None:
    made = [Attempt(number, ("USA", "JPN"), "none-found") for number in range(5)]
    figure = side_contracts_over_rounds(with_side_contracts(played(rounds=5), made))
    assert strips(figure) == {"USA + JPN": {(float(number), "none-found"): 1 for number in range(5)}}
    assert len(axes_of(figure)) == 1
    assert figure.get_suptitle() == "broker: no agreement in 5 attempts"


def test_gains_are_in_the_money_of_the_economy_and_bend_when_far_apart(played: Played) -> None:
    near = with_side_contracts(played(), [Attempt(0, ("ann", "bob"))])
    far = with_side_contracts(played(), [Attempt(0, ("ann", "bob", "cem"), realised={"ann": 1e6})])
    below = axes_of(side_contracts_over_rounds(near))[-1]
    assert below.get_xlabel() == "gain over the grand contract, mean per agreement (euro)"
    assert below.get_xscale() == "linear"
    assert axes_of(side_contracts_over_rounds(far))[-1].get_xscale() == "symlog"


def test_runs_without_attempts_get_no_figure(played: Played) -> None:
    run = played()
    empty = with_side_contracts(run, [])
    for without in (run, empty):
        assert "side-contracts" not in standard_figures(without)
        with pytest.raises(ValueError, match=r"run 0 in .*run records no attempt at a side-contract"):
            side_contracts_over_rounds(without)
    with pytest.raises(ValueError, match="has no run 7"):
        side_contracts_over_rounds(empty, 7)


def test_runs_with_attempts_get_the_figure_among_the_others(played: Played) -> None:
    usual = list(standard_figures(played()))
    run = with_side_contracts(played(), [Attempt(0, ("ann", "bob"))])
    assert list(standard_figures(run)) == [*usual, "side-contracts"]


def test_a_fate_that_is_none_is_refused(played: Played) -> None:
    run = with_side_contracts(played(), [Attempt(0, ("ann", "bob"), "forgotten")])
    with pytest.raises(ValueError, match="'forgotten'"):
        side_contracts_over_rounds(run)


CASES = {
    "every outcome": (drawn_attempts(40, PAIRS[:4]), {}),
    "two organisers": (drawn_attempts(40, PAIRS[:2], ("broker", "an organiser with a long name")), {}),
    "many coalitions": (drawn_attempts(300, PAIRS), {}),
    "large coalitions": (drawn_attempts(20, [TWENTY, TWENTY[1:], TWENTY[:2]]), {}),
    "far apart": (drawn_attempts(30, tuple(itertools.combinations(LONG, 2)), stakes=1e6), {"units": LONG_UNITS}),
    "dollars": (drawn_attempts(30, [("$a", "b$")]), {"goods": ("$x$", "m$"), "units": ("$", "$")}),
    "nothing found": ([Attempt(0, ("USA", "JPN"), "none-found")], {}),
}


@pytest.mark.parametrize(("made", "features"), CASES.values(), ids=CASES.keys())
def test_texts_are_on_the_page_and_none_overlaps_another(
    played: Played, made: list[Attempt], features: dict[str, object]
) -> None:
    run = played(rounds=made[-1].round + 1, **features)
    assert_everything_is_on_the_page(side_contracts_over_rounds(with_side_contracts(run, made)))


def assert_everything_is_on_the_page(figure: Figure) -> None:
    figure.draw_without_rendering()
    drawn = [axis for axes in axes_of(figure) for axis in (axes.xaxis, axes.yaxis)]
    # Tick labels beyond the limits exist but are not drawn.
    ticks = {label for axis in drawn for label in axis.get_ticklabels(which="both")}
    shown = [text for text in texts(figure) if text not in ticks]
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown]
    page = figure.bbox.padded(1)
    assert [name for name, box in boxes if not inside(box, page)] == []
    assert all(inside(box, page) for axis in drawn if (box := axis.get_tightbbox()))
    pairs = itertools.combinations([(name, box.padded(-1)) for name, box in boxes], 2)
    assert [(first[0], second[0]) for first, second in pairs if first[1].overlaps(second[1])] == []
    legends = [legend.get_window_extent() for legend in figure.findobj(Legend)]
    plots = [axes.get_window_extent() for axes in axes_of(figure)]
    assert legends
    assert not any(legend.overlaps(plot) for legend in legends for plot in plots)
