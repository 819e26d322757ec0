"""Who plays for a page: a process of its own, so that whatever takes long can be ended.

It reads a request a line, as JSON, and answers with a line each: ``answer``; or ``problems``, each with the field of
the scenario where it stands; or ``fault``. Lines with ``search`` in between say what is being searched.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from marketgame import results
from marketgame.experiments.app.frames import TABLES, Frame, frames_of
from marketgame.experiments.app.scenario_text import scenario_text
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.game_file import load_game
from marketgame.experiments.files.game_scenario_file import GameScenarioInput, build_game_scenario
from marketgame.experiments.files.input_file import InputError, InputFiles, blamed_on, kind_of, read_table, validated
from marketgame.experiments.files.scenario_file import ScenarioInput, build_scenario, names_game
from marketgame.mechanisms import UnansweredError
from marketgame.results.loading import Run
from marketgame.results.palette import ink_on, player_looks
from marketgame.results.selection import rows_of_run
from marketgame.simulation.game.model import GameModel
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.scenario.scenario import Scenario

# What the page shows of a belief: the profiles of reports that are most probable.
MOST_PROFILES = 6
# What each of so many traders knows is kept with every round; of more, what the one that the page asks about does.
MOST_ASKED = 24
# Rows that nobody will ask for are let go of once they take so many bytes.
MOST_BYTES = 1 << 24
# What a scenario is about, by the kind of its file.
SETTINGS = {"market-economy": "economy", "coalitional-game": "game"}
KNOWN = frozenset({*ScenarioInput.model_fields, *GameScenarioInput.model_fields})
FIELD = re.compile(r"[a-z_]+(?:[.\[][^\s:]*)?")
# Of whom a message that begins with no field speaks, and perhaps of which of its fields.
OF_WHOM = re.compile(r"(?:(?P<field>[a-z_]+) of )?(?P<who>organiser|blocker|blocking mediator) '(?P<name>[^']*)'")
LISTS = {"organiser": "organisers", "blocker": "blockers", "blocking mediator": "blockers"}

type Answer = dict[str, Any]


class ForgottenError(UnansweredError):
    """Rounds are asked for, and nothing has been begun: the page was asleep while another process took over."""


class Playing:
    """What one page plays, or replays."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._model: MarketModel | GameModel | None = None
        self._saved: Run | None = None

    def answer(self, request: Mapping[str, Any]) -> Any:
        """Return what is asked for.

        Raises:
            InputError: something of the scenario is wrong.
        """
        do: dict[str, Callable[..., Any]] = {
            "open": self.open,
            "begin": self.begin,
            "step": self.step,
            "text": self.text,
        }
        do |= {"replay": self.replay, "frames": self.frames}
        return do[request["do"]](**{key: value for key, value in request.items() if key != "do"})

    def open(self, source: str) -> Answer:
        """Return the tables of a scenario file, or of a scenario about an economy or a game, for the page to change."""
        path = located(source)
        tables = read_table(path)
        kind = kind_of(tables, path, ("scenario", *SETTINGS))
        if kind != "scenario":
            tables = {"kind": "scenario", "name": path.stem, SETTINGS[kind]: str(path.absolute())}
        else:
            names_game(path)
        return {"tables": tables, "path": str(path.absolute())}

    def begin(self, tables: Mapping[str, Any], path: str) -> Answer:
        """Begin a run, and say who plays what."""
        self._model, self._saved = self._made(tables, Path(path)), None
        self._model.announce_searches(self._announce)
        return _scene(self._model)

    def text(self, tables: Mapping[str, Any], path: str) -> str:
        """Return the scenario as a file, once it is known to be right."""
        self._made(tables, Path(path))
        return scenario_text(tables, Path(path))

    def step(self, rounds: int, about: int | None = None) -> list[Frame]:
        """Play rounds and return them with what traders know: few traders all, of many the one asked about.

        Raises:
            ForgottenError: no run was begun.
        """
        if self._model is None:
            raise ForgottenError
        model, before, known = self._model, self._model.recorder.rounds, []
        plays: list[Any] = []
        market = model if isinstance(model, MarketModel) else None
        few = len(model.traders) <= MOST_ASKED
        asked = range(len(model.traders)) if few else () if about is None else (about,)
        for _ in range(rounds):
            model.step()
            plays.append(model.last_play)
            known.append({} if market is None else {str(player): known_to(market, player) for player in asked})
        rows = model.recorder.rows(plays, before)
        if model.recorder.rows_held > MOST_BYTES:
            model.recorder.hand_over()
        columns = {name: rows[name].to_pydict() for name in TABLES if name in rows}
        told = _scene(model)
        frames = frames_of(columns, told["players"], told["goods"])
        for frame, each in zip(frames, known, strict=True):
            frame["known"] = each
        return frames

    def replay(self, folder: str) -> Answer:
        """Open a saved run, and say who played what; nothing is simulated."""
        self._model = None
        try:
            saved = results.load(folder)
            if "points" in saved.tables or saved.rounds.empty:
                raise InputError(f"{folder}: holds no rounds that were saved; name the folder of a run")
        except (FileNotFoundError, ValueError) as error:
            raise InputError(str(error)) from None
        self._saved = saved
        first, units = saved.runs.iloc[0], saved.good_units
        return {
            "name": str(first["scenario"]),
            "setting": str(first["economy"]),
            "seed": int(first["seed"]),
            "rounds": len(saved.rounds),
            "players": list(saved.player_names),
            "looks": looks_of(saved.player_names),
            "types": {},
            "goods": list(saved.goods),
            "units": [units.get(good, "") for good in saved.goods] or ["money"],
            "saved": str(saved.folder),
            "links": [],
        }

    def frames(self, first: int, rounds: int) -> list[Frame]:
        """Return rounds of the saved run.

        Raises:
            ForgottenError: none was opened.
        """
        saved = self._saved
        if saved is None:
            raise ForgottenError
        columns = {}
        for name in TABLES:
            if name in saved.tables:
                rows = rows_of_run(saved, name, int(saved.runs["run"].iloc[0]))
                columns[name] = _lists(rows[rows["round"].between(first, first + rounds - 1)])
        return frames_of(columns, saved.player_names, saved.goods)

    def _made(self, tables: Mapping[str, Any], path: Path) -> MarketModel | GameModel:
        """Return the model of a scenario; making it finds what the rules forbid."""
        files = InputFiles()
        if "game" in tables and "economy" not in tables:
            played = validated(GameScenarioInput, tables, path)
            game_in = partial(_blamed, load_game, scenario=path, field="game", files=files)
            game = build_game_scenario(played, path, game_in=game_in)
            with blamed_on(path):
                return GameModel(game)
        stated = validated(ScenarioInput, tables, path)
        economy_in = partial(_blamed, load_economy, scenario=path, field="economy", files=files)
        market = build_scenario(stated, path, economy_in=economy_in, files=files)
        with blamed_on(path):
            return MarketModel(market)


