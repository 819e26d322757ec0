r"""Contracts: communication devices with finite support, and transfers (Giraud and Rochon, Definitions 2-4).

Players report types to a device, which draws a joint action :math:`a` of the market game from
:math:`\mu(\cdot|m)` for the reported profile m and tells every player its own part :math:`a_i = (p_i, z_i, e_i)`.
Transfers :math:`y(m)` of purchasing power, balanced in every profile, accompany it. The grand contract is one of
these: one action per profile.

Interim utilities are enumerated exactly: player i of type :math:`t_i` that reports :math:`m_i` and obeys expects

.. math:: U_i(m_i|t_i) = \sum_{t_{-i}} q_i(t_{-i}|t_i) \sum_a \mu(a|m_i, t_{-i})\,
    u_i(\phi_i^{y(m_i, t_{-i})}(a), t_i).

The transfers are those of the announced profile; Definition 4 prints those of the true one, which would make it
nearly empty. A report can only be obeyed by a type that owns what it is then told to announce.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from marketgame.mechanisms.arrays import (
    PROBABILITY_TOLERANCE,
    BooleanArray,
    FloatArray,
    IntegerArray,
    finite_array,
    read_only,
)
from marketgame.mechanisms.contracts.grand_contract import BALANCE_TOLERANCE, GrandContract
from marketgame.mechanisms.contracts.incentives import IncentiveCheck, judged_incentives
from marketgame.mechanisms.economies.beliefs import beliefs_about_others, profiles_by_own_type
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.stakes import stakes_by_type
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import PAPER_RULES, Coverage, MarketRules
from marketgame.mechanisms.market_game.settle import settle
from marketgame.mechanisms.market_game.settlement import Settlement


@dataclass(frozen=True, eq=False)
class Action:
    """What one player does in the market game, or a stack of such actions.

    Attributes:
        quote: prices, ``(..., L)``, numeraire per unit; the numeraire's own is 1.
        order: net demand addressed to each player, ``(..., N, L)``, units.
        announced_endowment: ``(..., L)``, units.
    """

    quote: FloatArray
    order: FloatArray
    announced_endowment: FloatArray

    def __getitem__(self, index: int | slice | IntegerArray | tuple[int, ...]) -> Action:
        return Action(self.quote[index], self.order[index], self.announced_endowment[index])


@dataclass(frozen=True, eq=False)
class CommunicationDevice:
    """What is recommended with what probability after each profile of reports.

    Attributes:
        actions: A joint actions, batch dimension ``(A,)``; which transfers go with them the contract says.
        probability: mu(a|m), ``(P, A)``, dense or sparse; every row sums to one.

    Raises:
        ValueError: shapes disagree, a probability is negative, or some do not sum to one.
    """

    actions: Play
    probability: sparse.csr_array

    def __post_init__(self) -> None:
        actions, players, goods = finite_array("quotes", self.actions.quotes, (None, None, None)).shape
        shapes = {
            "quotes": (actions, players, goods),
            "orders": (actions, players, players, goods),
            "announced_endowments": (actions, players, goods),
        }
        arrays = {}
        for name, shape in shapes.items():
            array = finite_array(name.replace("_", " "), getattr(self.actions, name), shape)
            if array.ndim != len(shape):
                raise ValueError(f"{name.replace('_', ' ')} has shape {array.shape}; it must be {shape}")
            arrays[name] = read_only(array)
        object.__setattr__(self, "actions", Play(**arrays))
        probability = sparse.csr_array(self.probability)
        if probability.shape[1] != actions:
            raise ValueError(f"probability has shape {probability.shape}; there are {actions} joint actions")
        if probability.nnz and not probability.data.min() >= 0:
            raise ValueError(f"a probability is {probability.data.min()}; each must be at least 0")
        totals = np.asarray(probability.sum(axis=1)).ravel()
        if not (np.abs(totals - 1) <= PROBABILITY_TOLERANCE).all():
            row = int(np.argmax(np.abs(totals - 1)))
            raise ValueError(f"the probabilities after profile {row} sum to {totals[row]:.12g}; they must sum to 1")
        object.__setattr__(self, "probability", probability)

    @cached_property
    def support(self) -> tuple[IntegerArray, IntegerArray, FloatArray]:
        """Profile, joint action and probability of each recommendation that can occur, ``(R,)`` each."""
        entries = self.probability.tocoo()
        possible = entries.data > 0
        profiles, actions = entries.coords
        return (
            profiles[possible].astype(np.int64),
            actions[possible].astype(np.int64),
            entries.data[possible].astype(np.float64),
        )

    def recommended(self, player: int) -> Action:
        """Return the player's own part of each joint action, a stack of A."""
        quotes, orders, announced, _ = self.actions.arrays
        return Action(quotes[:, player], orders[:, player], announced[:, player])


