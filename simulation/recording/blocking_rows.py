"""What blocking mediators did, written out as the rows of each table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from marketgame.agents.blocking.mediator import (
    FATES,
    Approach,
)
from marketgame.mechanisms.arrays import (
    FloatArray,
    IntegerArray,
)
from marketgame.mechanisms.coalitional_games.game import (
    Coalition,
    CoalitionalGame,
)
from marketgame.simulation.recording.measures import Measures
from marketgame.simulation.recording.rows import (
    counters,
    keys,
    table_of,
)
from marketgame.simulation.recording.tables import (
    ACTIONS,
    INVITATIONS,
    MEDIATORS,
)
from marketgame.simulation.scenario.blockers import ESTABLISHED
from marketgame.simulation.stages.blocking import STAYS


class BlockingLabels:
    """The names of mediators, coalitions and what these do; each has one code throughout a run.

    Args:
        blockers: names of the blocking mediators.
        game: what coalitions can do.
    """

    def __init__(self, blockers: Sequence[str], game: CoalitionalGame) -> None:
        self.mediators = (ESTABLISHED, *blockers)
        self.players = game.players
        self.coalitions = tuple(game.coalition_name(coalition) for coalition in game.coalitions)
        self._coalition_codes = {coalition: code for code, coalition in enumerate(game.coalitions)}
        names = [name for actions in game.actions.values() for name in actions.names]
        self.actions = tuple(dict.fromkeys(names))
        codes = {name: code for code, name in enumerate(self.actions)}
        self._action_codes = {
            coalition: [codes[name] for name in actions.names] for coalition, actions in game.actions.items()
        }
        self.types = tuple(dict.fromkeys(kind for kinds in game.types for kind in kinds))
        self._type_codes = [[self.types.index(kind) for kind in kinds] for kinds in game.types]

    def coalition(self, coalition: Coalition) -> int:
        """Return the code of a coalition."""
        return self._coalition_codes[coalition]

    def action(self, coalition: Coalition, action: int) -> int:
        """Return the code of what a coalition does."""
        return self._action_codes[coalition][action]

    def type(self, player: int, type_number: int) -> int:
        """Return the code of a player's type."""
        return self._type_codes[player][type_number]

    def type_names(self, profiles: IntegerArray) -> pa.DictionaryArray:
        """Return the names of types ``(R, N)``, row by row."""
        most = max(map(len, self._type_codes))
        table = np.array([codes + [0] * (most - len(codes)) for codes in self._type_codes])
        return keys(table[np.arange(len(self.players)), profiles], self.types)


def mediator_rows(
    run: int, first_round: int, profits: FloatArray, expected: FloatArray, severance: FloatArray, labels: BlockingLabels
) -> pa.Table:
    """Return one row for each mediator in each round.

    Args:
        run: number of the run.
        first_round: number of the first round.
        profits: the established mediator's first, ``(R, 1 + B)``, units of money.
        expected: likewise, what each expected.
        severance: what the established mediator paid to those who left it, ``(R,)``, units of money.
        labels: names.
    """
    rounds, mediators = profits.shape
    paid = np.zeros(profits.shape)
    paid[:, 0] = severance
    number, mediator = counters(profits.shape)
    return table_of(
        MEDIATORS,
        {
            "run": np.full(rounds * mediators, run),
            "round": first_round + number,
            "mediator": keys(mediator, labels.mediators),
            "profit": profits,
            "expected_profit": expected,
            "severance": paid,
        },
    )


def blocking_profits(approaches: Sequence[Sequence[Approach]], blockers: int) -> FloatArray:
    """Return what each blocking mediator earned in each round, ``(R, B)``, units of money."""
    profits = np.zeros((len(approaches), blockers))
    for number, each in enumerate(approaches):
        for approach in each:
            profits[number, approach.mediator] += approach.profit
    return profits


