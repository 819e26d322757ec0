"""The established mediator: the institution whose contract everybody has been offered."""

from __future__ import annotations

import numpy as np

from marketgame.agents.framework import RoundAgent, RoundModel
from marketgame.agents.memory import Memory
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray, read_only
from marketgame.mechanisms.contracts.terms import DirectContract, OwnRecommendation
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Refusal

# What a mediator remembers of its recommendations.
BYTES_OF_ANSWERS = 1 << 24
# The objects of the part that one player hears take about so many bytes beside what is in their arrays.
BYTES_OF_PART = 500


def _room(key: bytes, answer: tuple[Play, tuple[OwnRecommendation, ...]]) -> int:
    """Return how many bytes recommendations take, the parts that players hear included; views take nothing."""
    play = answer[0]
    kept = play.orders.nbytes if play.orders.flags.writeable else 0
    arrays = 2 * (kept + play.quotes.nbytes + play.announced_endowments.nbytes) + play.transfers.nbytes
    return len(key) + arrays + BYTES_OF_PART * len(answer[1])


class EstablishedMediator(RoundAgent):
    """Announces a contract, hears reports, and tells everyone privately what the contract recommends.

    It knows nothing but the reports, and how its device turns out, which it tells nobody; what follows from them is
    worked out once while there is room. Whoever leaves with a blocking mediator is paid the severance promised at the
    reports that were made.

    Attributes:
        draw: how the device has turned out.
    """

    def __init__(self, model: RoundModel, contract: DirectContract, severance: FloatArray | None = None) -> None:
        super().__init__(model)
        self.contract = contract
        self._chances = contract.chances
        self.severance = severance
        self.draw = 0
        self._answers: Memory[bytes, tuple[Play, tuple[OwnRecommendation, ...]]] = Memory(BYTES_OF_ANSWERS, _room)

    @property
    def draws(self) -> bool:
        """Whether its device draws anything."""
        return len(self._chances) > 1

    def turn_out(self, generator: np.random.Generator) -> None:
        """Draw how the device turns out in this round, whatever will be reported; nothing where there is one way."""
        self.draw = int(generator.choice(len(self._chances), p=self._chances)) if self.draws else 0

    def recommend(self, reports: IntegerArray) -> tuple[Play, tuple[OwnRecommendation, ...]]:
        """Return the recommendations for reported types ``(N,)``, and the part each player hears."""
        key = reports.tobytes() + self.draw.to_bytes(4)
        return self._answers.answer(key, lambda: self._work_out(reports))

    def deliver(self, reports: IntegerArray) -> FloatArray | None:
        """Return what flows to each out of what was deposited with reports ``(N,)``, as ``(N, L)``, units.

        None if recommended flows may be refused, so that nothing is deposited.
        """
        if self.contract.refusal is Refusal.FREE:
            return None
        received = self.contract.terms(reports[None], self.draw).received
        return None if received is None else received[0]

    def severance_owed(self, reports: IntegerArray, left: BooleanArray) -> FloatArray:
        """Return what is paid to those who left, flagged in ``(N,)``, at reports ``(N,)``, as ``(N,)``, numeraire."""
        if self.severance is None:
            return np.zeros(len(reports))
        return np.where(left, self.severance[self.contract.economy.prior.profile_numbers(reports)], 0.0)

    def _work_out(self, reports: IntegerArray) -> tuple[Play, tuple[OwnRecommendation, ...]]:
        whole = self.contract.recommend(reports, self.draw)
        transfers, received = read_only(whole.transfers), self.deliver(reports)
        parts = tuple(
            OwnRecommendation(
                read_only(whole.quotes[player]),
                # A view where the contract orders the same from everybody: a copy would be one number for each pair.
                whole.orders[player] if not whole.orders.flags.writeable else read_only(whole.orders[player]),
                read_only(whole.announced_endowments[player]),
                transfers,
                None if received is None else read_only(received[player]),
            )
            for player in range(len(reports))
        )
        return whole, parts
