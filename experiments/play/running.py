"""Playing a scenario from its file to its run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from marketgame import results
from marketgame.agents.memory import content_key
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputError, InputFiles, blamed_on
from marketgame.experiments.files.interruption import postponed
from marketgame.experiments.files.output_folder import Held, Purpose, Writing, beside, holding, writing
from marketgame.experiments.files.provenance import command_line, input_files, software
from marketgame.experiments.files.scenario_file import load_scenario, names_game
from marketgame.experiments.files.sources import outside_sources
from marketgame.experiments.play.summary import PlayedRun, played
from marketgame.mechanisms.arrays import undefined_raises
from marketgame.results.formats import FigureFormat
from marketgame.results.manifests import MANIFEST
from marketgame.results.names import file_names
from marketgame.simulation.recording.checkpoint import rounds_in
from marketgame.simulation.run import Saving, model_of, simulate_into
from marketgame.simulation.scenario.established import establish, with_incentive_benchmarks
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.scenario import Scenario
from marketgame.simulation.scenario.streams import random_stream

DEFAULT_RUNS = Path("results") / "runs"
FIGURES = "figures"
# What a run may be continued with: more rounds.
MAY_DIFFER = frozenset({"rounds"})
# Wall time allowed to each incentive-efficient benchmark beside a run.
BENCHMARK_SECONDS = 60.0
# Wall time after which what has been played is saved.
SAVE_SECONDS = 300.0


class Figures(StrEnum):
    """Which figures a run leaves."""

    NONE = "none"
    """None; `marketgame show` draws them later."""
    PNG = "png"
    """Bitmaps."""
    ALL = "all"
    """Bitmaps, and PDF files for print."""

    def written_as(self, formats: Sequence[FigureFormat | str] | None = None) -> tuple[FigureFormat, ...]:
        """Return what figures are written as, each once: what this says, or these formats instead.

        Raises:
            InputError: formats are asked for, but no figures.
            ValueError: there is no such format.
        """
        if not formats:
            own = {Figures.NONE: (), Figures.PNG: (FigureFormat.PNG,)}
            return own.get(self, (FigureFormat.PNG, FigureFormat.PDF))
        if self is Figures.NONE:
            raise InputError("--format is for figures, but --figures is none; leave one of them out")
        return tuple(dict.fromkeys(map(FigureFormat, formats)))


class RunEnd(StrEnum):
    """How a run ended."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    UNFINISHED = "unfinished"
    """It is being played, or the process that played it was killed."""


@dataclass(frozen=True)
class RunOutcome:
    """What became of a run.

    Attributes:
        folder: where its tables and figures are.
        status: how it ended.
        run: its tables, as they were read for the figures; none if nobody read them.
    """

    folder: Path
    status: RunEnd
    run: results.Run | None = None