@dataclass(frozen=True, eq=False)
class Contract:
    """A communication device with balanced transfers, for an economy and the rules of its market.

    Attributes:
        economy: whose types are reported.
        device: what it recommends after each profile of reports.
        transfers: purchasing power granted to each player at each reported profile, ``(P, N)``, numeraire.
        rules: of the market game.
        received: what flows to each player out of deposits before each joint action, ``(A, N, L)``, units; none if
            nothing does.
        granted: purchasing power that comes with each joint action besides, ``(A, N)``, numeraire; none if none does.

    Raises:
        ValueError: sizes disagree, transfers do not balance, somebody is told to announce more than the type it
            reported owns, or a transfer takes more than is announced where the rules forbid it.
    """

    economy: Economy
    device: CommunicationDevice
    transfers: FloatArray
    rules: MarketRules = PAPER_RULES
    received: FloatArray | None = None
    granted: FloatArray | None = None

    def __post_init__(self) -> None:
        shape = self.economy.profiles.shape
        transfers = finite_array("transfers", self.transfers, shape)
        profiles, players = shape
        found = (self.device.probability.shape[0], *self.device.actions.quotes.shape[1:])
        if found != (profiles, players, len(self.economy.goods)):
            raise ValueError(
                f"the device is for {found[0]} profiles, {found[1]} players and {found[2]} goods; the economy has "
                f"{profiles}, {players} and {len(self.economy.goods)}"
            )
        excess = np.abs(transfers.sum(axis=-1))
        # What is granted for rounding is the same in all profiles, and some roundings of the largest trades.
        if (excess > BALANCE_TOLERANCE * (self._worth_of_goods().max() + np.abs(transfers).max(axis=-1))).any():
            raise ValueError(f"transfers sum to {excess.max():.6g} in some profile; they must balance")
        object.__setattr__(self, "transfers", read_only(transfers))
        self._refuse_exaggeration()
        if self.rules.coverage is Coverage.ANNOUNCED_NUMERAIRE:
            self._refuse_uncovered()

    def power(self, profiles: IntegerArray, actions: IntegerArray) -> FloatArray:
        """Return everybody's purchasing power, ``(R, N)``, after profiles of reports and joint actions ``(R,)``."""
        granted = self.transfers[profiles]
        return granted if self.granted is None else granted + self.granted[actions]

    def _worth_of_goods(self) -> FloatArray:
        """Return what all goods but the numeraire are worth at the lowest quotes recommended, ``(P,)``, numeraire."""
        profiles, actions, _ = self.device.support
        lowest = self.device.actions.quotes[actions, :, :-1].min(axis=1)
        worth = (lowest * self.economy.endowments(self.economy.profiles[profiles])[..., :-1].sum(axis=1)).sum(axis=-1)
        least = np.full(len(self.economy.profiles), np.inf)
        np.minimum.at(least, profiles, worth)
        return least

    def _refuse_exaggeration(self) -> None:
        profiles, actions, _ = self.device.support
        owned = self.economy.endowments(self.economy.profiles[profiles])
        if self.received is not None:
            owned = owned + self.received[actions]
        exaggerated = ~shown_by(owned, self.device.actions.announced_endowments[actions])
        if exaggerated.any():
            row, player = np.argwhere(exaggerated)[0]
            names = self.economy.type_names(self.economy.profiles[profiles[row]])
            raise ValueError(
                f"{self.economy.player_names[player]} is told to announce more than it owns for types {names}"
            )

    def _refuse_uncovered(self) -> None:
        profiles, actions, _ = self.device.support
        owed = -self.power(profiles, actions)[..., None]
        announced = self.device.actions.announced_endowments[actions, :, -1:]
        uncovered = ~shown_by(announced, owed)
        if uncovered.any():
            row, player = np.argwhere(uncovered)[0]
            names = self.economy.type_names(self.economy.profiles[profiles[row]])
            raise ValueError(
                f"the transfer takes {owed[row, player, 0]:.6g} {self.economy.money} from "
                f"{self.economy.player_names[player]} for types {names}, who announces only "
                f"{announced[row, player, 0]:.6g}; the rule of coverage does not admit that"
            )

    @cached_property
    def settlement(self) -> Settlement:
        """How each recommendation that can occur ends if all obey; batch dimension ``(R,)``."""
        profiles, actions, _ = self.device.support
        return settle(self.device.actions[actions].with_arrays(transfers=self.power(profiles, actions)), self.rules)


