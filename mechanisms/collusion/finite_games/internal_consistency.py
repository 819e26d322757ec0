r"""Internally consistent improvements: those no part of the coalition would itself abandon, by induction on its size.

* One member: any improvement.
* Two members: a single member breaks an agreement if and only if, for some type and recommendation, another action
  pays more. Ruling that out is linear in the device, so one program decides. Under communication equilibrium every
  improvement of a pair is consistent.
* More: improvements are generated, each is checked against all proper parts in its own revised game, and a part that
  breaks one is deterred in the next by demanding that the same objection no longer pays in total. That demand may
  exclude too much, so a search that ends without success is a proof only if nothing was excluded but what is known to
  be inconsistent; otherwise the answer says that the search was cut.

One cut is a proof. If a part has a joint action that gives each of its members its largest payoff, in every state and
against every action of the other insiders, it breaks away from any agreement that may leave some of them with less: the
device that always recommends that joint action needs no reports, harms no type, helps one, and no part of it can
improve upon it. An internally consistent improvement therefore never leads to less for it. That decides the example of
Bernheim, Peleg and Whinston.

Source:
    Giraud and Rochon (2001), Definitions 7 and 7', over proper nonempty parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.collusion.finite_games.extended_game import (
    UNTABULATED,
    CommunicationContract,
    Concept,
    ExtendedGame,
)
from marketgame.mechanisms.collusion.finite_games.improvement import (
    GAIN_TOLERANCE,
    Improvement,
    NoImprovement,
    answered,
    best_side_contract,
    disproof,
    improvement_from,
)
from marketgame.mechanisms.collusion.finite_games.improvement_program import SideProblem, SideProgram, Wish
from marketgame.mechanisms.collusion.finite_games.revised_game import coalitions_of, revised_game
from marketgame.mechanisms.deviations.effort import Objective
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.linear_program import Status

ROUNDING = 1e-9
"""Payoffs that differ by less, relative to the largest, are equal here."""

LOSS = 1e-6
"""Payoffs that are smaller by less, relative to the largest, do not count as less: breaking away would not pay."""


@dataclass(frozen=True)
class ConsistencyEffort:
    """How long to look for an internally consistent improvement of three or more members.

    Attributes:
        candidates: improvements to generate, at most.
        seed: of the random weights on members' gains.
    """

    candidates: int = 12
    seed: int = 0


USUAL_EFFORT = ConsistencyEffort()
"""A dozen candidates."""


@dataclass(frozen=True, eq=False)
class Unsettled:
    """The search was cut: no consistent improvement was found, and none is proved not to exist.

    Attributes:
        coalition: of whom.
        concept: under which.
        tried: improvements generated.
    """

    coalition: Coalition
    concept: Concept
    tried: int


def internally_consistent_improvement(
    game: ExtendedGame,
    contract: CommunicationContract,
    coalition: Coalition,
    concept: Concept = Concept.BIC,
    effort: ConsistencyEffort = USUAL_EFFORT,
) -> Improvement | NoImprovement | Unsettled:
    """Return an internally consistent improvement of a coalition, a proof that there is none, or neither.

    Raises:
        ValueError: the contract or the coalition does not fit the game.
        InadmissibleTransferError: the contract leads to transfers that are not tabulated.
        UndecidedError: the solver gave no answer.

    Source:
        Giraud and Rochon (2001), Definitions 7 and 7'.
    """
    problem = SideProblem(revised_game(game, contract, coalition), concept, obeyed=len(coalition) > 1)
    if len(coalition) <= 2:
        return best_side_contract(problem, Objective.TOTAL)
    relaxed = SideProgram(problem, whole=False)
    relaxed.forbid(ruled_out(problem))
    refuted = disproof(problem, relaxed)
    return refuted if refuted is not None else _searched(problem, effort)


def objection(
    game: ExtendedGame,
    contract: CommunicationContract,
    concept: Concept = Concept.BIC,
    effort: ConsistencyEffort = USUAL_EFFORT,
) -> Improvement | Unsettled | None:
    """Return an internally consistent improvement of a proper part of the insiders upon their contract.

    Returns:
        The improvement; none if there is provably none; what was tried where some part's search was cut.

    Raises:
        ValueError: the contract does not fit the game.
        UndecidedError: the solver gave no answer.
    """
    unsettled = None
    for part in coalitions_of(game.players, proper=True):
        found = internally_consistent_improvement(game, contract, part, concept, effort)
        if isinstance(found, Improvement):
            return found
        if isinstance(found, Unsettled):
            unsettled = found
    return unsettled


def _searched(problem: SideProblem, effort: ConsistencyEffort) -> Improvement | Unsettled:
    """Generate improvements and return the first that no part breaks."""
    game = problem.revised.game
    program = SideProgram(problem, whole=len(problem.reallocations) > 1)
    program.forbid(ruled_out(problem))
    tried = 0
    for wish in _wishes(len(game.players), effort):
        solution = answered(program.solve(wish))
        if solution.status is not Status.OPTIMAL:
            break
        candidate = improvement_from(problem, solution)
        if _total(problem, candidate) <= GAIN_TOLERANCE * game.scale:
            continue
        broken = objection(game, candidate.contract, problem.concept, effort)
        if broken is None:
            return candidate
        tried += 1
        if isinstance(broken, Improvement):
            deter = _deterrence(problem, candidate.contract, broken)
            limit = program.program.constraints(f"deterrence {tried}", at_most=0.0)
            program.program.add(limit, program.device, deter)
    return Unsettled(game.players, problem.concept, tried)


def _wishes(members: int, effort: ConsistencyEffort) -> Iterator[Wish]:
    """Yield objectives: the total gain, the least, each member's alone, and random weights."""
    generator = np.random.default_rng(effort.seed)
    usual = [Wish(np.ones(members)), Wish(np.full(members, 1e-3), least=1.0)]
    usual += [Wish(np.full(members, 1e-3) + unit) for unit in np.eye(members)]
    for number in range(effort.candidates):
        yield usual[number] if number < len(usual) else Wish(generator.dirichlet(np.ones(members)))


