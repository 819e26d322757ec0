"""Letting learners from outside the program act on a market."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputFiles
from marketgame.experiments.play.running import established, prepare
from marketgame.mechanisms.arrays import undefined_raises
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.scenario import Scenario

if TYPE_CHECKING:
    from marketgame.simulation.market.environment import MarketEnvironment


@undefined_raises
def environment(
    of: Path | str | Scenario,
    seed: int | None = None,
    *,
    rounds: int | None = None,
    players: Collection[str] | None = None,
    flat: bool = False,
    reach: float | None = None,
    allow_code: bool = False,
) -> MarketEnvironment:
    """Return a market on which learners from outside act, as a parallel environment of PettingZoo.

    Each step is one moment of a round: reports, quotes, orders; see :mod:`marketgame.simulation.market.environment`.

    Args:
        of: the file of a scenario on a market, ``example:NAME``, or a scenario.
        seed: of the first episode instead of the scenario's.
        rounds: how many there are in an episode, instead of the scenario's number.
        players: for whom learners act; for everybody by default. The others act as the scenario says.
        flat: whether observations and actions are vectors instead of dictionaries.
        reach: the largest order beyond what is recommended, in multiples of all there may be of a good; 2 by default.
        allow_code: whether files may name code of anybody's, which then is imported.

    Raises:
        InputError: a file is wrong.
        ValueError: it is no scenario on a market, has organisers or blockers, or players or reach are wrong.
        ImportError: PettingZoo is not installed.
    """
    try:
        # An extra, needed here only.
        import_module("pettingzoo")
    except ImportError:
        raise ImportError(
            "environments need PettingZoo and Gymnasium: install marketgame with its extra `learning`"
        ) from None
    from marketgame.simulation.market.environment import REACH, MarketEnvironment  # noqa: PLC0415

    if isinstance(of, Path | str):
        scenario = prepare(located(of), rounds, seed, InputFiles(allow_code=allow_code)).scenario
    else:
        given = replace(of, rounds=of.rounds if rounds is None else rounds, seed=of.seed if seed is None else seed)
        scenario = established(given)
    if not isinstance(scenario, MarketScenario):
        raise ValueError(f"{scenario.name!r} is played in a coalitional game; an environment needs a market")  # noqa: TRY004
    return MarketEnvironment(scenario, players, flat=flat, reach=REACH if reach is None else reach)