def _blamed[Read](load: Callable[..., Read], file: Path, scenario: Path, field: str, files: InputFiles) -> Read:
    """Return what a file holds; what is wrong with it is told at the field that names it."""
    try:
        return load(file, files=files)
    except InputError as error:
        raise InputError(*(f"{scenario}: {field}: {problem}" for problem in error.problems)) from None


def _lists(frame: Any) -> dict[str, list[Any]]:
    """Return the columns of a table; what is missing in it is none."""
    return {str(name): frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame.columns}


def _scene(model: MarketModel | GameModel) -> Answer:
    scenario: Scenario
    goods: tuple[str, ...] = ()
    units: tuple[str, ...] = ("money",)
    if isinstance(model, GameModel):
        scenario, known = model.game_scenario, None
        types = dict(zip(model.game.players, model.game.types, strict=True))
    else:
        scenario, known = model.market_scenario, model.market_scenario.known_links
        types = {player.name: tuple(kind.name for kind in player.types) for player in model.economy.players}
        goods, units = model.economy.goods, model.economy.units
    return {
        "name": scenario.name,
        "setting": scenario.setting_name,
        "seed": scenario.seed,
        "rounds": scenario.rounds,
        "players": list(types),
        "looks": looks_of(types),
        "types": {name: list(kinds) for name, kinds in types.items()},
        "goods": list(goods),
        "units": list(units),
        "saved": None,
        "links": [] if known is None else sorted(known.links),
    }