def _total(problem: SideProblem, candidate: Improvement) -> float:
    weighted = zip(candidate.gains, problem.revised.game.type_probabilities, strict=True)
    return sum(float(gain @ probability) for gain, probability in weighted)


def _deterrence(problem: SideProblem, agreed: CommunicationContract, broken: Improvement) -> FloatArray:
    """Return what a part's objection would bring it in total from each recommendation of the coalition's device.

    Where the objection does not say what to do, because its pairs of type and recommendation did not occur, the part
    obeys and gains nothing.

    Returns:
        ``(T_1, ..., T_m, D, A_1, ..., A_m)``, weighted by the probability of the reports.
    """
    game = problem.revised.game
    later = revised_game(game, agreed, broken.coalition)
    places = [game.players.index(player) for player in broken.coalition]
    number: list[dict[tuple[int, int], int]] = [
        {pair: kind for kind, pair in enumerate(zip(was.tolist(), told.tolist(), strict=True))}
        for was, told in zip(later.was, later.recommended, strict=True)
    ]
    gain = np.zeros((*game.type_counts, len(problem.reallocations), *game.action_counts))
    for state, kinds in enumerate(game.types):
        for told in np.ndindex(*game.action_counts):
            pairs = [(int(kinds[place]), told[place]) for place in places]
            if not all(pair in known for pair, known in zip(pairs, number, strict=True)):
                continue
            reports = tuple(known[pair] for pair, known in zip(pairs, number, strict=True))
            choice = tuple(slice(None) if place in places else told[place] for place in game.members)
            lottery = broken.contract.probability[reports]
            for level, reallocation in enumerate(problem.reallocations):
                before = game.rows_after(reallocation)[state]
                after = game.rows_after(reallocation + broken.contract.reallocation[reports])[state]
                if UNTABULATED in (before, after):
                    continue
                for place in places:
                    earned = float((lottery * game.payoffs[(after, state, *choice, place)]).sum())
                    kept = float(game.payoffs[(before, state, *told, place)])
                    gain[(*kinds, level, *told)] += game.priors[state, place] * (earned - kept)
    return gain


def ruled_out(problem: SideProblem) -> BooleanArray:
    """Return what no internally consistent side-contract may recommend after which reports.

    Returns:
        ``(T_1, ..., T_m, D, A_1, ..., A_m)``; reports that nobody thinks possible are left alone.
    """
    game = problem.revised.game
    shape = (*game.type_counts, len(problem.reallocations), *game.action_counts)
    unwanted = np.zeros(shape, dtype=bool)
    for coalition in coalitions_of(game.players, proper=True):
        places = tuple(game.players.index(player) for player in coalition)
        if len(places) > 1 and _has_commonly_best(problem, places):
            _rule_out(problem, places, unwanted)
    return unwanted


def _has_commonly_best(problem: SideProblem, places: tuple[int, ...]) -> bool:
    """Return whether some joint action of some members is best for all of them, whatever the rest."""
    game = problem.revised.game
    axes = tuple(2 + place for place in places)
    payoffs = np.moveaxis(game.payoffs[..., places], axes, range(len(places)))
    joint = payoffs.reshape(np.prod([game.action_counts[place] for place in places]), -1)
    return bool((joint >= joint.max(axis=0) - ROUNDING * game.scale).all(axis=1).any())


def _rule_out(problem: SideProblem, places: tuple[int, ...], unwanted: BooleanArray) -> None:
    """Mark joint actions that leave some member less than its best in a state somebody in the part thinks possible."""
    game = problem.revised.game
    axes = tuple(1 + place for place in places)
    for level, reallocation in enumerate(problem.reallocations):
        rows = game.rows_after(reallocation)
        for place in places:
            payoffs = game.payoffs_at(np.maximum(rows, 0), place)
            less = payoffs < payoffs.max(axis=axes, keepdims=True) - LOSS * game.scale
            possible = (rows >= 0) & (game.priors[:, place] > 0)
            for state in np.flatnonzero(possible):
                unwanted[(*game.types[state], level)] |= less[state]