@dataclass(frozen=True)
class Prepared:
    """A scenario ready to be played, with the bytes of the files that it was made of.

    Attributes:
        path: its file.
        scenario: it, with the contract that it plays.
        inputs: every file it was made of, by path, as it was when it was parsed.
        code: what classes in it depend on that are not this program's own: hashes and versions, by module.
        content: a hash of what was made without a file; none where it cannot be told what it consists of.
    """

    path: Path
    scenario: Scenario
    inputs: Mapping[Path, bytes]
    code: Mapping[str, str]
    content: str | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What two runs must share for their tables to be the same."""
        return {
            "scenario": self.scenario.name,
            "inputs": input_files(self.inputs, self.path.parent),
            "seed": self.scenario.seed,
            "rounds": self.scenario.rounds,
            **({"code": dict(self.code)} if self.code else {}),
            **({"content": self.content} if self.content else {}),
        }


def prepare(
    path: Path, rounds: int | None = None, seed: int | None = None, files: InputFiles | None = None
) -> Prepared:
    """Return the scenario in a file, on a market or in a coalitional game, with the contract that it plays.

    Raises:
        InputError: the file is wrong, or the contract it asks for does not exist for its economy.
    """
    files = InputFiles() if files is None else files
    if names_game(path, files):
        # Markets do without games and their core.
        from marketgame.experiments.files.game_scenario_file import load_game_scenario  # noqa: PLC0415

        scenario: Scenario = load_game_scenario(path, rounds, seed, files)
    else:
        scenario = load_scenario(path, rounds, seed, files)
    with blamed_on(path):
        return Prepared(path, established(scenario), files.contents, outside_sources(scenario))


def established(scenario: Scenario) -> Scenario:
    """Return a scenario with the contract or the mechanism that it plays.

    Raises:
        ValueError: there is none in its economy or game, or the rules of its market forbid it.
    """
    ready = establish(scenario)
    # Making the model once finds what the rules forbid before anything is played.
    model_of(ready)
    return ready


def with_benchmarks(prepared: Prepared, seconds: float | None = BENCHMARK_SECONDS) -> Prepared:
    """Return the scenario with its incentive-efficient benchmarks, each as far as seconds suffice to know it."""
    return replace(prepared, scenario=with_incentive_benchmarks(prepared.scenario, seconds))


@contextmanager
def run_folder(
    prepared: Prepared, wanted: Path | None, *, replay_damaged: bool = False, resume: bool = False
) -> Iterator[Writing]:
    """Provide the folder for a run, never one that holds something else.

    Args:
        prepared: what is to be played.
        wanted: the folder asked for; an earlier run of the scenario in it will be replaced. Without it the
            folder is named after scenario and seed, with a number if it holds a run of other inputs.
        replay_damaged: whether an earlier run is replaced even if its files were changed since they were written.
        resume: whether an earlier run is to be continued, so that only one of the same inputs will do.

    Raises:
        InputError: the folder asked for holds anything but a run of this scenario, or cannot be written; or it cannot
            be continued as this run.
    """
    purpose = Purpose(
        "a run",
        None if wanted is None else "--out",
        damaged_too=replay_damaged,
        remedy=" (--replay-damaged plays it again)",
    )
    if wanted is None:
        name = f"{prepared.path.stem}-seed{prepared.scenario.seed}"
        wanted = beside(DEFAULT_RUNS / name, purpose, lambda held: _is_same(held, prepared, resume=resume))
    held = holding(wanted, purpose).manifest
    if held is not None and held.get("scenario") != prepared.scenario.name:
        what = f"a run of {held['scenario']!r}" if "scenario" in held else "something else than a run"
        raise InputError(f"{purpose.blaming(wanted)} holds {what}; it must be new, empty or this scenario's")
    if resume and held is not None:
        _refuse_to_continue(held, prepared, purpose.blaming(wanted), wanted)
    with writing(wanted, purpose) as folder:
        yield folder


def _is_same(held: Held, prepared: Prepared, *, resume: bool) -> bool:
    # What was made without a file is never known to be the same.
    if held.manifest is None or not (prepared.inputs or resume):
        return False
    return not [name for name in _differing(held.manifest, prepared) if not (resume and name in MAY_DIFFER)]


def _differing(manifest: Mapping[str, Any], prepared: Prepared) -> list[str]:
    """Return of what makes a run what it is, by its key in manifests, whatever is not as in a manifest."""
    identity = prepared.identity
    known = {"scenario", "inputs", "seed", "rounds", "code", "content"}
    return sorted(name for name in known if identity.get(name) != manifest.get(name))


def _refuse_to_continue(manifest: Mapping[str, Any], prepared: Prepared, blamed: str, folder: Path) -> None:
    """Refuse to continue a run that is not known to be of the same inputs, played by the same software.

    Raises:
        InputError: it is not, or it has played more rounds.
    """
    differing = [name for name in _differing(manifest, prepared) if name not in MAY_DIFFER]
    now = software()
    differing += [name for name in ("marketgame", "python", "packages") if now[name] != manifest.get(name)]
    if not (prepared.inputs or prepared.content):
        differing.append("content")
    if differing:
        files = prepared.identity["inputs"]
        changed = [name for name, file in files.items() if manifest.get("inputs", {}).get(name) != file]
        what = changed[0] if differing[0] == "inputs" and changed else f"its {differing[0]}"
        raise InputError(
            f"{blamed} holds a run that differs from this one in {what}; --resume goes on with the same scenario, seed "
            "and software alone: name a new folder, or play without --resume"
        )
    try:
        played = rounds_in(folder)
    except ValueError as error:
        raise InputError(f"{blamed} cannot be continued: {error}") from None
    if played > prepared.scenario.rounds:
        raise InputError(f"{blamed} has played {played} rounds; --rounds must be at least as many")


def play(
    prepared: Prepared,
    folder: Writing,
    on_round: Callable[[int], None],
    formats: Sequence[FigureFormat] = (FigureFormat.PNG,),
    on_search: Callable[[str], None] | None = None,
    *,
    resume: bool = False,
    save_seconds: float = SAVE_SECONDS,
) -> RunOutcome:
    """Play a scenario and write its run folder; an interruption keeps the rounds played until then.

    Args:
        prepared: what to play.
        folder: what ``run_folder`` provides for it.
        on_round: called after each round with the number of rounds played.
        formats: what figures are written as when the tables are there; none are drawn without any.
        on_search: called with what an organiser of coalitions begins to search, in words.
        resume: whether to go on with the run that the folder holds, if it holds any.
        save_seconds: wall time after which the rounds played are put into the folder, and again after as much, unless
            an earlier run in it is to be replaced, which stays until this one has ended.

    Raises:
        OSError: the folder cannot be written; what it held is still there.
    """
    scenario, held = prepared.scenario, (folder.folder / MANIFEST).exists()
    earlier = folder.folder if resume and held else None
    before = 0 if earlier is None else rounds_in(earlier)
    started, clock = datetime.now(UTC), time.perf_counter()

    def commit(status: RunEnd) -> Path:
        manifest = prepared.identity | {
            "command": command_line(),
            "bit_generator": type(random_stream(scenario.seed, "nature").bit_generator).__name__,
            "units": _units(scenario),
            **_trades_listed(scenario),
            **software(),
            "started": started.isoformat(timespec="seconds"),
            "wall_seconds": round(time.perf_counter() - clock, 3),
            "status": status.value,
            **({"resumed_after": before} if before else {}),
        }
        folder.commit(manifest)
        return folder.folder

    with postponed() as stopping:

        def after_round(played: int) -> None:
            if played == scenario.rounds:
                # What has been played is written, however impatient its user is.
                stopping.allowed = False
            on_round(played)

        saving = Saving(save_seconds, partial(commit, RunEnd.UNFINISHED)) if resume or not held else None
        whole = simulate_into(folder.stage, scenario, after_round, on_search, stopping.held_off, earlier, saving)
        status = RunEnd.DONE if whole else RunEnd.INTERRUPTED
        commit(status)
        stopping.allowed = True
    if stopping.wanted or status is RunEnd.INTERRUPTED:
        return RunOutcome(folder.folder, RunEnd.INTERRUPTED)
    # Whatever happens while pictures are drawn, the tables are there.
    if not formats:
        return RunOutcome(folder.folder, status)
    run = results.load(folder.folder)
    draw_figures(run, folder, formats)
    return RunOutcome(folder.folder, status, run)


def _units(scenario: Scenario) -> dict[str, str]:
    """Return the unit of each good of a market, which readers of its tables need; there are none in a game."""
    if not isinstance(scenario, MarketScenario):
        return {}
    return dict(zip(scenario.economy.goods, scenario.economy.units, strict=True))


def _trades_listed(scenario: Scenario) -> dict[str, str]:
    """Return which trades of a market are listed one by one, where these are not all."""
    most = scenario.most_trades_listed if isinstance(scenario, MarketScenario) else None
    return {} if most is None else {"trades": f"the {most} largest of each round" if most else "none"}


@undefined_raises
def run(  # noqa: PLR0913 -- one parameter for each option of the command
    of: Path | str | Scenario,
    *,
    rounds: int | None = None,
    seed: int | None = None,
    out: Path | str | None = None,
    benchmark_seconds: float | None = BENCHMARK_SECONDS,
    figures: Figures | str = Figures.PNG,
    formats: Sequence[FigureFormat | str] | None = None,
    replay_damaged: bool = False,
    resume: bool = False,
    save_seconds: float = SAVE_SECONDS,
    allow_code: bool = False,
) -> PlayedRun:
    """Play a scenario and write its run folder, as ``marketgame run`` does.

    Args:
        of: a file, ``example:NAME``, or a scenario.
        rounds: how many rounds to play instead of the scenario's number.
        seed: the seed to use instead of the scenario's.
        out: the run folder; beside other runs in ``results/runs``, named after scenario and seed, without it.
        benchmark_seconds: wall time allowed to each incentive-efficient benchmark, or none.
        figures: ``"png"``, ``"all"`` for PDF files too, or ``"none"``.
        formats: what figures are written as instead: ``"png"``, ``"pdf"``, ``"svg"``, or several of them.
        replay_damaged: whether an earlier run is replaced even if its files were changed since they were written.
        resume: whether to go on with the run of the same inputs that the folder holds, if any, as if it had never
            stopped: one that was interrupted or killed, or for more rounds.
        save_seconds: wall time after which the rounds played are saved in the folder, and again after as much.
        allow_code: whether files may name code of anybody's, which then is imported.

    Raises:
        InputError: a file is wrong, or the folder holds something else or cannot be written.
        ValueError: the contract that a scenario asks for does not exist, an InputError where it has a file; or there
            are no such figures.
        KeyboardInterrupt: the user interrupted; the rounds played until then are in the folder.
    """
    wanted = Figures(figures).written_as(formats)
    if isinstance(of, Path | str):
        ready = prepare(located(of), rounds, seed, InputFiles(allow_code=allow_code))
    else:
        scenario = replace(of, rounds=of.rounds if rounds is None else rounds, seed=of.seed if seed is None else seed)
        (name,) = file_names([of.name])
        content = content_key(replace(scenario, rounds=1))
        ready = Prepared(Path(name), established(scenario), {}, outside_sources(scenario), content)
    with run_folder(ready, None if out is None else Path(out), replay_damaged=replay_damaged, resume=resume) as folder:
        ready = with_benchmarks(ready, benchmark_seconds)
        outcome = play(ready, folder, lambda _: None, wanted, resume=resume, save_seconds=save_seconds)
    if outcome.status is RunEnd.INTERRUPTED:
        raise KeyboardInterrupt(f"the rounds played until then are in {outcome.folder}")
    return played(results.load(outcome.folder))


def draw_figures(
    run: results.Run,
    folder: Writing,
    formats: Sequence[FigureFormat],
    round_number: int | None = None,
    measure: str | None = None,
) -> list[Path]:
    """Draw the standard figures of a run or a sweep into its folder, in the place of those drawn before.

    Args:
        run: the run or the sweep.
        folder: its folder.
        formats: as what.
        round_number: which round the figures of a single round show; by default the most telling one.
        measure: what of a sweep is shown; by default gains over autarky.

    Returns:
        The files.

    Raises:
        ValueError: the run has no such round, or the sweep no such measure.
        OSError: the folder cannot be written; what it held is still there.
    """
    drawn = results.save_figures(
        run, folder.stage / FIGURES, formats=formats, round_number=round_number, measure=measure
    )
    folder.commit(run.manifest, added=True)
    return [folder.place(file) for file in drawn]
