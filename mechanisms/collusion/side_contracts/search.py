r"""Side-contracts of a coalition against the grand contract on the market game, found by column generation.

The joint actions a coalition may choose are unbounded, so the program of Definition 6 runs over a menu that grows:
the oracle of `mechanisms.deviations` proposes joint actions for each cell of information, the master program finds the
best lottery over them with the members' interim participation and incentives, and its multipliers say for which
weights of the members' gains to ask the oracle next. What comes out is settled again, play by play.

Whoever is content with a share of what is possible at most is spared most of that. Constructions, and then the largest
least gain in every cell, which leaves nobody a reason to refuse, often bring nearly all that the bound allows.

That nothing was found is no proof. A proof comes from the bounds of `mechanisms.deviations.bounds`: with a common
prior an improvement needs a positive expected total gain, so it is excluded when the expected bound is not positive.

For *internally consistent* side-contracts the oracle is also asked, for each member, what it alone would rather do
(`mechanisms.collusion.side_contracts.obedience`), after a false report to the organiser too
(`mechanisms.collusion.side_contracts.false_reports`); what it finds is excluded in the master program, and so on until
nobody is tempted or no gain is left. Parts of two or more members are examined by the certificate of what is found.

Source:
    Giraud and Rochon (2001), Definitions 6-8, for the game form of section 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.side_contracts.answering import answering_agreements
from marketgame.mechanisms.collusion.side_contracts.cells import Cell, Knowledge, knowledge_of
from marketgame.mechanisms.collusion.side_contracts.circulation import circulations
from marketgame.mechanisms.collusion.side_contracts.constructions import constructed_menu
from marketgame.mechanisms.collusion.side_contracts.false_reports import check_reports, replies_on
from marketgame.mechanisms.collusion.side_contracts.keeping_back import payments_kept_back
from marketgame.mechanisms.collusion.side_contracts.menu import Menu, martyr_actions, oracle_actions
from marketgame.mechanisms.collusion.side_contracts.obedience import ObedienceCheck, check_obedience, temptation_of
from marketgame.mechanisms.collusion.side_contracts.program import Master, MasterAnswer
from marketgame.mechanisms.collusion.side_contracts.side_contract import (
    Clause,
    SideContract,
    clause_gains,
    kept_gains,
    misreport_gains,
    obedience,
    promised_gains,
    promised_utilities,
    stakes_of,
    status_quo_utilities,
)
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.deviations.bounds import least_bound
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict, together
from marketgame.mechanisms.deviations.oracle import DeviationSearch, most_profitable_deviation, profit_tolerance
from marketgame.mechanisms.deviations.order_search import best_orders
from marketgame.mechanisms.deviations.situation import JointAction, Reaction, settled_gains, stacked
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import MarketRules

ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""Two computations of a utility agree up to this share of it."""


@dataclass(frozen=True)
class SideEffort:
    """How hard to look for a side-contract.

    Attributes:
        oracle: of each question to the oracle.
        rounds: of column generation after the first menus.
        breaches: rounds of excluding what single members would rather do.
        cells: of information that are given menus beyond obedience, the most probable first.
        enough: the search ends as soon as the members gain this share of what they can at most, in expectation and
            together; none if it is not to end sooner for that.
    """

    oracle: Effort = field(default_factory=lambda: Effort(quote_vectors=12, seconds_per_program=4.0))
    rounds: int = 2
    breaches: int = 6
    cells: int = 8
    enough: float | None = None


USUAL_SIDE_EFFORT = SideEffort()
"""Seconds for a pair with complete information."""


@dataclass(frozen=True)
class SideSpent:
    """What a search for a side-contract took.

    Attributes:
        cells: of information given a menu.
        actions: joint actions on the menus.
        programs: master programs solved.
        breaches: ways of breaking an agreement that were excluded.
    """

    cells: int = 0
    actions: int = 0
    programs: int = 0
    breaches: int = 0


@dataclass(frozen=True, eq=False)
class Begun:
    """What a search for any side-contract leaves to one for a consistent one.

    Attributes:
        knowledge: of the coalition.
        menus: of its cells, grown.
    """

    knowledge: Knowledge
    menus: tuple[Menu, ...]


