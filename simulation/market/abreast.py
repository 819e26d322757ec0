"""Many replications of a market played abreast: a round of all of them is settled in one call.

The replications differ in their seeds alone, and each draws from its own streams what it would draw if it were played
by itself (:class:`marketgame.simulation.market.model.MarketModel`), so that types, stances, gains and memories are the
same, bit for bit. Behaviours are described once, where they are: what they say is asked of them
(:mod:`marketgame.simulation.market.messages`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from marketgame.agents.announcements import accepted_announcements, raised
from marketgame.agents.behaviours import Behaviour, Heard, Learning, MenuLearning, Order, Outcome, Publication
from marketgame.agents.behaviours.abreast import OneByOne, Outcomes
from marketgame.agents.behaviours.learning import memory_slots
from marketgame.agents.behaviours.menu import stance_name
from marketgame.agents.knowledge import RecommendedKnowledge
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import BankruptcyReason
from marketgame.mechanisms.market_game.settle import Engine, settle
from marketgame.mechanisms.market_game.settlement import Settlement
from marketgame.simulation.market.messages import Grown, Messages, Said, first_of, numbered
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.scenario.streams import first_uniforms, private_seed, random_stream, seed_words
from marketgame.simulation.stages.learned import Learned, Regret

if TYPE_CHECKING:
    from marketgame.agents.behaviours.abreast import Abreast
    from marketgame.simulation.scenario.market_scenario import MarketScenario
    from marketgame.simulation.stages.market_play import Round

# So many entries of orders are settled in one call at most.
MOST_ENTRIES = 2_000_000
# Gains are remembered for so many rounds that differ; then all are worked out anew.
MOST_REMEMBERED = 500_000
# Nature draws the types of so many rounds at a time.
ROUNDS_DRAWN_AT_ONCE = 256


def obstacle(scenario: MarketScenario) -> str:
    """Return why replications of a scenario cannot be played abreast; empty where they can.

    Whether a behaviour draws something of its own, so that they cannot, is only found out in play.
    """
    if scenario.organisers or scenario.blockers:
        return "organisers and blockers search in every round anew"
    if scenario.network is not None:
        return "the seed may decide who knows whom"
    if any(each.share is not None for each in scenario.assignments):
        return "the seed decides who behaves how"
    if scenario.contract is not None and len(scenario.contract.chances) > 1:
        return "the contract draws its recommendations by lot"
    for each in {each for by_type in scenario.behaviours() for each in by_type if isinstance(each, Learning)}:
        if not isinstance(each, MenuLearning) or type(each).plan is not MenuLearning.plan:
            return f"{each.name} does not learn over a menu"
    return ""


@dataclass(frozen=True, eq=False)
class Gained:
    """How B rounds went.

    Attributes:
        said: what everybody said.
        settlement: what the market made of it, batch dimension ``(B,)``.
        consumed: ``(B, N, L)``, units.
        gains: utilities above those of endowments, ``(B, N)``, numeraire.
        raised: how much numeraire the market added to announcements, ``(B, N)``, units.
    """

    said: Said
    settlement: Settlement
    consumed: FloatArray
    gains: FloatArray
    raised: FloatArray


@dataclass(frozen=True, eq=False)
class _Whole:
    """All that became of a round.

    Attributes:
        number: of the round.
        types: ``(R, N)``.
        stances: ``(R, N)``.
        gained: how the rounds that differ went.
        places: which of these each replication played, ``(R,)``.
        names: of the behaviours acted by, ``(R, N)``; none unless they are published.
    """

    number: int
    types: IntegerArray
    stances: IntegerArray
    gained: Gained
    places: IntegerArray
    names: Sequence[Sequence[str]]


@dataclass(frozen=True, eq=False)
class RoundAbreast:
    """One round of R replications.

    Attributes:
        types: ``(R, N)``.
        stances: the number of the behaviour by which each acted among those of its type, ``(R, N)``.
        gains: utilities above those of endowments, ``(R, N)``, numeraire.
        hindsight: what each stance of a learner would have gained in it, ``(R, S)`` by player and the first of its
            types with the learner, numeraire; none where that is not worked out; missing values in rows of other types.
        rounds: the same as the model leaves them, ``(R,)``; none unless they are wanted.
    """

    types: IntegerArray
    stances: IntegerArray
    gains: FloatArray
    hindsight: dict[tuple[int, int], FloatArray]
    rounds: tuple[Round, ...]


@dataclass(frozen=True, eq=False)
class _Learner:
    """A learner and its memories, that of one player for some of its types."""

    player: int
    slot: int
    types: IntegerArray
    memories: Abreast[Any]


class _Regrets:
    """What types of a player would have gained by each of their stances, in each of some replications."""

    def __init__(self, count: int, types: int, stances: int) -> None:
        self._rounds, self._gained, self._forgone = (
            np.zeros((count, types), np.int64),
            np.zeros((count, types)),
            np.zeros((count, types, stances)),
        )

    def add(self, rows: IntegerArray, types: IntegerArray, gains: FloatArray, hindsight: FloatArray) -> None:
        """Count a round of some replications, in which it was of these types."""
        at = rows, types
        self._rounds[at] += 1
        self._gained[at] += gains
        self._forgone[at] += hindsight

    def of(self, row: int, kind: int) -> Regret:
        """Return those of one type in one replication."""
        return Regret(int(self._rounds[row, kind]), float(self._gained[row, kind]), self._forgone[row, kind].copy())


class MarketsAbreast:
    """Replications of one market, played round after round.

    Args:
        scenario: what is played; its own seed does not matter.
        seeds: of the replications.
        whole: whether rounds are wanted as the model leaves them.

    Attributes:
        model: of the market; it plays no round.
        seeds: as they were given.
        options: the behaviours by which a type of a player may act: entry ``[player][type]``.

    Raises:
        ValueError: they cannot be played abreast, or the model refuses the scenario.
    """

    def __init__(self, scenario: MarketScenario, seeds: Sequence[int], whole: bool = False) -> None:
        if reason := obstacle(scenario):
            raise ValueError(f"replications cannot be played abreast: {reason}")
        self.model = model = MarketModel(scenario)
        self.seeds = tuple(seeds)
        self._economy, self._rules = model.economy, scenario.rules
        self._most_rounds = max(1, MOST_ENTRIES // (len(model.economy.players) ** 2 * len(model.economy.goods)))
        behaviours, players = scenario.behaviours(), model.economy.players
        self.options = tuple(
            tuple(
                each.menu(player, kind) if isinstance(each, MenuLearning) else (each,)
                for kind, each in enumerate(by_type)
            )
            for player, by_type in zip(players, behaviours, strict=True)
        )
        self._called = tuple(tuple(tuple(map(stance_name, several)) for several in by_type) for by_type in self.options)
        self._messages = Messages(model.traders[0].common, model.mediator, self.options)
        self._natures = [random_stream(seed, "nature") for seed in seeds]
        self._seeds = [[private_seed(seed, "trader", player.name) for player in players] for seed in seeds]
        self._words = np.stack([seed_words(each) for each in self._seeds])
        self._learners = [
            _Learner(player, slot, np.array([kind for kind, used in slots.items() if used == slot]), memories)
            for player, by_type in enumerate(behaviours)
            for slots in [memory_slots(by_type)]
            for slot, memories in self._memories(player, by_type, slots, len(seeds))
        ]
        published = scenario.learning.published
        self._told = Publication.HINDSIGHT in published
        self._heard = Publication.STANCES in published
        self._looks_back = scenario.looks_back or self._told
        self._wanted = whole
        self._whole = whole or any(isinstance(each.memories, OneByOne) for each in self._learners)
        self._known: dict[bytes, int] = {}
        self._gains = Grown(len(players))
        self._regrets = {
            (each.player, each.slot): _Regrets(
                len(seeds), len(behaviours[each.player]), len(self.options[each.player][int(each.types[0])])
            )
            for each in self._learners
        }

    def _memories(
        self, player: int, by_type: Sequence[Behaviour], slots: dict[int, int], count: int
    ) -> Iterator[tuple[int, Abreast[Any]]]:
        for slot in sorted(set(slots.values())):
            learner = by_type[slot]
            if isinstance(learner, MenuLearning):
                yield slot, learner.abreast(self.model.traders[player].memories[slot], count)

    def memory(self, replication: int) -> dict[str, object]:
        """Return what everybody remembers in a replication, by the names under which models keep it."""
        return {f"memory {each.player} {each.slot}": each.memories.memory(replication) for each in self._learners}

    def regrets(self, replication: int) -> dict[tuple[int, int], Regret]:
        """Return what is regretted in a replication, by player and type; nothing where it is not worked out."""
        known = {
            (each.player, kind): self._regrets[each.player, each.slot].of(replication, kind)
            for each in self._learners
            for kind in each.types.tolist()
        }
        return {key: regret for key, regret in sorted(known.items(), key=itemgetter(0)) if regret.rounds}

    def rounds(self, count: int) -> Iterator[RoundAbreast]:
        """Play so many rounds from the first on.

        Raises:
            marketgame.simulation.market.messages.DrawnError: a behaviour draws something of its own.
        """
        for first in range(0, count, ROUNDS_DRAWN_AT_ONCE):
            drawn = min(ROUNDS_DRAWN_AT_ONCE, count - first)
            prior = self._economy.prior
            types = np.stack([prior.draws(nature, drawn).profiles for nature in self._natures], axis=1)
            for number in range(drawn):
                yield self._play(first + number, types[number])

    def _play(self, number: int, types: IntegerArray) -> RoundAbreast:
        stances, draws = np.zeros_like(types), []
        uniforms = first_uniforms(self._words, number, "stance") if self._learners else np.zeros(0)
        for learner in self._learners:
            own = types[:, learner.player]
            # Nearly always it is the same learner whatever its type is.
            all_types = len(learner.types) == len(self.options[learner.player])
            rows = np.arange(len(own)) if all_types else np.isin(own, learner.types).nonzero()[0]
            probabilities = learner.memories.probabilities(rows, types[rows, learner.player])
            steps = probabilities.cumsum(axis=1)
            drawn = uniforms[rows, learner.player] * steps[:, -1]
            taken = np.minimum((steps <= drawn[:, None]).sum(axis=1), steps.shape[1] - 1)
            stances[rows, learner.player] = taken
            draws.append((rows, probabilities))
        whole = None
        if self._whole:
            # Who is told all that became of it needs the settlement; equal rounds have one.
            places = numbered(np.concatenate((types, stances), axis=1), {})
            first = np.array(first_of(places, 0))
            gained = self._gained(types[first], stances[first])
            names = self._names(types, stances) if self._heard else []
            whole, gains = _Whole(number, types, stances, gained, places, names), gained.gains[places]
        else:
            gains = self._gained_in(types, stances)
        hindsight = {}
        if self._looks_back:
            hindsight = self._hindsight(types, stances, gains, [rows for rows, _ in draws])
            for learner, (rows, _) in zip(self._learners, draws, strict=True):
                player, key = learner.player, (learner.player, learner.slot)
                self._regrets[key].add(rows, types[rows, player], gains[rows, player], hindsight[key][rows])
        for learner, (rows, probabilities) in zip(self._learners, draws, strict=True):
            player = learner.player
            told = hindsight[player, learner.slot][rows] if self._told else None
            outcome = partial(self._outcome, whole, player, rows, told)
            seen = types[rows, player], stances[rows, player], probabilities, gains[rows, player]
            learner.memories.learn(rows, Outcomes(*seen, told, outcome))
        rounds = self._rounds(whole, hindsight) if whole is not None and self._wanted else ()
        return RoundAbreast(types, stances, gains, hindsight, rounds)

    def _rounds(self, whole: _Whole, hindsight: dict[tuple[int, int], FloatArray]) -> tuple[Round, ...]:
        """Return a round of each replication as the model leaves it."""
        gained, first = whole.gained, first_of(whole.places, 0)
        said, settlement, delivered = gained.said, gained.settlement, gained.said.delivered
        arrays = {name: getattr(settlement, name) for name in Settlement.array_names()}
        settled = [
            self.model.quiet_round(
                whole.types[row],
                said.reports[at],
                None if delivered is None else delivered[at],
                gained.raised[at],
                Settlement(settlement.play[at], self._rules, **{name: each[at] for name, each in arrays.items()}),
            )
            for at, row in enumerate(first)
        ]
        learned = self._learned(whole, hindsight)
        return tuple(
            replace(settled[at], learned=learnt) if learnt else settled[at]
            for at, learnt in zip(whole.places.tolist(), learned, strict=True)
        )

    def _learned(self, whole: _Whole, hindsight: dict[tuple[int, int], FloatArray]) -> list[tuple[Learned, ...]]:
        """Return how those who learn acted in each replication, as the observer sees it."""
        learned: list[tuple[Learned, ...]] = []
        gains, known = (
            whole.gained.gains.tolist(),
            list(zip(self._learners, (set(each.types.tolist()) for each in self._learners), strict=True)),
        )
        for row, (kinds, taken) in enumerate(zip(whole.types.tolist(), whole.stances.tolist(), strict=True)):
            own, seen = gains[whole.places[row]], []
            for learner, types in known:
                player, kind = learner.player, kinds[learner.player]
                if kind in types:
                    names = self._called[player][kind]
                    observed = Learned(player, kind, names[taken[player]], own[player])
                    if self._looks_back:
                        told, regret = (
                            hindsight[player, learner.slot][row],
                            self._regrets[player, learner.slot].of(row, kind),
                        )
                        observed = replace(observed, menu=names, hindsight=told, regret=regret)
                    seen.append(observed)
            learned.append(tuple(seen))
        return learned

    def _gained_in(self, types: IntegerArray, stances: IntegerArray) -> FloatArray:
        """Return what everybody gains in rounds, ``(B, N)``, each kind of round settled once."""
        if len(self._known) > MOST_REMEMBERED:
            self._known, self._gains = {}, Grown(types.shape[1])
        numbers = numbered(np.concatenate((types, stances), axis=1), self._known)
        new = np.array(first_of(numbers, self._gains.count), np.int64)
        for gains in self._gained(types[new], stances[new]).gains if len(new) else ():
            self._gains.add(gains)
        return self._gains.take(numbers)

    def _gained(self, types: IntegerArray, stances: IntegerArray) -> Gained:
        """Return how rounds went in which players of types ``(B, N)`` acted by the behaviours of these numbers."""
        said = self._messages.say(types, stances)
        owned = self._economy.endowments(types)
        if said.delivered is not None:
            owned = owned + said.delivered
        announced = accepted_announcements(said.offered, owned, said.transfers, self._rules)
        play = Play(said.quotes, said.orders, announced, said.transfers)
        # The compiled engine agrees to rounding alone.
        settlement = settle(play, self._rules, engine=Engine.NUMPY)
        net = settlement.net_consumption(owned)
        if said.delivered is not None:
            net = net + said.delivered
        # Nobody is paid anything; adding it leaves no negative zero.
        gains = self._economy.gains(types, net) + 0.0
        return Gained(
            said, settlement, settlement.consumption(owned), gains, raised(announced, said.offered, self._rules)
        )

    def _hindsight(
        self, types: IntegerArray, stances: IntegerArray, gains: FloatArray, learning: Sequence[IntegerArray]
    ) -> dict[tuple[int, int], FloatArray]:
        """Return what each stance of each learner would have gained in a round, others acting as they did."""
        hindsight: dict[tuple[int, int], FloatArray] = {}
        others: list[tuple[FloatArray, int, int, IntegerArray]] = []
        for learner, rows in zip(self._learners, learning, strict=True):
            player = learner.player
            size = len(self.options[player][int(learner.types[0])])
            known = hindsight[player, learner.slot] = np.full((len(types), size), np.nan)
            known[rows, stances[rows, player]] = gains[rows, player]
            for stance in range(size):
                other = rows[stances[rows, player] != stance]
                if len(other):
                    others.append((known, player, stance, other))
        if not others:
            return hindsight
        # All of them are settled together: a call costs more than most of what it settles.
        places = np.concatenate([rows for *_, rows in others])
        counts = [len(rows) for *_, rows in others]
        taken = stances[places]
        whose = np.repeat([player for _, player, _, _ in others], counts)
        taken[np.arange(len(places)), whose] = np.repeat([stance for _, _, stance, _ in others], counts)
        told = np.empty(len(places))
        for first in range(0, len(places), self._most_rounds):
            some = slice(first, first + self._most_rounds)
            of = self._gained_in(types[places[some]], taken[some])
            told[some] = of[np.arange(len(of)), whose[some]]
        ends = np.cumsum(counts)[:-1]
        for (known, _, stance, rows), gained in zip(others, np.split(told, ends), strict=True):
            known[rows, stance] = gained
        return hindsight

    def _names(self, types: IntegerArray, stances: IntegerArray) -> list[list[str]]:
        """Return what everybody acted by, as tables call it."""
        return [
            [self._called[player][kind][stance] for player, (kind, stance) in enumerate(zip(*row, strict=True))]
            for row in zip(types.tolist(), stances.tolist(), strict=True)
        ]

    def _outcome(
        self, whole: _Whole | None, player: int, rows: IntegerArray, told: FloatArray | None, place: int
    ) -> Outcome:
        """Return what a player knows when a round is over in the replication at a place among some rows."""
        row = int(rows[place])
        if whole is None:
            raise RuntimeError("whoever learns in all replications at once asks for nothing more")
        at, gained, kind = int(whole.places[row]), whole.gained, int(whole.types[row, player])
        said, settlement, names = gained.said, gained.settlement, whole.names
        known = self._messages.knowledge(player, kind)
        stream = partial(random_stream, self._seeds[row][player], whole.number)
        part, report = self._messages.parts[int(said.told[at])][player], int(said.reports[at, player])
        announced = settlement.play.announced_endowments[at, player].copy()
        gains = gained.gains[at].tolist()
        heard = [Heard(other, names[row][other], gains[other]) for other in range(len(gains))] if names else []
        return Outcome(
            knowledge=RecommendedKnowledge(known.common, known.inference, kind, stream, report, part),
            played=self.options[player][kind][int(whole.stances[row, player])],
            bound=False,
            quotes=said.quotes[at].copy(),
            order=Order(said.orders[at, player].copy(), announced),
            flows=settlement.flows[at, player].copy(),
            consumed=gained.consumed[at, player].copy(),
            paid=0.0,
            gain=gains[player],
            reason=BankruptcyReason(int(settlement.reason[at, player])),
            hindsight=None if told is None else told[place].copy(),
            heard=tuple(heard[other] for other in self.model.learning.sees(player)) if heard else (),
        )
