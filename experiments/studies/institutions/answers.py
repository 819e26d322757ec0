"""Three questions to one institution on one economy: one player, consistent coalitions, any coalition.

A "yes" is a proof: a bound on the coalition's total gain that covers every deviation (`mechanisms.deviations.bounds`),
or the argument of Proposition 4 in ``docs/collusion.md``. A "no" is a deviation of one player, or a side-contract of
several (`mechanisms.collusion.side_contracts.search`), settled by the market game. Anything else is "not refuted", with
the bound that remains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

from marketgame.experiments.studies.institutions.institution import (
    Institution,
    Outsiders,
)
from marketgame.mechanisms.collusion.side_contracts.arbitrage import deterred_by_arbitrage
from marketgame.mechanisms.collusion.side_contracts.search import (
    SideEffort,
    find_consistent_side_contract,
    find_side_contract,
)
from marketgame.mechanisms.collusion.side_contracts.side_contract import SideContract
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.deviations import (
    Effort,
    Objective,
    least_bound,
    profit_tolerance,
    situation_of,
)
from marketgame.mechanisms.deviations import Verdict as Proof

# Enough to come close to the bounds on the economies of the table; one profile is enough to refute.
ORACLE = Effort(quote_vectors=8, local_rounds=1, seconds_per_program=2.0)
EFFORT = SideEffort(oracle=ORACLE, rounds=2, breaches=5, cells=1)
PAIR = 2


class Question(StrEnum):
    """Against whom the contract is to be stable."""

    ONE = "one player"
    CONSISTENT = "consistent coalitions"
    ANY = "any coalition"


class Verdict(StrEnum):
    """What was established."""

    YES = "yes"
    NO = "no"
    OPEN = "not refuted"


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Attributes:
        verdict: what was established.
        because: the proof, or the kind of deviation.
        coalition: who deviates; empty unless the verdict is no.
        gain: the least expected gain among the members, as a share of the gains from trade; zero unless it is no.
        total_gain: the members' gains in sum, likewise.
        bound: the proven bound on that sum for the coalition, at the profile where it is largest, likewise.
    """

    verdict: Verdict
    because: str
    coalition: tuple[str, ...] = ()
    gain: float = 0.0
    total_gain: float = 0.0
    bound: float = 0.0


def answers(contract: GrandContract, institution: Institution, effort: SideEffort = EFFORT) -> dict[Question, Answer]:
    """Return the answers for one grand contract under one institution.

    Args:
        contract: for the efficient allocations of an economy.
        institution: the rules and what outsiders do.
        effort: of each search.
    """
    players = range(len(contract.economy.players))
    one = _stability(contract, institution, [(player,) for player in players], effort)
    if one.verdict is Verdict.NO:
        return dict.fromkeys(Question, one)
    pairs = list(combinations(players, 2))
    several = [c for size in range(2, len(players) + 1) for c in combinations(players, size)]
    # The last two players, then the first two: whoever is searched, one refutation settles the question.
    likely = list(dict.fromkeys([pairs[-1], pairs[0]]))
    anybody = _proof(contract, institution, several) or _stability(contract, institution, likely, effort)
    return {
        Question.ONE: one,
        Question.CONSISTENT: _consistent(contract, institution, anybody, effort),
        Question.ANY: anybody,
    }


def _consistent(contract: GrandContract, institution: Institution, anybody: Answer, effort: SideEffort) -> Answer:
    """Return the answer for consistent coalitions where no single player gains, given that for any coalition."""
    if anybody.verdict is Verdict.YES:
        return anybody
    if institution.outsiders is Outsiders.OBEY and deterred_by_arbitrage(contract, institution.rules):
        return Answer(Verdict.YES, "arbitrage")
    unanswered = Answer(Verdict.OPEN, "none found", bound=anybody.bound)
    if anybody.verdict is not Verdict.NO or len(anybody.coalition) != PAIR:
        return unanswered
    members = tuple(contract.economy.player_names.index(name) for name in anybody.coalition)
    search = find_consistent_side_contract(
        contract,
        institution.rules,
        members,
        reaction=institution.reaction,
        objective=_objective(contract),
        effort=effort,
    )
    if search.side_contract is None or search.obeyed is None:
        return unanswered
    found = _refutation(contract, search.side_contract, anybody.bound)
    if search.obeyed.verdict is Proof.PROVEN:
        return replace(found, because=f"{found.because}, obeyed by proof")
    return replace(found, verdict=Verdict.OPEN, because="one that nobody was found to break")


