r"""Certificates of a side-contract: what a coalition's device draws after its members' reports, and what it promises.

A member knows its type and its recommendation, and may report another such pair. After reports that are true together
in some profile, the device draws one of finitely many joint actions, with one vector of side-transfers; after others
everybody obeys the grand contract. Outsiders may answer misquotes by a rule, which then is stored. The certificate is
refused unless members cannot be told to know more or less than they do, no information of theirs loses, some gains, and
none gains by a false report.

Source: Giraud and Rochon (2001), Definitions 3, 5 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mechanisms.arrays import FloatArray, IntegerArray, finite_array, read_only
from mechanisms.certificates.plays import PlayOutcome, deviating_play, order_rounding, outcome_of, prescribed_play
from mechanisms.certificates.reactions import StorableReaction, storable
from mechanisms.certificates.verification import Verification, compared, required
from mechanisms.collusion.information import Information
from mechanisms.collusion.side_contract import Clause, SideContract
from mechanisms.deviations.situation import Reaction, Situation, situation_among
from mechanisms.economy import Economy
from mechanisms.efficiency import efficient_allocation
from mechanisms.grand_contract import GrandContract
from mechanisms.market_rules import MarketRules
from mechanisms.messages import information

# Lotteries come from linear programs; what they lose or tempt to by less, relative to utilities, is rounding.
PROGRAM_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class SideContractCertificate:
    """A side-contract that improves upon a grand contract.

    Attributes:
        economy: the economy.
        rules: of the market.
        numeraire_transfers: of the grand contract, ``(P, N)``, numeraire.
        coalition: the members' numbers, ascending.
        information: what each member may know and report.
        clauses: what happens after all reports that can be true together.
        status_quo: expected utility of each information of each member under the grand contract, numeraire.
        promised: likewise under the side-contract.
        misreport_gain: the most that any information of a member gains by reporting another, numeraire.
        outcomes: how each joint action of each clause ends, ``(B, K, ...)`` with one of K draws for each profile.
        reaction: how outsiders answer quotes that are not the grand contract's; None if they play on.

    Raises:
        ValueError: sizes disagree.
    """

    economy: Economy
    rules: MarketRules
    numeraire_transfers: FloatArray
    coalition: tuple[int, ...]
    information: tuple[tuple[Information, ...], ...]
    clauses: tuple[Clause, ...]
    status_quo: tuple[FloatArray, ...]
    promised: tuple[FloatArray, ...]
    misreport_gain: float
    outcomes: tuple[PlayOutcome, ...]
    reaction: StorableReaction | None = None

    def __post_init__(self) -> None:
        players, profiles = len(self.economy.players), len(self.economy.profiles)
        ascending = list(self.coalition) == sorted(set(self.coalition))
        if not self.coalition or not ascending or not 0 <= self.coalition[0] <= self.coalition[-1] < players:
            raise ValueError(f"coalition is {self.coalition}; it must list players 0 to {players - 1}, ascending")
        transfers = finite_array("numeraire_transfers", self.numeraire_transfers, (profiles, players))
        object.__setattr__(self, "numeraire_transfers", read_only(transfers))
        for name in ("information", "status_quo", "promised"):
            if len(getattr(self, name)) != len(self.coalition):
                raise ValueError(f"{name} is for {len(getattr(self, name))} members; there are {len(self.coalition)}")
        for known in (one for by_member in self.information for one in by_member):
            if not all(0 <= number < profiles for number in known.profiles):
                raise ValueError(f"information has profiles {known.profiles}; they must be 0 to {profiles - 1}")
        for place, clause in enumerate(self.clauses):
            if len(clause.reports) != len(self.coalition):
                raise ValueError(f"clauses[{place}] has {len(clause.reports)} reports; each member has one")


def certify_side_contract(
    contract: GrandContract, rules: MarketRules, side_contract: SideContract, reaction: Reaction | None = None
) -> SideContractCertificate:
    """Return the certificate of a side-contract, its numbers computed by playing it.

    Args:
        contract: the grand contract.
        rules: of the market.
        side_contract: an improvement; whether it is one is for `verify_side_contract` to say.
        reaction: how outsiders answer quotes that are not the grand contract's.

    Raises:
        ValueError: a clause cannot be carried out where it applies, or the reaction cannot be stored.
    """
    members = side_contract.coalition
    cleaned = tuple(_without_orders_to_oneself(clause, members) for clause in side_contract.clauses)
    draft = SideContractCertificate(
        contract.economy,
        rules,
        contract.numeraire_transfers,
        members,
        side_contract.information,
        cleaned,
        side_contract.status_quo,
        side_contract.promised,
        0.0,
        (),
        storable(reaction),
    )
    return recomputed_side_contract(draft, contract)


def expected_gains(certificate: SideContractCertificate) -> list[float]:
    """Return what each member expects to gain before it knows anything, numeraire."""
    likely, found = certificate.economy.prior.probability, []
    for place, known in enumerate(certificate.information):
        chances = np.array([likely[list(one.profiles)].sum() for one in known])
        found.append(float(chances @ (certificate.promised[place] - certificate.status_quo[place])))
    return found


def recomputed_side_contract(
    certificate: SideContractCertificate, contract: GrandContract | None = None
) -> SideContractCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: the contract does not exist, a clause is missing, or cannot be carried out where it applies.
    """
    terms = _Terms(certificate, _contract(certificate) if contract is None else contract)
    return replace(
        certificate,
        status_quo=terms.status_quo,
        promised=terms.promised,
        misreport_gain=terms.misreport_gain(),
        outcomes=tuple(terms.outcome(clause) for clause in certificate.clauses),
    )


