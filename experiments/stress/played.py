"""What is not proven but played: careless traders among the obedient, traders who learn, and what both bring.

**Careless traders.** One trader at a time mistakes prices (*mispricing*), hides half of what it owns (*withholding*) or
errs at random (*noisy*) while all others obey, with types drawn from the prior. The same draws are played with
everybody obedient, so that losses are differences of the same plays. What is asked is how much of the gains from trade
the worst hit of the others loses on average.

**Learning traders.** Everybody learns over a menu that begins with obedience, by regret matching, is told after every
round what each stance of the menu would have brought, and obeys at first (`RegretMatching`; Hart and Mas-Colell 2000).
Welfare is that of the last tenth of the rounds, against what the same types gain if all obey; replications with seeds
of their own give the interval. The institution keeps its promise if learners lose less than `TOLERANCE` of it. They
play until more rounds would not change the answer (:mod:`marketgame.experiments.stress.settling`). Where many trade,
what each stance would have brought is dear: some of them learn, spread over the players, over a shorter menu, while the
others obey.

Both are sampled: a "yes" is as sure as its interval, and says nothing about other carelessness or other learners. An
answer follows from the scenario's seed alone, unless time runs out: then it is open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from marketgame.agents.behaviours import Behaviour, Mispricing, Noisy, Publication, RegretMatching, Withholding
from marketgame.agents.behaviours.regret_matching import Beginning
from marketgame.experiments.stress.proven import proven_by
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.ruling import Answered, Certainty, Measure, Measured, Ruling
from marketgame.experiments.stress.settling import TOLERANCE, Settling, counted, half_width
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.certificates.plain.instance import Instance
from marketgame.mechanisms.certificates.theorems import Theorem
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.incentive_efficiency.welfare import first_best_gains
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from marketgame.simulation.market.replications import replicate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.learning import LearningRules, Regrets
from marketgame.simulation.scenario.market_scenario import MarketScenario, TradeRows

CARELESS: tuple[Behaviour, ...] = (Mispricing(), Withholding(), Noisy())
OBEDIENT = "obedient"
MANY = ("obedient", "misreporting", "withholding", "mispricing")
"""What learners among many choose from: nothing for which they must work out what all the others are."""
# A trader has nothing left if it gains no more than that, up to this share of what it owned.
NOTHING_LEFT = 1e-9


@dataclass(frozen=True)
class Effort:
    """How much is played.

    Attributes:
        careless_plays: for each careless trader.
        most_careless: traders that are careless, one at a time; spread over the players.
        fewer: so many times fewer plays and careless traders where more trade than learn.
        replications: of learners.
        rounds: that they learn, if that is enough.
        few_players: among so many or fewer, learners play longer: luck with types averages out slowly.
        longer: so many times.
        most_learners: among more, some learn, and others obey.
        learners: so many of them.
        replications_of_many: there.
        rounds_of_many: likewise.
    """

    careless_plays: int = 64
    most_careless: int = 6
    fewer: int = 4
    replications: int = 8
    rounds: int = 200
    few_players: int = 4
    longer: int = 5
    most_learners: int = 24
    learners: int = 4
    replications_of_many: int = 4
    rounds_of_many: int = 10

    def careless_players(self, economy: Economy) -> list[int]:
        """Return who is careless, one at a time."""
        last = len(economy.players) - 1
        most = max(1, self.most_careless // (self.fewer if last >= self.most_learners else 1))
        return sorted({int(place) for place in np.linspace(0, last, min(last + 1, most))})

    def plays_of(self, economy: Economy) -> int:
        """Return how many plays there are of each careless trader."""
        return max(2, self.careless_plays // (self.fewer if len(economy.players) > self.most_learners else 1))

    def rounds_of(self, economy: Economy) -> int:
        """Return how many rounds learners of an economy play, if that is enough."""
        if self.among_many(economy):
            return self.rounds_of_many
        return self.rounds * (self.longer if len(economy.players) <= self.few_players else 1)

    def replications_of(self, economy: Economy) -> int:
        """Return how many replications there are of learners."""
        return self.replications_of_many if self.among_many(economy) else self.replications

    def among_many(self, economy: Economy) -> bool:
        """Say whether only some learn."""
        return len(economy.players) > self.most_learners

    def learning_players(self, economy: Economy) -> list[int]:
        """Return who learns."""
        count = len(economy.players)
        return (
            sorted({int(place) for place in np.linspace(0, count - 1, self.learners)})
            if self.among_many(economy)
            else list(range(count))
        )


BY_DEFAULT = Effort()


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


def careless(scenario: MarketScenario, deadline: Deadline, effort: Effort | None = None) -> Answered:
    """Return the ruling on careless traders under a scenario's own rules and contract.

    Raises:
        ValueError: the market does not admit the scenario.
        DeadlinePassedError: there was no time to play enough.
    """
    effort = BY_DEFAULT if effort is None else effort
    rounds = max(1, effort.plays_of(scenario.economy) // effort.replications)
    quiet = _quiet(scenario, rounds)
    obeyed = replicate(quiet, effort.replications, deadline)
    players = scenario.economy.players
    types, before = _flat(np.asarray(obeyed.types, np.int64)), _flat(obeyed.gains)
    found = []
    for behaviour in CARELESS:
        for player in effort.careless_players(scenario.economy):
            one = Assignment(behaviour, players=(players[player].name,))
            try:
                after = replicate(replace(quiet, assignments=(one,)), effort.replications, deadline).gains
            except DeadlinePassedError:
                break
            found.append(Careless(behaviour.name, player, before, _flat(after)))
    if not found:
        raise DeadlinePassedError
    return careless_ruling(scenario.economy, types, found, deadline)


def learning(scenario: MarketScenario, deadline: Deadline, effort: Effort | None = None) -> Answered:
    """Return the ruling on learning traders under a scenario's own rules and contract, and `Measure.LEARNED`.

    Raises:
        ValueError: the market does not admit the scenario.
        DeadlinePassedError: there was no time to play enough.
    """
    economy, effort = scenario.economy, BY_DEFAULT if effort is None else effort
    settling = settling_of(economy, effort.rounds_of(economy), deadline)
    learners = replace(
        _quiet(scenario, settling.most),
        assignments=_assignments(economy, effort),
        learning=LearningRules((Publication.HINDSIGHT,), Regrets.NONE),
    )
    played = replicate(learners, effort.replications_of(economy), enough=settling)
    settling.check()
    obeyed = played.stances == (played.names.index(OBEDIENT) if OBEDIENT in played.names else -1)
    who = effort.learning_players(economy)
    return learned_ruling(
        economy, np.asarray(played.types, np.int64), played.gains, obeyed[..., who], settled=settling.settled
    )


def _assignments(economy: Economy, effort: Effort) -> tuple[Assignment, ...]:
    if not effort.among_many(economy):
        return (Assignment(RegretMatching(beginning=Beginning.FIRST)),)
    names = tuple(economy.player_names[player] for player in effort.learning_players(economy))
    return (Assignment(RegretMatching(beginning=Beginning.FIRST, stances=MANY), players=names),)


def settling_of(
    economy: Economy, usual: int, deadline: Deadline, promised: Callable[[IntegerArray], FloatArray] | None = None
) -> Settling:
    """Return what says when learners have played enough; see `learned_ruling`."""
    keeps: Callable[[IntegerArray], FloatArray] = partial(_first_best, economy) if promised is None else promised

    def missed(types: IntegerArray, gains: FloatArray) -> FloatArray:
        return (_by_profile(types, keeps) - gains.sum(axis=-1)) / _scale(economy, types)

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


def careless_ruling(economy: Economy, types: IntegerArray, found: Sequence[Careless], deadline: Deadline) -> Answered:
    """Return the ruling on careless traders, given what was played with types ``(B, N)``."""
    if len(economy.players) == 1:
        alone = proven_by(Theorem.NOBODY_ELSE, Instance(economy))
        assert alone is not None
        return Answered({Question.CARELESS: alone})
    types = np.asarray(types, np.int64)
    scale = _scale(economy, types)
    rows = economy.rows(types)
    nothing = economy.gains_of_types(rows, -economy.endowment_table[rows])
    ruined = nothing + NOTHING_LEFT * np.abs(nothing)
    worst, half, name, kind, lost, bankrupt = -np.inf, 0.0, "", "", -np.inf, 0.0
    for one in found:
        losses = one.before - one.after
        others = np.arange(losses.shape[1]) != one.player
        mean = losses.mean(axis=0)
        victim = int(np.argmax(np.where(others, mean, -np.inf)))
        lost = max(lost, float(losses.sum(axis=1).mean()))
        fallen = (one.after <= ruined) & (one.before > ruined)
        bankrupt = max(bankrupt, float(fallen[:, others].mean()))
        if mean[victim] > worst:
            worst, half = float(mean[victim]), half_width(losses[:, victim])
            name, kind = economy.player_names[one.player], one.kind
    share, width = worst / scale, half / scale
    verdict = _verdict(share, width)
    if deadline.passed and verdict is Verdict.SAMPLED:
        # Whoever was not played yet may do more harm.
        verdict = Verdict.NOT_REFUTED
    premises = (
        ("most that somebody obedient loses, share of the gains from trade", f"{share:.3g} +- {width:.2g}"),
        ("welfare lost at most, likewise", f"{lost / scale:.3g}"),
        ("obedient traders left with nothing at most, share", f"{bankrupt:.3g}"),
        ("played", f"{len(found)} careless traders, one at a time, {len(types)} plays each"),
    )
    because = f"somebody obedient loses {share:.2%} to a {kind} trader" if share > 0 else "nobody obedient loses"
    coalition = (name,) if share > 0 else ()
    ruling = Ruling(
        verdict,
        because,
        coalition,
        total_gain=max(share, 0.0),
        money=max(worst, 0.0),
        uncertainty=width,
        premises=premises,
        cut=deadline.passed,
    )
    return Answered({Question.CARELESS: ruling})


def learned_ruling(
    economy: Economy,
    types: IntegerArray,
    gains: FloatArray,
    obeyed: BooleanArray,
    promised: Callable[[IntegerArray], FloatArray] | None = None,
    *,
    settled: bool = True,
) -> Answered:
    """Return the ruling on learners, given rounds ``(R, T, N)`` of all traders' types and gains.

    Args:
        economy: whose traders learn.
        types: everybody's.
        gains: utilities above those of endowments, numeraire.
        obeyed: which learners did as they were told, ``(R, T, learners)``.
        promised: what everybody gains in sum if types ``(B, N)`` obey, ``(B,)``; the first best if not given.
        settled: whether more rounds would not change the answer.
    """
    last = counted(types.shape[1])
    late = np.asarray(types[:, -last:], np.int64)
    keeps: Callable[[IntegerArray], FloatArray] = partial(_first_best, economy) if promised is None else promised
    # What the same types gain if all obey takes the luck with types out of the difference.
    missed = (_by_profile(late, keeps) - gains[:, -last:].sum(axis=-1)).mean(axis=1)
    scale, half = _scale(economy, late), half_width(missed)
    value = _expected(economy, late, keeps) - float(missed.mean())
    share, width = float(missed.mean()) / scale, half / scale
    obedience, learners = float(obeyed[:, -last:].mean()), obeyed.shape[-1]
    some = learners < types.shape[-1]
    verdict = _verdict(share, width)
    if not settled:
        # What they would come to with more rounds is not known.
        verdict = Verdict.NOT_REFUTED
    ruling = Ruling(
        verdict,
        f"learners reach {value / scale:.2%} of the first best and obey in {obedience:.0%} of plays",
        total_gain=max(share, 0.0),
        money=max(share, 0.0) * scale,
        uncertainty=width,
        premises=(
            ("what learners miss of the promise, share of the gains from trade", f"{share:.3g} +- {width:.2g}"),
            ("share of the first best that they reach", f"{value / scale:.4g}"),
            ("share of plays in which they obey", f"{obedience:.3g}"),
            (
                "played",
                f"{types.shape[0]} replications, {types.shape[1]} rounds, the last {last} counted"
                + ("" if settled else "; more rounds might change it"),
            ),
            *([("learners", f"{learners} of {types.shape[-1]}; the others obey")] if some else []),
        ),
    )
    learned = Measured(value, Certainty.INTERVAL, value - half, value + half)
    return Answered({Question.LEARNING: ruling}, {Measure.LEARNED: learned})


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


def _scale(economy: Economy, types: IntegerArray) -> float:
    """Return the gains from trade, numeraire; one where there are none."""
    expected = _expected(economy, types, partial(_first_best, economy))
    return expected if expected > 0 else 1.0
