r"""What a coalition faces when it thinks of playing otherwise, what it may do instead, and what that brings it.

The members of S know what everybody plays if nobody deviates, or a lottery over K such plays (outsiders of different
types, or a drawn recommendation) that they cannot tell apart. They may jointly choose other quotes, orders and
announced endowments, the same in all K draws, and hand each other transfers that add up to zero,
:math:`\sum_S y'_i = \sum_S y_i`. Outsiders play on, or react to the quotes they see.

Source: Giraud and Rochon (2001), Definitions 3 and 5: a revised game for one profile and one vector of
recommendations. Every gain reported by this package is computed here, by settling the play.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from marketgame.mechanisms.arrays import (
    PROBABILITY_TOLERANCE,
    BooleanArray,
    FloatArray,
    IntegerArray,
    finite_array,
    read_only,
)
from marketgame.mechanisms.contracts.grand_contract import BALANCE_TOLERANCE, GrandContract
from marketgame.mechanisms.contracts.knowledge import information, told_apart
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.economies.stakes import stakes_of_play
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import PAPER_RULES, Coverage, MarketRules, Timing
from marketgame.mechanisms.market_game.settle import settle
from marketgame.mechanisms.market_game.settlement import Settlement


@dataclass(frozen=True, eq=False)
class Replies:
    """How players answer the quotes they see; only the outsiders' rows are read.

    Attributes:
        orders: ``(N, N, L)``, units; entry ``[i, j]`` is what i orders from j.
        announced_endowments: ``(N, L)``, units.
    """

    orders: FloatArray
    announced_endowments: FloatArray


class Reaction(Protocol):
    """How outsiders answer quotes that are not the prescribed ones."""

    def __call__(self, situation: Situation, draw: int, quotes: FloatArray) -> Replies:
        """Return the replies in one of the K draws to the quotes seen, ``(N, L)``."""


@dataclass(frozen=True, eq=False)
class Situation:
    """What everybody plays if nobody deviates, and who thinks of deviating.

    Attributes:
        economy: whose goods are traded.
        rules: of the market.
        coalition: the members' numbers, ascending.
        probability: of each of the K draws the coalition cannot tell apart, ``(K,)``.
        profiles: true types in each draw, ``(K, N)``; a member's type is the same in all.
        prescribed: what everybody is to play, batch dimension ``(K,)``.
        reaction: how outsiders answer quotes that differ from the prescribed ones, when the timing lets them see
            quotes first; None if they play on.
        efficient: the efficient allocations of the draws' profiles, if they are known; for what is at stake.
        received: what flowed to everybody out of deposits before the market opened, ``(K, N, L)``, units; none if
            nothing did.

    Raises:
        ValueError: shapes disagree, probabilities do not sum to one, the coalition is not a nonempty ascending list
            of players, a member has different types in different draws, or somebody announces more than it owns.
    """

    economy: Economy
    rules: MarketRules
    coalition: tuple[int, ...]
    probability: FloatArray
    profiles: IntegerArray
    prescribed: Play
    reaction: Reaction | None = None
    efficient: EfficientAllocation | None = None
    received: FloatArray | None = None

    def __post_init__(self) -> None:
        players, goods = len(self.economy.players), len(self.economy.goods)
        draws = len(finite_array("probability", self.probability, (None,)))
        shapes = {
            "quotes": (draws, players, goods),
            "orders": (draws, players, players, goods),
            "announced_endowments": (draws, players, goods),
            "transfers": (draws, players),
        }
        arrays = {}
        for name, shape in shapes.items():
            array = finite_array(name.replace("_", " "), getattr(self.prescribed, name), shape)
            if array.ndim != len(shape):
                raise ValueError(f"{name.replace('_', ' ')} has shape {array.shape}; it must be {shape}")
            arrays[name] = read_only(array)
        object.__setattr__(self, "prescribed", Play(**arrays))
        object.__setattr__(self, "probability", read_only(finite_array("probability", self.probability, (draws,))))
        profiles = np.asarray(self.profiles, dtype=np.int64)
        if profiles.shape != (draws, players):
            raise ValueError(f"profiles has shape {profiles.shape}; it must be {(draws, players)}")
        object.__setattr__(self, "profiles", read_only(profiles))
        self._refuse_nonsense()

    def _refuse_nonsense(self) -> None:
        players = len(self.economy.players)
        object.__setattr__(self, "coalition", tuple(int(member) for member in self.coalition))
        ascending = list(self.coalition) == sorted(set(self.coalition))
        if not self.coalition or not ascending or not 0 <= self.coalition[0] <= self.coalition[-1] < players:
            raise ValueError(f"the coalition is {self.coalition}; it must list players 0 to {players - 1}, ascending")
        total = float(self.probability.sum())
        if (self.probability < 0).any() or abs(total - 1) > PROBABILITY_TOLERANCE:
            raise ValueError(f"probabilities are {self.probability.tolist()}; they must be at least 0 and sum to 1")
        if (self.profiles[:, self.members] != self.profiles[0, self.members]).any():
            raise ValueError("a member has different types in different draws; members know their own types")
        _refuse_overstatement(self.prescribed.announced_endowments, self.endowments)

    def prescribing(self, **arrays: FloatArray) -> Situation:
        """Return the same with other quotes, orders, announced endowments or transfers prescribed."""
        return replace(self, prescribed=self.prescribed.with_arrays(**arrays))

    @cached_property
    def members(self) -> IntegerArray:
        """The members' numbers, ``(S,)``."""
        return read_only(np.array(self.coalition, dtype=np.int64))

    @cached_property
    def outsiders(self) -> IntegerArray:
        """The other players' numbers, ``(N - S,)``."""
        return read_only(np.setdiff1d(np.arange(len(self.economy.players)), self.members))

    @cached_property
    def endowments(self) -> FloatArray:
        """What everybody owns when the market opens, ``(K, N, L)``, units: true endowments and what was received."""
        owned = self.economy.endowments(self.profiles)
        return read_only(owned if self.received is None else owned + self.received)

    @cached_property
    def supply(self) -> FloatArray:
        """What there is, ``(K, L)``, units."""
        return read_only(self.endowments.sum(axis=1))

    @cached_property
    def obedient_play(self) -> Settlement:
        """How the play ends if nobody deviates."""
        return played(self, obedient(self))

    @cached_property
    def obedient_gains(self) -> FloatArray:
        """By how much each member then expects to be better off than on its endowment, ``(S,)``, numeraire."""
        return read_only(_gains_of_play(self, self.obedient_play))

    @cached_property
    def status_quo(self) -> FloatArray:
        """What each member expects if nobody deviates, ``(S,)``, numeraire."""
        return read_only(self.obedient_gains + _reference_utility(self))

    @cached_property
    def stakes(self) -> FloatArray:
        """What is at stake for every player, at most over the draws, ``(N,)``, numeraire; see `economies.stakes`."""
        efficient = self.efficient or efficient_allocation(self.economy, self.profiles)
        money = net_consumption(self, self.obedient_play)[..., -1]
        return read_only(stakes_of_play(self.economy, efficient, money)[self.probability > 0].max(axis=0))

    @property
    def stake(self) -> float:
        """What is at stake for the coalition: the sum of its members' stakes, numeraire."""
        return float(self.stakes[self.members].sum())