def device_of(contract: GrandContract, rules: MarketRules = PAPER_RULES) -> Contract:
    """Return the grand contract as a contract: one joint action per profile and draw.

    Source:
        Giraud and Rochon, proof of Theorem 1.
    """
    contract = contract.under(rules)
    profiles, chances = contract.economy.profiles, contract.chances
    told = contract.recommended(np.arange(len(contract.profiles)))
    by_draw = sparse.hstack([chance * sparse.eye_array(len(profiles)) for chance in chances], format="csr")
    device = CommunicationDevice(told, by_draw)
    if len(chances) == 1:
        return Contract(contract.economy, device, contract.transfers, rules, contract.received)
    none = np.zeros(profiles.shape)
    return Contract(contract.economy, device, none, rules, contract.received, contract.transfers)


def check_contract(contract: Contract) -> IncentiveCheck:
    """Return interim utilities, all misreport gains and the worst misreport of a contract that all obey.

    Source:
        Giraud and Rochon, Definition 4, with the transfers of the announced profile.
    """
    reported = [obedient_gains(contract, player) for player in range(len(contract.economy.players))]
    return judged_incentives(contract.economy, reported, contract_stakes(contract))


def contract_stakes(contract: Contract) -> FloatArray:
    """Return what is at stake for each type, ``(types of all players,)``; see :func:`stakes_by_type`.

    The money it pays or receives is the largest that any recommendation that can occur makes it pay or receive.
    """
    economy = contract.economy
    profiles, actions, _ = contract.device.support
    types = economy.profiles[profiles]
    if contract.received is None:
        net = contract.settlement.net_consumption(economy.endowments(types))
    else:
        received = contract.received[actions]
        net = contract.settlement.net_consumption(economy.endowments(types) + received) + received
    stakes = stakes_by_type(economy, efficient_allocation(economy))
    paid = np.zeros_like(stakes)
    possible = economy.prior.probability[profiles] > 0
    np.maximum.at(paid, economy.rows(types[possible]), np.abs(net[possible, :, -1]))
    return stakes + paid


def obedient_gains(contract: Contract, player: int) -> FloatArray:
    """Return by how much each type expects to be better off than on its endowment, for each report, if all obey.

    The others are truthful.

    Returns:
        Entry ``[t, m]`` is the expected gain of type t reporting m, ``(types, types)``, numeraire; minus infinity
        where t does not own what it may be told to announce.

    Source:
        Giraud and Rochon, section 3, expected utility of a contract.
    """
    profiles, actions, _ = contract.device.support
    announced = contract.device.actions.announced_endowments[actions, player]
    received = received_by(contract, player, actions)
    gains = gains_by_type(contract.economy, player, contract.settlement, received)
    weights = interim_weights(contract, player)
    reports = contract.economy.profiles[profiles, player]
    obeys = can_announce(contract.economy, player, announced, received)
    count = contract.economy.prior.type_counts[player]
    table = sums_by_group(weights * gains, reports, count)
    impossible = sums_by_group(weights * ~obeys, reports, count) > 0
    return np.where(impossible, -np.inf, table)


