r"""Certificates of a side-contract: what a coalition's device draws after its members' reports, and what it promises.

A member knows its type and its recommendation, and may report another such pair. After reports that are true together
in some profile, the device draws one of finitely many joint actions, with one vector of side-transfers; after others
everybody obeys the grand contract. Outsiders may answer misquotes by a rule, which then is stored. The certificate is
refused unless members know exactly what they are said to know, no information of theirs loses, together they gain, and
none gains by a false report. If it also claims that no member gains by breaking the agreement alone, whatever the
device draws, be it after a false report, bounds must say so. All of this is derived anew, in rational numbers.

Source: Giraud and Rochon (2001), Definitions 3, 5 and 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import permutations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.certificates.deviation import negligible
from marketgame.mechanisms.certificates.plain.answering import Course, most_by_leaving
from marketgame.mechanisms.certificates.plain.contract import PlainContract, PlainEnd, stored_contract
from marketgame.mechanisms.certificates.plain.deviating import PlainAction, deviation
from marketgame.mechanisms.certificates.plain.keeping import most_by_breaking
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.certificates.plays import PlayOutcome, compared_outcomes, outcome_of
from marketgame.mechanisms.certificates.verification import Verification, compared, required
from marketgame.mechanisms.collusion.side_contracts.side_contract import Answers, Clause, SideContract
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.knowledge import Information
from marketgame.mechanisms.contracts.stated import StatedRecommendations, recommendation_odds
from marketgame.mechanisms.deviations.reactions import StorableReaction, storable
from marketgame.mechanisms.deviations.situation import Reaction
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.market_game.rules import MarketRules


@dataclass(frozen=True, eq=False)
class SideContractCertificate:
    """A side-contract that improves upon a grand contract.

    Attributes:
        economy: the economy.
        rules: of the market.
        numeraire_transfers: of the grand contract, ``(R, N)``, numeraire.
        prices: of the grand contract, ``(P, L)``, numeraire per unit; those of `efficient_allocation` if none are
            given.
        coalition: the members' numbers, ascending.
        information: what each member may know and report.
        clauses: what happens after all reports that can be true together.
        status_quo: expected utility under the grand contract of each information of each member, one ``(I,)`` for each
            member, numeraire.
        promised: expected utility under the side-contract, likewise one ``(I,)`` for each member, numeraire.
        misreport_gain: the most that any information of a member gains by reporting another, numeraire.
        outcomes: how each joint action of each clause ends, ``(B, K, ...)`` with one of K draws for each profile.
        reaction: how outsiders answer quotes that are not the grand contract's; None if they play on.
        stated: what the contract recommends instead of efficient allocations at their prices, if something is stated.
        kept_alone: whether no member gains by breaking the agreement alone, whatever it reports to the device and is
            drawn.

    Raises:
        ValueError: sizes disagree.
    """

    economy: Economy
    rules: MarketRules
    numeraire_transfers: FloatArray
    prices: FloatArray | None
    coalition: tuple[int, ...]
    information: tuple[tuple[Information, ...], ...]
    clauses: tuple[Clause, ...]
    status_quo: tuple[FloatArray, ...]
    promised: tuple[FloatArray, ...]
    misreport_gain: float
    outcomes: tuple[PlayOutcome, ...]
    reaction: StorableReaction | None = None
    stated: StatedRecommendations | None = None
    kept_alone: bool = False

    def __post_init__(self) -> None:
        players, profiles = len(self.economy.players), len(recommendation_odds(self.economy, self.stated))
        ascending = list(self.coalition) == sorted(set(self.coalition))
        if not self.coalition or not ascending or not 0 <= self.coalition[0] <= self.coalition[-1] < players:
            raise ValueError(f"coalition is {self.coalition}; it must list players 0 to {players - 1}, ascending")
        transfers = finite_array("numeraire_transfers", self.numeraire_transfers, (profiles, players))
        object.__setattr__(self, "numeraire_transfers", read_only(transfers))
        for name in ("information", "status_quo", "promised"):
            if len(getattr(self, name)) != len(self.coalition):
                raise ValueError(f"{name} is for {len(getattr(self, name))} members; there are {len(self.coalition)}")
        informed = [len(known) for known in self.information]
        for name in ("status_quo", "promised"):
            if (given := [len(one) for one in getattr(self, name)]) != informed:
                raise ValueError(f"{name} has {given} entries by member; it must have {informed}")
        for known in (one for by_member in self.information for one in by_member):
            if not all(0 <= number < profiles for number in known.profiles):
                raise ValueError(f"information has profiles {known.profiles}; they must be 0 to {profiles - 1}")
        for place, clause in enumerate(self.clauses):
            if len(clause.reports) != len(self.coalition):
                raise ValueError(f"clauses[{place}] has {len(clause.reports)} reports; each member has one")


def certify_side_contract(
    contract: GrandContract,
    rules: MarketRules,
    side_contract: SideContract,
    reaction: Reaction | None = None,
    *,
    kept_alone: bool = False,
) -> SideContractCertificate:
    """Return the certificate of a side-contract, its numbers computed by playing it.

    Args:
        contract: the grand contract.
        rules: of the market.
        side_contract: an improvement; whether it is one is for `verify_side_contract` to say.
        reaction: how outsiders answer quotes that are not the grand contract's.
        kept_alone: whether to claim, too, that no member gains by breaking it alone.

    Raises:
        ValueError: a clause cannot be carried out where it applies, or the reaction cannot be stored.
    """
    members = side_contract.coalition
    draft = SideContractCertificate(
        contract.economy,
        rules,
        contract.numeraire_transfers,
        contract.efficient.price,
        members,
        side_contract.information,
        tuple(_without_orders_to_oneself(clause, members) for clause in side_contract.clauses),
        side_contract.status_quo,
        side_contract.promised,
        0.0,
        (),
        storable(reaction),
        contract.stated,
        kept_alone,
    )
    return _with_numbers(draft, PlainContract(contract, rules))


def expected_gains(certificate: SideContractCertificate) -> list[float]:
    """Return what each member expects to gain before it knows anything, numeraire."""
    likely, found = recommendation_odds(certificate.economy, certificate.stated), []
    for place, known in enumerate(certificate.information):
        chances = np.array([likely[list(one.profiles)].sum() for one in known])
        found.append(float(chances @ (certificate.promised[place] - certificate.status_quo[place])))
    return found


def recomputed_side_contract(certificate: SideContractCertificate) -> SideContractCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: the contract does not exist, a clause is missing, or cannot be carried out where it applies.
    """
    return _with_numbers(certificate, stored_contract(certificate))