@dataclass(frozen=True, eq=False)
class JointAction:
    """What the members do instead; batch dimensions, if any, come first.

    Attributes:
        quotes: ``(..., S, L)``, numeraire per unit.
        orders: what each member orders from each player, ``(..., S, N, L)``, units.
        announced_endowments: ``(..., S, L)``, units.
        side_transfers: what each member receives from the others, on top of its transfer in each draw,
            ``(..., S)``, numeraire; they sum to zero.

    Raises:
        ValueError: shapes disagree, a value is not finite or negative where it must not be, or the side transfers
            do not sum to zero.
    """

    quotes: FloatArray
    orders: FloatArray
    announced_endowments: FloatArray
    side_transfers: FloatArray

    def __post_init__(self) -> None:
        members, players, goods = finite_array("orders", self.orders, (None, None, None)).shape[-3:]
        shapes = {
            "quotes": (members, goods),
            "orders": (members, players, goods),
            "announced_endowments": (members, goods),
            "side_transfers": (members,),
        }
        for name, shape in shapes.items():
            array = finite_array(name.replace("_", " "), getattr(self, name), shape)
            object.__setattr__(self, name, read_only(array))
        for name in ("quotes", "announced_endowments"):
            if (getattr(self, name) < 0).any():
                raise ValueError(f"{name.replace('_', ' ')} must be at least 0")
        excess = np.abs(self.side_transfers.sum(axis=-1))
        if (excess > BALANCE_TOLERANCE * np.abs(self.side_transfers).max(axis=-1)).any():
            raise ValueError(f"side transfers sum to {excess.max():.6g}; they must sum to zero")

    @property
    def batch(self) -> tuple[int, ...]:
        """The batch dimensions."""
        return self.orders.shape[:-3]

    def __getitem__(self, index: int | slice | IntegerArray | BooleanArray) -> JointAction:
        return JointAction(*(getattr(self, field.name)[index] for field in fields(self)))


