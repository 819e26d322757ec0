r"""Certificates of a side-contract: what a coalition's device draws after its members' reports, and what it promises.

A member knows its type and its recommendation, and may report another such pair. After reports that are true together
in some profile, the device draws one of finitely many joint actions, with one vector of side-transfers; after others
everybody obeys the grand contract. Outsiders may answer misquotes by a rule, which then is stored. The certificate is
refused unless members know exactly what they are said to know, no information of theirs loses, together they gain, and
none gains by a false report. If it also claims that no member gains by breaking the agreement alone, whatever the
device draws, be it after a false report, bounds must say so; if it claims that it is internally consistent, so they
must of every proper part of the coalition, which pools what its members know. A part whose bound leaves it something
to gain may still agree on nothing that its own parts would not break; that is not claimed. All of this is derived anew,
in rational numbers.

Source: Giraud and Rochon (2001), Definitions 3 and 5 to 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.certificates.deviation import negligible
from marketgame.mechanisms.certificates.plain.answering import Course, most_by_leaving
from marketgame.mechanisms.certificates.plain.bounds import TWO, PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract, PlainEnd, stored_contract
from marketgame.mechanisms.certificates.plain.deviating import PlainAction, deviation
from marketgame.mechanisms.certificates.plain.parts import most_by_part, proper_parts
from marketgame.mechanisms.certificates.plain.settlement import NOTHING, PlainPlay
from marketgame.mechanisms.certificates.plays import PlayOutcome, compared_outcomes, outcome_of
from marketgame.mechanisms.certificates.verification import Verification, compared, required
from marketgame.mechanisms.collusion.side_contracts.side_contract import Answers, Clause, SideContract
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.knowledge import Information
from marketgame.mechanisms.contracts.stated import StatedRecommendations, recommendation_odds
from marketgame.mechanisms.deviations.reactions import StorableReaction, storable
from marketgame.mechanisms.deviations.situation import Reaction
from marketgame.mechanisms.economies.coalitions import coalition_name
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.market_game.rules import MarketRules


@dataclass(frozen=True)
class PartBound:
    """What a proper part of a coalition cannot gain beyond by breaking the agreement together.

    Attributes:
        members: of the part, their numbers, ascending.
        gain: at most in sum, whatever they know, report and are told, numeraire.
    """

    members: tuple[int, ...]
    gain: float


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
        parts: what every proper part of two members or more gains at most by breaking it, the small ones first; empty
            if that is not claimed to be nothing.

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
    parts: tuple[PartBound, ...] = ()

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
        self._refuse_missing_parts()

    def _refuse_missing_parts(self) -> None:
        listed, every = [one.members for one in self.parts], proper_parts(self.coalition, TWO)
        if listed not in ([], every):
            raise ValueError(f"parts are {listed}; if any are bounded all must be: {every}")

    @property
    def internally_consistent(self) -> bool:
        """Whether it claims that no proper part of the coalition gains by breaking the agreement."""
        return self.kept_alone and len(self.parts) == len(proper_parts(self.coalition, TWO))


def certify_side_contract(
    contract: GrandContract,
    rules: MarketRules,
    side_contract: SideContract,
    reaction: Reaction | None = None,
    *,
    kept_alone: bool = False,
    kept_by_parts: bool = False,
) -> SideContractCertificate:
    """Return the certificate of a side-contract, its numbers computed by playing it.

    Args:
        contract: the grand contract.
        rules: of the market.
        side_contract: an improvement; whether it is one is for `verify_side_contract` to say.
        reaction: how outsiders answer quotes that are not the grand contract's.
        kept_alone: whether to claim, too, that no member gains by breaking it alone.
        kept_by_parts: likewise of every part of two members or more.

    Raises:
        ValueError: a clause cannot be carried out where it applies, the reaction cannot be stored, or what a part gains
            is not bounded.
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
        tuple(PartBound(part, 0.0) for part in proper_parts(members, TWO) if kept_by_parts),
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
    if certificate.kept_alone or certificate.parts:
        parts.append(_kept_alone(certificate, terms))
    if parts[-1].confirmed:
        parts += [_kept_by_part(certificate, terms, number) for number in range(len(certificate.parts))]
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


@dataclass(frozen=True)
class _Temptation:
    """What some members might gain by breaking the agreement in one case.

    Attributes:
        gain: at most, numeraire; none if it is not bounded.
        stake: what is at stake for them, and what the agreement brings them, numeraire.
        how: they break it.
    """

    gain: Fraction | None
    stake: Fraction
    how: str


