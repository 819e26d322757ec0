"""The established mediator: the institution whose contract everybody has been offered."""

from __future__ import annotations

from agents.beliefs import OwnRecommendation
from agents.framework import RoundAgent, RoundModel
from mechanisms.arrays import IntegerArray, read_only
from mechanisms.grand_contract import GrandContract, Recommendation


class EstablishedMediator(RoundAgent):
    """Announces a contract, hears reports, and tells everyone privately what the contract recommends.

    It knows nothing but the reports. A profile of reports is worked out once.

    Args:
        model: the model it lives in.
        contract: what it has announced.
    """

    def __init__(self, model: RoundModel, contract: GrandContract) -> None:
        super().__init__(model)
        self.contract = contract
        self._answers: dict[bytes, tuple[Recommendation, tuple[OwnRecommendation, ...]]] = {}

    def recommend(self, reports: IntegerArray) -> tuple[Recommendation, tuple[OwnRecommendation, ...]]:
        """Return the recommendations for reported types ``(N,)``, and the part each player hears."""
        key = reports.tobytes()
        if key not in self._answers:
            self._answers[key] = self._work_out(reports)
        return self._answers[key]

    def _work_out(self, reports: IntegerArray) -> tuple[Recommendation, tuple[OwnRecommendation, ...]]:
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
