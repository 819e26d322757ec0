r"""The grand contract of Giraud and Rochon's Theorem 1: how the market game is to be played to reach efficiency.

For reported types m the established mediator recommends to every player i

* to quote the supporting price :math:`p^*(m)`,
* to address the net demand :math:`z^i_j = (x^*_i(m) - e_i(m)) / N` to every player j, and
* to announce the endowment :math:`e_i(m) = \omega_i(m_i)`,

and grants the purchasing power :math:`y_i(m) = p^*(m) \cdot (x^*_i(m) - e_i(m))`, both rounded so that nobody fails
by rounding (:mod:`marketgame.mechanisms.contracts.recommended_orders`). If all obey, the settlement is :math:`x^*(m)`.
The paper assumes that all goods are worth having up to the aggregate endowment. Where a good is worth nothing at the
margin, efficiency leaves some of it unused; the contract then tells its owners to announce proportionally less, because
what is announced must find a holder.

Two rules of the market change what is recommended, and not what it leads to. Where orders execute only as far as both
sides order them, everybody is told the flows of these orders, pair by pair. Where recommended flows may not be refused,
they are executed out of the endowments of the reported types, which are deposited with the reports; players are then
to announce what they hold after that and to order nothing, and nobody needs purchasing power.

Recommendations that cannot be told apart are equal bit for bit (:mod:`marketgame.mechanisms.contracts.canonical`), so
that what a player learns from its recommendation is what it says (:mod:`marketgame.mechanisms.contracts.knowledge`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Self, override

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray, finite_array, read_only
from marketgame.mechanisms.contracts.canonical import (
    SAME_NUMBER,
    canonical_allocation,
    canonical_payments,
    one_number,
    rows_numbered,
)
from marketgame.mechanisms.contracts.recommended_orders import granted_for_rounding, orders_to_each
from marketgame.mechanisms.contracts.stated import StatedRecommendations, recommendation_odds
from marketgame.mechanisms.contracts.terms import DirectContract, OwnRecommendation, Posterior, Terms
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.economies.stakes import stakes_by_type
from marketgame.mechanisms.economies.walras import at_payable_prices
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Execution, MarketRules, Refusal

# Transfers balance when their sum is zero up to this share of the largest of them and of what the supply is worth.
BALANCE_TOLERANCE = 1e-9
# A debt is none up to this share of the payment, and of what the supply is worth, whose rounding it may be.
HOLDING_TOLERANCE = 1e-12
# A good of which all but this share of the supply is allocated is used up.
USED_TOLERANCE = 1e-12


class TransferRule(StrEnum):
    """Which transfers between players a contract makes; `mechanisms.contracts.transfers` computes them."""

    NONE = "none"
    """None: everybody pays for its goods at the supporting price."""
    EXPECTED_EXTERNALITY = "expected-externality"
    """Those of d'Aspremont and Gérard-Varet."""
    LP = "lp"
    """Balanced ones that a linear program finds, the smallest there are."""
    COALITION_PROOF = "coalition-proof"
    """Balanced ones under which no coalition that pools information and money gains by lies, and lies cost their
    tellers as large a share of the welfare they cost as can be."""