def verify_side_contract(certificate: SideContractCertificate) -> Verification:
    """Play all clauses of a certificate in all cases, and compare every number."""
    try:
        contract = stored_contract(certificate)
        knows = _knows_what_it_hears(certificate, contract)
        if not knows.confirmed:
            return knows
        terms = _Terms(certificate, contract)
        doubts = tuple(contract.doubts())
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the side-contract cannot be played: {error}",))
    parts = [Verification(failures=doubts), _improves(certificate, terms), _outcomes_agree(certificate, terms)]
    if certificate.kept_alone:
        parts.append(_kept_alone(certificate, terms))
    for place in range(len(certificate.coalition)):
        stakes = np.array(terms.stakes[place], dtype=np.float64)
        for name in ("status_quo", "promised"):
            found = np.array(getattr(terms, name)[place], dtype=np.float64)
            parts.append(compared(f"{name}[{place}]", getattr(certificate, name)[place], found, stakes))
    return Verification.joined(parts)


def _improves(certificate: SideContractCertificate, terms: _Terms) -> Verification:
    """Check that nobody loses whatever it knows, that there is something to gain, and that lies do not pay."""
    temptation, tempted = terms.misreport_gain()
    losses = [
        required(
            after - before >= -negligible(stake),
            f"a member gains {float(after - before):.6g}; none may lose, whatever it knows",
        )
        for rows in zip(terms.promised, terms.status_quo, terms.stakes, strict=True)
        for after, before, stake in zip(*rows, strict=True)
    ]
    total, counts = terms.total_gain, terms.total_negligible
    stored = compared("misreport_gain", certificate.misreport_gain, float(temptation), float(tempted))
    return Verification.joined(
        (
            stored,
            *losses,
            required(
                temptation <= negligible(tempted),
                f"a member gains {float(temptation):.6g} by a false report; none may gain",
            ),
            required(
                total > counts,
                f"the members together expect to gain {float(total):.6g}, not more than {float(counts):.2g}; "
                "somebody must gain",
            ),
            required(not terms.orders_to_oneself, "a member orders from itself, which means nothing; that must be 0"),
        )
    )


