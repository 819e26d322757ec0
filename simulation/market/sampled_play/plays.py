"""Careless traders among the obedient, and traders who learn: the plays, and the numbers that come of them.

**Careless traders.** One trader at a time mistakes prices (*mispricing*), hides half of what it owns (*withholding*) or
errs at random (*noisy*) while all others obey, with types drawn from the prior. The same draws are played with
everybody obedient, so that losses are differences of the same plays.

**Learning traders.** They match regrets over a menu that begins with obedience, are told after every round what each
stance of the menu would have brought, and obey at first (`RegretMatching`; Hart and Mas-Colell 2000).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from marketgame.agents.behaviours import Behaviour, Mispricing, Noisy, Publication, RegretMatching, Withholding
from marketgame.agents.behaviours.regret_matching import Beginning
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.incentive_efficiency.welfare import first_best_gains
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from marketgame.simulation.market.replications import Enough, replicate
from marketgame.simulation.market.sampled_play.settling import TOLERANCE, Settling, counted, half_width
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.learning import LearningRules, Regrets
from marketgame.simulation.scenario.market_scenario import MarketScenario, TradeRows

CARELESS: tuple[Behaviour, ...] = (Mispricing(), Withholding(), Noisy())


OBEDIENT = "obedient"


MANY = ("obedient", "misreporting", "withholding", "mispricing")
"""What learners among many choose from: nothing for which they must work out what all the others are."""


@dataclass(frozen=True, eq=False)
class Careless:
    """A careless trader among the obedient.

    Attributes:
        kind: of carelessness.
        player: who is careless.
        before: what everybody gains if all obey, ``(B, N)``, numeraire.
        after: what everybody gains with the careless one, ``(B, N)``, numeraire.
    """

    kind: str
    player: int
    before: FloatArray
    after: FloatArray


def careless_plays(
    scenario: MarketScenario, rounds: int, count: int, whom: Sequence[tuple[str, int]], deadline: Deadline
) -> tuple[IntegerArray, list[Careless]]:
    """Return types ``(B, N)`` and what came of a careless trader each, as far as time allows.

    Args:
        scenario: of which rules and contract are played.
        rounds: of each replication.
        count: of replications.
        whom: kinds of carelessness, and who is careless.
        deadline: when to stop.

    Raises:
        ValueError: the market does not admit the scenario, or there is no such carelessness.
        DeadlinePassedError: there was no time for any.
    """
    quiet, players, kinds = _quiet(scenario, rounds), scenario.economy.players, {one.name: one for one in CARELESS}
    obeyed = replicate(quiet, count, deadline)
    types, before = _flat(np.asarray(obeyed.types, np.int64)), _flat(obeyed.gains)
    found = []
    for kind, player in whom:
        if kind not in kinds:
            raise ValueError(f"{kind!r} is no carelessness; it must be one of {', '.join(kinds)}")
        one = Assignment(kinds[kind], players=(players[player].name,))
        try:
            after = replicate(replace(quiet, assignments=(one,)), count, deadline).gains
        except DeadlinePassedError:
            break
        found.append(Careless(kind, player, before, _flat(after)))
    if not found:
        raise DeadlinePassedError
    return types, found


def learning_plays(
    scenario: MarketScenario, who: Sequence[int], count: int, rounds: int, enough: Enough | None = None
) -> tuple[IntegerArray, FloatArray, BooleanArray]:
    """Return types and gains ``(R, T, N)``, and which learners did as they were told, ``(R, T, learners)``.

    Args:
        scenario: of which rules and contract are played.
        who: learns, while the others obey.
        count: of replications.
        rounds: of each at most.
        enough: says when there are enough.

    Raises:
        ValueError: the market does not admit the scenario.
    """
    economy, who = scenario.economy, list(who)
    learner = RegretMatching(beginning=Beginning.FIRST)
    some = len(who) < len(economy.players)
    names = tuple(economy.player_names[player] for player in who)
    one = Assignment(replace(learner, stances=MANY), players=names) if some else Assignment(learner)
    learners = replace(
        _quiet(scenario, rounds),
        assignments=(one,),
        learning=LearningRules((Publication.HINDSIGHT,), Regrets.NONE),
    )
    played = replicate(learners, count, enough=enough)
    obeyed = played.stances == (played.names.index(OBEDIENT) if OBEDIENT in played.names else -1)
    return np.asarray(played.types, np.int64), played.gains, obeyed[..., who]


def settling_of(
    economy: Economy, usual: int, deadline: Deadline, promised: Callable[[IntegerArray], FloatArray] | None = None
) -> Settling:
    """Return what says when learners have played enough; see `learned_ruling`."""
    keeps: Callable[[IntegerArray], FloatArray] = partial(_first_best, economy) if promised is None else promised

    def missed(types: IntegerArray, gains: FloatArray) -> FloatArray:
        return (_by_profile(types, keeps) - gains.sum(axis=-1)) / gains_from_trade(economy, types)

    return Settling(missed, usual, deadline)


def _quiet(scenario: MarketScenario, rounds: int) -> MarketScenario:
    """Return a scenario in which all obey and nothing but what they gain is kept."""
    return replace(
        scenario,
        rounds=rounds,
        assignments=(),
        organisers=(),
        blockers=(),
        network=None,
        learning=LearningRules((), Regrets.NONE),
        trades=TradeRows.NONE,
    )


def _flat[Number: np.generic](values: NDArray[Number]) -> NDArray[Number]:
    """Return numbers of all rounds of all replications, ``(B, N)``."""
    return values.reshape(-1, values.shape[-1])


@dataclass(frozen=True, eq=False)
class Losses:
    """What those who obey lose to C careless traders, one at a time.

    Attributes:
        kinds: of carelessness.
        careless: who was careless.
        shares: what whoever loses most loses on average, ``(C,)``, shares of the gains from trade.
        uncertainty: half the width of the 95% interval of each, ``(C,)``, likewise.
        verdict: on the market, given the worst of them.
    """

    kinds: tuple[str, ...]
    careless: tuple[int, ...]
    shares: FloatArray
    uncertainty: FloatArray
    verdict: Verdict


def careless_losses(economy: Economy, types: IntegerArray, found: Sequence[Careless]) -> Losses:
    """Return what those who obey lose, given what was played with types ``(B, N)``."""
    scale, shares, halves = gains_from_trade(economy, types), [], []
    for one in found:
        lost = (one.before - one.after)[:, _victim(one)]
        shares.append(float(lost.mean()) / scale)
        halves.append(half_width(lost) / scale)
    worst = int(np.argmax(shares))
    return Losses(
        tuple(one.kind for one in found),
        tuple(one.player for one in found),
        np.array(shares),
        np.array(halves),
        _verdict(shares[worst], halves[worst]),
    )


def _victim(one: Careless) -> int:
    """Return who of the obedient loses most on average."""
    mean = (one.before - one.after).mean(axis=0)
    return int(np.argmax(np.where(np.arange(len(mean)) != one.player, mean, -np.inf)))


@dataclass(frozen=True, eq=False)
class Learned:
    """What came of learners.

    Attributes:
        replications: of play.
        rounds: of each.
        traders: how many there are.
        learners: how many of them learn.
        scale: all gains from trade, numeraire.
        missed: what they miss of what obedience brings, a share of all gains from trade.
        uncertainty: half the width of the 95% interval of that.
        value: what they bring, numeraire.
        obedience: the share of plays in which they obey.
    """

    replications: int
    rounds: int
    traders: int
    learners: int
    scale: float
    missed: float
    uncertainty: float
    value: float
    obedience: float

    @property
    def verdict(self) -> Verdict:
        """What the interval says."""
        return _verdict(self.missed, self.uncertainty)


def learned_numbers(
    economy: Economy,
    types: IntegerArray,
    gains: FloatArray,
    obeyed: BooleanArray,
    promised: Callable[[IntegerArray], FloatArray] | None = None,
) -> Learned:
    """Return what came of learners, given rounds ``(R, T, N)`` of all traders' types and gains.

    Args:
        economy: whose traders learn.
        types: everybody's.
        gains: utilities above those of endowments, numeraire.
        obeyed: which learners did as they were told, ``(R, T, learners)``.
        promised: what everybody gains in sum if types ``(B, N)`` obey, ``(B,)``; the first best if not given.
    """
    last = counted(types.shape[1])
    late = np.asarray(types[:, -last:], np.int64)
    keeps: Callable[[IntegerArray], FloatArray] = partial(_first_best, economy) if promised is None else promised
    # What the same types gain if all obey takes the luck with types out of the difference.
    missed = (_by_profile(late, keeps) - gains[:, -last:].sum(axis=-1)).mean(axis=1)
    scale = gains_from_trade(economy, late)
    replications, rounds, traders = types.shape
    return Learned(
        replications,
        rounds,
        traders,
        learners=obeyed.shape[-1],
        scale=scale,
        missed=float(missed.mean()) / scale,
        uncertainty=half_width(missed) / scale,
        value=_expected(economy, late, keeps) - float(missed.mean()),
        obedience=float(obeyed[:, -last:].mean()),
    )


def _verdict(share: float, width: float) -> Verdict:
    """Return the verdict on a loss, a share of the gains from trade, and half the width of its interval."""
    if share + width <= TOLERANCE:
        return Verdict.SAMPLED
    return Verdict.REFUTED if share - width > TOLERANCE else Verdict.NOT_REFUTED


def _first_best(economy: Economy, profiles: IntegerArray) -> FloatArray:
    return first_best_gains(economy, efficient_allocation(economy, profiles))


def _by_profile(types: IntegerArray, of: Callable[[IntegerArray], FloatArray]) -> FloatArray:
    """Return numbers of profiles ``(..., N)``, each worked out once, ``(...)``."""
    flat = types.reshape(-1, types.shape[-1])
    unique, places = np.unique(flat, axis=0, return_inverse=True)
    return np.asarray(of(unique)[places.reshape(-1)].reshape(types.shape[:-1]))


def _expected(economy: Economy, types: IntegerArray, of: Callable[[IntegerArray], FloatArray]) -> float:
    """Return what is expected before types are drawn, exactly where profiles can be listed, else over types drawn."""
    if economy.prior.obstacle:
        return float(_by_profile(types, of).mean())
    return float(economy.prior.probability @ of(economy.profiles))


def gains_from_trade(economy: Economy, types: IntegerArray) -> float:
    """Return the gains from trade, numeraire; one where there are none."""
    expected = _expected(economy, types, partial(_first_best, economy))
    return expected if expected > 0 else 1.0