def _kept_alone(certificate: SideContractCertificate, terms: _Terms) -> Verification:
    """Check that no member gains by breaking the agreement alone, whatever it knows of the profile and the draw."""
    if certificate.reaction is not None:
        return Verification(failures=("that no member breaks it is not known where outsiders answer misquotes",))
    for place in range(len(certificate.coalition)):
        refused = _refused(certificate, (place,), _temptations(certificate, terms, (place,)))
        if not refused.confirmed:
            return refused
    return Verification()


def _kept_by_part(certificate: SideContractCertificate, terms: _Terms, number: int) -> Verification:
    """Check that a part gains nothing by breaking the agreement together, and what it is said to gain at most."""
    part = certificate.parts[number]
    places = _places(certificate, part.members)
    found = list(_temptations(certificate, terms, places))
    most, stake = max((one.gain or NOTHING, one.stake) for one in found)
    stored = compared(f"parts[{number}].gain", part.gain, float(most), float(stake))
    return Verification.joined((_refused(certificate, places, found), stored))


def _refused(
    certificate: SideContractCertificate, places: tuple[int, ...], tempted: Iterable[_Temptation]
) -> Verification:
    for one in tempted:
        if one.gain is None:
            return Verification(failures=(f"what {_name(certificate, places)} gains by {one.how} is not bounded",))
        if one.gain > negligible(one.stake):
            gain = f"{_name(certificate, places)} might gain up to {float(one.gain):.6g} by {one.how}"
            return Verification(failures=(gain,))
    return Verification()


def _temptations(certificate: SideContractCertificate, terms: _Terms, places: tuple[int, ...]) -> Iterator[_Temptation]:
    """Yield what members might gain after the truth, as if they knew the profile and what was drawn, and after lies."""
    contract, part = terms.contract, [certificate.coalition[place] for place in places]
    how = "breaking the agreement alone" if len(places) == 1 else "breaking the agreement together"
    for clause in certificate.clauses:
        if clause.answers is not None:
            yield from _tempted_to_leave(clause, certificate, terms, places)
            continue
        for drawn in range(len(clause.probability)):
            for number in terms.cells[clause.reports]:
                play, kept = terms.played(clause, drawn, number)
                before = contract.obeyed(number).utility
                most = terms.most_by(places, number, play)
                # What the agreement brings a member is at stake for it, too.
                stake = sum((contract.stakes[number][one] + abs(kept[one] - before[one]) for one in part), NOTHING)
                yield _Temptation(
                    None if most is None else most - sum((kept[one] for one in part), NOTHING), stake, how
                )
    how = "a false report and its replies" if len(places) == 1 else "false reports and their replies"
    for truth in terms.known_to(places):
        promised, kept_by = terms.expected(terms.brought, places, truth), terms.expected(terms.kept, places, truth)
        stake = sum((terms.stakes[place][known] for place, known in zip(places, truth, strict=True)), NOTHING)
        stake += sum((abs(after - before) for after, before in zip(promised, kept_by, strict=True)), NOTHING)
        for reports in product(*(range(len(certificate.information[place])) for place in places)):
            if reports != truth:
                most = terms.most_after_reports(places, truth, reports)
                yield _Temptation(None if most is None else most - sum(promised, NOTHING), stake, how)


