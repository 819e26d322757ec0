"""The established mediator: the institution whose contract everybody has been offered."""

from __future__ import annotations

import numpy as np

from marketgame.agents.framework import RoundAgent, RoundModel
from marketgame.mechanisms.arrays import BooleanArray, FloatArray, IntegerArray, read_only
from marketgame.mechanisms.contracts.terms import DirectContract, OwnRecommendation
from marketgame.mechanisms.market_game.plays import Play


class EstablishedMediator(RoundAgent):
    """Announces a contract, hears reports, and tells everyone privately what the contract recommends.

    It knows nothing but the reports. A profile of reports is worked out once. Whoever leaves with a blocking mediator
    is paid the severance promised at the reports that were made.
    """

    def __init__(self, model: RoundModel, contract: DirectContract, severance: FloatArray | None = None) -> None:
        super().__init__(model)
        self.contract = contract
        self.severance = severance
        self._answers: dict[bytes, tuple[Play, tuple[OwnRecommendation, ...]]] = {}

    def recommend(self, reports: IntegerArray) -> tuple[Play, tuple[OwnRecommendation, ...]]:
        """Return the recommendations for reported types ``(N,)``, and the part each player hears."""
        key = reports.tobytes()
        if key not in self._answers:
            self._answers[key] = self._work_out(reports)
        return self._answers[key]

    def severance_owed(self, reports: IntegerArray, left: BooleanArray) -> FloatArray:
        """Return what is paid to those who left, flagged in ``(N,)``, at reports ``(N,)``, as ``(N,)``, numeraire."""
        if self.severance is None:
            return np.zeros(len(reports))
        return np.where(left, self.severance[self.contract.economy.prior.profile_numbers(reports)], 0.0)

    def _work_out(self, reports: IntegerArray) -> tuple[Play, tuple[OwnRecommendation, ...]]:
        whole = self.contract.recommend(reports)
        parts = tuple(
            OwnRecommendation(
                read_only(whole.quotes[player]),
                read_only(whole.orders[player]),
                read_only(whole.announced_endowments[player]),
                read_only(whole.transfers),
            )
            for player in range(len(reports))
        )
        return whole, parts
