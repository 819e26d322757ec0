"""What is measured in rounds already played, many rounds at a time.

Dimension ``R`` runs over rounds. Everything is valued at the price that supports the efficient allocation of
the true types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from marketgame.agents.blocking.mediator import Approach
from marketgame.agents.coalitions.organiser import Negotiation
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.contracts.recommended_orders import orders_from_each
from marketgame.mechanisms.contracts.terms import DirectContract
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, autarky_welfare
from marketgame.mechanisms.incentive_efficiency.welfare import first_best_gains
from marketgame.mechanisms.market_game.rules import Bankruptcy, Execution, MarketRules
from marketgame.mechanisms.market_game.settlement import stacked_settlements
from marketgame.simulation.recording.coalitions import blocking_profits
from marketgame.simulation.recording.labels import Labels
from marketgame.simulation.recording.profile_numbers import ProfileNumbers
from marketgame.simulation.stages.learned import Learned
from marketgame.simulation.stages.market_play import Round, consumed_in, net_consumed_in, nothing_played

# A flow below this share of what there is of a good is a rounding error, not a trade.
DUST = 1e-12


@dataclass(frozen=True, eq=False)
class Measures:
    """Rounds side by side.

    Attributes:
        plays: the rounds as the market saw them; every array has a first dimension ``R``.
        profile_numbers: of the true types, ``(R,)``; see `ProfileNumbers`.
        endowments: ``(R, N, L)``, units.
        deposited: with the reports, ``(R, N, L)``, units; zero where recommended flows may be refused.
        consumed: ``(R, N, L)``, units, without what mediators paid, and fellow members for reports.
        net_consumed: what of it goes beyond the endowment, ``(R, N, L)``, units, to the digits of what is traded.
        paid: what mediators paid, and fellow members for reports, ``(R, N)``, numeraire.
        utility: of both, ``(R, N)``, numeraire.
        promised_utility: of what the contract promises at the reports, ``(R, N)``, numeraire.
        price: supporting price, ``(R, L)``, numeraire per unit.
        lowest_price: lower end of the supporting prices, ``(R, L)``.
        first_best: largest welfare, ``(R,)``, numeraire.
        autarky: welfare of the endowments, ``(R,)``, numeraire.
        reservation: the efficient allocation of goods, with the least numeraire for which each player would take what
            it gets there in exchange for its endowment, ``(R, N, L)``.
        over_promise: utility above what the contract promises, ``(R, N)``, numeraire, to the digits of what is traded.
        over_truth: utility above what the contract promises at the true types, likewise.
        gains: welfare above autarky's, ``(R,)``, numeraire, to the digits of what is traded.
        first_best_gains: the same at the efficient allocation, ``(R,)``, numeraire.
        approaches: the invitations of blocking mediators in each round.
        negotiations: what coalition organisers tried in each round.
        learned: how those who learn acted in each round.
        labels: the names behind the numbers.
    """

    plays: Round
    profile_numbers: IntegerArray
    endowments: FloatArray
    deposited: FloatArray
    consumed: FloatArray
    net_consumed: FloatArray
    paid: FloatArray
    utility: FloatArray
    promised_utility: FloatArray
    price: FloatArray
    lowest_price: FloatArray
    first_best: FloatArray
    autarky: FloatArray
    reservation: FloatArray
    over_promise: FloatArray
    over_truth: FloatArray
    gains: FloatArray
    first_best_gains: FloatArray
    approaches: tuple[tuple[Approach, ...], ...]
    negotiations: tuple[tuple[Negotiation, ...], ...]
    learned: tuple[tuple[Learned, ...], ...]
    labels: Labels

    @property
    def profile(self) -> IntegerArray:
        """True types, ``(R, N)``."""
        return self.plays.profile

    @property
    def reports(self) -> IntegerArray:
        """Reported types, ``(R, N)``."""
        return self.plays.reports

    @property
    def transfers(self) -> FloatArray:
        """Purchasing power granted, ``(R, N)``, numeraire."""
        return self.plays.play.transfers

    @property
    def cost(self) -> FloatArray:
        """Of everybody's trades, ``(R, N)``, numeraire."""
        return self.plays.settlement.cost

    @property
    def bankrupt(self) -> BooleanArray:
        """Who is, ``(R, N)``."""
        return self.plays.settlement.bankrupt

    @property
    def reason(self) -> IntegerArray:
        """Why, or that it is not, ``(R, N)``."""
        return self.plays.settlement.reason.astype(np.int64)

    @property
    def wave(self) -> IntegerArray:
        """In which test of the settlement each failed, ``(R, N)``; 0 for the solvent."""
        return self.plays.settlement.wave.astype(np.int64)

    @property
    def followed(self) -> IntegerArray:
        """The blocking mediator with whom each player left, ``(R, N)``; -1 for who stayed."""
        return self.plays.followed

    @property
    def severance(self) -> FloatArray:
        """Paid by the established mediator to those who left, ``(R, N)``, numeraire."""
        return self.plays.severance

    @property
    def side_payments(self) -> FloatArray:
        """Paid by blocking mediators, ``(R, N)``, numeraire."""
        return self.plays.side_payments

    @property
    def profits(self) -> FloatArray:
        """What each mediator earned, the established one first, ``(R, 1 + B)``, numeraire."""
        blocking = blocking_profits(self.approaches, len(self.labels.mediators) - 1)
        return np.column_stack((-self.severance.sum(axis=1), blocking))

    @property
    def expected_profits(self) -> FloatArray:
        """What each expected to earn, ``(R, 1 + B)``, numeraire."""
        return np.column_stack((np.zeros(len(self.severance)), self.plays.expected_profits))

    @property
    def volume(self) -> FloatArray:
        """Value of everything that changed hands, ``(R,)``, numeraire."""
        return np.asarray(self.trade_values.sum(axis=(1, 2, 3)))

    @cached_property
    def received(self) -> FloatArray:
        """What player i received from player j on balance, ``(R, N, N, L)``, units; zero if nothing.

        What flowed out of deposits is a trade of each with everybody, as the contract would have them order it.
        """
        flows = self.plays.settlement.flows
        if self.plays.delivered.any():
            to_each = self.plays.delivered / self.plays.delivered.shape[1]
            flows = flows + orders_from_each(to_each, Execution.MATCHED)
        return self._on_balance(flows)

    @property
    def cancelled(self) -> FloatArray:
        """What i was to receive from j, had neither failed, ``(R, N, N, L)``, units; zero of trades that stand."""
        settlement = self.plays.settlement
        if settlement.rules.bankruptcy is Bankruptcy.TRADES_STAND:
            return np.zeros(settlement.play.orders.shape)
        return self._on_balance(settlement.ordered_flows - settlement.flows)

    def _on_balance(self, flows: FloatArray) -> FloatArray:
        """Return flows to i from j, ``(R, N, N, L)``, units; zero where they are none, or go to j."""
        most = self.endowments.sum(axis=1)
        # Of the numeraire there may be any amount beside what changes hands.
        most[:, -1] = np.minimum(most[:, -1], np.abs(flows[..., -1]).max(axis=(1, 2)))
        return np.asarray(np.where(flows > DUST * most[:, None, None, :], flows, 0))

    @cached_property
    def trade_values(self) -> FloatArray:
        """Value of what player i received from player j, ``(R, N, N, L)``, numeraire."""
        return np.asarray(self.received * self.price[:, None, None, :])

    @property
    def price_dispersion(self) -> FloatArray:
        """Largest relative distance of a quote from the supporting prices, ``(R,)``."""
        quotes, high, low = self.plays.play.quotes, self.price[:, None, :], self.lowest_price[:, None, :]
        distance = np.maximum(np.maximum(quotes - high, low - quotes), 0)
        return np.asarray(np.where(high > 0, distance / np.where(high > 0, high, 1), 0).max(axis=(1, 2)))

    @property
    def wasted(self) -> FloatArray:
        """Value of the endowments that nobody consumed, ``(R,)``, numeraire."""
        return np.asarray(-(self.net_consumed.sum(axis=1) * self.price).sum(axis=-1))

    @property
    def wealth(self) -> FloatArray:
        """Value of what each player consumed and was paid by mediators, ``(R, N)``, numeraire."""
        return np.asarray((self.consumed * self.price[:, None, :]).sum(axis=-1) + self.paid)


