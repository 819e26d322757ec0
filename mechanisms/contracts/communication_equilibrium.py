r"""Communication equilibrium: nobody gains by misreporting and disobeying together (GR, Definition 4').

A player of type :math:`t_i` reports some :math:`m_i`, hears its recommendation :math:`a_i`, and plays
:math:`g_i(a_i)`. The contract is a communication equilibrium if no type gains by any report and any
:math:`g_i: A_i \to A_i`. The actions form a continuum; here :math:`g_i` chooses between obedience and finitely
many alternatives per recommendation, so that "no gain" means: by none of these. The best :math:`g_i` is found
exactly, because it may be chosen for each recommendation by itself.

Two deviations defeat the grand contract. Under the paper's rules it is the short sale: a player sells a good it does
not own for numeraire at the quoted prices, which breaks no budget, and the projection hands it all numeraire there
is. Where short sales bankrupt, no truthful player gains by any order, but a liar may trade away from the bundle its
lie brings (figure 1 of the paper). Under expected-externality transfers that pays whenever the lie moves the price
and the others own what the liar then wants: the transfers give it what its lie does for the others, the market its
best bundle at the false price, and together these are the dual value of efficient allocation at that price, of which
the truth is the minimum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.contracts.contract import (
    Action,
    Contract,
    can_announce,
    contract_stakes,
    gains_by_type,
    interim_weights,
    largest_gain,
    obedient_gains,
    received_by,
    shown_by,
    sums_by_group,
)
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.stakes import counts_as_gain
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Refusal
from marketgame.mechanisms.market_game.settle import settle

# Who orders all that another owns orders a hair less, lest the last digit bankrupt the other.
JUST_BELOW = 1.0 - 1e-12

# What is paid too much where nothing is granted for rounding, in shares of what is due.
A_HAIR = 1e-12

type Alternatives = Callable[[int, Action], Action]
"""Given a player's number and a stack of recommendations, one action to play instead of each, in the same order."""


@dataclass(frozen=True, eq=False)
class Deviation:
    """A report and what is then played instead of each recommendation: the witness against the equilibrium.

    Attributes:
        player: who deviates.
        true_type: its type.
        reported_type: what it reports; may be the truth.
        recommended: the D recommendations it may then hear, a stack of D.
        played: what it plays instead of each, a stack of D; the same where it obeys.
        gain: by how much its interim utility rises, numeraire.
    """

    player: str
    true_type: str
    reported_type: str
    recommended: Action
    played: Action
    gain: float


@dataclass(frozen=True, eq=False)
class CommunicationEquilibriumCheck:
    """Whether truth and obedience are an equilibrium against the alternatives tried.

    Attributes:
        interim_utility: per player, the expected utility of each type under truth and obedience, numeraire.
        gains: per player, entry ``[t, m]`` is what type t gains by reporting m and then playing as suits it
            best, ``(types, types)``, numeraire; minus infinity where nothing it can then play was tried.
        worst: the most profitable deviation.
        communication_equilibrium: whether no deviation gains more than rounding.
    """

    interim_utility: tuple[FloatArray, ...]
    gains: tuple[FloatArray, ...]
    worst: Deviation
    communication_equilibrium: bool


def check_communication_equilibrium(
    contract: Contract, alternatives: Sequence[Alternatives]
) -> CommunicationEquilibriumCheck:
    """Return the best deviations from a contract that combine a report with alternatives to obedience.

    Args:
        contract: the contract.
        alternatives: what a player may do instead of what it is told; obedience is always among the choices. An
            alternative that announces more than a type owns is not open to it, nor one that, under the rule of
            coverage, announces less than the transfer takes.

    Returns:
        All gains, and the most profitable deviation.

    Source:
        Giraud and Rochon, Definition 4', with the transfers of the announced profile.
    """
    players = range(len(contract.economy.players))
    economy = contract.economy
    truthful = [np.diagonal(obedient_gains(contract, player)) for player in players]
    choices = [_Choices(contract, player, alternatives) for player in players]
    gains = tuple(choice.gains - truth[:, None] for choice, truth in zip(choices, truthful, strict=True))
    references = np.split(economy.reference_utility, economy.first_rows[1:])
    counted = _counted(contract, gains)
    stable = not any(np.isfinite(gain).any() for gain in counted)
    player, true_type, report, gain = largest_gain(gains if stable else counted)
    worst = choices[player].deviation(true_type, report, gain)
    interim = tuple(truth + reference for truth, reference in zip(truthful, references, strict=True))
    return CommunicationEquilibriumCheck(interim, gains, worst, stable)