@dataclass(frozen=True, eq=False)
class GrandContract(DirectContract):
    """R recommendations: one for every profile of reports, or, where it draws, one for every draw and profile.

    Attributes:
        economy: whose types are reported.
        efficient: the efficient allocation of every profile; where a profile is worked out alone, of that. Of those
            given, numbers that cannot be told apart are replaced by one.
        numeraire_transfers: by how much each player's numeraire changes, ``(R, N)``; they sum to zero. Likewise.
        execution: of the market's orders.
        refusal: whether recommended flows may be refused.
        stated: what is recommended instead of the efficient allocations at their supporting prices, if something is.

    Raises:
        ValueError: transfers do not balance, or leave a player with less than no numeraire.
    """

    economy: Economy
    efficient: EfficientAllocation
    numeraire_transfers: FloatArray
    execution: Execution = Execution.UNILATERAL
    refusal: Refusal = Refusal.FREE
    stated: StatedRecommendations | None = None
    _elsewhere: dict[tuple[Execution, Refusal], Self] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        transfers = finite_array("numeraire transfers", self.numeraire_transfers, self.profiles.shape)
        excess = np.abs(transfers.sum(axis=-1))
        if (excess > BALANCE_TOLERANCE * (self.worth_of_goods + np.abs(transfers).max(axis=-1))).any():
            raise ValueError(f"numeraire transfers sum to {excess.max():.6g} in some profile; they must balance")
        if self.stated is None:
            # Whoever states a contract means the numbers that are stated.
            efficient = canonical_allocation(self.economy, self.efficient)
            transfers = canonical_payments(self.economy, efficient, transfers)
            object.__setattr__(self, "efficient", efficient)
        else:
            self.stated.refuse_misfit(self.economy)
        object.__setattr__(self, "numeraire_transfers", read_only(transfers))
        self._refuse_debt()

    @property
    @override
    def chances(self) -> FloatArray:
        return np.ones(1) if self.stated is None else self.stated.chances

    @cached_property
    def profiles(self) -> IntegerArray:
        """The reports after which each recommendation is made, ``(R, N)``: those of the first draw, then the next."""
        return self.efficient.profiles if self.stated is None else self.stated.profiles(self.economy)

    @cached_property
    def probability(self) -> FloatArray:
        """Of each recommendation, if all report the truth, ``(R,)``."""
        return recommendation_odds(self.economy, self.stated)

    @property
    def price(self) -> FloatArray:
        """What all are told to quote, ``(R, L)``, numeraire per unit."""
        return self.efficient.price if self.stated is None else self.stated.price

    @property
    def bundles(self) -> FloatArray:
        """What each player is to end with of the goods other than the numeraire, ``(R, N, G)``, units."""
        return self.efficient.bundles if self.stated is None else self.stated.bundles

    def efficient_at(self, numbers: IntegerArray) -> EfficientAllocation:
        """Return the efficient allocations of the reports of some recommendations, by their numbers ``(K,)``."""
        return self.efficient.at(numbers % len(self.efficient.profiles))

    def numbers_of(self, reports: IntegerArray, draws: IntegerArray | int = 0) -> IntegerArray:
        """Return the numbers of the recommendations after reports ``(..., N)`` in draws ``(...)``."""
        return np.asarray(self.economy.prior.profile_numbers(reports) + draws * len(self.efficient.profiles))

    def expected(self, values: FloatArray) -> FloatArray:
        """Return the mean over draws of values ``(..., R)``, ``(..., P)``."""
        if self.stated is None:
            return values
        by_draw = values.reshape(*values.shape[:-1], len(self.stated.chances), -1)
        return np.asarray(np.einsum("d,...dp->...p", self.stated.chances, by_draw))

    def recommended(self, numbers: IntegerArray) -> Play:
        """Return the plays recommended, ``(K,)``, by their numbers."""
        return self.play_of(self._terms_of(numbers))

    @override
    def under(self, rules: MarketRules) -> Self:
        asked = rules.execution, rules.refusal
        if asked == (self.execution, self.refusal):
            return self
        if asked not in self._elsewhere:
            self._elsewhere[asked] = replace(self, execution=rules.execution, refusal=rules.refusal)
        return self._elsewhere[asked]

    def _refuse_debt(self) -> None:
        held = self.allocation[..., -1]
        owed = -held > HOLDING_TOLERANCE * (self.worth_of_goods[:, None] + np.abs(self.numeraire_transfers))
        if owed.any():
            number, player = np.argwhere(owed)[0]
            profile = self.economy.type_names(self.profiles[number])
            raise ValueError(
                f"{self.economy.player_names[player]} would end with {held[number, player]:.6g} {self.economy.money} "
                f"for types {profile}; endow it with at least {-held[number, player]:.6g} more"
            )

    @cached_property
    def endowments(self) -> FloatArray:
        """The endowments of the reported types, ``(P, N, L)``, units."""
        return read_only(self.economy.endowments(self.profiles))

    @cached_property
    def allocation(self) -> FloatArray:
        """What each player ends with if all obey, ``(P, N, L)``, units."""
        numeraire = self.endowments[..., -1] + self.numeraire_transfers
        return read_only(np.concatenate((self.bundles, numeraire[..., None]), axis=-1))

    @cached_property
    def worth_of_goods(self) -> FloatArray:
        """What the supply of all goods but the numeraire is worth at the supporting prices, ``(P,)``, numeraire."""
        supply = self.endowments[..., :-1].sum(axis=-2)
        return read_only((self.price[:, :-1] * supply).sum(axis=-1))

    @cached_property
    def announced_endowments(self) -> FloatArray:
        """What each player is to announce, ``(P, N, L)``, units: what is traded, or what it holds after that."""
        return self._used if self.received is None else read_only(self._used + self.received)

    @cached_property
    def received(self) -> FloatArray | None:
        """What flows to each player out of deposits, ``(P, N, L)``, units; none if flows may be refused."""
        return self.net_trades if self.refusal is Refusal.ESCROW else None

    @cached_property
    def _used(self) -> FloatArray:
        """What of each player's endowment is traded or kept, ``(P, N, L)``, units; what is not used is left out."""
        share = np.ones((len(self.endowments), 1, len(self.economy.goods)))
        share[:, 0, :-1] = self._shares_used()
        return read_only(self.endowments * share)

    def _shares_used(self) -> FloatArray:
        """Return which share of each good but the numeraire efficiency uses, ``(P, G)``; 1 up to rounding is 1."""
        supply = self.endowments[..., :-1].sum(axis=-2)
        share = self.bundles.sum(axis=-2) / np.where(supply > 0, supply, 1)
        share = np.where((supply > 0) & (share < 1 - USED_TOLERANCE), share, 1.0)
        prices, distance = rows_numbered(self.price), np.full(len(share), SAME_NUMBER)
        return np.stack([one_number(column, distance, prices) for column in share.T], axis=1)

    @cached_property
    def net_trades(self) -> FloatArray:
        """What each player gains by obedient trade, ``(P, N, L)``, units; nobody is to pay more than it has."""
        goods = self.bundles - self._used[..., :-1]
        paid = np.maximum(self.numeraire_transfers, -self._used[..., -1])
        return read_only(np.concatenate((goods, paid[..., None]), axis=-1))

    @cached_property
    def orders(self) -> FloatArray:
        """What each player is to order from every player, itself included, ``(P, N, L)``, units; see `Terms`."""
        if self.received is not None:
            return read_only(np.zeros_like(self.net_trades))
        return read_only(orders_to_each(self.net_trades, self.execution))

    @cached_property
    def messages(self) -> IntegerArray:
        """The number of what each player is told at every profile of reports, ``(P, N)``: the same if it is the same.

        A player is told what to quote, what net trade its orders are to add up to, and what to announce. Where orders
        are matched, it is told what to order from whom.
        """
        told = (
            (self.price, self._trades_told(player), self.announced_endowments[:, player])
            for player in range(len(self.economy.players))
        )
        numbers = [rows_numbered(np.concatenate(parts, axis=1)) for parts in told]
        return read_only(np.stack(numbers, axis=1))

    def _trades_told(self, player: int) -> FloatArray:
        if self.execution is Execution.UNILATERAL or self.received is not None:
            return self.net_trades[:, player]
        return self._orders_from_each(player).reshape(len(self.orders), -1)

    def _orders_from_each(self, player: int) -> FloatArray:
        """Return what a player is to order from each, ``(P, N, L)`` or ``(P, 1, L)``, units."""
        own = self.orders[:, player, None]
        return own if self.execution is Execution.UNILATERAL else own - self.orders

    @cached_property
    def transfers(self) -> FloatArray:
        """The purchasing power granted to each player, ``(P, N)``, numeraire: what its net trade is worth.

        Something for the rounding of the contract's own numbers comes on top, see
        `mechanisms.contracts.recommended_orders`.
        """
        if self.received is not None:
            return read_only(np.zeros_like(self.numeraire_transfers))
        return read_only(self.value_of_trades + self.granted)

    @cached_property
    def value_of_trades(self) -> FloatArray:
        """What each player's net trade is worth, ``(P, N)``, numeraire."""
        return read_only(_market_value(self.price, self.net_trades[..., :-1]) + self.net_trades[..., -1])

    @cached_property
    def granted(self) -> FloatArray:
        """What each player is granted for rounding, ``(N,)``, numeraire."""
        return read_only(granted_for_rounding(self.price, self.orders, self.net_trades, self.execution))

    @override
    def terms(self, reports: IntegerArray, draws: IntegerArray | int = 0) -> Terms:
        return self._terms_of(self.numbers_of(reports, draws))

    def _terms_of(self, number: IntegerArray) -> Terms:
        return Terms(
            self.efficient_at(number),
            self.price[number],
            self.numeraire_transfers[number],
            self.orders[number],
            self.announced_endowments[number],
            self.transfers[number],
            self.allocation[number],
            None if self.received is None else self.received[number],
        )

    @override
    def posterior(self, player: int, own_type: int, report: int, received: OwnRecommendation) -> Posterior:
        profiles = self.profiles
        numbers = np.flatnonzero(profiles[:, player] == report)
        pairs = [
            (self.price, received.quotes),
            (self._orders_from_each(player), received.orders),
            (self.announced_endowments[:, player], received.announced_endowment),
            (self.transfers, received.transfers),
        ]
        if self.received is not None and received.received is not None:
            pairs.append((self.received[:, player], received.received))
        for known, heard in pairs:
            same = known[numbers] == heard
            numbers = numbers[same.all(axis=tuple(range(1, same.ndim)))]
        if not len(numbers):
            raise ValueError(f"the contract tells player {player} this at no profile where it reports {report}")
        true_profiles = profiles[numbers]
        true_profiles[:, player] = own_type
        draws = numbers // len(self.efficient.profiles)
        weight = self.probability[self.numbers_of(true_profiles, draws)]
        if not weight.any():
            weight = np.ones(len(numbers))
        probability = weight / weight.sum()
        possible = probability > 0
        ranking = np.argsort(-probability[possible], kind="stable")
        places = numbers[possible][ranking]
        return Posterior(
            profiles[places],
            probability[possible][ranking],
            draws=draws[possible][ranking] if len(self.chances) > 1 else None,
        )

    @override
    def most_taken(self, player: int, report: int) -> float:
        reported = self.profiles[:, player] == report
        return float(np.max(-self.transfers[reported, player]))

    @cached_property
    def utilities(self) -> FloatArray:
        """Each player's utility if all report truthfully and obey, ``(P, N)``, numeraire."""
        return read_only(self.economy.utility(self.profiles, self.allocation))

    @cached_property
    def gains(self) -> FloatArray:
        """By how much that exceeds each player's utility of living on its endowment, ``(P, N)``, numeraire."""
        goods = self.economy.gains_from_goods(self.profiles, self.bundles)
        return read_only(goods + self.numeraire_transfers)

    @cached_property
    @override
    def stakes(self) -> FloatArray:
        """What is at stake for each type, ``(types of all players,)``; see :func:`stakes_by_type`."""
        paid = self.numeraire_transfers
        if self.stated is not None:
            paid = np.abs(paid).reshape(len(self.stated.chances), -1, paid.shape[-1]).max(axis=0)
        return read_only(stakes_by_type(self.economy, self.efficient, paid))


