"""Files may name a behaviour of anybody's own; it is imported only where its user says so, and then is an input."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import distributed
import pytest

from marketgame import results
from marketgame.experiments.files.input_file import InputError, InputFiles
from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.experiments.play.running import prepare
from marketgame.experiments.sweep import on_cluster, run_sweep
from marketgame.experiments.sweep.file import load_sweep
from tests.experiments.command_calls import GAMES, HOME, Answer, Call, assert_one_line, one_document

MODULES = {
    "theirs/__init__.py": "",
    "theirs/sizes.py": "USUAL = 0.5\n",
    "theirs/drift.py": """
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from marketgame.agents.behaviours import Behaviour
from marketgame.registry import parameter
from theirs.sizes import USUAL

Path(__file__).with_name("imported").touch()


@dataclass(frozen=True)
class Drifting(Behaviour):
    '''Quotes prices that have drifted.'''

    name: ClassVar[str] = "drifting"
    drift: float = field(default=USUAL, metadata=parameter("what prices are multiplied by", ge=0))
    steps: tuple[int, ...] = field(default=(), metadata=parameter("nothing"))

    def quote(self, knowledge):
        quotes = knowledge.recommendation.quotes.copy()
        quotes[:-1] *= self.drift
        return quotes


@dataclass(frozen=True)
class Shy(Behaviour):
    '''Refuses every invitation of a blocking mediator.'''

    name: ClassVar[str] = "shy"

    def answer(self, invited):
        return None


@dataclass(frozen=True)
class Crowded(Behaviour):
    '''Has a field that every table of traders has.'''

    name: ClassVar[str] = "crowded"
    share: float = 0.5


@dataclass(frozen=True)
class Opaque(Behaviour):
    '''Has a field that no file can hold.'''

    name: ClassVar[str] = "opaque"
    where: Path = field(default=Path("."), metadata=parameter("somewhere"))