def most_profitable_lie_and_reorder(contract: Contract, alternatives: Sequence[Alternatives]) -> Deviation | None:
    """Return the deviation that brings most of those that report another type and then disobey somewhere.

    Args:
        contract: the contract.
        alternatives: what a player may do instead of what it is told.

    Returns:
        Nothing if none of these gains more than rounding.

    Source:
        Giraud and Rochon, section 6.4, figure 1.
    """
    best: Deviation | None = None
    for player, kinds in enumerate(contract.economy.prior.type_counts):
        if kinds == 1:
            continue
        choices = _Choices(contract, player, alternatives)
        gains = choices.gains - np.diagonal(obedient_gains(contract, player))[:, None]
        (counted,) = _counted(contract, [gains], player)
        lies = np.where(np.eye(kinds, dtype=np.bool_) | ~choices.disobeys, -np.inf, counted)
        true_type, report = np.unravel_index(int(np.argmax(lies)), lies.shape)
        gain = float(lies[true_type, report])
        if np.isfinite(gain) and (best is None or gain > best.gain):
            best = choices.deviation(int(true_type), int(report), gain)
    return best


def _counted(contract: Contract, gains: Sequence[FloatArray], first: int = 0) -> list[FloatArray]:
    """Return the gains ``(types, types)`` of players from the first on that count; minus infinity where none does."""
    stakes = np.split(contract_stakes(contract), contract.economy.first_rows[1:])[first:]
    return [
        np.where(counts_as_gain(gain, np.broadcast_to(at_stake[:, None], gain.shape)), gain, -np.inf)
        for gain, at_stake in zip(gains, stakes, strict=False)
    ]


