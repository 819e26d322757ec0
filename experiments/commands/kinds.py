"""The kinds of input files: what each holds, how it is loaded, and an example that comes with the program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from marketgame.experiments import HOME
from marketgame.experiments.files.economy_file import (
    EconomyInput,
    load_economy,
)
from marketgame.experiments.files.game_file import GameInput, load_game
from marketgame.experiments.files.game_scenario_file import (
    GameScenarioInput,
    load_game_scenario,
    names_game,
)
from marketgame.experiments.files.input_file import (
    InputFiles,
    InputModel,
    kind_of,
    read_table,
)
from marketgame.experiments.files.scenario_file import (
    ScenarioInput,
    load_scenario,
)
from marketgame.experiments.sweep.file import (
    SweepInput,
    load_sweep,
)


@dataclass(frozen=True)
class InputKind:
    """A kind of input file.

    Attributes:
        model: what its fields are.
        load: builds what the file describes, refusing what is wrong with it, and returns its name.
        example: a file of the kind.
        other: what the fields are of files of the kind that describe something else in its place, with an example.
    """

    model: type[InputModel]
    load: Callable[[Path, InputFiles], str]
    example: Path
    other: tuple[type[InputModel], Path] | None = None


def _scenario_name(path: Path, files: InputFiles) -> str:
    if names_game(path, files):
        return load_game_scenario(path, files=files).name
    return load_scenario(path, files=files).name


KINDS = {
    "market-economy": InputKind(
        EconomyInput, lambda path, files: load_economy(path, files).name, HOME / "economies" / "three-farmers.toml"
    ),
    "coalitional-game": InputKind(
        GameInput, lambda path, files: load_game(path, files).name, HOME / "games" / "myerson-example-1.toml"
    ),
    "scenario": InputKind(
        ScenarioInput,
        _scenario_name,
        HOME / "scenarios" / "annex-b-one-short-seller.toml",
        (GameScenarioInput, HOME / "scenarios" / "myerson-example-1-blocked.toml"),
    ),
    "sweep": InputKind(
        SweepInput, lambda path, files: load_sweep(path, files).name, HOME / "sweeps" / "share-of-misreporters.toml"
    ),
}


def load_input(path: Path) -> tuple[str, str]:
    """Load a file of whatever kind and return its kind and name.

    A JSON file is taken for a certificate; whether what it says is true is not checked.

    Raises:
        InputError: something is wrong with it.
    """
    if path.suffix == ".json":
        # What verifies certificates takes long to import, and most files are not certificates.
        import_module("marketgame.experiments.certificate_files.files").load_certificate(path)
        return "certificate", path.stem
    files = InputFiles()
    kind = kind_of(read_table(path, files), path, list(KINDS))
    return kind, KINDS[kind].load(path, files)