def verify_side_contract(certificate: SideContractCertificate) -> Verification:
    """Play all clauses of a certificate in all cases, and compare every number."""
    try:
        contract = _contract(certificate)
        knows = _knows_what_it_hears(certificate, contract)
        if not knows.confirmed:
            return knows
        terms = _Terms(certificate, contract)
        temptation = terms.misreport_gain()
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the side-contract cannot be played: {error}",))
    size = max(float(np.abs(kept).max()) for kept in terms.status_quo)
    slack = PROGRAM_TOLERANCE * (1 + size)
    gains = np.concatenate([after - before for after, before in zip(terms.promised, terms.status_quo, strict=True)])
    parts = [
        compared("misreport_gain", certificate.misreport_gain, temptation, size, terms.rounding),
        required(temptation <= slack, f"a member gains {temptation:.6g} by a false report; none may gain"),
        required(gains.min() >= -slack, f"a member gains {gains.min():.6g}; none may lose, whatever it knows"),
        required(gains.max() > slack, f"the most a member gains is {gains.max():.6g}; somebody must gain"),
        required(not terms.orders_to_oneself, "a member orders from itself, which means nothing; that must be 0"),
    ]
    for place in range(len(certificate.coalition)):
        parts += [
            compared(f"status_quo[{place}]", certificate.status_quo[place], terms.status_quo[place]),
            compared(f"promised[{place}]", certificate.promised[place], terms.promised[place], rounding=terms.rounding),
        ]
    return Verification.joined([*parts, _outcomes_agree(certificate, terms)])


def _outcomes_agree(certificate: SideContractCertificate, terms: _Terms) -> Verification:
    """Compare how every joint action ends with how it is said to end."""
    stored, wanted = len(certificate.outcomes), len(certificate.clauses)
    if stored != wanted:
        return Verification(failures=(f"outcomes is for {stored} clauses; there are {wanted}",))
    parts = []
    for place, (kept, clause) in enumerate(zip(certificate.outcomes, certificate.clauses, strict=True)):
        found = terms.outcome(clause)
        for name in ("cost", "bankrupt", "consumption", "utility"):
            path = f"outcomes[{place}].{name}"
            parts.append(compared(path, getattr(kept, name), getattr(found, name), rounding=terms.rounding))
    return Verification.joined(parts)


