"""What went out of the ordinary in rounds already played: bankruptcies, rationing, departures, collusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from marketgame.agents.blocking.mediator import Approach
from marketgame.agents.coalitions.organiser import Negotiation
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.market_game.rules import BankruptcyReason
from marketgame.simulation.recording.coalitions import realised_gains
from marketgame.simulation.recording.labels import Labels
from marketgame.simulation.recording.measures import DUST, Measures
from marketgame.simulation.recording.tables import EVENT_KINDS, EVENT_REASONS, NONE

BANKRUPTCY, PROJECTION_BOUND, ANNOUNCEMENT_RAISED, BLOCKING_OFFER, SEVERANCE_PAID, OFFERED, SIDE_CONTRACT = range(
    len(EVENT_KINDS)
)
# Claims changed by less than this share of what there is were fitted already, up to rounding.
FITTED = 1e-9
NOBODY = NOTHING = NONE


@dataclass(frozen=True, eq=False)
class Events:
    """Events side by side, ``(E,)`` each; -1 where no player, good or reason is concerned."""

    kind: IntegerArray
    number: IntegerArray
    player: IntegerArray
    good: IntegerArray
    reason: IntegerArray
    amount: FloatArray


@dataclass(frozen=True, eq=False)
class NamedEvents(Events):
    """Events in the order of round, kind, player and good, with the names behind the numbers."""

    labels: Labels


def _happened(
    kind: int,
    number: IntegerArray | Sequence[int],
    amount: FloatArray | Sequence[float],
    *,
    player: IntegerArray | Sequence[int] | int = NOBODY,
    good: IntegerArray | int = NOTHING,
    reason: IntegerArray | Sequence[int] | int = NOTHING,
) -> Events:
    """Return events of one kind, by the numbers of their rounds."""
    rounds = np.asarray(number, np.int64)
    who, what, why = (np.broadcast_to(np.asarray(each, np.int64), rounds.shape) for each in (player, good, reason))
    return Events(np.full(rounds.shape, kind), rounds, who, what, why, np.asarray(amount, np.float64))


def in_order(parts: Sequence[Events], labels: Labels) -> NamedEvents:
    """Return events of different kinds in order."""
    together = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Events)}
    order = np.lexsort(tuple(together[name] for name in ("good", "player", "kind", "number")))
    return NamedEvents(**{name: column[order] for name, column in together.items()}, labels=labels)


def market_events(measures: Measures) -> tuple[Events, ...]:
    """Return what went out of the ordinary in the market."""
    return _bankruptcies(measures), _binding_projections(measures), _raised_announcements(measures)


def blocking_events(approaches: Sequence[Sequence[Approach]], severance: FloatArray) -> tuple[Events, ...]:
    """Return the invitations of blocking mediators, and the severance that was paid, ``(R, N)``, units of money."""
    made = [(number, approach) for number, each in enumerate(approaches) for approach in each]
    fates = [EVENT_REASONS.index(approach.fate) for _, approach in made]
    rounds, profits = [number for number, _ in made], [approach.profit for _, approach in made]
    number, player = np.nonzero(severance > 0)
    paid = _happened(SEVERANCE_PAID, number, severance[number, player], player=player)
    return _happened(BLOCKING_OFFER, rounds, profits, reason=fates), paid


def side_contract_events(measures: Measures) -> tuple[Events, ...]:
    """Return the side-contracts that were offered, and what became of every attempt to collude."""
    tried = [(number, each) for number, several in enumerate(measures.negotiations) for each in several]
    offered = [(number, each) for number, each in tried if each.replies]
    gains = (realised_gains(each, measures.over_promise[at], measures.over_truth[at]) for at, each in tried)
    realised = [0.0 if gained is None else float(gained.sum()) for gained in gains]
    expected = [each.expected_gain for _, each in offered]
    fates, blamed = [EVENT_REASONS.index(each.fate) for _, each in tried], [_blamed(each) for _, each in tried]
    return (
        _happened(OFFERED, [number for number, _ in offered], expected),
        _happened(SIDE_CONTRACT, [number for number, _ in tried], realised, reason=fates, player=blamed),
    )


def _blamed(negotiation: Negotiation) -> int:
    """Return who refused, or who of those that broke the agreement comes first; -1 if nobody did."""
    if negotiation.broken is not None:
        return negotiation.broken.breakers[0]
    return NOBODY if negotiation.refuser is None else negotiation.refuser


def _bankruptcies(measures: Measures) -> Events:
    """Return who failed: by how much its cost exceeds its transfer, or how much of which good it lacks.

    Of several goods that are short the one worth most at the supporting price is named. What is lacking is
    counted before any trade is cancelled, so it is zero for a player who failed only after that.
    """
    settlement = measures.plays.settlement
    number, player = np.nonzero(settlement.bankrupt)
    reason = settlement.reason[number, player]
    holding = (measures.plays.play.announced_endowments + settlement.ordered_flows.sum(axis=2))[number, player]
    good = np.argmin(holding * measures.price[number], axis=-1)
    short = reason == BankruptcyReason.SHORT_SALE
    missing = -np.take_along_axis(holding, good[:, None], axis=-1)[:, 0]
    excess = (settlement.cost - measures.plays.play.transfers)[number, player]
    amount, why = np.maximum(np.where(short, missing, excess), 0), reason.astype(np.int64)
    return _happened(BANKRUPTCY, number, amount, player=player, good=np.where(short, good, NOTHING), reason=why)


def _binding_projections(measures: Measures) -> Events:
    """Return in which goods claims had to be changed to fit what there is, and by how much in all."""
    settlement = measures.plays.settlement
    # What the solvent claim and get beyond what they announced; the bankrupt claim and get nothing.
    beyond = np.where(settlement.bankrupt[..., None], 0.0, settlement.net_trade - settlement.change)
    changed = np.abs(beyond).sum(axis=1)
    most = measures.endowments.sum(axis=1)
    # Of the numeraire there may be any amount beside what changes hands.
    most[:, -1] = np.minimum(most[:, -1], np.abs(settlement.net_trade[..., -1]).sum(axis=1))
    number, good = np.nonzero(changed > FITTED * most)
    return _happened(PROJECTION_BOUND, number, changed[number, good], good=good)


def _raised_announcements(measures: Measures) -> Events:
    """Return whose announcement was raised to cover its transfer, and by how much numeraire."""
    raised = measures.plays.raised
    number, player = np.nonzero(raised > DUST * np.abs(measures.plays.play.transfers).max(axis=1, keepdims=True))
    numeraire = measures.price.shape[-1] - 1
    return _happened(ANNOUNCEMENT_RAISED, number, raised[number, player], player=player, good=numeraire)
