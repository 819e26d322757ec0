"""The end of a round: those who learn are told what became of them, and of others only what is published.

What a stance would have brought a trader is found out by playing the round again: the trader acts by that stance, all
others by the behaviours they acted by, with the same luck. No trader can know that by itself: its own flows less its
own orders tell what others ordered from it, but neither how others would have answered another quote or report nor
which claims would have been cut. So it is told to learners only where it is published; the observer records it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from marketgame.agents.announcements import accepted_announcements
from marketgame.agents.behaviours import Behaviour, Heard, MenuLearning, Order, Outcome, Publication
from marketgame.agents.behaviours.behaviour import placed
from marketgame.agents.behaviours.learning import unpacked
from marketgame.agents.behaviours.menu import stance_name
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import BankruptcyReason, MarketRules, Timing
from marketgame.mechanisms.market_game.settle import settle
from marketgame.simulation.stages.learned import Learned, Regret
from marketgame.simulation.stages.market_play import Round, consumed_in, net_consumed_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from marketgame.agents.mediator import EstablishedMediator
    from marketgame.agents.trader import Trader
    from marketgame.mechanisms.arrays import FloatArray, IntegerArray
    from marketgame.mechanisms.economies.economy import Economy
    from marketgame.simulation.scenario.learning import LearningRules


@dataclass(frozen=True, eq=False)
class Replayed:
    """A round played again up to its settlement: reports ``(N,)``, quotes ``(N, L)``, and everybody's order."""

    reports: IntegerArray
    quotes: FloatArray
    orders: Sequence[Order]


