"""The kinds of input files: what each holds, how it is loaded, and an example that comes with the program."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from marketgame.experiments import HOME
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputFiles, InputModel, kind_of, read_table
from marketgame.mechanisms.arrays import undefined_raises

if TYPE_CHECKING:
    from marketgame.experiments.files.contract_file import StatedContract
    from marketgame.experiments.files.game_file import EstablishedGame
    from marketgame.experiments.play.summary import PlayedRun
    from marketgame.experiments.sweep.statement import Plan
    from marketgame.experiments.sweep.summary import PlayedSweep
    from marketgame.mechanisms.certificates.certificate import Certificate
    from marketgame.mechanisms.economies.economy import Economy
    from marketgame.simulation.scenario.scenario import Scenario

    type Described = Economy | StatedContract | EstablishedGame | Scenario | Plan
    type Content = Described | Certificate

CERTIFICATE = "certificate"
# What reads a kind of files takes long to import, and most files are of another.
HOMES = "marketgame.experiments"


@dataclass(frozen=True)
class InputKind:
    """A kind of input file.

    Attributes:
        home: module of what follows.
        fields: the class in it that says what the fields are.
        loader: the function in it that builds what a file describes, refusing what is wrong with it.
        example: a file of the kind.
        other: of files of the kind that describe something else in its place.
    """

    home: str
    fields: str
    loader: str
    example: Path
    other: InputKind | None = None

    @property
    def model(self) -> type[InputModel]:
        """What the fields are."""
        model: type[InputModel] = getattr(import_module(f"{HOMES}.{self.home}"), self.fields)
        return model

    def load(self, path: Path, files: InputFiles) -> Described:
        """Return what a file describes.

        Raises:
            InputError: something is wrong with it.
        """
        content: Described = getattr(import_module(f"{HOMES}.{self.home}"), self.loader)(path, files=files)
        return content


SCENARIO_OF_A_GAME = InputKind(
    "files.game_scenario_file",
    "GameScenarioInput",
    "load_game_scenario",
    HOME / "scenarios" / "myerson-example-1-blocked.toml",
)
KINDS = {
    "market-economy": InputKind(
        "files.economy_file", "EconomyInput", "load_economy", HOME / "economies" / "three-farmers.toml"
    ),
    "coalitional-game": InputKind(
        "files.game_file", "GameInput", "load_game", HOME / "games" / "myerson-example-1.toml"
    ),
    "contract": InputKind(
        "files.contract_file", "ContractFileInput", "load_contract", HOME / "contracts" / "three-farmers-no-trade.toml"
    ),
    "scenario": InputKind(
        "files.scenario_file",
        "ScenarioInput",
        "load_scenario",
        HOME / "scenarios" / "annex-b-one-short-seller.toml",
        SCENARIO_OF_A_GAME,
    ),
    "sweep": InputKind("sweep.file", "SweepInput", "load_sweep", HOME / "sweeps" / "share-of-misreporters.toml"),
}


class Loaded(NamedTuple):
    """What a file of whatever kind holds."""

    kind: str
    name: str
    content: Content


def load_input(path: Path, files: InputFiles | None = None) -> Loaded:
    """Load a file of whatever kind.

    A JSON file is taken for a certificate; whether what it says is true is not checked.

    Raises:
        InputError: something is wrong with it.
    """
    files = InputFiles() if files is None else files
    if path.suffix == ".json":
        module = import_module("marketgame.experiments.certificate_files.files")
        return Loaded(CERTIFICATE, path.stem, module.load_certificate(path, files))
    table = read_table(path, files)
    kind = kind_of(table, path, list(KINDS))
    described = KINDS[kind]
    if described.other is not None and "game" in table:
        described = described.other
    content = described.load(path, files)
    return Loaded(kind, content.name, content)


@undefined_raises
def load(path: Path | str, *, allow_code: bool = False) -> Content | PlayedRun | PlayedSweep:
    """Return what a file or the folder of a run or a sweep holds, by its kind.

    Args:
        path: an economy, game, contract, scenario, sweep or certificate; ``example:NAME``; or a folder.
        allow_code: whether files may name code of anybody's, which then is imported.

    Returns:
        An ``Economy``, a game with what is established in it, a stated contract, a ``MarketScenario`` or
        ``GameScenario``, a checked sweep, a certificate that is not verified, or the tables of a run or a sweep.

    Raises:
        InputError: something is wrong with a file.
        FileNotFoundError: a folder holds no run.
        ValueError: a file of a folder is damaged.
    """
    where = located(path)
    if not where.is_dir():
        return load_input(where, InputFiles(allow_code=allow_code)).content
    run = import_module("marketgame.results.loading").load(where)
    if "points" in run.tables:
        swept: PlayedSweep = import_module("marketgame.experiments.sweep.summary").played_sweep(run)
        return swept
    played: PlayedRun = import_module("marketgame.experiments.play.summary").played(run)
    return played