@dataclass(frozen=True, eq=False)
class SideContractSearch:
    """What a search for a side-contract established.

    Attributes:
        side_contract: the best found; none if none improves.
        verdict: refuted if one was found, proven if a bound excludes any, otherwise not refuted.
        bound: on the total expected gain of every side-contract, numeraire.
        obeyed: what is known about single members' obedience to it, when it was asked for.
        spent: what the search took.
        begun: its knowledge and menus, from which a search for a consistent side-contract can go on; none if nothing
            was looked for.
    """

    side_contract: SideContract | None
    verdict: Verdict
    bound: float
    obeyed: ObedienceCheck | None
    spent: SideSpent
    begun: Begun | None = None


def find_side_contract(
    contract: GrandContract,
    rules: MarketRules,
    coalition: Coalition,
    *,
    concept: Concept = Concept.BIC,
    reaction: Reaction | None = None,
    objective: Objective = Objective.TOTAL,
    effort: SideEffort = USUAL_SIDE_EFFORT,
) -> SideContractSearch:
    """Look for a side-contract by which a coalition improves upon the grand contract.

    Args:
        contract: the grand contract; the other players obey it, or react.
        rules: of the market.
        coalition: numbers of the members, ascending.
        concept: what members may do against the side-contract. Under communication equilibrium single members must
            obey it, as `find_consistent_side_contract` demands, and it must also promise what a member gains by
            voiding it and deviating alone.
        reaction: how outsiders answer quotes that are not the grand contract's.
        objective: what to make large: the members' total expected gain or the least of all.
        effort: how hard to look.

    Returns:
        The best side-contract found, and what is proved about others.

    Raises:
        ValueError: the coalition is not a nonempty ascending list of players.

    Source:
        Giraud and Rochon (2001), Definitions 6 and 6'.
    """
    knowledge = knowledge_of(contract, coalition, rules, reaction)
    return _Search(knowledge, concept, objective, effort, concept is Concept.COMMUNICATION_EQUILIBRIUM).run()


def find_constructed_side_contract(
    contract: GrandContract,
    rules: MarketRules,
    coalition: Coalition,
    *,
    reaction: Reaction | None = None,
    deadline: Deadline = NO_DEADLINE,
) -> SideContract | None:
    """Return a side-contract that mixes plays which are constructed, not searched for; none if none improves.

    What is given, and refused, is as for `find_side_contract`.

    Source:
        See `marketgame.mechanisms.collusion.side_contracts.constructions`.
    """
    knowledge = knowledge_of(contract, coalition, rules, reaction)
    return _Search(knowledge, Concept.BIC, Objective.LEAST, USUAL_SIDE_EFFORT, obey=False).constructed(deadline)


def find_kept_side_contract(
    contract: GrandContract, rules: MarketRules, coalition: Coalition, *, reaction: Reaction | None = None
) -> SideContract | None:
    """Return an improvement that neither of two members gains by breaking, constructed; none if that does not do.

    That nobody breaks it is for its certificate to prove. What is given, and refused, is as for `find_side_contract`.

    Source:
        See `marketgame.mechanisms.collusion.side_contracts.circulation`, and `keeping_back` and `answering` beside it.
    """
    knowledge = knowledge_of(contract, coalition, rules, reaction)
    clauses = [obedience(cell) for cell in knowledge.cells]
    for numbers in knowledge.mistakable():
        cells = [knowledge.cells[number] for number in numbers]
        found = _kept(cells) or ([_answering(cells[0])] if len(cells) == 1 else [])
        for number, clause in zip(numbers, found, strict=False):
            clauses[number] = clause
    search = _Search(knowledge, Concept.BIC, Objective.LEAST, USUAL_SIDE_EFFORT, obey=True)
    agreed = tuple(clauses)
    return search.claimed(agreed) if search.gains(agreed) else None


def _kept(cells: Sequence[Cell]) -> list[Clause]:
    """Return clauses by which a good goes round, or money is kept back, if both members gain in all of these cells."""
    faced = [cell.situation for cell in cells]
    for actions in chain(circulations(faced), payments_kept_back(faced)):
        found = [stacked([action]) for action in actions]
        if all(
            bool((settled_gains(cell.situation, one)[0] > cell.situation.obedient_gains).all())
            for cell, one in zip(cells, found, strict=True)
        ):
            return [
                Clause(cell.reports, cell.profiles, one, np.ones(1)) for cell, one in zip(cells, found, strict=True)
            ]
    return []


def _answering(cell: Cell) -> Clause:
    """Return the clause by which two members answer quotes where both gain most evenly by it, otherwise obedience."""
    best, most = obedience(cell), 0.0
    for agreed in answering_agreements(cell.situation):
        clause = Clause(cell.reports, cell.profiles, agreed.actions, agreed.probability, agreed.answers)
        least = float((clause_gains(cell, clause) - cell.situation.obedient_gains).min())
        if least > most:
            best, most = clause, least
    return best