def received_by(contract: Contract, player: int, actions: IntegerArray) -> FloatArray | None:
    """Return what a player received out of deposits before joint actions ``(R,)``, ``(R, L)``; none if nothing."""
    return None if contract.received is None else contract.received[actions, player]


def gains_by_type(
    economy: Economy, player: int, settlement: Settlement, received: FloatArray | None = None
) -> FloatArray:
    """Return by how much each type of a player is better off in settled plays than on its endowment.

    Args:
        economy: whose types the player is of.
        player: its number.
        settlement: of R plays.
        received: what the player got out of deposits before each, ``(R, L)``, units; nothing if left out.

    Returns:
        Gains, ``(types, R)`` over R plays, numeraire; for a type that does not own what it announces without meaning.
    """
    count, announced = economy.prior.type_counts[player], settlement.play.announced_endowments
    gains = np.empty((count, len(announced)))
    for number in range(count):
        row = economy.first_rows[player] + number
        owned = announced.copy()
        holds = economy.endowment_table[row] if received is None else economy.endowment_table[row] + received
        owned[:, player] = np.maximum(holds, announced[:, player])
        net = settlement.net_consumption(owned)[:, player]
        if received is not None:
            net = net + received
        gains[number] = economy.gains_of_types(np.full(len(net), row), net)
    return gains


def interim_weights(contract: Contract, player: int) -> FloatArray:
    """Return how likely each type thinks each recommendation, given that the player's report allows it.

    Returns:
        q(others' types | own type) mu(a|m) for each recommendation that can occur, ``(types, R)``.
    """
    prior = contract.economy.prior
    profiles, _, probability = contract.device.support
    numbers = profiles_by_own_type(prior, player)
    others = np.empty(len(contract.economy.profiles), dtype=np.int64)
    others[numbers] = np.arange(numbers.shape[1])
    weights: FloatArray = beliefs_about_others(prior, player)[:, others[profiles]] * probability
    return weights


def can_announce(
    economy: Economy, player: int, announced: FloatArray, received: FloatArray | None = None
) -> BooleanArray:
    """Return which types of a player own what is announced, ``(types, ...)`` for ``(..., L)``, after what it received.

    Nothing was received if that is left out.
    """
    first, count = economy.first_rows[player], economy.prior.type_counts[player]
    owned = economy.endowment_table[first : first + count].reshape(count, *(1,) * (announced.ndim - 1), -1)
    return shown_by(owned if received is None else owned + received, announced)


def shown_by(owned: FloatArray, announced: FloatArray) -> BooleanArray:
    """Return whether endowments ``(..., L)`` are at least the announced ones, ``(...)``; any share more is a level."""
    enough: BooleanArray = (announced <= owned).all(axis=-1)
    return enough


def sums_by_group(values: FloatArray, groups: IntegerArray, count: int) -> FloatArray:
    """Return the sums of the columns of ``(K, R)`` that share a group number, ``(K, count)``."""
    return np.stack([np.bincount(groups, weights=row, minlength=count) for row in values])


def largest_gain(gains: Sequence[FloatArray]) -> tuple[int, int, int, float]:
    """Return player, true type and report of the largest of all gains, and that gain."""
    best = (0, 0, 0, -np.inf)
    for player, matrix in enumerate(gains):
        true_type, report = np.unravel_index(int(np.argmax(matrix)), matrix.shape)
        if matrix[true_type, report] > best[3]:
            best = (player, int(true_type), int(report), float(matrix[true_type, report]))
    return best
