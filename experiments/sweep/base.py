"""The scenario that a sweep varies, on a market or in a coalitional game."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from marketgame.experiments.files.economy_file import EconomyInput, economy_from, load_economy
from marketgame.experiments.files.examples import located_beside
from marketgame.experiments.files.game_file import EstablishedGame, GameInput, game_from, load_game
from marketgame.experiments.files.game_scenario_file import GameScenarioInput, build_game_scenario
from marketgame.experiments.files.input_file import InputFiles, InputModel, read_table, validated
from marketgame.experiments.files.scenario_file import ScenarioInput, build_scenario, names_game
from marketgame.experiments.sweep.paths import Opened, ScenarioPath
from marketgame.mechanisms.economies.economy import Economy
from marketgame.simulation.scenario.scenario import Scenario


@dataclass(frozen=True, eq=False)
class BaseScenario:
    """The scenario that a sweep varies.

    Attributes:
        file: where it stands.
        content: what the file holds.
        model: what it may hold.
        name: for titles.
        seed: its own.
    """

    file: Path
    content: Mapping[str, Any]
    model: type[ScenarioInput | GameScenarioInput]
    name: str
    seed: int
    _files: InputFiles
    _economy_in: Callable[[Path], Economy]
    _game_in: Callable[[Path], EstablishedGame]

    @property
    def setting(self) -> str:
        """The key under which a scenario names the file of its economy or of its game."""
        return "game" if self.model is GameScenarioInput else "economy"

    def setting_file(self, content: Mapping[str, Any]) -> Path:
        """Return the file of the economy or the game that a variant of the scenario names, or holds changed."""
        named = self.content if isinstance(content[self.setting], Mapping) else content
        return located_beside(str(named[self.setting]), self.file)

    @cached_property
    def opened(self) -> Opened:
        """What the file of the economy or the game holds."""
        model = GameInput if self.setting == "game" else EconomyInput
        file = self.setting_file(self.content)
        content = read_table(file, self._files)
        validated(model, content, file, allow_code=self._files.allow_code)
        return Opened(self.setting, model, content)

    def with_opened(self, content: Mapping[str, Any], paths: Iterable[ScenarioPath]) -> Mapping[str, Any]:
        """Return content that holds the economy or the game itself, where a path leads inside it."""
        inside = any(path.steps[0] == self.setting and len(path.steps) > 1 for path in paths)
        return {**content, self.setting: self.opened.content} if inside else content

    def variant(self, content: Mapping[str, Any], seed: int) -> Scenario:
        """Return the scenario that other content of the file would describe.

        Args:
            content: as a file would hold it; instead of the name of a file it may hold what stands in it.
            seed: of the scenario.

        Raises:
            InputError: there can be no such scenario.
        """
        inside = content[self.setting]
        economy_in, game_in = self._economy_in, self._game_in
        if isinstance(inside, Mapping):
            content = {**content, self.setting: self.content[self.setting]}
            economy_in, game_in = (
                partial(self._changed, EconomyInput, economy_from, inside),
                partial(self._changed, GameInput, game_from, inside),
            )
        match validated(self.model, content, self.file, allow_code=self._files.allow_code):
            case GameScenarioInput() as of_game:
                return build_game_scenario(of_game, self.file, seed=seed, game_in=game_in)
            case on_market:
                return build_scenario(on_market, self.file, seed=seed, economy_in=economy_in)

    def _changed[Model: InputModel, Built](
        self, model: type[Model], build: Callable[[Model, Path], Built], table: Mapping[str, Any], path: Path
    ) -> Built:
        return build(validated(model, table, path, allow_code=self._files.allow_code), path)


def base_scenario(file: Path, files: InputFiles) -> BaseScenario:
    """Return the scenario in a file as something to be varied.

    Raises:
        InputError: the file cannot be read or is wrong.
    """
    model: type[ScenarioInput | GameScenarioInput] = GameScenarioInput if names_game(file, files) else ScenarioInput
    content = read_table(file, files)
    stated = validated(model, content, file, allow_code=files.allow_code)
    # Points share their economies and games, so that each file is parsed once.
    economy_in, game_in = cache(partial(load_economy, files=files)), cache(partial(load_game, files=files))
    return BaseScenario(file, content, model, stated.name or file.stem, stated.seed, files, economy_in, game_in)