def _kept_alone(certificate: SideContractCertificate, terms: _Terms) -> Verification:
    """Check that no member gains by breaking the agreement alone, even if it knew the profile and what was drawn."""
    contract, members = terms.contract, certificate.coalition
    if certificate.reaction is not None:
        return Verification(failures=("that no member breaks it is not known where outsiders answer misquotes",))
    failures = list[str]()
    for clause in certificate.clauses:
        if clause.answers is not None:
            failures += _tempted_to_leave(clause, certificate, terms)
            continue
        for drawn in range(len(clause.probability)):
            action = PlainAction.of(clause.actions[drawn])
            for number in terms.cells[clause.reports]:
                play = deviation(contract, number, members, action, None)
                kept, before = contract.ended(play, number).utility, contract.obeyed(number).utility
                for member in members:
                    most = most_by_breaking(contract, number, play, member)
                    # What the agreement brings a member is at stake for it, too.
                    stake = contract.stakes[number][member] + abs(kept[member] - before[member])
                    name = certificate.economy.player_names[member]
                    if most is None:
                        failures.append(f"what {name} gains by breaking the agreement is not bounded")
                    elif most - kept[member] > negligible(stake):
                        beyond = float(most - kept[member])
                        failures.append(f"{name} might gain up to {beyond:.6g} by breaking the agreement alone")
    return Verification(failures=tuple([*failures, *_tempted_by_reports(certificate, terms)][:1]))


def _tempted_to_leave(clause: Clause, certificate: SideContractCertificate, terms: _Terms) -> Iterator[str]:
    """Yield why a member might gain by something else than its plan, of which it knows what it was told."""
    contract, members, chances = terms.contract, certificate.coalition, exact(clause.probability)
    answers, actions = clause.answers, [PlainAction.of(clause.actions[drawn]) for drawn in range(len(chances))]
    if answers is None or len(terms.cells[clause.reports]) != 1:
        yield "that no member leaves its plan is not known where it does not know the profile"
        return
    (number,) = terms.cells[clause.reports]
    plays = [deviation(contract, number, members, action, None) for action in actions]
    kept, before = [contract.ended(play, number).utility for play in plays], contract.obeyed(number).utility
    for place, member in enumerate(members):
        for plan in np.unique(answers.plans[:, place]):
            drawn = np.flatnonzero(answers.plans[:, place] == plan).tolist()
            told = sum((chances[one] for one in drawn), NOTHING)
            courses = []
            for one in drawn if told > 0 else ():
                orders = list(plays[one].orders)
                for other, asked in zip(members, answers.otherwise[one], strict=True):
                    orders[other] = [exact(row) for row in asked]
                whatever = orders if _answers_alike(clause, answers, one, place) else None
                courses.append(Course(chances[one] / told, plays[one], whatever))
            most = most_by_leaving(contract, number, courses, member) if courses else NOTHING
            promised = sum((chances[one] / told * kept[one][member] for one in drawn if told > 0), NOTHING)
            stake = contract.stakes[number][member] + abs(promised - before[member])
            name = certificate.economy.player_names[member]
            if most is None:
                yield f"what {name} gains by leaving its plan is not bounded"
            elif most - promised > negligible(stake):
                yield f"{name} might gain up to {float(most - promised):.6g} by leaving its plan"