class LearningStage:
    """Tells those who learn what became of a round.

    Attributes:
        regrets: so far, by player and type.
        sees: returns whom a player can see where stances are published; everybody else as a rule.
    """

    def __init__(
        self, traders: Sequence[Trader], mediator: EstablishedMediator, rules: MarketRules, learning: LearningRules
    ) -> None:
        self._traders, self._mediator, self._rules = traders, mediator, rules
        self._economy: Economy = mediator.contract.economy
        self._published = frozenset(learning.published)
        self._looks_back = False
        self.learners = tuple(trader for trader in traders if trader.memories)
        self.regrets: dict[tuple[int, int], Regret] = {}
        self.sees: Callable[[int], Sequence[int]] = lambda player: [*range(player), *range(player + 1, len(traders))]

    def look_back(self) -> None:
        """Have it worked out in every round what each stance of each learner would have brought."""
        self._looks_back = True

    def remembered(self) -> dict[str, object]:
        """Return what everybody remembers, and what the observer does of regrets, by name."""
        memories = {
            f"memory {trader.player} {slot}": memory
            for trader in self.learners
            for slot, memory in trader.memories.items()
        }
        return memories | {f"regret {player} {kind}": regret for (player, kind), regret in self.regrets.items()}

    def recall(self, remembered: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
        """Let everybody remember what was remembered after a round.

        Raises:
            ValueError: it is not what these learners remember.
        """
        for trader in self.learners:
            for slot, memory in trader.memories.items():
                trader.memories[slot] = unpacked(remembered.get(f"memory {trader.player} {slot}", {}), memory)
        like = Regret(0, 0.0, np.zeros(0))
        for name, arrays in remembered.items():
            what, *numbers = name.split()
            if what == "regret":
                player, kind = map(int, numbers)
                self.regrets[player, kind] = unpacked(arrays, like)

    def tell(self, play: Round, orders: Sequence[Order]) -> tuple[Learned, ...]:
        """Tell who learns, being of the type it is in a round, what it may know; return what the observer sees."""
        learning = [trader for trader in self.learners if trader.learns]
        if not learning:
            return ()
        consumed, paid = consumed_in(play, self._economy), play.severance + play.side_payments + play.paid_for_reports
        gains = self._economy.gains(play.profile, net_consumed_in(play, self._economy)) + paid
        # What all would have gained is found out before anybody learns from it.
        told = [self._hindsight(trader, play, orders, float(gains[trader.player])) for trader in learning]
        heard = self._heard(gains)
        learned = []
        for trader, hindsight in zip(learning, told, strict=True):
            player, settlement = trader.player, play.settlement
            # Copies: what is part of a larger array could be asked for the rest of it.
            outcome = Outcome(
                knowledge=trader.recommended,
                played=trader.behaviour,
                bound=bool(trader.bound or play.left[player]),
                quotes=play.play.quotes.copy(),
                order=Order(play.play.orders[player].copy(), play.play.announced_endowments[player].copy()),
                flows=settlement.flows[player].copy(),
                consumed=consumed[player].copy(),
                paid=float(paid[player]),
                gain=float(gains[player]),
                reason=BankruptcyReason(int(settlement.reason[player])),
                hindsight=hindsight if Publication.HINDSIGHT in self._published else None,
                heard=tuple(map(heard.__getitem__, self.sees(player))) if heard else (),
            )
            trader.learn(outcome)
            learned.append(self._observed(trader, outcome, hindsight))
        return tuple(learned)

    def _observed(self, trader: Trader, outcome: Outcome, hindsight: FloatArray | None) -> Learned:
        key, stance = (trader.player, outcome.type_number), stance_name(outcome.played)
        if hindsight is None:
            return Learned(*key, stance, outcome.gain)
        before = self.regrets.get(key, Regret(0, 0.0, np.zeros(len(hindsight))))
        if not outcome.bound:
            before = Regret(before.rounds + 1, before.gained + outcome.gain, before.forgone + hindsight)
            self.regrets[key] = before
        menu = tuple(map(stance_name, _menu(trader)))
        return Learned(*key, stance, outcome.gain, menu, hindsight, before)

    def _heard(self, gains: FloatArray) -> list[Heard]:
        if Publication.STANCES not in self._published:
            return []
        each = zip(self._traders, gains.tolist(), strict=True)
        return [Heard(trader.player, stance_name(trader.behaviour), gain) for trader, gain in each]

    def _hindsight(self, trader: Trader, play: Round, orders: Sequence[Order], gain: float) -> FloatArray | None:
        """Return what each stance of a trader's menu would have gained it in a round, ``(S,)``, numeraire."""
        menu = _menu(trader)
        if not menu or not (self._looks_back or Publication.HINDSIGHT in self._published):
            return None
        player, others = trader.player, [stance for stance in menu if stance is not trader.behaviour]
        forgone = iter(self._gains(player, [self._replayed(player, stance, play, orders) for stance in others], play))
        return np.array([gain if stance is trader.behaviour else next(forgone) for stance in menu])

    def _replayed(self, player: int, stance: Behaviour, play: Round, orders: Sequence[Order]) -> Replayed:
        """Return a round as it would have been had a trader acted by a stance."""
        traders, seen = self._traders, self._rules.timing is Timing.PRICES_FIRST
        behaviours = [stance if trader.player == player else trader.behaviour for trader in traders]
        known, reports = [trader.recommended for trader in traders], play.reports
        quotes, orders = play.play.quotes.copy(), list(orders)
        report = stance.report(traders[player].known_type)
        told_anew = report != reports[player]
        if told_anew:
            reports = reports.copy()
            reports[player] = report
            heard = zip(traders, reports.tolist(), self._mediator.recommend(reports)[1], strict=True)
            known = [trader.told(said, part) for trader, said, part in heard]
            quotes = np.stack([each.quote(knows) for each, knows in zip(behaviours, known, strict=True)])
        else:
            quotes[player] = stance.quote(known[player])
        quoted_anew = seen and not np.array_equal(quotes, play.play.quotes)
        for other in range(len(traders)) if told_anew or quoted_anew else (player,):
            knows = known[other].at_quotes(quotes) if seen else known[other].expecting(quotes[other])
            orders[other] = placed(behaviours[other], knows)
        return Replayed(reports, quotes, orders)

    def _gains(self, player: int, replayed: Sequence[Replayed], play: Round) -> list[float]:
        """Return what a trader gains in rounds in which nobody leaves or colludes, ``(C,)``, numeraire."""
        if not replayed:
            return []
        endowments = self._economy.endowments(play.profile)
        delivered = [self._mediator.deliver(each.reports) for each in replayed]
        received = np.stack([np.zeros_like(endowments) if each is None else each for each in delivered])
        owned = endowments + received
        transfers = np.stack([self._mediator.recommend(each.reports)[0].transfers for each in replayed])
        offered = np.stack([[order.announced_endowment for order in each.orders] for each in replayed])
        demands = np.stack([[order.net_demands for order in each.orders] for each in replayed])
        announced = accepted_announcements(offered, owned, transfers, self._rules)
        quotes = np.stack([each.quotes for each in replayed])
        settlement = settle(Play(quotes, demands, announced, transfers), self._rules)
        profiles = np.broadcast_to(play.profile, (len(replayed), len(play.profile)))
        net = settlement.net_consumption(owned) + received
        gains: list[float] = self._economy.gains(profiles, net)[:, player].tolist()
        return gains


def _menu(trader: Trader) -> tuple[Behaviour, ...]:
    """Return the stances among which a trader learns, being of the type it is in a round; none without a menu."""
    kind = trader.known_type.type_number
    learner = trader.behaviours[kind]
    return learner.menu(trader.known_type.own, kind) if isinstance(learner, MenuLearning) else ()