def stacked(actions: list[JointAction]) -> JointAction:
    """Return joint actions as one batch along a new first dimension."""
    return JointAction(
        *(np.stack([getattr(action, field.name) for action in actions]) for field in fields(JointAction))
    )


def obedient(situation: Situation) -> JointAction:
    """Return what the members play if they do not deviate.

    Raises:
        ValueError: the draws prescribe them different things, so that no single joint action is obedience.
    """
    members, told = situation.members, situation.prescribed
    for prescribed in (told.quotes, told.orders, told.announced_endowments):
        if (prescribed[:, members] != prescribed[0, members]).any():
            raise ValueError("the draws prescribe different actions to a member, who would then tell them apart")
    return JointAction(
        told.quotes[0, members],
        told.orders[0, members],
        told.announced_endowments[0, members],
        np.zeros(len(members)),
    )


def played(situation: Situation, action: JointAction) -> Settlement:
    """Settle what happens in every draw when the members play the joint action.

    Returns:
        How the plays end, batch dimensions ``(..., K)`` with those of the joint action first.

    Raises:
        ValueError: the action does not fit the coalition, announces more than members own, or, where the rules ask
            for coverage, some transfer then takes more than is announced.
    """
    _refuse_misfit(situation, action)
    return settle(_answered(situation, _prescribed_with(situation, action)), situation.rules)


def utilities(situation: Situation, action: JointAction) -> FloatArray:
    """Return what each member expects from the joint action, ``(..., S)``, numeraire: for display."""
    return trade_gains(situation, action) + _reference_utility(situation)


def trade_gains(situation: Situation, action: JointAction) -> FloatArray:
    """Return by how much each member expects to be better off than on its endowment, ``(..., S)``, numeraire."""
    return _gains_of_play(situation, played(situation, action))


def net_consumption(situation: Situation, settlement: Settlement) -> FloatArray:
    """Return what everybody consumes less its true endowment, ``(..., K, N, L)``, units."""
    net = settlement.net_consumption(situation.endowments)
    return net if situation.received is None else net + situation.received


def _gains_of_play(situation: Situation, settlement: Settlement) -> FloatArray:
    net = net_consumption(situation, settlement)
    everyone = situation.economy.gains(np.broadcast_to(situation.profiles, net.shape[:-1]), net)
    expected: FloatArray = np.einsum("k,...ki->...i", situation.probability, everyone)
    return expected[..., situation.members]


def _reference_utility(situation: Situation) -> FloatArray:
    """Return from which utility members' gains are measured, ``(S,)``, numeraire."""
    rows = situation.economy.rows(situation.profiles[0])[situation.members]
    return situation.economy.reference_utility[rows]


def gains(situation: Situation, action: JointAction) -> FloatArray:
    """Return by how much each member expects to gain from the joint action, ``(..., S)``, numeraire."""
    return trade_gains(situation, action) - situation.obedient_gains


def admissible(situation: Situation, action: JointAction) -> BooleanArray:
    """Return whether members own what they announce and cover their transfers where the rules ask for it, ``(...)``."""
    shown: BooleanArray = (action.announced_endowments <= situation.endowments[0, situation.members]).all(axis=(-1, -2))
    if situation.rules.coverage is not Coverage.ANNOUNCED_NUMERAIRE:
        return shown
    least = situation.prescribed.transfers[:, situation.members].min(axis=0)
    return shown & (least + action.side_transfers >= -action.announced_endowments[..., -1]).all(axis=-1)


def settled_gains(situation: Situation, batch: JointAction) -> FloatArray:
    """Return by how much joint actions make members better off than their endowments, ``(B, S)``, numeraire.

    Minus infinity where they cannot be carried out.
    """
    allowed = admissible(situation, batch)
    values = np.full((*batch.batch, len(situation.coalition)), -np.inf)
    if not allowed.any():
        return values
    try:
        values[allowed] = trade_gains(situation, batch[allowed])
    except ValueError:
        if situation.reaction is None:
            raise
    else:
        return values
    for number in np.flatnonzero(allowed):
        try:
            values[number] = trade_gains(situation, batch[int(number)])
        except ValueError:  # What outsiders announce in reaction does not cover their transfers.
            continue
    return values