""",
}
TRADERS = '[[traders]]\nplayers = ["ann"]\nbehaviour = "theirs.drift:Drifting"\ndrift = 0.9\n'
SCENARIO = f'kind = "scenario"\neconomy = "{HOME / "economies" / "three-farmers.toml"}"\nrounds = 3\n{TRADERS}'
SWEEP = """
kind = "sweep"
scenario = "drifting.toml"
seeds = 2
axes = { "traders[0].drift" = [0.5, 1.0] }
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a scenario, a sweep, and the package that the scenario names."""
    for name, text in {**MODULES, "drifting.toml": SCENARIO, "drifts.toml": SWEEP}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    # A source that changes twice within the grain of a file's time stamp is not to be taken from a cache.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "theirs"]:
        del sys.modules[name]


@pytest.mark.parametrize("command", ["validate", "run", "certify", "validate sweep", "sweep"])
def test_without_permission_nothing_that_a_file_names_is_imported(command: str, home: Path, marketgame: Call) -> None:
    words, file = command.split(), "drifts.toml" if "sweep" in command else "drifting.toml"
    # Even where the module could be imported.
    sys.path.append(str(home))
    answer = marketgame(words[0], file)
    assert_one_line(answer, "drifting.toml: traders[0].behaviour is 'theirs.drift:Drifting'", "--allow-code")
    assert not (home / "theirs" / "imported").exists()


def test_with_permission_a_behaviour_of_anybody_s_own_is_played(
    home: Path, marketgame: Call, quick_figures: None
) -> None:
    assert marketgame("validate", "drifting.toml", "drifts.toml", "--allow-code").code == 0
    answer = marketgame("run", "drifting.toml", "--allow-code", "--out", "run", "--json")
    assert answer.code == 0, answer.err
    run = results.load(home / "run")
    assert set(run.players.query("player == 'ann'")["behaviour"]) == {"drifting"}
    code: Any = run.manifest["code"]
    assert code.keys() == {"theirs", "theirs.drift", "theirs.sizes"}


def test_another_source_is_another_run(home: Path) -> None:
    sys.path.append(str(home))
    before = prepare(home / "drifting.toml", files=InputFiles(allow_code=True)).identity
    assert prepare(home / "drifting.toml", files=InputFiles(allow_code=True)).identity == before
    (home / "theirs" / "sizes.py").write_text("USUAL = 0.25\n", encoding="utf-8")
    now = prepare(home / "drifting.toml", files=InputFiles(allow_code=True)).identity
    assert {key for key in now if now[key] != before[key]} == {"code"}
    assert now["code"]["theirs.drift"] == before["code"]["theirs.drift"]


def test_a_scenario_of_our_own_classes_names_no_code(home: Path) -> None:
    assert "code" not in prepare(HOME / "scenarios" / "ten-traders-noisy.toml").identity


def swept(marketgame: Call, *options: str) -> Answer:
    return marketgame("sweep", "drifts.toml", "--allow-code", "--workers", "1", "--out", "swept", "--json", *options)


def test_a_sweep_plays_it_in_its_workers_and_knows_it_by_its_source(home: Path, marketgame: Call) -> None:
    document = one_document(swept(marketgame))
    assert (document["runs"], document["failed"]) == (4, 0)
    (home / "theirs" / "sizes.py").write_text("USUAL = 0.25\n", encoding="utf-8")
    assert_one_line(swept(marketgame), "code: classes of others")
    assert swept(marketgame, "--on-change", "restart").code == 0


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_the_workers_of_a_cluster_play_it_too(home: Path) -> None:
    sys.path.append(str(home))
    plan = load_sweep(home / "drifts.toml", InputFiles(allow_code=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(  # type: ignore[no-untyped-call]  # distributed annotates few of its functions.
                n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
            ) as cluster,
            on_cluster(cluster.scheduler_address) as workers,
        ):
            outcome = run_sweep(plan, home / "swept", nullcontext(workers))
        # Dask leaves sockets and event loops to the garbage collector, which is to find them here.
        gc.collect()
    assert set(results.load(outcome.folder).runs["status"]) == {"done"}


def test_an_axis_names_a_table_by_the_behaviour_of_anybody_s_own(home: Path, marketgame: Call) -> None:
    (home / "drifts.toml").write_text(SWEEP.replace("traders[0].drift", "traders.drift.theirs.drift:Drifting"), "utf-8")
    assert marketgame("validate", "drifts.toml", "--allow-code").code == 0


ECONOMY = (
    (HOME / "economies" / "three-farmers.toml").read_text(encoding="utf-8").replace('"quadratic"', '"theirs.drift:V"')
)


def test_looking_up_a_number_of_an_economy_imports_nothing_unasked(home: Path, marketgame: Call) -> None:
    sys.path.append(str(home))
    (home / "economy.toml").write_text(ECONOMY, encoding="utf-8")
    (home / "plain.toml").write_text('kind = "scenario"\neconomy = "economy.toml"\n', encoding="utf-8")
    axis = '"economy.players.ann.types.modest.valuation.intercept[0]" = [1.0]'
    (home / "sweep.toml").write_text(f'kind = "sweep"\nscenario = "plain.toml"\naxes = {{ {axis} }}\n', "utf-8")
    answer = marketgame("validate", "sweep.toml")
    assert answer.code == 2
    assert "economy.toml: players.ann.types.modest.valuation.family is 'theirs.drift:V'" in answer.err
    assert not (home / "theirs" / "imported").exists()


INSTALLED = {
    "theirs-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n",
    "theirs-1.0.dist-info/entry_points.txt": "[marketgame.behaviours]\ndrifting = theirs.drift:{name}\n",
}


def install(home: Path, name: str) -> None:
    """Install the package, with an entry point for one of its names."""
    for file, text in INSTALLED.items():
        (home / file).parent.mkdir(exist_ok=True)
        (home / file).write_text(text.format(name=name), encoding="utf-8")
    sys.path.insert(0, str(home))


def test_what_is_installed_is_imported_only_where_it_is_named(home: Path, marketgame: Call) -> None:
    install(home, "Drifting")
    plain = SCENARIO.replace('"theirs.drift:Drifting"\ndrift = 0.9', '"noisy"')
    (home / "drifting.toml").write_text(plain, encoding="utf-8")
    (home / "drifts.toml").write_text(SWEEP.replace("traders[0].drift", "traders.share.withholding"), "utf-8")
    assert marketgame("validate", "drifting.toml", "drifts.toml").code == 0
    assert not (home / "theirs" / "imported").exists()
    (home / "drifts.toml").write_text(SWEEP.replace("traders[0].drift", "traders.drift.drifting"), "utf-8")
    assert marketgame("validate", "drifts.toml").code == 0
    assert (home / "theirs" / "imported").exists()


def test_explain_says_which_installed_behaviour_is_none(home: Path, marketgame: Call) -> None:
    install(home, "Gone")
    assert_one_line(
        marketgame("explain", "scenario"), "the behaviour 'drifting' is installed, which cannot be imported"
    )


def test_certify_takes_a_scenario_with_a_behaviour_of_anybody_s_own(home: Path, marketgame: Call) -> None:
    answer = marketgame("certify", "drifting.toml", "--allow-code", "--largest", "1", "--json")
    assert answer.code in {0, 1}, answer.err


MISTAKES = {
    "no such module": ("theirs.drift:", "theirs.drift.more:", ["traders[0].behaviour is 'theirs.", "cannot be impo"]),
    "no such class": (
        ":Drifting",
        ":Drifted",
        ["behaviour is 'theirs.drift:Drifted'", "cannot be imported"],
    ),
    "no behaviour": (
        ":Drifting",
        ":Path",
        ["behaviour is 'theirs.drift:Path'", "must be a frozen dataclass"],
    ),
    "a misspelt field": ("drift =", "drifts =", ["traders[0].drifts is not a known key", "mean 'drift'"]),
    "out of bounds": ("0.9", "-0.9", ["traders[0].drift is -0.9", "at least 0"]),
    "a wrong type": ("0.9", '"fast"', ["traders[0].drift is 'fast'", "a number"]),
    "a wrong entry": ("0.9", "0.9\nsteps = [1, 2.5]", ["traders[0].steps[1] is 2.5", "a whole number"]),
    "a field of all tables": (":Drifting", ":Crowded", ["traders[0].behaviour is 'theirs.drift:Crowded'", "'share'"]),
    "a field for no file": (":Drifting", ":Opaque", ["traders[0].behaviour is 'theirs.drift:Opaque'", "no file can"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_or_about_it_is_one_line(mistake: str, home: Path) -> None:
    sys.path.append(str(home))
    old, new, fragments = MISTAKES[mistake]
    (home / "drifting.toml").write_text(SCENARIO.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_scenario(home / "drifting.toml", files=InputFiles(allow_code=True))
    message = str(caught.value)
    assert "\n" not in message
    assert [part for part in ["drifting.toml: ", *fragments] if part not in message] == [], message


def test_a_game_takes_those_that_need_no_market(home: Path) -> None:
    sys.path.append(str(home))
    text = f'kind = "scenario"\ngame = "{GAMES / "myerson-example-1.toml"}"\n'
    text += '[contract]\nmechanism = "incentive-efficient"\n'
    file = home / "game.toml"
    file.write_text(f'{text}[[traders]]\nbehaviour = "theirs.drift:Shy"\n', encoding="utf-8")
    prepared = prepare(file, files=InputFiles(allow_code=True))
    assert prepared.scenario.behaviours()[0][0].name == "shy"
    assert prepared.code
    file.write_text(f'{text}[[traders]]\nbehaviour = "theirs.drift:Drifting"\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"traders\[0\]\.behaviour is 'theirs.drift:Drifting', which needs a market"):
        prepare(file, files=InputFiles(allow_code=True))
