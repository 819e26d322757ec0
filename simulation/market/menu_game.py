"""The game that learners play on a market: its actions are their stances, its payoffs what settling them brings.

Whoever does not learn has one stance. Payoffs are gains over endowments in a round without organisers and blockers;
where a contract draws its recommendations by lot, they are expected over the draws. What is said in a round is asked of
the behaviours themselves, once for whatever they know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np

from marketgame.agents.announcements import accepted_announcements
from marketgame.agents.behaviours import Behaviour, Learning, MenuLearning, Misreporting, Obedient
from marketgame.agents.behaviours.menu import stance_name
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.deviations.best_reply import best_reply
from marketgame.mechanisms.deviations.effort import Effort
from marketgame.mechanisms.deviations.menu_game import MenuGame, MixedPlay, product_play
from marketgame.mechanisms.deviations.situation import Replies, Situation
from marketgame.mechanisms.economies.economy import Player
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Refusal
from marketgame.mechanisms.market_game.settle import settle
from marketgame.simulation.market.messages import DrawnError, Messages, Said
from marketgame.simulation.market.model import MarketModel
from marketgame.simulation.scenario.market_scenario import MarketScenario

# So many numbers of orders are settled in one call at most.
MOST_ORDERS = 2_000_000
# A trader's best reply is sought against so many plays of the others at most; of more so many are drawn.
MOST_PLAYS = 2_000
DRAWN_PLAYS = 500
# Until so many have been met in which the trader is of its type, or this often.
_MOST_TRIES = 40


class UnplayableError(ValueError):
    """Learners play no finite game of stances; the message says why."""


@dataclass(frozen=True, eq=False)
class Exploited:
    """What one type of a trader could gain over its endowment against what the others play.

    Attributes:
        player: its number.
        type_number: its type.
        gain: by the best reply found, settled, numeraire.
        bound: by any reply whatever, numeraire; infinite where plays are drawn, as it then holds of these alone.
        report: the type that the best reply reports.
        expected: by what it does against the same plays, numeraire.
        by_stances: by always taking each of its stances, ``(S,)``, numeraire.
        sampled: whether the others can play in so many ways that some were drawn. The best reply is fitted to them, so
            that its gain is rather too high.
    """

    player: int
    type_number: int
    gain: float
    bound: float
    report: int
    expected: float
    by_stances: FloatArray
    sampled: bool = False


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
        self.contract = model.mediator.contract
        behaviours = [trader.behaviours for trader in model.traders]
        self.stances = tuple(_menus(*each) for each in zip(self.economy.players, behaviours, strict=True))
        learn = [any(isinstance(each, Learning) for each in by_type) for by_type in behaviours]
        self.learners = tuple(np.flatnonzero(learn).tolist())
        # Beyond its menu everybody can report any type and then obey: what the oracle departs from.
        options = [
            [menu + _reporters(own, kind) for kind, menu in enumerate(by_type)]
            for own, by_type in zip(self.economy.players, self.stances, strict=True)
        ]
        common = model.traders[0].common
        self._limited = common.reach is not None
        # The device's draw decides what is recommended, so that messages are looked up for each by themselves.
        self._messages = [Messages(common, model.mediator, options) for _ in self.contract.chances]
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
            UnplayableError: a network limits trade, the others can be of too many types, the type is too rare to be
                drawn, or a stance draws something of its own.
        """
        if self._limited:
            raise UnplayableError("network.limits has 'trade', and best replies are sought among orders to everybody")
        kinds, found = self.economy.players[player].types, []
        plays = self._plays_of_others(player, type_number, strategies)
        by_stances = self._by_stances(player, plays)
        expected = float(strategies[player][type_number] @ by_stances)
        for report, kind in enumerate(kinds):
            if self._rules.refusal is Refusal.ESCROW and (kind.endowment > kinds[type_number].endowment).any():
                continue  # It could not deposit what that type owns.
            replies = [
                (chance, best_reply(situation, effort))
                for chance, situation in self._situations(player, self.game.menus[player] + report, plays)
            ]
            gain, bound = (sum(c * getattr(reply, of) for c, reply in replies) for of in ("gain", "bound"))
            found.append((gain, inf if plays.sampled else bound, report))
        gain, _, report = max(found, key=lambda each: each[0])
        bound = max(bound for _, bound, _ in found)
        return Exploited(player, type_number, gain, bound, report, expected, by_stances, plays.sampled)

    def _by_stances(self, player: int, plays: MixedPlay) -> FloatArray:
        """Return what a player gains over its endowment by always taking each stance, ``(S,)``, numeraire."""
        found = np.zeros(self.game.menus[player])
        for stance in range(len(found)):
            stances = plays.stances.copy()
            stances[:, player] = stance
            found[stance] = plays.probability @ self.gains(plays.profiles, stances)[:, player]
        return found

    def _situations(self, player: int, own: int, plays: MixedPlay) -> list[tuple[float, Situation]]:
        """Return what a trader that acts by its own option may face once it has heard what is recommended to it."""
        stances = plays.stances.copy()
        stances[:, player] = own
        faced: dict[bytes, list[tuple[int, int]]] = {}
        said = [self._say(plays.profiles, stances, draw) for draw in range(len(self._messages))]
        for draw, (of_draw, played, received) in enumerate(said):
            told = (played.quotes, played.orders, played.announced_endowments, received)
            for row in range(len(stances)):
                known = [each[row, player] for each in told] + [of_draw.transfers[row]]
                faced.setdefault(b"".join(each.tobytes() for each in known), []).append((draw, row))
        return [self._situation(player, stances, plays, said, cells) for cells in faced.values()]

    def _situation(
        self,
        player: int,
        stances: IntegerArray,
        plays: MixedPlay,
        said: Sequence[tuple[Said, Play, FloatArray]],
        cells: Sequence[tuple[int, int]],
    ) -> tuple[float, Situation]:
        """Return the situation of who cannot tell some plays apart, by draw of the device and row, and its chance."""
        chances = np.array([self.contract.chances[draw] * plays.probability[row] for draw, row in cells])
        rows = np.array([row for _, row in cells])
        prescribed = Play(
            *(np.stack([said[draw][1].arrays[place][row] for draw, row in cells]) for place in range(4)),
        )
        received, total = np.stack([said[draw][2][row] for draw, row in cells]), float(chances.sum())
        reaction, others = None, np.arange(stances.shape[1]) != player
        looks = [
            self._messages[draw].looking(plays.profiles, stances, each.told) for draw, (each, _, _) in enumerate(said)
        ]
        if any(looks[draw][row, others].any() for draw, row in cells):
            reaction = _Answering(self, tuple(draw for draw, _ in cells), plays.profiles[rows], stances[rows])
        situation = Situation(
            self.economy,
            self._rules,
            (player,),
            chances / total,
            plays.profiles[rows],
            prescribed,
            reaction,
            received=received if received.any() else None,
        )
        return total, situation

    def _plays_of_others(self, player: int, type_number: int, strategies: Sequence[FloatArray]) -> MixedPlay:
        """Return what others may play against a type of a player, whose own stances are of no account."""
        prior = self.economy.prior
        if prior.obstacle:
            raise UnplayableError(f"others can be of too many types: {prior.obstacle}")
        still = [
            np.eye(each.shape[1])[np.zeros(len(each), int)] if other == player else each
            for other, each in enumerate(strategies)
        ]
        generator = np.random.default_rng(0)
        play = product_play(prior, still, MOST_PLAYS, generator)
        met = [_of_type(play, player, type_number)]
        if not play.sampled:
            likely = met[0].probability
            return MixedPlay(met[0].profiles, met[0].stances, likely / likely.sum())
        for _ in range(_MOST_TRIES):
            if sum(len(each.probability) for each in met) >= DRAWN_PLAYS:
                break
            met.append(_of_type(product_play(prior, still, MOST_PLAYS, generator), player, type_number))
        drawn = np.concatenate([np.concatenate([each.profiles, each.stances], axis=1) for each in met])[:DRAWN_PLAYS]
        if not len(drawn):
            kind = self.economy.players[player].types[type_number].name
            raise UnplayableError(
                f"{self.economy.player_names[player]} is too rarely {kind!r} to draw what others play"
            )
        cells, counts = np.unique(drawn, axis=0, return_counts=True)
        profiles, stances = np.split(cells, 2, axis=1)
        return MixedPlay(profiles, stances, counts / counts.sum(), sampled=True)

    def _settled(self, profiles: IntegerArray, stances: IntegerArray) -> FloatArray:
        expected, endowments = np.zeros(profiles.shape), self.economy.endowments(profiles)
        for draw, chance in enumerate(self.contract.chances.tolist()):
            _, play, received = self._say(profiles, stances, draw)
            net = settle(play, self._rules).net_consumption(endowments + received)
            expected += chance * self.economy.gains(profiles, net + received)
        return expected

    def _say(self, profiles: IntegerArray, stances: IntegerArray, draw: int) -> tuple[Said, Play, FloatArray]:
        """Return what is said where the device turns out so, the plays, and flows out of deposits ``(B, N, L)``."""
        self._mediator.draw = draw
        try:
            said = self._messages[draw].say(profiles, stances)
        except DrawnError as error:
            raise UnplayableError(f"a stance draws its {error} by chance: one play does not tell its payoffs") from None
        endowments = self.economy.endowments(profiles)
        received = np.zeros_like(endowments) if said.delivered is None else said.delivered
        announced = accepted_announcements(said.offered, endowments + received, said.transfers, self._rules)
        return said, Play(said.quotes, said.orders, announced, said.transfers), received

    def answers(
        self, draw: int, profile: IntegerArray, stances: IntegerArray, quotes: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return what everybody orders ``(N, N, L)``, and offers to announce ``(N, L)``, who sees quotes ``(N, L)``."""
        self._mediator.draw = draw
        return self._messages[draw].answers(profile, stances, quotes)


@dataclass(frozen=True, eq=False)
class _Answering:
    """How those who act otherwise than by obeying answer quotes that they did not expect."""

    menu: MarketMenu
    draws: tuple[int, ...]
    profiles: IntegerArray
    stances: IntegerArray

    def __call__(self, situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        orders, offered = self.menu.answers(self.draws[draw], self.profiles[draw], self.stances[draw], quotes)
        owned, transfers = situation.endowments[draw], situation.prescribed.transfers[draw]
        return Replies(orders, accepted_announcements(offered, owned, transfers, situation.rules))


def _of_type(play: MixedPlay, player: int, type_number: int) -> MixedPlay:
    """Return the part of a play in which a player is of a type."""
    rows = (play.profiles[:, player] == type_number) & (play.probability > 0)
    return MixedPlay(play.profiles[rows], play.stances[rows], play.probability[rows], play.sampled)


def _menus(own: Player, behaviours: Sequence[Behaviour]) -> tuple[tuple[Behaviour, ...], ...]:
    """Return the stances that each type of a player can take, equally many."""
    for each in behaviours:
        if isinstance(each, Learning) and not isinstance(each, MenuLearning):
            raise UnplayableError(f"{own.name} learns by {each.name!r}, which takes its stances from no menu")
    menus = [each.could_act(own, kind) for kind, each in enumerate(behaviours)]
    size = max(map(len, menus))
    return tuple(menu + (menu[-1],) * (size - len(menu)) for menu in menus)


def _reporters(own: Player, type_number: int) -> tuple[Behaviour, ...]:
    """Return the behaviours of who reports each of its types and then obeys."""
    kind = own.types[type_number].name
    return tuple(
        Obedient() if report == type_number else Misreporting({kind: other.name})
        for report, other in enumerate(own.types)
    )
