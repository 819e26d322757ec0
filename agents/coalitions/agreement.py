r"""A side-contract as its members see it: what they may say, what it then recommends, and what that is worth to them.

Members of S report what they know, :math:`(t_i, a_i)`, a type and what the established mediator told it, by number.
After reports that can all be true the side-device draws a joint action; one vector of side-transfers goes with the
reports. Reports that disagree void the side-contract, and so do reports after which somebody cannot do what it is
told, because it owns too little: everybody then obeys the grand contract. What a report is worth is worked out by
settling every play that can follow, never by simulation.

Source:
    Giraud and Rochon (2001), section 3, Definitions 5 and 6, steps 7 to 9 of the timing in section 1.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from marketgame.agents.announcements import accepted_announcements
from marketgame.mechanisms.arrays import FloatArray, IntegerArray, read_only
from marketgame.mechanisms.collusion.side_contracts.side_contract import Clause, SideContract
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.deviations.situation import JointAction, Reaction, Situation, admissible, gains, situation_of
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.market_game.plays import stacked
from marketgame.mechanisms.market_game.rules import MarketRules

# The number of a report that nobody can make truthfully: what a member heard that it cannot hear unless it lied.
NO_REPORT = -1


@dataclass(frozen=True, eq=False)
class Agreement:
    """A side-contract among members who know against which contract and rules it was made.

    Attributes:
        contract: the grand contract, upon which it improves.
        rules: of the market.
        terms: the side-contract.
        reaction: how outsiders answer quotes that are not the contract's; none if they obey whatever is quoted.
    """

    contract: GrandContract
    rules: MarketRules
    terms: SideContract
    reaction: Reaction | None = None
    _situations: dict[tuple[int, tuple[int, ...]], Situation] = field(default_factory=dict, init=False, repr=False)
    _clauses: dict[tuple[int, tuple[int, ...], tuple[int, ...]], Clause | None] = field(
        default_factory=dict, init=False, repr=False
    )
    _actions: dict[tuple[Clause, int], JointAction] = field(default_factory=dict, init=False, repr=False)
    _gains: dict[tuple[int, tuple[int, ...], tuple[int, ...]], FloatArray] = field(
        default_factory=dict, init=False, repr=False
    )
    _expected: dict[tuple[int, int, bytes], FloatArray] = field(default_factory=dict, init=False, repr=False)

    @property
    def coalition(self) -> Coalition:
        """The members' numbers, ascending."""
        return self.terms.coalition

    @cached_property
    def information(self) -> IntegerArray:
        """What each member knows, as the number of its true report, at every profile of reports, ``(P, S)``.

        ``NO_REPORT`` at profiles of probability zero, which only a lie to the established mediator can bring about.
        """
        numbers = np.full((len(self.contract.economy.profiles), len(self.coalition)), NO_REPORT)
        for place, known in enumerate(self.terms.information):
            for number, information in enumerate(known):
                numbers[list(information.profiles), place] = number
        return read_only(numbers)

    def clause(self, number: int, types: tuple[int, ...], reports: tuple[int, ...]) -> Clause | None:
        """Return what members are bound to after some reports; none if the side-contract is void."""
        key = (number, types, reports)
        if key not in self._clauses:
            clause = self.terms.clause_after(reports)
            if clause is not None and not admissible(self.situation(number, types), clause.actions).all():
                clause = None
            self._clauses[key] = clause
        return self._clauses[key]

    def situation(self, number: int, types: tuple[int, ...]) -> Situation:
        """Return what the members face if everybody else obeys."""
        key = (number, types)
        if key not in self._situations:
            self._situations[key] = self._facing(number, types)
        return self._situations[key]

    def action(self, clause: Clause, number: int) -> JointAction:
        """Return one of a clause's joint actions."""
        key = (clause, number)
        if key not in self._actions:
            self._actions[key] = clause.actions[number]
        return self._actions[key]

    def gains_at(self, number: int, types: tuple[int, ...], reports: tuple[int, ...]) -> FloatArray:
        """Return what each member gains upon obedience, ``(S,)``, numeraire, expected over the side-device's draw."""
        key = (number, types, reports)
        if key not in self._gains:
            self._gains[key] = self._work_out(number, types, reports)
        return self._gains[key]

    def expected_gains(self, place: int, type_number: int, numbers: IntegerArray, weights: FloatArray) -> FloatArray:
        """Return what a member expects to gain by each report, ``(R,)``, numeraire, if the others tell the truth.

        Args:
            place: of the member in the coalition.
            type_number: its true type.
            numbers: the profiles of reports to the established mediator that it considers possible, ``(K,)``.
            weights: their probabilities, ``(K,)``.
        """
        key = (place, type_number, numbers.tobytes() + weights.tobytes())
        if key not in self._expected:
            expected = [
                sum(
                    float(weight) * self._gain_of_report(place, type_number, int(number), report)
                    for number, weight in zip(numbers, weights, strict=True)
                )
                for report in range(len(self.terms.information[place]))
            ]
            self._expected[key] = read_only(np.array(expected, dtype=np.float64))
        return self._expected[key]

    def status_quo(self, place: int, type_number: int, numbers: IntegerArray, weights: FloatArray) -> float:
        """Return what a member expects if all obey the grand contract, numeraire; arguments as `expected_gains`."""
        return sum(
            float(weight * self.situation(int(number), self._types(int(number), place, type_number)).status_quo[place])
            for number, weight in zip(numbers, weights, strict=True)
        )

    def stake(self, place: int, type_number: int, numbers: IntegerArray) -> float:
        """Return what is at stake for a member, numeraire: the most at any profile that it considers possible."""
        member = self.coalition[place]
        return max(
            float(self.situation(int(number), self._types(int(number), place, type_number)).stakes[member])
            for number in numbers
        )

    def _gain_of_report(self, place: int, type_number: int, number: int, report: int) -> float:
        reports = [int(truth) for truth in self.information[number]]
        reports[place] = report
        return float(self.gains_at(number, self._types(number, place, type_number), tuple(reports))[place])

    def _types(self, number: int, place: int, type_number: int) -> tuple[int, ...]:
        types = [int(self.contract.economy.profiles[number, member]) for member in self.coalition]
        types[place] = type_number
        return tuple(types)

    def _facing(self, number: int, types: tuple[int, ...]) -> Situation:
        economy = self.contract.economy
        reported = economy.profiles[number]
        if tuple(int(reported[member]) for member in self.coalition) == types:
            return situation_of(self.contract, number, self.coalition, self.rules, self.reaction)
        profile = reported.copy()
        profile[list(self.coalition)] = types
        told, received = self.contract.recommend(reported), self.contract.terms(reported[None]).received
        owned = economy.endowments(profile) if received is None else economy.endowments(profile) + received[0]
        announced = accepted_announcements(told.announced_endowments, owned, told.transfers, self.rules)
        return Situation(
            economy=economy,
            rules=self.rules,
            coalition=self.coalition,
            probability=np.ones(1),
            profiles=profile[None],
            prescribed=stacked([replace(told, announced_endowments=announced)]),
            reaction=self.reaction,
            received=received,
        )

    def _work_out(self, number: int, types: tuple[int, ...], reports: tuple[int, ...]) -> FloatArray:
        situation = self.situation(number, types)
        clause = self.clause(number, types, reports)
        if clause is None:
            return read_only(np.zeros(len(self.coalition)))
        expected: FloatArray = clause.probability @ gains(situation, clause.actions)
        return read_only(expected)


def drawn(clause: Clause, number: float) -> int:
    """Return which of a clause's joint actions a number drawn from [0, 1) picks."""
    limits = np.cumsum(clause.probability).tolist()
    return min(bisect_right(limits, number), len(limits) - 1)
