"""The game that learners play on a market: its actions are their stances, its payoffs what settling them brings.

Whoever does not learn has one stance. Payoffs are gains over endowments in a round without organisers and blockers;
where a contract draws its recommendations by lot, they are expected over the draws. What is said in a round is asked of
the behaviours themselves, once for whatever they know.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import prod
from typing import Any

import numpy as np

from marketgame.agents.announcements import accepted_announcements
from marketgame.agents.behaviours import Behaviour, Learning, MenuLearning, Misreporting, Obedient, Order
from marketgame.agents.behaviours.menu import stance_name
from marketgame.agents.beliefs import Inference
from marketgame.agents.knowledge import RecommendedKnowledge, TypeKnowledge
from marketgame.mechanisms.arrays import FloatArray, IntegerArray, read_only
from marketgame.mechanisms.deviations.best_reply import best_reply
from marketgame.mechanisms.deviations.effort import Effort
from marketgame.mechanisms.deviations.menu_game import MenuGame
from marketgame.mechanisms.deviations.situation import Replies, Situation
from marketgame.mechanisms.economies.economy import Player
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Refusal, Timing
from marketgame.mechanisms.market_game.settle import settle
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.scenario.market_scenario import MarketScenario

# So many numbers of orders are settled in one call at most.
MOST_ORDERS = 2_000_000
# A trader's best reply is sought against so many plays of the others at most.
MOST_PLAYS = 2_000


class UnplayableError(ValueError):
    """Learners play no finite game of stances; the message says why."""


@dataclass(frozen=True, eq=False)
class Acting:
    """How somebody acts in a round: its number, its type, its behaviour."""

    player: int
    type_number: int
    behaviour: Behaviour

    @property
    def key(self) -> tuple[int, int, int]:
        """What tells it apart while its behaviour is kept."""
        return self.player, self.type_number, id(self.behaviour)


@dataclass(frozen=True, eq=False)
class Messages:
    """What everybody says in a round.

    Attributes:
        acting: who says it.
        told: what tells recommendations apart.
        heard: what each knows when it quotes.
        quotes: ``(N, L)``, numeraire per unit.
        orders: what each orders, and the endowment it announces.
        transfers: ``(N,)``, numeraire.
        received: what flowed to each out of deposits, ``(N, L)``, units.
    """

    acting: tuple[Acting, ...]
    told: bytes
    heard: tuple[RecommendedKnowledge, ...]
    quotes: FloatArray
    orders: tuple[Order, ...]
    transfers: FloatArray
    received: FloatArray


@dataclass(frozen=True, eq=False)
class Exploited:
    """What one type of a trader could gain over its endowment against what the others play.

    Attributes:
        player: its number.
        type_number: its type.
        gain: by the best reply found, settled, numeraire.
        bound: by any reply whatever, numeraire.
        report: the type that the best reply reports.
    """

    player: int
    type_number: int
    gain: float
    bound: float
    report: int


class MarketMenu:
    """Settles what stances bring on the market of a scenario.

    Attributes:
        stances: the behaviours that each type of each player can take, ``[player][type]``; equally many for all types
            of a player, of which some may be the same.
        learners: the numbers of the players who learn, being of some type.

    Raises:
        UnplayableError: there are organisers, blockers, or learners without a menu.
        ValueError: the scenario cannot be played.
    """

    def __init__(self, scenario: MarketScenario) -> None:
        if scenario.organisers or scenario.blockers:
            raise UnplayableError("organisers and blockers answer what they see: stances alone have no payoffs")
        model = MarketModel(scenario)
        self.economy, self._rules, self._mediator = model.economy, scenario.rules, model.mediator
        self._common = model.traders[0].common
        self.contract = self._common.contract
        self._inferences = [Inference(self.contract, trader.player) for trader in model.traders]
        behaviours = [trader.behaviours for trader in model.traders]
        self.stances = tuple(_menus(*each) for each in zip(self.economy.players, behaviours, strict=True))
        learn = [any(isinstance(each, Learning) for each in by_type) for by_type in behaviours]
        self.learners = tuple(np.flatnonzero(learn).tolist())
        self._seen = self._rules.timing is Timing.PRICES_FIRST
        self._reporting: dict[tuple[int, int, int], Behaviour] = {}
        self._said: dict[tuple[object, ...], Any] = {}
        self._gains: dict[bytes, FloatArray] = {}

    @cached_property
    def names(self) -> tuple[tuple[tuple[str, ...], ...], ...]:
        """What tables call the stances, ``[player][type]``."""
        return tuple(tuple(tuple(map(stance_name, menu)) for menu in by_type) for by_type in self.stances)

    @cached_property
    def game(self) -> MenuGame:
        """The game."""
        return MenuGame(self.economy.prior, tuple(len(by_type[0]) for by_type in self.stances), self.gains)

    def gains(self, profiles: IntegerArray, stances: IntegerArray) -> FloatArray:
        """Return what everybody gains over its endowment, ``(B, N)``, numeraire.

        Args:
            profiles: types, ``(B, N)``.
            stances: their numbers in menus, ``(B, N)``.

        Raises:
            UnplayableError: a stance draws something of its own.
        """
        keys = [cell.tobytes() for cell in np.concatenate([profiles, stances], axis=1)]
        new = {key: row for row, key in enumerate(keys) if key not in self._gains}
        rows, players = list(new.values()), profiles.shape[1]
        some = max(1, MOST_ORDERS // (players * players * len(self.economy.goods)))
        for first in range(0, len(rows), some):
            part = rows[first : first + some]
            settled = self._settled(profiles[part], stances[part])
            self._gains |= dict(zip((keys[row] for row in part), settled, strict=True))
        return np.array([self._gains[key] for key in keys]).reshape(profiles.shape)

    def exploited(
        self, player: int, type_number: int, strategies: Sequence[FloatArray], effort: Effort | None = None
    ) -> Exploited:
        """Return what a type of a player could gain by any report, quotes and orders against what the others play.

        Args:
            player: its number.
            type_number: its type.
            strategies: how often each type of each player takes each stance, ``(K_i, S_i)``, independently.
            effort: how hard to search.

        Raises:
            UnplayableError: the others can play too many ways, or a stance draws something of its own.
        """
        kinds, found = self.economy.players[player].types, []
        owned, own = np.array([kind.endowment for kind in kinds]), kinds[type_number].name
        for report, kind in enumerate(kinds):
            if self._rules.refusal is Refusal.ESCROW and (owned[report] > owned[type_number]).any():
                continue  # It could not deposit what that type owns.
            # A reply that reports and then obeys is what the oracle departs from.
            told_as = self._reporting.setdefault(
                (player, type_number, report), Obedient() if report == type_number else Misreporting({own: kind.name})
            )
            situations = self._situations(Acting(player, type_number, told_as), strategies)
            replies = [(chance, best_reply(situation, effort)) for chance, situation in situations]
            gain, bound = (sum(c * getattr(reply, of) for c, reply in replies) for of in ("gain", "bound"))
            found.append(Exploited(player, type_number, gain, bound, report))
        best = max(found, key=lambda each: each.gain)
        return Exploited(player, type_number, best.gain, max(each.bound for each in found), best.report)

    def _situations(self, acting: Acting, strategies: Sequence[FloatArray]) -> list[tuple[float, Situation]]:
        """Return what a trader may face once it has heard what is recommended, each with its probability."""
        plays: dict[tuple[bytes, ...], dict[bytes, tuple[float, IntegerArray, Messages]]] = {}
        for chance, profile, said in self._plays_of_others(acting, strategies):
            part = said.heard[acting.player].recommendation
            known = (part.quotes, part.orders, part.announced_endowment, part.transfers, said.received[acting.player])
            others = b"".join(str(each.key).encode() for each in said.acting) + said.told
            alike = plays.setdefault(tuple(each.tobytes() for each in known), {})
            alike[others] = (alike[others][0] + chance if others in alike else chance, profile, said)
        return [self._situation(acting, list(alike.values())) for alike in plays.values()]

    def _situation(
        self, acting: Acting, plays: Sequence[tuple[float, IntegerArray, Messages]]
    ) -> tuple[float, Situation]:
        chances, profiles = np.array([chance for chance, _, _ in plays]), np.stack([each for _, each, _ in plays])
        said, total = [each for _, _, each in plays], float(chances.sum())
        received = np.stack([each.received for each in said])
        situation = Situation(
            self.economy,
            self._rules,
            (acting.player,),
            chances / total,
            profiles,
            self._play(said, self.economy.endowments(profiles) + received),
            _Answering(self, tuple(said)) if self._seen else None,
            received=received if received.any() else None,
        )
        return total, situation

    def _plays_of_others(
        self, acting: Acting, strategies: Sequence[FloatArray]
    ) -> list[tuple[float, IntegerArray, Messages]]:
        """Return how the round may go for a type of a player: with what chance, at which types, and what is said."""
        prior, player = self.economy.prior, acting.player
        if prior.obstacle:
            raise UnplayableError(f"others can be of too many types: {prior.obstacle}")
        here = np.flatnonzero((prior.profiles[:, player] == acting.type_number) & (prior.probability > 0))
        given_type, found = prior.probability[here].sum(), []
        supports = [
            [np.flatnonzero(row > 0).tolist() if other != player else [0] for row in strategy]
            for other, strategy in enumerate(strategies)
        ]
        many = sum(prod(len(of[kind]) for of, kind in zip(supports, prior.profiles[p], strict=True)) for p in here)
        if many * len(self.contract.chances) > MOST_PLAYS:
            raise UnplayableError(f"others can play in {many:,} ways, more than {MOST_PLAYS:,}")
        for number in here.tolist():
            profile = prior.profiles[number]
            for stances in itertools.product(*(of[kind] for of, kind in zip(supports, profile, strict=True))):
                taken = list(self._taken(profile, np.array(stances)))
                taken[player] = acting
                own = [strategies[other][profile[other], stance] for other, stance in enumerate(stances)]
                own[player] = 1.0
                chance = float(prior.probability[number] / given_type * prod(own))
                for draw, turned in enumerate(self.contract.chances.tolist()):
                    found.append((chance * turned, profile, self._messages(tuple(taken), draw)))
        return found

    def _settled(self, profiles: IntegerArray, stances: IntegerArray) -> FloatArray:
        endowments, expected = self.economy.endowments(profiles), np.zeros(profiles.shape)
        taken = [self._taken(*cell) for cell in zip(profiles, stances, strict=True)]
        for draw, chance in enumerate(self.contract.chances.tolist()):
            said = [self._messages(acting, draw) for acting in taken]
            received = np.stack([each.received for each in said])
            play = self._play(said, endowments + received)
            net = settle(play, self._rules).net_consumption(endowments + received)
            expected += chance * self.economy.gains(profiles, net + received)
        return expected

    def _play(self, said: Sequence[Messages], owned: FloatArray) -> Play:
        """Return the plays of rounds in which everybody owns ``(B, N, L)`` when the market opens."""
        transfers = np.stack([each.transfers for each in said])
        offered = np.stack([[order.announced_endowment for order in each.orders] for each in said])
        return Play(
            np.stack([each.quotes for each in said]),
            np.stack([[order.net_demands for order in each.orders] for each in said]),
            accepted_announcements(offered, owned, transfers, self._rules),
            transfers,
        )

    def _taken(self, profile: IntegerArray, stances: IntegerArray) -> tuple[Acting, ...]:
        each = zip(self.stances, profile.tolist(), stances.tolist(), strict=True)
        return tuple(Acting(player, kind, menu[kind][stance]) for player, (menu, kind, stance) in enumerate(each))

    def _messages(self, acting: tuple[Acting, ...], draw: int) -> Messages:
        """Return what those who act so say where the device turns out so."""
        known = [
            TypeKnowledge(self._common, self._inferences[each.player], each.type_number, _refuse_to_draw)
            for each in acting
        ]
        whoever = list(zip(acting, known, strict=True))
        reports = np.array([self._once(each.key, partial(each.behaviour.report, knows)) for each, knows in whoever])
        self._mediator.draw = draw
        whole, parts = self._mediator.recommend(reports)
        delivered, told = self._mediator.deliver(reports), reports.tobytes() + draw.to_bytes(4)
        heard = tuple(
            RecommendedKnowledge(knows.common, knows.inference, knows.type_number, knows.stream, report, part)
            for knows, report, part in zip(known, reports.tolist(), parts, strict=True)
        )
        quotes = np.stack(
            [
                self._once((*each.key, told), partial(each.behaviour.quote, knows))
                for each, knows in zip(acting, heard, strict=True)
            ]
        )
        received = np.zeros_like(quotes) if delivered is None else delivered
        said = Messages(acting, told, heard, quotes, (), whole.transfers, received)
        return replace(said, orders=tuple(self.order(said, player, quotes) for player in range(len(acting))))

    def order(self, said: Messages, player: int, quotes: FloatArray) -> Order:
        """Return what a player orders who sees quotes ``(N, L)``, or knows its own alone where nobody sees any."""
        acting, knows = said.acting[player], said.heard[player]
        if not self._seen:
            own = quotes[player]
            return self._once(
                (*acting.key, said.told, own.tobytes()), lambda: acting.behaviour.order(knows.expecting(own))
            )
        seen = read_only(quotes)
        return self._once(
            (*acting.key, said.told, seen.tobytes()), lambda: acting.behaviour.order(knows.at_quotes(seen))
        )

    def _once[Answer](self, key: tuple[object, ...], ask: Callable[[], Answer]) -> Answer:
        if key not in self._said:
            self._said[key] = ask()
        answer: Answer = self._said[key]
        return answer


@dataclass(frozen=True, eq=False)
class _Answering:
    """How those who act otherwise than by obeying answer quotes that they did not expect."""

    menu: MarketMenu
    said: tuple[Messages, ...]

    def __call__(self, situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        said, owned = self.said[draw], situation.endowments[draw]
        orders = [self.menu.order(said, player, quotes) for player in range(len(quotes))]
        offered = np.stack([each.announced_endowment for each in orders])
        announced = accepted_announcements(offered, owned, said.transfers, situation.rules)
        return Replies(np.stack([each.net_demands for each in orders]), announced)


def _menus(own: Player, behaviours: Sequence[Behaviour]) -> tuple[tuple[Behaviour, ...], ...]:
    """Return the stances that each type of a player can take, equally many."""
    for each in behaviours:
        if isinstance(each, Learning) and not isinstance(each, MenuLearning):
            raise UnplayableError(f"{own.name} learns by {each.name!r}, which takes its stances from no menu")
    menus = [each.could_act(own, kind) for kind, each in enumerate(behaviours)]
    size = max(map(len, menus))
    return tuple(menu + (menu[-1],) * (size - len(menu)) for menu in menus)


def _refuse_to_draw(purpose: str) -> np.random.Generator:
    raise UnplayableError(f"a stance draws its {purpose} by chance, so that its payoffs are not known from one play")
