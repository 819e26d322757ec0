"""What is not proven but played: careless traders among the obedient, traders who learn, and what both bring.

**Careless traders.** One trader at a time mistakes prices (*mispricing*), hides half of what it owns (*withholding*) or
errs at random (*noisy*) while all others obey, with types drawn from the prior. The same draws are played with
everybody obedient, so that losses are differences of the same plays. What is asked is how much of the gains from trade
the worst hit of the others loses on average.

**Learning traders.** Everybody learns over a menu that begins with obedience, by regret matching, is told after every
round what each stance of the menu would have brought, and obeys at first (`RegretMatching`; Hart and Mas-Colell 2000).
Welfare is that of the last tenth of the rounds, against what the same types gain if all obey; replications with seeds
of their own give the interval. The institution keeps its promise if learners lose less than `TOLERANCE` of it. They
play until more rounds would not change the answer (`simulation.market.sampled_play.settling`). Where many trade,
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

from marketgame.experiments.certificate_files.files import certificate_text
from marketgame.experiments.stress.proven import proven_by
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.ruling import Answered, Certainty, Evidence, Measure, Measured, Ruling
from marketgame.mechanisms.arrays import IntegerArray
from marketgame.mechanisms.certificates.plain.instance import Instance
from marketgame.mechanisms.certificates.theorems import Theorem
from marketgame.mechanisms.contracts.grand_contract import listed
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.simulation.market.sampled_play.certificate import (
    CarelessCertificate,
    LearningCertificate,
    Market,
    PlayedCertificate,
)
from marketgame.simulation.market.sampled_play.plays import (
    CARELESS,
    Careless,
    Learned,
    Losses,
    careless_losses,
    careless_plays,
    gains_from_trade,
    learned_numbers,
    learning_plays,
    settling_of,
)
from marketgame.simulation.market.sampled_play.settling import counted
from marketgame.simulation.scenario.established_contract import established_contract
from marketgame.simulation.scenario.market_scenario import MarketScenario

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
    scale = gains_from_trade(economy, types)
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