def measure(
    plays: Sequence[Round], contract: DirectContract, rules: MarketRules, labels: Labels, numbers: ProfileNumbers
) -> Measures:
    """Return everything that is measured in some rounds, or in none."""
    stacked = _stack(plays) if plays else nothing_played(contract.economy, rules, len(labels.mediators) - 1)
    economy, told, due = (
        contract.economy,
        contract.terms(stacked.reports, stacked.draw),
        contract.terms(stacked.profile),
    )
    efficient = due.efficient
    endowments = economy.endowments(stacked.profile)
    consumed, paid = consumed_in(stacked, economy), stacked.severance + stacked.side_payments + stacked.paid_for_reports
    net_consumed = net_consumed_in(stacked, economy)
    gained = economy.gains(stacked.profile, net_consumed) + paid
    promised_gains = economy.gains_from_goods(stacked.profile, told.allocation[..., :-1])
    promised_gains += told.numeraire_transfers
    promised_gains += economy.endowments(stacked.reports)[..., -1] - endowments[..., -1]
    due_gains = economy.gains_from_goods(stacked.profile, due.allocation[..., :-1]) + due.numeraire_transfers
    return Measures(
        plays=stacked,
        profile_numbers=numbers.of(stacked.profile),
        endowments=endowments,
        deposited=np.zeros_like(endowments) if told.received is None else economy.endowments(stacked.reports),
        consumed=consumed,
        net_consumed=net_consumed,
        paid=paid,
        utility=economy.utility(stacked.profile, consumed) + paid,
        promised_utility=economy.utility(stacked.profile, told.allocation),
        price=efficient.price,
        lowest_price=efficient.lowest_price,
        first_best=efficient.welfare,
        autarky=autarky_welfare(economy, stacked.profile),
        reservation=_reservations(economy, stacked.profile, efficient, endowments),
        over_promise=gained - promised_gains,
        over_truth=gained - due_gains,
        gains=gained.sum(axis=-1),
        first_best_gains=first_best_gains(economy, efficient),
        approaches=tuple(play.approaches for play in plays),
        negotiations=tuple(play.negotiations for play in plays),
        learned=tuple(play.learned for play in plays),
        labels=labels,
    )


def _reservations(
    economy: Economy, profiles: IntegerArray, efficient: EfficientAllocation, endowments: FloatArray
) -> FloatArray:
    least = endowments[..., -1] - economy.gains_from_goods(profiles, efficient.bundles)
    return np.concatenate([efficient.bundles, least[..., None]], axis=-1)


def _stack(plays: Sequence[Round]) -> Round:
    """Return one round whose arrays have the rounds as first dimension."""
    arrays = {
        field.name: np.stack([getattr(play, field.name) for play in plays])
        for field in fields(Round)
        if field.name not in {"settlement", "approaches", "negotiations", "learned"}
    }
    settlement = stacked_settlements([play.settlement for play in plays])
    return Round(settlement=settlement, approaches=(), negotiations=(), learned=(), **arrays)