def _answers_alike(clause: Clause, answers: Answers, drawn: int, place: int) -> bool:
    """Say whether the others' plans answer all that a member may quote but what it is told in the same way."""
    for other in set(range(len(clause.actions.quotes[drawn]))) - {place}:
        for number in np.flatnonzero(answers.plans[:, other] == answers.plans[drawn, other]):
            as_told = (clause.actions.quotes[number, place] == clause.actions.quotes[drawn, place]).all()
            if not as_told and (clause.actions.orders[number, other] != answers.otherwise[drawn, other]).any():
                return False
    return True


def _tempted_by_reports(certificate: SideContractCertificate, terms: _Terms) -> Iterator[str]:
    """Yield why a member might gain by a false report, whether the agreement then stands or not, and any replies."""
    for place, known in enumerate(certificate.information):
        name = certificate.economy.player_names[certificate.coalition[place]]
        for truth, report in permutations(range(len(known)), 2):
            most, promised = terms.most_after_report(place, truth, report), terms.promised[place][truth]
            stake = terms.stakes[place][truth] + abs(promised - terms.status_quo[place][truth])
            if most is None:
                yield f"what {name} gains by a false report and its replies is not bounded"
            elif most - promised > negligible(stake):
                yield f"{name} might gain up to {float(most - promised):.6g} by a false report and its replies"


def _outcomes_agree(certificate: SideContractCertificate, terms: _Terms) -> Verification:
    """Compare how every joint action ends with how it is said to end."""
    stored, wanted = len(certificate.outcomes), len(certificate.clauses)
    if stored != wanted:
        return Verification(failures=(f"outcomes is for {stored} clauses; there are {wanted}",))
    parts = []
    for place, (kept, clause) in enumerate(zip(certificate.outcomes, certificate.clauses, strict=True)):
        numbers, found = terms.cells[clause.reports], terms.outcome(clause)
        parts.append(compared_outcomes(f"outcomes[{place}]", kept, found, terms.contract, numbers))
    return Verification.joined(parts)


