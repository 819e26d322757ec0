"""What learners came to play in a run or in a sweep, how far that is from equilibrium, and what could exploit it.

Distances are of the game of the learners' stances, which is settled anew from the inputs that the folder keeps: of the
play of each run over all its rounds and over its last half. Over several seeds they are means with bootstrap intervals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pandas as pd
from rich.console import Console

from marketgame import results
from marketgame.experiments.files.examples import PREFIX
from marketgame.experiments.files.input_file import InputError, InputFiles
from marketgame.experiments.play.running import prepare
from marketgame.experiments.play.summary import finite
from marketgame.experiments.printing import number, share, table
from marketgame.experiments.sweep.file import read_sweep
from marketgame.experiments.sweep.statement import prepare as prepare_sweep
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.deviations.menu_game import (
    MixedPlay,
    StanceGains,
    drawn_from,
    observed_play,
    product_play,
    stance_gains,
    strategies_of,
)
from marketgame.results.comparison import CONFIDENCE
from marketgame.results.learning import joint_play, late_from, learned_play
from marketgame.results.loading import SWEEP, Run
from marketgame.results.names import on_a_line
from marketgame.simulation.market.menu_game import MarketMenu, UnplayableError
from marketgame.simulation.scenario.established import establish
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.scenario import Scenario

# Of a play with more different rounds so many are drawn.
MOST_CELLS = 4_000
MOST_JOINT_SHOWN = 10
_SHARES = ("share", "late", "low", "high", "change", "change_low", "change_high")
# Folders below the one in which input files are put again, so that none can leave it.
_DEPTH = "a/b/c/d/e/f/g/h"
MEASURES: Final = {
    "coarse": "coarse correlated equilibrium: no stance would have brought more all the time",
    "exchanging": "correlated equilibrium: nor in place of another stance",
    "nash": "Bayesian Nash equilibrium, if all drew their stances independently",
}


@dataclass(eq=False)
class Diagnosis:
    """What learners came to play in a folder.

    Attributes:
        run: the folder.
        play: how often stances were taken; see `marketgame.results.learning.learned_play`.
        distances: one row for each run, window (``all`` or ``late``) and measure, numeraire and in shares of the stake.
        exploited: one row for each run and type of a player: what it could gain against the late play of the others.
        obstacle: why there are no distances; empty where there are.
        unanswered: why it was not sought what a trader could gain, if that was asked for in vain.
    """

    run: Run
    play: pd.DataFrame
    distances: pd.DataFrame = field(default_factory=pd.DataFrame)
    exploited: pd.DataFrame = field(default_factory=pd.DataFrame)
    obstacle: str = ""
    unanswered: str = ""


def diagnosis(run: Run, *, distances: bool = True, exploitability: bool = False, allow_code: bool = False) -> Diagnosis:
    """Return what learners came to play in the folder of a run or of a sweep.

    Args:
        run: the folder, read.
        distances: whether the game of stances is settled, to say how far the play is from equilibrium.
        exploitability: whether the best reply to the late play is sought for every type of every player.
        allow_code: whether input files may name code of anybody's.

    Raises:
        ValueError: nobody learnt in it.
    """
    found = Diagnosis(run, learned_play(run))
    if found.play.empty:
        raise ValueError(f"{run.folder} holds no learners: the table 'stances' is empty")
    if not (distances or exploitability):
        return found
    try:
        scenarios = _scenarios(run, allow_code=allow_code)
        gapped, exploited = [], []
        for each in run.runs[run.runs["run"].isin(run.stances["run"].unique())].to_dict("records"):
            played = replace(scenarios[int(each.get("point", 0))], seed=int(each["seed"]))
            where = {"run": int(each["run"])}
            menu = MarketMenu(played)
            gaps, gains, strategies = _of_run(run, where["run"], int(each["rounds"]), menu)
            gapped += [where | gap for gap in gaps]
            if exploitability and not found.unanswered:
                try:
                    exploited += [where | _exploited(menu, one, strategies) for one in gains]
                except UnplayableError as error:
                    found.unanswered, exploited = str(error), []
    except (UnplayableError, InputError) as error:
        found.obstacle = str(error)
        return found
    found.distances, found.exploited = pd.DataFrame(gapped), pd.DataFrame(exploited)
    return found


def _of_run(
    run: Run, run_number: int, rounds: int, menu: MarketMenu
) -> tuple[list[dict[str, Any]], tuple[StanceGains, ...], tuple[FloatArray, ...]]:
    """Return the distances of a run, and of its late play what stances gain and how often each is taken."""
    first, profiles, stances = _rounds(run, run_number, menu)
    distances: list[dict[str, Any]] = []
    generator = np.random.default_rng(0)
    gains: tuple[StanceGains, ...] = ()
    strategies: tuple[FloatArray, ...] = ()
    for window, since in (("all", 0), ("late", late_from(rounds))):
        rows = first >= since
        met = observed_play(profiles[rows], stances[rows])
        strategies = strategies_of(met, menu.economy.prior.type_counts, menu.game.menus)
        together = drawn_from(met, MOST_CELLS, generator)
        observed = stance_gains(menu.game, together)
        distances += [_gap(menu, window, name, together, observed) for name in ("coarse", "exchanging")]
        try:
            apart = product_play(menu.economy.prior, strategies, MOST_CELLS, generator)
        except ValueError as error:  # Some type was not met.
            raise UnplayableError(f"{error}: play more rounds") from None
        gains = stance_gains(menu.game, apart)
        distances.append(_gap(menu, window, "nash", apart, gains))
    return distances, gains, strategies


def _gap(
    menu: MarketMenu, window: str, measure: str, play: MixedPlay, gains: tuple[StanceGains, ...]
) -> dict[str, Any]:
    """Return the largest gain of any type of a learner by other stances."""
    learn = [each for each in gains if each.player in menu.learners]
    worst = max(learn, key=lambda each: each.exchanging if measure == "exchanging" else each.gains.max())
    gap = worst.exchanging if measure == "exchanging" else float(worst.gains.max())
    low, high = (worst.interval_of_exchanging if measure == "exchanging" else worst.interval)(CONFIDENCE)
    stake = _stake(menu, worst.player, worst.type_number)
    kind = menu.economy.players[worst.player].types[worst.type_number].name
    return {
        "window": window,
        "measure": measure,
        "gap": max(gap, 0.0),
        "share_of_stake": max(gap, 0.0) / stake,
        "player": menu.economy.player_names[worst.player],
        "type": kind,
        "sampled": play.sampled,
        "stance": menu.names[worst.player][worst.type_number][worst.best] if measure != "exchanging" else "",
        **{
            f"sampled_{name}": max(value, 0.0) if play.sampled else np.nan
            for name, value in (("low", low), ("high", high))
        },
    }


def _exploited(menu: MarketMenu, own: StanceGains, strategies: tuple[FloatArray, ...]) -> dict[str, Any]:
    reply = menu.exploited(own.player, own.type_number, strategies)
    by_stance = float(reply.by_stances.max()) - reply.expected
    player, stake = menu.economy.players[own.player], _stake(menu, own.player, own.type_number)
    found = max(reply.gain - reply.expected, by_stance)
    return {
        "player": player.name,
        "type": player.types[own.type_number].name,
        "gain": found,
        "bound": np.nan if reply.sampled else max(reply.bound - reply.expected, found),
        "by_stance": by_stance,
        "share_of_stake": found / stake,
        "report": player.types[reply.report].name,
        "sampled": reply.sampled,
    }


def _stake(menu: MarketMenu, player: int, type_number: int) -> float:
    return float(menu.contract.stakes[menu.economy.first_rows[player] + type_number])


def _rounds(run: Run, run_number: int, menu: MarketMenu) -> tuple[IntegerArray, IntegerArray, IntegerArray]:
    """Return the numbers of the rounds of a run, ``(T,)``, and types and stances in them, ``(T, N)``."""
    rows = run.stances[run.stances["run"] == run_number]
    rounds = run.rounds[run.rounds["run"] == run_number]
    numbers = rounds["round"].to_numpy()
    prior = menu.economy.prior
    if prior.obstacle:
        raise UnplayableError(f"types are not listed: {prior.obstacle}")
    profiles = prior.profiles[rounds["profile"].to_numpy(np.int64)].copy()
    stances = np.zeros_like(profiles)
    place = pd.Series(np.arange(len(numbers)), index=numbers)
    for player, name in enumerate(menu.economy.player_names):
        own = rows[rows["player"].astype(str) == name]
        kinds, by_type = profiles[place[own["round"]], player], menu.names[player]
        known = [
            by_type[kind].index(stance) if stance in by_type[kind] else -1
            for kind, stance in zip(kinds.tolist(), own["stance"].astype(str), strict=True)
        ]
        if -1 in known:
            raise UnplayableError(f"{name} acted by {own['stance'].iloc[known.index(-1)]!r}, which is on no menu")
        stances[place[own["round"]], player] = known
    return numbers, profiles, stances


def _scenarios(run: Run, *, allow_code: bool) -> Mapping[int, MarketScenario]:
    """Return the scenario of each point from the inputs that the folder keeps; that of a run is of point 0."""
    files = InputFiles(allow_code=allow_code)
    with _inputs_again(run.manifest) as first:
        if run.manifest.get("kind") == SWEEP:
            plan = prepare_sweep(read_sweep(first, files), first, files)
            return {point.number: _on_market(establish(point.scenario)) for point in plan.points}
        return {0: _on_market(prepare(first, files=files).scenario)}


def _on_market(scenario: Scenario) -> MarketScenario:
    if not isinstance(scenario, MarketScenario):
        raise UnplayableError("it is played in a coalitional game, not on a market")
    return scenario


@contextmanager
def _inputs_again(manifest: Mapping[str, object]) -> Iterator[Path]:
    """Write the input files that a manifest keeps into a folder for the time being, and provide the first of them."""
    inputs = manifest.get("inputs")
    if not isinstance(inputs, dict) or not inputs:
        raise UnplayableError("the folder keeps no input files: it was made from Python")
    with TemporaryDirectory() as home:
        root = Path(home).resolve()
        base = root / _DEPTH
        base.mkdir(parents=True)
        names = [name for name in inputs if not name.startswith(PREFIX)]
        for name in names:
            file = (base / name).resolve()
            if not file.is_relative_to(root):
                raise UnplayableError(f"input file {name!r} lies too far from the scenario to be put again beside it")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(inputs[name]["text"], encoding="utf-8")
        if not names:
            raise UnplayableError("the folder keeps no scenario file")
        yield base / names[0]


def diagnosis_document(found: Diagnosis) -> dict[str, Any]:
    """Return what learners came to play as the JSON document of ``marketgame learning``."""
    run = found.run
    return {
        "folder": str(run.folder),
        "unit": _unit(run),
        "confidence": CONFIDENCE,
        "play": _plain(found.play),
        "joint": _plain(joint_play(run, int(run.stances["run"].iloc[0])).head(MOST_JOINT_SHOWN)),
        "distances": _plain(over_runs(found, found.distances, ["window", "measure"], ("gap", "share_of_stake"))),
        "exploitability": _plain(
            over_runs(found, found.exploited, ["player", "type"], ("gain", "bound", "by_stance", "share_of_stake"))
        ),
        "obstacle": found.obstacle,
        "unanswered": found.unanswered,
    }


def over_runs(found: Diagnosis, frame: pd.DataFrame, keys: list[str], measures: tuple[str, ...]) -> pd.DataFrame:
    """Return means over the runs of each point, with intervals; those of the first measure are ``low`` and ``high``.

    The interval of a single run whose plays were drawn is that of the draws; those over seeds contain what draws do.
    """
    if frame.empty:
        return frame
    points = list(found.run.parameters)
    joined = frame.merge(found.run.runs[["run", *points]], on="run") if points else frame
    sampled = (
        {"sampled": joined.groupby([*points, *keys], observed=True)["sampled"].any()} if "sampled" in frame else {}
    )
    first, *others = (results.over_seeds(joined, measure, [*points, *keys]) for measure in measures)
    means = {name: other["mean"] for name, other in zip(measures[1:], others, strict=True)}
    whole = first.rename(columns={"mean": measures[0]}).drop(columns="failed").assign(**means)
    whole = whole.assign(**{name: values.to_numpy() for name, values in sampled.items()})
    if "sampled_low" in frame:
        groups = joined.groupby([*points, *keys], observed=True)
        alone = groups["run"].nunique().to_numpy() == 1
        for name in ("low", "high"):
            whole[name] = np.where(alone & whole["sampled"], groups[f"sampled_{name}"].mean().to_numpy(), whole[name])
    return whole


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): finite(value) if isinstance(value, float) else _item(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _item(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _unit(run: Run) -> str:
    return run.unit("stances", "gain")


def print_diagnosis(found: Diagnosis, console: Console) -> None:
    """Print what learners came to play."""
    run, points = found.run, list(found.run.parameters)
    runs = run.stances["run"].nunique()
    rows = [
        [
            *(str(row[name]) for name in (*points, "player", "type", "stance")),
            *(share(None if finite(row[name]) is None else round(row[name], 6) + 0.0) for name in _SHARES),
            row["verdict"],
        ]
        for row in found.play.to_dict("records")
    ]
    columns = [
        *points,
        "player",
        "type",
        "stance",
        "share",
        "last half",
        "95% from",
        "to",
        "change",
        "95% from",
        "to",
        "",
    ]
    title = f"How often learners took each stance, and the change from the quarter before the last half ({runs} runs)"
    console.print(table(title, columns, rows, texts=3 + len(points)))
    if found.obstacle:
        console.print(f"no distance to equilibrium: {on_a_line(found.obstacle)}", markup=False)
    for title, frame, keys, measures in _parts(found):
        if not frame.empty:
            means = over_runs(found, frame, keys, measures)
            cells = [
                [
                    *(str(row[name]) for name in (*points, *keys)),
                    *(_number(row[name]) for name in (measures[0], "low", "high", *measures[1:-1])),
                    share(finite(row["share_of_stake"])),
                    "sampled" if row["sampled"] else "",
                ]
                for row in means.to_dict("records")
            ]
            columns = [*points, *keys, measures[0], "95% from", "to", *measures[1:-1], "of the stake", ""]
            console.print(
                table(title, [name.replace("_", " ") for name in columns], cells, texts=len(points) + len(keys))
            )
    if found.unanswered:
        console.print(f"no gain by any report, quotes and orders: {on_a_line(found.unanswered)}", markup=False)
    if any("sampled" in each and each["sampled"].any() for each in (found.distances, found.exploited)):
        console.print(
            "sampled: plays are too many to look at each, and some were drawn; such gaps are estimates, the gain of a "
            "best reply, fitted to what was drawn, rather too high, and nothing bounds it"
        )


def _parts(found: Diagnosis) -> list[tuple[str, pd.DataFrame, list[str], tuple[str, ...]]]:
    unit = _unit(found.run)
    return [
        (
            f"Distance to equilibrium among stances, in {unit}",
            found.distances,
            ["window", "measure"],
            ("gap", "share_of_stake"),
        ),
        (
            f"What a trader could gain by any report, quotes and orders against the last half, in {unit}",
            found.exploited,
            ["player", "type"],
            ("gain", "bound", "by_stance", "share_of_stake"),
        ),
    ]


def _number(value: float) -> str:
    return "-" if finite(value) is None else number(value)