class _Terms:
    """What a side-contract brings, by enumeration.

    Attributes:
        status_quo: what each information of each member expects under the grand contract.
        promised: likewise under the side-contract.
        rounding: by how much utilities may differ between machines.
    """

    def __init__(self, certificate: SideContractCertificate, contract: GrandContract) -> None:
        self.certificate = certificate
        self.rounding = 0.0
        self.clauses = {clause.reports: clause for clause in certificate.clauses}
        known = _known_at(certificate)
        self.cells = {
            reports: np.flatnonzero((known == reports).all(axis=1))
            for reports in dict.fromkeys(tuple(map(int, row)) for row in known if row.min() >= 0)
        }
        missing = self.cells.keys() ^ self.clauses.keys()
        if missing:
            raise ValueError(f"there must be one clause for all reports that can be true together, also {min(missing)}")
        self.situations = {
            reports: situation_among(contract, numbers, certificate.coalition, certificate.rules, certificate.reaction)
            for reports, numbers in self.cells.items()
        }
        likely = contract.economy.prior.probability
        self.probability = {reports: float(likely[numbers].sum()) for reports, numbers in self.cells.items()}
        self.kept = {reports: self._status_quo(one) for reports, one in self.situations.items()}
        brought = {reports: self._value(one, self.clauses[reports]) for reports, one in self.situations.items()}
        self.status_quo = self._interim(self.kept)
        self.promised = self._interim(brought)

    @property
    def orders_to_oneself(self) -> bool:
        """Whether some joint action holds numbers without meaning."""
        members = self.certificate.coalition
        return any(clause.actions.orders[:, range(len(members)), members].any() for clause in self.certificate.clauses)

    def outcome(self, clause: Clause) -> PlayOutcome:
        """Return how each joint action of a clause ends where its reports are true, ``(B, K, ...)``."""
        situation = self.situations[clause.reports]
        ends = [
            outcome_of(situation, deviating_play(situation, clause.actions[number]))
            for number in range(len(clause.probability))
        ]
        return PlayOutcome(
            np.stack([end.cost for end in ends]),
            np.stack([end.bankrupt for end in ends]),
            np.stack([end.consumption for end in ends]),
            np.stack([end.utility for end in ends]),
        )

    def misreport_gain(self) -> float:
        """Return the most that any information of a member gains by reporting another."""
        largest = -np.inf
        for place, known in enumerate(self.certificate.information):
            for truth in range(len(known)):
                for report in range(len(known)):
                    if report != truth:
                        gain = self._after_report(place, truth, report) - float(self.promised[place][truth])
                        largest = max(largest, gain)
        return largest if np.isfinite(largest) else 0.0

    def _after_report(self, place: int, truth: int, report: int) -> float:
        total = weight = 0.0
        for reports, situation in self.situations.items():
            if reports[place] == truth:
                heard = (*reports[:place], report, *reports[place + 1 :])
                value = self.kept[reports]
                if heard in self.clauses:
                    try:
                        value = self._value(situation, self.clauses[heard])
                    except ValueError:
                        # Somebody cannot show what it is told to announce, or cover a transfer; that voids the clause.
                        value = self.kept[reports]
                total += self.probability[reports] * float(value[place])
                weight += self.probability[reports]
        return total / weight

    def _status_quo(self, situation: Situation) -> FloatArray:
        utility = outcome_of(situation, prescribed_play(situation)).utility
        return np.asarray((situation.probability @ utility)[list(situation.coalition)])

    def _value(self, situation: Situation, clause: Clause) -> FloatArray:
        value = np.zeros(len(situation.coalition))
        for number, chance in enumerate(clause.probability):
            play = deviating_play(situation, clause.actions[number])
            self.rounding = max(self.rounding, order_rounding(play) * (1 + float(play.quotes.max())))
            utility = situation.probability @ outcome_of(situation, play).utility
            value += chance * utility[list(situation.coalition)]
        return value

    def _interim(self, by_cell: dict[tuple[int, ...], FloatArray]) -> tuple[FloatArray, ...]:
        found = []
        for place, known in enumerate(self.certificate.information):
            total, weight = np.zeros(len(known)), np.zeros(len(known))
            for reports, value in by_cell.items():
                total[reports[place]] += self.probability[reports] * value[place]
                weight[reports[place]] += self.probability[reports]
            found.append(total / weight)
        return tuple(found)


def _contract(certificate: SideContractCertificate) -> GrandContract:
    economy = certificate.economy
    return GrandContract(economy, efficient_allocation(economy), certificate.numeraire_transfers)


def _known_at(certificate: SideContractCertificate) -> IntegerArray:
    """Return the number of what each member knows at every profile, ``(P, |S|)``; -1 where nothing is stored."""
    table = np.full((len(certificate.economy.profiles), len(certificate.coalition)), -1, dtype=np.int64)
    for place, by_member in enumerate(certificate.information):
        for number, known in enumerate(by_member):
            table[list(known.profiles), place] = number
    return table


def _knows_what_it_hears(certificate: SideContractCertificate, contract: GrandContract) -> Verification:
    """Check that what members may know is exactly what the contract tells them, and their types."""
    table, parts = _known_at(certificate), []
    for place, member in enumerate(certificate.coalition):
        name = certificate.economy.player_names[member]
        heard, stored = information(contract, (member,)), table[:, place]
        pairs = {(int(one), int(other)) for one, other in zip(heard, stored, strict=True)}
        exactly = len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
        impossible = {other for one, other in pairs if one < 0} <= {-1}
        every = set(range(len(certificate.information[place]))) <= {other for _, other in pairs}
        apart = all(
            list(known.profiles) == np.flatnonzero(stored == number).tolist()
            for number, known in enumerate(certificate.information[place])
        )
        types = [known.type for known in certificate.information[place]]
        kinds = all(
            (certificate.economy.profiles[list(known.profiles), member] == known.type).all()
            for known in certificate.information[place]
        )
        parts += [
            required(
                exactly and impossible and every and apart, f"what {name} may know is not what the contract tells it"
            ),
            required(kinds, f"the types in what {name} may know are {types}, which are not those of the profiles"),
        ]
    for place, clause in enumerate(certificate.clauses):
        true_at = np.flatnonzero((table == clause.reports).all(axis=1)).tolist()
        parts.append(
            required(
                list(clause.profiles) == true_at,
                f"clauses[{place}].profiles is {list(clause.profiles)}; its reports are true in {true_at}",
            )
        )
    return Verification.joined(parts)


def _without_orders_to_oneself(clause: Clause, members: tuple[int, ...]) -> Clause:
    orders = clause.actions.orders.copy()
    orders[:, range(len(members)), members] = 0.0
    return replace(clause, actions=replace(clause.actions, orders=orders))
