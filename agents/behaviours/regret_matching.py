r"""Regret matching: stances are taken as often as they are regretted not to have been taken.

With :math:`D(j, k)` what taking stance k in all rounds in which j was taken would have brought more, and t the rounds,
there are two ways (Hart and Mas-Colell 2000):

* external: a stance k is drawn in proportion to the positive part of :math:`\sum_j D(j, k)` (theorem B). No stance
  would have brought more on average, up to :math:`r \sqrt{S / t}` for payoffs of range r;
* internal: from the stance j taken last, k is drawn with probability :math:`D(j, k)^+ / (\mu t)`, and j otherwise
  (the main procedure, with :math:`\mu = r (S - 1)` times the inertia). If all do so, play comes near the correlated
  equilibria.

Where hindsight is published, :math:`D` is told. Where only the own payoff u is seen, it is estimated from the rounds in
which k was drawn, with probabilities p (Hart and Mas-Colell 2001, equation 3.1),

.. math:: \hat D(j, k) = \sum_{s_\tau = k} \frac{p_\tau(j)}{p_\tau(k)} (u_\tau - \bar u)
    - \sum_{s_\tau = j} (u_\tau - \bar u),

and with probability :math:`\delta_t = \delta / t^\gamma`, :math:`\gamma < 1/4`, any stance is tried. (The mean payoff
:math:`\bar u` is ours: regrets do not depend on a constant of payoffs, and now their estimates do not either.) Types
learn separately, and t counts the rounds of the own type.

Source:
    Hart and Mas-Colell (2000), A simple adaptive procedure leading to correlated equilibrium, section 2 and theorem B;
    Hart and Mas-Colell (2001), A reinforcement procedure leading to correlated equilibrium, sections 2 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import ClassVar, override

import numpy as np

from marketgame.agents.behaviours.abreast import Abreast, Outcomes
from marketgame.agents.behaviours.learning import Outcome
from marketgame.agents.behaviours.menu import MenuLearning
from marketgame.agents.knowledge import CommonKnowledge
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.registry import parameter

# Trying falls with the rounds to this power; estimates need less than a quarter (Hart and Mas-Colell 2001, section 4).
TRYING_LESS = 0.24


class Regretted(StrEnum):
    """What a stance is compared with."""

    EXTERNAL = "external"
    """Whatever was taken."""
    INTERNAL = "internal"
    """The stance taken last, in the rounds in which that was taken."""


class Beginning(StrEnum):
    """What is taken before anything is known."""

    ANY = "any"
    """Any stance, all with the same probability."""
    FIRST = "first"
    """The first of the menu; what is obeyed by default."""


@dataclass(frozen=True, eq=False)
class Regrets:
    """What is remembered of stances, by type.

    Attributes:
        paid: what stance k would have brought more than j in the rounds of j, ``(K, S, S)``, numeraire.
        counted: what that would be if all payoffs were one, ``(K, S, S)``: not zero where it is estimated.
        rounds: of each type, ``(K,)``.
        gained: in all of them, ``(K,)``, numeraire.
        lowest: the least payoff seen of each type, ``(K,)``, numeraire; infinite before the first.
        highest: the largest, ``(K,)``; minus infinity before the first.
        last: the stance taken last, ``(K,)``.
        informed: for each type whether hindsight was published in its last round, ``(K,)``.
    """

    paid: FloatArray
    counted: FloatArray
    rounds: IntegerArray
    gained: FloatArray
    lowest: FloatArray
    highest: FloatArray
    last: IntegerArray
    informed: IntegerArray


@dataclass(frozen=True)
class RegretMatching(MenuLearning[Regrets]):
    """Takes stances in proportion to the regret of not having taken them, told where hindsight is, else estimated.

    Attributes:
        regrets: what a stance is compared with.
        inertia: how unwilling it is to leave a stance, if regrets are internal.
        trying: how often it tries any stance in the first round, where regrets are estimated.
        beginning: what it takes before payoffs have differed.
    """

    name: ClassVar[str] = "regret-matching"

    regrets: Regretted = field(
        default=Regretted.EXTERNAL,
        metadata=parameter(
            "what a stance is compared with: external, whatever was taken; internal, the one taken last, in its rounds"
        ),
    )
    inertia: float = field(
        default=1.0, metadata=parameter("how unwilling it is to leave a stance, if regrets are internal", ge=1)
    )
    trying: float = field(
        default=0.5,
        metadata=parameter(
            "how often it tries any stance at first, where regrets are estimated; ever less", ge=0, le=1
        ),
    )
    beginning: Beginning = field(
        default=Beginning.ANY,
        metadata=parameter("what it takes before payoffs have differed: any stance; first, the first of its menu"),
    )

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> Regrets:
        own = common.economy.players[player]
        kinds, size = len(own.types), len(self.menu(own, 0))
        square, none = np.zeros((kinds, size, size)), np.zeros(kinds, np.int64)
        infinite = np.full(kinds, np.inf)
        return Regrets(square, square, none, np.zeros(kinds), infinite, -infinite, none, none)

    @override
    def probabilities(self, memory: Regrets, type_number: int) -> FloatArray:
        kind, size, rounds = type_number, memory.paid.shape[1], int(memory.rounds[type_number])
        span = memory.highest[kind] - memory.lowest[kind]
        if not span > 0:
            return self.at_first(size)
        regret = memory.paid[kind] - memory.gained[kind] / rounds * memory.counted[kind]
        last = int(memory.last[kind])
        if self.regrets is Regretted.EXTERNAL:
            matched = np.maximum(regret.sum(axis=0), 0)
            total = matched.sum()
            if total > 0:
                matched /= total
            else:
                matched[last] = 1
        else:
            towards = np.maximum(regret[last], 0) / (self.inertia * span * rounds)
            matched = np.minimum(towards, 1) / max(size - 1, 1)
            matched[last] = 0
            matched[last] = 1 - matched.sum()
        tried = 0.0 if memory.informed[kind] else self.trying / rounds**TRYING_LESS
        return np.asarray(tried / size + (1 - tried) * matched)

    def at_first(self, size: int) -> FloatArray:
        """Return the probability of each of so many stances before payoffs have differed."""
        return np.full(size, 1 / size) if self.beginning is Beginning.ANY else np.eye(size)[0]

    @override
    def learn(self, memory: Regrets, outcome: Outcome) -> Regrets:
        if outcome.bound:
            # What it gained is not what its stance brings.
            return memory
        kind, told, taken = outcome.type_number, outcome.hindsight, self.taken(outcome)
        paid, counted, seen = memory.paid.copy(), memory.counted, np.array([outcome.gain]) if told is None else told
        if told is None:
            drawn = self.probabilities(memory, kind)
            likelier, counted = drawn / drawn[taken], memory.counted.copy()
            paid[kind, :, taken] += likelier * outcome.gain
            counted[kind, :, taken] += likelier
            paid[kind, taken] -= outcome.gain
            counted[kind, taken] -= 1
        else:
            paid[kind, taken] += told - told[taken]
        return Regrets(
            paid,
            counted,
            _with(memory.rounds, kind, memory.rounds[kind] + 1),
            _with(memory.gained, kind, memory.gained[kind] + outcome.gain),
            _with(memory.lowest, kind, min(memory.lowest[kind], seen.min())),
            _with(memory.highest, kind, max(memory.highest[kind], seen.max())),
            _with(memory.last, kind, taken),
            _with(memory.informed, kind, told is not None),
        )

    @override
    def abreast(self, memory: Regrets, count: int) -> Abreast[Regrets]:
        return _Stacked(self, memory, count)


class _Stacked(Abreast[Regrets]):
    """The same in many replications at once; operations come in the same order, so that numbers are the same."""

    def __init__(self, learner: RegretMatching, memory: Regrets, count: int) -> None:
        self._learner = learner
        self._held = Regrets(*(np.repeat(getattr(memory, each.name)[None], count, axis=0) for each in fields(memory)))

    @override
    def probabilities(self, rows: IntegerArray, types: IntegerArray) -> FloatArray:
        held, learner, at = self._held, self._learner, (rows, types)
        places, size, last = np.arange(len(rows)), held.paid.shape[-1], held.last[at]
        span = held.highest[at] - held.lowest[at]
        seen = span > 0
        span, rounds = np.where(seen, span, 1.0), np.maximum(held.rounds[at], 1)
        regret = held.paid[at] - (held.gained[at] / rounds)[:, None, None] * held.counted[at]
        if learner.regrets is Regretted.EXTERNAL:
            matched = np.maximum(regret.sum(axis=1), 0)
            total = matched.sum(axis=1)
            some = total > 0
            matched = matched / np.where(some, total, 1.0)[:, None]
            matched[places[~some], last[~some]] = 1
        else:
            towards = np.maximum(regret[places, last], 0) / (learner.inertia * span * rounds)[:, None]
            matched = np.minimum(towards, 1) / max(size - 1, 1)
            matched[places, last] = 0
            matched[places, last] = 1 - matched.sum(axis=1)
        # Powers as of one number: those of arrays may differ from them in the last digit.
        less = np.array([number**TRYING_LESS for number in rounds.tolist()])
        tried = np.where(held.informed[at] > 0, 0.0, learner.trying / less)[:, None]
        return np.asarray(np.where(seen[:, None], tried / size + (1 - tried) * matched, learner.at_first(size)))

    @override
    def learn(self, rows: IntegerArray, outcomes: Outcomes) -> None:
        held, at, taken = self._held, (rows, outcomes.types), outcomes.taken
        told, gains, places = outcomes.hindsight, outcomes.gains, np.arange(len(rows))
        if told is None:
            likelier = outcomes.probabilities / outcomes.probabilities[places, taken][:, None]
            held.paid[*at, :, taken] += likelier * gains[:, None]
            held.counted[*at, :, taken] += likelier
            held.paid[*at, taken] -= gains[:, None]
            held.counted[*at, taken] -= 1
        else:
            held.paid[*at, taken] += told - told[places, taken][:, None]
        least, most = (gains, gains) if told is None else (told.min(axis=1), told.max(axis=1))
        held.rounds[at] += 1
        held.gained[at] += gains
        held.lowest[at] = np.minimum(held.lowest[at], least)
        held.highest[at] = np.maximum(held.highest[at], most)
        held.last[at], held.informed[at] = taken, told is not None

    @override
    def memory(self, row: int) -> Regrets:
        return Regrets(*(getattr(self._held, each.name)[row].copy() for each in fields(self._held)))


def _with[Numbers: (FloatArray, IntegerArray)](numbers: Numbers, place: int, value: float) -> Numbers:
    """Return numbers with another at a place."""
    changed = numbers.copy()
    changed[place] = value
    return changed
