"""The most profitable deviation of a coalition: quotes searched, orders optimised, gains settled, bounds proven."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, read_only
from marketgame.mechanisms.deviations.bounds import Bound, least_bound
from marketgame.mechanisms.deviations.candidates import constructed_actions
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict
from marketgame.mechanisms.deviations.exchanges import exchanges
from marketgame.mechanisms.deviations.lean_money import lean_money, with_all_money
from marketgame.mechanisms.deviations.order_search import OrderSearch, best_orders, objective_value
from marketgame.mechanisms.deviations.quotes import quote_patterns, varied_quotes
from marketgame.mechanisms.deviations.situation import JointAction, Situation, settled_gains, stacked
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE

# The search ends when what was found is this close, relatively, to what is possible.
_CLOSED = 1e-5
# What share of the quote vectors goes to patterns before the best found are varied.
_PATTERN_SHARE = 0.7
# The search draws its variations from this seed: the same question gets the same answer.
_SEED = 20010


@dataclass(frozen=True)
class Spent:
    """What a search took.

    Attributes:
        quote_vectors: for how many joint quotes programs were solved.
        programs: linear and mixed-integer programs solved.
        iterations: simplex iterations in them.
        settled: constructed deviations settled.
        seconds: wall time; for the reader, not for tables.
    """

    quote_vectors: int = 0
    programs: int = 0
    iterations: int = 0
    settled: int = 0
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, eq=False)
class DeviationSearch:
    """What a search for the most profitable deviation established.

    Attributes:
        best: the best deviation found; None if nothing better than obedience was.
        gains: the members' gains from it, recomputed by settling it, ``(S,)``, numeraire; zeros for obedience.
        value: of the objective.
        bound: no deviation whatever gives more: all quotes, orders of any size, announcements and side transfers.
        program_bound: no deviation with the quotes tried, and orders within the limit of the effort, gives more;
            minus infinity if no program was solved.
        verdict: what follows.
        effort: what was allowed.
        spent: what it took.
    """

    best: JointAction | None
    gains: FloatArray
    value: float
    bound: float
    program_bound: float
    verdict: Verdict
    effort: Effort
    spent: Spent


def most_profitable_deviation(
    situation: Situation, objective: Objective = Objective.TOTAL, effort: Effort | None = None
) -> DeviationSearch:
    """Search for the most profitable joint deviation of a coalition.

    Returns:
        The best deviation found, with the bound that says how far from the best possible it can be. Nothing is
        searched when the bound already excludes a profit, unless the effort asks for it.

    Source:
        the algorithm is ours; the deviations are those of Giraud and Rochon (2001), Definitions 3 and 5, for one
        profile and one vector of recommendations, without lotteries.
    """
    search = _Search(situation, objective, effort or Effort(), least_bound(situation))
    return search.run()


def profit_tolerance(situation: Situation) -> float:
    """Return how much the objective must exceed zero to count as a profit, numeraire: see `economies.stakes`."""
    return GAIN_TOLERANCE * situation.stake


@dataclass(eq=False)
class _Search:
    """The state of one search."""

    situation: Situation
    objective: Objective
    effort: Effort
    proven: Bound
    best: JointAction | None = None
    gained: FloatArray | None = None
    value: float = 0.0
    program_bound: float = -np.inf
    searches: list[OrderSearch] = field(default_factory=list)
    settled: int = 0
    began: float = field(default_factory=time.perf_counter)

    @property
    def bound(self) -> float:
        """The proven bound on the objective: the least gain is at most the mean."""
        total = self.proven.total_gain
        return total if self.objective is Objective.TOTAL else total / len(self.situation.coalition)

    @property
    def tolerance(self) -> float:
        """What counts as a profit."""
        return profit_tolerance(self.situation)

    def run(self) -> DeviationSearch:
        """Search unless there is nothing to be found."""
        if self.bound > self.tolerance or self.effort.search_proven:
            self._search()
        return DeviationSearch(
            best=self.best,
            gains=read_only(np.zeros(len(self.situation.coalition)) if self.gained is None else self.gained),
            value=self.value,
            bound=max(self.bound, 0.0),
            program_bound=self.program_bound,
            verdict=self._verdict(),
            effort=self.effort,
            spent=Spent(
                len(self.searches),
                sum(search.programs for search in self.searches),
                sum(search.iterations for search in self.searches),
                self.settled,
                time.perf_counter() - self.began,
            ),
        )

    def _verdict(self) -> Verdict:
        if self.value > self.tolerance:
            return Verdict.REFUTED
        return Verdict.PROVEN if self.bound <= self.tolerance else Verdict.NOT_REFUTED

    def _search(self) -> None:
        generator = np.random.default_rng(_SEED)
        tried = exchanges(self.situation) if self.effort.warm_starts else []
        tried = [one for one in tried if self.effort.side_transfers or not one.side_transfers.any()]
        if tried:
            self._settled(stacked(tried))
        patterns = quote_patterns(self.situation)
        if self.effort.warm_starts:
            patterns = self._most_promising_first(patterns, generator)
        rounds = self.effort.local_rounds
        first = self.effort.quote_vectors if not rounds else int(np.ceil(_PATTERN_SHARE * self.effort.quote_vectors))
        for quotes in patterns[:first]:
            if self._reached():
                return
            self._optimise(quotes)
        left = self.effort.quote_vectors - len(self.searches)
        for number in range(rounds):
            told = self.situation.prescribed.quotes[0, self.situation.members]
            around = told if self.best is None else self.best.quotes
            for _ in range(left // rounds):
                if self._reached():
                    return
                self._optimise(varied_quotes(around, number, generator))

    def _reached(self) -> bool:
        """Whether time is up or nothing better remains to be found, unless the search is to double the proof."""
        if self.effort.deadline.passed:
            return True
        if self.effort.seconds is not None and time.perf_counter() - self.began > self.effort.seconds:
            return True
        if self.bound <= self.tolerance:
            return False
        return self.bound - self.value <= max(self.tolerance, _CLOSED * abs(self.bound))

    def _optimise(self, quotes: FloatArray) -> None:
        found = best_orders(self.situation, quotes, self.objective, self.effort)
        self.searches.append(found)
        self.program_bound = max(self.program_bound, found.bound)
        if found.best is not None and found.value > self.value:
            self.best, self.gained, self.value = found.best, found.gains, found.value

    def _most_promising_first(self, patterns: list[FloatArray], generator: np.random.Generator) -> list[FloatArray]:
        """Settle constructed deviations and put the quotes of the best of them first, after obedience."""
        lean = lean_money(self.situation)
        ranked = np.full(len(patterns), -np.inf)
        for scale in (self.situation,) if lean is None else (self.situation, lean.of(self.situation)):
            actions, numbers = constructed_actions(scale, patterns, self.effort.warm_starts, generator)
            actions = with_all_money(self.situation, scale, actions)
            if not self.effort.side_transfers:
                actions = replace(actions, side_transfers=np.zeros_like(actions.side_transfers))
            np.maximum.at(ranked, numbers, self._settled(actions))
        ranked[0] = np.inf
        return [patterns[number] for number in np.argsort(-ranked, kind="stable")]

    def _settled(self, actions: JointAction) -> FloatArray:
        """Settle constructed deviations, keep the best, and return what those bring that bring something, ``(B,)``."""
        gained = settled_gains(self.situation, actions) - self.situation.obedient_gains
        self.settled += len(gained)
        values = objective_value(self.objective, np.ones(gained.shape[-1]), gained)
        winner = int(np.argmax(values))
        if values[winner] > max(self.value, self.tolerance):
            self.best, self.gained, self.value = actions[winner], gained[winner], float(values[winner])
        return np.where(values > self.tolerance, values, -np.inf)