class _Choices:
    """The best that each type of one player can do after each report.

    Attributes:
        gains: entry ``[t, m]`` is by how much type t expects at most to be better off than on its endowment after
            reporting m, ``(types, types)``, numeraire.
        disobeys: whether that is something else than it is told after some recommendation, likewise.
    """

    def __init__(self, contract: Contract, player: int, alternatives: Sequence[Alternatives]) -> None:
        self.contract = contract
        self.player = player
        profiles, self.actions, _ = contract.device.support
        self.count = contract.economy.prior.type_counts[player]
        self.weights = interim_weights(contract, player)
        all_actions = contract.device.recommended(player)
        first, numbers = _distinct(all_actions)
        self.recommended = all_actions[first]
        self.received = received_by(contract, player, self.actions)
        self.received_when_told = received_by(contract, player, first)
        # Whatever a player is told is known to it together with what it reported.
        self.heard = numbers[self.actions]
        self.groups = contract.economy.profiles[profiles, player] * len(first) + self.heard
        self.options = [self.recommended, *(rule(player, self.recommended) for rule in alternatives)]
        values = np.stack([self._values(option) for option in self.options])
        self.best = np.argmax(values, axis=0)
        self.possible = self._by_information(self.weights) > 0
        best_values = np.where(self.possible, values.max(axis=0), 0.0)
        self.gains: FloatArray = best_values.sum(axis=-1)
        self.disobeys: BooleanArray = (self.possible & (self.best > 0)).any(axis=-1)

    def _by_information(self, values: FloatArray) -> FloatArray:
        """Return sums of ``(types, R)`` by report and recommendation, ``(types, reports, recommendations)``."""
        told = len(self.recommended.quote)
        return sums_by_group(values, self.groups, self.count * told).reshape(len(values), self.count, told)

    def _values(self, option: Action) -> FloatArray:
        """Return what an action in place of each recommendation contributes to the interim gain over the endowment.

        Returns:
            ``(types, reports, recommendations)``, numeraire; minus infinity where it is not open.
        """
        covered = self._covered(option)
        played = option[self.heard]
        obeyed = self.recommended[self.heard]
        # A play the rules do not admit is replaced by obedience and then ruled out.
        kept = covered[:, None]
        quotes, orders, announced, _ = self.contract.device.actions[self.actions].arrays
        quotes[:, self.player] = np.where(kept, played.quote, obeyed.quote)
        orders[:, self.player] = np.where(kept[..., None], played.order, obeyed.order)
        announced[:, self.player] = np.where(kept, played.announced_endowment, obeyed.announced_endowment)
        profiles, _, _ = self.contract.device.support
        settlement = settle(
            Play(quotes, orders, announced, self.contract.power(profiles, self.actions)), self.contract.rules
        )
        gains = gains_by_type(self.contract.economy, self.player, settlement, self.received)
        values = self._by_information(self.weights * gains)
        announced = option.announced_endowment
        owned = can_announce(self.contract.economy, self.player, announced, self.received_when_told)
        refused = self._by_information(self.weights * ~covered) > 0
        return np.where(owned[:, None, :] & ~refused, values, -np.inf)

    def _covered(self, option: Action) -> BooleanArray:
        """Return in which recommendations the announced numeraire covers what the transfer takes, ``(R,)``."""
        profiles, _, _ = self.contract.device.support
        if self.contract.rules.coverage is Coverage.UNLIMITED:
            return np.ones(len(profiles), dtype=bool)
        numeraire = option.announced_endowment[self.heard, -1]
        return shown_by(numeraire[:, None], -self.contract.power(profiles, self.actions)[:, self.player, None])

    def deviation(self, true_type: int, report: int, gain: float) -> Deviation:
        told = np.flatnonzero(self.possible[true_type, report])
        chosen = self.best[true_type, report, told]
        played = [self.options[option][int(place)] for option, place in zip(chosen, told, strict=True)]
        kind = self.contract.economy.players[self.player]
        return Deviation(
            kind.name,
            kind.types[true_type].name,
            kind.types[report].name,
            self.recommended[told],
            Action(
                np.stack([action.quote for action in played]),
                np.stack([action.order for action in played]),
                np.stack([action.announced_endowment for action in played]),
            ),
            gain,
        )


def _distinct(actions: Action) -> tuple[IntegerArray, IntegerArray]:
    """Return where each different action of a stack of A first stands, and which one each is, ``(A,)``."""
    count = len(actions.quote)
    rows = np.concatenate([actions.quote, actions.order.reshape(count, -1), actions.announced_endowment], axis=-1)
    _, first, numbers = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first.astype(np.int64), numbers.reshape(-1).astype(np.int64)


def exchange(good: int, counterparty: int, quantity: float) -> Alternatives:
    """Return the alternative of buying a good beside the recommended orders, paid at the quoted price.

    Args:
        good: which, not the numeraire.
        counterparty: from whom; whoever is told so itself turns to the next player instead.
        quantity: how much, units; negative to sell, also what one does not own.

    Returns:
        The alternative. It costs nothing if the counterparty quotes what the player is told to quote.

    Source:
        Giraud and Rochon, equation (1): orders are unbounded and bind whoever they are addressed to.
    """

    def instead(player: int, recommended: Action) -> Action:
        order = recommended.order.copy()
        partner = _other(player, counterparty, order.shape[-2])
        order[..., partner, good] += quantity
        order[..., partner, -1] -= quantity * recommended.quote[..., good]
        return Action(recommended.quote, order, recommended.announced_endowment)

    return instead


