r"""Certificates of a joint lie: members of a coalition who gain in sum by reporting other types, and then obey.

Members tell each other their types :math:`t_S`, report :math:`r_S` to the grand contract, and do what is recommended
after these reports, while the others report the truth and obey. Money can be handed among members, so what counts is
the sum of their gains given what they know together. The certificate says who, which types and which reports; all else
follows from the contract and is settled in every profile of the others' types.

Source: Giraud and Rochon (2001), Definition 4, for coalitions that pool information and money.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.certificates.deviation import negligible
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.certificates.plays import DeviationOutcome, compared_deviations
from marketgame.mechanisms.certificates.verification import Verification, required
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.stated import StatedRecommendations, recommendation_odds
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.rules import MarketRules


@dataclass(frozen=True, eq=False)
class JointMisreportCertificate:
    """A profitable joint lie to a grand contract.

    Draws are the profiles that are possible given the members' types, in the order of all profiles.

    Attributes:
        economy: whose types are reported.
        rules: of the market.
        numeraire_transfers: of the grand contract, ``(R, N)``, numeraire.
        prices: of the grand contract, ``(P, L)``, numeraire per unit; those of `efficient_allocation` if none are
            given.
        coalition: who lies, ascending; one player or more.
        true_types: the members' types, in that order.
        reported_types: what they report, in that order.
        outcome: the numbers.
        stated: what the contract recommends instead of efficient allocations at their prices, if something is stated.

    Raises:
        ValueError: members or types do not exist, or shapes disagree.
    """

    economy: Economy
    rules: MarketRules
    numeraire_transfers: FloatArray
    prices: FloatArray | None
    coalition: tuple[int, ...]
    true_types: tuple[int, ...]
    reported_types: tuple[int, ...]
    outcome: DeviationOutcome
    stated: StatedRecommendations | None = None

    def __post_init__(self) -> None:
        counts = self.economy.prior.type_counts
        if not self.coalition or list(self.coalition) != sorted(set(self.coalition) & set(range(len(counts)))):
            raise ValueError(f"coalition is {self.coalition}; it must list players from 0 to {len(counts) - 1} once")
        for name in ("true_types", "reported_types"):
            kinds = getattr(self, name)
            if len(kinds) != len(self.coalition):
                raise ValueError(f"{name} has {len(kinds)} entries; there are {len(self.coalition)} members")
            for member, kind in zip(self.coalition, kinds, strict=True):
                if not 0 <= kind < counts[member]:
                    raise ValueError(f"{name} has {kind} for player {member}; it must be 0 to {counts[member] - 1}")
        shape = (len(recommendation_odds(self.economy, self.stated)), len(counts))
        transfers = finite_array("numeraire_transfers", self.numeraire_transfers, shape)
        if transfers.ndim != 2:
            raise ValueError(f"numeraire_transfers has shape {transfers.shape}; it must have two dimensions")
        object.__setattr__(self, "numeraire_transfers", read_only(transfers))


def certify_joint_misreport(
    contract: GrandContract,
    rules: MarketRules,
    coalition: tuple[int, ...],
    true_types: tuple[int, ...],
    reported_types: tuple[int, ...],
) -> JointMisreportCertificate:
    """Return the certificate of a joint lie, its numbers computed by playing it.

    Args:
        contract: the grand contract.
        rules: of the market.
        coalition: who lies, ascending.
        true_types: the members' types.
        reported_types: what they report.

    Raises:
        ValueError: members or types do not exist or cannot occur together, or somebody cannot show what it reports.
    """
    draft = JointMisreportCertificate(
        contract.economy,
        rules,
        contract.numeraire_transfers,
        contract.efficient.price,
        coalition,
        true_types,
        reported_types,
        DeviationOutcome.unplayed(),
        contract.stated,
    )
    return replace(draft, outcome=_Told(draft, PlainContract(contract, rules)).outcome)


def recomputed_joint_misreport(certificate: JointMisreportCertificate) -> JointMisreportCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: the contract does not exist, or the lie cannot be told.
    """
    return replace(certificate, outcome=_Told(certificate, _contract(certificate)).outcome)


def verify_joint_misreport(certificate: JointMisreportCertificate) -> Verification:
    """Tell a certificate's lie and compare every number."""
    try:
        contract = _contract(certificate)
        told = _Told(certificate, contract)
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the joint lie cannot be told: {error}",))
    stake = contract.at_stake(certificate.coalition, told.numbers[0])
    return Verification.joined(
        (
            Verification(failures=tuple(contract.doubts())),
            compared_deviations(certificate.outcome, told.outcome, contract, told.numbers),
            required(
                told.total_gain > negligible(stake),
                f"the joint lie gains {float(told.total_gain):.6g} in sum; it must gain something",
            ),
        )
    )


class _Told:
    """A joint lie, told and obeyed in every draw.

    Attributes:
        numbers: of the true profile in each draw.
        outcome: the numbers of the certificate.
        total_gain: of the members in sum, numeraire, before it is rounded.
    """

    def __init__(self, certificate: JointMisreportCertificate, contract: PlainContract) -> None:
        true, said = (
            dict(zip(certificate.coalition, kinds, strict=True))
            for kinds in (certificate.true_types, certificate.reported_types)
        )
        self.numbers = [
            number
            for number, profile in enumerate(contract.profiles)
            if contract.probability[number] > 0 and all(profile[member] == kind for member, kind in true.items())
        ]
        if not self.numbers:
            raise ValueError("the members' types cannot occur together")
        after = []
        for number in self.numbers:
            reported = tuple(said.get(player, kind) for player, kind in enumerate(contract.profiles[number]))
            after.append(contract.ended(contract.play(contract.after(number, reported)), number))
        before = [contract.obeyed(number) for number in self.numbers]
        odds = [contract.probability[number] for number in self.numbers]
        self.outcome, gains = DeviationOutcome.of(before, after, odds)
        self.total_gain: Fraction = sum((gains[member] for member in certificate.coalition), NOTHING)


def _contract(certificate: JointMisreportCertificate) -> PlainContract:
    transfers, prices = certificate.numeraire_transfers, certificate.prices
    return PlainContract.of(certificate.economy, transfers, prices, certificate.rules, certificate.stated)