class _Terms:
    """What a side-contract brings, by enumeration.

    Attributes:
        contract: that is to be improved upon.
        cells: the profiles in which reports are true together, by these reports.
        stakes: what is at stake for each information of each member, numeraire.
        status_quo: what each expects under the grand contract, numeraire.
        promised: likewise under the side-contract.
    """

    def __init__(self, certificate: SideContractCertificate, contract: PlainContract) -> None:
        self.certificate, self.contract = certificate, contract
        self.clauses = {clause.reports: clause for clause in certificate.clauses}
        if len(self.clauses) < len(certificate.clauses):
            raise ValueError("there are two clauses for the same reports")
        self.cells: dict[tuple[int, ...], list[int]] = {}
        for number, reports in enumerate(_known_at(certificate)):
            if min(reports) >= 0:
                self.cells.setdefault(reports, []).append(number)
        missing = self.cells.keys() ^ self.clauses.keys()
        if missing:
            raise ValueError(f"there must be one clause for all reports that can be true together, also {min(missing)}")
        self.likely = {
            reports: sum((contract.probability[number] for number in numbers), NOTHING)
            for reports, numbers in self.cells.items()
        }
        self.kept = {
            reports: self._mean(reports, map(contract.obeyed, numbers)) for reports, numbers in self.cells.items()
        }
        self.brought = {reports: self._value(reports, self.clauses[reports]) for reports in self.cells}
        self.status_quo, self.promised = self._interim(self.kept), self._interim(self.brought)
        self.stakes = [
            [contract.stakes[known.profiles[0]][member] for known in certificate.information[place]]
            for place, member in enumerate(certificate.coalition)
        ]

    @property
    def total_gain(self) -> Fraction:
        """What the members together expect to gain before they know anything, numeraire."""
        return sum(
            (
                chance * (sum(self.brought[reports], NOTHING) - sum(self.kept[reports], NOTHING))
                for reports, chance in self.likely.items()
            ),
            NOTHING,
        )

    @property
    def total_negligible(self) -> Fraction:
        """Up to where that is none, numeraire."""
        at_stake = (
            chance * self.contract.at_stake(self.certificate.coalition, self.cells[reports][0])
            for reports, chance in self.likely.items()
        )
        return negligible(sum(at_stake, NOTHING))

    @property
    def orders_to_oneself(self) -> bool:
        """Whether some joint action holds numbers without meaning."""
        members = self.certificate.coalition
        return any(clause.actions.orders[:, range(len(members)), members].any() for clause in self.certificate.clauses)

    def outcome(self, clause: Clause) -> PlayOutcome:
        """Return how each joint action of a clause ends where its reports are true, ``(B, K, ...)``."""
        ends = [outcome_of(self._ended(clause.reports, clause, number)) for number in range(len(clause.probability))]
        return PlayOutcome(
            np.stack([end.cost for end in ends]),
            np.stack([end.bankrupt for end in ends]),
            np.stack([end.consumption for end in ends]),
            np.stack([end.utility for end in ends]),
        )

    def misreport_gain(self) -> tuple[Fraction, Fraction]:
        """Return the most that any information of a member gains by reporting another, and what is then at stake.

        The most relative to what is at stake comes first, should that be another than the most.
        """
        found = [
            (self._after_report(place, truth, report) - self.promised[place][truth], self.stakes[place][truth])
            for place, known in enumerate(self.certificate.information)
            for truth in range(len(known))
            for report in range(len(known))
            if report != truth
        ]
        tempting = [(gain, stake) for gain, stake in found if gain > negligible(stake)]
        return max(tempting or found, default=(NOTHING, NOTHING))

    def _after_report(self, place: int, truth: int, report: int) -> Fraction:
        total = weight = NOTHING
        for reports, chance in self.likely.items():
            if reports[place] == truth:
                heard = (*reports[:place], report, *reports[place + 1 :])
                value = self.kept[reports]
                if heard in self.clauses:
                    try:
                        value = self._value(reports, self.clauses[heard])
                    except ValueError:
                        # Somebody cannot show what it is told to announce, or cover a transfer; that voids the clause.
                        value = self.kept[reports]
                total += chance * value[place]
                weight += chance
        return total / weight

    def most_after_report(self, place: int, truth: int, report: int) -> Fraction | None:
        """Return what information of a member cannot expect beyond if it reports something else; none if unknown.

        It may then do anything, as if it knew everybody's type and what was drawn.
        """
        total = weight = NOTHING
        for reports, chance in self.likely.items():
            if reports[place] == truth:
                heard = (*reports[:place], report, *reports[place + 1 :])
                clause = self.clauses.get(heard)
                for number in self.cells[reports]:
                    most = self._most_by_replies(place, number, reports, clause)
                    if most is None:
                        return None
                    total += self.contract.probability[number] * most
                weight += chance
        return total / weight

    def _most_by_replies(
        self, place: int, number: int, reports: tuple[int, ...], clause: Clause | None
    ) -> Fraction | None:
        """Return the same at one profile if the others play a clause, or the grand contract without one."""
        contract, members = self.contract, self.certificate.coalition
        usual = most_by_breaking(contract, number, contract.play(number), members[place])
        if clause is None or usual is None:
            return usual
        if clause.answers is not None:
            # Whoever quotes otherwise is answered otherwise.
            return None
        chances = exact(clause.probability)
        expected = NOTHING
        for drawn, chance in enumerate(chances):
            play = deviation(contract, number, members, PlainAction.of(clause.actions[drawn]), None)
            most = most_by_breaking(contract, number, play, members[place])
            if most is None:
                return None
            expected += chance * most / sum(chances, NOTHING)
        try:
            self._value(reports, clause)
        except ValueError:
            # It is void if somebody is told what it cannot do; the member may do something else in time.
            return max(expected, usual)
        return expected

    def _value(self, reports: tuple[int, ...], clause: Clause) -> list[Fraction]:
        """Return what a clause brings each member where these reports are true, numeraire."""
        chances = exact(clause.probability)
        total, value = sum(chances, NOTHING), [NOTHING for _ in self.certificate.coalition]
        for number, chance in enumerate(chances):
            brings = self._mean(reports, self._ended(reports, clause, number))
            value = [sum_ + chance * one / total for sum_, one in zip(value, brings, strict=True)]
        return value

    def _ended(self, reports: tuple[int, ...], clause: Clause, number: int) -> list[PlainEnd]:
        """Return how a joint action of a clause ends in every profile in which these reports are true."""
        certificate, contract = self.certificate, self.contract
        action = PlainAction.of(clause.actions[number])
        return [
            contract.ended(deviation(contract, profile, certificate.coalition, action, certificate.reaction), profile)
            for profile in self.cells[reports]
        ]

    def _mean(self, reports: tuple[int, ...], ends: Iterable[PlainEnd]) -> list[Fraction]:
        """Return what each member expects of plays in all profiles in which these reports are true, numeraire."""
        weighted = list(zip(self.cells[reports], ends, strict=True))
        return [
            sum((self.contract.probability[number] * end.utility[member] for number, end in weighted), NOTHING)
            / self.likely[reports]
            for member in self.certificate.coalition
        ]

    def _interim(self, by_cell: dict[tuple[int, ...], list[Fraction]]) -> list[list[Fraction]]:
        found = []
        for place, known in enumerate(self.certificate.information):
            total, weight = [NOTHING for _ in known], [NOTHING for _ in known]
            for reports, value in by_cell.items():
                total[reports[place]] += self.likely[reports] * value[place]
                weight[reports[place]] += self.likely[reports]
            found.append([one / chance for one, chance in zip(total, weight, strict=True)])
        return found