def _places(certificate: SideContractCertificate, part: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(certificate.coalition.index(member) for member in part)


def _name(certificate: SideContractCertificate, places: tuple[int, ...]) -> str:
    return coalition_name(certificate.economy.player_names[certificate.coalition[place]] for place in places)


def _most_of_part(certificate: SideContractCertificate, terms: _Terms, part: PartBound) -> Fraction:
    """Return the most that a part might gain in any case.

    Raises:
        ValueError: it is not bounded.
    """
    gains = [one.gain for one in _temptations(certificate, terms, _places(certificate, part.members))]
    if None in gains:
        raise ValueError("what some members gain by breaking the agreement together is not bounded")
    return max(gain for gain in gains if gain is not None)


def _tempted_to_leave(
    clause: Clause, certificate: SideContractCertificate, terms: _Terms, places: tuple[int, ...]
) -> Iterator[_Temptation]:
    """Yield what a member might gain by something else than its plan, of which it knows what it was told."""
    contract, members, chances = terms.contract, certificate.coalition, exact(clause.probability)
    answers, actions = clause.answers, [PlainAction.of(clause.actions[drawn]) for drawn in range(len(chances))]
    how = "leaving its plan"
    if answers is None or len(terms.cells[clause.reports]) != 1 or len(places) > 1:
        # It may not know the profile, and those who pool their plans may quote what others answer.
        yield _Temptation(None, NOTHING, how)
        return
    (number,), (place,) = terms.cells[clause.reports], places
    plays = [deviation(contract, number, members, action, None) for action in actions]
    kept, before = [contract.ended(play, number).utility for play in plays], contract.obeyed(number).utility
    member = members[place]
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
        yield _Temptation(None if most is None else most - promised, stake, how)


def _answers_alike(clause: Clause, answers: Answers, drawn: int, place: int) -> bool:
    """Say whether the others' plans answer all that a member may quote but what it is told in the same way."""
    for other in set(range(len(clause.actions.quotes[drawn]))) - {place}:
        for number in np.flatnonzero(answers.plans[:, other] == answers.plans[drawn, other]):
            as_told = (clause.actions.quotes[number, place] == clause.actions.quotes[drawn, place]).all()
            if not as_told and (clause.actions.orders[number, other] != answers.otherwise[drawn, other]).any():
                return False
    return True


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
        bounds: on what can be gained against it.
        cells: the profiles in which reports are true together, by these reports.
        stakes: what is at stake for each information of each member, numeraire.
        status_quo: what each expects under the grand contract, numeraire.
        promised: likewise under the side-contract.
    """

    def __init__(self, certificate: SideContractCertificate, contract: PlainContract) -> None:
        self.certificate, self.contract, self.bounds = certificate, contract, PlainBounds(contract)
        self._plays: dict[tuple[tuple[int, ...], int, int], tuple[PlainPlay, list[Fraction]]] = {}
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

    def played(self, clause: Clause, drawn: int, number: int) -> tuple[PlainPlay, list[Fraction]]:
        """Return a joint action of a clause at a profile where it applies, and what it brings everybody."""
        if (clause.reports, drawn, number) not in self._plays:
            action = PlainAction.of(clause.actions[drawn])
            play = deviation(self.contract, number, self.certificate.coalition, action, None)
            self._plays[clause.reports, drawn, number] = play, self.contract.ended(play, number).utility
        return self._plays[clause.reports, drawn, number]

    def known_to(self, places: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return all that members may know together."""
        return list(dict.fromkeys(tuple(reports[place] for place in places) for reports in self.likely))

    def expected(
        self, by_cell: dict[tuple[int, ...], list[Fraction]], places: tuple[int, ...], truth: tuple[int, ...]
    ) -> list[Fraction]:
        """Return what each of some members expects who know something together, numeraire."""
        cells = self._knowing(places, truth)
        likely = sum((self.likely[reports] for reports in cells), NOTHING)
        return [sum((self.likely[one] * by_cell[one][place] for one in cells), NOTHING) / likely for place in places]

    def most_after_reports(
        self, places: tuple[int, ...], truth: tuple[int, ...], reports: tuple[int, ...]
    ) -> Fraction | None:
        """Return what members who know something cannot expect beyond if they report something else; none if unknown.

        They may then do anything, as if they knew everybody's type and what was drawn.
        """
        total = weight = NOTHING
        for true in self._knowing(places, truth):
            heard = list(true)
            for place, report in zip(places, reports, strict=True):
                heard[place] = report
            clause = self.clauses.get(tuple(heard))
            for number in self.cells[true]:
                most = self._most_by_replies(places, number, true, clause)
                if most is None:
                    return None
                total += self.contract.probability[number] * most
            weight += self.likely[true]
        return total / weight

    def _knowing(self, places: tuple[int, ...], truth: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [reports for reports in self.likely if tuple(reports[place] for place in places) == truth]

    def most_by(self, places: tuple[int, ...], number: int, play: PlainPlay) -> Fraction | None:
        """Return what members cannot enjoy beyond in sum at a profile if all others play on; none if unknown."""
        return most_by_part(self.bounds, number, play, tuple(self.certificate.coalition[place] for place in places))

    def _most_by_replies(
        self, places: tuple[int, ...], number: int, reports: tuple[int, ...], clause: Clause | None
    ) -> Fraction | None:
        """Return the same at one profile if the others play a clause, or the grand contract without one."""
        contract, members = self.contract, self.certificate.coalition
        usual = self.most_by(places, number, contract.play(number))
        if clause is None or usual is None:
            return usual
        if clause.answers is not None:
            # Whoever quotes otherwise is answered otherwise.
            return None
        chances = exact(clause.probability)
        expected = NOTHING
        for drawn, chance in enumerate(chances):
            play = deviation(contract, number, members, PlainAction.of(clause.actions[drawn]), None)
            most = self.most_by(places, number, play)
            if most is None:
                return None
            expected += chance * most / sum(chances, NOTHING)
        try:
            self._value(reports, clause)
        except ValueError:
            # It is void if somebody is told what it cannot do; the members may do something else in time.
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
        parts=tuple(replace(part, gain=float(_most_of_part(certificate, terms, part))) for part in certificate.parts),
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
