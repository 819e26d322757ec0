"""The market game played round after round by Mesa agents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum, StrEnum, auto
from functools import partial
from math import nan
from typing import Any, override

import numpy as np
from numpy.typing import NDArray

from marketgame.agents.announcements import accepted_announcements, raised
from marketgame.agents.behaviours import Behaviour, Order
from marketgame.agents.framework import RoundModel
from marketgame.agents.knowledge import CommonKnowledge
from marketgame.agents.mediator import EstablishedMediator
from marketgame.agents.trader import Trader
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.grid_game import game_on_grid
from marketgame.mechanisms.contracts.terms import DirectContract
from marketgame.mechanisms.economies.coalitions import coalition_name
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import MarketRules, Timing
from marketgame.mechanisms.market_game.settle import settle
from marketgame.mechanisms.market_game.settlement import Settlement
from marketgame.simulation.recording.market import MarketRecorder
from marketgame.simulation.recording.measures import Measures
from marketgame.simulation.scenario.deposits import refuse_missing_deposit
from marketgame.simulation.scenario.established_contract import (
    established_contract,
    promised_severance,
    refuse_uncovered_transfers,
)
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.network import Limit
from marketgame.simulation.scenario.streams import private_seed, random_stream
from marketgame.simulation.stages.departures import Departures, MarketBlocking, nobody_left
from marketgame.simulation.stages.learning import LearningStage
from marketgame.simulation.stages.market_play import Round, net_consumed_in
from marketgame.simulation.stages.side_contracts import Collusion, SideContractStage, nobody_colluded


class Stage(Enum):
    """Where a round stands."""

    REPORT = auto()
    """Everybody knows its type; reports come next."""
    QUOTE = auto()
    """Everybody has been told what to do; quotes come next."""
    ORDER = auto()
    """All have quoted; orders come next."""
    OVER = auto()
    """The round is settled, and those who learn have learnt."""


@dataclass(frozen=True, eq=False)
class Reported:
    """What came of the reports of a round, ``(N,)`` as types: of true types, what was delivered and is recommended."""

    profile: IntegerArray
    reports: IntegerArray
    delivered: FloatArray
    recommendation: Play


class MarketModel(RoundModel):
    """Plays a scenario; every ``step`` is one round in the order of the papers.

    It is made of a scenario, of the scenario's fields by keyword, or of both: then the keywords change the scenario.
    The market's rules are keywords of their own, options may be named by their values as in files, and ``rng`` is
    another word for ``seed``::

        MarketModel(economy=economy, solvency="no-short-sales", rng=7)

    ``running`` turns false after the scenario's rounds; whoever likes goes on. What a Mesa ``DataCollector`` may
    collect are ``welfare``, ``gains`` and ``bankruptcies`` of the model, and ``utility``, ``wealth`` and ``bankrupt``
    of its traders, ``agenttype_reporters={Trader: ...}``: mediators and organisers are agents too.

    Attributes:
        market_scenario: what is played.
        mediator: the established mediator.
        traders: one per player, in the economy's order.
        blocking: the blocking mediators, if there are any.
        organising: the coalition organisers, if there are any.
        learning: tells those who learn what became of each round.
        recorder: keeps every round and turns them into tables.
        quotes: what all have quoted in the round, ``(N, L)``, numeraire per unit, from the stage of orders on.
        last_play: the round played last, if any.

    Raises:
        ValueError: the established contract does not exist for this economy, a rule forbids it, or coalitions cannot
            divide what they own as blocking mediators would want.
        TypeError: a keyword is no field of a scenario and no rule, or there is neither a scenario nor an economy.
    """

    def __init__(self, market_scenario: MarketScenario | None = None, **keywords: Any) -> None:
        # Mesa's page hands back what Mesa calls the scenario, which is made of the seed alone.
        keywords.pop("scenario", None)
        if market_scenario is None or keywords:
            market_scenario = scenario_of(market_scenario, keywords)
        super().__init__(market_scenario.seed)
        self.market_scenario = market_scenario
        self.economy = market_scenario.economy
        severance = promised_severance(market_scenario)
        contract, known = established_contract(market_scenario), market_scenario.known_links
        common = CommonKnowledge(contract, market_scenario.rules, severance, None if known is None else known.reach)
        behaviours = market_scenario.behaviours()
        refuse_uncovered_transfers(common, behaviours)
        _refuse_draws(market_scenario, common.contract)
        self.nature = random_stream(market_scenario.seed, "nature")
        self._device = random_stream(market_scenario.seed, "device")
        self.mediator = EstablishedMediator(self, common.contract, severance)
        self.traders = tuple(Trader(self, player, by_type, common) for player, by_type in enumerate(behaviours))
        self.learning = LearningStage(self.traders, self.mediator, market_scenario.rules, market_scenario.learning)
        if known is not None and Limit.IMITATION in known.limits:
            self.learning.sees = known.neighbours.__getitem__
        if market_scenario.looks_back:
            self.learning.look_back()
        self._seeds = tuple(private_seed(market_scenario.seed, "trader", name) for name in self.economy.player_names)
        self.blocking = self._blocking(common)
        self.organising = self._organising(common, behaviours)
        self._no_severance = self._no_payments = np.zeros(len(self.traders))
        self._nothing_delivered = np.zeros((len(self.traders), len(self.economy.goods)))
        self._nobody_colluded = nobody_colluded(len(self.traders))
        self._nobody_left = nobody_left(len(self.traders), len(self.economy.goods))
        game = None if self.blocking is None else self.blocking.game
        self.recorder = MarketRecorder(market_scenario, common.contract, behaviours, game)
        self.quotes: FloatArray
        self.last_play: Round | None = None
        self._measured: tuple[Round | None, Measures | None] = None, None

    def step(self) -> None:
        """Play one round."""
        for _ in self._stages():
            pass

    def stages(self) -> Iterator[Stage]:
        """Play one round for somebody who acts in it from outside: stop before messages are asked for, and at its end.

        Whoever has reached a stage may set the ``behaviour`` of a trader, by which it then acts.
        """
        self.steps += 1
        yield from self._stages()

    def _stages(self) -> Iterator[Stage]:
        # Stage 1: nature draws a type profile; each trader learns its own type.
        profile = self.economy.prior.sample(self.nature)
        self.mediator.turn_out(self._device)
        self._tell_types(profile)
        # Stages 2 and 3: under the contract announced, traders report; coalitions may have agreed what.
        if self.organising is not None:
            self.organising.agree_on_reports(self.traders)
        yield Stage.REPORT
        reports = np.array([trader.report() for trader in self.traders])
        # Stage 8 comes here: blocking mediators invite before anything is recommended (`stages.departures`).
        departures = self._nobody_left if self.blocking is None else self.blocking.play(self.traders, profile)
        # Where recommended flows may not be refused, they are executed now, out of what was deposited with the reports.
        delivered = self._deliver(profile, reports)
        # Stages 4 and 5: the device recommends to each privately; the revision of beliefs happens in each trader's
        # knowledge as soon as it asks for them.
        recommendation = self._recommend(reports)
        # Stages 6 and 7: organisers propose side-contracts; whoever accepts is bound by what its coalition then plays.
        collusion = self._nobody_colluded
        if self.organising is not None:
            collusion = self.organising.play(self.traders, reports, departures.left)
        # Stage 9: quotes, then orders. Whoever left stands at the recommended quote, where nobody can trade with it.
        yield Stage.QUOTE
        quotes = np.stack([trader.quote() for trader in self.traders])
        if departures is not self._nobody_left:
            quotes[departures.left] = recommendation.quotes[departures.left]
        self.quotes = quotes
        yield Stage.ORDER
        orders = self._order(quotes)
        # Stage 10: settlement and records; learners learn.
        reported = Reported(profile, reports, delivered, recommendation)
        play = self._settle(reported, departures, collusion, quotes, orders)
        if learned := self.learning.tell(play, orders):
            play = replace(play, learned=learned)
        if self.blocking is not None and not departures.left.any():
            net = net_consumed_in(play, self.economy)
            misreported = self.economy.endowments(profile) - self.economy.endowments(reports)
            self.blocking.observe(reports, net + misreported)
        self.last_play = play
        self.running = self.steps < self.market_scenario.rounds
        yield Stage.OVER
        # Last of all, so that whatever interrupts a round leaves it out whole.
        self.recorder.add(play)

    @property
    def outcome(self) -> Measures | None:
        """What is measured in the round played last, its arrays with a first dimension of one; none before any."""
        if self._measured[0] is not self.last_play and self.last_play is not None:
            self._measured = self.last_play, self.recorder.measured([self.last_play])
        return self._measured[1]

    @property
    def welfare(self) -> float:
        """Sum of utilities in the round played last, numeraire; nan before any."""
        return nan if self.outcome is None else float(self.outcome.utility.sum())

    @property
    def gains(self) -> float:
        """Welfare above that of the endowments in the round played last, numeraire; nan before any."""
        return nan if self.outcome is None else float(self.outcome.gains[0])

    @property
    def bankruptcies(self) -> int:
        """How many are bankrupt in the round played last."""
        return 0 if self.outcome is None else int(self.outcome.bankrupt.sum())

    @override
    def realised(self, measure: str, player: int) -> float:
        return nan if self.outcome is None else float(getattr(self.outcome, measure)[0, player])

    @property
    @override
    def generators(self) -> dict[str, np.random.Generator]:
        drawn = {"nature": self.nature}
        if self.mediator.draws:
            drawn["device"] = self._device
        if self.blocking is not None:
            drawn |= self.blocking.stage.generators
        return drawn if self.organising is None else drawn | self.organising.generators

    @override
    def remembered(self) -> dict[str, object]:
        kept = self.learning.remembered()
        return kept if self.blocking is None else kept | self.blocking.stage.remembered()

    @override
    def recall(self, remembered: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
        self.learning.recall(remembered)
        self.recorder.regretted(self.learning.regrets)
        if self.blocking is not None:
            self.blocking.stage.recall(remembered)

    @override
    def announce_searches(self, announce: Callable[[str], None]) -> None:
        if self.organising is None:
            return
        names = self.economy.player_names
        self.organising.on_search = lambda organiser, coalition: announce(
            f"{organiser} searches for {coalition_name(names[player] for player in coalition)}"
        )

    def _blocking(self, common: CommonKnowledge) -> MarketBlocking | None:
        scenario = self.market_scenario
        if not scenario.blockers:
            return None
        game = game_on_grid(self.economy, scenario.parts)
        return MarketBlocking(self, scenario.active_blockers, game, scenario.parts, common, scenario.seed)

    def _organising(
        self, common: CommonKnowledge, behaviours: tuple[tuple[Behaviour, ...], ...]
    ) -> SideContractStage | None:
        scenario = self.market_scenario
        if not scenario.organisers:
            return None
        return SideContractStage(self, scenario.active_organisers, common, behaviours, scenario.seed)

    def _tell_types(self, profile: IntegerArray) -> None:
        number = self.round_number
        for trader, seed, type_number in zip(self.traders, self._seeds, profile.tolist(), strict=True):
            trader.learn_type(type_number, partial(random_stream, seed, number))

    def _deliver(self, profile: IntegerArray, reports: IntegerArray) -> FloatArray:
        delivered = self.mediator.deliver(reports)
        if delivered is None:
            return self._nothing_delivered
        refuse_missing_deposit(self.economy, profile, reports)
        return delivered

    def _recommend(self, reports: IntegerArray) -> Play:
        whole, parts = self.mediator.recommend(reports)
        for trader, part in zip(self.traders, parts, strict=True):
            trader.receive(part)
        return whole

    def _order(self, quotes: FloatArray) -> list[Order]:
        if self.market_scenario.rules.timing is Timing.SIMULTANEOUS:
            return [trader.order_unseen(own) for trader, own in zip(self.traders, quotes, strict=True)]
        quotes.flags.writeable = False
        return [trader.order(quotes) for trader in self.traders]

    def _settle(
        self,
        reported: Reported,
        departures: Departures,
        collusion: Collusion,
        quotes: FloatArray,
        orders: list[Order],
    ) -> Round:
        # A round in which nobody can leave or collude is spared what these change.
        rules, severance = self.market_scenario.rules, self._no_severance
        profile, reports, delivered = reported.profile, reported.reports, reported.delivered
        transfers, endowments = reported.recommendation.transfers, self.economy.endowments(profile)
        if delivered is not self._nothing_delivered:
            endowments = endowments + delivered
        net_demands = np.stack([order.net_demands for order in orders])
        if departures is not self._nobody_left:
            left = departures.left
            transfers, endowments = np.where(left, 0.0, transfers), np.where(left[:, None], 0.0, endowments)
            net_demands[left] = 0
            net_demands[:, left] = 0
            severance = self.mediator.severance_owed(reports, left)
        if collusion is not self._nobody_colluded and collusion.side_transfers.any():
            transfers = transfers + collusion.side_transfers
        offered = np.stack([order.announced_endowment for order in orders])
        announced = accepted_announcements(offered, endowments, transfers, rules)
        settlement = settle(Play(quotes, net_demands, announced, transfers), rules)
        negotiations, paid = collusion.negotiations, self._no_payments
        if any(each.lie is not None for each in negotiations):
            money = settlement.consumption(endowments)[:, -1] + departures.outside[:, -1]
            negotiations, paid = collusion.paid(money + severance + departures.side_payments)
        quiet = self.quiet_round(profile, reports, delivered, raised(announced, offered, rules), settlement)
        if departures is self._nobody_left and collusion is self._nobody_colluded:
            return quiet
        return replace(
            quiet,
            followed=departures.followed,
            outside=departures.outside,
            severance=severance,
            side_payments=departures.side_payments,
            expected_profits=departures.expected_profits,
            approaches=departures.approaches,
            side_transfers=collusion.side_transfers,
            paid_for_reports=paid,
            negotiations=negotiations,
        )

    def quiet_round(
        self,
        profile: IntegerArray,
        reports: IntegerArray,
        delivered: FloatArray | None,
        raised: FloatArray,
        settlement: Settlement,
    ) -> Round:
        """Return a round in which nobody left with a mediator or colluded, and nobody has learnt yet.

        Args:
            profile: the true types, ``(N,)``.
            reports: ``(N,)``.
            delivered: what flowed to each out of deposits, ``(N, L)``, units; none if nothing is deposited.
            raised: how much numeraire the market added to announcements, ``(N,)``, units.
            settlement: what the market made of it.
        """
        departures, collusion = self._nobody_left, self._nobody_colluded
        return Round(
            profile=profile,
            reports=reports,
            draw=np.asarray(self.mediator.draw),
            delivered=self._nothing_delivered if delivered is None else delivered,
            raised=raised,
            settlement=settlement,
            followed=departures.followed,
            outside=departures.outside,
            severance=self._no_severance,
            side_payments=departures.side_payments,
            expected_profits=departures.expected_profits,
            approaches=departures.approaches,
            side_transfers=collusion.side_transfers,
            paid_for_reports=self._no_payments,
            negotiations=collusion.negotiations,
            learned=(),
        )


def scenario_of(scenario: MarketScenario | None, keywords: Mapping[str, Any]) -> MarketScenario:
    """Return a scenario with changes by keyword; without one, what the keywords describe.

    Whoever changes the economy, the transfers or who must be willing gets the contract that these describe.

    Raises:
        TypeError: a keyword is no field of a scenario and no rule, ``rng`` is given beside ``seed``, or there is no
            economy.
        ValueError: a value is not allowed.
    """
    rules = {each.name for each in fields(MarketRules)}
    known = {each.name: each for each in fields(MarketScenario)}
    if unknown := sorted(keywords.keys() - rules - known.keys() - {"rng"}):
        raise TypeError(f"MarketModel() takes no {unknown[0]!r}; it takes {', '.join([*known, *rules, 'rng'])}")
    given = {name: value for name, value in keywords.items() if name in known}
    if "rng" in keywords:
        if "seed" in keywords:
            raise TypeError("MarketModel() takes seed or rng, which are the same, not both")
        given["seed"] = int(keywords["rng"])
    for name, value in given.items():
        kind = type(known[name].default)
        if isinstance(value, str) and issubclass(kind, Enum):
            given[name] = kind(value) if issubclass(kind, StrEnum) else kind[value.upper()]
    of_rules = {name: value for name, value in keywords.items() if name in rules}
    if of_rules:
        base = given.get("rules", MarketRules() if scenario is None else scenario.rules)
        given["rules"] = replace(base, **of_rules)
    if scenario is not None:
        if given.keys() & {"economy", "transfers", "participation"}:
            given = {"contract": None, "incentives": ()} | given
        return replace(scenario, **given)
    if given.get("economy") is None:
        raise TypeError("MarketModel() needs a scenario, or an economy")
    return MarketScenario(**({"name": given["economy"].name} | given))


def _refuse_draws(scenario: MarketScenario, contract: DirectContract) -> None:
    """Refuse a device that draws where somebody would have to know what it may draw.

    Raises:
        ValueError: there are coalition organisers or blocking mediators.
    """
    if len(contract.chances) > 1 and (scenario.organisers or scenario.blockers):
        raise ValueError(
            "contract draws its recommendations by lot; coalition organisers and blocking mediators only know what "
            "follows from reports alone"
        )