def _with_numbers(certificate: SideContractCertificate, contract: PlainContract) -> SideContractCertificate:
    terms = _Terms(certificate, contract)
    return replace(
        certificate,
        status_quo=tuple(np.array(row, dtype=np.float64) for row in terms.status_quo),
        promised=tuple(np.array(row, dtype=np.float64) for row in terms.promised),
        misreport_gain=float(terms.misreport_gain()[0]),
        outcomes=tuple(terms.outcome(clause) for clause in certificate.clauses),
    )


def _known_at(certificate: SideContractCertificate) -> list[tuple[int, ...]]:
    """Return the number of what each member knows, for every profile; -1 where nothing is stored."""
    table = [[-1 for _ in certificate.coalition] for _ in recommendation_odds(certificate.economy, certificate.stated)]
    for place, by_member in enumerate(certificate.information):
        for number, known in enumerate(by_member):
            for profile in known.profiles:
                table[profile][place] = number
    return [tuple(row) for row in table]


def _knows_what_it_hears(certificate: SideContractCertificate, contract: PlainContract) -> Verification:
    """Check that what members may know is exactly what the contract tells them, and their types."""
    parts = []
    for place, member in enumerate(certificate.coalition):
        name, stored = certificate.economy.player_names[member], certificate.information[place]
        parts.append(
            required(
                sorted(list(known.profiles) for known in stored) == sorted(contract.cells((member,))),
                f"what {name} may know is not what the contract tells it",
            )
        )
        types = [known.type for known in stored]
        right = all(contract.profiles[number][member] == known.type for known in stored for number in known.profiles)
        parts.append(
            required(right, f"the types in what {name} may know are {types}, which are not those of the profiles")
        )
    table = _known_at(certificate)
    for place, clause in enumerate(certificate.clauses):
        true_at = [number for number, reports in enumerate(table) if reports == clause.reports]
        parts.append(
            required(
                list(clause.profiles) == true_at,
                f"clauses[{place}].profiles is {list(clause.profiles)}; its reports are true in {true_at}",
            )
        )
    return Verification.joined(parts)


def _without_orders_to_oneself(clause: Clause, members: tuple[int, ...]) -> Clause:
    def others_only(orders: FloatArray) -> FloatArray:
        kept = orders.copy()
        kept[:, range(len(members)), members] = 0.0
        return kept

    answers, actions = clause.answers, replace(clause.actions, orders=others_only(clause.actions.orders))
    if answers is not None:
        answers = replace(answers, otherwise=others_only(answers.otherwise))
    return replace(clause, actions=actions, answers=answers)
