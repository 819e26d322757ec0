"""Trading posts and the call market as they are played: careless traders among the obedient, and traders who learn.

Careless traders do there what they do in the market game, as far as that has a meaning: *noisy* ones mistake prices by
a factor drawn anew, *mispricing* ones always by the same, *withholding* ones send half of what they are told. Learners
choose between truth and obedience, every lie, and these: they are those of the market game (`RegretMatching`), told
what each stance would have brought, and begin with obedience.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from marketgame.agents.behaviours import Mispricing, Noisy, Outcome, RegretMatching, Withholding
from marketgame.agents.behaviours.abreast import Abreast, Outcomes
from marketgame.agents.behaviours.regret_matching import Beginning, Regrets
from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket, can_report
from marketgame.mechanisms.comparison_markets.stances import Stances, played, truthful
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from marketgame.simulation.market.replications import Enough
from marketgame.simulation.market.sampled_play.plays import CARELESS, Careless

# Factors by which learners may mistake prices, and shares of the trade that they may send.
MISTAKES, SHARES = (0.9, 1.1), (0.5, 0.0)


# So many plays are remembered; then all are worked out anew.
MOST_KNOWN = 200_000


# Nature draws the types of so many rounds at a time.
ROUNDS_AT_ONCE = 256


def careless_plays(
    economy: Economy,
    market: ComparedMarket,
    seed: int,
    plays: int,
    whom: Sequence[tuple[str, int]],
    deadline: Deadline,
) -> tuple[IntegerArray, list[Careless]]:
    """Return types ``(B, N)`` and what came of a careless trader each; see `plays.careless_plays`.

    Raises:
        ValueError: there is no such carelessness.
        UnansweredError: a careless trader's schedules are not known.
        DeadlinePassedError: there was no time for any.
    """
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    types = economy.prior.draws(generator, plays).profiles
    at_first = played(economy, market, types, truthful(types))
    found = []
    for kind, player in whom:
        if deadline.passed:
            break
        stances = truthful(types)
        match kind:
            case Noisy.name:
                errors = np.exp(Noisy().quote_scale * generator.standard_normal(len(types)))
                stances.factors[:, player] = errors
            case Mispricing.name:
                stances.factors[:, player] = Mispricing().factor
            case Withholding.name:
                stances.shares[:, player] = 1 - Withholding().fraction
            case _:
                raise ValueError(
                    f"{kind!r} is no carelessness; it must be one of {', '.join(c.name for c in CARELESS)}"
                )
        if not economy.valuations.separable and market is ComparedMarket.CALL:
            # The market is admitted all the same: types clear it.
            raise UnansweredError(
                "where goods bear on each other the call market knows no schedules but those of types"
            )
        after = played(economy, market, types, stances)
        found.append(Careless(kind, player, at_first, after))
    if not found:
        raise DeadlinePassedError
    return types, found


def obeying(economy: Economy, market: ComparedMarket, profiles: IntegerArray) -> FloatArray:
    """Return what everybody gains in sum if types ``(B, N)`` obey, ``(B,)``, numeraire."""
    return np.asarray(played(economy, market, profiles, truthful(profiles)).sum(axis=-1))


def learning_plays(
    economy: Economy,
    market: ComparedMarket,
    seed: int,
    who: Sequence[int],
    count: int,
    rounds: int,
    enough: Enough | None = None,
) -> tuple[IntegerArray, FloatArray, BooleanArray]:
    """Return types, gains and which learners did as they were told; see `plays.learning_plays`."""
    learners = _Learners.of(economy, market, count, who)
    shape = count, rounds, len(economy.players)
    types, gains, obeyed = np.zeros(shape, np.int64), np.zeros(shape), np.zeros((count, rounds, len(who)), dtype=bool)
    generators = [np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(count)]
    for first in range(0, rounds, ROUNDS_AT_ONCE):
        # As many are drawn whether they are played or not, so that the first are the same.
        drawn = np.stack([economy.prior.draws(each, ROUNDS_AT_ONCE).profiles for each in generators])
        # One number for each learner in each round of each replication.
        chance = np.stack([each.random((ROUNDS_AT_ONCE, len(who))) for each in generators])
        for number in range(first, min(first + ROUNDS_AT_ONCE, rounds)):
            types[:, number] = drawn[:, number - first]
            gains[:, number], obeyed[:, number] = learners.round(types[:, number], chance[:, number - first])
            if enough is not None and enough(types[:, : number + 1], gains[:, : number + 1]):
                some = slice(0, number + 1)
                return types[:, some], gains[:, some], obeyed[:, some]
    return types, gains, obeyed


@dataclass(frozen=True, eq=False)
class _Menu:
    """What a player may do, by its type.

    Attributes:
        reports: ``(own types, S)``.
        factors: ``(S,)``.
        shares: ``(S,)``.
    """

    reports: IntegerArray
    factors: FloatArray
    shares: FloatArray

    @classmethod
    def of(cls, economy: Economy, market: ComparedMarket, player: int) -> _Menu:
        count = economy.prior.type_counts[player]
        allowed = can_report(economy, player)
        truth = np.arange(count)
        # Every lie stands for one stance; who cannot show it tells the truth instead.
        lies = [np.where(allowed[truth, (truth + k) % count], (truth + k) % count, truth) for k in range(1, count)]
        odd = [] if market is ComparedMarket.CALL and not economy.valuations.separable else [*MISTAKES, *SHARES]
        reports = np.stack([truth, *lies, *([truth] * len(odd))], axis=1)
        ones = np.ones(count)
        factors = np.concatenate((ones, odd[: len(MISTAKES)], np.ones(len(odd[len(MISTAKES) :]))))
        shares = np.concatenate((ones, np.ones(len(odd[: len(MISTAKES)])), odd[len(MISTAKES) :]))
        return cls(reports, factors, shares)


@dataclass(frozen=True, eq=False)
class _Learners:
    """The menus and memories of those who learn, in R replications.

    Attributes:
        economy: whose traders learn.
        market: in which.
        who: learns; the others tell the truth and obey.
        menus: by learner.
        memories: by learner, of all replications.
        known: what everybody gained in plays that were worked out before, ``(N,)`` by types and stances.
    """

    economy: Economy
    market: ComparedMarket
    who: tuple[int, ...]
    menus: tuple[_Menu, ...]
    memories: tuple[Abreast[Regrets], ...]
    known: dict[bytes, FloatArray] = field(default_factory=dict)

    @classmethod
    def of(cls, economy: Economy, market: ComparedMarket, count: int, who: Sequence[int]) -> _Learners:
        learner = RegretMatching(beginning=Beginning.FIRST)
        menus = tuple(_Menu.of(economy, market, player) for player in who)
        memories = []
        for menu in menus:
            kinds, size = menu.reports.shape
            square, none, infinite = np.zeros((kinds, size, size)), np.zeros(kinds, np.int64), np.full(kinds, np.inf)
            memory = Regrets(square, square, none, np.zeros(kinds), infinite, -infinite, none, none)
            memories.append(learner.abreast(memory, count))
        return cls(economy, market, tuple(who), menus, tuple(memories))

    def round(self, types: IntegerArray, chance: FloatArray) -> tuple[FloatArray, np.ndarray]:
        """Play a round of types ``(R, N)``, and learn from it: gains, ``(R, N)``, and which learners obeyed."""
        count, players = types.shape
        rows = np.arange(count)
        taken = np.zeros((count, len(self.who)), dtype=np.int64)
        odds = []
        for place, (player, memory) in enumerate(zip(self.who, self.memories, strict=True)):
            probability = memory.probabilities(rows, types[:, player])
            steps = probability.cumsum(axis=1)
            drawn = (steps <= (chance[:, place] * steps[:, -1])[:, None]).sum(axis=1)
            taken[:, place] = np.minimum(drawn, probability.shape[1] - 1)
            odds.append(probability)
        # Everybody else acting by the same stances: the play itself, and one for each stance of each learner.
        plays = [self._stances(types, taken)]
        for place, menu in enumerate(self.menus):
            for stance in range(menu.reports.shape[1]):
                other = taken.copy()
                other[:, place] = stance
                plays.append(self._stances(types, other))
        together = Stances(*(np.concatenate([getattr(each, name) for each in plays]) for name in _FIELDS))
        several = np.tile(types, (len(plays), 1))
        all_gains = self._played(several, together).reshape(len(plays), count, players)
        gains, first = all_gains[0], 1
        for place, (player, menu, memory) in enumerate(zip(self.who, self.menus, self.memories, strict=True)):
            own = slice(first, first := first + menu.reports.shape[1])
            told = types[:, player], taken[:, place], odds[place], gains[:, player], all_gains[own, :, player].T
            memory.learn(rows, Outcomes(*told, _untold))
        return gains, taken == 0

    def _played(self, types: IntegerArray, stances: Stances) -> FloatArray:
        """Return what plays bring, each worked out once."""
        rows = np.concatenate((types, stances.reports, stances.factors, stances.shares), axis=1)
        keys = [row.tobytes() for row in rows]
        new = {key: place for place, key in enumerate(keys) if key not in self.known}
        if new:
            first = np.array(list(new.values()))
            some = Stances(*(getattr(stances, name)[first] for name in _FIELDS))
            if len(self.known) > MOST_KNOWN:
                self.known.clear()
                return self._played(types, stances)
            self.known.update(zip(new, played(self.economy, self.market, types[first], some), strict=True))
        return np.array([self.known[key] for key in keys])

    def _stances(self, types: IntegerArray, taken: IntegerArray) -> Stances:
        reports, factors, shares = types.copy(), np.ones(types.shape), np.ones(types.shape)
        for place, (player, menu) in enumerate(zip(self.who, self.menus, strict=True)):
            stance = taken[:, place]
            reports[:, player] = menu.reports[types[:, player], stance]
            factors[:, player], shares[:, player] = menu.factors[stance], menu.shares[stance]
        return Stances(reports, factors, shares)


_FIELDS = ("reports", "factors", "shares")


def _untold(_place: int) -> Outcome:
    raise AssertionError("regret matching hears gains and hindsight alone")