def invitation_rows(
    run: int,
    first_round: int,
    approaches: Sequence[Sequence[Approach]],
    profiles: IntegerArray,
    labels: BlockingLabels,
) -> pa.Table:
    """Return one row for each player that was asked, in the order in which they were asked.

    Args:
        run: number of the run.
        first_round: number of the first round.
        approaches: of each round.
        profiles: true types, ``(R, N)``.
        labels: names.
    """
    codes: list[tuple[int, ...]] = []
    amounts: list[tuple[float, float]] = []
    for number, each in enumerate(approaches):
        for approach in each:
            invitation = approach.invitation
            coalition = labels.coalition(invitation.coalition)
            shared = (number, 1 + approach.mediator, coalition)
            doing = labels.action(invitation.coalition, invitation.action)
            for place, player in enumerate(invitation.coalition):
                wanted = labels.type(player, invitation.types[place])
                truth = labels.type(player, int(profiles[number, player]))
                report = approach.reports[place]
                told = STAYS if report is None else labels.type(player, report)
                codes.append((*shared, doing, player, wanted, truth, told, FATES.index(approach.fate)))
                amounts.append((float(approach.gains[place]), float(approach.payments[player])))
    return _invitation_table(run, first_round, np.array(codes, np.int64).reshape(-1, 9), np.array(amounts), labels)


def _invitation_table(
    run: int, first_round: int, codes: IntegerArray, amounts: FloatArray, labels: BlockingLabels
) -> pa.Table:
    number, mediator, coalition, action, player, wanted, truth, told, fate = codes.T
    gains, payments = amounts.reshape(-1, 2).T
    return table_of(
        INVITATIONS,
        {
            "run": np.full(number.shape, run),
            "round": first_round + number,
            "mediator": keys(mediator, labels.mediators),
            "coalition": keys(coalition, labels.coalitions),
            "action": keys(action, labels.actions),
            "player": keys(player, labels.players),
            "wanted_type": keys(wanted, labels.types),
            "type": keys(truth, labels.types),
            "reported_type": keys(told, labels.types, missing=told == STAYS),
            "expected_gain": gains,
            "payment": payments,
            "fate": keys(fate, FATES),
        },
    )


def action_rows(
    run: int,
    first_round: int,
    rounds: NDArray[np.integer[Any]],
    mediators: Sequence[int],
    done: Sequence[tuple[Coalition, int]],
    labels: BlockingLabels,
) -> pa.Table:
    """Return one row for each coalition that did something together.

    Args:
        run: number of the run.
        first_round: number of the first round.
        rounds: in which each did it, counted from the first, ``(A,)``.
        mediators: who led each; -1 for those who stayed with the established mediator.
        done: the members of each, and the number of what they did.
        labels: names.
    """
    return table_of(
        ACTIONS,
        {
            "run": np.full(len(done), run),
            "round": first_round + rounds,
            "mediator": keys(1 + np.array(mediators, np.int64), labels.mediators),
            "coalition": keys(np.array([labels.coalition(each) for each, _ in done], np.int64), labels.coalitions),
            "action": keys(np.array([labels.action(*each) for each in done], np.int64), labels.actions),
        },
    )


def market_blocking_rows(run: int, first_round: int, measures: Measures, labels: BlockingLabels) -> dict[str, pa.Table]:
    """Return the tables of mediators, invitations and coalitions that left, of rounds on a market."""
    plays, approaches = measures.plays, measures.approaches
    severance = plays.severance.sum(axis=1)
    blocking = blocking_profits(approaches, len(labels.mediators) - 1)
    left = [(number, each) for number, made in enumerate(approaches) for each in made if each.leavers]
    return {
        "mediators": mediator_rows(
            run,
            first_round,
            np.column_stack((-severance, blocking)),
            np.column_stack((np.zeros(len(severance)), plays.expected_profits)),
            severance,
            labels,
        ),
        "invitations": invitation_rows(run, first_round, approaches, plays.profile, labels),
        "actions": action_rows(
            run,
            first_round,
            np.array([number for number, _ in left], np.int64),
            [each.mediator for _, each in left],
            [(each.leavers, each.invitation.action) for _, each in left],
            labels,
        ),
    }
