"""What coalition organisers did, written out as the rows of their table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from marketgame.agents.coalitions.organiser import (
    ANSWERS,
    FATES,
    Answer,
    Negotiation,
)
from marketgame.mechanisms.arrays import (
    FloatArray,
    IntegerArray,
)
from marketgame.simulation.recording.measures import Measures
from marketgame.simulation.recording.rows import (
    keys,
    numbered,
    table_of,
)
from marketgame.simulation.recording.tables import SIDE_CONTRACTS
from marketgame.simulation.scenario.market_scenario import Scenario

# The code of the truthfulness of a member that told the side-device nothing.
UNTOLD = -1


class SideContractLabels:
    """The names of organisers, coalitions and types; each has one code throughout a run.

    Args:
        scenario: what is run.
    """

    def __init__(self, scenario: Scenario) -> None:
        economy = scenario.economy
        self.organisers = tuple(organiser.name for organiser in scenario.organisers)
        self.players = economy.player_names
        self.types, self._type_codes = numbered([kind.name for player in economy.players for kind in player.types])
        self._first_rows = economy.first_rows
        listed = (organiser.choice.coalitions(len(economy.players)) for organiser in scenario.organisers)
        self.coalition_codes = {
            coalition: code
            for code, coalition in enumerate(dict.fromkeys(each for several in listed for each in several))
        }
        self.coalitions = tuple("+".join(self.players[member] for member in each) for each in self.coalition_codes)

    def type(self, player: int, type_number: int) -> int:
        """Return the code of a player's type."""
        return int(self._type_codes[self._first_rows[player] + type_number])


def side_contract_rows(run: int, first_round: int, measures: Measures, labels: SideContractLabels) -> pa.Table:
    """Return one row for each member of each coalition that was approached, in the order of the attempts.

    Args:
        run: number of the run.
        first_round: number of the first round.
        measures: rounds side by side.
        labels: names.
    """
    codes: list[tuple[int, ...]] = []
    amounts: list[tuple[float, ...]] = []
    for number, several in enumerate(measures.negotiations):
        for negotiation in several:
            for place, player in enumerate(negotiation.coalition):
                kind = labels.type(player, int(measures.plays.profile[number, player]))
                codes.append((number, player, kind, *_codes(negotiation, place, labels)))
                realised = float(measures.over_promise[number, player])
                amounts.append(_amounts(negotiation, place, realised))
    whole = np.array(codes, np.int64).reshape(-1, 9)
    return _table(run, first_round, whole, np.array(amounts, np.float64).reshape(-1, 4), labels)


def _table(
    run: int, first_round: int, codes: IntegerArray, amounts: FloatArray, labels: SideContractLabels
) -> pa.Table:
    number, player, kind, organiser, coalition, answer, truthful, broke, fate = codes.T
    status_quo, expected, realised, transfer = amounts.T
    return table_of(
        SIDE_CONTRACTS,
        {
            "run": np.full(number.shape, run),
            "round": first_round + number,
            "organiser": keys(organiser, labels.organisers),
            "coalition": keys(coalition, labels.coalitions),
            "player": keys(player, labels.players),
            "type": keys(kind, labels.types),
            "answer": keys(answer, ANSWERS),
            "truthful": pa.array(truthful == 1, pa.bool_(), mask=truthful == UNTOLD),
            "status_quo": pa.array(status_quo, pa.float64(), from_pandas=True),
            "expected_gain": pa.array(expected, pa.float64(), from_pandas=True),
            "realised_gain": pa.array(realised, pa.float64(), from_pandas=True),
            "side_transfer": transfer,
            "broke": broke == 1,
            "fate": keys(fate, FATES),
        },
    )


def _codes(negotiation: Negotiation, place: int, labels: SideContractLabels) -> tuple[int, ...]:
    """Return the codes of organiser, coalition, answer, truthfulness, breaking and fate."""
    reply = negotiation.replies[place] if place < len(negotiation.replies) else None
    broken = negotiation.broken is not None and negotiation.coalition[place] in negotiation.broken.breakers
    return (
        negotiation.organiser,
        labels.coalition_codes[negotiation.coalition],
        ANSWERS.index(Answer.NOT_ASKED if reply is None else reply.answer),
        UNTOLD if reply is None or reply.report is None else int(reply.report == reply.truth),
        int(broken),
        FATES.index(negotiation.fate),
    )


def _amounts(negotiation: Negotiation, place: int, realised: float) -> tuple[float, ...]:
    """Return status quo, expected gain, realised gain and side-transfer; what is missing is not a number."""
    reply = negotiation.replies[place] if place < len(negotiation.replies) else None
    asked = (np.nan, np.nan) if reply is None else (reply.status_quo, reply.gain)
    if negotiation.action is None:
        return (*asked, np.nan, 0.0)
    return (*asked, realised, float(negotiation.action.side_transfers[place]))