def arbitrage(good: int, seller: int, buyer: int, quantity: float) -> Alternatives:
    """Return the alternative of buying a good from one player and selling it to another at the quoted price.

    Source:
        Giraud and Rochon, proof of Theorem 1, the arbitrageur.
    """
    buying, selling = exchange(good, seller, quantity), exchange(good, buyer, -quantity)

    def instead(player: int, recommended: Action) -> Action:
        return selling(player, buying(player, recommended))

    return instead


def best_bundle(economy: Economy, type_number: int, counterparty: int) -> Alternatives:
    """Return the alternative of ordering what a type likes best at the quoted price and recommended wealth.

    It orders no more than there may be: who values a good linearly wants infinitely much of it below its value.

    Made for recommendations of the grand contract, which tell a player to address the same share of its net
    trade to everyone, itself included.

    Args:
        economy: whose valuations count.
        type_number: of the deviating player; a player with fewer types obeys.
        counterparty: from whom the difference is ordered, or from the next player.

    Source:
        Giraud and Rochon, section 6.4, figure 1: a lie that pays only together with disobedience.
    """
    there_is = economy.endowments(economy.profiles)[..., :-1].sum(axis=-2).max(axis=0)

    def instead(player: int, recommended: Action) -> Action:
        if type_number >= economy.prior.type_counts[player]:
            return recommended
        prices = recommended.quote[..., :-1]
        rows = np.full(prices.shape[:-1], economy.first_rows[player] + type_number)
        holding = recommended.announced_endowment + recommended.order.sum(axis=-2)
        likes = np.minimum(economy.valuations.demand(rows, prices), there_is)
        wanted = JUST_BELOW * (likes - holding[..., :-1])
        order = recommended.order.copy()
        partner = _other(player, counterparty, order.shape[-2])
        order[..., partner, :-1] += wanted
        order[..., partner, -1] -= (prices * wanted).sum(axis=-1)
        return Action(recommended.quote, order, recommended.announced_endowment)

    return instead


def variants_of_trades(traded: FloatArray, rules: MarketRules) -> list[tuple[FloatArray, float]]:
    """Return amounts of goods near those wanted, and which share of their worth is paid too much, by which rules allow.

    Where nothing is granted for rounding, whoever does not pay exactly what is due is bankrupt, or its partner is. The
    price of a power of two is a number. One pays a hair too much where that leaves a partner bankrupt whose trades
    stand.

    Args:
        traded: what is wanted from each partner, ``(..., N - 1, G)``, units.
        rules: of the market.
    """
    if rules.refusal is Refusal.FREE:
        return [(traded, 0.0)]
    partners, goods = traded.shape[-2:]
    # Of several goods the worth is a sum, which is rounded again: so one at a time, or each from partners of its own.
    one_good = [(_powers_of_two(np.where(np.arange(goods) == good, traded, 0.0)), 0.0) for good in range(goods)]
    if goods > 1:
        for shift, part in product(range(goods), (1.0, 0.5)):
            own = (np.arange(partners)[:, None] + shift) % goods == np.arange(goods)
            split = part * traded.sum(axis=-2, keepdims=True) / np.maximum(own.sum(axis=0), 1)
            one_good.append((_powers_of_two(np.where(own, split, 0.0)), 0.0))
    return one_good if rules.bankruptcy is Bankruptcy.UNWIND else [(traded, A_HAIR), *one_good]


def _powers_of_two(amounts: FloatArray) -> FloatArray:
    """Return the largest powers of two that are no larger than amounts, with their signs."""
    sizes = np.exp2(np.floor(np.log2(np.abs(amounts) + (amounts == 0))))
    return np.asarray(np.where(amounts == 0, 0.0, np.copysign(sizes, amounts)))


def affordable(wanted: FloatArray, prices: FloatArray, money: FloatArray) -> FloatArray:
    """Return trades with less of everything that is bought where money would not suffice.

    Args:
        wanted: units bought, negative where sold, ``(..., G)``.
        prices: numeraire per unit, ``(..., G)``.
        money: that there is to spend besides what is sold for, ``(...)``, numeraire.
    """
    worth = prices * wanted
    due, earned = np.maximum(worth, 0.0).sum(axis=-1), np.maximum(-worth, 0.0).sum(axis=-1)
    room = np.maximum(money, 0.0) + earned
    share = np.where(due > room, room / np.where(due > room, due, 1.0), 1.0)
    return np.asarray(np.where(wanted > 0, wanted * share[..., None], wanted))