def _proof(contract: GrandContract, institution: Institution, coalitions: Sequence[tuple[int, ...]]) -> Answer | None:
    """Return a proof that none of the coalitions gains at any profile, if the bounds give one."""
    reasons: set[str] = set()
    for profile in range(len(contract.economy.profiles)):
        for coalition in coalitions:
            situation = situation_of(contract, profile, coalition, institution.rules, institution.reaction)
            bound = least_bound(situation)
            if bound.total_gain > profit_tolerance(situation):
                return None
            if len(coalition) < len(contract.economy.players):
                reasons.add(bound.reason.value)
    return Answer(Verdict.YES, " or ".join(sorted(reasons)))


def _stability(
    contract: GrandContract, institution: Institution, coalitions: Sequence[tuple[int, ...]], effort: SideEffort
) -> Answer:
    """Return a proof that none of the coalitions gains, the first refutation, or neither."""
    proof = _proof(contract, institution, coalitions)
    if proof is not None:
        return proof
    unrefuted = []
    for coalition in coalitions:
        answer = _attack(contract, institution, coalition, effort)
        if answer.verdict is Verdict.NO:
            return answer
        unrefuted.append(answer)
    return max(unrefuted, key=lambda answer: answer.bound)


def _attack(
    contract: GrandContract, institution: Institution, coalition: tuple[int, ...], effort: SideEffort
) -> Answer:
    """Look for a side-contract of the coalition; a lone member's is its best deviation."""
    search = find_side_contract(
        contract,
        institution.rules,
        coalition,
        reaction=institution.reaction,
        objective=_objective(contract),
        effort=effort,
    )
    bound = _largest_bound(contract, institution, coalition)
    if search.side_contract is None:
        return Answer(Verdict.OPEN, "none found", bound=bound)
    return _refutation(contract, search.side_contract, bound)


def _largest_bound(contract: GrandContract, institution: Institution, coalition: tuple[int, ...]) -> float:
    """Return the proven bound on the members' summed gain at the profile where it is largest."""
    profiles = range(len(contract.economy.profiles))
    faced = (situation_of(contract, number, coalition, institution.rules, institution.reaction) for number in profiles)
    return max(least_bound(situation).total_gain for situation in faced) / gains_from_trade(contract)


def _objective(contract: GrandContract) -> Objective:
    """Return what is made large: where members only deviate at some profiles, the least gain over all is zero."""
    return Objective.LEAST if len(contract.economy.profiles) == 1 else Objective.TOTAL


def _refutation(contract: GrandContract, found: SideContract, bound: float) -> Answer:
    """Return what the members gain when what they know makes them deviate."""
    scale = gains_from_trade(contract)
    gains = [
        float((after - before).max()) / scale for after, before in zip(found.promised, found.status_quo, strict=True)
    ]
    drawn = max(len(clause.probability) for clause in found.clauses)
    names = tuple(contract.economy.player_names[member] for member in found.coalition)
    how = "by lot" if drawn > 1 else "one joint action"
    return Answer(Verdict.NO, how, names, min(gains), sum(gains), bound)


def gains_from_trade(contract: GrandContract) -> float:
    """Return what efficient trade adds to autarky at the first profile, numeraire."""
    efficient = contract.efficient
    return float(contract.economy.gains_from_goods(efficient.profiles[0], efficient.bundles[0]).sum())