def situation_of(
    contract: GrandContract,
    profile: int,
    coalition: tuple[int, ...],
    rules: MarketRules = PAPER_RULES,
    reaction: Reaction | None = None,
) -> Situation:
    """Return the situation of a coalition in one type profile when everyone else obeys the grand contract."""
    return situation_among(contract, np.array([profile]), coalition, rules, reaction)


def situations(
    contract: GrandContract,
    coalition: tuple[int, ...],
    rules: MarketRules = PAPER_RULES,
    reaction: Reaction | None = None,
) -> Iterator[Situation]:
    """Yield what a coalition may face when everyone else obeys the grand contract, for each thing it may know."""
    for numbers in told_apart(contract.under(rules), coalition):
        yield situation_among(contract, numbers, coalition, rules, reaction)


def situation_among(
    contract: GrandContract,
    numbers: IntegerArray,
    coalition: tuple[int, ...],
    rules: MarketRules = PAPER_RULES,
    reaction: Reaction | None = None,
) -> Situation:
    """Return what a coalition faces when it knows no more than that the recommendation is one of some, ``(K,)``.

    Returns:
        The situation, one draw for each recommendation with its probability given these.

    Raises:
        ValueError: the members can tell some of them apart, or none of them can occur.
    """
    contract = contract.under(rules)
    likely = contract.probability[numbers]
    if len(numbers) > 1 and len(np.unique(information(contract, coalition)[numbers])) > 1:
        raise ValueError("members have other types or are told something else at some of the profiles")
    profiles = contract.profiles[numbers]
    return Situation(
        economy=contract.economy,
        rules=rules,
        coalition=coalition,
        probability=likely / likely.sum() if len(numbers) > 1 else np.ones(1),
        profiles=profiles,
        prescribed=contract.recommended(numbers),
        reaction=reaction,
        efficient=contract.efficient_at(numbers),
        received=None if contract.received is None else contract.received[numbers],
    )


def _refuse_misfit(situation: Situation, action: JointAction) -> None:
    members, players, goods = action.orders.shape[-3:]
    expected = (len(situation.coalition), *situation.prescribed.quotes.shape[1:])
    if (members, players, goods) != expected:
        raise ValueError(f"a joint action for (members, players, goods) {(members, players, goods)} meets {expected}")
    _refuse_overstatement(action.announced_endowments, situation.endowments[0, situation.members])


def _refuse_overstatement(announced: FloatArray, owned: FloatArray) -> None:
    excess = announced - owned
    if (excess > 0).any():
        raise ValueError(f"somebody announces {excess.max():.6g} more than it owns")


def _prescribed_with(situation: Situation, action: JointAction) -> Play:
    """Return what is prescribed with the members' part replaced, copied, batch dimensions ``(..., K)``."""
    members, batch = situation.members, action.batch
    quotes, orders, announced, transfers = (
        np.broadcast_to(array, (*batch, *array.shape)).copy() for array in situation.prescribed.arrays
    )
    quotes[..., members, :] = action.quotes[..., None, :, :]
    orders[..., members, :, :] = action.orders[..., None, :, :, :]
    announced[..., members, :] = action.announced_endowments[..., None, :, :]
    transfers[..., members] += action.side_transfers[..., None, :]
    return Play(quotes, orders, announced, transfers)


def _answered(situation: Situation, play: Play) -> Play:
    """Return a play in which outsiders order and announce as they react wherever quotes are not the prescribed ones."""
    if situation.reaction is None or situation.rules.timing is not Timing.PRICES_FIRST:
        return play
    outsiders = situation.outsiders
    given: dict[tuple[int, bytes], Replies] = {}
    misquoted = (play.quotes != situation.prescribed.quotes).any(axis=(-1, -2))
    for index in map(tuple, np.argwhere(misquoted)):
        seen = (index[-1], play.quotes[index].tobytes())
        if seen not in given:
            given[seen] = situation.reaction(situation, index[-1], play.quotes[index])
        replies = given[seen]
        play.orders[index][outsiders] = replies.orders[outsiders]
        play.announced_endowments[index][outsiders] = replies.announced_endowments[outsiders]
    return play


def with_replies(situation: Situation, quotes: FloatArray) -> Situation:
    """Return the situation the members are in once their quotes ``(S, L)`` are out and outsiders have reacted.

    In it outsiders no longer react, so that it is the right one to choose orders in; its quotes are the new ones.
    """
    everybody, orders, announced, transfers = (array.copy() for array in situation.prescribed.arrays)
    everybody[:, situation.members] = quotes
    answered = _answered(situation, Play(everybody, orders, announced, transfers))
    return replace(situation, prescribed=answered, reaction=None)
