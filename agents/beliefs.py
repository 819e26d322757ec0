r"""Beliefs about the others' reports, revised by Bayes' rule after the mediator's recommendation.

The contract is common knowledge: everybody knows what the device recommends to whom at every profile of
reports. A trader that reported :math:`r_i` and was told :math:`a_i` therefore rules out every profile at
which the device would have told it something else, or would have announced other transfers. The price alone
usually reveals the whole profile (Giraud and Rochon, Lemma 1); where it does not, several profiles remain. Profiles
at which the same is said are those at which the numbers are equal (:mod:`marketgame.mechanisms.contracts.canonical`).

The belief assumes that the others report truthfully, which is what the contract makes optimal.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.market_game.plays import Play


@dataclass(frozen=True, eq=False)
class OwnRecommendation:
    """What the device tells one trader, and what becomes known with it.

    Attributes:
        quotes: the prices it is to quote, ``(L,)``, numeraire per unit.
        orders: the net demands it is to address to each player, ``(N, L)``, units.
        announced_endowment: the endowment it is to announce, ``(L,)``, units.
        transfers: the purchasing power granted to every player, ``(N,)``, numeraire; public.
    """

    quotes: FloatArray
    orders: FloatArray
    announced_endowment: FloatArray
    transfers: FloatArray


@dataclass(frozen=True, eq=False)
class Belief:
    """The profiles of reports a trader still considers possible, most probable first.

    Attributes:
        profiles: reported types, ``(K, N)``.
        probability: the posterior probability of each, ``(K,)``.
        play: what the device recommends at each, batch dimension ``(K,)``.
        allocation: what the contract promises at each, ``(K, N, L)``, units.
    """

    profiles: IntegerArray
    probability: FloatArray
    play: Play
    allocation: FloatArray


@dataclass(frozen=True, eq=False)
class Inference:
    """What recommendations reveal to one player; every answer is computed once.

    Each trader keeps its own, because what is remembered here tells what the player was and heard.

    Attributes:
        contract: the grand contract, common knowledge.
        player: the player's number.
    """

    contract: GrandContract
    player: int
    _beliefs: dict[tuple[int, int, bytes], Belief] = field(default_factory=dict, init=False, repr=False)

    def belief(self, own_type: int, report: int, received: OwnRecommendation) -> Belief:
        """Return the belief of the player after the recommendation.

        Args:
            own_type: its true type, which governs what it believes about the others' types.
            report: the type it reported.
            received: what the device told it.

        Returns:
            The posterior over the profiles of reports that agree with all it was told. When the prior gives
            all of them probability zero, as only a misreport can bring about, they are equally likely.

        Raises:
            ValueError: the contract recommends this at no profile.

        Source:
            Giraud and Rochon, section 3, the belief q-hat given type and recommendation.
        """
        message = (received.quotes, received.orders, received.announced_endowment, received.transfers)
        key = (own_type, report, b"".join(part.tobytes() for part in message))
        if key not in self._beliefs:
            self._beliefs[key] = self._revise(own_type, report, received)
        return self._beliefs[key]

    def _revise(self, own_type: int, report: int, received: OwnRecommendation) -> Belief:
        profiles = self.contract.efficient.profiles
        candidates = np.flatnonzero(profiles[:, self.player] == report)
        consistent = candidates[self._agree(candidates, received)]
        if not len(consistent):
            raise ValueError(f"the contract tells player {self.player} this at no profile where it reports {report}")
        probability = self._prior_weight(profiles[consistent], own_type)
        possible = probability > 0
        ranking = np.argsort(-probability[possible], kind="stable")
        return self._promises(consistent[possible][ranking], probability[possible][ranking])

    def _agree(self, numbers: IntegerArray, received: OwnRecommendation) -> BooleanArray:
        """Say at which profiles the device tells the player what it was told, ``(len(numbers),)``."""
        contract, player = self.contract, self.player
        pairs = (
            (contract.efficient.price[numbers], received.quotes),
            (contract.orders[numbers, player][:, None], received.orders),
            (contract.announced_endowments[numbers, player], received.announced_endowment),
            (contract.transfers[numbers], received.transfers),
        )
        told = [(known == heard).reshape(len(numbers), -1).all(axis=-1) for known, heard in pairs]
        return np.asarray(np.all(told, axis=0))

    def _prior_weight(self, profiles: IntegerArray, own_type: int) -> FloatArray:
        """Return q(the others' types | own true type), normalised over the profiles, ``(K,)``."""
        prior = self.contract.economy.prior
        true_profiles = profiles.copy()
        true_profiles[:, self.player] = own_type
        weight = prior.probability[prior.profile_numbers(true_profiles)]
        if not weight.any():
            weight = np.ones(len(profiles))
        return np.asarray(weight / weight.sum())

    def _promises(self, numbers: IntegerArray, probability: FloatArray) -> Belief:
        profiles = self.contract.efficient.profiles[numbers]
        return Belief(
            profiles=profiles,
            probability=probability,
            play=self.contract.recommend(profiles),
            allocation=self.contract.allocation[numbers],
        )
