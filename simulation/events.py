"""What went out of the ordinary in rounds already played: bankruptcies, rationing, raised announcements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mechanisms.arrays import FloatArray, IntegerArray
from mechanisms.market_game import BankruptcyReason
from simulation.measures import DUST, Measures
from simulation.rows import REASONS, Labels, keys, table_of
from simulation.tables import EVENTS

KINDS = ("bankruptcy", "projection-bound", "announcement-raised")
BANKRUPTCY, PROJECTION_BOUND, ANNOUNCEMENT_RAISED = range(3)
# Claims changed by less than this share of what there is were fitted already, up to rounding.
FITTED = 1e-9
NOBODY = NOTHING = -1


@dataclass(frozen=True, eq=False)
class _Events:
    """Events side by side, ``(E,)`` each; -1 where no player, good or reason is concerned."""

    kind: IntegerArray
    number: IntegerArray
    player: IntegerArray
    good: IntegerArray
    reason: IntegerArray
    amount: FloatArray


def event_rows(run: int, first_round: int, measures: Measures, labels: Labels) -> pa.Table:
    """Return one row for each event, in the order of round, kind, player and good."""
    parts = (_bankruptcies(measures), _binding_projections(measures), _raised_announcements(measures))
    kind, number, player, good, reason, amount = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("kind", "number", "player", "good", "reason", "amount")
    )
    order = np.lexsort((good, player, kind, number))
    return table_of(
        EVENTS,
        {
            "run": np.full(order.shape, run),
            "round": first_round + number[order],
            "kind": keys(kind[order], KINDS),
            "player": keys(player[order], labels.players, missing=player[order] == NOBODY),
            "good": keys(good[order], labels.goods, missing=good[order] == NOTHING),
            "reason": keys(reason[order], REASONS, missing=reason[order] == NOTHING),
            "amount": amount[order],
        },
    )


def _bankruptcies(measures: Measures) -> _Events:
    """Return who failed: by how much its cost exceeds its transfer, or how much of which good it lacks.

    Of several goods that are short the one worth most at the supporting price is named. What is lacking is
    counted before any trade is cancelled, so it is zero for a player who failed only after that.
    """
    settlement = measures.plays.settlement
    number, player = np.nonzero(settlement.bankrupt)
    reason = settlement.reason[number, player]
    holding = (measures.plays.announced_endowments + measures.standing.sum(axis=2))[number, player]
    good = np.argmin(holding * measures.price[number], axis=-1)
    short = reason == BankruptcyReason.SHORT_SALE
    missing = -np.take_along_axis(holding, good[:, None], axis=-1)[:, 0]
    excess = (settlement.cost - measures.plays.transfers)[number, player]
    return _Events(
        kind=np.full(number.shape, BANKRUPTCY),
        number=number,
        player=player,
        good=np.where(short, good, NOTHING),
        reason=reason.astype(np.int64),
        amount=np.maximum(np.where(short, missing, excess), 0),
    )


def _binding_projections(measures: Measures) -> _Events:
    """Return in which goods claims had to be changed to fit what there is, and by how much in all."""
    settlement = measures.plays.settlement
    changed = np.abs(settlement.claim - settlement.allocation).sum(axis=1)
    number, good = np.nonzero(changed > FITTED * measures.endowments.sum(axis=1))
    return _Events(
        kind=np.full(number.shape, PROJECTION_BOUND),
        number=number,
        player=np.full(number.shape, NOBODY),
        good=good,
        reason=np.full(number.shape, NOTHING),
        amount=changed[number, good],
    )


def _raised_announcements(measures: Measures) -> _Events:
    """Return whose announcement was raised to cover its transfer, and by how much numeraire."""
    raised = measures.plays.raised
    number, player = np.nonzero(raised > DUST * measures.endowments[..., -1].sum(axis=1, keepdims=True))
    return _Events(
        kind=np.full(number.shape, ANNOUNCEMENT_RAISED),
        number=number,
        player=player,
        good=np.full(number.shape, measures.price.shape[-1] - 1),
        reason=np.full(number.shape, NOTHING),
        amount=raised[number, player],
    )