def find_consistent_side_contract(
    contract: GrandContract,
    rules: MarketRules,
    coalition: Coalition,
    *,
    reaction: Reaction | None = None,
    objective: Objective = Objective.TOTAL,
    effort: SideEffort = USUAL_SIDE_EFFORT,
    begun: Begun | None = None,
) -> SideContractSearch:
    """Look for a side-contract that improves upon the grand contract and that no single member wants to break.

    Parts of two or more members are not examined here, so for three or more a side-contract found may be inconsistent;
    its certificate says whether bounds leave them nothing to gain by breaking it.
    What is given, and refused, is as for `find_side_contract`; what was ``begun`` there against the same contract is
    not done again.

    Returns:
        The best side-contract found, with what is known about single members' obedience to it.

    Source:
        Giraud and Rochon (2001), Definition 7.
    """
    knowledge = knowledge_of(contract, coalition, rules, reaction) if begun is None else begun.knowledge
    return _Search(knowledge, Concept.BIC, objective, effort, len(coalition) > 1, begun=begun).run()


def checked_side_contract(
    knowledge: Knowledge,
    lotteries: Sequence[tuple[JointAction, FloatArray]],
    *,
    concept: Concept = Concept.BIC,
    consistent: bool = False,
    effort: SideEffort = USUAL_SIDE_EFFORT,
) -> SideContract | None:
    """Return the side-contract that some lotteries make, if it stands what every search demands of what it finds.

    Args:
        knowledge: of the coalition.
        lotteries: joint actions, a batch, and the probability of each, ``(B,)``, for every cell.
        concept: what members may do against it; under communication equilibrium single members must obey it.
        consistent: whether they must in any case.
        effort: how hard single members look for something better.

    Returns:
        The side-contract, its promises worked out by settling every play; none if it is no improvement, or is one that
        a member is found to break that must not.

    Raises:
        ValueError: the lotteries fit neither the coalition nor its cells.
    """
    clauses = tuple(
        Clause(cell.reports, cell.profiles, actions, probability)
        for cell, (actions, probability) in zip(knowledge.cells, lotteries, strict=True)
    )
    obey = concept is Concept.COMMUNICATION_EQUILIBRIUM or (consistent and len(knowledge.coalition) > 1)
    return _Search(knowledge, concept, Objective.TOTAL, effort, obey).checked(clauses)


def flaws_of_side_contract(knowledge: Knowledge, claimed: SideContract) -> tuple[str, ...]:
    """Return what is wrong with a claimed side-contract, recomputed by settling every play; nothing if it improves."""
    if claimed.coalition != knowledge.coalition or claimed.information != knowledge.information:
        return ("its members or what they know are others",)
    try:
        promised = promised_gains(knowledge, claimed.clauses)
        temptation = np.concatenate(misreport_gains(knowledge, claimed.clauses))
    except ValueError as error:
        return (f"it cannot be carried out: {error}",)
    slack = GAIN_TOLERANCE * np.concatenate(stakes_of(knowledge))
    gains = np.concatenate(promised) - np.concatenate(kept_gains(knowledge))
    # Stated utilities are levels, which are rounded as such.
    claims = {
        "some type of a member gains by a lie": bool((temptation > slack).any()),
        "some type of a member loses": bool((gains < -slack).any()),
        "no type of any member gains": bool((gains <= slack).all()),
        "the utilities promised are not those it brings": _differ(
            claimed.promised, promised_utilities(knowledge, claimed.clauses), slack
        ),
        "the status quo is not as stated": _differ(claimed.status_quo, status_quo_utilities(knowledge), slack),
    }
    return tuple(flaw for flaw, found in claims.items() if found)


@dataclass(frozen=True, eq=False)
class _Agreed:
    """A side-contract that stands every check, what members gain by it in sum, and what is known of obedience."""

    side_contract: SideContract
    total_gain: float
    obeyed: ObedienceCheck | None


