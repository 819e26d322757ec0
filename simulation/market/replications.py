"""A market replicated with many seeds: what everybody was, did and gained, as arrays and as one table.

Replications are played abreast where that is possible (:mod:`marketgame.simulation.market.abreast`), and one by one
otherwise; what comes of them is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marketgame.agents.behaviours.menu import stance_name
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.simulation.market.abreast import MOST_ENTRIES, MarketsAbreast, obstacle
from marketgame.simulation.market.messages import DrawnError
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.scenario.established_contract import established_contract
from marketgame.simulation.stages.learned import Regret
from marketgame.simulation.stages.market_play import net_consumed_in

if TYPE_CHECKING:
    import pandas as pd

    from marketgame.agents.behaviours import Behaviour
    from marketgame.simulation.scenario.market_scenario import MarketScenario


type Enough = Callable[[NDArray[np.integer], FloatArray], bool]
"""Says whether what was played is enough, given types and gains of all rounds yet, ``(R, t, N)`` each."""


@dataclass(frozen=True, eq=False)
class Replications:
    """R replications of a market of N traders, T rounds each.

    Attributes:
        scenario: what was played; its own seed is that from which those of the replications follow.
        seeds: of the replications, ``(R,)``; a run of the scenario with one of them is the same.
        types: everybody's, ``(R, T, N)``.
        stances: which of `names` everybody acted by, ``(R, T, N)``.
        names: of behaviours, as tables call them.
        gains: utilities above those of endowments, ``(R, T, N)``, numeraire.
        regrets: of each replication by player and type, ``(R,)``; none of those that are not worked out.
        memories: what everybody who learns remembers in the end, by the name under which models keep it, ``(R,)``.
    """

    scenario: MarketScenario
    seeds: tuple[int, ...]
    types: NDArray[np.int16]
    stances: NDArray[np.int16]
    names: tuple[str, ...]
    gains: FloatArray
    regrets: tuple[Mapping[tuple[int, int], Regret], ...]
    memories: tuple[Mapping[str, object], ...]

    def shares(self, first: int = 0) -> FloatArray:
        """Return how often each player acts by each behaviour from a round on, ``(N, names)``, in all replications."""
        played = self.stances[:, first:]
        return np.stack([(played == stance).mean(axis=(0, 1)) for stance in range(len(self.names))], axis=1)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Of each trader in each round of each replication its type, its stance and its gain."""
        # Pandas is loaded where a table is wanted.
        import pandas as pd  # noqa: PLC0415

        players = self.scenario.economy.players
        count, rounds, traders = self.gains.shape
        named = [kind.name for player in players for kind in player.types]
        first = np.cumsum([0, *(len(player.types) for player in players[:-1])])
        kinds, codes = np.unique(named, return_inverse=True)
        people = pd.Categorical.from_codes(np.arange(traders), categories=pd.Index([player.name for player in players]))
        return pd.DataFrame(
            {
                "replication": np.repeat(np.arange(count), rounds * traders),
                "round": np.tile(np.repeat(np.arange(rounds), traders), count),
                "player": people.take(np.tile(np.arange(traders), count * rounds)),
                "type": pd.Categorical.from_codes(
                    codes[(first + self.types).reshape(-1)], categories=pd.Index(kinds.tolist())
                ),
                "stance": pd.Categorical.from_codes(self.stances.reshape(-1), categories=pd.Index(self.names)),
                "gain": self.gains.reshape(-1),
            }
        )


def seeds_of(seed: int, count: int) -> tuple[int, ...]:
    """Return the seeds of so many replications; more of them begin with the same."""
    children = np.random.SeedSequence(seed).spawn(count)
    return tuple(int(child.generate_state(1, np.uint64)[0] >> np.uint64(1)) for child in children)


def replicate(
    scenario: MarketScenario, count: int, deadline: Deadline = NO_DEADLINE, enough: Enough | None = None
) -> Replications:
    """Play a scenario with so many seeds that follow from its own.

    Args:
        scenario: what is played, for as many rounds as it says at most.
        count: how many seeds.
        deadline: when to stop.
        enough: asked after every round of all of them, which are then played side by side; all rounds if not given.

    Raises:
        ValueError: there is nothing to be played, or the market refuses the scenario.
        DeadlinePassedError: time ran out; it is looked at after every round.
    """
    if count < 1:
        raise ValueError(f"replications is {count}; there must be at least 1")
    seeds = seeds_of(scenario.seed, count)
    if not obstacle(scenario):
        try:
            return played_abreast(scenario, seeds, deadline, enough)
        except DrawnError:
            pass
    return played_one_by_one(scenario, seeds, deadline, enough)


def played_abreast(
    scenario: MarketScenario,
    seeds: tuple[int, ...],
    deadline: Deadline = NO_DEADLINE,
    enough: Enough | None = None,
) -> Replications:
    """Play a scenario with some seeds, a round of as many at once as memory allows.

    Raises:
        ValueError: that is impossible, or the market refuses the scenario.
        DrawnError: a behaviour draws something of its own.
        DeadlinePassedError: time ran out.
    """
    return _Kept(scenario, seeds, deadline, enough).abreast()


