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
from functools import lru_cache

import numpy as np

from marketgame.agents.memory import Memory
from marketgame.mechanisms.arrays import FloatArray, IntegerArray, read_only
from marketgame.mechanisms.contracts.terms import DirectContract, OwnRecommendation
from marketgame.mechanisms.market_game.plays import Play


@dataclass(frozen=True, eq=False)
class Belief:
    """The profiles of reports a trader still considers possible, most probable first.

    Attributes:
        profiles: reported types, ``(K, N)``.
        probability: the posterior probability of each, ``(K,)``.
        play: what the device recommends at each, batch dimension ``(K,)``.
        allocation: what the contract promises at each, ``(K, N, L)``, units.
        endowments: what the types reported own when the market opens, ``(K, N, L)``, units: with what flowed to them
            out of deposits.
    """

    profiles: IntegerArray
    probability: FloatArray
    play: Play
    allocation: FloatArray
    endowments: FloatArray

    @property
    def orders_to_each(self) -> FloatArray:
        """What each player is told to order from every player, the same from each, ``(K, N, L)``, units.

        Where orders are matched, what it is told to order from the first.
        """
        return self.play.orders[:, :, 0]


# What a trader remembers of its beliefs; a thousand traders remember no more than this each.
BYTES_OF_BELIEFS = 1 << 18


def _room(key: tuple[int, int, bytes], belief: Belief) -> int:
    """Return how many bytes a belief takes with its key; orders that are the same from everybody are not kept for each.

    Where orders are matched, they are a number for each pair.
    """
    same = 0 in belief.play.orders.strides
    orders = belief.orders_to_each if same else belief.play.orders
    arrays = (belief.profiles, belief.probability, belief.allocation, belief.endowments, orders)
    told = (belief.play.quotes, belief.play.announced_endowments, belief.play.transfers)
    return len(key[2]) + sum(array.nbytes for array in (*arrays, *told))


# Those who are told a thousand different things in a round mostly believe the same: what follows is worked out once. It
# is nobody's to look at, as it would tell what others believe.
@lru_cache(maxsize=8)
def _said_at(
    contract: DirectContract, profiles: bytes, players: int, draws: bytes
) -> tuple[Play, FloatArray, FloatArray]:
    """Return what a contract recommends and promises at profiles of reports, and what the types reported own.

    Where its device may turn out in several ways, in those of `draws`, one for each profile.
    """
    reports = np.frombuffer(profiles, np.int64).reshape(-1, players)
    turned_out = np.frombuffer(draws, np.int64) if draws else 0
    terms, owned = contract.terms(reports, turned_out), contract.economy.endowments(reports)
    if terms.received is not None:
        owned = owned + terms.received
    return contract.recommend(reports, turned_out), terms.allocation, read_only(owned)


@dataclass(frozen=True, eq=False)
class Inference:
    """What recommendations reveal to one player; an answer is computed once while there is room for it.

    Each trader keeps its own, because what is remembered here tells what the player was and heard.

    Attributes:
        contract: the contract, common knowledge.
        player: the player's number.
    """

    contract: DirectContract
    player: int
    _beliefs: Memory[tuple[int, int, bytes], Belief] = field(
        default_factory=lambda: Memory(BYTES_OF_BELIEFS, _room), init=False, repr=False
    )

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
        told = (received.quotes, received.orders, received.announced_endowment, received.transfers)
        message = told if received.received is None else (*told, received.received)
        key = (own_type, report, b"".join(part.tobytes() for part in message))
        return self._beliefs.answer(key, lambda: self._revise(own_type, report, received))

    def _revise(self, own_type: int, report: int, received: OwnRecommendation) -> Belief:
        posterior = self.contract.posterior(self.player, own_type, report, received)
        draws = b"" if posterior.draws is None else posterior.draws.astype(np.int64).tobytes()
        profiles = posterior.profiles.astype(np.int64)
        said = _said_at(self.contract, profiles.tobytes(), profiles.shape[1], draws)
        return Belief(posterior.profiles, posterior.probability, *said)
