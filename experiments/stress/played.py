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
from marketgame.experiments.certificate_files.files import certificate_text
from marketgame.experiments.certificate_files.played import (
    CarelessCertificate,
    LearningCertificate,
    Market,
    PlayedCertificate,
)
from marketgame.experiments.stress.proven import proven_by
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.ruling import Answered, Certainty, Evidence, Measure, Measured, Ruling
from marketgame.experiments.stress.settling import TOLERANCE, Settling, counted, half_width
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.certificates.plain.instance import Instance
from marketgame.mechanisms.certificates.theorems import Theorem
from marketgame.mechanisms.contracts.grand_contract import listed
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.welfare import first_best_gains
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from marketgame.simulation.market.replications import Enough, replicate
from marketgame.simulation.scenario.assignments import Assignment
from marketgame.simulation.scenario.established_contract import established_contract
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
    economy, effort = scenario.economy, BY_DEFAULT if effort is None else effort
    rounds = max(1, effort.plays_of(economy) // effort.replications)
    whom = [(behaviour.name, player) for behaviour in CARELESS for player in effort.careless_players(economy)]
    types, found = careless_plays(scenario, rounds, effort.replications, whom, deadline)
    return careless_ruling(economy, types, found, deadline, partial(_held, scenario, (effort.replications, rounds)))


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


def learning(scenario: MarketScenario, deadline: Deadline, effort: Effort | None = None) -> Answered:
    """Return the ruling on learning traders under a scenario's own rules and contract, and `Measure.LEARNED`.

    Raises:
        ValueError: the market does not admit the scenario.
        DeadlinePassedError: there was no time to play enough.
    """
    economy, effort = scenario.economy, BY_DEFAULT if effort is None else effort
    settling = settling_of(economy, effort.rounds_of(economy), deadline)
    who, count = effort.learning_players(economy), effort.replications_of(economy)
    types, gains, obeyed = learning_plays(scenario, who, count, settling.most, settling)
    settling.check()
    numbers = learned_numbers(economy, types, gains, obeyed)
    return learned_ruling(numbers, settled=settling.settled, held=partial(_taught, scenario, who))


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
    scale, shares, halves = _scale(economy, types), [], []
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


def careless_ruling(
    economy: Economy,
    types: IntegerArray,
    found: Sequence[Careless],
    deadline: Deadline,
    held: Callable[[Losses], Evidence | None] | None = None,
) -> Answered:
    """Return the ruling on careless traders, given what was played with types ``(B, N)``, and what files it."""
    if len(economy.players) == 1:
        alone = proven_by(Theorem.NOBODY_ELSE, Instance(economy))
        assert alone is not None, "one trader is one trader"
        return Answered({Question.CARELESS: alone})
    types = np.asarray(types, np.int64)
    scale = _scale(economy, types)
    rows = economy.rows(types)
    nothing = economy.gains_of_types(rows, -economy.endowment_table[rows])
    ruined = nothing + NOTHING_LEFT * np.abs(nothing)
    lost, bankrupt = -np.inf, 0.0
    for one in found:
        others = np.arange(one.before.shape[1]) != one.player
        lost = max(lost, float((one.before - one.after).sum(axis=1).mean()))
        fallen = (one.after <= ruined) & (one.before > ruined)
        bankrupt = max(bankrupt, float(fallen[:, others].mean()))
    losses = careless_losses(economy, types, found)
    if deadline.passed and losses.verdict is Verdict.SAMPLED:
        # Whoever was not played yet may do more harm.
        losses = replace(losses, verdict=Verdict.NOT_REFUTED)
    worst = int(np.argmax(losses.shares))
    share, width, kind = float(losses.shares[worst]), float(losses.uncertainty[worst]), losses.kinds[worst]
    premises = (
        ("most that somebody obedient loses, share of the gains from trade", f"{share:.3g} +- {width:.2g}"),
        ("welfare lost at most, likewise", f"{lost / scale:.3g}"),
        ("obedient traders left with nothing at most, share", f"{bankrupt:.3g}"),
        ("played", f"{len(found)} careless traders, one at a time, {len(types)} plays each"),
    )
    because = f"somebody obedient loses {share:.2%} to a {kind} trader" if share > 0 else "nobody obedient loses"
    coalition = (economy.player_names[found[worst].player],) if share > 0 else ()
    ruling = Ruling(
        losses.verdict,
        because,
        coalition,
        total_gain=max(share, 0.0),
        money=max(share * scale, 0.0),
        uncertainty=width,
        evidence=None if held is None else held(losses),
        premises=premises,
        cut=deadline.passed,
    )
    return Answered({Question.CARELESS: ruling})


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
    scale = _scale(economy, late)
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


def learned_ruling(
    learned: Learned, *, settled: bool = True, held: Callable[[Learned, Verdict], Evidence | None] | None = None
) -> Answered:
    """Return the ruling on learners.

    Args:
        learned: what came of them.
        settled: whether more rounds would not change the answer.
        held: files it.
    """
    share, width, value, half = learned.missed, learned.uncertainty, learned.value, learned.uncertainty * learned.scale
    # What they would come to with more rounds is not known before they settle.
    verdict = learned.verdict if settled else Verdict.NOT_REFUTED
    evidence = None if held is None else held(learned, verdict)
    reached = learned.value / learned.scale
    some = learned.learners < learned.traders
    ruling = Ruling(
        verdict,
        f"learners reach {reached:.2%} of the first best and obey in {learned.obedience:.0%} of plays",
        total_gain=max(share, 0.0),
        money=max(share, 0.0) * learned.scale,
        uncertainty=width,
        evidence=evidence,
        premises=(
            ("what learners miss of the promise, share of the gains from trade", f"{share:.3g} +- {width:.2g}"),
            ("share of the first best that they reach", f"{reached:.4g}"),
            ("share of plays in which they obey", f"{learned.obedience:.3g}"),
            (
                "played",
                f"{learned.replications} replications, {learned.rounds} rounds, the last {counted(learned.rounds)} "
                f"counted{'' if settled else '; more rounds might change it'}",
            ),
            *([("learners", f"{learned.learners} of {learned.traders}; the others obey")] if some else []),
        ),
    )
    measured = Measured(value, Certainty.INTERVAL, value - half, value + half, evidence=evidence)
    return Answered({Question.LEARNING: ruling}, {Measure.LEARNED: measured})


def _market(scenario: MarketScenario) -> Market:
    """Return where a scenario is played, as a certificate holds it."""
    willing = scenario.participation is Participation.INDIVIDUAL
    if scenario.contract is None and not willing:
        return Market(scenario.rules, scenario.transfers, None, None, None)
    contract = established_contract(scenario)
    if isinstance(contract, ContractOnDemand):
        return Market(scenario.rules, contract.rule, None, None, None)
    whole = listed(contract)
    return Market(scenario.rules, None, whole.stated, whole.numeraire_transfers, None)


def _held(scenario: MarketScenario, plays: tuple[int, int], losses: Losses) -> Evidence | None:
    return careless_evidence(scenario.economy, _market(scenario), scenario.seed, plays, losses)


def _taught(scenario: MarketScenario, who: Sequence[int], learned: Learned, verdict: Verdict) -> Evidence | None:
    return learned_evidence(scenario.economy, _market(scenario), scenario.seed, who, learned, verdict)


def careless_evidence(
    economy: Economy, market: Market, seed: int, plays: tuple[int, int], losses: Losses
) -> Evidence | None:
    """Return the file of what careless traders cost in so many replications of rounds; none if files cannot hold it."""
    who, numbers = (losses.kinds, losses.careless), (losses.shares, losses.uncertainty)
    return _filed(
        "careless-traders.json",
        lambda: CarelessCertificate(economy, market, seed, *plays, *who, *numbers, losses.verdict),
    )


def learned_evidence(
    economy: Economy, market: Market, seed: int, who: Sequence[int], learned: Learned, verdict: Verdict
) -> Evidence | None:
    """Return the file of what learners come to; none if files cannot hold it."""
    numbers = learned.missed, learned.uncertainty, learned.value, learned.obedience
    return _filed(
        "learning-traders.json",
        lambda: LearningCertificate(
            economy, market, seed, learned.replications, learned.rounds, tuple(who), *numbers, verdict
        ),
    )


def _filed(name: str, made: Callable[[], PlayedCertificate]) -> Evidence | None:
    try:
        return Evidence(name, certificate_text(made()), costly=True)
    except ValueError:
        # A family of valuations, or a prior, that files do not know, or too many plays.
        return None


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