def looks_of(players: Iterable[str]) -> list[list[str]]:
    """Return the colour of each player, as in all figures, which part of its circle has it, and what is read on it."""
    return [[look.colour, look.half, ink_on(look.colour)] for look in player_looks(players).values()]


def known_to(model: MarketModel, player: int) -> Answer:
    """Return what a trader knows of the round played last: its own, what it was told, what it concludes, all quotes."""
    trader, economy = model.traders[player], model.economy
    known, told = trader.recommended, trader.recommended.recommendation
    others = [number for number in range(len(economy.players)) if number != player]
    answer: Answer = {
        "type": known.own_type.name,
        "owns": known.own_type.endowment.tolist(),
        "reported": known.own.types[trader.reported].name,
        "told": {
            "quotes": told.quotes.tolist(),
            "orders": np.asarray(told.orders)[others].sum(axis=0).tolist(),
            "announce": told.announced_endowment.tolist(),
            "transfer": float(told.transfers[player]),
        },
        "stake": known.stake,
        "behaviour": (type(trader.behaviour).__doc__ or "").partition("\n")[0],
        "agreed": None,
        "belief": None,
    }
    if trader.agreed is not None:
        quotes, order = trader.agreed
        answer["agreed"] = {"quotes": quotes.tolist(), "orders": order.net_demands[others].sum(axis=0).tolist()}
    if not economy.prior.obstacle:
        belief = known.belief
        answer["belief"] = {
            "possible": len(belief.probability),
            "of": len(economy.prior.profiles),
            "likely": [
                [float(chance), [economy.players[n].types[kind].name for n, kind in enumerate(profile)]]
                for profile, chance in list(zip(belief.profiles, belief.probability, strict=True))[:MOST_PROFILES]
            ],
        }
    return answer


def problems_of(error: Exception, path: str) -> list[dict[str, str]]:
    """Return what is wrong, each with the field where it stands as far as it is one of the scenario's."""
    told = error.problems if isinstance(error, InputError) else (str(error),)
    texts = [problem.removeprefix(f"{path}: ") for problem in told]
    return [{"field": _field_in(text), "message": text} for text in texts]


def _field_in(message: str) -> str:
    """Return the field of the scenario that a message speaks of; empty where it speaks of none."""
    field, whom = FIELD.match(message), OF_WHOM.match(message)
    if whom is not None:
        return ".".join(filter(None, (LISTS[whom["who"]], whom["name"], whom["field"])))
    return field[0] if field is not None and re.split(r"[.\[]", field[0])[0] in KNOWN else ""


def main() -> None:
    """Answer requests until there are no more."""
    # What anything prints goes where it can do no harm.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    playing = Playing(lambda search: _tell(out, _line({"search": search})))
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        for line in sys.stdin:
            _tell(out, answered(playing, json.loads(line)))


def answered(playing: Playing, request: Mapping[str, Any]) -> str:
    """Return the line that answers a request, whatever becomes of it."""
    try:
        return _line({"answer": playing.answer(request)})
    except ForgottenError:
        return _line({"forgotten": True})
    except (InputError, ValueError, ArithmeticError, UnansweredError, MemoryError) as error:
        return _line({"problems": problems_of(error, str(request.get("path", "")))})
    except Exception as error:  # the page says so, and whoever plays plays on
        return _line({"fault": f"{type(error).__name__}: {error}"})


def _line(answer: Answer) -> str:
    """Return an answer as a line.

    Raises:
        ValueError: it holds a number that JSON does not have.
        TypeError: it holds something that a page cannot be told.
    """
    return json.dumps(answer, separators=(",", ":"), allow_nan=False, default=_number) + "\n"


def _tell(out: TextIO, line: str) -> None:
    out.write(line)
    out.flush()


def _number(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Sequence | frozenset | set):
        return list(value)
    raise TypeError(f"{type(value).__name__} is nothing that a page can be told")


if __name__ == "__main__":
    main()