def played_one_by_one(
    scenario: MarketScenario,
    seeds: tuple[int, ...],
    deadline: Deadline = NO_DEADLINE,
    enough: Enough | None = None,
) -> Replications:
    """Play a scenario with some seeds, agent by agent.

    Raises:
        ValueError: the market refuses the scenario.
        DeadlinePassedError: time ran out.
    """
    return _Kept(scenario, seeds, deadline, enough).one_by_one()


class _Kept:
    """What is kept of replications while they are played."""

    def __init__(
        self, scenario: MarketScenario, seeds: tuple[int, ...], deadline: Deadline, enough: Enough | None
    ) -> None:
        # What all of them share is established once.
        self._scenario = scenario = replace(scenario, contract=established_contract(scenario))
        self._seeds, self._deadline, self._enough = seeds, deadline, enough
        self._rounds = scenario.rounds
        shape = len(seeds), scenario.rounds, len(scenario.economy.players)
        self._types, self._stances = np.zeros(shape, np.int16), np.zeros(shape, np.int16)
        self._gains = np.zeros(shape)
        self._codes: dict[str, int] = {}
        self._regrets: list[Mapping[tuple[int, int], Regret]] = []
        self._memories: list[Mapping[str, object]] = []

    def abreast(self) -> Replications:
        """Play them abreast."""
        players, goods = len(self._scenario.economy.players), len(self._scenario.economy.goods)
        most = max(1, MOST_ENTRIES // (players * players * goods)) if self._enough is None else len(self._seeds)
        for first in range(0, len(self._seeds), most):
            some = slice(first, first + most)
            markets = MarketsAbreast(self._scenario, self._seeds[some])
            codes = self._codes_of(markets.options)
            for number, played in enumerate(markets.rounds(self._scenario.rounds)):
                self._deadline.check()
                self._types[some, number], self._gains[some, number] = played.types, played.gains
                for player, by_type in enumerate(codes):
                    taken = by_type[played.types[:, player], played.stances[:, player]]
                    self._stances[some, number, player] = taken
                if self._is_enough(number):
                    break
            count = len(markets.seeds)
            self._regrets += [markets.regrets(place) for place in range(count)]
            self._memories += [markets.memory(place) for place in range(count)]
        return self._replications()

    def one_by_one(self) -> Replications:
        """Play each by itself."""
        if self._enough is None:
            for place, seed in enumerate(self._seeds):
                model = MarketModel(replace(self._scenario, seed=seed))
                for number in range(self._rounds):
                    self._step(model, place, number)
                self._remember(model)
            return self._replications()
        models = [MarketModel(replace(self._scenario, seed=seed)) for seed in self._seeds]
        for number in range(self._rounds):
            for place, model in enumerate(models):
                self._step(model, place, number)
            if self._is_enough(number):
                break
        for model in models:
            self._remember(model)
        return self._replications()

    def _step(self, model: MarketModel, place: int, number: int) -> None:
        """Play a round of one of them."""
        model.step()
        played = model.last_play
        if played is None:
            return
        self._deadline.check()
        paid = played.severance + played.side_payments + played.paid_for_reports
        net = net_consumed_in(played, model.economy)
        self._types[place, number] = played.profile
        self._gains[place, number] = model.economy.gains(played.profile, net) + paid
        self._stances[place, number] = [self._code(stance_name(each.behaviour)) for each in model.traders]

    def _remember(self, model: MarketModel) -> None:
        self._regrets.append(dict(model.learning.regrets))
        kept = model.learning.remembered()
        self._memories.append({name: each for name, each in kept.items() if name.startswith("memory ")})

    def _is_enough(self, number: int) -> bool:
        """Say whether rounds up to that of a number are enough; if so, there are no more."""
        if self._enough is None or not self._enough(self._types[:, : number + 1], self._gains[:, : number + 1]):
            return False
        some = slice(0, number + 1)
        self._types, self._stances = self._types[:, some].copy(), self._stances[:, some].copy()
        self._gains = self._gains[:, some].copy()
        return True

    def _code(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))

    def _codes_of(self, options: Sequence[Sequence[Sequence[Behaviour]]]) -> list[NDArray[np.int16]]:
        """Return the codes of all behaviours of each player, ``(types, behaviours)``."""
        codes = [np.zeros((len(by_type), max(map(len, by_type))), np.int16) for by_type in options]
        for own, by_type in zip(codes, options, strict=True):
            for kind, several in enumerate(by_type):
                own[kind, : len(several)] = [self._code(stance_name(each)) for each in several]
        return codes

    def _replications(self) -> Replications:
        # Names in order of the alphabet, without those of stances that nobody took.
        taken = np.bincount(self._stances.reshape(-1), minlength=len(self._codes)) > 0
        names = sorted(name for name, code in self._codes.items() if taken[code])
        places = np.zeros(len(self._codes), np.int16)
        places[[self._codes[name] for name in names]] = np.arange(len(names))
        for array in (self._types, self._gains):
            array.flags.writeable = False
        return Replications(
            self._scenario,
            self._seeds,
            self._types,
            places[self._stances],
            tuple(names),
            self._gains,
            tuple(self._regrets),
            tuple(self._memories),
        )