def best_bundles_from_all(contract: Contract, type_number: int) -> list[Alternatives]:
    """Return :func:`best_bundle_from_all` in every variant that the rules of the market ask for."""
    variants = len(variants_of_trades(np.zeros((1, len(contract.economy.goods) - 1)), contract.rules))
    return [best_bundle_from_all(contract, type_number, variant) for variant in range(variants)]


def best_bundle_from_all(contract: Contract, type_number: int, variant: int = 0) -> Alternatives:
    """Return the alternative of ordering what a type likes best at the quoted price and recommended wealth from all.

    Of each good it buys from everybody the same share of what is held after the recommended trades, at least over what
    may lead to its recommendation, and all of that at most, nor more than it can pay for. What it sells it divides
    among all as they hold money.

    Args:
        contract: the contract.
        type_number: of the deviating player; a player with fewer types obeys.
        variant: which of :func:`variants_of_trades`.

    Source:
        as :func:`best_bundle`, which turns to one partner.
    """
    economy = contract.economy

    def instead(player: int, recommended: Action) -> Action:
        if type_number >= economy.prior.type_counts[player]:
            return recommended
        others, held = _held_by_others(contract, player)
        prices = recommended.quote[..., :-1]
        rows = np.full(prices.shape[:-1], economy.first_rows[player] + type_number)
        own = recommended.announced_endowment + recommended.order.sum(axis=-2) - recommended.order[..., player, :]
        own = own - _ordered_by_others(contract, player)
        wanted = np.minimum(economy.valuations.demand(rows, prices) - own[..., :-1], held.sum(axis=-2)[..., :-1])
        wanted = JUST_BELOW * affordable(np.maximum(wanted, -own[..., :-1]), prices, own[..., -1])
        shares = held / np.maximum(held.sum(axis=-2, keepdims=True), np.finfo(np.float64).tiny)
        traded = wanted[..., None, :] * np.where(wanted[..., None, :] > 0, shares[..., :-1], shares[..., -1:])
        traded, hair = variants_of_trades(traded, contract.rules)[variant]
        paid = (prices[..., None, :] * traded).sum(axis=-1)
        order = recommended.order.copy()
        order[..., others, :-1] += traded
        order[..., others, -1] -= paid + hair * np.abs(paid)
        return Action(recommended.quote, order, recommended.announced_endowment)

    return instead


def _ordered_by_others(contract: Contract, player: int) -> FloatArray:
    """Return what others order from a player in sum at each of its different recommendations, ``(D, L)``, units.

    Where it is not known, the most.
    """
    orders = contract.device.actions.orders[:, :, player]
    sums = orders.sum(axis=1) - orders[:, player]
    first, numbers = _distinct(contract.device.recommended(player))
    most = np.full((len(first), sums.shape[-1]), -np.inf)
    np.maximum.at(most, numbers, sums)
    return most


def _held_by_others(contract: Contract, player: int) -> tuple[IntegerArray, FloatArray]:
    """Return the other players, and the least they hold when all obey at each recommendation, ``(D, N - 1, L)``."""
    _, orders, announced, _ = contract.device.actions.arrays
    holdings = announced + orders.sum(axis=2) - orders.sum(axis=1)
    first, numbers = _distinct(contract.device.recommended(player))
    least = np.full((len(first), *holdings.shape[1:]), np.inf)
    np.minimum.at(least, numbers, holdings)
    others = np.delete(np.arange(holdings.shape[1]), player)
    return others, np.maximum(least[:, others], 0.0)


def _other(player: int, counterparty: int, players: int) -> int:
    """Return the counterparty, or the next player if it is the player itself."""
    return (counterparty + 1) % players if counterparty == player else counterparty