def listed(contract: DirectContract) -> GrandContract:
    """Return a contract that says in advance what it says at every profile, for whoever cannot do without.

    Raises:
        ValueError: there are too many profiles to list.
    """
    if isinstance(contract, GrandContract):
        return contract
    economy = contract.economy
    raise ValueError(f"{economy.prior.obstacle}, which economy {economy.name!r} would need for this")


def grand_contract(economy: Economy, numeraire_transfers: FloatArray | None = None) -> GrandContract:
    """Return the grand contract for the efficient allocation of every profile.

    Args:
        economy: the economy.
        numeraire_transfers: by how much each player's numeraire changes, ``(P, N)``, summing to zero. Left
            out, every player pays for its goods at the supporting price: the Walrasian allocation. Of several such
            prices one is taken that everybody can pay.

    Returns:
        The contract.

    Raises:
        ValueError: transfers do not balance, or leave a player with less than no numeraire.

    Source:
        Giraud and Rochon, proof of Theorem 1.
    """
    efficient = canonical_allocation(economy, efficient_allocation(economy))
    if numeraire_transfers is None:
        efficient = at_payable_prices(economy, efficient)
        numeraire_transfers = walrasian_payments(economy, efficient)
    return GrandContract(economy, efficient, numeraire_transfers)


def walrasian_payments(economy: Economy, efficient: EfficientAllocation) -> FloatArray:
    """Return what each player receives for its goods less what it pays, ``(P, N)``, numeraire.

    Prices are those of ``at_payable_prices``: of all that support the allocation some that everybody can pay.

    Source:
        The competitive equilibrium from the players' own endowments: no transfer of wealth between players.
    """
    goods = economy.endowments(efficient.profiles)[..., :-1]
    return -_market_value(at_payable_prices(economy, efficient).price, efficient.bundles - goods)


def _market_value(price: FloatArray, goods: FloatArray) -> FloatArray:
    """Return the value, ``(P, N)``, of goods ``(P, N, G)`` at prices ``(P, L)``."""
    return (price[:, None, :-1] * goods).sum(axis=-1)