@dataclass(eq=False)
class _Search:
    """The state of one search."""

    knowledge: Knowledge
    concept: Concept
    objective: Objective
    effort: SideEffort
    obey: bool
    programs: int = 0
    breaches: int = 0
    menus: list[Menu] = field(default_factory=list)
    begun: Begun | None = None
    grown: Begun | None = None

    def run(self) -> SideContractSearch:
        kept = kept_gains(self.knowledge)
        bounds = [least_bound(cell.situation).total_gain for cell in self.knowledge.cells]
        bound = sum(cell.probability * max(0.0, most) for cell, most in zip(self.knowledge.cells, bounds, strict=True))
        if all(
            most <= profit_tolerance(cell.situation) for cell, most in zip(self.knowledge.cells, bounds, strict=True)
        ):
            return SideContractSearch(None, Verdict.PROVEN, bound, None, SideSpent())
        found = self._best(self._floors(kept), np.inf if self.effort.enough is None else self.effort.enough * bound)
        spent = SideSpent(
            sum(len(menu.actions) > 1 for menu in self.menus),
            sum(len(menu.actions) for menu in self.menus),
            self.programs,
            self.breaches,
        )
        if found is None:
            return SideContractSearch(None, Verdict.NOT_REFUTED, bound, None, spent, self.grown)
        return SideContractSearch(found.side_contract, Verdict.REFUTED, bound, found.obeyed, spent, self.grown)

    def constructed(self, deadline: Deadline) -> SideContract | None:
        """Return the best side-contract on menus of constructions, if it stands the independent check."""
        menus = [constructed_menu(cell.situation) for cell in self.knowledge.cells]
        if all(len(menu.actions) == 1 for menu in menus):
            return None
        answer = Master(self.knowledge, menus, kept_gains(self.knowledge), deadline=deadline).solve(self.objective)
        return None if answer is None or not self.gains(answer.clauses) else self.claimed(answer.clauses)

    def checked(self, clauses: tuple[Clause, ...]) -> SideContract | None:
        """Return the side-contract of some clauses if it could have been found."""
        found = self.claimed(clauses)
        if found is None or not self.obey:
            return found
        floors, stakes = self._floors(kept_gains(self.knowledge)), stakes_of(self.knowledge)
        promised = promised_gains(self.knowledge, clauses)
        if any(
            bool((gain < floor - GAIN_TOLERANCE * at_stake).any())
            for gain, floor, at_stake in zip(promised, floors, stakes, strict=True)
        ):
            return None
        checks = (check(self.knowledge, clauses, self.effort.oracle) for check in (check_obedience, check_reports))
        return None if any(one.verdict is Verdict.REFUTED for one in checks) else found

    def _best(self, floors: tuple[FloatArray, ...], enough: float) -> _Agreed | None:
        """Return the best side-contract on menus that grow until the members' total expected gain is enough."""
        best = None
        for master in self._masters(floors):
            self.programs += 1
            # Before the menus are whole, obedience is examined where what it would leave is enough.
            agreed = self._agreed(master, enough if self.obey and self.grown is None else -np.inf)
            if agreed is not None and (best is None or agreed.total_gain > best.total_gain):
                best = agreed
            if best is not None and best.total_gain >= enough:
                break
        return best

    def _masters(self, floors: tuple[FloatArray, ...]) -> Iterator[Master]:
        """Yield the master program on constructions, with what is best for the worst off, and on menus searched for."""
        deadline, least = self.effort.oracle.deadline, dict[int, DeviationSearch]()
        if self.effort.enough is not None and self.begun is None:
            self.menus = [constructed_menu(cell.situation) for cell in self.knowledge.cells]
            master = Master(self.knowledge, self.menus, floors, deadline=deadline)
            if any(len(menu.actions) > 1 for menu in self.menus):
                yield master
            for number in self._likeliest():
                menu = self.menus[number]
                least[number] = most_profitable_deviation(menu.situation, Objective.LEAST, self.effort.oracle)
                best = least[number].best
                if best is not None:
                    menu.add(best)
            yield master
        self.menus = self._opened(least) if self.begun is None else list(self.begun.menus)
        master = Master(self.knowledge, self.menus, floors, deadline=deadline)
        self._grow(master)
        self.grown = Begun(self.knowledge, tuple(self.menus))
        yield master

    def _likeliest(self) -> list[int]:
        """Return the numbers of the cells that are searched, the most probable first."""
        cells = self.knowledge.cells
        return sorted(range(len(cells)), key=lambda number: -cells[number].probability)[: self.effort.cells]

    def _opened(self, least: Mapping[int, DeviationSearch]) -> list[Menu]:
        """Let the oracle propose joint actions for the most probable cells, where a gain is not excluded."""
        menus = [Menu.of(cell.situation) for cell in self.knowledge.cells]
        for number in self._likeliest():
            menu = menus[number]
            if self.effort.oracle.deadline.passed:
                break
            if len(self.knowledge.coalition) > 1:
                for action in martyr_actions(menu.situation):
                    menu.add(action, exchanged=False)
            for action in oracle_actions(menu.situation, self.effort.oracle, least.get(number)):
                menu.add(action)
        return menus

    def _grow(self, master: Master) -> None:
        """Let the master's multipliers ask the oracle for more."""
        rounds = self.effort.rounds if len(self.knowledge.coalition) > 1 and self.begun is None else 0
        for _ in range(rounds):
            if self.effort.oracle.deadline.passed:
                break
            self.programs += 1
            prices = master.prices()
            if prices is None:
                break
            grew = [self._priced(menu, worth) for menu, worth in zip(self.menus, prices, strict=True)]
            if not any(grew):
                break

    def _agreed(self, master: Master, least: float) -> _Agreed | None:
        """Return the best side-contract on the menus if it gains so much at least and single members are to obey it."""
        answer, obeyed = master.solve(self.objective), None
        if answer is None or answer.total_gain < least:
            return None
        if self.obey:
            answer, obeyed = self._obeyed(master, answer)
            self.breaches += len(master.temptations) + len(master.replies)
        found = None if answer is None else self.claimed(answer.clauses)
        return None if answer is None or found is None else _Agreed(found, answer.total_gain, obeyed)

    def _priced(self, menu: Menu, worth: FloatArray) -> bool:
        """Add the best joint action for some weights, at the quotes of the most valuable entry of the menu."""
        if len(menu.actions) < 2:
            return False
        table = menu.table()
        values = np.where(np.isfinite(table).all(axis=-1), table @ worth, -np.inf)
        quotes = menu.actions[int(np.unravel_index(int(values.argmax()), values.shape)[1])].quotes
        best = best_orders(menu.situation, quotes, Objective.TOTAL, self.effort.oracle, worth).best
        return best is not None and menu.add(best)

    def _floors(self, kept: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
        """Return what must be promised: the status quo, or what voiding the side-contract alone brings."""
        if self.concept is Concept.BIC:
            return kept
        alone = check_obedience(
            self.knowledge, tuple(obedience(cell) for cell in self.knowledge.cells), self.effort.oracle
        )
        floors = [floor.copy() for floor in kept]
        for breach in alone.breaches:
            level = kept[breach.place][breach.information] + breach.gain
            floors[breach.place][breach.information] = max(floors[breach.place][breach.information], level)
        return tuple(floors)

    def _obeyed(self, master: Master, answer: MasterAnswer | None) -> tuple[MasterAnswer | None, ObedienceCheck | None]:
        """Exclude what single members would rather do until nobody is tempted or nothing is left."""
        check = None
        for _ in range(self.effort.breaches):
            if answer is None or self.effort.oracle.deadline.passed or not self.gains(answer.clauses):
                return None, None
            check = check_obedience(self.knowledge, answer.clauses, self.effort.oracle)
            if check.verdict is not Verdict.REFUTED:
                reports = check_reports(self.knowledge, answer.clauses, self.effort.oracle)
                if reports.verdict is not Verdict.REFUTED:
                    return answer, replace(check, verdict=together((check.verdict, reports.verdict)))
                for lie in reports.found:
                    master.replies += replies_on(self.knowledge, self.menus, lie)
            master.temptations += [temptation_of(self.knowledge, self.menus, breach) for breach in check.breaches]
            self.programs += 1
            answer = master.solve(self.objective)
        return None, None

    def gains(self, clauses: tuple[Clause, ...]) -> bool:
        """Say whether some information of some member gains."""
        knowledge = self.knowledge
        changes = zip(promised_gains(knowledge, clauses), kept_gains(knowledge), stakes_of(knowledge), strict=True)
        return any(bool((after - before > GAIN_TOLERANCE * stakes).any()) for after, before, stakes in changes)

    def claimed(self, clauses: tuple[Clause, ...]) -> SideContract | None:
        """Return the side-contract with these clauses if it stands the independent check."""
        knowledge = self.knowledge
        promised, kept = promised_utilities(knowledge, clauses), status_quo_utilities(knowledge)
        claimed = SideContract(knowledge.coalition, self.concept, knowledge.information, clauses, promised, kept)
        return None if flaws_of_side_contract(knowledge, claimed) else claimed


def _differ(stated: tuple[FloatArray, ...], actual: tuple[FloatArray, ...], slack: FloatArray) -> bool:
    """Say whether stated utilities are others, by more than some slack and what levels of their size are rounded by."""
    one, other = np.concatenate(stated), np.concatenate(actual)
    return bool((np.abs(one - other) > slack + ROUNDING * np.abs(other)).any())
