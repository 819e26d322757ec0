r"""Certificates of a joint lie: members who gain in sum by reporting other types, and then obey or reply as they like.

Members tell each other their types :math:`t_S`, report :math:`r_S` to the grand contract, and do what is recommended
after these reports, or something else that may depend on it, while the others report the truth and obey. Money can be
handed among members, so what counts is the sum of their gains given what they know together. The certificate says who,
which types, which reports and, where members do not obey, which replies; all else follows from the contract and is
settled in every profile of the others' types. Reports may be true where replies are given.

Source: Giraud and Rochon (2001), Definitions 4 and 4', for coalitions that pool information and money.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.certificates.misreport import ToldLie, gainful, verified_lie
from marketgame.mechanisms.certificates.plain.contract import PlainContract, stored_contract
from marketgame.mechanisms.certificates.plain.deviating import PlainAction, deviation
from marketgame.mechanisms.certificates.plain.settlement import NOTHING, PlainPlay
from marketgame.mechanisms.certificates.plays import DeviationOutcome
from marketgame.mechanisms.certificates.verification import Verification, required
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.stated import StatedRecommendations, recommendation_odds
from marketgame.mechanisms.deviations.situation import JointAction
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.rules import MarketRules


@dataclass(frozen=True, eq=False)
class JointReplies:
    """What S members play after a joint report in each of K draws, the same in draws that they cannot tell apart.

    Attributes:
        quotes: ``(K, S, L)``, numeraire per unit.
        orders: what each member orders from each player, ``(K, S, N, L)``, units.
        announced_endowments: ``(K, S, L)``, units.
        side_transfers: what each member receives from the others on top of its transfer, ``(K, S)``, numeraire.

    Raises:
        ValueError: shapes disagree, or a draw's is no joint action.
    """

    quotes: FloatArray
    orders: FloatArray
    announced_endowments: FloatArray
    side_transfers: FloatArray

    def __post_init__(self) -> None:
        JointAction(self.quotes, self.orders, self.announced_endowments, self.side_transfers)
        sizes = {len(getattr(self, each.name)) for each in fields(self)}
        if self.orders.ndim != 4 or len(sizes) != 1:
            raise ValueError("replies must be for every draw, member and player")
        for each in fields(self):
            object.__setattr__(self, each.name, read_only(np.asarray(getattr(self, each.name), dtype=np.float64)))

    def __getitem__(self, draw: int) -> JointAction:
        return JointAction(*(getattr(self, each.name)[draw] for each in fields(self)))


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
        replies: what the members play then; none if they obey.

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
    replies: JointReplies | None = None

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
        if self.replies is not None:
            true = (self.economy.profiles[:, self.coalition] == self.true_types).all(axis=1)
            odds = recommendation_odds(self.economy, self.stated)
            draws = int(np.count_nonzero(odds[np.resize(true, len(odds))]))
            wanted = (draws, len(self.coalition), len(counts), len(self.economy.goods))
            if self.replies.orders.shape != wanted:
                raise ValueError(f"replies.orders has shape {self.replies.orders.shape}; it must be {wanted}")


def certify_joint_misreport(
    contract: GrandContract,
    rules: MarketRules,
    coalition: tuple[int, ...],
    true_types: tuple[int, ...],
    reported_types: tuple[int, ...],
    replies: JointReplies | None = None,
) -> JointMisreportCertificate:
    """Return the certificate of a joint lie, its numbers computed by playing it.

    Args:
        contract: the grand contract.
        rules: of the market.
        coalition: who lies, ascending.
        true_types: the members' types.
        reported_types: what they report.
        replies: what they play then; they obey without it.

    Raises:
        ValueError: members or types do not exist or cannot occur together, somebody cannot show what it reports, or the
            replies are not admitted.
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
        replies,
    )
    return replace(draft, outcome=_told(draft, PlainContract(contract, rules)).outcome)


def recomputed_joint_misreport(certificate: JointMisreportCertificate) -> JointMisreportCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: the contract does not exist, or the lie cannot be told.
    """
    return replace(certificate, outcome=_told(certificate, stored_contract(certificate)).outcome)


def verify_joint_misreport(certificate: JointMisreportCertificate) -> Verification:
    """Tell a certificate's lie and compare every number."""
    try:
        contract = stored_contract(certificate)
        told = _told(certificate, contract)
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the joint lie cannot be told: {error}",))
    measurable = _measurable(certificate, contract, told.reports)
    stake = contract.at_stake(certificate.coalition, told.numbers[0])
    brought = verified_lie(certificate.outcome, told.outcome, contract, told.numbers)
    gain = sum((told.gains[member] for member in certificate.coalition), NOTHING)
    return Verification.joined((brought, measurable, gainful("the joint lie in sum", gain, stake)))


def _told(certificate: JointMisreportCertificate, contract: PlainContract) -> ToldLie:
    """Tell the lie; the members obey, or reply, in every draw.

    Raises:
        ValueError: the lie cannot be told.
    """
    members, replies = certificate.coalition, certificate.replies
    true = dict(zip(members, certificate.true_types, strict=True))
    numbers = [
        number
        for number, profile in enumerate(contract.profiles)
        if contract.probability[number] > 0 and all(profile[member] == kind for member, kind in true.items())
    ]
    if not numbers:
        raise ValueError("the members' types cannot occur together")

    def replied(draw: int, report: int) -> PlainPlay:
        if replies is None:
            return contract.play(report)
        return deviation(contract, report, members, PlainAction.of(replies[draw]), None)

    return ToldLie(contract, numbers, dict(zip(members, certificate.reported_types, strict=True)), replied)


def _measurable(
    certificate: JointMisreportCertificate, contract: PlainContract, reports: Sequence[int]
) -> Verification:
    """Check that members play the same whenever they hear the same, and store no number without meaning."""
    replies, members = certificate.replies, certificate.coalition
    if replies is None:
        return Verification()
    done: dict[tuple[int, ...], bytes] = {}
    for draw, report in enumerate(reports):
        played = b"".join(np.ascontiguousarray(getattr(replies, each.name)[draw]).tobytes() for each in fields(replies))
        if done.setdefault(tuple(contract.told(member, report) for member in members), played) != played:
            return Verification(failures=("the members play differently in draws they cannot tell apart",))
    to_oneself = replies.orders[:, range(len(members)), members]
    return required(not to_oneself.any(), "a member orders from itself, which means nothing; such orders must be 0")
